//! Chapter 11 against real peers and under load: curl, Python, nginx, a browser, hostile
//! clients, `kill -9`. A test whose tool is missing is ignored, with the tool in its name.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may assume what it has set up itself"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use grading::harness::{Exam, Exit, Listener, Program};
use libtest_mimic::{Failed, Trial};

use crate::held::Held;

type Outcome = Result<(), Failed>;
/// The tool that it needs, its name, and what it does.
type Test = (&'static str, &'static str, fn() -> Outcome);

/// The tests of this file.
pub fn trials() -> Vec<Trial> {
    let tests: &[Test] = &[
        ("curl", "http_challenge_serves_curl", serves_curl),
        ("nc", "http_challenge_serves_nc", serves_nc),
        (
            "python3",
            "servers_serve_http_client",
            servers_serve_http_client,
        ),
        (
            "python3",
            "clients_read_http_server",
            clients_read_http_server,
        ),
        ("nginx", "clients_read_nginx", clients_read_nginx),
        ("apache2", "clients_read_apache", clients_read_apache),
        (
            "nginx",
            "http_challenge_works_behind_nginx",
            works_behind_nginx,
        ),
        (
            "apache2",
            "http_challenge_works_behind_apache",
            works_behind_apache,
        ),
        (
            "chromium",
            "a_browser_shows_the_pages",
            a_browser_shows_the_pages,
        ),
        ("", "a_slow_head_gets_408", a_slow_head_gets_408),
        ("", "a_bare_cr_is_refused_at_once", a_bare_cr_is_refused),
        ("", "head_gets_the_length_of_get", head_gets_the_length),
        ("", "a_head_of_10_mb_is_refused", a_head_of_10_mb_is_refused),
        (
            "",
            "pipelined_requests_are_answered_each",
            pipelined_requests,
        ),
        ("", "a_body_that_stops_short_gets_400", a_short_body),
        (
            "",
            "a_wrong_body_that_begins_with_head_gets_its_page",
            a_body_that_begins_with_head,
        ),
        ("", "continue_is_said_when_it_is_asked_for", says_continue),
        (
            "",
            "a_reader_that_never_reads_harms_nobody",
            a_reader_that_never_reads,
        ),
        ("", "of_many_visitors_none_is_lost", many_visitors),
        ("", "few_descriptors_shed_and_recover", few_descriptors),
        ("", "one_client_too_many_learns_it", one_client_too_many),
        (
            "",
            "who_sends_on_behind_the_page_is_not_reset",
            sends_on_behind_the_page,
        ),
        (
            "",
            "host_is_without_the_zone_of_an_address",
            host_without_zone,
        ),
        (
            "",
            "a_bad_body_is_logged_with_its_status",
            bad_body_in_the_log,
        ),
        ("", "a_long_response_is_shown_whole", a_long_response),
        (
            "",
            "a_line_without_an_end_is_shown_whole",
            a_line_without_an_end,
        ),
        #[cfg(target_os = "linux")]
        ("", "max_time_covers_connecting", max_time_covers_connecting),
        ("", "who_was_too_slow_is_said", who_was_too_slow),
        #[cfg(unix)]
        ("", "nothing_half_is_left_of_a_download", nothing_half_left),
        #[cfg(unix)]
        (
            "",
            "a_download_keeps_permissions_and_links",
            keeps_permissions_and_links,
        ),
        ("", "a_download_to_minus_goes_to_stdout", to_stdout),
        ("", "config_server_survives_kills", survives_kills),
        ("", "a_full_config_line_is_refused", a_long_config_line),
        ("", "scripts_get_values_as_they_are", scripts_get_values),
        (
            "",
            "settings_in_use_or_damaged_are_refused",
            refuses_other_files,
        ),
    ];
    let mut trials = Vec::new();
    #[cfg(target_os = "linux")]
    trials.push(
        Trial::test(
            "ch11::one_silent_client_too_many_learns_it",
            one_silent_client_too_many,
        )
        .with_ignored_flag(!crate::may_open(4096)),
    );
    trials.extend(tests.iter().map(|&(tool, name, function)| {
        let is_missing = !tool.is_empty() && !is_installed(tool);
        let name = match is_missing {
            true => format!("ch11::{name} (needs {tool})"),
            false => format!("ch11::{name}"),
        };
        Trial::test(name, function).with_ignored_flag(is_missing)
    }));
    trials
}

fn is_installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    folders.iter().any(|folder| folder.join(tool).is_file())
}

