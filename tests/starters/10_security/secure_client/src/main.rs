//! Chapter 10: a client that proves that it knows the token.
//!
//! Lab sheet:  labs/10_security.md
//! Check it:   cargo lab check secure_client

mod keyboard;
mod wire;

use clap::Parser;

/// Authenticate with the token of API_KEY, then send what is typed.
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
    // TODO (step 7): connect (wire.rs). Take the token from API_KEY and send it as the
    // line AUTH token.
    // TODO (step 7): anything but OK ends the conversation.
    // TODO (step 7): send each typed line, print the reply; the end of input ends.
    let _ = (args.host, args.port);
}
