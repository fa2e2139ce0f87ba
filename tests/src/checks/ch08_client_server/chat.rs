//! chat_server.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use super::super::common::{self, because};
use super::*;
use crate::harness::prelude::*;

const GREETING: &str = "Welcome to the chat server! Type 'quit' to exit.\n";
const CONFIRMATION: &str = "Server received: ";
/// How long each thing that must come may take.
const PATIENCE: Duration = Duration::from_secs(5);

const HINTS_CONFIRMS: &[&str] = &[
    "Compare what you send with the wire table on the sheet, byte by byte.",
    "The sender gets back the very bytes that came: nothing trimmed, nothing added.",
    "Not every client ends its messages with a line end: a pause ends them too.",
];
const HINTS_QUIT: &[&str] = &[
    "What does your comparison say to QUIT, to ' quit ' and to quitter?",
    "Trim the message and compare all of it, whatever the case of its letters.",
    "text.trim().eq_ignore_ascii_case(\"quit\"), or text.strip().lower() == \"quit\" in \
     Python. If so, reply nothing, leave the loop and close the stream.",
];
const HINTS_BROADCAST: &[&str] = &[
    "Who needs to know of all the others? Keep a list that every handler can reach.",
    "Go through the list and write to everybody on it, except to the sender.",
    "A line to the others is [NAME], a space, the text as it came, and exactly one line end.",
];
const HINTS_NAMES: &[&str] = &[
    "Where does your server keep what a client is called?",
    "Whose names do you look through before you give one? Who has left has none.",
    "Keep a map from client to name behind a Mutex (a dict and a Lock in Python), for \
     [NAME] and for * NAME left. Remove the entry wherever the handler ends, after quit \
     as after an error.",
];
const HINTS_SLOW: &[&str] = &[
    "Where does your server wait when one client does not read?",
    "A write to a full socket blocks: never do it while others wait, or hold a lock.",
    "Give each client a queue of its own with an end, and drop who lets it fill up.",
];

pub fn checks() -> Vec<Check> {
    let mut checks = conversation();
    checks.extend(several_clients());
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
                    hears_only(&mut client, GREETING)?;
                }
                Ok(())
            },
        )
        .needs(&["chat_server.listens"])
        .sheet(sheet)
        .hints(&[
            "Compare the greeting with the sheet, to its last byte.",
            "The server speaks first, as soon as somebody is connected: no client asks \
             for the greeting.",
            "Send the line of the sheet, with its one \\n, by write_all (sendall in \
             Python): after accept and before the first read of that client.",
        ])
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
            "chat_server.joins_the_parts_of_a_line",
            "takes a line that comes in two segments, without a pause, for one message",
            joins_the_parts_of_a_line,
        )
        .timing()
        .sheet("labs/08_client_server.md#step-4-where-does-a-message-end")
        .hints(&[
            "What does one read return when a line comes in two segments?",
            "Keep what has come until its line end is there.",
            "Only a pause of 50 ms makes a message of what has no line end.",
        ])
        .by_hand("(printf hel; sleep 0.01; echo lo) | nc -q 1 127.0.0.1 5555"),
        check(
            "chat_server.hears_the_last_words",
            "confirms what a client has said without a line end when it closes its side",
            hears_the_last_words,
        )
        .sheet("labs/08_client_server.md#step-4-where-does-a-message-end")
        .hints(&[
            "What do you do with what has come so far when read returns 0 bytes?",
            "The end of the stream ends a message as a pause does.",
            "Handle what is kept first, then take leave.",
        ])
        .by_hand("printf hello | nc -q 1 127.0.0.1 5555"),
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
            "takes a message that has quit, or a part of it, in it for one like any other",
            |exam| {
                let server = exam.server()?;
                let mut client = enter(&server)?;
                // The last ones are parts of the word.
                for text in ["quitter\n", "I quit\n", "quit now", "qui\n", "it\n"] {
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
            "It returns what your buffer has room for, and the next read returns more. \
             Neither of the two is a message: the line end makes it one.",
            "Append each read to a Vec (a bytearray in Python), and take out what stands \
             up to the first \\n. If you have a limit, confirm in pieces, and lose no \
             byte.",
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
            "[NEW CONNECTION] and [DISCONNECT] stand on a line with the peer's address, \
             [ACTIVE CONNECTIONS] with the number, each message with the address in \
             front. String::from_utf8_lossy (decode in Python) makes the text.",
        ])
        .by_hand("nc 127.0.0.1 5555"),
    ]
}

