//! `secure_server` and `secure_client`.

use std::net::{IpAddr, Shutdown};
use std::thread;
use std::time::Instant;

use crate::checks::common;
use crate::harness::prelude::*;

const SHEET: &str = "labs/10_security.md#step-7-a-server-with-a-token";
const ATTACKS: &str = "labs/10_security.md#step-8-ten-practices-ten-attacks";
const BY_HAND: &str = "printf 'AUTH %s\\n' \"$API_KEY\" | nc 127.0.0.1 65432";
const LOG_FILE: &str = "server_security.log";
/// More clients than any server of this course lets in.
const CROWD: usize = 600;

pub fn server_checks() -> Vec<Check> {
    const LETS_IN: &[&str] = &["secure_server.lets_in_who_knows_the_token"];
    let check = |id, title, function| {
        Check::new(id, title, function)
            .needs(LETS_IN)
            .sheet(ATTACKS)
            .by_hand(BY_HAND)
    };
    vec![
        Check::new(
            "secure_server.listens",
            "listens on the host and port that it is given",
            |exam| {
                set_token(exam);
                common::listens(exam)
            },
        )
        .hints(&[
            "Which address do you bind: the one given, or one that stands in the source?",
            "Bind --host and --port as they are given, as soon as API_KEY has been read.",
            "TcpListener::bind((host, port)) in Rust; in Python socket, then bind((host, \
             port)), then listen.",
        ])
        .sheet(SHEET)
        .by_hand("ss -tln | grep 65432"),
        Check::new(
            "secure_server.lets_in_who_knows_the_token",
            "answers AUTH with the token of API_KEY with a line that begins with OK",
            lets_in,
        )
        .points(2)
        .needs(&["secure_server.listens"])
        .sheet(SHEET)
        .hints(&[
            "Where does the token come from, and where does the line end?",
            "The line is AUTH, one space, the token, and a line feed. So is the reply's end.",
            "Read lines from a buffer of the connection (BufReader::read_until, \
             makefile(\"rb\").readline() in Python), take AUTH and the space off with \
             strip_prefix (removeprefix), and compare the rest with API_KEY. Then send \
             b\"OK\\n\", with or without more words in front of the \\n.",
        ])
        .by_hand(BY_HAND),
        check(
            "secure_server.refuses_wrong_tokens",
            "answers any other token with a line that begins with ERROR",
            refuses_wrong_tokens,
        )
        .hints(&[
            "Is a beginning of the token enough? Another letter case? Nothing at all?",
            "Compare all bytes, with lengths; answer ERROR to all that differs in any way.",
            "Compare with ConstantTimeEq of the crate subtle, or with \
             hmac.compare_digest in Python: == tells by its time how much of a guess was \
             right. No trim, no lower and no starts_with.",
        ])
        .by_hand("printf 'AUTH guess\\n' | nc -N 127.0.0.1 65432")
        .deadline(Duration::from_secs(60))
        .points(2),
        check(
            "secure_server.asks_for_the_token_first",
            "obeys no command before AUTH",
            asks_for_the_token_first,
        )
        .hints(&[
            "Each connection has a state. What is it before AUTH?",
            "Until AUTH has succeeded on this connection, every other command gets ERROR.",
            "Keep a variable authenticated per connection, not a global one: false after \
             accept, true after a right AUTH and at no other place. After a wrong one send \
             ERROR and return: nothing below may be reached. Look at it before you look at \
             the command.",
        ])
        .by_hand("printf 'TIME\\nAUTH guess\\nECHO w\\n' | nc -N 127.0.0.1 65432")
        .deadline(Duration::from_secs(60)),
        check(
            "secure_server.obeys_commands",
            "answers ECHO, TIME, HELP and QUIT as the sheet says, and each other line too",
            obeys_commands,
        )
        .hints(&[
            "Does every line get one line back, also one that you do not know?",
            "The text of ECHO is all that stands behind one space: take nothing off, change nothing.",
            "An unknown command gets ERROR 404 and the next line is read; QUIT gets OK, and then you close.",
        ])
        .sheet(SHEET)
        .by_hand("printf 'AUTH %s\\nECHO  a  b \\nNONSENSE\\n\\nECHO\\nQUIT\\n' \"$API_KEY\" | nc 127.0.0.1 65432"),
        check(
            "secure_server.does_not_start_without_a_token",
            "does not start without API_KEY, and says so",
            does_not_start_without_a_token,
        )
        .hints(&[
            "What is the token when API_KEY is not set, or empty?",
            "No token of your own: say on stderr that API_KEY is missing, end with an error status.",
            "Match std::env::var(\"API_KEY\") for an error and for an empty text; in \
             Python, if not os.environ.get(\"API_KEY\"). Print the message before bind, \
             and end with status 1.",
        ])
        .by_hand("env -u API_KEY cargo run -p secure_server; echo $?")
        .sheet(SHEET),
        check(
            "secure_server.refuses_endless_lines",
            "refuses a line that does not end",
            refuses_endless_lines,
        )
        .hints(&[
            "How much memory does a client that never sends a line end cost you?",
            "Count the bytes of the line while they come; when there are too many, answer ERROR and close.",
            "take(limit) in front of read_until(b'\\n') in Rust, readline(limit) of \
             makefile in Python: without a \\n at its end the line is too long. A few \
             kilobytes are limit enough.",
        ])
        .by_hand("head -c 100000 /dev/zero | tr '\\0' a | nc -N 127.0.0.1 65432"),
        check(
            "secure_server.refuses_control_characters",
            "refuses control characters and bytes that are not UTF-8",
            refuses_control_characters,
        )
        .hints(&[
            "What may a command consist of? Say what is allowed, not what is forbidden.",
            "Decode strictly, then refuse a line with any control character: ERROR, no echo.",
            "std::str::from_utf8, then line.chars().any(char::is_control). In Python \
             decode() without errors=, then not line.isprintable().",
        ])
        .by_hand("printf 'ECHO \\033[2J\\n' | nc -N 127.0.0.1 65432"),
        check(
            "secure_server.locks_out_who_guesses",
            "locks an address out after repeated wrong tokens",
            locks_out_who_guesses,
        )
        .hints(&["How many tokens can one address try in a minute?", "Count wrong tokens by address, across its connections.", "After a few, refuse that address for a while, with the right token as well."])
        .by_hand("for i in $(seq 9); do printf 'AUTH guess\\n' | nc -N 127.0.0.1 65432; done")
        .points(2),
        check(
            "secure_server.limits_clients",
            "turns one client too many away at once, and lets the next in when one leaves",
            limits_clients,
        )
        .hints(&["When is a client's place taken, and when is it given back?", "Turn away the one too many at once, with ERROR, instead of letting it wait.", "Give the place back on every way out: QUIT, end, reset, timeout."])
        .by_hand("cargo run -p secure_server -- --max-clients 2")
        .points(2)
        .timing(),
        check(
            "secure_server.limits_requests",
            "refuses an address that asks too fast, and no other",
            limits_requests,
        )
        .hints(&[
            "How many requests a second does one address get?",
            "Count requests by address and time; above the limit answer ERROR instead of OK.",
            "Keep a map from the peer's IP address, without the port, to the requests of \
             the last second (a HashMap in a Mutex, a dict and a Lock in Python). AUTH \
             counts too, and so does a new connection of the same address.",
        ])
        .by_hand("yes HELP | head -n 1000 | nc -N 127.0.0.1 65432 | sort | uniq -c")
        .deadline(Duration::from_secs(60)),
        check(
            "secure_server.logs_events",
            "writes each event to server_security.log, on one line",
            logs_events,
        )
        .hints(&[
            "Which events does server_security.log name? Look at it after a wrong token.",
            "Append one line for each event, in the folder where the server was started, at once.",
            "OpenOptions with create(true) and append(true), or open(name, \"a\") in \
             Python. Each line holds Event: and what happened, and is written by one \
             write and a flush.",
        ])
        .by_hand("tail -f server_security.log"),
        check(
            "secure_server.log_cannot_be_forged",
            "lets no client write lines of its own into the log",
            log_cannot_be_forged,
        )
        .hints(&[
            "What becomes of a carriage return that a client sends, in your log?",
            "Escape everything that came from outside before it is written.",
            "text.escape_default() in Rust, ascii(text) in Python: no line end of any \
             kind and no escape sequence is left. Do it in the one function that writes \
             to the log.",
        ])
        .by_hand("printf 'AUTH a\\rforged\\n' | nc -N 127.0.0.1 65432; cat -A server_security.log")
        .needs(&["secure_server.logs_events"]),
        check(
            "secure_server.keeps_the_token_secret",
            "shows no token, neither in the log nor on the console nor in a reply",
            keeps_the_token_secret,
        )
        .hints(&[
            "Search the log and the console for the token.",
            "Say that a token was right or wrong; never write or send the token itself, not even a wrong one.",
            "Log the address and whether the token was right. Print no line that begins \
             with AUTH, and repeat nothing of it in an ERROR.",
        ])
        .by_hand("grep -c \"$API_KEY\" server_security.log"),
        check(
            "secure_server.serves_beside_a_silent_client",
            "serves a client while another one is silent",
            |exam| {
                set_token(exam);
                common::serves_beside_a_silent_client(exam, probe)
            },
        )
        .hints(&[
            "Who waits for the silent client: everybody?",
            "Reading waits. Let it wait in a thread (or task) of that client.",
            "thread::spawn(move || serve(stream)) right after accept; \
             threading.Thread(target=serve, args=(conn, addr)).start() in Python. Do not \
             join it in the loop.",
        ]),
        check(
            "secure_server.survives_resets",
            "survives clients that reset the connection",
            |exam| {
                set_token(exam);
                common::survives_resets(exam, probe)
            },
        )
        .hints(&[
            "A read or a write can fail because the client is gone. What then?",
            "A reset ends that client's work and nothing else.",
            "Handle the errors of accept, read and write in place of an unwrap; in \
             Python, try with except OSError inside the loop and inside the thread. Log \
             the error and go on.",
        ]),
        check(
            "secure_server.notices_the_end",
            "does nothing more when a client has left",
            |exam| {
                set_token(exam);
                common::notices_the_end_of_a_client(exam, probe)
            },
        )
        .hints(&[
            "What does a read of no bytes mean?",
            "A read of no bytes is the end: leave the loop and close.",
            "Look at the result of read before you use it: Ok(0) in Rust, b\"\" in \
             Python. A rest without a line end is no command.",
        ])
        .by_hand("top -p $(pgrep -n secure_server)")
        .timing(),
        check(
            "secure_server.reports_a_port_in_use",
            "says that the port is in use, and ends with an error status",
            |exam| {
                set_token(exam);
                common::reports_a_port_in_use(exam)
            },
        )
        .hints(&[
            "Start your server twice. What does the second one say, and what is its status?",
            "Catch the error of bind, name the address on stderr, end with a status other than 0.",
            "Match the Err of TcpListener::bind in place of an unwrap, or catch OSError \
             around bind in Python. Print it and end with status 1.",
        ])
        .by_hand("ss -tlnp | grep 65432"),
        check(
            "secure_server.restarts_at_once",
            "can be started again on the same port at once",
            |exam| {
                set_token(exam);
                common::restarts_at_once(exam, probe)
            },
        )
        .hints(&[
            "Connections of the last run are still in TIME_WAIT. Does bind mind?",
            "Set SO_REUSEADDR before bind (Rust's TcpListener does so on Unix).",
            "In Python call setsockopt(SOL_SOCKET, SO_REUSEADDR, 1) on the listening \
             socket, between socket and bind.",
        ])
        .by_hand("ss -tan | grep 65432"),
        check(
            "secure_server.ends_on_ctrl_c",
            "ends when Ctrl-C is pressed",
            |exam| {
                set_token(exam);
                common::ends_on_ctrl_c(exam, probe)
            },
        )
        .sheet(SHEET)
        .timing()
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("kill -INT $(pgrep -n secure_server)"),
        check(
            "secure_server.returns_what_clients_used",
            "gives back threads and descriptors when clients leave",
            |exam| {
                set_token(exam);
                common::returns_what_clients_used(exam, any_reply)
            },
        )
        .hints(&[
            "Count threads and descriptors before and after a few hundred clients.",
            "Close each client's socket and end its thread when it is gone, also when it was refused.",
            "Return from the thread's function at quit, at the end and at every error, \
             and drop a refused stream at once. In Python with conn closes it, whichever \
             way the function ends.",
        ])
        .by_hand("ls /proc/$(pgrep -n secure_server)/fd | wc -l")
        .timing()
        .deadline(Duration::from_secs(90)),
    ]
}

