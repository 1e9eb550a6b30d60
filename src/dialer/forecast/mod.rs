//! The dialer in virtual time: what will happen, from a copy of what is.
//!
//! The [`ledger`] stands for the database: the engine runs against it as it does against SQL, because every decision is
//! taken by the same pure functions. A forecast lives through several futures that differ in how calls go, which is
//! drawn from how they went.
//!
//! Of a large campaign a part is simulated. Each of its contacts then stands for several: a dial takes as much of every
//! rate as they would, and channels in proportion; where there are fewer channels than that, it is up for longer.

pub mod experience;
pub mod ledger;
mod run;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use self::experience::Experience;
use self::ledger::{Ledger, Scale};
use crate::campaign::month::next_month;
use crate::campaign::states::BlockedReason;
use crate::campaign::wire::wire_enum;
use crate::dialer::pacing::Scope;
use crate::time::Now;

/// How much is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Most contacts of the campaign asked about.
    pub contacts: usize,
    /// Most contacts of each other campaign.
    pub others: usize,
    /// Contacts of all futures together: fewer contacts have more futures.
    pub work: usize,
}

impl Default for Extent {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl Extent {
    /// Who asks what will happen can wait for it.
    pub const WHOLE: Self = Self { contacts: 20_000, others: 2_000, work: 60_000 };
    /// Who starts a campaign cannot.
    pub const QUICK: Self = Self { contacts: 2_000, others: 500, work: 10_000 };

    /// How many futures are lived through: an odd number, so that one of them is the median.
    #[must_use]
    pub const fn futures(&self, contacts: usize) -> u64 {
        let contacts = if contacts == 0 { 1 } else { contacts };
        let futures = self.work / contacts;
        let futures = if futures < 3 {
            3
        } else if futures > 21 {
            21
        } else {
            futures
        };
        (futures as u64 - 1) / 2 * 2 + 1
    }
}

/// The minutes of an organisation's plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minutes {
    /// Of a calendar month.
    pub most: Duration,
    /// Used of the present one.
    pub used: Duration,
}

/// What a forecast is made from.
#[derive(Clone, Debug)]
pub struct Plan {
    /// When it begins.
    pub now: Now,
    /// A copy of the organisation: the campaign asked about and those that share its limits.
    pub ledger: Ledger,
    /// Position of the campaign asked about.
    pub campaign: usize,
    /// How calls go, for each campaign.
    pub experience: Vec<Experience>,
    /// Positions of targets that no window reaches before the period ends.
    pub windowless: BTreeSet<usize>,
    /// Contacts that are not simulated because no dial comes to them by itself.
    pub unreached: BTreeMap<Unreached, u64>,
    /// The minutes of the organisation's plan, if it has a limit that is to hold.
    pub minutes: Option<Minutes>,
    /// Futures to live through; at least one is.
    pub futures: u64,
}

impl Plan {
    /// When the month ends in which the forecast is made.
    fn month_ends(&self) -> Timestamp {
        next_month(self.now.wall).unwrap_or(Timestamp::MAX)
    }
}

/// Somebody said stop, or time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the forecast took too long")]
pub struct Stopped;

wire_enum! {
    /// What keeps a campaign from going faster.
    pub enum Holding is "limit of a forecast" {
        /// Its own calls per minute.
        Pace = "pace",
        /// Its own simultaneous calls.
        Concurrency = "concurrency",
        /// The trunk's calls per minute.
        TrunkPace = "trunk_pace",
        /// The trunk's channels.
        TrunkConcurrency = "trunk_concurrency",
        /// The organisation's calls per minute.
        OrganisationPace = "organisation_pace",
        /// The organisation's simultaneous calls.
        OrganisationConcurrency = "organisation_concurrency",
        /// The caller ID's calls per minute.
        CallerIdPace = "caller_id_pace",
        /// The caller ID's simultaneous calls.
        CallerIdConcurrency = "caller_id_concurrency",
        /// What the organisation's calls of a day may cost.
        SpendCap = "spend_cap",
        /// The minutes of the organisation's month are used up.
        QuotaMinutes = "quota_minutes",
        /// What the servers have room for.
        Capacity = "capacity",
        /// Everybody who is left is outside their hours.
        Windows = "windows",
        /// Everybody who is left waits for a retry or a callback.
        Retry = "retry",
        /// The last calls are going on.
        LastCalls = "last_calls",
    }
}

