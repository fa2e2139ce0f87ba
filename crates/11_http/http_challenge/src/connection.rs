//! One client's connection: read a request, answer it, and go on while both sides want.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use http_challenge::body::BodyReader;
use http_challenge::request::{self, MAX_HEAD, RequestError};
use http_challenge::response::{self, Answer, Clock};
use labkit::Console;

/// Answers are collected while pipelined requests wait in the buffer, so that many go
/// out in one write; never more bytes than about this.
const MAX_WAITING: usize = 32 * 1024;
/// A client that takes longer to read its answers is cut off.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// How long a client may take; it pays for more with its connection.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Between two requests.
    pub idle: Duration,
    /// From the first byte of a head to its last, however they drip (status 408).
    pub head: Duration,
    /// For the whole body (status 408).
    pub body: Duration,
}

/// Why the conversation ends without a next request.
enum End {
    /// Nothing more to say: the client has closed, or has been idle for too long.
    Silent,
    /// The client is too slow: 408.
    TooSlow,
    /// The request is wrong.
    Refused(RequestError),
    /// The connection is broken.
    Broken(io::Error),
}

impl From<RequestError> for End {
    fn from(error: RequestError) -> Self {
        End::Refused(error)
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        End::Broken(error)
    }
}

/// A client and what has been received from it and is to be sent to it.
pub struct Connection {
    stream: TcpStream,
    peer_addr: SocketAddr,
    console: Console,
    patience: Patience,
    /// Received bytes; those before `start` are done with, those after `end` not there.
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// What the socket's read timeout is now: setting it costs a system call.
    read_timeout: Option<Duration>,
    /// Answers that are not yet sent.
    waiting: String,
    page: String,
    /// What the console is told of the request: method, path and status.
    line: String,
    /// Whether the request being answered is HEAD, which gets no page; `None` while its
    /// head has not been parsed.
    is_head: Option<bool>,
    clock: Clock,
}

impl Connection {
    /// Prepares for a client that has been accepted.
    pub fn new(
        stream: TcpStream,
        peer_addr: SocketAddr,
        patience: Patience,
        console: Console,
    ) -> io::Result<Self> {
        stream.set_write_timeout(Some(WRITE_TIME))?;
        Ok(Connection {
            stream,
            peer_addr,
            console,
            patience,
            buf: vec![0; MAX_HEAD],
            start: 0,
            end: 0,
            read_timeout: None,
            waiting: String::new(),
            page: String::new(),
            line: String::new(),
            is_head: None,
            clock: Clock::default(),
        })
    }

    /// Serves the client to the end of the conversation.
    pub fn serve(mut self) -> io::Result<()> {
        let end = loop {
            match self.exchange() {
                Ok(true) => {}
                Ok(false) => break None,
                Err(End::Broken(error)) => return Err(error),
                Err(End::Silent) => break Some(()),
                Err(End::TooSlow) => {
                    let sentence = "The request did not come in time.";
                    response::error_page(&mut self.page, 408, sentence);
                    self.refuse(408);
                    break None;
                }
                Err(End::Refused(error)) => {
                    self.page = response::refusal_page(error);
                    self.refuse(error.status());
                    break None;
                }
            }
        };
        self.flush()?;
        if end.is_none() {
            // What is unread must not turn our last answer into a reset.
            labkit::lingering_close(self.stream);
        }
        Ok(())
    }

    /// Reads one request and answers it. Returns whether another may follow.
    fn exchange(&mut self) -> Result<bool, End> {
        self.is_head = None;
        let mut deadline = None;
        let (head, head_len) = loop {
            let unread = self.buf.get(self.start..self.end).unwrap_or_default();
            match request::parse(unread)? {
                Some(parsed) => break parsed,
                None => self.wait_for_head(&mut deadline)?,
            }
        };
        let mut answer = Answer::to(&head);
        let mut keep_alive = head.keep_alive;
        let mut expects_continue = head.expects_continue;
        let mut body = BodyReader::new(head.framing);
        response::start_page(&mut self.page, &head, answer.status);
        // Written now, while the head is in the buffer; printed when the body has come, too.
        self.line.clear();
        let _ = write!(self.line, "{} {} {}", head.method, head.path, answer.status);
        self.is_head = Some(answer.is_head);
        self.start += head_len;

        if expects_continue && answer.status != 200 {
            // RFC 9110 §10.1.1: refused before the body is sent. Whether it comes all
            // the same is not known, so nothing may follow.
            keep_alive = false;
            answer.connection = Some("close");
        } else {
            self.read_body(&mut body, &mut expects_continue)?;
        }
        self.console
            .line(format_args!("{} {}", self.peer_addr, self.line));
        response::end_page(&mut self.page, &answer, body.content_len());
        answer.write(&mut self.waiting, self.clock.date(), &self.page);
        if self.waiting.len() >= MAX_WAITING {
            self.flush()?;
        }
        Ok(keep_alive)
    }

