//! One request, and the wait for its reply.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use ping::{
    Message, Version, decode, echo_request, error_text, is_request, without_ip_header,
};

/// The largest packet of IP, in bytes: no reply is longer.
const MAX_PACKET: usize = 65535;
/// A blocked receive cannot see Ctrl-C: it looks up this often.
const CTRL_C_CHECK: Duration = Duration::from_millis(200);

/// The socket, and what all requests have in common.
pub struct Pinger {
    pub socket: UdpSocket,
    /// A raw socket hears all ICMP messages of the machine, not only ours.
    pub raw: bool,
    pub version: Version,
    pub addr: SocketAddr,
    pub id: u16,
    pub data: Vec<u8>,
    pub timeout: Duration,
}

impl Pinger {
    /// Sends one request and waits for its reply; prints what comes. Returns the time
    /// until the reply, `None` if it did not come; on Ctrl-C the error `Interrupted`.
    pub fn ping(
        &self,
        sequence: u16,
        interrupted: &Receiver<()>,
    ) -> io::Result<Option<Duration>> {
        let request = echo_request(self.version, self.id, sequence, &self.data);
        let sent = Instant::now();
        self.socket.send_to(&request, self.addr)?;

        let mut buf = vec![0; MAX_PACKET];
        loop {
            let left = self.timeout.saturating_sub(sent.elapsed());
            if left.is_zero() {
                println!("seq={sequence}: no reply in {:?}", self.timeout);
                return Ok(None);
            }
            if interrupted.try_recv().is_ok() {
                return Err(ErrorKind::Interrupted.into());
            }
            self.socket.set_read_timeout(Some(left.min(CTRL_C_CHECK)))?;
            let (len, peer_addr) = match self.socket.recv_from(&mut buf) {
                Ok(received) => received,
                Err(error) if is_timeout_or_signal(&error) => continue,
                Err(error) => return Err(error),
            };
            let time = sent.elapsed();
            let packet = buf.get(..len).unwrap_or_default();
            if self.show(packet, peer_addr.ip(), sequence, time) {
                return Ok(Some(time));
            }
        }
    }

    /// Prints our reply, or a router's complaint, and tells whether it was our reply.
    fn show(&self, packet: &[u8], from: IpAddr, sequence: u16, time: Duration) -> bool {
        let (ttl, message) = without_ip_header(self.version, packet);
        match decode(self.version, message) {
            // A datagram socket has an identifier of the kernel's choice and hears only
            // its own replies. The data is ours in any case.
            Message::EchoReply(id, reply_to, data)
                if reply_to == sequence
                    && data == self.data
                    && (!self.raw || id == self.id) =>
            {
                let ttl = ttl.map_or(String::new(), |ttl| format!(" ttl={ttl}"));
                let (len, ms) = (message.len(), time.as_secs_f64() * 1e3);
                println!("{len} bytes from {from}: seq={sequence}{ttl} time={ms:.3} ms");
                true
            }
            Message::Error(kind, code, packet)
                if is_request(self.version, packet, self.id, sequence) =>
            {
                let text = error_text(self.version, kind, code);
                println!("From {from}: seq={sequence} {text}");
                false
            }
            _ => false,
        }
    }
}

fn is_timeout_or_signal(error: &io::Error) -> bool {
    // Unix says "would block" where Windows says "timed out".
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
