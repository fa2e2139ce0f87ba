//! The contract that all programs of the course share: flags, ready line, error line,
//! exit status, signals.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use grading::harness::{Target, uninterrupted};
use libtest_mimic::{Failed, Trial};

/// How long a program may take for anything that is asked of it here.
const PATIENCE: Duration = Duration::from_secs(60);

/// What kind of program a step is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Listens on a TCP port.
    Tcp,
    /// Has a UDP socket.
    Udp,
    /// Connects to a TCP server and says how to start it when it is not there.
    Client,
    /// Takes `--help` and `--version` like all the others; the rest is its own.
    Other,
}

/// The servers and clients; what is not named here is of kind `Other`.
const KINDS: &[(&str, Kind)] = &[
    ("message_server", Kind::Tcp),
    ("message_server_threaded", Kind::Tcp),
    ("tcp_server", Kind::Tcp),
    ("tcp_client", Kind::Client),
    ("echo_server", Kind::Tcp),
    ("echo_client", Kind::Client),
    ("robust_server", Kind::Tcp),
    ("select_server", Kind::Tcp),
    ("heartbeat_server", Kind::Tcp),
    ("threaded_server", Kind::Tcp),
    ("threaded_client", Kind::Client),
    ("app_server", Kind::Tcp),
    ("app_client", Kind::Client),
    ("chat_server", Kind::Tcp),
    ("file_server", Kind::Tcp),
    ("udp_server", Kind::Udp),
    ("udp_echo_server", Kind::Udp),
    ("udp_receiver", Kind::Udp),
    ("frame_receiver", Kind::Udp),
    ("tls_server", Kind::Tcp),
    ("tls_client", Kind::Client),
    ("secure_server", Kind::Tcp),
    ("http_simple_server", Kind::Tcp),
    ("http_challenge", Kind::Tcp),
    ("config_server", Kind::Tcp),
];

/// The options that are time limits in seconds.
const TIME_LIMITS: &[(&str, &[&str])] = &[
    ("message_server", &["--idle-timeout"]),
    ("message_server_threaded", &["--idle-timeout"]),
    ("unix_socket_server", &["--idle-timeout"]),
    ("tcp_server", &["--idle-timeout"]),
    ("echo_server", &["--idle-timeout"]),
    ("robust_server", &["--idle-timeout"]),
    ("select_server", &["--idle-timeout"]),
    ("threaded_server", &["--idle-timeout"]),
    ("app_server", &["--idle-timeout"]),
    ("chat_server", &["--idle-timeout"]),
    ("tls_server", &["--idle-timeout"]),
    ("secure_server", &["--idle-timeout", "--lockout"]),
    ("fetch_url", &["--timeout", "--max-time"]),
    (
        "http_challenge",
        &["--idle-timeout", "--head-timeout", "--body-timeout"],
    ),
    ("config_server", &["--idle-timeout"]),
];

/// A server that has a word for who comes when there is no room.
struct Full {
    step: &'static str,
    args: &'static [&'static str],
    /// How many clients it takes, with these arguments.
    room: usize,
    /// What a client may say at once.
    request: &'static [u8],
    /// What the answer holds.
    word: &'static str,
}

const FULL: &[Full] = &[
    Full {
        step: "app_server",
        args: &["--max-clients", "1"],
        room: 1,
        request: b"hello",
        word: "full",
    },
    Full {
        step: "file_server",
        args: &[],
        room: 100,
        request: b"L",
        word: "the server is full, try later",
    },
    Full {
        step: "config_server",
        args: &[],
        room: 1024,
        request: b"LIST\n",
        word: "ERROR ",
    },
];

/// Clients, what a server answers to them, and all that they print with `--quiet`.
const QUIET_CLIENTS: &[(&str, &str, &str)] = &[
    ("tcp_client", "hi", "Received: hi\n"),
    (
        "echo_client",
        "Hello, Server!",
        "Received 'Hello, Server!'\n",
    ),
    ("safe_tcp_client", "hi", "Received: hi\n"),
    ("robust_client", "hi", "Received from server: hi\n"),
    ("retry_client", "", "Connected to the server\n"),
    ("select_client", "hi", "hi\n"),
    ("heartbeat_client", "PING\n", ""),
    ("threaded_client", "hi", "Received: hi\n"),
    (
        "http_manual_client",
        "HTTP/1.1 204 OK\r\n\r\n",
        "HTTP/1.1 204 OK\n\n",
    ),
];

