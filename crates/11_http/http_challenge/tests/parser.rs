//! Properties of the parser over random and over nearly right requests, and the rules of
//! the RFCs one by one.
#![allow(missing_docs)]

use http_challenge::body::BodyReader;
use http_challenge::request::{
    Framing, MAX_BODY, MAX_FIELDS, MAX_HEAD, MAX_REQUEST_LINE, RequestError, parse,
};
use quickcheck::{Arbitrary, Gen, QuickCheck, Testable};

/// What a server would make of a stream of bytes that ends: its requests, each with the
/// length of its body, and the error after them if there is one.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    requests: Vec<(String, u64)>,
    error: Option<RequestError>,
}

/// Reads the pieces as a server does: parses after each of them, and never looks back.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Reading {
    let mut reading = Reading::default();
    let mut unread = Vec::new();
    let mut body: Option<BodyReader> = None;
    for piece in pieces {
        unread.extend_from_slice(piece);
        loop {
            if let Some(reader) = &mut body {
                match reader.advance(&unread) {
                    Ok(len) => drop(unread.drain(..len)),
                    Err(error) => {
                        reading.error = Some(error);
                        return reading;
                    }
                }
                if !reader.is_done() {
                    break;
                }
                if let Some(request) = reading.requests.last_mut() {
                    request.1 = reader.content_len();
                }
                body = None;
            }
            match parse(&unread) {
                Ok(Some((head, len))) => {
                    let name = format!("{} {} {:?}", head.method, head.path, head.query);
                    reading.requests.push((name, 0));
                    body = Some(BodyReader::new(head.framing));
                    unread.drain(..len);
                }
                Ok(None) => break,
                Err(error) => {
                    reading.error = Some(error);
                    return reading;
                }
            }
        }
    }
    reading
}

/// Pieces of requests, right and wrong, from which streams are made.
const FRAGMENTS: &[&[u8]] = &[
    b"GET /whole HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PUT /counted HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
    b"PUT /chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET / HTTP/1.1\r\n",
    b"POST /hello?x=%41 HTTP/1.1\r\n",
    b"HEAD http://h:80/about HTTP/1.0\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"Host: x\r\n",
    b"host:[::1]:80\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 5, 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"\r\n",
    b"hello",
    b"5\r\nhello\r\n",
    b"A;x=y\r\n0123456789\r\n",
    b"5;x=\"\\\"\"\r\nhello\r\n",
    b"0\r\n",
    b"0\r\n\r\n",
    b"X-Trailer: 1\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b"\0",
    b"%",
];

/// A piece of a stream: mostly one of [`FRAGMENTS`], sometimes a few random bytes.
#[derive(Clone, Debug)]
struct Fragment(Vec<u8>);

impl Arbitrary for Fragment {
    fn arbitrary(random: &mut Gen) -> Fragment {
        if u8::arbitrary(random) % 13 == 0 {
            return Fragment(Vec::arbitrary(&mut Gen::new(12)));
        }
        let known = random.choose(FRAGMENTS).copied();
        Fragment(known.unwrap_or_default().to_vec())
    }
}

/// Tries the property with 20,000 random cases of at most this size. One that fails is made
/// smaller as long as it fails, and shown.
fn holds(size: usize, property: impl Testable) {
    QuickCheck::new()
        .tests(20_000)
        .rng(Gen::new(size))
        .quickcheck(property);
}

#[test]
fn the_result_does_not_depend_on_how_the_bytes_arrive() {
    fn property(fragments: Vec<Fragment>, cuts: (usize, usize, usize)) -> bool {
        let fragments: Vec<_> =
            fragments.into_iter().map(|fragment| fragment.0).collect();
        let stream = fragments.concat();
        let at_once = read([&stream[..]]);
        let byte_by_byte = read(stream.chunks(1));
        let mut cuts = [cuts.0, cuts.1, cuts.2].map(|cut| cut % (stream.len() + 1));
        cuts.sort_unstable();
        let [first, second, third] = cuts;
        let pieces = [
            &stream[..first],
            &stream[first..second],
            &stream[second..third],
            &stream[third..],
        ];
        at_once == byte_by_byte && at_once == read(pieces)
    }
    holds(14, property as fn(_, _) -> _);
}

