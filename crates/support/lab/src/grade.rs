//! `cargo lab grade` and `merge`: the instructor's side.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use grading::Usage;
use grading::grade::{Batch, Event, Pair, find};
use grading::harness::Outcome;
use grading::report::{self, Feedback, Files, Merged, Report, State, Visibility};
use indicatif::{ProgressBar, ProgressStyle};

/// What `cargo lab grade` takes.
#[derive(Args)]
pub struct GradeArgs {
    /// A submission, or a folder with one submission in each of its folders
    #[arg(required = true)]
    dirs: Vec<PathBuf>,
    /// Take each DIR for one submission, whatever it holds
    #[arg(long)]
    single: bool,
    /// Steps, chapters or check ids, separated by commas; all that are handed in, if not
    /// given
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// How many checks run at once; three a core, if not given
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    jobs: Option<usize>,
    /// Seed of all random inputs; the same seed gives the same marks
    #[arg(long)]
    seed: Option<u64>,
    /// Formats of the report: the first goes to stdout, all go to --out
    #[arg(long, value_enum, value_delimiter = ',')]
    format: Vec<Format>,
    /// Folder for the reports, replaced after every check
    #[arg(long)]
    out: Option<PathBuf>,
    /// Go on with the run whose reports are in --out
    #[arg(long, requires = "out")]
    resume: bool,
    /// Run every check so many times; it passes only if it passes each time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Grade only part i of n (1/4 … 4/4); `cargo lab merge` puts the reports together
    #[arg(long, value_parser = shard, default_value = "1/1", value_name = "i/n")]
    shard: (usize, usize),
    /// How much the reports say of what did not pass
    #[arg(long, value_enum, default_value = "full")]
    feedback: FeedbackArg,
    /// Who sees the results on Gradescope
    #[arg(long, value_enum, default_value = "visible")]
    visibility: VisibilityArg,
    /// Also write similarity.csv to --out: which pairs of submissions share most
    #[arg(long, requires = "out")]
    similarity: bool,
    /// Seconds that building one submission may take
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    build_limit: u64,
    /// Run programs without namespaces: they see the real network, files and processes,
    /// and a fixed port is used by one check at a time
    #[arg(long)]
    no_isolation: bool,
}

/// What `cargo lab similarity` takes.
#[derive(Args)]
pub struct SimilarityArgs {
    /// Folders with one submission in each of their folders
    #[arg(required = true)]
    dirs: Vec<PathBuf>,
    /// How many pairs are shown
    #[arg(long, default_value_t = 20)]
    top: usize,
    /// Lines for a spreadsheet instead of a table
    #[arg(long)]
    csv: bool,
}

/// What `cargo lab merge` takes.
#[derive(Args)]
pub struct MergeArgs {
    /// Folders with a report.json each, or such files
    #[arg(required = true)]
    reports: Vec<PathBuf>,
    /// Formats of the report: the first goes to stdout, all go to --out
    #[arg(long, value_enum, value_delimiter = ',')]
    format: Vec<Format>,
    /// Folder for the merged reports
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Terminal,
    Json,
    Junit,
    Csv,
    Markdown,
    Gradescope,
}

