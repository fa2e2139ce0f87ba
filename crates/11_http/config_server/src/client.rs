//! One client's conversation: lines in, replies out, in the order of the lines.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use labkit::Console;

use crate::protocol::{self, Command, MAX_LINE, Refusal};
use crate::store::{Change, Outcome, Store};

/// A client that does not take its replies for this long is cut off.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Replies are sent at the latest when they have grown to this many bytes.
const MAX_REPLIES: usize = 64 * 1024;
/// The most changes of one client that may wait for the disk.
const MAX_PENDING: usize = 256;

/// Why a list was not sent to its end.
enum End {
    Broken(io::Error),
    Storage(redb::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        End::Broken(error)
    }
}

impl From<redb::Error> for End {
    fn from(error: redb::Error) -> Self {
        End::Storage(error)
    }
}

/// A client and what it waits for.
pub struct Client {
    stream: TcpStream,
    peer_addr: SocketAddr,
    store: Store,
    console: Console,
    /// Where the writer answers, in the order in which the changes were submitted.
    outcome: Sender<Outcome>,
    outcomes: Receiver<Outcome>,
    /// Changes that are not yet answered.
    pending: usize,
    /// Replies that are not yet sent.
    replies: Vec<u8>,
}

impl Client {
    /// Makes a client of a connection; nothing is read yet.
    pub fn new(
        stream: TcpStream,
        peer_addr: SocketAddr,
        store: Store,
        console: Console,
    ) -> Self {
        let (outcome, outcomes) = mpsc::channel();
        Client {
            stream,
            peer_addr,
            store,
            console,
            outcome,
            outcomes,
            pending: 0,
            replies: Vec::new(),
        }
    }

    /// Answers line after line; the replies to all lines of one read go out together.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or nothing comes for `idle_timeout`.
    pub fn serve(mut self, idle_timeout: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(idle_timeout))?;
        self.stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let mut received = Vec::new();
        let mut buf = [0; 2 * MAX_LINE];
        let mut open = true;
        while open {
            let len = labkit::uninterrupted(|| self.stream.read(&mut buf))?;
            if len == 0 {
                return Ok(()); // A line without its end is no command.
            }
            received.extend_from_slice(buf.get(..len).unwrap_or_default());
            let mut rest = received.as_slice();
            while let (true, Some(end)) = (open, rest.iter().position(|&it| it == b'\n'))
            {
                let (line, after) = rest.split_at(end);
                open = self.answer(line.strip_suffix(b"\r").unwrap_or(line))?;
                rest = after.get(1..).unwrap_or_default();
            }
            // One more may be the CR of a line end.
            if open && rest.len() > MAX_LINE + 1 {
                open = self.refuse(Refusal::LineTooLong);
            }
            received = rest.to_vec();
            self.flush()?;
        }
        labkit::lingering_close(self.stream);
        Ok(())
    }

    /// Answers one line; returns whether the conversation goes on.
    fn answer(&mut self, line: &[u8]) -> io::Result<bool> {
        if line.len() > MAX_LINE {
            return Ok(self.refuse(Refusal::LineTooLong));
        }
        let peer_addr = self.peer_addr;
        match protocol::parse(line) {
            // The value stays out of the log: it may be a secret.
            Ok(Command::Set(key, value)) => {
                self.console.line(format_args!("{peer_addr} SET {key}"));
                self.submit(Change::Set(key.to_owned(), value.to_owned()));
            }
            Ok(Command::Delete(key)) => {
                self.console.line(format_args!("{peer_addr} DELETE {key}"));
                self.submit(Change::Delete(key.to_owned()));
            }
            Ok(Command::Save) => self.submit(Change::Save),
            Ok(Command::Get(key)) => {
                self.settle();
                match self.store.get(key) {
                    Ok(Some(value)) => self.reply(Ok(&value)),
                    Ok(None) => self.reply(Err(Refusal::NotFound)),
                    Err(error) => self.report(&error),
                }
            }
            Ok(Command::List(prefix)) => match self.list(prefix) {
                Ok(()) => {}
                Err(End::Broken(error)) => return Err(error),
                Err(End::Storage(error)) => self.report(&error),
            },
            Ok(Command::Quit) => {
                self.settle();
                self.reply(Ok(b""));
                return Ok(false);
            }
            Err(refusal) => {
                self.settle();
                self.reply(Err(refusal));
            }
        }
        // What is kept for one client has a bound, however many lines it sends at once.
        if self.pending >= MAX_PENDING || self.replies.len() >= MAX_REPLIES {
            self.flush()?;
        }
        Ok(true)
    }

    fn submit(&mut self, change: Change) {
        self.store.submit(change, &self.outcome);
        self.pending += 1;
    }

    /// Waits until all changes of this client are made: the replies keep the order of
    /// the lines, and what a client reads follows what it has written.
    fn settle(&mut self) {
        while self.pending > 0 {
            self.pending -= 1;
            match self.outcomes.recv() {
                Ok(Ok(text)) => self.reply(Ok(text.as_bytes())),
                Ok(Err(refusal)) => self.reply(Err(refusal)),
                Err(_) => return, // Not possible: we hold the other end ourselves.
            }
        }
    }

    /// Sends the number of settings first, so that the client knows where they end. They
    /// are never all in memory.
    fn list(&mut self, prefix: &str) -> Result<(), End> {
        self.settle();
        let snapshot = self.store.snapshot()?;
        let mut count = 0_usize;
        snapshot.list(prefix, |_, _| {
            count += 1;
            true
        })?;
        self.reply(Ok(count.to_string().as_bytes()));
        let mut sent = Ok(());
        snapshot.list(prefix, |key, value| {
            for part in [key.as_bytes(), b" ", value, b"\n"] {
                self.replies.extend_from_slice(part);
            }
            if self.replies.len() >= MAX_REPLIES {
                sent = self.flush();
            }
            sent.is_ok()
        })?;
        Ok(sent?)
    }

    /// Adds a reply line to those that wait.
    fn reply(&mut self, outcome: Result<&[u8], Refusal>) {
        match outcome {
            Ok(b"") => self.replies.extend_from_slice(b"OK"),
            Ok(text) => {
                self.replies.extend_from_slice(b"OK ");
                self.replies.extend_from_slice(text);
            }
            Err(refusal) => {
                let line = format!("ERROR {refusal}");
                self.replies.extend_from_slice(line.as_bytes());
            }
        }
        self.replies.push(b'\n');
    }

    /// Refuses to go on: where the next line begins is not known.
    fn refuse(&mut self, refusal: Refusal) -> bool {
        self.settle();
        self.reply(Err(refusal));
        false
    }

    /// Says that the disk failed. Within a list this comes in place of a line, so that
    /// at least the count does not agree.
    fn report(&mut self, error: &redb::Error) {
        eprintln!("cannot read the settings: {error}");
        self.reply(Err(Refusal::Storage));
    }

    /// Sends all replies in one write, once the changes that they acknowledge are made.
    fn flush(&mut self) -> io::Result<()> {
        self.settle();
        self.stream.write_all(&self.replies)?;
        self.replies.clear();
        Ok(())
    }
}
