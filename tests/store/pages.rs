//! Pages and totals of a campaign's contacts against all of its contacts, filtered and sorted one by one.

use callwright::args;
use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::settings::Settings;
use callwright::campaign::states::{AnsweredBy, EndedBy, TargetState};
use callwright::id::{CallId, CampaignId, TargetId};
use callwright::pii::Pii;
use callwright::store::audit::Actor;
use callwright::store::call::{Call, Conversation, Direction};
use callwright::store::campaign;
use callwright::store::dialing::{AttemptEnd, Claimed, Report};
use callwright::store::filter::{Sheet, TargetFilter, order};
use callwright::store::target::{self, Batch, Newcomer, Target, Total};
use callwright::trunk::callers::Arrival;

use crate::db::TestDb;
use crate::on_both;
use crate::world::{Dialer, World, noon};

on_both!(
    every_filter_in_every_order_has_everybody_once,
    a_call_leaves_its_marks_on_the_contact,
    overwritten_values_reach_the_call
);

/// One dial follows another at once.
fn quick() -> Settings {
    Settings { calls_per_minute: 6000, ..Settings::default() }
}

/// A campaign whose contacts are in all states, some with the same times.
async fn scene(db: &TestDb) -> (World, CampaignId) {
    let world = World::new(&db.db).await;
    let draft = world.draft("pages", Settings::default()).await;
    let contacts = world.contacts(1, 97).await;
    let mut tx = db.db.begin().await.expect("a transaction");
    target::add(&mut tx, world.org, draft.id, &contacts, target::Entry::default()).await.expect("targets");
    tx.commit().await.expect("a commit");
    let all = world.targets(draft.id).await;
    let mut tx = db.db.begin().await.expect("a transaction");
    for (index, seen) in (0_i64..).zip(&all) {
        let state = TargetState::ALL[usize::try_from(index * 5 / 3).expect("small") % TargetState::ALL.len()];
        let called = (index % 3 != 0).then_some(1_000_000 * (index % 7));
        let talked = (index % 4 != 0).then_some(100 * (index % 5));
        let sql = "UPDATE target SET status = $2, last_call_at = $3, sort_called = COALESCE($3, 0), last_duration_ms = $4, \
                   sort_talked = COALESCE($4, 0), call_success = $5, interrupted = $6 WHERE id = $1";
        let (success, interrupted) = (index % 6 == 1, index % 5 == 2);
        tx.execute(sql, args![seen.id, state, called, talked, success, interrupted]).await.expect("written");
    }
    tx.commit().await.expect("a commit");
    (world, draft.id)
}

