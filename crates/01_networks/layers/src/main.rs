//! Chapter 1: one message, and what each layer of the network puts in front of it
//! (RFC 1122 §1.1.3).
//!
//! Terminal:    cargo run -p layers -- "Hello, network!"
//! Wireshark:   cargo run -p layers -- --pcap hello.pcap, then open hello.pcap
//! You will see every header, field by field, with its bytes.
//! Lab sheet:   labs/01_networks.md

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use layers::{Field, Fragment, Network, Route, Transport};

/// Show one message being wrapped by TCP or UDP, IP and Ethernet.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// What the application says
    #[arg(default_value = "Hello, network!")]
    message: String,
    /// The transport protocol: tcp or udp
    #[arg(long, default_value = "tcp", value_parser = ["tcp", "udp"])]
    protocol: String,
    /// Address and port of the sender; an IPv6 one is written [ADDRESS]:PORT
    #[arg(
        long,
        default_value = "192.168.1.10:50000",
        value_name = "ADDRESS:PORT"
    )]
    from: SocketAddr,
    /// Address and port of the receiver
    #[arg(long, default_value = "192.168.1.20:80", value_name = "ADDRESS:PORT")]
    to: SocketAddr,
    /// How many routers may pass the packet on
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u8).range(1..))]
    ttl: u8,
    /// The longest packet that the link carries, in bytes; a longer one is cut
    #[arg(long, default_value_t = 1500, value_parser = clap::value_parser!(u16).range(68..))]
    mtu: u16,
    /// Write the frames to this capture file, for Wireshark
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
}

fn main() -> ExitCode {
    labkit::run(wrap)
}

fn wrap(args: Args) -> anyhow::Result<()> {
    let network = network(&args)?;
    let message = args.message.as_bytes();
    println!("Application: the message, {} bytes", message.len());
    dump(message);

    let ports = (args.from.port(), args.to.port());
    let header = match network.transport {
        Transport::Tcp => layers::tcp(network.route, ports, message),
        Transport::Udp => layers::udp(network.route, ports, message),
    }
    .context("the message is too long for one packet: 65535 bytes with the header")?;
    let (name, len) = (network.transport.name(), header.bytes().len());
    println!("\nTransport: {name}, {len} bytes + {} bytes", message.len());
    show(&header.fields);
    let segment = [&header.bytes(), message].concat();

    let mut frames = Vec::new();
    for piece in layers::fragments(network.route, segment.len(), args.mtu.into()) {
        frames.push(send(network, piece, &segment)?);
    }
    if let Some(path) = &args.pcap {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        fs::write(path, layers::pcap(&frames, now.unwrap_or(Duration::ZERO)))
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("\nWrote {} frame(s) to {}", frames.len(), path.display());
    }
    Ok(())
}

/// Checks that the arguments fit together.
fn network(args: &Args) -> anyhow::Result<Network> {
    let route = Route::new(args.from.ip(), args.to.ip()).with_context(|| {
        let (from, to) = (args.from, args.to);
        format!("one is IPv4, one IPv6: no packet goes from {from} to {to}")
    })?;
    // RFC 8200 §5: every link that carries IPv6 takes packets of 1280 bytes.
    anyhow::ensure!(
        matches!(route, Route::V4(..)) || args.mtu >= 1280,
        "an IPv6 link carries at least 1280 bytes: --mtu {} is too small",
        args.mtu
    );
    let transport = match args.protocol.as_str() {
        "udp" => Transport::Udp,
        _ => Transport::Tcp,
    };
    let ttl = args.ttl;
    Ok(Network {
        route,
        transport,
        ttl,
    })
}

/// Wraps one piece of the segment in IP and Ethernet, and shows both and the frame.
fn send(network: Network, piece: Fragment, segment: &[u8]) -> anyhow::Result<Vec<u8>> {
    let payload = segment
        .get(piece.offset..)
        .and_then(|rest| rest.get(..piece.len));
    let payload = payload.context("a fragment outside the packet")?;
    let ip = layers::ip(network, piece).context(
        "the message is too long for one packet: 65535 bytes with the headers",
    )?;
    let (name, len) = (network.route.name(), ip.bytes().len());
    println!("\nNetwork: {name}, {len} bytes + {} bytes", payload.len());
    show(&ip.fields);

    let ethernet = layers::ethernet(network.route);
    let packet_len = len + payload.len();
    println!(
        "\nLink: Ethernet, {} bytes + {packet_len} bytes",
        ethernet.bytes().len()
    );
    show(&ethernet.fields);

    let frame = [&ethernet.bytes(), &ip.bytes(), payload].concat();
    println!("\nFrame: {} bytes", frame.len());
    dump(&frame);
    Ok(frame)
}

/// Prints one line a field: name, bytes, meaning.
fn show(fields: &[Field]) {
    for Field {
        name,
        bytes,
        meaning,
    } in fields
    {
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let colon = format!("{name}:");
        println!("  {colon:<28}{meaning:<32}[{}]", hex.join(" "));
    }
}

/// Prints bytes as Wireshark does: offset, 16 bytes in hex, the same as text.
fn dump(bytes: &[u8]) {
    for (row, chunk) in bytes.chunks(16).enumerate() {
        let hex: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = chunk.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        });
        let text: String = text.collect();
        println!("  {:04x}  {:<47}  {text}", row * 16, hex.join(" "));
    }
}
