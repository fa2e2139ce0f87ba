//! Chapter 6: a client with a limit on every wait, and a log for diagnosis (RFC 9293).
//!
//! Terminal 1:  cargo run -p robust_server
//! Terminal 2:  RUST_LOG=debug cargo run -p robust_client
//! Lab sheet:   labs/06_errors.md

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use labkit::{Console, Endpoint, printable, reason};

/// The longest reply that one read returns, in bytes.
const MAX_MESSAGE: usize = 1024;
/// How long each address may take to accept the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the server may take to answer.
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// Send one message and print the echo.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
    /// What to send
    #[arg(long, default_value = "Hello, Server!")]
    message: String,
    /// Append a log to this file; RUST_LOG=debug says more, RUST_LOG=warn less
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

fn main() -> ExitCode {
    labkit::run_client(talk, "robust_server")
}

fn talk(args: Args) -> anyhow::Result<()> {
    start_log(args.log.as_deref())?;
    let stream = connect(&args)
        .inspect_err(|error| explain(error, "Connection attempt timed out"))?;
    args.console.line(format_args!("Connected to the server"));

    let outcome = ask(stream, &args.message)
        .map(|reply| println!("Received from server: {}", printable(&reply)))
        .inspect_err(|error| explain(error, "Timeout error: No response from server"));
    args.console.line(format_args!("Connection closed"));
    outcome
}

/// Sends the log to the file, or to stderr when only RUST_LOG asks for one.
fn start_log(path: Option<&Path>) -> anyhow::Result<()> {
    let default_level = if path.is_some() { "info" } else { "off" };
    let env = env_logger::Env::default().default_filter_or(default_level);
    let mut logger = env_logger::Builder::from_env(env);
    if let Some(path) = path {
        let file = File::options().create(true).append(true).open(path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        logger.target(env_logger::Target::Pipe(Box::new(file)));
    }
    logger.init();
    Ok(())
}

/// Tries one address of the server after the other.
fn connect(args: &Args) -> anyhow::Result<TcpStream> {
    let mut outcome = Err(io::Error::from(ErrorKind::AddrNotAvailable));
    for addr in args.endpoint.addrs()? {
        log::info!("connecting to {addr}");
        outcome = TcpStream::connect_timeout(&addr, CONNECT_TIMEOUT);
        match &outcome {
            Ok(_) => break,
            Err(error) => log::warn!("{addr}: {error}"),
        }
    }
    outcome.with_context(|| format!("cannot connect to {}", args.endpoint))
}

/// Prints what went wrong, and logs it with all that is known.
fn explain(error: &anyhow::Error, on_timeout: &str) {
    log::error!("{error:#}");
    match error.downcast_ref::<io::Error>() {
        Some(cause) => match cause.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => println!("{on_timeout}"),
            _ => println!("Socket error: {}", reason(cause)),
        },
        None => println!("Socket error: {error}"),
    }
}

/// Sends the message and returns the reply.
fn ask(mut stream: TcpStream, message: &str) -> anyhow::Result<Vec<u8>> {
    stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
    stream.set_write_timeout(Some(REPLY_TIMEOUT))?;
    stream
        .write_all(message.as_bytes())
        .context("cannot send the message")?;
    log::debug!("sent {} bytes", message.len());

    let mut buf = [0; MAX_MESSAGE];
    let len = labkit::uninterrupted(|| stream.read(&mut buf))
        .context("no reply from the server")?;
    log::debug!("received {len} bytes");
    match buf.get(..len) {
        None | Some([]) => bail!("the server closed the connection without a reply"),
        Some(reply) => Ok(reply.to_vec()),
    }
}
