//! Facts in the output of a command-line tool, however it is laid out.

use std::net::Ipv6Addr;

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
        return Ok(without_colours(&program.printed()));
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

/// Requires that the tool ends with a word about this input, whatever it thinks of it.
pub fn survives(exam: &Exam, args: &[&str]) -> Verdict {
    let mut program = exam.tool(args)?;
    program.wait_exit(PATIENCE)?;
    program.expect_no_crash()?;
    match program.printed().trim() {
        "" => Err(Failure::new(format!("a word about {args:?}"), "nothing").into()),
        _ => Ok(()),
    }
}

/// Takes the escape sequences of colours out: `ESC [`, numbers, and a letter.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        let end = after.find(|c: char| !c.is_ascii_digit() && c != ';');
        let letter = end.and_then(|end| after.get(end..)).unwrap_or_default();
        let mut chars = letter.chars();
        chars.next();
        rest = chars.as_str();
    }
    plain + rest
}

/// Requires a line with this name and, behind it, this value as a word of its own.
/// Letter case, spacing and punctuation around the words are free, and so is the mark
/// between thousands. Both may have other forms, which stand behind a `|`: the first one
/// is that of the sheet.
pub fn expect(output: &str, names: &str, forms: &str) -> Verdict {
    let values: Vec<String> = names
        .split('|')
        .flat_map(|name| values(output, name))
        .collect();
    let is_there = |rest: &str, form: &str| {
        let (rest, wanted) = (words(rest), words(form));
        rest.windows(wanted.len()).any(|some| some == wanted)
    };
    for form in forms.split('|') {
        let has =
            |rest: &String| is_there(rest, form) || is_there(&ungrouped(rest), form);
        if values.iter().any(has) {
            return Ok(());
        }
    }
    let [name, value] = [names, forms].map(|all| all.split('|').next().unwrap_or(all));
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

/// As `expect`, but where no line has the name, the value may stand anywhere: "10.1.2.3 is
/// IPv4, private" tells as much.
pub fn expect_told(output: &str, name: &str, value: &str) -> Verdict {
    let wanted = words(value);
    let is_there = words(output)
        .windows(wanted.len())
        .any(|some| some == wanted);
    match values(output, name).is_empty() && is_there {
        true => Ok(()),
        false => expect(output, name, value),
    }
}

/// Writes `16,777,214` and `16_777_214` as `16777214`.
fn ungrouped(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let digit = |at: Option<usize>| {
        let char = at.and_then(|at| chars.get(at));
        char.is_some_and(char::is_ascii_digit)
    };
    let between = |at: usize| digit(at.checked_sub(1)) && digit(at.checked_add(1));
    let kept = chars
        .iter()
        .enumerate()
        .filter(|(at, char)| !matches!(char, ',' | '_' | '\'') || !between(*at));
    kept.map(|(_, char)| *char).collect()
}

/// Returns what stands behind the name on each line that has it.
fn values(output: &str, name: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    output
        .lines()
        .map(|line| line.to_ascii_lowercase().replace('_', " "))
        .filter_map(|line| line.find(&name).map(|at| (at + name.len(), line)))
        .filter_map(|(end, line)| line.get(end..).map(str::to_owned))
        .collect()
}

/// Splits at white space and strips what stands around a value.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| c.is_whitespace() || ",;()=\"'`|│┃║┆".contains(c))
        .map(|word| {
            let word = shortest(word);
            without_marks(&word).to_ascii_lowercase()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// Strips the colons and dots around a word. Those of an IPv6 address belong to it: `::1`
/// begins with two, `fe80::` ends with two.
fn without_marks(word: &str) -> &str {
    if !word.contains(':') {
        return word.trim_matches('.');
    }
    let is_addr = |word: &str| {
        let addr = word.split_once('/').map_or(word, |(addr, _)| addr);
        addr.parse::<Ipv6Addr>().is_ok()
    };
    let word = word.trim_end_matches('.');
    let shorter = word.strip_suffix(':').unwrap_or(word);
    match [word, shorter].into_iter().find(|word| is_addr(word)) {
        Some(addr) => addr,
        None => word.trim_matches([':', '.']),
    }
}

/// An IPv6 address has many forms (`2001:0db8:0:0::1`): all count as the shortest.
fn shortest(word: &str) -> String {
    if !word.contains(':') {
        return word.to_owned();
    }
    let (addr, rest) = word.find('/').map_or((word, ""), |at| word.split_at(at));
    match addr.parse::<Ipv6Addr>() {
        Ok(addr) => format!("{addr}{rest}"),
        Err(_) => word.to_owned(),
    }
}

/// Whether it is worth to cut a line into words. A table of a busy machine's sockets has
/// thousands of lines, and all words but IPv6 addresses stand in them as they are.
fn may_have(line: &str, wanted: &[&str]) -> bool {
    let line = line.to_ascii_lowercase();
    let mut plain = wanted.iter().filter(|word| !word.contains(':'));
    plain.all(|word| line.contains(&word.to_ascii_lowercase()))
}

/// Requires a line that has all these words, in any order.
pub fn expect_line(output: &str, wanted: &[&str]) -> Verdict {
    let has = |line: &str| {
        if !may_have(line, wanted) {
            return false;
        }
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
    for line in output.lines().filter(|line| may_have(line, unwanted)) {
        let words = line_words(line);
        let has = |word: &&str| words.contains(&word.to_ascii_lowercase());
        if unwanted.iter().all(has) {
            let wanted = format!("no line with {}", unwanted.join(" … "));
            return Err(Failure::new(wanted, escape(line.as_bytes())).into());
        }
    }
    Ok(())
}

/// The words of a line; of `22/tcp` and `10.0.0.1:22` also the bare number, and of
/// `[open]` the bare word.
fn line_words(line: &str) -> Vec<String> {
    let mut words = words(line);
    let port = |word: &String| {
        let (_, port) = word.rsplit_once(':')?;
        let is_number = port.chars().all(|c| c.is_ascii_digit());
        is_number.then(|| port.to_owned())
    };
    let bare: Vec<String> = words
        .iter()
        .flat_map(|word| {
            let number = word.strip_suffix("/tcp").or(word.strip_suffix("/udp"));
            let inner = word.strip_prefix('[').and_then(|w| w.strip_suffix(']'));
            let shorter = number.or(inner).map(str::to_owned);
            shorter.into_iter().chain(port(word))
        })
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
        assert!(expect("hosts: 16,777,214", "Hosts", "16777214").is_ok());
        let long = "Network: 2001:0DB8:0:0:0:0:0:0/32";
        assert!(expect(long, "Network", "2001:db8::/32").is_ok());
        assert!(expect(long, "Network", "2001:db8::/33").is_err());
        assert!(expect("│ first_host │ 10.0.0.1 │", "First host", "10.0.0.1").is_ok());
        let mask = "  mask 255.0.0.0";
        assert!(expect(mask, "Netmask|mask", "255.0.0.0|/8").is_ok());
        assert!(expect("netmask: /8", "Netmask|mask", "255.0.0.0|/8").is_ok());
        assert!(expect(mask, "Netmask|mask", "255.255.0.0|/16").is_err());
    }

    #[test]
    fn the_colons_of_an_ipv6_address_belong_to_it() {
        let lines = [
            "::1",
            "localhost: ::1, 127.0.0.1 (0.3 ms)",
            "::1: loopback",
            "localhost is ::1.",
            "IPv6 (::1)",
        ];
        for line in lines {
            assert!(expect_line(line, &["::1"]).is_ok(), "{line}");
        }
        assert!(expect_line("fe80:::", &["fe80::"]).is_ok());
        assert!(expect("Network: ::/0", "Network", "::/0").is_ok());
        assert!(expect("Network: ::/0", "Network", "/0").is_err());
        assert!(expect_line("port: 22: open.", &["port", "22", "open"]).is_ok());
        assert!(expect_line("at ... :: ...", &["::"]).is_ok());
    }

    #[test]
    fn colours_are_no_part_of_a_value() {
        let coloured = "\x1b[1;32mNetwork:\x1b[0m \x1b[4m10.0.0.0/8\x1b[0m\n";
        assert_eq!(without_colours(coloured), "Network: 10.0.0.0/8\n");
        assert_eq!(without_colours("\x1b["), "");
        assert_eq!(without_colours("a\x1b[3é"), "a");
    }

    #[test]
    fn a_line_has_its_words_in_any_order() {
        assert!(expect_line("22/tcp  open  ssh", &["22", "open"]).is_ok());
        assert!(expect_line("Port 22: open (ssh)", &["22", "open", "ssh"]).is_ok());
        assert!(expect_line("127.0.0.1:22 [open]", &["22", "open"]).is_ok());
        assert!(expect_line("122 open\n22 closed", &["22", "open"]).is_err());
        assert!(expect_no_line("122 open\n22 closed", &["22", "open"]).is_ok());
        assert!(expect_no_line("22 open", &["22", "open"]).is_err());
    }
}
