//! Second legs of transfers: what they pass, what they hold, and what is left of them when their node is lost.

use std::time::Duration;

use callwright::campaign::phone::E164;
use callwright::campaign::settings::Settings;
use callwright::campaign::states::BlockedReason;
use callwright::dialer::pacing::{Limited, Scope};
use callwright::id::{AttemptId, CampaignId, LegId};
use callwright::store::dialing::{
    Claimed, Reaped, Refused, TransferAdmitted, TransferCallee, TransferDenied, TransferRequest, TransferStep,
};
use callwright::store::suppression::{self, SuppressionSource};
use callwright::store::trunk::TrunkData;
use callwright::store::{StoreError, attempt, trunk};
use serde_json::json;

use crate::db::TestDb;
use crate::world::{Dialer, HEADROOM, World, noon, trunk_data};

crate::on_both!(
    a_second_leg_takes_a_channel_and_its_turn,
    a_second_leg_passes_the_gate,
    a_kill_leaves_an_orphan_that_somebody_ends,
    a_joined_call_is_not_forgotten,
    a_second_leg_has_an_end_of_its_own,
);

struct Scene {
    world: World,
    campaign: CampaignId,
    dialer: Dialer,
}

impl Scene {
    /// Noon, a trunk with this many channels, and a campaign with enough contacts.
    async fn new(test: &TestDb, channels: u32) -> Self {
        noon(&test.db).await;
        let world = World::new(&test.db).await;
        change_trunk(&world, TrunkData { max_channels: channels, ..trunk_data("carrier") }).await;
        let settings = Settings { calls_per_minute: 6000, max_concurrent_calls: 100, ..Settings::default() };
        let contacts = world.contacts(1, 5).await;
        let campaign = world.running("Spring", settings, &contacts).await.id;
        Self { campaign, dialer: Dialer::new(&test.db).await, world }
    }

    fn callee(&self, attempt: Option<AttemptId>, to: &str) -> TransferCallee {
        let (org, caller_id, to) = (self.world.org, Some(number("+493012345678")), number(to));
        TransferCallee { org, attempt, caller_id, hash: self.world.key.hash(&to), to: to.into() }
    }

    fn request(&self, attempt: Option<AttemptId>) -> TransferRequest {
        TransferRequest {
            leg: LegId::generate(),
            node: self.dialer.node,
            org: self.world.org,
            trunk: self.world.trunk,
            attempt,
            caller_id: Some(number("+493012345678")),
            callee: Some(self.callee(attempt, "+4930999001")),
            invite: json!({ "uri": "sip:+4930999001@example.net" }),
            ring_timeout: Duration::from_secs(25),
            longest: Duration::from_secs(3_600),
            headroom: HEADROOM,
        }
    }

    async fn admit(&self, request: &TransferRequest) -> Result<TransferAdmitted, TransferDenied> {
        self.dialer.dialing.admit_transfer(request).await.expect("no fault")
    }

    async fn step(&self, leg: LegId, step: TransferStep) -> Result<(), StoreError> {
        let dialog = json!({ "step": format!("{step:?}") });
        self.dialer.dialing.transfer_progress(leg, &self.dialer.node, step, Some(&dialog)).await
    }

    async fn dialed(&self) -> Box<Claimed> {
        self.dialer.dial_next(self.campaign).await.0
    }
}

async fn change_trunk(world: &World, data: TrunkData) {
    let mut tx = world.db.begin().await.expect("a transaction");
    let seen = trunk::get(&mut tx, world.org, world.trunk).await.expect("the trunk").version;
    trunk::update(&mut tx, world.org, world.trunk, seen, &data).await.expect("the trunk as seen");
    tx.commit().await.expect("a commit");
}

fn number(text: &str) -> E164 {
    text.parse().expect("a number")
}

fn full(scope: Scope) -> Limited {
    Limited { scope, until: None }
}

async fn a_second_leg_takes_a_channel_and_its_turn(test: TestDb) {
    let scene = Scene::new(&test, 2).await;
    let claimed = scene.dialed().await;
    let first = scene.request(Some(claimed.attempt));
    let admitted = scene.admit(&first).await.expect("there is room");
    assert!(admitted.send_at >= admitted.now + HEADROOM && admitted.send_by > admitted.send_at);
    // The trunk's two channels are taken now, for everybody.
    assert_eq!(scene.admit(&scene.request(None)).await, Err(TransferDenied::Limited(full(Scope::Trunk))));
    assert_eq!(scene.dialer.claim(scene.campaign).await, Err(Refused::Limited(full(Scope::Trunk))));
    scene.dialer.dialing.end_transfer(first.leg, &scene.dialer.node).await.expect("it ends");
    let second = scene.request(None);
    let again = scene.admit(&second).await.expect("there is room again");
    assert!(again.send_at > admitted.send_at, "one after the other, as the rate has it");
    scene.dialer.dialing.end_transfer(second.leg, &scene.dialer.node).await.expect("it ends");
    scene.dialer.claim(scene.campaign).await.expect("room for a dial");
}

