//! Three ways to say where a message ends: bytes in, messages out, no sockets.

use serde::{Deserialize, Serialize};

/// The longest message, in bytes: a length from the wire is not a promise.
const MAX_MESSAGE: usize = 64 * 1024;

/// A framing: how the borders of messages are written into a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A line feed ends each message, so none may stand in a message.
    Delimiter,
    /// Four bytes before each message say how long it is, the most significant first.
    LengthPrefix,
    /// Each message is a JSON object on a line of its own.
    JsonLines,
}

/// What JSON lines carry: there is room for more fields later.
#[derive(Serialize, Deserialize)]
struct Record {
    text: String,
}

/// Why a stream cannot be taken apart any further: the connection is lost with it.
#[derive(Debug, PartialEq, Eq)]
pub enum Broken {
    /// A message is longer than the receiver allows.
    TooLong,
    /// The message is not UTF-8, or not the JSON object that was agreed on.
    NotText,
}

impl Framing {
    /// Returns the bytes that stand for this message on the wire.
    ///
    /// # Errors
    ///
    /// [`Broken::TooLong`] for a message that no receiver would take.
    pub fn encode(self, message: &str) -> Result<Vec<u8>, Broken> {
        if message.len() > MAX_MESSAGE {
            return Err(Broken::TooLong);
        }
        Ok(match self {
            Framing::Delimiter => [message.as_bytes(), b"\n"].concat(),
            Framing::LengthPrefix => {
                let len = u32::try_from(message.len()).map_err(|_| Broken::TooLong)?;
                [&len.to_be_bytes(), message.as_bytes()].concat()
            }
            Framing::JsonLines => {
                let text = message.to_owned();
                let mut line =
                    serde_json::to_vec(&Record { text }).map_err(|_| Broken::NotText)?;
                line.push(b'\n');
                line
            }
        })
    }

    /// Takes the first whole message out of what has arrived so far; `None` means that
    /// its end has not come yet.
    ///
    /// # Errors
    ///
    /// When the bytes break the rules of the framing.
    pub fn next(self, received: &mut Vec<u8>) -> Result<Option<String>, Broken> {
        let frame = match self {
            Framing::LengthPrefix => take_prefixed(received)?,
            Framing::Delimiter | Framing::JsonLines => take_line(received)?,
        };
        let Some(frame) = frame else { return Ok(None) };
        let text = match self {
            Framing::JsonLines => {
                let record: Record =
                    serde_json::from_slice(&frame).map_err(|_| Broken::NotText)?;
                record.text
            }
            _ => String::from_utf8(frame).map_err(|_| Broken::NotText)?,
        };
        Ok(Some(text))
    }
}

fn take_line(received: &mut Vec<u8>) -> Result<Option<Vec<u8>>, Broken> {
    let Some(end) = received.iter().position(|byte| *byte == b'\n') else {
        // JSON may write six bytes for one (\u0000), and its own around them.
        return match received.len() > 6 * MAX_MESSAGE + 100 {
            true => Err(Broken::TooLong),
            false => Ok(None),
        };
    };
    let mut line: Vec<u8> = received.drain(..=end).collect();
    line.pop();
    Ok(Some(line))
}

fn take_prefixed(received: &mut Vec<u8>) -> Result<Option<Vec<u8>>, Broken> {
    let Some((prefix, rest)) = received.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let len = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
    if len > MAX_MESSAGE {
        return Err(Broken::TooLong); // Before a byte of memory is set aside for it.
    }
    if rest.len() < len {
        return Ok(None);
    }
    received.drain(..4);
    Ok(Some(received.drain(..len).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends the messages in pieces of `size` bytes; returns what comes out.
    fn through(framing: Framing, messages: &[&str], size: usize) -> Vec<String> {
        let wire: Vec<u8> = messages
            .iter()
            .flat_map(|message| framing.encode(message).unwrap())
            .collect();
        let mut received = Vec::new();
        let mut out = Vec::new();
        for piece in wire.chunks(size) {
            received.extend_from_slice(piece);
            while let Some(message) = framing.next(&mut received).unwrap() {
                out.push(message);
            }
        }
        assert!(received.is_empty());
        out
    }

    #[test]
    fn messages_survive_any_cut() {
        let messages = ["hello", "", "é日", "a \"b\" \\"];
        for framing in [
            Framing::Delimiter,
            Framing::LengthPrefix,
            Framing::JsonLines,
        ] {
            for size in 1..30 {
                assert_eq!(through(framing, &messages, size), messages, "{framing:?}");
            }
        }
    }

    #[test]
    fn only_the_delimiter_is_confused_by_itself() {
        let message = ["two\nlines"];
        assert_eq!(
            through(Framing::Delimiter, &message, 4),
            ["two", "lines"],
            "one message has become two"
        );
        assert_eq!(through(Framing::LengthPrefix, &message, 4), message);
        assert_eq!(through(Framing::JsonLines, &message, 4), message);
    }

    #[test]
    fn a_length_that_is_a_lie_is_refused_before_memory_is_given() {
        let mut received = b"\xff\xff\xff\xffabc".to_vec();
        assert_eq!(
            Framing::LengthPrefix.next(&mut received),
            Err(Broken::TooLong)
        );
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut received = vec![b'a'; 1024 * 1024];
        assert_eq!(Framing::Delimiter.next(&mut received), Err(Broken::TooLong));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let mut received = b"\xff\n".to_vec();
        assert_eq!(Framing::Delimiter.next(&mut received), Err(Broken::NotText));
        let mut received = b"{\"txet\": 1}\n".to_vec();
        assert_eq!(Framing::JsonLines.next(&mut received), Err(Broken::NotText));
    }
}
