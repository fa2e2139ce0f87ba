//! Chapter 3: what the message programs must do, over TCP and over a Unix socket.

use std::path::{Path, PathBuf};

use super::common;
use crate::harness::escape;
use crate::harness::prelude::*;

mod unix;

/// The checks of chapter 3.
pub fn checks() -> Vec<Check> {
    let mut checks = message_server();
    checks.extend(message_server_threaded());
    checks.extend(message_client());
    checks.extend(unix_socket_server());
    checks.extend(unix_socket_client());
    checks
}

const HINTS_LISTENS: &[&str] = &[
    "A server first asks the kernel for a port: which call does that?",
    "Bind to the host and port of the arguments, not to a fixed text.",
    "TcpListener::bind((host, port)) does it all in Rust. In Python it is socket, then \
     bind((host, port)), then listen, with the values that your program was started \
     with.",
];
const HINTS_ACCEPTED: &[&str] = &[
    "Does your server wait for something that never comes, such as a line end?",
    "A message is what one read returns. The client sends no line end and stays.",
    "After each read: eight bytes go back, accepted, and nothing else.",
];
const HINTS_BLANK: &[&str] = &[
    "Is a message of two spaces empty? Is one of a line end?",
    "Only a read of 0 bytes brings no message. Whatever else comes has an answer.",
    "Look for what you trim: the answer does not depend on what is left of the text.",
];
const HINTS_CLOSE: &[&str] = &[
    "Compare what you send with the wire table on the sheet, byte by byte.",
    "The answer to close is closed, without a line end; then the connection ends.",
    "Send closed with write_all (sendall in Python), leave the loop and close the \
     stream: drop it, or call close(). A server for one client then returns from main \
     with status 0.",
];
const HINTS_CASE: &[&str] = &[
    "What does your comparison say to Close, and what to CLOSE?",
    "Rust has a comparison that ignores the case of ASCII letters.",
    "It is message.eq_ignore_ascii_case(\"close\"); in Python compare message.lower() \
     with \"close\".",
];
const HINTS_WORD: &[&str] = &[
    "What does your comparison say to closer, and what to clos?",
    "Compare the whole message with the whole word. Looking for one in the other, or at \
     its start, is wrong.",
    "Test for equality with close, in any letter case: not with contains, starts_with, \
     Python's in, or C's strncmp as far as the message goes. All else is answered with \
     accepted.",
];
const HINTS_LONG: &[&str] = &[
    "How many bytes does one read return at most, and where do the others go?",
    "Read in a loop: each piece is a message of its own and gets an answer.",
    "Call read (recv) and write in one loop. What did not fit into your buffer stays in \
     the kernel's, and the next read returns it.",
];
const HINTS_EOF: &[&str] = &[
    "What does read return when the client has closed its side?",
    "A read of 0 bytes is the end of the stream: leave the loop.",
    "Look at the result of read before you answer: Ok(0) in Rust, b\"\" from recv in \
     Python. Then break, and close the stream.",
];
const HINTS_LINES: &[&str] = &[
    "Compare your output with the sheet, word by word.",
    "Print the message as text: decode the bytes, do not print the list of numbers.",
    "Print Received: and what String::from_utf8_lossy (decode in Python) makes of the \
     bytes that read returned, and of no others in the buffer.",
];
const HINTS_IN_USE: &[&str] = &[
    "Start your server twice. What does the second one say?",
    "bind returns an error: report it in one line and end with a status that is not 0.",
    "Match the Err of TcpListener::bind in place of an unwrap, or catch OSError around \
     bind in Python. Print it and end with status 1.",
];
const HINTS_PROMPT: &[&str] = &[
    "Run your client with its output in a pipe: ... | cat. Where is the prompt?",
    "A prompt has no line end, so it stays in the buffer: flush stdout.",
    "Call stdout().flush() after print! and before you read. In Python it is \
     print(…, end=\"\", flush=True), or input with the prompt.",
];
const HINTS_INPUT_ENDS: &[&str] = &[
    "Press Ctrl-D at the prompt: what does reading a line return then?",
    "A line of 0 bytes, without even a line end, is the end of the input.",
    "read_line returns Ok(0) there, and Python's input raises EOFError: leave the loop \
     and close the connection.",
];
const HINTS_SERVER_ENDS: &[&str] = &[
    "What does read return when the server has closed its side?",
    "A read of 0 bytes is the end: say so and end.",
    "Handle Ok(0) of read (b\"\" of recv) and the errors of read and write alike: print \
     a line and return, without an unwrap.",
];
const HINTS_SURVIVES: &[&str] = &[
    "A client may vanish at any moment, and may send any bytes.",
    "An error of one client ends that client's conversation, never the server.",
    "Look for every unwrap (or every uncaught exception) between accept and close.",
];
const HINTS_RESTART: &[&str] = &[
    "Old connections keep the port for a minute (TIME_WAIT).",
    "The option SO_REUSEADDR allows to bind nevertheless; Rust sets it on Unix.",
    "Call setsockopt(SOL_SOCKET, SO_REUSEADDR, 1) on the listening socket, between \
     socket and bind. TcpListener::bind of Rust does that for you.",
];

