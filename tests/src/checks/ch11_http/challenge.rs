//! http_challenge.

use std::thread;

use super::*;

/// The checks of http_challenge.
pub fn checks() -> Vec<Check> {
    vec![
        Check::new(
            "http_challenge.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(CHALLENGE)
        .hints(&[
            "Which address do you bind: the one given, or one that stands in the source?",
            "A web server is a TCP server: bind and listen come first.",
            "TcpListener::bind((host, port)) does both in Rust. In Python it is socket, \
             then bind((host, port)), then listen, with the values that your program was \
             started with.",
        ])
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
            "split(' ') gives method, path and version; split_once(':') and trim() give \
             name and value (partition and strip in Python). The page shows them behind \
             <strong>Method:</strong> and so on, as on the sheet.",
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
        .hints(&[
            "Which status does curl -i show for /nothing, and which for /hello/more?",
            "The status is for programs, the page for people: both say 404.",
            "match path: \"/\" | \"/hello\" | \"/about\" is 200, all else 404; in Python \
             path in (\"/\", \"/hello\", \"/about\"), not startswith. The 404 page has \
             <h1>404 Not Found</h1> and the sentence of the sheet.",
        ])
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
            "Let one function write every head, whatever the status, with Content-Type: \
             text/html; charset=utf-8 in it.",
        ])
        .by_hand("curl -i http://127.0.0.1:8000/nothing"),
        Check::new(
            "http_challenge.ends_lines_with_crlf",
            "ends every line of its head with CR LF",
            ends_lines_with_crlf,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&[
            "What does od -c show at the end of your status line, your fields and the \
             blank line?",
            "A line of HTTP ends with two bytes: \\r and \\n.",
            "Write \\r\\n yourself in every format! or f-string of the head. writeln!, \
             print and a text over several lines put \\n alone.",
        ])
        .by_hand("curl -si http://127.0.0.1:8000/ | od -c | head"),
        Check::new(
            "http_challenge.ends_the_response",
            "announces the length of the page in bytes, also when it is not ASCII",
            challenge_length,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&[
            "An ü is one character and two bytes. Which of them does the wire carry?",
            "Content-Length is in bytes. With the number of characters the client stops \
             too early, and takes the rest for the next response.",
            "page.len() of a Rust String counts bytes. In Python, body = page.encode(), \
             then len(body), and send this body.",
        ])
        .by_hand("curl -v -A 'Mözilla/ü' http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.field_names_in_any_case",
            "finds User-Agent however it is written",
            field_names_in_any_case,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&[
            "Does your server find user-agent and USER-AGENT as well?",
            "RFC 9110 §5.1: field names are case-insensitive. §5.5: white space behind \
             the colon may be missing.",
            "Compare with name.eq_ignore_ascii_case(\"user-agent\"); in Python use \
             name.lower() as the key of your dict. Split at the colon alone, not at a \
             colon and a space, and trim (strip) the value.",
        ])
        .by_hand("curl -H 'user-agent: x' http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.values_may_hold_colons",
            "shows a value with colons whole",
            values_may_hold_colons,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&[
            "What does your page show of the browser a/1 (x: y) http://z:80?",
            "Split at the first colon only.",
            "line.split_once(':') in Rust; line.partition(\":\") or line.split(\":\", 1) \
             in Python.",
        ])
        .by_hand("curl -A 'a/1 (x: y) http://z:80' http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.user_agent_may_be_missing",
            "answers a request without User-Agent",
            user_agent_may_be_missing,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&[
            "What does your server do when no line of the head says User-Agent?",
            "A field that you look up may not be there, and a value may be empty.",
            "get and unwrap_or(\"Unknown\") in place of an index or an unwrap; in Python \
             fields.get(\"user-agent\", \"Unknown\").",
        ])
        .by_hand("curl -A '' http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.query_is_no_part_of_the_path",
            "finds the page also when a query follows the path",
            query_is_no_part_of_the_path,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&[
            "For which page does your server look when /hello?x=1 is asked for?",
            "What follows the first ? is data for the page, not its name.",
            "Cut before you compare: target.split_once('?') and its first half, if it is \
             Some; target.partition(\"?\")[0] in Python.",
        ])
        .by_hand("curl 'http://127.0.0.1:8000/hello?x=1'"),
        Check::new(
            "http_challenge.other_methods_and_versions",
            "answers POST and HTTP/1.0",
            other_methods_and_versions,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&[
            "What does your server answer to POST /hello, and to GET /hello HTTP/1.0?",
            "Take the request line apart instead of comparing it as a whole.",
            "Choose the page by the path alone and show the method that came. A POST \
             that announces no body has none: answer at once. Answer HTTP/1.0 with \
             Content-Length or a close, never in chunks.",
        ])
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
            "Replace & first, then < > \" and ', by &amp; &lt; &gt; &quot; and &#39; \
             (html.escape in Python does it). Do so with method, path and browser where \
             the page is made, and after you have decoded any %3C.",
        ])
        .by_hand("curl -A '<script>alert(1)</script>' http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.head_has_no_body",
            "sends no page to HEAD",
            |exam| {
                head_has_no_body(exam, "/hello", &[200])?;
                // Whether the code of an error page is right is another check.
                head_has_no_body(exam, "/no-such-page", &[404, 200])
            },
        )
        .needs(&["http_challenge.shows_the_request"])
        .timing()
        .sheet(CHALLENGE)
        .hints(&[
            "HEAD wants the same head as GET, and nothing after it.",
            "The length of the page that GET would get may stay in the head; the page does not follow.",
            "Make the page as for GET and write the head with its length. Write the page \
             only if the method is not HEAD, for the 404 as well.",
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
        .hints(&[
            "What does your server do with GET /hel, when the rest comes a second later?",
            "One read returns what has arrived so far: read until the blank line.",
            "Append each read (recv) to a buffer, and look for b\"\\r\\n\\r\\n\" in all \
             of it: these four bytes may come apart as well. Answer when they are there.",
        ])
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
            "After each read look for b\"\\r\\n\\r\\n\" in what has come so far \
             (windows(4) in Rust, in or find in Python). Take out each comparison with \
             the size of the buffer.",
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
            "Take the body out of the connection's buffer, whatever the method and the \
             page: Content-Length bytes with read_exact, or for each chunk the line with \
             its size in hexadecimal, so many bytes and \\r\\n. After that read the next \
             head.",
        ])
        .by_hand("curl -d a=b http://127.0.0.1:8000/hello --next http://127.0.0.1:8000/about"),
        Check::new(
            "http_challenge.closes_when_asked",
            "closes after the response when the client says so, or speaks HTTP/1.0",
            closes_when_asked,
        )
        .needs(&["http_challenge.other_methods_and_versions"])
        .sheet("labs/11_http.md#step-5-bodies-and-connections-that-stay")
        .hints(&[
            "A client that reads to the end of the stream waits for your close.",
            "HTTP/1.1 stays open unless a Connection field says close; HTTP/1.0 closes unless it says keep-alive.",
            "Look the field up without regard to case, send the response, then close, \
             whatever else has come.",
        ])
        .by_hand("printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' | nc 127.0.0.1 8000   # must end by itself"),
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
            "Take a request out of the buffer (drain(..end), or del buffer[:end] in \
             Python), answer it, and look into the buffer again before you read. One \
             thread answers them one after another.",
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
            "Answer 400 and close for both fields together, for two different lengths, \
             for a length that is not all digits, for a space in front of the colon, and \
             for any coding but chunked. parse::<usize>() and Python's int take +5, int \
             takes 1_0 as well: look at each digit. Split the head at \\r\\n alone, not \
             with splitlines.",
        ])
        .by_hand("printf 'POST /hello HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 5\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n' | nc 127.0.0.1 8000"),
        Check::new(
            "http_challenge.methods_it_does_not_support",
            "answers DELETE with 405 or 501, a 405 has Allow, and a body is no request",
            unsupported_methods,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(HOSTILE)
        .hints(&[
            "To answer DELETE with 200 says that something has been deleted.",
            "405 and 501 say that it is not; with 405 comes a field that lists what is allowed.",
            "match the method: GET, HEAD and POST go on, all else gets 405 Method Not \
             Allowed with the field Allow: GET, HEAD, POST. Or answer 501, which needs \
             no Allow. Read the body first, or close: it is not the next request.",
        ])
        .by_hand("curl -i -X DELETE http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.refuses_what_is_too_large",
            "refuses a head of 10 MB and lives on",
            refuses_what_is_too_large,
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(HOSTILE)
        .hints(&[
            "Who decides how much memory a request takes: you or the client?",
            "Set a limit for the head; when it is passed, answer 431 or 400 and close.",
            "After each read compare the length of the buffer with 64 KiB, say, as long \
             as the blank line is not there. Above it write the response, leave the loop \
             and drop the stream.",
        ])
        .by_hand("(printf 'GET / HTTP/1.1\\r\\nX: '; head -c 10000000 /dev/zero | tr '\\0' a) | nc -N 127.0.0.1 8000; curl -v http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.survives_huge_announcements",
            "lives on after a body is announced that no memory holds",
            survives_huge_announcements,
        )
        .needs(&["http_challenge.other_methods_and_versions"])
        .deadline(Duration::from_secs(60))
        .sheet(HOSTILE)
        .hints(&[
            "How much memory do you take when you have read Content-Length, and before a \
             byte of the body has come?",
            "The length is what a client says. Take memory for what has come, and refuse \
             with 413 what is longer than your limit.",
            "Compare the length (or the size of a chunk) with a limit before vec![0; len] \
             or bytearray(length): where there is no such memory Rust ends the whole \
             program. A number that parse::<usize>() cannot hold is too large as well.",
        ])
        .by_hand("printf 'POST /hello HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 4611686018427387904\\r\\n\\r\\nabc' | nc -N 127.0.0.1 8000; curl -v http://127.0.0.1:8000/"),
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
            "thread::spawn(move || serve(stream)) right after accept; \
             threading.Thread(target=serve, args=(conn,)).start() in Python.",
        ])
        .by_hand("nc 127.0.0.1 8000 & curl -v http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.serves_among_twenty",
            "serves a visitor who is the twentieth at the same time",
            serves_among_twenty,
        )
        .needs(&["http_challenge.serves_beside_idle_connections"])
        .timing()
        .sheet("labs/11_http.md#step-5-bodies-and-connections-that-stay")
        .hints(&[
            "A connection that stays has its place for as long as it likes. How many places \
             do you have?",
            "A pool of ten threads is full with ten browsers: each client that stays needs a place.",
            "A thread for each connection, or a pool of a hundred: ThreadPoolExecutor(100) \
             in Python, whose own number is a few more than the machine has cores.",
        ])
        .by_hand("for i in $(seq 19); do sleep 60 | nc 127.0.0.1 8000 & done; curl -v http://127.0.0.1:8000/"),
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
            "Use get(1), split_once or a match in place of an index (len(words) in \
             Python), and let no unwrap stand between read and write. A head longer than \
             some kilobytes is refused as well.",
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
            "String::from_utf8_lossy in place of from_utf8 with an unwrap; in Python \
             head.decode(\"utf-8\", \"replace\").",
        ])
        .by_hand("printf 'GET /\\xff\\xfe HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' | nc -N 127.0.0.1 8000; curl -v http://127.0.0.1:8000/"),
        Check::new(
            "http_challenge.survives_resets",
            "lives on after clients that reset or leave",
            |exam| {
                common::survives_a_silent_visit(exam, probe)?;
                common::survives_resets_after(exam, |word| get(&format!("/{word}")), probe)
            },
        )
        .needs(&["http_challenge.shows_the_request"])
        .sheet(HOSTILE)
        .hints(&[
            "An error of one connection is the end of that connection, not of the program.",
            "Look at each place where an error leaves the accept loop: accept, read, write.",
            "Match the result of accept, and serve in a function that returns \
             io::Result, whose Err is printed. In Python, try with except OSError inside \
             the loop and inside the thread.",
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
            "Look at the result of read before you look for the blank line: at Ok(0) in \
             Rust, at b\"\" from recv in Python, return and so close the stream.",
        ])
        .by_hand("printf 'GET / HT' | nc -N 127.0.0.1 8000; top -b -n 1 | grep http_challen"),
        Check::new(
            "http_challenge.answers_a_crowd",
            "answers 200 clients, 20 at a time, and gives back what they used",
            |exam| answers_a_crowd(exam, sees_its_own_browser),
        )
        .deadline(Duration::from_secs(90))
        .needs(&["http_challenge.shows_the_request"])
        .sheet(CHALLENGE)
        .hints(&[
            "What is left of a visitor when it has gone: a thread, an open socket?",
            "Every way out of a connection closes its socket and ends its thread, also that of an error.",
            "Let the thread's function own the stream and return after the last response \
             (with conn in Python). A read timeout (set_read_timeout, settimeout) ends \
             the thread of a visitor who says nothing.",
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
            "Match the Err of TcpListener::bind in place of an unwrap, or catch OSError \
             around bind in Python. Print it and end with status 1.",
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
            "setsockopt(SOL_SOCKET, SO_REUSEADDR, 1), between socket and bind. \
             TcpListener::bind of Rust does that for you on Unix.",
        ])
        .by_hand("curl -v http://127.0.0.1:8000/; ss -tan | grep 8000   # then ^C, and start it again"),
        Check::new(
            "http_challenge.ends_on_ctrl_c",
            "ends when Ctrl-C is pressed",
            |exam| common::ends_on_ctrl_c(exam, probe),
        )
        .needs(&["http_challenge.shows_the_request"])
        .timing()
        .sheet(CHALLENGE)
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("curl http://127.0.0.1:8000/   # then press ^C where the server runs"),
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
    let unknown =
        ["/hello/more", "/more/about", "/helloworld", "/HELLO"].map(str::to_owned);
    for path in [format!("/{}", exam.word(9))].into_iter().chain(unknown) {
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
        client.patience(Duration::from_secs(10));
        client.send(with_agent("GET", "/hello", &agent))?;
        let response = read_response(&mut client, false)?;
        response.expect_text("</html>").or_else(|stop| {
            // A page may end without that tag; then its last line must be there.
            response.expect_text("Browser:").map_err(|_| stop)
        })?;
        expect_nothing_more(&mut client)?;
    }
    // The 404 page may show the path. A bare ü is no character of a URL: to refuse the
    // request is right as well.
    for path in ["/%C3%BC", "/ü"] {
        let mut client = server.connect()?;
        client.patience(Duration::from_secs(10));
        client.send(get(path))?;
        if next_response(&mut client)?.is_some() {
            expect_nothing_more(&mut client)?;
        }
    }
    Ok(())
}

