//! Chapter 11, the configuration challenge: the client, for people and for scripts.
//!
//! Terminal 1:  cargo run -p config_server
//! Terminal 2:  cargo run -p config_client -- SET router/name gateway
//!              cargo run -p config_client -- GET router/name
//!              cargo run -p config_client           (then type commands, one a line)
//! Lab sheet:   labs/11_http.md
//!
//! The parts: `reply` knows what a reply says, `terminal` is where the user types and
//! reads; this file talks with the server.

mod reply;
mod terminal;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use labkit::{Console, Endpoint, printable};

use reply::Reply;

/// The longest line in bytes, as the server has it.
const MAX_LINE: usize = 4096;
/// The longest line of a reply in bytes: key and value, which were on one line before.
const MAX_REPLY: usize = 2 * MAX_LINE;
/// Lines that wait to be printed: a server that sends more has to wait, as it would for a
/// full socket.
const WAITING: usize = 16;
/// A server that does not answer for this long has forgotten us.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// Read and change the settings that config_server keeps.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<8080>,
    /// Taken by every program; here only the answer is printed anyway.
    #[command(flatten)]
    _console: Console,
    /// One command: GET key, SET key value, DELETE key, LIST [prefix], SAVE; without
    /// one, commands are read from standard input
    #[arg(trailing_var_arg = true)]
    command: Vec<String>,
}

/// What the conversation waits for.
enum Event {
    /// A line of the server, without its end.
    Reply(String),
    /// The server has closed, or the connection is broken.
    ServerGone(anyhow::Error),
    /// A command that was typed.
    Command(String),
    /// Nobody types any more.
    EndOfInput,
}

fn main() -> ExitCode {
    labkit::run_client(talk, "config_server")
}

fn talk(args: Args) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(&args.endpoint.addrs()?[..])
        .with_context(|| format!("cannot connect to {}", args.endpoint))?;
    stream.set_write_timeout(Some(REPLY_TIMEOUT))?;
    let (sender, events) = mpsc::sync_channel(WAITING);
    let (replies, from_server) = (stream.try_clone()?, sender.clone());
    thread::spawn(move || read_replies(replies, &from_server));

    if args.command.is_empty() {
        return talk_with_user(stream, sender, &events);
    }
    match ask(&mut stream, &args.command.join(" "), &events)? {
        Outcome::Done => Ok(()),
        Outcome::Refused(text) => bail!("{text}"),
    }
}

/// Passes the server's lines on, until it closes.
fn read_replies(stream: TcpStream, events: &SyncSender<Event>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let read = stream
            .by_ref()
            .take(MAX_REPLY as u64)
            .read_until(b'\n', &mut line);
        let event = match read {
            Ok(_) if line.ends_with(b"\n") => {
                line.pop();
                line.pop_if(|byte| *byte == b'\r');
                Event::Reply(String::from_utf8_lossy(&line).into_owned())
            }
            Ok(MAX_REPLY) => Event::ServerGone(anyhow!(
                "the server's line is over {MAX_REPLY} bytes long"
            )),
            Ok(_) => Event::ServerGone(anyhow!("the server closed the connection")),
            Err(error) => Event::ServerGone(anyhow!(error).context("the server is gone")),
        };
        let is_last = matches!(event, Event::ServerGone(_));
        if events.send(event).is_err() || is_last {
            return;
        }
    }
}

/// Asks what is typed, command by command, until one side ends.
fn talk_with_user(
    mut stream: TcpStream,
    typed: SyncSender<Event>,
    events: &Receiver<Event>,
) -> anyhow::Result<()> {
    // Typed lines come from a thread of their own: while it waits for the next one, we
    // still notice that the server ends.
    let (next, next_wanted) = mpsc::channel();
    thread::spawn(move || terminal::read_commands(&typed, &next_wanted));
    terminal::prompt();
    let mut refused = 0_u32;
    loop {
        match events.recv()? {
            Event::Command(command) if command.eq_ignore_ascii_case("quit") => {
                return Ok(());
            }
            Event::Command(command) => {
                if let Outcome::Refused(text) = ask(&mut stream, &command, events)? {
                    refused += 1;
                    eprintln!("error: {text}");
                }
            }
            Event::Reply(line) => println!("{}", printable(line.as_bytes())),
            Event::ServerGone(error) => return Err(error),
            Event::EndOfInput if refused == 0 => return Ok(()),
            Event::EndOfInput => bail!("{refused} commands were refused"),
        }
        terminal::prompt();
        let _ = next.send(());
    }
}

/// How a command ended, with a server that can still be asked.
enum Outcome {
    Done,
    /// The server says no: its code and text.
    Refused(String),
}

/// Sends one command, waits for its reply and prints it.
fn ask(
    stream: &mut TcpStream,
    command: &str,
    events: &Receiver<Event>,
) -> anyhow::Result<Outcome> {
    ensure!(
        command.len() <= MAX_LINE && !command.contains(['\n', '\r']),
        "a command is one line of at most {MAX_LINE} bytes"
    );
    // One write, with the line end.
    stream
        .write_all(format!("{command}\n").as_bytes())
        .context("cannot send the command")?;
    match Reply::parse(command, &next_line(events)?)? {
        Reply::Refused(text) => {
            return Ok(Outcome::Refused(printable(text.as_bytes()).to_string()));
        }
        Reply::Line(line) => terminal::print_lines(&[line])?,
        Reply::List(count) => {
            for _ in 0..count {
                terminal::print_lines(&[next_line(events)?])?;
            }
        }
    }
    Ok(Outcome::Done)
}

/// Waits for the next line of the server.
fn next_line(events: &Receiver<Event>) -> anyhow::Result<String> {
    match events.recv_timeout(REPLY_TIMEOUT) {
        Ok(Event::Reply(line)) => Ok(line),
        Ok(Event::ServerGone(error)) => Err(error),
        // The next command is read only when the reply has been shown.
        Ok(Event::Command(_) | Event::EndOfInput) => bail!("no reply from the server"),
        Err(_) => bail!("no reply from the server within {REPLY_TIMEOUT:?}"),
    }
}
