//! Chapter 8 against real peers and under load: what its checks do not ask of a
//! submission, and what the reference programs owe nevertheless.
//!
//! `SOCKET_LABS_ALL=1` takes the full numbers (10,000 clients, 1 GiB).

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may assume what it has set up itself"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use grading::harness::{Exam, Exit, Program, uninterrupted};
use libtest_mimic::Trial;

use crate::held::Held;

/// The tests of this file.
pub fn trials() -> Vec<Trial> {
    let tests: &[(&str, fn())] = &[
        (
            "the_python_chat_client_talks_to_our_server",
            the_python_chat_client_talks_to_our_server,
        ),
        (
            "our_chat_client_talks_to_the_python_server",
            our_chat_client_talks_to_the_python_server,
        ),
        (
            "the_python_app_halves_fit_ours",
            the_python_app_halves_fit_ours,
        ),
        (
            "a_python_client_made_from_the_sheet_moves_files",
            a_python_client_made_from_the_sheet_moves_files,
        ),
        #[cfg(unix)]
        (
            "files_have_the_permissions_of_the_umask_and_links_stay",
            files_follow_umask_and_links,
        ),
        (
            "echo_only_confirms_and_says_nothing_to_others",
            echo_only_confirms_and_says_nothing_to_others,
        ),
        (
            "who_comes_to_a_full_room_is_told",
            who_comes_to_a_full_room_is_told,
        ),
        ("who_says_nothing_is_let_go", who_says_nothing_is_let_go),
        (
            "every_line_reaches_all_others_in_the_order_of_its_sender",
            every_line_reaches_all_others_in_the_order_of_its_sender,
        ),
        (
            "idle_clients_cost_little_and_come_back_as_nothing",
            idle_clients_cost_little_and_come_back_as_nothing,
        ),
        (
            "a_crowd_comes_and_goes_and_leaves_nothing",
            a_crowd_comes_and_goes_and_leaves_nothing,
        ),
        (
            "without_descriptors_it_sheds_clients_and_recovers",
            without_descriptors_it_sheds_clients_and_recovers,
        ),
        (
            "a_large_file_passes_in_little_memory",
            a_large_file_passes_in_little_memory,
        ),
        (
            "a_killed_server_leaves_no_half_file_and_cleans_up_at_its_next_start",
            a_killed_server_leaves_no_half_file_and_cleans_up_at_its_next_start,
        ),
        (
            "ctrl_c_removes_unfinished_uploads",
            ctrl_c_removes_unfinished_uploads,
        ),
    ];
    let trial = |&(name, test): &(&'static str, fn())| {
        Trial::test(format!("ch08::{name}"), move || {
            test();
            Ok(())
        })
    };
    tests.iter().map(trial).collect()
}

const PATIENCE: Duration = Duration::from_secs(30);

/// The client of the Python original: no line end, one recv(1024) for each message.
const PYTHON_CHAT_CLIENT: &str = "
import socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])))
client.settimeout(10)
print(client.recv(1024).decode())
for message in sys.argv[3:]:
    client.send(message.encode())
    if message.lower() == 'quit':
        break
    print(client.recv(1024).decode())
print(repr(client.recv(1024)))
";

/// The server of the Python original: it confirms what one recv(1024) returns.
const PYTHON_CHAT_SERVER: &str = "
import socket, sys, threading
server = socket.create_server(('127.0.0.1', 0))
print(server.getsockname()[1], flush=True)
def handle(conn):
    conn.send(b\"Welcome to the chat server! Type 'quit' to exit.\\n\")
    while True:
        message = conn.recv(1024).decode('utf-8')
        if not message or message.strip().lower() == 'quit':
            break
        conn.send(f'Server received: {message}'.encode('utf-8'))
    conn.close()
while True:
    conn, addr = server.accept()
    threading.Thread(target=handle, args=(conn,), daemon=True).start()
";

/// The server of the Python original, for one client.
const PYTHON_APP_SERVER: &str = "
import socket
server = socket.create_server(('127.0.0.1', 0))
print(server.getsockname()[1], flush=True)
conn, addr = server.accept()
while True:
    data = conn.recv(1024)
    if not data:
        break
    conn.sendall(b'Server echo: ' + data)
conn.close()
";

/// The client of the Python original.
const PYTHON_APP_CLIENT: &str = "
import socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])))
client.sendall(sys.argv[3].encode())
print('Received from server:', client.recv(1024).decode())
client.close()
";

