//! Chapter 6: a client with an answer to every failure.
//!
//! Lab sheet:  labs/06_errors.md
//! Check it:   cargo lab check safe_tcp_client

use clap::Parser;

/// Send one message, print the answer, and name whatever goes wrong.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address or name
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

fn main() {
    let args = Args::parse();
    // TODO (step 1): find the addresses of the host; none is an invalid hostname.
    // TODO (step 1): connect with a limit of 5 s, send Hello, read with a limit of 5 s.
    // TODO (step 1): print the answer, or the line for what went wrong; status 0 or 1.
    let _ = (args.host, args.port);
}
