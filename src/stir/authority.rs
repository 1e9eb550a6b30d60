//! TNAuthList: the part of a certificate that says for which numbers it is (RFC 8226 section 9).

use x509_parser::asn1_rs::{Any, Class, FromDer, Ia5String, Oid, Sequence, Tag, oid};

use super::party::Party;

/// `id-pe-TNAuthList`.
pub const TN_AUTH_LIST: Oid<'static> = oid!(1.3.6.1.5.5.7.1.26);

/// Most entries of a list that are looked at; the rest counts as not there.
const MOST_ENTRIES: usize = 1024;

/// For whom a certificate is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Authority {
    /// Service provider codes.
    providers: Vec<String>,
    /// First digits and how many numbers from there on.
    ranges: Vec<(String, u64)>,
}

impl Authority {
    /// Reads the extension's value; none for one that is no list, or is empty, or has an entry that is none.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        let (rest, list) = Sequence::from_der(value).ok()?;
        let mut entries = list.content.as_ref();
        if !rest.is_empty() || entries.is_empty() {
            return None;
        }
        let mut authority = Self::default();
        for _ in 0..MOST_ENTRIES {
            if entries.is_empty() {
                break;
            }
            let (rest, entry) = Any::from_der(entries).ok()?;
            authority.add(&entry)?;
            entries = rest;
        }
        Some(authority)
    }

    /// `TNEntry`: `[0]` a provider's code, `[1]` a range of numbers, `[2]` one number, each in a tag of its own.
    fn add(&mut self, entry: &Any<'_>) -> Option<()> {
        if entry.class() != Class::ContextSpecific {
            return None;
        }
        let inner = entry.data;
        match entry.tag() {
            Tag(0) => self.providers.push(text(inner)?.0),
            Tag(1) => {
                let (rest, range) = Sequence::from_der(inner).ok()?;
                let (start, count) = text(range.content.as_ref())?;
                let (after, count) = u64::from_der(count).ok()?;
                if !rest.is_empty() || !after.is_empty() || count < 1 {
                    return None;
                }
                self.ranges.push((start, count));
            }
            Tag(2) => self.ranges.push((text(inner)?.0, 1)),
            _ => return None,
        }
        Some(())
    }

    /// The provider codes.
    #[must_use]
    pub fn providers(&self) -> &[String] {
        &self.providers
    }

    /// Whether it is for this caller.
    #[must_use]
    pub fn covers(&self, caller: &Party) -> bool {
        if !self.providers.is_empty() {
            return true;
        }
        let Some(digits) = caller.digits() else { return false };
        self.ranges.iter().any(|(start, count)| {
            // A range never changes how many digits a number has (RFC 8226 section 9).
            let offset = || digits.parse::<u64>().ok()?.checked_sub(start.parse::<u64>().ok()?);
            digits == start || (digits.len() == start.len() && offset().is_some_and(|offset| offset < *count))
        })
    }
}

/// A short IA5String of printable characters, and what follows it.
fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (rest, text) = Ia5String::from_der(bytes).ok()?;
    let text = text.string();
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && (1..=32).contains(&text.len())).then_some((text, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(authority: &Authority, digits: &str) -> bool {
        authority.covers(&Party::number(digits).expect("a number"))
    }

    #[test]
    fn a_provider_may_sign_for_anybody() {
        // SEQUENCE { [0] { IA5String "1234" } }
        let provider = Authority::read(b"\x30\x08\xa0\x06\x16\x041234").expect("a list");
        assert_eq!(provider.providers(), ["1234"]);
        assert!(covers(&provider, "12155550121"));
        assert!(provider.covers(&Party::Address("sip:a@b".into())));
    }

    #[test]
    fn numbers_are_for_themselves() {
        // SEQUENCE { [2] { IA5String "12155550121" } }
        let one = Authority::read(b"\x30\x0f\xa2\x0d\x16\x0b12155550121").expect("a list");
        assert!(covers(&one, "12155550121"));
        assert!(!covers(&one, "12155550122"));
        assert!(!one.covers(&Party::Address("sip:a@b".into())));
        assert!(one.providers().is_empty());
        // SEQUENCE { [1] { SEQUENCE { IA5String "12155550100", INTEGER 10 } } }
        let range = Authority::read(b"\x30\x14\xa1\x12\x30\x10\x16\x0b12155550100\x02\x01\x0a").expect("a list");
        for (digits, covered) in [("12155550099", false), ("12155550100", true), ("12155550109", true)] {
            assert_eq!(covers(&range, digits), covered, "{digits}");
        }
        assert!(!covers(&range, "12155550110"));
        assert!(!covers(&range, "112155550100"), "more digits");
    }

    #[test]
    fn what_is_no_list_is_for_nobody() {
        for value in [
            &b""[..],
            b"\x30\x00",
            b"\x30\x08\xa0\x06\x16\x041234x",
            b"\x30\x08\xa3\x06\x16\x041234",
            b"\x30\x06\x16\x041234",
            b"\x30\x08\xa0\x06\x16\x05123",
            b"\x30\x04\xa0\x02\x16\x00",
            b"\x30\x05\xa0\x03\x16\x01\x00",
            b"\x30\x14\xa1\x12\x30\x10\x16\x0b12155550100\x02\x01\x00",
            b"\x30\x14\xa1\x12\x30\x10\x16\x0b12155550100\x02\x01\xff",
            b"\x30\x84\xff\xff\xff\xff",
        ] {
            assert_eq!(Authority::read(value), None, "{value:02x?}");
        }
    }
}
