//! When a contact may be rung: the run's slots, the contact's own hours and the campaign's period, all at once.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

use crate::campaign::run::{ContactHours, Schedule, Slot};
use crate::campaign::settings::TzMode;
use crate::campaign::zone::{UnknownZone, Zones, zone_named};
use crate::id::RunId;

/// A schedule made ready for questions: zones resolved, slots sorted.
#[derive(Clone, Debug)]
pub struct CallingHours {
    schedule: Schedule,
    zone: TimeZone,
    mode: TzMode,
    opens: Option<Timestamp>,
    closes: Option<Timestamp>,
    /// Per run.
    slots: Vec<RunSlots>,
}

/// The answer to "when next?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A ring may start at `from` and must have started before `until`, so that it can end within the window.
    At {
        /// The asked moment, or the first allowed one after it.
        from: Timestamp,
        /// The last moment at which a ring still ends before the window closes.
        until: Timestamp,
    },
    /// The campaign's period ends first.
    PeriodOver,
    /// No day within a year has a time that is allowed.
    Never,
}

impl Opening {
    /// When the ring may start, if ever.
    #[must_use]
    pub const fn from(self) -> Option<Timestamp> {
        match self {
            Self::At { from, .. } => Some(from),
            Self::PeriodOver | Self::Never => None,
        }
    }
}

#[derive(Clone, Debug)]
struct RunSlots {
    /// The run's own times.
    own: Vec<Slot>,
    /// The contact's hours.
    contact: Vec<Slot>,
    /// What both allow, for the usual case that one clock rules both.
    both: Vec<Slot>,
}

/// Which of a run's times a zone has to respect.
#[derive(Clone, Copy)]
enum Rule {
    Own,
    Contact,
    Both,
}

/// An open interval of time around or after the asked moment.
struct Span {
    start: Timestamp,
    end: Timestamp,
}

impl CallingHours {
    /// A schedule seen a year ahead answers [`Opening::Never`].
    const HORIZON_DAYS: i32 = 366;

    /// Resolves the schedule's zone and its slots.
    ///
    /// # Errors
    /// When the campaign's zone is unknown.
    pub fn new(schedule: &Schedule, mode: TzMode) -> Result<Self, UnknownZone> {
        let zone = zone_named(&schedule.time_zone)?;
        let midnight = |date: Date| instant(&zone, date.to_datetime(jiff::civil::Time::midnight()));
        let opens = schedule.period_start.and_then(midnight);
        let closes = schedule.period_end.and_then(|last| last.checked_add(1.day()).ok()).and_then(midnight);
        let slots = schedule.runs.iter().map(RunSlots::new).collect();
        Ok(Self { schedule: schedule.clone(), mode, opens, closes, slots, zone })
    }

    /// The campaign's zone.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// When the period ends, if it does.
    #[must_use]
    pub const fn period_end(&self) -> Option<Timestamp> {
        self.closes
    }

    /// The first moment from `from` on at which a contact in `zones` may be rung for `ring`.
    ///
    /// Every zone's window has to be open from the moment found until the ring would end: a ring that would start
    /// later than `ring` before closing is not started.
    #[must_use]
    pub fn next(&self, zones: &Zones, from: Timestamp, ring: Duration) -> Opening {
        let mut at = self.opens.map_or(from, |opens| opens.max(from));
        let horizon = at + Duration::from_secs(86_400) * Self::HORIZON_DAYS.unsigned_abs();
        'search: while at <= horizon {
            let mut closes = self.closes.unwrap_or(Timestamp::MAX);
            if closes <= at || since(at, closes) < ring {
                return Opening::PeriodOver;
            }
            for (zone, rule) in self.constraints(zones) {
                let Some(span) = self.span(zone, rule, at, ring) else {
                    return Opening::Never;
                };
                if span.start > at {
                    at = span.start;
                    continue 'search;
                }
                closes = closes.min(span.end);
            }
            return Opening::At { from: at, until: closes - ring };
        }
        Opening::Never
    }

    /// The run whose day it is for a contact in `zones`.
    #[must_use]
    pub fn run_at(&self, zones: &Zones, at: Timestamp) -> Option<RunId> {
        let zone = match self.mode {
            TzMode::ContactLocal => zones.as_slice().first()?,
            TzMode::Campaign => &self.zone,
        };
        self.schedule.run_on(zone.to_datetime(at).date()).and_then(|(_, run)| run.id)
    }

    fn constraints<'a>(&'a self, zones: &'a Zones) -> impl Iterator<Item = (&'a TimeZone, Rule)> {
        let (campaign, contact) = match self.mode {
            TzMode::ContactLocal => (None, Rule::Both),
            TzMode::Campaign => (Some((&self.zone, Rule::Own)), Rule::Contact),
        };
        campaign.into_iter().chain(zones.as_slice().iter().map(move |zone| (zone, contact)))
    }

    /// The span of one zone that holds `at` with room for the ring, or the next one after it that has the room.
    fn span(&self, zone: &TimeZone, rule: Rule, at: Timestamp, ring: Duration) -> Option<Span> {
        let mut date = zone.to_datetime(at).date();
        for _ in 0..=Self::HORIZON_DAYS {
            for slot in self.slots_on(date, rule) {
                let span = Span {
                    start: instant(zone, wall(date, slot.start_min))?,
                    end: instant(zone, wall(date, slot.end_min))?,
                };
                let start = span.start.max(at);
                if start < span.end && since(start, span.end) >= ring {
                    return Some(Span { start, end: span.end });
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn slots_on(&self, date: Date, rule: Rule) -> &[Slot] {
        let slots = self.schedule.run_on(date).and_then(|(index, _)| self.slots.get(index));
        match (slots, rule) {
            (Some(slots), Rule::Own) => &slots.own,
            (Some(slots), Rule::Contact) => &slots.contact,
            (Some(slots), Rule::Both) => &slots.both,
            // The campaign's day can reach into a date of the contact's that no run names; the law's hours still hold.
            (None, Rule::Contact) => &LAWFUL,
            (None, Rule::Own | Rule::Both) => &[],
        }
    }
}

const LAWFUL: [Slot; 1] = [Slot { start_min: 8 * 60, end_min: 21 * 60 }];

impl RunSlots {
    fn new(run: &crate::campaign::run::Run) -> Self {
        let ContactHours(contact) = run.contact_hours;
        let mut own = run.slots.clone();
        if own.is_empty() {
            own.push(contact);
        }
        own.sort_unstable();
        let both = own.iter().filter_map(|slot| slot.intersection(contact)).collect();
        Self { own, contact: vec![contact], both }
    }
}

fn wall(date: Date, minute: u16) -> DateTime {
    // Slots end at 23:00 at the latest, so the hour is below 24 by validation; a wrong one closes the slot.
    let hour = i8::try_from(minute / 60).unwrap_or(0).min(23);
    let minute = i8::try_from(minute % 60).unwrap_or(0);
    date.at(hour, minute, 0, 0)
}

/// The instant of a wall time: the first of two when clocks go back, the first one after the gap when they go forward;
/// none beyond the range of instants.
#[must_use]
pub fn instant(zone: &TimeZone, wall: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(wall);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall).ok(),
        AmbiguousOffset::Gap { after, .. } => {
            let before_gap = after.to_timestamp(wall).ok()?;
            zone.following(before_gap).next().map(|transition| transition.timestamp())
        }
    }
}

fn since(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests;
