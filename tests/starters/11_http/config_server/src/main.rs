//! Keep the settings of devices.
//!
//! Sheet: labs/11_http.md

mod client;
mod protocol;
mod store;

use clap::Parser;

/// Keep the settings of devices.
#[derive(clap::Parser)]
struct Args {
    /// Address or name
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let _ = (&args.host, args.port);
    // TODO (step 8): open the settings (store.rs).
    // TODO (step 8): listen, and give every client a thread (client.rs).
    Ok(())
}
