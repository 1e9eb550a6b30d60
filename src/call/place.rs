//! The seam to whoever wants calls made, and what they get to know of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callwright_media::session::Stats;
use callwright_sip::endpoint::{CommandError, Credential, DialogSnapshot, Flow};
use callwright_sip::message::Uri;
use tokio::sync::{mpsc, oneshot};

use super::outcome::{CallOutcome, TrunkEvidence};
use super::providers::NoProvider;
use super::quality::MediaQuality;
use super::record::RecordingFault;
use super::transfer::desk::Transferred;
use crate::agent::assistant::AssistantVersion;
use crate::agent::conversation::ScriptError;
use crate::agent::record::Outcome;
use crate::campaign::phone::E164;
use crate::id::{AttemptId, CallId, LegId, OrgId, TargetId, TrunkId};
use crate::net::ports::PortError;
use crate::pii::Pii;
use crate::stir::verdict::CallerIdentity;
use crate::time::{Latest, Now};
use crate::trunk::callers::Arrival;
use crate::trunk::plan::InvitePlan;
use crate::trunk::signalling::MAX_REDIRECTS;

/// Makes calls. The dialer knows this and nothing behind it.
pub trait CallPlacer: Send + Sync {
    /// Places a call. Events come in this order: [`AttemptEvent::NotPlaced`] alone, or redirections, any of ringing,
    /// answered and in conversation, each at most once, then [`AttemptEvent::Ended`]. The channel holds all of them: a
    /// receiver may be slow. A call goes on when its receiver is gone.
    fn place(&self, order: PlaceCall) -> mpsc::Receiver<AttemptEvent>;
}

/// Most events of one attempt.
pub const ATTEMPT_EVENTS: usize = 8 + MAX_REDIRECTS as usize;

/// A call to be made. Its leg is on disk already.
#[derive(Clone, Debug)]
pub struct PlaceCall {
    /// Names the call.
    pub call: CallId,
    /// Whose it is.
    pub org: OrgId,
    /// The attempt it is.
    pub attempt: AttemptId,
    /// The leg, from whose id Call-ID, tags and branches derive.
    pub leg: LegId,
    /// Whom it is for.
    pub target: TargetId,
    /// The trunk it goes over.
    pub trunk: TrunkId,
    /// The number called.
    pub to: Pii<E164>,
    /// The number shown.
    pub from: Option<Pii<E164>>,
    /// The INVITE, as it stands in the leg's row.
    pub invite: InvitePlan,
    /// What answers a challenge.
    pub credentials: Option<Credential>,
    /// What is known about the trunk.
    pub evidence: TrunkEvidence,
    /// What is said.
    pub assistant: Arc<AssistantVersion>,
    /// The contact's values for the assistant's variables.
    pub variables: BTreeMap<String, Pii<String>>,
    /// From 180 to our CANCEL.
    pub ring_timeout: Duration,
    /// From the answer to the end.
    pub max_duration: Duration,
    /// A BYE this soon after the answer is an immediate hang-up.
    pub early_hangup: Duration,
    /// The INVITE leaves before this or not at all: the lease on the attempt may be lost afterwards.
    pub send_before: Latest,
}

/// What becomes of an attempt.
#[derive(Debug)]
pub enum AttemptEvent {
    /// Nothing has left this machine and nothing will: the dial may be made again.
    NotPlaced(NotPlaced),
    /// The carrier names the same number at another address, and the trunk lets the call go on there. It waits up to 5 s for
    /// the flow over which it may, which is told once a crash would find the leg there; without one it ends by the redirection,
    /// or another address is named. At most [`MAX_REDIRECTS`] of them are followed.
    Redirected {
        /// The address.
        to: Pii<Uri>,
        /// Who waits.
        reply: oneshot::Sender<Option<Flow>>,
    },
    /// The far end rings.
    Ringing {
        /// When.
        at: Instant,
        /// The early dialog, for the leg's row.
        dialog: Option<Box<DialogSnapshot>>,
    },
    /// It answered.
    Answered {
        /// When.
        at: Instant,
        /// The dialog, for the leg's row.
        dialog: Option<Box<DialogSnapshot>>,
    },
    /// Both sides have spoken.
    InConversation {
        /// When.
        at: Instant,
    },
    /// It is over, and its recording is on disk.
    Ended(Box<CallReport>),
}

/// Why a call was not placed.
#[derive(Debug, thiserror::Error)]
pub enum NotPlaced {
    /// The time in which it might be sent had passed.
    #[error("the INVITE could not be sent in time")]
    TooLate,
    /// This node has as many calls as it may, or is stopping.
    #[error("this node takes no further calls")]
    Full,
    /// A call of this name is live.
    #[error("this call is being made already")]
    Duplicate,
    /// No RTP port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The assistant cannot speak to this contact.
    #[error("the assistant cannot be used for this contact: {0}")]
    Script(#[from] ScriptError),
    /// The assistant names a provider that is not there.
    #[error(transparent)]
    Provider(#[from] NoProvider),
    /// The flow names a listener that is not there.
    #[error("the trunk's listener is not there")]
    Listener,
    /// SIP refused.
    #[error(transparent)]
    Sip(#[from] CommandError),
    /// The server stops.
    #[error("the server stops")]
    Stopping,
}

/// Everything a call leaves behind.
#[derive(Debug)]
pub struct CallReport {
    /// The call.
    pub call: CallId,
    /// Whose it was.
    pub org: OrgId,
    /// The attempt, for calls we made.
    pub attempt: Option<AttemptId>,
    /// The trunk; none for a browser's.
    pub trunk: Option<TrunkId>,
    /// The version of the assistant that spoke.
    pub assistant: Arc<AssistantVersion>,
    /// The far side's number; `None` when it did not show one.
    pub contact: Option<Pii<E164>>,
    /// Our number.
    pub ours: Option<Pii<E164>>,
    /// When it began, on both clocks: other instants of the call become times of day through it.
    pub started: Now,
    /// How it ended.
    pub outcome: CallOutcome,
    /// What was said.
    pub conversation: Outcome,
    /// The recording of an answered call.
    pub recording: Option<RecordingFile>,
    /// Why the recording does not hold the whole call, or is not there although it should be.
    pub recording_fault: Option<RecordingFault>,
    /// The file that runs the call again, relative to the folder of recordings.
    pub replay: Option<PathBuf>,
    /// To whom the caller was handed over, if they were.
    pub transfer: Option<Transferred>,
    /// What the media session counted.
    pub media: Option<Stats>,
    /// How good its audio was.
    pub quality: Option<MediaQuality>,
    /// Who vouches for the caller: what was found for a call that came in, what we did for one of ours. `None` where
    /// nobody looked, and nobody did.
    pub identity: Option<CallerIdentity>,
    /// Who called by which way, where it came in.
    pub arrival: Arrival,
}

/// A recording on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingFile {
    /// The file, relative to the folder of recordings.
    pub path: PathBuf,
    /// Its length.
    pub duration: Duration,
}

impl CallReport {
    /// Time of day of an instant of this call.
    #[must_use]
    pub fn wall(&self, at: Instant) -> jiff::Timestamp {
        self.started.wall_at(at)
    }
}
