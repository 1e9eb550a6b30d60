//! Words that name days: weekdays, months, "the day after tomorrow", "in two weeks".

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::small_number;
use crate::agent::language::Language;

/// A day, week or month counted from today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Days(i32),
    Weeks(i32),
    Months(i32),
}

impl Anchor {
    /// The day itself.
    pub(super) fn date(self, today: Date) -> Option<Date> {
        let span = match self {
            Self::Days(days) => days.days(),
            Self::Weeks(weeks) => weeks.weeks(),
            Self::Months(months) => months.months(),
        };
        today.checked_add(span).ok()
    }

    /// The weekday in that calendar week, which begins on a Monday.
    pub(super) fn weekday(self, today: Date, weekday: Weekday) -> Option<Date> {
        match self {
            Self::Weeks(weeks) => {
                let monday = today.checked_sub(i32::from(today.weekday().to_monday_zero_offset()).days()).ok()?;
                let day = i32::from(weekday.to_monday_zero_offset());
                monday.checked_add((7 * weeks + day).days()).ok()
            }
            Self::Days(_) => self.date(today).filter(|date| date.weekday() == weekday),
            Self::Months(_) => None,
        }
    }

    /// The day of that month: "the fifth of next month".
    pub(super) fn day_of_month(self, today: Date, day: i8) -> Option<Date> {
        match self {
            Self::Months(months) => {
                today.first_of_month().checked_add(months.months()).ok()?.with().day(day).build().ok()
            }
            Self::Days(_) | Self::Weeks(_) => self.date(today).filter(|date| date.day() == day),
        }
    }
}

type Fixed = (&'static [&'static str], Anchor);

const ENGLISH: [Fixed; 14] = [
    (&["the", "day", "after", "tomorrow"], Anchor::Days(2)),
    (&["day", "after", "tomorrow"], Anchor::Days(2)),
    (&["the", "day", "before", "yesterday"], Anchor::Days(-2)),
    (&["day", "before", "yesterday"], Anchor::Days(-2)),
    (&["today"], Anchor::Days(0)),
    (&["tonight"], Anchor::Days(0)),
    (&["tomorrow"], Anchor::Days(1)),
    (&["yesterday"], Anchor::Days(-1)),
    (&["next", "week"], Anchor::Weeks(1)),
    (&["this", "week"], Anchor::Weeks(0)),
    (&["last", "week"], Anchor::Weeks(-1)),
    (&["next", "month"], Anchor::Months(1)),
    (&["this", "month"], Anchor::Months(0)),
    (&["last", "month"], Anchor::Months(-1)),
];
const GERMAN: [Fixed; 15] = [
    (&["heute"], Anchor::Days(0)),
    (&["morgen"], Anchor::Days(1)),
    (&["uebermorgen"], Anchor::Days(2)),
    (&["gestern"], Anchor::Days(-1)),
    (&["vorgestern"], Anchor::Days(-2)),
    (&["naechste", "woche"], Anchor::Weeks(1)),
    (&["naechster", "woche"], Anchor::Weeks(1)),
    (&["kommende", "woche"], Anchor::Weeks(1)),
    (&["diese", "woche"], Anchor::Weeks(0)),
    (&["letzte", "woche"], Anchor::Weeks(-1)),
    (&["uebernaechste", "woche"], Anchor::Weeks(2)),
    (&["naechsten", "monat"], Anchor::Months(1)),
    (&["naechsten", "monats"], Anchor::Months(1)),
    (&["diesen", "monat"], Anchor::Months(0)),
    (&["letzten", "monat"], Anchor::Months(-1)),
];

/// A day counted from today, and its words.
pub(super) fn relative(language: Language, tokens: &[String]) -> Option<(Anchor, usize)> {
    let fixed: &[Fixed] = match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    };
    let begins = |words: &[&str]| tokens.len() >= words.len() && tokens.iter().zip(words).all(|(a, b)| a == b);
    if let Some((words, anchor)) = fixed.iter().find(|(words, _)| begins(words)) {
        return Some((*anchor, words.len()));
    }
    counted(language, tokens)
}

