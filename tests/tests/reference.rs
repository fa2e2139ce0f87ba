//! Every check of the course against its reference program, each a test of its own.
//!
//! `cargo test tcp_server` runs those of one step. The seed of all random inputs is
//! printed; `SOCKET_LABS_SEED=n cargo test` replays it.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use grading::checks;
use grading::harness::{Prepared, Status, Target, kill_strays, run_check};
use libtest_mimic::{Arguments, Failed, Trial};

static PREPARED: OnceLock<Result<Arc<Prepared>, String>> = OnceLock::new();

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Most of a check's time is waiting, so a few more than there are cores do no harm.
    arguments.test_threads.get_or_insert(4);
    let seed = std::env::var("SOCKET_LABS_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed} (SOCKET_LABS_SEED={seed} replays it)");

    let checks = checks::all();
    let wanted = |id: &str| match &arguments.filter {
        Some(filter) => id.contains(filter.as_str()),
        None => true,
    };
    let mut steps: Vec<&'static str> = checks
        .iter()
        .filter(|check| wanted(check.id))
        .map(|check| check.step())
        .collect();
    steps.dedup();

    let trials = checks.into_iter().map(|check| {
        let steps = steps.clone();
        Trial::test(check.id, move || {
            // One build for all, by the first test that runs: binaries are always fresh.
            let prepared = PREPARED.get_or_init(|| {
                let prepared = Target::Reference.prepare(&steps);
                prepared.map(Arc::new).map_err(|error| format!("{error:#}"))
            });
            let prepared = prepared.as_ref().map_err(Failed::from)?;
            let outcome = run_check(prepared, &check, seed);
            match outcome.status {
                Status::Passed => Ok(()),
                _ => Err(outcome.feedback().into()),
            }
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    kill_strays();
    conclusion.exit_code()
}
