//! Chapter 8: the server half of an application: it answers many clients at once, each
//! in a thread of its own.
//!
//! Terminal 1:  cargo run -p app_server
//! Terminal 2:  cargo run -p app_client
//! Lab sheet:   labs/08_client_server.md

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::{Closer, Console, Endpoint, Slot, Slots, printable};

/// The longest message that one read returns, in bytes.
const MAX_MESSAGE: usize = 1024;
/// What stands before every message that goes back.
const PREFIX: &[u8] = b"Server echo: ";
/// What a client is told that comes when all places are taken.
const FULL: &[u8] = b"The server is full, please try again later.";

/// Echo what each client sends, many clients at once.
#[derive(clap::Parser, Clone)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
    /// Seconds after which a silent client is let go
    #[arg(long, default_value_t = 300, value_parser = labkit::seconds())]
    idle_timeout: u64,
    /// How many clients are served at a time
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
    println!(
        "Server started on {}, waiting for connections...",
        listener.local_addr()?
    );

    let closer = Closer::new().context("cannot start a thread")?;
    thread::spawn(move || accept_loop(&listener, &closer, &args));
    interrupted.recv()?;
    println!("Server shutting down");
    Ok(())
}

/// Gives every client a thread, for ever.
fn accept_loop(listener: &TcpListener, closer: &Closer, args: &Args) {
    let mut overload = labkit::Overload::new(listener);
    let slots = Slots::new(args.max_clients);
    let mut number = 0_u64;
    loop {
        match listener.accept() {
            Ok((stream, peer_addr)) => {
                number += 1;
                let Some(slot) = slots.take() else {
                    turn_away(stream, peer_addr, closer, args);
                    continue;
                };
                start_handler(stream, peer_addr, number, slot, args);
            }
            Err(error) => overload.shed(listener, &error),
        }
    }
}

/// Tells a client that there is no room for it, without waiting.
fn turn_away(mut stream: TcpStream, peer_addr: SocketAddr, closer: &Closer, args: &Args) {
    // A new connection's send buffer has room for this: the write does not block.
    let _ = stream.write_all(FULL);
    // Its first message, unread, would turn the reply into a reset.
    closer.close(stream);
    args.console.failure(format_args!(
        "{peer_addr}: turned away, {} are here",
        args.max_clients
    ));
}

/// Starts the thread of one client.
fn start_handler(
    stream: TcpStream,
    peer_addr: SocketAddr,
    number: u64,
    slot: Slot,
    args: &Args,
) {
    let args = args.clone();
    let thread = thread::Builder::new().name(format!("client-{number}"));
    let job = move || handle_client(stream, peer_addr, slot, &args);
    if let Err(error) = labkit::spawn_detached(thread, job) {
        // The system has no thread left. The stream is closed by being dropped.
        eprintln!("{peer_addr}: no thread: {error}");
    }
}

/// The life of one client, from hello to good-bye.
fn handle_client(stream: TcpStream, peer_addr: SocketAddr, _slot: Slot, args: &Args) {
    let console = args.console;
    let name = thread::current().name().unwrap_or("unnamed").to_owned();
    console.line(format_args!("Started thread {name} for {peer_addr}"));
    console.line(format_args!("New connection from {peer_addr}"));
    match echo(stream, peer_addr, args) {
        Ok(()) => console.line(format_args!("Connection closed by {peer_addr}")),
        Err(error) => {
            let reason = labkit::reason(&error);
            console.line(format_args!("Error with client {peer_addr}: {reason}"));
        }
    }
    console.line(format_args!("Connection handler closed for {peer_addr}"));
}

/// Sends every message back behind the prefix, until the client closes.
fn echo(mut stream: TcpStream, peer_addr: SocketAddr, args: &Args) -> io::Result<()> {
    // One limit for the silent client, and for the one that never reads our replies.
    let idle_timeout = Some(Duration::from_secs(args.idle_timeout));
    stream.set_read_timeout(idle_timeout)?;
    stream.set_write_timeout(idle_timeout)?;

    let mut buf = [0; MAX_MESSAGE];
    loop {
        let len = match stream.read(&mut buf) {
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let Some(message) = buf.get(..len).filter(|message| !message.is_empty()) else {
            return Ok(());
        };
        let text = printable(message);
        args.console
            .line(format_args!("Received from {peer_addr}: {text}"));
        // One write: two small ones would wait for each other (Nagle and delayed ACK).
        stream.write_all(&[PREFIX, message].concat())?;
    }
}
