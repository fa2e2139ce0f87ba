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
    "TcpListener::bind((host, port)) does it all in Rust. In Python it is socket, then \
     bind((host, port)), then listen, with the values that your program was started \
     with.",
];
const HINTS_EOF: &[&str] = &[
    "What does read return when the client has closed its side?",
    "A read of 0 bytes is the end of the stream: leave the loop.",
    "Look at the result of read before you use it: Ok(0) in Rust, b\"\" from recv in \
     Python. Then read no more, and close the stream.",
];
const HINTS_SURVIVES: &[&str] = &[
    "A client may vanish at any moment, and may send any bytes.",
    "An error of one client ends that client's conversation, never the server.",
    "Look for every unwrap (or uncaught exception) between accept and close.",
];
const HINTS_MANY: &[&str] = &[
    "Who serves the second client while the first says nothing?",
    "The loop that accepts must not also talk: give each client a thread of its own.",
    "thread::spawn(move || serve(stream)) right after accept; in Python \
     threading.Thread(target=serve, args=(conn, addr)).start(). Do not join it in the \
     loop.",
];
const HINTS_GIVES_BACK: &[&str] = &[
    "What is left of a client that has gone? Count threads and descriptors.",
    "Close the socket at every end of the handler, and take the client off every list.",
    "Let one function hold a client's whole visit, so that its return closes the stream \
     and removes the entry, after quit, after the end and after an error. In Python that \
     is with conn, and try with finally.",
];
const HINTS_PORT: &[&str] = &[
    "Start your server twice, then stop it and start it again at once.",
    "A port in use is an error to report; a port in TIME_WAIT is not (SO_REUSEADDR).",
    "Call setsockopt(SOL_SOCKET, SO_REUSEADDR, 1) before bind; TcpListener::bind of Rust \
     does that for you on Unix. Match the Err of bind, or catch OSError in Python, print \
     it and end with status 1.",
];
const HINTS_REFUSED: &[&str] = &[
    "Start your client without a server.",
    "connect returns an error: say in one line what failed, and end.",
    "Match the Err of TcpStream::connect in place of an unwrap, or catch OSError around \
     Python's connect. Print the line of the sheet and end with status 1.",
];
const HINTS_CLIENT_ENDS: &[&str] = &[
    "Your client waits for two sides: the user and the server. Which one does it hear?",
    "While one thread waits for the user, another has to wait for the server.",
    "When either side ends, the whole client ends: do not wait for the other.",
];
