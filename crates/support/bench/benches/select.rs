//! `select_server`, one thread, beside `threaded_server`, a thread per client.

use std::process::ExitCode;

use bench::{Comparison, Contender, Running, load};

/// What one client sends.
const MESSAGE: &[u8] = &[b'x'; 64];
const CONNECTIONS: usize = 64;

fn main() -> ExitCode {
    let comparison = Comparison {
        title: "echo, 64 bytes, connections: 64".to_owned(),
        unit: "round trips/s",
        contenders: vec![
            Contender::step("select_server", || {
                let server = Running::step(&[])?;
                load::round_trips(server.addr, CONNECTIONS, MESSAGE, MESSAGE.len())
            }),
            Contender::step("threaded_server", || {
                let server = Running::step(&[])?;
                let reply_len = b"Echo: ".len() + MESSAGE.len();
                load::round_trips(server.addr, CONNECTIONS, MESSAGE, reply_len)
            })
            .goal(1.0),
        ],
    };
    bench::main(&[comparison], &[])
}
