//! The headers of one message, layer by layer: fields in, bytes out, no I/O.

mod pcap;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use pcap::pcap;

/// One field of a header: its name, its bytes as they travel, and what they say.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name that the RFC gives it.
    pub name: &'static str,
    /// The bytes, most significant first: that is **network byte order**.
    pub bytes: Vec<u8>,
    /// The value for people.
    pub meaning: String,
}

/// What one layer puts in front of its payload.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// The fields in the order in which they travel.
    pub fields: Vec<Field>,
}

impl Header {
    /// Returns the header as it travels.
    pub fn bytes(&self) -> Vec<u8> {
        self.fields.iter().flat_map(|f| f.bytes.clone()).collect()
    }

    fn field(&mut self, name: &'static str, bytes: &[u8], meaning: impl ToString) {
        self.fields.push(Field {
            name,
            bytes: bytes.to_vec(),
            meaning: meaning.to_string(),
        });
    }

    fn u16(&mut self, name: &'static str, value: u16) {
        self.field(name, &value.to_be_bytes(), value);
    }

    /// Writes the checksum over `covered` bytes into the field that stood at zero.
    fn fill_checksum(&mut self, sum: u16) {
        for field in &mut self.fields {
            if field.name == CHECKSUM {
                field.bytes = sum.to_be_bytes().to_vec();
                field.meaning = format!("{sum:#06x}");
            }
        }
    }
}

const CHECKSUM: &str = "Checksum";

/// The transport protocol and its number in the IP header (IANA protocol numbers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// RFC 9293: numbered bytes, acknowledged and repeated when lost.
    Tcp = 6,
    /// RFC 768: a port number on a packet, nothing more.
    Udp = 17,
}

impl Transport {
    /// Returns the number that the IP header carries for this protocol.
    pub fn number(self) -> u8 {
        match self {
            Transport::Tcp => 6,
            Transport::Udp => 17,
        }
    }

    /// Returns the protocol's name.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "TCP",
            Transport::Udp => "UDP",
        }
    }
}

/// Where a packet comes from and goes to: two addresses of one family.
#[derive(Clone, Copy, Debug)]
pub enum Route {
    /// From and to an IPv4 address.
    V4(Ipv4Addr, Ipv4Addr),
    /// From and to an IPv6 address.
    V6(Ipv6Addr, Ipv6Addr),
}

impl Route {
    /// Joins two addresses, or returns `None` if one is IPv4 and the other IPv6.
    pub fn new(source: IpAddr, destination: IpAddr) -> Option<Self> {
        match (source, destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) => Some(Route::V4(from, to)),
            (IpAddr::V6(from), IpAddr::V6(to)) => Some(Route::V6(from, to)),
            _ => None,
        }
    }

    /// Returns the name of the protocol that carries it.
    pub fn name(self) -> &'static str {
        match self {
            Route::V4(..) => "IPv4",
            Route::V6(..) => "IPv6",
        }
    }

    /// Returns the pseudo header that a transport checksum also covers, so that a packet
    /// at the wrong address is noticed (RFC 9293 §3.1, RFC 8200 §8.1).
    fn pseudo_header(self, transport: Transport, len: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Route::V4(from, to) => {
                bytes.extend(from.octets());
                bytes.extend(to.octets());
                bytes.extend([0, transport.number()]);
                bytes.extend(len.to_be_bytes());
            }
            Route::V6(from, to) => {
                bytes.extend(from.octets());
                bytes.extend(to.octets());
                bytes.extend(u32::from(len).to_be_bytes());
                bytes.extend([0, 0, 0, transport.number()]);
            }
        }
        bytes
    }
}

/// The ones' complement of the ones' complement sum of all 16-bit words (RFC 1071).
///
/// A last odd byte counts as the high half of a word.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([high, low]));
        // What falls out at the top comes back in at the bottom.
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).map_or(0, |sum| !sum)
}

