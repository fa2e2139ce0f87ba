//! Chapter 9: answers everybody who asks the whole network "who is there?" (RFC 1112).
//!
//! Terminal 1:  cargo run -p discovery_responder -- --name kitchen
//! Terminal 2:  cargo run -p discovery_probe
//! Lab sheet:   labs/09_udp.md

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use labkit::{Console, Endpoint};
use socket2::{Domain, Protocol, Socket, Type};

/// The group's address. 239.255.0.0/16 is for use within one site (RFC 2365 §6.1).
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 42, 99);
/// The question is four bytes; of anything longer, the first bytes tell that it is none.
const MAX_QUESTION: usize = 64;
/// How long the loop rests after an error that may come again at once.
const REST: Duration = Duration::from_millis(50);

/// Answer `WHO` with our name and address; several may run on one machine.
#[derive(clap::Parser)]
#[command(
    version,
    after_help = "Here --host is the address of the network card to listen on; 127.0.0.1 is \
                  this machine alone."
)]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint<9999>,
    #[command(flatten)]
    console: Console,
    /// Who we are: one word [default: responder-PROCESS]
    #[arg(long, value_parser = one_word)]
    name: Option<String>,
    /// Where our service is [default: the address that answers]
    #[arg(long)]
    service: Option<SocketAddr>,
    /// Listen for broadcasts instead of multicasts
    #[arg(long)]
    broadcast: bool,
}

fn main() -> ExitCode {
    labkit::run(serve)
}

fn serve(args: Args) -> anyhow::Result<()> {
    let interrupted = labkit::ctrl_c()?;
    let card = match args.endpoint.addrs()?.first().map(SocketAddr::ip) {
        Some(IpAddr::V4(card)) => card,
        _ => bail!(
            "{} is no IPv4 address, and this group is",
            args.endpoint.host
        ),
    };
    let socket = listen(card, &args).with_context(|| {
        format!("cannot listen on {card}, port {}", args.endpoint.port)
    })?;
    let default_name = || format!("responder-{}", std::process::id());
    let name = args.name.clone().unwrap_or_else(default_name);
    println!("Answering as {name} on {}", socket.local_addr()?);

    thread::spawn(move || receive_loop(&socket, &name, &args));
    interrupted.recv()?;
    println!("Server shutting down");
    Ok(())
}

/// Opens a socket that hears the group, or the broadcasts, of one network.
fn listen(card: Ipv4Addr, args: &Args) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // All responders of this machine listen on one port, and each gets its own copy of a
    // question. BSD and macOS want SO_REUSEPORT for that, Linux and Windows do not.
    socket.set_reuse_address(true)?;
    #[cfg(all(unix, not(target_os = "linux")))]
    socket.set_reuse_port(true)?;

    let addr = match (args.broadcast, card.is_loopback()) {
        // Bound to the address that the question goes to, it hears nothing else.
        (true, true) if cfg!(target_os = "linux") => loopback_broadcast(),
        (false, _) if cfg!(unix) => GROUP,
        _ => Ipv4Addr::UNSPECIFIED,
    };
    socket.bind(&SocketAddrV4::new(addr, args.endpoint.port).into())?;
    let socket = UdpSocket::from(socket);
    if !args.broadcast {
        // Tells this network (IGMP) and this kernel: what goes to GROUP is for us, too.
        socket.join_multicast_v4(&GROUP, &card)?;
    }
    Ok(socket)
}

/// The last address of 127.0.0.0/8: everybody on this machine.
fn loopback_broadcast() -> Ipv4Addr {
    Ipv4Addr::new(127, 255, 255, 255)
}

/// Answers one question after another. The answer goes to the one who asked, alone.
fn receive_loop(socket: &UdpSocket, name: &str, args: &Args) {
    let mut buf = [0; MAX_QUESTION];
    loop {
        if let Err(error) = answer(socket, &mut buf, name, args) {
            survive(&error);
        }
    }
}

fn answer(socket: &UdpSocket, buf: &mut [u8], name: &str, args: &Args) -> io::Result<()> {
    let (len, peer_addr) = socket.recv_from(buf)?;
    if buf.get(..len).unwrap_or_default().trim_ascii_end() != b"WHO" {
        return Ok(()); // Not our language. Whoever answers noise, makes more noise.
    }
    let service = match args.service {
        Some(service) => service,
        // With --port 0 only the socket knows which port it got.
        None => SocketAddr::new(own_ip(peer_addr)?, socket.local_addr()?.port()),
    };
    socket.send_to(format!("HERE {name} {service}\n").as_bytes(), peer_addr)?;
    args.console.line(format_args!("Answered {peer_addr}"));
    Ok(())
}

/// Returns which of this machine's addresses a peer sees: connect() sends nothing, it
/// chooses a route, and with it the address that datagrams leave from.
fn own_ip(peer_addr: SocketAddr) -> io::Result<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(peer_addr)?;
    Ok(socket.local_addr()?.ip())
}

/// Goes on after an error: it concerns one peer, the socket serves them all.
fn survive(error: &io::Error) {
    match error.kind() {
        // Who asked has gone: "port unreachable" came back for an earlier answer.
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => {}
        ErrorKind::Interrupted => {}
        // Windows says that a datagram was longer than our buffer: no question is.
        _ if error.raw_os_error() == Some(10040) => {}
        _ => {
            eprintln!("cannot answer: {}", labkit::reason(error));
            thread::sleep(REST);
        }
    }
}

/// Checks a name: the fields of an answer stand apart by spaces.
fn one_word(name: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&name.len());
    if fits && name.chars().all(|char| char.is_ascii_graphic()) {
        Ok(name.to_owned())
    } else {
        Err("a name is one word of at most 64 letters, digits and signs".to_owned())
    }
}
