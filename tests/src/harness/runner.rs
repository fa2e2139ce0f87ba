//! The order of checks, blocked ones, confirmation, parallel jobs.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::check::{Check, Failure, Outcome, Status, Stop};
use super::exam::Exam;
use super::lock;
use super::target::Prepared;

/// What to run: checks against a target whose programs are built.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The target.
    pub prepared: Arc<Prepared>,
    /// The checks, in the order of the report.
    pub checks: Vec<Check>,
    /// Where all random inputs come from.
    pub seed: u64,
    /// How many checks run at once.
    pub jobs: usize,
}

/// How far a run has come.
struct Progress {
    waiting: Vec<usize>,
    running: usize,
    statuses: HashMap<&'static str, Status>,
    outcomes: Vec<Option<Outcome>>,
}

/// Runs all checks of a plan; `done` is told of each as soon as it has ended. Returns the
/// outcomes in the order of the plan.
///
/// A check starts when those that it needs have passed; it is blocked when one has not.
/// What it needs and the plan does not hold counts as passed.
pub fn run(plan: &Plan, done: &(dyn Fn(&Outcome) + Sync)) -> Vec<Outcome> {
    let progress = Mutex::new(Progress {
        waiting: (0..plan.checks.len()).collect(),
        running: 0,
        statuses: HashMap::new(),
        outcomes: plan.checks.iter().map(|_| None).collect(),
    });
    let changed = Condvar::new();
    thread::scope(|scope| {
        for _ in 0..plan.jobs.max(1) {
            scope.spawn(|| work(plan, &progress, &changed, done));
        }
    });
    let progress = progress
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    progress.outcomes.into_iter().flatten().collect()
}

fn work(
    plan: &Plan,
    progress: &Mutex<Progress>,
    changed: &Condvar,
    done: &(dyn Fn(&Outcome) + Sync),
) {
    let mut state = lock(progress);
    while !state.waiting.is_empty() {
        let Some((place, blocker)) = next(plan, &state) else {
            // All that wait need a check that is still running.
            if state.running == 0 {
                return; // A need that is declared later: `author check` finds it.
            }
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let index = state.waiting.remove(place);
        let Some(check) = plan.checks.get(index) else {
            continue;
        };
        state.running += 1;
        drop(state);
        let outcome = match blocker {
            Some(id) => {
                let note = Some(id.to_owned());
                outcome(check, Status::Blocked, None, note, Instant::now())
            }
            None => run_check(&plan.prepared, check, plan.seed),
        };
        done(&outcome);
        state = lock(progress);
        state.running -= 1;
        state.statuses.insert(check.id, outcome.status);
        if let Some(slot) = state.outcomes.get_mut(index) {
            *slot = Some(outcome);
        }
        changed.notify_all();
    }
}

/// Returns the place in `waiting` of a check that can go on, and what blocks it, if so.
fn next(plan: &Plan, state: &Progress) -> Option<(usize, Option<&'static str>)> {
    for (place, &index) in state.waiting.iter().enumerate() {
        let check = plan.checks.get(index)?;
        let mut undecided = false;
        let mut blocker = None;
        for &need in check.needs {
            match state.statuses.get(need) {
                Some(Status::Passed) => {}
                Some(_) => blocker = Some(need),
                None => undecided |= plan.checks.iter().any(|other| other.id == need),
            }
        }
        if blocker.is_some() || !undecided {
            return Some((place, blocker));
        }
    }
    None
}

/// Runs one check, whatever it needs, and confirms its failure by a second run where it
/// measures time.
pub fn run_check(prepared: &Arc<Prepared>, check: &Check, seed: u64) -> Outcome {
    let first = run_once(prepared, check, seed);
    if check.timing && first.status == Status::Failed {
        return run_once(prepared, check, seed);
    }
    first
}

fn run_once(prepared: &Arc<Prepared>, check: &Check, seed: u64) -> Outcome {
    let start = Instant::now();
    let seed = seed ^ hash(check.id);
    let mut exam = match Exam::new(check.step(), prepared, seed, check.deadline) {
        Ok(exam) => exam,
        Err(Stop::Error(note)) => {
            return outcome(check, Status::Error, None, Some(note), start);
        }
        Err(Stop::Failed(failure)) => {
            return outcome(check, Status::Failed, Some(*failure), None, start);
        }
    };
    let verdict = catch_unwind(AssertUnwindSafe(|| (check.function)(&mut exam)));
    match verdict {
        Ok(Ok(())) => outcome(check, Status::Passed, None, None, start),
        Ok(Err(Stop::Failed(mut failure))) => {
            failure.conversation = exam.transcript().render();
            mask(&mut failure, &exam);
            outcome(check, Status::Failed, Some(*failure), None, start)
        }
        Ok(Err(Stop::Error(note))) => {
            outcome(check, Status::Error, None, Some(note), start)
        }
        Err(_) => {
            let note = "the check itself panicked: a defect of the grader".to_owned();
            outcome(check, Status::Error, None, Some(note), start)
        }
    }
}

/// Takes out of a failure what differs between two runs with the same seed: ports and the
/// temporary folder's name.
fn mask(failure: &mut Failure, exam: &Exam) {
    let dir = exam.dir().display().to_string();
    let texts = [
        &mut failure.expected,
        &mut failure.got,
        &mut failure.conversation,
    ];
    for text in texts {
        *text = text.replace(&dir, "DIR");
        for port in exam.ports() {
            *text = text.replace(&format!(":{port}"), ":PORT");
        }
    }
}

fn outcome(
    check: &Check,
    status: Status,
    failure: Option<Failure>,
    note: Option<String>,
    start: Instant,
) -> Outcome {
    Outcome {
        id: check.id.to_owned(),
        step: check.step().to_owned(),
        title: check.title.to_owned(),
        points: check.points,
        status,
        failure,
        note,
        millis: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        sheet: check.sheet.to_owned(),
        by_hand: check.by_hand.to_owned(),
    }
}

/// FNV-1a: the same in every build, unlike std's hasher.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
