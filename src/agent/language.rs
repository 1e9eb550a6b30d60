//! The languages in which something is said and understood without a model.

/// A language with wordings and phrases of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

/// In which order a date is written and typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// 5 March: day, month, year.
    DayFirst,
    /// March 5: month, day, year.
    MonthFirst,
}

impl Language {
    /// The language of a BCP 47 tag (`en-GB`, `de`); `None` when nothing is known of it.
    #[must_use]
    pub fn of(tag: &str) -> Option<Self> {
        match tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "de" => Some(Self::German),
            _ => None,
        }
    }

    /// The language of a tag, or English.
    #[must_use]
    pub fn or_english(tag: &str) -> Self {
        Self::of(tag).unwrap_or_default()
    }

    /// Its tag without a country.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }
}

/// The country of a tag: `GB` of `en-GB`; `None` when it names none.
#[must_use]
pub fn country(tag: &str) -> Option<String> {
    let part = tag.split(['-', '_']).skip(1).find(|part| part.len() == 2)?;
    part.bytes().all(|b| b.is_ascii_alphabetic()).then(|| part.to_ascii_uppercase())
}

/// How dates are written where a tag comes from: English without a country is taken for American.
#[must_use]
pub fn date_order(tag: &str) -> DateOrder {
    match (Language::or_english(tag), country(tag).as_deref()) {
        (Language::English, None | Some("US" | "PH")) => DateOrder::MonthFirst,
        (Language::English, Some(_)) | (Language::German, _) => DateOrder::DayFirst,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_a_language_and_perhaps_a_country() {
        assert_eq!(Language::of("en-GB"), Some(Language::English));
        assert_eq!(Language::of("de_AT"), Some(Language::German));
        assert_eq!(Language::of("fr"), None);
        assert_eq!(country("de-Latn-ch").as_deref(), Some("CH"));
        assert_eq!(country("en"), None);
        assert_eq!(date_order("en-US"), DateOrder::MonthFirst);
        assert_eq!(date_order("en-GB"), DateOrder::DayFirst);
        assert_eq!(date_order("de"), DateOrder::DayFirst);
    }
}
