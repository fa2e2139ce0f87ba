//! Runs a command where it harms nobody: on Linux in namespaces of its own.
//!
//! A program in here has its own loopback interface, so that several can listen on the
//! same fixed port at once; its own process table, which dies with its first process; and
//! a file system that it can only read, but for a folder of its own that lives in memory.
//! No privileges are needed, where the kernel lets users make namespaces.
//!
//! The grader starts itself three times in a row, since each namespace needs a new
//! process: `__isolate` makes the namespaces and mounts, `__init` is process 1 in there
//! and buries the dead, `__inner` gives up the rights that making them gave, and becomes
//! the command. What the grader itself does in there needs no fourth start.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

/// How far programs are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Own network, processes and mounts.
    Namespaces,
    /// Own network only: the kernel does not let users mount `/proc`.
    Network,
    /// Process groups, and marks that children inherit.
    ProcessGroups,
}

impl Isolation {
    /// Whether programs at the same fixed port do not meet.
    pub fn separates_ports(self) -> bool {
        self != Isolation::ProcessGroups
    }

    /// What it is, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Isolation::Namespaces => "namespaces (own network, processes, files)",
            Isolation::Network => "own network, shared process table",
            Isolation::ProcessGroups => "process groups only, one after another",
        }
    }

    /// Finds out by trying what this system allows.
    pub fn probe() -> Isolation {
        if !cfg!(target_os = "linux") {
            return Isolation::ProcessGroups;
        }
        let Ok(room) = tempfile::tempdir() else {
            return Isolation::ProcessGroups;
        };
        for isolation in [Isolation::Namespaces, Isolation::Network] {
            let own = own_executable();
            let mut command =
                wrapped(isolation, room.path(), &[], &[own, "__probe".into()]);
            command.env("TMPDIR", room.path());
            let output = command.stdin(std::process::Stdio::null()).output();
            if output.is_ok_and(|output| output.status.success()) {
                return isolation;
            }
        }
        Isolation::ProcessGroups
    }
}

/// The program that runs now, also when its file has been replaced meanwhile.
pub(super) fn own_executable() -> OsString {
    if cfg!(target_os = "linux") {
        return "/proc/self/exe".into();
    }
    std::env::current_exe().map_or_else(|_| "lab".into(), PathBuf::into_os_string)
}

/// Returns the command that runs `words` in isolation, in `room`: an existing folder that
/// becomes its own, empty and in memory. `needed` are folders that it reads.
pub(super) fn wrapped(
    isolation: Isolation,
    room: &Path,
    needed: &[&Path],
    words: &[OsString],
) -> Command {
    let mut all = wrapper(isolation, room, needed, &[]).into_iter();
    let mut words = words.iter().cloned();
    let first = all.next().or_else(|| words.next()).unwrap_or_default();
    let mut command = Command::new(first);
    // Where the grader stands may be in the /tmp that is covered.
    command.args(all).args(words).current_dir(room);
    command
}

/// The words to put before a command, so that it runs in isolation. It sees the folders
/// that it needs wherever they are, and may write to those that are writable.
pub(super) fn wrapper(
    isolation: Isolation,
    room: &Path,
    needed: &[&Path],
    writable: &[&Path],
) -> Vec<OsString> {
    let mode = match isolation {
        Isolation::Namespaces => "namespaces",
        Isolation::Network => "network",
        Isolation::ProcessGroups => return Vec::new(),
    };
    let mut words = vec![own_executable(), "__isolate".into(), mode.into()];
    words.push(room.into());
    words.extend(needed.iter().map(OsString::from));
    words.push("rw".into());
    words.extend(writable.iter().map(OsString::from));
    words.push("--".into());
    words
}

