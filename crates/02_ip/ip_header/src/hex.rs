//! Hexadecimal as people paste it.

use std::error::Error;
use std::fmt;

/// Why a text is not hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HexError {
    /// This character is neither a digit nor a separator.
    Digit(char),
    /// Two digits make a byte: one is missing.
    Odd(usize),
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HexError::Digit(char) => write!(f, "{char:?} is not a hexadecimal digit"),
            HexError::Odd(digits) => {
                write!(
                    f,
                    "{digits} hexadecimal digits: two make a byte, one is missing"
                )
            }
        }
    }
}

impl Error for HexError {}

/// Reads hexadecimal digits; white space, `:`, `-`, `,` and a leading `0x` are skipped.
///
/// # Errors
///
/// Names the first character that is no digit, or says that a digit is missing.
pub fn from_hex(text: &str) -> Result<Vec<u8>, HexError> {
    let mut digits = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || ":-,".contains(c)) {
        let word = word.strip_prefix("0x").unwrap_or(word);
        for char in word.chars() {
            let digit = char.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            digits.push(digit.ok_or(HexError::Digit(char))?);
        }
    }
    if !digits.len().is_multiple_of(2) {
        return Err(HexError::Odd(digits.len()));
    }
    let (pairs, _) = digits.as_chunks::<2>();
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Writes bytes in hexadecimal, in pairs as RFCs and Wireshark do: `45 00 00 3c`.
pub fn to_hex(bytes: &[u8]) -> String {
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_comes_in_many_forms() {
        let forms = ["4500003c", "45 00 00 3C", "0x4500 0x003c", "45:00:00:3c\n"];
        for text in forms {
            assert_eq!(from_hex(text).unwrap(), [0x45, 0, 0, 0x3c], "{text}");
        }
        assert_eq!(from_hex("").unwrap(), []);
        assert_eq!(to_hex(&[0x45, 0, 0xff]), "45 00 ff");
    }

    #[test]
    fn what_is_not_hexadecimal_is_named() {
        assert_eq!(from_hex("45 0g"), Err(HexError::Digit('g')));
        assert_eq!(from_hex("450"), Err(HexError::Odd(3)));
        assert_eq!(from_hex("45é"), Err(HexError::Digit('é')));
    }
}
