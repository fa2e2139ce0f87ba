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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_says_where_to_read_on_and_how_to_see_it_by_hand() {
        let lacking: Vec<_> = all()
            .into_iter()
            .filter(|check| check.by_hand.is_empty() || check.sheet.is_empty())
            .map(|check| check.id)
            .collect();
        assert!(lacking.is_empty(), "without sheet or command: {lacking:#?}");
    }

    #[test]
    fn the_checks_of_a_step_stand_together() {
        let all = all();
        let groups = all.chunk_by(|a, b| a.step() == b.step()).count();
        assert_eq!(groups, steps().len());
    }

    #[test]
    fn every_check_has_three_hints_and_no_two_are_alike() {
        for check in all() {
            let mut hints = check.hints.to_vec();
            hints.sort_unstable();
            hints.dedup();
            assert_eq!(hints.len(), Check::HINTS, "{}: {hints:#?}", check.id);
            assert_eq!(check.hints.len(), Check::HINTS, "{}", check.id);
        }
    }

    #[test]
    fn every_check_has_its_own_id_and_needs_only_checks_of_its_step() {
        let all = all();
        for (index, check) in all.iter().enumerate() {
            let twin = all
                .iter()
                .skip(index + 1)
                .find(|other| other.id == check.id);
            assert!(twin.is_none(), "{} stands twice", check.id);
            for need in check.needs {
                assert!(all.iter().any(|other| other.id == *need), "no check {need}");
                assert_eq!(need.split('.').next(), Some(check.step()), "{}", check.id);
            }
        }
    }
}
