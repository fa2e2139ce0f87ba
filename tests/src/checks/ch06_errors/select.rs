//! select_client and select_server.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use socket2::SockRef;

use super::super::ch04_tcp::echoes_full_buffers;
use super::super::common;
use super::*;

const SELECT_SERVER: &str = "labs/06_errors.md#step-5-many-clients-in-one-thread";
const SELECT_CLIENT: &str = "labs/06_errors.md#step-6-wait-with-a-limit";

pub(super) fn checks() -> Vec<Check> {
    let mut checks = select_client();
    checks.extend(select_server());
    checks
}

fn select_client() -> Vec<Check> {
    vec![
        Check::new(
            "select_client.prints_what_comes",
            "prints data that comes after a second, and sends nothing",
            |exam| {
                let word = format!("{} é", exam.word(12));
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                conn.expect_silence(Duration::from_secs(1))?;
                conn.send(&word)?;
                client.wait_for_output(&word)?;
                client.expect_exit(0)?;
                if client.printed().contains("Timeout waiting for data") {
                    let got = "Timeout waiting for data as well";
                    return Err(Failure::new("it prints the data alone", got).into());
                }
                Ok(())
            },
        )
        .timing()
        .sheet(SELECT_CLIENT)
        .hints(&[
            "Nothing is there at once: who waits, and for how long?",
            "Ask for readiness with a limit of 5 s, then read.",
            "poll with a timeout of 5 s (a crate such as mio or polling), or \
             select.select([sock], [], [], 5) in Python. If the socket is ready, read \
             once, print the bytes as text and return.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (and type something)"),
        Check::new(
            "select_client.times_out",
            "says Timeout waiting for data after 5 s",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                let _silent = listener.accept()?.stays_open()?;
                let start = Instant::now();
                client.wait_exit(Duration::from_secs(15))?;
                about_five_seconds(start, "it gives up")?;
                client.wait_for_output("Timeout waiting for data")
            },
        )
        .timing()
        .sheet(SELECT_CLIENT)
        .hints(HINTS_TIMEOUT)
        .by_hand("nc -l 127.0.0.1 65432 (and type nothing)"),
        Check::new(
            "select_client.reports_a_refused_connection",
            "reports a refused connection in a message, not with a crash",
            common::reports_a_refused_connection,
        )
        .sheet(SELECT_CLIENT)
        .hints(HINTS_REFUSED)
        .by_hand("cargo run -p select_client (without a server)"),
        Check::new(
            "select_client.rests_while_it_waits",
            "uses no CPU time while it waits",
            |exam| {
                let listener = exam.listener()?;
                let client = exam.client(listener.addr())?;
                let _silent = listener.accept()?;
                let watched = Duration::from_secs(2);
                let Some(used) = common::works_without_a_rest(&client, watched) else {
                    return Ok(());
                };
                let got = format!("{} ms of CPU time in 2 s", used.as_millis());
                let expected = "nearly no CPU time while nothing comes";
                Err(Failure::new(expected, got)
                    .cause("it asks again and again instead of waiting")
                    .into())
            },
        )
        .needs(&["select_client.times_out"])
        .timing()
        .sheet(SELECT_CLIENT)
        .hints(&[
            "Watch your client in top while it waits.",
            "Who waits in your program: the kernel, or a loop that asks again and again?",
            "Give the wait its limit of 5 s in one call, and let the kernel wake you.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (and type nothing); top"),
        Check::new(
            "select_client.ends_when_the_server_closes",
            "ends at once, without a crash, when the server closes without a word",
            |exam| {
                let listener = exam.listener()?;
                let mut client = exam.client(listener.addr())?;
                drop(listener.accept()?);
                // Its own limit would end it after 5 s.
                client.wait_exit(Duration::from_millis(2400))?;
                client.expect_no_crash()
            },
        )
        .needs(&["select_client.prints_what_comes"])
        .timing()
        .sheet(SELECT_CLIENT)
        .hints(&[
            "Ready does not mean that data is there: what else makes a socket ready?",
            "A read of 0 bytes is the end of the stream: nothing more will come.",
            "When read returns 0 bytes, say so and end; do not wait again.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (then Ctrl-C)"),
    ]
}

fn select_server() -> Vec<Check> {
    vec![
        Check::new(
            "select_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(SELECT_SERVER)
        .hints(&[
            "A server first asks the kernel for a port: which call does that?",
            "Bind to the host and port of the arguments, not to a fixed text.",
            "bind and listen with the values that your program was started with: \
             TcpListener::bind((host, port)), or socket, bind((host, port)) and listen \
             in Python.",
        ])
        .by_hand("ss -tln | grep 65432"),
        Check::new(
            "select_server.echoes",
            "sends every message back unchanged, while the connection stays open",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                // A line end is a part of the message like any other byte.
                for (len, end) in [(1, ""), (12, ""), (60, "\n"), (12, "\r\n")] {
                    let message = format!("  {} aB é {end}", exam.word(len));
                    client.send(&message)?;
                    client.expect_exactly(&message)?;
                }
                echoes_full_buffers(exam, &mut client)
            },
        )
        .needs(&["select_server.listens"])
        .points(2)
        .sheet(SELECT_SERVER)
        .hints(&[
            "Send what read has returned: the same bytes, no text made of them.",
            "Nothing is added: no line end, no prefix.",
            "Write &buf[..len], the part that read has filled; in Python the very data \
             that recv returned. No decoding, no strip and no + stand between the two.",
        ])
        .by_hand("printf hello | nc -q 1 127.0.0.1 65432"),
        Check::new(
            "select_server.serves_beside_a_silent_client",
            "serves a second client while the first is connected and silent",
            |exam| common::serves_beside_a_silent_client(exam, same_probe),
        )
        .needs(&["select_server.echoes"])
        .points(2)
        .sheet(SELECT_SERVER)
        .hints(&[
            "Which call of yours waits for one client alone?",
            "Only the wait for readiness may block: register every socket there.",
            "Make all sockets non-blocking and register them with one Poll or Poller, or \
             one selectors.DefaultSelector in Python. Accept and read only where it says \
             that there is something.",
        ])
        .by_hand("nc 127.0.0.1 65432 (in two terminals)"),
        Check::new(
            "select_server.stays_in_one_thread",
            "serves 40 connected clients without a thread for each",
            stays_in_one_thread,
        )
        .needs(&["select_server.serves_beside_a_silent_client"])
        .sheet(SELECT_SERVER)
        .hints(&[
            "Count the server's threads: ls /proc/PID/task",
            "The lesson is one loop that asks the kernel who is ready.",
            "Take thread::spawn (threading.Thread) out. Keep the streams in a map, and \
             let the loop around poll (select in Python) read from each that is ready.",
        ])
        .by_hand("ls /proc/$(pgrep -n select_server)/task"),
        Check::new(
            "select_server.loses_nothing",
            "returns 8 MB to a client that reads late, and serves others meanwhile",
            loses_nothing,
        )
        .needs(&["select_server.serves_beside_a_silent_client"])
        .points(2)
        .deadline(Duration::from_secs(60))
        .sheet(SELECT_SERVER)
        .hints(&[
            "How many bytes did write take? It returns that number.",
            "Keep what was not taken, and go on when the socket is ready for writing.",
            "Do not read from a client that does not take its echo.",
        ])
        .by_hand("head -c 8000000 /dev/zero | nc -q 1 127.0.0.1 65432 | wc -c"),
        Check::new(
            "select_server.notices_the_end_of_a_client",
            "does not spin or print without end when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, same_probe),
        )
        .needs(&["select_server.echoes"])
        .timing()
        .sheet(SELECT_SERVER)
        .hints(HINTS_EOF)
        .by_hand("printf hello | nc -q 1 127.0.0.1 65432; top"),
        Check::new(
            "select_server.rests_when_idle",
            "uses no CPU time while 40 connected clients are silent",
            rests_when_idle,
        )
        .needs(&["select_server.serves_beside_a_silent_client"])
        .timing()
        .sheet(SELECT_SERVER)
        .hints(&[
            "Watch your server in top while nothing happens.",
            "Waiting for readiness needs no loop of short waits. Is something always ready?",
            "Wait without a limit: poll with None, or select() without a timeout. Ask \
             for writability only while a client has bytes to take, since an idle socket \
             is always writable.",
        ])
        .by_hand("top -p $(pgrep -n select_server)"),
        Check::new(
            "select_server.survives_resets",
            "survives clients that reset the connection",
            |exam| {
                common::survives_resets(exam, same_probe)?;
                forgets_what_a_lost_client_was_owed(exam)
            },
        )
        .needs(&["select_server.echoes"])
        .sheet(SELECT_SERVER)
        .hints(HINTS_SURVIVES)
        .by_hand("nmap -sT -p 65432 127.0.0.1"),
        Check::new(
            "select_server.survives_invalid_utf8",
            "survives bytes that are not UTF-8",
            |exam| common::survives_invalid_utf8(exam, same_probe),
        )
        .needs(&["select_server.echoes"])
        .sheet(SELECT_SERVER)
        .hints(HINTS_SURVIVES)
        .by_hand("printf '\\377\\376' | nc -q 1 127.0.0.1 65432"),
        Check::new(
            "select_server.returns_what_clients_used",
            "gives descriptors back when 300 clients have left",
            |exam| common::returns_what_lost_clients_used(exam, same_probe),
        )
        .needs(&["select_server.survives_resets"])
        .deadline(Duration::from_secs(60))
        .sheet(SELECT_SERVER)
        .hints(&[
            "Count the server's descriptors: ls /proc/PID/fd",
            "Take a client that has left out of every list, and close its socket.",
            "At a read of 0 bytes and at an error, deregister the socket (unregister in \
             Python) and remove it from your map. In Rust that drops and closes it, in \
             Python call close().",
        ])
        .by_hand("ls /proc/$(pgrep -n select_server)/fd"),
        Check::new(
            "select_server.shuts_down_on_ctrl_c",
            "prints Server shutting down on Ctrl-C and ends with status 0",
            |exam| common::shuts_down_on_ctrl_c(exam, "Server shutting down", same_probe),
        )
        .needs(&["select_server.echoes"])
        .sheet(SELECT_SERVER)
        .hints(&[
            "Press Ctrl-C while your server waits for events: what does it print?",
            "Somebody must wait for the signal while the event loop waits.",
            "Let main wait for the signal while a thread runs the event loop, or catch \
             KeyboardInterrupt around the loop in Python. Then print Server shutting \
             down and return from main with status 0.",
        ])
        .by_hand("cargo run -p select_server, then Ctrl-C"),
        Check::new(
            "select_server.reports_a_port_in_use",
            "reports a port in use in a message and with a status that is not 0",
            common::reports_a_port_in_use,
        )
        .needs(&["select_server.listens"])
        .sheet(SELECT_SERVER)
        .hints(&[
            "Start your server twice. What does the second one say?",
            "The kernel gives a port to one server at a time: bind returns the error \
             AddrInUse (EADDRINUSE).",
            "Match the Err of bind in place of an unwrap, or catch OSError in Python. \
             Print it and end with status 1.",
        ])
        .by_hand("cargo run -p select_server (twice, in two terminals)"),
        Check::new(
            "select_server.restarts_at_once",
            "listens again at once when it is stopped and started",
            |exam| common::restarts_at_once(exam, same_probe),
        )
        .needs(&["select_server.echoes"])
        .sheet(SELECT_SERVER)
        .hints(&[
            "Stop your server while a client is connected, and start it again at once.",
            "Old connections keep the port for a minute (TIME_WAIT).",
            "Set the option SO_REUSEADDR before bind; Rust sets it on Unix.",
        ])
        .by_hand("ss -tan | grep TIME-WAIT"),
        Check::new(
            "select_server.prints_what_happens",
            "prints who connected, what was received, and who is gone",
            |exam| {
                let mut server = exam.server()?;
                let mut client = server.connect()?;
                let port = client.local_addr()?.port().to_string();
                let word = format!("{} é", exam.word(8));
                client.send(&word)?;
                client.expect(&word)?;
                prints_lines(&mut server, &["Connected by "], &port)?;
                prints_lines(&mut server, &["Received: "], &word)?;
                drop(client);
                prints_lines(&mut server, &["Connection closed with "], &port)
            },
        )
        .needs(&["select_server.echoes"])
        .sheet(SELECT_SERVER)
        .hints(&[
            "Compare your output with the sheet, word by word.",
            "Print the message as text: decode the bytes, also those that are no UTF-8.",
            "Three lines: Connected by A, Received: TEXT, Connection closed with A.",
        ])
        .by_hand("printf hello | nc -q 1 127.0.0.1 65432"),
        Check::new(
            "select_server.keeps_a_silent_client",
            "still serves a client that was silent for 8 s",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                for silence in [0, 8] {
                    // Time is what is measured here; there is no event to wait for.
                    thread::sleep(Duration::from_secs(silence));
                    let word = exam.word(8);
                    client.send(&word)?;
                    client.expect(&word)?;
                }
                Ok(())
            },
        )
        .needs(&["select_server.echoes"])
        .timing()
        .sheet(SELECT_SERVER)
        .hints(&[
            "What does your loop do when its wait ends and nobody is ready?",
            "A wait without an event says nothing about any client: none has left.",
            "Let a client go when read returns 0 or an error, or after minutes of silence.",
        ])
        .by_hand("(printf a; sleep 8; printf b) | nc -N 127.0.0.1 65432"),
        Check::new(
            "select_server.answers_before_the_end",
            "echoes what a client has sent that ends its side at once",
            |exam| {
                const CLIENTS: usize = 20;
                let server = exam.server()?;
                for _ in 0..CLIENTS {
                    let word = exam.word(40);
                    let mut client = server.connect()?;
                    client.send(&word)?;
                    client.half_close();
                    client.expect(&word).map_err(because(
                        "the end of the stream is known before its last bytes are read",
                    ))?;
                }
                Ok(())
            },
        )
        .needs(&["select_server.echoes"])
        .sheet(SELECT_SERVER)
        .hints(&[
            "One event may say two things: bytes are there, and the end is near.",
            "The end comes behind the bytes. Read until read returns 0, then close.",
            "Do not close on a flag of the event (RDHUP, HUP): let read tell you of the end.",
        ])
        .by_hand("printf hello | nc -N 127.0.0.1 65432"),
        Check::new(
            "select_server.takes_any_message",
            "answers blanks, line ends and words such as quit like any other message",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                for message in common::messages_like_any_other(exam) {
                    client.send(&message)?;
                    let answered = client.expect(&message);
                    answered.map_err(because(common::TAKEN_FOR_AN_END))?;
                }
                Ok(())
            },
        )
        .needs(&["select_server.echoes"])
        .sheet(SELECT_SERVER)
        .hints(common::HINTS_ANY_MESSAGE)
        .by_hand("printf '  ' | nc -q 1 127.0.0.1 65432"),
        Check::new(
            "select_server.does_not_hoard",
            "reads no more from a client that does not read its echo",
            does_not_hoard,
        )
        .needs(&["select_server.loses_nothing"])
        .deadline(Duration::from_secs(60))
        .sheet(SELECT_SERVER)
        .hints(&[
            "A client sends and sends, and never reads. Where does its echo wait?",
            "What you keep for a client grows as long as you read from it: stop reading.",
            "While bytes for a client are unsent, ask for its writability alone, and for \
             its readability again when all is sent. In Node, call pause() when write() \
             returns false, and resume() on drain; with asyncio, await writer.drain().",
        ])
        .by_hand("(cat /dev/zero | nc 127.0.0.1 65432 | sleep 60) & top -p $(pgrep -n select_server)"),
    ]
}

