//! Single rules in worlds without faults: exact pace, fair shares.

use std::time::Duration;

use callwright::campaign::run::Schedule;
use callwright::campaign::settings::{Settings, TzMode};
use callwright::campaign::states::CampaignState;
use callwright::dialer::calling_hours::CallingHours;
use callwright::dialer::engine::Config;
use callwright::dialer::gate::Rules;
use callwright::id::TrunkId;
use jiff::Timestamp;

use crate::world::World;
use crate::world::check::{Check, Limit, Meaning};
use callwright::dialer::forecast::ledger::{Contact, Ledger, Trunk};

/// Ten in the morning, in UTC, where all contacts of these worlds live.
const START: Timestamp = Timestamp::constant(1_781_085_600, 0);

/// Campaigns of (calls per minute, simultaneous calls) with `contacts` each, in an organisation with `org_calls`.
fn world(campaigns: &[(u32, u32)], contacts: usize, org_calls: u32, hosts: usize) -> World {
    let config = Config::default();
    let trunk = Trunk::new(TrunkId::from_u128(1), 6_000, 10_000);
    let mut ledger = Ledger::new(config.lease, 6_000, org_calls, vec![trunk]);
    let mut limits = vec![Limit::new("organisation".to_owned(), 6_000, org_calls)];
    let mut meanings = Vec::new();
    let utc = callwright::campaign::zone::zone_named("UTC").expect("exists");
    for (index, &(calls_per_minute, most)) in campaigns.iter().enumerate() {
        let settings = Settings { calls_per_minute, max_concurrent_calls: most, ..Settings::default() };
        limits.push(Limit::new(format!("campaign {index}"), calls_per_minute, most));
        meanings.push(Meaning {
            settings: settings.clone(),
            slots: vec![(480, 1260)],
            slots_in: None,
            contact_hours: (480, 1260),
            limits: vec![0, 1 + index],
            stopped: None,
            later_rounds_unanswered: false,
        });
        let hours = CallingHours::new(&Schedule::default(), TzMode::ContactLocal).expect("UTC");
        let campaign = ledger.add_campaign(Rules { state: CampaignState::InProgress, settings, hours }, 0);
        for _ in 0..contacts {
            let contact = ledger.contacts.len();
            let number = format!("+4930{contact:08}").parse().expect("canonical");
            ledger.contacts.push(Contact { number, zone: Some("UTC".to_owned()) });
            ledger.add_target(campaign, contact, START);
        }
    }
    let zones = vec![vec![utc]; ledger.contacts.len()];
    let check = Check::new(config.lease, limits, meanings);
    World::new(5, START, ledger, check, zones, vec![config; hosts])
}

/// Dials of a campaign sent in each minute from `from` to `to`.
fn minutes(world: &World, campaign: usize, from: u64, to: u64) -> Vec<usize> {
    let sent = |minute: u64| {
        let begin = START + Duration::from_secs(60 * minute);
        let end = begin + Duration::from_secs(60);
        let attempts = world.ledger.attempts.values();
        attempts
            .filter(|attempt| world.ledger.targets[attempt.target].campaign == campaign)
            .filter(|attempt| attempt.committed_at.is_some() && attempt.send_at >= begin && attempt.send_at < end)
            .count()
    };
    (from..to).map(sent).collect()
}

#[test]
fn the_pace_is_kept_from_both_sides_on_any_number_of_nodes() {
    for (calls_per_minute, contacts) in [(7, 200), (60, 700), (600, 4_000)] {
        for hosts in 1..=3 {
            let mut world = world(&[(calls_per_minute, 10_000)], contacts, 10_000, hosts);
            world.run_until(Duration::from_secs(6 * 60));
            let slack = (calls_per_minute / 100).max(1) as usize;
            for sent in minutes(&world, 0, 1, 6) {
                let off = sent.abs_diff(calls_per_minute as usize);
                assert!(off <= slack, "{sent} dials in a minute of {calls_per_minute}, {hosts} nodes");
            }
            assert!(world.check.latest_lateness <= Duration::from_millis(50));
        }
    }
}

#[test]
fn a_full_organisation_is_shared_by_weight_on_any_number_of_nodes() {
    for hosts in 1..=3 {
        let mut world = world(&[(6_000, 30), (6_000, 10)], 1_500, 16, hosts);
        world.run_until(Duration::from_secs(20 * 60));
        let sent = |campaign| minutes(&world, campaign, 0, 20).iter().sum::<usize>();
        let (heavy, light) = (sent(0), sent(1));
        assert!(heavy + light > 300, "{heavy} and {light} dials: the organisation is idle, {hosts} nodes");
        let ratio = heavy as f64 / light as f64;
        assert!((2.7..3.3).contains(&ratio), "{heavy} to {light} dials for weights of 30 to 10, {hosts} nodes");
    }
}
