//! What a check is, how it can end, and what a failure says.

use std::fmt::{self, Write as _};
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Exam;
use super::transcript::{escape, escape_up_to};

/// One requirement on one lab step.
#[derive(Clone, Debug)]
pub struct Check {
    /// `STEP.what_it_requires`, unique in the course and stable for ever.
    pub id: &'static str,
    /// The requirement as the rest of a sentence that begins with the step's name.
    pub title: &'static str,
    /// What a pass is worth.
    pub points: u32,
    /// Ids of checks of the same step, declared earlier, that must pass first.
    pub needs: &'static [&'static str],
    /// The longest that the check may take.
    pub deadline: Duration,
    /// Hints of growing strength, [`Check::HINTS`] of them.
    pub hints: &'static [&'static str],
    /// Where the sheet teaches it: `labs/04_tcp.md#step-1`.
    pub sheet: &'static str,
    /// A command that shows the requirement by hand, against the default port.
    pub by_hand: &'static str,
    /// The check measures time or watches for silence, so a failure is confirmed by a
    /// second run before it counts.
    pub timing: bool,
    /// Passes, or says why not.
    pub function: fn(&mut Exam) -> Verdict,
}

impl Check {
    /// How many hints a check of the course has.
    pub const HINTS: usize = 3;

    /// Makes a check worth one point with a deadline of 30 s.
    pub fn new(
        id: &'static str,
        title: &'static str,
        function: fn(&mut Exam) -> Verdict,
    ) -> Self {
        Check {
            id,
            title,
            points: 1,
            needs: &[],
            deadline: Duration::from_secs(30),
            hints: &[],
            sheet: "",
            by_hand: "",
            timing: false,
            function,
        }
    }

    /// The lab step, which is also its package: the id up to the dot.
    pub fn step(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }

    /// Sets what a pass is worth.
    pub fn points(mut self, points: u32) -> Self {
        self.points = points;
        self
    }

    /// Names the checks without which this one says nothing.
    pub fn needs(mut self, ids: &'static [&'static str]) -> Self {
        self.needs = ids;
        self
    }

    /// Allows the check another time than 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the hints: what to look at, what causes it, and nearly the solution.
    pub fn hints(mut self, hints: &'static [&'static str]) -> Self {
        self.hints = hints;
        self
    }

    /// Says where the sheet teaches it.
    pub fn sheet(mut self, anchor: &'static str) -> Self {
        self.sheet = anchor;
        self
    }

    /// Gives a command that shows the requirement by hand.
    pub fn by_hand(mut self, command: &'static str) -> Self {
        self.by_hand = command;
        self
    }

    /// The command with the student's own program in it: `cargo run -p STEP` starts the
    /// course's, which has not failed.
    fn by_hand_at_home(&self) -> String {
        let theirs = format!("-p {}", self.step());
        let mut text = String::new();
        let mut rest = self.by_hand;
        while let Some((before, after)) = rest.split_once(&theirs) {
            let is_whole =
                !after.starts_with(|next: char| next.is_alphanumeric() || next == '_');
            match before.rsplit_once("cargo run") {
                Some((head, flags)) if is_whole && matches!(flags.trim(), "" | "-q") => {
                    text.push_str(head);
                    text.push_str("cargo lab run ");
                    text.push_str(self.step());
                }
                _ => {
                    text.push_str(before);
                    text.push_str(&theirs);
                }
            }
            rest = after;
        }
        text + rest
    }

    /// Marks a check that measures time or watches for silence.
    pub fn timing(mut self) -> Self {
        self.timing = true;
        self
    }
}

/// How a check function ends.
pub type Verdict = Result<(), Stop>;

/// Why a check function did not reach its end.
#[derive(Clone, Debug)]
pub enum Stop {
    /// The program does not meet the requirement.
    Failed(Box<Failure>),
    /// The grader could not find out: never counted against the student.
    Error(String),
}

