//! Many whole runs in a row, several at once, while every core is kept busy: a check that
//! fails once in a hundred times is a defect of the check.
//!
//! `SOCKET_LABS_RUNS=200 SOCKET_LABS_AT_ONCE=4 cargo test --test suite` makes 200 runs of
//! all checks over the references, 4 at a time, and says how many failed and how long they
//! took. Nothing else of the suite is run.

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The number in an environment variable, if there is one.
fn number(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

/// Makes the runs that the environment asks for; `None` when it asks for none.
pub fn soak() -> Option<ExitCode> {
    let runs = number("SOCKET_LABS_RUNS")?;
    let at_once = number("SOCKET_LABS_AT_ONCE").unwrap_or(1).max(1);
    let cores = thread::available_parallelism().map_or(2, std::num::NonZero::get);
    println!("{runs} runs, {at_once} at once, {cores} cores kept busy");
    let (next, failed) = (AtomicUsize::new(1), AtomicUsize::new(0));
    let over = AtomicBool::new(false);
    let times = Mutex::new(Vec::new());
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let workers: Vec<_> = (0..at_once)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let run = next.fetch_add(1, Ordering::Relaxed);
                        if run > runs {
                            return;
                        }
                        let begin = Instant::now();
                        let said = one_run();
                        let took = begin.elapsed();
                        times
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(took);
                        let verdict = if said.is_some() { "FAILED" } else { "ok" };
                        println!("run {run} of {runs}: {verdict}, {} s", took.as_secs());
                        if let Some(said) = said {
                            failed.fetch_add(1, Ordering::Relaxed);
                            println!("{said}");
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            let _ = worker.join();
        }
        over.store(true, Ordering::Relaxed);
    });
    let mut times = times.into_inner().unwrap_or_else(PoisonError::into_inner);
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let longest = times.last().copied().unwrap_or(Duration::ZERO);
    let failed = failed.load(Ordering::Relaxed);
    println!(
        "{failed} of {runs} runs failed; median {} s, longest {} s, {} s in all",
        median.as_secs(),
        longest.as_secs(),
        start.elapsed().as_secs()
    );
    Some(ExitCode::from(u8::from(failed > 0)))
}

/// Set in the processes that make one run each.
const ONE_RUN: &str = "SOCKET_LABS_ONE_RUN";

/// Whether this process makes one of the runs.
pub fn is_one_run() -> bool {
    std::env::var_os(ONE_RUN).is_some()
}

/// Runs this test once as a process of its own; returns what it says when it fails.
fn one_run() -> Option<String> {
    let output = std::env::current_exe().and_then(|own| {
        Command::new(own)
            .args(std::env::args_os().skip(1))
            .env_remove("SOCKET_LABS_RUNS")
            .env(ONE_RUN, "1")
            .output()
    });
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            let from = said.find("failures:").unwrap_or_default();
            Some(said.get(from..).unwrap_or(&said).to_owned())
        }
        Err(error) => Some(format!("cannot run: {error}")),
    }
}
