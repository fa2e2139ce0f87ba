//! Chapter 5: the machine's TCP and UDP sockets.
//!
//! Terminal:    cargo run
//! Lab sheet:   labs/05_addresses_ports.md

mod processes;

use clap::Parser;

/// Show the sockets of this machine.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Only sockets that wait for clients
    #[arg(short, long)]
    listening: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    // TODO (step 5): read /proc/net/tcp, tcp6, udp and udp6, line by line (lib.rs).
    // TODO (step 5): print one line a socket.
    let _ = args.listening;
    // TODO (step 5): find the process of each socket by its inode (processes.rs).
    Ok(())
}
