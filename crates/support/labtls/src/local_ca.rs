//! A certification authority for this machine alone.
//!
//! Real servers get their certificates from a CA that browsers know. For 127.0.0.1 nobody
//! signs one, so the labs are their own CA: its key signs the server's certificate, and
//! the clients are told to trust its certificate, and nothing else.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;

use crate::identity::Identity;
use crate::trust::read_roots;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A CA outlives everything that it signs: replacing it means telling every client.
const CA_LIFE: Duration = DAY.saturating_mul(20 * 365);
/// Browsers refuse a server certificate that lives longer than 398 days.
const CERT_LIFE: Duration = DAY.saturating_mul(365);
/// A certificate that ends within this time is renewed: nobody restarts a server for it.
const RENEW_BEFORE: Duration = DAY;

/// The local CA, with its files open for this process alone.
#[derive(Debug)]
pub struct LocalCa {
    dir: PathBuf,
    roots: Arc<RootCertStore>,
    /// Held while files are checked and made, so that two servers that start at once
    /// make one CA and not two halves. Given back when this is dropped.
    _lock: File,
}

/// What a certificate is for.
enum Purpose<'a> {
    Server { host: &'a str },
    Client,
}

impl LocalCa {
    /// Opens the CA in the folder `dir`, or makes it there: the files `ca-cert.pem` and
    /// `ca-key.pem`.
    ///
    /// # Errors
    ///
    /// When the folder or its files cannot be read or written, or are damaged.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let context = || format!("cannot keep certificates in {}/", dir.display());
        fs::create_dir_all(dir).with_context(context)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(dir.join(".lock"))
            .with_context(context)?;
        lock.lock().with_context(context)?;

        let (cert, key) = (dir.join("ca-cert.pem"), dir.join("ca-key.pem"));
        // Every client trusts that certificate: a new one in its place would not be missed
        // until they all fail.
        ensure!(
            key.exists() || !cert.exists(),
            "{} is there and ca-key.pem beside it is not: {}",
            cert.display(),
            advice(dir)
        );
        if !cert.exists() {
            make_ca(dir).with_context(context)?;
        }
        Identity::from_files(&cert, &key).with_context(|| advice(dir))?;
        Ok(LocalCa {
            dir: dir.to_owned(),
            roots: read_roots(&cert).with_context(|| advice(dir))?,
            _lock: lock,
        })
    }

    /// Returns the server's certificate and key: `server-cert.pem` and `server-key.pem`.
    ///
    /// It is valid for localhost, 127.0.0.1, ::1 and `host`. The one of the last start is
    /// used again; it is renewed when it has expired or lacks that host.
    ///
    /// # Errors
    ///
    /// When the files are damaged, or cannot be read or written.
    pub fn server_identity(&self, host: &str) -> anyhow::Result<Identity> {
        self.identity("server", &Purpose::Server { host })
    }

    /// Returns a certificate and key for a client: `client-cert.pem`, `client-key.pem`.
    ///
    /// # Errors
    ///
    /// As [`LocalCa::server_identity`].
    pub fn client_identity(&self) -> anyhow::Result<Identity> {
        self.identity("client", &Purpose::Client)
    }

    fn identity(&self, name: &str, purpose: &Purpose<'_>) -> anyhow::Result<Identity> {
        let cert = self.dir.join(format!("{name}-cert.pem"));
        let key = self.dir.join(format!("{name}-key.pem"));
        if cert.exists() && key.exists() {
            let identity = Identity::from_files(&cert, &key);
            // A crash between the two files leaves a key without its certificate.
            let halves = identity
                .as_ref()
                .is_err_and(|error| error.is::<rustls::Error>());
            if !halves {
                let identity = identity.with_context(|| advice(&self.dir))?;
                if self.check(&identity, purpose).is_ok() {
                    return Ok(identity);
                }
            }
        }
        self.issue(name, purpose)
            .with_context(|| format!("cannot make {}", cert.display()))?;
        let identity = Identity::from_files(&cert, &key)?;
        self.check(&identity, purpose)
            .with_context(|| advice(&self.dir))?;
        Ok(identity)
    }

    /// Checks a certificate as the other side will, but a day ahead.
    fn check(&self, identity: &Identity, purpose: &Purpose<'_>) -> anyhow::Result<()> {
        let (cert, intermediates) = identity.chain.split_first().context("no chain")?;
        let now = UnixTime::since_unix_epoch(now()? + RENEW_BEFORE);
        match purpose {
            Purpose::Server { host } => {
                let verifier =
                    WebPkiServerVerifier::builder(Arc::clone(&self.roots)).build()?;
                for name in server_names(host) {
                    let name = ServerName::try_from(name)?;
                    verifier.verify_server_cert(cert, intermediates, &name, &[], now)?;
                }
            }
            Purpose::Client => {
                let verifier =
                    WebPkiClientVerifier::builder(Arc::clone(&self.roots)).build()?;
                verifier.verify_client_cert(cert, intermediates, now)?;
            }
        }
        Ok(())
    }

    /// Makes a key and a certificate for it, signed by the CA.
    fn issue(&self, name: &str, purpose: &Purpose<'_>) -> anyhow::Result<()> {
        let ca_key = fs::read_to_string(self.dir.join("ca-key.pem"))?;
        let issuer = Issuer::new(ca_params()?, KeyPair::from_pem(&ca_key)?);
        let (names, usage) = match purpose {
            Purpose::Server { host } => {
                (server_names(host), ExtendedKeyUsagePurpose::ServerAuth)
            }
            Purpose::Client => (Vec::new(), ExtendedKeyUsagePurpose::ClientAuth),
        };
        let mut params = CertificateParams::new(names)?;
        name_and_life(&mut params, &format!("Socket Labs {name}"), CERT_LIFE)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;

        let key = KeyPair::generate()?;
        let cert = params.signed_by(&key, &issuer)?;
        write(
            &self.dir,
            &format!("{name}-key.pem"),
            &key.serialize_pem(),
            SECRET,
        )?;
        write(&self.dir, &format!("{name}-cert.pem"), &cert.pem(), PUBLIC)
    }
}

