//! What the server's replies say. No I/O.

use anyhow::{Context, bail};

/// A reply, as its first line announces it.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// `ERROR`: the code and text after it.
    Refused(String),
    /// All that there is to show.
    Line(String),
    /// The reply to LIST: so many lines follow.
    List(u32),
}

impl Reply {
    /// Reads the first line of the reply to `command`.
    ///
    /// # Errors
    ///
    /// When it is neither `OK` nor `ERROR`, or a list does not say how long it is.
    pub fn parse(command: &str, line: &str) -> anyhow::Result<Self> {
        if let Some(text) = line.strip_prefix("ERROR ") {
            return Ok(Reply::Refused(text.to_owned()));
        }
        let Some(text) = line.strip_prefix("OK") else {
            bail!("the server answers {line:?}, which is neither OK nor ERROR");
        };
        let text = text.strip_prefix(' ').unwrap_or(text);
        let word = command.split(' ').next().unwrap_or_default();
        match word.to_ascii_uppercase().as_str() {
            "LIST" => {
                let count = text
                    .parse()
                    .with_context(|| format!("no count: {text:?}"))?;
                Ok(Reply::List(count))
            }
            "GET" | "SAVE" => Ok(Reply::Line(text.to_owned())),
            _ => Ok(Reply::Line("OK".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(command: &str, line: &str) -> Option<Reply> {
        Reply::parse(command, line).ok()
    }

    #[test]
    fn what_is_shown_depends_on_the_command() {
        let line = |text: &str| Some(Reply::Line(text.to_owned()));
        assert_eq!(parse("GET a", "OK  two words"), line(" two words"));
        assert_eq!(parse("get a", "OK "), line(""));
        assert_eq!(parse("SAVE", "OK 7"), line("7"));
        assert_eq!(parse("SET a b", "OK"), line("OK"));
        assert_eq!(parse("list a", "OK 12"), Some(Reply::List(12)));
    }

    #[test]
    fn a_refusal_keeps_its_code_and_text() {
        let refused = Some(Reply::Refused("404 no such key".to_owned()));
        assert_eq!(parse("GET a", "ERROR 404 no such key"), refused);
        assert_eq!(parse("LIST", "ERROR 404 no such key"), refused);
    }

    #[test]
    fn what_is_neither_yes_nor_no_is_an_error() {
        assert_eq!(parse("GET a", "HTTP/1.1 400 Bad Request"), None);
        assert_eq!(parse("GET a", "ERROR"), None);
        assert_eq!(parse("LIST", "OK many"), None);
        assert_eq!(parse("LIST", "OK -1"), None);
    }
}
