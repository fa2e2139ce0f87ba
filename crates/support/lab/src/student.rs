//! The student's commands.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context;
use clap::{Args, Subcommand};
use grading::grade::Event;
use grading::student::{
    Editor, Key, Links, Watch, Workshop, author_check, doctor as examine, overview,
};

use crate::grade::Progress;

/// A step, or the one that was worked on last.
#[derive(Args)]
pub struct StepArg {
    /// The step; the one that you worked on last, if not given
    step: Option<String>,
}

/// What `check` takes.
#[derive(Args)]
pub struct CheckArgs {
    /// The step, or one of its checks (tcp_server.listens); the step that you worked on
    /// last, if not given
    #[arg(value_name = "STEP[.CHECK]")]
    step: Option<String>,
    /// Seed of all random inputs, to see a failure again
    #[arg(long)]
    seed: Option<u64>,
}

/// What `watch` takes.
#[derive(Args)]
pub struct WatchArgs {
    #[command(flatten)]
    step: StepArg,
    /// Seed of all random inputs, to see a failure again
    #[arg(long)]
    seed: Option<u64>,
}

/// What `hint` takes.
#[derive(Args)]
pub struct HintArgs {
    #[command(flatten)]
    step: StepArg,
    /// Show the hints up to this one instead of one more
    #[arg(long)]
    level: Option<usize>,
}

/// What `solution` takes.
#[derive(Args)]
pub struct SolutionArgs {
    #[command(flatten)]
    step: StepArg,
    /// Show it although not every check passes
    #[arg(long)]
    anyway: bool,
}

/// What `reset` takes.
#[derive(Args)]
pub struct ResetArgs {
    /// The step
    step: String,
    /// Begin in this language: rust, python, javascript, ruby, java, c or go; the one that
    /// the old program is in, if not given
    #[arg(long)]
    lang: Option<String>,
}

/// What `run` takes.
#[derive(Args)]
#[command(override_usage = "cargo lab run STEP [ARGS]...")]
pub struct RunArgs {
    /// The step, and arguments for the program: --host and --port fill in {host} and {port} of
    /// a lab.toml; all that follows -- is the program's
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "STEP [ARGS]"
    )]
    words: Vec<String>,
}

/// What `new` takes.
#[derive(Args)]
pub struct NewArgs {
    /// The step
    step: String,
    /// The language of the program: python, javascript, ruby, java, c, go or rust
    #[arg(long, default_value = "python")]
    lang: String,
}

/// What `author` takes.
#[derive(Subcommand)]
pub enum AuthorCommand {
    /// Find what is missing: starters, hints, anchors, wrong programs, names
    Check {
        /// Steps to look at; all, if none is named
        steps: Vec<String>,
        /// Look at files only, run nothing
        #[arg(long)]
        quick: bool,
    },
}

/// Paths are links on a terminal that is not a dumb one.
fn links() -> Links {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    match std::io::stdout().is_terminal() && !dumb {
        true => Links::Clickable,
        false => Links::Plain,
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = anstream::stdout();
    let result = stdout.write_all(text.as_bytes());
    result
        .and_then(|()| stdout.flush())
        .context("cannot write to stdout")
}

/// Finds `work/`. A note of the progress that cannot be understood is moved aside first, so
/// that nothing overwrites it.
fn open_workshop() -> anyhow::Result<Workshop> {
    let workshop = Workshop::open()?;
    let said = match workshop.progress().set_spoilt_aside() {
        Ok(None) => return Ok(workshop),
        Ok(Some((fault, aside))) => format!(
            "work/.progress.json cannot be understood ({fault}). It is now {}, and the \
             progress begins anew: cargo lab check STEP makes it again",
            workshop.shown(&aside)
        ),
        Err(error) => format!("work/.progress.json cannot be understood: {error:#}"),
    };
    let _ = writeln!(std::io::stderr(), "warning: {said}");
    Ok(workshop)
}

/// Bare `cargo lab`.
pub fn list() -> anyhow::Result<ExitCode> {
    print(&overview(&open_workshop()?, links()))?;
    Ok(ExitCode::SUCCESS)
}

/// `cargo lab start STEP`.
pub fn start(step: &str) -> anyhow::Result<ExitCode> {
    let workshop = open_workshop()?;
    let step = workshop.course.step(step)?;
    let file = workshop.begin(step, "rust")?;
    begun(&workshop, &step.name, &file)
}

/// `cargo lab new STEP --lang python`.
pub fn new(args: &NewArgs) -> anyhow::Result<ExitCode> {
    let workshop = open_workshop()?;
    let step = workshop.course.step(&args.step)?;
    let file = workshop.begin(step, &args.lang)?;
    begun(&workshop, &step.name, &file)
}

fn begun(workshop: &Workshop, name: &str, file: &Path) -> anyhow::Result<ExitCode> {
    let shown = links().link(&workshop.shown(file), file);
    print(&format!(
        "{name} is begun: {shown}\nnext: edit it, then cargo lab check {name}\n"
    ))?;
    let mut progress = workshop.progress();
    progress.current = Some(name.to_owned());
    progress.write()?;
    Ok(ExitCode::SUCCESS)
}

/// `cargo lab check [STEP]`: status 0 when every check passes, 1 when not.
pub fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let workshop = open_workshop()?;
    let only = args.step.as_deref().filter(|name| name.contains('.'));
    let name = args.step.as_deref().and_then(|name| name.split('.').next());
    let step = workshop.named_or_current(name)?;
    let progress = Progress::new();
    let events = |event: Event<'_>| progress.tell(event);
    let lesson = workshop.check(step, args.seed, links(), only, &events);
    progress.bar.finish_and_clear();
    let lesson = lesson?;
    print(&lesson.text)?;
    let passed = lesson.passed();
    lesson.kept?;
    Ok(match passed {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(1),
    })
}

