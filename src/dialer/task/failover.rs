//! What a dial's end means for its trunk, and the next trunk for a dial that its trunk has given up.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use super::Shared;
use super::dial::Leg;
use super::trunks::Ways;
use crate::call::outcome::{CallOutcome, Failover};
use crate::id::{LegId, TrunkId};
use crate::store::dialing::{Claimed, FailoverDenied, FailoverRequest, Node};
use crate::time;
use crate::trunk::breaker::{BreakerCause, BreakerState, News, Seen};
use crate::trunk::hunt::may_go_on;
use crate::trunk::plan::InvitePlan;

/// How long a dial may wait for the next trunk's turn or channel. Its contact loses nothing: nobody was rung.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the commit takes at most in good times.
const HEADROOM: Duration = Duration::from_millis(50);

/// The trunks that one dial has been sent over.
#[derive(Debug)]
pub(super) struct Tour {
    left: Vec<TrunkId>,
    /// A trunk has said that the number does not exist; one more may confirm it.
    confirming: bool,
}

impl Tour {
    pub(super) fn new(claimed: &Claimed) -> Self {
        Self { left: claimed.other_trunks.clone(), confirming: false }
    }

    /// Whether this end lets another trunk try.
    pub(super) fn goes_on(&mut self, outcome: &CallOutcome) -> bool {
        match outcome.failover {
            Failover::Never => false,
            Failover::Allowed => !self.left.is_empty(),
            Failover::ConfirmOnce => !self.left.is_empty() && !std::mem::replace(&mut self.confirming, true),
        }
    }
}

impl Shared {
    /// Puts a leg on disk that goes to another server of the same trunk, where the one before gave the dial up unheard. None
    /// when there is none left, or when the trunk leaves no room for one more INVITE: what happened is the trunk's then.
    pub(super) async fn other_server(
        &self,
        claimed: &Claimed,
        node: &Node,
        failed: (LegId, Option<u16>),
        leg: &mut Leg,
        outcome: &CallOutcome,
    ) -> Option<Leg> {
        let first = leg.others.pop_front().filter(|_| may_go_on(outcome))?;
        let ways = Ways { first, rest: std::mem::take(&mut leg.others) };
        self.leg_by(claimed, node, failed, ways).await.ok()
    }

    /// Puts the next leg of a dial on disk, over the first of the trunks left that takes it. None when none does: the
    /// end of the leg before stands.
    pub(super) async fn next_leg(
        &self,
        claimed: &Claimed,
        node: &Node,
        failed: (LegId, Option<u16>),
        tour: &mut Tour,
    ) -> Option<Leg> {
        while !tour.left.is_empty() {
            let trunk = tour.left.remove(0);
            let leg = match self.trunks.ways(claimed.org, trunk).await {
                Ok(Ok(ways)) => self.leg_by(claimed, node, failed, ways).await,
                Ok(Err(_)) => Err(Next::Trunk),
                Err(_) => Err(Next::Nothing),
            };
            match leg {
                Ok(leg) => return Some(leg),
                Err(Next::Trunk) => {}
                Err(Next::Nothing) => return None,
            }
        }
        None
    }

    async fn leg_by(
        &self,
        claimed: &Claimed,
        node: &Node,
        (failed, sip_code): (LegId, Option<u16>),
        Ways { first: route, rest: others }: Ways,
    ) -> Result<Leg, Next> {
        let (attempt, trunk) = (claimed.attempt, route.trunk);
        let plan = InvitePlan::new(&route, claimed.to.expose(), Some(&claimed.caller_id));
        let invite: Value = serde_json::from_str(&plan.to_json()).expect("a plan is JSON");
        let leg = LegId::generate();
        let give_up = time::now().mono + PATIENCE;
        loop {
            let began = time::boot();
            let invite = invite.clone();
            let request =
                FailoverRequest { attempt, node: *node, failed, sip_code, leg, trunk, invite, headroom: HEADROOM };
            let until = match self.dialing.fail_over(&request).await {
                Ok(Ok(over)) => {
                    tracing::debug!(%attempt, %trunk, "a dial goes on over another trunk or server");
                    let send = self.instant(over.send_at);
                    tokio::time::sleep_until(send.into()).await;
                    let send_before = self.instant(over.send_by);
                    let (sent_at, trial) = (over.send_at, over.trial);
                    return Ok(Leg { leg, route, others, sent_at, trial, began, send_before });
                }
                Ok(Err(FailoverDenied::Limited(limited))) => limited.until,
                Ok(Err(FailoverDenied::TrunkOff)) => return Err(Next::Trunk),
                Ok(Err(why @ (FailoverDenied::Refused(_) | FailoverDenied::OutsideHours))) => {
                    tracing::debug!(%attempt, ?why, "a dial does not go on over another trunk");
                    return Err(Next::Nothing);
                }
                Err(error) => {
                    // It may have been written: then the leg ends with its attempt, and was never sent.
                    tracing::warn!(%attempt, %error, "another leg was not put on disk");
                    return Err(Next::Nothing);
                }
            };
            match until.map(|until| self.instant(until)).filter(|until| *until <= give_up) {
                Some(until) => tokio::time::sleep_until(until.into()).await,
                None => return Err(Next::Trunk),
            }
        }
    }

