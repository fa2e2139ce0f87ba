//! A running program: its streams, signals, exit, and its certain end.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::check::{Failure, Stop, Verdict};
use super::conn::{Accepted, Conn};
use super::kernel::{self, Holder, MARK, Protocol};
use super::started::Started;
use super::transcript::{Transcript, escape, escape_up_to};
use super::{ListenAddr, lock};

/// How much of each output stream is kept from its beginning and from its end.
pub(super) const KEPT: usize = 64 * 1024;
/// The same for a command-line tool, whose output is what is asked for.
pub(super) const KEPT_OF_A_TOOL: usize = 4 * 1024 * 1024;
/// Resident memory beyond which a program is ended, in bytes.
const MEMORY_LIMIT: u64 = 1024 * 1024 * 1024;
/// How often that is looked at, at most: waits ask every few milliseconds whether a program
/// still runs.
const MEMORY_PERIOD: Duration = Duration::from_millis(50);
/// Private writable memory of one process, in KiB (`ulimit -d`).
const DATA_LIMIT_KIB: u64 = 4 * 1024 * 1024;
/// The largest file that a program may write, in MiB, unless a test allows more
/// (`ulimit -f`, in blocks of 512 bytes).
const FILE_LIMIT_MIB: u32 = 256;
/// Nobody presses Ctrl-C sooner after what the program has shown. Before its next blocking
/// call it may not be ready for a signal yet, and marks are not drawn by lot.
const REACTION: Duration = Duration::from_millis(100);
/// After so long a wait the check closes what the program has closed.
const A_WHILE: Duration = Duration::from_millis(500);
/// Open files, unless a check sets another limit (`ulimit -n`).
const OPEN_FILES: u32 = 4096;
/// How many characters of a command line are shown.
const TOLD: usize = 150;
/// How long a program that listens on another port may take to come to its own. A fixed
/// port is common, and need not cost as long as a slow start.
const ELSEWHERE: Duration = Duration::from_secs(5);
/// The likely cause when a program that runs has printed nothing at all.
const IN_A_BUFFER: &str = "what it prints may wait in a buffer, since stdout is no terminal here: flush each line";
/// The likely cause when a program does not end on Ctrl-C.
const GOES_ON: &str = "the signal is caught, and the call that waits goes on after it \
     (SA_RESTART), or it waits for a thread that never ends";

/// The likely cause when Ctrl-C ends a program that should end by itself.
const NOT_CAUGHT: &str = "nobody catches the signal; a shell that starts the program needs exec before its command";

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this status.
    Status(i32),
    /// A signal ended it.
    Signal(i32),
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Status(status) => write!(f, "exit status {status}"),
            Exit::Signal(signal) => {
                let meaning = match signal {
                    6 => " (SIGABRT: it aborted)",
                    11 => " (SIGSEGV: it used memory that is not its own)",
                    13 => " (SIGPIPE: it wrote to a connection or pipe that is gone)",
                    _ => "",
                };
                write!(f, "ended by signal {signal}{meaning}")
            }
        }
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt;
            if let Some(signal) = status.signal() {
                return Exit::Signal(signal);
            }
        }
        Exit::Status(status.code().unwrap_or(-1))
    }
}

/// What a stream has brought so far: its head, its tail, and how much fell between.
#[derive(Debug)]
struct Capture {
    kept: usize,
    head: Vec<u8>,
    tail: Vec<u8>,
    total: u64,
    ended: bool,
}

impl Capture {
    fn new(kept: usize) -> Self {
        Capture {
            kept,
            head: Vec::new(),
            tail: Vec::new(),
            total: 0,
            ended: false,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = self.kept.saturating_sub(self.head.len()).min(bytes.len());
        let (to_head, to_tail) = bytes.split_at(room);
        self.head.extend_from_slice(to_head);
        self.tail.extend_from_slice(to_tail);
        if self.tail.len() > 2 * self.kept {
            let cut = self.tail.len() - self.kept;
            self.tail.drain(..cut);
        }
    }

    fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        let tail = self.tail.len().saturating_sub(self.kept);
        let shown = self.tail.get(tail..).unwrap_or_default();
        let left_out = self.total - self.head.len() as u64 - shown.len() as u64;
        if left_out > 0 {
            text.push_str(&format!("\n… {left_out} bytes left out …\n"));
        }
        text.push_str(&String::from_utf8_lossy(shown));
        text
    }

    /// What is kept, as it came.
    fn bytes(&self) -> Vec<u8> {
        [self.head.as_slice(), &self.tail].concat()
    }
}

/// Both output streams, filled by reader threads.
#[derive(Debug)]
struct Streams {
    captures: Mutex<[Capture; 2]>,
    changed: Condvar,
}

const STDOUT: usize = 0;
const STDERR: usize = 1;

