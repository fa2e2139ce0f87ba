//! config_server and config_client.

use std::thread;

use super::*;

/// The checks of config_server.
pub fn server_checks() -> Vec<Check> {
    vec![
        Check::new(
            "config_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(CONFIG)
        .hints(&[
            "Which address do you bind: the one given, or one that stands in the source?",
            "Bind the address that the arguments name, and listen there before anything else.",
            "TcpListener::bind((host, port)) does both in Rust. In Python it is socket, \
             then bind((host, port)), then listen.",
        ])
        .by_hand("ss -tln | grep 8080"),
        Check::new(
            "config_server.keeps_settings",
            "answers GET with what was SET, byte for byte",
            keeps_settings,
        )
        .points(2)
        .needs(&["config_server.listens"])
        .sheet(CONFIG)
        .hints(&[
            "What does GET answer when the value had several words, quotes or a \
             backslash?",
            "The value is the rest of the line after one space: do not trim it.",
            "Take the \\n off and split twice at a space: splitn(3, ' ') in Rust, \
             split(\" \", 2) in Python. Keep key and value in a HashMap (dict), and \
             answer GET with OK, a space and the value. A \\r in front of the \\n is part \
             of the line's end.",
        ])
        .by_hand("printf 'SET a 1\\nGET a\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.commands_in_pieces",
            "takes commands however their bytes arrive",
            commands_in_pieces,
        )
        .needs(&["config_server.keeps_settings"])
        .sheet(CONFIG)
        .hints(&[
            "One read may return half a line, or three of them.",
            "Keep what has come in a buffer of the connection, and take whole lines out of it.",
            "Call read_until(b'\\n') on one BufReader per connection, or readline() on \
             makefile(\"rb\") in Python: each call returns one line, however it came.",
        ])
        .by_hand("(printf 'SET a'; sleep 1; printf ' 1\\nGET a\\n') | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.deletes_and_lists",
            "deletes settings and lists them by prefix",
            deletes_and_lists,
        )
        .needs(&["config_server.keeps_settings"])
        .sheet(CONFIG)
        .hints(&[
            "After DELETE a GET answers as for a key that never was.",
            "LIST names the keys that begin with the given text, and no others.",
            "remove(key) in Rust, pop(key) in Python. For LIST, filter the keys with \
             starts_with(prefix) (startswith in Python), and begin the answer with OK. \
             LIST alone has the empty prefix: all keys begin with it.",
        ])
        .by_hand("printf 'SET a/1 x\\nSET b/1 y\\nLIST a/\\nDELETE a/1\\nGET a/1\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.explains_errors",
            "answers what it does not understand with ERROR, and goes on",
            explains_errors,
        )
        .needs(&["config_server.keeps_settings"])
        .sheet(CONFIG)
        .hints(&[
            "Each line gets an answer: an unknown command, a missing word, an unknown key.",
            "ERROR, a code, a text; the connection stays, and the next line is read.",
            "Match the words of the line, with a last arm for all else that answers \
             ERROR, a code and a text. Use get(1) in place of an index, and look at \
             len(words) in Python. An empty line has no word at all, and is not the end.",
        ])
        .by_hand("printf 'GET nothing\\nGET\\nSET key\\nDELETE\\n\\nNONSENSE\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.quits",
            "says OK to QUIT and closes",
            config_quits,
        )
        .needs(&["config_server.keeps_settings"])
        .sheet(CONFIG)
        .hints(&[
            "First the answer, then the end of the connection.",
            "Other clients stay: only this connection closes.",
            "write_all(b\"OK\\n\") (sendall in Python), then break out of this \
             connection's loop: the stream is dropped there, in Python call close().",
        ])
        .by_hand("printf 'QUIT\\n' | nc 127.0.0.1 8080"),
        Check::new(
            "config_server.serves_many",
            "serves clients at the same time, with the same settings",
            config_serves_many,
        )
        .deadline(Duration::from_secs(90))
        .needs(&["config_server.keeps_settings"])
        .sheet(CONFIG)
        .hints(&[
            "A client that says nothing keeps nobody else waiting.",
            "One table of settings for all connections, locked only while it is read or changed.",
            "An Arc<Mutex<HashMap>> and a thread per connection; a dict, a Lock and \
             threading.Thread in Python. Lock after the line has been read, and unlock \
             before the answer is sent. A pool needs 50 threads: a client stays for long.",
        ])
        .by_hand("nc 127.0.0.1 8080 & printf 'SET a 1\\nGET a\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.survives_kill",
            "has every acknowledged setting after kill -9 and a new start",
            config_survives_kill,
        )
        .points(3)
        .needs(&["config_server.keeps_settings"])
        .deadline(Duration::from_secs(60))
        .sheet(CONFIG)
        .hints(&[
            "When you answer OK, where is the setting: in your memory, or in a file?",
            "Write first, answer then; and a half-written line is no setting.",
            "At SET append the line to a file (append(true), or open(path, \"a\") in \
             Python) with write_all (write and flush), and answer OK only then. At the \
             start read the file line by line into your map.",
        ])
        .by_hand("printf 'SET a 1\\n' | nc -N 127.0.0.1 8080; kill -9 $(pgrep config_server)   # start it again, then: printf 'GET a\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.keeps_what_many_set",
            "has what many clients set at the same time after kill -9",
            keeps_what_many_set,
        )
        .deadline(Duration::from_secs(90))
        .needs(&["config_server.survives_kill", "config_server.serves_many"])
        .sheet(CONFIG)
        .hints(&[
            "Two clients set something at the same moment: who writes into the file, and when?",
            "A setting reaches the file whole, before the next one begins.",
            "Hold the lock of the table while you write, too, and write a setting with one \
             write_all (in Python one write and a flush inside with lock:), not in parts.",
        ])
        .by_hand("for i in $(seq 50); do printf \"SET k$i v$i\\n\" | nc -N 127.0.0.1 8080 & done; wait; kill -9 $(pgrep config_server)   # start it again, then: printf 'LIST k\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.nothing_half_written",
            "starts again after a kill in the middle of writing, with whole settings",
            nothing_half_written,
        )
        .points(2)
        .needs(&["config_server.survives_kill"])
        .deadline(Duration::from_secs(90))
        .sheet(CONFIG)
        .hints(&[
            "Between the first and the last byte that you write, the power may go.",
            "A file that is written anew is empty for a moment: write beside it and rename, or append.",
            "At the start, ignore a last line without its end: it was never acknowledged.",
        ])
        .by_hand("while printf 'SET a %0500d\\n' 1; do :; done | nc 127.0.0.1 8080 > /dev/null & sleep 1; kill -9 $(pgrep config_server)   # start it again, then: printf 'GET a\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.saves",
            "says OK to SAVE",
            config_saves,
        )
        .needs(&["config_server.keeps_settings"])
        .sheet(CONFIG)
        .hints(&[
            "SAVE asks for one thing: an answer when everything so far is on the disk.",
            "The system keeps what you write in memory for a while: which call waits for the disk?",
            "Sync the file, then answer OK.",
        ])
        .by_hand("printf 'SET a 1\\nSAVE\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.survives_bad_clients",
            "lives on after resets, silence, invalid UTF-8 and endless lines",
            config_survives,
        )
        .needs(&["config_server.keeps_settings"])
        .deadline(Duration::from_secs(60))
        .sheet(CONFIG)
        .hints(&[
            "What a client sends may be no text, may have no end, and may never come.",
            "One client's error ends that client's connection; a line has a limit.",
            "take(limit) in front of read_until (readline(limit) in Python): without a \
             \\n at its end the line is too long, so answer ERROR and close. Match \
             from_utf8 in place of an unwrap, and print the Err of each client's \
             function.",
        ])
        .by_hand("head -c 1000000 /dev/urandom | nc -N 127.0.0.1 8080; printf 'GET a\\n' | nc -N 127.0.0.1 8080"),
        Check::new(
            "config_server.notices_the_end_of_a_client",
            "does not spin when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, config_probe),
        )
        .needs(&["config_server.keeps_settings"])
        .timing()
        .sheet(CONFIG)
        .hints(&[
            "A read of 0 bytes means that the client has left: nothing will come any more.",
            "The loop that looks for a line end must end at the end of the stream too.",
            "Return at Ok(0) of read or read_until, at b\"\" of recv or readline in \
             Python. A rest without \\n is no command.",
        ])
        .by_hand("printf 'GET a' | nc -N 127.0.0.1 8080; top -b -n 1 | grep config"),
        Check::new(
            "config_server.reports_a_port_in_use",
            "says when the port is in use",
            common::reports_a_port_in_use,
        )
        .needs(&["config_server.listens"])
        .sheet(CONFIG)
        .hints(&[
            "bind fails when another program has the port: what does your program do then?",
            "Print what the system said, and end with a status that is not 0.",
            "Match the Err of TcpListener::bind in place of an unwrap, or catch OSError \
             around bind in Python. Print it and end with status 1.",
        ])
        .by_hand("nc -l 127.0.0.1 8080 & cargo run -p config_server; echo $?"),
        Check::new(
            "config_server.restarts_at_once",
            "can be started again on the same port at once",
            |exam| common::restarts_at_once(exam, config_probe),
        )
        .needs(&["config_server.keeps_settings"])
        .sheet(CONFIG)
        .hints(&[
            "The side that closes first keeps the port for a minute in TIME_WAIT.",
            "There is an option for a socket, set before bind, that allows the address again.",
            "setsockopt(SOL_SOCKET, SO_REUSEADDR, 1), between socket and bind. \
             TcpListener::bind of Rust does that for you on Unix.",
        ])
        .by_hand("printf 'QUIT\\n' | nc 127.0.0.1 8080; ss -tan | grep 8080   # then ^C, and start it again"),
        Check::new(
            "config_server.ends_on_ctrl_c",
            "ends when Ctrl-C is pressed",
            |exam| common::ends_on_ctrl_c(exam, config_probe),
        )
        .needs(&["config_server.keeps_settings"])
        .timing()
        .sheet(CONFIG)
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("printf 'GET a\\n' | nc -N 127.0.0.1 8080   # then press ^C where the server runs"),
        Check::new(
            "config_server.returns_what_clients_used",
            "gives back threads and descriptors when clients leave",
            |exam| common::returns_what_clients_used(exam, asks_once),
        )
        .needs(&["config_server.serves_many"])
        .timing()
        .deadline(Duration::from_secs(90))
        .sheet(CONFIG)
        .hints(&[
            "Count threads and descriptors before and after a few hundred clients.",
            "Each client's socket must be closed, and its thread must end, when the client \
             is gone, however it went.",
            "Return from the thread's function at QUIT, at the end and at every error: then \
             the stream is dropped and closed. In Python with conn closes it; keep no list \
             of sockets.",
        ])
        .by_hand("ls /proc/$(pgrep config_server)/fd | wc -l; ls /proc/$(pgrep config_server)/task | wc -l"),
    ]
}

/// One client with one question: what it is answered is for other checks.
fn asks_once(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send(format!("GET {word}\n"))?;
    client.read_until(b"\n").map(drop)
}

fn config_probe(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    config_set(&mut client, "probe", word)?;
    config_get(&mut client, "probe", word)
}

fn config_set(client: &mut Conn, key: &str, value: &str) -> Verdict {
    client.send(format!("SET {key} {value}\n"))?;
    config_ok(client).map(drop)
}

fn config_get(client: &mut Conn, key: &str, value: &str) -> Verdict {
    client.send(format!("GET {key}\n"))?;
    client.expect(format!("OK {value}\n"))
}

/// Reads one reply line, which must begin with OK; returns what follows.
fn config_ok(client: &mut Conn) -> Result<String, Stop> {
    let line = client.read_until(b"\n")?;
    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
    match line.strip_prefix("OK") {
        Some(text) => Ok(text.trim_start().to_owned()),
        None => Err(Failure::new("OK …", line).into()),
    }
}

fn config_error(client: &mut Conn) -> Verdict {
    let line = client.read_until(b"\n")?;
    match line.starts_with(b"ERROR ") {
        true => Ok(()),
        false => {
            Err(Failure::new("ERROR code text", String::from_utf8_lossy(&line)).into())
        }
    }
}

fn keeps_settings(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    let word = exam.word(8);
    for (key, value) in [
        ("device.name", word.as_str()),
        ("device/two", "several words: = \\ é \"x\""),
        ("device.spaces", "two  and   three, and one behind "),
        ("device.name", "changed"),
    ] {
        config_set(&mut client, key, value)?;
        config_get(&mut client, key, value)?;
    }
    // A line may end with CR LF; so may the reply to one.
    client.send(format!("SET crlf {word}\r\n"))?;
    config_ok(&mut client)?;
    let cause = "a line may end with CR LF: the \\r belongs to the end, not to the value";
    config_get(&mut client, "crlf", &word).map_err(because(cause))?;
    client.send("GET crlf\r\n")?;
    let got = config_ok(&mut client).map_err(because(cause))?;
    match got == word {
        true => Ok(()),
        false => Err(Failure::new(format!("OK {word}"), got).cause(cause).into()),
    }
}

fn commands_in_pieces(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    // Its characters of two and more bytes come in pieces, too.
    let value = format!("é€é€é€ {}", exam.word(8));
    let line = format!("SET pieces {value}\n");
    client.send_bytewise(line.as_bytes(), Duration::from_millis(2))?;
    config_ok(&mut client)?;
    client.send(format!("GET pieces\nSET more {value}\nGET more\n"))?;
    client.expect(format!("OK {value}\n"))?;
    config_ok(&mut client)?;
    client.expect(format!("OK {value}\n"))
}

fn deletes_and_lists(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    let value = exam.word(8);
    // The last one has the prefix within it, and not at its start.
    for key in ["a/1", "a/2", "b/1", "b/a/1"] {
        config_set(&mut client, key, &value)?;
    }
    // However a list is written, it names the keys with the prefix, and no others. The
    // answer to the next line shows where it ends.
    client.send("LIST a/\nGET b/1\n")?;
    let end = format!("OK {value}\n");
    let list = client.read_until(end.as_bytes())?;
    let list = String::from_utf8_lossy(&list).replace(&end, "");
    let is_right = list.starts_with("OK") && list.contains("a/1") && list.contains("a/2");
    if !is_right || list.contains("b/") {
        return Err(Failure::new("OK and the keys a/1 and a/2", list).into());
    }
    lists_all(&mut client, &value)?;
    client.send("DELETE a/1\n")?;
    config_ok(&mut client)?;
    client.send("GET a/1\n")?;
    config_error(&mut client)?;
    config_get(&mut client, "a/2", &value)?;
    // A key is a whole word, and not the beginning of one.
    config_set(&mut client, "ab", &value)?;
    config_set(&mut client, "a", &value)?;
    client.send("DELETE a\n")?;
    config_ok(&mut client)?;
    config_get(&mut client, "ab", &value)
}

/// LIST without a prefix names all keys.
fn lists_all(client: &mut Conn, value: &str) -> Verdict {
    let cause = "the prefix of LIST may be left out: then all keys are listed";
    client.send("LIST\nGET b/1\n")?;
    let end = format!("OK {value}\n");
    let list = client.read_until(end.as_bytes()).map_err(because(cause))?;
    let list = String::from_utf8_lossy(&list).replace(&end, "");
    let has_all = ["a/1", "a/2", "b/1", "b/a/1"]
        .iter()
        .all(|key| list.contains(key));
    if list.starts_with("OK") && has_all {
        return Ok(());
    }
    let expected = "OK and the keys a/1, a/2, b/1 and b/a/1 to LIST alone";
    Err(Failure::new(expected, list).cause(cause).into())
}

fn explains_errors(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    let unknown = exam.word(7);
    let too_long = format!("SET {} value", "k".repeat(129));
    for line in [
        "GET nothing.there",
        "GET",
        "SET key",
        "DELETE",
        unknown.as_str(),
        too_long.as_str(),
        "SET schlüssel value",
    ] {
        client.send(format!("{line}\n"))?;
        config_error(&mut client)?;
    }
    config_set(&mut client, &"k".repeat(128), "longest")?;
    config_set(&mut client, "still", "here")?;
    config_get(&mut client, "still", "here")?;
    // Whether these are refused, skipped, or taken in part is free: it goes on.
    for line in ["", " ", "\r", "LIST x y", "GET x y", "DELETE x y", "SAVE x"] {
        let shown = crate::harness::escape(line.as_bytes());
        let cause = format!("the line \"{shown}\" ends the connection, or the server");
        client.send_anyway(format!("{line}\nGET still\n"));
        let answer = client.read_until(b"OK here\n");
        answer.map_err(because(&cause))?;
    }
    Ok(())
}

fn config_quits(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    // Within a value, or at the start of another word, it is no command.
    let cause = "QUIT is a line of its own: within another one it is no command";
    config_set(&mut client, "note", "QUIT now")?;
    config_get(&mut client, "note", "QUIT now").map_err(because(cause))?;
    client.send("QUITTER\nGET note\n")?;
    let answer = client.read_until(b"OK QUIT now\n");
    answer.map_err(because(cause))?;
    client.send("QUIT\n")?;
    config_ok(&mut client)?;
    client.expect_end()
}

fn config_serves_many(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let _silent = server.connect()?;
    let mut first = server.connect()?;
    let mut second = server.connect()?;
    let value = exam.word(8);
    config_set(&mut first, "shared", &value)?;
    config_get(&mut second, "shared", &value)?;
    waits_for_no_reader(&server, &exam.word(3900))?;
    // The next one keeps its settings in the same place.
    drop(server);
    serves_fifty_at_once(exam)?;
    common::answers_a_crowd(exam, |server, word| {
        let mut client = server.connect()?;
        config_set(&mut client, word, word)?;
        config_get(&mut client, word, word)
    })
}

/// Fifty clients are there at once, and each of them is answered (C7, F13).
fn serves_fifty_at_once(exam: &mut Exam) -> Verdict {
    const AT_ONCE: usize = 50;
    let server = exam.server()?;
    let clients: Result<Vec<Conn>, Stop> =
        (0..AT_ONCE).map(|_| server.connect()).collect();
    let mut clients = clients?;
    for client in &mut clients {
        client.send("GET shared\n")?;
    }
    let cause = "of fifty clients that are there at once, some are not served";
    for client in &mut clients {
        // A setting that is gone is missed by another check.
        client.patience(Duration::from_secs(10));
        client.read_until(b"\n").map_err(because(cause))?;
    }
    Ok(())
}

/// A client asks for long lists and reads none of them: that is its own affair (C11).
fn waits_for_no_reader(server: &Program, value: &str) -> Verdict {
    const KEYS: usize = 100;
    const LISTS: usize = 50;
    let mut other = server.connect()?;
    for number in 0..KEYS {
        config_set(&mut other, &format!("long{number}"), value)?;
    }
    // Together 20 MB, more than the system keeps for a connection.
    let mut slow = server.connect()?;
    slow.send("LIST\n".repeat(LISTS))?;
    // The pause is the point: by now the lists fill all that can hold them.
    thread::sleep(Duration::from_millis(500));
    other.patience(Duration::from_secs(10));
    for _ in 0..2 {
        config_set(&mut other, "beside", "a slow reader").map_err(because(
            "it waits for a client that does not read, perhaps with a lock held",
        ))?;
    }
    drop(slow);
    config_get(&mut other, "beside", "a slow reader")
}

fn config_survives_kill(exam: &mut Exam) -> Verdict {
    let mut kept: Vec<(String, String)> = Vec::new();
    let mut reply_to_empty: Option<Vec<u8>> = None;
    for round in 0..3 {
        let mut server = exam.server()?;
        let mut client = server.connect()?;
        for (key, value) in &kept {
            config_get(&mut client, key, value)?;
        }
        if let Some(reply) = reply_to_empty.take() {
            client.send("GET empty\n")?;
            client.expect(reply)?;
        }
        for number in 0..20 {
            let (key, value) = (format!("round{round}.{number}"), exam.word(10));
            config_set(&mut client, &key, &value)?;
            kept.push((key, value));
            // What is set after it must last as well; whether it says OK is another check.
            if number == 10 {
                client.send("SAVE\n")?;
                client.read_until(b"\n")?;
            }
        }
        // One that is changed, and one with a carriage return, if that is taken.
        let word = exam.word(6);
        config_set(&mut client, "changed", &word)?;
        kept.retain(|(key, _)| key != "changed" && key != "cr");
        kept.push(("changed".to_owned(), word.clone()));
        client.send("SET cr a\rb\n")?;
        if client.read_until(b"\n")?.starts_with(b"OK") {
            kept.push(("cr".to_owned(), "a\rb".to_owned()));
        }
        // The same for an empty value, which may be shown with or without a space.
        client.send("SET empty \n")?;
        if client.read_until(b"\n")?.starts_with(b"OK") {
            client.send("GET empty\n")?;
            reply_to_empty = Some(client.read_until(b"\n")?);
        }
        // What is deleted stays deleted.
        client.send("GET gone\n")?;
        config_error(&mut client)?;
        config_set(&mut client, "gone", &word)?;
        client.send("DELETE gone\n")?;
        config_ok(&mut client)?;
        server.kill();
    }
    Ok(())
}

fn keeps_what_many_set(exam: &mut Exam) -> Verdict {
    const CLIENTS: usize = 8;
    const EACH: usize = 20;
    let mut server = exam.server()?;
    let values: Vec<Vec<String>> = (0..CLIENTS)
        .map(|_| (0..EACH).map(|_| exam.word(40)).collect())
        .collect();
    let key = |client: usize, number: usize| format!("client{client}.{number}");
    thread::scope(|scope| {
        let started: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(id, values)| {
                let server = &server;
                scope.spawn(move || {
                    let mut client = server.connect()?;
                    // Each may be a write to the disk, and the others' come first.
                    client.patience(Duration::from_secs(20));
                    for (number, value) in values.iter().enumerate() {
                        config_set(&mut client, &key(id, number), value)?;
                    }
                    Verdict::Ok(())
                })
            })
            .collect();
        started.into_iter().try_for_each(|client| {
            let panicked = |_| Stop::Error("a thread of the check panicked".into());
            client.join().map_err(panicked)?
        })
    })?;
    server.kill();
    let server = exam.server()?;
    let mut client = server.connect()?;
    for (id, values) in values.iter().enumerate() {
        for (number, value) in values.iter().enumerate() {
            config_get(&mut client, &key(id, number), value).map_err(
                |stop| match stop {
                    Stop::Failed(failure) => failure
                        .cause("perhaps two clients wrote into the file at the same time")
                        .into(),
                    error => error,
                },
            )?;
        }
    }
    Ok(())
}

