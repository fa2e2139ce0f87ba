//! A certificate with its private key.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{anyhow, ensure};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Who one side is: its certificate, those that lead to its CA, and its private key.
#[derive(Debug)]
pub struct Identity {
    /// The own certificate first, then the one that signed it, and so on.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key that belongs to the first certificate.
    pub key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads the certificates from one PEM file and the key from another.
    ///
    /// The key may be in any of the three forms in use: PKCS#8 (`PRIVATE KEY`), SEC1
    /// (`EC PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`).
    ///
    /// # Errors
    ///
    /// When a file cannot be read, holds nothing of the kind, or the two do not belong
    /// together.
    pub fn from_files(cert: &Path, key: &Path) -> anyhow::Result<Self> {
        let chain = read_certs(cert)?;
        let pem = read(key)?;
        let private_key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
            if is_encrypted(&pem) {
                return encrypted(key);
            }
            anyhow!("there is no private key in PEM form in {}", key.display())
        })?;
        let identity = Identity {
            chain,
            key: private_key,
        };
        identity.check_key().map_err(|error| match error {
            // rustls says so of a key of a kind or a length that it does not sign with.
            rustls::Error::General(_) => anyhow!(
                "the key in {} is of a kind that is not supported: ECDSA on P-256 or P-384, \
                 Ed25519, and RSA of 2048 bits or more are",
                key.display()
            ),
            error => anyhow::Error::new(error).context(format!(
                "the key in {} does not belong to the certificate in {}",
                key.display(),
                cert.display()
            )),
        })?;
        Ok(identity)
    }

    /// Checks that the key can sign, and is the one in the certificate.
    fn check_key(&self) -> Result<(), rustls::Error> {
        let key = self.key.clone_key();
        CertifiedKey::from_der(self.chain.clone(), key, &ring::default_provider())?;
        Ok(())
    }
}

/// Tells whether a PEM file holds a key that a passphrase protects, in either form in use
/// (`ENCRYPTED PRIVATE KEY`, or the header `Proc-Type: 4,ENCRYPTED`).
fn is_encrypted(pem: &[u8]) -> bool {
    let word = b"ENCRYPTED";
    pem.windows(word.len()).any(|window| window == word)
}

fn encrypted(key: &Path) -> anyhow::Error {
    let key = key.display();
    anyhow!(
        "the key in {key} is encrypted, and a server that starts by itself has nobody to ask \
         for the passphrase. Decrypt it: openssl pkey -in {key} -out plain-key.pem"
    )
}

/// Reads all certificates of a PEM file, at least one.
pub(crate) fn read_certs(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let pem = read(path)?;
    let certs: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|_| anyhow!("{} is damaged: not valid PEM", path.display()))?;
    ensure!(
        !certs.is_empty(),
        "there is no certificate in PEM form in {}",
        path.display()
    );
    Ok(certs)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).map_err(|error| {
        let path = path.display();
        match error.kind() {
            ErrorKind::NotFound => anyhow!("there is no file {path}"),
            ErrorKind::PermissionDenied => anyhow!("no permission to read {path}"),
            _ => anyhow!("cannot read {path}: {error}"),
        }
    })
}
