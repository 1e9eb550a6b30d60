//! Handing the caller over, carried out: the caller's side of it, and the second leg's.

use std::future::pending;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use callwright_media::bridge::bridge;
use callwright_media::digit::Digit;
use callwright_media::hold;
use callwright_sip::endpoint::{Flow, Refer, ReferEnd, ReferProgress};
use callwright_sip::message::header::NameAddr;
use tokio::task::JoinHandle;

use super::{CallTask, sleep};
use crate::agent::action::Ending;
use crate::agent::assistant::AssistantVersion;
use crate::agent::input::Input;
use crate::agent::transfer::{TransferFailure, TransferManner, TransferNews, TransferOrder};
use crate::call::event::{CallInput, Withdrawal};
use crate::call::outcome::{CallOutcome, Failover};
use crate::call::registry::{Control, Stage};
use crate::call::transfer::briefing;
use crate::call::transfer::came::CameBy;
use crate::call::transfer::desk::{
    LegNote, MOST_WAYS, NotAdmitted, SecondLeg, TransferDesk, TransferDial, Transferred, Tried,
};
use crate::call::transfer::destination::{Resolved, resolve};
use crate::call::transfer::second::{SecondHandle, SecondNews, SecondOrder, SecondSide, failure};
use crate::call::transfer::{
    Handover, ReferNews, TargetEvent, Transfer, TransferAction, TransferConfig, TransferInput,
};
use crate::campaign::transfer::TransferWay;
use crate::id::{LegId, TrunkId};
use crate::net::media_leg::MediaCommand;
use crate::net::media_worker::MediaControl;
use crate::time;
use crate::trunk::hunt::may_go_on;

/// How fast what the agent says dies away when the legs are joined.
const FADE: Duration = Duration::from_millis(15);

type Admitting = JoinHandle<Result<Box<SecondLeg>, NotAdmitted>>;
type Permitting = JoinHandle<Result<(), NotAdmitted>>;

/// A transfer of this call's caller.
pub(super) struct Handing {
    machine: Transfer,
    order: Resolved,
    leg: LegId,
    /// Whether the caller's side may be sent there is being asked.
    permitting: Option<Permitting>,
    /// The second leg is being put on disk.
    admitting: Option<Admitting>,
    /// It is there and waits for its moment.
    admitted: Option<Box<SecondLeg>>,
    second: Option<SecondHandle>,
    media: Option<MediaControl>,
    joined: bool,
    /// By which trunk and server the leg was sent.
    way: Option<(TrunkId, Flow)>,
    /// The ways that have given it up.
    tried: Vec<Tried>,
    /// Why the last of them did.
    given_up: Option<TransferFailure>,
}

/// What may happen to a transfer.
pub(super) enum HandingNews {
    Permitted(Result<(), NotAdmitted>),
    Admitted(Result<Box<SecondLeg>, NotAdmitted>),
    Due,
    Second(Option<SecondNews>),
    Woken,
}

/// The next thing that happens to the transfer, if there is one.
pub(super) async fn next_handing(handing: &mut Option<Handing>) -> HandingNews {
    let Some(Handing { machine, permitting, admitting, admitted, second, .. }) = handing else {
        return pending().await;
    };
    let due = admitted.as_ref().map(|leg| leg.send_at);
    let wake = machine.poll_timeout().map(|(at, _)| at);
    tokio::select! {
        permitted = next_permission(permitting) => HandingNews::Permitted(permitted),
        admitted = next_admission(admitting) => HandingNews::Admitted(admitted),
        news = next_news(second) => HandingNews::Second(news),
        () = sleep(due) => HandingNews::Due,
        () = sleep(wake) => HandingNews::Woken,
    }
}

async fn next_permission(permitting: &mut Option<Permitting>) -> Result<(), NotAdmitted> {
    let Some(task) = permitting else { return pending().await };
    let permitted = task.await.unwrap_or(Err(NotAdmitted::Store));
    *permitting = None;
    permitted
}

async fn next_admission(admitting: &mut Option<Admitting>) -> Result<Box<SecondLeg>, NotAdmitted> {
    let Some(task) = admitting else { return pending().await };
    let admitted = task.await.unwrap_or(Err(NotAdmitted::Store));
    *admitting = None;
    admitted
}

