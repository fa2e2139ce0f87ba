//! heartbeat_server and heartbeat_client.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Instant;

use socket2::{Domain, Socket, Type};

use super::super::common;
use super::*;
use crate::harness::bound_socket;

const HEARTBEAT: &str = "labs/06_errors.md#step-7-is-anybody-there";

const HINTS_BEATS_ON: &[&str] = &[
    "A client may vanish at any moment, and may send any bytes: who is harmed by it?",
    "An error of one client ends that client's beats, never the server.",
    "Catch every error around the beats of one client: close it, and leave its thread.",
];

/// How long a client may take until it tries again: its pauses grow, and how fast is free.
const ONE_MORE_TRY: Duration = Duration::from_secs(20);

pub(super) fn checks() -> Vec<Check> {
    let mut checks = heartbeat_server();
    checks.extend(heartbeat_client());
    checks
}

fn heartbeat_server() -> Vec<Check> {
    vec![
        Check::new(
            "heartbeat_server.sends_beats",
            "sends PING and a line end to each client, also beside a silent one",
            |exam| {
                let server = exam.server()?;
                // Who serves one after another has these three for at least 6 s.
                let _silent = [server.connect()?, server.connect()?, server.connect()?];
                let mut client = server.connect()?;
                client.expect("PING\n")
            },
        )
        .points(2)
        .sheet(HEARTBEAT)
        .hints(&[
            "Who begins in this protocol? The server, as soon as somebody connects.",
            "A beat is five bytes: PING and a line feed.",
            "Start a thread per client right after accept. In it, \
             write_all(b\"PING\\n\") (sendall in Python) comes first, then a second's \
             wait for the answer, and so on.",
        ])
        .by_hand("nc 127.0.0.1 65432"),
        Check::new(
            "heartbeat_server.drops_the_silent",
            "closes the connection of a client that has missed three beats",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                client.patience(Duration::from_secs(15));
                // Another one from the same address answers each beat.
                let beside = server.connect()?.stays_open()?;
                let beats = thread::scope(|scope| {
                    scope.spawn(|| answer_each_beat(&beside));
                    let beats = client.read_to_end();
                    let _ = beside.shutdown(Shutdown::Both);
                    beats
                });
                let beats = match beats {
                    Err(stop) if is_dropped_alone(exam)? => {
                        return Err(because(
                            "alone it is dropped; beside a client from the same address that \
                             answers, it is not",
                        )(stop));
                    }
                    beats => beats?,
                };
                // How the last one counts, and whether one asks for an answer first, is free.
                let few = (3..=4).contains(&(beats.len() / 5));
                if few && beats.chunks(5).all(|beat| beat == b"PING\n") {
                    return Ok(());
                }
                let expected = "three lines PING (four will do), then the end";
                let got = crate::harness::escape(&beats);
                Err(Failure::new(expected, format!("\"{got}\", then the end")).into())
            },
        )
        .needs(&["heartbeat_server.sends_beats"])
        .points(2)
        .timing()
        .deadline(Duration::from_secs(60))
        .sheet(HEARTBEAT)
        .hints(&[
            "Who counts the beats without an answer?",
            "Count up with each PING, back to zero with each PONG; at three, close.",
            "Give the stream a read timeout as long as a beat (set_read_timeout, \
             settimeout). When three of them have passed without a PONG, leave the loop \
             and close the stream.",
        ])
        .by_hand("nc 127.0.0.1 65432 (and type nothing)"),
        Check::new(
            "heartbeat_server.keeps_who_answers",
            "keeps a client that answers each beat with PONG",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                client.patience(Duration::from_secs(10));
                for beat in 0..9 {
                    client.expect("PING\n")?;
                    match beat {
                        // From here on in two segments, as TCP may deliver any line.
                        5.. => {
                            client.send("PO")?;
                            thread::sleep(Duration::from_millis(150));
                            client.send("NG\n")?;
                        }
                        // A late answer and the next one, in one segment.
                        2 => client.send("PONG\nPONG\n")?,
                        _ => client.send("PONG\n")?,
                    }
                }
                client.expect("PING\n")
            },
        )
        .needs(&["heartbeat_server.sends_beats"])
        .sheet(HEARTBEAT)
        .hints(&[
            "What happens to the count when a PONG arrives?",
            "A PONG may come in two pieces: collect bytes up to the line end.",
            "Append what read returns to a buffer, and take whole lines off its front. \
             For each line PONG set the count of missed beats to 0.",
        ])
        .by_hand("cargo run -p heartbeat_client"),
        Check::new(
            "heartbeat_server.beats_every_second",
            "sends the first PING as soon as a client connects, then one every second",
            beats_every_second,
        )
        .needs(&["heartbeat_server.keeps_who_answers"])
        .timing()
        .sheet(HEARTBEAT)
        .hints(&[
            "What does a client hear in its first second, and how often after that?",
            "First send, then wait. A PONG that comes early does not shorten the wait.",
            "Note the moment of the next beat after each PING, and read up to that moment.",
        ])
        .by_hand("nc 127.0.0.1 65432 | while read beat; do date +%T.%N; done"),
        Check::new(
            "heartbeat_server.forgives_a_missed_beat",
            "keeps a client that misses one beat in two: only three in a row are too many",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                for _ in 0..5 {
                    for answers in [false, true] {
                        client.expect("PING\n").map_err(because(
                            "it counts all missed beats, not those since the last PONG",
                        ))?;
                        if answers {
                            client.send("PONG\n")?;
                        }
                    }
                }
                Ok(())
            },
        )
        .needs(&["heartbeat_server.keeps_who_answers", "heartbeat_server.drops_the_silent"])
        .timing()
        .sheet(HEARTBEAT)
        .hints(&[
            "Three beats in a row: what does a PONG do to the beats missed before it?",
            "Does your count go back to zero, or down by one?",
            "Set the count of missed beats to 0 whenever a line PONG arrives.",
        ])
        .by_hand("nc 127.0.0.1 65432 (and type PONG after every second PING)"),
        Check::new(
            "heartbeat_server.takes_only_pong",
            "takes only PONG for an answer, and drops a client that says other words",
            takes_only_pong,
        )
        .needs(&["heartbeat_server.drops_the_silent"])
        .timing()
        .sheet(HEARTBEAT)
        .hints(&[
            "What does your server do with a line that is not PONG?",
            "Bytes that arrive are no answer yet. Which line is one?",
            "Compare each whole line with PONG, and set the count back for that one only.",
        ])
        .by_hand("nc 127.0.0.1 65432 (and type hello after each PING)"),
        Check::new(
            "heartbeat_server.answers_a_ping",
            "answers a client's PING with PONG",
            answers_a_ping,
        )
        .needs(&["heartbeat_server.keeps_who_answers"])
        .sheet(HEARTBEAT)
        .hints(&[
            "Who may ask in this protocol, and who must answer?",
            "Whoever gets PING answers PONG: that holds for both sides.",
            "Two lines have a meaning for the server: on PONG it counts, on PING it sends PONG.",
        ])
        .by_hand("nc 127.0.0.1 65432 (and type PING)"),
        Check::new(
            "heartbeat_server.prints_what_happens",
            "prints who connected, who answered, who missed a beat, and who is gone",
            |exam| {
                let mut server = exam.server()?;
                let mut client = server.connect()?;
                let port = client.local_addr()?.port().to_string();
                client.expect("PING\n")?;
                client.send("PONG\n")?;
                prints_lines(&mut server, &["Connected by ", "PONG from "], &port)?;
                // The second one is missed when the third one comes.
                client.expect("PING\n")?;
                client.expect("PING\n")?;
                prints_lines(&mut server, &["missed 1 of 3"], &port)?;
                drop(client);
                prints_lines(&mut server, &["Connection closed with "], &port)
            },
        )
        .needs(&["heartbeat_server.keeps_who_answers", "heartbeat_server.drops_the_silent"])
        .sheet(HEARTBEAT)
        .hints(&[
            "Compare your output with the sheet, word by word.",
            "Each line names its client by the address, with the port.",
            "Four lines: Connected by A, PONG from A, A missed 1 of 3, Connection closed with A.",
        ])
        .by_hand("nc 127.0.0.1 65432 (type PONG once, then nothing)"),
        Check::new(
            "heartbeat_server.listens",
            "listens on the host and port that it is given, and not on every network",
            common::listens,
        )
        .needs(&["heartbeat_server.sends_beats"])
        .sheet(HEARTBEAT)
        .hints(&[
            "Look with ss: which address does your server listen on?",
            "0.0.0.0 means every network that this machine is in.",
            "Bind to the host and port of the arguments, not to a fixed text.",
        ])
        .by_hand("ss -tln | grep 65432"),
        Check::new(
            "heartbeat_server.notices_the_end_of_a_client",
            "does not spin when a client has ended its side",
            rests_after_the_end,
        )
        .needs(&["heartbeat_server.sends_beats"])
        .timing()
        .sheet(HEARTBEAT)
        .hints(&[
            "What does read return when the client has closed its side?",
            "A read of 0 bytes is the end of the stream: it returns at once, again and again.",
            "When read returns 0 bytes, close the connection and leave the loop of this client.",
        ])
        .by_hand("nc -N 127.0.0.1 65432 </dev/null & top"),
        Check::new(
            "heartbeat_server.survives_resets",
            "survives clients that reset the connection",
            |exam| common::survives_resets(exam, beat_probe),
        )
        .needs(&["heartbeat_server.sends_beats"])
        .sheet(HEARTBEAT)
        .hints(HINTS_BEATS_ON)
        .by_hand("nmap -sT -p 65432 127.0.0.1"),
        Check::new(
            "heartbeat_server.returns_what_clients_used",
            "has as many threads and open descriptors after 30 clients as before",
            returns_what_clients_used,
        )
        .needs(&["heartbeat_server.drops_the_silent", "heartbeat_server.survives_resets"])
        .deadline(Duration::from_secs(60))
        .sheet(HEARTBEAT)
        .hints(&[
            "A client has left: what does your server still keep of it?",
            "Each client has a socket, and perhaps a thread: both end with it, whichever \
             way it ends.",
            "Close the stream behind the loop of its beats, also after an error (a with \
             block or finally in Python; the end of its owner in Rust). A list of clients \
             must lose it as well.",
        ])
        .by_hand("ls /proc/$(pgrep -n heartbeat_server)/fd | wc -l"),
        Check::new(
            "heartbeat_server.survives_invalid_utf8",
            "survives bytes that are not UTF-8",
            |exam| common::survives_invalid_utf8(exam, beat_probe),
        )
        .needs(&["heartbeat_server.sends_beats"])
        .sheet(HEARTBEAT)
        .hints(HINTS_BEATS_ON)
        .by_hand("printf '\\377\\376\\n' | nc -q 1 127.0.0.1 65432"),
        Check::new(
            "heartbeat_server.shuts_down_on_ctrl_c",
            "prints Server shutting down on Ctrl-C and ends with status 0",
            |exam| common::shuts_down_on_ctrl_c(exam, "Server shutting down", beat_probe),
        )
        .needs(&["heartbeat_server.sends_beats"])
        .sheet(HEARTBEAT)
        .hints(&[
            "What happens on Ctrl-C while clients are connected?",
            "Somebody must wait for the signal while accept blocks.",
            "The threads of the clients must not keep the program alive: print the line and end.",
        ])
        .by_hand("cargo run -p heartbeat_server, then Ctrl-C"),
        Check::new(
            "heartbeat_server.reports_a_port_in_use",
            "reports a port in use in a message and with a status that is not 0",
            common::reports_a_port_in_use,
        )
        .needs(&["heartbeat_server.sends_beats"])
        .sheet(HEARTBEAT)
        .hints(&[
            "Start your server twice. What does the second one say?",
            "bind returns an error: a message says so, and no backtrace.",
            "Print the error and end with a status that is not 0.",
        ])
        .by_hand("cargo run -p heartbeat_server (twice, in two terminals)"),
        Check::new(
            "heartbeat_server.restarts_at_once",
            "listens again at once when it is stopped and started",
            |exam| common::restarts_at_once(exam, beat_probe),
        )
        .needs(&["heartbeat_server.sends_beats"])
        .sheet(HEARTBEAT)
        .hints(&[
            "Stop your server while a client is connected, and start it again at once.",
            "Old connections keep the port for a minute (TIME_WAIT).",
            "Set the option SO_REUSEADDR before bind; Rust sets it on Unix.",
        ])
        .by_hand("ss -tan | grep TIME-WAIT"),
    ]
}

