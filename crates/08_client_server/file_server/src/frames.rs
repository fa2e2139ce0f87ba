//! The frames: every length stands before what it measures, so nobody has to guess where
//! a name, a file or a reply ends. Numbers are big-endian, the order of the network.
//!
//! ```text
//! put   'P'  name length: 2 bytes  name  size: 8 bytes     → reply, then, if it is "yes",
//!            content: size bytes   CRC-32: 4 bytes         → reply
//! get   'G'  name length: 2 bytes  name                    → reply, and if it is "yes":
//!            size: 8 bytes  content  CRC-32: 4 bytes
//! list  'L'                                                → reply, and if it is "yes":
//!            count: 4 bytes, then per file  name length: 2 bytes  name  size: 8 bytes
//! reply      0 is "yes";  1 is "no", then text length: 2 bytes  text
//! ```

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

/// The longest name, in bytes: what most file systems allow (NAME_MAX).
pub const MAX_NAME: usize = 255;
/// The longest reason for a refusal that is read, in bytes.
const MAX_REASON: usize = 1024;
/// The most files in one list that is read.
const MAX_LIST: u32 = 1_000_000;
/// How much of a file is in memory at a time, in bytes.
const BUFFER_SIZE: usize = 128 * 1024;

const PUT: u8 = b'P';
const GET: u8 = b'G';
const LIST: u8 = b'L';
const YES: u8 = 0;
const NO: u8 = 1;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Store a file.
    Put {
        /// The name, as it came: not yet checked.
        name: String,
        /// How many bytes the content has.
        size: u64,
    },
    /// Send a file back.
    Get {
        /// The name, as it came: not yet checked.
        name: String,
    },
    /// List the files.
    List,
}

/// One file in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name of the file.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
}

/// Why a frame cannot be read.
#[derive(Debug)]
pub enum FrameError {
    /// The stream broke, or ended within a frame.
    Io(io::Error),
    /// The first byte is none of ours.
    UnknownRequest(u8),
    /// A reply is neither yes nor no.
    UnknownReply(u8),
    /// A name is longer than [`MAX_NAME`], or a reason or list is absurdly long.
    TooLong(u64),
    /// A name is not UTF-8.
    NotUtf8,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
                write!(f, "the connection ended in the middle")
            }
            FrameError::Io(error) => write!(f, "{}", labkit::reason(error)),
            FrameError::UnknownRequest(byte) => {
                write!(f, "no request begins with {byte:#04x}")
            }
            FrameError::UnknownReply(byte) => {
                write!(f, "no reply begins with {byte:#04x}")
            }
            FrameError::TooLong(len) => write!(f, "a length of {len} is too long"),
            FrameError::NotUtf8 => write!(f, "the name is not UTF-8"),
        }
    }
}

impl std::error::Error for FrameError {}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        FrameError::Io(error)
    }
}

