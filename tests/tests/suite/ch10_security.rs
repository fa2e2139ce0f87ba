//! Chapter 10 with real peers: openssl as client and server, GnuTLS, Python's ssl, curl,
//! and a scanner; and with attackers.
//!
//! A test whose tool is missing is shown as ignored. `SOCKET_LABS_ALL=1` takes the full
//! number of clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use grading::harness::{Exam, Program, TlsConn, uninterrupted};
use libtest_mimic::{Failed, Trial};

use crate::held::Held;

type Tried = Result<(), Failed>;

/// A name, the tool that it needs, and the test.
type Test = (&'static str, &'static str, fn() -> Tried);

/// The tests of this file.
pub fn trials() -> Vec<Trial> {
    let tests: [Test; 26] = [
        ("tls_server::serves_openssl_over_tls_1_2", "openssl", || {
            served_by_us("-tls1_2")
        }),
        ("tls_server::serves_openssl_over_tls_1_3", "openssl", || {
            served_by_us("-tls1_3")
        }),
        ("tls_server::is_verified_by_curl", "curl", verified_by_curl),
        ("tls_server::serves_python", "python3", serves_python),
        (
            "tls_server::takes_openssl_keys",
            "openssl",
            takes_openssl_keys,
        ),
        (
            "tls_server::knows_its_clients",
            "openssl",
            knows_its_clients,
        ),
        (
            "tls_server::says_goodbye_to_who_says_nothing",
            "python3",
            says_goodbye,
        ),
        ("tls_server::cuts_a_dripping_handshake", "", cuts_dripping),
        (
            "tls_server::makes_one_ca_when_two_start_at_once",
            "",
            one_ca,
        ),
        ("tls_server::renews_what_has_expired", "openssl", renews),
        ("tls_server::sheds_and_recovers", "", sheds_and_recovers),
        (
            "tls_server::serves_gnutls_over_both_versions",
            "gnutls-cli",
            serves_gnutls,
        ),
        (
            "tls_server::offers_a_scanner_nothing_weak",
            "sslscan",
            nothing_weak,
        ),
        (
            "tls_server::explains_keys_that_it_cannot_use",
            "openssl",
            explains_keys,
        ),
        (
            "tls_server::loses_none_of_many_clients",
            "",
            loses_no_client,
        ),
        (
            "tls_client::takes_and_refuses_certificates_of_openssl",
            "openssl",
            judges_certificates,
        ),
        (
            "secure_server::cuts_a_client_of_one_byte_a_second",
            "",
            cuts_one_byte_a_second,
        ),
        (
            "secure_server::ends_a_lock_out_in_time_and_knows_mapped_addresses",
            "",
            lock_out_ends,
        ),
        (
            "secure_server::says_that_its_log_cannot_be_written",
            "",
            full_log,
        ),
        (
            "secure_server::logs_a_flood_of_refused_clients_in_two_lines",
            "",
            logs_a_flood,
        ),
        (
            "secure_server::stops_at_once_with_clients_connected",
            "",
            stops_at_once,
        ),
        (
            "secure_server::frees_its_places_after_resets_with_tls",
            "openssl",
            frees_places,
        ),
        (
            "secure_client::fails_when_a_reply_is_missing",
            "",
            misses_a_reply,
        ),
        ("tls_client::talks_to_openssl", "openssl", talks_to_openssl),
        ("tls_client::talks_to_python", "python3", talks_to_python),
        (
            "tls_client::says_goodbye_to_a_server_that_does_not_answer",
            "python3",
            client_says_goodbye,
        ),
    ];
    tests
        .into_iter()
        .map(|(name, tool, test)| {
            let missing = !tool.is_empty() && !has(tool);
            let kind = if missing { "needs" } else { "" };
            let name = match missing {
                true => format!("{name} (needs {tool})"),
                false => name.to_owned(),
            };
            Trial::test(name, test)
                .with_kind(kind)
                .with_ignored_flag(missing)
        })
        .collect()
}

fn has(tool: &str) -> bool {
    let flag = if tool == "openssl" {
        "version"
    } else {
        "--version"
    };
    Command::new(tool).arg(flag).output().is_ok()
}

fn exam(step: &str) -> Result<Exam, Failed> {
    Ok(Exam::reference(step).map_err(|error| format!("{error:#}"))?)
}

fn run(dir: &Path, program: &str, args: &[&str], input: &str) -> Result<Output, Failed> {
    let mut child = Command::new(program)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("no stdin")?;
    stdin.write_all(input.as_bytes())?;
    // openssl ends with its input: it stays open until the reply is here.
    let mut stdout = child.stdout.take().ok_or("no stdout")?;
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"client!") && stdout.read(&mut byte)? == 1 {
        text.extend(byte);
    }
    drop(stdin);
    let mut output = child.wait_with_output()?;
    stdout.read_to_end(&mut text)?;
    output.stdout = text;
    Ok(output)
}

