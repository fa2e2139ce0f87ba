//! One thread that owns every connection, and waits for all of them at once.
//!
//! No call here blocks but the one `poll`. A socket that cannot take bytes now keeps them
//! in its member's outbox, so a reader who does not read costs memory, and that is bounded.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::Context;
use labkit::{Console, printable};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::Event;
use crate::messages::Inbox;
use crate::room::{After, Room, without_line_end};

/// What one turn reads from one client at most, so that a torrent leaves time for others.
const READ_SIZE: usize = 16 * 1024;
/// What one turn reads from all clients together, before it writes.
const TURN_SIZE: usize = 128 * 1024;
/// Who has this much to read is not listened to until they have read: it stops senders
/// who do not read their confirmations, and nobody else.
const OUTBOX_FULL_FOR_ITS_OWNER: usize = 64 * 1024;
/// Who has this much to read is dropped. The kernel keeps some megabytes more.
const OUTBOX_LIMIT: usize = 4 * 1024 * 1024;
/// How long a client that leaves may take between two signs of life.
const FAREWELL_TIME: Duration = Duration::from_secs(2);
/// What a client is told that comes when the room is full.
const FULL: &[u8] = b"The chat is full, please try again later.\n";
/// The token of the waker; connections count from 1.
const WAKER: Token = Token(0);

/// How long and how many.
pub struct Limits {
    /// How long someone may say nothing.
    pub idle: Duration,
    /// How many may be in the room.
    pub clients: usize,
}

/// One client's socket and what belongs to it. The member in the room has the same number.
struct Connection {
    stream: TcpStream,
    peer_addr: SocketAddr,
    inbox: Inbox,
    /// When the last byte came.
    heard: Instant,
    /// It stands in the queue of those who may have something to read.
    is_queued: bool,
    /// It may have something to read, but must first read what it has been sent.
    is_held: bool,
    /// The socket takes bytes, as far as we know.
    is_writable: bool,
    /// Set when the member has left the room and only bytes are left to be sent.
    farewell: Option<Farewell>,
}

/// The last bytes for a client that leaves.
struct Farewell {
    unsent: VecDeque<u8>,
    /// When we stop waiting for the client to take them, and to close.
    until: Instant,
    /// The client has closed its side.
    has_closed: bool,
    /// We have closed ours.
    is_said: bool,
}

/// All connections and the room. One thread owns them, so nothing here is locked.
pub struct EventLoop {
    poll: Poll,
    waker: Arc<Waker>,
    events: Receiver<Event>,
    connections: BTreeMap<usize, Connection>,
    /// Those who may have something to read, in the order of their turns.
    queue: VecDeque<usize>,
    room: Room,
    last_id: usize,
    limits: Limits,
    console: Console,
}

impl EventLoop {
    /// Prepares an empty room, which hears of arrivals through `events`.
    pub fn new(
        events: Receiver<Event>,
        limits: Limits,
        console: Console,
        echo_only: bool,
    ) -> anyhow::Result<Self> {
        let poll = Poll::new().context("cannot wait for many sockets at once")?;
        let waker = Waker::new(poll.registry(), WAKER).context("cannot make a waker")?;
        Ok(EventLoop {
            poll,
            waker: Arc::new(waker),
            events,
            connections: BTreeMap::new(),
            queue: VecDeque::new(),
            room: Room::new(echo_only),
            last_id: 0,
            limits,
            console,
        })
    }

    /// What another thread wakes the loop with, after it has sent an event.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Runs until the shutdown event: wait, read, let the room decide, write.
    pub fn run(mut self) -> anyhow::Result<()> {
        let mut ready = Events::with_capacity(4096);
        loop {
            // Who has come is let in after the sockets have been read: so whoever left
            // before they came is out of the room, and the count is right.
            let arrived: Vec<Event> = self.events.try_iter().collect();
            self.wait(&mut ready, !arrived.is_empty())?;
            let now = Instant::now();
            self.read_turn(now);
            self.act_on_time(now);
            for event in arrived {
                match event {
                    Event::Arrival(stream, peer_addr) => {
                        self.admit(stream, peer_addr, now)
                    }
                    Event::Shutdown => return self.shut_down(now),
                }
            }
            self.write_turn(now);
        }
    }

    /// Waits until something can be done, and notes which sockets are ready.
    fn wait(&mut self, ready: &mut Events, is_urgent: bool) -> anyhow::Result<()> {
        let timeout = if is_urgent || !self.queue.is_empty() {
            Some(Duration::ZERO)
        } else {
            self.time_to_next_deadline()
        };
        match self.poll.poll(ready, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => result.context("cannot wait for the clients")?,
        }
        for event in ready.iter() {
            let Token(id) = event.token();
            let Some(connection) = self.connections.get_mut(&id) else {
                continue; // The waker, or a client that has gone.
            };
            connection.is_writable |= event.is_writable();
            if event.is_readable() && !connection.is_queued && !connection.is_held {
                connection.is_queued = true;
                self.queue.push_back(id);
            }
        }
        Ok(())
    }

