//! Rounds: each run of a campaign opens one, on its first day, for those whom earlier runs did not finish.
//!
//! ```text
//! first day of run A     first day of run B          first day of run C
//! ──┬────────────────────┬───────────────────────────┬──────────────────►
//!   round 1: everybody   round 2: unfinished or      round 3 …
//!                        failed, if B means them
//! ```
//!
//! A round has a retry budget of its own. The hours are those of all runs, each on its own days: a run's later days go
//! on with the round that is open.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::run::{Days, Run, Schedule};
use crate::campaign::settings::UnknownPolicy;
use crate::campaign::states::TargetState;
use crate::campaign::wire::wire_enum;
use crate::dialer::calling_hours::instant;
use crate::id::RunId;

wire_enum! {
    /// Whom a run calls of those whom earlier runs did not finish.
    pub enum Audience is "audience" {
        /// Everybody who is not finished, and everybody who failed.
        AllUnfinished = "all_unfinished",
        /// Those of them who never answered a call of this campaign in person.
        NeverAnswered = "never_answered",
        /// Those of them with open tasks.
        IncompleteTasks = "incomplete_tasks",
    }
}

wire_enum! {
    /// What a run does on its days.
    pub enum ChannelKind is "channel" {
        /// Calls by the assistant.
        Calls = "calls",
        /// Text messages and e-mail.
        Messaging = "messaging",
    }
}

wire_enum! {
    /// What becomes of a callback that is wished for outside the hours.
    pub enum OutsideHours is "rule for callbacks outside the hours" {
        /// The agent offers the next allowed time and asks.
        Ask = "ask",
        /// It is moved to the next allowed time.
        Move = "move",
    }
}

/// How a run deals with people who ask to be called back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallbackRules {
    /// Whether callbacks are arranged at all.
    pub enabled: bool,
    /// Most callbacks of one contact in a round, 1 to 50; none = no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_per_contact: Option<u32>,
    /// Dials after the first one of a callback, 0 to 20; none = as many as the round has retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    /// What becomes of a wish outside the hours.
    pub outside_hours: OutsideHours,
}

impl Default for CallbackRules {
    fn default() -> Self {
        Self { enabled: true, max_per_contact: None, max_retries: None, outside_hours: OutsideHours::Ask }
    }
}

/// A round that a run has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The run.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
}

/// The rounds of a campaign: those opened, and those to come.
#[derive(Clone, Copy, Debug)]
pub struct Rounds<'a> {
    schedule: &'a Schedule,
    opened: &'a [Opened],
    /// The first day that counts.
    since: Date,
    today: Date,
}

impl<'a> Rounds<'a> {
    /// The rounds, as they are `now`, of a campaign that was started at `started` and whose days are those of `zone`.
    #[must_use]
    pub fn new(
        schedule: &'a Schedule,
        opened: &'a [Opened],
        zone: &TimeZone,
        started: Timestamp,
        now: Timestamp,
    ) -> Self {
        let (started, today) = (zone.to_datetime(started).date(), zone.to_datetime(now).date());
        let since = schedule.period_start.map_or(started, |start| start.max(started));
        Self { schedule, opened, since, today }
    }

    /// The runs whose first day has come and whose round is not open yet, in the order of those days.
    #[must_use]
    pub fn due(&self) -> Vec<RunId> {
        let mut due: Vec<_> = self.to_come().filter(|(first, _)| *first <= self.today).collect();
        due.sort_by_key(|(first, _)| *first);
        due.into_iter().filter_map(|(_, run)| run.id).collect()
    }

    /// The runs whose round is not open yet and that have a day left within the period, with their first days.
    pub fn to_come(&self) -> impl Iterator<Item = (Date, &'a Run)> {
        let opened: BTreeSet<_> = self.opened.iter().map(|opened| opened.run).collect();
        let (since, today, last) = (self.since, self.today, self.schedule.period_end);
        self.schedule.runs.iter().filter_map(move |run| {
            let unopened = run.id.is_none_or(|id| !opened.contains(&id));
            let left = first_day(run, since.max(today)).filter(|day| last.is_none_or(|last| *day <= last));
            left.filter(|_| unopened).and_then(|_| first_day(run, since)).map(|first| (first, run))
        })
    }

