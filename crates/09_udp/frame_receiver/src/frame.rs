//! A frame from its bytes. Numbers are big-endian, the network's order.
//!
//! ```text
//!  0      4        8       12                  20
//!  | FRM1 | number | total | made at, in µs     | filler … |
//! ```

use std::time::Duration;

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its own number, from 1.
    pub number: u32,
    /// How many frames the stream has.
    pub total: u32,
    /// When it was made, by the sender's clock, since the start of the stream.
    pub made: Duration,
}

/// Reads the header of a frame, or `None` if this is none.
pub fn decode(datagram: &[u8]) -> Option<Frame> {
    let rest = datagram.strip_prefix(b"FRM1")?;
    let (number, rest) = rest.split_first_chunk()?;
    let (total, rest) = rest.split_first_chunk()?;
    let (micros, _filler) = rest.split_first_chunk()?;
    let number = u32::from_be_bytes(*number);
    let total = u32::from_be_bytes(*total);
    let made = Duration::from_micros(u64::from_be_bytes(*micros));
    (1..=total).contains(&number).then_some(Frame {
        number,
        total,
        made,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &[u8] = b"FRM1\0\0\x01\x02\0\0\x03\xe8\0\0\0\0\0\0\x03\xe8..";

    #[test]
    fn a_frame_is_its_fields_in_network_order() {
        let frame = Frame {
            number: 258,
            total: 1000,
            made: Duration::from_millis(1),
        };
        assert_eq!(decode(BYTES), Some(frame));
    }

    #[test]
    fn a_cut_or_foreign_datagram_is_no_frame() {
        for len in 0..20 {
            assert_eq!(decode(&BYTES[..len]), None, "{len} bytes");
        }
        assert_eq!(
            decode(b"FRM2\0\0\x01\x02\0\0\x03\xe8\0\0\0\0\0\0\x03\xe8"),
            None
        );
    }

    #[test]
    fn a_number_beyond_the_total_is_no_frame() {
        assert_eq!(decode(b"FRM1\0\0\0\x02\0\0\0\x01\0\0\0\0\0\0\0\0"), None);
        assert_eq!(decode(b"FRM1\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0"), None);
    }
}
