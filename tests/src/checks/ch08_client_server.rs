//! Chapter 8: what its programs must do.

use crate::harness::Check;

mod app;
mod chat;
mod chat_client;
mod file_client;
mod files;

/// The checks of the chapter.
pub fn checks() -> Vec<Check> {
    let mut checks = app::checks();
    checks.extend(chat::checks());
    checks.extend(chat_client::checks());
    checks.extend(files::checks());
    checks.extend(file_client::checks());
    checks
}

const HINTS_LISTENS: &[&str] = &[
    "A server first asks the kernel for a port: which call does that?",
    "Bind to the host and port of the arguments, not to fixed ones.",
];
const HINTS_EOF: &[&str] = &[
    "What does read return when the client has closed its side?",
    "A read of 0 bytes is the end of the stream: leave the loop.",
];
const HINTS_SURVIVES: &[&str] = &[
    "A client may vanish at any moment, and may send any bytes.",
    "An error of one client ends that client's conversation, never the server.",
    "Look for every unwrap (or uncaught exception) between accept and close.",
];
const HINTS_MANY: &[&str] = &[
    "Who serves the second client while the first says nothing?",
    "The loop that accepts must not also talk: give each client a thread of its own.",
];
const HINTS_GIVES_BACK: &[&str] = &[
    "What is left of a client that has gone? Count threads and descriptors.",
    "Close the socket at every end of the handler, and take the client off every list.",
];
const HINTS_PORT: &[&str] = &[
    "Start your server twice, then stop it and start it again at once.",
    "A port in use is an error to report; a port in TIME_WAIT is not (SO_REUSEADDR).",
];
const HINTS_REFUSED: &[&str] = &[
    "Start your client without a server.",
    "connect returns an error: say in one line what failed, and end.",
];
const HINTS_CLIENT_ENDS: &[&str] = &[
    "Your client waits for two sides: the user and the server. Which one does it hear?",
    "While one thread waits for the user, another has to wait for the server.",
    "When either side ends, the whole client ends: do not wait for the other.",
];
