//! The server itself: the same calls as in `message_server_threaded`, another address.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use labkit::{Console, Printable};
use rustix::fs::Mode;

use crate::Args;

/// The longest message that one read returns, in bytes.
const MAX_MESSAGE: usize = 1024;
/// Each client costs a thread, so their number has a limit.
const MAX_CLIENTS: usize = 1000;
/// How long the accept loop rests after an error, so that it does not spin.
const REST: Duration = Duration::from_millis(50);

/// Listens on the path until Ctrl-C.
pub fn serve(args: Args) -> anyhow::Result<()> {
    // First of all: whoever sees the ready line may press Ctrl-C at once.
    let interrupted = labkit::ctrl_c()?;
    let path = args.positional_path.as_ref().unwrap_or(&args.path);
    let listener = listen(path)?;
    // The file is ours to remove as long as it is this very one.
    let ours = fs::symlink_metadata(path)?.ino();
    println!("Listening on {}", path.display());

    let idle_timeout = Duration::from_secs(args.idle_timeout);
    thread::spawn(move || accept_loop(&listener, args.console, idle_timeout));
    interrupted.recv()?;
    println!("Server shutting down");
    // The kernel closes the socket, but the file would stay behind.
    if fs::symlink_metadata(path).is_ok_and(|now| now.ino() == ours) {
        fs::remove_file(path)
            .with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Binds and listens; only our own user may connect, from the first moment on.
fn listen(path: &Path) -> anyhow::Result<UnixListener> {
    remove_stale_file(path)?;
    // bind() makes the file with the mode 0777 & !umask. A chmod afterwards would leave
    // a moment in which anybody could connect.
    let umask_before = rustix::process::umask(Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(path);
    rustix::process::umask(umask_before);
    let attempt = || format!("cannot listen on {}", path.display());
    match listener {
        // The address structure has room for 108 bytes (unix(7)), 104 on macOS.
        Err(error) if error.kind() == ErrorKind::InvalidInput => bail!(
            "{}: the path has {} bytes, a Unix socket's may have about 100. Choose a \
             shorter one with --path",
            attempt(),
            path.as_os_str().len(),
        ),
        listener => listener.with_context(attempt),
    }
}

/// Removes the socket file of a server that was killed; a living server's stays.
fn remove_stale_file(path: &Path) -> anyhow::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(()); // Nothing is there.
    };
    if !found.file_type().is_socket() {
        bail!(
            "cannot listen on {0}: a file that is no socket is there. Move it away, or \
             choose another path with --path",
            path.display()
        );
    }
    // Only the kernel knows whether somebody still listens behind the file.
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path)
                .with_context(|| format!("cannot remove the stale {}", path.display()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(error).with_context(|| format!("cannot listen on {}", path.display()))
        }
        Ok(_) | Err(_) => bail!(
            "cannot listen on {}: another server listens there. Stop it, or choose \
             another path with --path",
            path.display()
        ),
    }
}

/// Accepts for ever, and leaves each client to a thread that ends with it.
fn accept_loop(listener: &UnixListener, console: Console, idle_timeout: Duration) {
    let slots = labkit::Slots::new(MAX_CLIENTS);
    // One descriptor for the moment when there is none left.
    let mut reserve = listener.try_clone().ok();
    let mut number = 0_u64;
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream, // A client's socket has no name of its own.
            Err(error) => {
                eprintln!("cannot accept a connection: {}", labkit::reason(&error));
                if reserve.take().is_some() {
                    turn_one_away(listener);
                }
                reserve = listener.try_clone().ok();
                thread::sleep(REST);
                continue;
            }
        };
        number += 1;
        let Some(slot) = slots.take() else {
            console.failure(format_args!(
                "client #{number}: turned away, {MAX_CLIENTS} clients are here"
            ));
            continue;
        };
        let started = labkit::spawn_detached(thread::Builder::new(), move || {
            serve_client(stream, number, console, idle_timeout);
            drop(slot);
        });
        if let Err(error) = started {
            eprintln!("client #{number}: turned away, no thread: {error}");
        }
    }
}

/// Accepts a waiting client and closes the connection, which tells it to go: it would
/// wait in the backlog and learn nothing.
fn turn_one_away(listener: &UnixListener) {
    if listener.set_nonblocking(true).is_ok() {
        drop(listener.accept());
        let _ = listener.set_nonblocking(false);
    }
}

/// Serves one client from its first message to its last.
fn serve_client(mut stream: UnixStream, number: u64, console: Console, idle: Duration) {
    console.line(format_args!("Accepted connection from client #{number}"));
    if let Err(error) = converse(&mut stream, console, idle) {
        console.failure(format_args!("client #{number}: {}", labkit::reason(&error)));
    }
    // Ends the stream for the client; here unread bytes do not destroy the last reply.
    let _ = stream.shutdown(Shutdown::Write);
    console.line(format_args!("Connection to client closed"));
}

/// Answers message after message until the client says `close` or closes.
fn converse(stream: &mut UnixStream, console: Console, idle: Duration) -> io::Result<()> {
    stream.set_read_timeout(Some(idle))?;
    stream.set_write_timeout(Some(idle))?;
    let mut buf = [0; MAX_MESSAGE];
    loop {
        let message = match stream.read(&mut buf) {
            Ok(0) => return Ok(()), // The end of the stream: the client has closed.
            Ok(len) => buf.get(..len).unwrap_or_default(),
            // A stopped process that goes on (Ctrl-Z, fg) lands here.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        console.line(format_args!("Received: {}", Printable(message)));
        if is_close(message) {
            return stream.write_all(b"closed");
        }
        stream.write_all(b"accepted")?;
    }
}

/// Tells whether the message is `close`, in any letter case, a line end allowed.
fn is_close(message: &[u8]) -> bool {
    let word = message.strip_suffix(b"\n").unwrap_or(message);
    let word = word.strip_suffix(b"\r").unwrap_or(word);
    word.eq_ignore_ascii_case(b"close")
}
