//! Whom a client trusts.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::identity::read_certs;

/// Reads the certificates of the CAs to trust from a PEM file.
///
/// # Errors
///
/// When the file cannot be read or a certificate in it is not one of a CA.
pub fn read_roots(ca: &Path) -> anyhow::Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for cert in read_certs(ca)? {
        roots
            .add(cert)
            .with_context(|| format!("cannot use a certificate in {}", ca.display()))?;
    }
    Ok(Arc::new(roots))
}

/// Checks a server's certificate against the CAs of a file: signed by one of them, valid
/// today, made out to the name that the client asked for.
///
/// This is rustls' own check, with one addition. `openssl req -x509` makes a certificate
/// that is its own CA, and webpki, which rustls builds on, never takes a CA's certificate
/// for a server's (`CaUsedAsEndEntity`; RFC 5280 §6.1 would allow it). A user who names that very certificate as trusted means that very server: so
/// one that is, byte for byte, in the file is accepted for the names that it carries.
#[derive(Debug)]
pub struct ServerTrust {
    webpki: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerTrust {
    /// Trusts the certificates of a PEM file, and no others.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or holds no usable certificate.
    pub fn from_file(ca: &Path) -> anyhow::Result<Arc<Self>> {
        let webpki = WebPkiServerVerifier::builder(read_roots(ca)?).build()?;
        let named = read_certs(ca)?;
        Ok(Arc::new(ServerTrust { webpki, named }))
    }
}

impl ServerCertVerifier for ServerTrust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let result = self.webpki.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match result {
            // webpki comes to this only after it has found the certificate valid today.
            Err(error) if is_ca_as_server(&error) && self.named.contains(end_entity) => {
                verify_server_name(
                    &ParsedCertificate::try_from(end_entity)?,
                    server_name,
                )?;
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// Tells whether the check failed because a CA's own certificate stands for a server.
pub(crate) fn is_ca_as_server(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else {
        return false;
    };
    matches!(
        other.0.downcast_ref::<webpki::Error>(),
        Some(webpki::Error::CaUsedAsEndEntity)
    )
}
