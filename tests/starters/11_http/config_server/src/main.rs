//! Keep the settings of devices.
//!
//! Sheet: labs/11_http.md

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
    // TODO (step 8): read the settings that an earlier run has left on disk.
    // TODO (step 8): listen, and give every client a thread.
    // TODO (step 8): read line by line; answer each command with OK or ERROR.
    // TODO (step 8): put a change on disk before you acknowledge it.
    Ok(())
}
