//! From the console blocks of a sheet to what is done and expected, step by step.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use regex::Regex;

use super::{ConsoleBlock, Problem, Sheet};

/// All console blocks of a sheet, as one series of steps in several terminals.
#[derive(Clone, Debug)]
pub struct Script {
    /// The sheet that the script comes from.
    pub sheet: PathBuf,
    /// What is done and expected, in order.
    pub steps: Vec<Step>,
    /// The needs of all blocks, met or not.
    pub needs: BTreeSet<String>,
}

/// One line of a console block, or its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line on the sheet.
    pub line: usize,
    /// The terminal's name: `Terminal 1`.
    pub terminal: String,
    /// What happens there.
    pub action: Action,
}

/// What happens in a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A command starts, after the one before has ended.
    Run(String),
    /// A line appears.
    Shows(String),
    /// When all before it and the prompt have appeared, the user types a line.
    Type {
        /// What stands before the typed text on its line.
        prompt: String,
        /// What is typed, without the line end.
        text: String,
    },
    /// When all before it and the prompt have appeared, the user presses a key.
    Press {
        /// What stands before the key on its line.
        prompt: String,
        /// Which key.
        key: Key,
    },
    /// The block ends: all that it shows must have appeared.
    BlockEnds,
}

/// A key that is pressed together with Ctrl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Ctrl-C: the interrupt signal.
    C,
    /// Ctrl-D: the end of the input.
    D,
}

impl Key {
    /// Returns what a terminal shows: `^C`.
    pub fn shown(self) -> &'static str {
        match self {
            Key::C => "^C",
            Key::D => "^D",
        }
    }
}

impl Script {
    /// Reads the console blocks of a sheet. Blocks with a need for which `unmet` has a
    /// reason are left out.
    ///
    /// # Errors
    ///
    /// The first block that does not follow the format.
    pub fn of(
        sheet: &Sheet,
        unmet: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problem> {
        let mut script = Script {
            sheet: sheet.path.clone(),
            steps: Vec::new(),
            needs: BTreeSet::new(),
        };
        let mut prompts = HashMap::new();
        for block in &sheet.consoles {
            script.needs.extend(block.needs.iter().cloned());
            if block.needs.iter().any(|need| unmet(need).is_some()) {
                continue;
            }
            let steps =
                steps_of(block, &mut prompts).map_err(|(line, text)| Problem {
                    sheet: sheet.path.clone(),
                    line,
                    text,
                })?;
            script.steps.extend(steps);
        }
        Ok(script)
    }

    /// Returns all commands.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match &step.action {
            Action::Run(command) => Some(command.as_str()),
            _ => None,
        })
    }

    /// Returns the packages that the commands run with cargo: they are built beforehand,
    /// so that no wait contains a compilation.
    pub fn packages(&self) -> BTreeSet<String> {
        let mut packages = BTreeSet::new();
        if self.commands().any(|command| command.contains("cargo lab")) {
            packages.insert("lab".to_owned());
        }
        for command in self
            .commands()
            .filter(|command| command.contains("cargo run"))
        {
            let mut words = command.split_whitespace();
            while let Some(word) = words.next() {
                if let ("-p" | "--package", Some(package)) = (word, words.clone().next())
                {
                    packages.insert(package.to_owned());
                }
            }
        }
        packages
    }

    /// Returns the numbers in commands that may be ports: they are no patterns.
    pub fn ports_in_commands(&self) -> Vec<String> {
        let Ok(number) = Regex::new(r"(?-u)\b\d{4,5}\b") else {
            return Vec::new();
        };
        let all = self
            .commands()
            .flat_map(|command| number.find_iter(command));
        all.map(|number| number.as_str().to_owned()).collect()
    }

    /// Returns the ports that somebody listens on, as far as the text tells: without a
    /// network of its own the script can only run when they are free.
    pub fn ports(&self) -> BTreeSet<u16> {
        let Ok(port) = Regex::new(r"(?-u)[: ](\d{4,5})\b") else {
            return BTreeSet::new();
        };
        let lines = self.steps.iter().filter_map(|step| match &step.action {
            Action::Run(text) | Action::Shows(text) => Some(text),
            _ => None,
        });
        lines
            .flat_map(|line| port.captures_iter(line))
            .filter_map(|found| found.get(1)?.as_str().parse().ok())
            .filter(|port| (1024..32768).contains(port) || *port == 65432)
            .collect()
    }
}

/// A line on the sheet, and what is wrong with it.
type Fault = (usize, String);

/// Returns the steps of one block. `prompts` holds the last prompt of each terminal.
fn steps_of(
    block: &ConsoleBlock,
    prompts: &mut HashMap<String, String>,
) -> Result<Vec<Step>, Fault> {
    let mut lines = block.text.lines().enumerate().peekable();
    let terminal = lines
        .next()
        .and_then(|(_, first)| terminal_in(first))
        .ok_or((
            block.line,
            "a console block names its terminal first: # Terminal 1".to_owned(),
        ))?;
    let mut steps = Vec::new();
    let mut typed = block.types.iter().peekable();
    let mut prompt = prompts.remove(&terminal);
    let mut last_line = block.line;
    while let Some((number, line)) = lines.next() {
        last_line = block.line + number;
        let action = if let Some(first) = line.strip_prefix("$ ") {
            prompt = None;
            let mut command = first.to_owned();
            // A command goes on in the next line after a backslash, as in a shell.
            while command.ends_with('\\')
                && let Some((_, more)) = lines.next()
            {
                command.push('\n');
                command.push_str(more.strip_prefix("> ").unwrap_or(more));
            }
            Action::Run(command)
        } else if let Some((prompt, key)) = key_in(line) {
            Action::Press { prompt, key }
        } else if let Some(text) = typed.peek()
            && let rest = block.text.lines().skip(number + 1)
            && let Some(found) = typed_in(line, text, prompt.as_deref(), rest)
        {
            let text = (*text).clone();
            typed.next();
            prompt = Some(found.clone());
            Action::Type {
                prompt: found,
                text,
            }
        } else {
            Action::Shows(line.to_owned())
        };
        steps.push(Step {
            line: last_line,
            terminal: terminal.clone(),
            action,
        });
    }
    if let Some(text) = typed.next() {
        let fault = format!("the block does not show where {text:?} is typed");
        return Err((block.line, fault));
    }
    if let Some(prompt) = prompt {
        prompts.insert(terminal.clone(), prompt);
    }
    steps.push(Step {
        line: last_line,
        terminal,
        action: Action::BlockEnds,
    });
    Ok(steps)
}

