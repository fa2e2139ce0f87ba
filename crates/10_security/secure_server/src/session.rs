//! One client's conversation: lines in, replies out.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use log::Level;

use crate::guard::Guard;
use crate::request::{Invalid, Lines, MAX_LINE, Request, TooLong};
use crate::wire::Wire;
use crate::{Server, audit};

/// A client that is refused so often in a row does not want to be served.
const MAX_REFUSED: u32 = 100;

/// What happens after a reply.
#[derive(PartialEq)]
enum Then {
    GoOn,
    Close,
}

/// One client's conversation.
pub struct Session<'a> {
    server: &'a Server,
    peer_addr: SocketAddr,
    authenticated: bool,
    /// Requests refused in a row because they came too fast.
    refused: u32,
}

impl<'a> Session<'a> {
    /// Begins with a stranger.
    pub fn new(server: &'a Server, peer_addr: SocketAddr) -> Self {
        Session {
            server,
            peer_addr,
            authenticated: false,
            refused: 0,
        }
    }

    /// Reads lines and answers each with one line, until somebody has enough.
    ///
    /// # Errors
    ///
    /// When the client is gone, or its time is up.
    pub fn run(&mut self, wire: &mut Wire) -> io::Result<()> {
        let mut lines = Lines::default();
        let mut buf = [0; MAX_LINE];
        loop {
            let (reply, then) = match lines.next() {
                Ok(Some(line)) => self.answer(&line),
                Err(TooLong) => {
                    self.event(Level::Warn, "line too long", "");
                    // Where the line ends, nobody knows: there is no way to go on.
                    let reply = format!("ERROR 413 a line has at most {MAX_LINE} bytes");
                    (reply, Then::Close)
                }
                Ok(None) => {
                    match wire.read(&mut buf)? {
                        0 => return Ok(()),
                        len => lines.push(buf.get(..len).unwrap_or_default()),
                    }
                    continue;
                }
            };
            wire.write_all(format!("{reply}\n").as_bytes())?;
            if then == Then::Close {
                return Ok(());
            }
            // Only a whole line from a known client earns more time: a byte now and then
            // does not.
            if self.authenticated {
                wire.restart(self.server.idle_timeout);
            }
        }
    }

    fn answer(&mut self, line: &[u8]) -> (String, Then) {
        if !self.guard(|guard, ip, now| guard.allows_request(ip, now)) {
            return self.refuse();
        }
        self.refused = 0;
        let request = match Request::parse(line) {
            Ok(request) => request,
            Err(invalid) => return (self.invalid(invalid), Then::GoOn),
        };
        match request {
            Request::Auth(token) => self.authenticate(token),
            Request::Quit => ("OK bye".to_owned(), Then::Close),
            Request::Help => ("OK AUTH ECHO TIME HELP QUIT".to_owned(), Then::GoOn),
            _ if !self.authenticated => {
                self.event(Level::Warn, "command without AUTH", "");
                ("ERROR 401 first comes AUTH token".to_owned(), Then::GoOn)
            }
            Request::Echo(text) => (format!("OK {text}"), Then::GoOn),
            Request::Time => (format!("OK {}", seconds_since_1970()), Then::GoOn),
        }
    }

    /// Answers AUTH. Neither the log nor the reply ever holds a token: a mistyped one is
    /// nearly the right one.
    fn authenticate(&mut self, token: &str) -> (String, Then) {
        if let Some(left) = self.guard(|guard, ip, now| guard.locked_for(ip, now)) {
            self.event(Level::Warn, "AUTH while locked out", "");
            return (locked(left), Then::Close);
        }
        if self.server.token.matches(token) {
            self.authenticated = true;
            self.event(Level::Info, "authenticated", "");
            return ("OK authenticated".to_owned(), Then::GoOn);
        }
        self.authenticated = false;
        self.event(Level::Warn, "wrong token", "");
        match self.guard(|guard, ip, now| guard.wrong_token(ip, now)) {
            Some(lockout) => {
                self.event(Level::Error, "locked out", "too many wrong tokens");
                (locked(lockout), Then::Close)
            }
            None => ("ERROR 401 wrong token".to_owned(), Then::GoOn),
        }
    }

    fn refuse(&mut self) -> (String, Then) {
        self.refused += 1;
        if self.refused == 1 {
            // Once, not once a request: a flood must not fill the disk.
            self.event(Level::Warn, "too many requests", "");
        }
        let reply = "ERROR 429 too many requests, slow down".to_owned();
        if self.refused < MAX_REFUSED {
            return (reply, Then::GoOn);
        }
        self.event(Level::Warn, "flood cut off", "");
        (reply, Then::Close)
    }

    fn invalid(&self, invalid: Invalid) -> String {
        let (code, text) = match invalid {
            Invalid::Characters => (400, "only UTF-8 text without control characters"),
            Invalid::Arguments => (400, "wrong arguments, HELP lists the commands"),
            Invalid::Unknown => (404, "unknown command, HELP lists them"),
        };
        self.event(Level::Warn, "invalid request", text);
        format!("ERROR {code} {text}")
    }

    fn guard<T>(&self, ask: impl FnOnce(&mut Guard, IpAddr, Instant) -> T) -> T {
        // A thread that panicked in there leaves the counters whole.
        let mut guard = self
            .server
            .guard
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        ask(&mut guard, self.peer_addr.ip(), Instant::now())
    }

    fn event(&self, level: Level, what: &str, detail: &str) {
        audit::event(level, what, self.peer_addr, detail);
    }
}

fn locked(left: Duration) -> String {
    let seconds = left.as_secs_f64().ceil();
    format!("ERROR 423 locked out, try again in {seconds} s")
}

fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
