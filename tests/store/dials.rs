//! The dial's commit, its progress, its end, and what is left when a node is lost.

use std::sync::Arc;
use std::time::Duration;

use callwright::agent::record::{Line, Speaker};
use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::settings::Settings;
use callwright::campaign::states::{AnsweredBy, AttemptState, BlockedReason, CampaignState, TargetState};
use callwright::dialer::claim::DialRefusal;
use callwright::id::{CallId, CampaignId, LegId, NodeId};
use callwright::store::attempt::{self, Attempt, AttemptKind};
use callwright::store::audit::Actor;
use callwright::store::call::{self, Call, Conversation, Direction};
use callwright::store::dialing::callback::{Arranged, arrange};
use callwright::store::dialing::{AttemptEnd, Claimed, Node, Progress, Reaped, Refused, Report, Step};
use callwright::store::suppression::{self, SuppressionSource};
use callwright::store::target::Act;
use callwright::store::{Constraint, Db, Page, StoreError, campaign, quota, target};
use callwright::trunk::callers::Arrival;
use serde_json::{Value, json};

use crate::db::TestDb;
use crate::world::{Dialer, World, contact_data, noon};

crate::on_both!(
    a_dial_is_committed_once,
    a_committed_dial_that_was_not_sent_is_given_back,
    a_dial_is_refused_when_its_ground_has_gone,
    a_pause_waits_for_dials_and_none_comes_after,
    many_dials_commit_together,
    progress_is_written_by_the_owner_only,
    a_redirected_leg_is_found_where_it_went,
    retries_follow_until_they_are_spent,
    an_answered_call_leaves_its_record,
    a_lost_call_counts_until_its_node_was_last_seen,
    answered_calls_that_heard_nothing_from_us_are_counted,
    an_opt_out_holds_for_the_whole_organisation,
    a_cancelled_dial_is_not_a_call,
    what_a_person_decided_during_the_call_holds_after_it,
    callbacks_come_first_and_count_as_missed_when_late,
    what_was_arranged_in_a_call_holds_after_it,
    a_kill_between_the_commits_loses_no_contact,
    a_kill_after_the_dial_rings_nobody_twice,
    a_lone_server_recovers_at_its_start,
    orphans_are_freed_when_they_must_have_ended,
    the_owner_may_still_tell_how_an_unknown_dial_ended,
    a_period_that_is_over_expires_what_waits,
);

struct Scene {
    world: World,
    campaign: CampaignId,
    dialer: Dialer,
}

impl Scene {
    /// Noon, a fast campaign with this many contacts, and a node.
    async fn new(db: &Db, contacts: u32) -> Self {
        noon(db).await;
        let world = World::new(db).await;
        let settings = Settings { calls_per_minute: 6000, max_concurrent_calls: 100, ..Settings::default() };
        let contacts = world.contacts(1, contacts).await;
        let campaign = world.running("Spring", settings, &contacts).await.id;
        Self { campaign, dialer: Dialer::new(db).await, world }
    }

    /// A process that was started after this one died.
    async fn successor(&self) -> Node {
        self.dialer.dialing.register(NodeId::generate()).await.expect("a node")
    }

    async fn attempt(&self, claimed: &Claimed) -> Attempt {
        let mut tx = self.world.db.read().await.expect("a transaction");
        attempt::get(&mut tx, self.world.org, claimed.attempt).await.expect("the attempt")
    }

    async fn target(&self, claimed: &Claimed) -> target::Target {
        let mut tx = self.world.db.read().await.expect("a transaction");
        target::get(&mut tx, self.world.org, claimed.target).await.expect("the target")
    }

    async fn end(&self, end: &AttemptEnd) -> TargetState {
        let settled = self.dialer.dialing.end_attempt(end, None).await.expect("an end");
        settled.expect("the target follows").state
    }

    async fn progress(&self, claimed: &Claimed, leg: LegId, step: Step) -> Result<(), StoreError> {
        let dialog = Some(json!({ "step": format!("{step:?}") }));
        let progress = Progress { attempt: claimed.attempt, node: self.dialer.node, leg, step, dialog };
        self.dialer.dialing.progress(&progress).await
    }
}

async fn a_dial_is_committed_once(test: TestDb) {
    let scene = Scene::new(&test.db, 1).await;
    let (claimed, leg) = scene.dialer.dial_next(scene.campaign).await;
    let kept = scene.attempt(&claimed).await;
    assert_eq!((kept.state, kept.dialing_at.is_some()), (AttemptState::Dialing, true));
    let again = scene.dialer.dial(&claimed).await.expect("no fault");
    assert_eq!(again, Err(DialRefusal::LeaseLost), "what is dialing is not dialed again");
    assert_eq!(scene.attempt(&claimed).await, kept);
    scene.progress(&claimed, leg, Step::Ringing).await.expect("ringing");
    let released = scene.dialer.dialing.release(claimed.attempt, &scene.dialer.node).await;
    assert!(matches!(released, Err(StoreError::Stale)), "what has rung is not given back: {released:?}");
}

