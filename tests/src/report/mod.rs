//! What a grading run has found, and the formats in which it is told.
//!
//! | file | what it writes |
//! |---|---|
//! | `json.rs` | `report.json`, whose schema is `tests/report.schema.json` |
//! | `junit.rs` | `junit.xml` |
//! | `csv.rs` | `gradebook.csv`, a line a submission, and `similarity.csv` |
//! | `markdown.rs` | `report.md` |
//! | `gradescope.rs` | `results.json`, as Gradescope's autograders write it |
//! | `terminal.rs` | the table on the terminal |
//! | `files.rs` | all of them, replaced atomically |
//! | `merge.rs` | the reports of a run's parts, put together |

mod csv;
mod files;
mod gradescope;
mod json;
mod junit;
mod markdown;
mod merge;
mod terminal;

use serde::{Deserialize, Serialize};

use crate::grade::Isolation;
use crate::harness::{Check, Failure, Outcome, Status};

pub use csv::similarity as similarity_csv;
pub use files::{Files, replace};
pub use merge::Merged;
pub use terminal::outcome_line;

/// How much a report says of a check that did not pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feedback {
    /// Everything: conversation, expected and got, cause, sheet, command.
    #[default]
    Full,
    /// What was expected and what came, in two lines.
    Brief,
    /// Nothing but the status.
    None,
}

impl Feedback {
    /// Where to read or what to type, if something is said at all.
    fn hint(self, text: &str) -> String {
        match self {
            Feedback::Full | Feedback::Brief => text.to_owned(),
            Feedback::None => String::new(),
        }
    }
}

/// Who sees a test's result on Gradescope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Students see it.
    #[default]
    Visible,
    /// Only instructors see it.
    Hidden,
    /// Students see it once the assignment is due.
    AfterDueDate,
    /// Students see it once grades are published.
    AfterPublished,
}

/// A format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The table for people.
    Terminal,
    /// `report.json`.
    Json,
    /// `junit.xml`.
    Junit,
    /// `gradebook.csv`.
    Csv,
    /// `report.md`.
    Markdown,
    /// Gradescope's `results.json`.
    Gradescope,
}

/// The version of `report.json` that this program writes and reads.
pub const FORMAT: u32 = 1;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of this format.
    pub format: u32,
    /// The seed of all random inputs.
    pub seed: u64,
    /// How often each check ran.
    pub repeat: u32,
    /// Which parts of the run this is the report of.
    #[serde(default)]
    pub shards: Shards,
    /// A hash of the checks' sources: another one is another version of the course.
    #[serde(default)]
    pub course: String,
    /// How submissions were kept apart.
    pub isolation: Isolation,
    /// Who sees results on Gradescope.
    pub visibility: Visibility,
    /// How much is said of what did not pass.
    pub feedback: Feedback,
    /// Whether the run has come to its end.
    pub finished: bool,
    /// The sums of all submissions.
    pub totals: Totals,
    /// The submissions, in order of name.
    pub submissions: Vec<SubmissionReport>,
}

/// Which parts of a run (`--shard i/n`) a report holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shards {
    /// The parts, from 1, in order.
    pub held: Vec<usize>,
    /// How many parts the run has.
    pub of: usize,
}

impl Default for Shards {
    fn default() -> Self {
        Shards::one(1, 1)
    }
}

impl Shards {
    /// Part `i` (from 1) of `of`.
    pub fn one(i: usize, of: usize) -> Shards {
        Shards { held: vec![i], of }
    }

    /// The parts that are not there.
    pub fn missing(&self) -> Vec<usize> {
        let mut all: Vec<usize> = (1..=self.of).collect();
        all.retain(|part| !self.held.contains(part));
        all
    }
}

/// Sums of submissions or of checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Points earned.
    pub score: u32,
    /// Points to be earned.
    pub max_score: u32,
    /// Checks that passed.
    pub passed: u32,
    /// Checks that failed.
    pub failed: u32,
    /// Checks for which another one had to pass first.
    pub blocked: u32,
    /// Checks that the grader could not run.
    pub errors: u32,
    /// Checks that have not been run.
    pub not_run: u32,
    /// Milliseconds, summed over the checks.
    pub millis: u64,
}

