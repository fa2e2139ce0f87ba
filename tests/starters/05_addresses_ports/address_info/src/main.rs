//! Chapter 5: what an address and a port tell about themselves.
//!
//! Terminal:    cargo run -- 192.168.1.10:443
//! Lab sheet:   labs/05_addresses_ports.md

use clap::Parser;

/// Tell what each address and port is for.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// ADDRESS, ADDRESS:PORT, [IPV6-ADDRESS]:PORT, or a PORT alone
    #[arg(required = true)]
    texts: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    for text in args.texts {
        // TODO (step 1): read the address; print its family and its scope (scope.rs).
        let _ = text;
        // TODO (step 2): read the port; print its range and its usual service (port.rs).
        // TODO (step 2): report what is neither.
    }
    Ok(())
}
