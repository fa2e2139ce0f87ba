//! Gradescope's `results.json`: one submission's tests.

use serde::Serialize;

use super::{CheckStatus, Report, SubmissionReport, Visibility, plain};

#[derive(Serialize)]
struct Results {
    score: u32,
    execution_time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    output_format: &'static str,
    visibility: Visibility,
    stdout_visibility: Visibility,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    name: String,
    number: String,
    score: u32,
    max_score: u32,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    output_format: &'static str,
    visibility: Visibility,
}

/// Renders the results of one submission; of several, a JSON object of them by name.
pub(super) fn render(report: &Report) -> anyhow::Result<String> {
    let mut text = match report.submissions.as_slice() {
        [only] => render_one(report, only)?,
        several => {
            let mut all = serde_json::Map::new();
            for one in several {
                let value = serde_json::to_value(results(report, one))?;
                all.insert(one.name.clone(), value);
            }
            serde_json::to_string_pretty(&all)?
        }
    };
    text.push('\n');
    Ok(text)
}

/// Renders the results of one submission.
pub(super) fn render_one(
    report: &Report,
    submission: &SubmissionReport,
) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&results(report, submission))?)
}

fn results(report: &Report, submission: &SubmissionReport) -> Results {
    let visibility = report.visibility;
    let millis = u32::try_from(submission.totals.millis).unwrap_or(u32::MAX);
    let tests = submission.checks.iter().enumerate().map(|(index, check)| {
        let note = match check.status {
            CheckStatus::NotRun => Some("This check has not been run.".to_owned()),
            _ => check.feedback.as_deref().map(plain),
        };
        Test {
            name: format!("{} {}", check.step, check.title),
            number: (index + 1).to_string(),
            score: check.score,
            max_score: check.points,
            status: match check.status {
                CheckStatus::Passed => "passed",
                _ => "failed",
            },
            output: note,
            output_format: "text",
            visibility,
        }
    });
    let problem = submission.why_not_gradable();
    let mut tests: Vec<Test> = tests.collect();
    if let (Some(why), []) = (&problem, tests.as_slice()) {
        // An empty list looks as if nothing had been asked for.
        tests.push(Test {
            name: "There is something to grade".to_owned(),
            number: "1".to_owned(),
            score: 0,
            max_score: 0,
            status: "failed",
            output: Some(plain(why)),
            output_format: "text",
            visibility,
        });
    }
    Results {
        score: submission.totals.score,
        execution_time: f64::from(millis) / 1000.0,
        output: problem.map(|why| {
            format!("Not gradable, please tell your instructor: {}", plain(&why))
        }),
        output_format: "text",
        visibility,
        stdout_visibility: Visibility::Hidden,
        tests,
    }
}
