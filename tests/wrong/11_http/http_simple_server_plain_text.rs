//! http_simple_server that calls its page text/plain: a browser shows the markup.
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

static VISITORS: AtomicU64 = AtomicU64::new(0);

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let addr = format!("{}:{}", args[1], args[2]);
    let listener = TcpListener::bind(&addr).unwrap_or_else(|error| {
        eprintln!("cannot listen on {addr}: {error}");
        std::process::exit(1);
    });
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        thread::spawn(move || {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
            let (mut head, mut buf) = (Vec::new(), [0; 4096]);
            while !head.windows(4).any(|it| it == b"\r\n\r\n") && head.len() < 65536 {
                match stream.read(&mut buf) {
                    Ok(0) | Err(_) => return,
                    Ok(len) => head.extend_from_slice(&buf[..len]),
                }
            }
            let text = String::from_utf8_lossy(&head);
            let line = text.lines().next().unwrap_or_default();
            if line.split(' ').count() != 3 {
                return;
            }
            let number = VISITORS.fetch_add(1, Ordering::SeqCst) + 1;
            let page = format!("<h1>Hello from a Socket!</h1><p>You are visitor #{number}</p>");
            let body = if line.starts_with("HEAD ") { "" } else { page.as_str() };
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                page.len()
            );
            let _ = stream.shutdown(std::net::Shutdown::Write);
            while matches!(stream.read(&mut buf), Ok(1..)) {}
        });
    }
}
