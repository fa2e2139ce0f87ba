//! TLS for the checks of chapter 10: a CA made for one check, and both sides of a
//! handshake. What goes over it is in the transcript in plain.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, Connection, DigitallySignedStruct,
    ServerConfig, ServerConnection, SignatureScheme,
};

use super::check::{Failure, Stop, Verdict};
use super::conn::{Conn, uninterrupted};
use super::kernel::overloaded;

const PATIENCE: Duration = Duration::from_secs(5);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is right or wrong with a certificate of a [`TestCa`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cert {
    /// For localhost, 127.0.0.1 and ::1, valid today.
    Good,
    /// As good, but its time is over since yesterday.
    Expired,
    /// As good, but its time begins tomorrow.
    NotYetValid,
    /// Valid today, for another host.
    WrongName,
    /// Valid today, for the name localhost, but not for its addresses.
    NameOnly,
    /// Valid today, for hosts whose names have localhost or 127.0.0.1 as a part.
    NameWithin,
    /// Valid today, for another host; 127.0.0.1 stands in its subject alone.
    InSubject,
    /// As good, but signed by itself.
    SelfSigned,
}

/// A certificate chain and its key.
pub type TestIdentity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// A CA that nobody trusts unless told to.
pub struct TestCa {
    cert: String,
    issuer: Issuer<'static, KeyPair>,
}

impl TestCa {
    /// Makes a key and the certificate for it.
    ///
    /// # Errors
    ///
    /// The grader's own.
    pub fn new() -> Result<Self, Stop> {
        let key = KeyPair::generate().map_err(own)?;
        let mut params = CertificateParams::default();
        name(&mut params, "CA of the check");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let cert = params.self_signed(&key).map_err(own)?.pem();
        let issuer = Issuer::new(params, key);
        Ok(TestCa { cert, issuer })
    }

    /// Writes its certificate as PEM.
    ///
    /// # Errors
    ///
    /// The grader's own.
    pub fn write(&self, path: &Path) -> Verdict {
        std::fs::write(path, &self.cert).map_err(own)
    }

    /// Signs a certificate for a server or a client.
    ///
    /// # Errors
    ///
    /// The grader's own.
    pub fn sign(&self, cert: Cert) -> Result<TestIdentity, Stop> {
        let names = match cert {
            Cert::WrongName | Cert::InSubject => &["somebody-else.example"][..],
            Cert::NameOnly => &["localhost"],
            Cert::NameWithin => &[
                "localhost.example",
                "127.0.0.1.example",
                "not-localhost",
                "127.0.0.10",
            ],
            _ => &["localhost", "127.0.0.1", "::1"],
        };
        let names: Vec<String> = names.iter().copied().map(str::to_owned).collect();
        let mut params = CertificateParams::new(names).map_err(own)?;
        match cert {
            Cert::InSubject => name(&mut params, "127.0.0.1"),
            _ => name(&mut params, "peer of the check"),
        }
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_err(own)?;
        let now = rcgen::date_time_ymd(1970, 1, 1) + now;
        params.not_before = match cert {
            Cert::NotYetValid => now + DAY,
            _ => now - 30 * DAY,
        };
        params.not_after = match cert {
            Cert::Expired => now - DAY,
            _ => now + 30 * DAY,
        };
        let key = KeyPair::generate().map_err(own)?;
        let signed = match cert {
            Cert::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.issuer),
        }
        .map_err(own)?;
        let pem = key.serialize_pem();
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(own)?;
        Ok((vec![signed.der().clone()], key))
    }
}

/// A TLS connection to the program under test.
pub struct TlsConn {
    conn: Conn,
    tls: Connection,
}

