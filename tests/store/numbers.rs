//! Contacts with several numbers: which one is dialed, what moves on to the next, and what holds for each of them.

use std::time::Duration;

use callwright::args;
use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::settings::{AlternateNumbers, FrequencyCap, Settings};
use callwright::campaign::states::{BlockedReason, TargetState};
use callwright::dialer::claim::DialRefusal;
use callwright::id::{CampaignId, ContactId, NodeId};
use callwright::store::attempt::{self, Of};
use callwright::store::audit::Actor;
use callwright::store::contact::{self, ContactData, FurtherPhone};
use callwright::store::dialing::{AttemptEnd, Claimed, Refused};
use callwright::store::forecast::{self, Question};
use callwright::store::suppression::{self, SuppressionSource};
use callwright::store::target::Act;
use callwright::store::{Page, target};
use callwright::time;

use crate::db::TestDb;
use crate::world::{Dialer, World, contact_data, noon};

crate::on_both!(
    whoever_does_not_answer_is_tried_on_the_next_number,
    a_number_that_does_not_exist_is_marked_and_the_next_one_is_dialed_at_once,
    a_suppressed_number_is_passed_over_and_all_of_them_block,
    a_number_suppressed_after_the_claim_gives_way_to_another,
    an_opt_out_holds_for_all_numbers_of_a_person,
    policies_say_when_further_numbers_are_dialed,
    a_number_of_two_contacts_is_never_rung_twice_at_once,
    dials_to_all_numbers_of_a_person_count_for_a_cap,
    a_callback_goes_where_they_were_reached,
    an_edited_contact_begins_with_its_first_number,
    a_forecast_stands_at_the_same_number,
);

fn fast() -> Settings {
    Settings { calls_per_minute: 6000, max_concurrent_calls: 100, ..Settings::default() }
}

fn further(number: u32) -> FurtherPhone {
    let number = contact_data(number).phone.expect("a number");
    FurtherPhone { number, label: Some("mobile".to_owned()), zone: None }
}

/// Numbers of a person, counted up from `first`.
fn data(first: u32, count: u32) -> ContactData {
    ContactData { further: (first + 1..first + count).map(further).collect(), ..contact_data(first) }
}

async fn person(world: &World, first: u32, count: u32) -> ContactId {
    let mut tx = world.db.begin().await.expect("a transaction");
    let ids = contact::insert(&mut tx, world.org, &world.key, &[data(first, count)]).await.expect("a contact");
    tx.commit().await.expect("a commit");
    ids[0]
}

struct Scene {
    world: World,
    campaign: CampaignId,
    dialer: Dialer,
    contact: ContactId,
}

impl Scene {
    /// One person with so many numbers, in one campaign.
    async fn new(test: &TestDb, numbers: u32, settings: Settings) -> Self {
        noon(&test.db).await;
        let world = World::new(&test.db).await;
        let contact = person(&world, 1, numbers).await;
        let campaign = world.running("Spring", settings, &[contact]).await.id;
        let dialer = Dialer::new(&test.db).await;
        Self { world, campaign, dialer, contact }
    }

    async fn call(&self, reason: DisconnectionReason) -> Claimed {
        let (claimed, _) = self.dialer.dial_next(self.campaign).await;
        self.end(&claimed, reason).await;
        *claimed
    }

    async fn end(&self, claimed: &Claimed, reason: DisconnectionReason) {
        let end = self.dialer.end(claimed, reason);
        self.dialer.dialing.end_attempt(&end, None).await.expect("an end").expect("followed");
    }

    async fn later(&mut self, minutes: i64) {
        self.world.db.shift_clock(minutes * 60_000_000);
        self.dialer.node = self.dialer.dialing.register(NodeId::generate()).await.expect("a node");
    }

    async fn suppress(&self, number: u32) -> callwright::id::SuppressionId {
        let hash = self.world.key.hash(contact_data(number).phone.expect("a number").expose());
        let mut tx = self.world.db.begin_durable().await.expect("a transaction");
        let entry = suppression::insert(&mut tx, self.world.org, &hash, SuppressionSource::Manual, "").await;
        tx.commit().await.expect("a commit");
        entry.expect("an entry").id
    }

    async fn state(&self) -> (TargetState, Option<BlockedReason>) {
        let target = &self.world.targets(self.campaign).await[0];
        (target.state, target.blocked_reason)
    }