/// Builds the TCP header of a segment in the middle of a connection (RFC 9293 §3.1).
///
/// Returns `None` if header and message are longer than 65535 bytes.
pub fn tcp(route: Route, ports: (u16, u16), message: &[u8]) -> Option<Header> {
    let len = u16::try_from(20 + message.len()).ok()?;
    let mut header = Header::default();
    header.u16("Source port", ports.0);
    header.u16("Destination port", ports.1);
    header.field("Sequence number", &1_u32.to_be_bytes(), 1);
    header.field("Acknowledgment number", &1_u32.to_be_bytes(), 1);
    let offset = "20 bytes (5 words of 4)";
    header.field("Data offset", &[0x50], offset);
    header.field("Flags", &[0x18], "PSH, ACK");
    header.u16("Window", 65535);
    header.field(CHECKSUM, &[0, 0], 0);
    header.u16("Urgent pointer", 0);

    let mut covered = route.pseudo_header(Transport::Tcp, len);
    covered.extend(header.bytes());
    covered.extend(message);
    header.fill_checksum(checksum(&covered));
    Some(header)
}

/// Builds the UDP header (RFC 768).
///
/// Returns `None` if header and message are longer than 65535 bytes.
pub fn udp(route: Route, ports: (u16, u16), message: &[u8]) -> Option<Header> {
    let len = u16::try_from(8 + message.len()).ok()?;
    let mut header = Header::default();
    header.u16("Source port", ports.0);
    header.u16("Destination port", ports.1);
    header.u16("Length", len);
    header.field(CHECKSUM, &[0, 0], 0);

    let mut covered = route.pseudo_header(Transport::Udp, len);
    covered.extend(header.bytes());
    covered.extend(message);
    // Zero on the wire means "no checksum", so a sum of zero travels as ffff.
    header.fill_checksum(match checksum(&covered) {
        0 => 0xffff,
        sum => sum,
    });
    Some(header)
}

/// One piece of a packet that was too long for its link.
#[derive(Clone, Copy, Debug)]
pub struct Fragment {
    /// Where this piece begins in the whole, in bytes; a multiple of 8.
    pub offset: usize,
    /// How many bytes of the whole it carries.
    pub len: usize,
    /// Whether more pieces follow.
    pub more: bool,
}

/// Cuts `len` bytes into pieces that fit a link that carries packets of `mtu` bytes.
///
/// A packet that fits is one piece. The length of all pieces but the last is a multiple
/// of 8, since the offset field counts in units of 8 bytes (RFC 791 §3.1, RFC 8200 §4.5).
pub fn fragments(route: Route, len: usize, mtu: usize) -> Vec<Fragment> {
    let (header, extra) = match route {
        Route::V4(..) => (20, 0),
        Route::V6(..) => (40, 8),
    };
    let fits = header + len <= mtu;
    let room = mtu.saturating_sub(header + extra) / 8 * 8;
    let step = if fits { len } else { room }.max(8);
    (0..len)
        .step_by(step)
        .map(|offset| Fragment {
            offset,
            len: step.min(len - offset),
            more: offset + step < len,
        })
        .collect()
}

/// What both IP headers say besides the addresses.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// From where to where.
    pub route: Route,
    /// What the packet carries.
    pub transport: Transport,
    /// How many routers may pass it on.
    pub ttl: u8,
}

/// Builds the IPv4 or IPv6 header of one fragment, for IPv6 with its fragment header.
///
/// Returns `None` if a length or an offset does not fit its field.
pub fn ip(network: Network, piece: Fragment) -> Option<Header> {
    match network.route {
        Route::V4(from, to) => ipv4(network, piece, from, to),
        Route::V6(from, to) => ipv6(network, piece, from, to),
    }
}

