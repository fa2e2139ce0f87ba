//! Chapter 8: a file server. Its protocol is framed: every length stands before what it
//! measures, and a checksum behind it.
//!
//! Terminal 1:  cargo run -p file_server
//! Terminal 2:  cargo run -p file_client -- put README.md
//! Lab sheet:   labs/08_client_server.md
//!
//! The parts: `frames` (in the library, shared with file_client) turns requests into bytes
//! and back, `names` refuses what would leave the directory, `store` reads and writes it,
//! `requests` has what is said to the client on the way.

mod requests;
mod store;

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use file_server::{FrameError, Request, refusal};
use labkit::{Closer, Console, Endpoint};

use store::Store;

/// A client that neither sends nor takes a byte for this long is let go.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// How many clients are served at a time: each may have a file on its way to the disk.
const MAX_CLIENTS: usize = 100;

/// Store files that clients send, and send them back.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<9000>,
    #[command(flatten)]
    console: Console,
    /// The directory to serve; made if it is missing
    #[arg(default_value = "files")]
    dir: PathBuf,
    /// The largest file that is taken, in bytes
    #[arg(long, default_value_t = 16 * 1024 * 1024 * 1024)]
    max_size: u64,
    /// Sync each upload, and its directory, to the disk before it is confirmed (slower);
    /// without this nothing is synced, and a power failure may lose a confirmed upload
    #[arg(long)]
    sync: bool,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let listener = TcpListener::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    let dir = args.dir.display().to_string();
    let store = Store::open(args.dir, args.max_size, args.sync)
        .with_context(|| format!("cannot serve the directory {dir}"))?;
    let store = Arc::new(store);
    println!("Serving {dir} on {}", listener.local_addr()?);

    let for_clients = Arc::clone(&store);
    let closer = Closer::new().context("cannot start a thread")?;
    thread::spawn(move || accept_loop(&listener, &closer, &for_clients, args.console));
    interrupted.recv()?;
    println!("Server shutting down");
    store.abandon_uploads();
    Ok(())
}

/// Gives every client a thread, for ever.
fn accept_loop(
    listener: &TcpListener,
    closer: &Closer,
    store: &Arc<Store>,
    console: Console,
) {
    let mut overload = labkit::Overload::new(listener);
    let slots = labkit::Slots::new(MAX_CLIENTS);
    loop {
        match listener.accept() {
            Ok((mut stream, peer_addr)) => {
                let Some(slot) = slots.take() else {
                    console.failure(format_args!(
                        "{peer_addr}: turned away, {MAX_CLIENTS} are here"
                    ));
                    let _ = stream.write_all(&refusal("the server is full, try later"));
                    // Its request, unread, would turn the refusal into a reset.
                    closer.close(stream);
                    continue;
                };
                let store = Arc::clone(store);
                let started = labkit::spawn_detached(thread::Builder::new(), move || {
                    serve_client(stream, peer_addr, &store, console);
                    drop(slot);
                });
                if let Err(error) = started {
                    eprintln!("{peer_addr}: no thread: {error}");
                }
            }
            Err(error) => overload.shed(listener, &error),
        }
    }
}

/// Does what one client asks for, until it closes.
fn serve_client(
    stream: TcpStream,
    peer_addr: SocketAddr,
    store: &Store,
    console: Console,
) {
    if let Err(error) = serve_requests(&stream, peer_addr, store, console) {
        console.failure(format_args!("{peer_addr}: {error}"));
        // A broken frame is told before we hang up: nobody knows where the next begins.
        let _ = (&stream).write_all(&refusal(&error.to_string()));
        labkit::lingering_close(stream);
    }
}

fn serve_requests(
    mut stream: &TcpStream,
    peer_addr: SocketAddr,
    store: &Store,
    console: Console,
) -> Result<(), FrameError> {
    stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
    stream.set_write_timeout(Some(IDLE_TIMEOUT))?;
    // The checksum is a small write behind large ones: it shall not wait for them to be
    // acknowledged (Nagle's algorithm).
    stream.set_nodelay(true)?;
    while let Some(request) = Request::read(&mut stream)? {
        requests::answer(&request, stream, peer_addr, store, console)?;
    }
    Ok(())
}
