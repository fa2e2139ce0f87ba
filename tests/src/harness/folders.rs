//! The folders of a submission, and the programs that they promise before a build.

use std::path::{Path, PathBuf};

use super::lab_toml::LabToml;

/// Folders that are never looked into: what tools make, and what is hidden.
fn skipped(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.')
        || ["target", "node_modules", "__pycache__", "venv"].contains(&name.as_ref())
}

/// The folders of a submission that hold a `Cargo.toml` or a `lab.toml`: itself, or those
/// below it (two levels), in order of name.
pub(crate) fn project_folders(dir: &Path) -> Vec<PathBuf> {
    fn visit(dir: &Path, depth: u32, found: &mut Vec<PathBuf>) {
        const DEEPEST: u32 = 2;
        let is_package = dir.join("Cargo.toml").exists();
        if is_package || dir.join("lab.toml").exists() {
            found.push(dir.to_path_buf());
        }
        if is_package || depth == DEEPEST {
            return;
        }
        let mut inner: Vec<PathBuf> = std::fs::read_dir(dir)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter(|entry| !skipped(&entry.file_name()))
            .map(|entry| entry.path())
            .collect();
        inner.sort();
        for dir in inner {
            visit(&dir, depth + 1, found);
        }
    }
    let mut found = Vec::new();
    visit(dir, 0, &mut found);
    found
}

/// The steps that a submission has programs for, as far as its files tell before a build.
pub fn declared_steps(dir: &Path) -> Vec<String> {
    let mut steps = Vec::new();
    for folder in project_folders(dir) {
        steps.extend(declared_binaries(&folder));
        if let Ok(Some(lab_toml)) = LabToml::read(&folder) {
            steps.extend(lab_toml.programs.into_keys());
        }
    }
    for step in &mut steps {
        *step = step.replace('-', "_");
    }
    steps.sort();
    steps.dedup();
    steps
}

/// The names of the binaries that a package or workspace declares.
pub(super) fn declared_binaries(dir: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let Ok(text) = std::fs::read_to_string(dir.join("Cargo.toml")) else {
        return names;
    };
    let Ok(manifest) = toml::from_str::<toml::Table>(&text) else {
        return names; // Cargo will say what is wrong.
    };
    let text_at = |table: &toml::Table, key: &str| {
        table
            .get(key)
            .and_then(|value| value.as_str().map(str::to_owned))
    };
    if let Some(package) = manifest.get("package").and_then(toml::Value::as_table) {
        let bins = manifest.get("bin").and_then(toml::Value::as_array);
        for bin in bins.into_iter().flatten() {
            names.extend(bin.as_table().and_then(|bin| text_at(bin, "name")));
        }
        if bins.is_none() || dir.join("src/main.rs").exists() {
            names.extend(text_at(package, "name"));
        }
        for file in std::fs::read_dir(dir.join("src/bin")).into_iter().flatten() {
            let name = file.map(|file| {
                file.path()
                    .with_extension("")
                    .file_name()
                    .map(|name| name.display().to_string())
            });
            names.extend(name.ok().flatten());
        }
    }
    let members = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("members"))
        .and_then(toml::Value::as_array);
    for member in members
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_str)
    {
        for folder in expand(dir, member) {
            if folder != dir {
                names.extend(declared_binaries(&folder));
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

/// The folders that a member pattern such as `crates/*` names.
fn expand(dir: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut folders = vec![dir.to_path_buf()];
    for part in pattern
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        let mut next = Vec::new();
        for folder in folders {
            if let Some((before, after)) = part.split_once('*') {
                for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                    let name = entry.file_name().display().to_string();
                    if name.starts_with(before) && name.ends_with(after) {
                        next.push(entry.path());
                    }
                }
            } else {
                next.push(folder.join(part));
            }
        }
        folders = next;
    }
    folders.retain(|folder| folder.join("Cargo.toml").exists());
    folders.sort();
    folders
}
