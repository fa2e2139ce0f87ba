//! app_server and app_client.

use super::super::common;
use super::*;
use crate::harness::prelude::*;

const PREFIX: &str = "Server echo: ";
const PROMPT: &str = "Enter a message to send to the server: ";

const HINTS_ECHO: &[&str] = &[
    "Compare what you send with the wire table on the sheet, byte by byte.",
    "A message is what one read returns. Do not wait for a line end: none comes.",
    "Send the words of the sheet and then the very bytes that came, in one write.",
];
const HINTS_LONG: &[&str] = &[
    "How many bytes does one read return at most, and where do the others go?",
    "Read in a loop: each piece is a message of its own.",
    "In Rust: loop, read, break at Ok(0), write_all of Server echo: and &buf[..len]. In \
     Python: while data := conn.recv(1024), then conn.sendall(b\"Server echo: \" + \
     data).",
];
const HINTS_LINES: &[&str] = &[
    "Compare your output with the sheet, word by word.",
    "Print the message as text, not as a list of numbers.",
    "String::from_utf8_lossy(&buf[..len]) makes the text, \
     data.decode(errors=\"replace\") in Python. It stands behind the words of the sheet, \
     on the same line.",
];

pub fn checks() -> Vec<Check> {
    let mut checks = server();
    checks.extend(client());
    checks
}

