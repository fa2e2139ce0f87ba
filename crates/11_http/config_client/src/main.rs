//! Chapter 11, the configuration challenge: the client, for people and for scripts.
//!
//! Terminal 1:  cargo run -p config_server
//! Terminal 2:  cargo run -p config_client -- SET router/name gateway
//!              cargo run -p config_client -- GET router/name
//!              cargo run -p config_client           (then type commands, one a line)
//! Lab sheet:   labs/11_http.md

use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use labkit::{Endpoint, printable};

/// The longest line in bytes, as the server has it.
const MAX_LINE: usize = 4096;
/// A server that does not answer for this long has forgotten us.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// Read and change the settings that config_server keeps.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<8080>,
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
    let (sender, events) = mpsc::channel();
    let (replies, typed) = (stream.try_clone()?, sender.clone());
    thread::spawn(move || read_replies(replies, &sender));

    if !args.command.is_empty() {
        return match ask(&mut stream, &args.command.join(" "), &events)? {
            Ok(lines) => print_lines(&lines),
            Err(text) => bail!("{text}"),
        };
    }
    // Typed lines come from a thread of their own: while it waits for the next one, we
    // still notice that the server ends.
    let (next, next_wanted) = mpsc::channel();
    thread::spawn(move || read_commands(&typed, &next_wanted));
    prompt();
    let mut refused = 0_u32;
    loop {
        match events.recv()? {
            Event::Command(command) if command.eq_ignore_ascii_case("quit") => {
                return Ok(());
            }
            Event::Command(command) => match ask(&mut stream, &command, &events)? {
                Ok(lines) => print_lines(&lines)?,
                Err(text) => {
                    refused += 1;
                    eprintln!("error: {text}");
                }
            },
            Event::Reply(line) => println!("{}", printable(line.as_bytes())),
            Event::ServerGone(error) => return Err(error),
            Event::EndOfInput if refused == 0 => return Ok(()),
            Event::EndOfInput => bail!("{refused} commands were refused"),
        }
        prompt();
        let _ = next.send(());
    }
}

/// Sends one command and waits for its reply: the lines after `OK`, or the text after
/// `ERROR`.
fn ask(
    stream: &mut TcpStream,
    command: &str,
    events: &Receiver<Event>,
) -> anyhow::Result<Result<Vec<String>, String>> {
    ensure!(
        command.len() <= MAX_LINE && !command.contains(['\n', '\r']),
        "a command is one line of at most {MAX_LINE} bytes"
    );
    // One write, with the line end.
    stream
        .write_all(format!("{command}\n").as_bytes())
        .context("cannot send the command")?;
    let first = next_line(events)?;
    if let Some(text) = first.strip_prefix("ERROR ") {
        return Ok(Err(text.to_owned()));
    }
    let text = match first.strip_prefix("OK") {
        Some(text) => text.strip_prefix(' ').unwrap_or(text),
        None => bail!(
            "the server answers {:?}, which is neither OK nor ERROR",
            first
        ),
    };
    let word = command
        .split(' ')
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase();
    match word.as_str() {
        "LIST" => {}
        "GET" | "SAVE" => return Ok(Ok(vec![text.to_owned()])),
        _ => return Ok(Ok(vec!["OK".to_owned()])),
    }
    let count: u32 = text
        .parse()
        .with_context(|| format!("no count: {text:?}"))?;
    (0..count)
        .map(|_| next_line(events))
        .collect::<Result<_, _>>()
        .map(Ok)
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

/// Passes the server's lines on, until it closes.
fn read_replies(stream: TcpStream, events: &Sender<Event>) {
    // A line of a list holds a key and a value, which were on one line before.
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let read = stream
            .by_ref()
            .take(2 * MAX_LINE as u64)
            .read_until(b'\n', &mut line);
        let event = match read {
            Ok(_) if line.ends_with(b"\n") => {
                line.pop();
                Event::Reply(String::from_utf8_lossy(&line).into_owned())
            }
            Ok(_) => Event::ServerGone(anyhow!("the server closed the connection")),
            Err(error) => Event::ServerGone(anyhow!(error).context("the server is gone")),
        };
        let is_last = matches!(event, Event::ServerGone(_));
        if events.send(event).is_err() || is_last {
            return;
        }
    }
}

/// Passes typed lines on, one for each word on `next`; empty ones are skipped.
fn read_commands(events: &Sender<Event>, next: &Receiver<()>) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else {
            break;
        };
        if line.trim().is_empty() {
            prompt();
            continue;
        }
        if events.send(Event::Command(line)).is_err() || next.recv().is_err() {
            return;
        }
    }
    let _ = events.send(Event::EndOfInput);
}

/// Asks for a command, if a person may be there to give one.
fn prompt() {
    if io::stdin().is_terminal() {
        print!("config> ");
        let _ = io::stdout().flush();
    }
}

fn print_lines(lines: &[String]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    for line in lines {
        // Not an io::Error: its hint would be about the network.
        writeln!(stdout, "{}", printable(line.as_bytes())).map_err(|error| {
            anyhow!("cannot write to stdout: {}", labkit::reason(&error))
        })?;
    }
    Ok(())
}
