//! What has to be true before a campaign starts, resumes or opens again.

use jiff::Timestamp;

use crate::campaign::run::Schedule;
use crate::campaign::settings::Settings;
use crate::campaign::states::PauseReason;
use crate::campaign::wire::wire_enum;
use crate::campaign::zone::{ZoneSource, Zones};
use crate::dialer::calling_hours::{CallingHours, Opening};

/// What is known about a campaign that is to start.
#[derive(Clone, Copy, Debug)]
pub struct StartFacts<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it has an assistant that can talk.
    pub has_assistant: bool,
    /// Whether it has a number to call from.
    pub has_caller_id: bool,
    /// Whether one of its trunks exists and takes calls.
    pub trunk_usable: bool,
    /// Whether enough minutes of calls are left in its organisation's plan.
    pub has_minutes: bool,
    /// Whether the plan lets one more campaign dial.
    pub has_place: bool,
    /// Whether all suppression lists it relies on are fresh enough.
    pub lists_fresh: bool,
    /// Whether at least one contact could be dialed.
    pub has_eligible_contact: bool,
    /// Its schedule.
    pub schedule: &'a Schedule,
    /// Its settings.
    pub settings: &'a Settings,
}

wire_enum! {
    /// A condition for the start of a campaign that is not met.
    pub enum StartGuard is "start guard" {
        /// It has no name.
        NameMissing = "name_missing",
        /// It has no assistant.
        AssistantMissing = "assistant_missing",
        /// It has no number to call from.
        CallerIdMissing = "caller_id_missing",
        /// All its trunks are missing or take no calls.
        TrunkUnusable = "trunk_unusable",
        /// Too few minutes of the organisation's plan are left.
        QuotaMinutes = "quota_minutes",
        /// As many campaigns dial as the organisation's plan allows.
        PlanActiveLimit = "plan_active_limit",
        /// A suppression list that it relies on is too old.
        SuppressionListOutdated = "suppression_list_outdated",
        /// No contact can be dialed.
        NoEligibleContact = "no_eligible_contact",
        /// Its settings are out of range.
        SettingsInvalid = "settings_invalid",
        /// Its schedule has no valid run.
        ScheduleInvalid = "schedule_invalid",
        /// Its period has ended.
        PeriodOver = "period_over",
        /// No calling window opens before the period ends.
        NoWindow = "no_window",
    }
}

impl StartGuard {
    /// The field of the campaign that it is about, as a JSON Pointer, and what to do.
    #[must_use]
    pub const fn remedy(self) -> (&'static str, &'static str) {
        match self {
            Self::NameMissing => ("/name", "give the campaign a name"),
            Self::AssistantMissing => ("/assistant_id", "choose an assistant"),
            Self::CallerIdMissing => {
                ("/caller_id", "no trunk that is switched on has this number any more: choose another one")
            }
            Self::TrunkUnusable => ("/trunk_id", "all its trunks are switched off: enable one or choose another one"),
            Self::QuotaMinutes => {
                ("", "too few minutes of this month are left: wait for the next one or raise the limit")
            }
            Self::PlanActiveLimit => ("", "as many campaigns dial as the plan allows: pause one or raise the limit"),
            Self::SuppressionListOutdated => {
                ("", "a suppression list that holds for it is too old: import a newer version and move its valid_until")
            }
            Self::NoEligibleContact => ("", "no contact is left to call: add contacts or restart some first"),
            Self::SettingsInvalid => ("/settings", "some settings are out of range"),
            Self::ScheduleInvalid => ("/schedule", "the schedule has no valid run"),
            Self::PeriodOver => ("/schedule/period_end", "the period has ended: extend it"),
            Self::NoWindow => ("/schedule", "no calling window opens before the period ends: add days or hours"),
        }
    }

    /// Why a campaign that is opened again is paused when this does not hold; none for what keeps it from being open
    /// at all.
    #[must_use]
    pub const fn pauses(self) -> Option<PauseReason> {
        match self {
            Self::CallerIdMissing => Some(PauseReason::NoPhoneNumber),
            Self::TrunkUnusable => Some(PauseReason::TrunkDown),
            Self::QuotaMinutes => Some(PauseReason::QuotaMinutes),
            Self::PlanActiveLimit => Some(PauseReason::PlanActiveLimit),
            Self::SuppressionListOutdated => Some(PauseReason::Compliance),
            Self::NameMissing
            | Self::AssistantMissing
            | Self::NoEligibleContact
            | Self::SettingsInvalid
            | Self::ScheduleInvalid
            | Self::PeriodOver
            | Self::NoWindow => None,
        }
    }
}

