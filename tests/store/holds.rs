//! What keeps a campaign, or its contacts, from being dialed: provoked, named, and gone again.

use std::path::Path;
use std::time::Duration;

use callwright::app::clerk;
use callwright::args;
use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::settings::{FrequencyCap, Settings};
use callwright::campaign::states::{CampaignState, PauseReason, TargetState};
use callwright::dialer::pacing::Scope;
use callwright::dialer::start::StartGuard;
use callwright::id::{CampaignId, TrunkId};
use callwright::store::campaign::{self, Campaign, Holding};
use callwright::store::dialing::{Progress, Refused, Step};
use callwright::store::org::{self, Plan};
use callwright::store::trunk::{self, TrunkData};
use jiff::Timestamp;

use crate::db::TestDb;
use crate::world::{Dialer, World, noon, trunk_data};

crate::on_both!(
    spent_minutes_pause_and_new_ones_resume,
    more_campaigns_than_the_plan_allows_wait_for_a_place,
    a_start_looks_at_every_trunk,
    each_limit_is_named_with_its_time,
    each_hold_of_a_number_is_named_with_its_time,
    a_retry_that_waits_for_an_opening_names_the_hours,
);

fn settings() -> Settings {
    Settings { calls_per_minute: 6000, max_concurrent_calls: 100, ..Settings::default() }
}

async fn plan(world: &World, max_active_campaigns: Option<u32>, minutes_per_month: Option<u32>) {
    let mut tx = world.db.begin().await.expect("a transaction");
    let plan = Plan { max_active_campaigns, minutes_per_month };
    org::set_plan(&mut tx, world.org, plan).await.expect("a plan");
    tx.commit().await.expect("a commit");
}

async fn seen(world: &World, id: CampaignId) -> Campaign {
    let mut tx = world.db.read().await.expect("a transaction");
    campaign::get(&mut tx, world.org, id).await.expect("the campaign")
}

async fn guards(world: &World, id: CampaignId) -> Vec<StartGuard> {
    let mut tx = world.db.begin().await.expect("a transaction");
    let seen = campaign::get(&mut tx, world.org, id).await.expect("the campaign");
    campaign::failed_guards(&mut tx, &seen, None).await.expect("guards")
}

async fn round(world: &World) {
    clerk::round(&world.db, Path::new("nowhere")).await.expect("a round");
}

/// The states, the reason that is kept, how many, and when the first is due.
async fn holdings(world: &World, id: CampaignId) -> Vec<(TargetState, Option<String>, u64, Option<Timestamp>)> {
    let mut tx = world.db.read().await.expect("a transaction");
    let now = tx.now().await.expect("the time");
    let all = campaign::holdings(&mut tx, id, now).await.expect("holdings");
    all.into_iter()
        .map(|Holding { state, held_by, contacts, next_at, .. }| (state, held_by, contacts, next_at))
        .collect()
}

async fn now(world: &World) -> Timestamp {
    world.db.read().await.expect("a transaction").now().await.expect("the time")
}

async fn spent_minutes_pause_and_new_ones_resume(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 3).await;
    let running = world.running("Spring", settings(), &contacts).await.id;
    plan(&world, None, Some(1)).await;
    let dialer = Dialer::new(&test.db).await;
    let (claimed, leg) = dialer.dial_next(running).await;
    let progress = Progress { attempt: claimed.attempt, node: dialer.node, leg, step: Step::Answered, dialog: None };
    dialer.dialing.progress(&progress).await.expect("an answer");
    round(&world).await;
    assert_eq!(seen(&world, running).await.state, CampaignState::InProgress, "minutes are left");
    // A call that goes on counts as well.
    test.db.shift_clock(60_000_000);
    round(&world).await;
    let paused = seen(&world, running).await;
    assert_eq!((paused.state, paused.pause_reason), (CampaignState::Paused, Some(PauseReason::QuotaMinutes)));
    assert_eq!(paused.pause_detail.as_deref(), Some("1 of the 1 minutes of this month are used"));
    assert_eq!(guards(&world, running).await, [StartGuard::QuotaMinutes]);
    plan(&world, None, Some(100)).await;
    round(&world).await;
    assert_eq!(seen(&world, running).await.state, CampaignState::InProgress, "more minutes let it go on");
    // What has ended is kept by its month, also when the call itself is deleted.
    let mut tx = test.db.begin().await.expect("a transaction");
    tx.execute("UPDATE attempt SET live = $1 WHERE id = $2", args![false, claimed.attempt]).await.expect("over");
    let month = now(&world).await.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m").to_string();
    let spent = "INSERT INTO talk_time (org_id, month, micros) VALUES ($1, $2, $3)";
    tx.execute(spent, args![world.org, month, 100 * 60_000_000_i64]).await.expect("minutes");
    tx.commit().await.expect("a commit");
    round(&world).await;
    assert_eq!(seen(&world, running).await.pause_reason, Some(PauseReason::QuotaMinutes));
    let next = callwright::campaign::month::next_month(now(&world).await).expect("a month");
    test.db.shift_clock(next.as_microsecond() - now(&world).await.as_microsecond());
    round(&world).await;
    assert_eq!(seen(&world, running).await.state, CampaignState::InProgress, "a new month");
}

