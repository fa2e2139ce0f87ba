//! The head of an HTTP/1.x request: request line and field lines (RFC 9112 §2 to §6).
//!
//! The parser is strict on purpose. Where two programs in a row read one message in two
//! ways, a request can hide in another's body ("smuggling", RFC 9112 §11.2). So whatever
//! the grammar does not allow is refused, also where a lenient reading is permitted: a
//! line ends with CRLF and never with LF alone, and a line is never continued.

use std::str;

/// The longest request line in bytes; RFC 9112 §3 asks for at least 8000.
pub const MAX_REQUEST_LINE: usize = 8 * 1024;
/// The largest head in bytes, request line and blank line included.
pub const MAX_HEAD: usize = 16 * 1024;
/// The most field lines in a head.
pub const MAX_FIELDS: usize = 100;
/// The longest body in bytes.
pub const MAX_BODY: u64 = 1024 * 1024;

/// What the server needs to know of a request; text points into the bytes received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// A token, as sent: methods are case-sensitive (RFC 9110 §9.1).
    pub method: &'a str,
    /// The path as sent, visible ASCII, still percent-encoded; `*` in asterisk-form,
    /// empty in authority-form.
    pub path: &'a str,
    /// What follows the first `?` of the target.
    pub query: Option<&'a str>,
    /// The User-Agent field, without the white space around it.
    pub user_agent: Option<&'a [u8]>,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether the client will go on using this connection.
    pub keep_alive: bool,
    /// Whether the client speaks HTTP/1.0, where keep-alive must be confirmed.
    pub is_http_1_0: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
}

/// How the end of the body is known (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Content-Length bytes; none without that field.
    Length(u64),
    /// Chunks, each with its size before it.
    Chunked,
}

/// The rule that a request breaks. After any of these nobody can say where the next
/// request begins: the server answers and closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// RFC 9112 §2.2: a line ends with CR LF.
    BareLf,
    /// RFC 9112 §2.2: a CR is followed by LF, wherever it stands in a head.
    BareCr,
    /// RFC 9112 §3: method SP request-target SP HTTP-version.
    RequestLine,
    /// RFC 9112 §3: a method longer than any that the server knows.
    MethodTooLong,
    /// RFC 9112 §3: a request target longer than the server parses.
    TargetTooLong,
    /// RFC 9112 §3.2: one of four forms, each for its methods.
    Target,
    /// RFC 9110 §2.5: a major version that this server does not speak.
    Version,
    /// RFC 9112 §3.2: exactly one valid Host; only HTTP/1.0 may leave it out.
    Host,
    /// RFC 9112 §5.1: a name, at once a colon, a value.
    FieldLine,
    /// RFC 9110 §5.5: no NUL or other control character in a value.
    FieldValue,
    /// RFC 9112 §5.2: no line is continued on the next one.
    ObsFold,
    /// RFC 6585 §5: the head has too many bytes or fields.
    HeadTooLarge,
    /// RFC 9110 §8.6: one Content-Length, decimal digits.
    ContentLength,
    /// RFC 9112 §6.1: chunked, once, last, in HTTP/1.1, and no Content-Length beside it.
    TransferEncoding,
    /// RFC 9112 §6.1: a transfer coding that the server does not know.
    UnknownCoding,
    /// RFC 9110 §10.1.1: an expectation other than 100-continue.
    Expectation,
    /// RFC 9110 §15.5.14: the body is longer than the server reads.
    BodyTooLarge,
    /// RFC 9112 §7.1: a chunk begins with its size in hexadecimal and CR LF.
    ChunkSize,
    /// RFC 9112 §7.1: a chunk's data end with CR LF.
    ChunkEnd,
    /// RFC 9112 §7.1.2: a trailer is field lines.
    Trailer,
    /// RFC 9112 §8: the client closed before the end of the request.
    Incomplete,
}

