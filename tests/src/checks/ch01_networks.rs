//! Chapter 1: what its program must do.

use std::net::{IpAddr, SocketAddr};

use super::facts;
use crate::harness::escape;
use crate::harness::prelude::*;

/// The checks of the chapter.
pub fn checks() -> Vec<Check> {
    let field_by_field = "labs/01_networks.md#step-1-wrap-a-message";
    let capture = "labs/01_networks.md#step-3-open-it-in-wireshark";
    vec![
        Check::new(
            "layers.shows_the_fields",
            "shows ports, addresses, TTL and protocol of the headers by name",
            shows_the_fields,
        )
        .sheet(field_by_field)
        .hints(HINTS_FIELDS)
        .by_hand("cargo run -p layers -- hello --from 10.0.0.1:5000 --to 10.0.0.2:80"),
        Check::new(
            "layers.writes_a_capture",
            "writes a capture with one Ethernet frame that ends with the message",
            |exam| {
                let message = exam.word(21);
                let case = Case::new(exam, &message, "tcp");
 let capture = capture_of(exam, &case)?;
                let frame = capture.only_frame()?;
                expect_bytes("the EtherType", &[0x08, 0x00], slice(frame, 12..14)?)?;
                expect_bytes("version and IHL", &[0x45], slice(frame, 14..15)?)?;
                expect_bytes("protocol", &[6], slice(frame, 23..24)?)?;
                expect_bytes("the message", message.as_bytes(), slice(frame, 54..frame.len())?)
            },
        )
        .points(2)
        .sheet(capture)
        .hints(HINTS_CAPTURE)
        .by_hand("cargo run -p layers -- hello --pcap hello.pcap; tshark -r hello.pcap -V"),
        Check::new(
            "layers.total_length_is_right",
            "writes the number of bytes of header and payload into the total length",
            |exam| {
                for len in [0, 1, 2, 700] {
                    let message = exam.word(len);
                    let case = Case::new(exam, &message, "tcp");
 let capture = capture_of(exam, &case)?;
                    let total = u16::try_from(40 + len).unwrap_or(0).to_be_bytes();
                    let frame = capture.only_frame()?;
                    expect_bytes("the total length", &total, slice(frame, 16..18)?)?;
                }
                Ok(())
            },
        )
        .deadline(Duration::from_secs(60)) // it starts several times
        .needs(&["layers.writes_a_capture"])
        .sheet(field_by_field)
        .hints(HINTS_LENGTH)
        .by_hand("tshark -r hello.pcap -T fields -e ip.len -e frame.len"),
        Check::new(
            "layers.ip_checksum_is_right",
            "computes the checksum of the IPv4 header",
            |exam| {
                for _ in 0..3 {
                    let len = exam.rng().usize(1..40);
                    let message = exam.word(len);
                    let case = Case::new(exam, &message, "tcp");
 let capture = capture_of(exam, &case)?;
                    let header = slice(capture.only_frame()?, 14..34)?;
                    expect_sum("the IPv4 header", header)?;
                }
                Ok(())
            },
        )
        .deadline(Duration::from_secs(60)) // it starts several times
        .needs(&["layers.writes_a_capture"])
        .points(2)
        .sheet("labs/01_networks.md#step-4-add-up-a-checksum")
        .hints(HINTS_SUM)
        .by_hand("tshark -o ip.check_checksum:TRUE -r hello.pcap -V | grep -i checksum"),
        Check::new(
            "layers.tcp_checksum_is_right",
            "computes the checksum of the TCP segment, also of odd length",
            |exam| transport_checksum(exam, "tcp"),
        )
        .deadline(Duration::from_secs(60)) // it starts several times
        .needs(&["layers.writes_a_capture"])
        .points(2)
        .sheet("labs/01_networks.md#step-4-add-up-a-checksum")
        .hints(HINTS_SUM)
        .by_hand("tshark -o tcp.check_checksum:TRUE -r hello.pcap -V | grep -i checksum"),
        Check::new(
            "layers.wraps_in_udp",
            "wraps in UDP with --protocol udp, with its length and checksum",
            |exam| {
                transport_checksum(exam, "udp")?;
                let message = exam.word(33);
                let case = Case::new(exam, &message, "udp");
                let capture = capture_of(exam, &case)?;
                let frame = capture.only_frame()?;
                expect_bytes("protocol", &[17], slice(frame, 23..24)?)?;
                let port = case.to.port().to_be_bytes();
                expect_bytes("the destination port", &port, slice(frame, 36..38)?)?;
                expect_bytes("the length", &[0, 41], slice(frame, 38..40)?)
            },
        )
        .deadline(Duration::from_secs(60)) // it starts several times
        .needs(&["layers.writes_a_capture"])
        .points(2)
        .sheet("labs/01_networks.md#step-2-tcp-or-udp")
        .hints(HINTS_UDP)
        .by_hand("cargo run -p layers -- hello --protocol udp --pcap hello.pcap"),
        Check::new(
            "layers.takes_the_ttl",
            "writes the TTL that --ttl gives into the header",
            |exam| {
                let ttl = exam.rng().u8(2..).to_string();
                let message = exam.word(5);
                let mut case = Case::new(exam, &message, "udp");
                case.extra = vec!["--ttl".to_owned(), ttl.clone()];
                let frame = capture_of(exam, &case)?;
                let wanted = [ttl.parse().unwrap_or(0)];
                expect_bytes("the TTL", &wanted, slice(frame.only_frame()?, 22..23)?)
            },
        )
        .needs(&["layers.writes_a_capture"])
        .sheet(field_by_field)
        .hints(&[
            "Start your program with --ttl 3 and look into the capture: which TTL stands \
             there?",
            "The TTL is the ninth byte of the IPv4 header, and the checksum of the \
             header covers it.",
            "Write the number of --ttl into that byte (offset 8), and compute the \
             checksum when it is in its place.",
        ])
        .by_hand("cargo run -p layers -- hello --ttl 3"),
        Check::new(
            "layers.wraps_in_ipv6",
            "wraps in IPv6 between IPv6 addresses",
            wraps_in_ipv6,
        )
        .needs(&["layers.writes_a_capture"])
        .points(2)
        .sheet("labs/01_networks.md#step-5-the-same-over-ipv6")
        .hints(HINTS_V6)
        .by_hand("cargo run -p layers -- hello --from [::1]:5000 --to [::1]:80"),
        Check::new(
            "layers.cuts_what_is_too_long",
            "cuts a packet that is longer than --mtu, if it knows that, into fragments that join again",
            fragments,
        )
        .needs(&["layers.wraps_in_udp"])
        .points(2)
        .sheet("labs/01_networks.md#step-6-a-message-that-is-too-long")
        .hints(HINTS_FRAGMENTS)
        .by_hand("cargo run -p layers -- --mtu 68 --protocol udp \"a longer message than this one, please, and a bit more\""),
        Check::new(
            "layers.refuses_two_families",
            "refuses to send from an IPv4 to an IPv6 address",
            |exam| facts::refuses(exam, &["x", "--from", "10.0.0.1:1", "--to", "[::1]:2"]),
        )
        .needs(&["layers.wraps_in_ipv6"])
        .sheet("labs/01_networks.md#step-5-the-same-over-ipv6")
        .hints(&[
            "How long would the addresses of such a packet be: 4 bytes or 16?",
            "One IP header holds two addresses of one family. There is no packet from an \
             IPv4 to an IPv6 address.",
            "Compare the families of --from and --to before you build anything \
             (is_ipv4() in Rust, the version of an address in Python's ipaddress). If \
             they differ, print an error and end with a status that is not 0.",
        ])
        .by_hand("cargo run -p layers -- --from 10.0.0.1:1 --to [::1]:2; echo $?"),
    ]
}