/// Returns `Terminal 1` from `# Terminal 1`, and from `# Terminal 1: the server` too.
fn terminal_in(line: &str) -> Option<String> {
    let number: String = line
        .strip_prefix("# Terminal ")?
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    (!number.is_empty()).then(|| format!("Terminal {number}"))
}

fn key_in(line: &str) -> Option<(String, Key)> {
    [Key::C, Key::D].into_iter().find_map(|key| {
        let prompt = line.trim_end().strip_suffix(key.shown())?;
        Some((prompt.to_owned(), key))
    })
}

/// Tells whether `text` is typed on this line, and returns the prompt before it.
///
/// An answer may end with the typed text as well (`Received: hello`). So where a prompt is
/// known from the line typed before, and comes again below, only that prompt counts.
fn typed_in<'a>(
    line: &str,
    text: &str,
    known: Option<&str>,
    mut rest: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let typed_after = |prompt: &str, line: &str| {
        line.trim_end() == format!("{prompt}{text}").trim_end()
    };
    if let Some(prompt) = known {
        if typed_after(prompt, line) {
            return Some(prompt.to_owned());
        }
        if rest.any(|line| typed_after(prompt, line)) {
            return None;
        }
    }
    line.trim_end()
        .strip_suffix(text.trim_end())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn script(text: &str) -> Result<Script, Problem> {
        Script::of(&Sheet::parse(Path::new("labs/x.md"), text), |need| {
            (need == "missing").then(|| "not installed".to_owned())
        })
    }

    fn actions(text: &str) -> Vec<Action> {
        let script = script(text).unwrap();
        script.steps.into_iter().map(|step| step.action).collect()
    }

    fn typed(prompt: &str, text: &str) -> Action {
        Action::Type {
            prompt: prompt.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn typed_lines_are_told_from_answers() {
        let text = "<!-- types: hi -->\n<!-- types: hi -->\n```console\n# Terminal 2\n$ client\nEnter: hi\nReceived: hi\nEnter: hi\nReceived: hi\nEnter: ^D\n```\n";
        assert_eq!(
            actions(text),
            [
                Action::Run("client".to_owned()),
                typed("Enter: ", "hi"),
                Action::Shows("Received: hi".to_owned()),
                typed("Enter: ", "hi"),
                Action::Shows("Received: hi".to_owned()),
                Action::Press {
                    prompt: "Enter: ".to_owned(),
                    key: Key::D
                },
                Action::BlockEnds,
            ]
        );
    }

    #[test]
    fn a_prompt_is_remembered_from_block_to_block() {
        let text = "<!-- types: a -->\n```console\n# Terminal 1\n$ nc\na\nEcho: a\n```\n<!-- types: b -->\n```console\n# Terminal 1\nnews: b\nb\nEcho: b\n```\n";
        let actions = actions(text);
        assert_eq!(actions[1], typed("", "a"));
        assert_eq!(actions[4], Action::Shows("news: b".to_owned()));
        assert_eq!(actions[5], typed("", "b"));
    }

    #[test]
    fn a_block_without_a_terminal_is_a_problem() {
        let problem = script("Text\n\n```console\n$ ls\n```\n").unwrap_err();
        assert_eq!(problem.line, 4);
        assert!(problem.text.contains("# Terminal 1"), "{problem}");
    }

    #[test]
    fn a_typed_line_that_is_not_shown_is_a_problem() {
        let problem =
            script("<!-- types: x -->\n```console\n# Terminal 1\n$ cat\ny\n```\n")
                .unwrap_err();
        assert!(problem.text.contains("\"x\" is typed"), "{problem}");
    }

    #[test]
    fn a_block_whose_need_is_not_met_is_left_out() {
        let script =
            script("<!-- needs: missing -->\n```console\n# Terminal 1\n$ missing\n```\n")
                .unwrap();
        assert_eq!(script.steps, []);
        assert!(script.needs.contains("missing"));
    }

    #[test]
    fn packages_and_ports_are_read_from_the_commands() {
        let script = script(
            "```console\n# Terminal 1\n$ cargo run -p a -- --port 9999\nOn 127.0.0.1:8080\n$ FOO=1 cargo run --package b \\\n>   -- -p c\n```\n",
        )
        .unwrap();
        assert!(script.packages().contains("a") && script.packages().contains("b"));
        assert_eq!(script.ports_in_commands(), ["9999"]);
        assert_eq!(script.ports(), BTreeSet::from([8080, 9999]));
        assert_eq!(
            script.commands().nth(1),
            Some("FOO=1 cargo run --package b \\\n  -- -p c")
        );
    }
}
