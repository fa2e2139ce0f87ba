//! Showing a peer's bytes without letting the peer write on our terminal.

use std::fmt::{self, Write};

/// A peer's bytes, made safe to print on one line when they are formatted.
///
/// Invalid UTF-8 becomes U+FFFD. Control characters are escaped (`\n`, `\u{1b}`), and so
/// are the invisible ones that break a line or turn its direction: whoever could send
/// them raw could forge a log line or drive the terminal.
///
/// Nothing is done before it is formatted: a line that `--quiet` silences costs nothing.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a [u8]);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in String::from_utf8_lossy(self.0).chars() {
            if char.is_control() || is_invisible(char) {
                write!(f, "{}", char.escape_default())?;
            } else {
                f.write_char(char)?;
            }
        }
        Ok(())
    }
}

/// Returns the bytes as [`Printable`] text.
pub fn printable(bytes: &[u8]) -> String {
    Printable(bytes).to_string()
}

/// Line and paragraph separators and the direction marks of Unicode (UAX #9 §2).
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}'
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_as_it_is() {
        assert_eq!(
            printable("  aB é \\ \"q\" 日本 ".as_bytes()),
            "  aB é \\ \"q\" 日本 "
        );
    }

    #[test]
    fn invalid_utf8_is_shown_as_the_replacement_character() {
        assert_eq!(printable(b"a\xff\xfeb"), "a\u{fffd}\u{fffd}b");
    }

    #[test]
    fn a_peer_can_neither_forge_a_line_nor_drive_the_terminal() {
        assert_eq!(
            printable(b"a\r\nb\x1b[2Jc\x00"),
            "a\\r\\nb\\u{1b}[2Jc\\u{0}"
        );
        assert_eq!(
            printable("\u{9b}2J\u{202e}x\u{2028}".as_bytes()),
            "\\u{9b}2J\\u{202e}x\\u{2028}"
        );
    }
}