#[test]
fn random_bytes_never_panic() {
    fn property(bytes: Vec<u8>) {
        let _ = read([&bytes[..]]);
    }
    holds(200, property as fn(_));
}

#[test]
fn a_body_never_bleeds_into_the_next_request() {
    /// Of each body its bytes, and the length of its chunks if it comes in chunks.
    fn property(bodies: Vec<(Vec<u8>, Option<u8>)>, piece_len: u8) -> bool {
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        for (number, (content, chunk_len)) in bodies.iter().enumerate() {
            // Of more bytes than one digit tells.
            let content = content.repeat(5);
            stream.extend(format!("POST /{number} HTTP/1.1\r\nHost: x\r\n").into_bytes());
            if let Some(chunk_len) = *chunk_len {
                stream.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in content.chunks(usize::from(chunk_len % 20) + 1) {
                    stream.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                    stream.extend(chunk);
                    stream.extend(b"\r\n");
                }
                stream.extend(b"0\r\nContent-Length: 7\r\n\r\n");
            } else {
                let length = content.len();
                stream.extend(format!("Content-Length: {length}\r\n\r\n").into_bytes());
                stream.extend(&content);
            }
            expected.push((format!("POST /{number} None"), content.len() as u64));
        }
        let expected = Reading {
            requests: expected,
            error: None,
        };
        let pieces = stream.chunks(usize::from(piece_len) + 1);
        read([&stream[..]]) == expected && read(pieces) == expected
    }
    holds(12, property as fn(_, _) -> _);
}

fn error_of(stream: &[u8]) -> Option<RequestError> {
    read([stream]).error
}

fn with_fields(fields: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n").into_bytes()
}

#[test]
fn request_lines_that_break_the_grammar() {
    use RequestError::*;
    let cases: &[(&str, RequestError)] = &[
        ("GET /\r\n", RequestLine),
        ("GET  / HTTP/1.1\r\n", RequestLine),
        ("GET / HTTP/1.1 \r\n", RequestLine),
        ("GET\t/ HTTP/1.1\r\n", RequestLine),
        (" GET / HTTP/1.1\r\n", RequestLine),
        ("\r\n\r\n", RequestLine),
        ("GARBAGE\r\n", RequestLine),
        ("G(T / HTTP/1.1\r\n", RequestLine),
        ("GET / http/1.1\r\n", RequestLine),
        ("GET / HTTP/1.10\r\n", RequestLine),
        ("GET / HTTP/11\r\n", RequestLine),
        ("\u{16}\u{3}\u{1}", RequestLine),
        ("GET / HTTP/1.1\n", BareLf),
        ("GET / HTTP/1.1\rHost: x\r\r", BareCr),
        ("GET /\r/ HTTP/1.1\r\n", BareCr),
        ("GET / HTTP/2.0\r\n", Version),
        ("PRI * HTTP/2.0\r\n", Version),
        ("GET / HTTP/0.9\r\n", Version),
        ("GET * HTTP/1.1\r\n", Target),
        ("GET hello HTTP/1.1\r\n", Target),
        ("GET /a#b HTTP/1.1\r\n", Target),
        ("GET /a\u{7f} HTTP/1.1\r\n", Target),
        ("GET /%zz HTTP/1.1\r\n", Target),
        ("GET /%4 HTTP/1.1\r\n", Target),
        ("GET https://x/ HTTP/1.1\r\n", Target),
        ("GET http:///x HTTP/1.1\r\n", Target),
        ("GET http://user@x/ HTTP/1.1\r\n", Target),
        ("CONNECT / HTTP/1.1\r\n", Target),
        ("CONNECT x HTTP/1.1\r\n", Target),
    ];
    for (stream, error) in cases {
        assert_eq!(error_of(stream.as_bytes()), Some(*error), "{stream:?}");
    }
}

