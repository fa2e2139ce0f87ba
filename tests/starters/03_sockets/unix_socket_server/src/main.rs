//! Chapter 3: the message server with a file for an address.
//!
//! Lab sheet:  labs/03_sockets.md
//! Check it:   cargo lab check unix_socket_server

#[cfg(unix)]
mod serve;

use std::path::PathBuf;

use clap::Parser;

/// Answer the messages of clients on this machine.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The file that stands for the socket
    #[arg(long, default_value = "/tmp/socket_labs.sock")]
    path: PathBuf,
}

fn main() {
    let args = Args::parse();
    // TODO (step 7): serve (serve.rs). Where there are no Unix sockets, say so.
    let _ = args.path;
}
