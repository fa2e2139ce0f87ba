//! Chapter 9: what the UDP programs must do.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::process::Command;
use std::time::Instant;

use socket2::{Domain, SockRef, Socket, Type};

use super::{common, facts};
use crate::harness::prelude::*;

/// The checks of chapter 9.
pub fn checks() -> Vec<Check> {
    let mut checks = udp_server();
    checks.extend(udp_client());
    checks.extend(udp_echo_server());
    checks.extend(udp_echo_client());
    checks.extend(udp_receiver());
    checks.extend(udp_sender());
    checks.extend(discovery());
    checks.extend(frames());
    checks
}

const START: &str = "labs/09_udp.md#step-1-start-the-server";
const SEND: &str = "labs/09_udp.md#step-2-send-a-datagram";
const CLOSED: &str = "labs/09_udp.md#step-3-ask-where-nobody-is";
const ECHO: &str = "labs/09_udp.md#step-4-an-echo-for-each-datagram";
const ONE_WAY: &str = "labs/09_udp.md#step-5-send-and-forget";
const DISCOVERY: &str = "labs/09_udp.md#step-6-who-is-there";
const FRAMES: &str = "labs/09_udp.md#step-7-a-stream-through-a-bad-network";

const HINTS_LISTENS: &[&str] = &[
    "A server needs a socket with a port of its own: which call gives it one?",
    "Bind a UDP socket to the host and port of the arguments. There is no listen().",
    "UdpSocket::bind((host, port)) does it in Rust. In Python it is \
     socket.socket(AF_INET, SOCK_DGRAM), then bind((host, port)).",
];
const HINTS_ADDRESS: &[&str] = &[
    "Who gets your answer? Where does your program know that from?",
    "recv_from returns two things: how many bytes came, and from which address.",
    "Send each answer to the address that came with its datagram.",
];
const HINTS_LARGE: &[&str] = &[
    "How large is your buffer, and what happens to the bytes that do not fit?",
    "A datagram is read whole or cut: the rest is not there at the next read.",
    "Give recv_from a buffer of 65,535 bytes, as long as a datagram can be, or call \
     recvfrom(65535) in Python.",
];
const HINTS_EMPTY: &[&str] = &[
    "What does a length of 0 mean for TCP, and what for UDP?",
    "UDP has no end of a stream. An empty datagram is a datagram.",
    "Take out the branch for a length of 0 (if len == 0, or if not data in Python): \
     send_to (sendto) answers here as always.",
];
const HINTS_BYTES: &[&str] = &[
    "Not all bytes are text. What does your conversion do with 0xff?",
    "Decode with replacement for the screen, and keep the bytes for everything else.",
    "String::from_utf8_lossy(&buf[..len]), or data.decode(errors=\"replace\") in Python, \
     never fails. Look at the length before you look into a datagram, and pass over what \
     is none of yours.",
];
const HINTS_GONE: &[&str] = &[
    "Your answer may find nobody: what comes back then, and at which call do you see it?",
    "An error of one datagram concerns one client. The loop goes on.",
    "Handle the errors of send_to and recv_from inside the loop: a match that prints \
     them in place of ? and unwrap, or try with except OSError in Python.",
];
const HINTS_LINES: &[&str] = &[
    "Compare your output with the sheet, word by word.",
    "Print the datagram as text: decode the bytes, do not print the list of numbers.",
    "String::from_utf8_lossy(&buf[..len]) makes the text, \
     data.decode(errors=\"replace\") in Python: of the bytes that recv_from returned, \
     and of no others in the buffer. The sender's address comes with them.",
];
const HINTS_IN_USE: &[&str] = &[
    "Start your server twice. What does the second one say?",
    "bind returns an error: report it in one line and end with a status that is not 0.",
    "Match the Err of UdpSocket::bind in place of an unwrap, or catch OSError around \
     bind in Python. Print it and end with status 1.",
];
const HINTS_CLIENT: &[&str] = &[
    "Which bytes leave your program? Nothing is added, nothing is left out.",
    "One send is one datagram; the text has no line end.",
    "Call send_to (sendto in Python) once, to the host and port of the arguments, with \
     the bytes of the sheet: no \\n behind them, no quotes around them.",
];
const HINTS_TIMEOUT: &[&str] = &[
    "The question or the answer may be lost. Who tells your client?",
    "Set a read timeout of 5 s on the socket before you wait.",
    "When the time is up, say so and end with a status that is not 0.",
];
const HINTS_NO_SERVER: &[&str] = &[
    "Start your client without a server. Would a user understand what it says?",
    "Every error of a socket call becomes one line, not a panic or a traceback.",
    "On a connected socket the refusal comes as ConnectionRefused, at a later send or \
     recv; on another one the timeout comes. Match both, or catch OSError in Python, \
     print one line and end with status 1.",
];
const HINTS_PROMPT: &[&str] = &[
    "Text without a line end stays in a buffer: how does it get out?",
    "Flush stdout after the prompt.",
    "Call stdout().flush() after print! and before you read. In Python it is print(…, \
     end=\"\", flush=True), or input with the prompt.",
];
const HINTS_EOF: &[&str] = &[
    "What does reading a line return when the input has ended?",
    "Ctrl-D, or the end of a pipe, ends the input: there is no line any more, and \
     nothing to send.",
    "read_line returns Ok(0), Python's input raises EOFError: return from main.",
];
const HINTS_SENDER: &[&str] = &[
    "How many datagrams leave your program, and what does it wait for afterwards?",
    "Send the seven bytes Message once, wait for nothing, end with status 0.",
    "UdpSocket::bind to port 0, one send_to, return; in Python socket and one sendto. No \
     recv stands behind it, and nobody need be there.",
];
const HINTS_SILENT: &[&str] = &[
    "A receiver receives. Does yours also send?",
    "UDP acknowledges nothing: neither the kernel nor a receiver sends anything back.",
    "Take send_to (sendto in Python) out of the loop: recv_from and a line on stdout are \
     all that it does.",
];
const HINTS_DISCOVERY: &[&str] = &[
    "Bound to a port is not yet a member of a group: which option joins it?",
    "Join 239.255.42.99 on the network card that --host names, 127.0.0.1 by default.",
    "The answer is HERE, a name, an address with port, a line end; to the asker alone.",
];
const HINTS_PROBE: &[&str] = &[
    "Which address does the question go to, and through which network card?",
    "Send WHO and a line end to 239.255.42.99, with the multicast interface set to --host.",
    "Listen for 2 s, and print each answer that comes in that time. What does not begin \
     with HERE and a space is none.",
];
const HINTS_FRAMES: &[&str] = &[
    "A stream is many datagrams at a steady pace, each with its number.",
    "Send all frames, whether somebody listens or not, and end with status 0.",
    "In a loop over the numbers: write the number into the frame (to_be_bytes, \
     struct.pack in Python), send_to, sleep until the next frame is due. An error of \
     send_to does not end the loop.",
];

const HINTS_ANY_MESSAGE: &[&str] = &[
    "What does your program do with a datagram of two spaces, and what with quit?",
    "No word ends anything here, and no datagram is too short to be one.",
    "Take out what looks into the datagram first: strip or trim, and the comparison with \
     quit or exit.",
];