/// `cargo lab watch [STEP]`.
pub fn watch(args: &WatchArgs) -> anyhow::Result<ExitCode> {
    let workshop = open_workshop()?;
    let step = workshop.named_or_current(args.step.step.as_deref())?;
    let mut name = step.name.clone();
    workshop.ensure_begun(step)?;
    let mut watch = Watch::new(&workshop.folder(&name));
    let clear = match std::io::stdout().is_terminal() {
        true => "\x1b[2J\x1b[H",
        false => "",
    };
    let mut wanted = Some(Key::Check);
    let mut sure = false;
    loop {
        let step = workshop.course.step(&name)?;
        match wanted {
            None | Some(Key::Check) => {
                let progress = Progress::new();
                let events = |event: Event<'_>| progress.tell(event);
                let lesson = workshop.check(step, args.seed, links(), None, &events);
                progress.bar.finish_and_clear();
                match lesson {
                    Ok(lesson) => {
                        print(&format!("{clear}{}", lesson.text))?;
                        told(lesson.kept)?;
                    }
                    Err(error) => print(&format!("{clear}{error:#}\n"))?,
                }
            }
            Some(Key::Hint) => {
                let hints = workshop.hint(step, None)?;
                print(&hints.text)?;
                told(hints.kept)?;
            }
            Some(Key::List) => print(&overview(&workshop, links()))?,
            Some(Key::Reset) if !sure => {
                print(&format!("x once more begins {name} again\n"))?;
                wanted = watch.wait();
                sure = wanted == Some(Key::Reset);
                continue;
            }
            Some(Key::Reset) => {
                sure = false;
                // What cannot be begun again stays as it is, and is watched on.
                match workshop.reset(step, None) {
                    Ok(again) => {
                        let shown = workshop.shown(&again.backup);
                        print(&format!("begun again; the old program is in {shown}\n"))?;
                        told(again.kept)?;
                    }
                    Err(error) => print(&format!("{error:#}\n"))?,
                }
            }
            Some(Key::Next) if !workshop.done(&name) => print(&format!(
                "{name} is not done yet. h shows a hint; to begin another step all the \
                 same: cargo lab start STEP\n"
            ))?,
            Some(Key::Next) => match workshop.next_after(&name).map(str::to_owned) {
                Some(next) => {
                    if !workshop.begun(&next) {
                        workshop.begin(workshop.course.step(&next)?, "rust")?;
                    }
                    watch.turn_to(&workshop.folder(&next));
                    name = next;
                    wanted = Some(Key::Check);
                    continue;
                }
                None => print("All steps are done.\n")?,
            },
            Some(Key::Quit) => return Ok(ExitCode::SUCCESS),
        }
        print(
            "\nwatching for changes · n next, h hint, l list, c check, x reset, q quit\n",
        )?;
        wanted = watch.wait();
    }
}

/// Says that the progress could not be kept, and lets go on.
fn told(kept: anyhow::Result<()>) -> anyhow::Result<()> {
    match kept {
        Ok(()) => Ok(()),
        Err(error) => print(&format!("error: {error:#}\n")),
    }
}

/// `cargo lab hint [STEP]`.
pub fn hint(args: &HintArgs) -> anyhow::Result<ExitCode> {
    let workshop = open_workshop()?;
    let step = workshop.named_or_current(args.step.step.as_deref())?;
    let hints = workshop.hint(step, args.level)?;
    print(&hints.text)?;
    hints.kept?;
    Ok(ExitCode::SUCCESS)
}

