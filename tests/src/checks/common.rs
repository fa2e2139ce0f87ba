//! Requirements that many programs share, each written once.
//!
//! A [`Probe`] plays one well-behaved client of the program and fails when it is not
//! served as it should be; the functions here do harm and then probe.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use crate::harness::bound_socket;
use crate::harness::prelude::*;

/// Plays one well-behaved client that sends, where the protocol has a place for it,
/// this word.
pub type Probe = fn(&Program, &str) -> Verdict;

/// It listens on the address that it is given, and on loopback only.
pub fn listens(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for addr in server.listening().unwrap_or_default() {
        if addr.port() == server.addr().port() && !addr.ip().to_canonical().is_loopback()
        {
            let expected = format!("it listens on {}", server.addr());
            return Err(Failure::new(expected, format!("it listens on {addr}"))
                .cause("0.0.0.0 and :: mean every network that this machine is in")
                .into());
        }
    }
    server.connect().map(drop)
}

/// It serves one client after another (C2).
pub fn serves_several(exam: &mut Exam, probe: Probe) -> Verdict {
    let server = exam.server()?;
    for _ in 0..3 {
        probe(&server, &exam.word(8))?;
    }
    Ok(())
}

/// A client that resets its connection, before or after it has sent, or after the reply,
/// harms nobody (C3), nor do fifty at once that are gone before they are accepted (C4).
pub fn survives_resets(exam: &mut Exam, probe: Probe) -> Verdict {
    survives_resets_after(exam, str::to_owned, probe)
}

/// The same where a whole request gets an answer, and a word does not: `request` makes one.
pub fn survives_resets_after(
    exam: &mut Exam,
    request: fn(&str) -> String,
    probe: Probe,
) -> Verdict {
    let server = exam.server()?;
    server.connect()?.reset();
    probe(&server, &exam.word(8))?;

    let mut client = server.connect()?;
    client.send(request(&exam.word(8)))?;
    client.reset();
    probe(&server, &exam.word(8))?;

    let mut client = server.connect()?;
    client.send(request(&exam.word(8)))?;
    // The reply, a greeting, or nothing: then the reset comes where the server reads on.
    client.read_some(Duration::from_millis(300));
    client.reset();
    probe(&server, &exam.word(8))?;

    survives_lost_answers(exam, &server, request, probe)?;
    thread::scope(|scope| {
        for _ in 0..50 {
            // A short backlog does not take them all at once, and need not (F23).
            scope.spawn(|| server.connect().map(Conn::reset));
        }
    });
    is_there_again(exam, &server, probe)
}

/// Answers that nobody is there for: what came is still read after FIN and RST, and then
/// the very first write meets a broken pipe (EPIPE), and SIGPIPE where nobody ignores it.
fn survives_lost_answers(
    exam: &mut Exam,
    server: &Program,
    request: fn(&str) -> String,
    probe: Probe,
) -> Verdict {
    // Whoever serves one after another finds these gone when it comes to them; for the
    // others it is a race, which they lose now and then.
    const CLIENTS: usize = 8;
    let mut before_them = server.connect()?;
    before_them.send(request(&exam.word(8)))?;
    before_them.read_some(Duration::from_millis(100));
    for _ in 0..CLIENTS {
        // A short backlog has room for fewer (F23), and a place may be refused.
        let Some(mut client) = server.connect_if_there_is_room()? else {
            break;
        };
        client.send_anyway(request(&exam.word(8)));
        client.half_close();
        client.reset();
    }
    drop(before_them);
    is_there_again(exam, server, probe)
}

/// It serves the next client, though a crowd that it must look at one by one may be
/// before that one.
fn is_there_again(exam: &mut Exam, server: &Program, probe: Probe) -> Verdict {
    const TRIES: usize = 3;
    let mut verdict = probe(server, &exam.word(8));
    for _ in 1..TRIES {
        if !matches!(verdict, Err(Stop::Failed(_))) {
            break;
        }
        verdict = probe(server, &exam.word(8));
    }
    verdict
}

/// A client that connects and leaves without a word harms nobody.
pub fn survives_a_silent_visit(exam: &mut Exam, probe: Probe) -> Verdict {
    let server = exam.server()?;
    drop(server.connect()?);
    probe(&server, &exam.word(8))
}

