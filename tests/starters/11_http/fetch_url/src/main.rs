//! Fetch an http URL and write the body to standard output.
//!
//! Sheet: labs/11_http.md

mod input;
mod output;

use std::path::PathBuf;

use clap::Parser;

/// Fetch an http URL.
#[derive(clap::Parser)]
struct Args {
    /// What to fetch: http://HOST[:PORT][/PATH][?QUERY]
    url: String,
    /// Write status line and fields before the body
    #[arg(short, long)]
    include: bool,
    /// Show the heads of request and response on standard error
    #[arg(short, long)]
    verbose: bool,
    /// Write to this file
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Follow redirects
    #[arg(short = 'L', long)]
    location: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let _ = (
        &args.url,
        args.include,
        args.verbose,
        &args.output,
        args.location,
    );
    // TODO (step 3): take the URL apart (url.rs).
    // TODO (step 3): connect, send the request, read the head (response.rs).
    // TODO (step 3): read the body: by length, by chunks, or up to the close.
    // TODO (step 3): a server may be silent, or slow for ever (input.rs, patience.rs).
    // TODO (step 3): write it where it belongs (output.rs); fail when it is cut short.
    Ok(())
}
