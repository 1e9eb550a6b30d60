//! Several trunks: which one a dial goes over, how it goes on over the next, and the breaker that all nodes share.

use std::time::Duration;

use callwright::args;
use callwright::campaign::settings::Settings;
use callwright::campaign::states::CampaignState;
use callwright::dialer::claim::DialRefusal;
use callwright::dialer::pacing::{Limited, Scope};
use callwright::id::{CampaignId, LegId, TrunkId};
use callwright::store::dialing::{Claimed, FailedOver, FailoverDenied, FailoverRequest, Refused, breaker};
use callwright::store::suppression::{self, SuppressionSource};
use callwright::store::trunk::{self, TrunkData, TrunkShare};
use callwright::store::trunk_inbound::{self, TrunkInbound};
use callwright::trunk::breaker::{BreakerCause, BreakerState, News, Seen};
use serde_json::json;

use crate::db::TestDb;
use crate::world::{Dialer, HEADROOM, World, noon, trunk_data};

crate::on_both!(
    a_dial_goes_over_the_first_trunk_that_has_room,
    a_trunk_slower_than_its_campaign_leaves_the_rest_to_the_next,
    trunks_of_one_priority_share_the_dials_by_weight,
    trunks_that_carry_a_campaign_together_are_waited_for,
    a_caller_id_has_its_own_number_of_calls,
    channels_kept_for_calls_that_come_in_are_not_dialed_over,
    a_dial_goes_on_over_another_trunk_as_another_leg,
    a_dial_does_not_go_on_when_something_has_changed,
    nodes_share_a_breaker_and_one_call_tries,
    a_dial_claimed_before_its_trunk_was_shut_is_given_back,
    half_the_rate_is_left_of_a_trunk_that_is_back,
);

struct Scene {
    world: World,
    campaign: CampaignId,
    dialer: Dialer,
    second: TrunkId,
}

impl Scene {
    /// Noon, a campaign with two trunks of this many channels, and contacts.
    async fn new(test: &TestDb, first: TrunkData, second: TrunkData) -> Self {
        noon(&test.db).await;
        let world = World::new(&test.db).await;
        let settings = Settings { calls_per_minute: 6000, max_concurrent_calls: 100, ..Settings::default() };
        let contacts = world.contacts(1, 9).await;
        let campaign = world.running("Spring", settings, &contacts).await.id;
        let mut tx = test.db.begin().await.expect("a transaction");
        let seen = trunk::get(&mut tx, world.org, world.trunk).await.expect("the trunk").version;
        trunk::update(&mut tx, world.org, world.trunk, seen, &first).await.expect("the trunk as seen");
        let second = trunk::insert(&mut tx, world.org, second).await.expect("a trunk").id;
        trunk::set_fallbacks(&mut tx, campaign, &[second]).await.expect("a trunk to turn to");
        tx.commit().await.expect("a commit");
        Self { campaign, dialer: Dialer::new(&test.db).await, world, second }
    }

    /// The same with another first trunk, whose turn is now.
    async fn again(test: &TestDb, scene: Self, first: TrunkData) -> Self {
        let mut tx = test.db.begin().await.expect("a transaction");
        let seen = trunk::get(&mut tx, scene.world.org, scene.world.trunk).await.expect("the trunk").version;
        trunk::update(&mut tx, scene.world.org, scene.world.trunk, seen, &first).await.expect("the trunk as seen");
        tx.execute("UPDATE limiter SET tat = NULL", vec![]).await.expect("every turn is now");
        tx.commit().await.expect("a commit");
        scene
    }

    async fn claim(&self) -> Result<Box<Claimed>, Refused> {
        self.dialer.claim(self.campaign).await
    }

    fn failover(&self, claimed: &Claimed, failed: LegId) -> FailoverRequest {
        FailoverRequest {
            attempt: claimed.attempt,
            node: self.dialer.node,
            failed,
            sip_code: Some(503),
            leg: LegId::generate(),
            trunk: self.second,
            invite: json!({ "uri": "sip:+49@other.example.net" }),
            headroom: HEADROOM,
        }
    }

    async fn fail_over(&self, request: &FailoverRequest) -> Result<FailedOver, FailoverDenied> {
        self.dialer.dialing.fail_over(request).await.expect("no fault")
    }

    async fn observe(&self, number: u64, news: News) {
        let sent_at = self.world.db.read().await.expect("a transaction").now().await.expect("the time");
        let seen = Seen { news, number, sent_at, jitter: 0.0 };
        self.dialer.dialing.observe_trunk(self.world.trunk, &seen).await.expect("a breaker");
    }