/// How far a submission has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not begun, or not at its end.
    Unfinished,
    /// Every check has an outcome.
    Graded,
    /// It is no submission, or the grader failed on one of its checks: see `problem`.
    NotGradable,
}

/// What came of one submission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubmissionReport {
    /// Its folder's name.
    pub name: String,
    /// Its folder.
    pub path: String,
    /// A hash of its files: a submission that has changed is graded afresh.
    pub fingerprint: String,
    /// How far it has come.
    pub state: State,
    /// Why it is not gradable.
    pub problem: Option<String>,
    /// The sums of its checks.
    pub totals: Totals,
    /// Its checks, in the order of the course.
    pub checks: Vec<CheckReport>,
}

/// How a check ended, if it was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// The program meets the requirement.
    Passed,
    /// It does not.
    Failed,
    /// A check that this one needs did not pass.
    Blocked,
    /// The grader could not run it.
    Error,
    /// Its turn has not come.
    NotRun,
}

impl CheckStatus {
    /// The word that reports use.
    pub fn word(self) -> &'static str {
        match self {
            CheckStatus::Passed => "passed",
            CheckStatus::Failed => "failed",
            CheckStatus::Blocked => "blocked",
            CheckStatus::Error => "error",
            CheckStatus::NotRun => "not run",
        }
    }
}

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// The check's id.
    pub id: String,
    /// Its lab step.
    pub step: String,
    /// The requirement.
    pub title: String,
    /// What a pass is worth.
    pub points: u32,
    /// What it earned.
    pub score: u32,
    /// How it ended.
    pub status: CheckStatus,
    /// What is said of it when it did not pass.
    pub feedback: Option<String>,
    /// What was expected and what came, when it failed.
    pub failure: Option<Failure>,
    /// The id that blocked it, or the grader's own error, or that it is unsteady.
    pub note: Option<String>,
    /// Milliseconds.
    pub millis: u64,
    /// Where the sheet teaches it; left out when nothing is to be said of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sheet: String,
    /// A command that shows it by hand; left out likewise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by_hand: String,
}

impl CheckReport {
    /// A check whose turn has not come.
    pub fn not_run(check: &Check, feedback: Feedback) -> CheckReport {
        CheckReport {
            id: check.id.to_owned(),
            step: check.step().to_owned(),
            title: check.title.to_owned(),
            points: check.points,
            score: 0,
            status: CheckStatus::NotRun,
            feedback: None,
            failure: None,
            note: None,
            millis: 0,
            sheet: feedback.hint(check.sheet),
            by_hand: feedback.hint(check.by_hand),
        }
    }

    /// An outcome, told as far as `feedback` allows.
    pub fn new(outcome: &Outcome, feedback: Feedback) -> CheckReport {
        let status = match outcome.status {
            Status::Passed => CheckStatus::Passed,
            Status::Failed => CheckStatus::Failed,
            Status::Blocked => CheckStatus::Blocked,
            Status::Error => CheckStatus::Error,
        };
        let text = match (feedback, status) {
            (_, CheckStatus::Passed) | (Feedback::None, _) => None,
            (Feedback::Full, _) => Some(outcome.feedback()),
            (Feedback::Brief, _) => {
                let mut brief = outcome.clone();
                brief.by_hand = String::new();
                if let Some(failure) = &mut brief.failure {
                    failure.conversation = String::new();
                }
                Some(brief.feedback())
            }
        };
        let failure = match feedback {
            Feedback::Full => outcome.failure.clone(),
            Feedback::Brief => outcome.failure.clone().map(|failure| Failure {
                conversation: String::new(),
                ..failure
            }),
            Feedback::None => None,
        };
        CheckReport {
            id: outcome.id.clone(),
            step: outcome.step.clone(),
            title: outcome.title.clone(),
            points: outcome.points,
            score: outcome.score(),
            status,
            feedback: text,
            failure,
            note: outcome.note.clone(),
            millis: outcome.millis,
            sheet: feedback.hint(&outcome.sheet),
            by_hand: feedback.hint(&outcome.by_hand),
        }
    }

