//! `tls_server` and `tls_client`.

use std::path::Path;
use std::time::Instant;

use crate::checks::common;
use crate::harness::prelude::*;
use crate::harness::{Cert, TestCa, TestIdentity, TlsConn};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

const REPLY: &str = "Hello, secure client!";
const GREETING: &str = "Hello, secure server!";
const SERVER_SHEET: &str = "labs/10_security.md#step-1-start-the-secure-server";
const MUTUAL_SHEET: &str = "labs/10_security.md#step-6-mutual-tls";
const CLIENT_SHEET: &str = "labs/10_security.md#step-2-connect-the-secure-client";
const TRUST_SHEET: &str = "labs/10_security.md#step-5-whom-do-you-trust";
const S_CLIENT: &str = "openssl s_client -connect 127.0.0.1:65432 -quiet";

pub fn server_checks() -> Vec<Check> {
    const REPLIES: &[&str] = &["tls_server.replies_over_tls"];
    let life = |id, title, function| {
        Check::new(id, title, function)
            .needs(REPLIES)
            .sheet(SERVER_SHEET)
            .by_hand(S_CLIENT)
    };
    vec![
        Check::new(
            "tls_server.listens",
            "listens on the host and port that it is given",
            common::listens,
        )
        .hints(&[
            "Which address do you bind: the one given, or one that stands in the source?",
            "Bind --host and --port as they are given, before you wait for a client.",
            "TcpListener::bind((host, port)); in Python socket, then bind((host, port)), \
             then listen. TLS comes after accept and needs no other listener.",
        ])
        .sheet(SERVER_SHEET)
        .by_hand("ss -tln | grep 65432"),
        Check::new(
            "tls_server.replies_over_tls",
            "answers a message over TLS with exactly its greeting",
            replies_over_tls,
        )
        .points(3)
        .needs(&["tls_server.listens"])
        .sheet(SERVER_SHEET)
        .hints(&[
            "Accept as always. What must happen on the connection before the first byte?",
            "The message has no line end, and the client keeps the connection open.",
            "One read is one message; the reply is sent as it is, without a line end.",
        ])
        .by_hand(S_CLIENT),
        life(
            "tls_server.prints_the_message",
            "prints what it received, decrypted",
            prints_the_message,
        )
        .hints(&[
            "Which bytes do you print: those of the socket, or those of the TLS layer?",
            "Print the text itself, without quotes or escapes around it, before you answer.",
            "Read from the TLS stream: StreamOwned of rustls, or the socket that \
             wrap_socket returned in Python. Print Received: and String::from_utf8_lossy \
             of these bytes (decode in Python).",
        ]),
        life(
            "tls_server.refuses_plain_text",
            "does not talk to a client that speaks no TLS, and serves the next one",
            refuses_plain_text,
        )
        .hints(&[
            "What does your server do when the first bytes are no ClientHello?",
            "The handshake fails. End this connection, answer nothing readable, and go on with the next.",
            "Match the error of the first read on the rustls stream, or catch \
             ssl.SSLError around wrap_socket in Python. Print it and close the socket: \
             no branch goes on without TLS.",
        ])
        .points(2)
        .by_hand("printf hello | nc 127.0.0.1 65432"),
        life(
            "tls_server.survives_broken_handshakes",
            "survives clients that leave or break off in the handshake",
            survives_broken_handshakes,
        )
        .hints(&[
            "A handshake can fail in many ways. Where does its error go?",
            "An error of the handshake belongs to one client: it may end that client's work, never the accept loop.",
            "Put handshake and conversation into one function that returns a Result, and \
             print its Err. In Python put try around wrap_socket, with except OSError, \
             which SSLError belongs to.",
        ])
        .by_hand("head -c 200 /dev/urandom | nc -N 127.0.0.1 65432")
        .points(2),
        life(
            "tls_server.serves_beside_silent_clients",
            "shakes hands with a client while others are connected and silent",
            serves_beside_silent_clients,
        )
        .points(2)
        .timing()
        .hints(&[
            "Where does the handshake happen: in the accept loop, or after it?",
            "A handshake waits for the client. Let it wait in that client's thread.",
            "Start the thread right after accept, and make the ServerConnection and the \
             first read in it. In Python call wrap_socket on the accepted socket in its \
             thread, not on the listening one.",
        ]),
        life(
            "tls_server.requires_a_client_certificate",
            "with --require-client-cert, serves who shows its certificate and nobody else",
            requires_a_client_certificate,
        )
        .hints(&[
            "In mutual TLS the server asks. What does it do with a client that shows nothing?",
            "Asking is not enough: the certificate must be there, and signed by the CA in certs/.",
            "rustls: WebPkiClientVerifier::builder with the CA's certificate, then \
             with_client_cert_verifier. Python: verify_mode = ssl.CERT_REQUIRED, and \
             load_verify_locations with the CA's file.",
        ])
        .by_hand("openssl s_client -connect 127.0.0.1:65432 -cert certs/client-cert.pem -key certs/client-key.pem")
        .points(2)
        .sheet(MUTUAL_SHEET),
        life(
            "tls_server.refuses_old_versions",
            "speaks no TLS 1.0 and no TLS 1.1",
            refuses_old_versions,
        )
        .hints(&[
            "Which versions does your TLS library speak when you say nothing?",
            "TLS 1.2 is the lowest version to accept: set the minimum.",
            "rustls knows no older ones. In Python it is context.minimum_version = \
             ssl.TLSVersion.TLSv1_2, in C SSL_CTX_set_min_proto_version.",
        ])
        .by_hand("openssl s_client -connect 127.0.0.1:65432 -tls1"),
        life(
            "tls_server.refuses_weak_suites",
            "agrees on no cipher suite that protects nothing",
            refuses_weak_suites,
        )
        .hints(&["Which cipher suites does your TLS library offer when you say nothing?", "Leave its own choice alone: it has no suite without encryption, and none without a certificate.", "If you name suites, name those with forward secrecy and authenticated encryption (ECDHE with GCM or ChaCha20)."])
        .by_hand("openssl s_client -connect 127.0.0.1:65432 -tls1_2 -cipher 'NULL:aNULL@SECLEVEL=0'"),
        life(
            "tls_server.keeps_keys_private",
            "lets nobody else read the keys that it makes in certs/",
            keeps_keys_private,
        )
        .hints(&[
            "Look at the mode of the key files. Who may read them?",
            "Give the mode when the file is created, not afterwards: 0600.",
            "OpenOptions with mode(0o600), from OpenOptionsExt, in Rust; os.open(path, \
             os.O_WRONLY | os.O_CREAT, 0o600) in Python. Remove a file that is already \
             there before: it keeps its old mode.",
        ])
        .by_hand("ls -l certs"),
        life(
            "tls_server.keeps_its_certificate",
            "shows the same certificate after a restart",
            keeps_its_certificate,
        )
        .hints(&[
            "Who has your CA's certificate from yesterday: does it still help today?",
            "A client trusts what it has been given once. A new CA at each start makes \
             every such file worthless.",
            "Look for certs/ before you make anything: when the certificate and its key \
             are there, load them.",
        ])
        .sheet(TRUST_SHEET)
        .by_hand("openssl s_client -connect 127.0.0.1:65432 < /dev/null | openssl x509 -noout -fingerprint"),
        life(
            "tls_server.serves_several",
            "serves one client after another",
            |exam| common::serves_several(exam, probe),
        )
        .hints(&[
            "What does your server do after its first client?",
            "Accepting is a loop. Only the end of the program leaves it.",
            "for stream in listener.incoming(), or while True around accept() in Python. \
             Whatever happens to one client, the loop goes on to the next.",
        ]),
        life(
            "tls_server.survives_resets",
            "survives clients that reset the connection",
            |exam| common::survives_resets(exam, probe),
        )
        .hints(&[
            "A read or a write can fail because the client is gone. What then?",
            "A reset ends that client's work and nothing else.",
            "Handle the errors of accept, handshake, read and write in place of an \
             unwrap; in Python, try with except OSError inside the loop and inside the \
             thread. Print the error and go on.",
        ]),
        life(
            "tls_server.survives_invalid_utf8",
            "survives a message that is not UTF-8",
            survives_invalid_utf8,
        )
        .hints(&[
            "The message is bytes. What if they are no text?",
            "Decode so that invalid bytes are replaced or escaped; then answer as always.",
            "String::from_utf8_lossy(&buf[..len]), or data.decode(errors=\"replace\") in \
             Python, makes the text to print, and never fails.",
        ])
        .by_hand("printf '\\377\\376' | openssl s_client -connect 127.0.0.1:65432 -quiet"),
        life(
            "tls_server.notices_the_end",
            "does nothing more when a client has left",
            |exam| common::notices_the_end_of_a_client(exam, probe),
        )
        .hints(&[
            "What does a read of no bytes mean?",
            "A read of no bytes is the end: leave the loop and close.",
            "In Rust return at Ok(0), and at the error UnexpectedEof, which rustls gives \
             for an end without close_notify. In Python return when recv gives b\"\".",
        ])
        .by_hand("top -p $(pgrep -f tls_server)")
        .timing(),
        life(
            "tls_server.reports_a_port_in_use",
            "says that the port is in use, and ends with an error status",
            common::reports_a_port_in_use,
        )
        .hints(&[
            "Start your server twice. What does the second one say, and what is its status?",
            "Catch the error of bind, name the address on stderr, end with a status other than 0.",
            "Match the Err of TcpListener::bind in place of an unwrap, or catch OSError \
             around bind in Python. Print it and end with status 1.",
        ])
        .by_hand("ss -tlnp | grep 65432"),
        life(
            "tls_server.restarts_at_once",
            "can be started again on the same port at once",
            |exam| common::restarts_at_once(exam, probe),
        )
        .hints(&[
            "Connections of the last run are still in TIME_WAIT. Does bind mind?",
            "Set SO_REUSEADDR before bind (Rust's TcpListener does so on Unix).",
            "In Python call setsockopt(SOL_SOCKET, SO_REUSEADDR, 1) on the listening \
             socket, between socket and bind.",
        ])
        .by_hand("ss -tan | grep 65432"),
        life(
            "tls_server.ends_on_ctrl_c",
            "ends when Ctrl-C is pressed",
            |exam| common::ends_on_ctrl_c(exam, probe),
        )
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("kill -INT $(pgrep -n tls_server)")
        .timing(),
        life(
            "tls_server.returns_what_clients_used",
            "gives back threads and descriptors when clients leave",
            returns_what_clients_used,
        )
        .needs(&["tls_server.survives_broken_handshakes"])
        .hints(&[
            "Count threads and descriptors before and after a few hundred clients.",
            "Each client's socket must be closed, and its thread must end, when the client is gone, however it went.",
            "Return from the thread's function after the reply, at the end and at every \
             error, that of the handshake as well: then the stream is dropped and closed. \
             In Python with conn closes it; keep no list of sockets.",
        ])
        .by_hand("ls /proc/$(pgrep -n tls_server)/fd | wc -l")
        .timing()
        .deadline(Duration::from_secs(90)),
        life(
            "tls_server.answers_a_crowd",
            "answers 200 clients, 20 at a time",
            |exam| common::answers_a_crowd(exam, probe),
        )
        .hints(&[
            "How many clients can be in a handshake at the same time?",
            "A limit must count the clients that are here now, not those that ever came.",
            "Shake hands in the client's thread. If you count clients, count down \
             wherever the thread ends: a guard with Drop in Rust, try with finally in \
             Python.",
        ])
        .by_hand("for i in $(seq 20); do cargo run -q -p tls_client & done; wait")
        .deadline(Duration::from_secs(60)),
    ]
}