async fn a_committed_dial_that_was_not_sent_is_given_back(test: TestDb) {
    let scene = Scene::new(&test.db, 1).await;
    let (claimed, _) = scene.dialer.dial_next(scene.campaign).await;
    scene.dialer.dialing.release(claimed.attempt, &scene.dialer.node).await.expect("given back");
    let kept = scene.attempt(&claimed).await;
    assert_eq!((kept.state, kept.dialing_at, kept.consumes_retry), (AttemptState::NotPlaced, None, false));
    assert_eq!(scene.target(&claimed).await.state, TargetState::Ready);
    test.db.shift_clock(31_000_000);
    assert!(scene.dialer.dialing.reap().await.expect("a round").is_empty(), "its leg is no orphan");
    let again = Dialer { dialing: scene.dialer.dialing.clone(), node: scene.successor().await };
    assert_eq!(again.dial_next(scene.campaign).await.0.dial_no, 2);
}

async fn a_dial_is_refused_when_its_ground_has_gone(test: TestDb) {
    let scene = Scene::new(&test.db, 3).await;
    let suppressed = scene.dialer.claim(scene.campaign).await.expect("a claim");
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    let hash = scene.world.key.hash(suppressed.to.expose());
    suppression::insert(&mut tx, scene.world.org, &hash, SuppressionSource::Manual, "").await.expect("an entry");
    tx.commit().await.expect("a commit");
    let refused = scene.dialer.dial(&suppressed).await.expect("no fault");
    assert_eq!(refused, Err(DialRefusal::Suppressed(BlockedReason::Dnc)));
    assert_eq!(scene.attempt(&suppressed).await.state, AttemptState::NotPlaced);
    assert_eq!(scene.target(&suppressed).await.state, TargetState::Blocked);

    let paused = scene.dialer.claim(scene.campaign).await.expect("a claim");
    let mut tx = test.db.read().await.expect("a transaction");
    let running = campaign::get(&mut tx, scene.world.org, scene.campaign).await.expect("the campaign");
    drop(tx);
    let stopped = scene.world.advance(&running, CampaignState::Paused).await;
    assert_eq!(scene.dialer.dial(&paused).await.expect("no fault"), Err(DialRefusal::CampaignStopped));
    assert_eq!(scene.target(&paused).await.state, TargetState::Ready);
    assert_eq!(scene.attempt(&paused).await.reason, Some(DisconnectionReason::Cancelled));
    scene.world.advance(&stopped, CampaignState::InProgress).await;

    let late = scene.dialer.claim(scene.campaign).await.expect("a claim");
    test.db.shift_clock(31_000_000);
    assert_eq!(scene.dialer.dial(&late).await.expect("no fault"), Err(DialRefusal::LeaseLost));
    assert_eq!(scene.attempt(&late).await.state, AttemptState::Claimed, "what is not ours is not touched");
}

