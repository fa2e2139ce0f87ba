//! The connection, plain or encrypted. One thread reads while another one writes.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::Deadline;
use rustls::ClientConnection;

use crate::Event;

/// A server that takes longer for the handshake has forgotten us.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// The longest reply that is waited for, in bytes.
const MAX_REPLY: usize = 8 * 1024;

/// How the answer of a TLS server to plain text begins (RFC 8446 §5.1): type and version.
const TLS_ALERT: [u8; 2] = [21, 3];

/// Our end of the connection.
pub struct Wire {
    stream: TcpStream,
    /// Both threads need it: reading may make it want to write. It is locked for the
    /// moments in which bytes are encrypted or decrypted, never while one waits.
    tls: Option<Arc<Mutex<ClientConnection>>>,
}

impl Wire {
    /// Everybody on the way can read what goes over this one.
    pub fn plain(stream: TcpStream) -> Self {
        Wire { stream, tls: None }
    }

    /// Shakes hands, and tells what was agreed on.
    ///
    /// # Errors
    ///
    /// When the server is not who it should be, or speaks no TLS.
    pub fn encrypted(
        stream: TcpStream,
        mut tls: ClientConnection,
    ) -> io::Result<(Self, String)> {
        let mut stream = Deadline::new(stream, HANDSHAKE_TIME);
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)?;
        }
        let stream = stream.into_stream();
        // From here on the server may be silent for as long as it likes.
        stream.set_read_timeout(None)?;
        let session = labtls::session(&tls);
        let tls = Some(Arc::new(Mutex::new(tls)));
        Ok((Wire { stream, tls }, session))
    }

    /// Starts the thread that passes on each line of the server.
    ///
    /// # Errors
    ///
    /// When the system gives no second handle for the socket.
    pub fn read_lines(&self, events: Sender<Event>) -> anyhow::Result<()> {
        let mut reader = Reader {
            stream: self.stream.try_clone()?,
            tls: self.tls.clone(),
            line: Vec::new(),
        };
        thread::spawn(move || {
            let end = reader.pass_on(&events).map_err(labtls::explain).err();
            let _ = events.send(Event::ServerClosed(end));
        });
        Ok(())
    }

    /// Sends one line in one write.
    ///
    /// # Errors
    ///
    /// When the server is gone.
    pub fn send_line(&mut self, line: &str) -> anyhow::Result<()> {
        let bytes = format!("{line}\n").into_bytes();
        let sent = match &self.tls {
            Some(tls) => {
                let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
                tls.writer()
                    .write_all(&bytes)
                    .and_then(|()| flush(&mut tls, &mut self.stream))
            }
            None => self.stream.write_all(&bytes),
        };
        sent.context("cannot send")
    }

    /// Says goodbye; a server that is gone need not be told.
    pub fn close(&mut self) {
        if let Some(tls) = &self.tls {
            let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
            tls.send_close_notify();
            let _ = flush(&mut tls, &mut self.stream);
        }
    }
}

/// Writes all that TLS has to say.
fn flush(tls: &mut ClientConnection, stream: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(stream)?;
    }
    Ok(())
}

/// The reading side of the connection.
struct Reader {
    stream: TcpStream,
    tls: Option<Arc<Mutex<ClientConnection>>>,
    /// The line that has begun to arrive.
    line: Vec<u8>,
}

impl Reader {
    /// Passes lines on until the server closes.
    fn pass_on(&mut self, events: &Sender<Event>) -> io::Result<()> {
        let mut buf = [0; 4096];
        self.decrypt(&[], events)?; // What came together with the handshake.
        loop {
            let len = match self.stream.read(&mut buf) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                len => len?,
            };
            let bytes = buf.get(..len).unwrap_or_default();
            let open = match self.tls {
                Some(_) => self.decrypt(bytes, events)?,
                None => self.split(bytes, events)?,
            };
            if len == 0 && self.tls.is_none() && self.line.starts_with(&TLS_ALERT) {
                return Err(io::Error::other("the server speaks TLS: add --tls"));
            }
            if !open {
                return Ok(());
            }
            if len == 0 {
                // Without close_notify anybody on the way may have cut the connection.
                return match self.tls {
                    Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
                    None => Ok(()),
                };
            }
        }
    }

    /// Feeds bytes from the network to TLS, and tells whether more may come.
    fn decrypt(&mut self, mut bytes: &[u8], events: &Sender<Event>) -> io::Result<bool> {
        let Some(tls) = self.tls.clone() else {
            return Ok(true);
        };
        let mut text = Vec::new();
        let mut open = true;
        {
            let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                let state = tls.process_new_packets().map_err(io::Error::other);
                flush(&mut tls, &mut self.stream)?; // An alert, or a new key.
                let state = state?;
                let mut part = vec![0; state.plaintext_bytes_to_read()];
                tls.reader().read_exact(&mut part)?;
                text.append(&mut part);
                open &= !state.peer_has_closed();
                if bytes.is_empty() {
                    break;
                }
                tls.read_tls(&mut bytes)?;
            }
        }
        self.split(&text, events)?;
        Ok(open)
    }

    fn split(&mut self, bytes: &[u8], events: &Sender<Event>) -> io::Result<bool> {
        for byte in bytes {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                if events.send(Event::Replied(line)).is_err() {
                    return Ok(false);
                }
            } else if self.line.len() < MAX_REPLY {
                self.line.push(*byte);
            } else {
                return Err(io::Error::other("the server's reply is too long"));
            }
        }
        Ok(true)
    }
}
