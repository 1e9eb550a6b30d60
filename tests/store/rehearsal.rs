//! The dialer's engine against the real store in virtual time: calls take as long as they are said to, and nobody waits.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use callwright::campaign::disconnection::DisconnectionReason;
use callwright::campaign::states::AnsweredBy;
use callwright::dialer::engine::{Action, CampaignInfo, ClaimResult, ClaimedDial, Config, Engine, Input, Notice};
use callwright::id::{AttemptId, CampaignId, LegId, NodeId};
use callwright::store::campaign;
use callwright::store::dialing::{
    AttemptEnd, ClaimRequest, Claimed, DialRequest, Dialing, Node, Progress, Refused, Step, TurnedAway,
};
use callwright::time::Now;
use jiff::Timestamp;

use crate::world::World;

/// How one dial goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    pub(crate) reason: DisconnectionReason,
    /// From the INVITE to the answer or the refusal.
    pub(crate) rings: Duration,
    /// From the answer to the end.
    pub(crate) talks: Option<Duration>,
}

/// SplitMix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// No lease ends in a quiet night.
const LEASE: Duration = Duration::from_secs(12 * 3600);

/// A node in virtual time.
pub(crate) struct Rehearsal<'a> {
    world: &'a World,
    dialing: Dialing,
    node: Node,
    engine: Engine,
    now: Now,
    shift: i64,
    claimed: BTreeMap<AttemptId, Claimed>,
    legs: BTreeMap<AttemptId, LegId>,
    calls: BinaryHeap<Reverse<(Timestamp, AttemptId)>>,
    courses: BTreeMap<AttemptId, Course>,
    draw: Box<dyn FnMut(u64) -> Course + Send + 'a>,
    /// Whether answers are written down: only who learns from them has to wait for that.
    pub(crate) answers: bool,
    /// When each INVITE left.
    pub(crate) dials: Vec<Timestamp>,
    /// When the campaign was completed.
    pub(crate) done: Option<Timestamp>,
}

impl<'a> Rehearsal<'a> {
    /// A node whose time begins at `start`; `draw` says how a dial goes, told by a number that is its own in
    /// every run, whatever the order is in which dials are made.
    pub(crate) async fn new(world: &'a World, start: Timestamp, draw: impl FnMut(u64) -> Course + Send + 'a) -> Self {
        let now = Now { mono: callwright::time::now().mono, wall: start };
        let config = Config { lease: LEASE, recheck: Duration::from_secs(600), ..Config::default() };
        // What others have moved the clock by.
        let told = world.db.read().await.expect("a transaction").now().await.expect("the time");
        let shift = told.as_microsecond() - callwright::time::now().wall.as_microsecond();
        let dialing = Dialing::new(&world.db, LEASE);
        let node = NodeId::generate();
        let mut show = Self {
            world,
            node: dialing.register(node).await.expect("a node"),
            dialing,
            engine: Engine::new(now, config),
            now,
            shift,
            claimed: BTreeMap::new(),
            legs: BTreeMap::new(),
            calls: BinaryHeap::new(),
            courses: BTreeMap::new(),
            draw: Box::new(draw),
            answers: false,
            dials: Vec::new(),
            done: None,
        };
        show.set_clock();
        show.node = show.dialing.register(node).await.expect("a node");
        show
    }

    /// Lives until `until`, or until the campaign is completed.
    pub(crate) async fn live(&mut self, until: Timestamp) {
        self.engine.handle(self.now, Input::Tick);
        loop {
            while let Some(action) = self.engine.poll_action() {
                self.set_clock();
                if let Some(input) = self.carry_out(action).await {
                    self.engine.handle(self.now, input);
                }
            }
            if self.done.is_some() {
                return;
            }
            let wake = self.engine.poll_timeout().map(|(at, _)| at.saturating_duration_since(self.now.mono));
            let end = self.calls.peek().map(|Reverse((at, _))| at.duration_since(self.now.wall));
            let end = end.map(|after| Duration::try_from(after).unwrap_or_default());
            let after = [wake, end].into_iter().flatten().min().expect("an engine renews its lease");
            self.now = self.now.after(after.max(Duration::from_micros(10)));
            self.set_clock();
            if self.now.wall >= until {
                return;
            }
            while let Some(&Reverse((at, attempt))) = self.calls.peek()
                && at <= self.now.wall
            {
                self.calls.pop();
                self.end(attempt).await;
            }
            self.engine.handle(self.now, Input::Tick);
        }
    }

    /// The database shows the virtual time, however long everything takes.
    fn set_clock(&mut self) {
        let wanted = self.now.wall.as_microsecond() - callwright::time::now().wall.as_microsecond();
        self.world.db.shift_clock(wanted - self.shift);
        self.shift = wanted;
    }