fn message_server() -> Vec<Check> {
    let sheet = "labs/03_sockets.md#step-2-talk-to-it";
    vec![
        Check::new(
            "message_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet("labs/03_sockets.md#step-1-start-the-server")
        .hints(HINTS_LISTENS)
        .by_hand("ss -tln | grep 8000"),
        Check::new(
            "message_server.accepts_messages",
            "answers every message with accepted, while the connection stays open",
            answers_accepted,
        )
        .needs(&["message_server.listens"])
        .points(2)
        .sheet(sheet)
        .hints(HINTS_ACCEPTED)
        .by_hand("printf hello | nc 127.0.0.1 8000"),
        Check::new(
            "message_server.answers_blank_messages",
            "answers a message of spaces or line ends like any other",
            answers_blank_messages,
        )
        .needs(&["message_server.accepts_messages"])
        .sheet(sheet)
        .hints(HINTS_BLANK)
        .by_hand("printf '\\n' | nc 127.0.0.1 8000"),
        Check::new(
            "message_server.closes_on_close",
            "answers close with closed, closes the connection and ends with status 0",
            |exam| {
                let mut server = exam.server()?;
                say_close(&mut server.connect()?, b"close")?;
                server.expect_exit(0)
            },
        )
        .needs(&["message_server.accepts_messages"])
        .points(2)
        .sheet("labs/03_sockets.md#step-3-say-close")
        .hints(HINTS_CLOSE)
        .by_hand("printf close | nc 127.0.0.1 8000"),
        Check::new(
            "message_server.close_in_any_case",
            "understands close in any letter case",
            closes_in_any_case,
        )
        .needs(&["message_server.closes_on_close"])
        .sheet("labs/03_sockets.md#step-3-say-close")
        .hints(HINTS_CASE)
        .by_hand("printf CLOSE | nc 127.0.0.1 8000"),
        Check::new(
            "message_server.close_as_a_whole_word",
            "takes a message with close in it, or a part of close, for a message like any other",
            closes_on_the_whole_word_only,
        )
        .needs(&["message_server.accepts_messages"])
        .sheet("labs/03_sockets.md#step-3-say-close")
        .hints(HINTS_WORD)
        .by_hand("printf 'closed door' | nc 127.0.0.1 8000"),
        Check::new(
            "message_server.takes_long_messages",
            "takes every byte of a message of 3000 bytes and goes on",
            takes_long_messages,
        )
        .needs(&["message_server.accepts_messages"])
        .sheet(sheet)
        .hints(HINTS_LONG)
        .by_hand("head -c 3000 /dev/zero | tr '\\0' a | nc 127.0.0.1 8000"),
        Check::new(
            "message_server.ends_with_its_client",
            "ends with status 0 when its client leaves without close",
            |exam| {
                let mut server = exam.server()?;
                let mut client = server.connect()?;
                client.send(exam.word(8))?;
                client.expect("accepted")?;
                drop(client);
                server.expect_exit(0)
            },
        )
        .needs(&["message_server.accepts_messages"])
        .sheet("labs/03_sockets.md#step-3-say-close")
        .hints(HINTS_EOF)
        .by_hand("printf hello | nc -q 1 127.0.0.1 8000"),
        Check::new(
            "message_server.survives_any_client",
            "ends without a crash when its client resets or sends no UTF-8, and never leaves it waiting",
            ends_without_a_crash,
        )
        .needs(&["message_server.accepts_messages"])
        .sheet("labs/03_sockets.md#what-goes-wrong-and-why")
        .hints(HINTS_SURVIVES)
        .by_hand("printf '\\377\\376' | nc 127.0.0.1 8000"),
        Check::new(
            "message_server.prints_what_happens",
            "prints who connected, what was received, and that the connection is closed",
            |exam| prints_what_happens(exam, false),
        )
        .needs(&["message_server.closes_on_close"])
        .sheet(sheet)
        .hints(HINTS_LINES)
        .by_hand("printf hello | nc 127.0.0.1 8000"),
        Check::new(
            "message_server.reports_a_port_in_use",
            "reports a port in use in a message and with a status that is not 0",
            common::reports_a_port_in_use,
        )
        .needs(&["message_server.listens"])
        .sheet("labs/03_sockets.md#what-goes-wrong-and-why")
        .hints(HINTS_IN_USE)
        .by_hand("cargo run -p message_server (twice, in two terminals)"),
        Check::new(
            "message_server.restarts_at_once",
            "listens on the same port again at once when it has served its client",
            starts_again_after_close,
        )
        .needs(&["message_server.closes_on_close"])
        .sheet("labs/03_sockets.md#what-goes-wrong-and-why")
        .hints(HINTS_RESTART)
        .by_hand("printf close | nc 127.0.0.1 8000, then start the server again"),
    ]
}

fn message_server_threaded() -> Vec<Check> {
    let sheet = "labs/03_sockets.md#step-5-a-thread-for-each-client";
    let wrong = "labs/03_sockets.md#what-goes-wrong-and-why";
    vec![
        Check::new(
            "message_server_threaded.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(sheet)
        .hints(HINTS_LISTENS)
        .by_hand("ss -tln | grep 8000"),
        Check::new(
            "message_server_threaded.accepts_messages",
            "answers every message with accepted, while the connection stays open",
            answers_accepted,
        )
        .needs(&["message_server_threaded.listens"])
        .points(2)
        .sheet(sheet)
        .hints(HINTS_ACCEPTED)
        .by_hand("printf hello | nc 127.0.0.1 8000"),
        Check::new(
            "message_server_threaded.answers_blank_messages",
            "answers a message of spaces or line ends like any other",
            answers_blank_messages,
        )
        .needs(&["message_server_threaded.accepts_messages"])
        .sheet(sheet)
        .hints(HINTS_BLANK)
        .by_hand("printf '\\n' | nc 127.0.0.1 8000"),
        Check::new(
            "message_server_threaded.closes_on_close",
            "answers close with closed and closes the connection",
            |exam| {
                let server = exam.server()?;
                say_close(&mut server.connect()?, b"close")
            },
        )
        .needs(&["message_server_threaded.accepts_messages"])
        .sheet(sheet)
        .hints(HINTS_CLOSE)
        .by_hand("printf close | nc 127.0.0.1 8000"),
        Check::new(
            "message_server_threaded.close_in_any_case",
            "understands close in any letter case",
            closes_in_any_case,
        )
        .needs(&["message_server_threaded.closes_on_close"])
        .sheet(sheet)
        .hints(HINTS_CASE)
        .by_hand("printf CLOSE | nc 127.0.0.1 8000"),
        Check::new(
            "message_server_threaded.close_as_a_whole_word",
            "takes a message with close in it, or a part of close, for a message like any other",
            closes_on_the_whole_word_only,
        )
        .needs(&["message_server_threaded.accepts_messages"])
        .sheet(sheet)
        .hints(HINTS_WORD)
        .by_hand("printf 'closed door' | nc 127.0.0.1 8000"),
        Check::new(
            "message_server_threaded.takes_long_messages",
            "takes every byte of a message of 3000 bytes and goes on",
            takes_long_messages,
        )
        .needs(&["message_server_threaded.accepts_messages"])
        .sheet(sheet)
        .hints(HINTS_LONG)
        .by_hand("head -c 3000 /dev/zero | tr '\\0' a | nc 127.0.0.1 8000"),
        Check::new(
            "message_server_threaded.serves_several",
            "goes on after its first client",
            |exam| common::serves_several(exam, probe),
        )
        .needs(&["message_server_threaded.closes_on_close"])
        .sheet(sheet)
        .hints(&[
            "What happens after the first client has left?",
            "accept stands in a loop that nothing ends but Ctrl-C.",
            "Put accept into a loop: for stream in listener.incoming(), or while True \
             with accept() in Python. Whatever happens to one client, the loop goes on \
             to the next.",
        ])
        .by_hand("for i in 1 2 3; do printf close | nc 127.0.0.1 8000; done"),
        Check::new(
            "message_server_threaded.serves_beside_a_silent_client",
            "serves a second client while the first is connected and silent",
            serves_beside_a_silent_client,
        )
        .needs(&["message_server_threaded.closes_on_close"])
        .points(2)
        .sheet(sheet)
        .hints(&[
            "Who reads from the first client, and who calls accept meanwhile?",
            "Start a thread after accept and give the connection to it.",
            "Starting a thread and waiting for it (join) at once is one client at a time.",
        ])
        .by_hand("nc 127.0.0.1 8000 (in two terminals)"),
        Check::new(
            "message_server_threaded.notices_the_end_of_a_client",
            "does not spin or print without end when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, probe),
        )
        .needs(&["message_server_threaded.closes_on_close"])
        .timing()
        .sheet(wrong)
        .hints(HINTS_EOF)
        .by_hand("printf hello | nc -q 1 127.0.0.1 8000; top"),
        Check::new(
            "message_server_threaded.survives_resets",
            "survives clients that reset the connection",
            |exam| common::survives_resets(exam, probe),
        )
        .needs(&["message_server_threaded.serves_several"])
        .sheet(wrong)
        .hints(HINTS_SURVIVES)
        .by_hand("nmap -sT -p 8000 127.0.0.1"),
        Check::new(
            "message_server_threaded.survives_invalid_utf8",
            "survives bytes that are not UTF-8, and leaves nobody waiting",
            |exam| common::answers_invalid_utf8(exam, probe),
        )
        .needs(&["message_server_threaded.serves_several"])
        .sheet(wrong)
        .hints(HINTS_SURVIVES)
        .by_hand("printf '\\377\\376' | nc 127.0.0.1 8000"),
        Check::new(
            "message_server_threaded.returns_what_clients_used",
            "gives threads and descriptors back when 300 clients have left",
            |exam| common::returns_what_lost_clients_used(exam, probe),
        )
        .needs(&[
            "message_server_threaded.serves_several",
            "message_server_threaded.survives_resets",
        ])
        .deadline(Duration::from_secs(60))
        .sheet(wrong)
        .hints(&[
            "Count the server's threads (ls /proc/PID/task) before and after some clients.",
            "A thread ends when its function returns: does yours return after the client?",
            "What keeps the stream open: a list of clients that nobody is taken out of?",
        ])
        .by_hand("ls /proc/$(pgrep -n message_server)/fd"),
        Check::new(
            "message_server_threaded.answers_a_crowd",
            "answers fifty clients at once, and 200 that come 20 at a time",
            |exam| {
                common::answers_fifty_at_once(exam, |_| "accepted".to_owned())?;
                common::answers_a_crowd(exam, probe)
            },
        )
        .needs(&["message_server_threaded.serves_beside_a_silent_client"])
        .deadline(Duration::from_secs(60))
        .sheet(sheet)
        .hints(&[
            "Does the server still accept after many clients?",
            "A pool needs at least 50 places, and each must become free again.",
            "Start a thread for each connection (thread::spawn, threading.Thread), or \
             let a thread of the pool take the next client as soon as its own has left. \
             Listen with a backlog of 20 or more.",
        ])
        .by_hand("for i in $(seq 200); do printf close | nc 127.0.0.1 8000 & done; wait"),
        Check::new(
            "message_server_threaded.restarts_at_once",
            "listens again at once when it is stopped and started",
            |exam| common::restarts_at_once(exam, probe),
        )
        .needs(&["message_server_threaded.closes_on_close"])
        .sheet(wrong)
        .hints(HINTS_RESTART)
        .by_hand("ss -tan | grep TIME-WAIT"),
        Check::new(
            "message_server_threaded.prints_what_happens",
            "prints who connected, what was received, and which connection is closed",
            |exam| prints_what_happens(exam, true),
        )
        .needs(&["message_server_threaded.closes_on_close"])
        .sheet(sheet)
        .hints(HINTS_LINES)
        .by_hand("printf hello | nc 127.0.0.1 8000"),
        Check::new(
            "message_server_threaded.reports_a_port_in_use",
            "reports a port in use in a message and with a status that is not 0",
            common::reports_a_port_in_use,
        )
        .needs(&["message_server_threaded.listens"])
        .sheet(wrong)
        .hints(HINTS_IN_USE)
        .by_hand("cargo run -p message_server_threaded (twice, in two terminals)"),
        Check::new(
            "message_server_threaded.ends_on_ctrl_c",
            "ends on Ctrl-C when its clients have left",
            |exam| common::ends_on_ctrl_c(exam, probe),
        )
        .needs(&["message_server_threaded.closes_on_close"])
        .timing()
        .sheet(wrong)
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("press Ctrl-C in the server's terminal"),
    ]
}

fn message_client() -> Vec<Check> {
    let sheet = "labs/03_sockets.md#step-6-the-client";
    vec![
        Check::new(
            "message_client.sends_what_is_typed",
            "sends each line without its line end",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                for _ in 0..2 {
                    let line = format!(" {} é ", exam.word(8));
                    client.type_in(&format!("{line}\n"))?;
                    conn.expect_exactly(&line)?;
                    conn.send("accepted")?;
                }
                // The last line of a file may have no line end: nothing is to be cut off.
                let line = exam.word(8);
                client.type_in(&line)?;
                client.close_stdin();
                conn.expect_exactly(&line)
            },
        )
        .points(2)
        .sheet(sheet)
        .hints(&[
            "What stands at the end of a line that was read from stdin?",
            "Send the text as it was typed, and only the line end is taken off.",
            "And no other white space: a trim takes too much. The last line may have no \
             line end, so look before you cut one off.",
        ])
        .by_hand("nc -l 127.0.0.1 8000 | xxd"),
        Check::new(
            "message_client.prompts",
            "shows Enter message: before anything is typed",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let _conn = listener.accept()?;
                client.wait_for_output("Enter message:")
            },
        )
        .sheet(sheet)
        .hints(HINTS_PROMPT)
        .by_hand("cargo run -p message_client | cat"),
        Check::new(
            "message_client.prints_the_answer",
            "prints Received: and the answer",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                client.type_in("hello\n")?;
                conn.expect("hello")?;
                conn.send("accepted")?;
                client.wait_for_output("Received: accepted")
            },
        )
        .needs(&["message_client.sends_what_is_typed"])
        .sheet(sheet)
        .hints(HINTS_LINES)
        .by_hand("cargo run -p message_client"),
        Check::new(
            "message_client.ends_on_closed",
            "ends with Connection to server closed and status 0 on closed",
            |exam| {
                // The answer says it, whatever was typed.
                for word in ["close", "CLOSE", &exam.word(8)] {
                    let listener = exam.listener()?;
                    let mut client = exam.client(listener.addr())?;
                    let mut conn = listener.accept()?;
                    client.type_in(&format!("{word}\n"))?;
                    conn.expect(word)?;
                    conn.send("closed")?;
                    client.expect_exit(0)?;
                    conn.expect_end()?;
                    client.wait_for_output("Connection to server closed")?;
                }
                Ok(())
            },
        )
        .needs(&["message_client.sends_what_is_typed"])
        .deadline(Duration::from_secs(60))
        .points(2)
        .sheet(sheet)
        .hints(&[
            "Does the client look at the answer, or at what was typed?",
            "The answer closed ends the loop; the line that tells it comes last.",
            "Compare what read (recv) returned with closed and leave the loop. Then \
             print Connection to server closed and let main return.",
        ])
        .by_hand("cargo run -p message_client, then type close"),
        Check::new(
            "message_client.cuts_long_lines",
            "sends at most 1024 bytes of a line, and no half character",
            cuts_long_lines,
        )
        .needs(&["message_client.sends_what_is_typed"])
        .sheet(sheet)
        .hints(&[
            "How many bytes are 600 letters é?",
            "Go back from byte 1024 to where a character begins.",
            "Begin with 1024 and subtract 1 while line.is_char_boundary(end) is false. \
             In Python, data[:1024].decode(\"utf-8\", \"ignore\") drops the half \
             character.",
        ])
        .by_hand("yes é | head -600 | tr -d '\\n' | cargo run -p message_client"),
        Check::new(
            "message_client.ends_with_its_input",
            "ends when its standard input ends",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                client.close_stdin();
                client.wait_exit(Duration::from_secs(5))?;
                client.expect_no_crash()?;
                conn.expect_end()
            },
        )
        .needs(&["message_client.sends_what_is_typed"])
        .sheet(sheet)
        .hints(HINTS_INPUT_ENDS)
        .by_hand("cargo run -p message_client < /dev/null"),
        Check::new(
            "message_client.ends_with_its_server",
            "ends without a crash when the server has closed, and says so",
            ends_with_its_server,
        )
        .needs(&["message_client.sends_what_is_typed"])
        .sheet("labs/03_sockets.md#what-goes-wrong-and-why")
        .hints(HINTS_SERVER_ENDS)
        .by_hand("nc -l 127.0.0.1 8000 (then Ctrl-C)"),
        Check::new(
            "message_client.reports_a_refused_connection",
            "says Error: and Connection to server closed when nobody listens",
            |exam| {
                let addr = exam.refusing_addr()?;
                let mut client = exam.client(addr)?;
                client.close_stdin();
                client.wait_exit(Duration::from_secs(15))?;
                client.expect_no_crash()?;
                client.wait_for_output("Error:")?;
                client.wait_for_output("Connection to server closed")
            },
        )
        .sheet("labs/03_sockets.md#what-goes-wrong-and-why")
        .hints(&[
            "connect can fail too: what does your client print then?",
            "Report every error in one place, then print the last line.",
            "Let one function connect and talk, and return its error with ? (Python: try \
             with except OSError around the call). main prints Error: and the error, \
             then Connection to server closed.",
        ])
        .by_hand("cargo run -p message_client (without a server)"),
    ]
}

