//! Each program of chapters 3, 4, 6, 7 and 9 talks with the Python half of its pair.
//!
//! The Python halves are in tests/peers/python_halves.py. Without python3 these tests are
//! visibly ignored. (Chapter 8 has its own, beside its load tests.)

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use grading::harness::{Exam, Exit, Stop, WITHOUT_SITE};
use libtest_mimic::{Failed, Trial};

/// How long a program may take for anything that is asked of it here.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server and a client, what is typed at the client, and what each of them prints.
struct Pair {
    server: &'static str,
    client: &'static str,
    typed: &'static str,
    server_prints: &'static [&'static str],
    client_prints: &'static [&'static str],
}

/// Our servers, each with a Python client.
const OUR_SERVERS: &[Pair] = &[
    Pair {
        server: "message_server",
        client: "message_client",
        typed: "hello\nGrüße\nCLOSE\n",
        server_prints: &["Received: Grüße", "Connection to client closed"],
        client_prints: &["Received: accepted", "Connection to server closed"],
    },
    Pair {
        server: "message_server_threaded",
        client: "message_client",
        typed: "closed door\nclose\n",
        server_prints: &["Received: closed door", ") closed"],
        client_prints: &["Received: accepted", "Connection to server closed"],
    },
    Pair {
        server: "tcp_server",
        client: "tcp_client",
        typed: "",
        server_prints: &[" from 127.0.0.1:", "Received: Hello from client!"],
        client_prints: &["Received: Hello! You are connection #"],
    },
    Pair {
        server: "echo_server",
        client: "echo_client",
        typed: "",
        server_prints: &[
            "Received: Hello, Server!",
            "Connection closed with 127.0.0.1:",
        ],
        client_prints: &["Received Hello, Server!"],
    },
    Pair {
        server: "tcp_server",
        client: "safe_tcp_client",
        typed: "",
        server_prints: &["Received: Hello"],
        client_prints: &["Received: Hello! You are connection #"],
    },
    Pair {
        server: "robust_server",
        client: "robust_client",
        typed: "",
        server_prints: &["Received: Hello, Server!", "disconnected"],
        client_prints: &["Received from server: Echo: Hello, Server!"],
    },
    Pair {
        server: "select_server",
        client: "select_client",
        typed: "",
        server_prints: &["Received: wake up"],
        client_prints: &["wake up"],
    },
    Pair {
        server: "threaded_server",
        client: "threaded_client",
        typed: "",
        server_prints: &["Received from 127.0.0.1:", "Connection handler closed for"],
        client_prints: &["Received: Echo: Hello from client!"],
    },
    Pair {
        server: "udp_server",
        client: "udp_client",
        typed: "",
        server_prints: &["Message #1 from 127.0.0.1:", ": Hello from UDP client!"],
        client_prints: &["Received: Received! Message #1"],
    },
    Pair {
        server: "udp_echo_server",
        client: "udp_echo_client",
        typed: "Grüße\n",
        server_prints: &["Received 'Grüße' from 127.0.0.1:", "Sent response to 127.0"],
        client_prints: &["Received: Server echo: Grüße"],
    },
    Pair {
        server: "udp_receiver",
        client: "udp_sender",
        typed: "",
        server_prints: &["Received 'Message' from 127.0.0.1:"],
        client_prints: &[],
    },
];

/// Our clients, each with a Python server.
const OUR_CLIENTS: &[Pair] = &[
    Pair {
        server: "message_server",
        client: "message_client",
        typed: "hello\n\nGrüße\nclose\n",
        server_prints: &["Received: hello", "Received: Grüße", "Received: close"],
        client_prints: &["Received: accepted", "Connection to server closed"],
    },
    Pair {
        server: "message_server_threaded",
        client: "message_client",
        typed: "hello\nClose\n",
        server_prints: &["Received: hello", "Received: Close"],
        client_prints: &["Received: accepted", "Connection to server closed"],
    },
    Pair {
        server: "tcp_server",
        client: "tcp_client",
        typed: "",
        server_prints: &["Received: Hello from client!"],
        client_prints: &[
            "Connected to 127.0.0.1:",
            "Received: Hello! You are connection",
        ],
    },
    Pair {
        server: "echo_server",
        client: "echo_client",
        typed: "",
        server_prints: &["Received: Hello, Server!"],
        client_prints: &["Received 'Hello, Server!'"],
    },
    Pair {
        server: "tcp_server",
        client: "safe_tcp_client",
        typed: "",
        server_prints: &["Received: Hello"],
        client_prints: &["Received: Hello! You are connection #"],
    },
    Pair {
        server: "robust_server",
        client: "robust_client",
        typed: "",
        server_prints: &["Received: Hello, Server!"],
        client_prints: &[
            "Connected to the server",
            "Received from server: Echo: Hello, Server!",
            "Connection closed",
        ],
    },
    Pair {
        server: "robust_server",
        client: "retry_client",
        typed: "",
        server_prints: &[],
        client_prints: &["Connected to the server"],
    },
    Pair {
        server: "greeting_server",
        client: "select_client",
        typed: "",
        server_prints: &[],
        client_prints: &["data from the server"],
    },
    Pair {
        server: "threaded_server",
        client: "threaded_client",
        typed: "",
        server_prints: &["Received: Hello from client!"],
        client_prints: &["Received: Echo: Hello from client!"],
    },
    Pair {
        server: "udp_server",
        client: "udp_client",
        typed: "",
        server_prints: &["Received: Hello from UDP client!"],
        client_prints: &["Sent to 127.0.0.1:", ": Received! Message #1"],
    },
    Pair {
        server: "udp_echo_server",
        client: "udp_echo_client",
        typed: "Grüße\n",
        server_prints: &["Received: Grüße"],
        client_prints: &["Received from server: Server echo: Grüße"],
    },
    Pair {
        server: "udp_receiver",
        client: "udp_sender",
        typed: "",
        server_prints: &["Received: Message"],
        client_prints: &[],
    },
];

