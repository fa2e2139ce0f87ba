//! udp_echo_server and udp_echo_client.

use super::*;

const ECHO: &str = "labs/09_udp.md#step-4-an-echo-for-each-datagram";
const HINTS_PROMPT: &[&str] = &[
    "Text without a line end stays in a buffer: how does it get out?",
    "Flush stdout after the prompt.",
    "Call stdout().flush() after print! and before you read. In Python it is print(…, \
     end=\"\", flush=True), or input with the prompt.",
];
const HINTS_EOF: &[&str] = &[
    "What does reading a line return when the input has ended?",
    "Ctrl-D, or the end of a pipe, ends the input: there is no line any more, and \
     nothing to send.",
    "read_line returns Ok(0), Python's input raises EOFError: return from main.",
];

pub(super) fn checks() -> Vec<Check> {
    let mut checks = udp_echo_server();
    checks.extend(udp_echo_client());
    checks
}

fn udp_echo_server() -> Vec<Check> {
    vec![
        Check::new(
            "udp_echo_server.listens",
            "has a UDP socket on the host and port that it is given",
            listens,
        )
        .sheet(ECHO)
        .hints(HINTS_LISTENS)
        .by_hand("ss -uln | grep 65432"),
        Check::new(
            "udp_echo_server.sends_each_datagram_back",
            "answers with Server echo: and the datagram, byte by byte",
            |exam| {
                let server = exam.udp_server()?;
                let client = exam.udp()?;
                for _ in 0..2 {
                    let text = format!("  aB é {}  ", exam.word(8));
                    ask(&client, &server, &text, format!("Server echo: {text}"))?;
                }
                let text = format!("{}\0{}", exam.word(4), exam.word(8));
                let whole = ask(&client, &server, &text, format!("Server echo: {text}"));
                whole.map_err(common::because(
                    "a zero byte ends texts in C: a datagram ends where its length says",
                ))
            },
        )
        .needs(&["udp_echo_server.listens"])
        .points(2)
        .sheet(ECHO)
        .hints(&[
            "Compare what comes back with what was sent, byte by byte.",
            "Put the bytes of the datagram behind the prefix; do not trim or change them.",
            "send_to with [b\"Server echo: \", &buf[..len]].concat(), or \
             sendto(b\"Server echo: \" + data, addr) in Python: one datagram, and no \
             decoding on the way.",
        ])
        .by_hand("printf hello | nc -u -w 1 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.answers_whoever_asked",
            "answers each of several clients itself",
            |exam| {
                let server = exam.udp_server()?;
                let clients = [exam.udp_named("A")?, exam.udp_named("B")?];
                for client in clients.iter().chain(&clients) {
                    let text = exam.word(8);
                    ask(client, &server, &text, format!("Server echo: {text}"))?;
                }
                let Some(third) = client_elsewhere(exam) else {
                    return Ok(());
                };
                let text = exam.word(8);
                ask(&third, &server, &text, format!("Server echo: {text}"))
                    .map_err(common::likely(NOT_ELSEWHERE))
            },
        )
        .needs(&["udp_echo_server.sends_each_datagram_back"])
        .sheet(ECHO)
        .hints(HINTS_ADDRESS)
        .by_hand("printf hello | nc -u -w 1 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.returns_a_large_datagram",
            "returns a datagram of 1000 bytes whole",
            |exam| {
                let server = exam.udp_server()?;
                let client = exam.udp()?;
                let text = exam.word(1000);
                ask(&client, &server, &text, format!("Server echo: {text}"))
            },
        )
        .needs(&["udp_echo_server.sends_each_datagram_back"])
        .sheet(ECHO)
        .hints(HINTS_LARGE)
        .by_hand("head -c 1000 /dev/zero | tr '\\0' a | nc -u -w 1 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.answers_empty_datagrams",
            "answers an empty datagram, and one of blanks or line ends, with just these",
            |exam| {
                let server = exam.udp_server()?;
                let client = exam.udp()?;
                ask(&client, &server, "", "Server echo: ")?;
                for text in common::line_ends_and_blanks(exam) {
                    ask(&client, &server, &text, format!("Server echo: {text}"))?;
                }
                Ok(())
            },
        )
        .needs(&["udp_echo_server.sends_each_datagram_back"])
        .sheet(ECHO)
        .hints(HINTS_EMPTY)
        .by_hand("nc -u 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.prints_each_datagram",
            "prints each datagram as text, and who sent it",
            |exam| {
                let mut server = exam.udp_server()?;
                let client = exam.udp()?;
                let texts = texts(exam);
                for text in &texts {
                    answer(&client, &server, text.as_bytes())?;
                    prints_alone(&mut server, text, &texts)?;
                }
                names_the_sender(&mut server, &client)?;
                names_no_other(&server, "Sent response to ", client.addr()?)
            },
        )
        .needs(&["udp_echo_server.sends_each_datagram_back"])
        .sheet(ECHO)
        .hints(HINTS_LINES)
        .by_hand("printf hello | nc -u -w 1 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.survives_bytes_that_are_no_text",
            "goes on after a datagram that is not UTF-8",
            |exam| survives_bytes(exam, |_, word| format!("Server echo: {word}")),
        )
        .needs(&["udp_echo_server.sends_each_datagram_back"])
        .sheet(ECHO)
        .hints(HINTS_BYTES)
        .by_hand("printf '\\377\\376' | nc -u -w 1 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.survives_a_client_that_is_gone",
            "goes on when its answer finds no client any more",
            |exam| survives_the_gone(exam, |_, word| format!("Server echo: {word}")),
        )
        .needs(&["udp_echo_server.sends_each_datagram_back"])
        .sheet(CLOSED)
        .hints(HINTS_GONE)
        .by_hand("printf hello | nc -u -q 0 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.says_that_the_port_is_in_use",
            "says that its port is in use, and ends with a status that is not 0",
            port_in_use,
        )
        .needs(&["udp_echo_server.listens"])
        .sheet(START)
        .hints(HINTS_IN_USE)
        .by_hand("nc -u -l 127.0.0.1 65432 & cargo run -p udp_echo_server"),
        Check::new(
            "udp_echo_server.takes_any_message",
            "answers blanks, line ends and words such as quit like any other datagram",
            |exam| {
                let server = exam.udp_server()?;
                let client = exam.udp()?;
                for text in common::messages_like_any_other(exam) {
                    let echo = format!("Server echo: {text}");
                    ask(&client, &server, &text, echo)
                        .map_err(common::because(common::TAKEN_FOR_AN_END))?;
                }
                Ok(())
            },
        )
        .needs(&["udp_echo_server.answers_empty_datagrams"])
        .sheet(ECHO)
        .hints(HINTS_ANY_MESSAGE)
        .by_hand("printf quit | nc -u -w 1 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.ends_on_ctrl_c",
            "ends on Ctrl-C while nobody sends anything",
            |exam| {
                let server = exam.udp_server()?;
                let text = exam.word(8);
                ask(&exam.udp()?, &server, &text, format!("Server echo: {text}"))?;
                ends_on_ctrl_c(server)
            },
        )
        .needs(&["udp_echo_server.sends_each_datagram_back"])
        .timing()
        .sheet(ECHO)
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("press Ctrl-C in the server's terminal"),
    ]
}

