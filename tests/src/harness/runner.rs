//! The order of checks, blocked ones, confirmation, parallel jobs.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

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

/// Runs one check after another, in whatever way: each job of a run has its own.
pub type Executor<'a> = Box<dyn FnMut(&Check) -> Outcome + 'a>;

/// Runs all checks of a plan; `done` is told of each as soon as it has ended. Returns the
/// outcomes in the order of the plan.
///
/// A check starts when those that it needs have passed; it is blocked when one has not.
/// What it needs and the plan does not hold counts as passed.
pub fn run(plan: &Plan, done: &(dyn Fn(&Outcome) + Sync)) -> Vec<Outcome> {
    let executor = || -> Executor<'_> {
        Box::new(|check| run_check(&plan.prepared, check, plan.seed))
    };
    schedule(&plan.checks, plan.jobs, Vec::new(), &executor, done)
}

/// Runs checks in the order in which they need each other; each of the `jobs` threads
/// makes itself an executor. `known` are outcomes of an earlier run: those checks are not
/// run again. Returns all outcomes in the order of `checks`.
pub fn schedule<'a>(
    checks: &[Check],
    jobs: usize,
    known: Vec<Outcome>,
    executor: &(dyn Fn() -> Executor<'a> + Sync),
    done: &(dyn Fn(&Outcome) + Sync),
) -> Vec<Outcome> {
    let mut progress = Progress {
        waiting: Vec::new(),
        running: 0,
        statuses: HashMap::new(),
        outcomes: checks.iter().map(|_| None).collect(),
    };
    for (index, check) in checks.iter().enumerate() {
        match known.iter().find(|outcome| outcome.id == check.id) {
            Some(outcome) => {
                progress.statuses.insert(check.id, outcome.status);
                if let Some(slot) = progress.outcomes.get_mut(index) {
                    *slot = Some(outcome.clone());
                }
            }
            None => progress.waiting.push(index),
        }
    }
    let jobs = jobs.clamp(1, progress.waiting.len().max(1));
    let progress = Mutex::new(progress);
    let changed = Condvar::new();
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| work(checks, &progress, &changed, executor, done));
        }
    });
    let progress = progress
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    progress.outcomes.into_iter().flatten().collect()
}

fn work<'a>(
    checks: &[Check],
    progress: &Mutex<Progress>,
    changed: &Condvar,
    executor: &(dyn Fn() -> Executor<'a> + Sync),
    done: &(dyn Fn(&Outcome) + Sync),
) {
    let mut execute = None;
    let mut state = lock(progress);
    while !state.waiting.is_empty() {
        let Some((place, blocker)) = next(checks, &state) else {
            // All that wait need a check that is still running.
            if state.running == 0 {
                return; // They need each other in a circle: `author check` finds it.
            }
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let index = state.waiting.remove(place);
        let Some(check) = checks.get(index) else {
            continue;
        };
        state.running += 1;
        drop(state);
        let outcome = match blocker {
            Some(id) => Outcome::blocked(check, id),
            None => execute.get_or_insert_with(executor)(check),
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
fn next(checks: &[Check], state: &Progress) -> Option<(usize, Option<&'static str>)> {
    for (place, &index) in state.waiting.iter().enumerate() {
        let check = checks.get(index)?;
        let mut undecided = false;
        let mut blocker = None;
        for &need in check.needs {
            match state.statuses.get(need) {
                Some(Status::Passed) => {}
                Some(_) => blocker = Some(need),
                None => undecided |= checks.iter().any(|other| other.id == need),
            }
        }
        if blocker.is_some() || !undecided {
            return Some((place, blocker));
        }
    }
    None
}

/// Runs one check, whatever it needs, and confirms its failure by a second run where it
/// measures time, as far as its deadline leaves time for one.
pub fn run_check(prepared: &Arc<Prepared>, check: &Check, seed: u64) -> Outcome {
    let start = Instant::now();
    let first = run_once(prepared, check, seed, check.deadline);
    let left = check.deadline.saturating_sub(start.elapsed());
    if check.timing && first.status == Status::Failed && left > start.elapsed() {
        return run_once(prepared, check, seed, left);
    }
    first
}

fn run_once(
    prepared: &Arc<Prepared>,
    check: &Check,
    seed: u64,
    deadline: Duration,
) -> Outcome {
    let start = Instant::now();
    let seed = seed ^ hash(check.id);
    let mut exam = match Exam::new(check.step(), prepared, seed, deadline) {
        Ok(exam) => exam,
        Err(Stop::Error(note)) => return Outcome::error(check, note, start.elapsed()),
        Err(Stop::Failed(failure)) => {
            return Outcome::failed(check, *failure, start.elapsed());
        }
    };
    let verdict = catch_unwind(AssertUnwindSafe(|| (check.function)(&mut exam)));
    match verdict {
        Ok(Ok(())) => Outcome::passed(check, start.elapsed()),
        Ok(Err(Stop::Failed(mut failure))) => {
            failure.conversation = exam.transcript().render();
            failure.blame_a_crash();
            mask(&mut failure, &exam);
            Outcome::failed(check, *failure, start.elapsed())
        }
        Ok(Err(Stop::Error(note))) => Outcome::error(check, note, start.elapsed()),
        Err(_) => {
            let note = "the check itself panicked: a defect of the grader".to_owned();
            Outcome::error(check, note, start.elapsed())
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
    let texts = texts.into_iter().chain(&mut failure.cause);
    for text in texts {
        *text = text.replace(&dir, "DIR");
        for port in exam.ports() {
            *text = text.replace(&format!(":{port}"), ":PORT");
        }
    }
}

/// FNV-1a: the same in every build, unlike std's hasher.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
