//! What keeps a draft from being started.

use callwright::campaign::month::next_month;
use callwright::campaign::run::Schedule;
use callwright::dialer::diagnosis::{Activity, WaitsFor};
use callwright::id::CampaignId;
use callwright::store::audit::Actor;
use callwright::store::campaign::{self, Campaign, CampaignData};
use callwright::store::org::{self, Plan};
use callwright::store::suppression_list::{self, ListData};
use callwright::store::target::{self, Entry};
use jiff::ToSpan;

use super::{change, fast, now, person, rows, told};
use crate::db::TestDb;
use crate::world::{World, noon};

crate::on_both!(
    a_draft_is_told_with_what_it_is_made_of,
    a_draft_is_told_with_what_stands_above_it,
    a_draft_is_told_with_its_times,
    a_draft_that_starts_by_itself_says_when,
);

async fn draft(world: &World, contacts: u32) -> Campaign {
    let draft = world.draft("Spring", fast()).await;
    let contacts = world.contacts(1, contacts).await;
    let mut tx = world.db.begin().await.expect("a transaction");
    target::add(&mut tx, world.org, draft.id, &contacts, Entry::default()).await.expect("targets");
    tx.commit().await.expect("a commit");
    draft
}

async fn edit(world: &World, id: CampaignId, edit: impl FnOnce(&mut CampaignData)) {
    let mut tx = world.db.begin().await.expect("a transaction");
    let seen = campaign::get(&mut tx, world.org, id).await.expect("the draft");
    let mut data = seen.data.clone();
    edit(&mut data);
    campaign::update(&mut tx, &seen, &Actor::system("test"), &data).await.expect("the draft as seen");
    tx.commit().await.expect("a commit");
}

async fn a_draft_is_told_with_what_it_is_made_of(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let empty = world.draft("Autumn", fast()).await.id;
    let seen = told(&world, empty, None).await;
    person(&seen, "not_started", 0);
    person(&seen, "no_eligible_contact", 0);
    let id = draft(&world, 3).await.id;
    let seen = told(&world, id, None).await;
    assert_eq!((rows(&seen).len(), seen.next_at, seen.activity), (1, None, None), "it could be started: {seen:?}");
    change(&world, "UPDATE trunk SET caller_ids = '[\"+493099999999\"]'").await;
    person(&told(&world, id, None).await, "caller_id_missing", 3);
    change(&world, "UPDATE trunk SET enabled = FALSE").await;
    change(&world, "UPDATE campaign SET name = ' '").await;
    change(&world, "UPDATE campaign SET settings = '{\"ring_timeout_s\": 1}'").await;
    let seen = told(&world, id, None).await;
    for code in ["not_started", "name_missing", "trunk_unusable", "settings_invalid"] {
        person(&seen, code, 3);
    }
    assert_eq!(rows(&seen).len(), 4, "{seen:?}");
}

async fn a_draft_is_told_with_what_stands_above_it(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let id = draft(&world, 3).await.id;
    let yesterday = now(&world).await - 24.hours();
    let mut tx = test.db.begin_durable().await.expect("a transaction");
    let plan = Plan { max_active_campaigns: Some(0), minutes_per_month: Some(0) };
    org::set_plan(&mut tx, world.org, plan).await.expect("a plan");
    let (name, source) = ("Robinson".to_owned(), "test".to_owned());
    let list = ListData { name, source, org_wide: true, valid_until: Some(yesterday) };
    suppression_list::insert(&mut tx, world.org, &Actor::system("test"), list).await.expect("a list").expect("few");
    tx.commit().await.expect("a commit");
    let seen = told(&world, id, None).await;
    person(&seen, "suppression_list_outdated", 3);
    let all = rows(&seen);
    let month = next_month(now(&world).await);
    assert!(all.contains(&("quota_minutes".to_owned(), 3, month, Some(WaitsFor::Time))), "{all:?}");
    assert!(all.contains(&("plan_active_limit".to_owned(), 3, None, Some(WaitsFor::Campaign))), "{all:?}");
}

async fn a_draft_is_told_with_its_times(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let id = draft(&world, 2).await.id;
    let today = now(&world).await.in_tz("Europe/Berlin").expect("a zone").date();
    edit(&world, id, |data| data.schedule.period_end = Some(today.yesterday().expect("a day"))).await;
    person(&told(&world, id, None).await, "period_over", 2);
    edit(&world, id, |data| data.schedule.period_end = Some(today)).await;
    // Ten in the evening of the last day.
    test.db.shift_clock(10 * 3_600_000_000);
    person(&told(&world, id, None).await, "no_window", 2);
    edit(&world, id, |data| data.schedule = Schedule { runs: Vec::new(), ..data.schedule.clone() }).await;
    person(&told(&world, id, None).await, "schedule_invalid", 2);
}

async fn a_draft_that_starts_by_itself_says_when(test: TestDb) {
    noon(&test.db).await;
    let world = World::new(&test.db).await;
    let id = draft(&world, 2).await.id;
    let at = now(&world).await + 2.hours();
    edit(&world, id, |data| data.scheduled_start_at = Some(at)).await;
    let seen = told(&world, id, None).await;
    assert_eq!(rows(&seen), [("not_started".to_owned(), 2, Some(at), Some(WaitsFor::Time))]);
    assert_eq!((seen.activity, seen.next_at), (Some(Activity::Scheduled), Some(at)));
}