fn server() -> Vec<Check> {
    let sheet = "labs/08_client_server.md#step-1-an-application-in-two-halves";
    let wrong = "labs/08_client_server.md#what-goes-wrong-and-why";
    let check = |id, title, run| Check::new(id, title, run).needs(&["app_server.echoes"]);
    vec![
        Check::new(
            "app_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(sheet)
        .hints(HINTS_LISTENS)
        .by_hand("ss -tln | grep 65432"),
        Check::new(
            "app_server.echoes",
            "answers each message with Server echo: and the message, byte for byte",
            echoes,
        )
        .needs(&["app_server.listens"])
        .points(2)
        .sheet(sheet)
        .hints(HINTS_ECHO)
        .by_hand("printf hello | nc -q 1 127.0.0.1 65432"),
        check(
            "app_server.answers_every_message",
            "answers one message after another on the same connection",
            answers_every_message,
        )
        .sheet(sheet)
        .hints(HINTS_LONG)
        .by_hand("nc 127.0.0.1 65432 (type several lines)"),
        check(
            "app_server.echoes_long_messages",
            "echoes every byte of a message of 3000 bytes",
            echoes_long_messages,
        )
        .sheet(sheet)
        .hints(HINTS_LONG)
        .by_hand("head -c 3000 /dev/zero | tr '\\0' a | nc -q 1 127.0.0.1 65432"),
        check(
            "app_server.serves_many_at_once",
            "serves a second client while the first is connected and silent",
            |exam| common::serves_beside_a_silent_client(exam, probe),
        )
        .points(2)
        .sheet(sheet)
        .hints(HINTS_MANY)
        .by_hand("nc 127.0.0.1 65432 (twice, in two terminals)"),
        check(
            "app_server.survives_resets",
            "goes on when clients reset their connections",
            |exam| common::survives_resets(exam, probe),
        )
        .sheet(wrong)
        .hints(HINTS_SURVIVES)
        .by_hand("nmap -p 65432 127.0.0.1"),
        check(
            "app_server.survives_invalid_utf8",
            "goes on when a client sends bytes that are not UTF-8",
            |exam| common::survives_invalid_utf8(exam, probe),
        )
        .sheet(wrong)
        .hints(HINTS_SURVIVES)
        .by_hand("printf '\\377\\376' | nc -q 1 127.0.0.1 65432"),
        check(
            "app_server.notices_the_end_of_a_client",
            "neither spins nor floods its output when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, probe),
        )
        .timing()
        .sheet(wrong)
        .hints(HINTS_EOF)
        .by_hand("top (after a client has left)"),
        check(
            "app_server.gives_back_what_clients_used",
            "has as many threads and open descriptors after 300 clients as before",
            |exam| common::returns_what_lost_clients_used(exam, probe),
        )
        .needs(&["app_server.echoes", "app_server.survives_resets"])
        .sheet(wrong)
        .hints(HINTS_GIVES_BACK)
        .by_hand("ls /proc/PID/fd | wc -l"),
        check(
            "app_server.answers_a_crowd",
            "answers fifty clients at once, and 200 that come 20 at a time",
            |exam| {
                common::answers_fifty_at_once(exam, |word| format!("{PREFIX}{word}"))?;
                common::answers_a_crowd(exam, probe)
            },
        )
        .needs(&["app_server.echoes", "app_server.serves_many_at_once"])
        .sheet(wrong)
        .hints(HINTS_GIVES_BACK)
        .by_hand("for i in $(seq 200); do printf hi | nc -q 1 127.0.0.1 65432 & done"),
        check(
            "app_server.restarts_at_once",
            "listens again at once when it is stopped and started",
            |exam| common::restarts_at_once(exam, probe),
        )
        .sheet(wrong)
        .hints(HINTS_PORT)
        .by_hand("stop it with Ctrl-C while a client is connected, and start it again"),
        check(
            "app_server.ends_on_ctrl_c",
            "ends when Ctrl-C is pressed and its clients have left",
            |exam| common::ends_on_ctrl_c(exam, probe),
        )
        .timing()
        .sheet(wrong)
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("printf hello | nc -N 127.0.0.1 65432, then press Ctrl-C in the server's terminal"),
        check(
            "app_server.reports_a_port_in_use",
            "reports a port in use in a message and with a status that is not 0",
            common::reports_a_port_in_use,
        )
        .sheet(wrong)
        .hints(HINTS_PORT)
        .by_hand("cargo run -p app_server (twice, in two terminals)"),
        check(
            "app_server.prints_what_happens",
            "prints who came, what they said as text, and that they left",
            prints_what_happens,
        )
        .sheet(sheet)
        .hints(HINTS_LINES)
        .by_hand("printf hello | nc -q 1 127.0.0.1 65432"),
    ]
}

fn client() -> Vec<Check> {
    let sheet = "labs/08_client_server.md#step-1-an-application-in-two-halves";
    let wrong = "labs/08_client_server.md#what-goes-wrong-and-why";
    let check =
        |id, title, run| Check::new(id, title, run).needs(&["app_client.sends_the_line"]);
    vec![
        Check::new(
            "app_client.prompts",
            "asks for a message before any input is given",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let _server = listener.accept()?;
                client.wait_for_output(PROMPT.trim_end())
            },
        )
        .sheet(sheet)
        .hints(&[
            "Does the prompt appear when the output is a pipe?",
            "Text without a line end stays in the buffer until it is flushed.",
            "Call stdout().flush() after print! and before you read. In Python it is \
             print(…, end=\"\", flush=True), or input with the prompt.",
        ])
        .by_hand("cargo run -p app_client | cat"),
        Check::new(
            "app_client.sends_the_line",
            "sends the typed line without its line end, and nothing else",
            sends_the_line,
        )
        .points(2)
        .sheet(sheet)
        .hints(&[
            "What is the last byte of a line that your program has read?",
            "Remove the line end, but no other white space.",
            "trim_end_matches(['\\r', '\\n']) in Rust, not trim; Python's input has \
             taken the line end off already. Then write_all (sendall), once.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 | xxd"),
        check(
            "app_client.sends_it_uncut",
            "sends a line of 3000 bytes whole",
            sends_it_uncut,
        )
        .sheet(sheet)
        .hints(&[
            "How many of the 3000 bytes arrive: all, or as many as one of your buffers \
             has room for?",
            "One write call may send less than you give it: write all of it.",
            "Read the line without a limit (read_line, Python's input) and send it with \
             write_all (sendall in Python).",
        ])
        .by_hand("nc -l 127.0.0.1 65432 | wc -c"),
        check(
            "app_client.prints_the_reply",
            "prints Received from server: and the reply as text, and ends with status 0",
            prints_the_reply,
        )
        .points(2)
        .sheet(sheet)
        .hints(HINTS_LINES)
        .by_hand("cargo run -p app_server, cargo run -p app_client"),
        check(
            "app_client.notices_the_end_of_the_server",
            "ends when the server closes while it waits for the user",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let server = listener.accept()?;
                client.wait_for_output(PROMPT.trim_end())?;
                drop(server);
                client.wait_exit(Duration::from_secs(5))?;
                client.expect_no_crash()
            },
        )
        .needs(&["app_client.prompts"])
        .sheet(wrong)
        .hints(HINTS_CLIENT_ENDS)
        .by_hand("stop the server while the client waits for you"),
        check(
            "app_client.ends_whatever_the_reply",
            "ends when the server closes without a reply, or after one that is no text",
            ends_whatever_the_reply,
        )
        .sheet(wrong)
        .hints(&[
            "What does your client do when no reply comes any more?",
            "A read of 0 bytes is the end, and ends the client. So does an error: in a \
             thread of its own it ends that thread alone, and the others wait on.",
            "At Ok(0) (b\"\" of recv) say so and leave the loop. Decode with replacement: \
             String::from_utf8_lossy, data.decode(errors=\"replace\") in Python.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (Ctrl-C when the message has come)"),
        Check::new(
            "app_client.ends_with_its_input",
            "ends when its input ends before a line has come",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let _server = listener.accept()?;
                client.close_stdin();
                client.wait_exit(Duration::from_secs(8))?;
                client.expect_no_crash()
            },
        )
        .needs(&["app_client.prompts"])
        .sheet(wrong)
        .hints(&[
            "What does reading a line return at the end of the input?",
            "Ctrl-D, or the end of a file or pipe, ends the input: then there is no line \
             any more, not even an empty one.",
            "read_line returns Ok(0), Python's input raises EOFError. Close the \
             connection and return from main, in place of asking again.",
        ])
        .by_hand("cargo run -p app_client < /dev/null"),
        Check::new(
            "app_client.reports_a_refused_connection",
            "says that nobody listens there, without a panic",
            common::reports_a_refused_connection,
        )
        .sheet(wrong)
        .hints(HINTS_REFUSED)
        .by_hand("cargo run -p app_client (without a server)"),
    ]
}

