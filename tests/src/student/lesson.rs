//! Checking a step: marks, feedback, the next hint.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::course::Step;
use super::progress::StepProgress;
use super::workshop::Workshop;
use crate::Usage;
use crate::grade::{Batch, Event, grade};
use crate::report::{
    CheckReport, CheckStatus, Feedback, SubmissionReport, Visibility, outcome_line,
};

/// Where the course begins: chapters 1 to 3 may come later.
pub(super) const FIRST_STEP: &str = "tcp_server";

/// So many blocked checks are listed one by one.
const FEW: usize = 3;

const GOOD: Style = AnsiColor::Green.on_default();
const NEXT: Style = AnsiColor::Cyan.on_default().bold();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Whether paths become links that a terminal opens on a click (OSC 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// They do: the output is a terminal.
    Clickable,
    /// They are plain text.
    Plain,
}

impl Links {
    /// Shows `text`, which stands for this file.
    pub fn link(self, text: &str, file: &Path) -> String {
        match self {
            Links::Plain => text.to_owned(),
            Links::Clickable => {
                let path = file.display().to_string().replace(' ', "%20");
                format!("\x1b]8;;file://{path}\x1b\\{text}\x1b]8;;\x1b\\")
            }
        }
    }
}

/// What came of a check of one step.
#[derive(Debug)]
pub struct Lesson {
    /// The outcomes.
    pub report: SubmissionReport,
    /// What is said of them, with colours.
    pub text: String,
    /// Whether the progress could be written.
    pub kept: anyhow::Result<()>,
}

/// Hints for one check.
#[derive(Debug)]
pub struct Hints {
    /// The hints.
    pub text: String,
    /// Whether the progress could be written.
    pub kept: anyhow::Result<()>,
}

impl Lesson {
    /// Whether every check passed.
    pub fn passed(&self) -> bool {
        let totals = self.report.totals;
        totals.passed == totals.checks() && totals.passed > 0
    }
}

