//! How far an address reaches: the IANA special-purpose address registries (RFC 6890) and
//! the multicast ranges (RFC 5771, RFC 4291 §2.7).

use std::net::{IpAddr, Ipv6Addr};

/// What the registries say about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// One word or two: private, loopback, link-local, multicast, documentation, public …
    pub kind: &'static str,
    /// What the block is for.
    pub purpose: &'static str,
    /// The smallest registered block that holds the address, as `ADDRESS/LENGTH`.
    pub block: &'static str,
    /// The document that sets it aside.
    pub source: &'static str,
    /// Whether routers of the internet pass it on.
    pub global: bool,
}

/// Returns the scope of an address.
///
/// An IPv4-mapped IPv6 address has a scope of its own here; what it maps to has another
/// (`Ipv6Addr::to_ipv4_mapped`).
pub fn scope(addr: IpAddr) -> Scope {
    let public = match addr {
        IpAddr::V4(_) => PUBLIC_V4,
        // RFC 4291 §2.4: all global unicast that was ever given out is in 2000::/3.
        IpAddr::V6(addr) if addr.octets().first().is_some_and(|b| b >> 5 == 1) => {
            PUBLIC_V6
        }
        IpAddr::V6(_) => UNASSIGNED_V6,
    };
    BLOCKS
        .iter()
        .filter_map(|scope| Some((contains(scope.block, addr)?, scope)))
        .max_by_key(|(len, _)| *len)
        .map_or(public, |(_, scope)| *scope)
}

/// Returns the prefix length of a block that holds the address.
fn contains(block: &str, addr: IpAddr) -> Option<u32> {
    let (network, len) = block.split_once('/')?;
    let len = len.parse().ok()?;
    let (network, addr, bits) = match (network.parse().ok()?, addr) {
        (IpAddr::V4(network), IpAddr::V4(addr)) => (
            u128::from(network.to_bits()),
            u128::from(addr.to_bits()),
            32_u32,
        ),
        (IpAddr::V6(network), IpAddr::V6(addr)) => {
            (network.to_bits(), Ipv6Addr::to_bits(addr), 128)
        }
        _ => return None,
    };
    // The first bit that differs, counted from the left, stands behind the prefix.
    let same = (network ^ addr).leading_zeros() + bits - 128;
    (same >= len).then_some(len)
}

const PUBLIC_V4: Scope = Scope {
    kind: "public",
    purpose: "global unicast",
    block: "0.0.0.0/0",
    source: "RFC 791",
    global: true,
};

const PUBLIC_V6: Scope = Scope {
    kind: "public",
    purpose: "global unicast",
    block: "2000::/3",
    source: "RFC 4291",
    global: true,
};

const UNASSIGNED_V6: Scope = Scope {
    kind: "reserved",
    purpose: "unassigned",
    block: "::/0",
    source: "RFC 4291",
    global: false,
};

const fn local(
    kind: &'static str,
    block: &'static str,
    purpose: &'static str,
    source: &'static str,
) -> Scope {
    Scope {
        kind,
        purpose,
        block,
        source,
        global: false,
    }
}

const fn global(
    kind: &'static str,
    block: &'static str,
    purpose: &'static str,
    source: &'static str,
) -> Scope {
    Scope {
        kind,
        purpose,
        block,
        source,
        global: true,
    }
}

