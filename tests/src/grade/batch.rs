//! Grades many submissions: a few at a time, resumed, sharded, reported after every check.

use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::isolate::Isolation;
use super::lane::{self, Lane, Setup};
use super::submission::{
    Scratch, Submission, archives, course_version, find, forget_old_copies,
};
use crate::Usage;
use crate::checks;
use crate::harness::{Check, Executor, Outcome, Status, has_leash, schedule};
use crate::report::{
    CheckReport, FORMAT, Feedback, Files, Report, Shards, State, SubmissionReport,
    Totals, Visibility,
};

/// What to grade, and how.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Submissions, or folders of submissions.
    pub dirs: Vec<PathBuf>,
    /// Whether each of them is one submission, whatever it holds.
    pub single: bool,
    /// Steps, chapters or check ids; all steps that a submission has, if empty.
    pub only: Vec<String>,
    /// How many checks run at once.
    pub jobs: Option<usize>,
    /// Where all random inputs come from.
    pub seed: Option<u64>,
    /// How often each check runs.
    pub repeat: u32,
    /// This run's part (from 1) of how many.
    pub shard: (usize, usize),
    /// How much is said of what did not pass.
    pub feedback: Feedback,
    /// Who sees results on Gradescope.
    pub visibility: Visibility,
    /// Whether namespaces may be used.
    pub isolation: bool,
    /// Whether a submission is built where it is: the user's own, in their own target
    /// folder, so that nothing is built twice.
    pub in_place: bool,
    /// When a build is ended.
    pub build_limit: Duration,
    /// Where reports go while the run goes on.
    pub files: Option<Files>,
    /// Whether to go on with what is there.
    pub resume: bool,
}

/// What happens during a run, for a progress bar.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The run begins, with so many checks to run.
    Begin {
        /// How many checks.
        checks: usize,
        /// How submissions are kept apart.
        isolation: Isolation,
        /// Whether that is as the batch wants it, namespaces or not.
        wanted: bool,
    },
    /// A submission is being built.
    Building(&'a str),
    /// A check has ended.
    Done(&'a str, &'a Outcome),
    /// Something goes wrong that does not end the run.
    Trouble(&'a str),
}

/// Selects the checks that words name: ids, steps, chapters (`04`, `04_tcp`).
///
/// # Errors
///
/// When a word names nothing.
pub fn select(words: &[String]) -> anyhow::Result<Vec<Check>> {
    let all = checks::all();
    if words.is_empty() {
        return Ok(all);
    }
    let names = |word: &str, check: &Check| {
        let sheet = check.sheet.split('#').next().unwrap_or_default();
        let chapter = sheet.rsplit('/').next().unwrap_or_default();
        let chapter = chapter.trim_end_matches(".md");
        check.id == word
            || check.step() == word
            || chapter == word
            || chapter.split('_').next() == Some(word)
    };
    for word in words {
        if !all.iter().any(|check| names(word, check)) {
            let hint = match alike(word, &all).as_slice() {
                [] => "`cargo lab` lists the steps".to_owned(),
                names => format!("did you mean {}?", names.join(" or ")),
            };
            return Err(Usage::error(format!(
                "{word:?} is no step, chapter or check; {hint}"
            )));
        }
    }
    let mut selected = all;
    selected.retain(|check| words.iter().any(|word| names(word, check)));
    Ok(selected)
}

/// The steps, or the checks when the word has a dot, whose names are nearest to a word:
/// at most three.
fn alike(word: &str, all: &[Check]) -> Vec<&'static str> {
    const ENOUGH: f32 = 0.7;
    const SHOWN: usize = 3;
    let mut names: Vec<&'static str> = all
        .iter()
        .map(|check| match word.contains('.') {
            true => check.id,
            false => check.step(),
        })
        .collect();
    names.dedup();
    let ratio = |name: &str| similar::TextDiff::from_chars(word, name).ratio();
    let mut found: Vec<(f32, &'static str)> = names
        .into_iter()
        .map(|name| (ratio(name), name))
        .filter(|(ratio, _)| *ratio > ENOUGH)
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    // What is much nearer than the rest is what was meant.
    let best = found.first().map_or(0.0, |(ratio, _)| *ratio);
    found.retain(|(ratio, _)| *ratio > best - 0.1);
    found
        .into_iter()
        .take(SHOWN)
        .map(|(_, name)| name)
        .collect()
}

/// Everything that the threads of a run share.
struct Run<'a> {
    batch: &'a Batch,
    report: Mutex<Report>,
    checks: Vec<Check>,
    lanes: usize,
    events: &'a (dyn Fn(Event<'_>) + Sync),
    changed: Mutex<mpsc::Sender<()>>,
}

