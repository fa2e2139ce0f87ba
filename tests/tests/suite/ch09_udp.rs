//! Chapter 9 beyond its checks: both halves of each pair together, the Python halves,
//! strangers, the largest datagram, several responders on one machine.

#![allow(
    clippy::indexing_slicing,
    reason = "a test may assume what it has set up itself"
)]

use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use grading::harness::{Exam, Exit, Program, Stop, uninterrupted};
use libtest_mimic::{Failed, Trial};

type Outcome = Result<(), Box<dyn std::error::Error>>;
/// Its name, and what it does.
type Test = (&'static str, fn() -> Outcome);

/// The tests of this file.
pub fn trials() -> Vec<Trial> {
    let tests: &[Test] = &[
        (
            "client_and_server_understand_each_other",
            client_and_server_understand_each_other,
        ),
        ("the_python_client_is_served", the_python_client_is_served),
        (
            "the_python_server_serves_our_clients",
            the_python_server_serves_our_clients,
        ),
        (
            "a_stranger_cannot_answer_for_the_server",
            a_stranger_cannot_answer_for_the_server,
        ),
        (
            "the_largest_datagram_is_taken_whole",
            the_largest_datagram_is_taken_whole,
        ),
        ("the_servers_speak_ipv6", the_servers_speak_ipv6),
        (
            "a_receiver_counts_what_a_sender_numbers",
            a_receiver_counts_what_a_sender_numbers,
        ),
        (
            "several_responders_share_a_machine",
            several_responders_share_a_machine,
        ),
        (
            "a_responder_on_any_port_tells_which",
            a_responder_on_any_port_tells_which,
        ),
        #[cfg(target_os = "linux")]
        (
            "a_broadcast_finds_a_responder",
            a_broadcast_finds_a_responder,
        ),
        (
            "the_same_seed_loses_the_same_frames",
            the_same_seed_loses_the_same_frames,
        ),
    ];
    let trial = |&(name, test): &Test| {
        Trial::test(format!("ch09::{name}"), move || {
            test().map_err(Failed::from)
        })
    };
    tests.iter().map(trial).collect()
}

fn exam(step: &str) -> Result<Exam, Box<dyn std::error::Error>> {
    Ok(Exam::reference(step)?)
}

/// A program may take its time on a busy machine.
fn ends_well(program: &mut Program) -> Result<(), Stop> {
    match program.wait_exit(Duration::from_secs(30))? {
        Exit::Status(0) => Ok(()),
        exit => Err(Stop::Error(format!("{exit}: {}", program.printed()))),
    }
}

/// A Python program that is killed when it is dropped.
struct Python(Child);

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn python(code: &str, addr: SocketAddr) -> std::io::Result<Command> {
    let mut command = Command::new(crate::python());
    command.args(["-c", code, &addr.ip().to_string(), &addr.port().to_string()]);
    Ok(command)
}

fn client_and_server_understand_each_other() -> Outcome {
    let mut server = exam("udp_server")?.udp_server()?;
    for number in 1..=2 {
        let mut client = exam("udp_client")?.client(server.addr())?;
        client.wait_for_output(&format!("Received! Message #{number}"))?;
        ends_well(&mut client)?;
        server.wait_for_output(&format!("Message #{number} from 127.0.0.1:"))?;
    }
    server.interrupt();
    server.wait_for_output("Server shutting down")?;
    Ok(ends_well(&mut server)?)
}

fn the_python_client_is_served() -> Outcome {
    const CLIENT: &str = "
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(10)
sock.sendto(b'Hello from UDP client!', (sys.argv[1], int(sys.argv[2])))
print(sock.recvfrom(1024)[0].decode())
";
    for (step, reply) in [
        ("udp_server", "Received! Message #1"),
        ("udp_echo_server", "Server echo: Hello from UDP client!"),
    ] {
        let server = exam(step)?.udp_server()?;
        let output = python(CLIENT, server.addr())?.output()?;
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), reply);
    }
    Ok(())
}

fn the_python_server_serves_our_clients() -> Outcome {
    const SERVER: &str = "
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((sys.argv[1], int(sys.argv[2])))
print(flush=True)
while True:
    data, peer = sock.recvfrom(1024)
    sock.sendto(b'Server echo: ' + data, peer)
";
    let client_exam = exam("udp_client")?;
    let echo_exam = exam("udp_echo_client")?;
    let addr = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
    let mut server = Python(python(SERVER, addr)?.stdout(Stdio::piped()).spawn()?);
    let ready = server.0.stdout.as_mut().ok_or("no stdout")?;
    std::io::Read::read_exact(ready, &mut [0])?;

    let mut client = client_exam.client(addr)?;
    client.wait_for_output("Server echo: Hello from UDP client!")?;
    ends_well(&mut client)?;
    let mut client = echo_exam.client(addr)?;
    client.type_in("Grüße\n")?;
    client.wait_for_output("Received from server: Server echo: Grüße")?;
    Ok(ends_well(&mut client)?)
}

