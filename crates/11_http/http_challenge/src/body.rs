//! The body of a request: counted bytes or chunks (RFC 9112 §6 and §7.1).

use crate::request::{Framing, MAX_BODY, RequestError, is_token_char, is_value_char};

/// The most bytes of chunk extensions and trailer fields in one body: they carry
/// nothing that this server wants.
pub const MAX_EXTRAS: usize = 8 * 1024;
/// The most hexadecimal digits of a chunk size: 64 bits.
const MAX_SIZE_DIGITS: u8 = 16;

/// Finds the end of a body in bytes that arrive piece by piece, and counts its content.
#[derive(Clone, Debug)]
pub struct BodyReader {
    state: State,
    content_len: u64,
    extras_len: usize,
}

/// What the next byte must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Content, of which this many bytes are left.
    Counted(u64),
    /// A digit of the chunk size, or what ends it.
    Size { size: u64, digits: u8 },
    /// The white space allowed before a chunk extension.
    BeforeExtension { size: u64 },
    /// The first byte of a chunk extension's name, which must not be missing.
    ExtensionName { size: u64 },
    /// A chunk extension, which is ignored (RFC 9112 §7.1.1).
    Extension { size: u64 },
    /// A quoted string in a chunk extension, which must end before the line does.
    Quoted { size: u64 },
    /// The byte after a backslash in a quoted string (RFC 9110 §5.6.4).
    QuotedPair { size: u64 },
    /// The LF after a chunk size.
    SizeLf { size: u64 },
    /// Data of a chunk, of which this many bytes are left.
    Data(u64),
    /// The CR after a chunk's data.
    DataCr,
    /// The LF after a chunk's data.
    DataLf,
    /// The first byte of a trailer line, or of the blank line that ends the body.
    TrailerLine,
    /// A trailer field's name. It is never merged into the head: a trailer that says
    /// Content-Length must mean nothing (RFC 9110 §6.5.1).
    TrailerName,
    /// A trailer field's value.
    TrailerValue,
    /// The LF after a trailer field.
    TrailerLf,
    /// The LF of the blank line.
    LastLf,
    /// Nothing: the next byte belongs to the next request.
    Done,
}

impl BodyReader {
    /// Starts at the first byte after the head.
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Counted(length),
            Framing::Chunked => State::Size { size: 0, digits: 0 },
        };
        BodyReader {
            state,
            content_len: 0,
            extras_len: 0,
        }
    }

    /// Tells whether the whole body has been read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Returns the number of content bytes so far.
    pub fn content_len(&self) -> u64 {
        self.content_len
    }

    /// Reads on in `input` and returns how many of its bytes belong to the body: all of
    /// them, unless the body ends before.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes break.
    pub fn advance(&mut self, input: &[u8]) -> Result<usize, RequestError> {
        let mut rest = input;
        while let (false, Some((&byte, after))) = (self.is_done(), rest.split_first()) {
            let left = match self.state {
                State::Counted(left) | State::Data(left) => left,
                _ => {
                    self.state = self.step(byte)?;
                    rest = after;
                    continue;
                }
            };
            let len = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            rest = rest.get(len..).unwrap_or_default();
            self.content_len += len as u64;
            let left = left - len as u64;
            self.state = match self.state {
                State::Counted(_) if left == 0 => State::Done,
                State::Counted(_) => State::Counted(left),
                _ if left == 0 => State::DataCr,
                _ => State::Data(left),
            };
        }
        Ok(input.len() - rest.len())
    }

    /// Takes one byte of the framing around the data and returns what must follow.
    fn step(&mut self, byte: u8) -> Result<State, RequestError> {
        use State::*;
        let next = match (self.state, byte) {
            (Size { size, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                // More digits than 64 bits hold must not become a small number.
                if digits == MAX_SIZE_DIGITS {
                    return Err(RequestError::ChunkSize);
                }
                let size = size << 4 | u64::from(digit);
                Size {
                    size,
                    digits: digits + 1,
                }
            }
            (Size { digits: 0, .. }, _) => return Err(RequestError::ChunkSize),
            (Size { size, .. } | Extension { size }, b'\r') => SizeLf { size },
            (Size { size, .. } | BeforeExtension { size }, b';') => {
                ExtensionName { size }
            }
            (Size { size, .. } | BeforeExtension { size }, b' ' | b'\t') => {
                self.count_extra()?;
                BeforeExtension { size }
            }
            (ExtensionName { .. }, b' ' | b'\t') => {
                self.count_extra()?;
                self.state
            }
            (ExtensionName { size }, byte) if is_token_char(byte) => Extension { size },
            (Extension { size }, b'"') => {
                self.count_extra()?;
                Quoted { size }
            }
            (Quoted { size }, b'"') => {
                self.count_extra()?;
                Extension { size }
            }
            (Quoted { size }, b'\\') => {
                self.count_extra()?;
                QuotedPair { size }
            }
            (QuotedPair { size }, byte) if is_value_char(byte) => {
                self.count_extra()?;
                Quoted { size }
            }
            (Extension { .. } | Quoted { .. }, byte) if is_value_char(byte) => {
                self.count_extra()?;
                self.state
            }
            (SizeLf { size: 0 }, b'\n') => TrailerLine,
            (SizeLf { size }, b'\n') => match self.content_len.checked_add(size) {
                Some(total) if total <= MAX_BODY => Data(size),
                _ => return Err(RequestError::BodyTooLarge),
            },
            (
                Size { .. }
                | BeforeExtension { .. }
                | ExtensionName { .. }
                | Extension { .. }
                | Quoted { .. }
                | QuotedPair { .. }
                | SizeLf { .. },
                _,
            ) => {
                return Err(RequestError::ChunkSize);
            }
            (DataCr, b'\r') => DataLf,
            (DataLf, b'\n') => Size { size: 0, digits: 0 },
            (DataCr | DataLf, _) => return Err(RequestError::ChunkEnd),
            (TrailerLine, b'\r') => LastLf,
            (TrailerLine | TrailerName, byte) if is_token_char(byte) => {
                self.count_extra()?;
                TrailerName
            }
            (TrailerName, b':') => TrailerValue,
            (TrailerValue, b'\r') => TrailerLf,
            (TrailerValue, byte) if is_value_char(byte) => {
                self.count_extra()?;
                TrailerValue
            }
            (TrailerLf, b'\n') => TrailerLine,
            (LastLf, b'\n') => Done,
            _ => return Err(RequestError::Trailer),
        };
        Ok(next)
    }

    fn count_extra(&mut self) -> Result<(), RequestError> {
        self.extras_len += 1;
        match self.extras_len > MAX_EXTRAS {
            true => Err(RequestError::HeadTooLarge),
            false => Ok(()),
        }
    }
}
