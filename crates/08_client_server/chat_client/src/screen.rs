//! Where the user types and reads.
//!
//! On a terminal a line editor (rustyline) owns the line being typed: what arrives is
//! printed above it. Where input or output is a file or a pipe, plain lines do.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustyline::{DefaultEditor, ExternalPrinter};

use crate::Event;

/// What asks the user for a line.
const PROMPT: &str = "You: ";
/// How long the server has for its answer before the prompt comes back.
const ANSWER_TIME: Duration = Duration::from_millis(300);
/// The answer is over when nothing follows for this long.
const ANSWER_PAUSE: Duration = Duration::from_millis(30);

/// The user's side.
pub struct Screen {
    /// Tells the thread that reads to ask for the next line.
    ask: Sender<()>,
    /// Prints above the line being typed; `None` where there is no terminal.
    printer: Option<Box<dyn ExternalPrinter + Send>>,
    /// The user may be typing.
    is_asking: bool,
    /// When the prompt comes back: it waits for the greeting, and later for the answer to
    /// each line.
    prompt_at: Instant,
    mode: TerminalMode,
}

impl Screen {
    /// Starts the thread that reads what the user types and sends it as events.
    ///
    /// # Errors
    ///
    /// When the terminal cannot be used.
    pub fn start(events: SyncSender<Event>) -> anyhow::Result<Self> {
        let mode = TerminalMode::now();
        let (ask, asked) = mpsc::channel();
        let mut printer: Option<Box<dyn ExternalPrinter + Send>> = None;
        if io::stdin().is_terminal() && io::stdout().is_terminal() {
            let mut editor = DefaultEditor::new().context("cannot use the terminal")?;
            printer = Some(Box::new(editor.create_external_printer()?));
            thread::spawn(move || edit_lines(&mut editor, &asked, &events));
        } else {
            thread::spawn(move || read_lines(&asked, &events));
        }
        Ok(Screen {
            ask,
            printer,
            is_asking: false,
            prompt_at: Instant::now() + ANSWER_TIME,
            mode,
        })
    }

    /// Waits for the next event, and shows the prompt when it is time.
    ///
    /// # Errors
    ///
    /// When the prompt cannot be written.
    pub fn next_event(&mut self, events: &Receiver<Event>) -> anyhow::Result<Event> {
        if !self.is_asking {
            let left = self.prompt_at.saturating_duration_since(Instant::now());
            if !left.is_zero()
                && let Ok(event) = events.recv_timeout(left)
            {
                return Ok(event);
            }
            self.ask_for_line()?;
        }
        let event = events.recv()?;
        if matches!(event, Event::Line(_) | Event::EndOfInput) {
            self.is_asking = false;
        }
        Ok(event)
    }

    /// Shows the prompt and lets the user type a line.
    fn ask_for_line(&mut self) -> anyhow::Result<()> {
        if self.printer.is_none() {
            print!("{PROMPT}");
            io::stdout().flush().context("cannot write the prompt")?;
        }
        self.is_asking = true;
        let _ = self.ask.send(()); // Fails only after the end of the input.
        Ok(())
    }

    /// Shows a line without spoiling the one that the user may be typing.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn show(&mut self, text: &str) -> anyhow::Result<()> {
        match &mut self.printer {
            Some(printer) if self.is_asking => printer.print(format!("{text}\n"))?,
            None if self.is_asking => {
                print!("\n{text}\n{PROMPT}");
                io::stdout().flush().context("cannot write")?;
            }
            _ => println!("{text}"),
        }
        self.prompt_at = self.prompt_at.min(Instant::now() + ANSWER_PAUSE);
        Ok(())
    }

    /// Gives the server time for its answer to a line before the prompt comes back.
    pub fn expect_answer(&mut self) {
        self.prompt_at = Instant::now() + ANSWER_TIME;
    }

    /// Leaves the line being typed, and the terminal as it was found.
    pub fn stop(&mut self) {
        if self.is_asking {
            // The editor has asked the terminal to mark what is pasted: it need not more.
            let end_of_paste_marks = self.printer.as_ref().map_or("", |_| "\x1b[?2004l");
            println!("{end_of_paste_marks}");
        }
        self.mode.restore();
    }
}

/// Reads lines with the editor, each when it is asked for.
fn edit_lines(
    editor: &mut DefaultEditor,
    asked: &Receiver<()>,
    events: &SyncSender<Event>,
) {
    while asked.recv().is_ok() {
        let event = match editor.readline(PROMPT) {
            Ok(line) => {
                let _ = editor.add_history_entry(&line); // Arrow up brings it back.
                Event::Line(line)
            }
            Err(_) => Event::EndOfInput, // Ctrl-D, Ctrl-C, or the terminal has gone.
        };
        let last = matches!(event, Event::EndOfInput);
        if events.send(event).is_err() || last {
            return;
        }
    }
}

/// Reads plain lines, each when it is asked for.
fn read_lines(asked: &Receiver<()>, events: &SyncSender<Event>) {
    let mut lines = io::stdin().lines();
    while asked.recv().is_ok() {
        let event = match lines.next() {
            Some(Ok(line)) => Event::Line(line),
            Some(Err(_)) | None => Event::EndOfInput,
        };
        let last = matches!(event, Event::EndOfInput);
        if events.send(event).is_err() || last {
            return;
        }
    }
}

/// How the terminal treats what is typed. The editor changes it while the user types, and
/// the program may end at that very moment, because the server does.
struct TerminalMode {
    #[cfg(unix)]
    found: Option<rustix::termios::Termios>,
}

#[cfg(unix)]
impl TerminalMode {
    fn now() -> Self {
        TerminalMode {
            found: rustix::termios::tcgetattr(io::stdin()).ok(),
        }
    }

    fn restore(&self) {
        if let Some(found) = &self.found {
            let when = rustix::termios::OptionalActions::Drain;
            let _ = rustix::termios::tcsetattr(io::stdin(), when, found);
        }
    }
}

#[cfg(not(unix))]
impl TerminalMode {
    fn now() -> Self {
        TerminalMode {}
    }

    /// The Windows console goes back by itself when the program ends.
    fn restore(&self) {}
}
