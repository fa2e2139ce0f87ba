//! The grader is graded: wrong programs fail what their table declares, unusual ones
//! pass everything, starters score nothing.
//!
//! `cargo test --test grader` runs one wrong program of each chapter and a few right ones;
//! `SOCKET_LABS_ALL=1` (as `.ci/run` does) runs every one of them, and the starters.
//!
//! What a wrong program is told is compared with `tests/snapshots/`: see `snapshots.rs`
//! for how they are written anew.

#[path = "grader/snapshots.rs"]
mod snapshots;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use grading::checks;
use grading::harness::{
    Check, Outcome, Plan, Status, Target, WITHOUT_SITE, kill_strays, python,
    raise_file_limit, run,
};
use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;
use snapshots::{Mode, Snapshots};

/// One `table.toml`.
#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    program: Vec<Entry>,
}

/// One program of a table.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The file beside the table. The first wrong one of a chapter is its sample.
    file: String,
    /// The lab step that it is handed in for.
    step: String,
    /// The row of GRADING.md, or "own".
    class: String,
    /// What is wrong with it.
    #[serde(default)]
    bug: String,
    /// What is unusual about it.
    #[serde(default)]
    what: String,
    /// The checks that it fails, all others pass or are blocked.
    #[serde(default)]
    fails: Vec<String>,
    /// Words after host and port.
    #[serde(default)]
    args: Vec<String>,
    /// Whether an unusual program belongs to the sample: those do that need little time.
    #[serde(default)]
    sample: bool,
    #[serde(skip)]
    dir: PathBuf,
}

fn main() -> ExitCode {
    raise_file_limit();
    let mut arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wrong = entries(&root.join("wrong"));
    let unusual = entries(&root.join("unusual"));
    // Whoever asks for them by name (`cargo test wrong::tcp_server`) gets them all.
    let asked = arguments
        .filter
        .as_ref()
        .is_some_and(|filter| filter.contains("::"));
    let mode = Mode::from_env();
    let everything =
        asked || mode != Mode::Compare || std::env::var_os("SOCKET_LABS_ALL").is_some();
    SAMPLE.store(!everything, Ordering::Relaxed);
    // The few samples wait more than they work.
    let at_once = if everything { 8 } else { 12 };
    arguments.test_threads.get_or_insert(at_once);
    let programs: Vec<_> = wrong
        .iter()
        .map(|entry| (program(entry), entry.fails.clone()))
        .collect();
    let snapshots = Snapshots::read(&root.join("snapshots"), mode, &programs);
    let snapshots = Arc::new(snapshots);

    let mut trials = tables(&wrong, &unusual);
    trials.extend(snapshot_trials(&snapshots));
    // A right program takes longest, since each of its checks goes on to the end.
    for entry in unusual {
        let is_sample = entry.sample;
        let lacks_python = lacks_python(&entry);
        let name = format!("unusual::{}::{}", entry.step, stem(&entry));
        let trial = Trial::test(name.clone(), move || {
            until_right(&name, TRIES_OF_RIGHT, || passes_everything(&entry))
        });
        trials.push(trial.with_ignored_flag(!is_sample && !everything || lacks_python));
    }
    let mut chapters = BTreeSet::new();
    for entry in wrong {
        let is_sample = chapters.insert(entry.dir.clone());
        let lacks_python = lacks_python(&entry);
        let name = format!("wrong::{}::{}", entry.step, stem(&entry));
        let snapshots = Arc::clone(&snapshots);
        let trial = Trial::test(name.clone(), move || {
            until_right(&name, TRIES_OF_WRONG, || match snapshots.mode {
                Mode::Write => write_snapshots(&entry, &snapshots),
                // In a run of everything, which may be on a busy machine, the samples are
                // enough: what a message says does not depend on how many programs run.
                Mode::Compare if !is_sample && !asked => {
                    fails_as_declared(&entry, &snapshots.ignored())
                }
                _ => fails_as_declared(&entry, &snapshots),
            })
        });
        trials.push(trial.with_ignored_flag(!is_sample && !everything || lacks_python));
    }
    for (step, dir) in starters(&root.join("starters")) {
        let name = format!("starter::{step}");
        let trial = Trial::test(name.clone(), move || {
            until_right(&name, TRIES_OF_RIGHT, || scores_nothing(&step, &dir))
        });
        trials.push(trial.with_ignored_flag(!everything));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    kill_strays();
    conclusion.exit_code()
}

fn stem(entry: &Entry) -> String {
    let stem = Path::new(&entry.file)
        .with_extension("")
        .display()
        .to_string();
    if entry.args.is_empty() {
        stem
    } else {
        format!("{stem}_{}", entry.args.join("_"))
    }
}

/// Whether it cannot run here.
fn lacks_python(entry: &Entry) -> bool {
    entry.file.ends_with(".py") && python().is_none()
}

/// A wrong program as its snapshots call it: `tests/wrong/04_tcp/cuts_replies.py`.
fn program(entry: &Entry) -> String {
    let chapter = entry.dir.file_name().unwrap_or_default().display();
    let words = entry.args.iter().map(|word| format!(" {word}"));
    format!(
        "tests/wrong/{chapter}/{}{} as {}",
        entry.file,
        words.collect::<String>(),
        entry.step
    )
}

/// Reads every `table.toml` one folder below `dir`.
fn entries(dir: &Path) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut dirs: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    dirs.sort();
    for dir in dirs {
        let Ok(text) = std::fs::read_to_string(dir.join("table.toml")) else {
            continue;
        };
        match toml::from_str::<Table>(&text) {
            Ok(table) => entries.extend(table.program.into_iter().map(|entry| Entry {
                dir: dir.clone(),
                ..entry
            })),
            Err(error) => {
                eprintln!("{}: {error}", dir.join("table.toml").display());
                std::process::exit(1);
            }
        }
    }
    entries
}