fn expect(output: &Output, text: &str) -> Tried {
    let stdout = String::from_utf8_lossy(&output.stdout);
    if stdout.contains(text) {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("no {text:?} in {stdout:?}, stderr {stderr}").into())
}

fn addr(server: &Program) -> String {
    server.addr().to_string()
}

fn served_by_us(version: &str) -> Tried {
    let exam = exam("tls_server")?;
    let server = exam.server()?;
    let connect = addr(&server);
    let args = [
        "s_client",
        "-quiet",
        "-connect",
        &connect,
        version,
        "-CAfile",
        "certs/ca-cert.pem",
        "-verify_return_error",
        "-verify_ip",
        "127.0.0.1",
    ];
    expect(
        &run(exam.dir(), "openssl", &args, "hello")?,
        "Hello, secure client!",
    )
}

/// curl speaks HTTP and we do not, but it verifies before it asks.
fn verified_by_curl() -> Tried {
    let exam = exam("tls_server")?;
    let server = exam.server()?;
    let url = format!("https://localhost:{}/", server.addr().port());
    let args = [
        "-s",
        "--http0.9",
        "--max-time",
        "10",
        "--cacert",
        "certs/ca-cert.pem",
        &url,
    ];
    expect(
        &run(exam.dir(), "curl", &args, "")?,
        "Hello, secure client!",
    )?;
    let args = ["-s", "--http0.9", "--max-time", "10", &url];
    let output = run(exam.dir(), "curl", &args, "")?;
    match output.status.code() {
        Some(60) => Ok(()),
        code => Err(format!("without the CA, curl ends with {code:?}").into()),
    }
}

const PYTHON_CLIENT: &str = "
import socket, ssl, sys
context = ssl.create_default_context(cafile='certs/ca-cert.pem')
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) as sock:
    with context.wrap_socket(sock, server_hostname='localhost') as secure:
        secure.sendall(b'Hello, secure server!')
        print(secure.recv(1024).decode())
";

