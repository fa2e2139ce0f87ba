//! Chapter 5: which TCP ports of a host are open?
//!
//! Terminal:    cargo run -- 127.0.0.1 --ports 1-1024
//! Lab sheet:   labs/05_addresses_ports.md

mod probe;

use clap::Parser;

/// Find the open TCP ports of a host. Scan only machines that you may scan.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Name or address of the host
    #[arg(default_value = "127.0.0.1")]
    host: String,
    /// Ports and ranges: 22,80,8000-8100
    #[arg(short, long, default_value = "1-1024")]
    ports: String,
    /// Milliseconds after which a silent port counts as filtered
    #[arg(short, long, default_value_t = 1000)]
    timeout: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    // TODO (step 4): read the list of ports (lib.rs); refuse what is none.
    let _ = args.ports;
    // TODO (step 4): find the host's address, and ask lib.rs whether you may scan it.
    let _ = args.host;
    // TODO (step 4): a few workers probe one port after another (probe.rs).
    let _ = args.timeout;
    // TODO (step 4): print the open ports, and count open, closed and filtered ones.
    Ok(())
}