    async fn contact(&self) -> contact::Contact {
        let mut tx = self.world.db.read().await.expect("a transaction");
        contact::get(&mut tx, self.world.org, self.contact).await.expect("the contact")
    }

    async fn exhaust(&self) {
        while self.dialer.claim(self.campaign).await.err() == Some(Refused::Again) {}
    }
}

fn dialed(claimed: &Claimed) -> u32 {
    claimed.to.expose().as_str().trim_start_matches("+4930").parse().expect("one of ours")
}

async fn whoever_does_not_answer_is_tried_on_the_next_number(test: TestDb) {
    let mut scene = Scene::new(&test, 3, fast()).await;
    let mut rung = Vec::new();
    for reason in [
        DisconnectionReason::DialNoAnswer,
        DisconnectionReason::DialBusy,
        DisconnectionReason::DialFailed,
        DisconnectionReason::DialNoAnswer,
    ] {
        rung.push(dialed(&scene.call(reason).await));
        assert_eq!(scene.dialer.claim(scene.campaign).await.err(), Some(Refused::Empty), "after the delay");
        scene.later(6).await;
    }
    assert_eq!(rung, [1, 2, 3, 3], "a fault of the network says nothing about the person");
    assert_eq!(scene.state().await.0, TargetState::Failed, "all numbers share one budget");
    let mut tx = test.db.read().await.expect("a transaction");
    let all = attempt::list(&mut tx, scene.world.org, Of::Campaign(scene.campaign), Page::first(10)).await;
    let named: Vec<_> = all.expect("a page").items.into_iter().map(|one| (one.number, one.to)).collect();
    let number = |at: u32| contact_data(at).phone;
    assert_eq!(named, [(0, number(1)), (1, number(2)), (2, number(3)), (2, number(3))]);
    drop(tx);
    let id = scene.world.targets(scene.campaign).await[0].id;
    let mut tx = test.db.begin().await.expect("a transaction");
    let act = target::act(&mut tx, scene.world.org, &Actor::system("test"), id, Act::Restart).await;
    act.expect("an answer").expect("restarted");
    tx.commit().await.expect("a commit");
    assert_eq!(dialed(&scene.call(DisconnectionReason::DialBusy).await), 1, "a new round begins with the first");
}

async fn a_number_that_does_not_exist_is_marked_and_the_next_one_is_dialed_at_once(test: TestDb) {
    let scene = Scene::new(&test, 3, Settings { max_retries: 2, ..fast() }).await;
    let bad = DisconnectionReason::InvalidPhoneNumber;
    assert_eq!(dialed(&scene.call(bad).await), 1);
    assert_eq!(dialed(&scene.call(bad).await), 2, "without any delay");
    let marks = scene.contact().await.invalid_since;
    assert_eq!(marks.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false]);
    // Another campaign passes over what is known not to exist.
    let other = scene.world.running("Autumn", Settings { retry_delay_min: 1, ..fast() }, &[scene.contact]).await.id;
    let (claimed, _) = scene.dialer.dial_next(other).await;
    assert_eq!(dialed(&claimed), 3);
    let end = AttemptEnd {
        talked: Some(Duration::from_secs(5)),
        ..scene.dialer.end(&claimed, DisconnectionReason::UserHangup)
    };
    scene.dialer.dialing.end_attempt(&end, None).await.expect("an end");
    test.db.shift_clock(400_000_000);
    let scene = Scene { dialer: Dialer::new(&test.db).await, ..scene };
    assert_eq!(dialed(&scene.call(bad).await), 3);
    assert_eq!(scene.state().await.0, TargetState::Failed, "nobody is left to try");
    assert!(scene.contact().await.invalid_since.iter().all(Option::is_some));
    // A number keeps its mark where it moves; a new one has none.
    let edited = ContactData { further: vec![further(1)], ..contact_data(9) };
    let mut tx = test.db.begin().await.expect("a transaction");
    contact::update(&mut tx, scene.world.org, &scene.world.key, scene.contact, &edited).await.expect("the contact");
    tx.commit().await.expect("a commit");
    let marks = scene.contact().await.invalid_since;
    assert_eq!(marks.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
}

async fn a_suppressed_number_is_passed_over_and_all_of_them_block(test: TestDb) {
    let mut scene = Scene::new(&test, 2, fast()).await;
    scene.suppress(1).await;
    assert_eq!(dialed(&scene.call(DisconnectionReason::DialBusy).await), 2);
    scene.later(6).await;
    let second = scene.suppress(2).await;
    scene.exhaust().await;
    assert_eq!(scene.state().await, (TargetState::Blocked, Some(BlockedReason::Dnc)));
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    suppression::delete(&mut tx, scene.world.org, second).await.expect("lifted");
    tx.commit().await.expect("a commit");
    assert_eq!(dialed(&scene.call(DisconnectionReason::DialBusy).await), 2, "its cause is mended");
}

