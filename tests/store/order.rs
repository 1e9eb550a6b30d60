//! In which order a list is gone through, and who goes before whom.

use std::time::Duration;

use callwright::args;
use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::order::ListOrder;
use callwright::campaign::settings::Settings;
use callwright::campaign::states::{CampaignState, TargetState};
use callwright::id::{CampaignId, ContactId};
use callwright::store::audit::Actor;
use callwright::store::campaign::{self, Campaign, CampaignData};
use callwright::store::contact::{self, ContactData};
use callwright::store::dialing::Refused;
use callwright::store::target::{self, Entry};

use crate::db::TestDb;
use crate::world::{Dialer, World, contact_data, noon};

crate::on_both!(
    a_list_is_called_in_the_order_that_is_set,
    a_changed_order_holds_for_who_is_in_the_list_already,
    retries_go_after_those_not_called_yet_or_before_them,
    an_urgent_contact_does_not_wait_behind_those_that_are_ready,
    zones_that_open_at_different_times_keep_one_order,
    who_is_not_due_or_suppressed_hides_nobody,
);

fn settings(list_order: ListOrder) -> Settings {
    Settings { calls_per_minute: 6000, max_concurrent_calls: 100, list_order, ..Settings::default() }
}

async fn contacts(world: &World, scores: &[Option<&str>]) -> Vec<ContactId> {
    let data: Vec<_> = scores
        .iter()
        .zip(1..)
        .map(|(score, number)| {
            let mut data = contact_data(number);
            let mut variables = data.variables.into_inner();
            variables.extend(score.map(|score| ("score".to_owned(), score.to_owned())));
            data.variables = variables.into();
            data
        })
        .collect();
    insert(world, &data).await
}

async fn insert(world: &World, data: &[ContactData]) -> Vec<ContactId> {
    let mut tx = world.db.begin().await.expect("a transaction");
    let ids = contact::insert(&mut tx, world.org, &world.key, data).await.expect("contacts");
    tx.commit().await.expect("a commit");
    ids
}

async fn add(world: &World, campaign: CampaignId, contacts: &[ContactId], priority: i32) {
    let mut tx = world.db.begin().await.expect("a transaction");
    let entry = Entry { priority, ..Entry::default() };
    target::add(&mut tx, world.org, campaign, contacts, entry).await.expect("targets");
    tx.commit().await.expect("a commit");
}

async fn running(world: &World, name: &str, order: ListOrder, contacts: &[ContactId]) -> Campaign {
    let draft = world.draft(name, settings(order)).await;
    for contact in contacts {
        add(world, draft.id, &[*contact], 0).await;
    }
    world.advance(&draft, CampaignState::InProgress).await
}

/// Claims everybody who is due, promoting two at a time, and gives the claims back.
async fn order(dialer: &Dialer, campaign: CampaignId) -> Vec<ContactId> {
    let mut order = Vec::new();
    let mut claimed = Vec::new();
    loop {
        dialer.dialing.promote(campaign, 2).await.expect("a promotion");
        match dialer.pick(campaign).await.expect("a claim").result {
            Ok(next) => {
                order.push(next.contact);
                claimed.push(next.attempt);
            }
            // The pace is not what is tested here.
            Err(Refused::Limited(_)) => {
                let mut tx = dialer.dialing.db().begin().await.expect("a transaction");
                tx.execute("UPDATE limiter SET tat = NULL", vec![]).await.expect("every turn is now");
                tx.commit().await.expect("a commit");
            }
            Err(Refused::Again) => {}
            Err(Refused::Empty | Refused::Stopped) => break,
        }
    }
    for attempt in claimed {
        dialer.dialing.release(attempt, &dialer.node).await.expect("given back");
    }
    order
}

async fn a_list_is_called_in_the_order_that_is_set(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let scores = [Some("7"), None, Some("-3.5"), Some("700"), Some("60")];
    let ids = contacts(&world, &scores).await;
    let dialer = Dialer::new(&test.db).await;
    let by = |field: &str, descending| ListOrder::Field { field: field.to_owned(), descending };
    for (name, wanted, places) in [
        ("as imported", ListOrder::AsImported, Some([0, 1, 2, 3, 4])),
        ("newest", ListOrder::NewestFirst, Some([4, 3, 2, 1, 0])),
        ("rising", by("score", false), Some([2, 0, 4, 3, 1])),
        ("falling", by("score", true), Some([3, 4, 0, 2, 1])),
        ("shuffled", ListOrder::Random { seed: 7 }, None),
    ] {
        let campaign = running(&world, name, wanted, &ids).await;
        let found = order(&dialer, campaign.id).await;
        match places {
            Some(places) => assert_eq!(found, places.map(|index| ids[index]), "{name}"),
            None => assert_eq!(found.iter().collect::<std::collections::BTreeSet<_>>().len(), 5, "{name}"),
        }
        world.advance(&campaign, CampaignState::Paused).await;
    }
    // In one call as well the order given is the order kept.
    let draft = world.draft("at once", settings(ListOrder::AsImported)).await;
    let given = [ids[3], ids[0], ids[4], ids[1], ids[2]];
    add(&world, draft.id, &given, 0).await;
    let campaign = world.advance(&draft, CampaignState::InProgress).await.id;
    assert_eq!(order(&dialer, campaign).await, given);
}