async fn a_pause_waits_for_dials_and_none_comes_after(test: TestDb) {
    let scene = Arc::new(Scene::new(&test.db, 40).await);
    let mut claims = Vec::new();
    for _ in 0..40 {
        loop {
            match scene.dialer.claim(scene.campaign).await {
                Ok(claimed) => break claims.push(claimed),
                Err(Refused::Limited(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(refused @ (Refused::Stopped | Refused::Empty | Refused::Again)) => panic!("{refused:?}"),
            }
        }
    }
    let mut dials = tokio::task::JoinSet::new();
    for claimed in claims {
        let scene = Arc::clone(&scene);
        dials.spawn(async move {
            let dialed = scene.dialer.dial(&claimed).await.expect("no fault");
            (claimed, dialed)
        });
    }
    let mut tx = test.db.read().await.expect("a transaction");
    let running = campaign::get(&mut tx, scene.world.org, scene.campaign).await.expect("the campaign");
    drop(tx);
    scene.world.advance(&running, CampaignState::Paused).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let paused_at = tx.now().await.expect("the time");
    drop(tx);
    for (claimed, dialed) in dials.join_all().await {
        let kept = scene.attempt(&claimed).await;
        match dialed {
            Ok(_) => assert!(kept.dialing_at.expect("dialed") <= paused_at, "dialed after the pause: {kept:?}"),
            Err(refused) => assert_eq!((refused, kept.state), (DialRefusal::CampaignStopped, AttemptState::NotPlaced)),
        }
    }
}

async fn many_dials_commit_together(test: TestDb) {
    let scene = Arc::new(Scene::new(&test.db, 20).await);
    let mut dials = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let claimed = loop {
            if let Ok(claimed) = scene.dialer.claim(scene.campaign).await {
                break claimed;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let scene = Arc::clone(&scene);
        dials.spawn(async move { scene.dialer.dial(&claimed).await.expect("no fault").is_ok() });
    }
    assert_eq!(dials.join_all().await, [true; 20]);
}

async fn progress_is_written_by_the_owner_only(test: TestDb) {
    let scene = Scene::new(&test.db, 1).await;
    let (claimed, leg) = scene.dialer.dial_next(scene.campaign).await;
    scene.progress(&claimed, leg, Step::Ringing).await.expect("ringing");
    let rang = scene.attempt(&claimed).await.ringing_at;
    scene.progress(&claimed, leg, Step::Ringing).await.expect("another fork rings");
    assert_eq!(scene.attempt(&claimed).await.ringing_at, rang, "the first ring counts");
    scene.progress(&claimed, leg, Step::Answered).await.expect("answered");
    let back = scene.progress(&claimed, leg, Step::Ringing).await;
    assert!(matches!(back, Err(StoreError::Stale)), "{back:?}");
    let stranger = Node { epoch: scene.dialer.node.epoch + 1, ..scene.dialer.node };
    let step = Step::InConversation;
    let foreign = Progress { attempt: claimed.attempt, node: stranger, leg, step, dialog: None };
    let foreign = scene.dialer.dialing.progress(&foreign).await;
    assert!(matches!(foreign, Err(StoreError::Stale)), "{foreign:?}");
    scene.progress(&claimed, leg, Step::InConversation).await.expect("a conversation");
    assert_eq!(scene.attempt(&claimed).await.state, AttemptState::InConversation);
    let foreign = AttemptEnd { node: stranger, ..scene.dialer.end(&claimed, DisconnectionReason::UserHangup) };
    let foreign = scene.dialer.dialing.end_attempt(&foreign, None).await;
    assert!(matches!(foreign, Err(StoreError::Stale)), "{foreign:?}");
}

async fn a_redirected_leg_is_found_where_it_went(test: TestDb) {
    let scene = Scene::new(&test.db, 2).await;
    let (claimed, leg) = scene.dialer.dial_next(scene.campaign).await;
    let (_, other) = scene.dialer.dial_next(scene.campaign).await;
    scene.progress(&claimed, leg, Step::Ringing).await.expect("ringing");
    let elsewhere = json!({ "uri": "sip:+49@elsewhere.example" });
    let redirect = |node: Node, leg| {
        let dialing = scene.dialer.dialing.clone();
        let (attempt, elsewhere) = (claimed.attempt, elsewhere.clone());
        async move { dialing.redirected(attempt, &node, leg, &elsewhere).await }
    };
    redirect(scene.dialer.node, leg).await.expect("it still rings");
    let mut tx = test.db.read().await.expect("a transaction");
    let row = tx.one("SELECT invite, dialog FROM leg WHERE id = $1", callwright::args![leg]).await.expect("the leg");
    let (invite, dialog): (Value, Option<Value>) = (row.get("invite").expect("JSON"), row.get("dialog").expect("JSON"));
    assert_eq!((invite, dialog), (elsewhere.clone(), None), "the early dialog was that of the way before");
    drop(tx);
    let foreign = redirect(scene.dialer.node, other).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)), "{foreign:?}");
    let stranger = redirect(scene.successor().await, leg).await;
    assert!(matches!(stranger, Err(StoreError::Stale)), "{stranger:?}");
    scene.progress(&claimed, leg, Step::Answered).await.expect("answered");
    let late = redirect(scene.dialer.node, leg).await;
    assert!(matches!(late, Err(StoreError::Stale)), "{late:?}");
}

