//! Chapter 6: an echo server that names everything that can go wrong with a client, and
//! survives it (RFC 9293).
//!
//! Terminal 1:  cargo run -p robust_server -- --log server.log
//! Terminal 2:  cargo run -p robust_client
//! Lab sheet:   labs/06_errors.md

mod logging;
mod text;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::{Console, Endpoint, printable, reason};

/// The longest message that one read returns, in bytes.
const MAX_MESSAGE: usize = 1024;
/// How long the rest of a character may take that one read has cut in two.
const REST_OF_CHARACTER: Duration = Duration::from_millis(500);

/// Echo what each client sends, one client after another, and log what happens.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
    /// Seconds after which a silent client is let go
    #[arg(long, default_value_t = 5, value_parser = labkit::seconds())]
    idle_timeout: u64,
    /// Append a log to this file; RUST_LOG=debug says more, RUST_LOG=warn less
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// How a conversation ends, when the network is not to blame.
enum End {
    Disconnected,
    Timeout,
    NotUtf8,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    // First of all: whoever sees the ready line may press Ctrl-C at once.
    let interrupted = labkit::ctrl_c()?;
    logging::start(args.log.as_deref())?;
    let listener = TcpListener::bind(args.endpoint.addr()?)
        .inspect_err(|error| println!("Socket error on start: {}", reason(error)))
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    println!("Server started on {}", listener.local_addr()?);
    log::info!("listening on {}", listener.local_addr()?);

    // accept() blocks and cannot watch for Ctrl-C, so it has a thread of its own.
    thread::spawn(move || accept_loop(&listener, &args));
    interrupted.recv()?;
    println!("Server shutting down");
    log::info!("shutting down");
    println!("Server closed");
    Ok(())
}

/// Serves one client after another, for ever.
fn accept_loop(listener: &TcpListener, args: &Args) {
    let mut overload = labkit::Overload::new(listener);
    loop {
        match listener.accept() {
            Ok((stream, peer_addr)) => serve_client(stream, peer_addr, args),
            Err(error) => {
                log::error!("accept: {error}");
                overload.shed(listener, &error);
            }
        }
    }
}

/// Talks with one client, and says how it ended.
fn serve_client(mut stream: TcpStream, peer_addr: SocketAddr, args: &Args) {
    let console = args.console;
    console.line(format_args!("Connected to {peer_addr}"));
    log::info!("{peer_addr} connected");
    let end = converse(&mut stream, peer_addr, args);
    match &end {
        Ok(End::Disconnected) => {
            console.line(format_args!("Client {peer_addr} disconnected"));
            log::info!("{peer_addr} disconnected");
        }
        Ok(End::Timeout) => {
            console.line(format_args!("Timeout: No data received from client"));
            log::warn!("{peer_addr} silent for {} s, let go", args.idle_timeout);
        }
        Ok(End::NotUtf8) => {
            console.line(format_args!("Received data is not UTF-8 encoded"));
            log::warn!("{peer_addr} sent bytes that are not UTF-8, let go");
        }
        Err(error) => {
            let why = reason(error);
            console.line(format_args!("Socket error with client {peer_addr}: {why}"));
            log::error!("{peer_addr} failed: {error}");
        }
    }
    labkit::lingering_close(stream);
}

/// Echoes piece after piece until something ends it.
fn converse(stream: &mut TcpStream, peer: SocketAddr, args: &Args) -> io::Result<End> {
    let idle_timeout = Duration::from_secs(args.idle_timeout);
    stream.set_write_timeout(Some(idle_timeout))?;
    let mut buf = [0; MAX_MESSAGE];
    let mut kept = 0; // So many bytes of a cut character stand at the start of buf.
    loop {
        // Within a character silence and the end mean that the rest of it is missing.
        let (patience, silence, end) = if kept == 0 {
            (idle_timeout, End::Timeout, End::Disconnected)
        } else {
            (REST_OF_CHARACTER, End::NotUtf8, End::NotUtf8)
        };
        stream.set_read_timeout(Some(patience))?;
        let len = match stream.read(buf.get_mut(kept..).unwrap_or_default()) {
            Ok(0) => return Ok(end),
            Ok(len) => kept + len,
            Err(error) => match error.kind() {
                // A stopped process that goes on (Ctrl-Z, fg) lands here.
                ErrorKind::Interrupted => continue,
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return Ok(silence),
                _ => return Err(error),
            },
        };
        let received = buf.get(..len).unwrap_or_default();
        let Some(text) = text::whole_characters(received) else {
            return Ok(End::NotUtf8);
        };
        if !text.is_empty() {
            let shown = printable(text.as_bytes());
            args.console.line(format_args!("Received: {shown}"));
            log::debug!("{peer} sent {} bytes: {shown}", text.len());
            stream.write_all(format!("Echo: {text}").as_bytes())?;
        }
        let done = text.len();
        buf.copy_within(done..len, 0);
        kept = len - done;
    }
}