/// Clients that wait for a reply with a time limit. A stopped program's read ends with
/// EINTR when it goes on (signal(7)).
#[cfg(target_os = "linux")]
const STOPPED: &[&str] = &[
    "tcp_client",
    "echo_client",
    "safe_tcp_client",
    "robust_client",
    "threaded_client",
];

/// The tests of this file.
pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for step in steps() {
        let kind = kind(&step);
        let mut add = |name: &str, test: fn(&Path, &str) -> Result<(), Failed>| {
            let step = step.clone();
            let name = format!("{step}::{name}");
            trials.push(Trial::test(name, move || test(&binary(&step)?, &step)));
        };
        add("tells_its_usage_and_version", tells_its_usage_and_version);
        add(
            "refuses_unknown_options_with_status_2",
            refuses_unknown_options,
        );
        if TIME_LIMITS.iter().any(|(name, _)| *name == step) {
            add("refuses_time_limits_that_no_clock_holds", refuses_odd_times);
        }
        if kind == Kind::Tcp {
            add(
                "is_reached_through_localhost_over_ipv4",
                is_reached_through_localhost,
            );
            add("listens_on_ipv6", listens_on_ipv6);
            add("says_that_a_port_is_in_use", says_that_a_port_is_in_use);
            #[cfg(unix)]
            add("is_quiet_about_clients_that_fail", is_quiet);
            add(
                "ends_when_nobody_reads_its_output",
                ends_when_nobody_reads_its_output,
            );
        }
        if matches!(kind, Kind::Tcp | Kind::Udp) {
            add("takes_any_free_port", takes_any_free_port);
            add("says_that_a_host_is_unknown", says_that_a_host_is_unknown);
            add(
                "does_not_take_host_and_port_from_the_environment",
                ignores_environment,
            );
            #[cfg(unix)]
            add("ends_on_sigint", ends_on_sigint);
            #[cfg(unix)]
            add("ends_on_sigterm", ends_on_sigterm);
        }
        if FULL.iter().any(|full| full.step == step) {
            add(
                "tells_that_it_is_full_to_who_has_spoken",
                tells_that_it_is_full,
            );
        }
        #[cfg(target_os = "linux")]
        if STOPPED.contains(&step.as_str()) {
            add("goes_on_after_it_was_stopped", goes_on_after_a_stop);
        }
        if QUIET_CLIENTS.iter().any(|(name, ..)| *name == step) {
            add(
                "prints_the_answer_alone_with_quiet",
                prints_the_answer_alone,
            );
        }
        if step == "config_client" {
            add("lets_a_server_wait_that_sends_too_much", lets_it_wait);
        }
        if kind == Kind::Client {
            add("says_how_to_start_the_server", says_how_to_start_the_server);
            add("says_that_a_host_is_unknown", says_that_a_host_is_unknown);
        }
    }
    trials.push(blames_the_server());
    trials
}

fn kind(step: &str) -> Kind {
    let kind = KINDS.iter().find(|(name, _)| *name == step);
    kind.map_or(Kind::Other, |(_, kind)| *kind)
}

/// Every lab step: the crates in the chapter folders.
fn steps() -> Vec<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut steps = Vec::new();
    for chapter in std::fs::read_dir(crates).into_iter().flatten().flatten() {
        let is_chapter = chapter
            .file_name()
            .display()
            .to_string()
            .starts_with(|c: char| c.is_ascii_digit());
        for step in std::fs::read_dir(chapter.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            if is_chapter && step.path().join("src/main.rs").exists() {
                steps.push(step.file_name().display().to_string());
            }
        }
    }
    steps.sort();
    steps
}

/// Builds all steps once and returns the binary of one.
fn binary(step: &str) -> Result<PathBuf, Failed> {
    use std::sync::OnceLock;
    static PREPARED: OnceLock<Result<grading::harness::Prepared, String>> =
        OnceLock::new();
    let prepared = PREPARED.get_or_init(|| {
        let steps = steps();
        let names: Vec<&str> = steps.iter().map(String::as_str).collect();
        Target::Reference
            .prepare(&names)
            .map_err(|error| format!("{error:#}"))
    });
    let prepared = prepared.as_ref().map_err(Failed::from)?;
    let binary = prepared.binary(step).ok_or("it does not compile")?;
    Ok(binary.to_path_buf())
}

