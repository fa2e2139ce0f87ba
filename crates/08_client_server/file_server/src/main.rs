//! Chapter 8: a file server. Its protocol is framed: every length stands before what it
//! measures, and a checksum behind it.
//!
//! Terminal 1:  cargo run -p file_server
//! Terminal 2:  cargo run -p file_client -- put README.md
//! Lab sheet:   labs/08_client_server.md
//!
//! The parts: `frames` (in the library, shared with file_client) turns requests into bytes
//! and back, `names` refuses what would leave the directory, `store` reads and writes it.

mod store;

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use file_server::{ACCEPTED, FrameError, Request, check_name, refusal};
use labkit::{Console, Endpoint, Slot, Slots, printable, reason};

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

/// What all clients' threads share.
struct Server {
    store: Store,
    max_size: u64,
    console: Console,
    slots: Slots,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let listener = TcpListener::bind(&args.endpoint.addrs()?[..])
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    let dir = args.dir.display().to_string();
    let server = Arc::new(Server {
        store: Store::open(args.dir, args.sync)
            .with_context(|| format!("cannot serve the directory {dir}"))?,
        max_size: args.max_size,
        console: args.console,
        slots: Slots::new(MAX_CLIENTS),
    });
    println!("Serving {dir} on {}", listener.local_addr()?);

    let for_clients = Arc::clone(&server);
    thread::spawn(move || accept_loop(&listener, &for_clients));
    interrupted.recv()?;
    println!("Server shutting down");
    server.store.abandon_uploads();
    Ok(())
}

/// Gives every client a thread, for ever.
fn accept_loop(listener: &TcpListener, server: &Arc<Server>) {
    let mut overload = labkit::Overload::new(listener);
    loop {
        match listener.accept() {
            Ok((mut stream, peer_addr)) => {
                let Some(slot) = server.slots.take() else {
                    eprintln!("{peer_addr}: turned away, {MAX_CLIENTS} are here");
                    let _ = stream.write_all(&refusal("the server is full, try later"));
                    continue;
                };
                let server = Arc::clone(server);
                let thread = thread::Builder::new();
                let handler = move || handle_client(stream, peer_addr, &server, slot);
                if let Err(error) = thread.spawn(handler) {
                    eprintln!("{peer_addr}: no thread: {}", reason(&error));
                }
            }
            Err(error) => overload.shed(listener, &error),
        }
    }
}

/// Does what one client asks for, until it closes.
fn handle_client(stream: TcpStream, peer_addr: SocketAddr, server: &Server, _slot: Slot) {
    if let Err(error) = handle_requests(&stream, peer_addr, server) {
        eprintln!("{peer_addr}: {error}");
        // A broken frame is told before we hang up: nobody knows where the next begins.
        let _ = (&stream).write_all(&refusal(&error.to_string()));
        labkit::lingering_close(stream);
    }
}

fn handle_requests(
    mut stream: &TcpStream,
    peer_addr: SocketAddr,
    server: &Server,
) -> Result<(), FrameError> {
    stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
    stream.set_write_timeout(Some(IDLE_TIMEOUT))?;
    // The checksum is a small write behind large ones: it shall not wait for them to be
    // acknowledged (Nagle's algorithm).
    stream.set_nodelay(true)?;
    while let Some(request) = Request::read(&mut stream)? {
        handle_request(&request, stream, peer_addr, server)?;
    }
    Ok(())
}

/// How a request for one file ended, with a client that can still be talked to.
enum Outcome {
    Done,
    /// The server says no, for this reason.
    Refused(String),
}

fn handle_request(
    request: &Request,
    mut stream: &TcpStream,
    peer_addr: SocketAddr,
    server: &Server,
) -> Result<(), FrameError> {
    let (name, done, outcome) = match request {
        Request::Put { name, size } => {
            (name, "stored", server.receive(stream, name, *size)?)
        }
        Request::Get { name } => (name, "sent", server.send(stream, name)?),
        Request::List => return server.list(stream),
    };
    let console = server.console;
    match outcome {
        Outcome::Done => {
            let name = printable(name.as_bytes());
            console.line(format_args!("{peer_addr}: {done} {name}"));
        }
        Outcome::Refused(why) => {
            let why = printable(format!("{name:?}: {why}").as_bytes());
            console.line(format_args!("{peer_addr}: refused: {why}"));
            stream.write_all(&refusal(&why))?;
        }
    }
    Ok(())
}

impl Server {
    /// Takes an upload: says yes, reads content and checksum, keeps the file.
    fn receive(
        &self,
        mut stream: &TcpStream,
        name: &str,
        size: u64,
    ) -> Result<Outcome, FrameError> {
        if let Err(error) = check_name(name) {
            return Ok(Outcome::Refused(error.to_string()));
        }
        if size > self.max_size {
            let why = format!("more than {} bytes", self.max_size);
            return Ok(Outcome::Refused(why));
        }
        let mut upload = match self.store.begin() {
            Ok(upload) => upload,
            Err(error) => return Ok(Outcome::Refused(reason(&error))),
        };
        stream.write_all(&ACCEPTED)?;

        // From here on an early return drops the upload: nothing half is left.
        let computed = file_server::copy(&mut stream, &mut upload, size, |_| {})?;
        if computed != file_server::read_checksum(&mut stream)? {
            return Ok(Outcome::Refused("the checksum is another one".to_owned()));
        }
        if let Err(error) = self.store.keep(upload, name) {
            return Ok(Outcome::Refused(reason(&error)));
        }
        stream.write_all(&ACCEPTED)?;
        Ok(Outcome::Done)
    }

    /// Sends a file: yes, size, content, checksum.
    fn send(&self, mut stream: &TcpStream, name: &str) -> Result<Outcome, FrameError> {
        if let Err(error) = check_name(name) {
            return Ok(Outcome::Refused(error.to_string()));
        }
        let (mut file, size) = match self.store.read(name) {
            Ok(file_and_size) => file_and_size,
            Err(error) => return Ok(Outcome::Refused(reason(&error))),
        };
        stream.write_all(&[&ACCEPTED[..], &size.to_be_bytes()].concat())?;
        let checksum = file_server::copy(&mut file, &mut stream, size, |_| {})?;
        stream.write_all(&checksum.to_be_bytes())?;
        Ok(Outcome::Done)
    }

    /// Lists the files.
    fn list(&self, mut stream: &TcpStream) -> Result<(), FrameError> {
        let reply = match self.store.list() {
            Ok(entries) => [&ACCEPTED[..], &file_server::write_list(&entries)].concat(),
            Err(error) => refusal(&reason(&error)),
        };
        Ok(stream.write_all(&reply)?)
    }
}
