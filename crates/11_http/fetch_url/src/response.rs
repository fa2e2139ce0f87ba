//! An HTTP/1.x response: its head, and where its body ends (RFC 9112 §4 to §7).

use std::fmt;

/// The largest head in bytes.
pub const MAX_HEAD: usize = 64 * 1024;
/// The longest line around a chunk in bytes.
const MAX_CHUNK_LINE: usize = 8 * 1024;

/// A response's status line and fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code, 100 to 999.
    pub status: u16,
    /// Names and trimmed values in the order of their arrival; a byte beyond ASCII as `%E4`.
    pub fields: Vec<(String, String)>,
}

/// How the end of the body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks, each with its size before it.
    Chunked,
    /// The server closes after it.
    UntilClose,
}

/// The rule that a response breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseError {
    /// The first line is not `HTTP/1.x CODE REASON`.
    StatusLine,
    /// A field line is not `name: value`.
    FieldLine,
    /// A line of the head holds NUL, CR or another control character (RFC 9112 §2.2 and §4,
    /// RFC 9110 §5.5).
    ControlCharacter,
    /// The head does not end.
    HeadTooLarge,
    /// Content-Length is no number, or there are two that differ.
    ContentLength,
    /// A transfer coding other than chunked.
    TransferCoding,
    /// A chunk has no valid size, or does not end where it should.
    Chunk,
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StatusLine => "the answer is not HTTP/1.0 or HTTP/1.1",
            Self::FieldLine => "the head of the response has a line without a field",
            Self::ControlCharacter => {
                "the head of the response holds a control character"
            }
            Self::HeadTooLarge => "the head of the response is larger than 64 KiB",
            Self::ContentLength => "the response has no clear Content-Length",
            Self::TransferCoding => {
                "the response has a transfer coding other than chunked"
            }
            Self::Chunk => "a chunk of the response is malformed",
        })
    }
}

impl std::error::Error for ResponseError {}

impl Head {
    /// Parses the head at the beginning of `buf`; returns it with its length in bytes, or
    /// `None` while it is incomplete.
    ///
    /// RFC 9112 §2.2 lets a recipient take LF alone as a line end. We do: small servers
    /// send it, and a client that reads one response and closes cannot be led astray.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break.
    pub fn parse(buf: &[u8]) -> Result<Option<(Head, usize)>, ResponseError> {
        let mut head: Option<Head> = None;
        let mut len = 0;
        for line in buf.split_inclusive(|&byte| byte == b'\n') {
            len += line.len();
            let Some(line) = line.strip_suffix(b"\n") else {
                break; // Its end has not come yet.
            };
            let line = ascii(line.strip_suffix(b"\r").unwrap_or(line));
            if line.contains(|char: char| char.is_ascii_control() && char != '\t') {
                return Err(ResponseError::ControlCharacter);
            }
            match &mut head {
                None => {
                    let status = parse_status_line(&line)?;
                    head = Some(Head {
                        status,
                        fields: Vec::new(),
                    });
                }
                Some(_) if line.is_empty() => return Ok(head.map(|head| (head, len))),
                Some(head) => match head.fields.last_mut() {
                    // RFC 9112 §5.2: a client takes a line that continues another one.
                    Some((_, value)) if line.starts_with([' ', '\t']) => {
                        *value = format!("{value} {}", line.trim());
                    }
                    _ => head.fields.push(parse_field(&line)?),
                },
            }
        }
        match buf.len() > MAX_HEAD {
            true => Err(ResponseError::HeadTooLarge),
            false => Ok(None),
        }
    }

    /// Returns the values of all fields of that name, compared without regard to case.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(field_name, _)| field_name.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns where the response sends the client instead, if it does: a URL, perhaps
    /// relative to the one that was asked for (RFC 9110 §15.4).
    pub fn redirect(&self) -> Option<&str> {
        match self.status {
            301 | 302 | 303 | 307 | 308 => self.values("Location").next(),
            _ => None,
        }
    }

