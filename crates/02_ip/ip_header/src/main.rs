//! Chapter 2: the header that every packet of the internet carries, decoded from its
//! bytes or built from fields (RFC 791 §3.1, RFC 8200 §3).
//!
//! Terminal:    cargo run -p ip_header 4500003c1c4640004006b1e6ac100a63ac100a0c
//! And back:    cargo run -p ip_header build --source 10.0.0.1 --destination 10.0.0.2
//! You will see every field by its name, and whether the checksum is right.
//! Lab sheet:   labs/02_ip.md

mod show;

use std::io::{self, IsTerminal, Read};
use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use ip_header::{IpHeader, Ipv4Header, Ipv6Header, decode, from_hex, to_hex};

/// The longest text read from stdin, in bytes: a packet of 65575 bytes, generously spaced.
const MAX_TEXT: u64 = 1024 * 1024;

/// Decode an IP header from hexadecimal, or build one from fields.
#[derive(clap::Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The packet in hexadecimal, header first; without it or with -, stdin is read
    hex: Vec<String>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Build a header from fields: IPv4 or IPv6, as the addresses are
    Build(Fields),
}

#[derive(clap::Args)]
struct Fields {
    /// The sender
    #[arg(long, value_name = "ADDRESS")]
    source: IpAddr,
    /// The receiver
    #[arg(long, value_name = "ADDRESS")]
    destination: IpAddr,
    /// How many routers may pass it on (IPv6: hop limit)
    #[arg(long, default_value_t = 64)]
    ttl: u8,
    /// What the payload is: 1 ICMP, 6 TCP, 17 UDP … (IPv6: next header)
    #[arg(long, default_value_t = 6)]
    protocol: u8,
    /// Bytes of payload that follow the header
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    payload_length: u16,
    /// Class of service
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..64))]
    dscp: u8,
    /// Congestion bits
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..4))]
    ecn: u8,
    /// IPv4: number of the packet, the same in all its fragments
    #[arg(long, default_value_t = 0)]
    identification: u16,
    /// IPv4: routers may not cut it
    #[arg(long)]
    dont_fragment: bool,
    /// IPv4: more fragments follow
    #[arg(long)]
    more_fragments: bool,
    /// IPv4: where this fragment begins, in bytes: a multiple of 8
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    fragment_offset: u16,
    /// IPv4: options in hexadecimal, filled up with zeros
    #[arg(long, default_value = "", value_name = "HEX")]
    options: String,
    /// IPv6: marks the packets of one flow
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..0x10_0000))]
    flow_label: u32,
}

fn main() -> ExitCode {
    labkit::run(run)
}

fn run(args: Args) -> anyhow::Result<()> {
    let packet = match &args.command {
        Some(Command::Build(fields)) => {
            let header = build(fields)?;
            println!("Hex:              {}", to_hex(&header));
            header
        }
        None => from_hex(&text(&args.hex)?)?,
    };
    match decode(&packet)? {
        IpHeader::V4(header) => show::v4(&header, packet.len()),
        IpHeader::V6(header) => show::v6(&header, packet.len()),
    }
    Ok(())
}

/// Returns the hexadecimal text, from the arguments or from stdin.
fn text(hex: &[String]) -> anyhow::Result<String> {
    if !hex.is_empty() && hex != ["-"] {
        return Ok(hex.join(" "));
    }
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        eprintln!("Type or paste the packet in hexadecimal, then press Ctrl-D:");
    }
    let mut bytes = Vec::new();
    let limited = stdin.by_ref().take(MAX_TEXT + 1).read_to_end(&mut bytes);
    let len = u64::try_from(limited.context("cannot read stdin")?)?;
    ensure!(len <= MAX_TEXT, "stdin is longer than any packet");
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn build(fields: &Fields) -> anyhow::Result<Vec<u8>> {
    let options = from_hex(&fields.options).context("--options")?;
    match (fields.source, fields.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            ensure!(
                options.len() <= 40,
                "--options: an IPv4 header has room for 40 bytes"
            );
            let offset = fields.fragment_offset;
            ensure!(
                offset.is_multiple_of(8),
                "--fragment-offset {offset}: not a multiple of 8"
            );
            let ihl = u8::try_from(5 + options.len().div_ceil(4))?;
            let header_length = u16::from(ihl) * 4;
            let header = Ipv4Header {
                ihl,
                dscp: fields.dscp,
                ecn: fields.ecn,
                total_length: fields
                    .payload_length
                    .checked_add(header_length)
                    .context("--payload-length: a packet has at most 65535 bytes")?,
                identification: fields.identification,
                reserved: false,
                dont_fragment: fields.dont_fragment,
                more_fragments: fields.more_fragments,
                fragment_offset: offset / 8,
                ttl: fields.ttl,
                protocol: fields.protocol,
                checksum: 0,
                checksum_good: false,
                right_checksum: 0,
                source,
                destination,
                options: Vec::new(),
            };
            Ok(header.to_bytes(&options))
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header = Ipv6Header {
                dscp: fields.dscp,
                ecn: fields.ecn,
                flow_label: fields.flow_label,
                payload_length: fields.payload_length,
                next_header: fields.protocol,
                hop_limit: fields.ttl,
                source,
                destination,
                extensions: Vec::new(),
                upper_layer: fields.protocol,
            };
            Ok(header.to_bytes())
        }
        (source, destination) => {
            bail!("one is IPv4, one IPv6: no packet goes from {source} to {destination}")
        }
    }
}
