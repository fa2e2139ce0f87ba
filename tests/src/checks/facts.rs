//! Facts in the output of a command-line tool, however it is laid out.

use crate::harness::escape;
use crate::harness::prelude::*;

/// How long a tool may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the tool and returns all that it printed; its status must be 0.
pub fn run(exam: &Exam, args: &[&str]) -> Result<String, Stop> {
    let mut program = exam.tool(args)?;
    finish(&mut program)
}

/// Waits for the end of a tool and returns all that it printed; its status must be 0.
pub fn finish(program: &mut Program) -> Result<String, Stop> {
    let exit = program.wait_exit(PATIENCE)?;
    program.expect_no_crash()?;
    if exit == Exit::Status(0) {
        return Ok(program.printed());
    }
    let got = format!("{exit}; it printed {}", short(&program.printed()));
    Err(Failure::new("it ends with exit status 0", got).into())
}

/// Requires that the tool refuses this input: status not 0, a message, no crash.
pub fn refuses(exam: &Exam, args: &[&str]) -> Verdict {
    let mut program = exam.tool(args)?;
    let exit = program.wait_exit(PATIENCE)?;
    program.expect_no_crash()?;
    let wanted = format!("an error message and a status that is not 0 for {args:?}");
    if exit == Exit::Status(0) {
        let got = format!("exit status 0; it printed {}", short(&program.printed()));
        return Err(Failure::new(wanted, got).into());
    }
    if program.printed().trim().is_empty() {
        return Err(Failure::new(wanted, format!("{exit} without a word")).into());
    }
    Ok(())
}

/// Requires a line with this name and, behind it, this value as a word of its own.
/// Letter case, spacing and punctuation around the words are free.
pub fn expect(output: &str, name: &str, value: &str) -> Verdict {
    let values = values(output, name);
    let found = values.iter().any(|rest| {
        let rest = words(rest);
        let wanted = words(value);
        rest.windows(wanted.len()).any(|some| some == wanted)
    });
    if found {
        return Ok(());
    }
    let got = match values.len() {
        0 => format!("no line with {name}; it printed {}", short(output)),
        _ => values
            .iter()
            .map(|rest| format!("{name}{rest}"))
            .collect::<Vec<_>>()
            .join(" / "),
    };
    Err(Failure::new(format!("{name}: {value}"), escape(got.as_bytes())).into())
}

/// Returns what stands behind the name on each line that has it.
fn values(output: &str, name: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    output
        .lines()
        .map(str::to_ascii_lowercase)
        .filter_map(|line| line.find(&name).map(|at| (at + name.len(), line)))
        .filter_map(|(end, line)| line.get(end..).map(str::to_owned))
        .collect()
}

/// Splits at white space and strips what stands around a value.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| c.is_whitespace() || ",;()=\"'`|".contains(c))
        .map(|word| word.trim_matches(|c| ":.".contains(c) && word != "::"))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

/// Requires a line that has all these words, in any order.
pub fn expect_line(output: &str, wanted: &[&str]) -> Verdict {
    let has = |line: &str| {
        let words = line_words(line);
        wanted
            .iter()
            .all(|wanted| words.contains(&wanted.to_ascii_lowercase()))
    };
    if output.lines().any(has) {
        return Ok(());
    }
    let got = format!("it printed {}", short(output));
    Err(Failure::new(format!("a line with {}", wanted.join(" … ")), got).into())
}

/// Requires that no line has all these words.
pub fn expect_no_line(output: &str, unwanted: &[&str]) -> Verdict {
    for line in output.lines() {
        let words = line_words(line);
        let has = |word: &&str| words.contains(&word.to_ascii_lowercase());
        if unwanted.iter().all(has) {
            let wanted = format!("no line with {}", unwanted.join(" … "));
            return Err(Failure::new(wanted, escape(line.as_bytes())).into());
        }
    }
    Ok(())
}

/// The words of a line; of `22/tcp` and `22:` also the bare number.
fn line_words(line: &str) -> Vec<String> {
    let mut words = words(line);
    let bare: Vec<String> = words
        .iter()
        .filter_map(|word| word.strip_suffix("/tcp").or(word.strip_suffix("/udp")))
        .map(str::to_owned)
        .collect();
    words.extend(bare);
    words
}

/// The beginning of an output, for a failure's text.
pub fn short(output: &str) -> String {
    const SHOWN: usize = 600;
    let text: String = output.trim().chars().take(SHOWN).collect();
    match text.as_str() {
        "" => "nothing".to_owned(),
        text => escape(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_free_and_values_are_not() {
        let forms = [
            "Network:     192.168.1.0/24",
            "INFO network = 192.168.1.0/24",
            "  network address (192.168.1.0/24).",
        ];
        for form in forms {
            assert!(expect(form, "Network", "192.168.1.0/24").is_ok(), "{form}");
            assert!(expect(form, "Network", "192.168.1.0").is_err(), "{form}");
            assert!(expect(form, "Broadcast", "192.168.1.0/24").is_err());
        }
        assert!(expect("First host: ::", "First host", "::").is_ok());
        assert!(expect("Hosts: 2540", "Hosts", "254").is_err());
    }

    #[test]
    fn a_line_has_its_words_in_any_order() {
        assert!(expect_line("22/tcp  open  ssh", &["22", "open"]).is_ok());
        assert!(expect_line("Port 22: open (ssh)", &["22", "open", "ssh"]).is_ok());
        assert!(expect_line("122 open\n22 closed", &["22", "open"]).is_err());
        assert!(expect_no_line("122 open\n22 closed", &["22", "open"]).is_ok());
        assert!(expect_no_line("22 open", &["22", "open"]).is_err());
    }
}