/// Runs a tool to its end and returns what it wrote to stdout.
fn tool(name: &str, args: &[&str]) -> Result<String, Failed> {
    let output = Command::new(name)
        .args(args)
        .stdin(Stdio::null())
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn expect(text: &str, part: &str) -> Outcome {
    match text.contains(part) {
        true => Ok(()),
        false => Err(format!("expected {part:?} in:\n{text}").into()),
    }
}

fn connect(addr: SocketAddr) -> Result<TcpStream, Failed> {
    let stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(stream)
}

/// Sends a request and reads to the end of the stream.
fn exchange(addr: SocketAddr, request: &[u8]) -> Result<String, Failed> {
    let mut stream = connect(addr)?;
    // Who is refused early may see the connection end while it writes: the reply counts.
    let _ = stream.write_all(request);
    let mut reply = Vec::new();
    match stream.read_to_end(&mut reply) {
        Err(error) if reply.is_empty() => Err(format!("no reply: {error}").into()),
        _ => Ok(String::from_utf8_lossy(&reply).into_owned()),
    }
}

fn is_served(addr: SocketAddr) -> Outcome {
    let request = b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    expect(&exchange(addr, request)?, "HTTP/1.1 200 OK\r\n")
}

// ------------------------------------------------------------------ real clients

fn serves_curl() -> Outcome {
    let exam = Exam::reference("http_challenge")?;
    let server = exam.server()?;
    let base = format!("http://{}", server.addr());
    let hello = format!("{base}/hello");
    let curl =
        |args: &[&str]| tool("curl", &[&["-s", "--max-time", "20"], args].concat());

    expect(&curl(&["-i", "-0", &hello])?, "Connection: close")?;
    expect(&curl(&["-i", "-0", &hello])?, "HTTP/1.1 200 OK")?;
    let sink = "/dev/null";
    let two = curl(&[
        "-w",
        "%{num_connects};",
        "-o",
        sink,
        "-o",
        sink,
        &hello,
        &hello,
    ])?;
    expect(&two, "1;0;")?; // the second one used the same connection
    expect(
        &curl(&["--data", "a=b&c=d", &hello])?,
        "<strong>Body:</strong> 7 bytes",
    )?;
    let head = curl(&["-I", &hello])?;
    expect(&head, "Content-Length: ")?;
    expect(
        &curl(&["-H", "Transfer-Encoding: chunked", "-d", "hello", &hello])?,
        "5 bytes",
    )?;
    let big = "x".repeat(200_000);
    let file = exam.dir().join("big");
    std::fs::write(&file, &big)?;
    let upload = format!("@{}", file.display());
    let expecting = ["-v", "--stderr", "-", "-H", "Expect: 100-continue"];
    let said = curl(&[&expecting[..], &["--data-binary", &upload, &hello]].concat())?;
    expect(&said, "HTTP/1.1 100 Continue")?;
    expect(&said, "200000 bytes")?;
    expect(
        &curl(&["-w", "%{http_code}", "-H", "Expect: magic", &hello])?,
        "417",
    )?;
    expect(
        &curl(&["-i", "-X", "DELETE", &hello])?,
        "Allow: GET, HEAD, POST, OPTIONS",
    )?;
    let options = curl(&["-i", "-X", "OPTIONS", "--request-target", "*", &base])?;
    expect(&options, "Allow: GET, HEAD, POST, OPTIONS")?;
    expect(
        &curl(&["--proxy", &base, "http://example.com/about?x"])?,
        "</strong> /about<",
    )
}

fn serves_nc() -> Outcome {
    for (step, part) in [
        ("http_challenge", "Request Info"),
        ("http_simple_server", "visitor #1"),
    ] {
        let exam = Exam::reference(step)?;
        let server = exam.server()?;
        let (host, port) = (server.addr().ip().to_string(), server.addr().port());
        let mut nc = Command::new("nc")
            .args([host, port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        nc.stdin
            .take()
            .unwrap()
            .write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let output = nc.wait_with_output()?;
        expect(&String::from_utf8_lossy(&output.stdout), part)?;
    }
    Ok(())
}

fn servers_serve_http_client() -> Outcome {
    const CLIENT: &str = "
import http.client, sys
conn = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=20)
for method, path, body in [
    ('GET', '/hello', None), ('HEAD', '/hello', None), ('POST', '/hello', b'x' * 5000),
    ('POST', '/hello', iter([b'chunk', b'ed'])), ('GET', '/none', None),
]:
    conn.request(method, path, body, {'User-Agent': 'Python'})
    response = conn.getresponse()
    print(method, path, response.status, len(response.read()) > 0)
";
    for (step, last) in [("http_challenge", 404), ("http_simple_server", 200)] {
        let exam = Exam::reference(step)?;
        let server = exam.server()?;
        let (host, port) = (
            server.addr().ip().to_string(),
            server.addr().port().to_string(),
        );
        let said = tool(crate::python(), &["-c", CLIENT, &host, &port])?;
        let expected = format!(
            "GET /hello 200 True\nHEAD /hello 200 False\nPOST /hello 200 True\n\
             POST /hello 200 True\nGET /none {last} True\n"
        );
        expect(&said, &expected)?;
    }
    Ok(())
}

fn a_browser_shows_the_pages() -> Outcome {
    // One run of the browser a visit.
    let visits: [(&str, &str, &[&[&str]]); 2] = [
        (
            "http_simple_server",
            "/",
            &[&["visitor #1"], &["visitor #2"]],
        ),
        (
            "http_challenge",
            "/hello",
            &[&["Request Info", "/hello", "Chrome/"]],
        ),
    ];
    for (step, path, visits) in visits {
        let exam = Exam::reference(step)?;
        let mut server = exam.server()?;
        let url = format!("http://{}{path}", server.addr());
        let profile = format!("--user-data-dir={}", exam.dir().join("profile").display());
        let picture = exam.dir().join("page.png");
        let screenshot = format!("--screenshot={}", picture.display());
        for texts in visits {
            // Idle connections, as a browser's own, are there all the time.
            let _idle: Vec<TcpStream> = (0..8)
                .map(|_| connect(server.addr()))
                .collect::<Result<_, _>>()?;
            let size = "--window-size=600,300";
            let page = browse(&[&profile, "--dump-dom", &screenshot, size, &url])?;
            for text in *texts {
                expect(&page, text)?;
            }
            let size = std::fs::metadata(&picture)?.len();
            if size < 2000 {
                return Err(
                    format!("the screenshot has {size} bytes: an empty page").into()
                );
            }
            std::fs::remove_file(&picture)?;
        }
        // Whatever else it asked for would have been counted.
        if step == "http_simple_server" {
            server.wait_for_output("Request #2 from")?;
            let output = server.output();
            if output.contains("favicon") || output.contains("Request #3 from") {
                return Err("the browser asked for more than the page".into());
            }
        }
    }
    Ok(())
}

fn browse(args: &[&str]) -> Result<String, Failed> {
    const QUIET: [&str; 8] = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
    ];
    tool("chromium", &[&QUIET[..], args].concat())
}

// ------------------------------------------------------------------ real servers

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that was free a moment ago, and below those of outgoing connections.
fn free_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(20_000..32_000))
        .find(is_free)
        .unwrap()
}

