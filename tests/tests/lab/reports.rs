//! Reports in all formats, read by parsers that are not ours; their totals agree.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may assume what it has set up itself"
)]

use std::process::Command;

use crate::support::tests_dir;
use grading::grade::Isolation;
use grading::harness::{Failure, python};
use grading::report::{
    CheckReport, CheckStatus, FORMAT, Feedback, Files, Format, Report, Shards, State,
    SubmissionReport, Totals, Visibility,
};
use grading::sheets::unmet;
use libtest_mimic::Trial;

/// The tests of this file.
pub fn trials() -> Vec<Trial> {
    let mut trials = crate::all(&[
        ("json_reads_back", json_reads_back),
        (
            "gradescope_results_have_the_scores",
            gradescope_results_have_the_scores,
        ),
        (
            "junit_is_read_by_another_parser",
            junit_is_read_by_another_parser,
        ),
        (
            "the_table_shows_the_same_totals_and_no_control_characters",
            the_table_shows_the_same_totals_and_no_control_characters,
        ),
        (
            "totals_of_a_merge_are_those_of_its_parts",
            totals_of_a_merge_are_those_of_its_parts,
        ),
    ]);
    trials.push(crate::unless(
        crate::no_python(),
        "python_reads_all_of_them",
        python_reads_all_of_them,
    ));
    trials.push(crate::unless(
        unmet("jsonschema").map(|_| "jsonschema is not installed"),
        "json_and_gradescope_results_follow_their_schemas",
        json_and_gradescope_results_follow_their_schemas,
    ));
    trials
}

/// What no report may choke on.
const NASTY: &str =
    "a,\"b\"\n</failure>]]>&<x y='1'>\u{0}\u{1b}[2J\u{7f}\u{fffe}|`é`\r```";

fn check(id: &str, status: CheckStatus, points: u32) -> CheckReport {
    let passed = status == CheckStatus::Passed;
    CheckReport {
        id: format!("tcp_server.{id}"),
        step: "tcp_server".to_owned(),
        title: format!("does {id} {NASTY}"),
        points,
        score: if passed { points } else { 0 },
        status,
        feedback: (!passed).then(|| format!("expected: {NASTY}")),
        failure: (status == CheckStatus::Failed).then(|| Failure::new(NASTY, NASTY)),
        note: (!passed).then(|| NASTY.to_owned()),
        millis: 12,
        sheet: "labs/04_tcp.md#x".to_owned(),
        by_hand: "nc".to_owned(),
    }
}

fn sample() -> Report {
    let mut report = Report {
        format: FORMAT,
        seed: 42,
        repeat: 1,
        shards: Shards::default(),
        course: "0".to_owned(),
        isolation: Isolation::Namespaces,
        visibility: Visibility::AfterDueDate,
        feedback: Feedback::Full,
        finished: false,
        totals: Totals::default(),
        submissions: Vec::new(),
    };
    for (name, problem) in [("=1+1", None), (NASTY, None), ("none", Some(NASTY))] {
        let mut one = SubmissionReport {
            name: name.to_owned(),
            path: format!("/x/{name}"),
            fingerprint: "0".to_owned(),
            state: State::Unfinished,
            problem: problem.map(str::to_owned),
            totals: Totals::default(),
            checks: vec![
                check("a", CheckStatus::Passed, 3),
                check("b", CheckStatus::Failed, 2),
                check("c", CheckStatus::Blocked, 1),
                check("d", CheckStatus::Error, 1),
                check("e", CheckStatus::NotRun, 4),
                check("f", CheckStatus::Passed, 2),
            ],
        };
        one.sum_up();
        report.submissions.push(one);
    }
    report.sum_up();
    report
}

/// Expects that the tool `jsonschema` takes `documents`, and that it has only this against
/// one of them when it is spoilt: a schema that refuses nothing is worth nothing.
fn follow(schema: &str, documents: &[String], spoilt: String, objection: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("jsonschema");
    for (number, document) in documents.iter().chain([&spoilt]).enumerate() {
        let path = dir.path().join(format!("{number}.json"));
        std::fs::write(&path, document).unwrap();
        command.arg("-i").arg(path);
    }
    let output = command
        .args(["--error-format", "{error.message}\n"])
        .arg(tests_dir().join(schema))
        .env("PYTHONWARNINGS", "ignore")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && !said.is_empty(), "{spoilt}");
    assert!(said.lines().all(|line| line.contains(objection)), "{said}");
}

fn json_and_gradescope_results_follow_their_schemas() {
    let report = sample();
    let json = report.render(Format::Json).unwrap();
    let spoilt = json.replace("\"status\": \"passed\"", "\"status\": \"great\"");
    let objection = "'great' is not one of";
    follow("report.schema.json", &[json], spoilt, objection);

    let results: Vec<String> = alone(&report)
        .map(|single| single.render(Format::Gradescope).unwrap())
        .collect();
    let spoilt = results[0].replace("after_due_date", "tomorrow");
    let objection = "'tomorrow' is not one of";
    follow("gradescope.schema.json", &results, spoilt, objection);
}