/// Makes the CA's key, and the certificate that it signs itself.
fn make_ca(dir: &Path) -> anyhow::Result<()> {
    let key = KeyPair::generate()?;
    let cert = ca_params()?.self_signed(&key)?;
    write(dir, "ca-key.pem", &key.serialize_pem(), SECRET)?;
    write(dir, "ca-cert.pem", &cert.pem(), PUBLIC)
}

fn ca_params() -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    name_and_life(&mut params, "Socket Labs local CA", CA_LIFE)?;
    // It may sign certificates of servers and clients, but none of another CA.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn name_and_life(
    params: &mut CertificateParams,
    common_name: &str,
    life: Duration,
) -> anyhow::Result<()> {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    // An hour early: the clocks of two machines differ.
    params.not_before = epoch + now()?.saturating_sub(Duration::from_secs(3600));
    params.not_after = epoch + now()? + life;
    Ok(())
}

/// Returns the names and addresses that a client may use to reach this server.
fn server_names(host: &str) -> Vec<String> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut names = vec!["localhost", "127.0.0.1", "::1"];
    // "All addresses" is none that a client could ask for.
    let is_any = host == "0.0.0.0" || host == "::";
    if !is_any && !names.contains(&host) && ServerName::try_from(host).is_ok() {
        names.push(host);
    }
    names.into_iter().map(str::to_owned).collect()
}

fn now() -> anyhow::Result<Duration> {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .context("the clock of this machine stands before 1970")
}

fn advice(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "cannot use the files in {dir}/: delete that folder to have new ones made, or name \
         your own with --cert and --key"
    )
}

/// Readable by its owner alone.
const SECRET: u32 = 0o600;
/// A certificate is no secret: it is shown to everybody who connects.
const PUBLIC: u32 = 0o644;

/// Makes a file that has its mode from the first moment: a mode set later leaves a gap in
/// which others can read.
#[cfg(unix)]
fn new_file(dir: &Path, mode: u32) -> io::Result<tempfile::NamedTempFile> {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(dir)
}

/// Makes a file. There are no modes here: a folder of the user is private.
#[cfg(not(unix))]
fn new_file(dir: &Path, _mode: u32) -> io::Result<tempfile::NamedTempFile> {
    tempfile::NamedTempFile::new_in(dir)
}

/// Writes a file so that at any moment there is the old one or the new one, whole.
fn write(dir: &Path, name: &str, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut file = new_file(dir, mode)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(dir.join(name))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_without_its_key_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        drop(LocalCa::open(dir.path()).unwrap());
        let cert = fs::read(dir.path().join("ca-cert.pem")).unwrap();
        fs::remove_file(dir.path().join("ca-key.pem")).unwrap();
        let error = LocalCa::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains("ca-key.pem"), "{error}");
        assert_eq!(fs::read(dir.path().join("ca-cert.pem")).unwrap(), cert);
    }
}
