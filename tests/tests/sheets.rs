//! The lab sheets do what they say: `cargo test --test sheets`, one sheet with
//! `cargo test --test sheets 04_tcp`.
//!
//! Each sheet's console blocks run in a network namespace of their own where the system
//! allows it, so that the default ports are free; elsewhere on the real ports, one sheet
//! after another, if these are free.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may assume what it has set up itself"
)]

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use grading::sheets::{self, Problem, Script, Sheet};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// The first argument of this program when it runs one sheet within its namespace.
const RUN_SCRIPT: &str = "--run-script";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if let [_, first, sheet] = &words[..]
        && first == RUN_SCRIPT
    {
        return run_inside(Path::new(sheet));
    }
    let root = root();
    let pages = sheets::pages(&root).expect("labs/ is there");
    let isolation = Arc::new(Isolation::find());
    let mut trials = Vec::new();
    for page in &pages {
        trials.extend(trials_for(&root, page, &isolation));
    }
    trials.push(Trial::test("SUMMARY::lists_every_sheet", move || {
        report(&sheets::check_summary(&root, &pages))
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ is in the root").to_owned()
}

fn trials_for(root: &Path, page: &Path, isolation: &Arc<Isolation>) -> Vec<Trial> {
    let name = page.file_stem().unwrap_or_default().to_string_lossy();
    let sheet = Arc::new(Sheet::read(root, page).expect("a page can be read"));
    let mut trials = Vec::new();

    let (links, at) = (Arc::clone(&sheet), root.to_owned());
    trials.push(Trial::test(format!("{name}::links"), move || {
        report(&sheets::check_links(&at, &links))
    }));
    if !sheet.excerpts.is_empty() {
        let (excerpts, at) = (Arc::clone(&sheet), root.to_owned());
        trials.push(Trial::test(format!("{name}::excerpts"), move || {
            report(&sheets::check_excerpts(&at, &excerpts))
        }));
    }
    if !sheet.consoles.is_empty() {
        // A block whose need is not met is left out of the script: this shows it.
        let needs: BTreeSet<_> = sheet
            .consoles
            .iter()
            .flat_map(|block| &block.needs)
            .collect();
        for need in needs {
            let need = need.clone();
            let title = format!("{name}::needs::{need}");
            trials.push(Trial::ignorable_test(title, move || {
                Ok(match sheets::unmet(&need) {
                    None => Completion::Completed,
                    Some(reason) => Completion::ignored_with(reason),
                })
            }));
        }
        let (at, isolation) = (root.to_owned(), Arc::clone(isolation));
        trials.push(Trial::ignorable_test(
            format!("{name}::console"),
            move || isolation.run(&at, &sheet),
        ));
    }
    trials
}

fn report(problems: &[Problem]) -> Result<(), Failed> {
    if problems.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
    Err(format!("\n{}", lines.join("\n")).into())
}

/// How scripts are kept apart from each other and from what runs on this machine.
enum Isolation {
    /// The words that start a program in a new network namespace.
    Namespace(&'static [&'static str]),
    /// On the real ports, one script at a time.
    OneAfterAnother(Mutex<()>),
}

impl Isolation {
    fn find() -> Self {
        // As root the namespace of users stays: tcpdump wants to become another one.
        let ways: [&[&str]; 2] = [
            &["unshare", "--net"],
            &["unshare", "--user", "--map-root-user", "--net"],
        ];
        let works = |words: &&&[&str]| {
            in_namespace(words, &["true"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        };
        match ways.iter().find(works) {
            Some(words) => Isolation::Namespace(words),
            None => Isolation::OneAfterAnother(Mutex::new(())),
        }
    }

    fn run(&self, root: &Path, sheet: &Sheet) -> Result<Completion, Failed> {
        if cfg!(not(unix)) {
            return Ok(Completion::ignored_with(
                "the console blocks are written for a Unix shell",
            ));
        }
        let script = Script::of(sheet, sheets::unmet).map_err(|p| p.to_string())?;
        build(root, &script)?;
        match self {
            Isolation::Namespace(words) => {
                let program = std::env::current_exe()?;
                let program = program.to_str().ok_or("the path is not UTF-8")?;
                let path = sheet.path.to_str().ok_or("the path is not UTF-8")?;
                // What is missing here stays missing inside, where everybody is root.
                let missing = script
                    .needs
                    .iter()
                    .filter(|need| sheets::unmet(need).is_some());
                let missing: Vec<_> = missing.map(String::as_str).collect();
                let output = in_namespace(words, &[program, RUN_SCRIPT, path])
                    .env("SHEETS_WITHOUT", missing.join(","))
                    .stdin(Stdio::null())
                    .output()?;
                if output.status.success() {
                    return Ok(Completion::Completed);
                }
                let text = String::from_utf8_lossy(&output.stdout);
                let errors = String::from_utf8_lossy(&output.stderr);
                Err(format!("\n{text}{errors}").into())
            }
            Isolation::OneAfterAnother(turn) => {
                let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
                for port in script.ports() {
                    if TcpListener::bind(("127.0.0.1", port)).is_err() {
                        return Ok(Completion::ignored_with(format!(
                            "port {port} is in use, and this system allows no network \
                             namespace"
                        )));
                    }
                }
                run(root, &script).map_err(|problem| problem.to_string())?;
                Ok(Completion::Completed)
            }
        }
    }
}

/// A command in a network namespace of its own, in which loopback is up.
fn in_namespace(words: &[&str], program: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .args(["sh", "-c", r#"ip link set lo up && exec "$@""#, "sh"])
        .args(program);
    command
}

/// Builds what the script runs, so that no wait contains a compilation. One by one: that
/// is how `cargo run -p` selects features.
fn build(root: &Path, script: &Script) -> Result<(), Failed> {
    for package in script.packages() {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", &package])
            .current_dir(root)
            .output()?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{package} does not compile:\n{errors}").into());
        }
    }
    Ok(())
}

/// What this program does within the namespace.
fn run_inside(sheet: &Path) -> ExitCode {
    let root = root();
    let result = Sheet::read(&root, sheet)
        .map_err(|error| format!("{error:#}"))
        .and_then(|sheet| {
            Script::of(&sheet, sheets::unmet)
                .and_then(|script| run(&root, &script))
                .map_err(|problem| problem.to_string())
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            println!("{text}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(unix)]
fn run(root: &Path, script: &Script) -> Result<(), Problem> {
    sheets::run_script(root, script)
}

#[cfg(not(unix))]
fn run(_: &Path, _: &Script) -> Result<(), Problem> {
    Ok(())
}
