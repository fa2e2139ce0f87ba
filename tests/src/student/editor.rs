//! The student's editor, and how it is told a line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Editors that take `+LINE` in front of a file.
const PLUS_LINE: [&str; 11] = [
    "vi",
    "vim",
    "nvim",
    "gvim",
    "view",
    "nano",
    "pico",
    "micro",
    "emacs",
    "emacsclient",
    "joe",
];
/// Editors that take `-g FILE:LINE`.
const GOTO: [&str; 5] = ["code", "code-insiders", "codium", "cursor", "windsurf"];

/// The command that `VISUAL` or `EDITOR` holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Editor {
    words: Vec<String>,
}

impl Editor {
    /// The one that is set, `VISUAL` before `EDITOR`.
    ///
    /// # Errors
    ///
    /// What is wrong, and how to mend it.
    pub fn find() -> Result<Editor, String> {
        let set = |name| {
            let value = std::env::var_os(name)?;
            Some((name, value.to_string_lossy().into_owned()))
        };
        let mut named = ["VISUAL", "EDITOR"].into_iter().filter_map(set);
        let filled = |(_, value): &(&str, String)| !value.trim().is_empty();
        match (named.clone().find(filled), named.next()) {
            (Some((name, value)), _) => Editor::parse(name, &value),
            (None, Some((name, _))) => Err(format!(
                "{name} is empty: `export {name}=nano`, for instance"
            )),
            (None, None) => Err(
                "`export EDITOR=nano`, for instance, so that `cargo lab open` opens it"
                    .to_owned(),
            ),
        }
    }

    fn parse(name: &str, value: &str) -> Result<Editor, String> {
        let words = shlex::split(value).filter(|words| !words.is_empty());
        let words =
            words.ok_or_else(|| format!("{name} has an open quote: {value:?}"))?;
        let editor = Editor { words };
        match on_path(editor.program()) {
            true => Ok(editor),
            false => Err(format!(
                "{name} names {}, which is not there: install it, or `export {name}=nano`, \
                 for instance",
                editor.program()
            )),
        }
    }

    /// Its program, without arguments.
    pub fn program(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The words that open a file at a line, where the editor is known to take one.
    pub fn command(&self, file: &Path, line: usize) -> Vec<OsString> {
        let mut words: Vec<OsString> = self.words.iter().map(OsString::from).collect();
        let name = Path::new(self.program()).file_stem().unwrap_or_default();
        let name = name.to_string_lossy();
        if GOTO.contains(&&*name) {
            let mut place = file.as_os_str().to_owned();
            place.push(format!(":{line}"));
            words.extend(["-g".into(), place]);
            return words;
        }
        if PLUS_LINE.contains(&&*name) {
            words.push(format!("+{line}").into());
        }
        words.push(file.into());
        words
    }
}

/// Whether there is such a program: a path, or a name in one of the folders of `PATH`.
fn on_path(program: &str) -> bool {
    if program.contains(std::path::MAIN_SEPARATOR) {
        return Path::new(program).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |dir: PathBuf| {
        let ends = ["", std::env::consts::EXE_SUFFIX, ".cmd", ".bat"];
        ends.iter()
            .any(|end| dir.join(format!("{program}{end}")).is_file())
    };
    std::env::split_paths(&path).any(is_there)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(editor: &str) -> Vec<String> {
        let words = shlex::split(editor).unwrap();
        let words = Editor { words }.command(Path::new("a sheet.md"), 7);
        let words = words.into_iter();
        words.map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn an_editor_with_arguments_is_told_the_line_in_its_own_way() {
        let code = ["code", "--wait", "-g", "a sheet.md:7"];
        assert_eq!(opened("code --wait"), code);
        assert_eq!(
            opened("/usr/bin/vim -R"),
            ["/usr/bin/vim", "-R", "+7", "a sheet.md"]
        );
        assert_eq!(
            opened("emacsclient -t"),
            ["emacsclient", "-t", "+7", "a sheet.md"]
        );
        assert_eq!(opened("'my editor' -x"), ["my editor", "-x", "a sheet.md"]);
    }

    #[test]
    fn an_editor_that_is_not_there_is_named_with_the_fix() {
        let fault = Editor::parse("EDITOR", "no_such_editor --wait").unwrap_err();
        assert!(fault.contains("no_such_editor"), "{fault}");
        assert!(fault.contains("export EDITOR="), "{fault}");
        assert!(
            Editor::parse("EDITOR", "vi 'x")
                .unwrap_err()
                .contains("open quote")
        );
    }
}
