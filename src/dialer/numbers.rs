//! Which of a contact's numbers is dialed.
//!
//! A contact has up to [`MAX`] numbers in an order, and a target remembers at which of them it stands. A round begins with
//! the first. What a dial came to moves it on ([`after`]); when the number it stands at may not be called and another one
//! may, that one is taken instead ([`pick`]). All of it shares the one budget of the round.

use jiff::Timestamp;

use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::settings::AlternateNumbers;
use crate::dialer::claim::ClaimDecision;
use crate::dialer::gate::Gate;

/// Most numbers of a contact.
pub const MAX: usize = 5;

/// A number of a contact, as far as the order matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its place, from 0.
    pub ordinal: u32,
    /// A carrier said that there is no such number.
    pub invalid: bool,
}

/// Whether a dial that ended so lets the next one go to the contact's next number: nobody was there.
#[must_use]
pub const fn moves_on(reason: DisconnectionReason) -> bool {
    matches!(
        reason,
        DisconnectionReason::DialNoAnswer | DisconnectionReason::DialBusy | DisconnectionReason::VoicemailReached
    )
}

/// The number to be dialed after `current`, whose dial ended for `reason`: the next one in turn that is not known to be
/// invalid. None when it stays the same.
///
/// `lines` are in order, and have what the end itself told already.
#[must_use]
pub fn after(policy: AlternateNumbers, reason: DisconnectionReason, current: u32, lines: &[Line]) -> Option<u32> {
    let moves = match policy {
        AlternateNumbers::Rotate => moves_on(reason) || reason == DisconnectionReason::InvalidPhoneNumber,
        AlternateNumbers::InvalidOnly => reason == DisconnectionReason::InvalidPhoneNumber,
        AlternateNumbers::Off => false,
    };
    let next = in_turn(current, lines).find(|line| !line.invalid && line.ordinal != current);
    next.filter(|_| moves).map(|line| line.ordinal)
}

/// The numbers in the order in which they are looked at: `current`, those behind it, those before it.
pub fn in_turn(current: u32, lines: &[Line]) -> impl Iterator<Item = Line> {
    let at = lines.iter().position(|line| line.ordinal >= current).unwrap_or(0);
    lines[at..].iter().chain(&lines[..at]).copied()
}

/// Whether the other numbers are looked at when `current` came to this.
#[must_use]
pub const fn looks_further(policy: AlternateNumbers, invalid: bool, decision: &ClaimDecision) -> bool {
    match (policy, decision) {
        (AlternateNumbers::Off, _) | (_, ClaimDecision::Limited(_) | ClaimDecision::Stopped) => false,
        (_, ClaimDecision::Claim(_)) => invalid,
        (AlternateNumbers::Rotate, _) | (_, ClaimDecision::Block(_)) => true,
        (
            AlternateNumbers::InvalidOnly,
            ClaimDecision::Defer { .. } | ClaimDecision::Expire | ClaimDecision::CallbackMissed,
        ) => invalid,
    }
}

/// Which of several numbers, in turn, is taken: one that may be called now, else the one that may be called first, else the
/// first of them says why not. Invalid numbers count only when there is no other.
///
/// Gives its place in `found`; none when that is empty.
#[must_use]
pub fn pick(found: &[(Line, Rank)]) -> Option<usize> {
    let sound = found.iter().any(|(line, _)| !line.invalid);
    let known = found.iter().enumerate().filter(|(_, (line, _))| !line.invalid || !sound);
    // Of equal ones the first.
    known.min_by_key(|(_, (_, rank))| *rank).map(|(at, _)| at)
}

/// How soon a number can be called; the least is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(u8, Option<Timestamp>);

/// The rank of a number of which the gate says this.
#[must_use]
pub const fn gate_rank(gate: &Gate) -> Rank {
    match gate {
        Gate::Open { .. } => Rank(0, None),
        Gate::Defer { next_at, .. } => Rank(1, Some(*next_at)),
        Gate::CallbackMissed => Rank(2, None),
        Gate::Expire => Rank(3, None),
        Gate::Block(_) => Rank(4, None),
    }
}

