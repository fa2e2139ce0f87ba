//! Chapter 10: a server that strangers may try to break: token, validation, limits,
//! lock-out and a security log, over TCP or, with --tls, TLS.
//!
//! Terminal 1:  export API_KEY=$(openssl rand -hex 16); cargo run -p secure_server
//! Terminal 2:  cargo run -p secure_client              (with the same API_KEY)
//! Lab sheet:   labs/10_security.md

mod audit;
mod guard;
mod request;
mod session;
mod token;
mod wire;

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::{Closer, Console, Endpoint, Overload, Slot, Slots};
use labtls::{CERTS_DIR, Identity, LocalCa};
use log::Level;
use rustls::ServerConfig;

use guard::Guard;
use session::Session;
use token::Token;
use wire::Wire;

/// Handshake and AUTH together have this long: a stranger gets no more of our time.
const STRANGER_TIME: Duration = Duration::from_secs(10);

/// Answer those who know the token, and survive all others. The token, 8 characters or
/// more, is read from the environment variable API_KEY.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
    /// Encrypt; without --cert and --key the local CA of tls_server is used
    #[arg(long)]
    tls: bool,
    /// The server's certificate (PEM), then those that lead to its CA
    #[arg(long, requires_all = ["key", "tls"], value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, requires_all = ["cert", "tls"], value_name = "FILE")]
    key: Option<PathBuf>,
    /// Clients at a time; one more is turned away at once
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    max_clients: u16,
    /// Seconds for which repeated wrong tokens lock an address out
    #[arg(long, default_value_t = 30, value_parser = labkit::seconds())]
    lockout: u64,
    /// Seconds that a client may take for its next line
    #[arg(long, default_value_t = 30, value_parser = labkit::seconds())]
    idle_timeout: u64,
}

/// What all threads share.
struct Server {
    token: Token,
    tls: Option<Arc<ServerConfig>>,
    guard: Mutex<Guard>,
    console: Console,
    idle_timeout: Duration,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let server = Server {
        token: Token::from_environment()?,
        tls: tls_config(&args)?,
        guard: Mutex::new(Guard::new(Duration::from_secs(args.lockout))),
        console: args.console,
        idle_timeout: Duration::from_secs(args.idle_timeout),
    };
    audit::open()?;
    let listener = TcpListener::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    let closer = Closer::new().context("cannot start a thread")?;
    let addr = listener.local_addr()?;
    audit::event(Level::Info, "server started", addr, "");
    println!("Secure server listening on {addr}");

    let slots = Slots::new(args.max_clients.into());
    thread::spawn(move || accept_loop(&listener, &Arc::new(server), &slots, &closer));
    interrupted.recv()?;
    audit::event(Level::Info, "server stopped", addr, "");
    println!("Server shutting down");
    Ok(())
}

fn tls_config(args: &Args) -> anyhow::Result<Option<Arc<ServerConfig>>> {
    if !args.tls {
        return Ok(None);
    }
    let identity = match args.cert.as_deref().zip(args.key.as_deref()) {
        Some((cert, key)) => Identity::from_files(cert, key)?,
        None => {
            LocalCa::open(Path::new(CERTS_DIR))?.server_identity(&args.endpoint.host)?
        }
    };
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)?;
    Ok(Some(Arc::new(config)))
}

/// Gives every client a thread of its own, as long as there is a place.
fn accept_loop(
    listener: &TcpListener,
    server: &Arc<Server>,
    slots: &Slots,
    closer: &Closer,
) {
    let mut overload = Overload::new(listener);
    let mut turned_away = 0_u64;
    loop {
        let (stream, peer_addr) = match listener.accept() {
            Ok(client) => client,
            Err(error) => {
                overload.shed(listener, &error);
                continue;
            }
        };
        let Some(slot) = slots.take() else {
            // The first one is logged, the others are counted: a flood must not fill the
            // disk.
            if turned_away == 0 {
                let why = "no place left";
                audit::event(Level::Warn, "connection refused", peer_addr, why);
            }
            turned_away += 1;
            turn_away(server, stream, closer);
            continue;
        };
        if turned_away > 1 {
            let count = format!("{turned_away} before this one");
            audit::event(Level::Warn, "connections refused", peer_addr, &count);
        }
        turned_away = 0;
        let thread_server = Arc::clone(server);
        let job = move || serve_client(&thread_server, stream, peer_addr, slot);
        if let Err(error) = labkit::spawn_detached(thread::Builder::new(), job) {
            eprintln!("cannot start a thread: {error}");
        }
    }
}

/// Refuses a client for whom there is no place, without waiting for it.
fn turn_away(server: &Server, mut stream: TcpStream, closer: &Closer) {
    // A TLS client would not understand a plain line. The send buffer of a new
    // connection is empty, so this write does not block.
    if server.tls.is_none() {
        let _ = stream.write_all(b"ERROR 503 too many clients, come back later\n");
    }
    closer.close(stream);
}

/// Serves one client to its end, then frees its place.
fn serve_client(server: &Server, stream: TcpStream, peer_addr: SocketAddr, slot: Slot) {
    server
        .console
        .line(format_args!("Connection from {peer_addr}"));
    let mut wire = Wire::new(stream, STRANGER_TIME);
    if let Err(error) = converse(server, &mut wire, peer_addr) {
        let reason = labtls::reason(&error);
        audit::event(Level::Warn, "connection failed", peer_addr, &reason);
    }
    wire.close();
    server
        .console
        .line(format_args!("Connection closed by {peer_addr}"));
    drop(slot);
}

fn converse(server: &Server, wire: &mut Wire, peer_addr: SocketAddr) -> io::Result<()> {
    if let Some(config) = &server.tls {
        wire.encrypt(config)?;
    }
    let result = Session::new(server, peer_addr).run(wire);
    if let Err(error) = &result
        && error.kind() == ErrorKind::TimedOut
    {
        wire.restart(Duration::from_secs(1));
        wire.write_all(b"ERROR 408 you took too long\n")?;
    }
    result
}
