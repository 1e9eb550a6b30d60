//! What a forecast says, and what then happens.

use std::collections::BTreeMap;
use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason as R;
use callwright::campaign::law::policy::CallingPolicy;
use callwright::campaign::phone::E164;
use callwright::campaign::run::Schedule;
use callwright::campaign::settings::Settings;
use callwright::campaign::states::{BlockedReason, CampaignState};
use callwright::dialer::forecast::experience::Assumptions;
use callwright::dialer::forecast::{Extent, Forecast, Holding, Unreached};
use callwright::id::{CampaignId, ContactId};
use callwright::outlook;
use callwright::store::Db;
use callwright::store::audit::Actor;
use callwright::store::campaign::{self, Campaign, CampaignData};
use callwright::store::contact::{self, ContactData};
use callwright::store::db::Settings as DbSettings;
use callwright::store::forecast::Question;
use callwright::store::policy;
use callwright::store::suppression::{self, SuppressionSource};
use callwright::store::target::{self, Entry};
use jiff::Timestamp;

use crate::db::TestDb;
use crate::rehearsal::{Course, Dice, Rehearsal};
use crate::world::{World, contact_data};

crate::on_both!(
    bound_by_pace_it_comes_true,
    bound_by_concurrency_it_comes_true,
    with_retries_in_two_zones_and_a_closing_window_it_comes_true,
    who_is_never_called_is_counted_by_reason,
    a_part_of_the_contacts_stands_for_all,
    the_command_shows_it_beside_a_server,
);

/// A Monday without a holiday, noon in Berlin.
const NOON: &str = "2027-06-07T10:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

/// Two in five are answered, one in ten by a mailbox, one in ten is busy. Talks last a minute on average, some twice that.
fn course(dice: &mut Dice) -> Course {
    let seconds = Duration::from_secs;
    let rings = Duration::from_millis(3_000 + dice.roll(10_000));
    let (reason, rings, talks) = match dice.roll(100) {
        0..40 => {
            let talks = match dice.roll(10) {
                0..3 => 25,
                3..8 => 35 + dice.roll(51),
                _ => 100 + dice.roll(26),
            };
            (R::AgentHangup, rings, Some(seconds(talks)))
        }
        40..50 => (R::VoicemailReached, seconds(17), Some(seconds(12))),
        50..60 => (R::DialBusy, seconds(3), None),
        _ => (R::DialNoAnswer, seconds(31), None),
    };
    Course { reason, rings, talks }
}

/// The same, as somebody would say it who starts the campaign.
const SAID: Assumptions = Assumptions { answered_percent: 40, voicemail_percent: 10, talk_s: 60 };

fn settings(calls_per_minute: u32, max_concurrent_calls: u32) -> Settings {
    let (max_retries, retry_delay_min, voicemail_retry_delay_min) = (2, 10, 20);
    Settings {
        calls_per_minute,
        max_concurrent_calls,
        max_retries,
        retry_delay_min,
        voicemail_retry_delay_min,
        ..Settings::default()
    }
}

async fn set_clock(test: &TestDb, to: &str) {
    let now = test.db.read().await.expect("a transaction").now().await.expect("the time");
    test.db.shift_clock(at(to).as_microsecond() - now.as_microsecond());
}

async fn foresee(world: &World, id: CampaignId, question: &Question) -> Forecast {
    outlook::ask(&world.db, world.org, id, question).await.expect("a forecast")
}

fn said() -> Question {
    let extent = Extent { work: 3500, ..Extent::WHOLE };
    Question { assumed: SAID, extent, ..Question::default() }
}

