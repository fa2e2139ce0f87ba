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
        // TODO (step 6): take the prefix apart (lib.rs), refuse what is none, and print
        // one line a fact.
        // TODO (step 6): print the three rows of bits: address, mask, network.
        let _ = prefix;
        // TODO (step 8): print the rows of IPv6 in hexadecimal.
    }
    Ok(())
}