/// The tests of this file.
pub fn trials() -> Vec<Trial> {
    let missing = grading::harness::python().is_none();
    let mut trials = Vec::new();
    for pair in OUR_SERVERS {
        let name = format!("{}::serves_the_python_{}", pair.server, pair.client);
        let trial = Trial::test(name, || our_server(pair).map_err(failed));
        trials.push(trial.with_ignored_flag(missing));
    }
    for pair in OUR_CLIENTS {
        let name = format!("{}::talks_with_the_python_{}", pair.client, pair.server);
        let trial = Trial::test(name, || our_client(pair).map_err(failed));
        trials.push(trial.with_ignored_flag(missing));
    }
    trials
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn failed(error: Box<dyn std::error::Error>) -> Failed {
    error.to_string().into()
}

fn is_udp(pair: &Pair) -> bool {
    pair.server.starts_with("udp_")
}

/// A Python half with the lines that it prints; it is killed when it is dropped.
struct Python {
    child: Child,
    lines: Receiver<String>,
    printed: String,
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Python {
    fn start(role: &str, addr: SocketAddr) -> Result<Python, Box<dyn std::error::Error>> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/python_halves.py");
        let mut child = Command::new(crate::python())
            .arg(WITHOUT_SITE)
            .arg(script)
            .args([role, &addr.ip().to_string(), &addr.port().to_string()])
            .env("PYTHONIOENCODING", "utf-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no stdout")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Python {
            child,
            lines,
            printed: String::new(),
        })
    }

    /// Waits for its next line.
    fn line(&mut self) -> Result<String, String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.printed.push_str(&line);
                self.printed.push('\n');
                Ok(line)
            }
            Err(_) => Err(format!("the Python half printed: {}", self.printed)),
        }
    }

    /// Waits until it has printed all of these, in any order.
    fn prints(&mut self, texts: &[&str]) -> Result<(), String> {
        for text in texts {
            while !self.printed.contains(text) {
                self.line()
                    .map_err(|got| format!("wanted {text:?}; {got}"))?;
            }
        }
        Ok(())
    }

    /// Waits for its end, with status 0.
    fn ends_well(&mut self) -> Outcome {
        let give_up = Instant::now() + PATIENCE;
        while Instant::now() < give_up {
            if let Some(status) = self.child.try_wait()? {
                let ended = format!("{status}: {}", self.printed);
                return if status.success() {
                    Ok(())
                } else {
                    Err(ended.into())
                };
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err("the Python half does not end".into())
    }
}

/// A Python client visits our server.
fn our_server(pair: &Pair) -> Outcome {
    let exam = Exam::reference(pair.server)?;
    let mut server = if is_udp(pair) {
        exam.udp_server()?
    } else {
        exam.server()?
    };
    let mut client = Python::start(pair.client, server.addr())?;
    let mut stdin = client.child.stdin.take().ok_or("no stdin")?;
    stdin.write_all(pair.typed.as_bytes())?;
    drop(stdin);
    client.prints(pair.client_prints)?;
    client.ends_well()?;
    for text in pair.server_prints {
        server.wait_for_output(text)?;
    }
    Ok(())
}

/// Our client visits a Python server.
fn our_client(pair: &Pair) -> Outcome {
    let exam = Exam::reference(pair.client)?;
    let mut server = Python::start(pair.server, SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let ready = server.line()?;
    let port: u16 = ready.rsplit(' ').next().unwrap_or_default().parse()?;
    let mut client = exam.client(SocketAddr::from(([127, 0, 0, 1], port)))?;
    client.type_in(pair.typed)?;
    client.close_stdin();
    let exit = client.wait_exit(PATIENCE)?;
    for text in pair.client_prints {
        client.wait_for_output(text)?;
    }
    if exit != Exit::Status(0) {
        return Err(Stop::Error(format!("{exit}: {}", client.printed())).into());
    }
    server.prints(pair.server_prints)?;
    Ok(())
}
