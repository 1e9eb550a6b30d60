//! A dial between its claim and its INVITE.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::dialer::claim::still_fresh;
use crate::dialer::engine::book::until_wall;
use crate::dialer::engine::surface::ClaimedDial;
use crate::id::CampaignId;
use crate::time::Now;

/// One dial.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) campaign: CampaignId,
    /// When its claim was reported.
    pub(super) claimed: Instant,
    send: Instant,
    send_by: Timestamp,
    pub(super) stage: Stage,
    /// Its campaign was stopped: it is taken back, however far it is.
    pub(super) halted: bool,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// CLAIMED in the store.
    Claimed,
    /// The dial's transaction runs.
    Committing { began: Now },
    /// DIALING in the store; waits for its moment.
    Committed { began: Now },
    /// Is being taken back.
    Unsending,
    /// Has to be taken back once the store answers again.
    Unsent,
}

/// What is next for a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    Commit,
    Place { send_before: Instant },
    Unsend,
}

/// What the engine's state means for every dial.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    pub(super) now: Now,
    pub(super) lease: Duration,
    pub(super) may_dial: bool,
    pub(super) store_is_back: bool,
    pub(super) commit_lead: Duration,
}

impl Pending {
    pub(super) fn new(now: Now, campaign: CampaignId, dial: &ClaimedDial) -> Self {
        let send = now.mono + until_wall(now, dial.send_at);
        Self { campaign, claimed: now.mono, send, send_by: dial.send_by, stage: Stage::Claimed, halted: false }
    }

    pub(super) const fn send_by(&self) -> Timestamp {
        self.send_by
    }

    /// Whether the moment of its commit has come.
    pub(super) fn is_due(&self, at: &Circumstances) -> bool {
        matches!(self.stage, Stage::Claimed) && at.now.mono >= self.commit_at(at.commit_lead)
    }

    /// The step whose moment has come. The stage is moved on with it.
    pub(super) fn advance(&mut self, at: &Circumstances) -> Step {
        let now = at.now;
        let possible = at.may_dial && !self.halted && now.wall <= self.send_by;
        let (stage, step) = match self.stage {
            Stage::Claimed if !possible => (Stage::Unsending, Step::Unsend),
            Stage::Claimed if now.mono >= self.commit_at(at.commit_lead) => {
                (Stage::Committing { began: now }, Step::Commit)
            }
            Stage::Committed { began } if !possible || !still_fresh(began, now, at.lease) => {
                (Stage::Unsending, Step::Unsend)
            }
            Stage::Committed { began } if now.mono >= self.send => {
                let send_before = (began.mono + at.lease / 3).min(now.mono + until_wall(now, self.send_by));
                (self.stage, Step::Place { send_before })
            }
            Stage::Unsent if at.store_is_back => (Stage::Unsending, Step::Unsend),
            Stage::Claimed | Stage::Committing { .. } | Stage::Committed { .. } | Stage::Unsending | Stage::Unsent => {
                (self.stage, Step::Wait)
            }
        };
        self.stage = stage;
        step
    }

    /// When to look again, if nothing comes in before.
    pub(super) fn wakes_at(&self, commit_lead: Duration) -> Option<Instant> {
        match self.stage {
            Stage::Claimed => Some(self.commit_at(commit_lead)),
            Stage::Committed { .. } => Some(self.send),
            Stage::Committing { .. } | Stage::Unsending | Stage::Unsent => None,
        }
    }

    fn commit_at(&self, lead: Duration) -> Instant {
        self.send.checked_sub(lead).unwrap_or(self.send)
    }
}

/// How long one kind of transaction takes lately: the slowest, slowly forgotten.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latency(Duration);

impl Latency {
    pub(super) const fn new() -> Self {
        Self(Duration::from_millis(10))
    }

    pub(super) fn sample(&mut self, took: Duration) {
        self.0 = took.max(self.0 - self.0 / 8);
    }

    /// Time to reserve for the next one.
    pub(super) fn allowance(self) -> Duration {
        (self.0 * 3 / 2 + Duration::from_millis(5)).clamp(Duration::from_millis(15), Duration::from_secs(1))
    }
}
