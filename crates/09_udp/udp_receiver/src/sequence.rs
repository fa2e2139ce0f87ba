//! The books of one numbering sender: what came, what is missing, what came late.

use std::fmt;

/// A datagram's place in its sequence: ` 3/10` at its end is the third of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// Its own number, from 1.
    pub number: u64,
    /// How many the sender sends in all.
    pub total: u64,
}

/// Reads the number at the end of a datagram, or `None` if it has none that makes sense.
pub fn parse(datagram: &[u8]) -> Option<Number> {
    let text = std::str::from_utf8(datagram).ok()?;
    let (_, last_word) = text.rsplit_once(' ')?;
    let (number, total) = last_word.split_once('/')?;
    let (number, total) = (number.parse().ok()?, total.parse().ok()?);
    (1..=total)
        .contains(&number)
        .then_some(Number { number, total })
}

/// Counts what arrived of one sequence, with the means of RFC 3550 §A.3: the highest
/// number and the count. A datagram that the network doubles hides one that it lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequence {
    highest: u64,
    received: u64,
    out_of_order: u64,
    total: u64,
}

impl Sequence {
    /// Notes one datagram and returns a remark if it was not the next one.
    pub fn note(&mut self, Number { number, total }: Number) -> Option<String> {
        let expected = self.highest + 1;
        self.received += 1;
        self.total = total;
        if number < expected {
            self.out_of_order += 1;
            return Some(format!("Out of order: {number} after {}", self.highest));
        }
        self.highest = number;
        match number - expected {
            0 => None,
            1 => Some(format!("Missing so far: {expected}")),
            _ => Some(format!("Missing so far: {expected} to {}", number - 1)),
        }
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} received, {} lost, {} out of order",
            self.received,
            self.total,
            self.total.saturating_sub(self.received),
            self.out_of_order
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(numbers: &[u64]) -> (Vec<String>, String) {
        let mut sequence = Sequence::default();
        let remarks = numbers
            .iter()
            .filter_map(|&number| sequence.note(Number { number, total: 5 }))
            .collect();
        (remarks, sequence.to_string())
    }

    #[test]
    fn the_last_word_holds_number_and_total() {
        let third = Some(Number {
            number: 3,
            total: 10,
        });
        assert_eq!(parse(b"Message 3/10"), third);
        assert_eq!(parse(b"two words 3/10"), third);
    }

    #[test]
    fn other_texts_have_no_number() {
        for text in [
            "", "Message", "3/10", "a 3", "a 0/10", "a 11/10", "a /", "a 3/10 ", "a -1/2",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse(b"a 99999999999999999999/1"), None);
        assert_eq!(parse(b"\xff 1/2"), None);
    }

    #[test]
    fn a_full_sequence_gives_no_remark() {
        let (remarks, report) = report(&[1, 2, 3, 4, 5]);
        assert!(remarks.is_empty(), "{remarks:?}");
        assert_eq!(report, "5 of 5 received, 0 lost, 0 out of order");
    }

    #[test]
    fn what_is_missing_at_the_end_is_lost_too() {
        let (remarks, report) = report(&[2, 4]);
        assert_eq!(remarks, ["Missing so far: 1", "Missing so far: 3"]);
        assert_eq!(report, "2 of 5 received, 3 lost, 0 out of order");
    }

    #[test]
    fn a_late_one_is_out_of_order_and_not_lost() {
        let (remarks, report) = report(&[1, 4, 2, 3, 5]);
        assert_eq!(
            remarks,
            [
                "Missing so far: 2 to 3",
                "Out of order: 2 after 4",
                "Out of order: 3 after 4"
            ]
        );
        assert_eq!(report, "5 of 5 received, 0 lost, 2 out of order");
    }
}
