//! Comparing what a sheet shows with what a terminal shows.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use snapbox::report::Palette;
use snapbox::{Assert, Data};

/// The lowest port that systems give to the calling side of a connection.
const FIRST_EPHEMERAL_PORT: u32 = 32768;
/// The course's own port above that limit: it is compared, not a pattern.
const LAB_PORT: &str = "65432";

/// What differs from run to run, and what stands for it.
static PATTERNS: LazyLock<Vec<(Option<Regex>, &str)>> = LazyLock::new(|| {
    [
        // Sat, 21 Nov 2026 09:28:17 GMT
        (
            r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun),? \d{1,2} [A-Z][a-z]{2} \d{4}\b",
            "[DATE]",
        ),
        // Sat Nov 21 09:28:17 2026
        (
            r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d( [A-Z]{3,4})? \d{4}\b",
            "[DATE] [TIME]",
        ),
        (r"\b20\d\d-\d\d-\d\dT", "[DATE] "),
        (r"\b20\d\d-\d\d-\d\d\b", "[DATE]"),
        (r"\b\d\d:\d\d:\d\d([.,]\d+)?Z?", "[TIME]"),
        (r"\b\d+(\.\d+)? ?(ns|µs|us|ms|msec)\b", "[DURATION]"),
        (r"\b\d+\.\d+ ?(s|sec|seconds)\b", "[DURATION]"),
    ]
    .map(|(pattern, placeholder)| (ascii(pattern), placeholder))
    .into()
});

static PORT: LazyLock<Option<Regex>> = LazyLock::new(|| ascii(r"\b[3-6]\d{4}\b"));

/// Compiles a pattern whose digits and words are those of ASCII: all of Unicode's take
/// longer to compile than a sheet takes to be compared.
fn ascii(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("(?-u){pattern}")).ok()
}

/// Replaces what differs from run to run by placeholders, and drops the white space at
/// the ends of lines. Ports in `known` are not replaced.
pub fn normalise(text: &str, known: &[String]) -> String {
    let mut text = text.replace('\r', "");
    for (pattern, placeholder) in PATTERNS.iter() {
        if let Some(pattern) = pattern {
            text = pattern.replace_all(&text, *placeholder).into_owned();
        }
    }
    if let Some(pattern) = PORT.as_ref() {
        text = pattern
            .replace_all(&text, |found: &Captures<'_>| {
                let port = found.get(0).map_or("", |digits| digits.as_str());
                match port.parse() {
                    Ok(FIRST_EPHEMERAL_PORT..=65535)
                        if port != LAB_PORT
                            && !known.iter().any(|known| known == port) =>
                    {
                        "[PORT]".to_owned()
                    }
                    _ => port.to_owned(),
                }
            })
            .into_owned();
    }
    let lines: Vec<&str> = text.split('\n').map(str::trim_end).collect();
    lines.join("\n")
}

/// How far a terminal has come.
#[cfg(unix)]
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// All that is expected has appeared, perhaps with more after it.
    Reached,
    /// What has appeared so far fits.
    Partly,
    /// What has appeared can never become what is expected.
    Never,
}

