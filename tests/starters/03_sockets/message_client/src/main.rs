//! Chapter 3: a client that sends what you type, line by line.
//!
//! Lab sheet:  labs/03_sockets.md
//! Check it:   cargo lab check message_client

use clap::Parser;

/// Send what is typed to the server, line by line.
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
    // TODO (step 6): connect to host and port; report a failure in a line Error: …
    // TODO (step 6): show the prompt, flush it, read a line; the end of input ends.
    // TODO (step 6): send the line without its line end, at most 1024 bytes of it.
    // TODO (step 6): read the answer and print it; closed ends the conversation.
    // TODO (step 6): the last line says that the connection is closed.
    let _ = (args.host, args.port);
}
