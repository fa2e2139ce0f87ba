//! Chapter 11: what the HTTP programs and the configuration challenge must do.

use std::thread;

use super::common;
use crate::harness::prelude::*;

const SIMPLE: &str = "labs/11_http.md#step-2-run-the-smallest-web-server";
const CHALLENGE: &str = "labs/11_http.md#step-4-take-a-request-apart";
const HOSTILE: &str = "labs/11_http.md#step-6-send-it-what-no-browser-would";
const CLIENT: &str = "labs/11_http.md#step-1-send-a-request-by-hand";
const FETCH: &str = "labs/11_http.md#step-3-fetch-a-url";
const CONFIG: &str = "labs/11_http.md#step-8-the-configuration-challenge";

/// The checks of chapter 11.
pub fn checks() -> Vec<Check> {
    let mut checks = http_manual_client();
    checks.extend(fetch_url());
    checks.extend(http_simple_server());
    checks.extend(http_challenge());
    checks.extend(config_server());
    checks.extend(config_client());
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

    /// The body with its markup's escapes undone, each of the ways to write them.
    fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.body).into_owned();
        for (escape, char) in [
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&#34;", "\""),
            ("&#x22;", "\""),
            ("&#39;", "'"),
            ("&#x27;", "'"),
            ("&apos;", "'"),
            ("&#60;", "<"),
            ("&#62;", ">"),
            ("&#38;", "&"),
            ("&amp;", "&"),
        ] {
            text = text.replace(escape, char);
        }
        text
    }

    /// The text of the page with one space where it has any white space.
    fn words(&self) -> String {
        self.text().split_whitespace().collect::<Vec<_>>().join(" ")
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
        if self.words().contains(text) {
            return Ok(());
        }
        Err(Failure::new(format!("a page with: {text}"), self.words()).into())
    }
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
        .is_some_and(|it| it.contains("chunked"))
    {
        let mut body = Vec::new();
        loop {
            let line = client.read_until(b"\r\n")?;
            let size = String::from_utf8_lossy(&line);
            let size = size.trim().split(';').next().unwrap_or_default();
            let Ok(size) = usize::from_str_radix(size, 16) else {
                return Err(Failure::new("a chunk size", size).into());
            };
            body.extend(client.read_exactly(size)?);
            client.expect("\r\n")?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let Some(length) = response.field("Content-Length") else {
        return client.read_to_end().map_err(|stop| match stop {
            Stop::Failed(failure) => Stop::Failed(Box::new(failure.cause(
                "with neither Content-Length nor a close, no client knows the end",
            ))),
            stop => stop,
        });
    };
    let Ok(length) = length.parse() else {
        return Err(Failure::new("a number in Content-Length", length).into());
    };
    client.read_exactly(length).map_err(|stop| match stop {
        Stop::Failed(failure) => Stop::Failed(Box::new(failure.cause(
            "Content-Length counts the bytes of the page: not characters, not the head",
        ))),
        stop => stop,
    })
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

fn answers_a_request_of_1024_bytes(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for len in [512, 1024, 4096] {
        let start = "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: x\r\nX-Filler: ";
        let filler = exam.word(len - start.len() - 4);
        let mut client = server.connect()?;
        client.patience(Duration::from_secs(2));
        client.send(format!("{start}{filler}\r\n\r\n"))?;
        read_response(&mut client, false)?.expect_status(&[200])?;
    }
    Ok(())
}

fn head_has_no_body(exam: &mut Exam, path: &str) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.send(get(path).replacen("GET", "HEAD", 1))?;
    read_response(&mut client, true)?.expect_status(&[200])?;
    let more = client.read_some(Duration::from_millis(300));
    if more.is_empty() {
        return Ok(());
    }
    let got = format!("{} more bytes", more.len());
    let expected = "nothing after the blank line: HEAD asks for the head alone";
    Err(Failure::new(expected, got).into())
}

// ---------------------------------------------------------------- http_simple_server

fn http_simple_server() -> Vec<Check> {
    vec![
        Check::new(
            "http_simple_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(SIMPLE)
        .hints(&["A web server is a TCP server: bind and listen come first."])
        .by_hand("ss -tln | grep 8000"),
        Check::new(
            "http_simple_server.sends_the_page",
            "answers a request with status 200 and the page",
            sends_the_page,
        )
        .points(2)
        .needs(&["http_simple_server.listens"])
        .sheet(SIMPLE)
        .hints(&[
            "A response is a status line, fields, a blank line, and then the page.",
            "Compare what curl -i shows of your server with the sheet, line by line.",
        ])
        .by_hand("curl -i http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.says_that_it_is_html",
            "says that the page is text/html",
            says_that_it_is_html,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .hints(&["Without this field a browser has to guess: Content-Type."])
        .by_hand("curl -i http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.counts_requests",
            "numbers its visitors, starting at 1",
            counts_requests,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .hints(&["Count when the request line has been read, before the page is made."])
        .by_hand("curl http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.counts_a_crowd_once_each",
            "gives 100 visitors who come at once 100 different numbers",
            counts_a_crowd,
        )
        .needs(&["http_simple_server.counts_requests"])
        .sheet(SIMPLE)
        .hints(&["Two threads may not read the same number before one has changed it."])
        .by_hand("seq 100 | xargs -P 20 -I{} curl -s http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.ends_the_response",
            "lets the client know where the page ends",
            ends_the_response,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .hints(&["Content-Length counts the bytes of the page; or close after it."])
        .by_hand("curl -v http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.answers_any_path_and_method",
            "answers every path, method and HTTP version",
            answers_any_path,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .hints(&["Do not compare the request with one fixed text."])
        .by_hand("curl -0 -d x=1 http://127.0.0.1:8000/any/path"),
        Check::new(
            "http_simple_server.waits_for_the_whole_head",
            "answers when the blank line has come, not before",
            simple_waits_for_the_head,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .timing()
        .hints(&["One read returns what has arrived so far: read until the blank line."])
        .by_hand("(printf 'GET / HTT'; sleep 1; printf 'P/1.1\\r\\nHost: x\\r\\n\\r\\n') | nc 127.0.0.1 8000"),
        Check::new(
            "http_simple_server.answers_a_request_of_any_length",
            "answers a request that fills a buffer to the last byte",
            answers_a_request_of_1024_bytes,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .hints(&[
            "A full buffer does not mean that more will come: look for the blank line.",
            "Whether the head is complete is written in its bytes, not in how many one read returned.",
        ])
        .by_hand("(printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\nX: %0990d\\r\\n\\r\\n' 0; sleep 2) | nc 127.0.0.1 8000"),
        Check::new(
            "http_simple_server.head_has_no_body",
            "sends no page to HEAD",
            |exam| head_has_no_body(exam, "/"),
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .timing()
        .hints(&["HEAD wants the same head as GET, and nothing after it."])
        .by_hand("curl -I http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.serves_beside_idle_connections",
            "serves a visitor while eight other connections are silent",
            serves_beside_idle_connections,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .timing()
        .hints(&["Browsers open connections that they may never use. Who waits for them?"])
        .by_hand("nc 127.0.0.1 8000 & curl http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.survives_malformed_requests",
            "lives on after requests that are none",
            survives_malformed_requests,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .deadline(Duration::from_secs(60))
        .sheet(HOSTILE)
        .hints(&["Every split and every index may fail: what then?"])
        .by_hand("printf 'GET\\r\\n\\r\\n' | nc 127.0.0.1 8000"),
        Check::new(
            "http_simple_server.survives_invalid_utf8",
            "lives on after bytes that are not UTF-8",
            |exam| common::survives_invalid_utf8(exam, probe),
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(HOSTILE)
        .hints(&[
            "What a client sends need not be text: which of your conversions fails then?",
            "Read bytes, and turn them into text in the way that replaces what is not UTF-8, or answer 400.",
        ])
        .by_hand("printf 'GET /\\xff\\xfe HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' | nc -N 127.0.0.1 8000; curl -v http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.survives_resets",
            "lives on after clients that reset or leave",
            |exam| {
                common::survives_a_silent_visit(exam, probe)?;
                common::survives_resets(exam, probe)
            },
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(HOSTILE)
        .hints(&[
            "An error of one connection is the end of that connection, not of the program.",
            "Look at each place where an error leaves the accept loop: accept, read, write.",
        ])
        .by_hand("curl -m 0.001 http://127.0.0.1:8000/; nc -z 127.0.0.1 8000; curl -v http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.notices_the_end_of_a_client",
            "does not spin when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, probe),
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(HOSTILE)
        .hints(&[
            "A read of 0 bytes means that the client has left: nothing will come any more.",
            "The loop that reads the head needs two ends: the blank line, and the end of the stream.",
        ])
        .by_hand("printf 'GET / HT' | nc -N 127.0.0.1 8000; top -b -n 1 | grep http_simple_")
        .timing(),
        Check::new(
            "http_simple_server.answers_a_crowd",
            "answers 200 clients, 20 at a time, and gives back what they used",
            |exam| {
                common::answers_a_crowd(exam, probe)?;
                common::returns_what_clients_used(exam, probe)
            },
        )
        .deadline(Duration::from_secs(90))
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .hints(&[
            "What is left of a visitor when it has gone: a thread, an open socket?",
            "Every way out of a connection closes its socket and ends its thread, also that of an error.",
        ])
        .by_hand("seq 200 | xargs -P 20 -I_ curl -s -o /dev/null http://127.0.0.1:8000/; ls /proc/$(pgrep http_simple_ser)/fd | wc -l"),
        Check::new(
            "http_simple_server.reports_a_port_in_use",
            "says when the port is in use",
            common::reports_a_port_in_use,
        )
        .needs(&["http_simple_server.listens"])
        .sheet(SIMPLE)
        .hints(&[
            "bind fails when another program has the port: what does your program do then?",
            "Print what the system said, and end with a status that is not 0.",
        ])
        .by_hand("nc -l 127.0.0.1 8000 & cargo run -p http_simple_server; echo $?"),
        Check::new(
            "http_simple_server.restarts_at_once",
            "can be started again on the same port at once",
            |exam| common::restarts_at_once(exam, probe),
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .hints(&[
            "The side that closes first keeps the port for a minute in TIME_WAIT.",
            "There is an option for a socket, set before bind, that allows the address again.",
        ])
        .by_hand("curl -v http://127.0.0.1:8000/; ss -tan | grep 8000   # then ^C, and start it again"),
    ]
}

fn sends_the_page(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let response = ask(&server, get(&format!("/{}", exam.word(6))))?;
    response.expect_status(&[200])?;
    response.expect_text("<h1>Hello from a Socket!</h1>")?;
    response.expect_text("You are visitor #")
}

fn says_that_it_is_html(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    expect_html(&ask(&server, get("/"))?)
}

fn expect_html(response: &Response) -> Verdict {
    let value = response.field("Content-Type").unwrap_or("no Content-Type");
    if value.to_ascii_lowercase().starts_with("text/html") {
        return Ok(());
    }
    Err(Failure::new("Content-Type: text/html", value).into())
}

fn visitor_number(response: &Response) -> Result<u64, Stop> {
    let text = response.words();
    let digits = text.split("visitor #").nth(1).unwrap_or_default();
    let end = digits
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(digits.len());
    digits
        .get(..end)
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| Failure::new("You are visitor #N", text).into())
}

fn counts_requests(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for number in 1..=3 {
        let got = visitor_number(&ask(&server, get("/"))?)?;
        if got != number {
            let expected = format!("visitor #{number}");
            return Err(Failure::new(expected, format!("visitor #{got}")).into());
        }
    }
    Ok(())
}

fn counts_a_crowd(exam: &mut Exam) -> Verdict {
    let server = &exam.server()?;
    let numbers = thread::scope(|scope| {
        let visitors: Vec<_> = (0..20)
            .map(|_| {
                scope.spawn(|| {
                    let visit = |_| visitor_number(&ask(server, get("/"))?);
                    (0..5).map(visit).collect::<Result<Vec<u64>, Stop>>()
                })
            })
            .collect();
        let mut numbers = Vec::new();
        for visitor in visitors {
            match visitor.join() {
                Ok(visits) => numbers.extend(visits?),
                Err(_) => {
                    return Err(Stop::Error("a thread of the check panicked".into()));
                }
            }
        }
        Ok(numbers)
    });
    let mut numbers = numbers?;
    numbers.sort_unstable();
    if numbers.iter().copied().eq(1..=100) {
        return Ok(());
    }
    let got = format!("{numbers:?}");
    Err(Failure::new("each of the numbers 1 to 100 once", got).into())
}

fn ends_the_response(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.patience(Duration::from_secs(3));
    client.send(get("/"))?;
    read_response(&mut client, false)?;
    expect_nothing_more(&mut client)
}

fn answers_any_path(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let path = format!("/{}/{}?q={}", exam.word(5), exam.word(5), exam.word(5));
    let requests = [
        get(&path),
        format!("GET {path} HTTP/1.0\r\n\r\n"),
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b"),
        format!("PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
    ];
    for request in requests {
        let response = ask(&server, request)?;
        response.expect_status(&[200])?;
        response.expect_text("<h1>Hello from a Socket!</h1>")?;
    }
    Ok(())
}

fn simple_waits_for_the_head(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.send("GET /hel")?;
    client.expect_silence(Duration::from_millis(300))?;
    client.send("lo HTTP/1.1\r\nHost: x\r\n\r\n")?;
    read_response(&mut client, false)?.expect_status(&[200])?;
    let mut client = server.connect()?;
    client.send_bytewise(get("/").as_bytes(), Duration::from_millis(1))?;
    read_response(&mut client, false)?.expect_status(&[200])
}

// ---------------------------------------------------------------- http_challenge

fn http_challenge() -> Vec<Check> {
    vec![
        Check::new(
            "http_challenge.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(CHALLENGE)
        .hints(&["A web server is a TCP server: bind and listen come first."])
        .by_hand("ss -tln | grep 8000"),
        Check::new(
            "http_challenge.shows_the_request",
            "shows method, path and browser of a request",
            shows_the_request,
        )
        .points(3)
        .needs(&["http_challenge.listens"])
        .sheet(CHALLENGE)
        .hints(&[
            "The request line has three words; each further line is a name and a value.",
            "Split the request line at spaces, and each field line at its first colon.",
        ])
        .by_hand("curl -A Me/1.0 http://127.0.0.1:8000/hello"),
        Check::new(
            "http_challenge.has_three_pages",
            "answers /, /hello and /about with 200, other paths with 404",
            has_three_pages,
        )
        .points(2)
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&["The status is for programs, the page for people: both say 404."])
        .by_hand("curl -i http://127.0.0.1:8000/nothing"),
        Check::new(
            "http_challenge.says_that_it_is_html",
            "says that its pages are text/html, also the 404",
            challenge_is_html,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&[
            "Without this field a browser has to guess: Content-Type.",
            "The 404 page is a page too: text/html stands in every head.",
        ])
        .by_hand("curl -i http://127.0.0.1:8000/nothing"),
        Check::new(
            "http_challenge.ends_lines_with_crlf",
            "ends every line of its head with CR LF",
            ends_lines_with_crlf,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&["A line of HTTP ends with two bytes: \\r and \\n."])
        .by_hand("curl -si http://127.0.0.1:8000/ | od -c | head"),
        Check::new(
            "http_challenge.ends_the_response",
            "announces the length of the page in bytes, also when it is not ASCII",
            challenge_length,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&["An ü is one character and two bytes. Which of them does the wire carry?"])
        .by_hand("curl -v -A 'Mözilla/ü' http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.field_names_in_any_case",
            "finds User-Agent however it is written",
            field_names_in_any_case,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&["RFC 9110 §5.1: field names are case-insensitive."])
        .by_hand("curl -H 'user-agent: x' http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.values_may_hold_colons",
            "shows a value with colons whole",
            values_may_hold_colons,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&["Split at the first colon only."])
        .by_hand("curl -A 'a/1 (x: y) http://z:80' http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.user_agent_may_be_missing",
            "answers a request without User-Agent",
            user_agent_may_be_missing,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&["A field that you look up may not be there."])
        .by_hand("curl -A '' http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.query_is_no_part_of_the_path",
            "finds the page also when a query follows the path",
            query_is_no_part_of_the_path,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&["What follows the first ? is data for the page, not its name."])
        .by_hand("curl 'http://127.0.0.1:8000/hello?x=1'"),
        Check::new(
            "http_challenge.other_methods_and_versions",
            "answers POST and HTTP/1.0",
            other_methods_and_versions,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&["Take the request line apart instead of comparing it as a whole."])
        .by_hand("curl -0 -d a=b http://127.0.0.1:8000/hello"),
        Check::new(
            "http_challenge.escapes_what_it_shows",
            "shows what a client sent as text, never as markup",
            escapes_what_it_shows,
        )
        .points(2)
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&[
            "Whoever chooses the User-Agent would choose what your page does.",
            "Five characters mean something in HTML: & < > \" and '.",
        ])
        .by_hand("curl -A '<script>alert(1)</script>' http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.head_has_no_body",
            "sends no page to HEAD",
            |exam| head_has_no_body(exam, "/hello"),
        )
        .needs(&["http_challenge.shows_the_request"])
        .timing()
        .sheet(CHALLENGE)
        .hints(&[
            "HEAD wants the same head as GET, and nothing after it.",
            "The length of the page that GET would get may stay in the head; the page does not follow.",
        ])
        .by_hand("curl -I http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.request_in_pieces",
            "puts a request together that arrives in pieces",
            request_in_pieces,
        )
        .points(2)
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&["One read returns what has arrived so far: read until the blank line."])
        .by_hand("(printf 'GET /hel'; sleep 1; printf 'lo HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n') | nc 127.0.0.1 8000"),
        Check::new(
            "http_challenge.request_of_any_length",
            "answers a request that fills a buffer to the last byte",
            answers_a_request_of_1024_bytes,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&[
            "A full buffer does not mean that more will come: look for the blank line.",
            "Whether the head is complete is written in its bytes, not in how many one read returned.",
        ])
        .by_hand("(printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\nX: %0990d\\r\\n\\r\\n' 0; sleep 2) | nc 127.0.0.1 8000"),
        Check::new(
            "http_challenge.reads_the_body",
            "takes a body by length or in chunks, and finds the next request behind it",
            reads_the_body,
        )
        .points(2)
        .needs(&["http_challenge.other_methods_and_versions"])
        .sheet("labs/11_http.md#step-5-bodies-and-connections-that-stay")
        .hints(&[
            "The body is not text to be ignored: where it ends, the next request begins.",
            "Content-Length bytes, or chunk after chunk up to the one of size 0.",
        ])
        .by_hand("curl -d a=b http://127.0.0.1:8000/hello --next http://127.0.0.1:8000/about"),
        Check::new(
            "http_challenge.pipelined_requests",
            "answers pipelined requests in their order, each once",
            pipelined_requests,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet("labs/11_http.md#step-5-bodies-and-connections-that-stay")
        .hints(&[
            "What one read returns may hold more than one request: keep the rest.",
            "The buffer belongs to the connection, not to the request.",
        ])
        .by_hand("printf 'GET /hello HTTP/1.1\\r\\nHost: x\\r\\n\\r\\nGET /about HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' | nc 127.0.0.1 8000"),
        Check::new(
            "http_challenge.never_two_readings",
            "refuses a request whose end can be read in two ways",
            never_two_readings,
        )
        .needs(&["http_challenge.reads_the_body"])
        .sheet(HOSTILE)
        .hints(&[
            "Content-Length and Transfer-Encoding in one request: who is right?",
            "RFC 9112 §6.3: answer 400 and close, since nobody knows where it ends.",
        ])
        .by_hand("printf 'POST /hello HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 5\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n' | nc 127.0.0.1 8000"),
        Check::new(
            "http_challenge.methods_it_does_not_support",
            "answers DELETE with 405 or 501, and a 405 has Allow",
            unsupported_methods,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(HOSTILE)
        .hints(&[
            "To answer DELETE with 200 says that something has been deleted.",
            "405 and 501 say that it is not; with 405 comes a field that lists what is allowed.",
        ])
        .by_hand("curl -i -X DELETE http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.refuses_what_is_too_large",
            "refuses a head of 1 MB and lives on",
            refuses_what_is_too_large,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(HOSTILE)
        .hints(&[
            "Who decides how much memory a request takes: you or the client?",
            "Set a limit for the head; when it is passed, answer 431 or 400 and close.",
        ])
        .by_hand("(printf 'GET / HTTP/1.1\\r\\nX: '; head -c 1000000 /dev/zero | tr '\\0' a) | nc -N 127.0.0.1 8000; curl -v http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.serves_beside_idle_connections",
            "serves a visitor while eight other connections are silent",
            serves_beside_idle_connections,
        )
        .needs(&["http_challenge.shows_the_request"])
        .timing()
        .sheet("labs/11_http.md#step-5-bodies-and-connections-that-stay")
        .hints(&[
            "Browsers open connections that they may never use. Who waits for them?",
            "The loop that accepts does not read: each connection is read by a thread of its own.",
        ])
        .by_hand("nc 127.0.0.1 8000 & curl -v http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.survives_malformed_requests",
            "lives on after requests that are none",
            survives_malformed_requests,
        )
        .needs(&["http_challenge.shows_the_request"])
        .deadline(Duration::from_secs(60))
        .sheet(HOSTILE)
        .hints(&[
            "Every split and every index may fail: what then?",
            "A request line without three words gets 400, or a closed connection; the next client is served.",
        ])
        .by_hand("printf 'GET\\r\\n\\r\\n' | nc 127.0.0.1 8000; curl -v http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.survives_invalid_utf8",
            "lives on after bytes that are not UTF-8",
            |exam| common::survives_invalid_utf8(exam, probe),
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(HOSTILE)
        .hints(&[
            "What a client sends need not be text: which of your conversions fails then?",
            "Read bytes, and turn them into text in the way that replaces what is not UTF-8, or answer 400.",
        ])
        .by_hand("printf 'GET /\\xff\\xfe HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' | nc -N 127.0.0.1 8000; curl -v http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.survives_resets",
            "lives on after clients that reset or leave",
            |exam| {
                common::survives_a_silent_visit(exam, probe)?;
                common::survives_resets(exam, probe)
            },
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(HOSTILE)
        .hints(&[
            "An error of one connection is the end of that connection, not of the program.",
            "Look at each place where an error leaves the accept loop: accept, read, write.",
        ])
        .by_hand("curl -m 0.001 http://127.0.0.1:8000/; nc -z 127.0.0.1 8000; curl -v http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.notices_the_end_of_a_client",
            "does not spin when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, probe),
        )
        .needs(&["http_challenge.shows_the_request"])
        .timing()
        .sheet(HOSTILE)
        .hints(&[
            "A read of 0 bytes means that the client has left: nothing will come any more.",
            "The loop that reads the head needs two ends: the blank line, and the end of the stream.",
        ])
        .by_hand("printf 'GET / HT' | nc -N 127.0.0.1 8000; top -b -n 1 | grep http_challen"),
        Check::new(
            "http_challenge.answers_a_crowd",
            "answers 200 clients, 20 at a time, and gives back what they used",
            |exam| {
                common::answers_a_crowd(exam, probe)?;
                common::returns_what_clients_used(exam, probe)
            },
        )
        .deadline(Duration::from_secs(90))
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&[
            "What is left of a visitor when it has gone: a thread, an open socket?",
            "Every way out of a connection closes its socket and ends its thread, also that of an error.",
        ])
        .by_hand("seq 200 | xargs -P 20 -I_ curl -s -o /dev/null http://127.0.0.1:8000/; ls /proc/$(pgrep http_challenge)/fd | wc -l"),
        Check::new(
            "http_challenge.reports_a_port_in_use",
            "says when the port is in use",
            common::reports_a_port_in_use,
        )
        .needs(&["http_challenge.listens"])
        .sheet(CHALLENGE)
        .hints(&[
            "bind fails when another program has the port: what does your program do then?",
            "Print what the system said, and end with a status that is not 0.",
        ])
        .by_hand("nc -l 127.0.0.1 8000 & cargo run -p http_challenge; echo $?"),
        Check::new(
            "http_challenge.restarts_at_once",
            "can be started again on the same port at once",
            |exam| common::restarts_at_once(exam, probe),
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&[
            "The side that closes first keeps the port for a minute in TIME_WAIT.",
            "There is an option for a socket, set before bind, that allows the address again.",
        ])
        .by_hand("curl -v http://127.0.0.1:8000/; ss -tan | grep 8000   # then ^C, and start it again"),
    ]
}

fn with_agent(method: &str, path: &str, agent: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {agent}\r\n\r\n")
}

fn shows_the_request(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let agent = format!("{}/{}", exam.word(6), exam.rng().u32(1..100));
    let response = ask(&server, with_agent("GET", "/hello", &agent))?;
    response.expect_status(&[200])?;
    response.expect_text("<h1>Request Info</h1>")?;
    response.expect_text("<strong>Method:</strong> GET")?;
    response.expect_text("<strong>Path:</strong> /hello")?;
    response.expect_text(&format!("<strong>Browser:</strong> {agent}"))
}

fn has_three_pages(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for path in ["/", "/hello", "/about"] {
        let response = ask(&server, get(path))?;
        response.expect_status(&[200])?;
        response.expect_text(&format!("<strong>Path:</strong> {path}"))?;
    }
    for path in [format!("/{}", exam.word(9)), "/hello/more".to_owned()] {
        let response = ask(&server, get(&path))?;
        response.expect_status(&[404])?;
        response.expect_text("<h1>404 Not Found</h1>")?;
        response.expect_text("The page you requested does not exist.")?;
    }
    Ok(())
}

fn challenge_is_html(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    expect_html(&ask(&server, get("/hello"))?)?;
    expect_html(&ask(&server, get("/no-such-page"))?)
}

fn ends_lines_with_crlf(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for path in ["/hello", "/no-such-page"] {
        if ask(&server, get(path))?.bare_lf {
            let got = "a line that ends with LF alone";
            return Err(Failure::new("lines that end with CR LF", got).into());
        }
    }
    Ok(())
}

fn challenge_length(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for agent in [exam.word(9), format!("Mözilla/ü{}", exam.word(3))] {
        let mut client = server.connect()?;
        client.patience(Duration::from_secs(3));
        client.send(with_agent("GET", "/hello", &agent))?;
        let response = read_response(&mut client, false)?;
        response.expect_text("</html>").or_else(|stop| {
            // A page may end without that tag; then its last line must be there.
            response.expect_text("Browser:").map_err(|_| stop)
        })?;
        expect_nothing_more(&mut client)?;
    }
    Ok(())
}

fn field_names_in_any_case(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for name in ["user-agent", "USER-AGENT", "uSeR-aGeNt"] {
        let agent = exam.word(8);
        let request =
            format!("GET /hello HTTP/1.1\r\nhOsT: x\r\n{name}: {agent}\r\n\r\n");
        ask(&server, request)?.expect_text(&agent)?;
    }
    Ok(())
}

fn values_may_hold_colons(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let agent = format!("{}/1 (x: y) http://z:80", exam.word(5));
    ask(&server, with_agent("GET", "/hello", &agent))?.expect_text(&agent)
}

fn user_agent_may_be_missing(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    ask(&server, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")?.expect_status(&[200])?;
    probe(&server, &exam.word(8))
}

fn query_is_no_part_of_the_path(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let path = format!("/hello?{}={}&b=/c?d", exam.word(3), exam.word(3));
    let response = ask(&server, get(&path))?;
    response.expect_status(&[200])?;
    response.expect_text("<strong>Path:</strong> /hello")
}

fn other_methods_and_versions(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let post =
        "POST /hello HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\nContent-Length: 0\r\n\r\n";
    let response = ask(&server, post)?;
    response.expect_status(&[200])?;
    response.expect_text("<strong>Method:</strong> POST")?;
    let mut client = server.connect()?;
    client.send("GET /hello HTTP/1.0\r\nUser-Agent: x\r\n\r\n")?;
    let response = read_response(&mut client, false)?;
    response.expect_status(&[200])?;
    response.expect_text("<strong>Method:</strong> GET")
}

fn escapes_what_it_shows(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let word = exam.word(5);
    let agent = format!("<script>{word}(1)</script>\"'&amp;");
    for path in [
        "/hello".to_owned(),
        format!("/<b>{word}</b>"),
        "/about?<i>".to_owned(),
    ] {
        let response = ask(&server, with_agent("GET", &path, &agent))?;
        let page = String::from_utf8_lossy(&response.body).to_lowercase();
        for tag in ["<script>", "<b>", "<i>"] {
            if page.contains(tag) {
                let expected = format!("no {tag} in the page: it came from the client");
                return Err(Failure::new(expected, page).into());
            }
        }
    }
    let response = ask(&server, with_agent("GET", "/hello", &agent))?;
    let shown = String::from_utf8_lossy(&response.body).into_owned();
    let raw_ampersand = shown.contains("'&amp;") && !shown.contains("&amp;amp;");
    if raw_ampersand
        || !response
            .text()
            .contains(&format!("<script>{word}(1)</script>\"'&"))
    {
        let expected = format!("a page that shows {agent} as text");
        return Err(Failure::new(expected, shown).into());
    }
    Ok(())
}

fn request_in_pieces(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let agent = exam.word(8);
    let mut client = server.connect()?;
    client.send("GET /hel")?;
    // The pause is the point: the first piece must arrive alone.
    thread::sleep(Duration::from_millis(300));
    client.send_anyway("lo HTTP/1.1\r\nHost: x\r\nUser-Ag");
    thread::sleep(Duration::from_millis(100));
    client.send_anyway(format!("ent: {agent}\r\n\r"));
    thread::sleep(Duration::from_millis(100));
    client.send_anyway("\n");
    let response = read_response(&mut client, false)?;
    response.expect_text("<strong>Path:</strong> /hello")?;
    response.expect_text(&agent)?;
    let mut client = server.connect()?;
    let request = with_agent("GET", "/about", &agent);
    client.send_bytewise(request.as_bytes(), Duration::from_millis(1))?;
    let response = read_response(&mut client, false)?;
    response.expect_text("<strong>Path:</strong> /about")?;
    response.expect_text(&agent)
}

fn reads_the_body(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    // A body that looks like a request: it must not be taken for one.
    let hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n\r\n";
    let chunked = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    for (field, body) in [
        (format!("Content-Length: {}", hidden.len()), hidden),
        ("Transfer-Encoding: chunked".to_owned(), chunked.as_str()),
    ] {
        let mut client = server.connect()?;
        client.send(format!(
            "POST /hello HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n{field}\r\n\r\n{body}"
        ))?;
        read_response(&mut client, false)?.expect_status(&[200])?;
        // Whoever closes here is right as well; whoever does not must be in step.
        client.send_anyway(get("/about"));
        if let Some(next) = next_response(&mut client)? {
            next.expect_status(&[200])?;
            next.expect_text("<strong>Path:</strong> /about")?;
        }
    }
    Ok(())
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

fn pipelined_requests(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let agents: Vec<String> = (0..20).map(|_| exam.word(6)).collect();
    let requests: String = agents
        .iter()
        .map(|agent| with_agent("GET", "/hello", agent))
        .collect();
    let mut client = server.connect()?;
    client.send(requests)?;
    for (answered, agent) in agents.iter().enumerate() {
        match next_response(&mut client)? {
            Some(response) => response.expect_text(agent)?,
            // Closing after a response is allowed; whoever stays open answers them all.
            None if answered > 0 => return Ok(()),
            None => return Err(Failure::new("a response", "it closed").into()),
        }
    }
    expect_nothing_more(&mut client)
}

fn never_two_readings(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let hidden = get("/about");
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length : 5\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Content-Length: 5x\r\n",
    ] {
        let mut client = server.connect()?;
        let request = format!(
            "POST /hello HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n{fields}\r\n0\r\n\r\n{hidden}"
        );
        client.send_anyway(request);
        let Some(response) = next_response(&mut client)? else {
            continue; // Closing without a word is safe.
        };
        if (200..300).contains(&response.status) {
            if let Some(second) = next_response(&mut client)? {
                let got = format!("status {}, then {}", response.status, second.status);
                let expected =
                    format!("an error or one response to: {}", fields.trim_end());
                return Err(Failure::new(expected, got)
                    .cause("the bytes behind it were taken for a request of their own")
                    .into());
            }
            continue;
        }
        response.expect_status(&[400, 411, 413, 501])?;
        let more = client.read_some(Duration::from_secs(2));
        if !more.is_empty() {
            let expected = "no response after the error: where would it begin?";
            let got = String::from_utf8_lossy(&more).into_owned();
            return Err(Failure::new(expected, got).into());
        }
    }
    Ok(())
}

fn unsupported_methods(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let unknown = exam.word(6).to_ascii_uppercase();
    for method in ["DELETE", &unknown] {
        let response = ask(&server, with_agent(method, "/hello", "x"))?;
        response.expect_status(&[405, 501])?;
        if response.status == 405 && response.field("Allow").is_none() {
            let expected = "an Allow field in a 405 (RFC 9110 §15.5.6)";
            return Err(Failure::new(expected, "none").into());
        }
    }
    Ok(())
}

fn refuses_what_is_too_large(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let before = server.memory();
    let long = "a".repeat(1_000_000);
    for request in [
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n\r\n"),
    ] {
        let mut client = server.connect()?;
        client.send_anyway(request);
        if let Some(response) = next_response(&mut client)? {
            response.expect_status(&[400, 413, 414, 431])?;
        }
        probe(&server, &exam.word(8))?;
    }
    let (Some(before), Some(after)) = (before, server.memory()) else {
        return Ok(());
    };
    if after > before + 64 * 1024 * 1024 {
        let got = format!("{} MiB more", (after - before) / (1024 * 1024));
        return Err(Failure::new("no memory for what is refused", got).into());
    }
    Ok(())
}

// ---------------------------------------------------------------- clients

fn http_manual_client() -> Vec<Check> {
    vec![
        Check::new(
            "http_manual_client.sends_a_valid_request",
            "sends a request that every server understands",
            |exam| manual_exchange(exam).map(drop),
        )
        .points(2)
        .sheet(CLIENT)
        .hints(&[
            "Lines end with CR LF, Host must be there, a blank line ends the head.",
            "Connection: close, or you wait for an end that does not come.",
        ])
        .by_hand("nc -l 8000 & cargo run -p http_manual_client -- --port 8000"),
        Check::new(
            "http_manual_client.prints_the_whole_response",
            "prints all of a response that comes in two pieces",
            prints_the_whole_response,
        )
        .points(2)
        .needs(&["http_manual_client.sends_a_valid_request"])
        .sheet(CLIENT)
        .hints(&[
            "One read returns what has arrived so far: read until the server closes.",
        ])
        .by_hand("(printf 'HTTP/1.1 200 OK\\r\\n\\r\\n'; sleep 1; printf late) | nc -l -N 8000 & cargo run -p http_manual_client -- --port 8000"),
        Check::new(
            "http_manual_client.shows_both_sides",
            "prints the request that it sent and the response",
            shows_both_sides,
        )
        .needs(&["http_manual_client.sends_a_valid_request"])
        .sheet(CLIENT)
        .hints(&[
            "The point of this client is to see both texts: print the request before you send it.",
            "Print the lines of the request, then those of the response with its head and its page.",
        ])
        .by_hand("cargo run -p http_simple_server & cargo run -p http_manual_client -- --port 8000"),
        Check::new(
            "http_manual_client.reports_a_refused_connection",
            "says when nobody listens",
            common::reports_a_refused_connection,
        )
        .sheet(CLIENT)
        .hints(&[
            "connect fails when nobody listens: this is an answer of the network, not a bug.",
            "Print one line with the reason, and end with a status that is not 0.",
        ])
        .by_hand("cargo run -p http_manual_client -- --port 1; echo $?"),
    ]
}

/// Reads a client's request and checks it as a strict server does; returns its lines.
fn read_request(
    server: &mut Conn,
    addr: std::net::SocketAddr,
) -> Result<Vec<String>, Stop> {
    server.patience(Duration::from_secs(10));
    let head = server.read_until(b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&head).into_owned();
    if text.replace("\r\n", "").contains(['\n', '\r']) {
        return Err(Failure::new("lines that end with CR LF", text).into());
    }
    let lines: Vec<String> = text.trim_end().split("\r\n").map(str::to_owned).collect();
    let request_line: Vec<&str> =
        text.lines().next().unwrap_or_default().split(' ').collect();
    let is_valid = match request_line.as_slice() {
        ["GET", target, "HTTP/1.1" | "HTTP/1.0"] => target.starts_with('/'),
        _ => false,
    };
    if !is_valid {
        let got = lines.first().cloned().unwrap_or_default();
        return Err(Failure::new("a request line: GET /path HTTP/1.1", got).into());
    }
    let value = |name: &str| {
        let named = |line: &&String| {
            line.split_once(':')
                .is_some_and(|(it, _)| it.eq_ignore_ascii_case(name))
        };
        let line = lines.iter().skip(1).find(named)?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let host = value("Host").unwrap_or_default();
    if request_line.last() == Some(&"HTTP/1.1") && host.is_empty() {
        let expected = "a Host field: HTTP/1.1 has no request without it";
        return Err(Failure::new(expected, text).into());
    }
    if !host.is_empty() && host != addr.to_string() && host != addr.ip().to_string() {
        let expected = format!("Host: {addr}");
        return Err(Failure::new(expected, format!("Host: {host}")).into());
    }
    Ok(lines)
}

fn response_of(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Runs the client against a server that answers with a word; returns both.
fn manual_exchange(exam: &mut Exam) -> Result<(Program, String), Stop> {
    let listener = exam.listener()?;
    let client = exam.client(listener.addr())?;
    let mut server = listener.accept()?;
    read_request(&mut server, listener.addr())?;
    let word = exam.word(12);
    server.send(response_of(&word))?;
    Ok((client, word))
}

fn prints_the_whole_response(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    let mut server = listener.accept()?;
    read_request(&mut server, listener.addr())?;
    let (first, second) = (exam.word(12), exam.word(12));
    server.send(format!("HTTP/1.1 200 OK\r\nX-First: {first}\r\n\r\n"))?;
    // The pause is the point: the head must arrive alone.
    thread::sleep(Duration::from_millis(300));
    server.send_anyway(format!("{}{second}\n", "filler ".repeat(2000)));
    drop(server);
    client.wait_for_output(&first)?;
    client.wait_for_output(&second)?;
    client.expect_exit(0)
}

fn shows_both_sides(exam: &mut Exam) -> Verdict {
    let (mut client, word) = manual_exchange(exam)?;
    for text in [
        "Sent HTTP request:",
        "GET / HTTP/1.",
        "Received HTTP response:",
        &word,
    ] {
        client.wait_for_output(text)?;
    }
    client.expect_exit(0)
}

fn fetch_url() -> Vec<Check> {
    vec![
        Check::new(
            "fetch_url.writes_the_body",
            "writes the body of a page to standard output, and nothing else",
            writes_the_body,
        )
        .points(2)
        .sheet(FETCH)
        .hints(&[
            "Head and body are parted by a blank line; only the body goes to stdout.",
            "Content-Length says how many bytes follow: do not wait for more.",
        ])
        .by_hand("cargo run -p fetch_url -- http://127.0.0.1:8000/"),
        Check::new(
            "fetch_url.asks_for_path_and_query",
            "asks for the path and query of the URL, without the fragment",
            asks_for_path_and_query,
        )
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "What follows # never leaves the client.",
            "The request names the path, then ? and the query, as they stand in the URL.",
        ])
        .by_hand("nc -l 8000 & cargo run -p fetch_url -- 'http://127.0.0.1:8000/a?b=c#d'"),
        Check::new(
            "fetch_url.body_comes_later",
            "waits for a body that comes after the head, in pieces",
            body_comes_later,
        )
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "One read returns what has arrived so far.",
            "Read on until as many bytes have come as Content-Length says.",
        ])
        .by_hand("(printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\n'; sleep 1; printf late) | nc -l -N 8000 & cargo run -p fetch_url -- http://127.0.0.1:8000/"),
        Check::new(
            "fetch_url.reads_chunks",
            "puts a chunked body together",
            reads_chunks,
        )
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "Each chunk begins with its size in hexadecimal; size 0 is the end.",
            "What follows ; in the size line is a note; fields may follow the last chunk: neither is content.",
        ])
        .by_hand("printf 'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n5;n=1\\r\\nhello\\r\\n0\\r\\n\\r\\n' | nc -l -N 8000 & cargo run -p fetch_url -- http://127.0.0.1:8000/"),
        Check::new(
            "fetch_url.reads_to_the_close",
            "takes all bytes up to the close where no length is given",
            reads_to_the_close,
        )
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "No length and no chunks: then the end of the stream is the end of the page.",
            "The end of the stream is an error only where the head has announced more.",
        ])
        .by_hand("printf 'HTTP/1.0 200 OK\\r\\n\\r\\nall of it' | nc -l -N 8000 & cargo run -p fetch_url -- http://127.0.0.1:8000/"),
        Check::new(
            "fetch_url.includes_the_head",
            "writes head and body with -i",
            includes_the_head,
        )
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "-i shows what came before the page: status line and fields.",
            "Write the head to standard output as it came, then the blank line, then the page.",
        ])
        .by_hand("cargo run -p http_simple_server & cargo run -p fetch_url -- -i http://127.0.0.1:8000/"),
        Check::new(
            "fetch_url.writes_a_file",
            "writes the body into the file named with -o, byte for byte",
            writes_a_file,
        )
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "A page may be an image: bytes that are not text.",
            "Write the bytes of the body to the file as they came, without turning them into text.",
        ])
        .by_hand("cargo run -p http_simple_server & cargo run -p fetch_url -- -o /tmp/page http://127.0.0.1:8000/ && od -c /tmp/page"),
        Check::new(
            "fetch_url.follows_redirects",
            "follows redirects with -L, and only then",
            follows_redirects,
        )
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "-L asks again at the address that Location names; without -L the answer stays as it is.",
            "Location may be relative: it starts from the path of the URL that was asked for.",
        ])
        .by_hand("printf 'HTTP/1.1 302 Found\\r\\nLocation: ../c?d\\r\\nContent-Length: 0\\r\\n\\r\\n' | nc -l -N 8000 & cargo run -p fetch_url -- -L http://127.0.0.1:8000/a/b; nc -l 8000"),
        Check::new(
            "fetch_url.leaves_a_redirect_loop",
            "gives up on a redirect that leads back to itself",
            leaves_a_redirect_loop,
        )
        .needs(&["fetch_url.follows_redirects"])
        .sheet(FETCH)
        .hints(&[
            "A page may redirect to itself. Who ends that?",
            "Count the redirects, and give up with a message after some, as browsers do.",
        ])
        .by_hand("while printf 'HTTP/1.1 301 Moved\\r\\nLocation: /\\r\\nContent-Length: 0\\r\\n\\r\\n' | nc -l -N 8000; do :; done & cargo run -p fetch_url -- -L http://127.0.0.1:8000/; echo $?"),
        Check::new(
            "fetch_url.reports_a_cut_body",
            "fails when the body is shorter than announced",
            reports_a_cut_body,
        )
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "Half a page is no page: whoever uses your program has to learn of it.",
            "Compare what came with what was announced; when it is less, say so and end with a status that is not 0.",
        ])
        .by_hand("printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\ncut' | nc -l -N 8000 & cargo run -p fetch_url -- http://127.0.0.1:8000/; echo $?"),
        Check::new(
            "fetch_url.refuses_https",
            "refuses https and bad URLs with a message",
            refuses_https,
        )
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "Which parts of a URL can your program not serve? Look at the scheme, the host, the port.",
            "Refuse before you connect: one line with the reason, a status that is not 0.",
        ])
        .by_hand("cargo run -p fetch_url -- https://127.0.0.1:1/; echo $?"),
        Check::new(
            "fetch_url.reports_a_refused_connection",
            "says when nobody listens, with a status that is not 0",
            fetch_refused,
        )
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "connect fails when nobody listens: this is an answer of the network, not a bug.",
            "Print one line with the reason, and end with a status that is not 0.",
        ])
        .by_hand("cargo run -p fetch_url -- http://127.0.0.1:1/; echo $?"),
    ]
}

