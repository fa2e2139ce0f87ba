//! Chapter 4: a TCP server that greets its clients one after another and numbers them.
//!
//! Lab sheet:  labs/04_tcp.md
//! Check it:   cargo lab check tcp_server

use clap::Parser;

/// Greet every client with its number.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address or name
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

fn main() {
    let args = Args::parse();
    // TODO (step 1): bind and listen on host and port, then print the start line.
    // TODO (step 2): accept a client, count it, print its number and address.
    // TODO (step 2): read one message of at most 1024 bytes and print it.
    // TODO (step 2): answer with the greeting and the number, then close.
    // TODO (step 2): go on with the next client, whatever this one has done.
    // TODO (what goes wrong): say in one line when the port is in use; status not 0.
    let _ = (args.host, args.port);
}
