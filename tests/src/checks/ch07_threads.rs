//! Chapter 7: what the threaded server and its client must do.

use std::net::SocketAddr;
use std::thread;

use super::ch04_tcp::{
    CUT_CHARACTER, HINTS_ECHO, HINTS_END, HINTS_IN_USE, HINTS_LINES, HINTS_LISTENS,
    HINTS_PRINTS, HINTS_REFUSED, HINTS_RESTART, HINTS_SENDS, HINTS_SURVIVES,
    client_ends_without_a_reply, client_prints_and_leaves, client_sends,
    client_survives_invalid_utf8, client_waits, echoes_unchanged, text_that_reads_cut,
};
use super::common;
use crate::harness::prelude::*;

const START: &str = "labs/07_threads.md#step-1-start-the-server";
const CONNECT: &str = "labs/07_threads.md#step-2-connect-a-client";
const AT_ONCE: &str = "labs/07_threads.md#step-3-two-clients-at-once";
const LEFT: &str = "labs/07_threads.md#step-5-watch-threads-come-and-go";
const WRONG: &str = "labs/07_threads.md#what-goes-wrong-and-why";

/// The checks of chapter 7.
pub fn checks() -> Vec<Check> {
    let mut checks = threaded_server();
    checks.extend(threaded_client());
    checks
}

const HINTS_LOOP: &[&str] = &[
    "What does the thread of a client do after its first message?",
    "Read and write in a loop that ends when read returns 0 bytes.",
    "In Rust: loop, read, break at Ok(0), write_all of Echo: and &buf[..len]. In Python: \
     while data := conn.recv(1024), then conn.sendall(b\"Echo: \" + data).",
];
const HINTS_LONG: &[&str] = &[
    "How many bytes does one read return at most, and where do the others go?",
    "Each piece that read returns is sent back behind a prefix of its own.",
    "After each read send all that it returned before you read again: write_all of Echo: \
     and &buf[..len], or conn.sendall(b\"Echo: \" + data) in Python.",
];
const HINTS_AT_ONCE: &[&str] = &[
    "Where is your program while it waits for the message of a client?",
    "The loop that accepts must be back in accept at once: who else can read?",
    "Start a thread per client and move the stream into it. Do not join it in the loop.",
];
const HINTS_WAITS: &[&str] = &[
    "What does accept do in your program while nobody comes?",
    "A time limit is for a client that has come; the listener has none.",
    "Set the limit on the stream that accept returns. In Python, settimeout on the \
     listener makes accept raise an exception: call it on conn.",
];
const HINTS_APART: &[&str] = &[
    "Which variables do the threads of two clients share?",
    "Each thread has its own stream and its own buffer, as local variables.",
    "thread::spawn(move || serve(stream)) gives each thread its stream. In Python pass \
     it with args=(conn, addr): a variable of the loop is another one after the next \
     accept.",
];
const HINTS_LEFT: &[&str] = &[
    "What is left of a client that has gone: its thread, its socket, its entry in a list?",
    "A thread ends when its function returns, a socket closes when its last owner is gone.",
    "Return from the thread's function when read returns 0 bytes or an error, and take \
     the client out of every list. Keep no clone of its stream; in Python, with conn \
     closes it.",
];

const HINTS_NO_READER: &[&str] = &[
    "Where does your program wait when a client does not take its replies?",
    "A write to a full socket waits until the other side reads. Who else waits with it?",
    "Read and write in the thread of the client only, and hold no lock while you write. \
     One loop for all clients must never wait in a write: keep what the socket does not \
     take, and go on when it is writable.",
];

