//! Chapter 10 with real peers: openssl as client and server, Python's ssl, curl.
//!
//! A test whose tool is missing is shown as ignored.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use grading::harness::{Exam, Program};
use libtest_mimic::{Failed, Trial};

type Tried = Result<(), Failed>;

/// A name, the tool that it needs, and the test.
type Test = (&'static str, &'static str, fn() -> Tried);

/// The tests of this file.
pub fn trials() -> Vec<Trial> {
    let tests: [Test; 12] = [
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
        ("tls_server::cuts_a_dripping_handshake", "", cuts_dripping),
        (
            "tls_server::makes_one_ca_when_two_start_at_once",
            "",
            one_ca,
        ),
        ("tls_server::renews_what_has_expired", "openssl", renews),
        ("tls_server::sheds_and_recovers", "", sheds_and_recovers),
        ("tls_client::talks_to_openssl", "openssl", talks_to_openssl),
        ("tls_client::talks_to_python", "python3", talks_to_python),
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

fn serves_python() -> Tried {
    let exam = exam("tls_server")?;
    let server = exam.server()?;
    let port = server.addr().port().to_string();
    let args = ["-c", PYTHON_CLIENT, "127.0.0.1", &port];
    expect(
        &run(exam.dir(), "python3", &args, "")?,
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
        match stream.read(&mut buf) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) | Ok(0) => return Ok(()),
            Ok(_) => {}
        }
    }
    Err("still connected after 30 s".into())
}

fn one_ca() -> Tried {
    let exam = exam("tls_server")?;
    let servers: Result<Vec<Program>, _> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| exam.server())).collect();
        starts
            .into_iter()
            .map(|start| start.join().map_err(|_| "a thread panicked"))
            .collect::<Result<Result<Vec<_>, _>, _>>()
    })?
    .map_err(Failed::from)
    .map(|servers| servers.into_iter().collect());
    for server in servers? {
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
    let mut python = spawn(exam.dir(), "python3", &["-c", PYTHON_SERVER])?;
    let mut lines = BufReader::new(python.stdout.take().ok_or("no stdout")?).lines();
    let port: u16 = lines.next().ok_or("no port")??.parse()?;
    let output = client_against(&exam, SocketAddr::from(([127, 0, 0, 1], port)))?;
    let heard = lines.next().ok_or("Python heard nothing")??;
    python.wait()?;
    if heard != "Hello, secure server!" {
        return Err(format!("Python heard {heard:?}").into());
    }
    expect(&output, "Received: Hello, secure client!")
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