/// Uploads and downloads with nothing but the sheet's table of frames.
const PYTHON_FILE_CLIENT: &str = "
import os, socket, struct, sys, zlib
conn = socket.create_connection((sys.argv[1], int(sys.argv[2])))
source = conn.makefile('rb')
for size in (0, 1, 1023, 1024, 1025, 3000000):
    data, name = os.urandom(size), f'{size}.bin'.encode()
    frame = struct.pack('>H', len(name)) + name
    conn.sendall(b'P' + frame + struct.pack('>Q', size))
    assert source.read(1) == b'\\0'
    conn.sendall(data + struct.pack('>I', zlib.crc32(data)))
    assert source.read(1) == b'\\0'
    conn.sendall(b'G' + frame)
    assert source.read(9) == b'\\0' + struct.pack('>Q', size)
    assert source.read(size) == data
    assert source.read(4) == struct.pack('>I', zlib.crc32(data))
print('all the same')
";

fn exam(step: &str) -> Exam {
    Exam::reference(step).unwrap()
}

/// Runs a Python script as the client of a server.
fn python(script: &str, server: &Program, args: &[&str]) -> Output {
    let addr = server.addr();
    Command::new(crate::python())
        .args([
            "-c",
            script,
            &addr.ip().to_string(),
            &addr.port().to_string(),
        ])
        .args(args)
        .output()
        .unwrap()
}

