//! `chat_server`: one client says a line, all others get it; beside the plainest room.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use bench::{Comparison, Contender, Peer, Running, load};
use mio::{Events, Interest, Poll, Token};

/// One line. Its `#` stands nowhere else, so every one that arrives is one delivery.
const LINE: &[u8] = b"# a line of forty bytes, as people write\n";
/// A line that is not delivered within this time is lost.
const PATIENCE: Duration = Duration::from_secs(5);

const PLAIN: &str = "plainest room, thread per client";
const PEERS: &[Peer] = &[(PLAIN, plainest_room)];

fn main() -> ExitCode {
    bench::main(&[room(32), room(100)], PEERS)
}

fn room(clients: usize) -> Comparison {
    let plain = Contender::peer(PLAIN, move || {
        deliveries(Running::peer(PLAIN)?.addr, clients)
    });
    Comparison {
        title: format!("chat, one line to all others, clients: {clients}"),
        unit: "deliveries/s",
        contenders: vec![
            Contender::step("chat_server", move || {
                deliveries(Running::step(&[])?.addr, clients)
            }),
            if clients == 32 {
                plain.goal(0.95)
            } else {
                plain
            },
        ],
    }
}

/// Says a line, waits until everybody has it (the speaker as a confirmation), and so on.
fn deliveries(addr: SocketAddr, clients: usize) -> anyhow::Result<f64> {
    let mut poll = Poll::new()?;
    let mut streams = Vec::new();
    for token in 0..clients {
        let mut stream = TcpStream::connect(addr).context("cannot connect")?;
        stream.set_nodelay(true)?;
        // Whoever has the greeting is in the room.
        let mut byte = [0];
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.read_exact(&mut byte).context("no greeting")?;
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        poll.registry()
            .register(&mut stream, Token(token), Interest::READABLE)?;
        streams.push(stream);
    }
    let mut events = Events::with_capacity(clients);
    let mut meter = load::Meter::new();
    loop {
        let speaker = streams.first_mut().context("no clients")?;
        speaker.write_all(LINE)?;
        let mut missing = clients;
        while missing > 0 {
            poll.poll(&mut events, Some(PATIENCE))?;
            ensure!(!events.is_empty(), "{missing} deliveries are missing");
            for event in &events {
                if let Some(stream) = streams.get_mut(event.token().0) {
                    missing = missing.saturating_sub(take(stream)?);
                }
            }
        }
        if !meter.count(u64::try_from(clients - 1)?) {
            return Ok(meter.rate());
        }
    }
}

/// Reads what is there and returns how many lines it holds.
fn take(stream: &mut mio::net::TcpStream) -> anyhow::Result<usize> {
    let mut buf = [0; 4096];
    let mut lines = 0;
    loop {
        match stream.read(&mut buf) {
            Ok(0) => anyhow::bail!("the server closed a connection"),
            Ok(len) => {
                let bytes = buf.get(..len).unwrap_or_default();
                lines += bytes.iter().filter(|byte| **byte == b'#').count();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(lines),
            Err(error) => return Err(error).context("cannot read"),
        }
    }
}

/// Writes every line to everybody in turn, while the others wait: one slow reader would
/// stop the room.
fn plainest_room(addr: SocketAddr) -> anyhow::Result<()> {
    let room: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    for stream in TcpListener::bind(addr)?.incoming() {
        let mut stream = stream?;
        let peer_addr = stream.peer_addr()?;
        let everybody = Arc::clone(&room);
        everybody
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(stream.try_clone()?);
        // Last: the clients take the greeting for their admission.
        stream.write_all(b"Welcome!\n")?;
        thread::spawn(move || {
            let mut buf = [0; 1024];
            while let Ok(len @ 1..) = stream.read(&mut buf) {
                let message = buf.get(..len).unwrap_or_default();
                let line = [format!("[{peer_addr}] ").as_bytes(), message].concat();
                let reply = [b"Server received: ", message].concat();
                for member in
                    &mut *everybody.lock().unwrap_or_else(PoisonError::into_inner)
                {
                    let is_speaker =
                        member.peer_addr().is_ok_and(|addr| addr == peer_addr);
                    let _ = member.write_all(if is_speaker { &reply } else { &line });
                }
            }
        });
    }
    Ok(())
}
