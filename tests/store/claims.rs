//! Promotion and claims.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use callwright::agent::assistant::Disclosure;
use callwright::args;
use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::settings::Settings;
use callwright::campaign::states::{AttemptState, BlockedReason, CampaignState, TargetState};
use callwright::dialer::gate::DeferReason;
use callwright::dialer::pacing::{Limited, Scope};
use callwright::id::{CampaignId, NodeId};
use callwright::store::attempt::{self, AttemptKind, Of};
use callwright::store::contact::ContactData;
use callwright::store::db::BRIEF;
use callwright::store::dialing::{Refused, TurnedAway};
use callwright::store::suppression::{self, SuppressionSource};
use callwright::store::target::Entry;
use callwright::store::{Constraint, Db, Page, StoreError, contact, org, target};
use callwright::trunk::breaker::{BreakerCause, News, Seen};

use crate::db::TestDb;
use crate::world::{Dialer, HEADROOM, LEASE, World, contact_data, noon};

crate::on_both!(
    a_claim_carries_everything_the_call_needs,
    eight_claimers_stay_within_the_cap_and_share_no_target,
    eight_claimers_keep_the_pace,
    limits_stand_above_the_campaign,
    the_gate_blocks_and_leaves_a_trace,
    the_suppressed_are_blocked_before_they_are_ready,
    contacts_are_rung_in_their_own_hours,
    one_number_is_rung_once_at_a_time,
    priorities_come_first,
    nothing_is_claimed_without_a_lease_or_after_a_pause,
    several_are_claimed_under_the_same_limits_as_one,
    doubled_rows_trip_a_constraint,
);

fn fast(max_concurrent_calls: u32) -> Settings {
    Settings { calls_per_minute: 6000, max_concurrent_calls, ..Settings::default() }
}

async fn a_claim_carries_everything_the_call_needs(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 2).await;
    let campaign = world.running("Spring", fast(5), &contacts).await;
    let told = Disclosure { ai: true, ai_text: Some("A robot.".to_owned().into()), ..Disclosure::default() };
    let campaign = world.demand(&campaign, told.clone()).await;
    let dialer = Dialer::new(&test.db).await;
    let early = dialer.pick(campaign.id).await.expect("an answer");
    assert_eq!(early.result, Err(Refused::Empty), "nothing is ready before a promotion");
    let promoted = dialer.dialing.promote(campaign.id, 10).await.expect("a promotion");
    assert_eq!((promoted.ready, promoted.open, promoted.next_due), (2, true, None));
    let picked = dialer.pick(campaign.id).await.expect("an answer");
    let claimed = picked.result.expect("a claim");
    assert_eq!((claimed.contact, claimed.round, claimed.dial_no), (contacts[0], 1, 1));
    assert_eq!((claimed.kind, claimed.to.expose().as_str()), (AttemptKind::First, "+49300000001"));
    assert_eq!((claimed.trunk, claimed.caller_id.as_str()), (world.trunk, "+493012345678"));
    assert_eq!(claimed.name.expose(), "Zoë Ängström 1");
    assert_eq!(claimed.variables.expose()["number"], "1");
    assert_eq!((claimed.ring_timeout_s, claimed.max_call_duration_s, claimed.early_hangup_s), (30, 300, 10));
    assert_eq!((claimed.send_at, claimed.lease_until), (picked.now + HEADROOM, picked.now + LEASE));
    assert!(claimed.send_by > claimed.send_at);
    assert_eq!(claimed.disclosure, told);
    world.demand(&campaign, Disclosure::default()).await;
    let second = dialer.claim(campaign.id).await.expect("a claim");
    assert_eq!(second.disclosure, Disclosure::default(), "what is demanded when it is claimed");
    let mut tx = test.db.read().await.expect("a transaction");
    let kept = attempt::get(&mut tx, world.org, claimed.attempt).await.expect("the attempt");
    assert_eq!((kept.state, kept.dialing_at, kept.target), (AttemptState::Claimed, None, claimed.target));
    let target = target::get(&mut tx, world.org, claimed.target).await.expect("the target");
    assert_eq!((target.state, target.dials), (TargetState::InProgress, 1));
}

