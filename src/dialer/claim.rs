//! The two decisions before an INVITE, each taken inside the transaction that writes its result.
//!
//! The claim locks the limiters, counts, picks a ready target and asks [`decide`]; its commit makes the attempt
//! CLAIMED. The dial asks [`may_dial`] again on fresh rows; its commit makes the attempt DIALING, and only then may an
//! INVITE leave, if the process was not frozen in between ([`still_fresh`]).

use std::time::Duration;

use jiff::Timestamp;

use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::{AttemptState, BlockedReason, CampaignState};
use crate::dialer::gate::{self, Candidate, Gate, Held, Rules};
use crate::dialer::pacing::{self, Limited, Limiter, Reservation};
use crate::time::Now;

/// What the claim's transaction has read.
#[derive(Clone, Copy, Debug)]
pub struct ClaimView<'a> {
    /// The database's clock, read after the locks were taken.
    pub now: Timestamp,
    /// How long the two commits before the INVITE take, as the engine measured it.
    pub headroom: Duration,
    /// The campaign.
    pub rules: &'a Rules,
    /// Every limiter that applies, in lock order.
    pub limiters: &'a [Limiter],
    /// The ready target that was picked.
    pub candidate: &'a Candidate,
}

/// What the claim's transaction has to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimDecision {
    /// Insert the attempt, bump the limiters, target to IN_PROGRESS.
    Claim(Claim),
    /// Nothing: a limit leaves no room. The target stays READY.
    Limited(Limited),
    /// Target back to WAITING.
    Defer {
        /// Its new `next_at`.
        next_at: Timestamp,
        /// What stands in the way.
        held: Held,
    },
    /// Target to BLOCKED, with a NOT_PLACED attempt that carries the reason.
    Block(BlockedReason),
    /// Target to EXPIRED.
    Expire,
    /// Target to WAITING at the head of the queue; report `callback_missed`.
    CallbackMissed,
    /// Nothing: the campaign is not in progress. The target stays READY.
    Stopped,
}

/// A claim that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Number of this dial within its round, from 1, never used again.
    pub dial_no: u32,
    /// When the INVITE leaves, and the limiters' new times.
    pub reservation: Reservation,
    /// The INVITE must not leave later than this: the window closes, or the pace would suffer.
    pub send_by: Timestamp,
}

/// Whether there is room at all, asked before a target is picked so that a full campaign costs no search.
///
/// # Errors
/// The decision that ends the transaction: `Stopped` or `Limited`.
pub fn admit(
    now: Timestamp,
    headroom: Duration,
    state: CampaignState,
    limiters: &[Limiter],
) -> Result<Reservation, ClaimDecision> {
    match state {
        CampaignState::InProgress => pacing::reserve(now, headroom, limiters).map_err(ClaimDecision::Limited),
        CampaignState::Draft
        | CampaignState::Paused
        | CampaignState::Completed
        | CampaignState::Cancelled
        | CampaignState::Deleting => Err(ClaimDecision::Stopped),
    }
}

/// Decides about one candidate. After `Defer`, `Block`, `Expire` and `CallbackMissed` the transaction may pick the next
/// one, up to [`MAX_CANDIDATES`].
#[must_use]
pub fn decide(view: ClaimView<'_>) -> ClaimDecision {
    let reservation = match admit(view.now, view.headroom, view.rules.state, view.limiters) {
        Ok(reservation) => reservation,
        Err(refused) => return refused,
    };
    match gate::check(reservation.send_at, view.rules, view.candidate) {
        Gate::Open { until } => {
            let send_by = until.min(reservation.send_by);
            ClaimDecision::Claim(Claim { dial_no: view.candidate.dials + 1, reservation, send_by })
        }
        Gate::Defer { next_at, held } => ClaimDecision::Defer { next_at, held },
        Gate::Block(reason) => ClaimDecision::Block(reason),
        Gate::Expire => ClaimDecision::Expire,
        Gate::CallbackMissed => ClaimDecision::CallbackMissed,
    }
}

