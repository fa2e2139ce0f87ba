//! The Python that the tests' own programs in Python run on.

use std::process::Command;
use std::sync::OnceLock;

/// Python's option to look for nothing but its standard library. What a machine has
/// installed beside it may take longer to load than most checks.
pub const WITHOUT_SITE: &str = "-S";

/// Where Linux distributions have their Python.
const OF_THE_SYSTEM: &str = "/usr/bin/python3";

/// Returns the path of the Python interpreter itself, or `None` where `python3` does not
/// run. What that name starts may be the wrapper of a version manager, which takes longer
/// than most checks; what such a manager has built starts more slowly, too, so Linux's own
/// comes first.
pub fn python() -> Option<&'static str> {
    static PYTHON: OnceLock<Option<String>> = OnceLock::new();
    let found = PYTHON.get_or_init(|| {
        let of_the_system = cfg!(target_os = "linux").then_some(OF_THE_SYSTEM);
        let mut names = of_the_system.into_iter().chain(["python3"]);
        names.find_map(executable)
    });
    found.as_deref()
}

/// What the interpreter of this name calls itself, if it is Python 3.
fn executable(name: &str) -> Option<String> {
    let output = Command::new(name)
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let path = String::from_utf8(output.stdout).ok()?;
    Some(path.trim().to_owned()).filter(|path| !path.is_empty())
}
