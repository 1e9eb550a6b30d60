//! When a campaign may call: its period, and the runs with their days and times.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::campaign::rounds::{Audience, CallbackRules, ChannelKind};
use crate::campaign::settings::Settings;
use crate::campaign::wire::wire_enum;
use crate::campaign::zone::zone_named;
use crate::id::RunId;

/// A campaign's schedule. Wall times and IANA names are stored, never UTC: a change of clocks or of law then moves the
/// windows with the people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The campaign's zone, an IANA name: bounds the period, and is assumed for contacts without a zone.
    pub time_zone: String,
    /// First day, in the campaign's zone; none = at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_start: Option<Date>,
    /// Last day, in the campaign's zone; none = no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_end: Option<Date>,
    /// The runs; no day belongs to two of them.
    #[serde(default = "one_run_on_all_days")]
    pub runs: Vec<Run>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { time_zone: "UTC".to_owned(), period_start: None, period_end: None, runs: one_run_on_all_days() }
    }
}

/// Days of a campaign that share their rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// Its id, given by the server. Sent back with a changed schedule it says which run is meant; without it the run in
    /// the same place is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<RunId>,
    /// Its days.
    pub days: Days,
    /// At most four times of day; none = the whole of `contact_hours`.
    pub slots: Vec<Slot>,
    /// The hours in which people may be called at all, on the contact's own clock, whatever the slots say.
    pub contact_hours: ContactHours,
    /// What happens on its days.
    pub channels: BTreeSet<ChannelKind>,
    /// Whom it calls of those whom earlier runs did not finish.
    pub audience: Audience,
    /// Dials after the first one in its round, 0 to 20; none = as the settings say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    /// How it deals with people who ask to be called back.
    pub callbacks: CallbackRules,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            id: None,
            days: Days::default(),
            slots: Vec::new(),
            contact_hours: ContactHours::default(),
            channels: BTreeSet::from([ChannelKind::Calls]),
            audience: Audience::AllUnfinished,
            max_retries: None,
            callbacks: CallbackRules::default(),
        }
    }
}

/// The hours in which people may be called: 08:00 to 21:00 on their own clock unless a run says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct ContactHours(pub Slot);

impl Default for ContactHours {
    fn default() -> Self {
        Self(Slot { start_min: 8 * 60, end_min: 21 * 60 })
    }
}

/// The days of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Days {
    /// Every week.
    Weekdays(BTreeSet<Day>),
    /// Once each.
    Dates(BTreeSet<Date>),
}

impl Default for Days {
    fn default() -> Self {
        Self::Weekdays(Day::ALL.iter().copied().collect())
    }
}

wire_enum! {
    /// A day of the week.
    pub enum Day is "day of the week" {
        /// Monday.
        Monday = "mon",
        /// Tuesday.
        Tuesday = "tue",
        /// Wednesday.
        Wednesday = "wed",
        /// Thursday.
        Thursday = "thu",
        /// Friday.
        Friday = "fri",
        /// Saturday.
        Saturday = "sat",
        /// Sunday.
        Sunday = "sun",
    }
}

impl Day {
    /// The day of the week of a date.
    #[must_use]
    pub fn of(date: Date) -> Self {
        match date.weekday() {
            Weekday::Monday => Self::Monday,
            Weekday::Tuesday => Self::Tuesday,
            Weekday::Wednesday => Self::Wednesday,
            Weekday::Thursday => Self::Thursday,
            Weekday::Friday => Self::Friday,
            Weekday::Saturday => Self::Saturday,
            Weekday::Sunday => Self::Sunday,
        }
    }
}

/// A time of day in minutes since midnight on the wall, end exclusive. Never crosses midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// First minute, 06:00 (360) at the earliest.
    pub start_min: u16,
    /// First minute after, 23:00 (1380) at the latest.
    pub end_min: u16,
}

impl Slot {
    /// The earliest and the latest minute a slot may touch.
    pub const BOUNDS: Self = Self { start_min: 6 * 60, end_min: 23 * 60 };

