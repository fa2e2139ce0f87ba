//! A TCP server with the right words, and no TLS below them.

use std::io::{Read, Write};
use std::net::TcpListener;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let listener = TcpListener::bind(format!("{}:{}", args[1], args[2])).unwrap();
    for mut stream in listener.incoming().flatten() {
        let mut buf = [0; 1024];
        if stream.read(&mut buf).is_ok_and(|len| len > 0) {
            let _ = stream.write_all(b"Hello, secure client!");
        }
    }
}