/// Nor do many such clients, one after another: whoever keeps their sockets has no
/// descriptor left one day.
pub fn survives_silent_visits(exam: &mut Exam, probe: Probe) -> Verdict {
    const VISITS: usize = 20;
    survives_a_silent_visit(exam, probe)?;
    let server = exam.server()?;
    probe(&server, &exam.word(8))?;
    gives_descriptors_back(&server, "20 silent clients", || {
        for _ in 0..VISITS {
            drop(server.connect()?);
        }
        is_there_again(exam, &server, probe)
    })
}

/// The server has as many descriptors after these visits as before. They are made a second
/// time where it has more: the first ones may find it still starting its workers.
pub fn gives_descriptors_back(
    server: &Program,
    visits: &str,
    mut visit: impl FnMut() -> Verdict,
) -> Verdict {
    let mut verdict = Ok(());
    for _ in 0..2 {
        let files = server.open_files();
        visit()?;
        verdict =
            settles_after(visits, "open descriptors", files, || server.open_files());
        if verdict.is_ok() {
            break;
        }
    }
    verdict
}

/// Bytes that are not UTF-8 harm nobody (C1); what the sender gets for them is free.
pub fn survives_invalid_utf8(exam: &mut Exam, probe: Probe) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.send([b"\xff\xfe\x00\x80".as_slice(), &exam.bytes(8)].concat())?;
    // Whatever it replies, it has read the bytes before the next client comes.
    client.read_some(Duration::from_millis(300));
    drop(client);
    // A panic closes the connection first, and ends the program a moment later.
    probe(&server, &exam.word(8))?;
    probe(&server, &exam.word(8))
}

/// Bytes that are not UTF-8 harm nobody ([`survives_invalid_utf8`]), and who sends them is
/// answered or let go.
pub fn answers_invalid_utf8(exam: &mut Exam, probe: Probe) -> Verdict {
    survives_invalid_utf8(exam, probe)?;
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.send(b"\xff\xfe\x80")?;
    gets_an_answer_or_the_end(&client)
}

/// Who sends bytes that are no text is not left without an answer (D17): a replacement, an
/// error message or the end are all right (F14).
pub fn gets_an_answer_or_the_end(client: &Conn) -> Verdict {
    const PATIENCE: Duration = Duration::from_secs(5);
    let _ = client.stream().set_read_timeout(Some(PATIENCE));
    match uninterrupted(|| client.stream().peek(&mut [0])) {
        Err(error)
            if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
        {
            let expected = "an answer to bytes that are no UTF-8, or the end";
            Err(Failure::new(expected, "silence for 5 s, and no end")
                .cause("the decoding fails, and its error is swallowed without a word")
                .into())
        }
        _ => Ok(()),
    }
}

/// A port in use is an error: status not 0, a message, no panic (C6).
pub fn reports_a_port_in_use(exam: &mut Exam) -> Verdict {
    port_in_use(exam, None)
}

/// A port in use is an error whose message holds this text.
pub fn reports_a_port_in_use_as(exam: &mut Exam, text: &str) -> Verdict {
    port_in_use(exam, Some(text))
}

fn port_in_use(exam: &mut Exam, text: Option<&str>) -> Verdict {
    let (occupied, addr) = bound_socket()?;
    occupied
        .listen(8)
        .map_err(|error| Stop::grader(format_args!("cannot listen on {addr}"), &error))?;
    let mut server = exam.launch().port(addr.port()).unready()?;
    let exit = server.wait_exit(Duration::from_secs(20))?;
    if exit == Exit::Status(0) {
        let expected = "an exit status that is not 0, since the port is in use";
        return Err(Failure::new(expected, "exit status 0").into());
    }
    // An uncaught OSError of Python's says what is wrong, in its way.
    server.expect_no_panic()?;
    if server.printed().trim().is_empty() {
        let expected = "a message that the port is in use";
        return Err(Failure::new(expected, "it printed nothing").into());
    }
    match text {
        Some(text) => server.wait_for_output(text),
        None => Ok(()),
    }
}

/// Stopped and started again on the same port, it listens at once (C5).
pub fn restarts_at_once(exam: &mut Exam, probe: Probe) -> Verdict {
    restarts_at_once_after(exam, str::to_owned, probe)
}

