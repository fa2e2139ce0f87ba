//! Chapter 3: the message server again, with a thread for each client (RFC 9293).
//!
//! Terminal 1:  cargo run -p message_server_threaded
//! Terminal 2:  cargo run -p message_client        Terminal 3:  the same again
//! Lab sheet:   labs/03_sockets.md

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::{Console, Endpoint, Printable};

/// The longest message that one read returns, in bytes.
const MAX_MESSAGE: usize = 1024;
/// Each client costs a thread, so their number has a limit.
const MAX_CLIENTS: usize = 1000;

/// Answer the messages of many clients at once.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<8000>,
    #[command(flatten)]
    console: Console,
    /// Seconds after which a silent client is let go
    #[arg(long, default_value_t = 300, value_parser = labkit::seconds())]
    idle_timeout: u64,
}

/// What each client's thread must know.
#[derive(Clone, Copy)]
struct Settings {
    console: Console,
    idle_timeout: Duration,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    // First of all: whoever sees the ready line may press Ctrl-C at once.
    let interrupted = labkit::ctrl_c()?;
    let listener = TcpListener::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    println!("Listening on {}", listener.local_addr()?);

    let settings = Settings {
        console: args.console,
        idle_timeout: Duration::from_secs(args.idle_timeout),
    };
    // accept() blocks and cannot watch for Ctrl-C, so it has a thread of its own.
    thread::spawn(move || accept_loop(&listener, settings));
    interrupted.recv()?;
    println!("Server shutting down");
    Ok(())
}

/// Accepts for ever, and leaves each client to a thread that ends with it.
fn accept_loop(listener: &TcpListener, settings: Settings) {
    let mut overload = labkit::Overload::new(listener);
    let slots = labkit::Slots::new(MAX_CLIENTS);
    loop {
        let (stream, peer_addr) = match listener.accept() {
            Ok(client) => client,
            Err(error) => {
                overload.shed(listener, &error);
                continue;
            }
        };
        let Some(slot) = slots.take() else {
            settings.console.failure(format_args!(
                "{peer_addr}: turned away, {MAX_CLIENTS} clients are here"
            ));
            continue;
        };
        let started = labkit::spawn_detached(thread::Builder::new(), move || {
            serve_client(stream, peer_addr, settings);
            drop(slot);
        });
        if let Err(error) = started {
            eprintln!("{peer_addr}: turned away, no thread: {error}");
        }
    }
}

/// Serves one client from its first message to its last.
fn serve_client(mut stream: TcpStream, peer_addr: SocketAddr, settings: Settings) {
    let console = settings.console;
    console.line(format_args!("Accepted connection from {peer_addr}"));
    if let Err(error) = converse(&mut stream, settings) {
        settings
            .console
            .failure(format_args!("{peer_addr}: {}", labkit::reason(&error)));
    }
    labkit::lingering_close(stream);
    console.line(format_args!("Connection to client ({peer_addr}) closed"));
}

/// Answers message after message until the client says `close` or closes.
fn converse(stream: &mut TcpStream, settings: Settings) -> io::Result<()> {
    stream.set_read_timeout(Some(settings.idle_timeout))?;
    stream.set_write_timeout(Some(settings.idle_timeout))?;
    let mut buf = [0; MAX_MESSAGE];
    loop {
        let message = match stream.read(&mut buf) {
            Ok(0) => return Ok(()), // The end of the stream: the client has closed.
            Ok(len) => buf.get(..len).unwrap_or_default(),
            // A stopped process that goes on (Ctrl-Z, fg) lands here.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        settings
            .console
            .line(format_args!("Received: {}", Printable(message)));
        if is_close(message) {
            return stream.write_all(b"closed");
        }
        stream.write_all(b"accepted")?;
    }
}

/// Tells whether the message is `close`, in any letter case, a line end allowed.
fn is_close(message: &[u8]) -> bool {
    let word = message.strip_suffix(b"\n").unwrap_or(message);
    let word = word.strip_suffix(b"\r").unwrap_or(word);
    word.eq_ignore_ascii_case(b"close")
}
