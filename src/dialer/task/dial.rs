//! One dial: put on disk, placed, followed to its end, written down.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use callwright_sip::endpoint::DialogSnapshot;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc;

use super::failover::Tour;
use super::trunks::{NoRoute, Ways};
use super::{NO_ROOM, Shared};
use crate::agent::assistant::{AssistantVersion, Disclosure};
use crate::agent::manners::disclosure::stricter;
use crate::app::records::record;
use crate::call::facts;
use crate::call::place::{AttemptEvent, CallPlacer, CallReport, NotPlaced, PlaceCall};
use crate::campaign::disclosure::demands_nothing;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::states::EndedBy;
use crate::dialer::breaker::is_failure;
use crate::dialer::engine::Input;
use crate::id::{AssistantVersionId, AttemptId, CallId, CampaignId, LegId};
use crate::pii::Pii;
use crate::store::call::Direction;
use crate::store::dialing::{AttemptEnd, Claimed, DialRequest, Node, Progress, Report, Step};
use crate::store::{StoreError, assistant};
use crate::time::{self, Boot, Latest};
use crate::trunk::plan::{InvitePlan, TrunkRoute, dialog_to_json};

/// Pause before the end of a call is written again; doubles up to [`LONGEST_RETRY`].
const RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(15);
/// Versions of assistants that are kept in memory.
const VERSIONS: usize = 256;

/// Versions of assistants by id; a version never changes.
pub(super) type Versions = BTreeMap<AssistantVersionId, Arc<AssistantVersion>>;

/// A dial between its claim and its end.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    claimed: Claimed,
    /// Set once the leg is on disk.
    leg: Option<Leg>,
    /// Its call has been asked for.
    placed: bool,
}

/// A leg that is on disk and may be sent.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub(super) leg: LegId,
    pub(super) route: TrunkRoute,
    /// Further servers of its trunk.
    pub(super) others: VecDeque<TrunkRoute>,
    /// When its INVITE leaves, on the database's clock.
    pub(super) sent_at: Timestamp,
    /// It tries whether its trunk is back.
    pub(super) trial: bool,
    /// When its transaction began.
    pub(super) began: Boot,
    /// Its INVITE leaves before this or not at all.
    pub(super) send_before: Instant,
}

/// What became of a leg.
enum Followed {
    /// Nothing of it was sent.
    NotPlaced(NotPlaced),
    /// It is over.
    Over(Box<CallReport>),
    /// Its task has died without a word.
    Lost,
}

impl Dial {
    pub(super) const fn new(claimed: Claimed) -> Self {
        Self { claimed, leg: None, placed: false }
    }

    pub(super) const fn campaign(&self) -> CampaignId {
        self.claimed.campaign
    }

    pub(super) const fn is_placed(&self) -> bool {
        self.placed
    }
}

impl Shared {
    /// The dial's own transaction: the attempt is DIALING and its leg on disk, or it is NOT_PLACED.
    pub(super) async fn commit(&self, attempt: AttemptId) -> Result<Input, StoreError> {
        let refused = Input::Committed { attempt, may_send: false };
        let began = time::boot();
        let Some(dial) = self.dials().get(&attempt).cloned() else { return Ok(refused) };
        let Claimed { org, trunk, .. } = dial.claimed;
        let Ways { first: route, rest: others } = match self.trunks.ways(org, trunk).await? {
            Ok(ways) => ways,
            Err(why @ (NoRoute::Gone | NoRoute::Unreachable(_))) => {
                tracing::warn!(%trunk, %why, "a dial is given back");
                self.dialing.release(attempt, &self.node()).await?;
                self.forget_unsent(attempt).await;
                return Ok(refused);
            }
        };
        let leg = LegId::generate();
        let plan = InvitePlan::new(&route, dial.claimed.to.expose(), Some(&dial.claimed.caller_id));
        let invite: Value = serde_json::from_str(&plan.to_json()).expect("a plan is JSON");
        let request = DialRequest { attempt, node: self.node(), leg, invite };
        match self.dialing.commit_dial(request).await? {
            Ok(()) => {
                if let Some(dial) = self.dials().get_mut(&attempt) {
                    let Claimed { send_at: sent_at, trial, .. } = dial.claimed;
                    let send_before = time::now().mono;
                    dial.leg = Some(Leg { leg, route, others, sent_at, trial, began, send_before });
                }
                Ok(Input::Committed { attempt, may_send: true })
            }
            Err(refusal) => {
                tracing::debug!(%attempt, ?refusal, "a dial was refused");
                self.forget_unsent(attempt).await;
                Ok(refused)
            }
        }
    }