fn read_all(mut from: impl Read + Send + 'static, index: usize, streams: Arc<Streams>) {
    // A grader that has no thread left sees an empty stream and fails the wait for it.
    let reader = move || {
        let mut buf = [0; 16 * 1024];
        loop {
            let len = match from.read(&mut buf) {
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            let mut captures = lock(&streams.captures);
            if let Some(capture) = captures.get_mut(index) {
                match buf.get(..len) {
                    Some([]) | None => capture.ended = true,
                    Some(bytes) => capture.push(bytes),
                }
            }
            streams.changed.notify_all();
            if len == 0 {
                return;
            }
        }
    };
    let _ = thread::Builder::new().name("output".into()).spawn(reader);
}

/// Returns the text without the escape sequences that colour it (ECMA-48 §5.4: `ESC [`,
/// parameters, one final byte).
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_final = |char: char| ('@'..='~').contains(&char);
        plain.push_str(part.split_once(is_final).map_or("", |(_, rest)| rest));
    }
    plain
}

/// Writes to a program's standard input from a thread of its own: a program that does
/// not read must not stop the check.
#[derive(Debug)]
struct Typist {
    texts: mpsc::Sender<Vec<u8>>,
    written: Mutex<mpsc::Receiver<bool>>,
}

impl Typist {
    fn new(mut stdin: ChildStdin) -> Typist {
        let (texts, queue) = mpsc::channel::<Vec<u8>>();
        let (results, written) = mpsc::channel();
        let writer = move || {
            for text in queue {
                let result = stdin.write_all(&text).and_then(|()| stdin.flush());
                if results.send(result.is_ok()).is_err() {
                    return;
                }
            }
        };
        let _ = thread::Builder::new().name("input".into()).spawn(writer);
        Typist {
            texts,
            written: Mutex::new(written),
        }
    }

    /// Tells whether the program has taken the text in time.
    fn type_in(&mut self, text: &str, patience: Duration) -> bool {
        self.texts.send(text.as_bytes().to_vec()).is_ok()
            && lock(&self.written).recv_timeout(patience).unwrap_or(false)
    }
}

/// What is needed to start a program.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub name: &'a str,
    /// What it is told beside host and port, for the transcript.
    pub args: &'a [String],
    /// The host that it is told, an address or a name.
    pub host: &'a str,
    pub words: &'a [std::ffi::OsString],
    pub dir: &'a Path,
    pub env: &'a [(String, String)],
    pub open_files: Option<u32>,
    pub file_mib: Option<u32>,
    /// How much of each output stream is kept from its beginning and from its end.
    pub kept: usize,
    pub addr: SocketAddr,
    pub accepted: &'a Accepted,
    pub started: &'a Started,
    pub deadline: Instant,
    pub transcript: &'a Transcript,
}

/// A running program. When it is dropped, it is killed with everything it started.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    stdin: Option<Typist>,
    streams: Arc<Streams>,
    exit: Option<Exit>,
    /// Whether its process id is free for others again.
    is_reaped: bool,
    /// When its memory was looked at last.
    memory_seen: Instant,
    is_interrupted: bool,
    mark: String,
    addr: SocketAddr,
    accepted: Accepted,
    deadline: Instant,
    transcript: Transcript,
    connections: AtomicU32,
}

