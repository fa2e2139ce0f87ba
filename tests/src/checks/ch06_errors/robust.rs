//! robust_server and robust_client.

use std::net::SocketAddr;
use std::thread;
use std::time::Instant;

use super::super::common;
use super::*;

const ROBUST_SERVER: &str = "labs/06_errors.md#step-2-a-server-that-survives";
const ROBUST_CLIENT: &str = "labs/06_errors.md#step-3-a-client-with-limits";

pub(super) fn checks() -> Vec<Check> {
    let mut checks = robust_server();
    checks.extend(robust_client());
    checks
}

fn robust_server() -> Vec<Check> {
    vec![
        Check::new(
            "robust_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(ROBUST_SERVER)
        .hints(&[
            "A server first asks the kernel for a port: which call does that?",
            "Bind to the host and port of the arguments, not to a fixed text.",
            "TcpListener::bind((host, port)) does it all in Rust. In Python it is \
             socket, then bind((host, port)), then listen, with the values that your \
             program was started with.",
        ])
        .by_hand("ss -tln | grep 65432"),
        Check::new(
            "robust_server.echoes",
            "answers Echo: and the message, while the connection stays open",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                // A line end is a part of the message like any other byte, and so is
                // what ends a text in C.
                for (len, end) in
                    [(1, ""), (12, ""), (60, "\n"), (12, "\r\n"), (12, "\0b")]
                {
                    let message = format!(" {} é {end}", exam.word(len));
                    client.send(&message)?;
                    client.expect_exactly(format!("Echo: {message}"))?;
                }
                Ok(())
            },
        )
        .needs(&["robust_server.listens"])
        .points(2)
        .sheet(ROBUST_SERVER)
        .hints(&[
            "Does your server wait for something that never comes, such as a line end?",
            "Echo: , a space, then the message as it came, in one write.",
            "Put Echo: and the bytes of one read together and send them with write_all \
             (sendall in Python). Read once for each answer, not to a line end and not \
             to the end.",
        ])
        .by_hand("printf hello | nc 127.0.0.1 65432"),
        Check::new(
            "robust_server.serves_several",
            "serves one client after another",
            |exam| common::serves_several(exam, echo_probe),
        )
        .needs(&["robust_server.echoes"])
        .sheet(ROBUST_SERVER)
        .hints(&[
            "What happens after the first client has left?",
            "accept stands in a loop that nothing ends but Ctrl-C.",
            "Loop with for stream in listener.incoming(), or while True around accept() \
             in Python. Whatever happens to one client, the loop goes on to the next.",
        ])
        .by_hand("for i in 1 2 3; do printf hello | nc -q 1 127.0.0.1 65432; done"),
        Check::new(
            "robust_server.takes_long_messages",
            "echoes every byte of a message of 3000 bytes",
            echoes_long_messages,
        )
        .needs(&["robust_server.echoes"])
        .sheet(ROBUST_SERVER)
        .hints(&[
            "How many bytes does one read return at most, and where do the others go?",
            "Read in a loop: each piece gets an answer of its own.",
            "Call read (recv) and write_all (sendall) in turns until read returns 0 \
             bytes. What did not fit into your buffer stays in the kernel's, and the \
             next read returns it.",
        ])
        .by_hand("head -c 3000 /dev/zero | tr '\\0' a | nc -q 1 127.0.0.1 65432"),
        Check::new(
            "robust_server.times_out",
            "lets a client go that is silent for 5 s, says so, and serves the next",
            |exam| {
                let mut server = exam.server()?;
                for speaks_first in [false, true] {
                    let mut silent = server.connect()?;
                    if speaks_first {
                        let word = exam.word(8);
                        silent.send(&word)?;
                        silent.expect(format!("Echo: {word}"))?;
                    }
                    silent.patience(Duration::from_secs(12));
                    let start = Instant::now();
                    silent.expect_end()?;
                    about_five_seconds(start, "it closes the connection")?;
                    server.wait_for_output("Timeout: No data received from client")?;
                }
                echo_probe(&server, &exam.word(8))
            },
        )
        .needs(&["robust_server.echoes"])
        .points(2)
        .timing()
        .deadline(Duration::from_secs(60))
        .sheet(ROBUST_SERVER)
        .hints(HINTS_TIMEOUT)
        .by_hand("nc 127.0.0.1 65432 (and type nothing)"),
        Check::new(
            "robust_server.keeps_who_talks",
            "keeps a client that talks every second, and waits for the first one that long",
            keeps_who_talks,
        )
        .needs(&["robust_server.times_out"])
        .timing()
        .deadline(Duration::from_secs(60))
        .sheet(ROBUST_SERVER)
        .hints(&[
            "From when on do the 5 s count, and whose silence do they measure?",
            "The limit is for one read: it begins anew with each message.",
            "Set the read timeout on the client's socket, and no limit on the whole conversation or on accept.",
        ])
        .by_hand("(for i in 1 2 3 4 5 6 7 8 9; do sleep 1; printf $i; done) | nc -N 127.0.0.1 65432"),
        Check::new(
            "robust_server.refuses_what_is_no_text",
            "says Received data is not UTF-8 encoded, closes, and serves the next",
            |exam| {
                let mut server = exam.server()?;
                let mut client = server.connect()?;
                client.send(b"\xff\xfe\x80")?;
                // Its end would come after 5 s for silence as well.
                client.patience(Duration::from_millis(2400));
                client.read_to_end()?;
                server.wait_for_output("Received data is not UTF-8 encoded")?;
                echo_probe(&server, &exam.word(8))
            },
        )
        .needs(&["robust_server.echoes"])
        .timing()
        .sheet(ROBUST_SERVER)
        .hints(&[
            "Not all bytes are text: what does your decoding do with \\xff?",
            "Decoding returns an error: catch it, print the line, close this client.",
            "std::str::from_utf8 returns an Err, data.decode() in Python raises \
             UnicodeDecodeError. Print the line and leave this client's loop, so that \
             the stream is closed and accept comes next.",
        ])
        .by_hand("printf '\\377\\376' | nc 127.0.0.1 65432"),
        Check::new(
            "robust_server.notices_the_end_of_a_client",
            "does not spin or print without end when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, echo_probe),
        )
        .needs(&["robust_server.echoes"])
        .timing()
        .sheet(ROBUST_SERVER)
        .hints(HINTS_EOF)
        .by_hand("printf hello | nc -q 1 127.0.0.1 65432; top"),
        Check::new(
            "robust_server.survives_resets",
            "survives clients that reset the connection",
            |exam| common::survives_many_resets(exam, echo_probe),
        )
        .needs(&["robust_server.serves_several"])
        .sheet(ROBUST_SERVER)
        .hints(HINTS_SURVIVES)
        .by_hand("nmap -sT -p 65432 127.0.0.1"),
        Check::new(
            "robust_server.survives_a_silent_visit",
            "survives a client that connects and leaves",
            |exam| common::survives_a_silent_visit(exam, echo_probe),
        )
        .needs(&["robust_server.serves_several"])
        .sheet(ROBUST_SERVER)
        .hints(HINTS_SURVIVES)
        .by_hand("nc -z 127.0.0.1 65432"),
        Check::new(
            "robust_server.prints_what_happens",
            "prints who connected, what was received, and who disconnected",
            |exam| {
                let mut server = exam.server()?;
                let mut client = server.connect()?;
                let port = client.local_addr()?.port().to_string();
                let word = format!("{} é", exam.word(8));
                client.send(&word)?;
                client.expect(format!("Echo: {word}"))?;
                drop(client);
                for (text, more) in [
                    ("Connected to ", &port),
                    ("Received: ", &word),
                    ("disconnected", &port),
                ] {
                    server.wait_for_printed(
                        &format!("it prints a line with {text:?} and {more:?}"),
                        |printed| line_with(printed, text, more),
                    )?;
                }
                Ok(())
            },
        )
        .needs(&["robust_server.echoes"])
        .sheet(ROBUST_SERVER)
        .hints(&[
            "Compare your output with the sheet, word by word.",
            "Print the message as text: decode the bytes.",
            "Print Connected to and, at the end, disconnected with the address that \
             accept returned. For Received:, std::str::from_utf8 (decode in Python) \
             makes the text of the bytes that were read.",
        ])
        .by_hand("printf hello | nc -q 1 127.0.0.1 65432"),
        Check::new(
            "robust_server.shuts_down_on_ctrl_c",
            "prints Server closed on Ctrl-C and ends with status 0",
            |exam| common::shuts_down_on_ctrl_c(exam, "Server closed", echo_probe),
        )
        .needs(&["robust_server.echoes"])
        .sheet(ROBUST_SERVER)
        .hints(&[
            "What happens on Ctrl-C while a client is connected?",
            "Somebody must wait for the signal while accept and read block.",
            "Serve in a thread while main waits for the signal (a crate such as ctrlc); \
             in Python, KeyboardInterrupt interrupts accept and recv. Then print Server \
             closed and return from main.",
        ])
        .by_hand("cargo run -p robust_server, then Ctrl-C"),
        Check::new(
            "robust_server.reports_a_port_in_use",
            "says Socket error on start when the port is in use, with a status not 0",
            |exam| common::reports_a_port_in_use_as(exam, "Socket error on start"),
        )
        .needs(&["robust_server.listens"])
        .sheet(ROBUST_SERVER)
        .hints(&[
            "Start your server twice. What does the second one say?",
            "bind returns an error: print the line and end with a status that is not 0.",
            "Match the Err of TcpListener::bind, or catch OSError around bind in Python. \
             Print Socket error on start and the error, and end with status 1.",
        ])
        .by_hand("cargo run -p robust_server (twice, in two terminals)"),
        Check::new(
            "robust_server.restarts_at_once",
            "listens again at once when it is stopped and started",
            |exam| common::restarts_at_once(exam, echo_probe),
        )
        .needs(&["robust_server.echoes"])
        .sheet(ROBUST_SERVER)
        .hints(&[
            "Old connections keep the port for a minute (TIME_WAIT).",
            "The option SO_REUSEADDR allows to bind nevertheless; Rust sets it on Unix.",
            "Call setsockopt(SOL_SOCKET, SO_REUSEADDR, 1) on the listening socket, \
             between socket and bind. TcpListener::bind of Rust does that for you.",
        ])
        .by_hand("ss -tan | grep TIME-WAIT"),
        Check::new(
            "robust_server.takes_any_message",
            "answers blanks, line ends and words such as quit like any other message",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                for message in common::messages_like_any_other(exam) {
                    client.send(&message)?;
                    let answered = client.expect(format!("Echo: {message}"));
                    answered.map_err(because(common::TAKEN_FOR_AN_END))?;
                }
                Ok(())
            },
        )
        .needs(&["robust_server.echoes"])
        .sheet(ROBUST_SERVER)
        .hints(common::HINTS_ANY_MESSAGE)
        .by_hand("printf '  ' | nc -q 1 127.0.0.1 65432"),
    ]
}

