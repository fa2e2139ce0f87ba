//! Chapter 5: the machine's TCP and UDP sockets, with their states and who has them,
//! read from the kernel's own tables as `ss -tunap` shows them (proc(5)).
//!
//! Terminal:    cargo run -p connection_monitor
//! Also:        cargo run -p connection_monitor -- --listening --watch
//! You will see one line a socket; with more rights, more process names.
//! Lab sheet:   labs/05_addresses_ports.md

mod processes;

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind, IsTerminal};
use std::process::ExitCode;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use anyhow::{Context, bail};
use connection_monitor::{Protocol, Socket, parse_table};

/// Show the machine's TCP and UDP sockets.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    /// Only sockets that wait for clients: TCP listening, UDP without a peer
    #[arg(short, long)]
    listening: bool,
    /// Only TCP
    #[arg(short, long, conflicts_with = "udp")]
    tcp: bool,
    /// Only UDP
    #[arg(short, long)]
    udp: bool,
    /// Only sockets with this port on either end
    #[arg(short, long)]
    port: Option<u16>,
    /// Show them again every so many seconds, until Ctrl-C
    #[arg(short, long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
}

fn main() -> ExitCode {
    labkit::run(monitor)
}

fn monitor(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    loop {
        let sockets = sockets(&args)?;
        // Where the output is a file or a pipe, each table follows the one before.
        if args.watch.is_some() && io::stdout().is_terminal() {
            print!("\x1b[H\x1b[2J"); // cursor home, clear the screen
        }
        show(&sockets, &processes::by_inode());
        let Some(seconds) = args.watch else {
            return Ok(());
        };
        println!();
        let pause = Duration::from_secs(seconds);
        if interrupted.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return Ok(());
        }
    }
}

/// Reads the four tables and keeps what was asked for.
fn sockets(args: &Args) -> anyhow::Result<Vec<Socket>> {
    let mut sockets = Vec::new();
    for (protocol, path) in [
        (Protocol::Tcp, "/proc/net/tcp"),
        (Protocol::Tcp, "/proc/net/tcp6"),
        (Protocol::Udp, "/proc/net/udp"),
        (Protocol::Udp, "/proc/net/udp6"),
    ] {
        if cfg!(not(target_os = "linux")) {
            bail!(
                "this lab reads {path}, which only Linux has. Elsewhere try: netstat -an"
            );
        }
        match fs::read_to_string(path) {
            Ok(table) => sockets.extend(parse_table(protocol, &table)),
            // A kernel without IPv6 has no table of it.
            Err(error) if error.kind() == ErrorKind::NotFound && path.ends_with('6') => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {path}"));
            }
        }
    }
    sockets.retain(|socket| wanted(args, socket));
    sockets.sort_by_key(|socket| (socket.protocol, socket.local, socket.peer));
    Ok(sockets)
}

fn wanted(args: &Args, socket: &Socket) -> bool {
    let protocol = match socket.protocol {
        Protocol::Tcp => !args.udp,
        Protocol::Udp => !args.tcp,
    };
    let ports = [socket.local.port(), socket.peer.port()];
    protocol
        && args.port.is_none_or(|port| ports.contains(&port))
        && (!args.listening || matches!(socket.state, "LISTEN" | "UNCONN"))
}

fn show(sockets: &[Socket], owners: &HashMap<u64, Vec<String>>) {
    println!(
        "Proto State       Local address                 Peer address                  Process"
    );
    for socket in sockets {
        let owner = owners.get(&socket.inode).map(|names| names.join(", "));
        println!("{socket}{}", owner.unwrap_or_else(|| "-".to_owned()));
    }
}
