//! What a campaign's owner can set about dialing, with defaults and ranges.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::campaign::disconnection::{DisconnectionReason, Retryability};
use crate::campaign::law::{Callees, Profile};
use crate::campaign::order::ListOrder;
use crate::campaign::wire::wire_enum;

/// Dialing settings of a campaign. Stored as JSON; absent fields have their default, unknown ones are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Dials started per minute, 1 to 6000.
    pub calls_per_minute: u32,
    /// Calls live at the same moment, 1 to 10,000; the plan may allow less.
    pub max_concurrent_calls: u32,
    /// Dials after the first one in a round, 0 to 20.
    pub max_retries: u32,
    /// Minutes from the end of a dial to its retry, 1 to 10,080.
    pub retry_delay_min: u32,
    /// Minutes from a voicemail to the next try, 5 to 10,080.
    pub voicemail_retry_delay_min: u32,
    /// Exceptions from the two delays and the budget, at most one for a reason.
    pub retry_overrides: Vec<RetryOverride>,
    /// Whether a call that fell silent after the answer is dialed again.
    pub retry_inactivity: bool,
    /// What follows when the outcome of a dial cannot be known.
    pub unknown_policy: UnknownPolicy,
    /// Seconds a phone rings before we give up, 10 to 120; counts from the first 180 or 183.
    pub ring_timeout_s: u32,
    /// Seconds a call may last, 30 to 3600.
    pub max_call_duration_s: u32,
    /// Seconds after the answer within which a hang-up counts as immediate, 0 to 60.
    pub early_hangup_s: u32,
    /// Whom it calls: some laws protect consumers only.
    pub callees: Callees,
    /// Sets of legal rules that hold besides those of the organisation.
    pub law: BTreeSet<Profile>,
    /// Call only people whose consent is on record.
    pub require_consent: bool,
    /// Dials one number may get in a period across the organisation; none by default.
    pub frequency_cap: Option<FrequencyCap>,
    /// Pauses the campaign when its latest dials failed in a burst; `null` switches that off.
    pub failure_breaker: Option<FailureBreaker>,
    /// In which order contacts of the same priority are called for the first time.
    pub list_order: ListOrder,
    /// Retries that are due go before contacts of the same priority that were not called yet, instead of after them.
    pub retries_first: bool,
    /// When the further numbers of a contact are dialed.
    pub alternate_numbers: AlternateNumbers,
    /// Whose clock the calling windows follow.
    pub tz_mode: TzMode,
    /// Block a contact whose zone is neither given nor told by the number, instead of assuming the campaign's.
    pub strict_time_zones: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            calls_per_minute: 10,
            max_concurrent_calls: 5,
            max_retries: 3,
            retry_delay_min: 5,
            voicemail_retry_delay_min: 240,
            retry_overrides: Vec::new(),
            retry_inactivity: false,
            unknown_policy: UnknownPolicy::Hold,
            ring_timeout_s: 30,
            max_call_duration_s: 300,
            early_hangup_s: 10,
            callees: Callees::Consumers,
            law: BTreeSet::new(),
            require_consent: false,
            frequency_cap: None,
            failure_breaker: Some(FailureBreaker { dials: 20, percent: 90 }),
            list_order: ListOrder::AsImported,
            retries_first: false,
            alternate_numbers: AlternateNumbers::Rotate,
            tz_mode: TzMode::ContactLocal,
            strict_time_zones: false,
        }
    }
}

/// An exception from the retry rules for one reason. It shares the one budget of the round and can only narrow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryOverride {
    /// Which reason. Reasons that are never retried cannot be overridden.
    pub reason: DisconnectionReason,
    /// Minutes to wait instead of the campaign's delay, 1 to 10,080.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_min: Option<u32>,
    /// Most retries of a round for this reason, 0 to 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
}