    /// Tells all nodes what a dial over a trunk has come to.
    pub(super) async fn learn(&self, trunk: TrunkId, number: u64, sent_at: Timestamp, outcome: &CallOutcome) {
        self.trunks.note(trunk, outcome);
        if let Some(news) = News::of(outcome) {
            self.tell(trunk, Seen { news, number, sent_at, jitter: rand::random() }).await;
        }
    }

    /// The call that tries a trunk has got through: nobody has to wait for its end.
    pub(super) async fn got_through(&self, trunk: TrunkId, sent_at: Timestamp) {
        self.tell(trunk, Seen { news: News::Fine, number: 0, sent_at, jitter: 0.0 }).await;
    }

    /// The call that was to try a trunk was not sent.
    pub(super) async fn give_way(&self, trunk: TrunkId, by: &str) {
        if let Err(error) = self.dialing.withdraw_trial(trunk, by).await {
            tracing::warn!(%trunk, %error, "a trunk waits for a call that does not come; another one tries in a while");
        }
    }

    async fn tell(&self, trunk: TrunkId, seen: Seen) {
        let changed = match self.dialing.observe_trunk(trunk, &seen).await {
            Ok(Some(changed)) => changed,
            Ok(None) => return,
            Err(error) => return tracing::warn!(%trunk, %error, "what a trunk answered was not kept"),
        };
        let (before, after) = changed;
        let now = self.clock.now().wall;
        match (before.opened(), after.opened()) {
            (was, Some((cause, since, until))) if was.is_none_or(|(_, before, _)| before != since) => match cause {
                BreakerCause::Refused => {
                    tracing::error!(%trunk, %until, "the carrier refuses our calls: the trunk is stopped")
                }
                BreakerCause::Failing
                | BreakerCause::RetryAfter
                | BreakerCause::Silent
                | BreakerCause::Unregistered => {
                    tracing::warn!(%trunk, %cause, %until, "a trunk is left alone")
                }
            },
            (Some(_), None) if after.standing(now) == BreakerState::Closed => tracing::info!(%trunk, "a trunk is back"),
            (Some(_) | None, _) => {}
        }
    }

    /// The instant of a time of the database that is not long ago or far ahead.
    pub(super) fn instant(&self, at: Timestamp) -> Instant {
        let now = self.clock.now();
        match Duration::try_from(at.duration_since(now.wall)) {
            Ok(ahead) => now.mono + ahead,
            Err(_) => now.mono,
        }
    }
}

/// What is left when a trunk does not take a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Another trunk.
    Trunk,
    /// The dial goes nowhere any more.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::disconnection::DisconnectionReason;

    fn ended(failover: Failover) -> CallOutcome {
        CallOutcome::refused(DisconnectionReason::InvalidPhoneNumber, 404, failover)
    }

    #[test]
    fn a_number_that_does_not_exist_is_confirmed_once_and_a_failing_trunk_passes_it_on() {
        let left = vec![TrunkId::from_u128(2), TrunkId::from_u128(3)];
        let mut tour = Tour { left, confirming: false };
        assert!(!tour.goes_on(&ended(Failover::Never)));
        assert!(tour.goes_on(&ended(Failover::ConfirmOnce)));
        assert!(!tour.goes_on(&ended(Failover::ConfirmOnce)), "confirmed");
        assert!(tour.goes_on(&ended(Failover::Allowed)), "the one that was to confirm it failed by itself");
        tour.left.clear();
        assert!(!tour.goes_on(&ended(Failover::Allowed)));
    }
}
