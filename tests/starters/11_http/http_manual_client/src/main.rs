//! Send one HTTP request by hand and print the whole response.
//!
//! Sheet: labs/11_http.md

use clap::Parser;

/// Send one HTTP request by hand and print the whole response.
#[derive(clap::Parser)]
struct Args {
    /// Address or name
    #[arg(long, default_value = "localhost")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 80)]
    port: u16,
    /// What to ask for
    #[arg(long, default_value = "/")]
    path: String,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let _ = (&args.host, args.port, &args.path);
    // TODO (step 1): connect and print "Connected to HOST:PORT".
    // TODO (step 1): write the request: request line, Host, Connection: close, blank line.
    // TODO (step 1): print "Sent HTTP request:" and the request.
    // TODO (step 1): read until the server closes; one read is not enough.
    // TODO (step 1): print "Received HTTP response:" and all of it.
    Ok(())
}