/// Runs fetch_url on a path of a server that is played; returns the program, the lines of
/// its request and the connection.
fn fetch(
    exam: &Exam,
    listener: &Listener,
    flags: &[&str],
    path: &str,
) -> Result<(Program, Vec<String>, Conn), Stop> {
    let url = format!("http://{}{path}", listener.addr());
    let mut words = flags.to_vec();
    words.push(&url);
    let client = exam.tool(&words)?;
    let mut server = listener.accept()?;
    let request = read_request(&mut server, listener.addr())?;
    Ok((client, request, server))
}

/// Expects that stdout is this text at the end, exactly.
fn expect_output(client: &mut Program, expected: &str) -> Verdict {
    client.expect_exit(0)?;
    let got = client.output();
    if got == expected {
        return Ok(());
    }
    Err(Failure::bytes(expected.as_bytes(), got.as_bytes()).into())
}

fn expect_failure(client: &mut Program) -> Verdict {
    let exit = client.wait_exit(Duration::from_secs(20))?;
    client.expect_no_crash()?;
    if exit == Exit::Status(0) {
        let expected = "an exit status that is not 0";
        return Err(Failure::new(expected, "exit status 0").into());
    }
    if client.errors().trim().is_empty() && client.printed().trim().is_empty() {
        return Err(Failure::new("a message", "it printed nothing").into());
    }
    Ok(())
}