/// One client that is served as it should be.
fn probe(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send(word)?;
    client.expect(format!("{PREFIX}{word}"))
}

fn echoes(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let words = [
        exam.word(9),
        format!("  aB é {} ", exam.word(5)),
        // In C this byte ends a text; here it is one like any other.
        format!("{}\0{}", exam.word(3), exam.word(3)),
        format!("{} {}", exam.word(4), common::PERCENTS),
    ];
    for message in words {
        let mut client = server.connect()?;
        client.send(&message)?;
        let verdict = client.expect_exactly(format!("{PREFIX}{message}"));
        verdict.map_err(|stop| match stop {
            Stop::Failed(failure)
                if message.contains("%%") && !failure.got.contains("%%") =>
            {
                common::likely(common::TAKEN_FOR_A_FORMAT)(Stop::Failed(failure))
            }
            other => other,
        })?;
    }
    Ok(())
}

fn answers_every_message(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    for len in [1, 20, 300] {
        let word = exam.word(len);
        client.send(&word)?;
        client.expect(format!("{PREFIX}{word}"))?;
    }
    for message in common::line_ends_and_blanks(exam) {
        client.send(&message)?;
        client.expect(format!("{PREFIX}{message}"))?;
    }
    common::echoes_last_words(&mut client, PREFIX)
}

fn echoes_long_messages(exam: &mut Exam) -> Verdict {
    const LEN: usize = 3000;
    let server = exam.server()?;
    // In the second, every piece of an even number of bytes cuts a character in two.
    let cut = format!("{}{}", exam.word(1), "é".repeat(LEN / 2));
    for (message, cause) in [
        (exam.word(LEN), None),
        (
            cut,
            Some("a piece ends within a character, whose bytes are lost or changed"),
        ),
    ] {
        let mut client = server.connect()?;
        client.send(&message)?;
        client.half_close();
        // Any number of pieces is right, each behind the prefix; the message holds none.
        let echoed = common::without_prefixes(&client.read_to_end()?, PREFIX);
        if echoed != message.as_bytes() {
            let failure = Failure::bytes(message.as_bytes(), &echoed);
            return Err(match cause {
                Some(cause) => failure.cause(cause),
                None => failure,
            }
            .into());
        }
    }
    common::echoes_full_buffers(exam, &mut server.connect()?, PREFIX)
}

