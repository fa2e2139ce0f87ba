//! `http_simple_server` with a connection per request, and `http_challenge` with
//! connections that stay, beside a bare loop, nginx and Python.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use bench::{
    Comparison, Contender, Nginx, Peer, Running, Sending, fresh_addr, load, program,
};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// A connection per request: the client says so, for nginx would keep it.
const CLOSING: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/// How large the pages are, about: nginx serves one of the same size from disk.
const PAGE: usize = 400;
/// How many clients come at a time when each request has its own connection.
const CLIENTS: usize = 8;

const BARE: &str = "bare accept, reply, close";
const FIXED: &str = "threads, a fixed reply";
const PEERS: &[Peer] = &[(BARE, bare_loop), (FIXED, fixed_reply)];

fn main() -> ExitCode {
    let close = Comparison {
        title: "HTTP, a connection per request, clients: 8".to_owned(),
        unit: "requests/s",
        contenders: vec![
            Contender::step("http_simple_server", || {
                load::exchanges(Running::step(&[])?.addr, CLIENTS, CLOSING)
            }),
            Contender::peer(BARE, || {
                load::exchanges(Running::peer(BARE)?.addr, CLIENTS, CLOSING)
            })
            .goal(0.9),
            Contender::tool("nginx", "nginx, one worker", || {
                load::exchanges(nginx(Sending::SendfileNopush)?.addr(), CLIENTS, CLOSING)
            })
            .goal(1.0),
            Contender::tool("python3", "Python, one thread", || {
                load::exchanges(python()?.addr, CLIENTS, CLOSING)
            }),
        ],
    };
    bench::main(
        &[
            close,
            keep_alive("the bench's own load", measure_keep_alive, |contender| {
                contender
            }),
            keep_alive("wrk", load::wrk, |contender| contender.loaded_by("wrk")),
        ],
        PEERS,
    )
}

/// 64 connections that stay, under one of two loads: the goal is the course's for wrk.
fn keep_alive(
    load: &str,
    measure: fn(SocketAddr) -> anyhow::Result<f64>,
    with: fn(Contender) -> Contender,
) -> Comparison {
    let contenders = vec![
        Contender::step("http_challenge", move || measure(Running::step(&[])?.addr)),
        Contender::tool("nginx", "nginx, one worker, sendfile", move || {
            measure(nginx(Sending::Sendfile)?.addr())
        })
        .goal(1.2),
        Contender::tool(
            "nginx",
            "nginx, one worker, sendfile, tcp_nopush",
            move || measure(nginx(Sending::SendfileNopush)?.addr()),
        ),
        Contender::peer(FIXED, move || measure(Running::peer(FIXED)?.addr)),
    ];
    Comparison {
        title: format!("HTTP, keep-alive, connections: 64, {load}"),
        unit: "requests/s",
        contenders: contenders.into_iter().map(with).collect(),
    }
}

/// One worker, whose open_file_cache keeps the page's file open.
fn nginx(sending: Sending) -> anyhow::Result<Nginx> {
    Nginx::start(1, PAGE, sending, None)
}

fn measure_keep_alive(addr: SocketAddr) -> anyhow::Result<f64> {
    let reply_len = load::reply_len(addr, REQUEST, load::is_http_response)?;
    load::round_trips(addr, 64, REQUEST, reply_len)
}

fn reply() -> String {
    let page = "x".repeat(PAGE);
    format!("HTTP/1.1 200 OK\r\nContent-Length: {PAGE}\r\n\r\n{page}")
}

/// Answers every request with the same page and closes.
fn bare_loop(addr: SocketAddr) -> anyhow::Result<()> {
    let reply = reply();
    let mut buf = [0; 1024];
    for stream in TcpListener::bind(addr)?.incoming() {
        let mut stream = stream?;
        if matches!(stream.read(&mut buf), Ok(1..)) {
            let _ = stream.write_all(reply.as_bytes());
        }
    }
    Ok(())
}

/// A thread for every connection, which takes each read for one request: what is left of
/// a server when it parses nothing.
fn fixed_reply(addr: SocketAddr) -> anyhow::Result<()> {
    let reply: Arc<str> = reply().into();
    for stream in TcpListener::bind(addr)?.incoming() {
        let (mut stream, reply) = (stream?, Arc::clone(&reply));
        thread::spawn(move || {
            let mut buf = [0; 1024];
            while matches!(stream.read(&mut buf), Ok(1..))
                && stream.write_all(reply.as_bytes()).is_ok()
            {}
        });
    }
    Ok(())
}

/// The bare loop in Python.
fn python() -> anyhow::Result<Running> {
    const LOOP: &str = "
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=128)
body = b'x' * int(sys.argv[3])
reply = b'HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(body) + body
while True:
    stream, _ = listener.accept()
    with stream:
        if stream.recv(1024):
            stream.sendall(reply)
";
    let addr = fresh_addr()?;
    let mut command = program()?;
    command.args(["-c", LOOP, &addr.ip().to_string(), &addr.port().to_string()]);
    command.arg(PAGE.to_string());
    Running::start(command, addr)
}
