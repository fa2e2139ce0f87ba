//! Chapter 4: what `tcp_server` and its kin must do.

use super::common;
use crate::harness::prelude::*;

/// The checks of chapter 4.
pub fn checks() -> Vec<Check> {
    vec![
        Check::new(
            "tcp_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet("labs/04_tcp.md#step-1-start-the-server")
        .hints(&[
            "A server first asks the kernel for a port: which call does that?",
            "Bind a TcpListener to the host and port of the arguments, not to a fixed text.",
        ])
        .by_hand("ss -tln | grep 8080"),
        Check::new(
            "tcp_server.numbers_each_connection",
            "numbers each connection, starting at 1",
            numbers_each_connection,
        )
        .needs(&["tcp_server.listens"])
        .points(2)
        .sheet("labs/04_tcp.md#step-2-connect-a-client")
        .hints(&[
            "Where does the number live so that it outlasts one client?",
            "Count in the accept loop, before the message is read.",
        ])
        .by_hand("printf hello | nc 127.0.0.1 8080"),
    ]
}

fn numbers_each_connection(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for number in 1..=3 {
        let mut client = server.connect()?;
        client.send(exam.word(8))?;
        client.expect(format!("Hello! You are connection #{number}"))?;
        client.expect_end()?;
    }
    Ok(())
}
