//! When people may be called by law: rules as data, each with its source, and what an organisation adds to them.
//!
//! The rules stand in `data/law.yaml`; which of them hold for a person follows from the region of the number. Where no rule
//! holds, the organisation's own hours do. A rule never widens what a campaign allows.

pub mod holidays;
pub mod policy;
pub mod region;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use jiff::civil::{Date, Weekday};
use serde::Deserialize;

use self::holidays::Calendar;
use self::region::Region;
use crate::campaign::run::Slot;
use crate::campaign::settings::FrequencyCap;
use crate::campaign::wire::wire_enum;

wire_enum! {
    /// A set of rules that an organisation or a campaign holds itself to.
    pub enum Profile is "profile of calling law" {
        /// Statutes of the states of Europe.
        Eu = "eu",
        /// Codes of conduct in Europe, which bind their signatories.
        EuCodes = "eu_codes",
        /// Federal law and laws of the states of the USA.
        Us = "us",
    }
}

wire_enum! {
    /// How binding a rule is.
    pub enum Force is "force of a rule" {
        /// A law or a rule of an authority.
        Statute = "statute",
        /// A code of conduct.
        CodeOfConduct = "code_of_conduct",
        /// Somebody has looked and found no hours.
        None = "none",
    }
}

wire_enum! {
    /// Whom a campaign calls.
    pub enum Callees is "kind of people called" {
        /// Consumers, or nobody knows.
        Consumers = "consumers",
        /// Businesses, in their business.
        Businesses = "businesses",
    }
}

/// A rule with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, unique and for ever.
    pub id: String,
    /// The set it belongs to.
    pub profile: Profile,
    /// Where it holds: codes of [`Region`]s.
    pub regions: Vec<String>,
    /// How binding it is.
    pub force: Force,
    /// Whom it protects: consumers, or everybody.
    pub callees: Protects,
    /// What it is called.
    pub title: String,
    /// Law and article.
    pub citation: String,
    /// The official page.
    pub url: String,
    /// What was read, where that was not the official page.
    pub read: Vec<String>,
    /// When.
    pub looked_up: Date,
    /// The most calls to one person in a period, where it says so.
    pub cap: Option<FrequencyCap>,
    /// What else is to be known.
    pub note: Option<String>,
    hours: Hours,
    holidays: Option<Calendar>,
}

/// Whom a rule protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protects {
    /// Consumers.
    Consumers,
    /// Businesses as well.
    Everybody,
}

impl Rule {
    /// The times of day at which calls may be made on a date, on the called person's clock.
    #[must_use]
    pub fn slots_on(&self, day: Date) -> &[Slot] {
        let holiday = |day: Date| self.holidays.as_ref().is_some_and(|calendar| calendar.has(day));
        let special = [
            self.hours.holiday.as_ref().filter(|_| holiday(day)),
            self.hours.sun.as_ref().filter(|_| day.weekday() == Weekday::Sunday),
            self.hours.sat.as_ref().filter(|_| day.weekday() == Weekday::Saturday),
            self.hours.eve.as_ref().filter(|_| day.tomorrow().is_ok_and(holiday)),
        ];
        &special.into_iter().flatten().next().unwrap_or(&self.hours.all).0
    }

    /// Whether a date is one of the rule's holidays.
    #[must_use]
    pub fn is_holiday(&self, day: Date) -> bool {
        self.holidays.as_ref().is_some_and(|calendar| calendar.has(day))
    }
}

/// The rules of one version of the data.
#[derive(Debug)]
pub struct Law {
    version: String,
    rules: Vec<Rule>,
}

/// The law that is built in.
#[must_use]
pub fn law() -> &'static Law {
    static LAW: LazyLock<Law> =
        LazyLock::new(|| Law::read(include_str!("../data/law.yaml")).expect("a test reads the same file"));
    &LAW
}

