//! Chapter 11: an HTTP/1.1 server that takes each request apart by hand (RFC 9110,
//! RFC 9112) and refuses what the RFCs forbid.
//!
//! Terminal 1:  cargo run -p http_challenge
//! Terminal 2:  curl -v http://127.0.0.1:8000/hello
//! Lab sheet:   labs/11_http.md
//!
//! request.rs and body.rs parse, response.rs writes, connection.rs holds the
//! conversation with one client; this file listens.

mod connection;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use connection::{Connection, Patience};
use http_challenge::response::{self, Answer, Clock};
use labkit::{Closer, Console, Endpoint, Overload, Slots};

/// Answer HTTP requests with a page that shows what was asked.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<8000>,
    #[command(flatten)]
    console: Console,
    /// Seconds after which a connection without a request is closed
    #[arg(long, default_value_t = 30, value_parser = labkit::seconds())]
    idle_timeout: u64,
    /// Seconds within which the head of a request must arrive
    #[arg(long, default_value_t = 10, value_parser = labkit::seconds())]
    head_timeout: u64,
    /// Seconds within which the body of a request must arrive
    #[arg(long, default_value_t = 30, value_parser = labkit::seconds())]
    body_timeout: u64,
    /// Clients at a time: each has a thread, and browsers keep theirs for a while
    #[arg(long, default_value_t = 2048)]
    max_clients: usize,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let listener = TcpListener::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    let closer = Closer::new().context("cannot start a thread")?;
    println!(
        "HTTP Server running on http://{}\nPress Ctrl+C to stop",
        listener.local_addr()?
    );

    thread::spawn(move || accept_loop(&listener, &closer, &args));
    interrupted.recv()?;
    println!("Server shutting down");
    Ok(())
}

/// Gives every client a thread: with keep-alive it may stay for long.
fn accept_loop(listener: &TcpListener, closer: &Closer, args: &Args) {
    let patience = Patience {
        idle: Duration::from_secs(args.idle_timeout),
        head: Duration::from_secs(args.head_timeout),
        body: Duration::from_secs(args.body_timeout),
    };
    let console = args.console;
    let slots = Slots::new(args.max_clients);
    let mut overload = Overload::new(listener);
    loop {
        let (stream, peer_addr) = match listener.accept() {
            Ok(client) => client,
            Err(error) => {
                overload.shed(listener, &error);
                continue;
            }
        };
        let Some(slot) = slots.take() else {
            turn_away(stream, closer);
            continue;
        };
        let serve_client = move || {
            let _slot = slot; // Free again when this thread ends.
            let served = Connection::new(stream, peer_addr, patience, console)
                .and_then(Connection::serve);
            if let Err(error) = served {
                console.failure(format_args!("{peer_addr}: {}", labkit::reason(&error)));
            }
        };
        // Without a thread the stream is dropped, and so closed.
        if let Err(error) = labkit::spawn_detached(thread::Builder::new(), serve_client) {
            eprintln!("{peer_addr}: no thread: {error}");
        }
    }
}

/// Tells a client that there is no room for it (RFC 9110 §15.6.4), without waiting.
fn turn_away(mut stream: TcpStream, closer: &Closer) {
    let (mut page, mut reply) = (String::new(), String::new());
    response::error_page(&mut page, 503, "Too many clients: come again in a moment.");
    Answer::error(503, false).write(&mut reply, Clock::default().date(), &page);
    // A new connection's send buffer has room for this: the write does not block.
    let _ = stream.write_all(reply.as_bytes());
    // Its request, unread, would turn the reply into a reset. Where more clients come than
    // the closer has places for, the reply may be lost; they are gone all the same.
    closer.close(stream);
}
