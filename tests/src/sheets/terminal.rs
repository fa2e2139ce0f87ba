//! Running a script: terminals with programs in them, and what they show.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::compare::{self, Progress};
use super::console::{Action, Key, Script, Step};
use super::{Problem, needs};
use crate::harness::{Exit, exit_of, forget_package, is_asleep};

/// How long something that a sheet shows may take to appear. A command may have to
/// compile first.
const DEADLINE: Duration = Duration::from_secs(60);
/// How often a wait looks whether the program still runs.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// How often in a row a program must be seen asleep to be at rest.
const ASLEEP: usize = 3;
/// A program that never rests, a flood for example, is not waited for any longer.
const RESTLESS: Duration = Duration::from_secs(5);
/// How long the output of a program that has ended may lag behind.
const LAST_OUTPUT: Duration = Duration::from_secs(1);
/// More output than this is kept from no program, in bytes.
const MAX_OUTPUT: usize = 1024 * 1024;

/// Runs a script in the folder `root`. Every program that it starts has ended afterwards.
///
/// # Errors
///
/// The first step that does not show what the sheet shows.
pub fn run_script(root: &Path, script: &Script) -> Result<(), Problem> {
    run_with_deadline(root, script, DEADLINE)
}

fn run_with_deadline(
    root: &Path,
    script: &Script,
    deadline: Duration,
) -> Result<(), Problem> {
    let ports = script.ports_in_commands();
    // What `cargo lab` keeps for a student must not touch the real one's.
    let work = tempfile::tempdir().ok();
    let work = work.as_ref().map(|dir| dir.path());
    let mut terminals: BTreeMap<&str, Terminal> = BTreeMap::new();
    for step in &script.steps {
        let terminal = terminals.entry(&step.terminal).or_insert_with(|| Terminal {
            root,
            work,
            ports: &ports,
            deadline,
            program: None,
            last_status: 0,
        });
        terminal.take(step).map_err(|text| Problem {
            sheet: script.sheet.clone(),
            line: step.line,
            text: format!("{}: {text}", step.terminal),
        })?;
    }
    for (name, terminal) in &mut terminals {
        let line = terminal.program.as_ref().map_or(1, |program| program.line);
        terminal.leave().map_err(|text| Problem {
            sheet: script.sheet.clone(),
            line,
            text: format!("{name}: {text}"),
        })?;
    }
    Ok(())
}

struct Terminal<'a> {
    root: &'a Path,
    work: Option<&'a Path>,
    /// Ports that are compared as they are.
    ports: &'a [String],
    deadline: Duration,
    program: Option<Program>,
    /// The exit status of the command before.
    last_status: i32,
}

/// A command that was started, all that it has shown, and all that it should have shown.
struct Program {
    /// Where the command stands on the sheet.
    line: usize,
    command: String,
    child: Child,
    stdin: Option<ChildStdin>,
    screen: Arc<Screen>,
    expected: String,
    /// A key was pressed that asks the program to end.
    ending: bool,
}

/// What stands on a terminal's screen since the last command began.
#[derive(Default)]
struct Screen {
    content: Mutex<Content>,
    changed: Condvar,
}

#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
    /// Nobody can write on it any more.
    closed: bool,
}

impl Screen {
    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, bytes: &[u8]) {
        let mut content = self.lock();
        if content.bytes.len() < MAX_OUTPUT {
            content.bytes.extend_from_slice(bytes);
        }
        self.changed.notify_all();
    }

    /// Ends a line that is still being written, as pressing a key in front of it would.
    fn start_line(&self) {
        let content = self.lock();
        let inside = content.bytes.last().is_some_and(|byte| *byte != b'\n');
        drop(content);
        if inside {
            self.add(b"\n");
        }
    }
}