fn robust_client() -> Vec<Check> {
    vec![
        Check::new(
            "robust_client.talks",
            "sends Hello, Server! and prints the answer, with status 0",
            |exam| {
                // As long as the message: it may count what comes back.
                let word = format!("Echo: {} é", exam.word(11));
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                conn.expect_exactly("Hello, Server!")?;
                // What is printed may come late, but the client waits for 5 s only.
                conn.send(&word)?;
                client.wait_for_output("Connected to the server")?;
                client.wait_for_output(&format!("Received from server: {word}"))?;
                client.wait_for_output("Connection closed")?;
                client.expect_exit(0)
            },
        )
        .points(2)
        .sheet(ROBUST_CLIENT)
        .hints(&[
            "Compare what you send and print with the sheet, word by word.",
            "On the wire are the bytes of Hello, Server! without a line end. The answer \
             is what one read returns; the server need not close for it.",
            "connect, print Connected to the server, write_all (sendall), read once, \
             print Received from server: and the text, close, print Connection closed.",
        ])
        .by_hand("nc -l 127.0.0.1 65432"),
        Check::new(
            "robust_client.times_out",
            "says Timeout error: No response from server after 5 s without an answer",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let _silent = listener.accept()?.stays_open()?;
                let start = Instant::now();
                client.wait_exit(Duration::from_secs(15))?;
                about_five_seconds(start, "it gives up")?;
                client.expect_no_crash()?;
                client.wait_for_output("Timeout error: No response from server")?;
                client.expect_exit(1)
            },
        )
        .timing()
        .sheet(ROBUST_CLIENT)
        .hints(HINTS_TIMEOUT)
        .by_hand("nc -l 127.0.0.1 65432 (and type nothing)"),
        Check::new(
            "robust_client.connect_times_out",
            "says Connection attempt timed out when no connection comes about in 10 s",
            |exam| {
                let silent = common::silent_ports(1)?;
                let Some((_, port)) = silent.as_ref().and_then(|ports| ports.first())
                else {
                    exam.note("this system answers for a full backlog: nothing is shown");
                    return Ok(());
                };
                exam.note("a server listens whose backlog is full: nobody gets through");
                let addr = SocketAddr::from(([127, 0, 0, 1], *port));
                let start = Instant::now();
                let mut client = exam.client(addr)?;
                client.wait_exit(Duration::from_secs(25))?;
                let seconds = start.elapsed().as_secs_f32();
                if !(5.0..=20.0).contains(&seconds) {
                    let got = format!("after {seconds:.1} s");
                    let expected = "it gives up after 10 s without a connection";
                    return Err(Failure::new(expected, got).into());
                }
                client.expect_no_crash()?;
                client.wait_for_output("Connection attempt timed out")?;
                client.expect_exit(1)
            },
        )
        .timing()
        .deadline(Duration::from_secs(60))
        .sheet(ROBUST_CLIENT)
        .hints(&[
            "A packet can be lost on the way to the server, too: how long does connect wait?",
            "A connect with a limit of its own: connect_timeout, or the timeout of Python's create_connection.",
            "TcpStream::connect_timeout(&addr, Duration::from_secs(10)), or \
             create_connection(addr, timeout=10). If its error is TimedOut (TimeoutError \
             in Python), print Connection attempt timed out.",
        ])
        .by_hand("python3 -c \"import socket; s = socket.create_server(('127.0.0.1', 65432), backlog=0); c = socket.create_connection(s.getsockname()); input()\"   # and the client in another terminal"),
        Check::new(
            "robust_client.reports_a_refused_connection",
            "says Socket error: when nobody listens, and ends with status 1",
            |exam| {
                let mut client = exam.client(exam.refusing_addr()?)?;
                client.wait_exit(Duration::from_secs(15))?;
                client.expect_no_crash()?;
                client.wait_for_output("Socket error:")?;
                client.expect_exit(1)
            },
        )
        .sheet(ROBUST_CLIENT)
        .hints(HINTS_REFUSED)
        .by_hand("cargo run -p robust_client (without a server)"),
        Check::new(
            "robust_client.survives_an_early_end",
            "ends with status 1, and no crash, when the server resets the connection",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                conn.expect("Hello")?;
                conn.reset();
                client.wait_exit(Duration::from_secs(5))?;
                client.expect_no_crash()?;
                client.expect_exit(1)
            },
        )
        .needs(&["robust_client.talks"])
        .sheet(ROBUST_CLIENT)
        .hints(&[
            "Kill the server while your client waits for the answer: what does read \
             return?",
            "A reset is an error of read like the others: it has a line.",
            "Print each Err of write and read behind Socket error: in place of an \
             unwrap, and end with status 1; ConnectionReset is one of them. In Python \
             catch OSError around sendall and recv.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (then Ctrl-C)"),
        Check::new(
            "robust_client.ends_when_the_server_closes",
            "ends, without a crash, when the server closes without an answer",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                conn.expect("Hello, Server!")?;
                drop(conn);
                // Whether no answer is a failure, or an empty one, is free.
                client.wait_exit(Duration::from_secs(5)).map_err(because(
                    "a read of 0 bytes is the end: the next one returns 0 as well",
                ))?;
                client.expect_no_crash()
            },
        )
        .needs(&["robust_client.talks"])
        .sheet(ROBUST_CLIENT)
        .hints(&[
            "The server closes and says nothing: what does read return?",
            "A read of 0 bytes is the end of the stream: nothing more will come.",
            "Look at the result of read: Ok(0) in Rust, b\"\" from recv in Python. Say \
             so, close and end; a loop that waits for bytes must end there, too.",
        ])
        .by_hand("nc -N -l 127.0.0.1 65432 </dev/null"),
    ]
}

