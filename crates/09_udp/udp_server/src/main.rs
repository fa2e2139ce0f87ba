//! Chapter 9: a UDP server that numbers the datagrams of all its clients (RFC 768).
//!
//! Terminal 1:  cargo run -p udp_server
//! Terminal 2:  cargo run -p udp_client
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

/// Answer every datagram with its number.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<9090>,
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
    println!("UDP Server listening on {}", socket.local_addr()?);

    // recv_from() blocks and cannot watch for Ctrl-C, so it has a thread of its own.
    thread::spawn(move || receive_loop(&socket, args.console));
    interrupted.recv()?;
    println!("Server shutting down");
    Ok(())
}

/// Answers one datagram after another, whoever sent it.
fn receive_loop(socket: &UdpSocket, console: Console) {
    let mut buf = vec![0; MAX_DATAGRAM];
    let mut number = 0_u64;
    loop {
        let (len, peer_addr) = match socket.recv_from(&mut buf) {
            Ok(received) => received,
            Err(error) => {
                survive(&error);
                continue;
            }
        };
        let datagram = buf.get(..len).unwrap_or_default();
        number += 1; // An empty datagram is one, too: UDP carries it like any other.
        console.line(format_args!(
            "\nMessage #{number} from {peer_addr}: {}",
            Printable(datagram)
        ));
        // There is no connection to write to: each answer names its receiver.
        let reply = format!("Received! Message #{number}");
        if let Err(error) = socket.send_to(reply.as_bytes(), peer_addr) {
            // One receiver's affair: port 0, say, is no port to send to.
            let reason = labkit::reason(&error);
            console.failure(format_args!("cannot answer {peer_addr}: {reason}"));
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
