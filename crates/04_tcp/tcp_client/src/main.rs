//! Chapter 4: a TCP client that sends one message and prints the answer (RFC 9293).
//!
//! Terminal 1:  cargo run -p tcp_server
//! Terminal 2:  cargo run -p tcp_client
//! Lab sheet:   labs/04_tcp.md

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::builder::NonEmptyStringValueParser;
use labkit::{Console, Endpoint, Printable};

/// The longest reply that one read returns, in bytes.
const MAX_MESSAGE: usize = 1024;
/// A server that says nothing for this long has forgotten us.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// Send one message to the server and print its answer.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<8080>,
    #[command(flatten)]
    console: Console,
    /// What to send
    #[arg(long, default_value = "Hello from client!", value_parser = NonEmptyStringValueParser::new())]
    message: String,
}

fn main() -> ExitCode {
    labkit::run_client(talk, "tcp_server")
}

fn talk(args: Args) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(&args.endpoint.addrs()?[..])
        .with_context(|| format!("cannot connect to {}", args.endpoint))?;
    let server_addr = stream
        .peer_addr()
        .context("the server reset the connection at once")?;
    args.console
        .line(format_args!("Connected to {server_addr}"));
    stream.set_read_timeout(Some(REPLY_TIMEOUT))?;

    stream
        .write_all(args.message.as_bytes())
        .context("cannot send the message")?;

    let mut buf = [0; MAX_MESSAGE];
    // Ctrl-Z and fg interrupt a read that has a time limit: then it is made again.
    let len = labkit::uninterrupted(|| stream.read(&mut buf))
        .context("no reply from the server")?;
    match buf.get(..len) {
        None | Some([]) => bail!("the server closed the connection without a reply"),
        Some(reply) => println!("Received: {}", Printable(reply)),
    }
    Ok(())
}