impl Program {
    pub(super) fn start(start: &Start<'_>) -> Result<Program, Stop> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{number}", std::process::id());

        let mut command = limited(
            start.words,
            start.open_files.unwrap_or(OPEN_FILES),
            start.file_mib.unwrap_or(FILE_LIMIT_MIB),
        );
        command.current_dir(start.dir).env_clear();
        for name in ["PATH", "SystemRoot", "LD_LIBRARY_PATH", "PYENV_VERSION"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("HOME", start.dir)
            .env("LANG", "C.UTF-8")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("HOST", start.host)
            .env("PORT", start.addr.port().to_string())
            .env(MARK, &mark)
            .envs(start.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            command.process_group(0);
        }
        let mut child = command.spawn().map_err(|error| {
            Stop::grader(format_args!("cannot start {}", start.name), &error)
        })?;
        start.started.add(child.id(), &mark);
        start.transcript.note(&told(start.name, start.args));

        let captures = [Capture::new(start.kept), Capture::new(start.kept)];
        let streams = Arc::new(Streams {
            captures: Mutex::new(captures),
            changed: Condvar::new(),
        });
        if let Some(stdout) = child.stdout.take() {
            read_all(stdout, STDOUT, Arc::clone(&streams));
        }
        if let Some(stderr) = child.stderr.take() {
            read_all(stderr, STDERR, Arc::clone(&streams));
        }
        Ok(Program {
            name: start.name.to_owned(),
            stdin: child.stdin.take().map(Typist::new),
            child,
            streams,
            exit: None,
            is_reaped: false,
            memory_seen: Instant::now(),
            is_interrupted: false,
            mark,
            addr: start.addr,
            accepted: start.accepted.clone(),
            deadline: start.deadline,
            transcript: start.transcript.clone(),
            connections: AtomicU32::new(0),
        })
    }

    /// The address that the program was told to listen on or to connect to.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Connects to the program as a plain TCP client.
    ///
    /// # Errors
    ///
    /// A failure when it refuses or does not answer.
    pub fn connect(&self) -> Result<Conn, Stop> {
        self.connect_to(self.addr)
    }

    /// Connects to another address of the program, for instance its IPv6 one.
    ///
    /// # Errors
    ///
    /// A failure when it refuses or does not answer.
    pub fn connect_to(&self, addr: SocketAddr) -> Result<Conn, Stop> {
        Conn::connect(addr, self.next_label(), self.deadline, &self.transcript)
    }

    /// Connects, or returns `None` when so many wait for their turn that the kernel turns
    /// another client away.
    ///
    /// # Errors
    ///
    /// A failure when the program refuses.
    pub fn connect_if_there_is_room(&self) -> Result<Option<Conn>, Stop> {
        let label = self.next_label();
        Conn::connect_if_there_is_room(self.addr, label, self.deadline, &self.transcript)
    }

    /// How the transcript calls the next client; the first one needs no name.
    fn next_label(&self) -> String {
        match self.connections.fetch_add(1, Ordering::Relaxed) + 1 {
            1 => String::new(),
            number => format!("client {number}: "),
        }
    }

    /// Connects from another address of this machine, such as 127.0.0.2, as another
    /// machine would; `None` where that address cannot be had.
    ///
    /// # Errors
    ///
    /// A failure when the program refuses or does not answer.
    pub fn connect_from(&self, source: IpAddr) -> Result<Option<Conn>, Stop> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let label = format!("client {number} at {source}: ");
        Conn::connect_from(source, self.addr, label, self.deadline, &self.transcript)
    }

    /// Whether it says, in the words of any language, that somebody has its port.
    pub(super) fn says_port_in_use(&self) -> bool {
        const WORDS: [&str; 3] =
            ["in use", "eaddrinuse", "only one usage of each socket"];
        let said = self.printed().to_lowercase();
        WORDS.iter().any(|words| said.contains(words))
    }

    /// Waits until the program listens on its port, or says why it does not.
    pub(super) fn wait_ready(
        &mut self,
        protocol: Protocol,
        patience: Duration,
    ) -> Result<Ready, Stop> {
        let start = Instant::now();
        let mut give_up = (start + patience).min(self.deadline);
        let mut pause = Duration::from_millis(1);
        let mut elsewhere_since = None;
        loop {
            // Look for the end first: what a dead program printed is complete then.
            let exit = self.poll_exit()?;
            let mut elsewhere = Vec::new();
            match kernel::listening(self.pid(), protocol) {
                Some(addrs) => {
                    if addrs.iter().any(|addr| addr.port() == self.addr.port()) {
                        return Ok(Ready::Listening);
                    }
                    elsewhere = addrs;
                }
                None => {
                    let output = self.output() + &self.errors();
                    if output.contains(&self.addr.port().to_string()) {
                        return Ok(Ready::Listening);
                    }
                }
            }
            if Instant::now() >= give_up && kernel::overloaded() {
                // It may not have had its share of the processor yet.
                give_up = (start + patience * 2).min(self.deadline);
            }
            if elsewhere.is_empty() {
                elsewhere_since = None;
            } else if *elsewhere_since.get_or_insert_with(Instant::now) + ELSEWHERE
                <= Instant::now()
                && !kernel::overloaded()
            {
                give_up = Instant::now();
            }
            let out_of_time = Instant::now() >= give_up;
            if exit.is_none() && !out_of_time {
                thread::sleep(pause);
                // Who listens elsewhere will hardly come here any more, and the kernel
                // works for milliseconds to write its table of sockets.
                let longest = if elsewhere.is_empty() { 20 } else { 200 };
                pause = (pause * 2).min(Duration::from_millis(longest));
                continue;
            }
            let holder = kernel::holder(self.addr.port(), protocol, &self.mark);
            if holder == Some(Holder::Stranger) {
                return Ok(Ready::PortTaken);
            }
            let expected = format!("it listens on {}", self.addr);
            let got = match exit {
                Some(exit) => format!("it ended before that: {exit}"),
                None if elsewhere.is_empty() => {
                    let waited = start.elapsed().as_secs();
                    format!("it listens on no port after {waited} s")
                }
                None => {
                    let list: Vec<_> =
                        elsewhere.iter().map(SocketAddr::to_string).collect();
                    format!("it listens on {}", list.join(" and "))
                }
            };
            let mut failure = Failure::new(expected, got);
            if !elsewhere.is_empty() {
                failure = failure.cause("the port is fixed in the program");
            } else if holder == Some(Holder::Fled) {
                failure = failure.cause(
                    "it goes on in the background: stay in front, so that Ctrl-C ends it",
                );
            } else if let (Some(exit), Some(words)) = (exit, self.last_words()) {
                failure = failure.cause(match exit {
                    Exit::Status(127) => format!("its command is not found: {words}"),
                    Exit::Status(126) => format!("its command cannot run: {words}"),
                    _ => format!("its last words: {words}"),
                });
            }
            return Err(failure.into());
        }
    }

