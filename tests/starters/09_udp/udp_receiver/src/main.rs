//! Chapter 9: a receiver that never answers, which you write.
//!
//! Lab sheet:  labs/09_udp.md

mod sequence;

use clap::Parser;

/// Print every datagram that arrives.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Address or name of the server
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 12345)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();

    // TODO (step 5): open a UDP socket on args.host and args.port.
    let _ = (args.host, args.port);

    // TODO (step 5): print one datagram after another, as text, with its sender.

    // TODO (step 5): on Ctrl-C, report the loss of each sender that numbers
    // (sequence.rs).
    Ok(())
}
