//! What a server holds of the machine, before its clients come and after they have left.

use std::thread;
use std::time::{Duration, Instant};

use grading::harness::Program;

/// How many more descriptors or threads are no leak. A thread that waits in accept(2) has
/// taken the number of its next connection already, and one that has only been started
/// has not, nor its descriptor in reserve: a server is not done with that when it listens.
const A_FEW: usize = 8;
/// How long what clients have used may take to be given back.
const PATIENCE: Duration = Duration::from_secs(15);

/// Open descriptors and threads; `None` where the kernel does not tell.
#[derive(Debug)]
pub struct Held {
    files: Option<usize>,
    threads: Option<usize>,
}

impl Held {
    /// What the server holds now.
    pub fn by(server: &Program) -> Self {
        Held {
            files: server.open_files(),
            threads: server.threads(),
        }
    }

    /// Waits until the server holds no more than then, and a few.
    ///
    /// # Errors
    ///
    /// What it held then and holds now, when it does not give back the rest.
    pub fn is_all_again(&self, server: &Program) -> Result<(), String> {
        let more =
            |now: Option<usize>, then: Option<usize>| now > then.map(|it| it + A_FEW);
        let give_up = Instant::now() + PATIENCE;
        loop {
            let now = Held::by(server);
            if !more(now.files, self.files) && !more(now.threads, self.threads) {
                return Ok(());
            }
            if Instant::now() > give_up {
                return Err(format!("{self:?} before, {now:?} after"));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
