//! The peers that a check plays: TCP connections, listeners, UDP sockets.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use super::check::{Failure, Stop, Verdict};
use super::started::{LOOK_AGAIN, Started};
use super::transcript::{Transcript, escape};

/// How long a reply may take; far longer than any correct program needs.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is read within this time was there already.
const AT_ONCE: Duration = Duration::from_millis(1);
/// How long one attempt to connect is given. A system that has room in the backlog answers
/// at once, whatever the program does. Linux drops a call that it has no room for and lets
/// its client call again after 1, 3, 7 s; a new call now and then waits less.
const TURNED_AWAY: Duration = Duration::from_millis(500);
/// How long a peer is watched for bytes that should not come.
const SILENCE: Duration = Duration::from_millis(150);
/// The most bytes that are read from a peer that never ends.
const MOST: usize = 64 * 1024 * 1024;

/// Makes a call again that a signal has cut short. A read with a time limit ends so when the
/// grader itself was stopped and goes on (signal(7)), and without any stop when a program
/// ends that the grader has started: while another thread starts the next one, with all
/// signals blocked, SIGCHLD wakes whichever thread does not block it (posix_spawn(3)).
///
/// labkit has the same for the labs; the grader shares no code with what it grades.
///
/// # Errors
///
/// Those of the call, but this one.
pub fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn not_accepted(error: &io::Error) -> Stop {
    Failure::new("it accepts a connection", format!("connect: {error}")).into()
}

/// How a stream of bytes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The peer closed its sending side, or reset the connection.
    Closed(Closed),
    /// Nothing more came in time.
    Silent,
    /// As much was read as was asked for.
    Enough,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    Fin,
    Reset,
}

/// A TCP connection to the program under test; every byte goes to the transcript.
#[derive(Debug)]
pub struct Conn {
    stream: Arc<TcpStream>,
    label: String,
    patience: Duration,
    deadline: Instant,
    transcript: Transcript,
    /// When the first byte came of those that are not yet in the transcript.
    arrival: Option<Arrival>,
}

/// When bytes came, as far as somebody who reads them can know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    /// They were there before anybody looked.
    pub(super) had_waited: bool,
}

impl Conn {
    pub(super) fn connect(
        addr: SocketAddr,
        label: String,
        deadline: Instant,
        transcript: &Transcript,
    ) -> Result<Conn, Stop> {
        let give_up = Instant::now() + PATIENCE;
        while Instant::now() < give_up {
            let label = label.clone();
            let conn = Conn::connect_if_there_is_room(addr, label, deadline, transcript)?;
            if let Some(conn) = conn {
                return Ok(conn);
            }
        }
        Err(not_accepted(&ErrorKind::TimedOut.into()))
    }

