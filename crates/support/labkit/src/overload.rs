//! What a server does when more clients come than it can take.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::reason;

/// A number of places for clients, shared by all threads of a server.
#[derive(Clone, Debug)]
pub struct Slots {
    taken: Arc<AtomicUsize>,
    limit: usize,
}

/// One client's place, given back when it is dropped.
#[derive(Debug)]
pub struct Slot {
    taken: Arc<AtomicUsize>,
}

impl Slots {
    /// Makes room for `limit` clients at a time.
    pub fn new(limit: usize) -> Self {
        Slots {
            taken: Arc::new(AtomicUsize::new(0)),
            limit,
        }
    }

    /// Takes a place, or returns `None` at once when all are taken.
    pub fn take(&self) -> Option<Slot> {
        let one_more = |taken| (taken < self.limit).then_some(taken + 1);
        self.taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .ok()
            .map(|_| Slot {
                taken: Arc::clone(&self.taken),
            })
    }

    /// Returns how many places are taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How long an accept loop rests after an error, so that it does not spin.
const REST: Duration = Duration::from_millis(50);
/// How long a failure that turns nobody away stays unmentioned after a report.
const REMIND_AFTER: Duration = Duration::from_secs(60);

/// Keeps an accept loop alive when `accept` fails.
///
/// With no file descriptor left, `accept` fails at once, again and again, while the
/// clients wait in the backlog and learn nothing. So one descriptor is held in reserve:
/// it is given up to accept the waiting client and close it, which tells it to go, and
/// taken back.
#[derive(Debug)]
pub struct Overload {
    reserve: Option<TcpListener>,
    /// When a failure was last reported.
    reported: Option<Instant>,
}

impl Overload {
    /// Sets one descriptor aside, a second one for the same listening socket.
    pub fn new(listener: &TcpListener) -> Self {
        Overload {
            reserve: listener.try_clone().ok(),
            reported: None,
        }
    }

    /// Turns a waiting client away after a failed `accept`, since descriptors are probably
    /// short, reports that on stderr, and rests for 50 ms.
    ///
    /// Without a descriptor `accept` fails also while nobody waits. That is reported once a
    /// minute, and not twenty times a second.
    pub fn shed(&mut self, listener: &TcpListener, error: &io::Error) {
        let harmless = [
            // Where several threads accept, one of them has the socket non-blocking for a
            // moment, see below.
            ErrorKind::WouldBlock,
            // The client left before it was accepted; Windows calls that a reset.
            ErrorKind::ConnectionAborted,
            ErrorKind::ConnectionReset,
            // Linux hands over what has befallen the new connection, see accept(2).
            ErrorKind::HostUnreachable,
            ErrorKind::NetworkUnreachable,
        ];
        if harmless.contains(&error.kind()) {
            return;
        }
        let mut turned_away = false;
        if self.reserve.take().is_some() {
            // One at a time: the mode belongs to the socket, and so to all threads.
            static SHEDDING: Mutex<()> = Mutex::new(());
            let _alone = SHEDDING.lock().unwrap_or_else(PoisonError::into_inner);
            // Another thread may have accepted the waiting client: do not block for one.
            if listener.set_nonblocking(true).is_ok() {
                turned_away = listener.accept().is_ok();
                let _ = listener.set_nonblocking(false);
            }
        }
        self.reserve = listener.try_clone().ok();
        let is_news = self
            .reported
            .is_none_or(|then| then.elapsed() > REMIND_AFTER);
        if turned_away || is_news {
            eprintln!("cannot accept a connection: {}", reason(error));
            self.reported = Some(Instant::now());
        }
        thread::sleep(REST);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpStream;

    use super::*;

    /// Sheds because of `error` while a client waits; returns it, and the listener.
    fn shed_beside_a_client(error: ErrorKind) -> (TcpStream, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Overload::new(&listener).shed(&listener, &error.into());
        (client, listener)
    }

    #[test]
    fn who_left_before_being_accepted_costs_nobody_else_the_place() {
        for error in [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset] {
            let (client, listener) = shed_beside_a_client(error);
            listener.set_nonblocking(true).unwrap();
            let (_, peer_addr) = listener.accept().unwrap();
            assert_eq!(peer_addr, client.local_addr().unwrap());
        }
    }

    #[test]
    fn where_descriptors_are_short_the_next_client_is_turned_away() {
        let (mut client, _listener) = shed_beside_a_client(ErrorKind::OutOfMemory);
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_slot_is_free_again_after_its_client() {
        let slots = Slots::new(2);
        let first = slots.take();
        let second = slots.take();
        assert!(first.is_some() && second.is_some());
        assert!(slots.take().is_none());
        drop(first);
        assert_eq!(slots.taken(), 1);
        assert!(slots.take().is_some());
    }
}
