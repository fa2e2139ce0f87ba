//! What a transfer is on this side: a file on the disk, and a bar on the terminal.

use std::fs::File;
#[cfg(unix)]
use std::fs::Permissions;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

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

/// Returns where a download goes: a file moved to the place of a symbolic link would
/// replace the link, and not what it leads to.
///
/// # Errors
///
/// When something else is there: moved to the place of a device, a file would replace it.
pub fn target(path: &Path) -> anyhow::Result<PathBuf> {
    let Ok(target) = path.canonicalize() else {
        return Ok(path.to_owned()); // There is nothing yet.
    };
    ensure!(target.is_file(), "{} is not a file", path.display());
    Ok(target)
}

/// Creates a file in the directory of `path`, under a name that nobody else has. Dropped
/// before it is kept, it is gone.
pub fn create_beside(path: &Path) -> anyhow::Result<NamedTempFile> {
    let dir = match path.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    let mut options = tempfile::Builder::new();
    options.prefix(".part-");
    // As any new file: who may read it is up to the umask.
    #[cfg(unix)]
    options.permissions(Permissions::from_mode(0o666));
    options
        .tempfile_in(dir)
        .map_err(|error| anyhow!("cannot write to {}: {error}", dir.display()))
}

/// Gives a file that is complete the name `path`, in one step, and the permissions of the
/// one that it replaces.
pub fn keep(file: NamedTempFile, path: &Path) -> anyhow::Result<()> {
    if let Ok(old) = path.metadata() {
        file.as_file().set_permissions(old.permissions())?;
    }
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