    /// `None` when the backlog is full.
    pub(super) fn connect_if_there_is_room(
        addr: SocketAddr,
        label: String,
        deadline: Instant,
        transcript: &Transcript,
    ) -> Result<Option<Conn>, Stop> {
        match TcpStream::connect_timeout(&addr, TURNED_AWAY) {
            Ok(stream) => {
                transcript.note(&format!("{label}connected"));
                Conn::from_stream(stream, label, deadline, transcript).map(Some)
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(None),
            Err(error) => Err(not_accepted(&error)),
        }
    }

    pub(super) fn connect_from(
        source: IpAddr,
        addr: SocketAddr,
        label: String,
        deadline: Instant,
        transcript: &Transcript,
    ) -> Result<Option<Conn>, Stop> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)
            .map_err(|error| Stop::grader("cannot make a socket", &error))?;
        if socket.bind(&SocketAddr::new(source, 0).into()).is_err() {
            return Ok(None);
        }
        socket
            .connect_timeout(&addr.into(), PATIENCE)
            .map_err(|error| not_accepted(&error))?;
        transcript.note(&format!("{label}connected"));
        Conn::from_stream(socket.into(), label, deadline, transcript).map(Some)
    }

    fn from_stream(
        stream: TcpStream,
        label: String,
        deadline: Instant,
        transcript: &Transcript,
    ) -> Result<Conn, Stop> {
        // Also a check that reads from the stream itself is never stuck for ever.
        let left = deadline.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_millis(1));
        // Small pieces must leave at once: a check decides what is one segment.
        stream
            .set_nodelay(true)
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .and_then(|()| stream.set_read_timeout(Some(left)))
            .map_err(|error| Stop::grader("cannot set up a connection", &error))?;
        let transcript = transcript.clone();
        Ok(Conn {
            stream: Arc::new(stream),
            label,
            patience: PATIENCE,
            deadline,
            transcript,
            arrival: None,
        })
    }

    /// Waits longer or shorter than 5 s for what is expected from now on.
    pub fn patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The grader's own end.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn local_addr(&self) -> Result<SocketAddr, Stop> {
        self.stream
            .local_addr()
            .map_err(|error| Stop::grader("cannot ask for an own address", &error))
    }

    /// The stream itself, for what has no word here (TLS, options).
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn note(&self, text: &str) {
        self.transcript.note(&format!("{}{text}", self.label));
    }

    pub(super) fn note_sent(&self, bytes: &[u8]) {
        self.transcript.sent(&self.label, bytes);
    }

    pub(super) fn note_received(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.transcript.received(&self.label, bytes, None);
        }
    }

    /// Sends bytes in one write.
    ///
    /// # Errors
    ///
    /// A failure when the program has closed or does not read for 5 s.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> Verdict {
        let bytes = bytes.as_ref();
        self.transcript.sent(&self.label, bytes);
        (&*self.stream).write_all(bytes).map_err(|error| {
            let got = format!("the connection does not take them: {}", plain(&error));
            Failure::new(
                format!("it reads the {} bytes sent to it", bytes.len()),
                got,
            )
            .into()
        })
    }

    /// Sends bytes and does not mind a program that has closed already.
    pub fn send_anyway(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.send(bytes);
    }

    /// Sends each byte in a segment of its own, with a pause after each.
    ///
    /// # Errors
    ///
    /// As [`Conn::send`].
    pub fn send_bytewise(&mut self, bytes: &[u8], pause: Duration) -> Verdict {
        for byte in bytes.chunks(1) {
            self.send(byte)?;
            thread::sleep(pause);
        }
        Ok(())
    }

    /// Reads up to `limit` bytes until the end, silence of `patience`, or enough, and
    /// notes them in the transcript.
    fn read_up_to(&mut self, limit: usize, patience: Duration) -> (Vec<u8>, End) {
        let mut bytes = Vec::new();
        let enough = |bytes: &[u8]| bytes.len() >= limit;
        let end = self.read_while(&mut bytes, limit, patience, enough);
        self.note_read(&bytes, end);
        (bytes, end)
    }

    /// Reads into `bytes`, at most `room` at a time, until `enough` says so.
    fn read_while(
        &mut self,
        bytes: &mut Vec<u8>,
        room: usize,
        patience: Duration,
        enough: impl Fn(&[u8]) -> bool,
    ) -> End {
        let begin = Instant::now();
        let give_up = (begin + patience).min(self.deadline);
        let mut buf = vec![0; room.min(64 * 1024)];
        while !enough(bytes) {
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
                return End::Silent;
            }
            let wanted = room.saturating_sub(bytes.len()).clamp(1, buf.len());
            let Some(part) = buf.get_mut(..wanted) else {
                return End::Enough;
            };
            match (&*self.stream).read(part) {
                Ok(0) => return End::Closed(Closed::Fin),
                Ok(len) => {
                    bytes.extend_from_slice(part.get(..len).unwrap_or_default());
                    self.arrival.get_or_insert_with(|| Arrival {
                        at: Instant::now(),
                        had_waited: begin.elapsed() < AT_ONCE,
                    });
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return End::Silent,
                    ErrorKind::Interrupted => {}
                    _ => return End::Closed(Closed::Reset),
                },
            }
        }
        End::Enough
    }

    fn note_read(&mut self, bytes: &[u8], end: End) {
        let arrival = self.arrival.take();
        if !bytes.is_empty() {
            self.transcript.received(&self.label, bytes, arrival);
        }
        let how = match end {
            End::Closed(Closed::Fin) => "closed by it",
            End::Closed(Closed::Reset) => "reset by it",
            End::Silent | End::Enough => return,
        };
        self.transcript.note(&format!("{}{how}", self.label));
    }

    /// Expects exactly these bytes next; more may follow.
    ///
    /// # Errors
    ///
    /// A failure with the first differing byte, or with how the stream ended.
    pub fn expect(&mut self, expected: impl AsRef<[u8]>) -> Verdict {
        let expected = expected.as_ref();
        let (mut got, mut end) = self.read_up_to(expected.len(), self.patience);
        if got == expected {
            return Ok(());
        }
        if end == End::Enough {
            // For the diagnosis: what else is there?
            let (rest, _) = self.read_up_to(256, SILENCE);
            got.extend(rest);
        } else if got.len() == expected.len() {
            end = End::Enough;
        }
        Err(self.explain(expected, &got, end))
    }

    /// Expects exactly these bytes, then nothing more for a moment.
    ///
    /// # Errors
    ///
    /// A failure with the first differing byte.
    pub fn expect_exactly(&mut self, expected: impl AsRef<[u8]>) -> Verdict {
        let expected = expected.as_ref();
        self.expect(expected)?;
        let (rest, _) = self.read_up_to(256, SILENCE);
        if rest.is_empty() {
            return Ok(());
        }
        let mut got = expected.to_vec();
        got.extend(rest);
        Err(Failure::bytes(expected, &got).into())
    }

    fn explain(&self, expected: &[u8], got: &[u8], end: End) -> Stop {
        let mut failure = Failure::bytes(expected, got);
        let how = match end {
            End::Enough => return failure.into(),
            End::Closed(Closed::Fin) => "then it closed the connection".to_owned(),
            End::Closed(Closed::Reset) => "then it reset the connection".to_owned(),
            End::Silent => format!("then silence for {} s", self.patience.as_secs_f32()),
        };
        if got.is_empty() {
            failure.got = how.trim_start_matches("then ").to_owned();
            let cause = match end {
                End::Closed(Closed::Reset) => {
                    "it closed without reading everything, or it crashed"
                }
                End::Closed(Closed::Fin) => "it closes before it replies, or it crashed",
                _ => "no reply in time: it waits for more bytes, a line end, or the end",
            };
            failure.cause = Some(cause.to_owned());
        } else {
            failure.got = format!("{}, {how}", failure.got);
        }
        failure.into()
    }

    /// Reads until `end` has come (it is part of what is returned), at most 1 MiB.
    ///
    /// # Errors
    ///
    /// A failure when it does not come.
    pub fn read_until(&mut self, end: &[u8]) -> Result<Vec<u8>, Stop> {
        const MOST: usize = 1024 * 1024;
        let mut bytes = Vec::new();
        // Byte by byte, so that nothing behind the end is taken.
        let enough = |bytes: &[u8]| bytes.ends_with(end) || bytes.len() >= MOST;
        let mut how = End::Enough;
        let give_up = Instant::now() + self.patience;
        while how == End::Enough && !enough(&bytes) {
            let len = bytes.len();
            let left = give_up.saturating_duration_since(Instant::now());
            how = self.read_while(&mut bytes, len + 1, left, |bytes| bytes.len() > len);
        }
        self.note_read(&bytes, how);
        if bytes.ends_with(end) {
            return Ok(bytes);
        }
        let stop = self.explain(end, &bytes, how);
        let expected = format!("bytes that end with {}", escape(end));
        Err(match stop {
            Stop::Failed(failure) => Stop::Failed(Box::new(Failure {
                expected,
                ..*failure
            })),
            Stop::Error(error) => Stop::Error(error),
        })
    }

    /// Reads exactly `len` bytes.
    ///
    /// # Errors
    ///
    /// A failure when fewer come.
    pub fn read_exactly(&mut self, len: usize) -> Result<Vec<u8>, Stop> {
        let (bytes, end) = self.read_up_to(len, self.patience);
        if bytes.len() == len {
            return Ok(bytes);
        }
        let how = if end == End::Silent {
            "then silence"
        } else {
            "then the end"
        };
        let got = format!("{} bytes, {how}", bytes.len());
        Err(Failure::new(format!("{len} bytes"), got)
            .cause("it is cut: the rest is missing")
            .into())
    }

    /// Reads whatever comes within `patience`, up to the end.
    pub fn read_some(&mut self, patience: Duration) -> Vec<u8> {
        self.read_up_to(MOST, patience).0
    }

    /// Reads to the end of the stream; a reset after the last byte is an end as well.
    ///
    /// # Errors
    ///
    /// A failure when the program does not close.
    pub fn read_to_end(&mut self) -> Result<Vec<u8>, Stop> {
        match self.read_up_to(MOST, self.patience) {
            (bytes, End::Closed(_)) => Ok(bytes),
            (bytes, _) => {
                let got = if bytes.is_empty() {
                    "the connection stays open".to_owned()
                } else {
                    format!("{} bytes, then the connection stays open", bytes.len())
                };
                Err(Failure::new("it closes the connection", got).into())
            }
        }
    }

    /// Expects that the program closes now, without another byte.
    ///
    /// # Errors
    ///
    /// A failure when bytes come or the connection stays open.
    pub fn expect_end(&mut self) -> Verdict {
        let bytes = self.read_to_end()?;
        if bytes.is_empty() {
            return Ok(());
        }
        let got = format!(
            "\"{}\", then it closed",
            escape(bytes.get(..100).unwrap_or(&bytes))
        );
        Err(Failure::new("it closes the connection, no more bytes", got)
            .cause("more bytes come than belong there")
            .into())
    }

    /// Expects silence on an open connection for this long.
    ///
    /// # Errors
    ///
    /// A failure when bytes come or the connection ends.
    pub fn expect_silence(&mut self, how_long: Duration) -> Verdict {
        match self.read_up_to(256, how_long) {
            (bytes, End::Silent) if bytes.is_empty() => Ok(()),
            (bytes, End::Closed(_)) if bytes.is_empty() => {
                Err(Failure::new("the connection stays open", "it closed").into())
            }
            (bytes, _) => {
                let got = format!("\"{}\"", escape(&bytes));
                Err(Failure::new("no bytes", got).into())
            }
        }
    }

    /// Keeps the connection open whatever the program does: while a check waits for a
    /// program, it closes connections that the program has closed.
    ///
    /// # Errors
    ///
    /// The grader's own.
    pub fn stays_open(self) -> Result<TcpStream, Stop> {
        self.stream
            .try_clone()
            .map_err(|error| Stop::grader("cannot keep a connection", &error))
    }

    /// Ends the sending side (FIN); reading goes on.
    pub fn half_close(&mut self) {
        self.transcript
            .note(&format!("{}sending side closed", self.label));
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection with RST.
    pub fn reset(self) {
        self.transcript
            .note(&format!("{}reset by the grader", self.label));
        let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
    }
}