impl Stop {
    /// The grader's own trouble with `what`.
    pub fn grader(what: impl fmt::Display, error: &io::Error) -> Self {
        Stop::Error(format!("{what}: {error}"))
    }
}

/// What was expected of a program and what came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What was expected, as a sentence or as escaped bytes.
    pub expected: String,
    /// What came.
    pub got: String,
    /// The likely cause, where it is recognised.
    pub cause: Option<String>,
    /// What ran and what was said, set by the exam: the conversation and the end of stderr.
    pub conversation: String,
}

impl Failure {
    /// Makes the failure "expected this, got that".
    pub fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Failure {
            expected: expected.into(),
            got: got.into(),
            ..Failure::default()
        }
    }

    /// Makes the failure for bytes that differ, with the first differing byte marked.
    pub fn bytes(expected: &[u8], got: &[u8]) -> Self {
        let same = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
        let mut failure = Failure::new(mark(expected, same), mark(got, same));
        failure.cause = likely_cause(expected, got);
        failure
    }

    /// Where the conversation shows that the program crashed, that is the cause, and no
    /// guess about it.
    pub(super) fn blame_a_crash(&mut self) {
        let is_guess = |cause: &String| {
            cause.ends_with("or it crashed") || cause.starts_with("no reply in time")
        };
        if self.cause.as_ref().is_some_and(is_guess) && shows_a_crash(&self.conversation)
        {
            let cause =
                "it crashed, or one of its threads did: see its own words on stderr";
            self.cause = Some(cause.to_owned());
        }
    }

    /// Adds the likely cause.
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Failed(failure) => {
                write!(
                    f,
                    "expected: {}\ngot:      {}",
                    failure.expected, failure.got
                )
            }
            Stop::Error(note) => write!(f, "the grader's own trouble: {note}"),
        }
    }
}

impl std::error::Error for Stop {}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failed(Box::new(failure))
    }
}

/// Cuts lines that are wider than a screen.
fn one_screen(text: &str) -> String {
    const COLUMNS: usize = 190;
    let mut narrow = String::with_capacity(text.len());
    for line in text.lines() {
        match line.char_indices().nth(COLUMNS) {
            Some((end, _)) => {
                narrow.push_str(line.get(..end).unwrap_or(line));
                narrow.push('…');
            }
            None => narrow.push_str(line),
        }
        narrow.push('\n');
    }
    narrow
}

/// Shows bytes around position `at` with a mark in front of the byte at it, in one line.
fn mark(bytes: &[u8], at: usize) -> String {
    const BEFORE: usize = 40;
    const AFTER: usize = 60;
    const COLUMNS: usize = 80;
    let (before, after) = bytes.split_at(at.min(bytes.len()));
    let from = before.len().saturating_sub(BEFORE);
    let mut text = String::new();
    if from > 0 {
        let _ = write!(text, "({from} bytes) …");
    }
    // What stands right before the mark matters: cut at the other end.
    let shown = escape(before.get(from..).unwrap_or_default());
    let surplus = shown.chars().count().saturating_sub(COLUMNS);
    text.extend(shown.chars().skip(surplus));
    if after.is_empty() && before.is_empty() {
        text.push_str("nothing");
    } else if after.is_empty() {
        text.push_str("»end«");
    } else {
        text.push('»');
        let part = after.get(..AFTER).unwrap_or(after);
        let (shown, whole) = escape_up_to(part, COLUMNS);
        text.push_str(&shown);
        if !whole || part.len() < after.len() {
            let _ = write!(text, "… ({} bytes in all)", bytes.len());
        }
    }
    text
}

/// Whether a line of stderr is what Rust, Go, Java or Python say at a crash: `panicked at`,
/// `panic:`, `Exception in thread`, or an exception's own name.
fn shows_a_crash(conversation: &str) -> bool {
    conversation.lines().any(|line| {
        let Some((_, said)) = line.split_once(" stderr: ") else {
            return false;
        };
        let name = said.split(':').next().unwrap_or_default();
        let is_exception = ["Error", "Exception"]
            .iter()
            .any(|end| name.ends_with(end) && name.len() > end.len());
        is_exception && !name.contains(' ')
            || ["panicked at ", "panic: ", "Exception in thread "]
                .iter()
                .any(|words| said.contains(words))
    })
}