fn writes_the_body(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
    let body = format!("{}\n é & no line end", exam.word(10));
    // The connection stays open: Content-Length is enough.
    server.send(response_of(&body))?;
    expect_output(&mut client, &body)
}

fn asks_for_path_and_query(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let path = format!("/{}/{}?q={}", exam.word(4), exam.word(4), exam.word(4));
    let (mut client, request, mut server) =
        fetch(exam, &listener, &[], &format!("{path}#part"))?;
    let got = request.first().cloned().unwrap_or_default();
    if !got.starts_with(&format!("GET {path} HTTP/1.")) {
        return Err(Failure::new(format!("GET {path} HTTP/1.1"), got).into());
    }
    server.send(response_of("ok"))?;
    expect_output(&mut client, "ok")
}

fn body_comes_later(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
    let body = exam.word(50_000);
    let (first, rest) = body.split_at(20);
    server.send(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ))?;
    for piece in [first, rest] {
        // The pause is the point: each piece must arrive alone.
        thread::sleep(Duration::from_millis(300));
        server.send_anyway(piece);
    }
    expect_output(&mut client, &body)
}

fn reads_chunks(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
    let words = [exam.word(3), exam.word(300), exam.word(17)];
    let mut response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    for word in &words {
        response.push_str(&format!("{:x};note=1\r\n{word}\r\n", word.len()));
    }
    response.push_str("0\r\nX-Trailer: 1\r\n\r\n");
    server.send(response)?;
    expect_output(&mut client, &words.concat())
}