/// One well-behaved client: a message, then close.
fn probe(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send(word)?;
    client.expect("accepted")?;
    say_close(&mut client, b"close")
}

fn say_close(client: &mut Conn, word: &[u8]) -> Verdict {
    client.send(word)?;
    client.expect("closed")?;
    client.expect_end()
}

fn answers_accepted(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    // A single character is a message; whether it may be one of close is another check.
    for message in ["7".to_owned(), exam.word(5), exam.word(60)] {
        client.send(message)?;
        client.expect_exactly("accepted")?;
    }
    Ok(())
}

fn answers_blank_messages(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    for message in common::line_ends_and_blanks(exam) {
        client.send(message)?;
        client.expect("accepted")?;
    }
    Ok(())
}

fn closes_in_any_case(exam: &mut Exam) -> Verdict {
    // Never all small, which is another check.
    let mixed: String = "close"
        .chars()
        .enumerate()
        .map(|(place, char)| match place == 0 || exam.rng().bool() {
            true => char.to_ascii_uppercase(),
            false => char,
        })
        .collect();
    for word in ["CLOSE", &mixed] {
        let server = exam.server()?;
        say_close(&mut server.connect()?, word.as_bytes())?;
    }
    Ok(())
}

fn closes_on_the_whole_word_only(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    let word = exam.word(4);
    for message in [
        "closed door".to_owned(),
        format!("close{word}"),
        format!("{word}close"),
        // A line end may follow, but no space is part of the word.
        " close ".to_owned(),
        // Nor are others, and a line of it is not the message.
        "close door".to_owned(),
        "please close".to_owned(),
        format!("close\n{word}"),
        format!("{word}\nclose"),
        // Parts of the word: its start, its end, and a letter of each.
        "clos".to_owned(),
        "lose".to_owned(),
        "e".to_owned(),
        "c".to_owned(),
    ] {
        client.send(message)?;
        client.expect("accepted")?;
    }
    Ok(())
}

