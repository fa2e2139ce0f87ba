//! The registry: every check of the course, in the order of the course.

use crate::harness::Check;

pub mod ch04_tcp;

/// All checks of the course.
pub fn all() -> Vec<Check> {
    let chapters = [ch04_tcp::checks];
    chapters.iter().flat_map(|checks| checks()).collect()
}

/// The lab steps that have checks, in the order of the course, each once.
pub fn steps() -> Vec<&'static str> {
    let mut steps = Vec::new();
    for check in all() {
        if !steps.contains(&check.step()) {
            steps.push(check.step());
        }
    }
    steps
}
