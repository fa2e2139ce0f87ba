//! Chapter 9: a server that numbers datagrams, which you write.
//!
//! Lab sheet:  labs/09_udp.md

use clap::Parser;

/// Answer every datagram with its number.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Address or name of the server
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 9090)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();

    // TODO (step 1): open a UDP socket on args.host and args.port, and print
    // "UDP Server listening on" and its address. If the port is in use, say so and end
    // with a status that is not 0.
    let _ = (args.host, args.port);

    // TODO (step 2): receive one datagram after another, of any size up to the largest that
    // there is. Print each with its number and its sender, as text.

    // TODO (step 2): answer each one: Received! Message #1, then #2 ... To whom?

    // TODO (step 3): which errors end your loop? None should.
    Ok(())
}
