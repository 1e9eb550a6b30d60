//! Telephone numbers in E.164 form.

use std::fmt;
use std::str::FromStr;

use phonenumber::Mode;
use serde::{Deserialize, Serialize};

/// A telephone number in E.164 form: `+`, country code, national number; 8 to 15 digits in all.
///
/// Personal data: outside the place that dials it, keep it in [`Pii`](crate::pii::Pii). `Debug` hides it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(Box<str>);

/// Why a text is not a number that can be dialed. It never contains the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Nothing but blanks.
    #[error("the phone number is empty")]
    Empty,
    /// Written without a country code, and no country was given to read it in.
    #[error("the phone number has no country code: write it with a leading + and the country code")]
    NoCountry,
    /// The country is not a two-letter code we know.
    #[error("not a known country: expected a two-letter code such as DE or US")]
    UnknownCountry,
    /// Not a number at all, or one that no country can have.
    #[error("not a valid phone number")]
    Invalid,
}

impl E164 {
    const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
    /// Longer texts are refused unread.
    const LONGEST_TEXT: usize = 64;

    /// Reads a number as people write it: with or without punctuation, national when `country` (ISO 3166-1 alpha-2)
    /// says where.
    ///
    /// Accepts numbers of ranges that are reserved or not in service yet: only the network knows the truth about
    /// those. See [`is_in_service_range`](Self::is_in_service_range).
    ///
    /// # Errors
    /// When the text is empty, cannot be read, or does not fit E.164.
    pub fn parse(text: &str, country: Option<&str>) -> Result<Self, PhoneError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(PhoneError::Empty);
        }
        if text.len() > Self::LONGEST_TEXT {
            return Err(PhoneError::Invalid);
        }
        let region = match country {
            Some(code) => Some(code.to_ascii_uppercase().parse().map_err(|_| PhoneError::UnknownCountry)?),
            None => None,
        };
        if region.is_none() && !text.starts_with(['+', '\u{ff0b}']) && !text.starts_with("tel:+") {
            return Err(PhoneError::NoCountry);
        }
        let number = phonenumber::parse(region, text).map_err(|_| PhoneError::Invalid)?;
        number.format().mode(Mode::E164).to_string().parse()
    }

    /// The number, `+` and digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits without the `+`.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// Whether the number lies in a range that its country has given out. Fictional numbers do not.
    #[must_use]
    pub fn is_in_service_range(&self) -> bool {
        phonenumber::parse(None, self.as_str()).is_ok_and(|number| number.is_valid())
    }
}

impl FromStr for E164 {
    type Err = PhoneError;

    /// Reads the canonical form only: the one this type prints.
    fn from_str(text: &str) -> Result<Self, PhoneError> {
        let digits = text.strip_prefix('+').ok_or(PhoneError::NoCountry)?;
        let plausible = Self::DIGITS.contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if plausible { Ok(Self(text.into())) } else { Err(PhoneError::Invalid) }
    }
}

impl TryFrom<String> for E164 {
    type Error = PhoneError;

    fn try_from(text: String) -> Result<Self, PhoneError> {
        text.parse()
    }
}

impl From<E164> for String {
    fn from(number: E164) -> Self {
        number.0.into()
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("E164([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, country, want) in [
            ("+49 30 901820", None, "+4930901820"),
            ("tel:+1-201-555-0123", None, "+12015550123"),
            ("030 / 90 18 20", Some("DE"), "+4930901820"),
            ("(201) 555-0123", Some("us"), "+12015550123"),
            ("00 44 20 7946 0958", Some("DE"), "+442079460958"),
            ("+390236618300", None, "+390236618300"),
        ] {
            assert_eq!(E164::parse(text, country).map(String::from), Ok(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn refuses_what_cannot_be_dialed() {
        for (text, country, want) in [
            ("  ", None, PhoneError::Empty),
            ("030 901820", None, PhoneError::NoCountry),
            ("030 901820", Some("XX"), PhoneError::UnknownCountry),
            ("call me", Some("DE"), PhoneError::Invalid),
            ("+999", None, PhoneError::Invalid),
            ("+4930901820901820901820", None, PhoneError::Invalid),
            ("+49\u{0}30", None, PhoneError::Invalid),
        ] {
            assert_eq!(E164::parse(text, country), Err(want), "{text}");
        }
        let long = "+4".repeat(100_000);
        assert_eq!(E164::parse(&long, None), Err(PhoneError::Invalid));
    }

    #[test]
    fn canonical_form_is_strict_and_hidden_from_logs() {
        assert_eq!("+4930901820".parse::<E164>().map(|number| number.digits().to_owned()), Ok("4930901820".into()));
        assert_eq!("+49 30901820".parse::<E164>(), Err(PhoneError::Invalid));
        assert_eq!("+0930901820".parse::<E164>(), Err(PhoneError::Invalid));
        assert_eq!("4930901820".parse::<E164>(), Err(PhoneError::NoCountry));
        let number: E164 = "+4930901820".parse().expect("canonical");
        assert_eq!(format!("{number:?}"), "E164([redacted])");
        assert!(serde_json::from_str::<E164>("\"12\"").is_err());
    }

    #[test]
    fn fictional_numbers_are_told_apart() {
        let real: E164 = "+4930901820".parse().expect("canonical");
        assert!(real.is_in_service_range());
        let nowhere: E164 = "+9991234567".parse().expect("canonical");
        assert!(!nowhere.is_in_service_range());
    }
}