/// A command for the program in a scrubbed environment and a fresh folder.
fn command(binary: &Path, dir: &Path) -> Command {
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("API_KEY", "contract-0123456789abcdef0123456789")
        .env("HOME", dir)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn fresh_dir() -> Result<tempfile::TempDir, Failed> {
    Ok(tempfile::tempdir()?)
}

/// Runs a command that ends by itself.
fn finish(mut command: Command) -> Result<Output, Failed> {
    let mut child = command.spawn()?;
    let give_up = Instant::now() + PATIENCE;
    while child.try_wait()?.is_none() {
        if Instant::now() > give_up {
            child.kill()?;
            child.wait()?;
            return Err("it does not end".into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(child.wait_with_output()?)
}

fn ensure(condition: bool, text: impl FnOnce() -> String) -> Result<(), Failed> {
    if condition {
        Ok(())
    } else {
        Err(text().into())
    }
}

/// What must hold of every failure: status 1, one line on stderr that begins the way
/// errors begin, no panic.
fn is_one_error_line(output: &Output, holds: &str) -> Result<(), Failed> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure(output.status.code() == Some(1), || {
        format!("status {:?}\n{stdout}{stderr}", output.status)
    })?;
    let line = stderr.trim_end();
    ensure(line.lines().count() == 1 && line.contains(holds), || {
        format!(
            "expected one line on stderr with {holds:?}\nstdout: {stdout}\nstderr: {stderr}"
        )
    })
}

fn tells_its_usage_and_version(binary: &Path, step: &str) -> Result<(), Failed> {
    let dir = fresh_dir()?;
    for (flag, holds) in [("--help", "Usage:"), ("--version", step)] {
        let mut command = command(binary, dir.path());
        command.arg(flag);
        let output = finish(command)?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        ensure(output.status.success() && stdout.contains(holds), || {
            format!("{flag}: {:?}\n{stdout}", output.status)
        })?;
        // Who listens on a port or connects to one takes what all of them take.
        if stdout.contains("--host <") {
            for option in ["--port <", "--quiet"] {
                ensure(stdout.contains(option), || format!("no {option}\n{stdout}"))?;
            }
        }
    }
    Ok(())
}

fn refuses_unknown_options(binary: &Path, _: &str) -> Result<(), Failed> {
    refuses(binary, &["--no-such-option"], "Usage:")
}

fn refuses_odd_times(binary: &Path, step: &str) -> Result<(), Failed> {
    let options = TIME_LIMITS.iter().find(|(name, _)| *name == step);
    let (_, options) = options.ok_or("no time limits")?;
    for option in *options {
        // Added to the time of day, the last one is more than an `Instant` holds.
        for value in ["0", "86401", "18446744073709551615"] {
            refuses(binary, &[option, value], option)?;
        }
    }
    Ok(())
}

/// Wrong usage: status 2, and a line on stderr that says what is right.
fn refuses(binary: &Path, args: &[&str], holds: &str) -> Result<(), Failed> {
    let dir = fresh_dir()?;
    let mut command = command(binary, dir.path());
    command.args(args);
    let output = finish(command)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure(
        output.status.code() == Some(2)
            && stderr.contains(holds)
            && output.stdout.is_empty(),
        || format!("{args:?}: {:?}\n{stderr}", output.status),
    )
}

/// A running server whose ready line has been read.
struct Server {
    child: Child,
    lines: mpsc::Receiver<String>,
    first: String,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(command: &mut Command) -> Result<Server, Failed> {
    let mut child = command.spawn()?;
    let stdout = child.stdout.take().ok_or("no stdout")?;
    // Never leave a pipe full.
    if let Some(mut stderr) = child.stderr.take() {
        thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::stderr()));
    }
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut server = Server {
        child,
        lines,
        first: String::new(),
        port: 0,
    };
    while server.port == 0 {
        // What it says before it listens is no ready line: it names no port.
        server.first = server
            .lines
            .recv_timeout(PATIENCE)
            .map_err(|_| "no ready line")?;
        let port = server.first.rsplit(':').next().unwrap_or_default();
        let digits: String = port.chars().take_while(char::is_ascii_digit).collect();
        server.port = digits.parse().unwrap_or_default();
    }
    Ok(server)
}

fn takes_any_free_port(binary: &Path, _: &str) -> Result<(), Failed> {
    let dir = fresh_dir()?;
    let server = start(command(binary, dir.path()).args(["--port", "0"]))?;
    ensure(
        server.port > 0 && server.first.contains("127.0.0.1"),
        || server.first.clone(),
    )
}

fn is_reached_through_localhost(binary: &Path, _: &str) -> Result<(), Failed> {
    let dir = fresh_dir()?;
    let server =
        start(command(binary, dir.path()).args(["--host", "localhost", "--port", "0"]))?;
    TcpStream::connect(("127.0.0.1", server.port))?;
    Ok(())
}

fn listens_on_ipv6(binary: &Path, _: &str) -> Result<(), Failed> {
    let dir = fresh_dir()?;
    let server =
        start(command(binary, dir.path()).args(["--host", "::1", "--port", "0"]))?;
    TcpStream::connect(("::1", server.port))?;
    Ok(())
}

fn says_that_a_port_is_in_use(binary: &Path, _: &str) -> Result<(), Failed> {
    let dir = fresh_dir()?;
    let occupied = TcpListener::bind("127.0.0.1:0")?;
    let port = occupied.local_addr()?.port().to_string();
    // localhost is ::1 as well: there the port is free, and few would look for the server.
    for host in ["127.0.0.1", "localhost"] {
        let mut command = command(binary, dir.path());
        command.args(["--host", host, "--port", &port]);
        is_one_error_line(&finish(command)?, "in use")?;
    }
    Ok(())
}

fn says_that_a_host_is_unknown(binary: &Path, _: &str) -> Result<(), Failed> {
    let dir = fresh_dir()?;
    let mut command = command(binary, dir.path());
    command.args(["--host", "no-such-host.invalid", "--port", "1"]);
    is_one_error_line(&finish(command)?, "no-such-host.invalid")
}

fn ignores_environment(binary: &Path, _: &str) -> Result<(), Failed> {
    let dir = fresh_dir()?;
    let mut command = command(binary, dir.path());
    command
        .args(["--port", "0"])
        .env("HOST", "0.0.0.0")
        .env("PORT", "1");
    let server = start(&mut command)?;
    ensure(server.first.contains("127.0.0.1"), || server.first.clone())
}

fn ends_when_nobody_reads_its_output(binary: &Path, _: &str) -> Result<(), Failed> {
    let dir = fresh_dir()?;
    // A pipe whose reader has gone before the first line is written.
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let mut command = command(binary, dir.path());
    command.args(["--port", "0"]).stdout(writer);
    is_one_error_line(&finish(command)?, "")
}

fn says_how_to_start_the_server(binary: &Path, step: &str) -> Result<(), Failed> {
    let dir = fresh_dir()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = command(binary, dir.path());
    command.args(["--port", &port.to_string()]);
    let server = step.replace("_client", "_server");
    is_one_error_line(&finish(command)?, &format!("cargo run -p {server}"))
}

#[cfg(unix)]
fn ends_on_sigint(binary: &Path, step: &str) -> Result<(), Failed> {
    ends_on_signal(binary, step, "INT")
}

#[cfg(unix)]
fn ends_on_sigterm(binary: &Path, step: &str) -> Result<(), Failed> {
    ends_on_signal(binary, step, "TERM")
}

/// Ctrl-C and SIGTERM print the shutdown line and end the server with status 0 within
/// 2 s, also with a client connected.
#[cfg(unix)]
fn ends_on_signal(binary: &Path, step: &str, signal: &str) -> Result<(), Failed> {
    let dir = fresh_dir()?;
    let mut server = start(command(binary, dir.path()).args(["--port", "0"]))?;
    let client = match kind(step) {
        Kind::Tcp => Some(TcpStream::connect(("127.0.0.1", server.port))?),
        _ => None,
    };
    Command::new("kill")
        .args(["-s", signal, &server.child.id().to_string()])
        .status()?;
    // Twice what is promised: the machine may be busy.
    let give_up = Instant::now() + Duration::from_secs(4);
    let status = loop {
        if let Some(status) = server.child.try_wait()? {
            break status;
        }
        ensure(Instant::now() < give_up, || {
            "it still runs after 4 s".to_owned()
        })?;
        thread::sleep(Duration::from_millis(5));
    };
    drop(client);
    let lines: Vec<String> = server.lines.iter().collect();
    let farewell = match step {
        "chat_server" => "[SHUTDOWN] Server shutting down",
        _ => "Server shutting down",
    };
    ensure(status.code() == Some(0), || format!("{status}: {lines:?}"))?;
    ensure(lines.iter().any(|line| line == farewell), || {
        format!("{lines:?}")
    })
}

/// With `--quiet` there is no line for a client, on stderr neither.
#[cfg(unix)]
fn is_quiet(binary: &Path, step: &str) -> Result<(), Failed> {
    let dir = fresh_dir()?;
    let stderr = dir.path().join("stderr");
    let mut command = command(binary, dir.path());
    command.args(["--port", "0", "--quiet"]);
    command.stderr(std::fs::File::create(&stderr)?);
    let mut server = start(&mut command)?;
    for _ in 0..5 {
        let speak = || -> std::io::Result<TcpStream> {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port))?;
            stream.write_all(b"x")?;
            Ok(stream)
        };
        let stream = match speak() {
            // It has one client: the next may be reset, or not get in at all.
            Err(_) if step == "message_server" => break,
            spoken => spoken?,
        };
        // Closed with a linger time of zero, it is reset (tcp(7), SO_LINGER).
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    }
    // It has met them all when it meets this one.
    drop(TcpStream::connect(("127.0.0.1", server.port)));
    Command::new("kill")
        .args(["-s", "TERM", &server.child.id().to_string()])
        .status()?;
    let give_up = Instant::now() + PATIENCE;
    while server.child.try_wait()?.is_none() {
        ensure(Instant::now() < give_up, || "it does not end".to_owned())?;
        thread::sleep(Duration::from_millis(5));
    }
    let said = std::fs::read_to_string(&stderr)?;
    ensure(said.is_empty(), || said)
}

