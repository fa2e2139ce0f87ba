//! Chapter 9: asks the whole network "who is there?" and lists the answers (RFC 1112).
//!
//! Terminal 1:  cargo run -p discovery_responder -- --name kitchen
//! Terminal 2:  cargo run -p discovery_probe
//! Lab sheet:   labs/09_udp.md

mod answer;

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use labkit::{Console, Endpoint};
use socket2::SockRef;

/// The group's address. 239.255.0.0/16 is for use within one site (RFC 2365 §6.1).
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 42, 99);
/// How long we listen. Nobody knows how many there are, so only time ends the wait.
const WAIT: Duration = Duration::from_secs(2);
/// How many are listed: anybody may answer, as often as they like.
const MAX_ANSWERS: usize = 1000;

/// Ask who is there, and list who answers within 2 s.
#[derive(clap::Parser)]
#[command(
    version,
    after_help = "Here --host is the address of the network card to ask from; 127.0.0.1 is \
                  this machine alone."
)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<9999>,
    #[command(flatten)]
    console: Console,
    /// Ask by broadcast instead of multicast
    #[arg(long)]
    broadcast: bool,
}

fn main() -> ExitCode {
    labkit::run_client(probe, "discovery_responder")
}

fn probe(args: Args) -> anyhow::Result<()> {
    let card = match args.endpoint.addrs()?.first().map(SocketAddr::ip) {
        Some(IpAddr::V4(card)) => card,
        _ => bail!(
            "{} is no IPv4 address, and this group is",
            args.endpoint.host
        ),
    };
    let (socket, everybody) =
        open(card, args.broadcast).with_context(|| format!("cannot ask from {card}"))?;
    let everybody = SocketAddrV4::new(everybody, args.endpoint.port);
    socket
        .send_to(b"WHO\n", everybody)
        .with_context(|| format!("cannot send to {everybody}"))?;
    args.console.line(format_args!("Asked {everybody}"));

    let answers = list_answers(&socket)?;
    if answers == 0 {
        bail!(
            "nobody answered within 2 s. Is a responder running? \
             Start it with: cargo run -p discovery_responder"
        );
    }
    args.console
        .line(format_args!("Answers within 2 s: {answers}"));
    Ok(())
}

/// Opens a socket and returns it with the address that reaches everybody.
fn open(card: Ipv4Addr, broadcast: bool) -> io::Result<(UdpSocket, Ipv4Addr)> {
    let socket = UdpSocket::bind((card, 0))?;
    if broadcast {
        // Off by default: a program must not shout at a whole network by a mistyped address.
        socket.set_broadcast(true)?;
        let everybody = match card.is_loopback() {
            true => Ipv4Addr::new(127, 255, 255, 255),
            false => Ipv4Addr::BROADCAST,
        };
        return Ok((socket, everybody));
    }
    // A group has no route of its own: we say which card the question leaves through, that
    // this machine hears it too, and that no router passes it on (a TTL of one).
    SockRef::from(&socket).set_multicast_if_v4(&card)?;
    socket.set_multicast_loop_v4(true)?;
    socket.set_multicast_ttl_v4(1)?;
    Ok((socket, GROUP))
}

/// Prints each answer once, until the time is up; returns how many there were.
fn list_answers(socket: &UdpSocket) -> anyhow::Result<usize> {
    let mut answers = BTreeSet::new();
    let mut buf = [0; 512];
    let deadline = Instant::now() + WAIT;
    while answers.len() < MAX_ANSWERS {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv_from(&mut buf) {
            Ok((len, peer_addr)) => {
                let found = answer::parse(buf.get(..len).unwrap_or_default());
                if let Some((name, service)) = found
                    && answers.insert((name.to_owned(), service))
                {
                    println!("{name} is at {service} (answer from {peer_addr})");
                }
            }
            Err(error) if is_no_failure(error.kind()) => {}
            Err(error) => return Err(error).context("cannot receive"),
        }
    }
    Ok(answers.len())
}

/// The time is up; a signal came; or one machine says that nobody listens there.
fn is_no_failure(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
    )
}