    /// Where the program listens (TCP), or `None` where the kernel does not tell.
    pub fn listening(&self) -> Option<Vec<ListenAddr>> {
        kernel::listening(self.pid(), Protocol::Tcp)
    }

    /// Where the program has UDP sockets, or `None` where the kernel does not tell.
    pub fn bound_udp(&self) -> Option<Vec<ListenAddr>> {
        kernel::listening(self.pid(), Protocol::Udp)
    }

    /// The CPU time used so far, or `None` where the kernel does not tell.
    pub fn cpu_time(&self) -> Option<Duration> {
        kernel::cpu_time(self.pid())
    }

    /// For how long the program was ready to run and waited for a core, or `None` where the
    /// kernel does not tell.
    pub fn waited_for_cpu(&self) -> Option<Duration> {
        kernel::waited_for_cpu(self.pid())
    }

    /// The number of open descriptors, or `None` where the kernel does not tell.
    pub fn open_files(&self) -> Option<usize> {
        kernel::open_files(self.pid())
    }

    /// The number of threads, or `None` where the kernel does not tell.
    pub fn threads(&self) -> Option<usize> {
        kernel::threads(self.pid())
    }

    /// The resident memory in bytes, or `None` where the kernel does not tell.
    pub fn memory(&self) -> Option<u64> {
        kernel::memory(self.pid())
    }

    /// What it has printed on stdout so far.
    pub fn output(&self) -> String {
        lock(&self.streams.captures)
            .get(STDOUT)
            .map(Capture::text)
            .unwrap_or_default()
    }

    /// What it has printed on stdout so far, byte for byte (of a command-line tool, up to
    /// 4 MiB).
    pub fn output_bytes(&self) -> Vec<u8> {
        lock(&self.streams.captures)
            .get(STDOUT)
            .map(Capture::bytes)
            .unwrap_or_default()
    }

    /// What it has printed on stderr so far.
    pub fn errors(&self) -> String {
        lock(&self.streams.captures)
            .get(STDERR)
            .map(Capture::text)
            .unwrap_or_default()
    }

    /// Everything it has printed: stdout, then stderr.
    pub fn printed(&self) -> String {
        self.output() + &self.errors()
    }

    /// How many bytes it has printed in all, also those no longer kept.
    pub fn printed_bytes(&self) -> u64 {
        lock(&self.streams.captures)
            .iter()
            .map(|capture| capture.total)
            .sum()
    }

    /// Waits until stdout or stderr holds `text` (5 s).
    ///
    /// # Errors
    ///
    /// A failure that shows what it printed instead.
    pub fn wait_for_output(&mut self, text: &str) -> Verdict {
        self.wait_for_printed(&format!("it prints {text:?}"), |printed| {
            printed.contains(text)
        })
    }

    /// Waits until what it has printed fulfils the condition (5 s), as it is or without
    /// its colours; `expected` says which, for the failure.
    ///
    /// # Errors
    ///
    /// A failure that shows what it printed instead.
    pub fn wait_for_printed(
        &mut self,
        expected: &str,
        mut condition: impl FnMut(&str) -> bool,
    ) -> Verdict {
        let start = Instant::now();
        let give_up = (start + Duration::from_secs(5)).min(self.deadline);
        let mut condition = |printed: &str| {
            condition(printed)
                || printed.contains('\x1b') && condition(&without_colours(printed))
        };
        loop {
            if condition(&self.printed()) {
                return Ok(());
            }
            let left = give_up.saturating_duration_since(Instant::now());
            let captures = lock(&self.streams.captures);
            let ended = captures.iter().all(|capture| capture.ended);
            if left.is_zero() || ended {
                drop(captures);
                // What came between the test above and the lock counts as well.
                if condition(&self.printed()) {
                    return Ok(());
                }
                let failure = Failure::new(expected, self.printed_for_failure());
                let is_silent = !ended && self.printed().trim().is_empty();
                return Err(if is_silent {
                    failure.cause(IN_A_BUFFER).into()
                } else {
                    failure.into()
                });
            }
            // A wake-up may fall between the test and the lock: look again soon.
            let wait = left.min(Duration::from_millis(50));
            drop(self.streams.changed.wait_timeout(captures, wait));
            self.close_what_it_has_closed(start);
        }
    }

