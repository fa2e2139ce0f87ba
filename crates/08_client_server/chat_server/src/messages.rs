//! Where a message ends, in a stream of bytes that does not say so.

use std::str;
use std::time::Duration;

/// The longest message, in bytes; a longer one is handled in pieces.
pub const MAX_MESSAGE: usize = 1024;
/// Whoever pauses for this long in the middle of a line has finished a message.
pub const PAUSE: Duration = Duration::from_millis(50);

/// What one client has sent and nobody has handled yet.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    /// How many of the bytes have been handled already.
    handled: usize,
}

impl Inbox {
    /// Adds what one read has returned.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.handled);
        self.handled = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next complete message: a line with its newline, a piece of a line that
    /// is too long, or, if the sender has paused or closed, what is there.
    pub fn next_message(&mut self, is_whole: bool) -> Option<&[u8]> {
        let waiting = self.waiting();
        let newline = waiting.iter().take(MAX_MESSAGE).position(|&b| b == b'\n');
        let len = match (newline, waiting.get(..MAX_MESSAGE)) {
            (Some(end), _) => end + 1,
            (None, Some(piece)) => piece_len(piece),
            (None, None) if is_whole && !waiting.is_empty() => waiting.len(),
            (None, None) => return None,
        };
        let start = self.handled;
        self.handled += len;
        self.bytes.get(start..self.handled)
    }

    /// Tells whether everything has been handled.
    pub fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    fn waiting(&self) -> &[u8] {
        self.bytes.get(self.handled..).unwrap_or_default()
    }
}

/// How much of a piece of a long line to take: it shall not end within a character.
fn piece_len(piece: &[u8]) -> usize {
    match str::from_utf8(piece) {
        Err(cut) if cut.error_len().is_none() && cut.valid_up_to() > 0 => {
            cut.valid_up_to()
        }
        _ => piece.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(bytes: &[u8]) -> Inbox {
        let mut inbox = Inbox::default();
        inbox.push(bytes);
        inbox
    }

    #[test]
    fn a_line_is_a_message_and_keeps_its_newline() {
        let mut inbox = inbox(b"one\r\n\ntwo");
        assert_eq!(inbox.next_message(false).unwrap(), b"one\r\n");
        assert_eq!(inbox.next_message(false).unwrap(), b"\n");
        assert_eq!(inbox.next_message(false), None);
        assert_eq!(inbox.next_message(true).unwrap(), b"two");
        assert_eq!(inbox.next_message(true), None);
        assert!(inbox.is_empty());
    }

    #[test]
    fn a_line_may_come_in_parts() {
        let mut inbox = inbox(b"hel");
        assert_eq!(inbox.next_message(false), None);
        inbox.push(b"lo\nyou");
        assert_eq!(inbox.next_message(false).unwrap(), b"hello\n");
    }

    #[test]
    fn a_long_line_comes_in_pieces_that_do_not_cut_a_character() {
        let text = format!("x{}", "é".repeat(1000));
        let mut inbox = inbox(text.as_bytes());
        let first = inbox.next_message(false).unwrap().to_vec();
        assert_eq!(first.len(), 1023);
        assert!(str::from_utf8(&first).is_ok());
        let rest = inbox.next_message(true).unwrap();
        assert_eq!([first.as_slice(), rest].concat(), text.as_bytes());
    }

    #[test]
    fn bytes_that_are_no_text_come_through_too() {
        let mut inbox = inbox(&[0xff; 1500]);
        assert_eq!(inbox.next_message(false).unwrap().len(), 1024);
        assert_eq!(inbox.next_message(true).unwrap().len(), 476);
    }
}