async fn retries_follow_until_they_are_spent(test: TestDb) {
    let scene = Scene::new(&test.db, 1).await;
    for dial in 1..=4 {
        let node = scene.successor().await;
        let dialer = Dialer { dialing: scene.dialer.dialing.clone(), node };
        let (claimed, _) = dialer.dial_next(scene.campaign).await;
        assert_eq!(claimed.dial_no, dial);
        let kind = if dial == 1 { AttemptKind::First } else { AttemptKind::Retry };
        assert_eq!(claimed.kind, kind);
        let state = scene.end(&dialer.end(&claimed, DisconnectionReason::DialBusy)).await;
        let target = scene.target(&claimed).await;
        assert_eq!(target.last_reason, Some(DisconnectionReason::DialBusy));
        if dial < 4 {
            assert_eq!(state, TargetState::Waiting);
            let promoted = dialer.dialing.promote(scene.campaign, 10).await.expect("a promotion");
            assert_eq!((promoted.ready, promoted.next_due), (0, Some(target.next_at)), "not before its delay");
            assert!(!dialer.dialing.complete_if_done(scene.campaign).await.expect("an answer"));
            test.db.shift_clock(301_000_000);
        } else {
            assert_eq!(state, TargetState::Failed);
        }
        let twice = dialer.dialing.end_attempt(&dialer.end(&claimed, DisconnectionReason::DialBusy), None).await;
        assert!(matches!(twice, Err(StoreError::Stale)), "{twice:?}");
    }
    assert!(scene.dialer.dialing.complete_if_done(scene.campaign).await.expect("an answer"));
    assert!(!scene.dialer.dialing.complete_if_done(scene.campaign).await.expect("an answer"), "only once");
    let mut tx = test.db.read().await.expect("a transaction");
    let progress = campaign::progress(&mut tx, scene.campaign).await.expect("progress");
    assert_eq!((progress.total, progress.failed, progress.pending), (1, 1, 0));
}

fn record(scene: &Scene, claimed: &Claimed, attempt: &Attempt) -> Report {
    let started_at = attempt.dialing_at.expect("dialed");
    let call = Call {
        id: CallId::generate(),
        org: scene.world.org,
        direction: Direction::Outbound,
        campaign: Some(scene.campaign),
        target: Some(claimed.target),
        attempt: Some(claimed.attempt),
        contact: Some(claimed.contact),
        assistant_version: Some(claimed.assistant_version),
        trunk: Some(claimed.trunk),
        from: claimed.caller_id.to_string().into(),
        to: claimed.to.expose().to_string().into(),
        started_at,
        answered_at: attempt.answered_at,
        ended_at: started_at + Duration::from_secs(20),
        reason: DisconnectionReason::UserHangup,
        sip_code: Some(200),
        q850: None,
        ended_by: None,
        answered_by: Some(AnsweredBy::Human),
        recording: None,
        recording_fault: None,
        success: false,
        interrupted: false,
        replay: None,
        transfer: None,
        identity: None,
        arrival: Arrival::default(),
        quality: None,
    };
    Report { call, conversation: Conversation::default() }
}

/// Seconds of talk that the organisation's month has.
async fn talked(scene: &Scene) -> f64 {
    let mut tx = scene.world.db.read().await.expect("a transaction");
    quota::show(&mut tx, scene.world.org).await.expect("usage").talked.as_secs_f64()
}

async fn a_lost_call_counts_until_its_node_was_last_seen(test: TestDb) {
    let scene = Scene::new(&test.db, 1).await;
    let (claimed, leg) = scene.dialer.dial_next(scene.campaign).await;
    scene.progress(&claimed, leg, Step::Answered).await.expect("answered");
    test.db.shift_clock(5_000_000);
    let lease = scene.dialer.dialing.renew(&scene.dialer.node).await.expect("a lease").lease_until;
    let answered = scene.attempt(&claimed).await.answered_at.expect("answered");
    test.db.shift_clock(100_000_000);
    assert!(talked(&scene).await >= 105.0, "it goes on as far as anybody knows");
    assert_eq!(scene.dialer.dialing.reap().await.expect("reaped").unknown, 1);
    let seen = lease.duration_since(answered).as_secs_f64();
    assert!((talked(&scene).await - seen).abs() < 0.001, "not a moment that the node did not live");
    test.db.shift_clock(100_000_000);
    assert!((talked(&scene).await - seen).abs() < 0.001, "nor while its channel is held");
    // Its owner lives after all, and knows better.
    let report = record(&scene, &claimed, &scene.attempt(&claimed).await);
    let end = AttemptEnd {
        talked: Some(Duration::from_secs(19)),
        ..scene.dialer.end(&claimed, DisconnectionReason::UserHangup)
    };
    let known = report.call.ended_at.duration_since(answered).as_secs_f64();
    scene.dialer.dialing.end_attempt(&end, Some(&report)).await.expect("an end");
    assert!((talked(&scene).await - known).abs() < 0.001, "once, and not twice");
}

