//! The dialer's shell: carries out what the [engine](super::engine) asks for and tells it what came of it.
//!
//! Every action runs in a task of its own and reports with one input over a bounded channel; a report waits when the
//! channel is full, none is dropped. The engine sees the database's time: its wall clock is ours plus the offset last
//! measured.

mod clock;
mod dial;
mod failover;
mod inbound;
mod providers;
mod recovery;
mod redirect;
mod transfers;
mod trunks;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::clock::DatabaseClock;
use self::dial::Dial;
use self::inbound::Doorkeeper;
use self::providers::Assistants;
use self::transfers::Desk;
use self::trunks::Trunks;
use super::calling_hours::CallingHours;
use super::engine::{Action, CampaignInfo, ClaimResult, ClaimedDial, Config, Engine, Input, Notice};
use super::pacing::{Limited, Scope};
use super::status::{DialerStatus, Held};
use crate::call::providers::Providers;
use crate::call::registry::Calls;
use crate::id::{AttemptId, CallId, CampaignId, LegId, NodeId};
use crate::shutdown::Shutdown;
use crate::store::dialing::{ClaimRequest, Claimed, Dialing, Node, Refused, TurnedAway};
use crate::store::org::PhoneKey;
use crate::store::{Db, StoreError, Wake, campaign, trunk};
use crate::time;
use crate::trunk::route::Router;

/// Reports that may wait for the engine.
const REPORTS: usize = 1024;
/// How long dialing pauses when this node has no room for a call: what is short comes back as calls end.
const NO_ROOM: Duration = Duration::from_secs(1);

/// What a dialer needs.
#[derive(Clone)]
pub struct Parts {
    /// The database.
    pub db: Db,
    /// Places calls, ends orphans.
    pub calls: Calls,
    /// Finds carriers.
    pub router: Router,
    /// Knows who serves calls, and how they are doing.
    pub providers: Arc<dyn Providers>,
    /// Where it is written why nothing is dialed.
    pub status: DialerStatus,
    /// The secret from which the names of legs derive.
    pub secret: [u8; 32],
    /// What numbers are compared by.
    pub phones: PhoneKey,
    /// Length of leases.
    pub lease: Duration,
    /// This process.
    pub node: NodeId,
    /// The nodes that ran here before and provably run no more: what they left behind is taken over at once.
    pub predecessors: Vec<NodeId>,
}

/// A dialer at work.
#[derive(Debug)]
pub struct Dialer {
    /// Ends after a drain, when its last call is over and written.
    pub task: JoinHandle<()>,
}

/// Enters this process as a node, takes over what a dead one left behind, and dials until `shutdown` says otherwise.
///
/// # Errors
/// When the database fails.
pub async fn start(parts: Parts, shutdown: Shutdown) -> Result<Dialer, StoreError> {
    let dialing = Dialing::new(&parts.db, parts.lease);
    let node = dialing.register(parts.node).await?;
    recovery::at_start(&dialing, &node, &parts.predecessors).await?;
    let clock = DatabaseClock::measure(&parts.db).await?;
    let (reports, inbox) = mpsc::channel(REPORTS);
    let trunks = Trunks::new(parts.db.clone(), parts.router.clone());
    let assistants = Assistants::new(parts.db.clone(), Arc::clone(&parts.providers));
    let shared = Arc::new(Shared {
        parts,
        dialing,
        clock,
        node: Mutex::new(node),
        trunks,
        assistants,
        claimed: Mutex::new(BTreeMap::new()),
        ending: Mutex::new(BTreeSet::new()),
        second_legs: Mutex::new(BTreeMap::new()),
        came_in: Mutex::new(BTreeMap::new()),
        versions: Mutex::new(BTreeMap::new()),
        stop: shutdown.stop.clone(),
    });
    shared.end_orphans().await;
    shared.parts.calls.set_desk(Arc::new(Desk(Arc::clone(&shared))));
    shared.parts.calls.set_door(Arc::new(Doorkeeper(Arc::clone(&shared))));
    let config = Config { lease: shared.parts.lease, ..Config::default() };
    let engine = Engine::new(shared.clock.now(), config);
    let driver = Driver { engine, shared, reports, inbox, tasks: TaskTracker::new(), shutdown };
    Ok(Dialer { task: tokio::spawn(driver.run()) })
}

