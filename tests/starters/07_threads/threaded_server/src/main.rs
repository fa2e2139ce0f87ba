//! Chapter 7: an echo server that serves many clients at once.
//!
//! Lab sheet:  labs/07_threads.md
//! Check it:   cargo lab check threaded_server

use clap::Parser;

/// Send every message back behind a prefix, to many clients at once.
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
    // TODO (step 1): bind and listen on host and port, then print the start line.
    // TODO (step 2): accept a client, and serve it: each message goes back behind the prefix.
    // TODO (step 2): print who comes, what is received, and who has gone.
    // TODO (step 3): serve each client in a thread of its own.
    // TODO (step 5): see that threads and sockets end with their client.
    // TODO (what goes wrong): say in one line when the port is in use; status not 0.
    let _ = (args.host, args.port);
}
