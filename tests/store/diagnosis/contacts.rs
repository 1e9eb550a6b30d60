//! What holds contacts of a campaign that dials.

use std::collections::BTreeSet;
use std::time::Duration;

use callwright::args;
use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::law::policy::{CallingPolicy, QuietHours};
use callwright::campaign::rounds::Audience;
use callwright::campaign::run::{Day, Days, Run};
use callwright::campaign::settings::{FrequencyCap, Settings};
use callwright::dialer::diagnosis::{Activity, WaitsFor};
use callwright::id::{CampaignId, ContactId};
use callwright::store::audit::Actor;
use callwright::store::contact::{self, ContactData};
use callwright::store::dialing::Refused;
use callwright::store::suppression::{self, SuppressionSource};
use callwright::store::target::{self, Act, Entry};
use callwright::store::{campaign, dialing};
use jiff::ToSpan;
use jiff::civil::Weekday;

use super::{fast, now, person, rows, set_policy, told};
use crate::db::TestDb;
use crate::world::{Dialer, World, contact_data, noon, weekday};

crate::on_both!(
    closed_hours_say_when_they_open,
    a_law_says_when_it_allows_calls_again,
    quiet_hours_say_when_they_end,
    another_call_of_a_number_says_when_it_is_looked_at_again,
    a_spent_frequency_cap_says_when_it_has_room,
    a_retry_and_a_callback_say_when_they_are_due,
    whoever_waits_for_a_person_is_counted,
    whoever_a_later_run_means_says_when_it_opens,
    whoever_may_not_be_called_says_why_and_what_mends_it,
    whoever_has_no_lawful_time_or_no_room_left_says_so,
);

async fn insert(world: &World, contacts: &[ContactData]) -> Vec<ContactId> {
    let mut tx = world.db.begin().await.expect("a transaction");
    let ids = contact::insert(&mut tx, world.org, &world.key, contacts).await.expect("contacts");
    tx.commit().await.expect("a commit");
    ids
}

fn with_number(number: u32, phone: &str) -> ContactData {
    let phone = phone.parse::<callwright::campaign::phone::E164>().expect("a number");
    ContactData { phone: Some(phone.into()), ..contact_data(number) }
}

/// Claims until nobody is left who may be called.
async fn exhaust(dialer: &Dialer, id: CampaignId) {
    loop {
        match dialer.claim(id).await {
            Err(Refused::Again) => {}
            other => break assert_eq!(other.err(), Some(Refused::Empty), "nobody may be called"),
        }
    }
}

async fn closed_hours_say_when_they_open(test: TestDb) {
    noon(&test.db).await;
    test.db.shift_clock(11 * 3_600_000_000);
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 3).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    exhaust(&Dialer::new(&test.db).await, id).await;
    let here = now(&world).await.in_tz("Europe/Berlin").expect("a zone");
    let opens = here.tomorrow().expect("a day").with().hour(8).minute(0).second(0).subsec_nanosecond(0).build();
    let opens = opens.expect("a time").timestamp();
    let all = told(&world, id, None).await;
    assert_eq!(rows(&all), [("outside_hours".to_owned(), 3, Some(opens), Some(WaitsFor::Time))]);
    assert_eq!((all.activity, all.next_at), (Some(Activity::WaitingWindow), Some(opens)));
}

async fn a_law_says_when_it_allows_calls_again(test: TestDb) {
    weekday(&test.db, "Europe/Paris", Weekday::Saturday, 12).await;
    let world = World::new(&test.db).await;
    let allowed_countries = Some(BTreeSet::from(["DE".to_owned(), "FR".to_owned()]));
    set_policy(&world, &CallingPolicy { allowed_countries, ..CallingPolicy::default() }).await;
    let french: Vec<_> = (0..2).map(|at| with_number(at, &format!("+3314020505{at}"))).collect();
    let contacts = insert(&world, &french).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    exhaust(&Dialer::new(&test.db).await, id).await;
    let all = told(&world, id, None).await;
    let [(code, 2, Some(opens), Some(WaitsFor::Time))] = &rows(&all)[..] else { panic!("{all:?}") };
    let there = opens.in_tz("Europe/Paris").expect("a zone");
    // Or Tuesday, when that Monday is a holiday.
    assert!(matches!(there.weekday(), Weekday::Monday | Weekday::Tuesday), "{there}");
    assert_eq!((code.as_str(), there.hour(), there.minute()), ("law", 10, 0));
    let hold = &all.holds[0];
    assert_eq!(hold.rule.map(|rule| rule.id.as_str()), Some("fr-hours"));
    assert!(hold.reason.contains("art. D. 223-9"), "{}", hold.reason);
    assert_eq!(all.activity, Some(Activity::WaitingWindow));
}

