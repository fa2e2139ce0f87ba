//! What round trips tell: how many packets are lost, and how long the way is.

use std::fmt;
use std::time::Duration;

/// How many went out, and how long the answered ones took.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Requests sent.
    pub sent: u32,
    /// Round-trip times of the replies.
    pub times: Vec<Duration>,
}

impl Statistics {
    /// Returns the share of requests without reply, in percent.
    pub fn loss(&self) -> usize {
        let sent = usize::try_from(self.sent).unwrap_or(usize::MAX);
        let lost = sent.saturating_sub(self.times.len());
        (lost * 100).checked_div(sent).unwrap_or(0)
    }

    /// Returns the smallest, mean and largest time and the mean deviation from the mean,
    /// in milliseconds; `None` without a reply.
    pub fn summary(&self) -> Option<(f64, f64, f64, f64)> {
        let ms: Vec<f64> = self.times.iter().map(|t| t.as_secs_f64() * 1e3).collect();
        let count = f64::from(u32::try_from(ms.len()).ok().filter(|n| *n > 0)?);
        let mean = ms.iter().sum::<f64>() / count;
        let deviation = ms.iter().map(|t| (t - mean).abs()).sum::<f64>() / count;
        let min = ms.iter().copied().fold(f64::INFINITY, f64::min);
        let max = ms.iter().copied().fold(0.0, f64::max);
        Some((min, mean, max, deviation))
    }
}

/// Two lines: the loss, and the times if there are any.
impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (sent, received) = (self.sent, self.times.len());
        write!(f, "{sent} sent, {received} received, {}% lost", self.loss())?;
        if let Some((min, mean, max, deviation)) = self.summary() {
            write!(
                f,
                "\nrtt min/avg/max/mdev = {min:.3}/{mean:.3}/{max:.3}/{deviation:.3} ms"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statistics_are_those_of_the_times() {
        let times = [10, 20, 60].map(Duration::from_millis).to_vec();
        let statistics = Statistics { sent: 4, times };
        assert_eq!(statistics.loss(), 25);
        let (min, mean, max, deviation) = statistics.summary().unwrap();
        assert!((min - 10.0).abs() < 1e-6 && (max - 60.0).abs() < 1e-6);
        assert!((mean - 30.0).abs() < 1e-6 && (deviation - 20.0).abs() < 1e-6);
        assert_eq!(Statistics::default().summary(), None);
        assert_eq!(Statistics::default().loss(), 0);
    }

    #[test]
    fn without_a_reply_there_are_no_times_to_show() {
        let times = [10, 20, 60].map(Duration::from_millis).to_vec();
        let statistics = Statistics { sent: 4, times };
        assert_eq!(
            statistics.to_string(),
            "4 sent, 3 received, 25% lost\n\
             rtt min/avg/max/mdev = 10.000/30.000/60.000/20.000 ms"
        );
        let times = Vec::new();
        let statistics = Statistics { sent: 2, times };
        assert_eq!(statistics.to_string(), "2 sent, 0 received, 100% lost");
    }
}
