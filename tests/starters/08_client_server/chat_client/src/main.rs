//! Chapter 8: the client of the chat, which you write.
//!
//! Lab sheet:  labs/08_client_server.md

mod lines;
mod screen;

use clap::Parser;

/// Talk with everybody who is in the chat room.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Address or name of the server
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 5555)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();

    // TODO (step 2): connect to args.host and args.port. If nobody listens there, say:
    // Could not connect to server. Is it running?
    let _ = (args.host, args.port);

    // TODO (step 2): send each line that is typed (screen.rs), ended with a line end.
    // Skip blank lines. After quit, in any case, end; at the end of the input, end too.

    // TODO (step 3): show what the server says (lines.rs), also while the user types. Two
    // sides to wait for: which of them gets a thread?

    // TODO (step 3): when the server closes, say Disconnected from server, and end.
    Ok(())
}
