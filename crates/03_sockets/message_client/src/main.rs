//! Chapter 3: a client that sends what you type, line by line (RFC 9293).
//!
//! Terminal 1:  cargo run -p message_server
//! Terminal 2:  cargo run -p message_client
//! Lab sheet:   labs/03_sockets.md

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use labkit::{Console, Endpoint, printable, reason};

/// The longest message, in bytes: what one read of the server takes.
const MAX_MESSAGE: usize = 1024;
/// A server that does not answer for this long has forgotten us.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// Send what is typed to the server, line by line; the line `close` ends.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<8000>,
    #[command(flatten)]
    console: Console,
}

/// What can happen while the client waits: two places to read from, one channel.
enum Event {
    Line(Vec<u8>),
    InputEnd,
    Reply(Vec<u8>),
    ServerEnd(io::Result<()>),
}

fn main() -> ExitCode {
    labkit::run_client(talk, "message_server")
}

fn talk(args: Args) -> anyhow::Result<()> {
    let outcome = TcpStream::connect(&args.endpoint.addrs()?[..])
        .with_context(|| format!("cannot connect to {}", args.endpoint))
        .and_then(converse);
    if let Err(error) = &outcome {
        match error.root_cause().downcast_ref() {
            Some(cause) => println!("Error: {}", reason(cause)),
            None => println!("Error: {error}"),
        }
    }
    args.console
        .line(format_args!("Connection to server closed"));
    outcome
}

/// Sends line after line and prints the answers, until one side ends.
fn converse(mut stream: TcpStream) -> anyhow::Result<()> {
    let (events, happened) = mpsc::sync_channel(1);
    let (ask, asked) = mpsc::sync_channel(1);
    let replies = (stream.try_clone()?, events.clone());
    thread::spawn(move || read_replies(replies.0, &replies.1));
    thread::spawn(move || read_lines(&asked, &events));

    prompt(&ask)?;
    let mut waiting = false;
    loop {
        let limit = if waiting {
            REPLY_TIMEOUT
        } else {
            Duration::MAX
        };
        let Ok(event) = happened.recv_timeout(limit) else {
            bail!("no reply from the server in {} s", REPLY_TIMEOUT.as_secs());
        };
        if !waiting && !matches!(event, Event::Line(_)) {
            println!(); // The cursor stands behind the prompt.
        }
        match event {
            Event::Line(line) if message(&line).is_empty() => prompt(&ask)?,
            Event::Line(line) => {
                let sent = stream.write_all(message(&line));
                sent.context("cannot send the message")?;
                waiting = true;
            }
            Event::Reply(reply) if reply == b"closed" => return Ok(()),
            Event::Reply(reply) => {
                println!("Received: {}", printable(&reply));
                waiting = false;
                prompt(&ask)?;
            }
            Event::InputEnd => return Ok(()),
            Event::ServerEnd(Ok(())) if !waiting => return Ok(()),
            Event::ServerEnd(Ok(())) => bail!("the server closed without a reply"),
            Event::ServerEnd(Err(error)) => return Err(error).context("no reply"),
        }
    }
}

/// Asks for the next line: a prompt has no line end, so it must be flushed.
fn prompt(ask: &SyncSender<()>) -> io::Result<()> {
    print!("Enter message: ");
    let _ = ask.try_send(()); // Full: the question is still open.
    io::stdout().flush()
}

/// Returns the line without its line end, cut at a character boundary if it is too long.
fn message(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // In UTF-8 every byte of a character but its first looks like 10xxxxxx.
    let inside = |len: &usize| line.get(*len).is_some_and(|byte| byte >> 6 == 0b10);
    let cuts = (MAX_MESSAGE - 3..=MAX_MESSAGE).rev();
    let cut = cuts.clone().find(|len| !inside(len));
    line.get(..cut.unwrap_or(MAX_MESSAGE)).unwrap_or(line)
}

/// Reads a line whenever one is asked for.
fn read_lines(asked: &Receiver<()>, events: &SyncSender<Event>) {
    while asked.recv().is_ok() {
        let mut line = Vec::new();
        let event = match io::stdin().lock().read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => Event::InputEnd,
            Ok(_) => Event::Line(line),
        };
        if events.send(event).is_err() {
            return;
        }
    }
}

/// Reads what the server sends: its end is noticed also while nobody types.
fn read_replies(mut stream: TcpStream, events: &SyncSender<Event>) {
    let mut buf = [0; MAX_MESSAGE];
    loop {
        let event = match stream.read(&mut buf) {
            Ok(0) => Event::ServerEnd(Ok(())),
            Ok(len) => Event::Reply(buf.get(..len).unwrap_or_default().to_vec()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Event::ServerEnd(Err(error)),
        };
        let end = matches!(event, Event::ServerEnd(_));
        if events.send(event).is_err() || end {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_sent_without_its_line_end() {
        for line in ["hello", "hello\n", "hello\r\n"] {
            assert_eq!(message(line.as_bytes()), b"hello");
        }
        assert_eq!(message(b"  two  \n"), b"  two  ");
        assert_eq!(message(b"\r\n"), b"");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(message(&[b'a'; 1024]).len(), 1024);
        assert_eq!(message(&[b'a'; 1025]).len(), 1024);
        for before in 0..4 {
            let line = "a".repeat(before) + &"日".repeat(400);
            let sent = message(line.as_bytes());
            assert!(std::str::from_utf8(sent).is_ok());
            assert!((1022..=1024).contains(&sent.len()), "{}", sent.len());
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_cut_too() {
        assert_eq!(message(&[0x80; 2000]).len(), 1024);
    }
}