pub fn client_checks() -> Vec<Check> {
    const SENDS: &[&str] = &["secure_client.sends_its_token_first"];
    let check = |id, title, function| {
        Check::new(id, title, function)
            .needs(SENDS)
            .sheet(SHEET)
            .by_hand("nc -l 65432")
    };
    vec![
        Check::new(
            "secure_client.sends_its_token_first",
            "sends AUTH with the token of API_KEY, as one line",
            client_sends_token,
        )
        .sheet(SHEET)
        .hints(&[
            "What does the server want to hear first, and how does it know where that \
             ends?",
            "The line is AUTH, one space, the token, and a line feed.",
            "Right after connect, write_all of AUTH, a space, std::env::var(\"API_KEY\") \
             and \\n, in one call. In Python it is os.environ[\"API_KEY\"] and sendall.",
        ])
        .by_hand("nc -l 65432"),
        check(
            "secure_client.sends_lines_and_prints_replies",
            "sends what is typed, prints the reply, ends with the input",
            client_talks,
        )
        .hints(&[
            "One line out, one line back: in this order?",
            "Send what was typed as it is, with a line feed; print the reply's line; end when the input ends.",
            "In a loop: read a line from stdin, write_all it with its \\n (sendall), \
             read a line from the server, print it. At Ok(0) of stdin (EOFError of \
             Python's input) return with status 0.",
        ]),
        check(
            "secure_client.sends_nothing_without_a_token",
            "sends nothing when there is no API_KEY, and says so",
            client_without_a_token,
        )
        .hints(&[
            "Unset API_KEY and start the client. What does the server get?",
            "No token is an error of its own: nothing can stand in its place, not None and \
             not an empty word.",
            "Match the Err of std::env::var(\"API_KEY\"), or test os.environ.get for None \
             in Python, before you connect. Print one line that names API_KEY and end with \
             status 1.",
        ])
        .by_hand("env -u API_KEY cargo run -p secure_client"),
        check(
            "secure_client.ends_when_it_is_refused",
            "sends nothing more when its token is refused, and says so",
            client_refused_by_server,
        )
        .hints(&[
            "What does your client do when the reply to AUTH is not OK?",
            "A reply that begins with ERROR ends it: say so, send nothing more, status other than 0.",
            "Read the reply's line before the first line of stdin. Unless it starts with \
             OK, print it on stderr and return with status 1.",
        ]),
        check(
            "secure_client.notices_the_end_of_the_server",
            "ends when the server closes while it waits for input",
            client_notices_the_end,
        )
        .needs(&["secure_client.sends_lines_and_prints_replies"])
        .hints(&[
            "Waiting for a line and waiting for the server are two things at once.",
            "One thread (or task) for each of them; the one that sees the end ends the program.",
            "Let a thread read stdin and send, while main reads the replies. At Ok(0) \
             main returns, which ends the process; in Python start the thread with \
             daemon=True.",
        ])
        .by_hand("cargo run -p secure_server   # in another terminal: cargo run -p secure_client; then end the server"),
        check(
            "secure_client.does_not_show_the_token",
            "does not print the token",
            client_hides_token,
        )
        .hints(&[
            "Search everything that your client prints for the token.",
            "Print what was received and what was typed, never the AUTH line.",
            "The AUTH line goes to write_all (sendall in Python) and nowhere else: no \
             println!, no log, no {:?} of something that holds the token.",
        ])
        .by_hand("cargo run -p secure_client 2>&1 | grep -c \"$API_KEY\""),
        check(
            "secure_client.reports_a_refused_connection",
            "says that nobody listens, without a crash",
            |exam| {
                set_token(exam);
                common::reports_a_refused_connection(exam)
            },
        )
        .hints(&[
            "Start the client alone. What does it print?",
            "Catch the error of connect: one line on stderr that says so, and a status other than 0.",
            "Match the Err of TcpStream::connect in place of an unwrap, or catch OSError \
             around Python's connect. Print it and end with status 1.",
        ])
        .by_hand("cargo run -p secure_client -- --port 1; echo $?"),
    ]
}

