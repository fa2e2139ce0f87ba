//! Bringing to each socket what its owner has still to be sent, without ever waiting for
//! one of them.
//!
//! The thread of whoever speaks writes to all the others, as much as each socket takes at
//! once. Whose socket does not take everything gets a thread that brings the rest, for as
//! long as there is any: so a slow reader has a helper, and nobody waits.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use labkit::{Console, lingering_close, printable, reason};

use crate::messages::Inbox;
use crate::room::{After, Room, without_line_end};

/// Whoever has this much to read is not listened to until it has been read. It stops
/// senders who do not read their own confirmations.
const HELD_AT: usize = 64 * 1024;
/// Whoever has this much to read, beside what the kernel keeps, is dropped.
const OUTBOX_LIMIT: usize = 4 * 1024 * 1024;
/// What an empty outbox may keep of the memory that a burst took.
const KEPT_CAPACITY: usize = 4 * 1024;
/// How long a slow reader may read nothing at all.
const STALL_TIME: Duration = Duration::from_secs(30);
/// How long the last bytes may take to reach a client that leaves.
const FAREWELL_TIME: Duration = Duration::from_secs(2);
/// What a client is told that comes when the room is full.
const FULL: &[u8] = b"The chat is full, please try again later.\n";

/// The room and everybody's connections, shared by the threads of all clients.
pub struct Chat {
    state: Mutex<State>,
    /// Signalled when a helper has taken something from an outbox, or has ended.
    taken: Condvar,
    console: Console,
}

struct State {
    room: Room,
    /// One for each member of the room, under the same number, and for some time after.
    outlets: BTreeMap<usize, Outlet>,
    last_id: usize,
}

/// Where the bytes of an outbox go.
struct Outlet {
    stream: Arc<TcpStream>,
    /// A helper writes to the socket, and nobody else may.
    has_helper: bool,
    why_dropped: Option<String>,
}

/// One client's place in the room.
pub struct Seat {
    id: usize,
    stream: Arc<TcpStream>,
    peer_addr: SocketAddr,
}

impl Seat {
    /// The connection, for reading.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl Chat {
    /// An empty room.
    pub fn new(console: Console, echo_only: bool) -> Self {
        let state = State {
            room: Room::new(echo_only),
            outlets: BTreeMap::new(),
            last_id: 0,
        };
        Chat {
            state: Mutex::new(state),
            taken: Condvar::new(),
            console,
        }
    }

