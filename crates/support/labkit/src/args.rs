//! `--host`, `--port` and `--quiet`, the same in every lab.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::builder::RangedU64ValueParser;

/// The host and port that a program listens on or connects to; `PORT` is the default port.
#[derive(clap::Args, Clone, Debug)]
pub struct Endpoint<const PORT: u16> {
    /// Address or name; a server given 0.0.0.0 or :: can be reached from other machines
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    /// Port; a server given 0 takes any free one
    #[arg(long, default_value_t = PORT)]
    pub port: u16,
}

impl<const PORT: u16> Endpoint<PORT> {
    /// Resolves the host to the one address to listen on: the first that this machine has.
    ///
    /// A client tries one address after another. A server must not: with its port in use on
    /// 127.0.0.1, `--host localhost` would quietly listen on ::1 alone.
    ///
    /// # Errors
    ///
    /// When the host has no address or cannot be looked up.
    pub fn addr(&self) -> anyhow::Result<SocketAddr> {
        let addrs = self.addrs()?;
        let ours = addrs.iter().find(|addr| is_ours(**addr));
        let addr = ours.or(addrs.first()).copied();
        addr.with_context(|| format!("the host {:?} has no address", self.host))
    }

    /// Resolves the host: at least one address, the IPv4 ones first.
    ///
    /// `localhost` is both 127.0.0.1 and ::1. A listener binds the first that works, so
    /// IPv4 comes first: more peers can reach it. IPv6 addresses are left out on a machine
    /// that cannot reach them: the error of the last attempt is what a client reports, and
    /// it shall be the server's.
    ///
    /// # Errors
    ///
    /// When the host has no address or cannot be looked up.
    pub fn addrs(&self) -> anyhow::Result<Vec<SocketAddr>> {
        // In a URL an IPv6 address stands in brackets: [::1].
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let mut addrs: Vec<SocketAddr> = (host, self.port)
            .to_socket_addrs()
            .with_context(|| format!("cannot find the host {:?}", self.host))?
            .collect();
        ensure!(!addrs.is_empty(), "the host {:?} has no address", self.host);
        addrs.sort_by_key(SocketAddr::is_ipv6);
        if addrs.iter().any(SocketAddr::is_ipv4) {
            addrs.retain(|&addr| addr.is_ipv4() || leads_to(addr));
        }
        Ok(addrs)
    }
}

/// Tells whether this machine has the address: any port of it will do.
fn is_ours(mut addr: SocketAddr) -> bool {
    addr.set_port(0);
    UdpSocket::bind(addr).is_ok()
}

/// Tells whether this machine has a way to an IPv6 address. Connecting a UDP socket sends
/// nothing: it chooses a route.
fn leads_to(addr: SocketAddr) -> bool {
    UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))
        .and_then(|socket| socket.connect(addr))
        .is_ok()
}

impl<const PORT: u16> fmt::Display for Endpoint<PORT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') && !self.host.starts_with('[') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// `--quiet`, and the lines that it silences.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Console {
    /// Say less: a server no line per client, a client nothing but the answer
    #[arg(long)]
    quiet: bool,
}

impl Console {
    /// Prints one line on stdout, unless the program was started with `--quiet`.
    pub fn line(self, line: fmt::Arguments<'_>) {
        if !self.quiet {
            println!("{line}");
        }
    }

    /// Prints one line about a client's failure on stderr, unless the program was started
    /// with `--quiet`. stderr has no buffer: as one piece, the line is one system call and
    /// not one for each word of it.
    pub fn failure(self, line: fmt::Arguments<'_>) {
        if !self.quiet {
            let line = format!("{line}\n");
            eprint!("{line}");
        }
    }
}

/// The value parser of an option that is a time limit: whole seconds, from 1 to a day.
///
/// 0 would leave no time at all, and centuries lie beyond what `Instant` can count.
pub fn seconds() -> RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..=24 * 60 * 60)
}

/// The value parser of an option that is a time in seconds, such as `2` or `0.5`, between
/// these two.
pub fn duration(
    limits: RangeInclusive<f64>,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    move |arg| match arg.parse() {
        Ok(number) if limits.contains(&number) => Ok(Duration::from_secs_f64(number)),
        _ => Err(format!(
            "choose from {} to {} seconds",
            limits.start(),
            limits.end()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_have_a_fraction_and_has_limits() {
        let parse = duration(0.01..=3600.0);
        assert_eq!(parse("2").unwrap(), Duration::from_secs(2));
        assert_eq!(parse("0.5").unwrap(), Duration::from_millis(500));
        for arg in ["", "x", "0", "-1", "0.001", "3601", "1e300", "nan", "inf"] {
            assert_eq!(parse(arg).unwrap_err(), "choose from 0.01 to 3600 seconds");
        }
    }

    fn endpoint(host: &str) -> Endpoint<8080> {
        Endpoint {
            host: host.to_owned(),
            port: 8080,
        }
    }

    #[test]
    fn localhost_is_ipv4_first() {
        let addrs = endpoint("localhost").addrs().unwrap();
        assert!(addrs[0].is_ipv4(), "{addrs:?}");
    }

    #[test]
    fn a_server_listens_on_the_first_address_that_is_ours() {
        let addr = endpoint("localhost").addr().unwrap();
        assert_eq!(addr, "127.0.0.1:8080".parse().unwrap());
        // Documentation's own (RFC 5737), so nobody's: bind() will say what is wrong.
        let foreign = endpoint("192.0.2.1").addr().unwrap();
        assert_eq!(foreign, "192.0.2.1:8080".parse().unwrap());
    }

    #[test]
    fn an_ipv6_address_may_stand_in_brackets() {
        for host in ["::1", "[::1]"] {
            let addrs = endpoint(host).addrs().unwrap();
            assert_eq!(addrs, ["[::1]:8080".parse().unwrap()]);
            assert_eq!(endpoint(host).to_string(), "[::1]:8080");
        }
    }

    #[test]
    fn an_unknown_host_is_named_in_the_error() {
        let error = endpoint("no-such-host.invalid").addrs().unwrap_err();
        assert!(
            error.to_string().contains("no-such-host.invalid"),
            "{error}"
        );
    }
}
