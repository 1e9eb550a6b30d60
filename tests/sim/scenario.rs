//! A short world and what goes wrong in it, drawn from a seed; any part of it can be left out, and what is left runs as
//! before. That is what a failing world is shrunk by.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::time::Duration;

use callwright::campaign::run::Schedule;
use callwright::campaign::settings::{Settings, TzMode};
use callwright::campaign::states::{AttemptState, CampaignState, TargetState};
use callwright::campaign::target::TargetEvent;
use callwright::campaign::transition::CampaignEvent;
use callwright::campaign::zone::zone_named;
use callwright::dialer::calling_hours::CallingHours;
use callwright::dialer::engine::Config;
use callwright::dialer::forecast::ledger::{Attempt, Contact, Ledger, Trunk};
use callwright::dialer::gate::Rules;
use callwright::id::TrunkId;
use jiff::Timestamp;

use crate::world::World;
use crate::world::bug::Bug;
use crate::world::check::{Check, Limit, Meaning};
use crate::world::fate::{Blow, Fate, Step};
use crate::world::rng::Rng;
use crate::world::wire::Weather;

/// 2026-10-24T13:50:00Z: ten to four in the afternoon in Berlin, ten to ten in New York, twenty past seven in the evening in
/// Kolkata.
const START: Timestamp = Timestamp::constant(1_792_849_800, 0);
/// Faults come until then, and the world goes on for a while without any.
const TROUBLE: u64 = 540;
const LENGTH: u64 = 1_080;
/// Nobody is dialed from then on: calls come to their end.
const DRAIN: u64 = 900;
/// Windows close in Kolkata five minutes after the beginning, and open in New York after four.
const SLOTS: (u32, u32) = (594, 1165);

const ORG: (u32, u32) = (90, 4);
const TRUNKS: [(u32, u32); 2] = [(60, 4), (45, 3)];
/// Dials a minute and simultaneous calls from the number of the first trunk.
const CALLER_ID: (u32, u32) = (50, 3);

/// A world, and the parts of it that are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) hosts: usize,
    pub(crate) contacts: BTreeSet<usize>,
    pub(crate) faults: BTreeSet<usize>,
}

/// What a world came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) steps: u64,
    pub(crate) invites: usize,
    pub(crate) unknown: usize,
    pub(crate) reclaimed: usize,
    /// Contacts that came to an end, and those of them whose end is known.
    pub(crate) contacts: usize,
    pub(crate) finished: usize,
}