/// Compares the beginning of `actual` with all of `expected`; both are normalised.
#[cfg(unix)]
pub fn progress(expected: &str, actual: &str) -> Progress {
    let expected = expected.strip_suffix('\n').unwrap_or(expected);
    let lines: Vec<&str> = actual.split('\n').collect();
    // The last piece is a line that is still being written, or empty after a line end.
    let complete = lines.len().saturating_sub(1);
    if expected.is_empty() {
        return Progress::Reached;
    }
    let wanted: Vec<&str> = expected.split('\n').collect();
    if wanted.contains(&"...") {
        // It may end at any line that fits the last one that is wanted.
        let last = wanted.last().copied().unwrap_or_default();
        let ends_here = |len: &usize| {
            let line = len.checked_sub(1).and_then(|at| lines.get(at));
            *len == lines.len()
                || (last != "..." && line.is_some_and(|line| matches(last, line)))
        };
        let reached = (0..=lines.len()).filter(ends_here).any(|len| {
            let beginning = lines.get(..len).unwrap_or_default().join("\n");
            matches(expected, &beginning)
        });
        return if reached {
            Progress::Reached
        } else {
            Progress::Partly
        };
    }
    if let Some(beginning) = lines.get(..wanted.len())
        && matches(expected, &beginning.join("\n"))
    {
        return Progress::Reached;
    }
    let fits = wanted
        .iter()
        .zip(lines.iter().take(complete))
        .all(|(wanted, line)| matches(wanted, line));
    if fits && complete < wanted.len() {
        Progress::Partly
    } else {
        Progress::Never
    }
}

/// Tells whether two normalised texts are the same, but for wildcards and for empty lines
/// at the end.
pub fn matches(expected: &str, actual: &str) -> bool {
    if expected.contains("..") {
        return diff(expected, actual).is_none();
    }
    // Without a wildcard it need not be worked out how the two differ.
    expected.trim_end_matches('\n') == actual.trim_end_matches('\n')
}

/// Returns the difference of two normalised texts, `None` if there is none.
pub fn diff(expected: &str, actual: &str) -> Option<String> {
    let text = |text: &str| Data::text(text.trim_end_matches('\n').to_owned() + "\n");
    Assert::new()
        .action(snapbox::assert::Action::Verify)
        .palette(Palette::plain())
        .normalize_paths(false)
        .redact_with(snapbox::Redactions::new())
        .try_eq(
            Some(&"what the terminal shows"),
            text(actual),
            text(expected),
        )
        .err()
        .map(|error| error.to_string().trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_ports_times_and_durations_are_patterns() {
        assert_eq!(
            normalise("from 127.0.0.1:54321  \n('::1', 40000)", &[]),
            "from 127.0.0.1:[PORT]\n('::1', [PORT])"
        );
        assert_eq!(
            normalise("2026-11-21 09:28:17.123 took 1.5 ms, 0.25 s", &[]),
            "[DATE] [TIME] took [DURATION], [DURATION]"
        );
        assert_eq!(
            normalise("Sat, 21 Nov 2026 09:28:17 GMT", &[]),
            "[DATE] [TIME] GMT"
        );
    }

    #[test]
    fn ports_of_the_course_are_no_patterns() {
        let known = ["40000".to_owned()];
        let text = "127.0.0.1:8080 :65432 :40000 :31999 30 s";
        assert_eq!(normalise(text, &known), text);
    }

    #[cfg(unix)]
    #[test]
    fn progress_knows_what_may_still_come() {
        assert_eq!(progress("a\nb\n", ""), Progress::Partly);
        assert_eq!(progress("a\nb\n", "a\n"), Progress::Partly);
        assert_eq!(progress("a\nb\n", "a\nb"), Progress::Reached);
        assert_eq!(progress("a\nb\n", "a\nb\nmore\n"), Progress::Reached);
        assert_eq!(progress("a\nb\n", "a\nc\n"), Progress::Never);
        assert_eq!(progress("a\nEnter:", "a\nEnter:"), Progress::Reached);
        assert_eq!(progress("a\n...\nz\n", "a\nb\n"), Progress::Partly);
        assert_eq!(progress("a\n...\nz\n", "a\nb\nz\n"), Progress::Reached);
        assert_eq!(progress("a [..] c\n", "a b c\n"), Progress::Reached);
    }

    #[test]
    fn one_wrong_word_is_a_difference() {
        assert_eq!(diff("a b\nc [..]\n", "a b\nc d\n"), None);
        let diff = diff("a b\nc\n", "a x\nc\n").unwrap();
        assert!(diff.contains("- a b") && diff.contains("+ a x"), "{diff}");
    }
}