    /// When the next round opens after `now`: midnight of its first day on the clock of `zone`.
    #[must_use]
    pub fn next_opening(&self, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        let midnight = |first: Date| instant(zone, first.to_datetime(jiff::civil::Time::midnight()));
        self.to_come().filter_map(|(first, _)| midnight(first)).filter(|at| *at > now).min()
    }
}

/// The first of a run's days from `since` on.
fn first_day(run: &Run, since: Date) -> Option<Date> {
    match &run.days {
        Days::Weekdays(_) => (0..7).filter_map(|days| since.checked_add(days.days()).ok()).find(|&date| run.has(date)),
        Days::Dates(dates) => dates.range(since..).next().copied(),
    }
}

/// Whether a round of this audience is opened for a target that rests or waits in `state`. Who can have been rung with
/// an outcome that nobody knows is left to a person, as the policy says.
#[must_use]
pub fn means(
    audience: Audience,
    state: TargetState,
    answered: bool,
    last_reason: Option<DisconnectionReason>,
    policy: UnknownPolicy,
) -> bool {
    let unfinished = match state {
        TargetState::Waiting | TargetState::Ready | TargetState::Callback | TargetState::Suspended => true,
        TargetState::Failed => {
            last_reason != Some(DisconnectionReason::OutcomeUnknown) || policy == UnknownPolicy::RetryAfterDelay
        }
        TargetState::New
        | TargetState::Rejected
        | TargetState::InProgress
        | TargetState::Done
        | TargetState::Blocked
        | TargetState::Expired
        | TargetState::Removed => false,
    };
    unfinished
        && match audience {
            Audience::AllUnfinished => true,
            Audience::NeverAnswered => !answered,
            // Nobody has tasks.
            Audience::IncompleteTasks => false,
        }
}

impl Schedule {
    /// Gives every run an id: the one it has, if it is one of `before`; else that of the run in the same place; else a
    /// fresh one.
    pub fn name_runs(&mut self, before: Option<&Self>, mut fresh: impl FnMut() -> RunId) {
        let known: Vec<_> = before.map(|before| before.runs.iter().map(|run| run.id).collect()).unwrap_or_default();
        let mut used = BTreeSet::new();
        for run in &mut self.runs {
            run.id = run.id.filter(|id| known.contains(&Some(*id)) && used.insert(*id));
        }
        for (index, run) in self.runs.iter_mut().enumerate() {
            let in_place = known.get(index).copied().flatten().filter(|id| !used.contains(id));
            let id = run.id.or(in_place).unwrap_or_else(&mut fresh);
            used.insert(id);
            run.id = Some(id);
        }
    }

