//! Chapter 2: what its programs must do.

#![expect(
    clippy::indexing_slicing,
    reason = "all indices are into headers and lists of known length built here"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::facts::{self, expect, expect_line};
use crate::harness::prelude::*;

/// The checks of the chapter.
pub fn checks() -> Vec<Check> {
    let mut checks = ip_header();
    checks.extend(subnet_calculator());
    checks.extend(ping());
    // Several starts of an interpreter take their time on a busy machine.
    let patient = |check: Check| check.deadline(Duration::from_secs(150));
    checks.into_iter().map(patient).collect()
}

fn ip_header() -> Vec<Check> {
    let decode = "labs/02_ip.md#step-1-decode-a-header";
    let build = "labs/02_ip.md#step-3-build-a-header";
    let options = "labs/02_ip.md#step-4-options-and-fragments";
    let v6 = "labs/02_ip.md#step-5-the-header-of-ipv6";
    let broken = "labs/02_ip.md#what-goes-wrong-and-why";
    let by_hand = "cargo run -p ip_header 4500003c1c4640004006b1e6ac100a63ac100a0c";
    vec![
        Check::new(
            "ip_header.decodes_the_fields",
            "decodes version, lengths, TTL, protocol, identification and addresses",
            decodes_the_fields,
        )
        .points(2)
        .sheet(decode)
        .hints(HINTS_DECODE)
        .by_hand(by_hand),
        Check::new(
            "ip_header.reads_stdin",
            "reads the header from standard input when it is given -",
            reads_stdin,
        )
        .needs(&["ip_header.decodes_the_fields"])
        .sheet(decode)
        .hints(&[
            "The argument - stands for standard input in most Unix tools.",
            "Read it to its end; spaces and line ends between the digits are allowed.",
            "Read with read_to_string on stdin (sys.stdin.read() in Python), take all \
             white space out, and go on as with an argument.",
        ])
        .by_hand("echo 4500 0014 0000 0000 4006 0000 7f00 0001 7f00 0001 | cargo run -p ip_header -- -"),
        Check::new(
            "ip_header.decodes_dscp_and_ecn",
            "decodes the six bits of DSCP and the two of ECN",
            |exam| {
                let mut header = V4::random(exam);
                header.bytes[1] = 0x2e << 2 | 1;
                let output = header.decode(exam)?;
                expect(&output, "DSCP", "46")?;
                expect(&output, "ECN", "1")
            },
        )
        .needs(&["ip_header.decodes_the_fields"])
        .sheet(decode)
        .hints(HINTS_BITS)
        .by_hand(by_hand),
        Check::new(
            "ip_header.decodes_flags_and_offset",
            "decodes the flags, and the fragment offset in bytes",
            |exam| {
                for (flag, name) in [(0x4000, "DF"), (0x2000, "MF")] {
                    let offset = exam.rng().u16(1..0x1fff);
                    let mut header = V4::random(exam);
                    header.bytes[6..8].copy_from_slice(&(flag | offset).to_be_bytes());
                    let output = header.decode(exam)?;
                    expect(&output, "Flags", name)?;
                    let offset = u32::from(offset) * 8;
                    expect(&output, "Fragment offset", &offset.to_string())?;
                }
                Ok(())
            },
        )
        .needs(&["ip_header.decodes_the_fields"])
        .points(2)
        .sheet(options)
        .hints(&[
            "Three bits of flags and thirteen bits of offset share two bytes.",
            "The offset counts in units of 8 bytes. Show it in bytes.",
            "Join bytes 6 and 7 to one number, most significant first. 4000 in it is DF, \
             2000 is MF, and the thirteen lower bits (AND 1fff) times 8 are the offset.",
        ])
        .by_hand(by_hand),
        Check::new(
            "ip_header.finds_a_good_checksum_good",
            "calls the checksum of an untouched header good",
            |exam| {
                let output = V4::random(exam).decode(exam)?;
                expect(&output, "Checksum", GOOD)
            },
        )
        .needs(&["ip_header.decodes_the_fields"])
        .sheet("labs/02_ip.md#step-2-the-checksum-by-hand")
        .hints(HINTS_CHECKSUM)
        .by_hand(by_hand),
        Check::new(
            "ip_header.sums_the_header_alone",
            "calls the checksum good also before a load, and where the carry makes another",
            |exam| {
                let mut header = V4::random(exam);
                let packet = [header.finished(), exam.bytes(40)].concat();
                let output = facts::run(exam, &[&hex(&packet)])?;
                expect(&output, "Checksum", GOOD)?;
                header.let_the_sum_carry_twice();
                expect(&header.decode(exam)?, "Checksum", GOOD)
            },
        )
        .needs(&["ip_header.finds_a_good_checksum_good"])
        .sheet("labs/02_ip.md#step-2-the-checksum-by-hand")
        .hints(&[
            "Which bytes does the checksum cover, and is the carry added once or until \
             there is none?",
            "The header alone: IHL words of 4 bytes, whatever stands behind them.",
            "While the sum is more than ffff, add what is above 16 bits to what is below: \
             the addition may make a carry of its own.",
        ])
        .by_hand("cargo run -p ip_header 4500003c1c4640004006b1e6ac100a63ac100a0c 01020304"),
        Check::new(
            "ip_header.finds_a_bad_checksum_bad",
            "calls the checksum of a damaged header bad",
            |exam| {
                // Not the version, the lengths: then it would be no header any more.
                for at in [1, 4, 8, 11, 15, 19] {
                    let header = V4::random(exam);
                    let mut bytes = header.finished();
                    bytes[at] ^= 1 << exam.rng().u8(..7);
                    let output = facts::run(exam, &[&hex(&bytes)])?;
                    expect(&output, "Checksum", BAD)?;
                }
                Ok(())
            },
        )
        .needs(&["ip_header.finds_a_good_checksum_good"])
        .points(2)
        .sheet("labs/02_ip.md#step-2-the-checksum-by-hand")
        .hints(HINTS_CHECKSUM)
        .by_hand("cargo run -p ip_header 4500003c1c4640003f06b1e6ac100a63ac100a0c"),
        Check::new(
            "ip_header.decodes_options",
            "decodes the options of an IPv4 header and covers them with the checksum",
            |exam| {
                let mut header = V4::random(exam);
                header.bytes[0] = 0x49;
                // No operation, router alert, record route with room for one address; the
                // end of the list, and padding.
                header.bytes.extend([1, 148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0]);
                header.bytes.extend([0; 4]);
                let output = header.decode(exam)?;
                for kind in ["148", "1", "7"] {
                    expect(&output, "Option", kind)?;
                }
                expect(&output, "IHL", "9")?;
                expect(&output, "Checksum", GOOD)
            },
        )
        .needs(&["ip_header.finds_a_good_checksum_good"])
        .points(2)
        .sheet(options)
        .hints(&[
            "The header is as long as IHL says: 4 bytes a word.",
            "Type 0 ends the list, type 1 is a single byte, all others have a length.",
            "The length of an option counts its type and its length byte too.",
        ])
        .by_hand("cargo run -p ip_header 46000018000000000001d4a0 7f0000017f000001 94040000"),
        Check::new(
            "ip_header.survives_broken_options",
            "comes to an end when an option has a length of 0 or 1, or one that is too long",
            |exam| {
                for len in [0, 1, exam.rng().u8(9..)] {
                    let mut header = V4::random(exam);
                    header.bytes[0] = 0x46;
                    header.bytes.extend([148, len, 0, 0]);
                    facts::survives(exam, &[&hex(&header.finished())])?;
                }
                Ok(())
            },
        )
        .needs(&["ip_header.decodes_options"])
        .sheet(options)
        .hints(&[
            "How far does your loop go when the length of an option is 0?",
            "A length counts the type and the length byte too: below 2, or beyond the end \
             of the header, it is wrong.",
            "Compare the length with 2 and with the bytes that are left before you step \
             over the option. If it does not fit, say so and end.",
        ])
        .by_hand("cargo run -p ip_header 46000018000000000001d4a0 7f0000017f000001 94000000"),
        Check::new(
            "ip_header.decodes_ipv6",
            "decodes the header of IPv6",
            decodes_ipv6,
        )
        .points(2)
        .sheet(v6)
        .hints(&[
            "The first four bits say which version it is: look at them first.",
            "The flow label has 20 bits: half of the second byte belongs to it.",
            "The payload length is bytes 4 and 5, then come next header and hop limit, \
             one byte each. The two addresses are the 16 bytes from 8 on and from 24 on.",
        ])
        .by_hand("cargo run -p ip_header 60000000000811402001 0db8000000000000000000000001 20010db8000000000000000000000002"),
        Check::new(
            "ip_header.decodes_class_and_flow",
            "shows traffic class and flow label of IPv6 as they are, if it shows them",
            decodes_class_and_flow,
        )
        .needs(&["ip_header.decodes_ipv6"])
        .sheet(v6)
        .hints(&[
            "How many bits has the version, and which ones follow it?",
            "The eight bits of the traffic class lie across two bytes: DSCP is the upper \
             six of them, ECN the lower two.",
            "Take the first four bytes as one number: shifted right by 20 and masked with \
             ff it is the traffic class, masked with fffff the flow label.",
        ])
        .by_hand("cargo run -p ip_header 6b9abcde00081140 20010db8000000000000000000000001 20010db8000000000000000000000002 0000000000000000"),
        Check::new(
            "ip_header.follows_extension_headers",
            "follows the extension headers of IPv6 to the upper layer",
            follows_extensions,
        )
        .needs(&["ip_header.decodes_ipv6"])
        .points(2)
        .sheet(v6)
        .hints(&[
            "Each extension header names the next one in its first byte.",
            "Its second byte is its length in words of 8, the first word not counted.",
            "A fragment header is always 8 bytes, whatever its second byte says.",
        ])
        .by_hand("labs/02_ip.md has a packet to try"),
        Check::new(
            "ip_header.builds_a_header",
            "builds an IPv4 header from fields, with the right checksum",
            builds,
        )
        .points(2)
        .sheet(build)
        .hints(&[
            "Print one line: Hex: and the bytes.",
            "Compute the checksum last, over a header with zeros in its place.",
            "Total length is 20 plus --payload-length, --dont-fragment is 40 00 in bytes \
             6 and 7. Numbers of two bytes go in with to_be_bytes (struct.pack with \
             \"!\" in Python).",
        ])
        .by_hand("cargo run -p ip_header build --source 10.0.0.1 --destination 10.0.0.2"),
        Check::new(
            "ip_header.refuses_what_is_no_header",
            "refuses a header that is cut, of another version, or with impossible lengths",
            |exam| {
                let whole = V4::random(exam).finished();
                let cut = exam.rng().usize(1..20);
                let mut ihl = whole.clone();
                ihl[0] = 0x44;
                let mut total = whole.clone();
                total[2..4].copy_from_slice(&[0, 19]);
                let mut options = whole.clone();
                options[0] = 0x4f;
                for bytes in [&whole[..cut], &ihl, &total, &options[..24.min(options.len())]] {
                    facts::refuses(exam, &[&hex(bytes)])?;
                }
                for version in [0, 5, 7] {
                    let mut other = whole.clone();
                    other[0] = version << 4 | 5;
                    facts::refuses(exam, &[&hex(&other)])?;
                }
                facts::refuses(exam, &[&hex(&[0x60; 39])])
            },
        )
        .points(2)
        .sheet(broken)
        .hints(HINTS_BROKEN)
        .by_hand("cargo run -p ip_header 4500; echo $?"),
        Check::new(
            "ip_header.refuses_what_is_not_hexadecimal",
            "refuses letters that are no digits, and an odd number of digits",
            |exam| {
                let whole = hex(&V4::random(exam).finished());
                facts::refuses(exam, &[&format!("{whole}zz")])?;
                facts::refuses(exam, &[&whole[1..]])?;
                facts::refuses(exam, &[&format!("{whole}0")])
            },
        )
        .sheet(broken)
        .hints(&[
            "What does your program do with 45x0, and with an odd number of digits?",
            "Two hexadecimal digits are one byte: half a byte, or a letter behind f, \
             means nothing.",
            "Use a conversion that reports errors (u8::from_str_radix in Rust, \
             bytes.fromhex in Python). Print its error in one line and end with a status \
             that is not 0.",
        ])
        .by_hand("cargo run -p ip_header 45x0; echo $?"),
    ]
}