    async fn state(&self) -> (BreakerState, u32) {
        let mut tx = self.world.db.read().await.expect("a transaction");
        let breaker = breaker::read(&mut tx, self.world.trunk).await.expect("a breaker");
        let now = tx.now().await.expect("the time");
        (breaker.standing(now), breaker.share(now))
    }
}

fn with_channels(name: &str, max_channels: u32) -> TrunkData {
    TrunkData { max_channels, ..trunk_data(name) }
}

async fn channels_kept_for_calls_that_come_in_are_not_dialed_over(test: TestDb) {
    let scene = Scene::new(&test, with_channels("carrier", 3), with_channels("other", 3)).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    let keeps = |reserve| TrunkInbound { reserve, ..TrunkInbound::default() };
    trunk_inbound::set(&mut tx, scene.world.trunk, &keeps(2)).await.expect("a trunk");
    trunk_inbound::set(&mut tx, scene.second, &keeps(3)).await.expect("a trunk");
    tx.commit().await.expect("a commit");
    let first = scene.claim().await.expect("one channel is left to dials");
    assert_eq!(first.trunk, scene.world.trunk);
    let Err(Refused::Limited(Limited { scope: Scope::Trunk, .. })) = scene.claim().await else { panic!("no room") };
}

async fn a_dial_goes_over_the_first_trunk_that_has_room(test: TestDb) {
    let scene = Scene::new(&test, with_channels("carrier", 1), with_channels("other", 2)).await;
    let first = scene.claim().await.expect("room");
    assert_eq!((first.trunk, &first.other_trunks[..]), (scene.world.trunk, &[scene.second][..]));
    let second = scene.claim().await.expect("room on the other trunk");
    assert_eq!((second.trunk, &second.other_trunks[..]), (scene.second, &[scene.world.trunk][..]));
    scene.claim().await.expect("room on the other trunk");
    let full = Refused::Limited(Limited { scope: Scope::Trunk, until: None });
    assert_eq!(scene.claim().await, Err(full), "both are full");
    scene.dialer.dialing.release(first.attempt, &scene.dialer.node).await.expect("released");
    assert_eq!(scene.claim().await.expect("room again").trunk, scene.world.trunk);
    // Without the switched-off trunk the other one does.
    let off = TrunkData { enabled: false, ..trunk_data("carrier") };
    let mut tx = test.db.begin().await.expect("a transaction");
    let seen = trunk::get(&mut tx, scene.world.org, scene.world.trunk).await.expect("the trunk").version;
    trunk::update(&mut tx, scene.world.org, scene.world.trunk, seen, &off).await.expect("the trunk as seen");
    tx.commit().await.expect("a commit");
    scene.dialer.dialing.release(second.attempt, &scene.dialer.node).await.expect("released");
    assert_eq!(scene.claim().await.expect("room on the other trunk").trunk, scene.second);
}

async fn a_trunk_slower_than_its_campaign_leaves_the_rest_to_the_next(test: TestDb) {
    // The campaign may dial 6000 a minute.
    let slow = TrunkData { calls_per_minute: 6, ..trunk_data("carrier") };
    let scene = Scene::new(&test, slow, trunk_data("other")).await;
    assert_eq!(scene.claim().await.expect("its turn").trunk, scene.world.trunk);
    assert_eq!(scene.claim().await.expect("the rest").trunk, scene.second);
    let fast = TrunkData { calls_per_minute: 6000, ..trunk_data("carrier") };
    let scene = Scene::again(&test, scene, fast).await;
    for _ in 0..4 {
        assert_eq!(scene.claim().await.expect("it is waited for").trunk, scene.world.trunk);
    }
}

impl Scene {
    /// The shares of the campaign's own trunk, of the second and of a third one.
    async fn share(&self, shares: [(u32, u32); 3], third: TrunkData) -> TrunkId {
        let mut tx = self.world.db.begin().await.expect("a transaction");
        let third = trunk::insert(&mut tx, self.world.org, third).await.expect("a trunk").id;
        let trunks = [self.world.trunk, self.second, third];
        let share = |(trunk, (priority, weight))| TrunkShare { trunk, priority, weight };
        let shares: Vec<_> = trunks.into_iter().zip(shares).map(share).collect();
        trunk::set_shares(&mut tx, self.campaign, &shares).await.expect("shares");
        assert_eq!(trunk::shares(&mut tx, self.campaign).await.expect("shares"), shares);
        tx.commit().await.expect("a commit");
        third
    }
}

