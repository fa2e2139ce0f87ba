//! What the kernel says of a program: who owns a port, CPU time, descriptors, children.
//!
//! On Linux from /proc; elsewhere every question is answered with "unknown" and the
//! harness falls back to what a program prints.

use std::net::SocketAddr;
use std::time::Duration;

use super::started::Ended;

/// Where a socket listens (TCP) or is bound (UDP).
pub type ListenAddr = SocketAddr;

/// The environment variable that marks every process that a program starts.
pub(super) const MARK: &str = "SOCKET_LABS_PROGRAM";

/// Which table of the kernel to look into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// Who listens on a port that the program was to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "nobody tells there")
)]
pub(super) enum Holder {
    /// A process of the program's that is no child of it any more.
    Fled,
    /// Somebody else.
    Stranger,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashSet;
    use std::fs::File;
    use std::io::{BufRead, BufReader, Read};
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use std::sync::atomic::{AtomicBool, Ordering};

    use procfs::net::{self, TcpNetEntries};
    use procfs::process::{FDTarget, Process, all_processes};
    use procfs::{Current, FromBufReadSI};

    use super::super::{Exit, sock_diag};
    use super::*;

    /// Whether all other processes that this one sees come from programs under test.
    static OWN_TABLE: AtomicBool = AtomicBool::new(false);

    /// Tells whether a process of ours has ended, and how, as far as is known; `None` if it
    /// still runs.
    pub(in super::super) fn ended(pid: u32) -> Option<Ended> {
        let process = i32::try_from(pid).ok().map(Process::new)?;
        let Ok(stat) = process.and_then(|process| process.stat()) else {
            return Some(Ended(None)); // It was waited for already.
        };
        let status = || stat.exit_code.map(ExitStatus::from_raw);
        matches!(stat.state, 'Z' | 'X').then(|| Ended(status().map(Exit::from)))
    }

    /// Tells whether many more programs want to run than there are processors.
    pub(in super::super) fn overloaded() -> bool {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runnable = procfs::LoadAverage::current().map_or(0, |load| load.cur);
        usize::try_from(runnable).is_ok_and(|runnable| runnable > 4 * cores)
    }

    /// Returns the process ids of `pid` and all that descend from it.
    pub(in super::super) fn family(pid: u32) -> Vec<i32> {
        let Ok(root) = i32::try_from(pid) else {
            return Vec::new();
        };
        let mut family = vec![root];
        let mut next = 0;
        while let Some(&parent) = family.get(next) {
            let children = children(parent).unwrap_or_else(|| children_by_search(parent));
            for child in children {
                if !family.contains(&child) {
                    family.push(child);
                }
            }
            next += 1;
        }
        family
    }

