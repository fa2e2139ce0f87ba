//! `tcp_server` beside the barest loop that accepts, reads, writes and closes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

use bench::{Comparison, Contender, Peer, Running, load};

/// How many clients come at a time; the server takes one after another.
const CLIENTS: usize = 8;

const BARE: &str = "bare accept, read, write, close";
const PEERS: &[Peer] = &[(BARE, bare_loop)];

fn main() -> ExitCode {
    let comparison = Comparison {
        title: "connect, request, reply, close; 8 clients at a time".to_owned(),
        unit: "connections/s",
        contenders: vec![
            Contender::step("tcp_server", || exchanges(&Running::step(&[])?)),
            Contender::peer(BARE, || exchanges(&Running::peer(BARE)?)).goal(0.9),
        ],
    };
    bench::main(&[comparison], PEERS)
}

fn exchanges(server: &Running) -> anyhow::Result<f64> {
    load::exchanges(server.addr, CLIENTS, b"Hello from client!")
}

/// Answers every client with the same words, one after another.
fn bare_loop(addr: SocketAddr) -> anyhow::Result<()> {
    let mut buf = [0; 1024];
    for stream in TcpListener::bind(addr)?.incoming() {
        let mut stream = stream?;
        if matches!(stream.read(&mut buf), Ok(1..)) {
            let _ = stream.write_all(b"Hello! You are connection #1");
        }
    }
    Ok(())
}
