//! Chapter 6: what programs must do when something goes wrong.

use std::net::SocketAddr;
use std::thread;
use std::time::Instant;

use socket2::{Domain, Socket, Type};

use super::common;
use crate::harness::bound_socket;
use crate::harness::prelude::*;

/// The checks of chapter 6.
pub fn checks() -> Vec<Check> {
    let mut checks = safe_tcp_client();
    checks.extend(robust_server());
    checks.extend(robust_client());
    checks.extend(retry_client());
    checks.extend(select_client());
    checks.extend(select_server());
    checks.extend(heartbeat_server());
    checks.extend(heartbeat_client());
    checks
}

const SAFE: &str = "labs/06_errors.md#step-1-four-ways-to-fail";
const ROBUST_SERVER: &str = "labs/06_errors.md#step-2-a-server-that-survives";
const ROBUST_CLIENT: &str = "labs/06_errors.md#step-3-a-client-with-limits";
const RETRY: &str = "labs/06_errors.md#step-4-try-again";
const SELECT_SERVER: &str = "labs/06_errors.md#step-5-many-clients-in-one-thread";
const SELECT_CLIENT: &str = "labs/06_errors.md#step-6-wait-with-a-limit";
const HEARTBEAT: &str = "labs/06_errors.md#step-7-is-anybody-there";

const HINTS_TIMEOUT: &[&str] = &[
    "What does your program do when the other side says nothing, for ever?",
    "A socket has a read timeout: set it before you read.",
    "Which error does a read return when its time is up? Print the line for that one.",
];
const HINTS_SURVIVES: &[&str] = &[
    "A client may vanish at any moment, and may send any bytes.",
    "An error of one client ends that client's conversation, never the server.",
    "Handle the error of each read, write and decoding between accept and close: a \
     function per client that returns a Result, or try and except in Python. Print it \
     and go on with the next client.",
];
const HINTS_REFUSED: &[&str] = &[
    "connect can fail too: what does your program print then, and which status?",
    "Tell the kinds of errors apart. Refused is the one with nobody listening.",
    "Compare error.kind() with ErrorKind::ConnectionRefused, or catch \
     ConnectionRefusedError in Python. Print the line of the sheet and end with status \
     1.",
];
const HINTS_EOF: &[&str] = &[
    "What does read return when the client has closed its side?",
    "A read of 0 bytes is the end of the stream: leave the loop.",
    "Look at the result of read before you answer: Ok(0) in Rust, b\"\" from recv in \
     Python. Then read no more from this client, take its socket out of what you wait \
     for, and close it.",
];

const HINTS_BEATS_ON: &[&str] = &[
    "A client may vanish at any moment, and may send any bytes: who is harmed by it?",
    "An error of one client ends that client's beats, never the server.",
    "Catch every error around the beats of one client: close it, and leave its thread.",
];

/// 5 s, give or take half of it.
const FIVE_SECONDS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(2500)..=Duration::from_millis(7500);

/// Fails unless the time since `start` is about 5 s.
fn about_five_seconds(start: Instant, what: &str) -> Verdict {
    let time = start.elapsed();
    if FIVE_SECONDS.contains(&time) {
        return Ok(());
    }
    let got = format!("after {:.1} s", time.as_secs_f32());
    Err(Failure::new(format!("{what} after 5 s without data"), got).into())
}

fn safe_tcp_client() -> Vec<Check> {
    vec![
        Check::new(
            "safe_tcp_client.greets",
            "sends Hello and prints Received: and the answer, with status 0",
            |exam| {
                let word = format!("{} é", exam.word(8));
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                conn.expect_exactly("Hello")?;
                conn.send(&word)?;
                conn.half_close(); // As tcp_server does: it answers and closes.
                client.wait_for_output(&format!("Received: {word}"))?;
                client.expect_exit(0)
            },
        )
        .points(2)
        .sheet(SAFE)
        .hints(&[
            "connect, send, receive, print: which of them is missing?",
            "Send exactly the five bytes of Hello.",
            "Connect, write_all(b\"Hello\") (sendall in Python), read once. Print \
             Received: and the bytes as text, and return with status 0.",
        ])
        .by_hand("nc -l 127.0.0.1 8080"),
        Check::new(
            "safe_tcp_client.says_refused",
            "says Connection refused - is server running? and ends with status 1",
            |exam| {
                let mut client = exam.client(exam.refusing_addr()?)?;
                client.wait_exit(Duration::from_secs(15))?;
                client.expect_no_crash()?;
                client.wait_for_output("Connection refused - is server running?")?;
                client.expect_exit(1)
            },
        )
        .sheet(SAFE)
        .hints(HINTS_REFUSED)
        .by_hand("cargo run -p safe_tcp_client (without a server)"),
        Check::new(
            "safe_tcp_client.times_out",
            "says Connection timed out when no answer comes for 5 s",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let _silent = listener.accept()?.stays_open()?;
                let start = Instant::now();
                client.wait_exit(Duration::from_secs(15))?;
                about_five_seconds(start, "it gives up")?;
                client.expect_no_crash()?;
                client.wait_for_output("Connection timed out")
            },
        )
        .timing()
        .sheet(SAFE)
        .hints(HINTS_TIMEOUT)
        .by_hand("nc -l 127.0.0.1 8080 (and type nothing)"),
        Check::new(
            "safe_tcp_client.says_invalid_hostname",
            "says Invalid hostname when the host has no address",
            |exam| {
                let addr = exam.unused_addr()?;
                let launch = exam.launch().host("no-such-host.invalid");
                let mut client = launch.client(addr)?;
                client.wait_exit(Duration::from_secs(25))?;
                client.expect_no_crash()?;
                client.wait_for_output("Invalid hostname")
            },
        )
        .deadline(Duration::from_secs(40))
        .sheet(SAFE)
        .hints(&[
            "A name must become an address first, and that can fail.",
            "The error of the look-up is another one than that of connect.",
            "Call to_socket_addrs before connect, and print Invalid hostname for its \
             error. In Python catch socket.gaierror, in front of OSError.",
        ])
        .by_hand("cargo run -p safe_tcp_client -- --host no-such-host.invalid"),
        Check::new(
            "safe_tcp_client.survives_an_early_end",
            "ends without a crash when the server closes without an answer",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                conn.expect("Hello")?;
                conn.reset();
                client.wait_exit(Duration::from_secs(5))?;
                client.expect_no_crash()
            },
        )
        .needs(&["safe_tcp_client.greets"])
        .sheet(SAFE)
        .hints(&[
            "A reset is an error of read like the others.",
            "Every error has a line, also the ones without a line of their own: Error: …",
            "Print what is left of the errors of connect, write and read behind Error: \
             (a last arm of the match; except OSError as the last one in Python). A read \
             of 0 bytes is no answer either.",
        ])
        .by_hand("nc -l 127.0.0.1 8080 (then Ctrl-C)"),
    ]
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
                // A line end is a part of the message like any other byte.
                for (len, end) in [(1, ""), (12, ""), (60, "\n"), (12, "\r\n")] {
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
            |exam| common::survives_resets(exam, echo_probe),
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
            |exam| shuts_down_on_ctrl_c(exam, "Server closed", echo_probe),
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
                client.wait_for_output("Connection attempt timed out")
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
    ]
}