/// A visitor who looks whether the page shows its own browser, and not another one's.
fn sees_its_own_browser(server: &Program, word: &str) -> Verdict {
    let response = ask(server, with_agent("GET", "/hello", word))?;
    response.expect_status(&[200])?;
    response.expect_text(&format!("<strong>Browser:</strong> {word}"))
}

fn field_names_in_any_case(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for name in ["user-agent", "USER-AGENT", "uSeR-aGeNt"] {
        let agent = exam.word(8);
        let request =
            format!("GET /hello HTTP/1.1\r\nhOsT: x\r\n{name}: {agent}\r\n\r\n");
        ask(&server, request)?.expect_text(&agent)?;
    }
    for space in ["", "\t", "  "] {
        let agent = exam.word(8);
        let request = format!(
            "GET /hello HTTP/1.1\r\nHost: x\r\nUser-Agent:{space}{agent}\r\n\r\n"
        );
        let verdict = ask(&server, request)?.expect_text(&agent);
        verdict.map_err(because(
            "white space behind the colon may be missing, or be a tab (RFC 9110 §5.5)",
        ))?;
    }
    Ok(())
}

fn values_may_hold_colons(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    // As long as those of real browsers and crawlers are.
    let (name, site) = (exam.word(5), exam.word(5));
    let agent = format!(
        "{name}/1 (x: y) http://z:80 (X11; Linux x86_64; rv:128.0) like Gecko \
         (compatible; +http://{site}.example:80/robot.html) {site}"
    );
    ask(&server, with_agent("GET", "/hello", &agent))?.expect_text(&agent)
}

