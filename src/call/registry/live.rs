//! A live call as others see it: who takes part, how far it has come, how it is told something.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use callwright_media::digit::Digit;
use callwright_sip::endpoint::SessionId;
use tokio::sync::{mpsc, watch};

use super::supervise::{Supervised, Supervision};
use crate::agent::assistant::AssistantVersion;
use crate::agent::manners::disclosure::Disclosed;
use crate::agent::record::Outcome;
use crate::call::attention::{Glance, Watch};
use crate::call::listen::Listeners;
use crate::call::outcome::{CallOutcome, Failover};
use crate::call::place::CallReport;
use crate::call::task::{Ends, Remains, Seat};
use crate::call::tools::ToolContext;
use crate::call::transfer::Handover;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::phone::E164;
use crate::campaign::states::EndedBy;
use crate::id::{AttemptId, CallId, OrgId, TargetId, TrunkId};
use crate::net::sip_driver::IncomingCall;
use crate::pii::Pii;
use crate::stir::verdict::CallerIdentity;
use crate::time::{self, Now};
use crate::trunk::callers::Arrival;

/// Commands that wait for one call.
const CONTROLS: usize = 16;

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Being set up.
    Dialing,
    /// Rings.
    Ringing,
    /// Answered.
    Answered {
        /// When.
        at: Instant,
    },
    /// Both sides have spoken.
    InConversation {
        /// When it was answered.
        answered: Instant,
    },
    /// The agent has left it: the caller is with whom they were handed over to.
    HandedOver {
        /// When it was answered.
        answered: Instant,
    },
}

impl Stage {
    /// When it was answered, if it has been.
    #[must_use]
    pub const fn answered(self) -> Option<Instant> {
        match self {
            Self::Dialing | Self::Ringing => None,
            Self::Answered { at } | Self::InConversation { answered: at } | Self::HandedOver { answered: at } => {
                Some(at)
            }
        }
    }
}

/// What a call can be told from outside.
#[derive(Debug)]
pub(in crate::call) enum Control {
    /// A person ends it.
    HangUp,
    /// The server stops.
    Drain,
    /// A supervisor steps in.
    Supervise(Supervision),
    /// Somebody listens, and the leg does not hand over its sound yet.
    Listen,
    /// A supervisor's browser takes the call over.
    TakeOver(Seat),
    /// The agent has the word again.
    HandBack,
    /// The transfer that this leg is for has come this far.
    Handover(Handover),
    /// The party that this leg is joined with has pressed a key.
    Press(Digit),
    /// A call that has come in takes the place of its leg, or is refused.
    Replace(Box<IncomingCall>),
}

/// The session that is the leg of a call, told by its task; none before its INVITE.
#[derive(Debug, Default)]
pub(in crate::call) struct LegSession(Mutex<Option<SessionId>>);

impl LegSession {
    pub(in crate::call) fn set(&self, session: SessionId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    fn is(&self, session: SessionId) -> bool {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) == Some(session)
    }
}

/// A live call.
#[derive(Clone, Debug)]
pub struct LiveCall {
    /// The call.
    pub call: CallId,
    /// Whose it is.
    pub org: OrgId,
    /// The trunk; none for a browser's.
    pub trunk: Option<TrunkId>,
    /// The version of the assistant that speaks.
    pub assistant: Arc<AssistantVersion>,
    /// The far side's number; `None` when it does not show one.
    pub contact: Option<Pii<E164>>,
    /// Our number.
    pub ours: Option<Pii<E164>>,
    /// The attempt and the target, for calls we made.
    pub attempt: Option<(AttemptId, TargetId)>,
    /// The call whose caller is being handed over on this one, or has been.
    pub second_of: Option<CallId>,
    /// When it began.
    pub started: Now,
    /// How far it has come.
    pub stage: Stage,
    /// A supervisor has silenced the agent.
    pub muted: bool,
    /// A supervisor has taken the call over.
    pub taken_over: bool,
    /// A supervisor has taken the talk off the record.
    pub off_record: bool,
    /// How many listen to it.
    pub listeners: usize,
    /// The last words, and why somebody should look after it. Nobody should while the agent does not lead the call.
    pub glance: Glance,
}

/// Who speaks with the far side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The agent.
    Agent,
    /// Nobody: a supervisor has silenced the agent.
    Muted,
    /// A supervisor, who has taken the call over.
    Supervisor,
    /// A person, to whom the caller was handed over.
    Person,
}

impl LiveCall {
    /// Who speaks with the far side.
    #[must_use]
    pub const fn party(&self) -> Party {
        match self.stage {
            Stage::HandedOver { .. } => Party::Person,
            Stage::Dialing | Stage::Ringing | Stage::Answered { .. } | Stage::InConversation { .. }
                if self.taken_over =>
            {
                Party::Supervisor
            }
            Stage::Dialing | Stage::Ringing | Stage::Answered { .. } | Stage::InConversation { .. } if self.muted => {
                Party::Muted
            }
            Stage::Dialing | Stage::Ringing | Stage::Answered { .. } | Stage::InConversation { .. } => Party::Agent,
        }
    }
}

pub(super) struct Entry {
    pub(super) identity: Identity,
    pub(super) control: mpsc::Sender<Control>,
    pub(super) stage: watch::Receiver<Stage>,
    pub(super) supervised: Arc<Supervised>,
    pub(super) listeners: Arc<Listeners>,
    leg: Arc<LegSession>,
    watch: Arc<Watch>,
}

