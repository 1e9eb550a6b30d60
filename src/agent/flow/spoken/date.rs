//! Dates: "next Tuesday", "the fifth of March", "übermorgen", "am fünften dritten", relative to a given day.

mod phrases;

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};

use self::phrases::{Anchor, month, relative, weekday};
use super::{english, german, number};
use crate::agent::language::{DateOrder, Language};
use crate::agent::words::{fold, words};

/// So many words that say nothing about a date may stand around one.
const MAX_STRANGE: usize = 5;

/// Which of the days that fit is meant when the year, or the month, is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lean {
    /// The next one, today included.
    Future,
    /// The last one, today included: dates of birth, of an accident.
    Past,
}

/// How a date is said here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The language.
    pub language: Language,
    /// For dates in figures.
    pub order: DateOrder,
    /// The day on which it is said, where the callee is.
    pub today: Date,
    /// Which day is meant when several fit.
    pub lean: Lean,
}

/// The one date that is said; `None` when there is none, or several that differ.
#[must_use]
pub fn date(reading: &Reading, text: &str) -> Option<Date> {
    let tokens = tokens(text);
    let mut parts = Parts::default();
    let mut at = 0;
    while at < tokens.len() {
        at += parts.take(reading, &tokens[at..])?;
    }
    (parts.strange <= MAX_STRANGE).then(|| parts.resolve(reading))?
}

/// A date typed with eight digits in the order of the language: `05032026`.
#[must_use]
pub fn typed(order: DateOrder, digits: &str) -> Option<Date> {
    if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (first, second, year) = (digits[..2].parse().ok()?, digits[2..4].parse().ok()?, digits[4..].parse().ok()?);
    match order {
        DateOrder::DayFirst => Date::new(year, second, first).ok(),
        DateOrder::MonthFirst => Date::new(year, first, second).ok(),
    }
}

/// Words, with what stands inside figures kept: `5.3.2026`, `5th`, `2026-03-05`.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for word in text.split_whitespace() {
        let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
        if inner.starts_with(|c: char| c.is_ascii_digit()) {
            let point = word.ends_with('.') && inner.bytes().all(|b| b.is_ascii_digit());
            tokens.push(if point { format!("{inner}.") } else { fold(inner) });
        } else {
            tokens.extend(words(word));
        }
    }
    tokens
}

/// What was said about the date so far.
#[derive(Debug, Default)]
struct Parts {
    whole: Option<Date>,
    anchor: Option<Anchor>,
    weekday: Option<(Weekday, Which)>,
    day: Option<i8>,
    month: Option<i8>,
    year: Option<i16>,
    strange: usize,
}

/// Which of the weekdays of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// The first after today.
    Coming,
    /// The one in the next calendar week.
    NextWeek,
    /// The one after the coming one.
    AfterNext,
    /// The last one before today.
    Last,
}

impl Parts {
    /// Takes what the next words say and returns how many of them; `None` when they contradict what was said before.
    fn take(&mut self, reading: &Reading, tokens: &[String]) -> Option<usize> {
        let language = reading.language;
        if let Some((anchor, length)) = relative(language, tokens) {
            return put(&mut self.anchor, anchor, length);
        }
        if let Some((found, length)) = which_weekday(language, tokens) {
            return put(&mut self.weekday, found, length);
        }
        let first = tokens[0].as_str();
        if let Some(date) = figures(reading, first) {
            return match date {
                Figures::Whole(date) => put(&mut self.whole, date, 1),
                Figures::DayMonth(day, month) => put(&mut self.day, day, 1).and(put(&mut self.month, month, 1)),
            };
        }
        if let Some(month) = month(language, first) {
            return put(&mut self.month, month, 1);
        }
        if let Some((day, length)) = ordinal(language, tokens) {
            // "am fünften dritten": the second ordinal is the month.
            return match (language, self.day, self.month) {
                (Language::German, Some(_), None) if day <= 12 => put(&mut self.month, day, length),
                _ => put(&mut self.day, day, length),
            };
        }
        if let Some(length) = self.year(language, tokens) {
            return Some(length);
        }
        if let Some((value, length)) = small_number(language, tokens)
            && self.day.is_none()
            && let Ok(day @ 1..=31) = i8::try_from(value)
        {
            return put(&mut self.day, day, length);
        }
        self.strange += usize::from(!phrases::is_filler(language, first));
        Some(1)
    }

