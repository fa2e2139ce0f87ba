//! What the user types.

use std::io::{self, BufRead, Write};
use std::sync::mpsc::Sender;

use crate::Event;

const PROMPT: &str = "Enter command: ";

/// A prompt has no line end, so it must be flushed to be seen.
pub fn prompt() -> io::Result<()> {
    print!("{PROMPT}");
    io::stdout().flush()
}

/// Passes on what is typed, line by line, and then its end.
pub fn read_lines(events: &Sender<Event>) {
    for line in io::stdin().lock().split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        // An empty line has no meaning here, and gets no answer.
        let event = Event::Typed(line.clone());
        if !line.is_empty() && events.send(event).is_err() {
            return;
        }
    }
    // Nobody waits any more only when the program already ends.
    let _ = events.send(Event::InputEnded);
}