fn reads_to_the_close(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
    let body = exam.word(5000);
    server.send(format!(
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n{body}"
    ))?;
    server.half_close();
    expect_output(&mut client, &body)
}

fn includes_the_head(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let (mut client, _, mut server) = fetch(exam, &listener, &["-i"], "/")?;
    let word = exam.word(10);
    server.send(response_of(&word))?;
    client.expect_exit(0)?;
    for text in ["HTTP/1.1 200 OK", "Content-Type: text/plain", &word] {
        client.wait_for_output(text)?;
    }
    Ok(())
}

fn writes_a_file(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let path = exam.dir().join("page.bin");
    let name = path.display().to_string();
    let (mut client, _, mut server) = fetch(exam, &listener, &["-o", &name], "/")?;
    let body = exam.bytes(100_000);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    server.send([head.as_bytes(), &body].concat())?;
    client.expect_exit(0)?;
    let written = std::fs::read(&path).unwrap_or_default();
    if written == body {
        return Ok(());
    }
    Err(Failure::bytes(&body, &written).into())
}

fn follows_redirects(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let word = exam.word(10);
    let moved = "HTTP/1.1 302 Found\r\nLocation: ../c?d\r\nContent-Length: 0\r\n\r\n";
    let (mut client, _, mut server) = fetch(exam, &listener, &["-L"], "/a/b")?;
    server.send(moved)?;
    server.half_close();
    let mut server = listener.accept()?;
    let request = read_request(&mut server, listener.addr())?;
    let got = request.first().cloned().unwrap_or_default();
    if !got.starts_with("GET /c?d HTTP/1.") {
        return Err(Failure::new("GET /c?d HTTP/1.1", got).into());
    }
    server.send(response_of(&word))?;
    expect_output(&mut client, &word)?;

    let (mut client, _, mut server) = fetch(exam, &listener, &[], "/a/b")?;
    server.send(moved)?;
    server.half_close();
    client.wait_exit(Duration::from_secs(10))?;
    match listener.accept_within(Duration::from_millis(200)) {
        Ok(_) => Err(Failure::new("one request without -L", "a second one").into()),
        Err(_) => Ok(()),
    }
}