    fn printed_for_failure(&self) -> String {
        let printed = self.printed();
        let chars = printed.chars().count();
        let tail: String = printed.chars().skip(chars.saturating_sub(400)).collect();
        // Whole lines, where what is left out ends within one.
        let tail = match tail.split_once('\n') {
            Some((_, lines)) if chars > 400 && !lines.trim().is_empty() => lines,
            _ => &tail,
        };
        if tail.trim().is_empty() {
            "it printed nothing".to_owned()
        } else {
            format!("it printed: {}", escape(tail.as_bytes()))
        }
    }

    /// Types text at the program's standard input, with the line end if one is wanted.
    ///
    /// # Errors
    ///
    /// A failure when it has closed its input.
    pub fn type_in(&mut self, text: &str) -> Verdict {
        self.transcript.sent("stdin: ", text.as_bytes());
        let Some(stdin) = &mut self.stdin else {
            return Err(Stop::Error("the check has closed stdin already".into()));
        };
        let patience = Duration::from_secs(5);
        let give_up = (Instant::now() + patience).min(self.deadline);
        let left = give_up.saturating_duration_since(Instant::now());
        if stdin.type_in(text, left) {
            return Ok(());
        }
        let expected = "it reads its standard input";
        Err(Failure::new(expected, self.printed_for_failure()).into())
    }

    /// Ends the program's standard input.
    pub fn close_stdin(&mut self) {
        if self.stdin.take().is_some() {
            self.transcript.note("end of stdin");
        }
    }

    /// Sends Ctrl-C (SIGINT) to the program's process group, as a terminal does.
    pub fn interrupt(&mut self) {
        thread::sleep(REACTION);
        self.transcript.note("Ctrl-C");
        self.is_interrupted = true;
        self.signal_group(Signal::Interrupt);
    }

    /// Sends SIGTERM to the program itself.
    pub fn terminate(&mut self) {
        thread::sleep(REACTION);
        self.transcript.note("SIGTERM");
        self.signal_group(Signal::Terminate);
    }

    /// Kills the program with everything it started.
    pub fn kill(&mut self) {
        self.transcript.note("kill -9");
        self.end();
    }

    fn signal_group(&mut self, signal: Signal) {
        if self.is_reaped {
            return; // The process id may be somebody else's by now.
        }
        #[cfg(unix)]
        {
            use rustix::process::{Pid, Signal as Unix, kill_process_group};
            let signal = match signal {
                Signal::Interrupt => Unix::INT,
                Signal::Terminate => Unix::TERM,
                Signal::Kill => Unix::KILL,
            };
            let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            if let Some(pid) = pid {
                let _ = kill_process_group(pid, signal);
            }
        }
        #[cfg(not(unix))]
        {
            let _ = signal;
            let _ = self.child.kill();
        }
    }

