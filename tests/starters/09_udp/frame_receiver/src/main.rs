//! Chapter 9: a receiver of frames, which you write.
//!
//! Lab sheet:  labs/09_udp.md

mod frame;
mod stream;

use clap::Parser;

/// Report loss, order and jitter of a stream of frames.
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

    // TODO (step 7): open a UDP socket on args.host and args.port.
    let _ = (args.host, args.port);

    // TODO (step 7): decode each frame (frame.rs), and enter it in the books of its
    // stream (stream.rs).

    // TODO (step 7): report loss, order and jitter when nothing comes any more.
    Ok(())
}