fn user_agent_may_be_missing(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let without = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    ask(&server, without)?.expect_status(&[200])?;
    for field in ["Accept:", "User-Agent:"] {
        let request = format!("GET /hello HTTP/1.1\r\nHost: x\r\n{field}\r\n\r\n");
        let response = ask(&server, request).map_err(because("a value may be empty"));
        response?.expect_status(&[200])?;
    }
    // What one request said is not shown to the next: neither on its connection nor on
    // another one.
    let agent = exam.word(12);
    let mut client = server.connect()?;
    client.patience(Duration::from_secs(15));
    client.send(with_agent("GET", "/hello", &agent))?;
    read_response(&mut client, false)?.expect_text(&agent)?;
    client.send_anyway(without);
    let mut later: Vec<Response> = next_response(&mut client)?.into_iter().collect();
    later.push(ask(&server, without)?);
    for response in later {
        response.expect_status(&[200])?;
        if response.text().contains(&agent) {
            let expected = "a page without the User-Agent of an earlier request";
            return Err(Failure::new(expected, response.words())
                .cause("the fields of one request are still there at the next")
                .into());
        }
    }
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
    a_post_may_have_no_body(&server)?;
    let response = ask(&server, "GET /hello HTTP/1.0\r\nUser-Agent: x\r\n\r\n")?;
    response.expect_status(&[200])?;
    response.expect_text("<strong>Method:</strong> GET")?;
    match response.field("Transfer-Encoding") {
        None => Ok(()),
        Some(coding) => {
            let got = format!("Transfer-Encoding: {coding}");
            Err(Failure::new("no transfer coding for HTTP/1.0", got)
                .cause("HTTP/1.0 knows no chunks (RFC 9112 §6.1)")
                .into())
        }
    }
}

