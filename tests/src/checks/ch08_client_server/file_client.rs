//! file_client.

use std::fs;
use std::thread;

use super::super::common::{self, because};
use super::*;
use crate::harness::prelude::*;

const HINTS_FRAMES: &[&str] = &[
    "Write down the frames of the sheet byte by byte, and compare.",
    "The name is the file's own, without the folders before it.",
    "Wait for the server's yes before you send the content.",
];
const HINTS_WHOLE: &[&str] = &[
    "What is on the disk when the server vanishes in the middle?",
    "Write under another name, and rename when the checksum fits.",
    "Compare the CRC-32 of what you have written with the last four bytes, then call \
     fs::rename (os.replace in Python). At an error or an early end call remove_file \
     (os.unlink), and end with a status that is not 0.",
];

const IN_PIECES: &str =
    "the reply came in pieces: one read may return less than a whole frame";

pub fn checks() -> Vec<Check> {
    let sheet = "labs/08_client_server.md#step-7-files-in-frames";
    let safe = "labs/08_client_server.md#step-8-nothing-half-nothing-outside";
    vec![
        Check::new(
            "file_client.puts",
            "sends a file as name, size, content and checksum",
            puts,
        )
        .deadline(Duration::from_secs(60)) // it starts several times
        .points(2)
        .sheet(sheet)
        .hints(HINTS_FRAMES)
        .by_hand("cargo run -p file_client -- put README.md"),
        Check::new(
            "file_client.waits_for_the_yes",
            "sends content after a yes only, and fails and says why at either no",
            waits_for_the_yes,
        )
        .needs(&["file_client.puts"])
        .sheet(sheet)
        .hints(HINTS_FRAMES)
        .by_hand("cargo run -p file_client -- put README.md --as ../x"),
        Check::new(
            "file_client.fails_without_its_file",
            "fails when the file that it is to send is not there",
            |exam| {
                let listener = exam.listener()?;
                let name = format!("{}.bin", exam.word(6));
                let launch = exam.launch().args(&["put", &name]);
                let mut client = launch.client(listener.addr())?;
                // In whatever words, and whether it has connected before or not.
                expect_failure(&mut client)
            },
        )
        .needs(&["file_client.puts"])
        .sheet(sheet)
        .hints(&[
            "Mistype the name of the file. What does a script learn from your client?",
            "Open the file first: without it there is nothing to announce.",
            "Match the Err of File::open, or catch FileNotFoundError in Python. Print which \
             file is missing, and end with status 1.",
        ])
        .by_hand("cargo run -p file_client -- put nothing; echo $?"),
        Check::new(
            "file_client.fails_without_a_reply",
            "fails without a crash when the server closes in place of a reply",
            fails_without_a_reply,
        )
        .needs(&["file_client.waits_for_the_yes"])
        .sheet(safe)
        .hints(&[
            "The server closes when it has the content. Is the file there?",
            "Only the last reply says so. Without one the upload has failed.",
            "read_exact returns UnexpectedEof, recv in Python b\"\", which has no first \
             byte: look at its length. Print a message, and end with a status that is \
             not 0.",
        ])
        .by_hand("stop the server at the end of a large upload"),
        Check::new(
            "file_client.gets",
            "fetches a file of any size and ends with status 0",
            gets,
        )
        .deadline(Duration::from_secs(90)) // it starts several times
        .points(2)
        .sheet(sheet)
        .hints(HINTS_FRAMES)
        .by_hand("cargo run -p file_client -- get README.md"),
        Check::new(
            "file_client.refuses_a_wrong_checksum",
            "keeps no file whose checksum is wrong, and fails",
            |exam| gets_nothing(exam, send_with_a_wrong_checksum),
        )
        .needs(&["file_client.gets"])
        .sheet(safe)
        .hints(HINTS_WHOLE)
        .by_hand("see the sheet"),
        Check::new(
            "file_client.keeps_no_half_file",
            "keeps nothing of a download that breaks off, and fails",
            |exam| gets_nothing(exam, break_off),
        )
        .needs(&["file_client.gets"])
        .sheet(safe)
        .hints(HINTS_WHOLE)
        .by_hand("stop the server in the middle of a large download"),
        Check::new(
            "file_client.says_why_a_file_is_refused",
            "prints the server's reason when it says no to a download, and fails",
            says_why,
        )
        .sheet(sheet)
        .hints(&[
            "What does your client print when the server has no such file?",
            "A reply that begins with 1 is followed by a length and a text.",
            "Read two bytes with read_exact, make a length of them (u16::from_be_bytes, \
             int.from_bytes), and read that many more. Print them as text, make no file, \
             and end with a status that is not 0.",
        ])
        .by_hand("cargo run -p file_client -- get nothing"),
        Check::new(
            "file_client.lists",
            "prints the names and sizes of the files on the server",
            lists,
        )
        .sheet(sheet)
        .hints(HINTS_FRAMES)
        .by_hand("cargo run -p file_client -- list"),
        Check::new(
            "file_client.reports_a_refused_connection",
            "says that nobody listens there, without a panic, and fails",
            |exam| {
                let addr = exam.refusing_addr()?;
                let mut client = exam.launch().args(&["list"]).client(addr)?;
                fails(&mut client)?;
                common::reports_a_refused_connection(exam)
            },
        )
        .sheet("labs/08_client_server.md#what-goes-wrong-and-why")
        .hints(HINTS_REFUSED)
        .by_hand("cargo run -p file_client -- list (without a server)"),
    ]
}