const PYTHON_SERVER: &str = "
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('certs/server-cert.pem', 'certs/server-key.pem')
with socket.create_server(('127.0.0.1', 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    stream, _ = listener.accept()
    with context.wrap_socket(stream, server_side=True) as secure:
        print(secure.recv(1024).decode(), flush=True)
        secure.sendall(b'Hello, secure client!')
";

/// Both sides say close_notify, also where there was no message and no reply: without
/// it `recv` and `unwrap` raise SSLEOFError.
const PYTHON_GOODBYES: &str = "
import socket, ssl, sys
context = ssl.create_default_context(cafile='certs/ca-cert.pem')
for leaves_first in (True, False):
    stream = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
    secure = context.wrap_socket(stream, server_hostname='localhost', suppress_ragged_eofs=False)
    if not leaves_first:
        print('received', secure.recv(1024))
    secure.unwrap()
    print('goodbye')
";

const PYTHON_MUTE_SERVER: &str = "
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('certs/server-cert.pem', 'certs/server-key.pem')
with socket.create_server(('127.0.0.1', 0)) as listener:
    listener.settimeout(20)
    print(listener.getsockname()[1], flush=True)
    stream, _ = listener.accept()
    stream.settimeout(10)
    secure = context.wrap_socket(stream, server_side=True, suppress_ragged_eofs=False)
    secure.recv(1024)
    secure.unwrap()
    print('goodbye', flush=True)
";

fn says_goodbye() -> Tried {
    let exam = exam("tls_server")?;
    let server = exam.launch().args(&["--idle-timeout", "1"]).server()?;
    let port = server.addr().port().to_string();
    let args = ["-c", PYTHON_GOODBYES, "127.0.0.1", &port];
    expect(
        &run(exam.dir(), crate::python(), &args, "")?,
        "goodbye\nreceived b''\ngoodbye",
    )
}

fn client_says_goodbye() -> Tried {
    let exam = exam("tls_server")?;
    drop(exam.server()?); // It makes the certificates.
    let mut python = spawn(exam.dir(), crate::python(), &["-c", PYTHON_MUTE_SERVER])?;
    let mut lines = BufReader::new(python.stdout.take().ok_or("no stdout")?).lines();
    let port: u16 = lines.next().ok_or("no port")??.parse()?;
    client_against(&exam, SocketAddr::from(([127, 0, 0, 1], port)))?;
    let heard = lines.next();
    python.wait()?;
    match heard {
        Some(Ok(line)) if line == "goodbye" => Ok(()),
        _ => Err(format!("no close_notify from the client: {heard:?}").into()),
    }
}

fn serves_python() -> Tried {
    let exam = exam("tls_server")?;
    let server = exam.server()?;
    let port = server.addr().port().to_string();
    let args = ["-c", PYTHON_CLIENT, "127.0.0.1", &port];
    expect(
        &run(exam.dir(), crate::python(), &args, "")?,
        "Hello, secure client!",
    )
}

/// Makes a self-signed certificate for localhost; `args` choose key and validity.
fn openssl_cert(dir: &Path, args: &[&str]) -> Tried {
    let base = [
        "req",
        "-x509",
        "-nodes",
        "-subj",
        "/CN=peer",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout",
        "own-key.pem",
        "-out",
        "own-cert.pem",
    ];
    openssl(dir, &[&base, args].concat())
}

fn openssl(dir: &Path, args: &[&str]) -> Tried {
    let output = Command::new("openssl")
        .args(args)
        .current_dir(dir)
        .output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}

const EC: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// PKCS#8, SEC1 and PKCS#1 keys, ECDSA and RSA.
fn takes_openssl_keys() -> Tried {
    let own = ["--cert", "own-cert.pem", "--key"];
    for (new, convert, key) in [
        (&EC[..], None, "own-key.pem"),
        (&EC[..], Some("ec"), "other-key.pem"),
        (&["-newkey", "rsa:2048"][..], Some("rsa"), "other-key.pem"),
    ] {
        let exam = exam("tls_server")?;
        openssl_cert(exam.dir(), new)?;
        if let Some(kind) = convert {
            let mut args = vec![kind, "-in", "own-key.pem", "-out", key];
            if kind == "rsa" {
                args.push("-traditional");
            }
            openssl(exam.dir(), &args)?;
        }
        let server = exam.launch().args(&own).arg(key).server()?;
        let connect = addr(&server);
        let args = [
            "s_client",
            "-quiet",
            "-connect",
            &connect,
            "-CAfile",
            "own-cert.pem",
            "-verify_return_error",
        ];
        let output = run(exam.dir(), "openssl", &args, "hello")?;
        expect(&output, "Hello, secure client!")?;
    }
    Ok(())
}

/// `gnutls-cli` says what was agreed on, and prints the reply.
fn serves_gnutls() -> Tried {
    for version in ["1.2", "1.3"] {
        let exam = exam("tls_server")?;
        let server = exam.server()?;
        let priority = format!("NORMAL:-VERS-ALL:+VERS-TLS{version}");
        let port = server.addr().port().to_string();
        let args = [
            "--priority",
            &priority,
            "--x509cafile",
            "certs/ca-cert.pem",
            "-p",
            &port,
            "localhost",
        ];
        let output = run(exam.dir(), "gnutls-cli", &args, "hello\n")?;
        expect(&output, "The certificate is trusted")?;
        expect(&output, &format!("(TLS{version}-X.509)"))?;
        expect(&output, "Hello, secure client!")?;
    }
    Ok(())
}

fn nothing_weak() -> Tried {
    let exam = exam("tls_server")?;
    let server = exam.server()?;
    let args = ["--no-colour", &addr(&server)];
    let output = Command::new("sslscan").args(args).output()?;
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    let enabled = |version: &str| {
        report
            .lines()
            .any(|line| line.split_whitespace().eq([version, "enabled"]))
    };
    for (version, right) in [
        ("SSLv2", false),
        ("SSLv3", false),
        ("TLSv1.0", false),
        ("TLSv1.1", false),
        ("TLSv1.2", true),
        ("TLSv1.3", true),
    ] {
        if enabled(version) != right {
            return Err(format!("{version} enabled is not {right}:\n{report}").into());
        }
    }
    // Every suite has forward secrecy and authenticated encryption.
    let is_suite = |line: &&str| {
        line.starts_with("Preferred TLSv1") || line.starts_with("Accepted  TLSv1")
    };
    let suites: Vec<&str> = report.lines().filter(is_suite).collect();
    let modern = |line: &&str| {
        (line.contains("TLS_") || line.contains("ECDHE"))
            && (line.contains("GCM") || line.contains("POLY1305"))
    };
    match suites.len() >= 6 && suites.iter().all(modern) {
        true => Ok(()),
        false => Err(format!("other suites than expected:\n{report}").into()),
    }
}

/// Each key that cannot be used is refused at the start, with the reason.
fn explains_keys() -> Tried {
    const TRADITIONAL: [&str; 8] = [
        "rsa",
        "-aes128",
        "-traditional",
        "-passout",
        "pass:x",
        "-in",
        "own-key.pem",
        "-out",
    ];
    const PKCS8: [&str; 7] = [
        "pkey",
        "-aes256",
        "-passout",
        "pass:x",
        "-in",
        "own-key.pem",
        "-out",
    ];
    const RSA: [&str; 2] = ["-newkey", "rsa:2048"];
    const P521: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
    let unrelated = ["genpkey", "-algorithm", "ED25519", "-out"];
    for (new, make_key, reason) in [
        (&EC[..], Some(&PKCS8[..]), "is encrypted"),
        (&RSA, Some(&TRADITIONAL), "is encrypted"),
        (&EC, Some(&unrelated), "does not belong to the certificate"),
        (&P521, None, "of a kind that is not supported"),
    ] {
        let exam = exam("tls_server")?;
        openssl_cert(exam.dir(), new)?;
        let key = match make_key {
            Some(args) => {
                openssl(exam.dir(), &[args, &["other-key.pem"]].concat())?;
                "other-key.pem"
            }
            None => "own-key.pem",
        };
        let files = ["--cert", "own-cert.pem", "--key", key];
        let mut server = exam.launch().args(&files).unready()?;
        server.expect_exit(1)?;
        let errors = server.errors();
        if !errors.contains(reason) || errors.trim().lines().count() != 1 {
            return Err(format!("not one line with {reason:?}: {errors}").into());
        }
    }
    Ok(())
}

/// 50 at a time; afterwards, threads and descriptors are back where they began.
fn loses_no_client() -> Tried {
    const AT_A_TIME: usize = 50;
    let clients = if crate::in_full() { 10_000 } else { 1_000 };
    let exam = exam("tls_server")?;
    let server = exam.launch().arg("--quiet").server()?;
    let visit = |server: &Program| -> Tried {
        let mut client = TlsConn::client(server.connect()?, None)?;
        client.send("hello")?;
        client.expect("Hello, secure client!")?;
        client.close();
        Ok(())
    };
    visit(&server)?;
    let before = Held::by(&server);
    std::thread::scope(|scope| {
        let crowd: Vec<_> = (0..AT_A_TIME)
            .map(|_| {
                scope.spawn(|| (0..clients / AT_A_TIME).try_for_each(|_| visit(&server)))
            })
            .collect();
        crowd
            .into_iter()
            .try_for_each(|one| one.join().unwrap_or(Err("a thread panicked".into())))
    })?;
    Ok(before.is_all_again(&server)?)
}

/// A CA of openssl's with an intermediate one, in the folder of an exam.
struct OpensslCa<'a>(&'a Path);

impl<'a> OpensslCa<'a> {
    fn new(dir: &'a Path) -> Result<Self, Failed> {
        std::fs::write(
            dir.join("ca.cnf"),
            "[ca]\ndefault_ca = own\n[own]\ndatabase = index.txt\nnew_certs_dir = .\n\
             default_md = sha256\nrand_serial = yes\nunique_subject = no\npolicy = any\n\
             [any]\ncommonName = supplied\n",
        )?;
        std::fs::write(dir.join("index.txt"), "")?;
        let root = [
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "rsa:2048",
            "-subj",
            "/CN=root",
            "-days",
            "30",
            "-keyout",
            "root-key.pem",
            "-out",
            "root-cert.pem",
        ];
        openssl(dir, &root)?;
        let ca = OpensslCa(dir);
        let extensions = "basicConstraints = critical, CA:TRUE\nkeyUsage = keyCertSign\n";
        ca.sign("inter", "root", extensions, Validity::Now)?;
        Ok(ca)
    }

    /// Signs `NAME-cert.pem`, with `NAME-key.pem`; and `NAME-chain.pem` has the
    /// certificate of its CA as well.
    fn sign(&self, name: &str, ca: &str, extensions: &str, validity: Validity) -> Tried {
        let file = |what: &str| format!("{name}-{what}");
        let (key, csr, ext) = (file("key.pem"), file("csr.pem"), file("ext.cnf"));
        let subject = format!("/CN={name}");
        let request = [
            "req", "-new", "-nodes", "-subj", &subject, "-keyout", &key, "-out", &csr,
        ];
        openssl(self.0, &[&request[..], &EC].concat())?;
        std::fs::write(self.0.join(&ext), extensions)?;
        let (cert, ca_cert) = (file("cert.pem"), format!("{ca}-cert.pem"));
        let ca_key = format!("{ca}-key.pem");
        let mut args = vec![
            "ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", &ca_cert,
            "-keyfile", &ca_key, "-in", &csr, "-extfile", &ext, "-out", &cert,
        ];
        args.extend(match validity {
            Validity::Now => ["-days", "30", "-startdate", "20200101000000Z"],
            Validity::Over => [
                "-startdate",
                "20200101000000Z",
                "-enddate",
                "20210101000000Z",
            ],
            Validity::Later => [
                "-startdate",
                "20900101000000Z",
                "-enddate",
                "20910101000000Z",
            ],
        });
        openssl(self.0, &args)?;
        let read = |name: &str| std::fs::read_to_string(self.0.join(name));
        let chain = read(&cert)? + &read(&ca_cert)?;
        std::fs::write(self.0.join(file("chain.pem")), chain)?;
        Ok(())
    }
}

/// When a certificate is valid.
enum Validity {
    Now,
    Over,
    Later,
}

/// Certificates that openssl has signed, of a server and of a client.
fn judges_certificates() -> Tried {
    const BOTH: &str = "subjectAltName = DNS:localhost, IP:127.0.0.1\n";
    const DNS: &str = "subjectAltName = DNS:localhost\n";
    const OTHER: &str = "subjectAltName = DNS:elsewhere.example\n";
    const TRUSTED: &str = "Received: Hello, secure client!";
    let exam = exam("tls_server")?;
    let ca = OpensslCa::new(exam.dir())?;
    for (name, extensions, validity) in [
        ("good", BOTH, Validity::Now),
        ("over", BOTH, Validity::Over),
        ("later", BOTH, Validity::Later),
        ("dns", DNS, Validity::Now),
        ("other", OTHER, Validity::Now),
    ] {
        ca.sign(name, "inter", extensions, validity)?;
    }
    for (cert, key, host, says) in [
        ("good-chain.pem", "good", "127.0.0.1", TRUSTED),
        ("good-chain.pem", "good", "localhost", TRUSTED),
        ("dns-chain.pem", "dns", "localhost", TRUSTED),
        (
            "dns-chain.pem",
            "dns",
            "127.0.0.1",
            "is for localhost, not for 127.0.0.1",
        ),
        (
            "other-chain.pem",
            "other",
            "127.0.0.1",
            "is for elsewhere.example, not for",
        ),
        ("over-chain.pem", "over", "127.0.0.1", "has expired"),
        ("later-chain.pem", "later", "127.0.0.1", "not valid yet"),
        // The intermediate CA is missing: who trusts the root cannot know it.
        (
            "good-cert.pem",
            "good",
            "127.0.0.1",
            "not signed by a CA that we trust",
        ),
    ] {
        let key = format!("{key}-key.pem");
        let server = exam
            .launch()
            .args(&["--cert", cert, "--key", &key])
            .server()?;
        let clients = self::exam("tls_client")?;
        let root = exam.dir().join("root-cert.pem").display().to_string();
        let launch = clients.launch().host(host).args(&["--ca", &root]);
        let mut client = launch.client(server.addr())?;
        client.expect_exit(if says == TRUSTED { 0 } else { 1 })?;
        if !client.printed().contains(says) {
            return Err(format!("{cert} for {host}: {}", client.printed()).into());
        }
    }
    // And the clients of a server that asks them for theirs.
    let mutual = [
        "--cert",
        "good-chain.pem",
        "--key",
        "good-key.pem",
        "--require-client-cert",
        "--ca",
        "root-cert.pem",
    ];
    let server = exam.launch().args(&mutual).server()?;
    let connect = addr(&server);
    for (name, served) in [("dns", true), ("over", false), ("later", false)] {
        let (chain, key) = (format!("{name}-chain.pem"), format!("{name}-key.pem"));
        let args = [
            "s_client",
            "-quiet",
            "-connect",
            &connect,
            "-CAfile",
            "root-cert.pem",
            "-cert",
            &chain,
            "-cert_chain",
            &chain,
            "-key",
            &key,
        ];
        let output = run(exam.dir(), "openssl", &args, "hello")?;
        if expect(&output, "Hello, secure client!").is_ok() != served {
            return Err(format!("the client {name:?}: served is not {served}").into());
        }
    }
    Ok(())
}

const TOKEN: &str = "a-token-of-this-test";

/// Says one line to a secure_server, and returns what comes back until the line's end.
fn ask(addr: SocketAddr, line: &str) -> Result<String, Failed> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply)?;
    Ok(reply)
}

