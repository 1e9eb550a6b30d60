//! Every change of a state is an event, whatever statement makes it.

use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::settings::Settings;
use callwright::campaign::states::CampaignState;
use callwright::store::db::Kind;
use callwright::store::dialing::{AttemptEnd, Progress, Step};
use callwright::store::event::{self, Event, EventKind, Events, Position, Wish};
use callwright::store::filter::OneOf;
use callwright::store::target::{self, Act};
use callwright::store::{Db, audit::Actor};

use crate::db::TestDb;
use crate::world::{Dialer, World, noon};

crate::on_both!(
    a_dial_is_told_step_by_step,
    a_missed_callback_and_a_hold_are_told,
    nothing_is_skipped_when_transactions_overlap,
    what_is_too_old_is_forgotten_and_said_to_be,
);

/// Waits until a reader can see whatever has been committed: on PostgreSQL the transactions of other tests hold it back for a
/// moment.
async fn settle(db: &Db, world: &World) {
    for _ in 0..600 {
        let mut tx = db.read().await.expect("a transaction");
        let there: i64 = tx.value("SELECT COUNT(*) AS value FROM event", vec![]).await.expect("a number");
        let seen = event::after(&mut tx, world.org, None, &Wish::default(), 1000).await.expect("an answer");
        if seen.expect("from the oldest on").items.len() as i64 == there {
            return;
        }
        drop(tx);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("events are not told");
}

async fn read(db: &Db, world: &World, after: Option<Position>, wish: &Wish) -> Events {
    let mut tx = db.read().await.expect("a transaction");
    event::after(&mut tx, world.org, after, wish, 100).await.expect("an answer").expect("not forgotten")
}

/// Kind, before, after, reason.
fn told(events: &[Event]) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let line = |event: &Event| {
        format!("{} {}>{} {}", event.kind, text(&event.before), text(&event.after), text(&event.reason))
    };
    events.iter().filter(|event| event.kind != EventKind::CampaignContacts).map(line).collect()
}

async fn a_dial_is_told_step_by_step(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 1).await;
    let running = world.running("Spring", Settings::default(), &contacts).await;
    let dialer = Dialer::new(&test.db).await;
    let (claimed, leg) = dialer.dial_next(running.id).await;
    for step in [Step::Ringing, Step::Answered, Step::InConversation] {
        let progress = Progress { attempt: claimed.attempt, node: dialer.node, leg, step, dialog: None };
        dialer.dialing.progress(&progress).await.expect("a step");
        // Another fork rings: no step.
        dialer.dialing.progress(&progress).await.expect("the same step");
    }
    let end = dialer.end(&claimed, DisconnectionReason::UserHangup);
    let end = AttemptEnd { talked: Some(Duration::from_secs(5)), ..end };
    dialer.dialing.end_attempt(&end, None).await.expect("an end");
    settle(&test.db, &world).await;
    let events = read(&test.db, &world, None, &Wish::default()).await;
    let mut steps = told(&events.items);
    steps.retain(|line| line.starts_with("attempt"));
    let of_attempt = [
        "attempt.state claimed>dialing -",
        "attempt.state dialing>ringing -",
        "attempt.state ringing>answered -",
        "attempt.state answered>in_conversation -",
        "attempt.state in_conversation>ended user_hangup",
    ];
    assert_eq!(steps, of_attempt);
    let mut moves = told(&events.items);
    moves.retain(|line| !line.starts_with("attempt"));
    let others = ["campaign.state draft>in_progress -", "campaign.round ->- -"];
    assert_eq!(moves[..2], others.map(str::to_owned), "{moves:?}");
    assert_eq!(moves[2], "target.state waiting>in_progress -".replace("waiting", "ready"));
    assert_eq!(moves[3], "target.state in_progress>done user_hangup");
    let ended = events.items.iter().find(|event| event.after.as_deref() == Some("ended")).expect("the end");
    assert_eq!(
        (ended.attempt, ended.target, ended.campaign),
        (Some(claimed.attempt), Some(claimed.target), Some(running.id))
    );

    let some = Wish { kinds: OneOf::new(vec![EventKind::AttemptState]), campaign: Some(running.id) };
    assert_eq!(told(&read(&test.db, &world, None, &some).await.items), of_attempt);
    let third = events.items[2].position;
    assert_eq!(read(&test.db, &world, Some(third), &Wish::default()).await.items, events.items[3..]);
    let rest = read(&test.db, &world, Some(events.next), &Wish::default()).await;
    assert_eq!((rest.items, rest.more), (Vec::new(), false));
}