fn wait_until_it_listens(port: u16) -> Outcome {
    let give_up = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > give_up {
            return Err("the peer does not listen".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Fetches a page, a large binary file and a folder (a redirect) from a real server.
fn fetch_everything(exam: &Exam, port: u16, binary: &[u8]) -> Outcome {
    let base = format!("http://127.0.0.1:{port}");
    let mut page = exam.tool(&["-i", &format!("{base}/page.html")])?;
    page.expect_exit(0)?;
    expect(&page.output(), "<p>a page</p>")?;
    let out = exam.dir().join("out.bin");
    let name = out.display().to_string();
    exam.tool(&["-o", &name, &format!("{base}/data.bin")])?
        .expect_exit(0)?;
    if std::fs::read(&out)? != binary {
        return Err("the file differs".into());
    }
    let mut folder = exam.tool(&["-L", &format!("{base}/folder")])?;
    folder.expect_exit(0)?;
    expect(&folder.output(), "<p>in the folder</p>")?;
    let manual = Exam::reference("http_manual_client")?;
    let mut client = manual.client(SocketAddr::from(([127, 0, 0, 1], port)))?;
    client.expect_exit(0)?;
    expect(&client.output(), "Received HTTP response:")?;
    expect(&client.output(), "HTTP/1.")
}

/// Makes a small web site in a folder.
fn site(site: &Path) -> Result<Vec<u8>, Failed> {
    std::fs::create_dir_all(site.join("folder"))?;
    std::fs::write(site.join("page.html"), "<p>a page</p>")?;
    std::fs::write(site.join("index.html"), "<p>the root</p>")?;
    std::fs::write(site.join("folder/index.html"), "<p>in the folder</p>")?;
    let mut binary = vec![0; 3_000_000];
    fastrand::fill(&mut binary);
    std::fs::write(site.join("data.bin"), &binary)?;
    Ok(binary)
}

fn clients_read_http_server() -> Outcome {
    let exam = Exam::reference("fetch_url")?;
    let binary = site(&exam.dir().join("site"))?;
    let port = free_port();
    let python = Command::new(crate::python())
        .args([
            "-m",
            "http.server",
            "--bind",
            "127.0.0.1",
            &port.to_string(),
        ])
        .current_dir(exam.dir().join("site"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let _python = Killed(python);
    wait_until_it_listens(port)?;
    fetch_everything(&exam, port, &binary)
}

fn clients_read_nginx() -> Outcome {
    let exam = Exam::reference("fetch_url")?;
    let binary = site(&exam.dir().join("site"))?;
    let port = free_port();
    let root = format!("root {}/site;", exam.dir().display());
    let _nginx = nginx(exam.dir(), port, &root)?;
    fetch_everything(&exam, port, &binary)
}

/// Starts nginx in `dir`, with one server that has these directives.
fn nginx(dir: &Path, port: u16, directives: &str) -> Result<Killed, Failed> {
    let conf = dir.join("nginx.conf");
    let dir = dir.display();
    let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {dir}/{name};"))
        .concat();
    std::fs::write(
        &conf,
        format!(
            "user root; daemon off; master_process off; pid {dir}/pid; error_log stderr;
             events {{}} http {{ access_log off; {temp}
             server {{ listen 127.0.0.1:{port}; {directives} }} }}"
        ),
    )?;
    let nginx = Command::new("nginx")
        .args(["-e", "stderr", "-c", &conf.display().to_string()])
        .stderr(Stdio::null())
        .spawn()?;
    let nginx = Killed(nginx);
    wait_until_it_listens(port)?;
    Ok(nginx)
}

/// Starts Apache, in one process, with its files in a folder that every user may read:
/// it never serves as root.
fn apache(dir: &Path, port: u16, directives: &str) -> Result<Killed, Failed> {
    let conf = dir.join("apache.conf");
    std::fs::create_dir_all(dir.join("site"))?;
    let modules: String = [
        "mpm_event",
        "authz_core",
        "dir",
        "mime",
        "proxy",
        "proxy_http",
    ]
    .map(|name| {
        format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")
    })
    .concat();
    let dir = dir.display();
    std::fs::write(
        &conf,
        format!(
            "{modules}User www-data\nServerName localhost\nServerRoot {dir}\n\
             Listen 127.0.0.1:{port}\nPidFile {dir}/pid\nMutex file:{dir}\n\
             ErrorLog /dev/null\nTypesConfig /dev/null\nDirectoryIndex index.html\n\
             DocumentRoot {dir}/site\n{directives}\n"
        ),
    )?;
    let apache = Command::new("apache2")
        .args(["-X", "-f", &conf.display().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let apache = Killed(apache);
    wait_until_it_listens(port)?;
    Ok(apache)
}

/// A folder that other users may read.
fn open_folder() -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))?;
    }
    Ok(folder)
}

fn clients_read_apache() -> Outcome {
    let exam = Exam::reference("fetch_url")?;
    let folder = open_folder()?;
    let binary = site(&folder.path().join("site"))?;
    let port = free_port();
    let _apache = apache(folder.path(), port, "")?;
    fetch_everything(&exam, port, &binary)
}

fn works_behind_nginx() -> Outcome {
    let (exam, server) = challenge(&[])?;
    let port = free_port();
    let pass = format!(
        "location / {{ proxy_pass http://{}; proxy_http_version 1.1;
         proxy_set_header Connection \"\"; proxy_request_buffering off; }}",
        server.addr()
    );
    let _nginx = nginx(exam.dir(), port, &pass)?;
    works_behind(port)
}

fn works_behind_apache() -> Outcome {
    let (_exam, server) = challenge(&[])?;
    let folder = open_folder()?;
    let port = free_port();
    // As the sheet says.
    let pass = format!(
        "ProxyPass / http://{}/\nProxyPreserveHost On",
        server.addr()
    );
    let _apache = apache(folder.path(), port, &pass)?;
    works_behind(port)
}

/// Asks a proxy in front of http_challenge for all that passes through it.
fn works_behind(port: u16) -> Outcome {
    let base = format!("http://127.0.0.1:{port}");
    let hello = format!("{base}/hello");
    let curl =
        |args: &[&str]| tool("curl", &[&["-s", "--max-time", "20"], args].concat());
    let page = curl(&["-A", "me/1", &format!("{hello}?x=1")])?;
    expect(&page, "<strong>Path:</strong> /hello<")?;
    expect(&page, "<strong>Query:</strong> x=1<")?;
    expect(&page, "<strong>Browser:</strong> me/1<")?;
    expect(&curl(&["-d", "a=b", &hello])?, "Body:</strong> 3 bytes")?;
    let chunked = ["-H", "Transfer-Encoding: chunked", "-d", "hello"];
    let page = curl(&[&chunked[..], &[&hello]].concat())?;
    expect(&page, "Body:</strong> 5 bytes")?;
    expect(&curl(&["-i", &format!("{base}/none")])?, " 404 Not Found")?;
    expect(&curl(&["-I", &hello])?, " 200 OK")?;
    expect(&curl(&["-i", "-X", "DELETE", &hello])?, "Allow: GET, HEAD")?;
    // Many visitors of one proxy share its connections to the lab.
    for number in 0..20 {
        let agent = format!("visitor/{number}");
        let page = curl(&["-A", &agent, &hello])?;
        expect(&page, &format!("Browser:</strong> {agent}<"))?;
    }
    Ok(())
}

// ------------------------------------------------------------------ hostile clients

fn challenge(args: &[&str]) -> Result<(Exam, Program), Failed> {
    let exam = Exam::reference("http_challenge")?;
    let server = exam.launch().arg("--quiet").args(args).server()?;
    Ok((exam, server))
}

fn a_slow_head_gets_408() -> Outcome {
    let (_exam, server) = challenge(&["--head-timeout", "2"])?;
    let mut stream = connect(server.addr())?;
    let started = Instant::now();
    let mut dripping = stream.try_clone()?;
    thread::spawn(move || {
        for byte in b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n".iter().cycle() {
            if dripping.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(400));
        }
    });
    is_served(server.addr())?;
    let mut line = String::new();
    BufReader::new(&mut stream).read_line(&mut line)?;
    expect(&line, "HTTP/1.1 408 Request Timeout")?;
    match started.elapsed() {
        time if time < Duration::from_secs(1) => Err("408 after less than 1 s".into()),
        time if time > Duration::from_secs(15) => Err("408 after more than 15 s".into()),
        _ => Ok(()),
    }
}

fn a_bare_cr_is_refused() -> Outcome {
    // Not after the head timeout: the byte after the CR decides.
    let (_exam, server) = challenge(&["--head-timeout", "3600"])?;
    let request = b"GET /hello HTTP/1.1\rHost: x\r\r";
    expect(&exchange(server.addr(), request)?, "HTTP/1.1 400 ")
}

fn head_gets_the_length() -> Outcome {
    let (_exam, server) = challenge(&[])?;
    let length = |method: &str| -> Result<String, Failed> {
        let request =
            format!("{method} /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let reply = exchange(server.addr(), request.as_bytes())?;
        let line = reply.lines().find(|it| it.starts_with("Content-Length: "));
        Ok(line.unwrap_or_default().to_owned())
    };
    let (for_head, for_get) = (length("HEAD")?, length("GET")?);
    expect(&for_get, "Content-Length: ")?;
    expect(&for_head, &for_get)
}

fn a_head_of_10_mb_is_refused() -> Outcome {
    let (_exam, server) = challenge(&[])?;
    let long = "a".repeat(10_000_000);
    for (request, status) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), "414"),
        (
            format!("GET / HTTP/1.1\r\nHost: x\r\nLong: {long}\r\n\r\n"),
            "431",
        ),
        (
            format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(1_600_000)),
            "431",
        ),
        (long, "501"),
    ] {
        let reply = exchange(server.addr(), request.as_bytes())?;
        expect(&reply, &format!("HTTP/1.1 {status} "))?;
        is_served(server.addr())?;
    }
    let memory = server.memory().unwrap_or_default();
    match memory > 64 * 1024 * 1024 {
        true => Err(format!("{memory} bytes of memory").into()),
        false => Ok(()),
    }
}

