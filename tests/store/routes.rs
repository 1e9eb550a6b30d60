//! Trunk groups and routes by the number called, as claims go by them.

use callwright::campaign::settings::Settings;
use callwright::dialer::pacing::{Limited, Scope};
use callwright::id::{CampaignId, TrunkId};
use callwright::store::dialing::{Claimed, Refused};
use callwright::store::prefix_route::{self, Over, RouteData};
use callwright::store::trunk::{self, TrunkData, TrunkShare};
use callwright::store::{campaign, trunk_group};

use crate::db::TestDb;
use crate::world::{Dialer, World, noon, trunk_data};

crate::on_both!(
    a_number_goes_over_the_trunk_of_its_longest_prefix,
    limits_of_trunks_hold_for_routed_dials,
    a_campaign_follows_its_group,
);

struct Scene {
    world: World,
    campaign: CampaignId,
    dialer: Dialer,
    second: TrunkId,
}

impl Scene {
    /// Noon, and a campaign with two trunks of one priority and twelve contacts: +49300000001 to +49300000012.
    async fn new(test: &TestDb, second: TrunkData) -> Self {
        noon(&test.db).await;
        let world = World::new(&test.db).await;
        let settings = Settings { calls_per_minute: 6000, max_concurrent_calls: 100, ..Settings::default() };
        let contacts = world.contacts(1, 12).await;
        let campaign = world.running("Spring", settings, &contacts).await.id;
        let mut tx = test.db.begin().await.expect("a transaction");
        let second = trunk::insert(&mut tx, world.org, second).await.expect("a trunk").id;
        let share = TrunkShare { trunk: second, priority: 2, weight: 1 };
        trunk::set_shares(&mut tx, campaign, &[share]).await.expect("a trunk to turn to");
        tx.commit().await.expect("a commit");
        Self { campaign, dialer: Dialer::new(&test.db).await, world, second }
    }

    async fn route(&self, prefix: &str, over: Over) {
        let mut tx = self.world.db.begin().await.expect("a transaction");
        let data = RouteData { prefix: prefix.to_owned(), over };
        prefix_route::insert(&mut tx, self.world.org, &data).await.expect("a route");
        tx.commit().await.expect("a commit");
    }

    async fn claim(&self) -> Result<Box<Claimed>, Refused> {
        self.dialer.claim(self.campaign).await
    }
}

async fn a_number_goes_over_the_trunk_of_its_longest_prefix(test: TestDb) {
    let scene = Scene::new(&test, trunk_data("other")).await;
    let (own, second) = (scene.world.trunk, scene.second);
    let first = scene.claim().await.expect("room");
    assert_eq!((first.trunk, first.other_trunks), (own, vec![second]), "no route: as the campaign has it");
    scene.route("4930", Over::Trunk(second)).await;
    let routed = scene.claim().await.expect("room");
    assert_eq!(
        (routed.trunk, routed.other_trunks),
        (second, vec![]),
        "a failing trunk is not replaced by one off the route"
    );
    // One digit more than all others have in common: contacts 10 to 12.
    scene.route("493000000", Over::Trunk(second)).await;
    scene.route("4930000001", Over::Trunk(own)).await;
    let mut over = Vec::new();
    for _ in 0..10 {
        let claimed = scene.claim().await.expect("room");
        over.push((claimed.to.expose().as_str().starts_with("+4930000001"), claimed.trunk));
    }
    assert_eq!(over.iter().filter(|(longer, _)| *longer).count(), 3);
    assert!(over.iter().all(|(longer, trunk)| *trunk == if *longer { own } else { second }), "{over:?}");
}

async fn limits_of_trunks_hold_for_routed_dials(test: TestDb) {
    let scene = Scene::new(&test, TrunkData { max_channels: 2, ..trunk_data("other") }).await;
    scene.route("49", Over::Trunk(scene.second)).await;
    scene.dialer.dialing.promote(scene.campaign, 100).await.expect("a promotion");
    let request = scene.dialer.request(scene.campaign);
    let (some, picked) = scene.dialer.dialing.claim_several(&request, 8).await.expect("an answer");
    assert_eq!(some.iter().map(|claimed| claimed.trunk).collect::<Vec<_>>(), [scene.second; 2], "two channels");
    let full = Refused::Limited(Limited { scope: Scope::Trunk, until: None });
    assert_eq!(picked.result, Err(full), "the first trunk has room, and the numbers do not go over it");
    assert_eq!(scene.claim().await, Err(full));
    scene.dialer.dialing.release(some[0].attempt, &scene.dialer.node).await.expect("released");
    assert_eq!(scene.claim().await.expect("room again").trunk, scene.second);
    // A route to trunks that the campaign does not have leaves the campaign's own order.
    let mut tx = test.db.begin().await.expect("a transaction");
    let third = trunk::insert(&mut tx, scene.world.org, trunk_data("third")).await.expect("a trunk").id;
    tx.commit().await.expect("a commit");
    scene.route("4930", Over::Trunk(third)).await;
    assert_eq!(scene.claim().await.expect("room").trunk, scene.world.trunk);
}

async fn a_campaign_follows_its_group(test: TestDb) {
    let scene = Scene::new(&test, trunk_data("other")).await;
    let (own, second) = (scene.world.trunk, scene.second);
    let member = |trunk, priority, weight| TrunkShare { trunk, priority, weight };
    let mut tx = test.db.begin().await.expect("a transaction");
    let org = scene.world.org;
    let members = [member(second, 3, 5), member(own, 7, 1)];
    let group = trunk_group::insert(&mut tx, org, "Europe", &members).await.expect("a group");
    trunk_group::follow(&mut tx, scene.campaign, group.id, &group.members).await.expect("followed");
    let shares = trunk::shares(&mut tx, scene.campaign).await.expect("shares");
    tx.commit().await.expect("a commit");
    assert_eq!(shares, [member(second, 1, 5), member(own, 5, 1)]);
    assert_eq!(scene.claim().await.expect("room").trunk, second, "the first of the group");

    let mut tx = test.db.begin().await.expect("a transaction");
    let stale = trunk_group::update(&mut tx, org, group.id, 7, "Europe", &[member(own, 1, 1)]).await;
    assert!(stale.is_err());
    trunk_group::update(&mut tx, org, group.id, 1, "Europe", &[member(own, 1, 1)]).await.expect("changed");
    assert_eq!(trunk_group::followers(&mut tx, group.id).await.expect("followers").len(), 1);
    tx.commit().await.expect("a commit");
    let claimed = scene.claim().await.expect("room");
    assert_eq!((claimed.trunk, claimed.other_trunks), (own, vec![]));

    let mut tx = test.db.begin().await.expect("a transaction");
    assert!(trunk_group::delete(&mut tx, org, group.id).await.is_err(), "a campaign follows it");
    drop(tx);
    // Another trunk of its own, and the group is left.
    let mut tx = test.db.begin().await.expect("a transaction");
    let seen = campaign::get(&mut tx, org, scene.campaign).await.expect("the campaign");
    assert_eq!(seen.data.trunk, own);
    let data = campaign::CampaignData { trunk: second, ..seen.data.clone() };
    let actor = callwright::store::audit::Actor::system("test");
    campaign::update(&mut tx, &seen, &actor, &data).await.expect("changed");
    assert_eq!(trunk_group::of_campaign(&mut tx, scene.campaign).await.expect("an answer"), None);
    trunk_group::delete(&mut tx, org, group.id).await.expect("nobody follows it");
    tx.commit().await.expect("a commit");
}
