//! Chapter 10: a client that knows whom it talks to.
//!
//! Lab sheet:  labs/10_security.md
//! Check it:   cargo lab check tls_client

use clap::Parser;

/// Send one message over an encrypted connection and print the answer.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address or name
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 65432)]
    port: u16,
    /// The CA to trust, and no other (PEM)
    #[arg(long, default_value = "certs/ca-cert.pem")]
    ca: std::path::PathBuf,
}

fn main() {
    let args = Args::parse();
    // TODO (step 2): read the CA's certificate into a rustls::RootCertStore.
    // TODO (step 2): connect; report a failure in one line and end with status 1.
    // TODO (step 2): shake hands; the server's name is what the user asked for.
    // TODO (step 2): send the message, print the reply.
    // TODO (step 5): what must happen when the certificate is not right?
    let _ = (args.host, args.port, args.ca);
}