impl RequestError {
    /// Returns the status code of the answer.
    pub fn status(self) -> u16 {
        match self {
            Self::BareLf
            | Self::BareCr
            | Self::RequestLine
            | Self::Target
            | Self::Host
            | Self::FieldLine
            | Self::FieldValue
            | Self::ObsFold
            | Self::ContentLength
            | Self::TransferEncoding
            | Self::ChunkSize
            | Self::ChunkEnd
            | Self::Trailer
            | Self::Incomplete => 400,
            Self::BodyTooLarge => 413,
            Self::TargetTooLong => 414,
            Self::Expectation => 417,
            Self::HeadTooLarge => 431,
            Self::MethodTooLong | Self::UnknownCoding => 501,
            Self::Version => 505,
        }
    }

    /// Returns the broken rule as a sentence for the page.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::BareLf => "A line must end with CR LF, not with LF alone.",
            Self::BareCr => "A line must end with CR LF, not with CR alone.",
            Self::RequestLine => {
                "The request line must be: method, space, target, space, version."
            }
            Self::MethodTooLong => "No method is that long.",
            Self::TargetTooLong => "The request target is too long.",
            Self::Target => "The request target has none of the forms for its method.",
            Self::Version => "This server speaks the versions 1.0 and 1.1.",
            Self::Host => "There must be exactly one valid Host field.",
            Self::FieldLine => "A field line must be: name, colon, value.",
            Self::FieldValue => "A field value holds a control character.",
            Self::ObsFold => "A field line must not be continued on the next line.",
            Self::HeadTooLarge => "The head of the request is too large.",
            Self::ContentLength => "There must be at most one Content-Length, a number.",
            Self::TransferEncoding => {
                "Transfer-Encoding must be chunked, without Content-Length or version 1.0."
            }
            Self::UnknownCoding => "The only transfer coding known here is chunked.",
            Self::Expectation => "The only expectation known here is 100-continue.",
            Self::BodyTooLarge => "The body is too large.",
            Self::ChunkSize => "A chunk must begin with its size and CR LF.",
            Self::ChunkEnd => "The data of a chunk must end with CR LF.",
            Self::Trailer => "The trailer must be field lines.",
            Self::Incomplete => "The connection ended before the request did.",
        }
    }
}

/// Parses the head at the beginning of `buf`.
///
/// Returns the head and its length in bytes, or `None` while it is incomplete. However the
/// bytes arrive, the result is the same: a prefix is either incomplete or decides already.
///
/// # Errors
///
/// The first rule that the bytes break.
pub fn parse(buf: &[u8]) -> Result<Option<(Head<'_>, usize)>, RequestError> {
    let mut lines = Lines { buf, at: 0 };
    // RFC 9112 §2.2: one empty line before the request line is skipped, since some
    // clients end a body with one.
    match buf {
        [b'\r'] => return Ok(None),
        [b'\r', b'\n', ..] => lines.at = 2,
        _ => {}
    }
    // Whoever speaks TLS or nonsense learns it from the first byte.
    if lines
        .rest()
        .first()
        .is_some_and(|&byte| !is_token_char(byte))
    {
        return Err(RequestError::RequestLine);
    }
    let Some(line) = lines.next(lines.at + MAX_REQUEST_LINE, too_long)? else {
        return Ok(None);
    };
    let request_line = RequestLine::parse(line)?;

    let mut fields = Fields::default();
    for _ in 0..=MAX_FIELDS {
        let Some(line) = lines.next(MAX_HEAD, |_| RequestError::HeadTooLarge)? else {
            return Ok(None);
        };
        if line.is_empty() {
            return Ok(Some((fields.into_head(&request_line)?, lines.at)));
        }
        let (name, value) = parse_field(line)?;
        fields.add(name, value, request_line.is_http_1_0)?;
    }
    Err(RequestError::HeadTooLarge)
}

