//! http_simple_server.

use std::thread;

use super::*;

/// The checks of http_simple_server.
pub fn checks() -> Vec<Check> {
    vec![
        Check::new(
            "http_simple_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(SIMPLE)
        .hints(&[
            "Which address do you bind: the one given, or one that stands in the source?",
            "A web server is a TCP server: bind and listen come first.",
            "TcpListener::bind((host, port)) does both in Rust. In Python it is socket, \
             then bind((host, port)), then listen, with the values that your program was \
             started with.",
        ])
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
            "write_all of HTTP/1.1 200 OK, one line for each field, an empty line, each \
             with \\r\\n, then the page; sendall in Python. The page has <h1>Hello from \
             a Socket!</h1> and You are visitor #1.",
        ])
        .by_hand("curl -i http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.says_that_it_is_html",
            "says that the page is text/html",
            says_that_it_is_html,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .hints(&[
            "How does a browser know that your bytes are a page, and not plain text or \
             an image?",
            "Without this field a browser has to guess: Content-Type.",
            "Put Content-Type: text/html; charset=utf-8 and \\r\\n into the head, in \
             front of the blank line.",
        ])
        .by_hand("curl -i http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.counts_requests",
            "numbers its visitors, starting at 1",
            counts_requests,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .hints(&[
            "Where does the number live so that it outlasts one visitor?",
            "Count when the request line has been read, before the page is made.",
            "Keep it outside the function that serves a request: an AtomicUsize, or in \
             Python a variable behind a Lock. Add 1 for each request, the one for \
             /favicon.ico included.",
        ])
        .by_hand("curl http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.prints_requests_as_text",
            "prints the requests, if it does, as text and not as a list of bytes",
            prints_requests_as_text,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .hints(&[
            "Compare what your server prints with the sheet.",
            "What the socket returns is bytes: make a text of the request line before \
             you print it.",
            "String::from_utf8_lossy(line) in Rust, line.decode(errors=\"replace\") in \
             Python: bytes that are no UTF-8 end neither.",
        ])
        .by_hand("curl http://127.0.0.1:8000/hello   # and look at the server's terminal"),
        Check::new(
            "http_simple_server.counts_a_crowd_once_each",
            "gives 100 visitors who come at once 100 different numbers",
            counts_a_crowd,
        )
        .needs(&["http_simple_server.counts_requests"])
        .sheet(SIMPLE)
        .hints(&[
            "Who reads the number, who raises it, and can two do both at the same time?",
            "Two threads may not read the same number before one has changed it.",
            "counter.fetch_add(1, Ordering::Relaxed) + 1 raises the number and gives you \
             yours. In Python raise it and copy it inside one with lock:, and write the \
             copy into the page.",
        ])
        .by_hand("seq 100 | xargs -P 20 -I{} curl -s http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.ends_the_response",
            "lets the client know where the page ends",
            ends_the_response,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .hints(&[
            "How does the client know that the page is over, and not late?",
            "Content-Length counts the bytes of the page; or close after it.",
            "page.len() of a Rust String counts bytes; in Python it is \
             len(page.encode()). Nothing follows the page, not even a line end.",
        ])
        .by_hand("curl -v http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.closes_or_reads_on",
            "closes when the visitor asks for it, and lets no second request wait",
            closes_or_reads_on,
        )
        .needs(&["http_simple_server.ends_the_response"])
        .sheet(SIMPLE)
        .hints(&[
            "The page is sent. What does your server wait for then, and what does the \
             browser think?",
            "HTTP/1.1 without Connection: close is a promise: the next request on this \
             connection is answered. Keep it, or say close, and close.",
            "Put Connection: close into the head and end the sending side when the page \
             is sent: shutdown(Shutdown::Write) in Rust, shutdown(SHUT_WR) in Python. \
             Only then read what is left until the client closes.",
        ])
        .by_hand("printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' | nc 127.0.0.1 8000   # must end by itself"),
        Check::new(
            "http_simple_server.answers_any_path_and_method",
            "answers every path, method and HTTP version",
            answers_any_path,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .hints(&[
            "What does your server answer to POST, to /any/path and to HTTP/1.0?",
            "Do not compare the request with one fixed text.",
            "Answer 200 with the page when the head is complete, with no if on what the \
             request line says. Read a body that Content-Length announces before you \
             close: a close with unread bytes resets the connection.",
        ])
        .by_hand("curl -0 -d x=1 http://127.0.0.1:8000/any/path"),
        Check::new(
            "http_simple_server.waits_for_the_whole_head",
            "answers when the blank line has come, not before",
            simple_waits_for_the_head,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .timing()
        .hints(&[
            "What does your server do with GET /hel, when lo HTTP/1.1 comes a second \
             later?",
            "One read returns what has arrived so far: read until the blank line.",
            "Append each read (recv) to a buffer, and look for b\"\\r\\n\\r\\n\" in all \
             of it. Answer when it is there.",
        ])
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
            "After each read look for b\"\\r\\n\\r\\n\" in what has come so far \
             (windows(4) in Rust, in or find in Python). Take out each comparison with \
             the size of the buffer.",
        ])
        .by_hand("(printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\nX: %0990d\\r\\n\\r\\n' 0; sleep 2) | nc 127.0.0.1 8000"),
        Check::new(
            "http_simple_server.head_has_no_body",
            "sends no page to HEAD",
            |exam| head_has_no_body(exam, "/", &[200]),
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .timing()
        .hints(&[
            "What does curl -I show of your server, and does it end at once?",
            "HEAD wants the same head as GET, and nothing after it.",
            "Write the head with its Content-Length as for GET. If the first word of the \
             request line is HEAD, do not write the page.",
        ])
        .by_hand("curl -I http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.counts_every_method",
            "counts POST and HEAD as it counts GET",
            counts_every_method,
        )
        .needs(&[
            "http_simple_server.counts_requests",
            "http_simple_server.answers_any_path_and_method",
            "http_simple_server.head_has_no_body",
        ])
        .sheet(SIMPLE)
        .hints(&[
            "Which number does curl show after curl -I, and after curl -d x=1?",
            "A request counts when its request line has been read, whatever stands there.",
            "Add 1 in one place, behind the read and in front of the first if that looks at \
             the method. HEAD has a number too, although nobody sees it.",
        ])
        .by_hand("curl -s -o /dev/null -I http://127.0.0.1:8000/; curl -d x=1 http://127.0.0.1:8000/; curl http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.serves_beside_idle_connections",
            "serves a visitor while eight other connections are silent",
            serves_beside_idle_connections,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .timing()
        .hints(&[
            "Browsers open connections that they may never use. Who waits for them?",
            "A read waits as long as its connection is silent. In the loop that accepts, \
             everybody waits with it.",
            "thread::spawn(move || serve(stream)) right after accept; \
             threading.Thread(target=serve, args=(conn,)).start() in Python.",
        ])
        .by_hand("nc 127.0.0.1 8000 & curl http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.serves_among_twenty",
            "serves a visitor who is the twentieth at the same time",
            serves_among_twenty,
        )
        .needs(&["http_simple_server.serves_beside_idle_connections"])
        .sheet(SIMPLE)
        .timing()
        .hints(&[
            "How many connections can be open, and silent, before nobody else is served?",
            "A pool of ten threads is full with two or three browsers. Each client that \
             may stay needs a place.",
            "A thread for each connection, or a pool of a hundred: ThreadPoolExecutor(100) \
             in Python, whose own number is a few more than the machine has cores.",
        ])
        .by_hand("for i in $(seq 19); do sleep 60 | nc 127.0.0.1 8000 & done; curl -v http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.survives_malformed_requests",
            "lives on after requests that are none",
            survives_malformed_requests,
        )
        .needs(&["http_simple_server.sends_the_page"])
        .deadline(Duration::from_secs(60))
        .sheet(HOSTILE)
        .hints(&[
            "Every split and every index may fail: what then?",
            "GET alone has one word, noise may have none: an index into what split \
             returned then panics, or raises IndexError in Python.",
            "Use get(1), split_once or a match in place of an index (len(words) in \
             Python), and close or answer 400 when it does not fit. Give up on a head \
             that is longer than some kilobytes.",
        ])
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
            "String::from_utf8_lossy in place of from_utf8 with an unwrap; in Python \
             head.decode(\"utf-8\", \"replace\").",
        ])
        .by_hand("printf 'GET /\\xff\\xfe HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' | nc -N 127.0.0.1 8000; curl -v http://127.0.0.1:8000/"),
        Check::new(
            "http_simple_server.survives_resets",
            "lives on after clients that reset or leave",
            |exam| {
                common::survives_a_silent_visit(exam, probe)?;
                common::survives_resets_after(exam, |word| get(&format!("/{word}")), probe)
            },
        )
        .needs(&["http_simple_server.sends_the_page"])
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
            "http_simple_server.notices_the_end_of_a_client",
            "does not spin when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, probe),
        )
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(HOSTILE)
        .hints(&[
            "A read of 0 bytes means that the client has left: nothing will come any more.",
            "The loop that reads the head needs two ends: the blank line, and the end of the stream.",
            "Look at the result of read before you look for the blank line: at Ok(0) in \
             Rust, at b\"\" from recv in Python, return and so close the stream.",
        ])
        .by_hand("printf 'GET / HT' | nc -N 127.0.0.1 8000; top -b -n 1 | grep http_simple_")
        .timing(),
        Check::new(
            "http_simple_server.answers_a_crowd",
            "answers 200 clients, 20 at a time, and gives back what they used",
            |exam| answers_a_crowd(exam, probe),
        )
        .deadline(Duration::from_secs(90))
        .needs(&["http_simple_server.sends_the_page"])
        .sheet(SIMPLE)
        .hints(&[
            "What is left of a visitor when it has gone: a thread, an open socket?",
            "Every way out of a connection closes its socket and ends its thread, also that of an error.",
            "Let the thread's function own the stream and return after the response \
             (with conn in Python). A read timeout (set_read_timeout, settimeout) ends \
             the thread of a visitor who says nothing.",
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
            "Match the Err of TcpListener::bind in place of an unwrap, or catch OSError \
             around bind in Python. Print it and end with status 1.",
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
            "setsockopt(SOL_SOCKET, SO_REUSEADDR, 1), between socket and bind. \
             TcpListener::bind of Rust does that for you on Unix.",
        ])
        .by_hand("curl -v http://127.0.0.1:8000/; ss -tan | grep 8000   # then ^C, and start it again"),
        Check::new(
            "http_simple_server.ends_on_ctrl_c",
            "ends when Ctrl-C is pressed",
            |exam| common::ends_on_ctrl_c(exam, probe),
        )
        .needs(&["http_simple_server.sends_the_page"])
        .timing()
        .sheet(SIMPLE)
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("curl http://127.0.0.1:8000/   # then press ^C where the server runs"),
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
    // Browsers ask for an icon unasked: that is a request like any other.
    for (path, number) in [("/", 1), ("/favicon.ico", 2), ("/", 3)] {
        expect_number(&ask(&server, get(path))?, number)?;
    }
    Ok(())
}

fn expect_number(response: &Response, number: u64) -> Verdict {
    let got = visitor_number(response)?;
    if got == number {
        return Ok(());
    }
    let expected = format!("visitor #{number}");
    Err(Failure::new(expected, format!("visitor #{got}")).into())
}

/// What it prints is its own affair, but it is made for people (D14).
fn prints_requests_as_text(exam: &mut Exam) -> Verdict {
    /// GET as Python, Rust, Go and Node show bytes that nobody made a text of.
    const BYTES: [&str; 5] = [
        "b'GET ",
        "b\"GET ",
        "[71, 69, 84",
        "[71 69 84",
        "<Buffer 47",
    ];
    let mut server = exam.server()?;
    let target = format!("/{}", exam.word(6));
    ask(&server, get(&target))?;
    // At its end the last of it comes out of its buffers. It may have said nothing.
    server.interrupt();
    let _ = server.wait_for_output(&target);
    let printed = server.printed();
    let Some(line) = printed
        .lines()
        .find(|line| BYTES.iter().any(|bytes| line.contains(bytes)))
    else {
        return Ok(());
    };
    let expected = format!("a line like GET {target} HTTP/1.1, or none");
    let got: String = line.chars().take(200).collect();
    Err(Failure::new(expected, got)
        .cause("the bytes are printed, not the text that they stand for")
        .into())
}

fn counts_every_method(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    expect_number(&ask(&server, post)?, 1)?;
    expect_number(&ask(&server, get("/"))?, 2)?;
    // It has no page that could show its number.
    ask(&server, get("/").replacen("GET", "HEAD", 1))?;
    expect_number(&ask(&server, get("/"))?, 4)
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
    client.patience(Duration::from_secs(10));
    client.send(get("/"))?;
    read_response(&mut client, false)?;
    expect_nothing_more(&mut client)
}

fn closes_or_reads_on(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.patience(Duration::from_secs(10));
    client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    read_response(&mut client, false)?.expect_status(&[200])?;
    client.read_to_end().map_err(common::likely(
        "it waits until the client closes, and the client waits for it: end the sending \
         side after the page",
    ))?;
    let mut client = server.connect()?;
    client.patience(Duration::from_secs(10));
    client.send(get("/"))?;
    read_response(&mut client, false)?.expect_status(&[200])?;
    client.send_anyway(get("/again"));
    match next_response(&mut client) {
        Ok(Some(response)) => response.expect_status(&[200]),
        Ok(None) => Ok(()),
        Err(Stop::Failed(failure)) => {
            let expected = "a response to the second request, or the end";
            Err(Failure::new(expected, failure.got.clone())
                .cause("it has not said Connection: close, and reads no second request")
                .into())
        }
        Err(error) => Err(error),
    }
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
    client.send("lo HTTP/1.1\r\nHost: x\r\n")?;
    client.expect_silence(Duration::from_millis(300))?;
    client.send("\r\n")?;
    read_response(&mut client, false)?.expect_status(&[200])?;
    let mut client = server.connect()?;
    client.send_bytewise(get("/").as_bytes(), Duration::from_millis(1))?;
    read_response(&mut client, false)?.expect_status(&[200])
}
