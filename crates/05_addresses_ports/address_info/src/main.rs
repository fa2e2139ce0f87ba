//! Chapter 5: what an address and a port tell about themselves: family, scope, range,
//! usual service (RFC 6890, RFC 6335).
//!
//! Terminal:    cargo run -p address_info 192.168.1.10:443
//! Also:        cargo run -p address_info [fe80::1]:22 8.8.8.8 5432
//! You will see one line a fact.
//! Lab sheet:   labs/05_addresses_ports.md

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use address_info::{PortRange, scope, service};
use anyhow::{Context, bail, ensure};

/// Tell what each address and port is for.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// ADDRESS, ADDRESS:PORT, [IPV6-ADDRESS]:PORT, or a PORT alone
    #[arg(required = true, value_name = "ADDRESS")]
    texts: Vec<String>,
}

fn main() -> ExitCode {
    labkit::run(explain)
}

fn explain(args: Args) -> anyhow::Result<()> {
    let mut separator = "";
    for text in &args.texts {
        let (addr, zone, port) = parse(text)?;
        print!("{separator}");
        if let Some(addr) = addr {
            show_addr(addr);
        }
        if let Some(zone) = zone {
            println!("Zone:        {}", labkit::printable(zone.as_bytes()));
        }
        if let Some(port) = port {
            show_port(port);
        }
        separator = "\n";
    }
    Ok(())
}

/// Splits a text into address, zone and port, each of which may be missing.
fn parse(text: &str) -> anyhow::Result<(Option<IpAddr>, Option<&str>, Option<u16>)> {
    // A port alone is the only one without dot and colon.
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let port = text.parse();
        let port = port.ok().with_context(|| no_port(text))?;
        return Ok((None, None, Some(port)));
    }
    if let Ok(socket_addr) = text.parse::<SocketAddr>() {
        return Ok((Some(socket_addr.ip()), None, Some(socket_addr.port())));
    }
    // In brackets stands an IPv6 address, with or without a port behind it.
    let (addr, port) = match text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        Some((addr, "")) => (addr, None),
        Some((addr, port)) => (addr, Some(port.strip_prefix(':').unwrap_or(port))),
        None if text.matches(':').count() == 1 => match text.split_once(':') {
            Some((addr, port)) => (addr, Some(port)),
            None => (text, None),
        },
        None => (text, None),
    };
    // A zone tells through which interface a link-local address is reached (RFC 4007 §11).
    let (addr, zone) = match addr.split_once('%') {
        Some((addr, zone)) => (addr, Some(zone)),
        None => (addr, None),
    };
    let Ok(addr) = addr.parse::<IpAddr>() else {
        bail!(
            "{text:?} is no address: write 192.168.1.10, 192.168.1.10:80, 2001:db8::1, \
             [2001:db8::1]:80 or a port. (For a name: cargo run -p dns_lookup)"
        );
    };
    ensure!(
        zone.is_none() || addr.is_ipv6() && zone != Some(""),
        "{text:?}: only an IPv6 address has a zone, as in fe80::1%eth0"
    );
    let port = match port {
        None => None,
        Some(port) => Some(port.parse().ok().with_context(|| no_port(port))?),
    };
    Ok((Some(addr), zone, port))
}

fn no_port(port: &str) -> String {
    format!("{port:?} is no port: a number from 0 to 65535")
}

fn show_addr(addr: IpAddr) {
    let family = if addr.is_ipv4() { "IPv4" } else { "IPv6" };
    let found = scope(addr);
    println!("Address:     {addr}");
    println!("Family:      {family}");
    println!("Scope:       {}", found.kind);
    println!("Purpose:     {} ({})", found.purpose, found.source);
    println!("Block:       {}", found.block);
    println!("Global:      {}", if found.global { "yes" } else { "no" });
    if let IpAddr::V6(addr) = addr {
        show_mapped(addr);
    }
}

/// An IPv4-mapped address is how an IPv6 socket sees an IPv4 peer (RFC 4291 §2.5.5.2).
fn show_mapped(addr: Ipv6Addr) {
    if let Some(addr) = addr.to_ipv4_mapped() {
        println!("Maps to:     {addr} ({})", scope(addr.into()).kind);
    }
}

fn show_port(port: u16) {
    println!("Port:        {port}");
    println!("Port range:  {}", PortRange::of(port).name());
    println!("Service:     {}", service(port).unwrap_or("none"));
}
