//! The sixteen keys of a telephone.

use std::fmt;

/// One DTMF key: `0`–`9`, `*`, `#`, `A`–`D`. RFC 4733 section 3.2 numbers them 0 to 15 in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digit(u8);

/// The keys in the order of their event codes.
const KEYS: &[u8; 16] = b"0123456789*#ABCD";

impl Digit {
    /// The key a character stands for; lower-case letters count. `None` for anything that is no key.
    #[must_use]
    pub fn from_char(key: char) -> Option<Self> {
        let key = key.to_ascii_uppercase();
        (0..16).map(Self).find(|digit| digit.as_char() == key)
    }

    /// The key of an RFC 4733 event code; `None` above 15, which are no keys (16 is hook flash).
    #[must_use]
    pub fn from_event(code: u8) -> Option<Self> {
        (code < 16).then_some(Self(code))
    }

    /// The RFC 4733 event code, 0 to 15.
    #[must_use]
    pub fn event(self) -> u8 {
        self.0
    }

    /// The character printed on the key.
    #[must_use]
    pub fn as_char(self) -> char {
        char::from(KEYS[usize::from(self.0 & 15)])
    }
}

// What somebody typed may be a card number: it shows up in no log.
impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digit([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_and_event_codes_name_the_same_sixteen_keys() {
        for code in 0..16 {
            let digit = Digit::from_event(code).expect("codes below 16 are keys");
            assert_eq!(digit.event(), code);
            assert_eq!(Digit::from_char(digit.as_char()), Some(digit));
        }
        assert_eq!(Digit::from_char('#').map(Digit::event), Some(11));
        assert_eq!(Digit::from_char('d').map(Digit::event), Some(15));
        assert_eq!(Digit::from_char('E'), None);
        assert_eq!(Digit::from_event(16), None);
    }
}
