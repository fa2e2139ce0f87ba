//! The books of one stream: loss, order and jitter, by the means of RTP (RFC 3550).

use std::fmt;
use std::time::{Duration, Instant};

use crate::frame::Frame;

/// What is known of a stream.
#[derive(Debug)]
pub struct Stream {
    total: u32,
    received: u32,
    highest: u32,
    out_of_order: u32,
    start: Instant,
    last_arrival: Instant,
    /// Transit time of the frame before, in seconds. The clocks of the two ends differ by
    /// an unknown amount, which vanishes in the difference of two transit times.
    last_transit: Option<f64>,
    jitter: f64,
}

impl Stream {
    /// A stream of so many frames, whose first one arrives now.
    pub fn new(total: u32, now: Instant) -> Self {
        Stream {
            total,
            received: 0,
            highest: 0,
            out_of_order: 0,
            start: now,
            last_arrival: now,
            last_transit: None,
            jitter: 0.0,
        }
    }

    /// Notes one frame and returns a remark if it was not the next one.
    pub fn note(&mut self, frame: Frame, arrived: Instant) -> Option<String> {
        self.received = self.received.saturating_add(1);
        self.last_arrival = arrived;
        self.note_jitter(frame.made, arrived);
        let expected = self.highest.saturating_add(1);
        if frame.number < expected {
            self.out_of_order += 1;
            return Some(format!(
                "Out of order: {} after {}",
                frame.number, self.highest
            ));
        }
        self.highest = frame.number;
        match frame.number - expected {
            0 => None,
            1 => Some(format!("Missing so far: {expected}")),
            _ => Some(format!(
                "Missing so far: {expected} to {}",
                frame.number - 1
            )),
        }
    }

    /// Interarrival jitter, RFC 3550 §6.4.1: `J(i) = J(i-1) + (|D(i-1,i)| - J(i-1))/16`,
    /// where D is by how much longer this frame travelled than the one before.
    fn note_jitter(&mut self, made: Duration, arrived: Instant) {
        let transit =
            arrived.duration_since(self.start).as_secs_f64() - made.as_secs_f64();
        if let Some(last_transit) = self.last_transit {
            let difference = (transit - last_transit).abs();
            self.jitter += (difference - self.jitter) / 16.0;
        }
        self.last_transit = Some(transit);
    }

    /// Tells whether every frame is there.
    pub fn is_complete(&self) -> bool {
        self.received >= self.total
    }

    /// Returns how long ago the last frame arrived.
    pub fn silent_for(&self) -> Duration {
        self.last_arrival.elapsed()
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = self.total.saturating_sub(self.received);
        let per_cent = 100.0 * f64::from(lost) / f64::from(self.total.max(1));
        write!(
            f,
            "{} of {} frames received, {lost} lost ({per_cent:.1} %), {} out of order, \
             jitter {:.1} ms",
            self.received,
            self.total,
            self.out_of_order,
            self.jitter * 1000.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays frames, made every 20 ms, that arrive so many milliseconds after the start.
    fn play(frames: &[(u32, u64)]) -> Stream {
        let start = Instant::now();
        let mut stream = Stream::new(4, start);
        for &(number, arrival) in frames {
            let frame = Frame {
                number,
                total: 4,
                made: Duration::from_millis(20) * (number - 1),
            };
            stream.note(frame, start + Duration::from_millis(arrival));
        }
        stream
    }

    #[test]
    fn a_steady_stream_has_no_jitter_however_long_it_travels() {
        let stream = play(&[(1, 500), (2, 520), (3, 540), (4, 560)]);
        assert_eq!(
            stream.to_string(),
            "4 of 4 frames received, 0 lost (0.0 %), 0 out of order, jitter 0.0 ms"
        );
        assert!(stream.is_complete());
    }

    #[test]
    fn jitter_moves_by_a_sixteenth_of_each_difference() {
        // D = 16 ms, then -16 ms: J = 1, then 1 + (16 - 1)/16.
        let stream = play(&[(1, 0), (2, 36), (3, 40)]);
        assert!(
            (stream.jitter * 1000.0 - 1.9375).abs() < 1e-6,
            "{}",
            stream.jitter
        );
    }

    #[test]
    fn what_is_late_is_not_lost() {
        let stream = play(&[(1, 0), (3, 40), (2, 45)]);
        assert_eq!((stream.received, stream.out_of_order), (3, 1));
        assert!(stream.to_string().contains("1 lost (25.0 %)"), "{stream}");
        assert!(!stream.is_complete());
    }
}
