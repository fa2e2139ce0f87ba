//! What the command line got wrong, as opposed to what the grader cannot do.

use std::fmt;

/// Wrong usage: the words on the command line, not the grader, are at fault. The program
/// ends with status 2 then, as it does for a wrong option.
#[derive(Debug)]
pub struct Usage(String);

impl Usage {
    /// Makes the error that says this.
    #[expect(
        clippy::new_ret_no_self,
        reason = "what is wanted is always the error that wraps it"
    )]
    pub fn new(what: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Usage(what.into()))
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}