/// The same where a whole request gets an answer, and a word does not.
pub fn restarts_at_once_after(
    exam: &mut Exam,
    request: fn(&str) -> String,
    probe: Probe,
) -> Verdict {
    let mut server = exam.server()?;
    let port = server.addr().port();
    // The side that closes first keeps the port in TIME_WAIT; here that is the server.
    probe(&server, &exam.word(8))?;
    let mut open = server.connect()?;
    // Who is answered has been accepted: the others the kernel would reset. So few bytes
    // that a TLS server reads them all: it would reset, too, with some unread.
    open.send(request(&exam.word(4)))?;
    open.read_some(Duration::from_millis(500));
    server.kill();
    drop(open);
    let server = exam.launch().port(port).server().map_err(in_time_wait)?;
    probe(&server, &exam.word(8))
}

/// Adds what keeps a server from its own port, unless it says something else.
pub fn in_time_wait(stop: Stop) -> Stop {
    let Stop::Failed(failure) = stop else {
        return stop;
    };
    // One that is still on its way has not met its old port yet.
    if failure.got.starts_with("it listens on no port after ") {
        return Stop::Failed(failure);
    }
    let words = failure.cause.clone().unwrap_or_default();
    if !words.is_empty() && !words.to_lowercase().contains("in use") {
        return Stop::Failed(failure);
    }
    let mut cause = "its last connection keeps the port for a minute (TIME_WAIT): set \
                     SO_REUSEADDR before bind"
        .to_owned();
    if !words.is_empty() {
        cause.push_str("; ");
        cause.push_str(&words);
    }
    failure.cause(cause).into()
}

/// Watches a program for `watched`, and on until it has rested for half of that or has
/// used the CPU for as long. Returns the CPU time that it has used.
///
/// On a busy machine even a program that spins gets little of a core, but it never rests:
/// what it does not run, it waits for a core.
fn cpu_time_until_at_rest(program: &Program, watched: Duration) -> Duration {
    const AT_MOST: Duration = Duration::from_secs(20);
    let cpu = || program.cpu_time().unwrap_or_default();
    let busy = || cpu() + program.waited_for_cpu().unwrap_or_default();
    let (start, cpu_before, busy_before) = (Instant::now(), cpu(), busy());
    loop {
        // Time is what is measured here; there is no event to wait for.
        thread::sleep(watched / 20);
        let used = cpu().saturating_sub(cpu_before);
        let elapsed = start.elapsed();
        let rested = elapsed.saturating_sub(busy().saturating_sub(busy_before));
        let decided = used > watched / 2 || rested > watched / 2;
        if decided && elapsed > watched || elapsed > AT_MOST {
            return used;
        }
    }
}

/// Watches a program for `watched`; returns the CPU time that it has used when it ran, or
/// waited for a core, for more than half of that.
///
/// Declare the check with `.timing()`.
pub fn works_without_a_rest(program: &Program, watched: Duration) -> Option<Duration> {
    let now = || {
        Some((
            program.cpu_time()?,
            program.waited_for_cpu().unwrap_or_default(),
        ))
    };
    let (cpu_before, waited_before) = now()?;
    // Time is what is measured here; there is no event to wait for.
    thread::sleep(watched);
    let (cpu, waited) = now()?;
    let used = cpu.saturating_sub(cpu_before);
    let waited = waited.saturating_sub(waited_before);
    // Who only waits for a core now and then has little to do when it comes.
    (used > watched / 64 && used + waited > watched / 2).then_some(used)
}

/// When a client has left, the server neither spins nor prints without end (A11).
///
/// Declare it with `.timing()`.
pub fn notices_the_end_of_a_client(exam: &mut Exam, probe: Probe) -> Verdict {
    const WATCHED: Duration = Duration::from_secs(1);
    let server = exam.server()?;
    probe(&server, &exam.word(8))?;
    let mut client = server.connect()?;
    client.send(exam.word(8))?;
    client.read_some(Duration::from_millis(100));
    client.half_close();
    drop(client);
    let failure = match expect_at_rest(&server, WATCHED) {
        Err(Stop::Failed(failure)) => failure,
        passed_or_error => return passed_or_error,
    };
    drop(server);
    let always = works_without_a_rest(&exam.server()?, WATCHED).is_some();
    Err(match always {
        true => failure.cause(
            "it works without a rest before any client comes: it asks again and again \
             instead of waiting",
        ),
        false => *failure,
    }
    .into())
}