/// Tells whether a silent client is dropped when nobody else is there.
fn is_dropped_alone(exam: &Exam) -> Result<bool, Stop> {
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.patience(Duration::from_secs(8));
    Ok(client.read_to_end().is_ok())
}

/// Answers each line of the server until the connection ends.
fn answer_each_beat(mut stream: &TcpStream) {
    let mut buf = [0; 64];
    loop {
        match uninterrupted(|| stream.read(&mut buf)) {
            Ok(len) if len > 0 => {
                for _ in buf.iter().take(len).filter(|byte| **byte == b'\n') {
                    if stream.write_all(b"PONG\n").is_err() {
                        return;
                    }
                }
            }
            _ => return,
        }
    }
}

fn heartbeat_client() -> Vec<Check> {
    vec![
        Check::new(
            "heartbeat_client.answers_beats",
            "answers each PING with PONG and a line end",
            |exam| {
                let listener = exam.listener()?;
                let _client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                conn.send("PING\n")?;
                conn.expect_exactly("PONG\n")?;
                // One beat in two segments is one beat.
                conn.send("PI")?;
                thread::sleep(Duration::from_millis(100));
                conn.send("NG\n")?;
                conn.expect_exactly("PONG\n")?;
                // And a segment may hold more than one, or one and a half.
                let cause = "what one read returns is taken for one line: it may hold \
                             less than one, or more";
                conn.send("PING\nPING\nPI")?;
                conn.expect_exactly("PONG\nPONG\n")
                    .map_err(because(cause))?;
                conn.send("NG\n")?;
                conn.expect_exactly("PONG\n").map_err(because(cause))
            },
        )
        .points(2)
        .sheet(HEARTBEAT)
        .hints(&[
            "Read a line, compare it with PING, send five bytes.",
            "A line may come in pieces: only the line end ends it.",
            "Collect the line with BufReader::read_line, or with makefile() and \
             readline() in Python. If it is PING, send b\"PONG\\n\" with write_all \
             (sendall) at once.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (and type PING)"),
        Check::new(
            "heartbeat_client.comes_back",
            "connects again when the server has closed the connection",
            |exam| {
                let listener = exam.listener()?;
                let _client = exam.client(listener.addr())?;
                drop(listener.accept()?);
                let mut conn = listener.accept()?;
                beat(&mut conn)
            },
        )
        .needs(&["heartbeat_client.answers_beats"])
        .sheet(HEARTBEAT)
        .hints(&[
            "What does your client do when read returns 0 bytes?",
            "Around the conversation stands a loop that connects again.",
            "Write a function that connects and answers until read returns 0 bytes or an \
             error. Call it in a loop, with a short pause after each return.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (then Ctrl-C, and again)"),
        Check::new(
            "heartbeat_client.tries_until_somebody_listens",
            "connects again until somebody listens, at its start and after a lost server",
            tries_until_somebody_listens,
        )
        .needs(&["heartbeat_client.comes_back"])
        .deadline(Duration::from_secs(90))
        .sheet(HEARTBEAT)
        .hints(&[
            "Restart your server: what does your client meet in the second between?",
            "A refused connection is a failure like the others: pause, and try again.",
            "connect stands inside the loop and inside the try (or the function whose Err \
             the loop takes), together with the reads and writes.",
        ])
        .by_hand("cargo run -p heartbeat_client (and heartbeat_server some seconds later)"),
        Check::new(
            "heartbeat_client.survives_a_reset",
            "connects again when the server has reset the connection",
            |exam| {
                let listener = exam.listener()?;
                let _client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                beat(&mut conn)?;
                conn.reset();
                let mut conn = listener.accept_within(ONE_MORE_TRY).map_err(because(
                    "a reset is an error of read, and is not taken for an end",
                ))?;
                beat(&mut conn)
            },
        )
        .needs(&["heartbeat_client.comes_back"])
        .sheet(HEARTBEAT)
        .hints(&[
            "A connection ends in two ways: by a read of 0 bytes, or by an error of read.",
            "A reset is an end like the other one: pause, and connect again.",
            "Let the loop that connects take every Err of read and write, not the timeout \
             alone; in Python except OSError, of which ConnectionResetError is one.",
        ])
        .by_hand("cargo run -p heartbeat_server (kill -9 it, and start it again)"),
        Check::new(
            "heartbeat_client.answers_ping_alone",
            "answers the line PING, and no other line",
            answers_ping_alone,
        )
        .needs(&["heartbeat_client.answers_beats"])
        .timing()
        .sheet(HEARTBEAT)
        .hints(&[
            "What does your client do with a line that is not PING?",
            "The whole line is compared, not its beginning, and not that there is one.",
            "Take the line end off, then compare with == PING; leave out contains, \
             starts_with and in.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (and type HELLO and PINGER)"),
        Check::new(
            "heartbeat_client.survives_invalid_utf8",
            "goes on after a line that is not UTF-8",
            |exam| {
                let listener = exam.listener()?;
                let _client = exam.client(listener.addr())?;
                let mut conn = listener.accept()?;
                conn.send(b"\xff\xfe\n")?;
                answers_the_next_beat(&listener, conn).map_err(because(
                    "bytes that are no text: the error of their decoding is not handled",
                ))
            },
        )
        .needs(&["heartbeat_client.answers_beats"])
        .sheet(HEARTBEAT)
        .hints(&[
            "Not all bytes are text: what does your decoding do with \\xff?",
            "A line that cannot be decoded is not PING: leave it out, or connect again.",
            "Compare bytes with b\"PING\", without decoding; or catch the error of it \
             (UnicodeDecodeError in Python is no OSError).",
        ])
        .by_hand("printf '\\377\\nPING\\n' | nc -l 127.0.0.1 65432"),
        Check::new(
            "heartbeat_client.leaves_a_silent_server",
            "takes three seconds without a PING for the server's end, and comes back",
            leaves_a_silent_server,
        )
        .needs(&["heartbeat_client.comes_back"])
        .timing()
        .deadline(Duration::from_secs(60))
        .sheet(HEARTBEAT)
        .hints(&[
            "What does your client do when the server's cable is pulled? No end ever comes.",
            "A read timeout of three beats: a read that takes longer means that all is over.",
            "set_read_timeout(Some(Duration::from_secs(3))), or settimeout(3) in Python. \
             Treat its error (WouldBlock or TimedOut, TimeoutError in Python) like an \
             end: close and connect again.",
        ])
        .by_hand("nc -l 127.0.0.1 65432 (type PING once, then nothing)"),
        Check::new(
            "heartbeat_client.backs_off",
            "waits longer from failure to failure",
            backs_off,
        )
        .needs(&["heartbeat_client.comes_back"])
        .timing()
        .deadline(Duration::from_secs(120))
        .sheet(HEARTBEAT)
        .hints(&[
            "How often per second does your client knock at a dead server?",
            "Double the pause after each failure, up to a limit.",
            "After each failure sleep, then set the pause to (pause * 2).min(limit), or \
             min(pause * 2, limit) in Python. Set it back to its first value only when a \
             PING has come.",
        ])
        .by_hand("cargo run -p heartbeat_client (without a server)"),
    ]
}

fn beat_probe(server: &Program, _word: &str) -> Verdict {
    server.connect()?.expect("PING\n")
}

fn beats_every_second(exam: &mut Exam) -> Verdict {
    /// Some of them: a busy machine may hold up one, and one clock for all clients has
    /// its beat at another moment for each.
    const CLIENTS: usize = 3;
    const INTERVALS: u32 = 4;
    let server = exam.server()?;
    let mut first = Duration::MAX;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = server.connect()?;
        let start = Instant::now();
        client.expect("PING\n")?;
        client.send("PONG\n")?;
        first = first.min(start.elapsed());
        clients.push(client);
        thread::sleep(Duration::from_millis(350).saturating_sub(start.elapsed()));
    }
    if first > Duration::from_millis(750) {
        let got = format!("after {:.1} s", first.as_secs_f32());
        let expected = "the first PING as soon as a client connects";
        return Err(Failure::new(expected, got).into());
    }
    let mut client = server.connect()?;
    client.expect("PING\n")?;
    let start = Instant::now();
    let (mut last, mut shortest) = (start, Duration::MAX);
    for _ in 0..INTERVALS {
        client.send("PONG\n")?;
        client.expect("PING\n")?;
        shortest = shortest.min(last.elapsed());
        last = Instant::now();
    }
    let mean = start.elapsed() / INTERVALS;
    // What is late on a busy machine makes a beat shorter and another longer: the mean
    // cannot be too short, and not all of them too long.
    if mean < Duration::from_millis(400) || shortest > Duration::from_millis(2300) {
        let got = format!("one every {:.2} s", mean.as_secs_f32());
        return Err(Failure::new("a PING every second", got).into());
    }
    Ok(())
}

fn takes_only_pong(exam: &mut Exam) -> Verdict {
    const BEATS: usize = 8;
    let server = exam.server()?;
    let mut client = server.connect()?;
    for _ in 0..BEATS {
        match client.read_until(b"PING\n") {
            Ok(_) => client.send_anyway("hello\n"),
            // Silence or the end: only the end will do.
            Err(Stop::Failed(_)) => return client.read_to_end().map(drop),
            Err(error) => return Err(error),
        }
    }
    let expected = "it closes the connection: hello is no PONG";
    let got = format!("the connection stays open after {BEATS} beats");
    Err(Failure::new(expected, got)
        .cause("any bytes count as an answer, whatever they say")
        .into())
}

fn answers_a_ping(exam: &mut Exam) -> Verdict {
    /// Beats of its own may come first.
    const BEATS: usize = 3;
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.expect("PING\n")?;
    client.send("PONG\n")?;
    client.send("PING\n")?;
    for _ in 0..BEATS {
        let line = client.read_until(b"\n")?;
        match &line[..] {
            b"PONG\n" => return Ok(()),
            b"PING\n" => client.send("PONG\n")?,
            _ => return Err(Failure::bytes(b"PONG\n", &line).into()),
        }
    }
    let expected = "PONG, the answer to the client's PING";
    Err(Failure::new(expected, format!("{BEATS} beats and no PONG")).into())
}

fn rests_after_the_end(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.expect("PING\n")?;
    client.send("PONG\n")?;
    // It still takes the beats: no error of a write ends what read does not end.
    client.half_close();
    // Within the three beats after which such a client is dropped.
    if let Some(used) = common::works_without_a_rest(&server, Duration::from_secs(2)) {
        let expected = "no work to do after the client has ended its side";
        let got = format!("{} ms of CPU time without a rest", used.as_millis());
        return Err(Failure::new(expected, got)
            .cause("a read of 0 bytes is the end, not an empty message")
            .into());
    }
    beat_probe(&server, "")
}

/// Few clients: a server may learn only from its third beat that one has left, and may
/// have room for fifty.
fn returns_what_clients_used(exam: &mut Exam) -> Verdict {
    const CLIENTS: usize = 30;
    let server = exam.server()?;
    beat_probe(&server, "")?;
    let mut verdict = Ok(());
    for _ in 0..2 {
        let (files, threads) = (server.open_files(), server.threads());
        let clients: Result<Vec<Conn>, Stop> =
            (0..CLIENTS).map(|_| server.connect()).collect();
        for (number, mut client) in clients?.into_iter().enumerate() {
            client.expect("PING\n")?;
            match number % 3 {
                0 => client.reset(),
                _ => drop(client),
            }
        }
        let visits = format!("{CLIENTS} clients");
        verdict = common::settles_after(&visits, "open descriptors", files, || {
            server.open_files()
        })
        .and_then(|()| {
            common::settles_after(&visits, "threads", threads, || server.threads())
        });
        if verdict.is_ok() {
            break;
        }
        // A pool may have grown to its size, and beats of more than a second take longer
        // to find who has left. Both are over in the second round; what leaks goes on.
    }
    verdict
}

/// Plays the server: one beat is sent, and answered.
fn beat(conn: &mut Conn) -> Verdict {
    conn.send("PING\n")?;
    conn.expect("PONG\n")
}

/// Nobody listens for a second, twice: before it has ever been connected, and afterwards.
fn tries_until_somebody_listens(exam: &mut Exam) -> Verdict {
    const REFUSING: Duration = Duration::from_secs(1);
    const CAUSE: &str = "connect can fail, too: a refused connection ends the program";
    let failed = |error| Stop::grader("cannot bind again", &error);
    let (socket, addr) = bound_socket()?;
    socket.set_reuse_address(true).map_err(failed)?;
    exam.note("nobody listens for a second");
    let _client = exam.client(addr)?;
    // Time is what is given here: how often it tries meanwhile is free.
    thread::sleep(REFUSING);
    let listener = exam.listener_of(socket)?;
    let mut conn = listener
        .accept_within(ONE_MORE_TRY)
        .map_err(because(CAUSE))?;
    beat(&mut conn)?;

    drop(listener);
    drop(conn);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(failed)?;
    // The connections of before still have the port.
    socket.set_reuse_address(true).map_err(failed)?;
    // A program that is being started beside this check still has the old listener, until
    // its own image replaces the grader's.
    let give_up = Instant::now() + Duration::from_secs(5);
    while let Err(error) = socket.bind(&addr.into()) {
        if error.kind() != ErrorKind::AddrInUse || Instant::now() > give_up {
            return Err(failed(error));
        }
        thread::sleep(Duration::from_millis(5));
    }
    exam.note("the server has ended, and nobody listens for a second");
    thread::sleep(REFUSING);
    let listener = exam.listener_of(socket)?;
    let mut conn = listener
        .accept_within(ONE_MORE_TRY)
        .map_err(because(CAUSE))?;
    beat(&mut conn)
}

fn answers_ping_alone(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let _client = exam.client(listener.addr())?;
    let mut conn = listener.accept()?;
    conn.send("HELLO\nPINGER\n")?;
    let answer = conn.read_some(Duration::from_millis(600));
    if !answer.is_empty() {
        let got = format!("\"{}\"", crate::harness::escape(&answer));
        return Err(Failure::new("no answer to HELLO and PINGER", got)
            .cause("any line, or a line that holds PING, is taken for PING")
            .into());
    }
    answers_the_next_beat(&listener, conn)
}

/// A beat is answered after a line that means nothing: on this connection, or on the next
/// one, since a client may as well leave a server that talks nonsense.
fn answers_the_next_beat(listener: &Listener, mut conn: Conn) -> Verdict {
    // Less than the silence after which it leaves any server.
    conn.patience(Duration::from_millis(2400));
    conn.send_anyway("PING\n");
    let verdict = conn.expect("PONG\n");
    if !matches!(verdict, Err(Stop::Failed(_))) {
        return verdict;
    }
    conn.patience(Duration::from_millis(100));
    if conn.read_to_end().is_err() {
        return verdict;
    }
    let mut conn = listener.accept_within(ONE_MORE_TRY)?;
    beat(&mut conn)
}

fn leaves_a_silent_server(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let _client = exam.client(listener.addr())?;
    let mut silent = listener.accept()?;
    // Beats of a second keep it, also more of them than the silence may last.
    for _ in 0..4 {
        silent.send("PING\n")?;
        silent.expect("PONG\n")?;
        thread::sleep(Duration::from_millis(900));
    }
    let start = Instant::now();
    let mut conn = listener.accept_within(Duration::from_secs(20))?;
    let time = start.elapsed();
    // From its last PING on, with the pause before it connects again.
    if !(Duration::from_millis(500)..Duration::from_secs(12)).contains(&time) {
        let got = format!("after {:.1} s", time.as_secs_f32() + 0.9);
        return Err(Failure::new("a new connection after 3 s of silence", got).into());
    }
    beat(&mut conn)
}

fn backs_off(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let _client = exam.client(listener.addr())?;
    drop(listener.accept()?);
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let start = Instant::now();
        drop(listener.accept_within(Duration::from_secs(40))?);
        pauses.push(start.elapsed());
    }
    let (early, late) = pauses.split_at(2);
    let (early, late): (Duration, Duration) = (early.iter().sum(), late.iter().sum());
    if late > early + early / 3 && late > Duration::from_millis(100) {
        return Ok(());
    }
    let shown: Vec<String> = pauses
        .iter()
        .map(|pause| format!("{:.2} s", pause.as_secs_f32()))
        .collect();
    // Whoever begins anew once it was let in backs off only from a server that refuses.
    let pause = (early + late) / 4;
    if pause > Duration::from_millis(50) && backs_off_when_refused(exam, pause)? {
        return Ok(());
    }
    let got = format!("pauses of {}", shown.join(", "));
    Err(Failure::new("pauses that grow from failure to failure", got).into())
}

/// Lets the client in once, refuses it for some of its pauses, then listens again: with
/// pauses as long as at first it is there within one of them, with doubled ones mostly
/// later. Three tries.
fn backs_off_when_refused(exam: &Exam, pause: Duration) -> Result<bool, Stop> {
    let failed = |error| Stop::grader("cannot listen again", &error);
    for pauses in [7.5, 10.0, 13.0] {
        let listener = exam.listener()?;
        let addr = listener.addr();
        let _client = exam.client(addr)?;
        // It runs, so that a slow start does not look like a long pause.
        drop(listener.accept()?);
        drop(listener);
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(failed)?;
        socket.set_reuse_address(true).map_err(failed)?;
        socket.bind(&addr.into()).map_err(failed)?;
        thread::sleep(pause.mul_f64(pauses));
        socket.listen(8).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let start = Instant::now();
        while socket.accept().is_err()
            && start.elapsed() < pause * 3 + Duration::from_millis(200)
        {
            thread::sleep(Duration::from_millis(2));
        }
        if start.elapsed() > pause * 2 + Duration::from_millis(100) {
            return Ok(true);
        }
    }
    Ok(false)
}