impl Terminal<'_> {
    fn take(&mut self, step: &Step) -> Result<(), String> {
        match &step.action {
            Action::Run(command) => {
                self.finish()?;
                self.program = Some(self.start(command, step.line)?);
            }
            Action::Shows(line) => {
                let program = self.program()?;
                program.expected.push_str(line);
                program.expected.push('\n');
            }
            Action::Type { prompt, text } => {
                self.wait_for(prompt)?;
                let program = self.program()?;
                let typed = format!("{text}\n");
                program.expected.push_str(&format!("{prompt}{typed}"));
                // A terminal echoes what is typed before the program reads it.
                program.screen.add(typed.as_bytes());
                if let Some(stdin) = &mut program.stdin {
                    // A program that has ended does not read: what it shows will tell.
                    let _ = stdin.write_all(typed.as_bytes());
                }
                program.wait_until_at_rest();
            }
            Action::Press { prompt, key } => {
                self.wait_for(prompt)?;
                self.press(prompt, *key)?;
            }
            Action::BlockEnds => {
                self.wait_for("")?;
                self.program()?.wait_until_at_rest();
            }
        }
        Ok(())
    }

    fn program(&mut self) -> Result<&mut Program, String> {
        let program = self.program.as_mut();
        program.ok_or_else(|| "no command has been started here".to_owned())
    }

    fn start(&self, command: &str, line: usize) -> Result<Program, String> {
        let (mut reader, writer) = std::io::pipe().map_err(|error| error.to_string())?;
        let errors = writer.try_clone().map_err(|error| error.to_string())?;
        let mut child = shell(command, self.last_status)
            .envs(self.work.map(|work| ("LAB_WORK", work)))
            .current_dir(self.root)
            .stdin(Stdio::piped())
            .stdout(writer)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot start a shell: {error}"))?;
        let screen = Arc::new(Screen::default());
        let shown = Arc::clone(&screen);
        thread::spawn(move || {
            let mut buf = [0; 4096];
            while let Ok(len @ 1..) = reader.read(&mut buf) {
                shown.add(buf.get(..len).unwrap_or_default());
            }
            shown.lock().closed = true;
            shown.changed.notify_all();
        });
        Ok(Program {
            line,
            command: command.to_owned(),
            stdin: child.stdin.take(),
            child,
            screen,
            expected: String::new(),
            ending: false,
        })
    }

    fn press(&mut self, prompt: &str, key: Key) -> Result<(), String> {
        let program = self.program()?;
        if prompt.is_empty() {
            program.screen.start_line();
        }
        let shown = format!("{}\n", key.shown());
        program.screen.add(shown.as_bytes());
        program.expected.push_str(&format!("{prompt}{shown}"));
        program.ending = true;
        match key {
            Key::C => program.signal(Signal::INT),
            Key::D => program.stdin = None,
        }
        Ok(())
    }

    /// Waits until everything that is expected has appeared, and `prompt` on a line of
    /// its own after it.
    fn wait_for(&mut self, prompt: &str) -> Result<(), String> {
        let (ports, deadline) = (self.ports, self.deadline);
        let program = self.program()?;
        let expected =
            compare::normalise(&format!("{}{prompt}", program.expected), ports);
        let give_up = Instant::now() + deadline;
        let mut ended = false;
        let mut seen = None;
        let (mut shown, mut progress) = (String::new(), Progress::Partly);
        loop {
            let len = program.screen.lock().bytes.len();
            if seen.replace(len) != Some(len) {
                shown = program.shown(ports);
                progress = compare::progress(&expected, &shown);
            }
            match progress {
                Progress::Reached => return Ok(()),
                Progress::Never => return Err(program.differs(&expected, &shown)),
                Progress::Partly if ended => {
                    return Err(format!(
                        "the command has ended; {}",
                        program.differs(&expected, &shown)
                    ));
                }
                Progress::Partly if Instant::now() > give_up => {
                    return Err(format!(
                        "after {deadline:?} {}",
                        program.differs(&expected, &shown)
                    ));
                }
                Progress::Partly => {}
            }
            if program.has_ended()?.is_some() {
                program.read_the_rest();
                ended = true; // One last look.
            } else {
                program.wait_for_change();
            }
        }
    }

    /// Waits for the end of the program and compares all that it has shown.
    fn finish(&mut self) -> Result<(), String> {
        let (ports, deadline) = (self.ports, self.deadline);
        let Some(program) = &mut self.program else {
            return Ok(());
        };
        let give_up = Instant::now() + deadline;
        let exit = loop {
            if let Some(exit) = program.has_ended()? {
                break exit;
            }
            if Instant::now() > give_up {
                return Err(format!(
                    "`{}` (line {}) still runs after {deadline:?}; it shows:\n{}",
                    program.command,
                    program.line,
                    program.shown(ports)
                ));
            }
            program.wait_for_change();
        };
        program.read_the_rest();
        program.compare(ports)?;
        self.last_status = match exit {
            Exit::Status(status) => status,
            Exit::Signal(signal) => 128 + signal,
        };
        self.program = None;
        Ok(())
    }

    /// At the end of the sheet: what was told to end must end, and what a program has
    /// shown must be on the sheet. A program that goes on is stopped when it is dropped.
    fn leave(&mut self) -> Result<(), String> {
        let ports = self.ports;
        let Some(program) = &mut self.program else {
            return Ok(());
        };
        let give_up = Instant::now() + LAST_OUTPUT;
        while !program.ending && program.has_ended()?.is_none() {
            if Instant::now() > give_up {
                return program.compare(ports);
            }
            program.wait_for_change();
        }
        self.finish()
    }
}

