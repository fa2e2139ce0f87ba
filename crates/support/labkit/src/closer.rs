//! Closing connections without making the next client wait.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use crate::{LINGER_BYTES, LINGER_TIME};

/// How many connections may wait for their peers to close; as many again may queue.
const PLACES: usize = 16;
/// How long one connection is read before the next one has its turn.
const TURN: Duration = Duration::from_millis(10);

/// A thread that closes connections as [`lingering_close`](crate::lingering_close) does,
/// while the thread that served them goes on to the next client.
#[derive(Debug)]
pub struct Closer {
    queue: SyncSender<TcpStream>,
}

impl Closer {
    /// Starts the thread, which ends when the closer is dropped.
    ///
    /// # Errors
    ///
    /// When the system has no thread left.
    pub fn new() -> io::Result<Self> {
        let (queue, streams) = mpsc::sync_channel(PLACES);
        let closer = thread::Builder::new().name("closer".to_owned());
        closer.spawn(move || read_to_the_ends(&streams))?;
        Ok(Closer { queue })
    }

    /// Ends our side of the connection at once, and closes it when the peer has ended its
    /// own, after a second, or after 64 MiB. Never blocks: with too many peers that keep
    /// their side open, the connection is closed here and now.
    pub fn close(&self, stream: TcpStream) {
        // If that fails, the peer is gone already.
        if stream.shutdown(Shutdown::Write).is_ok() {
            drop(self.queue.try_send(stream));
        }
    }
}

/// A connection whose peer has not closed its side yet.
struct Lingering {
    stream: TcpStream,
    give_up: Instant,
    drained: usize,
}

fn read_to_the_ends(streams: &Receiver<TcpStream>) {
    let mut open: VecDeque<Lingering> = VecDeque::with_capacity(PLACES);
    let mut buf = [0; 16 * 1024];
    loop {
        let next = if open.is_empty() {
            // Nothing to do: sleep until a connection comes, or the closer is dropped.
            let Ok(stream) = streams.recv() else { return };
            Some(stream)
        } else if open.len() < PLACES {
            streams.try_recv().ok()
        } else {
            None
        };
        open.extend(next.and_then(Lingering::new));
        // Each has its turn, so that a silent one holds up nobody who still sends.
        if let Some(mut lingering) = open.pop_front()
            && lingering.read_for_a_turn(&mut buf)
        {
            open.push_back(lingering);
        }
    }
}

impl Lingering {
    fn new(stream: TcpStream) -> Option<Self> {
        stream.set_read_timeout(Some(TURN)).ok()?;
        Some(Lingering {
            stream,
            give_up: Instant::now() + LINGER_TIME,
            drained: 0,
        })
    }

    /// Throws away what arrives for about one turn, and tells whether more may come.
    fn read_for_a_turn(&mut self, buf: &mut [u8]) -> bool {
        let turn_ends = Instant::now() + TURN;
        loop {
            match self.stream.read(buf) {
                Ok(0) => return false,
                Ok(len) => self.drained += len,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {}
                    ErrorKind::Interrupted => {}
                    _ => return false,
                },
            }
            let now = Instant::now();
            if now >= self.give_up || self.drained >= LINGER_BYTES {
                return false;
            }
            if now >= turn_ends {
                return true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    /// Returns both ends of a connection.
    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn a_peer_that_sends_on_gets_the_last_reply() {
        let closer = Closer::new().unwrap();
        let silent: Vec<_> = (0..PLACES / 2)
            .map(|_| {
                let (client, server) = connection();
                closer.close(server);
                client
            })
            .collect();
        let (mut client, mut server) = connection();
        server.write_all(b"reply").unwrap();
        closer.close(server);
        client.write_all(&vec![b'x'; 4 * 1024 * 1024]).unwrap();
        let mut reply = String::new();
        client.read_to_string(&mut reply).unwrap();
        assert_eq!(reply, "reply");
        drop(silent);
    }

    #[test]
    fn a_crowd_that_never_closes_holds_up_nobody() {
        let closer = Closer::new().unwrap();
        let started = Instant::now();
        let crowd: Vec<_> = (0..PLACES * 4)
            .map(|_| {
                let (client, server) = connection();
                closer.close(server);
                client
            })
            .collect();
        assert!(started.elapsed() < LINGER_TIME);
        for mut client in crowd {
            // Every one of them has been told that our side has ended.
            let end = client.read(&mut [0; 8]);
            assert_eq!(end.unwrap(), 0);
        }
    }
}
