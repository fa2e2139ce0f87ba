//! What a client may say: bytes in, a request or the broken rule out. No sockets here.

/// The longest line, in bytes, without its line end.
pub const MAX_LINE: usize = 1024;

/// One well-formed line.
#[derive(Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// `AUTH token`: prove that you know the token.
    Auth(&'a str),
    /// `ECHO text`: send the text back.
    Echo(&'a str),
    /// `TIME`: tell the seconds since 1970.
    Time,
    /// `HELP`: list the commands.
    Help,
    /// `QUIT`: say goodbye.
    Quit,
}

/// The rule that a line breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// It is not UTF-8, or has control characters in it.
    Characters,
    /// The command takes a word or text that is missing, or none and there is one.
    Arguments,
    /// There is no such command.
    Unknown,
}

impl<'a> Request<'a> {
    /// Parses a line without its line end. Commands may be in any letter case.
    ///
    /// What is allowed is listed, and all else refused: a list of what is forbidden is
    /// never complete.
    ///
    /// # Errors
    ///
    /// The first rule that the line breaks.
    pub fn parse(line: &'a [u8]) -> Result<Self, Invalid> {
        let line = std::str::from_utf8(line).map_err(|_| Invalid::Characters)?;
        if line.chars().any(char::is_control) {
            return Err(Invalid::Characters);
        }
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        let request = match command.to_ascii_uppercase().as_str() {
            "AUTH" if !rest.is_empty() => Request::Auth(rest),
            "ECHO" if !rest.is_empty() => Request::Echo(rest),
            "TIME" if rest.is_empty() => Request::Time,
            "HELP" if rest.is_empty() => Request::Help,
            "QUIT" if rest.is_empty() => Request::Quit,
            "AUTH" | "ECHO" | "TIME" | "HELP" | "QUIT" => return Err(Invalid::Arguments),
            _ => return Err(Invalid::Unknown),
        };
        Ok(request)
    }
}

/// The line is longer than [`MAX_LINE`]; where it ends is not known.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong;

/// Cuts what arrives into lines. Holds at most one line and one read.
#[derive(Debug, Default)]
pub struct Lines {
    bytes: Vec<u8>,
    /// Where the first line begins that has not been handed out.
    start: usize,
}

impl Lines {
    /// Adds bytes as they arrived. Call [`Lines::next`] until it is empty before.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next whole line without its line end (LF or CRLF), if there is one.
    ///
    /// # Errors
    ///
    /// When the line, whole or not, is too long.
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let unread = self.bytes.get(self.start..).unwrap_or_default();
        let Some(len) = unread.iter().position(|byte| *byte == b'\n') else {
            // One more for the CR of a line that is as long as it may be.
            let fits = unread.len() <= MAX_LINE + 1;
            return if fits { Ok(None) } else { Err(TooLong) };
        };
        let line = unread.get(..len).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
        self.start += len + 1;
        if line.len() > MAX_LINE {
            return Err(TooLong);
        }
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_known_in_any_letter_case() {
        assert_eq!(Request::parse(b"auth S3cret"), Ok(Request::Auth("S3cret")));
        assert_eq!(Request::parse(b"Echo  a b "), Ok(Request::Echo(" a b ")));
        assert_eq!(Request::parse(b"TIME"), Ok(Request::Time));
    }

    #[test]
    fn all_else_is_refused() {
        for (line, invalid) in [
            (b"ECHO a\x1b[2Jb".as_slice(), Invalid::Characters),
            (b"ECHO a\rb", Invalid::Characters),
            (b"ECHO \0", Invalid::Characters),
            (b"ECHO \xff\xfe", Invalid::Characters),
            ("ECHO \u{9b}2J".as_bytes(), Invalid::Characters),
            (b"ECHO", Invalid::Arguments),
            (b"ECHO ", Invalid::Arguments),
            (b"TIME now", Invalid::Arguments),
            (b"ECHOES", Invalid::Unknown),
            (b"", Invalid::Unknown),
            (b"GET / HTTP/1.1", Invalid::Unknown),
        ] {
            assert_eq!(Request::parse(line), Err(invalid), "{line:?}");
        }
    }

    #[test]
    fn lines_are_cut_wherever_the_segments_end() {
        let mut lines = Lines::default();
        lines.push(b"TI");
        assert_eq!(lines.next(), Ok(None));
        lines.push(b"ME\r\nHELP\nQU");
        assert_eq!(lines.next(), Ok(Some(b"TIME".to_vec())));
        assert_eq!(lines.next(), Ok(Some(b"HELP".to_vec())));
        assert_eq!(lines.next(), Ok(None));
        lines.push(b"IT\n");
        assert_eq!(lines.next(), Ok(Some(b"QUIT".to_vec())));
    }

    #[test]
    fn the_longest_line_passes_and_one_byte_more_does_not() {
        for end in ["\n", "\r\n"] {
            let mut lines = Lines::default();
            lines.push(&[b'a'; MAX_LINE]);
            assert_eq!(lines.next(), Ok(None));
            lines.push(end.as_bytes());
            assert_eq!(lines.next(), Ok(Some(vec![b'a'; MAX_LINE])));
            lines.push(&[b'a'; MAX_LINE + 1]);
            lines.push(end.as_bytes());
            assert_eq!(lines.next(), Err(TooLong));
        }
    }

    #[test]
    fn a_line_without_an_end_is_not_collected_for_ever() {
        let mut lines = Lines::default();
        lines.push(&[b'a'; MAX_LINE + 2]);
        assert_eq!(lines.next(), Err(TooLong));
    }
}
