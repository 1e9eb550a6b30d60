//! Why nothing is being dialed: what holds each contact of a campaign, when something happens next, and what a person can
//! do about it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::gate;
use super::start::StartGuard;
use super::status::Held;
use crate::campaign::law::{Rule, law};
use crate::campaign::states::{BlockedReason, CampaignState, PauseReason, TargetState};
use crate::campaign::wire::wire_enum;

wire_enum! {
    /// What a campaign does at this moment.
    pub enum Activity is "activity" {
        /// Calls are live, or somebody is next.
        Dialing = "dialing",
        /// Somebody is due, and a limit leaves no room.
        WaitingCapacity = "waiting_capacity",
        /// Everybody waits for their hours.
        WaitingWindow = "waiting_window",
        /// Everybody waits for a retry, a callback or another call of their number.
        WaitingRetry = "waiting_retry",
        /// Only those are left who wait for a person.
        WaitingPerson = "waiting_person",
        /// It was stopped, and its last calls go on.
        Draining = "draining",
        /// It starts by itself.
        Scheduled = "scheduled",
    }
}

wire_enum! {
    /// What ends a hold.
    pub enum WaitsFor is "end of a hold" {
        /// A moment: `next_at`.
        Time = "time",
        /// The end of a call; `next_at` is when one has ended at the latest, where that is known.
        Call = "call",
        /// The end of another campaign of the organisation.
        Campaign = "campaign",
        /// A person: `remedy` says what to do.
        Person = "person",
    }
}

wire_enum! {
    /// What holds contacts that no guard, pause, limit or gate does.
    pub enum PlainHold is "hold" {
        /// The campaign has not been started.
        NotStarted = "not_started",
        /// It is over.
        Over = "over",
        /// The delay before a retry.
        Retry = "retry",
        /// The time of a callback.
        Callback = "callback",
        /// Their time has not come, for no other reason.
        NotDue = "not_due",
        /// Somebody has to approve them.
        Preselection = "preselection",
        /// Somebody holds them.
        Suspended = "suspended",
        /// They failed, and a run that is still to come may call them again.
        LaterRun = "later_run",
    }
}

/// Contacts of a campaign in one state that one thing holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Their state.
    pub state: TargetState,
    /// What those that wait, and are not due, wait for; and why those that are blocked are.
    pub held_by: Option<String>,
    /// How many.
    pub contacts: u64,
    /// When the first of them is due.
    pub next_at: Option<Timestamp>,
}

impl Holding {
    /// Whether they wait and could be dialed by now.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.state == TargetState::Waiting && self.held_by.is_none()
    }
}

/// What is known of a campaign.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Where it stands.
    pub state: CampaignState,
    /// Why it is paused, if it is.
    pub pause_reason: Option<PauseReason>,
    /// The same in words, when it paused itself.
    pub pause_detail: Option<&'a str>,
    /// When a draft starts by itself.
    pub scheduled_start: Option<Timestamp>,
    /// Its contacts.
    pub holdings: &'a [Holding],
    /// What keeps it from being started or resumed; of no matter while it dials.
    pub guards: &'a [StartGuard],
    /// The limit that leaves it no room.
    pub held: Option<&'a Held>,
    /// When one of the calls that fill that limit has ended at the latest.
    pub call_ends: Option<Timestamp>,
    /// When the round of a later run opens.
    pub next_opening: Option<Timestamp>,
    /// When the minutes of the next month begin.
    pub next_month: Option<Timestamp>,
}

/// What holds a campaign, from the nearest to the furthest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosis {
    /// What it does; none when it does nothing.
    pub activity: Option<Activity>,
    /// When something happens next by itself.
    pub next_at: Option<Timestamp>,
    /// What holds its contacts.
    pub holds: Vec<Hold>,
}

/// One thing that holds contacts.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    /// Its stable name.
    pub code: String,
    /// How many contacts.
    pub contacts: u64,
    /// When it ends, or is looked at again, where a time is known.
    pub next_at: Option<Timestamp>,
    /// What ends it; none when nothing does.
    pub waits_for: Option<WaitsFor>,
    /// In words.
    pub reason: String,
    /// What a person can do about it.
    pub remedy: Option<&'static str>,
    /// The legal rule that holds them.
    pub rule: Option<&'static Rule>,
}