/// Writes without pause while the server is killed. Settings are large and many: whoever
/// writes the whole file anew for each of them is nearly always within that.
fn nothing_half_written(exam: &mut Exam) -> Verdict {
    const KEYS: usize = 100;
    let filler = exam.word(1000);
    let value = |number: u64| format!("{number} {filler} end");
    // For each key, the value that was acknowledged and the one that was sent last.
    let mut known = vec![(0_u64, 0_u64); KEYS];
    let mut server = exam.server()?;
    let mut client = server.connect()?;
    for key in 0..KEYS {
        config_set(&mut client, &format!("key{key}"), &value(0))?;
    }
    for round in 1..=5_u64 {
        let pause = Duration::from_millis(exam.rng().u64(20..120));
        let start = exam.rng().usize(..KEYS);
        thread::scope(|scope| {
            let (server, client, known) = (&mut server, &mut client, &mut known);
            scope.spawn(move || {
                // The pause is the point: the server is killed while it writes.
                thread::sleep(pause);
                server.kill();
            });
            for (key, number) in (0..KEYS).cycle().skip(start).zip(round * 1_000_000..) {
                let Some(entry) = known.get_mut(key) else {
                    return;
                };
                entry.1 = number;
                let line = format!("SET key{key} {}\n", value(number));
                if client.send(line).is_err() || config_ok(client).is_err() {
                    return;
                }
                entry.0 = number;
            }
        });
        server = exam.server()?;
        client = server.connect()?;
        for (key, (acknowledged, sent)) in known.iter_mut().enumerate() {
            client.send(format!("GET key{key}\n"))?;
            let got = config_ok(&mut client)?;
            let number = got.split(' ').next().and_then(|it| it.parse().ok());
            match number {
                Some(it) if (it == *acknowledged || it == *sent) && got == value(it) => {
                    (*acknowledged, *sent) = (it, it);
                }
                _ => {
                    let expected = format!("key{key}: value {acknowledged} or {sent}");
                    return Err(Failure::new(expected, got)
                        .cause("it was killed while it wrote")
                        .into());
                }
            }
        }
    }
    Ok(())
}