async fn eight_claimers_stay_within_the_cap_and_share_no_target(test: TestDb) {
    const CAP: usize = 4;
    const TARGETS: usize = 24;
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, TARGETS as u32).await;
    let campaign = world.running("Spring", fast(CAP as u32), &contacts).await.id;
    let dialer = Arc::new(Dialer::new(&test.db).await);
    dialer.dialing.promote(campaign, 100).await.expect("a promotion");
    let mut claimers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (dialer, db) = (Arc::clone(&dialer), test.db.clone());
        claimers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                match dialer.pick(campaign).await.expect("an answer").result {
                    Ok(claimed) => {
                        assert!(live(&db, campaign).await <= CAP as i64);
                        dialer.dial(&claimed).await.expect("no fault").expect("a dial");
                        let end = dialer.end(&claimed, DisconnectionReason::UserDeclined);
                        dialer.dialing.end_attempt(&end, None).await.expect("an end");
                        mine.push(claimed.target);
                    }
                    Err(Refused::Empty) => return mine,
                    Err(Refused::Limited(_) | Refused::Again) => tokio::time::sleep(Duration::from_millis(2)).await,
                    Err(Refused::Stopped) => panic!("the campaign is in progress"),
                }
            }
        });
    }
    let claimed: Vec<_> = claimers.join_all().await.concat();
    assert_eq!(claimed.len(), TARGETS, "every target once");
    assert_eq!(claimed.iter().collect::<BTreeSet<_>>().len(), TARGETS, "no target twice");
    assert!(dialer.dialing.complete_if_done(campaign).await.expect("an answer"));
}

async fn eight_claimers_keep_the_pace(test: TestDb) {
    const INTERVAL: Duration = Duration::from_millis(40);
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 30).await;
    let settings = Settings { calls_per_minute: 1500, max_concurrent_calls: 100, ..Settings::default() };
    let campaign = world.running("Spring", settings, &contacts).await.id;
    let dialer = Arc::new(Dialer::new(&test.db).await);
    dialer.dialing.promote(campaign, 100).await.expect("a promotion");
    let mut claimers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let dialer = Arc::clone(&dialer);
        claimers.spawn(async move {
            let mut sent = Vec::new();
            loop {
                let picked = dialer.pick(campaign).await.expect("an answer");
                match picked.result {
                    Ok(claimed) => sent.push(claimed.send_at),
                    Err(Refused::Empty) => return sent,
                    Err(Refused::Limited(Limited { until, .. })) => {
                        let until = until.expect("the cap is far away");
                        let wait = Duration::try_from(until.duration_since(picked.now)).unwrap_or_default();
                        tokio::time::sleep(wait).await;
                    }
                    Err(refused @ (Refused::Stopped | Refused::Again)) => panic!("{refused:?}"),
                }
            }
        });
    }
    let mut sent: Vec<_> = claimers.join_all().await.concat();
    sent.sort_unstable();
    assert_eq!(sent.len(), contacts.len());
    for (first, start) in sent.iter().enumerate() {
        for (later, end) in sent.iter().enumerate().skip(first + 1) {
            let least = INTERVAL * u32::try_from(later - first - 1).expect("few");
            assert!(*end >= *start + least, "dials {first} and {later} are too close: {start} {end}");
        }
    }
}

async fn limits_stand_above_the_campaign(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 3).await;
    let campaign = world.running("Spring", fast(100), &contacts).await.id;
    let mut tx = test.db.begin().await.expect("a transaction");
    org::set_limits(&mut tx, world.org, 6000, 1).await.expect("limits");
    tx.commit().await.expect("a commit");
    let dialer = Dialer::new(&test.db).await;
    let first = dialer.claim(campaign).await.expect("room for one");
    let full = Refused::Limited(Limited { scope: Scope::Organisation, until: None });
    assert_eq!(dialer.claim(campaign).await, Err(full));
    dialer.dialing.release(first.attempt, &dialer.node).await.expect("released");
    let second = dialer.claim(campaign).await.expect("room again");
    assert_eq!((second.target, second.dial_no), (first.target, 2), "the number of the dial is not used again");
    let mut tx = test.db.begin().await.expect("a transaction");
    org::set_limits(&mut tx, world.org, 6000, 10).await.expect("limits");
    tx.commit().await.expect("a commit");
    let retry_after = Some(Duration::from_secs(60));
    let asked = Seen { news: News::Fault { retry_after }, number: 1, sent_at: second.send_at, jitter: 0.0 };
    dialer.dialing.observe_trunk(world.trunk, &asked).await.expect("the breaker");
    let picked = dialer.pick(campaign).await.expect("an answer");
    assert!(matches!(picked.result, Err(Refused::Limited(Limited { scope: Scope::Trunk, until: Some(_) }))));
    assert_eq!(picked.shut.map(|shut| shut.cause), Some(BreakerCause::RetryAfter));
}