/// With `--quiet` a client prints what it was asked for, and nothing around it.
fn prints_the_answer_alone(binary: &Path, step: &str) -> Result<(), Failed> {
    let client = QUIET_CLIENTS.iter().find(|(name, ..)| *name == step);
    let (_, answer, printed) = *client.ok_or("it is no client")?;
    let dir = fresh_dir()?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port().to_string();
    let server = thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.write_all(answer.as_bytes())?;
        stream.shutdown(std::net::Shutdown::Write)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        std::io::copy(&mut stream, &mut std::io::sink()).map(drop)
    });
    let mut command = command(binary, dir.path());
    command.args(["--quiet", "--port", &port]);
    if step == "heartbeat_client" {
        command.args(["--beats", "1"]);
    }
    let output = finish(command)?;
    server.join().map_err(|_| "the server panicked")??;
    let stdout = String::from_utf8_lossy(&output.stdout);
    ensure(output.status.success() && stdout == printed, || {
        format!("{}: {stdout:?}", output.status)
    })
}

/// A server that sends without end, and nobody who reads what the client prints: the
/// server must have to wait, or its lines would pile up in the client's memory.
fn lets_it_wait(binary: &Path, _: &str) -> Result<(), Failed> {
    const TOO_MUCH: usize = 256 * 1024 * 1024;
    let dir = fresh_dir()?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port().to_string();
    let mut command = command(binary, dir.path());
    let mut client = command
        .args(["--port", &port])
        .stdin(Stdio::piped())
        .spawn()?;
    let (mut stream, _) = listener.accept()?;
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    let lines = "x".repeat(1023) + "\n";
    let lines = lines.repeat(64);
    let mut sent = 0;
    let outcome = loop {
        match uninterrupted(|| stream.write(lines.as_bytes())) {
            Ok(len) if sent + len < TOO_MUCH => sent += len,
            outcome => break outcome,
        }
    };
    client.kill()?;
    client.wait()?;
    match outcome {
        // Unix says "would block" where Windows says "timed out".
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            ) =>
        {
            Ok(())
        }
        other => Err(format!("after {sent} bytes: {other:?}").into()),
    }
}