/// What the room stands on: its checks need these.
fn several_clients() -> Vec<Check> {
    let wrong = "labs/08_client_server.md#what-goes-wrong-and-why";
    vec![
        Check::new(
            "chat_server.serves_many_at_once",
            "serves a second client while the first is connected and silent",
            |exam| common::serves_beside_a_silent_client(exam, probe),
        )
        .needs(&["chat_server.confirms"])
        .sheet(wrong)
        .points(2)
        .hints(HINTS_MANY)
        .by_hand("nc 127.0.0.1 5555 (twice, in two terminals)"),
        Check::new(
            "chat_server.survives_resets",
            "goes on when clients reset their connections",
            |exam| common::survives_resets(exam, probe),
        )
        .needs(&["chat_server.confirms"])
        .sheet(wrong)
        .hints(HINTS_SURVIVES)
        .by_hand("nmap -p 5555 127.0.0.1"),
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
            "chat_server.lets_people_think",
            "keeps the room as it is while nobody says a word for 8 s, and nobody comes",
            lets_people_think,
        )
        .timing()
        .sheet(sheet)
        .hints(&[
            "Whose time runs out in your server, and after how many seconds?",
            "Nobody has left because nobody talks: people read, think, and go for a cup \
             of tea.",
            "Give accept no time limit, and each client minutes; here they are five.",
        ])
        .by_hand("(sleep 8; echo hello) | nc -q 1 127.0.0.1 5555, and nc 127.0.0.1 5555 beside it"),
        check(
            "chat_server.tells_nothing_back",
            "does not tell the sender what it tells the others",
            tells_nothing_back,
        )
        .sheet(sheet)
        .hints(HINTS_BROADCAST)
        .by_hand("nc 127.0.0.1 5555 (twice, in two terminals)"),
        check(
            "chat_server.keeps_the_order",
            "tells every line of two who speak at once, whole and in the order of each",
            keeps_the_order,
        )
        .points(2)
        .sheet(sheet)
        .hints(&[
            "Who writes to a client's socket? Can two threads do so at the same time?",
            "A thread for each message is a race: the second may be faster.",
            "One queue for each client, and one thread that empties it, keep the order.",
        ])
        .by_hand("seq 300 | nc -q 1 127.0.0.1 5555 (while another nc listens)"),
        check(
            "chat_server.announces_who_comes_and_goes",
            "tells everyone else who joined and who left",
            announces,
        )
        .needs(&["chat_server.tells_others", "chat_server.survives_resets"])
        .sheet(sheet)
        .hints(HINTS_BROADCAST)
        .by_hand("nc 127.0.0.1 5555 (twice, in two terminals)"),
        check(
            "chat_server.gives_names",
            "calls a client by its name after /name NAME, also when it leaves",
            gives_names,
        )
        .sheet("labs/08_client_server.md#step-5-names")
        .hints(HINTS_NAMES)
        .by_hand("printf '/name alice\\nhello\\n' | nc -q 1 127.0.0.1 5555"),
        Check::new(
            "chat_server.gives_a_name_again",
            "gives a name again when its owner has left, and to nobody who has not asked",
            gives_a_name_again,
        )
        .needs(&["chat_server.gives_names"])
        .sheet("labs/08_client_server.md#step-5-names")
        .hints(HINTS_NAMES)
        .by_hand("say /name alice and quit; then say /name alice in another terminal"),
        Check::new(
            "chat_server.tells_who_is_here",
            "answers /who with the names of all who are in the room",
            tells_who_is_here,
        )
        .needs(&["chat_server.gives_names"])
        .sheet("labs/08_client_server.md#step-5-names")
        .hints(&[
            "Which list of your server holds everybody who is here?",
            "The answer goes to the one who asks, as lines that begin with *.",
            "Who has taken no name is listed with the address.",
        ])
        .by_hand("printf '/who\\n' | nc -q 1 127.0.0.1 5555"),
        Check::new(
            "chat_server.keeps_commands_to_itself",
            "tells the others nothing of /name, /who and quit, which are said to the server",
            keeps_commands_to_itself,
        )
        .needs(&["chat_server.gives_names", "chat_server.tells_who_is_here"])
        .sheet("labs/08_client_server.md#step-5-names")
        .hints(&[
            "Which messages of a client are for the room, and which for the server?",
            "Look whether a message is quit or a command before you tell the others.",
            "Handle quit, /name and /who first, and return from the function: only what \
             is left goes to the others as [NAME] TEXT.",
        ])
        .by_hand("say /name nina, /who and quit in one terminal, and look at another"),
        check(
            "chat_server.tells_one_line_for_a_message",
            "sends the others one line for a message, whatever bytes are in it",
            tells_one_line_for_a_message,
        )
        .sheet("labs/08_client_server.md#what-goes-wrong-and-why")
        .hints(&[
            "Which characters end a line for your language's function, and which in this protocol?",
            "Split at the byte \\n and nowhere else.",
            "Python's splitlines() also splits at \\r, \\x0b, \\x0c, \\x1c and U+2028.",
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
        Check::new(
            "chat_server.waits_for_no_reader",
            "serves everybody while one client never reads and another says 20 MB",
            waits_for_no_reader,
        )
        .needs(&[
            "chat_server.tells_others",
            "chat_server.serves_many_at_once",
            // A client that leaves with bytes unread leaves by a reset.
            "chat_server.survives_resets",
        ])
        .sheet("labs/08_client_server.md#step-6-the-reader-who-does-not-read")
        .points(2)
        .timing()
        .deadline(Duration::from_secs(60))
        .hints(HINTS_SLOW)
        .by_hand("stop one of three clients with Ctrl-Z and let another talk"),
        check(
            "chat_server.cuts_no_line",
            "sends only whole lines to a reader who pauses, or ends that connection",
            cuts_no_line,
        )
        .needs(&[
            // Who loses lines of their own accord fails another check.
            "chat_server.keeps_the_order",
            "chat_server.survives_resets",
        ])
        .sheet("labs/08_client_server.md#step-6-the-reader-who-does-not-read")
        .deadline(Duration::from_secs(60))
        .hints(&[
            "What do you do with a line when there is room for a part of it only?",
            "A send that does not wait may take a part of a line. Who sends the rest?",
            "Keep what the socket has not taken in the client's own queue and send it \
             first, before the next line. Whose queue is full is dropped: close the \
             connection.",
        ])
        .by_hand("stop nc with Ctrl-Z while another client says 6 MB, then fg"),
        check(
            "chat_server.survives_odd_commands",
            "goes on when a client says /name without a name",
            survives_odd_commands,
        )
        .needs(&[
            "chat_server.confirms",
            "chat_server.serves_many_at_once",
            // A client that leaves with bytes unread leaves by a reset.
            "chat_server.survives_resets",
        ])
        .hints(HINTS_SURVIVES)
        .by_hand("printf '/name\\n' | nc -q 1 127.0.0.1 5555"),
        check(
            "chat_server.counts_who_is_here",
            "counts those who are in the room, not those who have been",
            counts_who_is_here,
        )
        .needs(&[
            "chat_server.prints_what_happens",
            "chat_server.serves_many_at_once",
            "chat_server.survives_resets",
        ])
        .hints(HINTS_GIVES_BACK)
        .by_hand("read the lines [ACTIVE CONNECTIONS] as clients come and go"),
        check(
            "chat_server.survives_invalid_utf8",
            "goes on when a client sends bytes that are not UTF-8, and leaves nobody waiting",
            survives_invalid_utf8,
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
            |exam| common::returns_what_lost_clients_used(exam, comes_and_goes),
        )
        .needs(&["chat_server.confirms", "chat_server.survives_resets"])
        .deadline(Duration::from_secs(60))
        .hints(HINTS_GIVES_BACK)
        .by_hand("ls /proc/PID/fd | wc -l"),
        check(
            "chat_server.answers_a_crowd",
            "answers fifty clients at once, and 200 that come 20 at a time",
            |exam| {
                common::serves_fifty_at_once(
                    exam,
                    |word| format!("{word}\n"),
                    |client, word| {
                        let wanted = format!("{CONFIRMATION}{word}\n");
                        client.read_until(wanted.as_bytes()).map(drop)
                    },
                )?;
                common::answers_a_crowd(exam, visit)
            },
        )
        .needs(&["chat_server.confirms", "chat_server.serves_many_at_once"])
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
            shuts_down,
        )
        .needs(&["chat_server.listens"])
        .sheet(wrong)
        .hints(&[
            "What waits for Ctrl-C while your server waits for clients?",
            "Handle SIGINT: print the line, then end, and wait for no client's thread.",
            "Let main wait for the signal while a thread accepts (a crate such as \
             ctrlc), print [SHUTDOWN] Server shutting down and return. In Python catch \
             KeyboardInterrupt around accept, and start the threads with daemon=True.",
        ])
        .by_hand("Ctrl-C while a client is connected"),
    ]
}

