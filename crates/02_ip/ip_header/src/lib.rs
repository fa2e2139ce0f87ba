//! IP headers: bytes in, fields out, and back (RFC 791 §3.1, RFC 8200 §3 and §4). No I/O.

mod hex;
mod names;
mod v4;
mod v6;

use std::error::Error;
use std::fmt;

pub use hex::{HexError, from_hex, to_hex};
pub use names::{dscp_name, ecn_name, option_name, protocol_name};
pub use v4::{Ipv4Header, Ipv4Option, checksum};
pub use v6::{Extension, Ipv6Header};

/// A decoded header of either version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IpHeader {
    /// RFC 791.
    V4(Ipv4Header),
    /// RFC 8200.
    V6(Ipv6Header),
}

/// Decodes the header at the beginning of a packet, with its options or extension headers.
///
/// What follows the header may be there, cut or missing.
///
/// # Errors
///
/// Names the first rule of the RFC that the bytes break.
pub fn decode(packet: &[u8]) -> Result<IpHeader, DecodeError> {
    // The first four bits of both versions say which it is.
    match packet.first().map(|byte| byte >> 4) {
        None => Err(DecodeError::Empty),
        Some(4) => v4::decode(packet).map(IpHeader::V4),
        Some(6) => v6::decode(packet).map(IpHeader::V6),
        Some(version) => Err(DecodeError::Version(version)),
    }
}

/// Why bytes are no IP header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// There is no byte at all.
    Empty,
    /// The version is neither 4 nor 6.
    Version(u8),
    /// The header ends early: what is cut, the bytes it needs, the bytes that are there.
    Short(&'static str, usize, usize),
    /// The header length field counts fewer than the 5 words that every header has.
    Ihl(u8),
    /// The total length (first) is smaller than the header (second).
    TotalLength(u16, usize),
    /// An option says that it has this many bytes, which is less than 2 or more than
    /// the header has left: its type, its length, what is left.
    OptionLength(u8, usize, usize),
    /// The extension headers (second) are longer than the payload length (first).
    PayloadLength(u16, usize),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Empty => {
                write!(f, "there are no bytes: give the header in hexadecimal")
            }
            DecodeError::Version(version) => write!(
                f,
                "the version is {version}: an IP header begins with 4 or 6 (of an \
                 Ethernet frame leave out the first 14 bytes)"
            ),
            DecodeError::Short(what, needed, given) => {
                write!(f, "{what} needs {needed} bytes, but only {given} are here")
            }
            DecodeError::Ihl(words) => write!(
                f,
                "the header length is {words} words, but an IPv4 header has at least 5"
            ),
            DecodeError::TotalLength(total, header) => write!(
                f,
                "the total length is {total} bytes, but the header alone has {header}"
            ),
            DecodeError::OptionLength(kind, _, ..2) => write!(
                f,
                "option {kind} stands in the last byte of the header: its length is missing"
            ),
            DecodeError::OptionLength(kind, len, left) => write!(
                f,
                "option {kind} says that it has {len} bytes, but it can have 2 to {left}"
            ),
            DecodeError::PayloadLength(payload, extensions) => write!(
                f,
                "the payload length is {payload} bytes, but the extension headers alone \
                 have {extensions}"
            ),
        }
    }
}

impl Error for DecodeError {}

/// Reads a big-endian number of 16 bits at `at`, or 0 where the bytes end.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |pair| u16::from_be_bytes(*pair))
}
