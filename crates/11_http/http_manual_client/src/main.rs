//! Chapter 11: an HTTP client that types its request by hand and shows all that comes
//! back (RFC 9112 §2.1).
//!
//! Terminal 1:  cargo run -p http_simple_server
//! Terminal 2:  cargo run -p http_manual_client -- --port 8000
//! Lab sheet:   labs/11_http.md

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use labkit::{Console, Endpoint, printable};

/// A server that says nothing for this long has forgotten us.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// A longer line of the response is shown in pieces of so many bytes: a server chooses how
/// long its lines are, and each stands in memory as a whole.
const MAX_LINE: u64 = 1024 * 1024;

/// Send one HTTP request by hand and print the whole response.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Name or address of the web server
    #[arg(long, default_value = "localhost")]
    host: String,
    /// Port of the web server
    #[arg(long, default_value_t = 80)]
    port: u16,
    /// What to ask for
    #[arg(long, default_value = "/", value_parser = parse_path)]
    path: String,
    #[command(flatten)]
    console: Console,
}

/// A space or a line end in the path would begin another part of the request.
fn parse_path(path: &str) -> Result<String, String> {
    if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(path.to_owned());
    }
    Err("a path begins with / and is visible ASCII, the rest written as %20".to_owned())
}

fn main() -> ExitCode {
    let server = "http_simple_server (and add --port 8000 here, where it listens)";
    labkit::run_client(talk, server)
}

fn talk(args: Args) -> anyhow::Result<()> {
    let endpoint = Endpoint::<80> {
        host: args.host,
        port: args.port,
    };
    let mut stream = TcpStream::connect(&endpoint.addrs()?[..])
        .with_context(|| format!("cannot connect to {endpoint}"))?;
    let server_addr = stream
        .peer_addr()
        .context("the server reset the connection at once")?;
    args.console
        .line(format_args!("Connected to {server_addr}"));
    stream.set_read_timeout(Some(REPLY_TIMEOUT))?;

    let host = without_zone(&endpoint);
    // RFC 9112 §3.2: Host is the one field that a request must have. Without the last
    // one the server would keep the connection open, and we would wait for its end.
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        args.path
    );
    stream
        .write_all(request.as_bytes())
        .context("cannot send the request")?;
    let shown = request.replace("\r\n", "\n");
    args.console
        .line(format_args!("Sent HTTP request:\n{}\n", shown.trim_end()));
    args.console.line(format_args!("Received HTTP response:"));
    let len =
        print_lines(BufReader::new(stream)).map_err(|error| match error.kind() {
            // Unix says "would block" where Windows says "timed out".
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                anyhow!("the server has been silent for {REPLY_TIMEOUT:?}")
            }
            _ => anyhow!(error).context("the response ended early"),
        })?;
    ensure!(
        len > 0,
        "the server closed the connection without a response"
    );
    Ok(())
}

/// Leaves out the zone of an address (fe80::1%eth0): only this machine knows that name of a
/// link, so it is no part of Host (RFC 6874 §1).
fn without_zone(endpoint: &Endpoint<80>) -> Endpoint<80> {
    let host = endpoint.host.trim_matches(['[', ']']);
    Endpoint {
        host: host.split('%').take(1).collect(),
        port: endpoint.port,
    }
}

/// Prints the lines of a message as they come, so that none of them can drive the
/// terminal. Returns the length of the message in bytes.
fn print_lines(mut message: impl BufRead) -> io::Result<usize> {
    let mut len = 0;
    loop {
        // One read returns what has arrived so far; a response ends where the stream ends.
        let mut line = Vec::new();
        let received = message.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if !line.is_empty() {
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            println!("{}", printable(line.strip_suffix(b"\r").unwrap_or(line)));
        }
        match received? {
            0 => return Ok(len),
            line_len => len += line_len,
        }
    }
}