    /// What both slots share, if anything.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        let both = Self { start_min: self.start_min.max(other.start_min), end_min: self.end_min.min(other.end_min) };
        (both.start_min < both.end_min).then_some(both)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |minutes: u16| (minutes / 60, minutes % 60);
        let ((h1, m1), (h2, m2)) = (clock(self.start_min), clock(self.end_min));
        write!(f, "{h1:02}:{m1:02}-{h2:02}:{m2:02}")
    }
}

/// One thing wrong with a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {fault}")]
pub struct ScheduleFault {
    /// The field, as its JSON path below the schedule object.
    pub field: String,
    /// What is wrong with it, for a person.
    pub fault: String,
}

impl Schedule {
    /// Most times of day in a run.
    pub const MAX_SLOTS: usize = 4;
    /// Most runs, and most dates of a run: bounds what a schedule costs to evaluate.
    pub const MAX_DAYS: usize = 366;

    /// Checks the whole schedule.
    ///
    /// # Errors
    /// All faults at once.
    pub fn validate(&self) -> Result<(), Vec<ScheduleFault>> {
        let mut faults = Faults(Vec::new());
        if let Err(fault) = zone_named(&self.time_zone) {
            faults.add("time_zone", fault.to_string());
        }
        if let (Some(start), Some(end)) = (self.period_start, self.period_end)
            && end < start
        {
            faults.add("period_end", "lies before period_start");
        }
        if self.runs.is_empty() {
            faults.add("runs", "at least one run is needed");
        }
        if self.runs.len() > Self::MAX_DAYS {
            faults.add("runs", format!("at most {} runs", Self::MAX_DAYS));
        }
        for (index, run) in self.runs.iter().enumerate().take(Self::MAX_DAYS) {
            run.check(index, &mut faults);
        }
        self.check_days(&mut faults);
        if faults.0.is_empty() { Ok(()) } else { Err(faults.0) }
    }

    /// The run that a date belongs to, and its position.
    #[must_use]
    pub fn run_on(&self, date: Date) -> Option<(usize, &Run)> {
        self.runs.iter().enumerate().find(|(_, run)| run.has(date))
    }

    fn check_days(&self, faults: &mut Faults) {
        let mut weekday_owner = BTreeMap::new();
        for (index, run) in self.runs.iter().enumerate() {
            if let Days::Weekdays(days) = &run.days {
                for &day in days {
                    if weekday_owner.insert(day, index).is_some() {
                        faults.add(format!("runs.{index}.days"), format!("{day} belongs to another run"));
                    }
                }
            }
        }
        let mut seen = BTreeSet::new();
        for (index, run) in self.runs.iter().enumerate() {
            if let Days::Dates(dates) = &run.days {
                for &date in dates {
                    if weekday_owner.contains_key(&Day::of(date)) || !seen.insert(date) {
                        faults.add(format!("runs.{index}.days"), format!("{date} belongs to another run"));
                    }
                }
            }
        }
    }
}

impl Run {
    /// Whether the date is one of the run's days.
    #[must_use]
    pub fn has(&self, date: Date) -> bool {
        match &self.days {
            Days::Weekdays(days) => days.contains(&Day::of(date)),
            Days::Dates(dates) => dates.contains(&date),
        }
    }

    fn check(&self, index: usize, faults: &mut Faults) {
        let days = match &self.days {
            Days::Weekdays(days) => days.len(),
            Days::Dates(dates) => dates.len(),
        };
        if days == 0 || days > Schedule::MAX_DAYS {
            faults.add(format!("runs.{index}.days"), format!("between 1 and {} days", Schedule::MAX_DAYS));
        }
        if self.slots.len() > Schedule::MAX_SLOTS {
            faults.add(format!("runs.{index}.slots"), format!("at most {} slots", Schedule::MAX_SLOTS));
        }
        self.check_rules(index, faults);
        check_slot(self.contact_hours.0, || format!("runs.{index}.contact_hours"), faults);
        for (number, slot) in self.slots.iter().enumerate().take(Schedule::MAX_SLOTS) {
            check_slot(*slot, || format!("runs.{index}.slots.{number}"), faults);
            if self.slots[..number].iter().any(|earlier| earlier.intersection(*slot).is_some()) {
                faults.add(format!("runs.{index}.slots.{number}"), "overlaps an earlier slot");
            }
        }
        if !self.slots.is_empty() && self.slots.iter().all(|slot| slot.intersection(self.contact_hours.0).is_none()) {
            faults.add(format!("runs.{index}.slots"), format!("none lies within {}", self.contact_hours.0));
        }
    }
}