impl Hold {
    fn new(code: impl ToString, contacts: u64, reason: impl ToString) -> Self {
        let (code, reason) = (code.to_string(), reason.to_string());
        Self { code, contacts, next_at: None, waits_for: None, reason, remedy: None, rule: None }
    }

    fn until(self, next_at: Option<Timestamp>) -> Self {
        Self { next_at, waits_for: Some(WaitsFor::Time), ..self }
    }

    fn ends(self, waits_for: WaitsFor, remedy: &'static str) -> Self {
        Self { waits_for: Some(waits_for), remedy: Some(remedy), ..self }
    }
}

/// Names what holds a campaign.
#[must_use]
pub fn diagnose(facts: &Facts<'_>) -> Diagnosis {
    let count = |state| facts.holdings.iter().filter(|held| held.state == state).map(|held| held.contacts).sum::<u64>();
    let live = count(TargetState::InProgress);
    let pending = facts.holdings.iter().filter(|held| !held.state.is_final()).map(|held| held.contacts).sum::<u64>();
    let pending = pending - live;
    let draining = (live > 0).then_some(Activity::Draining);
    let stands = |activity, first: Hold| {
        let mut holds = vec![first];
        if matches!(facts.state, CampaignState::Draft | CampaignState::Paused) {
            let paused = facts.pause_reason.filter(|_| facts.state == CampaignState::Paused);
            let told = |guard: &&StartGuard| guard.pauses().is_none() || guard.pauses() != paused;
            holds.extend(facts.guards.iter().filter(told).map(|guard| failed_guard(*guard, pending, facts.next_month)));
        }
        let next_at = holds.first().and_then(|first| first.next_at);
        Diagnosis { activity, next_at, holds }
    };
    match facts.state {
        CampaignState::InProgress => in_progress(facts, live, count(TargetState::Ready), pending),
        CampaignState::Draft => {
            let hold = Hold::new(PlainHold::NotStarted, pending, "it has not been started");
            match facts.scheduled_start {
                at @ Some(_) => stands(Some(Activity::Scheduled), hold.until(at)),
                None => stands(None, hold.ends(WaitsFor::Person, "start it")),
            }
        }
        CampaignState::Paused => stands(draining, paused(facts, pending)),
        CampaignState::Completed => {
            let hold = Hold::new(PlainHold::Over, pending, "it is completed");
            stands(draining, hold.ends(WaitsFor::Person, "add or restart contacts, then resume it"))
        }
        CampaignState::Cancelled => stands(draining, Hold::new(PlainHold::Over, pending, "it was cancelled")),
        CampaignState::Deleting => stands(draining, Hold::new(PlainHold::Over, pending, "it was deleted")),
    }
}

/// What a person can do about a pause, and what ends it.
#[must_use]
pub const fn pause_remedy(reason: PauseReason) -> (WaitsFor, &'static str) {
    match reason {
        PauseReason::User => (WaitsFor::Person, "resume it"),
        PauseReason::QuotaMinutes => {
            (WaitsFor::Time, "raise the minutes of the plan: it goes on by itself, as it does when the month is over")
        }
        PauseReason::PlanActiveLimit => (
            WaitsFor::Campaign,
            "pause another campaign or raise the limit of the plan: it goes on by itself when there is a place",
        ),
        PauseReason::NoPhoneNumber => (
            WaitsFor::Person,
            "give one of its trunks the number it calls from, or choose another number: it then goes on by itself",
        ),
        PauseReason::TrunkDown => {
            (WaitsFor::Person, "switch one of its trunks on or choose another one: it then goes on by itself")
        }
        PauseReason::FailureBreaker => (WaitsFor::Person, "mend what the calls failed of, then resume it"),
        PauseReason::Compliance => {
            (WaitsFor::Person, "import a newer version of the list and move its valid_until, then resume it")
        }
        PauseReason::Admin => (WaitsFor::Person, "everything was stopped: resume it when that is over"),
    }
}

