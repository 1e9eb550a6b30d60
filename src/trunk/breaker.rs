//! When to stay away from a trunk, and how carefully to come back, pure. One breaker per trunk stands in the database,
//! beside the trunk's rate, and every node reads and writes it under the same lock.
//!
//! ```text
//!            3 numbers fail, a Retry-After,            its time is over,
//!            5 numbers refused, found down             or it is found up: one call tries
//!   CLOSED ───────────────────────────────► OPEN ───────────────────────► TRYING
//!     ▲                                      ▲  the try fails: twice as long │
//!     │                                      └───────────────────────────────┤
//!     └──────────── the try gets through; half the rate, +5 % per 10 s ──────┘
//! ```

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::outcome::CallOutcome;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::wire::wire_enum;

/// The shortest time away after a failure of the trunk itself; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A carrier's Retry-After is obeyed up to here.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);
/// Different numbers that have to fail in a row before the trunk itself is suspected.
const SUSPECT: usize = 3;
/// Different numbers that have to be refused by permission before the trunk is stopped…
const REFUSED: usize = 5;
/// …within this time.
const REFUSED_WITHIN: Duration = Duration::from_secs(300);
/// How long a trunk that refuses us is left alone at first: a person has to act. Doubles up to an hour.
const FIRST_DENIAL: Duration = Duration::from_secs(300);
const LONGEST_DENIAL: Duration = Duration::from_secs(3600);
/// How long the one call that tries may be without news: longer than a silent INVITE takes to fail.
const TRIAL: Duration = Duration::from_secs(45);
/// Of the full rate, in thousandths.
const FULL: u32 = 1000;
/// The least that is left of it.
const LEAST_SHARE: u32 = 63;
/// What it regains…
const REGAIN: u32 = 50;
/// …in this time without a failure.
const CLEAN: Duration = Duration::from_secs(10);
/// Refusals that are remembered.
const REMEMBERED: usize = 64;

wire_enum! {
    /// Why a trunk is left alone.
    pub enum BreakerCause is "breaker cause" {
        /// The carrier asked for it by Retry-After.
        RetryAfter = "retry_after",
        /// Dials to several numbers failed.
        Failing = "failing",
        /// The carrier refuses us by permission: a person has to act.
        Refused = "refused",
        /// None of its servers answers OPTIONS.
        Silent = "silent",
        /// It asks for a registration, and does not grant it any more.
        Unregistered = "unregistered",
    }
}

impl BreakerCause {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::RetryAfter => "the trunk's carrier asked to be left alone",
            Self::Failing => "calls over the trunk failed: it is left alone for a while",
            Self::Refused => "the trunk's carrier refuses our calls by permission: mend its settings or resume it",
            Self::Silent => "no server of the trunk answers OPTIONS",
            Self::Unregistered => "the trunk's carrier does not register us any more",
        }
    }
}

wire_enum! {
    /// Where a breaker stands.
    pub enum BreakerState is "breaker state" {
        /// Calls go over the trunk.
        Closed = "closed",
        /// None does.
        Open = "open",
        /// One call may try, or tries.
        HalfOpen = "half_open",
    }
}

