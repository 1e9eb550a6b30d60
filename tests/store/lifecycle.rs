//! How campaigns and their contacts come to life again, go, and start by the clock.

use std::path::Path;
use std::time::Duration;

use callwright::app::clerk;
use callwright::args;
use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::settings::Settings;
use callwright::campaign::states::{AttemptState, BlockedReason, CampaignState, PauseReason, TargetState};
use callwright::dialer::start::StartGuard;
use callwright::id::{CampaignId, TargetId};
use callwright::store::attempt::{self, Of};
use callwright::store::audit::{self, Actor};
use callwright::store::campaign::{self, Campaign, CampaignData, NotMerged, Reopened};
use callwright::store::contact::ContactData;
use callwright::store::db::Kind;
use callwright::store::suppression::{self, SuppressionSource};
use callwright::store::target::{self, Act, Entry};
use callwright::store::trunk::TrunkData;
use callwright::store::{Db, Page, StoreError, contact, files, trunk};

use crate::db::TestDb;
use crate::world::{Dialer, World, contact_data, noon, trunk_data};

crate::on_both!(
    a_deleted_campaign_drains_and_is_gone,
    a_completed_campaign_opens_again,
    a_longer_period_revives_whoever_had_expired,
    what_blocked_a_contact_can_be_mended,
    drafts_start_by_the_clock_or_say_why_not,
    whoever_waits_for_a_person_keeps_a_campaign_open,
    a_hold_of_a_live_call_can_be_withdrawn,
    campaigns_are_copied_and_made_one,
    files_of_deleted_calls_go_on_the_node_that_has_them,
);

const ACTOR: &str = "test";

async fn edit(db: &Db, world: &World, id: CampaignId, change: impl FnOnce(&mut CampaignData)) -> Campaign {
    let mut tx = db.begin().await.expect("a transaction");
    let seen = campaign::get(&mut tx, world.org, id).await.expect("the campaign");
    let mut data = seen.data.clone();
    change(&mut data);
    campaign::update(&mut tx, &seen, &Actor::system(ACTOR), &data).await.expect("the campaign as seen");
    let campaign = campaign::get(&mut tx, world.org, id).await.expect("the campaign");
    tx.commit().await.expect("a commit");
    campaign
}

async fn read(world: &World, id: CampaignId) -> Result<Campaign, StoreError> {
    let mut tx = world.db.read().await.expect("a transaction");
    campaign::get(&mut tx, world.org, id).await
}

async fn act(world: &World, id: TargetId, act: Act) -> TargetState {
    let mut tx = world.db.begin().await.expect("a transaction");
    let done = target::act(&mut tx, world.org, &Actor::system(ACTOR), id, act).await.expect("an answer");
    tx.commit().await.expect("a commit");
    done.expect("it is possible").1
}

/// Switches the trunk on or off.
async fn enable(world: &World, enabled: bool) {
    let mut tx = world.db.begin().await.expect("a transaction");
    let seen = trunk::get(&mut tx, world.org, world.trunk).await.expect("the trunk");
    let data = TrunkData { enabled, ..trunk_data("carrier") };
    trunk::update(&mut tx, world.org, world.trunk, seen.version, &data).await.expect("the trunk as seen");
    tx.commit().await.expect("a commit");
}

async fn reopen(world: &World, id: CampaignId) -> Reopened {
    let mut tx = world.db.begin_durable().await.expect("a transaction");
    let seen = campaign::get(&mut tx, world.org, id).await.expect("the campaign");
    let reopened = campaign::reopen(&mut tx, &seen, &Actor::system(ACTOR)).await.expect("an answer");
    tx.commit().await.expect("a commit");
    reopened
}

/// Calls whoever is next, who declines.
async fn decline(dialer: &Dialer, campaign: CampaignId) -> TargetId {
    let (claimed, _) = dialer.dial_next(campaign).await;
    let end = dialer.end(&claimed, DisconnectionReason::UserDeclined);
    dialer.dialing.end_attempt(&end, None).await.expect("an end");
    claimed.target
}

fn fast() -> Settings {
    Settings { calls_per_minute: 6000, max_concurrent_calls: 10, ..Settings::default() }
}