/// It has closed first, and its port is in TIME_WAIT (C5).
fn starts_again_after_close(exam: &mut Exam) -> Verdict {
    let mut server = exam.server()?;
    let port = server.addr().port();
    probe(&server, &exam.word(8))?;
    server.wait_exit(Duration::from_secs(5))?;
    let again = exam.launch().port(port).server();
    probe(&again.map_err(common::in_time_wait)?, &exam.word(8))
}

fn takes_long_messages(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    // What fills one read exactly is a message as well.
    for len in [1024, 3000] {
        takes_long_message(&mut client, &exam.word(len))?;
    }
    client.send(exam.word(8))?;
    client.expect("accepted")
}

fn takes_long_message(client: &mut Conn, message: &str) -> Verdict {
    client.send(message)?;
    // One answer for each piece, and the size of a piece is free.
    let mut answers = Vec::new();
    loop {
        let more = client.read_some(Duration::from_millis(200));
        if more.is_empty() && !answers.is_empty() {
            break;
        }
        if more.is_empty() {
            client.expect("accepted")?;
            break;
        }
        answers.extend(more);
    }
    for answer in answers.chunks(b"accepted".len()) {
        if answer != b"accepted" {
            return Err(Failure::bytes(b"accepted", answer).into());
        }
    }
    Ok(())
}

