//! How fast, and how many at once: GCRA for the rate, a count of live calls for the number.
//!
//! A scope (an organisation, a trunk, a campaign, a caller ID) stores one time, its `tat`: when its next dial is due
//! at an even pace. A dial reserves a moment at or after every scope's `tat`, and its INVITE leaves at that moment, not
//! when the claim happened to run. A scope that was idle may catch up by one interval, so that the time between two
//! claims is not lost from the rate.

use std::time::Duration;

use jiff::Timestamp;

use crate::campaign::wire::wire_enum;

wire_enum! {
    /// What a limit belongs to, in the order in which limiter rows are locked.
    pub enum Scope is "limiter scope" {
        /// All outbound calls of an organisation.
        Organisation = "organisation",
        /// A carrier's trunk.
        Trunk = "trunk",
        /// A campaign.
        Campaign = "campaign",
        /// A number to call from.
        CallerId = "caller_id",
        /// The dials of a day from a number. Not a row of its own: they are counted under the lock of the number.
        CallerDay = "caller_day",
        /// What an organisation's calls may cost in a day. Not a row of limiters: `spend` has one a day.
        Spend = "spend",
        /// One server process: its calls, and the recognisers it has for them. Not a row: each node counts its own.
        Node = "node",
        /// The vendors of a campaign's assistant. Not a row: each node sees for itself how they are doing.
        Providers = "providers",
    }
}

/// One limiter as it stands under its row lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limiter {
    /// What it belongs to.
    pub scope: Scope,
    /// When the next dial is due at an even pace; none before the first dial.
    pub tat: Option<Timestamp>,
    /// Time between two dials at the allowed rate; none = no rate limit.
    pub interval: Option<Duration>,
    /// Live calls of the scope, counted under the lock.
    pub live: u32,
    /// Most live calls; none = no limit.
    pub most_live: Option<u32>,
    /// Nothing is dialed before this moment: a trunk backs off.
    pub closed_until: Option<Timestamp>,
}

/// A moment reserved in every scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// When the INVITE leaves.
    pub send_at: Timestamp,
    /// When it must not leave any more: the pace would suffer.
    pub send_by: Timestamp,
    /// What each scope's `tat` becomes, in the order given; scopes without a rate keep theirs.
    pub tats: Vec<(Scope, Option<Timestamp>)>,
}

/// A limit that leaves no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// Whose.
    pub scope: Scope,
    /// When to ask again; none = when a live call of the scope has ended.
    pub until: Option<Timestamp>,
}

/// How far ahead of its moment, beyond the headroom, a dial is claimed: enough that a store that stands still for some tenths
/// of a second (SQLite, while it moves its log) costs no moment, and next to nothing beside what a person waits for.
pub const CLAIM_LEAD: Duration = Duration::from_millis(500);
/// So much of the lead is used up before more is claimed: at high rates a claim then takes several dials at once.
const REFILL: Duration = Duration::from_millis(100);

/// Reserves the next moment that every scope allows, `headroom` from now at the earliest: the time that the two commits
/// before the INVITE take.
///
/// # Errors
/// The scope without room. With several, the first whose calls have to end, else the one that waits longest.
pub fn reserve(now: Timestamp, headroom: Duration, limiters: &[Limiter]) -> Result<Reservation, Limited> {
    if let Some(full) = limiters.iter().find(|limiter| limiter.most_live.is_some_and(|most| limiter.live >= most)) {
        return Err(Limited { scope: full.scope, until: None });
    }
    let earliest = now + headroom;
    let mut send_at = earliest;
    let mut slowest = None;
    for limiter in limiters {
        let free = limiter.free_at();
        if free > send_at {
            send_at = free;
            slowest = Some(limiter.scope);
        }
    }
    if let Some(scope) = slowest
        && send_at > earliest + CLAIM_LEAD
    {
        return Err(Limited { scope, until: Some(send_at - (CLAIM_LEAD - REFILL) - headroom) });
    }
    let late = limiters.iter().filter_map(|limiter| limiter.interval).map(lateness).min().unwrap_or(MOST_LATE);
    let tats = limiters.iter().map(|limiter| (limiter.scope, limiter.tat_after(send_at))).collect();
    Ok(Reservation { send_at, send_by: send_at + late, tats })
}

const LEAST_LATE: Duration = Duration::from_millis(50);
const MOST_LATE: Duration = Duration::from_millis(500);

/// How late after its moment a dial may still leave: 50 ms at high rates, up to half a second at low ones, where it
/// matters less to the pace than a dial taken back.
#[must_use]
pub fn lateness(interval: Duration) -> Duration {
    (interval / 2).clamp(LEAST_LATE, MOST_LATE)
}

impl Limiter {
    /// The first moment the scope allows.
    fn free_at(&self) -> Timestamp {
        let paced = self.interval.and(self.tat).unwrap_or(Timestamp::MIN);
        paced.max(self.closed_until.unwrap_or(Timestamp::MIN))
    }

    /// The next due time after a dial at `send_at`. A scope left idle forgives one interval less the lateness.
    fn tat_after(&self, send_at: Timestamp) -> Option<Timestamp> {
        let Some(interval) = self.interval else {
            return self.tat;
        };
        let due = match self.tat {
            Some(tat) => tat.max(send_at - interval.saturating_sub(lateness(interval))),
            None => send_at,
        };
        Some(due + interval)
    }
}

/// The time between two dials of which `share` thousandths are left of the rate.
#[must_use]
pub fn slower(interval: Duration, share: u32) -> Duration {
    interval * 1000 / share.clamp(1, 1000)
}

