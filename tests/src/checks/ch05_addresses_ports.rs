//! Chapter 5: what its programs must do.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream,
    ToSocketAddrs,
};
use std::thread;
use std::time::Instant;

use super::common;
use super::facts::{self, expect, expect_line, expect_no_line, expect_told};
use crate::harness::prelude::*;

/// The checks of the chapter.
pub fn checks() -> Vec<Check> {
    let mut checks = address_info();
    checks.extend(dns_lookup());
    checks.extend(port_scanner());
    checks.extend(connection_monitor());
    // Several starts of an interpreter take their time on a busy machine.
    let patient = |check: Check| check.deadline(Duration::from_secs(150));
    checks.into_iter().map(patient).collect()
}

fn address_info() -> Vec<Check> {
    let scopes = "labs/05_addresses_ports.md#step-1-what-an-address-tells";
    let ports = "labs/05_addresses_ports.md#step-2-what-a-port-tells";
    let by_hand = "cargo run -p address_info 192.168.1.10:443";
    vec![
        Check::new(
            "address_info.tells_the_scope",
            "tells family and scope of an IPv4 address",
            |exam| {
                let (a, b) = (exam.rng().u8(..), exam.rng().u8(1..255));
                for (addr, scope) in [
                    (format!("10.{a}.0.{b}"), "private"),
                    (format!("192.168.{a}.{b}"), "private"),
                    (format!("127.{a}.0.{b}"), "loopback"),
                    (format!("169.254.{a}.{b}"), "link-local"),
                    (format!("203.0.113.{b}"), "documentation"),
                    (format!("230.1.{a}.{b}"), "multicast"),
                    (format!("239.255.{a}.{b}"), "multicast"),
                    (format!("8.{a}.8.{b}"), "public"),
                ] {
                    let output = facts::run(exam, &[&addr])?;
                    expect_told(&output, "Family", "IPv4")?;
                    expect_told(&output, "Scope", scope)?;
                }
                // Each of several is told.
                let several = [&format!("10.{a}.1.{b}"), "127.0.0.1", "224.0.0.1"];
                let output = facts::run(exam, &several)?;
                for scope in ["private", "loopback", "multicast"] {
                    expect_told(&output, "Scope", scope).map_err(common::because("it was given three addresses"))?;
                }
                Ok(())
            },
        )
        .points(2)
        .sheet(scopes)
        .hints(HINTS_SCOPE)
        .by_hand(by_hand),
        Check::new(
            "address_info.knows_where_private_ends",
            "knows that 172.16 to 172.31 are private and their neighbours are not",
            |exam| {
                for (second, scope) in [(15, "public"), (16, "private"), (31, "private"), (32, "public")] {
                    let addr = format!("172.{second}.{}.1", exam.rng().u8(..));
                    expect_told(&facts::run(exam, &[&addr])?, "Scope", scope)?;
                }
                Ok(())
            },
        )
        .needs(&["address_info.tells_the_scope"])
        .sheet(scopes)
        .hints(&[
            "The block is 172.16.0.0/12: how many of the second byte's bits belong to it?",
            "A /12 fixes the first byte and the upper half of the second.",
            "The second byte AND f0 must be 16 (hexadecimal 10). Ipv4Addr::is_private of \
             Rust and ip_network(\"172.16.0.0/12\") of Python know the block.",
        ])
        .by_hand("cargo run -p address_info 172.32.0.1"),
        Check::new(
            "address_info.knows_ipv6",
            "tells the scope of an IPv6 address",
            |exam| {
                let word = exam.rng().u16(1..);
                for (addr, scope) in [
                    ("::1".to_owned(), "loopback"),
                    (format!("fe80::{word:x}"), "link-local"),
                    (format!("febf::{word:x}"), "link-local"),
                    (format!("fd00:{word:x}::1"), "private"),
                    (format!("ff02::{word:x}"), "multicast"),
                    (format!("2001:db8:{word:x}::1"), "documentation"),
                    (format!("2606:{word:x}::1"), "public"),
                ] {
                    let output = facts::run(exam, &[&addr])?;
                    expect_told(&output, "Family", "IPv6")?;
                    expect_told(&output, "Scope", scope)?;
                }
                Ok(())
            },
        )
        .points(2)
        .sheet(scopes)
        .hints(HINTS_SCOPE)
        .by_hand("cargo run -p address_info fe80::1"),
        Check::new(
            "address_info.tells_the_port_range",
            "tells the range of a port: well-known, registered or dynamic",
            |exam| {
                for (port, range) in [
                    (1023, "well-known"),
                    (1024, "registered"),
                    (49151, "registered"),
                    (49152, "dynamic"),
                ] {
                    let output = facts::run(exam, &[&port.to_string()])?;
                    expect_told(&output, "Port range", range)?;
                }
                Ok(())
            },
        )
        .sheet(ports)
        .hints(&[
            "In which ranges are 1023 and 1024, and 49151 and 49152?",
            "The first range ends with 1023, the second with 49151: both included.",
            "Up to 1023 it is well-known, else up to 49151 registered, else dynamic: a \
             match with ..=1023 and ..=49151 in Rust, if and elif with <= in Python.",
        ])
        .by_hand("cargo run -p address_info 49152"),
        Check::new(
            "address_info.names_the_service",
            "names the usual service of well-known ports",
            |exam| {
                let services = [(22, "ssh"), (25, "smtp"), (80, "http"), (443, "https")];
                for (port, service) in services {
                    let output = facts::run(exam, &[&port.to_string()])?;
                    expect_told(&output, "Service", service)?;
                }
                Ok(())
            },
        )
        .sheet(ports)
        .hints(&[
            "What do servers on 22, 25, 80 and 443 usually speak?",
            "A table of ports and names: the names are those of IANA.",
            "A match in Rust or a dict in Python: 22 is ssh, 25 smtp, 80 http, 443 \
             https. Print it behind Service:.",
        ])
        .by_hand("cargo run -p address_info 443"),
        Check::new(
            "address_info.takes_both",
            "takes an address and a port together, IPv6 in brackets",
            |exam| {
                let output = facts::run(exam, &["192.168.1.10:443"])?;
                expect_told(&output, "Scope", "private")?;
                expect_told(&output, "Service", "https")?;
                let output = facts::run(exam, &["[fe80::1]:22"])?;
                expect_told(&output, "Scope", "link-local")?;
                expect_told(&output, "Service", "ssh")
            },
        )
        .needs(&["address_info.tells_the_scope", "address_info.names_the_service"])
        .sheet(ports)
        .hints(&[
            "Where does the address end, and where does the port begin?",
            "An IPv6 address has colons of its own: the port stands behind the bracket.",
            "parse::<SocketAddr>() takes both forms; if it fails, try IpAddr, then u16. \
             In Python, try ip_address first, else rpartition(\":\") and strip(\"[]\") \
             on what stands in front.",
        ])
        .by_hand("cargo run -p address_info [fe80::1]:22"),
        Check::new(
            "address_info.refuses_what_is_no_address",
            "refuses what is no address and no port",
            |exam| {
                for text in ["256.1.1.1", "1.2.3", "1.2.3.4:70000", "65536", "fe80::1::2"] {
                    facts::refuses(exam, &[text])?;
                }
                Ok(())
            },
        )
        .sheet("labs/05_addresses_ports.md#what-goes-wrong-and-why")
        .hints(&[
            "What does your program say to 256.1.1.1, to 1.2.3 and to 65536?",
            "Let the standard library parse the address, and handle its error.",
            "parse::<IpAddr>() and parse::<u16>() return an error for them, ip_address \
             of Python raises ValueError; int() takes 65536, so compare it with 65535. \
             Print one line and end with a status that is not 0.",
        ])
        .by_hand("cargo run -p address_info 256.1.1.1; echo $?"),
    ]
}

