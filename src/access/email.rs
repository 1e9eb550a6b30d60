//! E-mail addresses that people sign in with.

use std::fmt;
use std::str::FromStr;

/// Longest address, in bytes (RFC 5321, 4.5.3.1.3, without its brackets).
pub const MAX: usize = 254;

/// An address in lower case, by which a user is found. Personal data: it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// The address, for the place that really needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address such as ada@example.com, of at most 254 bytes")]
pub struct NoEmail;

impl FromStr for Email {
    type Err = NoEmail;

    /// Only what would make a lookup ambiguous is refused; whether mail arrives nobody can tell from the text.
    fn from_str(text: &str) -> Result<Self, NoEmail> {
        let text = text.trim();
        let strange = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | ',' | ';');
        let (name, domain) = text.rsplit_once('@').ok_or(NoEmail)?;
        let lower = text.to_lowercase();
        let wrong = name.is_empty() || name.contains('@') || domain.is_empty() || lower.len() > MAX;
        if wrong || text.contains(strange) { Err(NoEmail) } else { Ok(Self(lower)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_in_any_case() {
        let email: Email = " Ada@Example.COM ".parse().expect("an address");
        assert_eq!(email.expose(), "ada@example.com");
        assert_eq!(format!("{email:?}"), "[redacted]");
        let long = format!("{}@example.com", "a".repeat(MAX));
        for wrong in ["", "ada", "@example.com", "ada@", "a b@example.com", "a@b@c", "<ada@example.com>", &long] {
            assert_eq!(wrong.parse::<Email>(), Err(NoEmail), "{wrong}");
        }
    }
}
