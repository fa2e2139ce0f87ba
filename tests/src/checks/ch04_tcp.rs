//! Chapter 4: what the counting server, the echo server and their clients must do.

use std::net::{IpAddr, Ipv4Addr};
use std::thread;

use super::common;
use crate::harness::prelude::*;

const START: &str = "labs/04_tcp.md#step-1-start-the-server";
const CONNECT: &str = "labs/04_tcp.md#step-2-connect-a-client";
const ECHO: &str = "labs/04_tcp.md#step-5-every-byte-back";
const WRONG: &str = "labs/04_tcp.md#what-goes-wrong-and-why";

/// The checks of chapter 4.
pub fn checks() -> Vec<Check> {
    let mut checks = tcp_server();
    checks.extend(tcp_client());
    checks.extend(echo_server());
    checks.extend(echo_client());
    checks
}

pub(super) const HINTS_LISTENS: &[&str] = &[
    "A server first asks the kernel for a port: which call does that?",
    "Bind a TcpListener to the host and port of the arguments, not to a fixed text.",
    "TcpListener::bind((host, port)) does it all in Rust. In Python it is socket, then \
     bind((host, port)), then listen, with the values that your program was started \
     with.",
];
const HINTS_ANSWERS: &[&str] = &[
    "Does your server wait for something that never comes: a line end, the end of the stream?",
    "One read returns what has arrived. The client sends no line end, and it stays.",
    "Compare your answer with the sheet byte by byte: no line end, no other words.",
];
pub(super) const HINTS_SEVERAL: &[&str] = &[
    "What does your program do after its first client?",
    "accept() returns one client. Where is your loop?",
    "Put accept and the conversation into a loop: for stream in listener.incoming(), or \
     while True around accept() in Python. What goes wrong with one client is printed, \
     and the loop goes on.",
];
const HINTS_NUMBERS: &[&str] = &[
    "Where does the number live so that it outlasts one client?",
    "Count in the accept loop, starting at 1, before the message is read.",
    "Set a variable to 0 in front of the loop, and add 1 right after each accept. Its \
     value goes into the answer behind the #.",
];
const HINTS_CROWD: &[&str] = &[
    "Who reads the number, who raises it, and can two do both at the same time?",
    "Raise the number and keep the new value in one step, in the loop that accepts.",
    "Add 1 right after accept and give the conversation a copy of the number. If several \
     threads count, it takes AtomicUsize::fetch_add in Rust, or a Lock around the += in \
     Python.",
];
const HINTS_CLOSES: &[&str] = &[
    "Who closes the connection after the answer?",
    "In Rust a TcpStream is closed when its variable goes out of scope.",
    "Let the function that serves a client own the stream and return after the answer, \
     or call drop(stream). In Python call close(), or use with on the connection.",
];
pub(super) const HINTS_LINES: &[&str] = &[
    "Compare your output with the sheet, word by word.",
    "Print the message as text: decode the bytes, do not print the list of numbers.",
    "String::from_utf8_lossy(&buf[..len]) makes the text, \
     data.decode(errors=\"replace\") in Python. The peer's address comes with accept.",
];
pub(super) const HINTS_IN_USE: &[&str] = &[
    "Start your server twice. What does the second one say, and what is its exit status?",
    "bind returns an error: report it in one line and end with a status that is not 0.",
    "Match the Err of TcpListener::bind in place of an unwrap, or catch OSError around \
     bind in Python. Print it and end with status 1.",
];
pub(super) const HINTS_SURVIVES: &[&str] = &[
    "A client may vanish at any moment, and may send any bytes.",
    "An error of one client ends that client's conversation, never the server.",
    "Look for every unwrap, expect and ? (or uncaught exception) between accept and close.",
];
pub(super) const HINTS_RESTART: &[&str] = &[
    "Who closed the connection first? That side keeps the port for a minute (TIME_WAIT).",
    "One socket option allows a server to take its port back. Rust's TcpListener sets it.",
    "Call setsockopt(SOL_SOCKET, SO_REUSEADDR, 1) between socket and bind. Python's \
     socket.create_server does that for you on Unix.",
];
pub(super) const HINTS_END: &[&str] = &[
    "What does read return when the client has closed its side?",
    "A read of 0 bytes is the end of the stream: leave the loop.",
    "Look at the result of read before you use it: Ok(0) in Rust, b\"\" from recv in \
     Python. Then read no more, and close the stream.",
];
pub(super) const HINTS_ECHO: &[&str] = &[
    "What is sent is what was received: the same bytes, in the same order.",
    "Do you decode, trim or split the bytes before you send them back? Leave them alone.",
    "Send the slice that read has filled, as long as the number that read has returned.",
];
const HINTS_PART: &[&str] = &[
    "How many bytes does one write take when the client does not read?",
    "write may take only a part of your bytes. Which call repeats it for the rest?",
    "Use write_all in place of write, sendall in place of Python's send.",
];
const HINTS_CTRL_C: &[&str] = &[
    "What happens to your program between Ctrl-C and its end?",
    "Watch for the signal, print the line, return from main: the kernel closes the sockets.",
    "Let a thread of its own accept while main waits for the signal (a crate such as \
     ctrlc), or catch KeyboardInterrupt in Python. Then print Server shutting down and \
     return from main with status 0.",
];
pub(super) const HINTS_SENDS: &[&str] = &[
    "Which bytes exactly leave your program? Look with: nc -l PORT | xxd",
    "Send the text as it is, without a line end, in one write_all.",
    "stream.write_all(b\"…\") with the bytes that the sheet shows, and no more; in \
     Python sock.sendall(b\"…\"). Connect to the host and port of the arguments before.",
];
pub(super) const HINTS_PRINTS: &[&str] = &[
    "What does read give you, and what does a person want to see?",
    "Only the bytes that read has filled count. Decode them and print them as text.",
    "read waits until something comes. Print String::from_utf8_lossy(&buf[..len]), or \
     data.decode(errors=\"replace\") in Python: neither fails on bytes that are no text.",
];
const HINTS_THE_REST: &[&str] = &[
    "How many bytes have you sent, and how many of them has your read returned?",
    "One read returns what is there. What went out in one write may come back in two \
     pieces, a moment apart.",
    "Read in a loop until as many bytes are back as you have sent, or until a read \
     returns 0 bytes: while len(reply) < len(message) around recv in Python.",
];
pub(super) const HINTS_REFUSED: &[&str] = &[
    "Start your client without a server. What would a user want to read?",
    "connect returns an error: print it in one line instead of unwrap.",
    "Match the Err of TcpStream::connect and print it with eprintln!, or catch \
     ConnectionRefusedError around Python's connect. Then return with status 1.",
];

