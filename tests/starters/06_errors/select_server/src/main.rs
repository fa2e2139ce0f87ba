//! Chapter 6: an echo server for many clients in one thread.
//!
//! Lab sheet:  labs/06_errors.md
//! Check it:   cargo lab check select_server

mod client;
mod clients;
mod door;

use clap::Parser;

/// Echo what every client sends, all of them in one thread.
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
    // TODO (step 5): bind, listen, and make the listener non-blocking.
    // TODO (step 5): wait until a socket is ready; accept all who wait.
    // TODO (step 5): read from the clients that are ready and echo.
    // TODO (step 5): keep what a client does not take yet, and read no more from it.
    let _ = (args.host, args.port);
}