/// Watches a server that nobody talks to: it neither spins nor prints without end.
pub fn expect_at_rest(server: &Program, watched: Duration) -> Verdict {
    let printed = server.printed_bytes();
    let used = cpu_time_until_at_rest(server, watched);
    if used > watched / 2 {
        let expected = "no work to do after the client has left";
        let got = format!("{} ms of CPU time without a rest", used.as_millis());
        return Err(Failure::new(expected, got)
            .cause("a read of 0 bytes is the end, not an empty message")
            .into());
    }
    let more = server.printed_bytes() - printed;
    if more > 10_000 {
        let expected = "a line or two after the client has left";
        return Err(
            Failure::new(expected, format!("{more} bytes printed in 1 s"))
                .cause("a read of 0 bytes is the end, not an empty message")
                .into(),
        );
    }
    Ok(())
}

/// A client that is connected and silent does not keep others waiting (C7).
pub fn serves_beside_a_silent_client(exam: &mut Exam, probe: Probe) -> Verdict {
    let server = exam.server()?;
    let _silent = server.connect()?;
    served_beside_a_silent_client(&server, &exam.word(8), probe)
}

/// A client is served although another one, connected before it, is silent.
pub fn served_beside_a_silent_client(
    server: &Program,
    word: &str,
    probe: Probe,
) -> Verdict {
    let cause =
        "it waits for the first client, which is silent, before it serves another";
    probe(server, word).map_err(|stop| kept_waiting(stop, cause))
}

/// Fifty clients are there at once, and each of them is answered (C7, F13).
pub fn answers_fifty_at_once(exam: &mut Exam, reply: fn(&str) -> String) -> Verdict {
    serves_fifty_at_once(exam, str::to_owned, |client, word| {
        client.expect(reply(word))
    })
}

/// The same where more than a reply may come, or to more than a word: `is_answered` reads
/// what a client gets for its `request`.
pub fn serves_fifty_at_once(
    exam: &mut Exam,
    request: fn(&str) -> String,
    is_answered: impl Fn(&mut Conn, &str) -> Verdict,
) -> Verdict {
    const AT_ONCE: usize = 50;
    let server = exam.server()?;
    let clients: Result<Vec<Conn>, Stop> =
        (0..AT_ONCE).map(|_| server.connect()).collect();
    let mut clients = clients?;
    let words: Vec<String> = clients.iter().map(|_| exam.word(8)).collect();
    for (client, word) in clients.iter_mut().zip(&words) {
        client.send(request(word))?;
    }
    let cause = "of fifty clients that are there at once, some are not served";
    for (client, word) in clients.iter_mut().zip(&words) {
        is_answered(client, word).map_err(|stop| kept_waiting(stop, cause))?;
    }
    Ok(())
}

/// Says what else keeps a client waiting than its own message.
fn kept_waiting(stop: Stop, cause: &str) -> Stop {
    match stop {
        Stop::Failed(failure)
            if failure
                .cause
                .as_deref()
                .is_some_and(|cause| cause.starts_with("no reply in time")) =>
        {
            failure.cause(cause).into()
        }
        other => other,
    }
}

/// Adds the likely cause to a failure that does not know a better one.
pub fn likely(cause: &'static str) -> impl FnOnce(Stop) -> Stop {
    move |stop| match stop {
        Stop::Failed(failure) if failure.cause.is_none() => failure.cause(cause).into(),
        other => other,
    }
}

/// Text that changes where it is taken for a format, as by C's `printf(text)` or Go's
/// `fmt.Fprintf(conn, text)`.
pub const PERCENTS: &str = "100%% %d";

/// What is behind text without its percent signs.
pub const TAKEN_FOR_A_FORMAT: &str = "the message is taken for a format, in which % has a meaning: it must be an argument, \
     as in printf(\"%s\", text)";

/// It prints a line that ends with this text: what stands before it is free (F10).
pub fn prints_line_end(server: &mut Program, text: &str) -> Verdict {
    let verdict = server
        .wait_for_printed(&format!("it prints a line {text}"), |printed| {
            printed.lines().any(|line| line.ends_with(text))
        });
    let printed = server.printed();
    let begins = |(start, _)| printed.contains(start);
    if printed.contains(text) {
        verdict.map_err(likely(
            "more than the message is printed: zero bytes, or what an older and longer \
             message has left in the buffer. read tells how many bytes are new",
        ))
    } else if text.split_once("%%").is_some_and(begins) {
        verdict.map_err(likely(TAKEN_FOR_A_FORMAT))
    } else {
        verdict
    }
}

