//! Chapter 4: a TCP client that sends one message and prints the answer.
//!
//! Lab sheet:  labs/04_tcp.md
//! Check it:   cargo lab check tcp_client

use clap::Parser;

/// Send one message to the server and print its answer.
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
    // TODO (step 2): connect to host and port, and say so.
    // TODO (step 2): send Hello from client! and nothing else.
    // TODO (step 2): read the answer and print it as text.
    // TODO (what goes wrong): say in one line when nobody listens; status 1.
    let _ = (args.host, args.port);
}
