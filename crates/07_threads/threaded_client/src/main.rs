//! Chapter 7: a client of the threaded server; start as many at once as you like.
//!
//! Terminal 1:  cargo run -p threaded_server
//! Terminal 2:  cargo run -p threaded_client
//! Lab sheet:   labs/07_threads.md

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::builder::NonEmptyStringValueParser;
use labkit::{Console, Endpoint, Printable};

/// The most that one read returns, in bytes: the message and the words before it.
const MAX_REPLY: usize = 2048;
/// A server that says nothing for this long has forgotten us.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// Send one message to the server and print its answer.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    /// Taken by every program; here only the answer is printed anyway.
    #[command(flatten)]
    _console: Console,
    /// What to send
    #[arg(long, default_value = "Hello from client!", value_parser = NonEmptyStringValueParser::new())]
    message: String,
}

fn main() -> ExitCode {
    labkit::run_client(talk, "threaded_server")
}

fn talk(args: Args) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(&args.endpoint.addrs()?[..])
        .with_context(|| format!("cannot connect to {}", args.endpoint))?;
    stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
    stream
        .write_all(args.message.as_bytes())
        .context("cannot send the message")?;

    let mut buf = [0; MAX_REPLY];
    let len = labkit::uninterrupted(|| stream.read(&mut buf))
        .context("no reply from the server")?;
    match buf.get(..len) {
        None | Some([]) => bail!("the server closed the connection without a reply"),
        Some(reply) => println!("Received: {}", Printable(reply)),
    }
    Ok(())
}