async fn an_answered_call_leaves_its_record(test: TestDb) {
    let scene = Scene::new(&test.db, 2).await;
    let (claimed, leg) = scene.dialer.dial_next(scene.campaign).await;
    scene.progress(&claimed, leg, Step::Answered).await.expect("answered");
    let report = record(&scene, &claimed, &scene.attempt(&claimed).await);
    let end = AttemptEnd {
        talked: Some(Duration::from_millis(19_500)),
        answered_by: Some(AnsweredBy::Human),
        sip_code: Some(200),
        ..scene.dialer.end(&claimed, DisconnectionReason::UserHangup)
    };
    let settled = scene.dialer.dialing.end_attempt(&end, Some(&report)).await.expect("an end").expect("followed");
    assert_eq!(settled.state, TargetState::Done);
    assert_eq!(scene.target(&claimed).await.last_duration_ms, Some(19_500));
    let ended = scene.attempt(&claimed).await;
    assert_eq!(
        (ended.state, ended.answered_by, ended.sip_code),
        (AttemptState::Ended, Some(AnsweredBy::Human), Some(200))
    );
    let mut tx = test.db.read().await.expect("a transaction");
    let calls = call::list(&mut tx, scene.world.org, Some(scene.campaign), Page::first(5)).await.expect("a page");
    assert_eq!(calls.items, std::slice::from_ref(&report.call));
    drop(tx);
    // A second record of the same attempt takes the whole end of another call with it.
    let (other, _) = scene.dialer.dial_next(scene.campaign).await;
    let end = scene.dialer.end(&other, DisconnectionReason::UserHangup);
    let wrong = Report { call: Call { id: CallId::generate(), ..report.call }, ..report };
    let doubled = scene.dialer.dialing.end_attempt(&end, Some(&wrong)).await;
    assert!(matches!(doubled, Err(StoreError::Conflict(Constraint::CallAttempt))), "{doubled:?}");
    assert_eq!(scene.attempt(&other).await.state, AttemptState::Dialing);
}

async fn answered_calls_that_heard_nothing_from_us_are_counted(test: TestDb) {
    let scene = Scene::new(&test.db, 4).await;
    let line = |speaker, from_ms| Line {
        speaker,
        text: "Hello.".to_owned().into(),
        from_ms,
        to_ms: from_ms + 500,
        cut: false,
        keys: false,
        passages: Vec::new(),
    };
    // Spoken to in time, too late, never, and gone before there was a need to.
    let calls = [
        (20, vec![line(Speaker::Caller, 100), line(Speaker::Agent, 1_900)]),
        (20, vec![line(Speaker::Caller, 100), line(Speaker::Agent, 2_100)]),
        (20, vec![line(Speaker::Caller, 100)]),
        (1, Vec::new()),
    ];
    for (seconds, transcript) in calls {
        let (claimed, leg) = scene.dialer.dial_next(scene.campaign).await;
        scene.progress(&claimed, leg, Step::Answered).await.expect("answered");
        let mut report = record(&scene, &claimed, &scene.attempt(&claimed).await);
        report.call.ended_at = report.call.answered_at.expect("answered") + Duration::from_secs(seconds);
        report.conversation.transcript = transcript;
        let end = scene.dialer.end(&claimed, DisconnectionReason::UserHangup);
        scene.dialer.dialing.end_attempt(&end, Some(&report)).await.expect("an end");
    }
    let mut tx = test.db.read().await.expect("a transaction");
    let progress = campaign::progress(&mut tx, scene.campaign).await.expect("progress");
    assert_eq!((progress.completed, progress.silent_starts), (4, 2));
}

async fn an_opt_out_holds_for_the_whole_organisation(test: TestDb) {
    let scene = Scene::new(&test.db, 1).await;
    let (claimed, _) = scene.dialer.dial_next(scene.campaign).await;
    let state = scene.end(&scene.dialer.end(&claimed, DisconnectionReason::VoiceCallsOptedOut)).await;
    assert_eq!(state, TargetState::Done);
    let mut tx = test.db.read().await.expect("a transaction");
    let hash = scene.world.key.hash(contact_data(1).phone.expect("a number").expose());
    let entry = suppression::of_number(&mut tx, scene.world.org, &hash).await.expect("an answer").expect("an entry");
    assert_eq!(entry.source, SuppressionSource::SpokenOptOut);
    drop(tx);
    let mut tx = test.db.begin().await.expect("a transaction");
    let act = target::act(&mut tx, scene.world.org, &Actor::system("test"), claimed.target, Act::Restart).await;
    act.expect("an answer").expect("a restart");
    tx.commit().await.expect("a commit");
    assert_eq!(scene.dialer.claim(scene.campaign).await, Err(Refused::Empty));
    let target = scene.target(&claimed).await;
    assert_eq!((target.state, target.round), (TargetState::Blocked, 2));
}

