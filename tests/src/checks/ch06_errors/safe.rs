//! safe_tcp_client: four ways to fail.

use std::net::SocketAddr;
use std::time::Instant;

use super::super::common;
use super::*;

const SAFE: &str = "labs/06_errors.md#step-1-four-ways-to-fail";

pub(super) fn checks() -> Vec<Check> {
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
            "safe_tcp_client.connect_times_out",
            "says Connection timed out when no connection comes about in 5 s",
            connect_times_out,
        )
        .timing()
        .deadline(Duration::from_secs(60))
        .sheet(SAFE)
        .hints(&[
            "A packet can be lost on the way to the server, too: how long does connect \
             wait?",
            "The limit of 5 s holds for connect as well as for read; both have the same \
             line.",
            "TcpStream::connect_timeout(&addr, Duration::from_secs(5)); in Python \
             settimeout(5) before connect, not behind it, or \
             create_connection(addr, timeout=5).",
        ])
        .by_hand("python3 -c \"import socket; s = socket.create_server(('127.0.0.1', 8080), backlog=0); c = socket.create_connection(s.getsockname()); input()\"   # and the client in another terminal"),
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
            "says so, and ends without a crash, when the server closes without an answer",
            |exam| {
                for resets in [true, false] {
                    let listener = exam.listener()?;
                    let mut client = exam.client(listener.addr())?;
                    let mut conn = listener.accept()?;
                    conn.expect("Hello")?;
                    let cause = match resets {
                        true => {
                            conn.reset();
                            "the error of a reset ends nothing"
                        }
                        false => {
                            drop(conn);
                            "a read of 0 bytes is the end: the next one returns 0 as well"
                        }
                    };
                    client
                        .wait_exit(Duration::from_secs(5))
                        .map_err(because(cause))?;
                    client.expect_no_crash()?;
                    if client.printed().trim().is_empty() {
                        let expected = "a line that says what happened, such as Error: ...";
                        return Err(Failure::new(expected, "it printed nothing").into());
                    }
                }
                Ok(())
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

fn connect_times_out(exam: &mut Exam) -> Verdict {
    let silent = common::silent_ports(1)?;
    let Some((_, port)) = silent.as_ref().and_then(|ports| ports.first()) else {
        exam.note("this system answers for a full backlog: nothing is shown");
        return Ok(());
    };
    // It may take seconds to start (F9): as many as it takes to be refused.
    let begin = Instant::now();
    let refused = exam
        .client(exam.refusing_addr()?)?
        .wait_exit(Duration::from_secs(15));
    let starting = refused.map_or(Duration::ZERO, |_| begin.elapsed());
    exam.note("a server listens whose backlog is full: nobody gets through");
    let begin = Instant::now();
    let mut client = exam.client(SocketAddr::from(([127, 0, 0, 1], *port)))?;
    client.wait_exit(starting + Duration::from_secs(15))?;
    let seconds = begin.elapsed().saturating_sub(starting).as_secs_f32();
    if !(2.5..=10.0).contains(&seconds) {
        let expected = "it gives up after 5 s without a connection";
        let got = format!("after {seconds:.1} s");
        return Err(Failure::new(expected, got).into());
    }
    client.expect_no_crash()?;
    client.wait_for_output("Connection timed out")
}
