//! A simulated day: three time zones, the end of summer time, pauses, trunk trouble, crashes, freezes.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use callwright::campaign::run::Schedule;
use callwright::campaign::settings::{Settings, TzMode};
use callwright::campaign::states::{AttemptState, CampaignState, TargetState};
use callwright::campaign::target::TargetEvent;
use callwright::campaign::transition::CampaignEvent;
use callwright::campaign::zone::zone_named;
use callwright::dialer::calling_hours::CallingHours;
use callwright::dialer::engine::Config;
use callwright::dialer::gate::Rules;
use callwright::id::TrunkId;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::world::World;
use crate::world::check::{Check, Limit, Meaning};
use crate::world::fate::{Blow, Fate, Step};
use crate::world::rng::Rng;
use crate::world::wire::Weather;
use callwright::dialer::forecast::ledger::{Contact, Ledger, Trunk};

/// Saturday afternoon in Europe, a few hours before its summer time ends.
const START: Timestamp = Timestamp::constant(1_792_850_400, 0); // 2026-10-24T14:00:00Z

/// Until Monday morning in UTC: the campaigns' period ends with Sunday.
const LENGTH: Duration = Duration::from_secs(39 * 3600);

struct CampaignPlan {
    schedule: &'static str,
    settings: &'static str,
    slots: &'static [(u32, u32)],
    slots_in: Option<&'static str>,
    trunk: usize,
}

/// Business hours with a lunch break on the contact's clock, and a run on Sunday for those who never answered; the default
/// hours with a frequency cap; and slots on the
/// campaign's clock.
const CAMPAIGNS: [CampaignPlan; 3] = [
    CampaignPlan {
        schedule: r#"{"time_zone": "Europe/Berlin", "period_end": "2026-10-25", "runs": [
            {"days": {"weekdays": ["mon", "tue", "wed", "thu", "fri", "sat"]},
             "slots": [{"start_min": 540, "end_min": 720}, {"start_min": 840, "end_min": 1080}]},
            {"days": {"weekdays": ["sun"]}, "audience": "never_answered", "max_retries": 1,
             "slots": [{"start_min": 540, "end_min": 720}, {"start_min": 840, "end_min": 1080}]}]}"#,
        settings: r#"{"calls_per_minute": 40, "max_concurrent_calls": 20}"#,
        slots: &[(540, 720), (840, 1080)],
        slots_in: None,
        trunk: 0,
    },
    CampaignPlan {
        schedule: r#"{"time_zone": "America/New_York", "period_end": "2026-10-25"}"#,
        settings: r#"{"calls_per_minute": 30, "max_concurrent_calls": 25, "max_retries": 2, "retry_delay_min": 15,
            "frequency_cap": {"dials": 3, "per_hours": 24}}"#,
        slots: &[(480, 1260)],
        slots_in: None,
        trunk: 0,
    },
    CampaignPlan {
        schedule: r#"{"time_zone": "Europe/Berlin", "period_end": "2026-10-25", "runs": [
            {"slots": [{"start_min": 480, "end_min": 1230}]}]}"#,
        settings: r#"{"calls_per_minute": 25, "max_concurrent_calls": 12, "tz_mode": "campaign",
            "retry_overrides": [{"reason": "dial_busy", "delay_min": 10, "max_retries": 2}]}"#,
        slots: &[(480, 1230)],
        slots_in: Some("Europe/Berlin"),
        trunk: 1,
    },
];

const ORG_CALLS_PER_MINUTE: u32 = 80;
const ORG_MAX_CALLS: u32 = 45;