/// Without Content-Length and Transfer-Encoding there is no body to wait for (RFC 9112
/// §6.3); to insist on a length is right as well.
fn a_post_may_have_no_body(server: &Program) -> Verdict {
    let cause = "neither Content-Length nor Transfer-Encoding: no body follows";
    let post = ask(server, with_agent("POST", "/hello", "x")).map_err(because(cause))?;
    match post.status {
        400..=407 | 409..=499 => Ok(()),
        _ => post.expect_status(&[200, 411]).map_err(because(cause)),
    }
}

fn closes_when_asked(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for request in [
        "GET /hello HTTP/1.1\r\nHost: x\r\nUser-Agent: c\r\nConnection: close\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: x\r\nUser-Agent: c\r\nconnection: Close\r\n\r\n",
        "GET /hello HTTP/1.0\r\nUser-Agent: c\r\n\r\n",
    ] {
        let mut client = server.connect()?;
        client.send(request)?;
        read_response(&mut client, false)?.expect_status(&[200])?;
        client.expect_end()?;
        let mut client = server.connect()?;
        client.send(request.to_owned() + &get("/about"))?;
        // Closing with the second one unread may cost the response.
        if let Some(response) = next_response(&mut client)? {
            response.expect_status(&[200])?;
            client.expect_end().map_err(because(
                "after the response to the last request no other one is answered, even \
                 if it has come (RFC 9112 §9.6)",
            ))?;
        }
    }
    Ok(())
}

