//! file_server: the frames of the sheet, and what must never happen to a file.

use std::fs;
use std::io::ErrorKind;
#[cfg(unix)]
use std::os::unix::fs::symlink;
#[cfg(windows)]
use std::os::windows::fs::symlink_file as symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use super::super::common::{self, because};
use super::*;
use crate::harness::prelude::*;

/// Where a file server keeps its files when it does not say so.
const DIR: &str = "files";

const HINTS_FRAMES: &[&str] = &[
    "Write down the frames of the sheet byte by byte, and compare.",
    "A read may return less than you ask for: read on until you have as many bytes as the \
     length says, and not one more.",
    "Numbers are big-endian: the most significant byte comes first.",
];
const HINTS_LAST_BLOCK: &[&str] = &[
    "Which sizes are wrong: all, or those around your buffer's size?",
    "The last block is shorter than the buffer. Count what is left, not the blocks.",
    "io::copy from the stream's take(size) copies exactly that many bytes in Rust. In \
     Python, recv(min(65536, left)) and subtract what came, while left is more than 0.",
];
const HINTS_ESCAPE: &[&str] = &[
    "What path do you get when you join the directory and ../x?",
    "Refuse the name before you open anything: no separator, no leading dot, no NUL.",
    "A link in the directory may lead out of it as well: look before you follow.",
];
const HINTS_HALF: &[&str] = &[
    "What is in the directory while an upload is under way, and after it breaks?",
    "Write to a file of another, hidden name, and rename it when all is there and right.",
    "Two uploads of one name must not write to the same unfinished file.",
];

