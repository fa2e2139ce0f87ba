//! One connection, plain or encrypted: the same four calls for both.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use labkit::Deadline;
use rustls::{ServerConfig, ServerConnection};

/// A client's connection.
pub struct Wire {
    stream: Deadline,
    tls: Option<ServerConnection>,
}

impl Wire {
    /// Gives the client `time` for what comes first.
    pub fn new(stream: TcpStream, time: Duration) -> Self {
        let stream = Deadline::new(stream, time);
        Wire { stream, tls: None }
    }

    /// Shakes hands; from here on everything is encrypted.
    ///
    /// # Errors
    ///
    /// When the client speaks no TLS, or its time is up.
    pub fn encrypt(&mut self, config: &Arc<ServerConfig>) -> io::Result<()> {
        let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        let tls = self.tls.insert(tls);
        while tls.is_handshaking() {
            tls.complete_io(&mut self.stream)?;
        }
        Ok(())
    }

    /// Gives the client `time` anew.
    pub fn restart(&mut self, time: Duration) {
        self.stream.restart(time);
    }

    /// Reads what has arrived; 0 is the client's end.
    ///
    /// # Errors
    ///
    /// Also when a TLS client ends without close_notify.
    pub fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls, &mut self.stream).read(buf),
            None => self.stream.read(buf),
        }
    }

    /// Sends one whole reply.
    ///
    /// # Errors
    ///
    /// When the client is gone or does not read.
    pub fn write_all(&mut self, reply: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(tls, &mut self.stream).write_all(reply),
            None => self.stream.write_all(reply),
        }
    }

    /// Says goodbye, so that the last reply arrives.
    pub fn close(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            // A client that is gone need not be told.
            let _ = tls.write_tls(&mut self.stream);
        }
        labkit::lingering_close(self.stream.into_stream());
    }
}