/// A pause reason in words.
#[must_use]
pub const fn pause_words(reason: PauseReason) -> &'static str {
    match reason {
        PauseReason::User => "a person paused it",
        PauseReason::QuotaMinutes => "the minutes of the plan are used up",
        PauseReason::PlanActiveLimit => "as many campaigns dial as the plan allows",
        PauseReason::NoPhoneNumber => "none of its trunks that are switched on has the number it calls from",
        PauseReason::TrunkDown => "none of its trunks is switched on",
        PauseReason::FailureBreaker => "most of its latest dials failed",
        PauseReason::Compliance => "a suppression list that holds for it is too old",
        PauseReason::Admin => "everything was stopped",
    }
}

fn paused(facts: &Facts<'_>, pending: u64) -> Hold {
    let Some(reason) = facts.pause_reason else {
        return Hold::new("paused", pending, "it is paused").ends(WaitsFor::Person, "resume it");
    };
    let words = facts.pause_detail.unwrap_or(pause_words(reason));
    let (waits_for, remedy) = pause_remedy(reason);
    // What a new month mends goes on by itself.
    let next_at = facts.next_month.filter(|_| reason == PauseReason::QuotaMinutes);
    Hold { next_at, ..Hold::new(reason, pending, words).ends(waits_for, remedy) }
}

fn failed_guard(guard: StartGuard, contacts: u64, next_month: Option<Timestamp>) -> Hold {
    let (_, remedy) = guard.remedy();
    let (waits_for, next_at) = match guard {
        StartGuard::QuotaMinutes => (WaitsFor::Time, next_month),
        StartGuard::PlanActiveLimit => (WaitsFor::Campaign, None),
        StartGuard::NameMissing
        | StartGuard::AssistantMissing
        | StartGuard::CallerIdMissing
        | StartGuard::TrunkUnusable
        | StartGuard::SuppressionListOutdated
        | StartGuard::NoEligibleContact
        | StartGuard::SettingsInvalid
        | StartGuard::ScheduleInvalid
        | StartGuard::PeriodOver
        | StartGuard::NoWindow => (WaitsFor::Person, None),
    };
    Hold { next_at, ..Hold::new(guard, contacts, remedy).ends(waits_for, remedy) }
}

fn in_progress(facts: &Facts<'_>, live: u64, ready: u64, pending: u64) -> Diagnosis {
    let mut by_code: BTreeMap<String, Hold> = BTreeMap::new();
    for hold in facts.holdings.iter().filter_map(|one| hold(one, facts)) {
        // Those that are due and those that are next are held by the same limit.
        let key = hold.rule.map_or_else(|| hold.code.clone(), |rule| format!("{}:{}", hold.code, rule.id));
        match by_code.entry(key) {
            std::collections::btree_map::Entry::Vacant(free) => drop(free.insert(hold)),
            std::collections::btree_map::Entry::Occupied(mut taken) => taken.get_mut().contacts += hold.contacts,
        }
    }
    let mut holds: Vec<_> = by_code.into_values().collect();
    holds.sort_by_key(|hold| (hold.next_at.is_none(), hold.next_at));
    let has = |codes: &[&str]| holds.iter().any(|hold| codes.contains(&hold.code.as_str()));
    let due = ready + facts.holdings.iter().filter(|one| one.is_due()).map(|one| one.contacts).sum::<u64>();
    let activity = match () {
        () if due > 0 && facts.held.is_some() => Some(Activity::WaitingCapacity),
        () if live > 0 || due > 0 => Some(Activity::Dialing),
        () if has(&["outside_hours", "law", "quiet_hours", "later_run", "not_due"]) => Some(Activity::WaitingWindow),
        () if has(&["retry", "callback", "number_busy", "number_spacing", "frequency_cap"]) => {
            Some(Activity::WaitingRetry)
        }
        () => (pending > 0).then_some(Activity::WaitingPerson),
    };
    Diagnosis { activity, next_at: holds.iter().filter_map(|hold| hold.next_at).min(), holds }
}