fn build(seed: u64, contacts: usize, hosts: usize, config: Config) -> World {
    let mut rng = Rng::new(seed ^ 0x5eed);
    let trunks = vec![Trunk::new(TrunkId::from_u128(1), 60, 30), Trunk::new(TrunkId::from_u128(2), 30, 20)];
    let mut limits = vec![Limit::new("organisation".to_owned(), ORG_CALLS_PER_MINUTE, ORG_MAX_CALLS)];
    for (index, trunk) in trunks.iter().enumerate() {
        limits.push(Limit::new(format!("trunk {index}"), trunk.calls_per_minute, trunk.max_channels));
    }
    let mut ledger = Ledger::new(config.lease, ORG_CALLS_PER_MINUTE, ORG_MAX_CALLS, trunks);
    let mut meanings = Vec::new();
    for (index, plan) in CAMPAIGNS.iter().enumerate() {
        let schedule: Schedule = serde_json::from_str(plan.schedule).expect("well formed");
        schedule.validate().expect("valid");
        let settings: Settings = serde_json::from_str(plan.settings).expect("well formed");
        settings.validate().expect("valid");
        limits.push(Limit::new(format!("campaign {index}"), settings.calls_per_minute, settings.max_concurrent_calls));
        meanings.push(Meaning {
            settings: settings.clone(),
            slots: plan.slots.to_vec(),
            slots_in: plan.slots_in.map(zone),
            contact_hours: (480, 1260),
            limits: vec![0, 1 + plan.trunk, 3 + index],
            stopped: None,
            later_rounds_unanswered: index == 0,
        });
        let mode = if plan.slots_in.is_some() { TzMode::Campaign } else { TzMode::ContactLocal };
        let hours = CallingHours::new(&schedule, mode).expect("the zone exists");
        ledger.add_campaign(Rules { state: CampaignState::InProgress, settings, hours }, plan.trunk);
        ledger.with_rounds(index, schedule, START);
    }
    let zones = populate(&mut rng, &mut ledger, contacts);
    let check = Check::new(config.lease, limits, meanings);
    let mut world = World::new(seed, START, ledger, check, zones, vec![config; hosts]);
    world.weather = Weather { lost: 10, doubled: 5, slow: 5 };
    world
}

/// Contacts in three zones, most told by their number, some by an explicit zone, a few with a number of two zones; one
/// in fifty is in two campaigns.
fn populate(rng: &mut Rng, ledger: &mut Ledger, contacts: usize) -> Vec<Vec<TimeZone>> {
    let mut zones = Vec::new();
    for index in 0..contacts {
        let (number, explicit, truth): (String, Option<&str>, &[&str]) = match rng.between(0, 10) {
            0..=3 => (format!("+4930{index:07}"), None, &["Europe/Berlin"]),
            4..=6 => (format!("+1212{:07}", 2_000_000 + index), None, &["America/New_York"]),
            7..=8 => (format!("+9111{:08}", 20_000_000 + index), None, &["Asia/Kolkata"]),
            _ if rng.chance(500) => (format!("+4930{index:08}"), Some("America/New_York"), &["America/New_York"]),
            _ => (format!("+1709{:07}", 2_000_000 + index), None, &["America/Halifax", "America/St_Johns"]),
        };
        let number = number.parse().expect("canonical");
        ledger.contacts.push(Contact { number, zone: explicit.map(str::to_owned) });
        zones.push(truth.iter().map(|name| zone(name)).collect());
        let campaign = usize::try_from(rng.between(0, 10)).expect("small");
        let campaign = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2][campaign];
        ledger.add_target(campaign, index, START);
        if rng.chance(20) {
            ledger.add_target((campaign + 1) % 3, index, START);
        }
    }
    zones
}

