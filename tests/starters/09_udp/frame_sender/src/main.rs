//! Chapter 9: a sender of frames, which you write.
//!
//! Lab sheet:  labs/09_udp.md

mod frame;
mod network;

use clap::Parser;

/// Send numbered frames at a steady pace.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Address or name of the server
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 5004)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();

    // TODO (step 7): send 100 frames (frame.rs) to args.host and args.port, one every 20
    // ms.
    let _ = (args.host, args.port);

    // TODO (step 7): with --drop, --delay and --seed, through a bad network (network.rs).
    Ok(())
}
