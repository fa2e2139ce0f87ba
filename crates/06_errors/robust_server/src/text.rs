//! Text out of a stream: a read may cut a character in two, and that is no error.

/// Returns the text up to the last whole character, or `None` if the bytes are not UTF-8.
///
/// At most three bytes are left over: the beginning of a character whose rest has not
/// arrived yet.
pub fn whole_characters(bytes: &[u8]) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        // No length: the bytes end within a character that is right so far.
        Err(error) if error.error_len().is_none() => {
            let whole = bytes.get(..error.valid_up_to())?;
            std::str::from_utf8(whole).ok()
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text() {
        assert_eq!(whole_characters(b"hello"), Some("hello"));
        assert_eq!(whole_characters("é日".as_bytes()), Some("é日"));
        assert_eq!(whole_characters(b""), Some(""));
    }

    #[test]
    fn a_cut_character_waits_for_its_rest() {
        let bytes = "a日".as_bytes();
        for len in 1..bytes.len() {
            assert_eq!(whole_characters(&bytes[..len]), Some("a"), "{len} bytes");
        }
    }

    #[test]
    fn bytes_that_no_rest_can_mend_are_refused() {
        for bytes in [&b"\xff\xfe"[..], b"a\x80", b"\xc3(", b"\xed\xa0\x80"] {
            assert_eq!(whole_characters(bytes), None, "{bytes:?}");
        }
    }
}