/// Holds a forecast against what then happened, from its moment on; both within five of a hundred.
#[allow(clippy::print_stderr, reason = "the figures are what the runs are for, shown with --nocapture")]
fn compare(name: &str, forecast: &Forecast, happened: &Rehearsal<'_>) {
    let (foreseen, done) = (forecast.done.expect("an end"), happened.done.expect("an end"));
    let hours = |until: Timestamp| until.duration_since(forecast.at).as_secs_f64() / 3600.0;
    let dials = happened.dials.iter().filter(|dial| **dial > forecast.at).count() as f64;
    let off = |foreseen: f64, real: f64| (foreseen / real - 1.0) * 100.0;
    let (in_time, in_dials) = (off(hours(foreseen), hours(done)), off(forecast.dials(), dials));
    eprintln!(
        "{name}: done after {:.2} h, foreseen {:.2} h ({in_time:+.1} %); {dials} dials, foreseen {:.0} ({in_dials:+.1} %); \
         {} futures from {} dials; {:?}",
        hours(done),
        hours(foreseen),
        forecast.dials(),
        forecast.futures,
        forecast.learnt_from,
        forecast.shares(),
    );
    assert!(in_time.abs() <= 5.0, "{name}: the end is {in_time:.1} % off");
    assert!(in_dials.abs() <= 5.0, "{name}: the number of dials is {in_dials:.1} % off");
}

async fn bound_by_pace_it_comes_true(test: TestDb) {
    set_clock(&test, NOON).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 700).await;
    let id = world.running("pace", settings(12, 100), &contacts).await.id;
    let forecast = foresee(&world, id, &said()).await;
    assert!(forecast.shares()[&Holding::Pace] > 0.7, "{:?}", forecast.shares());
    let mut happened = Rehearsal::new(&world, at(NOON), |dial| course(&mut Dice(1 + dial * 7))).await;
    happened.live(at("2027-06-08T10:00:00Z")).await;
    compare("bound by pace", &forecast, &happened);
}

async fn bound_by_concurrency_it_comes_true(test: TestDb) {
    set_clock(&test, NOON).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 700).await;
    let id = world.running("concurrency", settings(600, 6), &contacts).await.id;
    let forecast = foresee(&world, id, &said()).await;
    assert!(forecast.shares()[&Holding::Concurrency] > 0.7, "{:?}", forecast.shares());
    let mut happened = Rehearsal::new(&world, at(NOON), |dial| course(&mut Dice(2 + dial * 7))).await;
    happened.live(at("2027-06-08T10:00:00Z")).await;
    compare("bound by concurrency", &forecast, &happened);
}

/// Two hours a day on the contacts' clocks: it takes two days. After the first one it is known how calls go.
async fn with_retries_in_two_zones_and_a_closing_window_it_comes_true(test: TestDb) {
    set_clock(&test, "2027-06-07T07:00:00Z").await;
    let world = World::new(&test.db).await;
    let mut data: Vec<_> = (1..=300).map(contact_data).collect();
    data.extend((1..=300).map(|number| ContactData { phone: new_york(number), ..contact_data(number) }));
    let contacts = insert(&world, &data).await;
    let abroad = serde_json::json!({ "allowed_countries": ["DE", "US"] });
    let abroad: CallingPolicy = serde_json::from_value(abroad).expect("a policy");
    let mut tx = world.db.begin().await.expect("a transaction");
    policy::set(&mut tx, world.org, &Actor::system("test"), &abroad).await.expect("a policy");
    tx.commit().await.expect("a commit");
    let settings = Settings { retry_delay_min: 30, voicemail_retry_delay_min: 30, ..settings(3, 100) };
    let id = running(&world, two_hours_a_day("2027-06-11"), settings, &contacts).await.id;
    let mut happened = Rehearsal::new(&world, at("2027-06-07T07:00:00Z"), |dial| course(&mut Dice(3 + dial * 7))).await;
    happened.answers = true;
    happened.live(at("2027-06-07T18:00:00Z")).await;
    let first = happened.dials.len();
    assert!((600..=720).contains(&first), "{first} dials in four hours");
    let forecast = foresee(&world, id, &Question { assumed: Assumptions::default(), ..said() }).await;
    assert_eq!(forecast.learnt_from, first);
    assert!(forecast.shares()[&Holding::Windows] > 0.5, "{:?}", forecast.shares());
    happened.live(at("2027-06-12T00:00:00Z")).await;
    compare("retries, two zones and a closing window", &forecast, &happened);
    // What is foreseen is in the hours that are open: in Berlin from 8 to 10 by UTC, in New York from 14 to 16.
    for (hour, what) in forecast.busy_hours() {
        let hour = hour.to_zoned(jiff::tz::TimeZone::UTC).hour();
        assert!([8, 9, 14, 15].contains(&hour), "{what:?} at {hour}");
    }
}