    /// "2026", "twenty twenty six", "neunzehnhundertachtzig", after a month or a day.
    fn year(&mut self, language: Language, tokens: &[String]) -> Option<usize> {
        if self.month.is_none() || self.year.is_some() {
            return None;
        }
        let length = tokens.iter().take(5).take_while(|token| is_number(language, token)).count();
        for length in (1..=length).rev() {
            let said = number::digits(language, &tokens[..length].join(" "))?;
            let Ok(year @ 1_900..=2_100) = said.parse::<i16>() else { continue };
            self.year = Some(year);
            return Some(length);
        }
        None
    }

    fn resolve(self, reading: &Reading) -> Option<Date> {
        let today = reading.today;
        let named = match (self.day, self.month) {
            (Some(day), Some(month)) => Some(in_some_year(reading, day, month, self.year)?),
            (Some(day), None) if self.anchor.is_none() => Some(in_some_month(reading, day)?),
            (Some(day), None) => return self.anchor?.day_of_month(today, day),
            (None, Some(_)) => return None,
            (None, None) => None,
        };
        let weekday = |of: Weekday, which: Which| match (self.anchor, which) {
            (Some(anchor), _) => anchor.weekday(today, of),
            (None, which) => which.of(today, of),
        };
        let dates = [
            self.whole,
            named,
            match self.weekday {
                // The weekday only confirms a date that was named.
                Some((of, _)) if self.whole.or(named).is_some() => {
                    self.whole.or(named).filter(|date| date.weekday() == of).map(Some)?
                }
                Some((of, which)) => Some(weekday(of, which)?),
                None => match self.anchor {
                    Some(anchor) => Some(anchor.date(today)?),
                    None => None,
                },
            },
        ];
        let mut found = dates.into_iter().flatten();
        let date = found.next()?;
        found.all(|other| other == date).then_some(date)
    }
}

impl Which {
    fn of(self, today: Date, weekday: Weekday) -> Option<Date> {
        let ahead = i64::from(weekday.since(today.weekday()));
        let coming = if ahead == 0 { 7 } else { ahead };
        let days = match self {
            Self::Coming => coming,
            Self::AfterNext => coming + 7,
            Self::Last => coming - 7 - if ahead == 0 { 7 } else { 0 },
            Self::NextWeek => return Anchor::Weeks(1).weekday(today, weekday),
        };
        today.checked_add(days.days()).ok()
    }
}

/// Sets what was not said before; saying the same twice is allowed.
fn put<T: PartialEq>(place: &mut Option<T>, value: T, length: usize) -> Option<usize> {
    match place {
        Some(before) if *before != value => None,
        _ => {
            *place = Some(value);
            Some(length)
        }
    }
}

/// A day and month of a year that may not have been said.
fn in_some_year(reading: &Reading, day: i8, month: i8, year: Option<i16>) -> Option<Date> {
    if let Some(year) = year {
        return Date::new(year, month, day).ok();
    }
    let today = reading.today;
    // The 29th of February comes every eighth year at the rarest.
    let mut years = (0..=8).map(|ahead| match reading.lean {
        Lean::Future => today.year().saturating_add(ahead),
        Lean::Past => today.year().saturating_sub(ahead),
    });
    years.find_map(|year| {
        let date = Date::new(year, month, day).ok()?;
        let fits = match reading.lean {
            Lean::Future => date >= today,
            Lean::Past => date <= today,
        };
        fits.then_some(date)
    })
}

/// A day of a month that was not said: "the fifth".
fn in_some_month(reading: &Reading, day: i8) -> Option<Date> {
    let today = reading.today;
    (0..=2).find_map(|months| {
        let month: Span = match reading.lean {
            Lean::Future => months.months(),
            Lean::Past => (-months).months(),
        };
        let date = today.first_of_month().checked_add(month).ok()?.with().day(day).build().ok()?;
        let fits = match reading.lean {
            Lean::Future => date >= today,
            Lean::Past => date <= today,
        };
        fits.then_some(date)
    })
}

/// A date in figures.
enum Figures {
    Whole(Date),
    DayMonth(i8, i8),
}

