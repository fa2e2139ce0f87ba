//! Chapter 3: a server that talks with one client until it says close.
//!
//! Lab sheet:  labs/03_sockets.md
//! Check it:   cargo lab check message_server

use clap::Parser;

/// Answer the messages of one client, then end.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address or name
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 8000)]
    port: u16,
}

fn main() {
    let args = Args::parse();
    // TODO (step 1): bind and listen on host and port, then print the start line.
    // TODO (step 2): accept a client and print who it is.
    // TODO (step 2): in a loop: read a message of at most 1024 bytes, print it,
    // and answer accepted. A read of 0 bytes is the end.
    // TODO (step 3): the message close, in any letter case, is answered with closed.
    // TODO (step 3): close the connection, print the last line, end with status 0.
    let _ = (args.host, args.port);
}
