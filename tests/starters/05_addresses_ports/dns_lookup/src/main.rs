//! Chapter 5: from a name to addresses.
//!
//! Terminal:    cargo run -- localhost
//! Lab sheet:   labs/05_addresses_ports.md

use clap::Parser;

/// Look up the addresses of names.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Names to look up
    #[arg(required = true)]
    names: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    for name in args.names {
        // TODO (step 3): ask the system's resolver; print each address of both families.
        let _ = name;
        // TODO (step 3): report an unknown name, and go on with the others.
    }
    Ok(())
}
