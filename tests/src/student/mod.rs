//! The student's side of `cargo lab`: what there is to do, what is done, and their own
//! programs in `work/`.
//!
//! | file | what it holds |
//! |---|---|
//! | `course.rs` | chapters, steps, points, sheets |
//! | `progress.rs` | what has been done, kept in `work/`, never trusted for marks |
//! | `workshop.rs` | start, new, reset, run, solution |
//! | `languages.rs` | an empty program in another language than Rust |
//! | `lesson.rs` | check a step, its feedback, the next hint |
//! | `watch.rs` | check again on every save |
//! | `editor.rs` | the student's editor |
//! | `doctor.rs` | what is missing on this machine |
//! | `author.rs` | what is missing in the course |

mod author;
mod course;
mod doctor;
mod editor;
mod languages;
mod lesson;
mod progress;
mod watch;
mod workshop;

pub use author::author_check;
pub use course::{Chapter, Course, Step};
pub use doctor::{Finding, doctor};
pub use editor::Editor;
pub use lesson::{Hints, Lesson, Links, overview, section};
pub use progress::Progress;
pub use watch::{Key, Watch};
pub use workshop::{Again, Workshop};
