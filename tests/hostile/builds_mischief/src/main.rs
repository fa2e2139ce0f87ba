//! A program that serves, built by a script that does not behave.

use std::io::{Read, Write};
use std::net::TcpListener;

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let port: u16 = words[4].parse().unwrap_or_default();
    let listener = TcpListener::bind((words[2].as_str(), port))?;
    for number in 1.. {
        let (mut client, _) = listener.accept()?;
        let mut buf = [0; 1024];
        if matches!(client.read(&mut buf), Ok(len) if len > 0) {
            let _ = write!(client, "Hello! You are connection #{number}");
        }
    }
    Ok(())
}
