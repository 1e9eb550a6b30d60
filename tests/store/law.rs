//! Legal hours, the organisation's hours and caps: in the promotion, in the claim, and once more before the dial.

use std::collections::BTreeSet;

use callwright::campaign::law::Profile;
use callwright::campaign::law::policy::{CallingPolicy, QuietHours};
use callwright::campaign::run::{Day, Schedule};
use callwright::campaign::settings::{FrequencyCap, Settings};
use callwright::campaign::states::{BlockedReason, CampaignState, TargetState};
use callwright::campaign::zone::zone_named;
use callwright::dialer::claim::DialRefusal;
use callwright::dialer::gate::DeferReason;
use callwright::id::{CampaignId, ContactId};
use callwright::store::audit::{self, Actor};
use callwright::store::campaign::{CampaignData, Holding};
use callwright::store::contact::ContactData;
use callwright::store::dialing::{Refused, TurnedAway};
use callwright::store::{Db, Page, campaign, contact, policy};
use jiff::civil::Weekday;

use crate::db::TestDb;
use crate::world::{Dialer, World, contact_data, noon, weekday};

crate::on_both!(
    the_law_of_a_number_holds_it_until_its_hours,
    hours_shut_after_the_claim_stop_the_dial,
    who_has_no_lawful_time_left_is_blocked_and_comes_back,
    a_cap_of_the_organisation_holds_across_campaigns,
    a_policy_is_kept_and_written_down,
);

fn fast() -> Settings {
    Settings { calls_per_minute: 6000, max_concurrent_calls: 100, ..Settings::default() }
}

/// France may be called from Germany.
fn abroad() -> CallingPolicy {
    let countries = BTreeSet::from(["DE".to_owned(), "FR".to_owned()]);
    CallingPolicy { allowed_countries: Some(countries), ..CallingPolicy::default() }
}

/// Contacts with French numbers.
async fn in_france(world: &World, count: u32) -> Vec<ContactId> {
    let french = |number: u32| ContactData {
        phone: Some(
            format!("+3314020{number:04}").parse::<callwright::campaign::phone::E164>().expect("a number").into(),
        ),
        ..contact_data(number)
    };
    let contacts: Vec<_> = (5000..5000 + count).map(french).collect();
    let mut tx = world.db.begin().await.expect("a transaction");
    let ids = contact::insert(&mut tx, world.org, &world.key, &contacts).await.expect("contacts");
    tx.commit().await.expect("a commit");
    ids
}

async fn set_policy(world: &World, policy: &CallingPolicy) {
    let mut tx = world.db.begin_durable().await.expect("a transaction");
    policy::set(&mut tx, world.org, &Actor::system("test"), policy).await.expect("a policy");
    tx.commit().await.expect("a commit");
}

async fn holds(db: &Db, id: CampaignId) -> Vec<Holding> {
    let mut tx = db.read().await.expect("a transaction");
    let now = tx.now().await.expect("the time");
    campaign::holdings(&mut tx, id, now).await.expect("holds")
}

/// No calls in the hour around the present.
async fn quiet_now(db: &Db) -> CallingPolicy {
    let now = db.read().await.expect("a transaction").now().await.expect("the time");
    let here = zone_named("Europe/Berlin").expect("a zone").to_datetime(now);
    let minute = u16::try_from(here.hour()).expect("positive") * 60 + u16::try_from(here.minute()).expect("positive");
    let quiet = QuietHours { days: Day::ALL.iter().copied().collect(), start_min: minute - 5, end_min: minute + 55 };
    CallingPolicy { quiet_hours: vec![quiet], ..CallingPolicy::default() }
}

