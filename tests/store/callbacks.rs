//! Callbacks: when they are made, in which order, how often, and what becomes of those that are missed.

use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::rounds::{CallbackRules, OutsideHours};
use callwright::campaign::run::Run;
use callwright::campaign::settings::Settings;
use callwright::campaign::states::{AnsweredBy, CampaignState, TargetState};
use callwright::id::{CampaignId, NodeId, TargetId};
use callwright::store::attempt::AttemptKind;
use callwright::store::audit::{self, Actor};
use callwright::store::campaign;
use callwright::store::dialing::callback::{self, Arranged, Set, arrange};
use callwright::store::dialing::{AttemptEnd, Claimed};
use callwright::store::target::{self, Target};
use callwright::store::{Db, Page};
use jiff::Timestamp;

use crate::db::TestDb;
use crate::world::{Dialer, World, noon};

crate::on_both!(
    a_callback_has_a_budget_of_its_own,
    a_wish_outside_the_hours_moves_to_their_opening,
    missed_ones_come_first_then_the_oldest_then_new_contacts,
    a_callback_that_is_not_sent_stays_one,
    what_falls_due_in_a_pause_is_missed_after_its_grace,
    a_run_says_whether_and_how_often,
    a_person_arranges_moves_and_drops_them,
);

struct Scene {
    world: World,
    campaign: CampaignId,
    dialer: Dialer,
}

impl Scene {
    async fn new(db: &Db, contacts: u32, callbacks: CallbackRules) -> Self {
        noon(db).await;
        let world = World::new(db).await;
        let settings =
            Settings { calls_per_minute: 6000, max_concurrent_calls: 100, max_retries: 1, ..Settings::default() };
        let contacts = world.contacts(1, contacts).await;
        let running = world.running("Spring", settings, &contacts).await;
        let mut data = running.data.clone();
        data.schedule.runs = vec![Run { callbacks, ..Run::default() }];
        let mut tx = db.begin().await.expect("a transaction");
        campaign::update(&mut tx, &running, &Actor::system("test"), &data).await.expect("the campaign as seen");
        tx.commit().await.expect("a commit");
        Self { world, campaign: running.id, dialer: Dialer::new(db).await }
    }

    async fn now(&self) -> Timestamp {
        self.world.db.read().await.expect("a transaction").now().await.expect("the time")
    }

    async fn later(&mut self, after: Duration) {
        self.world.db.shift_clock(i64::try_from(after.as_micros()).expect("short"));
        self.dialer.node = self.dialer.dialing.register(NodeId::generate()).await.expect("a node");
    }

    /// Ends a call, after which they may want to be called back.
    async fn end(&self, claimed: &Claimed, reason: DisconnectionReason, wish: Option<Timestamp>) -> TargetState {
        let end = AttemptEnd {
            callback_at: wish,
            talked: wish.map(|_| Duration::from_secs(20)),
            answered_by: wish.map(|_| AnsweredBy::Human),
            ..self.dialer.end(claimed, reason)
        };
        self.dialer.dialing.end_attempt(&end, None).await.expect("an end").expect("followed").state
    }

    /// Calls whoever is next.
    async fn call(&self, reason: DisconnectionReason, wish: Option<Timestamp>) -> (Box<Claimed>, TargetState) {
        let (claimed, _) = self.dialer.dial_next(self.campaign).await;
        let state = self.end(&claimed, reason, wish).await;
        (claimed, state)
    }

    async fn target(&self, id: TargetId) -> Target {
        let mut tx = self.world.db.read().await.expect("a transaction");
        target::get(&mut tx, self.world.org, id).await.expect("the target")
    }
}

const HOUR: Duration = Duration::from_secs(3600);

async fn a_callback_has_a_budget_of_its_own(test: TestDb) {
    let mut scene = Scene::new(&test.db, 1, CallbackRules::default()).await;
    assert_eq!(scene.call(DisconnectionReason::DialBusy, None).await.1, TargetState::Waiting);
    scene.later(Duration::from_secs(301)).await;
    let wish = scene.now().await + HOUR;
    let (called, state) = scene.call(DisconnectionReason::UserHangup, Some(wish)).await;
    assert_eq!(state, TargetState::Callback, "with the retries spent");
    assert_eq!(scene.target(called.target).await.callback_at, Some(wish));
    scene.later(HOUR + Duration::from_secs(1)).await;
    for want in [TargetState::Callback, TargetState::Failed] {
        let (callback, state) = scene.call(DisconnectionReason::DialBusy, None).await;
        assert_eq!((callback.kind, state), (AttemptKind::Callback, want), "one dial and one retry");
        scene.later(Duration::from_secs(301)).await;
    }
}

