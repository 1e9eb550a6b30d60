//! Processes that die again while they recover from the death of others.

use std::time::Duration;

use callwright::campaign::settings::Settings;
use callwright::id::NodeId;
use callwright::store::dialing::Reaped;

use crate::db::TestDb;
use crate::world::{Dialer, World, noon};

crate::on_both!(an_orphan_is_left_to_the_next_process, a_lost_lease_is_a_new_epoch_of_the_same_node);

async fn running(test: &TestDb) -> (Dialer, callwright::id::CampaignId) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let settings = Settings { calls_per_minute: 6000, max_concurrent_calls: 100, ..Settings::default() };
    let contacts = world.contacts(1, 2).await;
    let campaign = world.running("Spring", settings, &contacts).await.id;
    (Dialer::new(&test.db).await, campaign)
}

async fn an_orphan_is_left_to_the_next_process(test: TestDb) {
    let (first, campaign) = running(&test).await;
    let (_, leg) = first.dial_next(campaign).await;
    let second = Dialer::new(&test.db).await;
    let dialing = &second.dialing;
    let reaped = dialing.recover_from(&[first.node.id]).await.expect("recovery");
    assert_eq!(reaped, Reaped { released: 0, unknown: 1, ..Reaped::default() });
    assert_eq!(dialing.orphans(&second.node).await.expect("orphans").len(), 1);
    // The second dies before its CANCEL has left. Its hold on the leg is worth nothing, whichever way that is known.
    let third = Dialer::new(&test.db).await;
    assert_eq!(dialing.orphans(&third.node).await.expect("orphans"), [], "a stranger waits for its lease");
    dialing.recover_from(&[first.node.id, second.node.id]).await.expect("recovery");
    let taken = dialing.orphans(&third.node).await.expect("orphans");
    assert_eq!(taken.iter().map(|orphan| orphan.leg).collect::<Vec<_>>(), [leg]);
    let fourth = Dialer::new(&test.db).await;
    dialing.recover_alone(&fourth.node).await.expect("recovery");
    assert_eq!(dialing.orphans(&fourth.node).await.expect("orphans"), taken);
}

async fn a_lost_lease_is_a_new_epoch_of_the_same_node(test: TestDb) {
    let (dialer, campaign) = running(&test).await;
    dialer.dial_next(campaign).await;
    test.db.shift_clock(31_000_000);
    let again = dialer.dialing.register(dialer.node.id).await.expect("a node");
    assert_eq!((again.id, again.epoch > dialer.node.epoch), (dialer.node.id, true));
    assert!(dialer.dialing.renew(&dialer.node).await.is_err(), "the old epoch is over");
    assert_eq!(dialer.dialing.reap().await.expect("a round").unknown, 1, "with what it held");
    let renewed = dialer.dialing.renew(&again).await.expect("the new one lives");
    let other = dialer.dialing.register(NodeId::generate()).await.expect("a node");
    assert!(other.epoch > again.epoch && renewed.lease_until + Duration::from_secs(1) > again.lease_until);
}