fn retry_client() -> Vec<Check> {
    vec![
        Check::new(
            "retry_client.connects",
            "says Connected to the server at once when it is there, and sends nothing",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                client.wait_for_output("Connected to the server")?;
                client.expect_exit(0)?;
                conn.expect_end()
            },
        )
        .sheet(RETRY)
        .hints(&[
            "What does your client do when its first attempt succeeds?",
            "connect returns as soon as the server's kernel has agreed to the \
             connection. Nothing need be sent for that, and no pause comes before the \
             first attempt.",
            "Connect, print the line, end: there is nothing to send.",
        ])
        .by_hand("nc -l 127.0.0.1 65432"),
        Check::new(
            "retry_client.gives_up",
            "tries three times, 2 s apart, says so, and ends with status 1",
            gives_up_after_three,
        )
        .points(2)
        .timing()
        .sheet(RETRY)
        .hints(&[
            "Count your lines: Connection attempt 1, 2 and 3, then the last one.",
            "Sleep after each failure.",
            "Somebody who waits for the result sees the status alone: it is 1.",
        ])
        .by_hand("time cargo run -p retry_client (without a server)"),
        Check::new(
            "retry_client.connects_to_a_late_server",
            "connects to a server that appears after 3 s",
            connects_to_a_late_server,
        )
        .timing()
        .sheet(RETRY)
        .hints(&[
            "What does your loop do when an attempt succeeds?",
            "A failed socket is used up on some systems: take a new one each time.",
            "Call TcpStream::connect in each turn of the loop, and return at its first \
             Ok. In Python call socket.create_connection in each turn: it makes a new \
             socket.",
        ])
        .by_hand("cargo run -p retry_client & sleep 3; nc -l 127.0.0.1 65432"),
    ]
}

