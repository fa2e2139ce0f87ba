//! Chapter 2: is a host there, and how long is the way to it and back? ICMP echo
//! (RFC 792, RFC 4443 §4).
//!
//! Terminal:    cargo run -p ping 127.0.0.1
//! You will see one line a reply, and the loss and the times at the end.
//! Lab sheet:   labs/02_ip.md
//!
//! lib.rs knows ICMP, statistics.rs counts, pinger.rs sends a request and waits for its
//! reply; this file finds the host, opens the socket and keeps the rhythm.

mod pinger;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::process::{self, ExitCode};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use ping::Version;
use ping::statistics::Statistics;
use socket2::{Domain, Protocol, Socket, Type};

use pinger::Pinger;

/// Ask a host for an echo, and time its replies.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Name or address
    host: String,
    /// How many requests to send; 0 goes on until Ctrl-C
    #[arg(short, long, default_value_t = 4)]
    count: u32,
    /// Seconds from one request to the next
    #[arg(short, long, default_value = "1")]
    #[arg(value_parser = labkit::duration(0.001..=3600.0))]
    interval: Duration,
    /// Seconds to wait for a reply
    #[arg(short = 'W', long, default_value = "2")]
    #[arg(value_parser = labkit::duration(0.001..=3600.0))]
    timeout: Duration,
    /// Bytes of data in a request
    #[arg(short, long, default_value_t = 56, value_parser = clap::value_parser!(u16).range(..=65000))]
    size: u16,
    /// How many routers may pass the request on
    #[arg(short, long, value_parser = clap::value_parser!(u8).range(1..))]
    ttl: Option<u8>,
    /// Use IPv4 only
    #[arg(short = '4', conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6')]
    ipv6: bool,
}

fn main() -> ExitCode {
    labkit::run(run)
}

fn run(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let addr = resolve(&args)?;
    let ip = addr.ip();
    let (socket, kind) = open(ip, args.ttl)?;
    println!("PING {} ({ip}): {} data bytes", args.host, args.size);

    let pinger = Pinger {
        // std's type receives into ordinary buffers; to the kernel it is the same socket.
        socket: UdpSocket::from(socket),
        raw: kind == Type::RAW,
        version: match ip {
            IpAddr::V4(_) => Version::V4,
            IpAddr::V6(_) => Version::V6,
        },
        addr,
        // A raw socket hears the replies to all programs: this number marks ours.
        id: u16::try_from(process::id() & 0xffff).unwrap_or(1),
        data: (0..args.size).map(|n| n.to_be_bytes()[1]).collect(),
        timeout: args.timeout,
    };
    let statistics = ping_all(&pinger, args.count, args.interval, &interrupted);
    println!("--- {} ping statistics ---\n{statistics}", args.host);
    ensure!(!statistics.times.is_empty(), "no reply from {ip}");
    Ok(())
}

fn resolve(args: &Args) -> anyhow::Result<SocketAddr> {
    let host = args.host.trim_start_matches('[').trim_end_matches(']');
    let mut addrs: Vec<SocketAddr> = (host, 0)
        .to_socket_addrs()
        .with_context(|| format!("cannot find the host {:?}", args.host))?
        .filter(|addr| !(args.ipv4 && addr.is_ipv6() || args.ipv6 && addr.is_ipv4()))
        .collect();
    addrs.sort_by_key(SocketAddr::is_ipv6);
    addrs
        .first()
        .copied()
        .with_context(|| format!("the host {:?} has no such address", args.host))
}

/// Opens an ICMP socket: a datagram one, which needs no privilege where the system
/// allows it, or else a raw one, which needs the administrator's. With a TTL a router may
/// complain, and that only a raw socket hears: it comes first then.
fn open(addr: IpAddr, ttl: Option<u8>) -> anyhow::Result<(Socket, Type)> {
    let (domain, protocol) = match addr {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let [mut kind, other] = match ttl {
        None => [Type::DGRAM, Type::RAW],
        Some(_) => [Type::RAW, Type::DGRAM],
    };
    let socket = Socket::new(domain, kind, Some(protocol)).or_else(|_| {
        kind = other;
        Socket::new(domain, kind, Some(protocol))
    });
    let socket = match socket {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => bail!(
            "cannot open an ICMP socket: permission denied. On Linux allow it to all \
             with: sudo sysctl net.ipv4.ping_group_range='0 2147483647', or to this \
             program with: sudo setcap cap_net_raw+ep target/debug/ping; elsewhere run \
             it as administrator"
        ),
        socket => socket.context("cannot open an ICMP socket")?,
    };
    match (addr, ttl.map(u32::from)) {
        (_, None) => {}
        (IpAddr::V4(_), Some(ttl)) => socket.set_ttl_v4(ttl)?,
        (IpAddr::V6(_), Some(ttl)) => socket.set_unicast_hops_v6(ttl)?,
    }
    Ok((socket, kind))
}

/// Sends requests at an interval, `count` of them or until Ctrl-C.
fn ping_all(
    pinger: &Pinger,
    count: u32,
    interval: Duration,
    interrupted: &Receiver<()>,
) -> Statistics {
    let mut statistics = Statistics::default();
    let mut sequence = 0_u16;
    loop {
        let began = Instant::now();
        statistics.sent += 1;
        sequence = sequence.wrapping_add(1); // The field has 16 bits: 0 follows 65535.
        match pinger.ping(sequence, interrupted) {
            Ok(time) => statistics.times.extend(time),
            Err(error) if error.kind() == ErrorKind::Interrupted => break,
            Err(error) => println!("seq={sequence}: {}", labkit::reason(&error)),
        }
        if statistics.sent == count {
            break;
        }
        let rest = interval.saturating_sub(began.elapsed());
        if interrupted.recv_timeout(rest) != Err(RecvTimeoutError::Timeout) {
            break; // Ctrl-C ends the pause too.
        }
    }
    statistics
}
