//! One port: connect to it, and take what happens for its state.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

#[cfg(target_os = "linux")]
use rustix::io::Errno;
#[cfg(target_os = "linux")]
use socket2::{Domain, Type};
use socket2::{SockRef, Socket};

/// What a port answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    Closed,
    Filtered,
}

/// How often a port is tried again when the answer was our own.
const ATTEMPTS: usize = 5;

/// Connects to one port, and takes what happens for its state. `refused` keeps a worker's
/// socket from one port to the next.
pub fn probe(
    addr: SocketAddr,
    timeout: Duration,
    refused: &mut Option<Socket>,
) -> io::Result<State> {
    for _ in 0..ATTEMPTS {
        match connect(addr, timeout, refused) {
            Ok(stream) => {
                // Close with RST: 60 s of TIME-WAIT for each open port help nobody.
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                // The kernel chose a port for our end. If it chose the one that we call,
                // we have connected to ourselves (RFC 9293 §3.5, simultaneous open).
                if stream.local_addr()? != stream.peer_addr()? {
                    return Ok(State::Open);
                }
            }
            Err(error) => match error.kind() {
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => {
                    return Ok(State::Closed);
                }
                ErrorKind::TimedOut
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::PermissionDenied => return Ok(State::Filtered),
                // All our ports are taken for a moment, or a signal came: once more.
                ErrorKind::AddrNotAvailable | ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
    Ok(State::Closed)
}

/// Linux minds the time limit for writing in connect too (socket(7), `SO_SNDTIMEO`), and
/// lets a socket that was refused try again: for most ports one system call is all.
#[cfg(target_os = "linux")]
fn connect(
    addr: SocketAddr,
    timeout: Duration,
    refused: &mut Option<Socket>,
) -> io::Result<TcpStream> {
    let socket = match refused.take() {
        Some(socket) => socket,
        None => {
            let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
            socket.set_write_timeout(Some(timeout))?;
            socket
        }
    };
    match socket.connect(&addr.into()) {
        Ok(()) => Ok(socket.into()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            *refused = Some(socket);
            Err(error)
        }
        Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {
            Err(ErrorKind::TimedOut.into())
        }
        Err(error) => Err(error),
    }
}

/// Elsewhere the standard library takes a new socket, does not block, and waits for the
/// answer with poll: seven system calls.
#[cfg(not(target_os = "linux"))]
fn connect(
    addr: SocketAddr,
    timeout: Duration,
    _refused: &mut Option<Socket>,
) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&addr, timeout)
}
