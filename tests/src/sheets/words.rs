//! Every new word of the sheets stands in the glossary.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Problem;

/// What is printed bold for weight, and explains no word.
const EMPHASIS: &[&str] = &[
    "blocks",
    "block",
    "complete",
    "in order",
    "length",
    "locked out",
    "not",
    "not valid yet",
    "on the disk",
    "once",
    "order",
    "predict",
    "read of 0 bytes",
    "silent",
    "the peer's data",
    "time",
    "with the kernel",
    "you learn",
    "you need",
    "you will learn",
    "your own limits",
    "yourself",
];
/// The most words that a term has; more are a sentence.
const MOST_WORDS: usize = 3;

/// Compares the bold words of the chapters' sheets with the glossary.
///
/// # Errors
///
/// When a page cannot be read.
pub fn check_words(root: &Path, pages: &[PathBuf]) -> anyhow::Result<Vec<Problem>> {
    let read = |page: &Path| {
        std::fs::read_to_string(root.join(page))
            .with_context(|| format!("cannot read {}", page.display()))
    };
    let glossary = terms_of(&read(Path::new("labs/glossary.md"))?);
    let mut problems = Vec::new();
    for page in pages {
        let name = page.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        for (line, word) in new_words(&read(page)?) {
            if !is_explained(&word, &glossary) {
                problems.push(Problem {
                    sheet: page.clone(),
                    line,
                    text: format!("**{word}** does not stand in labs/glossary.md"),
                });
            }
        }
    }
    Ok(problems)
}

/// The words of the glossary, in small letters: `ACK`, `a, b` and `name (short)`.
fn terms_of(glossary: &str) -> BTreeSet<String> {
    let mut terms = BTreeSet::new();
    for line in glossary.lines() {
        let Some((term, _)) = line
            .strip_prefix("| **")
            .and_then(|rest| rest.split_once("**"))
        else {
            continue;
        };
        let term = term.to_lowercase();
        let parts = term
            .split([',', '(', ')'])
            .map(|part| part.trim().to_owned());
        terms.extend(parts.filter(|part| !part.is_empty()));
        terms.insert(term);
    }
    terms
}

/// The bold words of a sheet in small letters, each with its line.
fn new_words(text: &str) -> Vec<(usize, String)> {
    let mut words = Vec::new();
    let mut in_block = false;
    // A paragraph may break a line within a term: lines are joined up to a blank one.
    let (mut paragraph, mut start) = (String::new(), 1);
    for (number, line) in text.lines().chain([""]).enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            continue;
        }
        if in_block {
            continue;
        }
        if !line.trim().is_empty() {
            if paragraph.is_empty() {
                start = number + 1;
            }
            paragraph.push_str(line);
            paragraph.push(' ');
            continue;
        }
        // Every second part stands between two pairs of asterisks.
        for bold in paragraph.split("**").skip(1).step_by(2) {
            let word = bold.split_whitespace().collect::<Vec<_>>().join(" ");
            let word = word.to_lowercase();
            let is_term = word.split(' ').count() <= MOST_WORDS
                && word.starts_with(char::is_alphabetic)
                && !word.ends_with(['.', ':', '?', ','])
                && !EMPHASIS.contains(&word.as_str());
            if is_term {
                words.push((start, word));
            }
        }
        paragraph.clear();
    }
    words
}

/// Whether a word, or its singular, begins a term of the glossary.
fn is_explained(word: &str, glossary: &BTreeSet<String>) -> bool {
    let singular = [
        Some(word.to_owned()),
        word.strip_suffix("es").map(str::to_owned),
        word.strip_suffix("ies").map(|stem| format!("{stem}y")),
        word.strip_suffix('s').map(str::to_owned),
    ];
    singular.iter().flatten().any(|word| {
        let first = format!("{word} ");
        glossary.contains(word) || glossary.iter().any(|term| term.starts_with(&first))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bold_terms_are_found_and_sentences_are_not() {
        let sheet = "A **new\nword** and **This is a sentence.**\n\n```\n**code**\n```\n\n**ACK**";
        let words = new_words(sheet);
        assert_eq!(words, [(1, "new word".to_owned()), (8, "ack".to_owned())]);
    }

    #[test]
    fn a_word_is_explained_by_its_singular_and_by_each_name_of_a_term() {
        let glossary =
            terms_of("| **request, response** | x |\n| **key (secret)** | x |");
        for word in ["requests", "response", "key", "secret"] {
            assert!(is_explained(word, &glossary), "{word}");
        }
        assert!(!is_explained("reply", &glossary));
    }
}