const HINTS_SCOPE: &[&str] = &[
    "Each scope is a list of prefixes: does the address begin with one of them?",
    "The table of prefixes stands on the sheet, with the names to print.",
    "Test one prefix of the table after the other, and call what fits none of them \
     public. In Python it is ip_address(text) in ip_network(prefix); in Rust compare the \
     first octets or segments, or use is_loopback() and its like.",
];

fn dns_lookup() -> Vec<Check> {
    let step = "labs/05_addresses_ports.md#step-3-from-a-name-to-addresses";
    vec![
        Check::new(
            "dns_lookup.finds_all_addresses",
            "shows all addresses that the system has for localhost, of both families",
            |exam| {
                let output = facts::run(exam, &["localhost"])?;
                let addrs = ("localhost", 0).to_socket_addrs();
                let addrs = addrs.map_err(|error| Stop::grader("localhost", &error))?;
                for addr in addrs {
                    shows(&output, addr.ip())?;
                }
                Ok(())
            },
        )
        .points(2)
        .sheet(step)
        .hints(&[
            "The system's resolver is asked, not a DNS server: it reads the hosts file too.",
            "Print one line an address: IPv4: or IPv6: and the address.",
            "Take every entry of (name, 0).to_socket_addrs(), or of \
             socket.getaddrinfo(name, None) in Python, not only the first. Print its \
             address without the port.",
        ])
        .by_hand("getent ahosts localhost"),
        Check::new(
            "dns_lookup.takes_several_names",
            "looks up each of several names, and an address stands for itself",
            |exam| {
                let addr = Ipv4Addr::new(127, exam.rng().u8(..), 2, 3);
                let output =
                    facts::run(exam, &["localhost", &addr.to_string(), "::1"])?;
                shows(&output, Ipv4Addr::LOCALHOST.into())?;
                shows(&output, addr.into())?;
                shows(&output, Ipv6Addr::LOCALHOST.into())
            },
        )
        .needs(&["dns_lookup.finds_all_addresses"])
        .sheet(step)
        .hints(&[
            "Give it two names: whose addresses does it print?",
            "Do for each argument what you do for the first.",
            "Loop over std::env::args().skip(1), or sys.argv[1:] in Python. The resolver \
             returns an address as it is, so it needs no case of its own.",
        ])
        .by_hand("cargo run -p dns_lookup localhost ::1"),
        Check::new(
            "dns_lookup.reports_an_unknown_name",
            "reports a name that has no address, with a status that is not 0",
            |exam| {
                let name = format!("{}.invalid", exam.word(8).to_lowercase());
                facts::refuses(exam, &[&name])?;
                // The status tells of it also when another name is found after it.
                facts::refuses(exam, &[&name, "127.0.0.1"])
            },
        )
        .sheet(step)
        .hints(&[
            "What does the resolver say to a name that nobody has?",
            "The resolver returns an error: print it, and end with status 1.",
            "Match the Err of to_socket_addrs in place of an unwrap, or catch \
             socket.gaierror in Python. Print the name and the error.",
        ])
        .by_hand("cargo run -p dns_lookup nobody.invalid; echo $?"),
        Check::new(
            "dns_lookup.goes_on_after_an_unknown_name",
            "shows the other names when one is unknown",
            |exam| {
                let name = format!("{}.invalid", exam.word(8).to_lowercase());
                let mut program = exam.tool(&[&name, "localhost"])?;
                program.wait_exit(Duration::from_secs(20))?;
                program.expect_no_crash()?;
                shows(&program.printed(), Ipv4Addr::LOCALHOST.into())
            },
        )
        .needs(&["dns_lookup.finds_all_addresses"])
        .sheet(step)
        .hints(&[
            "Give it an unknown name and localhost: what do you see of localhost?",
            "One name's error ends the look-up of that name, not the loop.",
            "Handle the error inside the loop (match, or try and except in Python) and \
             go on with the next name. Keep in mind that there was one, for the exit \
             status at the end.",
        ])
        .by_hand("cargo run -p dns_lookup nobody.invalid localhost"),
    ]
}

