//! Chapter 6: a client that tries again.
//!
//! Lab sheet:  labs/06_errors.md
//! Check it:   cargo lab check retry_client

use clap::Parser;

/// Connect to the server, and try again if that fails.
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
    // TODO (step 4): try to connect, three times, with a new socket each time.
    // TODO (step 4): after a failure: its line, then a pause of 2 s.
    // TODO (step 4): say how it ended; status 1 if nobody was there.
    let _ = (args.host, args.port);
}