impl TlsConn {
    /// Shakes hands as a client that takes any certificate, and shows one if it is given
    /// one and asked.
    ///
    /// # Errors
    ///
    /// A failure when the handshake does.
    pub fn client(conn: Conn, identity: Option<TestIdentity>) -> Result<Self, Stop> {
        let config = ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(
                ring::default_provider(),
            )));
        let config = match identity {
            // As it is: whether this certificate is good is for the server to say.
            Some((chain, key)) => match ring::sign::any_supported_type(&key) {
                Ok(key) => {
                    let shown = CertifiedKey::new(chain, key);
                    let shown = SingleCertAndKey::from(shown);
                    config.with_client_cert_resolver(Arc::new(shown))
                }
                Err(error) => {
                    let expected = "a private key of ECDSA, Ed25519 or RSA";
                    return Err(Failure::new(expected, error.to_string()).into());
                }
            },
            None => config.with_no_client_auth(),
        };
        let name = ServerName::try_from("localhost").map_err(own)?;
        let tls = ClientConnection::new(Arc::new(config), name).map_err(own)?;
        TlsConn::shake_hands(conn, tls.into())
    }

    /// Shakes hands as a server with this identity.
    ///
    /// # Errors
    ///
    /// A failure when the handshake does.
    pub fn server(conn: Conn, (chain, key): TestIdentity) -> Result<Self, Stop> {
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(own)?;
        let tls = ServerConnection::new(Arc::new(config)).map_err(own)?;
        TlsConn::shake_hands(conn, tls.into())
    }

    fn shake_hands(conn: Conn, tls: Connection) -> Result<Self, Stop> {
        let mut this = TlsConn { conn, tls };
        let mut give_up = Instant::now() + PATIENCE;
        let mut given_more = false;
        while this.tls.is_handshaking() {
            let mut stream = TimedStream(this.conn.stream(), give_up);
            if let Err(error) = this.tls.complete_io(&mut stream) {
                if error.kind() == ErrorKind::TimedOut && !given_more && overloaded() {
                    // It may not have had its share of the processor yet.
                    (given_more, give_up) = (true, Instant::now() + 2 * PATIENCE);
                    continue;
                }
                this.conn.note(&format!("no TLS handshake: {error}"));
                let failure = Failure::new("a TLS handshake", error.to_string());
                return Err(match known_cause(&error) {
                    Some(cause) => failure.cause(cause),
                    None => failure,
                }
                .into());
            }
        }
        this.conn.note("TLS handshake done");
        Ok(this)
    }

    /// Sends bytes in one TLS record.
    ///
    /// # Errors
    ///
    /// A failure when the program has closed.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> Verdict {
        let bytes = bytes.as_ref();
        self.conn.note_sent(bytes);
        let mut stream = TimedStream(self.conn.stream(), Instant::now() + PATIENCE);
        self.tls
            .writer()
            .write_all(bytes)
            .and_then(|()| self.tls.complete_io(&mut stream))
            .map(drop)
            .map_err(|error| {
                Failure::new("it reads what is sent to it", error.to_string()).into()
            })
    }

    /// Reads what comes within `patience`, at most `limit` bytes; true with it means that
    /// the stream has ended.
    pub fn read_some(&mut self, limit: usize, patience: Duration) -> (Vec<u8>, bool) {
        let give_up = Instant::now() + patience;
        let mut bytes = Vec::new();
        let mut buf = [0; 4096];
        let mut ended = false;
        while bytes.len() < limit {
            match self.tls.reader().read(&mut buf) {
                Ok(0) => ended = true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut stream = TimedStream(self.conn.stream(), give_up);
                    match self.tls.complete_io(&mut stream) {
                        Ok(_) => continue,
                        Err(error) => ended = error.kind() != ErrorKind::TimedOut,
                    }
                }
                Ok(len) => {
                    bytes.extend_from_slice(buf.get(..len).unwrap_or_default());
                    continue;
                }
                // With or without close_notify: both are right here (F26).
                Err(_) => ended = true,
            }
            break;
        }
        self.conn.note_received(&bytes);
        (bytes, ended)
    }

    /// Expects exactly these bytes next; more may follow in a later record.
    ///
    /// # Errors
    ///
    /// A failure with the first differing byte.
    pub fn expect(&mut self, expected: impl AsRef<[u8]>) -> Verdict {
        let expected = expected.as_ref();
        let (got, ended) = self.read_some(expected.len(), PATIENCE);
        if got == expected {
            return Ok(());
        }
        let mut failure = Failure::bytes(expected, &got);
        if got.is_empty() {
            let end = "the end of the connection";
            let silence = "silence for 5 s";
            failure.got = if ended { end } else { silence }.to_owned();
        }
        Err(failure.into())
    }

    /// The certificate that the peer has shown.
    pub fn peer_certificate(&self) -> Option<CertificateDer<'static>> {
        let chain = self.tls.peer_certificates()?;
        chain.first().map(|cert| cert.clone().into_owned())
    }

    /// The TCP connection below.
    pub fn into_conn(self) -> Conn {
        self.conn
    }

    /// Says close_notify.
    pub fn close(&mut self) {
        self.tls.send_close_notify();
        let mut stream = TimedStream(self.conn.stream(), Instant::now() + PATIENCE);
        // A peer that is gone need not be told.
        let _ = self.tls.write_tls(&mut stream);
    }
}

/// A stream whose reads end at a moment.
struct TimedStream<'a>(&'a TcpStream, Instant);

impl Read for TimedStream<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.1.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.0.set_read_timeout(Some(left))?;
            match self.0.read(buf) {
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::Interrupted
                    ) => {}
                result => return result,
            }
        }
    }
}

impl Write for TimedStream<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.0.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A check looks at what a server does, not at who it is: submissions bring certificates
/// of their own, self-signed ones too. Never do this in a program that has a secret.
#[derive(Debug)]
struct AnyCertificate(CryptoProvider);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Why this side of the handshake gave up, where that says little to who wrote the other.
fn known_cause(error: &io::Error) -> Option<&'static str> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(AlertDescription::HandshakeFailure) => Some(
            "nothing that both can do: the check speaks TLS 1.2 and 1.3, with keys of ECDSA \
             on P-256 or P-384, Ed25519 or RSA",
        ),
        rustls::Error::InvalidCertificate(why)
            if format!("{why:?}").contains("UnsupportedCertVersion") =>
        {
            Some(
                "the certificate has X.509 version 1, which TLS clients refuse: openssl \
                 x509 -req makes version 3 when it gets an -extfile",
            )
        }
        _ => None,
    }
}

/// Gives a certificate its subject. CA and peer must have different ones: openssl takes a
/// certificate whose issuer has the subject's name for self-signed, and refuses it.
fn name(params: &mut CertificateParams, common_name: &str) {
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
}

fn own(error: impl std::fmt::Display) -> Stop {
    Stop::Error(format!("cannot prepare TLS: {error}"))
}
