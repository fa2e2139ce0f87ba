//! Show a page with a visitor counter, whatever is asked for.
//!
//! Sheet: labs/11_http.md

mod http;

use clap::Parser;

/// Show a page with a visitor counter.
#[derive(clap::Parser)]
struct Args {
    /// Address or name
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 8000)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let _ = (&args.host, args.port);
    // TODO (step 2): listen, and print "HTTP Server running on http://HOST:PORT".
    // TODO (step 2): accept clients; a silent one must not keep the others waiting.
    // TODO (step 2): read the head of the request, up to its blank line (http.rs).
    // TODO (step 2): count the visitor and write the response (http.rs).
    Ok(())
}
