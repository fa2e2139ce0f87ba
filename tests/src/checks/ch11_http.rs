//! Chapter 11: what the HTTP programs and the configuration challenge must do.

use std::time::Instant;

use super::common::{self, because};
use crate::harness::prelude::*;

mod challenge;
mod clients;
mod config;
mod simple;

const SIMPLE: &str = "labs/11_http.md#step-2-run-the-smallest-web-server";
const CHALLENGE: &str = "labs/11_http.md#step-4-take-a-request-apart";
const HOSTILE: &str = "labs/11_http.md#step-6-send-it-what-no-browser-would";
const CLIENT: &str = "labs/11_http.md#step-1-send-a-request-by-hand";
const FETCH: &str = "labs/11_http.md#step-3-fetch-a-url";
const CONFIG: &str = "labs/11_http.md#step-8-the-configuration-challenge";

/// The checks of chapter 11.
pub fn checks() -> Vec<Check> {
    let mut checks = clients::manual_checks();
    checks.extend(clients::fetch_checks());
    checks.extend(simple::checks());
    checks.extend(challenge::checks());
    checks.extend(config::server_checks());
    checks.extend(config::client_checks());
    checks
}

// ---------------------------------------------------------------- responses

/// A response, read as a careful client reads it.
struct Response {
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    /// A line of the head ended with LF alone.
    bare_lf: bool,
}

impl Response {
    fn field(&self, name: &str) -> Option<&str> {
        let named = |(field, _): &&(String, String)| field.eq_ignore_ascii_case(name);
        self.fields
            .iter()
            .find(named)
            .map(|(_, value)| value.as_str())
    }

    /// It says that the connection stays open, which it need not say in HTTP/1.1.
    fn promises_to_stay(&self) -> bool {
        self.field("Connection")
            .is_some_and(|options| options.eq_ignore_ascii_case("keep-alive"))
    }

    /// The body with its markup's escapes undone, however they are written.
    fn text(&self) -> String {
        unescape(&String::from_utf8_lossy(&self.body))
    }

    /// The page in one form, however it is laid out: see [`plain`].
    fn words(&self) -> String {
        unescape(&plain(&String::from_utf8_lossy(&self.body)))
    }

    fn expect_status(&self, statuses: &[u16]) -> Verdict {
        if statuses.contains(&self.status) {
            return Ok(());
        }
        let expected: Vec<String> = statuses.iter().map(u16::to_string).collect();
        let expected = format!("status {}", expected.join(" or "));
        Err(Failure::new(expected, format!("status {}", self.status)).into())
    }

    fn expect_text(&self, text: &str) -> Verdict {
        // White space beside a tag is layout, in what is expected as in the page.
        let sought = text.replace("> ", ">").replace(" <", "<");
        if self.words().contains(&sought) {
            return Ok(());
        }
        Err(Failure::new(format!("a page with: {text}"), self.words()).into())
    }
}

/// One space where the page has any white space, none beside a tag, tags in lower case and
/// without attributes: how a page is laid out is free (F8).
fn plain(page: &str) -> String {
    let mut plain = String::with_capacity(page.len());
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = page.as_str();
    while let Some((text, after)) = rest.split_once('<') {
        plain.push_str(text.trim());
        let Some((tag, after)) = after.split_once('>') else {
            return plain;
        };
        let name = tag.split(' ').next().unwrap_or_default();
        plain.push_str(&format!("<{}>", name.to_ascii_lowercase()));
        rest = after;
    }
    plain.push_str(rest.trim());
    plain
}