const HINTS_DECODE: &[&str] = &[
    "Two hexadecimal digits are a byte; the fields stand where RFC 791 draws them.",
    "The version is the upper half of the first byte, IHL the lower half.",
    "Numbers of two bytes have their most significant byte first.",
];
const HINTS_BITS: &[&str] = &[
    "Which bits of the second byte are the DSCP, and which are the ECN?",
    "Shift the six upper bits down, mask the two lower ones.",
    "A byte of b9 is DSCP 46 and ECN 1.",
];
const HINTS_CHECKSUM: &[&str] = &[
    "Add the header's 16-bit words; add what falls out at the top to the bottom.",
    "With the checksum in it, an untouched header adds up to ffff.",
    "The header may be longer than 20 bytes: all its words count.",
];
const HINTS_BROKEN: &[&str] = &[
    "What does your program do with half a header? And with nothing?",
    "Check each length before you read what it promises; report and end with status 1.",
    "Refuse a version that is neither 4 nor 6, fewer than 20 bytes (IPv6: 40), an IHL \
     below 5 or longer than what is there, and a total length that is shorter than the \
     header.",
];

const SOURCE: &str = "Source|src|from";
const DESTINATION: &str = "Destination|dst|dest|to";
/// What a checksum may be called that fits, and one that does not.
const GOOD: &str = "good|ok|valid|correct|right";
const BAD: &str = "bad|invalid|wrong|incorrect";

