//! Chapter 10: a server that strangers may try to break.
//!
//! Lab sheet:  labs/10_security.md
//! Check it:   cargo lab check secure_server

use clap::Parser;

/// Answer those who know the token, and survive all others.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address or name
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 65432)]
    port: u16,
}

fn main() {
    let args = Args::parse();
    // TODO (step 7): take the token from API_KEY; without one, say so and end with status 1.
    // TODO (step 7): listen, accept, a thread per client, at most so many at a time.
    // TODO (step 7): read whole lines; AUTH and the token come first.
    // TODO (step 8): refuse long lines and control characters.
    // TODO (step 8): count requests and wrong tokens per address, and act on it.
    // TODO (step 8): write each event to server_security.log, on one line.
    let _ = (args.host, args.port);
}