/// What the tasks of actions share.
struct Shared {
    parts: Parts,
    dialing: Dialing,
    clock: DatabaseClock,
    node: Mutex<Node>,
    trunks: Trunks,
    assistants: Assistants,
    /// Attempts between claim and end.
    claimed: Mutex<BTreeMap<AttemptId, Dial>>,
    /// Orphan legs that are being ended.
    ending: Mutex<BTreeSet<LegId>>,
    /// Second legs of transfers that are not over.
    second_legs: Mutex<BTreeMap<LegId, transfers::Dialed>>,
    /// Calls that came in and are not over.
    came_in: Mutex<BTreeMap<CallId, inbound::CameIn>>,
    versions: Mutex<dial::Versions>,
    stop: CancellationToken,
}

/// The engine and its mailbox.
struct Driver {
    engine: Engine,
    shared: Arc<Shared>,
    reports: mpsc::Sender<Input>,
    inbox: mpsc::Receiver<Input>,
    tasks: TaskTracker,
    shutdown: Shutdown,
}

impl Driver {
    async fn run(mut self) {
        let wakeups = tokio::spawn(listen(Arc::clone(&self.shared), self.reports.clone()));
        let mut draining = false;
        loop {
            while let Some(action) = self.engine.poll_action() {
                let (shared, reports) = (Arc::clone(&self.shared), self.reports.clone());
                self.tasks.spawn(async move { shared.carry_out(action, &reports).await });
            }
            if draining && self.engine.is_drained() {
                break;
            }
            let wake = self.engine.poll_timeout();
            tokio::select! {
                Some(input) = self.inbox.recv() => self.engine.handle(self.shared.clock.now(), input),
                () = sleep_until(wake.map(|(at, _)| at)) => {
                    tracing::trace!(why = ?wake.map(|(_, why)| why), "dialer wakes up");
                    self.engine.handle(self.shared.clock.now(), Input::Tick);
                }
                () = self.shutdown.drain.cancelled(), if !draining => {
                    draining = true;
                    self.engine.handle(self.shared.clock.now(), Input::Stop);
                }
                () = self.shutdown.stop.cancelled() => break,
            }
        }
        wakeups.abort();
        self.tasks.close();
        self.tasks.wait().await;
        let node = self.shared.node();
        if let Err(error) = self.shared.dialing.resign(&node).await {
            tracing::warn!(%error, "the node's lease was not given back; it runs out by itself");
        }
    }
}

impl Shared {
    /// Carries out one action and reports it; a report nobody takes any more is no loss.
    /// A panic on the way is a failure like others: without a report the engine would wait for it for ever.
    async fn carry_out(self: Arc<Self>, action: Action, reports: &mpsc::Sender<Input>) {
        let input = match AssertUnwindSafe(self.done(action, reports)).catch_unwind().await {
            Ok(Ok(input)) => input,
            Ok(Err(error)) => {
                tracing::warn!(?action, %error, "the store could not do what the dialer asked for");
                Input::StoreFailed(action)
            }
            Err(_) => {
                tracing::error!(?action, "what the dialer asked for ended in a panic");
                Input::StoreFailed(action)
            }
        };
        drop(reports.send(input).await);
    }