/// The rank of a number for which a claim comes to this.
#[must_use]
pub const fn rank(decision: &ClaimDecision) -> Rank {
    match decision {
        ClaimDecision::Claim(_) | ClaimDecision::Limited(_) | ClaimDecision::Stopped => Rank(0, None),
        ClaimDecision::Defer { next_at, .. } => Rank(1, Some(*next_at)),
        ClaimDecision::CallbackMissed => Rank(2, None),
        ClaimDecision::Expire => Rank(3, None),
        ClaimDecision::Block(_) => Rank(4, None),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::campaign::states::BlockedReason;
    use crate::dialer::claim::Claim;
    use crate::dialer::gate::{DeferReason, Held};
    use crate::dialer::pacing::Reservation;

    const NOON: Timestamp = Timestamp::constant(1_781_085_600, 0);

    fn lines(invalid: &[bool]) -> Vec<Line> {
        invalid.iter().zip(0..).map(|(&invalid, ordinal)| Line { ordinal, invalid }).collect()
    }

    fn granted() -> ClaimDecision {
        let reservation = Reservation { send_at: NOON, send_by: NOON, tats: Vec::new() };
        ClaimDecision::Claim(Claim { dial_no: 1, reservation, send_by: NOON })
    }

    fn deferred(seconds: u64) -> ClaimDecision {
        let held = Held { why: DeferReason::NumberBusy, rule: None };
        ClaimDecision::Defer { next_at: NOON + Duration::from_secs(seconds), held }
    }

    #[test]
    fn whoever_does_not_answer_is_tried_on_the_next_number_and_then_on_the_first_again() {
        let three = lines(&[false; 3]);
        let mut at = 0;
        let mut turns = Vec::new();
        for reason in
            [DisconnectionReason::DialNoAnswer, DisconnectionReason::DialBusy, DisconnectionReason::VoicemailReached]
        {
            at = after(AlternateNumbers::Rotate, reason, at, &three).expect("another");
            turns.push(at);
        }
        assert_eq!(turns, [1, 2, 0]);
    }

    #[test]
    fn what_says_nothing_about_the_person_stays_with_the_number() {
        let three = lines(&[false; 3]);
        for &reason in DisconnectionReason::ALL {
            let moves = moves_on(reason) || reason == DisconnectionReason::InvalidPhoneNumber;
            assert_eq!(after(AlternateNumbers::Rotate, reason, 0, &three), moves.then_some(1), "{reason}");
            let bad = reason == DisconnectionReason::InvalidPhoneNumber;
            assert_eq!(after(AlternateNumbers::InvalidOnly, reason, 0, &three), bad.then_some(1), "{reason}");
            assert_eq!(after(AlternateNumbers::Off, reason, 0, &three), None, "{reason}");
        }
    }

    #[test]
    fn invalid_numbers_are_passed_over_and_the_last_sound_one_is_kept() {
        let bad = DisconnectionReason::InvalidPhoneNumber;
        assert_eq!(after(AlternateNumbers::Rotate, bad, 0, &lines(&[true, true, false])), Some(2));
        assert_eq!(after(AlternateNumbers::Rotate, bad, 2, &lines(&[true, true, true])), None);
        let busy = DisconnectionReason::DialBusy;
        assert_eq!(after(AlternateNumbers::Rotate, busy, 1, &lines(&[true, false, true])), None, "itself again");
        assert_eq!(after(AlternateNumbers::Rotate, busy, 0, &lines(&[false])), None);
    }

    #[test]
    fn of_several_numbers_the_first_that_may_be_called_is_taken() {
        let blocked = || ClaimDecision::Block(BlockedReason::Dnc);
        let found = |decisions: Vec<ClaimDecision>| -> Vec<_> {
            lines(&vec![false; decisions.len()]).into_iter().zip(decisions.iter().map(rank)).collect()
        };
        assert_eq!(pick(&found(vec![blocked(), granted(), granted()])), Some(1));
        assert_eq!(pick(&found(vec![deferred(60), deferred(10), blocked()])), Some(1), "the one that is free first");
        assert_eq!(pick(&found(vec![blocked(), deferred(10), granted()])), Some(2));
        let premium = ClaimDecision::Block(BlockedReason::PremiumNumber);
        assert_eq!(pick(&found(vec![premium, blocked()])), Some(0), "the first says why");
        assert_eq!(pick(&found(vec![ClaimDecision::Expire, blocked()])), Some(0));
        assert_eq!(pick(&[]), None);
    }

    #[test]
    fn an_invalid_number_is_dialed_only_where_there_is_no_other() {
        let [first, second] = [Line { ordinal: 0, invalid: true }, Line { ordinal: 1, invalid: false }];
        let blocked = ClaimDecision::Block(BlockedReason::Dnc);
        assert_eq!(pick(&[(first, rank(&granted())), (second, rank(&deferred(10)))]), Some(1));
        assert_eq!(
            pick(&[(first, rank(&granted())), (second, rank(&blocked))]),
            Some(1),
            "not rung in place of one that may not be"
        );
        assert_eq!(pick(&[(first, rank(&granted()))]), Some(0));
    }

    #[test]
    fn others_are_looked_at_as_the_policy_says() {
        let blocked = ClaimDecision::Block(BlockedReason::Dnc);
        for (policy, invalid, decision, looks) in [
            (AlternateNumbers::Rotate, false, granted(), false),
            (AlternateNumbers::Rotate, true, granted(), true),
            (AlternateNumbers::Rotate, false, deferred(1), true),
            (AlternateNumbers::InvalidOnly, false, deferred(1), false),
            (AlternateNumbers::InvalidOnly, false, blocked.clone(), true),
            (AlternateNumbers::InvalidOnly, true, granted(), true),
            (AlternateNumbers::Off, true, blocked, false),
            (AlternateNumbers::Rotate, true, ClaimDecision::Stopped, false),
        ] {
            assert_eq!(looks_further(policy, invalid, &decision), looks, "{policy} {invalid} {decision:?}");
        }
    }

    proptest! {
        /// Whatever calls come to, a number known to be invalid is not turned to while a sound one is left, and every
        /// sound number has its turn.
        #[test]
        fn every_sound_number_has_its_turn(invalid in prop::collection::vec(any::<bool>(), 1..=MAX)) {
            let all = lines(&invalid);
            let sound: Vec<_> = all.iter().filter(|line| !line.invalid).map(|line| line.ordinal).collect();
            let mut at = 0;
            let mut rung = std::collections::BTreeSet::new();
            for _ in 0..2 * MAX {
                match after(AlternateNumbers::Rotate, DisconnectionReason::DialBusy, at, &all) {
                    Some(next) => {
                        prop_assert!(!all[next as usize].invalid);
                        at = next;
                        rung.insert(next);
                    }
                    None => prop_assert!(sound.iter().all(|one| *one == at), "{sound:?} at {at}"),
                }
            }
            if sound.len() > 1 {
                prop_assert_eq!(rung.into_iter().collect::<Vec<_>>(), sound);
            }
        }
    }
}
