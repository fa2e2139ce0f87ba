//! What the command line got wrong, as opposed to what the grader cannot do.

use std::fmt;

/// Wrong usage: the words on the command line, not the grader, are at fault; the text says
/// what to type instead. The program ends with status 2, as it does for a wrong option.
#[derive(Debug)]
pub struct Usage(String);

impl Usage {
    /// Makes the error that says this.
    pub fn error(text: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Usage(text.into()))
    }

    /// The error for a step that has to be begun first.
    pub(crate) fn not_begun(step: &str) -> anyhow::Error {
        Usage::error(format!("{step} is not begun: `cargo lab start {step}`"))
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}
