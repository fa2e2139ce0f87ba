//! Every check of the course against its reference program, each a test of its own.
//!
//! `cargo test tcp_server` runs those of one step. The seed of all random inputs is
//! printed; `SOCKET_LABS_SEED=n cargo test` replays it.

use std::sync::{Arc, OnceLock};

use grading::checks;
use grading::harness::{Check, Prepared, Status, Target, run_check};
use libtest_mimic::{Failed, Trial};

static PREPARED: OnceLock<Result<Arc<Prepared>, String>> = OnceLock::new();

/// Checks that take seconds, though they measure no time.
const LONG: [&str; 8] = [
    "config_server.nothing_half_written",
    "chat_server.cuts_no_line",
    "select_server.loses_nothing",
    "heartbeat_server.keeps_who_answers",
    "heartbeat_client.tries_until_somebody_listens",
    "udp_client.gives_up_without_a_reply",
    "udp_echo_client.gives_up_without_a_reply",
    "threaded_server.serves_many_at_once",
];

/// The tests of this file: those that wait for seconds, and the others.
pub fn trials() -> (Vec<Trial>, Vec<Trial>) {
    let seed = std::env::var("SOCKET_LABS_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed} (SOCKET_LABS_SEED={seed} replays it)");

    let trial = |check: Check| {
        Trial::test(check.id, move || {
            let prepared = PREPARED.get_or_init(|| {
                let prepared = Target::Reference.prepare(&checks::steps());
                prepared.map(Arc::new).map_err(|error| format!("{error:#}"))
            });
            let prepared = prepared.as_ref().map_err(Failed::from)?;
            let outcome = run_check(prepared, &check, seed);
            match outcome.status {
                Status::Passed => Ok(()),
                // Here it is the course's own program that has failed.
                _ => Err(outcome
                    .feedback()
                    .replace("cargo lab run ", "cargo run -p ")
                    .into()),
            }
        })
    };
    let waits = |check: &Check| check.timing || LONG.contains(&check.id);
    let (waiting, quick): (Vec<_>, Vec<_>) = checks::all().into_iter().partition(waits);
    (
        waiting.into_iter().map(trial).collect(),
        quick.into_iter().map(trial).collect(),
    )
}