async fn trunks_of_one_priority_share_the_dials_by_weight(test: TestDb) {
    let scene = Scene::new(&test, with_channels("carrier", 3), trunk_data("other")).await;
    let third = scene.share([(1, 3), (1, 1), (2, 1)], trunk_data("third")).await;
    let (own, second) = (scene.world.trunk, scene.second);
    let request = scene.dialer.request(scene.campaign);
    scene.dialer.dialing.promote(scene.campaign, 100).await.expect("a promotion");
    // Four in one transaction, then one by one: it is all the same.
    let (more, picked) = scene.dialer.dialing.claim_several(&request, 4).await.expect("an answer");
    let last = picked.result.expect("the fourth");
    let dials: Vec<_> = more.iter().chain([&*last]).map(|claimed| claimed.trunk).collect();
    assert_eq!(dials, [own, own, second, own]);
    for _ in 0..2 {
        assert_eq!(scene.claim().await.expect("room").trunk, second, "the first one is full");
    }
    scene.dialer.dialing.release(more[0].attempt, &scene.dialer.node).await.expect("released");
    assert_eq!(scene.claim().await.expect("room").trunk, own);
    let mut tx = test.db.begin().await.expect("a transaction");
    tx.execute("UPDATE trunk SET enabled = $1 WHERE id = $2", args![false, second]).await.expect("switched off");
    tx.commit().await.expect("a commit");
    assert_eq!(scene.claim().await.expect("room").trunk, third, "nobody else has room");
}

async fn trunks_that_carry_a_campaign_together_are_waited_for(test: TestDb) {
    let half = |name| TrunkData { calls_per_minute: 3000, ..trunk_data(name) };
    let scene = Scene::new(&test, half("carrier"), half("other")).await;
    let third = scene.share([(1, 1), (1, 1), (2, 1)], trunk_data("third")).await;
    scene.dialer.dialing.promote(scene.campaign, 100).await.expect("a promotion");
    let request = scene.dialer.request(scene.campaign);
    let (more, _) = scene.dialer.dialing.claim_several(&request, 8).await.expect("an answer");
    let over = |trunk| more.iter().filter(|claimed| claimed.trunk == trunk).count();
    assert!(more.len() >= 6, "{} claims", more.len());
    assert!(over(scene.world.trunk).abs_diff(over(scene.second)) <= 1, "{more:?}");
    assert_eq!(over(third), 0, "its turn would come if they were slower than the campaign");
}

async fn a_caller_id_has_its_own_number_of_calls(test: TestDb) {
    let one = TrunkData { caller_id_max_calls: Some(1), ..trunk_data("carrier") };
    let two = TrunkData { caller_id_max_calls: Some(2), ..trunk_data("other") };
    let scene = Scene::new(&test, one, two).await;
    assert_eq!(scene.claim().await.expect("room").trunk, scene.world.trunk);
    assert_eq!(scene.claim().await.expect("room over a trunk that allows more").trunk, scene.second);
    let full = Refused::Limited(Limited { scope: Scope::CallerId, until: None });
    assert_eq!(scene.claim().await, Err(full));
}

async fn a_dial_goes_on_over_another_trunk_as_another_leg(test: TestDb) {
    let scene = Scene::new(&test, with_channels("carrier", 1), with_channels("other", 1)).await;
    let (claimed, leg) = scene.dialer.dial_next(scene.campaign).await;
    let request = scene.failover(&claimed, leg);
    let over = scene.fail_over(&request).await.expect("the other trunk takes it");
    assert!(over.send_by > over.send_at && !over.trial);
    let mut tx = test.db.read().await.expect("a transaction");
    let sql = "SELECT trunk_id, state, ordinal, sip_code FROM leg ORDER BY ordinal";
    let legs = tx.all(sql, vec![]).await.expect("legs");
    let read = |row: &callwright::store::db::Row| -> (TrunkId, String, i64, Option<i64>) {
        let get = "a column";
        let (trunk, state) = (row.get("trunk_id").expect(get), row.get("state").expect(get));
        (trunk, state, row.get("ordinal").expect(get), row.get("sip_code").expect(get))
    };
    let legs: Vec<_> = legs.iter().map(read).collect();
    let first = (scene.world.trunk, "ended".to_owned(), 1, Some(503));
    assert_eq!(legs, [first, (scene.second, "sent".to_owned(), 2, None)]);
    drop(tx);
    // The channel went with the leg: one trunk is free again, the other is taken.
    let next = scene.claim().await.expect("room on the first trunk");
    assert_eq!((next.trunk, next.target == claimed.target), (scene.world.trunk, false));
    let full = FailoverDenied::Limited(Limited { scope: Scope::Trunk, until: None });
    let leg = scene.dialer.dial(&next).await.expect("no fault").expect("a dial");
    assert_eq!(scene.fail_over(&scene.failover(&next, leg)).await, Err(full));
    // Twice in a row is once too often: the leg that failed has ended already.
    let again = scene.dialer.dialing.fail_over(&FailoverRequest { leg: LegId::generate(), ..request }).await;
    assert!(!matches!(again, Ok(Ok(_))), "{again:?}");
}

