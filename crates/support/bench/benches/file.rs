//! `file_server` sends a file to `file_client`, beside `nc` that sends it to `nc`.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::ensure;
use bench::{Comparison, Contender, Running, fresh_addr, program, sibling};

/// The size of the file: large enough that the start of a process does not count.
const MEBIBYTES: u32 = 256;

fn main() -> ExitCode {
    let comparison = Comparison {
        title: "a file of 256 MiB over loopback, to the disk".to_owned(),
        unit: "MiB/s",
        contenders: vec![
            Contender::step("file_server", file_server).also("file_client"),
            Contender::tool("nc", "nc to nc", nc).goal(0.8),
        ],
    };
    bench::main(&[comparison], &[])
}

fn file_server() -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    make_file(&folder.path().join("file"))?;
    let server = Running::step(&[&folder.path().to_string_lossy()])?;
    let copy = folder.path().join("copy");
    let mut client = sibling("file_client")?;
    client
        .args(["--host", &server.addr.ip().to_string()])
        .args(["--port", &server.addr.port().to_string()])
        .args(["--quiet", "get", "file", "--output"])
        .arg(&copy);
    let rate = time(client)?;
    ensure!(
        fs::metadata(&copy)?.len() == size(),
        "the copy is not whole"
    );
    Ok(rate)
}

fn nc() -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file");
    make_file(&file)?;
    let addr = fresh_addr()?;
    let (host, port) = (addr.ip().to_string(), addr.port().to_string());
    let mut server = Command::new("sh");
    server
        .args(["-c", "exec \"$0\" -N -l \"$1\" \"$2\" < \"$3\""])
        .arg(program()?.get_program())
        .args([&host, &port])
        .arg(&file);
    let _server = Running::start(server, addr)?;
    let copy = folder.path().join("copy");
    let mut client = program()?;
    client
        .args(["-d", &host, &port])
        .stdout(File::create(&copy)?);
    let rate = time(client)?;
    ensure!(
        fs::metadata(&copy)?.len() == size(),
        "the copy is not whole"
    );
    Ok(rate)
}

fn size() -> u64 {
    u64::from(MEBIBYTES) << 20
}

/// Makes a file of bytes that are not all alike.
fn make_file(path: &Path) -> anyhow::Result<()> {
    let block: Vec<u8> = (0..=255_u8).cycle().take(1 << 20).collect();
    let mut content = Vec::new();
    for _ in 0..MEBIBYTES {
        content.extend_from_slice(&block);
    }
    Ok(fs::write(path, content)?)
}

/// Runs the receiver to its end and returns how fast the file came.
fn time(mut client: Command) -> anyhow::Result<f64> {
    let start = Instant::now();
    let status = client.stdin(Stdio::null()).status()?;
    ensure!(status.success(), "the receiver ended with {status}");
    Ok(f64::from(MEBIBYTES) / start.elapsed().as_secs_f64())
}