fn threaded_server() -> Vec<Check> {
    let listens: &[&str] = &["threaded_server.listens"];
    let echoes: &[&str] = &["threaded_server.echoes_behind_the_prefix"];
    let at_once: &[&str] = &["threaded_server.serves_many_at_once"];
    let hello = "printf hello | nc 127.0.0.1 65432";
    vec![
        Check::new(
            "threaded_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(START)
        .hints(HINTS_LISTENS)
        .by_hand("ss -tln | grep 65432"),
        Check::new(
            "threaded_server.echoes_behind_the_prefix",
            "sends a message back unchanged behind \"Echo: \", while the connection stays open",
            |exam| echoes_unchanged(exam, "Echo: "),
        )
        .needs(listens)
        .points(2)
        .sheet(CONNECT)
        .hints(HINTS_ECHO)
        .by_hand(hello),
        Check::new(
            "threaded_server.goes_on_until_the_client_ends",
            "goes on with the same client, message after message, until it ends its side",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                for len in [1, 9, 300] {
                    let word = exam.word(len);
                    client.send(&word)?;
                    client.expect(format!("Echo: {word}"))?;
                }
                for message in common::line_ends_and_blanks(exam) {
                    client.send(&message)?;
                    client.expect(format!("Echo: {message}"))?;
                }
                // This ends a text in C, but no message.
                let zeros = format!("\0{}\0\n", exam.word(8));
                client.send(&zeros)?;
                client.expect(format!("Echo: {zeros}"))?;
                common::echoes_last_words(&mut client, "Echo: ")?;
                client.half_close();
                client.expect_end()
            },
        )
        .needs(echoes)
        .sheet(CONNECT)
        .hints(HINTS_LOOP)
        .by_hand("nc 127.0.0.1 65432, then type several lines"),
        Check::new(
            "threaded_server.echoes_long_messages",
            "loses no byte of a message of 5000 bytes, in pieces of any size",
            echoes_long_messages,
        )
        .needs(echoes)
        .deadline(Duration::from_secs(60))
        .sheet(CONNECT)
        .hints(HINTS_LONG)
        .by_hand("head -c 5000 /dev/zero | tr '\\0' a | nc -N 127.0.0.1 65432"),
        Check::new(
            "threaded_server.serves_many_at_once",
            "serves a client while another one is connected and silent",
            serves_many_at_once,
        )
        .needs(echoes)
        .points(3)
        .sheet(AT_ONCE)
        .hints(HINTS_AT_ONCE)
        .by_hand("nc 127.0.0.1 65432 in one terminal, and again in another"),
        Check::new(
            "threaded_server.waits_for_clients",
            "serves a client although nobody came for 7 s",
            waits_for_clients,
        )
        .needs(echoes)
        .timing()
        .sheet(START)
        .hints(HINTS_WAITS)
        .by_hand("sleep 7; printf hello | nc 127.0.0.1 65432"),
        Check::new(
            "threaded_server.serves_fifty_at_once",
            "keeps fifty clients apart that talk in turns, each gets its own messages back",
            serves_fifty_at_once,
        )
        .needs(at_once)
        .points(2)
        .sheet(AT_ONCE)
        .hints(HINTS_APART)
        .by_hand("for i in $(seq 50); do (echo $i; sleep 2; echo $i) | nc -N 127.0.0.1 65432 & done; wait"),
        Check::new(
            "threaded_server.answers_a_crowd",
            "answers all of 200 clients that come 20 at a time",
            |exam| common::answers_a_crowd(exam, echoed),
        )
        .needs(at_once)
        .points(2)
        .sheet(AT_ONCE)
        .hints(HINTS_LEFT)
        .by_hand("for i in $(seq 10); do for j in $(seq 20); do echo $j | nc -N 127.0.0.1 65432 & done; wait; done"),
        Check::new(
            "threaded_server.waits_for_no_reader",
            "serves a client while another one sends without a pause and reads nothing",
            |exam| {
                const LEN: usize = 8_000_000;
                let server = exam.server()?;
                let bytes = exam.word(1000).repeat(LEN / 1000);
                common::serves_beside_no_reader(exam, &server, bytes.as_bytes(), echoed)
            },
        )
        // Who mixes clients up when they talk at once has a check of its own.
        .needs(&[
            "threaded_server.serves_many_at_once",
            "threaded_server.serves_fifty_at_once",
        ])
        .timing()
        .sheet(AT_ONCE)
        .hints(HINTS_NO_READER)
        .by_hand("yes | nc 127.0.0.1 65432 | sleep 1000 in one terminal, nc 127.0.0.1 65432 in another"),
        Check::new(
            "threaded_server.prints_what_happens",
            "prints who comes, what is received as text, and who has gone",
            prints_what_happens,
        )
        .needs(echoes)
        .sheet(CONNECT)
        .hints(HINTS_LINES)
        .by_hand(hello),
        Check::new(
            "threaded_server.survives_invalid_utf8",
            "survives bytes that are no UTF-8",
            |exam| common::survives_invalid_utf8(exam, echoed),
        )
        .needs(echoes)
        .sheet(WRONG)
        .hints(HINTS_SURVIVES)
        .by_hand("printf '\\377\\376' | nc 127.0.0.1 65432"),
        Check::new(
            "threaded_server.survives_a_silent_visit",
            "survives a client that connects and leaves without a word",
            |exam| common::survives_a_silent_visit(exam, echoed),
        )
        .needs(echoes)
        .sheet(WRONG)
        .hints(HINTS_END)
        .by_hand("nc -z 127.0.0.1 65432"),
        Check::new(
            "threaded_server.survives_resets",
            "survives clients that reset their connection",
            |exam| common::survives_resets(exam, echoed),
        )
        .needs(echoes)
        .sheet(WRONG)
        .hints(HINTS_SURVIVES)
        .by_hand(r#"python3 -c "from socket import *; s = create_connection(('127.0.0.1', 65432)); s.setsockopt(SOL_SOCKET, SO_LINGER, b'\1\0\0\0' + bytes(4)); s.send(b'hi')""#),
        Check::new(
            "threaded_server.returns_what_clients_used",
            "has as many threads and open descriptors after 300 clients as before",
            |exam| common::returns_what_lost_clients_used(exam, echoed),
        )
        .needs(&[
            "threaded_server.serves_many_at_once",
            "threaded_server.answers_a_crowd",
            "threaded_server.survives_resets",
        ])
        .deadline(Duration::from_secs(60))
        .sheet(LEFT)
        .hints(HINTS_LEFT)
        .by_hand("ls /proc/$(pgrep -n threaded_server)/fd | wc -l"),
        Check::new(
            "threaded_server.notices_the_end_of_a_client",
            "rests when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, echoed),
        )
        .needs(echoes)
        .timing()
        .sheet(WRONG)
        .hints(HINTS_END)
        .by_hand("top, while nobody is connected"),
        Check::new(
            "threaded_server.reports_a_port_in_use",
            "says that its port is in use and ends with a status that is not 0",
            common::reports_a_port_in_use,
        )
        .needs(listens)
        .sheet(WRONG)
        .hints(HINTS_IN_USE)
        .by_hand("start the server in two terminals, then: echo $?"),
        Check::new(
            "threaded_server.restarts_at_once",
            "listens on the same port again at once after a stop",
            |exam| common::restarts_at_once(exam, echoed),
        )
        .needs(echoes)
        .sheet(WRONG)
        .hints(HINTS_RESTART)
        .by_hand("printf hello | nc 127.0.0.1 65432, press Ctrl-C in the server's terminal, start it again"),
        Check::new(
            "threaded_server.ends_on_ctrl_c",
            "ends when Ctrl-C is pressed and its clients have left",
            |exam| common::ends_on_ctrl_c(exam, echoed),
        )
        .needs(echoes)
        .timing()
        .sheet(WRONG)
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("printf hello | nc -N 127.0.0.1 65432, then press Ctrl-C in the server's terminal"),
    ]
}

/// One client's visit: a message and its echo.
fn echoed(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send(word)?;
    client.expect(format!("Echo: {word}"))
}

/// However the server cuts the message, and however many prefixes that makes, the bytes
/// are all there and in order.
fn echoes_long_messages(exam: &mut Exam) -> Verdict {
    const LOST: &str = "every read must be followed by a write of all that was read";
    // Letters only: no part of it can be taken for a prefix.
    let letters = exam.word(5000);
    let cut = text_that_reads_cut(exam, 1666);
    for (message, cause) in [(letters, LOST), (cut, CUT_CHARACTER)] {
        let server = exam.server()?;
        let mut client = server.connect()?;
        client.send(&message)?;
        client.half_close();
        // In small pieces, each of them late, it takes its time (F18, F30).
        client.patience(Duration::from_secs(20));
        let got = common::without_prefixes(&client.read_to_end()?, "Echo: ");
        if got != message.as_bytes() {
            return Err(Failure::bytes(message.as_bytes(), &got).cause(cause).into());
        }
    }
    let server = exam.server()?;
    common::echoes_full_buffers(exam, &mut server.connect()?, "Echo: ")
}

/// The silent client is not forgotten: what it says after seconds is answered.
fn serves_many_at_once(exam: &mut Exam) -> Verdict {
    const SILENT: Duration = Duration::from_secs(4);
    let server = exam.server()?;
    let mut silent = server.connect()?;
    common::served_beside_a_silent_client(&server, &exam.word(8), echoed)?;
    silent.expect_silence(SILENT)?;
    let word = exam.word(8);
    silent.send(&word)?;
    silent.expect(format!("Echo: {word}"))
}

fn waits_for_clients(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    exam.note("nobody comes for 7 s");
    // Time is what is measured here; there is no event to wait for. Limits of 5 s are
    // known from chapter 6.
    thread::sleep(Duration::from_secs(7));
    echoed(&server, &exam.word(8)).map_err(common::likely(
        "a time limit on accept: a server without clients waits for the next",
    ))
}

fn serves_fifty_at_once(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut clients = (0..50)
        .map(|_| server.connect())
        .collect::<Result<Vec<_>, _>>()?;
    for _ in 0..2 {
        let words: Vec<String> = clients.iter().map(|_| exam.word(12)).collect();
        // All are asked before any is answered.
        for (client, word) in clients.iter_mut().zip(&words) {
            client.send(word)?;
        }
        for (client, word) in clients.iter_mut().zip(&words) {
            client.expect(format!("Echo: {word}"))?;
        }
    }
    Ok(())
}

fn prints_what_happens(exam: &mut Exam) -> Verdict {
    let mut server = exam.server()?;
    let mut client = server.connect()?;
    let (peer, word) = (client.local_addr()?, exam.word(8));
    let text = format!("{word} é {}", common::PERCENTS);
    client.send(&text)?;
    client.expect(format!("Echo: {text}"))?;
    // Another one comes, and then the first says something shorter: the line is its own,
    // and nothing of the older message is left behind. Whether both are answered is
    // another check's business.
    const A_WHILE: Duration = Duration::from_secs(2);
    let (other, short) = (exam.word(8), exam.word(4));
    let mut latest = server.connect()?;
    latest.patience(A_WHILE);
    latest.send(&other)?;
    let _ = latest.expect(format!("Echo: {other}"));
    client.patience(A_WHILE);
    client.send_anyway(&short);
    let goes_on = client.expect(format!("Echo: {short}")).is_ok();
    drop(client);
    server.wait_for_output("New connection from ")?;
    prints_received(&mut server, peer, &text)?;
    if goes_on {
        prints_received(&mut server, peer, &short)?;
    }
    server.wait_for_output("Connection closed by ")?;
    server.wait_for_output("Connection handler closed for ")
}

/// It prints this message with its sender. The address may be written in other ways, so
/// only its port and the text are compared.
fn prints_received(server: &mut Program, peer: SocketAddr, text: &str) -> Verdict {
    let port = peer.port().to_string();
    let received = |line: &str| line.contains("Received from ") && line.ends_with(text);
    let expected = format!("a line Received from {peer}: {text}");
    let verdict = server.wait_for_printed(&expected, |printed| {
        printed
            .lines()
            .any(|line| received(line) && line.contains(&port))
    });
    if server.printed().lines().any(received) {
        return verdict.map_err(common::likely(
            "the line names another client, or none: each thread keeps the address of \
             its own client, in a local variable",
        ));
    }
    // What else may be wrong with the text is told there.
    verdict.map_err(|stop| match common::prints_line_end(server, text) {
        Err(Stop::Failed(other)) => match (stop, other.cause) {
            (Stop::Failed(failure), Some(cause)) => failure.cause(cause).into(),
            (stop, _) => stop,
        },
        _ => stop,
    })
}

fn threaded_client() -> Vec<Check> {
    let sends: &[&str] = &["threaded_client.sends_its_message"];
    vec![
        Check::new(
            "threaded_client.sends_its_message",
            "connects to the host and port that it is given and sends exactly its message",
            |exam| client_sends(exam, "Hello from client!"),
        )
        .points(2)
        .sheet(CONNECT)
        .hints(HINTS_SENDS)
        .by_hand("nc -l 65432 | xxd"),
        Check::new(
            "threaded_client.prints_the_reply",
            "prints Received: and the reply, and ends with status 0",
            |exam| client_prints_and_leaves(exam, &["Received: REPLY"], "Echo: "),
        )
        .needs(sends)
        .points(2)
        .sheet(CONNECT)
        .hints(HINTS_PRINTS)
        .by_hand("printf 'Hi!' | nc -l 65432"),
        Check::new(
            "threaded_client.waits_for_the_reply",
            "waits for a server that takes two seconds to reply",
            |exam| client_waits(exam, "REPLY"),
        )
        .needs(&["threaded_client.prints_the_reply"])
        .sheet(CONNECT)
        .hints(HINTS_PRINTS)
        .by_hand("(sleep 2; printf 'Hi!') | nc -l 65432"),
        Check::new(
            "threaded_client.ends_without_a_reply",
            "ends without a crash when the server closes without a reply",
            client_ends_without_a_reply,
        )
        .needs(sends)
        .sheet(WRONG)
        .hints(HINTS_END)
        .by_hand("nc -l -N 65432 < /dev/null"),
        Check::new(
            "threaded_client.survives_invalid_utf8",
            "ends without a crash when the reply is no UTF-8",
            client_survives_invalid_utf8,
        )
        .needs(sends)
        .sheet(WRONG)
        .hints(HINTS_PRINTS)
        .by_hand("printf '\\377\\376' | nc -l 65432"),
        Check::new(
            "threaded_client.reports_a_refused_connection",
            "says that nobody listens, without a panic",
            common::reports_a_refused_connection,
        )
        .sheet(WRONG)
        .hints(HINTS_REFUSED)
        .by_hand("start the client without a server"),
    ]
}
