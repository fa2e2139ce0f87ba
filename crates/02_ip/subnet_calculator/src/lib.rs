//! The arithmetic of prefixes: an address and a prefix length in, a network out. No I/O.
//!
//! Both families are computed in one `u128`; an IPv4 address is its last 32 bits.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address and how many of its bits name the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Any address of the network.
    pub addr: IpAddr,
    /// The number of network bits: 0 to 32 for IPv4, 0 to 128 for IPv6.
    pub len: u8,
}

/// Why a text is no prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrefixError {
    /// The part before the slash is no address.
    Address(String),
    /// There is neither a prefix length nor a mask.
    NoLength(String),
    /// The part after the slash is neither a number nor a mask.
    Length(String),
    /// The prefix length is larger than the number of bits, which stands second.
    TooLong(String, u8),
    /// The ones of the mask are not all on its left.
    Gaps(Ipv4Addr),
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrefixError::Address(text) => write!(
                f,
                "{text:?} is not an IP address: four numbers from 0 to 255 as in \
                 192.168.1.10, or IPv6 as in 2001:db8::1"
            ),
            PrefixError::NoLength(addr) if addr.contains(':') => {
                write!(f, "{addr} has no prefix length: write {addr}/64")
            }
            PrefixError::NoLength(addr) => write!(
                f,
                "{addr} has no prefix length: write {addr}/24 or {addr}/255.255.255.0"
            ),
            PrefixError::Length(text) => write!(
                f,
                "{text:?} is neither a prefix length (as in /24) nor a mask (as in \
                 /255.255.255.0)"
            ),
            PrefixError::TooLong(text, bits) => {
                write!(f, "/{text} is too long: the address has {bits} bits")
            }
            PrefixError::Gaps(mask) => write!(
                f,
                "{mask} is not a mask: in binary, {}, all ones must stand left of all \
                 zeros",
                binary(IpAddr::V4(*mask))
            ),
        }
    }
}

impl Error for PrefixError {}

impl Prefix {
    /// Reads `ADDRESS/LENGTH` or, for IPv4, `ADDRESS/MASK`.
    ///
    /// # Errors
    ///
    /// Says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, PrefixError> {
        let (addr, len) = match text.split_once('/') {
            Some((addr, len)) => (addr, Some(len)),
            None => (text, None),
        };
        let addr: IpAddr = addr
            .parse()
            .map_err(|_| PrefixError::Address(addr.to_owned()))?;
        let len = len.ok_or_else(|| PrefixError::NoLength(text.to_owned()))?;
        let len = match (addr, len.parse()) {
            (IpAddr::V4(_), Ok(mask)) => mask_len(mask)?,
            _ => prefix_len(len, bits(addr))?,
        };
        Ok(Prefix { addr, len })
    }

    /// Returns the mask: ones for the network, zeros for the host.
    pub fn mask(self) -> IpAddr {
        addr(mask(self.addr, self.len), self.addr)
    }

    /// Returns the wildcard: the mask with ones and zeros exchanged.
    pub fn wildcard(self) -> String {
        match addr(host_bits(self), self.addr) {
            // These are bits and no address: a /80 leaves no IPv4-mapped one.
            IpAddr::V6(bits) if bits.to_ipv4_mapped().is_some() => {
                "::ffff:ffff:ffff".to_owned()
            }
            bits => bits.to_string(),
        }
    }

    /// Returns the first address of the network: the address AND the mask.
    pub fn network(self) -> IpAddr {
        addr(number(self.addr) & mask(self.addr, self.len), self.addr)
    }

    /// Returns the last address of the network: all host bits are ones.
    pub fn last(self) -> IpAddr {
        addr(number(self.addr) | host_bits(self), self.addr)
    }

    /// Returns the address that reaches all hosts: the last one of an IPv4 network.
    ///
    /// A /31 joins two routers and a /32 is one host: neither has one (RFC 3021). IPv6
    /// has no broadcast at all (RFC 4291 §2).
    pub fn broadcast(self) -> Option<IpAddr> {
        (self.addr.is_ipv4() && self.len <= 30).then(|| self.last())
    }

    /// Returns the first and the last address that a host may have.
    ///
    /// In IPv6 the first address of a network is that of "any router here" (RFC 4291
    /// §2.6.1), save for a /127 between two routers (RFC 6164).
    pub fn hosts(self) -> (IpAddr, IpAddr) {
        let first = number(self.network());
        let last = number(self.last());
        let (first, last) = match (self.addr, bits(self.addr) - self.len) {
            (_, 0 | 1) => (first, last),
            (IpAddr::V4(_), _) => (first + 1, last - 1),
            (IpAddr::V6(_), _) => (first + 1, last),
        };
        (addr(first, self.addr), addr(last, self.addr))
    }

    /// Returns how many addresses a host may have.
    pub fn host_count(self) -> u128 {
        let (first, last) = self.hosts();
        // At most 2^128 - 1: the largest network has an address for "any router".
        number(last) - number(first) + 1
    }

    /// Returns the number of addresses, in decimal: that of `::/0` is 2^128, which is one
    /// more than the largest number of 128 bits.
    pub fn address_count(self) -> String {
        match host_bits(self).checked_add(1) {
            Some(count) => count.to_string(),
            None => "340282366920938463463374607431768211456".to_owned(),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.len)
    }
}

