//! chat_server.

use std::thread;

use super::super::common;
use super::*;
use crate::harness::prelude::*;

const GREETING: &str = "Welcome to the chat server! Type 'quit' to exit.\n";
const CONFIRMATION: &str = "Server received: ";

const HINTS_CONFIRMS: &[&str] = &[
    "Compare what you send with the wire table on the sheet, byte by byte.",
    "The sender gets back the very bytes that came: nothing trimmed, nothing added.",
    "Not every client ends its messages with a line end: a pause ends them too.",
];
const HINTS_QUIT: &[&str] = &[
    "What does your comparison say to QUIT, to ' quit ' and to quitter?",
    "Trim the message and compare all of it, whatever the case of its letters.",
];
const HINTS_BROADCAST: &[&str] = &[
    "Who needs to know of all the others? Keep a list that every handler can reach.",
    "Go through the list and write to everybody on it, except to the sender.",
    "A line to the others is [NAME], a space, the text, and exactly one line end.",
];
const HINTS_NAMES: &[&str] = &[
    "Where does your server keep what a client is called?",
    "A name is taken as long as anybody in the room has it: look before you give it.",
];
const HINTS_SLOW: &[&str] = &[
    "Where does your server wait when one client does not read?",
    "A write to a full socket blocks: never do it while others wait, or hold a lock.",
    "Give each client a queue of its own with an end, and drop who lets it fill up.",
];

pub fn checks() -> Vec<Check> {
    let mut checks = conversation();
    checks.extend(room());
    checks.extend(endurance());
    checks
}