/// An IPv4 header under construction; its checksum comes last.
struct V4 {
    bytes: Vec<u8>,
}

impl V4 {
    fn random(exam: &mut Exam) -> V4 {
        let rng = exam.rng();
        let mut bytes = vec![0x45, 0];
        bytes.extend(rng.u16(100..60000).to_be_bytes());
        bytes.extend(rng.u16(1..).to_be_bytes());
        bytes.extend([
            0,
            0,
            rng.u8(1..),
            *rng.choice(&[1, 6, 17]).unwrap_or(&6),
            0,
            0,
        ]);
        for _ in 0..2 {
            bytes.extend([rng.u8(1..224), rng.u8(..), rng.u8(..), rng.u8(..)]);
        }
        V4 { bytes }
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    fn addr(&self, at: usize) -> String {
        let bytes: [u8; 4] = self.bytes[at..at + 4].try_into().unwrap_or_default();
        Ipv4Addr::from(bytes).to_string()
    }

    /// The sum of its words, with a zero in place of the checksum and no carry added.
    fn sum(&self) -> u32 {
        let mut bytes = self.bytes.clone();
        bytes[10..12].fill(0);
        let word =
            |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        bytes.chunks(2).map(word).sum()
    }

    /// Chooses the identification so that the sum overflows again when its carry is added.
    fn let_the_sum_carry_twice(&mut self) {
        self.bytes[12..14].fill(0xdd); // With 45 00, this makes a carry.
        self.bytes[4..6].fill(0);
        let [_, _, high, low] = (!self.sum()).to_be_bytes();
        self.bytes[4..6].copy_from_slice(&[high, low]);
    }

    fn finished(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let mut sum = self.sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        let sum = !u16::try_from(sum).unwrap_or(0);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    fn decode(&self, exam: &Exam) -> Result<String, Stop> {
        facts::run(exam, &[&hex(&self.finished())])
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decodes_the_fields(exam: &mut Exam) -> Verdict {
    for _ in 0..2 {
        let header = V4::random(exam);
        let output = header.decode(exam)?;
        expect(&output, "Version", "4")?;
        expect(&output, "IHL", "5")?;
        expect(&output, "Total length|length", &header.u16(2).to_string())?;
        let id = header.u16(4);
        let forms = format!("{id:#06x}|{id:#x}|{id:04x}|{id}");
        expect(&output, "Identification|id", &forms)?;
        expect(&output, "TTL|time to live", &header.bytes[8].to_string())?;
        expect(&output, "Protocol", &header.bytes[9].to_string())?;
        expect(&output, SOURCE, &header.addr(12))?;
        expect(&output, DESTINATION, &header.addr(16))?;
    }
    Ok(())
}

fn reads_stdin(exam: &mut Exam) -> Verdict {
    let header = V4::random(exam);
    let mut program = exam.launch().arg("-").program()?;
    let spaced: Vec<String> = header.finished().chunks(2).map(hex).collect();
    program.type_in(&format!("{}\n", spaced.join(" ")))?;
    program.close_stdin();
    let output = facts::finish(&mut program)?;
    expect(&output, SOURCE, &header.addr(12))
}

fn v6_header(exam: &mut Exam, next_header: u8, payload: &[u8]) -> (Vec<u8>, [String; 2]) {
    let rng = exam.rng();
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend(u16::try_from(payload.len()).unwrap_or(0).to_be_bytes());
    bytes.extend([next_header, 64]);
    let mut addr = || {
        Ipv6Addr::new(
            0x2001,
            0xdb8,
            rng.u16(1..),
            0,
            0,
            rng.u16(1..),
            0,
            rng.u16(1..),
        )
    };
    let addrs = [addr(), addr()];
    bytes.extend(addrs[0].octets());
    bytes.extend(addrs[1].octets());
    bytes.extend(payload);
    (bytes, addrs.map(|addr| addr.to_string()))
}

fn decodes_ipv6(exam: &mut Exam) -> Verdict {
    let len = exam.rng().usize(8..200);
    let hops = exam.rng().u8(1..);
    let (mut bytes, [source, destination]) = v6_header(exam, 17, &vec![7; len]);
    bytes[7] = hops;
    let output = facts::run(exam, &[&hex(&bytes)])?;
    expect(&output, "Version", "6")?;
    expect(&output, "Payload length", &len.to_string())?;
    expect(&output, "Next header", "17")?;
    expect(&output, "Hop limit", &hops.to_string())?;
    expect(&output, SOURCE, &source)?;
    expect(&output, DESTINATION, &destination)
}

/// Not everybody shows them, and there are many ways to write a few bits.
fn decodes_class_and_flow(exam: &mut Exam) -> Verdict {
    let class = exam.rng().u32(4..=0xff);
    let flow = exam.rng().u32(0x1_0000..=0xf_ffff);
    let (mut bytes, _) = v6_header(exam, 17, &[7; 8]);
    bytes[..4].copy_from_slice(&(6 << 28 | class << 20 | flow).to_be_bytes());
    let output = facts::run(exam, &[&hex(&bytes)])?;
    for (name, value) in [
        ("DSCP", class >> 2),
        ("ECN", class & 3),
        ("Traffic class", class),
        ("Flow label", flow),
    ] {
        let shown = output.lines().any(|line| {
            let line = line.trim_start().to_lowercase();
            line.starts_with(&name.to_lowercase())
        });
        if !shown {
            continue;
        }
        let mut forms = vec![value.to_string()];
        for width in 1..=20 {
            for digits in [format!("{value:0width$x}"), format!("{value:0width$b}")] {
                forms.extend([format!("0x{digits}"), format!("0b{digits}"), digits]);
            }
        }
        if name == "ECN" {
            // RFC 3168 §5.
            let names = ["not-ect", "ect(1)", "ect(0)", "ce"];
            forms.extend(names.get(value as usize).map(|name| (*name).to_owned()));
        }
        expect(&output, name, &forms.join("|"))?;
    }
    Ok(())
}

fn follows_extensions(exam: &mut Exam) -> Verdict {
    let mut payload = vec![60, 0, 5, 2, 0, 0, 1, 0];
    // Destination options of two words, then a fragment header with a strange second
    // byte, then destination options of one word.
    payload.extend([44, 1, 0x1e, 12]);
    payload.extend([0xff; 12]);
    payload.extend([60, 9, 0, 1, 0, 0, 0x12, 0x34]);
    payload.extend([17, 0, 1, 4, 0, 0, 0, 0]);
    payload.extend([0xab; 16]);
    let (bytes, _) = v6_header(exam, 0, &payload);
    let output = facts::run(exam, &[&hex(&bytes)])?;
    for number in ["0", "60", "44"] {
        expect(&output, "Extension", number)?;
    }
    expect(&output, "Upper layer", "17")
}

fn builds(exam: &mut Exam) -> Verdict {
    for carries_twice in [false, true] {
        let mut header = V4::random(exam);
        header.bytes[6..8].copy_from_slice(&[0x40, 0]);
        if carries_twice {
            header.let_the_sum_carry_twice();
        }
        let payload = (header.u16(2) - 20).to_string();
        let [id, ttl, protocol] = [
            header.u16(4),
            header.bytes[8].into(),
            header.bytes[9].into(),
        ];
        let [id, ttl, protocol] = [id, ttl, protocol].map(|number| number.to_string());
        let (source, destination) = (header.addr(12), header.addr(16));
        let args = [
            "build",
            "--source",
            &source,
            "--destination",
            &destination,
            "--ttl",
            &ttl,
            "--protocol",
            &protocol,
            "--identification",
            &id,
            "--payload-length",
            &payload,
            "--dont-fragment",
        ];
        let output = facts::run(exam, &args)?;
        let digits: String = output.split_whitespace().collect::<String>().to_lowercase();
        let wanted = hex(&header.finished());
        if !digits.contains(&wanted) {
            let got = facts::short(&output);
            return Err(Failure::new(format!("the bytes {wanted}"), got).into());
        }
    }
    Ok(())
}

fn subnet_calculator() -> Vec<Check> {
    let first = "labs/02_ip.md#step-6-which-network-is-it";
    let ends = "labs/02_ip.md#step-7-the-ends-of-the-scale";
    let broken = "labs/02_ip.md#what-goes-wrong-and-why";
    let by_hand = "cargo run -p subnet_calculator 192.168.1.152/24";
    vec![
        Check::new(
            "subnet_calculator.finds_the_network",
            "finds network, netmask and broadcast address",
            |exam| {
                for _ in 0..4 {
                    let (addr, len) = random_v4(exam, 8..31);
                    let output = facts::run(exam, &[&format!("{addr}/{len}")])?;
                    let (network, mask) = v4_network(addr, len);
                    let last = Ipv4Addr::from_bits(network | !mask);
                    let network = Ipv4Addr::from_bits(network);
                    expect(&output, "Network", &format!("{network}/{len}|{network}"))?;
                    expect(&output, NETMASK, &Ipv4Addr::from_bits(mask).to_string())?;
                    if output.to_lowercase().contains("wildcard") {
                        let wildcard = Ipv4Addr::from_bits(!mask).to_string();
                        expect(&output, "Wildcard", &wildcard)?;
                    }
                    expect(&output, "Broadcast", &last.to_string())?;
                }
                Ok(())
            },
        )
        .points(2)
        .sheet(first)
        .hints(HINTS_NETWORK)
        .by_hand(by_hand),
        Check::new(
            "subnet_calculator.counts_the_hosts",
            "finds the first and last host and their number",
            |exam| {
                for _ in 0..3 {
                    let (addr, len) = random_v4(exam, 4..31);
                    let output = facts::run(exam, &[&format!("{addr}/{len}")])?;
                    let (network, mask) = v4_network(addr, len);
                    hosts(&output, network + 1, (network | !mask) - 1)?;
                }
                Ok(())
            },
        )
        .needs(&["subnet_calculator.finds_the_network"])
        .points(2)
        .sheet(first)
        .hints(HINTS_HOSTS)
        .by_hand(by_hand),
        Check::new(
            "subnet_calculator.takes_a_mask",
            "takes a mask in place of the prefix length",
            |exam| {
                let (addr, len) = random_v4(exam, 9..31);
                let (network, mask) = v4_network(addr, len);
                let arg = format!("{addr}/{}", Ipv4Addr::from_bits(mask));
                let output = facts::run(exam, &[&arg])?;
                let network = Ipv4Addr::from_bits(network);
                expect(&output, "Network", &format!("{network}/{len}|{network}"))
            },
        )
        .needs(&["subnet_calculator.finds_the_network"])
        .sheet(first)
        .hints(HINTS_MASK)
        .by_hand("cargo run -p subnet_calculator 10.1.2.3/255.255.240.0"),
        Check::new(
            "subnet_calculator.a_31_has_two_hosts",
            "gives both addresses of a /31 to hosts (RFC 3021)",
            |exam| {
                let (addr, _) = random_v4(exam, 31..32);
                let output = facts::run(exam, &[&format!("{addr}/31")])?;
                let (network, _) = v4_network(addr, 31);
                hosts(&output, network, network + 1)
            },
        )
        .needs(&["subnet_calculator.finds_the_network"])
        .sheet(ends)
        .hints(HINTS_ENDS)
        .by_hand("cargo run -p subnet_calculator 10.0.0.6/31"),
        Check::new(
            "subnet_calculator.a_32_is_one_host",
            "takes a /32 for a single host",
            |exam| {
                let (addr, _) = random_v4(exam, 31..32);
                let output = facts::run(exam, &[&format!("{addr}/32")])?;
                hosts(&output, addr.to_bits(), addr.to_bits())
            },
        )
        .needs(&["subnet_calculator.finds_the_network"])
        .sheet(ends)
        .hints(HINTS_ENDS)
        .by_hand("cargo run -p subnet_calculator 10.0.0.6/32"),
        Check::new(
            "subnet_calculator.a_0_is_everything",
            "takes a /0 for the whole address space",
            |exam| {
                let (addr, _) = random_v4(exam, 31..32);
                let output = facts::run(exam, &[&format!("{addr}/0")])?;
                expect(&output, "Network", "0.0.0.0/0|0.0.0.0")?;
                expect(&output, NETMASK, "0.0.0.0")?;
                expect(&output, "Broadcast", "255.255.255.255")?;
                hosts(&output, 1, u32::MAX - 1)
            },
        )
        .needs(&["subnet_calculator.finds_the_network"])
        .sheet(ends)
        .hints(HINTS_ENDS)
        .by_hand("cargo run -p subnet_calculator 10.0.0.6/0"),
        Check::new(
            "subnet_calculator.tells_the_class",
            "tells the class that an address had before CIDR",
            |exam| {
                let bytes = [
                    (127, "A"),
                    (128, "B"),
                    (191, "B"),
                    (192, "C"),
                    (223, "C"),
                    (224, "D"),
                    (239, "D"),
                    (240, "E"),
                ];
                for (byte, class) in bytes {
                    let arg = format!("{byte}.{}.0.1/24", exam.rng().u8(..));
                    expect(&facts::run(exam, &[&arg])?, "Class", class)?;
                }
                Ok(())
            },
        )
        .needs(&["subnet_calculator.finds_the_network"])
        .sheet("labs/02_ip.md#classes-and-why-cidr-replaced-them")
        .hints(&[
            "Write 127, 128, 192, 224 and 240 in binary: what do their first bits have \
             in common, and what not?",
            "Before CIDR the address itself told how long its network part was, so the \
             class does not depend on what stands behind the slash.",
            "The first bits decide: 0 is A, 10 is B, 110 is C, 1110 is D, 1111 is E.",
        ])
        .by_hand(by_hand),
        Check::new(
            "subnet_calculator.shows_the_bits",
            "shows address, mask and network in binary",
            |exam| {
                let (addr, len) = random_v4(exam, 9..31);
                let output = facts::run(exam, &[&format!("{addr}/{len}")])?;
                let (network, mask) = v4_network(addr, len);
                for bits in [addr.to_bits(), mask, network] {
                    let bytes = bits.to_be_bytes().map(|byte| format!("{byte:08b}"));
                    let wanted = bytes.join(".");
                    let squeezed = |text: &str| {
                        text.chars()
                            .filter(|c| "01".contains(*c))
                            .collect::<String>()
                    };
                    // With or without dots or spaces between the bytes.
                    if !output.contains(&wanted)
                        && !squeezed(&output).contains(&bytes.concat())
                    {
                        let got = facts::short(&output);
                        return Err(Failure::new(format!("the row {wanted}"), got).into());
                    }
                }
                Ok(())
            },
        )
        .needs(&["subnet_calculator.finds_the_network"])
        .sheet(first)
        .hints(&[
            "Which three numbers are to be shown, and how many digits has each of them?",
            "Eight digits a byte, with zeros in front: 00001010 is ten.",
            "Format each byte on its own, with {:08b} in Rust or f\"{byte:08b}\" in \
             Python, and join the four with dots.",
        ])
        .by_hand(by_hand),
        Check::new(
            "subnet_calculator.knows_ipv6",
            "calculates with IPv6 prefixes too",
            |exam| {
                let rng = exam.rng();
                let len = rng.u32(20..124);
                let addr = Ipv6Addr::from_bits(rng.u128(..) >> 3 | 1 << 125);
                let mask = u128::MAX << (128 - len);
                let output = facts::run(exam, &[&format!("{addr}/{len}")])?;
                let network = addr.to_bits() & mask;
                let last = Ipv6Addr::from_bits(network | !mask);
                let network = Ipv6Addr::from_bits(network);
                expect(&output, "Network", &format!("{network}/{len}|{network}"))?;
                expect(&output, LAST_HOST, &last.to_string())?;
                // Without the network's own address, the routers' anycast (RFC 4291
                // §2.6.1), it is one less.
                expect(&output, V6_COUNT, &format!("{}|{}", !mask + 1, !mask))
            },
        )
        .points(2)
        .sheet("labs/02_ip.md#step-8-ipv6-prefixes")
        .hints(&[
            "An IPv6 address is one number of 128 bits; the arithmetic is the same.",
            "There is no broadcast address: the last one may be a host's.",
            "Calculate in 128 bits (u128; Python's int has room): the mask is all ones, \
             shifted left by 128 minus the length. The number of addresses is 2 to the \
             power of that difference.",
        ])
        .by_hand("cargo run -p subnet_calculator 2001:db8::1/64"),
        Check::new(
            "subnet_calculator.a_127_has_two_hosts",
            "gives both addresses of an IPv6 /127 to hosts (RFC 6164), none to broadcast",
            |exam| {
                let addr = exam.rng().u128(..) >> 3 | 1 << 125;
                let arg = format!("{}/127", Ipv6Addr::from_bits(addr));
                let output = facts::run(exam, &[&arg])?;
                let [first, last] = [addr & !1, addr | 1].map(Ipv6Addr::from_bits);
                let has = |word: &str| output.to_lowercase().contains(word);
                if has("first") {
                    expect(&output, FIRST_HOST, &first.to_string())?;
                }
                expect(&output, LAST_HOST, &last.to_string())?;
                // IPv6 has no broadcast address: a line of this name says so, or nothing.
                if has("broadcast: no") || has("no broadcast") {
                    return Ok(());
                }
                match expect(&output, "Broadcast", &last.to_string()) {
                    Err(_) => Ok(()),
                    Ok(()) => {
                        let got = format!("Broadcast: {last}");
                        Err(Failure::new("no broadcast address", got).into())
                    }
                }
            },
        )
        .needs(&["subnet_calculator.knows_ipv6"])
        .sheet("labs/02_ip.md#step-8-ipv6-prefixes")
        .hints(&[
            "Which two addresses has a /127, and whose are they?",
            "Two routers at the ends of one cable take a /127, as they take a /31 in IPv4. \
             IPv6 has no broadcast address, whatever the length.",
            "Where an address has one host bit or none, the first host is the network's \
             own address, in both families.",
        ])
        .by_hand("cargo run -p subnet_calculator 2001:db8::6/127"),
        Check::new(
            "subnet_calculator.takes_several",
            "takes several prefixes as arguments",
            |exam| {
                let (one, two) = (random_v4(exam, 9..31), random_v4(exam, 9..31));
                let args = [one, two].map(|(addr, len)| format!("{addr}/{len}"));
                let output = facts::run(exam, &[&args[0], &args[1]])?;
                for (addr, len) in [one, two] {
                    let network = Ipv4Addr::from_bits(v4_network(addr, len).0);
                    expect(&output, "Network", &format!("{network}/{len}|{network}"))?;
                }
                Ok(())
            },
        )
        .needs(&["subnet_calculator.finds_the_network"])
        .sheet(first)
        .hints(&[
            "Give it two prefixes: whose network does it print?",
            "Do for each argument what you do for the first.",
            "Loop over all arguments (std::env::args().skip(1), sys.argv[1:]) and print \
             a whole block of lines for each.",
        ])
        .by_hand("cargo run -p subnet_calculator 10.0.0.1/8 10.0.0.1/9"),
        Check::new(
            "subnet_calculator.refuses_a_mask_with_gaps",
            "refuses a mask whose ones do not all stand on its left",
            |exam| {
                for mask in ["255.0.255.0", "0.255.255.255", "255.255.255.253"] {
                    facts::refuses(exam, &[&format!("10.0.0.1/{mask}")])?;
                }
                Ok(())
            },
        )
        .needs(&["subnet_calculator.takes_a_mask"])
        .sheet(broken)
        .hints(HINTS_MASK)
        .by_hand("cargo run -p subnet_calculator 10.0.0.1/255.0.255.0; echo $?"),
        Check::new(
            "subnet_calculator.refuses_what_is_no_prefix",
            "refuses a length that is too long, and what is no address",
            |exam| {
                for text in [
                    "10.0.0.1/33",
                    "10.0.0.1/-1",
                    "10.0.0.1/x",
                    "10.0.0.1/24abc",
                    "10.0.0.1/8/9",
                    "10.0.0.1x/8",
                    "10.0.0.256/8",
                    "10.0.1/8",
                    "2001:db8::/129",
                    "no/8",
                ] {
                    facts::refuses(exam, &[text])?;
                }
                Ok(())
            },
        )
        .points(2)
        .sheet(broken)
        .hints(&[
            "What does your program say to /33, to /-1, to /24abc and to 10.0.0.256?",
            "A prefix has 0 to 32 bits (IPv6: 128), an address four numbers to 255.",
            "Parse both sides of the slash with something that reports errors (parse to \
             IpAddr and to u32, Python's ipaddress) and takes the whole text: parseInt \
             and atoi stop at the first letter, and tell nobody. Compare the length with \
             32 or 128. On any error print one line and end with a status that is not 0.",
        ])
        .by_hand("cargo run -p subnet_calculator 10.0.0.1/33; echo $?"),
    ]
}

// What these lines are called: on the sheet, and in other calculators.
const NETMASK: &str = "Netmask|mask";
const FIRST_HOST: &str = "First host|first|hosts|hostmin|min|lowest|range";
const LAST_HOST: &str = "Last host|last|hosts|hostmax|max|highest|range";
const COUNT: &str = "Hosts|usable|count|number";
const V6_COUNT: &str = "Addresses|hosts|usable|count|number|size|total";

const HINTS_NETWORK: &[&str] = &[
    "Write the address as one number of 32 bits: then it is a line of arithmetic.",
    "The network is the address AND the mask.",
    "The broadcast address is the network OR the inverted mask (the wildcard).",
];
const HINTS_HOSTS: &[&str] = &[
    "Two addresses of a network are no host's: which ones?",
    "First host: network + 1. Last host: broadcast - 1.",
    "Their number is 2 to the power of 32 minus the prefix length, less the two. Compute \
     it in 64 bits.",
];
const HINTS_MASK: &[&str] = &[
    "Count the ones of the mask from its left.",
    "If there is a one behind the first zero, it is no mask.",
    "Make one number of the mask: its leading ones (leading_ones()) are the prefix \
     length if they are all its ones (count_ones()); in Python, look for \"01\" in its \
     32 binary digits. Otherwise report it and end with a status that is not 0.",
];
const HINTS_ENDS: &[&str] = &[
    "Try /0, /31 and /32 and look for zeros, negative numbers and overflows.",
    "A shift by as many bits as the number has is special in most languages.",
    "A /31 has two hosts and a /32 one: there is no room for a broadcast address.",
];

fn random_v4(exam: &mut Exam, lens: std::ops::Range<u32>) -> (Ipv4Addr, u32) {
    let rng = exam.rng();
    let addr = Ipv4Addr::from_bits(rng.u32(0x0100_0000..0xdf00_0000));
    (addr, rng.u32(lens))
}

fn v4_network(addr: Ipv4Addr, len: u32) -> (u32, u32) {
    let mask = u32::MAX.checked_shl(32 - len).unwrap_or(0);
    (addr.to_bits() & mask, mask)
}

fn hosts(output: &str, first: u32, last: u32) -> Verdict {
    expect(output, FIRST_HOST, &Ipv4Addr::from_bits(first).to_string())?;
    expect(output, LAST_HOST, &Ipv4Addr::from_bits(last).to_string())?;
    expect(output, COUNT, &(u64::from(last - first) + 1).to_string())
}

fn ping() -> Vec<Check> {
    let step = "labs/02_ip.md#step-9-is-anybody-there";
    let needs = &["ping.hears_an_echo"];
    vec![
        Check::new(
            "ping.hears_an_echo",
            "reports one reply a request from 127.0.0.1 and ends with status 0",
            |exam| hears("127.0.0.1", exam),
        )
        .points(2)
        .sheet(step)
        .hints(&[
            "An echo request has type 8, a reply type 0. Without a right checksum nobody answers.",
            "The loopback interface shows you your own request too: it is no reply.",
            "Print one line a reply, with seq=N and time=….",
        ])
        .by_hand("cargo run -p ping 127.0.0.1 --count 2"),
        Check::new(
            "ping.hears_an_echo_over_ipv6",
            "reports replies from ::1 too",
            |exam| hears("::1", exam),
        )
        .needs(needs)
        .points(2)
        .sheet(step)
        .hints(&[
            "ICMPv6 has types of its own: 128 asks, 129 answers.",
            "The kernel computes the checksum of ICMPv6 for you.",
            "Open the socket with AF_INET6 and ICMPv6 (Domain::IPV6 and Protocol::ICMPV6 \
             in Rust, IPPROTO_ICMPV6 in Python). Send type 128 and print a line for each \
             answer of type 129.",
        ])
        .by_hand("cargo run -p ping ::1 --count 2"),
        Check::new(
            "ping.counts_loss",
            "says at the end how many were sent, received and lost",
            |exam| {
                let Some(output) = pinged(exam, &["127.0.0.1", "--count", "3", "--interval", "0.05"])? else {
                    return Ok(());
                };
                let output = output.replace(" %", "%").replace("transmitted", "sent");
                expect_line(&output, &["3", "sent", "received", "0%"])
                    .or_else(|_| expect_line(&output, &["3", "sent", "received", "0.0%"]))
            },
        )
        .needs(needs)
        .sheet(step)
        .hints(&[
            "What do you know at the end that no single reply tells?",
            "A packet that is lost leaves no trace: you have to count what you send and \
             what comes back. The difference, as a part of what was sent, is the loss.",
            "The line is: 3 sent, 3 received, 0% lost.",
        ])
        .by_hand("cargo run -p ping 127.0.0.1 --count 3"),
        Check::new(
            "ping.refuses_an_unknown_host",
            "reports a name that has no address, with a status that is not 0",
            |exam| facts::refuses(exam, &["no-such-host.invalid", "--count", "1"]),
        )
        .sheet(step)
        .hints(&[
            "What does the look-up return for a name that nobody has?",
            "The look-up of the name fails before there is anything to send to.",
            "Handle the error of to_socket_addrs (getaddrinfo in Python): print it in \
             one line and end with a status that is not 0.",
        ])
        .by_hand("cargo run -p ping no-such-host.invalid; echo $?"),
    ]
}

/// Runs ping; `None` where this machine forbids ICMP sockets and ping said so.
fn pinged(exam: &Exam, args: &[&str]) -> Result<Option<String>, Stop> {
    use socket2::{Domain, Protocol, Socket, Type};

    let (domain, protocol) = match args.first().and_then(|host| host.parse().ok()) {
        Some(IpAddr::V6(_)) => (Domain::IPV6, Protocol::ICMPV6),
        _ => (Domain::IPV4, Protocol::ICMPV4),
    };
    let allowed = Socket::new(domain, Type::DGRAM, Some(protocol))
        .or_else(|_| Socket::new(domain, Type::RAW, Some(protocol)));
    if allowed.is_err() {
        exam.note("this machine allows no ICMP sockets");
        facts::refuses(exam, args)?;
        return Ok(None);
    }
    facts::run(exam, args).map(Some)
}

fn hears(host: &'static str, exam: &mut Exam) -> Verdict {
    let count = exam.rng().usize(1..4);
    let args = [host, "--count", &count.to_string(), "--interval", "0.05"];
    let Some(output) = pinged(exam, &args)? else {
        return Ok(());
    };
    // The last lines, which sum up, name times too.
    let sums = ["%", "sent", "min", "avg", "average", "mean", "shortest"];
    let is_reply = |line: &&str| {
        let line = line.to_lowercase();
        let of_one = [host, "reply", "seq"]
            .iter()
            .any(|word| line.contains(word));
        let is_sum = sums.iter().any(|word| line.contains(word));
        let is_timed = line.contains("time") || line.contains("ms");
        is_timed && of_one && !is_sum
    };
    let replies = output.lines().filter(is_reply).count();
    if replies == count {
        return Ok(());
    }
    let got = format!("{replies}; it printed {}", facts::short(&output));
    Err(Failure::new(format!("{count} lines with a time"), got).into())
}
