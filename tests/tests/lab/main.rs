//! `cargo lab`: what a student types, what an instructor types, and the reports.
//!
//! `SOCKET_LABS_ALL=1` also grades all hostile programs, and a large batch.

mod grade_cli;
mod lab_cli;
mod reports;
mod support;

use std::ffi::OsString;
use std::process::ExitCode;

use grading::harness::{kill_strays, python, raise_file_limit};
use libtest_mimic::{Arguments, Completion, Trial};

/// How many tests run at once: each of them is a grader with programs of its own.
const AT_ONCE: usize = 6;

fn main() -> ExitCode {
    // The grader tries isolation with its own program, which is this one here.
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(status) = grading::grade::inner_command(&words) {
        std::process::exit(status);
    }
    raise_file_limit();
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    // A student's commands take longest, so they begin first; the reports that are looked
    // at come from a single long run.
    let files = [lab_cli::trials(), reports::trials(), grade_cli::trials()];
    let trials = files.into_iter().flatten().collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    kill_strays();
    conclusion.exit_code()
}

/// Makes a trial of each function, which passes unless it panics.
fn all(tests: &[(&'static str, fn())]) -> Vec<Trial> {
    let trial = |&(name, test): &(&'static str, fn())| unless(None, name, test);
    tests.iter().map(trial).collect()
}

/// As `all`, for tests whose submissions are in Python.
fn all_with_python(tests: &[(&'static str, fn())]) -> Vec<Trial> {
    let trial = |&(name, test): &(&'static str, fn())| unless(no_python(), name, test);
    tests.iter().map(trial).collect()
}

/// Why tests that need Python are ignored, if they are.
fn no_python() -> Option<&'static str> {
    python().is_none().then_some("python3 is not installed")
}

/// Makes a trial of a function, ignored for the reason given, if any.
fn unless(why_not: Option<&'static str>, name: &'static str, test: fn()) -> Trial {
    Trial::ignorable_test(name, move || match why_not {
        Some(reason) => Ok(Completion::ignored_with(reason)),
        None => {
            test();
            Ok(Completion::Completed)
        }
    })
}

/// Whether everything is to be done, however long that takes.
#[cfg(unix)]
fn in_full() -> bool {
    std::env::var_os("SOCKET_LABS_ALL").is_some()
}
