//! Where the user types and reads.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::mpsc::{Receiver, SyncSender};

use anyhow::anyhow;
use labkit::printable;

use crate::Event;

/// Passes typed lines on, one for each word on `next`; empty ones are skipped.
pub fn read_commands(events: &SyncSender<Event>, next: &Receiver<()>) {
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
pub fn prompt() {
    if io::stdin().is_terminal() {
        print!("config> ");
        let _ = io::stdout().flush();
    }
}

/// Prints lines of the server, safe for a terminal. A script gets a tab as a tab: no other
/// control character can be part of a value.
///
/// # Errors
///
/// When nobody reads our output any more.
pub fn print_lines(lines: &[String]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let seen = stdout.is_terminal();
    for line in lines {
        let as_it_is = !seen && !line.contains(|c: char| c.is_control() && c != '\t');
        let written = match as_it_is {
            true => writeln!(stdout, "{line}"),
            false => writeln!(stdout, "{}", printable(line.as_bytes())),
        };
        // Not an io::Error: its hint would be about the network.
        written.map_err(|error| {
            anyhow!("cannot write to stdout: {}", labkit::reason(&error))
        })?;
    }
    Ok(())
}
