//! Where the programs under test come from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Where the programs under test come from.
#[derive(Clone, Debug)]
pub enum Target {
    /// The course's own crates, built afresh by cargo before they run.
    Reference,
    /// A Cargo package or workspace, or any folder with a `lab.toml`.
    Submission(PathBuf),
    /// One program given as a command line, `{host}` and `{port}` still in it.
    Command(Vec<String>),
}

/// A target whose programs are built: it can start them. It can be handed to another
/// process of the grader (serde).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Prepared {
    programs: BTreeMap<String, Template>,
}

/// How a submission is built.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// Where cargo puts its files, if not in the submission's own target folder.
    pub target_dir: Option<PathBuf>,
    /// Never ask the network.
    pub offline: bool,
    /// When a build is ended.
    pub time_limit: Duration,
    /// Words before cargo's own, which run it in isolation.
    pub wrapper: Vec<OsString>,
}

impl Default for BuildOptions {
    fn default() -> Self {
        BuildOptions {
            target_dir: None,
            offline: false,
            time_limit: Duration::from_secs(600),
            wrapper: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Template {
    /// A binary that understands `--host H --port P`.
    Binary(PathBuf),
    /// Words with `{host}`, `{port}` and `{args}` in them, and the folder they stand in.
    Words(Vec<String>, Option<PathBuf>),
    /// It should be there but could not be built: what the compiler said.
    Broken(String),
}

/// `lab.toml`.
#[derive(Deserialize)]
struct LabToml {
    #[serde(default)]
    programs: BTreeMap<String, CommandLine>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CommandLine {
    Line(String),
    Words(Vec<String>),
}

/// The root of the course: the parent of the package `grading`.
pub(crate) fn course_root() -> PathBuf {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest_dir.parent().unwrap_or(manifest_dir).to_path_buf()
}

impl Target {
    /// Builds the programs of these steps and learns where they are.
    ///
    /// A step that does not compile is no error here: it fails its own checks.
    ///
    /// # Errors
    ///
    /// When cargo cannot be run, or `lab.toml` cannot be read or understood.
    pub fn prepare(&self, steps: &[&str]) -> anyhow::Result<Prepared> {
        let mut programs = BTreeMap::new();
        match self {
            Target::Reference => {
                let built = built_course()?;
                for step in steps {
                    let template = built.get(*step).cloned();
                    programs.extend(template.map(|it| ((*step).to_owned(), it)));
                }
                let packages: Vec<String> =
                    steps.iter().map(|step| (*step).to_owned()).collect();
                blame(&mut programs, &packages, "cargo did not build it");
            }
            Target::Submission(dir) => {
                return Prepared::from_folder(dir, &BuildOptions::default());
            }
            Target::Command(words) => {
                for step in steps {
                    let template = Template::Words(words.clone(), None);
                    programs.insert((*step).to_owned(), template);
                }
            }
        }
        Ok(Prepared { programs })
    }
}

/// Builds all programs of the course, once in the life of this process.
///
/// All at once: cargo then takes the same features of each dependency as it did for the
/// tests, and need not compile them anew for each program.
fn built_course() -> anyhow::Result<&'static BTreeMap<String, Template>> {
    static BUILT: OnceLock<Result<BTreeMap<String, Template>, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let mut programs = BTreeMap::new();
        let options = BuildOptions::default();
        build(&course_root(), &mut programs, &options)
            .map(|_| programs)
            .map_err(|error| format!("{error:#}"))
    });
    built.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

impl Prepared {
    /// Builds a submission: a Cargo package or workspace, or a folder with `lab.toml`, or
    /// a folder of such folders.
    ///
    /// # Errors
    ///
    /// When cargo cannot be run, or `lab.toml` cannot be read or understood.
    pub fn from_folder(dir: &Path, options: &BuildOptions) -> anyhow::Result<Prepared> {
        let mut programs = BTreeMap::new();
        for folder in project_folders(dir) {
            if folder.join("Cargo.toml").exists() {
                let mut built = BTreeMap::new();
                let said = build(&folder, &mut built, options)?;
                blame(&mut built, &declared_binaries(&folder), &said);
                programs.append(&mut built);
            }
            // What the student has written down wins over what cargo has found.
            let lab_toml = folder.join("lab.toml");
            if lab_toml.exists() {
                read_lab_toml(&lab_toml, &folder, &mut programs)?;
            }
        }
        Ok(Prepared { programs })
    }

    /// The words of the step's command line with these arguments, without a host and
    /// port of the grader's: for a person who runs it.
    pub fn command_line(&self, step: &str, args: &[String]) -> Option<Vec<OsString>> {
        match self.programs.get(step)? {
            Template::Words(words, _) => {
                let mut line = Vec::new();
                let given = |index: usize| args.get(index).map(String::as_str);
                for word in words {
                    match word.as_str() {
                        "{host}" => line.push(given(0).unwrap_or("127.0.0.1").into()),
                        "{port}" => line.push(given(1).unwrap_or("8080").into()),
                        "{args}" => line.extend(args.iter().skip(2).map(OsString::from)),
                        word => line.push(word.into()),
                    }
                }
                Some(line)
            }
            _ => self.words(step, None, args),
        }
    }

    /// Whether a crate is missing that could be fetched.
    pub(crate) fn wants_network(&self) -> bool {
        self.programs.values().any(|template| {
            matches!(template, Template::Broken(said) if said.contains("--offline"))
        })
    }

    /// Returns this with only the programs of these steps.
    pub fn only(&self, steps: &[String]) -> Prepared {
        let programs = self.programs.iter();
        let programs = programs.filter(|(step, _)| steps.contains(step));
        Prepared {
            programs: programs
                .map(|(step, template)| (step.clone(), template.clone()))
                .collect(),
        }
    }

    /// Returns what the compiler said, when the step's program could not be built.
    pub fn broken(&self, step: &str) -> Option<&str> {
        match self.programs.get(step) {
            Some(Template::Broken(message)) => Some(message),
            _ => None,
        }
    }

    /// Returns the step's binary, when it is a compiled one.
    pub fn binary(&self, step: &str) -> Option<&Path> {
        match self.programs.get(step)? {
            Template::Binary(path) => Some(path),
            _ => None,
        }
    }

    /// Tells whether the target has a program for this step.
    pub fn has(&self, step: &str) -> bool {
        self.programs.contains_key(step)
    }

    /// The steps that the target has programs for.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.programs.keys().map(String::as_str)
    }

    /// Returns the words of the step's command line; `addr` is its host and port, if it
    /// takes one.
    pub(super) fn words(
        &self,
        step: &str,
        addr: Option<(&str, u16)>,
        args: &[String],
    ) -> Option<Vec<OsString>> {
        let mut words: Vec<OsString> = Vec::new();
        match self.programs.get(step)? {
            Template::Broken(_) => return None,
            Template::Binary(path) => {
                words.push(path.into());
                if let Some((host, port)) = addr {
                    for word in ["--host", host, "--port", &port.to_string()] {
                        words.push(word.into());
                    }
                }
                words.extend(args.iter().map(OsString::from));
            }
            Template::Words(template, _) => {
                let (host, port) = addr.unwrap_or(("127.0.0.1", 0));
                let mut args_placed = false;
                for word in template {
                    if word == "{args}" {
                        words.extend(args.iter().map(OsString::from));
                        args_placed = true;
                    } else {
                        let word = word.replace("{host}", host);
                        words.push(word.replace("{port}", &port.to_string()).into());
                    }
                }
                if !args_placed {
                    words.extend(args.iter().map(OsString::from));
                }
            }
        }
        Some(words)
    }

    /// The folder that relative words of the step's command stand for, if any.
    pub(super) fn folder(&self, step: &str) -> Option<&Path> {
        match self.programs.get(step)? {
            Template::Words(_, folder) => folder.as_deref(),
            _ => None,
        }
    }
}

fn read_lab_toml(
    file: &Path,
    dir: &Path,
    programs: &mut BTreeMap<String, Template>,
) -> anyhow::Result<()> {
    use anyhow::Context;

    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let lab_toml: LabToml = toml::from_str(&text)
        .with_context(|| format!("cannot understand {}", file.display()))?;
    let dir = dir
        .canonicalize()
        .with_context(|| format!("cannot find {}", dir.display()))?;
    for (step, command) in lab_toml.programs {
        let words = match command {
            CommandLine::Words(words) => words,
            CommandLine::Line(line) => shlex::split(&line).with_context(|| {
                format!(
                    "{}: the command of {step} has an open quote",
                    file.display()
                )
            })?,
        };
        anyhow::ensure!(
            !words.is_empty(),
            "{}: the command of {step} is empty",
            file.display()
        );
        programs.insert(step, Template::Words(words, Some(dir.clone())));
    }
    Ok(())
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

/// Builds packages (all of the folder's, if none is named) and notes their binaries.
/// Returns what else cargo said when it failed, an empty text when it did not.
fn build(
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
    command.arg("--message-format=json");
    command.current_dir(dir).stdin(Stdio::null());
    if options.offline {
        command.arg("--offline");
    }
    if let Some(target_dir) = &options.target_dir {
        command.arg("--target-dir").arg(target_dir);
        // A stranger's package: no secrets of ours in its build, and nothing that only
        // a developer needs.
        scrub_environment(&mut command);
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
        BuildEnd::Failed => stderr,
        BuildEnd::TimeUp => format!(
            "the build did not end within {} s",
            options.time_limit.as_secs()
        ),
    })
}

/// Leaves of the environment what cargo and the compiler need.
fn scrub_environment(command: &mut Command) {
    command.env_clear();
    for (name, value) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let needed = [
            "PATH",
            "HOME",
            "USER",
            "TMPDIR",
            "TEMP",
            "TMP",
            "SystemRoot",
        ]
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
fn blame(programs: &mut BTreeMap<String, Template>, names: &[String], said: &str) {
    for name in names {
        if !said.is_empty() && !programs.contains_key(name) {
            programs.insert(name.clone(), Template::Broken(said.to_owned()));
        }
    }
}

enum BuildEnd {
    Done,
    Failed,
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
                false => BuildEnd::Failed,
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

/// Folders that are never looked into: what tools make, and what is hidden.
fn skipped(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.')
        || ["target", "node_modules", "__pycache__", "venv"].contains(&name.as_ref())
}

/// The folders of a submission that hold a `Cargo.toml` or a `lab.toml`: itself, or those
/// below it (two levels), in order of name.
pub(crate) fn project_folders(dir: &Path) -> Vec<PathBuf> {
    fn visit(dir: &Path, depth: u32, found: &mut Vec<PathBuf>) {
        const DEEPEST: u32 = 2;
        let is_package = dir.join("Cargo.toml").exists();
        if is_package || dir.join("lab.toml").exists() {
            found.push(dir.to_path_buf());
        }
        if is_package || depth == DEEPEST {
            return;
        }
        let mut inner: Vec<PathBuf> = std::fs::read_dir(dir)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter(|entry| !skipped(&entry.file_name()))
            .map(|entry| entry.path())
            .collect();
        inner.sort();
        for dir in inner {
            visit(&dir, depth + 1, found);
        }
    }
    let mut found = Vec::new();
    visit(dir, 0, &mut found);
    found
}

/// The steps that a submission has programs for, as far as its files tell before a build.
pub fn declared_steps(dir: &Path) -> Vec<String> {
    let mut steps = Vec::new();
    for folder in project_folders(dir) {
        steps.extend(declared_binaries(&folder));
        let text = std::fs::read_to_string(folder.join("lab.toml"));
        if let Some(lab) = text.ok().and_then(|t| toml::from_str::<LabToml>(&t).ok()) {
            steps.extend(lab.programs.into_keys());
        }
    }
    steps.sort();
    steps.dedup();
    steps
}

/// The names of the binaries that a package or workspace declares.
fn declared_binaries(dir: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let Ok(text) = std::fs::read_to_string(dir.join("Cargo.toml")) else {
        return names;
    };
    let Ok(manifest) = toml::from_str::<toml::Table>(&text) else {
        // Cargo will say what is wrong; the folder's name is the best guess.
        names.extend(dir.file_name().map(|name| name.display().to_string()));
        return names;
    };
    let text_at = |table: &toml::Table, key: &str| {
        table
            .get(key)
            .and_then(|value| value.as_str().map(str::to_owned))
    };
    if let Some(package) = manifest.get("package").and_then(toml::Value::as_table) {
        let bins = manifest.get("bin").and_then(toml::Value::as_array);
        for bin in bins.into_iter().flatten() {
            names.extend(bin.as_table().and_then(|bin| text_at(bin, "name")));
        }
        if bins.is_none() || dir.join("src/main.rs").exists() {
            names.extend(text_at(package, "name"));
        }
        for file in std::fs::read_dir(dir.join("src/bin")).into_iter().flatten() {
            let name = file.map(|file| {
                file.path()
                    .with_extension("")
                    .file_name()
                    .map(|name| name.display().to_string())
            });
            names.extend(name.ok().flatten());
        }
    }
    let members = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("members"))
        .and_then(toml::Value::as_array);
    for member in members
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_str)
    {
        for folder in expand(dir, member) {
            if folder != dir {
                names.extend(declared_binaries(&folder));
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

/// The folders that a member pattern such as `crates/*` names.
fn expand(dir: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut folders = vec![dir.to_path_buf()];
    for part in pattern
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        let mut next = Vec::new();
        for folder in folders {
            if let Some((before, after)) = part.split_once('*') {
                for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                    let name = entry.file_name().display().to_string();
                    if name.starts_with(before) && name.ends_with(after) {
                        next.push(entry.path());
                    }
                }
            } else {
                next.push(folder.join(part));
            }
        }
        folders = next;
    }
    folders.retain(|folder| folder.join("Cargo.toml").exists());
    folders.sort();
    folders
}
