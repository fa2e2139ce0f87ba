//! The message of every check, as one wrong program gets it, is kept in `tests/snapshots/`.
//!
//! The grader test compares them while it runs the wrong programs: no program runs for its
//! snapshot alone. The conversation is left out, since it differs from run to run; all else
//! of the feedback is compared, with the wildcards of the sheets: `[..]` stands for any text
//! within a line, `...` for any lines.
//!
//! `SOCKET_LABS_SNAPSHOTS=write cargo test --test grader -- wrong::STEP` writes the snapshots
//! of a step anew (of all without `STEP`), each from two runs with the same seed: words that
//! differ become wildcards. `SOCKET_LABS_SNAPSHOTS=loosen` makes wildcards of what differs
//! between a snapshot and one more run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use grading::checks::all;
use grading::harness::{Check, Failure, Outcome, Status};
use grading::sheets::{diff, matches, normalise};
use libtest_mimic::Failed;

/// What is done where a message differs from its snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is a fault.
    Compare,
    /// Nothing.
    Ignore,
    /// The snapshot is written anew.
    Write,
    /// The snapshot gets a wildcard.
    Loosen,
}

impl Mode {
    /// What `SOCKET_LABS_SNAPSHOTS` says.
    pub fn from_env() -> Mode {
        match std::env::var("SOCKET_LABS_SNAPSHOTS").as_deref() {
            Ok("write") => Mode::Write,
            Ok("loosen") => Mode::Loosen,
            _ => Mode::Compare,
        }
    }
}

/// The snapshots, and which program each comes from.
#[derive(Debug)]
pub struct Snapshots {
    dir: PathBuf,
    /// What is done where a message differs.
    pub mode: Mode,
    /// The program of each check's snapshot: the one that the snapshot names while it
    /// still fails the check, else the first one that does.
    programs: BTreeMap<String, String>,
}

impl Snapshots {
    /// Reads what there is; `programs` are names of wrong programs with what they fail,
    /// in the order of the tables.
    pub fn read(dir: &Path, mode: Mode, programs: &[(String, Vec<String>)]) -> Snapshots {
        let mut chosen = BTreeMap::new();
        for (program, fails) in programs {
            for id in fails {
                chosen.entry(id.clone()).or_insert_with(|| program.clone());
            }
        }
        for (id, program) in &mut chosen {
            let Some(named) = program_of(&file(dir, id)) else {
                continue;
            };
            let mut all = programs.iter();
            if all.any(|(name, fails)| *name == named && fails.contains(id)) {
                *program = named;
            }
        }
        Snapshots {
            dir: dir.to_owned(),
            mode,
            programs: chosen,
        }
    }

    /// The same snapshots, of which each gets wildcards where a message differs.
    pub fn loosening(&self) -> Snapshots {
        Snapshots {
            dir: self.dir.clone(),
            mode: Mode::Loosen,
            programs: self.programs.clone(),
        }
    }

    /// The same snapshots, with which nothing is compared.
    pub fn ignored(&self) -> Snapshots {
        Snapshots {
            dir: self.dir.clone(),
            mode: Mode::Ignore,
            programs: BTreeMap::new(),
        }
    }

    /// Whether this program gives the snapshot of this check.
    pub fn comes_from(&self, id: &str, program: &str) -> bool {
        self.programs.get(id).is_some_and(|name| name == program)
    }

    /// Compares a failed check's message with its snapshot, if it comes from this program;
    /// returns the difference.
    pub fn fault(&self, outcome: &Outcome, program: &str) -> Option<String> {
        if outcome.status != Status::Failed || !self.comes_from(&outcome.id, program) {
            return None;
        }
        let path = file(&self.dir, &outcome.id);
        let actual = message(outcome, program);
        let snapshot = std::fs::read_to_string(&path).ok();
        let new = match (self.mode, snapshot) {
            // That a file is missing is said once: by `faults`.
            (Mode::Ignore, _) | (Mode::Compare | Mode::Loosen, None) => return None,
            (_, Some(snapshot)) if matches(&snapshot, &actual) => return None,
            (Mode::Compare, Some(snapshot)) => {
                let diff = diff(&snapshot, &actual).unwrap_or_default();
                return Some(format!("{} differs\n{diff}\n", path.display()));
            }
            (Mode::Loosen, Some(snapshot)) => loosened(&snapshot, &actual),
            (Mode::Write, _) => actual,
        };
        let folder = path.parent().unwrap_or(&self.dir);
        let written =
            std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, new));
        written
            .err()
            .map(|error| format!("cannot write {}: {error}\n", path.display()))
    }

    /// What is wrong with the files as such: checks without one, files without a check.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for id in self.programs.keys() {
            let place = file(&self.dir, id);
            if !place.exists() {
                faults.push(format!("there is no {}", place.display()));
            }
        }
        faults.extend(all().iter().filter_map(|check| self.stale(check)));
        let folders = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        for path in folders
            .flat_map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten())
            .flatten()
            .map(|entry| entry.path())
        {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            if !self.programs.keys().any(|id| file(&self.dir, id) == path) {
                faults.push(format!("{stem}: its snapshot belongs to no check"));
            }
        }
        faults
    }

    /// Whether a snapshot still says what the check says now, as far as that is the same
    /// for all programs: no program needs to run for it.
    fn stale(&self, check: &Check) -> Option<String> {
        let path = file(&self.dir, check.id);
        let snapshot = of_the_check(&std::fs::read_to_string(&path).ok()?);
        let failure = Failure::new("one thing", "another");
        let now = Outcome::failed(check, failure, Duration::ZERO);
        let now = of_the_check(&message(&now, "somebody"));
        if matches(&snapshot, &now) {
            return None;
        }
        let diff = diff(&snapshot, &now).unwrap_or_default();
        Some(format!("{} is stale\n{diff}", path.display()))
    }
}

