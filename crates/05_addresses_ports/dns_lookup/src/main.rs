//! Chapter 5: from a name to addresses, through the system's own resolver: hosts file,
//! DNS, and what else it is set up to ask (POSIX getaddrinfo).
//!
//! Terminal:    cargo run -p dns_lookup localhost
//! You will see every address of each name, both families, and how long it took.
//! Lab sheet:   labs/05_addresses_ports.md

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail, ensure};

/// Look up the addresses of names.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Names to look up; an address stands for itself
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Show IPv4 addresses only
    #[arg(short = '4', conflicts_with = "ipv6")]
    ipv4: bool,
    /// Show IPv6 addresses only
    #[arg(short = '6')]
    ipv6: bool,
}

fn main() -> ExitCode {
    labkit::run(look_up_all)
}

fn look_up_all(args: Args) -> anyhow::Result<()> {
    if let [name] = &args.names[..] {
        return look_up(name, &args);
    }
    let mut failed = 0;
    for name in &args.names {
        // One unknown name does not hide the others.
        match look_up(name, &args) {
            Ok(()) => println!(),
            Err(error) => {
                eprintln!("error: {error:#}");
                failed += 1;
            }
        }
    }
    match failed {
        0 => Ok(()),
        failed => bail!("{failed} of {} names not found", args.names.len()),
    }
}

fn look_up(name: &str, args: &Args) -> anyhow::Result<()> {
    let began = Instant::now();
    // The resolver is asked for host and port together; the port is of no interest here.
    let addrs: Vec<SocketAddr> = (name, 0)
        .to_socket_addrs()
        .with_context(|| format!("cannot find {name:?}"))?
        .collect();
    let time = began.elapsed();

    println!("Name:  {}", labkit::printable(name.as_bytes()));
    let mut shown = Vec::new();
    for addr in addrs.iter().map(SocketAddr::ip) {
        let wanted = if addr.is_ipv4() {
            !args.ipv6
        } else {
            !args.ipv4
        };
        if wanted && !shown.contains(&addr) {
            let family = if addr.is_ipv4() { "IPv4" } else { "IPv6" };
            println!("{family}:  {addr}");
            shown.push(addr);
        }
    }
    println!("Time:  {:.1} ms", time.as_secs_f64() * 1e3);
    ensure!(!shown.is_empty(), "{name:?} has no address of this family");
    Ok(())
}