async fn a_number_suppressed_after_the_claim_gives_way_to_another(test: TestDb) {
    let scene = Scene::new(&test, 2, fast()).await;
    let claimed = scene.dialer.claim(scene.campaign).await.expect("a claim");
    assert_eq!(dialed(&claimed), 1);
    scene.suppress(1).await;
    let refused = scene.dialer.dial(&claimed).await.expect("no fault");
    assert_eq!(refused, Err(DialRefusal::Suppressed(BlockedReason::Dnc)));
    assert_eq!(dialed(&scene.call(DisconnectionReason::DialBusy).await), 2);
}

async fn an_opt_out_holds_for_all_numbers_of_a_person(test: TestDb) {
    let scene = Scene::new(&test, 3, fast()).await;
    scene.call(DisconnectionReason::VoiceCallsOptedOut).await;
    let other = scene.world.running("Autumn", fast(), &[scene.contact]).await.id;
    while scene.dialer.claim(other).await.err() == Some(Refused::Again) {}
    let target = &scene.world.targets(other).await[0];
    assert_eq!((target.state, target.blocked_reason), (TargetState::Blocked, Some(BlockedReason::OptedOut)));
}

async fn policies_say_when_further_numbers_are_dialed(test: TestDb) {
    let set = |alternate_numbers| Settings { alternate_numbers, ..fast() };
    let mut scene = Scene::new(&test, 2, set(AlternateNumbers::InvalidOnly)).await;
    assert_eq!(dialed(&scene.call(DisconnectionReason::DialBusy).await), 1);
    scene.later(6).await;
    assert_eq!(dialed(&scene.call(DisconnectionReason::InvalidPhoneNumber).await), 1, "the same again");
    assert_eq!(dialed(&scene.call(DisconnectionReason::UserDeclined).await), 2);
    let other = person(&scene.world, 11, 2).await;
    let off = scene.world.running("off", set(AlternateNumbers::Off), &[other]).await.id;
    scene.suppress(11).await;
    while scene.dialer.claim(off).await.err() == Some(Refused::Again) {}
    assert_eq!(scene.world.targets(off).await[0].blocked_reason, Some(BlockedReason::Dnc), "only the first counts");
    let third = person(&scene.world, 21, 2).await;
    let off = scene.world.running("off too", set(AlternateNumbers::Off), &[third]).await.id;
    let (claimed, _) = scene.dialer.dial_next(off).await;
    scene.end(&claimed, DisconnectionReason::InvalidPhoneNumber).await;
    assert_eq!(scene.world.targets(off).await[0].state, TargetState::Failed);
}

async fn a_number_of_two_contacts_is_never_rung_twice_at_once(test: TestDb) {
    // 1 and 2; 2 and 3; 2 alone.
    let scene = Scene::new(&test, 2, fast()).await;
    let (second, third) = (person(&scene.world, 2, 2).await, person(&scene.world, 2, 1).await);
    let (first, _) = scene.dialer.dial_next(scene.campaign).await;
    assert_eq!(dialed(&first), 1);
    let other = scene.world.running("Autumn", fast(), &[second, third]).await.id;
    let (one, _) = scene.dialer.dial_next(other).await;
    assert_eq!(dialed(&one), 2);
    assert_eq!(scene.dialer.claim(other).await.err(), Some(Refused::Empty), "its only number is rung");
    scene.end(&first, DisconnectionReason::DialBusy).await;
    // The first one's next number is being rung: it is called on the number that is free.
    test.db.shift_clock(360_000_000);
    let dialer = Dialer::new(&test.db).await;
    let again = dialer.claim(scene.campaign).await.expect("a claim");
    assert_eq!(dialed(&again), 1);
    let mut tx = test.db.read().await.expect("a transaction");
    let twice = "SELECT COUNT(*) AS value FROM (SELECT phone_hash FROM attempt WHERE live GROUP BY phone_hash \
                 HAVING COUNT(*) > 1) AS twice";
    assert_eq!(tx.value::<i64>(twice, args![]).await.expect("a count"), 0);
}

