//! The limits that leave no room.

use std::time::Duration;

use callwright::args;
use callwright::campaign::law::policy::CallingPolicy;
use callwright::dialer::diagnosis::{Activity, WaitsFor};
use callwright::dialer::pacing::{Limited, Scope};
use callwright::dialer::status::{DialerStatus, Held};
use callwright::id::{CampaignId, TrunkId};
use callwright::trunk::breaker::{News, Seen};
use jiff::Timestamp;
use serde_json::json;

use super::{change, fast, now, rows, set_policy, told};
use crate::db::TestDb;
use crate::world::{Dialer, World, noon};

crate::on_both!(
    each_number_of_calls_says_when_one_has_ended_at_the_latest,
    each_pace_says_when_the_next_dial_is_due,
    a_trunk_that_is_left_alone_says_until_when,
    the_cap_on_what_a_day_costs_says_when_the_next_day_begins,
    the_cap_on_a_numbers_dials_says_when_the_next_day_begins,
    a_full_server_says_when_it_looks_again,
);

/// What the node that claims keeps, as the API asks for it.
async fn held(dialer: &Dialer, id: CampaignId) -> Held {
    dialer.dialing.promote(id, 100).await.expect("a promotion");
    let status = DialerStatus::default();
    status.after(id, &dialer.pick(id).await.expect("a claim"));
    status.of(id).expect("a limit holds it")
}

async fn each_number_of_calls_says_when_one_has_ended_at_the_latest(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 4).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let (claimed, _) = dialer.dial_next(id).await;
    // It rings for half a minute at most, and a call lasts five.
    let ends = claimed.send_at + Duration::from_secs(30 + 300);
    for (limit, code) in [
        ("UPDATE org SET max_concurrent_calls = 1", "organisation_concurrency"),
        ("UPDATE trunk SET max_channels = 1", "trunk_concurrency"),
        ("UPDATE trunk SET caller_id_max_calls = 1", "caller_id_concurrency"),
        (
            "UPDATE campaign SET settings = '{\"calls_per_minute\": 6000, \"max_concurrent_calls\": 1}'",
            "campaign_concurrency",
        ),
    ] {
        change(&world, limit).await;
        let held = held(&dialer, id).await;
        let all = told(&world, id, Some(&held)).await;
        assert_eq!(rows(&all), [(code.to_owned(), 3, Some(ends), Some(WaitsFor::Call))]);
        assert_eq!((all.activity, all.next_at), (Some(Activity::WaitingCapacity), Some(ends)), "{code}");
        assert!(all.holds[0].remedy.is_some(), "{code}");
        change(&world, "UPDATE org SET max_concurrent_calls = 100").await;
        change(&world, "UPDATE trunk SET max_channels = 100, caller_id_max_calls = NULL").await;
    }
}

async fn each_pace_says_when_the_next_dial_is_due(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 4).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    change(&world, "UPDATE trunk SET caller_id_calls_per_minute = 6000").await;
    let dialer = Dialer::new(&test.db).await;
    dialer.dial_next(id).await;
    let far = now(&world).await + Duration::from_secs(3600);
    for (scope, code) in [
        (Scope::Organisation, "organisation_pace"),
        (Scope::Trunk, "trunk_pace"),
        (Scope::Campaign, "campaign_pace"),
        (Scope::CallerId, "caller_id_pace"),
    ] {
        let mut tx = test.db.begin().await.expect("a transaction");
        tx.execute("UPDATE limiter SET tat = NULL", args![]).await.expect("every turn is now");
        let later = tx.execute("UPDATE limiter SET tat = $1 WHERE scope = $2", args![far, scope.as_str()]).await;
        assert_eq!(later.expect("later"), 1, "{code}");
        tx.commit().await.expect("a commit");
        let all = told(&world, id, Some(&held(&dialer, id).await)).await;
        let [(told_code, 3, Some(next), Some(WaitsFor::Time))] = &rows(&all)[..] else { panic!("{code}: {all:?}") };
        assert_eq!((told_code.as_str(), all.activity), (code, Some(Activity::WaitingCapacity)));
        assert!(*next < far && *next > far - Duration::from_secs(30), "{code}: {next}");
    }
}

async fn observe(dialer: &Dialer, trunk: TrunkId, number: u64, at: Timestamp, news: News) {
    let seen = Seen { news, number, sent_at: at, jitter: 0.0 };
    dialer.dialing.observe_trunk(trunk, &seen).await.expect("a breaker");
}

async fn a_trunk_that_is_left_alone_says_until_when(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 4).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let before = now(&world).await;
    observe(&dialer, world.trunk, 1, before, News::Fault { retry_after: Some(Duration::from_secs(120)) }).await;
    let after = now(&world).await;
    let all = told(&world, id, Some(&held(&dialer, id).await)).await;
    let [(code, 4, Some(until), Some(WaitsFor::Time))] = &rows(&all)[..] else { panic!("{all:?}") };
    assert_eq!(code, "trunk_breaker");
    let pause = Duration::from_secs(120);
    assert!(*until >= before + pause && *until <= after + 2 * pause, "{until} after {before}");
    assert_eq!(all.holds[0].reason, "the trunk's carrier asked to be left alone");
}

async fn the_cap_on_what_a_day_costs_says_when_the_next_day_begins(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let policy = json!({ "spend": { "daily_cap": 49_999, "time_zone": "Europe/Berlin",
                                    "rates": [{ "prefix": "49", "per_minute": 10_000 }] } });
    let policy: CallingPolicy = serde_json::from_value(policy).expect("a policy");
    set_policy(&world, &policy).await;
    let contacts = world.contacts(1, 2).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let all = told(&world, id, Some(&held(&dialer, id).await)).await;
    let here = now(&world).await.in_tz("Europe/Berlin").expect("a zone");
    let midnight = here.tomorrow().and_then(|day| day.start_of_day()).expect("a day").timestamp();
    assert_eq!(rows(&all), [("spend_cap".to_owned(), 2, Some(midnight), Some(WaitsFor::Time))]);
}

async fn the_cap_on_a_numbers_dials_says_when_the_next_day_begins(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let policy = json!({ "caller_numbers": { "daily_dials": 2, "time_zone": "Europe/Berlin" } });
    set_policy(&world, &serde_json::from_value(policy).expect("a policy")).await;
    let contacts = world.contacts(1, 4).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    dialer.dial_next(id).await;
    dialer.dial_next(id).await;
    let all = told(&world, id, Some(&held(&dialer, id).await)).await;
    let here = now(&world).await.in_tz("Europe/Berlin").expect("a zone");
    let midnight = here.tomorrow().and_then(|day| day.start_of_day()).expect("a day").timestamp();
    assert_eq!(rows(&all), [("caller_id_day".to_owned(), 2, Some(midnight), Some(WaitsFor::Time))]);
    assert!(all.holds[0].remedy.is_some_and(|remedy| remedy.contains("daily_dials")));
}

async fn a_full_server_says_when_it_looks_again(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 2).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let until = now(&world).await + Duration::from_secs(1);
    let full = Held::by(Limited { scope: Scope::Node, until: Some(until) });
    let all = told(&world, id, Some(&full)).await;
    assert_eq!(rows(&all), [("node_concurrency".to_owned(), 2, Some(until), Some(WaitsFor::Time))]);
}