impl Scenario {
    /// Everything that the seed says.
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::of(&[seed, 10]);
        let hosts = 1 + usize::try_from(seed % 3).expect("small");
        let contacts = usize::try_from(rng.between(10, 26)).expect("small");
        let faults = usize::try_from(rng.between(4, 14)).expect("small");
        Self { seed, hosts, contacts: (0..contacts).collect(), faults: (0..faults).collect() }
    }

    /// Lives through it.
    ///
    /// # Errors
    /// What did not hold.
    pub(crate) fn run(&self, bug: Option<Bug>) -> Result<Outcome, String> {
        let mut world = self.build(bug);
        for &fault in &self.faults {
            self.add(&mut world, fault);
        }
        for campaign in 0..3 {
            world.fate(Duration::from_secs(DRAIN), Fate::Change { campaign, event: CampaignEvent::Pause });
        }
        quietly(|| {
            world.run_until(Duration::from_secs(LENGTH));
            self.check_the_end(&world)
        })
        .map_err(|broken| format!("{broken} (step {}, at {})", world.steps, world.now().wall))
    }

    fn build(&self, bug: Option<Bug>) -> World {
        let mut rng = Rng::of(&[self.seed, 11]);
        let lease = Duration::from_secs(if rng.chance(700) { 30 } else { 12 });
        let config = Config { lease, ..Config::default() };
        let mut trunks: Vec<_> =
            (1..).zip(TRUNKS).map(|(id, (rate, most))| Trunk::new(TrunkId::from_u128(id), rate, most)).collect();
        (trunks[0].caller_id_calls_per_minute, trunks[0].caller_id_max_calls) = (Some(CALLER_ID.0), Some(CALLER_ID.1));
        let mut limits = vec![Limit::new("organisation".to_owned(), ORG.0, ORG.1)];
        limits.extend(TRUNKS.iter().map(|&(rate, most)| Limit::new("trunk".to_owned(), rate, most)));
        limits.push(Limit::new("caller ID".to_owned(), CALLER_ID.0, CALLER_ID.1));
        let mut ledger = Ledger::new(lease, ORG.0, ORG.1, trunks);
        let mut meanings = Vec::new();
        for campaign in 0..3_usize {
            let settings = Settings {
                calls_per_minute: [30, 24, 40][campaign],
                max_concurrent_calls: [2, 3, 2][campaign],
                max_retries: 2,
                retry_delay_min: 1,
                voicemail_retry_delay_min: 5,
                ring_timeout_s: 15,
                max_call_duration_s: 60,
                ..Settings::default()
            };
            let trunk = [0, 0, 1][campaign];
            limits.push(Limit::new(
                format!("campaign {campaign}"),
                settings.calls_per_minute,
                settings.max_concurrent_calls,
            ));
            let mut own = vec![0, 1 + trunk, 4 + campaign];
            if trunk == 0 {
                own.push(3);
            }
            meanings.push(Meaning {
                settings: settings.clone(),
                slots: vec![SLOTS],
                slots_in: None,
                contact_hours: (480, 1260),
                limits: own,
                stopped: None,
                later_rounds_unanswered: false,
            });
            let schedule = format!(
                r#"{{"time_zone": "Europe/Berlin", "runs": [{{"slots": [{{"start_min": {}, "end_min": {}}}]}}]}}"#,
                SLOTS.0, SLOTS.1
            );
            let schedule: Schedule = serde_json::from_str(&schedule).expect("well formed");
            let hours = CallingHours::new(&schedule, TzMode::ContactLocal).expect("the zone exists");
            ledger.add_campaign(Rules { state: CampaignState::InProgress, settings, hours }, trunk);
        }
        let (mut zones, mut names) = (Vec::new(), Vec::new());
        for &contact in &self.contacts {
            let mut rng = Rng::of(&[self.seed, 12, contact as u64]);
            let (number, zone) = rng.pick(&[
                (5, ("+49301234", "Europe/Berlin")),
                (3, ("+12122000", "America/New_York")),
                (3, ("+91112000", "Asia/Kolkata")),
            ]);
            let prefix = number;
            let number = format!("{prefix}{contact:03}").parse().expect("canonical");
            let index = ledger.contacts.len();
            // Every second one has a number that others of the country have too, every fourth one more of its own.
            if contact % 2 == 1 {
                let own = (contact % 4 == 3).then(|| format!("{prefix}{:03}", 500 + contact));
                let shared = format!("{prefix}999");
                let further = own.into_iter().chain([shared]).map(|number| number.parse().expect("canonical"));
                ledger.further.insert(index, further.collect());
            }
            let given = (bug == Some(Bug::UtcHours)).then(|| "UTC".to_owned());
            ledger.contacts.push(Contact { number, zone: given });
            zones.push(vec![zone_named(zone).expect("the zone exists")]);
            names.push(contact as u64);
            let campaign = usize::try_from(rng.between(0, 3)).expect("small");
            ledger.add_target(campaign, index, START);
        }
        let check = Check::new(lease, limits, meanings);
        let mut world = World::new(self.seed, START, ledger, check, zones, vec![config; self.hosts]);
        world.names = names;
        world.bug = bug;
        world.check.drift = 10_000;
        world.weather = rng.pick(&[
            (2, Weather::default()),
            (4, Weather { lost: 20, doubled: 20, slow: 30 }),
            (2, Weather { lost: 150, doubled: 100, slow: 100 }),
        ]);
        for host in 0..self.hosts {
            let off = Duration::from_millis(rng.between(0, 90_000));
            world.wrong_clock(host, off, i64::try_from(rng.between(0, 200)).expect("small") - 100);
        }
        world
    }

    /// Adds a fault of the list that the seed makes.
    fn add(&self, world: &mut World, fault: usize) {
        let mut rng = Rng::of(&[self.seed, 13, fault as u64]);
        let at = Duration::from_micros(rng.between(1_000_000, TROUBLE * 1_000_000));
        let host = usize::try_from(rng.next() % 3).expect("small") % self.hosts;
        let contact = usize::try_from(rng.between(0, 26)).expect("small");
        // Of those contacts that are left.
        let there = self.contacts.iter().position(|&other| other == contact);
        let millis = if rng.chance(350) { rng.between(31_000, 70_000) } else { rng.between(50, 14_000) };
        let step = rng.pick(&[(2, Step::Claimed), (2, Step::Committed), (1, Step::Placed), (2, Step::Sent)]);
        let blow = rng.pick(&[
            (3, Blow::Crash),
            (2, Blow::Freeze { millis }),
            (1, Blow::Sleep { millis }),
            (2, Blow::Sever { millis }),
            (2, Blow::Pause),
            (2, Blow::Suppress),
        ]);
        match rng.between(0, 20) {
            0..=6 => world.fate(at, Fate::Ambush { host, step, blow }),
            7 | 8 => {
                world.fate(at, Fate::Crash { host });
                world.fate(at + Duration::from_millis(millis), Fate::Boot { host });
            }
            9 => world.fate(at, Fate::Freeze { host, millis }),
            10 => world.fate(at, Fate::Sleep { host, millis }),
            11 => {
                let jump = i64::try_from(rng.between(0, 240_000)).expect("small") - 120_000;
                world.fate(at, Fate::Jump { host, millis: jump });
            }
            12 => world.fate(at, Fate::StoreDown { millis: millis.min(20_000) }),
            13 => world.fate(at, Fate::StoreStalls { millis: millis.min(20_000) }),
            14 | 15 => world.fate(at, Fate::Sever { host, millis }),
            16 => {
                let count = u32::try_from(rng.between(1, 12)).expect("small");
                world.fate(at, Fate::FailCommits { host, count });
            }
            17 => world.fate(at, Fate::NetworkDown { millis: millis.min(45_000) }),
            18 => {
                let event = rng.pick(&[
                    (2, TargetEvent::Suspend),
                    (2, TargetEvent::Resume),
                    (1, TargetEvent::Restart),
                    (1, TargetEvent::Remove),
                ]);
                if let Some(target) = there {
                    world.fate(at, Fate::Act { target, event });
                }
            }
            _ => {
                let campaign = contact % 3;
                world.fate(at, Fate::Change { campaign, event: CampaignEvent::Pause });
                let resume = Fate::Change { campaign, event: CampaignEvent::Resume };
                world.fate(at + Duration::from_secs(1 + millis / 1000), resume);
            }
        }
    }

    fn check_the_end(&self, world: &World) -> Outcome {
        let ledger = &world.ledger;
        let (stopped, mut outcome) = (START + Duration::from_secs(DRAIN), Outcome::default());
        assert_eq!(world.carrier.up(), 0, "calls are left up");
        assert_eq!(world.check.on_wire(), 0, "calls are left on the wire");
        assert_eq!(ledger.live.len(), 0, "channels are left taken");
        for attempt in ledger.attempts.values() {
            assert!(!attempt.state.is_live(), "an attempt is still {}", attempt.state);
            assert_eq!(attempt.ends, 1, "an attempt ends once");
        }
        let lost = |attempt: &&Attempt| attempt.state == AttemptState::Unknown;
        let unknown: BTreeSet<_> = ledger.attempts.values().filter(lost).map(|attempt| attempt.target).collect();
        for (index, target) in ledger.targets.iter().enumerate() {
            let state = target.state;
            assert!(state != TargetState::InProgress, "somebody is in progress without a dial");
            if ledger.campaigns[target.campaign].rules.state == CampaignState::Cancelled {
                continue;
            }
            // Only who waits for a day or a person is left.
            let due = target.callback_at.unwrap_or(target.next_at) <= stopped - Duration::from_secs(120);
            let waits = matches!(state, TargetState::Waiting | TargetState::Ready | TargetState::Callback);
            assert!(!waits || !due, "somebody who was due is lost as {state}");
            // Who waits for a day or a person is on the way.
            if state.is_final() {
                outcome.contacts += 1;
                outcome.finished += usize::from(!(state == TargetState::Failed && unknown.contains(&index)));
            }
        }
        // A trap may wait for its node until nobody is dialed any more.
        for target in world.check.left_behind(stopped - Duration::from_secs(120)) {
            let target = &ledger.targets[target];
            let meant = matches!(target.state, TargetState::Ready | TargetState::InProgress);
            assert!(!meant, "somebody whose claim was given back was never dialed");
        }
        Outcome {
            steps: world.steps,
            invites: world.check.invites,
            unknown: world.check.unknown,
            reclaimed: world.check.left_behind(Timestamp::MAX).count(),
            ..outcome
        }
    }
}

/// Runs something that may panic, and gives what it said.
fn quietly<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    QUIET.with(|quiet| quiet.set(true));
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.with(std::cell::Cell::get) {
                loud(info);
            }
        }));
    });
    let result = catch_unwind(AssertUnwindSafe(run));
    QUIET.with(|quiet| quiet.set(false));
    result.map_err(|broken| {
        let text = broken.downcast_ref::<String>().cloned();
        text.or_else(|| broken.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap_or_default()
    })
}

static HOOK: std::sync::Once = std::sync::Once::new();

thread_local! {
    /// Failures on this thread are looked for, not reported.
    static QUIET: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |of: &BTreeSet<usize>| of.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        write!(f, "{}/{}/{}/{}", self.seed, self.hosts, list(&self.contacts), list(&self.faults))
    }
}

impl FromStr for Scenario {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(4, '/');
        let mut part = || parts.next().unwrap_or("");
        let list = |text: &str| -> Result<BTreeSet<usize>, Self::Err> {
            text.split(',').filter(|word| !word.is_empty()).map(str::parse).collect()
        };
        Ok(Self { seed: part().parse()?, hosts: part().parse()?, contacts: list(part())?, faults: list(part())? })
    }
}
