//! Chapter 2: is a host there, and how long is the way to it and back?
//!
//! Terminal:    cargo run -- 127.0.0.1
//! Lab sheet:   labs/02_ip.md

mod pinger;

use clap::Parser;

/// Ask a host for an echo, and time its replies.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Name or address
    host: String,
    /// How many requests to send
    #[arg(short, long, default_value_t = 4)]
    count: u32,
    /// Seconds from one request to the next
    #[arg(short, long, default_value_t = 1.0)]
    interval: f64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    // TODO (step 9): resolve the host; report a name that is unknown.
    let _ = args.host;
    // TODO (step 9): open an ICMP socket with socket2: datagram, or else raw.
    // TODO (step 9): send echo requests, one after another (pinger.rs).
    let _ = (args.count, args.interval);
    // TODO (step 9): print how many were sent, received and lost (statistics.rs).
    Ok(())
}