async fn who_is_never_called_is_counted_by_reason(test: TestDb) {
    // Noon is in an hour in Berlin, and three hours ago in Kolkata.
    set_clock(&test, "2027-06-07T09:00:00Z").await;
    let world = World::new(&test.db).await;
    let mut data: Vec<_> = (1..=100).map(contact_data).collect();
    data.push(ContactData { phone: Some(number("+919820098200").into()), ..contact_data(101) });
    data.push(ContactData { phone: None, ..contact_data(102) });
    data.extend((103..=104).map(contact_data));
    let contacts = insert(&world, &data).await;
    let seen = running(&world, two_hours_a_day("2027-06-07"), settings(1, 10), &contacts).await;
    let mut tx = world.db.begin().await.expect("a transaction");
    let suppressed = world.key.hash(&number("+49300000103"));
    suppression::insert(&mut tx, world.org, &suppressed, SuppressionSource::Manual, "").await.expect("an entry");
    tx.execute("UPDATE target SET status = 'suspended' WHERE contact_id = $1", callwright::args![contacts[103]])
        .await
        .expect("somebody is held");
    tx.commit().await.expect("a commit");
    let question =
        Question { assumed: Assumptions { answered_percent: 100, voicemail_percent: 0, talk_s: 20 }, ..said() };
    let forecast = foresee(&world, seen.id, &question).await;
    let mut unreached: BTreeMap<_, _> =
        forecast.unreached.iter().map(|(&why, contacts)| (why, contacts.round())).collect();
    let late = unreached.remove(&Unreached::PeriodEnd).expect("an hour is too short for all");
    assert!((38.0..=42.0).contains(&late), "{late} are too many for an hour");
    let expected = [
        (Unreached::Blocked(BlockedReason::Dnc), 1.0),
        (Unreached::Blocked(BlockedReason::EmptyPhone), 1.0),
        (Unreached::NoWindow, 1.0),
        (Unreached::Suspended, 1.0),
    ];
    assert_eq!(unreached.into_iter().collect::<Vec<_>>(), expected);
    assert!((forecast.dials() + late - 100.0).abs() < 0.01, "{} dials", forecast.dials());
    // Twice as fast all of them are reached.
    let faster = foresee(&world, seen.id, &Question { calls_per_minute: Some(2), ..question }).await;
    assert_eq!(faster.unreached.get(&Unreached::PeriodEnd), None);
    let mut tx = world.db.read().await.expect("a transaction");
    let unchanged = campaign::get(&mut tx, world.org, seen.id).await.expect("the campaign");
    assert_eq!(unchanged, seen, "asking changes nothing");
}

async fn a_part_of_the_contacts_stands_for_all(test: TestDb) {
    set_clock(&test, "2027-06-07T06:00:00Z").await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 3000).await;
    let fast = world.running("fast", settings(60, 100), &contacts).await.id;
    let few = Question { extent: Extent { contacts: 400, others: 100, work: 2000 }, ..said() };
    for (name, id, question) in [("pace", fast, said()), ("concurrency", fast, said())] {
        let concurrent = (name == "concurrency").then_some(20);
        let whole = foresee(&world, id, &Question { max_concurrent_calls: concurrent, ..question }).await;
        let part = foresee(&world, id, &Question { max_concurrent_calls: concurrent, ..few }).await;
        assert_eq!(whole.scale, 1.0);
        assert!((6.0..=9.5).contains(&part.scale), "one stands for {}", part.scale);
        let hours =
            |forecast: &Forecast| forecast.done.expect("an end").duration_since(forecast.at).as_secs_f64() / 3600.0;
        let off = |part: f64, whole: f64| (part / whole - 1.0).abs();
        assert!(off(hours(&part), hours(&whole)) < 0.1, "{name}: {} h and {} h", hours(&part), hours(&whole));
        assert!(off(part.dials(), whole.dials()) < 0.05, "{name}: {} and {} dials", part.dials(), whole.dials());
        assert!(off(part.minutes, whole.minutes) < 0.07, "{name}: {} and {} minutes", part.minutes, whole.minutes);
    }
}