/// What a message says of the check itself: its title, and the lines from the sheet on.
fn of_the_check(message: &str) -> String {
    let lines = message.lines().enumerate();
    let mut is_end = false;
    let kept = lines.filter(|(number, line)| {
        is_end |= line.starts_with("sheet:");
        *number == 2 || is_end
    });
    kept.map(|(_, line)| format!("{line}\n")).collect()
}

/// `tests/snapshots/STEP/what_it_requires.txt`
fn file(dir: &Path, id: &str) -> PathBuf {
    let (step, rest) = id.split_once('.').unwrap_or((id, id));
    dir.join(step).join(rest).with_extension("txt")
}

/// The program that a snapshot names in its first line.
fn program_of(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().next()?;
    Some(line.strip_suffix(" is told:")?.to_owned())
}

/// The feedback without its conversation, and without what differs from run to run.
fn message(outcome: &Outcome, program: &str) -> String {
    let mut outcome = outcome.clone();
    let conversation = outcome
        .failure
        .as_mut()
        .map(|failure| std::mem::take(&mut failure.conversation));
    let mut text = outcome.feedback();
    if conversation.is_some_and(|conversation| !conversation.is_empty()) {
        // Where it stands in the feedback.
        let at = text.find('\n').map_or(text.len(), |end| end + 1);
        text.insert_str(at, "\n(the conversation)\n\n");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(|root| root.display().to_string());
    if let Some(root) = root {
        text = text.replace(&root, "[ROOT]");
    }
    let lines: Vec<String> = normalise(&text, &[]).lines().map(anywhere).collect();
    format!("{program} is told:\n\n{}\n", lines.join("\n"))
}

/// A line as it is on every machine: of a Python traceback, whose files and marks are the
/// interpreter's, the last line alone; process ids as a pattern.
fn anywhere(line: &str) -> String {
    let mut line = line.to_owned();
    if let Some(at) = line.find(" printed").filter(|_| line.contains("File \"")) {
        // Where it is cut depends on how long the names of its files are.
        let last = match line.ends_with('…') {
            true => None,
            false => line.rsplit("\\n").find(|part| !part.trim().is_empty()),
        };
        line = format!(
            "{} printed: [..]{}",
            line.get(..at).unwrap_or_default(),
            last.unwrap_or_default()
        );
    }
    let mut words: Vec<&str> = Vec::new();
    for word in line.split(' ') {
        let is_pid = word.starts_with("pid=");
        let is_python = word.starts_with('/') && word.contains("/python");
        words.push(if is_pid || is_python { "[..]" } else { word });
    }
    words.join(" ")
}

/// Puts wildcards where a text differs from a snapshot.
fn loosened(snapshot: &str, actual: &str) -> String {
    let old: Vec<&str> = snapshot.lines().collect();
    let new: Vec<&str> = actual.lines().collect();
    let mut lines = Vec::new();
    if old.len() == new.len() && !old.contains(&"...") {
        for (old, new) in old.iter().zip(&new) {
            lines.push(match matches(old, new) {
                true => (*old).to_owned(),
                false => loosened_line(old, new),
            });
        }
    } else {
        let (head, tail) = common_ends(&old, &new);
        lines.extend(old.iter().take(head).map(|line| (*line).to_owned()));
        lines.push("...".to_owned());
        lines.extend(old.iter().skip(old.len() - tail).map(|l| (*l).to_owned()));
    }
    lines.join("\n") + "\n"
}

fn loosened_line(old: &str, new: &str) -> String {
    let old: Vec<&str> = old.split(' ').collect();
    let new: Vec<&str> = new.split(' ').collect();
    let mut words: Vec<&str> = Vec::new();
    if old.len() == new.len() {
        for (old, new) in old.iter().zip(&new) {
            words.push(if matches(old, new) { old } else { "[..]" });
        }
    } else {
        let (head, tail) = common_ends(&old, &new);
        words.extend(old.iter().take(head));
        words.push("[..]");
        words.extend(old.iter().skip(old.len() - tail));
    }
    words.dedup_by(|a, b| *a == "[..]" && *b == "[..]");
    words.join(" ")
}

/// How many items fit each other from the beginning, and from the end.
fn common_ends(old: &[&str], new: &[&str]) -> (usize, usize) {
    let fits = |(old, new): &(&&str, &&str)| matches(old, new);
    let head = old.iter().zip(new).take_while(fits).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev());
    let tail = tail.take(rest).take_while(fits).count();
    (head, tail)
}

/// The wildcards are put where two runs differ, and nowhere else.
pub fn what_differs_becomes_a_wildcard() -> Result<(), Failed> {
    let old = "got: 12 bytes of 20\nsheet: a\n";
    for (actual, wanted) in [
        (
            "got: 13 bytes of 20\nsheet: a\n",
            "got: [..] bytes of 20\nsheet: a\n",
        ),
        ("got: nothing\nsheet: a\n", "got: [..]\nsheet: a\n"),
        (
            "got: 12 bytes of 20\nb\nc\nsheet: a\n",
            "got: 12 bytes of 20\n...\nsheet: a\n",
        ),
    ] {
        let new = loosened(old, actual);
        if new != wanted || !matches(&new, actual) || !matches(&new, old) {
            return Err(format!("{old:?} and {actual:?} became {new:?}").into());
        }
    }
    Ok(())
}
