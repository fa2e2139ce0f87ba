//! The IPv4 header (RFC 791 §3.1).

use std::net::Ipv4Addr;

use crate::{DecodeError, u16_at};

/// The fields of an IPv4 header, as they stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv4Header {
    /// Header length in words of 4 bytes, 5 to 15.
    pub ihl: u8,
    /// Class of service, 6 bits (RFC 2474).
    pub dscp: u8,
    /// Congestion notification, 2 bits (RFC 3168).
    pub ecn: u8,
    /// Header and payload, in bytes.
    pub total_length: u16,
    /// The same in all fragments of one packet.
    pub identification: u16,
    /// The bit that must be zero.
    pub reserved: bool,
    /// Routers may not cut this packet.
    pub dont_fragment: bool,
    /// This is not the last fragment.
    pub more_fragments: bool,
    /// Where this fragment's payload begins in the whole, in units of 8 bytes, 13 bits.
    pub fragment_offset: u16,
    /// How many routers may still pass it on.
    pub ttl: u8,
    /// What the payload is.
    pub protocol: u8,
    /// The checksum as it stands in the header.
    pub checksum: u16,
    /// Whether the header sums to zero with it, as a router tests it.
    pub checksum_good: bool,
    /// The checksum that this header should have.
    pub right_checksum: u16,
    /// The sender.
    pub source: Ipv4Addr,
    /// The receiver.
    pub destination: Ipv4Addr,
    /// The options up to "end of options".
    pub options: Vec<Ipv4Option>,
}

/// One option of an IPv4 header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv4Option {
    /// Its number: copy bit, class, number.
    pub kind: u8,
    /// What follows its type and length.
    pub data: Vec<u8>,
}

impl Ipv4Header {
    /// Returns the length of the header in bytes.
    pub fn len(&self) -> usize {
        usize::from(self.ihl) * 4
    }

    /// Never: a header has at least 20 bytes.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Returns the header as it travels, with the right checksum, the options given as
    /// bytes: they are filled up with zeros to `ihl` words.
    pub fn to_bytes(&self, options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x40 | self.ihl, self.dscp << 2 | self.ecn];
        bytes.extend(self.total_length.to_be_bytes());
        bytes.extend(self.identification.to_be_bytes());
        let flags = [self.reserved, self.dont_fragment, self.more_fragments];
        let flags = flags
            .iter()
            .fold(0, |bits, flag| bits << 1 | u16::from(*flag));
        bytes.extend((flags << 13 | self.fragment_offset).to_be_bytes());
        bytes.extend([self.ttl, self.protocol]);
        // The checksum is computed over the header with a zero in its place.
        let (before, mut after) = (bytes, Vec::new());
        after.extend(self.source.octets());
        after.extend(self.destination.octets());
        after.extend(options);
        after.resize(self.len().saturating_sub(12), 0);
        let sum = checksum(&[&before[..], &[0, 0], &after].concat());
        [&before[..], &sum.to_be_bytes(), &after].concat()
    }
}

/// The ones' complement of the ones' complement sum of all 16-bit words (RFC 1071).
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u32;
    for at in (0..bytes.len()).step_by(2) {
        sum += u32::from(u16_at(bytes, at));
        // What falls out at the top comes back in at the bottom.
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).map_or(0, |sum| !sum)
}

pub(crate) fn decode(packet: &[u8]) -> Result<Ipv4Header, DecodeError> {
    let short = |needed| DecodeError::Short("an IPv4 header", needed, packet.len());
    let Some(fixed) = packet.first_chunk::<20>() else {
        return Err(short(20));
    };
    let [
        first,
        service,
        _,
        _,
        _,
        _,
        _,
        _,
        ttl,
        protocol,
        _,
        _,
        addrs @ ..,
    ] = *fixed;
    let [s1, s2, s3, s4, d1, d2, d3, d4] = addrs;
    let ihl = first & 0x0f;
    if ihl < 5 {
        return Err(DecodeError::Ihl(ihl));
    }
    let len = usize::from(ihl) * 4;
    let header = packet.get(..len).ok_or(short(len))?;
    let total_length = u16_at(header, 2);
    if usize::from(total_length) < len {
        return Err(DecodeError::TotalLength(total_length, len));
    }
    let flags_and_offset = u16_at(header, 6);
    let mut zeroed = header.to_vec();
    if let Some(field) = zeroed.get_mut(10..12) {
        field.fill(0);
    }
    Ok(Ipv4Header {
        ihl,
        dscp: service >> 2,
        ecn: service & 0b11,
        total_length,
        identification: u16_at(header, 4),
        reserved: flags_and_offset & 0x8000 != 0,
        dont_fragment: flags_and_offset & 0x4000 != 0,
        more_fragments: flags_and_offset & 0x2000 != 0,
        fragment_offset: flags_and_offset & 0x1fff,
        ttl,
        protocol,
        checksum: u16_at(header, 10),
        checksum_good: checksum(header) == 0,
        right_checksum: checksum(&zeroed),
        source: Ipv4Addr::new(s1, s2, s3, s4),
        destination: Ipv4Addr::new(d1, d2, d3, d4),
        options: options(header.get(20..).unwrap_or_default())?,
    })
}