/// Messages that tempt to be trimmed, or to be taken for none (A9, D17).
pub fn line_ends_and_blanks(exam: &mut Exam) -> [String; 4] {
    let word = exam.word(8);
    [
        format!("{word}\n"),
        "\r\n".to_owned(),
        "\n".to_owned(),
        "   ".to_owned(),
    ]
}

/// What was echoed, without the prefixes of the pieces: one may stand within a character.
pub fn without_prefixes(reply: &[u8], prefix: &str) -> Vec<u8> {
    let mut echoed = Vec::with_capacity(reply.len());
    let mut rest = reply;
    while let Some((first, others)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(prefix.as_bytes()) {
            rest = behind;
        } else {
            echoed.push(*first);
            rest = others;
        }
    }
    echoed
}

/// All of a message comes back while the connection stays open. Each piece has a prefix of
/// its own, and the size of a piece is free; letters hold no prefix.
pub fn echoes_in_pieces(client: &mut Conn, letters: &str, prefix: &str) -> Verdict {
    client.send(letters)?;
    let (letters, mut reply) = (letters.as_bytes(), Vec::new());
    loop {
        let echoed = without_prefixes(&reply, prefix);
        if echoed == letters {
            return Ok(());
        }
        // The last of them may be the start of a prefix.
        if echoed.len() >= letters.len() + prefix.len() {
            return Err(Failure::bytes(letters, &echoed).into());
        }
        // At most so many: one piece after another may come late (F18, F30).
        let missing = letters.len().saturating_sub(echoed.len()).clamp(1, 256);
        reply.extend(client.read_exactly(missing)?);
    }
}

/// The same for messages that fill a buffer exactly (A2).
pub fn echoes_full_buffers(exam: &mut Exam, client: &mut Conn, prefix: &str) -> Verdict {
    for len in [1024, 2048] {
        let cause = format!(
            "a message of {len} bytes fills the buffer exactly: it is whole, and nothing \
             follows that could be waited for"
        );
        echoes_in_pieces(client, &exam.word(len), prefix).map_err(because(cause))?;
    }
    Ok(())
}

/// All comes back to a client that sends more than a kernel keeps for a sender (tcp_wmem:
/// 4 MiB) and reads nothing until neither side gets any further (A7). `beside` is asked of
/// the server at that moment.
pub fn echoes_to_a_late_reader(
    exam: &Exam,
    server: &Program,
    bytes: &[u8],
    beside: impl FnOnce() -> Verdict,
) -> Verdict {
    const READING: Duration = Duration::from_secs(40);
    let len = bytes.len();
    let late = server.connect()?;
    let grader = |error| Stop::grader("cannot use a connection", &error);
    // A small window, or the kernels' buffers would hold all of the echo.
    SockRef::from(late.stream())
        .set_recv_buffer_size(16 * 1024)
        .map_err(grader)?;
    let mut reader = late.stream().try_clone().map_err(grader)?;
    let mut writer = late.stream().try_clone().map_err(grader)?;
    let patience = Some(Duration::from_secs(20));
    writer.set_write_timeout(patience).map_err(grader)?;
    reader.set_read_timeout(patience).map_err(grader)?;
    exam.note(&format!("> {len} bytes, and nothing is read for a while"));
    let mut got = Vec::with_capacity(len);
    let sent = AtomicUsize::new(0);
    thread::scope(|scope| {
        let sent = &sent;
        let sender = scope.spawn(move || {
            for part in bytes.chunks(16 * 1024) {
                writer.write_all(part)?;
                sent.fetch_add(part.len(), Ordering::Relaxed);
            }
            std::io::Result::Ok(())
        });
        wait_until_all_is_full(server, sent);
        let beside = beside();
        // From now on it reads in large pieces. Small writes into a small window would
        // take minutes: each may wait for the sender's timer.
        let _ = SockRef::from(&reader).set_recv_buffer_size(1024 * 1024);
        let mut buf = vec![0; 65_536];
        let give_up = Instant::now() + READING;
        while got.len() < len && Instant::now() < give_up {
            match uninterrupted(|| reader.read(&mut buf)) {
                Ok(count) if count > 0 => {
                    got.extend_from_slice(buf.get(..count).unwrap_or_default());
                }
                _ => break,
            }
        }
        // A writer that still waits is waited for no longer.
        let _ = reader.shutdown(Shutdown::Both);
        let _ = sender.join();
        beside
    })?;
    exam.note(&format!("< {} bytes", got.len()));
    if got == bytes {
        return Ok(());
    }
    let same = got.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    let told = format!("{} bytes, the first {same} as they were sent", got.len());
    Err(Failure::new(format!("all {len} bytes in order"), told)
        .cause("write took only a part, and the rest was thrown away")
        .into())
}

