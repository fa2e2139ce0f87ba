//! Chapter 8: the client half of an application, which you write.
//!
//! Lab sheet:  labs/08_client_server.md

use clap::Parser;

/// Ask for one message, send it to the server and print the answer.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Address or name of the server
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 65432)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();

    // TODO (step 1): connect to args.host and args.port, and report it if that fails.
    let _ = (args.host, args.port);

    // TODO (step 1): show the prompt of the sheet, and flush it: it has no line end.

    // TODO (step 1): read a line, take its line end off and nothing else, and send all of
    // it.

    // TODO (step 1): read the answer and say: Received from server: TEXT

    // TODO (what goes wrong): notice that the server closes while the user still thinks.
    // Two sides to wait for: which of them gets a thread?
    Ok(())
}
