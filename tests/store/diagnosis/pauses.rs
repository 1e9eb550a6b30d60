//! Why a campaign is paused, or over.

use std::path::Path;

use callwright::app::clerk;
use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::month::next_month;
use callwright::campaign::settings::{FailureBreaker, Settings};
use callwright::campaign::states::{CampaignState, PauseReason};
use callwright::dialer::diagnosis::{Activity, WaitsFor};
use callwright::id::CampaignId;
use callwright::store::audit::Actor;
use callwright::store::campaign::{self, Campaign, Move};
use callwright::store::org::{self, Plan};
use callwright::store::suppression_list::{self, ListData};
use callwright::store::trunk::{self, TrunkData};
use jiff::ToSpan;

use super::{change, fast, now, person, rows, told};
use crate::db::TestDb;
use crate::world::{Dialer, World, noon, trunk_data};

crate::on_both!(
    a_pause_by_a_person_and_one_for_everything_wait_for_a_person,
    a_pause_by_the_plan_says_what_ends_it,
    a_campaign_without_a_trunk_pauses_and_goes_on_by_itself,
    a_campaign_without_its_number_pauses_and_goes_on_by_itself,
    a_pause_for_failures_waits_for_a_person,
    a_pause_for_an_old_list_waits_for_a_person,
    what_is_over_is_told_as_such,
);

async fn round(world: &World) {
    clerk::round(&world.db, Path::new("nowhere")).await.expect("a round");
}

async fn seen(world: &World, id: CampaignId) -> Campaign {
    let mut tx = world.db.read().await.expect("a transaction");
    campaign::get(&mut tx, world.org, id).await.expect("the campaign")
}

async fn a_pause_by_a_person_and_one_for_everything_wait_for_a_person(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 3).await;
    let running = world.running("Spring", fast(), &contacts).await;
    let dialer = Dialer::new(&test.db).await;
    dialer.dial_next(running.id).await;
    let actor = Actor::system("test");
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    let stopped = campaign::stop(&mut tx, world.org, &actor, None, false).await.expect("stopped");
    tx.commit().await.expect("a commit");
    assert_eq!(stopped.campaigns, [running.id]);
    let all = told(&world, running.id, None).await;
    person(&all, "admin", 2);
    assert_eq!((rows(&all).len(), all.activity), (1, Some(Activity::Draining)), "a call goes on: {all:?}");
    let resumed = world.advance(&seen(&world, running.id).await, CampaignState::InProgress).await;
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    let to = Move { to: CampaignState::Paused, pause_reason: Some(PauseReason::User) };
    campaign::advance(&mut tx, &resumed, &actor, to).await.expect("as seen");
    tx.commit().await.expect("a commit");
    person(&told(&world, running.id, None).await, "user", 2);
}

async fn a_pause_by_the_plan_says_what_ends_it(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 5).await;
    world.running("first", fast(), &contacts[..1]).await;
    let second = world.running("second", fast(), &contacts[1..]).await.id;
    let plan = async |max_active_campaigns, minutes_per_month| {
        let mut tx = test.db.begin().await.expect("a transaction");
        org::set_plan(&mut tx, world.org, Plan { max_active_campaigns, minutes_per_month }).await.expect("a plan");
        tx.commit().await.expect("a commit");
        round(&world).await;
    };
    plan(Some(1), None).await;
    let all = told(&world, second, None).await;
    assert_eq!(rows(&all), [("plan_active_limit".to_owned(), 4, None, Some(WaitsFor::Campaign))]);
    assert!(all.holds[0].remedy.is_some_and(|remedy| remedy.contains("raise the limit")), "{all:?}");
    plan(None, Some(0)).await;
    plan(None, None).await;
    plan(None, Some(0)).await;
    let all = told(&world, second, None).await;
    let month = next_month(now(&world).await);
    assert_eq!(rows(&all), [("quota_minutes".to_owned(), 4, month, Some(WaitsFor::Time))]);
    assert_eq!(all.next_at, month);
}

