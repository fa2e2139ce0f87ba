//! Checks again on every save, and takes keys meanwhile.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, SystemTime};

use notify::{RecursiveMode, Watcher};

/// How often the files are looked at, where no events arrive (network drives, some
/// containers).
const POLL_PERIOD: Duration = Duration::from_millis(400);
/// An editor writes a file in several steps: wait until it is quiet.
const QUIET: Duration = Duration::from_millis(60);

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `n`: go on with the next step.
    Next,
    /// `h`: show a hint.
    Hint,
    /// `l`: list the steps.
    List,
    /// `c`: check again.
    Check,
    /// `x`: begin the step again.
    Reset,
    /// `q`: end.
    Quit,
}

impl Key {
    fn of(byte: u8) -> Option<Key> {
        /// Ctrl-C, which a terminal in raw mode hands on as a byte.
        const CTRL_C: u8 = 3;
        Some(match byte.to_ascii_lowercase() {
            b'n' => Key::Next,
            b'h' => Key::Hint,
            b'l' => Key::List,
            b'c' => Key::Check,
            b'x' => Key::Reset,
            b'q' | CTRL_C => Key::Quit,
            _ => return None,
        })
    }
}

enum Signal {
    Files,
    Key(Key),
}

/// Watches a folder and the keyboard.
#[derive(Debug)]
pub struct Watch {
    dir: PathBuf,
    seen: Files,
    signals: Receiver<Signal>,
    sender: Sender<Signal>,
    watcher: Option<notify::RecommendedWatcher>,
    _terminal: Option<RawTerminal>,
}

type Files = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl Watch {
    /// Begins to watch. Keys are single ones on a terminal, else lines of stdin that begin
    /// with their letter.
    pub fn new(dir: &Path) -> Watch {
        let (sender, signals) = mpsc::channel();
        let keys = sender.clone();
        let terminal = RawTerminal::enter();
        // Lives as long as the process: a read of stdin cannot be called off.
        let _ = thread::Builder::new()
            .name("keys".into())
            .spawn(move || read_keys(&keys));
        let mut watch = Watch {
            dir: PathBuf::new(),
            seen: Files::new(),
            signals,
            sender,
            watcher: None,
            _terminal: terminal,
        };
        watch.turn_to(dir);
        watch
    }

    /// Watches another folder from now on.
    pub fn turn_to(&mut self, dir: &Path) {
        dir.clone_into(&mut self.dir);
        let sender = self.sender.clone();
        let told = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _ = sender.send(Signal::Files);
            }
        };
        let watcher = notify::recommended_watcher(told).and_then(|mut watcher| {
            watcher.watch(&self.dir, RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        // Without events the files are looked at often enough.
        self.watcher = watcher.ok();
        self.seen = files(&self.dir);
    }

    /// Waits for a save (`None`) or a key.
    pub fn wait(&mut self) -> Option<Key> {
        loop {
            match self.signals.recv_timeout(POLL_PERIOD) {
                Ok(Signal::Key(key)) => return Some(key),
                Ok(Signal::Files) => thread::sleep(QUIET),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            let now = files(&self.dir);
            if now != self.seen {
                self.seen = now;
                return None;
            }
        }
    }
}

fn read_keys(keys: &Sender<Signal>) {
    let single = std::io::stdin().is_terminal();
    let mut line_begins = true;
    for byte in std::io::stdin().lock().bytes().map_while(Result::ok) {
        if single || line_begins {
            let Some(key) = Key::of(byte) else { continue };
            if keys.send(Signal::Key(key)).is_err() {
                return;
            }
        }
        line_begins = byte == b'\n';
    }
}

/// The files of a program, with time and length.
fn files(dir: &Path) -> Files {
    let mut found = Files::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // Editors' own files, cargo's lock and what is built are not the program.
            let own = name.starts_with('.') || name.ends_with('~');
            if own || ["target", "Cargo.lock", "__pycache__", "4913"].contains(&&*name) {
                continue;
            }
            match entry.metadata() {
                Ok(data) if data.is_dir() => folders.push(entry.path()),
                Ok(data) => {
                    found.insert(entry.path(), (data.modified().ok(), data.len()));
                }
                Err(_) => {}
            }
        }
    }
    found
}

/// A terminal that hands on each key at once; as it was when dropped.
#[derive(Debug)]
struct RawTerminal {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

impl RawTerminal {
    #[cfg(unix)]
    fn enter() -> Option<RawTerminal> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).ok()?;
        let mut raw = before.clone();
        raw.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(&stdin, OptionalActions::Now, &raw).ok()?;
        Some(RawTerminal { before })
    }

    #[cfg(not(unix))]
    fn enter() -> Option<RawTerminal> {
        None
    }
}

#[cfg(unix)]
impl Drop for RawTerminal {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};

        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}
