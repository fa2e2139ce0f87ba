//! The IPv6 header and the extension headers behind it (RFC 8200 §3, §4).

use std::net::Ipv6Addr;

use crate::{DecodeError, u16_at};

/// The fields of an IPv6 header, and the extension headers that follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv6Header {
    /// Class of service, 6 bits.
    pub dscp: u8,
    /// Congestion notification, 2 bits.
    pub ecn: u8,
    /// Marks the packets of one flow, 20 bits (RFC 6437).
    pub flow_label: u32,
    /// All that follows these 40 bytes, extension headers too.
    pub payload_length: u16,
    /// What the payload begins with: an extension header or the transport protocol.
    pub next_header: u8,
    /// How many routers may still pass it on.
    pub hop_limit: u8,
    /// The sender.
    pub source: Ipv6Addr,
    /// The receiver.
    pub destination: Ipv6Addr,
    /// The extension headers, in order.
    pub extensions: Vec<Extension>,
    /// What follows the last extension header.
    pub upper_layer: u8,
}

/// One extension header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its own number: the next-header field of the header before it.
    pub number: u8,
    /// The number of what follows it.
    pub next_header: u8,
    /// All its bytes, next-header field first.
    pub bytes: Vec<u8>,
}

impl Extension {
    /// Returns offset in bytes, "more fragments" and identification of a fragment header.
    pub fn fragment(&self) -> Option<(u16, bool, u32)> {
        if self.number != 44 {
            return None;
        }
        let offset_and_more = u16_at(&self.bytes, 2);
        let identification = self.bytes.get(4..)?.first_chunk()?;
        Some((
            offset_and_more & 0xfff8,
            offset_and_more & 1 != 0,
            u32::from_be_bytes(*identification),
        ))
    }
}

impl Ipv6Header {
    /// Returns the length of the header and its extension headers in bytes.
    pub fn len(&self) -> usize {
        40 + self.extensions.iter().map(|e| e.bytes.len()).sum::<usize>()
    }

    /// Never: a header has at least 40 bytes.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Returns the first 40 bytes as they travel.
    pub fn to_bytes(&self) -> Vec<u8> {
        let class = u32::from(self.dscp << 2 | self.ecn);
        let mut bytes =
            Vec::from((6 << 28 | class << 20 | self.flow_label).to_be_bytes());
        bytes.extend(self.payload_length.to_be_bytes());
        bytes.extend([self.next_header, self.hop_limit]);
        bytes.extend(self.source.octets());
        bytes.extend(self.destination.octets());
        bytes
    }
}

pub(crate) fn decode(packet: &[u8]) -> Result<Ipv6Header, DecodeError> {
    let Some((fixed, payload)) = packet.split_first_chunk::<40>() else {
        return Err(DecodeError::Short("an IPv6 header", 40, packet.len()));
    };
    let [a, b, c, d, _, _, next_header, hop_limit, addrs @ ..] = *fixed;
    let first_word = u32::from_be_bytes([a, b, c, d]);
    let [class, ..] = (first_word << 4).to_be_bytes();
    let (source, destination) = addrs.split_at(16);
    let (extensions, upper_layer) = extensions(next_header, payload)?;
    let header = Ipv6Header {
        dscp: class >> 2,
        ecn: class & 0b11,
        flow_label: first_word & 0x000f_ffff,
        payload_length: u16_at(fixed, 4),
        next_header,
        hop_limit,
        source: addr(source),
        destination: addr(destination),
        extensions,
        upper_layer,
    };
    let extension_len = header.len() - 40;
    // Zero stands for a length that a hop-by-hop option gives (RFC 2675).
    let jumbo = header.payload_length == 0 && header.next_header == 0;
    if extension_len > usize::from(header.payload_length) && !jumbo {
        let payload_length = header.payload_length;
        return Err(DecodeError::PayloadLength(payload_length, extension_len));
    }
    Ok(header)
}

fn addr(bytes: &[u8]) -> Ipv6Addr {
    bytes
        .first_chunk::<16>()
        .map_or(Ipv6Addr::UNSPECIFIED, |octets| Ipv6Addr::from(*octets))
}

