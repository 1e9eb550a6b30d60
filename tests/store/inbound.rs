//! Calls that come in hold channels like those that go out.

use callwright::campaign::settings::Settings;
use callwright::dialer::pacing::{Limited, Scope};
use callwright::id::CallId;
use callwright::store::dialing::{InboundDoor, InboundRequest, Refused};
use callwright::store::{StoreError, org};

use crate::db::TestDb;
use crate::world::{Dialer, World, noon};

crate::on_both!(
    calls_in_both_directions_share_the_organisations_limit,
    the_calls_of_a_lost_node_count_no_more,
    what_came_in_while_the_database_was_away_is_counted_later,
);

struct Scene {
    world: World,
    dialer: Dialer,
}

impl Scene {
    /// An organisation with this many calls at one time.
    async fn new(test: &TestDb, most: u32) -> Self {
        noon(&test.db).await;
        let world = World::new(&test.db).await;
        let mut tx = test.db.begin().await.expect("a transaction");
        org::set_limits(&mut tx, world.org, 6000, most).await.expect("limits");
        tx.commit().await.expect("a commit");
        Self { world, dialer: Dialer::new(&test.db).await }
    }

    fn call(&self) -> InboundRequest {
        let (org, trunk) = (self.world.org, self.world.trunk);
        InboundRequest { call: CallId::generate(), org, trunk, node: self.dialer.node }
    }

    async fn admit(&self, call: &InboundRequest) -> InboundDoor {
        self.dialer.dialing.admit_inbound(call).await.expect("an answer")
    }
}

async fn calls_in_both_directions_share_the_organisations_limit(test: TestDb) {
    let scene = Scene::new(&test, 2).await;
    let contacts = scene.world.contacts(1, 3).await;
    let settings = Settings { calls_per_minute: 6000, max_concurrent_calls: 9, ..Settings::default() };
    let campaign = scene.world.running("Spring", settings, &contacts).await.id;
    let (first, second) = (scene.call(), scene.call());
    assert_eq!(scene.admit(&first).await, InboundDoor::Open);
    let dialed = scene.dialer.claim(campaign).await.expect("room for one more");
    assert_eq!(scene.admit(&second).await, InboundDoor::Full, "the dial holds the other channel");
    let full = Refused::Limited(Limited { scope: Scope::Organisation, until: None });
    assert_eq!(scene.dialer.claim(campaign).await, Err(full));
    scene.dialer.dialing.end_inbound(first.call).await.expect("it ends");
    assert_eq!(scene.admit(&second).await, InboundDoor::Open);
    assert_eq!(scene.dialer.claim(campaign).await, Err(full), "it came first");
    scene.dialer.dialing.release(dialed.attempt, &scene.dialer.node).await.expect("released");
    scene.dialer.claim(campaign).await.expect("room again");
}

async fn the_calls_of_a_lost_node_count_no_more(test: TestDb) {
    let scene = Scene::new(&test, 1).await;
    let first = scene.call();
    assert_eq!(scene.admit(&first).await, InboundDoor::Open);
    test.db.shift_clock(31_000_000);
    let stale = scene.dialer.dialing.admit_inbound(&scene.call()).await;
    assert!(matches!(stale, Err(StoreError::Stale)), "{stale:?}");
    let other = Dialer::new(&test.db).await;
    let theirs = InboundRequest { node: other.node, ..scene.call() };
    assert_eq!(other.dialing.admit_inbound(&theirs).await.expect("an answer"), InboundDoor::Full, "until it is reaped");
    assert_eq!(other.dialing.reap().await.expect("reaped").inbound, 1);
    assert_eq!(other.dialing.admit_inbound(&theirs).await.expect("an answer"), InboundDoor::Open);
}

async fn what_came_in_while_the_database_was_away_is_counted_later(test: TestDb) {
    let scene = Scene::new(&test, 2).await;
    let calls = [scene.call(), scene.call(), scene.call()];
    scene.dialer.dialing.count_inbound(&calls).await.expect("counted");
    assert_eq!(scene.admit(&scene.call()).await, InboundDoor::Full);
    // The same process under a new epoch: its calls go on and are not reaped.
    test.db.shift_clock(31_000_000);
    let node = scene.dialer.dialing.register(scene.dialer.node.id).await.expect("a new epoch");
    let again: Vec<_> = calls.iter().map(|call| InboundRequest { node, ..*call }).collect();
    scene.dialer.dialing.count_inbound(&again).await.expect("counted anew");
    assert_eq!(scene.dialer.dialing.reap().await.expect("reaped").inbound, 0);
}
