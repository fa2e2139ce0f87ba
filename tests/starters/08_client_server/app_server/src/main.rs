//! Chapter 8: the server half of an application, which you write.
//!
//! Lab sheet:  labs/08_client_server.md

use clap::Parser;

/// Echo what each client sends, many clients at once.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 65432)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();

    // TODO (step 1): bind a TcpListener to args.host and args.port, and report it if that
    // fails. Then say: Server started on HOST:PORT, waiting for connections...
    let _ = (args.host, args.port);

    // TODO (step 1): accept clients in a loop. A failed accept does not end the server.

    // TODO (step 1): give each client a thread of its own, so that a silent one keeps
    // nobody waiting. Say who came: New connection from A

    // TODO (step 1): in the thread, read up to 1024 bytes at a time, say
    // Received from A: TEXT, and send "Server echo: " and the bytes back, in one write.

    // TODO (step 1): a read of 0 bytes is the end: Connection closed by A, and last
    // Connection handler closed for A. An error ends this client only.
    Ok(())
}
