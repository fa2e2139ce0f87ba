//! The registry: every check of the course, in the order of the course.

use crate::harness::Check;

pub mod ch01_networks;
pub mod ch02_ip;
pub mod ch03_sockets;
pub mod ch04_tcp;
pub mod ch05_addresses_ports;
pub mod ch06_errors;
pub mod ch07_threads;
pub mod ch08_client_server;
pub mod ch09_udp;
pub mod ch10_security;
pub mod ch11_http;
pub mod common;
pub mod facts;

/// All checks of the course.
pub fn all() -> Vec<Check> {
    let chapters = [
        ch01_networks::checks,
        ch02_ip::checks,
        ch03_sockets::checks,
        ch04_tcp::checks,
        ch05_addresses_ports::checks,
        ch06_errors::checks,
        ch07_threads::checks,
        ch08_client_server::checks,
        ch09_udp::checks,
        ch10_security::checks,
        ch11_http::checks,
    ];
    chapters.iter().flat_map(|checks| checks()).collect()
}

/// The lab steps that have checks, in the order of the course, each once.
pub fn steps() -> Vec<&'static str> {
    let mut steps = Vec::new();
    for check in all() {
        if !steps.contains(&check.step()) {
            steps.push(check.step());
        }
    }
    steps
}