/// A reply to who has sent something must not be lost to a reset.
fn tells_that_it_is_full(binary: &Path, step: &str) -> Result<(), Failed> {
    let full = FULL.iter().find(|full| full.step == step);
    let full = full.ok_or("it has no word for that")?;
    let dir = fresh_dir()?;
    let server = start(
        command(binary, dir.path())
            .args(["--port", "0"])
            .args(full.args),
    )?;
    let connect = || TcpStream::connect(("127.0.0.1", server.port));
    // Accepted in the order in which they come.
    let _room = (0..full.room)
        .map(|_| connect())
        .collect::<Result<Vec<_>, _>>()?;
    for _ in 0..10 {
        let mut late = connect()?;
        late.set_read_timeout(Some(PATIENCE))?;
        late.write_all(full.request)?;
        let mut reply = Vec::new();
        late.read_to_end(&mut reply)?;
        let reply = String::from_utf8_lossy(&reply);
        ensure(reply.contains(full.word), || format!("{reply:?}"))?;
    }
    Ok(())
}

/// A client that is stopped while it waits (Ctrl-Z) waits on when it goes on (`fg`).
#[cfg(target_os = "linux")]
fn goes_on_after_a_stop(binary: &Path, _: &str) -> Result<(), Failed> {
    let dir = fresh_dir()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut command = command(binary, dir.path());
    command.args(["--port", &listener.local_addr()?.port().to_string()]);
    let mut child = command.spawn()?;
    let outcome = stop_and_go_on(&listener, &child);
    if outcome.is_err() {
        child.kill()?;
    }
    let output = child.wait_with_output()?;
    outcome?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    ensure(output.status.success() && stdout.contains("Hello"), || {
        format!("{output:?}")
    })
}