const HINTS_FIELDS: &[&str] = &[
    "The names of the fields are those of the sheet: Source port, TTL, Protocol …",
    "Print one line a field: its name, a colon, its value.",
    "The values come from the arguments, not from the example on the sheet.",
];
const HINTS_CAPTURE: &[&str] = &[
    "A capture file begins with 24 bytes: the magic number a1b2c3d4 is the first four.",
    "In front of each frame stand 16 bytes: seconds, microseconds, length, length.",
    "The link type 1 is Ethernet. The frame begins with the two MAC addresses.",
];
const HINTS_LENGTH: &[&str] = &[
    "Which bytes does the total length count? The Ethernet header is not among them.",
    "It is 20 for IPv4, plus 20 for TCP (or 8 for UDP), plus the message, in bytes.",
    "Take the length of the encoded message (len()), add the headers, and write it with \
     two bytes, most significant first, at bytes 2 and 3 of the IPv4 header.",
];
const HINTS_SUM: &[&str] = &[
    "Add 16-bit words, most significant byte first; add what falls out at the top.",
    "The checksum field itself counts as zero while you add; the result is inverted.",
    "TCP and UDP also cover a pseudo header; a last odd byte is the high half of a word.",
];
const HINTS_UDP: &[&str] = &[
    "The header of UDP has four fields of two bytes each.",
    "Its length counts the 8 bytes of the header too. Its protocol number is 17.",
    "Write source port, destination port, length and checksum with to_be_bytes \
     (struct.pack(\"!HHHH\") in Python). A checksum that comes out as 0 is sent as ffff.",
];
const HINTS_V6: &[&str] = &[
    "The header of IPv6 has 40 bytes and no checksum of its own.",
    "Its length field counts what follows the header. The EtherType is 86dd.",
    "The pseudo header has the 32 bytes of addresses, a 4-byte length, and the protocol.",
];
const HINTS_FRAGMENTS: &[&str] = &[
    "Only the first fragment has the UDP header: IP cuts what it was given to carry.",
    "The offset counts in units of 8 bytes: all pieces but the last are such a multiple.",
    "All pieces but the last say that more follow. Each has a checksum of its own.",
];