    /// How long to wait at most.
    fn time_to_next_deadline(&self) -> Option<Duration> {
        let deadlines = self.connections.values().map(|c| self.deadline(c));
        let next = deadlines.min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// When something is to be done about a connection if nothing comes.
    fn deadline(&self, connection: &Connection) -> Instant {
        match (&connection.farewell, connection.inbox.due()) {
            (Some(farewell), _) => farewell.until,
            (None, Some(due)) => due,
            (None, None) => connection.heard + self.limits.idle,
        }
    }

    /// Reads from the clients in turn.
    fn read_turn(&mut self, now: Instant) {
        let mut buf = [0; READ_SIZE];
        let mut total = 0;
        while total < TURN_SIZE {
            let Some(id) = self.queue.pop_front() else {
                return;
            };
            total += self.read_from(id, &mut buf, now);
        }
    }

    /// Reads what one client has sent, at most about one buffer, and handles it.
    fn read_from(&mut self, id: usize, buf: &mut [u8], now: Instant) -> usize {
        let Some(connection) = self.connections.get_mut(&id) else {
            return 0;
        };
        let unread = self.room.outbox(id).map_or(0, |outbox| outbox.len());
        connection.is_queued = false;
        connection.is_held = unread > OUTBOX_FULL_FOR_ITS_OWNER;
        if connection.is_held {
            return 0;
        }
        let mut total = 0;
        // Only WouldBlock says that all is read: mio tells of news once (epoll's EPOLLET).
        let end = loop {
            match connection.stream.read(buf) {
                Ok(0) => break Some(Ok(())),
                Ok(len) => {
                    connection.heard = now;
                    if connection.farewell.is_none() {
                        connection
                            .inbox
                            .push(buf.get(..len).unwrap_or_default(), now);
                    }
                    total += len;
                    if total >= READ_SIZE {
                        connection.is_queued = true;
                        self.queue.push_back(id);
                        break None;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Some(Err(error)),
            }
        };
        self.hear(id, matches!(end, Some(Ok(()))), now);
        match end {
            None => {}
            Some(Ok(())) => self.peer_closed(id, now),
            Some(Err(error)) => self.drop_with_reason(id, &labkit::reason(&error)),
        }
        total
    }

    /// Handles the messages that are complete; all that is there if `is_over`.
    fn hear(&mut self, id: usize, is_over: bool, now: Instant) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let (peer_addr, inbox) = (connection.peer_addr, &mut connection.inbox);
        if connection.farewell.is_some() {
            return;
        }
        loop {
            let message = match inbox.next_message() {
                Some(message) => message,
                None if is_over => match inbox.rest() {
                    Some(message) => message,
                    None => return,
                },
                None => return,
            };
            let text = without_line_end(message);
            self.console
                .line(format_args!("[{peer_addr}] {}", printable(text)));
            if self.room.hear(id, message) == After::Quits {
                return self.dismiss(id, now);
            }
        }
    }

    /// The client has closed its side: it leaves, but may still read.
    fn peer_closed(&mut self, id: usize, now: Instant) {
        self.dismiss(id, now);
        if let Some(connection) = self.connections.get_mut(&id)
            && let Some(farewell) = &mut connection.farewell
        {
            farewell.has_closed = true;
        }
    }

    /// Takes a member out of the room. What is unsent is still sent, then we close.
    fn dismiss(&mut self, id: usize, now: Instant) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if connection.farewell.is_none() {
            connection.farewell = Some(Farewell {
                unsent: self.room.leave(id),
                until: now + FAREWELL_TIME,
                has_closed: false,
                is_said: false,
            });
            let peer_addr = connection.peer_addr;
            self.console
                .line(format_args!("[DISCONNECT] {peer_addr} disconnected"));
        }
    }

    /// Ends a connection at once.
    fn drop_with_reason(&mut self, id: usize, reason: &str) {
        let Some(connection) = self.connections.remove(&id) else {
            return;
        };
        if connection.farewell.is_none() {
            self.room.leave(id);
            let peer_addr = connection.peer_addr;
            self.console
                .line(format_args!("[ERROR] {peer_addr}: {reason}"));
            self.console
                .line(format_args!("[DISCONNECT] {peer_addr} disconnected"));
        }
    }

    /// Does what is due: messages that end with a pause, and time limits.
    fn act_on_time(&mut self, now: Instant) {
        let is_due = |(_, c): &(&usize, &Connection)| self.deadline(c) <= now;
        let due: Vec<usize> = self
            .connections
            .iter()
            .filter(is_due)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            let Some(connection) = self.connections.get(&id) else {
                continue;
            };
            if connection.farewell.is_some() {
                self.connections.remove(&id);
            } else if connection.inbox.due().is_some() {
                self.hear(id, true, now);
            } else {
                let secs = self.limits.idle.as_secs();
                let line = format!("* You have said nothing for {secs} s: good-bye\n");
                self.room.tell(id, &line);
                self.dismiss(id, now);
            }
        }
    }

