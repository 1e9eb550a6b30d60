//! Imported suppression lists: replaced at once or not at all, asked in the claim and once more before the dial.

use std::time::Duration;

use callwright::campaign::phone::E164;
use callwright::campaign::settings::Settings;
use callwright::campaign::states::{BlockedReason, CampaignState, PauseReason, TargetState};
use callwright::dialer::claim::DialRefusal;
use callwright::dialer::start::StartGuard;
use callwright::id::{CampaignId, SuppressionListId};
use callwright::store::attempt::{self, Of};
use callwright::store::audit::Actor;
use callwright::store::dialing::{Refused, TurnedAway};
use callwright::store::suppression_list::{self, Import, ListData};
use callwright::store::{Page, StoreError, campaign};

use crate::db::TestDb;
use crate::world::{Dialer, World, contact_data, noon};

crate::on_both!(
    a_list_is_replaced_at_once_or_not_at_all,
    a_list_that_comes_between_claim_and_dial_stops_it,
    a_list_of_a_campaign_holds_there_alone,
    many_who_are_listed_are_blocked_in_one_go,
    a_list_that_is_too_old_pauses_its_campaigns,
    what_was_replaced_or_broken_off_is_taken_away,
);

fn fast() -> Settings {
    Settings { calls_per_minute: 6000, max_concurrent_calls: 100, ..Settings::default() }
}

fn data(name: &str) -> ListData {
    ListData { name: name.to_owned(), source: "test".to_owned(), org_wide: true, valid_until: None }
}

async fn list(world: &World, data: ListData) -> SuppressionListId {
    let mut tx = world.db.begin_durable().await.expect("a transaction");
    let made = suppression_list::insert(&mut tx, world.org, &Actor::system("test"), data).await.expect("a list");
    tx.commit().await.expect("a commit");
    made.expect("few lists").id
}

/// The numbers of the contacts counted from `first`.
fn hashes(world: &World, first: u32, count: u32) -> Vec<callwright::store::org::PhoneHash> {
    let number = |number: u32| contact_data(number).phone.expect("a number");
    (first..first + count).map(|at| world.key.hash(number(at).expose())).collect()
}

async fn begun(world: &World, list: SuppressionListId, first: u32, count: u32) -> Import {
    let mut import = Import::begin(&world.db, world.org, list).await.expect("an import");
    import.add(&world.db, hashes(world, first, count)).await.expect("numbers");
    import
}

async fn fill(world: &World, list: SuppressionListId, first: u32, count: u32) {
    let import = begun(world, list, first, count).await;
    let done = import.finish(&world.db, &Actor::system("test")).await.expect("an import");
    assert_eq!(done.numbers, u64::from(count));
}

async fn names(world: &World, id: CampaignId) -> Vec<Option<String>> {
    let mut tx = world.db.read().await.expect("a transaction");
    let all = attempt::list(&mut tx, world.org, Of::Campaign(id), Page::first(1000)).await.expect("a page").items;
    all.into_iter().map(|attempt| attempt.blocked_by).collect()
}

async fn a_list_is_replaced_at_once_or_not_at_all(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 3).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let robinson = list(&world, data("Robinson")).await;
    let dialer = Dialer::new(&test.db).await;
    // More than one transaction of numbers, the contact's among the first of them.
    let import = begun(&world, robinson, 1, 4500).await;
    dialer.dial_next(id).await;
    import.finish(&test.db, &Actor::system("test")).await.expect("an import");
    assert_eq!(dialer.claim(id).await, Err(Refused::Empty), "the whole list holds from here on");
    let blocked: Vec<_> =
        world.targets(id).await.into_iter().filter(|target| target.state == TargetState::Blocked).collect();
    assert_eq!(blocked.len(), 2);
    assert!(blocked.iter().all(|target| target.blocked_by.as_deref() == Some("Robinson")), "{blocked:?}");
    assert!(blocked.iter().all(|target| target.blocked_reason == Some(BlockedReason::Dnc)));
    assert_eq!(names(&world, id).await.iter().flatten().count(), 2, "its attempts name it too");
    // An import that is given up changes nothing.
    begun(&world, robinson, 9000, 10).await.abandon(&test.db).await.expect("given up");
    suppression_list::mend(&test.db).await.expect("looked at");
    assert_eq!(dialer.claim(id).await, Err(Refused::Empty));
    // The next version has one of them only.
    fill(&world, robinson, 3, 1).await;
    suppression_list::mend(&test.db).await.expect("looked at");
    dialer.dial_next(id).await;
    assert_eq!(dialer.claim(id).await, Err(Refused::Empty));
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    suppression_list::delete(&mut tx, world.org, &Actor::system("test"), robinson).await.expect("deleted");
    tx.commit().await.expect("a commit");
    suppression_list::mend(&test.db).await.expect("looked at");
    dialer.dial_next(id).await;
}

async fn a_list_that_comes_between_claim_and_dial_stops_it(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 1).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let claimed = dialer.claim(id).await.expect("a claim");
    let robinson = list(&world, data("Robinson")).await;
    fill(&world, robinson, 1, 1).await;
    let refused = dialer.dial(&claimed).await.expect("no fault");
    assert_eq!(refused, Err(DialRefusal::Suppressed(BlockedReason::Dnc)));
    let target = &world.targets(id).await[0];
    assert_eq!((target.state, target.blocked_by.as_deref()), (TargetState::Blocked, Some("Robinson")));
    assert_eq!(names(&world, id).await, [Some("Robinson".to_owned())]);
}