/// Gives server and probes a fresh token: random, and known to [`probe`] through the
/// environment only.
fn set_token(exam: &mut Exam) -> String {
    // Known to the probes, which have no other way to learn it, by its constant form.
    exam.env("API_KEY", TOKEN);
    TOKEN.to_owned()
}

/// A token with every kind of character that a token may have.
const TOKEN: &str = "Zx81-not/Guess+able=_0123456789abcd";

/// Starts the server with a token of this run.
fn start(exam: &mut Exam) -> Result<(Program, String), Stop> {
    let token = format!("{}-{}", exam.word(12), exam.word(12));
    let server = exam.launch().env("API_KEY", &token).server()?;
    Ok((server, token))
}

/// Says one line and returns the line that comes back, or what came until the end.
fn ask(client: &mut Conn, line: &str) -> Result<String, Stop> {
    client.send(format!("{line}\n"))?;
    Ok(line_from(client))
}

fn line_from(client: &mut Conn) -> String {
    match client.read_until(b"\n") {
        Ok(bytes) => String::from_utf8_lossy(&bytes).trim_end().to_owned(),
        Err(_) => String::new(),
    }
}

fn expect_start(reply: &str, start: &str, to: &str) -> Verdict {
    let after = reply.strip_prefix(start);
    if after.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', ':'])) {
        return Ok(());
    }
    let got = if reply.is_empty() {
        "no line".to_owned()
    } else {
        format!("{reply:?}")
    };
    Err(Failure::new(format!("a line that begins with {start} to {to}"), got).into())
}