async fn the_gate_blocks_and_leaves_a_trace(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let mut ids = world.contacts(1, 2).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let nameless = ContactData { phone: None, ..contact_data(9) };
    ids.extend(contact::insert(&mut tx, world.org, &world.key, &[nameless]).await.expect("a contact"));
    tx.commit().await.expect("a commit");
    let campaign = world.running("Spring", fast(5), &ids).await.id;
    let dialer = Dialer::new(&test.db).await;
    dialer.dialing.promote(campaign, 10).await.expect("a promotion");
    suppress(&world, 1, SuppressionSource::SpokenOptOut).await;
    let mut fates = Vec::new();
    let mut claimed = Vec::new();
    for _ in 0..3 {
        let picked = dialer.pick(campaign).await.expect("an answer");
        fates.extend(picked.turned_away.into_iter().map(|(_, fate)| fate));
        claimed.extend(picked.result.ok());
    }
    fates.sort_by_key(|fate| format!("{fate:?}"));
    assert_eq!(fates, [BlockedReason::EmptyPhone, BlockedReason::OptedOut].map(TurnedAway::Blocked));
    assert_eq!(claimed.len(), 1);
    let blocked: Vec<_> =
        world.targets(campaign).await.into_iter().filter(|t| t.state == TargetState::Blocked).collect();
    assert_eq!(blocked.len(), 2);
    let mut tx = test.db.read().await.expect("a transaction");
    for target in blocked {
        let traces =
            attempt::list(&mut tx, world.org, Of::Target(target.id), Page::first(5)).await.expect("a page").items;
        assert_eq!(traces.len(), 1);
        assert_eq!((traces[0].state, traces[0].blocked_reason), (AttemptState::NotPlaced, target.blocked_reason));
        assert!(!traces[0].consumes_retry && traces[0].reason.is_some());
    }
}

/// However many suppressed contacts are due first, claims do not have to get past them.
async fn the_suppressed_are_blocked_before_they_are_ready(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let ids = world.contacts(1, 260).await;
    for number in 1..=250 {
        suppress(&world, number, SuppressionSource::DncList).await;
    }
    let campaign = world.running("Spring", fast(5), &ids).await.id;
    let dialer = Dialer::new(&test.db).await;
    let first = dialer.dialing.promote(campaign, 500).await.expect("a promotion");
    let second = dialer.dialing.promote(campaign, 500).await.expect("a promotion");
    assert_eq!((first.blocked, first.ready + second.ready, second.blocked), (200, 10, 50), "in bounded steps");
    let picked = dialer.pick(campaign).await.expect("an answer");
    assert!(picked.turned_away.is_empty() && picked.result.is_ok());
    let targets = world.targets(campaign).await;
    let blocked: Vec<_> = targets.iter().filter(|target| target.state == TargetState::Blocked).collect();
    assert_eq!(blocked.len(), 250);
    assert!(blocked.iter().all(|target| target.blocked_reason == Some(BlockedReason::Dnc) && target.dials == 1));
    let mut tx = test.db.read().await.expect("a transaction");
    let traces = attempt::list(&mut tx, world.org, Of::Target(blocked[0].id), Page::first(5)).await;
    let traces = traces.expect("a page").items;
    assert_eq!((traces.len(), traces[0].state, traces[0].dial_no), (1, AttemptState::NotPlaced, 1));
    assert_eq!(traces[0].blocked_reason, Some(BlockedReason::Dnc));
}

async fn suppress(world: &World, contact: u32, source: SuppressionSource) {
    let mut tx = world.db.begin().await.expect("a transaction");
    let hash = world.key.hash(contact_data(contact).phone.expect("a number").expose());
    suppression::insert(&mut tx, world.org, &hash, source, "").await.expect("an entry");
    tx.commit().await.expect("a commit");
}

async fn contacts_are_rung_in_their_own_hours(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let far = ContactData { zone: Some("America/Los_Angeles".to_owned()), ..contact_data(50) };
    let mut ids = world.contacts(1, 1).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    ids.extend(contact::insert(&mut tx, world.org, &world.key, &[far]).await.expect("a contact"));
    tx.commit().await.expect("a commit");
    let campaign = world.running("Spring", fast(5), &ids).await.id;
    let dialer = Dialer::new(&test.db).await;
    let promoted = dialer.dialing.promote(campaign, 10).await.expect("a promotion");
    assert_eq!((promoted.ready, promoted.deferred, promoted.open), (1, 1, true));
    let opening = promoted.next_due.expect("the other contact's morning");
    let there = opening.in_tz("America/Los_Angeles").expect("a zone");
    assert_eq!((there.hour(), there.minute()), (8, 0));
    // Ready in time, claimed too late: the gate looks again.
    let claimed = dialer.claim(campaign).await.expect("a claim");
    dialer.dialing.release(claimed.attempt, &dialer.node).await.expect("released");
    test.db.shift_clock(10 * 3600 * 1_000_000);
    let dialer = Dialer { node: dialer.dialing.register(NodeId::generate()).await.expect("a node"), ..dialer };
    let picked = dialer.pick(campaign).await.expect("an answer");
    assert_eq!(picked.result, Err(Refused::Empty));
    assert!(
        matches!(picked.turned_away[..], [(_, TurnedAway::Deferred(_, DeferReason::OutsideHours))]),
        "{:?}",
        picked.turned_away
    );
}