fn a_stranger_cannot_answer_for_the_server() -> Outcome {
    let exam = exam("udp_client")?;
    let (server, stranger) = (exam.udp_named("server")?, exam.udp_named("stranger")?);
    let mut client = exam.client(server.addr()?)?;
    let (_, client_addr) = server.receive_within(Duration::from_secs(20))?;
    stranger.send_to("a lie", client_addr)?;
    server.send_to("the truth", client_addr)?;
    client.wait_for_output("the truth")?;
    ends_well(&mut client)?;
    assert!(!client.printed().contains("a lie"), "{}", client.printed());
    Ok(())
}

fn the_largest_datagram_is_taken_whole() -> Outcome {
    let server_exam = exam("udp_server")?;
    let server = server_exam.udp_server()?;
    let client = server_exam.udp()?;
    client.send_to(vec![b'x'; 65_507], server.addr())?;
    client.expect_from("Received! Message #1", server.addr())?;

    let echo_exam = exam("udp_echo_server")?;
    let server = echo_exam.udp_server()?;
    // Its echo would not fit into a datagram. The next one is answered all the same.
    let client = echo_exam.udp()?;
    client.send_to(vec![b'x'; 65_507], server.addr())?;
    let fits = vec![b'x'; 65_507 - "Server echo: ".len()];
    client.send_to(&fits, server.addr())?;
    let echo = [b"Server echo: ".as_slice(), &fits].concat();
    Ok(client.expect_from(echo, server.addr())?)
}

fn the_servers_speak_ipv6() -> Outcome {
    let exam = exam("udp_server")?;
    let server = exam.launch().host("::1").udp_server()?;
    let client = UdpSocket::bind("[::1]:0")?;
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    client.send_to(b"hello", server.addr())?;
    let mut buf = [0; 100];
    let (len, _) = uninterrupted(|| client.recv_from(&mut buf))?;
    assert_eq!(&buf[..len], b"Received! Message #1");
    Ok(())
}

fn a_receiver_counts_what_a_sender_numbers() -> Outcome {
    let receiver_exam = exam("udp_receiver")?;
    let mut receiver = receiver_exam
        .launch()
        .args(&["--count", "5"])
        .udp_server()?;
    let sender_exam = exam("udp_sender")?;
    let launch = sender_exam.launch().args(&["--count", "5", "--numbered"]);
    ends_well(&mut launch.client(receiver.addr())?)?;
    ends_well(&mut receiver)?;
    receiver.wait_for_output("5 of 5 received, 0 lost, 0 out of order")?;
    Ok(())
}

fn several_responders_share_a_machine() -> Outcome {
    let responder = exam("discovery_responder")?;
    let mut first = responder
        .launch()
        .args(&["--name", "kitchen"])
        .udp_server()?;
    let port = first.addr().port();
    first.wait_for_output("Answering as kitchen")?;
    let launch = responder.launch().port(port).args(&["--name", "cellar"]);
    let mut second = launch.unready()?;
    second.wait_for_output("Answering as cellar")?;

    let mut probe = exam("discovery_probe")?.client(first.addr())?;
    ends_well(&mut probe)?;
    for answer in ["kitchen is at 127.0.0.1:", "cellar is at 127.0.0.1:"] {
        probe.wait_for_output(answer)?;
    }
    Ok(probe.wait_for_output("Answers within 2 s: 2")?)
}

/// With `--port 0` it is the socket that knows the port, not the arguments.
fn a_responder_on_any_port_tells_which() -> Outcome {
    let exam_of_it = exam("discovery_responder")?;
    let args = &["--name", "attic"];
    let mut responder = exam_of_it.launch().port(0).args(args).unready()?;
    let ready_line = "Answering as attic on 239.255.42.99:";
    responder.wait_for_output(ready_line)?;
    let said = responder.output();
    let port: u16 = said
        .lines()
        .find_map(|line| line.strip_prefix(ready_line))
        .ok_or(said.clone())?
        .parse()?;
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    let mut probe = exam("discovery_probe")?.client(addr)?;
    ends_well(&mut probe)?;
    Ok(probe.wait_for_output(&format!("attic is at {addr} "))?)
}

#[cfg(target_os = "linux")]
fn a_broadcast_finds_a_responder() -> Outcome {
    let responder = exam("discovery_responder")?;
    let launch = responder.launch().args(&["--broadcast", "--name", "attic"]);
    let mut server = launch.udp_server()?;
    server.wait_for_output("Answering as attic")?;
    let probe_exam = exam("discovery_probe")?;
    let launch = probe_exam.launch().arg("--broadcast");
    let mut probe = launch.client(server.addr())?;
    ends_well(&mut probe)?;
    Ok(probe.wait_for_output("attic is at 127.0.0.1:")?)
}

fn the_same_seed_loses_the_same_frames() -> Outcome {
    let receiver_exam = exam("frame_receiver")?;
    let mut receiver = receiver_exam.udp_server()?;
    let sender_exam = exam("frame_sender")?;
    let args = &[
        "--count",
        "20",
        "--interval",
        "5",
        "--drop",
        "20",
        "--seed",
        "1",
    ];
    let mut sender = sender_exam.launch().args(args).client(receiver.addr())?;
    ends_well(&mut sender)?;
    receiver.wait_for_output("Missing so far: 3\nMissing so far: 15\n")?;
    Ok(
        receiver
            .wait_for_output("18 of 20 frames received, 2 lost (10.0 %), 0 out of")?,
    )
}