fn leaves_a_redirect_loop(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let moved = "HTTP/1.1 301 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
    let url = format!("http://{}/", listener.addr());
    let mut client = exam.tool(&["-L", &url])?;
    for _ in 0..100 {
        // No further request means that it has given up.
        let Ok(mut server) = listener.accept_within(Duration::from_secs(3)) else {
            return expect_failure(&mut client);
        };
        server.read_until(b"\r\n\r\n")?;
        server.send_anyway(moved);
    }
    Err(Failure::new("it gives up after some", "100 redirects").into())
}

fn reports_a_cut_body(exam: &mut Exam) -> Verdict {
    let word = exam.word(10);
    for response in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{word}"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n{word}\r\n"),
    ] {
        let listener = exam.listener()?;
        let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
        server.send(response)?;
        server.half_close();
        expect_failure(&mut client)?;
    }
    Ok(())
}

fn refuses_https(exam: &mut Exam) -> Verdict {
    for url in [
        "https://127.0.0.1:1/",
        "ftp://127.0.0.1:1/",
        "http://",
        "http://127.0.0.1:99999/",
    ] {
        expect_failure(&mut exam.tool(&[url])?)?;
    }
    Ok(())
}

fn fetch_refused(exam: &mut Exam) -> Verdict {
    let url = format!("http://{}/", exam.unused_addr()?);
    expect_failure(&mut exam.tool(&[&url])?)
}

