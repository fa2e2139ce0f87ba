//! Chapter 11: the smallest web server that a browser is happy with (RFC 9112).
//!
//! Terminal 1:  cargo run -p http_simple_server
//! Terminal 2:  curl -v http://127.0.0.1:8000/     or open that address in a browser
//! Lab sheet:   labs/11_http.md

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use labkit::{Console, Endpoint, Overload, Slots, printable, reason};

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
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let listener = TcpListener::bind(&args.endpoint.addrs()?[..])
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    let local_addr = listener.local_addr()?;
    let listener = Arc::new(listener);
    let server = Arc::new(Server {
        console: args.console,
        visitors: AtomicU64::new(0),
        waiting: Slots::new(MAX_WAITING),
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
            Err(error) if is_timeout(&error) => 0,
            Err(error) => {
                eprintln!("{peer_addr}: {}", reason(&error));
                continue;
            }
        };
        let received = buf.get(..len).unwrap_or_default();
        if is_whole_request(received) {
            if let Err(error) = answer(&stream, peer_addr, received, server) {
                eprintln!("{peer_addr}: {}", reason(&error));
            }
            continue; // Every byte has been read: dropping the stream sends FIN, not RST.
        }
        hand_over(stream, peer_addr, received.to_vec(), server);
    }
}

fn read_for(time: Duration, mut stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    stream.set_read_timeout(Some(time))?;
    stream.read(buf)
}

fn is_timeout(error: &io::Error) -> bool {
    // Unix says "would block" where Windows says "timed out".
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// Tells whether these bytes are one request to the end: a head, and no body after it.
fn is_whole_request(received: &[u8]) -> bool {
    let may_have_body = !received.starts_with(b"GET ") && !received.starts_with(b"HEAD ");
    !may_have_body
        && received.ends_with(b"\r\n\r\n")
        && head_len(received) == received.len()
}

/// Returns the length of the head: it ends with the first blank line (RFC 9112 §2.1).
fn head_len(received: &[u8]) -> usize {
    let end = received.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    end.map_or(0, |end| end + 4)
}

/// Gives a client that takes its time a thread of its own.
fn hand_over(
    stream: TcpStream,
    peer_addr: SocketAddr,
    received: Vec<u8>,
    server: &Arc<Server>,
) {
    let Some(slot) = server.waiting.take() else {
        eprintln!("{peer_addr}: too many clients are waited for");
        return;
    };
    let server = Arc::clone(server);
    let wait = move || {
        let _slot = slot;
        if let Err(error) = wait_for_request(stream, peer_addr, received, &server) {
            eprintln!("{peer_addr}: {}", reason(&error));
        }
    };
    // Without a thread the stream is dropped, and so closed.
    if let Err(error) = thread::Builder::new().spawn(wait) {
        eprintln!("{peer_addr}: no thread: {}", reason(&error));
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
    while head_len(&received) == 0 && received.len() < MAX_HEAD {
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

/// Sends the page, status line, fields and all, in one write.
fn answer(
    mut stream: &TcpStream,
    peer_addr: SocketAddr,
    received: &[u8],
    server: &Server,
) -> io::Result<()> {
    let request_line = received
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let request_line = request_line.trim_ascii_end();
    let is_http = request_line.split(|&byte| byte == b' ').count() == 3;
    if head_len(received) == 0 || !is_http {
        let refusal: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\
            Content-Length: 24\r\nConnection: close\r\n\r\n<h1>400 Bad Request</h1>";
        return stream.write_all(refusal);
    }
    let number = server.visitors.fetch_add(1, Ordering::Relaxed) + 1;
    server.console.line(format_args!(
        "\nRequest #{number} from {peer_addr}\nRequest received:\n{}",
        printable(request_line)
    ));

    // The empty icon keeps browsers from asking for /favicon.ico, a request of its own.
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <link rel=\"icon\" href=\"data:,\"><title>Socket Server</title></head>\n<body>\n\
         <h1>Hello from a Socket!</h1>\n<p>You are visitor #{number}</p>\n</body>\n</html>\n"
    );
    // Not done here: Date, which RFC 9110 §6.6.1 asks of a server with a clock.
    let mut response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        page.len()
    );
    // HEAD wants the head alone (RFC 9110 §9.3.2).
    if !request_line.starts_with(b"HEAD ") {
        response.push_str(&page);
    }
    stream.write_all(response.as_bytes())
}
