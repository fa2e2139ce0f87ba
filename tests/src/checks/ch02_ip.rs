//! Chapter 2: what its programs must do.

use crate::harness::Check;

/// The checks of the chapter.
pub fn checks() -> Vec<Check> {
    Vec::new()
}
