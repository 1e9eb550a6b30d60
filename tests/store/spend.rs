//! The cap on what calls of a day cost: reserved in the claim, put right at the end, never passed.

use std::time::Duration;

use callwright::args;
use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::law::policy::CallingPolicy;
use callwright::campaign::settings::Settings;
use callwright::dialer::pacing::{Limited, Scope};
use callwright::id::LegId;
use callwright::store::audit::Actor;
use callwright::store::dialing::{
    AttemptEnd, Claimed, FailoverDenied, FailoverRequest, Refused, TransferCallee, TransferDenied, TransferRequest,
    TransferStep,
};
use callwright::store::{policy, trunk};
use serde_json::json;

use crate::db::TestDb;
use crate::world::{Dialer, HEADROOM, World, noon, trunk_data};

crate::on_both!(
    a_claim_reserves_the_longest_call_and_the_end_puts_it_right,
    the_cap_of_a_day_holds_until_midnight,
    second_legs_reserve_too,
    another_trunk_reserves_what_it_costs,
);

/// Five minutes at most; a minute costs 10,000.
fn settings() -> Settings {
    Settings { calls_per_minute: 6000, max_concurrent_calls: 100, max_call_duration_s: 300, ..Settings::default() }
}

async fn cap(world: &World, daily_cap: u64) {
    cap_with(world, daily_cap, json!([{ "prefix": "49", "per_minute": 10_000 }])).await;
}

async fn cap_with(world: &World, daily_cap: u64, rates: serde_json::Value) {
    let policy = json!({ "spend": { "daily_cap": daily_cap, "time_zone": "Europe/Berlin", "rates": rates } });
    let policy: CallingPolicy = serde_json::from_value(policy).expect("a policy");
    policy.validate().expect("a good one");
    let mut tx = world.db.begin_durable().await.expect("a transaction");
    policy::set(&mut tx, world.org, &Actor::system("test"), &policy).await.expect("a policy");
    tx.commit().await.expect("a commit");
}

/// What the day's row says, which has to be what the calls say.
async fn spent(world: &World) -> i64 {
    let mut tx = world.db.read().await.expect("a transaction");
    let sql = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS value FROM spend WHERE org_id = $1";
    let kept: i64 = tx.value(sql, args![world.org]).await.expect("a sum");
    let sql = "SELECT CAST(COALESCE((SELECT SUM(cost) FROM attempt WHERE org_id = $1), 0) \
               + COALESCE((SELECT SUM(cost) FROM leg WHERE org_id = $1), 0) AS BIGINT) AS value";
    let calls: i64 = tx.value(sql, args![world.org]).await.expect("a sum");
    assert_eq!(kept, calls);
    kept
}

fn spend_cap(refused: Refused) -> bool {
    matches!(refused, Refused::Limited(Limited { scope: Scope::Spend, until: Some(_) }))
}

