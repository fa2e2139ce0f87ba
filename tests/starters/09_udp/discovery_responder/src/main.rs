//! Chapter 9: a responder, which you write.
//!
//! Lab sheet:  labs/09_udp.md

use clap::Parser;

/// Answer WHO with our name and address.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Address or name of the server
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 9999)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();

    // TODO (step 6): open a UDP socket on args.port that hears the group 239.255.42.99 on the
    // network card with the address args.host.
    let _ = (args.host, args.port);

    // TODO (step 6): answer each datagram WHO (with a line end) with HERE, a name, an address
    // with port and a line end, separated by one space. Who gets the answer?
    Ok(())
}