fn figures(reading: &Reading, token: &str) -> Option<Figures> {
    let parts: Vec<&str> = token.split(['.', '/', '-']).filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| part.len() > 4 || !part.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let small = |part: &str| part.parse::<i8>().ok();
    let ordered = |first: &str, second: &str| match reading.order {
        // 5.3. is the fifth of March wherever a point is written.
        DateOrder::MonthFirst if !token.contains('.') => Some((small(second)?, small(first)?)),
        DateOrder::MonthFirst | DateOrder::DayFirst => Some((small(first)?, small(second)?)),
    };
    match parts[..] {
        [year, month, day] if year.len() == 4 => {
            Date::new(year.parse().ok()?, small(month)?, small(day)?).ok().map(Figures::Whole)
        }
        [first, second, year] => {
            let (day, month) = ordered(first, second)?;
            let year = match (year.len(), year.parse::<i16>().ok()?) {
                (4, year) => year,
                (2, short) => century(reading, short),
                _ => return None,
            };
            Date::new(year, month, day).ok().map(Figures::Whole)
        }
        [first, second] => {
            let (day, month) = ordered(first, second)?;
            ((1..=31).contains(&day) && (1..=12).contains(&month)).then_some(Figures::DayMonth(day, month))
        }
        _ => None,
    }
}

/// The year that ends in these two figures.
fn century(reading: &Reading, short: i16) -> i16 {
    let this = reading.today.year();
    let near = this - this % 100 + short;
    match reading.lean {
        Lean::Future => near,
        Lean::Past if near > this => near - 100,
        Lean::Past => near,
    }
}

/// "fifth", "5th", "5.", "twenty first", "fünften".
fn ordinal(language: Language, tokens: &[String]) -> Option<(i8, usize)> {
    let first = tokens.first()?;
    let figures = first.trim_end_matches(|c: char| !c.is_ascii_digit());
    let end = &first[figures.len()..];
    if !figures.is_empty() && matches!(end, "." | "st" | "nd" | "rd" | "th") {
        return figures.parse().ok().filter(|day| (1..=31).contains(day)).map(|day| (day, 1));
    }
    match language {
        Language::English => english::ordinal(first, tokens.get(1).map(String::as_str)),
        Language::German => german::ordinal(first).map(|day| (day, 1)),
    }
}

/// A number below 100 in words or figures, and its words.
fn small_number(language: Language, tokens: &[String]) -> Option<(u64, usize)> {
    (1..=tokens.len().min(2)).rev().find_map(|length| {
        let words = &tokens[..length];
        if !words.iter().all(|word| is_number(language, word)) {
            return None;
        }
        let value: u64 = number::digits(language, &words.join(" "))?.parse().ok()?;
        (value < 100).then_some((value, length))
    })
}

fn is_number(language: Language, token: &str) -> bool {
    let known = [token.to_owned()];
    number::digit_runs(language, &known).len() == 1
        || match language {
            Language::English => matches!(token, "hundred" | "thousand" | "and"),
            Language::German => matches!(token, "hundert" | "tausend" | "und"),
        }
}

fn which_weekday(language: Language, tokens: &[String]) -> Option<((Weekday, Which), usize)> {
    if let Some(day) = weekday(language, &tokens[0]) {
        // "Tuesday week".
        let week = language == Language::English && tokens.get(1).is_some_and(|word| word == "week");
        return Some(if week { ((day, Which::AfterNext), 2) } else { ((day, Which::Coming), 1) });
    }
    let day = weekday(language, tokens.get(1)?)?;
    let which = match (language, tokens[0].as_str()) {
        (Language::English, "this" | "coming" | "on") => Which::Coming,
        (Language::English, "next") => Which::NextWeek,
        (Language::English, "last" | "past") => Which::Last,
        (Language::German, word) => {
            let stem = ["en", "er", "em", "es", "e"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
            match stem {
                "naechst" | "kommend" | "dies" => Which::Coming,
                "uebernaechst" => Which::AfterNext,
                "letzt" | "vergangen" | "vorig" => Which::Last,
                _ => return None,
            }
        }
        (Language::English, _) => return None,
    };
    Some(((day, which), 2))
}

#[cfg(test)]
mod tests;
