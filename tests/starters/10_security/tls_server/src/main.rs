//! Chapter 10: a server that answers over TLS.
//!
//! Lab sheet:  labs/10_security.md
//! Check it:   cargo lab check tls_server

mod config;

use clap::Parser;

/// Answer every client over an encrypted connection.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address or name
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 65432)]
    port: u16,
    /// The server's certificate (PEM)
    #[arg(long)]
    cert: Option<std::path::PathBuf>,
    /// Its private key (PEM)
    #[arg(long)]
    key: Option<std::path::PathBuf>,
    /// Let in only who shows a certificate of a trusted CA
    #[arg(long)]
    require_client_cert: bool,
}

fn main() {
    let args = Args::parse();
    // TODO (step 1): a rustls::ServerConfig (config.rs), made once, shared by all
    // threads.
    // TODO (step 1): listen, accept, a thread per client.
    // TODO (step 3): shake hands in that thread, with a time limit for all of it.
    // TODO (step 3): read one message, print it, reply, say close_notify.
    // TODO (step 4): a client that speaks no TLS must harm nobody.
    let _ = (
        args.host,
        args.port,
        args.cert,
        args.key,
        args.require_client_cert,
    );
}
