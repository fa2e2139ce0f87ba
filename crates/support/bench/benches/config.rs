//! `config_server`: settings that are changed by eight clients at a time. The goal is a
//! figure, not a ratio: 10,000 a second.

use std::process::ExitCode;

use bench::{Comparison, Contender, Running, load};

const REQUEST: &[u8] = b"SET router.mtu 1500\n";

fn main() -> ExitCode {
    let comparison = Comparison {
        title: "SET, clients: 8 (goal: 10,000)".to_owned(),
        unit: "changes/s",
        contenders: vec![Contender::step("config_server", || changes(&[]))],
    };
    bench::main(&[comparison], &[])
}

fn changes(args: &[&str]) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let data = folder
        .path()
        .join("settings")
        .to_string_lossy()
        .into_owned();
    let args: Vec<&str> = args.iter().copied().chain(["--data", &data]).collect();
    let server = Running::step(&args)?;
    let reply_len =
        load::reply_len(server.addr, REQUEST, |reply| reply.ends_with(b"\n"))?;
    load::round_trips(server.addr, 8, REQUEST, reply_len)
}
