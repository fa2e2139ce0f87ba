//! A bad network, simulated: which frames get lost, and how long each other one takes.
//! The outcome depends on the seed alone, so an experiment can be repeated.

use std::fmt;
use std::time::Duration;

/// A network that loses and delays.
#[derive(Clone, Copy, Debug)]
pub struct BadNetwork {
    /// Per cent that are lost.
    pub drop: u8,
    /// The longest that a frame is held up.
    pub delay: Duration,
    /// Where chance begins.
    pub seed: u64,
}

/// A frame that gets through; times count from the start of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// When the network lets it go.
    pub at: Duration,
    /// When it was made.
    pub made: Duration,
    /// Its number, from 1.
    pub number: u32,
}

impl BadNetwork {
    /// Returns the frames that get through, in the order in which they arrive: who is
    /// held up longer than the next frame is overtaken by it.
    pub fn carry(&self, count: u32, interval: Duration) -> Vec<Departure> {
        let mut chance = fastrand::Rng::with_seed(self.seed);
        let mut departures = Vec::new();
        for number in 1..=count {
            // Both draws for every frame: another --delay leaves the losses as they were.
            let is_lost = chance.u8(..100) < self.drop;
            let share = chance.f64();
            if !is_lost {
                let made = interval * (number - 1);
                let at = made + self.delay.mul_f64(share);
                departures.push(Departure { at, made, number });
            }
        }
        departures.sort_by_key(|departure| departure.at);
        departures
    }
}

impl fmt::Display for BadNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delay = self.delay.as_millis();
        write!(
            f,
            "The network drops {} % and delays by 0 to {delay} ms (--seed {})",
            self.drop, self.seed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(20);

    fn carried(drop: u8, delay_ms: u64, seed: u64) -> Vec<u32> {
        let network = BadNetwork {
            drop,
            delay: Duration::from_millis(delay_ms),
            seed,
        };
        let departures = network.carry(1000, INTERVAL);
        departures
            .iter()
            .map(|departure| departure.number)
            .collect()
    }

    #[test]
    fn a_good_network_carries_all_in_order() {
        assert_eq!(carried(0, 0, 1), (1..=1000).collect::<Vec<_>>());
    }

    #[test]
    fn a_dead_network_carries_nothing() {
        assert!(carried(100, 0, 1).is_empty());
    }

    #[test]
    fn about_as_many_are_lost_as_asked_for() {
        let lost = 1000 - carried(10, 0, 7).len();
        assert!((50..150).contains(&lost), "{lost}");
    }

    #[test]
    fn a_delay_below_the_interval_overtakes_nobody_and_a_longer_one_does() {
        assert!(carried(0, 19, 3).is_sorted());
        assert!(!carried(0, 60, 3).is_sorted());
    }

    #[test]
    fn the_seed_decides_and_the_delay_leaves_the_losses_alone() {
        assert_eq!(carried(10, 50, 5), carried(10, 50, 5));
        assert_ne!(carried(10, 50, 5), carried(10, 50, 6));
        let mut late = carried(10, 500, 5);
        late.sort_unstable();
        assert_eq!(late, carried(10, 0, 5));
    }
}
