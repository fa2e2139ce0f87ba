//! `tls_server`: full TLS 1.3 handshakes with an ECDSA P-256 certificate, beside nginx
//! and `openssl s_server`.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use bench::{Comparison, Contender, Nginx, Running, Sending, fresh_addr, load, program};
use rustls::client::Resumption;
use rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use tempfile::TempDir;

/// How many clients shake hands at a time.
const CLIENTS: usize = 8;

fn main() -> ExitCode {
    let comparison = Comparison {
        title: "full TLS 1.3 handshakes, ECDSA P-256, clients: 8".to_owned(),
        unit: "handshakes/s",
        contenders: vec![
            Contender::step("tls_server", || {
                let files = Files::new()?;
                let (cert, key) =
                    (files.cert.to_string_lossy(), files.key.to_string_lossy());
                let server = Running::step(&["--cert", &cert, "--key", &key])?;
                handshakes(server.addr)
            }),
            Contender::tool("nginx", "nginx, two workers", || {
                let files = Files::new()?;
                let nginx = Nginx::start(
                    2,
                    400,
                    Sending::SendfileNopush,
                    Some((&files.cert, &files.key)),
                )?;
                handshakes(nginx.addr())
            })
            .goal(1.4),
            Contender::tool("openssl", "openssl s_server", || {
                let files = Files::new()?;
                let addr = fresh_addr()?;
                let mut command = program()?;
                command.args(["s_server", "-quiet", "-www", "-tls1_3"]);
                command.args(["-num_tickets", "0", "-accept", &addr.to_string()]);
                command
                    .arg("-cert")
                    .arg(&files.cert)
                    .arg("-key")
                    .arg(&files.key);
                handshakes(Running::start(command, addr)?.addr)
            })
            .goal(1.7),
        ],
    };
    bench::main(&[comparison], &[])
}

/// A certificate and its key, in a folder that goes with them.
struct Files {
    cert: PathBuf,
    key: PathBuf,
    _folder: TempDir,
}

impl Files {
    fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        // rcgen's default key is ECDSA P-256 with SHA-256.
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
        let write = |name: &str, text: String| -> anyhow::Result<PathBuf> {
            let file = Path::new(folder.path()).join(name);
            fs::write(&file, text)?;
            Ok(file)
        };
        Ok(Files {
            cert: write("cert.pem", made.cert.pem())?,
            key: write("key.pem", made.signing_key.serialize_pem())?,
            _folder: folder,
        })
    }
}

/// Connects, shakes hands, closes: all clients over and over.
fn handshakes(addr: SocketAddr) -> anyhow::Result<f64> {
    let mut config =
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Believer))
            .with_no_client_auth();
    config.resumption = Resumption::disabled(); // Every handshake is a full one.
    let config = Arc::new(config);
    let client = || -> anyhow::Result<f64> {
        let mut meter = load::Meter::new();
        while meter.count(1) {
            handshake(addr, &config)?;
        }
        Ok(meter.rate())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let mut sum = 0.0;
        for thread in threads {
            sum += thread.join().unwrap_or(Ok(0.0))?;
        }
        Ok(sum)
    })
}

fn handshake(addr: SocketAddr, config: &Arc<ClientConfig>) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(addr).context("cannot connect")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let name = ServerName::try_from("localhost")?;
    let mut tls = ClientConnection::new(Arc::clone(config), name)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut stream).context("no handshake")?;
    }
    // The last message of the handshake is ours: it goes out, then the farewell.
    tls.send_close_notify();
    while tls.wants_write() {
        tls.write_tls(&mut stream)?;
    }
    Ok(())
}

/// Checks nothing. The client shares the processor with the server that is measured; what
/// it saves here makes differences between servers visible. No program does this.
#[derive(Debug)]
struct Believer;

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
