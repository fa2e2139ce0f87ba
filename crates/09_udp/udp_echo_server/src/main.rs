//! Chapter 9: a UDP server that sends every datagram back (RFC 768).
//!
//! Terminal 1:  cargo run -p udp_echo_server
//! Terminal 2:  cargo run -p udp_echo_client
//! Lab sheet:   labs/09_udp.md

use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::{Console, Endpoint, Printable};

/// The length field of a datagram has 16 bits (RFC 768): none is longer. A datagram is
/// read whole or cut, and what was cut off is lost, so the buffer takes the longest.
const MAX_DATAGRAM: usize = 65_535;
/// How long the loop rests after an error that may come again at once.
const REST: Duration = Duration::from_millis(50);

/// Send every datagram back, with a prefix.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    // bind() is all: no listen(), no accept(). One socket receives from everybody.
    let socket = UdpSocket::bind(args.endpoint.addr()?)
        .with_context(|| format!("cannot listen on {}", args.endpoint))?;
    println!("UDP server started on {}", socket.local_addr()?);

    // recv_from() blocks and cannot watch for Ctrl-C, so it has a thread of its own.
    thread::spawn(move || receive_loop(&socket, args.console));
    interrupted.recv()?;
    println!("Server shutting down");
    Ok(())
}

/// Answers one datagram after another, whoever sent it.
fn receive_loop(socket: &UdpSocket, console: Console) {
    let mut buf = vec![0; MAX_DATAGRAM];
    loop {
        let (len, peer_addr) = match socket.recv_from(&mut buf) {
            Ok(received) => received,
            Err(error) => {
                survive(&error);
                continue;
            }
        };
        let datagram = buf.get(..len).unwrap_or_default();
        console.line(format_args!(
            "Received '{}' from {peer_addr}",
            Printable(datagram)
        ));
        // One send_to() is one datagram. With these 13 bytes in front, the very longest
        // datagrams no longer fit into one: the system refuses, and that is said on stderr.
        let reply = [b"Server echo: ", datagram].concat();
        match socket.send_to(&reply, peer_addr) {
            Ok(_) => console.line(format_args!("Sent response to {peer_addr}")),
            Err(error) => console.failure(format_args!(
                "cannot answer {peer_addr}: {}",
                labkit::reason(&error)
            )),
        }
    }
}

/// Goes on after an error: it concerns one client, the socket serves them all.
fn survive(error: &io::Error) {
    match error.kind() {
        // An earlier answer found no one: "port unreachable" came back (RFC 1122
        // §4.1.3.3). Windows tells it to recv_from() as a reset. The client has gone.
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => {}
        ErrorKind::Interrupted => {}
        _ => {
            eprintln!("cannot receive a datagram: {}", labkit::reason(error));
            thread::sleep(REST);
        }
    }
}