/// The lines of a head, without their line ends.
struct Lines<'a> {
    buf: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn rest(&self) -> &'a [u8] {
        self.buf.get(self.at..).unwrap_or_default()
    }

    /// Returns the next line, or `None` while its end has not come. A line that ends
    /// beyond `limit` bytes of the head is refused as soon as that is certain.
    fn next(
        &mut self,
        limit: usize,
        too_long: fn(&[u8]) -> RequestError,
    ) -> Result<Option<&'a [u8]>, RequestError> {
        let rest = self.rest();
        let end = rest.iter().position(|&byte| matches!(byte, b'\r' | b'\n'));
        let len = end.unwrap_or(rest.len());
        if self.at + len + 1 >= limit {
            return Err(too_long(rest));
        }
        let Some((line, line_end)) = rest.split_at_checked(len) else {
            return Ok(None);
        };
        match line_end {
            [] | [b'\r'] => Ok(None),
            [b'\r', b'\n', ..] => {
                self.at += len + 2;
                Ok(Some(line))
            }
            // Not left to the time limit, which would answer 408 after long.
            [b'\r', ..] => Err(RequestError::BareCr),
            _ => Err(RequestError::BareLf),
        }
    }
}

/// RFC 9112 §3: too long a method is 501, too long a target 414.
fn too_long(line: &[u8]) -> RequestError {
    let known = line.get(..MAX_REQUEST_LINE).unwrap_or(line);
    match known.contains(&b' ') {
        true => RequestError::TargetTooLong,
        false => RequestError::MethodTooLong,
    }
}

struct RequestLine<'a> {
    method: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    is_http_1_0: bool,
}

impl<'a> RequestLine<'a> {
    /// RFC 9112 §3: exactly two spaces, nothing else is white space.
    fn parse(line: &'a [u8]) -> Result<Self, RequestError> {
        let line = str::from_utf8(line).map_err(|_| RequestError::RequestLine)?;
        let mut words = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(RequestError::RequestLine);
        };
        if method.is_empty() || !method.bytes().all(is_token_char) {
            return Err(RequestError::RequestLine);
        }
        let is_http_1_0 = parse_version(version)?;
        let (path, query) = parse_target(method, target)?;
        Ok(RequestLine {
            method,
            path,
            query,
            is_http_1_0,
        })
    }
}

/// RFC 9112 §2.3: `HTTP/`, a digit, a dot, a digit. Returns whether it is HTTP/1.0; a
/// higher minor version than 1.1 is read as 1.1 (RFC 9110 §2.5).
fn parse_version(version: &str) -> Result<bool, RequestError> {
    match version.as_bytes() {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            match major {
                b'1' => Ok(*minor == b'0'),
                _ => Err(RequestError::Version),
            }
        }
        _ => Err(RequestError::RequestLine),
    }
}

/// RFC 9112 §3.2: returns path and query of a target in any of its four forms.
fn parse_target<'a>(
    method: &str,
    target: &'a str,
) -> Result<(&'a str, Option<&'a str>), RequestError> {
    // A URI is visible ASCII, and a fragment is never sent (RFC 9110 §4.2.5). Characters
    // like < that a URI may not hold are let through, as browsers let them: no reader
    // can take them for anything else.
    let legal = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if !target.bytes().all(legal) {
        return Err(RequestError::Target);
    }
    if method == "CONNECT" {
        // §3.2.3, authority-form: host and port, for CONNECT alone.
        return match target.rsplit_once(':') {
            Some((host, port))
                if !host.is_empty() && !port.is_empty() && is_authority(target) =>
            {
                Ok(("", None))
            }
            _ => Err(RequestError::Target),
        };
    }
    if target == "*" {
        // §3.2.4, asterisk-form: the server as a whole, for OPTIONS alone.
        return match method {
            "OPTIONS" => Ok(("*", None)),
            _ => Err(RequestError::Target),
        };
    }
    let origin = match target.starts_with('/') {
        true => target,                    // §3.2.1, origin-form
        false => after_authority(target)?, // §3.2.2, absolute-form
    };
    let (path, query) = match origin.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (origin, None),
    };
    // RFC 9110 §4.2.3: an empty path is the same as "/".
    let path = match path {
        "" if method == "OPTIONS" && query.is_none() => "*",
        "" => "/",
        path => path,
    };
    match percent_decode(path) {
        Some(_) => Ok((path, query)),
        None => Err(RequestError::Target),
    }
}