fn tcp_server() -> Vec<Check> {
    let listens: &[&str] = &["tcp_server.listens"];
    let answers: &[&str] = &["tcp_server.answers_a_message"];
    let several: &[&str] = &["tcp_server.serves_one_after_another"];
    let hello = "printf hello | nc 127.0.0.1 8080";
    vec![
        Check::new(
            "tcp_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(START)
        .hints(HINTS_LISTENS)
        .by_hand("ss -tln | grep 8080"),
        Check::new(
            "tcp_server.answers_a_message",
            "answers a message while the connection stays open, byte by byte as the sheet says",
            answers_a_message,
        )
        .needs(listens)
        .points(2)
        .sheet(CONNECT)
        .hints(HINTS_ANSWERS)
        .by_hand(hello),
        Check::new(
            "tcp_server.closes_after_the_answer",
            "closes the connection after its answer",
            |exam| {
                // What fills a buffer of 1024 bytes, and what does not fit into it, is a
                // message as well; a reset is an end where some of it is unread (F17).
                for len in [8, 1024, 3000] {
                    let server = exam.server()?;
                    let mut client = server.connect()?;
                    client.send(exam.word(len))?;
                    let answered = client.expect("Hello! You are connection #");
                    answered.map_err(|stop| match stop {
                        Stop::Failed(failure) if len >= 1024 => {
                            failure.cause(NO_ROOM).into()
                        }
                        other => other,
                    })?;
                    client.read_to_end()?;
                }
                Ok(())
            },
        )
        .deadline(Duration::from_secs(60)) // it starts several times
        .needs(answers)
        .sheet(CONNECT)
        .hints(HINTS_CLOSES)
        .by_hand(hello),
        Check::new(
            "tcp_server.serves_one_after_another",
            "serves one client after another",
            |exam| common::serves_several(exam, greeted),
        )
        .needs(answers)
        .sheet(CONNECT)
        .hints(HINTS_SEVERAL)
        .by_hand(hello),
        Check::new(
            "tcp_server.numbers_each_connection",
            "numbers each connection, starting at 1",
            numbers_each_connection,
        )
        .needs(several)
        .points(2)
        .sheet(CONNECT)
        .hints(HINTS_NUMBERS)
        .by_hand(hello),
        Check::new(
            "tcp_server.numbers_a_crowd",
            "gives 100 clients, up to 20 at a time, the numbers 1 to 100, each once",
            numbers_a_crowd,
        )
        .needs(&["tcp_server.numbers_each_connection"])
        .deadline(Duration::from_secs(120))
        .sheet(CONNECT)
        .hints(HINTS_CROWD)
        .by_hand("for i in $(seq 100); do printf hello | nc 127.0.0.1 8080 & done; wait"),
        Check::new(
            "tcp_server.waits_for_the_message",
            "says nothing before it has the client's message",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                client.expect_silence(Duration::from_millis(300))?;
                client.send(exam.word(8))?;
                client.expect("Hello! You are connection #")
            },
        )
        .needs(answers)
        .sheet(CONNECT)
        .hints(&[
            "Who speaks first on this sheet, the client or the server?",
            "The greeting is the answer to a message: read, then write.",
            "Move write_all (sendall) behind the read (recv) that returns the message.",
        ])
        .by_hand("nc 127.0.0.1 8080, and type nothing"),
        Check::new(
            "tcp_server.prints_what_happens",
            "prints each connection with its number and peer, and each message as text",
            |exam| {
                let mut server = exam.server()?;
                let mut client = server.connect()?;
                let (peer, word) = (client.local_addr()?, exam.word(8));
                let text = format!("{word} é {}", common::PERCENTS);
                client.send(&text)?;
                client.expect("Hello! You are connection #1")?;
                server.wait_for_output("Connection #1 from ")?;
                let port = peer.port().to_string();
                let shows_peer = format!("it prints the peer, {peer}");
                server.wait_for_printed(&shows_peer, |printed| printed.contains(&port))?;
                common::prints_line_end(&mut server, &format!("Received: {text}"))?;
                drop(client);
                // A shorter one: nothing of the first may be left behind it.
                let word = exam.word(4);
                greeted(&server, &word)?;
                common::prints_line_end(&mut server, &format!("Received: {word}"))
            },
        )
        .needs(&["tcp_server.numbers_each_connection"])
        .sheet(CONNECT)
        .hints(HINTS_LINES)
        .by_hand(hello),
        Check::new(
            "tcp_server.survives_invalid_utf8",
            "survives bytes that are no UTF-8, and keeps nobody waiting who sends them",
            |exam| common::answers_invalid_utf8(exam, greeted),
        )
        .needs(several)
        .sheet(WRONG)
        .hints(HINTS_SURVIVES)
        .by_hand("printf '\\377\\376' | nc 127.0.0.1 8080"),
        Check::new(
            "tcp_server.survives_a_silent_visit",
            "survives a client that connects and leaves without a word",
            |exam| common::survives_silent_visits(exam, greeted),
        )
        .needs(several)
        .sheet(WRONG)
        .hints(HINTS_END)
        .by_hand("nc -z 127.0.0.1 8080"),
        Check::new(
            "tcp_server.survives_resets",
            "survives clients that reset their connection",
            |exam| common::survives_many_resets(exam, greeted),
        )
        .needs(several)
        .sheet(WRONG)
        .hints(HINTS_SURVIVES)
        .by_hand(r#"python3 -c "from socket import *; s = create_connection(('127.0.0.1', 8080)); s.setsockopt(SOL_SOCKET, SO_LINGER, b'\1\0\0\0' + bytes(4)); s.send(b'hi')""#),
        Check::new(
            "tcp_server.counts_every_connection",
            "counts a connection that says nothing, and one whose bytes are no text",
            counts_every_connection,
        )
        .needs(&[
            "tcp_server.numbers_each_connection",
            "tcp_server.survives_invalid_utf8",
            "tcp_server.survives_a_silent_visit",
        ])
        .sheet(CONNECT)
        .hints(&[
            "What is counted: what clients say, or that they came?",
            "accept() has returned: that is a connection, whatever comes of it.",
            "Raise the number right after accept(), before you read or decode anything.",
        ])
        .by_hand("nc -z 127.0.0.1 8080; printf hello | nc 127.0.0.1 8080"),
        Check::new(
            "tcp_server.notices_the_end_of_a_client",
            "rests when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, greeted),
        )
        .needs(several)
        .timing()
        .sheet(WRONG)
        .hints(HINTS_END)
        .by_hand("top, while nobody is connected"),
        Check::new(
            "tcp_server.reports_a_port_in_use",
            "says that its port is in use and ends with a status that is not 0",
            common::reports_a_port_in_use,
        )
        .needs(listens)
        .sheet(WRONG)
        .hints(HINTS_IN_USE)
        .by_hand("start the server in two terminals, then: echo $?"),
        Check::new(
            "tcp_server.restarts_at_once",
            "listens on the same port again at once after a stop",
            |exam| common::restarts_at_once(exam, greeted),
        )
        .needs(several)
        .sheet(WRONG)
        .hints(HINTS_RESTART)
        .by_hand("printf hello | nc 127.0.0.1 8080, press Ctrl-C in the server's terminal, start it again"),
        Check::new(
            "tcp_server.takes_any_message",
            "answers blanks, line ends and words such as quit like any other message",
            |exam| {
                let server = exam.server()?;
                for message in common::messages_like_any_other(exam) {
                    let greeted = greeted(&server, &message);
                    greeted.map_err(common::because(common::TAKEN_FOR_AN_END))?;
                }
                Ok(())
            },
        )
        .needs(several)
        .sheet(CONNECT)
        .hints(common::HINTS_ANY_MESSAGE)
        .by_hand("printf '  ' | nc 127.0.0.1 8080"),
        Check::new(
            "tcp_server.ends_on_ctrl_c",
            "ends on Ctrl-C when its clients have left",
            |exam| common::ends_on_ctrl_c(exam, greeted),
        )
        .needs(answers)
        .timing()
        .sheet(WRONG)
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("press Ctrl-C in the server's terminal"),
    ]
}

/// Another machine's address, as far as a server can tell.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// What is behind a long message that is not answered as a short one is.
const NO_ROOM: &str = "a message that fills the buffer, or more, harms it: a zero byte \
                       behind the text needs a place of its own, and read must be told \
                       how many bytes there is room for";

/// One client's visit: a message, an answer that begins as it should.
fn greeted(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send(word)?;
    client.expect("Hello! You are connection #")?;
    // A socket that is closed with unread bytes sends a reset: that is another visit.
    client.read_some(Duration::from_millis(500));
    Ok(())
}

fn answers_a_message(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.send(exam.word(8))?;
    // The connection is still open on our side: an answer that waits for its end, or for
    // a line end, never comes. Which number it says is another check's business.
    client.expect("Hello! You are connection #")?;
    // It may come in a write of its own, a moment later.
    let rest = client.read_some(Duration::from_millis(800));
    if !rest.is_empty() && rest.iter().all(u8::is_ascii_digit) {
        return Ok(());
    }
    Err(Failure::bytes(b"1", &rest)
        .cause(
            "after the # stands the number, and nothing follows it, not even a line end",
        )
        .into())
}

fn numbers_each_connection(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for number in 1..=3 {
        let mut client = server.connect()?;
        client.send(exam.word(8))?;
        client.expect(format!("Hello! You are connection #{number}"))?;
        client.read_some(Duration::from_millis(100));
    }
    let Some(mut client) = server.connect_from(ELSEWHERE)? else {
        return Ok(());
    };
    client.send(exam.word(8))?;
    let numbered = client.expect("Hello! You are connection #4");
    numbered.map_err(common::likely(
        "this client comes from another address: all clients share one count",
    ))
}

fn counts_every_connection(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    drop(server.connect()?);
    let mut odd = server.connect()?;
    odd.send(b"\xff\xfe\x80")?;
    odd.read_some(Duration::from_millis(300));
    drop(odd);
    let mut client = server.connect()?;
    client.send(exam.word(8))?;
    client.expect("Hello! You are connection #3")
}

fn numbers_a_crowd(exam: &mut Exam) -> Verdict {
    const CROWD: usize = 100;
    let server = &exam.server()?;
    let words: Vec<String> = (0..CROWD).map(|_| exam.word(8)).collect();
    let mut at_once = 20;
    let mut numbers = Vec::new();
    while numbers.len() < CROWD {
        // They call one after another and speak all at once. Whom the kernel turns away
        // since the backlog is full (it may be as short as 1, F23) comes with a later lot.
        let mut lot = vec![server.connect()?];
        while lot.len() < at_once.min(CROWD - numbers.len()) {
            match server.connect_if_there_is_room()? {
                Some(client) => lot.push(client),
                None => at_once = lot.len(),
            }
        }
        let words = words.iter().skip(numbers.len());
        let some = thread::scope(|scope| {
            let clients: Vec<_> = lot
                .into_iter()
                .zip(words)
                .map(|(client, word)| scope.spawn(|| number_of(client, word)))
                .collect();
            let crashed = || Stop::Error("a client thread of the check panicked".into());
            clients
                .into_iter()
                .map(|client| client.join().map_err(|_| crashed())?)
                .collect::<Result<Vec<usize>, Stop>>()
        })?;
        numbers.extend(some);
    }
    numbers.sort_unstable();
    if numbers.iter().copied().eq(1..=CROWD) {
        return Ok(());
    }
    let expected = format!("the numbers 1 to {CROWD}, each once");
    Err(Failure::new(expected, format!("{numbers:?}"))
        .cause("the number is not raised and read in one step, for each connection once")
        .into())
}

/// Returns the number that one client is told.
fn number_of(mut client: Conn, word: &str) -> Result<usize, Stop> {
    // Nineteen may be served before it, each of them late (F30).
    client.patience(Duration::from_secs(40));
    client.send(word)?;
    client.expect("Hello! You are connection #")?;
    // Its turn has come, so the end is near: nobody waits long for who keeps it open.
    client.patience(Duration::from_secs(10));
    let digits = client.read_to_end()?;
    let number = String::from_utf8_lossy(&digits).parse();
    number.map_err(|_| Failure::bytes(b"1", &digits).into())
}

fn tcp_client() -> Vec<Check> {
    let sends: &[&str] = &["tcp_client.sends_its_message"];
    vec![
        Check::new(
            "tcp_client.sends_its_message",
            "connects to the host and port that it is given and sends exactly its message",
            |exam| client_sends(exam, "Hello from client!"),
        )
        .points(2)
        .sheet(CONNECT)
        .hints(HINTS_SENDS)
        .by_hand("nc -l 8080 | xxd"),
        Check::new(
            "tcp_client.prints_the_reply",
            "prints Received: and the reply, and ends with status 0",
            |exam| client_prints(exam, &["Received: REPLY"]),
        )
        .needs(sends)
        .points(2)
        .sheet(CONNECT)
        .hints(HINTS_PRINTS)
        .by_hand("printf 'Hi!' | nc -l 8080"),
        Check::new(
            "tcp_client.waits_for_the_reply",
            "waits for a server that takes two seconds to reply",
            |exam| client_waits(exam, "REPLY"),
        )
        .needs(&["tcp_client.prints_the_reply"])
        .sheet(CONNECT)
        .hints(HINTS_PRINTS)
        .by_hand("(sleep 2; printf 'Hi!') | nc -l 8080"),
        Check::new(
            "tcp_client.ends_without_a_reply",
            "ends without a crash when the server closes without a reply",
            client_ends_without_a_reply,
        )
        .needs(sends)
        .sheet(WRONG)
        .hints(HINTS_END)
        .by_hand("nc -l -N 8080 < /dev/null"),
        Check::new(
            "tcp_client.survives_invalid_utf8",
            "ends without a crash when the reply is no UTF-8",
            client_survives_invalid_utf8,
        )
        .needs(sends)
        .sheet(WRONG)
        .hints(HINTS_PRINTS)
        .by_hand("printf '\\377\\376' | nc -l 8080"),
        Check::new(
            "tcp_client.reports_a_refused_connection",
            "says that nobody listens, without a panic",
            common::reports_a_refused_connection,
        )
        .sheet(WRONG)
        .hints(HINTS_REFUSED)
        .by_hand("start the client without a server"),
    ]
}

/// The client sends exactly these bytes, and no more.
pub(super) fn client_sends(exam: &mut Exam, message: &str) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    client.close_stdin();
    let mut conn = listener.accept()?;
    conn.expect(message)?;
    let more = conn.read_some(Duration::from_millis(300));
    if !more.is_empty() {
        let got = [message.as_bytes(), &more].concat();
        return Err(Failure::bytes(message.as_bytes(), &got).into());
    }
    conn.send_anyway(exam.word(message.len()));
    conn.half_close();
    let more = conn.read_some(Duration::from_secs(1));
    if !more.is_empty() {
        let got = [message.as_bytes(), &more].concat();
        return Err(Failure::bytes(message.as_bytes(), &got)
            .cause("it sends more when it has the reply")
            .into());
    }
    client_finds_another_host(exam)
}

