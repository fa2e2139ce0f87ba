//! Where the programs under test come from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::build::{self, BuildOptions, blame};
use super::check::Failure;
use super::folders::{declared_binaries, project_folders};
use super::lab_toml::LabToml;

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
    /// What is wrong with the whole, when it is unknown which programs it concerns.
    trouble: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Template {
    /// A binary that understands `--host H --port P`.
    Binary(PathBuf),
    /// Words with `{host}`, `{port}` and `{args}` in them, and the folder they stand in.
    Words(Vec<String>, Option<PathBuf>),
    /// It should be there but could not be built: what the compiler said.
    Broken(String),
}

impl Template {
    fn said(&self) -> Option<&str> {
        match self {
            Template::Broken(said) => Some(said),
            _ => None,
        }
    }
}

/// The most names of programs that are listed where one is missing.
const SHOWN_NAMES: usize = 8;

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
        Ok(Prepared {
            programs,
            trouble: None,
        })
    }
}

/// Builds all programs of the course, once in the life of this process.
///
/// All at once, and in tests as the tests themselves were built: cargo then takes the same
/// features of each dependency, and need not compile them anew.
fn built_course() -> anyhow::Result<&'static BTreeMap<String, Template>> {
    static BUILT: OnceLock<Result<BTreeMap<String, Template>, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let mut programs = BTreeMap::new();
        // What cargo tells a program of its package: it has built a test of this one.
        let is_test = std::env::var("CARGO_PKG_NAME").is_ok_and(|name| name == "grading");
        let options = BuildOptions {
            features_of_tests: is_test,
            ..BuildOptions::default()
        };
        build::with_cargo(&course_root(), &mut programs, &options)
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
        let mut trouble = None;
        for folder in project_folders(dir) {
            if folder.join("Cargo.toml").exists() {
                let mut built = BTreeMap::new();
                let said = build::with_cargo(&folder, &mut built, options)?;
                let names = declared_binaries(&folder);
                blame(&mut built, &names, &said);
                if names.is_empty() && !said.is_empty() {
                    trouble = Some(said);
                }
                // A package is often called tcp-server, which is what cargo proposes.
                let built = built.into_iter();
                programs
                    .extend(built.map(|(name, built)| (name.replace('-', "_"), built)));
            }
            // What the student has written down wins over what cargo has found.
            match LabToml::read(&folder) {
                Ok(Some(lab_toml)) => {
                    programs.append(&mut from_lab_toml(lab_toml, &folder, options)?);
                }
                Ok(None) => {}
                Err(said) => trouble = Some(said),
            }
        }
        Ok(Prepared { programs, trouble })
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
        let broken = self.programs.values().filter_map(Template::said);
        let mut said = broken.chain(self.trouble.as_deref());
        said.any(|said| said.contains("--offline"))
    }

    /// Returns this with only the programs of these steps.
    pub fn only(&self, steps: &[String]) -> Prepared {
        let programs = self.programs.iter();
        let programs = programs.filter(|(step, _)| steps.contains(step));
        Prepared {
            programs: programs
                .map(|(step, template)| (step.clone(), template.clone()))
                .collect(),
            trouble: self.trouble.clone(),
        }
    }

    /// Returns what the compiler said, when the step's program could not be built.
    pub fn broken(&self, step: &str) -> Option<&str> {
        match self.programs.get(step) {
            Some(template) => template.said(),
            None => self.trouble.as_deref(),
        }
    }

    /// Returns what is wrong, when it is not even known which programs there should be.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref().filter(|_| self.programs.is_empty())
    }

    /// Returns why the step's program cannot be started; `None` when it can.
    pub(crate) fn missing(&self, step: &str) -> Option<Failure> {
        if let Some(said) = self.broken(step) {
            let expected = match said.starts_with("lab.toml: ") {
                true => "a lab.toml that says how to start it",
                false => "it compiles",
            };
            return Some(Failure::new(expected, first_lines(said)));
        }
        if self.has(step) {
            return None;
        }
        let names: Vec<&str> = self.steps().take(SHOWN_NAMES + 1).collect();
        let got = match names.as_slice() {
            [] => "there is none".to_owned(),
            names if names.len() > SHOWN_NAMES => {
                format!("there is none among {} programs", self.programs.len())
            }
            names => format!("there is none; there is {}", names.join(", ")),
        };
        let mut failure = Failure::new(format!("a program called {step}"), got);
        let alike =
            |name: &&&str| similar::TextDiff::from_chars(**name, step).ratio() > 0.8;
        if let Some(name) = names.iter().find(alike) {
            failure = failure.cause(format!("{name} is a slip for {step}"));
        }
        Some(failure)
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

    /// Whether the step's command line tells it a host. That of a `lab.toml` may leave it
    /// out: such a program means its own machine.
    pub(super) fn takes_host(&self, step: &str) -> bool {
        match self.programs.get(step) {
            Some(Template::Binary(_)) => true,
            Some(Template::Words(words, _)) => {
                words.iter().any(|word| word.contains("{host}"))
            }
            Some(Template::Broken(_)) | None => false,
        }
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

/// The programs of a `lab.toml`, built where it says how.
fn from_lab_toml(
    lab_toml: LabToml,
    folder: &Path,
    options: &BuildOptions,
) -> anyhow::Result<BTreeMap<String, Template>> {
    let folder = folder
        .canonicalize()
        .with_context(|| format!("cannot find {}", folder.display()))?;
    let said = match &lab_toml.build {
        Some(words) => build::with_command(&folder, words, options)?,
        None => None,
    };
    let programs = lab_toml.programs.into_iter();
    Ok(programs
        .map(|(step, words)| {
            let template = match (words, &said) {
                (Err(fault), _) => Template::Broken(fault),
                (Ok(_), Some(said)) => Template::Broken(said.clone()),
                (Ok(words), None) => Template::Words(words, Some(folder.clone())),
            };
            (step, template)
        })
        .collect())
}

/// As much of a compiler's text as fits one screen.
fn first_lines(text: &str) -> String {
    const LINES: usize = 30;
    const COLUMNS: usize = 180;
    let mut shown = String::new();
    let count = text.trim_end().lines().count();
    for line in text.lines().take(LINES.min(count)) {
        if count > 1 {
            shown.push('\n');
        }
        shown.extend(line.chars().filter(|c| !c.is_control()).take(COLUMNS));
    }
    if count > LINES {
        shown.push_str(&format!("\n… {} more lines", count - LINES));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_without_a_place_for_the_host_is_told_none() {
        let words = |line: &str| {
            let words = line.split(' ').map(str::to_owned).collect();
            Target::Command(words).prepare(&["tcp_client"]).unwrap()
        };
        assert!(words("./client {host} {port}").takes_host("tcp_client"));
        assert!(words("./client --at={host}:{port}").takes_host("tcp_client"));
        assert!(!words("./client {port}").takes_host("tcp_client"));
        assert!(!words("./client {host} {port}").takes_host("echo_client"));
    }
}