async fn one_number_is_rung_once_at_a_time(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let mut ids = world.contacts(1, 1).await;
    ids.extend(world.contacts(1, 1).await);
    let first = world.running("Spring", fast(5), &ids[..1]).await.id;
    let second = world.running("Autumn", fast(5), &ids[1..]).await.id;
    let dialer = Dialer::new(&test.db).await;
    let (claimed, _) = dialer.dial_next(first).await;
    dialer.dialing.promote(second, 10).await.expect("a promotion");
    let picked = dialer.pick(second).await.expect("an answer");
    assert!(matches!(picked.turned_away[..], [(_, TurnedAway::Deferred(_, DeferReason::NumberBusy))]));
    let end = dialer.end(&claimed, DisconnectionReason::UserDeclined);
    dialer.dialing.end_attempt(&end, None).await.expect("an end");
    test.db.shift_clock(90_000_000);
    let dialer = Dialer { node: dialer.dialing.register(NodeId::generate()).await.expect("a node"), ..dialer };
    dialer.dialing.promote(second, 10).await.expect("a promotion");
    let picked = dialer.pick(second).await.expect("an answer");
    assert!(matches!(picked.turned_away[..], [(_, TurnedAway::Deferred(_, DeferReason::NumberSpacing))]));
}

async fn priorities_come_first(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 3).await;
    let draft = world.draft("Spring", fast(5)).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    for (contact, priority) in contacts.iter().zip([0, 7, -3]) {
        target::add(&mut tx, world.org, draft.id, &[*contact], Entry { priority, ..Entry::default() })
            .await
            .expect("a target");
    }
    tx.commit().await.expect("a commit");
    let campaign = world.advance(&draft, CampaignState::InProgress).await.id;
    let dialer = Dialer::new(&test.db).await;
    let mut order = Vec::new();
    while let Ok(claimed) = dialer.claim(campaign).await {
        order.push(claimed.contact);
    }
    assert_eq!(order, [contacts[1], contacts[0], contacts[2]]);
}

async fn nothing_is_claimed_without_a_lease_or_after_a_pause(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 3).await;
    let running = world.running("Spring", fast(5), &contacts).await;
    let dialer = Dialer::new(&test.db).await;
    dialer.claim(running.id).await.expect("a claim");
    let paused = world.advance(&running, CampaignState::Paused).await;
    let picked = dialer.pick(running.id).await.expect("an answer");
    assert_eq!(picked.result, Err(Refused::Stopped));
    world.advance(&paused, CampaignState::InProgress).await;
    dialer.claim(running.id).await.expect("a claim");
    let renewed = dialer.dialing.renew(&dialer.node).await.expect("a lease");
    assert!(renewed.lease_until > dialer.node.lease_until);
    test.db.shift_clock(31_000_000);
    let late = dialer.pick(running.id).await;
    assert!(matches!(late, Err(StoreError::Stale)), "{late:?}");
    let renewal = dialer.dialing.renew(&dialer.node).await;
    assert!(matches!(renewal, Err(StoreError::Stale)), "{renewal:?}");
    let again = dialer.dialing.register(NodeId::generate()).await.expect("a node");
    assert!(again.epoch > dialer.node.epoch);
}