async fn next_news(second: &mut Option<SecondHandle>) -> Option<SecondNews> {
    match second {
        Some(second) => second.news.recv().await,
        None => pending().await,
    }
}

/// The caller's call has gone without a word to this second leg.
pub(super) async fn first_gone(second: &Option<SecondSide>) {
    match second {
        Some(second) => second.news.closed().await,
        None => pending().await,
    }
}

/// Music for all who wait; made once.
fn music() -> Arc<[i16]> {
    static MUSIC: OnceLock<Arc<[i16]>> = OnceLock::new();
    Arc::clone(MUSIC.get_or_init(hold::music))
}

impl CallTask {
    /// The agent wants the caller handed over.
    pub(super) fn begin_transfer(&mut self, order: &TransferOrder) {
        let refused = |why| Input::Transfer(TransferNews::Failed(why));
        if self.handing.is_some() {
            return self.inform(refused(TransferFailure::Broken));
        }
        let order = match resolve(order, &self.context.assistant.definition, &self.context.variables) {
            Ok(order) => order,
            Err(error) => {
                tracing::warn!(call = %self.context.call, %error, "a caller is not handed over");
                return self.inform(refused(TransferFailure::Refused));
            }
        };
        let usual = self.services.clocks.transfer.clone();
        let refer = usual.refer_allowed && self.leg.dialog().is_some();
        let config = TransferConfig { ring: order.ring.unwrap_or(usual.ring), ..usual };
        let machine = Transfer::new(time::now().mono, config, order.manner, refer);
        self.handing = Some(Handing {
            machine,
            order,
            leg: LegId::generate(),
            permitting: None,
            admitting: None,
            admitted: None,
            second: None,
            media: None,
            joined: false,
            way: None,
            tried: Vec::new(),
            given_up: None,
        });
    }

    /// Tells the transfer, if there is one.
    pub(super) fn transfer(&mut self, input: TransferInput) {
        if let Some(handing) = &mut self.handing {
            handing.machine.handle(time::now().mono, input);
        }
    }

    /// Runs the transfer's clock, and gives its next order.
    pub(super) fn next_order(&mut self) -> Option<TransferAction> {
        let handing = self.handing.as_mut()?;
        handing.machine.handle_timeout(time::now().mono);
        handing.machine.poll_action()
    }

    /// Does what the transfer asks for.
    pub(super) async fn hand(&mut self, action: TransferAction) {
        match action {
            TransferAction::Hold(on) => {
                self.order(MediaCommand::Hold(on.then(music))).await;
            }
            TransferAction::Refer => self.ask_to_refer().await,
            TransferAction::Dial => self.admit_second(),
            // Whoever speaks on the second leg begins by itself when it is answered.
            TransferAction::Brief => {}
            TransferAction::Join => self.join().await,
            TransferAction::Part => {
                self.order(MediaCommand::Part).await;
                if let Some(handing) = &mut self.handing {
                    handing.joined = false;
                }
            }
            TransferAction::HangUp => self.drop_second(),
            TransferAction::Tell(handover) => self.note_handover(handover),
            TransferAction::News(news) => self.inform(Input::Transfer(news)),
            TransferAction::Over => {
                self.drop_second();
                self.handing = None;
            }
        }
    }

    /// Something happened to the transfer.
    pub(super) async fn handed(&mut self, news: HandingNews) {
        self.note_second(&news);
        match news {
            // The clock is looked at in any case.
            HandingNews::Woken => {}
            HandingNews::Permitted(Ok(())) => self.refer().await,
            // The way over a leg of ours is refused as well, and says why.
            HandingNews::Permitted(Err(_)) => self.transfer(TransferInput::Refer(ReferNews::Refused)),
            HandingNews::Admitted(Ok(leg)) => {
                if let Some(handing) = &mut self.handing {
                    handing.admitted = Some(leg);
                }
            }
            HandingNews::Admitted(Err(why)) => {
                tracing::info!(call = %self.context.call, %why, "a caller is not handed over");
                if let Some(failure) = self.handing.as_ref().and_then(|handing| handing.given_up) {
                    return self.transfer(TransferInput::Target(TargetEvent::Failed(failure)));
                }
                self.transfer(TransferInput::NotPlaced(match why {
                    NotAdmitted::Blocked | NotAdmitted::Unreachable => TransferFailure::Refused,
                    NotAdmitted::NoRoom | NotAdmitted::Store => TransferFailure::Broken,
                }));
            }
            HandingNews::Due => self.dial_second(),
            HandingNews::Second(news) => self.heard_of_second(news).await,
        }
    }

