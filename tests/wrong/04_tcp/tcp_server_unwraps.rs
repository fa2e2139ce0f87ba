// Every error of a client ends the server: `?` where a client should have been let go.

use std::io::{Read, Write};
use std::net::TcpListener;

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let addr = format!("{}:{}", args[1], args[2]);
    let listener = match TcpListener::bind(&addr) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("error: cannot listen on {addr}: {error}");
            std::process::exit(1);
        }
    };
    let mut number = 0;
    for stream in listener.incoming() {
        let mut stream = stream?;
        number += 1;
        println!("\nConnection #{number} from {}", stream.peer_addr()?);
        let mut buf = [0; 1024];
        let len = stream.read(&mut buf)?;
        if len > 0 {
            println!("Received: {}", String::from_utf8_lossy(&buf[..len]));
            stream.write_all(format!("Hello! You are connection #{number}").as_bytes())?;
        }
    }
    Ok(())
}
