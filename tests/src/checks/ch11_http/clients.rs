//! http_manual_client and fetch_url.

use std::thread;

use super::*;

/// The checks of http_manual_client.
pub fn manual_checks() -> Vec<Check> {
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
            "write_all (sendall in Python) of GET / HTTP/1.1\\r\\nHost: \
             127.0.0.1:8000\\r\\nConnection: close\\r\\n\\r\\n, with the host and port \
             that you connect to behind Host.",
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
            "Does your client show the page when it comes a second after the head?",
            "One read returns what has arrived so far: read until the server closes.",
            "read_to_end in Rust. In Python, call recv in a loop until it returns b\"\", \
             and join the pieces.",
        ])
        .by_hand("(printf 'HTTP/1.1 200 OK\\r\\n\\r\\n'; sleep 1; printf late) | nc -l -N 8000 & cargo run -p http_manual_client -- --port 8000"),
        Check::new(
            "http_manual_client.ends_with_the_response",
            "ends when it has the whole response",
            ends_with_the_response,
        )
        .needs(&["http_manual_client.sends_a_valid_request"])
        .sheet(CLIENT)
        .hints(&[
            "Who closes the connection after the response, and how does the server know \
             that it shall?",
            "HTTP/1.1 keeps a connection open unless one side asks for the close: say so in your \
             request, or stop reading where Content-Length says.",
            "Add Connection: close\\r\\n to the head of the request. Then the end of the \
             stream is the end of the response, for read_to_end or a loop of recv.",
        ])
        .by_hand("cargo run -p http_challenge   # in another terminal: cargo run -p http_manual_client -- --port 8000"),
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
            "Print Sent HTTP request: and the very text that write_all (sendall) gets, \
             then Received HTTP response: and all bytes that came, by \
             String::from_utf8_lossy (decode in Python).",
        ])
        .by_hand("cargo run -p http_simple_server   # in another terminal: cargo run -p http_manual_client -- --port 8000"),
        Check::new(
            "http_manual_client.reports_a_refused_connection",
            "says when nobody listens",
            common::reports_a_refused_connection,
        )
        .sheet(CLIENT)
        .hints(&[
            "connect fails when nobody listens: this is an answer of the network, not a bug.",
            "Print one line with the reason, and end with a status that is not 0.",
            "Match the Err of TcpStream::connect in place of an unwrap, or catch \
             ConnectionRefusedError around Python's connect. Print it and end with \
             status 1.",
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

/// The server closes where the request lets it: RFC 9112 §9.3.
fn ends_with_the_response(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    let mut server = listener.accept()?;
    let request = read_request(&mut server, listener.addr())?;
    let asks_for_close = |line: &String| {
        let line = line.to_ascii_lowercase();
        line.strip_prefix("connection:")
            .is_some_and(|value| value.contains("close"))
    };
    let is_old = request
        .first()
        .is_some_and(|line| line.ends_with("HTTP/1.0"));
    let closes = is_old || request.iter().any(asks_for_close);
    let word = exam.word(12);
    server.send(response_of(&word))?;
    if closes {
        drop(server);
        client.wait_exit(Duration::from_secs(5))?;
    } else {
        exam.note("the connection stays open, as in HTTP/1.1");
        client.wait_exit(Duration::from_secs(5)).map_err(because(
            "it waits for a close that it has not asked for: the request has no \
                 Connection: close",
        ))?;
    }
    client.wait_for_output(&word)
}

fn prints_the_whole_response(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    let mut server = listener.accept()?;
    read_request(&mut server, listener.addr())?;
    let (first, second) = (exam.word(12), exam.word(12));
    server.send(format!("HTTP/1.1 200 OK\r\nX-First: {first}\r\n\r\n"))?;
    // The pauses are the point: the head must arrive alone, and the first piece of the
    // page ends within a character.
    let page = format!("{}é {second}\n", "filler ".repeat(2000));
    let (start, end) = page.as_bytes().split_at(7 * 2000 + 1);
    for piece in [start, end] {
        thread::sleep(Duration::from_millis(300));
        server.send_anyway(piece);
    }
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
    // Each line is one on the screen as well, whatever stands around it.
    let field = "Content-Type: text/plain";
    client.wait_for_printed(&format!("a line with {field} alone"), |printed| {
        printed
            .lines()
            .any(|line| line.contains(field) && !line.contains("HTTP/1."))
    })?;
    client.expect_exit(0)
}

/// The checks of fetch_url.
pub fn fetch_checks() -> Vec<Check> {
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
            "Read through one BufReader (makefile(\"rb\") in Python): lines up to the \
             empty one, then read_exact of Content-Length bytes, then write_all to \
             stdout (sys.stdout.buffer.write). Whatever else you have to say goes to \
             stderr.",
        ])
        .by_hand("cargo run -p fetch_url -- http://127.0.0.1:8000/"),
        Check::new(
            "fetch_url.pages_of_any_size",
            "writes an empty page and a large one, of any bytes",
            pages_of_any_size,
        )
        .deadline(Duration::from_secs(90)) // it starts several times
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "A page may be an image of many kilobytes, or nothing at all: what does yours \
             write?",
            "A length of 0 is a length: nothing follows. And bytes that become text and \
             bytes again are not the same bytes.",
            "Ask whether Content-Length is there, not whether it is more than 0. Write \
             with stdout().write_all(&body), in Python with sys.stdout.buffer.write(body): \
             no from_utf8 and no decode stands on the way, and nothing is cut.",
        ])
        .by_hand("(printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 200000\\r\\n\\r\\n'; head -c 200000 /dev/urandom) | nc -l -N 8000 & cargo run -p fetch_url -- http://127.0.0.1:8000/ | wc -c"),
        Check::new(
            "fetch_url.writes_error_pages",
            "writes the page of a 404 or a 500 as well",
            writes_error_pages,
        )
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "Also a page that says what went wrong is a page for its reader.",
            "Whatever the status is, head and body are read in the same way, and the body is \
             written.",
            "Write the body first; then you may say on stderr what the status was. In \
             Python urllib.request raises HTTPError: http.client does not.",
        ])
        .by_hand("cargo run -p fetch_url -- http://127.0.0.1:8000/nothing   # with http_challenge in another terminal"),
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
            "Cut the URL at # with split_once. What stands from the first / behind the \
             host is the target, or / if there is none; urllib.parse.urlsplit gives path \
             and query in Python.",
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
            "read_exact on a BufReader in Rust, makefile(\"rb\").read(length) in Python: \
             both read as often as it takes.",
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
            "Read a line, cut it at the ;, usize::from_str_radix(size, 16) (int(size, \
             16) in Python), read_exact so many bytes and the \\r\\n behind them. After \
             size 0 read lines up to an empty one.",
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
            "If the head has neither Content-Length nor chunked: read_to_end in Rust, \
             makefile(\"rb\").read() in Python. Write it all and end with status 0.",
        ])
        .by_hand("printf 'HTTP/1.0 200 OK\\r\\n\\r\\nall of it' | nc -l -N 8000 & cargo run -p fetch_url -- http://127.0.0.1:8000/"),
        Check::new(
            "fetch_url.skips_interim_responses",
            "waits for the real response behind 100 Continue",
            skips_interim_responses,
        )
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "A status that begins with 1 is not the answer yet.",
            "RFC 9110 §15.2: a client must be able to read 1xx responses before the final one.",
            "Read the head; while its status is below 200, read the next one. An interim response has no body.",
        ])
        .by_hand("printf 'HTTP/1.1 100 Continue\\r\\n\\r\\nHTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok' | nc -l -N 8000 & cargo run -p fetch_url -- http://127.0.0.1:8000/"),
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
            "Keep the lines of the head as you read them. With -i write them to stdout \
             with write_all (sys.stdout.buffer.write in Python), in front of the body.",
        ])
        .by_hand("cargo run -p http_simple_server   # in another terminal: cargo run -p fetch_url -- -i http://127.0.0.1:8000/"),
        Check::new(
            "fetch_url.verbose_spares_stdout",
            "writes the body alone to standard output with -v, too",
            verbose_spares_stdout,
        )
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "What is in the file after fetch_url -v URL > file?",
            "The heads that -v shows are for the eyes: they go to stderr.",
            "eprintln! in Rust, print(…, file=sys.stderr) in Python, for every line of -v. \
             The body goes to stdout as without it.",
        ])
        .by_hand("cargo run -p fetch_url -- -v http://127.0.0.1:8000/ > page; cat page   # with http_simple_server in another terminal"),
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
            "File::create(path) and write_all(&body) in Rust; open(path, \"wb\") and \
             write(body) in Python. No from_utf8 and no decode stands on the way.",
        ])
        .by_hand("cargo run -p http_simple_server   # in another terminal: cargo run -p fetch_url -- -o /tmp/page http://127.0.0.1:8000/ && od -c /tmp/page"),
        Check::new(
            "fetch_url.follows_redirects",
            "follows redirects with -L, and only then",
            follows_redirects,
        )
        .deadline(Duration::from_secs(120))
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "-L asks again at the address that Location names; without -L the answer stays as it is.",
            "Location may be relative: it starts from the path of the URL that was asked for.",
            "With -L and a status of 301, 302, 303, 307 or 308, join Location with the \
             URL (Url::join of the crate url, urllib.parse.urljoin in Python) and begin \
             anew. Without -L write what came and end.",
        ])
        .by_hand("printf 'HTTP/1.1 302 Found\\r\\nLocation: ../c?d\\r\\nContent-Length: 0\\r\\n\\r\\n' | nc -l -N 8000 & cargo run -p fetch_url -- -L http://127.0.0.1:8000/a/b; nc -l 8000"),
        Check::new(
            "fetch_url.takes_any_field_value",
            "writes the page although a field of its head is no UTF-8",
            takes_any_field_value,
        )
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "Is every head UTF-8? Older servers write names with the bytes of Latin-1.",
            "RFC 9110 §5.5: bytes from 0x80 on are opaque data. Look only at the fields that \
             you know.",
            "String::from_utf8_lossy(&line) in Rust, line.decode(\"latin-1\") in Python: \
             neither can fail. BufReader::read_until(b'\\n') takes bytes, where lines() \
             wants UTF-8.",
        ])
        .by_hand("printf 'HTTP/1.1 200 OK\\r\\nX-Name: caf\\351\\r\\nContent-Length: 2\\r\\n\\r\\nok' | nc -l -N 8000 & cargo run -p fetch_url -- http://127.0.0.1:8000/"),
        Check::new(
            "fetch_url.survives_a_redirect_to_nowhere",
            "ends without a crash on a redirect that has no Location",
            survives_a_redirect_to_nowhere,
        )
        .needs(&["fetch_url.follows_redirects"])
        .sheet(FETCH)
        .hints(&[
            "A server may say 302 and forget Location. What does your program look up then?",
            "Without Location there is nothing to follow: write what came, or say what is \
             missing.",
            "Match the Option of your search for the field in place of an unwrap; in \
             Python fields.get(\"location\") gives None, where [ ] raises KeyError.",
        ])
        .by_hand("printf 'HTTP/1.1 302 Found\\r\\nContent-Length: 0\\r\\n\\r\\n' | nc -l -N 8000 & cargo run -p fetch_url -- -L http://127.0.0.1:8000/; echo $?"),
        Check::new(
            "fetch_url.field_names_in_any_case",
            "finds a field of the response however it is written",
            field_names_in_any_case,
        )
        .deadline(Duration::from_secs(60)) // it starts several times
        .needs(&["fetch_url.reads_chunks", "fetch_url.follows_redirects"])
        .sheet(FETCH)
        .hints(&[
            "Does your program find content-length and TRANSFER-ENCODING as well?",
            "RFC 9110 §5.1: field names are case-insensitive. White space behind the colon \
             may be there or not (RFC 9112 §5.1).",
            "Cut the line at the colon alone and trim the value. Compare with \
             name.eq_ignore_ascii_case(\"content-length\"); in Python use name.lower() as \
             the key of your dict.",
        ])
        .by_hand("(printf 'HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nok'; sleep 9) | nc -l -N 8000 & cargo run -p fetch_url -- http://127.0.0.1:8000/"),
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
            "Put the request into for _ in 0..20 (range(20) in Python) in place of an \
             endless loop. Behind the loop print the message on stderr and end with \
             status 1.",
        ])
        .by_hand("while printf 'HTTP/1.1 301 Moved\\r\\nLocation: /\\r\\nContent-Length: 0\\r\\n\\r\\n' | nc -l -N 8000; do :; done & cargo run -p fetch_url -- -L http://127.0.0.1:8000/; echo $?"),
        Check::new(
            "fetch_url.reports_a_cut_body",
            "fails when the body is shorter than announced",
            reports_a_cut_body,
        )
        .deadline(Duration::from_secs(60)) // it starts several times
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "Half a page is no page: whoever uses your program has to learn of it.",
            "Compare what came with what was announced; when it is less, say so and end with a status that is not 0.",
            "read_exact returns UnexpectedEof; Python's read returns fewer bytes, so \
             compare len(body) with the length. In chunks only size 0 is a good end: an \
             end before it is an error.",
        ])
        .by_hand("printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\ncut' | nc -l -N 8000 & cargo run -p fetch_url -- http://127.0.0.1:8000/; echo $?"),
        Check::new(
            "fetch_url.refuses_https",
            "refuses https and bad URLs with a message",
            refuses_https,
        )
        .deadline(Duration::from_secs(90)) // it starts several times
        .needs(&["fetch_url.writes_the_body"])
        .sheet(FETCH)
        .hints(&[
            "Which parts of a URL can your program not serve? Look at the scheme, the host, the port.",
            "Refuse before you connect: one line with the reason, a status that is not 0.",
            "strip_prefix(\"http://\") or an error, an empty host is an error, and \
             parse::<u16>() refuses 99999. In Python look at scheme and hostname of \
             urlsplit, and catch ValueError around its port.",
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
            "Match the Err of TcpStream::connect in place of an unwrap, or catch \
             ConnectionRefusedError around Python's connect. Print it and end with \
             status 1.",
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

/// Expects that it succeeds, and that stdout is exactly this at the end.
fn expect_output(client: &mut Program, expected: impl AsRef<[u8]>) -> Verdict {
    client.expect_exit(0)?;
    expect_written(client, expected)
}

/// Expects that stdout is exactly this, after the end.
fn expect_written(client: &Program, expected: impl AsRef<[u8]>) -> Verdict {
    let (expected, got) = (expected.as_ref(), client.output_bytes());
    if got == expected {
        return Ok(());
    }
    Err(Failure::bytes(expected, &got).into())
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
    expect_output(&mut client, "ok")?;
    // Without a path it asks for the root; read_request looks at the target.
    let query = format!("?q={}", exam.word(4));
    for (rest, target) in [("", "/"), (&query, &format!("/{query}"))] {
        let (mut client, request, mut server) = fetch(exam, &listener, &[], rest)?;
        let got = request.first().cloned().unwrap_or_default();
        if !got.starts_with(&format!("GET {target} HTTP/1.")) {
            return Err(Failure::new(format!("GET {target} HTTP/1.1"), got).into());
        }
        server.send(response_of("ok"))?;
        expect_output(&mut client, "ok")?;
    }
    Ok(())
}

fn pages_of_any_size(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let large = exam.bytes(200_000);
    let lines = format!("{}\r\n\n\r{}\r\n", exam.word(8), exam.word(8));
    for body in [Vec::new(), large, lines.into_bytes()] {
        let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
        // The connection stays open: a length of 0 is a length.
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        server.send([head.as_bytes(), &body].concat())?;
        expect_output(&mut client, &body)?;
    }
    // Bytes behind the length are no part of the page, and 204 has none at all.
    let page = exam.word(10);
    for (response, page, cause) in [
        (
            response_of(&page) + "HTTP/1.1 400 Bad Request\r\n\r\n",
            page.as_str(),
            "Content-Length says where the page ends, whatever comes behind it",
        ),
        (
            "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            "",
            "a 204 ends with its head (RFC 9112 §6.3): there is no body to wait for",
        ),
    ] {
        let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
        server.send(response)?;
        expect_output(&mut client, page).map_err(because(cause))?;
    }
    Ok(())
}

fn writes_error_pages(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let page = format!("no such page: {}", exam.word(10));
    for (status, cause) in [
        ("404 Not Found", "also the page of a 404 is a page"),
        (
            "500 Internal Server Error",
            "also the page of a 500 is a page",
        ),
        // The reason phrase may be empty (RFC 9112 §4).
        ("404 ", "the status line has no words behind the code"),
    ] {
        let (mut client, _, mut server) = fetch(exam, &listener, &[], "/nothing")?;
        server.send(response_of(&page).replace("200 OK", status))?;
        // Whether that is a failure is for each program to say: for curl it is none.
        client.wait_exit(Duration::from_secs(5))?;
        expect_written(&client, &page).map_err(because(cause))?;
    }
    Ok(())
}

fn verbose_spares_stdout(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let (mut client, _, mut server) = fetch(exam, &listener, &["-v"], "/")?;
    let word = exam.word(10);
    server.send(response_of(&word))?;
    expect_output(&mut client, &word)
}

fn field_names_in_any_case(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let word = exam.word(10);
    // The connection stays open: only these fields say where the body ends.
    let chunks = format!("chunked\r\n\r\na\r\n{word}\r\n0\r\n\r\n");
    let case = "it looks for these fields with regard to case";
    let space = "no white space need follow the colon (RFC 9112 §5.1)";
    for (rest, cause) in [
        (format!("content-length: 10\r\n\r\n{word}"), case),
        (format!("TRANSFER-ENCODING: {chunks}"), case),
        (format!("Content-Length:10\r\n\r\n{word}"), space),
        (format!("Transfer-Encoding:{chunks}"), space),
    ] {
        let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
        server.send(format!("HTTP/1.1 200 OK\r\n{rest}"))?;
        expect_output(&mut client, &word).map_err(because(cause))?;
    }
    let (mut client, _, mut server) = fetch(exam, &listener, &["-L"], "/")?;
    server.send("HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n")?;
    server.half_close();
    let mut server = listener.accept()?;
    read_request(&mut server, listener.addr())?;
    server.send(response_of(&word))?;
    expect_output(&mut client, &word)
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
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut response = head.to_owned();
    for word in &words {
        response.push_str(&format!("{:x};note=1\r\n{word}\r\n", word.len()));
    }
    response.push_str("0\r\nX-Trailer: 1\r\n\r\n");
    server.send(response)?;
    expect_output(&mut client, words.concat())?;

    let word = exam.word(0xab);
    let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
    server.send(format!("{head}AB\r\n{word}\r\n0\r\n\r\n"))?;
    expect_output(&mut client, word).map_err(because(
        "the hexadecimal digits of a size may be upper case",
    ))?;

    // What looks like the last chunk may stand within one, and a read may end anywhere.
    let body = format!("{}\r\n0\r\n\r\n{}", exam.word(20), exam.word(300));
    let size = format!("{:x}", body.len());
    let (size_start, size_end) = size.split_at(1);
    let (body_start, body_end) = body.split_at(27);
    let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
    for piece in [
        format!("{head}{size_start}"),
        format!("{size_end}\r\n{body_start}"),
        format!("{body_end}\r"),
        "\n0\r\n".to_owned(),
        "\r\n".to_owned(),
    ] {
        server.send_anyway(piece);
        // The pause is the point: each piece must arrive alone.
        thread::sleep(Duration::from_millis(100));
    }
    expect_output(&mut client, body).map_err(because(
        "a chunk ends where its size says: not with a read, and not at a 0 within it",
    ))
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

fn skips_interim_responses(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
    let word = exam.word(10);
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    server.send(format!("{interim}{}", response_of(&word)))?;
    expect_output(&mut client, &word)?;
    let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
    server.send(format!("{}{}", interim.repeat(3), response_of(&word)))?;
    expect_output(&mut client, &word)
        .map_err(because("more than one interim response may come"))
}

fn includes_the_head(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let (mut client, _, mut server) = fetch(exam, &listener, &["-i"], "/")?;
    let word = exam.word(10);
    server.send(response_of(&word))?;
    client.expect_exit(0)?;
    // A library may give the names in small letters: their case is free (RFC 9110 §5.1).
    for text in ["HTTP/1.1 200 OK", "Content-Type: text/plain", &word] {
        let wanted = text.to_ascii_lowercase();
        client.wait_for_printed(&format!("it prints {text:?}"), |printed| {
            printed.to_ascii_lowercase().contains(&wanted)
        })?;
    }
    let output = client.output();
    let lines = output.replace("\r\n", "\n");
    if lines.trim_end().ends_with(&format!("\n\n{word}")) {
        return Ok(());
    }
    Err(Failure::new("a blank line between head and page", output).into())
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
    if written != body {
        return Err(Failure::bytes(&body, &written).into());
    }
    says_that_there_is_no_folder(exam, &listener)
}

/// It may look at the file before it connects, or afterwards.
fn says_that_there_is_no_folder(exam: &Exam, listener: &Listener) -> Verdict {
    let path = exam.dir().join("no-such-folder").join("page.bin");
    let name = path.display().to_string();
    let url = format!("http://{}/", listener.addr());
    let mut client = exam.tool(&["-o", &name, &url])?;
    let mut server = connected(listener, &mut client)?;
    if let Some(server) = &mut server {
        server.send_anyway(response_of("ok"));
    }
    let exit = client.wait_exit(Duration::from_secs(20))?;
    if exit != Exit::Status(0) || path.exists() {
        return Ok(());
    }
    let expected = "the file, or an exit status that is not 0";
    Err(Failure::new(expected, "no file and exit status 0")
        .cause("the folder of the file is not there, and nobody learns of it")
        .into())
}

fn follows_redirects(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let (word, note) = (exam.word(10), exam.word(10));
    let moved = |status: u16| {
        let status = format!("{status} Moved\r\nConnection: close\r\nLocation: ../c?d");
        response_of(&note).replace("200 OK", &status)
    };
    for status in [302, 301, 303, 307, 308] {
        let (mut client, _, mut server) = fetch(exam, &listener, &["-L"], "/a/b")?;
        server.send(moved(status))?;
        server.half_close();
        let mut server = listener.accept()?;
        let request = read_request(&mut server, listener.addr())?;
        let got = request.first().cloned().unwrap_or_default();
        if !got.starts_with("GET /c?d HTTP/1.") {
            return Err(Failure::new("GET /c?d HTTP/1.1", got).into());
        }
        server.send(response_of(&word))?;
        expect_output(&mut client, &word).map_err(because(
            "with -L the page at the end is written, and none that only leads there",
        ))?;
    }
    follows_to_another_server(exam, &listener)?;

    let (mut client, _, mut server) = fetch(exam, &listener, &[], "/a/b")?;
    server.send(moved(302))?;
    server.half_close();
    client.wait_exit(Duration::from_secs(10))?;
    match listener.accept_within(Duration::from_millis(200)) {
        Ok(_) => Err(Failure::new("one request without -L", "a second one").into()),
        Err(_) => Ok(()),
    }
}

/// Three redirects in a row: to another server and back by whole URLs, and within it.
fn follows_to_another_server(exam: &mut Exam, listener: &Listener) -> Verdict {
    let other = exam.listener()?;
    let word = exam.word(10);
    let (mut client, _, mut server) = fetch(exam, listener, &["-L"], "/a/b")?;
    for (location, next, path) in [
        (format!("http://{}/c/d?e", other.addr()), &other, "/c/d?e"),
        ("f".to_owned(), &other, "/c/f"),
        (format!("http://{}/g", listener.addr()), listener, "/g"),
    ] {
        exam.note(&format!("Location: {location}"));
        server.send(format!(
            "HTTP/1.1 302 Found\r\nLocation: {location}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n"
        ))?;
        server.half_close();
        server = next.accept()?;
        let request = read_request(&mut server, next.addr())?;
        let got = request.first().cloned().unwrap_or_default();
        if !got.starts_with(&format!("GET {path} HTTP/1.")) {
            return Err(Failure::new(format!("GET {path} HTTP/1.1"), got)
                .cause("Location may be a whole URL: host, port and path are all in it")
                .into());
        }
    }
    server.send(response_of(&word))?;
    expect_output(&mut client, &word)
}

fn takes_any_field_value(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
    let body = exam.word(10);
    let head = b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 10\r\n\r\n";
    server.send([head.as_slice(), body.as_bytes()].concat())?;
    expect_output(&mut client, &body).map_err(common::likely(
        "a field holds a byte that is no UTF-8, which RFC 9110 §5.5 allows",
    ))
}

fn survives_a_redirect_to_nowhere(exam: &mut Exam) -> Verdict {
    // Whether it asks again, and with what status it ends, is free.
    const REQUESTS: usize = 100;
    let listener = exam.listener()?;
    let url = format!("http://{}/", listener.addr());
    let mut client = exam.tool(&["-L", &url])?;
    for _ in 0..REQUESTS {
        let Ok(Some(mut server)) = connected(&listener, &mut client) else {
            break;
        };
        server.read_until(b"\r\n\r\n")?;
        server.send_anyway("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n");
    }
    client.wait_exit(Duration::from_secs(5))?;
    client.expect_no_crash()
}

fn leaves_a_redirect_loop(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let moved = "HTTP/1.1 301 Moved\r\nLocation: /\r\n\
        Content-Length: 0\r\nConnection: close\r\n\r\n";
    let url = format!("http://{}/", listener.addr());
    let mut client = exam.tool(&["-L", &url])?;
    for _ in 0..100 {
        // No further request means that it has given up: the client has ended.
        let Ok(Some(mut server)) = connected(&listener, &mut client) else {
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
        String::new(), // Not even a status line.
    ] {
        let listener = exam.listener()?;
        let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
        server.send(response)?;
        server.half_close();
        expect_failure(&mut client)?;
    }
    // Without a length only a close is an end (RFC 9112 §8).
    let listener = exam.listener()?;
    let (mut client, _, mut server) = fetch(exam, &listener, &[], "/")?;
    server.send(format!("HTTP/1.1 200 OK\r\n\r\n{word}"))?;
    server.reset();
    expect_failure(&mut client)
        .map_err(because("a reset is not the end of a page: it may be cut"))
}

fn refuses_https(exam: &mut Exam) -> Verdict {
    // Also where somebody listens: what is meant to be secret is not sent in plain.
    let listener = exam.listener()?;
    let mut client = exam.tool(&[&format!("https://{}/", listener.addr())])?;
    expect_no_plain_request(&listener, &mut client)?;
    expect_failure(&mut client)?;
    for url in [
        "https://127.0.0.1:1/",
        "ftp://127.0.0.1:1/",
        "http://",
        "http://127.0.0.1:99999/",
    ] {
        expect_failure(&mut exam.tool(&[url])?)?;
    }
    refuses_a_redirect_to_https(exam, &listener)
}

fn expect_no_plain_request(listener: &Listener, client: &mut Program) -> Verdict {
    if let Some(mut server) = connected(listener, client)? {
        let got = crate::harness::escape(&server.read_some(Duration::from_secs(1)));
        if got.contains("HTTP/1.") {
            let expected = "no request in plain: https asks for TLS";
            return Err(Failure::new(expected, got).into());
        }
    }
    Ok(())
}

fn refuses_a_redirect_to_https(exam: &mut Exam, secure: &Listener) -> Verdict {
    let listener = exam.listener()?;
    let (mut client, _, mut server) = fetch(exam, &listener, &["-L"], "/")?;
    // Who asks the same server again need not wait for an answer.
    drop(listener);
    let page = exam.word(10);
    let moved = format!("302 Found\r\nLocation: https://{}/", secure.addr());
    server.send(response_of(&page).replace("200 OK", &moved))?;
    server.half_close();
    expect_no_plain_request(secure, &mut client)?;
    // Who does not follow at all may show what came: that is another check.
    if client.output_bytes() == page.as_bytes() {
        return Ok(());
    }
    expect_failure(&mut client).map_err(because(
        "the redirect leads to https, and the page never came",
    ))
}

fn fetch_refused(exam: &mut Exam) -> Verdict {
    let url = format!("http://{}/", exam.refusing_addr()?);
    expect_failure(&mut exam.tool(&[&url])?)
}
