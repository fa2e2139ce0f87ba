//! Chapter 4: a TCP server that greets its clients one after another and numbers them
//! (RFC 9293).
//!
//! Terminal 1:  cargo run -p tcp_server
//! Terminal 2:  cargo run -p tcp_client
//! Lab sheet:   labs/04_tcp.md

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::{Closer, Console, Endpoint, Printable};

/// The longest message that one read returns, in bytes.
const MAX_MESSAGE: usize = 1024;

/// Greet every client with its number, one client after another.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<8080>,
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
    // First of all: whoever sees the ready line may press Ctrl-C at once.
    let interrupted = labkit::ctrl_c()?;
    // std does three steps of the sheet in one call: socket(), bind(), listen(). On Unix
    // it also sets SO_REUSEADDR, so that a restart need not wait for old connections.
    let listener = TcpListener::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    println!("TCP Server listening on {}", listener.local_addr()?);

    // accept() blocks and cannot watch for Ctrl-C, so it has a thread of its own.
    let closer = Closer::new().context("cannot start a thread")?;
    thread::spawn(move || accept_loop(&listener, &closer, &args));
    interrupted.recv()?;
    println!("Server shutting down");
    Ok(())
}

/// Serves one client after another, for ever: while one is silent, all others wait.
fn accept_loop(listener: &TcpListener, closer: &Closer, args: &Args) {
    let mut overload = labkit::Overload::new(listener);
    let mut number = 0_u64;
    loop {
        match listener.accept() {
            Ok((mut stream, peer_addr)) => {
                number += 1;
                if let Err(error) = greet(&mut stream, peer_addr, number, args) {
                    // One client's failure never ends the server.
                    let reason = labkit::reason(&error);
                    args.console.failure(format_args!("{peer_addr}: {reason}"));
                }
                // Not dropped here: while the client still sends, that would be a reset,
                // and could cost it our reply. The next client need not wait for it.
                closer.close(stream);
            }
            Err(error) => overload.shed(listener, &error),
        }
    }
}

/// Reads one message and answers it.
fn greet(
    stream: &mut TcpStream,
    peer_addr: SocketAddr,
    number: u64,
    args: &Args,
) -> io::Result<()> {
    args.console
        .line(format_args!("\nConnection #{number} from {peer_addr}"));
    stream.set_read_timeout(Some(Duration::from_secs(args.idle_timeout)))?;

    let mut buf = [0; MAX_MESSAGE];
    // Ctrl-Z and fg interrupt a read that has a time limit: then it is made again.
    let len = labkit::uninterrupted(|| stream.read(&mut buf))?;
    let Some(message) = buf.get(..len).filter(|message| !message.is_empty()) else {
        return Ok(()); // Zero bytes: the client closed without a word.
    };
    args.console
        .line(format_args!("Received: {}", Printable(message)));

    stream.write_all(format!("Hello! You are connection #{number}").as_bytes())
}