async fn quiet_hours_say_when_they_end(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let quiet = QuietHours { days: Day::ALL.iter().copied().collect(), start_min: 11 * 60, end_min: 14 * 60 };
    set_policy(&world, &CallingPolicy { quiet_hours: vec![quiet], ..CallingPolicy::default() }).await;
    let contacts = world.contacts(1, 3).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    exhaust(&Dialer::new(&test.db).await, id).await;
    let all = told(&world, id, None).await;
    let [(code, 3, Some(ends), Some(WaitsFor::Time))] = &rows(&all)[..] else { panic!("{all:?}") };
    let here = ends.in_tz("Europe/Berlin").expect("a zone");
    assert_eq!((code.as_str(), here.hour(), here.minute()), ("quiet_hours", 14, 0));
    assert_eq!(here.date(), now(&world).await.in_tz("Europe/Berlin").expect("a zone").date());
}

async fn another_call_of_a_number_says_when_it_is_looked_at_again(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    // The same number twice.
    let (one, two) = (world.contacts(1, 1).await, world.contacts(1, 1).await);
    let first = world.running("first", fast(), &one).await.id;
    let second = world.running("second", fast(), &two).await.id;
    let dialer = Dialer::new(&test.db).await;
    let (claimed, _) = dialer.dial_next(first).await;
    let before = now(&world).await;
    exhaust(&dialer, second).await;
    let all = told(&world, second, None).await;
    let [(code, 1, Some(at), Some(WaitsFor::Time))] = &rows(&all)[..] else { panic!("{all:?}") };
    assert!(code == "number_busy" && *at > before && *at < before + Duration::from_secs(120), "{code} {at}");
    assert_eq!(all.activity, Some(Activity::WaitingRetry));
    dialer.dialing.end_attempt(&dialer.end(&claimed, DisconnectionReason::DialBusy), None).await.expect("an end");
    let ended = now(&world).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let due = "UPDATE target SET next_at = $1, opens_at = NULL WHERE status = 'waiting' AND campaign_id = $2";
    tx.execute(due, args![before, second]).await.expect("due");
    tx.commit().await.expect("a commit");
    exhaust(&dialer, second).await;
    let all = told(&world, second, None).await;
    let [(code, 1, Some(at), Some(WaitsFor::Time))] = &rows(&all)[..] else { panic!("{all:?}") };
    let spacing = Duration::from_secs(300);
    assert!(code == "number_spacing" && *at <= ended + spacing && *at > before + spacing, "{code} {at}");
}

async fn a_spent_frequency_cap_says_when_it_has_room(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let (one, two) = (world.contacts(1, 1).await, world.contacts(1, 1).await);
    let first = world.running("first", fast(), &one).await.id;
    let cap = Some(FrequencyCap { dials: 1, per_hours: 24 });
    let capped = world.running("capped", Settings { frequency_cap: cap, retry_delay_min: 1, ..fast() }, &two).await.id;
    let dialer = Dialer::new(&test.db).await;
    let before = now(&world).await;
    let (claimed, _) = dialer.dial_next(first).await;
    dialer.dialing.end_attempt(&dialer.end(&claimed, DisconnectionReason::UserDeclined), None).await.expect("an end");
    let after = now(&world).await;
    // Long enough ago for the spacing, and still within the cap's day.
    test.db.shift_clock(300_000_000);
    exhaust(&Dialer::new(&test.db).await, capped).await;
    let all = told(&world, capped, None).await;
    let [(code, 1, Some(at), Some(WaitsFor::Time))] = &rows(&all)[..] else { panic!("{all:?}") };
    let day = Duration::from_secs(86_400);
    assert!(code == "frequency_cap" && *at >= before + day && *at <= after + day, "{code} {at}");
}