    /// Gives back a dial of which nothing was sent.
    pub(super) async fn unsend(&self, attempt: AttemptId) -> Result<Input, StoreError> {
        match self.dialing.release(attempt, &self.node()).await {
            Ok(()) | Err(StoreError::Stale | StoreError::NotFound) => {}
            Err(error) => return Err(error),
        }
        self.forget_unsent(attempt).await;
        Ok(Input::Unsent { attempt })
    }

    /// Sends the INVITE and follows the call to its end, over further trunks where the first gives it up.
    pub(super) async fn place(&self, attempt: AttemptId, send_before: Instant) -> Input {
        let over = Input::Ended { attempt, next_at: None, back_off: None };
        let Some(dial) = self.dials().get(&attempt).cloned() else { return over };
        let Some(leg) = dial.leg else { return over };
        let node = self.node();
        let ended = self.tour(&dial.claimed, node, Leg { send_before, ..leg }).await;
        drop(self.forget(attempt));
        ended.unwrap_or(over)
    }

    /// Goes from trunk to trunk. None when nothing is known of the end.
    async fn tour(&self, claimed: &Claimed, node: Node, mut leg: Leg) -> Option<Input> {
        let mut tour = Tour::new(claimed);
        // The end of the leg before: it stands when the next one is not sent.
        let mut before = None;
        loop {
            let followed = match self.order(claimed, &leg).await {
                Ok(order) => {
                    let events = self.parts.calls.place(order);
                    if let Some(dial) = self.dials().get_mut(&claimed.attempt) {
                        dial.placed = true;
                    }
                    self.follow(claimed, &leg, node, events).await
                }
                Err(error) => {
                    tracing::warn!(attempt = %claimed.attempt, %error, "a dial is given back");
                    Followed::NotPlaced(NotPlaced::Stopping)
                }
            };
            match (followed, before.take()) {
                (Followed::Lost, _) => return None,
                (Followed::NotPlaced(why), before) => {
                    if leg.trial {
                        self.give_way(leg.route.trunk, &claimed.attempt.to_string()).await;
                    }
                    return Some(match before {
                        Some(report) => self.ended(claimed, node, report).await,
                        None => self.not_placed(claimed, &node, &why).await,
                    });
                }
                (Followed::Over(report), _) => {
                    let outcome = &report.outcome;
                    let failed = (leg.leg, outcome.sip_code);
                    self.trunks.learn(&leg.route.flow, outcome);
                    let mut next = self.other_server(claimed, &node, failed, &mut leg, outcome).await;
                    if next.is_none() {
                        self.learn(leg.route.trunk, distinct(&claimed.to), leg.sent_at, outcome).await;
                        if tour.goes_on(outcome) {
                            next = self.next_leg(claimed, &node, failed, &mut tour).await;
                        }
                    }
                    match next {
                        Some(next) => (leg, before) = (next, Some(*report)),
                        None => return Some(self.ended(claimed, node, *report).await),
                    }
                }
            }
        }
    }

