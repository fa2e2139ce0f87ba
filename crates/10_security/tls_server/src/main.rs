//! Chapter 10: a server that proves who it is, and whose conversations nobody can read or
//! change on the way: TLS 1.3 (RFC 8446) and 1.2 (RFC 5246).
//!
//! Terminal 1:  cargo run -p tls_server
//! Terminal 2:  cargo run -p tls_client
//! Lab sheet:   labs/10_security.md

mod config;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::{Console, Deadline, Endpoint, Overload, Slots, printable};
use rustls::{ServerConfig, ServerConnection};

/// The longest message that one read returns, in bytes.
const MAX_MESSAGE: usize = 1024;
/// The whole handshake has this long: it is two small flights each way at most.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// After the answer, or instead of it, the client has this long to take the farewell.
const FAREWELL_TIME: Duration = Duration::from_secs(1);
/// Threads that wait in accept() at any time. Clients come and go here, and a thread that
/// goes on to the next one is cheaper than a new thread.
const WAITING_THREADS: usize = 4;
/// Clients at a time; a silent one costs a thread until its time is up.
const MAX_CLIENTS: usize = 1000;
const REPLY: &[u8] = b"Hello, secure client!";

/// Answer every client over an encrypted connection.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
    #[command(flatten)]
    files: config::Files,
    /// Seconds after which a client that says nothing is let go
    #[arg(long, default_value_t = 30, value_parser = labkit::seconds())]
    idle_timeout: u64,
}

/// What all threads share.
struct Server {
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    console: Console,
    idle_timeout: Duration,
    slots: Slots,
    /// How many threads wait in accept().
    waiting: AtomicUsize,
    overload: Mutex<Overload>,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let tls = config::server_config(&args.files, &args.endpoint.host)?;
    let listener = TcpListener::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    println!("Secure server listening on {}", listener.local_addr()?);

    let server = Arc::new(Server {
        tls: Arc::new(tls),
        console: args.console,
        idle_timeout: Duration::from_secs(args.idle_timeout),
        slots: Slots::new(MAX_CLIENTS),
        waiting: AtomicUsize::new(0),
        overload: Mutex::new(Overload::new(&listener)),
        listener,
    });
    for _ in 0..WAITING_THREADS {
        add_thread(&server).context("cannot start a thread")?;
    }
    interrupted.recv()?;
    println!("Server shutting down");
    Ok(())
}

/// Starts one more thread that waits for clients.
fn add_thread(server: &Arc<Server>) -> io::Result<()> {
    let newcomer = Arc::clone(server);
    server.waiting.fetch_add(1, Ordering::AcqRel);
    let job = move || accept_loop(&newcomer);
    let started = labkit::spawn_detached(thread::Builder::new(), job);
    if started.is_err() {
        server.waiting.fetch_sub(1, Ordering::AcqRel);
    }
    started
}

/// Serves one client after another, beside the other threads that do the same.
fn accept_loop(server: &Arc<Server>) {
    loop {
        let (stream, peer_addr) = match server.listener.accept() {
            Ok(client) => client,
            Err(error) => {
                if let Ok(mut overload) = server.overload.lock() {
                    overload.shed(&server.listener, &error);
                }
                continue;
            }
        };
        // Full: closing is all that can be said before there is TLS.
        let Some(_slot) = server.slots.take() else {
            let console = server.console;
            console.failure(format_args!("{peer_addr}: refused, {MAX_CLIENTS} clients"));
            continue;
        };
        // Whoever leaves nobody behind in accept() sends for another thread: silent
        // clients may keep all of these busy, and the next client must not wait for them.
        if server.waiting.fetch_sub(1, Ordering::AcqRel) == 1
            && let Err(error) = add_thread(server)
        {
            eprintln!("cannot start a thread: {error}");
        }
        if let Err(error) = talk(server, stream, peer_addr) {
            // One client's failure never ends the server.
            let reason = labtls::reason(&error);
            server
                .console
                .failure(format_args!("{peer_addr}: {reason}"));
        }
        // There are enough without this one.
        if server.waiting.fetch_add(1, Ordering::AcqRel) >= WAITING_THREADS {
            server.waiting.fetch_sub(1, Ordering::AcqRel);
            return;
        }
    }
}

/// Shakes hands, reads one message, answers it, closes.
fn talk(server: &Server, stream: TcpStream, peer_addr: SocketAddr) -> io::Result<()> {
    let tls = ServerConnection::new(Arc::clone(&server.tls)).map_err(io::Error::other)?;
    let mut stream = Deadline::new(stream, HANDSHAKE_TIME);
    let result = exchange(server, tls, &mut stream, peer_addr);
    // After a failure, too: the alert that says why must not be lost to a reset.
    labkit::lingering_close(stream.into_stream());
    result
}

fn exchange(
    server: &Server,
    mut tls: ServerConnection,
    stream: &mut Deadline,
    peer_addr: SocketAddr,
) -> io::Result<()> {
    // Reads and writes until both sides have the keys and the certificates are checked.
    // On an error it sends the alert that names it.
    while tls.is_handshaking() {
        tls.complete_io(stream)?;
    }
    server.console.line(format_args!(
        "Secure connection from {peer_addr} ({})",
        labtls::session(&tls)
    ));
    stream.restart(server.idle_timeout);
    let answered = answer(server, &mut tls, stream);

    // The reply and close_notify leave in one write. Also a silent client is told, so
    // that it knows that nothing was cut off (RFC 8446 §6.1).
    tls.send_close_notify();
    stream.restart(FAREWELL_TIME);
    while tls.wants_write() {
        if let Err(error) = tls.write_tls(stream) {
            return answered.and(Err(error)); // What went wrong first is the reason.
        }
    }
    answered
}

/// Reads one message, and leaves the answer to it with `tls`.
fn answer(
    server: &Server,
    tls: &mut ServerConnection,
    stream: &mut Deadline,
) -> io::Result<()> {
    let mut buf = [0; MAX_MESSAGE];
    let len = rustls::Stream::new(tls, stream).read(&mut buf)?;
    let Some(message) = buf.get(..len).filter(|message| !message.is_empty()) else {
        return Ok(()); // The client said close_notify without a word.
    };
    server
        .console
        .line(format_args!("Received: {}", printable(message)));
    tls.writer().write_all(REPLY)
}
