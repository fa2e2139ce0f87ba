//! How fast the programs of this course are, each beside a peer, measured in the same run.
//!
//! ```text
//! cargo bench -p bench                   all of them, about five minutes
//! cargo bench -p bench --bench echo      one of them (a file in benches/)
//! ```
//!
//! (`cargo bench` at the root runs them too, after it has built every package for it.)
//!
//! A figure alone says little: it depends on the machine and on what else runs there. So
//! every program runs beside a peer that does the same work, A B A B, five rounds, and a
//! table shows the medians and their **ratio** to the peer. The goal stands beside it.
//!
//! - Programs are built with `cargo build --release -p STEP` and run with `--quiet`.
//! - A peer that is "the plainest loop" is a function in the bench's own file, run as a
//!   process of its own, so that it costs the same switches between processes.
//! - One client and its server share a core, on Linux; many clients have all cores.
//! - Every run has a fresh port and, on Linux where the system allows it, a network
//!   namespace of its own: sockets that one run leaves in TIME_WAIT never slow the next.
//! - What cannot be measured is said, with the reason: `not measured: nginx is missing`.
//!
//! A bench is a file with a list of [`Comparison`]s, a `main` that hands it to [`main`],
//! and the peers.

pub mod load;
mod nginx;
mod program;
mod table;

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, bail};

pub use nginx::{Nginx, Sending};
pub use program::{Running, fresh_addr, on_one_core, program, sibling};

/// How often each contender is measured. The median of five throws two outliers away.
const ROUNDS: usize = 5;

/// Programs that do the same work; the first one is ours, the others are its peers.
pub struct Comparison {
    /// What is done, and how often at a time: `echo round trips, 64 connections`.
    pub title: String,
    /// What the figures count: `round trips/s`. More is better.
    pub unit: &'static str,
    /// Who is measured. Ratios are those of the first to each other one.
    pub contenders: Vec<Contender>,
}

/// One of the programs that are compared.
pub struct Contender {
    name: &'static str,
    needs: Needs,
    also: Option<Needs>,
    goal: Option<f64>,
    measure: Box<dyn Fn() -> anyhow::Result<f64>>,
}

