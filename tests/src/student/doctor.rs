//! What is missing on this machine, and how to mend it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use crate::grade::Isolation;

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// Whether the course works without it.
    pub needed: bool,
    /// What was found, or how to mend it.
    pub result: Result<String, String>,
}

/// Looks at all that the course uses.
pub fn doctor() -> Vec<Finding> {
    let mut findings = vec![
        version(
            "cargo",
            &["--version"],
            "install Rust from https://rustup.rs",
        ),
        version(
            "rustc",
            &["--version"],
            "install Rust from https://rustup.rs",
        ),
        linker(),
        loopback("127.0.0.1"),
        loopback("::1"),
    ];
    let ports = [
        ("message_server", 8000),
        ("tcp_server, config_server", 8080),
        ("echo_server and many others", 65432),
        ("chat_server", 5555),
        ("file_server", 9000),
        ("udp_server", 9090),
    ];
    findings.extend(ports.map(|(who, port)| default_port(who, port)));
    let tools = [
        ("python3", "--version", "Python 3, for programs in Python"),
        ("nc", "-h", "netcat: install netcat-openbsd"),
        ("curl", "--version", "install curl"),
        ("dig", "-v", "install dnsutils or bind-utils"),
        ("ss", "--version", "install iproute2"),
    ];
    for (tool, argument, fix) in tools {
        findings.push(Finding {
            needed: false,
            ..version(tool, &[argument], fix)
        });
    }
    findings.push(editor());
    findings.push(isolation());
    findings
}

fn version(tool: &str, args: &[&str], fix: &str) -> Finding {
    let output = Command::new(tool).args(args).stdin(Stdio::null()).output();
    let result = match output {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text).into_owned();
            Ok(text.lines().next().unwrap_or("found").trim().to_owned())
        }
        Err(_) => Err(format!("not found: {fix}")),
    };
    Finding {
        what: tool.to_owned(),
        needed: true,
        result,
    }
}

/// Compiles and links an empty program.
fn linker() -> Finding {
    let fix =
        "install a C compiler, which brings a linker: build-essential, gcc or Xcode";
    let attempt = || -> std::io::Result<bool> {
        let dir = tempfile::tempdir()?;
        let source = dir.path().join("empty.rs");
        std::fs::write(&source, "fn main() {}\n")?;
        let status = Command::new("rustc")
            .arg("-o")
            .arg(dir.path().join("empty"))
            .arg(&source)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        Ok(status.success())
    };
    Finding {
        what: "linker".to_owned(),
        needed: true,
        result: match attempt() {
            Ok(true) => Ok("links a program".to_owned()),
            _ => Err(fix.to_owned()),
        },
    }
}

fn loopback(ip: &str) -> Finding {
    let attempt = || -> std::io::Result<()> {
        let listener = TcpListener::bind((ip, 0))?;
        let mut near = TcpStream::connect(listener.local_addr()?)?;
        let (mut far, _) = listener.accept()?;
        near.write_all(b"x")?;
        far.read_exact(&mut [0])
    };
    Finding {
        what: format!("loopback {ip}"),
        needed: ip == "127.0.0.1",
        result: match attempt() {
            Ok(()) => Ok("carries TCP".to_owned()),
            Err(error) => Err(format!(
                "{error}: switch the loopback interface on (`ip link set lo up`), and look \
                 for a firewall or a container without IPv6"
            )),
        },
    }
}

fn default_port(who: &str, port: u16) -> Finding {
    Finding {
        what: format!("port {port}"),
        needed: false,
        result: match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => Ok(format!("free for {who}")),
            Err(error) => Err(format!(
                "{error}: `ss -tlnp | grep {port}` shows who has it; or give {who} another \
                 with --port"
            )),
        },
    }
}

fn editor() -> Finding {
    let named = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    Finding {
        what: "editor".to_owned(),
        needed: false,
        result: match named {
            Some(editor) => Ok(editor),
            None => Err("set EDITOR, so that `cargo lab open` opens it".to_owned()),
        },
    }
}

fn isolation() -> Finding {
    let isolation = Isolation::probe();
    Finding {
        what: "isolation".to_owned(),
        needed: false,
        result: match isolation {
            Isolation::ProcessGroups => Err(
                "process groups only: checks run one after another; on Linux allow user \
                 namespaces (sysctl kernel.unprivileged_userns_clone=1 or \
                 kernel.apparmor_restrict_unprivileged_userns=0)"
                    .to_owned(),
            ),
            other => Ok(other.describe().to_owned()),
        },
    }
}