async fn more_campaigns_than_the_plan_allows_wait_for_a_place(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 3).await;
    let first = world.running("first", settings(), &contacts[..1]).await;
    let second = world.running("second", settings(), &contacts[1..]).await.id;
    plan(&world, Some(1), None).await;
    round(&world).await;
    assert_eq!(seen(&world, first.id).await.state, CampaignState::InProgress, "who was first goes on");
    let paused = seen(&world, second).await;
    assert_eq!((paused.state, paused.pause_reason), (CampaignState::Paused, Some(PauseReason::PlanActiveLimit)));
    assert_eq!(paused.pause_detail.as_deref(), Some("the plan allows 1 campaigns at the same time"));
    assert_eq!(guards(&world, second).await, [StartGuard::PlanActiveLimit]);
    round(&world).await;
    assert_eq!(seen(&world, second).await.state, CampaignState::Paused, "there is no place yet");
    world.advance(&first, CampaignState::Paused).await;
    round(&world).await;
    assert_eq!(seen(&world, second).await.state, CampaignState::InProgress, "the place is free");
    assert_eq!(seen(&world, first.id).await.state, CampaignState::Paused, "a person's pause is the person's");
    plan(&world, None, None).await;
    assert_eq!(guards(&world, first.id).await, []);
}

async fn trunk(world: &World, name: &str, enabled: bool, number: &str) -> TrunkId {
    let caller_ids = vec![number.parse().expect("a number")];
    let mut tx = world.db.begin().await.expect("a transaction");
    let data = TrunkData { enabled, caller_ids, ..trunk_data(name) };
    let id = trunk::insert(&mut tx, world.org, data).await.expect("a trunk").id;
    tx.commit().await.expect("a commit");
    id
}

async fn a_start_looks_at_every_trunk(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 1).await;
    let draft = world.running("Spring", settings(), &contacts).await;
    let paused = world.advance(&draft, CampaignState::Paused).await.id;
    let off = trunk(&world, "off", false, "+493012345678").await;
    let stranger = trunk(&world, "stranger", true, "+493000000000").await;
    let good = trunk(&world, "good", true, "+493012345678").await;
    let mut tx = test.db.begin().await.expect("a transaction");
    tx.execute("UPDATE trunk SET enabled = $1 WHERE id = $2", args![false, world.trunk]).await.expect("switched off");
    tx.commit().await.expect("a commit");
    for (others, want) in [
        (vec![], vec![StartGuard::TrunkUnusable]),
        (vec![off], vec![StartGuard::TrunkUnusable]),
        (vec![off, stranger], vec![StartGuard::CallerIdMissing]),
        (vec![off, stranger, good], vec![]),
    ] {
        let mut tx = test.db.begin().await.expect("a transaction");
        trunk::set_fallbacks(&mut tx, paused, &others).await.expect("trunks");
        tx.commit().await.expect("a commit");
        assert_eq!(guards(&world, paused).await, want, "{} others", others.len());
    }
}

async fn each_limit_is_named_with_its_time(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 4).await;
    let campaign = world.running("Spring", settings(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    org::set_limits(&mut tx, world.org, 6000, 1).await.expect("limits");
    tx.commit().await.expect("a commit");
    let (claimed, _) = dialer.dial_next(campaign).await;
    let limited = async |change: &'static str| {
        let mut tx = test.db.begin().await.expect("a transaction");
        tx.execute(change, vec![]).await.expect("a change");
        tx.execute("UPDATE campaign SET version = version + 1", vec![]).await.expect("read anew");
        tx.commit().await.expect("a commit");
        match dialer.claim(campaign).await {
            Err(Refused::Limited(limited)) => (limited.scope, limited.until),
            other => panic!("{change}: {other:?}"),
        }
    };
    assert_eq!(limited("UPDATE limiter SET tat = NULL").await, (Scope::Organisation, None));
    assert_eq!(
        limited("UPDATE trunk SET max_channels = 1").await,
        (Scope::Organisation, None),
        "the first in the order of locks is named"
    );
    assert_eq!(limited("UPDATE org SET max_concurrent_calls = 100").await, (Scope::Trunk, None));
    let one = "UPDATE trunk SET max_channels = 100, caller_id_max_calls = 1";
    assert_eq!(limited(one).await, (Scope::CallerId, None));
    let mut tx = test.db.begin().await.expect("a transaction");
    tx.execute("UPDATE trunk SET caller_id_max_calls = NULL", vec![]).await.expect("a change");
    tx.commit().await.expect("a commit");
    // By the rate: until shortly before the next turn.
    let far = now(&world).await + Duration::from_secs(3600);
    for scope in [Scope::Organisation, Scope::Trunk, Scope::Campaign] {
        let mut tx = test.db.begin().await.expect("a transaction");
        tx.execute("UPDATE limiter SET tat = NULL", vec![]).await.expect("every turn is now");
        tx.execute("UPDATE limiter SET tat = $1 WHERE scope = $2", args![far, scope.as_str()]).await.expect("later");
        tx.commit().await.expect("a commit");
        let Err(Refused::Limited(limited)) = dialer.claim(campaign).await else { panic!("{scope} holds") };
        assert_eq!(limited.scope, scope);
        let until = limited.until.expect("a time");
        assert!(until < far && until > far - Duration::from_secs(30), "{scope}: {until}");
    }
    let states = holdings(&world, campaign).await;
    let ready = states.iter().find(|(state, ..)| *state == TargetState::Ready).expect("they stay ready");
    assert_eq!((ready.1.as_deref(), ready.2), (None, 3));
    dialer.dialing.end_attempt(&dialer.end(&claimed, DisconnectionReason::DialBusy), None).await.expect("an end");
}

