//! Checks again on every save, and takes keys meanwhile.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    waiting: Arc<AtomicBool>,
    terminal: Option<Arc<RawTerminal>>,
}

type Files = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl Watch {
    /// Begins to watch. Keys are single ones on a terminal, else lines of stdin that begin
    /// with their letter.
    pub fn new(dir: &Path) -> Watch {
        let (sender, signals) = mpsc::channel();
        let keys = sender.clone();
        let terminal = RawTerminal::enter().map(Arc::new);
        let waiting = Arc::new(AtomicBool::new(false));
        let (shared, listens) = (terminal.clone(), Arc::clone(&waiting));
        // Lives as long as the process: a read of stdin cannot be called off.
        let _ = thread::Builder::new()
            .name("keys".into())
            .spawn(move || read_keys(&keys, &listens, shared.as_deref()));
        let mut watch = Watch {
            dir: PathBuf::new(),
            seen: Files::new(),
            signals,
            sender,
            watcher: None,
            waiting,
            terminal,
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
        self.waiting.store(true, Ordering::SeqCst);
        let wanted = self.wait_for_either();
        self.waiting.store(false, Ordering::SeqCst);
        wanted
    }

    fn wait_for_either(&mut self) -> Option<Key> {
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

impl Drop for Watch {
    fn drop(&mut self) {
        // The thread that reads keys has its share of the terminal for ever.
        if let Some(terminal) = &self.terminal {
            terminal.leave();
        }
    }
}

fn read_keys(keys: &Sender<Signal>, waiting: &AtomicBool, raw: Option<&RawTerminal>) {
    let single = std::io::stdin().is_terminal();
    let mut line_begins = true;
    for byte in std::io::stdin().lock().bytes().map_while(Result::ok) {
        if single || line_begins {
            let Some(key) = Key::of(byte) else { continue };
            if let (Key::Quit, false, Some(raw)) =
                (key, waiting.load(Ordering::SeqCst), raw)
            {
                // A check is under way, and nobody waits for its end: programs that it
                // started end with this process.
                raw.leave();
                std::process::exit(0);
            }
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
                Ok(data) if !is_built(&entry.path(), data.len()) => {
                    found.insert(entry.path(), (data.modified().ok(), data.len()));
                }
                _ => {}
            }
        }
    }
    found
}

/// Whether a compiler has made a file, which it does again at every check.
fn is_built(path: &Path, len: u64) -> bool {
    const ENDS: [&str; 5] = ["class", "exe", "o", "obj", "pyc"];
    const ELF: [u8; 4] = *b"\x7fELF";
    const MACH_O: [u8; 4] = [0xcf, 0xfa, 0xed, 0xfe];
    let end = path.extension().unwrap_or_default().to_string_lossy();
    let mut magic = [0; 4];
    ENDS.contains(&&*end)
        || len > 1024
            && path.extension().is_none()
            && std::fs::File::open(path)
                .and_then(|mut file| file.read_exact(&mut magic))
                .is_ok_and(|()| magic == ELF || magic == MACH_O)
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

impl RawTerminal {
    /// Makes the terminal what it was before.
    fn leave(&self) {
        #[cfg(unix)]
        {
            use rustix::termios::{OptionalActions, tcsetattr};

            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
        }
    }
}
