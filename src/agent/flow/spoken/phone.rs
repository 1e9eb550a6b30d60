//! Phone numbers: "zero one seven one …", "plus four nine …", "double oh four four".

use super::number;
use crate::agent::language::Language;
use crate::campaign::phone::E164;

/// The one phone number that is said, in E.164 form. National numbers are read as of `country` (ISO 3166-1).
#[must_use]
pub fn phone(language: Language, country: Option<&str>, text: &str) -> Option<E164> {
    let said = number::digits(language, &text.replace('+', " plus "))?;
    typed(country, &said)
}

/// The phone number that these digits make.
#[must_use]
pub fn typed(country: Option<&str>, digits: &str) -> Option<E164> {
    let digits = match digits.strip_prefix("00") {
        Some(international) => format!("+{international}"),
        None => digits.to_owned(),
    };
    if !digits.starts_with('+') && country.is_none() {
        return None;
    }
    let number = E164::parse(&digits, country).ok()?;
    // Fictional ranges are numbers, "123" is none.
    (number.digits().len() >= 9).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(language: Language, country: Option<&str>, text: &str) -> Option<String> {
        phone(language, country, text).map(|number| number.as_str().to_owned())
    }

    #[test]
    fn national_and_international_numbers() {
        let german = |text| spoken(Language::German, Some("DE"), text);
        assert_eq!(
            german("null eins sieben eins zwo drei vier fünf sechs sieben acht").as_deref(),
            Some("+491712345678")
        );
        assert_eq!(german("0171 23 45 67 8").as_deref(), Some("+491712345678"));
        assert_eq!(german("plus vier drei eins zwei drei vier fünf sechs sieben acht").as_deref(), Some("+4312345678"));
        let english = |text| spoken(Language::English, Some("GB"), text);
        assert_eq!(english("oh two oh, seven nine four six, oh nine five eight").as_deref(), Some("+442079460958"));
        assert_eq!(
            english("double oh four nine three zero one two three four five six").as_deref(),
            Some("+4930123456")
        );
        assert_eq!(english("+44 20 7946 0958").as_deref(), Some("+442079460958"));
    }

    #[test]
    fn what_cannot_be_dialed_is_none() {
        assert_eq!(spoken(Language::English, Some("GB"), "one two three"), None);
        assert_eq!(spoken(Language::English, None, "oh two oh seven nine four six oh nine five eight"), None);
        assert_eq!(spoken(Language::English, Some("US"), "i do not have one"), None);
    }
}
