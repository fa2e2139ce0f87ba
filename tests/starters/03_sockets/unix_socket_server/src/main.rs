//! Chapter 3: the message server with a file for an address.
//!
//! Lab sheet:  labs/03_sockets.md
//! Check it:   cargo lab check unix_socket_server

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
    // TODO (step 7): remove a stale socket file, but never that of a living server.
    // TODO (step 7): bind and listen on the path; only your own user may connect.
    // TODO (step 7): talk with the clients as message_server does.
    // TODO (step 7): remove the file at the end, also on Ctrl-C and SIGTERM.
    let _ = args.path;
}
