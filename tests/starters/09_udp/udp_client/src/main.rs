//! Chapter 9: a client of the numbering server, which you write.
//!
//! Lab sheet:  labs/09_udp.md

use clap::Parser;

/// Send one datagram to the server and print its answer.
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

    // TODO (step 2): open a UDP socket on any free port and send "Hello from UDP client!"
    // to args.host and args.port.
    let _ = (args.host, args.port);

    // TODO (step 2): wait for the answer and print it as text.

    // TODO (step 3): no answer within 5 s, or nobody there: say so in one line, and end with
    // a status that is not 0.
    Ok(())
}