fn same_probe(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send(word)?;
    client.expect(word)
}

fn stays_in_one_thread(exam: &mut Exam) -> Verdict {
    const CLIENTS: usize = 40;
    let server = exam.server()?;
    same_probe(&server, &exam.word(8))?;
    let before = server.threads().unwrap_or_default();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let word = exam.word(8);
        let mut client = server.connect()?;
        client.send(&word)?;
        client.expect(&word)?;
        clients.push(client);
    }
    let more = server.threads().unwrap_or_default().saturating_sub(before);
    if more > CLIENTS / 4 {
        let got = format!("{more} threads more");
        return Err(Failure::new("no thread for each client", got).into());
    }
    // The first is served as well as the last.
    for mut client in clients {
        let word = exam.word(8);
        client.send(&word)?;
        client.expect(&word)?;
    }
    Ok(())
}

fn loses_nothing(exam: &mut Exam) -> Verdict {
    const LEN: usize = 8_000_000;
    let server = exam.server()?;
    // Bytes of all values at the start, then letters, which print faster.
    let mut bytes = exam.bytes(1000);
    bytes.extend(exam.word(1000).bytes().cycle().take(LEN - 1000));
    let word = exam.word(8);
    let beside = || same_probe(&server, &word);
    common::echoes_to_a_late_reader(exam, &server, &bytes, beside)?;
    returns_all_after_the_end(exam)
}