/// Requires an address as a word of its own. Its family may stand before it, as on the
/// sheet, behind it, or nowhere: an address tells that itself.
fn shows(output: &str, addr: IpAddr) -> Verdict {
    let family = if addr.is_ipv4() { "IPv4" } else { "IPv6" };
    let addr = addr.to_string();
    match expect_line(output, &[&addr]) {
        Ok(()) => Ok(()),
        Err(_) => expect(output, family, &addr),
    }
}

fn port_scanner() -> Vec<Check> {
    let step = "labs/05_addresses_ports.md#step-4-which-ports-are-open";
    let states = "labs/05_addresses_ports.md#open-closed-filtered";
    vec![
        Check::new(
            "port_scanner.finds_open_ports",
            "finds open ports at both ends of the range",
            |exam| {
                let (first, last) = open_range(exam)?;
                let (low, high) = (port_of(&first)?, port_of(&last)?);
                let ports = format!("{low}-{high}");
                let output = facts::run(exam, &[&host_of(&first)?, "--ports", &ports])?;
                expect_line(&output, &[&low.to_string(), "open"])?;
                expect_line(&output, &[&high.to_string(), "open"])
            },
        )
        .points(2)
        .sheet(step)
        .hints(&[
            "A connection that is accepted means open: close it and go on.",
            "The last port of the range belongs to it. Does your loop reach it?",
            "Call TcpStream::connect_timeout, or settimeout and connect_ex in Python, \
             for each port of low..=high: in Python that is range(low, high + 1).",
        ])
        .by_hand("cargo run -p port_scanner 127.0.0.1 --ports 1-1024"),
        Check::new(
            "port_scanner.calls_closed_ports_closed",
            "does not call a closed port open, and counts it as closed",
            |exam| {
                let listener = exam.listener()?;
                let (open, closed) =
                    (listener.addr().port(), exam.refusing_addr()?.port());
                let output = facts::run(
                    exam,
                    &["127.0.0.1", "--ports", &format!("{open},{closed}")],
                )?;
                expect_line(&output, &[&open.to_string(), "open"])?;
                expect_no_line(&output, &[&closed.to_string(), "open"])?;
                expect_counts(&output, [1, 1, 0])
            },
        )
        .needs(&["port_scanner.finds_open_ports"])
        .points(2)
        .sheet(states)
        .hints(&[
            "A refused connection is the answer of a closed port.",
            "The last line counts: 1 open, 1 closed, 0 filtered.",
            "The error ConnectionRefused of connect (ECONNREFUSED of connect_ex) makes \
             one more closed port, and no line with open. Print the three counts at the \
             end.",
        ])
        .by_hand("cargo run -p port_scanner -- --ports 1-10"),
        Check::new(
            "port_scanner.takes_one_port",
            "takes a range of one port, and a single port",
            |exam| {
                let listener = exam.listener()?;
                let port = listener.addr().port();
                for ports in [format!("{port}-{port}"), port.to_string()] {
                    let output = facts::run(exam, &["127.0.0.1", "--ports", &ports])?;
                    expect_line(&output, &[&port.to_string(), "open"])?;
                }
                Ok(())
            },
        )
        .needs(&["port_scanner.finds_open_ports"])
        .sheet(step)
        .hints(&[
            "What does your program do with 22-22, and with 22 alone?",
            "A range whose ends are the same has one port, not none.",
            "Take a text without a minus for a range from the port to itself. Loop over \
             low..=high, in Python range(low, high + 1).",
        ])
        .by_hand("cargo run -p port_scanner -- --ports 22-22"),
        Check::new(
            "port_scanner.takes_a_list",
            "takes a list of ports and ranges",
            |exam| {
                let listeners = [exam.listener()?, exam.listener()?, exam.listener()?];
                let ports = listeners.each_ref().map(|listener| listener.addr().port());
                let [a, b, c] = ports;
                let list = format!("{c},{a}-{a},{b}");
                let output = facts::run(exam, &["127.0.0.1", "--ports", &list])?;
                for port in ports {
                    expect_line(&output, &[&port.to_string(), "open"])?;
                }
                expect_counts(&output, [3, 0, 0])
            },
        )
        .needs(&["port_scanner.calls_closed_ports_closed"])
        .sheet(step)
        .hints(&[
            "What are the parts of 22,80,8000-8100, and what separates them?",
            "Split at the commas first, then each part at its minus.",
            "split(',') first, then split_once('-') on each part (partition in Python). \
             Put the ports of all parts into one list, and scan that.",
        ])
        .by_hand("cargo run -p port_scanner -- --ports 22,80,8000-8100"),
        Check::new(
            "port_scanner.ends_on_filtered_ports",
            "calls a port that does not answer filtered, and ends in time",
            |exam| {
                let Some(silent) = common::silent_ports(4)? else {
                    exam.note("this system answers also for a full backlog");
                    return Ok(());
                };
                let ports: Vec<String> =
                    silent.iter().map(|(_, port)| port.to_string()).collect();
                let began = Instant::now();
                let list = ports.join(",");
                let args = ["127.0.0.1", "--ports", &list];
                let output = facts::run(exam, &args)?;
                if began.elapsed() > Duration::from_secs(15) {
                    let got = format!("{} s", began.elapsed().as_secs());
                    return Err(Failure::new("an end within a few seconds", got).into());
                }
                expect_counts(&output, [0, 0, 4])
            },
        )
        .needs(&["port_scanner.calls_closed_ports_closed"])
        .points(2)
        .timing()
        .sheet(states)
        .hints(&[
            "Without a limit a connection attempt waits for about two minutes.",
            "Give each attempt a timeout of a second or two.",
            "TcpStream::connect_timeout(&addr, limit), or settimeout(limit) in front of \
             Python's connect. When that time is up, count the port as filtered.",
        ])
        .by_hand("labs/05_addresses_ports.md shows how to make a silent port"),
        Check::new(
            "port_scanner.tries_many_at_once",
            "tries several ports at a time: 40 that do not answer take less than 25 s",
            tries_many_at_once,
        )
        .needs(&["port_scanner.ends_on_filtered_ports"])
        .timing()
        .sheet(step)
        .hints(&[
            "What does your program do while it waits for a port that does not answer?",
            "One attempt after another, a second each: 1024 ports take 17 minutes. Who \
             waits for many at a time is done in seconds.",
            "Start 100 workers, threads that take their ports from an AtomicUsize or \
             from a channel. In Python it is ThreadPoolExecutor(max_workers=100), and \
             its map.",
        ])
        .by_hand("labs/05_addresses_ports.md shows how to make a silent port"),
        Check::new(
            "port_scanner.is_bounded",
            "tries at most 512 ports at a time",
            is_bounded,
        )
        .needs(&["port_scanner.ends_on_filtered_ports"])
        .timing()
        .sheet(step)
        .hints(&[
            "A thread for each port is thousands of threads. How many do you need?",
            "Start a fixed number of workers; each takes the next port of a shared list.",
            "Start 100 threads that take their ports from an AtomicUsize or from a \
             channel. In Python it is ThreadPoolExecutor(max_workers=100).",
        ])
        .by_hand("grep Threads /proc/$(pgrep port_scanner)/status"),
        Check::new(
            "port_scanner.names_the_service",
            "names the usual service of an open port",
            |exam| {
                // Some of these may be taken; an address of its own makes that unlikely.
                let known = [
                    (8080, "http"),
                    (5432, "postgres"),
                    (3306, "mysql"),
                    (6379, "redis"),
                ];
                let host = format!("127.0.{}.{}", exam.rng().u8(1..), exam.rng().u8(2..));
                let bound = known.iter().find_map(|(port, name)| {
                    Some((
                        TcpListener::bind((host.as_str(), *port)).ok()?,
                        *port,
                        *name,
                    ))
                });
                let Some((_listener, port, name)) = bound else {
                    return Err(Stop::Error("no known port is free".to_owned()));
                };
                let port = port.to_string();
                let output = facts::run(exam, &[&host, "--ports", &port])?;
                let line = output
                    .lines()
                    .map(str::to_lowercase)
                    .find(|line| line.contains(&port) && line.contains("open"));
                match line {
                    Some(line) if line.contains(name) => Ok(()),
                    line => {
                        let got = line.unwrap_or_else(|| "no such line".to_owned());
                        Err(Failure::new(format!("{port} … open … {name}"), got).into())
                    }
                }
            },
        )
        .needs(&["port_scanner.finds_open_ports"])
        .sheet(step)
        .hints(&[
            "What usually listens on 8080, 5432, 3306 or 6379?",
            "A table of ports and names; an unknown port is shown without.",
            "A match in Rust or a dict in Python: 8080 is http-alt, 5432 postgresql, \
             3306 mysql, 6379 redis. Print the name on the line of the open port.",
        ])
        .by_hand("cargo run -p tcp_server   # in another terminal: cargo run -p port_scanner -- --ports 8080"),
        Check::new(
            "port_scanner.asks_for_permission",
            "refuses to scan a public address unless told that it is allowed",
            |exam| {
                // TEST-NET-3: nobody lives there. Port 9 is discard.
                let args = ["203.0.113.7", "--ports", "9"];
                facts::refuses(exam, &args)?;
                let mut program = exam.tool(&args)?;
                program.wait_exit(Duration::from_secs(20))?;
                let said = program.printed().to_lowercase();
                let words = ["permission", "permit", "allow", "authori"];
                if words.iter().any(|word| said.contains(word)) {
                    return Ok(());
                }
                let got = facts::short(&program.printed());
                Err(Failure::new("a message that speaks of permission", got).into())
            },
        )
        .sheet("labs/05_addresses_ports.md#ask-first")
        .hints(&[
            "Scanning a stranger's machine can be against the law.",
            "Loopback and private addresses are free; refuse others with a clear word.",
            "Before the first connect, compare the address with 127.0.0.0/8, 10.0.0.0/8, \
             172.16.0.0/12 and 192.168.0.0/16. For others print that it takes \
             permission, and end with a status that is not 0, unless the option of the \
             sheet is given.",
        ])
        .by_hand("cargo run -p port_scanner 203.0.113.7 --ports 9; echo $?"),
        Check::new(
            "port_scanner.reports_an_unknown_host",
            "reports a host that does not exist, with a status that is not 0",
            reports_an_unknown_host,
        )
        .sheet("labs/05_addresses_ports.md#what-goes-wrong-and-why")
        .hints(&[
            "What does your program say of the ports of a machine that does not exist?",
            "A port is closed when a machine has said so. Here there is no machine: the \
             look-up of its name fails, and connect with it.",
            "Turn the name into an address once, before the first connect: (host, \
             0).to_socket_addrs() in Rust, socket.getaddrinfo in Python. On an error \
             print one line and end with a status that is not 0.",
        ])
        .by_hand("cargo run -p port_scanner nobody.invalid --ports 80; echo $?"),
        Check::new(
            "port_scanner.refuses_bad_ranges",
            "refuses ranges that are backwards or are no ports",
            |exam| {
                for ports in ["100-50", "0", "65536", "x-y"] {
                    facts::refuses(exam, &["127.0.0.1", "--ports", ports])?;
                }
                Ok(())
            },
        )
        .sheet("labs/05_addresses_ports.md#what-goes-wrong-and-why")
        .hints(&[
            "What does your program do with 100-50, with 0 and with 65536?",
            "A port is a number from 1 to 65535; a range begins with its smaller end.",
            "Parse both ends as u16 (in Python with int, and compare with 65535), refuse \
             0, and refuse a first end above the second. Print one line and end with a \
             status that is not 0.",
        ])
        .by_hand("cargo run -p port_scanner -- --ports 100-50; echo $?"),
    ]
}