/// Who takes part in a call.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) call: CallId,
    pub(super) org: OrgId,
    pub(super) trunk: Option<TrunkId>,
    pub(super) attempt: Option<(AttemptId, TargetId)>,
    pub(super) second_of: Option<CallId>,
    pub(super) assistant: Arc<AssistantVersion>,
    pub(super) contact: Option<Pii<E164>>,
    pub(super) ours: Option<Pii<E164>>,
    pub(super) started: Now,
    /// Who vouches for the caller of a call that came in, where that was looked at.
    pub(super) vouched: Option<CallerIdentity>,
    /// By which way it came in.
    pub(super) arrival: Arrival,
}

impl Entry {
    pub(super) fn new(identity: Identity) -> (Ends, Self) {
        let (control, controls) = mpsc::channel(CONTROLS);
        let (stage, stages) = watch::channel(Stage::Dialing);
        let listeners = Arc::<Listeners>::default();
        let supervised = Arc::<Supervised>::default();
        let leg = Arc::<LegSession>::default();
        let watch = Arc::new(Watch::new(&identity.assistant.definition.language));
        let ends = Ends {
            control: controls,
            stage,
            listeners: Arc::clone(&listeners),
            supervised: Arc::clone(&supervised),
            known: Arc::clone(&leg),
            watch: Arc::clone(&watch),
        };
        (ends, Self { identity, control, stage: stages, supervised, listeners, leg, watch })
    }

    /// Whether this session is its leg.
    pub(super) fn has_leg(&self, session: SessionId) -> bool {
        self.leg.is(session)
    }

    pub(super) fn live(&self) -> LiveCall {
        let call = self.seen();
        let attention = call.glance.attention.filter(|_| call.party() == Party::Agent);
        LiveCall { glance: Glance { attention, ..call.glance }, ..call }
    }

    fn seen(&self) -> LiveCall {
        LiveCall {
            call: self.identity.call,
            org: self.identity.org,
            trunk: self.identity.trunk,
            assistant: Arc::clone(&self.identity.assistant),
            contact: self.identity.contact.clone(),
            ours: self.identity.ours.clone(),
            attempt: self.identity.attempt,
            second_of: self.identity.second_of,
            started: self.identity.started,
            stage: *self.stage.borrow(),
            muted: self.supervised.is_muted(),
            taken_over: self.supervised.is_taken(),
            off_record: self.supervised.is_off_record(),
            listeners: self.listeners.count(),
            glance: self.watch.glance(time::now().mono),
        }
    }
}

impl Identity {
    /// What tools get to know of the call.
    pub(super) fn context(&self, variables: BTreeMap<String, Pii<String>>) -> Arc<ToolContext> {
        Arc::new(ToolContext {
            call: self.call,
            org: self.org,
            trunk: self.trunk,
            attempt: self.attempt,
            assistant: Arc::clone(&self.assistant),
            variables,
            contact: self.contact.clone(),
            ours: self.ours.clone(),
            started: self.started,
        })
    }

    /// Where its recording goes, relative to the folder of recordings.
    pub(super) fn recording(&self) -> PathBuf {
        let day = self.started.wall.strftime("%Y-%m-%d").to_string();
        PathBuf::from(day).join(format!("{}.wav", self.call))
    }

    /// Whether it came in over a trunk.
    pub(super) fn came_in(&self) -> bool {
        self.trunk.is_some() && self.attempt.is_none() && self.second_of.is_none()
    }

    /// Which way it went, as figures name it.
    pub(super) fn direction(&self) -> &'static str {
        match (self.trunk, self.second_of, self.attempt) {
            (None, _, _) => "browser",
            (Some(_), Some(_), _) => "transfer",
            (Some(_), None, Some(_)) => "outbound",
            (Some(_), None, None) => "inbound",
        }
    }

    /// Whether its assistant's calls are recorded at all.
    pub(super) fn is_recorded(&self) -> bool {
        self.assistant.definition.recording.audio
    }

    pub(super) fn report(self, remains: Remains) -> CallReport {
        CallReport {
            call: self.call,
            org: self.org,
            attempt: self.attempt.map(|(attempt, _)| attempt),
            trunk: self.trunk,
            assistant: self.assistant,
            contact: self.contact,
            ours: self.ours,
            started: self.started,
            outcome: remains.outcome,
            conversation: remains.conversation,
            recording: remains.recording,
            recording_fault: remains.recording_fault,
            replay: remains.replay,
            transfer: remains.transfer,
            media: remains.media,
            quality: remains.quality,
            identity: remains.signed.map(CallerIdentity::signed).or(self.vouched),
            arrival: self.arrival,
        }
    }
}

/// A call whose task panicked: its leg is hung up by the endpoint's sweep, its media closes with its task.
pub(super) fn remains_of_a_panic(stage: Stage) -> Remains {
    let answered_at = stage.answered();
    let reason = match answered_at {
        Some(_) => DisconnectionReason::AgentHangup,
        None => DisconnectionReason::DialFailed,
    };
    let outcome = CallOutcome {
        reason,
        sip_code: answered_at.map(|_| 200),
        q850: None,
        retry_after: None,
        ended_by: EndedBy::System,
        answered_by: None,
        immediate: false,
        technical: true,
        rang: stage != Stage::Dialing,
        misconfigured: false,
        failover: Failover::Never,
        answered_at,
        ended_at: time::now().mono,
    };
    let conversation = Outcome {
        success: false,
        ending: None,
        flow_completed: false,
        caller_reacted: false,
        first_speech: None,
        answers: Vec::new(),
        transcript: Vec::new(),
        turns: Vec::new(),
        disclosed: Disclosed::default(),
    };
    Remains {
        outcome,
        conversation,
        recording: None,
        recording_fault: None,
        replay: None,
        transfer: None,
        media: None,
        quality: None,
        signed: None,
    }
}