/// The breaker of one trunk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// What has opened it, while it is not closed.
    open: Option<Opened>,
    /// The last pause in milliseconds; the next one doubles it.
    pause_ms: u64,
    /// Stand for the numbers that failed in a row.
    failing: BTreeSet<u64>,
    /// When which numbers were refused by permission.
    refused: VecDeque<(Timestamp, u64)>,
    /// What is left of the rate.
    slowed: Option<Slowed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Opened {
    cause: BreakerCause,
    since: Timestamp,
    until: Timestamp,
    trial: Option<Trial>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Trial {
    by: String,
    until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Slowed {
    share: u32,
    since: Timestamp,
}

/// A trunk that no call may go over now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shut {
    /// Why.
    pub cause: BreakerCause,
    /// One call is trying.
    pub trying: bool,
    /// When to ask again at the latest.
    pub until: Timestamp,
}

/// What the end of a dial says about its trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It carried the call, or told something about the callee.
    Fine,
    /// It failed by itself.
    Fault {
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// It refused us by permission.
    Refused,
}

impl News {
    /// What an outcome says; nothing when the fault was ours.
    #[must_use]
    pub fn of(outcome: &CallOutcome) -> Option<Self> {
        match outcome.reason {
            DisconnectionReason::DialFailed if outcome.technical => None,
            DisconnectionReason::TelephonyProviderUnavailable | DisconnectionReason::DialFailed => {
                Some(Self::Fault { retry_after: outcome.retry_after.filter(|_| outcome.sip_code == Some(503)) })
            }
            DisconnectionReason::TelephonyProviderPermissionDenied => Some(Self::Refused),
            DisconnectionReason::NodeLost
            | DisconnectionReason::OutcomeUnknown
            | DisconnectionReason::Cancelled
            | DisconnectionReason::EmptyPhone
            | DisconnectionReason::InvalidTimezone
            | DisconnectionReason::ConcurrencyLimitReached => None,
            DisconnectionReason::DialNoAnswer
            | DisconnectionReason::DialBusy
            | DisconnectionReason::InvalidPhoneNumber
            | DisconnectionReason::UserDeclined
            | DisconnectionReason::MarkedAsSpam
            | DisconnectionReason::VoiceCallsOptedOut
            | DisconnectionReason::VoicemailReached
            | DisconnectionReason::CallScreened
            | DisconnectionReason::Inactivity
            | DisconnectionReason::ErrorNoAudioReceived
            | DisconnectionReason::MaxDurationReached
            | DisconnectionReason::CallTransfer
            | DisconnectionReason::UserHangup
            | DisconnectionReason::AgentHangup => Some(Self::Fine),
        }
    }
}

/// A dial over the trunk that has come to something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// What it says.
    pub news: News,
    /// Stands for the number called; a hash will do.
    pub number: u64,
    /// When its INVITE left. What was on its way when the breaker opened neither opens it further nor closes it.
    pub sent_at: Timestamp,
    /// In 0 to 1: spreads the return.
    pub jitter: f64,
}