fn config_saves(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    let value = exam.word(8);
    config_set(&mut client, "saved", &value)?;
    client.send("SAVE\n")?;
    config_ok(&mut client)?;
    config_get(&mut client, "saved", &value)
}

fn config_survives(exam: &mut Exam) -> Verdict {
    common::survives_a_silent_visit(exam, config_probe)?;
    // Four lines get as many answers.
    let four = |word: &str| format!("GET {word}\n").repeat(4);
    common::survives_resets_after(exam, four, config_probe)?;
    common::survives_invalid_utf8(exam, config_probe)?;
    let server = exam.server()?;
    let mut client = server.connect()?;
    client.send_anyway(vec![b'a'; 1_000_000]);
    // An ERROR, or the end.
    let reply = client.read_some(Duration::from_secs(5));
    if reply.is_empty() && client.read_to_end().is_err() {
        let expected = "an ERROR, or the end, after 1000000 bytes without a line end";
        return Err(Failure::new(expected, "it goes on to collect them")
            .cause("a line has at most 4096 bytes; whoever sends more decides about our memory")
            .into());
    }
    config_probe(&server, &exam.word(8))
}

/// The checks of config_client.
pub fn client_checks() -> Vec<Check> {
    vec![
        Check::new(
            "config_client.sends_what_is_typed",
            "sends each command, typed or as arguments, and shows the answer",
            config_client_sends,
        )
        .points(2)
        .sheet(CONFIG)
        .hints(&[
            "The protocol has lines: the line end belongs to the command.",
            "Read one line of the answer for each line that is sent, and print it.",
            "In a loop: read_line from stdin, write_all with its \\n (sendall), \
             read_line from a BufReader around the stream (makefile().readline() in \
             Python), print. Send a command that stands in the arguments in the same \
             way, and end.",
        ])
        .by_hand("nc -l 8080 & printf 'GET a\\n' | cargo run -p config_client"),
        Check::new(
            "config_client.prints_lists",
            "prints every line of a LIST, and then the answer to the next command",
            config_client_lists,
        )
        .needs(&["config_client.sends_what_is_typed"])
        .sheet(CONFIG)
        .hints(&[
            "How many lines does the server send for LIST, and how many do you read?",
            "OK and a number tell how many lines follow. What you leave unread is taken \
             for the answer to the next command.",
            "After a LIST, parse the number behind OK and read and print that many lines \
             more: for _ in 0..count, for _ in range(count) in Python.",
        ])
        .by_hand("cargo run -p config_client -- LIST   # with config_server in another terminal"),
        Check::new(
            "config_client.notices_the_end_of_the_server",
            "ends when the server closes while it waits for input or an answer",
            config_client_notices,
        )
        .needs(&["config_client.sends_what_is_typed"])
        .sheet(CONFIG)
        .hints(&[
            "Waiting for a line and waiting for the server are two things at once.",
            "One thread for each of them; the one that sees the end ends the program.",
            "Let a thread read stdin and send, while main reads the answers. At Ok(0) \
             main returns, which ends the process; in Python start the thread with \
             daemon=True.",
        ])
        .by_hand("cargo run -p config_server   # in another terminal: cargo run -p config_client; then end the server"),
        Check::new(
            "config_client.reports_a_refused_connection",
            "says when nobody listens",
            common::reports_a_refused_connection,
        )
        .sheet(CONFIG)
        .hints(&[
            "connect fails when nobody listens: this is an answer of the network, not a bug.",
            "Print one line with the reason, and end with a status that is not 0.",
            "Match the Err of TcpStream::connect in place of an unwrap, or catch \
             ConnectionRefusedError around Python's connect. Print it and end with \
             status 1.",
        ])
        .by_hand("cargo run -p config_client -- --port 1; echo $?"),
    ]
}

