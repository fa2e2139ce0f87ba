//! What is missing in the course, for who adds a lab.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::course::{Chapter, Course, Step};
use crate::checks;
use crate::grade::{Batch, Event, grade};
use crate::harness::{Check, Plan, Status, Target, run};
use crate::report::{CheckStatus, Feedback, Visibility};
use crate::sheets::Sheet;

/// Finds what is missing in these steps (all, if none is named); `quick` looks at files
/// only and runs nothing. One line a fault.
///
/// # Errors
///
/// When a step does not exist, or the programs cannot be run.
pub fn author_check(
    course: &Course,
    only: &[String],
    quick: bool,
    events: &(dyn Fn(Event<'_>) + Sync),
) -> anyhow::Result<Vec<String>> {
    for name in only {
        course.step(name)?;
    }
    let wanted = |step: &&Step| only.is_empty() || only.contains(&step.name);
    let failed_by = failed_by_wrong_programs(&course.root);
    let mut faults = Vec::new();
    for chapter in &course.chapters {
        for step in chapter.steps.iter().filter(wanted) {
            look_at(course, chapter, step, &failed_by, &mut faults);
        }
    }
    let all = checks::all();
    let with_folder: BTreeSet<&str> = course.steps().map(|step| &*step.name).collect();
    for step in checks::steps() {
        if !with_folder.contains(step) {
            faults.push(format!("{step}: has checks, but no crate of that name"));
        }
    }
    let mut ids = BTreeSet::new();
    for check in &all {
        if !ids.insert(check.id) {
            faults.push(format!("{}: two checks have this id", check.id));
        }
    }
    if !quick {
        let steps: Vec<&Step> = course.steps().filter(wanted).collect();
        starters_score_nothing(&steps, events, &mut faults)?;
        references_score_all(&steps, &mut faults)?;
    }
    Ok(faults)
}

fn look_at(
    course: &Course,
    chapter: &Chapter,
    step: &Step,
    failed_by: &BTreeSet<String>,
    faults: &mut Vec<String>,
) {
    let name = &step.name;
    let manifest = fs::read_to_string(step.reference.join("Cargo.toml"));
    if !manifest.is_ok_and(|text| text.contains(&format!("name = \"{name}\""))) {
        faults.push(format!(
            "{name}: the package has another name than its folder"
        ));
    }
    match &step.starter {
        None => faults.push(format!("{name}: has no starter")),
        Some(starter) => {
            let text = fs::read_to_string(starter.join("Cargo.toml")).unwrap_or_default();
            if !text.contains("[workspace]") {
                faults.push(format!("{name}: its starter has no [workspace] of its own"));
            }
            let source = fs::read_to_string(starter.join("src/main.rs"));
            if !source.is_ok_and(|text| text.contains("TODO")) {
                faults.push(format!("{name}: its starter has no TODO"));
            }
            compare_layout(name, &step.reference, starter, faults);
        }
    }
    let sheet = Path::new("labs").join(format!("{}.md", chapter.name));
    let sheet = Sheet::read(&course.root, &sheet).ok();
    if sheet.is_none() {
        faults.push(format!("{name}: there is no labs/{}.md", chapter.name));
    }
    let mut earlier: Vec<&str> = Vec::new();
    for check in &step.checks {
        look_at_check(chapter, check, sheet.as_ref(), &earlier, faults);
        if !failed_by.contains(check.id) {
            faults.push(format!("{}: no wrong program fails it", check.id));
        }
        earlier.push(check.id);
    }
}

/// A starter has the source files of its lab, so that a sheet which names a file is right
/// about both.
fn compare_layout(name: &str, lab: &Path, starter: &Path, faults: &mut Vec<String>) {
    let in_lab = source_files(lab);
    let in_starter = source_files(starter);
    for file in in_lab.difference(&in_starter) {
        faults.push(format!(
            "{name}: its starter lacks {file}, which the lab has"
        ));
    }
    for file in in_starter.difference(&in_lab) {
        faults.push(format!(
            "{name}: its starter has {file}, which the lab lacks"
        ));
    }
}

/// The Rust files below `src`, as paths from `package`. A folder that cannot be read has
/// none.
fn source_files(package: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut folders = vec!["src".to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(package.join(&folder));
        for entry in entries.into_iter().flatten().flatten() {
            let path = format!("{folder}/{}", entry.file_name().display());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.ends_with(".rs") {
                files.insert(path);
            }
        }
    }
    files
}

fn look_at_check(
    chapter: &Chapter,
    check: &Check,
    sheet: Option<&Sheet>,
    earlier: &[&str],
    faults: &mut Vec<String>,
) {
    let id = check.id;
    let mut fault = |what: String| faults.push(format!("{id}: {what}"));
    if check.hints.len() != Check::HINTS {
        let count = check.hints.len();
        fault(format!("has {count} hints, not {}", Check::HINTS));
    }
    if check.by_hand.is_empty() {
        fault("has no command to see it by hand".to_owned());
    }
    if check.points == 0 {
        fault("is worth nothing".to_owned());
    }
    for need in check.needs {
        if !earlier.contains(need) {
            fault(format!("needs {need}, which is not declared before it"));
        }
    }
    let (file, anchor) = check.sheet.split_once('#').unwrap_or((check.sheet, ""));
    if file != format!("labs/{}.md", chapter.name) {
        fault(format!(
            "its sheet is {file:?}, not labs/{}.md",
            chapter.name
        ));
    } else if anchor.is_empty() {
        fault("names no section of its sheet".to_owned());
    } else if let Some(sheet) = sheet
        && !sheet
            .headings
            .iter()
            .any(|heading| heading.anchor == anchor)
    {
        fault(format!("the sheet has no section #{anchor}"));
    }
}

/// The checks that the tables of wrong programs declare as failed.
fn failed_by_wrong_programs(root: &Path) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let folders = fs::read_dir(root.join("tests/wrong"));
    for folder in folders.into_iter().flatten().flatten() {
        let text = fs::read_to_string(folder.path().join("table.toml"));
        let table: toml::Table = match text.map(|text| toml::from_str(&text)) {
            Ok(Ok(table)) => table,
            _ => continue,
        };
        let programs = table.get("program").and_then(toml::Value::as_array);
        for program in programs.into_iter().flatten() {
            let fails = program.get("fails").and_then(toml::Value::as_array);
            let fails = fails.into_iter().flatten().filter_map(toml::Value::as_str);
            ids.extend(fails.map(str::to_owned));
        }
    }
    ids
}

fn starters_score_nothing(
    steps: &[&Step],
    events: &(dyn Fn(Event<'_>) + Sync),
    faults: &mut Vec<String>,
) -> anyhow::Result<()> {
    for step in steps {
        let Some(starter) = &step.starter else {
            continue;
        };
        let batch = Batch {
            dirs: vec![starter.clone()],
            single: true,
            only: vec![step.name.clone()],
            jobs: None,
            seed: None,
            repeat: 1,
            shard: (1, 1),
            feedback: Feedback::Full,
            visibility: Visibility::Visible,
            isolation: true,
            in_place: false,
            build_limit: Duration::from_secs(600),
            files: None,
            resume: false,
        };
        let report = grade(&batch, events).context("the starter cannot be graded")?;
        for check in report.submissions.iter().flat_map(|one| &one.checks) {
            let failure = check.failure.as_ref();
            if failure.is_some_and(|failure| failure.expected == "it compiles") {
                faults.push(format!("{}: its starter does not compile", step.name));
                break;
            }
            if matches!(check.status, CheckStatus::Passed | CheckStatus::Error) {
                let word = check.status.word();
                faults.push(format!("{}: {word} with the starter", check.id));
            }
        }
    }
    Ok(())
}

fn references_score_all(steps: &[&Step], faults: &mut Vec<String>) -> anyhow::Result<()> {
    let names: Vec<&str> = steps.iter().map(|step| &*step.name).collect();
    let prepared = Target::Reference.prepare(&names)?;
    let plan = Plan {
        prepared: Arc::new(prepared),
        checks: steps.iter().flat_map(|step| step.checks.clone()).collect(),
        seed: fastrand::u64(..),
        jobs: 4,
    };
    for outcome in run(&plan, &|_| {}) {
        if outcome.status != Status::Passed {
            faults.push(format!("{}: the reference does not pass", outcome.id));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_missing_in_the_course() {
        let course = Course::read().unwrap();
        let faults = author_check(&course, &[], true, &|_| {}).unwrap();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn a_starter_has_the_source_files_of_its_lab() {
        let dir = tempfile::tempdir().unwrap();
        let package = |name: &str, files: &[&str]| {
            let package = dir.path().join(name);
            for file in files {
                let file = package.join(file);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, "").unwrap();
            }
            package
        };
        let lab = package("lab", &["src/main.rs", "src/wire/tls.rs", "src/a.txt"]);
        let same = package("same", &["src/main.rs", "src/wire/tls.rs", "lab.toml"]);
        let other = package("other", &["src/main.rs", "src/wire.rs"]);
        let faults = |starter: &Path| {
            let mut faults = Vec::new();
            compare_layout("step", &lab, starter, &mut faults);
            faults
        };
        assert_eq!(faults(&same), [""; 0]);
        assert_eq!(
            faults(&other),
            [
                "step: its starter lacks src/wire/tls.rs, which the lab has",
                "step: its starter has src/wire.rs, which the lab lacks",
            ]
        );
    }

    #[test]
    fn a_need_is_declared_before_the_check_that_has_it() {
        let course = Course::read().unwrap();
        let chapter = course.chapters.first().unwrap();
        let all = checks::all();
        let check = all.iter().find(|check| !check.needs.is_empty()).unwrap();
        let faults = |earlier: &[&str]| {
            let mut faults = Vec::new();
            look_at_check(chapter, check, None, earlier, &mut faults);
            faults.retain(|fault| fault.contains("declared before"));
            faults.len()
        };
        assert_eq!(faults(&[]), check.needs.len());
        assert_eq!(faults(check.needs), 0);
    }
}