/// Requires a count of the open, closed and filtered ports, in one line or in three:
/// `1 open, 0 closed …`, `Open ports: 1` or `open: 1 closed: 0 …`.
fn expect_counts(output: &str, counts: [usize; 3]) -> Verdict {
    let pairs: Vec<(String, String)> = output
        .lines()
        .flat_map(|line| {
            let words: Vec<String> = line
                .split(|c: char| !c.is_alphanumeric())
                .map(str::to_ascii_lowercase)
                .filter(|word| !["", "port", "ports"].contains(&word.as_str()))
                .collect();
            let behind = words.clone().into_iter().skip(1);
            words.into_iter().zip(behind).collect::<Vec<_>>()
        })
        .collect();
    let says = |number_first: bool| {
        let mut states = ["open", "closed", "filtered"].iter().zip(counts);
        states.all(|(state, count)| {
            let state = (*state).to_owned();
            let pair = match number_first {
                true => (count.to_string(), state),
                false => (state, count.to_string()),
            };
            pairs.contains(&pair)
        })
    };
    if says(true) || says(false) {
        return Ok(());
    }
    let [open, closed, filtered] = counts;
    let wanted = format!("{open} open, {closed} closed, {filtered} filtered");
    Err(Failure::new(wanted, facts::short(output)).into())
}