/// The client connects to the host that it is told, and not always to 127.0.0.1 (D12).
fn client_finds_another_host(exam: &mut Exam) -> Verdict {
    // Only on Linux all of 127.0.0.0/8 is this machine without any settings.
    if !cfg!(target_os = "linux") || !exam.is_told_the_host() {
        return Ok(());
    }
    let rng = exam.rng();
    let host = format!("127.{}.{}.{}", rng.u8(1..), rng.u8(1..), rng.u8(2..255));
    let Ok(listener) = exam.listener_on(&host) else {
        exam.note("this machine has no address but 127.0.0.1");
        return Ok(());
    };
    let mut client = exam.client(listener.addr())?;
    client.close_stdin();
    listener.accept().map(drop).map_err(common::because(format!(
        "it is told the host {host} here, and connects to another one: take the \
                 host from the arguments, as the port"
    )))
}

/// The client prints the reply in one of these forms, in which `REPLY` stands for it, and
/// ends with status 0.
fn client_prints(exam: &mut Exam, forms: &[&str]) -> Verdict {
    prints_the_reply(exam, forms, "", true)
}

/// As `client_prints`, with this before the reply; and the server stays: it waits for
/// the next message, or for the client's end.
pub(super) fn client_prints_and_leaves(
    exam: &mut Exam,
    forms: &[&str],
    prefix: &str,
) -> Verdict {
    prints_the_reply(exam, forms, prefix, false)
}

