//! E-mail addresses, as far as it matters whether one could be written to.

/// Longest address (RFC 5321, 4.5.3.1: 64 octets before the at sign, 256 of the whole path with its brackets).
const LONGEST: usize = 254;
const LONGEST_LOCAL: usize = 64;

/// The text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address: expected one such as ada@example.org")]
pub struct NotAnAddress;

/// Reads an address without its display name. Whether somebody reads what is sent there only a mail tells, so no more is
/// asked than one at sign between a name and a host with a dot, without blanks.
///
/// # Errors
/// When it cannot be one.
pub fn address(text: &str) -> Result<String, NotAnAddress> {
    let text = text.trim();
    let bare = text.strip_prefix("mailto:").unwrap_or(text);
    let (local, host) = bare.rsplit_once('@').ok_or(NotAnAddress)?;
    let wrong = |letter: char| letter.is_whitespace() || letter.is_control() || "<>()[],;:\"\\@".contains(letter);
    let labels = host.split('.').count() >= 2
        && host.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    let fits = bare.len() <= LONGEST && (1..=LONGEST_LOCAL).contains(&local.len());
    if !labels || !fits || bare.matches('@').count() != 1 || local.chars().chain(host.chars()).any(wrong) {
        return Err(NotAnAddress);
    }
    Ok(bare.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_text() {
        for (text, want) in [
            (" ada@example.org ", "ada@example.org"),
            ("mailto:ada.l+x@mail.example.co.uk", "ada.l+x@mail.example.co.uk"),
            ("jürgen@müller.de", "jürgen@müller.de"),
        ] {
            assert_eq!(address(text).as_deref(), Ok(want));
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for text in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@host",
            "a@b@example.org",
            "a b@example.org",
            "ada@.org",
            "a,b@example.org",
            &long,
        ] {
            assert_eq!(address(text), Err(NotAnAddress), "{text}");
        }
    }
}
