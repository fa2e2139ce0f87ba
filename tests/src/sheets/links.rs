//! Links lead somewhere.

use std::path::{Component, Path, PathBuf};

use super::{Problem, Sheet};

/// Checks every link of the sheet that leads into the repository: its file exists, and so
/// does its anchor. Links to the web are not followed.
pub fn check_links(root: &Path, sheet: &Sheet) -> Vec<Problem> {
    let mut problems = Vec::new();
    for link in &sheet.links {
        if let Err(text) = check_link(root, sheet, &link.target) {
            problems.push(Problem {
                sheet: sheet.path.clone(),
                line: link.line,
                text,
            });
        }
    }
    problems
}

fn check_link(root: &Path, sheet: &Sheet, target: &str) -> Result<(), String> {
    if target.starts_with("https://")
        || target.starts_with("http://")
        || target.starts_with("mailto:")
    {
        return Ok(());
    }
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    let page = if path.is_empty() {
        sheet.path.clone()
    } else {
        let folder = sheet.path.parent().unwrap_or(Path::new(""));
        inside(&folder.join(path))
            .ok_or_else(|| format!("the link {target} leaves the repository"))?
    };
    if !root.join(&page).exists() {
        return Err(format!("the link {target} leads to no file"));
    }
    let Some(anchor) = anchor else {
        return Ok(());
    };
    if page.extension().is_none_or(|extension| extension != "md") {
        return Err(format!(
            "the link {target} has an anchor, its file has none"
        ));
    }
    let other = Sheet::read(root, &page).map_err(|error| format!("{error:#}"))?;
    if other
        .headings
        .iter()
        .any(|heading| heading.anchor == anchor)
    {
        return Ok(());
    }
    let known: Vec<_> = other.headings.iter().map(|h| h.anchor.as_str()).collect();
    Err(format!(
        "the link {target} leads to no heading; {} has: {}",
        page.display(),
        known.join(", ")
    ))
}

/// Resolves `..` by the words alone; `None` when the path leaves the repository.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            Component::ParentDir if inside.pop() => {}
            _ => return None,
        }
    }
    Some(inside)
}

/// Checks that `labs/SUMMARY.md`, the table of contents of the book, lists every page.
pub fn check_summary(root: &Path, pages: &[PathBuf]) -> Vec<Problem> {
    let path = PathBuf::from("labs/SUMMARY.md");
    let problem = |text| Problem {
        sheet: path.clone(),
        line: 1,
        text,
    };
    let summary = match Sheet::read(root, &path) {
        Ok(summary) => summary,
        Err(error) => return vec![problem(format!("{error:#}"))],
    };
    pages
        .iter()
        .filter_map(|page| page.strip_prefix("labs").ok())
        .filter(|page| *page != Path::new("SUMMARY.md"))
        .filter(|page| {
            let listed = |target: &str| Path::new(target) == *page;
            !summary.links.iter().any(|link| listed(&link.target))
        })
        .map(|page| problem(format!("does not list {}", page.display())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        let labs = root.path().join("labs");
        std::fs::create_dir(&labs).unwrap();
        std::fs::write(labs.join("other.md"), "# Two words\n").unwrap();
        std::fs::write(labs.join("page.md"), text).unwrap();
        let sheet = Sheet::parse(Path::new("labs/page.md"), text);
        let problems = check_links(root.path(), &sheet);
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_right() {
        let text = "# Top\n[a](other.md) [b](other.md#two-words) [c](#top) [d](../labs) [e](https://example.com)\n";
        assert_eq!(check(text), [""; 0]);
    }

    #[test]
    fn links_that_lead_nowhere_are_named_with_their_line() {
        let problems = check("# Top\n\n[a](none.md)\n\n[b](other.md#three)\n");
        assert_eq!(
            problems,
            [
                "labs/page.md:3: the link none.md leads to no file",
                "labs/page.md:5: the link other.md#three leads to no heading; labs/other.md has: two-words",
            ]
        );
        assert_eq!(check("[c](#bottom)").len(), 1);
        assert_eq!(check("[d](../../etc)").len(), 1);
    }
}
