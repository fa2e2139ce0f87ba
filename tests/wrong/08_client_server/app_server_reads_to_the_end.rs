// Waits for the end of the client's stream before it answers.
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let addr = format!("{}:{}", args[1], args[2]);
    let listener = match TcpListener::bind(&addr) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("cannot listen on {addr}: {error}");
            std::process::exit(1);
        }
    };
    for stream in listener.incoming().flatten() {
        thread::spawn(move || {
            let mut stream = stream;
            let mut message = Vec::new();
            if stream.read_to_end(&mut message).is_ok() && !message.is_empty() {
                let _ = stream.write_all(&[b"Server echo: ", message.as_slice()].concat());
            }
        });
    }
}