/// Returns a report for each submission of one.
fn alone(report: &Report) -> impl Iterator<Item = Report> {
    report.submissions.iter().map(|one| Report {
        submissions: vec![one.clone()],
        ..report.clone()
    })
}

fn json_reads_back() {
    let report = sample();
    let text = report.render(Format::Json).unwrap();
    assert_eq!(Report::from_json(&text).unwrap(), report);
    assert!(Report::from_json(&text.replace("\"format\": 1", "\"format\": 2")).is_err());
}

fn gradescope_results_have_the_scores() {
    for single in alone(&sample()) {
        let text = single.render(Format::Gradescope).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let score = single.submissions[0].totals.score;
        assert_eq!(value["score"], score);
        let tests = value["tests"].as_array().unwrap();
        let sum: u64 = tests
            .iter()
            .map(|test| test["score"].as_u64().unwrap())
            .sum();
        assert_eq!(sum, u64::from(score));
        assert_eq!(tests[0]["visibility"], "after_due_date");
    }
}

fn junit_is_read_by_another_parser() {
    let report = sample();
    let text = report.render(Format::Junit).unwrap();
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut cases, mut failures, mut errors, mut skipped) = (0, 0, 0, 0);
    loop {
        use quick_xml::events::Event;
        match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) => match tag.name().as_ref() {
                b"testcase" => cases += 1,
                b"failure" => failures += 1,
                b"error" => errors += 1,
                b"skipped" => skipped += 1,
                _ => {}
            },
            _ => {}
        }
    }
    let totals = report.totals;
    // One case more: that a submission is not gradable is an error of its own.
    assert_eq!(cases, totals.checks() + 1);
    assert_eq!(failures, totals.failed);
    assert_eq!(errors, totals.errors + 1);
    assert_eq!(skipped, totals.blocked + totals.not_run);
    let illegal = |c: char| (c.is_control() && !"\n\t\r".contains(c)) || c == '\u{fffe}';
    assert!(!text.contains(illegal), "control characters in XML");
}

/// Python's parsers are nobody's here.
fn python_reads_all_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let report = sample();
    let formats = [Format::Json, Format::Junit, Format::Csv, Format::Markdown];
    Files::new(dir.path(), &formats).write(&report).unwrap();
    let script = r#"
import csv, json, sys, xml.etree.ElementTree as tree
folder = sys.argv[1]
report = json.load(open(folder + "/report.json"))
totals = report["totals"]
suites = tree.parse(folder + "/junit.xml").getroot()
cases = suites.findall(".//testcase")
passed = [c for c in cases if not any(c.find(t) is not None for t in ("failure", "error", "skipped"))]
assert len(passed) == totals["passed"], len(passed)
assert int(suites.get("failures")) == totals["failed"]
score = sum(int(p.get("value")) for p in suites.findall(".//property") if p.get("name") == "score")
assert score == totals["score"], score
rows = list(csv.DictReader(open(folder + "/gradebook.csv", newline="")))
assert len(rows) == len(report["submissions"]), rows
assert rows[0]["submission"] == "'=1+1", rows[0]
for row, one in zip(rows, report["submissions"]):
    assert int(row["score"]) == one["totals"]["score"] == int(row["tcp_server"])
    assert int(row["not_run"]) == one["totals"]["not_run"]
assert sum(int(row["score"]) for row in rows) == totals["score"]
markdown = open(folder + "/report.md").read()
assert f"| **all** | {totals['score']} | {totals['max_score']} |" in markdown
"#;
    let output = Command::new(python().unwrap())
        .args(["-c", script])
        .arg(dir.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn the_table_shows_the_same_totals_and_no_control_characters() {
    let report = sample();
    let text = report.render(Format::Terminal).unwrap();
    let plain = anstream::adapter::strip_str(&text).to_string();
    let illegal = |c: char| c.is_control() && !"\n\t".contains(c);
    assert!(!plain.contains(illegal), "{plain:?}");
    let all = plain.lines().find(|line| line.contains(" all ")).unwrap();
    let numbers: Vec<&str> = all.split_whitespace().collect();
    let totals = report.totals;
    assert_eq!(numbers[1], totals.score.to_string());
    assert_eq!(numbers[2], totals.max_score.to_string());
    assert_eq!(numbers[8], totals.not_run.to_string());
}

fn totals_of_a_merge_are_those_of_its_parts() {
    let report = sample();
    let mut shards = Vec::new();
    for mut shard in alone(&report) {
        shard.sum_up();
        shards.push(shard);
    }
    let merged = Report::merge(shards.clone()).unwrap();
    assert_eq!(merged.report.totals, report.totals);
    shards[0].seed = 1;
    assert!(Report::merge(shards).is_err(), "different seeds");
    assert!(Report::merge(Vec::new()).is_err());
}
