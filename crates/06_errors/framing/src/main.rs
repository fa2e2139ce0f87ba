//! Chapter 6: the same messages on the wire in three framings: a delimiter, a length in
//! front, JSON lines (RFC 8259).
//!
//! Terminal 1:  cargo run -p framing
//! Lab sheet:   labs/06_errors.md

mod frame;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};

use frame::Framing;

/// So few bytes are read at a time that no message arrives in one piece.
const READ_SIZE: usize = 6;
/// Nobody waits here for longer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Send messages through a TCP connection in three framings, and show the bytes.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// The messages; a line end within one is written as \n
    #[arg(default_values = ["hello", "two\\nlines", "é"])]
    messages: Vec<String>,
}

fn main() -> ExitCode {
    labkit::run(show)
}

fn show(args: Args) -> anyhow::Result<()> {
    let messages: Vec<String> = args
        .messages
        .iter()
        .map(|message| message.replace("\\n", "\n"))
        .collect();
    println!("{} messages: {messages:?}", messages.len());
    for (framing, name) in [
        (Framing::Delimiter, "Delimiter: a line end after each"),
        (Framing::LengthPrefix, "Length prefix: 4 bytes before each"),
        (Framing::JsonLines, "JSON lines: an object on each line"),
    ] {
        println!("\n{name}");
        let (wire, received) = send_and_receive(framing, &messages)?;
        for row in wire.chunks(16) {
            let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
            let text: String = row.iter().map(|byte| visible(*byte)).collect();
            println!("  {:<47}  {text}", hex.join(" "));
        }
        println!(
            "  {} bytes, {} messages: {received:?}",
            wire.len(),
            received.len()
        );
    }
    Ok(())
}

/// Sends the messages over a connection of this program with itself; returns the bytes
/// on the wire, and the messages that the other end made of them.
fn send_and_receive(
    framing: Framing,
    messages: &[String],
) -> anyhow::Result<(Vec<u8>, Vec<String>)> {
    let broken = |broken| anyhow!("the messages cannot be sent so: {broken:?}");
    let frames: Result<Vec<_>, _> = messages.iter().map(|m| framing.encode(m)).collect();
    let wire = frames.map_err(broken)?.concat();

    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    let mut sender = TcpStream::connect(listener.local_addr()?)?;
    let (mut receiver, _) = listener.accept()?;
    receiver.set_read_timeout(Some(TIMEOUT))?;
    let sent = wire.clone();
    let sending = thread::spawn(move || sender.write_all(&sent));

    let mut arrived = Vec::new();
    let mut received = Vec::new();
    let mut buf = [0; READ_SIZE];
    loop {
        match receiver.read(&mut buf).context("cannot receive")? {
            0 => break,
            len => arrived.extend_from_slice(buf.get(..len).unwrap_or_default()),
        }
        while let Some(message) = framing.next(&mut arrived).map_err(broken)? {
            received.push(message);
        }
    }
    if let Ok(outcome) = sending.join() {
        outcome.context("cannot send")?;
    }
    Ok((wire, received))
}

/// Returns the character of a byte, or a dot where it has none on the screen.
fn visible(byte: u8) -> char {
    match byte {
        b' '..=b'~' => char::from(byte),
        _ => '.',
    }
}