    /// Tells how the body of a response to GET ends (RFC 9112 §6.3).
    ///
    /// # Errors
    ///
    /// When the fields contradict each other.
    pub fn framing(&self) -> Result<Framing, ResponseError> {
        if matches!(self.status, 100..=199 | 204 | 304) {
            return Ok(Framing::Length(0));
        }
        let mut codings = self
            .values("Transfer-Encoding")
            .flat_map(|it| it.split(','))
            .map(str::trim)
            .filter(|coding| !coding.is_empty()); // RFC 9110 §5.6.1.2
        if let Some(coding) = codings.next() {
            // It outranks Content-Length.
            return match coding.eq_ignore_ascii_case("chunked") {
                true if codings.next().is_none() => Ok(Framing::Chunked),
                _ => Err(ResponseError::TransferCoding),
            };
        }
        let mut length = None;
        for value in self.values("Content-Length").flat_map(|it| it.split(',')) {
            let digits = value.trim();
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            let value: u64 = match digits.parse() {
                Ok(value) if is_number => value,
                _ => return Err(ResponseError::ContentLength),
            };
            if length.replace(value).is_some_and(|other| other != value) {
                return Err(ResponseError::ContentLength);
            }
        }
        Ok(length.map_or(Framing::UntilClose, Framing::Length))
    }
}

/// Returns a line as text, each byte beyond ASCII as in a URL: `%E4` (RFC 3986 §2.1).
///
/// RFC 9110 §5.5 gives such bytes no meaning, but in a Location the server wants them back
/// as they are, in whatever encoding that was.
fn ascii(line: &[u8]) -> String {
    let mut text = String::with_capacity(line.len());
    for &byte in line {
        match byte.is_ascii() {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// RFC 9112 §4: `HTTP/1.x`, a space, three digits, perhaps a space and a phrase.
fn parse_status_line(line: &str) -> Result<u16, ResponseError> {
    let mut words = line.splitn(3, ' ');
    let version = words.next().unwrap_or_default();
    let code = words.next().unwrap_or_default();
    let is_http_1 = version.strip_prefix("HTTP/1.").is_some_and(|minor| {
        minor.len() == 1 && minor.bytes().all(|b| b.is_ascii_digit())
    });
    let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    match code.parse() {
        Ok(status) if is_http_1 && is_code && status >= 100 => Ok(status),
        _ => Err(ResponseError::StatusLine),
    }
}

fn parse_field(line: &str) -> Result<(String, String), ResponseError> {
    let (name, value) = line.split_once(':').ok_or(ResponseError::FieldLine)?;
    if name.is_empty() || name.contains([' ', '\t']) {
        return Err(ResponseError::FieldLine);
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

/// Finds the content in a body that arrives piece by piece.
#[derive(Debug)]
pub struct BodyReader {
    state: State,
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Counted(u64),
    UntilClose,
    SizeLine,
    Data(u64),
    DataEnd,
    TrailerLine,
    Done,
}

impl BodyReader {
    /// Starts at the first byte after the head.
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Counted(length),
            Framing::Chunked => State::SizeLine,
            Framing::UntilClose => State::UntilClose,
        };
        BodyReader {
            state,
            line: Vec::new(),
        }
    }

    /// Tells whether the whole body has been read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Tells whether the body may end where the connection does.
    pub fn may_end_here(&self) -> bool {
        matches!(self.state, State::Done | State::UntilClose)
    }

    /// Takes the next bytes of the body from the front of `input` and returns those that
    /// are content, perhaps none. To be called until `input` is empty or the body done.
    ///
    /// # Errors
    ///
    /// When the bytes are no valid chunk.
    pub fn advance<'a>(
        &mut self,
        input: &mut &'a [u8],
    ) -> Result<&'a [u8], ResponseError> {
        match self.state {
            State::Done => Ok(&[]),
            State::UntilClose => Ok(take_front(input, u64::MAX)),
            State::Counted(left) => {
                let content = take_front(input, left);
                self.state = match left - content.len() as u64 {
                    0 => State::Done,
                    left => State::Counted(left),
                };
                Ok(content)
            }
            State::Data(left) => {
                let content = take_front(input, left);
                self.state = match left - content.len() as u64 {
                    0 => State::DataEnd,
                    left => State::Data(left),
                };
                Ok(content)
            }
            State::SizeLine | State::DataEnd | State::TrailerLine => {
                if let Some(line) = self.take_line(input)? {
                    self.state = self.after_line(&line)?;
                }
                Ok(&[])
            }
        }
    }

    /// Collects a line that may arrive in pieces; returns it without its end.
    fn take_line(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, ResponseError> {
        let end = input.iter().position(|&byte| byte == b'\n');
        let piece = take_front(input, end.map_or(u64::MAX, |end| end as u64 + 1));
        self.line.extend_from_slice(piece);
        if self.line.len() > MAX_CHUNK_LINE {
            return Err(ResponseError::Chunk);
        }
        if end.is_none() {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.line);
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(line))
    }

    /// RFC 9112 §7.1: returns what follows a line of the chunked coding.
    fn after_line(&self, line: &[u8]) -> Result<State, ResponseError> {
        match self.state {
            State::SizeLine => {
                let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
                let size = std::str::from_utf8(size.trim_ascii()).unwrap_or_default();
                if !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(ResponseError::Chunk);
                }
                match u64::from_str_radix(size, 16) {
                    Ok(0) => Ok(State::TrailerLine),
                    Ok(size) => Ok(State::Data(size)),
                    Err(_) => Err(ResponseError::Chunk), // nothing, or above 64 bits
                }
            }
            State::DataEnd if line.is_empty() => Ok(State::SizeLine),
            State::DataEnd => Err(ResponseError::Chunk),
            _ if line.is_empty() => Ok(State::Done),
            state => Ok(state), // A trailer field: nothing here needs it.
        }
    }
}