    fn note_second(&mut self, news: &HandingNews) {
        let what = match news {
            HandingNews::Woken | HandingNews::Permitted(_) | HandingNews::Second(Some(SecondNews::Media(_))) => return,
            HandingNews::Admitted(Ok(_)) => "is on disk".to_owned(),
            HandingNews::Admitted(Err(why)) => format!("is not dialed: {why}"),
            HandingNews::Due => "is dialed".to_owned(),
            HandingNews::Second(news) => format!("says: {news:?}"),
        };
        self.conversation.note(time::now().mono, || format!("the second leg {what}"));
    }

    /// Has it found out whether the caller's side may be sent there: what it dials is dialed on our account.
    async fn ask_to_refer(&mut self) {
        let Some(handing) = &self.handing else { return };
        match self.calls.desk().zip(self.transfer_dial(handing)) {
            Some((desk, dial)) => {
                let asked = tokio::spawn(desk.permits(&dial));
                if let Some(handing) = &mut self.handing {
                    handing.permitting = Some(asked);
                }
            }
            None => self.refer().await,
        }
    }

    async fn refer(&mut self) {
        let (Some(session), Some(handing), Some(dialog)) = (self.session, &self.handing, self.leg.dialog()) else {
            return self.transfer(TransferInput::Refer(ReferNews::Refused));
        };
        let by = NameAddr::parse(dialog.local_uri.as_bytes()).ok();
        let sent = match handing.order.to.refer_to(dialog) {
            Some(to) => self.services.sip.refer(session, Refer { to, by }).await.is_ok(),
            None => false,
        };
        if !sent {
            self.transfer(TransferInput::Refer(ReferNews::Refused));
        }
    }

    /// How a REFER of ours goes.
    pub(super) fn referred(&mut self, progress: &ReferProgress) {
        self.transfer(TransferInput::Refer(match progress {
            ReferProgress::Accepted => ReferNews::Accepted,
            ReferProgress::Ended(ReferEnd::Result { status }) => ReferNews::Result(status.code()),
            ReferProgress::Ended(ReferEnd::Refused { .. } | ReferEnd::Unanswered) => ReferNews::Refused,
            ReferProgress::Ended(ReferEnd::Unwatched | ReferEnd::Silent) => ReferNews::Silent,
            // The end of the leg, which follows, says all that is to be said.
            ReferProgress::Trying { .. } | ReferProgress::Ended(ReferEnd::SessionOver) => return,
        }));
    }

    /// Has the second leg put on disk. That goes on when the transfer is called off meanwhile: see `drop_second`.
    fn admit_second(&mut self) {
        let Some(handing) = &self.handing else { return };
        let Some((desk, dial)) = self.calls.desk().zip(self.transfer_dial(handing)) else {
            return self.transfer(TransferInput::NotPlaced(TransferFailure::Broken));
        };
        let asked = tokio::spawn(desk.admit(dial));
        if let Some(handing) = &mut self.handing {
            handing.admitting = Some(asked);
        }
    }

    /// The dial of a second leg; none without a trunk it could go over.
    fn transfer_dial(&self, handing: &Handing) -> Option<TransferDial> {
        Some(TransferDial {
            leg: handing.leg,
            org: self.context.org,
            trunk: self.context.trunk?,
            attempt: self.context.attempt.map(|(attempt, _)| attempt),
            from: self.context.ours.clone(),
            came: self.came.clone(),
            to: handing.order.to.clone(),
            ring: handing.order.ring.unwrap_or(self.services.clocks.transfer.ring),
            longest: self.services.clocks.transferred,
            tried: handing.tried.clone(),
        })
    }