async fn a_dial_does_not_go_on_when_something_has_changed(test: TestDb) {
    let scene = Scene::new(&test, trunk_data("carrier"), trunk_data("other")).await;
    let (claimed, leg) = scene.dialer.dial_next(scene.campaign).await;
    let request = scene.failover(&claimed, leg);
    let stranger = Dialer::new(&test.db).await;
    let theirs = FailoverRequest { node: stranger.node, ..request.clone() };
    assert_eq!(scene.fail_over(&theirs).await, Err(FailoverDenied::Refused(DialRefusal::LeaseLost)));
    let mut tx = test.db.begin().await.expect("a transaction");
    let hash = scene.world.key.hash(claimed.to.expose());
    let entry = suppression::insert(&mut tx, scene.world.org, &hash, SuppressionSource::Manual, "").await;
    let entry = entry.expect("an entry");
    tx.commit().await.expect("a commit");
    let blocked = scene.fail_over(&request).await.expect_err("suppressed");
    assert!(matches!(blocked, FailoverDenied::Refused(DialRefusal::Suppressed(_))), "{blocked:?}");
    let mut tx = test.db.begin().await.expect("a transaction");
    suppression::delete(&mut tx, scene.world.org, entry.id).await.expect("taken back");
    tx.execute("UPDATE trunk SET enabled = $1 WHERE id = $2", args![false, scene.second]).await.expect("switched off");
    tx.commit().await.expect("a commit");
    assert_eq!(scene.fail_over(&request).await, Err(FailoverDenied::TrunkOff));
    let mut tx = test.db.begin().await.expect("a transaction");
    tx.execute("UPDATE trunk SET enabled = $1 WHERE id = $2", args![true, scene.second]).await.expect("switched on");
    tx.commit().await.expect("a commit");
    let mut tx = test.db.read().await.expect("a transaction");
    let seen = callwright::store::campaign::get(&mut tx, scene.world.org, scene.campaign).await.expect("the campaign");
    drop(tx);
    scene.world.advance(&seen, CampaignState::Paused).await;
    assert_eq!(scene.fail_over(&request).await, Err(FailoverDenied::Refused(DialRefusal::CampaignStopped)));
    // Out of its hours: nobody is rung at ten in the evening because a trunk failed before.
    let mut tx = test.db.read().await.expect("a transaction");
    let seen = callwright::store::campaign::get(&mut tx, scene.world.org, scene.campaign).await.expect("the campaign");
    drop(tx);
    scene.world.advance(&seen, CampaignState::InProgress).await;
    test.db.shift_clock(11 * 3_600_000_000);
    let lease = "UPDATE node SET lease_until = lease_until + 39600000000 WHERE id = $1";
    let mut tx = test.db.begin().await.expect("a transaction");
    tx.execute(lease, args![scene.dialer.node.id]).await.expect("a lease as fresh as before");
    tx.commit().await.expect("a commit");
    assert_eq!(scene.fail_over(&request).await, Err(FailoverDenied::OutsideHours));
}