async fn a_changed_order_holds_for_who_is_in_the_list_already(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let ids = contacts(&world, &[Some("1"), Some("2"), Some("3"), Some("4")]).await;
    let seen = running(&world, "Spring", ListOrder::AsImported, &ids).await;
    let dialer = Dialer::new(&test.db).await;
    dialer.dialing.promote(seen.id, 3).await.expect("some are ready by the old order");
    let mut tx = test.db.begin().await.expect("a transaction");
    let falling = ListOrder::Field { field: "score".to_owned(), descending: true };
    let data = CampaignData { settings: settings(falling), ..seen.data.clone() };
    campaign::update(&mut tx, &seen, &Actor::system("test"), &data).await.expect("the campaign as seen");
    assert_eq!(campaign::reordered(&mut tx).await.expect("campaigns"), [], "few are placed at once");
    // Whose value changes moves in the list.
    let mut first = contact::get(&mut tx, world.org, ids[0]).await.expect("a contact").data;
    first.variables =
        [("score".to_owned(), "2.5".to_owned())].into_iter().collect::<std::collections::BTreeMap<_, _>>().into();
    contact::update(&mut tx, world.org, &world.key, ids[0], &first).await.expect("an update");
    tx.commit().await.expect("a commit");
    assert_eq!(order(&dialer, seen.id).await, [ids[3], ids[2], ids[0], ids[1]]);
}

async fn retries_go_after_those_not_called_yet_or_before_them(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let ids = world.contacts(1, 4).await;
    for (name, retries_first) in [("after", false), ("before", true)] {
        let settings = Settings { retries_first, retry_delay_min: 1, ..settings(ListOrder::AsImported) };
        let campaign = world.running(name, settings, &ids).await;
        let dialer = Dialer::new(&test.db).await;
        let mut called = Vec::new();
        for _ in 0..2 {
            let (claimed, _) = dialer.dial_next(campaign.id).await;
            let end = dialer.end(&claimed, DisconnectionReason::DialBusy);
            dialer.dialing.end_attempt(&end, None).await.expect("an end");
            called.push(claimed.contact);
        }
        assert_eq!(called, [ids[0], ids[1]]);
        // Both retries are due, and who was called first is due first.
        test.db.shift_clock(120_000_000);
        let dialer = Dialer::new(&test.db).await;
        let fresh = [ids[2], ids[3]];
        let retries = [ids[0], ids[1]];
        let (one, two) = if retries_first { (retries, fresh) } else { (fresh, retries) };
        // Ready ones of the list go back: the order is that of the whole list.
        let mut tx = test.db.begin().await.expect("a transaction");
        let sql = "UPDATE target SET status = 'waiting' WHERE campaign_id = $1 AND status = 'ready'";
        tx.execute(sql, args![campaign.id]).await.expect("an update");
        tx.commit().await.expect("a commit");
        assert_eq!(order(&dialer, campaign.id).await, [one, two].concat(), "{name}");
        world.advance(&campaign, CampaignState::Paused).await;
    }
}