    /// Tells whether it still runs.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn runs(&mut self) -> Result<bool, Stop> {
        Ok(self.poll_exit()?.is_none())
    }

    fn poll_exit(&mut self) -> Result<Option<Exit>, Stop> {
        if self.exit.is_none() {
            self.exit = exit_of(&mut self.child)
                .map_err(|error| Stop::grader("cannot wait for the program", &error))?;
            if let Some(exit) = self.exit {
                self.transcript
                    .note(&format!("{} ended: {exit}", self.name));
            }
            if self.exit.is_none() && self.takes_too_much_memory() {
                self.transcript.note("more than 1 GiB of memory: killed");
                self.end();
                return Err(Failure::new("less than 1 GiB of memory", "more").into());
            }
        }
        Ok(self.exit)
    }

    fn takes_too_much_memory(&mut self) -> bool {
        if self.memory_seen.elapsed() < MEMORY_PERIOD {
            return false;
        }
        self.memory_seen = Instant::now();
        self.memory().is_some_and(|bytes| bytes > MEMORY_LIMIT)
    }

    /// Waits until it ends (at most `patience`) and returns how.
    ///
    /// # Errors
    ///
    /// A failure when it does not end.
    pub fn wait_exit(&mut self, patience: Duration) -> Result<Exit, Stop> {
        let start = Instant::now();
        let give_up = (start + patience).min(self.deadline);
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(exit) = self.poll_exit()? {
                self.wait_streams_end();
                return Ok(exit);
            }
            self.close_what_it_has_closed(start);
            if Instant::now() >= give_up {
                let expected = format!("it ends within {} s", patience.as_secs_f32());
                let failure = Failure::new(expected, "it still runs");
                return Err(if self.is_interrupted {
                    failure.cause(GOES_ON).into()
                } else {
                    failure.into()
                });
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }

    /// A client may have closed its side and wait for ours before it prints or ends. Most
    /// do not: only a wait that lasts looks for it.
    fn close_what_it_has_closed(&self, waiting_since: Instant) {
        if waiting_since.elapsed() > A_WHILE && self.accepted.close_what_has_ended() {
            let note = "it has ended its sending side: the connection is closed";
            self.transcript.note(note);
        }
    }

    /// Waits until it ends (at most 5 s) with this status.
    ///
    /// # Errors
    ///
    /// A failure when it does not end or ends with another.
    pub fn expect_exit(&mut self, status: i32) -> Verdict {
        let exit = self.wait_exit(Duration::from_secs(5))?;
        if exit == Exit::Status(status) {
            return Ok(());
        }
        let got = format!("{exit}; {}", self.printed_for_failure());
        let failure = Failure::new(format!("it ends with exit status {status}"), got);
        Err(match exit {
            Exit::Signal(_) if self.is_interrupted => failure.cause(NOT_CAUGHT).into(),
            _ => failure.into(),
        })
    }

    /// After the end, gives the reader threads time to take what is in the pipes: a busy
    /// machine may let them run late, and then a program would seem to have been silent.
    fn wait_streams_end(&self) {
        let give_up = (Instant::now() + Duration::from_secs(5)).min(self.deadline);
        let mut captures = lock(&self.streams.captures);
        while !captures.iter().all(|capture| capture.ended) {
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return; // A child of the program still holds the pipe.
            }
            let waited = self.streams.changed.wait_timeout(captures, left);
            captures = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// Fails when the program has printed a panic.
    ///
    /// # Errors
    ///
    /// A failure that names it.
    pub fn expect_no_panic(&self) -> Verdict {
        match self.printed().contains("panicked at") {
            true => Err(self.crashed(self.printed_for_failure())),
            false => Ok(()),
        }
    }

    /// Fails when the program has crashed, in whatever language: a panic, a backtrace, or
    /// a signal that only a fault raises.
    ///
    /// # Errors
    ///
    /// A failure that names it.
    pub fn expect_no_crash(&self) -> Verdict {
        // SIGILL, SIGABRT, SIGBUS, SIGFPE and SIGSEGV, by Linux's numbers.
        if let Some(exit @ Exit::Signal(4 | 6 | 7 | 8 | 11)) = self.exit {
            return Err(self.crashed(exit.to_string()));
        }
        match shows_a_backtrace(&self.printed()) {
            true => Err(self.crashed(self.printed_for_failure())),
            false => Ok(()),
        }
    }

    fn crashed(&self, got: String) -> Stop {
        Failure::new("an error message of one line", got)
            .cause("an error that can happen is not handled")
            .into()
    }

    /// The last line of stderr, after the end.
    fn last_words(&self) -> Option<String> {
        self.wait_streams_end();
        let errors = self.errors();
        let line = errors.lines().rfind(|line| !line.trim().is_empty())?;
        let line: String = line.trim().chars().take(150).collect();
        Some(escape(line.as_bytes()))
    }

    /// Notes the last lines of stderr, for feedback.
    fn note_errors(&self) {
        let errors = self.errors();
        let lines: Vec<&str> = errors.lines().collect();
        for line in lines
            .get(lines.len().saturating_sub(5)..)
            .unwrap_or_default()
        {
            let line: String = line.chars().take(200).collect();
            self.transcript
                .note(&format!("stderr: {}", escape(line.as_bytes())));
        }
    }

    fn end(&mut self) {
        self.stdin = None;
        if self.is_reaped {
            return;
        }
        // Children that have fled to a session of their own are found by descent.
        let family = kernel::family(self.child.id());
        self.signal_group(Signal::Kill);
        kernel::kill(family.get(1..).unwrap_or_default());
        // What left the process group still carries the mark in its environment.
        kernel::kill_marked(Some(&self.mark));
        let _ = self.child.kill();
        if let Ok(status) = self.child.wait() {
            self.exit.get_or_insert(Exit::from(status));
        }
        self.is_reaped = true;
    }
}

/// Tells how a child has ended, if it has, and does not reap it: as long as it is a zombie,
/// no other process gets its id. Busy machines give an id away again within seconds, and a
/// signal to the child's group would meet strangers.
#[cfg(unix)]
pub(crate) fn exit_of(child: &mut Child) -> std::io::Result<Option<Exit>> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let Some(pid) = pid else {
        return Ok(None);
    };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let end = waitid(WaitId::Pid(pid), options)?;
    Ok(end.and_then(|end| match end.exit_status() {
        Some(status) => Some(Exit::Status(status)),
        None => end.terminating_signal().map(Exit::Signal),
    }))
}

/// Tells how a child has ended, if it has.
#[cfg(not(unix))]
pub(crate) fn exit_of(child: &mut Child) -> std::io::Result<Option<Exit>> {
    Ok(child.try_wait()?.map(Exit::from))
}