#[test]
fn field_lines_that_break_the_grammar() {
    use RequestError::*;
    let cases: &[(&str, RequestError)] = &[
        ("Name : value\r\n", FieldLine),
        ("Na me: value\r\n", FieldLine),
        (": value\r\n", FieldLine),
        ("no colon\r\n", FieldLine),
        (" folded\r\n", ObsFold),
        ("A: b\r\n\tfolded\r\n", ObsFold),
        ("A: b\rc\r\n", BareCr),
        ("A: b\r\r\n", BareCr),
        ("A: b\0c\r\n", FieldValue),
        ("A: \u{1b}[2J\r\n", FieldValue),
        ("A: b\n", BareLf),
        ("Host: y\r\n", Host),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", ContentLength),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", ContentLength),
        ("Content-Length: 5, 5\r\n", ContentLength),
        ("Content-Length: +5\r\n", ContentLength),
        ("Content-Length: -5\r\n", ContentLength),
        ("Content-Length: 0x5\r\n", ContentLength),
        ("Content-Length: \r\n", ContentLength),
        ("Content-Length: 99999999999999999999\r\n", ContentLength),
        ("Content-Length: 1048577\r\n", BodyTooLarge),
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            TransferEncoding,
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
            TransferEncoding,
        ),
        ("Transfer-Encoding: gzip\r\n", TransferEncoding),
        ("Transfer-Encoding: identity\r\n", TransferEncoding),
        ("Transfer-Encoding: xchunked\r\n", TransferEncoding),
        ("Transfer-Encoding: chunked;q=1\r\n", TransferEncoding),
        ("Transfer-Encoding: chunked, gzip\r\n", TransferEncoding),
        ("Transfer-Encoding: chunked, chunked\r\n", TransferEncoding),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            TransferEncoding,
        ),
        ("Transfer-Encoding: , chunked\r\n", TransferEncoding),
        ("Transfer-Encoding: gzip, chunked\r\n", UnknownCoding),
        ("Expect: magic\r\n", Expectation),
        ("Expect: 100-continue, magic\r\n", Expectation),
        ("Expect: 100-continue;q=1\r\n", Expectation),
    ];
    for (fields, error) in cases {
        assert_eq!(error_of(&with_fields(fields)), Some(*error), "{fields:?}");
    }
}

#[test]
fn host_is_there_once_and_valid() {
    for (head, is_valid) in [
        ("GET / HTTP/1.1\r\n\r\n", false),
        ("GET / HTTP/1.0\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", false),
        ("GET http://h/ HTTP/1.1\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: \r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: :8000\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: example.com:8000\r\n\r\n", true),
    ] {
        let error = error_of(head.as_bytes());
        assert_eq!(error, (!is_valid).then_some(RequestError::Host), "{head:?}");
    }
}

#[test]
fn the_four_forms_of_a_target() {
    for (line, path, query) in [
        ("GET /a%20b?c?d HTTP/1.1", "/a%20b", Some("c?d")),
        ("GET http://h HTTP/1.1", "/", None),
        ("GET HTTP://h:80?x HTTP/1.1", "/", Some("x")),
        ("GET http://[::1]:80/a HTTP/1.1", "/a", None),
        ("OPTIONS http://h HTTP/1.1", "*", None),
        ("OPTIONS * HTTP/1.1", "*", None),
        ("CONNECT h:443 HTTP/1.1", "", None),
    ] {
        let head = format!("{line}\r\nHost: h\r\n\r\n");
        let (parsed, len) = parse(head.as_bytes()).unwrap().unwrap();
        assert_eq!(
            (parsed.path, parsed.query, len),
            (path, query, head.len()),
            "{line}"
        );
    }
}

#[test]
fn who_stays_connected() {
    for (head, keep_alive) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", true),
        (
            "GET / HTTP/1.2\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
            true,
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, CLOSE\r\n\r\n",
            false,
        ),
        (
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
            false,
        ),
        ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
            false,
        ),
    ] {
        let (parsed, _) = parse(head.as_bytes()).unwrap().unwrap();
        assert_eq!(parsed.keep_alive, keep_alive, "{head:?}");
    }
}

#[test]
fn who_waits_for_100_continue() {
    for (field, expects_continue) in [
        ("", false),
        ("Expect:\r\n", false),
        ("Expect: 100-Continue\r\n", true),
        ("Expect: 100-continue, 100-continue\r\n", true),
        ("Expect: , 100-continue ,\r\n", true),
    ] {
        let head = with_fields(field);
        let (parsed, _) = parse(&head).unwrap().unwrap();
        assert_eq!(parsed.expects_continue, expects_continue, "{field:?}");
    }
}

