//! Grades submissions: folders with programs in any language.
//!
//! | file | what it holds |
//! |---|---|
//! | `submission.rs` | what a submission is, its scratch copy, its build |
//! | `isolate.rs` | namespaces, so that programs harm nobody and can share a port |
//! | `lane.rs` | the process that runs one check at a time in there |
//! | `batch.rs` | many submissions, resumed, sharded, reported after every check |
//! | `similarity.rs` | which submissions share most |

mod batch;
mod isolate;
mod lane;
mod similarity;
mod submission;

pub use batch::{Batch, Event, grade, select};
pub use isolate::{Isolation, inner_command};
pub use similarity::{Pair, similarity};
pub use submission::{Submission, find};