fn escapes_what_it_shows(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let word = exam.word(5);
    // The tags are of our own making: a page may well have tags of the usual names.
    let agent = format!("<script{word}>alert(1)</script>\"'&amp;");
    let response = ask(&server, with_agent("GET", "/hello", &agent))?;
    // Also the & must be escaped, or &amp; would be shown as &.
    if !response.text().contains(&agent) {
        let shown = String::from_utf8_lossy(&response.body).into_owned();
        let expected = format!("a page that shows {agent} as text");
        return Err(Failure::new(expected, shown).into());
    }
    let with_field = |path: &str, field: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n{field}\r\n\r\n")
    };
    let cause = "a page of an error is a page too: escape wherever one is made";
    let ask_for = |path: &str| with_agent("GET", path, &agent);
    for request in [
        ask_for("/hello"),
        ask_for(&format!("/<b{word}>bold</b>")),
        ask_for(&format!("/about?<i{word}>")),
        ask_for(&format!("/%3Cb{word}%3E")),
        ask_for(&format!("/hello?q=%3Cb{word}%3E")),
        // What is refused is shown in a page as well.
        with_agent(&format!("<b{word}>"), "/hello", &agent),
        with_agent(&format!("<i{word}>"), "/no-such-page", &agent),
        with_field("/no-such-page", &format!("Referer: http://x/<b{word}>")),
        with_field("/hello", &format!("<i{word}>")),
        // The last, since whether the server survives it is another check.
        ask_for(&format!("/hello <i{word}>")),
    ] {
        let mut client = server.connect()?;
        client.send(request)?;
        // These characters are none of a URL's: to refuse the request is right as well.
        let Some(response) = next_response(&mut client)? else {
            continue;
        };
        let page = String::from_utf8_lossy(&response.body).to_lowercase();
        for tag in ["<script", "<b", "<i"] {
            let tag = format!("{tag}{word}").to_lowercase();
            if page.contains(&tag) {
                let expected = format!("no {tag} in the page: it came from the client");
                let failure = Failure::new(expected, page);
                return Err(match response.status {
                    200 => failure.into(),
                    _ => failure.cause(cause).into(),
                });
            }
        }
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
    let chunk = |content: &str| format!("{:x}\r\n{content}\r\n", content.len());
    let chunked = chunk(hidden) + "0\r\n\r\n";
    // Longer than the buffer of most programs.
    let long = hidden.repeat(80);
    // What stands behind the size of a chunk is left aside (RFC 9112 §7.1.1).
    let noted = chunk(hidden).replacen("\r\n", ";note=1\r\n", 1);
    // The digits of a size are hexadecimal, in either case.
    let upper = format!("{:X}\r\n{long}\r\n", long.len());
    let chunks = noted + &chunk(&long) + &upper + "0\r\n\r\n";
    for (field, body) in [
        (format!("Content-Length: {}", hidden.len()), hidden),
        ("Transfer-Encoding: chunked".to_owned(), &chunked),
        (format!("content-length: {}", long.len()), &long),
        ("transfer-encoding: chunked".to_owned(), &chunks),
    ] {
        let request = format!(
            "POST /hello HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n{field}\r\n\r\n{body}"
        );
        let mut client = server.connect()?;
        client.send(&request)?;
        in_step_after_the_body(&mut client)?;
        let mut client = server.connect()?;
        client.patience(Duration::from_secs(15));
        client.send(request + &get("/about"))?;
        read_response(&mut client, false)?.expect_status(&[200])?;
        expect_about_or_end(&mut client).map_err(because(
            "what stands behind the body, in the same read as well, is the next request",
        ))?;
    }
    // Whatever the method and the page: what is announced belongs to the request.
    for (method, path) in [
        ("GET", "/hello"),
        ("POST", "/no-such-page"),
        ("HEAD", "/hello"),
    ] {
        for (field, body) in [
            (format!("Content-Length: {}", hidden.len()), hidden),
            ("Transfer-Encoding: chunked".to_owned(), &chunked),
        ] {
            let mut client = server.connect()?;
            client.send_anyway(format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n{field}\r\n\r\n{body}"
            ));
            let verdict = match method {
                "HEAD" => is_in_step_after_head(&mut client),
                _ => is_in_step_after_any(&mut client),
            };
            let cause = format!(
                "the body of {method} {path} was taken for the next request: read it \
                 first, or close"
            );
            verdict.map_err(because(cause))?;
        }
    }
    body_in_pieces(&server, &long)
}

