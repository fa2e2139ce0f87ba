//! The kernel's socket tables: a line of /proc/net/tcp in, a socket out (proc(5)). No I/O.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Which of the kernel's four tables a socket stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP over either IP.
    Tcp,
    /// UDP over either IP.
    Udp,
}

impl Protocol {
    /// Returns `tcp` or `udp`.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

/// One socket of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Its protocol.
    pub protocol: Protocol,
    /// The state of its connection, in the words of `ss`.
    pub state: &'static str,
    /// Its own address and port.
    pub local: SocketAddr,
    /// The peer's address and port; all zeros while there is no peer.
    pub peer: SocketAddr,
    /// The number by which a process's descriptor names it; 0 when no process has it.
    pub inode: u64,
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (protocol, state) = (self.protocol.name(), self.state);
        let (local, peer) = (endpoint(self.local), endpoint(self.peer));
        write!(f, "{protocol:<5} {state:<11} {local:<29} {peer:<29} ")
    }
}

/// Writes an address as `ss` does: port 0, "any", is a star.
pub fn endpoint(addr: SocketAddr) -> String {
    match (addr, addr.port()) {
        (SocketAddr::V4(addr), 0) => format!("{}:*", addr.ip()),
        (SocketAddr::V6(addr), 0) => format!("[{}]:*", addr.ip()),
        (addr, _) => addr.to_string(),
    }
}

/// Reads a whole table; lines that are no sockets, such as the heading, are skipped.
pub fn parse_table(protocol: Protocol, table: &str) -> Vec<Socket> {
    table
        .lines()
        .filter_map(|line| parse_line(protocol, line))
        .collect()
}

/// Reads one line:
///
/// `sl: local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …`
pub fn parse_line(protocol: Protocol, line: &str) -> Option<Socket> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let local = parse_addr(words.next()?)?;
    let peer = parse_addr(words.next()?)?;
    let state = u8::from_str_radix(words.next()?, 16).ok()?;
    let inode = words.nth(5)?.parse().ok()?;
    Some(Socket {
        protocol,
        state: state_name(state)?,
        local,
        peer,
        inode,
    })
}

/// Reads `0100007F:1F90`: the address as the kernel's words of 32 bits, printed as
/// numbers of this machine; the port as a number.
fn parse_addr(text: &str) -> Option<SocketAddr> {
    let (addr, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut octets = Vec::new();
    for at in (0..addr.len()).step_by(8) {
        let word = u32::from_str_radix(addr.get(at..at + 8)?, 16).ok()?;
        // In memory the bytes stand in network byte order, whatever the machine's is.
        octets.extend(word.to_ne_bytes());
    }
    let ip = match octets.len() {
        4 => IpAddr::V4(Ipv4Addr::from(*octets.first_chunk()?)),
        16 => IpAddr::V6(Ipv6Addr::from(*octets.first_chunk()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// The kernel's numbers of the states of RFC 9293 §3.3.2 (include/net/tcp_states.h).
fn state_name(state: u8) -> Option<&'static str> {
    Some(match state {
        1 => "ESTAB",
        2 => "SYN-SENT",
        3 | 12 => "SYN-RECV", // 12: not yet a whole socket
        4 => "FIN-WAIT-1",
        5 => "FIN-WAIT-2",
        6 => "TIME-WAIT",
        7 => "UNCONN",
        8 => "CLOSE-WAIT",
        9 => "LAST-ACK",
        10 => "LISTEN",
        11 => "CLOSING",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    const TCP: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31337 1 0000000000000000 100 0 0 10 0
   1: 0A01A8C0:D431 14071FAC:01BB 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0000000000000000
";

    #[test]
    #[cfg(target_endian = "little")]
    fn a_table_of_ipv4_sockets_is_read() {
        let sockets = parse_table(Protocol::Tcp, TCP);
        let [listening, waiting] = &sockets[..] else {
            panic!("{sockets:?}");
        };
        assert_eq!(endpoint(listening.local), "127.0.0.1:8080");
        assert_eq!(endpoint(listening.peer), "0.0.0.0:*");
        assert_eq!((listening.state, listening.inode), ("LISTEN", 31337));
        assert_eq!(endpoint(waiting.local), "192.168.1.10:54321");
        assert_eq!(endpoint(waiting.peer), "172.31.7.20:443");
        assert_eq!((waiting.state, waiting.inode), ("TIME-WAIT", 0));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn an_ipv6_address_is_four_words() {
        let line = " 9: 00000000000000000000000001000000:0035 \
                    B80D01200000000000000000050000000:0000 07 0:0 0:0 0 0 0 5 2 0 0";
        assert_eq!(parse_line(Protocol::Udp, line), None, "one digit too many");
        let line = " 9: 00000000000000000000000001000000:0035 \
                    B80D0120000000000000000005000000:0000 07 0:0 0:0 0 0 0 5 2 0 0";
        let socket = parse_line(Protocol::Udp, line).unwrap();
        assert_eq!(endpoint(socket.local), "[::1]:53");
        assert_eq!(
            endpoint(socket.peer),
            "[2001:db8::500:0]:*".replace("500:0", "5")
        );
        assert_eq!(socket.state, "UNCONN");
    }

    #[test]
    fn what_is_no_socket_is_skipped() {
        for line in [
            "",
            "sl local_address",
            "0: 0100007F:1F90",
            "0: é:1 é:1 0A 0 0 0 0 0 1",
        ] {
            assert_eq!(parse_line(Protocol::Tcp, line), None, "{line}");
        }
    }
}