impl Holding {
    const fn limit(scope: Scope, paced: bool) -> Self {
        match (scope, paced) {
            (Scope::Campaign, true) => Self::Pace,
            (Scope::Campaign, false) => Self::Concurrency,
            (Scope::Trunk, true) => Self::TrunkPace,
            (Scope::Trunk, false) => Self::TrunkConcurrency,
            (Scope::Organisation, true) => Self::OrganisationPace,
            (Scope::Organisation, false) => Self::OrganisationConcurrency,
            // A forecast counts no days of numbers: only a claim does.
            (Scope::CallerId, true) | (Scope::CallerDay, _) => Self::CallerIdPace,
            (Scope::CallerId, false) => Self::CallerIdConcurrency,
            (Scope::Spend, _) => Self::SpendCap,
            (Scope::Node | Scope::Providers, _) => Self::Capacity,
        }
    }

    /// For a person.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Pace => "the campaign's calls per minute",
            Self::Concurrency => "the campaign's calls at once",
            Self::TrunkPace => "the trunk's calls per minute",
            Self::TrunkConcurrency => "the trunk's channels",
            Self::OrganisationPace => "the organisation's calls per minute",
            Self::OrganisationConcurrency => "the organisation's calls at once",
            Self::CallerIdPace => "calls per minute from its number",
            Self::CallerIdConcurrency => "calls at once from its number",
            Self::SpendCap => "what calls may cost in a day",
            Self::QuotaMinutes => "the minutes of the month are used up",
            Self::Capacity => "what the servers have room for",
            Self::Windows => "everybody who is left is outside their hours",
            Self::Retry => "everybody who is left waits for a retry or a callback",
            Self::LastCalls => "the last calls go on",
        }
    }
}

/// Why somebody is never called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unreached {
    /// The gate refuses them.
    Blocked(BlockedReason),
    /// No window of theirs opens before the period ends.
    NoWindow,
    /// The period ends before it is their turn.
    PeriodEnd,
    /// Somebody has to take them in.
    Preselection,
    /// A person holds them.
    Suspended,
    /// Not within the time that is looked at.
    Horizon,
}

impl Unreached {
    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocked(reason) => reason.as_str(),
            Self::NoWindow => "no_window",
            Self::PeriodEnd => "period_end",
            Self::Preselection => "preselection",
            Self::Suspended => "suspended",
            Self::Horizon => "horizon",
        }
    }

    /// For a person.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Blocked(BlockedReason::Dnc) => "on a suppression list",
            Self::Blocked(BlockedReason::OptedOut) => "asked not to be called",
            Self::Blocked(BlockedReason::InvalidNumber) => "the number cannot be called",
            Self::Blocked(BlockedReason::EmptyPhone) => "no number",
            Self::Blocked(BlockedReason::InvalidTimezone) => "no time zone that can be told",
            Self::Blocked(BlockedReason::PremiumNumber) => "the number costs more than a call should",
            Self::Blocked(BlockedReason::Law) => "the law or the quiet hours allow none of the campaign's times",
            Self::Blocked(BlockedReason::FrequencyCap) => "called as often as is allowed",
            Self::Blocked(BlockedReason::NoConsent) => "no consent on record",
            Self::Blocked(BlockedReason::CountryNotAllowed) => "a country that is not called",
            Self::Blocked(BlockedReason::SatelliteNumber) => "a satellite or international number",
            Self::Blocked(BlockedReason::AlreadySigned) => "signed already",
            Self::Blocked(BlockedReason::TasksComplete) => "nothing is left to ask",
            Self::NoWindow => "no calling window of theirs opens before the period ends",
            Self::PeriodEnd => "the period ends before it is their turn",
            Self::Preselection => "not taken in yet",
            Self::Suspended => "suspended by a person",
            Self::Horizon => "not within the 400 days that are looked at",
        }
    }
}

/// What happens in an hour.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Hour {
    /// Dials.
    pub dials: f64,
    /// Dials that somebody or something answered.
    pub answered: f64,
    /// Minutes of calls that were answered.
    pub minutes: f64,
    /// Seconds that each limit held the campaign.
    pub held: BTreeMap<Holding, f64>,
}

impl Hour {
    /// What held the campaign for the longest part of it.
    #[must_use]
    pub fn held_most(&self) -> Option<Holding> {
        self.held.iter().max_by(|one, other| one.1.total_cmp(other.1)).map(|(&holding, _)| holding)
    }
}

/// What will happen, as far as it can be known.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// When it was made.
    pub at: Timestamp,
    /// When the campaign is done: the median of all futures; none when most of them do not end.
    pub done: Option<Timestamp>,
    /// One future in ten is done before the first moment, and one after the second; none when that one does not end.
    pub spread: (Option<Timestamp>, Option<Timestamp>),
    /// Dials, answers and minutes of each hour that has any, on average; the key is the beginning of the hour.
    pub hours: BTreeMap<Timestamp, Hour>,
    /// Minutes of answered calls that are needed: the median.
    pub minutes: f64,
    /// Those of them that are needed before the month is over: the median.
    pub minutes_this_month: f64,
    /// Minutes that the organisation's plan has left of this month; none without a limit.
    pub minutes_left: Option<f64>,
    /// Who is never called, by reason, on average.
    pub unreached: BTreeMap<Unreached, f64>,
    /// For how many contacts one of those stands who were simulated.
    pub scale: f64,
    /// How many of the campaign's own dials it was learnt from.
    pub learnt_from: usize,
    /// Futures that were lived through.
    pub futures: u64,
}

