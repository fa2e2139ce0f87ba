//! The connected clients: who comes, who is served, who goes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use labkit::{Console, reason};
use mio::{Interest, Registry, Token};

use crate::client::{Client, Turn};
use crate::door::Door;

/// Each client costs a descriptor and about a kilobyte.
const MAX_CLIENTS: usize = 10_000;
/// Clients are watched for both, once and for all: an event comes when the state changes
/// (edge-triggered), so nothing need be switched on and off per message.
const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// All clients, found by the token of their events.
pub struct Clients {
    by_token: HashMap<Token, Client>,
    /// The tokens are 1, 2, 3…, and none is used twice.
    last_token: usize,
    console: Console,
}

impl Clients {
    pub fn new(console: Console) -> Self {
        Clients {
            by_token: HashMap::new(),
            last_token: 0,
            console,
        }
    }

    /// Accepts whoever waits.
    pub fn admit(&mut self, door: &mut Door, registry: &Registry) {
        while let Some((mut stream, peer_addr)) = door.accept() {
            if self.by_token.len() >= MAX_CLIENTS {
                self.console.failure(format_args!(
                    "{peer_addr}: turned away, {MAX_CLIENTS} clients are here"
                ));
                continue;
            }
            self.last_token += 1;
            let token = Token(self.last_token);
            match registry.register(&mut stream, token, BOTH) {
                Ok(()) => {
                    self.console.line(format_args!("Connected by {peer_addr}"));
                    self.by_token.insert(token, Client::new(stream, peer_addr));
                }
                Err(error) => self
                    .console
                    .failure(format_args!("{peer_addr}: {}", reason(&error))),
            }
        }
    }

    /// Gives one client its turn; `closed` tells that its end of the stream has arrived.
    pub fn serve(&mut self, token: Token, closed: bool, registry: &Registry) {
        let Some(client) = self.by_token.get_mut(&token) else {
            return; // An event of a client that has gone since.
        };
        let outcome = match client.turn(self.console, closed) {
            Ok(Turn::Wait) => return,
            Ok(Turn::End) => return self.let_go(token),
            // The kernel reports a state once; asking anew makes it report it again.
            Ok(Turn::More) => registry.reregister(&mut client.stream, token, BOTH),
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            self.console.failure(format_args!(
                "{}: {}",
                client.peer_addr,
                reason(&error)
            ));
            self.let_go(token);
        }
    }

    /// Drops a client: its socket is closed and thereby deregistered.
    fn let_go(&mut self, token: Token) {
        if let Some(client) = self.by_token.remove(&token) {
            self.console
                .line(format_args!("Connection closed with {}", client.peer_addr));
        }
    }

    /// Drops who has been silent for too long; returns when to look again.
    ///
    /// Until the earliest moment at which anybody's time can be up, nobody is looked at.
    pub fn let_silent_ones_go(&mut self, idle_timeout: Duration) -> Instant {
        let now = Instant::now();
        let mut next_look = now + idle_timeout;
        let mut overdue = Vec::new();
        for (token, client) in &self.by_token {
            let end = client.last_active + idle_timeout;
            if end <= now {
                overdue.push(*token);
            } else {
                next_look = next_look.min(end);
            }
        }
        for token in overdue {
            self.let_go(token);
        }
        next_look
    }
}