async fn a_cancelled_dial_is_not_a_call(test: TestDb) {
    let scene = Scene::new(&test.db, 1).await;
    let (claimed, leg) = scene.dialer.dial_next(scene.campaign).await;
    scene.progress(&claimed, leg, Step::Ringing).await.expect("ringing");
    let state = scene.end(&scene.dialer.end(&claimed, DisconnectionReason::Cancelled)).await;
    assert_eq!((state, scene.attempt(&claimed).await.state), (TargetState::Failed, AttemptState::Cancelled));
}

async fn what_a_person_decided_during_the_call_holds_after_it(test: TestDb) {
    let scene = Scene::new(&test.db, 2).await;
    for (act, want) in [(Act::Suspend, TargetState::Suspended), (Act::Remove, TargetState::Removed)] {
        let (claimed, _) = scene.dialer.dial_next(scene.campaign).await;
        let mut tx = test.db.begin().await.expect("a transaction");
        let now = target::act(&mut tx, scene.world.org, &Actor::system("test"), claimed.target, act).await;
        tx.commit().await.expect("a commit");
        let want_now = Ok((scene.campaign, TargetState::InProgress));
        assert_eq!(now.expect("an answer"), want_now, "the call goes on");
        assert_eq!(scene.end(&scene.dialer.end(&claimed, DisconnectionReason::DialNoAnswer)).await, want);
        assert_eq!(scene.target(&claimed).await.hold, None);
    }
}

async fn callbacks_come_first_and_count_as_missed_when_late(test: TestDb) {
    let scene = Scene::new(&test.db, 3).await;
    let (claimed, _) = scene.dialer.dial_next(scene.campaign).await;
    let now = test.db.read().await.expect("a transaction").now().await.expect("the time");
    let callback_at = Some(now + Duration::from_secs(3600));
    let end = AttemptEnd { callback_at, ..scene.dialer.end(&claimed, DisconnectionReason::UserHangup) };
    assert_eq!(scene.end(&end).await, TargetState::Callback);
    test.db.shift_clock(3_660_000_000);
    let dialer = Dialer { dialing: scene.dialer.dialing.clone(), node: scene.successor().await };
    let called = dialer.claim(scene.campaign).await.expect("a claim");
    assert_eq!((called.target, called.kind), (claimed.target, AttemptKind::Callback), "ahead of new contacts");
    dialer.dial(&called).await.expect("no fault").expect("a dial");
    let now = test.db.read().await.expect("a transaction").now().await.expect("the time");
    let callback_at = Some(now + Duration::from_secs(60));
    let end = AttemptEnd { callback_at, ..dialer.end(&called, DisconnectionReason::UserHangup) };
    assert_eq!(scene.end(&end).await, TargetState::Callback);
    test.db.shift_clock(661_000_000);
    let promoted = dialer.dialing.promote(scene.campaign, 10).await.expect("a promotion");
    assert_eq!(promoted.missed, [claimed.target]);
    let dialer = Dialer { dialing: scene.dialer.dialing.clone(), node: scene.successor().await };
    let late = dialer.claim(scene.campaign).await.expect("a claim");
    assert_eq!((late.target, late.kind), (claimed.target, AttemptKind::Callback), "at the head of the queue");
}

async fn what_was_arranged_in_a_call_holds_after_it(test: TestDb) {
    let scene = Scene::new(&test.db, 2).await;
    let (called, _) = scene.dialer.dial_next(scene.campaign).await;
    let now = test.db.read().await.expect("a transaction").now().await.expect("the time");
    // The contacts are in London; tomorrow at three is within the hours.
    let tomorrow = now.to_zoned(jiff::tz::db().get("Europe/London").expect("a zone")).date().tomorrow().expect("a day");
    let night = arrange(&test.db, called.attempt, tomorrow.at(3, 0, 0, 0)).await.expect("an answer");
    assert!(matches!(night, Arranged::NotThen { next: Some(_), .. }), "{night:?}");
    let agreed = arrange(&test.db, called.attempt, tomorrow.at(15, 0, 0, 0)).await.expect("an answer");
    let Arranged::Agreed { at, .. } = agreed else { panic!("{agreed:?}") };
    let end = scene.dialer.end(&called, DisconnectionReason::AgentHangup);
    assert_eq!(scene.end(&end).await, TargetState::Callback);
    assert_eq!(scene.target(&called).await.callback_at, Some(at));
    let over = arrange(&test.db, called.attempt, tomorrow.at(16, 0, 0, 0)).await;
    assert!(matches!(over, Err(StoreError::NotFound)), "{over:?}");

    let (killed, _) = scene.dialer.dial_next(scene.campaign).await;
    arrange(&test.db, killed.attempt, tomorrow.at(15, 0, 0, 0)).await.expect("an answer");
    test.db.shift_clock(31_000_000);
    assert_eq!(scene.dialer.dialing.reap().await.expect("a round").unknown, 1);
    assert_eq!(scene.target(&killed).await.callback_at, Some(at), "a promise outlives the process");
}

