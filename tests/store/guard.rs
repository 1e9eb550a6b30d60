//! Consent, and numbers that cost more than a call should: refused by the claim, once more before the dial, for calls that
//! are wanted at once, and for second legs.

use std::collections::BTreeSet;

use callwright::campaign::law::policy::CallingPolicy;
use callwright::campaign::settings::Settings;
use callwright::campaign::states::{BlockedReason, TargetState};
use callwright::dialer::claim::DialRefusal;
use callwright::id::{CampaignId, ContactId};
use callwright::pii::Pii;
use callwright::store::audit::Actor;
use callwright::store::consent::{self, Consent, ConsentData};
use callwright::store::contact::ContactData;
use callwright::store::dialing::Refused;
use callwright::store::dialing::now::{CallNow, call_now};
use callwright::store::{campaign, contact, policy};

use crate::db::TestDb;
use crate::world::{Dialer, World, contact_data, noon};

crate::on_both!(
    a_campaign_that_asks_for_consent_calls_nobody_without,
    consent_that_is_withdrawn_after_the_claim_stops_the_dial,
    costly_and_foreign_numbers_are_refused,
    a_country_forbidden_after_the_claim_stops_the_dial,
);

fn asking() -> Settings {
    Settings { require_consent: true, ..fast() }
}

fn fast() -> Settings {
    Settings { calls_per_minute: 6000, max_concurrent_calls: 100, ..Settings::default() }
}

async fn agree(world: &World, number: u32) -> Consent {
    let hash = world.key.hash(contact_data(number).phone.expect("a number").expose());
    let mut tx = world.db.begin_durable().await.expect("a transaction");
    let given_at = tx.now().await.expect("the time");
    let data = ConsentData {
        source: "web form".to_owned(),
        given_at,
        proof: Pii::new("I agree to be called.".to_owned()),
        proof_hash: "0".repeat(64),
        valid_until: None,
    };
    let made = consent::insert(&mut tx, world.org, &Actor::system("test"), &hash, data).await.expect("a record");
    tx.commit().await.expect("a commit");
    made
}

async fn withdraw(world: &World, record: &Consent) {
    let mut tx = world.db.begin_durable().await.expect("a transaction");
    let withdrawn = consent::withdraw(&mut tx, world.org, &Actor::system("test"), record.id).await.expect("withdrawn");
    assert!(withdrawn.withdrawn_at.is_some());
    tx.commit().await.expect("a commit");
}

async fn allow(world: &World, countries: &[&str]) {
    let countries: BTreeSet<String> = countries.iter().map(|code| (*code).to_owned()).collect();
    let policy = CallingPolicy { allowed_countries: Some(countries), ..CallingPolicy::default() };
    let mut tx = world.db.begin_durable().await.expect("a transaction");
    policy::set(&mut tx, world.org, &Actor::system("test"), &policy).await.expect("a policy");
    tx.commit().await.expect("a commit");
}

/// How many are blocked by each reason, as the diagnosis shows it.
async fn blocked(world: &World, id: CampaignId) -> Vec<(String, u64)> {
    let mut tx = world.db.read().await.expect("a transaction");
    let now = tx.now().await.expect("the time");
    let all = campaign::holdings(&mut tx, id, now).await.expect("holds");
    let all = all.into_iter().filter(|one| one.state == TargetState::Blocked);
    all.map(|one| (one.held_by.expect("a reason"), one.contacts)).collect()
}

async fn a_campaign_that_asks_for_consent_calls_nobody_without(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 3).await;
    let first = agree(&world, 1).await;
    withdraw(&world, &first).await;
    agree(&world, 2).await;
    let id = world.running("Spring", asking(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let (claimed, _) = dialer.dial_next(id).await;
    assert_eq!(claimed.contact, contacts[1], "who agreed");
    assert_eq!(dialer.claim(id).await, Err(Refused::Empty));
    assert_eq!(blocked(&world, id).await, [("no_consent".to_owned(), 2)]);
    agree(&world, 3).await;
    let (claimed, _) = dialer.dial_next(id).await;
    assert_eq!(claimed.contact, contacts[2], "its cause is mended");
    let other = world.running("Autumn", fast(), &contacts[..1]).await.id;
    dialer.dial_next(other).await;
}

async fn consent_that_is_withdrawn_after_the_claim_stops_the_dial(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 1).await;
    let record = agree(&world, 1).await;
    let id = world.running("Spring", asking(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let claimed = dialer.claim(id).await.expect("a claim");
    withdraw(&world, &record).await;
    let refused = dialer.dial(&claimed).await.expect("no fault");
    assert_eq!(refused, Err(DialRefusal::Suppressed(BlockedReason::NoConsent)));
    assert_eq!(blocked(&world, id).await, [("no_consent".to_owned(), 1)]);
}

/// Contacts with these numbers.
async fn with_numbers(world: &World, numbers: &[&str]) -> Vec<ContactId> {
    let data = |number: &&str| ContactData {
        phone: Some(number.parse::<callwright::campaign::phone::E164>().expect("a number").into()),
        zone: Some("Europe/Berlin".to_owned()),
        ..contact_data(1)
    };
    let contacts: Vec<_> = numbers.iter().map(data).collect();
    let mut tx = world.db.begin().await.expect("a transaction");
    let ids = contact::insert(&mut tx, world.org, &world.key, &contacts).await.expect("contacts");
    tx.commit().await.expect("a commit");
    ids
}

async fn costly_and_foreign_numbers_are_refused(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let ids = with_numbers(&world, &["+499001123456", "+881612345678", "+431234567890", "+4930901820"]).await;
    let id = world.running("Spring", fast(), &ids).await.id;
    let dialer = Dialer::new(&test.db).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    for (contact, reason) in
        ids.iter().zip([BlockedReason::PremiumNumber, BlockedReason::SatelliteNumber, BlockedReason::CountryNotAllowed])
    {
        let asked = call_now(&mut tx, world.org, &Actor::system("test"), id, *contact).await.expect("an answer");
        assert_eq!(asked, CallNow::Refused(reason));
    }
    drop(tx);
    let (claimed, _) = dialer.dial_next(id).await;
    assert_eq!(claimed.contact, ids[3], "the country the campaign calls from");
    assert_eq!(
        blocked(&world, id).await,
        [("country_not_allowed".to_owned(), 1), ("premium_number".to_owned(), 1), ("satellite_number".to_owned(), 1)]
    );
    allow(&world, &["AT", "DE"]).await;
    let (claimed, _) = dialer.dial_next(id).await;
    assert_eq!(claimed.contact, ids[2], "its country is allowed now");
    assert_eq!(dialer.claim(id).await, Err(Refused::Empty), "the others are not called by anybody");
}

async fn a_country_forbidden_after_the_claim_stops_the_dial(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 1).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let claimed = dialer.claim(id).await.expect("a claim");
    allow(&world, &["AT"]).await;
    let refused = dialer.dial(&claimed).await.expect("no fault");
    assert_eq!(refused, Err(DialRefusal::Suppressed(BlockedReason::CountryNotAllowed)));
    assert_eq!(world.targets(id).await[0].blocked_reason, Some(BlockedReason::CountryNotAllowed));
}
