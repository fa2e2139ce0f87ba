//! Beginning a program in another language than Rust.

use std::fmt::Write as _;
use std::path::Path;

use super::course::Step;
use crate::Usage;

/// The files of a program that has just been begun.
#[derive(Debug)]
pub(super) struct NewProgram {
    /// Its source file's name.
    pub file: String,
    /// What that file holds.
    pub source: String,
    /// What its `lab.toml` holds.
    pub lab_toml: String,
}

/// One language: how a program in it is written down, built and started.
struct Language {
    /// The first is the one that is shown.
    names: &'static [&'static str],
    /// `NAME` stands for the step.
    file: &'static str,
    build: Option<&'static str>,
    /// Without its arguments.
    run: &'static str,
    /// The beginning and the end of a comment of many lines.
    comment: (&'static str, &'static str),
    /// `TASK` stands for what is to be done.
    source: &'static str,
    /// The same for a program that takes no host and port.
    tool: &'static str,
    /// What a TCP server and a TCP client need of the language.
    tcp: &'static str,
    /// What a UDP socket needs of it.
    udp: &'static str,
}

const LANGUAGES: [Language; 6] = [
    Language {
        names: &["python", "py"],
        file: "NAME.py",
        build: None,
        run: "python3 NAME.py",
        comment: ("\"\"\"", "\"\"\""),
        source: r#"import sys

HOST = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
PORT = int(sys.argv[2]) if len(sys.argv) > 2 else 0
ARGS = sys.argv[3:]


def main():
    # TODO: TASK
    # Print with flush=True: nobody waits for a full buffer.
    pass


if __name__ == "__main__":
    main()
"#,
        tool: r#"import sys

ARGS = sys.argv[1:]


def main():
    # TODO: TASK
    # Print with flush=True: nobody waits for a full buffer.
    pass


if __name__ == "__main__":
    main()
"#,
        tcp: "import socket; a server binds, listens and accepts, a client connects.",
        udp: "import socket; SOCK_DGRAM, recvfrom and sendto.",
    },
    Language {
        names: &["javascript", "js", "node"],
        file: "NAME.js",
        build: None,
        run: "node NAME.js",
        comment: ("/*", "*/"),
        source: r#"const [host = "127.0.0.1", port = "0", ...args] = process.argv.slice(2);

// TODO: TASK
"#,
        tool: r#"const args = process.argv.slice(2);

// TODO: TASK
"#,
        tcp: "node:net; createServer(...).listen(port, host) or connect(port, host).",
        udp: "node:dgram; createSocket(\"udp4\"), bind, send, on(\"message\").",
    },
    Language {
        names: &["ruby", "rb"],
        file: "NAME.rb",
        build: None,
        run: "ruby NAME.rb",
        comment: ("=begin\n", "=end"),
        source: r#"require "socket"

$stdout.sync = true # Nobody waits for a full buffer.
host, port, *args = ARGV

# TODO: TASK
"#,
        tool: r#"$stdout.sync = true # Nobody waits for a full buffer.
args = ARGV

# TODO: TASK
"#,
        tcp: "TCPServer.new(host, port) for a server, TCPSocket.new(host, port) for a client.",
        udp: "UDPSocket.new, bind, recvfrom and send.",
    },
    Language {
        names: &["java"],
        file: "Main.java",
        build: Some("javac Main.java"),
        run: "java Main",
        comment: ("/*", "*/"),
        source: r#"import java.io.IOException;

public class Main {
    public static void main(String[] args) throws IOException {
        String host = args.length > 0 ? args[0] : "127.0.0.1";
        int port = args.length > 1 ? Integer.parseInt(args[1]) : 0;
        // TODO: TASK
    }
}
"#,
        tool: r#"import java.io.IOException;

public class Main {
    public static void main(String[] args) throws IOException {
        // TODO: TASK
    }
}
"#,
        tcp: "new ServerSocket(port, 50, InetAddress.getByName(host)) or new Socket(host, port).",
        udp: "DatagramSocket, receive and send of a DatagramPacket.",
    },
    Language {
        names: &["c"],
        file: "NAME.c",
        build: Some("cc -Wall -o NAME NAME.c"),
        run: "./NAME",
        comment: ("/*", "*/"),
        source: r#"#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    const char *host = argc > 1 ? argv[1] : "127.0.0.1";
    int port = argc > 2 ? atoi(argv[2]) : 0;
    setvbuf(stdout, NULL, _IOLBF, 0); /* Nobody waits for a full buffer. */
    /* TODO: TASK */
    (void)host;
    (void)port;
    return 0;
}
"#,
        tool: r#"#include <stdio.h>

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0); /* Nobody waits for a full buffer. */
    /* TODO: TASK */
    (void)argc;
    (void)argv;
    return 0;
}
"#,
        tcp: "socket, then a server calls bind, listen and accept, a client connect.",
        udp: "socket with SOCK_DGRAM, then bind, recvfrom and sendto.",
    },
    Language {
        names: &["go"],
        file: "NAME.go",
        build: Some("go build -o NAME NAME.go"),
        run: "./NAME",
        comment: ("/*", "*/"),
        source: r#"package main

import "os"

func main() {
	host, port := os.Args[1], os.Args[2]
	// TODO: TASK
	_, _ = host, port
}
"#,
        tool: r#"package main

import "os"

func main() {
	args := os.Args[1:]
	// TODO: TASK
	_ = args
}
"#,
        tcp: "net.Listen(\"tcp\", net.JoinHostPort(host, port)) for a server, or net.Dial.",
        udp: "net.ListenPacket(\"udp\", net.JoinHostPort(host, port)), or net.Dial.",
    },
];