impl Program {
    fn shown(&self, ports: &[String]) -> String {
        let content = self.screen.lock();
        compare::normalise(&String::from_utf8_lossy(&content.bytes), ports)
    }

    /// Compares all that the program has shown with all that the sheet shows of it.
    fn compare(&self, ports: &[String]) -> Result<(), String> {
        let expected = compare::normalise(&self.expected, ports);
        let shown = self.shown(ports);
        if compare::matches(&expected, &shown) {
            return Ok(());
        }
        Err(self.differs(&expected, &shown))
    }

    fn differs(&self, expected: &str, shown: &str) -> String {
        let diff = compare::diff(expected, shown).unwrap_or_default();
        format!(
            "`{}` (line {}) does not show what the sheet shows\n{diff}",
            self.command, self.line
        )
    }

    fn has_ended(&mut self) -> Result<Option<Exit>, String> {
        exit_of(&mut self.child)
            .map_err(|error| format!("cannot wait for `{}`: {error}", self.command))
    }

    fn wait_for_change(&self) {
        let content = self.screen.lock();
        drop(self.screen.changed.wait_timeout(content, LOOK_AGAIN));
    }

    /// Waits until the program has done all that it does by itself: until it and what it
    /// has started sleep, as `nc` does when it listens. Whoever goes to another terminal
    /// takes longer, but a test does not.
    fn wait_until_at_rest(&self) {
        let give_up = Instant::now() + RESTLESS;
        let mut asleep = 0;
        while asleep < ASLEEP && Instant::now() < give_up {
            thread::sleep(LOOK_AGAIN);
            let sleeps = is_asleep(self.child.id());
            asleep = if sleeps { asleep + 1 } else { 0 };
        }
    }

    /// Waits for the output that is still on its way when a program has ended.
    fn read_the_rest(&self) {
        let content = self.screen.lock();
        // A program left in the background may hold the pipe for longer.
        let open = |content: &mut Content| !content.closed;
        let wait = self
            .screen
            .changed
            .wait_timeout_while(content, LAST_OUTPUT, open);
        drop(wait);
    }