/// Runs a Python script as a server, and a program of ours as its client with this input.
fn with_python_server(script: &str, step: &str, args: &[&str], input: &str) -> String {
    let mut server = Command::new(crate::python())
        .args(["-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    let mut stdout = BufReader::new(server.stdout.take().unwrap());
    stdout.read_line(&mut port).unwrap();
    let addr = format!("127.0.0.1:{}", port.trim()).parse().unwrap();
    let exam = exam(step);
    let mut client = exam.launch().args(args).client(addr).ok().unwrap();
    client.type_in(input).ok().unwrap();
    client.close_stdin();
    let exit = client.wait_exit(PATIENCE).ok().unwrap();
    let printed = client.printed();
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(exit, Exit::Status(0), "{printed}");
    printed
}

fn connect(server: &Program) -> TcpStream {
    let stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Comes into the chat: the greeting has been read.
fn enter(server: &Program) -> BufReader<TcpStream> {
    let mut client = BufReader::new(connect(server));
    let mut greeting = String::new();
    client.read_line(&mut greeting).unwrap();
    assert!(greeting.starts_with("Welcome"), "{greeting}");
    client
}

/// Leaves, and waits until the server has closed.
fn quits(mut client: BufReader<TcpStream>) {
    client.get_mut().write_all(b"quit\n").unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
}

/// Reads on to a line.
fn hears(client: &mut BufReader<TcpStream>, wanted: &str) {
    let mut line = String::new();
    while line.trim_end() != wanted {
        line.clear();
        assert!(client.read_line(&mut line).unwrap() > 0, "no {wanted}");
    }
}

fn the_python_chat_client_talks_to_our_server() {
    let exam = exam("chat_server");
    let server = exam.server().ok().unwrap();
    let output = python(PYTHON_CHAT_CLIENT, &server, &["hello", "  é ", "Quit"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "Welcome to the chat server! Type 'quit' to exit.\n\n\
         Server received: hello\nServer received:   é \nb''\n"
    );
}

fn our_chat_client_talks_to_the_python_server() {
    for args in [["--quiet"].as_slice(), &["--quiet", "--raw"]] {
        let printed = with_python_server(
            PYTHON_CHAT_SERVER,
            "chat_client",
            args,
            "hi\nyou\nquit\n",
        );
        assert!(printed.contains("Welcome to the chat server!"), "{printed}");
        assert!(printed.contains("Server received: hi"), "{printed}");
        assert!(printed.contains("Server received: you"), "{printed}");
    }
}

fn the_python_app_halves_fit_ours() {
    let exam = exam("app_server");
    let server = exam.server().ok().unwrap();
    let output = python(PYTHON_APP_CLIENT, &server, &["hé llo"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text, "Received from server: Server echo: hé llo\n");

    let printed = with_python_server(PYTHON_APP_SERVER, "app_client", &[], "hé llo\n");
    let wanted = "Received from server: Server echo: hé llo";
    assert!(printed.contains(wanted), "{printed}");
    let long = "x".repeat(3000);
    let printed =
        with_python_server(PYTHON_APP_SERVER, "app_client", &[], &(long + "\n"));
    assert_eq!(printed.matches('x').count(), 3000, "{printed}");
}

fn a_python_client_made_from_the_sheet_moves_files() {
    let exam = exam("file_server");
    let server = exam.server().ok().unwrap();
    let output = python(PYTHON_FILE_CLIENT, &server, &[]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.stdout, b"all the same\n", "{errors}");
}

#[cfg(unix)]
fn files_follow_umask_and_links() {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    let server_exam = exam("file_server");
    let server = server_exam.server().ok().unwrap();
    let exam = exam("file_client");
    let transfer = |args: &[&str]| {
        let launch = exam.launch().args(args);
        let mut client = launch.client(server.addr()).ok().unwrap();
        client.wait_exit(PATIENCE).ok().unwrap()
    };
    let file = |name: &str| exam.dir().join(name);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::create_dir_all(exam.dir()).unwrap();
    fs::write(file("new.txt"), "new").unwrap();
    // As the umask has it: what a plain write made.
    let plain = mode(&file("new.txt"));
    assert_eq!(transfer(&["put", "new.txt"]), Exit::Status(0));
    assert_eq!(mode(&server_exam.dir().join("files/new.txt")), plain);

    let get = |output: &str| transfer(&["get", "new.txt", "--output", output]);
    assert_eq!(get("copy.txt"), Exit::Status(0));
    assert_eq!(mode(&file("copy.txt")), plain);

    fs::write(file("old.txt"), "old").unwrap();
    fs::set_permissions(file("old.txt"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink("old.txt", file("link.txt")).unwrap();
    assert_eq!(get("link.txt"), Exit::Status(0));
    assert!(file("link.txt").is_symlink());
    assert_eq!(fs::read_to_string(file("old.txt")).unwrap(), "new");
    assert_eq!(mode(&file("old.txt")), 0o600);

    let pipe = file("pipe");
    Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert_eq!(get("pipe"), Exit::Status(1));
    assert!(!fs::metadata(&pipe).unwrap().is_file());
}

fn echo_only_confirms_and_says_nothing_to_others() {
    let exam = exam("chat_server");
    let launch = exam.launch().args(&["--quiet", "--echo-only"]);
    let server = launch.server().ok().unwrap();
    let (mut talker, mut other) = (enter(&server), enter(&server));
    talker.get_mut().write_all(b"/name x\nhi\nquit\n").unwrap();
    let mut heard = String::new();
    talker.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "Server received: /name x\nServer received: hi\n");
    other.get_mut().write_all(b"me\n").unwrap();
    let mut line = String::new();
    other.read_line(&mut line).unwrap();
    assert_eq!(line, "Server received: me\n");
}

fn who_comes_to_a_full_room_is_told() {
    let exam = exam("chat_server");
    let launch = exam.launch().args(&["--quiet", "--max-clients", "2"]);
    let server = launch.server().ok().unwrap();
    let before = Held::by(&server);
    for _ in 0..10 {
        let (first, second) = (enter(&server), enter(&server));
        let mut refusal = String::new();
        connect(&server).read_to_string(&mut refusal).unwrap();
        assert_eq!(refusal, "The chat is full, please try again later.\n");
        // A place is free again as soon as its owner has left.
        quits(second);
        let third = enter(&server);
        quits(third);
        quits(first);
    }
    before.is_all_again(&server).unwrap();
}

fn who_says_nothing_is_let_go() {
    let exam = exam("chat_server");
    let launch = exam.launch().args(&["--idle-timeout", "1"]);
    let mut server = launch.server().ok().unwrap();
    let mut rest = String::new();
    enter(&server).read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("* You have said nothing for "), "{rest}");
    server.wait_for_output("[DISCONNECT]").ok().unwrap();
}

fn every_line_reaches_all_others_in_the_order_of_its_sender() {
    let (clients, lines) = if crate::in_full() {
        (500, 10)
    } else {
        (100, 10)
    };
    let exam = exam("chat_server");
    let server = exam.launch().args(&["--quiet"]).server().ok().unwrap();
    let room: Vec<_> = (0..clients).map(|_| enter(&server)).collect();
    thread::scope(|scope| {
        let mut readers = Vec::new();
        for (number, mut client) in room.into_iter().enumerate() {
            let mut voice = client.get_ref().try_clone().unwrap();
            readers.push(scope.spawn(move || {
                let mut next = vec![0; clients];
                let mut missing = (clients - 1) * lines;
                let mut line = String::new();
                while missing > 0 {
                    line.clear();
                    assert!(client.read_line(&mut line).unwrap() > 0);
                    // [127.0.0.1:50001] SENDER LINE
                    let Some((_, text)) = line.split_once("] ") else {
                        continue;
                    };
                    let (sender, count) = text.trim_end().split_once(' ').unwrap();
                    let sender: usize = sender.parse().unwrap();
                    assert_ne!(sender, number, "what one says is not told to oneself");
                    assert_eq!(count, next[sender].to_string(), "from {sender}");
                    next[sender] += 1;
                    missing -= 1;
                }
                client // Nobody leaves before all have read everything.
            }));
            for line in 0..lines {
                voice
                    .write_all(format!("{number} {line}\n").as_bytes())
                    .unwrap();
            }
        }
        let done: Vec<_> = readers.into_iter().map(|r| r.join().unwrap()).collect();
        assert_eq!(done.len(), clients);
    });
}

fn idle_clients_cost_little_and_come_back_as_nothing() {
    let count = if crate::in_full() { 1000 } else { 400 };
    let exam = exam("chat_server");
    let server = exam.launch().args(&["--quiet"]).server().ok().unwrap();
    drop(enter(&server));
    let before = Held::by(&server);
    let clients: Vec<_> = (0..count).map(|_| enter(&server)).collect();
    if let Some(bytes) = server.memory() {
        assert!(
            bytes <= 64 * 1024 * 1024,
            "{bytes} bytes for {count} clients"
        );
    }
    drop(clients);
    before.is_all_again(&server).unwrap();
}

fn a_crowd_comes_and_goes_and_leaves_nothing() {
    let each = if crate::in_full() { 200 } else { 20 };
    let exam = exam("chat_server");
    let server = exam.launch().args(&["--quiet"]).server().ok().unwrap();
    drop(enter(&server));
    let before = Held::by(&server);
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                for _ in 0..each {
                    let mut client = enter(&server);
                    client.get_mut().write_all(b"hi\n").unwrap();
                    hears(&mut client, "Server received: hi");
                    quits(client);
                }
            });
        }
    });
    before.is_all_again(&server).unwrap();
}

