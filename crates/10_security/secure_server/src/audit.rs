//! The security log: who did what and when, one line each, for the day after.

use std::fs::File;
#[cfg(unix)]
use std::fs::Permissions;
use std::io::{self, Write};
use std::net::SocketAddr;

use anyhow::Context;
use env_logger::Target;
use labkit::printable;
use log::{Level, LevelFilter};

/// Where the events go, in the current folder.
pub const LOG_FILE: &str = "server_security.log";
/// Longer details are cut: a log is no place to store what a client sends.
const MAX_DETAIL: usize = 120;

/// Opens the log, at its end, for its owner alone.
///
/// # Errors
///
/// When the file cannot be opened. A server that cannot keep its log does not start.
pub fn open() -> anyhow::Result<()> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let context = || format!("cannot write {LOG_FILE}");
    let file = options.open(LOG_FILE).with_context(context)?;
    #[cfg(unix)]
    if file.metadata().with_context(context)?.is_file() {
        // An older log may be there, with other permissions; a device keeps its own.
        use std::os::unix::fs::PermissionsExt;
        let owner_alone = Permissions::from_mode(0o600);
        file.set_permissions(owner_alone).with_context(context)?;
    }
    env_logger::Builder::new()
        // Our own events only, not what libraries have to say.
        .filter_module("security", LevelFilter::Info)
        .target(Target::Pipe(Box::new(LogFile { file, full: false })))
        .format(|line, record| {
            let now = line.timestamp_seconds();
            writeln!(line, "{now} {:5} {}", record.level(), record.args())
        })
        .try_init()
        .context("cannot set up the log")
}

/// The open log, which says so when it cannot be written: a full disk must not silence
/// the log without anybody noticing.
struct LogFile {
    file: File,
    /// The last line was lost, and that has been said.
    full: bool,
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.file.write_all(line);
        if let Err(error) = &written
            && !self.full
        {
            let reason = labkit::reason(error);
            eprintln!(
                "cannot write {LOG_FILE}: {reason}. Events are lost until it can be"
            );
        }
        self.full = written.is_err();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes one event. Whatever the detail holds, it stays on its line: a client that could
/// write a line end into the log could write lines that never happened.
pub fn event(level: Level, what: &str, peer_addr: SocketAddr, detail: &str) {
    let detail: String = printable(detail.as_bytes())
        .to_string()
        .chars()
        .take(MAX_DETAIL)
        .collect();
    let dash = if detail.is_empty() { "" } else { " - " };
    log::log!(
        target: "security",
        level,
        "Event: {what} - address: {peer_addr}{dash}{detail}"
    );
}