fn pipelined_requests() -> Outcome {
    let count = if crate::in_full() { 100_000 } else { 10_000 };
    let (_exam, server) = challenge(&[])?;
    let mut stream = connect(server.addr())?;
    let mut sending = stream.try_clone()?;
    let sender = thread::spawn(move || {
        let requests = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n".repeat(count - 1);
        sending.write_all(requests.as_bytes())?;
        sending.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    });
    is_served(server.addr())?; // meanwhile
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    sender.join().unwrap()?;
    let answers = reply
        .windows(17)
        .filter(|it| it == b"HTTP/1.1 200 OK\r\n")
        .count();
    if answers != count {
        return Err(format!("{answers} answers to {count} requests").into());
    }
    let memory = server.memory().unwrap_or_default();
    match memory > 64 * 1024 * 1024 {
        true => Err(format!("{memory} bytes of memory").into()),
        false => Ok(()),
    }
}

fn a_short_body() -> Outcome {
    let (_exam, server) = challenge(&["--body-timeout", "1"])?;
    let request = b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello";
    // It stops and stays: 408. It stops and closes its side: 400.
    expect(&exchange(server.addr(), request)?, "HTTP/1.1 408 ")?;
    let mut stream = connect(server.addr())?;
    stream.write_all(request)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    expect(&reply, "HTTP/1.1 400 ")
}