/// How much a client sends that reads nothing: more than the kernels keep on the way.
const MUCH: usize = 8_000_000;
/// How long that may take.
const LONG: Duration = Duration::from_secs(10);

/// Sends `bytes` and reads nothing, until they are gone, neither side gets any further or
/// the time is up. Returns how many were taken.
fn send_without_reading(
    server: &Program,
    mut stream: &TcpStream,
    bytes: &[u8],
    patience: Duration,
) -> Result<usize, Stop> {
    const STILL: Duration = Duration::from_millis(400);
    let grader = |error| Stop::grader("cannot use a connection", &error);
    // A small window, or the kernels' buffers would hold all of the echo.
    SockRef::from(stream)
        .set_recv_buffer_size(16 * 1024)
        .and_then(|()| stream.set_nonblocking(true))
        .map_err(grader)?;
    let give_up = Instant::now() + patience;
    let (mut sent, mut since, mut worked) = (0, Instant::now(), server.cpu_time());
    while sent < bytes.len() && since.elapsed() < STILL && Instant::now() < give_up {
        match stream.write(bytes.get(sent..).unwrap_or_default()) {
            Ok(len) if len > 0 => {
                sent += len;
                since = Instant::now();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(20));
            }
            _ => break,
        }
        // It may still be busy with what has come.
        let now = server.cpu_time();
        if now != worked {
            (worked, since) = (now, Instant::now());
        }
    }
    stream.set_nonblocking(false).map_err(grader)?;
    Ok(sent)
}

