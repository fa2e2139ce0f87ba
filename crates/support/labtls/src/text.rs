//! TLS in plain words.

use std::io::{self, ErrorKind};
use std::net::IpAddr;

use rustls::{AlertDescription, CertificateError, CommonState, Error, ProtocolVersion};

use crate::trust::is_ca_as_server;

/// Returns what the two sides agreed on: `TLSv1.3, TLS_AES_256_GCM_SHA384`.
pub fn session(connection: &CommonState) -> String {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "no version yet",
    };
    let suite = match connection.negotiated_cipher_suite() {
        // rustls writes TLS13_ where the registry of IANA has TLS_.
        Some(suite) => format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1),
        None => "no cipher suite yet".to_owned(),
    };
    format!("{version}, {suite}")
}

/// Returns the reason of a failure in plain words, on one line.
pub fn reason(error: &io::Error) -> String {
    let tls_error = error.get_ref().and_then(|inner| inner.downcast_ref());
    match tls_error {
        Some(tls_error) => words_for(tls_error),
        // rustls has no words of its own for an end within the handshake.
        None if error.kind() == ErrorKind::UnexpectedEof && error.get_ref().is_none() => {
            "the peer closed the connection during the handshake".to_owned()
        }
        None if error.kind() == ErrorKind::UnexpectedEof => {
            "the peer closed the connection without close_notify: what came may be cut \
             short"
                .to_owned()
        }
        None => labkit::reason(error),
    }
}

/// Turns a failure into an error whose text is [`reason`]; other than TLS failures are
/// kept as they are, so that their kind still finds its hint.
pub fn explain(error: io::Error) -> anyhow::Error {
    if error.raw_os_error().is_some() || error.kind() == ErrorKind::TimedOut {
        return error.into();
    }
    anyhow::Error::msg(reason(&error))
}

fn words_for(error: &Error) -> String {
    match error {
        error if is_ca_as_server(error) => {
            "its certificate is a CA's own, and not the one that we trust".to_owned()
        }
        Error::InvalidCertificate(why) => certificate_words(why),
        Error::InvalidMessage(_) => "the peer does not speak TLS".to_owned(),
        Error::PeerIncompatible(what) => format!(
            "the peer offers no version, cipher suite or key exchange that we accept \
             ({what:?})"
        ),
        Error::NoCertificatesPresented => "the client has sent no certificate".to_owned(),
        Error::AlertReceived(alert) => alert_words(*alert),
        other => other.to_string(),
    }
}

fn certificate_words(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "its certificate is not signed by a CA that we trust".to_owned()
        }
        CertificateError::BadSignature => {
            "its certificate bears a CA's name, but no signature of that CA that we \
             accept (one by RSA needs 2048 bits)"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: is a clock wrong?".to_owned()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => name_words(&expected.to_str(), presented),
        CertificateError::NotValidForName => {
            "its certificate is for another host".to_owned()
        }
        CertificateError::InvalidPurpose
        | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is made for another purpose (extendedKeyUsage)".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its certificate is signed in a way that is not supported here".to_owned()
        }
        // Names alone, such as UnsupportedCriticalExtension.
        CertificateError::Other(why) => format!("its certificate is invalid: {why}"),
        other => format!("its certificate is invalid: {other}"),
    }
}

/// Says for whom the certificate is: rustls has `DnsName("other.example")` for it.
fn name_words(expected: &str, presented: &[String]) -> String {
    let names: Vec<String> = presented.iter().filter_map(|name| host(name)).collect();
    if names.is_empty() {
        return format!(
            "its certificate names no host (subjectAltName), so not {expected}"
        );
    }
    // The names are the peer's words: they may hold anything.
    let names = labkit::printable(names.join(", ").as_bytes());
    format!("its certificate is for {names}, not for {expected}")
}

/// Returns the host in one of rustls' names; `None` if it is of another kind.
fn host(name: &str) -> Option<String> {
    let (kind, name) = name.split_once('(')?;
    let name = name.strip_suffix(')')?.trim_matches('"');
    match (kind, name.parse::<IpAddr>()) {
        ("Unsupported", _) => None,
        // A frequent slip: an address counts only where it is told to be one.
        ("DnsName", Ok(_)) => Some(format!("a host called {name} (DNS:, and not IP:)")),
        (_, Ok(address)) => Some(address.to_string()),
        (_, Err(_)) => Some(name.to_owned()),
    }
}

fn alert_words(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "the server asks for a client certificate: give one with --cert and --key"
                .to_owned()
        }
        AlertDescription::UnknownCA => {
            "the peer does not trust the CA that signed our certificate".to_owned()
        }
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            "the peer does not accept our certificate".to_owned()
        }
        AlertDescription::CertificateExpired => {
            "the peer finds that our certificate has expired".to_owned()
        }
        AlertDescription::ProtocolVersion => {
            "the peer speaks no TLS version that we accept".to_owned()
        }
        AlertDescription::HandshakeFailure => {
            "the peer found nothing that both sides can do (alert handshake_failure)"
                .to_owned()
        }
        other => format!("the peer ended it with the alert {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_told_with_the_names_that_would_be_right() {
        let presented = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
        let names: Vec<String> = presented(&["DnsName(\"a.example\")", "IpAddress(::1)"]);
        assert_eq!(
            name_words("localhost", &names),
            "its certificate is for a.example, ::1, not for localhost"
        );
        let slip: Vec<String> = presented(&["DnsName(\"127.0.0.1\")", "IpAddress(0::1)"]);
        assert_eq!(
            name_words("127.0.0.1", &slip),
            "its certificate is for a host called 127.0.0.1 (DNS:, and not IP:), ::1, not \
             for 127.0.0.1"
        );
        let none: Vec<String> = presented(&["Unsupported(0x01)"]);
        assert_eq!(
            name_words("localhost", &none),
            "its certificate names no host (subjectAltName), so not localhost"
        );
        let forged: Vec<String> = presented(&["DnsName(\"a\x1b[2J\")"]);
        assert!(!name_words("localhost", &forged).contains('\x1b'));
    }
}