fn authenticate(server: &Program, token: &str) -> Result<Conn, Stop> {
    let mut client = server.connect()?;
    let reply = ask(&mut client, &format!("AUTH {token}"))?;
    expect_start(&reply, "OK", "AUTH with the right token")?;
    Ok(client)
}

fn probe(server: &Program, _word: &str) -> Verdict {
    authenticate(server, TOKEN).map(drop)
}

/// One visit; where visits are limited, a refusal is an answer as well.
fn any_reply(server: &Program, _word: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send_anyway(format!("AUTH {TOKEN}\n"));
    line_from(&mut client);
    Ok(())
}

fn lets_in(exam: &mut Exam) -> Verdict {
    let (server, token) = start(exam)?;
    authenticate(&server, &token)?;
    // The line may come in pieces.
    let mut client = server.connect()?;
    let (first, rest) = token.split_at(5);
    client.send("AU")?;
    thread::sleep(Duration::from_millis(50));
    client.send(format!("TH {first}"))?;
    thread::sleep(Duration::from_millis(50));
    client.send(format!("{rest}\n"))?;
    let reply = line_from(&mut client);
    expect_start(&reply, "OK", "AUTH that arrives in three pieces")?;
    drop(client); // Whether it serves several at once is another check.
    // And two lines may come in one piece.
    let mut client = server.connect()?;
    let reply = ask(&mut client, &format!("AUTH {token}\nHELP"))?;
    expect_start(&reply, "OK", "AUTH with another line in the same segment")?;
    if line_from(&mut client).is_empty() {
        let expected = "a second line for the second line that was sent";
        return Err(Failure::new(expected, "no line within 5 s")
            .cause("a read may hold more than one line: keep what is left of it")
            .into());
    }
    Ok(())
}

fn refuses_wrong_tokens(exam: &mut Exam) -> Verdict {
    let token = format!("{}-{}", exam.word(12), exam.word(12));
    let shorter = token.get(..token.len() - 1).unwrap_or_default();
    let longer = format!("{token}x");
    let swapped = if token.to_uppercase() == token {
        token.to_lowercase()
    } else {
        token.to_uppercase()
    };
    let more = format!("{token} {}", exam.word(5));
    for wrong in [shorter, &longer, &more, &swapped, "x"] {
        // A fresh server each time: none of these is repeated guessing.
        let server = exam.launch().env("API_KEY", &token).server()?;
        let mut client = server.connect()?;
        let reply = ask(&mut client, &format!("AUTH {wrong}"))?;
        expect_start(
            &reply,
            "ERROR",
            &format!("AUTH with {wrong:?} for {token:?}"),
        )?;
        // No token at all: an ERROR, or the end.
        let line = if wrong == "x" { "AUTH " } else { "AUTH" };
        expect_no_ok(&ask(&mut server.connect()?, line)?)?;
    }
    Ok(())
}

fn asks_for_the_token_first(exam: &mut Exam) -> Verdict {
    let (server, token) = start(exam)?;
    // Another client that has proved it is no help to this one.
    let other = authenticate(&server, &token)?;
    for line in ["TIME", "ECHO hello", "STATUS", "GET key", "LIST"] {
        let mut client = server.connect()?;
        let reply = ask(&mut client, line)?;
        if !reply.is_empty() {
            expect_start(&reply, "ERROR", &format!("{line} before AUTH"))?;
        }
    }
    drop((server, other));
    obeys_nobody_who_guesses(exam)?;
    obeys_nobody_after_a_friend(exam)
}

/// A wrong token opens no door, nor does the lock-out after several of them.
fn obeys_nobody_who_guesses(exam: &mut Exam) -> Verdict {
    const GUESSES: usize = 8;
    let (server, _) = start(exam)?;
    let mut client = server.connect()?;
    for number in 1..=GUESSES {
        let guess = exam.word(12);
        client.send_anyway(format!("AUTH {guess}\n"));
        let refusal = line_from(&mut client);
        client.send_anyway("ECHO w\n");
        let reply = line_from(&mut client);
        if reply.starts_with("OK") {
            let expected = format!("ERROR, or the end, to ECHO after {refusal:?}");
            return Err(Failure::new(expected, format!("{reply:?}"))
                .cause(match number {
                    1 => "a wrong AUTH is answered, and then taken for a right one",
                    _ => "who is locked out is let in",
                })
                .into());
        }
        // Whoever closes after an ERROR is right as well.
        if reply.is_empty() {
            client = server.connect()?;
        }
    }
    Ok(())
}