fn udp_server() -> Vec<Check> {
    vec![
        Check::new(
            "udp_server.listens",
            "has a UDP socket on the host and port that it is given",
            listens,
        )
        .sheet(START)
        .hints(HINTS_LISTENS)
        .by_hand("ss -uln | grep 9090"),
        Check::new(
            "udp_server.numbers_each_datagram",
            "answers each datagram with its number, starting at 1",
            |exam| {
                let server = exam.udp_server()?;
                let client = exam.udp()?;
                for number in 1..=12 {
                    ask(&client, &server, exam.word(8), numbered(number))?;
                }
                Ok(())
            },
        )
        .needs(&["udp_server.listens"])
        .points(2)
        .sheet(SEND)
        .hints(&[
            "Where does the number live so that it outlasts one datagram?",
            "Count in the loop, before the answer is sent, and start at 1.",
            "The answer is Received! Message #1, without a line end.",
        ])
        .by_hand("printf hello | nc -u -w 1 127.0.0.1 9090"),
        Check::new(
            "udp_server.answers_whoever_asked",
            "answers each of several clients itself, and counts over all of them",
            |exam| {
                let server = exam.udp_server()?;
                let (first, second) = (exam.udp_named("A")?, exam.udp_named("B")?);
                for number in [1, 3] {
                    ask(&first, &server, exam.word(8), numbered(number))?;
                    ask(&second, &server, exam.word(8), numbered(number + 1))?;
                }
                Ok(())
            },
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .sheet(SEND)
        .hints(HINTS_ADDRESS)
        .by_hand("printf hello | nc -u -w 1 127.0.0.1 9090"),
        Check::new(
            "udp_server.prints_each_datagram",
            "prints each datagram with its number and its sender, as text",
            |exam| {
                let mut server = exam.udp_server()?;
                let client = exam.udp()?;
                let texts = texts(exam);
                for (number, text) in texts.iter().enumerate() {
                    answer(&client, &server, text.as_bytes())?;
                    server.wait_for_output(&format!("Message #{}", number + 1))?;
                    prints_alone(&mut server, text, &texts)?;
                }
                names_the_sender(&mut server, &client)
            },
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .sheet(SEND)
        .hints(HINTS_LINES)
        .by_hand("printf hello | nc -u -w 1 127.0.0.1 9090"),
        Check::new(
            "udp_server.takes_a_large_datagram",
            "takes a datagram of 1000 bytes whole",
            |exam| {
                let mut server = exam.udp_server()?;
                let client = exam.udp()?;
                let text = exam.word(1000);
                ask(&client, &server, &text, numbered(1))?;
                server.wait_for_output(&text)
            },
        )
        .needs(&["udp_server.prints_each_datagram"])
        .sheet(SEND)
        .hints(HINTS_LARGE)
        .by_hand("head -c 1000 /dev/zero | tr '\\0' a | nc -u -w 1 127.0.0.1 9090"),
        Check::new(
            "udp_server.survives_the_largest_datagram",
            "goes on after a datagram of 65507 bytes, the most that fit into one",
            |exam| survives_the_largest(exam, |number, _| numbered(number)),
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .sheet(SEND)
        .hints(&[
            "How long can a datagram be, and what does your program do with a long one?",
            "The length in the header of UDP has 16 bits: with IPv4, 65,507 bytes are \
             left for you. Whoever copies them has to look how much room there is.",
            "Copy nothing: print the slice that recv_from has filled, &buf[..len], or \
             the bytes that recvfrom returns in Python. An error of one datagram never \
             ends the loop.",
        ])
        .by_hand("head -c 65507 /dev/zero | tr '\\0' a | nc -u -w 1 127.0.0.1 9090"),
        Check::new(
            "udp_server.counts_empty_datagrams",
            "answers and counts an empty datagram like any other",
            |exam| {
                let server = exam.udp_server()?;
                let client = exam.udp()?;
                ask(&client, &server, "", numbered(1))?;
                ask(&client, &server, exam.word(8), numbered(2))
            },
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .sheet(SEND)
        .hints(HINTS_EMPTY)
        .by_hand("cargo run -p udp_client -- --message ''"),
        Check::new(
            "udp_server.survives_bytes_that_are_no_text",
            "goes on after a datagram that is not UTF-8",
            |exam| survives_bytes(exam, |number, _| numbered(number)),
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .sheet(SEND)
        .hints(HINTS_BYTES)
        .by_hand("printf '\\377\\376' | nc -u -w 1 127.0.0.1 9090"),
        Check::new(
            "udp_server.survives_a_client_that_is_gone",
            "goes on when its answer finds no client any more",
            |exam| survives_the_gone(exam, |number, _| numbered(number)),
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .sheet(CLOSED)
        .hints(HINTS_GONE)
        .by_hand("printf hello | nc -u -q 0 127.0.0.1 9090"),
        Check::new(
            "udp_server.says_that_the_port_is_in_use",
            "says that its port is in use, and ends with a status that is not 0",
            port_in_use,
        )
        .needs(&["udp_server.listens"])
        .sheet(START)
        .hints(HINTS_IN_USE)
        .by_hand("nc -u -l 127.0.0.1 9090 & cargo run -p udp_server"),
        Check::new(
            "udp_server.takes_any_message",
            "answers blanks, line ends and words such as quit like any other datagram",
            |exam| {
                let server = exam.udp_server()?;
                let client = exam.udp()?;
                for (number, text) in (1..).zip(common::messages_like_any_other(exam)) {
                    let numbered = ask(&client, &server, &text, numbered(number));
                    numbered.map_err(common::because(common::TAKEN_FOR_AN_END))?;
                }
                Ok(())
            },
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .sheet(SEND)
        .hints(HINTS_ANY_MESSAGE)
        .by_hand("printf quit | nc -u -w 1 127.0.0.1 9090"),
        Check::new(
            "udp_server.ends_on_ctrl_c",
            "ends on Ctrl-C while nobody sends anything",
            |exam| {
                let server = exam.udp_server()?;
                ask(&exam.udp()?, &server, exam.word(8), numbered(1))?;
                ends_on_ctrl_c(server)
            },
        )
        .needs(&["udp_server.numbers_each_datagram"])
        .timing()
        .sheet(START)
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("press Ctrl-C in the server's terminal"),
    ]
}

fn udp_client() -> Vec<Check> {
    vec![
        Check::new(
            "udp_client.sends_its_greeting",
            "sends Hello from UDP client! in one datagram, and no other",
            |exam| {
                let server = exam.udp()?;
                let _client = exam.client(server.addr()?)?;
                expect_datagram(&server, b"Hello from UDP client!")?;
                server.expect_silence(Duration::from_millis(300))
            },
        )
        .points(2)
        .sheet(SEND)
        .hints(HINTS_CLIENT)
        .by_hand("nc -u -l 127.0.0.1 9090"),
        Check::new(
            "udp_client.prints_the_reply",
            "prints the reply as text and ends with status 0",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                let (_, client_addr) = server.receive_within(START_TIME)?;
                // Longer than any number: a reply is read whole or cut.
                let reply = format!("Grüße {}", exam.word(200));
                server.send_to(&reply, client_addr)?;
                client.wait_for_output(&reply)?;
                client.expect_exit(0)
            },
        )
        .needs(&["udp_client.sends_its_greeting"])
        .points(2)
        .sheet(SEND)
        .hints(&[
            "After it has sent, your client waits: with which call?",
            "Print the bytes that came as text, not as a list of numbers.",
            "recv_from (recvfrom in Python) waits and returns the bytes. Print \
             String::from_utf8_lossy(&buf[..len]) (decode in Python), and return with \
             status 0.",
        ])
        .by_hand("cargo run -p udp_client"),
        Check::new(
            "udp_client.gives_up_without_a_reply",
            "gives up after 5 s without a reply, with a status that is not 0",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                server.receive_within(START_TIME)?;
                gives_up(&mut client)
            },
        )
        .needs(&["udp_client.sends_its_greeting"])
        .sheet(CLOSED)
        .hints(HINTS_TIMEOUT)
        .by_hand("nc -u -l 127.0.0.1 9090")
        .timing(),
        Check::new(
            "udp_client.reports_that_nobody_is_there",
            "says in words when nobody has the port",
            says_that_nobody_is_there,
        )
        .needs(&["udp_client.sends_its_greeting"])
        .sheet(CLOSED)
        .hints(HINTS_NO_SERVER)
        .by_hand("cargo run -p udp_client -- --port 9"),
    ]
}

fn udp_echo_server() -> Vec<Check> {
    vec![
        Check::new(
            "udp_echo_server.listens",
            "has a UDP socket on the host and port that it is given",
            listens,
        )
        .sheet(ECHO)
        .hints(HINTS_LISTENS)
        .by_hand("ss -uln | grep 65432"),
        Check::new(
            "udp_echo_server.sends_each_datagram_back",
            "answers with Server echo: and the datagram, byte by byte",
            |exam| {
                let server = exam.udp_server()?;
                let client = exam.udp()?;
                for _ in 0..2 {
                    let text = format!("  aB é {}  ", exam.word(8));
                    ask(&client, &server, &text, format!("Server echo: {text}"))?;
                }
                Ok(())
            },
        )
        .needs(&["udp_echo_server.listens"])
        .points(2)
        .sheet(ECHO)
        .hints(&[
            "Compare what comes back with what was sent, byte by byte.",
            "Put the bytes of the datagram behind the prefix; do not trim or change them.",
            "send_to with [b\"Server echo: \", &buf[..len]].concat(), or \
             sendto(b\"Server echo: \" + data, addr) in Python: one datagram, and no \
             decoding on the way.",
        ])
        .by_hand("printf hello | nc -u -w 1 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.answers_whoever_asked",
            "answers each of several clients itself",
            |exam| {
                let server = exam.udp_server()?;
                let clients = [exam.udp_named("A")?, exam.udp_named("B")?];
                for client in clients.iter().chain(&clients) {
                    let text = exam.word(8);
                    ask(client, &server, &text, format!("Server echo: {text}"))?;
                }
                Ok(())
            },
        )
        .needs(&["udp_echo_server.sends_each_datagram_back"])
        .sheet(ECHO)
        .hints(HINTS_ADDRESS)
        .by_hand("printf hello | nc -u -w 1 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.returns_a_large_datagram",
            "returns a datagram of 1000 bytes whole",
            |exam| {
                let server = exam.udp_server()?;
                let client = exam.udp()?;
                let text = exam.word(1000);
                ask(&client, &server, &text, format!("Server echo: {text}"))
            },
        )
        .needs(&["udp_echo_server.sends_each_datagram_back"])
        .sheet(ECHO)
        .hints(HINTS_LARGE)
        .by_hand("head -c 1000 /dev/zero | tr '\\0' a | nc -u -w 1 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.answers_empty_datagrams",
            "answers an empty datagram, and one of blanks or line ends, with just these",
            |exam| {
                let server = exam.udp_server()?;
                let client = exam.udp()?;
                ask(&client, &server, "", "Server echo: ")?;
                for text in common::line_ends_and_blanks(exam) {
                    ask(&client, &server, &text, format!("Server echo: {text}"))?;
                }
                Ok(())
            },
        )
        .needs(&["udp_echo_server.sends_each_datagram_back"])
        .sheet(ECHO)
        .hints(HINTS_EMPTY)
        .by_hand("nc -u 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.prints_each_datagram",
            "prints each datagram as text, and who sent it",
            |exam| {
                let mut server = exam.udp_server()?;
                let client = exam.udp()?;
                let texts = texts(exam);
                for text in &texts {
                    answer(&client, &server, text.as_bytes())?;
                    prints_alone(&mut server, text, &texts)?;
                }
                names_the_sender(&mut server, &client)
            },
        )
        .needs(&["udp_echo_server.sends_each_datagram_back"])
        .sheet(ECHO)
        .hints(HINTS_LINES)
        .by_hand("printf hello | nc -u -w 1 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.survives_bytes_that_are_no_text",
            "goes on after a datagram that is not UTF-8",
            |exam| survives_bytes(exam, |_, word| format!("Server echo: {word}")),
        )
        .needs(&["udp_echo_server.sends_each_datagram_back"])
        .sheet(ECHO)
        .hints(HINTS_BYTES)
        .by_hand("printf '\\377\\376' | nc -u -w 1 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.survives_a_client_that_is_gone",
            "goes on when its answer finds no client any more",
            |exam| survives_the_gone(exam, |_, word| format!("Server echo: {word}")),
        )
        .needs(&["udp_echo_server.sends_each_datagram_back"])
        .sheet(CLOSED)
        .hints(HINTS_GONE)
        .by_hand("printf hello | nc -u -q 0 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.says_that_the_port_is_in_use",
            "says that its port is in use, and ends with a status that is not 0",
            port_in_use,
        )
        .needs(&["udp_echo_server.listens"])
        .sheet(START)
        .hints(HINTS_IN_USE)
        .by_hand("nc -u -l 127.0.0.1 65432 & cargo run -p udp_echo_server"),
        Check::new(
            "udp_echo_server.takes_any_message",
            "answers blanks, line ends and words such as quit like any other datagram",
            |exam| {
                let server = exam.udp_server()?;
                let client = exam.udp()?;
                for text in common::messages_like_any_other(exam) {
                    let echo = format!("Server echo: {text}");
                    ask(&client, &server, &text, echo)
                        .map_err(common::because(common::TAKEN_FOR_AN_END))?;
                }
                Ok(())
            },
        )
        .needs(&["udp_echo_server.answers_empty_datagrams"])
        .sheet(ECHO)
        .hints(HINTS_ANY_MESSAGE)
        .by_hand("printf quit | nc -u -w 1 127.0.0.1 65432"),
        Check::new(
            "udp_echo_server.ends_on_ctrl_c",
            "ends on Ctrl-C while nobody sends anything",
            |exam| {
                let server = exam.udp_server()?;
                let text = exam.word(8);
                ask(&exam.udp()?, &server, &text, format!("Server echo: {text}"))?;
                ends_on_ctrl_c(server)
            },
        )
        .needs(&["udp_echo_server.sends_each_datagram_back"])
        .timing()
        .sheet(ECHO)
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("press Ctrl-C in the server's terminal"),
    ]
}

fn udp_echo_client() -> Vec<Check> {
    vec![
        Check::new(
            "udp_echo_client.sends_the_line",
            "sends the typed line without its line end, otherwise unchanged",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                let text = format!("  aB é {}  ", exam.word(8));
                client.type_in(&format!("{text}\n"))?;
                expect_datagram(&server, text.as_bytes()).map(drop)
            },
        )
        .points(2)
        .sheet(ECHO)
        .hints(&[
            "What does reading a line return beside the text?",
            "Take the line end away, and only the line end: spaces are part of the text.",
            "trim_end_matches(['\\r', '\\n']) in Rust, not trim; Python's input has \
             taken the line end off already. Then one send_to (sendto).",
        ])
        .by_hand("nc -u -l 127.0.0.1 65432"),
        Check::new(
            "udp_echo_client.prompts_before_it_reads",
            "shows its prompt before anything is typed",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                // The start of an interpreter on a busy machine takes its time.
                let prompt = "Enter a message";
                let shown = client.wait_for_output(prompt);
                shown.or_else(|_| client.wait_for_output(prompt))
            },
        )
        .needs(&["udp_echo_client.sends_the_line"])
        .sheet(ECHO)
        .hints(HINTS_PROMPT)
        .by_hand("cargo run -p udp_echo_client | cat"),
        Check::new(
            "udp_echo_client.prints_the_reply",
            "prints the reply as text and ends with status 0",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                client.type_in("hello\n")?;
                let (_, client_addr) = server.receive_within(START_TIME)?;
                let reply = format!("Grüße {}", exam.word(8));
                server.send_to(&reply, client_addr)?;
                client.wait_for_output(&reply)?;
                client.close_stdin(); // It may ask for another line.
                client.expect_exit(0)
            },
        )
        .needs(&["udp_echo_client.sends_the_line"])
        .sheet(ECHO)
        .hints(HINTS_LINES)
        .by_hand("cargo run -p udp_echo_client"),
        Check::new(
            "udp_echo_client.takes_a_long_line",
            "sends a line of 1000 letters in one datagram, and prints the reply whole",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                let text = exam.word(1000);
                client.type_in(&format!("{text}\n"))?;
                let client_addr = expect_datagram(&server, text.as_bytes())
                    .map_err(common::likely(CUT_LINE))?;
                let reply = format!("Server echo: {text}");
                server.send_to(&reply, client_addr)?;
                client
                    .wait_for_output(&reply)
                    .map_err(common::likely(CUT_REPLY))
            },
        )
        .needs(&["udp_echo_client.prints_the_reply"])
        .sheet(ECHO)
        .hints(HINTS_LARGE)
        .by_hand("printf '%01000d\\n' 7 | cargo run -p udp_echo_client"),
        Check::new(
            "udp_echo_client.gives_up_without_a_reply",
            "gives up after 5 s without a reply, with a status that is not 0",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                client.type_in("hello\n")?;
                server.receive_within(START_TIME)?;
                gives_up(&mut client)
            },
        )
        .needs(&["udp_echo_client.sends_the_line"])
        .sheet(CLOSED)
        .hints(HINTS_TIMEOUT)
        .by_hand("nc -u -l 127.0.0.1 65432")
        .timing(),
        Check::new(
            "udp_echo_client.ends_with_its_input",
            "ends when its input ends",
            |exam| {
                let server = exam.udp()?;
                let mut client = exam.client(server.addr()?)?;
                client.close_stdin();
                client.wait_exit(Duration::from_secs(10))?;
                client.expect_no_crash()
            },
        )
        .needs(&["udp_echo_client.sends_the_line"])
        .sheet(ECHO)
        .hints(HINTS_EOF)
        .by_hand("cargo run -p udp_echo_client < /dev/null"),
        Check::new(
            "udp_echo_client.reports_that_nobody_is_there",
            "says in words when nobody has the port",
            |exam| {
                let mut client = exam.client(exam.unused_addr()?)?;
                client.type_in("hello\n")?;
                client.close_stdin();
                client.wait_exit(START_TIME)?;
                client.expect_no_crash()?;
                // Its prompt ends with a colon; a word about what happened comes after.
                if client.printed().trim_end().ends_with(':')
                    && client.errors().is_empty()
                {
                    let expected = "a message that no reply came";
                    return Err(Failure::new(expected, "nothing after the prompt").into());
                }
                Ok(())
            },
        )
        .needs(&["udp_echo_client.sends_the_line"])
        .sheet(CLOSED)
        .hints(HINTS_NO_SERVER)
        .by_hand("echo hello | cargo run -p udp_echo_client -- --port 9"),
    ]
}

