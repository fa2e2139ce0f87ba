//! udp_receiver and udp_sender.

use super::*;

const ONE_WAY: &str = "labs/09_udp.md#step-5-send-and-forget";
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

pub(super) fn checks() -> Vec<Check> {
    let mut checks = udp_receiver();
    checks.extend(udp_sender());
    checks
}

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