async fn a_missed_callback_and_a_hold_are_told(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 1).await;
    let running = world.running("Spring", Settings::default(), &contacts).await;
    let dialer = Dialer::new(&test.db).await;
    let (claimed, _) = dialer.dial_next(running.id).await;
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    let actor = Actor::system("test");
    for act in [Act::Suspend, Act::Resume] {
        target::act(&mut tx, world.org, &actor, claimed.target, act).await.expect("an answer").expect("possible");
    }
    let now = tx.now().await.expect("the time");
    tx.commit().await.expect("a commit");
    let wish = now + Duration::from_secs(600);
    let end = AttemptEnd { callback_at: Some(wish), ..dialer.end(&claimed, DisconnectionReason::UserHangup) };
    dialer.dialing.end_attempt(&end, None).await.expect("an end");
    let late = Duration::from_secs(1800).as_micros();
    test.db.shift_clock(i64::try_from(late).expect("short"));
    dialer.dialing.promote(running.id, 10).await.expect("promoted");
    settle(&test.db, &world).await;
    let kinds = vec![EventKind::TargetHold, EventKind::TargetCallbackMissed, EventKind::TargetState];
    let events = read(&test.db, &world, None, &Wish { kinds: OneOf::new(kinds), campaign: None }).await.items;
    let expected = [
        "target.state ready>in_progress -",
        "target.hold ->suspend -",
        "target.hold suspend>- -",
        "target.state in_progress>callback user_hangup",
    ];
    assert_eq!(told(&events)[..4], expected.map(str::to_owned));
    let missed = events.iter().find(|event| event.kind == EventKind::TargetCallbackMissed).expect("it was missed");
    assert_eq!(missed.due_at, events[3].due_at, "with the time it was planned for");
}

async fn nothing_is_skipped_when_transactions_overlap(test: TestDb) {
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 2).await;
    let running = world.running("Spring", Settings::default(), &contacts).await;
    let targets = world.targets(running.id).await;
    settle(&test.db, &world).await;
    let begun = read(&test.db, &world, None, &Wish::default()).await.next;
    let actor = Actor::system("test");
    let suspend = async |tx: &mut callwright::store::Tx, index: usize| {
        let done = target::act(tx, world.org, &actor, targets[index].id, Act::Suspend).await;
        done.expect("an answer").expect("possible");
    };
    let mut slow = test.db.begin().await.expect("a transaction");
    suspend(&mut slow, 0).await;
    if test.db.kind() == Kind::Postgres {
        // It began later and is committed first: a reader that took it now would never see the other.
        let mut quick = test.db.begin().await.expect("a transaction");
        suspend(&mut quick, 1).await;
        quick.commit().await.expect("a commit");
    }
    let meanwhile = read(&test.db, &world, Some(begun), &Wish::default()).await;
    assert_eq!(meanwhile.items, [], "not before what may come before it");
    slow.commit().await.expect("a commit");
    if test.db.kind() == Kind::Sqlite {
        let mut quick = test.db.begin().await.expect("a transaction");
        suspend(&mut quick, 1).await;
        quick.commit().await.expect("a commit");
    }
    // Other tests have transactions of their own on this PostgreSQL: theirs may hold the horizon back for a moment.
    let mut seen = Vec::new();
    let mut position = meanwhile.next;
    for _ in 0..600 {
        let events = read(&test.db, &world, Some(position), &Wish::default()).await;
        seen.extend(events.items.into_iter().filter_map(|event| event.target));
        position = events.next;
        if seen.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(seen, [targets[0].id, targets[1].id], "each once, in order");
}

async fn what_is_too_old_is_forgotten_and_said_to_be(test: TestDb) {
    let world = World::new(&test.db).await;
    let draft = world.draft("Spring", Settings::default()).await;
    let running = world.advance(&draft, CampaignState::InProgress).await;
    settle(&test.db, &world).await;
    let begun = Position::default();
    let first = read(&test.db, &world, Some(begun), &Wish::default()).await;
    test.db.shift_clock(8 * 24 * 3_600_000_000);
    world.advance(&running, CampaignState::Paused).await;
    callwright::app::clerk::round(&test.db, std::path::Path::new("nowhere")).await.expect("a round");
    let mut tx = test.db.read().await.expect("a transaction");
    let told = event::after(&mut tx, world.org, Some(begun), &Wish::default(), 10).await.expect("an answer");
    let oldest = told.expect_err("some are missing").oldest;
    drop(tx);
    assert!(oldest >= first.items.last().expect("an event").position);
    settle(&test.db, &world).await;
    for from in [None, Some(oldest)] {
        let left = read(&test.db, &world, from, &Wish::default()).await.items;
        assert_eq!(left.iter().map(|event| event.after.as_deref()).collect::<Vec<_>>(), [Some("paused")]);
    }
}
