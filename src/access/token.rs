//! Secrets that stand for a person: sessions and invitations.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Longest text that is looked at.
const MAX: usize = 64;

/// 256 random bits as text. It does not print; what is kept is its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A new one.
    #[must_use]
    pub fn fresh() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
    }

    /// One that somebody sent; none when it cannot be one.
    #[must_use]
    pub fn sent(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// The token, for whom it is made for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it. It is random, so a plain hash cannot be turned back and needs no salt.
    #[must_use]
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes()))
    }

    /// The token against forged requests that goes with a session: who has one of the two cannot tell the other.
    #[must_use]
    pub fn csrf(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(b"callwright csrf\0");
        digest.update(self.0.as_bytes());
        URL_SAFE_NO_PAD.encode(digest.finalize())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash_and_prints_nothing() {
        let (one, two) = (Token::fresh(), Token::fresh());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(Token::sent(one.expose()).expect("a token").hash(), one.hash());
        assert!(one.hash() != two.hash() && one.csrf() != two.csrf());
        assert!(!one.hash().contains(one.expose()) && one.csrf() != one.hash());
        assert_eq!(format!("{one:?}"), "[redacted]");
        assert!(Token::sent("").is_none() && Token::sent(&"a".repeat(65)).is_none() && Token::sent("a b").is_none());
    }
}