async fn the_law_of_a_number_holds_it_until_its_hours(test: TestDb) {
    weekday(&test.db, "Europe/Paris", Weekday::Saturday, 12).await;
    let world = World::new(&test.db).await;
    set_policy(&world, &abroad()).await;
    let french = in_france(&world, 3).await;
    let german = world.contacts(1, 1).await;
    let contacts: Vec<_> = french.iter().chain(&german).copied().collect();
    let id = world.running("Spring", fast(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let promoted = dialer.dialing.promote(id, 100).await.expect("a promotion");
    assert_eq!((promoted.ready, promoted.deferred), (1, 3), "who lives where Saturdays are free is called");
    let held = holds(&test.db, id).await;
    let law = held.iter().find(|one| one.held_by.as_deref() == Some("law:fr-hours")).expect("a hold by law");
    let opens = law.next_at.expect("a time").in_tz("Europe/Paris").expect("a zone");
    assert_eq!(
        (law.contacts, opens.hour(), opens.weekday()),
        (3, 10, Weekday::Monday),
        "or the first day after a holiday"
    );
    dialer.dial_next(id).await;
    // What was READY when the law's hours ended is turned away by the claim in the same way.
    let on_monday = opens.timestamp().as_microsecond();
    let now = test.db.read().await.expect("a transaction").now().await.expect("the time").as_microsecond();
    test.db.shift_clock(on_monday - now);
    dialer.dialing.renew(&dialer.node).await.expect_err("the lease has run out meanwhile");
    let dialer = Dialer::new(&test.db).await;
    assert_eq!(dialer.dialing.promote(id, 100).await.expect("a promotion").ready, 3);
    test.db.shift_clock(3_600_000_000 * 3);
    let dialer = Dialer::new(&test.db).await;
    let picked = dialer.pick(id).await.expect("a claim");
    let by_law =
        picked.turned_away.iter().filter(|(_, fate)| matches!(fate, TurnedAway::Deferred(_, DeferReason::Law)));
    assert_eq!(by_law.count(), 3, "{:?}", picked.turned_away);
}

async fn hours_shut_after_the_claim_stop_the_dial(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 1).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let claimed = dialer.claim(id).await.expect("a claim");
    set_policy(&world, &quiet_now(&test.db).await).await;
    let refused = dialer.dial(&claimed).await.expect("no fault").expect_err("its hours were shut");
    let DialRefusal::Shut(held) = refused else { panic!("{refused:?}") };
    assert_eq!(held.to_string(), "quiet_hours");
    assert_eq!(world.targets(id).await[0].state, TargetState::Ready);
    let picked = dialer.pick(id).await.expect("a claim");
    assert!(matches!(picked.turned_away[..], [(_, TurnedAway::Deferred(_, DeferReason::QuietHours))]), "{picked:?}");
    let held = holds(&test.db, id).await;
    assert_eq!(held[0].held_by.as_deref(), Some("quiet_hours"));
    // Whom the old policy held is looked at at once under the new one.
    set_policy(&world, &CallingPolicy::default()).await;
    dialer.dial_next(id).await;
}

async fn who_has_no_lawful_time_left_is_blocked_and_comes_back(test: TestDb) {
    weekday(&test.db, "Europe/Paris", Weekday::Saturday, 12).await;
    let world = World::new(&test.db).await;
    set_policy(&world, &abroad()).await;
    let contacts = in_france(&world, 1).await;
    let draft = world.draft("Weekends", fast()).await;
    let schedule: Schedule =
        serde_json::from_str(r#"{"time_zone": "Europe/Paris", "runs": [{"days": {"weekdays": ["sat", "sun"]}}]}"#)
            .expect("well formed");
    let mut tx = test.db.begin().await.expect("a transaction");
    let data = CampaignData { schedule, ..draft.data.clone() };
    campaign::update(&mut tx, &draft, &Actor::system("test"), &data).await.expect("the campaign as seen");
    let entry = callwright::store::target::Entry::default();
    callwright::store::target::add(&mut tx, world.org, draft.id, &contacts, entry).await.expect("targets");
    let draft = campaign::get(&mut tx, world.org, draft.id).await.expect("the campaign");
    tx.commit().await.expect("a commit");
    let id = world.advance(&draft, CampaignState::InProgress).await.id;
    let dialer = Dialer::new(&test.db).await;
    assert_eq!(dialer.claim(id).await, Err(Refused::Empty));
    let blocked = &world.targets(id).await[0];
    assert_eq!((blocked.state, blocked.blocked_reason), (TargetState::Blocked, Some(BlockedReason::Law)));
    let american = CallingPolicy { law: BTreeSet::from([Profile::Us]), ..abroad() };
    set_policy(&world, &american).await;
    dialer.dial_next(id).await;
}

async fn a_cap_of_the_organisation_holds_across_campaigns(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let cap = Some(FrequencyCap { dials: 1, per_hours: 48 });
    set_policy(&world, &CallingPolicy { frequency_cap: cap, ..CallingPolicy::default() }).await;
    let contacts = world.contacts(1, 1).await;
    let spring = world.running("Spring", fast(), &contacts).await.id;
    let autumn = world.running("Autumn", fast(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let (claimed, _) = dialer.dial_next(spring).await;
    let end = dialer.end(&claimed, callwright::campaign::disconnection::DisconnectionReason::UserHangup);
    dialer.dialing.end_attempt(&end, None).await.expect("an end");
    // Past the delay between two calls of one number.
    test.db.shift_clock(600_000_000);
    let dialer = Dialer::new(&test.db).await;
    assert_eq!(dialer.claim(autumn).await, Err(Refused::Empty));
    let held = holds(&test.db, autumn).await;
    assert_eq!((held[0].held_by.as_deref(), held[0].contacts), (Some("frequency_cap"), 1));
    let now = test.db.read().await.expect("a transaction").now().await.expect("the time");
    let wait = held[0].next_at.expect("a time").duration_since(now);
    assert!((47..=48).contains(&wait.as_hours()), "{wait:?}");
    set_policy(&world, &CallingPolicy::default()).await;
    dialer.dial_next(autumn).await;
}

async fn a_policy_is_kept_and_written_down(test: TestDb) {
    let world = World::new(&test.db).await;
    let mut tx = test.db.read().await.expect("a transaction");
    let (before, first) = policy::get(&mut tx, world.org).await.expect("a policy");
    drop(tx);
    assert_eq!(before, CallingPolicy::default(), "08:00 to 21:00 and the laws, until somebody sets something else");
    let policy = CallingPolicy { law: BTreeSet::new(), ..CallingPolicy::default() };
    set_policy(&world, &policy).await;
    let mut tx = test.db.read().await.expect("a transaction");
    assert_eq!(policy::get(&mut tx, world.org).await.expect("a policy"), (policy, first + 1));
    let subject = ("organisation", world.org.to_string());
    let trail = audit::list(&mut tx, world.org, subject, Page::first(10)).await.expect("a page");
    assert_eq!(trail.items.iter().filter(|entry| entry.action == "organisation.calling_policy").count(), 1);
}
