//! Chapter 10: a client that finds out whom it talks to before it says a word: TLS 1.3
//! (RFC 8446) and 1.2 (RFC 5246).
//!
//! Terminal 1:  cargo run -p tls_server
//! Terminal 2:  cargo run -p tls_client
//! Lab sheet:   labs/10_security.md

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::builder::NonEmptyStringValueParser;
use labkit::{Console, Deadline, Endpoint, printable};
use labtls::{CA_CERT, Identity, ServerTrust};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

/// The longest reply that one read returns, in bytes.
const MAX_MESSAGE: usize = 1024;
/// A server that takes longer for the handshake has forgotten us.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// And so has one that takes longer to reply.
const REPLY_TIME: Duration = Duration::from_secs(30);
/// After the reply, the server's farewell is waited for this long.
const FAREWELL_TIME: Duration = Duration::from_secs(1);

/// Send one message over an encrypted connection and print the answer.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
    /// What to send
    #[arg(long, default_value = "Hello, secure server!", value_parser = NonEmptyStringValueParser::new())]
    message: String,
    /// The CA to trust, and no other (PEM); tls_server makes the default
    #[arg(long, default_value = CA_CERT, value_name = "FILE")]
    ca: PathBuf,
    /// Our certificate, for a server that asks for one (PEM)
    #[arg(long, requires = "key", value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, requires = "cert", value_name = "FILE")]
    key: Option<PathBuf>,
}

fn main() -> ExitCode {
    labkit::run_client(talk, "tls_server")
}

fn talk(args: Args) -> anyhow::Result<()> {
    let host = args.endpoint.host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host)
        .with_context(|| format!("no certificate can name {:?}", args.endpoint.host))?;
    let stream = TcpStream::connect(&args.endpoint.addrs()?[..])
        .with_context(|| format!("cannot connect to {}", args.endpoint))?;
    // Only now: a server that runs has made the CA that we trust by default.
    let config = client_config(&args)?;
    let peer_addr = stream
        .peer_addr()
        .context("the server reset the connection at once")?;
    let mut stream = Deadline::new(stream, HANDSHAKE_TIME);
    let mut tls = ClientConnection::new(Arc::new(config), name)?;

    // TLS first, then the message: nothing is said to a server that is not the one.
    while tls.is_handshaking() {
        tls.complete_io(&mut stream)
            .map_err(labtls::explain)
            .with_context(|| format!("no secure connection to {peer_addr}"))?;
    }
    args.console.line(format_args!(
        "Secure connection to {peer_addr} ({})",
        labtls::session(&tls)
    ));
    stream.restart(REPLY_TIME);
    exchange(&mut tls, &mut stream, &args.message)
}

/// Decides whom we trust, and who we are if the server asks.
fn client_config(args: &Args) -> anyhow::Result<ClientConfig> {
    let trust = ServerTrust::from_file(&args.ca).with_context(|| {
        let default = args.ca == Path::new(CA_CERT);
        let hint = if default {
            " (tls_server makes it when it starts; run both in the same folder, or name \
             another with --ca)"
        } else {
            ""
        };
        format!("no CA to trust{hint}")
    })?;
    // The verifier is rustls' own with one addition, which its documentation explains.
    let config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(trust);
    Ok(match args.cert.as_deref().zip(args.key.as_deref()) {
        Some((cert, key)) => {
            let identity = Identity::from_files(cert, key)?;
            config.with_client_auth_cert(identity.chain, identity.key)?
        }
        None => config.with_no_client_auth(),
    })
}

/// Sends the message, prints the reply, says goodbye.
fn exchange(
    tls: &mut ClientConnection,
    tcp: &mut Deadline,
    message: &str,
) -> anyhow::Result<()> {
    let mut stream = rustls::Stream::new(tls, tcp);
    stream
        .write_all(message.as_bytes())
        .map_err(labtls::explain)
        .context("cannot send the message")?;

    let mut buf = [0; MAX_MESSAGE];
    let received = stream.read(&mut buf);

    // Goodbye, whatever came; a server that has left already does not miss it.
    stream.conn.send_close_notify();
    stream.sock.restart(FAREWELL_TIME);
    let _ = stream.flush();
    let len = received
        .map_err(labtls::explain)
        .context("no reply from the server")?;
    match buf.get(..len) {
        None | Some([]) => bail!("the server closed the connection without a reply"),
        Some(reply) => println!("Received: {}", printable(reply)),
    }

    // Without the server's close_notify nobody knows whether there was more to come:
    // anyone on the way can end a TCP connection (RFC 8446 §6.1).
    match stream.read(&mut buf) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            eprintln!("warning: {}", labtls::reason(&error));
        }
        _ => {}
    }
    Ok(())
}
