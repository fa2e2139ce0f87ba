//! Chapter 9: a UDP receiver that prints what arrives and misses what does not (RFC 768).
//!
//! Terminal 1:  cargo run -p udp_receiver
//! Terminal 2:  cargo run -p udp_sender
//! Lab sheet:   labs/09_udp.md

mod sequence;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::{Console, Endpoint, Printable};
use sequence::Sequence;

/// No datagram is longer: its length field has 16 bits (RFC 768).
const MAX_DATAGRAM: usize = 65_535;
/// How many numbering senders are remembered: anybody may send, memory has an end.
const MAX_SENDERS: usize = 1000;
/// How long the loop rests after an error that may come again at once.
const REST: Duration = Duration::from_millis(50);

/// Print every datagram that arrives, and say which numbered ones did not.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<12345>,
    #[command(flatten)]
    console: Console,
    /// End after so many datagrams [default: go on until Ctrl-C]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// What the numbering senders have sent so far, by their address.
type Senders = Arc<Mutex<BTreeMap<SocketAddr, Sequence>>>;

/// Why the receiver ends.
enum End {
    Interrupted,
    Counted,
}

fn main() -> ExitCode {
    labkit::run(receive)
}

fn receive(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let socket = UdpSocket::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    println!("Waiting for datagrams on {}", socket.local_addr()?);

    let senders = Senders::default();
    let (counted, end) = mpsc::channel();
    let ctrl_c = counted.clone();
    let shared = Arc::clone(&senders);
    thread::spawn(move || {
        receive_loop(&socket, &shared, &args);
        counted.send(End::Counted)
    });
    thread::spawn(move || interrupted.recv().map(|()| ctrl_c.send(End::Interrupted)));

    if let End::Interrupted = end.recv()? {
        println!("Server shutting down");
    }
    for (addr, sequence) in &*senders.lock().unwrap_or_else(PoisonError::into_inner) {
        println!("From {addr}: {sequence}");
    }
    Ok(())
}

/// Prints one datagram after another, until it has seen as many as were asked for.
fn receive_loop(socket: &UdpSocket, senders: &Senders, args: &Args) {
    let mut buf = vec![0; MAX_DATAGRAM];
    let mut received = 0;
    while args.count.is_none_or(|count| received < count) {
        match socket.recv_from(&mut buf) {
            Ok((len, peer_addr)) => {
                received += 1;
                let datagram = buf.get(..len).unwrap_or_default();
                let text = Printable(datagram);
                args.console
                    .line(format_args!("Received '{text}' from {peer_addr}"));
                note_number(datagram, peer_addr, senders, args.console);
            }
            Err(error) => survive(&error),
        }
    }
}

/// Keeps the books of a sender that numbers its datagrams.
fn note_number(datagram: &[u8], peer: SocketAddr, senders: &Senders, console: Console) {
    let Some(number) = sequence::parse(datagram) else {
        return;
    };
    let mut senders = senders.lock().unwrap_or_else(PoisonError::into_inner);
    if senders.len() >= MAX_SENDERS && !senders.contains_key(&peer) {
        return;
    }
    if let Some(remark) = senders.entry(peer).or_default().note(number) {
        console.line(format_args!("{remark}"));
    }
}

/// Goes on after an error: it concerns one sender, the socket serves them all.
fn survive(error: &io::Error) {
    // Windows reports that an earlier datagram of ours was not wanted; we send none.
    if !matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::Interrupted
    ) {
        eprintln!("cannot receive a datagram: {}", labkit::reason(error));
        thread::sleep(REST);
    }
}
