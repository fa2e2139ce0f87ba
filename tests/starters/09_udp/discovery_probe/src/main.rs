//! Chapter 9: a probe, which you write.
//!
//! Lab sheet:  labs/09_udp.md

mod answer;

use clap::Parser;

/// Ask who is there, and list who answers within 2 s.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Address or name of the server
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port
    #[arg(long, default_value_t = 9999)]
    port: u16,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();

    // TODO (step 6): send WHO and a line end to 239.255.42.99 and args.port, through the
    // network card with the address args.host.
    let _ = (args.host, args.port);

    // TODO (step 6): print name and address of each answer (answer.rs) that comes within
    // 2 s; then end.
    Ok(())
}
