//! Chapter 6: an echo server for thousands of clients in one thread, which asks the kernel
//! who is ready (select(2), epoll(7)).
//!
//! Terminal 1:  cargo run -p select_server
//! Terminal 2:  nc 127.0.0.1 65432               Terminal 3:  the same again
//! Lab sheet:   labs/06_errors.md

mod client;
mod door;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::process::{self, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use labkit::{Console, Endpoint, reason};
use mio::{Events, Interest, Poll, Token};

use client::{Client, Turn};
use door::Door;

/// The listener's token; the clients' are 1, 2, 3…, and none is used twice.
const LISTENER: Token = Token(0);
/// Each client costs a descriptor and about a kilobyte.
const MAX_CLIENTS: usize = 10_000;

/// Echo what every client sends, all of them in one thread.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
    /// Seconds after which a silent client is let go
    #[arg(long, default_value_t = 300, value_parser = labkit::seconds())]
    idle_timeout: u64,
}

/// The connected clients, found by the token of their events.
struct Server {
    poll: Poll,
    clients: HashMap<Token, Client>,
    last_token: usize,
    console: Console,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    end_on_ctrl_c()?;
    let listener = std::net::TcpListener::bind(&args.endpoint.addrs()?[..])
        .inspect_err(|error| println!("Socket error on start: {}", reason(error)))
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    let local_addr = listener.local_addr()?;

    let server = Server {
        poll: Poll::new()?,
        clients: HashMap::new(),
        last_token: 0,
        console: args.console,
    };
    let mut door = Door::new(listener)?;
    let registry = server.poll.registry();
    registry.register(door.listener(), LISTENER, Interest::READABLE)?;
    println!("Server started on {local_addr}");
    server.event_loop(door, Duration::from_secs(args.idle_timeout))
}

/// The event loop waits for sockets alone, so a thread of its own waits for Ctrl-C.
fn end_on_ctrl_c() -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    thread::spawn(move || {
        if interrupted.recv().is_ok() {
            println!("Server shutting down");
            process::exit(0); // The kernel closes every socket of a process that ends.
        }
    });
    Ok(())
}

impl Server {
    /// Sleeps until a socket is ready or a client's time is up, and serves who is ready.
    fn event_loop(
        mut self,
        mut door: Door,
        idle_timeout: Duration,
    ) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut next_look = Instant::now() + idle_timeout;
        loop {
            let mut timeout = next_look.saturating_duration_since(Instant::now());
            if let Some(rest) = door.rest() {
                timeout = timeout.min(rest);
            }
            match self.poll.poll(&mut events, Some(timeout)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                outcome => outcome.context("cannot wait for events")?,
            }
            for event in &events {
                if event.token() != LISTENER {
                    self.serve_client(event.token(), event.is_read_closed());
                }
            }
            // The listener comes last, so that descriptors just freed can be used.
            if door.rest().is_some() || events.iter().any(|e| e.token() == LISTENER) {
                self.admit(&mut door);
            }
            if Instant::now() >= next_look {
                next_look = self.let_silent_clients_go(idle_timeout);
            }
        }
    }

    /// Accepts whoever waits.
    fn admit(&mut self, door: &mut Door) {
        while let Some((mut stream, peer_addr)) = door.accept() {
            if self.clients.len() >= MAX_CLIENTS {
                eprintln!("{peer_addr}: turned away, {MAX_CLIENTS} clients are here");
                continue;
            }
            self.last_token += 1;
            let token = Token(self.last_token);
            // Both interests once and for all: an event comes when the state changes
            // (edge-triggered), so nothing need be switched on and off per message.
            let both = Interest::READABLE | Interest::WRITABLE;
            match self.poll.registry().register(&mut stream, token, both) {
                Ok(()) => {
                    self.console.line(format_args!("Connected by {peer_addr}"));
                    self.clients.insert(token, Client::new(stream, peer_addr));
                }
                Err(error) => eprintln!("{peer_addr}: {}", reason(&error)),
            }
        }
    }

    /// Gives one client its turn.
    fn serve_client(&mut self, token: Token, closed: bool) {
        let Some(client) = self.clients.get_mut(&token) else {
            return; // An event of a client that has gone since.
        };
        let more = match client.turn(self.console, closed) {
            Ok(Turn::Wait) => return,
            Ok(Turn::More) => {
                // The kernel reports a state once; asking anew makes it report it again.
                let both = Interest::READABLE | Interest::WRITABLE;
                self.poll
                    .registry()
                    .reregister(&mut client.stream, token, both)
            }
            Ok(Turn::End) => return self.let_go(token),
            Err(error) => Err(error),
        };
        if let Err(error) = more {
            eprintln!("{}: {}", client.peer_addr, reason(&error));
            self.let_go(token);
        }
    }

    /// Drops a client: its socket is closed and thereby deregistered.
    fn let_go(&mut self, token: Token) {
        if let Some(client) = self.clients.remove(&token) {
            self.console
                .line(format_args!("Connection closed with {}", client.peer_addr));
        }
    }

    /// Drops who has been silent for too long; returns when to look again.
    ///
    /// Until the earliest moment at which anybody's time can be up, nobody is looked at.
    fn let_silent_clients_go(&mut self, idle_timeout: Duration) -> Instant {
        let now = Instant::now();
        let ends = |client: &Client| client.last_active + idle_timeout;
        let overdue = self
            .clients
            .iter()
            .filter(|(_, client)| ends(client) <= now);
        let overdue: Vec<Token> = overdue.map(|(token, _)| *token).collect();
        for token in overdue {
            self.let_go(token);
        }
        let next = self.clients.values().map(ends).min();
        next.unwrap_or(now + idle_timeout)
    }
}
