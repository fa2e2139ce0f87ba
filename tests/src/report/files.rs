//! The report files of a run, replaced atomically as it goes on.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{Format, Report, SubmissionReport, gradescope};

/// Replaces a file in one step: whoever reads it sees the old content or the new one,
/// also when this process is killed meanwhile.
///
/// # Errors
///
/// When the folder cannot be written to.
pub fn replace(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new()
            .prefix(".new-")
            .tempfile_in(folder)?;
        file.write_all(content)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // A temporary file is private; a report is for who may read its folder.
            file.as_file()
                .set_permissions(fs::Permissions::from_mode(0o644))?;
        }
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The folder that a run's reports go to.
#[derive(Clone, Debug)]
pub struct Files {
    dir: PathBuf,
    formats: Vec<Format>,
}

impl Files {
    /// Reports of these formats (`report.json` always) go to `dir`.
    pub fn new(dir: &Path, formats: &[Format]) -> Files {
        Files {
            dir: dir.to_path_buf(),
            formats: formats.to_vec(),
        }
    }

    fn wants(&self, format: Format) -> bool {
        self.formats.contains(&format)
    }

    /// Replaces all reports of the whole run.
    ///
    /// # Errors
    ///
    /// When one cannot be rendered or written.
    pub fn write(&self, report: &Report) -> anyhow::Result<()> {
        let named = [
            (Format::Json, "report.json"),
            (Format::Junit, "junit.xml"),
            (Format::Csv, "gradebook.csv"),
            (Format::Markdown, "report.md"),
        ];
        for (format, name) in named {
            if format == Format::Json || self.wants(format) {
                replace(&self.dir.join(name), report.render(format)?.as_bytes())?;
            }
        }
        if self.wants(Format::Gradescope)
            && let [_] = report.submissions.as_slice()
        {
            let text = report.render(Format::Gradescope)?;
            replace(&self.dir.join("results.json"), text.as_bytes())?;
        }
        Ok(())
    }

    /// Replaces the files of one submission: what a run is resumed from, and Gradescope's
    /// results.
    ///
    /// # Errors
    ///
    /// When one cannot be rendered or written.
    pub fn write_one(
        &self,
        report: &Report,
        one: &SubmissionReport,
    ) -> anyhow::Result<()> {
        let name = file_name(&one.name);
        let text = serde_json::to_string_pretty(one)?;
        let file = self.dir.join("submissions").join(format!("{name}.json"));
        replace(&file, text.as_bytes())?;
        if self.wants(Format::Gradescope) {
            let text = gradescope::render_one(report, one)?;
            let file = self.dir.join("gradescope").join(name).join("results.json");
            replace(&file, text.as_bytes())?;
        }
        Ok(())
    }

    /// Reads back how far an earlier run has come: its report, each submission as far as
    /// it was at the last moment.
    ///
    /// # Errors
    ///
    /// When there is a report that cannot be understood.
    pub fn read(&self) -> anyhow::Result<Option<Report>> {
        let file = self.dir.join("report.json");
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot read {}", file.display()));
            }
        };
        let mut report = Report::from_json(&text)
            .with_context(|| format!("cannot resume from {}", file.display()))?;
        for submission in &mut report.submissions {
            let name = format!("{}.json", file_name(&submission.name));
            let file = self.dir.join("submissions").join(name);
            let newer = fs::read_to_string(file).ok();
            let newer = newer.and_then(|text| serde_json::from_str(&text).ok());
            if let Some(newer) = newer {
                *submission = newer;
            }
        }
        report.sum_up();
        Ok(Some(report))
    }
}

/// A submission's name as the name of a file.
fn file_name(name: &str) -> String {
    let safe = |c: char| match c {
        '/' | '\\' | '\0' => '_',
        c => c,
    };
    name.chars().map(safe).collect()
}