/// Grades what the batch names and returns the report.
///
/// # Errors
///
/// When there is nothing to grade, or reports cannot be written or resumed.
pub fn grade(
    batch: &Batch,
    events: &(dyn Fn(Event<'_>) + Sync),
) -> anyhow::Result<Report> {
    let submissions = find(&batch.dirs, batch.single)?;
    if submissions.is_empty() {
        return Err(Usage::error(
            "there is no submission in there: a folder with a Cargo.toml or a lab.toml, or \
             a folder of such folders",
        ));
    }
    for archive in batch.dirs.iter().flat_map(|dir| archives(dir)) {
        events(Event::Trouble(&format!(
            "{} is an archive: unpack it, or it is not graded",
            archive.display()
        )));
    }
    let mut checks = select(&batch.only)?;
    if batch.only.is_empty() {
        // What nobody has handed in is not asked for; what one has, all are asked for.
        checks.retain(|check| {
            let step = check.step();
            submissions
                .iter()
                .any(|one| one.steps.iter().any(|s| s == step))
        });
    }
    let (shard, shards) = batch.shard;
    let submissions: Vec<Submission> = submissions
        .into_iter()
        .enumerate()
        .filter(|(index, _)| index % shards.max(1) == shard.saturating_sub(1))
        .map(|(_, submission)| submission)
        .collect();

    let isolation = match batch.isolation {
        true => Isolation::probe(),
        false => Isolation::ProcessGroups,
    };
    let cores = thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let jobs = match (batch.jobs, isolation.separates_ports()) {
        (Some(jobs), _) => jobs.max(1),
        // Checks mostly wait, so more than there are cores may run at once.
        (None, true) => (cores * 3).clamp(4, 32),
        (None, false) => 1,
    };
    let at_once = (jobs / 3).clamp(1, submissions.len().max(1));
    let earlier = match (&batch.files, batch.resume) {
        (Some(files), true) => files.read()?,
        _ => None,
    };
    let report = begin(batch, &submissions, &checks, isolation, earlier)?;
    let to_run = report.submissions.iter().map(|one| one.totals.not_run);
    events(Event::Begin {
        checks: usize::try_from(to_run.sum::<u32>())?,
        isolation,
        wanted: !batch.isolation,
    });

    let (sender, changed) = mpsc::channel();
    let run = Run {
        batch,
        report: Mutex::new(report),
        checks,
        lanes: (jobs / at_once).max(1),
        events,
        changed: Mutex::new(sender),
    };
    if let Some(files) = &batch.files {
        files.write(&run.report())?;
    }
    let queue = Mutex::new(submissions.into_iter());
    thread::scope(|scope| {
        let writer = scope.spawn(|| write_reports(&run, changed));
        let workers: Vec<_> = (0..at_once)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let next = lock(&queue).next();
                        let Some(submission) = next else { return };
                        grade_one(&run, &submission);
                    }
                })
            })
            .collect();
        for worker in workers {
            // A panic in there is a defect of ours; the rest is still reported.
            let _ = worker.join();
        }
        // The writer ends when nobody can send any more.
        *lock(&run.changed) = mpsc::channel().0;
        let _ = writer.join();
    });
    forget_old_copies();
    let mut report = run
        .report
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let ended = |one: &SubmissionReport| one.state != State::Unfinished;
    report.finished = report.submissions.iter().all(ended);
    if let Some(files) = &batch.files {
        files.write(&report)?;
    }
    Ok(report)
}