fn udp_echo_client() -> Vec<Check> {
    vec![
        Check::new(
            "udp_echo_client.sends_the_line",
            "sends the typed line once, without its line end, otherwise unchanged",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                let text = format!("  aB é {}  ", exam.word(8));
                client.type_in(&format!("{text}\n"))?;
                expect_datagram(&server, text.as_bytes())?;
                server.expect_silence(Duration::from_millis(300))
            },
        )
        .points(2)
        .sheet(ECHO)
        .hints(&[
            "What does reading a line return beside the text?",
            "Take the line end away, and only the line end: spaces are part of the text.",
            "trim_end_matches(['\\r', '\\n']) in Rust, not trim; Python's input has \
             taken the line end off already. Then one send_to (sendto).",
        ])
        .by_hand("nc -u -l 127.0.0.1 65432"),
        Check::new(
            "udp_echo_client.prompts_before_it_reads",
            "shows its prompt before anything is typed",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                // The start of an interpreter on a busy machine takes its time.
                let prompt = "Enter a message";
                let shown = client.wait_for_output(prompt);
                shown.or_else(|_| client.wait_for_output(prompt))
            },
        )
        .needs(&["udp_echo_client.sends_the_line"])
        .sheet(ECHO)
        .hints(HINTS_PROMPT)
        .by_hand("cargo run -p udp_echo_client | cat"),
        Check::new(
            "udp_echo_client.prints_the_reply",
            "prints the reply as text and ends with status 0",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                client.type_in("hello\n")?;
                let (_, client_addr) = server.receive_within(START_TIME)?;
                let reply = format!("Grüße {}", exam.word(8));
                server.send_to(&reply, client_addr)?;
                client.wait_for_output(&reply)?;
                client.close_stdin(); // It may ask for another line.
                client.expect_exit(0)
            },
        )
        .needs(&["udp_echo_client.sends_the_line"])
        .sheet(ECHO)
        .hints(HINTS_LINES)
        .by_hand("cargo run -p udp_echo_client"),
        Check::new(
            "udp_echo_client.takes_a_long_line",
            "sends a line of 1000 letters in one datagram, and prints the reply whole",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                let text = exam.word(1000);
                client.type_in(&format!("{text}\n"))?;
                let client_addr = expect_datagram(&server, text.as_bytes())
                    .map_err(common::likely(CUT_LINE))?;
                let reply = format!("Server echo: {text}");
                server.send_to(&reply, client_addr)?;
                client
                    .wait_for_output(&reply)
                    .map_err(common::likely(CUT_REPLY))
            },
        )
        .needs(&["udp_echo_client.prints_the_reply"])
        .sheet(ECHO)
        .hints(HINTS_LARGE)
        .by_hand("printf '%01000d\\n' 7 | cargo run -p udp_echo_client"),
        Check::new(
            "udp_echo_client.gives_up_without_a_reply",
            "gives up after 5 s without a reply, says so, and not with status 0",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                client.type_in("hello\n")?;
                server.receive_within(START_TIME)?;
                gives_up(&mut client, says_more_than_its_prompt)
            },
        )
        .needs(&["udp_echo_client.sends_the_line"])
        .sheet(CLOSED)
        .hints(HINTS_TIMEOUT)
        .by_hand("nc -u -l 127.0.0.1 65432")
        .timing(),
        Check::new(
            "udp_echo_client.ends_with_its_input",
            "ends when its input ends",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                client.close_stdin();
                client.wait_exit(Duration::from_secs(10))?;
                client.expect_no_crash()
            },
        )
        .needs(&["udp_echo_client.sends_the_line"])
        .sheet(ECHO)
        .hints(HINTS_EOF)
        .by_hand("cargo run -p udp_echo_client < /dev/null"),
        Check::new(
            "udp_echo_client.reports_that_nobody_is_there",
            "says in words when nobody has the port",
            |exam| {
                let mut client = exam.client(exam.unused_addr()?)?;
                client.type_in("hello\n")?;
                client.close_stdin();
                client.wait_exit(START_TIME)?;
                client.expect_no_crash()?;
                says_more_than_its_prompt(&client)
            },
        )
        .needs(&["udp_echo_client.sends_the_line"])
        .sheet(CLOSED)
        .hints(HINTS_NO_SERVER)
        .by_hand("echo hello | cargo run -p udp_echo_client -- --port 9"),
    ]
}

/// Its prompt ends with a colon; a word about what happened comes after.
fn says_more_than_its_prompt(client: &Program) -> Verdict {
    let printed = client.printed();
    let printed = printed.trim_end();
    let says_nothing = printed.is_empty() || printed.ends_with(':');
    if says_nothing && client.errors().is_empty() {
        let expected = "a message that no reply came";
        return Err(Failure::new(expected, "nothing after the prompt").into());
    }
    Ok(())
}

/// What is behind a long line that does not leave as it was typed.
const CUT_LINE: &str =
    "the buffer of the line is too small: what does not fit is left in the input";
/// What is behind a long reply of which a part is missing.
const CUT_REPLY: &str = "the buffer of the reply is too small: the rest of a datagram is \
                         thrown away, and no second recv gets it";
