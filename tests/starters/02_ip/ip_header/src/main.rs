//! Chapter 2: the header that every packet of the internet carries.
//!
//! Terminal:    cargo run -- 4500003c1c4640004006b1e6ac100a63ac100a0c
//! Lab sheet:   labs/02_ip.md

mod show;

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
    // TODO (step 1): take the digits from the arguments, or from standard input; turn
    // them into bytes (hex.rs) and report what is none.
    let _ = args.hex;
    // TODO (step 1): decode the header (lib.rs) and print it (show.rs).
    if let Some(Command::Build(fields)) = args.command {
        // TODO (step 3): build the header (v4.rs) and print it: Hex: and its bytes.
        // TODO (step 5): between IPv6 addresses, build that of IPv6 (v6.rs).
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
    Ok(())
}
