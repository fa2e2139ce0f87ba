//! `gradebook.csv`: a line a submission, a column a step, for spreadsheets; and
//! `similarity.csv`.

use super::{Report, State, SubmissionReport, plain_line};
use crate::grade::Pair;

pub(super) fn render(report: &Report) -> anyhow::Result<String> {
    let mut steps: Vec<&str> = Vec::new();
    for check in report.submissions.iter().flat_map(|one| &one.checks) {
        if !steps.contains(&check.step.as_str()) {
            steps.push(&check.step);
        }
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fixed = [
        "submission",
        "state",
        "score",
        "max_score",
        "percent",
        "passed",
        "failed",
        "blocked",
        "errors",
        "not_run",
    ];
    writer.write_record(fixed.iter().chain(&steps))?;
    for submission in &report.submissions {
        let totals = submission.totals;
        let state = match submission.state {
            State::Graded => "graded",
            State::Unfinished => "unfinished",
            State::NotGradable => "not gradable",
        };
        let mut record = vec![cell(&submission.name), state.to_owned()];
        let numbers = [totals.score, totals.max_score];
        record.extend(numbers.iter().map(u32::to_string));
        record.push(format!("{:.1}", totals.percent()));
        let numbers = [
            totals.passed,
            totals.failed,
            totals.blocked,
            totals.errors,
            totals.not_run,
        ];
        record.extend(numbers.iter().map(u32::to_string));
        record.extend(steps.iter().map(|step| score_of(submission, step)));
        writer.write_record(&record)?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn score_of(submission: &SubmissionReport, step: &str) -> String {
    let checks = submission.checks.iter().filter(|check| check.step == step);
    checks.map(|check| check.score).sum::<u32>().to_string()
}

/// A text as a cell: in one line, without control characters. A spreadsheet takes a cell
/// that begins with `=`, `+`, `-` or `@` for a formula, and a folder's name is the student's
/// to choose, so such a cell begins with an apostrophe.
pub(super) fn cell(text: &str) -> String {
    let text = plain_line(text).replace('\t', " ");
    match text.starts_with(['=', '+', '-', '@']) {
        true => format!("'{text}"),
        false => text,
    }
}

/// `similarity.csv`: a line a pair of submissions.
///
/// # Errors
///
/// When a line cannot be written.
pub fn similarity(pairs: &[Pair]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["a", "b", "percent", "shared"])?;
    for pair in pairs {
        let (a, b) = (cell(&pair.a), cell(&pair.b));
        let percent = format!("{:.1}", pair.percent);
        writer.write_record([a, b, percent, pair.shared.to_string()])?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
