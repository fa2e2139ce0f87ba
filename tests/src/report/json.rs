//! `report.json`: everything, for programs.

use anyhow::Context;

use super::{FORMAT, Report};

pub(super) fn render(report: &Report) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(text)
}

pub(super) fn read(text: &str) -> anyhow::Result<Report> {
    let report: Report = serde_json::from_str(text).context("this is no report")?;
    anyhow::ensure!(
        report.format == FORMAT,
        "the report's format is {}, not {FORMAT}",
        report.format
    );
    Ok(report)
}