fn ends_without_a_crash(exam: &mut Exam) -> Verdict {
    let mut server = exam.server()?;
    let mut client = server.connect()?;
    client.send(exam.word(8))?;
    client.expect("accepted")?;
    client.reset();
    server.wait_exit(Duration::from_secs(5))?;
    server.expect_no_crash()?;

    let mut server = exam.server()?;
    let mut client = server.connect()?;
    client.send(b"\xff\xfe\x80")?;
    common::gets_an_answer_or_the_end(&client)?;
    client.read_some(Duration::from_millis(300));
    drop(client);
    server.wait_exit(Duration::from_secs(5))?;
    server.expect_no_crash()
}

/// The first client goes on although another one has said close meanwhile.
fn serves_beside_a_silent_client(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut first = server.connect()?;
    common::served_beside_a_silent_client(&server, &exam.word(8), probe)?;
    for _ in 0..2 {
        first.send(exam.word(8))?;
        first.expect("accepted").map_err(common::because(
            "the close of one client has ended the conversation of another: what \
                     ends it belongs to the client's own thread",
        ))?;
    }
    Ok(())
}

fn prints_what_happens(exam: &mut Exam, threaded: bool) -> Verdict {
    let mut server = exam.server()?;
    let mut client = server.connect()?;
    let word = format!("{} é {}", exam.word(8), common::PERCENTS);
    client.send(&word)?;
    client.expect("accepted")?;
    let port = client.local_addr()?.port().to_string();
    let mut latest = None;
    if threaded {
        // It must not become the client whose lines are printed. Whether it is served at
        // once is another check's business.
        let other = latest.insert(server.connect()?);
        other.patience(Duration::from_secs(2));
        other.send(exam.word(8))?;
        let _ = other.expect("accepted");
    }
    // A shorter one: nothing of the first may be left behind it.
    let short = exam.word(4);
    client.send(&short)?;
    client.expect("accepted")?;
    say_close(&mut client, b"close")?;
    server.wait_for_printed(
        &format!("it prints Accepted connection from 127.0.0.1:{port}"),
        |printed| line_with(printed, "Accepted connection from", &port),
    )?;
    common::prints_line_end(&mut server, &format!("Received: {word}"))?;
    common::prints_line_end(&mut server, &format!("Received: {short}"))?;
    drop(client); // The server may wait for the client's own end before it says so.
    if !threaded {
        return server.wait_for_output("Connection to client closed");
    }
    let expected = format!("it prints Connection to client (127.0.0.1:{port}) closed");
    let verdict = server.wait_for_printed(&expected, |printed| {
        line_with(printed, "Connection to client (", &port)
    });
    if server.printed().contains("Connection to client (") {
        return verdict.map_err(common::likely(
            "the line names another client: each thread keeps the address of its own \
             client, in a local variable",
        ));
    }
    verdict
}

