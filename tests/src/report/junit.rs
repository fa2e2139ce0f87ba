//! `junit.xml`: a suite a submission, a case a check.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Xml, TestCase, TestCaseStatus, TestSuite};

use super::{CheckReport, CheckStatus, Report, plain};

pub(super) fn render(report: &Report) -> anyhow::Result<String> {
    let mut xml = Xml::new("socket-labs");
    xml.set_time(Duration::from_millis(report.totals.millis));
    for submission in &report.submissions {
        let mut suite = TestSuite::new(plain(&submission.name));
        suite.set_time(Duration::from_millis(submission.totals.millis));
        suite.add_property(("score", submission.totals.score.to_string().as_str()));
        suite.add_property((
            "max_score",
            submission.totals.max_score.to_string().as_str(),
        ));
        for check in &submission.checks {
            suite.add_test_case(case(check));
        }
        if let Some(why) = submission.why_not_gradable()
            && submission.problem.is_some()
        {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(plain(&why));
            suite.add_test_case(TestCase::new("gradable", status));
        }
        xml.add_test_suite(suite);
    }
    Ok(xml.to_string()?)
}

fn case(check: &CheckReport) -> TestCase {
    let feedback = plain(check.feedback.as_deref().unwrap_or_default());
    let mut status = match check.status {
        CheckStatus::Passed => TestCaseStatus::success(),
        CheckStatus::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        CheckStatus::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
        CheckStatus::Blocked | CheckStatus::NotRun => TestCaseStatus::skipped(),
    };
    let message = match (check.status, &check.note) {
        (CheckStatus::Passed, _) => String::new(),
        (CheckStatus::Blocked, Some(id)) => format!("blocked: first comes {}", plain(id)),
        (CheckStatus::Error, Some(note)) => plain(note),
        (CheckStatus::NotRun, _) => "not run".to_owned(),
        _ => plain(&check.title),
    };
    if !message.is_empty() {
        status.set_message(message);
    }
    if !feedback.is_empty() {
        status.set_description(feedback);
    }
    let mut case = TestCase::new(check.id.as_str(), status);
    case.set_classname(check.step.as_str());
    case.set_time(Duration::from_millis(check.millis));
    case
}
