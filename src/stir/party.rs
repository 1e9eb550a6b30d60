//! The two ends of a call as a PASSporT names them: numbers and addresses in one spelling each (RFC 8224 section 8).

use std::fmt;

use callwright_sip::message::{Scheme, Uri};

/// One end of a call. Two that are equal are the same end. Personal data: `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// A telephone number: its digits without `+` and separators, 1 to 32; `*` and `#` are digits here.
    Number(Box<str>),
    /// Any other address: `sip:user@host` in the spelling of [`Party::of`].
    Address(Box<str>),
}

impl Party {
    /// Most digits of a number: E.164 has 15, and an extension or a service code of a network may follow.
    const MAX_DIGITS: usize = 32;
    /// Fewest and most digits that make the user part of an address a telephone number although nothing says it is one.
    const TELEPHONE: std::ops::RangeInclusive<usize> = 7..=15;

    /// Whom a URI names; none for one that names nobody a PASSporT can speak of.
    ///
    /// The user part is a number where the URI says so (tel, `user=phone`), where it begins with `+`, and where it is 7
    /// to 15 digits and separators (RFC 8224 section 8.1). An address keeps scheme, user and host only, `sips` being
    /// `sip`, the host in lower case (section 8.5).
    #[must_use]
    pub fn of(uri: &Uri) -> Option<Self> {
        let user = uri.user_text();
        let text = user.as_deref().and_then(|user| std::str::from_utf8(user).ok());
        match uri.scheme {
            Scheme::Tel => text.and_then(Self::number),
            Scheme::Sip | Scheme::Sips => {
                let says_phone = uri.params.value("user").is_some_and(|user| user.eq_ignore_ascii_case(b"phone"));
                let number = text.filter(|text| says_phone || looks_like_number(text)).and_then(Self::number);
                number.or_else(|| address(uri))
            }
            Scheme::Other(_) => None,
        }
    }

    /// The number in a text (RFC 8224 section 8.3): what follows a semicolon is dropped, as are separators, a leading
    /// `+` and a leading `00`. A number without country code stays one: nothing here knows the country.
    #[must_use]
    pub fn number(text: &str) -> Option<Self> {
        let text = text.split(';').next().unwrap_or_default();
        let text = text.strip_prefix('+').unwrap_or(text);
        let mut digits = String::with_capacity(Self::MAX_DIGITS);
        for character in text.chars() {
            match character {
                '0'..='9' | '*' | '#' if digits.len() == Self::MAX_DIGITS => return None,
                '0'..='9' | '*' | '#' => digits.push(character),
                '-' | '.' | '(' | ')' | ' ' => {}
                _ => return None,
            }
        }
        let digits = digits.strip_prefix("00").unwrap_or(&digits);
        (!digits.is_empty()).then(|| Party::Number(digits.into()))
    }

    /// What a `uri` claim names, in the same spelling; a text that is no URI stands for itself and equals no end of a
    /// message.
    #[must_use]
    pub fn from_claim(uri: &str) -> Self {
        let read = Uri::parse(uri.as_bytes()).ok().and_then(|uri| address(&uri));
        read.unwrap_or_else(|| Party::Address(uri.into()))
    }

    /// The digits, if it is a number.
    #[must_use]
    pub fn digits(&self) -> Option<&str> {
        match self {
            Party::Number(digits) => Some(digits),
            Party::Address(_) => None,
        }
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Party::Number(_) => "Number([redacted])",
            Party::Address(_) => "Address([redacted])",
        })
    }
}

fn looks_like_number(text: &str) -> bool {
    let text = text.split(';').next().unwrap_or_default();
    let Some(digits) = text.strip_prefix('+') else {
        let separators = text.chars().all(|character| character.is_ascii_digit() || "-.()".contains(character));
        return separators && Party::TELEPHONE.contains(&text.chars().filter(char::is_ascii_digit).count());
    };
    digits.starts_with(|first: char| first.is_ascii_digit())
}

fn address(uri: &Uri) -> Option<Party> {
    match uri.scheme {
        Scheme::Sip | Scheme::Sips => {}
        Scheme::Tel | Scheme::Other(_) => return None,
    }
    let host = uri.host.to_string().to_ascii_lowercase();
    let text = match uri.user_text() {
        Some(user) => format!("sip:{}@{host}", std::str::from_utf8(&user).ok()?),
        None => format!("sip:{host}"),
    };
    Some(Party::Address(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &str) -> Option<Party> {
        Party::of(&uri.parse().expect(uri))
    }

    fn number(digits: &str) -> Option<Party> {
        Some(Party::Number(digits.into()))
    }

    #[test]
    fn one_number_has_one_spelling() {
        for uri in [
            "tel:+12155551212",
            "tel:+1-215-555-1212;ext=1",
            "tel:+1(215)555.1212",
            "sip:+12155551212@example.com;user=phone",
            "sip:12155551212@example.com",
            "sip:0012155551212@example.com",
            "sips:+1-215-555-1212;npdi;rn=+12155550000@example.com:5061",
            "sip:%2B12155551212@192.0.2.1",
        ] {
            assert_eq!(of(uri), number("12155551212"), "{uri}");
        }
        assert_eq!(of("sip:*67%23@example.com;user=phone"), number("*67#"));
        assert_eq!(of("sip:112@example.com;user=phone"), number("112"));
    }

    #[test]
    fn everything_else_is_an_address_in_one_spelling() {
        for uri in ["sip:alice@EXAMPLE.com", "sips:alice@example.com:5061;transport=tcp", "sip:%61lice@example.com"] {
            assert_eq!(of(uri), Some(Party::Address("sip:alice@example.com".into())), "{uri}");
        }
        assert_eq!(of("sip:1001@pbx.example"), Some(Party::Address("sip:1001@pbx.example".into())), "an extension");
        assert_eq!(of("sip:+x1@pbx.example"), Some(Party::Address("sip:+x1@pbx.example".into())));
        assert_eq!(of("sip:example.com"), Some(Party::Address("sip:example.com".into())));
        assert_ne!(of("sip:Alice@example.com"), of("sip:alice@example.com"), "case counts in the user part");
        assert_eq!(of("tel:alice"), None);
        assert_eq!(of("urn:service:sos"), None);
        assert_eq!(of("sip:%ff%fe@example.com"), None, "no UTF-8");
    }

    #[test]
    fn claims_are_spelled_alike() {
        assert_eq!(Party::from_claim("sips:alice@Example.COM;x=1"), of("sip:alice@example.com").expect("an address"));
        assert_eq!(Party::from_claim("no uri"), Party::Address("no uri".into()));
        assert_eq!(Party::number("+1 215 555-1212"), number("12155551212"));
    }

    #[test]
    fn numbers_are_bounded_and_hidden() {
        assert!(Party::number(&"1".repeat(32)).is_some());
        assert_eq!(Party::number(&"1".repeat(33)), None);
        for text in ["", "+", "00", "12a", "--"] {
            assert_eq!(Party::number(text), None, "{text}");
        }
        let shown = format!("{:?} {:?}", number("12155551212"), of("sip:alice@example.com"));
        assert!(!shown.contains("1215") && !shown.contains("alice"), "{shown}");
    }
}
