//! Source excerpts stand in the file and region that they name.

use std::path::Path;

use super::markdown::Origin;
use super::{Excerpt, Problem, Sheet};

/// Compares every excerpt of the sheet with its source.
pub fn check_excerpts(root: &Path, sheet: &Sheet) -> Vec<Problem> {
    let folder = root.join(sheet.path.parent().unwrap_or(Path::new("")));
    let mut problems = Vec::new();
    for excerpt in &sheet.excerpts {
        if let Err(text) = check_excerpt(&folder, excerpt) {
            problems.push(Problem {
                sheet: sheet.path.clone(),
                line: excerpt.line,
                text,
            });
        }
    }
    problems
}

fn check_excerpt(folder: &Path, excerpt: &Excerpt) -> Result<(), String> {
    let Some(origin) = &excerpt.origin else {
        return Err(
            "no line above this rust block names its source ([path](../path), fn `name`:); \
             if it is no excerpt, call it rust,ignore or diff"
                .to_owned(),
        );
    };
    let source = std::fs::read_to_string(folder.join(&origin.file))
        .map_err(|error| format!("cannot read {}: {error}", origin.file))?;
    let source: Vec<&str> = source.lines().map(str::trim_end).collect();
    let wanted = dedent(&excerpt.text.lines().collect::<Vec<_>>());
    let regions = regions(&source, origin);
    if regions.is_empty() {
        return Err(format!(
            "{} has no {} {}",
            origin.file, origin.kind, origin.name
        ));
    }
    let found = |region: &&[&str]| {
        region
            .windows(wanted.len().max(1))
            .any(|window| dedent(window) == wanted)
    };
    if regions.iter().any(found) {
        return Ok(());
    }
    let region = regions.first().copied().unwrap_or_default();
    let expected = wanted.join("\n");
    let actual = dedent(region).join("\n");
    let diff = similar::TextDiff::from_lines(&expected, &actual)
        .unified_diff()
        .header("the sheet", "the source")
        .to_string();
    Err(format!(
        "these lines do not stand in {}, {} {}:\n{diff}",
        origin.file, origin.kind, origin.name
    ))
}

/// Returns the parts of the source that the origin can mean, with the comments and
/// attributes directly above them.
fn regions<'a>(source: &'a [&'a str], origin: &Origin) -> Vec<&'a [&'a str]> {
    if origin.kind == "file" {
        return vec![source];
    }
    let mut regions = Vec::new();
    for (at, line) in source.iter().enumerate() {
        if !declares(line, origin) {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let ends = |line: &&str| {
            line.len() - line.trim_start().len() == indent
                && (line.ends_with('}') || line.ends_with(';') || line.ends_with(");"))
        };
        let rest = source.get(at..).unwrap_or_default();
        let len = rest.iter().position(ends).unwrap_or(rest.len());
        let above = source.get(..at).unwrap_or_default();
        let comments = above
            .iter()
            .rev()
            .take_while(|line| {
                let line = line.trim_start();
                line.starts_with("//") || line.starts_with("#[")
            })
            .count();
        if let Some(region) = source.get(at - comments..(at + len + 1).min(source.len()))
        {
            regions.push(region);
        }
    }
    regions
}

/// Tells whether the line begins the item: `pub(crate) async fn name(`.
fn declares(line: &str, origin: &Origin) -> bool {
    let mut words = line.trim_start().trim_start_matches("pub(crate)");
    let name = loop {
        let Some((word, rest)) = words.trim_start().split_once(' ') else {
            return false;
        };
        match word {
            _ if word == origin.kind => break rest,
            "impl<'_>" if origin.kind == "impl" => break rest,
            "pub" | "const" | "async" | "static" => words = rest,
            _ => return false,
        }
    };
    // `impl Slots`, also for `impl Drop for Slots`.
    let names = if origin.kind == "impl" {
        name.trim_end_matches('{').trim()
    } else {
        name.trim_start_matches("mut ")
    };
    match names.strip_prefix(origin.name.as_str()) {
        Some(rest) => !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'),
        None => false,
    }
}

/// Removes the indentation that all lines share, and the white space at their ends.
fn dedent(lines: &[&str]) -> Vec<String> {
    let indent = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or(0);
    lines
        .iter()
        .map(|line| line.get(indent..).unwrap_or("").trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
const MAX: usize = 1024;

/// Reads.
pub fn read() {
    if true {
        one();
    }
    two();
}

fn read_all() {
    three();
}
";

    fn check(kind: &str, name: &str, text: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("main.rs"), SOURCE).unwrap();
        let excerpt = Excerpt {
            line: 1,
            text: text.to_owned(),
            origin: Some(Origin {
                file: "main.rs".to_owned(),
                kind: kind.to_owned(),
                name: name.to_owned(),
            }),
        };
        check_excerpt(folder.path(), &excerpt)
    }

    #[test]
    fn lines_of_the_region_are_found() {
        assert_eq!(
            check("fn", "read", "if true {\n    one();\n}\ntwo();\n"),
            Ok(())
        );
        assert_eq!(check("fn", "read", "/// Reads.\npub fn read() {\n"), Ok(()));
        assert_eq!(check("const", "MAX", "const MAX: usize = 1024;\n"), Ok(()));
        assert_eq!(check("file", "", "    three();\n}\n"), Ok(()));
    }

    #[test]
    fn other_lines_are_not() {
        let wrong_word = check("fn", "read", "if true {\n    won();\n}\n").unwrap_err();
        assert!(wrong_word.contains("-    won();"), "{wrong_word}");
        assert!(check("fn", "read", "three();\n").is_err(), "another region");
        assert!(check("fn", "read", "one();\ntwo();\n").is_err(), "a gap");
        assert!(check("fn", "rea", "two();\n").is_err(), "no such region");
    }
}