    /// Locks the state, also after a thread has died with it: each change is complete.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a client in and announces it, or tells it that the room is full (`None`).
    ///
    /// # Errors
    ///
    /// When the client is gone already.
    pub fn enter(
        self: &Arc<Self>,
        stream: TcpStream,
        peer_addr: SocketAddr,
        max_clients: usize,
    ) -> io::Result<Option<Seat>> {
        // All that there is to say leaves in one write, so nothing is won by waiting for
        // more, which TCP does otherwise (Nagle's algorithm, RFC 9293 §3.7.4).
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(FAREWELL_TIME))?;
        let mut state = self.state();
        if state.room.len() >= max_clients {
            drop(state);
            (&stream).write_all(FULL)?;
            lingering_close(stream);
            return Ok(None);
        }
        state.last_id += 1;
        let id = state.last_id;
        let stream = Arc::new(stream);
        let outlet = Outlet {
            stream: Arc::clone(&stream),
            has_helper: false,
            why_dropped: None,
        };
        state.outlets.insert(id, outlet);
        state.room.join(id, peer_addr);
        let console = self.console;
        console.line(format_args!("[NEW CONNECTION] {peer_addr} connected"));
        console.line(format_args!("[ACTIVE CONNECTIONS] {}", state.room.len()));
        self.deliver(&mut state);
        Ok(Some(Seat {
            id,
            stream,
            peer_addr,
        }))
    }

    /// Handles the messages that have come from a client, what is there being a whole one
    /// if `is_whole`, and delivers what everybody is told of them in one go.
    pub fn hear(
        self: &Arc<Self>,
        seat: &Seat,
        inbox: &mut Inbox,
        is_whole: bool,
    ) -> After {
        let mut after = After::Stays;
        let mut state = self.state();
        while after == After::Stays
            && let Some(message) = inbox.next_message(is_whole)
        {
            let text = printable(without_line_end(message));
            self.console
                .line(format_args!("[{}] {text}", seat.peer_addr));
            after = state.room.hear(seat.id, message);
        }
        self.deliver(&mut state);
        while state.is_held(seat.id) {
            state = self
                .taken
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        after
    }

    /// Tells one client something.
    pub fn tell(self: &Arc<Self>, seat: &Seat, line: &str) {
        let mut state = self.state();
        state.room.tell(seat.id, line);
        self.deliver(&mut state);
    }

    /// Tells everybody that the server ends.
    pub fn say_good_bye(self: &Arc<Self>) {
        let mut state = self.state();
        let ids: Vec<usize> = state.outlets.keys().copied().collect();
        for id in ids {
            state.room.tell(id, "* The server shuts down: good-bye\n");
        }
        self.deliver(&mut state);
    }

    /// Why the room has dropped this client, if it has.
    pub fn why_dropped(&self, seat: &Seat) -> Option<String> {
        self.state().outlets.get(&seat.id)?.why_dropped.clone()
    }

    /// Takes a client out of the room, tells the others, sends the last bytes, closes.
    pub fn leave(self: &Arc<Self>, seat: Seat) {
        let mut state = self.state();
        let mut unsent = state.room.leave(seat.id);
        self.deliver(&mut state);
        // A helper ends when its member has left: after what it is just writing.
        let has_helper = |state: &mut State| {
            state
                .outlets
                .get(&seat.id)
                .is_some_and(|outlet| outlet.has_helper)
        };
        let waited = self
            .taken
            .wait_timeout_while(state, FAREWELL_TIME, has_helper);
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        let outlet = state.outlets.remove(&seat.id);
        drop(state);
        let is_lost = outlet.is_some_and(|outlet| outlet.why_dropped.is_some());
        if waited.timed_out() || is_lost {
            let _ = seat.stream.shutdown(std::net::Shutdown::Both);
            return;
        }
        let mut stream = &*seat.stream;
        let _ = stream.set_write_timeout(Some(FAREWELL_TIME));
        if stream.write_all(unsent.make_contiguous()).is_ok()
            && let Some(stream) = Arc::into_inner(seat.stream)
        {
            lingering_close(stream);
        }
    }

    /// Writes what everybody has still to be sent, as far as the sockets take it at once.
    fn deliver(self: &Arc<Self>, state: &mut State) {
        let State { room, outlets, .. } = state;
        for (&id, outlet) in outlets {
            let Some(outbox) = room.outbox(id) else {
                continue;
            };
            if outlet.why_dropped.is_some() {
                outbox.clear();
            } else if outbox.len() > OUTBOX_LIMIT {
                outlet.drop_client(format!("does not read: {} bytes wait", outbox.len()));
            } else if !outbox.is_empty() && !outlet.has_helper {
                match send_now(&outlet.stream, outbox) {
                    Ok(()) if outbox.is_empty() => {}
                    Ok(()) => self.start_helper(id, outlet),
                    Err(error) => outlet.drop_client(reason(&error)),
                }
            }
        }
    }

    /// Starts a thread that brings a slow reader what is left.
    fn start_helper(self: &Arc<Self>, id: usize, outlet: &mut Outlet) {
        let (chat, stream) = (Arc::clone(self), Arc::clone(&outlet.stream));
        let job = move || chat.help(id, stream);
        let thread = thread::Builder::new().stack_size(256 * 1024);
        match labkit::spawn_detached(thread, job) {
            Ok(()) => outlet.has_helper = true,
            Err(error) => outlet.drop_client(reason(&error)),
        }
    }

    /// The life of a helper: waits for the socket to take what its owner is sent, until
    /// there is no more.
    fn help(&self, id: usize, stream: Arc<TcpStream>) {
        let mut result = stream.set_write_timeout(Some(STALL_TIME));
        loop {
            let mut state = self.state();
            let outbox = state
                .room
                .outbox(id)
                .map(std::mem::take)
                .unwrap_or_default();
            let Some(outlet) = state.outlets.get_mut(&id) else {
                return;
            };
            if let Err(error) = result {
                outlet.drop_client(reason(&error));
            }
            if outbox.is_empty() || outlet.why_dropped.is_some() {
                outlet.has_helper = false;
                drop(stream);
                self.taken.notify_all();
                return;
            }
            drop(state);
            self.taken.notify_all();
            let (first, second) = outbox.as_slices();
            let mut writer = &*stream;
            result = writer
                .write_all(first)
                .and_then(|()| writer.write_all(second));
        }
    }
}

impl State {
    /// Tells whether a member has too much to read to say more.
    fn is_held(&mut self, id: usize) -> bool {
        let is_helped = self
            .outlets
            .get(&id)
            .is_some_and(|outlet| outlet.has_helper);
        is_helped
            && self
                .room
                .outbox(id)
                .is_some_and(|outbox| outbox.len() > HELD_AT)
    }
}

impl Outlet {
    /// Ends a connection; the thread that reads from it notices and clears up.
    fn drop_client(&mut self, why: String) {
        self.why_dropped.get_or_insert(why);
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

/// Sends as much of the outbox as the socket takes at once.
fn send_now(stream: &TcpStream, outbox: &mut VecDeque<u8>) -> io::Result<()> {
    while !outbox.is_empty() {
        let (next, _) = outbox.as_slices();
        match try_send(stream, next) {
            Ok(len) => drop(outbox.drain(..len)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    outbox.shrink_to(KEPT_CAPACITY);
    Ok(())
}

/// One send(2) that never waits (MSG_DONTWAIT): only this call, while the socket itself
/// still blocks in read.
#[cfg(unix)]
fn try_send(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(
        stream,
        bytes,
        rustix::net::SendFlags::DONTWAIT,
    )?)
}

/// Windows has no such flag: a millisecond is the shortest timeout.
#[cfg(not(unix))]
fn try_send(mut stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    stream.set_write_timeout(Some(Duration::from_millis(1)))?;
    stream.write(bytes)
}