pub fn client_checks() -> Vec<Check> {
    const SENDS: &[&str] = &["tls_client.sends_its_message"];
    let check = |id, title, function| {
        Check::new(id, title, function)
            .needs(SENDS)
            .sheet(TRUST_SHEET)
            .by_hand("cargo run -p tls_client -- --ca other-ca.pem")
    };
    vec![
        Check::new(
            "tls_client.sends_its_message",
            "sends exactly its greeting over TLS",
            client_sends,
        )
        .points(2)
        .sheet(CLIENT_SHEET)
        .hints(&[
            "The handshake comes between connect and the first write.",
            "The message is sent without a line end, after the handshake.",
            "StreamOwned::new with a ClientConnection and the TcpStream, then write_all; \
             in Python context.wrap_socket(sock, server_hostname=host), then sendall. \
             The bytes are those of the sheet.",
        ])
        .by_hand("openssl s_server -accept 65432 -cert cert.pem -key key.pem"),
        check(
            "tls_client.prints_the_reply",
            "prints the decrypted reply and ends with status 0",
            client_prints,
        )
        .hints(&[
            "What does the client do after its message: does it read what comes back?",
            "Print the text as it came, without quotes or escapes; end with status 0.",
            "Read from the TLS stream (recv in Python) and print Received: and \
             String::from_utf8_lossy of the bytes (decode). The end of the stream after \
             that is no error.",
        ])
        .by_hand("cargo run -p tls_client; echo $?")
        .sheet(CLIENT_SHEET),
        check(
            "tls_client.refuses_an_unknown_ca",
            "says nothing to a server whose certificate no trusted CA has signed",
            |exam| {
                refuses(exam, Cert::Good, true)?;
                refuses(exam, Cert::SelfSigned, false)?;
                refuses_without_a_ca(exam)
            },
        )
        .points(2)
        .deadline(Duration::from_secs(60))
        .hints(&[
            "Does your client check who signed the certificate, and end if it does not know?",
            "Verification is on by default. Nothing may switch it off.",
            "Read the file of --ca into a RootCertStore and use with_root_certificates; \
             in Python ssl.create_default_context(cafile=path). Take out dangerous(), or \
             CERT_NONE in Python.",
        ]),
        check(
            "tls_client.refuses_a_wrong_name",
            "says nothing to a server whose certificate is another host's",
            |exam| {
                refuses(exam, Cert::WrongName, false)?;
                // The client is told 127.0.0.1: it must not compare with another name.
                refuses(exam, Cert::NameOnly, false)?;
                refuses(exam, Cert::NameWithin, false)?;
                refuses(exam, Cert::InSubject, false)
            },
        )
        .deadline(Duration::from_secs(60))
        .hints(&[
            "The signature is right. Is the certificate for the host that you asked for?",
            "Give your TLS library the value of --host as the server's name, and let it compare.",
            "ServerName::try_from(host) goes into ClientConnection::new. In Python pass \
             server_hostname=host, and leave check_hostname at True.",
        ]),
        check(
            "tls_client.refuses_an_expired_certificate",
            "says nothing to a server whose certificate has expired or is not valid yet",
            |exam| {
                refuses(exam, Cert::Expired, false)?;
                refuses(exam, Cert::NotYetValid, false)
            },
        )
        .hints(&[
            "A certificate has two dates. Who looks at them?",
            "The library's usual verification does it. Does yours replace or soften it?",
            "Take every verifier of your own out: dangerous() in rustls, CERT_NONE or an \
             unverified context in Python. Let the error of the handshake end the \
             program with a message.",
        ]),
        check(
            "tls_client.never_talks_plain",
            "says nothing to a server that speaks no TLS",
            client_never_plain,
        )
        .hints(&[
            "The handshake fails. What do you send then?",
            "Nothing: no second try without TLS. Say what failed, end with an error status.",
            "Hand the error of the first read or write to main with ? (ssl.SSLError in \
             Python), print it there and end with status 1. Nothing connects again, and \
             nothing writes to the TcpStream itself.",
        ])
        .by_hand("nc -l 65432"),
        check(
            "tls_client.offers_no_old_versions",
            "speaks no TLS 1.0 and no TLS 1.1",
            client_speaks_no_old_versions,
        )
        .hints(&[
            "Which versions does your TLS library speak when you say nothing?",
            "TLS 1.2 is the lowest version to speak. Not every library's own minimum is that: set it.",
            "rustls speaks no older ones. In Python it is context.minimum_version = \
             ssl.TLSVersion.TLSv1_2, in C SSL_CTX_set_min_proto_version.",
        ])
        .by_hand("openssl s_server -accept 65432 -cert cert.pem -key key.pem -tls1_1 -cipher ALL:@SECLEVEL=0"),
        check(
            "tls_client.survives_a_server_that_leaves",
            "ends without a crash when the server closes without a reply",
            client_without_reply,
        )
        .hints(&[
            "The server may close after the handshake. What does your read return?",
            "An end without a reply is an error to report in one line, not a crash.",
            "Match Ok(0) and the Err of read, which rustls gives (UnexpectedEof) when \
             close_notify is missing; in Python b\"\" and OSError. Print one line and \
             return with status 1.",
        ])
        .by_hand("openssl s_server -accept 65432 -cert cert.pem -key key.pem"),
        check(
            "tls_client.reports_a_refused_connection",
            "says that nobody listens, without a crash",
            client_refused,
        )
        .hints(&[
            "Start the client alone. What does it print?",
            "Catch the error of connect: one line on stderr that says so, and a status other than 0.",
            "Match the Err of TcpStream::connect in place of an unwrap, or catch \
             ConnectionRefusedError around Python's connect. It comes before any TLS.",
        ])
        .by_hand("cargo run -p tls_client -- --port 1; echo $?"),
    ]
}

