//! What a transfer is on this side: a file on the disk, and a bar on the terminal.

use std::fs::File;
use std::path::Path;

use anyhow::{anyhow, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::NamedTempFile;

/// From this size on a transfer shows how far it is, in bytes.
const LARGE: u64 = 16 * 1024 * 1024;

/// Opens a file that is to be sent, and returns its size in bytes.
pub fn open(path: &Path) -> anyhow::Result<(File, u64)> {
    let file = File::open(path)
        .map_err(|error| anyhow!("cannot read {}: {error}", path.display()))?;
    let metadata = file.metadata()?;
    ensure!(metadata.is_file(), "{} is not a file", path.display());
    Ok((file, metadata.len()))
}

/// Creates a file in the directory of `path`, under a name that nobody else has. Dropped
/// before it is kept, it is gone.
pub fn create_beside(path: &Path) -> anyhow::Result<NamedTempFile> {
    let dir = match path.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    NamedTempFile::new_in(dir)
        .map_err(|error| anyhow!("cannot write to {}: {error}", dir.display()))
}

/// Gives a file that is complete the name `path`, in one step.
pub fn keep(file: NamedTempFile, path: &Path) -> anyhow::Result<()> {
    file.persist(path)
        .map_err(|error| anyhow!("cannot write {}: {}", path.display(), error.error))?;
    Ok(())
}

/// A bar for a large file; indicatif shows it only on a terminal.
pub fn progress_bar(size: u64) -> ProgressBar {
    if size < LARGE {
        return ProgressBar::hidden();
    }
    let template = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} to go";
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(size)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