/// Tells whether a line holds both texts.
fn line_with(printed: &str, first: &str, second: &str) -> bool {
    let both = |line: &str| line.contains(first) && line.contains(second);
    printed.lines().any(both)
}

fn cuts_long_lines(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    let mut conn = listener.accept()?;
    // The characters stand so that byte 1024 is the second of two, and of three.
    for (lead, letter) in [(7, "é"), (2, "日")] {
        let line = format!("{}{}", exam.word(lead), letter.repeat(600));
        client.type_in(&format!("{line}\n"))?;
        conn.patience(Duration::from_secs(5));
        is_cut(&mut conn, &line)?;
        conn.send("accepted")?;
    }
    Ok(())
}

fn is_cut(conn: &mut Conn, line: &str) -> Verdict {
    let mut sent = conn.read_exactly(1)?;
    sent.extend(conn.read_some(Duration::from_millis(300)));
    let whole = std::str::from_utf8(&sent).is_ok();
    let fits = (1000..=1024).contains(&sent.len());
    if fits && whole && line.as_bytes().starts_with(&sent) {
        return Ok(());
    }
    let expected =
        "1024 bytes or a few less, from the start of the line, in whole characters";
    let end = sent.get(sent.len().saturating_sub(8)..).unwrap_or_default();
    let got = format!("{} bytes that end with {}", sent.len(), escape(end));
    Err(Failure::new(expected, got).into())
}

fn ends_with_its_server(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    let mut conn = listener.accept()?;
    client.type_in("hello\n")?;
    conn.expect("hello")?;
    drop(conn);
    // Whoever reads a line before it looks at the connection gets one or two.
    let _ = client.type_in("more\nmore\n");
    client.wait_exit(Duration::from_secs(5))?;
    client.expect_no_crash()?;
    client.wait_for_output("Connection to server closed")
}

