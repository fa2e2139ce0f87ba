//! What there is to do: chapters, steps, points, sheets.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::checks;
use crate::harness::{Check, course_root};

/// The course as its folders and checks tell it.
#[derive(Clone, Debug)]
pub struct Course {
    /// The folder of the course.
    pub root: PathBuf,
    /// Its chapters, in order.
    pub chapters: Vec<Chapter>,
}

/// A chapter: a folder of `crates/`, a sheet.
#[derive(Clone, Debug)]
pub struct Chapter {
    /// The name that sheet, crates and checks share: `04_tcp`.
    pub name: String,
    /// The title of its sheet.
    pub title: String,
    /// How long it takes, as its sheet says.
    pub minutes: Option<u32>,
    /// Its steps that have checks, in the order in which they are learnt.
    pub steps: Vec<Step>,
}

/// A lab step: a program to write.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name, which is its package's.
    pub name: String,
    /// The reference: `crates/04_tcp/tcp_server`.
    pub reference: PathBuf,
    /// The starter, if there is one.
    pub starter: Option<PathBuf>,
    /// What is required of it.
    pub checks: Vec<Check>,
}

impl Step {
    /// The points to be earned.
    pub fn points(&self) -> u32 {
        self.checks.iter().map(|check| check.points).sum()
    }
}

impl Course {
    /// Reads what there is.
    ///
    /// # Errors
    ///
    /// When the folders of the course cannot be read.
    pub fn read() -> anyhow::Result<Course> {
        let root = course_root();
        let mut chapters = Vec::new();
        let crates = root.join("crates");
        for entry in fs::read_dir(&crates).context("cannot read the folder crates")? {
            let name = entry?.file_name().display().to_string();
            if name.starts_with(|first: char| first.is_ascii_digit()) {
                chapters.push(chapter(&root, name));
            }
        }
        chapters.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Course { root, chapters })
    }

    /// All steps, in the order of the course.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.chapters.iter().flat_map(|chapter| &chapter.steps)
    }

    /// The step of this name.
    ///
    /// # Errors
    ///
    /// When there is none: the message names the most similar ones.
    pub fn step(&self, name: &str) -> anyhow::Result<&Step> {
        let found = self.steps().find(|step| step.name == name);
        found.with_context(|| {
            let alike = |step: &&Step| {
                let ratio = similar::TextDiff::from_chars(name, &step.name).ratio();
                ratio > 0.6
            };
            let names: Vec<_> = self.steps().filter(alike).map(|s| &*s.name).collect();
            match names.as_slice() {
                [] => format!("there is no step {name:?}; `cargo lab` lists them"),
                names => format!(
                    "there is no step {name:?}; did you mean {}?",
                    names.join(" or ")
                ),
            }
        })
    }
}

fn chapter(root: &Path, name: String) -> Chapter {
    let sheet = root.join("labs").join(format!("{name}.md"));
    let text = fs::read_to_string(sheet).unwrap_or_default();
    let title = text.lines().find_map(|line| line.strip_prefix("# "));
    let folder = root.join("crates").join(&name);
    let mut steps = Vec::new();
    for step in checks::steps() {
        let reference = folder.join(step);
        if !reference.join("Cargo.toml").exists() {
            continue;
        }
        let starter = root.join("tests/starters").join(&name).join(step);
        let checks = checks::all().into_iter();
        steps.push(Step {
            name: step.to_owned(),
            reference,
            starter: starter.join("Cargo.toml").exists().then_some(starter),
            checks: checks.filter(|check| check.step() == step).collect(),
        });
    }
    Chapter {
        title: title.unwrap_or(&name).trim().to_owned(),
        minutes: minutes(&text),
        steps,
        name,
    }
}

/// The first "N minutes" (or "N hours") of a sheet.
fn minutes(sheet: &str) -> Option<u32> {
    let words: Vec<&str> = sheet.split_whitespace().collect();
    words.windows(2).find_map(|pair| {
        let [number, unit] = pair else { return None };
        let clean = |c: char| !c.is_ascii_alphanumeric();
        let number: u32 = number.trim_matches(clean).parse().ok()?;
        match unit.trim_matches(clean) {
            "minutes" => Some(number),
            "hours" | "hour" => Some(number * 60),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minutes_are_read_from_the_sheet() {
        assert_eq!(
            minutes("# 4. TCP\n\nTime: about **45 minutes**.\n"),
            Some(45)
        );
        assert_eq!(minutes("It takes 2 hours."), Some(120));
        assert_eq!(minutes("no time at all"), None);
    }
}
