//! The capture file format of tcpdump and Wireshark (draft-ietf-opsawg-pcap).

use std::time::Duration;

/// Returns a capture file with these Ethernet frames; `time` is since 1970.
pub fn pcap(frames: &[Vec<u8>], time: Duration) -> Vec<u8> {
    let mut file = Vec::new();
    // The magic number also tells the byte order of the numbers that follow.
    file.extend(0xa1b2_c3d4_u32.to_be_bytes());
    for version in [2_u16, 4] {
        file.extend(version.to_be_bytes());
    }
    // Two reserved words, the longest frame, and link type 1: Ethernet.
    for word in [0_u32, 0, 262_144, 1] {
        file.extend(word.to_be_bytes());
    }
    let seconds = u32::try_from(time.as_secs()).unwrap_or(0);
    for frame in frames {
        let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        // When it was seen, then how much is kept here and how long it was.
        for word in [seconds, time.subsec_micros(), len, len] {
            file.extend(word.to_be_bytes());
        }
        file.extend(frame);
    }
    file
}