/// The time between two dials of a rate.
#[must_use]
pub fn interval(calls_per_minute: u32) -> Duration {
    Duration::from_micros(60_000_000 / u64::from(calls_per_minute.max(1)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn limiter(scope: Scope, calls_per_minute: u32) -> Limiter {
        Limiter {
            scope,
            tat: None,
            interval: Some(interval(calls_per_minute)),
            live: 0,
            most_live: None,
            closed_until: None,
        }
    }

    fn reserve(now: Timestamp, limiters: &[Limiter]) -> Result<Reservation, Limited> {
        super::reserve(now, Duration::ZERO, limiters)
    }

    fn ms(ms: u64) -> Timestamp {
        START + Duration::from_millis(ms)
    }

    #[test]
    fn dials_keep_an_even_distance() {
        let mut campaign = limiter(Scope::Campaign, 600);
        for dial in 0..8 {
            let reserved = reserve(START, &[campaign]);
            if dial <= 5 {
                let reserved = reserved.expect("within the lead");
                assert_eq!(reserved.send_at, ms(100 * dial));
                campaign.tat = reserved.tats[0].1;
            } else {
                assert_eq!(reserved, Err(Limited { scope: Scope::Campaign, until: Some(ms(200)) }));
            }
        }
    }

    #[test]
    fn an_idle_scope_catches_up_by_less_than_one_interval() {
        let mut campaign = limiter(Scope::Campaign, 60);
        campaign.tat = Some(START);
        let first = reserve(ms(60_000), &[campaign]).expect("idle");
        assert_eq!((first.send_at, first.tats[0].1), (ms(60_000), Some(ms(60_500))));
        campaign.tat = first.tats[0].1;
        assert_eq!(reserve(ms(59_900), &[campaign]).expect_err("paced").until, Some(ms(60_100)));
        let second = reserve(ms(60_100), &[campaign]).expect("half an interval forgiven");
        campaign.tat = second.tats[0].1;
        assert_eq!((second.send_at, campaign.tat), (ms(60_500), Some(ms(61_500))));
    }

    #[test]
    fn the_slowest_scope_decides_and_the_others_are_not_charged_for_waiting() {
        let mut trunk = limiter(Scope::Trunk, 60);
        let mut campaign = limiter(Scope::Campaign, 600);
        trunk.tat = Some(ms(90));
        campaign.tat = Some(ms(20));
        let reserved = reserve(START, &[trunk, campaign]).expect("within the lead");
        assert_eq!((reserved.send_at, reserved.send_by), (ms(90), ms(140)));
        assert_eq!(reserved.tats, [(Scope::Trunk, Some(ms(1090))), (Scope::Campaign, Some(ms(140)))]);
    }

    #[test]
    fn full_scopes_wait_for_an_end_and_closed_ones_for_their_time() {
        let mut trunk = limiter(Scope::Trunk, 60);
        trunk.live = 3;
        trunk.most_live = Some(3);
        assert_eq!(reserve(START, &[trunk]), Err(Limited { scope: Scope::Trunk, until: None }));
        trunk.live = 2;
        trunk.closed_until = Some(ms(5000));
        assert_eq!(reserve(START, &[trunk]), Err(Limited { scope: Scope::Trunk, until: Some(ms(4600)) }));
        assert_eq!(reserve(ms(5000), &[trunk]).map(|reserved| reserved.send_at), Ok(ms(5000)));
    }

    #[test]
    fn a_scope_without_a_rate_keeps_no_time() {
        let mut organisation = limiter(Scope::Organisation, 60);
        organisation.interval = None;
        let reserved = reserve(START, &[organisation]).expect("no limit");
        assert_eq!(reserved, Reservation { send_at: START, send_by: ms(500), tats: vec![(Scope::Organisation, None)] });
    }

    #[test]
    fn headroom_moves_the_first_dial_and_not_the_pace() {
        let headroom = Duration::from_millis(80);
        let mut campaign = limiter(Scope::Campaign, 600);
        for dial in 0..6 {
            let within = super::reserve(START, headroom, &[campaign]).expect("within the lead");
            assert_eq!(within.send_at, ms(80 + 100 * dial));
            campaign.tat = within.tats[0].1;
        }
        let next = super::reserve(START, headroom, &[campaign]).expect_err("beyond the lead");
        assert_eq!(next.until, Some(ms(200)), "when as much of the lead is used up as a claim refills");
        assert_eq!(super::reserve(ms(200), headroom, &[campaign]).map(|reserved| reserved.send_at), Ok(ms(680)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        /// However late or early the asker comes and the dials leave, any minute holds the set number of them, one or one
        /// in a hundred more at most.
        #[test]
        fn any_minute_holds_the_set_rate(
            calls_per_minute in 1_u32..=6000,
            waits in prop::collection::vec((0_u64..20_000, 0_u32..=100), 50..400),
        ) {
            let mut campaign = limiter(Scope::Campaign, calls_per_minute);
            let mut now = START;
            let mut sent: Vec<Timestamp> = Vec::new();
            for (wait, late) in waits {
                now += Duration::from_millis(wait);
                for _ in 0..200 {
                    let Ok(reserved) = reserve(now, &[campaign]) else { break };
                    campaign.tat = reserved.tats[0].1;
                    let slack = Duration::try_from(reserved.send_by.duration_since(reserved.send_at)).expect("positive");
                    sent.push(reserved.send_at + slack * late / 100);
                }
            }
            sent.sort_unstable();
            for (first, &start) in sent.iter().enumerate() {
                let minute = sent[first..].iter().take_while(|&&dial| dial < start + Duration::from_secs(60)).count();
                let most = calls_per_minute + (calls_per_minute / 100).max(1);
                prop_assert!(minute <= most as usize, "{minute} in the minute after {start}");
            }
        }
    }
}
