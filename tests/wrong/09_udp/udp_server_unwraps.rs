//! A UDP server that takes every datagram for text.

use std::net::UdpSocket;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let socket = UdpSocket::bind((args[1].as_str(), args[2].parse().unwrap())).unwrap_or_else(|e| {
        eprintln!("cannot listen: {e}");
        std::process::exit(1);
    });
    let mut buf = [0; 65_535];
    for number in 1.. {
        let (len, peer) = socket.recv_from(&mut buf).unwrap();
        let text = std::str::from_utf8(&buf[..len]).unwrap();
        println!("\nMessage #{number} from {peer}: {text}");
        let reply = format!("Received! Message #{number}");
        socket.send_to(reply.as_bytes(), peer).unwrap();
    }
}
