//! The line protocol: one command a line, one reply to each.
//!
//! ```text
//! GET key            OK value
//! SET key value      OK
//! DELETE key         OK
//! LIST [prefix]      OK count, then so many lines `key value`, sorted by key
//! SAVE               OK count
//! QUIT               OK, and the connection ends
//! anything else      ERROR code text
//! ```
//!
//! A line ends with LF, CR LF is taken too. Commands are written in any letter case. A key
//! is visible ASCII. A value is the rest of the line after one space, byte for byte: spaces
//! at its ends belong to it, it may be empty, and nothing is escaped, since what cannot
//! stand on a line (a control character other than tab) cannot be a value.

use std::fmt;

/// The longest line, without its end, in bytes.
pub const MAX_LINE: usize = 4096;
/// The longest key in bytes.
pub const MAX_KEY: usize = 128;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Send the value of a key.
    Get(&'a str),
    /// Keep a value under a key.
    Set(&'a str, &'a [u8]),
    /// Forget a key.
    Delete(&'a str),
    /// Send all keys that begin with the prefix, with their values.
    List(&'a str),
    /// Answer when everything so far is synced to the disk.
    Save,
    /// End the connection.
    Quit,
}

/// What is wrong; the codes are those of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not one of the commands.
    UnknownCommand,
    /// A key is missing, or a value.
    MissingArgument,
    /// More words than the command takes.
    TooManyArguments,
    /// The key is too long or has characters that no key has.
    BadKey,
    /// The value holds a control character.
    BadValue,
    /// The key has no value.
    NotFound,
    /// The line is too long; the connection ends.
    LineTooLong,
    /// The store has no room for another key.
    Full,
    /// The disk failed: the change was not made, as far as anybody knows.
    Storage,
    /// Too many clients; the connection ends.
    Busy,
}

impl fmt::Display for Refusal {
    /// Writes `code text`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownCommand => "400 unknown command: GET SET DELETE LIST SAVE QUIT",
            Self::MissingArgument => "400 the command needs a key (SET: and a value)",
            Self::TooManyArguments => "400 the command takes fewer words",
            Self::BadKey => "400 a key is 1 to 128 visible ASCII characters",
            Self::BadValue => "400 a value must not hold control characters",
            Self::NotFound => "404 no such key",
            Self::LineTooLong => "413 the line is longer than 4096 bytes",
            Self::Full => "507 no room for another key",
            Self::Storage => "500 the disk failed",
            Self::Busy => "503 too many clients",
        })
    }
}

/// Takes one line apart, which comes without its LF.
///
/// # Errors
///
/// The reason to refuse it.
pub fn parse(line: &[u8]) -> Result<Command<'_>, Refusal> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (word, rest) = split_word(line);
    let is = |command: &str| word.eq_ignore_ascii_case(command.as_bytes());
    if is("GET") {
        Ok(Command::Get(only_key(rest)?))
    } else if is("SET") {
        let (key, value) = split_word(rest.ok_or(Refusal::MissingArgument)?);
        let (key, value) = (check_key(key)?, value.ok_or(Refusal::MissingArgument)?);
        match value
            .iter()
            .all(|&byte| byte == b'\t' || !byte.is_ascii_control())
        {
            true => Ok(Command::Set(key, value)),
            false => Err(Refusal::BadValue),
        }
    } else if is("DELETE") {
        Ok(Command::Delete(only_key(rest)?))
    } else if is("LIST") {
        match rest {
            None | Some(b"") => Ok(Command::List("")),
            Some(_) => Ok(Command::List(only_key(rest)?)),
        }
    } else if is("SAVE") || is("QUIT") {
        match rest {
            Some(rest) if !rest.is_empty() => Err(Refusal::TooManyArguments),
            _ if is("SAVE") => Ok(Command::Save),
            _ => Ok(Command::Quit),
        }
    } else {
        Err(Refusal::UnknownCommand)
    }
}

/// Splits at the first space, which belongs to neither side.
fn split_word(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = text.splitn(2, |&byte| byte == b' ');
    (parts.next().unwrap_or_default(), parts.next())
}

fn only_key(rest: Option<&[u8]>) -> Result<&str, Refusal> {
    match split_word(rest.ok_or(Refusal::MissingArgument)?) {
        (key, None | Some(b"")) => check_key(key),
        _ => Err(Refusal::TooManyArguments),
    }
}

fn check_key(key: &[u8]) -> Result<&str, Refusal> {
    match std::str::from_utf8(key) {
        Ok("") => Err(Refusal::MissingArgument),
        Ok(text) if key.len() <= MAX_KEY && key.iter().all(u8::is_ascii_graphic) => {
            Ok(text)
        }
        _ => Err(Refusal::BadKey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_its_words() {
        use Command::*;
        for (line, command) in [
            ("GET a.b", Get("a.b")),
            ("get a.b\r", Get("a.b")),
            ("SET a b", Set("a", b"b")),
            ("SET a  b c ", Set("a", b" b c ")),
            ("SET a ", Set("a", b"")),
            ("SET a C:\\x\t\u{e9}", Set("a", "C:\\x\t\u{e9}".as_bytes())),
            ("Delete a", Delete("a")),
            ("LIST", List("")),
            ("LIST dev/1", List("dev/1")),
            ("SAVE", Save),
            ("quit", Quit),
        ] {
            assert_eq!(parse(line.as_bytes()), Ok(command), "{line:?}");
        }
    }

    #[test]
    fn what_is_wrong_has_a_reason() {
        use Refusal::*;
        let long_key = format!("GET {}", "k".repeat(MAX_KEY + 1));
        for (line, refusal) in [
            ("", UnknownCommand),
            ("FETCH a", UnknownCommand),
            (" GET a", UnknownCommand),
            ("GET", MissingArgument),
            ("GET ", MissingArgument),
            ("SET", MissingArgument),
            ("SET a", MissingArgument),
            ("SET  b", MissingArgument),
            ("GET a b", TooManyArguments),
            ("SAVE now", TooManyArguments),
            ("GET \u{e9}", BadKey),
            ("GET a\tb", BadKey),
            (&long_key, BadKey),
            ("SET a b\rc", BadValue),
            ("SET a \u{1b}[2J", BadValue),
            ("SET a \0", BadValue),
        ] {
            assert_eq!(parse(line.as_bytes()), Err(refusal), "{line:?}");
        }
    }
}