/// Returns the class that an IPv4 address had before CIDR (RFC 791 §3.2; D: RFC 1112 §4).
pub fn class(addr: Ipv4Addr) -> char {
    match addr.octets() {
        [0..=127, ..] => 'A',   // 0…
        [128..=191, ..] => 'B', // 10…
        [192..=223, ..] => 'C', // 110…
        [224..=239, ..] => 'D', // 1110…: multicast
        [240..=255, ..] => 'E', // 1111…: reserved
    }
}

/// Returns an IPv4 address in binary, `11000000.10101000.00000001.10011000`, and an IPv6
/// address as its 32 hexadecimal digits: each is four bits.
pub fn binary(addr: IpAddr) -> String {
    match addr {
        IpAddr::V4(addr) => addr.octets().map(|byte| format!("{byte:08b}")).join("."),
        IpAddr::V6(addr) => addr.segments().map(|word| format!("{word:04x}")).join(":"),
    }
}

fn bits(addr: IpAddr) -> u8 {
    if addr.is_ipv4() { 32 } else { 128 }
}

fn number(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(addr) => u128::from(addr.to_bits()),
        IpAddr::V6(addr) => addr.to_bits(),
    }
}

/// Makes an address of the family of `like`.
fn addr(number: u128, like: IpAddr) -> IpAddr {
    match (like, u32::try_from(number)) {
        (IpAddr::V4(_), Ok(bits)) => IpAddr::V4(Ipv4Addr::from_bits(bits)),
        _ => IpAddr::V6(Ipv6Addr::from_bits(number)),
    }
}

/// Returns the host part with all bits set: 2^(host bits) - 1.
fn host_bits(prefix: Prefix) -> u128 {
    // A shift by all 128 bits is no shift in Rust: it has to be asked for.
    let host_bits = u32::from(bits(prefix.addr) - prefix.len);
    1_u128
        .checked_shl(host_bits)
        .map_or(u128::MAX, |power| power - 1)
}

fn mask(addr: IpAddr, len: u8) -> u128 {
    let all = host_bits(Prefix { addr, len: 0 });
    all ^ host_bits(Prefix { addr, len })
}

fn mask_len(mask: Ipv4Addr) -> Result<u8, PrefixError> {
    let bits = mask.to_bits();
    let ones = bits.leading_ones();
    // RFC 950 allowed gaps, CIDR does not (RFC 4632 §5.1).
    if ones == bits.count_ones() {
        Ok(u8::try_from(ones).unwrap_or(32))
    } else {
        Err(PrefixError::Gaps(mask))
    }
}