/// When a burst of failures pauses a campaign. Failures are those of our side, the trunk or the network, not people who are
/// out or decline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FailureBreaker {
    /// Of how many of the latest dials, 5 to 200.
    pub dials: u32,
    /// How many of a hundred have to have failed, 10 to 100.
    pub percent: u32,
}

/// Dials one number may get within a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FrequencyCap {
    /// Most dials, 1 to 100.
    pub dials: u32,
    /// Length of the period in hours, 1 to 744.
    pub per_hours: u32,
}

impl FrequencyCap {
    /// The period.
    #[must_use]
    pub const fn period(self) -> Duration {
        Duration::from_secs(self.per_hours as u64 * 3600)
    }
}

wire_enum! {
    /// When the further numbers of a contact are dialed. All of them share the retries of the round.
    pub enum AlternateNumbers is "use of further numbers" {
        /// After nobody answered, a busy line and a mailbox the retry goes to the next number; as with `invalid_only` else.
        Rotate = "rotate",
        /// When a number does not exist, or may not be called at all.
        InvalidOnly = "invalid_only",
        /// Never: only the first number is dialed.
        Off = "off",
    }
}

wire_enum! {
    /// What follows a dial whose outcome cannot be known.
    pub enum UnknownPolicy is "policy for unknown outcomes" {
        /// The target rests as failed until a person restarts it.
        Hold = "hold",
        /// Dialed again after the retry delay, using the budget.
        RetryAfterDelay = "retry_after_delay",
    }
}

wire_enum! {
    /// Whose clock the calling windows follow.
    pub enum TzMode is "time zone mode" {
        /// The contact's.
        ContactLocal = "contact_local",
        /// The campaign's.
        Campaign = "campaign",
    }
}

/// One setting that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {fault}")]
pub struct SettingFault {
    /// The field, as its JSON path below the settings object.
    pub field: String,
    /// What is wrong with it, for a person.
    pub fault: String,
}

impl Settings {
    /// Dials a minute.
    pub const CALLS_PER_MINUTE: RangeInclusive<u32> = 1..=6000;
    /// Simultaneous calls.
    pub const MAX_CONCURRENT_CALLS: RangeInclusive<u32> = 1..=10_000;
    /// Dials after the first.
    pub const MAX_RETRIES: RangeInclusive<u32> = 0..=20;
    /// Minutes before a retry.
    pub const RETRY_DELAY_MIN: RangeInclusive<u32> = 1..=10_080;
    /// Minutes after a voicemail.
    pub const VOICEMAIL_RETRY_DELAY_MIN: RangeInclusive<u32> = 5..=10_080;
    /// Seconds of ringing.
    pub const RING_TIMEOUT_S: RangeInclusive<u32> = 10..=120;
    /// Seconds a call may last.
    pub const MAX_CALL_DURATION_S: RangeInclusive<u32> = 30..=3600;
    /// Seconds that count as hanging up at once.
    pub const EARLY_HANGUP_S: RangeInclusive<u32> = 0..=60;