/// Head and body arrive apart, and the body in pieces: by length on one connection, in
/// chunks on another.
fn body_in_pieces(server: &Program, body: &str) -> Verdict {
    let head = |field: &str| {
        format!("POST /hello HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n{field}\r\n\r\n")
    };
    let (first, second) = body.split_at(1000);
    let size = format!("{:x}", body.len());
    let (digit, digits) = size.split_at(1);
    let counted = [
        head(&format!("Content-Length: {}", body.len())),
        first.to_owned(),
        second.to_owned(),
    ];
    let chunked = [
        head("Transfer-Encoding: chunked"),
        digit.to_owned(),
        format!("{digits}\r"),
        format!("\n{first}"),
        format!("{second}\r"),
        "\n0\r\n\r\n".to_owned(),
    ];
    let (mut by_length, mut in_chunks) = (server.connect()?, server.connect()?);
    for (index, piece) in chunked.iter().enumerate() {
        in_chunks.send_anyway(piece);
        if let Some(piece) = counted.get(index) {
            by_length.send_anyway(piece);
        }
        // The pause is the point: each piece must arrive alone.
        thread::sleep(Duration::from_millis(100));
    }
    in_step_after_the_body(&mut by_length)?;
    in_step_after_the_body(&mut in_chunks).map_err(because(
        "a chunk may come in pieces, and so may the line with its size",
    ))
}

