//! Chapter 6: a server that drops clients which do not answer.
//!
//! Lab sheet:  labs/06_errors.md
//! Check it:   cargo lab check heartbeat_server

mod text;

use clap::Parser;

/// Send PING to every client, and drop who misses three of them.
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
    // TODO (step 7): bind, listen, accept, a thread for each client.
    // TODO (step 7): send PING and a line feed every second.
    // TODO (step 7): count the beats without an answer; a line PONG sets it to zero.
    // TODO (step 7): at three, close the connection.
    let _ = (args.host, args.port);
}
