//! The names that go with the numbers.

/// Returns the name of an IP protocol or IPv6 next header (IANA protocol numbers).
pub fn protocol_name(number: u8) -> &'static str {
    match number {
        0 => "hop-by-hop options",
        1 => "ICMP",
        2 => "IGMP",
        4 => "IPv4 in IP",
        6 => "TCP",
        17 => "UDP",
        41 => "IPv6 in IP",
        43 => "routing header",
        44 => "fragment header",
        47 => "GRE",
        50 => "ESP",
        51 => "authentication header",
        58 => "ICMPv6",
        59 => "no next header",
        60 => "destination options",
        89 => "OSPF",
        103 => "PIM",
        112 => "VRRP",
        115 => "L2TP",
        132 => "SCTP",
        135 => "mobility header",
        136 => "UDP-Lite",
        139 => "HIP",
        140 => "Shim6",
        253 | 254 => "experiment",
        _ => "unknown",
    }
}

/// Returns the name of an IPv4 option (IANA IP option numbers).
pub fn option_name(kind: u8) -> &'static str {
    match kind {
        0 => "end of options",
        1 => "no operation",
        7 => "record route",
        68 => "timestamp",
        82 => "traceroute",
        130 => "security",
        131 => "loose source route",
        136 => "stream identifier",
        137 => "strict source route",
        148 => "router alert",
        _ => "unknown",
    }
}

/// Returns the name of a DSCP, the class of service (RFC 2474, 2597, 3246, 8622).
pub fn dscp_name(dscp: u8) -> &'static str {
    match dscp {
        0 => "best effort",
        1 => "LE",
        8 => "CS1",
        10 => "AF11",
        12 => "AF12",
        14 => "AF13",
        16 => "CS2",
        18 => "AF21",
        20 => "AF22",
        22 => "AF23",
        24 => "CS3",
        26 => "AF31",
        28 => "AF32",
        30 => "AF33",
        32 => "CS4",
        34 => "AF41",
        36 => "AF42",
        38 => "AF43",
        40 => "CS5",
        44 => "VOICE-ADMIT",
        46 => "EF",
        48 => "CS6",
        56 => "CS7",
        _ => "no common name",
    }
}

/// Returns what the two bits of ECN say (RFC 3168 §5).
pub fn ecn_name(ecn: u8) -> &'static str {
    match ecn {
        0 => "not ECN-capable",
        1 => "ECT(1)",
        2 => "ECT(0)",
        _ => "congestion experienced",
    }
}
