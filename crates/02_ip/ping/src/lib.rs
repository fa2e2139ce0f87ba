//! ICMP echo messages (RFC 792, RFC 4443), and what their round trips tell. No I/O.

pub mod statistics;

/// The 8 bytes in front of the data of every echo message.
pub const HEADER_LEN: usize = 8;

/// Which ICMP: the types have other numbers in IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// RFC 792: echo is type 8, its reply type 0.
    V4,
    /// RFC 4443 §4: echo request is type 128, its reply type 129.
    V6,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// An echo reply: identifier, sequence number, the data of the request.
    EchoReply(u16, u16, &'a [u8]),
    /// A router or host could not deliver a packet: type, code, the packet's beginning.
    Error(u8, u8, &'a [u8]),
    /// Something else, such as our own request on the loopback interface.
    Other,
}

/// Builds an echo request: type, code, checksum, identifier, sequence number, data.
///
/// For ICMPv6 the checksum stays zero: it covers the addresses too, which the kernel
/// fills in (RFC 3542 §3.1).
pub fn echo_request(version: Version, id: u16, sequence: u16, data: &[u8]) -> Vec<u8> {
    let kind = match version {
        Version::V4 => 8,
        Version::V6 => 128,
    };
    let mut rest = Vec::from(id.to_be_bytes());
    rest.extend(sequence.to_be_bytes());
    rest.extend(data);
    let sum = match version {
        Version::V4 => checksum(&[&[kind, 0, 0, 0][..], &rest].concat()),
        Version::V6 => 0,
    };
    [&[kind, 0][..], &sum.to_be_bytes(), &rest].concat()
}

/// The ones' complement of the ones' complement sum of all 16-bit words (RFC 1071).
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for pair in bytes.chunks(2) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([high, low]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).map_or(0, |sum| !sum)
}

/// Takes the IPv4 header off a packet, if it has one: raw sockets deliver it, datagram
/// sockets of Linux do not. No ICMP message that we read begins with a 4. An IPv6 header
/// is never delivered (RFC 3542 §3).
///
/// Returns the TTL, if there was a header, and the message.
pub fn without_ip_header(version: Version, packet: &[u8]) -> (Option<u8>, &[u8]) {
    match (version, packet.first()) {
        (Version::V4, Some(first)) if first >> 4 == 4 => {
            let header_len = usize::from(first & 0x0f) * 4;
            let message = packet.get(header_len..).unwrap_or_default();
            (packet.get(8).copied(), message)
        }
        _ => (None, packet),
    }
}

/// Decodes a message; what is cut or broken is `Other`.
pub fn decode(version: Version, message: &[u8]) -> Message<'_> {
    let Some((header, data)) = message.split_first_chunk::<HEADER_LEN>() else {
        return Message::Other;
    };
    let [
        kind,
        code,
        _,
        _,
        id_high,
        id_low,
        sequence_high,
        sequence_low,
    ] = *header;
    match (version, kind) {
        // The kernel has tested the checksum of ICMPv6.
        (Version::V4, 0) if checksum(message) != 0 => Message::Other,
        (Version::V4, 0) | (Version::V6, 129) => Message::EchoReply(
            u16::from_be_bytes([id_high, id_low]),
            u16::from_be_bytes([sequence_high, sequence_low]),
            data,
        ),
        (Version::V4, 3 | 11 | 12) | (Version::V6, 1..=4) => {
            Message::Error(kind, code, data)
        }
        _ => Message::Other,
    }
}

/// Tells whether a packet that came back in an error message was the request with this
/// identifier and sequence number.
pub fn is_request(version: Version, packet: &[u8], id: u16, sequence: u16) -> bool {
    let header_len = match (version, packet.first()) {
        (Version::V4, Some(first)) => usize::from(first & 0x0f) * 4,
        _ => 40,
    };
    let request = echo_request(version, id, sequence, &[]);
    let fields = (request.first_chunk::<2>(), request.get(4..));
    match packet.get(header_len..) {
        Some(message) => (message.first_chunk(), message.get(4..8)) == fields,
        None => false,
    }
}

/// Returns what an error message says.
pub fn error_text(version: Version, kind: u8, code: u8) -> &'static str {
    match (version, kind, code) {
        (Version::V4, 3, 0) => "network unreachable",
        (Version::V4, 3, 1) => "host unreachable",
        (Version::V4, 3, 2) => "protocol unreachable",
        (Version::V4, 3, 4) => "packet too big",
        (Version::V4, 3, _) => "destination unreachable",
        (Version::V4, 11, _) | (Version::V6, 3, _) => "TTL exceeded on the way",
        (Version::V6, 1, 0) => "no route",
        (Version::V6, 1, 3) => "host unreachable",
        (Version::V6, 1, _) => "destination unreachable",
        (Version::V6, 2, _) => "packet too big",
        _ => "bad packet",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_its_fields_where_the_rfc_says() {
        let request = echo_request(Version::V4, 0x1234, 7, b"abc");
        assert_eq!(request[..2], [8, 0]);
        assert_eq!(request[4..], *b"\x12\x34\x00\x07abc");
        assert_eq!(checksum(&request), 0);
        let request = echo_request(Version::V6, 0x1234, 7, b"abc");
        assert_eq!(request, *b"\x80\x00\x00\x00\x12\x34\x00\x07abc");
    }

    #[test]
    fn a_reply_brings_the_data_back() {
        // The reply of a request differs in its type, and by as much in its checksum.
        let mut reply = echo_request(Version::V4, 0xbeef, 3, b"data");
        reply[0] = 0;
        reply[2] += 8;
        let wanted = Message::EchoReply(0xbeef, 3, b"data");
        assert_eq!(decode(Version::V4, &reply), wanted);

        let mut packet = vec![0x45, 0, 0, 32, 0, 0, 0, 0, 57, 1, 0, 0];
        packet.extend([127, 0, 0, 1, 127, 0, 0, 1]);
        packet.extend(&reply);
        let (ttl, message) = without_ip_header(Version::V4, &packet);
        assert_eq!(ttl, Some(57));
        assert_eq!(decode(Version::V4, message), wanted);
        assert_eq!(without_ip_header(Version::V4, &reply), (None, &reply[..]));
    }

    #[test]
    fn what_is_broken_or_foreign_is_no_reply() {
        let request = echo_request(Version::V4, 1, 1, b"");
        assert_eq!(decode(Version::V4, &request), Message::Other);
        let mut reply = request;
        reply[0] = 0; // The checksum is wrong now.
        assert_eq!(decode(Version::V4, &reply), Message::Other);
        assert_eq!(decode(Version::V4, &reply[..7]), Message::Other);
        assert_eq!(
            without_ip_header(Version::V4, &[0x4f, 0, 0]),
            (None, &[][..])
        );
    }

    #[test]
    fn an_error_names_the_request_that_it_is_about() {
        let mut error = vec![11, 0, 0, 0, 0, 0, 0, 0];
        let mut original = vec![0x45];
        original.resize(20, 0);
        original.extend(echo_request(Version::V4, 9, 5, b"data"));
        error.extend(&original);
        let wanted = Message::Error(11, 0, &original);
        assert_eq!(decode(Version::V4, &error), wanted);
        assert!(is_request(Version::V4, &original, 9, 5));
        assert!(!is_request(Version::V4, &original, 9, 6));
        assert!(!is_request(Version::V4, &original, 8, 5));
        assert!(!is_request(Version::V4, &original[..27], 9, 5));
    }
}
