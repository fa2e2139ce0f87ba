//! Answer HTTP requests with a page that shows what was asked.
//!
//! Sheet: labs/11_http.md

mod request;
mod response;

use clap::Parser;

/// Answer HTTP requests with a page that shows what was asked.
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
    // TODO (step 4): listen, and give every client a thread.
    // TODO (step 4): read until a whole head is there, parse it (request.rs), answer it
    // (response.rs).
    // TODO (step 5): read the body, then go on with the next request of this connection.
    // TODO (step 6): limits for every size and every time; an error closes.
    Ok(())
}
