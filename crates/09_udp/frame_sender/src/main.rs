//! Chapter 9: sends a stream of numbered frames through a network as bad as you like.
//!
//! Terminal 1:  cargo run -p frame_receiver
//! Terminal 2:  cargo run -p frame_sender -- --drop 10 --delay 50 --seed 1
//! Lab sheet:   labs/09_udp.md

mod frame;
mod network;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use labkit::{Console, Endpoint};
use network::{BadNetwork, Departure};

/// Send numbered frames at a steady pace, as a camera or a telephone does.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<5004>,
    #[command(flatten)]
    console: Console,
    /// How many frames to send
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// Milliseconds from one frame to the next
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(..=10_000))]
    interval: u64,
    /// Bytes in a frame, with its header of 20
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(20..=65_507))]
    size: u16,
    /// Per cent of the frames that get lost on the way
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    drop: u8,
    /// Each frame is held up by a random time of at most so many milliseconds
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=60_000))]
    delay: u64,
    /// The same seed gives the same losses and delays [default: any]
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    labkit::run(send)
}

fn send(args: Args) -> anyhow::Result<()> {
    let addrs = args.endpoint.addrs()?;
    let receiver_addr = *addrs.first().context("no address to send to")?;
    let any_addr: SocketAddr = match receiver_addr {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any_addr).context("cannot open a socket")?;

    let network = BadNetwork {
        drop: args.drop,
        delay: Duration::from_millis(args.delay),
        seed: args.seed.unwrap_or_else(|| fastrand::u64(..10_000)),
    };
    let (count, size, interval) = (args.count, args.size, args.interval);
    args.console.line(format_args!(
        "Sending {count} frames of {size} bytes to {receiver_addr}, one every {interval} ms"
    ));
    args.console.line(format_args!("{network}"));

    let departures = network.carry(count, Duration::from_millis(interval));
    play(&departures, &args, &socket, receiver_addr)
        .with_context(|| format!("cannot send to {receiver_addr}"))?;
    args.console.line(format_args!(
        "Frames dropped on the way: {}",
        u64::from(count) - departures.len() as u64
    ));
    Ok(())
}

/// Sends each frame when the network lets it go.
fn play(
    departures: &[Departure],
    args: &Args,
    socket: &UdpSocket,
    receiver_addr: SocketAddr,
) -> std::io::Result<()> {
    let start = Instant::now();
    for departure in departures {
        thread::sleep((start + departure.at).saturating_duration_since(Instant::now()));
        let frame =
            frame::encode(departure.number, args.count, departure.made, args.size);
        socket.send_to(&frame, receiver_addr)?;
    }
    Ok(())
}
