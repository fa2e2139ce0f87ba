//! What a student has done so far: a help for them, never trusted for marks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

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
        let text = fs::read_to_string(&file).unwrap_or_default();
        let mut progress: Progress = serde_json::from_str(&text).unwrap_or_default();
        progress.file = file;
        progress
    }

    /// Replaces the file in one step, so that a kill leaves the old one or the new one.
    ///
    /// # Errors
    ///
    /// When `work/` cannot be written to.
    pub fn write(&self) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        replace(&self.file, text.as_bytes())
    }

    /// What is known of a step, to be changed.
    pub fn step(&mut self, name: &str) -> &mut StepProgress {
        self.steps.entry(name.to_owned()).or_default()
    }
}
