//! The lab sheets do what they say: `cargo test --test suite ::console`, one sheet
//! with `cargo test --test suite 04_tcp::`.
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
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use grading::harness::{Target, forget_package};
use grading::sheets::{self, Problem, Script, Sheet};
use libtest_mimic::{Completion, Failed, Trial};

/// The first argument of this program when it runs one sheet within its namespace.
const RUN_SCRIPT: &str = "--run-script";

/// Runs one sheet, when this process was started within a namespace to do that.
pub fn within_namespace() -> Option<ExitCode> {
    let words: Vec<String> = std::env::args().collect();
    match &words[..] {
        [_, first, sheet] if first == RUN_SCRIPT => Some(run_inside(Path::new(sheet))),
        _ => None,
    }
}

/// The tests of this file.
pub fn trials() -> Vec<Trial> {
    let root = root();
    let pages = sheets::pages(&root).expect("labs/ is there");
    let isolation = Arc::new(Isolation::find());
    let mut trials = Vec::new();
    for page in &pages {
        trials.extend(trials_for(&root, page, &isolation));
    }
    let (at, sheets) = (root.clone(), pages.clone());
    trials.push(Trial::test(
        "glossary::explains_every_new_word",
        move || report(&sheets::check_words(&at, &sheets)?),
    ));
    trials.push(Trial::test("SUMMARY::lists_every_sheet", move || {
        report(&sheets::check_summary(&root, &pages))
    }));
    trials
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
        let (tools, _no_build) = match self {
            Isolation::Namespace(_) if !crate::in_full() => (Some(quick_tools()?), None),
            _ => (None, Some(build(root, &script)?)),
        };
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
                let mut inside = in_namespace(words, &[program, RUN_SCRIPT, path]);
                if let Some(folder) = &tools {
                    let path = std::env::var("PATH").unwrap_or_default();
                    inside.env("PATH", format!("{}:{path}", folder.path().display()));
                }
                let output = inside
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

/// Makes a folder with a `cargo` that starts the course's programs, already built, where
/// the sheet says `cargo run -p STEP`, and is cargo itself for everything else. Cargo
/// needs longer to find out that nothing has changed than most programs run. So does the
/// wrapper that a version manager calls `python3`: it stands there without.
fn quick_tools() -> Result<tempfile::TempDir, Failed> {
    let prepared = Target::Reference.prepare(&["lab"])?;
    let lab = prepared.binary("lab").ok_or("lab does not compile")?;
    let binaries = lab.parent().ok_or("a binary is in a folder")?.display();
    let cargo = env!("CARGO");
    let text = format!(
        r#"#!/bin/sh
if [ "$1" = lab ]; then
  shift
  exec "{binaries}/lab" "$@"
elif [ "$1" = run ] && [ "$2" = -p ] && [ -x "{binaries}/$3" ]; then
  case "$4" in
    "") exec "{binaries}/$3" ;;
    --) step=$3; shift 4; exec "{binaries}/$step" "$@" ;;
    -*) ;; # one of cargo's own
    *) step=$3; shift 3; exec "{binaries}/$step" "$@" ;;
  esac
fi
exec "{cargo}" "$@"
"#
    );
    // Not in /tmp: what runs isolated has another one.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let script = folder.path().join("cargo");
    std::fs::write(&script, text)?;
    #[cfg(unix)]
    std::fs::set_permissions(
        &script,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )?;
    #[cfg(unix)]
    if let Some(python) = grading::harness::python() {
        std::os::unix::fs::symlink(python, folder.path().join("python3"))?;
    }
    Ok(folder)
}

/// Builds what the script runs, so that no wait contains a compilation. One by one: that
/// is how `cargo run -p` selects features. Returns what keeps other scripts from building:
/// `cargo run` would wait for the end of their builds.
fn build(root: &Path, script: &Script) -> Result<RwLockReadGuard<'static, ()>, Failed> {
    static BUILDS: RwLock<()> = RwLock::new(());
    let alone = BUILDS.write();
    for package in script.packages() {
        let mut cargo = Command::new(env!("CARGO"));
        forget_package(&mut cargo);
        let output = cargo
            .args(["build", "--quiet", "-p", &package])
            .current_dir(root)
            .output()?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{package} does not compile:\n{errors}").into());
        }
    }
    drop(alone); // Who waits to build does so first.
    Ok(BUILDS.read().unwrap_or_else(PoisonError::into_inner))
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
