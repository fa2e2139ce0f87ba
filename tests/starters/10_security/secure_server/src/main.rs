//! Chapter 10: a server that strangers may try to break.
//!
//! Lab sheet:  labs/10_security.md
//! Check it:   cargo lab check secure_server

mod audit;
mod guard;
mod request;
mod session;
mod token;
mod wire;

use clap::Parser;

/// Answer those who know the token, and survive all others.
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
    // TODO (step 7): take the token (token.rs); without one, say so and end with status
    // 1.
    // TODO (step 7): listen, accept, a thread per client, at most so many at a time.
    // TODO (step 7): read lines (wire.rs, request.rs) and answer them (session.rs).
    // TODO (step 8): limits for what an address may do (guard.rs), and a log (audit.rs).
    let _ = (args.host, args.port);
}
