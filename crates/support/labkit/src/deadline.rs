//! One time limit for many reads and writes.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A connection with one time limit for all its reads and writes together.
///
/// The timeout of a socket begins anew with every read, so a peer that sends one byte a
/// second never meets it. A deadline stands still.
#[derive(Debug)]
pub struct Deadline {
    stream: TcpStream,
    until: Instant,
}

impl Deadline {
    /// Gives the peer `time` from now on.
    pub fn new(stream: TcpStream, time: Duration) -> Self {
        let until = Instant::now() + time;
        Deadline { stream, until }
    }

    /// Gives the peer `time` anew, from now on.
    pub fn restart(&mut self, time: Duration) {
        self.until = Instant::now() + time;
    }

    /// Returns the connection, for calls that do not wait.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Gives the connection back, without its deadline.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }
}

impl Read for Deadline {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stream.set_read_timeout(self.left()?)?;
            match self.stream.read(buf) {
                // A signal, or the socket's own timeout: `left` says whether time is up.
                Err(error) if is_retried(error.kind()) => {}
                result => return result,
            }
        }
    }
}

impl Write for Deadline {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[io::IoSlice::new(buf)])
    }

    /// Several pieces in one system call: they leave in one segment if they fit.
    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        loop {
            self.stream.set_write_timeout(self.left()?)?;
            match self.stream.write_vectored(bufs) {
                Err(error) if is_retried(error.kind()) => {}
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_retried(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn a_peer_that_sends_a_byte_now_and_then_is_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let dripping = thread::spawn(move || {
            while peer.write_all(b".").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let started = Instant::now();
        let mut deadline = Deadline::new(stream, Duration::from_millis(200));
        let mut buf = [0; 1];
        let error = loop {
            if let Err(error) = deadline.read(&mut buf) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(started.elapsed() < Duration::from_secs(5));
        drop(deadline);
        dripping.join().unwrap();
    }
}