#[derive(Clone, Copy)]
#[cfg_attr(not(unix), allow(dead_code, reason = "only kill exists there"))]
enum Signal {
    Interrupt,
    Terminate,
    Kill,
}

/// Whether the wait for a listening program ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    Listening,
    /// Somebody else has the port: another is to be tried.
    PortTaken,
}

impl Drop for Program {
    fn drop(&mut self) {
        // Ends that it chose itself are news; ours is not.
        let _ = self.poll_exit();
        self.end();
        self.wait_streams_end();
        self.note_errors();
    }
}

/// Says how a program is started, in one line: `started ping 127.0.0.1 --count 3`. Ports
/// after an address differ from run to run and are left out.
fn told(name: &str, args: &[String]) -> String {
    static PORT: LazyLock<Option<regex::Regex>> =
        LazyLock::new(|| regex::Regex::new(r"(?-u)(127\.0\.0\.1|localhost|\]):\d+").ok());
    let words = std::iter::once(name).chain(args.iter().map(String::as_str));
    let line: Vec<_> = words
        .map(|word| shlex::try_quote(word).unwrap_or(word.into()))
        .collect();
    let (shown, is_all) = escape_up_to(line.join(" ").as_bytes(), TOLD);
    let shown = match &*PORT {
        Some(port) => port.replace_all(&shown, "$1:PORT").into_owned(),
        None => shown,
    };
    format!("started {shown}{}", if is_all { "" } else { "…" })
}

/// Lets this process open as many files as the system allows it without asking: a check
/// may play hundreds of clients, and many checks run at once. Where nothing else is set
/// the limit is 1024 on Linux and 256 on macOS. Programs under test have limits of their
/// own.
pub fn raise_file_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        // macOS says "unlimited", and takes no more than OPEN_MAX.
        const ENOUGH: u64 = 10_240;
        let limit = getrlimit(Resource::Nofile);
        let most = limit.maximum.map_or(ENOUGH, |most| most.min(ENOUGH));
        let current = limit.current.map(|current| current.max(most));
        let _ = setrlimit(Resource::Nofile, Rlimit { current, ..limit });
    }
}

/// Whether a program has printed what its language prints when nobody handles an error. A
/// message of one line, in whatever words, is none of these.
fn shows_a_backtrace(printed: &str) -> bool {
    static SIGNS: LazyLock<Option<regex::RegexSet>> = LazyLock::new(|| {
        let signs = [
            r"panicked at ",                              // Rust
            r"Traceback \(most recent call last\)",       // Python
            r"^goroutine \d+ \[",                         // Go
            r"^\s+at \S+\(\w+\.(java|kt|scala):\d+\)",    // Java and its kin
            r"^Exception in thread ",                     // and where lines are unknown
            r"^\s+at .*\(?(node:|file:|/).*:\d+:\d+\)?$", // Node
            r"^Unhandled exception\. System\.",           // .NET
            r"^\s+from \S+:\d+:in ",                      // Ruby
            r"^\S+\.rb:\d+:in .*\([A-Z]\S*\)$",           // with one level only
            r"^(PHP )?Fatal error: +Uncaught ",           // PHP
            r"^terminate called ",                        // C++
        ];
        regex::RegexSet::new(signs.map(|sign| format!("(?m){sign}"))).ok()
    });
    SIGNS.as_ref().is_some_and(|signs| signs.is_match(printed))
}

/// Returns a command that runs `words` under limits of memory, files and core dumps.
///
/// The shell sets them and is replaced by the program, so the process id stays.
fn limited(words: &[std::ffi::OsString], open_files: u32, file_mib: u32) -> Command {
    if cfg!(unix) {
        let file_blocks = u64::from(file_mib) * 1024 * 1024 / 512;
        let leash = if has_leash() { LEASH } else { "" };
        let awake = if *IGNORES_CTRL_C { AWAKE } else { "" };
        let script = format!(
            "ulimit -c 0; ulimit -n {open_files}; ulimit -d {DATA_LIMIT_KIB} 2>/dev/null; \
             ulimit -f {file_blocks}; exec {awake} {leash} \"$@\""
        );
        // With a path and not a name: std can then use posix_spawn(3), which copies no
        // page tables as fork(2) does.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script, "sh"]).args(words);
        command
    } else {
        let mut words = words.iter();
        let mut command = Command::new(words.next().cloned().unwrap_or_default());
        command.args(words);
        command
    }
}

/// Runs a command that the kernel kills when its parent dies: a grader that is itself
/// killed leaves no program behind (`prctl(2)`, PR_SET_PDEATHSIG; util-linux). The parent
/// is the thread that started the program, so that thread has to outlive it.
const LEASH: &str = "setpriv --pdeathsig KILL";

static HAS_LEASH: OnceLock<bool> = OnceLock::new();