/// What one connection has proved ends with it, also where the next one gets its number.
fn obeys_nobody_after_a_friend(exam: &mut Exam) -> Verdict {
    const STRANGERS: usize = 5;
    let (server, token) = start(exam)?;
    let mut friend = authenticate(&server, &token)?;
    friend.send_anyway("QUIT\n");
    // Whether it closes after QUIT is another check.
    friend.read_some(Duration::from_secs(1));
    drop(friend);
    for _ in 0..STRANGERS {
        let mut client = server.connect()?;
        let reply = ask(&mut client, "ECHO w")?;
        if reply.starts_with("OK") {
            let expected = "ERROR, or the end, to ECHO before AUTH on a new connection";
            return Err(Failure::new(expected, format!("{reply:?}"))
                .cause(
                    "who has proved itself is remembered by descriptor or address, and the \
                     next client has the same",
                )
                .into());
        }
    }
    Ok(())
}

fn obeys_commands(exam: &mut Exam) -> Verdict {
    let (server, token) = start(exam)?;
    let word = exam.word(8);
    for text in [
        word.clone(),
        format!(" two  {word} "),
        format!("é {word} ü"),
    ] {
        let mut client = authenticate(&server, &token)?;
        // A character of two bytes comes in two pieces.
        let line = format!("ECHO {text}\n").into_bytes();
        let middle = line
            .iter()
            .position(|byte| *byte >= 128)
            .map_or(3, |at| at + 1);
        let (first, rest) = line.split_at(middle);
        client.send(first)?;
        thread::sleep(Duration::from_millis(50));
        client.send_anyway(rest);
        let reply = client.read_until(b"\n")?;
        // Whoever allows ASCII only refuses the rest.
        if text.is_ascii() || !reply.starts_with(b"ERROR") {
            let reply = String::from_utf8_lossy(&reply).into_owned();
            let line = reply.trim_end_matches(['\r', '\n']);
            if line != format!("OK {text}") {
                return Err(Failure::bytes(
                    format!("OK {text}").as_bytes(),
                    line.as_bytes(),
                )
                .into());
            }
        }
    }
    let mut client = authenticate(&server, &token)?;
    for line in ["TIME", "HELP"] {
        expect_start(&ask(&mut client, line)?, "OK", line)?;
    }
    if ask(&mut client, &exam.word(9).to_uppercase())?.is_empty() {
        let expected = "a line for a command that it does not know";
        return Err(Failure::new(expected, "no line").into());
    }
    drop(client); // Whether it serves several at once is another check.
    let mut client = authenticate(&server, &token)?;
    expect_start(&ask(&mut client, "QUIT")?, "OK", "QUIT")?;
    client.expect_end()?;
    drop(client);
    survives_odd_lines(&server, &token)
}

/// A line without a word, or without the word that its command needs, ends no server;
/// what it is answered is free, as is whether an empty one is answered at all.
fn survives_odd_lines(server: &Program, token: &str) -> Verdict {
    for line in ["", " ", "ECHO", "ECHO ", "TIME now"] {
        // A stranger says it as well.
        for mut client in [authenticate(server, token)?, server.connect()?] {
            client.send_anyway(format!("{line}\n"));
            client.half_close();
            // To the end, which shows that the line has been read.
            client.read_some(Duration::from_secs(2));
        }
        let shown = crate::harness::escape(line.as_bytes());
        authenticate(server, token).map_err(common::because(format!(
            "the line \"{shown}\" of another client has ended it"
        )))?;
    }
    Ok(())
}

fn does_not_start_without_a_token(exam: &mut Exam) -> Verdict {
    for value in [None, Some("")] {
        let launch = exam.launch();
        let launch = match value {
            Some(value) => launch.env("API_KEY", value),
            None => launch,
        };
        let mut server = launch.unready()?;
        let exit = server.wait_exit(Duration::from_secs(14))?;
        if exit == Exit::Status(0) {
            let expected = "an exit status that is not 0, since there is no token";
            return Err(Failure::new(expected, "exit status 0").into());
        }
        server.expect_no_crash()?;
        if !server.printed().contains("API_KEY") {
            let expected = "a message that names API_KEY";
            return Err(Failure::new(expected, server.printed()).into());
        }
    }
    Ok(())
}

fn refuses_endless_lines(exam: &mut Exam) -> Verdict {
    let (server, token) = start(exam)?;
    for authenticated in [false, true] {
        let mut client = match authenticated {
            true => authenticate(&server, &token)?,
            false => server.connect()?,
        };
        let noise = exam.word(64).repeat(4096);
        client.send_anyway(noise);
        let reply = client.read_some(Duration::from_secs(3));
        let closed = client.read_to_end().is_ok();
        let text = String::from_utf8_lossy(&reply);
        if !closed {
            let expected =
                "the end, perhaps after ERROR, after 256 KiB without a line end";
            let got = match text.starts_with("ERROR") {
                true => "ERROR, and it goes on within the line",
                false => "it goes on to collect them",
            };
            return Err(Failure::new(expected, got)
                .cause("whoever decides the size of a message decides about our memory")
                .into());
        }
    }
    authenticate(&server, &token).map(drop)
}

fn refuses_control_characters(exam: &mut Exam) -> Verdict {
    let (server, token) = start(exam)?;
    let lines: [&[u8]; 6] = [
        b"ECHO a\x00b",
        b"ECHO a\x1b[2Jb",
        b"ECHO a\x07b",
        b"ECHO a\x7fb",
        "ECHO a\u{9b}2Jb".as_bytes(),
        b"ECHO \xff\xfe",
    ];
    for line in lines {
        let mut client = authenticate(&server, &token)?;
        client.send([line, b"\n"].concat())?;
        let reply = line_from(&mut client);
        if !reply.is_empty() {
            let shown = crate::harness::escape(line);
            expect_start(&reply, "ERROR", &format!("the line \"{shown}\""))?;
        }
    }
    Ok(())
}