/// Longer than `tcp_server`'s answer with any number, and short enough for a small buffer.
const LONG_REPLY: usize = 60;

fn prints_the_reply(
    exam: &mut Exam,
    forms: &[&str],
    prefix: &str,
    server_ends: bool,
) -> Verdict {
    for extra in ["", " é"] {
        let listener = exam.listener()?;
        let mut client = exam.client(listener.addr())?;
        client.close_stdin();
        let mut conn = listener.accept()?;
        let sent = take_message(&mut conn)?;
        let len = if server_ends { LONG_REPLY } else { sent };
        let reply = format!("{prefix}{}{extra}", exam.word(len - extra.len()));
        conn.send(&reply)?;
        if server_ends {
            conn.half_close();
        }
        let wanted: Vec<String> = forms
            .iter()
            .map(|form| form.replace("REPLY", &reply))
            .collect();
        let expected = format!("a line {}", wanted.join(" or "));
        client.wait_for_printed(&expected, |printed| {
            wanted.iter().any(|text| printed.contains(text))
        })?;
        client.expect_exit(0)?;
    }
    Ok(())
}

/// The client is still there for a reply that comes after two seconds.
pub(super) fn client_waits(exam: &mut Exam, form: &str) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    client.close_stdin();
    let mut conn = listener.accept()?;
    let len = take_message(&mut conn)?;
    conn.read_some(Duration::from_secs(2));
    let reply = exam.word(len);
    conn.send(&reply)?;
    conn.half_close();
    client.wait_for_output(&form.replace("REPLY", &reply))
}