/// What goes wrong, and what people do: about eighty things and a few opt-outs.
fn fates(world: &mut World, seed: u64, contacts: usize, hosts: usize, length: Duration) {
    let mut rng = Rng::new(seed ^ 0xfa7e);
    let end = length.as_secs() - 5 * 3600;
    for _ in 0..8 {
        let (at, campaign) = (rng.between(60, end), usize::try_from(rng.between(0, 3)).expect("small"));
        let pause = Duration::from_secs(at) + Duration::from_micros(rng.between(0, 1_000_000));
        world.fate(pause, Fate::Change { campaign, event: CampaignEvent::Pause });
        let resume = pause + Duration::from_secs(rng.between(1, 3000));
        world.fate(resume, Fate::Change { campaign, event: CampaignEvent::Resume });
    }
    for _ in 0..6 {
        let trunk = usize::try_from(rng.between(0, 2)).expect("small");
        let seconds = rng.between(30, 1800);
        world.fate(Duration::from_secs(rng.between(60, end)), Fate::TrunkTrouble { trunk, seconds });
    }
    for _ in 0..6 {
        let host = usize::try_from(rng.between(0, hosts as u64)).expect("small");
        let crash = Duration::from_micros(rng.between(60_000_000, end * 1_000_000));
        world.fate(crash, Fate::Crash { host });
        world.fate(crash + Duration::from_millis(rng.between(200, 90_000)), Fate::Boot { host });
    }
    for _ in 0..10 {
        let host = usize::try_from(rng.between(0, hosts as u64)).expect("small");
        let millis = if rng.chance(300) { rng.between(30_000, 60_000) } else { rng.between(50, 15_000) };
        let at = Duration::from_micros(rng.between(60_000_000, end * 1_000_000));
        world.fate(at, Fate::Freeze { host, millis });
    }
    for _ in 0..40 {
        let host = usize::try_from(rng.between(0, hosts as u64)).expect("small");
        let step = rng.pick(&[(1, Step::Claimed), (1, Step::Committed), (1, Step::Placed), (1, Step::Sent)]);
        // Some stand still for longer than their lease lasts, with calls up.
        let lease = u64::try_from(world.ledger.lease.as_millis()).expect("short");
        let millis = if rng.chance(300) { rng.between(lease, 2 * lease) } else { rng.between(20, lease / 2) };
        let blow = rng.pick(&[(3, Blow::Crash), (3, Blow::Freeze { millis }), (2, Blow::Pause), (2, Blow::Suppress)]);
        let at = Duration::from_micros(rng.between(1_000_000, end * 1_000_000));
        world.fate(at, Fate::Ambush { host, step, blow });
    }
    for _ in 0..5 {
        let at = Duration::from_micros(rng.between(60_000_000, end * 1_000_000));
        world.fate(at, Fate::StoreDown { millis: rng.between(100, 8_000) });
    }
    // People hold contacts, let them go on, take them out and start them over, at any moment.
    let targets = world.ledger.targets.len() as u64;
    for _ in 0..(contacts / 50).max(20) {
        let event = rng.pick(&[
            (3, TargetEvent::Suspend),
            (3, TargetEvent::Resume),
            (2, TargetEvent::Restart),
            (1, TargetEvent::Remove),
            (1, TargetEvent::Reject),
            (1, TargetEvent::Approve),
        ]);
        let target = usize::try_from(rng.between(0, targets)).expect("small");
        world.fate(Duration::from_micros(rng.between(60_000_000, end * 1_000_000)), Fate::Act { target, event });
    }
    if rng.chance(150) {
        let delete = Duration::from_secs(rng.between(end / 2, end));
        world.fate(delete, Fate::Change { campaign: 1, event: CampaignEvent::Cancel });
        world.fate(delete, Fate::Change { campaign: 1, event: CampaignEvent::Delete });
    }
    for _ in 0..contacts / 200 {
        let contact = usize::try_from(rng.between(0, contacts as u64)).expect("small");
        world.fate(Duration::from_secs(rng.between(1, end)), Fate::Suppress { contact });
    }
    if rng.chance(300) {
        let at = Duration::from_secs(rng.between(end / 2, end));
        world.fate(at, Fate::Change { campaign: 2, event: CampaignEvent::Cancel });
    }
}

/// Runs the world; when an invariant breaks, says with which seed and at which step.
fn live(world: &mut World, seed: u64, length: Duration) {
    if let Err(broken) = catch_unwind(AssertUnwindSafe(|| world.run_until(length))) {
        eprintln_seed(seed, world);
        resume_unwind(broken);
    }
}

#[allow(clippy::print_stderr, reason = "the seed and the step are what a failing simulation is for")]
fn eprintln_seed(seed: u64, world: &World) {
    eprintln!("seed {seed}, step {}, at {}", world.steps, world.now().wall);
}

fn check_the_end(world: &World, seed: u64) {
    let ledger = &world.ledger;
    assert_eq!(ledger.live.len(), 0, "seed {seed}: attempts are left live");
    assert_eq!(world.check.on_wire(), 0, "seed {seed}: calls are left up");
    for attempt in ledger.attempts.values() {
        assert!(!attempt.state.is_live(), "seed {seed}: an attempt is still {}", attempt.state);
        assert_eq!(attempt.ends, 1, "seed {seed}: an attempt ends once");
        assert!(attempt.reason.is_some(), "seed {seed}: an attempt has no reason");
    }
    for (index, campaign) in ledger.campaigns.iter().enumerate() {
        let state = campaign.rules.state;
        assert!(
            matches!(state, CampaignState::Completed | CampaignState::Cancelled | CampaignState::Deleting),
            "seed {seed}: campaign {index} is {state}"
        );
    }
    for target in &ledger.targets {
        let cancelled =
            matches!(ledger.campaigns[target.campaign].rules.state, CampaignState::Cancelled | CampaignState::Deleting);
        assert!(target.state.is_final() || cancelled, "seed {seed}: somebody is lost as {}", target.state);
        assert!(target.state != TargetState::InProgress, "seed {seed}: somebody is in progress without a dial");
    }
}

