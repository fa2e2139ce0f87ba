//! `udp_server` beside the barest loop of `recv_from` and `send_to`.

use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

use bench::{Comparison, Contender, Peer, Running, load};

const BARE: &str = "bare recv_from, send_to";
const PEERS: &[Peer] = &[(BARE, bare_loop)];

fn main() -> ExitCode {
    bench::main(&[request_reply(1), request_reply(16)], PEERS)
}

fn request_reply(clients: usize) -> Comparison {
    Comparison {
        title: format!("datagram and answer, clients: {clients}"),
        unit: "answers/s",
        contenders: vec![
            Contender::step("udp_server", move || {
                bench::on_one_core(clients == 1);
                datagrams(&Running::step(&[])?, clients)
            }),
            Contender::peer(BARE, move || {
                bench::on_one_core(clients == 1);
                datagrams(&Running::peer(BARE)?, clients)
            })
            .goal(0.95),
        ],
    }
}

fn datagrams(server: &Running, clients: usize) -> anyhow::Result<f64> {
    load::datagrams(server.addr, clients, b"Hello from UDP client!")
}

/// Answers every datagram with the same words.
fn bare_loop(addr: SocketAddr) -> anyhow::Result<()> {
    let socket = UdpSocket::bind(addr)?;
    let mut buf = [0; 65_535];
    loop {
        let (_, peer_addr) = socket.recv_from(&mut buf)?;
        socket.send_to(b"Received! Message #1", peer_addr)?;
    }
}