    async fn done(self: &Arc<Self>, action: Action, reports: &mpsc::Sender<Input>) -> Result<Input, StoreError> {
        match action {
            Action::Load => self.load().await,
            Action::Promote { campaign, limit } => self.promote(campaign, limit).await,
            Action::Hurry { campaign, limit } => self.hurry(campaign, limit).await,
            Action::Claim { campaign, headroom, most } => self.claim(campaign, headroom, most, reports).await,
            Action::Commit { attempt, .. } => self.commit(attempt).await,
            Action::Place { attempt, send_before } => Ok(self.place(attempt, send_before).await),
            Action::Unsend { attempt } => self.unsend(attempt).await,
            Action::Expire { campaign } => self.expire(campaign).await,
            Action::Complete { campaign } => {
                let done = self.dialing.complete_if_done(campaign).await;
                done.map(|done| Input::Completed(campaign, done))
            }
            Action::RenewLease => self.renew().await,
            Action::Reap => self.reap().await,
        }
    }

    fn node(&self) -> Node {
        *self.node.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn load(&self) -> Result<Input, StoreError> {
        let mut tx = self.parts.db.read().await?;
        let mut infos = Vec::new();
        for campaign in campaign::in_progress(&mut tx).await? {
            let mut trunks = vec![campaign.data.trunk];
            trunks.extend(trunk::fallbacks(&mut tx, campaign.id).await?);
            infos.push(CampaignInfo {
                campaign: campaign.id,
                org: campaign.org,
                trunks,
                weight: campaign.data.settings.max_concurrent_calls,
                period_end: CallingHours::new(&campaign.data.schedule, campaign.data.settings.tz_mode)
                    .ok()
                    .and_then(|hours| hours.period_end()),
            });
        }
        self.trunks.refresh();
        self.assistants.refresh();
        Ok(Input::Campaigns(infos))
    }

    async fn promote(&self, campaign: CampaignId, limit: u32) -> Result<Input, StoreError> {
        let promoted = self.dialing.promote(campaign, limit).await?;
        Ok(Input::Promoted {
            campaign,
            promoted: u32::try_from(promoted.ready).unwrap_or(u32::MAX),
            next_due: promoted.next_due,
            open: promoted.open,
        })
    }

    async fn hurry(&self, campaign: CampaignId, limit: u32) -> Result<Input, StoreError> {
        let hurried = self.dialing.hurry(campaign, limit).await?;
        let promoted = u32::try_from(hurried.ready).unwrap_or(u32::MAX);
        Ok(Input::Hurried { campaign, promoted, next: hurried.next })
    }

    async fn claim(
        &self,
        campaign: CampaignId,
        headroom: Duration,
        most: u32,
        reports: &mpsc::Sender<Input>,
    ) -> Result<Input, StoreError> {
        let room = match self.room(campaign).await? {
            Ok(room) => most.min(u32::try_from(room).unwrap_or(u32::MAX)),
            Err(held) => {
                let limited = Limited { scope: held.scope, until: held.until };
                self.parts.status.held(campaign, held);
                return Ok(Input::Claimed { campaign, result: ClaimResult::Limited(limited), next_due: None });
            }
        };
        let request = ClaimRequest { node: self.node(), campaign, headroom };
        let (more, picked) = self.dialing.claim_several(&request, room).await?;
        for claimed in more {
            let dial = self.note(claimed);
            // Nobody takes it: the dialer has ended, and the attempt goes back when its lease runs out.
            drop(reports.send(Input::Further { campaign, dial }).await);
        }
        let deferred = picked.turned_away.iter().filter_map(|(_, fate)| match fate {
            TurnedAway::Deferred(at, _) => Some(*at),
            TurnedAway::Blocked(_) | TurnedAway::Expired | TurnedAway::CallbackMissed => None,
        });
        let next_due = deferred.min();
        self.parts.status.after(campaign, &picked);
        let result = match picked.result {
            Ok(claimed) => ClaimResult::Dial(self.note(*claimed)),
            Err(Refused::Limited(limited)) => ClaimResult::Limited(limited),
            Err(Refused::Stopped) => ClaimResult::Stopped,
            Err(Refused::Empty) => ClaimResult::Empty,
            Err(Refused::Again) => ClaimResult::TurnedAway,
        };
        Ok(Input::Claimed { campaign, result, next_due })
    }

    /// Every dial holds a place for its call, and vendors that serve it, before it is claimed: nobody who answers meets
    /// an agent that cannot hear or speak. For how many dials there are places, or what is in the way.
    async fn room(&self, campaign: CampaignId) -> Result<Result<usize, Held>, StoreError> {
        let now = time::now().mono;
        let on_the_way = self.dials().values().filter(|dial| !dial.is_placed()).count();
        let places = self.parts.calls.capacity().saturating_sub(self.parts.calls.len() + on_the_way);
        if places == 0 {
            let until = Some(self.clock.wall(now + NO_ROOM));
            return Ok(Err(Held::by(Limited { scope: Scope::Node, until })));
        }
        Ok(match self.assistants.room(campaign, on_the_way, now).await? {
            Ok(room) => Ok(places.min(room)),
            Err((why, until)) => Err(Held::by_vendors(&why, self.clock.wall(until))),
        })
    }

    fn note(&self, claimed: Claimed) -> ClaimedDial {
        let ClaimedDial { attempt, send_at, send_by } =
            ClaimedDial { attempt: claimed.attempt, send_at: claimed.send_at, send_by: claimed.send_by };
        self.dials().insert(attempt, Dial::new(claimed));
        ClaimedDial { attempt, send_at, send_by }
    }

    /// Ends the calls of a campaign that this node has: CANCEL while they ring, BYE after the answer.
    fn hang_up(&self, campaign: CampaignId) {
        let attempts: BTreeSet<_> = {
            let dials = self.dials();
            dials.iter().filter(|(_, dial)| dial.campaign() == campaign).map(|(attempt, _)| *attempt).collect()
        };
        for call in self.parts.calls.list() {
            let meant = call.attempt.is_some_and(|(attempt, _)| attempts.contains(&attempt));
            if meant && !self.parts.calls.hang_up(call.call) {
                tracing::warn!(call = %call.call, "a call could not be told to end");
            }
        }
    }

    fn dials(&self) -> std::sync::MutexGuard<'_, BTreeMap<AttemptId, Dial>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn expire(&self, campaign: CampaignId) -> Result<Input, StoreError> {
        while self.dialing.expire_waiting(campaign).await? > 0 {}
        Ok(Input::Expired(campaign))
    }