fn unix_socket_server() -> Vec<Check> {
    let sheet = "labs/03_sockets.md#step-7-a-socket-with-a-file-for-an-address";
    vec![
        Check::new(
            "unix_socket_server.listens",
            "makes a socket file at the path that it is given and listens there",
            |exam| unix::start(exam).map(drop),
        )
        .sheet(sheet)
        .hints(&[
            "Which family of sockets has a path for an address?",
            "Bind a UnixListener (AF_UNIX) to the path after --path.",
            "UnixListener::bind(path) in Rust; in Python socket.socket(socket.AF_UNIX), \
             then bind(path), then listen().",
        ])
        .by_hand("ls -l /tmp/socket_labs.sock"),
        Check::new(
            "unix_socket_server.accepts_messages",
            "answers every message with accepted, and close with closed",
            unix::converses,
        )
        .needs(&["unix_socket_server.listens"])
        .points(2)
        .sheet(sheet)
        .hints(HINTS_ACCEPTED)
        .by_hand("nc -U /tmp/socket_labs.sock"),
        Check::new(
            "unix_socket_server.answers_blank_messages",
            "answers a message of spaces or line ends like any other",
            unix::answers_blanks,
        )
        .needs(&["unix_socket_server.accepts_messages"])
        .sheet(sheet)
        .hints(HINTS_BLANK)
        .by_hand("printf '\\n' | nc -U /tmp/socket_labs.sock"),
        Check::new(
            "unix_socket_server.takes_long_messages",
            "takes every byte of a message of 3000 bytes and goes on",
            unix::takes_long,
        )
        .needs(&["unix_socket_server.accepts_messages"])
        .sheet(sheet)
        .hints(HINTS_LONG)
        .by_hand("head -c 3000 /dev/zero | tr '\\0' a | nc -U /tmp/socket_labs.sock"),
        Check::new(
            "unix_socket_server.replaces_a_stale_file",
            "starts again after kill -9, although its file is still there",
            unix::replaces_a_stale_file,
        )
        .needs(&["unix_socket_server.accepts_messages"])
        .sheet(sheet)
        .hints(&[
            "Kill your server with kill -9 and start it again. What does bind say?",
            "The file outlives the process: remove it before bind, if nobody listens.",
            "If connect to the path is refused (ConnectionRefused), call remove_file \
             (os.unlink in Python), then bind. If it succeeds, another server lives \
             there.",
        ])
        .by_hand("pkill -9 unix_socket_server; cargo run -p unix_socket_server"),
        Check::new(
            "unix_socket_server.removes_its_file",
            "removes its file when it ends, on Ctrl-C and SIGTERM as well",
            unix::removes_its_file,
        )
        .deadline(Duration::from_secs(60)) // it starts several times
        .needs(&["unix_socket_server.accepts_messages"])
        .timing()
        .sheet(sheet)
        .hints(&[
            "Closing the socket does not remove the file: who does?",
            "Remove it after the last client, and on Ctrl-C and SIGTERM as well.",
            "Call remove_file (os.unlink in Python) at the end of main, and let the \
             handler of SIGINT and SIGTERM come to the same place.",
        ])
        .by_hand("ls /tmp/socket_labs.sock (after the server has ended)"),
        Check::new(
            "unix_socket_server.leaves_a_living_server_alone",
            "refuses to start where another server listens, and does it no harm",
            unix::leaves_a_living_server_alone,
        )
        .needs(&["unix_socket_server.accepts_messages"])
        .sheet(sheet)
        .hints(&[
            "Start your server twice. Whom does the next client reach?",
            "Before you remove the file, try to connect: somebody may answer.",
            "If UnixStream::connect succeeds, print that the address is in use and end \
             with a status that is not 0. Only ConnectionRefused allows you to remove \
             the file.",
        ])
        .by_hand("cargo run -p unix_socket_server (twice, in two terminals)"),
        Check::new(
            "unix_socket_server.keeps_others_out",
            "lets only its own user connect (mode 0600)",
            unix::keeps_others_out,
        )
        .needs(&["unix_socket_server.listens"])
        .sheet(sheet)
        .hints(&[
            "Look at the file with ls -l: who may write to it?",
            "Set the umask before bind: a chmod afterwards leaves a moment for others.",
            "Call umask(0o177) before bind and set the old mask again afterwards: \
             os.umask in Python, umask of the crate rustix, nix or libc in Rust.",
        ])
        .by_hand("stat -c %a /tmp/socket_labs.sock"),
        Check::new(
            "unix_socket_server.reports_a_path_too_long",
            "reports a path that is too long in a message, not with a crash",
            unix::reports_a_path_too_long,
        )
        .needs(&["unix_socket_server.listens"])
        .sheet(sheet)
        .hints(&[
            "A Unix socket's path has room for 108 bytes. What does bind say to more?",
            "Report the error in one line and end with a status that is not 0.",
            "UnixListener::bind returns an error of the kind InvalidInput, Python's bind \
             raises OSError. Print it in place of an unwrap, and end with status 1.",
        ])
        .by_hand("cargo run -p unix_socket_server -- --path /tmp/$(seq -s x 100)"),
        Check::new(
            "unix_socket_server.close_in_any_case",
            "understands close in any letter case",
            unix::closes_on_any_case,
        )
        .needs(&["unix_socket_server.accepts_messages"])
        .sheet("labs/03_sockets.md#step-3-say-close")
        .hints(&[
            "What does your comparison say to Close, and what to CLOSE?",
            "Bring the message to small letters, and compare it then.",
            "In Rust: message.eq_ignore_ascii_case(b\"close\"). In Python: message.lower() == b\"close\".",
        ])
        .by_hand("printf CLOSE | nc -U /tmp/socket_labs.sock"),
        Check::new(
            "unix_socket_server.survives_any_client",
            "lives on when a client leaves its answer unread or sends no UTF-8",
            unix::survives_its_clients,
        )
        .needs(&["unix_socket_server.accepts_messages"])
        .sheet("labs/03_sockets.md#what-goes-wrong-and-why")
        .hints(HINTS_SURVIVES)
        .by_hand("printf '\\377\\376' | nc -U /tmp/socket_labs.sock"),
        Check::new(
            "unix_socket_server.is_done_with_who_has_left",
            "does not spin when a client has left, and keeps nothing of it",
            unix::is_done_with_who_has_left,
        )
        .needs(&["unix_socket_server.survives_any_client"])
        .timing()
        .deadline(Duration::from_secs(60))
        .sheet("labs/03_sockets.md#step-3-say-close")
        .hints(&[
            "What does read return when the client has closed its side, and what do you do then?",
            "A read of 0 bytes ends the loop; then the connection must be closed.",
            "What keeps it open: a list of clients that nobody is taken out of, a loop that goes on?",
        ])
        .by_hand("printf hello | nc -N -U /tmp/socket_labs.sock; ls /proc/$(pgrep -n unix_socket)/fd"),
        Check::new(
            "unix_socket_server.prints_what_happens",
            "prints who connected, what was received, and that the connection is closed",
            unix::prints_its_lines,
        )
        .needs(&["unix_socket_server.accepts_messages"])
        .sheet(sheet)
        .hints(&[
            "Compare your output with the sheet, word by word.",
            "Print the message as text: decode the bytes, do not print the list of numbers.",
            "Three lines: Accepted connection from …, Received: …, Connection to client closed. Flush each.",
        ])
        .by_hand("printf close | nc -U /tmp/socket_labs.sock"),
    ]
}

