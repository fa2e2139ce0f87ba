//! A request and its response, as bytes (RFC 9112). No I/O.

/// The response to what is no request.
pub const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\
    Content-Length: 24\r\nConnection: close\r\n\r\n<h1>400 Bad Request</h1>";

/// The response to who is one too many.
pub const UNAVAILABLE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Content-Type: text/html\r\nContent-Length: 32\r\nConnection: close\r\n\r\n\
    <h1>503 Service Unavailable</h1>";

/// Tells whether these bytes are one request to the end: a head, and no body after it.
pub fn is_whole_request(received: &[u8]) -> bool {
    // Where one of these announces a body, it may still be on its way (RFC 9112 §6).
    let announces_body = |line: &[u8]| {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
        name.eq_ignore_ascii_case(b"Content-Length")
            || name.eq_ignore_ascii_case(b"Transfer-Encoding")
    };
    head_len(received) == Some(received.len())
        && !received.split(|&byte| byte == b'\n').any(announces_body)
}

/// Returns the length of the head in bytes; `None` while its end has not come.
///
/// It ends with the first blank line, which belongs to it (RFC 9112 §2.1). A line may end
/// with LF alone, as a person types it (§2.2): a connection has one request here, so no
/// second one can hide behind a head that somebody else would end elsewhere.
pub fn head_len(received: &[u8]) -> Option<usize> {
    let head = after_empty_line(received);
    let mut len = received.len() - head.len();
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        len += line.len();
        if matches!(line, b"\r\n" | b"\n") {
            return Some(len);
        }
    }
    None
}

/// Skips one empty line: some clients send it before a request (RFC 9112 §2.2).
fn after_empty_line(received: &[u8]) -> &[u8] {
    match received {
        [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] => rest,
        _ => received,
    }
}

/// Returns the request line without its end: method, target and version, a space between
/// them (RFC 9112 §3). `None` if that is not what stands there, or the head is not whole.
/// `None` also for CONNECT: 200 would promise a tunnel, not a page (RFC 9110 §9.3.6).
///
/// Not done here: to refuse a request of HTTP/1.1 without Host (§3.2).
pub fn request_line(received: &[u8]) -> Option<&[u8]> {
    head_len(received)?;
    let head = after_empty_line(received);
    let line = head.split(|&byte| byte == b'\n').next()?;
    let line = line.trim_ascii_end();
    let mut parts = line.split(|&byte| byte == b' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole = !method.is_empty() && !target.is_empty() && parts.next().is_none();
    let is_for_a_page = version.starts_with(b"HTTP/") && method != b"CONNECT";
    (is_whole && is_for_a_page).then_some(line)
}

/// Builds the response to the visitor of this number: head and page; to HEAD the head
/// alone (RFC 9110 §9.3.2).
pub fn response(request_line: &[u8], number: u64) -> String {
    // The empty icon keeps browsers from asking for /favicon.ico, a request of its own.
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <link rel=\"icon\" href=\"data:,\"><title>Socket Server</title></head>\n<body>\n\
         <h1>Hello from a Socket!</h1>\n<p>You are visitor #{number}</p>\n</body>\n</html>\n"
    );
    // Not done here: Date, which RFC 9110 §6.6.1 asks of a server with a clock.
    let mut response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        page.len()
    );
    if !request_line.starts_with(b"HEAD ") {
        response.push_str(&page);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_the_first_blank_line() {
        assert_eq!(head_len(b"GET / HTTP/1.1\r\n\r\n"), Some(18));
        assert_eq!(head_len(b"GET / HTTP/1.1\r\n\r\nbody\r\n\r\n"), Some(18));
        assert_eq!(head_len(b"GET / HTTP/1.1\r\n\r"), None);
        assert_eq!(head_len(b""), None);
    }

    #[test]
    fn a_line_may_end_with_lf_alone() {
        let request = b"GET / HTTP/1.0\nHost: a\n\n";
        assert_eq!(head_len(request), Some(24));
        assert!(is_whole_request(request));
        assert_eq!(request_line(request), Some(&b"GET / HTTP/1.0"[..]));
        assert_eq!(head_len(b"GET / HTTP/1.0\r\n\n"), Some(17));
        assert_eq!(head_len(b"GET / HTTP/1.0\n\r"), None);
    }

    #[test]
    fn an_empty_line_before_the_request_is_skipped() {
        for request in [&b"\r\nGET / HTTP/1.1\r\n\r\n"[..], b"\nGET / HTTP/1.1\n\n"] {
            assert!(is_whole_request(request));
            assert_eq!(request_line(request), Some(&b"GET / HTTP/1.1"[..]));
        }
        assert_eq!(head_len(b"\r"), None);
        assert_eq!(head_len(b"\r\n"), None);
        assert_eq!(request_line(b"\r\n\r\n"), None);
    }

    #[test]
    fn only_a_head_without_anything_after_it_is_whole() {
        assert!(is_whole_request(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(is_whole_request(b"HEAD / HTTP/1.1\r\n\r\n"));
        assert!(!is_whole_request(b""));
        assert!(!is_whole_request(b"GET / HTTP/1.1\r\n"));
        assert!(!is_whole_request(b"GET / HTTP/1.1\r\n\r\nmore\r\n\r\n"));
        assert!(!is_whole_request(
            b"GET / HTTP/1.1\r\ncontent-length: 4\r\n\r\n"
        ));
        let chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(!is_whole_request(chunked));
    }

    #[test]
    fn a_request_line_has_three_parts() {
        let request = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(request_line(request), Some(&b"GET /a HTTP/1.1"[..]));
        assert_eq!(request_line(b"GET /a HTTP/1.1\r\nHost: a\r\n"), None);
        assert_eq!(request_line(b"GET /a\r\n\r\n"), None);
        assert_eq!(request_line(b"GET /a b HTTP/1.1\r\n\r\n"), None);
        assert_eq!(request_line(b"GET  HTTP/1.1\r\n\r\n"), None);
        assert_eq!(request_line(b"GET / FOO/7\r\n\r\n"), None);
        assert_eq!(request_line(b"CONNECT a:443 HTTP/1.1\r\n\r\n"), None);
    }

    #[test]
    fn the_length_is_that_of_the_page_also_when_head_gets_none() {
        let response_to_get = response(b"GET / HTTP/1.1", 12345);
        let (head, page) = response_to_get.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", page.len())));
        assert!(page.contains("visitor #12345<"));
        let response_to_head = response(b"HEAD / HTTP/1.1", 12345);
        assert_eq!(response_to_head, format!("{head}\r\n\r\n"));

        for refusal in [BAD_REQUEST, UNAVAILABLE] {
            let refusal = str::from_utf8(refusal).unwrap();
            let (head, page) = refusal.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", page.len())));
        }
    }
}