/// One client that is served as it should be.
fn probe(server: &Program, word: &str) -> Verdict {
    let mut client = TlsConn::client(server.connect()?, None)?;
    client.send(word)?;
    client.expect(REPLY)?;
    client.close();
    Ok(())
}

fn replies_over_tls(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = TlsConn::client(server.connect()?, None)?;
    let (early, _) = client.read_some(1, Duration::from_millis(100));
    if !early.is_empty() {
        let expected = "nothing before the client has sent its message";
        let got = String::from_utf8_lossy(&early).into_owned();
        return Err(Failure::new(expected, got).into());
    }
    client.send(exam.word(12))?;
    client.expect(REPLY)?;
    let (more, _) = client.read_some(100, Duration::from_millis(100));
    if more.is_empty() {
        return Ok(());
    }
    let got = [REPLY.as_bytes(), &more].concat();
    Err(Failure::bytes(REPLY.as_bytes(), &got).into())
}

/// Those who have talked, and those whose handshake has failed (C9).
fn returns_what_clients_used(exam: &mut Exam) -> Verdict {
    const STRANGERS: usize = 30;
    common::returns_what_clients_used(exam, probe)?;
    let server = exam.server()?;
    probe(&server, &exam.word(8))?;
    common::gives_descriptors_back(&server, "30 clients without TLS", || {
        for _ in 0..STRANGERS {
            let mut client = server.connect()?;
            client.send_anyway("hello, is this TLS?\n");
            client.half_close();
            client.read_some(Duration::from_millis(200));
        }
        probe(&server, &exam.word(8))
    })
}