/// The guards that do not hold; empty when the campaign may start. All of them, so that a person mends them in one go.
#[must_use]
pub fn failed_start_guards(now: Timestamp, facts: &StartFacts<'_>) -> Vec<StartGuard> {
    let mut failed = Vec::new();
    let mut require = |holds: bool, guard| {
        if !holds {
            failed.push(guard);
        }
    };
    require(!facts.name.trim().is_empty(), StartGuard::NameMissing);
    require(facts.has_assistant, StartGuard::AssistantMissing);
    require(facts.has_caller_id, StartGuard::CallerIdMissing);
    require(facts.trunk_usable, StartGuard::TrunkUnusable);
    require(facts.has_minutes, StartGuard::QuotaMinutes);
    require(facts.has_place, StartGuard::PlanActiveLimit);
    require(facts.lists_fresh, StartGuard::SuppressionListOutdated);
    require(facts.has_eligible_contact, StartGuard::NoEligibleContact);
    require(facts.settings.validate().is_ok(), StartGuard::SettingsInvalid);
    failed.extend(schedule_guard(now, facts));
    failed
}

fn schedule_guard(now: Timestamp, facts: &StartFacts<'_>) -> Option<StartGuard> {
    if facts.schedule.validate().is_err() {
        return Some(StartGuard::ScheduleInvalid);
    }
    let Ok(hours) = CallingHours::new(facts.schedule, facts.settings.tz_mode) else {
        return Some(StartGuard::ScheduleInvalid);
    };
    if hours.period_end().is_some_and(|end| end <= now) {
        return Some(StartGuard::PeriodOver);
    }
    // Contacts live anywhere; the campaign's own zone stands for them.
    let zones = Zones::one(hours.zone().clone(), ZoneSource::Campaign);
    match hours.next(&zones, now, facts.settings.ring_timeout()) {
        Opening::At { .. } => None,
        Opening::PeriodOver | Opening::Never => Some(StartGuard::NoWindow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(schedule: &'a Schedule, settings: &'a Settings) -> StartFacts<'a> {
        StartFacts {
            name: "Spring survey",
            has_assistant: true,
            has_caller_id: true,
            trunk_usable: true,
            has_minutes: true,
            has_place: true,
            lists_fresh: true,
            has_eligible_contact: true,
            schedule,
            settings,
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn all_failed_guards_are_told_at_once() {
        let schedule = Schedule { runs: Vec::new(), ..Schedule::default() };
        let settings = Settings { ring_timeout_s: 1, ..Settings::default() };
        let bad = StartFacts {
            name: "  ",
            has_assistant: false,
            has_caller_id: false,
            trunk_usable: false,
            has_minutes: false,
            has_place: false,
            lists_fresh: false,
            has_eligible_contact: false,
            ..facts(&schedule, &settings)
        };
        let failed = failed_start_guards(at("2026-06-10T10:00:00Z"), &bad);
        let all_but_two: Vec<_> = StartGuard::ALL
            .iter()
            .copied()
            .filter(|guard| !matches!(guard, StartGuard::PeriodOver | StartGuard::NoWindow))
            .collect();
        assert_eq!(failed, all_but_two);
    }

    #[test]
    fn a_start_outside_the_window_is_fine_and_one_without_any_window_is_not() {
        let schedule = Schedule { period_end: Some(jiff::civil::date(2026, 6, 10)), ..Schedule::default() };
        let settings = Settings::default();
        let failed = |now| failed_start_guards(at(now), &facts(&schedule, &settings));
        assert_eq!(failed("2026-06-09T23:00:00Z"), []);
        assert_eq!(failed("2026-06-10T22:00:00Z"), [StartGuard::NoWindow]);
        assert_eq!(failed("2026-06-11T00:00:00Z"), [StartGuard::PeriodOver]);
    }
}
