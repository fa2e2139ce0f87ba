//! Running a lab: parse the arguments, do the job, report a failure in one line.

use std::io::{self, ErrorKind, Write};
use std::panic;
use std::process::{self, ExitCode};

/// Runs a program with its arguments from the command line.
///
/// Wrong usage ends it with status 2. An error is printed on stderr as one line, what was
/// tried, why it failed and what to do, and the status is 1.
pub fn run<A: clap::Parser>(program: fn(A) -> anyhow::Result<()>) -> ExitCode {
    run_client(program, "")
}

/// As [`run`], for the client of a server lab: a refused connection adds how to start
/// the package `server`.
pub fn run_client<A: clap::Parser>(
    program: fn(A) -> anyhow::Result<()>,
    server: &str,
) -> ExitCode {
    end_quietly_when_nobody_reads();
    match program(A::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", describe(&error, server));
            ExitCode::FAILURE
        }
    }
}

/// Makes `println!` to a closed pipe (`cargo run -p tcp_server | head -1`) an error line
/// and status 1: std panics there, since it has no way to return the error.
fn end_quietly_when_nobody_reads() {
    let default_hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let text = info.payload().downcast_ref::<String>();
        match text.and_then(|text| text.strip_prefix("failed printing to ")) {
            Some(stream_and_cause) => {
                // "Broken pipe" on Unix, "The pipe is being closed" on Windows; on a full
                // disk there is no reader.
                let pipe = stream_and_cause.contains("pipe");
                let hint = if pipe { ". Its reader has gone" } else { "" };
                let _ = writeln!(
                    io::stderr(),
                    "error: cannot write to {stream_and_cause}{hint}"
                );
                process::exit(1);
            }
            None => default_hook(info),
        }
    }));
}

/// Returns the whole report: each attempt, the cause, and the hint if one is known.
fn describe(error: &anyhow::Error, server: &str) -> String {
    let mut report = String::new();
    let mut hint = None;
    let tried = error.to_string();
    for cause in error.chain() {
        if !report.is_empty() {
            report.push_str(": ");
        }
        match cause.downcast_ref::<io::Error>() {
            // EAGAIN means "no thread left" here, and elsewhere that time is up.
            Some(error) if tried.starts_with("cannot start a thread") => {
                report.push_str(&error.to_string());
            }
            Some(error) => {
                report.push_str(&reason(error));
                hint = hint_for(&tried, error.kind(), server);
            }
            None => report.push_str(&cause.to_string()),
        }
    }
    if let Some(hint) = hint {
        report.push_str(". ");
        report.push_str(&hint);
    }
    report
}

/// Returns the reason of an I/O error in plain words: `connection refused`.
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        // Unix reports an elapsed read timeout as "would block" (socket(7), SO_RCVTIMEO).
        ErrorKind::WouldBlock => ErrorKind::TimedOut.to_string(),
        kind if error.raw_os_error().is_some() && is_specific(kind) => kind.to_string(),
        _ => error.to_string(),
    }
}

/// Tells whether the kind says as much as the system's own text.
fn is_specific(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::AddrInUse
            | ErrorKind::AddrNotAvailable
            | ErrorKind::BrokenPipe
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::PermissionDenied
            | ErrorKind::TimedOut
    )
}

/// Returns what to do about an error of this kind when this was tried, if that is known.
fn hint_for(tried: &str, kind: ErrorKind, server: &str) -> Option<String> {
    let hint = match kind {
        _ if tried.starts_with("cannot find the host") => {
            "Check the spelling, or give its address"
        }
        ErrorKind::ConnectionRefused if server.is_empty() => {
            "Nobody listens there: check host and port"
        }
        ErrorKind::ConnectionRefused => {
            return Some(format!(
                "Is the server running? Start it with: cargo run -p {server}"
            ));
        }
        ErrorKind::AddrInUse => {
            "Another program has this address: stop it, or choose another port with --port"
        }
        ErrorKind::AddrNotAvailable => {
            "This machine has no such address: try --host 127.0.0.1"
        }
        ErrorKind::PermissionDenied if tried.starts_with("cannot listen") => {
            "A port below 1024 needs administrator rights: choose another with --port"
        }
        ErrorKind::TimedOut if tried.starts_with("cannot connect") => {
            "Are host and port right, and is no firewall in between?"
        }
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            "The other side is silent: is it the right one, or busy with somebody else?"
        }
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => {
            "The other side closed the connection early: its own output may say why"
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            "No network leads there: check the address and this machine's connection"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use anyhow::Context;

    use super::*;

    #[test]
    fn a_refused_connection_says_how_to_start_the_server() {
        // A port that was free a moment ago, with nobody behind it now.
        let addr = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let error = TcpStream::connect(addr)
            .map(drop)
            .with_context(|| format!("cannot connect to {addr}"))
            .unwrap_err();
        assert_eq!(
            describe(&error, "tcp_server"),
            format!(
                "cannot connect to {addr}: connection refused. \
                 Is the server running? Start it with: cargo run -p tcp_server"
            )
        );
    }

    #[test]
    fn a_port_in_use_says_how_to_choose_another() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let error = TcpListener::bind(addr)
            .map(drop)
            .with_context(|| format!("cannot listen on {addr}"))
            .unwrap_err();
        let report = describe(&error, "");
        assert!(report.contains("address in use"), "{report}");
        assert!(report.contains("--port"), "{report}");
    }

    #[test]
    fn the_hint_suits_what_was_tried() {
        let hint = |tried: &'static str, kind: ErrorKind| {
            let error = anyhow::Error::new(io::Error::from(kind)).context(tried);
            describe(&error, "")
        };
        let timeout = hint("cannot connect to h:1", ErrorKind::TimedOut);
        assert!(timeout.contains("firewall"), "{timeout}");
        let silence = hint("no reply from the server", ErrorKind::WouldBlock);
        assert!(silence.contains("silent"), "{silence}");
        let port = hint("cannot listen on h:1", ErrorKind::PermissionDenied);
        assert!(port.contains("--port"), "{port}");
        let file = hint("cannot write x.log", ErrorKind::PermissionDenied);
        assert_eq!(file, "cannot write x.log: permission denied");
    }

    #[test]
    fn a_read_timeout_is_called_a_timeout() {
        let error = io::Error::from(ErrorKind::WouldBlock);
        assert_eq!(reason(&error), "timed out");
    }
}