fn prints_the_message(exam: &mut Exam) -> Verdict {
    let mut server = exam.server()?;
    let text = format!("{} é {}", exam.word(8), exam.word(8));
    probe(&server, &text)?;
    let expected = format!("Received: {text}");
    server.wait_for_printed(&format!("the line {expected:?}"), |printed| {
        printed
            .lines()
            .any(|line| line.trim_end().ends_with(&expected))
    })
}

fn refuses_plain_text(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let word = exam.word(16);
    for message in [
        word.clone(),
        format!("GET /{word} HTTP/1.1\r\nHost: x\r\n\r\n"),
    ] {
        let mut client = server.connect()?;
        client.send(&message)?;
        client.half_close();
        let reply = client.read_some(Duration::from_secs(2));
        if contains(&reply, "Hello") {
            let expected = "no reply to a message that was not encrypted";
            let got = String::from_utf8_lossy(&reply).into_owned();
            return Err(Failure::new(expected, got)
                .cause("the connection is used without a handshake")
                .into());
        }
        probe(&server, &exam.word(8))?;
    }
    Ok(())
}

/// The first bytes of a ClientHello: a handshake record that announces 512 bytes.
const HALF_A_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

fn survives_broken_handshakes(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    drop(server.connect()?);
    probe(&server, &exam.word(8))?;

    let mut client = server.connect()?;
    client.send(HALF_A_HELLO)?;
    drop(client);
    probe(&server, &exam.word(8))?;

    let mut client = server.connect()?;
    client.send(HALF_A_HELLO)?;
    client.reset();
    probe(&server, &exam.word(8))?;

    let mut client = server.connect()?;
    // A record of the right form, with random bytes for a ClientHello.
    let random = exam.bytes(512);
    client.send([b"\x16\x03\x01\x02\x00".as_slice(), &random].concat())?;
    client.read_some(Duration::from_millis(300));
    drop(client);
    probe(&server, &exam.word(8))?;

    // An alert instead of a hello; and a client that leaves right after the handshake.
    let mut client = server.connect()?;
    client.send(b"\x15\x03\x01\x00\x02\x02\x28")?;
    drop(client);
    TlsConn::client(server.connect()?, None)?
        .into_conn()
        .reset();
    drop(TlsConn::client(server.connect()?, None)?);
    probe(&server, &exam.word(8))?;

    // And one that says goodbye without a message.
    TlsConn::client(server.connect()?, None)?.close();
    probe(&server, &exam.word(8))
}

