//! Starting threads that nobody waits for.

use std::io;
use std::sync::mpsc::{self, Receiver};
use std::thread::{Builder, JoinHandle};

/// Starts a thread that nobody waits for, as a server does for each client: the same as
/// dropping what [`Builder::spawn`] returns, but for one danger.
///
/// Dropping a thread's handle detaches the thread (`pthread_detach(3)`), and glibc (seen in
/// 2.36) looks at the thread once more after that. A thread that ends at this very moment
/// has given its memory back by then, and the whole server dies of a segmentation fault:
/// rare, but the more clients come and go at a time, the less so. So the thread gets its
/// own handle and detaches itself, and cannot have ended then.
///
/// # Errors
///
/// When the system has no thread left. The job is dropped then, with all that it owns.
pub fn spawn_detached(
    thread: Builder,
    job: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let (give, own) = mpsc::sync_channel(1);
    let handle = thread.spawn(move || {
        let _own = OwnHandle(own);
        job();
    })?;
    let _ = give.send(handle); // There is room for it: this never waits.
    Ok(())
}

/// Where a thread's own handle arrives. It is fetched at the end, also of a panic.
struct OwnHandle(Receiver<JoinHandle<()>>);

impl Drop for OwnHandle {
    fn drop(&mut self) {
        drop(self.0.recv());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn many_threads_that_end_at_once_do_their_job_and_let_it_go() {
        const THREADS: usize = 2_000;
        let (sender, done) = mpsc::channel();
        for number in 0..THREADS {
            let sender = sender.clone();
            let job = move || sender.send(number).unwrap();
            spawn_detached(Builder::new(), job).unwrap();
        }
        drop(sender);
        let mut numbers: Vec<_> = (0..THREADS)
            .map(|_| done.recv_timeout(Duration::from_secs(20)).unwrap())
            .collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..THREADS));
        // Every job is gone, and with it its sender.
        let end = done.recv_timeout(Duration::from_secs(20));
        assert_eq!(end, Err(mpsc::RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_thread_has_its_name_and_a_panic_ends_it_alone() {
        let (sender, done) = mpsc::channel();
        let thread = Builder::new().name("client-7".to_owned());
        let job = move || {
            let name = std::thread::current().name().map(str::to_owned);
            sender.send(name).unwrap();
            panic!("this panic belongs to the test");
        };
        spawn_detached(thread, job).unwrap();
        let name = done.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(name.as_deref(), Some("client-7"));
        let end = done.recv_timeout(Duration::from_secs(20));
        assert_eq!(end, Err(mpsc::RecvTimeoutError::Disconnected));
    }

    #[test]
    fn without_a_thread_the_job_is_dropped() {
        let owned = Arc::new(());
        let job = {
            let owned = Arc::clone(&owned);
            move || drop(owned)
        };
        // No machine has room for such a stack.
        let thread = Builder::new().stack_size(usize::MAX / 4 + 1);
        assert!(spawn_detached(thread, job).is_err());
        assert_eq!(Arc::strong_count(&owned), 1);
    }
}
