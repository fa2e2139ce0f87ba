//! chat_client.

use super::super::common;
use super::*;
use crate::harness::prelude::*;

const GREETING: &str = "Welcome to the chat server! Type 'quit' to exit.\n";

pub fn checks() -> Vec<Check> {
    let sheet = "labs/08_client_server.md#step-3-more-than-two";
    let wrong = "labs/08_client_server.md#what-goes-wrong-and-why";
    let check =
        |id, title, run| Check::new(id, title, run).needs(&["chat_client.sends_lines"]);
    vec![
        Check::new(
            "chat_client.prompts",
            "shows its prompt before any input is given",
            |exam| {
                let (mut client, _server) = connected(exam)?;
                client.wait_for_output("You:")
            },
        )
        .sheet(sheet)
        .hints(&[
            "Does the prompt appear when the output is a pipe?",
            "Text without a line end stays in the buffer until it is flushed.",
            "Call stdout().flush() after print! and before you read. In Python it is \
             print(…, end=\"\", flush=True), or input with the prompt.",
        ])
        .by_hand("cargo run -p chat_client | cat"),
        Check::new(
            "chat_client.sends_lines",
            "sends each typed line, ended with a line end",
            sends_lines,
        )
        .points(2)
        .sheet(sheet)
        .hints(&[
            "What does the server see of your line? Look at it with nc -l 127.0.0.1 5555.",
            "Nothing is trimmed, and exactly one line end ends it.",
            "write_all the line as read_line gave it, with its \\n. Python's input has \
             taken that off, so send (line + \"\\n\").encode() with sendall.",
        ])
        .by_hand("nc -l 127.0.0.1 5555"),
        check(
            "chat_client.sends_long_lines",
            "sends every byte of a line of 3000 bytes",
            |exam| {
                let (mut client, mut server) = connected(exam)?;
                let text = exam.word(3000);
                client.type_in(&format!("{text}\n"))?;
                confirm(&mut server, &text)
            },
        )
        .sheet(sheet)
        .hints(&[
            "How long may a line be before your client cuts it?",
            "The 1024 bytes of the server are its own affair: it takes a longer line in \
             pieces.",
            "write_all (sendall in Python) sends a line of any length. In C, fgets fills \
             its buffer and leaves the rest for the next call: send each part as it is.",
        ])
        .by_hand("(head -c 3000 /dev/zero | tr '\\0' a; echo) | cargo run -p chat_client   # with nc -l 127.0.0.1 5555 | wc -c in another terminal"),
        check(
            "chat_client.skips_blank_lines",
            "sends nothing for a blank line",
            |exam| {
                let (mut client, mut server) = connected(exam)?;
                let word = exam.word(6);
                client.type_in(&format!("\n   \n{word}\n"))?;
                server.expect(format!("{word}\n"))
            },
        )
        .sheet(sheet)
        .hints(&[
            "What is left of the line without its white space?",
            "A line with nothing but white space says nothing, but the server would tell \
             it to everybody.",
            "If line.trim().is_empty() (not line.strip() in Python), go on with the next \
             line, and do not write.",
        ])
        .by_hand("press Enter at the prompt"),
        check(
            "chat_client.shows_what_arrives",
            "shows what the server says while it waits for the user",
            shows_what_arrives,
        )
        .points(2)
        .sheet(sheet)
        .hints(HINTS_CLIENT_ENDS)
        .by_hand("nc -l 127.0.0.1 5555 (and type there)"),
        check(
            "chat_client.quits",
            "sends quit, in any case, and ends with status 0",
            quits,
        )
        .sheet(sheet)
        .hints(&[
            "The word goes to the server before the client ends.",
            "Do not wait for ever for the server to close.",
            "Compare line.trim() with eq_ignore_ascii_case(\"quit\"), or \
             line.strip().lower() in Python. Send the line, call \
             shutdown(Shutdown::Write), and return from main with status 0.",
        ])
        .by_hand("say quit at the prompt"),
        check(
            "chat_client.sends_quitter",
            "goes on after a line that only contains quit",
            |exam| {
                let (mut client, mut server) = connected(exam)?;
                for text in ["quitter", "I quit"] {
                    client.type_in(&format!("{text}\n"))?;
                    confirm(&mut server, text)?;
                }
                Ok(())
            },
        )
        .sheet(sheet)
        .hints(&[
            "What does your comparison say to quitter, and to I quit?",
            "Compare the whole line. Looking for the word in it is wrong.",
            "Test the trimmed line for equality: eq_ignore_ascii_case in Rust, == on \
             lower() in Python. Not contains, starts_with or Python's in.",
        ])
        .by_hand("say quitter at the prompt"),
        Check::new(
            "chat_client.survives_invalid_utf8",
            "goes on when the server sends bytes that are not UTF-8",
            survives_invalid_utf8,
        )
        .needs(&["chat_client.shows_what_arrives"])
        .sheet(wrong)
        .hints(&[
            "Other people's bytes reach your client: are they always text?",
            "A character may be cut between two reads, or be no UTF-8 at all.",
            "Put a mark (U+FFFD) where no character is, and go on.",
        ])
        .by_hand("printf '\\377\\376\\n' | nc -l 127.0.0.1 5555"),
        Check::new(
            "chat_client.notices_the_end_of_the_server",
            "says Disconnected from server and ends when the server closes or resets",
            |exam| {
                disconnects(exam, drop)?;
                disconnects(exam, Conn::reset).map_err(common::likely(
                    "a server that crashes resets the connection: read fails then, in \
                     place of returning 0 bytes, and its error is not handled",
                ))
            },
        )
        .needs(&["chat_client.shows_what_arrives"])
        .sheet(wrong)
        .hints(HINTS_CLIENT_ENDS)
        .by_hand("stop the server while the client waits for you"),
        check(
            "chat_client.ends_with_its_input",
            "ends when its input ends, after it has sent everything",
            |exam| {
                let (mut client, mut server) = connected(exam)?;
                let word = exam.word(6);
                client.type_in(&format!("{word}\n"))?;
                client.close_stdin();
                confirm(&mut server, &word)?;
                part(server)?;
                client.wait_exit(Duration::from_secs(8))?;
                client.expect_no_crash()
            },
        )
        .sheet(wrong)
        .hints(&[
            "What does reading a line return at the end of the input?",
            "At the end of a pipe, or at Ctrl-D, no line comes any more. What was typed \
             before must still reach the server.",
            "At Ok(0) of read_line (EOFError of Python's input), call \
             shutdown(Shutdown::Write) on the stream: what is on its way arrives, and \
             the server closes. When it has, or after a second or two, return from main.",
        ])
        .by_hand("echo hello | cargo run -p chat_client"),
        Check::new(
            "chat_client.reports_a_refused_connection",
            "says Could not connect to server. Is it running?",
            |exam| {
                common::reports_a_refused_connection(exam)?;
                let addr = exam.refusing_addr()?;
                let mut client = exam.client(addr)?;
                client.close_stdin();
                client.wait_exit(Duration::from_secs(15))?;
                client.wait_for_output("Could not connect to server. Is it running?")
            },
        )
        .sheet(wrong)
        .hints(HINTS_REFUSED)
        .by_hand("cargo run -p chat_client (without a server)"),
    ]
}

