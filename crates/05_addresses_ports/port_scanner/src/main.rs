//! Chapter 5: which TCP ports of a host are open? Connect to each, and see (RFC 9293
//! §3.10.7: a closed port answers RST, an open one SYN-ACK, a filtered one nothing).
//!
//! Terminal:    cargo run -p port_scanner 127.0.0.1 --ports 1-1024
//! You will see one line for each open port, and how many are closed or filtered.
//! Lab sheet:   labs/05_addresses_ports.md

mod probe;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use address_info::service;
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use port_scanner::{check_permission, parse_ports};
use probe::{State, probe};

/// Find the open TCP ports of a host. Scan only machines that you may scan.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Name or address of the host
    #[arg(default_value = "127.0.0.1")]
    host: String,
    /// Ports and ranges: 22,80,8000-8100
    #[arg(short, long, default_value = "1-1024", value_parser = parse_ports)]
    ports: BTreeSet<u16>,
    /// Milliseconds after which a silent port counts as filtered
    #[arg(short, long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    timeout: u64,
    /// How many ports to try at a time, at most 512 [default: 4 on this machine, else 256]
    #[arg(short, long, value_parser = clap::value_parser!(u16).range(1..=512))]
    workers: Option<u16>,
    /// Print closed and filtered ports too
    #[arg(short, long)]
    all: bool,
    /// Scan a public address: its owner has allowed it
    #[arg(long)]
    i_have_permission: bool,
}

fn main() -> ExitCode {
    labkit::run(run)
}

fn run(args: Args) -> anyhow::Result<()> {
    let ports: Vec<u16> = args.ports.into_iter().collect();
    let addr = resolve(&args.host)?;
    check_permission(addr, args.i_have_permission)?;
    println!("Scanning {addr}, {} ports", ports.len());

    let began = Instant::now();
    // On this machine the kernel answers at once: more threads than cores would only
    // wait for each other. Elsewhere each waits for the network.
    let default_workers = if addr.is_loopback() { 4 } else { 256 };
    let workers = args.workers.map_or(default_workers, usize::from);
    let timeout = Duration::from_millis(args.timeout);
    let states = scan(addr, &ports, workers, timeout)?;

    print_states(&states, args.all);
    println!("Scanned in {:.2} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn resolve(host: &str) -> anyhow::Result<IpAddr> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let mut addrs: Vec<SocketAddr> = (name, 0)
        .to_socket_addrs()
        .with_context(|| format!("cannot find the host {host:?}"))?
        .collect();
    addrs.sort_by_key(SocketAddr::is_ipv6);
    let first = addrs.first();
    let addr = first.with_context(|| format!("the host {host:?} has no address"))?;
    Ok(addr.ip().to_canonical())
}

/// Tries all ports, `workers` at a time, and shows the progress if stderr is a terminal.
fn scan(
    addr: IpAddr,
    ports: &[u16],
    workers: usize,
    timeout: Duration,
) -> anyhow::Result<BTreeMap<u16, State>> {
    let progress = ProgressBar::new(u64::try_from(ports.len())?);
    progress.set_style(ProgressStyle::with_template(
        "{bar:40} {pos}/{len} ports, {eta} left",
    )?);
    let next = AtomicUsize::new(0);
    let mut states = BTreeMap::new();
    thread::scope(|threads| {
        let work = || take_ports(addr, ports, &next, timeout, &progress);
        let mut started = Vec::new();
        for _ in 0..workers.min(ports.len()) {
            match thread::Builder::new().spawn_scoped(threads, work) {
                Ok(thread) => started.push(thread),
                Err(error) if started.is_empty() => return Err(error),
                Err(_) => break, // The system has no more threads: fewer do the work.
            }
        }
        for thread in started {
            match thread.join() {
                Ok(found) => states.extend(found?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(())
    })
    .with_context(|| format!("cannot scan {addr}"))?;
    progress.finish_and_clear();
    Ok(states)
}

/// One worker: takes the next port of the list until none is left.
fn take_ports(
    addr: IpAddr,
    ports: &[u16],
    next: &AtomicUsize,
    timeout: Duration,
    progress: &ProgressBar,
) -> io::Result<Vec<(u16, State)>> {
    let mut states = Vec::new();
    let mut refused = None;
    while let Some(port) = ports.get(next.fetch_add(1, Ordering::Relaxed)) {
        match probe(SocketAddr::new(addr, *port), timeout, &mut refused) {
            Ok(state) => states.push((*port, state)),
            Err(error) => {
                next.store(ports.len(), Ordering::Relaxed); // Nobody goes on.
                return Err(error);
            }
        }
        progress.inc(1);
    }
    Ok(states)
}

/// Prints what is open, what is not if `all` is asked for, and how many there are of each.
fn print_states(states: &BTreeMap<u16, State>, all: bool) {
    let count = |state| states.values().filter(|s| **s == state).count();
    for (port, state) in states {
        match state {
            State::Open => {
                println!("{port} open {}", service(*port).unwrap_or("unknown"))
            }
            State::Closed if all => println!("{port} closed"),
            State::Filtered if all => println!("{port} filtered"),
            State::Closed | State::Filtered => {}
        }
    }
    let (open, closed) = (count(State::Open), count(State::Closed));
    let filtered = count(State::Filtered);
    println!("{open} open, {closed} closed, {filtered} filtered");
}
