//! How trunks share the dials of a campaign by weight, pure: whoever is owed most is asked first.
//!
//! Of weights 3 and 1, every fourth dial goes over the second trunk, and they are spread evenly instead of coming in heaps.
//! Each node shares its own dials so; all of them together then are.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::dialer::claim::ClaimDecision;
use crate::dialer::pacing::{Limited, Limiter, Scope};
use crate::id::TrunkId;

/// What is owed to each trunk: the sum is 0.
#[derive(Clone, Debug, Default)]
pub struct Shares {
    owed: BTreeMap<TrunkId, i64>,
}

impl Shares {
    /// The trunks, each with its weight (1 or more), in the order in which they are to be asked for room.
    #[must_use]
    pub fn order(&self, trunks: &[(TrunkId, u32)]) -> Vec<TrunkId> {
        let mut order: Vec<_> = trunks.iter().map(|(trunk, weight)| (-self.due(*trunk, *weight), *trunk)).collect();
        // Stable: equals stay as they were given.
        order.sort_by_key(|(due, _)| *due);
        order.into_iter().map(|(_, trunk)| trunk).collect()
    }

    /// A dial went over `taker`, one of `trunks`. Those that had no room are not among them: nothing is owed to them for it.
    pub fn took(&mut self, trunks: &[(TrunkId, u32)], taker: TrunkId) {
        let mut total = 0;
        for (trunk, weight) in trunks {
            *self.owed.entry(*trunk).or_default() += i64::from(*weight);
            total += i64::from(*weight);
        }
        *self.owed.entry(taker).or_default() -= total;
    }

    fn due(&self, trunk: TrunkId, weight: u32) -> i64 {
        self.owed.get(&trunk).copied().unwrap_or_default() + i64::from(weight)
    }
}

/// Trunks of one priority that are only waited for because their turn comes later.
#[derive(Debug, Default)]
pub struct Paced {
    /// Dials a second of all of them…
    rate: f64,
    /// … and those that the campaign may have.
    wanted: f64,
    /// The one whose turn comes first.
    first: Option<ClaimDecision>,
}

impl Paced {
    /// One of them has no room, and why.
    pub fn note(&mut self, why: &ClaimDecision, limiters: &[Limiter]) {
        if !matches!(why, ClaimDecision::Limited(Limited { scope: Scope::Trunk, until: Some(_) })) {
            return;
        }
        let of = |scope| limiters.iter().find(|limiter| limiter.scope == scope).and_then(|limiter| limiter.interval);
        let rate = |scope| of(scope).map_or(f64::INFINITY, |interval: Duration| interval.as_secs_f64().recip());
        self.rate += rate(Scope::Trunk);
        self.wanted = rate(Scope::Campaign);
        if self.first.as_ref().is_none_or(|first| until(why) < until(first)) {
            self.first = Some(why.clone());
        }
    }

    /// Whom to wait for, if together they are as fast as the campaign may be.
    #[must_use]
    pub fn carry(self) -> Option<ClaimDecision> {
        // Sums of fractions: 3 times a third is a little less than 1.
        self.first.filter(|_| self.rate * (1.0 + 1e-9) >= self.wanted)
    }
}

/// When a refusal ends; a free channel comes at a time that nobody knows.
#[must_use]
pub fn until(decision: &ClaimDecision) -> Option<Timestamp> {
    match decision {
        ClaimDecision::Limited(limited) => limited.until,
        ClaimDecision::Claim(_)
        | ClaimDecision::Defer { .. }
        | ClaimDecision::Block(_)
        | ClaimDecision::Expire
        | ClaimDecision::CallbackMissed
        | ClaimDecision::Stopped => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TrunkId = TrunkId::from_u128(1);
    const B: TrunkId = TrunkId::from_u128(2);
    const C: TrunkId = TrunkId::from_u128(3);

    fn dial(shares: &mut Shares, trunks: &[(TrunkId, u32)]) -> TrunkId {
        let first = shares.order(trunks)[0];
        shares.took(trunks, first);
        first
    }

    #[test]
    fn dials_are_shared_by_weight_and_spread() {
        let (mut shares, trunks) = (Shares::default(), [(A, 5), (B, 1), (C, 1)]);
        let dials: Vec<_> = (0..14).map(|_| dial(&mut shares, &trunks)).collect();
        assert_eq!(dials[..7], [A, A, B, A, C, A, A]);
        assert_eq!(dials[7..], dials[..7], "and so on");
    }

    #[test]
    fn who_has_no_room_saves_nothing_up() {
        let (mut shares, trunks) = (Shares::default(), [(A, 3), (B, 1)]);
        for _ in 0..1000 {
            shares.took(&trunks[1..], B);
        }
        let dials: Vec<_> = (0..8).map(|_| dial(&mut shares, &trunks)).collect();
        assert_eq!(dials.iter().filter(|trunk| **trunk == A).count(), 6);
    }

    #[test]
    fn equals_are_asked_in_the_order_given() {
        assert_eq!(Shares::default().order(&[(C, 1), (A, 1), (B, 2)]), [B, C, A]);
    }
}
