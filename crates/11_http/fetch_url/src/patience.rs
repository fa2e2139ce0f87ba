//! How long everything may take.

use std::io;
use std::time::{Duration, Instant};

use anyhow::bail;

/// What is said when the deadline is over.
pub const TOO_LONG: &str = "the transfer took longer than --max-time allows";

/// How long the server may take.
#[derive(Clone, Copy)]
pub struct Patience {
    /// How long it may be silent.
    pub idle: Duration,
    /// When the whole transfer has to be over.
    deadline: Option<Instant>,
}

impl Patience {
    /// Takes both limits in seconds; the deadline runs from now on.
    pub fn new(idle: u64, max_time: Option<u64>) -> Self {
        let max_time = max_time.map(Duration::from_secs);
        Patience {
            idle: Duration::from_secs(idle),
            deadline: max_time.map(|time| Instant::now() + time),
        }
    }

    /// Returns how long one step may wait that takes at most `time` by itself: less if
    /// the deadline comes before.
    ///
    /// # Errors
    ///
    /// When the deadline is over.
    pub fn limit(self, time: Duration) -> anyhow::Result<Duration> {
        let Some(deadline) = self.deadline else {
            return Ok(time);
        };
        match deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => bail!("{TOO_LONG}"),
            left => Ok(left.min(time)),
        }
    }
}

/// Tells whether a read, or the attempt to connect, has waited as long as it may.
pub fn is_timeout(error: &io::Error) -> bool {
    // Unix says "would block" where Windows says "timed out".
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_secs(10);

    #[test]
    fn without_a_deadline_each_step_has_its_own_time() {
        assert_eq!(Patience::new(30, None).limit(STEP).unwrap(), STEP);
    }

    #[test]
    fn a_step_ends_with_the_deadline_if_that_is_sooner() {
        assert_eq!(Patience::new(30, Some(3600)).limit(STEP).unwrap(), STEP);
        let left = Patience::new(30, Some(5)).limit(STEP).unwrap();
        assert!(left <= Duration::from_secs(5), "{left:?}");
        let error = Patience::new(30, Some(0)).limit(STEP).unwrap_err();
        assert_eq!(error.to_string(), TOO_LONG);
    }
}
