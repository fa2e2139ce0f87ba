//! Scans one port after another, but reads only two parts of a list.
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::exit;
use std::time::Duration;

fn main() {
    let args: Vec<String> = std::env::args().skip(3).collect();
    let value = |flag: &str| {
        let at = args.iter().position(|arg| arg == flag);
        at.map(|at| args[at + 1].clone())
    };
    let ip: IpAddr = args[0].parse().unwrap();
    if !ip.is_loopback() {
        eprintln!("error: scan a public address only with its owner's permission");
        exit(1);
    }
    let timeout = value("--timeout").map_or(1000, |text| text.parse().unwrap());
    let mut counts = [0, 0, 0];
    for part in value("--ports").unwrap().split(',').take(2) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
            eprintln!("error: {part} is no port");
            exit(1);
        };
        if first == 0 || last < first {
            eprintln!("error: {part} is no range");
            exit(1);
        }
        for port in first..=last {
            let addr = SocketAddr::new(ip, port);
            let name = match port {
                8080 => "http-alt",
                5432 => "postgresql",
                3306 => "mysql",
                6379 => "redis",
                _ => "",
            };
            match TcpStream::connect_timeout(&addr, Duration::from_millis(timeout)) {
                Ok(_) => {
                    println!("{port} open {name}");
                    counts[0] += 1;
                }
                Err(error) if error.kind() == std::io::ErrorKind::TimedOut => counts[2] += 1,
                Err(_) => counts[1] += 1,
            }
        }
    }
    println!("{} open, {} closed, {} filtered", counts[0], counts[1], counts[2]);
}
