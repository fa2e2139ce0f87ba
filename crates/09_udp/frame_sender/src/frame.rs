//! A frame as bytes. Numbers are big-endian, the network's order (RFC 791, appendix B).
//!
//! ```text
//!  0      4        8       12                  20
//!  | FRM1 | number | total | made at, in µs     | filler … |
//! ```

use std::time::Duration;

/// Builds frame `number` of `total`, made so long after the start, `size` bytes in all.
pub fn encode(number: u32, total: u32, made: Duration, size: u16) -> Vec<u8> {
    let micros = u64::try_from(made.as_micros()).unwrap_or(u64::MAX);
    let mut frame = Vec::with_capacity(usize::from(size));
    frame.extend_from_slice(b"FRM1");
    frame.extend_from_slice(&number.to_be_bytes());
    frame.extend_from_slice(&total.to_be_bytes());
    frame.extend_from_slice(&micros.to_be_bytes());
    frame.resize(usize::from(size), b'.'); // What would be sound or a picture.
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_its_fields_in_network_order() {
        let frame = encode(258, 1000, Duration::from_millis(1), 22);
        assert_eq!(frame, b"FRM1\0\0\x01\x02\0\0\x03\xe8\0\0\0\0\0\0\x03\xe8..");
    }
}