async fn a_retry_and_a_callback_say_when_they_are_due(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 2).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let (claimed, _) = dialer.dial_next(id).await;
    let settled = dialer.dialing.end_attempt(&dialer.end(&claimed, DisconnectionReason::DialBusy), None).await;
    let retry = settled.expect("an end").expect("followed").next_at.expect("a retry");
    let other = world.targets(id).await.into_iter().find(|target| target.id != claimed.target).expect("another");
    let wish = now(&world).await + 2.hours();
    let mut tx = test.db.begin().await.expect("a transaction");
    let actor = Actor::system("test");
    dialing::callback::set(&mut tx, world.org, &actor, other.id, wish).await.expect("arranged");
    tx.commit().await.expect("a commit");
    let all = told(&world, id, None).await;
    let want = [
        ("retry".to_owned(), 1, Some(retry), Some(WaitsFor::Time)),
        ("callback".to_owned(), 1, Some(wish), Some(WaitsFor::Time)),
    ];
    assert_eq!(rows(&all), want, "the nearest first");
    assert_eq!((all.activity, all.next_at), (Some(Activity::WaitingRetry), Some(retry)));
    // What waits for no reason that is known.
    let mut tx = test.db.begin().await.expect("a transaction");
    tx.execute("UPDATE target SET held_by = NULL WHERE status = 'waiting'", args![]).await.expect("a change");
    tx.commit().await.expect("a commit");
    let all = rows(&told(&world, id, None).await);
    assert_eq!(all[0], ("not_due".to_owned(), 1, Some(retry), Some(WaitsFor::Time)));
}

async fn whoever_waits_for_a_person_is_counted(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 5).await;
    let id = world.running("Spring", fast(), &contacts[..2]).await.id;
    let mut tx = test.db.begin().await.expect("a transaction");
    let entry = Entry { for_approval: true, ..Entry::default() };
    target::add(&mut tx, world.org, id, &contacts[2..], entry).await.expect("targets");
    tx.commit().await.expect("a commit");
    for target in world.targets(id).await {
        if contacts[..2].contains(&target.contact) {
            let mut tx = test.db.begin().await.expect("a transaction");
            let act = target::act(&mut tx, world.org, &Actor::system("test"), target.id, Act::Suspend).await;
            act.expect("an answer").expect("suspended");
            tx.commit().await.expect("a commit");
        }
    }
    let all = told(&world, id, None).await;
    person(&all, "preselection", 3);
    person(&all, "suspended", 2);
    assert_eq!((rows(&all).len(), all.activity), (2, Some(Activity::WaitingPerson)));
}

async fn whoever_a_later_run_means_says_when_it_opens(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 1).await;
    let draft = world.draft("Spring", fast()).await;
    let here = now(&world).await.in_tz("Europe/Berlin").expect("a zone").date();
    let day = |date| Days::Weekdays([Day::of(date)].into());
    let mut data = draft.data.clone();
    let tomorrow = here.tomorrow().expect("a day");
    let later = Run { days: day(tomorrow), audience: Audience::AllUnfinished, ..Run::default() };
    data.schedule.runs = vec![Run { days: day(here), ..Run::default() }, later];
    let mut tx = test.db.begin().await.expect("a transaction");
    target::add(&mut tx, world.org, draft.id, &contacts, Entry::default()).await.expect("targets");
    campaign::update(&mut tx, &draft, &Actor::system("test"), &data).await.expect("the draft as seen");
    let draft = campaign::get(&mut tx, world.org, draft.id).await.expect("the draft");
    tx.commit().await.expect("a commit");
    let id = world.advance(&draft, callwright::campaign::states::CampaignState::InProgress).await.id;
    let dialer = Dialer::new(&test.db).await;
    let (claimed, _) = dialer.dial_next(id).await;
    let end = dialer.end(&claimed, DisconnectionReason::InvalidPhoneNumber);
    dialer.dialing.end_attempt(&end, None).await.expect("an end");
    let opens = tomorrow.at(0, 0, 0, 0).in_tz("Europe/Berlin").expect("a zone").timestamp();
    let all = told(&world, id, None).await;
    assert_eq!(rows(&all), [("later_run".to_owned(), 1, Some(opens), Some(WaitsFor::Time))]);
    assert_eq!((all.activity, all.next_at), (Some(Activity::WaitingWindow), Some(opens)));
}