/// RFC 791 §3.1.
fn ipv4(
    network: Network,
    piece: Fragment,
    from: Ipv4Addr,
    to: Ipv4Addr,
) -> Option<Header> {
    let total = u16::try_from(20 + piece.len).ok()?;
    // A receiver joins no packet of more than 65535 bytes.
    let end = u16::try_from(20 + piece.offset + piece.len).ok()?;
    let units = (end - total) / 8;
    let whole = piece.offset == 0 && !piece.more;
    // The three bits above the offset: reserved, don't fragment, more fragments.
    let (bits, flags) = match (whole, piece.more) {
        (true, _) => (0x4000, "DF (don't fragment)"),
        (false, true) => (0x2000, "MF (more fragments)"),
        (false, false) => (0, "no flag"),
    };
    let mut header = Header::default();
    header.field("Version, IHL", &[0x45], "version 4, 20 bytes (5 words)");
    header.field("DSCP, ECN", &[0], "0, 0");
    header.u16("Total length", total);
    header.field("Identification", &IDENTIFICATION.to_be_bytes(), "0x1c46");
    let offset = format!("{flags}, offset {}", piece.offset);
    header.field(
        "Flags, fragment offset",
        &(bits | units).to_be_bytes(),
        offset,
    );
    header.field("TTL", &[network.ttl], network.ttl);
    protocol(&mut header, "Protocol", network.transport);
    header.field(CHECKSUM, &[0, 0], 0);
    header.field("Source address", &from.octets(), from);
    header.field("Destination address", &to.octets(), to);
    // Only the header: TCP and UDP protect the rest.
    header.fill_checksum(checksum(&header.bytes()));
    Some(header)
}

/// All fragments of one packet carry the same number.
const IDENTIFICATION: u16 = 0x1c46;

/// RFC 8200 §3 and, when the packet was cut, §4.5.
fn ipv6(
    network: Network,
    piece: Fragment,
    from: Ipv6Addr,
    to: Ipv6Addr,
) -> Option<Header> {
    let whole = piece.offset == 0 && !piece.more;
    let len = u16::try_from(piece.len + if whole { 0 } else { 8 }).ok()?;
    let mut header = Header::default();
    let first = [0x60, 0, 0, 0];
    header.field(
        "Version, class, flow label",
        &first,
        "version 6, class 0, flow 0",
    );
    header.u16("Payload length", len);
    if whole {
        protocol(&mut header, "Next header", network.transport);
    } else {
        header.field("Next header", &[44], "44 (fragment header)");
    }
    header.field("Hop limit", &[network.ttl], network.ttl);
    header.field("Source address", &from.octets(), from);
    header.field("Destination address", &to.octets(), to);
    if !whole {
        let offset = u16::try_from(piece.offset).ok()? | u16::from(piece.more);
        let more = if piece.more { ", more follow" } else { "" };
        protocol(&mut header, "Next header", network.transport);
        header.field("Reserved", &[0], 0);
        let meaning = format!("offset {}{more}", piece.offset);
        header.field("Fragment offset, M", &offset.to_be_bytes(), meaning);
        let number = u32::from(IDENTIFICATION).to_be_bytes();
        header.field("Identification", &number, "0x00001c46");
    }
    Some(header)
}

fn protocol(header: &mut Header, field: &'static str, transport: Transport) {
    let meaning = format!("{} ({})", transport.number(), transport.name());
    header.field(field, &[transport.number()], meaning);
}

/// Builds the Ethernet header (IEEE 802.3 §3.1, with the type of RFC 894 or RFC 2464).
pub fn ethernet(route: Route) -> Header {
    let (number, name) = match route {
        Route::V4(..) => (0x0800_u16, "IPv4"),
        Route::V6(..) => (0x86dd, "IPv6"),
    };
    let mut header = Header::default();
    // The second bit of the first byte: given by us, not by a manufacturer.
    let from = [2, 0, 0, 0, 0, 1];
    let to = destination_mac(route);
    header.field("Destination MAC", &to, mac(to));
    header.field("Source MAC", &from, mac(from));
    header.field(
        "EtherType",
        &number.to_be_bytes(),
        format!("{number:#06x} ({name})"),
    );
    header
}

/// Returns whom the frame is for: one station, or all that listen to a group.
fn destination_mac(route: Route) -> [u8; 6] {
    match route {
        Route::V4(_, to) if to.is_broadcast() => [0xff; 6],
        // The last 23 bits of the group (RFC 1112 §6.4), so 32 groups share an address.
        Route::V4(_, to) if to.is_multicast() => {
            let [_, b, c, d] = to.octets();
            [0x01, 0x00, 0x5e, b & 0x7f, c, d]
        }
        // The last 32 bits of the group (RFC 2464 §7).
        Route::V6(_, to) if to.is_multicast() => {
            let [.., a, b, c, d] = to.octets();
            [0x33, 0x33, a, b, c, d]
        }
        _ => [2, 0, 0, 0, 0, 2],
    }
}