impl From<Format> for report::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Terminal => report::Format::Terminal,
            Format::Json => report::Format::Json,
            Format::Junit => report::Format::Junit,
            Format::Csv => report::Format::Csv,
            Format::Markdown => report::Format::Markdown,
            Format::Gradescope => report::Format::Gradescope,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum FeedbackArg {
    Full,
    Brief,
    None,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum VisibilityArg {
    Visible,
    Hidden,
    AfterDueDate,
    AfterPublished,
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/');
    let numbers = parts.and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match numbers {
        Some((i, n)) if 1 <= i && i <= n => Ok((i, n)),
        _ => Err("a shard is i/n with 1 <= i <= n, for instance 1/4".to_owned()),
    }
}

/// The format on stdout, and those in the folder: all, if none is named.
fn formats(named: &[Format]) -> (report::Format, Vec<report::Format>) {
    let all: Vec<report::Format> = match named {
        [] => Format::value_variants()
            .iter()
            .map(|f| (*f).into())
            .collect(),
        named => named.iter().map(|format| (*format).into()).collect(),
    };
    (
        all.first().copied().unwrap_or(report::Format::Terminal),
        all,
    )
}

/// Grades; the exit status says whether all could be graded.
pub fn grade(args: GradeArgs) -> anyhow::Result<ExitCode> {
    let (shown, formats) = formats(&args.format);
    let files = args.out.as_deref().map(|dir| Files::new(dir, &formats));
    if args.no_isolation {
        eprintln!(
            "without isolation: programs see the real network, files and processes; one \
             that flees its process group may outlive its check"
        );
    }
    let batch = Batch {
        dirs: args.dirs,
        single: args.single,
        only: args.only,
        jobs: args.jobs,
        seed: args.seed,
        repeat: args.repeat,
        shard: args.shard,
        feedback: match args.feedback {
            FeedbackArg::Full => Feedback::Full,
            FeedbackArg::Brief => Feedback::Brief,
            FeedbackArg::None => Feedback::None,
        },
        visibility: match args.visibility {
            VisibilityArg::Visible => Visibility::Visible,
            VisibilityArg::Hidden => Visibility::Hidden,
            VisibilityArg::AfterDueDate => Visibility::AfterDueDate,
            VisibilityArg::AfterPublished => Visibility::AfterPublished,
        },
        isolation: !args.no_isolation,
        in_place: false,
        build_limit: Duration::from_secs(args.build_limit),
        files,
        resume: args.resume,
    };
    let progress = Progress::new();
    let report = grading::grade::grade(&batch, &|event| progress.tell(event));
    progress.bar.finish_and_clear();
    let report = report?;
    if let (true, Some(out)) = (args.similarity, &args.out) {
        let pairs = grading::grade::similarity(&find(&batch.dirs, batch.single)?)?;
        let text = report::similarity_csv(&pairs)?;
        report::replace(&out.join("similarity.csv"), text.as_bytes())?;
    }
    print(&report, shown)?;
    Ok(verdict(&report))
}

/// Shows which submissions share most.
pub fn similarity(args: &SimilarityArgs) -> anyhow::Result<ExitCode> {
    let submissions = find(&args.dirs, false)?;
    let compared = submissions.len();
    if compared < 2 {
        return Err(Usage::error(format!(
            "two submissions are needed to compare; there {}: name a folder that holds the \
             folders of several",
            match compared {
                0 => "is none".to_owned(),
                _ => "is one".to_owned(),
            }
        )));
    }
    let mut pairs = grading::grade::similarity(&submissions)?;
    let too_short = pairs.is_empty();
    pairs.truncate(args.top);
    let text = if args.csv {
        report::similarity_csv(&pairs)?
    } else {
        let mut text = String::new();
        for pair in &pairs {
            let Pair {
                a,
                b,
                percent,
                shared,
            } = pair;
            let runs = match shared {
                1 => "run ",
                _ => "runs",
            };
            let (a, b) = (report::plain_line(a), report::plain_line(b));
            text.push_str(&format!("{percent:>5.1} %  {shared:>5} {runs}  {a}  {b}\n"));
        }
        if too_short {
            text.push_str("No two of the submissions are long enough to compare.\n");
        }
        text.push_str(
            "Much in common is a reason to look, not a proof: short programs are alike.\n",
        );
        text
    };
    let result = std::io::stdout().write_all(text.as_bytes());
    result.context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}

/// Merges the reports of shards.
pub fn merge(args: &MergeArgs) -> anyhow::Result<ExitCode> {
    let (shown, formats) = formats(&args.format);
    let mut reports = Vec::new();
    for path in &args.reports {
        let file = match path.is_dir() {
            true => path.join("report.json"),
            false => path.clone(),
        };
        let text = std::fs::read_to_string(&file).map_err(|error| {
            Usage::error(format!("cannot read {}: {error}", file.display()))
        })?;
        let report =
            Report::from_json(&text).with_context(|| file.display().to_string())?;
        reports.push(report);
    }
    let Merged { report, missing } = Report::merge(reports)?;
    if let Some(dir) = &args.out {
        let files = Files::new(dir, &formats);
        files.write(&report)?;
        for one in &report.submissions {
            files.write_one(&report, one)?;
        }
    }
    print(&report, shown)?;
    for what in &missing {
        eprintln!("not complete: {what}");
    }
    // Students without a line are no verdict: the gradebook only looks complete.
    Ok(match report.shards.missing().is_empty() {
        true => verdict(&report),
        false => ExitCode::from(3),
    })
}

fn print(report: &Report, format: report::Format) -> anyhow::Result<()> {
    let text = report.render(format)?;
    let result = match format {
        report::Format::Terminal => anstream::stdout().write_all(text.as_bytes()),
        _ => std::io::stdout().write_all(text.as_bytes()),
    };
    result.context("cannot write the report to stdout")
}

fn verdict(report: &Report) -> ExitCode {
    let graded = |one: &report::SubmissionReport| one.state == State::Graded;
    match report.submissions.iter().all(graded) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(1),
    }
}

/// What runs now, on stderr.
pub struct Progress {
    pub bar: ProgressBar,
}

impl Progress {
    pub fn new() -> Progress {
        // Hidden by itself where stderr is no terminal.
        let bar = ProgressBar::new(0);
        let style = "{elapsed_precise} [{bar:30}] {pos}/{len} {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.progress_chars("=> "));
        }
        Progress { bar }
    }

    pub fn tell(&self, event: Event<'_>) {
        match event {
            Event::Begin {
                checks,
                isolation,
                wanted,
            } => {
                self.bar.set_length(checks as u64);
                let how = isolation.describe();
                // Who has asked for it has been told what it means.
                if !isolation.separates_ports() && !wanted {
                    self.bar
                        .suspend(|| eprintln!("no namespaces here: isolation by {how}"));
                }
            }
            Event::Building(name) => {
                let name = report::plain_line(name);
                self.bar.set_message(format!("{name}: building"));
            }
            Event::Done(name, Outcome { id, .. }) => {
                self.bar.inc(1);
                let name = report::plain_line(name);
                self.bar.set_message(format!("{name}: {id}"));
            }
            Event::Trouble(what) => {
                let what = report::plain_line(what);
                self.bar.suspend(|| eprintln!("warning: {what}"));
            }
        }
    }
}
