//! What each address has done lately: how fast it asks, how often it guessed wrong.
//! No sockets and no clock here; every call is told what time it is.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// An address may ask this many times at once …
const BURST: f64 = 200.0;
/// … and goes on at this rate, in requests a second.
const RATE: f64 = 50.0;
/// So many wrong tokens …
const MAX_FAILURES: u32 = 5;
/// … within this time lock an address out.
const FAILURE_WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered: whoever has many could otherwise fill our memory.
const MAX_VISITORS: usize = 10_000;

/// Remembers addresses.
#[derive(Debug)]
pub struct Guard {
    visitors: HashMap<IpAddr, Visitor>,
    lockout: Duration,
}

#[derive(Debug)]
struct Visitor {
    /// What is left in the token bucket at the moment `seen`.
    requests: f64,
    seen: Instant,
    failures: u32,
    first_failure: Instant,
    locked_until: Option<Instant>,
}

impl Guard {
    /// Remembers nobody yet; who is locked out stays so for `lockout`.
    pub fn new(lockout: Duration) -> Self {
        Guard {
            visitors: HashMap::new(),
            lockout,
        }
    }

    /// Tells whether the address may ask once more now.
    pub fn allows_request(&mut self, ip: IpAddr, now: Instant) -> bool {
        let visitor = self.visitor(ip, now);
        if visitor.requests < 1.0 {
            return false;
        }
        visitor.requests -= 1.0;
        true
    }

    /// Returns how long the address is still locked out, if it is.
    pub fn locked_for(&mut self, ip: IpAddr, now: Instant) -> Option<Duration> {
        let until = self.visitor(ip, now).locked_until?;
        let left = until.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Notes a wrong token, and returns for how long that locks the address out, if so.
    pub fn wrong_token(&mut self, ip: IpAddr, now: Instant) -> Option<Duration> {
        let lockout = self.lockout;
        let visitor = self.visitor(ip, now);
        if now.saturating_duration_since(visitor.first_failure) > FAILURE_WINDOW {
            visitor.failures = 0;
        }
        if visitor.failures == 0 {
            visitor.first_failure = now;
        }
        visitor.failures += 1;
        if visitor.failures < MAX_FAILURES {
            return None;
        }
        visitor.failures = 0;
        visitor.locked_until = Some(now + lockout);
        Some(lockout)
    }

    // Not done here: the right token does not wipe the failures out. A thief at the same
    // address as an honest user would get five more guesses with each of the user's visits.

    fn visitor(&mut self, ip: IpAddr, now: Instant) -> &mut Visitor {
        let key = network(ip);
        if self.visitors.len() >= MAX_VISITORS && !self.visitors.contains_key(&key) {
            self.forget(now);
        }
        let visitor = self.visitors.entry(key).or_insert(Visitor {
            requests: BURST,
            seen: now,
            failures: 0,
            first_failure: now,
            locked_until: None,
        });
        let earned = now.saturating_duration_since(visitor.seen).as_secs_f64() * RATE;
        visitor.requests = (visitor.requests + earned).min(BURST);
        visitor.seen = now;
        visitor
    }

    /// Forgets those who have nothing against them any more, or else everybody.
    fn forget(&mut self, now: Instant) {
        let lockout = self.lockout;
        self.visitors.retain(|_, visitor| {
            now.saturating_duration_since(visitor.seen) < FAILURE_WINDOW.max(lockout)
        });
        if self.visitors.len() >= MAX_VISITORS {
            self.visitors.retain(|_, visitor| {
                visitor.locked_until.is_some_and(|until| until > now)
            });
        }
        if self.visitors.len() >= MAX_VISITORS {
            self.visitors.clear();
        }
    }
}

/// One customer of an IPv6 provider has a whole /64, 2^64 addresses: they count as one.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64))
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKOUT: Duration = Duration::from_secs(30);

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[test]
    fn a_burst_is_allowed_and_a_flood_is_not() {
        let mut guard = Guard::new(LOCKOUT);
        let now = Instant::now();
        let allowed = (0..1000)
            .filter(|_| guard.allows_request(ip(1), now))
            .count();
        assert_eq!(allowed, 200);
        assert!(guard.allows_request(ip(2), now), "another address is free");
        let later = now + Duration::from_secs(1);
        let allowed = (0..1000)
            .filter(|_| guard.allows_request(ip(1), later))
            .count();
        assert_eq!(allowed, 50);
    }

    #[test]
    fn the_fifth_wrong_token_locks_the_address_out_for_a_while() {
        let mut guard = Guard::new(LOCKOUT);
        let now = Instant::now();
        for _ in 0..4 {
            assert_eq!(guard.wrong_token(ip(1), now), None);
            assert_eq!(guard.locked_for(ip(1), now), None);
        }
        assert_eq!(guard.wrong_token(ip(1), now), Some(LOCKOUT));
        assert_eq!(guard.locked_for(ip(1), now), Some(LOCKOUT));
        assert_eq!(
            guard.locked_for(ip(2), now),
            None,
            "another address is free"
        );
        assert_eq!(guard.locked_for(ip(1), now + LOCKOUT), None);
    }

    #[test]
    fn slow_mistakes_do_not_lock_anybody_out() {
        let mut guard = Guard::new(LOCKOUT);
        let mut now = Instant::now();
        for _ in 0..20 {
            assert_eq!(guard.wrong_token(ip(1), now), None);
            now += Duration::from_secs(20);
        }
    }

    #[test]
    fn memory_is_bounded_and_the_locked_stay_locked() {
        let mut guard = Guard::new(LOCKOUT);
        let now = Instant::now();
        for _ in 0..5 {
            guard.wrong_token(ip(1), now);
        }
        for number in 0..50_000_u32 {
            guard.allows_request(IpAddr::from((0x0a00_0000 + number).to_be_bytes()), now);
            assert!(guard.visitors.len() <= MAX_VISITORS);
        }
        assert!(guard.locked_for(ip(1), now).is_some());
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let mut guard = Guard::new(LOCKOUT);
        let now = Instant::now();
        for last in 1..=5 {
            let ip = format!("2001:db8::{last}").parse().unwrap();
            guard.wrong_token(ip, now);
        }
        let neighbour = "2001:db8::99".parse().unwrap();
        assert!(guard.locked_for(neighbour, now).is_some());
        let mapped = "::ffff:127.0.0.1".parse().unwrap();
        for _ in 0..5 {
            guard.wrong_token(mapped, now);
        }
        assert!(guard.locked_for(ip(1), now).is_some());
    }
}