    async fn order(&self, claimed: &Claimed, leg: &Leg) -> Result<PlaceCall, StoreError> {
        let Leg { leg, route, began, send_before, .. } = leg;
        let variables = claimed.variables.expose().iter().map(|(name, value)| (name.clone(), Pii::new(value.clone())));
        let mut variables: BTreeMap<_, _> = variables.collect();
        if !claimed.name.expose().is_empty() {
            variables.entry("name".to_owned()).or_insert_with(|| claimed.name.clone());
        }
        let assistant = bound(self.version(claimed.assistant_version).await?, &claimed.disclosure);
        let zone = facts::zone(claimed.zone.as_deref(), Some(claimed.to.expose()));
        facts::add(&mut variables, time::now().wall, zone, &assistant.definition.language);
        Ok(PlaceCall {
            call: CallId::generate(),
            org: claimed.org,
            attempt: claimed.attempt,
            leg: *leg,
            target: claimed.target,
            trunk: route.trunk,
            to: claimed.to.clone(),
            from: Some(Pii::new(claimed.caller_id.clone())),
            invite: InvitePlan::new(route, claimed.to.expose(), Some(&claimed.caller_id)),
            credentials: route.credentials.clone(),
            evidence: self.trunks.evidence(route.trunk),
            assistant,
            variables,
            ring_timeout: Duration::from_secs(claimed.ring_timeout_s.into()),
            max_duration: Duration::from_secs(claimed.max_call_duration_s.into()),
            early_hangup: Duration::from_secs(claimed.early_hangup_s.into()),
            send_before: Latest { mono: *send_before, boot: began.after(self.parts.lease / 3) },
        })
    }

    async fn version(&self, id: AssistantVersionId) -> Result<Arc<AssistantVersion>, StoreError> {
        let known = self.versions.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(version) = known {
            return Ok(version);
        }
        let mut tx = self.parts.db.read().await?;
        let version = Arc::new(assistant::version(&mut tx, id).await?);
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if versions.len() >= VERSIONS {
            versions.clear();
        }
        versions.insert(id, Arc::clone(&version));
        Ok(version)
    }

    async fn follow(
        &self,
        claimed: &Claimed,
        leg: &Leg,
        node: Node,
        mut events: mpsc::Receiver<AttemptEvent>,
    ) -> Followed {
        let attempt = claimed.attempt;
        let mut trial = leg.trial;
        while let Some(event) = events.recv().await {
            let (step, dialog) = match event {
                AttemptEvent::Redirected { to, reply } => {
                    let flow = self.redirect(claimed, leg, node, to.expose()).await;
                    let _ = reply.send(flow);
                    continue;
                }
                AttemptEvent::Ringing { dialog, .. } => (Step::Ringing, dialog),
                AttemptEvent::Answered { dialog, .. } => (Step::Answered, dialog),
                AttemptEvent::InConversation { .. } => (Step::InConversation, None),
                AttemptEvent::NotPlaced(why) => return Followed::NotPlaced(why),
                AttemptEvent::Ended(report) => return Followed::Over(report),
            };
            self.progress(attempt, node, leg.leg, step, dialog).await;
            if std::mem::take(&mut trial) {
                self.got_through(leg.route.trunk, leg.sent_at).await;
            }
        }
        tracing::error!(%attempt, "a call ended without a report");
        // What left is unknown, and the reaper will say so.
        Followed::Lost
    }

    async fn progress(
        &self,
        attempt: AttemptId,
        node: Node,
        leg: LegId,
        step: Step,
        dialog: Option<Box<DialogSnapshot>>,
    ) {
        let dialog = dialog.map(|dialog| serde_json::from_str(&dialog_to_json(&dialog)).expect("a dialog is JSON"));
        let progress = Progress { attempt, node, leg, step, dialog };
        // The call goes on whatever the database says; its end is written until it is.
        if let Err(error) = self.dialing.progress(&progress).await {
            tracing::warn!(%attempt, %error, "the progress of a call was not written");
        }
    }

    /// Nothing was sent. What can pass by itself is dialed again; what cannot ends the attempt.
    async fn not_placed(&self, claimed: &Claimed, node: &Node, why: &NotPlaced) -> Input {
        let attempt = claimed.attempt;
        tracing::warn!(%attempt, %why, "a call was not placed");
        match why {
            NotPlaced::TooLate | NotPlaced::Full | NotPlaced::Port(_) | NotPlaced::Stopping => {
                self.give_back(attempt, node).await;
                Input::Ended { attempt, next_at: None, back_off: Some(NO_ROOM) }
            }
            NotPlaced::Script(_)
            | NotPlaced::Provider(_)
            | NotPlaced::Listener
            | NotPlaced::Sip(_)
            | NotPlaced::Duplicate => {
                let end = AttemptEnd {
                    attempt,
                    node: *node,
                    reason: DisconnectionReason::DialFailed,
                    sip_code: None,
                    q850: None,
                    retry_after: None,
                    ended_by: EndedBy::System,
                    answered_by: None,
                    immediate: false,
                    technical: true,
                    talked: None,
                    callback_at: None,
                };
                self.write_end(&end, None).await
            }
        }
    }