fn mac([a, b, c, d, e, f]: [u8; 6]) -> String {
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route() -> Route {
        Route::V4([192, 168, 0, 1].into(), [192, 168, 0, 199].into())
    }

    #[test]
    fn a_group_has_a_mac_of_its_own() {
        for (to, destination) in [
            ("192.168.0.7", "02:00:00:00:00:02"),
            ("255.255.255.255", "ff:ff:ff:ff:ff:ff"),
            ("224.0.0.1", "01:00:5e:00:00:01"),
            ("239.255.42.99", "01:00:5e:7f:2a:63"),
        ] {
            let route = Route::V4([192, 168, 0, 1].into(), to.parse().unwrap());
            assert_eq!(mac(destination_mac(route)), destination, "{to}");
        }
        for (to, destination) in [
            ("fe80::7", "02:00:00:00:00:02"),
            ("ff02::1:ff00:7", "33:33:ff:00:00:07"),
        ] {
            let route = Route::V6("fe80::1".parse().unwrap(), to.parse().unwrap());
            assert_eq!(mac(destination_mac(route)), destination, "{to}");
        }
    }

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        // RFC 1071 §3: the sum of these words is ddf2, the checksum its complement.
        let words = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&words), !0xddf2);
        assert_eq!(checksum(&[]), 0xffff);
    }

    #[test]
    fn a_last_odd_byte_is_a_high_half() {
        assert_eq!(checksum(&[0x12, 0x34, 0x56]), !(0x1234 + 0x5600));
    }

    #[test]
    fn whoever_sums_a_good_packet_gets_zero() {
        for len in 0..70 {
            let message = vec![0xa7; len];
            for transport in [Transport::Tcp, Transport::Udp] {
                let header = match transport {
                    Transport::Tcp => tcp(route(), (50000, 80), &message),
                    Transport::Udp => udp(route(), (50000, 80), &message),
                }
                .unwrap();
                let mut bytes = header.bytes();
                bytes.extend(&message);
                let total = u16::try_from(bytes.len()).unwrap();
                let mut covered = route().pseudo_header(transport, total);
                covered.extend(bytes);
                assert_eq!(checksum(&covered), 0, "{transport:?} with {len} bytes");
            }
        }
    }

    #[test]
    fn a_udp_sum_of_zero_travels_as_ffff() {
        // 16 bits decide the sum: one of all two-byte messages brings it to zero.
        let sums = (0..=u16::MAX).map(|message| {
            let header = udp(route(), (1, 2), &message.to_be_bytes()).unwrap();
            header.fields[3].bytes.clone()
        });
        let mut sums: Vec<_> = sums.collect();
        sums.sort();
        assert_eq!(sums.first().unwrap(), &[0, 1]);
        assert_eq!(sums.last().unwrap(), &[0xff, 0xff]);
    }

    #[test]
    fn fragments_join_without_gap_and_fit_the_link() {
        for (len, mtu) in [(8, 68), (100, 68), (1480, 1500), (1481, 1500), (65515, 576)] {
            let pieces = fragments(route(), len, mtu);
            let mut next = 0;
            for piece in &pieces {
                assert_eq!(piece.offset, next);
                assert!(piece.len + 20 <= mtu);
                next += piece.len;
                assert_eq!(piece.more, next < len);
                assert!(!piece.more || piece.len % 8 == 0);
            }
            assert_eq!(next, len);
        }
    }

    #[test]
    fn what_is_too_long_for_its_field_is_refused() {
        assert!(udp(route(), (1, 2), &vec![0; 65527]).is_some());
        assert!(udp(route(), (1, 2), &vec![0; 65528]).is_none());
        assert!(tcp(route(), (1, 2), &vec![0; 65516]).is_none());
    }
}
