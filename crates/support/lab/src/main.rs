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

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Start, check and grade the labs of the course.
#[derive(Parser)]
#[command(name = "cargo lab", bin_name = "cargo lab", version)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Grade submissions and write reports
    Grade(grade::GradeArgs),
    /// Put the reports of shards together
    Merge(grade::MergeArgs),
}

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(status) = grading::grade::inner_command(&words) {
        return ExitCode::from(u8::try_from(status).unwrap_or(1));
    }
    let result = match Args::parse().command {
        None => Ok(ExitCode::SUCCESS),
        Some(Command::Grade(args)) => grade::grade(args),
        Some(Command::Merge(args)) => grade::merge(&args),
    };
    result.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        // 2 is wrong usage, by clap; 1 is a verdict.
        ExitCode::from(3)
    })
}