/// Two listeners a few ports apart. On Linux they have an address of loopback for
/// themselves: a scan of the ports between them must not disturb others' servers.
fn open_range(exam: &mut Exam) -> Result<(TcpListener, TcpListener), Stop> {
    for _ in 0..100 {
        let rng = exam.rng();
        let host = match cfg!(target_os = "linux") {
            true => [127, rng.u8(1..), rng.u8(1..), rng.u8(1..)],
            false => [127, 0, 0, 1],
        };
        let (host, low) = (IpAddr::from(host), rng.u16(10_000..31_000));
        let first = TcpListener::bind((host, low));
        let last = TcpListener::bind((host, low + 7));
        if let (Ok(first), Ok(last)) = (first, last) {
            return Ok((first, last));
        }
    }
    Err(Stop::Error("no two free ports".to_owned()))
}

fn addr_of(listener: &TcpListener) -> Result<SocketAddr, Stop> {
    let addr = listener.local_addr();
    addr.map_err(|error| Stop::grader("local_addr", &error))
}

fn host_of(listener: &TcpListener) -> Result<String, Stop> {
    Ok(addr_of(listener)?.ip().to_string())
}

fn port_of(listener: &TcpListener) -> Result<u16, Stop> {
    Ok(addr_of(listener)?.port())
}