fn tally(world: &World) -> BTreeMap<&'static str, usize> {
    let mut tally = BTreeMap::new();
    for target in &world.ledger.targets {
        *tally.entry(target.state.as_str()).or_default() += 1;
    }
    tally
}

fn zone(name: &str) -> TimeZone {
    zone_named(name).expect("the zone exists")
}

#[test]
#[allow(clippy::print_stderr, reason = "figures of the day, shown with --nocapture")]
fn ten_thousand_contacts_on_the_day_summer_time_ends() {
    let seed = 20_261_025;
    let began = cpu_time();
    let mut world = build(seed, 10_000, 2, Config::default());
    fates(&mut world, seed, 10_000, 2, LENGTH);
    live(&mut world, seed, LENGTH);
    check_the_end(&world, seed);
    let attempts = world.ledger.attempts.len();
    let count = |state| world.ledger.attempts.values().filter(|attempt| attempt.state == state).count();
    let took = cpu_time() - began;
    eprintln!(
        "{} steps in {took:.1?} of CPU: {attempts} attempts, {} INVITEs, {} not placed, {} unknown, lateness {:?}, {:?}",
        world.steps,
        world.check.invites,
        count(AttemptState::NotPlaced),
        count(AttemptState::Unknown),
        world.check.latest_lateness,
        tally(&world),
    );
    let callbacks = world.ledger.attempts.values().filter(|attempt| attempt.callback).count();
    let later = world.ledger.attempts.values().filter(|attempt| attempt.round > 1).count();
    assert!(callbacks > 100, "only {callbacks} dials of callbacks");
    assert!(world.ledger.missed > 0, "no callback was missed");
    assert!(later > 50, "only {later} dials in later rounds");
    assert!(world.check.invites > 12_000, "only {} INVITEs: the day is idle", world.check.invites);
    let reached = tally(&world).get("done").copied().unwrap_or(0);
    assert!(reached > 5_000, "only {reached} contacts were reached");
    let known = world.ledger.targets.iter().filter(|target| target.state.is_final()).count() - world.check.unknown;
    assert!(known * 100 >= world.ledger.targets.len() * 95, "only {known} contacts came to an end by themselves");
    assert!(took < Duration::from_secs(30), "the day took {took:?} of CPU");
}

/// CPU time of this thread: unlike the clock on the wall, it does not depend on what else the machine does.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux accounts CPU time");
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("the first field is nanoseconds");
    Duration::from_nanos(nanos)
}

#[test]
fn short_days_under_many_seeds() {
    let seeds = match std::env::var("SIM_SEED") {
        Ok(seed) => vec![seed.parse().expect("SIM_SEED is a number")],
        Err(_) => (0..40).collect::<Vec<u64>>(),
    };
    for seed in seeds {
        let hosts = 1 + usize::try_from(seed % 2).expect("small");
        // Long leases save most of a quiet night's steps; one seed in four keeps the real ones.
        let long = Config { lease: Duration::from_secs(240), recheck: Duration::from_secs(900), ..Config::default() };
        let config = if seed % 4 == 0 { Config::default() } else { long };
        let mut world = build(seed, 120, hosts, config);
        fates(&mut world, seed, 120, hosts, LENGTH);
        live(&mut world, seed, LENGTH);
        check_the_end(&world, seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_day() {
    let day = || {
        let mut world = build(7, 200, 2, Config::default());
        fates(&mut world, 7, 200, 2, LENGTH);
        world.run_until(LENGTH);
        let dials: Vec<_> = world
            .ledger
            .attempts
            .values()
            .map(|attempt| (attempt.target, attempt.send_at, attempt.state, attempt.reason))
            .collect();
        (world.steps, dials)
    };
    let (first, second) = (day(), day());
    assert!(first == second, "the days differ: {} and {} steps", first.0, second.0);
    assert!(first.1.iter().any(|dial| dial.2 == AttemptState::Ended));
}
