//! `work/`: the student's own programs.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::SystemTime;

use anyhow::{Context, bail};
use similar::TextDiff;

use super::course::{Course, Step};
use super::languages::{NewProgram, is_rust, language_of};
use super::lesson::FIRST_STEP;
use super::progress::{Progress, StepProgress};
use crate::Usage;
use crate::harness::{Target, forget_package};
use crate::report::replace;

/// What every package in `work/` builds with: one target folder for all.
const CARGO_CONFIG: &str = "\
# Made by `cargo lab`: one target folder for all programs in here, and `cargo lab` itself.
";

/// The share of lines that two programs must have in common for their difference to be
/// worth reading.
const ALIKE: f32 = 0.5;

/// The folder of the student's own programs.
#[derive(Clone, Debug)]
pub struct Workshop {
    /// The course.
    pub course: Course,
    /// `work/` in the course's folder, or where `LAB_WORK` says.
    pub dir: PathBuf,
}

impl Workshop {
    /// Finds the course and its `work/`.
    ///
    /// # Errors
    ///
    /// When the course cannot be read.
    pub fn open() -> anyhow::Result<Workshop> {
        let course = Course::read()?;
        let dir = match std::env::var_os("LAB_WORK") {
            Some(dir) => std::path::absolute(dir)?,
            None => course.root.join("work"),
        };
        Ok(Workshop { course, dir })
    }

    /// The progress so far.
    pub fn progress(&self) -> Progress {
        Progress::read(&self.dir)
    }

    /// The folder of the student's program for a step.
    pub fn folder(&self, step: &str) -> PathBuf {
        self.dir.join(step)
    }

    /// Whether the step has been begun.
    pub fn begun(&self, step: &str) -> bool {
        self.folder(step).exists()
    }

    /// Refuses a step that is not begun.
    ///
    /// # Errors
    ///
    /// When it is not: the message says how to begin it.
    pub fn ensure_begun(&self, step: &Step) -> anyhow::Result<()> {
        match self.begun(&step.name) {
            true => Ok(()),
            false => Err(Usage::not_begun(&step.name)),
        }
    }

    /// Whether every check of the step passed, the last time.
    pub fn done(&self, step: &str) -> bool {
        let progress = self.progress();
        progress.steps.get(step).is_some_and(StepProgress::done)
    }

    /// The step that is named, or the one that was worked on last.
    ///
    /// # Errors
    ///
    /// When there is no such step, or none was begun.
    pub fn named_or_current(&self, name: Option<&str>) -> anyhow::Result<&Step> {
        if let Some(name) = name {
            return self.course.step(name);
        }
        let current = self.progress().current;
        let begun = current.filter(|name| self.begun(name)).or_else(|| {
            let mut steps = self.course.steps().filter(|step| self.begun(&step.name));
            steps.next().map(|step| step.name.clone())
        });
        let first = self.course.step(FIRST_STEP).ok();
        let first = first.or_else(|| self.course.steps().next());
        let name = begun.ok_or_else(|| match first {
            Some(step) => {
                Usage::error(format!("nothing is begun: `cargo lab start {}`", step.name))
            }
            None => anyhow::anyhow!("there are no steps"),
        })?;
        self.course.step(&name)
    }

    /// Begins a step in Rust, with its starter, or in another language, with a template.
    /// Returns the file to edit.
    ///
    /// # Errors
    ///
    /// When it is there already, or there is no starter or template.
    pub fn begin(&self, step: &Step, language: &str) -> anyhow::Result<PathBuf> {
        let program = match is_rust(language) {
            true => None,
            false => Some(NewProgram::of(step, language)?),
        };
        let folder = self.folder(&step.name);
        if folder.exists() {
            return Err(self.there_already(step, language));
        }
        match program {
            None => self.start(step),
            Some(program) => self.fill(&folder, |new| {
                fs::write(new.join("lab.toml"), &program.lab_toml)?;
                fs::write(new.join(&program.file), &program.source)?;
                Ok(folder.join(&program.file))
            }),
        }
    }

