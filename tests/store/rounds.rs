//! Runs as rounds: who is called again on a later run's first day, and how often.

use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::rounds::Audience;
use callwright::campaign::run::{Day, Days, Run};
use callwright::campaign::settings::Settings;
use callwright::campaign::states::{AnsweredBy, CampaignState, TargetState};
use callwright::dialer::calling_hours::instant;
use callwright::id::{CampaignId, ContactId, NodeId};
use callwright::store::attempt::{self, Of};
use callwright::store::audit::{self, Actor};
use callwright::store::campaign::{self, Campaign, CampaignData};
use callwright::store::dialing::{AttemptEnd, Claimed};
use callwright::store::target::{self, Act, Entry, Target};
use callwright::store::{Db, Page};

use crate::db::TestDb;
use crate::world::{Dialer, World, noon};

crate::on_both!(
    a_later_run_calls_those_who_were_not_reached,
    a_run_for_the_never_answered_leaves_the_others_alone,
    each_run_has_its_own_retries,
    a_campaign_waits_for_a_run_that_means_somebody,
    a_call_that_is_live_at_midnight_is_taken_over_when_it_ends,
    runs_keep_their_ids_and_added_ones_open_later,
);

/// A campaign that calls on every day by one run today and by others from tomorrow on.
struct Scene {
    world: World,
    campaign: CampaignId,
    dialer: Dialer,
    contacts: Vec<ContactId>,
}

impl Scene {
    /// Noon in Berlin; one run for today's day of the week, then `later`, on tomorrow's, the day after tomorrow's …
    async fn new(db: &Db, contacts: u32, later: Vec<Run>) -> Self {
        noon(db).await;
        let world = World::new(db).await;
        let today = today(db).await;
        let day = |ahead: usize| {
            let index = Day::ALL.iter().position(|day| *day == today).expect("a day") + ahead;
            Days::Weekdays([Day::ALL[index % 7]].into())
        };
        let mut runs = vec![Run { days: day(0), ..Run::default() }];
        runs.extend(later.into_iter().enumerate().map(|(index, run)| Run { days: day(index + 1), ..run }));
        let settings =
            Settings { calls_per_minute: 6000, max_concurrent_calls: 100, max_retries: 1, ..Settings::default() };
        let draft = world.draft("Spring", settings).await;
        let contacts = world.contacts(1, contacts).await;
        let mut tx = db.begin().await.expect("a transaction");
        target::add(&mut tx, world.org, draft.id, &contacts, Entry::default()).await.expect("targets");
        let mut data = draft.data.clone();
        data.schedule.runs = runs;
        campaign::update(&mut tx, &draft, &Actor::system("test"), &data).await.expect("the draft as seen");
        let draft = campaign::get(&mut tx, world.org, draft.id).await.expect("the draft");
        tx.commit().await.expect("a commit");
        let campaign = world.advance(&draft, CampaignState::InProgress).await.id;
        let dialer = Dialer::new(db).await;
        Self { world, campaign, dialer, contacts }
    }

    async fn campaign(&self) -> Campaign {
        let mut tx = self.world.db.read().await.expect("a transaction");
        campaign::get(&mut tx, self.world.org, self.campaign).await.expect("the campaign")
    }

    /// The next day at noon, with a node that has a lease then.
    async fn tomorrow(&mut self) {
        self.world.db.shift_clock(86_400_000_000);
        self.dialer.node = self.dialer.dialing.register(NodeId::generate()).await.expect("a node");
    }

    async fn later(&mut self, seconds: i64) {
        self.world.db.shift_clock(seconds * 1_000_000);
        self.dialer.node = self.dialer.dialing.register(NodeId::generate()).await.expect("a node");
    }

    /// Calls whoever is next.
    async fn call(&self, reason: DisconnectionReason, answered: bool) -> Box<Claimed> {
        let (claimed, _) = self.dialer.dial_next(self.campaign).await;
        let end = AttemptEnd {
            talked: answered.then_some(Duration::from_secs(20)),
            answered_by: answered.then_some(AnsweredBy::Human),
            technical: reason == DisconnectionReason::AgentHangup,
            ..self.dialer.end(&claimed, reason)
        };
        self.dialer.dialing.end_attempt(&end, None).await.expect("an end").expect("followed");
        claimed
    }

