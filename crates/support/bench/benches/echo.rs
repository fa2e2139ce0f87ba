//! `threaded_server` beside the plainest echo server with a thread per connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::thread;

use bench::{Comparison, Contender, Peer, Running, load};

/// What one client sends.
const MESSAGE: &[u8] = &[b'x'; 64];

const PLAIN: &str = "plainest thread per connection";
const PEERS: &[Peer] = &[(PLAIN, plainest_echo)];

fn main() -> ExitCode {
    bench::main(&[echo(1), echo(64)], PEERS)
}

fn echo(connections: usize) -> Comparison {
    let plain = Contender::peer(PLAIN, move || {
        bench::on_one_core(connections == 1);
        let server = Running::peer(PLAIN)?;
        load::round_trips(server.addr, connections, MESSAGE, MESSAGE.len())
    });
    Comparison {
        title: format!("echo, 64 bytes, connections: {connections}"),
        unit: "round trips/s",
        contenders: vec![
            Contender::step("threaded_server", move || {
                bench::on_one_core(connections == 1);
                let server = Running::step(&[])?;
                let reply_len = b"Echo: ".len() + MESSAGE.len();
                load::round_trips(server.addr, connections, MESSAGE, reply_len)
            }),
            // The course promises a ratio for the crowd alone.
            match connections {
                1 => plain,
                _ => plain.goal(1.0),
            },
        ],
    }
}

/// Sends back what comes: no limit, no timeout, no prefix.
fn plainest_echo(addr: SocketAddr) -> anyhow::Result<()> {
    for stream in TcpListener::bind(addr)?.incoming() {
        let mut stream = stream?;
        thread::spawn(move || {
            let mut buf = [0; 1024];
            while let Ok(len @ 1..) = stream.read(&mut buf) {
                let message = buf.get(..len).unwrap_or_default();
                if stream.write_all(message).is_err() {
                    break;
                }
            }
        });
    }
    Ok(())
}
