//! The code with which the first user is made.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use secrecy::SecretString;
use sha2::{Digest, Sha256};

/// Letters and digits that nobody takes for each other.
const SIGNS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Signs of a code: 80 bits.
const LENGTH: usize = 16;

/// Serves until the first user is there, or until the server ends. Only its hash is kept, in memory.
#[derive(Default)]
pub struct SetupCode(Mutex<Option<[u8; 32]>>);

impl SetupCode {
    /// Makes a code. One that was made before serves no longer.
    #[must_use]
    pub fn issue(&self) -> SecretString {
        let random: [u8; LENGTH] = rand::random();
        let signs: Vec<_> = random.iter().map(|byte| char::from(SIGNS[usize::from(byte % 32)])).collect();
        let code: Vec<String> = signs.chunks(4).map(|group| group.iter().collect()).collect();
        let code = code.join("-");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(hash(&code));
        SecretString::from(code)
    }

    /// Whether this is the code; in any case, with or without its hyphens.
    #[must_use]
    pub fn fits(&self, code: &str) -> bool {
        let kept = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        code.len() <= 64 && kept.is_some_and(|kept| kept == hash(code))
    }

    /// It has served.
    pub fn spend(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl fmt::Debug for SetupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetupCode")
    }
}

fn hash(code: &str) -> [u8; 32] {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    Sha256::digest(plain.to_ascii_uppercase().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_code_fits_until_it_has_served() {
        let setup = SetupCode::default();
        assert!(!setup.fits("") && !setup.fits("AAAA-AAAA-AAAA-AAAA"), "there is none yet");
        let old = setup.issue();
        let code = setup.issue();
        let code = code.expose_secret();
        assert_eq!(code.len(), LENGTH + 3);
        assert!(setup.fits(code) && setup.fits(&code.to_lowercase().replace('-', " ")));
        assert!(!setup.fits(old.expose_secret()) && !setup.fits("") && !setup.fits(&code[1..]));
        setup.spend();
        assert!(!setup.fits(code));
    }
}