/// It ends soon, with a status that is not 0 and no panic.
fn fails(client: &mut Program) -> Verdict {
    let verdict = expect_failure(client);
    client.expect_no_crash()?;
    verdict
}

/// It ends soon, with a status that is not 0.
fn expect_failure(client: &mut Program) -> Verdict {
    let exit = client.wait_exit(Duration::from_secs(10))?;
    if exit == Exit::Status(0) {
        let expected = "an exit status that is not 0";
        return Err(Failure::new(expected, "exit status 0").into());
    }
    Ok(())
}

fn name_frame(kind: u8, name: &str) -> Vec<u8> {
    let len = u16::try_from(name.len()).unwrap_or(u16::MAX);
    [&[kind], len.to_be_bytes().as_slice(), name.as_bytes()].concat()
}

fn size_frame(size: usize) -> [u8; 8] {
    u64::try_from(size).unwrap_or(u64::MAX).to_be_bytes()
}

/// Starts an upload of a fresh file up to the server's word.
fn start_upload(exam: &mut Exam, size: usize) -> Result<(Program, Conn, Vec<u8>), Stop> {
    let listener = exam.listener()?;
    let (name, content) = (format!("{}.bin", exam.word(6)), exam.bytes(size));
    fs::create_dir_all(exam.dir().join("sub"))
        .and_then(|()| fs::write(exam.dir().join("sub").join(&name), &content))
        .map_err(|error| Stop::grader("cannot write a file", &error))?;
    let path = format!("sub/{name}");
    let client = exam
        .launch()
        .args(&["put", &path])
        .client(listener.addr())?;
    let mut server = listener.accept()?;
    let frame = [name_frame(b'P', &name), size_frame(size).to_vec()].concat();
    server.expect(frame)?;
    Ok((client, server, content))
}

fn puts(exam: &mut Exam) -> Verdict {
    for size in [0, 1025, 300_000] {
        let (mut client, mut server, content) = start_upload(exam, size)?;
        server.send([0])?;
        server.expect(&content)?;
        server.expect(crc32fast::hash(&content).to_be_bytes())?;
        server.send([0])?;
        client.expect_exit(0)?;
    }
    Ok(())
}

fn waits_for_the_yes(exam: &mut Exam) -> Verdict {
    let (mut client, mut server, _) = start_upload(exam, 5000)?;
    server.expect_silence(Duration::from_millis(200))?;
    let why = exam.word(12);
    let frame = name_frame(1, &why);
    server.send(frame)?;
    client.wait_for_output(&why)?;
    drop(server);
    fails(&mut client)?;

    // The second reply is no formality either: the disk may be full by then.
    let (mut client, mut server, content) = start_upload(exam, 700)?;
    server.send([0])?;
    server.expect(&content)?;
    server.expect(crc32fast::hash(&content).to_be_bytes())?;
    let why = exam.word(12);
    server.send(name_frame(1, &why))?;
    let ignored = "the reply to the content says no: the file was not kept";
    client.wait_for_output(&why).map_err(because(ignored))?;
    drop(server);
    fails(&mut client).map_err(because(ignored))
}

/// Sends a few bytes at a time: a frame is no segment.
fn send_in_pieces(server: &mut Conn, frame: &[u8]) -> Verdict {
    for piece in frame.chunks(5) {
        server.send(piece)?;
        thread::sleep(Duration::from_millis(40));
    }
    Ok(())
}

/// Starts a download up to the server's word.
fn start_download(exam: &mut Exam) -> Result<(Program, Conn, String), Stop> {
    let listener = exam.listener()?;
    let name = format!("{}.bin", exam.word(6));
    let client = exam
        .launch()
        .args(&["get", &name])
        .client(listener.addr())?;
    let mut server = listener.accept()?;
    server.expect(name_frame(b'G', &name))?;
    Ok((client, server, name))
}

fn gets(exam: &mut Exam) -> Verdict {
    for size in [0, 1, 1023, 1024, 1025, 300_000] {
        let (mut client, mut server, name) = start_download(exam)?;
        let content = exam.bytes(size);
        let head = [[0].as_slice(), &size_frame(size)].concat();
        let checksum = crc32fast::hash(&content).to_be_bytes();
        if size == 1023 {
            send_in_pieces(&mut server, &head)?;
            server.send(&content)?;
            send_in_pieces(&mut server, &checksum)?;
            client.expect_exit(0).map_err(because(IN_PIECES))?;
        } else {
            server.send(head)?;
            server.send(&content)?;
            server.send(checksum)?;
            client.expect_exit(0)?;
        }
        if fs::read(exam.dir().join(&name)).ok().as_ref() != Some(&content) {
            let expected =
                format!("the file {name} with the {size} bytes that were sent");
            return Err(Failure::new(expected, "it is missing or different").into());
        }
    }
    Ok(())
}

