//! `lab.toml`: how to start programs in any language.

use std::collections::BTreeMap;
use std::path::Path;

/// How a submission that is no Cargo package is built and started.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LabToml {
    /// The command that builds its programs, once.
    pub build: Option<Vec<String>>,
    /// The command of each step, or what is wrong with it.
    pub programs: BTreeMap<String, Result<Vec<String>, String>>,
}

impl LabToml {
    /// Reads the one in a folder; `None` when there is none.
    ///
    /// # Errors
    ///
    /// In words for the student, when it cannot be read or understood.
    pub(super) fn read(folder: &Path) -> Result<Option<LabToml>, String> {
        let file = folder.join("lab.toml");
        if !file.exists() {
            return Ok(None);
        }
        let bytes = std::fs::read(&file).map_err(|error| format!("lab.toml: {error}"))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| "lab.toml: it is not UTF-8; save it as UTF-8".to_owned())?;
        LabToml::parse(&text).map(Some)
    }

    fn parse(text: &str) -> Result<LabToml, String> {
        // What some editors put in front of UTF-8.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            format!("lab.toml: line {line}: {}", error.message())
        })?;
        let mut lab_toml = LabToml::default();
        for (key, value) in &table {
            match (key.as_str(), value) {
                ("build", value) => lab_toml.build = Some(command("build", value)?),
                ("programs", toml::Value::Table(programs)) => {
                    for (step, value) in programs {
                        let name = step.replace('-', "_");
                        lab_toml.programs.insert(name, command(step, value));
                    }
                }
                _ => {
                    return Err(format!(
                        "lab.toml: it says {key:?}, but commands stand in a table [programs]"
                    ));
                }
            }
        }
        if lab_toml.programs.is_empty() {
            return Err("lab.toml: it has no table [programs] with a command".to_owned());
        }
        Ok(lab_toml)
    }
}

/// The words of a command, which is a line as a shell reads it or a list of words.
fn command(name: &str, value: &toml::Value) -> Result<Vec<String>, String> {
    let fault = |what: &str| format!("lab.toml: the command of {name} {what}");
    let words = match value {
        toml::Value::String(line) => {
            shlex::split(line).ok_or_else(|| fault("has an open quote"))?
        }
        toml::Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| fault("has a word that is no text"))?,
        _ => return Err(fault("is neither a text nor a list of texts")),
    };
    match words.first().is_none_or(String::is_empty) {
        true => Err(fault("is empty")),
        false => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut lab_toml = LabToml::parse(text).unwrap();
        lab_toml.programs.remove("tcp_server").unwrap().unwrap()
    }

    #[test]
    fn a_command_is_a_line_or_a_list() {
        let wanted = ["python3", "my server.py", "{port}"];
        let line = "[programs]\ntcp_server = \"python3 'my server.py' {port}\"";
        assert_eq!(words(line), wanted);
        let list = "[programs]\ntcp_server = ['python3', 'my server.py', '{port}']";
        assert_eq!(words(list), wanted);
    }

    #[test]
    fn files_of_windows_editors_are_read() {
        let text = "\u{feff}[programs]\r\ntcp-server = \"./run\"\r\n";
        assert_eq!(words(text), ["./run"]);
    }

    #[test]
    fn a_wrong_file_is_answered_with_the_line_or_the_word() {
        let fault = |text| LabToml::parse(text).unwrap_err();
        assert!(fault("\n[programs\na = 1").contains("line 2"));
        assert!(fault("tcp_server = './run'").contains("\"tcp_server\""));
        assert!(fault("").contains("[programs]"));
        assert!(fault("[programs]").contains("[programs]"));
    }

    #[test]
    fn a_wrong_command_leaves_the_others_alone() {
        let text = "[programs]\na = \"x 'y\"\nb = ''\nc = 5\nd = ['x', 1]\ne = './run'";
        let lab_toml = LabToml::parse(text).unwrap();
        for (step, part) in [
            ("a", "open quote"),
            ("b", "is empty"),
            ("c", "neither"),
            ("d", "no text"),
        ] {
            let fault = lab_toml.programs[step].clone().unwrap_err();
            assert!(fault.contains(part) && fault.contains(step), "{fault}");
        }
        assert!(lab_toml.programs["e"].is_ok());
    }
}