/// Most candidates that one claim transaction turns away before it gives other claims a chance.
pub const MAX_CANDIDATES: usize = 64;

/// What the dial's transaction has read.
#[derive(Clone, Copy, Debug)]
pub struct DialView {
    /// The database's clock.
    pub now: Timestamp,
    /// The attempt's state.
    pub attempt: AttemptState,
    /// Whether the attempt is held by this node in this epoch.
    pub mine: bool,
    /// When the claim's lease ends.
    pub lease_until: Timestamp,
    /// When the node's ends.
    pub node_lease_until: Timestamp,
    /// The campaign's state.
    pub campaign: CampaignState,
    /// A suppression that has come up since the claim.
    pub suppression: Option<BlockedReason>,
    /// What has shut the contact's hours since the claim.
    pub shut: Option<Held>,
    /// The breaker of its trunk has opened since the claim, and this is not the call that tries.
    pub trunk_shut: bool,
    /// The claim's [`Claim::send_by`].
    pub send_by: Timestamp,
}

/// Why a claimed dial must not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialRefusal {
    /// The attempt is no longer this node's: touch nothing.
    LeaseLost,
    /// The campaign was paused or ended: attempt NOT_PLACED, target READY again.
    CampaignStopped,
    /// The number was suppressed: attempt NOT_PLACED, target BLOCKED.
    Suppressed(BlockedReason),
    /// The contact's hours have been changed and are shut: attempt NOT_PLACED, target READY again.
    Shut(Held),
    /// The trunk is to be left alone: attempt NOT_PLACED, target READY again, for another trunk or a later time.
    TrunkShut,
    /// Its moment has passed or the process stood still for too long: attempt NOT_PLACED, target READY again.
    TooLate,
}

impl DialRefusal {
    /// The reason that the NOT_PLACED attempt carries; none when the attempt is not ours to write.
    #[must_use]
    pub const fn disconnection(self) -> Option<DisconnectionReason> {
        match self {
            Self::LeaseLost => None,
            Self::CampaignStopped | Self::Shut(_) | Self::TrunkShut => Some(DisconnectionReason::Cancelled),
            Self::Suppressed(reason) => Some(reason.disconnection()),
            Self::TooLate => Some(DisconnectionReason::NodeLost),
        }
    }
}

/// Whether a claimed attempt may become DIALING.
///
/// # Errors
/// Why not, the strongest reason first.
pub fn may_dial(view: &DialView) -> Result<(), DialRefusal> {
    if view.attempt != AttemptState::Claimed || view.now >= view.lease_until {
        return Err(DialRefusal::LeaseLost);
    }
    may_go_on(view)?;
    if view.now > view.send_by {
        return Err(DialRefusal::TooLate);
    }
    if view.trunk_shut {
        return Err(DialRefusal::TrunkShut);
    }
    Ok(())
}

/// Whether a dialing attempt whose leg has failed may get another leg. Its moment has passed by nature: the new leg
/// reserves its own.
///
/// # Errors
/// Why not, the strongest reason first.
pub fn may_dial_again(view: &DialView) -> Result<(), DialRefusal> {
    if view.attempt != AttemptState::Dialing {
        return Err(DialRefusal::LeaseLost);
    }
    may_go_on(view)
}

fn may_go_on(view: &DialView) -> Result<(), DialRefusal> {
    if !view.mine || view.now >= view.node_lease_until {
        return Err(DialRefusal::LeaseLost);
    }
    if let Some(reason) = view.suppression {
        return Err(DialRefusal::Suppressed(reason));
    }
    if view.campaign != CampaignState::InProgress {
        return Err(DialRefusal::CampaignStopped);
    }
    if let Some(held) = view.shut {
        return Err(DialRefusal::Shut(held));
    }
    Ok(())
}