    /// Checks every field against its range.
    ///
    /// # Errors
    /// All faults at once, in the order of the fields.
    pub fn validate(&self) -> Result<(), Vec<SettingFault>> {
        let mut faults = Vec::new();
        let mut check = |field: &str, value: u32, range: RangeInclusive<u32>| {
            if !range.contains(&value) {
                let fault = format!("must be between {} and {}", range.start(), range.end());
                faults.push(SettingFault { field: field.to_owned(), fault });
            }
        };
        check("calls_per_minute", self.calls_per_minute, Self::CALLS_PER_MINUTE);
        check("max_concurrent_calls", self.max_concurrent_calls, Self::MAX_CONCURRENT_CALLS);
        check("max_retries", self.max_retries, Self::MAX_RETRIES);
        check("retry_delay_min", self.retry_delay_min, Self::RETRY_DELAY_MIN);
        check("voicemail_retry_delay_min", self.voicemail_retry_delay_min, Self::VOICEMAIL_RETRY_DELAY_MIN);
        check("ring_timeout_s", self.ring_timeout_s, Self::RING_TIMEOUT_S);
        check("max_call_duration_s", self.max_call_duration_s, Self::MAX_CALL_DURATION_S);
        check("early_hangup_s", self.early_hangup_s, Self::EARLY_HANGUP_S);
        if let Some(cap) = self.frequency_cap {
            check("frequency_cap.dials", cap.dials, 1..=100);
            check("frequency_cap.per_hours", cap.per_hours, 1..=744);
        }
        if let Some(breaker) = self.failure_breaker {
            check("failure_breaker.dials", breaker.dials, 5..=200);
            check("failure_breaker.percent", breaker.percent, 10..=100);
        }
        for (index, entry) in self.retry_overrides.iter().enumerate() {
            if let Some(delay) = entry.delay_min {
                check(&format!("retry_overrides.{index}.delay_min"), delay, Self::RETRY_DELAY_MIN);
            }
            if let Some(most) = entry.max_retries {
                check(&format!("retry_overrides.{index}.max_retries"), most, Self::MAX_RETRIES);
            }
        }
        self.check_override_reasons(&mut faults);
        if self.list_order.field().is_some_and(|field| !(1..=ListOrder::MAX_FIELD).contains(&field.trim().len())) {
            let fault = format!("names a variable of the contacts, 1 to {} characters", ListOrder::MAX_FIELD);
            faults.push(SettingFault { field: "list_order.field".to_owned(), fault });
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// The exception for a reason, if there is one.
    #[must_use]
    pub fn retry_override(&self, reason: DisconnectionReason) -> Option<&RetryOverride> {
        self.retry_overrides.iter().find(|entry| entry.reason == reason)
    }

    /// How long a phone rings.
    #[must_use]
    pub fn ring_timeout(&self) -> Duration {
        Duration::from_secs(self.ring_timeout_s.into())
    }

    fn check_override_reasons(&self, faults: &mut Vec<SettingFault>) {
        for (index, entry) in self.retry_overrides.iter().enumerate() {
            let fault = match entry.reason.retryability() {
                Retryability::Never | Retryability::NeverSent | Retryability::Hold => {
                    Some(format!("{} has no retry to change", entry.reason))
                }
                Retryability::Budget
                | Retryability::Free
                | Retryability::Voicemail
                | Retryability::Screened
                | Retryability::OptIn
                | Retryability::Once
                | Retryability::OnceIfTechnical => {
                    let twice = self.retry_overrides[..index].iter().any(|earlier| earlier.reason == entry.reason);
                    twice.then(|| format!("{} has an earlier entry", entry.reason))
                }
            };
            if let Some(fault) = fault {
                faults.push(SettingFault { field: format!("retry_overrides.{index}.reason"), fault });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_object_gives_the_defaults() {
        let settings: Settings = serde_json::from_str("{}").expect("all fields have defaults");
        assert_eq!(settings, Settings::default());
        assert_eq!(settings.validate(), Ok(()));
        insta::assert_json_snapshot!(settings);
    }

    #[test]
    fn unknown_fields_are_refused() {
        let fault = serde_json::from_str::<Settings>(r#"{"cpm": 5}"#).expect_err("no such field");
        assert!(fault.to_string().contains("unknown field `cpm`"), "{fault}");
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let settings: Settings = serde_json::from_str(
            r#"{"calls_per_minute": 0, "ring_timeout_s": 121, "frequency_cap": {"dials": 0, "per_hours": 24},
                "retry_overrides": [
                    {"reason": "user_declined", "delay_min": 10},
                    {"reason": "dial_busy", "delay_min": 0},
                    {"reason": "dial_busy", "max_retries": 1}]}"#,
        )
        .expect("well formed");
        let faults: Vec<_> = settings.validate().expect_err("out of range").iter().map(ToString::to_string).collect();
        insta::assert_debug_snapshot!(faults);
    }
}