/// The tables themselves: every check is failed by a program, every name exists.
fn tables(wrong: &[Entry], unusual: &[Entry]) -> Vec<Trial> {
    let checks = checks::all();
    let ids: BTreeSet<String> = checks.iter().map(|check| check.id.to_owned()).collect();
    let failed: BTreeSet<String> =
        wrong.iter().flat_map(|entry| entry.fails.clone()).collect();
    let missing: Vec<String> = ids.difference(&failed).cloned().collect();
    let unknown: Vec<String> = failed.difference(&ids).cloned().collect();
    let steps: BTreeSet<&str> = checks.iter().map(Check::step).collect();
    let mut faults = Vec::new();
    for entry in wrong.iter().chain(unusual) {
        let place = entry.dir.join(&entry.file);
        if !place.exists() {
            faults.push(format!("{} does not exist", place.display()));
        }
        if !steps.contains(entry.step.as_str()) {
            faults.push(format!("{}: no step {}", entry.file, entry.step));
        }
        if entry.class.is_empty() || (entry.bug.is_empty() && entry.what.is_empty()) {
            faults.push(format!("{}: class, or bug or what, is missing", entry.file));
        }
    }
    // A check that waits for a failing one is blocked, so it cannot fail as well.
    for entry in wrong {
        let blocked = checks.iter().filter(|check| {
            entry.fails.iter().any(|id| id == check.id)
                && check
                    .needs
                    .iter()
                    .any(|need| entry.fails.iter().any(|id| id == need))
        });
        faults.extend(
            blocked.map(|check| format!("{}: {} is blocked", stem(entry), check.id)),
        );
    }
    for entry in wrong.iter().filter(|entry| entry.fails.is_empty()) {
        faults.push(format!("{}: fails nothing", entry.file));
    }
    for entry in unusual.iter().filter(|entry| !entry.fails.is_empty()) {
        faults.push(format!("{}: an unusual program fails nothing", entry.file));
    }
    let verdict = |list: Vec<String>, what: &str| {
        let what = what.to_owned();
        move || match list.is_empty() {
            true => Ok(()),
            false => Err(Failed::from(format!("{what}:\n{}", list.join("\n")))),
        }
    };
    vec![
        Trial::test(
            "tables::every_check_is_failed_by_a_wrong_program",
            verdict(missing, "failed by no wrong program"),
        ),
        Trial::test(
            "tables::every_declared_check_exists",
            verdict(unknown, "declared in a table and not in the registry"),
        ),
        Trial::test(
            "tables::every_entry_is_complete",
            verdict(faults, "faulty entries"),
        ),
    ]
}

/// The snapshots themselves: each check has one, each belongs to a check.
fn snapshot_trials(snapshots: &Arc<Snapshots>) -> Vec<Trial> {
    let snapshots = Arc::clone(snapshots);
    vec![
        Trial::test("snapshots::every_check_has_one", move || {
            let faults = snapshots.faults();
            match faults.is_empty() || snapshots.mode != Mode::Compare {
                true => Ok(()),
                false => Err(format!(
                    "{}\nSOCKET_LABS_SNAPSHOTS=write cargo test --test grader writes them",
                    faults.join("\n")
                )
                .into()),
            }
        }),
        Trial::test(
            "snapshots::what_differs_becomes_a_wildcard",
            snapshots::what_differs_becomes_a_wildcard,
        ),
    ]
}