/// Tells whether this machine's `setpriv` knows that option.
pub(crate) fn has_leash() -> bool {
    *HAS_LEASH.get_or_init(|| runs(LEASH))
}

/// Takes over what the process that has started this one has found out, or decided.
pub(crate) fn trust_leash(is_there: bool) {
    let _ = HAS_LEASH.set(is_there); // Only the first one counts.
}

/// Runs a command that Ctrl-C ends. A shell lets what it runs in the background ignore
/// Ctrl-C, and whatever that starts ignores it, too: a program in Python would fail its
/// checks because of how the grader was started (POSIX shell, 2.11).
const AWAKE: &str = "env --default-signal=INT,QUIT";

/// Whether the grader itself ignores Ctrl-C, and `env` knows that option.
static IGNORES_CTRL_C: LazyLock<bool> = LazyLock::new(|| {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let ignored = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 stands for signal 1; SIGINT is 2.
    ignored.unwrap_or_default() & 1 << 1 != 0 && runs(AWAKE)
});

/// Tells whether a command that runs another one succeeds.
fn runs(words: &str) -> bool {
    let mut words = words.split(' ');
    Command::new(words.next().unwrap_or_default())
        .args(words)
        .arg("true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, test_kill_process};

    #[test]
    fn an_error_that_nobody_handles_is_seen_in_any_language() {
        for printed in [
            "thread 'main' (7) panicked at src/main.rs:5:10:\n",
            "Traceback (most recent call last):\n  File \"c.py\", line 3\n",
            "panic: dial tcp 127.0.0.1:1: refused\n\ngoroutine 1 [running]:\nmain.main()\n",
            "java.net.ConnectException: refused\n\tat java.base/sun.nio.ch.Net.pollConnect\
             (Native Method)\n\tat java.base/java.net.Socket.connect(Socket.java:633)\n",
            "Exception in thread \"main\" java.net.ConnectException: refused\n",
            "node:events:502\n      throw er;\n\nError: connect ECONNREFUSED\n    at \
             TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)\n",
            "TypeError: x\n    at Socket.<anonymous> (/course/client.js:12:5)\n",
            "c.rb:2:in `initialize': refused (Errno::ECONNREFUSED)\n\tfrom c.rb:2:in `new'\n",
            "client.rb:2:in 'TCPSocket#initialize': refused (Errno::ECONNREFUSED)\n",
            "PHP Fatal error:  Uncaught ErrorException: refused in c.php:3\n",
            "terminate called after throwing an instance of 'std::system_error'\n",
            "Unhandled exception. System.Net.Sockets.SocketException (111): refused\n",
        ] {
            assert!(shows_a_backtrace(printed), "{printed}");
        }
    }

    #[test]
    fn a_message_of_one_line_is_no_crash() {
        for printed in [
            "error: cannot connect to 127.0.0.1:8080: connection refused\n",
            "Connection refused (os error 111)\n",
            "Fatal error: cannot connect\n",
            "java.net.ConnectException: Connection refused\n",
            "Error: connect ECONNREFUSED 127.0.0.1:8080\n    at port 8080\n",
            "2026/11/26 19:00:00 dial tcp 127.0.0.1:8080: connect: connection refused\n",
            "connect failed at client.pl line 7.\n",
            "[ERROR] 127.0.0.1:8080 at 12:30:45\n   at 2026-11-26 12:30:45\n",
        ] {
            assert!(!shows_a_backtrace(printed), "{printed}");
        }
    }

    #[test]
    fn a_low_limit_of_open_files_is_raised() {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let before = getrlimit(Resource::Nofile);
        let current = Some(256); // Enough for the tests beside this one, meanwhile.
        setrlimit(Resource::Nofile, Rlimit { current, ..before }).unwrap();
        raise_file_limit();
        let raised = getrlimit(Resource::Nofile).current.unwrap();
        setrlimit(Resource::Nofile, before).unwrap();
        let most = before.maximum.unwrap_or(u64::MAX);
        assert!(raised == 10_240 || raised == most, "{raised} of {most}");
    }

    fn end_of(script: &str) -> Exit {
        let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        let give_up = Instant::now() + Duration::from_secs(20);
        let exit = loop {
            if let Some(exit) = exit_of(&mut child).unwrap() {
                break exit;
            }
            assert!(Instant::now() < give_up, "`{script}` still runs");
            thread::yield_now();
        };
        assert!(test_kill_process(pid).is_ok(), "its id is free for others");
        assert_eq!(Exit::from(child.wait().unwrap()), exit);
        exit
    }

    #[test]
    fn a_child_that_has_ended_keeps_its_process_id_until_it_is_waited_for() {
        assert_eq!(end_of("exit 3"), Exit::Status(3));
        assert_eq!(end_of("kill -9 $$"), Exit::Signal(9));
    }
}