async fn the_command_shows_it_beside_a_server(test: TestDb) {
    set_clock(&test, NOON).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 30).await;
    let id = world.running("Spring survey", settings(6, 10), &contacts).await.id;
    let expected = foresee(&world, id, &said()).await;
    // The test's own handle is the server, which holds the lock of a file.
    let db = Db::open_to_read(&DbSettings::new(&test.address)).await.expect("the database opens");
    let now = db.read().await.expect("a transaction").now().await.expect("the time");
    db.shift_clock(expected.at.as_microsecond() - now.as_microsecond());
    let show = async |wanted: &str, json: bool| {
        let mut out = Vec::new();
        let shown = outlook::show::run(&db, wanted, &said(), json, &mut out).await;
        shown.map(|()| String::from_utf8(out).expect("text")).map_err(|error| error.to_string())
    };
    let table = show("Spring survey", false).await.expect("a table");
    for part in [
        "Spring survey (in_progress), 2027-06-07 12:00 Europe/Berlin",
        "held back by",
        "40 % answered",
        "2027-06-07 12:00",
    ] {
        assert!(table.contains(part), "no {part} in\n{table}");
    }
    assert!(table.contains(&format!("{:.0} dials", expected.dials())), "{table}");
    let json = show(&id.to_string(), true).await.expect("JSON");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["dials"].as_f64(), Some(expected.dials().round()), "{json}");
    let unknown = show("Autumn", true).await.expect_err("nothing is called that");
    assert_eq!(unknown, "0 campaigns have the id or the name `Autumn`: give the id of one");
    let written = match db.begin().await {
        Ok(mut tx) => tx.execute("UPDATE campaign SET name = 'x'", Vec::new()).await.is_ok(),
        Err(_) => false,
    };
    assert!(!written, "who only reads changes nothing");
    db.close(Duration::from_secs(5)).await;
}

fn number(text: &str) -> E164 {
    text.parse().expect("a number")
}

fn new_york(index: u32) -> Option<callwright::pii::Pii<E164>> {
    Some(number(&format!("+1212{:07}", 5_550_000 + index)).into())
}

fn two_hours_a_day(until: &str) -> Schedule {
    let schedule = serde_json::json!({
        "time_zone": "Europe/Berlin", "period_end": until, "runs": [{ "slots": [{ "start_min": 600, "end_min": 720 }] }]
    });
    serde_json::from_value(schedule).expect("well formed")
}

async fn insert(world: &World, data: &[ContactData]) -> Vec<ContactId> {
    let mut tx = world.db.begin().await.expect("a transaction");
    let ids = contact::insert(&mut tx, world.org, &world.key, data).await.expect("contacts");
    tx.commit().await.expect("a commit");
    ids
}

async fn running(world: &World, schedule: Schedule, settings: Settings, contacts: &[ContactId]) -> Campaign {
    let mut tx = world.db.begin().await.expect("a transaction");
    let data = CampaignData { schedule, ..world.campaign_data("two hours a day", settings) };
    let draft = campaign::insert(&mut tx, world.org, &Actor::system("test"), data).await.expect("a campaign");
    target::add(&mut tx, world.org, draft.id, contacts, Entry::default()).await.expect("targets");
    tx.commit().await.expect("a commit");
    world.advance(&draft, CampaignState::InProgress).await
}