fn without_descriptors_it_sheds_clients_and_recovers() {
    let exam = exam("chat_server");
    let launch = exam.launch().args(&["--quiet"]).open_files(64);
    let server = launch.server().ok().unwrap();
    let before = Held::by(&server);
    let crowd: Vec<_> = (0..90).map(|_| connect(&server)).collect();
    // Those who were let in are greeted, the others see the end.
    let greeted = crowd
        .iter()
        .filter(|stream| {
            let mut stream: &TcpStream = stream;
            matches!(uninterrupted(|| stream.read(&mut [0; 8])), Ok(1..))
        })
        .count();
    assert!((40..64).contains(&greeted), "{greeted} of 90 were greeted");
    drop(crowd);
    before.is_all_again(&server).unwrap();
    let mut client = enter(&server);
    client.get_mut().write_all(b"again\n").unwrap();
    hears(&mut client, "Server received: again");
}

fn a_large_file_passes_in_little_memory() {
    let megabytes = if crate::in_full() { 1024 } else { 48 };
    let exam = exam("file_server");
    let launch = exam.launch().args(&["--quiet"]).file_size(2048);
    let server = launch.server().ok().unwrap();
    let block: Vec<u8> = (0..1024 * 1024_u32)
        .map(|i| u8::try_from(i.wrapping_mul(2_654_435_761) >> 24).unwrap_or(0))
        .collect();
    let mut stream = connect(&server);
    let size = u64::try_from(block.len() * megabytes).unwrap();
    let mut checksum = crc32fast::Hasher::new();
    stream.write_all(b"P\0\x05large").unwrap();
    stream.write_all(&size.to_be_bytes()).unwrap();
    let mut yes = [9];
    stream.read_exact(&mut yes).unwrap();
    assert_eq!(yes, [0]);
    for _ in 0..megabytes {
        stream.write_all(&block).unwrap();
        checksum.update(&block);
    }
    let checksum = checksum.finalize().to_be_bytes();
    stream.write_all(&checksum).unwrap();
    stream.read_exact(&mut yes).unwrap();
    assert_eq!(yes, [0]);

    stream.write_all(b"G\0\x05large").unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[1..], size.to_be_bytes());
    let mut part = vec![0; block.len()];
    for _ in 0..megabytes {
        stream.read_exact(&mut part).unwrap();
        assert!(part == block, "other bytes came back");
    }
    let mut sum = [0; 4];
    stream.read_exact(&mut sum).unwrap();
    assert_eq!(sum, checksum);
    if let Some(bytes) = server.memory() {
        assert!(bytes < 16 * 1024 * 1024, "{bytes} bytes resident");
    }
}