/// What holds those of one state.
fn hold(one: &Holding, facts: &Facts<'_>) -> Option<Hold> {
    let plain = |code: PlainHold, reason: &str| Hold::new(code, one.contacts, reason);
    Some(match one.state {
        TargetState::Waiting if !one.is_due() => waiting(one),
        TargetState::Waiting | TargetState::Ready => {
            let held = facts.held?;
            let hold = Hold::new(held.code, one.contacts, &held.reason);
            let remedy = held.code.remedy();
            match held.until {
                until @ Some(_) => Hold { remedy: Some(remedy), ..hold.until(until) },
                None => Hold { next_at: facts.call_ends, ..hold.ends(WaitsFor::Call, remedy) },
            }
        }
        TargetState::Callback => plain(PlainHold::Callback, "the time they are to be called back").until(one.next_at),
        TargetState::New => plain(PlainHold::Preselection, "somebody has to approve them")
            .ends(WaitsFor::Person, "approve or reject them"),
        TargetState::Suspended => {
            plain(PlainHold::Suspended, "somebody holds them").ends(WaitsFor::Person, "resume them")
        }
        TargetState::Failed => {
            plain(PlainHold::LaterRun, "a later run may call them again").until(Some(facts.next_opening?))
        }
        TargetState::Blocked => {
            let reason: BlockedReason = one.held_by.as_deref()?.parse().ok()?;
            let (why, remedy) = why_blocked(reason);
            Hold::new(format_args!("blocked_{reason}"), one.contacts, why).ends(WaitsFor::Person, remedy)
        }
        TargetState::Rejected
        | TargetState::InProgress
        | TargetState::Done
        | TargetState::Expired
        | TargetState::Removed => return None,
    })
}

/// Those that wait for a time.
fn waiting(one: &Holding) -> Hold {
    let (code, by) = gate::Held::parts(one.held_by.as_deref().unwrap_or(PlainHold::NotDue.as_str()));
    let rule = by.and_then(|id| law().rule(id));
    let reason = match code {
        "outside_hours" => "outside their calling hours",
        "law" => "a law does not allow calls at this time",
        "quiet_hours" => "within the quiet hours of the organisation",
        "number_busy" => "their number is being called",
        "number_spacing" => "their number was called a short while ago",
        "frequency_cap" => "their number had as many calls as it may",
        "retry" => "the delay before their retry",
        _ => "not due yet",
    };
    let reason = match rule {
        Some(rule) => format!("{reason}: {}, {}", rule.title, rule.citation),
        None => reason.to_owned(),
    };
    Hold { rule, ..Hold::new(code, one.contacts, reason).until(one.next_at) }
}