async fn dials_to_all_numbers_of_a_person_count_for_a_cap(test: TestDb) {
    let cap = Some(FrequencyCap { dials: 2, per_hours: 24 });
    let mut scene = Scene::new(&test, 3, Settings { frequency_cap: cap, ..fast() }).await;
    for number in [1, 2] {
        assert_eq!(dialed(&scene.call(DisconnectionReason::DialNoAnswer).await), number);
        scene.later(6).await;
    }
    assert_eq!(scene.dialer.claim(scene.campaign).await.err(), Some(Refused::Empty));
    let mut tx = test.db.read().await.expect("a transaction");
    let now = tx.now().await.expect("the time");
    let held = callwright::store::campaign::holdings(&mut tx, scene.campaign, now).await.expect("holds");
    assert_eq!(held[0].held_by.as_deref(), Some("frequency_cap"), "{held:?}");
}

async fn a_callback_goes_where_they_were_reached(test: TestDb) {
    let mut scene = Scene::new(&test, 2, fast()).await;
    scene.call(DisconnectionReason::DialNoAnswer).await;
    scene.later(6).await;
    let (claimed, _) = scene.dialer.dial_next(scene.campaign).await;
    assert_eq!(dialed(&claimed), 2);
    let now = test.db.read().await.expect("a transaction").now().await.expect("the time");
    let end = AttemptEnd {
        talked: Some(Duration::from_secs(20)),
        callback_at: Some(now + Duration::from_secs(1800)),
        ..scene.dialer.end(&claimed, DisconnectionReason::UserHangup)
    };
    scene.dialer.dialing.end_attempt(&end, None).await.expect("an end");
    assert_eq!(scene.state().await.0, TargetState::Callback);
    scene.later(31).await;
    assert_eq!(dialed(&scene.call(DisconnectionReason::DialNoAnswer).await), 2);
}

async fn an_edited_contact_begins_with_its_first_number(test: TestDb) {
    let mut scene = Scene::new(&test, 3, fast()).await;
    scene.call(DisconnectionReason::DialNoAnswer).await;
    let edited = ContactData { further: vec![further(32)], ..contact_data(31) };
    let mut tx = test.db.begin().await.expect("a transaction");
    contact::update(&mut tx, scene.world.org, &scene.world.key, scene.contact, &edited).await.expect("the contact");
    let hash = scene.world.key.hash(further(32).number.expose());
    let found = contact::of_number(&mut tx, scene.world.org, &hash).await.expect("contacts");
    assert_eq!(found.len(), 1, "whoever calls is recognised by any of their numbers");
    assert_eq!((found[0].id, &found[0].data), (scene.contact, &edited));
    let known = contact::known_phones(&mut tx, scene.world.org, &[hash]).await.expect("known");
    assert_eq!(known.len(), 1);
    tx.commit().await.expect("a commit");
    scene.later(6).await;
    assert_eq!(dialed(&scene.call(DisconnectionReason::DialNoAnswer).await), 31);
    let only = ContactData { further: Vec::new(), ..edited };
    let mut tx = test.db.begin().await.expect("a transaction");
    contact::update(&mut tx, scene.world.org, &scene.world.key, scene.contact, &only).await.expect("the contact");
    let rest: i64 = tx.value("SELECT COUNT(*) AS value FROM further_phone", args![]).await.expect("a count");
    tx.commit().await.expect("a commit");
    assert_eq!(rest, 0);
    scene.later(6).await;
    assert_eq!(dialed(&scene.call(DisconnectionReason::DialNoAnswer).await), 31, "the number it stood at is gone");
}

async fn a_forecast_stands_at_the_same_number(test: TestDb) {
    let scene = Scene::new(&test, 3, fast()).await;
    scene.suppress(3).await;
    assert_eq!(dialed(&scene.call(DisconnectionReason::InvalidPhoneNumber).await), 1);
    let mut tx = scene.world.db.read().await.expect("a transaction");
    let asked = forecast::copy(&mut tx, scene.world.org, scene.campaign, time::now(), &Question::default()).await;
    let ledger = asked.expect("a copy").ledger;
    let number = |number| contact_data(number).phone.expect("a number").into_inner();
    assert_eq!(ledger.targets[0].number, 1);
    assert_eq!(ledger.further[&0], [number(2), number(3)]);
    let suppressed: Vec<_> = ledger.suppressed.iter().map(|(number, why)| (number.clone(), *why)).collect();
    assert_eq!(suppressed, [(number(3), BlockedReason::Dnc)]);
}