/// Reads the response to a request with a body, and expects that to the next one.
fn in_step_after_the_body(client: &mut Conn) -> Verdict {
    client.patience(Duration::from_secs(15));
    read_response(client, false)?.expect_status(&[200])?;
    is_in_step(client)
}

/// The same after a request that may have any answer: a body is unusual there.
fn is_in_step_after_any(client: &mut Conn) -> Verdict {
    client.patience(Duration::from_secs(15));
    match next_response(client)? {
        Some(_) => is_in_step(client),
        None => Ok(()), // Closing without a word is safe.
    }
}

/// The same after HEAD. Whether a page comes there is another check: the responses are
/// counted.
fn is_in_step_after_head(client: &mut Conn) -> Verdict {
    client.send_anyway(
        "GET /about HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\nConnection: close\r\n\r\n",
    );
    let bytes = client.read_some(Duration::from_secs(5));
    let is_status_line = |line: &[u8]| {
        line.starts_with(b"HTTP/1.")
            && line.get(8) == Some(&b' ')
            && line.get(9).is_some_and(u8::is_ascii_digit)
    };
    let responses = bytes.windows(10).filter(|it| is_status_line(it)).count();
    match responses {
        ..=2 => Ok(()),
        count => {
            let expected = "a response to HEAD and one to GET /about, or the end";
            Err(Failure::new(expected, format!("{count} responses")).into())
        }
    }
}

/// Expects the response to the next request, and no other. Whoever closes here is right
/// as well; whoever does not must be in step.
fn is_in_step(client: &mut Conn) -> Verdict {
    client.send_anyway(get("/about"));
    expect_about_or_end(client)
}

