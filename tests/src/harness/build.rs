//! Builds programs: with cargo, or with the command of a `lab.toml`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::target::Template;

/// How a submission is built.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// Where cargo puts its files, if not in the submission's own target folder.
    pub target_dir: Option<PathBuf>,
    /// Never ask the network.
    pub offline: bool,
    /// When a build is ended.
    pub time_limit: Duration,
    /// Take the features of each dependency that `cargo test` takes, not those of
    /// `cargo build`: what the tests have compiled need not be compiled anew.
    pub features_of_tests: bool,
    /// Words before cargo's own, which run it in isolation.
    pub wrapper: Vec<OsString>,
}

impl Default for BuildOptions {
    fn default() -> Self {
        BuildOptions {
            target_dir: None,
            offline: false,
            time_limit: Duration::from_secs(600),
            features_of_tests: false,
            wrapper: Vec::new(),
        }
    }
}

/// One line of `cargo build --message-format=json`, as far as it concerns us.
#[derive(Deserialize)]
struct CargoMessage {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<CargoTarget>,
    message: Option<CompilerMessage>,
}

#[derive(Deserialize)]
struct CargoTarget {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct CompilerMessage {
    level: String,
    rendered: Option<String>,
}

/// Builds all packages of a folder and notes their binaries.
/// Returns what else cargo said when it failed, an empty text when it did not.
pub(super) fn with_cargo(
    dir: &Path,
    programs: &mut BTreeMap<String, Template>,
    options: &BuildOptions,
) -> anyhow::Result<String> {
    use anyhow::Context;

    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut words = options.wrapper.iter().cloned().chain([cargo]);
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    // --keep-going: a package that does not compile must not take the others' programs.
    command.args(["build", "--workspace", "--bins", "--keep-going"]);
    if options.features_of_tests {
        // Any test does: with one, cargo counts the tests' dependencies in.
        command.args(["--test", "suite"]);
    }
    command.arg("--message-format=json");
    command.current_dir(dir).stdin(Stdio::null());
    forget_package(&mut command);
    if options.offline {
        command.arg("--offline");
    }
    if let Some(target_dir) = &options.target_dir {
        command.arg("--target-dir").arg(target_dir);
        // A stranger's package: no secrets of ours in its build, and nothing that only
        // a developer needs.
        scrub_environment(&mut command, target_dir);
        command
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_TERM_COLOR", "never");
    }
    let (stdout, stderr, end) =
        output_within(&mut command, options.time_limit).context("cannot run cargo")?;
    for line in stdout.split(|byte| *byte == b'\n') {
        note_message(line, programs);
    }
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    Ok(match end {
        BuildEnd::Done => String::new(),
        BuildEnd::Failed(_) => stderr,
        BuildEnd::TimeUp => time_up(options),
    })
}

/// Takes from a command's environment what cargo tells a program that it runs: of which
/// package it is. A build script that looks at that (ring's does) would run again, and all
/// that depends on it be compiled again, whenever cargo is called from within.
pub fn forget_package(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
}

/// Leaves of the environment what cargo and the compiler need, and gives them a folder
/// for temporary files: where the course itself lies in /tmp, a stranger may not write
/// there.
fn scrub_environment(command: &mut Command, target_dir: &Path) {
    command.env_clear();
    let temporary = target_dir.join("tmp");
    let _ = std::fs::remove_dir_all(&temporary); // Of the build before.
    if std::fs::create_dir_all(&temporary).is_ok() {
        command.env("TMPDIR", temporary);
    }
    for (name, value) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let needed = ["PATH", "HOME", "USER", "TEMP", "TMP", "SystemRoot"]
            .contains(&text.as_ref())
            || [
                "CARGO_HOME",
                "RUSTUP_",
                "LD_LIBRARY_PATH",
                "APPDATA",
                "USERPROFILE",
            ]
            .iter()
            .any(|prefix| text.starts_with(prefix));
        if needed {
            command.env(name, value);
        }
    }
}

/// Tells rustup and cargo where they are, for they look for that at home.
fn keep_toolchains(command: &mut Command) {
    let Some(home) = std::env::home_dir() else {
        return;
    };
    for (name, folder) in [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")] {
        let folder = home.join(folder);
        if std::env::var_os(name).is_none() && folder.is_dir() {
            command.env(name, folder);
        }
    }
}