/// Plays the server: one command comes.
fn expect_command(server: &mut Conn, command: &str) -> Verdict {
    let line = server.read_until(b"\n")?;
    let line = String::from_utf8_lossy(&line).into_owned();
    if line.trim_end_matches(['\r', '\n']) != command {
        return Err(Failure::new(format!("{command}⏎"), line).into());
    }
    Ok(())
}

/// Plays the server: one command comes, and is answered with this value.
fn answer_get(server: &mut Conn, key: &str, value: &str) -> Verdict {
    expect_command(server, &format!("GET {key}"))?;
    server.send(format!("OK {value}\n"))
}

fn config_client_sends(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    // A client that wants its command as arguments ends without a connection.
    let Some(mut server) = connected(&listener, &mut client)? else {
        return config_client_takes_arguments(exam);
    };
    for _ in 0..2 {
        let (key, value) = (exam.word(6), exam.word(9));
        client.type_in(&format!("GET {key}\n"))?;
        answer_get(&mut server, &key, &value)?;
        client.wait_for_output(&value)?;
    }
    client.close_stdin();
    client.expect_exit(0)
}

fn config_client_takes_arguments(exam: &mut Exam) -> Verdict {
    for _ in 0..2 {
        let (key, value) = (exam.word(6), exam.word(9));
        let listener = exam.listener()?;
        let launch = exam.launch().args(&["GET", &key]);
        let mut client = launch.client(listener.addr())?;
        let mut server = listener.accept()?;
        answer_get(&mut server, &key, &value)?;
        client.wait_for_output(&value)?;
        client.expect_exit(0)?;
    }
    Ok(())
}

