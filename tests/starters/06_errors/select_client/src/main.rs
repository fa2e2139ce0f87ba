//! Chapter 6: waiting for data with a limit.
//!
//! Lab sheet:  labs/06_errors.md
//! Check it:   cargo lab check select_client

use clap::Parser;

/// Wait at most 5 seconds for data from the server.
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
    // TODO (step 6): connect, and ask for readiness with a limit of 5 s.
    // TODO (step 6): print what came, or that nothing came.
    let _ = (args.host, args.port);
}
