//! The little that every lab shares and no lab teaches: the arguments, Ctrl-C, the
//! one-line error report, and what a server does when it has too many clients.
//!
//! Nothing here listens or serves: those calls are the lessons, and stand in each lab's
//! own `main.rs`.

mod args;
mod closer;
mod deadline;
mod detached;
mod overload;
mod report;
mod text;

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context;

pub use args::{Console, Endpoint, duration, seconds};
pub use closer::Closer;
pub use deadline::Deadline;
pub use detached::spawn_detached;
pub use overload::{Overload, Slot, Slots};
pub use report::{reason, run, run_client};
pub use text::{Printable, printable};

/// Returns a channel that receives one message per Ctrl-C (SIGINT), SIGTERM or SIGHUP, which
/// comes when the terminal is closed.
///
/// From this call on the signals no longer end the program by themselves, so a
/// server asks for it first, before anybody can see its ready line.
///
/// # Errors
///
/// When the handler cannot be set, which the system allows once per process.
pub fn ctrl_c() -> anyhow::Result<mpsc::Receiver<()>> {
    let (sender, interrupted) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Nobody listens any more only when the program already ends.
        let _ = sender.send(());
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(interrupted)
}

/// How long [`lingering_close`] waits for the peer to close its side.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// How many bytes [`lingering_close`] throws away for a peer that keeps talking.
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// Makes a call again that a signal has cut short: a read with a time limit ends with
/// EINTR when its program was stopped with Ctrl-Z and goes on with `fg` (signal(7)).
///
/// # Errors
///
/// Those of the call, but this one.
pub fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Closes a connection so that the peer can read the last reply.
///
/// A socket that is closed while unread bytes wait in it sends RST instead of FIN (RFC 1122
/// §4.2.2.13), and the peer's kernel may then throw away what it has received but not yet
/// read: our reply (RFC 9112 §9.6). So: end the sending side, read on until
/// the peer closes too, and give up after a second or 64 MiB.
pub fn lingering_close(mut stream: TcpStream) {
    let give_up = Instant::now() + LINGER_TIME;
    if stream.shutdown(Shutdown::Write).is_err() {
        return; // The peer is gone already.
    }
    let mut buf = [0; 16 * 1024];
    let mut drained = 0;
    while drained < LINGER_BYTES {
        let left = give_up.saturating_duration_since(Instant::now());
        // A timeout of zero is an error: the time is up.
        if stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match uninterrupted(|| stream.read(&mut buf)) {
            Ok(0) | Err(_) => return,
            Ok(len) => drained += len,
        }
    }
}