/// What each program takes that takes no host and port.
const ARGUMENTS: [(&str, &str); 11] = [
    (
        "layers",
        "[MESSAGE] [--protocol tcp|udp] [--from ADDRESS:PORT] [--to ADDRESS:PORT] [--ttl N] \
         [--mtu N] [--pcap FILE]",
    ),
    (
        "ip_header",
        "HEX... (- reads standard input), or build --source ADDRESS --destination ADDRESS \
         [--ttl N] [--protocol N] [--payload-length N] [--identification N] \
         [--dont-fragment]",
    ),
    ("ping", "HOST [--count N] [--interval SECONDS]"),
    (
        "subnet_calculator",
        "PREFIX..., each ADDRESS/LENGTH or ADDRESS/MASK",
    ),
    (
        "address_info",
        "TEXT..., each ADDRESS, ADDRESS:PORT, [IPV6-ADDRESS]:PORT, or a PORT alone",
    ),
    ("dns_lookup", "NAME..."),
    (
        "port_scanner",
        "[HOST] [--ports LIST] [--timeout MILLISECONDS] [--workers N] [--all] \
         [--i-have-permission]",
    ),
    (
        "connection_monitor",
        "[--listening] [--tcp] [--udp] [--port N] [--watch SECONDS]",
    ),
    ("unix_socket_server", "--path FILE"),
    ("unix_socket_client", "--path FILE"),
    (
        "fetch_url",
        "URL [--include] [--verbose] [--output FILE] [--location]",
    ),
];

/// Whether a word says that programs are to be in Rust, which the starters are.
pub(super) fn is_rust(language: &str) -> bool {
    ["rust", "rs"].contains(&&*language.to_lowercase())
}

/// The language of the program in a folder, as `--lang` calls it; `None` when neither a
/// package nor the commands of a `lab.toml` tell.
pub(super) fn language_of(folder: &Path) -> Option<&'static str> {
    let lab_toml = std::fs::read_to_string(folder.join("lab.toml")).unwrap_or_default();
    let lines = lab_toml.lines().filter(|line| !line.starts_with('#'));
    let quotes = |c: char| c.is_whitespace() || "'\",[]".contains(c);
    let words: Vec<&str> = lines.flat_map(|line| line.split(quotes)).collect();
    let mut all = LANGUAGES.iter();
    // The source's file is named by the command that runs it, or the one that builds it.
    let found = all.find(|language| {
        let ends_so = |word: &&str| {
            let end = Path::new(language.file).extension();
            end.is_some() && Path::new(word).extension() == end
        };
        words.iter().any(ends_so)
    });
    match found {
        Some(language) => language.names.first().copied(),
        None if folder.join("Cargo.toml").exists() => Some("rust"),
        None => None,
    }
}