fn plain(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "timed out".to_owned(),
        kind => kind.to_string(),
    }
}

/// The connections that the program under test has made to the check.
#[derive(Clone, Debug, Default)]
pub(super) struct Accepted(Arc<Mutex<Vec<Weak<TcpStream>>>>);

impl Accepted {
    /// Closes our side of those whose other side is closed, as every server does sooner
    /// or later: a client may wait for that before it ends. Tells whether there was one.
    /// (Only Linux tells of a close behind unread bytes; elsewhere nothing happens.)
    pub(super) fn close_what_has_ended(&self) -> bool {
        let mut closed = false;
        super::lock(&self.0).retain(|stream| {
            let Some(stream) = stream.upgrade() else {
                return false;
            };
            let ended = has_ended(&stream);
            closed |= ended && stream.shutdown(Shutdown::Write).is_ok();
            !ended
        });
        closed
    }
}

#[cfg(target_os = "linux")]
fn has_ended(stream: &TcpStream) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::new(stream, PollFlags::RDHUP)];
    poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

#[cfg(not(target_os = "linux"))]
fn has_ended(_stream: &TcpStream) -> bool {
    false
}

/// A TCP server that the check plays for a client under test.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
    addr: SocketAddr,
    accepted: Accepted,
    started: Started,
    deadline: Instant,
    transcript: Transcript,
}