    /// Says what can be done with a step that is begun already.
    fn there_already(&self, step: &Step, wanted: &str) -> anyhow::Error {
        let name = &step.name;
        let folder = self.folder(name);
        let wanted = wanted.to_lowercase();
        let shown = self.shown(&folder);
        let is = match language_of(&folder) {
            Some(language) => format!(" (in {language})"),
            None => String::new(),
        };
        Usage::error(format!(
            "{shown} is there already{is}: `cargo lab check {name}` goes on with it; \
             `cargo lab reset {name} --lang {wanted}` begins again in {wanted} and keeps \
             the old program"
        ))
    }

    /// Copies the starter of a step to `work/`.
    fn start(&self, step: &Step) -> anyhow::Result<PathBuf> {
        let name = &step.name;
        let folder = self.folder(name);
        let Some(starter) = &step.starter else {
            bail!(
                "{name} has no starter; `cargo lab new {name} --lang python` begins with \
                 an empty program"
            );
        };
        self.fill(&folder, |new| {
            copy_folder(starter, new)?;
            let lock = self.course.root.join("Cargo.lock");
            fs::copy(lock, new.join("Cargo.lock"))?;
            Ok(folder.join("src/main.rs"))
        })
    }

    /// Makes a folder in one step: it is there as a whole, or not at all. Returns what
    /// `content` does.
    fn fill(
        &self,
        folder: &Path,
        content: impl FnOnce(&Path) -> anyhow::Result<PathBuf>,
    ) -> anyhow::Result<PathBuf> {
        self.configure_cargo()?;
        let new = tempfile::Builder::new()
            .prefix(".new-")
            .tempdir_in(&self.dir)?;
        // Private as a temporary folder is; a program's folder is like any other.
        let inner = new.path().join("program");
        fs::create_dir(&inner)?;
        let file = content(&inner)?;
        fs::rename(&inner, folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(file)
    }

    /// Tells cargo where to build the programs, and how to find `cargo lab` from in there.
    fn configure_cargo(&self) -> anyhow::Result<()> {
        let root = &self.course.root;
        let path = |path: PathBuf| toml::Value::String(path.display().to_string());
        let target = match self.dir == root.join("work") {
            true => path("../target/work".into()),
            false => path(root.join("target/work")),
        };
        let mut text = format!("{CARGO_CONFIG}[build]\ntarget-dir = {target}\n");
        // One string, as in the course's own file: cargo joins lists, and takes the nearer
        // one of two strings. It splits a string at blanks, so that no path may have one.
        let root = root.display().to_string();
        if !root.contains(char::is_whitespace) {
            let lab = toml::Value::String(format!(
                "run --manifest-path {root}/Cargo.toml --target-dir {root}/target --package \
                 lab --"
            ));
            text.push_str(&format!("\n[alias]\nlab = {lab}\n"));
        }
        let config = self.dir.join(".cargo/config.toml");
        match fs::read_to_string(&config) {
            // The student's own stays; ours follows a course that was moved.
            Ok(old) if old == text || !old.starts_with("# Made by `cargo lab`") => Ok(()),
            _ => replace(&config, text.as_bytes()),
        }
    }

    /// Moves a program away and begins again: in `language`, or in the one that the old
    /// program is in.
    ///
    /// # Errors
    ///
    /// When there is none, when its language is unknown, or when it cannot be moved.
    pub fn reset(&self, step: &Step, language: Option<&str>) -> anyhow::Result<Again> {
        let name = &step.name;
        let folder = self.folder(name);
        self.ensure_begun(step)?;
        let Some(language) = language.or_else(|| language_of(&folder)) else {
            return Err(Usage::error(format!(
                "{} does not tell its language: `cargo lab reset {name} --lang rust` (or \
                 python, javascript, ruby, java, c, go)",
                self.shown(&folder)
            )));
        };
        if !is_rust(language) {
            NewProgram::of(step, language)?; // A wrong word moves nothing.
        }
        let backups = self.dir.join(".backup");
        fs::create_dir_all(&backups)?;
        let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = seconds.unwrap_or_default().as_secs();
        let backup = (0..)
            .map(|n: u32| backups.join(format!("{name}-{}", seconds + u64::from(n))))
            .find(|path| !path.exists())
            .context("no name for the copy")?;
        fs::rename(&folder, &backup)
            .with_context(|| format!("cannot move {}", folder.display()))?;
        let file = match self.begin(step, language) {
            Ok(file) => file,
            Err(error) => {
                // Nothing has taken its place: it stays what it was.
                fs::rename(&backup, &folder).with_context(|| {
                    format!("{error:#}; the program is in {}", self.shown(&backup))
                })?;
                return Err(error);
            }
        };
        let mut progress = self.progress();
        progress.current = Some(name.clone());
        let known = progress.step(name);
        known.score = 0;
        known.failing = None;
        let kept = progress.write();
        Ok(Again { backup, file, kept })
    }

    /// Runs the student's program with these arguments, as a check starts it.
    ///
    /// # Errors
    ///
    /// When there is none, or it cannot be started.
    pub fn run(&self, step: &Step, args: &[String]) -> anyhow::Result<ExitStatus> {
        let name = &step.name;
        let folder = self.folder(name);
        self.ensure_begun(step)?;
        let of_cargo =
            folder.join("Cargo.toml").exists() && !folder.join("lab.toml").exists();
        let mut command = match of_cargo {
            true => {
                let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
                let mut command = Command::new(cargo);
                let own = args.strip_prefix(&["--".to_owned()]).unwrap_or(args);
                command.args(["run", "--quiet", "--"]).args(own);
                forget_package(&mut command);
                command
            }
            false => self.command_of_lab_toml(step, args)?,
        };
        command.current_dir(&folder);
        let status = command.status();
        status.with_context(|| {
            let program = command.get_program().display();
            match of_cargo {
                true => format!("cannot run {program}"),
                false => format!(
                    "cannot run {program}, which {} names: is it installed?",
                    self.shown(&folder.join("lab.toml"))
                ),
            }
        })
    }

    fn command_of_lab_toml(
        &self,
        step: &Step,
        args: &[String],
    ) -> anyhow::Result<Command> {
        let name = &step.name;
        let prepared = Target::Submission(self.folder(name)).prepare(&[name])?;
        if let Some(said) = prepared.broken(name) {
            bail!("{name} cannot be run: {said}");
        }
        if let Some(binary) = prepared.binary(name) {
            let mut command = Command::new(binary);
            command.args(args.strip_prefix(&["--".to_owned()]).unwrap_or(args));
            return Ok(command);
        }
        // Each placeholder filled in with itself: the words as they are written down.
        let blanks = ["{host}", "{port}", "{args}"].map(str::to_owned);
        let template = prepared.command_line(name, &blanks);
        let template = template
            .with_context(|| format!("its lab.toml does not say how to run {name}"))?;
        let start = StartArgs::of(step, args)?;
        let mut words = start.fill(&template).into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command
            .env("HOST", &start.host)
            .env("PORT", start.port.to_string());
        Ok(command)
    }

    /// The difference between the student's program and the reference; where the two have
    /// little in common, the reference as it is.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn solution(&self, step: &Step) -> anyhow::Result<String> {
        let folder = self.folder(&step.name);
        let mut text =
            "Ours uses labkit, the course's own library in crates/support/labkit: \
                        arguments, Ctrl-C, error lines.\n"
                .to_owned();
        let mut files = rust_files(&step.reference.join("src"))?;
        files.sort();
        for file in files {
            let inner = file.strip_prefix(&step.reference)?;
            let theirs = fs::read_to_string(folder.join(inner)).unwrap_or_default();
            let ours = fs::read_to_string(&file)?;
            let diff = TextDiff::from_lines(&theirs, &ours);
            if diff.ratio() < ALIKE {
                // Nearly every line would be marked, and neither program could be read.
                let shown = self.shown(&file);
                let _ = write!(text, "\n{shown}:\n\n{ours}");
                continue;
            }
            let mut diff = diff.unified_diff();
            // What is not there has the name that `diff` gives it.
            let old = match folder.join(inner).exists() {
                true => self.shown(&folder.join(inner)),
                false => "/dev/null".to_owned(),
            };
            diff.header(&old, &self.shown(&step.reference.join(inner)));
            let _ = write!(text, "{}", diff.context_radius(3));
        }
        Ok(text)
    }

