//! What the course's own programs must do: every check, the contract that all share, the
//! lab sheets, and real peers, chapter by chapter.
//!
//! One program, so that all wait at the same time: nearly all of a test's time is waiting.
//!
//! - `cargo test tcp_server`: the tests of one step;
//! - `cargo test --test suite 04_tcp::`: one sheet;
//! - `SOCKET_LABS_RUNS=200`: the checks 200 times, on busy cores (`soak.rs`);
//! - `SOCKET_LABS_ALL=1 cargo test`: the load and kill tests with their full numbers, and
//!   `cargo run` on the sheets as a student types it.

#[cfg(target_os = "linux")]
mod ch06_errors;
#[cfg(unix)]
mod ch08_client_server;
mod ch09_udp;
mod ch10_security;
mod ch11_http;
mod ch_tools;
mod contract;
mod held;
mod python_halves;
mod reference;
mod sheets;
mod soak;

use std::process::ExitCode;

use grading::harness::{kill_strays, raise_file_limit};
use libtest_mimic::{Arguments, Trial};

/// How many tests run at once, however few cores there are.
const AT_ONCE: usize = 24;
/// The same, in one of many runs that may be beside each other.
const AT_ONCE_IN_SOAK: usize = 8;

/// Whether everything is to be done, with the full numbers, however long that takes.
fn in_full() -> bool {
    std::env::var_os("SOCKET_LABS_ALL").is_some()
}

/// Tells whether a program may have so many descriptors open.
#[cfg(target_os = "linux")]
fn may_open(descriptors: u64) -> bool {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.maximum.is_none_or(|most| most >= descriptors)
}

/// Python itself; where it is missing, what needs it is ignored.
fn python() -> &'static str {
    grading::harness::python().unwrap_or("python3")
}

fn main() -> ExitCode {
    if let Some(end) = sheets::within_namespace() {
        return end;
    }
    if let Some(end) = soak::soak() {
        return end;
    }
    raise_file_limit();
    let mut arguments = Arguments::from_args();
    if soak::is_one_run() {
        arguments.test_threads.get_or_insert(AT_ONCE_IN_SOAK);
        let (waiting, quick) = reference::trials();
        let trials = [waiting, quick].into_iter().flatten().collect();
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    arguments.test_threads.get_or_insert(AT_ONCE);
    // Those that take longest begin first. The checks that wait are spread among tests that
    // work: all at once they would hold every place, and the cores would idle.
    let (waiting, quick) = reference::trials();
    let peers = [
        ch11_http::trials(),
        #[cfg(unix)]
        ch08_client_server::trials(),
        #[cfg(target_os = "linux")]
        ch06_errors::trials(),
        ch10_security::trials(),
        ch_tools::trials(),
        ch09_udp::trials(),
        python_halves::trials(),
    ];
    let peers = spread(waiting, peers.into_iter().flatten().collect());
    let files = [sheets::trials(), peers, contract::trials(), quick];
    let trials = files.into_iter().flatten().collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    kill_strays();
    conclusion.exit_code()
}

/// Puts some among others, evenly.
fn spread(some: Vec<Trial>, others: Vec<Trial>) -> Vec<Trial> {
    let (count, among) = (some.len(), others.len());
    let mut some = some.into_iter();
    let mut all = Vec::with_capacity(count + among);
    for (index, other) in others.into_iter().enumerate() {
        all.push(other);
        let due = count * (index + 1) / among;
        all.extend(some.by_ref().take(due - count * index / among));
    }
    all.extend(some);
    all
}
