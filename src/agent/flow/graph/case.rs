//! The ways out of a branch: each has one test of the value.

use std::cmp::Ordering;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One way out of a branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "CaseFields", into = "CaseFields")]
pub struct Case {
    /// What the value has to be.
    pub test: Test,
    /// The node it leads to.
    pub next: String,
}

/// A test of a value. A value that is missing passes only [`Test::IsNot`] and [`Test::Answered`] with `false`.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It is this.
    Is(String),
    /// It is anything else, or missing.
    IsNot(String),
    /// It is one of these.
    OneOf(Vec<String>),
    /// It contains this, capitals or not.
    Contains(String),
    /// It is a smaller number, or an earlier day.
    LessThan(Bound),
    /// It is at most this.
    AtMost(Bound),
    /// It is a larger number, or a later day.
    MoreThan(Bound),
    /// It is at least this.
    AtLeast(Bound),
    /// Whether there is any.
    Answered(bool),
}

/// What a number or a day is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Bound {
    /// A number.
    #[schema(value_type = f64)]
    Number(serde_json::Number),
    /// A number, a day such as `2026-03-05`, or `today`.
    Text(String),
}

impl Bound {
    /// Whether it can be compared with anything at all.
    #[must_use]
    pub fn is_comparable(&self) -> bool {
        match self {
            Self::Number(_) => true,
            Self::Text(text) => text == "today" || number(text).is_some() || day(text).is_some(),
        }
    }

    /// How a value compares with this; `None` when it does not.
    fn compare(&self, value: &str, today: Option<Date>) -> Option<Ordering> {
        match self {
            Self::Number(bound) => number(value)?.partial_cmp(&bound.as_f64()?),
            Self::Text(text) if text == "today" => Some(day(value)?.cmp(&today?)),
            Self::Text(text) => match day(text) {
                Some(bound) => Some(day(value)?.cmp(&bound)),
                None => number(value)?.partial_cmp(&number(text)?),
            },
        }
    }
}

impl Test {
    /// Whether the value passes. `today` is the day of the call.
    #[must_use]
    pub fn passes(&self, value: Option<&str>, today: Option<Date>) -> bool {
        let compares = |bound: &Bound, fits: fn(Ordering) -> bool| {
            value.and_then(|value| bound.compare(value, today)).is_some_and(fits)
        };
        match self {
            Self::Is(is) => value.is_some_and(|value| value == is),
            Self::IsNot(is) => value.is_none_or(|value| value != is),
            Self::OneOf(list) => value.is_some_and(|value| list.iter().any(|is| is == value)),
            Self::Contains(part) => value.is_some_and(|value| value.to_lowercase().contains(&part.to_lowercase())),
            Self::LessThan(bound) => compares(bound, Ordering::is_lt),
            Self::AtMost(bound) => compares(bound, Ordering::is_le),
            Self::MoreThan(bound) => compares(bound, Ordering::is_gt),
            Self::AtLeast(bound) => compares(bound, Ordering::is_ge),
            Self::Answered(answered) => value.is_some() == *answered,
        }
    }

    /// What it is compared with.
    #[must_use]
    pub const fn bound(&self) -> Option<(&'static str, &Bound)> {
        match self {
            Self::LessThan(bound) => Some(("less_than", bound)),
            Self::AtMost(bound) => Some(("at_most", bound)),
            Self::MoreThan(bound) => Some(("more_than", bound)),
            Self::AtLeast(bound) => Some(("at_least", bound)),
            Self::Is(_) | Self::IsNot(_) | Self::OneOf(_) | Self::Contains(_) | Self::Answered(_) => None,
        }
    }

    /// The values it names, with the field that names them.
    #[must_use]
    pub fn named(&self) -> (&'static str, Vec<&str>) {
        match self {
            Self::Is(is) => ("is", vec![is]),
            Self::IsNot(is) => ("is_not", vec![is]),
            Self::OneOf(list) => ("one_of", list.iter().map(String::as_str).collect()),
            Self::Contains(_)
            | Self::LessThan(_)
            | Self::AtMost(_)
            | Self::MoreThan(_)
            | Self::AtLeast(_)
            | Self::Answered(_) => ("", Vec::new()),
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

fn day(text: &str) -> Option<Date> {
    text.trim().parse().ok()
}

/// A case as JSON has it: `next` and exactly one test.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Case)]
pub struct CaseFields {
    /// The value is this: `yes`, `no`, an option's id, digits, a variable's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is: Option<String>,
    /// The value is anything else, or missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_not: Option<String>,
    /// The value is one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    one_of: Option<Vec<String>>,
    /// The value contains this, capitals or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contains: Option<String>,
    /// The value is a smaller number, or an earlier day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    less_than: Option<Bound>,
    /// The value is at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_most: Option<Bound>,
    /// The value is a larger number, or a later day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    more_than: Option<Bound>,
    /// The value is at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_least: Option<Bound>,
    /// Whether there is any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answered: Option<bool>,
    /// The node it leads to.
    next: String,
}

/// A case has no test, or several.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a case must have exactly one of `is`, `is_not`, `one_of`, `contains`, `less_than`, `at_most`, `more_than`, \
     `at_least`, `answered`"
)]
pub struct NotOneTest;

impl TryFrom<CaseFields> for Case {
    type Error = NotOneTest;

