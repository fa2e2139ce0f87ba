//! Puts the reports of a run's parts together, and says what keeps two reports apart.

use std::collections::BTreeSet;

use super::{Report, Shards, State};
use crate::Usage;
use crate::grade::Isolation;

/// What came of a merge.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// What was there, put together.
    pub report: Report,
    /// What is not there, in sentences: parts without a report, parts that have not come
    /// to their end.
    pub missing: Vec<String>,
}

impl Report {
    /// What makes this another run than `other`, so that the marks of one cannot stand
    /// beside those of the other: in words that follow "that one has" and "this one has".
    pub fn differences(&self, other: &Report) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, this: String, that: String| {
            if this != that {
                found.push(format!("{what}: {that} there, {this} here"));
            }
        };
        compare("seed", self.seed.to_string(), other.seed.to_string());
        compare("repeat", self.repeat.to_string(), other.repeat.to_string());
        let feedback = |report: &Report| format!("{:?}", report.feedback).to_lowercase();
        compare("feedback", feedback(self), feedback(other));
        // Reports of before there was this field have none.
        if !self.course.is_empty() && !other.course.is_empty() {
            compare(
                "version of the course",
                self.course.clone(),
                other.course.clone(),
            );
        }
        let checks = |report: &Report| -> Option<BTreeSet<(String, u32)>> {
            let checks = report.submissions.first()?.checks.iter();
            Some(checks.map(|one| (one.id.clone(), one.points)).collect())
        };
        if let (Some(this), Some(that)) = (checks(self), checks(other))
            && this != that
        {
            let only = |a: &BTreeSet<(String, u32)>, b: &BTreeSet<(String, u32)>| {
                let ids: Vec<&str> = a.difference(b).map(|(id, _)| &**id).collect();
                match ids.as_slice() {
                    [] => "no other".to_owned(),
                    [one] => one.to_string(),
                    [one, rest @ ..] => format!("{one} and {} more", rest.len()),
                }
            };
            let (there, here) = (only(&that, &this), only(&this, &that));
            found.push(format!("checks: {there} there, {here} here"));
        }
        found
    }

    /// Puts the reports of shards together: every submission once, the one that has come
    /// further where two have it.
    ///
    /// # Errors
    ///
    /// When there is none, or they are of different runs.
    pub fn merge(reports: Vec<Report>) -> anyhow::Result<Merged> {
        let mut reports = reports.into_iter();
        let Some(mut merged) = reports.next() else {
            return Err(Usage::error("no report to merge"));
        };
        for report in reports {
            let mut differences = report.differences(&merged);
            let (held, more) = (&merged.shards, &report.shards);
            // A whole run can stand beside parts: of one that was graded again, say.
            if held.of != more.of && held.of > 1 && more.of > 1 {
                differences
                    .push(format!("parts of {} there, of {} here", held.of, more.of));
            }
            if !differences.is_empty() {
                return Err(Usage::error(format!(
                    "the reports are of different runs ({}): give every shard the same \
                     --seed, --repeat, --only and --feedback",
                    differences.join("; ")
                )));
            }
            merged.take(report);
        }
        merged.submissions.sort_by(|a, b| a.name.cmp(&b.name));
        merged.sum_up();
        let mut missing = Vec::new();
        for part in merged.shards.missing() {
            missing.push(format!(
                "there is no report of shard {part}/{}",
                merged.shards.of
            ));
        }
        let unfinished = |state: State| state == State::Unfinished;
        let left = merged
            .submissions
            .iter()
            .filter(|one| unfinished(one.state));
        for one in left {
            missing.push(format!(
                "{}: {} checks have not been run",
                super::plain_line(&one.name),
                one.totals.not_run
            ));
        }
        merged.finished = missing.is_empty();
        if merged.shards.missing().is_empty() {
            merged.shards = Shards::default();
        }
        Ok(Merged {
            report: merged,
            missing,
        })
    }

    fn take(&mut self, report: Report) {
        if self.isolation != report.isolation {
            self.isolation = Isolation::ProcessGroups;
        }
        if self.shards.of == 1 {
            self.shards = report.shards;
        } else if report.shards.of > 1 {
            self.shards.held.extend(report.shards.held);
            self.shards.held.sort_unstable();
            self.shards.held.dedup();
        }
        for submission in report.submissions {
            let twin = self
                .submissions
                .iter_mut()
                .find(|other| other.name == submission.name);
            match twin {
                Some(twin) if twin.totals.not_run > submission.totals.not_run => {
                    *twin = submission;
                }
                Some(_) => {}
                None => self.submissions.push(submission),
            }
        }
    }
}