#[test]
fn chunks_that_break_the_grammar() {
    use RequestError::*;
    let head = with_fields("Transfer-Encoding: chunked\r\n");
    let big = format!("{:x}\r\n", MAX_BODY + 1);
    let long_extension = format!("5;{}\r\n", "x".repeat(10_000));
    let long_trailer = format!("0\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    let cases: &[(&str, RequestError)] = &[
        ("\r\n", ChunkSize),
        ("g\r\n", ChunkSize),
        ("-5\r\n", ChunkSize),
        ("0x5\r\n", ChunkSize),
        (" 5\r\n", ChunkSize),
        ("5 \r\n", ChunkSize),
        ("5\n", ChunkSize),
        ("5;a\n", ChunkSize),
        ("5;\r\n", ChunkSize),
        ("5;=a\r\n", ChunkSize),
        ("5;a=\"\r\n", ChunkSize),
        ("5;a=\"b\\\"\r\n", ChunkSize),
        ("5;a=\"b\"\"\r\n", ChunkSize),
        ("5\rx", ChunkSize),
        ("10000000000000005\r\n", ChunkSize),
        ("ffffffffffffffff\r\n", BodyTooLarge),
        (&big, BodyTooLarge),
        (&long_extension, HeadTooLarge),
        (&long_trailer, HeadTooLarge),
        ("5\r\nhelloX\r\n", ChunkEnd),
        ("5\r\nhello\n", ChunkEnd),
        ("5\r\nhello0\r\n\r\n", ChunkEnd),
        ("0\r\n folded\r\n", Trailer),
        ("0\r\na : b\r\n", Trailer),
        ("0\r\na: b\n", Trailer),
        ("0\r\n\n", Trailer),
        ("0\r\n\rX", Trailer),
    ];
    for (body, error) in cases {
        let stream = [&head[..], body.as_bytes()].concat();
        assert_eq!(error_of(&stream), Some(*error), "{body:?}");
    }
    for body in [
        "0\r\n\r\n",
        "5 ;a=\"b c\"\r\nhello\r\n00\r\nA: b\r\nC:\r\n\r\n",
        "5;a=\"\\\"\\\\\";b=\"\"\r\nhello\r\n0\r\n\r\n",
    ] {
        let stream = [&head[..], body.as_bytes(), b"GET /2 HTTP/1.0\r\n\r\n"].concat();
        let reading = read([&stream[..]]);
        assert_eq!(
            (reading.error, reading.requests.len()),
            (None, 2),
            "{body:?}"
        );
    }
}

#[test]
fn limits_hold_to_the_byte() {
    let request_line = |len: usize| {
        let target = format!("/{}", "a".repeat(len - "GET / HTTP/1.1\r\n".len()));
        format!("GET {target} HTTP/1.1\r\n")
    };
    assert_eq!(error_of(request_line(MAX_REQUEST_LINE).as_bytes()), None);
    let too_long = request_line(MAX_REQUEST_LINE + 1);
    assert_eq!(
        error_of(too_long.as_bytes()),
        Some(RequestError::TargetTooLong)
    );
    let no_space = "a".repeat(MAX_REQUEST_LINE);
    assert_eq!(
        error_of(no_space.as_bytes()),
        Some(RequestError::MethodTooLong)
    );

    let head = |len: usize| {
        let start = "GET / HTTP/1.1\r\nHost: x\r\nA: ";
        format!("{start}{}\r\n\r\n", "a".repeat(len - start.len() - 4))
    };
    assert_eq!(error_of(head(MAX_HEAD).as_bytes()), None);
    let too_large = head(MAX_HEAD + 1);
    assert_eq!(
        error_of(too_large.as_bytes()),
        Some(RequestError::HeadTooLarge)
    );

    let fields = |count: usize| with_fields(&"a: b\r\n".repeat(count - 1));
    assert_eq!(error_of(&fields(MAX_FIELDS)), None);
    assert_eq!(
        error_of(&fields(MAX_FIELDS + 1)),
        Some(RequestError::HeadTooLarge)
    );

    let body = with_fields(&format!("Content-Length: {MAX_BODY}\r\n"));
    let (parsed, _) = parse(&body).unwrap().unwrap();
    assert_eq!(parsed.framing, Framing::Length(MAX_BODY));
}
