//! Beginning a program in another language than Rust.

use std::fmt::Write as _;

use anyhow::bail;

use super::course::Step;

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
    names: &'static [&'static str],
    /// `NAME` stands for the step.
    file: &'static str,
    build: Option<&'static str>,
    run: &'static str,
    /// The beginning and the end of a comment of many lines.
    comment: (&'static str, &'static str),
    source: &'static str,
}

const LANGUAGES: [Language; 6] = [
    Language {
        names: &["python", "py"],
        file: "NAME.py",
        build: None,
        run: "python3 NAME.py {host} {port} {args}",
        comment: ("\"\"\"", "\"\"\""),
        source: r#"import sys

HOST = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
PORT = int(sys.argv[2]) if len(sys.argv) > 2 else 0
ARGS = sys.argv[3:]


def main():
    # TODO: import socket, then a server binds, listens and accepts,
    # a client connects. Print with flush=True: nobody waits for a full buffer.
    pass


if __name__ == "__main__":
    main()
"#,
    },
    Language {
        names: &["javascript", "js", "node"],
        file: "NAME.js",
        build: None,
        run: "node NAME.js {host} {port} {args}",
        comment: ("/*", "*/"),
        source: r#"const net = require("node:net");

const [host = "127.0.0.1", port = "0", ...args] = process.argv.slice(2);

// TODO: net.createServer(...).listen(port, host) for a server, net.connect for a client.
"#,
    },
    Language {
        names: &["ruby", "rb"],
        file: "NAME.rb",
        build: None,
        run: "ruby NAME.rb {host} {port} {args}",
        comment: ("=begin\n", "=end"),
        source: r#"require "socket"

$stdout.sync = true # Nobody waits for a full buffer.
host, port, *args = ARGV

# TODO: TCPServer.new(host, port) for a server, TCPSocket.new(host, port) for a client.
"#,
    },
    Language {
        names: &["java"],
        file: "Main.java",
        build: Some("javac Main.java"),
        run: "java Main {host} {port} {args}",
        comment: ("/*", "*/"),
        source: r#"import java.io.IOException;

public class Main {
    public static void main(String[] args) throws IOException {
        String host = args.length > 0 ? args[0] : "127.0.0.1";
        int port = args.length > 1 ? Integer.parseInt(args[1]) : 0;
        // TODO: new ServerSocket(port, 50, InetAddress.getByName(host)) for a server,
        // new Socket(host, port) for a client.
    }
}
"#,
    },
    Language {
        names: &["c"],
        file: "NAME.c",
        build: Some("cc -Wall -o NAME NAME.c"),
        run: "./NAME {host} {port} {args}",
        comment: ("/*", "*/"),
        source: r#"#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    const char *host = argc > 1 ? argv[1] : "127.0.0.1";
    int port = argc > 2 ? atoi(argv[2]) : 0;
    setvbuf(stdout, NULL, _IOLBF, 0); /* Nobody waits for a full buffer. */
    /* TODO: socket, then a server calls bind, listen and accept, a client connect. */
    (void)host;
    (void)port;
    return 0;
}
"#,
    },
    Language {
        names: &["go"],
        file: "NAME.go",
        build: Some("go build -o NAME NAME.go"),
        run: "./NAME {host} {port} {args}",
        comment: ("/*", "*/"),
        source: r#"package main

import "os"

func main() {
	host, port := os.Args[1], os.Args[2]
	// TODO: net.Listen("tcp", net.JoinHostPort(host, port)) for a server,
	// net.Dial for a client.
	_, _ = host, port
}
"#,
    },
];

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
            bail!(
                "there is no template for {language:?}, only for {}; every language works: \
                 a folder with a program and a lab.toml (labs/using_cargo_lab.md)",
                names.join(", ")
            );
        };
        let name = &step.name;
        let named = |text: &str| text.replace("NAME", name);
        let mut lab_toml =
            "# How the grader starts it; HOST and PORT are in the environment, too.\n"
                .to_owned();
        if let Some(build) = found.build {
            let _ = writeln!(lab_toml, "build = \"{}\"\n", named(build));
        }
        let _ = writeln!(lab_toml, "[programs]\n{name} = \"{}\"", named(found.run));
        Ok(NewProgram {
            file: named(found.file),
            source: format!("{}\n{}", task(step, found, &language), found.source),
            lab_toml,
        })
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
    let sheet = step.checks.first().map_or("labs/", |check| check.sheet);
    let sheet = sheet.split('#').next().unwrap_or(sheet);
    let _ = writeln!(text, "\nThe sheet: {sheet}\n{end}");
    text
}