    async fn target_of(&self, contact: ContactId) -> Target {
        let targets = self.world.targets(self.campaign).await;
        targets.into_iter().find(|target| target.contact == contact).expect("a target")
    }

    async fn is_complete(&self) -> bool {
        self.dialer.dialing.complete_if_done(self.campaign).await.expect("an answer")
    }
}

async fn today(db: &Db) -> Day {
    let now = db.read().await.expect("a transaction").now().await.expect("the time");
    Day::of(now.in_tz("Europe/Berlin").expect("a zone").date())
}

async fn a_later_run_calls_those_who_were_not_reached(test: TestDb) {
    let mut scene = Scene::new(&test.db, 3, vec![Run::default()]).await;
    for _ in 0..2 {
        scene.call(DisconnectionReason::InvalidPhoneNumber, false).await;
    }
    scene.call(DisconnectionReason::UserDeclined, false).await;
    assert!(!scene.is_complete().await, "tomorrow's run means two of them");
    let promoted = scene.dialer.dialing.promote(scene.campaign, 10).await.expect("a promotion");
    let now = test.db.read().await.expect("a transaction").now().await.expect("the time");
    let zone = callwright::campaign::zone::zone_named("Europe/Berlin").expect("a zone");
    let midnight = zone.to_datetime(now).date().tomorrow().expect("a day").at(0, 0, 0, 0);
    assert_eq!((promoted.open, promoted.next_due), (true, instant(&zone, midnight)), "the next thing is its opening");
    scene.tomorrow().await;
    let again = scene.call(DisconnectionReason::UserDeclined, false).await;
    assert_eq!((again.round, again.dial_no), (2, 1));
    scene.call(DisconnectionReason::UserDeclined, false).await;
    let done = scene.target_of(scene.contacts[2]).await;
    assert_eq!((done.state, done.round), (TargetState::Done, 1), "who is done is left alone");
    let runs = scene.campaign().await;
    let mut tx = test.db.read().await.expect("a transaction");
    let of = Of::Target(again.target);
    let dials = attempt::list(&mut tx, scene.world.org, of, Page::first(9)).await.expect("a page").items;
    let by: Vec<_> = dials.iter().map(|dial| (dial.round, dial.run)).collect();
    let ids: Vec<_> = runs.data.schedule.runs.iter().map(|run| run.id).collect();
    assert_eq!(by, [(1, ids[0]), (2, ids[1])], "every call says which run it was");
    let subject = ("campaign", scene.campaign.to_string());
    let trail = audit::list(&mut tx, scene.world.org, subject, Page::first(20)).await.expect("a page").items;
    assert_eq!(trail.iter().filter(|entry| entry.action == "campaign.round").count(), 2);
    drop(tx);
    assert!(scene.is_complete().await, "no later run is left");
}

async fn a_run_for_the_never_answered_leaves_the_others_alone(test: TestDb) {
    let never = Run { audience: Audience::NeverAnswered, ..Run::default() };
    let mut scene = Scene::new(&test.db, 3, vec![never, Run::default()]).await;
    // One answers and is to be called again for a fault of ours; one never answers; one is not called at all.
    let answered = scene.call(DisconnectionReason::AgentHangup, true).await;
    let unanswered = scene.call(DisconnectionReason::DialNoAnswer, false).await;
    scene.tomorrow().await;
    let mut called = Vec::new();
    for _ in 0..2 {
        let claimed = scene.call(DisconnectionReason::InvalidPhoneNumber, false).await;
        assert_eq!(claimed.round, 2);
        called.push(claimed.target);
    }
    assert!(called.contains(&unanswered.target) && !called.contains(&answered.target), "{called:?}");
    let left_out = scene.target_of(answered.contact).await;
    assert_eq!((left_out.state, left_out.round), (TargetState::Failed, 1));
    assert!(!scene.is_complete().await, "the third run means everybody");
    scene.tomorrow().await;
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let claimed = scene.call(DisconnectionReason::UserDeclined, false).await;
        rounds.push((claimed.target == answered.target, claimed.round));
    }
    rounds.sort_unstable();
    assert_eq!(rounds, [(false, 3), (false, 3), (true, 2)]);
    assert!(scene.is_complete().await);
}

