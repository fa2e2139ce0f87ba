//! The listening TCP sockets, as the kernel tells them over netlink (sock_diag(7)).
//!
//! `/proc/net/tcp` tells the same, but the kernel walks its table of all connections for
//! it: 5 ms where that has 262,144 places, against 0.05 ms here, for each look at each
//! program that starts.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send,
    socket_with,
};

/// `SOCK_DIAG_BY_FAMILY`, the type of a question and of each part of its answer.
const BY_FAMILY: u16 = 20;
/// `NLMSG_ERROR` and `NLMSG_DONE` of netlink(7): the last message of an answer.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST` with `NLM_F_DUMP`: all sockets of which the question is true.
const ALL: u16 = 0x301;
const IPPROTO_TCP: u8 = 6;
/// The bit of the state TCP_LISTEN, which is 10.
const LISTEN: u32 = 1 << 10;
/// The bytes of a `struct nlmsghdr`, and of one with a `struct inet_diag_req_v2`.
const HEADER_LEN: usize = 16;
const QUESTION_LEN: u32 = 72;
/// The kernel puts no more than this into one datagram of an answer.
const MAX_DATAGRAM: usize = 32 * 1024;

/// Returns the address and the inode of every listening TCP socket.
///
/// # Errors
///
/// Where the kernel does not answer: an old one, or one within a sandbox.
pub(super) fn listeners() -> io::Result<Vec<(SocketAddr, u64)>> {
    let (raw, flags) = (SocketType::RAW, SocketFlags::CLOEXEC);
    let protocol = Some(netlink::SOCK_DIAG);
    let socket = socket_with(AddressFamily::NETLINK, raw, flags, protocol)?;
    let mut found = Vec::new();
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        ask(&socket, family, &mut found)?;
    }
    Ok(found)
}

/// Sends one question and takes the parts of its answer up to the last.
fn ask(
    socket: &OwnedFd,
    family: AddressFamily,
    found: &mut Vec<(SocketAddr, u64)>,
) -> io::Result<()> {
    send(socket.as_fd(), &question(family), SendFlags::empty())?;
    let mut buf = vec![0; MAX_DATAGRAM];
    loop {
        let (len, _) = recv(socket.as_fd(), &mut buf[..], RecvFlags::empty())?;
        let mut rest = buf.get(..len).unwrap_or_default();
        while !rest.is_empty() {
            let malformed = || io::Error::from(io::ErrorKind::InvalidData);
            let len = u32::from_ne_bytes(field(rest, 0).ok_or_else(malformed)?);
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            let message = rest.get(HEADER_LEN..len).ok_or_else(malformed)?;
            match u16::from_ne_bytes(field(rest, 4).ok_or_else(malformed)?) {
                DONE => return Ok(()),
                ERROR => {
                    let number =
                        i32::from_ne_bytes(field(message, 0).unwrap_or_default());
                    return Err(io::Error::from_raw_os_error(-number));
                }
                BY_FAMILY => found.push(listener(message).ok_or_else(malformed)?),
                _ => {}
            }
            // Each message begins at a multiple of four bytes (NLMSG_ALIGN).
            rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

/// The question for all listeners of a family: a header and a `struct inet_diag_req_v2`.
fn question(family: AddressFamily) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(QUESTION_LEN.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(ALL.to_ne_bytes());
    bytes.extend([0; 8]); // sequence number, port id
    bytes.extend(u8::try_from(family.as_raw()));
    bytes.extend([IPPROTO_TCP, 0, 0]); // nothing but what is always told
    bytes.extend(LISTEN.to_ne_bytes());
    bytes.extend([0; 48]); // of whatever address
    bytes
}

/// Reads a `struct inet_diag_msg`: family and state, then the ports and addresses, in the
/// order of the network, and at its end the inode.
fn listener(message: &[u8]) -> Option<(SocketAddr, u64)> {
    let port = u16::from_be_bytes(field(message, 4)?);
    let ip = match AddressFamily::from_raw(u16::from(*message.first()?)) {
        AddressFamily::INET => IpAddr::from(Ipv4Addr::from(field::<4>(message, 8)?)),
        _ => IpAddr::from(Ipv6Addr::from(field::<16>(message, 8)?)),
    };
    let inode = u32::from_ne_bytes(field(message, 68)?);
    Some((SocketAddr::new(ip, port), u64::from(inode)))
}

/// The bytes of a field that begins at `at`.
fn field<const LEN: usize>(bytes: &[u8], at: usize) -> Option<[u8; LEN]> {
    bytes.get(at..)?.first_chunk().copied()
}
