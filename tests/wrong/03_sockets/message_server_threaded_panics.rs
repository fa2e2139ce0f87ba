//! Handles no error: a reset, or bytes that are no text, end the whole server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::{env, process, thread};

fn main() {
    let args: Vec<String> = env::args().collect();
    let addr = format!("{}:{}", args[1], args[2]);
    let listener = TcpListener::bind(addr).expect("cannot listen");
    println!("Listening on {}", listener.local_addr().unwrap());
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        thread::spawn(|| {
            if let Err(panic) = thread::spawn(|| serve(stream)).join() {
                drop(panic);
                process::exit(101);
            }
        });
    }
}

fn serve(mut stream: TcpStream) {
    let peer_addr = stream.peer_addr().unwrap();
    println!("Accepted connection from {peer_addr}");
    let mut buf = [0; 1024];
    loop {
        let len = stream.read(&mut buf).unwrap();
        let message = std::str::from_utf8(&buf[..len]).unwrap();
        if message.is_empty() {
            break;
        }
        println!("Received: {message}");
        if message.trim_end_matches(['\r', '\n']).eq_ignore_ascii_case("close") {
            stream.write_all(b"closed").unwrap();
            break;
        }
        stream.write_all(b"accepted").unwrap();
    }
    println!("Connection to client ({peer_addr}) closed");
}
