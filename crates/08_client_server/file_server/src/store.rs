//! The directory that is served: nothing here leaves it, and nothing in it is ever half.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process;

#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;

use file_server::{Entry, check_name};
use tempfile::NamedTempFile;

/// An upload has this name until it is complete: hidden, and no name a client may ask for.
const UNFINISHED: &str = ".upload-";

/// The served directory.
pub struct Store {
    dir: PathBuf,
    /// The largest file that is taken, in bytes.
    max_size: u64,
    /// Whether an upload is on the disk, and not only in the system's memory, before it
    /// is confirmed.
    sync: bool,
}

/// A file that is being received. Dropped before it is kept, it is gone.
pub struct Upload {
    file: NamedTempFile,
    /// The first failed write: the rest is then read and thrown away, so that the client
    /// hears the reason instead of a reset.
    failed: Option<io::Error>,
}

impl Store {
    /// Makes the directory if it is missing, and removes what a killed server has left.
    pub fn open(dir: PathBuf, max_size: u64, sync: bool) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let store = Store {
            dir,
            max_size,
            sync,
        };
        for path in store.unfinished(UNFINISHED)? {
            // An upload that is still running is locked by its server.
            if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
                fs::remove_file(&path)?;
            }
        }
        Ok(store)
    }

    /// Opens a file for a download and returns its size.
    pub fn read(&self, name: &str) -> io::Result<(File, u64)> {
        check_name(name).map_err(io::Error::other)?;
        let path = self.dir.join(name);
        // Asked for a second time below, of the file itself: this one gives the better
        // words, that one cannot be fooled by a link made in between.
        if fs::symlink_metadata(&path)?.is_symlink() {
            return Err(io::Error::other("it is a symbolic link"));
        }
        let file = open_here(&path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        Ok((file, metadata.len()))
    }

    /// Begins an upload, under a name that no other upload has until it is kept.
    pub fn begin(&self, name: &str, size: u64) -> io::Result<Upload> {
        check_name(name).map_err(io::Error::other)?;
        if size > self.max_size {
            let why = format!("more than {} bytes", self.max_size);
            return Err(io::Error::other(why));
        }
        let prefix = format!("{UNFINISHED}{}-", process::id());
        let mut options = tempfile::Builder::new();
        // As any new file: who may read it is up to the umask.
        #[cfg(unix)]
        options.permissions(fs::Permissions::from_mode(0o666));
        let file = options.prefix(&prefix).tempfile_in(&self.dir)?;
        file.as_file().lock()?;
        Ok(Upload { file, failed: None })
    }

    /// Gives a complete upload its name. Whoever looks sees the old file or the new one,
    /// never a part: renaming is one step (POSIX `rename`).
    pub fn keep(&self, upload: Upload, name: &str) -> io::Result<()> {
        if let Some(error) = upload.failed {
            return Err(error);
        }
        if self.sync {
            upload.file.as_file().sync_all()?;
        }
        upload
            .file
            .persist(self.dir.join(name))
            .map_err(|error| error.error)?;
        if self.sync && cfg!(unix) {
            File::open(&self.dir)?.sync_all()?; // The name is in the directory.
        }
        Ok(())
    }

    /// Lists what can be downloaded, sorted by name.
    pub fn list(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            // Of the entry itself: a link is not followed. It may be gone by now.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if let Ok(name) = entry.file_name().into_string()
                && metadata.is_file()
                && check_name(&name).is_ok()
            {
                let size = metadata.len();
                entries.push(Entry { name, size });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Removes the uploads that are running now: the server ends.
    pub fn abandon_uploads(&self) {
        let own = format!("{UNFINISHED}{}-", process::id());
        for path in self.unfinished(&own).unwrap_or_default() {
            let _ = fs::remove_file(path); // It may have been completed meanwhile.
        }
    }

    fn unfinished(&self, prefix: &str) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                paths.push(entry.path());
            }
        }
        Ok(paths)
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_none() {
            self.failed = self.file.as_file_mut().write_all(bytes).err();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a file, but never through a symbolic link, and without waiting for the other end
/// of a pipe.
#[cfg(unix)]
fn open_here(path: &std::path::Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;

    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

#[cfg(not(unix))]
fn open_here(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}
