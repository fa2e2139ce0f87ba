//! Chapter 2: the header that every packet of the internet carries.
//!
//! Terminal:    cargo run -- 4500003c1c4640004006b1e6ac100a63ac100a0c
//! Lab sheet:   labs/02_ip.md

use clap::Parser;

/// Decode an IP header from hexadecimal, or build one from fields.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The packet in hexadecimal; - reads standard input
    hex: Vec<String>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Build a header from fields
    Build(Fields),
}

#[derive(clap::Args)]
struct Fields {
    #[arg(long)]
    source: std::net::IpAddr,
    #[arg(long)]
    destination: std::net::IpAddr,
    #[arg(long, default_value_t = 64)]
    ttl: u8,
    #[arg(long, default_value_t = 6)]
    protocol: u8,
    #[arg(long, default_value_t = 0)]
    payload_length: u16,
    #[arg(long, default_value_t = 0)]
    identification: u16,
    #[arg(long)]
    dont_fragment: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    // TODO (step 1): turn the hexadecimal digits into bytes; report what is none.
    let _ = args.hex;
    // TODO (step 1): decode the fields of IPv4 and print one line a field.
    // TODO (step 2): compute the checksum and call it good or bad.
    if let Some(Command::Build(fields)) = args.command {
        // TODO (step 3): build the header and print it: Hex: and its bytes.
        let _ = (
            fields.source,
            fields.destination,
            fields.ttl,
            fields.protocol,
        );
        let _ = (
            fields.payload_length,
            fields.identification,
            fields.dont_fragment,
        );
    }
    // TODO (step 4): decode flags, fragment offset and options.
    // TODO (step 5): decode IPv6 and its extension headers.
    Ok(())
}