    /// The run with this id.
    #[must_use]
    pub fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == Some(id))
    }

    /// Days before `today` that `after` gives to another run, takes from one or adds: they are history.
    #[must_use]
    pub fn rewritten_days(&self, after: &Self, today: Date) -> Vec<Date> {
        let past = |schedule: &Self| -> BTreeSet<(Date, Option<RunId>)> {
            let days = |run: &Run| match &run.days {
                Days::Weekdays(_) => Vec::new(),
                Days::Dates(dates) => dates.range(..today).map(|date| (*date, run.id)).collect(),
            };
            schedule.runs.iter().flat_map(days).collect()
        };
        past(self)
            .symmetric_difference(&past(after))
            .map(|(date, _)| *date)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    /// Run 1 on Mondays and Tuesdays, run 2 on Wednesdays, run 3 on two dates, with ids 1 to 3.
    fn schedule() -> Schedule {
        let mut schedule: Schedule = serde_json::from_str(
            r#"{"time_zone": "Europe/Berlin", "period_start": "2026-10-05", "period_end": "2026-10-31", "runs": [
                {"days": {"weekdays": ["mon", "tue"]}}, {"days": {"weekdays": ["wed"]}},
                {"days": {"dates": ["2026-10-02", "2026-10-09", "2026-10-16"]}}]}"#,
        )
        .expect("well formed");
        let mut next = 0;
        schedule.name_runs(None, || {
            next += 1;
            RunId::from_u128(next)
        });
        schedule
    }

    fn berlin() -> TimeZone {
        crate::campaign::zone::zone_named("Europe/Berlin").expect("a zone")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn each_run_opens_once_on_its_first_day() {
        let schedule = schedule();
        let mut opened: Vec<Opened> = Vec::new();
        let mut days = Vec::new();
        let mut today = date(2026, 10, 1);
        while today <= date(2026, 10, 31) {
            let now = berlin().to_timestamp(today.at(10, 0, 0, 0)).expect("an instant");
            let rounds = Rounds::new(&schedule, &opened, &berlin(), at("2026-10-01T08:00:00Z"), now);
            for run in rounds.due() {
                days.push((today.day(), run));
                opened.push(Opened { run, at: at("2026-10-01T08:00:00Z") });
            }
            today = today.tomorrow().expect("a day");
        }
        let want = [(5, 1), (7, 2), (9, 3)].map(|(day, run)| (day, RunId::from_u128(run)));
        assert_eq!(days, want, "no day before the period counts, and none is a first day twice");
    }

    #[test]
    fn a_late_start_opens_what_is_due_in_the_order_of_the_first_days() {
        let schedule = schedule();
        let started = at("2026-10-06T22:30:00Z");
        let on = |now| Rounds::new(&schedule, &[], &berlin(), started, at(now));
        let wednesday = on("2026-10-06T22:31:00Z");
        assert_eq!(wednesday.due(), [RunId::from_u128(2)], "in Berlin it is Wednesday");
        let next = wednesday.next_opening(&berlin(), at("2026-10-07T10:00:00Z"));
        assert_eq!(next, Some(at("2026-10-08T22:00:00Z")));
        let late = on("2026-10-20T10:00:00Z");
        assert_eq!(late.due(), [2, 1].map(RunId::from_u128), "a run whose days have all passed opens no more");
        assert_eq!(on("2026-11-01T10:00:00Z").to_come().count(), 0, "the period is over");
    }

    #[test]
    fn audiences_tell_who_is_meant() {
        use DisconnectionReason as R;
        let hold = UnknownPolicy::Hold;
        let failed = |audience, answered, reason| means(audience, TargetState::Failed, answered, Some(reason), hold);
        assert!(failed(Audience::AllUnfinished, true, R::VoicemailReached));
        assert!(failed(Audience::NeverAnswered, false, R::DialNoAnswer));
        assert!(!failed(Audience::NeverAnswered, true, R::DialNoAnswer));
        assert!(!failed(Audience::AllUnfinished, false, R::OutcomeUnknown), "that is a person's to decide");
        let retry = UnknownPolicy::RetryAfterDelay;
        assert!(means(Audience::AllUnfinished, TargetState::Failed, false, Some(R::OutcomeUnknown), retry));
        for &state in TargetState::ALL.iter().filter(|state| state.is_final() && **state != TargetState::Failed) {
            assert!(!means(Audience::AllUnfinished, state, false, None, hold), "{state}");
        }
    }

    #[test]
    fn runs_keep_their_ids_when_they_are_edited() {
        let before = schedule();
        let mut after = before.clone();
        after.runs.remove(0);
        after.runs.push(Run::default());
        after.runs[1].id = None;
        let mut fresh = 10;
        after.name_runs(Some(&before), || {
            fresh += 1;
            RunId::from_u128(fresh)
        });
        let ids: Vec<_> = after.runs.iter().filter_map(|run| run.id).collect();
        // The first kept its own; the second has none and its place's is taken; the third gets that of its place.
        assert_eq!(ids, [2, 11, 3].map(RunId::from_u128));
        let mut foreign = before.clone();
        foreign.runs[0].id = Some(RunId::from_u128(99));
        foreign.name_runs(Some(&before), RunId::generate);
        assert_eq!(foreign, before, "an id from elsewhere is not taken");
    }

    #[test]
    fn days_that_have_passed_are_history() {
        let before = schedule();
        let mut after = before.clone();
        after.runs[2].days = Days::Dates([date(2026, 10, 9), date(2026, 10, 16), date(2026, 10, 3)].into());
        let history = before.rewritten_days(&after, date(2026, 10, 8));
        assert_eq!(history, [date(2026, 10, 2), date(2026, 10, 3)]);
        after.runs[2].days = Days::Dates([date(2026, 10, 2), date(2026, 10, 20)].into());
        assert_eq!(before.rewritten_days(&after, date(2026, 10, 8)), []);
    }
}
