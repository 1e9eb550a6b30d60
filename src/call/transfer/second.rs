//! The second leg of a transfer as the caller's call sees it: a call of its own, told what to do and telling how it goes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use callwright_media::digit::Digit;
use tokio::sync::mpsc;

use super::desk::SecondLeg;
use super::{Decision, Handover, TargetParty};
use crate::agent::assistant::AssistantVersion;
use crate::agent::transfer::TransferFailure;
use crate::call::outcome::CallOutcome;
use crate::call::registry::Control;
use crate::campaign::disconnection::DisconnectionReason;
use crate::campaign::phone::E164;
use crate::id::{CallId, OrgId, TrunkId};
use crate::net::media_worker::MediaControl;
use crate::pii::Pii;

/// News of a second leg that wait for the caller's call. One that takes none hangs; the second leg then ends.
pub(in crate::call) const NEWS: usize = 64;

/// A second leg to be dialed.
pub(in crate::call) struct SecondOrder {
    /// The caller's call.
    pub(in crate::call) of: CallId,
    pub(in crate::call) org: OrgId,
    pub(in crate::call) trunk: TrunkId,
    pub(in crate::call) leg: Box<SecondLeg>,
    /// The number called, where it is one.
    pub(in crate::call) to: Option<Pii<E164>>,
    pub(in crate::call) from: Option<Pii<E164>>,
    /// Who speaks on it.
    pub(in crate::call) assistant: Arc<AssistantVersion>,
    pub(in crate::call) variables: BTreeMap<String, Pii<String>>,
    pub(in crate::call) ring: Duration,
}

/// What a second leg tells.
#[derive(Debug)]
pub(in crate::call) enum SecondNews {
    /// Its audio is there.
    Media(MediaControl),
    /// It rings.
    Ringing,
    /// It was answered.
    Answered,
    /// Who answered.
    Judged(TargetParty),
    /// What the briefing came to.
    Decided(Decision),
    /// A key was pressed there while the two talk.
    Pressed(Digit),
    /// It is over.
    Over(Box<CallOutcome>),
}

/// The caller's end of a second leg. Dropping it ends the leg.
#[derive(Debug)]
pub(in crate::call) struct SecondHandle {
    pub(in crate::call) control: mpsc::Sender<Control>,
    pub(in crate::call) news: mpsc::Receiver<SecondNews>,
}

/// The second leg's end.
#[derive(Debug)]
pub(in crate::call) struct SecondSide {
    pub(in crate::call) news: mpsc::Sender<SecondNews>,
    pub(in crate::call) joined: bool,
}

impl SecondHandle {
    /// Tells the leg how far the transfer is.
    pub(in crate::call) fn tell(&self, handover: Handover) {
        // A full queue holds a hang-up already, or its task hangs and loses its leg to the sweep.
        let _ = self.control.try_send(Control::Handover(handover));
    }

    /// Passes on a key of the caller's.
    pub(in crate::call) fn press(&self, digit: Digit) {
        // Sixteen that wait are more than anybody presses.
        let _ = self.control.try_send(Control::Press(digit));
    }
}

/// Why nobody could be spoken to, as the agent is told.
pub(in crate::call) fn failure(outcome: &CallOutcome) -> TransferFailure {
    use DisconnectionReason as R;
    match outcome.reason {
        R::DialBusy => TransferFailure::Busy,
        R::DialNoAnswer | R::Cancelled => TransferFailure::NoAnswer,
        R::UserDeclined | R::MarkedAsSpam => TransferFailure::Declined,
        R::InvalidPhoneNumber
        | R::EmptyPhone
        | R::VoiceCallsOptedOut
        | R::InvalidTimezone
        | R::TelephonyProviderPermissionDenied => TransferFailure::Refused,
        R::VoicemailReached => TransferFailure::Voicemail,
        R::DialFailed
        | R::TelephonyProviderUnavailable
        | R::CallScreened
        | R::Inactivity
        | R::ErrorNoAudioReceived
        | R::MaxDurationReached
        | R::CallTransfer
        | R::UserHangup
        | R::AgentHangup
        | R::ConcurrencyLimitReached
        | R::NodeLost
        | R::OutcomeUnknown => TransferFailure::Broken,
    }
}