/// The reply comes in two pieces: TCP keeps no message together.
fn client_waits_for_the_rest(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    client.close_stdin();
    let mut conn = listener.accept()?;
    let len = take_message(&mut conn)?;
    let (first, rest) = (exam.word(len / 2), exam.word(len - len / 2));
    conn.send(&first)?;
    conn.read_some(Duration::from_millis(200));
    conn.send_anyway(&rest);
    conn.half_close();
    client
        .wait_for_output(&format!("{first}{rest}"))
        .map_err(common::likely(
            "it is content with one read: the rest of the reply comes a moment later",
        ))
}

/// The server takes the message and closes, or resets: the client ends, in whatever words.
pub(super) fn client_ends_without_a_reply(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    client.close_stdin();
    let mut conn = listener.accept()?;
    take_message(&mut conn)?;
    conn.half_close();
    client.wait_exit(Duration::from_secs(5))?;
    client.expect_no_crash()?;

    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    client.close_stdin();
    let mut conn = listener.accept()?;
    take_message(&mut conn)?;
    conn.reset();
    client.wait_exit(Duration::from_secs(5))?;
    let cause = "a server that crashes resets the connection: read fails then, in place \
                 of returning 0 bytes, and its error is not handled";
    client.expect_no_crash().map_err(common::because(cause))
}

