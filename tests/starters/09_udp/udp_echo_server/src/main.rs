//! Chapter 9: an echo for datagrams, which you write.
//!
//! Lab sheet:  labs/09_udp.md

use clap::Parser;

/// Send every datagram back, with a prefix.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Address or name of the server
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 65432)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();

    // TODO (step 4): open a UDP socket on args.host and args.port.
    let _ = (args.host, args.port);

    // TODO (step 4): receive one datagram after another and print each as text.

    // TODO (step 4): send the text "Server echo: " and the same bytes back, in one datagram.
    Ok(())
}