fn prints_what_happens(exam: &mut Exam) -> Verdict {
    let mut server = exam.server()?;
    let text = format!("{} é {}", exam.word(8), common::PERCENTS);
    let mut client = server.connect()?;
    client.send(&text)?;
    client.expect(format!("{PREFIX}{text}"))?;
    // Another one comes and says something, and then the first, something shorter, in the
    // same buffer perhaps. Whether both are answered has checks of its own.
    const A_WHILE: Duration = Duration::from_secs(2);
    let (other, short) = (exam.word(8), format!("S{}", exam.word(3)));
    let mut latest = server.connect()?;
    latest.patience(A_WHILE);
    latest.send(&other)?;
    let _ = latest.expect(format!("{PREFIX}{other}"));
    client.patience(A_WHILE);
    client.send_anyway(&short);
    let goes_on = client.expect(format!("{PREFIX}{short}")).is_ok();
    let peer_addr = client.local_addr()?;
    drop(client);
    let port = peer_addr.port().to_string();
    server
        .wait_for_printed(
            &format!("a line with {port} (the client's port) and {text:?}"),
            |printed| {
                let mut lines = printed.lines();
                lines.any(|line| line.contains(&port) && line.contains(&text))
            },
        )
        .map_err(|stop| match why_not_printed(&server, &text) {
            Some(cause) => common::likely(cause)(stop),
            None => stop,
        })?;
    if goes_on {
        shows_nothing_older(&mut server, &port, &text, &short).map_err(|stop| {
            match why_not_printed(&server, &short) {
                Some(cause) => common::likely(cause)(stop),
                None => stop,
            }
        })?;
    }
    server.wait_for_output("New connection from")?;
    server.wait_for_output("Connection closed by")?;
    server.wait_for_output("Connection handler closed for")
}

/// What may be wrong with the line of a message, as far as another line tells it.
fn why_not_printed(server: &Program, text: &str) -> Option<&'static str> {
    let printed = server.printed();
    if printed.contains(text) {
        return Some(
            "the line names another client, or none: each thread keeps the address of its \
             own client, in a local variable",
        );
    }
    let (start, _) = text.split_once("%%")?;
    printed
        .contains(start)
        .then_some(common::TAKEN_FOR_A_FORMAT)
}

/// What a longer message has left behind the end of a shorter one is not told again.
fn shows_nothing_older(
    server: &mut Program,
    port: &str,
    long: &str,
    short: &str,
) -> Verdict {
    let mut lines = String::new();
    let expected = format!("a line with {port} and {short:?}");
    server.wait_for_printed(&expected, |printed| {
        let of_it = |line: &&str| line.contains(port) && line.contains(short);
        lines = printed.lines().filter(of_it).collect();
        !lines.is_empty()
    })?;
    if long
        .get(short.len()..)
        .is_some_and(|rest| lines.contains(rest))
    {
        let expected = format!("a line with the message {short:?} alone");
        return Err(Failure::new(expected, format!("{lines:?}"))
            .cause("it prints the whole buffer, with the end of an older message in it")
            .into());
    }
    Ok(())
}

fn sends_the_line(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    for message in [exam.word(9), format!("  aB é {}  ", exam.word(5))] {
        let mut client = exam.client(listener.addr())?;
        let mut server = listener.accept()?;
        client.type_in(&format!("{message}\n"))?;
        server.expect_exactly(&message)?;
    }
    Ok(())
}

fn sends_it_uncut(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    let mut server = listener.accept()?;
    let message = exam.word(3000);
    client.type_in(&format!("{message}\n"))?;
    server.expect(&message)
}

fn ends_whatever_the_reply(exam: &mut Exam) -> Verdict {
    ends_after(exam, b"")
        .map_err(common::likely(
            "the server has closed without a reply: a read of 0 bytes is the end",
        ))?
        .expect_no_crash()?;
    // Strict decoding may end it with an error of any form; but it ends.
    ends_after(exam, b"\xff\xfe")
        .map(drop)
        .map_err(common::likely(
            "the reply is no UTF-8, and the error ends a thread, not the program",
        ))
}

/// A server that has read the message, sends this, and closes.
fn ends_after(exam: &mut Exam, reply: &[u8]) -> Result<Program, Stop> {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    let mut server = listener.accept()?;
    let word = exam.word(8);
    client.type_in(&format!("{word}\n"))?;
    server.expect(&word)?;
    server.send(reply)?;
    server.half_close();
    // Some runtimes end when nobody can type any more.
    client.close_stdin();
    client.wait_exit(Duration::from_secs(8))?;
    Ok(client)
}

fn prints_the_reply(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    let mut server = listener.accept()?;
    let word = exam.word(8);
    client.type_in(&format!("{word}\n"))?;
    server.expect(&word)?;
    let reply = format!("{PREFIX}{word} é");
    server.send(&reply)?;
    client.wait_for_output(&format!("Received from server: {reply}"))?;
    drop(server);
    // Its one line is sent. Some runtimes end when nobody can type any more.
    client.close_stdin();
    client.expect_exit(0)
}