/// Takes what the client sends: what it is, is another check's business. Whoever sends
/// in pieces may not be done yet, so the connection is half closed afterwards, not
/// dropped: that would be a reset, which may cost the client the reply.
///
/// Returns its length: the reply has the same, since echo_client may count what comes back
/// (and at least 8 bytes, so that it cannot be guessed).
fn take_message(conn: &mut Conn) -> Result<usize, Stop> {
    conn.read_exactly(1)?;
    let rest = conn.read_some(Duration::from_millis(200));
    Ok((1 + rest.len()).max(8))
}

/// The reply is not UTF-8: the client ends, in whatever words.
pub(super) fn client_survives_invalid_utf8(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    client.close_stdin();
    let mut conn = listener.accept()?;
    take_message(&mut conn)?;
    conn.send([b"\xff\xfe".as_slice(), exam.word(20).as_bytes()].concat())?;
    conn.half_close();
    client.wait_exit(Duration::from_secs(5))?;
    client.expect_no_crash()
}

fn echo_server() -> Vec<Check> {
    let listens: &[&str] = &["echo_server.listens"];
    let echoes: &[&str] = &["echo_server.sends_every_byte_back"];
    let several: &[&str] = &["echo_server.serves_one_after_another"];
    let hello = "printf hello | nc 127.0.0.1 65432";
    vec![
        Check::new(
            "echo_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(ECHO)
        .hints(HINTS_LISTENS)
        .by_hand("ss -tln | grep 65432"),
        Check::new(
            "echo_server.sends_every_byte_back",
            "sends a message back unchanged, while the connection stays open",
            |exam| echoes_unchanged(exam, ""),
        )
        .needs(listens)
        .points(2)
        .sheet(ECHO)
        .hints(HINTS_ECHO)
        .by_hand(hello),
        Check::new(
            "echo_server.goes_on_until_the_client_ends",
            "goes on with the same client, message after message, until it ends its side",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                // A conversation may begin with a blank line.
                client.send("\n")?;
                client.expect("\n")?;
                for len in [1, 9, 300] {
                    let word = exam.word(len);
                    client.send(&word)?;
                    client.expect(word)?;
                }
                for message in common::messages_like_any_other(exam) {
                    client.send(&message)?;
                    client.expect(message)?;
                }
                let last = exam.word(20);
                client.send(&last)?;
                client.half_close();
                client.expect(last)?;
                client.expect_end()
            },
        )
        .needs(echoes)
        .points(2)
        .sheet(ECHO)
        .hints(&[
            "What does your server do after the first message of a client?",
            "Read and write in a loop that ends when read returns 0 bytes.",
            "In Rust: loop, read, break at Ok(0), write_all(&buf[..len]). In Python: \
             while data := conn.recv(1024), then conn.sendall(data).",
        ])
        .by_hand("nc 127.0.0.1 65432, then type several lines"),
        Check::new(
            "echo_server.serves_one_after_another",
            "serves one client after another",
            |exam| common::serves_several(exam, echoed),
        )
        .needs(echoes)
        .sheet(ECHO)
        .hints(HINTS_SEVERAL)
        .by_hand(hello),
        Check::new(
            "echo_server.echoes_any_bytes",
            "sends zero bytes, control characters and long texts back unchanged",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                let (first, last) = (exam.word(200), exam.word(200));
                let text = format!("\0{first}\r\n\t\x1b\n\n\0\r日本\x7f{last}\r\n\0");
                client.send(&text)?;
                client.expect(&text)?;
                let text = text_that_reads_cut(exam, 1000);
                client.send(&text)?;
                client.expect(&text).map_err(common::likely(CUT_CHARACTER))?;
                echoes_full_buffers(exam, &mut client)
            },
        )
        .needs(echoes)
        .sheet(ECHO)
        .hints(HINTS_ECHO)
        .by_hand("printf 'a\\0b\\r\\n' | nc -N 127.0.0.1 65432 | xxd"),
        Check::new(
            "echo_server.survives_invalid_utf8",
            "survives bytes that are no UTF-8",
            |exam| common::survives_invalid_utf8(exam, echoed),
        )
        .needs(several)
        .sheet(WRONG)
        .hints(HINTS_SURVIVES)
        .by_hand("printf '\\377\\376' | nc -N 127.0.0.1 65432 | xxd"),
        Check::new(
            "echo_server.echoes_eight_megabytes",
            "sends all of 8 MB back to a client that reads late",
            echoes_eight_megabytes,
        )
        .needs(echoes)
        .deadline(Duration::from_secs(60))
        .sheet(ECHO)
        .hints(HINTS_PART)
        .by_hand("head -c 8000000 /dev/urandom > a; nc -N 127.0.0.1 65432 < a | cmp - a"),
        Check::new(
            "echo_server.prints_what_happens",
            "prints who connects, what is received as text, and who has gone",
            |exam| {
                let mut server = exam.server()?;
                let mut client = server.connect()?;
                let (peer, word) = (client.local_addr()?, exam.word(8));
                let text = format!("{word} é {}", common::PERCENTS);
                client.send(&text)?;
                client.expect(&text)?;
                // A shorter one: nothing of the first may be left behind it. Whether it is
                // answered is another check's business.
                let short = exam.word(4);
                client.send_anyway(&short);
                let goes_on = client.expect(&short).is_ok();
                drop(client);
                server.wait_for_output("Connected by ")?;
                server.wait_for_output(&peer.port().to_string())?;
                common::prints_line_end(&mut server, &format!("Received: {text}"))?;
                if goes_on {
                    common::prints_line_end(&mut server, &format!("Received: {short}"))?;
                }
                server.wait_for_output("Connection closed with ")
            },
        )
        .needs(echoes)
        .sheet(ECHO)
        .hints(HINTS_LINES)
        .by_hand(hello),
        Check::new(
            "echo_server.survives_a_silent_visit",
            "survives a client that connects and leaves without a word",
            |exam| common::survives_silent_visits(exam, echoed),
        )
        .needs(several)
        .sheet(WRONG)
        .hints(HINTS_END)
        .by_hand("nc -z 127.0.0.1 65432"),
        Check::new(
            "echo_server.survives_resets",
            "survives clients that reset their connection",
            |exam| common::survives_many_resets(exam, echoed),
        )
        .needs(several)
        .sheet(WRONG)
        .hints(HINTS_SURVIVES)
        .by_hand(r#"python3 -c "from socket import *; s = create_connection(('127.0.0.1', 65432)); s.setsockopt(SOL_SOCKET, SO_LINGER, b'\1\0\0\0' + bytes(4)); s.send(b'hi')""#),
        Check::new(
            "echo_server.notices_the_end_of_a_client",
            "rests when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, echoed),
        )
        .needs(echoes)
        .timing()
        .sheet(WRONG)
        .hints(HINTS_END)
        .by_hand("top, while nobody is connected"),
        Check::new(
            "echo_server.shuts_down_on_ctrl_c",
            "prints Server shutting down on Ctrl-C and ends with status 0 within 3 seconds",
            |exam| {
                // Whether it echoes is another check.
                let unasked = |_: &Program, _: &str| Ok(());
                common::shuts_down_on_ctrl_c(exam, "Server shutting down", unasked)
            },
        )
        .needs(listens)
        .timing()
        .sheet(WRONG)
        .hints(HINTS_CTRL_C)
        .by_hand("press Ctrl-C in the server's terminal, then: echo $?"),
        Check::new(
            "echo_server.reports_a_port_in_use",
            "says that its port is in use and ends with a status that is not 0",
            common::reports_a_port_in_use,
        )
        .needs(listens)
        .sheet(WRONG)
        .hints(HINTS_IN_USE)
        .by_hand("start the server in two terminals, then: echo $?"),
        Check::new(
            "echo_server.restarts_at_once",
            "listens on the same port again at once after a stop",
            |exam| common::restarts_at_once(exam, echoed),
        )
        .needs(several)
        .sheet(WRONG)
        .hints(HINTS_RESTART)
        .by_hand("printf hello | nc 127.0.0.1 65432, press Ctrl-C in the server's terminal, start it again"),
    ]
}

