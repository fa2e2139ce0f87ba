//! Chapter 3: the life of a socket: a server that talks with one client until it says
//! `close` (RFC 9293).
//!
//! Terminal 1:  cargo run -p message_server
//! Terminal 2:  cargo run -p message_client
//! Lab sheet:   labs/03_sockets.md

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::{Console, Endpoint, Printable};

/// The longest message that one read returns, in bytes.
const MAX_MESSAGE: usize = 1024;

/// Answer the messages of one client, then end.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<8000>,
    #[command(flatten)]
    console: Console,
    /// Seconds after which a silent client is let go
    #[arg(long, default_value_t = 30, value_parser = labkit::seconds())]
    idle_timeout: u64,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    end_on_ctrl_c()?;
    // std does three steps of the sheet in one call: socket(), bind(), listen().
    let listener = TcpListener::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    println!("Listening on {}", listener.local_addr()?);

    let mut overload = labkit::Overload::new(&listener);
    let (mut stream, peer_addr) = loop {
        match listener.accept() {
            Ok(client) => break client,
            Err(error) => overload.shed(&listener, &error),
        }
    };
    args.console
        .line(format_args!("Accepted connection from {peer_addr}"));
    if let Err(error) = converse(&mut stream, &args) {
        args.console
            .failure(format_args!("{peer_addr}: {}", labkit::reason(&error)));
    }
    labkit::lingering_close(stream);
    args.console
        .line(format_args!("Connection to client closed"));
    Ok(())
}

/// accept() and read() block and cannot watch for Ctrl-C, so a thread of its own does.
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

/// Answers message after message until the client says `close` or closes.
fn converse(stream: &mut TcpStream, args: &Args) -> io::Result<()> {
    let idle_timeout = Some(Duration::from_secs(args.idle_timeout));
    stream.set_read_timeout(idle_timeout)?;
    stream.set_write_timeout(idle_timeout)?;
    let mut buf = [0; MAX_MESSAGE];
    loop {
        let message = match stream.read(&mut buf) {
            Ok(0) => return Ok(()), // The end of the stream: the client has closed.
            Ok(len) => buf.get(..len).unwrap_or_default(),
            // A stopped process that goes on (Ctrl-Z, fg) lands here.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        args.console
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
