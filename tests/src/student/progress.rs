//! What a student has done so far: a help for them, never trusted for marks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::report::replace;

/// What has been done, kept in `work/.progress.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// The step that was worked on last.
    pub current: Option<String>,
    /// What is known of each step.
    pub steps: BTreeMap<String, StepProgress>,
    #[serde(skip)]
    file: PathBuf,
    /// What is wrong with the file, when it is there and cannot be understood.
    #[serde(skip)]
    fault: Option<String>,
}

/// What is known of a step.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StepProgress {
    /// The points of the last check.
    pub score: u32,
    /// The most points that it ever had.
    pub best: u32,
    /// The points to be earned then.
    pub of: u32,
    /// The first check that did not pass last time.
    pub failing: Option<String>,
    /// What was the likely cause.
    pub likely: Option<String>,
    /// How many hints of each check have been shown.
    pub hints: BTreeMap<String, usize>,
}

impl StepProgress {
    /// Whether all checks passed, the last time.
    pub fn done(&self) -> bool {
        self.of > 0 && self.score == self.of
    }
}

impl Progress {
    /// Reads it; a file that is missing or spoilt is an empty one.
    pub fn read(work: &Path) -> Progress {
        let file = work.join(".progress.json");
        let (mut progress, fault) = match fs::read_to_string(&file) {
            Ok(text) => match serde_json::from_str::<Progress>(&text) {
                Ok(progress) => (progress, None),
                Err(error) => (Progress::default(), Some(error.to_string())),
            },
            // A file of other bytes than text; what is no file cannot be replaced either.
            Err(error) if file.is_file() => {
                (Progress::default(), Some(error.to_string()))
            }
            Err(_) => (Progress::default(), None),
        };
        progress.file = file;
        progress.fault = fault;
        progress
    }

    /// Moves a file that cannot be understood aside: it may be mended by hand. Returns what
    /// is wrong with it, and where it is now.
    ///
    /// # Errors
    ///
    /// When `work/` cannot be written to.
    pub fn set_spoilt_aside(&mut self) -> anyhow::Result<Option<(String, PathBuf)>> {
        let Some(fault) = self.fault.clone() else {
            return Ok(None);
        };
        let name = |n: u32| match n {
            1 => ".progress.json.broken".to_owned(),
            n => format!(".progress.json.broken-{n}"),
        };
        let mut names = (1..).map(|n| self.file.with_file_name(name(n)));
        let aside = names.find(|path| !path.exists());
        let aside = aside.context("no name for the copy")?;
        fs::rename(&self.file, &aside)
            .with_context(|| format!("cannot move {}", self.file.display()))?;
        self.fault = None;
        Ok(Some((fault, aside)))
    }

    /// Replaces the file in one step, so that a kill leaves the old one or the new one.
    ///
    /// # Errors
    ///
    /// When `work/` cannot be written to.
    pub fn write(&mut self) -> anyhow::Result<()> {
        self.set_spoilt_aside()?;
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        replace(&self.file, text.as_bytes()).context("the progress is not kept")
    }

    /// What is known of a step, to be changed.
    pub fn step(&mut self, name: &str) -> &mut StepProgress {
        self.steps.entry(name.to_owned()).or_default()
    }
}