#[cfg(target_os = "linux")]
fn stop_and_go_on(listener: &TcpListener, child: &Child) -> Result<(), Failed> {
    let id = child.id().to_string();
    let reaches = |state: char| {
        let give_up = Instant::now() + PATIENCE;
        loop {
            // proc_pid_stat(5): the state comes behind the name in parentheses.
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
            let (_, rest) = stat.rsplit_once(") ").ok_or("no state")?;
            if rest.starts_with(state) {
                return Ok::<_, Failed>(());
            }
            ensure(Instant::now() < give_up, || stat.clone())?;
            thread::sleep(Duration::from_millis(5));
        }
    };
    let (mut stream, _) = listener.accept()?;
    let mut buf = [0; 100];
    let len = stream.read(&mut buf)?;
    reaches('S')?; // It waits for the reply.
    for (signal, state) in [("STOP", 'T'), ("CONT", 'S')] {
        Command::new("kill").args(["-s", signal, &id]).status()?;
        reaches(state)?;
    }
    // Longer than a client waits that takes the signal for a pause within the reply.
    stream.set_read_timeout(Some(Duration::from_millis(1500)))?;
    let silence = uninterrupted(|| stream.read(&mut [0]));
    ensure(silence.is_err(), || "it has gone".to_owned())?;
    stream.write_all(buf.get(..len).unwrap_or_default())?;
    Ok(())
}

/// Where `localhost` is ::1 too and the machine has no IPv6, as in many containers, the
/// error is still the server's: nobody listens on 127.0.0.1.
fn blames_the_server() -> Trial {
    const SETUP: &str = "ip link set lo up && mount --bind hosts /etc/hosts \
        && echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && exec \"$@\"";
    let words = ["-rnm", "sh", "-c", SETUP, "sh"];
    let test = move || {
        let dir = fresh_dir()?;
        std::fs::write(
            dir.path().join("hosts"),
            "127.0.0.1 localhost\n::1 localhost\n",
        )?;
        let mut command = command(Path::new("unshare"), dir.path());
        command
            .args(words)
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.arg(binary("tcp_client")?);
        command.args(["--host", "localhost", "--port", "9"]);
        is_one_error_line(
            &finish(command)?,
            "connection refused. Is the server running?",
        )
    };
    let mut probe = Command::new("unshare");
    probe.args(["-rnm", "ip", "link", "set", "lo", "up"]);
    let missing = !probe.output().is_ok_and(|output| output.status.success());
    Trial::test("tcp_client::blames_the_server_and_not_ipv6", test)
        .with_ignored_flag(missing)
}
