//! Chapter 8: a chat room. What one says, all others read, and nobody waits for a reader
//! who does not read.
//!
//! Terminal 1:  cargo run -p chat_server
//! Terminal 2:  cargo run -p chat_client      (and the same in terminal 3)
//! Lab sheet:   labs/08_client_server.md
//!
//! The parts: `messages` finds the messages in a stream of bytes, `room` knows who is here
//! and who is told what, `event_loop` moves the bytes between them and the sockets.

mod event_loop;
mod messages;
mod room;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::{Console, Endpoint};
use mio::Waker;

use event_loop::{EventLoop, Limits};

/// Let everybody who connects talk with everybody else.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<5555>,
    #[command(flatten)]
    console: Console,
    /// Confirm each message to its sender, and do nothing else
    #[arg(long)]
    echo_only: bool,
    /// Seconds after which someone who says nothing is let go
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    idle_timeout: u64,
    /// How many may be in the room at a time
    #[arg(long, default_value_t = 2000)]
    max_clients: usize,
}

/// What other threads tell the one that owns the room.
enum Event {
    /// A client has connected.
    Arrival(TcpStream, SocketAddr),
    /// Ctrl-C.
    Shutdown,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let listener = TcpListener::bind(&args.endpoint.addrs()?[..])
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    let (sender, events) = mpsc::channel();
    let limits = Limits {
        idle: Duration::from_secs(args.idle_timeout),
        clients: args.max_clients,
    };
    let room = EventLoop::new(events, limits, args.console, args.echo_only)?;
    println!(
        "[LISTENING] Server is listening on {}",
        listener.local_addr()?
    );

    // Two threads wait for what this one cannot: it waits for the clients' bytes.
    let (waker, waker_of_accept) = (room.waker(), room.waker());
    let arrivals = sender.clone();
    thread::spawn(move || accept_loop(&listener, &arrivals, &waker_of_accept));
    thread::spawn(move || {
        if interrupted.recv().is_ok() && sender.send(Event::Shutdown).is_ok() {
            let _ = waker.wake(); // Fails only if the program already ends.
        }
    });
    room.run()
}

/// Hands every client over to the thread that owns the room.
fn accept_loop(listener: &TcpListener, arrivals: &Sender<Event>, waker: &Waker) {
    let mut overload = labkit::Overload::new(listener);
    loop {
        match listener.accept() {
            Ok((stream, peer_addr)) => {
                if arrivals.send(Event::Arrival(stream, peer_addr)).is_err() {
                    return; // The room is closed.
                }
                if let Err(error) = waker.wake() {
                    eprintln!("cannot wake the room: {}", labkit::reason(&error));
                }
            }
            Err(error) => overload.shed(listener, &error),
        }
    }
}