fn expect_about_or_end(client: &mut Conn) -> Verdict {
    match next_response(client)? {
        Some(next) => {
            next.expect_status(&[200])?;
            next.expect_text("<strong>Path:</strong> /about")
        }
        None => Ok(()),
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
    let mut last: Option<Response> = None;
    for agent in &agents {
        let Some(response) = next_response(&mut client)? else {
            return match last {
                Some(last) if last.promises_to_stay() => {
                    let expected = "a response to each: it said Connection: keep-alive";
                    Err(Failure::new(expected, "it closed the connection").into())
                }
                // Closing after a response is allowed; whoever stays answers them all.
                Some(_) => Ok(()),
                None => Err(Failure::new("a response", "it closed").into()),
            };
        };
        response.expect_text(agent)?;
        last = Some(response);
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
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 1_0\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: \r\n",
        "Transfer-Encoding: xchunked\r\n",
        // A coding that is not known is no reason to read on as if there were none.
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n",
        "Content-Length: 0, 5\r\n",
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
    no_field_begins_within_a_value(&server, &hidden)
}

/// A line that begins with a space belongs to the field above it (RFC 9112 §5.2), and
/// lines end with CR LF, not with what else ends one in a text (§2.2): it is all one
/// value, or the request is refused.
fn no_field_begins_within_a_value(server: &Program, next: &str) -> Verdict {
    let length = next.len();
    for between in ["\r\n ", "\x0b", "\x0c", "\x1c"] {
        let mut client = server.connect()?;
        client.send_anyway(format!(
            "POST /hello HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\nX-Note: a{between}Content-Length: {length}\r\n\r\n{next}"
        ));
        let refused = |response: &Response| response.status >= 400;
        if next_response(&mut client)?.is_none_or(|response| refused(&response)) {
            continue;
        }
        let cause = match between {
            "\r\n " => {
                "the folded line \" Content-Length: …\" was taken for a field of its own"
            }
            _ => {
                "a control character was taken for the end of a line, as splitlines of \
                 Python does: only CR LF ends one"
            }
        };
        next_response(&mut client).map_err(because(cause))?;
    }
    Ok(())
}

fn unsupported_methods(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let unknown = exam.word(6).to_ascii_uppercase();
    // Some parsers take a method that nobody knows for a malformed request.
    for (method, statuses) in [("DELETE", &[405, 501][..]), (&unknown, &[405, 501, 400])]
    {
        let response = ask(&server, with_agent(method, "/hello", "x"))?;
        response.expect_status(statuses)?;
        if response.status == 405 && response.field("Allow").is_none() {
            let expected = "an Allow field in a 405 (RFC 9110 §15.5.6)";
            return Err(Failure::new(expected, "none").into());
        }
    }
    // What is not carried out may have a body as well, and that is no request.
    let hidden = get("/hidden");
    let mut client = server.connect()?;
    client.send(format!(
        "DELETE /hello HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\nContent-Length: {}\r\n\r\n{hidden}",
        hidden.len()
    ))?;
    read_response(&mut client, false)?.expect_status(&[405, 501])?;
    is_in_step(&mut client).map_err(body_taken_for_a_request)
}

fn body_taken_for_a_request(stop: Stop) -> Stop {
    because("the body of a refused request was taken for the next one")(stop)
}

/// No byte of what is announced needs memory before it comes.
fn survives_huge_announcements(exam: &mut Exam) -> Verdict {
    let mut server = exam.server()?;
    let begun = exam.word(1000);
    let lengths = [
        (1_u64 << 62).to_string(),
        (u64::MAX / 2).to_string(),
        format!("1{}", "0".repeat(30)),
    ];
    let bodies = lengths.map(|length| format!("Content-Length: {length}\r\n\r\n{begun}"));
    let chunks = ["3fffffffffffffff", "7fffffffffffffff"]
        .map(|size| format!("Transfer-Encoding: chunked\r\n\r\n{size}\r\n{begun}"));
    for rest in bodies.into_iter().chain(chunks) {
        let mut client = server.connect()?;
        client.send_anyway(format!(
            "POST /hello HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n{rest}"
        ));
        client.half_close();
        // Any answer will do; with it, or with the end, the request has been read.
        client.read_some(Duration::from_secs(2));
        drop(client);
        if let Err(stop) = probe(&server, &exam.word(8)) {
            let Stop::Failed(failure) = stop else {
                return Err(stop);
            };
            let got = match server.wait_exit(Duration::from_secs(2)) {
                Ok(exit) => format!("it has ended: {exit}"),
                Err(_) => failure.got.clone(),
            };
            return Err(Failure::new("the next visitor is served", got)
                .cause(
                    "it took memory for the length that a client announced, and there is \
                     no such memory",
                )
                .into());
        }
    }
    Ok(())
}

fn refuses_what_is_too_large(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let before = server.memory();
    // Limits differ much: some servers take a megabyte.
    let long = "a".repeat(10_000_000);
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