impl NewProgram {
    /// An empty program for a step.
    ///
    /// # Errors
    ///
    /// When the language has no template.
    pub(super) fn of(step: &Step, language: &str) -> anyhow::Result<NewProgram> {
        let language = language.to_lowercase();
        let mut all = LANGUAGES.iter();
        let Some(found) = all.find(|known| known.names.contains(&&*language)) else {
            let names: Vec<&str> = LANGUAGES
                .iter()
                .filter_map(|known| known.names.first().copied())
                .collect();
            return Err(Usage::error(format!(
                "there is no template for {language:?}, only for {}; every language works: \
                 a folder with a program and a lab.toml (labs/using_cargo_lab.md)",
                names.join(", ")
            )));
        };
        let name = &step.name;
        let named = |text: &str| text.replace("NAME", name);
        let (head, args, source) = match step.port {
            Some(_) => (
                "# How it is started; HOST and PORT are in the environment, too.\n",
                "{host} {port} {args}",
                found.source,
            ),
            None => ("# How it is started.\n", "{args}", found.tool),
        };
        let source = source.replace("TASK", what_to_use(step, found));
        let mut lab_toml = head.to_owned();
        if let Some(build) = found.build {
            let _ = writeln!(lab_toml, "build = \"{}\"\n", named(build));
        }
        let _ = writeln!(
            lab_toml,
            "[programs]\n{name} = \"{} {args}\"",
            named(found.run)
        );
        Ok(NewProgram {
            file: named(found.file),
            source: format!("{}\n{source}", task(step, found, &language)),
            lab_toml,
        })
    }
}

/// Where to begin: never the calls of a server in a program that is none.
fn what_to_use(step: &Step, language: &Language) -> &'static str {
    match step.port {
        Some(_) if step.udp => language.udp,
        Some(_) => language.tcp,
        None if step.name.starts_with("unix_socket_") => {
            "a stream socket of the family AF_UNIX, whose address is the file of --path."
        }
        None => "read the arguments, which stand above; print, and end.",
    }
}

/// What the program must do, as a comment at its beginning.
fn task(step: &Step, language: &Language, called: &str) -> String {
    let name = &step.name;
    let (begin, end) = language.comment;
    let mut text =
        format!("{begin}{name}: begun by `cargo lab new {name} --lang {called}`.\n\n");
    text.push_str("What it must do:\n");
    for check in &step.checks {
        let _ = writeln!(text, "- {}", check.title.replace("*/", "* /"));
    }
    let mut arguments = ARGUMENTS.iter().filter(|(of, _)| of == name);
    match (step.port, arguments.next()) {
        (Some(_), _) => text.push_str("\nIts arguments: HOST PORT\n"),
        (None, Some((_, arguments))) => {
            let _ = writeln!(text, "\nIts arguments: {arguments}");
        }
        (None, None) => {}
    }
    let sheet = step.checks.first().map_or("labs/", |check| check.sheet);
    let sheet = sheet.split('#').next().unwrap_or(sheet);
    let _ = writeln!(text, "\nThe sheet: {sheet}\n{end}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::student::Course;

    #[test]
    fn each_program_without_host_and_port_is_told_its_arguments_and_no_server_s_calls() {
        let course = Course::read().unwrap();
        for step in course.steps().filter(|step| step.port.is_none()) {
            for language in &LANGUAGES {
                let program = NewProgram::of(step, language.names[0]).unwrap();
                let (source, name) = (program.source, &step.name);
                assert!(source.contains("Its arguments: "), "{name}: {source}");
                let (_, code) = source.split_once("TODO: ").unwrap();
                assert!(!code.contains("accept"), "{name}: {source}");
                assert!(!program.lab_toml.contains("{port}"), "{name}");
            }
        }
    }

    #[test]
    fn the_language_of_each_template_is_found_again() {
        let course = Course::read().unwrap();
        let step = course.step("tcp_client").unwrap();
        for language in &LANGUAGES {
            let folder = tempfile::tempdir().unwrap();
            let program = NewProgram::of(step, language.names[0]).unwrap();
            std::fs::write(folder.path().join("lab.toml"), program.lab_toml).unwrap();
            assert_eq!(language_of(folder.path()), Some(language.names[0]));
        }
    }
}