    /// A leg that was given up before anybody was rung goes on by another way, for the reasons for which a dial does. For the
    /// transfer it is the same leg: its clocks go on.
    fn tries_again(&mut self, outcome: &CallOutcome) -> bool {
        let Some(handing) = &mut self.handing else { return false };
        let Some((trunk, flow)) = handing.way.take() else { return false };
        if outcome.failover != Failover::Allowed || handing.tried.len() + 1 >= MOST_WAYS {
            return false;
        }
        handing.tried.push(Tried { trunk, flow, whole_trunk: !may_go_on(outcome) });
        handing.given_up = Some(failure(outcome));
        handing.leg = LegId::generate();
        handing.media = None;
        self.admit_second();
        true
    }

    /// The moment of the second INVITE has come.
    fn dial_second(&mut self) {
        let Some(handing) = &mut self.handing else { return };
        let Some(leg) = handing.admitted.take() else { return };
        handing.way = Some((leg.trunk, leg.invite.flow));
        let again = handing.given_up;
        let agent = &self.context.assistant;
        let (definition, variables) = match handing.order.manner {
            TransferManner::Warm => briefing::asking(&agent.definition, handing.order.briefing.as_ref()),
            TransferManner::Cold => (briefing::silent(&agent.definition), Default::default()),
        };
        let order = SecondOrder {
            of: self.context.call,
            org: self.context.org,
            trunk: leg.trunk,
            leg,
            to: handing.order.to.number().cloned(),
            from: self.context.ours.clone(),
            assistant: Arc::new(AssistantVersion { definition, ..agent.as_ref().clone() }),
            variables,
            ring: handing.order.ring.unwrap_or(self.services.clocks.transfer.ring),
        };
        match self.calls.second(order) {
            Ok(second) => {
                handing.second = Some(second);
                if again.is_none() {
                    self.transfer(TransferInput::Placed);
                }
            }
            Err(why) => {
                tracing::warn!(call = %self.context.call, %why, "a second leg is not dialed");
                self.transfer(match again {
                    Some(failure) => TransferInput::Target(TargetEvent::Failed(failure)),
                    None => TransferInput::NotPlaced(TransferFailure::Broken),
                });
            }
        }
    }

    async fn heard_of_second(&mut self, news: Option<SecondNews>) {
        let Some(handing) = &mut self.handing else { return };
        let input = match news {
            Some(SecondNews::Media(media)) => {
                handing.media = Some(media);
                return;
            }
            Some(SecondNews::Pressed(digit)) => {
                if handing.joined {
                    self.pass_on(digit).await;
                }
                return;
            }
            Some(SecondNews::Ringing) => TransferInput::Target(TargetEvent::Ringing),
            Some(SecondNews::Answered) => TransferInput::Target(TargetEvent::Answered),
            Some(SecondNews::Judged(party)) => TransferInput::Judged(party),
            Some(SecondNews::Decided(decision)) => TransferInput::Decided(decision),
            Some(SecondNews::Over(outcome)) => {
                handing.second = None;
                if outcome.answered_at.is_none() && self.tries_again(&outcome) {
                    return;
                }
                TransferInput::Target(match outcome.answered_at {
                    Some(_) => TargetEvent::Ended,
                    None => TargetEvent::Failed(failure(&outcome)),
                })
            }
            // Not sent after all, or its task panicked.
            None => {
                handing.second = None;
                TransferInput::Target(match handing.media {
                    Some(_) => TargetEvent::Ended,
                    None => TargetEvent::Failed(TransferFailure::Broken),
                })
            }
        };
        self.transfer(input);
    }

    async fn join(&mut self) {
        self.player.stop(FADE).await;
        let (ours, theirs) = bridge(false);
        self.order(MediaCommand::Join(Box::new(ours))).await;
        let Some(handing) = &mut self.handing else { return };
        if let Some(media) = &handing.media {
            let _ = media.send(MediaCommand::Join(Box::new(theirs))).await;
        }
        handing.joined = true;
        if let Some(second) = &handing.second {
            second.tell(Handover::Joined);
        }
        if let Some(desk) = self.calls.desk() {
            tokio::spawn(desk.note(handing.leg, LegNote::Joined));
        }
    }

    /// Ends the second leg, also one that is being put on disk: it is noted as over when it is there.
    fn drop_second(&mut self) {
        let Some(handing) = &mut self.handing else { return };
        handing.joined = false;
        if let Some(second) = handing.second.take() {
            let _ = second.control.try_send(Control::HangUp);
        }
        let Some(desk) = self.calls.desk() else { return };
        let leg = handing.leg;
        if handing.admitted.take().is_some() {
            tokio::spawn(desk.note(leg, LegNote::Over(None)));
        }
        if let Some(admitting) = handing.admitting.take() {
            tokio::spawn(forget(desk, leg, admitting));
        }
    }