impl Law {
    /// The version of the data: the day of its last change.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// All rules, in the order of the file.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule of that name.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// The rules that hold for somebody in these regions.
    pub fn of<'law, 'of>(
        &'law self,
        regions: &'of [Region],
        profiles: &'of BTreeSet<Profile>,
        callees: Callees,
    ) -> impl Iterator<Item = &'law Rule> + use<'law, 'of> {
        self.rules.iter().filter(move |rule| {
            let meant = callees == Callees::Consumers || rule.callees == Protects::Everybody;
            meant
                && profiles.contains(&rule.profile)
                && regions.iter().any(|region| rule.regions.iter().any(|code| region.lies_in(code)))
        })
    }

    fn read(text: &str) -> Result<Self, Unreadable> {
        let file: File = serde_saphyr::from_str(text).map_err(|error| Unreadable(error.to_string()))?;
        let mut rules = Vec::with_capacity(file.rules.len());
        for rule in file.rules {
            let unknown = || Unreadable(format!("{}: no such calendar", rule.id));
            let holidays =
                rule.holidays.as_ref().map(|name| file.calendars.get(name).cloned().ok_or_else(unknown)).transpose()?;
            if holidays.is_none() && (rule.hours.holiday.is_some() || rule.hours.eve.is_some()) {
                return Err(Unreadable(format!("{}: holidays without a calendar", rule.id)));
            }
            rules.push(Rule {
                id: rule.id,
                profile: rule.profile,
                regions: rule.regions,
                force: rule.force,
                callees: rule.callees,
                title: rule.title,
                citation: rule.citation,
                url: rule.url,
                read: rule.read,
                looked_up: rule.looked_up,
                cap: rule.cap,
                note: rule.note,
                hours: rule.hours,
                holidays,
            });
        }
        Ok(Self { version: file.version.to_string(), rules })
    }
}

/// What is wrong with the data.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreadable(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: Date,
    rules: Vec<WrittenRule>,
    calendars: BTreeMap<String, Calendar>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    id: String,
    profile: Profile,
    regions: Vec<String>,
    force: Force,
    callees: Protects,
    title: String,
    citation: String,
    url: String,
    #[serde(default)]
    read: Vec<String>,
    looked_up: Date,
    hours: Hours,
    #[serde(default)]
    holidays: Option<String>,
    #[serde(default)]
    cap: Option<FrequencyCap>,
    #[serde(default)]
    note: Option<String>,
}

/// Times of day by kind of day.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hours {
    all: Times,
    #[serde(default)]
    sat: Option<Times>,
    #[serde(default)]
    sun: Option<Times>,
    #[serde(default)]
    holiday: Option<Times>,
    #[serde(default)]
    eve: Option<Times>,
}

/// Times of day written as `08:00-21:00`, in order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
struct Times(Vec<Slot>);

impl TryFrom<Vec<String>> for Times {
    type Error = BadTimes;

    fn try_from(texts: Vec<String>) -> Result<Self, BadTimes> {
        let mut slots = Vec::with_capacity(texts.len());
        for text in &texts {
            let (start, end) = text.split_once('-').ok_or(BadTimes)?;
            let slot = Slot { start_min: minutes(start)?, end_min: minutes(end)? };
            let after = slots.last().is_none_or(|last: &Slot| last.end_min <= slot.start_min);
            if slot.start_min >= slot.end_min || !after {
                return Err(BadTimes);
            }
            slots.push(slot);
        }
        Ok(Self(slots))
    }
}

fn minutes(clock: &str) -> Result<u16, BadTimes> {
    let (hours, minutes) = clock.split_once(':').ok_or(BadTimes)?;
    let (hours, minutes): (u16, u16) = (hours.parse().map_err(|_| BadTimes)?, minutes.parse().map_err(|_| BadTimes)?);
    if minutes < 60 && hours * 60 + minutes <= 24 * 60 { Ok(hours * 60 + minutes) } else { Err(BadTimes) }
}

/// Times of day that are none.
#[derive(Clone, Copy, Debug)]
struct BadTimes;

impl fmt::Display for BadTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected times of day in order, such as 08:00-21:00")
    }
}

#[cfg(test)]
mod tests;
