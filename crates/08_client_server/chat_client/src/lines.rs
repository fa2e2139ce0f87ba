//! The lines in what the server sends: bytes in, text for the screen out.

use std::str;

use labkit::printable;

/// A line that is longer is shown in pieces, in bytes.
const MAX_LINE: usize = 64 * 1024;

/// What has come and is not yet on the screen.
#[derive(Debug, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    /// How many of the bytes have been returned already.
    shown: usize,
}

impl Lines {
    /// Adds what one read has returned.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.shown);
        self.shown = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next line, without its line end and fit for a terminal. What has no line
    /// end yet is a line if the server `has_paused`, or if it is too long.
    pub fn next(&mut self, has_paused: bool) -> Option<String> {
        let waiting = self.waiting();
        let (line, len) = match waiting.iter().position(|&byte| byte == b'\n') {
            Some(end) => (waiting.get(..end)?, end + 1),
            None if waiting.len() > MAX_LINE => {
                let piece = whole_characters(waiting.get(..MAX_LINE)?);
                (piece, piece.len())
            }
            None if has_paused && !waiting.is_empty() => (waiting, waiting.len()),
            None => return None,
        };
        let text = printable(line.strip_suffix(b"\r").unwrap_or(line));
        self.shown += len;
        Some(text)
    }

    /// Tells whether everything has been returned.
    pub fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    fn waiting(&self) -> &[u8] {
        self.bytes.get(self.shown..).unwrap_or_default()
    }
}

/// Leaves out the beginning of a character at the end, of which the rest is still to come.
fn whole_characters(piece: &[u8]) -> &[u8] {
    match str::from_utf8(piece) {
        Err(cut) if cut.error_len().is_none() && cut.valid_up_to() > 0 => {
            piece.get(..cut.valid_up_to()).unwrap_or(piece)
        }
        _ => piece,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_were_sent() {
        let mut lines = Lines::default();
        lines.push(b"one\ntwo\r\nth");
        assert_eq!(lines.next(false).unwrap(), "one");
        assert_eq!(lines.next(false).unwrap(), "two");
        assert_eq!(lines.next(false), None);
        assert!(!lines.is_empty());
        lines.push(b"ree\n\n");
        assert_eq!(lines.next(false).unwrap(), "three");
        assert_eq!(lines.next(false).unwrap(), "");
        assert_eq!(lines.next(true), None);
        assert!(lines.is_empty());
    }

    #[test]
    fn a_pause_ends_what_has_no_line_end() {
        let mut lines = Lines::default();
        lines.push(b"Server received: hi");
        assert_eq!(lines.next(false), None);
        assert_eq!(lines.next(true).unwrap(), "Server received: hi");
        assert_eq!(lines.next(true), None);
    }

    #[test]
    fn a_line_without_end_is_shown_in_pieces_of_whole_characters() {
        let mut lines = Lines::default();
        let text = format!("x{}", "é".repeat(MAX_LINE));
        lines.push(text.as_bytes());
        let first = lines.next(false).unwrap();
        assert_eq!(first.len(), MAX_LINE - 1);
        let second = lines.next(false).unwrap();
        let rest = lines.next(true).unwrap();
        assert_eq!([first, second, rest].concat(), text);
    }

    #[test]
    fn nothing_in_a_line_drives_the_terminal() {
        let mut lines = Lines::default();
        lines.push(b"a\x1b[2J\xff\rb\n");
        assert_eq!(lines.next(false).unwrap(), "a\\u{1b}[2J\u{fffd}\\rb");
    }
}
