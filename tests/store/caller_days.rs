//! The cap on the dials of a day from one number: exact over campaigns, and over whatever is not placed.

use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::law::policy::CallingPolicy;
use callwright::campaign::settings::Settings;
use callwright::dialer::pacing::{Limited, Scope};
use callwright::store::audit::Actor;
use callwright::store::dialing::{AttemptEnd, Refused};
use callwright::store::{caller_number, policy};
use callwright::trunk::caller_health::CallerRecord;
use jiff::Timestamp;
use serde_json::json;

use crate::db::TestDb;
use crate::world::{Dialer, World, noon};

crate::on_both!(
    a_number_makes_so_many_dials_a_day_and_no_more,
    a_batch_ends_where_the_day_does,
    what_the_dials_from_a_number_came_to_is_counted,
);

fn settings() -> Settings {
    Settings { calls_per_minute: 6000, max_concurrent_calls: 100, ..Settings::default() }
}

async fn allow(world: &World, daily_dials: u32) {
    let policy = json!({ "caller_numbers": { "daily_dials": daily_dials, "time_zone": "Europe/Berlin" } });
    let policy: CallingPolicy = serde_json::from_value(policy).expect("a policy");
    policy.validate().expect("a good one");
    let mut tx = world.db.begin_durable().await.expect("a transaction");
    policy::set(&mut tx, world.org, &Actor::system("test"), &policy).await.expect("a policy");
    tx.commit().await.expect("a commit");
}

/// When the next day begins, as a claim says that finds the cap reached.
fn next_day(refused: Refused) -> Timestamp {
    let Refused::Limited(Limited { scope: Scope::CallerDay, until: Some(next) }) = refused else {
        panic!("{refused:?}")
    };
    next
}

async fn a_number_makes_so_many_dials_a_day_and_no_more(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let (first, second) = (world.contacts(1, 4).await, world.contacts(11, 4).await);
    let spring = world.running("Spring", settings(), &first).await.id;
    let summer = world.running("Summer", settings(), &second).await.id;
    let dialer = Dialer::new(&test.db).await;
    dialer.dial_next(spring).await;
    // What was dialed before there was a cap counts too.
    allow(&world, 3).await;
    let (busy, _) = dialer.dial_next(summer).await;
    let end = dialer.end(&busy, DisconnectionReason::DialBusy);
    dialer.dialing.end_attempt(&end, None).await.expect("an end");
    let claimed = dialer.claim(spring).await.expect("the third");
    for campaign in [spring, summer] {
        next_day(dialer.claim(campaign).await.expect_err("three dials, one of them over"));
    }
    // One that is not sent does not count.
    dialer.dialing.release(claimed.attempt, &dialer.node).await.expect("given back");
    dialer.dial_next(summer).await;
    let midnight = next_day(dialer.claim(spring).await.expect_err("three again"));
    let wall = midnight.in_tz("Europe/Berlin").expect("a zone");
    assert_eq!((wall.hour(), wall.minute(), wall.second()), (0, 0, 0));
    allow(&world, 4).await;
    dialer.dial_next(spring).await;
    next_day(dialer.claim(spring).await.expect_err("four"));
}

async fn a_batch_ends_where_the_day_does(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    allow(&world, 2).await;
    let contacts = world.contacts(1, 5).await;
    let id = world.running("Spring", settings(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    dialer.dialing.promote(id, 100).await.expect("a promotion");
    let (claimed, picked) = dialer.dialing.claim_several(&dialer.request(id), 5).await.expect("a claim");
    assert_eq!(claimed.len(), 2, "claimed together and counted one by one");
    next_day(picked.result.expect_err("no third"));
}

async fn what_the_dials_from_a_number_came_to_is_counted(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 6).await;
    let id = world.running("Spring", settings(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    for status in [486, 603, 607, 608] {
        let (dialed, _) = dialer.dial_next(id).await;
        let end = AttemptEnd { sip_code: Some(status), ..dialer.end(&dialed, DisconnectionReason::DialFailed) };
        dialer.dialing.end_attempt(&end, None).await.expect("an end");
    }
    let given_back = dialer.claim(id).await.expect("a claim");
    dialer.dialing.release(given_back.attempt, &dialer.node).await.expect("given back");
    let (live, _) = dialer.dial_next(id).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let sql = "UPDATE attempt SET answered_at = dialing_at + 1000000, ended_at = dialing_at + 10999999 WHERE id = $1";
    tx.execute(sql, callwright::args![live.attempt]).await.expect("a short call");
    tx.commit().await.expect("a commit");
    let mut tx = test.db.read().await.expect("a transaction");
    let number = "+493012345678".parse().expect("a number");
    let since = tx.now().await.expect("a clock") - jiff::SignedDuration::from_hours(1);
    let seen = caller_number::seen(&mut tx, world.org, &number, since).await.expect("counted");
    let expected = CallerRecord { dials: 5, answered: 1, short: 1, declined: 1, unwanted: 1, rejected: 1 };
    assert_eq!((seen.record, seen.attestation), (expected, None));
    assert!(seen.last_dial.is_some_and(|at| at > since));
    let later = since + jiff::SignedDuration::from_hours(2);
    let none = caller_number::seen(&mut tx, world.org, &number, later).await.expect("counted");
    assert_eq!((none.record, none.last_dial), (CallerRecord::default(), None));
    let numbers = caller_number::all(&mut tx, world.org).await.expect("numbers");
    assert_eq!(numbers.keys().collect::<Vec<_>>(), [&number]);
}