fn echo_probe(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send(word)?;
    client.expect(format!("Echo: {word}"))
}

fn echoes_long_messages(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    common::echoes_in_pieces(&mut client, &exam.word(3000), "Echo: ")?;
    common::echoes_full_buffers(exam, &mut client, "Echo: ")?;
    let word = exam.word(8);
    client.send(&word)?;
    client.expect(format!("Echo: {word}"))
}

/// It measures each silence, not the whole conversation, nor its own idle time.
fn keeps_who_talks(exam: &mut Exam) -> Verdict {
    /// Together more than 5 s and the tolerance for them; each much less.
    const MESSAGES: usize = 8;
    const PAUSE: Duration = Duration::from_millis(1200);
    let idle = exam.server()?;
    let server = exam.server()?;
    let mut client = server.connect()?;
    for _ in 0..MESSAGES {
        let word = exam.word(8);
        client
            .send(&word)
            .and_then(|()| client.expect(format!("Echo: {word}")))
            .map_err(because(
                "the 5 s count from its first word, not from its last",
            ))?;
        thread::sleep(PAUSE);
    }
    exam.note("meanwhile nobody came to the other one");
    let cause = "a limit of 5 s on accept: a server without clients waits for the next";
    echo_probe(&idle, &exam.word(8)).map_err(because(cause))
}
