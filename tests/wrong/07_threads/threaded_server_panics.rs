// The thread survives nothing: its panic takes the whole process with it, since the
// program is set up to end on the first panic.

use std::io::{Read, Write};
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
    println!("Server started on {addr}, waiting for connections...");
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        std::thread::spawn(move || {
            let Ok(peer) = stream.peer_addr() else { return };
            println!("New connection from {peer}");
            let mut buf = [0; 1024];
            while let Ok(len @ 1..) = stream.read(&mut buf) {
                let Ok(text) = std::str::from_utf8(&buf[..len]) else {
                    std::process::exit(101); // What panic = "abort" makes of unwrap().
                };
                println!("Received from {peer}: {text}");
                let _ = stream.write_all(format!("Echo: {text}").as_bytes());
            }
            println!("Connection closed by {peer}");
            println!("Connection handler closed for {peer}");
        });
    }
}
