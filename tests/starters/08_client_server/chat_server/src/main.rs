//! Chapter 8: a chat room, which you write.
//!
//! Lab sheet:  labs/08_client_server.md

mod delivery;
mod messages;
mod reading;
mod room;

use clap::Parser;

/// Let everybody who connects talk with everybody else.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 5555)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();

    // TODO (step 2): bind a TcpListener to args.host and args.port, and report it if that
    // fails. Then say: [LISTENING] Server is listening on HOST:PORT
    let _ = (args.host, args.port);

    // TODO (step 2): accept clients, many at a time. Greet each one at once, and say
    // [NEW CONNECTION] A connected and [ACTIVE CONNECTIONS] N.

    // TODO (step 2): read what a client sends, and confirm each message to its sender:
    // "Server received: " and the very bytes that came. Say [A] TEXT.

    // TODO (step 3): tell each message to all others (room.rs, delivery.rs).

    // TODO (step 2): quit, in any case and trimmed, ends the client, and so does the end
    // of its stream: [DISCONNECT] A disconnected

    // TODO (what goes wrong): Ctrl-C says [SHUTDOWN] Server shutting down and ends the
    // server, also while clients are connected.
    Ok(())
}
