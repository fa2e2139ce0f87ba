//! The secret that clients must know.

use std::env;
use std::ffi::OsStr;

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The environment variable that holds it. An argument would be seen by everybody who
/// lists the processes of this machine, and by the shell's history.
const VARIABLE: &str = "API_KEY";
/// With a lock-out after five wrong ones, eight random characters cannot be guessed.
const MIN_LEN: usize = 8;
/// `AUTH token` must fit into a line.
const MAX_LEN: usize = 512;
const HOW_TO_MAKE_ONE: &str = "Make one and tell it to the server and to its clients: export API_KEY=$(openssl rand -hex 16)";

/// The token, as its SHA-256: the token itself is not kept.
pub struct Token {
    digest: [u8; 32],
}

impl Token {
    /// Takes the token from the environment.
    ///
    /// # Errors
    ///
    /// When there is none, or none that is safe to use. The error does not show it.
    pub fn from_environment() -> anyhow::Result<Self> {
        let value = env::var_os(VARIABLE)
            .with_context(|| format!("no token in {VARIABLE}. {HOW_TO_MAKE_ONE}"))?;
        Token::new(&value)
    }

    fn new(value: &OsStr) -> anyhow::Result<Self> {
        let token = value.to_str().unwrap_or_default();
        ensure!(
            !token.is_empty() && token.chars().all(|char| char.is_ascii_graphic()),
            "the token in {VARIABLE} is empty, or not of letters, digits and signs without \
             spaces. {HOW_TO_MAKE_ONE}"
        );
        ensure!(
            (MIN_LEN..=MAX_LEN).contains(&token.len()),
            "the token in {VARIABLE} must have {MIN_LEN} to {MAX_LEN} characters. \
             {HOW_TO_MAKE_ONE}"
        );
        let digest = Sha256::digest(token).into();
        Ok(Token { digest })
    }

    /// Compares in a time that does not depend on where the two differ. With `==`, which
    /// stops at the first difference, the answer to a better guess comes later, and a
    /// token can be found letter by letter. The digests make the lengths equal, too.
    pub fn matches(&self, guess: &str) -> bool {
        let guess: [u8; 32] = Sha256::digest(guess).into();
        self.digest.ct_eq(&guess).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_matches() {
        let token = Token::new(OsStr::new("correct-horse")).unwrap();
        assert!(token.matches("correct-horse"));
        for guess in ["", "correct-hors", "correct-horsE", "correct-horse ", "x"] {
            assert!(!token.matches(guess), "{guess:?}");
        }
    }

    #[test]
    fn a_weak_or_broken_token_is_refused_and_not_shown() {
        for value in ["", "short", "with a space in it", "line\nend-in-it"] {
            let Err(error) = Token::new(OsStr::new(value)) else {
                panic!("{value:?} was taken");
            };
            let text = error.to_string();
            assert!(text.contains("openssl rand"), "{text}");
            assert!(value.is_empty() || !text.contains(value), "{text}");
        }
    }
}