async fn a_kill_between_the_commits_loses_no_contact(test: TestDb) {
    let scene = Scene::new(&test.db, 1).await;
    let claimed = scene.dialer.claim(scene.campaign).await.expect("a claim");
    assert_eq!(scene.dialer.dialing.reap().await.expect("a round"), Reaped::default(), "its lease lives");
    test.db.shift_clock(31_000_000);
    let reaped = scene.dialer.dialing.reap().await.expect("a round");
    assert_eq!(reaped, Reaped { released: 1, unknown: 0, ..Reaped::default() });
    let kept = scene.attempt(&claimed).await;
    assert_eq!((kept.state, kept.reason), (AttemptState::NotPlaced, Some(DisconnectionReason::NodeLost)));
    assert!(!kept.consumes_retry);
    assert_eq!(scene.target(&claimed).await.state, TargetState::Ready);
    assert_eq!(scene.dialer.dial(&claimed).await.expect("no fault"), Err(DialRefusal::LeaseLost), "a thawed node");
    let dialer = Dialer { dialing: scene.dialer.dialing.clone(), node: scene.successor().await };
    let (again, _) = dialer.dial_next(scene.campaign).await;
    assert_eq!((again.target, again.dial_no), (claimed.target, 2));
}

async fn a_kill_after_the_dial_rings_nobody_twice(test: TestDb) {
    let scene = Scene::new(&test.db, 2).await;
    let (ringing, leg) = scene.dialer.dial_next(scene.campaign).await;
    scene.progress(&ringing, leg, Step::Ringing).await.expect("ringing");
    let (answered, answered_leg) = scene.dialer.dial_next(scene.campaign).await;
    scene.progress(&answered, answered_leg, Step::Answered).await.expect("answered");
    test.db.shift_clock(31_000_000);
    let node = scene.successor().await;
    let dialing = &scene.dialer.dialing;
    assert_eq!(dialing.reap().await.expect("a round"), Reaped { released: 0, unknown: 2, ..Reaped::default() });
    assert!(dialing.reap().await.expect("a round").is_empty());
    for claimed in [&ringing, &answered] {
        assert_eq!(scene.attempt(claimed).await.state, AttemptState::Unknown);
        let target = scene.target(claimed).await;
        let want = (TargetState::Failed, Some(DisconnectionReason::OutcomeUnknown));
        assert_eq!((target.state, target.last_reason), want);
    }
    assert!(!dialing.complete_if_done(scene.campaign).await.expect("an answer"), "the legs may still be up");
    let mut orphans = dialing.orphans(&node).await.expect("orphans");
    orphans.sort_by_key(|orphan| orphan.answered);
    let seen: Vec<_> = orphans.iter().map(|orphan| (orphan.leg, orphan.attempt, orphan.answered)).collect();
    assert_eq!(seen, [(leg, Some(ringing.attempt), false), (answered_leg, Some(answered.attempt), true)]);
    assert_eq!(orphans[0].dialog, Some(json!({ "step": "Ringing" })));
    assert_eq!(orphans[0].invite, json!({ "uri": "sip:+49@example.net" }));
    assert_eq!(dialing.orphans(&node).await.expect("orphans"), [], "taken for the length of a lease");
    // Restarted by a person, the number waits until its orphan is gone.
    let mut tx = test.db.begin().await.expect("a transaction");
    let act = target::act(&mut tx, scene.world.org, &Actor::system("test"), ringing.target, Act::Restart).await;
    act.expect("an answer").expect("a restart");
    tx.commit().await.expect("a commit");
    let dialer = Dialer { dialing: dialing.clone(), node };
    assert_eq!(dialer.claim(scene.campaign).await, Err(Refused::Empty));
    dialing.orphan_ended(leg).await.expect("ended");
    dialing.orphan_ended(answered_leg).await.expect("ended");
    test.db.shift_clock(90_000_000);
    let dialer = Dialer { dialing: dialing.clone(), node: scene.successor().await };
    let (again, _) = dialer.dial_next(scene.campaign).await;
    assert_eq!((again.target, again.round, again.dial_no), (ringing.target, 2, 1));
}

