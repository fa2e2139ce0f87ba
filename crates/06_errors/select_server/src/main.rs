//! Chapter 6: an echo server for thousands of clients in one thread, which asks the kernel
//! who is ready (select(2), epoll(7)).
//!
//! Terminal 1:  cargo run -p select_server
//! Terminal 2:  nc 127.0.0.1 65432               Terminal 3:  the same again
//! Lab sheet:   labs/06_errors.md
//!
//! The parts: `door` accepts, `clients` knows who is there, `client` has what is left to
//! send to one of them. This file asks who is ready.

mod client;
mod clients;
mod door;

use std::io::ErrorKind;
use std::process::{self, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use labkit::{Console, Endpoint, reason};
use mio::{Events, Interest, Poll, Token};

use clients::Clients;
use door::Door;

/// The listener's token; those of the clients are other ones.
const LISTENER: Token = Token(0);

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

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    end_on_ctrl_c()?;
    let listener = std::net::TcpListener::bind(args.endpoint.addr()?)
        .inspect_err(|error| println!("Socket error on start: {}", reason(error)))
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    let local_addr = listener.local_addr()?;

    let poll = Poll::new()?;
    let mut door = Door::new(listener)?;
    let registry = poll.registry();
    registry.register(door.listener(), LISTENER, Interest::READABLE)?;
    println!("Server started on {local_addr}");
    let clients = Clients::new(args.console);
    event_loop(poll, door, clients, Duration::from_secs(args.idle_timeout))
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

/// Sleeps until a socket is ready or a client's time is up, and serves who is ready.
fn event_loop(
    mut poll: Poll,
    mut door: Door,
    mut clients: Clients,
    idle_timeout: Duration,
) -> anyhow::Result<()> {
    let mut events = Events::with_capacity(1024);
    let mut next_look = Instant::now() + idle_timeout;
    loop {
        let mut timeout = next_look.saturating_duration_since(Instant::now());
        if let Some(rest) = door.rest() {
            timeout = timeout.min(rest);
        }
        match poll.poll(&mut events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            outcome => outcome.context("cannot wait for events")?,
        }
        for event in &events {
            if event.token() != LISTENER {
                clients.serve(event.token(), event.is_read_closed(), poll.registry());
            }
        }
        // The listener comes last, so that descriptors just freed can be used.
        if door.rest().is_some() || events.iter().any(|e| e.token() == LISTENER) {
            clients.admit(&mut door, poll.registry());
        }
        if Instant::now() >= next_look {
            next_look = clients.let_silent_ones_go(idle_timeout);
        }
    }
}
