//! A lane: a process of the grader that runs one check at a time, in isolation.
//!
//! Whatever a program does to its surroundings it does to its lane: the grader waits for
//! the lane's answer with a deadline, ends it with all that runs in it when none comes,
//! and starts another one. After every check a lane kills every process but itself.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::isolate::{Isolation, own_executable, wrapped};
use crate::checks;
use crate::harness::{self, Check, Failure, Outcome, Prepared, Status};

/// So much before its deadline a check in a lane ends by itself. A lane that does not
/// answer then is ended at the deadline: on a busy machine that takes its time, too.
const GRACE: Duration = Duration::from_secs(2);
/// Resident memory of all programs of one check, in bytes.
const MEMORY_LIMIT: u64 = 1024 * 1024 * 1024;
/// Processes that the programs of one check may have at a time.
const PROCESS_LIMIT: usize = 512;
/// How often memory and processes are looked at.
const WATCH_PERIOD: Duration = Duration::from_millis(100);

/// What a lane must know before it runs checks: its first line of input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub prepared: Prepared,
    pub isolation: Isolation,
    /// Where the programs are.
    pub code: PathBuf,
    /// Whether programs are started so that they end with who has started them.
    pub has_leash: bool,
}

/// One line of a lane's input after that: a check to run.
#[derive(Debug, Serialize, Deserialize)]
struct Question {
    id: String,
    seed: u64,
}

/// The grader's end of a lane.
#[derive(Debug)]
pub(super) struct Lane {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: Receiver<String>,
    /// Whether it has said that it takes questions.
    is_ready: bool,
    room: PathBuf,
    /// What it says when it cannot begin.
    complaints: PathBuf,
}

/// How a lane can end without an answer.
enum NoAnswer {
    /// It died, or did nothing, before any program ran in it: no program's fault.
    NeverBegan,
    TimeUp,
    Died,
}

/// The first line of a lane's output: its namespaces and folders are there.
const READY: &str = "ready";

