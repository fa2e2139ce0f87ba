//! Which certificates and which TLS: the decisions, before any socket is open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use labtls::{CA_CERT, CERTS_DIR, Identity, LocalCa, read_roots};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{self, cipher_suite};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{DEFAULT_VERSIONS, ServerConfig};

/// Where the certificates are.
#[derive(clap::Args)]
pub struct Files {
    /// The server's certificate (PEM), then those that lead to its CA; without it a local
    /// CA makes one in certs/
    #[arg(long, requires = "key", value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, requires = "cert", value_name = "FILE")]
    key: Option<PathBuf>,
    /// Mutual TLS: let in only who shows a certificate of a CA that we trust
    #[arg(long)]
    require_client_cert: bool,
    /// The CA that signs the clients' certificates [default: certs/ca-cert.pem]
    #[arg(long, requires = "require_client_cert", value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Decides who we are, whom we let in, and what we speak.
pub fn server_config(files: &Files, host: &str) -> anyhow::Result<ServerConfig> {
    let identity = identity(files, host)?;
    // rustls speaks TLS 1.3 and 1.2 and only suites with forward secrecy and AEAD.
    let config = ServerConfig::builder_with_provider(Arc::new(cryptography()))
        .with_protocol_versions(DEFAULT_VERSIONS)?;
    let config = if files.require_client_cert {
        let ca = files.ca.as_deref().unwrap_or(Path::new(CA_CERT));
        config.with_client_cert_verifier(
            WebPkiClientVerifier::builder(read_roots(ca)?).build()?,
        )
    } else {
        config.with_no_client_auth()
    };
    let mut config = config.with_single_cert(identity.chain, identity.key)?;
    config.ignore_client_order = true; // Our order of the suites counts.
    // Tickets let a client that comes again skip half of the handshake. Here every
    // connection shows a whole one, so none are made (RFC 8446 §4.6.1).
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// Puts the suite first that every client must have (RFC 8446 §9.1). Nothing breaks AES
/// with 128 bits either, and processors have instructions for SHA-256, which makes a
/// handshake cheaper than with SHA-384.
fn cryptography() -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider
        .cipher_suites
        .sort_by_key(|&suite| suite != cipher_suite::TLS13_AES_128_GCM_SHA256);
    provider
}

/// Reads the files that were named, or those that the local CA keeps in certs/.
fn identity(files: &Files, host: &str) -> anyhow::Result<Identity> {
    let own = files.cert.as_deref().zip(files.key.as_deref());
    if let Some((cert, key)) = own
        && (files.ca.is_some() || !files.require_client_cert)
    {
        return Identity::from_files(cert, key);
    }
    let local_ca = LocalCa::open(Path::new(CERTS_DIR))?;
    // For the clients of a server with --require-client-cert.
    local_ca.client_identity()?;
    match own {
        Some((cert, key)) => Identity::from_files(cert, key),
        None => local_ca.server_identity(host),
    }
}
