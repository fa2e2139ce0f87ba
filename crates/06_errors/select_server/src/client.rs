//! One client of the event loop: what is left to send, and what to do on its turn.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use labkit::{Console, printable};
use mio::net::TcpStream;

/// The longest message that one read returns, in bytes.
const MAX_MESSAGE: usize = 1024;
/// So many messages a client may send in one turn; then the others have theirs.
const MESSAGES_PER_TURN: usize = 32;

/// A connected client.
pub struct Client {
    pub stream: TcpStream,
    pub peer_addr: SocketAddr,
    /// When bytes last went in either direction.
    pub last_active: Instant,
    /// What the kernel has not taken yet: at most one message, since nothing is read
    /// from a client that does not take its echo.
    unsent: Vec<u8>,
}

/// How a turn ends.
pub enum Turn {
    /// The kernel has nothing more for us: it will report when it has.
    Wait,
    /// There may be more, but it was long enough.
    More,
    /// The client has closed its side, and has all its echo.
    End,
}

impl Client {
    pub fn new(stream: TcpStream, peer_addr: SocketAddr) -> Self {
        Client {
            stream,
            peer_addr,
            last_active: Instant::now(),
            unsent: Vec::new(),
        }
    }

    /// Reads and echoes until the kernel has nothing more, or takes nothing more; `closed`
    /// tells that the client's end of the stream has arrived already.
    pub fn turn(&mut self, console: Console, closed: bool) -> io::Result<Turn> {
        let mut buf = [0; MAX_MESSAGE];
        for _ in 0..MESSAGES_PER_TURN {
            if !self.send_rest()? {
                return Ok(Turn::Wait);
            }
            let message = match self.stream.read(&mut buf) {
                Ok(0) => return Ok(Turn::End),
                Ok(len) => buf.get(..len).unwrap_or_default(),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(Turn::Wait),
                    ErrorKind::Interrupted => continue,
                    _ => return Err(error),
                },
            };
            console.line(format_args!("Received: {}", printable(message)));
            self.last_active = Instant::now();
            self.unsent.extend_from_slice(message);
            // A read that leaves room has emptied the socket (epoll(7), question 9), so
            // asking once more is saved; what comes from now on is a new event.
            if cfg!(unix) && message.len() < MAX_MESSAGE && !closed {
                self.send_rest()?;
                return Ok(Turn::Wait);
            }
        }
        Ok(Turn::More)
    }

    /// Sends what is left; returns whether the kernel took all of it.
    fn send_rest(&mut self) -> io::Result<bool> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(len) => {
                    self.unsent.drain(..len);
                    self.last_active = Instant::now();
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(false),
                    ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(true)
    }
}
