//! Chapter 10: a client for secure_server: proves that it knows the token, then sends
//! what you type, over TCP or, with --tls, TLS.
//!
//! Terminal 1:  export API_KEY=$(openssl rand -hex 16); cargo run -p secure_server
//! Terminal 2:  cargo run -p secure_client              (with the same API_KEY)
//! Lab sheet:   labs/10_security.md

mod keyboard;
mod wire;

use std::env;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use labkit::{Console, Endpoint, printable};
use labtls::{CA_CERT, ServerTrust};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use wire::Wire;

/// A server that takes longer for a reply has forgotten us.
const REPLY_TIME: Duration = Duration::from_secs(10);

/// Authenticate with the token from the environment variable API_KEY, then send the lines
/// that are typed.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
    /// Encrypt; the token travels readable for all without it
    #[arg(long)]
    tls: bool,
    /// The CA to trust, and no other (PEM) [default: certs/ca-cert.pem]
    #[arg(long, requires = "tls", value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// What the main thread waits for.
pub enum Event {
    /// A line from the keyboard.
    Typed(String),
    /// The end of the input.
    InputEnded,
    /// A line from the server.
    Replied(Vec<u8>),
    /// The server's end, and why if it was a failure.
    ServerClosed(Option<anyhow::Error>),
}

fn main() -> ExitCode {
    labkit::run_client(talk, "secure_server")
}

fn talk(args: Args) -> anyhow::Result<()> {
    let token = env::var("API_KEY").map_err(|_| {
        anyhow!("no token in API_KEY. Set the one of the server: export API_KEY=…")
    })?;
    ensure!(
        !token.is_empty() && !token.contains(char::is_control),
        "the token in API_KEY is empty, or has a line end or another control character in it"
    );
    let mut wire = connect(&args)?;
    let (events, inbox) = mpsc::channel();
    wire.read_lines(events.clone())?;

    wire.send_line(&format!("AUTH {token}"))?;
    let reply = reply(&inbox)?;
    ensure!(
        reply.starts_with("OK"),
        "the server does not let us in: {reply}. Do both sides have the same API_KEY?"
    );
    args.console.line(format_args!("Received: {reply}"));
    thread::spawn(move || keyboard::read_lines(&events));
    converse(&mut wire, &inbox)
}

fn connect(args: &Args) -> anyhow::Result<Wire> {
    let tls = if args.tls { Some(tls(args)?) } else { None };
    let stream = TcpStream::connect(&args.endpoint.addrs()?[..])
        .with_context(|| format!("cannot connect to {}", args.endpoint))?;
    let peer_addr = stream
        .peer_addr()
        .context("the server reset the connection at once")?;
    let Some(tls) = tls else {
        args.console
            .line(format_args!("Connected to {peer_addr}, not encrypted"));
        return Ok(Wire::plain(stream));
    };
    let (wire, session) = Wire::encrypted(stream, tls)
        .map_err(labtls::explain)
        .with_context(|| format!("no secure connection to {peer_addr}"))?;
    args.console
        .line(format_args!("Secure connection to {peer_addr} ({session})"));
    Ok(wire)
}

fn tls(args: &Args) -> anyhow::Result<ClientConnection> {
    let ca = args.ca.clone().unwrap_or_else(|| PathBuf::from(CA_CERT));
    let trust = ServerTrust::from_file(&ca).context("no CA to trust")?;
    let config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(trust)
        .with_no_client_auth();
    let host = args.endpoint.host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host)
        .with_context(|| format!("no certificate can name {:?}", args.endpoint.host))?;
    Ok(ClientConnection::new(Arc::new(config), name)?)
}

/// Waits for the reply to what was sent.
fn reply(inbox: &Receiver<Event>) -> anyhow::Result<String> {
    match inbox.recv_timeout(REPLY_TIME) {
        Ok(Event::Replied(line)) => Ok(printable(&line).to_string()),
        Ok(Event::ServerClosed(Some(error))) => Err(error.context("no reply")),
        Err(RecvTimeoutError::Timeout) => bail!("the server does not reply"),
        _ => bail!("the server closed the connection without a reply"),
    }
}

/// Sends what is typed and prints what comes, whichever is first.
fn converse(wire: &mut Wire, inbox: &Receiver<Event>) -> anyhow::Result<()> {
    keyboard::prompt()?;
    let mut unanswered = 0_u32;
    let mut input_ended = false;
    loop {
        let event = if unanswered > 0 {
            let late = "the server does not reply";
            inbox.recv_timeout(REPLY_TIME).context(late)?
        } else if input_ended {
            wire.close();
            return Ok(());
        } else {
            inbox.recv()?
        };
        match event {
            Event::Typed(line) => {
                wire.send_line(&line)?;
                unanswered += 1;
            }
            Event::InputEnded => input_ended = true,
            Event::Replied(line) => {
                println!("Received: {}", printable(&line));
                unanswered = unanswered.saturating_sub(1);
                if !input_ended {
                    keyboard::prompt()?;
                }
            }
            Event::ServerClosed(error) => {
                println!("Disconnected from server");
                if let Some(error) = error {
                    return Err(error);
                }
                ensure!(unanswered == 0, "the server closed without a reply");
                return Ok(());
            }
        }
    }
}