async fn a_campaign_without_a_trunk_pauses_and_goes_on_by_itself(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 4).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let switch = async |on: bool| {
        let mut tx = test.db.begin().await.expect("a transaction");
        let seen = trunk::get(&mut tx, world.org, world.trunk).await.expect("the trunk").version;
        let data = TrunkData { enabled: on, ..trunk_data("carrier") };
        trunk::update(&mut tx, world.org, world.trunk, seen, &data).await.expect("the trunk as seen");
        tx.commit().await.expect("a commit");
        round(&world).await;
    };
    round(&world).await;
    assert_eq!(seen(&world, id).await.state, CampaignState::InProgress);
    switch(false).await;
    let all = told(&world, id, None).await;
    person(&all, "trunk_down", 4);
    assert_eq!(rows(&all).len(), 1, "the guard that stands for it is not told twice: {all:?}");
    round(&world).await;
    assert_eq!(seen(&world, id).await.pause_reason, Some(PauseReason::TrunkDown), "it stays so");
    switch(true).await;
    let resumed = seen(&world, id).await;
    assert_eq!((resumed.state, resumed.pause_detail), (CampaignState::InProgress, None));
}

async fn a_campaign_without_its_number_pauses_and_goes_on_by_itself(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 4).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    change(&world, "UPDATE trunk SET caller_ids = '[\"+4930123456789\"]'").await;
    round(&world).await;
    person(&told(&world, id, None).await, "no_phone_number", 4);
    // Another trunk that has the number does as well, as soon as nothing else is in the way.
    let mut tx = test.db.begin().await.expect("a transaction");
    let other = trunk::insert(&mut tx, world.org, trunk_data("other")).await.expect("a trunk").id;
    trunk::set_fallbacks(&mut tx, id, &[other]).await.expect("trunks");
    let spent = Plan { max_active_campaigns: None, minutes_per_month: Some(0) };
    org::set_plan(&mut tx, world.org, spent).await.expect("a plan");
    tx.commit().await.expect("a commit");
    round(&world).await;
    let all = told(&world, id, None).await;
    let codes: Vec<_> = all.holds.iter().map(|hold| hold.code.as_str()).collect();
    assert_eq!(codes, ["no_phone_number", "quota_minutes"], "what else would stop it is told");
    let mut tx = test.db.begin().await.expect("a transaction");
    let free = Plan { max_active_campaigns: None, minutes_per_month: None };
    org::set_plan(&mut tx, world.org, free).await.expect("a plan");
    tx.commit().await.expect("a commit");
    round(&world).await;
    assert_eq!(seen(&world, id).await.state, CampaignState::InProgress);
}

async fn a_pause_for_failures_waits_for_a_person(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 8).await;
    let settings =
        Settings { failure_breaker: Some(FailureBreaker { dials: 5, percent: 80 }), max_retries: 0, ..fast() };
    let id = world.running("Spring", settings, &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    for _ in 0..5 {
        let (claimed, _) = dialer.dial_next(id).await;
        let end = dialer.end(&claimed, DisconnectionReason::DialFailed);
        dialer.dialing.end_attempt(&end, None).await.expect("an end");
    }
    assert!(dialer.dialing.trip_breaker(id).await.expect("an answer"));
    let all = told(&world, id, None).await;
    person(&all, "failure_breaker", 3);
    assert_eq!(all.holds[0].reason, "5 of the last 5 dials failed: 5 dial_failed");
}

async fn a_pause_for_an_old_list_waits_for_a_person(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 2).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let yesterday = now(&world).await - 24.hours();
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    let (name, source) = ("Robinson".to_owned(), "test".to_owned());
    let list = ListData { name, source, org_wide: true, valid_until: Some(yesterday) };
    suppression_list::insert(&mut tx, world.org, &Actor::system("test"), list).await.expect("a list").expect("few");
    tx.commit().await.expect("a commit");
    round(&world).await;
    let all = told(&world, id, None).await;
    person(&all, "compliance", 2);
    assert_eq!(all.holds[0].reason, "too old: Robinson; import a newer version");
}

async fn what_is_over_is_told_as_such(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 2).await;
    let running = world.running("Spring", fast(), &contacts).await;
    let completed = world.advance(&running, CampaignState::Completed).await;
    person(&told(&world, completed.id, None).await, "over", 2);
    let running = world.running("Autumn", fast(), &contacts).await;
    let cancelled = world.advance(&running, CampaignState::Cancelled).await;
    let all = told(&world, cancelled.id, None).await;
    assert_eq!(rows(&all), [("over".to_owned(), 2, None, None)], "nothing opens it again");
}