/// What is behind a long line that does not leave as it was typed.
const CUT_LINE: &str =
    "the buffer of the line is too small: what does not fit is left in the input";
/// What is behind a long reply of which a part is missing.
const CUT_REPLY: &str = "the buffer of the reply is too small: the rest of a datagram is \
                         thrown away, and no second recv gets it";

fn udp_receiver() -> Vec<Check> {
    vec![
        Check::new(
            "udp_receiver.listens",
            "has a UDP socket on the host and port that it is given",
            listens,
        )
        .sheet(ONE_WAY)
        .hints(HINTS_LISTENS)
        .by_hand("ss -uln | grep 12345"),
        Check::new(
            "udp_receiver.prints_each_datagram",
            "prints one datagram after another, as text",
            |exam| {
                let mut receiver = exam.udp_server()?;
                let senders = [exam.udp_named("A")?, exam.udp_named("B")?];
                let texts = texts(exam);
                for (sender, text) in senders.iter().cycle().zip(&texts) {
                    sender.send_to(text, receiver.addr())?;
                    prints_alone(&mut receiver, text, &texts)?;
                }
                Ok(())
            },
        )
        .needs(&["udp_receiver.listens"])
        .points(2)
        .sheet(ONE_WAY)
        .hints(HINTS_LINES)
        .by_hand("printf hello | nc -u -q 0 127.0.0.1 12345"),
        Check::new(
            "udp_receiver.takes_a_large_datagram",
            "takes a datagram of 1000 bytes whole",
            |exam| {
                let mut receiver = exam.udp_server()?;
                let text = exam.word(1000);
                exam.udp()?.send_to(&text, receiver.addr())?;
                receiver.wait_for_output(&text)
            },
        )
        .needs(&["udp_receiver.prints_each_datagram"])
        .sheet(ONE_WAY)
        .hints(HINTS_LARGE)
        .by_hand("head -c 1000 /dev/zero | tr '\\0' a | nc -u -q 0 127.0.0.1 12345"),
        Check::new(
            "udp_receiver.survives_bytes_that_are_no_text",
            "goes on after an empty datagram and after one that is not UTF-8",
            |exam| {
                let mut receiver = exam.udp_server()?;
                let sender = exam.udp()?;
                sender.send_to("", receiver.addr())?;
                sender.send_to(b"\xff\xfe\x80", receiver.addr())?;
                let text = exam.word(8);
                sender.send_to(&text, receiver.addr())?;
                receiver.wait_for_output(&text)
            },
        )
        .needs(&["udp_receiver.prints_each_datagram"])
        .sheet(ONE_WAY)
        .hints(HINTS_BYTES)
        .by_hand("printf '\\377\\376' | nc -u -q 0 127.0.0.1 12345"),
        Check::new(
            "udp_receiver.says_who_sent_what",
            "prints who sent each datagram, and what, whole: blanks, or nothing at all",
            says_who_sent_what,
        )
        .needs(&["udp_receiver.survives_bytes_that_are_no_text"])
        .sheet(ONE_WAY)
        .hints(&[
            "What does the system tell you about a datagram beside its bytes?",
            "A datagram may be empty, or begin with a blank: it is one like any other.",
            "Print the address that recv_from (recvfrom in Python) returned, and the text \
             without trim or strip. No bytes are no end, and no reason to go on without \
             a line.",
        ])
        .by_hand("printf '  hello ' | nc -u -q 0 127.0.0.1 12345"),
        Check::new("udp_receiver.answers_nothing", "sends no reply", |exam| {
            let mut receiver = exam.udp_server()?;
            let sender = exam.udp()?;
            let text = exam.word(8);
            sender.send_to(&text, receiver.addr())?;
            receiver.wait_for_output(&text)?;
            sender.expect_silence(Duration::from_millis(300))
        })
        .needs(&["udp_receiver.prints_each_datagram"])
        .sheet(ONE_WAY)
        .hints(HINTS_SILENT)
        .by_hand("printf hello | nc -u -w 1 127.0.0.1 12345")
        .timing(),
        Check::new(
            "udp_receiver.says_that_the_port_is_in_use",
            "says that its port is in use, and ends with a status that is not 0",
            port_in_use,
        )
        .needs(&["udp_receiver.listens"])
        .sheet(START)
        .hints(HINTS_IN_USE)
        .by_hand("nc -u -l 127.0.0.1 12345 & cargo run -p udp_receiver"),
        Check::new(
            "udp_receiver.takes_any_message",
            "goes on after blanks, line ends and words such as quit",
            |exam| {
                let mut receiver = exam.udp_server()?;
                let sender = exam.udp()?;
                for text in common::messages_like_any_other(exam) {
                    sender.send_to(&text, receiver.addr())?;
                }
                let text = exam.word(8);
                sender.send_to(&text, receiver.addr())?;
                let printed = receiver.wait_for_output(&text);
                printed.map_err(common::because(common::TAKEN_FOR_AN_END))
            },
        )
        .needs(&["udp_receiver.prints_each_datagram"])
        .sheet(ONE_WAY)
        .hints(HINTS_ANY_MESSAGE)
        .by_hand("printf quit | nc -u -q 0 127.0.0.1 12345"),
        Check::new(
            "udp_receiver.ends_on_ctrl_c",
            "ends on Ctrl-C while nobody sends anything",
            |exam| {
                let mut server = exam.udp_server()?;
                let text = exam.word(8);
                exam.udp()?.send_to(&text, server.addr())?;
                server.wait_for_output(&text)?;
                ends_on_ctrl_c(server)
            },
        )
        .needs(&["udp_receiver.prints_each_datagram"])
        .timing()
        .sheet(ONE_WAY)
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("press Ctrl-C in the server's terminal"),
    ]
}