impl Forecast {
    /// Dials in all.
    #[must_use]
    pub fn dials(&self) -> f64 {
        self.hours.values().map(|hour| hour.dials).sum()
    }

    /// Dials that somebody or something answers.
    #[must_use]
    pub fn answered(&self) -> f64 {
        self.hours.values().map(|hour| hour.answered).sum()
    }

    /// The hours in which anything happens.
    pub fn busy_hours(&self) -> impl Iterator<Item = (&Timestamp, &Hour)> {
        self.hours.iter().filter(|(_, hour)| hour.dials >= 0.05 || hour.answered >= 0.05)
    }

    /// What share of the time each limit holds the campaign, from 0 to 1.
    #[must_use]
    pub fn shares(&self) -> BTreeMap<Holding, f64> {
        let mut shares: BTreeMap<Holding, f64> = BTreeMap::new();
        for (&holding, &seconds) in self.hours.values().flat_map(|hour| &hour.held) {
            *shares.entry(holding).or_default() += seconds;
        }
        let all: f64 = shares.values().sum();
        shares.into_iter().map(|(holding, seconds)| (holding, seconds / all.max(f64::MIN_POSITIVE))).collect()
    }
}

/// For how many contacts each of `simulated` stands in a campaign of `contacts` that may have `most_calls` at one time.
#[must_use]
pub fn scale(contacts: u64, simulated: usize, most_calls: u32) -> Scale {
    if simulated == 0 || contacts <= simulated as u64 {
        return Scale::WHOLE;
    }
    let dials = contacts as f64 / simulated as f64;
    // At least eight calls at one time, so that one of them is not the whole campaign.
    let channels = (most_calls / 8).clamp(1, dials as u32);
    Scale { dials, channels }
}

/// Lives through several futures; `stop` is asked now and then whether there is no more time.
///
/// # Errors
/// When `stop` said so before one of them was over.
pub fn forecast(plan: &Plan, stop: &dyn Fn() -> bool) -> Result<Forecast, Stopped> {
    let mut futures = Vec::new();
    for seed in 0..plan.futures.max(1) {
        let future = if stop() { Err(Stopped) } else { run::run(plan, seed, stop) };
        match future {
            Ok(future) => futures.push(future),
            // What is known of some futures is worth more than nothing.
            Err(Stopped) if !futures.is_empty() => break,
            Err(stopped) => return Err(stopped),
        }
    }
    Ok(sum_up(plan, futures))
}

fn sum_up(plan: &Plan, mut futures: Vec<run::Future>) -> Forecast {
    let count = futures.len();
    let mut hours: BTreeMap<Timestamp, Hour> = BTreeMap::new();
    let mut unreached: BTreeMap<Unreached, f64> =
        plan.unreached.iter().map(|(&why, &contacts)| (why, contacts as f64)).collect();
    let share = 1.0 / count as f64;
    for future in &futures {
        for (&hour, what) in &future.hours {
            let Ok(begins) = Timestamp::from_second(hour * 3600) else { continue };
            let entry = hours.entry(begins).or_default();
            entry.dials += what.dials * share;
            entry.answered += what.answered * share;
            entry.minutes += what.minutes * share;
            for (&holding, &seconds) in &what.held {
                *entry.held.entry(holding).or_default() += seconds * share;
            }
        }
        for (&why, &contacts) in &future.unreached {
            *unreached.entry(why).or_default() += contacts * share;
        }
    }
    let total = |future: &run::Future| future.hours.values().map(|hour| hour.minutes).sum::<f64>();
    let minutes = median(futures.iter().map(total));
    let minutes_this_month = median(futures.iter().map(|future| future.minutes_this_month));
    // Whoever never ends comes last.
    futures.sort_by_key(|future| future.done.unwrap_or(Timestamp::MAX));
    let done = futures[count / 2].done;
    let spread = (futures[(count - 1) / 10].done, futures[(count - 1) * 9 / 10].done);
    Forecast {
        at: plan.now.wall,
        done,
        spread,
        hours,
        minutes,
        minutes_this_month,
        minutes_left: plan.minutes.map(|Minutes { most, used }| most.saturating_sub(used).as_secs_f64() / 60.0),
        unreached,
        scale: plan.ledger.campaigns[plan.campaign].scale.dials,
        learnt_from: plan.experience[plan.campaign].known(),
        futures: count as u64,
    }
}

/// The middle one of at least one.
fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