    /// Waits for more bytes of a head. The deadline starts with its first byte.
    fn wait_for_head(&mut self, deadline: &mut Option<Instant>) -> Result<(), End> {
        self.flush()?;
        let unread = self.buf.get(self.start..self.end).unwrap_or_default();
        // An empty line is no request yet (RFC 9112 §2.2).
        if matches!(unread, [] | [b'\r'] | [b'\r', b'\n']) {
            return match self.fill(self.patience.idle) {
                Ok(()) => Ok(()),
                // RFC 9112 §9.5: either side may end an idle connection, and browsers
                // also reset them.
                Err(_) => Err(End::Silent),
            };
        }
        let left = time_left(deadline, self.patience.head)?;
        self.fill(left)
    }

    /// Reads the body to its end and forgets it: only its length is shown.
    fn read_body(
        &mut self,
        body: &mut BodyReader,
        expects_continue: &mut bool,
    ) -> Result<(), End> {
        let mut deadline = None;
        loop {
            let unread = self.buf.get(self.start..self.end).unwrap_or_default();
            let has_come = !unread.is_empty();
            self.start += body.advance(unread)?;
            if body.is_done() {
                return Ok(());
            }
            // RFC 9110 §10.1.1: the client waits for a word before it sends the body,
            // unless it has begun already.
            if *expects_continue && !has_come {
                self.waiting.push_str("HTTP/1.1 100 Continue\r\n\r\n");
            }
            *expects_continue = false;
            self.flush()?;
            let left = time_left(&mut deadline, self.patience.body)?;
            self.fill(left)?;
        }
    }

    /// Reads once, into the free part of the buffer, and waits at most for `patience`.
    fn fill(&mut self, patience: Duration) -> Result<(), End> {
        // What is not yet used moves to the front, to make room for a whole head.
        self.buf.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        self.limit_read(patience)?;
        let free = self.buf.get_mut(self.end..).unwrap_or_default();
        match self.stream.read(free) {
            // RFC 9112 §8: the connection ends within a request.
            Ok(0) => Err(End::Refused(RequestError::Incomplete)),
            Ok(len) => {
                self.end += len;
                Ok(())
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(End::TooSlow),
                ErrorKind::Interrupted => Ok(()),
                _ => Err(End::Broken(error)),
            },
        }
    }

    /// Sets the read timeout, unless it is the same (to a quarter) already.
    fn limit_read(&mut self, left: Duration) -> io::Result<()> {
        let is_set = self
            .read_timeout
            .is_some_and(|set| set >= left && set - left < left / 4);
        if !is_set {
            self.stream.set_read_timeout(Some(left))?;
            self.read_timeout = Some(left);
        }
        Ok(())
    }

    /// Sends the answers that wait, in one write if the client reads.
    fn flush(&mut self) -> io::Result<()> {
        let mut deadline = None;
        let mut bytes = self.waiting.as_bytes();
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(len) => bytes = bytes.get(len..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            // A client that takes a byte now and then would hold its thread for ever.
            if !bytes.is_empty() && time_left(&mut deadline, WRITE_TIME).is_err() {
                return Err(ErrorKind::TimedOut.into());
            }
        }
        self.waiting.clear();
        Ok(())
    }

    /// Appends the last answer, about a request that nobody understands.
    fn refuse(&mut self, status: u16) {
        let unread = self.buf.get(self.start..self.end).unwrap_or_default();
        // A head that breaks a rule may still say its method. Behind a parsed head, what is
        // unread is the body, which may begin with any word.
        let is_head = self
            .is_head
            .unwrap_or_else(|| unread.trim_ascii_start().starts_with(b"HEAD "));
        let answer = Answer::error(status, is_head);
        answer.write(&mut self.waiting, self.clock.date(), &self.page);
        self.console
            .line(format_args!("{} refused: {status}", self.peer_addr));
    }
}

/// Returns what is left of the time `given`, which runs from the first call on.
fn time_left(deadline: &mut Option<Instant>, given: Duration) -> Result<Duration, End> {
    let now = Instant::now();
    let left = deadline.get_or_insert(now + given).duration_since(now);
    match left.is_zero() {
        true => Err(End::TooSlow),
        false => Ok(left),
    }
}
