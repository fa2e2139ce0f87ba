//! The books of one numbering sender: what came, what is missing, what came late.

use std::collections::BTreeMap;
use std::fmt;

/// How many gaps of one sequence are remembered: the numbers are the sender's choice.
const MAX_GAPS: usize = 1000;

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

/// Counts what arrived of one sequence, and remembers its gaps, so that a datagram that
/// comes twice does not hide one that was lost.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    highest: u64,
    received: u64,
    out_of_order: u64,
    doubled: u64,
    total: u64,
    /// The missing numbers below the highest: the first of each gap, and its last.
    gaps: BTreeMap<u64, u64>,
}

impl Sequence {
    /// Notes one datagram and returns a remark if it was not the next one.
    pub fn note(&mut self, Number { number, total }: Number) -> Option<String> {
        self.total = total;
        if number <= self.highest {
            return Some(self.note_late(number));
        }
        let (expected, last) = (self.highest + 1, number - 1);
        self.received += 1;
        self.highest = number;
        if expected > last {
            return None;
        }
        if self.gaps.len() < MAX_GAPS {
            self.gaps.insert(expected, last);
        }
        match last - expected {
            0 => Some(format!("Missing so far: {expected}")),
            _ => Some(format!("Missing so far: {expected} to {last}")),
        }
    }

    /// Notes a datagram that fills a gap, or one that was here before.
    fn note_late(&mut self, number: u64) -> String {
        let gap = self.gaps.range(..=number).next_back();
        let Some((first, last)) = gap
            .map(|(&first, &last)| (first, last))
            .filter(|&(_, last)| number <= last)
        else {
            self.doubled += 1;
            return format!("Once more: {number}");
        };
        self.gaps.remove(&first);
        if first < number {
            self.gaps.insert(first, number - 1);
        }
        if number < last {
            self.gaps.insert(number + 1, last);
        }
        self.received += 1;
        self.out_of_order += 1;
        format!("Out of order: {number} after {}", self.highest)
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
        )?;
        match self.doubled {
            0 => Ok(()),
            doubled => write!(f, ", {doubled} more than once"),
        }
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
    fn one_that_comes_twice_does_not_hide_a_lost_one() {
        let (remarks, report) = report(&[1, 2, 2, 5, 3, 3]);
        assert_eq!(
            remarks,
            [
                "Once more: 2",
                "Missing so far: 3 to 4",
                "Out of order: 3 after 5",
                "Once more: 3"
            ]
        );
        let expected = "4 of 5 received, 1 lost, 1 out of order, 2 more than once";
        assert_eq!(report, expected);
    }

    #[test]
    fn the_highest_number_of_all_is_one_like_any_other() {
        let mut sequence = Sequence::default();
        let last = parse(b"a 18446744073709551615/18446744073709551615").unwrap();
        assert!(sequence.note(last).is_some());
        assert_eq!(
            sequence.note(last).unwrap(),
            "Once more: 18446744073709551615"
        );
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