fn udp_sender() -> Vec<Check> {
    vec![
        Check::new(
            "udp_sender.sends_its_message",
            "sends Message in one datagram",
            |exam| {
                let receiver = exam.udp()?;
                let _sender = exam.client(receiver.addr()?)?;
                expect_datagram(&receiver, b"Message").map(drop)
            },
        )
        .points(2)
        .sheet(ONE_WAY)
        .hints(HINTS_CLIENT)
        .by_hand("nc -u -l 127.0.0.1 12345"),
        Check::new(
            "udp_sender.sends_once_and_ends",
            "sends one datagram, waits for nothing and ends with status 0",
            |exam| {
                let receiver = exam.udp()?;
                let mut sender = exam.client(receiver.addr()?)?;
                receiver.receive_within(START_TIME)?;
                // A second would be on its way long before the end of the program.
                ends_well(&mut sender)?;
                receiver.expect_silence(Duration::from_millis(100))
            },
        )
        .needs(&["udp_sender.sends_its_message"])
        .sheet(ONE_WAY)
        .hints(HINTS_SENDER)
        .by_hand("nc -u -l 127.0.0.1 12345")
        .timing(),
        Check::new(
            "udp_sender.needs_no_receiver",
            "ends with status 0 also when nobody receives",
            |exam| {
                let mut sender = exam.client(exam.unused_addr()?)?;
                ends_well(&mut sender)
            },
        )
        .needs(&["udp_sender.sends_its_message"])
        .sheet(ONE_WAY)
        .hints(HINTS_SENDER)
        .by_hand("cargo run -p udp_sender -- --port 9"),
    ]
}