    async fn give_back(&self, attempt: AttemptId, node: &Node) {
        if let Err(error) = self.dialing.release(attempt, node).await {
            tracing::warn!(%attempt, %error, "a dial that was not sent stays taken until its lease runs out");
        }
    }

    async fn ended(&self, claimed: &Claimed, node: Node, report: CallReport) -> Input {
        let outcome = report.outcome.clone();
        let end = AttemptEnd {
            attempt: claimed.attempt,
            node,
            reason: outcome.reason,
            sip_code: outcome.sip_code,
            q850: outcome.q850,
            retry_after: outcome.retry_after,
            ended_by: outcome.ended_by,
            answered_by: outcome.answered_by,
            immediate: outcome.immediate,
            technical: outcome.technical,
            talked: outcome.answered_at.map(|_| outcome.talk_time()),
            callback_at: None,
        };
        let (mut call, conversation) = record(report, Direction::Outbound);
        call.campaign = Some(claimed.campaign);
        call.target = Some(claimed.target);
        call.contact = Some(claimed.contact);
        self.write_end(&end, Some(&Report { call, conversation })).await
    }

    /// Writes the end of an attempt until the database takes it, or the server stops: then recovery finds it open.
    async fn write_end(&self, end: &AttemptEnd, report: Option<&Report>) -> Input {
        let attempt = end.attempt;
        let mut pause = RETRY;
        let next_at = loop {
            match self.dialing.end_attempt(end, report).await {
                Ok(settled) => {
                    self.judge(attempt, end).await;
                    break settled.and_then(|settled| settled.next_at);
                }
                Err(error @ (StoreError::Stale | StoreError::NotFound)) => {
                    tracing::error!(%attempt, %error, "the end of a call belongs to nobody any more");
                    break None;
                }
                Err(error) => tracing::warn!(%attempt, %error, "the end of a call was not written yet"),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_RETRY),
                () = self.stop.cancelled() => break None,
            }
        };
        Input::Ended { attempt, next_at, back_off: None }
    }

    /// A burst of failures pauses the campaign.
    async fn judge(&self, attempt: AttemptId, end: &AttemptEnd) {
        if !is_failure(end.reason, end.technical) {
            return;
        }
        let Some(campaign) = self.dials().get(&attempt).map(Dial::campaign) else { return };
        match self.dialing.trip_breaker(campaign).await {
            Ok(_) | Err(StoreError::Stale | StoreError::NotFound) => {}
            Err(error) => tracing::warn!(%campaign, %error, "the failure breaker was not asked"),
        }
    }

    fn forget(&self, attempt: AttemptId) -> Option<Dial> {
        self.dials().remove(&attempt)
    }

    /// Forgets a dial of which nothing was sent; if it was to try its trunk, another one may.
    async fn forget_unsent(&self, attempt: AttemptId) {
        if let Some(Dial { claimed: Claimed { trunk, trial: true, .. }, .. }) = self.forget(attempt) {
            self.give_way(trunk, &attempt.to_string()).await;
        }
    }
}

/// The assistant as it speaks in a campaign that demands this to be told first.
fn bound(version: Arc<AssistantVersion>, demanded: &Disclosure) -> Arc<AssistantVersion> {
    if demands_nothing(demanded) {
        return version;
    }
    let mut definition = version.definition.clone();
    definition.disclosure = stricter(demanded, &definition.disclosure);
    Arc::new(AssistantVersion { definition, ..*version })
}

/// Stands for something where distinct ones are counted.
pub(super) fn distinct(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
