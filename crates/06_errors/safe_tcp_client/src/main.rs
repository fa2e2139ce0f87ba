//! Chapter 6: a client with an answer to every failure: it never hangs, and it says what
//! went wrong (RFC 9293).
//!
//! Terminal 1:  cargo run -p tcp_server
//! Terminal 2:  cargo run -p safe_tcp_client
//! Lab sheet:   labs/06_errors.md

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use labkit::{Console, Endpoint, printable, reason};

/// The longest reply that one read returns, in bytes.
const MAX_MESSAGE: usize = 1024;
/// How long each step may take: connecting, and then the reply.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Send one message, print the answer, and name whatever goes wrong.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<8080>,
    /// Taken by every program; here only the answer is printed anyway.
    #[command(flatten)]
    _console: Console,
    /// What to send
    #[arg(long, default_value = "Hello")]
    message: String,
}

fn main() -> ExitCode {
    labkit::run_client(talk, "tcp_server")
}

fn talk(args: Args) -> anyhow::Result<()> {
    let addrs = args
        .endpoint
        .addrs()
        .inspect_err(|_| println!("Invalid hostname"))?;
    let reply = ask(&addrs, &args).inspect_err(name)?;
    println!("Received: {}", printable(&reply));
    Ok(())
}

/// Prints which kind of failure this is: each kind has another cure.
fn name(error: &anyhow::Error) {
    let cause = error.downcast_ref::<io::Error>();
    match cause.map(io::Error::kind) {
        // The kernel calls an elapsed read timeout "would block" (socket(7)).
        Some(ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
            println!("Connection timed out");
        }
        Some(ErrorKind::ConnectionRefused) => {
            println!("Connection refused - is server running?");
        }
        _ => match cause {
            Some(cause) => println!("Error: {}", reason(cause)),
            None => println!("Error: {error}"),
        },
    }
}

/// Connects, sends the message and returns the reply.
fn ask(addrs: &[SocketAddr], args: &Args) -> anyhow::Result<Vec<u8>> {
    let mut stream =
        connect(addrs).with_context(|| format!("cannot connect to {}", args.endpoint))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream
        .write_all(args.message.as_bytes())
        .context("cannot send the message")?;

    let mut buf = [0; MAX_MESSAGE];
    let len = labkit::uninterrupted(|| stream.read(&mut buf))
        .context("no reply from the server")?;
    match buf.get(..len) {
        None | Some([]) => bail!("the server closed the connection without a reply"),
        Some(reply) => Ok(reply.to_vec()),
    }
}

/// Tries one address after the other. Without a limit of our own, connect() to a machine
/// that drops our packets takes more than two minutes on Linux (tcp(7), tcp_syn_retries).
fn connect(addrs: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut outcome = Err(io::Error::from(ErrorKind::AddrNotAvailable));
    for addr in addrs {
        outcome = TcpStream::connect_timeout(addr, TIMEOUT);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}