    async fn carry_out(&mut self, action: Action) -> Option<Input> {
        Some(match action {
            Action::Load => Input::Campaigns(self.load().await),
            Action::Promote { campaign, limit } => {
                let promoted = self.dialing.promote(campaign, limit).await.expect("a promotion");
                let (next_due, open) = (promoted.next_due, promoted.open);
                let promoted = u32::try_from(promoted.ready).expect("few");
                Input::Promoted { campaign, promoted, next_due, open }
            }
            Action::Hurry { campaign, limit } => {
                let hurried = self.dialing.hurry(campaign, limit).await.expect("a look");
                let promoted = u32::try_from(hurried.ready).expect("few");
                Input::Hurried { campaign, promoted, next: hurried.next }
            }
            Action::Claim { campaign, headroom, .. } => self.claim(campaign, headroom).await,
            Action::Commit { attempt, .. } => {
                let leg = LegId::generate();
                let invite = serde_json::json!({ "uri": "sip:+49@example.net" });
                let request = DialRequest { attempt, node: self.node, leg, invite };
                let may_send = self.dialing.commit_dial(request).await.expect("a commit").is_ok();
                if may_send {
                    self.legs.insert(attempt, leg);
                }
                Input::Committed { attempt, may_send }
            }
            Action::Unsend { attempt } => {
                self.dialing.release(attempt, &self.node).await.expect("given back");
                Input::Unsent { attempt }
            }
            Action::Place { attempt, .. } => {
                let claimed = &self.claimed[&attempt];
                let digits = claimed.to.expose().as_str().trim_start_matches('+').parse::<u64>().expect("digits");
                let course = (self.draw)(digits * 100 + u64::from(claimed.dial_no));
                let lasts = course.rings + course.talks.unwrap_or_default();
                self.dials.push(self.now.wall);
                self.calls.push(Reverse((self.now.wall + lasts, attempt)));
                self.courses.insert(attempt, course);
                return None;
            }
            Action::Expire { campaign } => {
                while self.dialing.expire_waiting(campaign).await.expect("an end") > 0 {}
                Input::Expired(campaign)
            }
            Action::Complete { campaign } => {
                let done = self.dialing.complete_if_done(campaign).await.expect("a look");
                self.done = done.then_some(self.now.wall).or(self.done);
                Input::Completed(campaign, done)
            }
            Action::RenewLease => {
                self.node = self.dialing.renew(&self.node).await.expect("a lease that lasts");
                Input::LeaseRenewed { held: true }
            }
            Action::Reap => Input::Reaped,
        })
    }

    async fn load(&self) -> Vec<CampaignInfo> {
        let mut tx = self.world.db.read().await.expect("a transaction");
        let campaigns = campaign::in_progress(&mut tx).await.expect("campaigns");
        let info = |campaign: campaign::Campaign| CampaignInfo {
            campaign: campaign.id,
            org: campaign.org,
            trunks: vec![campaign.data.trunk],
            weight: campaign.data.settings.max_concurrent_calls,
            period_end: None,
        };
        campaigns.into_iter().map(info).collect()
    }

    async fn claim(&mut self, campaign: CampaignId, headroom: Duration) -> Input {
        let picked = self.dialing.claim(&ClaimRequest { node: self.node, campaign, headroom }).await.expect("a claim");
        let deferred = picked.turned_away.iter().filter_map(|(_, fate)| match fate {
            TurnedAway::Deferred(at, _) => Some(*at),
            TurnedAway::Blocked(_) | TurnedAway::Expired | TurnedAway::CallbackMissed => None,
        });
        let next_due = deferred.min();
        let result = match picked.result {
            Ok(claimed) => {
                let Claimed { attempt, send_at, send_by, .. } = *claimed;
                self.claimed.insert(attempt, *claimed);
                ClaimResult::Dial(ClaimedDial { attempt, send_at, send_by })
            }
            Err(Refused::Limited(limited)) => ClaimResult::Limited(limited),
            Err(Refused::Stopped) => ClaimResult::Stopped,
            Err(Refused::Empty) => ClaimResult::Empty,
            Err(Refused::Again) => ClaimResult::TurnedAway,
        };
        Input::Claimed { campaign, result, next_due }
    }

    async fn end(&mut self, attempt: AttemptId) {
        let course = self.courses.remove(&attempt).expect("a call");
        let (claimed, leg) = (self.claimed.remove(&attempt).expect("a claim"), self.legs.remove(&attempt));
        self.set_clock();
        if let Some(talks) = course.talks.filter(|_| self.answers) {
            // Written now, with the time that it was.
            let leg = leg.expect("a dial");
            let progress = Progress { attempt, node: self.node, leg, step: Step::Answered, dialog: None };
            self.world.db.shift_clock(-i64::try_from(talks.as_micros()).expect("short"));
            self.dialing.progress(&progress).await.expect("an answer");
            self.world.db.shift_clock(i64::try_from(talks.as_micros()).expect("short"));
        }
        let mailbox = course.reason == DisconnectionReason::VoicemailReached;
        let answered_by = course.talks.map(|_| if mailbox { AnsweredBy::Voicemail } else { AnsweredBy::Human });
        let end = AttemptEnd {
            attempt,
            node: self.node,
            reason: course.reason,
            sip_code: None,
            q850: None,
            retry_after: None,
            ended_by: callwright::campaign::states::EndedBy::Carrier,
            answered_by,
            immediate: false,
            technical: false,
            talked: course.talks,
            callback_at: None,
        };
        let settled = self.dialing.end_attempt(&end, None).await.expect("an end");
        let next_at = settled.and_then(|settled| settled.next_at);
        self.engine.handle(self.now, Input::Ended { attempt, next_at, back_off: None });
        self.engine.handle(self.now, Input::Notice(Notice::Room));
        self.engine.handle(self.now, Input::Notice(Notice::Targets(claimed.campaign)));
    }
}