fn prefix_len(text: &str, bits: u8) -> Result<u8, PrefixError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return Err(PrefixError::Length(text.to_owned()));
    }
    match text.parse() {
        Ok(len) if len <= bits => Ok(len),
        _ => Err(PrefixError::TooLong(text.to_owned(), bits)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        Prefix::parse(text).unwrap()
    }

    fn hosts(text: &str) -> (String, String, u128) {
        let (first, last) = prefix(text).hosts();
        (
            first.to_string(),
            last.to_string(),
            prefix(text).host_count(),
        )
    }

    fn range(first: &str, last: &str, count: u128) -> (String, String, u128) {
        (first.to_owned(), last.to_owned(), count)
    }

    #[test]
    fn a_network_is_the_address_and_the_mask() {
        let prefix = prefix("192.168.1.152/26");
        assert_eq!(prefix.network().to_string(), "192.168.1.128");
        assert_eq!(prefix.mask().to_string(), "255.255.255.192");
        assert_eq!(prefix.wildcard(), "0.0.0.63");
        assert_eq!(prefix.broadcast().unwrap().to_string(), "192.168.1.191");
        assert_eq!(prefix.address_count(), "64");
        assert_eq!(
            hosts("192.168.1.152/26"),
            range("192.168.1.129", "192.168.1.190", 62)
        );
        let wildcard = Prefix::parse("2001:db8::/80").unwrap().wildcard();
        assert_eq!(wildcard, "::ffff:ffff:ffff");
    }

    #[test]
    fn the_ends_of_the_scale_are_right() {
        assert_eq!(
            hosts("1.2.3.4/0"),
            range("0.0.0.1", "255.255.255.254", 4_294_967_294)
        );
        assert_eq!(hosts("10.0.0.7/31"), range("10.0.0.6", "10.0.0.7", 2));
        assert_eq!(hosts("10.0.0.7/32"), range("10.0.0.7", "10.0.0.7", 1));
        assert_eq!(prefix("10.0.0.7/31").broadcast(), None);
        assert_eq!(prefix("1.2.3.4/0").mask().to_string(), "0.0.0.0");
        assert_eq!(prefix("1.2.3.4/0").address_count(), "4294967296");
        assert_eq!(
            hosts("::/0"),
            range("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", u128::MAX)
        );
        assert_eq!(
            prefix("::/0").address_count(),
            "340282366920938463463374607431768211456"
        );
        assert_eq!(hosts("::1/128"), range("::1", "::1", 1));
        assert_eq!(
            hosts("2001:db8::/127"),
            range("2001:db8::", "2001:db8::1", 2)
        );
        assert_eq!(
            prefix("2001:db8:1::5/64").network().to_string(),
            "2001:db8:1::"
        );
    }

    #[test]
    fn a_mask_may_stand_for_the_length() {
        assert_eq!(prefix("10.1.2.3/255.255.240.0"), prefix("10.1.2.3/20"));
        assert_eq!(prefix("10.1.2.3/0.0.0.0").len, 0);
        assert_eq!(prefix("10.1.2.3/255.255.255.255").len, 32);
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        fn error(text: &str) -> PrefixError {
            Prefix::parse(text).unwrap_err()
        }
        assert!(matches!(error("10.0.0.0"), PrefixError::NoLength(_)));
        assert!(error("10.0.0.0").to_string().ends_with("/255.255.255.0"));
        assert!(error("::1").to_string().ends_with("write ::1/64"));
        assert!(matches!(error("10.0.0.0/33"), PrefixError::TooLong(_, 32)));
        assert!(matches!(error("::/129"), PrefixError::TooLong(_, 128)));
        assert!(matches!(error("::/999999"), PrefixError::TooLong(_, 128)));
        for text in ["10.0.0.0/", "10.0.0.0/x", "10.0.0.0/-1", "10.0.0.0/+8"] {
            assert!(matches!(error(text), PrefixError::Length(_)), "{text}");
        }
        assert!(matches!(error("::/ffff::"), PrefixError::Length(_)));
        for text in ["", "/8", "10.0.0/8", "256.0.0.1/8", "010.0.0.1/8", "x/8"] {
            assert!(matches!(error(text), PrefixError::Address(_)), "{text}");
        }
        for mask in ["255.0.255.0", "0.0.0.255", "255.255.255.253"] {
            let text = format!("10.0.0.0/{mask}");
            assert_eq!(error(&text), PrefixError::Gaps(mask.parse().unwrap()));
        }
    }

    #[test]
    fn classes_go_by_the_first_bits() {
        for (first, wanted) in [
            (0, 'A'),
            (127, 'A'),
            (128, 'B'),
            (191, 'B'),
            (192, 'C'),
            (223, 'C'),
            (224, 'D'),
            (239, 'D'),
            (240, 'E'),
            (255, 'E'),
        ] {
            assert_eq!(class(Ipv4Addr::new(first, 0, 0, 0)), wanted);
        }
    }
}