impl Run {
    fn check_rules(&self, index: usize, faults: &mut Faults) {
        if self.channels.contains(&ChannelKind::Messaging) {
            faults.add(format!("runs.{index}.channels"), "this server sends no messages: leave it at calls");
        } else if self.channels.is_empty() {
            faults.add(format!("runs.{index}.channels"), "at least one channel");
        }
        if self.audience == Audience::IncompleteTasks {
            let fault = "nobody has tasks on this server: choose all_unfinished or never_answered";
            faults.add(format!("runs.{index}.audience"), fault);
        }
        let mut check = |field: &str, value: Option<u32>, range: RangeInclusive<u32>| {
            if value.is_some_and(|value| !range.contains(&value)) {
                let fault = format!("must be between {} and {}", range.start(), range.end());
                faults.add(format!("runs.{index}.{field}"), fault);
            }
        };
        check("max_retries", self.max_retries, Settings::MAX_RETRIES);
        check("callbacks.max_retries", self.callbacks.max_retries, Settings::MAX_RETRIES);
        check("callbacks.max_per_contact", self.callbacks.max_per_contact, 1..=50);
    }
}

struct Faults(Vec<ScheduleFault>);

impl Faults {
    fn add(&mut self, field: impl Into<String>, fault: impl Into<String>) {
        self.0.push(ScheduleFault { field: field.into(), fault: fault.into() });
    }
}

fn check_slot(slot: Slot, field: impl FnOnce() -> String, faults: &mut Faults) {
    let bounds = Slot::BOUNDS;
    if slot.start_min >= slot.end_min || slot.start_min < bounds.start_min || slot.end_min > bounds.end_min {
        faults.add(field(), format!("must start before it ends, within {bounds}"));
    }
}

fn one_run_on_all_days() -> Vec<Run> {
    vec![Run::default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_schedule_is_every_day_within_contact_hours() {
        let schedule: Schedule = serde_json::from_str(r#"{"time_zone": "Europe/Berlin"}"#).expect("well formed");
        assert_eq!(schedule.validate(), Ok(()));
        insta::assert_json_snapshot!(schedule);
    }

    #[test]
    fn faults_name_their_fields() {
        let schedule: Schedule = serde_json::from_str(
            r#"{"time_zone": "Europe/Nowhere", "period_start": "2026-10-02", "period_end": "2026-10-01",
                "runs": [
                    {"days": {"weekdays": ["mon", "tue"]}, "slots": [
                        {"start_min": 540, "end_min": 720}, {"start_min": 700, "end_min": 800},
                        {"start_min": 300, "end_min": 400}, {"start_min": 900, "end_min": 900},
                        {"start_min": 1000, "end_min": 1010}]},
                    {"days": {"weekdays": ["tue"]}, "slots": [{"start_min": 1300, "end_min": 1320}]},
                    {"days": {"dates": ["2026-10-05", "2026-10-07"]}},
                    {"days": {"dates": ["2026-10-07"]}},
                    {"days": {"dates": []}, "channels": ["messaging"]},
                    {"days": {"weekdays": ["sat"]}, "audience": "incomplete_tasks", "max_retries": 21,
                     "callbacks": {"max_per_contact": 0}}]}"#,
        )
        .expect("well formed");
        let faults: Vec<_> = schedule.validate().expect_err("full of faults").iter().map(ToString::to_string).collect();
        insta::assert_debug_snapshot!(faults);
    }

    #[test]
    fn a_day_finds_its_run() {
        let schedule: Schedule = serde_json::from_str(
            r#"{"time_zone": "UTC", "runs": [
                {"days": {"weekdays": ["mon"]}}, {"days": {"dates": ["2026-10-06"]}}]}"#,
        )
        .expect("well formed");
        let run = |day| schedule.run_on(jiff::civil::date(2026, 10, day)).map(|(index, _)| index);
        assert_eq!([run(5), run(6), run(7), run(12), run(13)], [Some(0), Some(1), None, Some(0), None]);
    }
}
