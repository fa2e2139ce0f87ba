//! Read and change the settings that config_server keeps.
//!
//! Sheet: labs/11_http.md

mod reply;
mod terminal;

use clap::Parser;

/// Read and change settings.
#[derive(clap::Parser)]
struct Args {
    /// Address or name
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// One command; without one, commands are read from standard input
    command: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let _ = (&args.host, args.port, &args.command);
    // TODO (step 8): connect.
    // TODO (step 8): send each command as a line, print the reply (reply.rs).
    // TODO (step 8): end when the server closes, also while waiting for input (terminal.rs).
    Ok(())
}