    /// A path as it is shown: relative to the course where it is in there.
    pub fn shown(&self, path: &Path) -> String {
        let path = match path.strip_prefix(&self.dir) {
            Ok(inner) => Path::new("work").join(inner),
            Err(_) => path.strip_prefix(&self.course.root).unwrap_or(path).into(),
        };
        path.display().to_string()
    }
}

/// What came of a reset.
#[derive(Debug)]
pub struct Again {
    /// Where the old program is.
    pub backup: PathBuf,
    /// The file to edit.
    pub file: PathBuf,
    /// Whether the progress could be written.
    pub kept: anyhow::Result<()>,
}

/// What a program of a `lab.toml` is started with.
#[derive(Debug, PartialEq, Eq)]
struct StartArgs {
    host: String,
    port: u16,
    args: Vec<String>,
}

impl StartArgs {
    /// Takes `--host` and `--port` out of what the user has given, where the step has a host
    /// and a port; all that follows `--` is the program's.
    fn of(step: &Step, given: &[String]) -> anyhow::Result<StartArgs> {
        let mut start = StartArgs {
            host: "127.0.0.1".to_owned(),
            // A check that plays the user of a tool has no port for it either.
            port: step.port.unwrap_or(0),
            args: Vec::new(),
        };
        let mut words = given.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                start.args.extend(words.cloned());
                break;
            }
            let (option, value) = match word.split_once('=') {
                Some((option, value)) => (option, Some(value.to_owned())),
                None => (&**word, None),
            };
            if step.port.is_none() || !["--host", "--port"].contains(&option) {
                start.args.push(word.clone());
                continue;
            }
            let value = value.or_else(|| words.next().cloned());
            let value =
                value.ok_or_else(|| Usage::error(format!("{option} needs a value")))?;
            if option == "--host" {
                start.host = value;
            } else {
                start.port = value.parse().map_err(|_| {
                    Usage::error(format!(
                        "--port {value}: a port is a number from 0 to 65535"
                    ))
                })?;
            }
        }
        Ok(start)
    }

    /// The words of a command with all placeholders filled in, as a check does it.
    fn fill(&self, template: &[OsString]) -> Vec<OsString> {
        let mut words = Vec::new();
        let mut placed = false;
        for word in template {
            match word.to_str() {
                Some("{args}") => {
                    words.extend(self.args.iter().map(OsString::from));
                    placed = true;
                }
                Some(word) => {
                    let word = word.replace("{host}", &self.host);
                    words.push(word.replace("{port}", &self.port.to_string()).into());
                }
                None => words.push(word.clone()),
            }
        }
        if !placed {
            words.extend(self.args.iter().map(OsString::from));
        }
        words
    }
}

