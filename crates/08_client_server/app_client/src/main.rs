//! Chapter 8: the client half of an application: it asks its user for one message, sends
//! it and prints the answer, and meanwhile notices if the server goes away.
//!
//! Terminal 1:  cargo run -p app_server
//! Terminal 2:  cargo run -p app_client
//! Lab sheet:   labs/08_client_server.md

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use labkit::{Console, Endpoint, printable};

/// The longest message that one read of the server returns, in bytes.
const MAX_MESSAGE: usize = 1024;
/// The longest reply: the message behind the words that the server adds, in bytes.
const MAX_REPLY: usize = 2 * MAX_MESSAGE;
/// A server that has not answered after this long has forgotten us.
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// Ask for one message, send it to the server and print the answer.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
}

/// What can happen while the client waits: two threads wait, one for each source.
enum Event {
    /// The user has typed a line, here without its line end.
    Line(String),
    /// The user's input has ended, or cannot be read.
    EndOfInput(io::Result<()>),
    /// The server has sent these bytes.
    Reply(Vec<u8>),
    /// The server has closed the connection, or it broke.
    Closed(io::Result<()>),
}

fn main() -> ExitCode {
    labkit::run_client(talk, "app_server")
}

fn talk(args: Args) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(&args.endpoint.addrs()?[..])
        .with_context(|| format!("cannot connect to {}", args.endpoint))?;
    args.console.line(format_args!("Connected to the server"));
    print!("Enter a message to send to the server: ");
    io::stdout().flush().context("cannot write the prompt")?;

    let (sender, events) = mpsc::channel();
    let server = stream.try_clone()?;
    let events_of_server = sender.clone();
    thread::spawn(move || watch_server(server, &events_of_server));
    thread::spawn(move || watch_input(&sender));

    let event = events.recv()?;
    if !matches!(event, Event::Line(_)) {
        println!(); // The prompt has no line end of its own.
    }
    match event {
        Event::Line(line) => {
            stream
                .write_all(line.as_bytes())
                .context("cannot send the message")?;
            if line.len() > MAX_MESSAGE {
                // Says "that was all", so that the server closes after its last reply.
                stream.shutdown(Shutdown::Write)?;
            }
            let reply = wait_for_reply(&events, line.len())?;
            println!("Received from server: {}", printable(&reply));
            Ok(())
        }
        Event::EndOfInput(result) => result.context("cannot read your input"),
        // The server speaks first only to turn us away.
        Event::Reply(text) => bail!("the server says: {}", printable(&text)),
        Event::Closed(Ok(())) => bail!("the server closed the connection"),
        Event::Closed(Err(error)) => Err(error).context("the connection broke"),
    }
}

/// Reads what the server sends, until it closes.
fn watch_server(mut server: TcpStream, events: &Sender<Event>) {
    let mut buf = [0; MAX_REPLY];
    loop {
        let event = match server.read(&mut buf) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Event::Closed(Err(error)),
            Ok(len) => match buf.get(..len) {
                None | Some([]) => Event::Closed(Ok(())),
                Some(reply) => Event::Reply(reply.to_vec()),
            },
        };
        let last = matches!(event, Event::Closed(_));
        if events.send(event).is_err() || last {
            return; // Nobody waits any more, or there is nothing to wait for.
        }
    }
}

/// Reads lines until one is not empty.
fn watch_input(events: &Sender<Event>) {
    let mut lines = io::stdin().lines();
    let event = loop {
        match lines.next() {
            Some(Ok(line)) if line.is_empty() => {}
            Some(Ok(line)) => break Event::Line(line),
            Some(Err(error)) => break Event::EndOfInput(Err(error)),
            None => break Event::EndOfInput(Ok(())),
        }
    };
    let _ = events.send(event); // Fails only if the program already ends.
}

/// Collects the reply to a message of `len` bytes.
///
/// The server answers each piece that one of its reads returns, so a long message has
/// several replies, and nobody knows how many. Only the end of the stream tells: this is
/// the price of a protocol without framing.
fn wait_for_reply(events: &Receiver<Event>, len: usize) -> anyhow::Result<Vec<u8>> {
    let mut reply = Vec::new();
    loop {
        match events.recv_timeout(REPLY_TIMEOUT) {
            Ok(Event::Reply(bytes)) => reply.extend(bytes),
            Ok(Event::Closed(Err(error))) => return Err(error).context("no reply"),
            Ok(_) if reply.is_empty() => bail!("the server closed without a reply"),
            Err(_) if reply.is_empty() => bail!("no reply from the server in 5 s"),
            Ok(_) | Err(_) => return Ok(reply),
        }
        if len <= MAX_MESSAGE {
            return Ok(reply); // It fits one read of the server, so it has one reply.
        }
    }
}