impl Lane {
    /// Starts a lane whose programs write to a folder below `rooms` only.
    pub(super) fn start(setup: &Setup, rooms: &Path) -> anyhow::Result<Lane> {
        let room = tempfile::Builder::new().prefix("room-").tempdir_in(rooms)?;
        let room = room.keep();
        let complaints = room.with_extension("err");
        let words = [own_executable(), "__lane".into()];
        let mut command = wrapped(setup.isolation, &room, &[&setup.code], &words);
        command
            .env("TMPDIR", &room)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&complaints)?);
        #[cfg(unix)]
        {
            // Ctrl-C at the terminal is the grader's business alone.
            use std::os::unix::process::CommandExt;
            command.process_group(0);
        }
        let mut child = command.spawn().context("cannot start a process")?;
        let mut stdin = child.stdin.take().context("no pipe to the process")?;
        let stdout = child.stdout.take().context("no pipe from the process")?;
        let (sender, answers) = mpsc::channel();
        thread::Builder::new().name("lane".into()).spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        })?;
        let mut line = serde_json::to_vec(setup)?;
        line.push(b'\n');
        // A lane that died at once is noticed at the first question.
        let _ = stdin.write_all(&line);
        Ok(Lane {
            child,
            stdin: Some(stdin),
            answers,
            is_ready: false,
            room,
            complaints,
        })
    }

    fn ask(
        &mut self,
        check: &Check,
        seed: u64,
        patience: Duration,
    ) -> Result<Outcome, NoAnswer> {
        let start = Instant::now();
        if !self.is_ready {
            let first = self.answers.recv_timeout(patience);
            self.is_ready = first.is_ok_and(|line| line == READY);
            if !self.is_ready {
                return Err(NoAnswer::NeverBegan);
            }
        }
        let stdin = self.stdin.as_mut().ok_or(NoAnswer::Died)?;
        let question = Question {
            id: check.id.to_owned(),
            seed,
        };
        let mut line = serde_json::to_vec(&question).map_err(|_| NoAnswer::Died)?;
        line.push(b'\n');
        stdin.write_all(&line).map_err(|_| NoAnswer::Died)?;
        let patience = patience.saturating_sub(start.elapsed());
        match self.answers.recv_timeout(patience) {
            Ok(line) => match serde_json::from_str::<Outcome>(&line) {
                Ok(outcome) if outcome.id == check.id => Ok(outcome),
                // Not what the lane writes: somebody else has its pipe.
                _ => Err(NoAnswer::Died),
            },
            Err(RecvTimeoutError::Timeout) => Err(NoAnswer::TimeUp),
            Err(RecvTimeoutError::Disconnected) => Err(NoAnswer::Died),
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // At the end of its input a lane ends with all that runs in it.
        self.stdin = None;
        let give_up = Instant::now() + Duration::from_millis(800);
        while Instant::now() < give_up {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            thread::sleep(Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.room);
        let _ = fs::remove_file(&self.complaints);
    }
}

/// Runs one check in the lane in `slot`, which is started or replaced as needed.
pub(super) fn run(
    slot: &mut Option<Lane>,
    check: &Check,
    seed: u64,
    setup: &Setup,
    rooms: &Path,
) -> Outcome {
    let start = Instant::now();
    // A program that kills its lane is at fault; a lane that dies once may be bad luck.
    for attempt in 1.. {
        if slot.is_none() {
            match Lane::start(setup, rooms) {
                Ok(lane) => *slot = Some(lane),
                Err(error) => {
                    return Outcome::error(check, format!("{error:#}"), start.elapsed());
                }
            }
        }
        let Some(lane) = slot.as_mut() else { break };
        // Both attempts together get no more time than one.
        let patience = check.deadline.saturating_sub(start.elapsed());
        match lane.ask(check, seed, patience) {
            Ok(outcome) => return outcome,
            Err(NoAnswer::TimeUp) => {
                let _ = lane.child.kill();
                *slot = None;
                let seconds = check.deadline.as_secs();
                let failure = Failure::new(
                    format!("it lets the check end within {seconds} s"),
                    "the check did not end; its programs were ended",
                );
                return Outcome::failed(check, failure, start.elapsed());
            }
            Err(NoAnswer::NeverBegan)
                if attempt >= 2 || start.elapsed() >= check.deadline =>
            {
                let why = fs::read_to_string(&lane.complaints).unwrap_or_default();
                *slot = None;
                let why = format!("no process to run the check in: {}", why.trim());
                return Outcome::error(check, why, start.elapsed());
            }
            Err(NoAnswer::NeverBegan) => *slot = None,
            Err(NoAnswer::Died) => {
                *slot = None;
                if attempt >= 2 || start.elapsed() >= check.deadline {
                    let failure = Failure::new(
                        "it leaves other processes alone",
                        "the process that runs the check was killed",
                    );
                    return Outcome::failed(check, failure, start.elapsed());
                }
            }
        }
    }
    Outcome::error(check, "no lane".to_owned(), start.elapsed())
}

const NOT_EXCEEDED: u8 = 0;
const TOO_MUCH_MEMORY: u8 = 1;
const TOO_MANY_PROCESSES: u8 = 2;

/// `__lane`: runs the checks whose ids come in, one outcome a line.
pub(super) fn serve() -> anyhow::Result<i32> {
    let mut lines = BufReader::new(std::io::stdin()).lines();
    let setup = lines.next().context("no setup")??;
    let setup: Setup = serde_json::from_str(&setup).context("setup")?;
    let own_table = setup.isolation == Isolation::Namespaces;
    harness::guard_lane(own_table);
    harness::trust_leash(setup.has_leash);
    let (sender, questions) = mpsc::channel::<String>();
    thread::Builder::new().name("input".into()).spawn(move || {
        for line in lines.map_while(Result::ok) {
            let _ = sender.send(line);
        }
        // The grader has ended or has no more use for this lane.
        harness::kill_others(own_table);
        std::process::exit(0);
    })?;
    let exceeded = Arc::new(AtomicU8::new(NOT_EXCEEDED));
    let watched = Arc::clone(&exceeded);
    thread::Builder::new()
        .name("limits".into())
        .spawn(move || watch_limits(own_table, &watched))?;

    // The two threads above keep it, so that they can end what this one starts.
    #[cfg(target_os = "linux")]
    super::isolate::give_up_head_start();

    println!("{READY}");
    let all = checks::all();
    let prepared = Arc::new(setup.prepared);
    for question in questions {
        let Question { id, seed } = serde_json::from_str(&question)?;
        let check = all.iter().find(|check| check.id == id);
        let mut check = check.with_context(|| format!("no check {id}"))?.clone();
        check.deadline = check.deadline.saturating_sub(GRACE);
        exceeded.store(NOT_EXCEEDED, Ordering::Relaxed);
        let mut outcome = harness::run_check(&prepared, &check, seed);
        harness::kill_others(own_table);
        harness::bury_orphans();
        let cause = match exceeded.load(Ordering::Relaxed) {
            TOO_MUCH_MEMORY => Some("it took more than 1 GiB of memory and was ended"),
            TOO_MANY_PROCESSES => Some("it had more than 512 processes and was ended"),
            _ => None,
        };
        if let (Some(cause), Some(failure)) = (cause, &mut outcome.failure) {
            failure.cause = Some(cause.to_owned());
        }
        if outcome.status == Status::Passed && cause.is_some() {
            let failure =
                Failure::new("modest use of the machine", cause.unwrap_or_default());
            outcome =
                Outcome::failed(&check, failure, Duration::from_millis(outcome.millis));
        }
        let mut line = serde_json::to_vec(&outcome)?;
        line.push(b'\n');
        std::io::stdout().write_all(&line)?;
    }
    Ok(0)
}

fn watch_limits(own_table: bool, exceeded: &AtomicU8) {
    loop {
        thread::sleep(WATCH_PERIOD);
        let Some((bytes, processes)) = harness::usage_of_others(own_table) else {
            return;
        };
        let how = if bytes > MEMORY_LIMIT {
            TOO_MUCH_MEMORY
        } else if processes > PROCESS_LIMIT {
            TOO_MANY_PROCESSES
        } else {
            continue;
        };
        exceeded.store(how, Ordering::Relaxed);
        harness::kill_others(own_table);
    }
}

/// The outcome of a check whose program is not there, without starting anything.
pub(super) fn missing(check: &Check, prepared: &Prepared) -> Option<Outcome> {
    let failure = prepared.missing(check.step())?;
    Some(Outcome::failed(check, failure, Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_cannot_begin_is_the_graders_error() {
        let setup = Setup {
            prepared: Prepared::default(),
            isolation: Isolation::ProcessGroups,
            code: PathBuf::new(),
            has_leash: false,
        };
        let rooms = tempfile::tempdir().unwrap();
        let all = checks::all();
        // The program that runs is no grader here but this test: it makes no lane.
        let outcome = run(&mut None, &all[0], 1, &setup, rooms.path());
        assert_eq!(outcome.status, Status::Error, "{outcome:?}");
        assert!(outcome.note.unwrap().contains("no process"));
    }
}
