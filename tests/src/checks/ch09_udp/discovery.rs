//! discovery_responder and discovery_probe.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::process::Command;

use socket2::{Domain, SockRef, Socket, Type};

use super::*;

const DISCOVERY: &str = "labs/09_udp.md#step-6-who-is-there";
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

pub(super) fn checks() -> Vec<Check> {
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