fn select_client() -> Vec<Check> {
    vec![
        Check::new(
            "select_client.prints_what_comes",
            "prints data that comes after a second, and sends nothing",
            |exam| {
                let word = format!("{} é", exam.word(12));
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                conn.expect_silence(Duration::from_secs(1))?;
                conn.send(&word)?;
                client.wait_for_output(&word)?;
                client.expect_exit(0)?;
                if client.printed().contains("Timeout waiting for data") {
                    let got = "Timeout waiting for data as well";
                    return Err(Failure::new("it prints the data alone", got).into());
                }
                Ok(())
            },
        )
        .timing()
        .sheet(SELECT_CLIENT)
        .hints(&[
            "Nothing is there at once: who waits, and for how long?",
            "Ask for readiness with a limit of 5 s, then read.",
            "poll with a timeout of 5 s (a crate such as mio or polling), or \
             select.select([sock], [], [], 5) in Python. If the socket is ready, read \
             once, print the bytes as text and return.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (and type something)"),
        Check::new(
            "select_client.times_out",
            "says Timeout waiting for data after 5 s",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let _silent = listener.accept()?.stays_open()?;
                let start = Instant::now();
                client.wait_exit(Duration::from_secs(15))?;
                about_five_seconds(start, "it gives up")?;
                client.wait_for_output("Timeout waiting for data")
            },
        )
        .timing()
        .sheet(SELECT_CLIENT)
        .hints(HINTS_TIMEOUT)
        .by_hand("nc -l 127.0.0.1 65432 (and type nothing)"),
        Check::new(
            "select_client.reports_a_refused_connection",
            "reports a refused connection in a message, not with a crash",
            common::reports_a_refused_connection,
        )
        .sheet(SELECT_CLIENT)
        .hints(HINTS_REFUSED)
        .by_hand("cargo run -p select_client (without a server)"),
        Check::new(
            "select_client.rests_while_it_waits",
            "uses no CPU time while it waits",
            |exam| {
                let listener = exam.listener()?;
                let client = exam.client(listener.addr())?;
                let _silent = listener.accept()?;
                let watched = Duration::from_secs(2);
                let Some(used) = common::works_without_a_rest(&client, watched) else {
                    return Ok(());
                };
                let got = format!("{} ms of CPU time in 2 s", used.as_millis());
                let expected = "nearly no CPU time while nothing comes";
                Err(Failure::new(expected, got)
                    .cause("it asks again and again instead of waiting")
                    .into())
            },
        )
        .needs(&["select_client.times_out"])
        .timing()
        .sheet(SELECT_CLIENT)
        .hints(&[
            "Watch your client in top while it waits.",
            "Who waits in your program: the kernel, or a loop that asks again and again?",
            "Give the wait its limit of 5 s in one call, and let the kernel wake you.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (and type nothing); top"),
        Check::new(
            "select_client.ends_when_the_server_closes",
            "ends at once, without a crash, when the server closes without a word",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                drop(listener.accept()?);
                // Its own limit would end it after 5 s.
                client.wait_exit(Duration::from_millis(2400))?;
                client.expect_no_crash()
            },
        )
        .needs(&["select_client.prints_what_comes"])
        .timing()
        .sheet(SELECT_CLIENT)
        .hints(&[
            "Ready does not mean that data is there: what else makes a socket ready?",
            "A read of 0 bytes is the end of the stream: nothing more will come.",
            "When read returns 0 bytes, say so and end; do not wait again.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (then Ctrl-C)"),
    ]
}

fn select_server() -> Vec<Check> {
    vec![
        Check::new(
            "select_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(SELECT_SERVER)
        .hints(&[
            "A server first asks the kernel for a port: which call does that?",
            "Bind to the host and port of the arguments, not to a fixed text.",
            "bind and listen with the values that your program was started with: \
             TcpListener::bind((host, port)), or socket, bind((host, port)) and listen \
             in Python.",
        ])
        .by_hand("ss -tln | grep 65432"),
        Check::new(
            "select_server.echoes",
            "sends every message back unchanged, while the connection stays open",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                // A line end is a part of the message like any other byte.
                for (len, end) in [(1, ""), (12, ""), (60, "\n"), (12, "\r\n")] {
                    let message = format!("  {} aB é {end}", exam.word(len));
                    client.send(&message)?;
                    client.expect_exactly(&message)?;
                }
                Ok(())
            },
        )
        .needs(&["select_server.listens"])
        .points(2)
        .sheet(SELECT_SERVER)
        .hints(&[
            "Send what read has returned: the same bytes, no text made of them.",
            "Nothing is added: no line end, no prefix.",
            "Write &buf[..len], the part that read has filled; in Python the very data \
             that recv returned. No decoding, no strip and no + stand between the two.",
        ])
        .by_hand("printf hello | nc -q 1 127.0.0.1 65432"),
        Check::new(
            "select_server.serves_beside_a_silent_client",
            "serves a second client while the first is connected and silent",
            |exam| common::serves_beside_a_silent_client(exam, same_probe),
        )
        .needs(&["select_server.echoes"])
        .points(2)
        .sheet(SELECT_SERVER)
        .hints(&[
            "Which call of yours waits for one client alone?",
            "Only the wait for readiness may block: register every socket there.",
            "Make all sockets non-blocking and register them with one Poll or Poller, or \
             one selectors.DefaultSelector in Python. Accept and read only where it says \
             that there is something.",
        ])
        .by_hand("nc 127.0.0.1 65432 (in two terminals)"),
        Check::new(
            "select_server.stays_in_one_thread",
            "serves 40 connected clients without a thread for each",
            stays_in_one_thread,
        )
        .needs(&["select_server.serves_beside_a_silent_client"])
        .sheet(SELECT_SERVER)
        .hints(&[
            "Count the server's threads: ls /proc/PID/task",
            "The lesson is one loop that asks the kernel who is ready.",
            "Take thread::spawn (threading.Thread) out. Keep the streams in a map, and \
             let the loop around poll (select in Python) read from each that is ready.",
        ])
        .by_hand("ls /proc/$(pgrep -n select_server)/task"),
        Check::new(
            "select_server.loses_nothing",
            "returns 8 MB to a client that reads late, and serves others meanwhile",
            loses_nothing,
        )
        .needs(&["select_server.serves_beside_a_silent_client"])
        .points(2)
        .deadline(Duration::from_secs(60))
        .sheet(SELECT_SERVER)
        .hints(&[
            "How many bytes did write take? It returns that number.",
            "Keep what was not taken, and go on when the socket is ready for writing.",
            "Do not read from a client that does not take its echo.",
        ])
        .by_hand("head -c 8000000 /dev/zero | nc -q 1 127.0.0.1 65432 | wc -c"),
        Check::new(
            "select_server.notices_the_end_of_a_client",
            "does not spin or print without end when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, same_probe),
        )
        .needs(&["select_server.echoes"])
        .timing()
        .sheet(SELECT_SERVER)
        .hints(HINTS_EOF)
        .by_hand("printf hello | nc -q 1 127.0.0.1 65432; top"),
        Check::new(
            "select_server.rests_when_idle",
            "uses no CPU time while 40 connected clients are silent",
            rests_when_idle,
        )
        .needs(&["select_server.serves_beside_a_silent_client"])
        .timing()
        .sheet(SELECT_SERVER)
        .hints(&[
            "Watch your server in top while nothing happens.",
            "Waiting for readiness needs no loop of short waits. Is something always ready?",
            "Wait without a limit: poll with None, or select() without a timeout. Ask \
             for writability only while a client has bytes to take, since an idle socket \
             is always writable.",
        ])
        .by_hand("top -p $(pgrep -n select_server)"),
        Check::new(
            "select_server.survives_resets",
            "survives clients that reset the connection",
            |exam| common::survives_resets(exam, same_probe),
        )
        .needs(&["select_server.echoes"])
        .sheet(SELECT_SERVER)
        .hints(HINTS_SURVIVES)
        .by_hand("nmap -sT -p 65432 127.0.0.1"),
        Check::new(
            "select_server.survives_invalid_utf8",
            "survives bytes that are not UTF-8",
            |exam| common::survives_invalid_utf8(exam, same_probe),
        )
        .needs(&["select_server.echoes"])
        .sheet(SELECT_SERVER)
        .hints(HINTS_SURVIVES)
        .by_hand("printf '\\377\\376' | nc -q 1 127.0.0.1 65432"),
        Check::new(
            "select_server.returns_what_clients_used",
            "gives descriptors back when 300 clients have left",
            |exam| common::returns_what_clients_used(exam, same_probe),
        )
        .needs(&["select_server.echoes"])
        .deadline(Duration::from_secs(60))
        .sheet(SELECT_SERVER)
        .hints(&[
            "Count the server's descriptors: ls /proc/PID/fd",
            "Take a client that has left out of every list, and close its socket.",
            "At a read of 0 bytes and at an error, deregister the socket (unregister in \
             Python) and remove it from your map. In Rust that drops and closes it, in \
             Python call close().",
        ])
        .by_hand("ls /proc/$(pgrep -n select_server)/fd"),
        Check::new(
            "select_server.shuts_down_on_ctrl_c",
            "prints Server shutting down on Ctrl-C and ends with status 0",
            |exam| shuts_down_on_ctrl_c(exam, "Server shutting down", same_probe),
        )
        .needs(&["select_server.echoes"])
        .sheet(SELECT_SERVER)
        .hints(&[
            "Press Ctrl-C while your server waits for events: what does it print?",
            "Somebody must wait for the signal while the event loop waits.",
            "Let main wait for the signal while a thread runs the event loop, or catch \
             KeyboardInterrupt around the loop in Python. Then print Server shutting \
             down and return from main with status 0.",
        ])
        .by_hand("cargo run -p select_server, then Ctrl-C"),
        Check::new(
            "select_server.reports_a_port_in_use",
            "reports a port in use in a message and with a status that is not 0",
            common::reports_a_port_in_use,
        )
        .needs(&["select_server.listens"])
        .sheet(SELECT_SERVER)
        .hints(&[
            "Start your server twice. What does the second one say?",
            "The kernel gives a port to one server at a time: bind returns the error \
             AddrInUse (EADDRINUSE).",
            "Match the Err of bind in place of an unwrap, or catch OSError in Python. \
             Print it and end with status 1.",
        ])
        .by_hand("cargo run -p select_server (twice, in two terminals)"),
        Check::new(
            "select_server.restarts_at_once",
            "listens again at once when it is stopped and started",
            |exam| common::restarts_at_once(exam, same_probe),
        )
        .needs(&["select_server.echoes"])
        .sheet(SELECT_SERVER)
        .hints(&[
            "Stop your server while a client is connected, and start it again at once.",
            "Old connections keep the port for a minute (TIME_WAIT).",
            "Set the option SO_REUSEADDR before bind; Rust sets it on Unix.",
        ])
        .by_hand("ss -tan | grep TIME-WAIT"),
        Check::new(
            "select_server.prints_what_happens",
            "prints who connected, what was received, and who is gone",
            |exam| {
                let mut server = exam.server()?;
                let mut client = server.connect()?;
                let port = client.local_addr()?.port().to_string();
                let word = format!("{} é", exam.word(8));
                client.send(&word)?;
                client.expect(&word)?;
                prints_lines(&mut server, &["Connected by "], &port)?;
                prints_lines(&mut server, &["Received: "], &word)?;
                drop(client);
                prints_lines(&mut server, &["Connection closed with "], &port)
            },
        )
        .needs(&["select_server.echoes"])
        .sheet(SELECT_SERVER)
        .hints(&[
            "Compare your output with the sheet, word by word.",
            "Print the message as text: decode the bytes, also those that are no UTF-8.",
            "Three lines: Connected by A, Received: TEXT, Connection closed with A.",
        ])
        .by_hand("printf hello | nc -q 1 127.0.0.1 65432"),
        Check::new(
            "select_server.keeps_a_silent_client",
            "still serves a client that was silent for 8 s",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                for silence in [0, 8] {
                    // Time is what is measured here; there is no event to wait for.
                    thread::sleep(Duration::from_secs(silence));
                    let word = exam.word(8);
                    client.send(&word)?;
                    client.expect(&word)?;
                }
                Ok(())
            },
        )
        .needs(&["select_server.echoes"])
        .timing()
        .sheet(SELECT_SERVER)
        .hints(&[
            "What does your loop do when its wait ends and nobody is ready?",
            "A wait without an event says nothing about any client: none has left.",
            "Let a client go when read returns 0 or an error, or after minutes of silence.",
        ])
        .by_hand("(printf a; sleep 8; printf b) | nc -N 127.0.0.1 65432"),
        Check::new(
            "select_server.answers_before_the_end",
            "echoes what a client has sent that ends its side at once",
            |exam| {
                const CLIENTS: usize = 20;
                let server = exam.server()?;
                for _ in 0..CLIENTS {
                    let word = exam.word(40);
                    let mut client = server.connect()?;
                    client.send(&word)?;
                    client.half_close();
                    client.expect(&word).map_err(because(
                        "the end of the stream is known before its last bytes are read",
                    ))?;
                }
                Ok(())
            },
        )
        .needs(&["select_server.echoes"])
        .sheet(SELECT_SERVER)
        .hints(&[
            "One event may say two things: bytes are there, and the end is near.",
            "The end comes behind the bytes. Read until read returns 0, then close.",
            "Do not close on a flag of the event (RDHUP, HUP): let read tell you of the end.",
        ])
        .by_hand("printf hello | nc -N 127.0.0.1 65432"),
    ]
}