async fn a_deleted_campaign_drains_and_is_gone(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 3).await;
    let running = world.running("Spring", fast(), &contacts).await;
    let dialer = Dialer::new(&test.db).await;
    decline(&dialer, running.id).await;
    let (claimed, _) = dialer.dial_next(running.id).await;
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    campaign::delete(&mut tx, &running, &Actor::system(ACTOR)).await.expect("deleted");
    tx.commit().await.expect("a commit");
    assert_eq!(read(&world, running.id).await.expect("still there").state, CampaignState::Deleting);
    let left = clerk::round(&test.db, Path::new("nowhere")).await.expect("a round");
    assert!(left.draining, "its last call goes on");
    assert_eq!(world.targets(running.id).await.len(), 3, "nothing is taken away meanwhile");
    let end = dialer.end(&claimed, DisconnectionReason::DialBusy);
    dialer.dialing.end_attempt(&end, None).await.expect("an end");
    let left = clerk::round(&test.db, Path::new("nowhere")).await.expect("a round");
    assert!(!left.draining);
    let gone = read(&world, running.id).await;
    assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
    let mut tx = test.db.read().await.expect("a transaction");
    for table in ["target", "attempt", "leg", "run_day"] {
        let sql = match table {
            "target" => "SELECT COUNT(*) AS value FROM target",
            "attempt" => "SELECT COUNT(*) AS value FROM attempt",
            "leg" => "SELECT COUNT(*) AS value FROM leg",
            _ => "SELECT COUNT(*) AS value FROM run_day",
        };
        assert_eq!(tx.value::<i64>(sql, args![]).await.expect("a count"), 0, "{table}");
    }
    assert!(contact::get(&mut tx, world.org, contacts[0]).await.is_ok(), "people stay");
    let trail = audit::list(&mut tx, world.org, ("campaign", running.id.to_string()), Page::first(9)).await;
    let trail = trail.expect("a page").items;
    let moves: Vec<_> = trail.iter().filter_map(|entry| entry.detail["to"].as_str()).collect();
    assert_eq!(moves, ["in_progress", "cancelled", "deleting"], "one in progress is cancelled first");
}

async fn a_completed_campaign_opens_again(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 2).await;
    let id = world.running("Spring", fast(), &contacts[..1]).await.id;
    let dialer = Dialer::new(&test.db).await;
    let called = decline(&dialer, id).await;
    assert!(dialer.dialing.complete_if_done(id).await.expect("an answer"));
    assert_eq!(reopen(&world, id).await, Reopened::Refused(vec![StartGuard::NoEligibleContact]));
    assert_eq!(read(&world, id).await.expect("the campaign").state, CampaignState::Completed);

    assert_eq!(act(&world, called, Act::Restart).await, TargetState::Waiting);
    enable(&world, false).await;
    let paused = Reopened::Paused(PauseReason::TrunkDown, vec![StartGuard::TrunkUnusable]);
    assert_eq!(reopen(&world, id).await, paused);
    let held = read(&world, id).await.expect("the campaign");
    assert_eq!((held.state, held.pause_reason), (CampaignState::Paused, Some(PauseReason::TrunkDown)));
    enable(&world, true).await;
    world.advance(&held, CampaignState::InProgress).await;
    let (again, _) = dialer.dial_next(id).await;
    assert_eq!((again.target, again.round, again.dial_no), (called, 2, 1), "the round is new, its counter too");
    let end = dialer.end(&again, DisconnectionReason::UserDeclined);
    dialer.dialing.end_attempt(&end, None).await.expect("an end");
    assert!(dialer.dialing.complete_if_done(id).await.expect("an answer"));

    let mut tx = test.db.begin().await.expect("a transaction");
    target::add(&mut tx, world.org, id, &contacts, Entry::default()).await.expect("a target");
    tx.commit().await.expect("a commit");
    assert_eq!(reopen(&world, id).await, Reopened::Dials);
    let open = read(&world, id).await.expect("the campaign");
    assert_eq!((open.state, open.ended_at), (CampaignState::InProgress, None));
    decline(&dialer, id).await;
    let cancelled = world.advance(&open, CampaignState::Cancelled).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let never = campaign::reopen(&mut tx, &cancelled, &Actor::system(ACTOR)).await;
    assert!(matches!(never, Err(StoreError::Stale)), "what was cancelled stays so: {never:?}");
}