    /// Tells the call, and keeps what its record will say.
    fn note_handover(&mut self, handover: Handover) {
        if let Some(handing) = &self.handing {
            let (to, at) = (handing.order.to.text(), time::now().mono);
            let way = match (handover, handing.order.manner) {
                (Handover::Accepted | Handover::Done, _) => TransferWay::Refer,
                (_, TransferManner::Warm) => TransferWay::Warm,
                (_, TransferManner::Cold) => TransferWay::Bridge,
            };
            match handover {
                Handover::Begun | Handover::Failed => self.transferred = None,
                Handover::Accepted | Handover::Joined => self.transferred = Some(Transferred { to, way, at }),
                // Two who have talked keep the moment they began.
                Handover::Done => drop(self.transferred.get_or_insert(Transferred { to, way, at })),
            }
        }
        self.tell(CallInput::Handover(handover));
    }

    /// Passes a key on between two who talk. `false` when it is meant for the agent.
    pub(super) fn relay(&mut self, digit: Digit) -> bool {
        if let Some(Handing { joined: true, second: Some(second), .. }) = &self.handing {
            second.press(digit);
            return true;
        }
        let relayed = self.second.as_ref().is_some_and(|second| second.joined);
        if relayed {
            self.tell_first(SecondNews::Pressed(digit));
        }
        relayed
    }

    /// The conversation has come to its end.
    pub(super) fn conversation_ended(&mut self, ending: Ending) {
        if self.second.is_some() {
            if let Some(decision) = briefing::decision(&ending, self.conversation.outcome()) {
                self.tell_first(SecondNews::Decided(decision));
            }
            return;
        }
        if ending == Ending::Transferred {
            self.fall_silent();
            if let Some(answered) = self.call.answered_at() {
                self.come_to(Stage::HandedOver { answered });
            }
        }
        self.tell(CallInput::AgentEnded(ending));
    }

    /// Nobody of ours hears or speaks on this leg any more.
    fn fall_silent(&mut self) {
        self.ears.close();
        self.brain.close();
        self.bot.close();
        self.voice.close();
    }

    /// Keeps by which way the caller came, for who is called next.
    pub(in crate::call) fn come_by(mut self, came: Option<CameBy>) -> Self {
        self.came = came;
        self
    }

    // --- the second leg's side ---

    /// Makes it the task of a second leg.
    pub(in crate::call) fn for_transfer(mut self, second: SecondSide) -> Self {
        self.second = Some(second);
        // It is the caller's call that is looked at; what comes of this leg is told there.
        self.conversation.leave();
        self
    }

    /// Tells the caller's call. One that takes no news hangs, or is gone: then nobody is there to talk to.
    pub(super) fn tell_first(&mut self, news: SecondNews) {
        let Some(second) = &self.second else { return };
        if second.news.try_send(news).is_err() {
            self.second = None;
            self.tell(CallInput::Withdraw(Withdrawal::Fault));
        }
    }

    /// The caller's call says how far the transfer is.
    pub(super) fn handed_over(&mut self, handover: Handover) {
        if let Some(second) = &mut self.second {
            second.joined |= handover == Handover::Joined;
            self.fall_silent();
        }
        self.tell(CallInput::Handover(handover));
    }

    /// The leg this one was joined with has no audio any more.
    pub(super) fn parted(&mut self) {
        if self.second.as_ref().is_some_and(|second| second.joined) {
            self.tell(CallInput::Handover(Handover::Done));
        }
    }

    /// The caller's call has gone.
    pub(super) fn first_is_gone(&mut self) {
        self.second = None;
        self.tell(CallInput::Withdraw(Withdrawal::Fault));
    }
}

/// Waits for a leg that nobody wants any more and notes it as over.
async fn forget(desk: Arc<dyn TransferDesk>, leg: LegId, admitting: Admitting) {
    if let Ok(Ok(_)) = admitting.await {
        desk.note(leg, LegNote::Over(None)).await;
    }
}