/// Replaces character references by what they stand for: by name, in decimal or in
/// hexadecimal (F7). What is no reference stays as it is.
fn unescape(markup: &str) -> String {
    let mut text = String::with_capacity(markup.len());
    let mut rest = markup;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        let reference = after.split_once(';').and_then(|(name, after)| {
            let char = match name.strip_prefix('#') {
                Some(digits) => match digits.strip_prefix(['x', 'X']) {
                    Some(digits) => u32::from_str_radix(digits, 16).ok(),
                    None => digits.parse().ok(),
                }
                .and_then(char::from_u32)?,
                None => match name {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "quot" => '"',
                    "apos" => '\'',
                    _ => return None,
                },
            };
            Some((char, after))
        });
        match reference {
            Some((char, after)) => {
                text.push(char);
                rest = after;
            }
            None => {
                text.push('&');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

/// Reads one response: head, and body as its fields or the end of the stream say.
fn read_response(client: &mut Conn, is_head: bool) -> Result<Response, Stop> {
    let mut lines = Vec::new();
    let mut bare_lf = false;
    loop {
        let line = client.read_until(b"\n").map_err(|stop| {
            if let (Stop::Failed(mut failure), false) = (stop.clone(), lines.is_empty()) {
                failure.expected = "a head that ends with a blank line".to_owned();
                return Stop::Failed(failure);
            }
            stop
        })?;
        bare_lf |= !line.ends_with(b"\r\n");
        let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
        if line.is_empty() && !lines.is_empty() {
            break;
        }
        lines.push(line);
    }
    let status_line = lines.first().cloned().unwrap_or_default();
    let status = status_line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5))
        .and_then(|code| code.parse().ok());
    let Some(status) = status else {
        let failure = Failure::new("a status line: HTTP/1.1 200 OK", status_line);
        return Err(failure.into());
    };
    let mut response = Response {
        status,
        fields: Vec::new(),
        body: Vec::new(),
        bare_lf,
    };
    for line in lines.iter().skip(1) {
        let Some((name, value)) =
            line.split_once(':').filter(|(name, _)| !name.contains(' '))
        else {
            let expected = "a head of \"Name: value\" lines that ends with a blank line";
            return Err(Failure::new(expected, line.clone())
                .cause("the blank line between head and page is missing")
                .into());
        };
        let field = (name.to_owned(), value.trim().to_owned());
        response.fields.push(field);
    }
    if !is_head && !(100..200).contains(&status) && status != 204 && status != 304 {
        response.body = read_body(client, &response)?;
    }
    Ok(response)
}

fn read_body(client: &mut Conn, response: &Response) -> Result<Vec<u8>, Stop> {
    if response
        .field("Transfer-Encoding")
        .is_some_and(|it| it.to_ascii_lowercase().contains("chunked"))
    {
        let mut body = Vec::new();
        loop {
            let line = client.read_until(b"\r\n")?;
            let size = String::from_utf8_lossy(&line);
            let size = size.trim().split(';').next().unwrap_or_default();
            let Ok(size) = usize::from_str_radix(size, 16) else {
                return Err(Failure::new("a chunk size", size).into());
            };
            if size == 0 {
                // Fields may follow the last chunk; a blank line ends them.
                while client.read_until(b"\r\n")? != b"\r\n" {}
                return Ok(body);
            }
            body.extend(client.read_exactly(size)?);
            client.expect("\r\n")?;
        }
    }
    let Some(length) = response.field("Content-Length") else {
        return client.read_to_end().map_err(because(
            "with neither Content-Length nor a close, no client knows the end",
        ));
    };
    let Ok(length) = length.parse() else {
        return Err(Failure::new("a number in Content-Length", length).into());
    };
    client.read_exactly(length).map_err(because(
        "Content-Length counts the bytes of the page: not characters, not the head",
    ))
}

/// After a response with Content-Length nothing may follow it.
fn expect_nothing_more(client: &mut Conn) -> Verdict {
    let more = client.read_some(Duration::from_millis(150));
    if more.is_empty() {
        return Ok(());
    }
    let got = String::from_utf8_lossy(more.get(..80).unwrap_or(&more)).into_owned();
    Err(Failure::new("no byte after the response", got)
        .cause("Content-Length is smaller than the page, or there is a second response")
        .into())
}

/// Sends a request on a connection of its own and reads the response.
fn ask(server: &Program, request: impl AsRef<[u8]>) -> Result<Response, Stop> {
    let mut client = server.connect()?;
    // Long, since a busy machine is no fault of the program.
    client.patience(Duration::from_secs(15));
    client.send(&request)?;
    read_response(&mut client, request.as_ref().starts_with(b"HEAD "))
}

/// Reads the next response, or `None` where the server has closed.
fn next_response(client: &mut Conn) -> Result<Option<Response>, Stop> {
    match read_response(client, false) {
        Ok(response) => Ok(Some(response)),
        Err(Stop::Failed(failure)) if failure.got.contains("closed the connection") => {
            Ok(None)
        }
        Err(Stop::Failed(failure)) if failure.got.contains("reset the connection") => {
            Ok(None)
        }
        Err(stop) => Err(stop),
    }
}

/// Waits for the client's connection; `None` when it ends without one.
fn connected(listener: &Listener, client: &mut Program) -> Result<Option<Conn>, Stop> {
    let give_up = Instant::now() + Duration::from_secs(15);
    loop {
        match listener.accept_within(Duration::from_millis(100)) {
            Ok(conn) => return Ok(Some(conn)),
            Err(Stop::Failed(_)) if !client.runs()? => return Ok(None),
            Err(Stop::Failed(_)) if Instant::now() < give_up => {}
            Err(stop) => return Err(stop),
        }
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Checker/1.0\r\n\r\n")
}

/// One well-behaved visitor.
fn probe(server: &Program, word: &str) -> Verdict {
    let request =
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {word}\r\n\r\n");
    ask(server, request)?.expect_status(&[200])
}

/// Eight connections that stay silent, as browsers keep some in reserve.
fn serves_beside_idle_connections(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let idle: Result<Vec<Conn>, Stop> = (0..8).map(|_| server.connect()).collect();
    let _idle = idle?;
    let mut client = server.connect()?;
    client.patience(Duration::from_secs(2));
    client.send(get("/"))?;
    read_response(&mut client, false)?.expect_status(&[200])
}

/// Twenty are there at once; all but one are silent, and that one is served (C7, C19).
///
/// Declare it with `.timing()`.
fn serves_among_twenty(exam: &mut Exam) -> Verdict {
    const OTHERS: usize = 19;
    let server = exam.server()?;
    let others: Result<Vec<Conn>, Stop> = (0..OTHERS).map(|_| server.connect()).collect();
    let _others = others?;
    let mut client = server.connect()?;
    client.send(get("/"))?;
    let response = read_response(&mut client, false).map_err(because(
        "the places are few, and those who are there and silent have them all",
    ));
    response?.expect_status(&[200])
}

/// What no browser sends; the answer is free (F6), the server lives on.
fn survives_malformed_requests(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let noise = exam.bytes(300);
    let huge = vec![b'a'; 1_000_000];
    let requests: [&[u8]; 8] = [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GARBAGE\r\n\r\n",
        b"GARBAGE",
        b"GET /\r\n\r\n",
        b": :\r\n\r\n",
        &noise,
        &huge,
    ];
    for request in requests {
        let mut client = server.connect()?;
        client.send_anyway(request);
        client.half_close();
        client.read_some(Duration::from_secs(2));
        drop(client);
        probe(&server, "after")?;
    }
    Ok(())
}

/// A crowd is answered, and it leaves neither threads nor sockets behind; nor do clients
/// that are refused (C9).
fn answers_a_crowd(exam: &mut Exam, visit: common::Probe) -> Verdict {
    common::answers_a_crowd(exam, visit)?;
    common::returns_what_clients_used(exam, probe)?;
    let server = exam.server()?;
    probe(&server, "before")?;
    common::gives_descriptors_back(&server, "16 malformed requests", || {
        for _ in 0..16 {
            // Whether it lives on is another check.
            let Ok(mut client) = server.connect() else {
                return Ok(());
            };
            client.send_anyway("GARBAGE\r\n\r\n");
            client.read_some(Duration::from_millis(100));
        }
        Ok(())
    })
}

fn answers_a_request_of_1024_bytes(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for len in [512, 1024, 4096] {
        let start = "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: x\r\nX-Filler: ";
        let filler = exam.word(len - start.len() - 4);
        let mut client = server.connect()?;
        client.patience(Duration::from_secs(10));
        client.send(format!("{start}{filler}\r\n\r\n"))?;
        read_response(&mut client, false)?.expect_status(&[200])?;
    }
    Ok(())
}

fn head_has_no_body(exam: &mut Exam, path: &str, statuses: &[u16]) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.send(get(path).replacen("GET", "HEAD", 1))?;
    let response = read_response(&mut client, true)?;
    response.expect_status(statuses)?;
    if response.field("Content-Length") == Some("0") {
        let expected = "the Content-Length that GET would get, or none (RFC 9110 §8.6)";
        return Err(Failure::new(expected, "Content-Length: 0")
            .cause("the length of nothing is announced, and not that of the page")
            .into());
    }
    let more = client.read_some(Duration::from_millis(300));
    if more.is_empty() {
        return Ok(());
    }
    let got = format!("{} more bytes", more.len());
    let expected = "nothing after the blank line: HEAD asks for the head alone";
    Err(Failure::new(expected, got).into())
}

fn expect_html(response: &Response) -> Verdict {
    let value = response.field("Content-Type").unwrap_or("no Content-Type");
    if value.to_ascii_lowercase().starts_with("text/html") {
        return Ok(());
    }
    Err(Failure::new("Content-Type: text/html", value).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_however_it_is_written() {
        let page = "<H1 class='x'>\n  Info </H1>\n<p><strong>A:</strong>\n1 &amp;lt; &#X3c;b&#62; &x &#39;</p>";
        assert_eq!(
            unescape(&plain(page)),
            "<h1>Info</h1><p><strong>A:</strong>1 &lt; <b> &x '</p>"
        );
    }
}
