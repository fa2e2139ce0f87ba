//! Lines out of a stream, and the interval out of an argument. No sockets here.

use std::time::Duration;

/// Beats may come this fast, or this slowly.
const MIN_INTERVAL: Duration = Duration::from_millis(10);
const MAX_INTERVAL: Duration = Duration::from_secs(3600);

/// Takes the first whole line out of the bytes, without its line end.
pub fn next_line(received: &mut Vec<u8>) -> Option<Vec<u8>> {
    let end = received.iter().position(|byte| *byte == b'\n')?;
    let mut line: Vec<u8> = received.drain(..=end).collect();
    line.pop();
    if line.ends_with(b"\r") {
        line.pop();
    }
    Some(line)
}

/// Reads a number of seconds such as `2` or `0.5`.
pub fn seconds(arg: &str) -> Result<Duration, String> {
    let number = arg.parse::<f64>().map_err(|error| error.to_string())?;
    match Duration::try_from_secs_f64(number) {
        Ok(time) if (MIN_INTERVAL..=MAX_INTERVAL).contains(&time) => Ok(time),
        _ => Err("choose from 0.01 to 3600 seconds".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_were_sent() {
        let mut received = b"PONG\r\nPI".to_vec();
        assert_eq!(next_line(&mut received).unwrap(), b"PONG");
        assert_eq!(next_line(&mut received), None);
        received.extend(b"NG\n\n");
        assert_eq!(next_line(&mut received).unwrap(), b"PING");
        assert_eq!(next_line(&mut received).unwrap(), b"");
        assert!(received.is_empty());
    }

    #[test]
    fn an_interval_may_have_a_fraction_and_has_limits() {
        assert_eq!(seconds("2").unwrap(), Duration::from_secs(2));
        assert_eq!(seconds("0.5").unwrap(), Duration::from_millis(500));
        for arg in ["", "x", "0", "-1", "0.001", "3601", "1e300", "nan", "inf"] {
            assert!(seconds(arg).is_err(), "{arg}");
        }
    }
}
