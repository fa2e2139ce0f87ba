//! Chapter 6: an echo server that survives what goes wrong.
//!
//! Lab sheet:  labs/06_errors.md
//! Check it:   cargo lab check robust_server

mod logging;
mod text;

use clap::Parser;

/// Echo what each client sends, one client after another.
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
    // TODO (step 2): bind and listen; a port in use has a line of its own.
    // TODO (step 2): for each client: read, answer Echo: and the message, again.
    // TODO (step 2): 5 s of silence, bytes that are no text, a reset: a line each.
    // TODO (step 2): Ctrl-C prints the last lines and ends with status 0.
    let _ = (args.host, args.port);
}
