//! Chapter 6: a client that tries again, a few times, with pauses (RFC 9293).
//!
//! Terminal 1:  cargo run -p robust_server        (start it a little later)
//! Terminal 2:  cargo run -p retry_client
//! Lab sheet:   labs/06_errors.md

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use labkit::{Console, Endpoint};

/// How long one attempt may take for each address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Growing pauses end here: nobody waits an hour for a server that is back.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Connect to the server, and try again if that fails.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
    /// How often to try
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    attempts: u32,
    /// Seconds to wait after a failure
    #[arg(long, default_value = "2", value_name = "SECONDS")]
    #[arg(value_parser = labkit::duration(0.0..=3600.0))]
    delay: Duration,
    /// Double the pause after each failure, up to 30 s, and shake it a little
    #[arg(long)]
    backoff: bool,
}

fn main() -> ExitCode {
    labkit::run_client(connect_patiently, "robust_server")
}

fn connect_patiently(args: Args) -> anyhow::Result<()> {
    // A wrong name stays wrong: only what can get better by itself is tried again.
    let addrs = args.endpoint.addrs()?;
    let mut outcome = Ok(());
    for attempt in 1..=args.attempts {
        // A socket whose connect() has failed is used up: each attempt takes a new one.
        outcome = connect(&addrs).map(drop);
        if outcome.is_ok() {
            println!("Connected to the server");
            return Ok(());
        }
        args.console.line(format_args!(
            "Connection attempt {attempt} failed, retrying..."
        ));
        if attempt < args.attempts {
            thread::sleep(pause(&args, attempt));
        }
    }
    println!("Failed to connect after retries");
    outcome.with_context(|| format!("cannot connect to {}", args.endpoint))
}

/// Tries each address of the server once.
fn connect(addrs: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut outcome = Err(io::Error::from(ErrorKind::AddrNotAvailable));
    for addr in addrs {
        outcome = TcpStream::connect_timeout(addr, CONNECT_TIMEOUT);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Returns how long to wait after this attempt.
fn pause(args: &Args, attempt: u32) -> Duration {
    if !args.backoff {
        return args.delay;
    }
    let doubled = 2_u32.saturating_pow(attempt - 1);
    let longest = args.delay.saturating_mul(doubled).min(MAX_PAUSE);
    // A thousand clients that lost the same server must not come back in step, so each
    // waits for a time of its own between half the pause and the whole.
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(backoff: bool) -> Args {
        let flag = if backoff { &["--backoff"][..] } else { &[] };
        let line = ["retry_client", "--delay", "2"].iter().chain(flag);
        clap::Parser::parse_from(line)
    }

    #[test]
    fn without_backoff_all_pauses_are_the_same() {
        for attempt in 1..10 {
            assert_eq!(pause(&args(false), attempt), Duration::from_secs(2));
        }
    }

    #[test]
    fn with_backoff_the_pause_doubles_up_to_its_limit() {
        for (attempt, whole) in [(1, 2), (2, 4), (3, 8), (4, 16), (5, 30), (u32::MAX, 30)]
        {
            let whole = Duration::from_secs(whole);
            let pause = pause(&args(true), attempt);
            assert!(pause >= whole / 2 && pause <= whole, "{attempt}: {pause:?}");
        }
    }

    #[test]
    fn the_pauses_of_two_clients_differ() {
        let pauses: Vec<_> = (0..20).map(|_| pause(&args(true), 3)).collect();
        assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{pauses:?}");
    }
}
