//! What a campaign does, from the few numbers that a list of campaigns can afford.

use super::diagnosis::Activity;
use super::gate::{DeferReason, Held};
use crate::campaign::states::CampaignState;

/// What a list knows of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// Where it stands.
    pub state: CampaignState,
    /// It starts by itself.
    pub is_scheduled: bool,
    /// A limit leaves it no room.
    pub is_held: bool,
    /// Contacts in a call.
    pub live: u64,
    /// Contacts that are next.
    pub ready: u64,
    /// Contacts that are called back.
    pub callbacks: u64,
    /// Contacts that are not called to an end yet.
    pub pending: u64,
    /// What those wait for who are first among the waiting.
    pub waits_for: Vec<String>,
}

/// What a campaign does; none when it does nothing.
#[must_use]
pub fn activity(seen: &Glance) -> Option<Activity> {
    match seen.state {
        CampaignState::Draft => seen.is_scheduled.then_some(Activity::Scheduled),
        CampaignState::Paused | CampaignState::Completed | CampaignState::Cancelled | CampaignState::Deleting => {
            (seen.live > 0).then_some(Activity::Draining)
        }
        CampaignState::InProgress if seen.ready > 0 && seen.is_held => Some(Activity::WaitingCapacity),
        CampaignState::InProgress if seen.live > 0 || seen.ready > 0 => Some(Activity::Dialing),
        CampaignState::InProgress => waiting(seen),
    }
}

fn waiting(seen: &Glance) -> Option<Activity> {
    let hours = [DeferReason::OutsideHours, DeferReason::Law, DeferReason::QuietHours];
    let shut = |held: &String| {
        let (why, _) = Held::parts(held);
        why == "not_due" || hours.iter().any(|reason| reason.as_str() == why)
    };
    match () {
        () if seen.waits_for.iter().any(shut) => Some(Activity::WaitingWindow),
        () if !seen.waits_for.is_empty() || seen.callbacks > 0 => Some(Activity::WaitingRetry),
        () => (seen.pending > 0).then_some(Activity::WaitingPerson),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Glance {
        Glance {
            state: CampaignState::InProgress,
            is_scheduled: false,
            is_held: false,
            live: 0,
            ready: 0,
            callbacks: 0,
            pending: 9,
            waits_for: Vec::new(),
        }
    }

    #[test]
    fn a_campaign_that_dials_says_what_it_waits_for() {
        let waits = |held: &str| Glance { waits_for: vec![held.to_owned()], ..running() };
        for (seen, expected) in [
            (Glance { live: 1, ..running() }, Some(Activity::Dialing)),
            (Glance { ready: 1, ..running() }, Some(Activity::Dialing)),
            (Glance { ready: 1, live: 1, is_held: true, ..running() }, Some(Activity::WaitingCapacity)),
            (Glance { is_held: true, live: 1, ..running() }, Some(Activity::Dialing)),
            (waits("outside_hours"), Some(Activity::WaitingWindow)),
            (waits("law:us-fl"), Some(Activity::WaitingWindow)),
            (waits("retry"), Some(Activity::WaitingRetry)),
            (waits("frequency_cap"), Some(Activity::WaitingRetry)),
            (Glance { callbacks: 2, ..running() }, Some(Activity::WaitingRetry)),
            (running(), Some(Activity::WaitingPerson)),
            (Glance { pending: 0, ..running() }, None),
        ] {
            assert_eq!(activity(&seen), expected, "{seen:?}");
        }
    }

    #[test]
    fn a_campaign_that_stands_is_scheduled_or_drains() {
        let state = |state| Glance { state, ..running() };
        assert_eq!(activity(&state(CampaignState::Draft)), None);
        let scheduled = Glance { is_scheduled: true, ..state(CampaignState::Draft) };
        assert_eq!(activity(&scheduled), Some(Activity::Scheduled));
        for stopped in [CampaignState::Paused, CampaignState::Completed, CampaignState::Cancelled] {
            assert_eq!(activity(&state(stopped)), None);
            assert_eq!(activity(&Glance { live: 1, ..state(stopped) }), Some(Activity::Draining));
        }
    }
}