impl Listener {
    pub(super) fn bind(
        host: &str,
        accepted: &Accepted,
        started: &Started,
        deadline: Instant,
        transcript: &Transcript,
    ) -> Result<Listener, Stop> {
        let listener = TcpListener::bind((host, 0)).map_err(|error| {
            Stop::grader(format_args!("cannot listen on {host}"), &error)
        })?;
        Listener::of(listener, accepted, started, deadline, transcript)
    }

    pub(super) fn of(
        listener: TcpListener,
        accepted: &Accepted,
        started: &Started,
        deadline: Instant,
        transcript: &Transcript,
    ) -> Result<Listener, Stop> {
        let addr = listener
            .local_addr()
            .map_err(|error| Stop::grader("cannot ask for an own address", &error))?;
        // accept has no timeout in std: poll it.
        listener
            .set_nonblocking(true)
            .map_err(|error| Stop::grader("cannot set up a listener", &error))?;
        Ok(Listener {
            listener,
            addr,
            accepted: accepted.clone(),
            started: started.clone(),
            deadline,
            transcript: transcript.clone(),
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits for the program to connect (15 s, since it may start slowly).
    ///
    /// # Errors
    ///
    /// A failure when it does not connect.
    pub fn accept(&self) -> Result<Conn, Stop> {
        self.accept_within(Duration::from_secs(15))
    }

    /// Waits at most `patience` for the program to connect.
    ///
    /// # Errors
    ///
    /// A failure when it does not connect.
    pub fn accept_within(&self, patience: Duration) -> Result<Conn, Stop> {
        let begin = Instant::now();
        let give_up = (begin + patience).min(self.deadline);
        let mut watch = self.started.watch();
        loop {
            let ended = watch.end();
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).map_err(|error| {
                        Stop::grader("cannot set up a connection", &error)
                    })?;
                    self.transcript.note("it connected");
                    let label = String::new();
                    let conn = Conn::from_stream(
                        stream,
                        label,
                        self.deadline,
                        &self.transcript,
                    )?;
                    super::lock(&self.accepted.0).push(Arc::downgrade(&conn.stream));
                    return Ok(conn);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let expected = "it connects to the host and port that it is given";
                    if let Some(ended) = ended {
                        return Err(Failure::new(expected, ended.to_string()).into());
                    }
                    if Instant::now() >= give_up {
                        // Less than the patience where the check's time has ended.
                        let waited = begin.elapsed().as_secs();
                        let got = format!("no connection within {waited} s");
                        return Err(Failure::new(expected, got).into());
                    }
                    thread::sleep(Duration::from_millis(2));
                }
                Err(error) => return Err(Stop::grader("cannot accept", &error)),
            }
        }
    }
}