fn discovery() -> Vec<Check> {
    vec![
        Check::new(
            "discovery_responder.answers_the_group",
            "answers WHO to 239.255.42.99 with HERE, its name and its address",
            |exam| {
                let responder = exam.udp_server()?;
                ask_the_group(exam, &responder, b"WHO\n").map(drop)
            },
        )
        .points(2)
        .sheet(DISCOVERY)
        .hints(HINTS_DISCOVERY)
        .by_hand("cargo run -p discovery_probe"),
        Check::new(
            "discovery_responder.gives_its_address",
            "answers with an address at which it can be found",
            gives_its_address,
        )
        .needs(&["discovery_responder.answers_the_group"])
        .sheet(DISCOVERY)
        .hints(&[
            "What does the asker do with the address that you send?",
            "0.0.0.0 means all addresses of one's own, and 239.255.42.99 means everybody: \
             neither leads to you.",
            "Send the address that --host names, 127.0.0.1 by default: that of the card \
             on which you have joined the group.",
        ])
        .by_hand("cargo run -p discovery_probe"),
        Check::new(
            "discovery_responder.survives_noise",
            "goes on after datagrams that are no question, and does not answer them",
            |exam| {
                let responder = exam.udp_server()?;
                ask_the_group(exam, &responder, b"WHO\n")?; // It is in the group now.
                let noisy = exam.udp_named("noise")?;
                let long = exam.bytes(2000);
                let others = [b"WHOIS\n", &b"HERE x 127.0.0.1:1\n"[..], b"", b"\xff\xfe", &long];
                for noise in others {
                    send_to_group(&noisy, responder.addr(), noise);
                }
                ask_the_group(exam, &responder, b"WHO\n")?;
                noisy.expect_silence(Duration::from_millis(300))
            },
        )
        .needs(&["discovery_responder.answers_the_group"])
        .sheet(DISCOVERY)
        .hints(&[
            "What does your responder do with WHOIS, with HERE, and with bytes that are \
             no text?",
            "The question is WHO and a line end, and nothing else. Whoever answers more \
             answers other responders, too, and they answer back.",
            "Compare the whole datagram with b\"WHO\\n\", as bytes: no contains, no \
             starts_with. Everything else is passed over without a word.",
        ])
        .by_hand("python3 -c \"from socket import *; s = socket(AF_INET, SOCK_DGRAM); s.settimeout(2); s.setsockopt(IPPROTO_IP, IP_MULTICAST_IF, inet_aton('127.0.0.1')); s.sendto(b'WHOIS\\n', ('239.255.42.99', 9999)); print(s.recvfrom(1024))\"   # it times out")
        .timing(),
        Check::new(
            "discovery_responder.shares_its_port",
            "runs beside a second responder on the same machine",
            shares_its_port,
        )
        .needs(&["discovery_responder.answers_the_group"])
        .sheet(DISCOVERY)
        .hints(&[
            "Start it twice. What does the second one say?",
            "A port has one owner, unless all who want it say beforehand that they share \
             it. A group allows that: each member gets a copy.",
            "Set SO_REUSEADDR before bind (on macOS SO_REUSEPORT as well): \
             set_reuse_address(true) of socket2, or setsockopt(SOL_SOCKET, \
             SO_REUSEADDR, 1) in Python.",
        ])
        .by_hand("cargo run -p discovery_responder   # in two terminals"),
        Check::new(
            "discovery_responder.answers_each_question_once",
            "answers each question once, also when the same asker asks again",
            answers_each_question_once,
        )
        .needs(&["discovery_responder.answers_the_group"])
        .timing()
        .sheet(DISCOVERY)
        .hints(&[
            "How many answers does one question get from your responder, and how many \
             do two?",
            "One datagram, one answer: nothing is kept from one question to the next.",
            "In the loop stand one recv_from (recvfrom) and one send_to (sendto), behind \
             the comparison with WHO, and no list of those who have asked.",
        ])
        .by_hand("cargo run -p discovery_probe   # twice"),
        Check::new(
            "discovery_responder.ends_on_ctrl_c",
            "ends on Ctrl-C while nobody sends anything",
            |exam| {
                let server = exam.udp_server()?;
                ask_the_group(exam, &server, b"WHO\n")?;
                ends_on_ctrl_c(server)
            },
        )
        .needs(&["discovery_responder.answers_the_group"])
        .timing()
        .sheet(DISCOVERY)
        .hints(common::HINTS_ENDS_ON_CTRL_C)
        .by_hand("press Ctrl-C in the server's terminal"),
        Check::new(
            "discovery_probe.asks_the_group",
            "sends WHO and a line end to 239.255.42.99",
            |exam| {
                let addr = exam.unused_addr()?;
                let group = group_member(exam, addr.port())?;
                let _probe = exam.client(addr)?;
                let (question, _) = group.receive_within(START_TIME)?;
                match question == b"WHO\n" {
                    true => Ok(()),
                    false => Err(Failure::bytes(b"WHO\n", &question).into()),
                }
            },
        )
        .points(2)
        .sheet(DISCOVERY)
        .hints(HINTS_PROBE)
        .by_hand("cargo run -p discovery_responder"),
        Check::new(
            "discovery_probe.leaves_the_loop_on",
            "is heard on its own machine too",
            leaves_the_loop_on,
        )
        .needs(&["discovery_probe.asks_the_group"])
        .sheet(DISCOVERY)
        .hints(&[
            "Does a copy of what is sent to the group come back to this machine?",
            "The option IP_MULTICAST_LOOP is on unless a program switches it off.",
            "Take out set_multicast_loop_v4(false), or setsockopt(IPPROTO_IP, \
             IP_MULTICAST_LOOP, 0) in Python. To say it openly, set it to true or 1.",
        ])
        .by_hand("ss -uan --inet-sockopt (while it waits: mc_loop)"),
        Check::new(
            "discovery_probe.lists_who_answers",
            "lists everybody who answers within 2 s, and ends",
            lists_who_answers,
        )
        .needs(&["discovery_probe.asks_the_group"])
        .sheet(DISCOVERY)
        .hints(HINTS_PROBE)
        .by_hand("cargo run -p discovery_responder"),
        Check::new(
            "discovery_probe.listens_for_two_seconds",
            "lists an answer that comes 1.3 s late, and ends though answers go on",
            listens_for_two_seconds,
        )
        .needs(&["discovery_probe.lists_who_answers"])
        .timing()
        .sheet(DISCOVERY)
        .hints(&[
            "When do the 2 s begin: with the question, or with the last answer?",
            "A timeout of the socket is that of one call of recv, and each call begins \
             anew. The 2 s are those of all calls together.",
            "Note the end once, in front of the loop: Instant::now() + 2 s, or \
             time.monotonic() + 2 in Python. Before each recv set the timeout to what \
             is left of it, and leave the loop when nothing is.",
        ])
        .by_hand("cargo run -p discovery_responder"),
    ]
}