fn heartbeat_server() -> Vec<Check> {
    vec![
        Check::new(
            "heartbeat_server.sends_beats",
            "sends PING and a line end to each client, also beside a silent one",
            |exam| {
                let server = exam.server()?;
                // Who serves one after another has these three for at least 6 s.
                let _silent = [server.connect()?, server.connect()?, server.connect()?];
                let mut client = server.connect()?;
                client.expect("PING\n")
            },
        )
        .points(2)
        .sheet(HEARTBEAT)
        .hints(&[
            "Who begins in this protocol? The server, as soon as somebody connects.",
            "A beat is five bytes: PING and a line feed.",
            "Start a thread per client right after accept. In it, \
             write_all(b\"PING\\n\") (sendall in Python) comes first, then a second's \
             wait for the answer, and so on.",
        ])
        .by_hand("nc 127.0.0.1 65432"),
        Check::new(
            "heartbeat_server.drops_the_silent",
            "closes the connection of a client that has missed three beats",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                client.patience(Duration::from_secs(15));
                let beats = client.read_to_end()?;
                // How the last one counts, and whether one asks for an answer first, is free.
                let few = (3..=4).contains(&(beats.len() / 5));
                if few && beats.chunks(5).all(|beat| beat == b"PING\n") {
                    return Ok(());
                }
                let expected = "three lines PING (four will do), then the end";
                let got = crate::harness::escape(&beats);
                Err(Failure::new(expected, format!("\"{got}\", then the end")).into())
            },
        )
        .needs(&["heartbeat_server.sends_beats"])
        .points(2)
        .timing()
        .sheet(HEARTBEAT)
        .hints(&[
            "Who counts the beats without an answer?",
            "Count up with each PING, back to zero with each PONG; at three, close.",
            "Give the stream a read timeout as long as a beat (set_read_timeout, \
             settimeout). When three of them have passed without a PONG, leave the loop \
             and close the stream.",
        ])
        .by_hand("nc 127.0.0.1 65432 (and type nothing)"),
        Check::new(
            "heartbeat_server.keeps_who_answers",
            "keeps a client that answers each beat with PONG",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                client.patience(Duration::from_secs(10));
                for beat in 0..9 {
                    client.expect("PING\n")?;
                    match beat {
                        // From here on in two segments, as TCP may deliver any line.
                        5.. => {
                            client.send("PO")?;
                            thread::sleep(Duration::from_millis(150));
                            client.send("NG\n")?;
                        }
                        // A late answer and the next one, in one segment.
                        2 => client.send("PONG\nPONG\n")?,
                        _ => client.send("PONG\n")?,
                    }
                }
                client.expect("PING\n")
            },
        )
        .needs(&["heartbeat_server.sends_beats"])
        .sheet(HEARTBEAT)
        .hints(&[
            "What happens to the count when a PONG arrives?",
            "A PONG may come in two pieces: collect bytes up to the line end.",
            "Append what read returns to a buffer, and take whole lines off its front. \
             For each line PONG set the count of missed beats to 0.",
        ])
        .by_hand("cargo run -p heartbeat_client"),
        Check::new(
            "heartbeat_server.beats_every_second",
            "sends the first PING as soon as a client connects, then one every second",
            beats_every_second,
        )
        .needs(&["heartbeat_server.keeps_who_answers"])
        .timing()
        .sheet(HEARTBEAT)
        .hints(&[
            "What does a client hear in its first second, and how often after that?",
            "First send, then wait. A PONG that comes early does not shorten the wait.",
            "Note the moment of the next beat after each PING, and read up to that moment.",
        ])
        .by_hand("nc 127.0.0.1 65432 | while read beat; do date +%T.%N; done"),
        Check::new(
            "heartbeat_server.forgives_a_missed_beat",
            "keeps a client that misses one beat in two: only three in a row are too many",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                for _ in 0..5 {
                    for answers in [false, true] {
                        client.expect("PING\n").map_err(because(
                            "it counts all missed beats, not those since the last PONG",
                        ))?;
                        if answers {
                            client.send("PONG\n")?;
                        }
                    }
                }
                Ok(())
            },
        )
        .needs(&["heartbeat_server.keeps_who_answers", "heartbeat_server.drops_the_silent"])
        .timing()
        .sheet(HEARTBEAT)
        .hints(&[
            "Three beats in a row: what does a PONG do to the beats missed before it?",
            "Does your count go back to zero, or down by one?",
            "Set the count of missed beats to 0 whenever a line PONG arrives.",
        ])
        .by_hand("nc 127.0.0.1 65432 (and type PONG after every second PING)"),
        Check::new(
            "heartbeat_server.takes_only_pong",
            "takes only PONG for an answer, and drops a client that says other words",
            takes_only_pong,
        )
        .needs(&["heartbeat_server.drops_the_silent"])
        .timing()
        .sheet(HEARTBEAT)
        .hints(&[
            "What does your server do with a line that is not PONG?",
            "Bytes that arrive are no answer yet. Which line is one?",
            "Compare each whole line with PONG, and set the count back for that one only.",
        ])
        .by_hand("nc 127.0.0.1 65432 (and type hello after each PING)"),
        Check::new(
            "heartbeat_server.answers_a_ping",
            "answers a client's PING with PONG",
            answers_a_ping,
        )
        .needs(&["heartbeat_server.keeps_who_answers"])
        .sheet(HEARTBEAT)
        .hints(&[
            "Who may ask in this protocol, and who must answer?",
            "Whoever gets PING answers PONG: that holds for both sides.",
            "Two lines have a meaning for the server: on PONG it counts, on PING it sends PONG.",
        ])
        .by_hand("nc 127.0.0.1 65432 (and type PING)"),
        Check::new(
            "heartbeat_server.prints_what_happens",
            "prints who connected, who answered, who missed a beat, and who is gone",
            |exam| {
                let mut server = exam.server()?;
                let mut client = server.connect()?;
                let port = client.local_addr()?.port().to_string();
                client.expect("PING\n")?;
                client.send("PONG\n")?;
                prints_lines(&mut server, &["Connected by ", "PONG from "], &port)?;
                // The second one is missed when the third one comes.
                client.expect("PING\n")?;
                client.expect("PING\n")?;
                prints_lines(&mut server, &["missed 1 of 3"], &port)?;
                drop(client);
                prints_lines(&mut server, &["Connection closed with "], &port)
            },
        )
        .needs(&["heartbeat_server.keeps_who_answers", "heartbeat_server.drops_the_silent"])
        .sheet(HEARTBEAT)
        .hints(&[
            "Compare your output with the sheet, word by word.",
            "Each line names its client by the address, with the port.",
            "Four lines: Connected by A, PONG from A, A missed 1 of 3, Connection closed with A.",
        ])
        .by_hand("nc 127.0.0.1 65432 (type PONG once, then nothing)"),
        Check::new(
            "heartbeat_server.listens",
            "listens on the host and port that it is given, and not on every network",
            common::listens,
        )
        .needs(&["heartbeat_server.sends_beats"])
        .sheet(HEARTBEAT)
        .hints(&[
            "Look with ss: which address does your server listen on?",
            "0.0.0.0 means every network that this machine is in.",
            "Bind to the host and port of the arguments, not to a fixed text.",
        ])
        .by_hand("ss -tln | grep 65432"),
        Check::new(
            "heartbeat_server.notices_the_end_of_a_client",
            "does not spin when a client has ended its side",
            rests_after_the_end,
        )
        .needs(&["heartbeat_server.sends_beats"])
        .timing()
        .sheet(HEARTBEAT)
        .hints(&[
            "What does read return when the client has closed its side?",
            "A read of 0 bytes is the end of the stream: it returns at once, again and again.",
            "When read returns 0 bytes, close the connection and leave the loop of this client.",
        ])
        .by_hand("nc -N 127.0.0.1 65432 </dev/null & top"),
        Check::new(
            "heartbeat_server.survives_resets",
            "survives clients that reset the connection",
            |exam| common::survives_resets(exam, beat_probe),
        )
        .needs(&["heartbeat_server.sends_beats"])
        .sheet(HEARTBEAT)
        .hints(HINTS_BEATS_ON)
        .by_hand("nmap -sT -p 65432 127.0.0.1"),
        Check::new(
            "heartbeat_server.survives_invalid_utf8",
            "survives bytes that are not UTF-8",
            |exam| common::survives_invalid_utf8(exam, beat_probe),
        )
        .needs(&["heartbeat_server.sends_beats"])
        .sheet(HEARTBEAT)
        .hints(HINTS_BEATS_ON)
        .by_hand("printf '\\377\\376\\n' | nc -q 1 127.0.0.1 65432"),
        Check::new(
            "heartbeat_server.shuts_down_on_ctrl_c",
            "prints Server shutting down on Ctrl-C and ends with status 0",
            |exam| shuts_down_on_ctrl_c(exam, "Server shutting down", beat_probe),
        )
        .needs(&["heartbeat_server.sends_beats"])
        .sheet(HEARTBEAT)
        .hints(&[
            "What happens on Ctrl-C while clients are connected?",
            "Somebody must wait for the signal while accept blocks.",
            "The threads of the clients must not keep the program alive: print the line and end.",
        ])
        .by_hand("cargo run -p heartbeat_server, then Ctrl-C"),
        Check::new(
            "heartbeat_server.reports_a_port_in_use",
            "reports a port in use in a message and with a status that is not 0",
            common::reports_a_port_in_use,
        )
        .needs(&["heartbeat_server.sends_beats"])
        .sheet(HEARTBEAT)
        .hints(&[
            "Start your server twice. What does the second one say?",
            "bind returns an error: a message says so, and no backtrace.",
            "Print the error and end with a status that is not 0.",
        ])
        .by_hand("cargo run -p heartbeat_server (twice, in two terminals)"),
        Check::new(
            "heartbeat_server.restarts_at_once",
            "listens again at once when it is stopped and started",
            |exam| common::restarts_at_once(exam, beat_probe),
        )
        .needs(&["heartbeat_server.sends_beats"])
        .sheet(HEARTBEAT)
        .hints(&[
            "Stop your server while a client is connected, and start it again at once.",
            "Old connections keep the port for a minute (TIME_WAIT).",
            "Set the option SO_REUSEADDR before bind; Rust sets it on Unix.",
        ])
        .by_hand("ss -tan | grep TIME-WAIT"),
    ]
}