async fn nodes_share_a_breaker_and_one_call_tries(test: TestDb) {
    let scene = Scene::new(&test, trunk_data("carrier"), with_channels("other", 1)).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    trunk::set_fallbacks(&mut tx, scene.campaign, &[]).await.expect("no other trunk");
    tx.commit().await.expect("a commit");
    for number in 1..=3 {
        scene.observe(number, News::Fault { retry_after: None }).await;
    }
    assert_eq!(scene.state().await, (BreakerState::Open, 500));
    // Another process, which has met none of the failures.
    let elsewhere = Dialer::new(&test.db).await;
    elsewhere.dialing.promote(scene.campaign, 100).await.expect("a promotion");
    let far =
        callwright::store::dialing::ClaimRequest { headroom: Duration::ZERO, ..elsewhere.request(scene.campaign) };
    scene.observe(3, News::Fault { retry_after: Some(Duration::from_secs(60)) }).await;
    let picked = elsewhere.dialing.claim(&far).await.expect("an answer");
    assert!(matches!(picked.result, Err(Refused::Limited(Limited { scope: Scope::Trunk, until: Some(_) }))));
    assert_eq!(picked.shut.map(|shut| (shut.cause, shut.trying)), Some((BreakerCause::RetryAfter, false)));
    test.db.shift_clock(60_000_000);
    let lease = elsewhere.dialing.register(callwright::id::NodeId::generate()).await.expect("a node");
    let far = callwright::store::dialing::ClaimRequest { node: lease, ..far };
    let tries = elsewhere.dialing.claim(&far).await.expect("an answer").result.expect("one may try");
    assert!(tries.trial);
    let picked = elsewhere.dialing.claim(&far).await.expect("an answer");
    assert_eq!(picked.shut.map(|shut| shut.trying), Some(true), "and only one");
    elsewhere.dialing.withdraw_trial(scene.world.trunk, &tries.attempt.to_string()).await.expect("not sent");
    let tries = elsewhere.dialing.claim(&far).await.expect("an answer").result.expect("another one may");
    assert!(tries.trial);
    scene.observe(4, News::Fine).await;
    assert_eq!(scene.state().await.0, BreakerState::Closed);
    let free = elsewhere.dialing.claim(&far).await.expect("an answer").result.expect("everybody may");
    assert!(!free.trial);
    // What a person mends is forgotten.
    for number in 1..=5 {
        scene.observe(number, News::Refused).await;
    }
    assert_eq!(scene.state().await.0, BreakerState::Open);
    let mut tx = test.db.begin().await.expect("a transaction");
    breaker::reset(&mut tx, scene.world.trunk).await.expect("reset");
    tx.commit().await.expect("a commit");
    assert_eq!(scene.state().await, (BreakerState::Closed, 1000));
}

async fn a_dial_claimed_before_its_trunk_was_shut_is_given_back(test: TestDb) {
    let scene = Scene::new(&test, trunk_data("carrier"), trunk_data("other")).await;
    let claimed = scene.claim().await.expect("a claim");
    assert_eq!(claimed.trunk, scene.world.trunk);
    scene.observe(1, News::Fault { retry_after: Some(Duration::from_secs(60)) }).await;
    assert_eq!(scene.dialer.dial(&claimed).await.expect("no fault"), Err(DialRefusal::TrunkShut));
    let again = scene.claim().await.expect("the contact is ready again");
    assert_eq!(again.contact, claimed.contact);
    assert_ne!(again.trunk, scene.world.trunk, "over the other trunk");
    scene.dialer.dial(&again).await.expect("no fault").expect("it may be sent");
    // Afterwards the one call that tries is not kept from trying.
    let mut tx = test.db.begin().await.expect("a transaction");
    trunk::set_fallbacks(&mut tx, scene.campaign, &[]).await.expect("no other trunk");
    tx.commit().await.expect("a commit");
    test.db.shift_clock(61_000_000);
    let dialer = Dialer::new(&test.db).await;
    let tries = dialer.claim(scene.campaign).await.expect("one may try");
    assert!(tries.trial);
    dialer.dial(&tries).await.expect("no fault").expect("it may be sent");
}

async fn half_the_rate_is_left_of_a_trunk_that_is_back(test: TestDb) {
    let slow = TrunkData { calls_per_minute: 60, ..trunk_data("carrier") };
    let scene = Scene::new(&test, slow, with_channels("other", 1)).await;
    let mut tx = test.db.begin().await.expect("a transaction");
    trunk::set_fallbacks(&mut tx, scene.campaign, &[]).await.expect("no other trunk");
    tx.commit().await.expect("a commit");
    for number in 1..=3 {
        scene.observe(number, News::Fault { retry_after: None }).await;
    }
    test.db.shift_clock(1_100_000);
    scene.observe(4, News::Fine).await;
    assert_eq!(scene.state().await, (BreakerState::Closed, 500));
    let first = scene.claim().await.expect("the first");
    let picked = scene.dialer.pick(scene.campaign).await.expect("an answer");
    let Err(Refused::Limited(Limited { scope: Scope::Trunk, until: Some(_) })) = picked.result else {
        panic!("paced by the trunk: {:?}", picked.result)
    };
    let mut tx = test.db.read().await.expect("a transaction");
    let sql = "SELECT tat AS value FROM limiter WHERE scope = 'trunk' AND scope_id = $1";
    let tat: jiff::Timestamp = tx.value(sql, args![scene.world.trunk.to_string()]).await.expect("a time");
    assert_eq!(tat.duration_since(first.send_at).as_millis(), 2000, "30 a minute in place of 60");
}