fn frames() -> Vec<Check> {
    vec![
        Check::new(
            "frame_receiver.listens",
            "has a UDP socket on the host and port that it is given",
            listens,
        )
        .sheet(FRAMES)
        .hints(HINTS_LISTENS)
        .by_hand("ss -uln | grep 5004"),
        Check::new(
            "frame_receiver.survives_noise",
            "goes on after datagrams that are no frames",
            |exam| {
                let mut receiver = exam.udp_server()?;
                let sender = exam.udp()?;
                for noise in [&b""[..], b"\xff\xfe\x80", b"FRM1", &exam.bytes(2000)] {
                    sender.send_to(noise, receiver.addr())?;
                }
                match receiver.wait_exit(Duration::from_millis(500)) {
                    Ok(exit) => Err(Failure::new("it runs on", exit.to_string()).into()),
                    Err(_) => Ok(()), // It did not end, as it should.
                }
            },
        )
        .needs(&["frame_receiver.listens"])
        .sheet(FRAMES)
        .hints(HINTS_BYTES)
        .by_hand("printf '\\377' | nc -u -q 0 127.0.0.1 5004")
        .timing(),
        Check::new(
            "frame_sender.sends_a_stream",
            "sends a stream of different frames and ends with status 0",
            |exam| {
                let receiver = exam.udp()?;
                let mut sender = exam.client(receiver.addr()?)?;
                let mut frames = Vec::new();
                for _ in 0..10 {
                    frames.push(receiver.receive_within(START_TIME)?.0);
                }
                if frames.windows(2).any(|pair| pair.first() == pair.last()) {
                    let expected = "each frame has its own number";
                    return Err(Failure::new(expected, "two frames are alike").into());
                }
                ends_well(&mut sender)
            },
        )
        .sheet(FRAMES)
        .hints(HINTS_FRAMES)
        .by_hand("cargo run -p frame_sender"),
    ]
}

/// How long a program may take to start and to do its first deed, on a busy machine.
const START_TIME: Duration = Duration::from_secs(20);
/// After this time without an answer a question is asked again: a server may answer from a
/// fresh socket each time, and between two of them a datagram finds nobody (F29).
const ASK_AGAIN: Duration = Duration::from_millis(2500);

/// Sends a datagram and returns its answer, which comes from the port that was asked.
fn answer(client: &Udp, server: &Program, question: &[u8]) -> Result<Vec<u8>, Stop> {
    client.send_to(question, server.addr())?;
    let (answer, from) = match client.receive_within(ASK_AGAIN) {
        Err(Stop::Failed(_)) => {
            client.send_to(question, server.addr())?;
            client.receive()?
        }
        other => other?,
    };
    if from.port() == server.addr().port() {
        return Ok(answer);
    }
    let expected = "the answer comes from the port that was asked";
    Err(Failure::new(expected, "it comes from another port").into())
}

/// Sends a datagram and expects this answer.
fn ask(
    client: &Udp,
    server: &Program,
    question: impl AsRef<[u8]>,
    expected: impl AsRef<[u8]>,
) -> Verdict {
    let got = answer(client, server, question.as_ref())?;
    match got == expected.as_ref() {
        true => Ok(()),
        false => Err(Failure::bytes(expected.as_ref(), &got).into()),
    }
}

/// A long text, shorter ones, and one with a NUL, which ends texts in C and nowhere else.
fn texts(exam: &mut Exam) -> [String; 4] {
    [
        format!("Grüße {}", exam.word(40)),
        format!("Grüße {}", exam.word(8)),
        format!("Grüße {}\0 {}", exam.word(4), exam.word(8)),
        exam.word(5),
    ]
}

/// Expects a line with this text, up to its end, and with nothing of the first of all.
fn prints_alone(program: &mut Program, text: &str, all: &[String; 4]) -> Verdict {
    let behind_nul = text.split('\0').next_back().unwrap_or(text);
    program.wait_for_output(behind_nul)?;
    let [first, ..] = all;
    let rest = first.get(first.len() - 8..).unwrap_or_default();
    if text == first {
        return Ok(());
    }
    let alone = |line: &str| line.contains(behind_nul) && !line.contains(rest);
    if program.printed().lines().any(alone) {
        return Ok(());
    }
    let expected =
        format!("a line with {behind_nul:?} and no more of the datagram before");
    program
        .wait_for_printed(&expected, |printed| printed.lines().any(alone))
        .map_err(common::because(
            "the buffer still holds the datagram before: only what came now counts",
        ))
}

/// It ends by itself with status 0.
fn ends_well(program: &mut Program) -> Verdict {
    match program.wait_exit(START_TIME)? {
        Exit::Status(0) => Ok(()),
        exit => Err(Failure::new("exit status 0", exit.to_string()).into()),
    }
}

/// The answer of `udp_server`.
fn numbered(number: u32) -> String {
    format!("Received! Message #{number}")
}

fn says_who_sent_what(exam: &mut Exam) -> Verdict {
    let mut receiver = exam.udp_server()?;
    let [polite, silent] = [exam.udp_named("polite")?, exam.udp_named("silent")?];
    let text = format!("  aB {} ", exam.word(8));
    for (sender, text) in [(&polite, text.as_str()), (&silent, "")] {
        sender.send_to(text, receiver.addr())?;
        receiver.wait_for_output(text)?;
        names_the_sender(&mut receiver, sender)?;
    }
    Ok(())
}

fn names_the_sender(receiver: &mut Program, sender: &Udp) -> Verdict {
    let addr = sender.addr()?;
    let port = addr.port().to_string();
    let expected = format!("a line with the sender, {addr}");
    receiver.wait_for_printed(&expected, |printed| printed.contains(&port))
}

/// It has a UDP socket on the port that it is given, and on loopback only.
fn listens(exam: &mut Exam) -> Verdict {
    let server = exam.udp_server()?;
    for addr in server.bound_udp().unwrap_or_default() {
        if addr.port() == server.addr().port() && !addr.ip().to_canonical().is_loopback()
        {
            let expected = format!("it listens on {}", server.addr());
            return Err(Failure::new(expected, format!("it listens on {addr}"))
                .cause("0.0.0.0 and :: mean every network that this machine is in")
                .into());
        }
    }
    Ok(())
}