fn locks_out_who_guesses(exam: &mut Exam) -> Verdict {
    const GUESSES: u32 = 50;
    let try_token = |client: &mut Conn, token: &str| {
        client.send_anyway(format!("AUTH {token}\n"));
        line_from(client)
    };
    let (server, token) = start(exam)?;
    let mut client = server.connect()?;
    for number in 0..GUESSES {
        // Two are no guessing yet: a finger slips.
        if number == 2 {
            drop(client);
            authenticate(&server, &token)?;
            client = server.connect()?;
        }
        // All on one connection, if the server keeps it open.
        let guess = exam.word(16);
        let mut reply = try_token(&mut client, &guess);
        if reply.is_empty() {
            client = server.connect()?;
            reply = try_token(&mut client, &guess);
        }
        expect_no_ok(&reply)?;
    }
    for place in ["the connection of the wrong ones", "a new connection"] {
        let reply = try_token(&mut client, &token);
        if reply.starts_with("OK") {
            let expected = "no OK for a while, not even to the right token";
            let got = format!("{reply:?} after {GUESSES} wrong ones, on {place}");
            return Err(Failure::new(expected, got)
                .cause("without a lock-out, a token can be guessed as fast as the net allows")
                .into());
        }
        client = server.connect()?;
    }
    drop(client);
    others_are_served(
        &server,
        &format!("AUTH {token}"),
        "wrong tokens of all addresses are counted as one: who guesses shuts everybody out",
    )
}

fn expect_no_ok(reply: &str) -> Verdict {
    if reply.starts_with("OK") {
        return Err(Failure::new("no OK to a wrong token", format!("{reply:?}")).into());
    }
    Ok(())
}