async fn a_longer_period_revives_whoever_had_expired(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 3).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    decline(&dialer, id).await;
    edit(&test.db, &world, id, |data| data.schedule.period_end = Some(jiff::civil::date(2020, 1, 1))).await;
    assert_eq!(dialer.dialing.expire_waiting(id).await.expect("a count"), 2);
    assert!(dialer.dialing.complete_if_done(id).await.expect("an answer"));
    assert!(matches!(reopen(&world, id).await, Reopened::Refused(guards) if guards.contains(&StartGuard::PeriodOver)));
    let longer = edit(&test.db, &world, id, |data| data.schedule.period_end = None).await;
    assert_eq!(longer.state, CampaignState::Completed, "a person decides whether it goes on");
    let states: Vec<_> = world.targets(id).await.iter().map(|target| target.state).collect();
    assert_eq!(states, [TargetState::Done, TargetState::Waiting, TargetState::Waiting]);
    assert_eq!(reopen(&world, id).await, Reopened::Dials);
    decline(&dialer, id).await;
}

async fn what_blocked_a_contact_can_be_mended(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let mut ids = world.contacts(1, 1).await;
    let nameless = ContactData { phone: None, ..contact_data(2) };
    let nowhere = ContactData { zone: Some("Nowhere/Land".to_owned()), ..contact_data(3) };
    let mut tx = test.db.begin().await.expect("a transaction");
    ids.extend(contact::insert(&mut tx, world.org, &world.key, &[nameless, nowhere]).await.expect("contacts"));
    let hash = world.key.hash(contact_data(1).phone.expect("a number").expose());
    let entry = suppression::insert(&mut tx, world.org, &hash, SuppressionSource::Manual, "").await.expect("an entry");
    tx.commit().await.expect("a commit");
    let settings = Settings { strict_time_zones: true, ..fast() };
    let id = world.running("Spring", settings, &ids).await.id;
    let dialer = Dialer::new(&test.db).await;
    let promoted = dialer.dialing.promote(id, 10).await.expect("a promotion");
    let picked = dialer.pick(id).await.expect("an answer");
    assert_eq!((promoted.blocked, picked.turned_away.len()), (1, 2), "all are blocked: {picked:?}");
    let reasons: Vec<_> = world.targets(id).await.iter().filter_map(|target| target.blocked_reason).collect();
    assert_eq!(reasons, [BlockedReason::Dnc, BlockedReason::EmptyPhone, BlockedReason::InvalidTimezone]);

    let mut tx = test.db.begin().await.expect("a transaction");
    suppression::delete(&mut tx, world.org, entry.id).await.expect("taken off");
    contact::update(&mut tx, world.org, &world.key, ids[1], &contact_data(2)).await.expect("a number");
    contact::update(&mut tx, world.org, &world.key, ids[2], &contact_data(3)).await.expect("no zone");
    tx.commit().await.expect("a commit");
    edit(&test.db, &world, id, |data| data.settings.strict_time_zones = false).await;
    for target in world.targets(id).await {
        assert_eq!((target.state, target.blocked_reason), (TargetState::Waiting, None), "{:?}", target.contact);
        let mut tx = test.db.read().await.expect("a transaction");
        let traces = attempt::list(&mut tx, world.org, Of::Target(target.id), Page::first(5)).await.expect("a page");
        let states: Vec<_> = traces.items.iter().map(|attempt| attempt.state).collect();
        assert_eq!(states, [AttemptState::NotPlaced], "one trace of the refusal");
    }
    let mut called = Vec::new();
    for _ in 0..3 {
        called.push(dialer.claim(id).await.expect("a claim").contact);
    }
    called.sort_unstable();
    ids.sort_unstable();
    assert_eq!(called, ids, "each goes through the gate again");
}

