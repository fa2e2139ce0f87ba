//! The answer to a question: `HERE NAME h:p`.

use std::net::SocketAddr;

/// Reads an answer: the name, one word that is safe to print, and where the service is.
/// `None` for anything else: any program may send to our port.
pub fn parse(datagram: &[u8]) -> Option<(&str, SocketAddr)> {
    let line = std::str::from_utf8(datagram).ok()?;
    let line = line.strip_suffix('\n').unwrap_or(line);
    let (name, service) = line.strip_prefix("HERE ")?.split_once(' ')?;
    let is_word = !name.is_empty() && name.chars().all(|char| char.is_ascii_graphic());
    is_word.then_some((name, service.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_name_and_address() {
        let service = "10.0.0.7:8080".parse().unwrap();
        assert_eq!(
            parse(b"HERE kitchen 10.0.0.7:8080\n"),
            Some(("kitchen", service))
        );
        let service = "[::1]:1".parse().unwrap();
        assert_eq!(parse(b"HERE a [::1]:1"), Some(("a", service)));
    }

    #[test]
    fn anything_else_is_no_answer() {
        for datagram in [
            &b""[..],
            b"WHO\n",
            b"HERE\n",
            b"HERE kitchen\n",
            b"HERE  1.2.3.4:5\n",
            b"HERE two words 1.2.3.4:5\n",
            b"HERE a 1.2.3.4\n",
            b"HERE \x1b[2J 1.2.3.4:5\n",
            b"HERE \xff 1.2.3.4:5\n",
            b"HERE a 1.2.3.4:5\nHERE b 1.2.3.4:5\n",
        ] {
            assert_eq!(parse(datagram), None, "{datagram:?}");
        }
    }
}
