//! How a trunk writes telephone numbers, pure: from E.164 to what the carrier wants to read, and back.
//!
//! Of each list of rules the first that takes a number decides; without one, the form of its direction does.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::campaign::phone::E164;
use crate::campaign::wire::wire_enum;
use crate::pii::Pii;

mod check;

pub use check::RuleFault;

wire_enum! {
    /// A way to write a number.
    #[derive(Default)]
    pub enum NumberForm is "number form" {
        /// `+4930901820`.
        #[default]
        E164 = "e164",
        /// `4930901820`.
        E164WithoutPlus = "e164_without_plus",
        /// `004930901820`: the international prefix, then country code and number.
        International = "international",
        /// `030901820` within the trunk's own country; numbers of other countries as `international` has them.
        National = "national",
    }
}

/// How a trunk writes numbers, in both directions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({ "country_code": "49", "called": { "form": "national" } }))]
pub struct NumberRules {
    /// Country calling code of the trunk, digits alone: what `national` numbers belong to.
    #[schema(examples("49"), pattern = "^[1-9][0-9]{0,2}$")]
    pub country_code: Option<String>,
    /// What stands before national numbers; empty where nothing does.
    #[schema(examples("0"), max_length = 4)]
    pub national_prefix: String,
    /// What stands before numbers of other countries.
    #[schema(examples("00", "011"), max_length = 4)]
    pub international_prefix: String,
    /// Stands before each called number, as some carriers tell their customers or routes apart.
    #[schema(examples("1234#"), max_length = 16)]
    pub tech_prefix: String,
    /// The number called.
    pub called: Writing,
    /// The number we show.
    pub caller: Writing,
    /// Whom a call that comes in says it is from.
    pub incoming_caller: Reading,
    /// Which number a call that comes in is for.
    pub incoming_called: Reading,
}

/// How numbers of calls we make are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Writing {
    /// Where no rule says otherwise.
    pub form: NumberForm,
    /// At most 32; the first that takes a number decides. They look at the number in E.164.
    #[schema(max_items = 32)]
    pub rules: Vec<NumberRule>,
}

/// How numbers of calls that come in are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Reading {
    /// What a number without plus and without international prefix is; those with one are read anyway. With `e164` and
    /// `international` it is none.
    pub form: NumberForm,
    /// At most 32; the first that takes a number changes it before it is read. They look at the number as it came,
    /// without separators.
    #[schema(max_items = 32)]
    pub rules: Vec<NumberRule>,
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NumberRule {
    /// What the number begins with. `X` stands for any digit; with `$` at the end the number ends there.
    #[serde(rename = "match")]
    #[schema(examples("+49", "+4930XXXXXX$"), min_length = 1, max_length = 32)]
    pub matches: String,
    /// The form that it is put in first, in place of the direction's own.
    pub form: Option<NumberForm>,
    /// Characters taken off its front then, the plus being one. A number that nothing would be left of is not taken.
    #[schema(maximum = 15)]
    pub strip: u8,
    /// What is put before it in the end.
    #[schema(max_length = 16)]
    pub prepend: String,
}

/// A number as a trunk wants it. Personal data: `Debug` hides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The user part of a URI.
    pub text: Pii<String>,
    /// Which rule has decided, from 0.
    pub rule: Option<usize>,
}

/// A number as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The number.
    pub number: Pii<E164>,
    /// Which rule has changed it, from 0.
    pub rule: Option<usize>,
}

impl Default for NumberRules {
    /// E.164 with plus; what comes in is read as E.164 with and without it.
    fn default() -> Self {
        Self {
            country_code: None,
            national_prefix: "0".to_owned(),
            international_prefix: "00".to_owned(),
            tech_prefix: String::new(),
            called: Writing::default(),
            caller: Writing::default(),
            incoming_caller: Reading::default(),
            incoming_called: Reading::default(),
        }
    }
}

impl Default for Reading {
    fn default() -> Self {
        Self { form: NumberForm::E164WithoutPlus, rules: Vec::new() }
    }
}

/// Longest number that is read.
const LONGEST: usize = 64;

impl NumberRules {
    /// The number called, as the trunk wants it.
    #[must_use]
    pub fn called(&self, number: &E164) -> Written {
        let Written { text, rule } = self.write(&self.called, number);
        Written { text: Pii::new(format!("{}{}", self.tech_prefix, text.expose())), rule }
    }

    /// The number we show, as the trunk wants it.
    #[must_use]
    pub fn caller(&self, number: &E164) -> Written {
        self.write(&self.caller, number)
    }

    /// The caller that the user part of a URI names; none where it is no number.
    #[must_use]
    pub fn incoming_caller(&self, user: &str) -> Option<Read> {
        self.read(&self.incoming_caller, user)
    }