/// Waits for forty ports, one after another, take a second or two each. Four workers, each
/// with the two seconds that the sheet allows, need twenty.
fn tries_many_at_once(exam: &mut Exam) -> Verdict {
    const SILENT: usize = 40;
    const AT_MOST: Duration = Duration::from_secs(25);
    let Some(silent) = common::silent_ports(SILENT)? else {
        exam.note("this system answers also for a full backlog");
        return Ok(());
    };
    let ports: Vec<String> = silent.iter().map(|(_, port)| port.to_string()).collect();
    let list = ports.join(",");
    let mut program = exam.tool(&["127.0.0.1", "--ports", &list])?;
    let exit = program.wait_exit(AT_MOST).map_err(common::because(
        "it waits for one port, and only then tries the next",
    ))?;
    match exit {
        Exit::Status(0) => Ok(()),
        exit => Err(Failure::new("exit status 0", exit.to_string()).into()),
    }
}

/// A host that does not exist has no closed ports.
fn reports_an_unknown_host(exam: &mut Exam) -> Verdict {
    let name = format!("{}.invalid", exam.word(8).to_lowercase());
    let mut program = exam.tool(&[&name, "--ports", "9"])?;
    let exit = program.wait_exit(Duration::from_secs(20))?;
    let wanted = "an error message and a status that is not 0, since nobody has the name";
    let printed = program.printed();
    if exit == Exit::Status(0) {
        let got = format!("exit status 0; it printed {}", facts::short(&printed));
        return Err(Failure::new(wanted, got)
            .cause("that the name is unknown is taken for the answer of a port")
            .into());
    }
    match printed.trim() {
        "" => Err(Failure::new(wanted, format!("{exit} without a word")).into()),
        _ => Ok(()),
    }
}

fn is_bounded(exam: &mut Exam) -> Verdict {
    const SILENT: usize = 600;
    const LIMIT: usize = 512 + 30;
    // Not enough descriptors here, or another kind of system: nothing can be said.
    let Ok(Some(silent)) = common::silent_ports(SILENT) else {
        exam.note("no 600 silent ports can be made here");
        return Ok(());
    };
    // An open port in front of them tells when the scan begins: an interpreter on a busy
    // machine may take its time until then.
    let grader = |error| Stop::grader("cannot watch a port", &error);
    // Below the silent ones: some scanners sort their list.
    let mut low_ports = (0..100).map(|_| exam.rng().u16(10_000..31_000));
    let door = low_ports.find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    let door = door.ok_or_else(|| Stop::Error("no free port".to_owned()))?;
    door.set_nonblocking(true).map_err(grader)?;
    let mut ports = vec![port_of(&door)?.to_string()];
    ports.extend(silent.iter().map(|(_, port)| port.to_string()));
    let list = ports.join(",");
    let args = ["127.0.0.1", "--ports", &list];
    let mut program = exam.tool(&args)?;
    let mut give_up = Instant::now() + Duration::from_secs(25);
    let (mut threads, mut files) = (0, 0);
    while program.runs()? && Instant::now() < give_up && threads.max(files) <= LIMIT {
        if door.accept().is_ok() {
            // Long enough for one that got no more threads to end with that error.
            give_up = give_up.min(Instant::now() + Duration::from_secs(6));
        }
        threads = threads.max(program.threads().unwrap_or(0));
        files = files.max(program.open_files().unwrap_or(0));
        thread::sleep(Duration::from_millis(20));
    }
    // Who asks for thousands of threads may get none: it ends with an error.
    if !program.runs()? {
        program.expect_exit(0)?;
    }
    program.kill();
    if threads.max(files) <= LIMIT {
        return Ok(());
    }
    let got = format!("{threads} threads, {files} open files");
    Err(Failure::new("at most 512 ports at a time", got).into())
}

