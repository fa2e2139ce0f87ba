//! `cargo lab`: for students to start, check and pass the labs, for instructors to
//! grade them.
//!
//! cargo lab                     your progress, and what to do next
//! cargo lab start tcp_server    a starter in work/tcp_server
//! cargo lab check tcp_server    its marks, with feedback
//! cargo lab grade DIR           the marks of a folder of submissions
//!
//! Guides: labs/using_cargo_lab.md and labs/grading.md

mod grade;
mod student;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use grading::Usage;

/// Start, check and grade the labs of the course.
#[derive(Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", version)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Begin a step with its starter, in work/STEP
    Start {
        /// The step
        step: String,
    },
    /// Check your program
    Check(student::CheckArgs),
    /// Check your program on every save
    Watch(student::WatchArgs),
    /// Show a hint for what fails first
    Hint(student::HintArgs),
    /// Compare your program with the reference
    Solution(student::SolutionArgs),
    /// Begin a step again; the old program is kept
    Reset(student::ResetArgs),
    /// Run your program
    Run(student::RunArgs),
    /// Open the sheet at the section that helps
    Open(student::StepArg),
    /// See what is missing on this machine
    Doctor,
    /// Begin a step in another language
    New(student::NewArgs),
    /// For who adds a lab
    #[command(subcommand)]
    Author(student::AuthorCommand),
    /// Grade submissions and write reports
    Grade(grade::GradeArgs),
    /// Put the reports of shards together
    Merge(grade::MergeArgs),
    /// Show which submissions share most
    Similarity(grade::SimilarityArgs),
}

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(status) = grading::grade::inner_command(&words) {
        return ExitCode::from(u8::try_from(status).unwrap_or(1));
    }
    grading::harness::raise_file_limit();
    let result = match Args::parse().command {
        None => student::list(),
        Some(Command::Start { step }) => student::start(&step),
        Some(Command::Check(args)) => student::check(&args),
        Some(Command::Watch(args)) => student::watch(&args),
        Some(Command::Hint(args)) => student::hint(&args),
        Some(Command::Solution(args)) => student::solution(&args),
        Some(Command::Reset(args)) => student::reset(&args),
        Some(Command::Run(args)) => student::run(&args),
        Some(Command::Open(args)) => student::open(&args),
        Some(Command::Doctor) => student::doctor(),
        Some(Command::New(args)) => student::new(&args),
        Some(Command::Author(command)) => student::author(&command),
        Some(Command::Grade(args)) => grade::grade(args),
        Some(Command::Similarity(args)) => grade::similarity(&args),
        Some(Command::Merge(args)) => grade::merge(&args),
    };
    result.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitCode::from(status_of(&error))
    })
}

/// The exit status of an error: 2 is wrong usage, as clap has it.
fn status_of(error: &anyhow::Error) -> u8 {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref());
    // Who reads our output has read enough: `cargo lab | head -1`.
    let nobody_reads =
        causes.any(|cause: &std::io::Error| cause.kind() == ErrorKind::BrokenPipe);
    match error.is::<Usage>() {
        true => 2,
        false if nobody_reads => 1,
        false => 3,
    }
}