/// One client's visit: a message and its echo.
fn echoed(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send(word)?;
    client.expect(word)
}

/// A message that fills a buffer comes back although nothing follows it (A2).
pub(super) fn echoes_full_buffers(exam: &mut Exam, client: &mut Conn) -> Verdict {
    for len in [512, 1024, 2048, 4096] {
        let text = exam.word(len);
        client.send(&text)?;
        client.expect(&text).map_err(common::likely(
            "a message that fills the buffer is taken for the first part of a longer one",
        ))?;
    }
    Ok(())
}

/// Letters of three bytes each, so that a read of 1024 bytes ends within one.
pub(super) fn text_that_reads_cut(exam: &mut Exam, letters: usize) -> String {
    format!("{}{}", exam.word(2), "日".repeat(letters))
}

/// What is behind a long text that comes back changed.
pub(super) const CUT_CHARACTER: &str = "a read may end within a character: whoever decodes each piece and encodes it again \
     changes it. Send the bytes back as they are";

/// Text that tempts to be changed comes back as it is, behind `prefix`, and nothing after.
pub(super) fn echoes_unchanged(exam: &mut Exam, prefix: &str) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    let text = format!("  {} aB é {}  ", exam.word(6), common::PERCENTS);
    client.send(&text)?;
    let expected = format!("{prefix}{text}");
    client.expect(&expected).map_err(|stop| match stop {
        Stop::Failed(failure) if !failure.got.contains("%%") => {
            common::likely(common::TAKEN_FOR_A_FORMAT)(Stop::Failed(failure))
        }
        other => other,
    })?;
    let more = client.read_some(Duration::from_millis(200));
    if more.is_empty() {
        return Ok(());
    }
    let got = [expected.as_bytes(), &more].concat();
    Err(Failure::bytes(expected.as_bytes(), &got).into())
}