/// Comes into the room: the greeting, which has a check of its own, has been read.
fn enter(server: &Program) -> Result<Conn, Stop> {
    let mut client = server.connect()?;
    // It may be late; when it is there, all of it is.
    let _ = client.stream().set_read_timeout(Some(PATIENCE));
    if matches!(uninterrupted(|| client.stream().peek(&mut [0])), Ok(1..)) {
        client.patience(Duration::from_secs(1));
        let _ = client.read_until(b"\n");
        client.patience(PATIENCE);
    }
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

/// Reads the lines that the server says on its own, which may stand before an answer.
fn skip_news(client: &mut Conn) -> Verdict {
    let mut first = [0];
    let _ = client.stream().set_read_timeout(Some(PATIENCE));
    while matches!(uninterrupted(|| client.stream().peek(&mut first)), Ok(1..))
        && first == *b"*"
    {
        client.read_until(b"\n")?;
        let _ = client.stream().set_read_timeout(Some(PATIENCE));
    }
    Ok(())
}

fn confirms(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = enter(&server)?;
    for message in [exam.word(9), format!("  aB é {} ", exam.word(5))] {
        client.send(&message)?;
        skip_news(&mut client)?;
        client.expect(format!("{CONFIRMATION}{message}"))?;
        // Whoever is told the own message, too, fails a check that says so.
        let more = client.read_some(Duration::from_millis(150));
        if !more.is_empty() && !more.starts_with(b"[") {
            let wanted = format!("{CONFIRMATION}{message}").into_bytes();
            let got = [wanted.as_slice(), &more].concat();
            return Err(Failure::bytes(&wanted, &got).into());
        }
    }
    Ok(())
}

/// One of two says good-bye, the other goes without a word.
fn comes_and_goes(server: &Program, word: &str) -> Verdict {
    match word.bytes().next() {
        Some(first) if first % 2 == 0 => visit(server, word),
        _ => {
            let mut client = server.connect()?;
            client.send(format!("{word}\n"))?;
            client.read_until(format!("{CONFIRMATION}{word}\n").as_bytes())?;
            client.half_close();
            client.read_to_end().map(drop)
        }
    }
}

fn survives_odd_commands(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for command in ["/name\n", "/name \n", "/name", "/\n", "/who is here\n"] {
        let mut client = enter(&server)?;
        client.send(command)?;
        // The answer, to it or to whoever hears it, is free.
        client.read_some(Duration::from_millis(200));
        let word = exam.word(8);
        probe(&server, &word).map_err(common::likely(
            "a command without its argument ends the server: is there always a second \
             word to take?",
        ))?;
    }
    Ok(())
}

fn survives_invalid_utf8(exam: &mut Exam) -> Verdict {
    common::survives_invalid_utf8(exam, probe)?;
    let server = exam.server()?;
    let mut client = enter(&server)?;
    client.send(b"\xff\xfe\n")?;
    common::gets_an_answer_or_the_end(&client)
}

fn confirms_each_line(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = enter(&server)?;
    let (one, two) = (exam.word(6), exam.word(7));
    client.send(format!("{one}\n{two}\n"))?;
    skip_news(&mut client)?;
    client.expect_exactly(format!("{CONFIRMATION}{one}\n{CONFIRMATION}{two}\n"))?;
    for line in [format!("{one}\r\n"), format!("{one}\0{two}\n")] {
        client.send(&line)?;
        client.expect_exactly(format!("{CONFIRMATION}{line}"))?;
    }
    // An empty line may be confirmed or not; it is no good-bye.
    let word = exam.word(8);
    client.send("\n")?;
    client.send_anyway(format!("{word}\n"));
    let wanted = format!("{CONFIRMATION}{word}\n");
    hears(&mut client, &wanted).map_err(because("an empty line came before it"))
}

fn quits(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for quit in ["quit", "QUIT\n", " Quit \r\n"] {
        let mut client = enter(&server)?;
        client.send(quit)?;
        let heard = client.read_to_end()?;
        let reply = without_news(&heard);
        if !reply.is_empty() {
            return Err(Failure::bytes(b"", &reply).into());
        }
    }
    Ok(())
}

/// Takes out the lines that tell what others do: the last words of an earlier client, and
/// that it has left, may be news to a later one.
fn without_news(heard: &[u8]) -> Vec<u8> {
    let lines = heard.split_inclusive(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.starts_with(b"* ") && !line.starts_with(b"["))
        .flatten()
        .copied()
        .collect()
}

fn takes_long_messages(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = enter(&server)?;
    let message = format!("{}\n", exam.word(3000));
    client.send(&message)?;
    client.half_close();
    let reply = without_news(&client.read_to_end()?);
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

/// What came, with addresses as `127.0.0.1:54321`, however the server's language writes
/// them: Python `('127.0.0.1', 54321)`, Java `/127.0.0.1:54321`.
fn plain_addrs(heard: &[u8]) -> String {
    let text = String::from_utf8_lossy(heard)
        .replace("[/", "[")
        .replace("* /", "* ");
    let Some((before, rest)) = text.split_once("('") else {
        return text;
    };
    let Some((host, rest)) = rest.split_once("', ") else {
        return text;
    };
    match rest.split_once(')') {
        Some((port, rest)) if port.parse::<u16>().is_ok() => {
            let rest = plain_addrs(rest.as_bytes());
            format!("{before}{host}:{port}{rest}")
        }
        _ => text,
    }
}

/// Reads on to the announcement that somebody has joined or left, and hears no more of who
/// is `gone`.
fn hears_of(
    client: &mut Conn,
    name: SocketAddr,
    what: &str,
    gone: Option<SocketAddr>,
) -> Verdict {
    let wanted = format!("* {name} {what}\n");
    loop {
        let line = client
            .read_until(b"\n")
            .map_err(|stop| expecting(&wanted, stop))?;
        let line = plain_addrs(&line);
        if line == wanted {
            return Ok(());
        }
        if gone.is_some_and(|gone| line == format!("* {gone} left\n")) {
            let got = format!("\"{}\" again", crate::harness::escape(line.as_bytes()));
            let expected = format!("\"{}\"", crate::harness::escape(wanted.as_bytes()));
            return Err(Failure::new(expected, got)
                .cause("of one client it takes leave twice")
                .into());
        }
    }
}

/// The same failure, of somebody who expected this.
fn expecting(wanted: &str, stop: Stop) -> Stop {
    match stop {
        Stop::Failed(mut failure) => {
            let wanted = crate::harness::escape(wanted.as_bytes());
            failure.expected = format!("\"{wanted}\"");
            Stop::Failed(failure)
        }
        error @ Stop::Error(_) => error,
    }
}

/// Hears exactly this line next, and nothing else.
///
/// What the server announces on its own may come late and stand anywhere.
fn hears_only(client: &mut Conn, wanted: &str) -> Verdict {
    let announced = |line: &[u8]| line.starts_with(b"* ");
    loop {
        let line = client
            .read_until(b"\n")
            .map_err(|stop| expecting(wanted, stop))?;
        if plain_addrs(&line) == wanted {
            break;
        }
        if !announced(&line) {
            return Err(Failure::bytes(wanted.as_bytes(), &line).into());
        }
    }
    let more = client.read_some(Duration::from_millis(150));
    if more.split_inclusive(|&byte| byte == b'\n').all(announced) {
        return Ok(());
    }
    let got = [wanted.as_bytes(), &more].concat();
    Err(Failure::bytes(wanted.as_bytes(), &got).into())
}

fn tells_others(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let [mut a, mut b, mut c] = three(&server)?;
    let name = a.local_addr()?;
    // Messages with a line end, and one without.
    for (text, end) in [
        (exam.word(7), "\n"),
        (format!("  aB é {}  ", exam.word(3)), "\n"),
        (format!("aB é  {}", exam.word(4)), ""),
    ] {
        a.send(format!("{text}{end}"))?;
        for other in [&mut b, &mut c] {
            hears_only(other, &format!("[{name}] {text}\n"))?;
        }
    }
    Ok(())
}

fn lets_people_think(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let (mut a, mut b) = (enter(&server)?, enter(&server)?);
    let (name, word) = (a.local_addr()?, exam.word(8));
    exam.note("nobody says a word for 8 s");
    // Time is what is measured here; there is no event to wait for.
    thread::sleep(Duration::from_secs(8));
    a.send(format!("{word}\n"))
        .and_then(|()| hears(&mut b, &format!("[{name}] {word}\n")))
        .and_then(|()| probe(&server, &exam.word(8)))
        .map_err(common::likely(
            "a time limit of seconds, on a client's socket or on accept",
        ))
}

fn tells_nothing_back(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let [mut a, mut b, _c] = three(&server)?;
    let word = exam.word(8);
    a.send(format!("{word}\n"))?;
    hears(&mut b, &format!("] {word}\n"))?;
    hears_only(&mut a, &format!("{CONFIRMATION}{word}\n"))
}

/// A word, the end of the stream, no socket any more, a reset.
const WAYS_TO_LEAVE: [fn(Conn) -> Verdict; 4] = [
    |mut client| {
        client.send("quit\n")?;
        client.read_to_end().map(drop)
    },
    |mut client| {
        client.half_close();
        client.read_to_end().map(drop)
    },
    |client| {
        drop(client);
        Ok(())
    },
    |client| {
        client.reset();
        Ok(())
    },
];

fn announces(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut first = enter(&server)?;
    let mut gone = None;
    for leave in WAYS_TO_LEAVE {
        let second = enter(&server)?;
        let name = second.local_addr()?;
        hears_of(&mut first, name, "joined", gone)?;
        leave(second)?;
        hears_of(&mut first, name, "left", None)?;
        gone = Some(name);
    }
    // Whose farewell came last has none before this one joins.
    let last = enter(&server)?;
    hears_of(&mut first, last.local_addr()?, "joined", gone)?;
    announces_nobody_to_himself(exam)
}

/// Who is alone hears of nobody who has joined.
fn announces_nobody_to_himself(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut alone = enter(&server)?;
    let unwanted = format!("* {} joined\n", alone.local_addr()?);
    let word = exam.word(8);
    alone.send(format!("{word}\n"))?;
    let mut heard = alone.read_until(format!("{CONFIRMATION}{word}\n").as_bytes())?;
    heard.extend(alone.read_some(Duration::from_millis(150)));
    if !plain_addrs(&heard).contains(&unwanted) {
        return Ok(());
    }
    let expected = "who is alone in the room is told of nobody who has joined";
    let got = format!("\"{}\"", crate::harness::escape(unwanted.as_bytes()));
    Err(Failure::new(expected, got)
        .cause("who comes is told that it has come itself: tell the others only")
        .into())
}

/// Asks for a name. What is replied to a command is free, also whether it is confirmed.
fn ask_for_name(client: &mut Conn, name: &str) -> Verdict {
    client.send(format!("/name {name}\n"))?;
    client.read_some(Duration::from_millis(200));
    Ok(())
}

/// Says something, and returns the line of it that another client hears.
fn said(speaker: &mut Conn, listener: &mut Conn, text: &str) -> Result<String, Stop> {
    say(speaker, &format!("{text}\n"))?;
    let heard = listener.read_until(format!("] {text}\n").as_bytes())?;
    let heard = String::from_utf8_lossy(&heard);
    Ok(heard.lines().last().unwrap_or_default().to_owned())
}

fn gives_names(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let [mut a, mut b, _c] = three(&server)?;
    let (name, text) = (format!("n{}", exam.word(6)), exam.word(9));
    ask_for_name(&mut a, &name)?;
    say(&mut a, &format!("{text}\n"))?;
    hears(&mut b, &format!("[{name}] {text}\n"))?;
    let (name, text) = (format!("m{}", exam.word(6)), exam.word(9));
    ask_for_name(&mut a, &name)?;
    say(&mut a, &format!("{text}\n"))?;
    hears(&mut b, &format!("[{name}] {text}\n")).map_err(because(
        "this is the second name that the client has asked for",
    ))?;
    takes_a_command_at_the_start_only(exam, &mut a, &mut b, &name)?;
    // Whether it says who leaves has a check of its own.
    let peer_addr = a.local_addr()?.to_string();
    a.send("quit\n")?;
    b.patience(Duration::from_secs(2));
    match b.read_until(b" left\n") {
        Ok(heard) if plain_addrs(&heard).contains(&peer_addr) => {
            let expected = format!("* {name} left");
            Err(Failure::new(expected, format!("* {peer_addr} left")).into())
        }
        _ => Ok(()),
    }
}

/// What has /name further behind is a message, and changes no name.
fn takes_a_command_at_the_start_only(
    exam: &mut Exam,
    speaker: &mut Conn,
    listener: &mut Conn,
    name: &str,
) -> Verdict {
    let about_names = format!("please type /name o{}", exam.word(6));
    for text in [about_names, exam.word(9)] {
        thread::sleep(Duration::from_millis(5)); // Who speaks in a rush has another check.
        say(speaker, &format!("{text}\n"))?;
        hears(listener, &format!("[{name}] {text}\n")).map_err(because(
            "a message with /name in it is no command: that stands at the start",
        ))?;
    }
    Ok(())
}

fn gives_a_name_again(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let [mut a, mut b, mut c] = three(&server)?;
    let name = format!("n{}", exam.word(6));
    ask_for_name(&mut a, &name)?;
    said(&mut a, &mut c, &exam.word(9))?; // Its owner has the name now.
    // Whether another may have it, too, is the server's choice. When its owner has left
    // it is free; the server may need a moment to notice.
    a.send("quit\n")?;
    a.read_to_end()?;
    let _newcomers = calls_newcomers_by_their_address(exam, &server, &mut c)?;
    let mut heard = String::new();
    for _ in 0..10 {
        ask_for_name(&mut b, &name)?;
        heard = said(&mut b, &mut c, &exam.word(9))?;
        if heard.contains(&format!("[{name}] ")) {
            return Ok(());
        }
    }
    let expected = format!("the name [{name}], whose owner has left");
    Err(Failure::new(expected, heard).into())
}

/// Others hear what a client says, and from the server who comes and goes: nothing else.
fn keeps_commands_to_itself(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let [mut a, mut b, _c] = three(&server)?;
    let (name, word) = (format!("n{}", exam.word(6)), exam.word(9));
    ask_for_name(&mut a, &name)?;
    a.send("/who\n")?;
    a.read_some(Duration::from_millis(200));
    say(&mut a, &format!("{word}\n"))?;
    let wanted = format!("[{name}] {word}\n");
    hears_only(&mut b, &wanted).map_err(because(
        "what is said to the server, a command, is told to the others",
    ))?;
    a.send("quit\n")?;
    a.read_to_end()?;
    // What was told of quit comes before what is said now.
    let last = format!("{}\n", exam.word(9));
    let mut other = enter(&server)?;
    thread::sleep(Duration::from_millis(5)); // Who speaks in a rush has another check.
    say(&mut other, &last)?;
    let heard = b.read_until(format!("] {last}").as_bytes())?;
    let heard = String::from_utf8_lossy(&heard).into_owned();
    let told = heard
        .lines()
        .find(|line| line.starts_with(&format!("[{name}]")));
    match told {
        None => Ok(()),
        Some(line) => {
            let expected = "nothing but * NAME left when a client says quit";
            Err(Failure::new(expected, format!("{line:?}"))
                .cause("quit is said to the server, and no message for the others")
                .into())
        }
    }
}

/// Nobody inherits a name, also not with the number of a socket that is closed.
fn calls_newcomers_by_their_address(
    exam: &mut Exam,
    server: &Program,
    listener: &mut Conn,
) -> Result<Vec<Conn>, Stop> {
    // The number may be free a moment after the end has been seen.
    let mut stay = Vec::new();
    for _ in 0..3 {
        let mut newcomer = enter(server)?;
        thread::sleep(Duration::from_millis(5)); // Who speaks in a rush has another check.
        let text = exam.word(9);
        let expected = format!("[{}] {text}", newcomer.local_addr()?);
        let heard = said(&mut newcomer, listener, &text)?;
        if plain_addrs(heard.as_bytes()) != expected {
            return Err(Failure::new(expected, heard)
                .cause(
                    "a newcomer has a name that it has not asked for: it belonged to \
                     another, who has left",
                )
                .into());
        }
        stay.push(newcomer);
    }
    Ok(stay)
}

fn tells_who_is_here(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let [mut a, b, mut c] = three(&server)?;
    let name = format!("n{}", exam.word(6));
    ask_for_name(&mut a, &name)?;
    said(&mut a, &mut c, &exam.word(9))?;
    c.send("/who\n")?;
    // The list may have any form; the names stand in it.
    let mut missing = vec![
        name.clone(),
        b.local_addr()?.to_string(),
        c.local_addr()?.to_string(), // The asker is here as well.
    ];
    let mut list = String::new();
    let give_up = Instant::now() + PATIENCE;
    while !missing.is_empty() && Instant::now() < give_up {
        list += &String::from_utf8_lossy(&c.read_some(Duration::from_millis(200)));
        let names = plain_addrs(list.as_bytes());
        missing.retain(|name| !names.contains(name.as_str()));
    }
    if !missing.is_empty() {
        let expected = format!("a list of who is here, with {}", missing.join(" and "));
        let got = format!("\"{}\"", crate::harness::escape(list.as_bytes()));
        return Err(Failure::new(expected, got).into());
    }
    lists_nobody_who_has_gone(b, &mut c, &name)
}

/// Who has left is not here. The server may need a moment to notice.
fn lists_nobody_who_has_gone(mut leaver: Conn, asker: &mut Conn, here: &str) -> Verdict {
    let gone = leaver.local_addr()?.to_string();
    leaver.send("quit\n")?;
    leaver.read_to_end()?;
    let mut list = String::new();
    let give_up = Instant::now() + PATIENCE;
    while Instant::now() < give_up {
        asker.send("/who\n")?;
        let heard = plain_addrs(&asker.read_some(Duration::from_millis(300)));
        // That it has left is told to everyone: no part of the list.
        let is_news = |line: &&str| line.trim_end() == format!("* {gone} left");
        let (news, rest): (Vec<&str>, _) = heard.lines().partition(is_news);
        list = rest.join("\n");
        if news.is_empty() && list.contains(here) && !list.contains(&gone) {
            return Ok(());
        }
    }
    let expected = format!("a list of who is here, without {gone}, who has left");
    let got = format!("\"{}\"", crate::harness::escape(list.as_bytes()));
    Err(Failure::new(expected, got).into())
}

fn keeps_the_order(exam: &mut Exam) -> Verdict {
    const LINES: usize = 300;
    let server = exam.server()?;
    let [mut a, mut b, mut c] = three(&server)?;
    let (of_a, of_b) = (exam.word(20), exam.word(20));
    let speech = |word: &str| -> String {
        (0..LINES)
            .map(|number| format!("{word} {number}\n"))
            .collect()
    };
    // Two speak at once; what the one says may stand between what the other says.
    a.send(speech(&of_a))?;
    b.send(speech(&of_b))?;
    let mut next = [0, 0];
    while next != [LINES, LINES] {
        let heard = c.read_until(b"\n")?;
        let heard = String::from_utf8_lossy(&heard);
        if heard.starts_with("* ") {
            continue;
        }
        let said = heard.trim_end().split_once("] ").map(|(_, text)| text);
        let [from_a, from_b] = &mut next;
        let due = [(&of_a, from_a), (&of_b, from_b)];
        let mut expected = Vec::new();
        for (word, count) in due {
            let wanted = format!("{word} {count}");
            if said == Some(wanted.as_str()) {
                *count += 1;
                expected.clear();
                break;
            }
            expected.push(wanted);
        }
        if !expected.is_empty() {
            let expected = format!("[NAME] {}", expected.join(", or [NAME] "));
            return Err(Failure::new(expected, format!("\"{}\"", heard.trim_end()))
                .cause("lines are lost, mixed, or told by threads that race each other")
                .into());
        }
    }
    tells_a_long_line(exam, &mut a, &mut c)
}

/// A long line reaches the others, too, in one line or in several.
fn tells_a_long_line(exam: &mut Exam, speaker: &mut Conn, other: &mut Conn) -> Verdict {
    let long = exam.word(3000);
    speaker.send(format!("{long}\n"))?;
    let mut heard = String::new();
    while heard.len() < long.len() {
        let Ok(line) = other.read_until(b"\n") else {
            break;
        };
        let line = String::from_utf8_lossy(&line).into_owned();
        if let (true, Some((_, text))) = (line.starts_with('['), line.split_once("] ")) {
            heard.push_str(text.trim_end());
        }
    }
    if heard == long {
        return Ok(());
    }
    let cause = "a long line is confirmed and not told to the others, or not all of it";
    Err(Failure::bytes(long.as_bytes(), heard.as_bytes())
        .cause(cause)
        .into())
}

fn tells_one_line_for_a_message(exam: &mut Exam) -> Verdict {
    // What some libraries take for the end of a line. Only \n is one here.
    const NO_ENDS: [&str; 7] = [
        "\r",
        "\u{b}",
        "\u{c}",
        "\u{1c}",
        "\u{85}",
        "\u{2028}",
        "\u{1b}[2J",
    ];
    let server = exam.server()?;
    let [mut a, mut b, _c] = three(&server)?;
    for no_end in NO_ENDS {
        thread::sleep(Duration::from_millis(5)); // Who speaks in a rush has another check.
        let (first, rest) = (exam.word(8), exam.word(8));
        a.send(format!("{first}{no_end}[root] {rest}\n"))?;
        // It may come untouched, escaped or without what drives a terminal.
        let heard = b.read_until(format!("{rest}\n").as_bytes())?;
        let heard = String::from_utf8_lossy(&heard).into_owned();
        let last = heard.trim_end_matches('\n').rsplit('\n').next();
        if !last.is_some_and(|line| line.starts_with('[') && line.contains(&first)) {
            let expected = format!("one line, which begins with [NAME] {first}");
            let got = format!("\"{}\"", crate::harness::escape(heard.as_bytes()));
            return Err(Failure::new(expected, got)
                .cause("other characters than \\n are taken for the end of a line")
                .into());
        }
    }
    Ok(())
}

fn waits_for_no_reader(exam: &mut Exam) -> Verdict {
    const MEGABYTES: usize = 20;
    /// More than the system keeps for the client that does not read.
    const FILLED: usize = 10_000_000;
    /// For slow servers; those that limit a talker are asked for as long.
    const LONGEST: Duration = Duration::from_secs(15);
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
    let heard = Arc::new(AtomicUsize::new(0));
    let hears = Arc::clone(&heard);
    thread::spawn(move || {
        let mut buf = [0; 65_536];
        while let Ok(len @ 1..) = uninterrupted(|| broadcasts.read(&mut buf)) {
            hears.fetch_add(len, Ordering::Relaxed);
        }
    });
    let text = line.repeat(1000);
    let talk = thread::spawn(move || {
        for _ in 0..MEGABYTES {
            if std::io::Write::write_all(&mut voice, text.as_bytes()).is_err() {
                return;
            }
        }
    });
    let started = Instant::now();
    for round in 1.. {
        // While the talker talks, and when it has found its end or its limit.
        thread::sleep(Duration::from_millis(300));
        let is_over = talk.is_finished() || heard.load(Ordering::Relaxed) >= FILLED;
        let mut fourth = server.connect()?;
        fourth.patience(Duration::from_secs(9));
        let word = exam.word(8);
        fourth.send(format!("{word}\n"))?;
        read_among_others(&mut fourth, &word)?;
        if round >= 5 && (is_over || started.elapsed() > LONGEST) {
            break;
        }
    }
    Ok(())
}

/// A reader who pauses finds whole lines when it reads on, and perhaps the end.
fn cuts_no_line(exam: &mut Exam) -> Verdict {
    const LINES: usize = 14_000;
    let server = exam.server()?;
    let late = enter(&server)?;
    let talker = enter(&server)?;
    let clone = |conn: &Conn| {
        let clone = conn.stream().try_clone();
        clone.map_err(|error| Stop::grader("cannot share a socket", &error))
    };
    let (confirmations, mut voice) = (clone(&talker)?, clone(&talker)?);
    // Together 6 MB, more than the system keeps for a connection.
    let filler = exam.word(440);
    exam.note("> 6 MB in lines, while client 1 does not read");
    thread::spawn(move || {
        for number in 0..LINES {
            let line = format!("{number} {filler}\n");
            if std::io::Write::write_all(&mut voice, line.as_bytes()).is_err() {
                break;
            }
        }
    });
    let (heard, all_is_heard) = mpsc::channel();
    thread::spawn(move || {
        let wanted = format!("{CONFIRMATION}{} ", LINES - 1);
        let lines = BufReader::new(confirmations).lines();
        for line in lines.map_while(Result::ok) {
            if line.contains(&wanted) && heard.send(()).is_err() {
                break;
            }
        }
    });
    // Whoever waits for its readers does not hear the talker out: it may be late, too.
    let _ = all_is_heard.recv_timeout(Duration::from_secs(10));
    let last = format!("] {} ", LINES - 1);
    let mut reader = BufReader::new(clone(&late)?);
    let _ = late.stream().set_read_timeout(Some(PATIENCE));
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line);
        let is_silent = read.is_err_and(|error| {
            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        });
        let text = String::from_utf8_lossy(&line);
        // Its end may come within a line; and where somebody is slow, whole lines may be
        // left out.
        if !text.ends_with('\n') && (!is_silent || text.is_empty()) {
            return Ok(());
        }
        if is_silent || !is_whole_line(&text) {
            let shown = crate::harness::escape(line.get(..150).unwrap_or(&line));
            exam.note(&format!("< at last {} bytes: {shown}", line.len()));
            let expected = "whole lines, each [NAME] and text, or the end";
            let got = "a part of a line, and then another line or silence";
            return Err(Failure::new(expected, got)
                .cause("there was room for a part of a line, and the rest of it is lost")
                .into());
        }
        if text.contains(&last) {
            return Ok(());
        }
    }
}

