//! Wrong usage, which has an exit status of its own.

use std::fmt;

/// What was asked for cannot be done; the text says what to type instead.
#[derive(Debug)]
pub struct Usage(String);

impl Usage {
    /// Makes an error of it.
    pub(super) fn error(text: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Usage(text.into()))
    }

    /// The error for a step that has to be begun first.
    pub(super) fn not_begun(step: &str) -> anyhow::Error {
        Usage::error(format!("{step} is not begun: `cargo lab start {step}`"))
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}