fn heartbeat_client() -> Vec<Check> {
    vec![
        Check::new(
            "heartbeat_client.answers_beats",
            "answers each PING with PONG and a line end",
            |exam| {
                let listener = exam.listener()?;
                let _client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                conn.send("PING\n")?;
                conn.expect_exactly("PONG\n")?;
                // One beat in two segments is one beat.
                conn.send("PI")?;
                thread::sleep(Duration::from_millis(100));
                conn.send("NG\n")?;
                conn.expect_exactly("PONG\n")
            },
        )
        .points(2)
        .sheet(HEARTBEAT)
        .hints(&[
            "Read a line, compare it with PING, send five bytes.",
            "A line may come in pieces: only the line end ends it.",
            "Collect the line with BufReader::read_line, or with makefile() and \
             readline() in Python. If it is PING, send b\"PONG\\n\" with write_all \
             (sendall) at once.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (and type PING)"),
        Check::new(
            "heartbeat_client.comes_back",
            "connects again when the server has closed the connection",
            |exam| {
                let listener = exam.listener()?;
                let _client = exam.client(listener.addr())?;
                drop(listener.accept()?);
                let mut conn = listener.accept()?;
                conn.send("PING\n")?;
                conn.expect("PONG\n")
            },
        )
        .needs(&["heartbeat_client.answers_beats"])
        .sheet(HEARTBEAT)
        .hints(&[
            "What does your client do when read returns 0 bytes?",
            "Around the conversation stands a loop that connects again.",
            "Write a function that connects and answers until read returns 0 bytes or an \
             error. Call it in a loop, with a short pause after each return.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (then Ctrl-C, and again)"),
        Check::new(
            "heartbeat_client.leaves_a_silent_server",
            "takes three seconds without a PING for the server's end, and comes back",
            leaves_a_silent_server,
        )
        .needs(&["heartbeat_client.comes_back"])
        .timing()
        .deadline(Duration::from_secs(60))
        .sheet(HEARTBEAT)
        .hints(&[
            "What does your client do when the server's cable is pulled? No end ever comes.",
            "A read timeout of three beats: a read that takes longer means that all is over.",
            "set_read_timeout(Some(Duration::from_secs(3))), or settimeout(3) in Python. \
             Treat its error (WouldBlock or TimedOut, TimeoutError in Python) like an \
             end: close and connect again.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (type PING once, then nothing)"),
        Check::new(
            "heartbeat_client.backs_off",
            "waits longer from failure to failure",
            backs_off,
        )
        .needs(&["heartbeat_client.comes_back"])
        .timing()
        .deadline(Duration::from_secs(120))
        .sheet(HEARTBEAT)
        .hints(&[
            "How often per second does your client knock at a dead server?",
            "Double the pause after each failure, up to a limit.",
            "After each failure sleep, then set the pause to (pause * 2).min(limit), or \
             min(pause * 2, limit) in Python. Set it back to its first value only when a \
             PING has come.",
        ])
        .by_hand("cargo run -p heartbeat_client (without a server)"),
    ]
}

/// As the common check, but first a client is served: who prints its start line between
/// `listen` and the loop that minds the signal is not caught in between.
fn shuts_down_on_ctrl_c(exam: &mut Exam, text: &str, probe: common::Probe) -> Verdict {
    for connected in [false, true] {
        let mut server = exam.server()?;
        probe(&server, &exam.word(8))?;
        let _client = match connected {
            true => Some(server.connect()?),
            false => None,
        };
        server.interrupt();
        let exit = server.wait_exit(Duration::from_secs(3))?;
        server.wait_for_output(text)?;
        if exit != Exit::Status(0) {
            let expected = "exit status 0 after Ctrl-C";
            return Err(Failure::new(expected, exit.to_string()).into());
        }
    }
    Ok(())
}

fn echo_probe(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send(word)?;
    client.expect(format!("Echo: {word}"))
}

fn same_probe(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send(word)?;
    client.expect(word)
}

fn beat_probe(server: &Program, _word: &str) -> Verdict {
    server.connect()?.expect("PING\n")
}

/// Adds the likely cause to a failure.
fn because(cause: &'static str) -> impl Fn(Stop) -> Stop {
    move |stop| match stop {
        Stop::Failed(failure) => failure.cause(cause).into(),
        error @ Stop::Error(_) => error,
    }
}

/// Waits for a line with each of these texts and `more`.
fn prints_lines(server: &mut Program, texts: &[&str], more: &str) -> Verdict {
    for text in texts {
        server.wait_for_printed(
            &format!("it prints a line with {text:?} and {more:?}"),
            |printed| line_with(printed, text, more),
        )?;
    }
    Ok(())
}

/// Tells whether a line holds both texts.
fn line_with(printed: &str, first: &str, second: &str) -> bool {
    let both = |line: &str| line.contains(first) && line.contains(second);
    printed.lines().any(both)
}

fn echoes_long_messages(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    let message = exam.word(3000);
    client.send(&message)?;
    // Each piece has an Echo: of its own, and the size of a piece is free.
    let mut answer = String::new();
    while answer.len() < message.len() {
        let more = client.read_exactly(1)?;
        answer.push_str(&String::from_utf8_lossy(&more));
        if answer.ends_with("Echo: ") {
            answer.truncate(answer.len() - "Echo: ".len());
        }
    }
    if answer != message {
        return Err(Failure::bytes(message.as_bytes(), answer.as_bytes()).into());
    }
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

fn gives_up_after_three(exam: &mut Exam) -> Verdict {
    let start = Instant::now();
    let mut client = exam.client(exam.refusing_addr()?)?;
    let exit = client.wait_exit(Duration::from_secs(20))?;
    let time = start.elapsed();
    client.expect_no_crash()?;
    let printed = client.printed();
    let failures = printed.matches("Connection attempt ").count();
    for number in 1..=3 {
        let line = format!("Connection attempt {number} failed, retrying...");
        client.wait_for_output(&line)?;
    }
    client.wait_for_output("Failed to connect after retries")?;
    if failures != 3 {
        let got = format!("{failures} lines");
        return Err(Failure::new("three lines Connection attempt", got).into());
    }
    // Two pauses or three: whether one follows the last attempt is free.
    if time < Duration::from_millis(3500) || time > Duration::from_secs(14) {
        let got = format!("{:.1} s in all", time.as_secs_f32());
        return Err(Failure::new("pauses of 2 s between the attempts", got).into());
    }
    if exit != Exit::Status(1) {
        return Err(Failure::new("exit status 1", exit.to_string()).into());
    }
    Ok(())
}

fn connects_to_a_late_server(exam: &mut Exam) -> Verdict {
    let (server, addr) = bound_socket()?;
    let mut client = exam.client(addr)?;
    client.wait_for_output("Connection attempt 1 failed, retrying...")?;
    let first = Instant::now();
    client.wait_for_output("Connection attempt 2 failed, retrying...")?;
    let pause = first.elapsed();
    // From line to line, so that a slow start does not count.
    if pause > Duration::from_millis(3500) {
        let got = format!("a pause of {:.1} s", pause.as_secs_f32());
        return Err(Failure::new("a pause of 2 s between the attempts", got).into());
    }
    // Between the second attempt and the third.
    thread::sleep(Duration::from_secs(1));
    server
        .listen(8)
        .and_then(|()| server.set_nonblocking(true))
        .map_err(|error| Stop::grader(format_args!("cannot listen on {addr}"), &error))?;
    client.wait_for_output("Connected to the server")?;
    drop(server.accept()); // It may wait for the server's end.
    client.expect_exit(0)
}

fn stays_in_one_thread(exam: &mut Exam) -> Verdict {
    const CLIENTS: usize = 40;
    let server = exam.server()?;
    same_probe(&server, &exam.word(8))?;
    let before = server.threads().unwrap_or_default();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let word = exam.word(8);
        let mut client = server.connect()?;
        client.send(&word)?;
        client.expect(&word)?;
        clients.push(client);
    }
    let more = server.threads().unwrap_or_default().saturating_sub(before);
    if more > CLIENTS / 4 {
        let got = format!("{more} threads more");
        return Err(Failure::new("no thread for each client", got).into());
    }
    // The first is served as well as the last.
    for mut client in clients {
        let word = exam.word(8);
        client.send(&word)?;
        client.expect(&word)?;
    }
    Ok(())
}

fn loses_nothing(exam: &mut Exam) -> Verdict {
    const LEN: usize = 8_000_000;
    let server = exam.server()?;
    // Bytes of all values at the start, then letters, which print faster.
    let mut bytes = exam.bytes(1000);
    bytes.extend(exam.word(1000).bytes().cycle().take(LEN - 1000));
    let word = exam.word(8);
    let beside = || same_probe(&server, &word);
    common::echoes_to_a_late_reader(exam, &server, &bytes, beside)
}

fn rests_when_idle(exam: &mut Exam) -> Verdict {
    const WATCHED: Duration = Duration::from_secs(1);
    let server = exam.server()?;
    let clients: Result<Vec<Conn>, Stop> = (0..40).map(|_| server.connect()).collect();
    let _clients = clients?;
    same_probe(&server, &exam.word(8))?;
    let Some(before) = server.cpu_time() else {
        return Ok(()); // No such table here.
    };
    let worked = common::works_without_a_rest(&server, WATCHED);
    let used = server.cpu_time().unwrap_or(before).saturating_sub(before);
    // A busy machine leaves little even to a program that never rests.
    if used > WATCHED / 16 || worked.is_some() {
        let got = format!("{} ms of CPU time in 1 s", used.as_millis());
        return Err(Failure::new("nearly no CPU time while nothing happens", got).into());
    }
    Ok(())
}

fn beats_every_second(exam: &mut Exam) -> Verdict {
    /// Some of them: a busy machine may hold up one, and one clock for all clients has
    /// its beat at another moment for each.
    const CLIENTS: usize = 3;
    const INTERVALS: u32 = 4;
    let server = exam.server()?;
    let mut first = Duration::MAX;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = server.connect()?;
        let start = Instant::now();
        client.expect("PING\n")?;
        client.send("PONG\n")?;
        first = first.min(start.elapsed());
        clients.push(client);
        thread::sleep(Duration::from_millis(350).saturating_sub(start.elapsed()));
    }
    if first > Duration::from_millis(750) {
        let got = format!("after {:.1} s", first.as_secs_f32());
        let expected = "the first PING as soon as a client connects";
        return Err(Failure::new(expected, got).into());
    }
    let mut client = server.connect()?;
    client.expect("PING\n")?;
    let start = Instant::now();
    let (mut last, mut shortest) = (start, Duration::MAX);
    for _ in 0..INTERVALS {
        client.send("PONG\n")?;
        client.expect("PING\n")?;
        shortest = shortest.min(last.elapsed());
        last = Instant::now();
    }
    let mean = start.elapsed() / INTERVALS;
    // What is late on a busy machine makes a beat shorter and another longer: the mean
    // cannot be too short, and not all of them too long.
    if mean < Duration::from_millis(400) || shortest > Duration::from_millis(2300) {
        let got = format!("one every {:.2} s", mean.as_secs_f32());
        return Err(Failure::new("a PING every second", got).into());
    }
    Ok(())
}

fn takes_only_pong(exam: &mut Exam) -> Verdict {
    const BEATS: usize = 8;
    let server = exam.server()?;
    let mut client = server.connect()?;
    for _ in 0..BEATS {
        match client.read_until(b"PING\n") {
            Ok(_) => client.send_anyway("hello\n"),
            // Silence or the end: only the end will do.
            Err(Stop::Failed(_)) => return client.read_to_end().map(drop),
            Err(error) => return Err(error),
        }
    }
    let expected = "it closes the connection: hello is no PONG";
    let got = format!("the connection stays open after {BEATS} beats");
    Err(Failure::new(expected, got)
        .cause("any bytes count as an answer, whatever they say")
        .into())
}

fn answers_a_ping(exam: &mut Exam) -> Verdict {
    /// Beats of its own may come first.
    const BEATS: usize = 3;
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.expect("PING\n")?;
    client.send("PONG\n")?;
    client.send("PING\n")?;
    for _ in 0..BEATS {
        let line = client.read_until(b"\n")?;
        match &line[..] {
            b"PONG\n" => return Ok(()),
            b"PING\n" => client.send("PONG\n")?,
            _ => return Err(Failure::bytes(b"PONG\n", &line).into()),
        }
    }
    let expected = "PONG, the answer to the client's PING";
    Err(Failure::new(expected, format!("{BEATS} beats and no PONG")).into())
}

fn rests_after_the_end(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.expect("PING\n")?;
    client.send("PONG\n")?;
    // It still takes the beats: no error of a write ends what read does not end.
    client.half_close();
    // Within the three beats after which such a client is dropped.
    if let Some(used) = common::works_without_a_rest(&server, Duration::from_secs(2)) {
        let expected = "no work to do after the client has ended its side";
        let got = format!("{} ms of CPU time without a rest", used.as_millis());
        return Err(Failure::new(expected, got)
            .cause("a read of 0 bytes is the end, not an empty message")
            .into());
    }
    beat_probe(&server, "")
}

fn leaves_a_silent_server(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let _client = exam.client(listener.addr())?;
    let mut silent = listener.accept()?;
    // Beats of a second keep it, also more of them than the silence may last.
    for _ in 0..4 {
        silent.send("PING\n")?;
        silent.expect("PONG\n")?;
        thread::sleep(Duration::from_millis(900));
    }
    let start = Instant::now();
    let mut conn = listener.accept_within(Duration::from_secs(20))?;
    let time = start.elapsed();
    // From its last PING on, with the pause before it connects again.
    if !(Duration::from_millis(500)..Duration::from_secs(12)).contains(&time) {
        let got = format!("after {:.1} s", time.as_secs_f32() + 0.9);
        return Err(Failure::new("a new connection after 3 s of silence", got).into());
    }
    conn.send("PING\n")?;
    conn.expect("PONG\n")
}

fn backs_off(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let _client = exam.client(listener.addr())?;
    drop(listener.accept()?);
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let start = Instant::now();
        drop(listener.accept_within(Duration::from_secs(40))?);
        pauses.push(start.elapsed());
    }
    let (early, late) = pauses.split_at(2);
    let (early, late): (Duration, Duration) = (early.iter().sum(), late.iter().sum());
    if late > early + early / 3 && late > Duration::from_millis(100) {
        return Ok(());
    }
    let shown: Vec<String> = pauses
        .iter()
        .map(|pause| format!("{:.2} s", pause.as_secs_f32()))
        .collect();
    // Whoever begins anew once it was let in backs off only from a server that refuses.
    let pause = (early + late) / 4;
    if pause > Duration::from_millis(50) && backs_off_when_refused(exam, pause)? {
        return Ok(());
    }
    let got = format!("pauses of {}", shown.join(", "));
    Err(Failure::new("pauses that grow from failure to failure", got).into())
}

/// Lets the client in once, refuses it for some of its pauses, then listens again: with
/// pauses as long as at first it is there within one of them, with doubled ones mostly
/// later. Three tries.
fn backs_off_when_refused(exam: &Exam, pause: Duration) -> Result<bool, Stop> {
    let failed = |error| Stop::grader("cannot listen again", &error);
    for pauses in [7.5, 10.0, 13.0] {
        let listener = exam.listener()?;
        let addr = listener.addr();
        let _client = exam.client(addr)?;
        // It runs, so that a slow start does not look like a long pause.
        drop(listener.accept()?);
        drop(listener);
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(failed)?;
        socket.set_reuse_address(true).map_err(failed)?;
        socket.bind(&addr.into()).map_err(failed)?;
        thread::sleep(pause.mul_f64(pauses));
        socket.listen(8).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let start = Instant::now();
        while socket.accept().is_err()
            && start.elapsed() < pause * 3 + Duration::from_millis(200)
        {
            thread::sleep(Duration::from_millis(2));
        }
        if start.elapsed() > pause * 2 + Duration::from_millis(100) {
            return Ok(true);
        }
    }
    Ok(false)
}
