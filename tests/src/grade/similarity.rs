//! Which submissions share most: a help for the instructor, never a mark.
//!
//! Each file becomes tokens, in which names, numbers and texts all look alike, so that
//! renaming hides nothing. Every run of [`RUN`] tokens is hashed, and of each window of
//! [`WINDOW`] neighbouring hashes the smallest is kept (winnowing: Schleimer, Wilkerson,
//! Aiken, SIGMOD 2003). What the starters hold is taken off: all have that.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::submission::{Submission, files};
use crate::harness::course_root;

/// Tokens in a row that count as something in common.
const RUN: usize = 14;
/// Of so many neighbouring runs one is kept.
const WINDOW: usize = 6;
/// Below this many kept runs a program is too short to say anything.
const FEWEST: usize = 12;
/// Words that keep their meaning; all other names look alike.
const KEYWORDS: &str = " as break const continue else enum fn for if impl in let loop match \
    mod move mut pub ref return self static struct trait true false use where while and \
    class def del elif except finally from global import is lambda not or pass raise try \
    with yield None True False int char void unsigned long func go defer package var case \
    switch default new throw catch public private ";

/// Two submissions and what they share.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The one.
    pub a: String,
    /// The other.
    pub b: String,
    /// How much of the smaller one the other one holds, in percent.
    pub percent: f64,
    /// How many kept runs they share.
    pub shared: usize,
}

/// Compares all submissions with each other; the pair that shares most comes first.
///
/// # Errors
///
/// When a submission cannot be read.
pub fn similarity(submissions: &[Submission]) -> anyhow::Result<Vec<Pair>> {
    let course = course_root();
    let mut common = HashSet::new();
    for folder in ["tests/starters", "tests/autograder/templates"] {
        let folder = course.join(folder);
        if folder.is_dir() {
            common.extend(all_runs(&folder)?);
        }
    }
    let mut prints = Vec::new();
    for submission in submissions {
        // A link that leads out is not followed: what is there was not handed in.
        let kept = match submission.leads_out() {
            Some(_) => BTreeSet::new(),
            None => winnowed(&submission.dir, &common)?,
        };
        prints.push((submission.name.clone(), kept));
    }
    let mut pairs = Vec::new();
    for (index, (a, of_a)) in prints.iter().enumerate() {
        for (b, of_b) in prints.iter().skip(index + 1) {
            let smaller = of_a.len().min(of_b.len());
            if smaller < FEWEST {
                continue;
            }
            let shared = of_a.intersection(of_b).count();
            let count = |n: usize| u32::try_from(n).map_or(f64::MAX, f64::from);
            pairs.push(Pair {
                a: a.clone(),
                b: b.clone(),
                percent: 100.0 * count(shared) / count(smaller),
                shared,
            });
        }
    }
    pairs.sort_by(|x, y| {
        let by_percent = y.percent.total_cmp(&x.percent);
        by_percent.then_with(|| (&x.a, &x.b).cmp(&(&y.a, &y.b)))
    });
    Ok(pairs)
}

fn is_source(file: &Path) -> bool {
    const KINDS: [&str; 12] = [
        "rs", "py", "c", "h", "cc", "cpp", "go", "java", "js", "ts", "rb", "kt",
    ];
    let kind = file.extension().and_then(|kind| kind.to_str());
    kind.is_some_and(|kind| KINDS.contains(&kind))
}

/// The hashes of all runs of a folder's sources.
fn all_runs(dir: &Path) -> anyhow::Result<HashSet<u64>> {
    let mut hashes = HashSet::new();
    for file in files(dir)?.iter().filter(|file| is_source(file)) {
        let text = fs::read(dir.join(file))?;
        hashes.extend(runs(&tokens(&String::from_utf8_lossy(&text))));
    }
    Ok(hashes)
}

fn winnowed(dir: &Path, common: &HashSet<u64>) -> anyhow::Result<BTreeSet<u64>> {
    let mut kept = BTreeSet::new();
    for file in files(dir)?.iter().filter(|file| is_source(file)) {
        let text = fs::read(dir.join(file))?;
        let runs = runs(&tokens(&String::from_utf8_lossy(&text)));
        let own: Vec<u64> = runs.into_iter().filter(|h| !common.contains(h)).collect();
        kept.extend(own.windows(WINDOW).filter_map(|w| w.iter().min()));
    }
    Ok(kept)
}

