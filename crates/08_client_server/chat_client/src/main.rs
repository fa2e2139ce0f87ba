//! Chapter 8: the client of the chat. It waits for two sides at once: for the user, who
//! types, and for the server, which may say something at any moment.
//!
//! Terminal 1:  cargo run -p chat_server
//! Terminal 2:  cargo run -p chat_client      (and the same in terminal 3)
//! Lab sheet:   labs/08_client_server.md
//!
//! The parts: `lines` finds lines in what the server sends, `screen` is where the user
//! types and reads.

mod lines;
mod screen;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use labkit::{Console, Endpoint};

use lines::Lines;
use screen::Screen;

/// How long the server has to close after we said good-bye.
const GOODBYE_TIME: Duration = Duration::from_secs(2);
/// How many events may wait. Who floods us waits as long as the screen is slower.
const WAITING: usize = 64;
/// A text without a newline is shown when nothing follows for this long.
const PAUSE: Duration = Duration::from_millis(50);

/// Talk with everybody who is in the chat room.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<5555>,
    #[command(flatten)]
    console: Console,
    /// Send each line without its newline, as the Python client does
    #[arg(long)]
    raw: bool,
}

/// What can happen while the client waits.
enum Event {
    /// The user has typed a line, here without its line end.
    Line(String),
    /// The user's input has ended.
    EndOfInput,
    /// The server has sent a line.
    Text(String),
    /// The server has closed, or the connection broke.
    Closed(io::Result<()>),
}

fn main() -> ExitCode {
    labkit::run_client(chat, "chat_server")
}

fn chat(args: Args) -> anyhow::Result<()> {
    let stream = TcpStream::connect(&args.endpoint.addrs()?[..])
        .inspect_err(|_| println!("Could not connect to server. Is it running?"))
        .with_context(|| format!("cannot connect to {}", args.endpoint))?;
    let addr = stream
        .peer_addr()
        .context("the server broke the connection at once")?;
    args.console
        .line(format_args!("Connected to server at {addr}"));

    // Two threads wait, one for each side, and tell this one what happens.
    let (sender, events) = mpsc::sync_channel(WAITING);
    let server = stream.try_clone()?;
    let events_of_server = sender.clone();
    thread::spawn(move || watch_server(server, &events_of_server));
    let mut screen = Screen::start(sender)?;

    let result = talk(stream, &events, &mut screen, args.raw);
    screen.stop();
    args.console.line(format_args!("Disconnected from server"));
    result
}

/// Sends what the user types and shows what arrives, until one side ends.
fn talk(
    mut server: TcpStream,
    events: &Receiver<Event>,
    screen: &mut Screen,
    raw: bool,
) -> anyhow::Result<()> {
    loop {
        match screen.next_event(events)? {
            Event::Text(text) => screen.show(&text)?,
            Event::Line(line) if line.trim().is_empty() => {}
            Event::Line(line) => {
                let line_end = if raw { "" } else { "\n" };
                server
                    .write_all(format!("{line}{line_end}").as_bytes())
                    .context("cannot send the message")?;
                if line.trim().eq_ignore_ascii_case("quit") {
                    break;
                }
                screen.expect_answer();
            }
            Event::EndOfInput => break,
            Event::Closed(result) => return result.context("the connection broke"),
        }
    }
    say_goodbye(&server, events, screen)
}

/// Closes our side, and shows what still arrives until the server closes too.
fn say_goodbye(
    server: &TcpStream,
    events: &Receiver<Event>,
    screen: &mut Screen,
) -> anyhow::Result<()> {
    if server.shutdown(Shutdown::Write).is_err() {
        return Ok(()); // The server was faster.
    }
    let give_up = Instant::now() + GOODBYE_TIME;
    loop {
        let left = give_up.saturating_duration_since(Instant::now());
        match events.recv_timeout(left) {
            Ok(Event::Text(text)) => screen.show(&text)?,
            Ok(Event::Line(_) | Event::EndOfInput) => {}
            Ok(Event::Closed(_)) | Err(_) => return Ok(()),
        }
    }
}

/// Reads what the server sends, line by line, until it closes.
///
/// A newline ends a line where there is one; else a pause does.
fn watch_server(mut server: TcpStream, events: &SyncSender<Event>) {
    let mut lines = Lines::default();
    let mut buf = [0; 4096];
    let end = loop {
        // While a line is incomplete we wait for its rest, but not for long.
        let timeout = (!lines.is_empty()).then_some(PAUSE);
        if let Err(error) = server.set_read_timeout(timeout) {
            break Err(error);
        }
        let has_paused = match server.read(&mut buf) {
            Ok(0) => break Ok(()),
            Ok(len) => {
                lines.push(buf.get(..len).unwrap_or_default());
                false
            }
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => false,
                // Unix says "would block", Windows "timed out".
                ErrorKind::WouldBlock | ErrorKind::TimedOut => true,
                _ => break Err(error),
            },
        };
        while let Some(line) = lines.next(has_paused) {
            let _ = events.send(Event::Text(line)); // Fails only at the program's end.
        }
    };
    while let Some(line) = lines.next(true) {
        let _ = events.send(Event::Text(line));
    }
    let _ = events.send(Event::Closed(end));
}
