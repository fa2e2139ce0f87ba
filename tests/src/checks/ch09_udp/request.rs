//! udp_server and udp_client.

use super::*;

const SEND: &str = "labs/09_udp.md#step-2-send-a-datagram";

pub(super) fn checks() -> Vec<Check> {
    let mut checks = udp_server();
    checks.extend(udp_client());
    checks
}

fn udp_server() -> Vec<Check> {
    vec![
        Check::new(
            "udp_server.listens",
            "has a UDP socket on the host and port that it is given",
            listens,
        )
        .sheet(START)
        .hints(HINTS_LISTENS)
        .by_hand("ss -uln | grep 9090"),
        Check::new(
            "udp_server.numbers_each_datagram",
            "answers each datagram with its number, starting at 1",
            |exam| {
                let server = exam.udp_server()?;
                let client = exam.udp()?;
                for number in 1..=12 {
                    ask(&client, &server, exam.word(8), numbered(number))?;
                }
                Ok(())
            },
        )
        .needs(&["udp_server.listens"])
        .points(2)
        .sheet(SEND)
        .hints(&[
            "Where does the number live so that it outlasts one datagram?",
            "Count in the loop, before the answer is sent, and start at 1.",
            "The answer is Received! Message #1, without a line end.",
        ])
        .by_hand("printf hello | nc -u -w 1 127.0.0.1 9090"),
        Check::new(
            "udp_server.answers_whoever_asked",
            "answers each of several clients itself, and counts over all of them",
            answers_whoever_asked,
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .sheet(SEND)
        .hints(HINTS_ADDRESS)
        .by_hand("printf hello | nc -u -w 1 127.0.0.1 9090"),
        Check::new(
            "udp_server.prints_each_datagram",
            "prints each datagram with its number and its sender, as text",
            |exam| {
                let mut server = exam.udp_server()?;
                let client = exam.udp()?;
                let texts = texts(exam);
                for (number, text) in texts.iter().enumerate() {
                    answer(&client, &server, text.as_bytes())?;
                    server.wait_for_output(&format!("Message #{}", number + 1))?;
                    prints_alone(&mut server, text, &texts)?;
                }
                names_the_sender(&mut server, &client)
            },
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .sheet(SEND)
        .hints(HINTS_LINES)
        .by_hand("printf hello | nc -u -w 1 127.0.0.1 9090"),
        Check::new(
            "udp_server.takes_a_large_datagram",
            "takes a datagram of 1000 bytes whole",
            |exam| {
                let mut server = exam.udp_server()?;
                let client = exam.udp()?;
                let text = exam.word(1000);
                ask(&client, &server, &text, numbered(1))?;
                server.wait_for_output(&text)
            },
        )
        .needs(&["udp_server.prints_each_datagram"])
        .sheet(SEND)
        .hints(HINTS_LARGE)
        .by_hand("head -c 1000 /dev/zero | tr '\\0' a | nc -u -w 1 127.0.0.1 9090"),
        Check::new(
            "udp_server.survives_the_largest_datagram",
            "goes on after a datagram of 65507 bytes, the most that fit into one",
            |exam| survives_the_largest(exam, |number, _| numbered(number)),
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .sheet(SEND)
        .hints(&[
            "How long can a datagram be, and what does your program do with a long one?",
            "The length in the header of UDP has 16 bits: with IPv4, 65,507 bytes are \
             left for you. Whoever copies them has to look how much room there is.",
            "Copy nothing: print the slice that recv_from has filled, &buf[..len], or \
             the bytes that recvfrom returns in Python. An error of one datagram never \
             ends the loop.",
        ])
        .by_hand("head -c 65507 /dev/zero | tr '\\0' a | nc -u -w 1 127.0.0.1 9090"),
        Check::new(
            "udp_server.counts_empty_datagrams",
            "answers and counts an empty datagram like any other",
            |exam| {
                let server = exam.udp_server()?;
                let client = exam.udp()?;
                ask(&client, &server, "", numbered(1))?;
                ask(&client, &server, exam.word(8), numbered(2))
            },
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .sheet(SEND)
        .hints(HINTS_EMPTY)
        .by_hand("cargo run -p udp_client -- --message ''"),
        Check::new(
            "udp_server.survives_bytes_that_are_no_text",
            "goes on after a datagram that is not UTF-8",
            |exam| survives_bytes(exam, |number, _| numbered(number)),
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .sheet(SEND)
        .hints(HINTS_BYTES)
        .by_hand("printf '\\377\\376' | nc -u -w 1 127.0.0.1 9090"),
        Check::new(
            "udp_server.survives_a_client_that_is_gone",
            "goes on when its answer finds no client any more",
            |exam| survives_the_gone(exam, |number, _| numbered(number)),
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .sheet(CLOSED)
        .hints(HINTS_GONE)
        .by_hand("printf hello | nc -u -q 0 127.0.0.1 9090"),
        Check::new(
            "udp_server.says_that_the_port_is_in_use",
            "says that its port is in use, and ends with a status that is not 0",
            port_in_use,
        )
        .needs(&["udp_server.listens"])
        .sheet(START)
        .hints(HINTS_IN_USE)
        .by_hand("nc -u -l 127.0.0.1 9090 & cargo run -p udp_server"),
        Check::new(
            "udp_server.takes_any_message",
            "answers blanks, line ends and words such as quit like any other datagram",
            |exam| {
                let server = exam.udp_server()?;
                let client = exam.udp()?;
                for (number, text) in (1..).zip(common::messages_like_any_other(exam)) {
                    let numbered = ask(&client, &server, &text, numbered(number));
                    numbered.map_err(common::because(common::TAKEN_FOR_AN_END))?;
                }
                Ok(())
            },
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .sheet(SEND)
        .hints(HINTS_ANY_MESSAGE)
        .by_hand("printf quit | nc -u -w 1 127.0.0.1 9090"),
        Check::new(
            "udp_server.ends_on_ctrl_c",
            "ends on Ctrl-C while nobody sends anything",
            |exam| {
                let server = exam.udp_server()?;
                ask(&exam.udp()?, &server, exam.word(8), numbered(1))?;
                ends_on_ctrl_c(server)
            },
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .timing()
        .sheet(START)
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("press Ctrl-C in the server's terminal"),
    ]
}

fn udp_client() -> Vec<Check> {
    vec![
        Check::new(
            "udp_client.sends_its_greeting",
            "sends Hello from UDP client! in one datagram, and no other",
            |exam| {
                let server = exam.udp()?;
                let _client = exam.client(server.addr()?)?;
                expect_datagram(&server, b"Hello from UDP client!")?;
                server.expect_silence(Duration::from_millis(300))
            },
        )
        .points(2)
        .sheet(SEND)
        .hints(HINTS_CLIENT)
        .by_hand("nc -u -l 127.0.0.1 9090"),
        Check::new(
            "udp_client.prints_the_reply",
            "prints the reply as text and ends with status 0",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                let (_, client_addr) = server.receive_within(START_TIME)?;
                // Longer than any number: a reply is read whole or cut.
                let reply = format!("Grüße {}", exam.word(200));
                server.send_to(&reply, client_addr)?;
                client.wait_for_output(&reply)?;
                client.expect_exit(0)?;
                names_no_other(&client, "Received from ", server.addr()?)
            },
        )
        .needs(&["udp_client.sends_its_greeting"])
        .points(2)
        .sheet(SEND)
        .hints(&[
            "After it has sent, your client waits: with which call?",
            "Print the bytes that came as text, not as a list of numbers.",
            "recv_from (recvfrom in Python) waits and returns the bytes. Print \
             String::from_utf8_lossy(&buf[..len]) (decode in Python), and return with \
             status 0.",
        ])
        .by_hand("cargo run -p udp_client"),
        Check::new(
            "udp_client.gives_up_without_a_reply",
            "gives up after 5 s without a reply, says so, and not with status 0",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                server.receive_within(START_TIME)?;
                gives_up(&mut client, says_more_than_sent_to)
            },
        )
        .needs(&["udp_client.sends_its_greeting"])
        .sheet(CLOSED)
        .hints(HINTS_TIMEOUT)
        .by_hand("nc -u -l 127.0.0.1 9090")
        .timing(),
        Check::new(
            "udp_client.reports_that_nobody_is_there",
            "says in words when nobody has the port",
            says_that_nobody_is_there,
        )
        .needs(&["udp_client.sends_its_greeting"])
        .sheet(CLOSED)
        .hints(HINTS_NO_SERVER)
        .by_hand("cargo run -p udp_client -- --port 9"),
    ]
}

/// The answer of `udp_server`.
fn numbered(number: u32) -> String {
    format!("Received! Message #{number}")
}

fn answers_whoever_asked(exam: &mut Exam) -> Verdict {
    let server = exam.udp_server()?;
    let (first, second) = (exam.udp_named("A")?, exam.udp_named("B")?);
    for number in [1, 3] {
        ask(&first, &server, exam.word(8), numbered(number))?;
        ask(&second, &server, exam.word(8), numbered(number + 1))?;
    }
    let word = exam.word(8);
    for (number, client) in (5..).zip([&first, &second]) {
        let again = ask(client, &server, &word, numbered(number));
        again.map_err(common::likely(
            "the same text again is another datagram, with a number of its own",
        ))?;
    }
    let mut count = 6;
    if let Some(third) = client_elsewhere(exam) {
        count += 1;
        ask(&third, &server, exam.word(8), numbered(count))
            .map_err(common::likely(NOT_ELSEWHERE))?;
    }
    numbers_a_burst(exam, &server, count)
}

/// Datagrams that come before the first of them is answered get a number each (D2).
fn numbers_a_burst(exam: &mut Exam, server: &Program, before: u32) -> Verdict {
    const CLIENTS: u32 = 4;
    const EACH: u32 = 2;
    let named = |number| exam.udp_named(&format!("C{number}"));
    let clients = (1..=CLIENTS).map(named).collect::<Result<Vec<_>, _>>()?;
    for _ in 0..EACH {
        for client in &clients {
            client.send_to(exam.word(8), server.addr())?;
        }
    }
    let mut numbers = Vec::new();
    let mut missed = None;
    let mut patience = Duration::from_secs(5);
    for client in &clients {
        for _ in 0..EACH {
            match client.receive_within(patience) {
                Ok((answer, _)) => numbers.push(number_in(&answer)?),
                // A server that answers from a fresh socket each time loses some (F29).
                Err(Stop::Failed(none)) => {
                    patience = Duration::from_millis(300);
                    missed = Some(none);
                }
                Err(stop) => return Err(stop),
            }
        }
    }
    if let (true, Some(none)) = (numbers.is_empty(), missed) {
        return Err(Stop::Failed(none));
    }
    numbers.sort_unstable();
    let all = before + 1..=before + CLIENTS * EACH;
    let is_new = numbers.windows(2).all(|pair| pair.first() != pair.last());
    if is_new && numbers.iter().all(|number| all.contains(number)) {
        return Ok(());
    }
    let expected = format!("numbers from {} to {}, each once", all.start(), all.end());
    Err(Failure::new(expected, format!("{numbers:?}"))
        .cause(
            "several datagrams come before the first is answered, and the number in an \
             answer is not the one that its datagram was given",
        )
        .into())
}

/// The number in an answer.
fn number_in(answer: &[u8]) -> Result<u32, Stop> {
    let text = String::from_utf8_lossy(answer);
    let digits = text.strip_prefix("Received! Message #").unwrap_or_default();
    let number = digits.parse();
    number.map_err(|_| Failure::bytes(numbered(1).as_bytes(), answer).into())
}

/// The largest datagram harms nobody (E2). Whether it is answered is free: what has to be
/// added may not fit any more.
fn survives_the_largest(exam: &mut Exam, reply: fn(u32, &str) -> String) -> Verdict {
    // 65,535, less 20 bytes of an IPv4 header and 8 of UDP's. macOS sends 9,216 at most,
    // unless it is told otherwise.
    const LENGTHS: [usize; 3] = [65_507, 9_216, 8_192];
    let server = exam.udp_server()?;
    let large = exam.udp_named("large")?;
    let bytes = exam.word(65_507).into_bytes();
    let fits = |len: &usize| {
        let part = bytes.get(..*len).unwrap_or_default();
        large.socket().send_to(part, server.addr()).is_ok()
    };
    match LENGTHS.into_iter().find(fits) {
        Some(len) => exam.note(&format!("large: > {len} bytes")),
        None => exam.note("this system sends no large datagrams"),
    }
    answers_with_some_number(exam, &server, reply)
}

fn says_that_nobody_is_there(exam: &mut Exam) -> Verdict {
    let mut client = exam.client(exam.unused_addr()?)?;
    client.close_stdin();
    client.wait_exit(START_TIME)?;
    client.expect_no_crash()?;
    says_more_than_sent_to(&client)
}

/// Something beside the line that says where the datagram went.
fn says_more_than_sent_to(client: &Program) -> Verdict {
    let printed = client.printed();
    let sent_to = |line: &str| match line.split_once("Sent to ") {
        Some((_, place)) => !place.trim().contains(' '),
        None => line.trim().is_empty(),
    };
    if printed.lines().all(sent_to) {
        let expected = "a message that no reply came";
        let got = match printed.trim() {
            "" => "it printed nothing",
            _ => "no line but Sent to and the address",
        };
        return Err(Failure::new(expected, got).into());
    }
    Ok(())
}