/// Returns the command line of a program, building it first where it is Rust.
fn command(entry: &Entry) -> Result<Vec<String>, Failed> {
    let file = entry.dir.join(&entry.file);
    let mut words = match file.extension().and_then(|extension| extension.to_str()) {
        Some("py") => {
            let python = python().ok_or("Python 3 is needed")?;
            vec![
                python.to_owned(),
                WITHOUT_SITE.to_owned(),
                file.display().to_string(),
            ]
        }
        Some("sh") => vec!["sh".to_owned(), file.display().to_string()],
        Some("rs") => vec![rustc(&file)?.display().to_string()],
        _ => return Err(format!("{}: unknown kind of program", file.display()).into()),
    };
    words.extend(["{host}".to_owned(), "{port}".to_owned()]);
    words.extend(entry.args.iter().cloned());
    // A tool's own arguments come last.
    words.push("{args}".to_owned());
    Ok(words)
}

/// Compiles a single file unless its binary is newer.
fn rustc(file: &Path) -> Result<PathBuf, Failed> {
    let out_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
    std::fs::create_dir_all(&out_dir)?;
    let folder = file.parent().and_then(Path::file_name).unwrap_or_default();
    let name = file.file_stem().unwrap_or_default();
    let binary = out_dir.join(format!(
        "{}-{}{}",
        folder.display(),
        name.display(),
        std::env::consts::EXE_SUFFIX
    ));
    let modified = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
    if modified(&binary)
        .is_some_and(|built| modified(file).is_some_and(|from| from < built))
    {
        return Ok(binary);
    }
    // Compiled under another name first: two tests may want the same program.
    let temporary = binary.with_extension(format!("{}", fastrand::u64(..)));
    let output = Command::new("rustc")
        .args(["--edition", "2024", "-C", "debuginfo=0", "-o"])
        .arg(&temporary)
        .arg(file)
        .output()?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} does not compile:\n{errors}", file.display()).into());
    }
    std::fs::rename(&temporary, &binary)?;
    Ok(binary)
}

/// Whether only the sample runs: few programs, of which each may have more checks at once.
static SAMPLE: AtomicBool = AtomicBool::new(false);

/// The seed of the runs of wrong programs: with the same inputs they are told the same.
const SEED: u64 = 1;

fn checks_of(step: &str) -> Vec<Check> {
    let mut checks = checks::all();
    checks.retain(|check| check.step() == step);
    checks
}

/// Runs checks of one step against a target.
fn outcomes(
    step: &str,
    target: &Target,
    checks: Vec<Check>,
    seed: u64,
) -> Result<Vec<Outcome>, Failed> {
    let prepared = target
        .prepare(&[step])
        .map_err(|error| format!("{error:#}"))?;
    let plan = Plan {
        prepared: Arc::new(prepared),
        checks,
        seed,
        jobs: if SAMPLE.load(Ordering::Relaxed) { 4 } else { 2 },
    };
    Ok(run(&plan, &|_| {}))
}

/// Held by each program under test with others, and alone by one that gets a last try.
static MACHINE: RwLock<()> = RwLock::new(());

/// Runs a program until it shows exactly what is declared: `tries` times beside others,
/// which may take the time that a check measures, and as often alone. What was different
/// before is printed.
fn until_right(
    name: &str,
    tries: usize,
    verdict: impl Fn() -> Result<(), Failed>,
) -> Result<(), Failed> {
    let again = |failed: Failed| {
        let what = failed.message().unwrap_or_default().trim();
        eprintln!("{name} is tried again: {what}");
    };
    for _ in 0..tries {
        let _with_others = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
        match verdict() {
            Ok(()) => return Ok(()),
            Err(failed) => again(failed),
        }
    }
    let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    for _ in 1..tries {
        match verdict() {
            Ok(()) => return Ok(()),
            Err(failed) => again(failed),
        }
    }
    verdict()
}

/// Some bugs are races, and do not show each time.
const TRIES_OF_WRONG: usize = 2;
/// What is right is right each time.
const TRIES_OF_RIGHT: usize = 1;

/// Runs a wrong program, writing the snapshots that come from it, and once more for the
/// wildcards.
fn write_snapshots(entry: &Entry, snapshots: &Snapshots) -> Result<(), Failed> {
    fails_as_declared(entry, snapshots)?;
    let name = program(entry);
    let mut wanted: BTreeSet<&str> = entry
        .fails
        .iter()
        .filter(|id| snapshots.comes_from(id, &name))
        .map(String::as_str)
        .collect();
    let mut checks = checks_of(&entry.step);
    for check in checks.iter().rev() {
        if wanted.contains(check.id) {
            wanted.extend(check.needs);
        }
    }
    checks.retain(|check| wanted.contains(check.id));
    let target = Target::Command(command(entry)?);
    let loosen = snapshots.loosening();
    let faults: String = outcomes(&entry.step, &target, checks, SEED)?
        .iter()
        .filter_map(|outcome| loosen.fault(outcome, &name))
        .collect();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(faults.into()),
    }
}