async fn a_wish_outside_the_hours_moves_to_their_opening(test: TestDb) {
    let scene = Scene::new(&test.db, 1, CallbackRules::default()).await;
    let zone = callwright::campaign::zone::zone_named("Europe/Berlin").expect("a zone");
    let night = zone.to_datetime(scene.now().await).date().tomorrow().expect("a day").at(3, 0, 0, 0);
    let night = zone.to_timestamp(night).expect("an instant");
    let (called, _) = scene.call(DisconnectionReason::UserHangup, Some(night)).await;
    let moved = scene.target(called.target).await;
    assert_eq!((moved.callback_at, moved.callback_asked_at), (Some(night + 5 * HOUR), Some(night)), "at eight");
}

async fn missed_ones_come_first_then_the_oldest_then_new_contacts(test: TestDb) {
    let mut scene = Scene::new(&test.db, 4, CallbackRules::default()).await;
    let now = scene.now().await;
    let mut asked = Vec::new();
    for minutes in [62, 61, 1] {
        let wish = now + Duration::from_secs(60 * minutes);
        asked.push(scene.call(DisconnectionReason::UserHangup, Some(wish)).await.0.target);
    }
    scene.later(Duration::from_secs(63 * 60)).await;
    let mut order = Vec::new();
    while let Ok(claimed) = scene.dialer.claim(scene.campaign).await {
        order.push((claimed.target, claimed.kind));
    }
    let kind = AttemptKind::Callback;
    assert_eq!(order[..3], [(asked[2], kind), (asked[1], kind), (asked[0], kind)], "missed, then by time");
    assert_eq!(order[3].1, AttemptKind::First);
    let mut tx = test.db.read().await.expect("a transaction");
    let trail = audit::list(&mut tx, scene.world.org, ("target", asked[2].to_string()), Page::first(9)).await;
    let actions: Vec<_> = trail.expect("a page").items.into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, ["target.callback_missed"]);
}

async fn a_callback_that_is_not_sent_stays_one(test: TestDb) {
    let mut scene = Scene::new(&test.db, 2, CallbackRules::default()).await;
    let wish = scene.now().await + HOUR;
    let (called, _) = scene.call(DisconnectionReason::UserHangup, Some(wish)).await;
    scene.later(HOUR + Duration::from_secs(1)).await;
    for dial_no in [2, 3] {
        let claimed = scene.dialer.claim(scene.campaign).await.expect("a claim");
        assert_eq!((claimed.target, claimed.kind, claimed.dial_no), (called.target, AttemptKind::Callback, dial_no));
        scene.dialer.dialing.release(claimed.attempt, &scene.dialer.node).await.expect("released");
    }
}

async fn what_falls_due_in_a_pause_is_missed_after_its_grace(test: TestDb) {
    let mut scene = Scene::new(&test.db, 1, CallbackRules::default()).await;
    let wish = scene.now().await + HOUR;
    let (called, _) = scene.call(DisconnectionReason::UserHangup, Some(wish)).await;
    let mut tx = test.db.read().await.expect("a transaction");
    let running = campaign::get(&mut tx, scene.world.org, scene.campaign).await.expect("the campaign");
    drop(tx);
    let paused = scene.world.advance(&running, CampaignState::Paused).await;
    scene.later(HOUR + Duration::from_secs(601)).await;
    scene.dialer.dialing.promote(scene.campaign, 10).await.expect("nothing happens in a pause");
    assert_eq!(scene.target(called.target).await.state, TargetState::Callback);
    scene.world.advance(&paused, CampaignState::InProgress).await;
    let promoted = scene.dialer.dialing.promote(scene.campaign, 10).await.expect("a promotion");
    assert_eq!(promoted.missed, [called.target]);
    let missed = scene.target(called.target).await;
    assert_eq!((missed.callback_at, missed.callback_missed_at.is_some()), (None, true));
    let (_, state) = scene.call(DisconnectionReason::UserDeclined, None).await;
    assert_eq!((state, scene.target(called.target).await.callback_missed_at), (TargetState::Done, None));
}

