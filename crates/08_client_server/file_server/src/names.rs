//! Which names a file may have. A name from the wire becomes part of a path, so this is
//! where `../../etc/passwd` has to end.

use std::fmt;

use crate::MAX_NAME;

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It has no character at all.
    Empty,
    /// It is longer than [`MAX_NAME`] bytes.
    TooLong,
    /// It holds `/` or `\`, which would lead to another directory.
    Separator,
    /// It begins with a dot: `.`, `..`, hidden files and our own unfinished ones.
    Dot,
    /// It holds NUL, another control character, or one that Windows forbids.
    Character(char),
    /// It ends in a dot or a space, which Windows drops: two names for one file.
    End,
    /// It names a device on Windows: `CON`, `nul.txt`, `COM1`.
    Device,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Empty => write!(f, "a name is not empty"),
            NameError::TooLong => write!(f, "a name has at most {MAX_NAME} bytes"),
            NameError::Separator => write!(f, "a name holds no / and no \\"),
            NameError::Dot => write!(f, "a name does not begin with a dot"),
            NameError::Character(c) => {
                write!(f, "a name does not hold {}", c.escape_default())
            }
            NameError::End => write!(f, "a name does not end in a dot or a space"),
            NameError::Device => write!(f, "Windows has a device of this name"),
        }
    }
}

impl std::error::Error for NameError {}

/// Tells whether a file may have this name: one component of a path, and one that every
/// system takes for the same file. The rules of Windows hold everywhere, since a file may
/// travel there, and since what is refused here cannot be misunderstood anywhere.
///
/// # Errors
///
/// The first rule that the name breaks.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(NameError::TooLong);
    }
    if name.contains(['/', '\\']) {
        return Err(NameError::Separator);
    }
    if name.starts_with('.') {
        return Err(NameError::Dot);
    }
    let is_forbidden = |c: char| c.is_control() || r#"<>:"|?*"#.contains(c);
    if let Some(c) = name.chars().find(|&c| is_forbidden(c)) {
        return Err(NameError::Character(c));
    }
    if name.ends_with(['.', ' ']) {
        return Err(NameError::End);
    }
    if is_device(name) {
        return Err(NameError::Device);
    }
    Ok(())
}

/// Windows takes a device's name for the device in every directory and with every
/// extension: `C:\files\nul.txt` is the device NUL.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let stem = stem.to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => {
            let number = stem
                .strip_prefix("COM")
                .or_else(|| stem.strip_prefix("LPT"));
            let is_digit = |c| matches!(c, '0'..='9' | '¹' | '²' | '³');
            number.is_some_and(|n| n.chars().count() == 1 && n.chars().all(is_digit))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_allowed() {
        for name in [
            "a",
            "report.pdf",
            "Ünïcode – 日本.txt",
            "no extension",
            "a..b",
            "-rf",
            "COM",
            "console.log",
            "COM10",
        ] {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
        assert_eq!(check_name(&"x".repeat(255)), Ok(()));
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        for name in [
            "../x",
            "..",
            ".",
            "/etc/passwd",
            "a/b",
            "a/../b",
            "..\\x",
            "C:\\x",
            "\\\\host\\x",
            "C:x",
            "x:stream",
            ".upload-1",
            ".hidden",
            "a\0b",
            "a\nb",
            "nul",
            "NUL.txt",
            "Com1",
            "lpt9.a.b",
            "con .txt",
            "a.",
            "a ",
            "a*",
            "",
            "a\u{85}b",
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert_eq!(check_name(&"é".repeat(128)), Err(NameError::TooLong));
    }
}
