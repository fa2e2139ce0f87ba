//! What is scanned: the list of ports that `--ports` names, and whose address it may be.
//! No I/O.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;

use address_info::scope;
use anyhow::bail;

/// Why a list of ports is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortsError {
    /// This part is neither a port nor a range.
    Part(String),
    /// The range ends before it begins.
    Backwards(String),
}

impl fmt::Display for PortsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PortsError::Part(part) => write!(
                f,
                "{part:?} is neither a port from 1 to 65535 nor a range such as 1-1024"
            ),
            PortsError::Backwards(part) => write!(f, "{part} ends before it begins"),
        }
    }
}

impl Error for PortsError {}

/// Reads `22,80,8000-8100`: both ends of a range belong to it; each port counts once.
///
/// # Errors
///
/// Names the part that is wrong.
pub fn parse_ports(text: &str) -> Result<BTreeSet<u16>, PortsError> {
    let mut ports = BTreeSet::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let wrong = || PortsError::Part(part.to_owned());
        let first = port(first).ok_or_else(wrong)?;
        let last = port(last).ok_or_else(wrong)?;
        if last < first {
            return Err(PortsError::Backwards(part.to_owned()));
        }
        ports.extend(first..=last);
    }
    Ok(ports)
}

/// Nobody can listen on port 0: it asks for "any free port".
fn port(text: &str) -> Option<u16> {
    let digits = text.trim();
    // parse() takes a plus sign, too.
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| plain && *port > 0)
}

/// Allows own machines and networks, and others only with their owner's permission: to
/// scan a stranger's machine is rude, often against a contract, and in some countries a
/// crime.
///
/// # Errors
///
/// When the address is a public one, and `permission` is missing.
pub fn check_permission(addr: IpAddr, permission: bool) -> anyhow::Result<()> {
    let kind = scope(addr).kind;
    let own = matches!(kind, "loopback" | "private" | "link-local" | "unspecified");
    if !own && !permission {
        bail!(
            "{addr} is not a loopback or private address ({kind}). Scan only machines \
             that are yours or whose owner has allowed it: elsewhere it can be against \
             the law. With permission, add --i-have-permission"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(text: &str) -> Vec<u16> {
        parse_ports(text).unwrap().into_iter().collect()
    }

    #[test]
    fn both_ends_of_a_range_belong_to_it() {
        assert_eq!(ports("20-22"), [20, 21, 22]);
        assert_eq!(ports("65535"), [65535]);
        assert_eq!(ports("7-7"), [7]);
        assert_eq!(ports("1-65535").len(), 65535);
        assert_eq!(ports("80, 22,79-81,22"), [22, 79, 80, 81]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in [
            "", "x", "0", "+80", "65536", "1-", "-5", "22,,80", "1-2-3", "22;80",
        ] {
            let error = parse_ports(text).unwrap_err();
            assert!(matches!(error, PortsError::Part(_)), "{text}: {error}");
        }
        let error = parse_ports("1,100-10").unwrap_err();
        assert_eq!(error, PortsError::Backwards("100-10".to_owned()));
    }

    #[test]
    fn a_stranger_is_scanned_only_with_permission() {
        for own in [
            "127.0.0.1",
            "192.168.1.1",
            "169.254.0.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
        ] {
            check_permission(own.parse().unwrap(), false).unwrap();
        }
        for public in ["1.1.1.1", "172.32.0.1", "2606:4700::1"] {
            let addr = public.parse().unwrap();
            let error = check_permission(addr, false).unwrap_err().to_string();
            assert!(error.starts_with(public), "{error}");
            check_permission(addr, true).unwrap();
        }
    }
}