/// Tells whether the server has closed the connection, or has said that it will. It does
/// not wait: a hundred of the shortest waits would take seconds on a busy machine.
fn is_refused(client: &mut Conn) -> bool {
    let stream = client.stream();
    let mut byte = [0];
    let at_once = stream.set_nonblocking(true);
    let peeked = stream.peek(&mut byte);
    let waits = stream.set_nonblocking(false);
    match peeked {
        Ok(len) => {
            if len > 0 {
                client.read_some(Duration::from_millis(1));
            }
            at_once.is_ok() && waits.is_ok()
        }
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

fn limits_clients(exam: &mut Exam) -> Verdict {
    const BATCH: usize = 50;
    let (mut server, token) = start(exam)?;
    let mut clients: Vec<Conn> = Vec::new();
    let mut refused = 0;
    while refused == 0 {
        if clients.len() >= CROWD {
            let expected = format!("a limit below {CROWD} clients");
            let got = "all of them are let in";
            return Err(Failure::new(expected, got).into());
        }
        let mut batch = Vec::new();
        for _ in 0..BATCH {
            batch.push(server.connect()?);
        }
        // A refusal comes at once; nothing comes to those who are let in.
        thread::sleep(Duration::from_millis(300));
        for mut client in batch {
            match is_refused(&mut client) {
                true => refused += 1,
                false => clients.push(client),
            }
        }
    }
    // On a busy machine a refusal may come later: whoever has had one is not here.
    let mut quiet = 0;
    while quiet < 3 {
        thread::sleep(Duration::from_millis(200));
        let before = clients.len();
        clients.retain_mut(|client| !is_refused(client));
        refused += before - clients.len();
        quiet = if clients.len() == before {
            quiet + 1
        } else {
            0
        };
    }
    let limit = clients.len();
    exam.note(&format!(
        "{limit} clients are let in, {refused} are turned away"
    ));
    if limit < 2 {
        let expected = "room for several clients";
        let got = match server.runs()? {
            true => format!("room for {limit}"),
            false => "it ended when many came".to_owned(),
        };
        return Err(Failure::new(expected, got).into());
    }
    for reset in [false, true, true] {
        let Some(leaver) = clients.pop() else { break };
        match reset {
            true => leaver.reset(),
            false => drop(leaver.stream().shutdown(Shutdown::Both)),
        }
        clients.push(next_is_let_in(&server, &token)?);
        let mut one_more = server.connect()?;
        let give_up = Instant::now() + Duration::from_secs(3);
        while !is_refused(&mut one_more) {
            if Instant::now() > give_up {
                let expected = format!("client {} is turned away at once", limit + 1);
                return Err(Failure::new(expected, "it is let in, or waits").into());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

/// After one has left, a newcomer gets its place within 3 s.
fn next_is_let_in(server: &Program, token: &str) -> Result<Conn, Stop> {
    let give_up = Instant::now() + Duration::from_secs(3);
    loop {
        let mut client = server.connect()?;
        client.send_anyway(format!("AUTH {token}\n"));
        let reply = line_from(&mut client);
        if reply.starts_with("OK") {
            return Ok(client);
        }
        if Instant::now() > give_up {
            let expected = "the next client is let in after one has left";
            return Err(Failure::new(expected, format!("{reply:?}"))
                .cause("the place of a client that has left is not given back")
                .into());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// A flood of commands on one connection, as the sheet makes it with `yes HELP`.
fn limits_commands(exam: &mut Exam) -> Verdict {
    const BATCHES: usize = 30;
    const COMMANDS: usize = 100;
    let (server, token) = start(exam)?;
    let mut client = authenticate(&server, &token)?;
    for _ in 0..BATCHES {
        client.send_anyway("HELP\n".repeat(COMMANDS));
        for _ in 0..COMMANDS {
            if !line_from(&mut client).starts_with("OK") {
                return Ok(());
            }
        }
    }
    let got = format!("{} times HELP in one go, all served", BATCHES * COMMANDS);
    Err(Failure::new("a refusal at some point", got)
        .cause("every line is a request, and not AUTH alone")
        .into())
}

fn limits_requests(exam: &mut Exam) -> Verdict {
    limits_logins(exam)?;
    limits_commands(exam)
}

fn limits_logins(exam: &mut Exam) -> Verdict {
    const CLIENTS: usize = 300;
    const REQUESTS: usize = 10;
    let (server, token) = start(exam)?;
    let auth = format!("AUTH {token}");
    for _ in 0..CLIENTS {
        let mut client = server.connect()?;
        for _ in 0..REQUESTS {
            client.send_anyway(format!("{auth}\n"));
            if !line_from(&mut client).starts_with("OK") {
                drop(client); // Whether it serves several at once is another check.
                return others_are_served(
                    &server,
                    &auth,
                    "requests of all addresses are counted as one: a flood shuts everybody out",
                );
            }
        }
    }
    let expected = "a refusal at some point";
    let got = format!(
        "{} requests from one address in one go, all served",
        CLIENTS * REQUESTS
    );
    Err(Failure::new(expected, got).into())
}

/// The limit is one address's own: whoever goes beyond it does not shut the others out.
fn others_are_served(server: &Program, auth: &str, cause: &str) -> Verdict {
    let other = IpAddr::from([127, 0, 0, 2]);
    let Some(mut client) = server.connect_from(other)? else {
        return Ok(()); // This system has no second address to come from.
    };
    let reply = ask(&mut client, auth)?;
    if reply.starts_with("OK") {
        return Ok(());
    }
    let expected = "OK to a client at another address (127.0.0.2)";
    let got = match reply.is_empty() {
        true => "no line".to_owned(),
        false => format!("{reply:?}"),
    };
    Err(Failure::new(expected, got).cause(cause).into())
}

/// Reads the log once it holds more than before.
fn read_log(exam: &Exam, longer_than: usize) -> Result<Vec<u8>, Stop> {
    let path = exam.dir().join(LOG_FILE);
    let give_up = Instant::now() + Duration::from_secs(5);
    loop {
        let log = std::fs::read(&path).unwrap_or_default();
        if log.len() > longer_than || Instant::now() > give_up {
            return Ok(log);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn logs_events(exam: &mut Exam) -> Verdict {
    let (server, _) = start(exam)?;
    let before = std::fs::read(exam.dir().join(LOG_FILE)).unwrap_or_default();
    let mut client = server.connect()?;
    let guess = exam.word(16);
    ask(&mut client, &format!("AUTH {guess}"))?;
    drop(client);
    let log = read_log(exam, before.len())?;
    let text = String::from_utf8_lossy(&log);
    let added = log.len() > before.len();
    if !added || !text.lines().any(|line| line.contains("Event:")) {
        let expected = format!("a line with \"Event: \" in {LOG_FILE} on a wrong token");
        return Err(Failure::new(expected, format!("{text:?}")).into());
    }
    if let Some(line) = text.lines().find(|line| !line.contains("Event:")) {
        let expected = "\"Event: \" in every line";
        return Err(Failure::new(expected, format!("{line:?}")).into());
    }
    drop(server);
    log_outlives_a_restart(exam, &text)
}

/// What was logged before a restart is still there, in this file or in one beside it.
fn log_outlives_a_restart(exam: &mut Exam, before: &str) -> Verdict {
    let (server, token) = start(exam)?;
    authenticate(&server, &token)?;
    let mut after = String::new();
    for file in std::fs::read_dir(exam.dir())
        .into_iter()
        .flatten()
        .flatten()
    {
        if file.file_name().to_string_lossy().contains("security") {
            let log = std::fs::read(file.path()).unwrap_or_default();
            after.push_str(&String::from_utf8_lossy(&log));
        }
    }
    match before.lines().find(|line| !after.contains(line)) {
        None => Ok(()),
        Some(line) => {
            let expected = format!("the line {line:?}, also after a restart");
            Err(Failure::new(expected, format!("{after:?}"))
                .cause("the log is opened to be written anew, not to be appended to")
                .into())
        }
    }
}

fn log_cannot_be_forged(exam: &mut Exam) -> Verdict {
    let (server, token) = start(exam)?;
    let mark = exam.word(12);
    for text in [
        format!("x\rEvent: {mark}"),
        format!("x\u{1b}[2K\rEvent: {mark}"),
        format!("x\u{b}Event: {mark}\u{c}"),
        format!("x\u{2028}Event: {mark}"),
        format!("x\u{85}Event: {mark}"),
    ] {
        let mut client = server.connect()?;
        client.send(format!("AUTH {text}\n"))?;
        line_from(&mut client);
    }
    let mut client = server.connect()?;
    client.send_anyway(format!("AUTH {token}\nECHO x\rEvent: {mark}\n"));
    client.read_some(Duration::from_millis(300));
    drop(client);
    let log = String::from_utf8_lossy(&read_log(exam, 1)?).into_owned();
    let breaks = |char: char| {
        (char.is_control() && char != '\n') || matches!(char, '\u{2028}' | '\u{2029}')
    };
    if let Some(line) = log.lines().find(|line| line.contains(breaks)) {
        let expected = "no control characters in the log";
        return Err(Failure::new(expected, format!("{line:?}"))
            .cause("escape what a client sent before it is written to a log")
            .into());
    }
    let forged = format!("Event: {mark}");
    match log.lines().find(|line| line.starts_with(&forged)) {
        None => Ok(()),
        Some(line) => {
            let expected = "no line of the client's own in the log";
            Err(Failure::new(expected, format!("{line:?}")).into())
        }
    }
}

fn keeps_the_token_secret(exam: &mut Exam) -> Verdict {
    let (server, token) = start(exam)?;
    let wrong = exam.word(20);
    let mut said = Vec::new();
    // With a character that is not allowed a token is as secret as without.
    for guess in [
        &token,
        &wrong,
        &format!("{wrong}\u{7}"),
        &format!("{token}\u{7}"),
    ] {
        let mut client = server.connect()?;
        client.send(format!("AUTH {guess}\nHELP\n"))?;
        said.extend(client.read_some(Duration::from_millis(300)));
    }
    let log = read_log(exam, 0)?;
    for (place, bytes) in [
        ("the log", log),
        ("the console", server.printed().into_bytes()),
        ("a reply", said),
    ] {
        let text = String::from_utf8_lossy(&bytes);
        for (secret, what) in [(&token, "the token"), (&wrong, "a wrong token")] {
            if text.contains(secret.as_str()) {
                let got = format!("{what} in {place}");
                return Err(Failure::new("no tokens shown anywhere", got)
                    .cause("a mistyped token is nearly the right one: hide both")
                    .into());
            }
        }
    }
    Ok(())
}

/// Starts the client with a token of this run, against a server that the check plays.
fn start_client(exam: &mut Exam) -> Result<(Program, Conn, String), Stop> {
    let listener = exam.listener()?;
    let token = format!("{}-{}", exam.word(12), exam.word(12));
    let client = exam
        .launch()
        .env("API_KEY", &token)
        .client(listener.addr())?;
    Ok((client, listener.accept()?, token))
}

fn client_sends_token(exam: &mut Exam) -> Verdict {
    let (_client, mut server, token) = start_client(exam)?;
    server.expect_exactly(format!("AUTH {token}\n"))
}

fn client_without_a_token(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    exam.note("without API_KEY");
    let mut client = exam.client(listener.addr())?;
    client.close_stdin();
    // It may connect before it looks for the token, and need not.
    match listener.accept_within(Duration::from_secs(15)) {
        Ok(mut server) => {
            let said = server.read_some(Duration::from_secs(3));
            if !said.is_empty() {
                let got = format!("\"{}\"", crate::harness::escape(&said));
                return Err(Failure::new("no bytes, since there is no token", got)
                    .cause("what stands for \"no value\" is sent as if it were the token")
                    .into());
            }
        }
        Err(Stop::Failed(_)) => {}
        Err(error) => return Err(error),
    }
    client.wait_exit(Duration::from_secs(5))?;
    // An uncaught KeyError of Python's says what is missing, in its way.
    client.expect_no_panic()?;
    if client.printed().trim().is_empty() {
        let expected = "a message that there is no token";
        return Err(Failure::new(expected, "it printed nothing").into());
    }
    Ok(())
}

fn client_talks(exam: &mut Exam) -> Verdict {
    let (mut client, mut server, token) = start_client(exam)?;
    server.expect(format!("AUTH {token}\n"))?;
    server.send("OK welcome\n")?;
    for in_pieces in [false, true] {
        let line = format!("ECHO {}", exam.word(8));
        let reply = exam.word(12);
        client.type_in(&format!("{line}\n"))?;
        server.expect(format!("{line}\n"))?;
        if in_pieces {
            // TCP may deliver any line in two segments.
            server.send("OK ")?;
            thread::sleep(Duration::from_millis(150));
            server.send(format!("{reply}\n"))?;
        } else {
            server.send(format!("OK {reply}\n"))?;
        }
        let printed = client.wait_for_output(&format!("OK {reply}"));
        printed.map_err(|stop| match stop {
            Stop::Failed(failure) if in_pieces => failure
                .cause("what one read returns is taken for the whole line of the reply")
                .into(),
            other => other,
        })?;
    }
    client.close_stdin();
    // It may say goodbye with the command for that, and may wait until the server has
    // closed, too.
    let farewell = server.read_some(Duration::from_secs(2));
    if farewell.trim_ascii().eq_ignore_ascii_case(b"QUIT") {
        server.send_anyway("OK bye\n");
    } else if !farewell.is_empty() {
        let got = String::from_utf8_lossy(&farewell).into_owned();
        let expected = "it closes the connection, perhaps after QUIT";
        return Err(Failure::new(expected, got).into());
    }
    server.expect_end()?;
    drop(server);
    client.expect_exit(0)
}

fn client_refused_by_server(exam: &mut Exam) -> Verdict {
    let (mut client, mut server, token) = start_client(exam)?;
    client.type_in("ECHO too late\n")?;
    server.expect(format!("AUTH {token}\n"))?;
    server.send("ERROR 401 wrong token\n")?;
    let more = server.read_some(Duration::from_millis(500));
    if !more.is_empty() {
        let got = String::from_utf8_lossy(&more).into_owned();
        return Err(Failure::new("nothing more after ERROR", got).into());
    }
    drop(server);
    client.wait_exit(Duration::from_secs(5))?;
    client.expect_no_crash()?;
    client.wait_for_output("ERROR 401")
}

fn client_notices_the_end(exam: &mut Exam) -> Verdict {
    let (mut client, mut server, token) = start_client(exam)?;
    server.expect(format!("AUTH {token}\n"))?;
    server.send("OK welcome\n")?;
    let reply = exam.word(12);
    client.type_in("ECHO hello\n")?;
    server.expect("ECHO hello\n")?;
    server.send(format!("OK {reply}\n"))?;
    client.wait_for_output(&reply)?;
    drop(server);
    // Its input stays open: nothing but the server's end can end it.
    client.wait_exit(Duration::from_secs(5))?;
    client.expect_no_crash()
}

fn client_hides_token(exam: &mut Exam) -> Verdict {
    let (mut client, mut server, token) = start_client(exam)?;
    server.expect(format!("AUTH {token}\n"))?;
    server.send("OK welcome\n")?;
    client.close_stdin();
    server.read_some(Duration::from_secs(5));
    drop(server);
    client.wait_exit(Duration::from_secs(15))?;
    if client.printed().contains(&token) {
        return Err(Failure::new("no token on the console", client.printed()).into());
    }
    Ok(())
}
