//! Chapter 9: what the UDP programs must do.

use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use super::{common, facts};
use crate::harness::prelude::*;

mod discovery;
mod echo;
mod frames;
mod one_way;
mod request;

/// The checks of chapter 9.
pub fn checks() -> Vec<Check> {
    let mut checks = request::checks();
    checks.extend(echo::checks());
    checks.extend(one_way::checks());
    checks.extend(discovery::checks());
    checks.extend(frames::checks());
    checks
}

const START: &str = "labs/09_udp.md#step-1-start-the-server";
const CLOSED: &str = "labs/09_udp.md#step-3-ask-where-nobody-is";
const HINTS_LISTENS: &[&str] = &[
    "A server needs a socket with a port of its own: which call gives it one?",
    "Bind a UDP socket to the host and port of the arguments. There is no listen().",
    "UdpSocket::bind((host, port)) does it in Rust. In Python it is \
     socket.socket(AF_INET, SOCK_DGRAM), then bind((host, port)).",
];
const HINTS_ADDRESS: &[&str] = &[
    "Who gets your answer? Where does your program know that from?",
    "recv_from returns two things: how many bytes came, and from which address.",
    "Send each answer to the address that came with its datagram.",
];
const HINTS_LARGE: &[&str] = &[
    "How large is your buffer, and what happens to the bytes that do not fit?",
    "A datagram is read whole or cut: the rest is not there at the next read.",
    "Give recv_from a buffer of 65,535 bytes, as long as a datagram can be, or call \
     recvfrom(65535) in Python.",
];
const HINTS_EMPTY: &[&str] = &[
    "What does a length of 0 mean for TCP, and what for UDP?",
    "UDP has no end of a stream. An empty datagram is a datagram.",
    "Take out the branch for a length of 0 (if len == 0, or if not data in Python): \
     send_to (sendto) answers here as always.",
];
const HINTS_BYTES: &[&str] = &[
    "Not all bytes are text. What does your conversion do with 0xff?",
    "Decode with replacement for the screen, and keep the bytes for everything else.",
    "String::from_utf8_lossy(&buf[..len]), or data.decode(errors=\"replace\") in Python, \
     never fails. Look at the length before you look into a datagram, and pass over what \
     is none of yours.",
];
const HINTS_GONE: &[&str] = &[
    "Your answer may find nobody: what comes back then, and at which call do you see it?",
    "An error of one datagram concerns one client. The loop goes on.",
    "Handle the errors of send_to and recv_from inside the loop: a match that prints \
     them in place of ? and unwrap, or try with except OSError in Python.",
];
const HINTS_LINES: &[&str] = &[
    "Compare your output with the sheet, word by word.",
    "Print the datagram as text: decode the bytes, do not print the list of numbers.",
    "String::from_utf8_lossy(&buf[..len]) makes the text, \
     data.decode(errors=\"replace\") in Python: of the bytes that recv_from returned, \
     and of no others in the buffer. The sender's address comes with them.",
];
const HINTS_IN_USE: &[&str] = &[
    "Start your server twice. What does the second one say?",
    "bind returns an error: report it in one line and end with a status that is not 0.",
    "Match the Err of UdpSocket::bind in place of an unwrap, or catch OSError around \
     bind in Python. Print it and end with status 1.",
];
const HINTS_CLIENT: &[&str] = &[
    "Which bytes leave your program? Nothing is added, nothing is left out.",
    "One send is one datagram; the text has no line end.",
    "Call send_to (sendto in Python) once, to the host and port of the arguments, with \
     the bytes of the sheet: no \\n behind them, no quotes around them.",
];
const HINTS_TIMEOUT: &[&str] = &[
    "The question or the answer may be lost. Who tells your client?",
    "Set a read timeout of 5 s on the socket before you wait.",
    "When the time is up, say so and end with a status that is not 0.",
];
const HINTS_NO_SERVER: &[&str] = &[
    "Start your client without a server. Would a user understand what it says?",
    "Every error of a socket call becomes one line, not a panic or a traceback.",
    "On a connected socket the refusal comes as ConnectionRefused, at a later send or \
     recv; on another one the timeout comes. Match both, or catch OSError in Python, \
     print one line and end with status 1.",
];
const HINTS_ANY_MESSAGE: &[&str] = &[
    "What does your program do with a datagram of two spaces, and what with quit?",
    "No word ends anything here, and no datagram is too short to be one.",
    "Take out what looks into the datagram first: strip or trim, and the comparison with \
     quit or exit.",
];