/// `cargo lab solution [STEP]`: status 1 when it is not shown.
pub fn solution(args: &SolutionArgs) -> anyhow::Result<ExitCode> {
    let workshop = open_workshop()?;
    let step = workshop.named_or_current(args.step.step.as_deref())?;
    if !workshop.done(&step.name) && !args.anyway {
        print(&format!(
            "Not every check of {0} passes yet. cargo lab hint {0} helps; \
             cargo lab solution {0} --anyway shows the solution.\n",
            step.name
        ))?;
        return Ok(ExitCode::from(1));
    }
    print(&workshop.solution(step)?)?;
    Ok(ExitCode::SUCCESS)
}

/// `cargo lab reset STEP [--lang python]`.
pub fn reset(args: &ResetArgs) -> anyhow::Result<ExitCode> {
    let workshop = open_workshop()?;
    let step = workshop.course.step(&args.step)?;
    let again = workshop.reset(step, args.lang.as_deref())?;
    print(&format!(
        "{}: begun again; the old program is in {}\n",
        step.name,
        workshop.shown(&again.backup)
    ))?;
    again.kept?;
    Ok(ExitCode::SUCCESS)
}

/// `cargo lab run STEP ARGS…`: the program's own status.
pub fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let workshop = open_workshop()?;
    let (step, args) = args.words.split_first().context("no step is named")?;
    let step = workshop.course.step(step)?;
    let status = workshop.run(step, args)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

/// `cargo lab open [STEP]`: the sheet's section, in the editor on a terminal, else here.
pub fn open(args: &StepArg) -> anyhow::Result<ExitCode> {
    let workshop = open_workshop()?;
    let step = match (&args.step, workshop.course.steps().next()) {
        (None, Some(first)) => workshop.named_or_current(None).unwrap_or(first),
        (name, _) => workshop.named_or_current(name.as_deref())?,
    };
    let progress = workshop.progress();
    let known = progress.steps.get(&step.name);
    let failing = known.and_then(|known| known.failing.as_deref());
    let mut checks = step.checks.iter();
    let check = checks.find(|check| Some(check.id) == failing);
    let check = check
        .or(step.checks.first())
        .context("the step has no checks")?;
    let (file, anchor) = check.sheet.split_once('#').unwrap_or((check.sheet, ""));
    let path = workshop.course.root.join(file);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("there is no sheet {file} yet"))?;
    let (line, section) = grading::student::section(&text, anchor);
    if let (Ok(editor), true) = (Editor::find(), std::io::stdout().is_terminal()) {
        let mut words = editor.command(&path, line).into_iter();
        let status = Command::new(words.next().unwrap_or_default())
            .args(words)
            .status();
        if status.is_ok_and(|status| status.success()) {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let place = format!("{file}:{line}");
    print(&format!("{}\n\n{section}", links().link(&place, &path)))?;
    Ok(ExitCode::SUCCESS)
}

/// `cargo lab doctor`: status 1 when something is missing that the course needs.
pub fn doctor() -> anyhow::Result<ExitCode> {
    let mut text = String::new();
    let mut missing = false;
    for finding in examine(&Workshop::open()?) {
        let (mark, result) = match &finding.result {
            Ok(result) => ("✔", result),
            Err(fix) if finding.needed => {
                missing = true;
                ("✘", fix)
            }
            Err(fix) => ("·", fix),
        };
        text.push_str(&format!("{mark} {:<18} {result}\n", finding.what));
    }
    text.push_str(match missing {
        true => "\nSomething is missing that the course needs: see ✘.\n",
        false => {
            "\nAll is there that the course needs; · marks what only some labs use.\n"
        }
    });
    print(&text)?;
    Ok(ExitCode::from(u8::from(missing)))
}

/// `cargo lab author check`: status 1 when something is missing.
pub fn author(command: &AuthorCommand) -> anyhow::Result<ExitCode> {
    let AuthorCommand::Check { steps, quick } = command;
    let workshop = open_workshop()?;
    let progress = Progress::new();
    let faults = author_check(&workshop.course, steps, *quick, &|event| {
        progress.tell(event);
    });
    progress.bar.finish_and_clear();
    let faults = faults?;
    for fault in &faults {
        print(&format!("✘ {fault}\n"))?;
    }
    print(&match faults.len() {
        0 => "nothing is missing\n".to_owned(),
        1 => "1 fault\n".to_owned(),
        n => format!("{n} faults\n"),
    })?;
    Ok(ExitCode::from(u8::from(!faults.is_empty())))
}
