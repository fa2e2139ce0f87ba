//! What there is to do: chapters, steps, points, sheets.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::Usage;
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
    /// Its default port, as its starter has it; a tool and a Unix socket have none.
    pub port: Option<u16>,
    /// Whether it talks UDP.
    pub udp: bool,
}

/// The most names that are proposed for a wrong one.
const PROPOSED: usize = 3;

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
        let all = checks::all();
        let mut chapters = Vec::new();
        let crates = root.join("crates");
        for entry in fs::read_dir(&crates).context("cannot read the folder crates")? {
            let name = entry?.file_name().display().to_string();
            if name.starts_with(|first: char| first.is_ascii_digit()) {
                chapters.push(chapter(&root, name, &all));
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
        found.ok_or_else(|| {
            let proposed = alike(name, self.steps().map(|step| &*step.name));
            Usage::error(match proposed.split_last() {
                None => format!("there is no step {name:?}; `cargo lab` lists them"),
                Some((last, [])) => {
                    format!("there is no step {name:?}; did you mean {last}?")
                }
                Some((last, others)) => format!(
                    "there is no step {name:?}; did you mean {} or {last}?",
                    others.join(", ")
                ),
            })
        })
    }
}

/// The names that are most like this one, the best first; only one, when they differ in
/// nothing but upper case, hyphens and spaces.
fn alike<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.trim().to_lowercase().replace(['-', ' '], "_");
    let ratio = |known: &'a str| {
        let ratio = similar::TextDiff::from_chars(&*name, known).ratio();
        (ratio, known)
    };
    let mut rated: Vec<_> = all.map(ratio).filter(|(ratio, _)| *ratio > 0.6).collect();
    // Stable: of two that are as good, the one that the course has first.
    rated.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let most = match rated.first() {
        Some((_, known)) if *known == name => 1,
        _ => PROPOSED,
    };
    rated
        .into_iter()
        .take(most)
        .map(|(_, known)| known)
        .collect()
}

/// Reads one chapter; its checks are those among all whose step has a folder in it.
fn chapter(root: &Path, name: String, all: &[Check]) -> Chapter {
    let sheet = root.join("labs").join(format!("{name}.md"));
    let text = fs::read_to_string(sheet).unwrap_or_default();
    let title = text.lines().find_map(|line| line.strip_prefix("# "));
    let folder = root.join("crates").join(&name);
    let mut steps = Vec::new();
    for checks in all.chunk_by(|a, b| a.step() == b.step()) {
        let Some(step) = checks.first().map(Check::step) else {
            continue;
        };
        let reference = folder.join(step);
        if !reference.join("Cargo.toml").exists() {
            continue;
        }
        let starter = root.join("tests/starters").join(&name).join(step);
        let begin = fs::read_to_string(starter.join("src/main.rs")).unwrap_or_default();
        steps.push(Step {
            name: step.to_owned(),
            reference,
            port: default_port(&begin),
            udp: name.ends_with("_udp"),
            starter: starter.join("Cargo.toml").exists().then_some(starter),
            checks: checks.to_vec(),
        });
    }
    Chapter {
        title: title.unwrap_or(&name).trim().to_owned(),
        minutes: minutes(&text),
        steps,
        name,
    }
}

/// The default of the argument `port` in a starter's source.
fn default_port(source: &str) -> Option<u16> {
    let (before, _) = source.split_once("port: u16")?;
    let (_, value) = before.rsplit_once("default_value_t = ")?;
    value.split(')').next()?.parse().ok()
}

/// The first "N minutes" (or "N hours") of a sheet.
fn minutes(sheet: &str) -> Option<u32> {
    let units = sheet.split_whitespace().skip(1);
    sheet
        .split_whitespace()
        .zip(units)
        .find_map(|(number, unit)| {
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
    fn a_slip_is_answered_with_at_most_three_names_the_best_first() {
        let names = [
            "tcp_server",
            "tcp_client",
            "http_server",
            "udp_server",
            "ping",
        ];
        let alike = |name| alike(name, names.into_iter());
        assert_eq!(alike("TCP-Server"), ["tcp_server"]);
        let slip = alike("tcp_servr");
        assert_eq!(slip.first(), Some(&"tcp_server"));
        assert!(slip.len() <= PROPOSED, "{slip:?}");
        assert_eq!(alike("zzz"), [""; 0]);
    }

    #[test]
    fn each_default_port_is_that_of_the_reference() {
        let course = Course::read().unwrap();
        let mut known = 0;
        for step in course.steps() {
            let source = fs::read_to_string(step.reference.join("src/main.rs")).unwrap();
            let port = source.split_once("Endpoint<").and_then(|(_, rest)| {
                let number = rest.split('>').next()?;
                number.parse().ok()
            });
            if let Some(port) = port {
                assert_eq!(step.port, Some(port), "{}", step.name);
                known += 1;
            }
        }
        assert!(known > 20, "{known}");
    }

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