fn runs(tokens: &[String]) -> Vec<u64> {
    let mut last: VecDeque<&str> = VecDeque::new();
    let mut hashes = Vec::new();
    for token in tokens {
        last.push_back(token);
        if last.len() > RUN {
            last.pop_front();
        }
        if last.len() == RUN {
            let mut hash = Sha256::new();
            for token in &last {
                hash.update(token);
                hash.update([0]);
            }
            // The first 64 bits are enough: a few thousand runs are compared.
            let bits = hash.finalize().first_chunk().copied().unwrap_or_default();
            hashes.push(u64::from_be_bytes(bits));
        }
    }
    hashes
}

/// Takes a source apart, whatever its language, as far as comparing needs it.
fn tokens(source: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut chars = source.chars().peekable();
    while let Some(char) = chars.next() {
        let next = chars.peek().copied();
        match (char, next) {
            (c, _) if c.is_whitespace() => {}
            // Comments, of all languages: Rust's attributes begin with # as well.
            ('/', Some('/')) | ('#', Some(' ' | '!' | '\n' | '#')) => {
                while chars.next_if(|c| *c != '\n').is_some() {}
            }
            ('"' | '\'', _) => {
                let mut escaped = false;
                // A lifetime is no text: it has no end in its line.
                let mut left = 400;
                while left > 0
                    && let Some(c) = chars.next_if(|c| *c != '\n' || char == '"')
                {
                    left -= 1;
                    if c == char && !escaped {
                        break;
                    }
                    escaped = c == '\\' && !escaped;
                }
                tokens.push("text".to_owned());
            }
            (c, _) if c.is_ascii_digit() => {
                while chars
                    .next_if(|c| c.is_alphanumeric() || *c == '_')
                    .is_some()
                {}
                tokens.push("number".to_owned());
            }
            (c, _) if c.is_alphabetic() || c == '_' => {
                let mut word = c.to_string();
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(c);
                }
                match KEYWORDS.contains(&format!(" {word} ")) {
                    true => tokens.push(word),
                    false => tokens.push("name".to_owned()),
                }
            }
            (c, _) => tokens.push(c.to_string()),
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "
import socket
def serve(host, port):
    listener = socket.create_server((host, port))
    number = 0
    while True:
        client, address = listener.accept()
        number += 1
        message = client.recv(1024)
        if message:
            client.sendall(f'Hello {number}'.encode())
        client.close()
        print('served', address, number, len(message), 'bytes')
        if number > 1000 and address[0] != '127.0.0.1':
            break
    listener.close()
";

    fn submission(dir: &Path, name: &str, source: &str) -> Submission {
        let folder = dir.join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("server.py"), source).unwrap();
        Submission {
            name: name.to_owned(),
            dir: folder,
            steps: Vec::new(),
        }
    }

    #[test]
    fn renaming_and_comments_hide_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let disguised = SERVER
            .replace("listener", "door")
            .replace("client", "guest")
            .replace("number", "n")
            .replace("    while", "    # my own idea\n    while");
        let other = "def f(x):\n    return [y * 2 for y in x if y]\n".repeat(30);
        let all = [
            submission(dir.path(), "ada", SERVER),
            submission(dir.path(), "bob", &disguised),
            submission(dir.path(), "cleo", &other),
        ];
        let pairs = similarity(&all).unwrap();
        let [first, rest @ ..] = pairs.as_slice() else {
            panic!()
        };
        assert_eq!((first.a.as_str(), first.b.as_str()), ("ada", "bob"));
        assert!(first.percent > 95.0, "{first:?}");
        assert!(rest.iter().all(|pair| pair.percent < 10.0), "{rest:?}");
    }

    #[test]
    fn what_the_starters_hold_does_not_count() {
        let course = course_root();
        let starters = course.join("tests/starters");
        let mut found = Vec::new();
        for file in files(&starters).unwrap() {
            if file.ends_with("src/main.rs") {
                found.push(fs::read_to_string(starters.join(file)).unwrap());
            }
        }
        let Some(starter) = found.first() else { return };
        let dir = tempfile::tempdir().unwrap();
        let all = [
            submission(dir.path(), "ada", starter),
            submission(dir.path(), "bob", starter),
        ];
        assert_eq!(similarity(&all).unwrap(), []);
    }
}
