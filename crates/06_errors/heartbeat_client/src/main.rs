//! Chapter 6: a client that answers every PING, and comes back by itself when the
//! connection is lost.
//!
//! Terminal 1:  cargo run -p heartbeat_server
//! Terminal 2:  cargo run -p heartbeat_client
//! Lab sheet:   labs/06_errors.md

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use labkit::{Console, Endpoint, reason};

/// The longest line, in bytes: `PING` and `PONG` are the only words.
const MAX_LINE: u64 = 64;
/// So many intervals without a PING, and the server counts as gone.
const MISSED_BEATS: u32 = 3;
/// How long an attempt to connect may take for each address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The pause grows no further than this.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Answer the server's PINGs, and reconnect when it goes away.
#[derive(clap::Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<65432>,
    #[command(flatten)]
    console: Console,
    /// Seconds from beat to beat, as the server has it
    #[arg(long, default_value = "1", value_name = "SECONDS")]
    #[arg(value_parser = labkit::duration(0.01..=3600.0))]
    interval: Duration,
    /// End after so many beats
    #[arg(long, value_name = "N")]
    beats: Option<u64>,
    /// Stop answering after so many beats, to see what the server does
    #[arg(long, value_name = "N")]
    mute_after: Option<u64>,
    /// Give up after so many failures in a row
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    attempts: u32,
}

fn main() -> ExitCode {
    labkit::run_client(stay_connected, "heartbeat_server")
}

/// Connects again and again; only failures in a row count against it.
fn stay_connected(args: Args) -> anyhow::Result<()> {
    args.endpoint.addrs()?; // A wrong name stays wrong: no attempt makes it better.
    let mut beats = 0;
    let mut failures = 0;
    loop {
        let before = beats;
        let error = match connect(&args).and_then(|s| answer(s, &args, &mut beats)) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        // A beat was heard: the server was there, so the count begins anew.
        failures = if beats > before { 1 } else { failures + 1 };
        if failures >= args.attempts {
            return Err(error.context(format!("gave up after {failures} failures")));
        }
        let pause = pause(failures);
        let why = match error.downcast_ref::<io::Error>() {
            Some(cause) => reason(cause),
            None => error.to_string(),
        };
        args.console.line(format_args!("Connection lost: {why}"));
        args.console
            .line(format_args!("Next attempt in {:.1} s", pause.as_secs_f64()));
        thread::sleep(pause);
    }
}

/// Tries one address of the server after the other.
fn connect(args: &Args) -> anyhow::Result<TcpStream> {
    let mut outcome = Err(io::Error::from(ErrorKind::AddrNotAvailable));
    for addr in args.endpoint.addrs()? {
        outcome = TcpStream::connect_timeout(&addr, CONNECT_TIMEOUT);
        if outcome.is_ok() {
            args.console.line(format_args!("Connected to {addr}"));
            break;
        }
    }
    outcome.with_context(|| format!("cannot connect to {}", args.endpoint))
}

/// Answers PING with PONG; ends well only when all wanted beats were heard.
fn answer(mut stream: TcpStream, args: &Args, beats: &mut u64) -> anyhow::Result<()> {
    stream.set_read_timeout(Some(args.interval * MISSED_BEATS))?;
    stream.set_write_timeout(Some(args.interval * MISSED_BEATS))?;
    let mut lines = BufReader::new(stream.try_clone()?);
    loop {
        if args.beats.is_some_and(|wanted| *beats >= wanted) {
            return Ok(());
        }
        let mut line = Vec::new();
        match (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(_) => {}
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    return Err(anyhow!("the server missed {MISSED_BEATS} beats"));
                }
                _ => return Err(error.into()),
            },
        }
        if line.trim_ascii() != b"PING" {
            continue;
        }
        *beats += 1;
        if args.mute_after.is_some_and(|last| *beats > last) {
            args.console.line(format_args!("PING (no answer)"));
            continue;
        }
        stream.write_all(b"PONG\n")?;
        args.console.line(format_args!("PING -> PONG"));
    }
}

/// Returns how long to wait after so many failures in a row.
fn pause(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    let longest = FIRST_PAUSE.saturating_mul(doubled).min(MAX_PAUSE);
    // A time of its own for each client, between half the pause and the whole: a server
    // that comes back must not meet all its clients in the same instant.
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_its_limit() {
        for (failures, whole) in
            [(1, 500), (2, 1000), (3, 2000), (7, 30_000), (99, 30_000)]
        {
            let whole = Duration::from_millis(whole);
            let pause = pause(failures);
            assert!(
                pause >= whole / 2 && pause <= whole,
                "{failures}: {pause:?}"
            );
        }
    }
}