impl Run<'_> {
    fn report(&self) -> MutexGuard<'_, Report> {
        lock(&self.report)
    }

    /// Changes one submission's report, sums up, and has the files written.
    fn update(&self, name: &str, change: impl FnOnce(&mut SubmissionReport)) {
        let mut report = self.report();
        let Some(one) = report.submissions.iter_mut().find(|one| one.name == name) else {
            return;
        };
        change(one);
        one.sum_up();
        let one = one.clone();
        report.sum_up();
        if let Some(files) = &self.batch.files
            && let Err(error) = files.write_one(&report, &one)
        {
            (self.events)(Event::Trouble(&format!("{error:#}")));
        }
        drop(report);
        let _ = lock(&self.changed).send(());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Replaces the whole run's reports after every check. With very many submissions that
/// takes its time, so at most a twentieth of the run's is spent on it.
fn write_reports(run: &Run<'_>, changed: mpsc::Receiver<()>) {
    const SHARE: u32 = 20;
    while changed.recv().is_ok() {
        let Some(files) = &run.batch.files else {
            continue;
        };
        while changed.try_recv().is_ok() {}
        let start = Instant::now();
        let report = run.report().clone();
        if let Err(error) = files.write(&report) {
            (run.events)(Event::Trouble(&format!("{error:#}")));
        }
        let pause = start.elapsed() * SHARE;
        if pause > Duration::from_millis(100) {
            // Wakes up early when the run ends meanwhile.
            let give_up = Instant::now() + pause;
            while let Some(left) = give_up.checked_duration_since(Instant::now()) {
                match changed.recv_timeout(left) {
                    Err(mpsc::RecvTimeoutError::Disconnected) => return,
                    Err(mpsc::RecvTimeoutError::Timeout) | Ok(()) => {}
                }
            }
        }
    }
}

/// The report at the beginning: nothing is run but what an earlier run has left.
fn begin(
    batch: &Batch,
    submissions: &[Submission],
    checks: &[Check],
    isolation: Isolation,
    earlier: Option<Report>,
) -> anyhow::Result<Report> {
    let seed = match (batch.seed, &earlier) {
        (Some(seed), _) => seed,
        (None, Some(earlier)) => earlier.seed,
        // Half of the range: JSON numbers are exact up to 2^53 in every language.
        (None, None) => fastrand::u64(..1 << 53),
    };
    let mut report = Report {
        format: FORMAT,
        seed,
        repeat: batch.repeat.max(1),
        shards: Shards::one(batch.shard.0, batch.shard.1),
        course: course_version().unwrap_or_default(),
        isolation,
        visibility: batch.visibility,
        feedback: batch.feedback,
        finished: false,
        totals: Totals::default(),
        submissions: Vec::new(),
    };
    for submission in submissions {
        let mut one = SubmissionReport {
            name: submission.name.clone(),
            path: submission.dir.display().to_string(),
            fingerprint: String::new(),
            state: State::Unfinished,
            problem: None,
            totals: Totals::default(),
            checks: checks
                .iter()
                .map(|check| CheckReport::not_run(check, batch.feedback))
                .collect(),
        };
        match submission.fingerprint() {
            Ok(fingerprint) => one.fingerprint = fingerprint,
            Err(error) => one.problem = Some(format!("{error:#}")),
        }
        one.sum_up();
        report.submissions.push(one);
    }
    if let Some(earlier) = &earlier {
        go_on(&mut report, earlier)?;
    }
    report.sum_up();
    Ok(report)
}

/// Takes the outcomes of an earlier run into the report of this one.
///
/// # Errors
///
/// When it is another run, whose marks would be lost or mixed with those of this one.
fn go_on(report: &mut Report, earlier: &Report) -> anyhow::Result<()> {
    let mut differences = report.differences(earlier);
    let part = |report: &Report| {
        let held: Vec<String> = report.shards.held.iter().map(usize::to_string).collect();
        format!("{}/{}", held.join("+"), report.shards.of)
    };
    if report.shards != earlier.shards {
        let (there, here) = (part(earlier), part(report));
        differences.push(format!("shard: {there} there, {here} here"));
    }
    let mut lost = earlier.submissions.iter().filter(|other| {
        let mut all = report.submissions.iter();
        !all.any(|one| one.name == other.name)
    });
    if let Some(first) = lost.next() {
        let more = match lost.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        differences.push(format!("submissions: {}{more} there, not here", first.name));
    }
    if !differences.is_empty() {
        return Err(Usage::error(format!(
            "the reports in --out are of another run, whose marks --resume would replace \
             ({}): give a new --out, or leave out --resume to begin anew",
            differences.join("; ")
        )));
    }
    for one in &mut report.submissions {
        let mut all = earlier.submissions.iter();
        // A submission that has changed meanwhile is graded afresh.
        let Some(before) = all
            .find(|other| other.name == one.name && other.fingerprint == one.fingerprint)
        else {
            continue;
        };
        for check in &mut one.checks {
            let mut all = before.checks.iter();
            let known = all.find(|other| other.id == check.id);
            if let Some(known) = known.filter(|known| known.outcome().is_some()) {
                *check = known.clone();
            }
        }
        one.sum_up();
    }
    Ok(())
}

/// Grades one submission, as far as it is not graded.
fn grade_one(run: &Run<'_>, submission: &Submission) {
    let name = submission.name.as_str();
    let known: Vec<Outcome> = {
        let report = run.report();
        let one = report.submissions.iter().find(|one| one.name == name);
        let checks = one.into_iter().flat_map(|one| &one.checks);
        checks.filter_map(CheckReport::outcome).collect()
    };
    if known.len() == run.checks.len() && !known.is_empty() {
        return;
    }
    if let Err(error) = grade_rest(run, submission, known) {
        run.update(name, |one| {
            // What cannot be graded counts nothing, and says why.
            one.problem = Some(format!("{error:#}"));
        });
    }
}

fn grade_rest(
    run: &Run<'_>,
    submission: &Submission,
    known: Vec<Outcome>,
) -> anyhow::Result<()> {
    let name = submission.name.as_str();
    if let Some(why) = submission.leads_out().filter(|_| !run.batch.in_place) {
        bail!(why);
    }
    if let Some(why) = submission.why_no_programs() {
        bail!(why);
    }
    if run.checks.is_empty() {
        let names = submission.steps.join(", ");
        bail!("none of its programs has the name of a step: {names}");
    }
    (run.events)(Event::Building(name));
    let (isolation, seed) = {
        let report = run.report();
        (report.isolation, report.seed)
    };
    let scratch = match run.batch.in_place {
        true => Scratch::in_place(submission),
        false => Scratch::of(submission),
    };
    let scratch = scratch.context("cannot make a copy to work on")?;
    let prepared = scratch.build(isolation, run.batch.build_limit)?;
    // A manifest that cargo refuses is a program that does not compile: its checks fail.
    if let Some(why) = prepared.trouble().filter(|why| why.starts_with("lab.toml")) {
        bail!(why.to_owned());
    }
    let rooms = scratch.rooms();
    let setup = Setup {
        prepared,
        isolation,
        code: scratch.code(),
        // A process table of its own ends with all that is in it.
        has_leash: isolation != Isolation::Namespaces && has_leash(),
    };
    let executor = || -> Executor<'_> {
        let mut slot: Option<Lane> = None;
        let (setup, rooms, scratch) = (&setup, &rooms, &scratch);
        Box::new(move |check: &Check| {
            if let Some(mut outcome) = lane::missing(check, &setup.prepared) {
                scratch.tidy(&mut outcome);
                return outcome;
            }
            let turns = 0..u64::from(run.batch.repeat.max(1));
            let outcomes = turns.map(|turn| {
                let seed = seed.wrapping_add(turn);
                lane::run(&mut slot, check, seed, setup, rooms)
            });
            let mut outcome = worst(outcomes.collect()).unwrap_or_else(|| {
                Outcome::error(check, "not run".to_owned(), Duration::ZERO)
            });
            scratch.tidy(&mut outcome);
            outcome
        })
    };
    let feedback = run.batch.feedback;
    let done = |outcome: &Outcome| {
        run.update(name, |one| {
            let mut all = one.checks.iter_mut();
            if let Some(check) = all.find(|check| check.id == outcome.id) {
                *check = CheckReport::new(outcome, feedback);
            }
        });
        (run.events)(Event::Done(name, outcome));
    };
    schedule(&run.checks, run.lanes, known, &executor, &done);
    Ok(())
}

/// Of several runs of one check, the one that counts: the worst, with a note where they
/// differ.
fn worst(outcomes: Vec<Outcome>) -> Option<Outcome> {
    let runs = outcomes.len();
    let passed = outcomes
        .iter()
        .filter(|outcome| outcome.status == Status::Passed)
        .count();
    let millis = outcomes.iter().map(|outcome| outcome.millis).sum();
    let rank = |outcome: &Outcome| match outcome.status {
        Status::Passed => 0,
        Status::Blocked => 1,
        Status::Failed => 2,
        Status::Error => 3,
    };
    // The first of the worst, so that the same seed gives the same report.
    let mut worst = outcomes.into_iter().reduce(|worst, next| {
        if rank(&next) > rank(&worst) {
            next
        } else {
            worst
        }
    })?;
    worst.millis = millis;
    if passed > 0 && passed < runs {
        worst.note = Some(format!("unsteady: passed in {passed} of {runs} runs"));
    }
    Some(worst)
}
