//! Chapter 7: an echo server that serves many clients at once, each in a thread of its own.
//!
//! Terminal 1:  cargo run -p threaded_server
//! Terminal 2:  cargo run -p threaded_client     (and more terminals, at the same time)
//! Lab sheet:   labs/07_threads.md

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::{Console, Endpoint, Overload, Printable, Slot, Slots};

/// What stands before every message that is sent back.
const PREFIX: &[u8] = b"Echo: ";
/// The most that one read returns, in bytes; a longer message comes in pieces.
const MAX_MESSAGE: usize = 1024;

/// Send every message back behind "Echo: ", to many clients at once.
#[derive(clap::Parser, Clone)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
    /// Seconds after which a client that neither sends nor reads is let go
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
    let addr = listener.local_addr()?;
    println!("Server started on {addr}, waiting for connections...");

    thread::spawn(move || accept_loop(&listener, &args));
    interrupted.recv()?;
    println!("Server shutting down");
    Ok(()) // The process ends, and with it every thread and every connection.
}

/// Gives each client a thread of its own, and is back in accept() at once.
fn accept_loop(listener: &TcpListener, args: &Args) {
    let mut overload = Overload::new(listener);
    let slots = Slots::new(args.max_clients);
    let mut number = 0_u64;
    loop {
        match listener.accept() {
            Ok((stream, peer_addr)) => {
                number += 1;
                start_thread(stream, peer_addr, number, &slots, args);
            }
            Err(error) => overload.shed(listener, &error),
        }
    }
}

/// Starts the thread of one client, or lets the client go when there is no room for it.
fn start_thread(
    stream: TcpStream,
    peer_addr: SocketAddr,
    number: u64,
    slots: &Slots,
    args: &Args,
) {
    let Some(slot) = slots.take() else {
        args.console.failure(format_args!(
            "{peer_addr}: turned away, {} clients are here",
            slots.taken()
        ));
        return; // The stream is dropped, and that closes it.
    };
    let thread = thread::Builder::new().name(format!("client-{number}"));
    let args = args.clone(); // The thread may outlive this call, so it owns what it uses.
    let job = move || handle_client(stream, peer_addr, slot, &args);
    // thread::spawn() would panic here when the system has no thread left.
    if let Err(error) = labkit::spawn_detached(thread, job) {
        eprintln!("{peer_addr}: turned away, no thread: {error}");
    }
}

/// The life of one client. Whatever happens here ends this thread and no other.
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

/// Sends back what arrives, until the client ends its side.
fn echo(mut stream: TcpStream, peer_addr: SocketAddr, args: &Args) -> io::Result<()> {
    // One limit for the client that is silent, and for the one that never reads.
    let idle_timeout = Some(Duration::from_secs(args.idle_timeout));
    stream.set_read_timeout(idle_timeout)?;
    stream.set_write_timeout(idle_timeout)?;

    let mut buf = [0; MAX_MESSAGE];
    let mut reply = Vec::with_capacity(PREFIX.len() + MAX_MESSAGE);
    loop {
        let len = match stream.read(&mut buf) {
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let Some(message) = buf.get(..len).filter(|message| !message.is_empty()) else {
            return Ok(()); // Zero bytes: the client has ended its side.
        };
        let text = Printable(message);
        args.console
            .line(format_args!("Received from {peer_addr}: {text}"));

        // One write: of two small ones the second would wait for the peer's delayed ACK.
        reply.clear();
        reply.extend_from_slice(PREFIX);
        reply.extend_from_slice(message);
        stream.write_all(&reply)?;
    }
}