/// Follows the chain: each header names the next one in its first byte.
fn extensions(first: u8, mut bytes: &[u8]) -> Result<(Vec<Extension>, u8), DecodeError> {
    let mut number = first;
    let mut extensions = Vec::new();
    // A further fragment carries the middle of something: no header begins there.
    let mut in_the_middle = false;
    while is_extension(number) && !in_the_middle {
        let &[next_header, len_field, ..] = bytes else {
            return Err(DecodeError::Short("an extension header", 8, bytes.len()));
        };
        let len = match number {
            44 => 8,                                // §4.5: always the same
            51 => (usize::from(len_field) + 2) * 4, // RFC 4302 §2.2: words of 4
            _ => (usize::from(len_field) + 1) * 8,  // §4.3: words of 8 after the first
        };
        let short = DecodeError::Short("an extension header", len, bytes.len());
        let (extension, rest) = bytes.split_at_checked(len).ok_or(short)?;
        let extension = Extension {
            number,
            next_header,
            bytes: extension.to_vec(),
        };
        in_the_middle = extension.fragment().is_some_and(|(offset, ..)| offset > 0);
        extensions.push(extension);
        (number, bytes) = (next_header, rest);
    }
    Ok((extensions, number))
}

/// Hop-by-hop, routing, fragment, authentication, destination, mobility, HIP, Shim6.
/// What ESP (50) holds is encrypted: the chain ends there.
fn is_extension(number: u8) -> bool {
    matches!(number, 0 | 43 | 44 | 51 | 60 | 135 | 139 | 140)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IpHeader;

    /// A header with this next header, and these bytes behind it.
    fn packet(next_header: u8, payload: &[u8]) -> Vec<u8> {
        let header = Ipv6Header {
            dscp: 46,
            ecn: 1,
            flow_label: 0xabcde,
            payload_length: u16::try_from(payload.len()).unwrap(),
            next_header,
            hop_limit: 64,
            source: "2001:db8::1".parse().unwrap(),
            destination: "ff02::1".parse().unwrap(),
            extensions: Vec::new(),
            upper_layer: next_header,
        };
        [header.to_bytes(), payload.to_vec()].concat()
    }

    fn v6(bytes: &[u8]) -> Ipv6Header {
        match crate::decode(bytes) {
            Ok(IpHeader::V6(header)) => header,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_fields_stand_where_the_rfc_says() {
        let header = v6(&packet(17, &[1, 2, 3]));
        assert_eq!((header.dscp, header.ecn), (46, 1));
        assert_eq!(header.flow_label, 0xabcde);
        assert_eq!((header.payload_length, header.hop_limit), (3, 64));
        assert_eq!(header.source.to_string(), "2001:db8::1");
        assert_eq!(header.destination.to_string(), "ff02::1");
        assert_eq!((header.upper_layer, header.len()), (17, 40));
        assert_eq!(header.to_bytes(), packet(17, &[1, 2, 3])[..40]);
    }

    #[test]
    fn extension_headers_are_followed_to_the_upper_layer() {
        let hop_by_hop = [44, 0, 5, 2, 0, 0, 1, 0];
        let fragment = [60, 0, 0, 1, 0, 0, 0, 7];
        let destination = [6, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let payload = [&hop_by_hop[..], &fragment, &destination, &[0xff; 20]].concat();
        let header = v6(&packet(0, &payload));
        let lens: Vec<_> = header.extensions.iter().map(|e| e.bytes.len()).collect();
        assert_eq!(lens, [8, 8, 16]);
        assert_eq!(header.extensions[1].fragment(), Some((0, true, 7)));
        assert_eq!((header.upper_layer, header.len()), (6, 72));
    }

    #[test]
    fn behind_a_later_fragment_no_header_is_looked_for() {
        let header = v6(&packet(44, &[60, 0, 0, 8, 0, 0, 0, 7, 0xff, 0xff]));
        assert_eq!(header.extensions.len(), 1);
        assert_eq!(header.extensions[0].fragment(), Some((8, false, 7)));
        assert_eq!(header.upper_layer, 60);
    }

    #[test]
    fn what_is_cut_is_refused() {
        let whole = packet(0, &[6, 0, 1, 4, 0, 0, 0, 0]);
        for len in 1..48 {
            let error = crate::decode(&whole[..len]).unwrap_err();
            assert!(matches!(error, DecodeError::Short(..)), "{len}: {error}");
        }
        let error = crate::decode(&packet(0, &[6, 1, 0, 0, 0, 0, 0, 0])).unwrap_err();
        assert_eq!(error, DecodeError::Short("an extension header", 16, 8));
    }

    #[test]
    fn extension_headers_longer_than_the_payload_are_refused() {
        let mut bytes = packet(60, &[6, 0, 1, 4, 0, 0, 0, 0]);
        bytes[5] = 7;
        let error = crate::decode(&bytes).unwrap_err();
        assert_eq!(error, DecodeError::PayloadLength(7, 8));
    }
}
