//! The listening socket, and what happens there when the descriptors run out.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use labkit::reason;
use mio::net::{TcpListener, TcpStream};

/// How long the door stays shut after an error that does not go away by itself.
const REST: Duration = Duration::from_millis(50);

/// Accepts clients, and turns them away while the system has no descriptor for them.
pub struct Door {
    listener: TcpListener,
    /// The same socket once more, only to make reserves of it.
    original: std::net::TcpListener,
    /// A descriptor that is given up to accept a client, tell it to go, and taken back.
    reserve: Option<std::net::TcpListener>,
    short: bool,
    resting: bool,
}

impl Door {
    pub fn new(original: std::net::TcpListener) -> io::Result<Self> {
        original.set_nonblocking(true)?; // accept() returns at once, with a client or not.
        Ok(Door {
            listener: TcpListener::from_std(original.try_clone()?),
            reserve: Some(original.try_clone()?),
            original,
            short: false,
            resting: false,
        })
    }

    /// The socket to watch.
    pub fn listener(&mut self) -> &mut TcpListener {
        &mut self.listener
    }

    /// How soon to try again although no event comes.
    pub fn rest(&self) -> Option<Duration> {
        self.resting.then_some(REST)
    }

    /// Returns the next client, or `None` when nobody waits or the door has to rest.
    pub fn accept(&mut self) -> Option<(TcpStream, SocketAddr)> {
        self.resting = false;
        loop {
            let error = match self.listener.accept() {
                Ok(client) => {
                    self.short = false;
                    return Some(client);
                }
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::WouldBlock => return None,
                // The client left before it was accepted: nothing is wrong here.
                ErrorKind::ConnectionAborted | ErrorKind::Interrupted => {}
                _ => {
                    self.report(&error);
                    if !self.turn_one_away() {
                        self.resting = true;
                        return None;
                    }
                }
            }
        }
    }

    /// Says that it begins, not each time: a flood of clients is no flood of lines.
    fn report(&mut self, error: &io::Error) {
        if !self.short {
            eprintln!("cannot accept connections: {}", reason(error));
        }
        self.short = true;
    }

    /// Accepts a client with the reserved descriptor and closes the connection.
    fn turn_one_away(&mut self) -> bool {
        let had_reserve = self.reserve.take().is_some();
        let turned_away = had_reserve && self.listener.accept().is_ok();
        self.reserve = self.original.try_clone().ok();
        turned_away
    }
}