    /// The called number that the user part of a URI names; none where it is no number.
    #[must_use]
    pub fn incoming_called(&self, user: &str) -> Option<Read> {
        self.read(&self.incoming_called, user)
    }

    fn write(&self, writing: &Writing, number: &E164) -> Written {
        let ruled = writing.rules.iter().enumerate().find_map(|(index, rule)| {
            let takes = takes(&rule.matches, number.as_str());
            let text = takes.then(|| self.formed(rule.form.unwrap_or(writing.form), number))?;
            Some((changed(rule, &text)?, index))
        });
        match ruled {
            Some((text, index)) => Written { text: Pii::new(text), rule: Some(index) },
            None => Written { text: Pii::new(self.formed(writing.form, number)), rule: None },
        }
    }

    fn formed(&self, form: NumberForm, number: &E164) -> String {
        let digits = number.digits();
        match (form, self.of_the_country(digits)) {
            (NumberForm::E164, _) => number.as_str().to_owned(),
            (NumberForm::E164WithoutPlus, _) => digits.to_owned(),
            (NumberForm::National, Some(national)) => format!("{}{national}", self.national_prefix),
            (NumberForm::National, None) | (NumberForm::International, _) => {
                format!("{}{digits}", self.international_prefix)
            }
        }
    }

    /// What follows the country code in a number of the trunk's country.
    fn of_the_country<'a>(&self, digits: &'a str) -> Option<&'a str> {
        digits.strip_prefix(self.country_code.as_deref()?)
    }

    fn read(&self, reading: &Reading, user: &str) -> Option<Read> {
        let text = bare(user)?;
        let ruled = reading.rules.iter().enumerate().find_map(|(index, rule)| {
            let changed = takes(&rule.matches, &text).then(|| changed(rule, &text))??;
            Some((changed, rule.form.unwrap_or(reading.form), index))
        });
        let (text, form, rule) = match ruled {
            Some((text, form, index)) => (text, form, Some(index)),
            None => (text, reading.form, None),
        };
        let digits = self.e164_digits(form, &text)?;
        format!("+{digits}").parse().ok().map(|number| Read { number: Pii::new(number), rule })
    }

    fn e164_digits(&self, form: NumberForm, text: &str) -> Option<String> {
        if let Some(digits) = text.strip_prefix('+') {
            return Some(digits.to_owned());
        }
        let prefix = &self.international_prefix;
        if let Some(digits) = text.strip_prefix(prefix.as_str()).filter(|_| !prefix.is_empty()) {
            return Some(digits.to_owned());
        }
        let trunk = self.national_prefix.as_str();
        match form {
            NumberForm::National => {
                let national = text.strip_prefix(trunk).unwrap_or(text);
                Some(format!("{}{national}", self.country_code.as_deref()?))
            }
            // No country code begins with 0: with one in front it is a national number after all.
            NumberForm::E164WithoutPlus if text.starts_with('0') => {
                Some(format!("{}{}", self.country_code.as_deref()?, text.strip_prefix(trunk)?))
            }
            NumberForm::E164WithoutPlus => Some(text.to_owned()),
            NumberForm::E164 | NumberForm::International => None,
        }
    }
}

/// Whether a pattern takes a text.
fn takes(pattern: &str, text: &str) -> bool {
    let (pattern, whole) = parts(pattern);
    let fits = if whole { pattern.len() == text.len() } else { pattern.len() <= text.len() };
    let same = |(&wanted, is): (&u8, u8)| wanted == is || (wanted == b'X' && is.is_ascii_digit());
    fits && pattern.iter().zip(text.bytes()).all(same)
}

/// What a pattern begins with, and whether the number ends with it.
fn parts(pattern: &str) -> (&[u8], bool) {
    match pattern.strip_suffix('$') {
        Some(pattern) => (pattern.as_bytes(), true),
        None => (pattern.as_bytes(), false),
    }
}

/// The text as a rule has it; none where nothing would be left.
fn changed(rule: &NumberRule, text: &str) -> Option<String> {
    let rest = text.get(usize::from(rule.strip)..).filter(|rest| !rest.is_empty())?;
    Some(format!("{}{rest}", rule.prepend))
}

/// A user part without parameters and separators (RFC 3966 section 5.1.1); none where it is no number at all.
fn bare(user: &str) -> Option<String> {
    let text = user.split(';').next().unwrap_or_default();
    if text.len() > LONGEST {
        return None;
    }
    let text: String = text.chars().filter(|character| !matches!(character, '-' | '.' | '(' | ')' | ' ')).collect();
    let dialable = |character: char| character.is_ascii_digit() || matches!(character, '+' | '*' | '#');
    (!text.is_empty() && text.chars().all(dialable)).then_some(text)
}

#[cfg(test)]
mod tests;