/// Recognises the usual ways in which a reply goes wrong.
fn likely_cause(expected: &[u8], got: &[u8]) -> Option<String> {
    let trimmed = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_lowercase();
    let cause = if got.is_empty() {
        return None; // Whether it was silence or the end, the caller knows.
    } else if got.len() > expected.len() && got.starts_with(expected) {
        match got.get(expected.len()..) {
            Some(b"\n" | b"\r\n") => "a line end is added",
            _ => "more bytes come than belong there",
        }
    } else if got.len() < expected.len() && expected.starts_with(got) {
        "it is cut: the rest is missing"
    } else if got.starts_with(b"b'") || got.starts_with(b"b\"") {
        "the text form of a bytes object is sent instead of the bytes"
    } else if got.windows(3).any(|window| window == "\u{fffd}".as_bytes()) {
        "the bytes were turned into text and back, which loses what is not UTF-8"
    } else if trimmed(expected) == trimmed(got) {
        "only letter case or white space differs: send the bytes as they came"
    } else {
        return None;
    };
    Some(cause.to_owned())
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The program meets the requirement.
    Passed,
    /// It does not.
    Failed,
    /// A check that this one needs did not pass.
    Blocked,
    /// The grader could not run it.
    Error,
}

/// What came of one check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The check's id.
    pub id: String,
    /// The check's lab step.
    pub step: String,
    /// The check's title.
    pub title: String,
    /// What a pass is worth.
    pub points: u32,
    /// How it ended.
    pub status: Status,
    /// What was wrong, when it failed.
    pub failure: Option<Failure>,
    /// The id that blocked it, or the grader's own error.
    pub note: Option<String>,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// Where the sheet teaches it.
    pub sheet: String,
    /// A command that shows the requirement by hand.
    pub by_hand: String,
}

impl Outcome {
    fn new(check: &Check, status: Status, took: Duration) -> Outcome {
        Outcome {
            id: check.id.to_owned(),
            step: check.step().to_owned(),
            title: check.title.to_owned(),
            points: check.points,
            status,
            failure: None,
            note: None,
            millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            sheet: check.sheet.to_owned(),
            by_hand: check.by_hand_at_home(),
        }
    }

    /// The program meets the requirement.
    pub fn passed(check: &Check, took: Duration) -> Outcome {
        Outcome::new(check, Status::Passed, took)
    }

    /// The program does not meet it.
    pub fn failed(check: &Check, failure: Failure, took: Duration) -> Outcome {
        Outcome {
            failure: Some(failure),
            ..Outcome::new(check, Status::Failed, took)
        }
    }

    /// A check that it needs, `id`, did not pass.
    pub fn blocked(check: &Check, id: &str) -> Outcome {
        Outcome {
            note: Some(id.to_owned()),
            ..Outcome::new(check, Status::Blocked, Duration::ZERO)
        }
    }

    /// The grader could not run it.
    pub fn error(check: &Check, note: String, took: Duration) -> Outcome {
        Outcome {
            note: Some(note),
            ..Outcome::new(check, Status::Error, took)
        }
    }

    /// The points that it earns.
    pub fn score(&self) -> u32 {
        if self.status == Status::Passed {
            self.points
        } else {
            0
        }
    }