fn connection_monitor() -> Vec<Check> {
    let step = "labs/05_addresses_ports.md#step-5-who-owns-a-port";
    let needs = &["connection_monitor.shows_listening_sockets"];
    vec![
        Check::new(
            "connection_monitor.shows_listening_sockets",
            "shows a listening TCP socket with its address and state",
            |exam| {
                let listener = exam.listener()?;
                let output = facts::run(exam, &[])?;
                expect_line(&output, &["tcp", "LISTEN", &listener.addr().to_string()])
            },
        )
        .points(2)
        .sheet(step)
        .hints(&[
            "On Linux the kernel's table is a file: /proc/net/tcp.",
            "Addresses stand in it as hexadecimal numbers, bytes in the machine's order.",
            "State 0A is LISTEN.",
        ])
        .by_hand("ss -tan; cargo run -p connection_monitor"),
        Check::new(
            "connection_monitor.shows_connections",
            "shows both ends of an established connection",
            |exam| {
                let listener = exam.listener()?;
                let stream = connected(listener.addr())?;
                let error = |error| Stop::grader("local_addr", &error);
                let local = stream.local_addr().map_err(error)?.to_string();
                let peer = listener.addr().to_string();
                let output = facts::run(exam, &[])?;
                ordered(&output, "ESTAB", &local, &peer)?;
                ordered(&output, "ESTAB", &peer, &local)
            },
        )
        .needs(needs)
        .points(2)
        .sheet(step)
        .hints(&[
            "Two programs on this machine are connected: how many lines does ss show for \
             that?",
            "Each end of a connection on this machine is a socket of its own: two lines.",
            "Print each line of the table with its local address (second column) in \
             front of the peer's (third). State 01 is ESTABLISHED.",
        ])
        .by_hand("ss -tan state established"),
        Check::new(
            "connection_monitor.shows_a_closing_connection",
            "shows a connection that one end has closed, and its state",
            shows_a_closing_connection,
        )
        .needs(&["connection_monitor.shows_connections"])
        .sheet(step)
        .hints(&[
            "Which states can a TCP socket have, and how many does your program know?",
            "One end has closed, the other one has not: its state is 08, CLOSE-WAIT.",
            "Give each number from 01 to 0B its name (the sheet and man ss have them), \
             and one to all others: a match with a last arm _, or STATES.get(number, \
             \"?\") in Python.",
        ])
        .by_hand("nc -l 8080 & nc -N 127.0.0.1 8080 < /dev/null & ss -tan"),
        Check::new(
            "connection_monitor.shows_udp",
            "shows a UDP socket",
            |exam| {
                let udp = exam.udp()?;
                let output = facts::run(exam, &[])?;
                expect_line(&output, &["udp", &udp.addr()?.to_string()])
            },
        )
        .needs(needs)
        .sheet(step)
        .hints(&[
            "In which of the kernel's tables can a socket stand that has no connection?",
            "UDP has a table of its own: /proc/net/udp, of the same form.",
            "Read /proc/net/udp with the function that reads /proc/net/tcp, and print \
             udp on each of its lines.",
        ])
        .by_hand("ss -uan"),
        Check::new(
            "connection_monitor.shows_ipv6",
            "shows sockets of IPv6",
            |exam| {
                let Ok(listener) = TcpListener::bind("[::1]:0") else {
                    exam.note("this machine has no IPv6");
                    return Ok(());
                };
                let addr = SocketAddr::new(
                    IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
                    port_of(&listener)?,
                );
                let output = facts::run(exam, &[])?;
                expect_line(&output, &["LISTEN", &addr.to_string()])
            },
        )
        .needs(needs)
        .sheet(step)
        .hints(&[
            "The tables of IPv6 are /proc/net/tcp6 and /proc/net/udp6.",
            "An address is four numbers of 32 bits, each in the machine's byte order.",
            "Turn each 8 of the 32 digits into a number and that into four bytes \
             (u32::from_str_radix and to_ne_bytes; bytes.fromhex(part)[::-1] in Python). \
             The 16 bytes are the address; print it in brackets, then a colon and the \
             port.",
        ])
        .by_hand("ss -tan6"),
        Check::new(
            "connection_monitor.names_the_process",
            "names the process that has a socket, where that is allowed",
            |exam| {
                let listener = exam.listener()?;
                let addr = listener.addr().to_string();
                let output = facts::run(exam, &[])?;
                let pid = std::process::id().to_string();
                let line = output
                    .lines()
                    .find(|line| line.contains(&addr) && line.contains("LISTEN"));
                match line {
                    Some(line) if line.contains(&pid) => Ok(()),
                    line => {
                        let got = line.unwrap_or("no such line");
                        Err(Failure::new(format!("LISTEN … {addr} … {pid}"), got).into())
                    }
                }
            },
        )
        .needs(needs)
        .points(2)
        .sheet(step)
        .hints(&[
            "The table gives each socket's inode.",
            "In /proc/PID/fd a socket's link reads socket:[INODE].",
            "Follow the links in all /proc/PID/fd (fs::read_link, os.readlink), map each \
             inode to its PID, and print the PID on the socket's line. Pass over the \
             directories that you may not read.",
        ])
        .by_hand("ss -tlnp"),
        Check::new(
            "connection_monitor.shows_what_is_now",
            "shows no socket that is closed, nor state LISTEN for a connection",
            |exam| {
                // Another program may have got the port that we have closed: it will not
                // be so unlucky three times.
                shows_what_is_now(exam)
                    .or_else(|_| shows_what_is_now(exam))
                    .or_else(|_| shows_what_is_now(exam))
            },
        )
        .needs(needs)
        .sheet(step)
        .hints(&[
            "Which lines of the table do you print as LISTEN, and how do you know?",
            "The fourth column of the table is the state, in hexadecimal.",
            "Write LISTEN for 0A alone; 01 is ESTABLISHED, 06 is TIME_WAIT. Read the \
             table at each start, and keep none.",
        ])
        .by_hand("ss -tan"),
    ]
}