async fn drafts_start_by_the_clock_or_say_why_not(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 1).await;
    let [ready, empty] = [world.draft("Ready", fast()).await.id, world.draft("Empty", fast()).await.id];
    let mut tx = test.db.begin().await.expect("a transaction");
    target::add(&mut tx, world.org, ready, &contacts, Entry::default()).await.expect("a target");
    let now = tx.now().await.expect("the time");
    tx.commit().await.expect("a commit");
    let at = Some(now + Duration::from_secs(600));
    for id in [ready, empty] {
        edit(&test.db, &world, id, |data| data.scheduled_start_at = at).await;
    }
    let left = clerk::round(&test.db, Path::new("nowhere")).await.expect("a round");
    assert_eq!(left.next.map(|(next, _)| next), at);
    assert_eq!(read(&world, ready).await.expect("the draft").state, CampaignState::Draft, "not before its time");
    test.db.shift_clock(601_000_000);
    let left = clerk::round(&test.db, Path::new("nowhere")).await.expect("a round");
    assert_eq!(left.next, None);
    let started = read(&world, ready).await.expect("the campaign");
    assert_eq!((started.state, started.start_failed), (CampaignState::InProgress, None));
    let failed = read(&world, empty).await.expect("the draft");
    let why = failed.start_failed.clone().expect("a reason");
    assert_eq!((failed.state, why.guards), (CampaignState::Draft, vec![StartGuard::NoEligibleContact]));
    assert_eq!((Some(why.at), failed.data.scheduled_start_at), (at, None), "it is not tried again by itself");
    let again = edit(&test.db, &world, empty, |data| data.name = "Emptier".to_owned()).await;
    assert_eq!(again.start_failed, None, "what was changed is a new matter");
}

async fn whoever_waits_for_a_person_keeps_a_campaign_open(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 2).await;
    let id = world.running("Spring", fast(), &contacts[..1]).await.id;
    let mut tx = test.db.begin().await.expect("a transaction");
    let entry = Entry { for_approval: true, ..Entry::default() };
    target::add(&mut tx, world.org, id, &contacts, entry).await.expect("a target");
    tx.commit().await.expect("a commit");
    let dialer = Dialer::new(&test.db).await;
    decline(&dialer, id).await;
    let done = || async { dialer.dialing.complete_if_done(id).await.expect("an answer") };
    assert!(!done().await, "somebody is new");
    let new = world.targets(id).await.into_iter().find(|target| target.state == TargetState::New).expect("new").id;
    assert_eq!(act(&world, new, Act::Reject).await, TargetState::Rejected);
    assert_eq!(act(&world, new, Act::Approve).await, TargetState::Waiting);
    assert_eq!(act(&world, new, Act::Suspend).await, TargetState::Suspended);
    assert!(!done().await, "somebody is suspended");
    assert_eq!(act(&world, new, Act::Remove).await, TargetState::Removed);
    assert!(done().await, "nobody is left");
}

async fn a_hold_of_a_live_call_can_be_withdrawn(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 1).await;
    let id = world.running("Spring", fast(), &contacts).await.id;
    let dialer = Dialer::new(&test.db).await;
    let (claimed, _) = dialer.dial_next(id).await;
    for what in [Act::Suspend, Act::Resume] {
        assert_eq!(act(&world, claimed.target, what).await, TargetState::InProgress);
    }
    let end = dialer.end(&claimed, DisconnectionReason::DialBusy);
    let settled = dialer.dialing.end_attempt(&end, None).await.expect("an end").expect("followed");
    assert_eq!(settled.state, TargetState::Waiting);
}