async fn a_lone_server_recovers_at_its_start(mut test: TestDb) {
    let scene = Scene::new(&test.db, 2).await;
    let (dialed, leg) = scene.dialer.dial_next(scene.campaign).await;
    let claimed = scene.dialer.claim(scene.campaign).await.expect("a claim");
    let org = scene.world.org;
    let campaign = scene.campaign;
    drop(scene);
    let shift = noon_shift(&test).await;
    test.reopen().await;
    test.db.shift_clock(shift);
    let dialer = Dialer::new(&test.db).await;
    let reaped = dialer.dialing.recover_alone(&dialer.node).await.expect("recovery");
    assert_eq!(reaped, Reaped { released: 1, unknown: 1, ..Reaped::default() }, "no lease is waited for");
    let orphans = dialer.dialing.orphans(&dialer.node).await.expect("orphans");
    assert_eq!(orphans.iter().map(|orphan| orphan.leg).collect::<Vec<_>>(), [leg]);
    let mut tx = test.db.read().await.expect("a transaction");
    let target = target::get(&mut tx, org, claimed.target).await.expect("the target");
    assert_eq!(target.state, TargetState::Ready);
    let target = target::get(&mut tx, org, dialed.target).await.expect("the target");
    assert_eq!(target.state, TargetState::Failed);
    drop(tx);
    let again = dialer.claim(campaign).await.expect("a claim");
    assert_eq!((again.target, again.dial_no), (claimed.target, 2));
}

/// How far the clock of the test has been moved, to move that of a new handle as far.
async fn noon_shift(test: &TestDb) -> i64 {
    let moved = test.db.read().await.expect("a transaction").now().await.expect("the time");
    moved.as_microsecond() - callwright::time::now().micros()
}

async fn orphans_are_freed_when_they_must_have_ended(test: TestDb) {
    let scene = Scene::new(&test.db, 1).await;
    let (claimed, _) = scene.dialer.dial_next(scene.campaign).await;
    test.db.shift_clock(31_000_000);
    assert_eq!(scene.dialer.dialing.reap().await.expect("a round").unknown, 1);
    test.db.shift_clock(30_000_000);
    assert!(scene.dialer.dialing.reap().await.expect("a round").is_empty(), "61 s: it may still ring");
    test.db.shift_clock(2_000_000);
    assert_eq!(scene.dialer.dialing.reap().await.expect("a round").freed, 1, "63 s: timer B is over");
    assert_eq!(scene.attempt(&claimed).await.state, AttemptState::Unknown);
    assert!(scene.dialer.dialing.complete_if_done(scene.campaign).await.expect("an answer"));
}

async fn the_owner_may_still_tell_how_an_unknown_dial_ended(test: TestDb) {
    let scene = Scene::new(&test.db, 1).await;
    let (claimed, leg) = scene.dialer.dial_next(scene.campaign).await;
    scene.progress(&claimed, leg, Step::Answered).await.expect("answered");
    test.db.shift_clock(31_000_000);
    assert_eq!(scene.dialer.dialing.reap().await.expect("a round").unknown, 1);
    let late = scene.progress(&claimed, leg, Step::InConversation).await;
    assert!(matches!(late, Err(StoreError::Stale)), "{late:?}");
    assert_eq!(scene.end(&scene.dialer.end(&claimed, DisconnectionReason::UserHangup)).await, TargetState::Done);
    let ended = scene.attempt(&claimed).await;
    assert_eq!((ended.state, ended.reason), (AttemptState::Ended, Some(DisconnectionReason::UserHangup)));
    let node = scene.successor().await;
    assert_eq!(scene.dialer.dialing.orphans(&node).await.expect("orphans"), []);
    assert!(scene.dialer.dialing.complete_if_done(scene.campaign).await.expect("an answer"));
}

async fn a_period_that_is_over_expires_what_waits(test: TestDb) {
    let scene = Scene::new(&test.db, 3).await;
    let (claimed, _) = scene.dialer.dial_next(scene.campaign).await;
    let expired = scene.dialer.dialing.expire_waiting(scene.campaign).await;
    assert_eq!(expired.expect("a count"), 0, "its period is not over");
    let mut tx = test.db.begin().await.expect("a transaction");
    let seen = campaign::get(&mut tx, scene.world.org, scene.campaign).await.expect("the campaign");
    let mut data = seen.data.clone();
    data.schedule.period_end = Some(jiff::civil::date(2020, 1, 1));
    campaign::update(&mut tx, &seen, &Actor::system("test"), &data).await.expect("the campaign as seen");
    tx.commit().await.expect("a commit");
    assert_eq!(scene.dialer.dialing.expire_waiting(scene.campaign).await.expect("a count"), 2);
    assert_eq!(scene.dialer.dialing.expire_waiting(scene.campaign).await.expect("a count"), 0);
    assert_eq!(scene.target(&claimed).await.state, TargetState::InProgress, "the call goes on");
}
