//! What a correct program of the course must do, and all that runs it.
//!
//! Every requirement is a [`Check`](harness::Check), declared once in [`checks`], one file
//! a chapter. The [`harness`] runs checks against a [`Target`](harness::Target): the
//! reference crates (`cargo test`), a student's own program (`cargo lab check`), or a
//! folder of submissions in any language (`cargo lab grade`). All is black box: a program
//! is a command line, seen only through its sockets, streams, exit status and, on Linux,
//! its line in the kernel's socket table.

pub mod checks;
pub mod grade;
pub mod harness;
pub mod report;
pub mod sheets;
pub mod student;
mod usage;

pub use usage::Usage;