impl Request {
    /// Reads the next request; `None` if the stream ends before one begins.
    ///
    /// # Errors
    ///
    /// When the stream breaks or holds something else.
    pub fn read(stream: &mut impl Read) -> Result<Option<Self>, FrameError> {
        let mut first = [0];
        loop {
            match stream.read(&mut first) {
                Ok(0) => return Ok(None),
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let [kind] = first;
        Ok(Some(match kind {
            PUT => Request::Put {
                name: read_name(stream)?,
                size: read_size(stream)?,
            },
            GET => Request::Get {
                name: read_name(stream)?,
            },
            LIST => Request::List,
            other => return Err(FrameError::UnknownRequest(other)),
        }))
    }

    /// Returns the frame.
    ///
    /// # Errors
    ///
    /// When the name is longer than [`MAX_NAME`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, FrameError> {
        let mut frame = Vec::new();
        match self {
            Request::Put { name, size } => {
                frame.push(PUT);
                push_name(&mut frame, name)?;
                frame.extend(size.to_be_bytes());
            }
            Request::Get { name } => {
                frame.push(GET);
                push_name(&mut frame, name)?;
            }
            Request::List => frame.push(LIST),
        }
        Ok(frame)
    }
}

/// Returns the frame that says no, and why.
pub fn refusal(reason: &str) -> Vec<u8> {
    let text = reason.as_bytes();
    let text = text.get(..MAX_REASON).unwrap_or(text);
    let len = u16::try_from(text.len()).unwrap_or(0); // MAX_REASON fits 16 bits.
    let mut frame = vec![NO];
    frame.extend(len.to_be_bytes());
    frame.extend(text);
    frame
}

/// The frame that says yes.
pub const ACCEPTED: [u8; 1] = [YES];

/// Reads a reply: `Ok` is yes, `Err` within it is no, with the reason.
///
/// # Errors
///
/// When the stream breaks or holds something else.
pub fn read_reply(stream: &mut impl Read) -> Result<Result<(), String>, FrameError> {
    let [kind] = read_array(stream)?;
    match kind {
        YES => Ok(Ok(())),
        NO => {
            let reason = read_bytes(stream, MAX_REASON)?;
            Ok(Err(String::from_utf8_lossy(&reason).into_owned()))
        }
        other => Err(FrameError::UnknownReply(other)),
    }
}

/// Reads a size.
///
/// # Errors
///
/// When the stream breaks.
pub fn read_size(stream: &mut impl Read) -> Result<u64, FrameError> {
    Ok(u64::from_be_bytes(read_array(stream)?))
}

/// Reads a checksum.
///
/// # Errors
///
/// When the stream breaks.
pub fn read_checksum(stream: &mut impl Read) -> Result<u32, FrameError> {
    Ok(u32::from_be_bytes(read_array(stream)?))
}

/// Returns the frame of a list; what cannot stand in it (too many, too long) is left out.
pub fn write_list(entries: &[Entry]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut count = 0_u32;
    for entry in entries {
        if count < MAX_LIST && push_name(&mut body, &entry.name).is_ok() {
            body.extend(entry.size.to_be_bytes());
            count += 1;
        }
    }
    [&count.to_be_bytes(), body.as_slice()].concat()
}

/// Reads a list.
///
/// # Errors
///
/// When the stream breaks or holds something else.
pub fn read_list(stream: &mut impl Read) -> Result<Vec<Entry>, FrameError> {
    let count = u32::from_be_bytes(read_array(stream)?);
    if count > MAX_LIST {
        return Err(FrameError::TooLong(count.into()));
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(Entry {
            name: read_name(stream)?,
            size: read_size(stream)?,
        });
    }
    Ok(entries)
}

/// Copies exactly `size` bytes and returns their CRC-32 (IEEE 802.3, as in Ethernet, zip
/// and Python's `zlib.crc32`). `progress` hears how many bytes each step has copied.
///
/// # Errors
///
/// When either side breaks, or the source ends too early.
pub fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    size: u64,
    mut progress: impl FnMut(u64),
) -> io::Result<u32> {
    let mut crc = crc32fast::Hasher::new();
    let mut buf = vec![0; BUFFER_SIZE];
    let mut left = size;
    while left > 0 {
        let want =
            usize::try_from(left).map_or(BUFFER_SIZE, |left| left.min(BUFFER_SIZE));
        let len = match from.read(buf.get_mut(..want).unwrap_or_default()) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = buf.get(..len).unwrap_or_default();
        crc.update(bytes);
        to.write_all(bytes)?;
        let len = u64::try_from(len).unwrap_or(left);
        left -= len;
        progress(len);
    }
    Ok(crc.finalize())
}

fn push_name(frame: &mut Vec<u8>, name: &str) -> Result<(), FrameError> {
    let too_long = || FrameError::TooLong(u64::try_from(name.len()).unwrap_or(u64::MAX));
    if name.len() > MAX_NAME {
        return Err(too_long());
    }
    let len = u16::try_from(name.len()).map_err(|_| too_long())?;
    frame.extend(len.to_be_bytes());
    frame.extend(name.as_bytes());
    Ok(())
}