/// Why contacts may not be called at all, and what mends it.
const fn why_blocked(reason: BlockedReason) -> (&'static str, &'static str) {
    match reason {
        BlockedReason::Dnc => {
            ("their numbers are on a suppression list", "take them off it, or give them other numbers")
        }
        BlockedReason::OptedOut => ("they asked not to be called", "remove them"),
        BlockedReason::AlreadySigned => ("they have signed", "remove them"),
        BlockedReason::TasksComplete => ("nothing is left to ask them", "remove them"),
        BlockedReason::EmptyPhone => ("they have no phone number", "give them one"),
        BlockedReason::InvalidNumber => ("their numbers cannot be dialed", "correct them"),
        BlockedReason::InvalidTimezone => ("their time zone is not known", "give it"),
        BlockedReason::FrequencyCap => {
            ("they had as many calls as they may until the campaign ends", "extend its period or raise the cap")
        }
        BlockedReason::Law => ("no time of the campaign is lawful for them", "change its days or times"),
        BlockedReason::NoConsent => ("their consent is not on record", "record it"),
        BlockedReason::CountryNotAllowed => ("their countries are not called", "allow them in the calling policy"),
        BlockedReason::PremiumNumber => {
            ("they have premium-rate numbers, which are never called", "give them other numbers")
        }
        BlockedReason::SatelliteNumber => (
            "they have numbers of satellite or international networks, which are never called",
            "give them other numbers",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialer::gate::DeferReason;
    use crate::dialer::pacing::{Limited, Scope};
    use crate::dialer::status::LimitCode;

    const NOON: Timestamp = Timestamp::constant(1_781_085_600, 0);

    fn facts(state: CampaignState, holdings: &[Holding]) -> Facts<'_> {
        Facts {
            state,
            pause_reason: None,
            pause_detail: None,
            scheduled_start: None,
            holdings,
            guards: &[],
            held: None,
            call_ends: None,
            next_opening: None,
            next_month: None,
        }
    }

    fn those(state: TargetState, contacts: u64) -> Holding {
        Holding { state, held_by: None, contacts, next_at: Some(NOON) }
    }

    /// Whoever reads a code finds it in the documentation.
    #[test]
    fn every_code_stands_in_the_documentation() {
        let page = include_str!("../../docs/campaigns.md");
        let (_, table) = page.split_once("## Why nothing is being dialed").expect("a section");
        let (table, _) = table.split_once("\n## ").expect("another section");
        let codes = (StartGuard::ALL.iter().map(ToString::to_string))
            .chain(PauseReason::ALL.iter().map(ToString::to_string))
            .chain(LimitCode::ALL.iter().map(ToString::to_string))
            .chain(DeferReason::ALL.iter().map(ToString::to_string))
            .chain(PlainHold::ALL.iter().map(ToString::to_string))
            .chain(BlockedReason::ALL.iter().map(|reason| format!("blocked_{reason}")));
        let missing: Vec<_> = codes.filter(|code| !table.contains(&format!("`{code}`"))).collect();
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn a_full_limit_holds_those_that_are_due_and_those_that_are_next_together() {
        let holdings =
            [those(TargetState::Ready, 2), those(TargetState::Waiting, 40), those(TargetState::InProgress, 5)];
        let full = Held::by(Limited { scope: Scope::Campaign, until: None });
        let ends = NOON + std::time::Duration::from_secs(90);
        let known = facts(CampaignState::InProgress, &holdings);
        let told = diagnose(&Facts { held: Some(&full), call_ends: Some(ends), ..known.clone() });
        let [hold] = &told.holds[..] else { panic!("{told:?}") };
        assert_eq!((hold.code.as_str(), hold.contacts, hold.next_at), ("campaign_concurrency", 42, Some(ends)));
        assert_eq!((hold.waits_for, told.activity), (Some(WaitsFor::Call), Some(Activity::WaitingCapacity)));
        assert_eq!(diagnose(&known).activity, Some(Activity::Dialing));
    }

    #[test]
    fn a_pause_is_told_with_what_else_would_stop_a_resumption() {
        let holdings = [those(TargetState::Waiting, 3), those(TargetState::Done, 9)];
        let guards = [StartGuard::QuotaMinutes, StartGuard::NoWindow];
        let month = NOON + std::time::Duration::from_secs(86_400);
        for &reason in PauseReason::ALL {
            let paused = Facts {
                pause_reason: Some(reason),
                guards: &guards,
                next_month: Some(month),
                ..facts(CampaignState::Paused, &holdings)
            };
            let told = diagnose(&paused);
            let codes: Vec<_> = told.holds.iter().map(|hold| (hold.code.as_str(), hold.contacts)).collect();
            let mut want = vec![(reason.as_str(), 3), ("quota_minutes", 3), ("no_window", 3)];
            want.dedup();
            assert_eq!(codes, want);
            assert_eq!(told.next_at, (reason == PauseReason::QuotaMinutes).then_some(month), "{reason}");
            assert!(told.holds.iter().all(|hold| hold.waits_for.is_some() && hold.remedy.is_some()), "{told:?}");
        }
    }

    #[test]
    fn what_is_over_waits_for_nothing_unless_it_can_be_opened_again() {
        for (state, waits) in [
            (CampaignState::Completed, Some(WaitsFor::Person)),
            (CampaignState::Cancelled, None),
            (CampaignState::Deleting, None),
        ] {
            let told = diagnose(&facts(state, &[]));
            assert_eq!((told.holds[0].code.as_str(), told.holds[0].waits_for), ("over", waits));
        }
    }
}
