//! Chapter 9: a sender that never waits, which you write.
//!
//! Lab sheet:  labs/09_udp.md

use clap::Parser;

/// Send one datagram.
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

    // TODO (step 5): send the text "Message" to args.host and args.port, once, and end.
    let _ = (args.host, args.port);
    Ok(())
}