/// One message from somewhere to somewhere.
struct Case {
    message: String,
    protocol: &'static str,
    from: SocketAddr,
    to: SocketAddr,
    extra: Vec<String>,
}

impl Case {
    fn new(exam: &mut Exam, message: &str, protocol: &'static str) -> Case {
        let rng = exam.rng();
        let mut addr = || {
            let ip = IpAddr::from([10, rng.u8(..), rng.u8(..), rng.u8(1..255)]);
            SocketAddr::new(ip, rng.u16(1..))
        };
        Case {
            message: message.to_owned(),
            protocol,
            from: addr(),
            to: addr(),
            extra: Vec::new(),
        }
    }

    fn args(&self, pcap: &str) -> Vec<String> {
        let mut args = vec![self.message.clone()];
        for (flag, value) in [
            ("--protocol", self.protocol),
            ("--from", &self.from.to_string()),
            ("--to", &self.to.to_string()),
            ("--pcap", pcap),
        ] {
            args.extend([flag.to_owned(), value.to_owned()]);
        }
        args.extend(self.extra.clone());
        args
    }
}

fn shows_the_fields(exam: &mut Exam) -> Verdict {
    let message = exam.word(12);
    for protocol in ["tcp", "udp"] {
        let mut case = Case::new(exam, &message, protocol);
        let ttl = exam.rng().u8(2..).to_string();
        case.extra = vec!["--ttl".to_owned(), ttl.clone()];
        let args = case.args("shown.pcap");
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let output = facts::run(exam, &args)?;
        let number = if protocol == "tcp" { "6" } else { "17" };
        facts::expect(&output, "Source port", &case.from.port().to_string())?;
        facts::expect(&output, "Destination port", &case.to.port().to_string())?;
        facts::expect(&output, "Source address", &case.from.ip().to_string())?;
        facts::expect(&output, "Destination address", &case.to.ip().to_string())?;
        facts::expect(&output, "TTL", &ttl)?;
        facts::expect(&output, "Protocol", number)?;
    }
    Ok(())
}