/// Types 0 and 1 are a single byte; all others carry their length, which counts the type
/// and itself too.
fn options(mut bytes: &[u8]) -> Result<Vec<Ipv4Option>, DecodeError> {
    let mut options = Vec::new();
    while let Some((&kind, rest)) = bytes.split_first() {
        let len = match (kind, rest.first()) {
            (0, _) => break, // What follows is padding.
            (1, _) => 1,
            (_, Some(&len)) => usize::from(len).max(2),
            (_, None) => return Err(DecodeError::OptionLength(kind, 0, 1)),
        };
        let said = rest.first().copied().map_or(0, usize::from);
        let wrong = DecodeError::OptionLength(kind, said, bytes.len());
        if kind != 1 && said < 2 {
            return Err(wrong);
        }
        let (option, next) = bytes.split_at_checked(len).ok_or(wrong)?;
        let data = option.get(2..).unwrap_or_default().to_vec();
        options.push(Ipv4Option { kind, data });
        bytes = next;
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IpHeader, from_hex};

    /// A header whose checksum was computed by hand on the sheet.
    const EXAMPLE: &str = "4500003c 1c464000 4006b1e6 ac100a63 ac100a0c";

    fn example() -> Vec<u8> {
        from_hex(EXAMPLE).unwrap()
    }

    fn v4(bytes: &[u8]) -> Ipv4Header {
        match crate::decode(bytes) {
            Ok(IpHeader::V4(header)) => header,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_fields_stand_where_the_rfc_says() {
        let header = v4(&example());
        assert_eq!((header.ihl, header.total_length), (5, 60));
        assert_eq!(header.identification, 0x1c46);
        assert!(header.dont_fragment && !header.more_fragments && !header.reserved);
        assert_eq!((header.ttl, header.protocol), (64, 6));
        assert_eq!((header.checksum, header.right_checksum), (0xb1e6, 0xb1e6));
        assert!(header.checksum_good);
        assert_eq!(header.source.to_string(), "172.16.10.99");
        assert_eq!(header.destination.to_string(), "172.16.10.12");
        assert_eq!(header.to_bytes(&[]), example());
    }

    #[test]
    fn any_changed_byte_makes_the_checksum_bad() {
        for at in 4..20 {
            let mut bytes = example();
            bytes[at] ^= 0x10;
            let header = v4(&bytes);
            assert!(!header.checksum_good, "byte {at}");
        }
    }

    #[test]
    fn a_header_cut_anywhere_is_refused() {
        for len in 1..20 {
            let wanted = DecodeError::Short("an IPv4 header", 20, len);
            assert_eq!(crate::decode(&example()[..len]), Err(wanted));
        }
        assert_eq!(crate::decode(&[]), Err(DecodeError::Empty));
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        let changed = |at: usize, value: u8| {
            let mut bytes = example();
            bytes[at] = value;
            crate::decode(&bytes)
        };
        assert_eq!(changed(0, 0x44), Err(DecodeError::Ihl(4)));
        assert_eq!(changed(0, 0x55), Err(DecodeError::Version(5)));
        assert_eq!(changed(3, 19), Err(DecodeError::TotalLength(19, 20)));
        let short = DecodeError::Short("an IPv4 header", 24, 20);
        assert_eq!(changed(0, 0x46), Err(short));
    }

    #[test]
    fn options_end_where_their_lengths_say() {
        let with = |options: &[u8]| {
            let mut header = v4(&example());
            header.ihl = 6;
            crate::decode(&header.to_bytes(options))
        };
        let Ok(IpHeader::V4(header)) = with(&[1, 148, 2, 0]) else {
            panic!("no operation and an empty router alert are options");
        };
        let kinds: Vec<u8> = header.options.iter().map(|o| o.kind).collect();
        assert_eq!(kinds, [1, 148]);
        assert!(header.checksum_good);
        let wrong = |said, left| Err(DecodeError::OptionLength(7, said, left));
        assert_eq!(with(&[7, 5, 4, 0]), wrong(5, 4));
        assert_eq!(with(&[1, 7, 1, 0]), wrong(1, 3));
        assert_eq!(with(&[1, 1, 1, 7]), wrong(0, 1));
        let said = with(&[1, 1, 1, 7]).unwrap_err().to_string();
        assert!(said.ends_with("its length is missing"), "{said}");
    }
}
