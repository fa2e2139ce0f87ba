//! Runs checks against programs and says what came of it.
//!
//! | file | what it holds |
//! |---|---|
//! | `check.rs` | what a check is, how it can end, what a failure says |
//! | `exam.rs` | what a check function works with: start programs, play their peers |
//! | `program.rs` | a running program: its streams, signals, exit, and its certain end |
//! | `conn.rs` | the peers that a check plays: TCP connections, listeners, UDP sockets |
//! | `started.rs` | which programs a check has started, and whether all have ended |
//! | `transcript.rs` | who sent which bytes when, as shown in feedback |
//! | `kernel.rs` | what the kernel says of a program: sockets, CPU time, descriptors |
//! | `sock_diag.rs` | one question to the kernel: which sockets listen? |
//! | `target.rs` | where programs come from: reference crates, submissions, single files |
//! | `folders.rs`, `lab_toml.rs` | what a submission's folders promise, before a build |
//! | `build.rs` | the build, by cargo or a submission's own command |
//! | `runner.rs` | the order of checks, blocked ones, confirmation, parallel jobs |
//! | `tls.rs` | a CA made for one check, both sides of a TLS handshake |

mod build;
mod check;
mod conn;
mod exam;
mod folders;
mod kernel;
mod lab_toml;
mod program;
mod python;
mod runner;
#[cfg(target_os = "linux")]
mod sock_diag;
mod started;
mod target;
mod tls;
mod transcript;

pub use build::{BuildOptions, forget_package};
pub use check::{Check, Failure, Outcome, Status, Stop, Verdict};
pub use conn::{Conn, Listener, Udp, uninterrupted};
pub(crate) use exam::bound_socket;
pub use exam::{Exam, Launch};
pub use folders::declared_steps;
pub(crate) use folders::project_folders;
#[cfg(unix)]
pub(crate) use kernel::is_asleep;
pub use kernel::{ListenAddr, kill_strays};
pub(crate) use kernel::{bury_orphans, guard_lane, kill_others, usage_of_others};
#[cfg(unix)]
pub(crate) use program::exit_of;
pub use program::{Exit, Program, raise_file_limit};
pub(crate) use program::{has_leash, trust_leash};
pub use python::{WITHOUT_SITE, python};
pub use runner::{Executor, Plan, run, run_check, schedule};
pub(crate) use target::course_root;
pub use target::{Prepared, Target};
pub use tls::{Cert, TestCa, TestIdentity, TlsConn};
pub use transcript::{Transcript, escape};

/// What a checks file needs.
pub mod prelude {
    pub use std::time::Duration;

    pub use super::{
        Check, Conn, Exam, Exit, Failure, Launch, Listener, Program, Stop, Udp, Verdict,
        uninterrupted,
    };
}

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex also after a thread that held it has panicked: what is kept in
/// the harness's mutexes is valid at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