    /// Renews the lease. When it has run out its attempts may have been given away: this process goes on in a new epoch.
    async fn renew(&self) -> Result<Input, StoreError> {
        let held = match self.dialing.renew(&self.node()).await {
            Ok(node) => {
                self.set_node(node);
                true
            }
            Err(StoreError::Stale) => {
                tracing::error!("the node's lease has run out; dialing goes on in a new epoch");
                let node = self.dialing.register(self.parts.node).await?;
                self.set_node(node);
                self.count_all_again();
                false
            }
            Err(error) => return Err(error),
        };
        self.clock.adjust(&self.parts.db).await?;
        self.count_uncounted().await;
        Ok(Input::LeaseRenewed { held })
    }

    fn set_node(&self, node: Node) {
        *self.node.lock().unwrap_or_else(PoisonError::into_inner) = node;
    }
}

/// Passes wake-ups on as notices until the dialer ends.
async fn listen(shared: Arc<Shared>, reports: mpsc::Sender<Input>) {
    let mut wakeups = shared.parts.db.wakeups();
    loop {
        let notice = match wakeups.next().await {
            Wake::Campaigns | Wake::Everything => Notice::Campaigns,
            Wake::Targets(campaign) => Notice::Targets(campaign),
            Wake::Halt(campaign) => Notice::Halt(campaign),
            Wake::HangUp(campaign) => {
                shared.hang_up(campaign);
                continue;
            }
            Wake::Room => Notice::Room,
            Wake::Providers => Notice::Campaigns,
            Wake::Knowledge => continue,
        };
        if reports.send(Input::Notice(notice)).await.is_err() {
            return;
        }
    }
}

async fn sleep_until(at: Option<std::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
