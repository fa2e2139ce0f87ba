//! Chapter 4: a TCP server that sends every byte back, to one client after another
//! (RFC 862, RFC 9293).
//!
//! Terminal 1:  cargo run -p echo_server
//! Terminal 2:  cargo run -p echo_client
//! Lab sheet:   labs/04_tcp.md

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::{Console, Endpoint, Printable};

/// The most that one read returns, in bytes; a longer message comes in pieces.
const MAX_MESSAGE: usize = 1024;

/// Send every byte back, to one client after another.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
    /// Seconds after which a client that neither sends nor reads is let go
    #[arg(long, default_value_t = 30, value_parser = labkit::seconds())]
    idle_timeout: u64,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let listener = TcpListener::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    println!("Server started on {}", listener.local_addr()?);

    thread::spawn(move || accept_loop(&listener, &args));
    interrupted.recv()?;
    println!("Server shutting down");
    Ok(())
}

/// Serves one client after another, for ever: a client stays until it has said all, and
/// so long all others wait.
fn accept_loop(listener: &TcpListener, args: &Args) {
    let mut overload = labkit::Overload::new(listener);
    loop {
        match listener.accept() {
            Ok((stream, peer_addr)) => {
                args.console.line(format_args!("Connected by {peer_addr}"));
                if let Err(error) = echo(stream, args) {
                    let reason = labkit::reason(&error);
                    args.console.failure(format_args!("{peer_addr}: {reason}"));
                }
                args.console
                    .line(format_args!("Connection closed with {peer_addr}"));
            }
            Err(error) => overload.shed(listener, &error),
        }
    }
}

/// Sends back what arrives, piece by piece, until the client ends its side.
fn echo(mut stream: TcpStream, args: &Args) -> io::Result<()> {
    let idle_timeout = Some(Duration::from_secs(args.idle_timeout));
    stream.set_read_timeout(idle_timeout)?;
    // A client that never reads fills our send buffer: then write_all() would block for
    // ever, and with it everybody who waits.
    stream.set_write_timeout(idle_timeout)?;

    let mut buf = [0; MAX_MESSAGE];
    loop {
        let len = match stream.read(&mut buf) {
            Ok(len) => len,
            // A signal came in between, nothing else: read again.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let Some(piece) = buf.get(..len).filter(|piece| !piece.is_empty()) else {
            return Ok(()); // Zero bytes: the client has ended its side.
        };
        args.console
            .line(format_args!("Received: {}", Printable(piece)));
        // write() may take only a part; write_all() repeats it for the rest.
        stream.write_all(piece)?;
    }
}
