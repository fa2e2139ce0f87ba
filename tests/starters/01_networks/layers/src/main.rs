//! Chapter 1: one message, and what each layer of the network puts in front of it.
//!
//! Terminal:    cargo run -- hello
//! Lab sheet:   labs/01_networks.md

use clap::Parser;

/// Show one message being wrapped by TCP or UDP, IP and Ethernet.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// What the application says
    #[arg(default_value = "Hello, network!")]
    message: String,
    /// The transport protocol: tcp or udp
    #[arg(long, default_value = "tcp")]
    protocol: String,
    /// Address and port of the sender
    #[arg(long, default_value = "192.168.1.10:50000")]
    from: std::net::SocketAddr,
    /// Address and port of the receiver
    #[arg(long, default_value = "192.168.1.20:80")]
    to: std::net::SocketAddr,
    /// How many routers may pass the packet on
    #[arg(long, default_value_t = 64)]
    ttl: u8,
    /// The longest packet that the link carries, in bytes
    #[arg(long, default_value_t = 1500)]
    mtu: u16,
    /// Write the frames to this capture file
    #[arg(long)]
    pcap: Option<std::path::PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let _ = (args.message, args.from, args.to);
    // TODO (step 1): build the headers of TCP, IPv4 and Ethernet (lib.rs), and print one
    // line a field: its name, a colon, its value.
    let _ = args.ttl;
    // TODO (step 2): with --protocol udp, build the UDP header instead.
    let _ = args.protocol;
    // TODO (step 3): write the frame into the file of --pcap (pcap.rs).
    let _ = args.pcap;
    // TODO (step 5): between IPv6 addresses, build the IPv6 header; refuse two families.
    // TODO (step 6): cut a packet that is longer than --mtu.
    let _ = args.mtu;
    Ok(())
}
