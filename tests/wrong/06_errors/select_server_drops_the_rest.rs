//! Takes what write returns for "all of it", so a slow reader loses bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::time::Duration;
use std::{env, process, thread};

fn main() {
    let args: Vec<String> = env::args().collect();
    let Ok(listener) = TcpListener::bind(format!("{}:{}", args[1], args[2])) else {
        eprintln!("Socket error on start: the port is in use");
        process::exit(1);
    };
    println!("Server started on {}:{}", args[1], args[2]);
    listener.set_nonblocking(true).unwrap();
    let clients: Mutex<Vec<TcpStream>> = Mutex::default();
    loop {
        // Asking everybody in turn with short rests: readiness without select.
        thread::sleep(Duration::from_millis(2));
        let mut clients = clients.lock().unwrap();
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true).unwrap();
            clients.push(stream);
        }
        clients.retain_mut(|stream| {
            let mut buf = [0; 1024];
            for _ in 0..200 {
                match stream.read(&mut buf) {
                    Ok(0) => return false,
                    Ok(len) => drop(stream.write(&buf[..len])),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                    Err(_) => return false,
                }
            }
            true
        });
    }
}
