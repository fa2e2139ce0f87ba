//! Chapter 2: which network does an address belong to?
//!
//! Terminal:    cargo run -- 192.168.1.152/24
//! Lab sheet:   labs/02_ip.md

use clap::Parser;

/// Show network, mask, hosts and broadcast address of each prefix.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// ADDRESS/LENGTH or ADDRESS/MASK
    #[arg(required = true)]
    prefixes: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    for prefix in args.prefixes {
        // TODO (step 6): split at the slash, read address and length (or mask), refuse
        // what is none; compute the network and print one line a fact.
        let _ = prefix;
        // TODO (step 7): mind /0, /31 and /32.
        // TODO (step 8): do the same for IPv6.
    }
    Ok(())
}
