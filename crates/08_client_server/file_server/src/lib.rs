//! What file_server and file_client agree on: the frames that go over the wire, and which
//! names a file may have. No sockets and no files here, only bytes.

mod frames;
mod names;

pub use frames::{
    ACCEPTED, Entry, FrameError, MAX_NAME, Request, copy, read_checksum, read_list,
    read_reply, read_size, refusal, write_list,
};
pub use names::{NameError, check_name};
