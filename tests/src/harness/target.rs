//! Where the programs under test come from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

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

/// A target whose programs are built: it can start them.
#[derive(Clone, Debug)]
pub struct Prepared {
    programs: BTreeMap<String, Template>,
}

#[derive(Clone, Debug)]
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
                let packages = steps.iter().map(|step| (*step).to_owned()).collect();
                build(&course_root(), &mut programs, packages)?;
            }
            Target::Submission(dir) => {
                let lab_toml = dir.join("lab.toml");
                if lab_toml.exists() {
                    read_lab_toml(&lab_toml, dir, &mut programs)?;
                }
                if dir.join("Cargo.toml").exists() {
                    build(dir, &mut programs, Vec::new())?;
                }
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

impl Prepared {
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
fn build(
    dir: &Path,
    programs: &mut BTreeMap<String, Template>,
    packages: Vec<String>,
) -> anyhow::Result<()> {
    use anyhow::Context;

    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // --keep-going: a package that does not compile must not take the others' programs.
    command.args(["build", "--keep-going", "--bins", "--message-format=json"]);
    command.current_dir(dir).stdin(Stdio::null());
    if packages.is_empty() {
        command.arg("--workspace");
    }
    for package in &packages {
        command.args(["--package", package]);
    }
    let output = command.output().context("cannot run cargo")?;
    for line in output.stdout.split(|byte| *byte == b'\n') {
        let Ok(message) = serde_json::from_slice::<CargoMessage>(line) else {
            continue;
        };
        let Some(target) = message.target else {
            continue;
        };
        if !target.kind.iter().any(|kind| kind == "bin") {
            continue;
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
    // Whatever else went wrong (a manifest, a dependency) concerns all that was asked for.
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        for package in packages {
            programs
                .entry(package)
                .or_insert_with(|| Template::Broken(stderr.clone()));
        }
        if programs.is_empty() {
            anyhow::bail!("the submission cannot be built:\n{stderr}");
        }
    }
    Ok(())
}