    /// The feedback of a check that did not pass, the same text in every report:
    /// requirement, conversation, expected and got, cause, sheet, command.
    pub fn feedback(&self) -> String {
        let mut text = format!("{} {}\n", self.step, self.title);
        if let Some(failure) = &self.failure {
            if !failure.conversation.is_empty() {
                text.push('\n');
                text.push_str(&failure.conversation);
                text.push('\n');
            }
            let _ = writeln!(text, "expected: {}", failure.expected);
            let _ = writeln!(text, "got:      {}", failure.got);
            if let Some(cause) = &failure.cause {
                let _ = writeln!(text, "likely:   {cause}");
            }
        }
        match (&self.note, self.status) {
            (Some(id), Status::Blocked) => {
                let _ = writeln!(text, "blocked:  first comes {id}");
            }
            (Some(note), _) => {
                let _ = writeln!(text, "note:     {note}");
            }
            (None, _) => {}
        }
        // A command is of use only whole.
        let mut text = one_screen(&text);
        if !self.sheet.is_empty() {
            let _ = writeln!(text, "sheet:    {}", self.sheet);
        }
        if !self.by_hand.is_empty() {
            let _ = writeln!(text, "by hand:  {}", self.by_hand);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_that_is_shown_is_the_cause() {
        let cause = |stderr: &str, cause: &str| {
            let mut failure = Failure::new("1", "2").cause(cause);
            failure.conversation = format!("    11 ms   stderr: {stderr}\n");
            failure.blame_a_crash();
            failure.cause.unwrap_or_default()
        };
        let guess = "it closes before it replies, or it crashed";
        for words in [
            "thread 'main' (7) panicked at src/main.rs:27:59:",
            "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff",
            "java.net.SocketException: Broken pipe",
            "panic: runtime error: index out of range",
        ] {
            assert!(cause(words, guess).starts_with("it crashed"), "{words}");
            assert_eq!(cause(words, "it is cut"), "it is cut");
        }
        for words in ["Error: it is late", "127.0.0.1:5: connection reset", ""] {
            assert_eq!(cause(words, guess), guess, "{words}");
        }
    }

    #[test]
    fn a_program_is_shown_by_hand_as_the_student_starts_it() {
        let by_hand = |command| {
            let check =
                Check::new("ping.hears_an_echo", "hears", |_| Ok(())).by_hand(command);
            check.by_hand_at_home()
        };
        assert_eq!(
            by_hand("cargo run -p ping ::1; echo $?"),
            "cargo lab run ping ::1; echo $?"
        );
        assert_eq!(by_hand("cargo run -q -p ping"), "cargo lab run ping");
        let other = "cargo run -p ping_server & cargo run -p pin; ping -p ping";
        assert_eq!(by_hand(other), other);
        assert_eq!(
            by_hand("cargo run -p other & cargo run -p ping & cargo run -p ping"),
            "cargo run -p other & cargo lab run ping & cargo lab run ping"
        );
    }

    #[test]
    fn what_a_program_says_is_cut_and_a_command_is_not() {
        let command: &str =
            Box::leak(format!("echo {}", "a".repeat(300)).into_boxed_str());
        let check =
            Check::new("ping.hears_an_echo", "hears", |_| Ok(())).by_hand(command);
        let failure = Failure::new("an echo", "b".repeat(300));
        let feedback = Outcome::failed(&check, failure, Duration::ZERO).feedback();
        let line = |head| feedback.lines().find(|line| line.starts_with(head));
        assert!(line("got:").is_some_and(|line| line.ends_with("bbb…")));
        assert_eq!(line("by hand:"), Some(&*format!("by hand:  {command}")));
    }

    #[test]
    fn the_first_differing_byte_is_marked() {
        let failure = Failure::bytes(b"Hello! You are #2", b"Hello! You are #1");
        assert_eq!(failure.expected, "Hello! You are #»2");
        assert_eq!(failure.got, "Hello! You are #»1");
    }

    #[test]
    fn an_added_line_end_is_recognised() {
        let failure = Failure::bytes(b"accepted", b"accepted\n");
        assert_eq!(failure.cause.unwrap(), "a line end is added");
        assert_eq!(failure.expected, "accepted»end«");
    }

    #[test]
    fn a_changed_letter_case_is_recognised() {
        let failure = Failure::bytes(b"  aB ", b"ab");
        assert!(failure.cause.unwrap().contains("letter case"));
    }
}