async fn doubled_rows_trip_a_constraint(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let mut contacts = world.contacts(1, 1).await;
    contacts.extend(world.contacts(1, 1).await);
    let campaign = world.running("Spring", fast(5), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let claimed = dialer.claim(campaign).await.expect("a claim");
    let other = world.targets(campaign).await.into_iter().find(|t| t.id != claimed.target).expect("a second").id;
    for (target, dial_no, live, number, want) in [
        (claimed.target, 1, false, "other", Constraint::AttemptDial),
        (claimed.target, 2, true, "other", Constraint::AttemptLiveTarget),
        (other, 1, true, "", Constraint::AttemptLivePhone),
    ] {
        let mut tx = test.db.begin().await.expect("a transaction");
        let doubled = tx
            .execute(
                "INSERT INTO attempt (id, org_id, campaign_id, target_id, contact_id, round, dial_no, kind, state, live, \
                 node_id, epoch, lease_until, trunk_id, caller_id, phone_hash, assistant_version_id, ring_timeout_s, \
                 max_call_duration_s, send_at, send_by, claimed_at, immediate, technical, consumes_retry) \
                 SELECT $1, org_id, campaign_id, $2, contact_id, round, $3, kind, state, $4, node_id, epoch, \
                 lease_until, trunk_id, caller_id, phone_hash || $6, assistant_version_id, ring_timeout_s, \
                 max_call_duration_s, send_at, send_by, claimed_at, immediate, technical, consumes_retry \
                 FROM attempt WHERE id = $5",
                args!["another", target, i64::from(dial_no), live, claimed.attempt, number],
            )
            .await;
        assert!(matches!(doubled, Err(StoreError::Conflict(found)) if found == want), "{want}: {doubled:?}");
    }
}

async fn live(db: &Db, campaign: CampaignId) -> i64 {
    let mut tx = db.read().await.expect("a transaction");
    let sql = "SELECT COUNT(*) AS value FROM attempt WHERE live AND campaign_id = $1";
    tx.value(sql, args![campaign]).await.expect("a count")
}

async fn several_are_claimed_under_the_same_limits_as_one(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 12).await;
    // Every hundredth of a second, and seven at a time.
    let id = world.running("Spring", fast(7), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    dialer.dialing.promote(id, 100).await.expect("a promotion");
    let (more, picked) = dialer.dialing.claim_several(&dialer.request(id), 5).await.expect("an answer");
    let last = picked.result.expect("the fifth");
    let all: Vec<_> = more.iter().chain([&*last]).collect();
    assert_eq!(all.len(), 5);
    let order: Vec<_> = all.iter().map(|claimed| claimed.contact).collect();
    assert_eq!(order, contacts[..5]);
    for (one, next) in all.iter().zip(&all[1..]) {
        assert_eq!(next.send_at.duration_since(one.send_at).as_millis(), 10);
    }
    let (more, picked) = dialer.dialing.claim_several(&dialer.request(id), 5).await.expect("an answer");
    assert_eq!(more.len(), 2);
    let full = Refused::Limited(Limited { scope: Scope::Campaign, until: None });
    assert_eq!(picked.result, Err(full), "seven at a time");
    assert!(more[0].send_at.duration_since(last.send_at).as_millis() >= 10, "the pace goes on");
    let mut tx = test.db.read().await.expect("a transaction");
    let kept: i64 = tx
        .value("SELECT COUNT(*) AS value FROM attempt WHERE campaign_id = $1 AND state = 'claimed'", args![id])
        .await
        .expect("a number");
    assert_eq!(kept, 7);
}

/// A process that stands still while it holds the limits, or whose link is cut, stops nobody for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_stands_still_is_ended_and_another_node_dials() {
    let test = TestDb::postgres().await;
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 40).await;
    let id = world.running("Spring", fast(40), &contacts).await.id;
    let (frozen, other) = (Dialer::new(&test.db).await, Dialer::new(&test.db).await);
    frozen.claim(id).await.expect("rows of limiters are made");
    // A claim of the first node goes on until it has the locks; then nobody moves it any more. One that got through between two
    // looks is followed by another.
    let request = frozen.request(id);
    let mut claim = Box::pin(frozen.dialing.claim(&request));
    loop {
        if futures_util::poll!(&mut claim).is_ready() {
            claim = Box::pin(frozen.dialing.claim(&request));
        }
        let mut tx = test.db.read().await.expect("a transaction");
        let sql = "SELECT scope FROM limiter WHERE scope = 'organisation' FOR UPDATE SKIP LOCKED";
        let locked = tx.all(sql, vec![]).await.expect("rows").is_empty();
        tx.commit().await.expect("a commit");
        if locked {
            break;
        }
    }
    let began = callwright::time::now().mono;
    let claimed = other.pick(id).await.expect("an answer").result.expect("it goes on without the first node");
    let waited = began.elapsed();
    assert!(waited < 5 * BRIEF, "waited for {waited:?}");
    assert!(claim.await.is_err(), "what stood still has lost its transaction");
    other.dial(&claimed).await.expect("no fault").expect("a dial");
}