async fn whoever_may_not_be_called_says_why_and_what_mends_it(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let mut contacts = world.contacts(1, 4).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    for (number, source) in
        [(1, SuppressionSource::Manual), (2, SuppressionSource::Manual), (3, SuppressionSource::SpokenOptOut)]
    {
        let hash = world.key.hash(contact_data(number).phone.expect("a number").expose());
        suppression::insert(&mut tx, world.org, &hash, source, "").await.expect("an entry");
    }
    tx.commit().await.expect("a commit");
    let nobody = ContactData { phone: None, ..contact_data(10) };
    let others =
        [nobody, with_number(11, "+499001123456"), with_number(12, "+881612345678"), with_number(13, "+43171234567")];
    contacts.extend(insert(&world, &others).await);
    let asks = Settings { require_consent: true, ..fast() };
    let id = world.running("Spring", asks, &contacts).await.id;
    exhaust(&Dialer::new(&test.db).await, id).await;
    let all = told(&world, id, None).await;
    for (code, contacts) in [
        ("blocked_dnc", 2),
        ("blocked_opted_out", 1),
        ("blocked_empty_phone", 1),
        ("blocked_premium_number", 1),
        ("blocked_satellite_number", 1),
        ("blocked_country_not_allowed", 1),
        ("blocked_no_consent", 1),
    ] {
        person(&all, code, contacts);
    }
    assert_eq!((rows(&all).len(), all.next_at), (7, None), "{all:?}");
}

async fn whoever_has_no_lawful_time_or_no_room_left_says_so(test: TestDb) {
    weekday(&test.db, "Europe/Paris", Weekday::Saturday, 12).await;
    let world = World::new(&test.db).await;
    let allowed_countries = Some(BTreeSet::from(["DE".to_owned(), "FR".to_owned()]));
    set_policy(&world, &CallingPolicy { allowed_countries, ..CallingPolicy::default() }).await;
    let today = now(&world).await.in_tz("Europe/Paris").expect("a zone").date();
    let mut contacts = world.contacts(1, 1).await;
    let nowhere = ContactData { zone: Some("Nowhere/Land".to_owned()), ..contact_data(3) };
    contacts.extend(insert(&world, &[with_number(2, "+33140205050"), nowhere]).await);
    let cap = Some(FrequencyCap { dials: 1, per_hours: 24 });
    let strict = Settings { frequency_cap: cap, strict_time_zones: true, ..fast() };
    let draft = world.draft("Spring", strict).await;
    let mut data = draft.data.clone();
    data.schedule.period_end = Some(today);
    let mut tx = test.db.begin().await.expect("a transaction");
    target::add(&mut tx, world.org, draft.id, &contacts, Entry::default()).await.expect("targets");
    campaign::update(&mut tx, &draft, &Actor::system("test"), &data).await.expect("the draft as seen");
    let draft = campaign::get(&mut tx, world.org, draft.id).await.expect("the draft");
    tx.commit().await.expect("a commit");
    let id = world.advance(&draft, callwright::campaign::states::CampaignState::InProgress).await.id;
    let dialer = Dialer::new(&test.db).await;
    let (claimed, _) = dialer.dial_next(id).await;
    dialer.dialing.end_attempt(&dialer.end(&claimed, DisconnectionReason::DialBusy), None).await.expect("an end");
    test.db.shift_clock(600_000_000);
    exhaust(&Dialer::new(&test.db).await, id).await;
    let all = told(&world, id, None).await;
    person(&all, "blocked_law", 1);
    person(&all, "blocked_invalid_timezone", 1);
    person(&all, "blocked_frequency_cap", 1);
}
