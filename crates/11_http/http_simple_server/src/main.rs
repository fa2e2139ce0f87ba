//! Chapter 11: the smallest web server that a browser is happy with (RFC 9112).
//!
//! Terminal 1:  cargo run -p http_simple_server
//! Terminal 2:  curl -v http://127.0.0.1:8000/     or open that address in a browser
//! Lab sheet:   labs/11_http.md
//!
//! http.rs knows requests and responses; this file accepts, reads and writes.

mod http;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use labkit::{Closer, Console, Endpoint, Overload, Slots, printable, reason};

/// Threads that block in accept(). A thread per client would cost more than the page.
const ACCEPTING_THREADS: usize = 4;
/// How long such a thread waits for a request: it is nearly always there already.
const QUICK: Duration = Duration::from_millis(10);
/// How long a thread of its own waits: browsers open connections that they may never use.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The most clients that may be waited for.
const MAX_WAITING: usize = 1024;
/// The largest request head in bytes; browsers send about 1000.
const MAX_HEAD: usize = 8 * 1024;

/// Show a page with a visitor counter, whatever is asked for.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<8000>,
    #[command(flatten)]
    console: Console,
}

/// What all threads share.
struct Server {
    console: Console,
    visitors: AtomicU64,
    waiting: Slots,
    closer: Closer,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let listener = TcpListener::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    let local_addr = listener.local_addr()?;
    let listener = Arc::new(listener);
    let server = Arc::new(Server {
        console: args.console,
        visitors: AtomicU64::new(0),
        waiting: Slots::new(MAX_WAITING),
        closer: Closer::new().context("cannot start a thread")?,
    });

    for _ in 0..ACCEPTING_THREADS {
        let (listener, server) = (Arc::clone(&listener), Arc::clone(&server));
        thread::spawn(move || accept_loop(&listener, &server));
    }
    println!("HTTP Server running on http://{local_addr}");
    println!("Open your browser and visit the URL above\nPress Ctrl+C to stop");
    interrupted.recv()?;
    println!("Server shutting down");
    Ok(())
}

/// Serves one client after another; several of these loops run side by side.
fn accept_loop(listener: &TcpListener, server: &Arc<Server>) {
    let mut overload = Overload::new(listener);
    let mut buf = [0; MAX_HEAD];
    loop {
        let (stream, peer_addr) = match listener.accept() {
            Ok(client) => client,
            Err(error) => {
                overload.shed(listener, &error);
                continue;
            }
        };
        let len = match read_for(QUICK, &stream, &mut buf) {
            Ok(0) => continue, // The client connected and left.
            Ok(len) => len,
            Err(error) if is_timeout(&error) => 0, // Nothing has come yet.
            Err(error) => {
                server
                    .console
                    .failure(format_args!("{peer_addr}: {}", reason(&error)));
                continue;
            }
        };
        let received = buf.get(..len).unwrap_or_default();
        if http::is_whole_request(received) {
            if let Err(error) = answer(&stream, peer_addr, received, server) {
                server
                    .console
                    .failure(format_args!("{peer_addr}: {}", reason(&error)));
            }
            // A second request may be right behind. It has no answer here, but unread it
            // would make a reset of the close, and could cost the client its page.
            server.closer.close(stream);
        } else {
            hand_over(stream, peer_addr, received.to_vec(), server);
        }
    }
}

fn read_for(time: Duration, mut stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    stream.set_read_timeout(Some(time))?;
    labkit::uninterrupted(|| stream.read(buf))
}

fn is_timeout(error: &io::Error) -> bool {
    // Unix says "would block" where Windows says "timed out".
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// Gives a client that takes its time a thread of its own.
fn hand_over(
    stream: TcpStream,
    peer_addr: SocketAddr,
    received: Vec<u8>,
    server: &Arc<Server>,
) {
    let Some(slot) = server.waiting.take() else {
        server
            .console
            .failure(format_args!("{peer_addr}: too many clients are waited for"));
        let _ = (&stream).write_all(http::UNAVAILABLE); // It may be gone.
        server.closer.close(stream);
        return;
    };
    let server = Arc::clone(server);
    let wait = move || {
        let _slot = slot;
        if let Err(error) = wait_for_request(stream, peer_addr, received, &server) {
            server
                .console
                .failure(format_args!("{peer_addr}: {}", reason(&error)));
        }
    };
    // Without a thread the stream is dropped, and so closed.
    if let Err(error) = labkit::spawn_detached(thread::Builder::new(), wait) {
        eprintln!("{peer_addr}: no thread: {error}");
    }
}

/// Collects a head that comes late or in pieces, and answers it.
fn wait_for_request(
    stream: TcpStream,
    peer_addr: SocketAddr,
    mut received: Vec<u8>,
    server: &Server,
) -> io::Result<()> {
    let give_up = Instant::now() + IDLE_TIMEOUT;
    let mut buf = [0; MAX_HEAD];
    while http::head_len(&received).is_none() && received.len() < MAX_HEAD {
        let left = give_up.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(()); // However its bytes drip, the client's time is up.
        }
        match read_for(left, &stream, &mut buf) {
            Ok(0) => return Ok(()),
            Ok(len) => received.extend_from_slice(buf.get(..len).unwrap_or_default()),
            Err(error) if is_timeout(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    answer(&stream, peer_addr, &received, server)?;
    // A body may still be on its way.
    labkit::lingering_close(stream);
    Ok(())
}

/// Counts the visitor and sends the page, status line, fields and all, in one write.
fn answer(
    mut stream: &TcpStream,
    peer_addr: SocketAddr,
    received: &[u8],
    server: &Server,
) -> io::Result<()> {
    let Some(request_line) = http::request_line(received) else {
        return stream.write_all(http::BAD_REQUEST);
    };
    let number = server.visitors.fetch_add(1, Ordering::Relaxed) + 1;
    server.console.line(format_args!(
        "\nRequest #{number} from {peer_addr}\nRequest received:\n{}",
        printable(request_line)
    ));
    stream.write_all(http::response(request_line, number).as_bytes())
}