/// "in two weeks", "a week ago", "vor drei Tagen".
fn counted(language: Language, tokens: &[String]) -> Option<(Anchor, usize)> {
    let first = tokens[0].as_str();
    let (sign, lead) = match (language, first) {
        (_, "in") => (1, 1),
        (Language::German, "vor") => (-1, 1),
        (Language::English, _) => (-1, 0),
        (Language::German, _) => return None,
    };
    let rest = tokens.get(lead..)?;
    let (count, length) = match (language, rest.first()?.as_str()) {
        (Language::English, "a" | "an") => (1, 1),
        _ => small_number(language, rest)?,
    };
    let count = sign * i32::try_from(count).ok()?;
    let anchor = match (language, rest.get(length)?.as_str()) {
        (Language::English, "day" | "days") => Anchor::Days(count),
        (Language::English, "week" | "weeks") => Anchor::Days(7 * count),
        (Language::English, "month" | "months") => Anchor::Months(count),
        (Language::German, "tag" | "tage" | "tagen") => Anchor::Days(count),
        (Language::German, "woche" | "wochen") => Anchor::Days(7 * count),
        (Language::German, "monat" | "monate" | "monaten") => Anchor::Months(count),
        _ => return None,
    };
    let length = lead + length + 1;
    match (lead, tokens.get(length).map(String::as_str)) {
        (1, _) => Some((anchor, length)),
        (_, Some("ago")) => Some((anchor, length + 1)),
        _ => None,
    }
}

/// A weekday by its name.
pub(super) fn weekday(language: Language, word: &str) -> Option<Weekday> {
    let names: [&[&str]; 7] = match language {
        Language::English => [
            &["monday", "mon"],
            &["tuesday", "tue", "tues"],
            &["wednesday", "wed"],
            &["thursday", "thu", "thurs"],
            &["friday", "fri"],
            &["saturday", "sat"],
            &["sunday", "sun"],
        ],
        Language::German => [
            &["montag", "montags"],
            &["dienstag", "dienstags"],
            &["mittwoch", "mittwochs"],
            &["donnerstag", "donnerstags"],
            &["freitag", "freitags"],
            &["samstag", "samstags", "sonnabend"],
            &["sonntag", "sonntags"],
        ],
    };
    let day = names.iter().position(|names| names.contains(&word))?;
    Weekday::from_monday_zero_offset(i8::try_from(day).ok()?).ok()
}

/// A month by its name, 1 to 12.
pub(super) fn month(language: Language, word: &str) -> Option<i8> {
    let names: [&[&str]; 12] = match language {
        Language::English => [
            &["january", "jan"],
            &["february", "feb"],
            &["march", "mar"],
            &["april", "apr"],
            &["may"],
            &["june", "jun"],
            &["july", "jul"],
            &["august", "aug"],
            &["september", "sept", "sep"],
            &["october", "oct"],
            &["november", "nov"],
            &["december", "dec"],
        ],
        Language::German => [
            &["januar", "jaenner", "jan"],
            &["februar", "feber", "feb"],
            &["maerz"],
            &["april", "apr"],
            &["mai"],
            &["juni", "juno"],
            &["juli", "julei"],
            &["august", "aug"],
            &["september", "sept", "sep"],
            &["oktober", "okt"],
            &["november", "nov"],
            &["dezember", "dez"],
        ],
    };
    names.iter().position(|names| names.contains(&word)).and_then(|at| i8::try_from(at + 1).ok())
}

/// A word that says nothing about the date and nothing else either.
pub(super) fn is_filler(language: Language, word: &str) -> bool {
    let fillers: &[&str] = match language {
        Language::English => &[
            "um", "uh", "er", "well", "on", "the", "of", "a", "please", "it", "is", "was", "that", "would", "be",
            "maybe", "let", "us", "say", "i", "think", "and", "day", "for", "in", "at", "okay", "yes", "then", "by",
            "this",
        ],
        Language::German => &[
            "aeh",
            "aehm",
            "also",
            "am",
            "den",
            "der",
            "die",
            "das",
            "dem",
            "im",
            "bitte",
            "ist",
            "war",
            "waere",
            "es",
            "ja",
            "vielleicht",
            "sagen",
            "wir",
            "ich",
            "denke",
            "und",
            "dann",
            "gut",
            "tag",
            "vom",
            "zum",
            "des",
        ],
    };
    fillers.contains(&word)
}