async fn an_urgent_contact_does_not_wait_behind_those_that_are_ready(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let ids = world.contacts(1, 30).await;
    let campaign = world.running("Spring", settings(ListOrder::AsImported), &ids[..20]).await.id;
    let dialer = Dialer::new(&test.db).await;
    assert_eq!(dialer.dialing.promote(campaign, 10).await.expect("a promotion").ready, 10);
    let hurried = dialer.dialing.hurry(campaign, 10).await.expect("a look");
    assert_eq!((hurried.ready, hurried.next), (0, None), "nobody is more urgent");
    add(&world, campaign, &ids[20..23], 5).await;
    add(&world, campaign, &ids[23..24], 9).await;
    let hurried = dialer.dialing.hurry(campaign, 10).await.expect("a look");
    assert_eq!(hurried.ready, 1, "the highest first");
    assert!(hurried.next.is_some(), "others are due");
    assert_eq!(dialer.dialing.hurry(campaign, 10).await.expect("a look").ready, 3);
    let mut called = Vec::new();
    for _ in 0..5 {
        called.push(dialer.pick(campaign).await.expect("a claim").result.expect("somebody").contact);
    }
    assert_eq!(called, [ids[23], ids[20], ids[21], ids[22], ids[0]]);
    // Never more of one priority than a batch: they come out of the list as they are dialed.
    add(&world, campaign, &ids[24..30], 7).await;
    assert_eq!(dialer.dialing.hurry(campaign, 4).await.expect("a look").ready, 4);
    assert_eq!(dialer.dialing.hurry(campaign, 4).await.expect("a look").ready, 0);
    // One that falls due later is told of.
    let mut tx = test.db.begin().await.expect("a transaction");
    let later = tx.now().await.expect("the time") + Duration::from_secs(600);
    let sql = "UPDATE target SET opens_at = NULL, next_at = $2 WHERE campaign_id = $1 AND status = 'waiting' \
               AND base_priority = 7";
    assert_eq!(tx.execute(sql, args![campaign, later]).await.expect("an update"), 2);
    tx.commit().await.expect("a commit");
    let hurried = dialer.dialing.hurry(campaign, 100).await.expect("a look");
    assert_eq!((hurried.ready, hurried.next), (0, Some(later)));
}

async fn zones_that_open_at_different_times_keep_one_order(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let data: Vec<_> = (1..=60)
        .map(|number| {
            // Madrid is on Berlin's clock, Athens an hour ahead and Lisbon an hour behind.
            let zones = ["Europe/Berlin", "Europe/Athens", "Europe/Lisbon"];
            ContactData { zone: Some(zones[number as usize % 3].to_owned()), ..contact_data(number) }
        })
        .collect();
    let ids = insert(&world, &data).await;
    let campaign = running(&world, "Spring", ListOrder::NewestFirst, &ids).await;
    let dialer = Dialer::new(&test.db).await;
    let mut tx = test.db.read().await.expect("a transaction");
    let now = tx.now().await.expect("the time");
    drop(tx);
    // At night everybody is moved to the opening of his hours; next noon all are open.
    test.db.shift_clock(12 * 3_600_000_000);
    let dialer = Dialer { node: dialer.dialing.register(dialer.node.id).await.expect("a node"), ..dialer };
    let promoted = dialer.dialing.promote(campaign.id, 500).await.expect("a promotion");
    assert_eq!((promoted.ready, promoted.deferred), (0, 60));
    assert!(promoted.next_due.is_some_and(|due| due > now + Duration::from_secs(12 * 3600)), "{promoted:?}");
    test.db.shift_clock(12 * 3_600_000_000);
    let dialer = Dialer { node: dialer.dialing.register(dialer.node.id).await.expect("a node"), ..dialer };
    let want: Vec<_> = ids.iter().rev().copied().collect();
    assert_eq!(order(&dialer, campaign.id).await, want);
}

async fn who_is_not_due_or_suppressed_hides_nobody(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let ids = world.contacts(1, 8).await;
    let draft = world.draft("Spring", settings(ListOrder::AsImported)).await;
    add(&world, draft.id, &ids[..3], 100).await;
    add(&world, draft.id, &ids[3..6], 50).await;
    add(&world, draft.id, &ids[6..], 0).await;
    let campaign = world.advance(&draft, CampaignState::InProgress).await.id;
    let mut tx = test.db.begin().await.expect("a transaction");
    let later = tx.now().await.expect("the time") + Duration::from_secs(86_400);
    let sql = "UPDATE target SET opens_at = $2, next_at = $2 WHERE campaign_id = $1 AND base_priority = 100";
    tx.execute(sql, args![campaign, later]).await.expect("an update");
    let sql = "INSERT INTO suppression (id, org_id, phone_hash, source, note, created_at) \
               SELECT c.id, c.org_id, c.phone_hash, 'manual', '', c.created_at FROM contact c \
               JOIN target t ON t.contact_id = c.id WHERE t.campaign_id = $1 AND t.base_priority = 50";
    tx.execute(sql, args![campaign]).await.expect("suppressed");
    tx.commit().await.expect("a commit");
    let dialer = Dialer::new(&test.db).await;
    let promoted = dialer.dialing.promote(campaign, 500).await.expect("a promotion");
    assert_eq!((promoted.ready, promoted.blocked), (2, 3));
    assert_eq!(promoted.next_due, Some(later));
    assert_eq!(order(&dialer, campaign).await, [ids[6], ids[7]]);
    let states = world.targets(campaign).await;
    let count = |state| states.iter().filter(|target| target.state == state).count();
    assert_eq!((count(TargetState::Waiting), count(TargetState::Blocked)), (3, 3));
}