/// What could not be sent to a client that reset its connection is nobody's: least of all
/// that of the next client, whose socket has the same number.
fn forgets_what_a_lost_client_was_owed(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let lost = server.connect()?;
    let bytes = exam.word(1000).repeat(MUCH / 1000);
    let sent = send_without_reading(&server, lost.stream(), bytes.as_bytes(), LONG)?;
    exam.note(&format!("> {sent} bytes, and nothing is read"));
    lost.reset();
    // Whoever comes first may be accepted before the reset is noticed.
    for _ in 0..3 {
        let mut client = server.connect()?;
        let word = exam.word(8);
        client.send(&word)?;
        client.expect_exactly(&word).map_err(because(
            "what a lost client was still owed goes to the next one: its socket has got \
             the same number",
        ))?;
    }
    Ok(())
}

/// A client may end its side long before it has read its echo.
fn returns_all_after_the_end(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    let bytes = exam.word(1000).repeat(MUCH / 1000);
    let sent = send_without_reading(&server, client.stream(), bytes.as_bytes(), LONG)?;
    exam.note(&format!("> {sent} bytes, and nothing is read yet"));
    client.half_close();
    // From now on in large pieces: small ones into a small window take their time.
    let _ = SockRef::from(client.stream()).set_recv_buffer_size(1024 * 1024);
    let mut buf = vec![0; 64 * 1024];
    let mut got = 0;
    let give_up = Instant::now() + Duration::from_secs(15);
    let patience = Some(Duration::from_secs(10));
    client
        .stream()
        .set_read_timeout(patience)
        .map_err(|error| Stop::grader("cannot use a connection", &error))?;
    while got < sent && Instant::now() < give_up {
        match uninterrupted(|| client.stream().read(&mut buf)) {
            Ok(len) if len > 0 => got += len,
            _ => break,
        }
    }
    exam.note(&format!("< {got} bytes"));
    if got >= sent {
        return Ok(());
    }
    let expected = format!("all {sent} bytes that came before the end");
    Err(Failure::new(expected, format!("{got} bytes"))
        .cause("at the end of the stream it throws away what was still to be sent")
        .into())
}