    /// Signals the program and everything that it has started.
    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, signal); // It may have ended already.
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A shell that runs one command as a terminal would: the interrupt signal ends it even if
/// the tests ignore it, and it ends with the tests.
fn shell(command: &str, last_status: i32) -> Command {
    let mut words: Vec<&str> = Vec::new();
    if cfg!(target_os = "linux") && needs::unmet("setpriv").is_none() {
        words.extend(["setpriv", "--pdeathsig", "KILL", "--"]);
    }
    if cfg!(target_os = "linux") && needs::unmet("env").is_none() {
        words.extend(["env", "--default-signal=INT"]);
    }
    words.push("bash");
    let mut shell = Command::new(words.first().copied().unwrap_or("bash"));
    shell.args(words.iter().skip(1)).arg("-c");
    if command.contains("$?") {
        shell.arg(format!("(exit {last_status}); {command}"));
    } else {
        shell.arg(command);
    }
    let path = std::env::var("PATH").unwrap_or_default();
    shell
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .env("CARGO_TERM_QUIET", "true")
        .env("TERM", "dumb")
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C.UTF-8")
        .env("PYTHONUNBUFFERED", "1")
        .env_remove("HOST")
        .env_remove("PORT")
        .env_remove("RUST_BACKTRACE")
        .env_remove("RUST_LOG");
    forget_package(&mut shell);
    shell
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheets::Sheet;

    /// Runs a sheet of console blocks that reaches no deadline.
    fn run(text: &str) -> Result<(), String> {
        run_within(Duration::from_secs(10), text)
    }

    /// Runs a sheet that can only end by reaching its deadline.
    fn wait_in_vain(text: &str) -> String {
        run_within(Duration::from_millis(300), text).unwrap_err()
    }

    fn run_within(deadline: Duration, text: &str) -> Result<(), String> {
        let sheet = Sheet::parse(Path::new("labs/x.md"), text);
        let script =
            Script::of(&sheet, |_| None).map_err(|problem| problem.to_string())?;
        let folder = tempfile::tempdir().unwrap();
        run_with_deadline(folder.path(), &script, deadline)
            .map_err(|problem| problem.to_string())
    }

    const SERVER: &str = "```console\n# Terminal 1\n$ trap 'echo bye; exit' INT; echo ready; \
         while sleep 0.01; do [ -s f ] && cat f && rm f; done\nready\n```\n";

    #[test]
    fn what_is_shown_is_compared() {
        let sheet = "```console\n# Terminal 1\n$ echo one two; echo three 127.0.0.1:$((40000 + 1))\none two\nthree 127.0.0.1:54321\n```\n";
        assert_eq!(run(sheet), Ok(()));
    }

    #[test]
    fn one_wrong_word_fails_and_is_shown() {
        let error =
            run("```console\n# Terminal 1\n$ echo one two\none too\n```\n").unwrap_err();
        assert!(error.contains("labs/x.md:4: Terminal 1"), "{error}");
        assert!(
            error.contains("- one too") && error.contains("+ one two"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_line_fails() {
        let sheet = "```console\n# Terminal 1\n$ printf '1\\n2\\n3\\n'\n1\n3\n```\n";
        assert!(run(sheet).is_err(), "in the middle");
        let sheet = "```console\n# Terminal 1\n$ printf '1\\n2\\n'\n1\n```\n";
        assert!(run(sheet).is_err(), "at the end");
        let sheet = "```console\n# Terminal 1\n$ printf '1\\n2\\n'\n1\n$ true\n```\n";
        assert!(run(sheet).is_err(), "before the next command");
    }

    #[test]
    fn a_line_too_many_fails() {
        let error = run("```console\n# Terminal 1\n$ echo 1\n1\n2\n```\n").unwrap_err();
        assert!(error.contains("the command has ended"), "{error}");
        let error =
            wait_in_vain("```console\n# Terminal 1\n$ echo 1; sleep 60\n1\n2\n```\n");
        assert!(error.contains("after 300ms"), "{error}");
    }

    #[test]
    fn any_lines_and_any_text_can_be_left_open() {
        let sheet =
            "```console\n# Terminal 1\n$ seq 9; echo v1.2 ok\n1\n...\n9\nv[..] ok\n```\n";
        assert_eq!(run(sheet), Ok(()));
        let sheet =
            "```console\n# Terminal 1\n$ seq 9; echo v1.2 ok\n1\n...\n9\nv[..] no\n```\n";
        assert!(run(sheet).is_err());
    }

    #[test]
    fn output_that_comes_later_is_waited_for() {
        let later = "```console\n# Terminal 2\n$ echo news > f\n```\n```console\n# Terminal 1\nnews\n```\n";
        let end = "```console\n# Terminal 1\n^C\nbye\n```\n";
        assert_eq!(run(&format!("{SERVER}{later}{end}")), Ok(()));
        let error = run(&format!(
            "{SERVER}{}{end}",
            later.replace("\nnews", "\nold")
        ))
        .unwrap_err();
        assert!(
            error.contains("- old") && error.contains("+ news"),
            "{error}"
        );
        let error =
            run(&format!("{SERVER}{later}{}", end.replace("bye", "by"))).unwrap_err();
        assert!(error.contains("- by") && error.contains("+ bye"), "{error}");
    }

    #[test]
    fn output_that_the_sheet_leaves_out_fails_at_the_latest_after_ctrl_c() {
        let sheet = SERVER.replace("echo ready", "printf 'ready\\nmore\\n'")
            + "```console\n# Terminal 1\n^C\nbye\n```\n";
        let error = run(&sheet).unwrap_err();
        assert!(error.contains("+ more"), "{error}");
    }

    #[test]
    fn typed_lines_are_echoed_and_read() {
        let sheet = "<!-- types: hello -->\n```console\n# Terminal 1\n$ printf 'Name: '; read n; echo \"Hi $n\"\nName: hello\nHi hello\n```\n";
        assert_eq!(run(sheet), Ok(()));
        let error = wait_in_vain(&sheet.replace("Name: hello", "Nane: hello"));
        assert!(error.contains("- Nane:"), "{error}");
        assert!(run(&sheet.replace("Hi hello", "Hi hallo")).is_err());
    }

    #[test]
    fn ctrl_d_ends_the_input() {
        let sheet = "<!-- types: a -->\n```console\n# Terminal 1\n$ cat; echo end\na\na\n^D\nend\n```\n";
        assert_eq!(run(sheet), Ok(()));
        let at_a_prompt =
            "```console\n# Terminal 1\n$ printf '> '; cat; echo end\n> ^D\nend\n```\n";
        assert_eq!(run(at_a_prompt), Ok(()));
    }

    #[test]
    fn the_status_of_the_command_before_is_known() {
        let sheet = "```console\n# Terminal 1\n$ (exit 3)\n$ echo $?\n3\n```\n";
        assert_eq!(run(sheet), Ok(()));
    }

    #[test]
    fn a_block_that_begins_with_output_needs_a_program() {
        let error = run("```console\n# Terminal 1\nhello\n```\n").unwrap_err();
        assert!(
            error.contains("no command has been started here"),
            "{error}"
        );
    }

    #[test]
    fn a_command_that_does_not_end_fails_before_the_next() {
        let error = wait_in_vain("```console\n# Terminal 1\n$ sleep 60\n$ true\n```\n");
        assert!(error.contains("`sleep 60` (line 3) still runs"), "{error}");
    }

    #[test]
    fn nothing_is_left_running() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("pid");
        let sheet = format!(
            "```console\n# Terminal 1\n$ sh -c 'echo $$ > {}; echo on; sleep 60' & wait\non\n```\n",
            pid_file.display()
        );
        assert_eq!(run(&sheet), Ok(()));
        let pid = std::fs::read_to_string(pid_file).unwrap();
        // Dead is dead, also where the init of a container buries its orphans late.
        let runs = || {
            let ps = Command::new("ps")
                .args(["-o", "stat=", "-p", pid.trim()])
                .output();
            let state = String::from_utf8(ps.unwrap().stdout).unwrap();
            !state.trim().is_empty() && !state.trim().starts_with('Z')
        };
        let give_up = Instant::now() + Duration::from_secs(5);
        while runs() {
            assert!(Instant::now() < give_up, "the program still runs");
        }
    }
}