fn fails_as_declared(entry: &Entry, snapshots: &Snapshots) -> Result<(), Failed> {
    let target = Target::Command(command(entry)?);
    let outcomes = outcomes(&entry.step, &target, checks_of(&entry.step), SEED)?;
    let by_status: BTreeMap<&str, Status> = outcomes
        .iter()
        .map(|outcome| (outcome.id.as_str(), outcome.status))
        .collect();
    let mut faults = String::new();
    for outcome in &outcomes {
        let declared = entry.fails.contains(&outcome.id);
        let right = match outcome.status {
            Status::Failed => declared,
            Status::Passed | Status::Blocked => !declared,
            Status::Error => false,
        };
        if let Some(fault) = feedback_fault(outcome) {
            faults += &format!(
                "{}: its feedback {fault}\n{}",
                outcome.id,
                outcome.feedback()
            );
        }
        if let Some(fault) = snapshots.fault(outcome, &program(entry)) {
            faults += &fault;
        }
        if !right {
            let status = format!("{:?}", by_status.get(outcome.id.as_str()));
            faults += &format!("{} declared={declared} {status}\n", outcome.id);
            faults += &outcome.feedback();
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("{}\n{faults}", entry.bug).into())
    }
}

/// What a failed check's feedback lacks: it must say all, on one screen.
fn feedback_fault(outcome: &Outcome) -> Option<&'static str> {
    let feedback = outcome.feedback();
    let says = |what: &str| feedback.lines().any(|line| line.starts_with(what));
    let failure = outcome.failure.as_ref()?;
    if !feedback.contains(&outcome.title) {
        Some("does not say the requirement")
    } else if failure.conversation.trim().is_empty() {
        Some("does not tell the conversation")
    } else if failure.expected.is_empty() || !says("expected: ") {
        Some("does not say what was expected")
    } else if failure.got.is_empty() || !says("got:      ") {
        Some("does not say what came")
    } else if !says("sheet:    labs/") {
        Some("names no sheet")
    } else if !says("by hand:  ") {
        Some("has no command to see it by hand")
    } else if feedback.lines().count() > 50 {
        Some("is longer than a screen")
    } else if feedback.lines().any(is_too_wide) {
        Some("is wider than a screen")
    } else if feedback
        .chars()
        .any(|char| char.is_control() && char != '\n')
    {
        Some("holds control characters")
    } else {
        None
    }
}

/// A terminal breaks a long command, and it can be copied; what a program has said is cut.
fn is_too_wide(line: &str) -> bool {
    line.chars().count() > 200 && !line.starts_with("by hand:  ")
}

fn passes_everything(entry: &Entry) -> Result<(), Failed> {
    let target = Target::Command(command(entry)?);
    let checks = checks_of(&entry.step);
    let outcomes = outcomes(&entry.step, &target, checks, fastrand::u64(..))?;
    let faults: String = outcomes
        .iter()
        .filter(|outcome| outcome.status != Status::Passed)
        .map(Outcome::feedback)
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("{}\n{faults}", entry.what).into())
    }
}

/// Returns each step with its starter's folder.
fn starters(dir: &Path) -> Vec<(String, PathBuf)> {
    let mut starters = Vec::new();
    for chapter in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        for step in std::fs::read_dir(chapter.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            if step.path().join("Cargo.toml").exists() {
                starters.push((step.file_name().display().to_string(), step.path()));
            }
        }
    }
    starters.sort();
    starters
}

fn scores_nothing(step: &str, dir: &Path) -> Result<(), Failed> {
    // A copy in the target folder: a starter's own folder stays clean. All share what
    // they build, or each would compile the argument parser anew.
    let copies = Path::new(env!("CARGO_TARGET_TMPDIR")).join("starters");
    std::fs::create_dir_all(copies.join(".cargo"))?;
    std::fs::write(
        copies.join(".cargo/config.toml"),
        "[build]\ntarget-dir = \"target\"\n",
    )?;
    let copy = copies.join(step);
    std::fs::create_dir_all(copy.join("src"))?;
    for folder in ["", "src"] {
        for file in std::fs::read_dir(dir.join(folder))?.flatten() {
            if file.path().is_file() {
                std::fs::copy(file.path(), copy.join(folder).join(file.file_name()))?;
            }
        }
    }
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    std::fs::copy(lock, copy.join("Cargo.lock"))?;
    let target = Target::Submission(copy);
    let outcomes = outcomes(step, &target, checks_of(step), fastrand::u64(..))?;
    let mut faults = String::new();
    for outcome in outcomes {
        let not_compiling = outcome
            .failure
            .as_ref()
            .is_some_and(|failure| failure.expected == "it compiles");
        if not_compiling || matches!(outcome.status, Status::Passed | Status::Error) {
            faults += &format!("{:?}: {}", outcome.status, outcome.feedback());
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults.into())
    }
}