async fn each_hold_of_a_number_is_named_with_its_time(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    // The same number twice, in two campaigns.
    let one = world.contacts(1, 1).await;
    let two = world.contacts(1, 1).await;
    let first = world.running("first", settings(), &one).await.id;
    let cap = Some(FrequencyCap { dials: 1, per_hours: 24 });
    let second = world.running("second", settings(), &two).await.id;
    let capped = world.running("capped", Settings { frequency_cap: cap, ..settings() }, &two).await.id;
    let dialer = Dialer::new(&test.db).await;
    let (claimed, _) = dialer.dial_next(first).await;
    let dialed_at = now(&world).await;
    let held = async |campaign| {
        assert_eq!(dialer.claim(campaign).await.err(), Some(Refused::Empty));
        let found = holdings(&world, campaign).await;
        let [(TargetState::Waiting, Some(held), 1, Some(at))] = &found[..] else { panic!("{found:?}") };
        (held.clone(), *at)
    };
    let (busy, at) = held(second).await;
    assert_eq!(busy, "number_busy");
    assert!(at > dialed_at && at < dialed_at + Duration::from_secs(120), "{at}");
    dialer.dialing.end_attempt(&dialer.end(&claimed, DisconnectionReason::DialBusy), None).await.expect("an end");
    let mut tx = test.db.begin().await.expect("a transaction");
    let due = "UPDATE target SET next_at = $1, opens_at = NULL WHERE status = 'waiting' AND campaign_id = $2";
    tx.execute(due, args![dialed_at, second]).await.expect("due");
    tx.commit().await.expect("a commit");
    let (spacing, at) = held(second).await;
    assert_eq!(spacing, "number_spacing");
    assert!(at > dialed_at + Duration::from_secs(280) && at < dialed_at + Duration::from_secs(420), "{at}");
    let mut tx = test.db.begin().await.expect("a transaction");
    // Long enough ago for the spacing, and still within the cap's day.
    let hour = 3_600_000_000_i64;
    let earlier = "UPDATE attempt SET claimed_at = claimed_at - $1, dialing_at = dialing_at - $1, ended_at = ended_at - $1 \
                   WHERE campaign_id = $2";
    tx.execute(earlier, args![hour, first]).await.expect("earlier");
    tx.commit().await.expect("a commit");
    let (cap, at) = held(capped).await;
    assert!(cap.starts_with("frequency_cap"), "{cap}");
    let free = dialed_at + Duration::from_secs(23 * 3600);
    assert!(at > free - Duration::from_secs(120) && at < free + Duration::from_secs(120), "{at} and {free}");
}

async fn a_retry_that_waits_for_an_opening_names_the_hours(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 2).await;
    let delayed = Settings { retry_delay_min: 600, ..settings() };
    let near = world.running("near", settings(), &contacts[..1]).await.id;
    let far = world.running("far", delayed, &contacts[1..]).await.id;
    let dialer = Dialer::new(&test.db).await;
    for (campaign, want) in [(near, "retry"), (far, "outside_hours")] {
        let (claimed, _) = dialer.dial_next(campaign).await;
        dialer.dialing.end_attempt(&dialer.end(&claimed, DisconnectionReason::DialBusy), None).await.expect("an end");
        let found = holdings(&world, campaign).await;
        let [(TargetState::Waiting, Some(held), 1, Some(at))] = &found[..] else { panic!("{found:?}") };
        assert_eq!(held, want);
        if want == "outside_hours" {
            // Ten hours after noon it is night: the next morning at eight.
            assert_eq!(at.in_tz("Europe/Berlin").expect("a zone").hour(), 8);
        }
    }
}
