//! Chapter 3: the message client with a file for an address.
//!
//! Lab sheet:  labs/03_sockets.md
//! Check it:   cargo lab check unix_socket_client

#[cfg(unix)]
mod talk;

use std::path::PathBuf;

use clap::Parser;

/// Send what is typed to the server, line by line.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The file that stands for the socket
    #[arg(long, default_value = "/tmp/socket_labs.sock")]
    path: PathBuf,
}

fn main() {
    let args = Args::parse();
    // TODO (step 7): talk with the server (talk.rs). Where there are no Unix sockets, say
    // so.
    let _ = args.path;
}
