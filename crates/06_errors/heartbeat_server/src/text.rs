//! Lines out of a stream. No sockets here.

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
}
