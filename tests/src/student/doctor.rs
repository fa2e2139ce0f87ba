//! What is missing on this machine, and how to mend it.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};

use super::course::Step;
use super::editor::Editor;
use super::workshop::Workshop;
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
pub fn doctor(workshop: &Workshop) -> Vec<Finding> {
    let rust = "install Rust from https://rustup.rs";
    let mut findings = vec![
        version("cargo", &["--version"], rust),
        version("rustc", &["--version"], rust),
        linker(),
        work_folder(&workshop.dir),
        loopback("127.0.0.1"),
        loopback("::1"),
    ];
    let ports = default_ports(workshop.course.steps());
    findings.extend(ports.iter().map(|(&port, who)| default_port(port, who)));
    let tools = [
        (
            "python3",
            "--version",
            "install python3, for programs in Python",
        ),
        ("nc", "-h", "install netcat-openbsd"),
        ("curl", "--version", "install curl"),
        ("dig", "-v", "install dnsutils or bind-utils"),
        ("ss", "--version", "install iproute2"),
        ("openssl", "version", "install openssl, for chapter 10"),
        ("xxd", "-v", "install xxd (or vim, which brings it)"),
        (
            "tshark",
            "--version",
            "install tshark (Wireshark), to see packets",
        ),
        ("tcpdump", "--version", "install tcpdump, to see packets"),
        ("lsof", "-v", "install lsof"),
        ("nginx", "-v", "install nginx, for chapter 11"),
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

/// Whether `work/` can hold programs, or can be made.
fn work_folder(work: &Path) -> Finding {
    let place = work.display();
    let attempt = |folder: &Path| tempfile::tempdir_in(folder).map(drop);
    let result = if work.is_dir() {
        match attempt(work) {
            Ok(()) => Ok(format!("{place} can be written to")),
            Err(error) => Err(format!(
                "{place} cannot be written to ({error}): `sudo chown -R $USER {place}`, \
                 then `chmod -R u+w {place}`"
            )),
        }
    } else if work.symlink_metadata().is_ok() {
        Err(format!(
            "{place} is no folder: move it away, `mv {place} {place}.old`"
        ))
    } else {
        let mut above = work.ancestors().skip(1);
        match above.find(|folder| folder.exists()) {
            Some(folder) if attempt(folder).is_err() => Err(format!(
                "{place} cannot be made: `sudo chown $USER {0}`, then `chmod u+w {0}`",
                folder.display()
            )),
            _ => Ok("is made when you begin a step".to_owned()),
        }
    };
    Finding {
        what: "work folder".to_owned(),
        needed: true,
        result,
    }
}

/// A port, and whether it is one of UDP.
type Port = (u16, bool);

/// The default ports of the course, with the steps that listen on each.
fn default_ports<'a>(
    steps: impl Iterator<Item = &'a Step>,
) -> BTreeMap<Port, Vec<&'a str>> {
    const ENDS: [&str; 3] = ["client", "sender", "probe"];
    let mut ports: BTreeMap<Port, Vec<&str>> = BTreeMap::new();
    for step in steps {
        let listens = !ENDS.iter().any(|end| step.name.ends_with(end));
        if let (Some(port), true) = (step.port, listens) {
            ports.entry((port, step.udp)).or_default().push(&step.name);
        }
    }
    ports
}

fn default_port((port, udp): Port, who: &[&str]) -> Finding {
    let who = match who {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, other] => format!("{one} and {other}"),
        [one, others @ ..] => format!("{one} and {} others", others.len()),
    };
    let bind = |ip| match udp {
        true => UdpSocket::bind((ip, port)).map(drop),
        false => TcpListener::bind((ip, port)).map(drop),
    };
    // Without IPv6, which is another finding, its port is nobody's.
    let taken = match (bind("127.0.0.1"), bind("::1")) {
        (Err(error), _) => Some(("127.0.0.1", error)),
        (Ok(()), Err(error)) if error.kind() == ErrorKind::AddrInUse => {
            Some(("::1", error))
        }
        _ => None,
    };
    let (what, option) = match udp {
        true => (format!("port {port}/udp"), "-ulnp"),
        false => (format!("port {port}"), "-tlnp"),
    };
    Finding {
        what,
        needed: false,
        result: match taken {
            None => Ok(format!("free for {who}")),
            Some((ip, error)) => Err(format!(
                "{ip}: {error}: `ss {option} | grep {port}` shows who has it; or give {who} \
                 another with --port"
            )),
        },
    }
}

fn editor() -> Finding {
    Finding {
        what: "editor".to_owned(),
        needed: false,
        result: Editor::find().map(|editor| editor.program().to_owned()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::student::Course;

    #[test]
    fn all_default_ports_of_the_course_are_looked_at() {
        let course = Course::read().unwrap();
        let ports = default_ports(course.steps());
        let ports: Vec<Port> = ports.into_keys().collect();
        for port in [8000, 8080, 65432, 5555, 9000] {
            assert!(ports.contains(&(port, false)), "{port}: {ports:?}");
        }
        for port in [9090, 5004, 9999, 12345, 65432] {
            assert!(ports.contains(&(port, true)), "{port}: {ports:?}");
        }
    }

    #[test]
    fn a_udp_port_that_is_taken_is_told() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let finding = default_port((port, true), &["udp_server"]);
        let fix = finding.result.unwrap_err();
        assert!(fix.contains(&format!("ss -ulnp | grep {port}")), "{fix}");
    }

    #[test]
    fn a_work_folder_that_is_a_file_is_a_fault_with_the_fix() {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().join("work");
        assert!(work_folder(&work).result.is_ok());
        std::fs::write(&work, "").unwrap();
        let fix = work_folder(&work).result.unwrap_err();
        assert!(fix.contains("mv "), "{fix}");
    }
}
