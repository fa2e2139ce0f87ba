//! Which process has which socket: the links in /proc/PID/fd (proc(5)).

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Returns `NAME (PID)` of the processes that hold each socket, by its inode.
///
/// Other users' processes are closed to us without the administrator's rights, and a
/// process may end while we look: both are left out.
pub fn by_inode() -> HashMap<u64, Vec<String>> {
    let mut owners: HashMap<u64, Vec<String>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|n| n.parse::<u32>().ok())
        else {
            continue; // Not a process.
        };
        let Ok(descriptors) = fs::read_dir(entry.path().join("fd")) else {
            continue;
        };
        let mut owner = None;
        for descriptor in descriptors.flatten() {
            let Some(inode) = socket_inode(&descriptor.path()) else {
                continue;
            };
            let owner = owner.get_or_insert_with(|| name(&entry.path(), pid));
            let owners = owners.entry(inode).or_default();
            // A process may hold one socket several times.
            if !owners.contains(owner) {
                owners.push(owner.clone());
            }
        }
    }
    owners
}

/// A socket's link reads `socket:[31337]`.
fn socket_inode(descriptor: &Path) -> Option<u64> {
    let target = fs::read_link(descriptor).ok()?;
    let inode = target.to_str()?.strip_prefix("socket:[")?;
    inode.strip_suffix(']')?.parse().ok()
}

/// A process chooses its own name: it may not drive our terminal.
fn name(process: &Path, pid: u32) -> String {
    let name = fs::read(process.join("comm")).unwrap_or_default();
    format!("{} ({pid})", labkit::printable(name.trim_ascii_end()))
}