fn serves_beside_silent_clients(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut silent = Vec::new();
    for number in 0..20 {
        let mut client = server.connect()?;
        if number % 2 == 1 {
            client.send(HALF_A_HELLO)?;
        }
        silent.push(client);
    }
    // One that has shaken hands and says nothing.
    let quiet = TlsConn::client(server.connect()?, None)?;
    let started = Instant::now();
    probe(&server, &exam.word(8))?;
    let took = started.elapsed();
    drop((silent, quiet));
    if took > Duration::from_secs(2) {
        let got = format!("a reply after {} ms", took.as_millis());
        return Err(Failure::new("a reply within 2 s", got).into());
    }
    Ok(())
}

fn requires_a_client_certificate(exam: &mut Exam) -> Verdict {
    let server = exam.launch().arg("--require-client-cert").server()?;
    let stranger = TestCa::new()?.sign(Cert::Good)?;
    for identity in [None, Some(stranger)] {
        let shown = if identity.is_some() {
            "a certificate of an unknown CA"
        } else {
            "no certificate"
        };
        exam.note(&format!("a client with {shown}"));
        // With TLS 1.3 the client learns of the refusal only when it reads.
        let Ok(mut client) = TlsConn::client(server.connect()?, identity) else {
            continue;
        };
        if client.send(exam.word(8)).is_err() {
            continue;
        }
        let (reply, _) = client.read_some(REPLY.len(), Duration::from_secs(3));
        if !reply.is_empty() {
            let expected = format!("no reply to a client with {shown}");
            let got = String::from_utf8_lossy(&reply).into_owned();
            return Err(Failure::new(expected, got)
                .cause("the certificate is asked for, but not required and verified")
                .into());
        }
    }
    // The refused ones have not harmed it; and if it has made a certificate for its
    // clients, who shows that one is served.
    let certs = exam.dir().join("certs");
    let Some(identity) = identity_in(&certs) else {
        return server.connect().map(drop);
    };
    exam.note("a client with certs/client-cert.pem");
    let mut client = TlsConn::client(server.connect()?, Some(identity))?;
    client.send(exam.word(8))?;
    client.expect(REPLY)
}

/// Reads the certificate that the server has made for its clients.
fn identity_in(certs: &Path) -> Option<TestIdentity> {
    let chain = CertificateDer::pem_file_iter(certs.join("client-cert.pem"))
        .ok()?
        .collect::<Result<Vec<_>, _>>()
        .ok()?;
    let key = PrivateKeyDer::from_pem_file(certs.join("client-key.pem")).ok()?;
    Some((chain, key))
}

/// A ClientHello with this version and these cipher suites.
fn client_hello(exam: &mut Exam, version: [u8; 2], suites: &[u16]) -> Vec<u8> {
    let mut hello = version.to_vec();
    hello.extend(exam.bytes(32)); // random
    hello.push(0); // no session
    let len = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    let suites: Vec<u8> = suites
        .iter()
        .flat_map(|suite| suite.to_be_bytes())
        .collect();
    hello.extend([0, len(&suites)]);
    hello.extend(suites);
    hello.extend([1, 0]); // no compression
    // Extensions: the groups P-256 and X25519, uncompressed points, signatures with
    // ECDSA, RSA-PSS and RSA, and SHA-256 or SHA-1.
    let extensions = [
        &[0x00, 0x0a, 0x00, 0x06, 0x00, 0x04, 0x00, 0x17, 0x00, 0x1d][..],
        &[0x00, 0x0b, 0x00, 0x02, 0x01, 0x00],
        &[0x00, 0x0d, 0x00, 0x0c, 0x00, 0x0a, 0x04, 0x03, 0x08, 0x04],
        &[0x04, 0x01, 0x02, 0x03, 0x02, 0x01],
    ]
    .concat();
    hello.extend([0, len(&extensions)]);
    hello.extend(extensions);
    let len = len(&hello);
    let mut record = vec![0x16, 0x03, 0x01, 0, len + 4, 0x01, 0, 0, len];
    record.extend(hello);
    record
}

/// Expects that the server does not go on with this ClientHello.
fn refuses_hello(server: &Program, hello: &[u8], who: &str, cause: &str) -> Verdict {
    let mut client = server.connect()?;
    client.send(hello)?;
    let reply = client.read_some(Duration::from_secs(2));
    // A record of type 22 is the server's half of the handshake; an alert has type 21.
    if reply.first() == Some(&0x16) {
        let expected = format!("no handshake with {who}");
        return Err(Failure::new(expected, "a ServerHello").cause(cause).into());
    }
    Ok(())
}