/// A datagram that is not UTF-8 harms nobody (C1); what its sender gets is free (F14).
fn survives_bytes(exam: &mut Exam, reply: fn(u32, &str) -> String) -> Verdict {
    let server = exam.udp_server()?;
    // It lives on: whether an answer that finds nobody does harm is another check.
    let noise = exam.udp_named("noise")?;
    noise.send_to(b"\xff\xfe\x80", server.addr())?;
    answers_with_some_number(exam, &server, reply)
}

/// The largest datagram harms nobody (E2). Whether it is answered is free: what has to be
/// added may not fit any more.
fn survives_the_largest(exam: &mut Exam, reply: fn(u32, &str) -> String) -> Verdict {
    // 65,535, less 20 bytes of an IPv4 header and 8 of UDP's. macOS sends 9,216 at most,
    // unless it is told otherwise.
    const LENGTHS: [usize; 3] = [65_507, 9_216, 8_192];
    let server = exam.udp_server()?;
    let large = exam.udp_named("large")?;
    let bytes = exam.word(65_507).into_bytes();
    let fits = |len: &usize| {
        let part = bytes.get(..*len).unwrap_or_default();
        large.socket().send_to(part, server.addr()).is_ok()
    };
    match LENGTHS.into_iter().find(fits) {
        Some(len) => exam.note(&format!("large: > {len} bytes")),
        None => exam.note("this system sends no large datagrams"),
    }
    answers_with_some_number(exam, &server, reply)
}

/// Clients that are gone when their answer comes harm nobody (E2).
fn survives_the_gone(exam: &mut Exam, reply: fn(u32, &str) -> String) -> Verdict {
    let server = exam.udp_server()?;
    for _ in 0..3 {
        // The socket is closed at once: the answer finds no port and comes back as ICMP.
        exam.udp_named("gone")?
            .send_to(exam.word(8), server.addr())?;
    }
    answers_with_some_number(exam, &server, reply)?;
    answers_with_some_number(exam, &server, reply)
}

/// It answers a well-behaved client; whether it has counted the others is free.
fn answers_with_some_number(
    exam: &mut Exam,
    server: &Program,
    reply: fn(u32, &str) -> String,
) -> Verdict {
    let client = exam.udp_named("next")?;
    let word = exam.word(8);
    let got = answer(&client, server, word.as_bytes())?;
    if (1..=9).any(|number| reply(number, &word).as_bytes() == got) {
        return Ok(());
    }
    Err(Failure::bytes(reply(1, &word).as_bytes(), &got).into())
}

/// Ctrl-C ends it; its words and its status are free (F21).
fn ends_on_ctrl_c(mut server: Program) -> Verdict {
    server.interrupt();
    server.wait_exit(Duration::from_secs(5)).map(drop)
}

/// A port in use is an error: status not 0, a message, no panic (C6).
fn port_in_use(exam: &mut Exam) -> Verdict {
    let occupied = exam.udp()?;
    let mut server = exam.launch().port(occupied.addr()?.port()).unready()?;
    let exit = server.wait_exit(START_TIME)?;
    if exit == Exit::Status(0) {
        let expected = "an exit status that is not 0, since the port is in use";
        return Err(Failure::new(expected, "exit status 0").into());
    }
    server.expect_no_panic()?;
    if server.printed().trim().is_empty() {
        let expected = "a message that the port is in use";
        return Err(Failure::new(expected, "it printed nothing").into());
    }
    Ok(())
}

/// Waits for a datagram with these bytes.
/// Something beside the line that says where the datagram went.
fn says_that_nobody_is_there(exam: &mut Exam) -> Verdict {
    let mut client = exam.client(exam.unused_addr()?)?;
    client.close_stdin();
    client.wait_exit(START_TIME)?;
    client.expect_no_crash()?;
    let printed = client.printed();
    let sent_to = |line: &str| match line.split_once("Sent to ") {
        Some((_, place)) => !place.trim().contains(' '),
        None => line.trim().is_empty(),
    };
    if printed.lines().all(sent_to) {
        let expected = "a message that no reply came";
        let got = match printed.trim() {
            "" => "it printed nothing",
            _ => "no line but Sent to and the address",
        };
        return Err(Failure::new(expected, got).into());
    }
    Ok(())
}

fn expect_datagram(socket: &Udp, expected: &[u8]) -> Result<SocketAddr, Stop> {
    let (got, from) = socket.receive_within(START_TIME)?;
    match got == expected {
        true => Ok(from),
        false => Err(Failure::bytes(expected, &got).into()),
    }
}

/// A client without an answer ends 5 s (2.5 to 7.5) later, says so, and not with 0 (C12).
fn gives_up(client: &mut Program) -> Verdict {
    let asked = Instant::now();
    let exit = client.wait_exit(Duration::from_millis(7500))?;
    let waited = asked.elapsed();
    if waited < Duration::from_millis(2500) {
        let got = format!("it gave up after {:.1} s", waited.as_secs_f32());
        return Err(Failure::new("it waits 5 s for the reply", got).into());
    }
    client.expect_no_crash()?;
    if exit == Exit::Status(0) {
        let expected = "an exit status that is not 0, since no reply came";
        return Err(Failure::new(expected, "exit status 0").into());
    }
    Ok(())
}

/// The group of the discovery labs.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 42, 99);

/// Sends to the group through loopback, and through the card that the system prefers: a
/// program may have joined on either.
fn send_to_group(socket: &Udp, addr: SocketAddr, bytes: &[u8]) {
    let group = SocketAddrV4::new(GROUP, addr.port());
    let options = SockRef::from(socket.socket());
    for card in [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED] {
        // A machine without a network has no other card: then loopback is enough.
        if options.set_multicast_if_v4(&card).is_ok() {
            let _ = socket.socket().send_to(bytes, group);
        }
    }
}

/// Asks the group and returns the answer, which must be `HERE NAME h:p`.
fn ask_the_group(
    exam: &mut Exam,
    responder: &Program,
    question: &[u8],
) -> Result<String, Stop> {
    let asker = exam.udp_named("asker")?;
    asks_the_group(exam, &asker, responder, question)
}

fn asks_the_group(
    exam: &Exam,
    asker: &Udp,
    responder: &Program,
    question: &[u8],
) -> Result<String, Stop> {
    exam.note(&format!(
        "asker asks {GROUP}, port {}",
        responder.addr().port()
    ));
    // It has its socket, but joins the group a moment later: ask until it can hear.
    for _ in 0..20 {
        send_to_group(asker, responder.addr(), question);
        let Ok((answer, _)) = asker.receive_within(Duration::from_millis(250)) else {
            continue;
        };
        let text = String::from_utf8_lossy(&answer).into_owned();
        let words: Vec<&str> = text.split(' ').collect();
        return match words.as_slice() {
            ["HERE", name, place] if !name.is_empty() => match place.strip_suffix('\n') {
                Some(place) if place.parse::<SocketAddr>().is_ok() => Ok(text),
                _ => {
                    Err(Failure::new("an address with port, and a line end", text).into())
                }
            },
            _ => Err(Failure::new("HERE, a name and an address", text).into()),
        };
    }
    Err(Failure::new("an answer to WHO", "nothing within 5 s").into())
}

