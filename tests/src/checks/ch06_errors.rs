//! Chapter 6: what programs must do when something goes wrong.

use std::time::Instant;

use super::common::because;
use crate::harness::prelude::*;

mod heartbeat;
mod retry;
mod robust;
mod safe;
mod select;

/// The checks of chapter 6.
pub fn checks() -> Vec<Check> {
    let mut checks = safe::checks();
    checks.extend(robust::checks());
    checks.extend(retry::checks());
    checks.extend(select::checks());
    checks.extend(heartbeat::checks());
    checks
}

const HINTS_TIMEOUT: &[&str] = &[
    "What does your program do when the other side says nothing, for ever?",
    "A socket has a read timeout: set it before you read.",
    "Which error does a read return when its time is up? Print the line for that one.",
];
const HINTS_SURVIVES: &[&str] = &[
    "A client may vanish at any moment, and may send any bytes.",
    "An error of one client ends that client's conversation, never the server.",
    "Handle the error of each read, write and decoding between accept and close: a \
     function per client that returns a Result, or try and except in Python. Print it \
     and go on with the next client.",
];
const HINTS_REFUSED: &[&str] = &[
    "connect can fail too: what does your program print then, and which status?",
    "Tell the kinds of errors apart. Refused is the one with nobody listening.",
    "Compare error.kind() with ErrorKind::ConnectionRefused, or catch \
     ConnectionRefusedError in Python. Print the line of the sheet and end with status \
     1.",
];
const HINTS_EOF: &[&str] = &[
    "What does read return when the client has closed its side?",
    "A read of 0 bytes is the end of the stream: leave the loop.",
    "Look at the result of read before you answer: Ok(0) in Rust, b\"\" from recv in \
     Python. Then read no more from this client, take its socket out of what you wait \
     for, and close it.",
];

/// 5 s, give or take half of it.
const FIVE_SECONDS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(2500)..=Duration::from_millis(7500);

/// Fails unless the time since `start` is about 5 s.
fn about_five_seconds(start: Instant, what: &str) -> Verdict {
    let time = start.elapsed();
    if FIVE_SECONDS.contains(&time) {
        return Ok(());
    }
    let got = format!("after {:.1} s", time.as_secs_f32());
    Err(Failure::new(format!("{what} after 5 s without data"), got).into())
}

/// Waits for a line with each of these texts and `more`.
fn prints_lines(server: &mut Program, texts: &[&str], more: &str) -> Verdict {
    for text in texts {
        server.wait_for_printed(
            &format!("it prints a line with {text:?} and {more:?}"),
            |printed| line_with(printed, text, more),
        )?;
    }
    Ok(())
}

/// Tells whether a line holds both texts.
fn line_with(printed: &str, first: &str, second: &str) -> bool {
    let both = |line: &str| line.contains(first) && line.contains(second);
    printed.lines().any(both)
}