pub fn checks() -> Vec<Check> {
    let sheet = "labs/08_client_server.md#step-7-files-in-frames";
    let safe = "labs/08_client_server.md#step-8-nothing-half-nothing-outside";
    let wrong = "labs/08_client_server.md#what-goes-wrong-and-why";
    let by_hand = "cargo run -p file_client -- put README.md";
    let check = |id, title, run| {
        Check::new(id, title, run).needs(&["file_server.stores_and_sends"])
    };
    vec![
        Check::new(
            "file_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .sheet(sheet)
        .hints(HINTS_LISTENS)
        .by_hand("ss -tln | grep 9000"),
        Check::new(
            "file_server.stores_and_sends",
            "stores an upload in its directory and sends it back",
            |exam| round_trips(exam, &[5, 300]),
        )
        .needs(&["file_server.listens"])
        .points(2)
        .sheet(sheet)
        .hints(HINTS_FRAMES)
        .by_hand(by_hand),
        check(
            "file_server.keeps_every_byte",
            "keeps files of 0, 1, 1023, 1024, 1025 and 5000000 bytes as they are",
            |exam| round_trips(exam, &[0, 1, 1023, 1024, 1025, 5_000_000]),
        )
        .points(2)
        .sheet(sheet)
        .hints(HINTS_LAST_BLOCK)
        .by_hand("head -c 1025 /dev/urandom > x; put it, get it, cmp"),
        check(
            "file_server.takes_frames_in_pieces",
            "understands a request that comes byte by byte, and two in one segment",
            takes_frames_in_pieces,
        )
        .sheet(sheet)
        .hints(HINTS_FRAMES)
        .by_hand(by_hand),
        check(
            "file_server.lists",
            "lists the names and sizes of its files",
            lists,
        )
        .sheet(sheet)
        .hints(HINTS_FRAMES)
        .by_hand("cargo run -p file_client -- list"),
        check(
            "file_server.refuses_what_it_does_not_have",
            "says no to a request for a file that it does not have, and goes on",
            |exam| {
                let server = exam.server()?;
                let mut client = server.connect()?;
                client.send(get(&exam.word(9)))?;
                expect_no(&mut client, "there is no such file")?;
                client.send(b"L")?;
                client.expect([0])
            },
        )
        .sheet(sheet)
        .hints(HINTS_FRAMES)
        .by_hand("cargo run -p file_client -- get nothing"),
        check(
            "file_server.serves_many_at_once",
            "serves a second client while the first is connected and silent",
            |exam| common::serves_beside_a_silent_client(exam, probe),
        )
        .sheet(wrong)
        .hints(HINTS_MANY)
        .by_hand("nc 127.0.0.1 9000, and file_client in another terminal"),
        check(
            "file_server.lets_no_name_leave_its_directory",
            "refuses names that lead out of its directory",
            lets_no_name_out,
        )
        .points(3)
        .needs(&["file_server.refuses_what_it_does_not_have"])
        .sheet(safe)
        .hints(HINTS_ESCAPE)
        .by_hand("cargo run -p file_client -- put README.md --as ../outside"),
        check(
            "file_server.follows_no_link_outside",
            "neither sends nor changes a file outside its directory through a symbolic link",
            follows_no_link_outside,
        )
        .needs(&["file_server.refuses_what_it_does_not_have"])
        .sheet(safe)
        .hints(HINTS_ESCAPE)
        .by_hand("ln -s /etc/passwd files/link; cargo run -p file_client -- get link"),
        check(
            "file_server.keeps_no_half_file",
            "shows nothing of an upload that is under way, and keeps nothing if it breaks off",
            keeps_no_half_file,
        )
        .needs(&[
            "file_server.serves_many_at_once",
            "file_server.refuses_what_it_does_not_have",
        ])
        .points(2)
        .sheet(safe)
        .hints(HINTS_HALF)
        .by_hand("stop file_client with Ctrl-C in the middle of a large upload"),
        check(
            "file_server.keeps_the_old_file_until_the_new_is_whole",
            "sends the old content while an upload of the same name is under way",
            keeps_the_old_file,
        )
        .needs(&["file_server.serves_many_at_once"])
        .sheet(safe)
        .hints(HINTS_HALF)
        .by_hand("get a file while a large upload of the same name is running"),
        check(
            "file_server.refuses_a_wrong_checksum",
            "keeps nothing of an upload whose checksum is wrong, and says no",
            refuses_a_wrong_checksum,
        )
        .needs(&["file_server.refuses_what_it_does_not_have"])
        .sheet(safe)
        .hints(&[
            "One bit changes on the way, and the length still fits: how does your server \
             notice?",
            "Compute the checksum of what has come, and compare before you rename.",
            "Feed each block to crc32fast::Hasher (zlib.crc32 in Python), and compare \
             with the number in the last four bytes, big-endian. If they differ, remove \
             the temporary file and reply 1, a length and a reason.",
        ])
        .by_hand("see the sheet: an upload by hand"),
        check(
            "file_server.keeps_two_uploads_apart",
            "keeps one whole file when two clients upload the same name at once",
            keeps_two_uploads_apart,
        )
        .needs(&["file_server.serves_many_at_once"])
        .sheet(safe)
        .hints(HINTS_HALF)
        .by_hand("upload two large files --as the same name at once"),
        check(
            "file_server.survives_resets",
            "goes on when clients reset their connections",
            |exam| {
                // A request for the list has an answer at once.
                common::survives_resets_after(exam, |_| "L".to_owned(), probe)
            },
        )
        .sheet(wrong)
        .hints(HINTS_SURVIVES)
        .by_hand("nmap -p 9000 127.0.0.1"),
        check(
            "file_server.survives_garbage",
            "goes on when a client sends bytes that are no request",
            |exam| {
                common::survives_invalid_utf8(exam, probe)?;
                believes_no_size(exam)
            },
        )
        .sheet(wrong)
        .hints(HINTS_SURVIVES)
        .by_hand("echo hello | nc -q 1 127.0.0.1 9000"),
        check(
            "file_server.gives_back_what_clients_used",
            "has as many threads and open descriptors after 300 clients as before",
            |exam| {
                // A client is lost while it reads that there is no such file.
                let missing = |word: &str| {
                    String::from_utf8_lossy(&get(word)).into_owned()
                };
                common::returns_what_lost_clients_used_after(exam, missing, probe)
            },
        )
        .needs(&[
            "file_server.refuses_what_it_does_not_have",
            "file_server.survives_resets",
        ])
        .sheet(wrong)
        .hints(HINTS_GIVES_BACK)
        .by_hand("ls /proc/PID/fd | wc -l"),
        check(
            "file_server.answers_a_crowd",
            "answers fifty clients at once, and 200 that come 20 at a time",
            |exam| {
                let list = |_: &str| "L".to_owned();
                common::serves_fifty_at_once(exam, list, |client, _| {
                    read_listing(client).map(drop)
                })?;
                common::answers_a_crowd(exam, probe)
            },
        )
        .needs(&["file_server.stores_and_sends", "file_server.serves_many_at_once"])
        .sheet(wrong)
        .hints(HINTS_MANY)
        .by_hand("for i in $(seq 50); do (sleep 9; printf L) | nc -q 1 127.0.0.1 9000 & done"),
        check(
            "file_server.waits_for_no_reader",
            "serves others while a client asks for large files and does not read them",
            |exam| {
                const LEN: usize = 4_000_000;
                const TIMES: usize = 4;
                let server = exam.server()?;
                let (name, content) = (exam.word(6), exam.word(1000).repeat(LEN / 1000));
                upload(&mut server.connect()?, &name, content.as_bytes())?;
                let requests = get(&name).repeat(TIMES);
                common::serves_beside_no_reader(exam, &server, &requests, probe)
            },
        )
        .needs(&[
            "file_server.keeps_every_byte",
            "file_server.serves_many_at_once",
            // A client that leaves with bytes unread leaves by a reset.
            "file_server.survives_resets",
        ])
        .timing()
        .sheet(wrong)
        .hints(&[
            "Where does your server wait while a client does not take its file?",
            "A write to a full socket waits for the reader. Who waits with it?",
            "Hold no lock while you read from a socket or write to it: open the file \
             under the lock, let go of it, and send after that.",
        ])
        .by_hand("get a large file with nc … | sleep 1000, and use file_client beside it"),
        check(
            "file_server.notices_the_end_of_a_client",
            "neither spins nor floods its output when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, probe),
        )
        .timing()
        .sheet(wrong)
        .hints(HINTS_EOF)
        .by_hand("top (after a client has left)"),
        check(
            "file_server.keeps_whole_files_only_when_killed",
            "has its whole files, and no half one, when it is killed and started again",
            keeps_whole_files_only_when_killed,
        )
        .needs(&["file_server.lists", "file_server.keeps_no_half_file"])
        .sheet(safe)
        .hints(&[
            "What is in the directory when your server is killed in an upload?",
            "What is only in the memory of a program is gone with it: also the list of \
             what is unfinished.",
            "Give an unfinished file a name that is never listed (a leading dot), and \
             remove such files when you start. Remove nothing else.",
        ])
        .by_hand("kill -9 the server in the middle of a large upload, start it again, list"),
        check(
            "file_server.restarts_at_once",
            "listens again at once when it is stopped and started",
            |exam| common::restarts_at_once_after(exam, |_| "L".to_owned(), probe),
        )
        .sheet(wrong)
        .hints(HINTS_PORT)
        .by_hand("stop it with Ctrl-C while a client is connected, and start it again"),
        check(
            "file_server.ends_on_ctrl_c",
            "ends when Ctrl-C is pressed and its clients have left",
            |exam| common::ends_on_ctrl_c(exam, probe),
        )
        .timing()
        .sheet(wrong)
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("cargo run -p file_client -- list, then press Ctrl-C in the server's terminal"),
        Check::new(
            "file_server.reports_a_port_in_use",
            "reports a port in use in a message and with a status that is not 0",
            common::reports_a_port_in_use,
        )
        .needs(&["file_server.listens"])
        .sheet(wrong)
        .hints(HINTS_PORT)
        .by_hand("cargo run -p file_server (twice, in two terminals)"),
    ]
}

/// The first frame of an upload.
fn put(name: &str, size: usize) -> Vec<u8> {
    let size = u64::try_from(size).unwrap_or(u64::MAX);
    [named(b'P', name), size.to_be_bytes().to_vec()].concat()
}

/// The request for a download.
fn get(name: &str) -> Vec<u8> {
    named(b'G', name)
}

fn named(kind: u8, name: &str) -> Vec<u8> {
    let len = u16::try_from(name.len()).unwrap_or(u16::MAX);
    [&[kind], len.to_be_bytes().as_slice(), name.as_bytes()].concat()
}

/// The second part of an upload: content and checksum.
fn content_frame(content: &[u8]) -> Vec<u8> {
    [content, crc32fast::hash(content).to_be_bytes().as_slice()].concat()
}

fn upload(client: &mut Conn, name: &str, content: &[u8]) -> Verdict {
    client.send(put(name, content.len()))?;
    client.expect([0])?;
    client.send(content_frame(content))?;
    client.expect([0])
}

fn download(client: &mut Conn, name: &str, content: &[u8]) -> Verdict {
    client.send(get(name))?;
    let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
    client.expect([[0].as_slice(), size.to_be_bytes().as_slice()].concat())?;
    client.expect(content_frame(content))
}

/// Reads a refusal with its reason.
fn expect_no(client: &mut Conn, why: &str) -> Verdict {
    let kind = client.read_exactly(1)?;
    expect_reason(client, &kind, why)
}

/// Reads the rest of a refusal whose first byte should have been 1.
fn expect_reason(client: &mut Conn, kind: &[u8], why: &str) -> Verdict {
    if kind != [1] {
        let expected = format!("a reply that begins with 1, no: {why}");
        return Err(Failure::new(expected, format!("it begins with {kind:?}")).into());
    }
    let len = client.read_exactly(2)?;
    let len = len
        .iter()
        .fold(0, |len, byte| len * 256 + usize::from(*byte));
    client.read_exactly(len).map(drop)
}

/// One client that is served as it should be.
fn probe(server: &Program, word: &str) -> Verdict {
    let mut client = server.connect()?;
    upload(&mut client, word, word.as_bytes())?;
    download(&mut client, word, word.as_bytes())
}

/// Where the server keeps its files: its start line says so, `Serving DIR on h:p`. The line
/// may come late; who prints none has the folder of the sheet.
fn dir_of(server: &Program, exam: &Exam) -> PathBuf {
    let give_up = Instant::now() + Duration::from_secs(3);
    let usual = exam.dir().join(DIR);
    loop {
        let printed = server.printed();
        let named = printed.lines().find_map(|line| {
            let (_, rest) = line.split_once("Serving ")?;
            rest.rsplit_once(" on ")
        });
        if let Some((dir, _)) = named {
            return exam.dir().join(dir);
        }
        if usual.exists() || Instant::now() > give_up {
            return usual;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn round_trips(exam: &mut Exam, sizes: &[usize]) -> Verdict {
    let server = exam.server()?;
    for &size in sizes {
        let (name, content) = (format!("{}.bin", exam.word(6)), exam.bytes(size));
        upload(&mut server.connect()?, &name, &content)?;
        let dir = dir_of(&server, exam);
        let kept = fs::read(dir.join(&name));
        if !kept.as_ref().is_ok_and(|kept| *kept == content) {
            let dir = dir.strip_prefix(exam.dir()).unwrap_or(&dir).display();
            let expected = format!("{dir}/{name} holds the {size} bytes that were sent");
            let got = match kept {
                Ok(kept) => format!("{} bytes, and not the same", kept.len()),
                Err(_) => "no such file".to_owned(),
            };
            return Err(Failure::new(expected, got).into());
        }
        download(&mut server.connect()?, &name, &content)?;
    }
    Ok(())
}

fn takes_frames_in_pieces(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    let (name, content) = (exam.word(5), exam.bytes(7));
    let pause = Duration::from_millis(3);
    client.send_bytewise(&put(&name, content.len()), pause)?;
    client.expect([0])?;
    client.send_bytewise(&content_frame(&content), pause)?;
    client.expect([0])?;
    // Two requests in one segment get two replies.
    client.send([get(&name), get(&name)].concat())?;
    let size = [0, 0, 0, 0, 0, 0, 0, 0, 7];
    let reply = [size.as_slice(), &content_frame(&content)].concat();
    client.expect([reply.as_slice(), &reply].concat())
}

fn lists(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = server.connect()?;
    let files = [(exam.word(5), 3), (format!("{} é", exam.word(4)), 258)];
    for (name, size) in &files {
        let content = exam.bytes(*size);
        upload(&mut client, name, &content)?;
    }
    let mut wanted: Vec<Vec<u8>> = files
        .iter()
        .map(|(name, size)| put(name, *size).split_off(1))
        .collect();
    // Any order is right.
    for entry in listing(&mut client)? {
        let Some(at) = wanted.iter().position(|wanted| *wanted == entry) else {
            return Err(Failure::bytes(&wanted.concat(), &entry).into());
        };
        wanted.remove(at);
    }
    match wanted.first() {
        Some(missing) => Err(Failure::bytes(missing, b"").into()),
        None => Ok(()),
    }
}

/// Asks for the list.
fn listing(client: &mut Conn) -> Result<Vec<Vec<u8>>, Stop> {
    client.send(b"L")?;
    read_listing(client)
}

/// Reads the list. Each entry is the length of the name, the name, the size.
fn read_listing(client: &mut Conn) -> Result<Vec<Vec<u8>>, Stop> {
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0, |number, byte| number * 256 + usize::from(*byte))
    };
    client.expect([0])?;
    let mut entries = Vec::new();
    for _ in 0..number(&client.read_exactly(4)?) {
        let len = client.read_exactly(2)?;
        let rest = client.read_exactly(number(&len) + 8)?;
        entries.push([len, rest].concat());
    }
    Ok(entries)
}

fn lets_no_name_out(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let secret = exam.word(12);
    let dir = dir_of(&server, exam);
    let dir = dir.file_name().unwrap_or_default().display();
    // Its path begins as that of the directory does.
    let sibling = format!("{dir}-backup");
    let written = fs::write(exam.dir().join("secret.txt"), &secret)
        .and_then(|()| fs::create_dir(exam.dir().join(&sibling)))
        .and_then(|()| fs::write(exam.dir().join(&sibling).join("secret.txt"), &secret));
    written.map_err(|error| Stop::grader("cannot write a file", &error))?;
    let absolute = exam.dir().join("secret.txt").display().to_string();
    let down = format!("./../{dir}/../secret.txt");
    let beside = format!("../{sibling}/secret.txt");
    for name in ["../secret.txt", &absolute, &down, &beside, "..", "."] {
        let mut client = server.connect()?;
        client.send(get(name))?;
        expect_no(&mut client, &format!("{name:?} is not in its directory"))?;
    }
    let absolute = exam.dir().join("outside.txt").display().to_string();
    let beside = format!("../{sibling}/outside.txt");
    for name in [
        "../outside.txt",
        "sub/../../outside.txt",
        &absolute,
        &beside,
        "a\0b",
        "",
    ] {
        let mut client = server.connect()?;
        client.send(put(name, 4))?;
        // It may say no at once, or when it has the content.
        let mut kind = client.read_exactly(1)?;
        if kind == [0] {
            client.send(content_frame(b"evil"))?;
            kind = client.read_exactly(1)?;
        }
        let why = format!("{name:?} is no name for a file in it");
        expect_reason(&mut client, &kind, &why)?;
        let folders = [exam.dir(), &exam.dir().join(&sibling)];
        if folders.iter().any(|dir| dir.join("outside.txt").exists()) {
            let expected = "no file outside of its directory";
            let got = format!("one was written for the name {name:?}");
            return Err(Failure::new(expected, got).into());
        }
    }
    goes_on_after_a_refused_upload(&server)?;
    probe(&server, &exam.word(7))
}

fn follows_no_link_outside(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    probe(&server, &exam.word(6))?; // Its directory exists now.
    let secret = exam.dir().join("secret.txt");
    let link = dir_of(&server, exam).join("link.txt");
    let content = exam.word(12);
    let made = fs::write(&secret, &content).and_then(|()| symlink(&secret, &link));
    if made.is_err() && cfg!(windows) {
        exam.note("making a link needs rights here that few have");
        return Ok(());
    }
    made.map_err(|error| Stop::grader("cannot make a link", &error))?;
    let mut client = server.connect()?;
    client.send(get("link.txt"))?;
    expect_no(&mut client, "the link leads out of its directory")?;
    drop(client); // Whether it serves several at once is another check.
    // It may refuse an upload of this name, or put the file in the place of the link.
    let mut client = server.connect()?;
    let upload = exam.word(20);
    client.send(put("link.txt", upload.len()))?;
    if accepted(&mut client)? {
        client.send(content_frame(upload.as_bytes()))?;
        accepted(&mut client)?;
    }
    if fs::read(&secret).is_ok_and(|kept| kept == content.as_bytes()) {
        return Ok(());
    }
    let expected = "the file outside is as it was";
    Err(Failure::new(expected, "the upload went through the link into it").into())
}

/// What is in the directory for those who may ask.
fn expect_missing(server: &Program, exam: &Exam, name: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send(get(name))?;
    expect_no(&mut client, "nothing is kept of that upload")?;
    if dir_of(server, exam).join(name).exists() {
        let expected = format!("no file {name} in its directory");
        return Err(Failure::new(expected, "it is there").into());
    }
    Ok(())
}

fn keeps_no_half_file(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let (mut kept, mut halves) = (Vec::new(), Vec::new());
    for reset in [false, true] {
        let (name, half) = (exam.word(8), exam.bytes(50_000));
        let mut client = server.connect()?;
        client.send(put(&name, 2 * half.len()))?;
        client.expect([0])?;
        client.send(&half)?;
        // While the upload is under way.
        expect_missing(&server, exam, &name)?;
        let listed = listing(&mut server.connect()?)?;
        if listed.len() > kept.len() {
            let got = crate::harness::escape(&listed.concat());
            let expected = format!("a list of the files that are whole: {kept:?}");
            return Err(Failure::new(expected, got)
                .cause("the unfinished file is in the list")
                .into());
        }
        if reset {
            client.reset();
        } else {
            client.half_close();
            client.read_some(Duration::from_millis(300));
        }
        halves.push(half);
        kept.push(exam.word(6));
        probe(&server, kept.last().map_or("", String::as_str))?;
        expect_missing(&server, exam, &name)?;
    }
    // The server may need a moment to notice that a client has left.
    let dir = dir_of(&server, exam);
    let mut left = Vec::new();
    for _ in 0..100 {
        // An index or a log of the server's own is no half file.
        left = names_in(&dir);
        left.retain(|name| {
            let content = fs::read(dir.join(name)).unwrap_or_default();
            let begins = |half: &Vec<u8>| half.iter().zip(&content).all(|(a, b)| a == b);
            !content.is_empty() && halves.iter().any(begins)
        });
        if left.is_empty() {
            // Who dies of a reset may have served one client more.
            return probe(&server, &exam.word(6));
        }
        thread::sleep(Duration::from_millis(50));
    }
    let expected = format!("nothing but whole files in {DIR}: {kept:?}");
    Err(Failure::new(expected, format!("also {left:?}"))
        .cause("the unfinished file of an upload that broke off is still there")
        .into())
}

/// Nobody can end well when it is killed: what is on the disk then must do.
fn keeps_whole_files_only_when_killed(exam: &mut Exam) -> Verdict {
    let mut server = exam.server()?;
    let (whole, half) = (exam.word(8), exam.word(8));
    let (content, unfinished) = (exam.bytes(3000), exam.bytes(50_000));
    let mut client = server.connect()?;
    upload(&mut client, &whole, &content)?;
    let mut before = listing(&mut client)?;
    before.sort();
    client.send(put(&half, 2 * unfinished.len()))?;
    client.expect([0])?;
    client.send(&unfinished)?;
    // Some of it should be on the disk, and nothing tells when it is.
    thread::sleep(Duration::from_millis(300));
    server.kill();
    exam.note("killed by the grader, in an upload, and started again");
    drop(client);
    let server = exam.server()?;
    let mut client = server.connect()?;
    download(&mut client, &whole, &content).map_err(because(
        "the file was there, and confirmed, before the server was killed",
    ))?;
    let mut listed = listing(&mut client)?;
    listed.sort();
    drop(client);
    if listed != before {
        let list = |entries: &[Vec<u8>]| crate::harness::escape(&entries.concat());
        let expected = format!("the same list as before: \"{}\"", list(&before));
        return Err(Failure::new(expected, format!("\"{}\"", list(&listed)))
            .cause("an upload that was under way when the server was killed is listed")
            .into());
    }
    expect_missing(&server, exam, &half)
}

/// The files in a directory, hidden ones too.
fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

fn keeps_the_old_file(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let (name, old, new) = (exam.word(8), exam.bytes(3000), exam.bytes(4000));
    upload(&mut server.connect()?, &name, &old)?;
    let (first, rest) = new.split_at(2000);
    let mut client = server.connect()?;
    client.send(put(&name, new.len()))?;
    if !accepted(&mut client)? {
        // Who never replaces a file keeps the old one as well.
        return download(&mut server.connect()?, &name, &old);
    }
    client.send(first)?;
    for _ in 0..5 {
        download(&mut server.connect()?, &name, &old)?;
        thread::sleep(Duration::from_millis(40)); // Some write a little later.
    }
    let checksum = crc32fast::hash(&new).to_be_bytes();
    client.send([rest, checksum.as_slice()].concat())?;
    let kept = if accepted(&mut client)? { &new } else { &old };
    drop(client);
    download(&mut server.connect()?, &name, kept)?;
    replaces_all_of_it(exam, &server, &name, kept)
}

/// A shorter file leaves nothing of the longer one that had its name.
fn replaces_all_of_it(
    exam: &mut Exam,
    server: &Program,
    name: &str,
    longer: &[u8],
) -> Verdict {
    let shorter = exam.bytes(10);
    let mut client = server.connect()?;
    client.send(put(name, shorter.len()))?;
    let mut kept = longer;
    if accepted(&mut client)? {
        client.send(content_frame(&shorter))?;
        if accepted(&mut client)? {
            kept = &shorter;
        }
    }
    drop(client);
    download(&mut server.connect()?, name, kept).map_err(because(
        "a shorter file has come for a longer one, and not all of the old one is gone",
    ))
}

/// Reads a reply: yes, or no with a reason.
fn accepted(client: &mut Conn) -> Result<bool, Stop> {
    let kind = client.read_exactly(1)?;
    if kind == [0] {
        return Ok(true);
    }
    expect_reason(client, &kind, "or 0, yes")?;
    Ok(false)
}

fn refuses_a_wrong_checksum(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let (name, content) = (exam.word(8), exam.bytes(700));
    let mut frame = content_frame(&content);
    if let Some(byte) = frame.get_mut(350) {
        *byte ^= 1; // As if one bit had changed on the way.
    }
    let mut client = server.connect()?;
    client.send(put(&name, content.len()))?;
    client.expect([0])?;
    client.send(&frame)?;
    expect_no(&mut client, "the checksum does not fit the content")?;
    drop(client); // Whether it serves several at once is another check.
    expect_missing(&server, exam, &name)?;

    // What was there under this name stays as it was.
    let old = exam.bytes(900);
    upload(&mut server.connect()?, &name, &old)?;
    let mut client = server.connect()?;
    client.send(put(&name, content.len()))?;
    if accepted(&mut client)? {
        client.send(&frame)?;
        expect_no(&mut client, "the checksum does not fit the content")?;
    }
    drop(client);
    download(&mut server.connect()?, &name, &old).map_err(because(
        "an upload with a wrong checksum has changed the file that was there before",
    ))
}

/// A size is only what a client says: nobody must have room for it before it has come.
fn believes_no_size(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for size in [u64::MAX, 1 << 62] {
        let mut client = server.connect()?;
        let frame = [named(b'P', &exam.word(7)), size.to_be_bytes().to_vec()].concat();
        client.send(frame)?;
        // No, yes, or the end: then some of the content, and it is gone.
        client.read_some(Duration::from_millis(300));
        client.send_anyway(exam.bytes(1000));
        drop(client);
        probe(&server, &exam.word(7)).map_err(because(format!(
            "a client has announced a file of {size} bytes: it asks for that much memory \
             at once, or counts in too small a number"
        )))?;
    }
    Ok(())
}

/// Whoever was refused has a connection as before, or none. Content, which only follows a
/// yes, is not waited for.
fn goes_on_after_a_refused_upload(server: &Program) -> Verdict {
    let mut client = server.connect()?;
    client.send(put("../outside.txt", 4))?;
    // It may say no at once, or when it has the content.
    if accepted(&mut client)? {
        client.send(content_frame(b"evil"))?;
        accepted(&mut client)?;
    }
    client.send_anyway(b"L");
    let patience = Some(Duration::from_secs(5));
    client
        .stream()
        .set_read_timeout(patience)
        .map_err(|error| Stop::grader("cannot use a connection", &error))?;
    match uninterrupted(|| client.stream().peek(&mut [0])) {
        Ok(1..) => read_listing(&mut client).map(drop),
        Err(error)
            if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
        {
            let expected = "after its no, an answer to the next request (L)";
            Err(Failure::new(expected, "silence for 5 s")
                .cause("it said no, and waits for the content: that follows a yes only")
                .into())
        }
        _ => Ok(()),
    }
}

fn keeps_two_uploads_apart(exam: &mut Exam) -> Verdict {
    const LEN: usize = 100_000;
    let server = exam.server()?;
    let name = exam.word(8);
    // A server may refuse whoever comes second: then one is under way.
    let mut under_way = Vec::new();
    for _ in 0..2 {
        let mut client = server.connect()?;
        client.send(put(&name, LEN))?;
        if accepted(&mut client)? {
            under_way.push((client, exam.bytes(LEN)));
        }
    }
    // The first sends a half, the second all, the first the rest: in one unfinished file
    // the parts would mix. Nothing tells when a part has been written.
    let (half, settled) = (LEN / 2, Duration::from_millis(100));
    if let Some((client, content)) = under_way.first_mut() {
        client.send(content.get(..half).unwrap_or_default())?;
        thread::sleep(settled);
    }
    let mut kept = None;
    for (number, (client, content)) in under_way.iter_mut().enumerate().rev() {
        let rest = if number == 0 { half } else { 0 };
        client.send(content_frame(content).get(rest..).unwrap_or_default())?;
        if accepted(client)? {
            kept = Some(content);
        }
    }
    match kept {
        Some(content) => download(&mut server.connect()?, &name, content),
        None => {
            let expected = "one of the two uploads is kept";
            Err(Failure::new(expected, "both are refused").into())
        }
    }
}
