//! The Python that the tests' own programs in Python run on.

use std::process::Command;
use std::sync::OnceLock;

/// Python's option to look for nothing but its standard library. What a machine has
/// installed beside it may take longer to load than most checks.
pub const WITHOUT_SITE: &str = "-S";

/// Returns the path of the Python interpreter itself, or `None` where `python3` does not
/// run. What that name starts may be the wrapper of a version manager, which takes longer
/// than most checks.
pub fn python() -> Option<&'static str> {
    static PYTHON: OnceLock<Option<String>> = OnceLock::new();
    let found = PYTHON.get_or_init(|| {
        let output = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable)"])
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        let path = String::from_utf8(output.stdout).ok()?;
        Some(path.trim().to_owned()).filter(|path| !path.is_empty())
    });
    found.as_deref()
}