async fn every_filter_in_every_order_has_everybody_once(db: TestDb) {
    let (world, campaign) = scene(&db).await;
    let all = world.targets(campaign).await;
    let is = |states: &'static [TargetState]| move |seen: &Target| states.contains(&seen.state);
    type Fits = Box<dyn Fn(&Target) -> bool>;
    let filters: Vec<(&str, Fits)> = vec![
        ("{}", Box::new(|_| true)),
        (r#"{"state":"failed,blocked"}"#, Box::new(is(&[TargetState::Failed, TargetState::Blocked]))),
        (r#"{"state":"done,done"}"#, Box::new(is(&[TargetState::Done]))),
        (r#"{"call_success":true}"#, Box::new(|seen| seen.call_success)),
        (r#"{"call_success":false,"interrupted":true}"#, Box::new(|seen| !seen.call_success && seen.interrupted)),
        (
            r#"{"state":"waiting","interrupted":false}"#,
            Box::new(|seen| seen.state == TargetState::Waiting && !seen.interrupted),
        ),
        (r#"{"search":"ängström 1"}"#, Box::new(|seen| seen.name.expose().to_lowercase().contains("ängström 1"))),
        (
            r#"{"search":"30000002","state":"done,waiting","call_success":false}"#,
            Box::new(|seen| {
                seen.phone.as_ref().is_some_and(|phone| phone.expose().as_str().contains("30000002"))
                    && matches!(seen.state, TargetState::Done | TargetState::Waiting)
                    && !seen.call_success
            }),
        ),
        (r#"{"variable":"number:7"}"#, Box::new(|seen| seen.name.expose().ends_with(" 7"))),
    ];
    for (json, fits) in filters {
        let filter: TargetFilter = serde_json::from_str(json).expect("a filter");
        let mut wanted: Vec<&Target> = all.iter().filter(|seen| fits(seen)).collect();
        assert!(!wanted.is_empty(), "{json} picks somebody");
        let mut tx = db.db.read().await.expect("a transaction");
        let total = target::total(&mut tx, campaign, &filter).await.expect("a total");
        assert_eq!(total, Total { count: wanted.len() as u64, exact: true }, "{json}");
        for (by, key) in [
            ("created_at", (|_| 0) as fn(&Target) -> i64),
            ("last_call_at", |seen| seen.last_call_at.map_or(0, |at| at.as_microsecond())),
            ("last_duration_ms", |seen| seen.last_duration_ms.unwrap_or(0)),
        ] {
            wanted.sort_by_key(|seen| (key(seen), seen.id.to_string()));
            let ascending: Vec<TargetId> = wanted.iter().map(|seen| seen.id).collect();
            let descending: Vec<TargetId> = ascending.iter().rev().copied().collect();
            assert_eq!(turned(&db, &world, campaign, &filter, by).await, ascending, "{json} by {by}");
            assert_eq!(turned(&db, &world, campaign, &filter, &format!("-{by}")).await, descending, "{json} by -{by}");
        }
    }
}

/// All pages of a list, of seven each.
async fn turned(db: &TestDb, world: &World, campaign: CampaignId, filter: &TargetFilter, by: &str) -> Vec<TargetId> {
    let by = order(by, target::ORDERS).expect("an order");
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let sheet = Sheet::new(7, after.take(), by).expect("a sheet");
        let mut tx = db.db.read().await.expect("a transaction");
        let page = target::search(&mut tx, world.org, campaign, filter, &sheet).await.expect("a page");
        assert!(page.items.len() <= 7);
        found.extend(page.items.iter().map(|seen| seen.id));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

fn report(world: &World, claimed: &Claimed, by: AnsweredBy, success: bool, interrupted: bool) -> Report {
    let at = claimed.send_at;
    let call = Call {
        id: CallId::generate(),
        org: world.org,
        direction: Direction::Outbound,
        campaign: Some(claimed.campaign),
        target: Some(claimed.target),
        attempt: Some(claimed.attempt),
        contact: Some(claimed.contact),
        assistant_version: None,
        trunk: Some(claimed.trunk),
        from: Pii::new(String::new()),
        to: Pii::new(String::new()),
        started_at: at,
        answered_at: Some(at),
        ended_at: at + jiff::SignedDuration::from_secs(9),
        reason: DisconnectionReason::UserHangup,
        sip_code: Some(200),
        q850: None,
        ended_by: Some(EndedBy::Contact),
        answered_by: Some(by),
        success,
        interrupted,
        recording: None,
        recording_fault: None,
        replay: None,
        transfer: None,
        identity: None,
        arrival: Arrival::default(),
        quality: None,
    };
    Report { call, conversation: Conversation::default() }
}

async fn a_call_leaves_its_marks_on_the_contact(db: TestDb) {
    noon(&db.db).await;
    let world = World::new(&db.db).await;
    let contacts = world.contacts(1, 1).await;
    let campaign = world.running("marks", quick(), &contacts).await.id;
    let dialer = Dialer::new(&db.db).await;
    for (by, success, interrupted, expected) in [
        (AnsweredBy::Human, true, true, (true, true)),
        // What a machine answers says nothing about the contact.
        (AnsweredBy::Voicemail, false, false, (true, true)),
        (AnsweredBy::Human, false, false, (true, false)),
    ] {
        let (claimed, _) = dialer.dial_next(campaign).await;
        let report = report(&world, &claimed, by, success, interrupted);
        let talked = Some(std::time::Duration::from_secs(9));
        let end = dialer.end(&claimed, DisconnectionReason::UserHangup);
        let end = AttemptEnd { answered_by: Some(by), ended_by: EndedBy::Contact, talked, ..end };
        dialer.dialing.end_attempt(&end, Some(&report)).await.expect("an end");
        let seen = world.targets(campaign).await.remove(0);
        assert_eq!((seen.call_success, seen.interrupted), expected, "{by}");
        assert_eq!(seen.last_duration_ms, Some(9_000));
        let mut tx = db.db.begin().await.expect("a transaction");
        let row = tx.one("SELECT sort_called, sort_talked FROM target WHERE id = $1", args![seen.id]).await;
        let row = row.expect("a row");
        let called = seen.last_call_at.expect("it was called").as_microsecond();
        let sorted: (i64, i64) = (row.get("sort_called").expect("a number"), row.get("sort_talked").expect("a number"));
        assert_eq!(sorted, (called, 9_000), "it is found where it belongs");
        let act = target::act(&mut tx, world.org, &Actor::system("test"), seen.id, target::Act::Restart).await;
        act.expect("no fault").expect("it may");
        tx.commit().await.expect("a commit");
    }
    let mut tx = db.db.read().await.expect("a transaction");
    let told = campaign::statistics(&mut tx, campaign).await.expect("statistics");
    assert_eq!((told.calls, told.answered, told.voicemail), (3, 2, 1));
    assert_eq!((told.success.count, told.success.of, told.interrupted.count), (1, 2, 1));
    assert_eq!(told.average, Some(std::time::Duration::from_secs(9)));
}

async fn overwritten_values_reach_the_call(db: TestDb) {
    noon(&db.db).await;
    let world = World::new(&db.db).await;
    let contacts = world.contacts(1, 1).await;
    let campaign = world.running("values", quick(), &[]).await.id;
    let values = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Pii::new(pairs.collect::<std::collections::BTreeMap<_, _>>())
    };
    let mut tx = db.db.begin().await.expect("a transaction");
    let entry = target::Entry::default();
    let batch = values(&[("number", "ours"), ("offer", "B")]);
    let newcomers: Vec<_> = contacts.iter().map(|id| Newcomer { contact: *id, case: None }).collect();
    let brought = Batch { list: None, overwrites: batch.clone() };
    target::add_batch(&mut tx, world.org, campaign, &newcomers, entry, &brought).await.expect("targets");
    tx.commit().await.expect("a commit");
    let dialer = Dialer::new(&db.db).await;
    let (claimed, _) = dialer.dial_next(campaign).await;
    assert_eq!(claimed.variables, batch, "they outrank the contact's own");
    let end = dialer.end(&claimed, DisconnectionReason::UserDeclined);
    dialer.dialing.end_attempt(&end, None).await.expect("an end");
    let id = claimed.target;
    let actor = Actor::system("test");
    let mut tx = db.db.begin().await.expect("a transaction");
    target::overwrite(&mut tx, world.org, &actor, id, &values(&[("offer", "C")])).await.expect("set");
    target::act(&mut tx, world.org, &actor, id, target::Act::Restart).await.expect("no fault").expect("it may");
    tx.commit().await.expect("a commit");
    let seen = world.targets(campaign).await.remove(0);
    assert_eq!((seen.overwrites, seen.overwritten), (values(&[("offer", "C")]), vec!["offer".to_owned()]));
    let (claimed, _) = dialer.dial_next(campaign).await;
    assert_eq!(claimed.variables, values(&[("number", "1"), ("offer", "C")]), "the contact's own is back");
}
