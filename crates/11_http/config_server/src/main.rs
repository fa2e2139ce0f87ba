//! Chapter 11, the configuration challenge: settings of devices, kept on disk, over a
//! line protocol.
//!
//! Terminal 1:  cargo run -p config_server
//! Terminal 2:  cargo run -p config_client -- SET router/name gateway
//! Lab sheet:   labs/11_http.md
//!
//! client.rs holds one client's conversation, protocol.rs takes its lines apart, store.rs
//! keeps the settings; this file has the listener.

mod client;
mod protocol;
mod store;

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use labkit::{Closer, Console, Endpoint, Overload, Slots};

use client::Client;
use protocol::Refusal;
use store::{Change, Store};

/// Clients at a time: each has a thread.
const MAX_CLIENTS: usize = 1024;

/// Keep the settings of devices.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<8080>,
    #[command(flatten)]
    console: Console,
    /// The file that holds the settings; it is made if it is missing
    #[arg(long, value_name = "FILE", default_value = "config_server.redb")]
    data: PathBuf,
    /// Acknowledge a change only when it is synced to the disk (slower)
    #[arg(long)]
    sync: bool,
    /// Seconds after which a silent client is let go
    #[arg(long, default_value_t = 300, value_parser = labkit::seconds())]
    idle_timeout: u64,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let listener = TcpListener::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    let store = Store::open(&args.data, args.sync)?;
    println!("{} settings in {}", store.len()?, args.data.display());
    println!("Config Server listening on {}", listener.local_addr()?);

    let saved = store.clone();
    let closer = Closer::new().context("cannot start a thread")?;
    thread::spawn(move || accept_loop(&listener, &closer, &store, &args));
    interrupted.recv()?;
    println!("Server shutting down");
    let (outcome, outcomes) = mpsc::channel();
    saved.submit(Change::Save, &outcome);
    match outcomes.recv_timeout(Duration::from_secs(1)) {
        Ok(Ok(_)) => Ok(()),
        // Nothing acknowledged is lost: the journal has it.
        _ => {
            bail!("cannot sync the settings; the next start takes them from the journal")
        }
    }
}

/// Gives every client a thread.
fn accept_loop(listener: &TcpListener, closer: &Closer, store: &Store, args: &Args) {
    let idle_timeout = Duration::from_secs(args.idle_timeout);
    let slots = Slots::new(MAX_CLIENTS);
    let mut overload = Overload::new(listener);
    loop {
        let (mut stream, peer_addr) = match listener.accept() {
            Ok(client) => client,
            Err(error) => {
                overload.shed(listener, &error);
                continue;
            }
        };
        let Some(slot) = slots.take() else {
            let _ = stream.write_all(format!("ERROR {}\n", Refusal::Busy).as_bytes());
            // Its commands, unread, would turn the reply into a reset.
            closer.close(stream);
            continue;
        };
        let (store, console) = (store.clone(), args.console);
        let serve_client = move || {
            let _slot = slot; // Free again when this thread ends.
            console.line(format_args!("{peer_addr} connected"));
            match Client::new(stream, peer_addr, store, console).serve(idle_timeout) {
                Ok(()) => console.line(format_args!("{peer_addr} disconnected")),
                Err(error) => {
                    let reason = labkit::reason(&error);
                    console.failure(format_args!("{peer_addr}: {reason}"));
                }
            }
        };
        // Without a thread the stream is dropped, and so closed.
        if let Err(error) = labkit::spawn_detached(thread::Builder::new(), serve_client) {
            eprintln!("{peer_addr}: no thread: {error}");
        }
    }
}