/// A reply to a download that gives the client no file.
type BadReply = fn(&mut Exam, &mut Conn) -> Verdict;

fn send_with_a_wrong_checksum(exam: &mut Exam, server: &mut Conn) -> Verdict {
    let content = exam.bytes(3000);
    server.send([[0].as_slice(), &size_frame(content.len())].concat())?;
    server.send(&content)?;
    server.send((!crc32fast::hash(&content)).to_be_bytes())
}

fn break_off(exam: &mut Exam, server: &mut Conn) -> Verdict {
    server.send([[0].as_slice(), &size_frame(3000)].concat())?;
    server.send(exam.bytes(2000))
}

fn say_no(exam: &mut Exam, server: &mut Conn) -> Verdict {
    server.send(name_frame(1, &exam.word(12)))
}

fn gets_nothing(exam: &mut Exam, reply: BadReply) -> Verdict {
    let (mut client, mut server, name) = start_download(exam)?;
    reply(exam, &mut server)?;
    drop(server);
    fails(&mut client)?;
    if exam.dir().join(&name).exists() {
        let expected = format!("no file {name}: what came is not what was sent");
        return Err(Failure::new(expected, "it is there").into());
    }
    leaves_the_old_file(exam, reply).map_err(common::likely(
        "it writes into the file itself: write into another one beside it, and rename \
         that when the checksum fits",
    ))
}

fn fails_without_a_reply(exam: &mut Exam) -> Verdict {
    for has_said_yes in [true, false] {
        let (mut client, mut server, content) = start_upload(exam, 700)?;
        if has_said_yes {
            server.send([0])?;
            server.expect(&content)?;
            server.expect(crc32fast::hash(&content).to_be_bytes())?;
        }
        drop(server);
        fails(&mut client).map_err(common::likely(
            "the server has closed without its reply: nobody knows whether it has kept \
             the file",
        ))?;
    }
    Ok(())
}

fn says_why(exam: &mut Exam) -> Verdict {
    let (mut client, mut server, name) = start_download(exam)?;
    let why = exam.word(12);
    server.send(name_frame(1, &why))?;
    drop(server);
    client.wait_for_output(&why)?;
    fails(&mut client)?;
    if exam.dir().join(&name).exists() {
        return Err(Failure::new(format!("no file {name}"), "it is there").into());
    }
    leaves_the_old_file(exam, say_no).map_err(common::likely(
        "it opens the file for writing before the server has said yes",
    ))
}

/// What gives no file changes nothing here: not the file of that name either.
fn leaves_the_old_file(exam: &mut Exam, reply: BadReply) -> Verdict {
    let (name, old) = (format!("{}.bin", exam.word(6)), exam.word(20));
    let path = exam.dir().join(&name);
    fs::write(&path, &old)
        .map_err(|error| Stop::grader("cannot write a file", &error))?;
    let listener = exam.listener()?;
    let launch = exam.launch().args(&["get", &name]);
    let mut client = launch.client(listener.addr())?;
    // Who will not replace a file need not even ask for it.
    if let Ok(mut server) = listener.accept_within(Duration::from_secs(3)) {
        server.expect(name_frame(b'G', &name))?;
        reply(exam, &mut server)?;
        drop(server);
    }
    fails(&mut client)?;
    if fs::read_to_string(&path).is_ok_and(|kept| kept == old) {
        return Ok(());
    }
    let expected = format!("the file {name} that was here before, as it was");
    Err(Failure::new(expected, "it is gone or different").into())
}

fn lists(exam: &mut Exam) -> Verdict {
    lists_a_reply(exam, |server, reply| server.send(reply))?;
    lists_a_reply(exam, send_in_pieces).map_err(because(IN_PIECES))
}

fn lists_a_reply(exam: &mut Exam, send: fn(&mut Conn, &[u8]) -> Verdict) -> Verdict {
    let listener = exam.listener()?;
    let mut client = exam.launch().args(&["list"]).client(listener.addr())?;
    let mut server = listener.accept()?;
    server.expect(b"L")?;
    let files = [(exam.word(7), 77_123), (format!("{} é", exam.word(5)), 0)];
    let mut reply = vec![0, 0, 0, 0, 2];
    for (name, size) in &files {
        reply.extend(name_frame(b'L', name).split_off(1));
        reply.extend(size_frame(*size));
    }
    send(&mut server, &reply)?;
    for (name, size) in &files {
        let size = size.to_string();
        let expected = format!("a line with {name:?} and {size}");
        client.wait_for_printed(&expected, |printed| {
            let mut lines = printed.lines();
            lines.any(|line| line.contains(name.as_str()) && line.contains(&size))
        })?;
    }
    drop(server);
    client.expect_exit(0)
}
