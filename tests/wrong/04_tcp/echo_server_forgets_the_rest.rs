// Reads much and writes little: what stands in the buffer behind the first 4096 bytes is
// lost.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let addr = format!("{}:{}", args[1], args[2]);
    let listener = match TcpListener::bind(&addr) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("error: cannot listen on {addr}: {error}");
            std::process::exit(1);
        }
    };
    println!("Server started on {addr}");
    // Ctrl-C is not this program's bug, but std cannot watch for it.
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let Ok(peer) = stream.peer_addr() else { continue };
        println!("Connected by {peer}");
        let mut buf = [0; 64 * 1024];
        loop {
            match stream.read(&mut buf) {
                Ok(0) => break,
                Ok(len) => {
                    println!("Received: {}", String::from_utf8_lossy(&buf[..len]));
                    let _ = stream.write_all(&buf[..len.min(4096)]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        println!("Connection closed with {peer}");
    }
}
