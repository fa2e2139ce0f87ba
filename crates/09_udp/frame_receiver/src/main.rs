//! Chapter 9: receives a stream of numbered frames and says how well it travelled.
//!
//! Terminal 1:  cargo run -p frame_receiver
//! Terminal 2:  cargo run -p frame_sender -- --drop 10 --delay 50 --seed 1
//! Lab sheet:   labs/09_udp.md

mod frame;
mod stream;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use labkit::{Console, Endpoint};
use stream::Stream;

/// No datagram is longer: its length field has 16 bits (RFC 768).
const MAX_DATAGRAM: usize = 65_535;
/// A stream that is silent for so long has ended: its last frames may be the lost ones.
const SILENCE: Duration = Duration::from_secs(2);
/// How often silence is looked for.
const TICK: Duration = Duration::from_millis(200);
/// How many streams are followed at a time: anybody may send, memory has an end.
const MAX_STREAMS: usize = 1000;

/// Report loss, order and jitter of every stream of frames.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<5004>,
    #[command(flatten)]
    console: Console,
}

fn main() -> ExitCode {
    labkit::run(receive)
}

fn receive(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let socket = UdpSocket::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    socket.set_read_timeout(Some(TICK))?;
    println!("Waiting for frames on {}", socket.local_addr()?);

    thread::spawn(move || receive_loop(&socket, args.console));
    interrupted.recv()?;
    println!("Server shutting down");
    Ok(())
}

/// Follows every stream to its end. A stream is what comes from one address.
fn receive_loop(socket: &UdpSocket, console: Console) {
    let mut streams = BTreeMap::new();
    let mut buf = vec![0; MAX_DATAGRAM];
    loop {
        match socket.recv_from(&mut buf) {
            Ok((len, peer_addr)) => {
                let datagram = buf.get(..len).unwrap_or_default();
                take(datagram, peer_addr, &mut streams, console);
            }
            Err(error) => survive(&error),
        }
        streams.retain(|addr, stream: &mut Stream| {
            let has_ended = stream.is_complete() || stream.silent_for() > SILENCE;
            if has_ended {
                println!("From {addr}: {stream}");
            }
            !has_ended
        });
    }
}

/// Books one frame, and says if it was not the next one.
fn take(
    datagram: &[u8],
    peer_addr: SocketAddr,
    streams: &mut BTreeMap<SocketAddr, Stream>,
    console: Console,
) {
    let arrived = Instant::now();
    let Some(frame) = frame::decode(datagram) else {
        console.line(format_args!("No frame, from {peer_addr}: ignored"));
        return;
    };
    if streams.len() >= MAX_STREAMS && !streams.contains_key(&peer_addr) {
        return;
    }
    let stream = streams.entry(peer_addr).or_insert_with(|| {
        console.line(format_args!(
            "Stream from {peer_addr}: {} frames",
            frame.total
        ));
        Stream::new(frame.total, arrived)
    });
    if let Some(remark) = stream.note(frame, arrived) {
        console.line(format_args!("{remark}"));
    }
}

/// Goes on after an error: it concerns one sender, the socket serves them all.
fn survive(error: &io::Error) {
    match error.kind() {
        // No frame for a tick.
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
        // Windows reports that an earlier datagram of ours was not wanted; we send none.
        ErrorKind::ConnectionReset => {}
        _ => {
            eprintln!("cannot receive a frame: {}", labkit::reason(error));
            thread::sleep(TICK);
        }
    }
}
