//! Chapter 9: a UDP client that sends what you type and prints what comes back (RFC 768).
//!
//! Terminal 1:  cargo run -p udp_echo_server
//! Terminal 2:  cargo run -p udp_echo_client
//! Lab sheet:   labs/09_udp.md

use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use labkit::{Console, Endpoint, printable};

/// No datagram is longer: its length field has 16 bits (RFC 768).
const MAX_DATAGRAM: usize = 65_535;
/// The question or its answer may be lost, and nobody would tell us.
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// Send one line to the server and print its answer.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    /// Taken by every program; here only the answer is printed anyway.
    #[command(flatten)]
    _console: Console,
}

fn main() -> ExitCode {
    labkit::run_client(talk, "udp_echo_server")
}

fn talk(args: Args) -> anyhow::Result<()> {
    let socket = socket_to(&args.endpoint)?;
    let Some(message) = ask("Enter a message to send to the server: ")? else {
        return Ok(()); // The input has ended: nothing to send.
    };

    let server_addr = socket
        .peer_addr()
        .with_context(|| format!("cannot send to {}", args.endpoint))?;
    socket.send(&message).with_context(|| {
        let len = message.len();
        format!("cannot send {len} bytes in one datagram to {server_addr}")
    })?;

    let mut buf = vec![0; MAX_DATAGRAM];
    let len = labkit::uninterrupted(|| socket.recv(&mut buf))
        .with_context(|| format!("no reply from {server_addr}"))?;
    let reply = buf.get(..len).unwrap_or_default();
    println!("Received from server: {}", printable(reply));
    Ok(())
}

/// Opens a socket that talks to one address alone.
fn socket_to(endpoint: &Endpoint<65432>) -> anyhow::Result<UdpSocket> {
    let server_addr = *endpoint.addrs()?.first().context("no address to send to")?;
    // Port 0: any free one. The address must be of the same family as the server's.
    let any_addr: SocketAddr = match server_addr {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any_addr).context("cannot open a socket")?;
    // Sends nothing: from now on the kernel drops datagrams from anybody else.
    socket
        .connect(server_addr)
        .with_context(|| format!("cannot send to {server_addr}"))?;
    socket.set_read_timeout(Some(REPLY_TIMEOUT))?;
    Ok(socket)
}

/// Asks for a line until one is not empty; returns it without its line end, or `None` at
/// the end of the input.
fn ask(prompt: &str) -> anyhow::Result<Option<Vec<u8>>> {
    loop {
        print!("{prompt}");
        io::stdout().flush()?;
        // Bytes, not text: what is typed goes out as it is, also when it is not UTF-8.
        let mut line = Vec::new();
        let len = io::stdin()
            .lock()
            .read_until(b'\n', &mut line)
            .context("cannot read the input")?;
        if len == 0 {
            return Ok(None);
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.is_empty() {
            return Ok(Some(line.to_vec()));
        }
    }
}
