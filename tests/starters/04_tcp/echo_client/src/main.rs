//! Chapter 4: a TCP client that sends one message and reads until all of it is back.
//!
//! Lab sheet:  labs/04_tcp.md
//! Check it:   cargo lab check echo_client

use clap::Parser;

/// Send one message to the echo server and print what comes back.
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
    // TODO (step 5): connect to host and port.
    // TODO (step 5): send Hello, Server! and nothing else.
    // TODO (step 5): read until as many bytes are back, and print them as text.
    // TODO (what goes wrong): say in one line when nobody listens; status 1.
    let _ = (args.host, args.port);
}