/// Runs one of the grader's inner commands (`__isolate`, `__init`, `__inner`, `__probe`,
/// `__lane`) and returns its exit status; `None` when `args` name none of them.
pub fn inner_command(args: &[OsString]) -> Option<i32> {
    let (name, rest) = args.split_first()?;
    let result = match name.to_str()? {
        "__lane" => super::lane::serve(),
        "__probe" => probe(),
        #[cfg(target_os = "linux")]
        "__isolate" => linux::isolate(rest),
        #[cfg(target_os = "linux")]
        "__init" => linux::init(rest),
        #[cfg(target_os = "linux")]
        "__inner" => linux::inner(rest),
        _ => return None,
    };
    let _ = rest;
    Some(result.unwrap_or_else(|error| {
        eprintln!("{}: {error:#}", Path::new(name).display());
        SETUP_FAILED
    }))
}

/// Exit status of an inner command that could not set up what it should.
const SETUP_FAILED: i32 = 125;

/// Finds out whether there is a loopback interface and a process table.
fn probe() -> anyhow::Result<i32> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    std::net::TcpStream::connect(listener.local_addr()?)?;
    let file = std::env::temp_dir().join("probe");
    std::fs::write(&file, "written")?;
    Ok(0)
}

/// Splits `A B … -- WORDS`.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only used there"))]
fn split(args: &[OsString]) -> (&[OsString], &[OsString]) {
    let place = args.iter().position(|arg| arg == OsStr::new("--"));
    let place = place.unwrap_or(args.len());
    let (before, after) = args.split_at(place);
    (before, after.get(1..).unwrap_or_default())
}

