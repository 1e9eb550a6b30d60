//! What a [`Call`](super::call::Call) is told and what it asks for.

use std::time::Instant;

use super::outcome::{CallOutcome, DialFailure, NetworkTone};
use super::transfer::Handover;
use crate::agent::action::Ending;
use crate::campaign::states::AnsweredBy;

/// What a call is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallInput {
    /// Signalling of the leg.
    Leg(LegEvent),
    /// News of the leg's audio.
    Media(MediaNotice),
    /// The agent's first words are ready: an inbound call may be taken.
    AgentReady,
    /// The conversation wants to hang up.
    AgentEnded(Ending),
    /// It became known who took the call.
    AnsweredBy(AnsweredBy),
    /// The network plays a tone that stands for a final response.
    Tone(NetworkTone),
    /// How far a transfer of the caller is.
    Handover(Handover),
    /// Somebody or something outside ends the call.
    Withdraw(Withdrawal),
}

/// Signalling, as far as a call cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegEvent {
    /// A 1xx came.
    Provisional {
        /// 100 to 199.
        status: u16,
        /// It carried a usable description: early media may be listened to.
        media: bool,
    },
    /// A 2xx came.
    Answered {
        /// It carried a usable description.
        media: bool,
    },
    /// A new description is in force: a re-INVITE, an UPDATE, or the answer in an ACK.
    Renegotiated {
        /// Whether audio may come from the far side; if not we are on hold.
        receives: bool,
    },
    /// The INVITE failed: no answer will come.
    Failed(DialFailure),
    /// The leg is over after it was answered, or an inbound caller gave up.
    Ended {
        /// Who ended it.
        by: LegEnd,
        /// The Q.850 cause of the Reason header, if any.
        q850: Option<u8>,
    },
}

/// Who ended an answered leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegEnd {
    /// The far side, by BYE or CANCEL.
    Remote,
    /// We; our BYE is settled.
    Local,
    /// Nobody: the session timer ran out, or the dialog broke.
    Fault,
}

/// News of the leg's audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaNotice {
    /// RTP comes: the first packet, or the first after a pause.
    Flowing,
    /// RTP stopped.
    Stalled {
        /// Arrival of the last packet.
        since: Instant,
    },
    /// The caller's voice was heard.
    CallerSpoke,
    /// Words of ours left.
    AgentSpoke,
    /// The leg's media broke down and will not come back.
    Failed,
}

/// Why a dial is taken back or a call is ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawal {
    /// Rang, or hung in the network, for too long.
    TimedOut,
    /// A person or a program of the customer's asked for it.
    Person,
    /// This server stops.
    Shutdown,
    /// Something of ours broke before the answer.
    Fault,
    /// The network played instead of saying it by signalling.
    Tone(NetworkTone),
}

/// What a call asks for, to be done in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallAction {
    /// Send the INVITE.
    Invite,
    /// Send 180.
    Ring,
    /// Send 200 with our description.
    Accept,
    /// End the leg with what its state asks for: CANCEL, BYE or a refusal. The leg reports when that is settled.
    HangUp,
    /// Start the audio with the description now in force, or change over to it.
    StartMedia,
    /// Stop the audio for good.
    StopMedia,
    /// Tell the conversation.
    Advise(Advice),
    /// Tell whoever asked for the call.
    Progress(Progress),
    /// The call is over; nothing follows.
    Ended(CallOutcome),
}

/// What the conversation is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// The call is answered.
    Answered,
    /// The longest duration is near.
    TimeNearlyUp,
    /// The call is over.
    HungUp {
        /// The far side ended it.
        by_callee: bool,
    },
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// The far end rings.
    Ringing,
    /// It answered.
    Answered,
    /// Both sides have spoken.
    InConversation,
}

/// Why a call wakes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallTimer {
    /// Nobody rings.
    Setup,
    /// Nobody answers.
    Ring,
    /// An inbound call has rung long enough.
    Accept,
    /// The agent is to be told that time is nearly up.
    Closing,
    /// The longest duration is reached.
    HardEnd,
    /// No RTP.
    Audio,
    /// The far side does not answer our CANCEL or BYE.
    Teardown,
}