    fn try_from(fields: CaseFields) -> Result<Self, NotOneTest> {
        let CaseFields { is, is_not, one_of, contains, less_than, at_most, more_than, at_least, answered, next } =
            fields;
        let tests = [
            is.map(Test::Is),
            is_not.map(Test::IsNot),
            one_of.map(Test::OneOf),
            contains.map(Test::Contains),
            less_than.map(Test::LessThan),
            at_most.map(Test::AtMost),
            more_than.map(Test::MoreThan),
            at_least.map(Test::AtLeast),
            answered.map(Test::Answered),
        ];
        let mut tests = tests.into_iter().flatten();
        match (tests.next(), tests.next()) {
            (Some(test), None) => Ok(Self { test, next }),
            (None | Some(_), _) => Err(NotOneTest),
        }
    }
}

impl From<Case> for CaseFields {
    fn from(case: Case) -> Self {
        let mut fields = Self {
            is: None,
            is_not: None,
            one_of: None,
            contains: None,
            less_than: None,
            at_most: None,
            more_than: None,
            at_least: None,
            answered: None,
            next: case.next,
        };
        match case.test {
            Test::Is(is) => fields.is = Some(is),
            Test::IsNot(is) => fields.is_not = Some(is),
            Test::OneOf(list) => fields.one_of = Some(list),
            Test::Contains(part) => fields.contains = Some(part),
            Test::LessThan(bound) => fields.less_than = Some(bound),
            Test::AtMost(bound) => fields.at_most = Some(bound),
            Test::MoreThan(bound) => fields.more_than = Some(bound),
            Test::AtLeast(bound) => fields.at_least = Some(bound),
            Test::Answered(answered) => fields.answered = Some(answered),
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = jiff::civil::date(2026, 8, 5);

    fn passes(case: &str, value: Option<&str>) -> bool {
        let case: Case = serde_json::from_str(case).expect(case);
        case.test.passes(value, Some(TODAY))
    }

    #[test]
    fn values_are_compared_as_what_they_are() {
        for (case, value) in [
            (r#"{"is":"yes","next":"a"}"#, Some("yes")),
            (r#"{"is_not":"yes","next":"a"}"#, None),
            (r#"{"one_of":["a","b"],"next":"a"}"#, Some("b")),
            (r#"{"contains":"clinic","next":"a"}"#, Some("The Clinic")),
            (r#"{"less_than":10,"next":"a"}"#, Some("9")),
            (r#"{"at_most":"10","next":"a"}"#, Some("010")),
            (r#"{"more_than":9.5,"next":"a"}"#, Some("10")),
            (r#"{"at_least":"2026-08-05","next":"a"}"#, Some("2026-08-05")),
            (r#"{"less_than":"today","next":"a"}"#, Some("2026-08-04")),
            (r#"{"answered":false,"next":"a"}"#, None),
        ] {
            assert!(passes(case, value), "{case}");
        }
        for (case, value) in [
            (r#"{"is":"yes","next":"a"}"#, None),
            (r#"{"less_than":10,"next":"a"}"#, Some("10")),
            (r#"{"less_than":10,"next":"a"}"#, Some("many")),
            (r#"{"less_than":"2026-08-05","next":"a"}"#, Some("7")),
            (r#"{"at_least":1,"next":"a"}"#, None),
            (r#"{"answered":true,"next":"a"}"#, None),
        ] {
            assert!(!passes(case, value), "{case}");
        }
    }

    #[test]
    fn a_case_with_two_tests_or_none_is_refused() {
        for case in [r#"{"next":"a"}"#, r#"{"is":"a","at_least":3,"next":"a"}"#] {
            let error = serde_json::from_str::<Case>(case).expect_err(case);
            assert!(error.to_string().contains("exactly one of"), "{error}");
        }
    }

    #[test]
    fn without_a_day_nothing_is_before_or_after_today() {
        let test = Test::AtMost(Bound::Text("today".to_owned()));
        assert!(test.passes(Some("2020-01-01"), Some(TODAY)));
        assert!(!test.passes(Some("2020-01-01"), None));
    }
}