    /// The outcome of an earlier run, unless the check has to be run (again).
    pub fn outcome(&self) -> Option<Outcome> {
        let status = match self.status {
            CheckStatus::Passed => Status::Passed,
            CheckStatus::Failed => Status::Failed,
            CheckStatus::Blocked => Status::Blocked,
            CheckStatus::Error | CheckStatus::NotRun => return None,
        };
        Some(Outcome {
            id: self.id.clone(),
            step: self.step.clone(),
            title: self.title.clone(),
            points: self.points,
            status,
            failure: self.failure.clone(),
            note: self.note.clone(),
            millis: self.millis,
            sheet: self.sheet.clone(),
            by_hand: self.by_hand.clone(),
        })
    }
}

impl Totals {
    fn add(&mut self, other: Totals) {
        self.score += other.score;
        self.max_score += other.max_score;
        self.passed += other.passed;
        self.failed += other.failed;
        self.blocked += other.blocked;
        self.errors += other.errors;
        self.not_run += other.not_run;
        self.millis += other.millis;
    }

    /// All checks.
    pub fn checks(&self) -> u32 {
        self.passed + self.failed + self.blocked + self.errors + self.not_run
    }

    /// The part of the points that was earned, in percent.
    pub fn percent(&self) -> f64 {
        if self.max_score == 0 {
            return 0.0;
        }
        100.0 * f64::from(self.score) / f64::from(self.max_score)
    }
}

impl SubmissionReport {
    /// Sums up the checks and says how far it has come.
    pub fn sum_up(&mut self) {
        let mut totals = Totals::default();
        for check in &self.checks {
            totals.score += check.score;
            totals.max_score += check.points;
            totals.millis += check.millis;
            let count = match check.status {
                CheckStatus::Passed => &mut totals.passed,
                CheckStatus::Failed => &mut totals.failed,
                CheckStatus::Blocked => &mut totals.blocked,
                CheckStatus::Error => &mut totals.errors,
                CheckStatus::NotRun => &mut totals.not_run,
            };
            *count += 1;
        }
        self.totals = totals;
        if self.problem.is_some() {
            self.state = State::NotGradable;
        } else if totals.not_run > 0 {
            self.state = State::Unfinished;
        } else if totals.errors > 0 {
            self.state = State::NotGradable;
        } else {
            self.state = State::Graded;
        }
    }

    /// Why it is not gradable, in one line.
    pub fn why_not_gradable(&self) -> Option<String> {
        if self.state != State::NotGradable {
            return None;
        }
        let first = match &self.problem {
            Some(problem) => problem.clone(),
            None => {
                let check = self.checks.iter();
                let mut errors = check.filter(|check| check.status == CheckStatus::Error);
                let check = errors.next()?;
                format!("{}: {}", check.id, check.note.clone().unwrap_or_default())
            }
        };
        first.lines().next().map(str::to_owned)
    }
}

impl Report {
    /// Sums up the submissions.
    pub fn sum_up(&mut self) {
        let mut totals = Totals::default();
        for submission in &self.submissions {
            totals.add(submission.totals);
        }
        self.totals = totals;
    }

    /// Renders it in one format.
    ///
    /// # Errors
    ///
    /// When a name or text cannot be expressed in the format.
    pub fn render(&self, format: Format) -> anyhow::Result<String> {
        match format {
            Format::Terminal => Ok(terminal::render(self)),
            Format::Json => json::render(self),
            Format::Junit => junit::render(self),
            Format::Csv => csv::render(self),
            Format::Markdown => Ok(markdown::render(self)),
            Format::Gradescope => gradescope::render(self),
        }
    }

    /// Reads a `report.json`.
    ///
    /// # Errors
    ///
    /// When it is not one that this program writes.
    pub fn from_json(text: &str) -> anyhow::Result<Report> {
        json::read(text)
    }
}

/// Replaces what terminals and XML do not take: control characters, but for line ends and
/// tabs, become visible.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' | '\t' => safe.push(char),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            char if char.is_control() => {
                safe.push_str(&format!("\\x{:02x}", u32::from(char)));
            }
            char => safe.push(char),
        }
    }
    safe
}

/// As what terminals take, in one line: control characters become visible.
pub fn plain_line(text: &str) -> String {
    plain(text).replace('\n', " ")
}
