//! The table on the terminal.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, Table, presets};

use super::{
    CheckReport, CheckStatus, Report, State, SubmissionReport, Totals, plain, plain_line,
};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const MEH: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();

/// Renders with colours; whoever prints it on something else than a terminal strips them.
pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    for submission in &report.submissions {
        details(&mut text, submission);
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    let header = [
        "submission",
        "score",
        "of",
        "%",
        "passed",
        "failed",
        "blocked",
        "errors",
        "not run",
    ];
    table.set_header(header);
    for submission in &report.submissions {
        let name = plain_line(&submission.name);
        let name = match submission.state {
            State::Graded => name,
            State::Unfinished => format!("{name} (unfinished)"),
            State::NotGradable => format!("{name} (not gradable)"),
        };
        table.add_row(row(&name, submission.totals));
    }
    if report.submissions.len() > 1 {
        table.add_row(row("all", report.totals));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let _ = writeln!(text, "{table}");
    let _ = writeln!(text, "seed {}", report.seed);
    for part in report.shards.missing() {
        let of = report.shards.of;
        let _ = writeln!(text, "{MEH}shard {part}/{of} is not in here{MEH:#}");
    }
    text
}

fn row(name: &str, totals: Totals) -> Vec<String> {
    let mut row = vec![name.to_owned()];
    row.extend([totals.score, totals.max_score].map(|n| n.to_string()));
    row.push(format!("{:.1}", totals.percent()));
    let counts = [
        totals.passed,
        totals.failed,
        totals.blocked,
        totals.errors,
        totals.not_run,
    ];
    row.extend(counts.map(|n| n.to_string()));
    row
}

fn details(text: &mut String, submission: &SubmissionReport) {
    if let Some(why) = submission.why_not_gradable() {
        let name = plain_line(&submission.name);
        let _ = writeln!(
            text,
            "{BAD}{name}: not gradable: {}{BAD:#}\n",
            plain_line(&why)
        );
    }
    let mut step = "";
    for check in &submission.checks {
        if matches!(check.status, CheckStatus::Passed | CheckStatus::NotRun) {
            continue;
        }
        if step != check.step {
            step = &check.step;
            let _ = writeln!(text, "{} / {step}", plain_line(&submission.name));
        }
        let _ = writeln!(text, "{}", outcome_line(check));
        if check.status != CheckStatus::Blocked {
            for line in plain(check.feedback.as_deref().unwrap_or_default()).lines() {
                let _ = writeln!(text, "      {line}");
            }
            text.push('\n');
        }
    }
}

/// One check in one line, with its mark: `✔ tcp_server.listens  listens on …`.
pub fn outcome_line(check: &CheckReport) -> String {
    let (style, mark) = match check.status {
        CheckStatus::Passed => (GOOD, "✔"),
        CheckStatus::Failed => (BAD, "✘"),
        CheckStatus::Blocked => (MEH, "⊘"),
        CheckStatus::Error => (BAD, "!"),
        CheckStatus::NotRun => (DIM, "·"),
    };
    let mut line = format!("{style}{mark}{style:#} {}", plain_line(&check.title));
    let _ = write!(
        line,
        " {DIM}{} ({} of {}){DIM:#}",
        check.id, check.score, check.points
    );
    match (&check.note, check.status) {
        (Some(id), CheckStatus::Blocked) => {
            let id = plain_line(id);
            let _ = write!(line, " {MEH}blocked: first comes {id}{MEH:#}");
        }
        (Some(note), _) => {
            let _ = write!(line, " {MEH}{}{MEH:#}", plain_line(note));
        }
        (None, _) => {}
    }
    line
}