/// Splits at most `len` bytes off the front.
fn take_front<'a>(input: &mut &'a [u8], len: u64) -> &'a [u8] {
    let len = usize::try_from(len).unwrap_or(usize::MAX).min(input.len());
    let (front, rest) = input.split_at(len);
    *input = rest;
    front
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(fields: &str) -> Result<Framing, ResponseError> {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        Head::parse(head.as_bytes()).unwrap().unwrap().0.framing()
    }

    #[test]
    fn a_head_with_a_control_character_is_refused() {
        for line in [
            "HTTP/1.1 200 O\rK",
            "HTTP/1.1 200 \x1b[31mOK",
            "HTTP/1.1 200 OK\r\nX: a\0b",
            "HTTP/1.1 200 OK\r\nX: a\rb",
            "HTTP/1.1 200 OK\r\nX: a\x7f",
            "HTTP/1.1 200 OK\r\nX\x1b: a",
            "HTTP/1.1 200 OK\r\nX: a\r\n \0",
            // White space for Unicode, but not for HTTP (RFC 9110 §5.6.3).
            "HTTP/1.1 200 OK\r\nContent-Length: 3\x0c",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding:\x0bchunked",
        ] {
            let head = format!("{line}\r\n\r\n");
            let refused = Err(ResponseError::ControlCharacter);
            assert_eq!(Head::parse(head.as_bytes()), refused, "{line:?}");
        }
        let head = b"HTTP/1.1 200 O\tK\r\nX:\ta\tb\r\n\r\n";
        assert!(Head::parse(head).is_ok());
    }

    #[test]
    fn the_body_ends_as_the_fields_say() {
        assert_eq!(framing("content-length: 5\r\n"), Ok(Framing::Length(5)));
        assert_eq!(framing("Content-Length: 5, 5\r\n"), Ok(Framing::Length(5)));
        assert_eq!(framing(""), Ok(Framing::UntilClose));
        let both = "Content-Length: 5\r\nTransfer-Encoding: Chunked\r\n";
        assert_eq!(framing(both), Ok(Framing::Chunked));
        let differ = "Content-Length: 5\r\nContent-Length: 6\r\n";
        assert_eq!(framing(differ), Err(ResponseError::ContentLength));
        let plus = framing("Content-Length: +5\r\n");
        assert_eq!(plus, Err(ResponseError::ContentLength));
        let gzip = framing("Transfer-Encoding: gzip, chunked\r\n");
        assert_eq!(gzip, Err(ResponseError::TransferCoding));
        let empty = framing("Transfer-Encoding: , chunked ,\r\n");
        assert_eq!(empty, Ok(Framing::Chunked));
    }

    #[test]
    fn a_redirect_needs_its_status_and_a_location() {
        let redirect = |head: &str| {
            let (head, _) = Head::parse(head.as_bytes()).unwrap().unwrap();
            head.redirect().map(str::to_owned)
        };
        let found = redirect("HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n");
        assert_eq!(found.as_deref(), Some("/there"));
        let raw = b"HTTP/1.1 302 Found\r\nLocation: /echo?\xe4\r\n\r\n";
        let (head, _) = Head::parse(raw).unwrap().unwrap();
        assert_eq!(head.redirect(), Some("/echo?%E4"));
        let created = "HTTP/1.1 201 Created\r\nLocation: /there\r\n\r\n";
        assert_eq!(redirect(created), None);
        assert_eq!(redirect("HTTP/1.1 301 Moved\r\n\r\n"), None);
    }

    #[test]
    fn no_status_line_is_no_response() {
        for line in [
            "",
            "hello",
            "HTTP/2 200",
            "HTTP/1.1 20",
            "HTTP/1.1 099 x",
            "HTTP/1.1 2x0",
        ] {
            let head = format!("{line}\r\n\r\n");
            assert_eq!(Head::parse(head.as_bytes()), Err(ResponseError::StatusLine));
        }
        let (head, len) = Head::parse(b"HTTP/1.0 404\nA:b\n\nx").unwrap().unwrap();
        assert_eq!((head.status, len), (404, 18));
    }

    #[test]
    fn a_field_may_be_continued_on_the_next_line() {
        let head =
            b"HTTP/1.1 200 OK\r\nLink: a,\r\n  b\r\nContent-Length:\r\n\t5\r\n\r\n";
        let (head, _) = Head::parse(head).unwrap().unwrap();
        assert_eq!(head.values("Link").next(), Some("a, b"));
        assert_eq!(head.framing(), Ok(Framing::Length(5)));
        let first = Head::parse(b"HTTP/1.1 200 OK\r\n folded\r\n\r\n");
        assert_eq!(first, Err(ResponseError::FieldLine));
    }

    fn dechunk(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool), ResponseError> {
        let mut reader = BodyReader::new(Framing::Chunked);
        let mut content = Vec::new();
        for mut input in pieces.iter().copied() {
            while !input.is_empty() && !reader.is_done() {
                content.extend_from_slice(reader.advance(&mut input)?);
            }
        }
        Ok((content, reader.is_done()))
    }

    #[test]
    fn chunks_may_arrive_in_any_pieces() {
        let body = b"5;x=y\r\nhello\r\n1\r\n\n\r\n0\r\nA: b\r\n\r\n";
        let whole = (b"hello\n".to_vec(), true);
        assert_eq!(dechunk(&[body]), Ok(whole.clone()));
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(dechunk(&bytes), Ok(whole));
        assert_eq!(dechunk(&[&body[..20]]), Ok((b"hello\n".to_vec(), false)));
    }

    #[test]
    fn a_malformed_chunk_is_an_error() {
        for body in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "5\r\nhello!\r\n",
            "11111111111111111\r\n",
        ] {
            assert_eq!(
                dechunk(&[body.as_bytes()]),
                Err(ResponseError::Chunk),
                "{body}"
            );
        }
    }
}