async fn a_run_says_whether_and_how_often(test: TestDb) {
    let rules = CallbackRules {
        max_per_contact: Some(1),
        max_retries: Some(0),
        outside_hours: OutsideHours::Move,
        ..CallbackRules::default()
    };
    let mut scene = Scene::new(&test.db, 2, rules).await;
    let (called, _) = scene.dialer.dial_next(scene.campaign).await;
    let london = scene.now().await.in_tz("Europe/London").expect("a zone").date().tomorrow().expect("a day");
    let moved = arrange(&test.db, called.attempt, london.at(3, 0, 0, 0)).await.expect("an answer");
    let Arranged::Agreed { at, zone } = moved else { panic!("{moved:?}") };
    assert_eq!(zone.to_datetime(at).hour(), 8, "it moves by itself");
    let again = arrange(&test.db, called.attempt, london.at(9, 0, 0, 0)).await.expect("an answer");
    assert!(matches!(again, Arranged::Agreed { .. }), "the same call may change it: {again:?}");
    assert_eq!(scene.end(&called, DisconnectionReason::UserHangup, None).await, TargetState::Callback);
    scene.later(30 * HOUR).await;
    let late = scene.dialer.claim(scene.campaign).await.expect("a claim");
    assert_eq!((late.target, late.kind), (called.target, AttemptKind::Callback));
    scene.dialer.dial(&late).await.expect("no fault").expect("a dial");
    let refused = arrange(&test.db, late.attempt, london.at(20, 0, 0, 0)).await.expect("an answer");
    assert!(matches!(refused, Arranged::NotThen { next: None, .. }), "one a contact: {refused:?}");
    let wish = scene.now().await + HOUR;
    assert_eq!(scene.end(&late, DisconnectionReason::UserHangup, Some(wish)).await, TargetState::Done);

    let off = CallbackRules { enabled: false, ..CallbackRules::default() };
    let mut tx = test.db.begin().await.expect("a transaction");
    let seen = campaign::get(&mut tx, scene.world.org, scene.campaign).await.expect("the campaign");
    let mut data = seen.data.clone();
    data.schedule.runs[0].callbacks = off;
    campaign::update(&mut tx, &seen, &Actor::system("test"), &data).await.expect("the campaign as seen");
    tx.commit().await.expect("a commit");
    let (_, state) = scene.call(DisconnectionReason::UserHangup, Some(wish)).await;
    assert_eq!(state, TargetState::Done, "this run calls nobody back");
}

async fn a_person_arranges_moves_and_drops_them(test: TestDb) {
    let scene = Scene::new(&test.db, 2, CallbackRules::default()).await;
    let now = scene.now().await;
    let (called, state) = scene.call(DisconnectionReason::UserDeclined, None).await;
    assert_eq!(state, TargetState::Done);
    let (org, actor) = (scene.world.org, Actor::system("test"));
    let mut tx = test.db.begin().await.expect("a transaction");
    let past = callback::set(&mut tx, org, &actor, called.target, now - HOUR).await.expect("an answer");
    assert_eq!(past, Set::Past);
    for wish in [now + HOUR, now + 2 * HOUR] {
        let set = callback::set(&mut tx, org, &actor, called.target, wish).await.expect("an answer");
        assert_eq!(set, Set::At(wish));
    }
    tx.commit().await.expect("a commit");
    let arranged = scene.target(called.target).await;
    assert_eq!((arranged.state, arranged.round, arranged.dials), (TargetState::Callback, 2, 0), "one new round");
    let mut tx = test.db.begin().await.expect("a transaction");
    callback::drop_it(&mut tx, org, &actor, called.target).await.expect("an answer").expect("dropped");
    let twice = callback::drop_it(&mut tx, org, &actor, called.target).await.expect("an answer");
    assert!(twice.is_err(), "{twice:?}");
    tx.commit().await.expect("a commit");
    let waits = scene.target(called.target).await;
    assert_eq!((waits.state, waits.callback_at), (TargetState::Waiting, None));
    let (live, _) = scene.dialer.dial_next(scene.campaign).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let busy = callback::set(&mut tx, org, &actor, live.target, now + HOUR).await.expect("an answer");
    assert!(matches!(busy, Set::NotPossible(_)), "its call is live: {busy:?}");
}
