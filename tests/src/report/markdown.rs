//! `report.md`: for a pull request or a mail.

use std::fmt::Write as _;

use super::{CheckStatus, Report, State, SubmissionReport, plain};

pub(super) fn render(report: &Report) -> String {
    let mut text = String::from("# Grading report\n\n");
    let _ = writeln!(text, "Seed {}.", report.seed);
    if !report.finished {
        text.push_str("The run has not come to its end.\n");
    }
    for part in report.shards.missing() {
        let _ = writeln!(text, "Shard {part}/{} is not in here.", report.shards.of);
    }
    text.push_str(
        "\n| submission | score | of | passed | failed | blocked | errors | not run |\n",
    );
    text.push_str("|---|--:|--:|--:|--:|--:|--:|--:|\n");
    for submission in &report.submissions {
        row(&mut text, &name(submission), submission.totals);
    }
    row(&mut text, "**all**", report.totals);
    for submission in &report.submissions {
        details(&mut text, submission);
    }
    text
}

fn name(submission: &SubmissionReport) -> String {
    let name = escape(&submission.name);
    match submission.state {
        State::Graded => name,
        State::Unfinished => format!("{name} (unfinished)"),
        State::NotGradable => format!("{name} (not gradable)"),
    }
}

fn row(text: &mut String, name: &str, totals: super::Totals) {
    let _ = writeln!(
        text,
        "| {name} | {} | {} | {} | {} | {} | {} | {} |",
        totals.score,
        totals.max_score,
        totals.passed,
        totals.failed,
        totals.blocked,
        totals.errors,
        totals.not_run
    );
}

fn details(text: &mut String, submission: &SubmissionReport) {
    let not_passed = submission.checks.iter().filter(|check| {
        !matches!(check.status, CheckStatus::Passed | CheckStatus::NotRun)
    });
    let checks: Vec<_> = not_passed.collect();
    let why = submission.why_not_gradable();
    if checks.is_empty() && why.is_none() {
        return;
    }
    let _ = writeln!(text, "\n## {}", escape(&submission.name));
    if let Some(why) = why {
        let _ = writeln!(text, "\nNot gradable: {}", escape(&why));
    }
    for check in checks {
        let _ = writeln!(text, "\n### {} — {}", check.id, check.status.word());
        let feedback = plain(check.feedback.as_deref().unwrap_or_default());
        if !feedback.is_empty() {
            // A fence longer than any in the text, so that the text cannot end it.
            let mut fence = "```".to_owned();
            while feedback.contains(&fence) {
                fence.push('`');
            }
            let _ = writeln!(text, "\n{fence}text\n{}\n{fence}", feedback.trim_end());
        }
    }
}

/// A name or message in a table or heading.
fn escape(text: &str) -> String {
    let mut safe = String::new();
    for char in plain(text).chars() {
        match char {
            '\n' => safe.push(' '),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' => {
                safe.push('\\');
                safe.push(char);
            }
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            char => safe.push(char),
        }
    }
    safe
}