fn shows_what_is_now(exam: &mut Exam) -> Verdict {
    let listener = exam.listener()?;
    let stream = connected(listener.addr())?;
    let local = stream
        .local_addr()
        .map_err(|error| Stop::grader("local_addr", &error))?;
    let closed = exam.listener()?.addr();
    let output = facts::run(exam, &[])?;
    expect_no_line(&output, &["LISTEN", &closed.to_string()])?;
    expect_no_line(&output, &["LISTEN", &local.to_string()])
}

/// One end has closed its side. The other one knows it, and is in CLOSE_WAIT until it
/// closes, too: that can last as long as it likes.
fn shows_a_closing_connection(exam: &mut Exam) -> Verdict {
    let error = |error| Stop::grader("cannot use a connection", &error);
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(error)?;
    let closed = connected(addr_of(&listener)?)?;
    let (mut open, peer) = listener.accept().map_err(error)?;
    closed.shutdown(Shutdown::Write).map_err(error)?;
    // It has heard of it when this says that nothing comes any more.
    uninterrupted(|| open.read(&mut [0])).map_err(error)?;
    let output = facts::run(exam, &[])?;
    let (local, peer) = (addr_of(&listener)?.to_string(), peer.to_string());
    let is_its = |line: &&str| match (line.find(&local), line.find(&peer)) {
        (Some(a), Some(b)) => a < b,
        _ => false,
    };
    let wanted = format!("a line with CLOSE-WAIT … {local} … {peer}");
    let Some(line) = output.lines().find(is_its) else {
        return Err(Failure::new(wanted, "no such line")
            .cause("sockets in other states than LISTEN and ESTABLISHED are left out")
            .into());
    };
    // CLOSE_WAIT, CLOSE-WAIT, CloseWait, or a word for all that is neither of these two.
    let shown = line.to_uppercase();
    if !shown.contains("ESTAB") && !shown.contains("LISTEN") {
        return Ok(());
    }
    Err(Failure::new(wanted, facts::short(line)).into())
}

fn connected(addr: SocketAddr) -> Result<TcpStream, Stop> {
    TcpStream::connect(addr).map_err(|error| Stop::grader("cannot connect", &error))
}

/// Requires a line with the state and the two addresses, the first one first.
fn ordered(output: &str, state: &str, first: &str, second: &str) -> Verdict {
    let has = |line: &&str| match (line.find(first), line.find(second)) {
        (Some(a), Some(b)) => line.contains(state) && a < b,
        _ => false,
    };
    if output.lines().any(|line| has(&line)) {
        return Ok(());
    }
    let wanted = format!("a line with {state} … {first} … {second}");
    let near: BTreeSet<&str> =
        output.lines().filter(|line| line.contains(first)).collect();
    let near: Vec<&str> = near.into_iter().collect();
    Err(Failure::new(wanted, facts::short(&near.join("\n"))).into())
}