/// All blocks of the registries; where they overlap, the longest prefix counts.
const BLOCKS: &[Scope] = &[
    // IANA IPv4 Special-Purpose Address Registry
    local("reserved", "0.0.0.0/8", "this network", "RFC 791"),
    local(
        "unspecified",
        "0.0.0.0/32",
        "this host; any address",
        "RFC 1122",
    ),
    local("private", "10.0.0.0/8", "private use", "RFC 1918"),
    local(
        "shared",
        "100.64.0.0/10",
        "between a provider and its customers",
        "RFC 6598",
    ),
    local("loopback", "127.0.0.0/8", "this machine", "RFC 1122"),
    local(
        "link-local",
        "169.254.0.0/16",
        "this link, without a DHCP server",
        "RFC 3927",
    ),
    local("private", "172.16.0.0/12", "private use", "RFC 1918"),
    local(
        "reserved",
        "192.0.0.0/24",
        "IETF protocol assignments",
        "RFC 6890",
    ),
    local(
        "reserved",
        "192.0.0.0/29",
        "IPv4 service continuity",
        "RFC 7335",
    ),
    local("reserved", "192.0.0.8/32", "IPv4 dummy address", "RFC 7600"),
    global(
        "public",
        "192.0.0.9/32",
        "port control protocol anycast",
        "RFC 7723",
    ),
    global("public", "192.0.0.10/32", "TURN anycast", "RFC 8155"),
    local(
        "reserved",
        "192.0.0.170/31",
        "NAT64/DNS64 discovery",
        "RFC 7050",
    ),
    local("documentation", "192.0.2.0/24", "TEST-NET-1", "RFC 5737"),
    global("public", "192.31.196.0/24", "AS112", "RFC 7535"),
    global("public", "192.52.193.0/24", "AMT", "RFC 7450"),
    local(
        "reserved",
        "192.88.99.0/24",
        "once 6to4 relay anycast",
        "RFC 7526",
    ),
    local(
        "reserved",
        "192.88.99.2/32",
        "6a44 relay anycast",
        "RFC 6751",
    ),
    local("private", "192.168.0.0/16", "private use", "RFC 1918"),
    global(
        "public",
        "192.175.48.0/24",
        "AS112 direct delegation",
        "RFC 7534",
    ),
    local(
        "benchmarking",
        "198.18.0.0/15",
        "measuring network devices",
        "RFC 2544",
    ),
    local("documentation", "198.51.100.0/24", "TEST-NET-2", "RFC 5737"),
    local("documentation", "203.0.113.0/24", "TEST-NET-3", "RFC 5737"),
    local("reserved", "240.0.0.0/4", "once class E", "RFC 1112"),
    local(
        "broadcast",
        "255.255.255.255/32",
        "all hosts of this link",
        "RFC 919",
    ),
    // IANA IPv4 Multicast Address Space Registry
    global("multicast", "224.0.0.0/4", "a group of hosts", "RFC 5771"),
    local(
        "multicast",
        "224.0.0.0/24",
        "routers and hosts of this link",
        "RFC 5771",
    ),
    local(
        "multicast",
        "239.0.0.0/8",
        "within an organization",
        "RFC 2365",
    ),
    // IANA IPv6 Special-Purpose Address Registry
    local(
        "unspecified",
        "::/128",
        "no address; any address",
        "RFC 4291",
    ),
    local("loopback", "::1/128", "this machine", "RFC 4291"),
    local(
        "IPv4-mapped",
        "::ffff:0:0/96",
        "an IPv4 address as IPv6",
        "RFC 4291",
    ),
    global(
        "public",
        "64:ff9b::/96",
        "an IPv4 address behind NAT64",
        "RFC 6052",
    ),
    local("private", "64:ff9b:1::/48", "NAT64 of a site", "RFC 8215"),
    local("reserved", "100::/64", "discarded by routers", "RFC 6666"),
    local("reserved", "100:0:0:1::/64", "dummy prefix", "RFC 9780"),
    local(
        "reserved",
        "2001::/23",
        "IETF protocol assignments",
        "RFC 2928",
    ),
    local("reserved", "2001::/32", "Teredo tunnels", "RFC 4380"),
    global(
        "public",
        "2001:1::1/128",
        "port control protocol anycast",
        "RFC 7723",
    ),
    global("public", "2001:1::2/128", "TURN anycast", "RFC 8155"),
    local(
        "reserved",
        "2001:1::3/128",
        "DNS-SD service registration",
        "RFC 9665",
    ),
    local(
        "benchmarking",
        "2001:2::/48",
        "measuring network devices",
        "RFC 5180",
    ),
    global("public", "2001:3::/32", "AMT", "RFC 7450"),
    global("public", "2001:4:112::/48", "AS112", "RFC 7535"),
    local("reserved", "2001:10::/28", "once ORCHID", "RFC 4843"),
    global("public", "2001:20::/28", "ORCHIDv2 identifiers", "RFC 7343"),
    global("public", "2001:30::/28", "drone identifiers", "RFC 9374"),
    local("documentation", "2001:db8::/32", "examples", "RFC 3849"),
    local("reserved", "2002::/16", "6to4 tunnels", "RFC 3056"),
    global(
        "public",
        "2620:4f:8000::/48",
        "AS112 direct delegation",
        "RFC 7534",
    ),
    local("documentation", "3fff::/20", "examples", "RFC 9637"),
    local("reserved", "5f00::/16", "segment routing", "RFC 9602"),
    local("private", "fc00::/7", "unique local", "RFC 4193"),
    local("link-local", "fe80::/10", "this link", "RFC 4291"),
    local("reserved", "fec0::/10", "once site-local", "RFC 3879"),
    // Multicast by its scope, the last four bits of the second byte (RFC 7346)
    global("multicast", "ff00::/8", "a group of hosts", "RFC 4291"),
    local("multicast", "ff01::/16", "this interface", "RFC 7346"),
    local("multicast", "ff02::/16", "this link", "RFC 7346"),
    local("multicast", "ff03::/16", "this realm", "RFC 7346"),
    local(
        "multicast",
        "ff04::/16",
        "as an administrator says",
        "RFC 7346",
    ),
    local("multicast", "ff05::/16", "this site", "RFC 7346"),
    local(
        "multicast",
        "ff08::/16",
        "within an organization",
        "RFC 7346",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(addr: &str) -> &'static str {
        scope(addr.parse().unwrap()).kind
    }

    #[test]
    fn every_block_holds_its_own_first_address_and_no_bits_behind_the_prefix() {
        for block in BLOCKS {
            let (network, len) = block.block.split_once('/').unwrap();
            let network: IpAddr = network.parse().unwrap();
            assert_eq!(
                contains(block.block, network),
                len.parse().ok(),
                "{block:?}"
            );
            let (bits, host_bits) = match network {
                IpAddr::V4(addr) => {
                    (u128::from(addr.to_bits()), 32 - len.parse::<u32>().unwrap())
                }
                IpAddr::V6(addr) => (addr.to_bits(), 128 - len.parse::<u32>().unwrap()),
            };
            assert!(bits == 0 || bits.trailing_zeros() >= host_bits, "{block:?}");
        }
    }

    #[test]
    fn both_ends_of_a_block_belong_to_it_and_their_neighbours_do_not() {
        for (inside, outside) in [
            ("10.0.0.0", "9.255.255.255"),
            ("10.255.255.255", "11.0.0.0"),
            ("172.16.0.0", "172.15.255.255"),
            ("172.31.255.255", "172.32.0.0"),
            ("192.168.0.0", "192.167.255.255"),
            ("192.168.255.255", "192.169.0.0"),
            ("fc00::", "fbff::"),
            ("fdff:ffff::", "fe00::"),
        ] {
            assert_eq!(kind(inside), "private", "{inside}");
            assert_ne!(kind(outside), "private", "{outside}");
        }
    }

    #[test]
    fn the_longest_prefix_counts() {
        assert_eq!(kind("0.0.0.0"), "unspecified");
        assert_eq!(kind("0.0.0.1"), "reserved");
        assert_eq!(kind("255.255.255.255"), "broadcast");
        assert_eq!(kind("255.255.255.254"), "reserved");
        assert!(scope("192.0.0.9".parse().unwrap()).global);
        assert!(!scope("192.0.0.11".parse().unwrap()).global);
        assert_eq!(scope("ff02::1".parse().unwrap()).purpose, "this link");
        assert!(scope("ff0e::1".parse().unwrap()).global);
    }

    #[test]
    fn the_common_kinds_are_told_apart() {
        for (addr, wanted) in [
            ("8.8.8.8", "public"),
            ("127.255.255.254", "loopback"),
            ("169.254.1.1", "link-local"),
            ("100.64.0.1", "shared"),
            ("203.0.113.9", "documentation"),
            ("224.0.0.251", "multicast"),
            ("198.19.255.255", "benchmarking"),
            ("2606:4700::1111", "public"),
            ("::1", "loopback"),
            ("::2", "reserved"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("2001:db8::1", "documentation"),
            ("3fff:fff::1", "documentation"),
            ("::ffff:10.0.0.1", "IPv4-mapped"),
        ] {
            assert_eq!(kind(addr), wanted, "{addr}");
        }
    }
}