    /// Lets a client in, or tells it that the room is full.
    fn admit(
        &mut self,
        stream: std::net::TcpStream,
        peer_addr: SocketAddr,
        now: Instant,
    ) {
        self.last_id += 1;
        let id = self.last_id;
        let mut connection = match watch(stream, &self.poll, Token(id)) {
            Ok(stream) => Connection::new(stream, peer_addr, now),
            Err(error) => {
                eprintln!("{peer_addr}: {}", labkit::reason(&error));
                return;
            }
        };
        if self.room.len() >= self.limits.clients {
            eprintln!("{peer_addr}: turned away, {} are here", self.room.len());
            connection.farewell = Some(Farewell {
                unsent: FULL.iter().copied().collect(),
                until: now + FAREWELL_TIME,
                has_closed: false,
                is_said: false,
            });
        } else {
            self.room.join(id, peer_addr);
            self.console
                .line(format_args!("[NEW CONNECTION] {peer_addr} connected"));
            self.console
                .line(format_args!("[ACTIVE CONNECTIONS] {}", self.room.len()));
        }
        self.connections.insert(id, connection);
    }

    /// Writes what everybody has still to be sent, as far as their sockets take it.
    fn write_turn(&mut self, now: Instant) {
        loop {
            let mut gone: Vec<(usize, String)> = Vec::new();
            for (id, connection) in &mut self.connections {
                match connection.flush(self.room.outbox(*id), now) {
                    Ok(()) => {}
                    Err(error) => gone.push((*id, labkit::reason(&error))),
                }
                let unread = self.room.outbox(*id).map_or(0, |outbox| outbox.len());
                if unread > OUTBOX_LIMIT {
                    gone.push((*id, format!("does not read: {unread} bytes wait")));
                }
                if connection.is_held && unread <= OUTBOX_FULL_FOR_ITS_OWNER {
                    connection.is_held = false;
                    connection.is_queued = true;
                    self.queue.push_back(*id);
                }
            }
            if gone.is_empty() {
                return;
            }
            // Their leaving is told to the others: there is something to write again.
            for (id, reason) in gone {
                self.drop_with_reason(id, &reason);
            }
        }
    }

    /// Says good-bye to everybody. The sockets are closed by being dropped.
    fn shut_down(mut self, now: Instant) -> anyhow::Result<()> {
        println!("[SHUTDOWN] Server shutting down");
        let ids: Vec<usize> = self.connections.keys().copied().collect();
        for id in ids {
            self.room.tell(id, "* The server shuts down: good-bye\n");
        }
        self.write_turn(now);
        Ok(())
    }
}

/// Registers a new client's socket: from now on it does not block.
fn watch(
    stream: std::net::TcpStream,
    poll: &Poll,
    token: Token,
) -> io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    // Each turn writes all that there is in one call, so nothing is won by waiting for
    // more, which TCP does otherwise (Nagle's algorithm, RFC 9293 §3.7.4).
    stream.set_nodelay(true)?;
    let mut stream = TcpStream::from_std(stream);
    let both = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(&mut stream, token, both)?;
    Ok(stream)
}

impl Connection {
    fn new(stream: TcpStream, peer_addr: SocketAddr, now: Instant) -> Self {
        Connection {
            stream,
            peer_addr,
            inbox: Inbox::default(),
            heard: now,
            is_queued: false,
            is_held: false,
            is_writable: true,
            farewell: None,
        }
    }

    /// Writes the outbox, or the last bytes of a client that leaves.
    fn flush(
        &mut self,
        outbox: Option<&mut VecDeque<u8>>,
        now: Instant,
    ) -> io::Result<()> {
        let Some(farewell) = &mut self.farewell else {
            return match outbox {
                Some(outbox) if self.is_writable => {
                    self.is_writable = send(&mut self.stream, outbox)?;
                    Ok(())
                }
                _ => Ok(()),
            };
        };
        let before = farewell.unsent.len();
        if self.is_writable {
            self.is_writable = send(&mut self.stream, &mut farewell.unsent)?;
        }
        if farewell.unsent.len() < before {
            farewell.until = now + FAREWELL_TIME;
        }
        if farewell.unsent.is_empty() && !farewell.is_said {
            // Close only our side: a full close with bytes unread would be a reset, which
            // destroys what the client has not read yet.
            self.stream.shutdown(Shutdown::Write)?;
            farewell.is_said = true;
        }
        if farewell.is_said && farewell.has_closed {
            return Err(ErrorKind::NotConnected.into()); // Both sides have closed.
        }
        Ok(())
    }
}

/// Sends as much of the outbox as the socket takes, and tells whether it takes more.
fn send(stream: &mut TcpStream, outbox: &mut VecDeque<u8>) -> io::Result<bool> {
    while !outbox.is_empty() {
        let (next, _) = outbox.as_slices();
        match stream.write(next) {
            Ok(len) => drop(outbox.drain(..len)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // A burst is over: give its memory back.
    if outbox.capacity() > READ_SIZE {
        *outbox = VecDeque::new();
    }
    Ok(true)
}