async fn a_second_leg_passes_the_gate(test: TestDb) {
    let scene = Scene::new(&test, 10).await;
    let wanted = scene.request(None);
    let callee = scene.callee(None, "+4930999001");
    let refused =
        async |callee: &TransferCallee| scene.dialer.dialing.refuses_transfer(callee).await.expect("no fault");
    assert_eq!(refused(&callee).await, None);
    assert_eq!(refused(&scene.callee(None, "+499001123456")).await, Some(BlockedReason::PremiumNumber));
    assert_eq!(refused(&scene.callee(None, "+12125550123")).await, Some(BlockedReason::CountryNotAllowed));
    let hash = callee.hash.clone();
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    suppression::insert(&mut tx, scene.world.org, &hash, SuppressionSource::Manual, "").await.expect("an entry");
    tx.commit().await.expect("a commit");
    assert_eq!(scene.admit(&wanted).await, Err(TransferDenied::Blocked(BlockedReason::Dnc)));
    assert_eq!(refused(&callee).await, Some(BlockedReason::Dnc), "nor does anybody else dial it on our account");
    // A SIP address without a number is nothing that a list could name.
    let address = TransferRequest { callee: None, leg: LegId::generate(), ..wanted.clone() };
    scene.admit(&address).await.expect("no list speaks against it");
    change_trunk(&scene.world, TrunkData { enabled: false, ..trunk_data("carrier") }).await;
    assert_eq!(scene.admit(&scene.request(None)).await, Err(TransferDenied::TrunkOff));
    // A node that has lost its lease dials nobody.
    test.db.shift_clock(31_000_000);
    let stale = scene.dialer.dialing.admit_transfer(&scene.request(None)).await;
    assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");
}

async fn a_kill_leaves_an_orphan_that_somebody_ends(test: TestDb) {
    let scene = Scene::new(&test, 3).await;
    let claimed = scene.dialed().await;
    let (rings, talks) = (scene.request(None), scene.request(Some(claimed.attempt)));
    for request in [&rings, &talks] {
        scene.admit(request).await.expect("there is room");
    }
    scene.step(rings.leg, TransferStep::Ringing).await.expect("it rings");
    scene.step(talks.leg, TransferStep::Answered).await.expect("it was answered");
    test.db.shift_clock(31_000_000);
    let successor = Dialer::new(&test.db).await;
    let dialing = &successor.dialing;
    let reaped = dialing.reap().await.expect("a round");
    assert_eq!(reaped, Reaped { unknown: 1, transfers: 2, ..Reaped::default() });
    let orphans = dialing.orphans(&successor.node).await.expect("orphans");
    let found = |leg| orphans.iter().find(|orphan| orphan.leg == leg).expect("it is an orphan");
    let (early, answered) = (found(rings.leg), found(talks.leg));
    assert_eq!((early.attempt, early.answered), (None, false));
    assert_eq!((answered.attempt, answered.answered), (Some(claimed.attempt), true));
    assert_eq!(answered.dialog, Some(json!({ "step": "Answered" })));
    assert!(answered.free_at > early.free_at, "a conversation lasts longer than a ring");
    // All three channels are taken until somebody has ended what is left.
    let ask = TransferRequest { node: successor.node, ..scene.request(None) };
    let refused = dialing.admit_transfer(&ask).await.expect("no fault");
    assert_eq!(refused, Err(TransferDenied::Limited(full(Scope::Trunk))));
    dialing.orphan_ended(rings.leg).await.expect("the far end said so");
    dialing.admit_transfer(&ask).await.expect("no fault").expect("one channel is free");
    // What nobody answers for is free when it must be over.
    test.db.shift_clock(4_000_000_000);
    let freed = dialing.reap().await.expect("a round").freed;
    assert_eq!(
        freed, 3,
        "the answered leg, the attempt it was for, and the leg of the successor, which is dead as well"
    );
}

async fn a_joined_call_is_not_forgotten(test: TestDb) {
    let scene = Scene::new(&test, 10).await;
    let claimed = scene.dialed().await;
    let request = scene.request(Some(claimed.attempt));
    scene.admit(&request).await.expect("there is room");
    scene.step(request.leg, TransferStep::Answered).await.expect("it was answered");
    scene.step(request.leg, TransferStep::Joined).await.expect("they talk");
    let mut tx = test.db.read().await.expect("a transaction");
    let before = attempt::get(&mut tx, scene.world.org, claimed.attempt).await.expect("the attempt").state;
    drop(tx);
    // Half an hour on, long after the attempt's own 300 s. A lease of 30 s has to outlast a slow machine as well.
    for _ in 0..90 {
        test.db.shift_clock(20_000_000);
        let node = scene.dialer.dialing.renew(&scene.dialer.node).await.expect("a lease");
        assert_eq!(node.epoch, scene.dialer.node.epoch);
        assert!(scene.dialer.dialing.reap().await.expect("a round").is_empty());
    }
    let mut tx = test.db.read().await.expect("a transaction");
    assert_eq!(attempt::get(&mut tx, scene.world.org, claimed.attempt).await.expect("the attempt").state, before);
}

async fn a_second_leg_has_an_end_of_its_own(test: TestDb) {
    let scene = Scene::new(&test, 2).await;
    let claimed = scene.dialed().await;
    let request = scene.request(Some(claimed.attempt));
    scene.admit(&request).await.expect("there is room");
    // The caller's attempt ends while the second leg is still being torn down.
    let end = scene.dialer.end(&claimed, callwright::campaign::disconnection::DisconnectionReason::CallTransfer);
    scene.step(request.leg, TransferStep::Answered).await.expect("it was answered");
    scene.dialer.dialing.end_attempt(&end, None).await.expect("the end of the attempt");
    scene.step(request.leg, TransferStep::Joined).await.expect("its leg is not ended by that");
    let stranger = Dialer::new(&test.db).await;
    let stale = stranger.dialing.end_transfer(request.leg, &stranger.node).await;
    assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");
    scene.dialer.dialing.end_transfer(request.leg, &scene.dialer.node).await.expect("its owner ends it");
    let twice = scene.dialer.dialing.end_transfer(request.leg, &scene.dialer.node).await;
    assert!(matches!(twice, Err(StoreError::Stale)), "{twice:?}");
    let late = scene.step(request.leg, TransferStep::Ringing).await;
    assert!(matches!(late, Err(StoreError::Stale)), "{late:?}");
}
