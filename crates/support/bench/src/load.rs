//! The clients: one thread each way it can be, so that the server gets the processor.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use mio::{Events, Interest, Poll, Token};

/// How long a server is loaded before the count begins.
const WARM_UP: Duration = Duration::from_millis(200);
/// How long is counted.
const TIME: Duration = Duration::from_secs(1);
/// A server that says nothing for this long has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Counts what is done between the end of the warm-up and the end of the time.
pub struct Meter {
    start: Instant,
    end: Instant,
    count: u64,
}

impl Meter {
    /// Starts with the warm-up.
    pub fn new() -> Self {
        let start = Instant::now() + WARM_UP;
        Meter {
            start,
            end: start + TIME,
            count: 0,
        }
    }

    /// Counts `done` things more; `false` when the time is up.
    pub fn count(&mut self, done: u64) -> bool {
        let now = Instant::now();
        if now >= self.start {
            self.count += done;
        }
        now < self.end
    }

    /// Returns how many things a second were counted.
    pub fn rate(&self) -> f64 {
        per_second(self.count, self.start.elapsed())
    }
}

impl Default for Meter {
    fn default() -> Self {
        Meter::new()
    }
}

/// Returns a count divided by the seconds that it took.
pub fn per_second(count: u64, time: Duration) -> f64 {
    // Exact up to 2^53, which nothing here reaches.
    #[expect(clippy::cast_precision_loss)]
    let count = count as f64;
    count / time.as_secs_f64()
}

/// Lets wrk, a load generator of its own, ask for `/` over 64 connections that stay;
/// returns requests a second.
///
/// # Errors
///
/// When wrk cannot be run, or one of its requests fails.
pub fn wrk(addr: SocketAddr) -> anyhow::Result<f64> {
    let output = Command::new("wrk")
        .args(["--threads", "1", "--connections", "64", "--duration", "2s"])
        .arg(format!("http://{addr}/"))
        .output()
        .context("cannot run wrk")?;
    let report = String::from_utf8_lossy(&output.stdout);
    let failures = ["Socket errors", "Non-2xx"];
    ensure!(
        !failures.iter().any(|word| report.contains(word)),
        "wrk saw failures: {report}"
    );
    let rate = report
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"))
        .with_context(|| format!("no rate: {report:?}"))?;
    Ok(rate.trim().parse()?)
}

/// Sends `message` and waits for `reply_len` bytes, over and over, on all connections at
/// once; returns round trips a second.
///
/// # Errors
///
/// When the server refuses, closes or says nothing for 5 s.
pub fn round_trips(
    addr: SocketAddr,
    connections: usize,
    message: &[u8],
    reply_len: usize,
) -> anyhow::Result<f64> {
    if connections == 1 {
        return round_trips_of_one(addr, message, reply_len);
    }
    let mut poll = Poll::new()?;
    let mut clients = Vec::new();
    for token in 0..connections {
        let stream = connect(addr)?;
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        poll.registry()
            .register(&mut stream, Token(token), Interest::READABLE)?;
        stream.write_all(message)?;
        clients.push((stream, 0_usize));
    }
    let mut events = Events::with_capacity(connections);
    let mut buf = vec![0; reply_len];
    let mut meter = Meter::new();
    loop {
        poll.poll(&mut events, Some(PATIENCE))?;
        ensure!(!events.is_empty(), "no reply for {PATIENCE:?}");
        let mut done = 0;
        for event in &events {
            let Some((stream, got)) = clients.get_mut(event.token().0) else {
                continue;
            };
            // A reply may come in pieces: an event says that there is one more.
            match stream.read(buf.get_mut(*got..).unwrap_or_default()) {
                Ok(0) => anyhow::bail!("the server closed a connection"),
                Ok(len) => *got += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("no reply"),
            }
            if *got == reply_len {
                *got = 0;
                done += 1;
                stream.write_all(message)?;
            }
        }
        if !meter.count(done) {
            return Ok(meter.rate());
        }
    }
}

fn round_trips_of_one(
    addr: SocketAddr,
    message: &[u8],
    reply_len: usize,
) -> anyhow::Result<f64> {
    let mut stream = connect(addr)?;
    let mut reply = vec![0; reply_len];
    let mut meter = Meter::new();
    loop {
        stream.write_all(message)?;
        stream.read_exact(&mut reply).context("no reply")?;
        if !meter.count(1) {
            return Ok(meter.rate());
        }
    }
}

fn connect(addr: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(addr).context("cannot connect")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Asks once and returns how many bytes the reply has; `is_complete` knows its end.
///
/// # Errors
///
/// When the server refuses, closes or says nothing for 5 s.
pub fn reply_len(
    addr: SocketAddr,
    request: &[u8],
    is_complete: fn(&[u8]) -> bool,
) -> anyhow::Result<usize> {
    let mut stream = connect(addr)?;
    stream.write_all(request)?;
    let mut reply = Vec::new();
    let mut buf = [0; 4096];
    while !is_complete(&reply) {
        match stream.read(&mut buf).context("no reply")? {
            0 => anyhow::bail!("the server closed within its reply"),
            len => reply.extend_from_slice(buf.get(..len).unwrap_or_default()),
        }
    }
    Ok(reply.len())
}

/// Tells whether an HTTP response with a Content-Length is complete.
pub fn is_http_response(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    length.is_some_and(|length| body.len() >= length)
}

/// Connects, sends `request`, reads until the server closes, closes: `clients` at a time.
/// Returns exchanges a second.
///
/// # Errors
///
/// When a connection fails or its answer is empty.
pub fn exchanges(
    addr: SocketAddr,
    clients: usize,
    request: &[u8],
) -> anyhow::Result<f64> {
    let all = AtomicU64::new(0);
    let start = Instant::now() + WARM_UP;
    let client = || -> anyhow::Result<()> {
        let mut meter = Meter::new();
        while meter.count(1) {
            exchange(addr, request)?;
        }
        all.fetch_add(meter.count, Ordering::Relaxed);
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| Ok(())))
    })?;
    Ok(per_second(all.load(Ordering::Relaxed), start.elapsed()))
}

fn exchange(addr: SocketAddr, request: &[u8]) -> anyhow::Result<()> {
    let mut stream = connect(addr)?;
    stream.write_all(request)?;
    let mut buf = [0; 4096];
    let mut got = 0;
    loop {
        match stream.read(&mut buf).context("no reply")? {
            0 => break,
            len => got += len,
        }
    }
    ensure!(got > 0, "the server closed without a reply");
    let _ = stream.shutdown(Shutdown::Both);
    Ok(())
}

/// Sends a datagram and waits for its answer, over and over, on `sockets` sockets at
/// once; returns answers a second.
///
/// # Errors
///
/// When an answer does not come within 5 s: on loopback none is lost.
pub fn datagrams(
    addr: SocketAddr,
    sockets: usize,
    message: &[u8],
) -> anyhow::Result<f64> {
    let open = || -> anyhow::Result<UdpSocket> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(addr)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(socket)
    };
    let sockets: Vec<UdpSocket> =
        (0..sockets).map(|_| open()).collect::<Result<_, _>>()?;
    let mut buf = [0; 2048];
    let mut meter = Meter::new();
    loop {
        // All questions first, then all answers: the server always finds work.
        for socket in &sockets {
            socket.send(message)?;
        }
        for socket in &sockets {
            socket.recv(&mut buf).context("no reply")?;
        }
        if !meter.count(u64::try_from(sockets.len())?) {
            return Ok(meter.rate());
        }
    }
}
