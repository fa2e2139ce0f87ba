//! retry_client.

use std::thread;
use std::time::Instant;

use super::*;
use crate::harness::bound_socket;

const RETRY: &str = "labs/06_errors.md#step-4-try-again";

const AFTER_SUCCESS: &str =
    "the loop goes on, or runs into its last line, after a success";

pub(super) fn checks() -> Vec<Check> {
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
                conn.expect_end()?;
                succeeds_once(&client.printed())
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
    let first_line = "Connection attempt 1 failed, retrying...";
    // It may still be starting the first time.
    let shown = client.wait_for_output(first_line);
    shown.or_else(|_| client.wait_for_output(first_line))?;
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
    client.expect_exit(0)?;
    succeeds_once(&client.printed())?;
    if server.accept().is_ok() {
        let got = "it has connected again";
        return Err(Failure::new("one connection", got)
            .cause(AFTER_SUCCESS)
            .into());
    }
    Ok(())
}

/// After a success there is nothing more to try, and nothing failed.
fn succeeds_once(printed: &str) -> Verdict {
    let successes = printed.matches("Connected to the server").count();
    if successes != 1 {
        let got = format!("{successes} of them");
        let expected = "one line Connected to the server";
        return Err(Failure::new(expected, got).cause(AFTER_SUCCESS).into());
    }
    if printed.contains("Failed to connect") {
        let got = "Failed to connect, after a success";
        let expected = "Connected to the server as the last word";
        return Err(Failure::new(expected, got).cause(AFTER_SUCCESS).into());
    }
    Ok(())
}
