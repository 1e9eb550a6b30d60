//! What stops a campaign at once, by itself or by a person, and the call that a person wants at once.

use callwright::args;
use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::settings::{FailureBreaker, Settings};
use callwright::campaign::states::{BlockedReason, CampaignState, PauseReason, TargetState};
use callwright::dialer::claim::DialRefusal;
use callwright::dialer::gate::DeferReason;
use callwright::id::CampaignId;
use callwright::store::audit::{self, Actor};
use callwright::store::campaign::{self, Campaign};
use callwright::store::dialing::Refused;
use callwright::store::dialing::now::{CallNow, call_now};
use callwright::store::suppression::{self, SuppressionSource};
use callwright::store::{Db, Page, Wake, target};

use crate::db::TestDb;
use crate::world::{Dialer, World, contact_data, noon};

crate::on_both!(
    a_burst_of_failures_pauses_and_says_why,
    an_emergency_stop_lets_no_dial_through,
    one_call_is_placed_now_through_the_gate,
    what_holds_contacts_is_counted,
);

fn settings(breaker: Option<FailureBreaker>) -> Settings {
    Settings { calls_per_minute: 6000, max_concurrent_calls: 100, failure_breaker: breaker, ..Settings::default() }
}

async fn read(db: &Db, world: &World, id: CampaignId) -> Campaign {
    let mut tx = db.read().await.expect("a transaction");
    campaign::get(&mut tx, world.org, id).await.expect("the campaign")
}

async fn a_burst_of_failures_pauses_and_says_why(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 30).await;
    let breaker = FailureBreaker { dials: 5, percent: 80 };
    let id = world.running("Spring", settings(Some(breaker)), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let fail = async |reason| {
        let (claimed, _) = dialer.dial_next(id).await;
        dialer.dialing.end_attempt(&dialer.end(&claimed, reason), None).await.expect("an end");
        dialer.dialing.trip_breaker(id).await.expect("an answer")
    };
    for _ in 0..4 {
        assert!(!fail(DisconnectionReason::DialFailed).await, "too few to judge");
    }
    assert!(fail(DisconnectionReason::DialNoAnswer).await, "four of five");
    let paused = read(&test.db, &world, id).await;
    assert_eq!((paused.state, paused.pause_reason), (CampaignState::Paused, Some(PauseReason::FailureBreaker)));
    assert_eq!(paused.pause_detail.as_deref(), Some("4 of the last 5 dials failed: 4 dial_failed"));
    let resumed = world.advance(&paused, CampaignState::InProgress).await;
    assert_eq!(resumed.pause_detail, None);
    assert!(!fail(DisconnectionReason::DialFailed).await, "who resumes it gives it another try");
    let mut tx = test.db.read().await.expect("a transaction");
    let trail = audit::list(&mut tx, world.org, ("campaign", id.to_string()), Page::first(20)).await.expect("a page");
    assert_eq!(trail.items.iter().filter(|entry| entry.action == "campaign.breaker").count(), 1);
}

async fn an_emergency_stop_lets_no_dial_through(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 4).await;
    let first = world.running("Spring", settings(None), &contacts[..2]).await.id;
    let second = world.running("Autumn", settings(None), &contacts[2..]).await.id;
    let dialer = Dialer::new(&test.db).await;
    let (live, _) = dialer.dial_next(first).await;
    let claimed = dialer.claim(first).await.expect("a claim");
    let mut wakeups = test.db.wakeups();
    assert_eq!(wakeups.next().await, Wake::Everything);
    let actor = Actor::system("test");
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    let stopped = campaign::stop(&mut tx, world.org, &actor, None, false).await.expect("stopped");
    tx.commit().await.expect("a commit");
    assert_eq!((stopped.campaigns, stopped.live_calls), (vec![first, second], 2));
    for id in [first, second] {
        let paused = read(&test.db, &world, id).await;
        assert_eq!((paused.state, paused.pause_reason), (CampaignState::Paused, Some(PauseReason::Admin)));
    }
    assert_eq!(dialer.dial(&claimed).await.expect("no fault"), Err(DialRefusal::CampaignStopped));
    assert_eq!(dialer.pick(second).await.expect("an answer").result, Err(Refused::Stopped));
    let mut halted = Vec::new();
    while halted.len() < 2 {
        if let Wake::Halt(id) = wakeups.next().await {
            halted.push(id);
        }
    }
    assert_eq!(halted, [first, second], "every node is told to take back what was about to leave");
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    let again = campaign::stop(&mut tx, world.org, &actor, Some(first), true).await.expect("stopped");
    tx.commit().await.expect("a commit");
    assert_eq!((again.campaigns, again.live_calls), (vec![], 1), "the call that was live");
    loop {
        match wakeups.next().await {
            Wake::HangUp(id) => break assert_eq!(id, first),
            Wake::Everything => panic!("wake-ups were lost"),
            Wake::Campaigns | Wake::Targets(_) | Wake::Halt(_) | Wake::Room | Wake::Providers | Wake::Knowledge => {}
        }
    }
    let end = dialer.end(&live, DisconnectionReason::Cancelled);
    dialer.dialing.end_attempt(&end, None).await.expect("an end");
}