fn rust_files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_name() == "target" {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(step: &str, template: &str, args: &str) -> Vec<OsString> {
        let course = Course::read().unwrap();
        let words = |line: &str| -> Vec<String> { shlex::split(line).unwrap() };
        let template: Vec<OsString> =
            words(template).iter().map(OsString::from).collect();
        let start = StartArgs::of(course.step(step).unwrap(), &words(args)).unwrap();
        start.fill(&template)
    }

    #[test]
    fn host_and_port_stand_where_the_command_has_them() {
        let line = "run --at={host}:{port} {args} end";
        assert_eq!(
            filled("tcp_server", line, "-v --port 9000 x --host=::1"),
            ["run", "--at=::1:9000", "-v", "x", "end"]
        );
        assert_eq!(
            filled("tcp_server", "run {port}", "a -- --port 1 --help"),
            ["run", "8080", "a", "--port", "1", "--help"]
        );
    }

    #[test]
    fn a_tool_gets_all_of_its_arguments() {
        assert_eq!(
            filled("port_scanner", "run {args}", "h --port 9"),
            ["run", "h", "--port", "9"]
        );
    }

    #[test]
    fn a_wrong_port_is_refused() {
        let course = Course::read().unwrap();
        let step = course.step("tcp_server").unwrap();
        for args in [&["--port", "x"][..], &["--port=70000"], &["--host"]] {
            let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
            let error = StartArgs::of(step, &args).unwrap_err();
            assert!(error.is::<Usage>(), "{error:#}");
        }
    }
}
