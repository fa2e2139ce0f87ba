//! One client asks, waits for the answer, and asks again: over UDP, over a TCP connection
//! that stays, and over a new TCP connection each time.

use std::process::ExitCode;

use bench::{Comparison, Contender, Running, load};

/// What the client says.
const MESSAGE: &[u8] = b"Hello from client!";

fn main() -> ExitCode {
    let comparison = Comparison {
        title: "a request and its answer, one client".to_owned(),
        unit: "answers/s",
        contenders: vec![
            // TCP, one connection for all requests.
            Contender::step("threaded_server", || {
                bench::on_one_core(true);
                let server = Running::step(&[])?;
                let reply_len = b"Echo: ".len() + MESSAGE.len();
                load::round_trips(server.addr, 1, MESSAGE, reply_len)
            }),
            // A datagram each.
            Contender::step("udp_server", || {
                bench::on_one_core(true);
                load::datagrams(Running::step(&[])?.addr, 1, MESSAGE)
            }),
            // TCP, a connection for each request.
            Contender::step("tcp_server", || {
                bench::on_one_core(true);
                load::exchanges(Running::step(&[])?.addr, 1, MESSAGE)
            }),
        ],
    };
    bench::main(&[comparison], &[])
}