async fn one_call_is_placed_now_through_the_gate(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 4).await;
    let id = world.running("Spring", settings(None), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    dialer.dialing.promote(id, 10).await.expect("a promotion");
    let actor = Actor::system("test");
    let mut tx = test.db.begin().await.expect("a transaction");
    let hash = world.key.hash(contact_data(2).phone.expect("a number").expose());
    suppression::insert(&mut tx, world.org, &hash, SuppressionSource::Manual, "").await.expect("an entry");
    let blocked = call_now(&mut tx, world.org, &actor, id, contacts[1]).await.expect("an answer");
    assert_eq!(blocked, CallNow::Refused(BlockedReason::Dnc));
    let next = call_now(&mut tx, world.org, &actor, id, contacts[3]).await.expect("an answer");
    tx.commit().await.expect("a commit");
    let claimed = dialer.claim(id).await.expect("a claim");
    assert_eq!((claimed.contact, next), (contacts[3], CallNow::Next(claimed.target)), "before everybody else");
    dialer.dial(&claimed).await.expect("no fault").expect("a dial");
    let mut tx = test.db.begin().await.expect("a transaction");
    let live = call_now(&mut tx, world.org, &actor, id, contacts[3]).await.expect("an answer");
    assert!(matches!(live, CallNow::NotPossible(_)), "{live:?}");
    drop(tx);
    let end = dialer.end(&claimed, DisconnectionReason::UserDeclined);
    dialer.dialing.end_attempt(&end, None).await.expect("an end");
    test.db.shift_clock(10 * 3600 * 1_000_000);
    let mut tx = test.db.begin().await.expect("a transaction");
    let night = call_now(&mut tx, world.org, &actor, id, contacts[3]).await.expect("an answer");
    assert!(matches!(night, CallNow::NotBefore(_, DeferReason::OutsideHours)), "{night:?}");
    drop(tx);
    let paused = world.advance(&read(&test.db, &world, id).await, CampaignState::Paused).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let held = call_now(&mut tx, world.org, &actor, paused.id, contacts[0]).await.expect("an answer");
    assert_eq!(held, CallNow::NotInProgress(CampaignState::Paused));
}

async fn what_holds_contacts_is_counted(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 5).await;
    let id = world.running("Spring", settings(None), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let (claimed, _) = dialer.dial_next(id).await;
    let end = dialer.end(&claimed, DisconnectionReason::DialBusy);
    let settled = dialer.dialing.end_attempt(&end, None).await.expect("an end").expect("followed");
    let other = world.targets(id).await.into_iter().find(|target| target.id != claimed.target).expect("another");
    let mut tx = test.db.begin().await.expect("a transaction");
    let act = target::act(&mut tx, world.org, &Actor::system("test"), other.id, target::Act::Suspend).await;
    act.expect("an answer").expect("suspended");
    tx.execute("UPDATE target SET status = 'waiting' WHERE status = 'ready'", args![]).await.expect("a write");
    tx.commit().await.expect("a commit");
    let mut tx = test.db.read().await.expect("a transaction");
    let now = tx.now().await.expect("the time");
    let holdings = campaign::holdings(&mut tx, id, now).await.expect("holdings");
    let seen: Vec<_> = holdings.iter().map(|one| (one.state, one.held_by.as_deref(), one.contacts)).collect();
    assert_eq!(
        seen.iter().find(|(state, held, _)| (*state, *held) == (TargetState::Waiting, Some("retry"))),
        Some(&(TargetState::Waiting, Some("retry"), 1))
    );
    let retry = holdings.iter().find(|one| one.held_by.as_deref() == Some("retry")).expect("a retry");
    assert_eq!(retry.next_at, settled.next_at);
    assert!(seen.contains(&(TargetState::Suspended, None, 1)), "{seen:?}");
    let due: u64 = holdings.iter().filter(|one| one.is_due()).map(|one| one.contacts).sum();
    assert_eq!(due, 3, "{seen:?}");
}