#[cfg(target_os = "linux")]
pub(super) use linux::give_up_head_start;

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::os::unix::process::CommandExt;

    use anyhow::Context;
    use rustix::mount::{MountFlags, MountPropagationFlags};
    use rustix::process::{
        Signal, WaitOptions, set_parent_process_death_signal, setpriority_process,
    };
    use rustix::thread::{
        CapabilitySet, CapabilitySets, UnshareFlags, remove_capability_from_bounding_set,
        set_capabilities,
    };

    use super::*;

    /// The niceness of who watches over programs.
    const HEAD_START: i32 = -10;

    /// What the folder in memory may hold: each file costs memory, an empty one too.
    const ROOM_SIZE: &std::ffi::CStr = c"size=512m,nr_inodes=100k,mode=1777";

    /// `__isolate MODE ROOM NEEDED… rw WRITABLE… -- WORDS`: makes namespaces and mounts.
    pub(super) fn isolate(args: &[OsString]) -> anyhow::Result<i32> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let (settings, words) = split(args);
        let [mode, room, folders @ ..] = settings else {
            anyhow::bail!("usage: __isolate MODE ROOM NEEDED… rw WRITABLE… -- COMMAND…");
        };
        let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
        let (uid, gid) = (uid.as_raw().to_string(), gid.as_raw().to_string());
        let own_processes = mode == "namespaces";
        // Whoever watches a fork bomb must get the processor before it does. Only root may
        // ask for that, and only root's processes are not counted by the kernel.
        let _ = setpriority_process(None, HEAD_START);
        let mut flags = UnshareFlags::NEWUSER
            | UnshareFlags::NEWNS
            | UnshareFlags::NEWNET
            | UnshareFlags::NEWIPC
            | UnshareFlags::NEWUTS;
        if own_processes {
            flags |= UnshareFlags::NEWPID;
        }
        unshare(flags).context("no namespaces")?;
        map_ids("0", &uid, "0", &gid)?;
        loopback_up().context("no loopback interface")?;
        // Echo requests need no rights of root where the group is in this range.
        let _ = fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0");

        rustix::mount::mount_change(
            "/",
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        )
        .context("no mounts of its own")?;
        if own_processes {
            let here = std::env::current_dir();
            mounts(Path::new(room), folders)?;
            // Where this process stands is still below what was there before.
            here.and_then(std::env::set_current_dir)
                .context("the working directory is gone")?;
        }
        let stage = if own_processes { "__init" } else { "__inner" };
        let mut child = Command::new(own_executable())
            .args([OsStr::new(stage), OsStr::new(&uid), OsStr::new(&gid)])
            .arg("--")
            .args(words)
            .spawn()
            .context("cannot start the next process")?;
        let status = child.wait()?;
        Ok(status.code().unwrap_or(SETUP_FAILED))
    }

    /// `__init UID GID -- WORDS`: process 1 of its namespace. All others end with it.
    pub(super) fn init(args: &[OsString]) -> anyhow::Result<i32> {
        anyhow::ensure!(std::process::id() == 1, "not in a process table of its own");
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        rustix::mount::mount("proc", "/proc", "proc", flags, None)
            .context("cannot mount /proc")?;
        limit_processes();
        let child = Command::new(own_executable())
            .arg("__inner")
            .args(args)
            .spawn()
            .context("cannot start the next process")?;
        let child = i32::try_from(child.id())?;
        loop {
            // Orphans become children of process 1, which must bury them.
            match rustix::process::wait(WaitOptions::empty()) {
                Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == child => {
                    return Ok(status.exit_status().unwrap_or(SETUP_FAILED));
                }
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Bounds the processes and threads of this process table. For root, ulimit does not:
    /// a fork bomb would slow the whole machine down before it is ended. Before Linux 6.14
    /// the setting is the machine's, and is left alone.
    fn limit_processes() {
        const MOST: &str = "1000";
        let name = rustix::system::uname();
        let release = name.release().to_string_lossy().into_owned();
        let mut numbers = release.split(['.', '-']).map(str::parse::<u32>);
        let version = (numbers.next(), numbers.next());
        if let (Some(Ok(major)), Some(Ok(minor))) = version
            && (major, minor) >= (6, 14)
        {
            let _ = fs::write("/proc/sys/kernel/pid_max", MOST);
        }
    }

    /// `__inner UID GID -- WORDS`: becomes the user again and then the command.
    pub(super) fn inner(args: &[OsString]) -> anyhow::Result<i32> {
        let (ids, words) = split(args);
        let [uid, gid] = ids else {
            anyhow::bail!("usage: __inner UID GID -- COMMAND…");
        };
        // A user namespace within the first has no rights over the first one's mounts
        // and network: the program cannot undo what keeps it in.
        unshare(UnshareFlags::NEWUSER).context("no second user namespace")?;
        map_ids(&uid.to_string_lossy(), "0", &gid.to_string_lossy(), "0")?;
        // What runs as root here must not look into the grader's process either.
        for capability in CapabilitySet::all().iter() {
            let _ = remove_capability_from_bounding_set(capability);
        }
        // An exec gives up the rest by itself, but what the grader does comes without one.
        let none = CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, none).context("capabilities")?;
        let (program, rest) = words.split_first().context("no command")?;
        if *program == own_executable()
            && let Some(status) = inner_command(rest)
        {
            return Ok(status);
        }
        give_up_head_start();
        Err(Command::new(program).args(rest).exec()).context("cannot start the command")
    }

    /// From here on this thread, and what it starts, has no precedence over others.
    pub(in super::super) fn give_up_head_start() {
        let _ = setpriority_process(None, 0);
    }

    fn unshare(flags: UnshareFlags) -> rustix::io::Result<()> {
        // Safe here: this process has one thread, and CLONE_FILES, which could close
        // descriptors behind other threads' backs, is not among the flags.
        #[allow(deprecated, reason = "the successor is unsafe for CLONE_FILES only")]
        rustix::thread::unshare(flags)
    }

    fn map_ids(
        uid: &str,
        outer_uid: &str,
        gid: &str,
        outer_gid: &str,
    ) -> anyhow::Result<()> {
        fs::write("/proc/self/setgroups", "deny").context("setgroups")?;
        fs::write("/proc/self/uid_map", format!("{uid} {outer_uid} 1"))
            .context("uid_map")?;
        fs::write("/proc/self/gid_map", format!("{gid} {outer_gid} 1")).context("gid_map")
    }

    /// Switches the loopback interface on, which a new network namespace has off:
    /// one RTM_NEWLINK message to the kernel (rtnetlink(7)).
    fn loopback_up() -> anyhow::Result<()> {
        use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType};

        let mut message = Vec::new();
        message.extend_from_slice(&32_u32.to_ne_bytes()); // nlmsg_len
        message.extend_from_slice(&16_u16.to_ne_bytes()); // RTM_NEWLINK
        message.extend_from_slice(&5_u16.to_ne_bytes()); // NLM_F_REQUEST | NLM_F_ACK
        message.extend_from_slice(&[0; 8]); // sequence number, port id
        message.extend_from_slice(&[0; 4]); // ifi_family, padding, ifi_type
        message.extend_from_slice(&1_i32.to_ne_bytes()); // ifi_index: lo is always 1
        message.extend_from_slice(&1_u32.to_ne_bytes()); // ifi_flags: IFF_UP
        message.extend_from_slice(&1_u32.to_ne_bytes()); // ifi_change
        let socket = rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
        rustix::net::send(&socket, &message, SendFlags::empty())?;
        let mut reply = [0; 64];
        let (len, _) = rustix::net::recv(&socket, &mut reply[..], RecvFlags::empty())?;
        let error = reply.get(16..20).filter(|_| len >= 20);
        anyhow::ensure!(error == Some(&[0; 4]), "the kernel refuses");
        Ok(())
    }

    /// Makes all read-only but the room and what is writable.
    fn mounts(room: &Path, folders: &[OsString]) -> anyhow::Result<()> {
        let place = folders.iter().position(|folder| folder == "rw");
        let (needed, writable) = folders.split_at(place.unwrap_or(folders.len()));
        let keep: Vec<PathBuf> = writable.iter().skip(1).map(PathBuf::from).collect();
        let mut own: Vec<PathBuf> = vec![room.to_path_buf()];
        for dir in &keep {
            rustix::mount::mount_bind(dir.as_path(), dir.as_path())
                .with_context(|| format!("cannot keep {} writable", dir.display()))?;
        }
        let no_tricks = MountFlags::NOSUID | MountFlags::NODEV;
        let tmpfs =
            |at: &Path| rustix::mount::mount("tmpfs", at, "tmpfs", no_tricks, ROOM_SIZE);
        tmpfs(room).context("no folder in memory")?;
        // /tmp is everybody's: give it one of its own, unless what we need stands there.
        let executable = fs::read_link("/proc/self/exe").unwrap_or_default();
        let course = crate::harness::course_root();
        let mut used = vec![room, &executable, &course];
        used.extend(keep.iter().map(PathBuf::as_path));
        used.extend(needed.iter().map(Path::new));
        let used = used.iter().any(|path| path.starts_with("/tmp"));
        if !used && tmpfs(Path::new("/tmp")).is_ok() {
            own.push("/tmp".into());
        }
        if tmpfs(Path::new("/dev/shm")).is_ok() {
            own.push("/dev/shm".into());
        }
        own.extend(keep);
        own.push("/proc".into());
        let table = fs::read_to_string("/proc/self/mountinfo")?;
        for (at, flags) in table.lines().filter_map(mount_line) {
            if !own.iter().any(|own| at.starts_with(own)) {
                // One that cannot be changed (a broken automount) is left as it is.
                let flags = flags | MountFlags::BIND | MountFlags::RDONLY;
                let _ = rustix::mount::mount_remount(at.as_path(), flags, "");
            }
        }
        Ok(())
    }

    /// Returns where a line of mountinfo is mounted, and the flags that must stay.
    fn mount_line(line: &str) -> Option<(PathBuf, MountFlags)> {
        let mut fields = line.split(' ').skip(4);
        let at = fields.next()?.replace("\\040", " ");
        let mut flags = MountFlags::empty();
        for option in fields.next()?.split(',') {
            flags |= match option {
                "nosuid" => MountFlags::NOSUID,
                "nodev" => MountFlags::NODEV,
                "noexec" => MountFlags::NOEXEC,
                "noatime" => MountFlags::NOATIME,
                "nodiratime" => MountFlags::NODIRATIME,
                "relatime" => MountFlags::RELATIME,
                _ => MountFlags::empty(),
            };
        }
        Some((at.into(), flags))
    }
}