/// Waits until neither the sender nor the server has got any further for a while.
fn wait_until_all_is_full(server: &Program, sent: &AtomicUsize) {
    const STILL: Duration = Duration::from_millis(400);
    let give_up = Instant::now() + Duration::from_secs(10);
    let state = || (sent.load(Ordering::Relaxed), server.cpu_time());
    let (mut before, mut since) = (state(), Instant::now());
    while since.elapsed() < STILL && Instant::now() < give_up {
        thread::sleep(Duration::from_millis(20));
        let now = state();
        if now != before {
            (before, since) = (now, Instant::now());
        }
    }
}

/// After many clients, threads and descriptors are back where they began (C9).
pub fn returns_what_clients_used(exam: &mut Exam, probe: Probe) -> Verdict {
    returns_what_they_used(exam, probe, None)
}

/// After many clients, of which every third leaves by a reset, threads and descriptors
/// are back where they began (C9).
///
/// Let it need the check that one reset is survived.
pub fn returns_what_lost_clients_used(exam: &mut Exam, probe: Probe) -> Verdict {
    returns_what_lost_clients_used_after(exam, str::to_owned, probe)
}

/// The same where a whole request gets an answer, and a word does not.
pub fn returns_what_lost_clients_used_after(
    exam: &mut Exam,
    request: fn(&str) -> String,
    probe: Probe,
) -> Verdict {
    returns_what_they_used(exam, probe, Some(request))
}

fn returns_what_they_used(
    exam: &mut Exam,
    probe: Probe,
    lost_after: Option<fn(&str) -> String>,
) -> Verdict {
    const AT_A_TIME: usize = 10;
    const EACH: usize = 30;
    let server = exam.server()?;
    // The first clients may start what stays: a logger, some threads of a pool.
    crowd(exam, &server, probe, (AT_A_TIME, 2), None)?;
    let mut verdict = Ok(());
    for _ in 0..2 {
        let files = server.open_files();
        let threads = server.threads();
        crowd(exam, &server, probe, (AT_A_TIME, EACH), lost_after)?;
        verdict = settles("open descriptors", files, || server.open_files())
            .and_then(|()| settles("threads", threads, || server.threads()));
        if verdict.is_ok() {
            break;
        }
        // A pool may start a thread for each of its first clients, as Java's do; then it
        // has its size, and does not grow under the second 300. What leaks goes on.
    }
    verdict?;
    match lost_after {
        // A place that a lost client does not give back is missed by who comes next.
        Some(_) => probe(&server, &exam.word(8)),
        None => Ok(()),
    }
}

/// Waits until no more than `before`, and a few, are in use.
pub fn settles(
    what: &str,
    before: Option<usize>,
    count: impl Fn() -> Option<usize>,
) -> Verdict {
    settles_after("300 clients", what, before, count)
}