/// Returns what follows `http://authority` in a target in absolute-form. The authority
/// replaces the Host field, which is checked all the same (RFC 9112 §3.2.2).
fn after_authority(target: &str) -> Result<&str, RequestError> {
    let (scheme, rest) = target.split_once("://").ok_or(RequestError::Target)?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, origin) = rest.split_at(end);
    if !scheme.eq_ignore_ascii_case("http") || !is_authority(authority) {
        return Err(RequestError::Target);
    }
    Ok(origin)
}

/// RFC 9110 §7.2, RFC 3986 §3.2.2: a name, an IPv4 address or an IPv6 address in
/// brackets, then perhaps a port. An http URI has a host (§4.2.1), and no user name: it is
/// where phishing hides (§4.2.4). A comma would be part of a name, but it is also what two
/// Host fields become where somebody joins them (§5.3).
fn is_authority(authority: &str) -> bool {
    let (host_is_valid, port) = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) => {
                (address.parse::<std::net::Ipv6Addr>().is_ok(), port)
            }
            None => return false,
        },
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (name, port) = authority.split_at(end);
            let in_name = |byte: u8| {
                byte.is_ascii_alphanumeric()
                    || matches!(
                        byte,
                        b'-' | b'.' | b'_' | b'~' | b'%' // unreserved, encoded
                            | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' // sub-delims
                            | b'*' | b'+' | b';' | b'='
                    )
            };
            let is_name = name.bytes().all(in_name) && percent_decode(name).is_some();
            (is_name && !name.is_empty(), port)
        }
    };
    let port_is_valid = match port.strip_prefix(':') {
        Some("") => true, // RFC 3986 §3.2.3: a port may be empty.
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit())
                && digits.parse::<u16>().is_ok()
        }
        None => port.is_empty(),
    };
    host_is_valid && port_is_valid
}

/// Replaces each `%XX` by its byte (RFC 3986 §2.1); `None` if two hexadecimal digits do
/// not follow a percent sign.
pub fn percent_decode(text: &str) -> Option<std::borrow::Cow<'_, [u8]>> {
    if !text.contains('%') {
        return Some(text.as_bytes().into());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(decoded.into())
}

/// RFC 9112 §5: splits a field line into its name and its trimmed value.
pub(crate) fn parse_field(line: &[u8]) -> Result<(&[u8], &[u8]), RequestError> {
    if let [b' ' | b'\t', ..] = line {
        return Err(RequestError::ObsFold);
    }
    let colon = line.iter().position(|&byte| byte == b':');
    let (name, value) = colon
        .and_then(|colon| line.split_at_checked(colon))
        .ok_or(RequestError::FieldLine)?;
    // §5.1: no white space between name and colon: a proxy that removes it and one that
    // does not would see two different fields.
    if name.is_empty() || !name.iter().all(|&byte| is_token_char(byte)) {
        return Err(RequestError::FieldLine);
    }
    let value = value.get(1..).unwrap_or_default();
    if !value.iter().all(|&byte| is_value_char(byte)) {
        return Err(RequestError::FieldValue);
    }
    Ok((name, value.trim_ascii()))
}

/// RFC 9110 §5.6.2: the characters of a token, which methods and field names are.
pub(crate) fn is_token_char(byte: u8) -> bool {
    matches!(
        byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\''
            | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
    )
}

/// RFC 9110 §5.5: visible characters, any byte from 0x80 on, space and tab.
pub(crate) fn is_value_char(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// The fields that decide what the request means.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    user_agent: Option<&'a [u8]>,
    content_length: Option<u64>,
    codings: Option<Codings>,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    expects_something_else: bool,
}

/// What the Transfer-Encoding fields list, all of them together.
#[derive(Clone, Copy, Default)]
struct Codings {
    /// The last one so far is chunked.
    ends_in_chunked: bool,
    /// An unknown one stands before chunked.
    has_unknown: bool,
}

