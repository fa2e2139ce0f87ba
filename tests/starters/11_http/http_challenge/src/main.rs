//! Answer HTTP requests with a page that shows what was asked.
//!
//! Sheet: labs/11_http.md

mod connection;

use clap::Parser;

/// Answer HTTP requests with a page that shows what was asked.
#[derive(clap::Parser)]
struct Args {
    /// Address or name
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 8000)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let _ = (&args.host, args.port);
    // TODO (step 4): listen, and give every client a thread (connection.rs).
    // TODO (step 6): a limit for the number of clients.
    Ok(())
}