/// A UDP socket that the check plays.
#[derive(Debug)]
pub struct Udp {
    socket: UdpSocket,
    label: String,
    started: Started,
    deadline: Instant,
    transcript: Transcript,
}

impl Udp {
    pub(super) fn new(
        socket: UdpSocket,
        label: &str,
        started: &Started,
        deadline: Instant,
        transcript: &Transcript,
    ) -> Udp {
        Udp {
            socket,
            label: label.to_owned(),
            started: started.clone(),
            deadline,
            transcript: transcript.clone(),
        }
    }

    /// Its own address.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn addr(&self) -> Result<SocketAddr, Stop> {
        self.socket
            .local_addr()
            .map_err(|error| Stop::grader("cannot ask for an own address", &error))
    }

    /// The socket itself, for what has no word here.
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// The grader's own, when the system does not take it.
    pub fn send_to(&self, bytes: impl AsRef<[u8]>, addr: SocketAddr) -> Verdict {
        let bytes = bytes.as_ref();
        self.transcript.sent(&self.label, bytes);
        match self.socket.send_to(bytes, addr) {
            Ok(_) => Ok(()),
            // The answer to an earlier datagram: nobody had that port (ICMP).
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            Err(error) => Err(Stop::grader("cannot send a datagram", &error)),
        }
    }

    /// Waits for one datagram (5 s) and returns it with its sender.
    ///
    /// # Errors
    ///
    /// A failure when none comes.
    pub fn receive(&self) -> Result<(Vec<u8>, SocketAddr), Stop> {
        self.receive_within(PATIENCE)
    }

    /// Waits at most `patience` for one datagram.
    ///
    /// # Errors
    ///
    /// A failure when none comes.
    pub fn receive_within(
        &self,
        patience: Duration,
    ) -> Result<(Vec<u8>, SocketAddr), Stop> {
        let give_up = (Instant::now() + patience).min(self.deadline);
        let mut buf = vec![0; 65_536];
        let mut watch = self.started.watch();
        loop {
            let ended = watch.end();
            let left = give_up.saturating_duration_since(Instant::now());
            let wait = left.min(match ended {
                Some(_) => Duration::from_millis(1),
                None => LOOK_AGAIN,
            });
            if left.is_zero() || self.socket.set_read_timeout(Some(wait)).is_err() {
                let got = format!("nothing within {} s", patience.as_secs_f32());
                return Err(Failure::new("a datagram", got).into());
            }
            match self.socket.recv_from(&mut buf) {
                Ok((len, from)) => {
                    let bytes = buf.get(..len).unwrap_or_default().to_vec();
                    self.transcript.received(&self.label, &bytes, None);
                    return Ok((bytes, from));
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        if let Some(ended) = ended {
                            let got = ended.to_string();
                            return Err(Failure::new("a datagram", got).into());
                        }
                    }
                    ErrorKind::Interrupted
                    | ErrorKind::ConnectionRefused
                    | ErrorKind::ConnectionReset => {}
                    _ => return Err(Stop::grader("cannot receive a datagram", &error)),
                },
            }
        }
    }

    /// Expects this datagram from this sender.
    ///
    /// # Errors
    ///
    /// A failure with the first differing byte, or the wrong sender.
    pub fn expect_from(&self, expected: impl AsRef<[u8]>, sender: SocketAddr) -> Verdict {
        let expected = expected.as_ref();
        let (got, from) = match self.receive() {
            Err(Stop::Failed(mut failure)) => {
                failure.expected = format!("the datagram \"{}\"", escape(expected));
                return Err(Stop::Failed(failure));
            }
            other => other?,
        };
        if got != expected {
            return Err(Failure::bytes(expected, &got).into());
        }
        if from.port() != sender.port() {
            let expected = "the reply comes from the port that was asked";
            return Err(Failure::new(expected, "it comes from another port").into());
        }
        Ok(())
    }

    /// Expects that no datagram comes for this long.
    ///
    /// # Errors
    ///
    /// A failure that shows the one that came.
    pub fn expect_silence(&self, how_long: Duration) -> Verdict {
        match self.receive_within(how_long) {
            Ok((bytes, _)) => {
                let got = format!("the datagram \"{}\"", escape(&bytes));
                Err(Failure::new("no datagram", got).into())
            }
            Err(Stop::Failed(_)) => Ok(()),
            Err(stop) => Err(stop),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::Command;
    use std::thread;

    use super::*;

    #[test]
    fn programs_that_come_and_go_do_not_cut_a_read_short() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let mut stream = TcpStream::connect(addr).unwrap();
        let _silent = listener.accept().unwrap();
        let patience = Duration::from_millis(100);
        stream.set_read_timeout(Some(patience)).unwrap();
        let give_up = Instant::now() + patience;
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while Instant::now() < give_up {
                        let start = || Command::new("/bin/true").spawn().unwrap();
                        // The first one ends while the second one is being started.
                        for mut child in [start(), start()] {
                            child.wait().unwrap();
                        }
                    }
                });
            }
            let error = uninterrupted(|| stream.read(&mut [0])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        });
    }
}