/// How long a program may take to start and to do its first deed, on a busy machine.
const START_TIME: Duration = Duration::from_secs(20);
/// After this time without an answer a question is asked again: a server may answer from a
/// fresh socket each time, and between two of them a datagram finds nobody (F29).
const ASK_AGAIN: Duration = Duration::from_millis(2500);

/// Sends a datagram and returns its answer, which comes from the port that was asked.
fn answer(client: &Udp, server: &Program, question: &[u8]) -> Result<Vec<u8>, Stop> {
    client.send_to(question, server.addr())?;
    let (answer, from) = match client.receive_within(ASK_AGAIN) {
        Err(Stop::Failed(_)) => {
            client.send_to(question, server.addr())?;
            client.receive()?
        }
        other => other?,
    };
    if from.port() == server.addr().port() {
        return Ok(answer);
    }
    let expected = "the answer comes from the port that was asked";
    Err(Failure::new(expected, "it comes from another port").into())
}

/// Sends a datagram and expects this answer.
fn ask(
    client: &Udp,
    server: &Program,
    question: impl AsRef<[u8]>,
    expected: impl AsRef<[u8]>,
) -> Verdict {
    let got = answer(client, server, question.as_ref())?;
    match got == expected.as_ref() {
        true => Ok(()),
        false => Err(Failure::bytes(expected.as_ref(), &got).into()),
    }
}

/// A long text, shorter ones, and one with a NUL, which ends texts in C and nowhere else.
fn texts(exam: &mut Exam) -> [String; 4] {
    [
        format!("Grüße {}", exam.word(40)),
        format!("Grüße {}", exam.word(8)),
        format!("Grüße {}\0 {}", exam.word(4), exam.word(8)),
        exam.word(5),
    ]
}

/// Expects a line with this text, up to its end, and with nothing of the first of all.
fn prints_alone(program: &mut Program, text: &str, all: &[String; 4]) -> Verdict {
    let behind_nul = text.split('\0').next_back().unwrap_or(text);
    program.wait_for_output(behind_nul)?;
    let [first, ..] = all;
    let rest = first.get(first.len() - 8..).unwrap_or_default();
    if text == first {
        return Ok(());
    }
    let alone = |line: &str| line.contains(behind_nul) && !line.contains(rest);
    if program.printed().lines().any(alone) {
        return Ok(());
    }
    let expected =
        format!("a line with {behind_nul:?} and no more of the datagram before");
    program
        .wait_for_printed(&expected, |printed| printed.lines().any(alone))
        .map_err(common::because(
            "the buffer still holds the datagram before: only what came now counts",
        ))
}

/// It ends by itself with status 0.
fn ends_well(program: &mut Program) -> Verdict {
    match program.wait_exit(START_TIME)? {
        Exit::Status(0) => Ok(()),
        exit => Err(Failure::new("exit status 0", exit.to_string()).into()),
    }
}

fn names_the_sender(receiver: &mut Program, sender: &Udp) -> Verdict {
    let addr = sender.addr()?;
    let port = addr.port().to_string();
    let expected = format!("a line with the sender, {addr}");
    receiver.wait_for_printed(&expected, |printed| printed.contains(&port))
}

/// Where it prints a peer's address behind `label`, it is this one. Whether it prints one
/// is free.
fn names_no_other(program: &Program, label: &str, peer: SocketAddr) -> Verdict {
    let (ip, port) = (peer.ip().to_string(), peer.port().to_string());
    for printed in [program.output(), program.errors()] {
        // The last line may not have come whole yet.
        let lines = printed.split_inclusive('\n').filter(|l| l.ends_with('\n'));
        for (line, named) in
            lines.filter_map(|line| Some((line, line.split_once(label)?.1)))
        {
            if named.contains(&ip) && !named.contains(&port) {
                let expected = format!("{label}{peer}");
                return Err(Failure::new(expected, line.trim_end()).into());
            }
        }
    }
    Ok(())
}

/// A client at another address of this machine, as on another machine; `None` where that
/// address cannot be had: only on Linux all of 127.0.0.0/8 is this machine.
fn client_elsewhere(exam: &Exam) -> Option<Udp> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let socket = UdpSocket::bind(("127.0.0.2", 0));
    if socket.is_err() {
        exam.note("this machine has no address but 127.0.0.1");
    }
    Some(exam.udp_of(socket.ok()?, "127.0.0.2"))
}

