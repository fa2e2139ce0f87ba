//! Which programs a check has started, for those who wait to hear from one of them.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Exit, kernel, lock};

/// How often a wait looks whether there is still somebody to wait for.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The programs of one check, each with its process id and the mark of its descendants.
#[derive(Clone, Debug, Default)]
pub(super) struct Started(Arc<Mutex<Vec<(u32, String)>>>);

/// How a program has ended, as far as the kernel still tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended(pub Option<Exit>);

impl Started {
    pub(super) fn add(&self, pid: u32, mark: &str) {
        lock(&self.0).push((pid, mark.to_owned()));
    }

    /// A wait for something from one of them.
    pub(super) fn watch(&self) -> Watch<'_> {
        Watch {
            started: self,
            next_look: Instant::now() + LOOK_AGAIN,
        }
    }

    /// Tells how the last one ended when none of them runs any more, and nothing that they
    /// have started either. `None` also if there never was one, or nobody knows.
    fn end_of_all(&self) -> Option<Ended> {
        let programs = lock(&self.0);
        let mut last = None;
        for (pid, mark) in programs.iter() {
            last = Some(kernel::ended(*pid)?);
            if !kernel::marked(Some(mark)).is_empty() {
                return None;
            }
        }
        last
    }
}

/// Looks from time to time whether there is still somebody to wait for.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    started: &'a Started,
    next_look: Instant,
}

impl Watch<'_> {
    /// Tells how the programs have ended, if they all have. What they sent before that
    /// has arrived when this says so: look for it once more.
    pub(super) fn end(&mut self) -> Option<Ended> {
        if Instant::now() < self.next_look {
            return None;
        }
        self.next_look = Instant::now() + LOOK_AGAIN;
        self.started.end_of_all()
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(exit) => write!(f, "it ended before that: {exit}"),
            None => write!(f, "it ended before that"),
        }
    }
}