async fn a_claim_reserves_the_longest_call_and_the_end_puts_it_right(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    cap(&world, 120_000).await;
    let contacts = world.contacts(1, 6).await;
    let id = world.running("Spring", settings(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let (first, _) = dialer.dial_next(id).await;
    let second = dialer.claim(id).await.expect("a claim");
    assert_eq!(spent(&world).await, 100_000, "two calls of five minutes");
    let refused = dialer.claim(id).await.expect_err("20,000 are left");
    assert!(spend_cap(refused), "{refused:?}");
    // One that is not sent costs nothing.
    dialer.dialing.release(second.attempt, &dialer.node).await.expect("given back");
    assert_eq!(spent(&world).await, 50_000);
    // Talked for a minute and a second: two minutes.
    let end = dialer.end(&first, DisconnectionReason::UserHangup);
    let end = AttemptEnd { talked: Some(Duration::from_secs(61)), ..end };
    dialer.dialing.end_attempt(&end, None).await.expect("an end");
    assert_eq!(spent(&world).await, 20_000);
    let (third, _) = dialer.dial_next(id).await;
    dialer.dial_next(id).await;
    assert_eq!(spent(&world).await, 120_000, "to the last of it");
    let busy = dialer.end(&third, DisconnectionReason::DialBusy);
    dialer.dialing.end_attempt(&busy, None).await.expect("an end");
    assert_eq!(spent(&world).await, 70_000, "nobody answered");
    // A call whose end is never known keeps what it may have cost.
    test.db.shift_clock(31_000_000);
    dialer.dialing.reap().await.expect("reaped");
    assert_eq!(spent(&world).await, 70_000);
}

async fn the_cap_of_a_day_holds_until_midnight(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    cap(&world, 49_999).await;
    let contacts = world.contacts(1, 1).await;
    let id = world.running("Spring", settings(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let Refused::Limited(Limited { scope: Scope::Spend, until: Some(midnight) }) =
        dialer.claim(id).await.expect_err("one call could cost more")
    else {
        panic!("the cap holds it");
    };
    let wall = midnight.in_tz("Europe/Berlin").expect("a zone");
    assert_eq!((wall.hour(), wall.minute(), wall.second()), (0, 0, 0));
    cap(&world, 50_000).await;
    dialer.dial_next(id).await;
    assert_eq!(spent(&world).await, 50_000);
}

async fn second_legs_reserve_too(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    cap(&world, 60_000).await;
    let dialer = Dialer::new(&test.db).await;
    let to: callwright::campaign::phone::E164 = "+4930999001".parse().expect("a number");
    let request = |to: &callwright::campaign::phone::E164| TransferRequest {
        leg: LegId::generate(),
        node: dialer.node,
        org: world.org,
        trunk: world.trunk,
        attempt: None,
        caller_id: Some("+493012345678".parse().expect("a number")),
        callee: Some(TransferCallee {
            org: world.org,
            attempt: None,
            caller_id: Some("+493012345678".parse().expect("a number")),
            hash: world.key.hash(to),
            to: to.clone().into(),
        }),
        invite: json!({ "uri": "sip:+4930999001@example.net" }),
        ring_timeout: Duration::from_secs(25),
        longest: Duration::from_secs(300),
        headroom: HEADROOM,
    };
    let first = request(&to);
    dialer.dialing.admit_transfer(&first).await.expect("no fault").expect("there is room");
    assert_eq!(spent(&world).await, 50_000);
    let denied = dialer.dialing.admit_transfer(&request(&to)).await.expect("no fault");
    assert!(matches!(denied, Err(TransferDenied::Limited(Limited { scope: Scope::Spend, .. }))), "{denied:?}");
    dialer.dialing.transfer_progress(first.leg, &dialer.node, TransferStep::Answered, None).await.expect("answered");
    test.db.shift_clock(10_000_000);
    dialer.dialing.end_transfer(first.leg, &dialer.node).await.expect("an end");
    assert_eq!(spent(&world).await, 10_000, "a minute that has begun");
    let premium: callwright::campaign::phone::E164 = "+499001123456".parse().expect("a number");
    let blocked = dialer.dialing.admit_transfer(&request(&premium)).await.expect("no fault");
    let reason = callwright::campaign::states::BlockedReason::PremiumNumber;
    assert_eq!(blocked, Err(TransferDenied::Blocked(reason)));
}

async fn another_trunk_reserves_what_it_costs(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let dear = trunk::insert(&mut tx, world.org, trunk_data("dear")).await.expect("a trunk").id;
    tx.commit().await.expect("a commit");
    let rates = json!([{ "prefix": "49", "per_minute": 10_000 },
                       { "prefix": "49", "per_minute": 30_000, "trunk_id": dear }]);
    cap_with(&world, 200_000, rates).await;
    let contacts = world.contacts(1, 3).await;
    let id = world.running("Spring", settings(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let (first, first_leg) = dialer.dial_next(id).await;
    let (second, second_leg) = dialer.dial_next(id).await;
    assert_eq!(spent(&world).await, 100_000);
    let over = |claimed: &Claimed, failed| FailoverRequest {
        attempt: claimed.attempt,
        node: dialer.node,
        failed,
        sip_code: Some(503),
        leg: LegId::generate(),
        trunk: dear,
        invite: json!({ "uri": "sip:+49@dear.example.net" }),
        headroom: HEADROOM,
    };
    dialer.dialing.fail_over(&over(&first, first_leg)).await.expect("no fault").expect("there is enough for it");
    assert_eq!(spent(&world).await, 200_000, "five minutes over each");
    let denied = dialer.dialing.fail_over(&over(&second, second_leg)).await.expect("no fault");
    assert!(matches!(denied, Err(FailoverDenied::Limited(Limited { scope: Scope::Spend, .. }))), "{denied:?}");
    assert_eq!(spent(&world).await, 200_000, "what was refused reserves nothing");
    // Two minutes, by the rate of the trunk that carried them.
    let end = dialer.end(&first, DisconnectionReason::UserHangup);
    let end = AttemptEnd { talked: Some(Duration::from_secs(61)), ..end };
    dialer.dialing.end_attempt(&end, None).await.expect("an end");
    assert_eq!(spent(&world).await, 110_000);
}
