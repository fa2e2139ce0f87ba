//! Running `cargo lab` in tests: the program itself, freshly built.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may assume what it has set up itself"
)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
#[cfg(unix)]
use std::sync::LazyLock;

use grading::harness::{Target, WITHOUT_SITE, forget_package, python};

/// Where the grading package is.
pub fn tests_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The course's folder.
pub fn course() -> PathBuf {
    tests_dir().parent().unwrap().to_path_buf()
}

/// The program `lab`. Cargo builds other packages' binaries for no test, so the test asks
/// for it: a stale one would be tested unseen.
pub fn lab() -> Command {
    let prepared = Target::Reference.prepare(&["lab"]).unwrap();
    let mut command = Command::new(prepared.binary("lab").unwrap());
    command.current_dir(course()).stdin(Stdio::null());
    forget_package(&mut command);
    #[cfg(unix)]
    if let Some(folder) = quick_python() {
        first_in_path(&mut command, folder);
    }
    command
}

/// Lets a command look for programs in this folder before all others.
#[cfg(unix)]
pub fn first_in_path(command: &mut Command, folder: &Path) {
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", folder.display()));
}

/// A folder whose `python3` is the interpreter itself with its standard library alone. The
/// wrapper of a version manager takes longer than most checks.
#[cfg(unix)]
fn quick_python() -> Option<&'static Path> {
    static FOLDER: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let python = python()?;
        let text = format!("exec '{python}' {WITHOUT_SITE} \"$@\"\n");
        Some(folder_with("python3", &text))
    });
    FOLDER.as_deref()
}

/// A folder whose `cargo` knows one command, `cargo run --quiet --bin lab -- …`, and starts
/// the `lab` that the tests have built. Without them cargo would take other features of the
/// dependencies, and compile them all a second time.
#[cfg(unix)]
pub fn quick_cargo() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let lab = Target::Reference.prepare(&["lab"]).unwrap();
        let lab = lab.binary("lab").unwrap().display().to_string();
        let text = format!(
            "[ \"$1 $2 $3 $4 $5\" = 'run --quiet --bin lab --' ] || exit 101\n\
             shift 5\nexec '{lab}' \"$@\"\n"
        );
        folder_with("cargo", &text)
    });
    &FOLDER
}

/// A folder with a shell script.
#[cfg(unix)]
fn folder_with(name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("quick-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    // Another run of these tests may be starting it now: it is replaced as a whole.
    let new = tempfile::NamedTempFile::new_in(&folder).unwrap();
    std::fs::write(&new, format!("#!/bin/sh\n{text}")).unwrap();
    std::fs::set_permissions(&new, PermissionsExt::from_mode(0o755)).unwrap();
    new.persist(folder.join(name)).unwrap();
    folder
}

/// Runs `cargo lab` with these arguments to its end.
pub fn run<S: AsRef<OsStr>>(args: &[S]) -> Output {
    lab().args(args).output().unwrap()
}

/// What a command has printed on stdout.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a command has printed on stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A correct `tcp_server`, as a submission in Python, with `change` applied to its source.
pub fn python_submission(dir: &Path, change: impl Fn(String) -> String) {
    const SERVER: &str = r#"
import os
# What stands under the module socket, which takes longer to load than all the rest.
import _socket as socket
HOST, PORT = os.environ["HOST"], int(os.environ["PORT"])
family = socket.AF_INET6 if ":" in HOST else socket.AF_INET
listener = socket.socket(family)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    listener.bind((HOST, PORT))
except OSError as error:
    raise SystemExit(f"cannot listen: {error}")
listener.listen(128)
def accept():
    descriptor, peer = listener._accept()
    return socket.socket(fileno=descriptor), peer
number = 0
while True:
    client, _ = accept()
    number += 1
    try:
        client.settimeout(20)
        message = client.recv(1024)
        if message:
            client.sendall(f"Hello! You are connection #{number}".encode())
        client.shutdown(socket.SHUT_WR)
        client.settimeout(0.5)
        while client.recv(4096):
            pass
    except OSError:
        pass
    finally:
        client.close()
"#;
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("server.py"), change(SERVER.to_owned())).unwrap();
    let python = python().unwrap();
    let lab_toml =
        format!("[programs]\ntcp_server = \"{python} {WITHOUT_SITE} server.py\"\n");
    std::fs::write(dir.join("lab.toml"), lab_toml).unwrap();
}

/// Takes out of a report what differs between two runs with the same seed: times.
pub fn without_times(report: &str) -> String {
    let times = regex::Regex::new(
        r#"("millis": \d+|"execution_time": [\d.]+|time="[\d.]+"|timestamp="[^"]*"| +\d+ ms )"#,
    );
    times.unwrap().replace_all(report, "TIME").into_owned()
}
