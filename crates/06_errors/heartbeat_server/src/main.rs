//! Chapter 6: a server that asks its clients every second whether they are still there,
//! and drops those who do not answer.
//!
//! Terminal 1:  cargo run -p heartbeat_server
//! Terminal 2:  cargo run -p heartbeat_client
//! Lab sheet:   labs/06_errors.md

mod text;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use labkit::{Console, Endpoint, reason};

use text::next_line;

/// The longest line, in bytes: `PING` and `PONG` are the only words.
const MAX_LINE: usize = 64;
/// So many beats without an answer, and the client counts as gone.
const MISSED_BEATS: u32 = 3;
/// Each client costs a thread, so their number has a limit.
const MAX_CLIENTS: usize = 1000;

/// Send PING to every client, and drop who misses three of them.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
    /// Seconds from beat to beat
    #[arg(long, default_value = "1", value_name = "SECONDS")]
    #[arg(value_parser = labkit::duration(0.01..=3600.0))]
    interval: Duration,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    // First of all: whoever sees the ready line may press Ctrl-C at once.
    let interrupted = labkit::ctrl_c()?;
    let listener = TcpListener::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    println!("Server started on {}", listener.local_addr()?);

    // accept() blocks and cannot watch for Ctrl-C, so it has a thread of its own.
    thread::spawn(move || accept_loop(&listener, args.console, args.interval));
    interrupted.recv()?;
    println!("Server shutting down");
    Ok(())
}

/// Accepts for ever, and leaves each client to a thread that ends with it.
fn accept_loop(listener: &TcpListener, console: Console, interval: Duration) {
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
            console.failure(format_args!(
                "{peer_addr}: turned away, {MAX_CLIENTS} clients are here"
            ));
            continue;
        };
        let started = labkit::spawn_detached(thread::Builder::new(), move || {
            console.line(format_args!("Connected by {peer_addr}"));
            if let Err(error) = keep_beating(stream, peer_addr, console, interval) {
                console.failure(format_args!("{peer_addr}: {}", reason(&error)));
            }
            console.line(format_args!("Connection closed with {peer_addr}"));
            drop(slot);
        });
        if let Err(error) = started {
            eprintln!("{peer_addr}: turned away, no thread: {error}");
        }
    }
}

/// Sends a PING per interval until the client closes or has missed three of them.
fn keep_beating(
    mut stream: TcpStream,
    peer_addr: SocketAddr,
    console: Console,
    interval: Duration,
) -> io::Result<()> {
    stream.set_write_timeout(Some(interval * MISSED_BEATS))?;
    let mut received = Vec::new();
    let mut missed = 0;
    while missed < MISSED_BEATS {
        stream.write_all(b"PING\n")?;
        let next_beat = Instant::now() + interval;
        missed += 1;
        loop {
            match read_line(next_beat, &mut stream, &mut received)? {
                Heard::Line(line) if line == b"PONG" => {
                    missed = 0;
                    console.line(format_args!("PONG from {peer_addr}"));
                }
                Heard::Line(line) if line == b"PING" => stream.write_all(b"PONG\n")?,
                Heard::Line(_) => {} // Not a word of this protocol, and no sign of health.
                Heard::Nothing => break,
                Heard::End => return Ok(()),
            }
        }
        if missed > 0 {
            console.line(format_args!(
                "{peer_addr} missed {missed} of {MISSED_BEATS}"
            ));
        }
    }
    Ok(())
}

/// What the time until the next beat has brought.
enum Heard {
    Line(Vec<u8>),
    /// Nothing: the time is up.
    Nothing,
    /// The client has closed.
    End,
}

/// Takes the next line out of what has been received, and waits for it until the deadline.
fn read_line(
    deadline: Instant,
    stream: &mut TcpStream,
    received: &mut Vec<u8>,
) -> io::Result<Heard> {
    let mut buf = [0; MAX_LINE];
    loop {
        if let Some(line) = next_line(received) {
            return Ok(Heard::Line(line));
        }
        if received.len() > MAX_LINE {
            let why = "the line is too long";
            return Err(io::Error::new(ErrorKind::InvalidData, why));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Heard::Nothing); // A read timeout of zero would be an error.
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buf) {
            Ok(0) => return Ok(Heard::End),
            Ok(len) => received.extend_from_slice(buf.get(..len).unwrap_or_default()),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return Ok(Heard::Nothing),
                ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
}
