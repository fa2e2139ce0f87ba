//! Chapter 4: a TCP server that sends every byte back, to one client after another.
//!
//! Lab sheet:  labs/04_tcp.md
//! Check it:   cargo lab check echo_server

use clap::Parser;

/// Send every byte back.
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
    // TODO (step 5): bind and listen on host and port, then print the start line.
    // TODO (step 5): accept a client and print who it is.
    // TODO (step 5): in a loop: read a piece, print it, send all of it back.
    // TODO (step 5): a read of 0 bytes is the end: print it, close, next client.
    // TODO (what goes wrong): on Ctrl-C print the last line and end with status 0.
    let _ = (args.host, args.port);
}