fn config_client_lists(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    let Some(mut server) = connected(&listener, &mut client)? else {
        // A client that wants its command as arguments has one for each run.
        let launch = exam.launch().args(&["LIST", "dev/"]);
        let mut client = launch.client(listener.addr())?;
        let mut server = listener.accept()?;
        shows_a_list(exam, &mut client, &mut server, 3)?;
        return client.expect_exit(0);
    };
    for count in [3, 0] {
        client.type_in("LIST dev/\n")?;
        shows_a_list(exam, &mut client, &mut server, count)?;
        let (key, value) = (exam.word(6), exam.word(9));
        client.type_in(&format!("GET {key}\n"))?;
        answer_get(&mut server, &key, &value)?;
        client.wait_for_output(&value).map_err(common::likely(
            "it takes a line of the list for the answer, or waits for one more",
        ))?;
    }
    client.close_stdin();
    client.expect_exit(0)
}

/// Plays the server: answers LIST with so many lines, and expects each of the values.
fn shows_a_list(
    exam: &mut Exam,
    client: &mut Program,
    server: &mut Conn,
    count: usize,
) -> Verdict {
    let values: Vec<String> = (0..count).map(|_| exam.word(9)).collect();
    expect_command(server, "LIST dev/")?;
    let mut reply = format!("OK {count}\n");
    for (number, value) in values.iter().enumerate() {
        reply.push_str(&format!("dev/{number} {value}\n"));
    }
    // The end of a line may come later than its start.
    let (start, end) = reply.as_bytes().split_at(reply.len() - 5);
    server.send(start)?;
    if count > 0 {
        // The pause is the point: each piece must arrive alone.
        thread::sleep(Duration::from_millis(100));
    }
    server.send(end)?;
    for value in &values {
        client.wait_for_output(value).map_err(common::likely(
            "OK and a number say how many lines follow: all of them are the answer",
        ))?;
    }
    Ok(())
}

fn config_client_notices(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    match connected(&listener, &mut client)? {
        Some(server) => drop(server),
        None => {
            let launch = exam.launch().args(&["GET", "key"]);
            client = launch.client(listener.addr())?;
            drop(listener.accept()?);
        }
    }
    client.wait_exit(Duration::from_secs(5))?;
    client.expect_no_crash()
}
