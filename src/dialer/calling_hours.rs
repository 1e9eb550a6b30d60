//! When a contact may be rung: the run's slots, the contact's own hours, the campaign's period, the organisation's hours and
//! the law, all at once.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

use crate::campaign::law::Rule;
use crate::campaign::law::policy::{Bounds, intersect};
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
    bounds: Arc<Bounds>,
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

/// What keeps a moment shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutBy {
    /// The campaign's own days and times, or its period.
    Window,
    /// A legal rule.
    Law(&'static Rule),
    /// The organisation's hours.
    Quiet,
}

/// Which of a run's times a zone has to respect.
#[derive(Clone, Copy)]
enum Part {
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

    /// Resolves the schedule's zone and its slots. What stands above them is what a new organisation has, until
    /// [`within`](Self::within) says otherwise.
    ///
    /// # Errors
    /// When the campaign's zone is unknown.
    pub fn new(schedule: &Schedule, mode: TzMode) -> Result<Self, UnknownZone> {
        let zone = zone_named(&schedule.time_zone)?;
        let midnight = |date: Date| instant(&zone, date.to_datetime(jiff::civil::Time::midnight()));
        let opens = schedule.period_start.and_then(midnight);
        let closes = schedule.period_end.and_then(|last| last.checked_add(1.day()).ok()).and_then(midnight);
        let slots = schedule.runs.iter().map(RunSlots::new).collect();
        Ok(Self { schedule: schedule.clone(), mode, opens, closes, slots, zone, bounds: Arc::default() })
    }

    /// The same hours within those of an organisation and the law.
    #[must_use]
    pub fn within(self, bounds: Bounds) -> Self {
        Self { bounds: Arc::new(bounds), ..self }
    }

    /// What stands above the schedule.
    #[must_use]
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
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
        self.search(zones, from, ring, true)
    }

    /// [`next`](Self::next) by the campaign's own days and times alone, as if nothing stood above them.
    #[must_use]
    pub fn next_of_its_own(&self, zones: &Zones, from: Timestamp, ring: Duration) -> Opening {
        self.search(zones, from, ring, false)
    }

    /// What keeps a moment shut; none when it is open. The campaign's own times are named before the law, and the law
    /// before the organisation's hours.
    #[must_use]
    pub fn shut_by(&self, zones: &Zones, at: Timestamp) -> Option<ShutBy> {
        let in_period = self.opens.is_none_or(|opens| opens <= at) && self.closes.is_none_or(|closes| at < closes);
        let open = |zone: &TimeZone, slots: &dyn Fn(Date) -> Vec<Slot>| {
            let date = zone.to_datetime(at).date();
            slots(date)
                .into_iter()
                .filter_map(|slot| span_of(zone, date, slot))
                .any(|span| span.start <= at && at < span.end)
        };
        let own = |part| move |date| self.slots_on(date, part).to_vec();
        if !in_period || !self.constraints(zones).all(|(zone, part)| open(zone, &own(part))) {
            return Some(ShutBy::Window);
        }
        let forbids =
            |rule: &Rule| zones.as_slice().iter().any(|zone| !open(zone, &|date| rule.slots_on(date).to_vec()));
        if let Some(rule) = zones.law().iter().find(|rule| forbids(rule)) {
            return Some(ShutBy::Law(rule));
        }
        let quiet = |date| {
            let mut slots = vec![WHOLE_DAY];
            self.bounds.quieten(&mut slots, date);
            slots
        };
        (!zones.as_slice().iter().all(|zone| open(zone, &quiet))).then_some(ShutBy::Quiet)
    }

    fn search(&self, zones: &Zones, from: Timestamp, ring: Duration, bounded: bool) -> Opening {
        let mut at = self.opens.map_or(from, |opens| opens.max(from));
        let horizon = at + Duration::from_secs(86_400) * Self::HORIZON_DAYS.unsigned_abs();
        'search: while at <= horizon {
            let mut closes = self.closes.unwrap_or(Timestamp::MAX);
            if closes <= at || since(at, closes) < ring {
                return Opening::PeriodOver;
            }
            for (zone, part) in self.constraints(zones) {
                let law = bounded.then(|| zones.law());
                let Some(span) = self.span(zone, part, law, at, ring) else {
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

    fn constraints<'a>(&'a self, zones: &'a Zones) -> impl Iterator<Item = (&'a TimeZone, Part)> {
        let (campaign, contact) = match self.mode {
            TzMode::ContactLocal => (None, Part::Both),
            TzMode::Campaign => (Some((&self.zone, Part::Own)), Part::Contact),
        };
        campaign.into_iter().chain(zones.as_slice().iter().map(move |zone| (zone, contact)))
    }

    /// The span of one zone that holds `at` with room for the ring, or the next one after it that has the room.
    /// Without `law` nothing counts that stands above the schedule.
    fn span(
        &self,
        zone: &TimeZone,
        part: Part,
        law: Option<&[&'static Rule]>,
        at: Timestamp,
        ring: Duration,
    ) -> Option<Span> {
        let mut date = zone.to_datetime(at).date();
        for _ in 0..=Self::HORIZON_DAYS {
            for slot in self.allowed_on(date, part, law) {
                let span = span_of(zone, date, slot)?;
                let start = span.start.max(at);
                if start < span.end && since(start, span.end) >= ring {
                    return Some(Span { start, end: span.end });
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The times of a date that the schedule, the law and the organisation all allow.
    fn allowed_on(&self, date: Date, part: Part, law: Option<&[&'static Rule]>) -> Vec<Slot> {
        let mut slots = self.slots_on(date, part).to_vec();
        // What protects a contact holds on the contact's clock.
        let protects = match part {
            Part::Own => false,
            Part::Contact | Part::Both => true,
        };
        if let Some(law) = law.filter(|_| protects && !slots.is_empty()) {
            for rule in law {
                intersect(&mut slots, rule.slots_on(date));
            }
            self.bounds.quieten(&mut slots, date);
        }
        slots
    }

    fn slots_on(&self, date: Date, part: Part) -> &[Slot] {
        let slots = self.schedule.run_on(date).and_then(|(index, _)| self.slots.get(index));
        match (slots, part) {
            (Some(slots), Part::Own) => &slots.own,
            (Some(slots), Part::Contact) => &slots.contact,
            (Some(slots), Part::Both) => &slots.both,
            // The campaign's day can reach into a date of the contact's that no run names; people's hours still hold.
            (None, Part::Contact) => &USUAL,
            (None, Part::Own | Part::Both) => &[],
        }
    }
}

const USUAL: [Slot; 1] = [Slot { start_min: 8 * 60, end_min: 21 * 60 }];
const WHOLE_DAY: Slot = Slot { start_min: 0, end_min: 24 * 60 };

fn span_of(zone: &TimeZone, date: Date, slot: Slot) -> Option<Span> {
    Some(Span { start: instant(zone, wall(date, slot.start_min)?)?, end: instant(zone, wall(date, slot.end_min)?)? })
}

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

/// The time of a date's minute; 24:00 is the next date's midnight.
fn wall(date: Date, minute: u16) -> Option<DateTime> {
    if minute >= 24 * 60 {
        return date.tomorrow().ok().map(|next| next.at(0, 0, 0, 0));
    }
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    Some(date.at(hour, minute, 0, 0))
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