impl<'a> Fields<'a> {
    /// Notes a field; names are compared without regard to case (RFC 9110 §5.1).
    fn add(
        &mut self,
        name: &'a [u8],
        value: &'a [u8],
        is_http_1_0: bool,
    ) -> Result<(), RequestError> {
        let is = |field: &str| name.eq_ignore_ascii_case(field.as_bytes());
        if is("Host") {
            let is_valid = str::from_utf8(value).is_ok_and(is_authority);
            if !is_valid || self.host.replace(value).is_some() {
                return Err(RequestError::Host);
            }
        } else if is("User-Agent") {
            self.user_agent = Some(value);
        } else if is("Content-Length") {
            let length = parse_length(value)?;
            // RFC 9112 §6.3 lets a recipient accept a repeated equal value; we do not.
            if self.content_length.replace(length).is_some() {
                return Err(RequestError::ContentLength);
            }
        } else if is("Transfer-Encoding") {
            self.add_codings(value)?;
        } else if is("Connection") {
            for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if is("Expect") && !is_http_1_0 {
            // RFC 9110 §10.1.1: an expectation in HTTP/1.0 is ignored. It is a list, whose
            // empty elements mean nothing (§5.6.1.2).
            for expectation in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                match expectation.eq_ignore_ascii_case(b"100-continue") {
                    true => self.expects_continue = true,
                    false => self.expects_something_else |= !expectation.is_empty(),
                }
            }
        }
        Ok(())
    }

    /// RFC 9112 §6.1: a list of codings in the order in which they were applied. An
    /// empty element is not skipped but refused: only an attacker sends one.
    fn add_codings(&mut self, value: &[u8]) -> Result<(), RequestError> {
        let mut codings = self.codings.take().unwrap_or_default();
        for coding in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            // Nothing may follow chunked, not even chunked itself.
            if coding.is_empty() || codings.ends_in_chunked {
                return Err(RequestError::TransferEncoding);
            }
            match coding.eq_ignore_ascii_case(b"chunked") {
                true => codings.ends_in_chunked = true,
                false => codings.has_unknown = true,
            }
        }
        self.codings = Some(codings);
        Ok(())
    }

    /// Checks what only the whole head can show.
    fn into_head(self, line: &RequestLine<'a>) -> Result<Head<'a>, RequestError> {
        if self.host.is_none() && !line.is_http_1_0 {
            return Err(RequestError::Host);
        }
        let framing = self.framing(line.is_http_1_0)?;
        if self.expects_something_else {
            return Err(RequestError::Expectation);
        }
        // RFC 9112 §9.3: HTTP/1.1 stays open unless told otherwise, HTTP/1.0 closes.
        let keep_alive = !self.close && (!line.is_http_1_0 || self.keep_alive);
        Ok(Head {
            method: line.method,
            path: line.path,
            query: line.query,
            user_agent: self.user_agent,
            framing,
            keep_alive,
            is_http_1_0: line.is_http_1_0,
            expects_continue: self.expects_continue,
        })
    }

    /// RFC 9112 §6.3: how long the body is. Every doubt is an error.
    fn framing(&self, is_http_1_0: bool) -> Result<Framing, RequestError> {
        match (self.codings, self.content_length) {
            (None, None) => Ok(Framing::Length(0)),
            (None, Some(length)) if length > MAX_BODY => Err(RequestError::BodyTooLarge),
            (None, Some(length)) => Ok(Framing::Length(length)),
            (Some(_), Some(_)) => Err(RequestError::TransferEncoding),
            (Some(codings), None) if is_http_1_0 || !codings.ends_in_chunked => {
                Err(RequestError::TransferEncoding)
            }
            (Some(codings), None) if codings.has_unknown => {
                Err(RequestError::UnknownCoding)
            }
            (Some(_), None) => Ok(Framing::Chunked),
        }
    }
}

/// RFC 9110 §8.6: decimal digits and nothing else; a number above 64 bits is refused.
fn parse_length(value: &[u8]) -> Result<u64, RequestError> {
    // u64's own parser also takes "+5".
    if !value.iter().all(u8::is_ascii_digit) {
        return Err(RequestError::ContentLength);
    }
    str::from_utf8(value)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or(RequestError::ContentLength)
}