/// The sheet: "A client that never reads its echo must not fill the memory".
///
/// What is in its memory depends on the language, what it has taken does not.
fn does_not_hoard(exam: &mut Exam) -> Verdict {
    /// The kernels keep some 10 MB on the way, and nobody's tuning gives them as much.
    const TOO_MUCH: usize = 64_000_000;
    /// A server that prints all that comes needs its time for it.
    const PATIENCE: Duration = Duration::from_secs(30);
    let server = exam.server()?;
    let client = server.connect()?;
    // A small buffer on this side, too, so that what is sent is taken.
    SockRef::from(client.stream())
        .set_send_buffer_size(64 * 1024)
        .map_err(|error| Stop::grader("cannot use a connection", &error))?;
    let bytes = exam.word(1000).repeat(TOO_MUCH / 1000);
    let bytes = bytes.as_bytes();
    let sent = send_without_reading(&server, client.stream(), bytes, PATIENCE)?;
    exam.note(&format!("> {sent} bytes, and nothing is read"));
    if sent < TOO_MUCH {
        return Ok(());
    }
    let expected = "after some 10 MB it reads no more until its echo is taken";
    let got = format!("it has taken all {} MB", TOO_MUCH / 1_000_000);
    Err(Failure::new(expected, got)
        .cause("what cannot be sent is kept, and more is read: the memory fills up")
        .into())
}

fn rests_when_idle(exam: &mut Exam) -> Verdict {
    const WATCHED: Duration = Duration::from_secs(1);
    let server = exam.server()?;
    let clients: Result<Vec<Conn>, Stop> = (0..40).map(|_| server.connect()).collect();
    let _clients = clients?;
    same_probe(&server, &exam.word(8))?;
    let Some(before) = server.cpu_time() else {
        return Ok(()); // No such table here.
    };
    let worked = common::works_without_a_rest(&server, WATCHED);
    let used = server.cpu_time().unwrap_or(before).saturating_sub(before);
    // A busy machine leaves little even to a program that never rests.
    if used > WATCHED / 16 || worked.is_some() {
        let got = format!("{} ms of CPU time in 1 s", used.as_millis());
        return Err(Failure::new("nearly no CPU time while nothing happens", got).into());
    }
    Ok(())
}
