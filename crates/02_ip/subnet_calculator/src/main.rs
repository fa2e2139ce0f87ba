//! Chapter 2: which network does an address belong to, and who else lives there?
//! (RFC 4632, RFC 4291 §2.3)
//!
//! Terminal:    cargo run -p subnet_calculator 192.168.1.152/24
//! Also:        cargo run -p subnet_calculator 10.0.0.1/255.240.0.0 2001:db8::1/64
//! You will see the network, its hosts, and the AND that finds it, bit by bit.
//! Lab sheet:   labs/02_ip.md

use std::io::{self, BufRead, Read};
use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use subnet_calculator::{Prefix, binary, class};

/// The longest line that is read from stdin, in bytes: no prefix is as long as that.
const MAX_LINE: u64 = 1024;

/// Show network, mask, hosts and broadcast address of each prefix.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// ADDRESS/LENGTH or ADDRESS/MASK, or ADDRESS MASK; - reads them from stdin, one a line
    #[arg(required = true, value_name = "PREFIX")]
    prefixes: Vec<String>,
}

fn main() -> ExitCode {
    labkit::run(calculate)
}

fn calculate(args: Args) -> anyhow::Result<()> {
    let mut separator = "";
    let mut texts = args.prefixes.iter().peekable();
    while let Some(text) = texts.next() {
        if text == "-" {
            separator = each_line(io::stdin().lock(), separator)?;
            continue;
        }
        // "10.0.0.1 255.0.0.0": a mask may stand alone behind its address.
        let mask = texts.next_if(|mask| !text.contains('/') && is_mask(mask));
        let prefix = match mask {
            Some(mask) => Prefix::parse(&format!("{text}/{mask}"))?,
            None => Prefix::parse(text)?,
        };
        print!("{separator}");
        show(prefix);
        separator = "\n";
    }
    Ok(())
}

/// Tells whether a text begins as a mask does; 128.0.0.0 is the shortest useful one.
fn is_mask(text: &str) -> bool {
    let Ok(IpAddr::V4(mask)) = text.parse() else {
        return false;
    };
    mask.is_unspecified() || mask.octets().first().is_some_and(|byte| *byte >= 128)
}

/// Shows the prefixes that come from stdin; blank lines are skipped.
fn each_line(
    mut input: impl BufRead,
    mut separator: &'static str,
) -> anyhow::Result<&'static str> {
    for number in 1_u64.. {
        let mut line = Vec::new();
        let len = (&mut input)
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .context("cannot read stdin")?;
        if len == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        if text.trim().is_empty() {
            continue;
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        ensure!(fields.len() <= 2, "line {number}: more than one prefix");
        let prefix = Prefix::parse(&fields.join("/"));
        print!("{separator}");
        show(prefix.with_context(|| format!("line {number}"))?);
        separator = "\n";
    }
    Ok(separator)
}

fn show(prefix: Prefix) {
    let (first, last) = prefix.hosts();
    println!("Address:     {}", prefix.addr);
    println!("Network:     {}/{}", prefix.network(), prefix.len);
    println!("Netmask:     {}", prefix.mask());
    println!("Wildcard:    {}", prefix.wildcard());
    match prefix.broadcast() {
        Some(broadcast) => println!("Broadcast:   {broadcast}"),
        None => println!("Broadcast:   none"),
    }
    println!("First host:  {first}");
    println!("Last host:   {last}");
    println!("Hosts:       {}", prefix.host_count());
    println!("Addresses:   {}", prefix.address_count());
    if let IpAddr::V4(addr) = prefix.addr {
        println!("Class:       {}", class(addr));
    }
    println!("  address    {}", binary(prefix.addr));
    println!("  AND mask   {}", binary(prefix.mask()));
    println!("  = network  {}", binary(prefix.network()));
}