/// The frames of a capture file.
struct Capture {
    frames: Vec<Vec<u8>>,
}

impl Capture {
    fn only_frame(&self) -> Result<&[u8], Stop> {
        match &self.frames[..] {
            [frame] => Ok(frame),
            frames => {
                let got = format!("{} frames", frames.len());
                Err(Failure::new("one frame in the capture", got).into())
            }
        }
    }
}

fn capture_of(exam: &Exam, case: &Case) -> Result<Capture, Stop> {
    let name = format!("lab{}.pcap", case.from.port());
    let args = case.args(&name);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    facts::run(exam, &args)?;
    let bytes = std::fs::read(exam.dir().join(&name)).map_err(|error| {
        Failure::new(format!("a capture file {name}"), format!("none: {error}"))
    })?;
    parse_pcap(&bytes)
}

fn parse_pcap(bytes: &[u8]) -> Result<Capture, Stop> {
    let big = match slice(bytes, 0..4)? {
        [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] => true,
        [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1] => false,
        other => {
            let got = escape(other);
            return Err(Failure::new("the magic number of a pcap file", got).into());
        }
    };
    let number = |at: usize| {
        let four = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
        let value = four.map(|four| match big {
            true => u32::from_be_bytes(*four),
            false => u32::from_le_bytes(*four),
        });
        value.and_then(|value| usize::try_from(value).ok())
    };
    if number(20).map(|link| link & 0xffff) != Some(1) {
        let got = format!("{:?}", number(20));
        return Err(Failure::new("link type 1 (Ethernet)", got).into());
    }
    let mut frames = Vec::new();
    let mut at = 24;
    while at < bytes.len() {
        let len = number(at + 8).unwrap_or(usize::MAX);
        if number(at + 12) != Some(len) {
            let wanted = "both lengths of a frame are its number of bytes";
            let got = format!("{len} and {:?}", number(at + 12));
            return Err(Failure::new(wanted, got).into());
        }
        frames.push(slice(bytes, at + 16..(at + 16).saturating_add(len))?.to_vec());
        at += 16 + len;
    }
    Ok(Capture { frames })
}

fn slice(bytes: &[u8], range: std::ops::Range<usize>) -> Result<&[u8], Stop> {
    bytes.get(range.clone()).ok_or_else(|| {
        let got = format!("{} bytes", bytes.len());
        Failure::new(format!("bytes {} to {}", range.start, range.end), got).into()
    })
}

fn expect_bytes(what: &str, wanted: &[u8], got: &[u8]) -> Verdict {
    if wanted == got {
        return Ok(());
    }
    let hex = |bytes: &[u8]| {
        let hex: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
        hex.join(" ")
    };
    Err(Failure::new(format!("{what}: {}", hex(wanted)), hex(got)).into())
}

