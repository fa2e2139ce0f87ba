//! `port_scanner` beside nmap: all TCP ports of 127.0.0.1.

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::ensure;
use bench::{Comparison, Contender, program};

const PORTS: f64 = 65_535.0;

fn main() -> ExitCode {
    let comparison = Comparison {
        title: "connect scan of 127.0.0.1, ports 1 to 65535".to_owned(),
        unit: "ports/s",
        contenders: vec![
            Contender::step("port_scanner", || {
                let mut command = program()?;
                command.args(["127.0.0.1", "--ports", "1-65535"]);
                time(command)
            }),
            Contender::tool("nmap", "nmap -n -Pn -sT -p-", || {
                let mut command = program()?;
                command.args(["-n", "-Pn", "-sT", "-p-", "127.0.0.1"]);
                time(command)
            })
            .goal(1.5),
        ],
    };
    bench::main(&[comparison], &[])
}

fn time(mut command: Command) -> anyhow::Result<f64> {
    let start = Instant::now();
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    ensure!(status.success(), "it ended with {status}");
    Ok(PORTS / start.elapsed().as_secs_f64())
}
