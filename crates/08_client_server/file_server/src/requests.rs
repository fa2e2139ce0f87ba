//! What the server answers to each request: the frames of one put, get or list.

use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use file_server::{
    ACCEPTED, FrameError, Request, copy, read_checksum, refusal, write_list,
};
use labkit::{Console, printable, reason};

use crate::store::Store;

/// How a request for one file ended, with a client that can still be talked to.
enum Outcome {
    Done,
    /// The server says no, for this reason.
    Refused(String),
}

/// Does what a request asks for. An error means that the connection is of no more use.
pub fn answer(
    request: &Request,
    mut stream: &TcpStream,
    peer_addr: SocketAddr,
    store: &Store,
    console: Console,
) -> Result<(), FrameError> {
    let (name, done, outcome) = match request {
        Request::Put { name, size } => {
            (name, "stored", receive(stream, store, name, *size)?)
        }
        Request::Get { name } => (name, "sent", send(stream, store, name)?),
        Request::List => return list(stream, store),
    };
    match outcome {
        Outcome::Done => {
            let name = printable(name.as_bytes());
            console.line(format_args!("{peer_addr}: {done} {name}"));
        }
        Outcome::Refused(why) => {
            let why = printable(format!("{name:?}: {why}").as_bytes());
            console.line(format_args!("{peer_addr}: refused: {why}"));
            stream.write_all(&refusal(&why))?;
        }
    }
    Ok(())
}

/// Takes an upload: says yes, reads content and checksum, keeps the file, says yes again.
fn receive(
    mut stream: &TcpStream,
    store: &Store,
    name: &str,
    size: u64,
) -> Result<Outcome, FrameError> {
    let mut upload = match store.begin(name, size) {
        Ok(upload) => upload,
        Err(error) => return Ok(Outcome::Refused(reason(&error))),
    };
    stream.write_all(&ACCEPTED)?;

    // From here on an early return drops the upload: nothing half is left.
    let computed = copy(&mut stream, &mut upload, size, |_| {})?;
    if computed != read_checksum(&mut stream)? {
        return Ok(Outcome::Refused("the checksum is another one".to_owned()));
    }
    if let Err(error) = store.keep(upload, name) {
        return Ok(Outcome::Refused(reason(&error)));
    }
    stream.write_all(&ACCEPTED)?;
    Ok(Outcome::Done)
}

/// Sends a file: yes, size, content, checksum.
fn send(
    mut stream: &TcpStream,
    store: &Store,
    name: &str,
) -> Result<Outcome, FrameError> {
    let (mut file, size) = match store.read(name) {
        Ok(file_and_size) => file_and_size,
        Err(error) => return Ok(Outcome::Refused(reason(&error))),
    };
    stream.write_all(&[&ACCEPTED[..], &size.to_be_bytes()].concat())?;
    let sent = copy(&mut file, &mut stream, size, |_| {})
        .and_then(|checksum| stream.write_all(&checksum.to_be_bytes()));
    if let Err(error) = sent {
        // A refusal would be taken for a part of the content: end here, so that the client
        // sees that something is missing.
        let _ = stream.shutdown(Shutdown::Both);
        return Err(match error.kind() {
            ErrorKind::UnexpectedEof => io::Error::other("the file became shorter"),
            _ => error,
        }
        .into());
    }
    Ok(Outcome::Done)
}

/// Lists the files.
fn list(mut stream: &TcpStream, store: &Store) -> Result<(), FrameError> {
    let reply = match store.list() {
        Ok(entries) => [&ACCEPTED[..], &write_list(&entries)].concat(),
        Err(error) => refusal(&reason(&error)),
    };
    Ok(stream.write_all(&reply)?)
}