/// The sum over bytes that hold their own right checksum is ffff (RFC 1071).
fn expect_sum(what: &str, covered: &[u8]) -> Verdict {
    let mut sum = 0_u64;
    for pair in covered.chunks(2) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u64::from(u16::from_be_bytes([high, low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    if sum == 0xffff {
        return Ok(());
    }
    let wanted = format!("{what} and its checksum add up to ffff");
    Err(Failure::new(wanted, format!("{sum:04x}")).into())
}

fn transport_checksum(exam: &mut Exam, protocol: &'static str) -> Verdict {
    let number = if protocol == "tcp" { 6 } else { 17 };
    let even = 2 * exam.rng().usize(1..100);
    for len in [even, even + 1, 0] {
        let message = exam.word(len);
        let case = Case::new(exam, &message, protocol);
        let capture = capture_of(exam, &case)?;
        let frame = capture.only_frame()?;
        let segment = slice(frame, 34..frame.len())?;
        let len = u16::try_from(segment.len()).unwrap_or(0);
        let mut covered = slice(frame, 26..34)?.to_vec();
        covered.extend([0, number]);
        covered.extend(len.to_be_bytes());
        covered.extend(segment);
        expect_sum(
            &format!("the pseudo header, the {protocol} header and {len} bytes"),
            &covered,
        )?;
        // Zero says "no checksum" (RFC 768).
        if number == 17 && slice(segment, 6..8)? == [0, 0] {
            return Err(Failure::new("a UDP checksum", "0: none").into());
        }
    }
    Ok(())
}

fn wraps_in_ipv6(exam: &mut Exam) -> Verdict {
    let message = exam.word(15);
    let mut case = Case::new(exam, &message, "udp");
    for addr in [&mut case.from, &mut case.to] {
        let word = exam.rng().u16(1..);
        addr.set_ip(IpAddr::from([0x2001, 0xdb8, word, 0, 0, 0, 0, 1]));
    }
    let capture = capture_of(exam, &case)?;
    let frame = capture.only_frame()?;
    expect_bytes("the EtherType", &[0x86, 0xdd], slice(frame, 12..14)?)?;
    expect_bytes("the payload length", &[0, 23], slice(frame, 18..20)?)?;
    expect_bytes("the next header", &[17], slice(frame, 20..21)?)?;
    for (addr, range) in [(case.from, 22..38), (case.to, 38..54)] {
        if let IpAddr::V6(ip) = addr.ip() {
            expect_bytes("an address", &ip.octets(), slice(frame, range)?)?;
        }
    }
    let mut covered = slice(frame, 22..54)?.to_vec();
    covered.extend([0, 0, 0, 23, 0, 0, 0, 17]);
    covered.extend(slice(frame, 54..frame.len())?);
    expect_sum(
        "the pseudo header of IPv6, the header and the message",
        &covered,
    )
}

fn fragments(exam: &mut Exam) -> Verdict {
    let len = exam.rng().usize(900..1200);
    let message = exam.word(len);
    let mut case = Case::new(exam, &message, "udp");
    case.extra = vec!["--mtu".to_owned(), "300".to_owned()];
    // The contract has no --mtu, only the sheet: a program may refuse it as wrong usage.
    let mut tried = exam.tool(&["x", "--protocol", "udp", "--mtu", "300"])?;
    if tried.wait_exit(Duration::from_secs(20))? == Exit::Status(2) {
        exam.note("it knows no --mtu");
        return Ok(());
    }
    let capture = capture_of(exam, &case)?;
    let mut whole = Vec::new();
    for (number, frame) in capture.frames.iter().enumerate() {
        let packet = slice(frame, 14..frame.len())?;
        if packet.len() > 300 {
            let got = format!("{} bytes", packet.len());
            return Err(Failure::new("packets of at most 300 bytes", got).into());
        }
        expect_sum("the IPv4 header of a fragment", slice(packet, 0..20)?)?;
        let mut field = u16::try_from(whole.len() / 8).unwrap_or(0);
        if number + 1 < capture.frames.len() {
            field |= 0x2000;
        }
        let field = field.to_be_bytes();
        expect_bytes(
            "flags and offset of a fragment",
            &field,
            slice(packet, 6..8)?,
        )?;
        whole.extend(slice(packet, 20..packet.len())?);
    }
    expect_bytes(
        "the length of all",
        &(whole.len() as u64).to_be_bytes(),
        &(8 + len as u64).to_be_bytes(),
    )?;
    expect_bytes(
        "the joined message",
        message.as_bytes(),
        slice(&whole, 8..whole.len())?,
    )
}