fn a_body_that_begins_with_head() -> Outcome {
    let (_exam, server) = challenge(&[])?;
    // `H` is no size of a chunk. The method is that of the head all the same.
    let post =
        b"POST /hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nHEAD x";
    let reply = exchange(server.addr(), post)?;
    expect(&reply, "HTTP/1.1 400 ")?;
    expect(&reply, "<h1>400 Bad Request</h1>")?;
    // A wrong head gets no page if its method is HEAD.
    let head = b"HEAD /hello HTTP/1.1\r\nHost : x\r\n\r\n";
    let reply = exchange(server.addr(), head)?;
    expect(&reply, "HTTP/1.1 400 ")?;
    match reply.ends_with("\r\n\r\n") {
        true => Ok(()),
        false => Err(format!("a page in answer to HEAD: {reply}").into()),
    }
}

fn says_continue() -> Outcome {
    let (_exam, server) = challenge(&[])?;
    let mut stream = connect(server.addr())?;
    let head = "POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n";
    write!(stream, "{head}Expect: 100-continue\r\n\r\n")?;
    let mut interim = [0; 25];
    stream.read_exact(&mut interim)?;
    expect(
        &String::from_utf8_lossy(&interim),
        "HTTP/1.1 100 Continue\r\n\r\n",
    )?;
    stream.write_all(b"hello")?;
    // Asked for and not needed, or not asked for: no interim response.
    write!(
        stream,
        "{head}Expect: 100-continue\r\n\r\nhello{head}Connection: close\r\n\r\nhello"
    )?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    match (
        reply.matches("HTTP/1.1 200 ").count(),
        reply.matches(" 100 ").count(),
    ) {
        (3, 0) => Ok(()),
        counts => Err(format!("{counts:?} responses with 200 and 100").into()),
    }
}

