//! `work/`: the student's own programs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::SystemTime;

use anyhow::{Context, bail, ensure};
use similar::TextDiff;

use super::course::{Course, Step};
use super::languages::NewProgram;
use super::progress::{Progress, StepProgress};
use crate::harness::forget_package;
use crate::report::replace;

/// What every package in `work/` builds with: one target folder for all.
const CARGO_CONFIG: &str = "\
# Made by `cargo lab`: one target folder for all programs in here.
[build]
target-dir = ";

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
        let name = begun.with_context(|| match self.course.steps().next() {
            Some(step) => format!("nothing is begun: `cargo lab start {}`", step.name),
            None => "there are no steps".to_owned(),
        })?;
        self.course.step(&name)
    }

    /// Copies the starter of a step to `work/`.
    ///
    /// # Errors
    ///
    /// When it is there already, or there is no starter.
    pub fn start(&self, step: &Step) -> anyhow::Result<PathBuf> {
        let name = &step.name;
        let folder = self.folder(name);
        ensure!(
            !folder.exists(),
            "{} is there already; `cargo lab reset {name}` begins again and keeps a copy",
            self.shown(&folder)
        );
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
            Ok(())
        })
    }

    /// Begins a submission in another language. Returns the file to edit.
    ///
    /// # Errors
    ///
    /// When it is there already, or the language has no template.
    pub fn new_program(&self, step: &Step, language: &str) -> anyhow::Result<PathBuf> {
        let name = &step.name;
        let folder = self.folder(name);
        ensure!(
            !folder.exists(),
            "{} is there already; `cargo lab reset {name}` moves it away",
            self.shown(&folder)
        );
        let program = NewProgram::of(step, language)?;
        self.fill(&folder, |new| {
            fs::write(new.join("lab.toml"), &program.lab_toml)?;
            fs::write(new.join(&program.file), &program.source)?;
            Ok(())
        })?;
        Ok(folder.join(program.file))
    }

    /// Makes a folder in one step: it is there as a whole, or not at all.
    fn fill(
        &self,
        folder: &Path,
        content: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<PathBuf> {
        let config = self.dir.join(".cargo/config.toml");
        if !config.exists() {
            let target = match self.dir == self.course.root.join("work") {
                true => "../target/work".to_owned(),
                false => self.course.root.join("target/work").display().to_string(),
            };
            let target = toml::Value::String(target);
            replace(&config, format!("{CARGO_CONFIG}{target}\n").as_bytes())?;
        }
        let new = tempfile::Builder::new()
            .prefix(".new-")
            .tempdir_in(&self.dir)?;
        // Private as a temporary folder is; a program's folder is like any other.
        let inner = new.path().join("program");
        fs::create_dir(&inner)?;
        content(&inner)?;
        fs::rename(&inner, folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder.to_path_buf())
    }

    /// Moves a program away and begins again. Returns where the old one is.
    ///
    /// # Errors
    ///
    /// When there is none, or it cannot be moved.
    pub fn reset(&self, step: &Step) -> anyhow::Result<PathBuf> {
        let name = &step.name;
        let folder = self.folder(name);
        ensure!(folder.exists(), "{} is not begun", self.shown(&folder));
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
        if step.starter.is_some() {
            self.start(step)?;
        }
        Ok(backup)
    }

    /// Runs the student's program with these arguments.
    ///
    /// # Errors
    ///
    /// When there is none, or it cannot be started.
    pub fn run(&self, step: &Step, args: &[String]) -> anyhow::Result<ExitStatus> {
        let name = &step.name;
        let folder = self.folder(name);
        ensure!(
            folder.exists(),
            "{name} is not begun: `cargo lab start {name}`"
        );
        let mut command = if folder.join("Cargo.toml").exists() {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut command = Command::new(cargo);
            command.args(["run", "--quiet", "--"]).args(args);
            forget_package(&mut command);
            command
        } else {
            let prepared = crate::harness::Target::Submission(folder.clone());
            let prepared = prepared.prepare(&[name])?;
            let words = prepared.command_line(name, args).with_context(|| {
                format!("its lab.toml does not say how to run {name}")
            })?;
            let mut words = words.into_iter();
            let mut command = Command::new(words.next().unwrap_or_default());
            command.args(words);
            command
        };
        command.current_dir(&folder);
        let status = command.status();
        status.with_context(|| format!("cannot run {name}"))
    }

    /// The difference between the student's program and the reference.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn solution(&self, step: &Step) -> anyhow::Result<String> {
        let folder = self.folder(&step.name);
        let mut text = String::new();
        let mut files = rust_files(&step.reference.join("src"))?;
        files.sort();
        for file in files {
            let inner = file.strip_prefix(&step.reference)?;
            let theirs = fs::read_to_string(folder.join(inner)).unwrap_or_default();
            let ours = fs::read_to_string(&file)?;
            let diff = TextDiff::from_lines(&theirs, &ours);
            let mut diff = diff.unified_diff();
            diff.header(
                &self.shown(&folder.join(inner)),
                &self.shown(&step.reference.join(inner)),
            );
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