    /// Asks the kernel for a process's children: cheap, but not every kernel tells
    /// (CONFIG_PROC_CHILDREN).
    fn children(parent: i32) -> Option<Vec<i32>> {
        let mut children = Vec::new();
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{parent}/task")) else {
            return Some(children); // It has ended.
        };
        for task in tasks {
            let Ok(task) = task else { continue };
            match std::fs::read_to_string(task.path().join("children")) {
                Ok(list) => {
                    children.extend(
                        list.split_whitespace()
                            .filter_map(|pid| pid.parse::<i32>().ok()),
                    );
                }
                // A thread that has ended meanwhile has none.
                Err(_) if task.path().exists() => return None,
                Err(_) => {}
            }
        }
        Some(children)
    }

    fn children_by_search(parent: i32) -> Vec<i32> {
        let processes = all_processes().into_iter().flatten().flatten();
        processes
            .filter_map(|process| process.stat().ok())
            .filter(|stat| stat.ppid == parent)
            .map(|stat| stat.pid)
            .collect()
    }

    /// Tells whether neither the process nor a descendant of it is running or ready to run.
    pub fn is_asleep(pid: u32) -> bool {
        let processes = family(pid)
            .into_iter()
            .filter_map(|pid| Process::new(pid).ok());
        processes
            .filter_map(|process| process.stat().ok())
            .all(|stat| !matches!(stat.state, 'R' | 'D'))
    }

    fn socket_inodes(pids: &[i32]) -> HashSet<u64> {
        let mut inodes = HashSet::new();
        for &pid in pids {
            let Ok(fds) = Process::new(pid).and_then(|process| process.fd()) else {
                continue;
            };
            for fd in fds.flatten() {
                if let FDTarget::Socket(inode) = fd.target {
                    inodes.insert(inode);
                }
            }
        }
        inodes
    }

    /// Returns the table of listening (TCP) or bound (UDP) sockets with their inodes.
    fn table(protocol: Protocol) -> Option<Vec<(SocketAddr, u64)>> {
        let mut entries = Vec::new();
        match protocol {
            Protocol::Tcp => {
                return sock_diag::listeners().ok().or_else(listeners_in_proc);
            }
            Protocol::Udp => {
                let tables = [net::udp().ok()?, net::udp6().unwrap_or_default()];
                for entry in tables.into_iter().flatten() {
                    entries.push((entry.local_address, entry.inode));
                }
            }
        }
        Some(entries)
    }

    /// Reads the listening TCP sockets from /proc, where netlink is shut.
    fn listeners_in_proc() -> Option<Vec<(SocketAddr, u64)>> {
        let tables = [
            listeners("/proc/net/tcp")?,
            listeners("/proc/net/tcp6").unwrap_or_default(),
        ];
        let entries = tables.into_iter().flatten();
        Some(
            entries
                .map(|entry| (entry.local_address, entry.inode))
                .collect(),
        )
    }

    /// Reads the listening sockets of one table. The kernel names them first: what
    /// follows, thousands of connections in TIME_WAIT after a load test, need not even be
    /// written out by it.
    fn listeners(path: &str) -> Option<Vec<net::TcpNetEntry>> {
        const LISTEN: &str = "0A";
        let mut lines = BufReader::new(File::open(path).ok()?).lines();
        let mut text = lines.next()?.ok()? + "\n"; // the names of the columns
        for line in lines {
            let line = line.ok()?;
            if line.split_whitespace().nth(3) != Some(LISTEN) {
                break;
            }
            text.push_str(&line);
            text.push('\n');
        }
        let system = procfs::current_system_info();
        let entries = TcpNetEntries::from_buf_read(text.as_bytes(), system);
        entries.ok().map(|entries| entries.0)
    }

    /// Returns where the process or a descendant listens, or `None` where unknown.
    pub(in super::super) fn listening(
        pid: u32,
        protocol: Protocol,
    ) -> Option<Vec<ListenAddr>> {
        let inodes = socket_inodes(&family(pid));
        if inodes.is_empty() {
            return Some(Vec::new());
        }
        let mut addrs: Vec<_> = table(protocol)?
            .into_iter()
            .filter(|(_, inode)| inodes.contains(inode))
            .map(|(addr, _)| addr)
            .collect();
        addrs.sort_unstable();
        addrs.dedup();
        Some(addrs)
    }

    /// Tells who listens on the port, if it is not the program itself or a child of it.
    pub(in super::super) fn holder(
        port: u16,
        protocol: Protocol,
        mark: &str,
    ) -> Option<Holder> {
        let holds = |(addr, _): &(SocketAddr, u64)| addr.port() == port;
        let (_, inode) = table(protocol)?.into_iter().find(holds)?;
        // What has left the program's family was handed on to whoever buries orphans.
        let mut pids = family(std::process::id());
        if OWN_TABLE.load(Ordering::Relaxed) {
            pids.extend(others());
        }
        pids.extend(marked(Some(mark)));
        Some(match socket_inodes(&pids).contains(&inode) {
            true => Holder::Fled,
            false => Holder::Stranger,
        })
    }

    /// Returns the CPU time that the process and its descendants have used.
    pub(in super::super) fn cpu_time(pid: u32) -> Option<Duration> {
        let mut ticks = 0;
        for pid in family(pid) {
            if let Ok(stat) = Process::new(pid).and_then(|process| process.stat()) {
                ticks += stat.utime + stat.stime;
            }
        }
        let millis = ticks.checked_mul(1000)? / procfs::ticks_per_second();
        Some(Duration::from_millis(millis))
    }

    /// Returns for how long the threads of the process and its descendants were ready to
    /// run while others had the cores.
    pub(in super::super) fn waited_for_cpu(pid: u32) -> Option<Duration> {
        let mut nanos = 0;
        for pid in family(pid) {
            let tasks = Process::new(pid).and_then(|process| process.tasks());
            for task in tasks.into_iter().flatten().flatten() {
                nanos += task.schedstat().ok()?.run_delay;
            }
        }
        Some(Duration::from_nanos(nanos))
    }

    /// Returns the number of open descriptors of the process and its descendants.
    pub(in super::super) fn open_files(pid: u32) -> Option<usize> {
        count_in_family(pid, |process| process.fd_count().ok())
    }

    /// Returns the number of threads of the process and its descendants.
    pub(in super::super) fn threads(pid: u32) -> Option<usize> {
        count_in_family(pid, |process| {
            usize::try_from(process.stat().ok()?.num_threads).ok()
        })
    }

    /// Adds up what each process of a family has; a child that has ended has nothing.
    fn count_in_family(
        pid: u32,
        count: impl Fn(&Process) -> Option<usize>,
    ) -> Option<usize> {
        let root = count(&Process::new(i32::try_from(pid).ok()?).ok()?)?;
        let children = family(pid).into_iter().skip(1);
        let counts = children.filter_map(|pid| count(&Process::new(pid).ok()?));
        Some(root + counts.sum::<usize>())
    }

    /// Returns the resident memory of the process and its descendants, in bytes.
    pub(in super::super) fn memory(pid: u32) -> Option<u64> {
        let mut bytes = 0;
        for pid in family(pid) {
            if let Ok(statm) = Process::new(pid).and_then(|process| process.statm()) {
                bytes += statm.resident * procfs::page_size();
            }
        }
        Some(bytes)
    }

    /// Returns all processes but this one and process 1, as far as this one sees them.
    fn others() -> Vec<i32> {
        let me = i32::try_from(std::process::id()).unwrap_or_default();
        // By name only: opening each takes too long while a fork bomb goes off.
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|&pid| pid != 1 && pid != me)
            .collect()
    }

    /// Returns memory in bytes and number of the processes of [`kill_others`].
    pub fn usage_of_others(own_table: bool) -> Option<(u64, usize)> {
        let pids = match own_table {
            true => others(),
            false => family(std::process::id()).split_off(1),
        };
        let mut bytes = 0;
        // Of a fork bomb only the number matters, and at once.
        for &pid in pids.iter().take(500) {
            if let Ok(statm) = Process::new(pid).and_then(|process| process.statm()) {
                bytes += statm.resident * procfs::page_size();
            }
        }
        Some((bytes, pids.len()))
    }

    /// Prepares this process to run strangers' programs: orphans become its children,
    /// and no program may look into it or write to its pipes.
    pub fn guard_lane(own_table: bool) {
        use rustix::process::{DumpableBehavior, Resource, Rlimit};

        OWN_TABLE.store(own_table, Ordering::Relaxed);
        let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
        if own_table {
            // Counted within the user namespace; threads count as well.
            const PROCESSES: u64 = 4096;
            let limit = Rlimit {
                current: Some(PROCESSES),
                maximum: Some(PROCESSES),
            };
            let _ = rustix::process::setrlimit(Resource::Nproc, limit);
        } else {
            let me = rustix::process::getpid();
            let _ = rustix::process::set_child_subreaper(Some(me));
        }
    }

    /// Kills every other process of this process table, if it is the lane's own, else
    /// every descendant of this process.
    pub fn kill_others(own_table: bool) {
        use rustix::process::{Pid, Signal};

        const ROUNDS: usize = 200;
        for _ in 0..ROUNDS {
            if own_table {
                // kill(-1): all but this process and process 1, in one step, so that
                // nothing can fork its way out.
                let _ = rustix::process::kill_process_group(Pid::INIT, Signal::KILL);
                if others().is_empty() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            let strays = family(std::process::id()).split_off(1);
            let mut alive = false;
            for pid in strays {
                let state = Process::new(pid).and_then(|process| process.stat());
                if state.is_ok_and(|stat| stat.state != 'Z') {
                    alive = true;
                    if let Some(pid) = Pid::from_raw(pid) {
                        let _ = rustix::process::kill_process(pid, Signal::KILL);
                    }
                }
            }
            if !alive {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Reaps the orphans that have become children of this process. Never while a check
    /// runs: its programs are children as well, and are waited for there.
    pub fn bury_orphans() {
        use rustix::process::{WaitOptions, wait};
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
    }

    /// Returns the processes that carry a mark of ours: `value`, or any when `None`.
    pub(in super::super) fn marked(value: Option<&str>) -> Vec<i32> {
        let me = i32::try_from(std::process::id()).unwrap_or_default();
        let (variable, rest) = match value {
            Some(value) => (format!("{MARK}={value}"), 0),
            None => (format!("{MARK}={me}-"), usize::MAX),
        };
        let is_mark = |entry: Vec<u8>| {
            entry
                .strip_prefix(variable.as_bytes())
                .is_some_and(|end| end.len() <= rest)
        };
        let mut pids = Vec::new();
        for pid in others() {
            let Ok(file) = File::open(format!("/proc/{pid}/environ")) else {
                continue;
            };
            let environ = BufReader::new(file.take(64 * 1024)).split(0);
            if !environ.map_while(Result::ok).any(is_mark) {
                continue;
            }
            let state = Process::new(pid).and_then(|process| process.stat());
            if state.is_ok_and(|stat| stat.state != 'Z') {
                pids.push(pid);
            }
        }
        pids
    }

    #[cfg(test)]
    mod tests {
        use std::net::TcpListener;
        use std::os::fd::AsRawFd;

        use super::*;

        #[test]
        fn each_listener_is_named_with_its_inode_over_netlink_and_in_proc() {
            // More than one datagram of the kernel's answer holds.
            let addrs = ["127.0.0.1:0", "[::1]:0"].repeat(150);
            let ours: Vec<_> = addrs.into_iter().flat_map(TcpListener::bind).collect();
            assert!(!ours.is_empty());
            let over_netlink = sock_diag::listeners();
            for found in [over_netlink.unwrap(), listeners_in_proc().unwrap()] {
                for listener in &ours {
                    let link = format!("/proc/self/fd/{}", listener.as_raw_fd());
                    let link = std::fs::read_link(link).unwrap();
                    let wanted = listener.local_addr().unwrap();
                    let found = found.iter().find(|(addr, _)| *addr == wanted);
                    let (_, inode) = found.unwrap();
                    assert_eq!(link.to_str().unwrap(), format!("socket:[{inode}]"));
                }
            }
        }
    }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::{
    bury_orphans, guard_lane, is_asleep, kill_others, usage_of_others,
};
#[cfg(target_os = "linux")]
pub(super) use linux::{
    cpu_time, ended, family, holder, listening, marked, memory, open_files, overloaded,
    threads, waited_for_cpu,
};

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::*;

    pub(in super::super) fn listening(_: u32, _: Protocol) -> Option<Vec<ListenAddr>> {
        None
    }
    pub(in super::super) fn holder(_: u16, _: Protocol, _: &str) -> Option<Holder> {
        None
    }
    pub(in super::super) fn ended(_: u32) -> Option<Ended> {
        None
    }
    pub(in super::super) fn overloaded() -> bool {
        false
    }
    pub(in super::super) fn cpu_time(_: u32) -> Option<Duration> {
        None
    }
    pub(in super::super) fn waited_for_cpu(_: u32) -> Option<Duration> {
        None
    }
    pub(in super::super) fn open_files(_: u32) -> Option<usize> {
        None
    }
    pub(in super::super) fn threads(_: u32) -> Option<usize> {
        None
    }
    pub(in super::super) fn memory(_: u32) -> Option<u64> {
        None
    }
    pub(in super::super) fn family(_: u32) -> Vec<i32> {
        Vec::new()
    }
    pub(in super::super) fn marked(_: Option<&str>) -> Vec<i32> {
        Vec::new()
    }
    /// Nothing is known of what a process does.
    #[cfg(unix)]
    pub fn is_asleep(_: u32) -> bool {
        true
    }
    /// Nothing is known of other processes here.
    pub fn usage_of_others(_: bool) -> Option<(u64, usize)> {
        None
    }
    /// Nothing to prepare here.
    pub fn guard_lane(_: bool) {}
    /// Other processes cannot be found here.
    pub fn kill_others(_: bool) {}
    pub fn bury_orphans() {}
}

#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) use elsewhere::is_asleep;
#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{bury_orphans, guard_lane, kill_others, usage_of_others};
#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{
    cpu_time, ended, family, holder, listening, marked, memory, open_files, overloaded,
    threads, waited_for_cpu,
};

/// Kills every process that was started by a program of this run and has survived it,
/// whatever process group or session it fled to.
pub fn kill_strays() {
    kill_marked(None);
}

/// Kills the processes with this mark, again until none is left: they may be forking.
pub(super) fn kill_marked(value: Option<&str>) {
    const ROUNDS: usize = 20;
    for _ in 0..ROUNDS {
        let pids = marked(value);
        if pids.is_empty() {
            return;
        }
        kill(&pids);
    }
}

/// Kills these processes.
pub(super) fn kill(pids: &[i32]) {
    for &pid in pids {
        #[cfg(unix)]
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        #[cfg(not(unix))]
        let _ = pid;
    }
}