fn conversation() -> Vec<Check> {
    let sheet = "labs/08_client_server.md#step-2-start-the-chat";
    let check =
        |id, title, run| Check::new(id, title, run).needs(&["chat_server.confirms"]);
    vec![
        Check::new(
            "chat_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(sheet)
        .hints(HINTS_LISTENS)
        .by_hand("ss -tln | grep 5555"),
        Check::new(
            "chat_server.greets",
            "greets each client at once, with the words of the sheet",
            |exam| {
                let server = exam.server()?;
                for _ in 0..2 {
                    let mut client = server.connect()?;
                    client.patience(Duration::from_secs(3));
                    client.expect_exactly(GREETING)?;
                }
                Ok(())
            },
        )
        .needs(&["chat_server.listens"])
        .sheet(sheet)
        .hints(&["Compare the greeting with the sheet, to its last byte."])
        .by_hand("nc 127.0.0.1 5555"),
        Check::new(
            "chat_server.confirms",
            "confirms each message, byte for byte, also without a line end",
            confirms,
        )
        .needs(&["chat_server.listens"])
        .points(2)
        .sheet(sheet)
        .hints(HINTS_CONFIRMS)
        .by_hand("nc 127.0.0.1 5555"),
        check(
            "chat_server.confirms_each_line",
            "takes each line for a message, its line end included, where there are lines",
            confirms_each_line,
        )
        .sheet("labs/08_client_server.md#step-4-where-does-a-message-end")
        .hints(HINTS_CONFIRMS)
        .by_hand("printf 'one\\ntwo\\n' | nc -q 1 127.0.0.1 5555"),
        check(
            "chat_server.quits",
            "lets a client go without a reply that says quit, in any case",
            quits,
        )
        .points(2)
        .sheet(sheet)
        .hints(HINTS_QUIT)
        .by_hand("printf 'Quit\\n' | nc 127.0.0.1 5555"),
        check(
            "chat_server.quits_on_the_whole_word_only",
            "takes a message that only contains quit for a message like any other",
            |exam| {
                let server = exam.server()?;
                let mut client = enter(&server)?;
                for text in ["quitter\n", "I quit\n", "quit now"] {
                    client.send(text)?;
                    client.read_until(format!("{CONFIRMATION}{text}").as_bytes())?;
                }
                Ok(())
            },
        )
        .sheet(sheet)
        .hints(HINTS_QUIT)
        .by_hand("printf 'quitter\\n' | nc -q 1 127.0.0.1 5555"),
        check(
            "chat_server.takes_long_messages",
            "takes every byte of a line of 3000 bytes",
            takes_long_messages,
        )
        .sheet("labs/08_client_server.md#step-4-where-does-a-message-end")
        .hints(&[
            "How many bytes does one read return at most, and where do the others go?",
        ])
        .by_hand("head -c 3000 /dev/zero | tr '\\0' a | nc -q 1 127.0.0.1 5555"),
        check(
            "chat_server.prints_what_happens",
            "prints who came, how many are here, what they said, and who left",
            prints_what_happens,
        )
        .sheet(sheet)
        .hints(&[
            "Compare your output with the sheet, word by word.",
            "Print the message as text, not as a list of numbers.",
        ])
        .by_hand("nc 127.0.0.1 5555"),
    ]
}

fn room() -> Vec<Check> {
    let sheet = "labs/08_client_server.md#step-3-more-than-two";
    let check =
        |id, title, run| Check::new(id, title, run).needs(&["chat_server.tells_others"]);
    vec![
        Check::new(
            "chat_server.tells_others",
            "tells a message to everyone else, as the line [NAME] TEXT",
            tells_others,
        )
        .needs(&[
            "chat_server.confirms",
            "chat_server.greets",
            "chat_server.serves_many_at_once",
        ])
        .points(2)
        .sheet(sheet)
        .hints(HINTS_BROADCAST)
        .by_hand("nc 127.0.0.1 5555 (three times, in three terminals)"),
        check(
            "chat_server.tells_nothing_back",
            "does not tell the sender what it tells the others",
            tells_nothing_back,
        )
        .sheet(sheet)
        .hints(HINTS_BROADCAST)
        .by_hand("nc 127.0.0.1 5555 (twice, in two terminals)"),
        check(
            "chat_server.announces_who_comes_and_goes",
            "tells everyone else who joined and who left",
            announces,
        )
        .sheet(sheet)
        .hints(HINTS_BROADCAST)
        .by_hand("nc 127.0.0.1 5555 (twice, in two terminals)"),
        check(
            "chat_server.gives_names",
            "puts the name before a message after /name NAME",
            gives_names,
        )
        .sheet("labs/08_client_server.md#step-5-names")
        .hints(HINTS_NAMES)
        .by_hand("printf '/name alice\\nhello\\n' | nc -q 1 127.0.0.1 5555"),
        Check::new(
            "chat_server.gives_a_name_once",
            "does not give a name that somebody in the room has",
            gives_a_name_once,
        )
        .needs(&["chat_server.gives_names"])
        .sheet("labs/08_client_server.md#step-5-names")
        .hints(HINTS_NAMES)
        .by_hand("say /name alice in two terminals"),
        check(
            "chat_server.lets_nobody_forge_a_line",
            "sends the others one line for a message, whatever bytes are in it",
            lets_nobody_forge_a_line,
        )
        .sheet("labs/08_client_server.md#what-goes-wrong-and-why")
        .hints(&[
            "A message may hold a carriage return: what does a terminal do with it?",
            "Escape control characters in what you pass on.",
        ])
        .by_hand("printf 'hi\\r[root] you are fired\\n' | nc -q 1 127.0.0.1 5555"),
    ]
}

fn endurance() -> Vec<Check> {
    let wrong = "labs/08_client_server.md#what-goes-wrong-and-why";
    let check = |id, title, run| {
        Check::new(id, title, run)
            .needs(&["chat_server.confirms"])
            .sheet(wrong)
    };
    vec![
        check(
            "chat_server.serves_many_at_once",
            "serves a second client while the first is connected and silent",
            |exam| common::serves_beside_a_silent_client(exam, probe),
        )
        .points(2)
        .hints(HINTS_MANY)
        .by_hand("nc 127.0.0.1 5555 (twice, in two terminals)"),
        Check::new(
            "chat_server.waits_for_no_reader",
            "serves everybody while one client never reads and another says 20 MB",
            waits_for_no_reader,
        )
        .needs(&[
            "chat_server.tells_others",
            "chat_server.serves_many_at_once",
        ])
        .sheet("labs/08_client_server.md#step-6-the-reader-who-does-not-read")
        .points(2)
        .timing()
        .deadline(Duration::from_secs(60))
        .hints(HINTS_SLOW)
        .by_hand("stop one of three clients with Ctrl-Z and let another talk"),
        check(
            "chat_server.counts_who_is_here",
            "counts those who are in the room, not those who have been",
            counts_who_is_here,
        )
        .needs(&[
            "chat_server.prints_what_happens",
            "chat_server.serves_many_at_once",
        ])
        .hints(HINTS_GIVES_BACK)
        .by_hand("read the lines [ACTIVE CONNECTIONS] as clients come and go"),
        check(
            "chat_server.survives_resets",
            "goes on when clients reset their connections",
            |exam| common::survives_resets(exam, probe),
        )
        .hints(HINTS_SURVIVES)
        .by_hand("nmap -p 5555 127.0.0.1"),
        check(
            "chat_server.survives_invalid_utf8",
            "goes on when a client sends bytes that are not UTF-8",
            |exam| common::survives_invalid_utf8(exam, probe),
        )
        .hints(HINTS_SURVIVES)
        .by_hand("printf '\\377\\376' | nc -q 1 127.0.0.1 5555"),
        check(
            "chat_server.notices_the_end_of_a_client",
            "neither spins nor floods its output when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, probe),
        )
        .timing()
        .hints(HINTS_EOF)
        .by_hand("top (after a client has left)"),
        check(
            "chat_server.gives_back_what_clients_used",
            "has as many threads and open descriptors after 300 clients as before",
            |exam| common::returns_what_clients_used(exam, visit),
        )
        .deadline(Duration::from_secs(60))
        .hints(HINTS_GIVES_BACK)
        .by_hand("ls /proc/PID/fd | wc -l"),
        check(
            "chat_server.answers_a_crowd",
            "answers 200 clients, 20 at a time",
            |exam| common::answers_a_crowd(exam, visit),
        )
        .hints(HINTS_GIVES_BACK)
        .by_hand("for i in $(seq 200); do echo quit | nc 127.0.0.1 5555 & done"),
        check(
            "chat_server.restarts_at_once",
            "listens again at once when it is stopped and started",
            |exam| common::restarts_at_once(exam, probe),
        )
        .hints(HINTS_PORT)
        .by_hand("stop it with Ctrl-C while a client is connected, and start it again"),
        Check::new(
            "chat_server.reports_a_port_in_use",
            "reports a port in use in a message and with a status that is not 0",
            common::reports_a_port_in_use,
        )
        .needs(&["chat_server.listens"])
        .sheet(wrong)
        .hints(HINTS_PORT)
        .by_hand("cargo run -p chat_server (twice, in two terminals)"),
        Check::new(
            "chat_server.shuts_down_on_ctrl_c",
            "says so and ends with status 0 on Ctrl-C, also while clients are connected",
            |exam| common::shuts_down_on_ctrl_c(exam, "[SHUTDOWN] Server shutting down"),
        )
        .needs(&["chat_server.listens"])
        .sheet(wrong)
        .hints(&[
            "What waits for Ctrl-C while your server waits for clients?",
            "Handle SIGINT: print the line, then end, and wait for no client's thread.",
        ])
        .by_hand("Ctrl-C while a client is connected"),
    ]
}

/// Comes into the room: the greeting has been read.
fn enter(server: &Program) -> Result<Conn, Stop> {
    let mut client = server.connect()?;
    client.read_until(b"exit.\n")?;
    Ok(client)
}

/// One client that is served as it should be.
///
/// What else it hears, of others who come and go, may stand in between.
fn probe(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send(word)?;
    client.read_until(format!("{CONFIRMATION}{word}").as_bytes())?;
    Ok(())
}

/// The same with a line end, which is faster, and with a good-bye.
fn visit(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send(format!("{word}\n"))?;
    client.read_until(format!("{CONFIRMATION}{word}\n").as_bytes())?;
    client.send("quit\n")?;
    client.read_to_end().map(drop)
}

fn confirms(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.read_some(Duration::from_millis(300)); // The greeting has its own check.
    for message in [exam.word(9), format!("  aB é {} ", exam.word(5))] {
        client.send(&message)?;
        client.expect_exactly(format!("{CONFIRMATION}{message}"))?;
    }
    Ok(())
}

fn confirms_each_line(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = enter(&server)?;
    let (one, two) = (exam.word(6), exam.word(7));
    client.send(format!("{one}\n{two}\n"))?;
    client.expect_exactly(format!("{CONFIRMATION}{one}\n{CONFIRMATION}{two}\n"))
}

fn quits(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for quit in ["quit", "QUIT\n", " Quit \r\n"] {
        let mut client = enter(&server)?;
        client.send(quit)?;
        client.expect_end()?;
    }
    Ok(())
}

fn takes_long_messages(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = enter(&server)?;
    let message = format!("{}\n", exam.word(3000));
    client.send(&message)?;
    client.half_close();
    let reply = client.read_to_end()?;
    // Any number of pieces is right, each behind the prefix; random letters hold none.
    let confirmed = String::from_utf8_lossy(&reply).replace(CONFIRMATION, "");
    if confirmed == message {
        Ok(())
    } else {
        Err(Failure::bytes(message.as_bytes(), confirmed.as_bytes()).into())
    }
}

fn prints_what_happens(exam: &mut Exam) -> Verdict {
    let mut server = exam.server()?;
    let mut client = enter(&server)?;
    let peer_addr = client.local_addr()?.to_string();
    let port = client.local_addr()?.port().to_string();
    let text = format!("{} é", exam.word(8));
    client.send(format!("{text}\n"))?;
    client.read_until(format!("{CONFIRMATION}{text}\n").as_bytes())?;
    drop(client);
    for (what, needed) in [
        ("[NEW CONNECTION]", &port),
        ("[ACTIVE CONNECTIONS]", &"1".to_owned()),
        (text.as_str(), &port),
        ("[DISCONNECT]", &port),
    ] {
        let expected = format!("a line with {what} and {needed} (client: {peer_addr})");
        server.wait_for_printed(&expected, |printed| {
            let mut lines = printed.lines();
            lines.any(|line| line.contains(what) && line.contains(needed.as_str()))
        })?;
    }
    Ok(())
}

/// Everybody in the room, each with the name that is the peer address.
fn three(server: &Program) -> Result<[Conn; 3], Stop> {
    let mut clients = [enter(server)?, enter(server)?, enter(server)?];
    // Who came later is announced to who was there: not looked at here.
    for client in &mut clients {
        client.read_some(Duration::from_millis(200));
    }
    Ok(clients)
}

/// Says something and waits for the confirmation.
fn say(client: &mut Conn, message: &str) -> Verdict {
    client.send(message)?;
    hears(client, &format!("{CONFIRMATION}{message}"))
}

/// Reads on to this line: others may stand before it (who joined, who left).
fn hears(client: &mut Conn, line: &str) -> Verdict {
    client.read_until(line.as_bytes()).map(drop)
}

fn tells_others(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let [mut a, mut b, mut c] = three(&server)?;
    let name = a.local_addr()?;
    for (message, text) in [
        (format!("{}\n", exam.word(7)), None),
        (format!("  aB é {} ", exam.word(4)), Some(())),
    ] {
        a.send(&message)?;
        let text = match text {
            None => message.trim_end_matches('\n'),
            Some(()) => message.as_str(),
        };
        for other in [&mut b, &mut c] {
            other.expect_exactly(format!("[{name}] {text}\n"))?;
        }
    }
    Ok(())
}

fn tells_nothing_back(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let [mut a, mut b, _c] = three(&server)?;
    let word = exam.word(8);
    a.send(format!("{word}\n"))?;
    hears(&mut b, &format!("] {word}\n"))?;
    a.expect_exactly(format!("{CONFIRMATION}{word}\n"))
}

fn announces(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut first = enter(&server)?;
    for quit in [true, false] {
        let mut second = enter(&server)?;
        let name = second.local_addr()?;
        hears(&mut first, &format!("* {name} joined\n"))?;
        if quit {
            second.send("quit\n")?;
        } else {
            second.half_close();
        }
        hears(&mut first, &format!("* {name} left\n"))?;
    }
    Ok(())
}

fn gives_names(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let [mut a, mut b, _c] = three(&server)?;
    let (name, text) = (format!("n{}", exam.word(6)), exam.word(9));
    say(&mut a, &format!("/name {name}\n"))?;
    say(&mut a, &format!("{text}\n"))?;
    hears(&mut b, &format!("[{name}] {text}\n"))
}

fn gives_a_name_once(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let [mut a, mut b, mut c] = three(&server)?;
    let (name, text) = (format!("n{}", exam.word(6)), exam.word(9));
    say(&mut a, &format!("/name {name}\n"))?;
    say(&mut b, &format!("/name {name}\n"))?;
    say(&mut b, &format!("{text}\n"))?;
    let heard = c.read_until(format!("] {text}\n").as_bytes())?;
    if String::from_utf8_lossy(&heard).contains(&format!("[{name}] {text}")) {
        let expected = format!("another name than [{name}]: the first client has it");
        return Err(Failure::new(expected, format!("[{name}] {text}")).into());
    }
    Ok(())
}

fn lets_nobody_forge_a_line(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let [mut a, mut b, _c] = three(&server)?;
    let word = exam.word(8);
    a.send(format!("{word}\r[root] \u{1b}[2Jx{word}\n"))?;
    let heard = b.read_until(b"\n")?;
    let controls = |byte: &u8| byte.is_ascii_control() && *byte != b'\n';
    if heard.iter().any(controls) {
        let got = format!("\"{}\"", crate::harness::escape(&heard));
        let expected = "a line without control characters";
        return Err(Failure::new(expected, got)
            .cause("a carriage return or an escape sequence drives others' terminals")
            .into());
    }
    Ok(())
}

fn waits_for_no_reader(exam: &mut Exam) -> Verdict {
    const MEGABYTES: usize = 20;
    let server = exam.server()?;
    let _never_reads = server.connect()?;
    let talker = enter(&server)?;
    let third = enter(&server)?;
    let line = format!("{}\n", exam.word(999));
    let clone = |conn: &Conn| {
        let clone = conn.stream().try_clone();
        clone.map_err(|error| Stop::grader("cannot share a socket", &error))
    };
    let (mut confirmations, mut broadcasts) = (clone(&talker)?, clone(&third)?);
    let mut voice = clone(&talker)?;
    // Both read all the time: only the first client does not.
    thread::spawn(move || std::io::copy(&mut confirmations, &mut std::io::sink()));
    thread::spawn(move || std::io::copy(&mut broadcasts, &mut std::io::sink()));
    let text = line.repeat(1000);
    thread::spawn(move || {
        for _ in 0..MEGABYTES {
            if std::io::Write::write_all(&mut voice, text.as_bytes()).is_err() {
                return;
            }
        }
    });
    for _ in 0..5 {
        // While the talker talks, and when it has found its end or its limit.
        thread::sleep(Duration::from_millis(300));
        let mut fourth = server.connect()?;
        fourth.patience(Duration::from_secs(9));
        let word = exam.word(8);
        fourth.send(format!("{word}\n"))?;
        read_among_others(&mut fourth, &word)?;
    }
    Ok(())
}

/// Reads until the confirmation of `word`, however much of others' talk comes before it.
fn read_among_others(client: &mut Conn, word: &str) -> Verdict {
    let wanted = format!("{CONFIRMATION}{word}");
    let give_up = std::time::Instant::now() + Duration::from_secs(9);
    let mut tail = Vec::new();
    while std::time::Instant::now() < give_up {
        let mut buf = [0; 65536];
        let len = std::io::Read::read(&mut client.stream(), &mut buf).unwrap_or(0);
        tail.extend_from_slice(buf.get(..len).unwrap_or_default());
        if tail
            .windows(wanted.len())
            .any(|part| part == wanted.as_bytes())
        {
            return Ok(());
        }
        tail.drain(..tail.len().saturating_sub(wanted.len()));
        if len == 0 {
            break;
        }
    }
    let got = "nothing of it in 9 s, while one client does not read";
    Err(Failure::new(format!("\"{wanted}\""), got)
        .cause("the server waits in a write to the client that does not read")
        .into())
}

fn counts_who_is_here(exam: &mut Exam) -> Verdict {
    let mut server = exam.server()?;
    let _first = enter(&server)?;
    for _ in 0..5 {
        let mut second = enter(&server)?;
        second.send("quit\n")?;
        second.read_to_end()?;
    }
    let third = enter(&server)?;
    let port = third.local_addr()?.port().to_string();
    server.wait_for_printed(
        "[ACTIVE CONNECTIONS] 2 as the last count: five have come and gone",
        |printed| {
            let of_third = |line: &&str| line.contains("[NEW") && line.contains(&port);
            let mut counts = printed.lines().filter(|line| line.contains("[ACTIVE"));
            printed.lines().any(|line| of_third(&line))
                && counts
                    .next_back()
                    .is_some_and(|line| line.trim_end().ends_with(" 2"))
        },
    )
}