fn unix_socket_client() -> Vec<Check> {
    let sheet = "labs/03_sockets.md#step-7-a-socket-with-a-file-for-an-address";
    vec![
        Check::new(
            "unix_socket_client.talks",
            "sends each line without its line end, prints the answers, ends on closed",
            unix::client_talks,
        )
        .deadline(Duration::from_secs(60)) // it starts several times
        .points(2)
        .sheet(sheet)
        .hints(&[
            "All but the address is as in message_client.",
            "Connect a UnixStream (AF_UNIX) to the path after --path.",
            "UnixStream::connect(path), or socket.socket(socket.AF_UNIX) and \
             connect(path) in Python. The loop that reads, sends and prints is the one \
             of message_client.",
        ])
        .by_hand("nc -lU /tmp/socket_labs.sock"),
        Check::new(
            "unix_socket_client.prompts",
            "shows Enter message: before anything is typed",
            unix::client_prompts,
        )
        .sheet("labs/03_sockets.md#step-6-the-client")
        .hints(HINTS_PROMPT)
        .by_hand("cargo run -p unix_socket_client | cat"),
        Check::new(
            "unix_socket_client.ends_with_its_input",
            "ends when its standard input ends",
            unix::client_ends_with_its_input,
        )
        .needs(&["unix_socket_client.talks"])
        .sheet("labs/03_sockets.md#step-6-the-client")
        .hints(HINTS_INPUT_ENDS)
        .by_hand("cargo run -p unix_socket_client < /dev/null"),
        Check::new(
            "unix_socket_client.ends_with_its_server",
            "ends when the server has closed",
            unix::client_ends_with_its_server,
        )
        .needs(&["unix_socket_client.talks"])
        .sheet("labs/03_sockets.md#what-goes-wrong-and-why")
        .hints(HINTS_SERVER_ENDS)
        .by_hand("nc -lU /tmp/socket_labs.sock (then Ctrl-C)"),
        Check::new(
            "unix_socket_client.reports_a_missing_server",
            "says Error: when there is no such file, or nobody listens at it",
            |exam| {
                let path = unix::path(exam);
                unix::reports_that_nobody_listens(exam, &path)?;
                // A file that a killed server has left: it is there, and nobody listens.
                unix::leave_a_stale_file(&path)?;
                unix::reports_that_nobody_listens(exam, &path)
            },
        )
        .sheet(sheet)
        .hints(&[
            "What does connect say when the file does not exist?",
            "Report the error in one line, as for TCP.",
            "UnixStream::connect returns NotFound, Python's connect raises \
             FileNotFoundError; both know ConnectionRefused, too. Catch all errors \
             (OSError) in one place, and print Error: in front of them.",
        ])
        .by_hand("cargo run -p unix_socket_client (without a server)"),
    ]
}