/// ECDHE-ECDSA, ECDHE-RSA and RSA with AES-128/256-CBC-SHA: the suites of their time.
const SUITES_OF_1999: &[u16] = &[0xc009, 0xc00a, 0xc013, 0xc014, 0x002f, 0x0035];

fn refuses_old_versions(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for (version, name) in [([3, 1], "TLS 1.0"), ([3, 2], "TLS 1.1")] {
        let hello = client_hello(exam, version, SUITES_OF_1999);
        let who = format!("a client that speaks only {name}");
        let cause = "TLS 1.0 and 1.1 are broken and retired (RFC 8996)";
        refuses_hello(&server, &hello, &who, cause)?;
    }
    probe(&server, &exam.word(8))
}

/// Suites that protect nothing, or nearly: in groups of which one is enough.
const WEAK_SUITES: [(&str, &[u16]); 4] = [
    (
        "cipher suites without encryption",
        &[0x0001, 0x0002, 0x003b, 0xc006, 0xc010],
    ),
    (
        "cipher suites without a certificate",
        &[0x0034, 0x006d, 0x00a6, 0x00a7, 0xc015, 0xc018, 0xc019],
    ),
    ("RC4", &[0x0004, 0x0005, 0xc007, 0xc011]),
    ("triple DES", &[0x000a, 0x0016, 0xc008, 0xc012]),
];

fn refuses_weak_suites(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    for (name, suites) in WEAK_SUITES {
        let hello = client_hello(exam, [3, 3], suites);
        let who = format!("a client that offers only {name}");
        let cause = "the cipher suites of the TLS library were loosened";
        refuses_hello(&server, &hello, &who, cause)?;
    }
    probe(&server, &exam.word(8))
}

fn keeps_keys_private(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    probe(&server, &exam.word(8))?;
    let Ok(files) = std::fs::read_dir(exam.dir().join("certs")) else {
        return Ok(()); // It keeps its certificate elsewhere.
    };
    for file in files.flatten() {
        let text = std::fs::read(file.path()).unwrap_or_default();
        if !contains(&text, "PRIVATE KEY") {
            continue;
        }
        if let Some(mode) = open_mode(&file.path()) {
            let name = file.file_name();
            let got = format!("certs/{} has mode {mode:o}", name.display());
            return Err(Failure::new("keys with mode 600", got)
                .cause("whoever can read the key can pretend to be the server")
                .into());
        }
    }
    Ok(())
}

fn keeps_its_certificate(exam: &mut Exam) -> Verdict {
    let mut shown = Vec::new();
    for _ in 0..2 {
        let server = exam.server()?;
        shown.push(TlsConn::client(server.connect()?, None)?.peer_certificate());
    }
    if shown.first() == shown.last() {
        return Ok(());
    }
    let expected = "the certificate of the first start";
    Err(Failure::new(expected, "another one")
        .cause("it makes a new certificate at each start, which no client can know")
        .into())
}

/// Returns the file's mode if others than its owner may do anything with it.
#[cfg(unix)]
fn open_mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    let mode = path.metadata().ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_mode(_path: &Path) -> Option<u32> {
    None
}

fn survives_invalid_utf8(exam: &mut Exam) -> Verdict {
    let server = exam.server()?;
    let mut client = TlsConn::client(server.connect()?, None)?;
    client.send([b"\xff\xfe\x80".as_slice(), &exam.bytes(8)].concat())?;
    // Whatever it replies, it has read the bytes before the next client comes.
    client.read_some(100, Duration::from_millis(300));
    drop(client);
    probe(&server, &exam.word(8))
}

/// Starts the client of a server that the check plays, with the CA to trust.
fn start_client(exam: &Exam, listener: &Listener, ca: &TestCa) -> Result<Program, Stop> {
    let path = exam.dir().join("ca-of-the-check.pem");
    ca.write(&path)?;
    exam.launch()
        .args(&["--ca", &path.display().to_string()])
        .client(listener.addr())
}

fn client_sends(exam: &mut Exam) -> Verdict {
    let (listener, ca) = (exam.listener()?, TestCa::new()?);
    let _client = start_client(exam, &listener, &ca)?;
    let mut server = TlsConn::server(listener.accept()?, ca.sign(Cert::Good)?)?;
    server.expect(GREETING)?;
    let (more, _) = server.read_some(100, Duration::from_millis(100));
    if more.is_empty() {
        return Ok(());
    }
    let got = [GREETING.as_bytes(), &more].concat();
    Err(Failure::bytes(GREETING.as_bytes(), &got).into())
}

fn client_prints(exam: &mut Exam) -> Verdict {
    let (listener, ca) = (exam.listener()?, TestCa::new()?);
    let mut client = start_client(exam, &listener, &ca)?;
    let mut server = TlsConn::server(listener.accept()?, ca.sign(Cert::Good)?)?;
    server.expect(GREETING)?;
    let reply = format!("{} é {}", exam.word(8), exam.word(8));
    server.send(&reply)?;
    server.close();
    drop(server);
    client.expect_exit(0)?;
    let expected = format!("Received: {reply}");
    client.wait_for_printed(&format!("the line {expected:?}"), |printed| {
        printed
            .lines()
            .any(|line| line.trim_end().ends_with(&expected))
    })
}