/// Before AUTH, there are 10 s for all: bytes now and then earn no more of them.
fn cuts_one_byte_a_second() -> Tried {
    let exam = exam("secure_server")?;
    let server = exam.launch().env("API_KEY", TOKEN).server()?;
    let mut stream = TcpStream::connect(server.addr())?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut reply = Vec::new();
    let started = Instant::now();
    let mut end = Ok(1);
    while started.elapsed() < Duration::from_secs(25) {
        // It may have closed; its last words can still be read.
        let _ = stream.write_all(b"A");
        let mut buf = [0; 100];
        end = uninterrupted(|| stream.read(&mut buf));
        match &end {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Ok(len) if *len > 0 => reply.extend(buf.iter().take(*len)),
            _ => break,
        }
    }
    let passed = started.elapsed();
    let reply = String::from_utf8_lossy(&reply);
    match reply.starts_with("ERROR 408") && passed < Duration::from_secs(20) {
        true => Ok(()),
        false => {
            let said = server.errors();
            Err(format!("{reply:?}, then {end:?}, after {passed:?}; {said:?}").into())
        }
    }
}

/// 127.0.0.1 and ::ffff:127.0.0.1 are one address, and it is free again after a while.
fn lock_out_ends() -> Tried {
    let exam = exam("secure_server")?;
    let launch = exam.launch().env("API_KEY", TOKEN).host("::");
    let server = launch.args(&["--lockout", "2"]).server()?;
    let v4 = SocketAddr::from(([127, 0, 0, 1], server.addr().port()));
    let right = format!("AUTH {TOKEN}");
    for _ in 0..5 {
        ask(v4, "AUTH guess")?;
    }
    let locked = Instant::now();
    let reply = ask(v4, &right)?;
    if !reply.starts_with("ERROR 423") {
        return Err(format!("not locked out: {reply:?}").into());
    }
    loop {
        let reply = ask(v4, &right)?;
        let passed = locked.elapsed();
        if reply.starts_with("OK") && passed > Duration::from_millis(1500) {
            return Ok(());
        }
        if reply.starts_with("OK") || passed > Duration::from_secs(10) {
            return Err(format!("{reply:?} after {passed:?}").into());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn full_log() -> Tried {
    let exam = exam("secure_server")?;
    #[cfg(target_os = "linux")]
    std::os::unix::fs::symlink("/dev/full", exam.dir().join("server_security.log"))?;
    let mut server = exam.launch().env("API_KEY", TOKEN).server()?;
    for _ in 0..3 {
        let reply = ask(server.addr(), &format!("AUTH {TOKEN}"))?;
        if !reply.starts_with("OK") {
            return Err(format!("a full log is no reason to refuse: {reply:?}").into());
        }
    }
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let said = "cannot write server_security.log";
    server.wait_for_printed(said, |printed| printed.contains(said))?;
    match server.errors().matches(said).count() {
        1 => Ok(()),
        count => Err(format!("said {count} times").into()),
    }
}

/// The first client without a place is logged, and later how many there were: who connects
/// again and again must not fill the disk.
fn logs_a_flood() -> Tried {
    const REFUSED: usize = 200;
    let exam = exam("secure_server")?;
    let launch = exam.launch().env("API_KEY", TOKEN);
    let server = launch.args(&["--max-clients", "1"]).server()?;
    let right = format!("AUTH {TOKEN}");
    let mut guest = server.connect()?;
    guest.send(format!("{right}\n"))?;
    guest.read_until(b"\n")?;
    for _ in 0..REFUSED {
        let reply = ask(server.addr(), "")?;
        if !reply.starts_with("ERROR 503 ") {
            return Err(format!("{reply:?}").into());
        }
    }
    drop(guest);
    // The place is free as soon as the guest's thread has noticed.
    let give_up = Instant::now() + Duration::from_secs(10);
    while !ask(server.addr(), &right)?.starts_with("OK") {
        if Instant::now() > give_up {
            return Err("the place is never free again".into());
        }
    }
    let log = std::fs::read_to_string(exam.dir().join("server_security.log"))?;
    let about: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("refused"))
        .collect();
    match about.as_slice() {
        [first, last]
            if first.contains("no place left") && last.contains("before this one") =>
        {
            Ok(())
        }
        other => Err(format!("{} lines: {log:.2000}", other.len()).into()),
    }
}

/// A server that takes a command and closes has not done it.
fn misses_a_reply() -> Tried {
    let exam = exam("secure_client")?;
    let listener = exam.listener()?;
    let launch = exam.launch().env("API_KEY", TOKEN);
    let mut client = launch.client(listener.addr())?;
    let mut server = listener.accept()?;
    server.read_until(b"\n")?;
    server.send("OK authenticated\n")?;
    client.type_in("TIME\n")?;
    server.read_until(b"\n")?;
    drop(server);
    client.expect_exit(1)?;
    match client.errors() {
        said if said.contains("without a reply") => Ok(()),
        said => Err(said.into()),
    }
}

fn stops_at_once() -> Tried {
    for tls in [false, true] {
        let exam = exam("secure_server")?;
        let launch = exam.launch().env("API_KEY", TOKEN);
        let mut server = match tls {
            true => launch.arg("--tls").server()?,
            false => launch.server()?,
        };
        let clients: Result<Vec<_>, _> =
            (0..20).map(|_| TcpStream::connect(server.addr())).collect();
        let _clients = clients?;
        let started = Instant::now();
        server.interrupt();
        server.expect_exit(0)?;
        if started.elapsed() > Duration::from_secs(2) {
            return Err(format!("after {:?}, tls: {tls}", started.elapsed()).into());
        }
        server.wait_for_output("Server shutting down")?;
    }
    Ok(())
}

/// With --tls as well, who resets in the handshake gives the place back.
fn frees_places() -> Tried {
    let exam = exam("secure_server")?;
    let launch = exam.launch().env("API_KEY", TOKEN);
    let server = launch.args(&["--tls", "--max-clients", "3"]).server()?;
    for _ in 0..10 {
        for _ in 0..3 {
            server.connect()?.reset();
        }
    }
    let connect = addr(&server);
    let line = format!("AUTH {TOKEN}\nECHO Hello, secure client!");
    let args = [
        "s_client",
        "-quiet",
        "-connect",
        &connect,
        "-CAfile",
        "certs/ca-cert.pem",
    ];
    let give_up = Instant::now() + Duration::from_secs(10);
    loop {
        let mut client = Command::new("openssl")
            .args(args)
            .current_dir(exam.dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut stdin = client.stdin.take().ok_or("no stdin")?;
        let stdout = client.stdout.take().ok_or("no stdout")?;
        let mut lines = BufReader::new(stdout).lines();
        let _ = writeln!(stdin, "{line}");
        let served = lines.nth(1);
        drop(stdin);
        client.kill()?;
        client.wait()?;
        if let Some(Ok(line)) = served
            && line == "OK Hello, secure client!"
        {
            return Ok(());
        }
        if Instant::now() > give_up {
            return Err("the places are not given back".into());
        }
    }
}

fn knows_its_clients() -> Tried {
    let exam = exam("tls_server")?;
    let server = exam.launch().arg("--require-client-cert").server()?;
    let connect = addr(&server);
    let base = [
        "s_client",
        "-quiet",
        "-connect",
        &connect,
        "-CAfile",
        "certs/ca-cert.pem",
    ];
    let own = [
        "-cert",
        "certs/client-cert.pem",
        "-key",
        "certs/client-key.pem",
    ];
    openssl_cert(exam.dir(), &EC)?;
    let strange = ["-cert", "own-cert.pem", "-key", "own-key.pem"];
    for (cert, served) in [(&own[..], true), (&[], false), (&strange, false)] {
        let output = run(exam.dir(), "openssl", &[&base, cert].concat(), "hello")?;
        if expect(&output, "Hello, secure client!").is_ok() != served {
            return Err(format!("with {cert:?}: served is not {served}").into());
        }
    }
    Ok(())
}

/// One byte of a ClientHello each half second: no timeout per read would end it.
fn cuts_dripping() -> Tried {
    let exam = exam("tls_server")?;
    let server = exam.server()?;
    let mut stream = TcpStream::connect(server.addr())?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")?;
    let started = Instant::now();
    let mut buf = [0; 16];
    while started.elapsed() < Duration::from_secs(30) {
        if stream.write_all(b"x").is_err() {
            return Ok(());
        }
        match uninterrupted(|| stream.read(&mut buf)) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) | Ok(0) => return Ok(()),
            Ok(_) => {}
        }
    }
    Err("still connected after 30 s".into())
}

fn one_ca() -> Tried {
    let exam = exam("tls_server")?;
    // Not one after the other has listened: they meet when they make the CA.
    let mut servers = Vec::new();
    for _ in 0..4 {
        servers.push(exam.launch().unready()?);
    }
    for server in &mut servers {
        server.wait_for_output("Secure server listening on")?;
        let client = client_against(&exam, server.addr())?;
        expect(&client, "Hello, secure client!")?;
    }
    Ok(())
}

/// Runs our client in the folder of a server's exam.
fn client_against(exam: &Exam, addr: SocketAddr) -> Result<Output, Failed> {
    let clients = self::exam("tls_client")?;
    let ca = exam.dir().join("certs/ca-cert.pem");
    let mut client = clients
        .launch()
        .args(&["--ca", &ca.display().to_string()])
        .client(addr)?;
    client.wait_exit(Duration::from_secs(15))?;
    Ok(Output {
        status: Default::default(),
        stdout: client.output().into_bytes(),
        stderr: client.errors().into_bytes(),
    })
}

/// A server certificate that the CA signed and whose day has passed is made anew.
fn renews() -> Tried {
    let exam = exam("tls_server")?;
    drop(exam.server()?);
    let certs = exam.dir().join("certs");
    std::fs::write(
        certs.join("san.cnf"),
        "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n",
    )?;
    openssl(
        &certs,
        &[
            "req",
            "-new",
            "-key",
            "server-key.pem",
            "-subj",
            "/CN=x",
            "-out",
            "x.csr",
        ],
    )?;
    openssl(
        &certs,
        &[
            "x509",
            "-req",
            "-in",
            "x.csr",
            "-CA",
            "ca-cert.pem",
            "-CAkey",
            "ca-key.pem",
            "-days",
            "0",
            "-set_serial",
            "7",
            "-extfile",
            "san.cnf",
            "-out",
            "server-cert.pem",
        ],
    )?;
    let expired = std::fs::read(certs.join("server-cert.pem"))?;
    let server = exam.server()?;
    if std::fs::read(certs.join("server-cert.pem"))? == expired {
        return Err("the expired certificate is still there".into());
    }
    expect(
        &client_against(&exam, server.addr())?,
        "Hello, secure client!",
    )
}

/// With 64 descriptors, 200 silent clients are too many; when they leave, all is well.
fn sheds_and_recovers() -> Tried {
    let exam = exam("tls_server")?;
    let server = exam.launch().open_files(64).server()?;
    let crowd: Result<Vec<TcpStream>, _> = (0..200)
        .map(|_| TcpStream::connect(server.addr()))
        .collect();
    drop(crowd?);
    let give_up = Instant::now() + Duration::from_secs(30);
    loop {
        let served = client_against(&exam, server.addr())
            .and_then(|output| expect(&output, "Hello, secure client!"));
        if served.is_ok() || Instant::now() > give_up {
            return served;
        }
    }
}

/// Starts a server that prints its port, or is told one.
fn spawn(dir: &Path, program: &str, args: &[&str]) -> Result<Child, Failed> {
    Ok(Command::new(program)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?)
}

fn talks_to_python() -> Tried {
    // tls_server makes the certificates, Python uses them.
    let exam = exam("tls_server")?;
    drop(exam.server()?);
    let mut python = spawn(exam.dir(), crate::python(), &["-c", PYTHON_SERVER])?;
    let mut lines = BufReader::new(python.stdout.take().ok_or("no stdout")?).lines();
    let port: u16 = lines.next().ok_or("no port")??.parse()?;
    let output = client_against(&exam, SocketAddr::from(([127, 0, 0, 1], port)))?;
    let heard = lines.next().ok_or("Python heard nothing")??;
    python.wait()?;
    if heard != "Hello, secure server!" {
        return Err(format!("Python heard {heard:?}").into());
    }
    expect(&output, "Received: Hello, secure client!")?;
    // Python's `with` closes without close_notify: anybody could have cut the reply.
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    match errors.contains("without close_notify") {
        true => Ok(()),
        false => Err(format!("no warning of a cut reply: {errors:?}").into()),
    }
}

/// A self-signed certificate of openssl's that is named with --ca is trusted; another one
/// is not, nor one that is another host's.
fn talks_to_openssl() -> Tried {
    for (san, days, version, trusted) in [
        ("DNS:localhost,IP:127.0.0.1", "30", "-tls1_2", true),
        ("DNS:localhost,IP:127.0.0.1", "30", "-tls1_3", true),
        ("DNS:elsewhere.example", "30", "-tls1_3", false),
    ] {
        let exam = exam("tls_client")?;
        let san = format!("subjectAltName={san}");
        let mut args = vec![
            "req", "-x509", "-nodes", "-subj", "/CN=peer", "-addext", &san,
        ];
        args.extend(EC);
        args.extend([
            "-days",
            days,
            "-keyout",
            "own-key.pem",
            "-out",
            "own-cert.pem",
        ]);
        openssl(exam.dir(), &args)?;
        let addr = exam.unused_addr()?;
        let accept = addr.to_string();
        let args = [
            "s_server",
            "-quiet",
            "-accept",
            &accept,
            version,
            "-cert",
            "own-cert.pem",
            "-key",
            "own-key.pem",
        ];
        let mut server = spawn(exam.dir(), "openssl", &args)?;
        let mut stdin = server.stdin.take().ok_or("no stdin")?;
        let client = loop {
            let mut client =
                exam.launch().args(&["--ca", "own-cert.pem"]).client(addr)?;
            // openssl says nowhere that it listens: ask until it does.
            stdin.write_all(b"Hello, secure client!\n")?;
            client.wait_exit(Duration::from_secs(40))?;
            if !client.errors().contains("refused") {
                break client;
            }
        };
        drop(stdin);
        let served = client.output().contains("Received: Hello, secure client!");
        server.kill()?;
        server.wait()?;
        client.expect_no_crash()?;
        if served != trusted {
            let errors = client.errors();
            return Err(format!("{san} {days} {version}: {served}; {errors}").into());
        }
    }
    Ok(())
}