/// The client, and the check as its server, which has greeted it.
fn connected(exam: &Exam) -> Result<(Program, Conn), Stop> {
    let listener = exam.listener()?;
    let client = exam.client(listener.addr())?;
    let mut server = listener.accept()?;
    server.send(GREETING)?;
    Ok((client, server))
}

/// Hears this line and confirms it, as a client may wait for.
fn confirm(server: &mut Conn, text: &str) -> Verdict {
    server.expect(format!("{text}\n"))?;
    server.send(format!("Server received: {text}\n"))
}

fn sends_lines(exam: &mut Exam) -> Verdict {
    let (mut client, mut server) = connected(exam)?;
    for text in [exam.word(8), format!("  aB é {}  ", exam.word(4))] {
        client.type_in(&format!("{text}\n"))?;
        confirm(&mut server, &text)?;
    }
    server.expect_silence(Duration::from_millis(200))
}

fn shows_what_arrives(exam: &mut Exam) -> Verdict {
    let (mut client, mut server) = connected(exam)?;
    client.wait_for_output(GREETING.trim_end())?;
    for _ in 0..2 {
        let line = format!("[{}] é {}", exam.word(5), exam.word(9));
        server.send(format!("{line}\n"))?;
        client.wait_for_output(&line)?;
    }
    // Also without a line end, as the confirmations of the Python original come.
    let text = format!("Server received: {}", exam.word(9));
    server.send(&text)?;
    client.wait_for_output(&text).map_err(common::because(
        "this text has no line end, and never gets one: show what has come",
    ))
}

fn survives_invalid_utf8(exam: &mut Exam) -> Verdict {
    let (mut client, mut server) = connected(exam)?;
    client.wait_for_output(GREETING.trim_end())?;
    // Bytes that are never text, then a character in two segments.
    server.send(b"[x] \xff\xfe\x80\n[x] \xc3")?;
    std::thread::sleep(Duration::from_millis(100));
    server.send(b"\xa9\n")?;
    let (line, word) = (format!("[x] {}", exam.word(9)), exam.word(7));
    server.send(format!("{line}\n"))?;
    client.wait_for_output(&line)?;
    client.type_in(&format!("{word}\n"))?;
    server.expect(format!("{word}\n"))
}

/// The server leaves in this way while the client waits for its user.
fn disconnects(exam: &mut Exam, leave: fn(Conn)) -> Verdict {
    let (mut client, server) = connected(exam)?;
    client.wait_for_output(GREETING.trim_end())?;
    leave(server);
    client.wait_for_output("Disconnected from server")?;
    client.wait_exit(Duration::from_secs(5))?;
    client.expect_no_crash()
}

/// Closes once the client has closed, or its sending side, as chat_server does: it may
/// wait for that.
fn part(mut server: Conn) -> Verdict {
    server.read_to_end().map(drop)
}

fn quits(exam: &mut Exam) -> Verdict {
    for quit in ["quit", "QUIT"] {
        let (mut client, mut server) = connected(exam)?;
        client.type_in(&format!("{quit}\n"))?;
        server.expect(quit)?;
        part(server)?;
        let exit = client.wait_exit(Duration::from_secs(6))?;
        if exit != Exit::Status(0) {
            return Err(Failure::new("exit status 0", exit.to_string()).into());
        }
    }
    Ok(())
}