/// Notes what one line of cargo's says of a binary.
fn note_message(line: &[u8], programs: &mut BTreeMap<String, Template>) {
    let Ok(message) = serde_json::from_slice::<CargoMessage>(line) else {
        return;
    };
    let Some(target) = message.target else {
        return;
    };
    if !target.kind.iter().any(|kind| kind == "bin") {
        return;
    }
    if let (true, Some(path)) =
        (message.reason == "compiler-artifact", message.executable)
    {
        programs.insert(target.name, Template::Binary(path));
    } else if let Some(CompilerMessage {
        level,
        rendered: Some(text),
    }) = message.message
        && level == "error"
    {
        let entry = programs
            .entry(target.name)
            .or_insert_with(|| Template::Broken(String::new()));
        if let Template::Broken(all) = entry {
            all.push_str(&text);
        }
    }
}

/// Whatever else went wrong (a manifest, a dependency) concerns all binaries that should
/// be there and are not.
pub(super) fn blame(
    programs: &mut BTreeMap<String, Template>,
    names: &[String],
    said: &str,
) {
    for name in names {
        if !said.is_empty() && !programs.contains_key(name) {
            programs.insert(name.clone(), Template::Broken(said.to_owned()));
        }
    }
}

/// Runs the build command of a `lab.toml` in its folder. Returns what it said when it
/// failed.
///
/// # Errors
///
/// When it cannot be run at all.
pub(super) fn with_command(
    dir: &Path,
    words: &[String],
    options: &BuildOptions,
) -> anyhow::Result<Option<String>> {
    let words = words.iter().map(OsString::from);
    let mut words = options.wrapper.iter().cloned().chain(words);
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).current_dir(dir).stdin(Stdio::null());
    if let Some(target_dir) = &options.target_dir {
        scrub_environment(&mut command, target_dir);
        keep_toolchains(&mut command);
        // Compilers keep what they have built at home, where a stranger may not write.
        command.env("HOME", dir);
    }
    let (stdout, stderr, end) = match output_within(&mut command, options.time_limit) {
        Ok(end) => end,
        Err(error) => return Ok(Some(format!("the build command cannot run: {error}"))),
    };
    Ok(match end {
        BuildEnd::Done => None,
        BuildEnd::Failed(status) => {
            let said = [stdout, stderr].concat();
            let said = String::from_utf8_lossy(&said).trim().to_owned();
            // An exit status says no more than that; a signal came from elsewhere.
            let how = match status.code() {
                Some(_) => "fails".to_owned(),
                None => format!("was ended: {status}"),
            };
            Some(format!("the build command {how}\n{said}"))
        }
        BuildEnd::TimeUp => Some(time_up(options)),
    })
}

fn time_up(options: &BuildOptions) -> String {
    format!(
        "the build did not end within {} s",
        options.time_limit.as_secs()
    )
}

enum BuildEnd {
    Done,
    Failed(ExitStatus),
    TimeUp,
}

/// Runs a command to its end or to the time limit, when it is killed with all it started.
fn output_within(
    command: &mut Command,
    limit: Duration,
) -> std::io::Result<(Vec<u8>, Vec<u8>, BuildEnd)> {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        command.process_group(0);
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = read_in_background(child.stdout.take());
    let stderr = read_in_background(child.stderr.take());
    let give_up = Instant::now() + limit;
    let end = loop {
        if let Some(status) = child.try_wait()? {
            break match status.success() {
                true => BuildEnd::Done,
                false => BuildEnd::Failed(status),
            };
        }
        if Instant::now() >= give_up {
            kill_group(&mut child);
            break BuildEnd::TimeUp;
        }
        thread::sleep(Duration::from_millis(5));
    };
    Ok((
        stdout.join().unwrap_or_default(),
        stderr.join().unwrap_or_default(),
        end,
    ))
}

fn read_in_background(
    stream: Option<impl Read + Send + 'static>,
) -> thread::JoinHandle<Vec<u8>> {
    /// More than any compiler has to say, and little enough to keep.
    const MOST: u64 = 64 * 1024 * 1024;
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            let _ = stream.take(MOST).read_to_end(&mut bytes);
        }
        bytes
    })
}

fn kill_group(child: &mut Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
    let _ = child.kill();
    let _ = child.wait();
}