/// What is told of the server's own, or said by somebody who says letters, digits and
/// blanks only: a second name or announcement in it began another line.
///
/// A line in two pieces, each with a name, is right where the speaker has paused.
fn is_whole_line(line: &str) -> bool {
    match line.strip_prefix('[') {
        Some(rest) => rest
            .split_once("] ")
            .is_some_and(|(_, text)| !text.contains(['[', '*'])),
        None => line.starts_with("* ") && !line.contains('['),
    }
}

/// Reads until the confirmation of `word`, however much of others' talk comes before it.
fn read_among_others(client: &mut Conn, word: &str) -> Verdict {
    let wanted = format!("{CONFIRMATION}{word}");
    let give_up = Instant::now() + Duration::from_secs(9);
    let mut tail = Vec::new();
    while Instant::now() < give_up {
        let mut buf = [0; 65536];
        let len = uninterrupted(|| client.stream().read(&mut buf)).unwrap_or(0);
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
    for _ in 0..2 {
        for leave in WAYS_TO_LEAVE {
            leave(enter(&server)?)?;
        }
    }
    // The server may need a moment to notice that somebody has left.
    let mut counted = Vec::new();
    for _ in 0..20 {
        let visitor = enter(&server)?;
        let port = visitor.local_addr()?.port().to_string();
        let mut count = None;
        server.wait_for_printed("[ACTIVE CONNECTIONS] and a number", |printed| {
            // Lines of other threads may stand between: the last number is the newest.
            let has_come = |line: &str| line.contains("[NEW") && line.contains(&port);
            let last = printed.lines().rfind(|line| line.contains("[ACTIVE"));
            count = last.and_then(number_after_bracket);
            printed.lines().any(has_come) && count.is_some()
        })?;
        if count == Some(2) {
            return Ok(());
        }
        counted.extend(count);
        drop(visitor);
        thread::sleep(Duration::from_millis(100));
    }
    let expected = "[ACTIVE CONNECTIONS] 2: one has stayed, one has just come";
    let got = format!("{counted:?} as visitors came and went");
    Err(Failure::new(expected, got).into())
}

/// The number behind `[ACTIVE CONNECTIONS]`, in colours or not.
fn number_after_bracket(line: &str) -> Option<usize> {
    let (_, rest) = line.split_once("CONNECTIONS]")?;
    let digits = rest.split('\u{1b}').map(|part| {
        // What follows the escape character up to the m is a colour.
        let part = match part.strip_prefix('[') {
            Some(colour) => colour.split_once('m').map_or("", |(_, text)| text),
            None => part,
        };
        part.trim_matches(|c: char| !c.is_ascii_digit())
    });
    digits
        .filter_map(|digits| digits.split(|c: char| !c.is_ascii_digit()).next())
        .find_map(|digits| digits.parse().ok())
}

fn joins_the_parts_of_a_line(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    // Best of five: on a busy machine the server may come too late to see two parts, or
    // to see that the second was in time.
    let (mut right, mut wrong) = (0, 0);
    for _ in 0..30 {
        let mut client = enter(&server)?;
        let (first, second) = (exam.word(4), exam.word(4));
        let line = format!("{first} é {second}\n");
        // The é is cut in two.
        let (start, end) = line.as_bytes().split_at(first.len() + 2);
        client.send(start)?;
        let paused_at = Instant::now();
        thread::sleep(Duration::from_millis(15));
        client.send(end)?;
        let pause = paused_at.elapsed();
        let wanted = format!("{CONFIRMATION}{line}").into_bytes();
        let heard = client.read_until(format!("{second}\n").as_bytes())?;
        let confirmed = without_news(&heard);
        if pause > Duration::from_millis(30) {
            continue; // The grader itself has paused: that says nothing.
        }
        if confirmed == wanted {
            right += 1;
        } else {
            wrong += 1;
        }
        if right == 3 {
            return Ok(());
        }
        if wrong == 3 {
            let cause =
                "it takes each read for a message, although the line goes on at once";
            return Err(Failure::bytes(&wanted, &confirmed).cause(cause).into());
        }
    }
    Err(Stop::Error(
        "this machine is too busy to send two segments within 30 ms".into(),
    ))
}

fn hears_the_last_words(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = enter(&server)?;
    let word = exam.word(9);
    client.send(&word)?;
    client.half_close();
    let heard = without_news(&client.read_to_end()?);
    let wanted = format!("{CONFIRMATION}{word}");
    if heard == wanted.as_bytes() {
        return Ok(());
    }
    Err(Failure::bytes(wanted.as_bytes(), &heard)
        .cause("what has come when the client closes is a message, too")
        .into())
}

fn shuts_down(exam: &mut Exam) -> Verdict {
    const TEXT: &str = "[SHUTDOWN] Server shutting down";
    for connected in [false, true] {
        let mut server = exam.server()?;
        // Whoever has greeted a client has got as far as its loop.
        let visitor = enter(&server)?;
        let _client = connected.then_some(visitor);
        // Ctrl-C comes when it is idle, not while it still welcomes or sees off the visitor:
        // nothing tells when that is over.
        thread::sleep(Duration::from_millis(400));
        server.interrupt();
        let exit = server.wait_exit(Duration::from_secs(3))?;
        server.wait_for_output(TEXT)?;
        if exit != Exit::Status(0) {
            let expected = "exit status 0 after Ctrl-C";
            return Err(Failure::new(expected, exit.to_string()).into());
        }
    }
    Ok(())
}
