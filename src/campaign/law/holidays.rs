//! Holidays, computed for any year.

use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};
use serde::Deserialize;

/// The holidays of a country or state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// What moves holidays off the weekend.
    #[serde(default)]
    observed: Observed,
    /// The holidays.
    days: Vec<Holiday>,
}

/// How a holiday that falls on a weekend is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Observed {
    /// On its day only.
    #[default]
    No,
    /// On the Friday before a Saturday and the Monday after a Sunday as well.
    Us,
}

/// One holiday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
enum Holiday {
    /// Month and day.
    Day(i8, i8),
    /// Days from Easter Sunday.
    Easter(i16),
    /// The nth weekday of a month; from its end when negative.
    Nth(Weekday, i8, i8),
}

/// Not the name of a holiday as the data writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a holiday: expected MM-DD, `easter N` or `mon N MM`")]
struct NoHoliday;

impl Calendar {
    /// Whether a date is a holiday.
    #[must_use]
    pub fn has(&self, day: Date) -> bool {
        self.days.iter().any(|holiday| holiday.falls_on(day))
            || match self.observed {
                Observed::No => false,
                Observed::Us => {
                    let moved = match day.weekday() {
                        Weekday::Friday => day.tomorrow(),
                        Weekday::Monday => day.yesterday(),
                        Weekday::Tuesday
                        | Weekday::Wednesday
                        | Weekday::Thursday
                        | Weekday::Saturday
                        | Weekday::Sunday => return false,
                    };
                    moved.is_ok_and(|free| self.days.iter().any(|holiday| holiday.falls_on(free)))
                }
            }
    }
}

impl Holiday {
    fn falls_on(self, day: Date) -> bool {
        match self {
            Self::Day(month, of_month) => (day.month(), day.day()) == (month, of_month),
            Self::Easter(days) => {
                easter(day.year()).checked_add(i32::from(days).days()).is_ok_and(|found| found == day)
            }
            Self::Nth(weekday, nth, month) => {
                day.month() == month
                    && day.weekday() == weekday
                    && day.nth_weekday_of_month(nth, weekday).is_ok_and(|found| found == day)
            }
        }
    }
}

impl FromStr for Holiday {
    type Err = NoHoliday;

    fn from_str(text: &str) -> Result<Self, NoHoliday> {
        let number = |text: &str| text.parse().map_err(|_| NoHoliday);
        let words: Vec<_> = text.split(' ').collect();
        match words[..] {
            ["easter", days] => days.parse().map(Self::Easter).map_err(|_| NoHoliday),
            [name, nth, month] => Ok(Self::Nth(weekday(name).ok_or(NoHoliday)?, number(nth)?, number(month)?)),
            [day] => {
                let (month, day) = day.split_once('-').ok_or(NoHoliday)?;
                Ok(Self::Day(number(month)?, number(day)?))
            }
            _ => Err(NoHoliday),
        }
    }
}

impl TryFrom<String> for Holiday {
    type Error = NoHoliday;

    fn try_from(text: String) -> Result<Self, NoHoliday> {
        text.parse()
    }
}

fn weekday(name: &str) -> Option<Weekday> {
    Some(match name {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// Easter Sunday of a year of the Gregorian calendar: the algorithm known as Meeus, Jones and Butcher.
#[must_use]
pub fn easter(year: i16) -> Date {
    let y = i32::from(year);
    let (golden, century, of_century) = (y % 19, y / 100, y % 100);
    let (leaps, rest) = (century / 4, century % 4);
    let moon = (century + 8) / 25;
    let moon = (century - moon + 1) / 3;
    let epact = (19 * golden + century - leaps - moon + 15) % 30;
    let (quads, days) = (of_century / 4, of_century % 4);
    let to_sunday = (32 + 2 * rest + 2 * quads - epact - days) % 7;
    let late = (golden + 11 * epact + 22 * to_sunday) / 451;
    let sum = epact + to_sunday - 7 * late + 114;
    let (month, day) = (sum / 31, sum % 31 + 1);
    date(year, i8::try_from(month).unwrap_or(4), i8::try_from(day).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_falls_where_the_church_says() {
        for (year, month, day) in [
            (1961, 4, 2),
            (2000, 4, 23),
            (2008, 3, 23),
            (2011, 4, 24),
            (2024, 3, 31),
            (2025, 4, 20),
            (2026, 4, 5),
            (2027, 3, 28),
            (2038, 4, 25),
            (2285, 3, 22),
        ] {
            assert_eq!(easter(year), date(year, month, day), "{year}");
        }
        for year in 1900..2300 {
            let sunday = easter(year);
            assert_eq!(sunday.weekday(), Weekday::Sunday, "{year}");
            assert!((date(year, 3, 22)..=date(year, 4, 25)).contains(&sunday), "{year}");
        }
    }

    #[test]
    fn holidays_are_found_by_rule_and_moved_off_weekends() {
        let calendar = |json: &str| serde_json::from_str::<Calendar>(json).expect("a calendar");
        let us = calendar(r#"{"observed": "us", "days": ["07-04", "thu 4 11", "mon -1 05", "mon 3 01"]}"#);
        for day in [
            date(2026, 7, 4),
            date(2026, 7, 3),
            date(2027, 7, 4),
            date(2027, 7, 5),
            date(2026, 11, 26),
            date(2026, 5, 25),
            date(2026, 1, 19),
        ] {
            assert!(us.has(day), "{day}");
        }
        for day in [date(2026, 7, 6), date(2025, 7, 3), date(2026, 11, 19), date(2026, 5, 18), date(2026, 1, 12)] {
            assert!(!us.has(day), "{day}");
        }
        let fr = calendar(r#"{"days": ["easter 39", "easter 50", "05-01"]}"#);
        assert!(fr.has(date(2026, 5, 14)) && fr.has(date(2026, 5, 25)) && fr.has(date(2027, 5, 1)));
        assert!(!fr.has(date(2026, 5, 15)) && !fr.has(date(2027, 5, 3)), "nothing is moved");
        assert!(serde_json::from_str::<Calendar>(r#"{"days": ["someday"]}"#).is_err());
    }
}