fn read_name(stream: &mut impl Read) -> Result<String, FrameError> {
    let bytes = read_bytes(stream, MAX_NAME)?;
    String::from_utf8(bytes).map_err(|_| FrameError::NotUtf8)
}

/// Reads a length of two bytes, and as many bytes as it says.
fn read_bytes(stream: &mut impl Read, max: usize) -> Result<Vec<u8>, FrameError> {
    let len = u16::from_be_bytes(read_array(stream)?);
    if usize::from(len) > max {
        return Err(FrameError::TooLong(len.into()));
    }
    let mut bytes = vec![0; len.into()];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_array<const LEN: usize>(stream: &mut impl Read) -> io::Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        for request in [
            Request::Put {
                name: "a.txt".to_owned(),
                size: 1 << 40,
            },
            Request::Get {
                name: "é".to_owned(),
            },
            Request::List,
        ] {
            let frame = request.to_bytes().unwrap();
            let read = Request::read(&mut frame.as_slice()).unwrap();
            assert_eq!(read, Some(request));
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_sheet() {
        let put = Request::Put {
            name: "hi".to_owned(),
            size: 5,
        };
        assert_eq!(
            put.to_bytes().unwrap(),
            b"P\x00\x02hi\x00\x00\x00\x00\x00\x00\x00\x05"
        );
        assert_eq!(refusal("no"), b"\x01\x00\x02no");
        let one = Entry {
            name: "a".to_owned(),
            size: 258,
        };
        assert_eq!(
            write_list(&[one]),
            b"\x00\x00\x00\x01\x00\x01a\x00\x00\x00\x00\x00\x00\x01\x02"
        );
    }

    #[test]
    fn the_end_between_two_requests_is_no_error_and_within_one_it_is() {
        assert_eq!(Request::read(&mut [].as_slice()).unwrap(), None);
        let frame = Request::Get {
            name: "abc".to_owned(),
        };
        let frame = frame.to_bytes().unwrap();
        for len in 1..frame.len() {
            let error = Request::read(&mut &frame[..len]).unwrap_err();
            assert_eq!(error.to_string(), "the connection ended in the middle");
        }
    }

    #[test]
    fn what_is_no_request_is_named() {
        let error = Request::read(&mut b"X".as_slice()).unwrap_err();
        assert_eq!(error.to_string(), "no request begins with 0x58");
        let error = Request::read(&mut b"G\x01\x00".as_slice()).unwrap_err();
        assert_eq!(error.to_string(), "a length of 256 is too long");
        let error = Request::read(&mut b"G\x00\x01\xff".as_slice()).unwrap_err();
        assert_eq!(error.to_string(), "the name is not UTF-8");
    }

    #[test]
    fn a_reply_is_yes_or_no_with_a_reason() {
        assert_eq!(read_reply(&mut ACCEPTED.as_slice()).unwrap(), Ok(()));
        let no = refusal("no such file");
        let reason = read_reply(&mut no.as_slice()).unwrap().unwrap_err();
        assert_eq!(reason, "no such file");
    }

    #[test]
    fn a_copy_has_the_checksum_that_everybody_computes() {
        // The check value of CRC-32/ISO-HDLC, in every catalogue of CRCs.
        let mut to = Vec::new();
        let crc = copy(&mut b"123456789x".as_slice(), &mut to, 9, |_| {}).unwrap();
        assert_eq!((crc, to.as_slice()), (0xcbf4_3926, b"123456789".as_slice()));
    }

    #[test]
    fn a_source_that_ends_too_early_is_an_error() {
        let error =
            copy(&mut b"1234".as_slice(), &mut Vec::new(), 5, |_| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}
