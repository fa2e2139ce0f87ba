//! Chapter 9: a UDP sender that sends, waits for nothing and ends (RFC 768).
//!
//! Terminal 1:  cargo run -p udp_receiver
//! Terminal 2:  cargo run -p udp_sender
//! Lab sheet:   labs/09_udp.md

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;

use anyhow::Context;
use labkit::{Console, Endpoint};

/// Send datagrams; whether they arrive, this program never knows.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<12345>,
    #[command(flatten)]
    console: Console,
    /// What to send
    #[arg(long, default_value = "Message")]
    message: String,
    /// How many datagrams to send
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Add ` 3/10` to the third of ten datagrams, so that the receiver sees what is lost
    #[arg(long)]
    numbered: bool,
}

fn main() -> ExitCode {
    labkit::run(send)
}

fn send(args: Args) -> anyhow::Result<()> {
    let addrs = args.endpoint.addrs()?;
    let receiver_addr = *addrs.first().context("no address to send to")?;
    // Port 0: any free one. The address must be of the same family as the receiver's.
    let any_addr: SocketAddr = match receiver_addr {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any_addr).context("cannot open a socket")?;

    for number in 1..=args.count {
        let datagram = if args.numbered {
            format!("{} {number}/{}", args.message, args.count)
        } else {
            args.message.clone()
        };
        // Ok means: handed to the kernel. Nobody says whether anyone was there. (On a
        // connected socket the kernel would report a closed port, as it does in udp_client.)
        socket
            .send_to(datagram.as_bytes(), receiver_addr)
            .with_context(|| format!("cannot send to {receiver_addr}"))?;
    }
    args.console.line(format_args!(
        "Sent {} to {receiver_addr}",
        match args.count {
            1 => "1 datagram".to_owned(),
            count => format!("{count} datagrams"),
        }
    ));
    Ok(())
}
