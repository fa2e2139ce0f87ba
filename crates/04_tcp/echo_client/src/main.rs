//! Chapter 4: a TCP client that sends one message and reads until all of it is back
//! (RFC 862, RFC 9293).
//!
//! Terminal 1:  cargo run -p echo_server
//! Terminal 2:  cargo run -p echo_client
//! Lab sheet:   labs/04_tcp.md

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::builder::NonEmptyStringValueParser;
use labkit::{Console, Endpoint, Printable};

/// A server that says nothing for this long has forgotten us.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// A server that pauses for this long in its reply has said all it has to say.
const PAUSE: Duration = Duration::from_secs(1);

/// Send one message to the echo server and print what comes back.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    /// Taken by every program; here only the answer is printed anyway.
    #[command(flatten)]
    _console: Console,
    /// What to send
    #[arg(long, default_value = "Hello, Server!", value_parser = NonEmptyStringValueParser::new())]
    message: String,
}

fn main() -> ExitCode {
    labkit::run_client(talk, "echo_server")
}

fn talk(args: Args) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(&args.endpoint.addrs()?[..])
        .with_context(|| format!("cannot connect to {}", args.endpoint))?;
    stream
        .write_all(args.message.as_bytes())
        .context("cannot send the message")?;

    let reply = read_reply(&mut stream, args.message.len())
        .context("no reply from the server")?;
    if reply.is_empty() {
        bail!("the server closed the connection without a reply");
    }
    println!("Received '{}'", Printable(&reply));
    Ok(())
}

/// Reads until `expected` bytes have come, the server closes, or it pauses.
///
/// One read() is not enough: TCP carries a stream of bytes and keeps no message together,
/// so what went out in one write may come back in two pieces.
fn read_reply(stream: &mut TcpStream, expected: usize) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
    let mut reply = Vec::new();
    let mut buf = [0; 1024];
    while reply.len() < expected {
        match stream.read(&mut buf) {
            Ok(0) => break,
            Ok(len) => reply.extend(buf.iter().take(len)),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) if !reply.is_empty() => break,
            Err(error) => return Err(error),
        }
        stream.set_read_timeout(Some(PAUSE))?;
    }
    Ok(reply)
}
