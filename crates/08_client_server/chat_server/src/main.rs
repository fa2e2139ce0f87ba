//! Chapter 8: a chat room. What one says, all others read, and nobody waits for a reader
//! who does not read.
//!
//! Terminal 1:  cargo run -p chat_server
//! Terminal 2:  cargo run -p chat_client      (and the same in terminal 3)
//! Lab sheet:   labs/08_client_server.md
//!
//! The parts: `reading` reads from one client, `messages` finds the messages in its bytes,
//! `room` knows who is here and who is told what, `delivery` writes to the sockets of all.

mod delivery;
mod messages;
mod reading;
mod room;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::{Console, Endpoint, Overload, Slots, reason};

use delivery::Chat;

/// How many may at a time be told that the room is full; more are closed without a word.
const TOLD_TO_GO: usize = 32;

/// Let everybody who connects talk with everybody else.
#[derive(clap::Parser, Clone)]
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
    #[arg(long, default_value_t = 3600, value_parser = labkit::seconds())]
    idle_timeout: u64,
    /// How many may be in the room at a time
    #[arg(long, default_value_t = 2000)]
    max_clients: usize,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let listener = TcpListener::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    let chat = Arc::new(Chat::new(args.console, args.echo_only));
    println!(
        "[LISTENING] Server is listening on {}",
        listener.local_addr()?
    );

    let room = Arc::clone(&chat);
    thread::spawn(move || accept_loop(&listener, &room, &args));
    interrupted.recv()?;
    println!("[SHUTDOWN] Server shutting down");
    chat.say_good_bye();
    Ok(())
}

/// Gives each client a thread of its own, which reads what that client says.
fn accept_loop(listener: &TcpListener, chat: &Arc<Chat>, args: &Args) {
    let mut overload = Overload::new(listener);
    let slots = Slots::new(args.max_clients + TOLD_TO_GO);
    loop {
        match listener.accept() {
            Ok((stream, peer_addr)) => {
                let Some(slot) = slots.take() else {
                    args.console.failure(format_args!(
                        "{peer_addr}: turned away, too many at the door"
                    ));
                    continue; // The stream is dropped, and that closes it.
                };
                let (chat, args) = (Arc::clone(chat), args.clone());
                let job = move || {
                    serve_client(stream, peer_addr, &chat, &args);
                    drop(slot);
                };
                // A small stack: two thousand clients are two thousand threads.
                let thread = thread::Builder::new().stack_size(256 * 1024);
                if let Err(error) = labkit::spawn_detached(thread, job) {
                    eprintln!("{peer_addr}: turned away, no thread: {error}");
                }
            }
            Err(error) => overload.shed(listener, &error),
        }
    }
}

/// The life of one client, from the greeting to the farewell.
fn serve_client(stream: TcpStream, peer_addr: SocketAddr, chat: &Arc<Chat>, args: &Args) {
    let seat = match chat.enter(stream, peer_addr, args.max_clients) {
        Ok(Some(seat)) => seat,
        Ok(None) => {
            return args
                .console
                .failure(format_args!("{peer_addr}: turned away, the room is full"));
        }
        Err(error) => {
            return args
                .console
                .failure(format_args!("{peer_addr}: {}", reason(&error)));
        }
    };
    let idle_timeout = Duration::from_secs(args.idle_timeout);
    let end = reading::read_messages(&seat, chat, idle_timeout);
    let why = chat
        .why_dropped(&seat)
        .or(end.err().map(|error| reason(&error)));
    if let Some(why) = why {
        args.console
            .line(format_args!("[ERROR] {peer_addr}: {why}"));
    }
    args.console
        .line(format_args!("[DISCONNECT] {peer_addr} disconnected"));
    chat.leave(seat);
}
