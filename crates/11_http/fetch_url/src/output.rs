//! Where the body goes: standard output, or a file that appears only when it is whole.
//! And where heads are shown: on standard error.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process;

use anyhow::{Context, anyhow};
use labkit::{printable, reason};

/// Receives the bytes of the output, piece by piece.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> anyhow::Result<()>;

/// Lets `fill` write to the file at `path`, or to standard output without one.
///
/// # Errors
///
/// What `fill` says, or why something cannot be written. The file is then as before.
pub fn write(
    path: Option<&Path>,
    fill: impl FnOnce(Sink) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if let Some(path) = path {
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
            anyhow!(
                "cannot write to stdout: {}. Its reader has gone",
                reason(&error)
            )
        })
    })
}

/// Writes a new file beside `path` and moves it there when it is complete: whatever
/// happens, `path` is either as before or whole.
fn write_file(
    path: &Path,
    fill: impl FnOnce(&mut File) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let cannot = |error: io::Error| anyhow!("cannot write {path:?}: {}", reason(&error));
    // A device such as /dev/null stays what it is.
    if fs::metadata(path).is_ok_and(|it| !it.is_file()) {
        return fill(&mut File::create(path).map_err(cannot)?);
    }
    let name = path
        .file_name()
        .with_context(|| format!("{path:?} is no file name"))?;
    let mut part_name = name.to_owned();
    part_name.push(format!(".{}.part", process::id()));
    let part = path.with_file_name(part_name);
    let mut file = File::create_new(&part).map_err(cannot)?;
    let result = fill(&mut file).and_then(|()| {
        file.sync_all().map_err(cannot)?;
        fs::rename(&part, path).map_err(cannot)
    });
    if result.is_err() {
        let _ = fs::remove_file(&part);
    }
    result
}

/// Shows a head on stderr, each line marked with its direction.
pub fn show_head(mark: char, head: &[u8]) {
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        eprintln!("{mark} {}", printable(line.trim_ascii_end()));
    }
}
