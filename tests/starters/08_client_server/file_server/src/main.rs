//! Chapter 8: a file server, which you write.
//!
//! Lab sheet:  labs/08_client_server.md

mod requests;
mod store;

use std::path::PathBuf;

use clap::Parser;

/// Store files that clients send, and send them back.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// The directory to serve
    #[arg(default_value = "files")]
    dir: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();

    // TODO (step 7): make the directory if it is missing (store.rs), bind a TcpListener,
    // and report it if either fails. Then say: Serving DIR on HOST:PORT
    let _ = (args.host, args.port, args.dir);

    // TODO (step 7): serve many clients at once. Each may ask for several things, one
    // after another: put, get, list (frames.rs, requests.rs).

    // TODO (step 8): check each name before you touch a file (names.rs).
    Ok(())
}