/// What is behind an answer that a client at another address does not get.
const NOT_ELSEWHERE: &str =
    "this client is at another address than the others, 127.0.0.2";

/// It has a UDP socket on the port that it is given, and on loopback only.
fn listens(exam: &mut Exam) -> Verdict {
    let server = exam.udp_server()?;
    for addr in server.bound_udp().unwrap_or_default() {
        if addr.port() == server.addr().port() && !addr.ip().to_canonical().is_loopback()
        {
            let expected = format!("it listens on {}", server.addr());
            return Err(Failure::new(expected, format!("it listens on {addr}"))
                .cause("0.0.0.0 and :: mean every network that this machine is in")
                .into());
        }
    }
    Ok(())
}

/// A datagram that is not UTF-8 harms nobody (C1); what its sender gets is free (F14).
fn survives_bytes(exam: &mut Exam, reply: fn(u32, &str) -> String) -> Verdict {
    let server = exam.udp_server()?;
    // It lives on: whether an answer that finds nobody does harm is another check.
    let noise = exam.udp_named("noise")?;
    noise.send_to(b"\xff\xfe\x80", server.addr())?;
    answers_with_some_number(exam, &server, reply)
}

/// Clients that are gone when their answer comes harm nobody (E2).
fn survives_the_gone(exam: &mut Exam, reply: fn(u32, &str) -> String) -> Verdict {
    let server = exam.udp_server()?;
    for _ in 0..3 {
        // The socket is closed at once: the answer finds no port and comes back as ICMP.
        exam.udp_named("gone")?
            .send_to(exam.word(8), server.addr())?;
    }
    answers_with_some_number(exam, &server, reply)?;
    answers_with_some_number(exam, &server, reply)
}

/// It answers a well-behaved client; whether it has counted the others is free.
fn answers_with_some_number(
    exam: &mut Exam,
    server: &Program,
    reply: fn(u32, &str) -> String,
) -> Verdict {
    let client = exam.udp_named("next")?;
    let word = exam.word(8);
    let got = answer(&client, server, word.as_bytes())?;
    if (1..=9).any(|number| reply(number, &word).as_bytes() == got) {
        return Ok(());
    }
    Err(Failure::bytes(reply(1, &word).as_bytes(), &got).into())
}

/// Ctrl-C ends it; its words and its status are free (F21).
fn ends_on_ctrl_c(mut server: Program) -> Verdict {
    server.interrupt();
    server.wait_exit(Duration::from_secs(5)).map(drop)
}

/// A port in use is an error: status not 0, a message, no panic (C6).
fn port_in_use(exam: &mut Exam) -> Verdict {
    let occupied = exam.udp()?;
    let mut server = exam.launch().port(occupied.addr()?.port()).unready()?;
    let exit = server.wait_exit(START_TIME)?;
    if exit == Exit::Status(0) {
        let expected = "an exit status that is not 0, since the port is in use";
        return Err(Failure::new(expected, "exit status 0").into());
    }
    server.expect_no_panic()?;
    if server.printed().trim().is_empty() {
        let expected = "a message that the port is in use";
        return Err(Failure::new(expected, "it printed nothing").into());
    }
    Ok(())
}

fn expect_datagram(socket: &Udp, expected: &[u8]) -> Result<SocketAddr, Stop> {
    let (got, from) = socket.receive_within(START_TIME)?;
    match got == expected {
        true => Ok(from),
        false => Err(Failure::bytes(expected, &got).into()),
    }
}

/// A client without an answer ends 5 s (2.5 to 7.5) later, says so, and not with 0 (C12).
fn gives_up(client: &mut Program, says_so: fn(&Program) -> Verdict) -> Verdict {
    let asked = Instant::now();
    let exit = client.wait_exit(Duration::from_millis(7500))?;
    let waited = asked.elapsed();
    if waited < Duration::from_millis(2500) {
        let got = format!("it gave up after {:.1} s", waited.as_secs_f32());
        return Err(Failure::new("it waits 5 s for the reply", got).into());
    }
    client.expect_no_crash()?;
    if exit == Exit::Status(0) {
        let expected = "an exit status that is not 0, since no reply came";
        return Err(Failure::new(expected, "exit status 0").into());
    }
    says_so(client)
}