fn a_killed_server_leaves_no_half_file_and_cleans_up_at_its_next_start() {
    let exam = exam("file_server");
    let mut server = exam.server().ok().unwrap();
    let mut stream = connect(&server);
    stream.write_all(b"P\0\x04half\0\0\0\0\0\x10\0\0").unwrap();
    stream.read_exact(&mut [9]).unwrap();
    stream.write_all(&[7; 70_000]).unwrap();
    server.kill();
    let files = || {
        let entries = std::fs::read_dir(exam.dir().join("files")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        names.collect::<Vec<_>>()
    };
    let left = files();
    let is_hidden =
        |name: &std::ffi::OsString| name.display().to_string().starts_with('.');
    assert!(left.iter().all(is_hidden), "{left:?}");
    let mut server = exam.server().ok().unwrap();
    // It listens before it cleans up, and says so after.
    server.wait_for_output("Serving").ok().unwrap();
    assert!(files().is_empty(), "{:?}", files());
}

fn ctrl_c_removes_unfinished_uploads() {
    let exam = exam("file_server");
    let mut server = exam.server().ok().unwrap();
    let mut stream = connect(&server);
    stream.write_all(b"P\0\x04half\0\0\0\0\0\x10\0\0").unwrap();
    stream.read_exact(&mut [9]).unwrap();
    server.interrupt();
    server.expect_exit(0).ok().unwrap();
    let entries = std::fs::read_dir(exam.dir().join("files")).unwrap();
    assert_eq!(entries.count(), 0);
}
