//! Who sent which bytes when, as shown in feedback.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::conn::Arrival;
use super::lock;

/// The most bytes of one message that are shown.
const SHOWN: usize = 200;
/// The most characters that they may take when they are shown.
const COLUMNS: usize = 150;
/// The most lines of a conversation that are shown: one screen.
const LINES: usize = 24;
/// The most lines that are kept, so that an endless talker costs no memory.
const KEPT: usize = 2000;

/// From whom bytes came, and which.
type Received = (String, Vec<u8>);

/// The record of one check, shared by all that takes part in it.
#[derive(Clone, Debug)]
pub struct Transcript {
    start: Instant,
    record: Arc<Mutex<Record>>,
}

#[derive(Debug, Default)]
struct Record {
    lines: Vec<String>,
    /// The bytes of the last line, if it shows what came from the program, and from whom.
    last: Option<Received>,
}

impl Default for Transcript {
    fn default() -> Self {
        Transcript {
            start: Instant::now(),
            record: Arc::default(),
        }
    }
}

impl Transcript {
    /// Notes what happened: `started tcp_server`.
    pub fn note(&self, text: &str) {
        self.push(format_args!("  {text}"));
    }

    /// Notes bytes that the grader sent.
    pub fn sent(&self, who: &str, bytes: &[u8]) {
        self.push(format_args!("> {who}{}", shortened(bytes)));
    }

    /// Notes bytes that the program sent. A check may read one reply in two steps: what had
    /// waited behind the first part stands on its line, since it came with it.
    pub(super) fn received(&self, who: &str, bytes: &[u8], arrival: Option<Arrival>) {
        let mut record = lock(&self.record);
        let had_waited = arrival.is_some_and(|arrival| arrival.had_waited);
        if let Some((talker, mut first)) = record.last.take()
            && talker == who
            && first.len() <= SHOWN
            && had_waited
            && let Some(line) = record.lines.last_mut()
        {
            first.extend_from_slice(bytes);
            let time = line.split(" ms ").next().unwrap_or_default();
            *line = format!("{time} ms < {who}{}", shortened(&first));
            record.last = Some((talker, first));
            return;
        }
        let at = arrival.map_or_else(Instant::now, |arrival| arrival.at);
        let line = format_args!("< {who}{}", shortened(bytes));
        if self.add(&mut record, at, line) {
            record.last = Some((who.to_owned(), bytes.to_vec()));
        }
    }

    fn push(&self, line: std::fmt::Arguments<'_>) {
        self.add(&mut lock(&self.record), Instant::now(), line);
    }

    /// Adds a line, unless there are too many; tells whether it did.
    fn add(
        &self,
        record: &mut Record,
        at: Instant,
        line: std::fmt::Arguments<'_>,
    ) -> bool {
        record.last = None;
        let has_room = record.lines.len() < KEPT;
        if has_room {
            let millis = at.duration_since(self.start).as_millis();
            record.lines.push(format!("{millis:>6} ms {line}"));
        }
        has_room
    }

    /// Returns the conversation, its middle left out where it is longer than a screen.
    pub fn render(&self) -> String {
        let lines = &lock(&self.record).lines;
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            let from_end = lines.len() - index;
            if lines.len() > LINES && index == LINES / 2 {
                let _ = writeln!(text, "          … {} lines …", lines.len() - LINES);
            }
            if lines.len() <= LINES || index < LINES / 2 || from_end <= LINES / 2 {
                let _ = writeln!(text, "{line}");
            }
        }
        text
    }
}

fn shortened(bytes: &[u8]) -> String {
    let (shown, whole) = escape_up_to(bytes.get(..SHOWN).unwrap_or(bytes), COLUMNS);
    if whole && bytes.len() <= SHOWN {
        shown
    } else {
        format!("{shown}… ({} bytes)", bytes.len())
    }
}

/// As [`escape`], at most this many characters; also tells whether that was all.
pub(super) fn escape_up_to(bytes: &[u8], columns: usize) -> (String, bool) {
    let text = escape(bytes);
    match text.char_indices().nth(columns) {
        Some((end, _)) => (text.get(..end).unwrap_or_default().to_owned(), false),
        None => (text, true),
    }
}

/// Shows bytes as text: what is printable as it is, all else as `\n`, `\xff`.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\r' => text.push_str("\\r"),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                char if char.is_control() => {
                    let _ = write!(text, "\\x{:02x}", u32::from(char));
                }
                char => text.push(char),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_safely() {
        assert_eq!(escape("é\r\n\u{1b}[2J".as_bytes()), "é\\r\\n\\x1b[2J");
        assert_eq!(escape(b"\xff\x00a"), "\\xff\\x00a");
    }

    #[test]
    fn what_came_together_stands_on_one_line() {
        let transcript = Transcript::default();
        let arrival = |had_waited| {
            let at = transcript.start;
            Some(Arrival { at, had_waited })
        };
        transcript.received("", b"Hello #", arrival(false));
        transcript.received("", b"1\n", arrival(true));
        transcript.received("B: ", b"x", arrival(true));
        transcript.received("B: ", b"late", arrival(false));
        transcript.sent("", b"y");
        transcript.received("B: ", b"z", arrival(true));
        let text = transcript.render();
        let said: Vec<_> = text.lines().filter_map(|line| line.get(10..)).collect();
        let expected = ["< Hello #1\\n", "< B: x", "< B: late", "> y", "< B: z"];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_long_conversation_keeps_its_ends() {
        let transcript = Transcript::default();
        for n in 0..100 {
            transcript.note(&format!("line {n}"));
        }
        let text = transcript.render();
        assert!(
            text.contains("line 0\n") && text.contains("line 99\n"),
            "{text}"
        );
        assert!(
            text.contains("76 lines") && !text.contains("line 50\n"),
            "{text}"
        );
    }
}