async fn each_run_has_its_own_retries(test: TestDb) {
    let mut scene = Scene::new(&test.db, 1, vec![Run { max_retries: Some(2), ..Run::default() }]).await;
    for (dials, seconds) in [(2, 301), (3, 301)] {
        for dial in 1..=dials {
            let claimed = scene.call(DisconnectionReason::DialBusy, false).await;
            assert_eq!(claimed.dial_no, dial);
            scene.later(seconds).await;
        }
        assert_eq!(scene.target_of(scene.contacts[0]).await.state, TargetState::Failed, "after {dials}");
        scene.tomorrow().await;
    }
    assert!(scene.is_complete().await);
}

async fn a_campaign_waits_for_a_run_that_means_somebody(test: TestDb) {
    let never = Run { audience: Audience::NeverAnswered, ..Run::default() };
    let mut scene = Scene::new(&test.db, 1, vec![never]).await;
    scene.call(DisconnectionReason::AgentHangup, true).await;
    scene.later(301).await;
    // Failed in the end, but answered once: tomorrow's run does not mean them.
    scene.call(DisconnectionReason::InvalidPhoneNumber, false).await;
    assert_eq!(scene.target_of(scene.contacts[0]).await.state, TargetState::Failed);
    assert!(scene.is_complete().await);
}

async fn a_call_that_is_live_at_midnight_is_taken_over_when_it_ends(test: TestDb) {
    let mut scene = Scene::new(&test.db, 2, vec![Run::default()]).await;
    let (live, _) = scene.dialer.dial_next(scene.campaign).await;
    let holder = scene.dialer.node;
    scene.tomorrow().await;
    scene.dialer.dialing.promote(scene.campaign, 10).await.expect("a promotion");
    assert_eq!(scene.target_of(live.contact).await.round, 1, "it is in progress");
    let other = scene.world.targets(scene.campaign).await.into_iter().find(|target| target.id != live.target);
    assert_eq!(other.expect("the other").round, 2);
    let end = AttemptEnd { node: holder, ..scene.dialer.end(&live, DisconnectionReason::InvalidPhoneNumber) };
    scene.dialer.dialing.end_attempt(&end, None).await.expect("an end");
    assert!(!scene.is_complete().await, "it has not been looked at yet");
    scene.dialer.dialing.promote(scene.campaign, 10).await.expect("a promotion");
    let taken = scene.target_of(live.contact).await;
    assert_eq!((taken.state, taken.round, taken.dials), (TargetState::Waiting, 2, 0));
}

async fn runs_keep_their_ids_and_added_ones_open_later(test: TestDb) {
    let mut scene = Scene::new(&test.db, 1, Vec::new()).await;
    let claimed = scene.call(DisconnectionReason::InvalidPhoneNumber, false).await;
    let before = scene.campaign().await;
    let mut data: CampaignData = before.data.clone();
    let [run] = &mut data.schedule.runs[..] else { panic!("one run") };
    let id = run.id.take();
    assert!(id.is_some());
    let tomorrow =
        Day::ALL[(Day::ALL.iter().position(|day| Days::Weekdays([*day].into()) == run.days).expect("one") + 1) % 7];
    data.schedule.runs.push(Run { days: Days::Weekdays([tomorrow].into()), ..Run::default() });
    let mut tx = test.db.begin().await.expect("a transaction");
    campaign::update(&mut tx, &before, &Actor::system("test"), &data).await.expect("the campaign as seen");
    tx.commit().await.expect("a commit");
    let after = scene.campaign().await;
    assert_eq!(after.data.schedule.runs[0].id, id, "the run in the same place is the same run");
    assert!(!scene.is_complete().await, "the new run means the one who failed");
    scene.tomorrow().await;
    // Restarted before the round opened, they are taken into it once.
    let mut tx = test.db.begin().await.expect("a transaction");
    let act = target::act(&mut tx, scene.world.org, &Actor::system("test"), claimed.target, Act::Restart).await;
    act.expect("an answer").expect("restarted");
    tx.commit().await.expect("a commit");
    let again = scene.call(DisconnectionReason::UserDeclined, false).await;
    assert_eq!((again.round, again.dial_no), (3, 1));
    assert_eq!(scene.campaign().await.rounds.len(), 2);
    assert!(scene.is_complete().await);
}
