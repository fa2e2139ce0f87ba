//! What a console block needs of the machine.

use std::path::Path;
use std::process::{Command, Stdio};

/// Returns why the need is not met, `None` if it is.
///
/// A need is `root`, `linux`, or the name of a tool on the `PATH`.
pub fn unmet(need: &str) -> Option<String> {
    let without = std::env::var("SHEETS_WITHOUT").unwrap_or_default();
    if without.split(',').any(|tool| tool == need) {
        return Some(format!("{need} is taken for missing (SHEETS_WITHOUT)"));
    }
    match need {
        "linux" if cfg!(target_os = "linux") => None,
        "linux" => Some("this system is not Linux".to_owned()),
        "root" if is_root() => None,
        "root" => Some("this needs administrator rights".to_owned()),
        tool if is_on_path(tool) => None,
        tool => Some(format!("{tool} is not installed")),
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").stderr(Stdio::null()).output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

fn is_on_path(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Tools such as ss and tcpdump often stand where an ordinary PATH does not look.
    let sbin = ["/usr/sbin", "/sbin"].map(|dir| Path::new(dir).to_owned());
    std::env::split_paths(&path)
        .chain(sbin)
        .any(|dir| dir.join(tool).is_file() || dir.join(format!("{tool}.exe")).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_named() {
        let reason = unmet("no-such-tool-anywhere");
        assert_eq!(
            reason.as_deref(),
            Some("no-such-tool-anywhere is not installed")
        );
    }
}