async fn a_list_of_a_campaign_holds_there_alone(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 2).await;
    let spring = world.running("Spring", fast(), &contacts[..1]).await.id;
    let autumn = world.running("Autumn", fast(), &contacts[1..]).await.id;
    let own = list(&world, ListData { org_wide: false, ..data("Asked in spring") }).await;
    fill(&world, own, 1, 2).await;
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    let actor = Actor::system("test");
    suppression_list::attach(&mut tx, world.org, &actor, spring, &[own]).await.expect("attached");
    let nowhere = SuppressionListId::generate();
    let unknown = suppression_list::attach(&mut tx, world.org, &actor, spring, &[own, nowhere]).await;
    assert!(matches!(unknown, Err(StoreError::NotFound)));
    drop(tx);
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    suppression_list::attach(&mut tx, world.org, &actor, spring, &[own]).await.expect("attached");
    tx.commit().await.expect("a commit");
    let dialer = Dialer::new(&test.db).await;
    assert_eq!(dialer.claim(spring).await, Err(Refused::Empty));
    dialer.dial_next(autumn).await;
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    suppression_list::attach(&mut tx, world.org, &actor, spring, &[]).await.expect("taken off");
    tx.commit().await.expect("a commit");
    suppression_list::mend(&test.db).await.expect("looked at");
    dialer.dial_next(spring).await;
}

async fn many_who_are_listed_are_blocked_in_one_go(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 160).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let robinson = list(&world, data("Robinson")).await;
    let dialer = Dialer::new(&test.db).await;
    dialer.dialing.promote(id, 5).await.expect("a promotion");
    fill(&world, robinson, 1, 150).await;
    let promoted = dialer.dialing.promote(id, 100).await.expect("a promotion");
    assert_eq!((promoted.blocked, promoted.ready), (145, 10));
    // Those that were READY before are turned away one by one.
    let picked = dialer.pick(id).await.expect("a claim");
    let dnc = |fate: &TurnedAway| matches!(fate, TurnedAway::Blocked(BlockedReason::Dnc));
    assert_eq!(picked.turned_away.iter().filter(|(_, fate)| dnc(fate)).count(), 5);
    assert!(picked.result.is_ok());
    let named = names(&world, id).await;
    assert_eq!(named.iter().flatten().filter(|name| *name == "Robinson").count(), 150);
}

async fn a_list_that_is_too_old_pauses_its_campaigns(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 2).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let now = test.db.read().await.expect("a transaction").now().await.expect("the time");
    let soon = now + Duration::from_secs(3600);
    let robinson = list(&world, ListData { valid_until: Some(soon), ..data("Robinson") }).await;
    fill(&world, robinson, 1, 1).await;
    assert_eq!(suppression_list::pause_outdated(&test.db).await.expect("looked at"), Some(soon));
    test.db.shift_clock(3_601_000_000);
    assert_eq!(suppression_list::pause_outdated(&test.db).await.expect("looked at"), None);
    let mut tx = test.db.read().await.expect("a transaction");
    let paused = campaign::get(&mut tx, world.org, id).await.expect("the campaign");
    assert_eq!((paused.state, paused.pause_reason), (CampaignState::Paused, Some(PauseReason::Compliance)));
    assert_eq!(paused.pause_detail.as_deref(), Some("too old: Robinson; import a newer version"));
    let guards = campaign::failed_guards(&mut tx, &paused, None).await.expect("guards");
    assert_eq!(guards, [StartGuard::SuppressionListOutdated]);
    drop(tx);
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    let fresh = ListData { valid_until: Some(soon + Duration::from_secs(86_400)), ..data("Robinson") };
    suppression_list::update(&mut tx, world.org, &Actor::system("test"), robinson, &fresh).await.expect("changed");
    assert_eq!(campaign::failed_guards(&mut tx, &paused, None).await.expect("guards"), []);
    tx.commit().await.expect("a commit");
}

async fn what_was_replaced_or_broken_off_is_taken_away(test: TestDb) {
    let world = World::new(&test.db).await;
    let robinson = list(&world, data("Robinson")).await;
    fill(&world, robinson, 1, 2500).await;
    let broken = begun(&world, robinson, 5000, 2500).await;
    test.db.shift_clock(2 * 3_600_000_000);
    fill(&world, robinson, 1, 3).await;
    loop {
        let mut tx = test.db.begin().await.expect("a transaction");
        let more = suppression_list::sweep(&mut tx).await.expect("a sweep");
        tx.commit().await.expect("a commit");
        if !more {
            break;
        }
    }
    let mut tx = test.db.read().await.expect("a transaction");
    let left: i64 = tx.value("SELECT COUNT(*) AS value FROM listed_number", vec![]).await.expect("a count");
    assert_eq!(left, 3);
    drop(tx);
    let late = broken.finish(&test.db, &Actor::system("test")).await;
    assert!(matches!(late, Err(StoreError::Stale)), "{late:?}");
    let number: E164 = "+49300000001".parse().expect("a number");
    assert_eq!(world.key.hash(&number).half().len(), 32);
}
