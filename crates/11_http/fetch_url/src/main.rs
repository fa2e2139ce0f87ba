//! Chapter 11: a small curl. It fetches an `http` URL and finds the end of the body in
//! each of the ways that HTTP has (RFC 9112 §6.3).
//!
//! Terminal 1:  cargo run -p http_simple_server
//! Terminal 2:  cargo run -p fetch_url -- -i http://127.0.0.1:8000/
//! Lab sheet:   labs/11_http.md
//!
//! url.rs and response.rs parse, input.rs reads, output.rs writes, and patience.rs says for
//! how long; this file connects, sends, and tells the parts of a response apart.

mod input;
mod output;

use std::io::Write;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use fetch_url::patience::{Patience, TOO_LONG, is_timeout};
use fetch_url::response::{BodyReader, Head};
use fetch_url::url::Url;

use input::Input;
use output::{Sink, show_head};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The most redirects that are followed, as browsers do; a loop has no end.
const MAX_REDIRECTS: usize = 20;
/// The most interim responses (1xx) before the real one.
const MAX_INTERIM: usize = 20;

/// Fetch an http URL and write the body to standard output.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// What to fetch: http://HOST[:PORT][/PATH][?QUERY]
    url: String,
    /// Write the response's status line and fields before the body
    #[arg(short, long)]
    include: bool,
    /// Show the heads of request and response on standard error
    #[arg(short, long)]
    verbose: bool,
    /// Write to this file, which changes only when everything has come; - is stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Follow redirects
    #[arg(short = 'L', long)]
    location: bool,
    /// Seconds that the server may be silent
    #[arg(long, default_value_t = 30, value_parser = labkit::seconds())]
    timeout: u64,
    /// Seconds that the whole transfer may take
    #[arg(long, value_parser = labkit::seconds())]
    max_time: Option<u64>,
}

fn main() -> ExitCode {
    labkit::run(fetch)
}

fn fetch(args: Args) -> anyhow::Result<()> {
    let url: Url = args
        .url
        .parse()
        .with_context(|| format!("cannot fetch {:?}", args.url))?;
    output::write(args.output.as_deref(), |sink| follow(url, &args, sink))
}

/// Fetches a URL, and those to which the server sends us on.
fn follow(mut url: Url, args: &Args, sink: Sink) -> anyhow::Result<()> {
    let patience = Patience::new(args.timeout, args.max_time);
    for _ in 0..=MAX_REDIRECTS {
        match fetch_one(&url, args, patience, sink)? {
            None => return Ok(()),
            Some(location) => {
                url = url.join(&location).with_context(|| {
                    format!("cannot follow the redirect to {location:?}")
                })?;
            }
        }
    }
    bail!("gave up after {MAX_REDIRECTS} redirects; the last one led to {url}")
}

/// Sends one request and passes its response on; returns where it redirects to.
fn fetch_one(
    url: &Url,
    args: &Args,
    patience: Patience,
    sink: Sink,
) -> anyhow::Result<Option<String>> {
    let mut stream = connect(url, patience)?;
    stream.set_write_timeout(Some(patience.limit(patience.idle)?))?;
    send_request(&mut stream, url, args.verbose)?;

    let mut input = Input::new(stream, patience);
    let head = read_head(&mut input, args, sink)?;
    match head.redirect() {
        Some(location) if args.location => Ok(Some(location.to_owned())),
        _ => {
            read_body(&mut input, &head, sink)?;
            Ok(None)
        }
    }
}

fn connect(url: &Url, patience: Patience) -> anyhow::Result<TcpStream> {
    // Not done here: std cannot end the look-up of a name before the system does.
    let addrs = (url.host.as_str(), url.port)
        .to_socket_addrs()
        .with_context(|| format!("cannot find the host {:?}", url.host))?;
    let mut failure = anyhow!("the host {:?} has no address", url.host);
    for addr in addrs {
        let wait = patience.limit(CONNECT_TIMEOUT)?;
        match TcpStream::connect_timeout(&addr, wait) {
            Ok(stream) => return Ok(stream),
            Err(error) if is_timeout(&error) && wait < CONNECT_TIMEOUT => {
                bail!("cannot connect to {addr}: {TOO_LONG}");
            }
            Err(error) => {
                failure = anyhow::Error::new(error)
                    .context(format!("cannot connect to {addr}"));
            }
        }
    }
    Err(failure)
}

fn send_request(stream: &mut TcpStream, url: &Url, verbose: bool) -> anyhow::Result<()> {
    // Connection: close, since no second request follows on this connection.
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: fetch_url/{}\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n",
        url.target,
        url.authority(),
        env!("CARGO_PKG_VERSION")
    );
    if verbose {
        show_head('>', request.as_bytes());
    }
    stream
        .write_all(request.as_bytes())
        .context("cannot send the request")
}

/// Reads the head of the response; interim ones (100 to 199) before it are skipped.
fn read_head(input: &mut Input, args: &Args, sink: Sink) -> anyhow::Result<Head> {
    for _ in 0..MAX_INTERIM {
        let (head, len) = loop {
            if let Some(parsed) = Head::parse(&input.received)? {
                break parsed;
            }
            if !input.fill()? {
                ensure!(
                    !input.received.is_empty(),
                    "the server closed the connection without a response"
                );
                bail!("the connection ended within the head of the response");
            }
        };
        let bytes: Vec<u8> = input.received.drain(..len).collect();
        if args.verbose {
            show_head('<', &bytes);
        }
        // 101 would hand the connection to a protocol that nobody asked for.
        if head.status >= 200 {
            if args.include {
                sink(&bytes)?;
            }
            return Ok(head);
        }
    }
    bail!("more than {MAX_INTERIM} interim responses")
}

/// Passes the body on as it comes, bytes untouched, so that its size does not matter.
fn read_body(input: &mut Input, head: &Head, sink: Sink) -> anyhow::Result<()> {
    let mut body = BodyReader::new(head.framing()?);
    let mut body_len = 0;
    loop {
        let mut rest = &input.received[..];
        while !rest.is_empty() && !body.is_done() {
            let content = body.advance(&mut rest)?;
            if !content.is_empty() {
                body_len += content.len();
                sink(content)?;
            }
        }
        input.received.clear();
        if body.is_done() {
            return Ok(());
        }
        let more = input
            .fill()
            .with_context(|| format!("after {body_len} bytes of the body"))?;
        if !more {
            ensure!(
                body.may_end_here(),
                "the body is cut short: it ended after {body_len} bytes"
            );
            return Ok(());
        }
    }
}
