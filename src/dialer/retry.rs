//! What follows from how a dial ended: another dial, and when, or the target's rest.
//!
//! One budget per round, `1 + max_retries` dials (the run's, else the campaign's), is shared by all reasons; per-reason rules can only narrow it. The
//! next dial counts from the *end* of the last one.

use std::time::Duration;

use jiff::Timestamp;

use crate::campaign::disconnection::{DisconnectionReason, Retryability};
use crate::campaign::settings::{Settings, UnknownPolicy};
use crate::campaign::states::{BlockedReason, TargetState};
use crate::campaign::wire::wire_enum;
use crate::campaign::zone::Zones;
use crate::dialer::gate::{Rules, Shut};

/// How a dial ended, as far as retries care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub reason: DisconnectionReason,
    /// Whether our own side ended it for a technical cause.
    pub technical: bool,
    /// How long the far end asked us to wait.
    pub retry_after: Option<Duration>,
    /// When.
    pub at: Timestamp,
}

/// The round's earlier dials, the ending one excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// How many consumed a retry.
    pub consumed: u32,
    /// How many were sent and consumed none.
    pub free: u32,
    /// How many ended with the same reason.
    pub same_reason: u32,
    /// Dials after the first one that the round has; none = as the settings say.
    pub most: Option<u32>,
    /// Whether these are the dials of a callback: they have a budget of their own, and what follows is a callback again.
    pub callback: bool,
    /// Whether the next dial would go to another number of the contact.
    pub another_number: bool,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Dial again at this moment or later.
    Retry(Timestamp),
    /// That dial was never sent: due at once.
    Again,
    /// No further dial in this round.
    Rest(TargetState),
}

/// Most dials of a round that consume no retry.
pub const MAX_FREE_DIALS: u32 = 5;

/// Least time between two dials of which the first consumed no retry.
pub const FREE_DIAL_SPACING: Duration = Duration::from_secs(60);

/// Longest wait that a far end's Retry-After can impose.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// Judges the end of a dial.
#[must_use]
pub fn verdict(settings: &Settings, round: &Round, end: &End) -> Verdict {
    // Nobody was rung: the next number need not wait.
    if end.reason == DisconnectionReason::InvalidPhoneNumber
        && round.another_number
        && has_budget(settings, round, end.reason)
    {
        return Verdict::Retry(end.at);
    }
    let retry_delay = minutes(settings.retry_delay_min);
    let delay = match end.reason.retryability() {
        Retryability::NeverSent => return Verdict::Again,
        Retryability::Never => None,
        Retryability::Budget | Retryability::Screened => Some(retry_delay),
        Retryability::Voicemail => Some(minutes(settings.voicemail_retry_delay_min)),
        Retryability::Free => Some(FREE_DIAL_SPACING),
        Retryability::OptIn => settings.retry_inactivity.then_some(retry_delay),
        Retryability::Once => (round.same_reason == 0).then_some(retry_delay),
        Retryability::OnceIfTechnical => (end.technical && round.same_reason == 0).then_some(retry_delay),
        Retryability::Hold => match settings.unknown_policy {
            UnknownPolicy::Hold => None,
            UnknownPolicy::RetryAfterDelay => Some(retry_delay),
        },
    };
    let changed = settings.retry_override(end.reason);
    let narrowed = changed.and_then(|entry| entry.max_retries).is_some_and(|most| round.same_reason >= most);
    let Some(delay) = delay.filter(|_| !narrowed && has_budget(settings, round, end.reason)) else {
        return Verdict::Rest(resting_state(end));
    };
    let delay = changed.and_then(|entry| entry.delay_min).map_or(delay, minutes);
    let asked = end.retry_after.unwrap_or(Duration::ZERO).min(MAX_RETRY_AFTER);
    Verdict::Retry(end.at + delay.max(asked))
}

fn has_budget(settings: &Settings, round: &Round, reason: DisconnectionReason) -> bool {
    let most = round.most.unwrap_or(settings.max_retries);
    if reason.consumes_retry() {
        round.consumed < most
    } else {
        round.free + 1 < MAX_FREE_DIALS && round.consumed <= most
    }
}

fn resting_state(end: &End) -> TargetState {
    if end.technical && end.reason == DisconnectionReason::AgentHangup {
        TargetState::Failed
    } else {
        end.reason.resting_state()
    }
}

fn minutes(minutes: u32) -> Duration {
    Duration::from_secs(60) * minutes
}

wire_enum! {
    /// What a person decided about a target while its call was live.
    pub enum Hold is "hold" {
        /// Suspend it once the call has ended.
        Suspend = "suspend",
        /// Remove it once the call has ended.
        Remove = "remove",
    }
}

/// What the target's row becomes when its attempt has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Its state.
    pub state: TargetState,
    /// When it is due again, in the states that wait.
    pub next_at: Option<Timestamp>,
    /// Why it is blocked, if it is.
    pub blocked: Option<BlockedReason>,
}

/// When a contact who asked to be called at `wish` will be: then, or at the next opening of their hours; none when no
/// time is left for it.
#[must_use]
pub fn planned(rules: &Rules, zones: Option<&Zones>, wish: Timestamp) -> Option<Timestamp> {
    zones.and_then(|zones| rules.opening(zones, wish).ok()).map(|(from, _)| from)
}

/// Settles a target: the verdict, moved into the contact's calling hours, unless a person decided otherwise.
///
/// `zones` are the contact's; without them a retry would be blocked at the gate anyway and is blocked here.
#[must_use]
pub fn settle(rules: &Rules, zones: Option<&Zones>, round: &Round, end: &End, hold: Option<Hold>) -> Settled {
    let rest = |state| Settled { state, next_at: None, blocked: None };
    match (verdict(&rules.settings, round, end), hold) {
        (Verdict::Rest(state), None | Some(Hold::Suspend)) => rest(state),
        (Verdict::Retry(_) | Verdict::Again, Some(Hold::Suspend)) => rest(TargetState::Suspended),
        (Verdict::Rest(_) | Verdict::Retry(_) | Verdict::Again, Some(Hold::Remove)) => rest(TargetState::Removed),
        (Verdict::Again, None) => Settled { state: TargetState::Ready, next_at: Some(end.at), blocked: None },
        (Verdict::Retry(at), None) => match zones.map(|zones| rules.opening(zones, at)) {
            Some(Ok((next_at, _))) => {
                let state = if round.callback { TargetState::Callback } else { TargetState::Waiting };
                Settled { state, next_at: Some(next_at), blocked: None }
            }
            Some(Err(Shut::Expired)) => rest(TargetState::Expired),
            Some(Err(Shut::Unlawful)) => Settled { blocked: Some(BlockedReason::Law), ..rest(TargetState::Blocked) },
            Some(Err(Shut::ZonesDisagree)) | None => {
                Settled { blocked: Some(BlockedReason::InvalidTimezone), ..rest(TargetState::Blocked) }
            }
        },
    }
}

#[cfg(test)]
mod tests;