// ---------------------------------------------------------------- config_*

fn config_server() -> Vec<Check> {
    vec![
        Check::new(
            "config_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(CONFIG)
        .hints(&[
            "Bind the address that the arguments name, and listen there before anything else.",
        ])
        .by_hand("ss -tln | grep 8080"),
        Check::new(
            "config_server.keeps_settings",
            "answers GET with what was SET, byte for byte",
            keeps_settings,
        )
        .points(2)
        .needs(&["config_server.listens"])
        .sheet(CONFIG)
        .hints(&["The value is the rest of the line after one space: do not trim it."])
        .by_hand("printf 'SET a 1\\nGET a\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.commands_in_pieces",
            "takes commands however their bytes arrive",
            commands_in_pieces,
        )
        .needs(&["config_server.keeps_settings"])
        .sheet(CONFIG)
        .hints(&[
            "One read may return half a line, or three of them.",
            "Keep what has come in a buffer of the connection, and take whole lines out of it.",
        ])
        .by_hand("(printf 'SET a'; sleep 1; printf ' 1\\nGET a\\n') | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.deletes_and_lists",
            "deletes settings and lists them by prefix",
            deletes_and_lists,
        )
        .needs(&["config_server.keeps_settings"])
        .sheet(CONFIG)
        .hints(&[
            "After DELETE a GET answers as for a key that never was.",
            "LIST names the keys that begin with the given text, and no others.",
        ])
        .by_hand("printf 'SET a/1 x\\nSET b/1 y\\nLIST a/\\nDELETE a/1\\nGET a/1\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.explains_errors",
            "answers what it does not understand with ERROR, and goes on",
            explains_errors,
        )
        .needs(&["config_server.keeps_settings"])
        .sheet(CONFIG)
        .hints(&[
            "Each line gets an answer: an unknown command, a missing word, an unknown key.",
            "ERROR, a code, a text; the connection stays, and the next line is read.",
        ])
        .by_hand("printf 'GET nothing\\nGET\\nSET key\\nNONSENSE\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.quits",
            "says OK to QUIT and closes",
            config_quits,
        )
        .needs(&["config_server.keeps_settings"])
        .sheet(CONFIG)
        .hints(&[
            "First the answer, then the end of the connection.",
            "Other clients stay: only this connection closes.",
        ])
        .by_hand("printf 'QUIT\\n' | nc 127.0.0.1 8080"),
        Check::new(
            "config_server.serves_many",
            "serves clients at the same time, with the same settings",
            config_serves_many,
        )
        .deadline(Duration::from_secs(90))
        .needs(&["config_server.keeps_settings"])
        .sheet(CONFIG)
        .hints(&[
            "A client that says nothing keeps nobody else waiting.",
            "One table of settings for all connections, locked only while it is read or changed.",
        ])
        .by_hand("nc 127.0.0.1 8080 & printf 'SET a 1\\nGET a\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.survives_kill",
            "has every acknowledged setting after kill -9 and a new start",
            config_survives_kill,
        )
        .points(3)
        .needs(&["config_server.keeps_settings"])
        .deadline(Duration::from_secs(60))
        .sheet(CONFIG)
        .hints(&[
            "When you answer OK, where is the setting: in your memory, or in a file?",
            "Write first, answer then; and a half-written line is no setting.",
        ])
        .by_hand("printf 'SET a 1\\n' | nc -N 127.0.0.1 8080; kill -9 $(pgrep config_server)   # start it again, then: printf 'GET a\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.survives_bad_clients",
            "lives on after resets, silence, invalid UTF-8 and endless lines",
            config_survives,
        )
        .needs(&["config_server.keeps_settings"])
        .sheet(CONFIG)
        .hints(&[
            "What a client sends may be no text, may have no end, and may never come.",
            "One client's error ends that client's connection; a line has a limit.",
        ])
        .by_hand("head -c 1000000 /dev/urandom | nc -N 127.0.0.1 8080; printf 'GET a\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.notices_the_end_of_a_client",
            "does not spin when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, config_probe),
        )
        .needs(&["config_server.keeps_settings"])
        .timing()
        .sheet(CONFIG)
        .hints(&[
            "A read of 0 bytes means that the client has left: nothing will come any more.",
            "The loop that looks for a line end must end at the end of the stream too.",
        ])
        .by_hand("printf 'GET a' | nc -N 127.0.0.1 8080; top -b -n 1 | grep config"),
        Check::new(
            "config_server.reports_a_port_in_use",
            "says when the port is in use",
            common::reports_a_port_in_use,
        )
        .needs(&["config_server.listens"])
        .sheet(CONFIG)
        .hints(&[
            "bind fails when another program has the port: what does your program do then?",
            "Print what the system said, and end with a status that is not 0.",
        ])
        .by_hand("nc -l 127.0.0.1 8080 & cargo run -p config_server; echo $?"),
    ]
}

fn config_probe(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    config_set(&mut client, "probe", word)?;
    config_get(&mut client, "probe", word)
}

fn config_set(client: &mut Conn, key: &str, value: &str) -> Verdict {
    client.send(format!("SET {key} {value}\n"))?;
    config_ok(client).map(drop)
}

fn config_get(client: &mut Conn, key: &str, value: &str) -> Verdict {
    client.send(format!("GET {key}\n"))?;
    client.expect(format!("OK {value}\n"))
}

/// Reads one reply line, which must begin with OK; returns what follows.
fn config_ok(client: &mut Conn) -> Result<String, Stop> {
    let line = client.read_until(b"\n")?;
    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
    match line.strip_prefix("OK") {
        Some(text) => Ok(text.trim_start().to_owned()),
        None => Err(Failure::new("OK …", line).into()),
    }
}

fn config_error(client: &mut Conn) -> Verdict {
    let line = client.read_until(b"\n")?;
    match line.starts_with(b"ERROR ") {
        true => Ok(()),
        false => {
            Err(Failure::new("ERROR code text", String::from_utf8_lossy(&line)).into())
        }
    }
}

fn keeps_settings(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    let word = exam.word(8);
    for (key, value) in [
        ("device.name", word.as_str()),
        ("device/two", "several words: = \\ é \"x\""),
        ("device.name", "changed"),
    ] {
        config_set(&mut client, key, value)?;
        config_get(&mut client, key, value)?;
    }
    Ok(())
}

fn commands_in_pieces(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    let value = exam.word(8);
    let line = format!("SET pieces {value}\n");
    client.send_bytewise(line.as_bytes(), Duration::from_millis(2))?;
    config_ok(&mut client)?;
    client.send(format!("GET pieces\nSET more {value}\nGET more\n"))?;
    client.expect(format!("OK {value}\n"))?;
    config_ok(&mut client)?;
    client.expect(format!("OK {value}\n"))
}

fn deletes_and_lists(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    let value = exam.word(8);
    for key in ["a/1", "a/2", "b/1"] {
        config_set(&mut client, key, &value)?;
    }
    client.send("LIST a/\n")?;
    // However a list is written, it names the keys with the prefix, and no others.
    let list = client.read_some(Duration::from_millis(500));
    let list = String::from_utf8_lossy(&list).into_owned();
    let is_right = list.starts_with("OK") && list.contains("a/1") && list.contains("a/2");
    if !is_right || list.contains("b/1") {
        return Err(Failure::new("OK and the keys a/1 and a/2", list).into());
    }
    client.send("DELETE a/1\n")?;
    config_ok(&mut client)?;
    client.send("GET a/1\n")?;
    config_error(&mut client)?;
    config_get(&mut client, "a/2", &value)
}

fn explains_errors(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    let unknown = exam.word(7);
    for line in ["GET nothing.there", "GET", "SET key", unknown.as_str()] {
        client.send(format!("{line}\n"))?;
        config_error(&mut client)?;
    }
    config_set(&mut client, "still", "here")?;
    config_get(&mut client, "still", "here")
}

fn config_quits(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.send("QUIT\n")?;
    config_ok(&mut client)?;
    client.expect_end()
}

fn config_serves_many(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let _silent = server.connect()?;
    let mut first = server.connect()?;
    let mut second = server.connect()?;
    let value = exam.word(8);
    config_set(&mut first, "shared", &value)?;
    config_get(&mut second, "shared", &value)?;
    // The next one keeps its settings in the same place.
    drop(server);
    common::answers_a_crowd(exam, |server, word| {
        let mut client = server.connect()?;
        config_set(&mut client, word, word)?;
        config_get(&mut client, word, word)
    })
}

fn config_survives_kill(exam: &mut Exam) -> Verdict {
    let mut kept: Vec<(String, String)> = Vec::new();
    for round in 0..3 {
        let mut server = exam.server()?;
        let mut client = server.connect()?;
        for (key, value) in &kept {
            config_get(&mut client, key, value)?;
        }
        for number in 0..20 {
            let (key, value) = (format!("round{round}.{number}"), exam.word(10));
            config_set(&mut client, &key, &value)?;
            kept.push((key, value));
        }
        server.kill();
    }
    Ok(())
}

fn config_survives(exam: &mut Exam) -> Verdict {
    common::survives_a_silent_visit(exam, config_probe)?;
    common::survives_resets(exam, config_probe)?;
    common::survives_invalid_utf8(exam, config_probe)?;
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.send_anyway(vec![b'a'; 1_000_000]);
    client.read_some(Duration::from_millis(300));
    config_probe(&server, &exam.word(8))
}

fn config_client() -> Vec<Check> {
    vec![
        Check::new(
            "config_client.sends_what_is_typed",
            "sends each typed line as a command and shows the answer",
            config_client_types,
        )
        .points(2)
        .sheet(CONFIG)
        .hints(&[
            "The protocol has lines: the line end belongs to the command.",
            "Read one line of the answer for each line that is sent, and print it.",
        ])
        .by_hand("nc -l 8080 & printf 'GET a\\n' | cargo run -p config_client"),
        Check::new(
            "config_client.notices_the_end_of_the_server",
            "ends when the server closes while it waits for input",
            config_client_notices,
        )
        .needs(&["config_client.sends_what_is_typed"])
        .sheet(CONFIG)
        .hints(&[
            "Waiting for a line and waiting for the server are two things at once.",
            "One thread for each of them; the one that sees the end ends the program.",
        ])
        .by_hand("cargo run -p config_server & cargo run -p config_client   # then end the server"),
        Check::new(
            "config_client.reports_a_refused_connection",
            "says when nobody listens",
            common::reports_a_refused_connection,
        )
        .sheet(CONFIG)
        .hints(&[
            "connect fails when nobody listens: this is an answer of the network, not a bug.",
            "Print one line with the reason, and end with a status that is not 0.",
        ])
        .by_hand("cargo run -p config_client -- --port 1; echo $?"),
    ]
}

fn config_client_types(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    let mut server = listener.accept()?;
    for _ in 0..2 {
        let (key, value) = (exam.word(6), exam.word(9));
        client.type_in(&format!("GET {key}\n"))?;
        let line = server.read_until(b"\n")?;
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.trim_end_matches(['\r', '\n']) != format!("GET {key}") {
            return Err(Failure::new(format!("GET {key}⏎"), line).into());
        }
        server.send(format!("OK {value}\n"))?;
        client.wait_for_output(&value)?;
    }
    client.close_stdin();
    client.expect_exit(0)
}

fn config_client_notices(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    drop(listener.accept()?);
    client.wait_exit(Duration::from_secs(5))?;
    client.expect_no_crash()
}