impl Breaker {
    /// Where it stands.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> BreakerState {
        match &self.open {
            None => BreakerState::Closed,
            Some(opened) if now < opened.until => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    /// Why, since when and until when the trunk is left alone, while it is.
    #[must_use]
    pub fn opened(&self) -> Option<(BreakerCause, Timestamp, Timestamp)> {
        self.open.as_ref().map(|opened| (opened.cause, opened.since, opened.until))
    }

    /// Why no call may go over the trunk now; none when one may, be it only one.
    #[must_use]
    pub fn shut(&self, now: Timestamp) -> Option<Shut> {
        let Opened { cause, until, trial, .. } = self.open.as_ref()?;
        match trial.as_ref().filter(|trial| now < trial.until) {
            Some(trial) => Some(Shut { cause: *cause, trying: true, until: trial.until }),
            None => (now < *until).then_some(Shut { cause: *cause, trying: false, until: *until }),
        }
    }

    /// Whether a dial that was granted before it opened has to stay behind: only the one call that tries, named `by`, may go.
    #[must_use]
    pub fn keeps_back(&self, by: &str) -> bool {
        self.open.as_ref().is_some_and(|opened| opened.trial.as_ref().is_none_or(|trial| trial.by != by))
    }

    /// What is left of the trunk's rate, in thousandths: half after it has opened, and more the longer nothing fails.
    #[must_use]
    pub fn share(&self, now: Timestamp) -> u32 {
        let Some(Slowed { share, since }) = self.slowed else { return FULL };
        let clean = Duration::try_from(now.duration_since(since)).unwrap_or(Duration::ZERO);
        let steps = u32::try_from(clean.as_secs() / CLEAN.as_secs()).unwrap_or(FULL);
        share.saturating_add(steps.saturating_mul(REGAIN)).min(FULL)
    }

    /// A dial over the trunk was granted, for `at`; whether it is the one call that tries. `by` names it.
    pub fn admit(&mut self, at: Timestamp, by: &str) -> bool {
        let Some(opened) = &mut self.open else { return false };
        opened.trial = Some(Trial { by: by.to_owned(), until: at.max(opened.until) + TRIAL });
        true
    }

    /// The call that was to try was not sent: another one may.
    pub fn withdraw(&mut self, by: &str) {
        if let Some(opened) = &mut self.open
            && opened.trial.as_ref().is_some_and(|trial| trial.by == by)
        {
            opened.trial = None;
        }
    }

    /// The trunk is found to be down by other means than a dial: it is left alone until then, or until
    /// [`release`](Self::release). What dials have found is not forgotten for it.
    pub fn hold(&mut self, now: Timestamp, cause: BreakerCause, until: Timestamp) {
        match &mut self.open {
            None => self.open(now, cause, until),
            Some(opened) => {
                if is_held(opened.cause) {
                    opened.cause = cause;
                }
                opened.until = opened.until.max(until);
            }
        }
    }

    /// What [`hold`](Self::hold) has found is over: one call may try. What dials have found stands.
    pub fn release(&mut self, now: Timestamp) {
        if let Some(opened) = self.open.as_mut().filter(|opened| is_held(opened.cause)) {
            opened.until = opened.until.min(now);
        }
    }

    /// Learns from a dial.
    pub fn observe(&mut self, now: Timestamp, seen: &Seen) {
        let on_its_way = self.open.as_ref().is_some_and(|opened| seen.sent_at < opened.since);
        match seen.news {
            News::Fine if on_its_way => {}
            News::Fine => self.recover(now),
            News::Fault { retry_after } => self.fail(now, seen, retry_after, on_its_way),
            News::Refused => self.refuse(now, seen.number, on_its_way),
        }
        self.forget(now);
    }

    /// Whether there is nothing to remember: such a breaker need not be kept.
    #[must_use]
    pub fn is_at_rest(&self, now: Timestamp) -> bool {
        self.open.is_none() && self.failing.is_empty() && self.refused.is_empty() && self.share(now) == FULL
    }

    fn fail(&mut self, now: Timestamp, seen: &Seen, retry_after: Option<Duration>, on_its_way: bool) {
        self.failing.insert(seen.number);
        // A failure ends the clean time; what was regained stays.
        if self.slowed.is_some() {
            self.slowed = Some(Slowed { share: self.share(now), since: now });
        }
        let trying = self.open.is_some() && !on_its_way;
        if let Some(asked) = retry_after {
            let until = now + asked.min(LONGEST_RETRY_AFTER);
            match &mut self.open {
                Some(opened) if on_its_way => opened.until = opened.until.max(until),
                Some(_) | None => self.open(now, BreakerCause::RetryAfter, until),
            }
        } else if trying || (self.open.is_none() && self.failing.len() >= SUSPECT) {
            let pause = self.doubled(FIRST_PAUSE, LONGEST_PAUSE);
            self.open(now, BreakerCause::Failing, now + pause.mul_f64(1.0 + seen.jitter.clamp(0.0, 1.0) / 4.0));
        }
    }

    fn refuse(&mut self, now: Timestamp, number: u64, on_its_way: bool) {
        self.refused.push_back((now, number));
        let within = |at: Timestamp| now.duration_since(at).unsigned_abs() <= REFUSED_WITHIN;
        self.refused.retain(|(at, _)| within(*at));
        if self.refused.len() > REMEMBERED {
            self.refused.pop_front();
        }
        let numbers: BTreeSet<u64> = self.refused.iter().map(|(_, number)| *number).collect();
        let trying = self.open.is_some() && !on_its_way;
        if trying || (self.open.is_none() && numbers.len() >= REFUSED) {
            let pause = self.doubled(FIRST_DENIAL, LONGEST_DENIAL);
            self.refused.clear();
            self.open(now, BreakerCause::Refused, now + pause);
        }
    }

    fn doubled(&mut self, first: Duration, longest: Duration) -> Duration {
        let pause = Duration::from_millis(self.pause_ms.saturating_mul(2)).clamp(first, longest);
        self.pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        pause
    }

    fn open(&mut self, now: Timestamp, cause: BreakerCause, until: Timestamp) {
        self.slowed = Some(Slowed { share: (self.share(now) / 2).max(LEAST_SHARE), since: now });
        self.open = Some(Opened { cause, since: now, until, trial: None });
    }

    fn recover(&mut self, now: Timestamp) {
        if self.open.take().is_some()
            && let Some(slowed) = &mut self.slowed
        {
            // The clean time begins with the first call that got through.
            slowed.since = now;
        }
        self.failing.clear();
        self.pause_ms = 0;
    }

    fn forget(&mut self, now: Timestamp) {
        if self.open.is_none() && self.share(now) == FULL {
            self.slowed = None;
        }
    }
}

/// Whether this is found by other means than dials.
const fn is_held(cause: BreakerCause) -> bool {
    match cause {
        BreakerCause::Silent | BreakerCause::Unregistered => true,
        BreakerCause::RetryAfter | BreakerCause::Failing | BreakerCause::Refused => false,
    }
}

#[cfg(test)]
mod tests;