async fn campaigns_are_copied_and_made_one(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let contacts = world.contacts(1, 4).await;
    let old = world.running("Old", fast(), &contacts[..3]).await;
    let dialer = Dialer::new(&test.db).await;
    let called = decline(&dialer, old.id).await;
    let (org, actor) = (world.org, Actor::system(ACTOR));
    let mut tx = test.db.begin().await.expect("a transaction");
    let copy = campaign::duplicate(&mut tx, &old, &actor, "New".to_owned()).await.expect("a copy");
    let last = campaign::copy_contacts(&mut tx, org, old.id, copy.id, None).await.expect("copied");
    assert_eq!(campaign::copy_contacts(&mut tx, org, old.id, copy.id, last).await.expect("copied"), None);
    let running = campaign::merge(&mut tx, org, &actor, copy.id, old.id).await.expect("an answer");
    assert!(matches!(running, Err(NotMerged::State(_))), "{running:?}");
    tx.commit().await.expect("a commit");
    assert_eq!((copy.state, copy.rounds.len()), (CampaignState::Draft, 0));
    assert_ne!(copy.data.schedule.runs[0].id, old.data.schedule.runs[0].id, "its runs are its own");
    let copied = world.targets(copy.id).await;
    assert!(copied.iter().all(|target| (target.state, target.round) == (TargetState::Waiting, 1)), "they begin anew");
    assert_eq!(copied.len(), 3);

    let other = world.draft("Other", fast()).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    target::add(&mut tx, org, other.id, &contacts[2..], Entry::default()).await.expect("targets");
    tx.commit().await.expect("a commit");
    world.advance(&read(&world, old.id).await.expect("the campaign"), CampaignState::Paused).await;
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    let moved = campaign::merge(&mut tx, org, &actor, other.id, old.id).await.expect("an answer");
    tx.commit().await.expect("a commit");
    assert_eq!(moved, Ok(2), "one is in both");
    assert_eq!(read(&world, old.id).await.expect("the campaign").state, CampaignState::Cancelled);
    assert_eq!((world.targets(other.id).await.len(), world.targets(old.id).await.len()), (4, 1));
    let mut tx = test.db.read().await.expect("a transaction");
    let dials = attempt::list(&mut tx, org, Of::Target(called), Page::first(5)).await.expect("a page").items;
    assert_eq!(dials[0].campaign, old.id, "history keeps its campaign");
    drop(tx);
    for (id, left) in [(old.id, 1), (other.id, 0)] {
        let seen = read(&world, id).await.expect("the campaign");
        let mut tx = test.db.begin_durable().await.expect("a transaction");
        campaign::delete(&mut tx, &seen, &actor).await.expect("deleted");
        tx.commit().await.expect("a commit");
        clerk::round(&test.db, Path::new("nowhere")).await.expect("a round");
        assert!(matches!(read(&world, id).await, Err(StoreError::NotFound)), "with what came from elsewhere");
        let mut tx = test.db.read().await.expect("a transaction");
        let dials = attempt::list(&mut tx, org, Of::Target(called), Page::first(5)).await.expect("a page").items;
        let homes: Vec<_> = dials.iter().map(|dial| dial.campaign).collect();
        assert_eq!(homes, vec![other.id; left], "what was done for a contact goes with it, not with where it was");
    }
}

async fn files_of_deleted_calls_go_on_the_node_that_has_them(test: TestDb) {
    let folder = std::env::temp_dir().join(format!("callwright-files-{}-{:?}", std::process::id(), test.db.kind()));
    let (here, there) = (folder.join("here"), folder.join("there"));
    for node in [&here, &there] {
        std::fs::create_dir_all(node).expect("a folder");
    }
    let mut tx = test.db.begin().await.expect("a transaction");
    let now = tx.now().await.expect("the time");
    for path in ["a.wav", "nowhere.wav"] {
        let sql = "INSERT INTO file_removal (path, asked_at) VALUES ($1, $2)";
        tx.execute(sql, args![path, now]).await.expect("asked for");
    }
    tx.commit().await.expect("a commit");
    let wanted = async || {
        let mut tx = test.db.read().await.expect("a transaction");
        files::wanted(&mut tx, None).await.expect("files")
    };
    std::fs::write(there.join("a.wav"), b"RIFF").expect("a file");
    if test.db.kind() == Kind::Postgres {
        clerk::round(&test.db, &here).await.expect("a round");
        assert_eq!(wanted().await, ["a.wav", "nowhere.wav"], "it is left to the others");
    }
    clerk::round(&test.db, &there).await.expect("a round");
    assert!(!there.join("a.wav").exists());
    let left: &[&str] = if test.db.kind() == Kind::Postgres { &["nowhere.wav"] } else { &[] };
    assert_eq!(wanted().await, left, "a node that is alone need not wait for others");
    test.db.shift_clock(31 * 86_400_000_000);
    clerk::round(&test.db, &here).await.expect("a round");
    assert_eq!(wanted().await, [""; 0], "what nobody has is not looked for for ever");
    std::fs::remove_dir_all(folder).expect("the folder can be removed");
}
