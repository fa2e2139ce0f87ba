//! The lab sheets are executed: every console block is run and compared, every source
//! excerpt is compared with its file, every link and anchor resolves.
//!
//! # What a sheet may say
//!
//! A **console block** has the info string `console` and names its terminal in the first
//! line. `$ ` starts a command, the other lines are what appears on the screen:
//!
//! ````text
//! ```console
//! # Terminal 1
//! $ cargo run -p tcp_server
//! TCP Server listening on 127.0.0.1:8080
//! ```
//! ````
//!
//! - A later block of the same terminal goes on where it stood: it shows what is new.
//! - A line that ends with `^C` or `^D` presses that key when all before it has appeared.
//! - `<!-- types: hello -->` directly above a block (one comment per typed line) says what
//!   the user types; the block shows it as a terminal echoes it: `Enter message: hello`.
//! - `<!-- needs: nc -->` directly above a block: a tool on the `PATH`, or `root`, or
//!   `linux`. Without it the block is left out, and a test of that name says so.
//! - Every command starts in the root of the repository, in a shell of its own (`cd` and
//!   `export` end with their line; `$?` is the status of the command before).
//! - Peer ports (32768 and above, unless a command names them), times, dates and measured
//!   durations are compared as patterns; `[..]` stands for any text within a line, a line
//!   `...` for any lines. White space at the end of a line does not count.
//! - A command that has ended must have printed what is shown, no less and no more.
//!
//! A **source excerpt** is a `rust` block below a line that names its file and region:
//! ``[src/main.rs](../src/main.rs), fn `main`:`` (or `struct`, `enum`, `impl`, `const`;
//! `file` for anywhere). A block that is no excerpt has another info string: `rust,ignore`.
//!
//! `SHEETS_WITHOUT=nc,curl` runs the sheets as if these tools were missing.

mod compare;
mod console;
mod excerpts;
mod links;
mod markdown;
mod needs;
#[cfg(unix)]
mod terminal;
mod words;

use std::path::{Path, PathBuf};

use anyhow::Context;

pub use compare::{diff, matches, normalise};
pub use console::Script;
pub use excerpts::check_excerpts;
pub use links::{check_links, check_summary};
pub use markdown::{ConsoleBlock, Excerpt, Heading, Link, Sheet};
pub use needs::unmet;
#[cfg(unix)]
pub use terminal::run_script;
pub use words::check_words;

/// Something on a sheet that is not as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The sheet, relative to the root of the repository.
    pub sheet: PathBuf,
    /// The line on the sheet, starting at 1.
    pub line: usize,
    /// What is wrong, with a diff where two texts differ.
    pub text: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.sheet.display(), self.line, self.text)
    }
}

/// Returns all pages that are tested, relative to `root`: `labs/*.md` and `README.md`.
///
/// # Errors
///
/// When `labs/` cannot be listed.
pub fn pages(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    let labs = root.join("labs");
    for entry in std::fs::read_dir(&labs)
        .with_context(|| format!("cannot list {}", labs.display()))?
    {
        let name = PathBuf::from(entry?.file_name());
        if name.extension().is_some_and(|extension| extension == "md") {
            pages.push(Path::new("labs").join(name));
        }
    }
    if root.join("README.md").exists() {
        pages.push(PathBuf::from("README.md"));
    }
    pages.sort();
    Ok(pages)
}