/// Neither everybody's address, as 0.0.0.0 and a group are, nor nobody's, nor the asker's.
fn gives_its_address(exam: &mut Exam) -> Verdict {
    let responder = exam.udp_server()?;
    let asker = exam.udp_named("asker")?;
    let answer = asks_the_group(exam, &asker, &responder, b"WHO\n")?;
    let place = answer.split_whitespace().last().unwrap_or_default();
    let place: Option<SocketAddr> = place.parse().ok();
    let is_somebodys = place.is_some_and(|addr| {
        let is_broadcast = addr.ip() == IpAddr::V4(Ipv4Addr::BROADCAST);
        !addr.ip().is_unspecified() && !addr.ip().is_multicast() && !is_broadcast
    });
    let answer = answer.trim_end();
    if !is_somebodys {
        return Err(Failure::new("the address of a machine", answer).into());
    }
    if place.is_some_and(|addr| addr.port() == 0) {
        let failure = Failure::new("the port of a program", answer);
        let cause = "port 0 asks for any free port when one binds; nobody listens there";
        return Err(failure.cause(cause).into());
    }
    if place == Some(asker.addr()?) {
        let failure = Failure::new("the responder's own address", answer);
        let cause = "it is the asker's: the address that came with the question";
        return Err(failure.cause(cause).into());
    }
    Ok(())
}

/// One datagram, one answer, whoever has asked before.
fn answers_each_question_once(exam: &mut Exam) -> Verdict {
    let responder = exam.udp_server()?;
    ask_the_group(exam, &responder, b"WHO\n")?; // It is in the group now.
    let asker = exam.udp_named("same asker")?;
    let options = SockRef::from(asker.socket());
    let group = SocketAddrV4::new(GROUP, responder.addr().port());
    // Through one card at a time: who has joined on both is asked twice by two questions.
    for card in [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED] {
        let mut answers = 0;
        for _ in 0..2 {
            let is_sent = options.set_multicast_if_v4(&card).is_ok()
                && asker.socket().send_to(b"WHO\n", group).is_ok();
            exam.note("the same asker asks the group");
            if !is_sent || asker.receive_within(ASK_AGAIN).is_err() {
                break;
            }
            answers += 1;
            asker
                .expect_silence(Duration::from_millis(300))
                .map_err(common::because("one question gets more than one answer"))?;
        }
        match answers {
            0 => {} // It has joined on the other card.
            1 => {
                let expected = "an answer to the second question of the same asker";
                return Err(Failure::new(expected, "none within 2.5 s").into());
            }
            _ => return Ok(()),
        }
    }
    Err(Failure::new("an answer to WHO", "nothing within 2.5 s").into())
}

/// The second answers when the first has gone: then it has been there all the time.
fn shares_its_port(exam: &mut Exam) -> Verdict {
    let mut first = exam.udp_server()?;
    ask_the_group(exam, &first, b"WHO\n")?;
    let port = first.addr().port();
    let mut second = exam.launch().port(port).unready()?;
    let give_up = Instant::now() + START_TIME;
    let is_there = |addrs: Vec<SocketAddr>| addrs.iter().any(|addr| addr.port() == port);
    while !second.bound_udp().is_none_or(is_there) {
        if !second.runs()? || Instant::now() > give_up {
            let expected = "the second one has a socket on the port, too";
            return Err(Failure::new(expected, facts::short(&second.printed()))
                .cause("whoever shares a port has to say so before bind")
                .into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    first.kill();
    ask_the_group(exam, &second, b"WHO\n").map(drop)
}

/// Plays a responder: a socket that hears the group on this port.
fn group_member(exam: &Exam, port: u16) -> Result<Udp, Stop> {
    let member = || -> std::io::Result<UdpSocket> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        socket.set_reuse_address(true)?;
        // Bound to the group, it hears nothing that is sent to one machine alone.
        let addr = if cfg!(unix) {
            GROUP
        } else {
            Ipv4Addr::UNSPECIFIED
        };
        socket.bind(&SocketAddrV4::new(addr, port).into())?;
        let socket = UdpSocket::from(socket);
        socket.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST)?;
        // Also on the preferred card, where there is one.
        let _ = socket.join_multicast_v4(&GROUP, &Ipv4Addr::UNSPECIFIED);
        Ok(socket)
    };
    match member() {
        Ok(socket) => Ok(exam.udp_of(socket, "group")),
        Err(error) => Err(Stop::grader("cannot join a multicast group", &error)),
    }
}

/// The loopback interface gives everything back, whatever the option says, so only the
/// kernel's table shows it: `ss` of iproute2 prints it, from Linux 5.10.
fn leaves_the_loop_on(exam: &mut Exam) -> Verdict {
    let addr = exam.unused_addr()?;
    let group = group_member(exam, addr.port())?;
    let _probe = exam.client(addr)?;
    let (_, asker) = group.receive_within(START_TIME)?;
    let filter = format!("sport = :{}", asker.port());
    let output = Command::new("ss")
        .args(["-uan", "--inet-sockopt", &filter])
        .output();
    let table = output.map_or(String::new(), |output| {
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    match table.split_once("inet-sockopt:") {
        Some((_, options)) if !options.contains("mc_loop") => {
            let got = format!("its socket has the options {}", options.trim());
            Err(Failure::new("its socket has the option mc_loop", got).into())
        }
        Some(_) => Ok(()),
        None => {
            exam.note("ss does not show the options of its socket here");
            Ok(())
        }
    }
}

/// Answers come all the time: the second one, after 1.3 s, belongs to the list, and the
/// program ends all the same.
fn listens_for_two_seconds(exam: &mut Exam) -> Verdict {
    const PAUSE: Duration = Duration::from_millis(650);
    const AT_MOST: Duration = Duration::from_secs(8);
    let addr = exam.unused_addr()?;
    let group = group_member(exam, addr.port())?;
    let mut probe = exam.client(addr)?;
    let (_, asker) = group.receive_within(START_TIME)?;
    let asked = Instant::now();
    let names: Vec<String> = (0..12).map(|_| exam.word(8)).collect();
    let mut answers = names.iter().zip(1..);
    let mut next = answers.next();
    while probe.runs()? && asked.elapsed() < AT_MOST {
        if let Some((name, number)) = next
            && asked.elapsed() >= PAUSE * number
        {
            group.send_to(format!("HERE {name} 127.0.0.1:8080\n"), asker)?;
            next = answers.next();
        }
        // Time is what is measured here; there is no event to wait for.
        std::thread::sleep(Duration::from_millis(5));
    }
    if probe.runs()? {
        let expected = "it ends 2 s after its question, whoever still answers";
        let got = format!("it still runs after {} s", AT_MOST.as_secs());
        return Err(Failure::new(expected, got)
            .cause(
                "each answer begins a new wait: the end is that of one recv, not of all",
            )
            .into());
    }
    for (name, number) in names.iter().zip(1..).take(2) {
        let late = (PAUSE * number).as_secs_f32();
        let expected = format!("it prints {name:?}, which answers after {late:.2} s");
        probe
            .wait_for_printed(&expected, |printed| printed.contains(name))
            .map_err(common::likely("it listens for less than 2 s"))?;
    }
    probe.expect_exit(0)
}

fn lists_who_answers(exam: &mut Exam) -> Verdict {
    let addr = exam.unused_addr()?;
    let group = group_member(exam, addr.port())?;
    let mut probe = exam.client(addr)?;
    let (_, asker) = group.receive_within(START_TIME)?;
    let (first, second) = (exam.word(8), exam.word(8));
    // A port is open to all, and not all bytes are text (C1).
    group.send_to(b"\xff\xfe\x80", asker)?;
    for (name, place) in [(&first, "127.0.0.1:8080"), (&second, "127.0.0.1:9090")] {
        let answer = format!("HERE {name} {place}\n");
        group.send_to(answer, asker)?;
    }
    for text in [first.as_str(), &second, "127.0.0.1:8080", "127.0.0.1:9090"] {
        probe.wait_for_output(text)?;
    }
    match probe.wait_exit(Duration::from_secs(8))? {
        Exit::Status(0) => Ok(()),
        exit => Err(Failure::new("exit status 0", exit.to_string()).into()),
    }
}