/// Started without --ca: it may want one, or trust certs/ca-cert.pem and nobody else.
fn refuses_without_a_ca(exam: &mut Exam) -> Verdict {
    let (listener, known) = (exam.listener()?, TestCa::new()?);
    let certs = exam.dir().join("certs");
    std::fs::create_dir_all(&certs)
        .map_err(|error| Stop::grader("cannot make certs/", &error))?;
    known.write(&certs.join("ca-cert.pem"))?;
    exam.note("without --ca");
    let mut client = exam.launch().client(listener.addr())?;
    let give_up = Instant::now() + Duration::from_secs(15);
    let conn = loop {
        match listener.accept_within(Duration::from_millis(100)) {
            Ok(conn) => break conn,
            Err(Stop::Failed(_)) if !client.runs()? => return Ok(()),
            Err(Stop::Failed(_)) if Instant::now() < give_up => {}
            Err(stop) => return Err(stop),
        }
    };
    let Ok(mut server) = TlsConn::server(conn, TestCa::new()?.sign(Cert::Good)?) else {
        return Ok(());
    };
    let (message, _) = server.read_some(GREETING.len(), Duration::from_secs(3));
    if message.is_empty() {
        return Ok(());
    }
    let expected = "an end of the handshake: nobody has vouched for this server";
    let got = String::from_utf8_lossy(&message).into_owned();
    Err(Failure::new(expected, format!("it sends {got:?}"))
        .cause("without --ca the certificate is not verified")
        .into())
}

/// A server that cannot prove who it is must not learn the message; an honest one must
/// not be refused, which the checks before this one have shown.
fn refuses(exam: &mut Exam, cert: Cert, unknown_ca: bool) -> Verdict {
    let (listener, ca) = (exam.listener()?, TestCa::new()?);
    let mut client = start_client(exam, &listener, &ca)?;
    let signer = if unknown_ca { TestCa::new()? } else { ca };
    let mut next = Some(listener.accept()?);
    let give_up = Instant::now() + Duration::from_secs(15);
    while let Some(conn) = next {
        if let Ok(mut server) = TlsConn::server(conn, signer.sign(cert)?) {
            // With TLS 1.3 the client's refusal may come after our half of the handshake.
            let (message, _) = server.read_some(GREETING.len(), Duration::from_secs(3));
            if !message.is_empty() {
                let expected =
                    "an end of the handshake: this server is not the right one";
                let got = String::from_utf8_lossy(&message).into_owned();
                return Err(Failure::new(expected, format!("it sends {got:?}"))
                    .cause("the certificate is not verified, or its name is not compared")
                    .into());
            }
        }
        next = comes_again(&listener, &mut client, give_up)?;
    }
    ends_with_a_message(&mut client)
}

/// Waits for another connection of the client; `None` when it ends without one.
fn comes_again(
    listener: &Listener,
    client: &mut Program,
    give_up: Instant,
) -> Result<Option<Conn>, Stop> {
    while client.runs()? && Instant::now() < give_up {
        match listener.accept_within(Duration::from_millis(100)) {
            Err(Stop::Failed(_)) => {}
            conn => return conn.map(Some),
        }
    }
    Ok(None)
}

/// Answers as a server of the past does, where the client offers that. An offer alone is
/// not held against it: OpenSSL's default makes it, and then refuses the signature. The
/// old exchange by RSA has none, and that default takes it; so it is not tried.
fn client_speaks_no_old_versions(exam: &mut Exam) -> Verdict {
    let (listener, ca) = (exam.listener()?, TestCa::new()?);
    let _client = start_client(exam, &listener, &ca)?;
    let mut server = listener.accept()?;
    let head = server.read_exactly(5)?;
    let &[HANDSHAKE, _, _, high, low] = head.as_slice() else {
        return Err(Failure::new("a ClientHello", format!("{head:?}")).into());
    };
    let hello = server.read_exactly(u16::from_be_bytes([high, low]).into())?;
    let Some(versions) = offered_versions(&hello) else {
        return Err(Failure::new("a ClientHello", "other bytes").into());
    };
    let old = [(0x0302, "TLS 1.1"), (0x0301, "TLS 1.0"), (0x0300, "SSL 3")];
    let Some((version, name)) = old
        .into_iter()
        .find(|(number, _)| versions.contains(number))
    else {
        return Ok(());
    };
    let (chain, _) = ca.sign(Cert::Good)?;
    server.send_anyway(old_server_flight(exam, version, &chain));
    let answer = server.read_some(Duration::from_secs(5));
    // Whoever complains of the signature, which is none, has taken all that stands before
    // it; and whoever goes on has taken that, too.
    let goes_along = match answer.as_slice() {
        [ALERT, _, _, 0, 2, _, description] => *description == DECRYPT_ERROR,
        [kind, ..] => *kind == HANDSHAKE,
        [] => false,
    };
    if goes_along {
        let expected = "TLS 1.2 and 1.3 alone";
        return Err(Failure::new(expected, format!("it goes along with {name}"))
            .cause("TLS 1.0 and 1.1 are broken and retired (RFC 8996)")
            .into());
    }
    Ok(())
}