/// The same after other `visits`.
pub fn settles_after(
    visits: &str,
    what: &str,
    before: Option<usize>,
    count: impl Fn() -> Option<usize>,
) -> Verdict {
    const A_FEW: usize = 8;
    let give_up = Instant::now() + Duration::from_secs(5);
    loop {
        // Where the kernel does not tell, nothing can be said.
        let (Some(before), Some(now)) = (before, count()) else {
            return Ok(());
        };
        if now <= before + A_FEW {
            return Ok(());
        }
        if Instant::now() > give_up {
            let expected = format!("about {before} {what}, as before {visits} came");
            let got = format!("{now} after they have left");
            return Err(Failure::new(expected, got)
                .cause("what a client used is not given back when it leaves")
                .into());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// It still answers when 200 clients come, 20 at a time (C19).
pub fn answers_a_crowd(exam: &mut Exam, probe: Probe) -> Verdict {
    const AT_A_TIME: usize = 20;
    const EACH: usize = 10;
    let server = exam.server()?;
    crowd(exam, &server, probe, (AT_A_TIME, EACH), None)
}

/// So many clients at a time, and each of them so often; every third visit ends by a
/// reset, where it is told which request comes before that.
fn crowd(
    exam: &mut Exam,
    server: &Program,
    probe: Probe,
    (at_a_time, each): (usize, usize),
    lost_after: Option<fn(&str) -> String>,
) -> Verdict {
    let visit = |(number, word): (usize, &String)| match lost_after {
        Some(request) if number % 3 == 2 => leaves_by_reset(server, request(word)),
        _ => probe(server, word),
    };
    let words: Vec<Vec<String>> = (0..at_a_time)
        .map(|_| (0..each).map(|_| exam.word(8)).collect())
        .collect();
    thread::scope(|scope| {
        let clients: Vec<_> = words
            .iter()
            .map(|words| scope.spawn(|| words.iter().enumerate().try_for_each(visit)))
            .collect();
        clients
            .into_iter()
            .try_for_each(|client| match client.join() {
                Ok(verdict) => verdict,
                Err(_) => {
                    Err(Stop::Error("a client thread of the check panicked".into()))
                }
            })
    })
}

/// One client that is lost in the middle of its conversation.
fn leaves_by_reset(server: &Program, request: String) -> Verdict {
    let mut client = server.connect()?;
    client.send(request)?;
    // With a byte of the answer here, the client is accepted and has been heard.
    client.read_exactly(1)?;
    client.reset();
    Ok(())
}

/// Ctrl-C ends it within 3 s with status 0 after this text, also with a client connected
/// (C13). The probe comes first: who prints its start line between `listen` and the loop
/// that minds the signal is not caught in between.
pub fn shuts_down_on_ctrl_c(exam: &mut Exam, text: &str, probe: Probe) -> Verdict {
    for connected in [false, true] {
        let mut server = exam.server()?;
        probe(&server, &exam.word(8))?;
        let _client = match connected {
            true => Some(server.connect()?),
            false => None,
        };
        server.interrupt();
        let exit = server.wait_exit(Duration::from_secs(3))?;
        server.wait_for_output(text)?;
        if exit != Exit::Status(0) {
            let expected = "exit status 0 after Ctrl-C";
            return Err(Failure::new(expected, exit.to_string()).into());
        }
    }
    Ok(())
}

/// Ctrl-C ends it when its client has left; its words and its status are free (F21).
///
/// Declare it with `.timing()`.
pub fn ends_on_ctrl_c(exam: &mut Exam, probe: Probe) -> Verdict {
    let mut server = exam.server()?;
    probe(&server, &exam.word(8))?;
    server.interrupt();
    server.wait_exit(Duration::from_secs(5)).map(drop)
}

/// A client whose server is not there says so without a panic (C14); its status is 1, or
/// 0 where it has told the user what happened (F19).
pub fn reports_a_refused_connection(exam: &mut Exam) -> Verdict {
    let addr = exam.refusing_addr()?;
    let mut client = exam.client(addr)?;
    client.close_stdin();
    client.wait_exit(Duration::from_secs(15))?;
    client.expect_no_crash()?;
    if client.printed().trim().is_empty() {
        let expected = "a message that the connection was refused";
        return Err(Failure::new(expected, "it printed nothing").into());
    }
    Ok(())
}

/// Listeners whose backlog is full: Linux drops what comes then, without a word, as a
/// firewall does. `None` where the system does otherwise.
///
/// # Errors
///
/// The grader's own.
pub fn silent_ports(count: usize) -> Result<Option<Vec<(Socket, u16)>>, Stop> {
    let error = |error| Stop::grader("cannot make a silent port", &error);
    let mut silent = Vec::new();
    for _ in 0..count {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(error)?;
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&any.into()).map_err(error)?;
        socket.listen(0).map_err(error)?;
        let addr = socket.local_addr().map_err(error)?.as_socket();
        let addr = addr.unwrap_or(any);
        // The one that has room; it stays in the queue after its end.
        drop(TcpStream::connect(addr).map_err(error)?);
        silent.push((socket, addr.port()));
    }
    let probe = silent
        .first()
        .map(|(_, port)| SocketAddr::from(([127, 0, 0, 1], *port)));
    let answers = probe.is_some_and(|addr| {
        TcpStream::connect_timeout(&addr, Duration::from_millis(200)).is_ok()
    });
    Ok((!answers).then_some(silent))
}

/// For servers whose end on Ctrl-C needs no words.
pub const HINTS_ENDS_ON_CTRL_C: &[&str] = &[
    "Press Ctrl-C in the terminal of your server: is the prompt there again?",
    "A program that does nothing about the signal ends by it. Whoever catches every error \
     catches Ctrl-C with it, and goes on.",
    "In Python write except OSError, not except alone: that catches KeyboardInterrupt as \
     well. Rust needs nothing for it, unless you have set a handler: then let it end the \
     program.",
];

/// Messages that some take for none, or for the end of something (D17).
pub fn messages_like_any_other(exam: &mut Exam) -> Vec<String> {
    let mut messages = line_ends_and_blanks(exam).to_vec();
    for word in ["quit", "exit", "close", "bye", "stop"] {
        messages.extend([word.to_owned(), format!("{word}\n")]);
    }
    messages
}

/// The likely cause where one of these messages has no answer.
pub const TAKEN_FOR_AN_END: &str = "the message is taken for none, or for a word that ends something: blanks, line ends \
     and words such as quit are messages like any other here";

/// For [`messages_like_any_other`].
pub const HINTS_ANY_MESSAGE: &[&str] = &[
    "What does your server do with a message of two spaces, and what with quit?",
    "Only a read of 0 bytes brings no message. No word ends anything here.",
    "Take out what looks into the message before the answer: strip or trim, and the \
     comparison with quit or exit. Test for the 0 bytes alone.",
];

/// Resets harm nobody ([`survives_resets`]), and nothing of these clients is kept: whoever
/// keeps their sockets has no descriptor left one day (C9).
pub fn survives_many_resets(exam: &mut Exam, probe: Probe) -> Verdict {
    const RESETS: usize = 24;
    survives_resets(exam, probe)?;
    let server = exam.server()?;
    probe(&server, &exam.word(8))?;
    gives_descriptors_back(&server, "24 clients that reset", || {
        for number in 0..RESETS {
            let mut client = server.connect()?;
            // The reset comes at its read, or at the write of its answer.
            if number % 2 == 0 {
                client.send_anyway(exam.word(8));
            }
            client.reset();
        }
        is_there_again(exam, &server, probe)
    })
}

/// Adds the likely cause to a failure.
pub fn because(cause: impl Into<String>) -> impl FnOnce(Stop) -> Stop {
    let cause = cause.into();
    move |stop| match stop {
        Stop::Failed(failure) => failure.cause(cause).into(),
        error @ Stop::Error(_) => error,
    }
}

/// A client is served although another one sends `bytes`, more than the kernels keep or
/// requests for that much, and reads nothing of what it gets (C11).
pub fn serves_beside_no_reader(
    exam: &mut Exam,
    server: &Program,
    bytes: &[u8],
    probe: Probe,
) -> Verdict {
    let no_reader = server.connect()?;
    exam.note(&format!("> {} bytes, and nothing is read", bytes.len()));
    let mut writer = no_reader
        .stream()
        .try_clone()
        .map_err(|error| Stop::grader("cannot use a connection", &error))?;
    let sent = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for part in bytes.chunks(16 * 1024) {
                if writer.write_all(part).is_err() {
                    return;
                }
                sent.fetch_add(part.len(), Ordering::Relaxed);
            }
        });
        wait_until_all_is_full(server, &sent);
        let cause = "it waits until another client reads, perhaps with a lock held";
        let verdict = (0..2).try_for_each(|_| {
            probe(server, &exam.word(8)).map_err(|stop| kept_waiting(stop, cause))
        });
        // A writer that still waits is waited for no longer.
        let _ = no_reader.stream().shutdown(Shutdown::Both);
        verdict
    })
}

/// Words that end other conversations, but not this one, are echoed like any other (D17).
pub fn echoes_last_words(client: &mut Conn, prefix: &str) -> Verdict {
    for word in ["quit", "exit", "close", "bye"] {
        for message in [word.to_owned(), format!("{word}\n")] {
            client.send(&message)?;
            client.expect(format!("{prefix}{message}")).map_err(likely(
                "a word that means nothing here ends the conversation",
            ))?;
        }
    }
    Ok(())
}
