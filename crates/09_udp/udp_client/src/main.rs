//! Chapter 9: a UDP client that sends one datagram and prints the answer (RFC 768).
//!
//! Terminal 1:  cargo run -p udp_server
//! Terminal 2:  cargo run -p udp_client
//! Lab sheet:   labs/09_udp.md

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use labkit::{Console, Endpoint, printable};

/// No datagram is longer: its length field has 16 bits (RFC 768).
const MAX_DATAGRAM: usize = 65_535;
/// The question or its answer may be lost, and nobody would tell us.
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// Send one datagram to the server and print its answer.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<9090>,
    #[command(flatten)]
    console: Console,
    /// What to send
    #[arg(long, default_value = "Hello from UDP client!")]
    message: String,
}

fn main() -> ExitCode {
    labkit::run_client(talk, "udp_server")
}

fn talk(args: Args) -> anyhow::Result<()> {
    let socket = socket_to(&args.endpoint)?;
    let server_addr = socket
        .peer_addr()
        .with_context(|| format!("cannot send to {}", args.endpoint))?;

    socket
        .send(args.message.as_bytes())
        .with_context(|| format!("cannot send the message to {server_addr}"))?;
    args.console.line(format_args!("Sent to {server_addr}"));

    let mut buf = vec![0; MAX_DATAGRAM];
    let len = labkit::uninterrupted(|| socket.recv(&mut buf))
        .with_context(|| format!("no reply from {server_addr}"))?;
    let reply = buf.get(..len).unwrap_or_default();
    println!("Received from {server_addr}: {}", printable(reply));
    Ok(())
}

/// Opens a socket that talks to one address alone.
fn socket_to(endpoint: &Endpoint<9090>) -> anyhow::Result<UdpSocket> {
    let server_addr = *endpoint.addrs()?.first().context("no address to send to")?;
    // Port 0: any free one. The address must be of the same family as the server's.
    let any_addr: SocketAddr = match server_addr {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any_addr).context("cannot open a socket")?;
    // connect() sends nothing: it makes the kernel keep the address for send(), drop
    // datagrams from anybody else, and report that the server's port is closed.
    socket
        .connect(server_addr)
        .with_context(|| format!("cannot send to {server_addr}"))?;
    socket.set_read_timeout(Some(REPLY_TIMEOUT))?;
    Ok(socket)
}
