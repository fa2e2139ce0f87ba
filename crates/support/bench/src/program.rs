//! Building, finding, starting and stopping the programs that are measured.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::{Needs, PEER};

/// The variable that tells a measuring process where its program is.
pub const PROGRAM: &str = "BENCH_PROGRAM";
/// How long a program may take to listen.
const START_TIME: Duration = Duration::from_secs(10);

/// Builds or finds what a contender needs; the error is the reason in the table.
pub fn provide(needs: Needs) -> Result<Option<PathBuf>, String> {
    match needs {
        Needs::Nothing => Ok(None),
        Needs::Tool(tool) => find(tool).map(Some).ok_or(format!("{tool} is missing")),
        Needs::Step(step) => build(step).map(Some).map_err(|error| format!("{error:#}")),
    }
}

/// Finds a program on the PATH, or where servers are that are not for everybody.
fn find(tool: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(tool))
        .find(|file| file.is_file())
}

/// Builds a program of this course for release and returns where it is.
fn build(step: &str) -> anyhow::Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release", "--quiet", "-p", step])
        .stdin(Stdio::null())
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "{step} does not build");
    // This bench is target/release/deps/NAME-HASH; programs are two folders up.
    let bench = env::current_exe()?;
    let release = bench
        .parent()
        .and_then(Path::parent)
        .context("no target folder")?;
    let program = release
        .join(step)
        .with_extension(env::consts::EXE_EXTENSION);
    ensure!(program.is_file(), "{step} is not at {}", program.display());
    Ok(program)
}

/// A network of its own, and no process left behind: when the first process of a PID
/// namespace ends, the kernel ends all others (`user_namespaces(7)`, `pid_namespaces(7)`).
const UNSHARE: &[&str] = &[
    "--user",
    "--map-root-user",
    "--net",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
];

/// Returns a command that runs a program in namespaces of its own where the system allows
/// it, and as it is where not.
pub fn in_own_network(program: &Path) -> Command {
    let mut probe = crate::silent("unshare");
    probe.args(UNSHARE).args(["ip", "link", "set", "lo", "up"]);
    if !probe.status().is_ok_and(|status| status.success()) {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command
        .args(UNSHARE)
        .args(["sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""])
        .arg(program);
    command
}

/// Keeps this process, and the servers that it starts from now on, on one core if its
/// client is `alone`, where the system can be told so: on Linux.
///
/// Of one client and its server only one works at a time. On two cores that measures how
/// fast the system wakes a core that sleeps: the same for all, and another in each run.
pub fn on_one_core(alone: bool) {
    #[cfg(target_os = "linux")]
    if alone {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        let Ok(allowed) = sched_getaffinity(None) else {
            return;
        };
        let mut one = CpuSet::new();
        if let Some(core) = (0..CpuSet::MAX_CPU).find(|core| allowed.is_set(*core)) {
            one.set(core);
            // If it fails the figures scatter more, and are as true.
            let _ = sched_setaffinity(None, &one);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = alone;
}

/// Returns an address on loopback whose port was free a moment ago, for TCP and UDP.
///
/// # Errors
///
/// When the system has no free port.
pub fn fresh_addr() -> io::Result<SocketAddr> {
    loop {
        let addr = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        if UdpSocket::bind(addr).is_ok() {
            return Ok(addr);
        }
    }
}

/// A server that runs until it is dropped.
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    child: Child,
}

impl Running {
    /// Starts the contender's own program, a step of this course, with more arguments.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not listen within 10 s.
    pub fn step(args: &[&str]) -> anyhow::Result<Self> {
        let addr = fresh_addr()?;
        let mut command = program()?;
        command
            .args([
                "--host",
                &addr.ip().to_string(),
                "--port",
                &addr.port().to_string(),
            ])
            .arg("--quiet")
            .args(args);
        Running::start(command, addr)
    }

    /// Starts a peer that is part of this bench.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not listen within 10 s.
    pub fn peer(name: &str) -> anyhow::Result<Self> {
        let addr = fresh_addr()?;
        let mut command = Command::new(env::current_exe()?);
        command.args([PEER, name, &addr.to_string()]);
        Running::start(command, addr)
    }

    /// Starts a command that will listen on the address, and waits until it does.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not listen within 10 s.
    pub fn start(mut command: Command, addr: SocketAddr) -> anyhow::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", name_of(&command)))?;
        let mut running = Running { addr, child };
        let give_up = Instant::now() + START_TIME;
        while !listens(addr) {
            if let Some(status) = running.child.try_wait()? {
                bail!("{} ended with {status}", name_of(&command));
            }
            ensure!(
                Instant::now() < give_up,
                "{} does not listen",
                name_of(&command)
            );
            thread::sleep(Duration::from_millis(5));
        }
        Ok(running)
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has done its work and has nothing to lose; if it is gone already, good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a command for the program or tool that the contender needs.
///
/// # Errors
///
/// When the contender needs none.
pub fn program() -> anyhow::Result<Command> {
    let program = env::var_os(PROGRAM).context("this contender has no program")?;
    Ok(Command::new(program))
}

/// Returns a command for another step of this course, built beside the contender's own.
///
/// # Errors
///
/// When the contender needs no program.
pub fn sibling(step: &str) -> anyhow::Result<Command> {
    let program = env::var_os(PROGRAM).context("this contender has no program")?;
    let program = Path::new(&program).with_file_name(step);
    Ok(Command::new(
        program.with_extension(env::consts::EXE_EXTENSION),
    ))
}

fn name_of(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name();
    name.unwrap_or(OsStr::new("it"))
        .to_string_lossy()
        .into_owned()
}

/// Tells whether somebody listens there, from the kernel's table: a connection to find
/// out would be a client, and some servers have one only.
fn listens(addr: SocketAddr) -> bool {
    let port = format!(":{:04X}", addr.port());
    let mut tables = ["tcp", "tcp6", "udp", "udp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/net/{table}")).ok())
        .peekable();
    if tables.peek().is_none() {
        // No such table here: a port that cannot be bound has an owner.
        return TcpListener::bind(addr).is_err() || UdpSocket::bind(addr).is_err();
    }
    tables.any(|table| table.lines().any(|line| is_waiting(line, &port)))
}

/// Tells whether a line of the table is a listening TCP (0A) or open UDP (07) socket.
fn is_waiting(line: &str, port: &str) -> bool {
    let mut words = line.split_whitespace().skip(1);
    let (local, _, state) = (words.next(), words.next(), words.next());
    local.is_some_and(|local| local.ends_with(port)) && matches!(state, Some("0A" | "07"))
}