fn a_reader_that_never_reads() -> Outcome {
    let (_exam, server) = challenge(&[])?;
    is_served(server.addr())?; // So it has all the threads that it starts with.
    let threads = server.threads().unwrap_or_default();
    let mut stream = connect(server.addr())?;
    stream.set_write_timeout(Some(Duration::from_secs(2)))?;
    let requests = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200_000);
    let _ = stream.write_all(requests.as_bytes());
    for _ in 0..10 {
        is_served(server.addr())?;
    }
    // Its answers are not taken: after 10 s it is let go.
    let give_up = Instant::now() + Duration::from_secs(40);
    while server.threads().unwrap_or_default() > threads {
        if Instant::now() > give_up {
            return Err("the slow reader still has its thread".into());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn many_visitors() -> Outcome {
    for step in ["http_simple_server", "http_challenge"] {
        let exam = Exam::reference(step)?;
        let server = &exam.launch().arg("--quiet").server()?;
        is_served(server.addr())?;
        let before = Held::by(server);
        let left = AtomicU32::new(if crate::in_full() { 10_000 } else { 1_000 });
        thread::scope(|scope| {
            let visitors: Vec<_> = (0..50)
                .map(|_| {
                    scope.spawn(|| {
                        let one_less = |left: u32| left.checked_sub(1);
                        let order = Ordering::Relaxed;
                        while left.fetch_update(order, order, one_less).is_ok() {
                            is_served(server.addr())?;
                        }
                        Ok(())
                    })
                })
                .collect();
            visitors
                .into_iter()
                .try_for_each(|visitor| visitor.join().unwrap())
        })
        .map_err(|error: Failed| {
            let printed = server.printed();
            Failed::from(format!("{step}: {error:?}; it printed {printed}"))
        })?;
        before
            .is_all_again(server)
            .map_err(|error| format!("{step}: {error}"))?;
    }
    Ok(())
}

fn few_descriptors() -> Outcome {
    for step in ["http_simple_server", "http_challenge", "config_server"] {
        let exam = Exam::reference(step)?;
        let server = exam.launch().open_files(64).server()?;
        let crowd: Vec<TcpStream> = (0..100)
            .map(|_| connect(server.addr()))
            .collect::<Result<_, _>>()?;
        // Some are turned away: they learn it, instead of waiting in the backlog.
        let give_up = Instant::now() + Duration::from_secs(20);
        let is_over = |stream: &TcpStream| {
            stream.set_nonblocking(true).unwrap();
            !matches!(stream.peek(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
        };
        while !crowd.iter().any(is_over) {
            if Instant::now() > give_up {
                return Err(format!("{step}: nobody is turned away").into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        drop(crowd);
        let give_up = Instant::now() + Duration::from_secs(20);
        let request: &[u8] = match step {
            "config_server" => b"SET a b\nQUIT\n",
            _ => b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        };
        while !exchange(server.addr(), request).is_ok_and(|reply| reply.contains("OK")) {
            if Instant::now() > give_up {
                return Err(format!("{step}: does not recover").into());
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

/// The status in the log is the one that was sent, also when the head was right.
fn bad_body_in_the_log() -> Outcome {
    let exam = Exam::reference("http_challenge")?;
    let mut server = exam.server()?;
    let request =
        "POST /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    let reply = exchange(server.addr(), request.as_bytes())?;
    expect(&reply, "HTTP/1.1 400 Bad Request\r\n")?;
    server.wait_for_output("refused: 400")?;
    match server.output() {
        said if said.contains("200") => Err(said.into()),
        _ => Ok(()),
    }
}

fn one_client_too_many() -> Outcome {
    let (_exam, server) = challenge(&["--max-clients", "1"])?;
    let mut first = connect(server.addr())?;
    first.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")?;
    first.read_exact(&mut [0])?; // So it has its place.
    // More than the buffers of both sides take: it is on its way when the reply comes.
    let body = "x".repeat(8_000_000);
    let length = body.len();
    let request =
        format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
    for _ in 0..5 {
        let reply = exchange(server.addr(), request.as_bytes())?;
        expect(&reply, "HTTP/1.1 503 Service Unavailable\r\n")?;
        expect(&reply, "come again in a moment")?;
    }
    Ok(())
}

/// What comes behind the only request is read and forgotten: a reset could overtake the
/// page on its way.
fn sends_on_behind_the_page() -> Outcome {
    let exam = Exam::reference("http_simple_server")?;
    let server = exam.server()?;
    let sends_on = || -> Outcome {
        let mut stream = connect(server.addr())?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new())?;
        for _ in 0..16 {
            stream.write_all(&[b'x'; 64 * 1024])?;
        }
        Ok(())
    };
    // It lingers for a second: on a busy machine that may be over before all is sent.
    let mut outcome = sends_on();
    for _ in 0..4 {
        outcome = outcome.or_else(|_| sends_on());
    }
    outcome
}

/// Who has sent all of a request needs no thread of the 1,024, and is served meanwhile.
#[cfg(target_os = "linux")]
fn one_silent_client_too_many() -> Outcome {
    let exam = Exam::reference("http_simple_server")?;
    let server = exam.launch().open_files(4096).server()?;
    // So many more that the last of them need not be waited for yet.
    let silent: Vec<TcpStream> = (0..1024 + 8)
        .map(|_| connect(server.addr()))
        .collect::<Result<_, _>>()?;
    let reply = exchange(server.addr(), b"GET / HTTP/1.1\r\nHo")?;
    expect(&reply, "HTTP/1.1 503 Service Unavailable\r\n")?;
    is_served(server.addr())?;
    drop(silent);
    Ok(())
}

// ------------------------------------------------------------------ the clients' ends

fn host_without_zone() -> Outcome {
    let listener = TcpListener::bind("[::1]:0")?;
    let addr = listener.local_addr()?;
    let exam = Exam::reference("http_manual_client")?;
    let client = exam.launch().host("::1%1").client(addr)?;
    let (mut stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut request = [0; 1024];
    let len = stream.read(&mut request)?;
    let request = String::from_utf8_lossy(&request[..len]).into_owned();
    drop((stream, client));
    expect(&request, &format!("\r\nHost: [::1]:{}\r\n", addr.port()))
}

/// Runs http_manual_client against a server that sends this body; returns the client when
/// it has ended.
fn shows(body: &[u8]) -> Result<Program, Failed> {
    let exam = Exam::reference("http_manual_client")?;
    let listener = exam.listener()?;
    let mut client = exam.client(listener.addr())?;
    let mut server = listener.accept()?;
    server.read_until(b"\r\n\r\n")?;
    let mut stream = server.stays_open()?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    stream.write_all(body)?;
    stream.shutdown(std::net::Shutdown::Both)?;
    match client.wait_exit(Duration::from_secs(60))? {
        Exit::Status(0) => Ok(client),
        exit => Err(format!("{exit}: {}", client.errors()).into()),
    }
}

fn a_long_response() -> Outcome {
    let line = "x".repeat(1023) + "\n";
    let body = line.repeat(17 * 1024) + "the end\n";
    let client = shows(body.as_bytes())?;
    let is_whole = client.printed_bytes() > body.len() as u64;
    match is_whole && client.output().ends_with("x\nthe end\n") {
        true => Ok(()),
        false => Err(format!("it shows {} bytes", client.printed_bytes()).into()),
    }
}

fn a_line_without_an_end() -> Outcome {
    let body = "x".repeat(3_333_333) + "the end";
    let client = shows(body.as_bytes())?;
    match client.output().ends_with("xthe end\n") {
        true => Ok(()),
        false => Err(format!("it shows {} bytes", client.printed_bytes()).into()),
    }
}

/// Somebody listens and never accepts: when its queue is full, nobody else gets in.
#[cfg(target_os = "linux")]
fn max_time_covers_connecting() -> Outcome {
    use socket2::{Domain, Socket, Type};
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    listener.listen(1)?;
    let addr = listener.local_addr()?.as_socket().unwrap();
    let patience = Duration::from_millis(300);
    let queue: Vec<TcpStream> =
        std::iter::from_fn(|| TcpStream::connect_timeout(&addr, patience).ok())
            .take(10)
            .collect();
    if queue.len() == 10 {
        return Err("the queue does not fill".into());
    }
    let exam = Exam::reference("fetch_url")?;
    let started = Instant::now();
    let mut client = exam.tool(&["--max-time", "1", &format!("http://{addr}/")])?;
    client.expect_exit(1)?;
    expect(&client.errors(), &format!("cannot connect to {addr}"))?;
    expect(&client.errors(), "longer than --max-time allows")?;
    match started.elapsed() < Duration::from_secs(1) {
        true => Err("it did not wait".into()),
        false => Ok(()),
    }
}

fn who_was_too_slow() -> Outcome {
    let exam = Exam::reference("fetch_url")?;
    let listener = exam.listener()?;
    let url = format!("http://{}/", listener.addr());
    for (option, reason) in [
        ("--max-time", "the transfer took longer than --max-time"),
        ("--timeout", "the server was silent for 3 s (--timeout)"),
    ] {
        let mut client = exam.tool(&[option, "3", &url])?;
        let mut server = listener.accept()?;
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")?;
        client.expect_exit(1)?;
        let errors = client.errors();
        expect(&errors, &format!("after 5 bytes of the body: {reason}"))?;
        if errors.contains("firewall") {
            return Err(errors.into());
        }
    }
    Ok(())
}

/// Answers one request with these bytes.
fn answer(listener: &Listener, body: &str) -> Outcome {
    let mut server = listener.accept()?;
    server.read_until(b"\r\n\r\n")?;
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    server.send(head + body)?;
    Ok(())
}

#[cfg(unix)]
fn nothing_half_left() -> Outcome {
    let exam = Exam::reference("fetch_url")?;
    let listener = exam.listener()?;
    let url = format!("http://{}/", listener.addr());
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file");
    std::fs::write(&file, "before")?;
    for is_ctrl_c in [true, false] {
        let mut client = exam.tool(&["-v", "-o", &file.display().to_string(), &url])?;
        let mut server = listener.accept()?;
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")?;
        client.wait_for_output("< Content-Length: 9")?;
        match is_ctrl_c {
            true => client.interrupt(),
            false => client.terminate(),
        }
        client.expect_exit(1)?;
        expect(&client.errors(), "error: interrupted")?;
        let names: Vec<_> = std::fs::read_dir(folder.path())?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<Result<_, _>>()?;
        if names != ["file"] || std::fs::read(&file)? != b"before" {
            return Err(format!("{names:?} are left").into());
        }
    }
    Ok(())
}

#[cfg(unix)]
fn keeps_permissions_and_links() -> Outcome {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let exam = Exam::reference("fetch_url")?;
    let listener = exam.listener()?;
    let url = format!("http://{}/", listener.addr());
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("sub"))?;
    std::fs::write(at("sub/private"), "before")?;
    std::fs::set_permissions(at("sub/private"), std::fs::Permissions::from_mode(0o600))?;
    symlink("sub/private", at("link"))?;
    symlink("sub/new", at("dangling"))?;
    for (name, target) in [("link", "sub/private"), ("dangling", "sub/new")] {
        let mut client = exam.tool(&["-o", &at(name).display().to_string(), &url])?;
        answer(&listener, "after")?;
        client.expect_exit(0)?;
        let is_link = std::fs::symlink_metadata(at(name))?.is_symlink();
        let content = std::fs::read_to_string(at(target))?;
        if !is_link || content != "after" {
            return Err(format!("{name} is a link: {is_link}; {content}").into());
        }
    }
    let mode = std::fs::metadata(at("sub/private"))?.permissions().mode() & 0o777;
    match mode {
        0o600 => Ok(()),
        mode => Err(format!("the mode is now {mode:o}").into()),
    }
}

fn to_stdout() -> Outcome {
    let exam = Exam::reference("fetch_url")?;
    let listener = exam.listener()?;
    let mut client = exam.tool(&["-o", "-", &format!("http://{}/", listener.addr())])?;
    answer(&listener, "the page")?;
    client.expect_exit(0)?;
    expect(&client.output(), "the page")?;
    match exam.dir().join("-").exists() {
        true => Err("there is a file named -".into()),
        false => Ok(()),
    }
}

// ------------------------------------------------------------------ config_server

/// Four clients write without pause; the server is killed at a random moment, a hundred
/// times. What was acknowledged is there afterwards, or something newer of that key.
fn survives_kills() -> Outcome {
    const WRITERS: usize = 4;
    let exam = Exam::reference("config_server")?;
    // For each key: the last value acknowledged, and the last one sent.
    let mut known: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let rounds = if crate::in_full() { 100 } else { 10 };
    for round in 0..rounds {
        let mut server = exam.launch().arg("--quiet").server()?;
        let addr = server.addr();
        check_settings(addr, &mut known)?;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let known = known.clone();
                thread::spawn(move || write_settings(addr, writer, round, known))
            })
            .collect();
        thread::sleep(Duration::from_millis(fastrand::u64(0..60)));
        server.kill();
        for writer in writers {
            known.extend(writer.join().unwrap());
        }
    }
    let server = exam.launch().arg("--quiet").server()?;
    check_settings(server.addr(), &mut known)?;
    match known.len() {
        0 => Err("nothing was written".into()),
        _ => Ok(()),
    }
}

fn write_settings(
    addr: SocketAddr,
    writer: usize,
    round: u64,
    mut known: BTreeMap<String, (u64, u64)>,
) -> BTreeMap<String, (u64, u64)> {
    known.retain(|key, _| key.starts_with(&format!("w{writer}.")));
    let Ok(mut stream) = TcpStream::connect(addr) else {
        return known;
    };
    let Ok(replies) = stream.try_clone() else {
        return known;
    };
    let mut replies = BufReader::new(replies).lines();
    for number in 1.. {
        let key = format!("w{writer}.{}", fastrand::u8(0..20));
        let value = round * 1_000_000 + number;
        let entry = known.entry(key.clone()).or_default();
        entry.1 = value;
        let filler = "x".repeat(fastrand::usize(0..500));
        if stream
            .write_all(format!("SET {key} {value} {filler}.\n").as_bytes())
            .is_err()
        {
            return known;
        }
        match replies.next() {
            Some(Ok(reply)) if reply == "OK" => entry.0 = value,
            _ => return known,
        }
    }
    known
}

fn check_settings(addr: SocketAddr, known: &mut BTreeMap<String, (u64, u64)>) -> Outcome {
    let mut stream = connect(addr)?;
    stream.write_all(b"LIST\nQUIT\n")?;
    let mut found = BTreeMap::new();
    for line in BufReader::new(stream).lines().skip(1) {
        let line = line?;
        if line == "OK" {
            break;
        }
        let mut words = line.split(' ');
        let (Some(key), Some(value)) = (words.next(), words.next()) else {
            return Err(format!("half a setting: {line:?}").into());
        };
        if !line.ends_with('.') {
            return Err(format!("half a setting: {line:?}").into());
        }
        found.insert(key.to_owned(), value.parse::<u64>()?);
    }
    for (key, (acknowledged, sent)) in known.iter_mut() {
        let value = found.get(key).copied().unwrap_or_default();
        if value != *acknowledged && value != *sent {
            return Err(format!(
                "{key}: {value} is neither {acknowledged}, acknowledged, nor {sent}, sent"
            )
            .into());
        }
        (*acknowledged, *sent) = (value, value);
    }
    Ok(())
}

fn a_long_config_line() -> Outcome {
    let exam = Exam::reference("config_server")?;
    let server = exam.server()?;
    for line_end in ["\n", "\r\n"] {
        let longest = format!("SET key {}{line_end}", "v".repeat(4096 - 8));
        let commands = format!("{longest}GET key\nQUIT\n");
        expect(&exchange(server.addr(), commands.as_bytes())?, "OK\nOK vvv")?;
    }
    let too_long = format!("SET key {}\nGET key\n", "v".repeat(4096 - 7));
    let reply = exchange(server.addr(), too_long.as_bytes())?;
    match reply.starts_with("ERROR 413 ") && reply.lines().count() == 1 {
        true => Ok(()),
        false => Err(reply.into()),
    }
}

/// A value in a script's variable is what was set; a terminal would see an escaped tab.
fn scripts_get_values() -> Outcome {
    let exam = Exam::reference("config_server")?;
    let server = exam.server()?;
    expect(&exchange(server.addr(), b"SET key a\tb\nQUIT\n")?, "OK")?;
    let clients = Exam::reference("config_client")?;
    let mut client = clients
        .launch()
        .args(&["GET", "key"])
        .client(server.addr())?;
    client.expect_exit(0)?;
    match client.output().as_str() {
        "a\tb\n" => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn refuses_other_files() -> Outcome {
    let exam = Exam::reference("config_server")?;
    let server = exam.server()?;
    let mut second = exam.launch().unready()?;
    second.expect_exit(1)?;
    expect(&second.errors(), "another server has it open")?;
    expect(&exchange(server.addr(), b"SET a b\nQUIT\n")?, "OK")?;
    drop(server);

    std::fs::write(exam.dir().join("config_server.redb"), [b'?'; 5000])?;
    let mut third = exam.launch().unready()?;
    third.expect_exit(1)?;
    expect(
        &third.errors(),
        "cannot open the settings config_server.redb",
    )
}