impl Workshop {
    /// Checks the student's program for a step and notes the progress; with `only`, the id
    /// of a check, runs that one and notes nothing. `events` is told of each check as it
    /// ends.
    ///
    /// # Errors
    ///
    /// When it is not begun, or cannot be graded at all.
    pub fn check(
        &self,
        step: &Step,
        seed: Option<u64>,
        links: Links,
        only: Option<&str>,
        events: &(dyn Fn(Event<'_>) + Sync),
    ) -> anyhow::Result<Lesson> {
        let name = &step.name;
        self.ensure_begun(step)?;
        let batch = Batch {
            dirs: vec![self.folder(name)],
            single: true,
            only: vec![only.unwrap_or(name).to_owned()],
            jobs: None,
            seed,
            repeat: 1,
            shard: (1, 1),
            feedback: Feedback::Full,
            visibility: Visibility::Visible,
            isolation: true,
            in_place: true,
            build_limit: Duration::from_secs(600),
            files: None,
            resume: false,
        };
        let report = grade(&batch, events)?;
        let Some(one) = report.submissions.into_iter().next() else {
            anyhow::bail!("{name} was not graded");
        };
        if only.is_some() {
            let text = self.tell(step, &one, report.seed, links);
            let (report, kept) = (one, Ok(()));
            return Ok(Lesson { report, text, kept });
        }
        let mut progress = self.progress();
        progress.current = Some(name.clone());
        let known = progress.step(name);
        known.score = one.totals.score;
        known.best = known.best.max(one.totals.score);
        known.of = one.totals.max_score;
        let mut checks = one.checks.iter();
        let failing = checks.find(|check| check.status != CheckStatus::Passed);
        known.failing = failing.map(|check| check.id.clone());
        known.likely = failing.and_then(|check| likely(check.feedback.as_deref()?));
        // A verdict is worth more than the note of it.
        let kept = progress.write();
        let text = self.tell(step, &one, report.seed, links);
        let report = one;
        Ok(Lesson { report, text, kept })
    }

    fn tell(
        &self,
        step: &Step,
        one: &SubmissionReport,
        seed: u64,
        links: Links,
    ) -> String {
        let name = &step.name;
        let mut text = String::new();
        if let Some(why) = one.why_not_gradable() {
            let _ = writeln!(text, "{name} cannot be checked: {why}\n");
        }
        let blocked = |check: &&CheckReport| check.status == CheckStatus::Blocked;
        let waiting = one.checks.iter().filter(blocked).count();
        for check in &one.checks {
            // A screen of what cannot be judged yet would hide what can.
            if waiting <= FEW || !blocked(&check) {
                let _ = writeln!(text, "{}", outcome_line(check));
            }
        }
        if waiting > FEW {
            let _ = writeln!(text, "{DIM}⊘ {waiting} more wait until these pass{DIM:#}");
        }
        // One thing at a time: the first that failed is told in full.
        let mut checks = one.checks.iter();
        let failed = checks.find(|check| check.status == CheckStatus::Failed);
        if let Some(check) = failed {
            let _ = writeln!(text, "\n{BOLD}{}{BOLD:#}", check.id);
            for line in check.feedback.as_deref().unwrap_or_default().lines() {
                let _ = writeln!(text, "  {}", self.linked(line, name, links));
            }
        }
        let totals = one.totals;
        let _ = writeln!(
            text,
            "\n{BOLD}{} of {} points{BOLD:#} {DIM}(seed {seed}){DIM:#}",
            totals.score, totals.max_score
        );
        let next = if totals.passed == totals.checks() {
            self.what_next(Some(name))
        } else {
            format!("stuck? cargo lab hint {name}")
        };
        let _ = writeln!(text, "{NEXT}{next}{NEXT:#}");
        text
    }

    /// Makes the path in a line of feedback clickable: the sheet's, or ` --> src/main.rs:1`
    /// of the compiler, which is shown as seen from the course's folder.
    fn linked(&self, line: &str, step: &str, links: Links) -> String {
        if let Some(sheet) = line.strip_prefix("sheet:") {
            let sheet = sheet.trim();
            let file = self
                .course
                .root
                .join(sheet.split('#').next().unwrap_or(sheet));
            return format!("sheet:    {}", links.link(sheet, &file));
        }
        if let Some((before, place)) = line.split_once("--> ")
            && before.trim().is_empty()
            && let Some(file) = place.split(':').next()
        {
            let path = self.folder(step).join(file);
            if path.exists() {
                let shown = place.replacen(file, &self.shown(&path), 1);
                return format!("{before}--> {}", links.link(&shown, &path));
            }
        }
        line.to_owned()
    }

    /// The step to go on with after `name`: of those that follow it, one that is begun and
    /// not done; else the first that is not done, from there on and round again.
    pub fn next_after(&self, name: &str) -> Option<&str> {
        let progress = self.progress();
        let open = |step: &&Step| {
            let known = progress.steps.get(&step.name);
            !known.is_some_and(StepProgress::done) && step.name != name
        };
        let place = self.course.steps().position(|step| step.name == name);
        let after = || self.course.steps().skip(place.map_or(0, |place| place + 1));
        let begun = after().filter(open).find(|step| self.begun(&step.name));
        let next = begun.or_else(|| after().chain(self.course.steps()).find(open));
        next.map(|step| step.name.as_str())
    }

    /// The line that says what to do next, to who worked on `current` last.
    fn what_next(&self, current: Option<&str>) -> String {
        // Before anything is begun, what the README begins with.
        if !self.course.steps().any(|step| self.begun(&step.name))
            && !self.done(FIRST_STEP)
            && self.course.step(FIRST_STEP).is_ok()
        {
            return format!("next: cargo lab start {FIRST_STEP}");
        }
        let unfinished = current.filter(|name| self.begun(name) && !self.done(name));
        match unfinished.or_else(|| self.next_after(current.unwrap_or_default())) {
            Some(name) if self.begun(name) => format!("next: cargo lab check {name}"),
            Some(name) => format!("next: cargo lab start {name}"),
            None => "All steps are done.".to_owned(),
        }
    }

    /// The next hint for the first check that fails (all levels so far, and one more).
    ///
    /// # Errors
    ///
    /// When there is no such level.
    pub fn hint(&self, step: &Step, level: Option<usize>) -> anyhow::Result<Hints> {
        let mut progress = self.progress();
        let known = progress.step(&step.name);
        let nothing = |text: String| Hints { text, kept: Ok(()) };
        if known.done() {
            return Ok(nothing(format!(
                "Every check of {} passes: there is nothing to hint at.\n",
                step.name
            )));
        }
        let (failing, likely) = (known.failing.clone(), known.likely.clone());
        let mut checks = step.checks.iter();
        let check = checks
            .find(|check| Some(check.id) == failing.as_deref())
            .or(step.checks.first());
        let Some(check) = check else {
            return Ok(nothing(format!("{} has no checks.\n", step.name)));
        };
        let levels = check.hints.len();
        if let Some(level) = level
            && !(1..=levels).contains(&level)
        {
            let id = check.id;
            return Err(Usage::error(match levels {
                0 => format!("--level {level}: there is no hint for {id}"),
                1 => format!("--level {level}: there is one hint for {id}, --level 1"),
                _ => format!("--level {level}: the hints for {id} are 1 to {levels}"),
            }));
        }
        let shown = known.hints.get(check.id).copied().unwrap_or(0);
        let shown = level.unwrap_or(shown + 1).min(levels);
        known.hints.insert(check.id.to_owned(), shown);
        let kept = progress.write();
        let mut text = format!("{} {}\n", step.name, check.title);
        if let Some(likely) = likely.filter(|_| Some(check.id) == failing.as_deref()) {
            let _ = writeln!(text, "\nlikely: {likely}");
        }
        for (index, hint) in check.hints.iter().take(shown).enumerate() {
            let of = check.hints.len();
            let _ = writeln!(text, "\nhint {} of {of}: {hint}", index + 1);
        }
        if check.hints.is_empty() {
            text.push_str("\nThere is no hint for it.\n");
        }
        let _ = writeln!(text, "\nsheet: {}", check.sheet);
        if shown < check.hints.len() {
            let _ = writeln!(text, "One more: cargo lab hint {}", step.name);
        } else {
            let _ = writeln!(
                text,
                "That was the last one. cargo lab solution {} --anyway shows a solution.",
                step.name
            );
        }
        Ok(Hints { text, kept })
    }
}

/// Returns what a feedback says of the cause.
fn likely(feedback: &str) -> Option<String> {
    if feedback.contains("\nexpected: it compiles\n") {
        let first = "it does not compile yet: mend what the compiler says first, hints are \
                     for what comes then";
        return Some(first.to_owned());
    }
    let mut lines = feedback.lines();
    let cause = lines.find_map(|line| line.strip_prefix("likely:"))?;
    Some(cause.trim().to_owned())
}

/// The list of chapters and steps with what is done, and what to do next.
pub fn overview(workshop: &Workshop, links: Links) -> String {
    let progress = workshop.progress();
    let mut text = String::new();
    let (mut score, mut points, mut done, mut steps) = (0, 0, 0, 0);
    for chapter in &workshop.course.chapters {
        if chapter.steps.is_empty() {
            continue;
        }
        let sheet = format!("labs/{}.md", chapter.name);
        let file = workshop.course.root.join(&sheet);
        let minutes = chapter.minutes.map(|n| format!(", {n} minutes"));
        let _ = writeln!(
            text,
            "{BOLD}{}{BOLD:#}  {DIM}{}{}{DIM:#}",
            chapter.title,
            links.link(&sheet, &file),
            minutes.unwrap_or_default()
        );
        for step in &chapter.steps {
            let known = progress.steps.get(&step.name);
            let earned = known.map_or(0, |known| known.score);
            let (style, mark, word) = match known {
                Some(known) if known.done() => (GOOD, "✔", "done"),
                _ if workshop.begun(&step.name) => (NEXT, "▸", "in work"),
                _ => (DIM, "·", "not begun"),
            };
            let _ = writeln!(
                text,
                "  {style}{mark} {:<26}{style:#} {:>3} of {:>3} points  {word}",
                step.name,
                earned,
                step.points()
            );
            score += earned;
            points += step.points();
            steps += 1;
            done += u32::from(known.is_some_and(StepProgress::done));
        }
    }
    let _ = writeln!(
        text,
        "\n{done} of {steps} steps, {score} of {points} points"
    );
    let next = workshop.what_next(progress.current.as_deref());
    let _ = writeln!(text, "{NEXT}{next}{NEXT:#}");
    text
}

/// Returns the section of a page of Markdown with this anchor, and its first line's number;
/// the whole page, when it has none.
pub fn section<'a>(text: &'a str, anchor: &str) -> (usize, &'a str) {
    let mut begin = None;
    let mut at = 0;
    let mut fenced = false;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        fenced ^= line.starts_with("```");
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        let heading = !fenced && (1..=6).contains(&level);
        match begin {
            None if heading && slug(line) == anchor => {
                begin = Some((index + 1, at, level))
            }
            Some((number, from, of)) if heading && level <= of => {
                return (number, text.get(from..at).unwrap_or(text));
            }
            _ => {}
        }
        at += line.len();
    }
    match begin {
        Some((number, from, _)) => (number, text.get(from..).unwrap_or(text)),
        None => (1, text),
    }
}

/// The anchor of a heading, as GitHub makes it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likely_cause_is_what_the_feedback_says() {
        let said = "x\n\nexpected: 1\ngot:      2\nlikely:   it is cut\nsheet:    y\n";
        assert_eq!(likely(said).as_deref(), Some("it is cut"));
        assert_eq!(likely("x\n\nexpected: 1\ngot:      2\n"), None);
        let broken =
            likely("x\n\nexpected: it compiles\ngot:      error: expected `;`\n");
        assert!(broken.is_some_and(|said| said.contains("compile")));
    }

    #[test]
    fn a_section_ends_at_the_next_heading_of_its_level() {
        let text = "# A\n\n## Step 1: Do it\n\nText\n\n### More\n\n## Step 2\n";
        let (line, text) = section(text, "step-1-do-it");
        assert_eq!(line, 3);
        assert_eq!(text, "## Step 1: Do it\n\nText\n\n### More\n\n");
    }

    #[test]
    fn links_are_only_on_terminals() {
        let file = Path::new("/a b");
        assert_eq!(Links::Plain.link("x", file), "x");
        assert!(Links::Clickable.link("x", file).contains("file:///a%20b"));
    }
}