/// Types of records and an alert (RFC 4346 §6.2.1 and §7.2).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DECRYPT_ERROR: u8 = 51;

/// The flight of a server that agrees to an old version, with ECDHE and ECDSA, up to a
/// signature that is none (RFC 4346 §7.4, RFC 8422 §5.4).
fn old_server_flight(exam: &mut Exam, version: u16, chain: &[CertificateDer]) -> Vec<u8> {
    let version = version.to_be_bytes();
    let message = |kind: u8, body: &[u8]| [vec![kind], sized(3, body)].concat();
    let mut hello = [&version[..], &exam.bytes(32)].concat();
    hello.push(0); // no session
    hello.extend([0xc0, 0x09, 0]); // ECDHE-ECDSA-AES128-SHA, no compression
    hello.extend(sized(2, &[0xff, 0x01, 0, 1, 0])); // renegotiation_info (RFC 5746)
    let chain: Vec<u8> = chain.iter().flat_map(|cert| sized(3, cert)).collect();
    let key = [&[3, 0, 23][..], &sized(1, POINT_OF_P256)].concat(); // 23 is P-256
    let signature = sized(2, &[0x30, 6, 2, 1, 1, 2, 1, 1]); // ECDSA's pair (1, 1) in DER
    let messages = [
        message(2, &hello),
        message(11, &sized(3, &chain)),
        message(12, &[key, signature].concat()),
        message(14, &[]), // ServerHelloDone
    ];
    [&[HANDSHAKE][..], &version, &sized(2, &messages.concat())].concat()
}

/// Returns bytes behind their number, which has `width` bytes itself.
fn sized(width: usize, bytes: &[u8]) -> Vec<u8> {
    let len = bytes.len().to_be_bytes();
    let (_, len) = len.split_at(len.len() - width);
    [len, bytes].concat()
}

/// The base point of the curve P-256, uncompressed (SEC 2 §2.4.2): as good a key as any.
const POINT_OF_P256: &[u8] = b"\x04\
    \x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\
    \x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\
    \x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\
    \x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";

/// Returns the versions of a ClientHello: those of the extension supported_versions, or
/// the one in its head.
fn offered_versions(hello: &[u8]) -> Option<Vec<u16>> {
    let number = |bytes: &[u8]| Some(u16::from_be_bytes(bytes.try_into().ok()?));
    let (head, rest) = hello.split_at_checked(4 + 2 + 32)?;
    let legacy_version = number(head.get(4..6)?)?;
    // The session, the suites and the compression methods stand before the extensions.
    let (len, rest) = rest.split_first()?;
    let rest = rest.get(usize::from(*len)..)?;
    let rest = rest.get(2 + usize::from(number(rest.get(..2)?)?)..)?;
    let (len, rest) = rest.split_first()?;
    let rest = rest.get(usize::from(*len)..)?;
    let mut extensions = rest.get(2..).unwrap_or_default();
    while let Some((head, rest)) = extensions.split_at_checked(4) {
        let len = usize::from(number(head.get(2..4)?)?);
        let (body, rest) = rest.split_at_checked(len)?;
        if head.starts_with(&[0, 43]) {
            return body.get(1..)?.chunks(2).map(number).collect();
        }
        extensions = rest;
    }
    Some(vec![legacy_version])
}

fn client_never_plain(exam: &mut Exam) -> Verdict {
    let (listener, ca) = (exam.listener()?, TestCa::new()?);
    let mut client = start_client(exam, &listener, &ca)?;
    let mut server = listener.accept()?;
    server.send_anyway(format!("{REPLY} {}", exam.word(8)));
    let mut said = server.read_some(Duration::from_millis(500));
    drop(server);
    // It may come again without TLS.
    if let Ok(mut server) = listener.accept_within(Duration::from_millis(500)) {
        said.extend(server.read_some(Duration::from_millis(500)));
    }
    if contains(&said, GREETING) {
        let expected = "nothing said without encryption";
        return Err(Failure::new(expected, "the message in plain text").into());
    }
    ends_with_a_message(&mut client)
}

fn client_without_reply(exam: &mut Exam) -> Verdict {
    let (listener, ca) = (exam.listener()?, TestCa::new()?);
    let mut client = start_client(exam, &listener, &ca)?;
    let mut server = TlsConn::server(listener.accept()?, ca.sign(Cert::Good)?)?;
    server.expect(GREETING)?;
    drop(server);
    client.wait_exit(Duration::from_secs(10))?;
    client.expect_no_crash()
}

fn client_refused(exam: &mut Exam) -> Verdict {
    let (addr, ca) = (exam.refusing_addr()?, TestCa::new()?);
    let path = exam.dir().join("ca-of-the-check.pem");
    ca.write(&path)?;
    let ca = path.display().to_string();
    let mut client = exam.launch().args(&["--ca", &ca]).client(addr)?;
    ends_with_a_message(&mut client)
}

/// It ends by itself, has said something, and has not crashed.
fn ends_with_a_message(client: &mut Program) -> Verdict {
    client.wait_exit(Duration::from_secs(15))?;
    client.expect_no_crash()?;
    if client.printed().trim().is_empty() {
        return Err(Failure::new("a message", "it printed nothing").into());
    }
    Ok(())
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