/// What a contender needs before it can run.
#[derive(Clone, Copy)]
enum Needs {
    Step(&'static str),
    Tool(&'static str),
    Nothing,
}

impl Contender {
    /// A program of this course, built in release mode. `measure` starts it
    /// ([`Running::step`]), loads it, and returns how much it did a second.
    pub fn step<F>(name: &'static str, measure: F) -> Self
    where
        F: Fn() -> anyhow::Result<f64> + 'static,
    {
        Contender {
            name,
            needs: Needs::Step(name),
            also: None,
            goal: None,
            measure: Box::new(measure),
        }
    }

    /// A peer that is part of the bench ([`Running::peer`]).
    pub fn peer<F>(name: &'static str, measure: F) -> Self
    where
        F: Fn() -> anyhow::Result<f64> + 'static,
    {
        Contender {
            needs: Needs::Nothing,
            ..Contender::step(name, measure)
        }
    }

    /// A program on the PATH ([`program`]), with what it does in this comparison.
    pub fn tool<F>(tool: &'static str, name: &'static str, measure: F) -> Self
    where
        F: Fn() -> anyhow::Result<f64> + 'static,
    {
        Contender {
            needs: Needs::Tool(tool),
            ..Contender::step(name, measure)
        }
    }

    /// Needs another step as well, which is then found by [`sibling`].
    #[must_use]
    pub fn also(self, step: &'static str) -> Self {
        Contender {
            also: Some(Needs::Step(step)),
            ..self
        }
    }

    /// Needs a program on the PATH as well, the one that makes the load.
    #[must_use]
    pub fn loaded_by(self, tool: &'static str) -> Self {
        Contender {
            also: Some(Needs::Tool(tool)),
            ..self
        }
    }

    /// Sets the least ratio of the first contender to this one that the course promises.
    #[must_use]
    pub fn goal(self, ratio: f64) -> Self {
        Contender {
            goal: Some(ratio),
            ..self
        }
    }
}

/// A server that is part of a bench, under the name that [`Running::peer`] starts it by.
/// It gets the address to listen on and serves until it is killed.
pub type Peer = (&'static str, fn(SocketAddr) -> anyhow::Result<()>);

/// The argument that makes a bench one of its own peers: `--peer NAME ADDR`.
const PEER: &str = "--peer";
/// The argument that makes a bench measure once: `--measure COMPARISON CONTENDER`.
const MEASURE: &str = "--measure";

/// Runs the bench, in the role that its arguments say: the driver, which starts a process
/// for every single measurement, one such measurement, or a peer.
pub fn main(comparisons: &[Comparison], peers: &[Peer]) -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        [PEER, name, addr] => be_peer(peers, name, addr),
        [MEASURE, comparison, contender] => measure(comparisons, comparison, contender),
        // Cargo adds --bench; other words are filters on titles.
        words => drive(comparisons, words),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn be_peer(peers: &[Peer], name: &str, addr: &str) -> anyhow::Result<()> {
    let (_, serve) = peers
        .iter()
        .find(|(peer, _)| *peer == name)
        .with_context(|| format!("no peer is called {name:?}"))?;
    serve(addr.parse()?)
}

fn measure(
    comparisons: &[Comparison],
    comparison: &str,
    contender: &str,
) -> anyhow::Result<()> {
    let contender = comparisons
        .get(comparison.parse::<usize>()?)
        .and_then(|comparison| {
            comparison.contenders.get(contender.parse::<usize>().ok()?)
        })
        .context("no such contender")?;
    println!("{}", (contender.measure)()?);
    Ok(())
}

fn drive(comparisons: &[Comparison], words: &[&str]) -> anyhow::Result<()> {
    let filters: Vec<&&str> =
        words.iter().filter(|word| !word.starts_with('-')).collect();
    for (index, comparison) in comparisons.iter().enumerate() {
        if filters.is_empty()
            || filters.iter().any(|word| comparison.title.contains(**word))
        {
            let results = compare(index, comparison);
            println!("{}\n", table::render(comparison, &results));
        }
    }
    Ok(())
}

/// The figures of one contender, or why there are none.
type Figures = Result<Vec<f64>, String>;

/// Measures all contenders in turns: A B A B, so that what else the machine does hits all.
fn compare(index: usize, comparison: &Comparison) -> Vec<Figures> {
    let ready: Vec<Result<Option<PathBuf>, String>> = comparison
        .contenders
        .iter()
        .map(|contender| {
            if let Some(needs) = contender.also {
                program::provide(needs)?;
            }
            program::provide(contender.needs)
        })
        .collect();
    let mut results: Vec<Figures> = vec![Ok(Vec::new()); ready.len()];
    for _ in 0..ROUNDS {
        for (contender, (ready, figures)) in ready.iter().zip(&mut results).enumerate() {
            let Ok(so_far) = figures else { continue };
            let outcome = ready.clone().and_then(|program| {
                measure_apart(index, contender, program)
                    .map_err(|error| format!("{error:#}"))
            });
            match outcome {
                Ok(figure) => so_far.push(figure),
                Err(reason) => *figures = Err(reason),
            }
        }
    }
    results
}

/// Measures one contender once, in a process and, if possible, a network of its own.
fn measure_apart(
    comparison: usize,
    contender: usize,
    program: Option<PathBuf>,
) -> anyhow::Result<f64> {
    let mut command = program::in_own_network(&env::current_exe()?);
    command.args([MEASURE, &comparison.to_string(), &contender.to_string()]);
    if let Some(program) = program {
        command.env(program::PROGRAM, program);
    }
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("cannot measure")?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let last_line = stderr.lines().last().unwrap_or("it failed without a word");
        bail!("{}", last_line.trim_start_matches("error: "));
    }
    let figure = String::from_utf8(output.stdout)?;
    figure
        .trim()
        .parse()
        .with_context(|| format!("no figure: {figure:?}"))
}

/// Returns a command for a tool that prints nothing on our terminal.
pub fn silent(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