/// Whether so little time has passed since the dial's transaction began that its INVITE may still leave: less than a
/// third of the lease, on either clock. A monotonic clock can stand still while a machine sleeps, a wall clock can be
/// set back; both together miss only a machine that does both at once.
#[must_use]
pub fn still_fresh(began: Now, now: Now, lease: Duration) -> bool {
    let mono = now.mono.saturating_duration_since(began.mono);
    let wall = Duration::try_from(now.wall.duration_since(began.wall)).unwrap_or(Duration::ZERO);
    mono.max(wall) < lease / 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::run::Schedule;
    use crate::campaign::settings::{Settings, TzMode};
    use crate::dialer::calling_hours::CallingHours;
    use crate::dialer::gate::{ContactNumber, DeferReason, SameNumber};
    use crate::dialer::pacing::Scope;

    const NOON: Timestamp = Timestamp::constant(1_781_085_600, 0);

    fn rules(state: CampaignState) -> Rules {
        Rules {
            state,
            settings: Settings::default(),
            hours: CallingHours::new(&Schedule::default(), TzMode::ContactLocal).expect("UTC"),
        }
    }

    fn candidate() -> Candidate {
        Candidate {
            number: ContactNumber::Valid("+4930901820".parse::<crate::campaign::phone::E164>().expect("valid").into()),
            zone: None,
            suppression: None,
            consent: false,
            callback_at: None,
            dials: 2,
            same_number: SameNumber::default(),
        }
    }

    fn limiter(tat: Option<Timestamp>) -> Limiter {
        Limiter {
            scope: Scope::Campaign,
            tat,
            interval: Some(pacing::interval(60)),
            live: 0,
            most_live: Some(1),
            closed_until: None,
        }
    }

    #[test]
    fn a_grant_carries_the_dial_number_the_moment_and_the_last_moment() {
        let tat = NOON + Duration::from_millis(90);
        let view = ClaimView {
            now: NOON,
            headroom: Duration::ZERO,
            rules: &rules(CampaignState::InProgress),
            limiters: &[limiter(Some(tat))],
            candidate: &candidate(),
        };
        let ClaimDecision::Claim(claim) = decide(view) else { panic!("granted") };
        assert_eq!((claim.dial_no, claim.reservation.send_at), (3, tat));
        assert_eq!(claim.send_by, tat + Duration::from_millis(500), "the pace ends before the window does");
    }

    #[test]
    fn a_stopped_campaign_and_a_full_one_pick_nobody() {
        let mut full = limiter(None);
        full.live = 1;
        for &state in CampaignState::ALL {
            let refused = admit(NOON, Duration::ZERO, state, &[full]).expect_err("no room in any state");
            let limited = ClaimDecision::Limited(Limited { scope: Scope::Campaign, until: None });
            let want = if state == CampaignState::InProgress { limited } else { ClaimDecision::Stopped };
            assert_eq!(refused, want, "{state}");
        }
    }

    #[test]
    fn the_gate_is_asked_for_the_moment_of_the_invite() {
        let mut contact = candidate();
        contact.suppression = Some(BlockedReason::OptedOut);
        let rules = rules(CampaignState::InProgress);
        let view = ClaimView { now: NOON, headroom: Duration::ZERO, rules: &rules, limiters: &[], candidate: &contact };
        assert_eq!(decide(view), ClaimDecision::Block(BlockedReason::OptedOut));
        // 98 ms before the last moment to ring, but the reserved moment lies after it.
        let late = "2026-06-10T18:59:29.902Z".parse::<Timestamp>().expect("a timestamp");
        let paced = [limiter(Some(late + Duration::from_millis(99)))];
        let view =
            ClaimView { now: late, headroom: Duration::ZERO, rules: &rules, limiters: &paced, candidate: &candidate() };
        assert!(matches!(decide(view), ClaimDecision::Defer { held: Held { why: DeferReason::OutsideHours, .. }, .. }));
    }

    #[test]
    fn a_dial_is_refused_for_each_reason_alone() {
        let good = DialView {
            now: NOON,
            attempt: AttemptState::Claimed,
            mine: true,
            lease_until: NOON + Duration::from_secs(30),
            node_lease_until: NOON + Duration::from_secs(30),
            campaign: CampaignState::InProgress,
            suppression: None,
            shut: None,
            trunk_shut: false,
            send_by: NOON,
        };
        assert_eq!(may_dial(&good), Ok(()));
        assert_eq!(may_dial(&DialView { trunk_shut: true, ..good }), Err(DialRefusal::TrunkShut));
        assert_eq!(may_dial(&DialView { mine: false, ..good }), Err(DialRefusal::LeaseLost));
        assert_eq!(may_dial(&DialView { lease_until: NOON, ..good }), Err(DialRefusal::LeaseLost));
        assert_eq!(may_dial(&DialView { node_lease_until: NOON, ..good }), Err(DialRefusal::LeaseLost));
        for &attempt in AttemptState::ALL.iter().filter(|&&state| state != AttemptState::Claimed) {
            assert_eq!(may_dial(&DialView { attempt, ..good }), Err(DialRefusal::LeaseLost), "{attempt}");
        }
        for &campaign in CampaignState::ALL.iter().filter(|&&state| state != CampaignState::InProgress) {
            assert_eq!(may_dial(&DialView { campaign, ..good }), Err(DialRefusal::CampaignStopped), "{campaign}");
        }
        let suppression = Some(BlockedReason::Dnc);
        assert_eq!(may_dial(&DialView { suppression, ..good }), Err(DialRefusal::Suppressed(BlockedReason::Dnc)));
        let send_by = NOON - Duration::from_micros(1);
        assert_eq!(may_dial(&DialView { send_by, ..good }), Err(DialRefusal::TooLate));
    }

    #[test]
    fn a_further_leg_needs_what_a_dial_needs_but_its_moment() {
        let dialing = DialView {
            now: NOON,
            attempt: AttemptState::Dialing,
            mine: true,
            lease_until: NOON - Duration::from_secs(5),
            node_lease_until: NOON + Duration::from_secs(30),
            campaign: CampaignState::InProgress,
            suppression: None,
            shut: None,
            trunk_shut: false,
            send_by: NOON - Duration::from_secs(5),
        };
        assert_eq!(may_dial_again(&dialing), Ok(()));
        for &attempt in AttemptState::ALL.iter().filter(|&&state| state != AttemptState::Dialing) {
            assert_eq!(may_dial_again(&DialView { attempt, ..dialing }), Err(DialRefusal::LeaseLost), "{attempt}");
        }
        assert_eq!(may_dial_again(&DialView { mine: false, ..dialing }), Err(DialRefusal::LeaseLost));
        assert_eq!(may_dial_again(&DialView { node_lease_until: NOON, ..dialing }), Err(DialRefusal::LeaseLost));
        let paused = DialView { campaign: CampaignState::Paused, ..dialing };
        assert_eq!(may_dial_again(&paused), Err(DialRefusal::CampaignStopped));
        let suppressed = DialView { suppression: Some(BlockedReason::Dnc), ..dialing };
        let held = Held { why: DeferReason::QuietHours, rule: None };
        let shut = DialView { shut: Some(held), ..dialing };
        assert_eq!(may_dial_again(&shut), Err(DialRefusal::Shut(held)));
        assert_eq!(may_dial_again(&suppressed), Err(DialRefusal::Suppressed(BlockedReason::Dnc)));
    }

    #[test]
    fn a_freeze_on_either_clock_makes_a_dial_stale() {
        let lease = Duration::from_secs(30);
        let began = crate::time::now();
        assert!(still_fresh(began, began.after(Duration::from_millis(9_999)), lease));
        assert!(!still_fresh(began, began.after(Duration::from_secs(10)), lease));
        let slept = Now { mono: began.mono, wall: began.wall + Duration::from_secs(10) };
        assert!(!still_fresh(began, slept, lease), "the machine slept");
        let set_back = Now { mono: began.mono + Duration::from_secs(10), wall: began.wall - Duration::from_secs(60) };
        assert!(!still_fresh(began, set_back, lease), "the clock was set back");
    }
}
