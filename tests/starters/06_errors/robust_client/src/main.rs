//! Chapter 6: a client with a limit on every wait.
//!
//! Lab sheet:  labs/06_errors.md
//! Check it:   cargo lab check robust_client

use clap::Parser;

/// Send one message and print the echo.
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
    // TODO (step 3): connect with a limit of 10 s, and say that you are connected.
    // TODO (step 3): send Hello, Server! and read the answer with a limit of 5 s.
    // TODO (step 3): each failure has its line; only a good end has status 0.
    let _ = (args.host, args.port);
}
