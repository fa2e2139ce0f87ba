//! Chapter 9: a client of the echo, which you write.
//!
//! Lab sheet:  labs/09_udp.md

use clap::Parser;

/// Send one line to the server and print its answer.
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

    // TODO (step 4): show the prompt "Enter a message to send to the server: ", and flush it:
    // it has no line end. Read one line. What if the input has ended?
    let _ = (args.host, args.port);

    // TODO (step 4): send the line without its line end to args.host and args.port.

    // TODO (step 4): wait at most 5 s for the answer, and print it after
    // "Received from server: ".
    Ok(())
}
