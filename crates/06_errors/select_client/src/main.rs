//! Chapter 6: waiting for data with a limit, by asking the kernel what is ready
//! (select(2), epoll(7)).
//!
//! Terminal 1:  nc -l 127.0.0.1 65432             (and type something)
//! Terminal 2:  cargo run -p select_client
//! Lab sheet:   labs/06_errors.md

use std::io::{ErrorKind, Read};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use labkit::{Console, Endpoint, printable};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// The longest message that one read returns, in bytes.
const MAX_MESSAGE: usize = 1024;
/// How long to wait for data.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Wait at most 5 seconds for data from the server.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    /// Taken by every program; here only the answer is printed anyway.
    #[command(flatten)]
    _console: Console,
}

fn main() -> ExitCode {
    labkit::run_client(wait_for_data, "select_server")
}

fn wait_for_data(args: Args) -> anyhow::Result<()> {
    let stream = std::net::TcpStream::connect(&args.endpoint.addrs()?[..])
        .with_context(|| format!("cannot connect to {}", args.endpoint))?;
    stream.set_nonblocking(true)?; // From here on, read() never waits.
    let mut stream = TcpStream::from_std(stream);

    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut stream, Token(0), Interest::READABLE)?;
    let mut events = Events::with_capacity(1);
    let give_up = Instant::now() + TIMEOUT;
    loop {
        let left = give_up.saturating_duration_since(Instant::now());
        if left.is_zero() {
            println!("Timeout waiting for data");
            return Ok(());
        }
        match poll.poll(&mut events, Some(left)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            outcome => outcome.context("cannot wait")?,
        }
        let mut buf = [0; MAX_MESSAGE];
        match stream.read(&mut buf) {
            Ok(0) => bail!("the server closed the connection without sending data"),
            Ok(len) => {
                println!("{}", printable(buf.get(..len).unwrap_or_default()));
                return Ok(());
            }
            // "Ready" is a hint: there may be nothing after all, so wait again.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error).context("cannot receive"),
        }
    }
}
