//! Where the body goes: standard output, or a file that appears only when it is whole.
//! And where heads are shown: on standard error.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::{process, thread};

use anyhow::{Context, anyhow};
use labkit::{printable, reason};

/// Receives the bytes of the output, piece by piece.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> anyhow::Result<()>;

/// Lets `fill` write to the file at `path`, or to standard output without one, or with
/// `-` as is the habit of Unix.
///
/// # Errors
///
/// What `fill` says, or why something cannot be written. The file is then as before.
pub fn write(
    path: Option<&Path>,
    fill: impl FnOnce(Sink) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if let Some(path) = path.filter(|path| *path != Path::new("-")) {
        return write_file(path, |file| {
            fill(&mut |bytes| {
                let written = file.write_all(bytes);
                written
                    .map_err(|error| anyhow!("cannot write {path:?}: {}", reason(&error)))
            })
        });
    }
    let mut stdout = io::stdout().lock();
    fill(&mut |bytes| {
        // Not an io::Error: its hint would be about the network.
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        written.map_err(|error| {
            let gone = error.kind() == ErrorKind::BrokenPipe;
            let hint = if gone { ". Its reader has gone" } else { "" };
            anyhow!("cannot write to stdout: {}{hint}", reason(&error))
        })
    })
}

/// Writes a new file beside the one at `path` and moves it there when it is complete:
/// whatever happens, `path` is either as before or whole.
fn write_file(
    path: &Path,
    fill: impl FnOnce(&mut File) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let cannot = |error: io::Error| anyhow!("cannot write {path:?}: {}", reason(&error));
    // A device such as /dev/null stays what it is.
    if fs::metadata(path).is_ok_and(|it| !it.is_file()) {
        return fill(&mut File::create(path).map_err(cannot)?);
    }
    let target = behind_links(path);
    let name = target
        .file_name()
        .with_context(|| format!("{path:?} is no file name"))?;
    let mut part_name = name.to_owned();
    part_name.push(format!(".{}.part", process::id()));
    let part = target.with_file_name(part_name);
    let interrupted = labkit::ctrl_c()?; // First: from here on, what is created is removed.
    let mut file = File::create_new(&part).map_err(cannot)?;
    remove_when(interrupted, part.clone());
    let result = keep_permissions(&target, &file).map_err(cannot);
    let result = result.and_then(|()| fill(&mut file)).and_then(|()| {
        file.sync_all().map_err(cannot)?;
        fs::rename(&part, &target).map_err(cannot)
    });
    if result.is_err() {
        let _ = fs::remove_file(&part);
    }
    result
}

/// Follows symbolic links: a file moved to the place of one would replace the link, and
/// not what it leads to. That need not exist yet.
fn behind_links(path: &Path) -> PathBuf {
    let mut target = path.to_owned();
    // Linux follows as many (path_resolution(7)); links in a circle have no end.
    for _ in 0..40 {
        match fs::read_link(&target) {
            // Relative to the link's own folder; an absolute path replaces the whole.
            Ok(link) => target = target.with_file_name(link),
            Err(_) => break,
        }
    }
    target
}

/// Gives a new file the permissions of the one that it is to replace, if that is there.
/// Before the first byte: whoever may not read the old content must not read the new.
fn keep_permissions(target: &Path, file: &File) -> io::Result<()> {
    match fs::metadata(target) {
        Ok(metadata) => file.set_permissions(metadata.permissions()),
        Err(_) => Ok(()),
    }
}

/// Lets Ctrl-C end the program with nothing half left.
fn remove_when(interrupted: Receiver<()>, part: PathBuf) {
    thread::spawn(move || {
        if interrupted.recv().is_ok() {
            let _ = fs::remove_file(&part);
            eprintln!("error: interrupted before everything had come");
            process::exit(1);
        }
    });
}

/// Shows a head on stderr, each line marked with its direction.
pub fn show_head(mark: char, head: &[u8]) {
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        eprintln!("{mark} {}", printable(line.trim_ascii_end()));
    }
}
