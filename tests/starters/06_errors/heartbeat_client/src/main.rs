//! Chapter 6: a client that answers beats and comes back.
//!
//! Lab sheet:  labs/06_errors.md
//! Check it:   cargo lab check heartbeat_client

use clap::Parser;

/// Answer the server's PINGs, and reconnect when it goes away.
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
    // TODO (step 7): connect, read lines, answer PING with PONG and a line feed.
    // TODO (step 7): three seconds without a PING: the server is gone.
    // TODO (step 7): connect again after a pause that doubles, with some chance in it.
    let _ = (args.host, args.port);
}