fn echoes_eight_megabytes(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    // Letters: what is done with bytes that are no text is another check's business.
    let bytes = exam.word(8_000_000).into_bytes();
    common::echoes_to_a_late_reader(exam, &server, &bytes, || Ok(()))
}

fn echo_client() -> Vec<Check> {
    let sends: &[&str] = &["echo_client.sends_its_message"];
    vec![
        Check::new(
            "echo_client.sends_its_message",
            "connects to the host and port that it is given and sends exactly its message",
            |exam| client_sends(exam, "Hello, Server!"),
        )
        .points(2)
        .sheet(ECHO)
        .hints(HINTS_SENDS)
        .by_hand("nc -l 65432 | xxd"),
        Check::new(
            "echo_client.prints_the_reply",
            "prints Received and the reply in quotes, and ends with status 0",
            |exam| {
                let forms = ["Received 'REPLY'", "Received \"REPLY\""];
                client_prints_and_leaves(exam, &forms, "")
            },
        )
        .needs(sends)
        .points(2)
        .sheet(ECHO)
        .hints(HINTS_PRINTS)
        .by_hand("printf 'Hi!' | nc -l 65432"),
        Check::new(
            "echo_client.waits_for_the_reply",
            "waits two seconds for a reply, and for the rest of one that comes in pieces",
            |exam| {
                client_waits(exam, "REPLY")?;
                client_waits_for_the_rest(exam)
            },
        )
        .needs(&["echo_client.prints_the_reply"])
        .timing()
        .sheet(ECHO)
        .hints(HINTS_THE_REST)
        .by_hand("(sleep 2; printf Hello; sleep 0.3; printf ', Server!') | nc -l 65432"),
        Check::new(
            "echo_client.ends_without_a_reply",
            "ends without a crash when the server closes without a reply",
            client_ends_without_a_reply,
        )
        .needs(sends)
        .sheet(WRONG)
        .hints(HINTS_END)
        .by_hand("nc -l -N 65432 < /dev/null"),
        Check::new(
            "echo_client.survives_invalid_utf8",
            "ends without a crash when the reply is no UTF-8",
            client_survives_invalid_utf8,
        )
        .needs(sends)
        .sheet(WRONG)
        .hints(HINTS_PRINTS)
        .by_hand("printf '\\377\\376' | nc -l 65432"),
        Check::new(
            "echo_client.reports_a_refused_connection",
            "says that nobody listens, without a panic",
            common::reports_a_refused_connection,
        )
        .sheet(WRONG)
        .hints(HINTS_REFUSED)
        .by_hand("start the client without a server"),
    ]
}
