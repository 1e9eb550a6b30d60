//! The seam to whoever puts second legs on disk and knows the way to them.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use super::came::CameBy;
use super::destination::Destination;
use crate::call::outcome::{CallOutcome, TrunkEvidence};
use crate::campaign::phone::E164;
use crate::campaign::transfer::TransferWay;
use crate::id::{AttemptId, LegId, OrgId, TrunkId};
use crate::pii::Pii;
use crate::time::Latest;
use crate::trunk::plan::InvitePlan;
use callwright_sip::endpoint::{Credential, DialogSnapshot, Flow};

/// Lets second legs be dialed. All of them pass here: suppression, rates, channels.
pub trait TransferDesk: Send + Sync {
    /// Whether anybody may be handed over there at all, by us or by the caller's side. Room is not asked for.
    fn permits(&self, dial: &TransferDial) -> Permission;

    /// Puts a leg on disk, if it may be dialed. May wait some seconds for its turn. Whoever does not wait for it to the
    /// end notes [`LegNote::Over`] when it is there all the same.
    fn admit(&self, dial: TransferDial) -> Admission;

    /// Keeps on disk how far a leg has come. Notes of one leg are given one after another; each ends when it is kept, or
    /// worth nothing any more.
    fn note(&self, leg: LegId, note: LegNote) -> Noting;
}

/// Whether a destination is allowed.
pub type Permission = Pin<Box<dyn Future<Output = Result<(), NotAdmitted>> + Send>>;

/// Whether a leg may be dialed.
pub type Admission = Pin<Box<dyn Future<Output = Result<Box<SecondLeg>, NotAdmitted>> + Send>>;

/// A note being kept.
pub type Noting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A second leg that is wanted.
#[derive(Clone, Debug)]
pub struct TransferDial {
    /// Its id.
    pub leg: LegId,
    /// Whose call it is.
    pub org: OrgId,
    /// The trunk of the caller's leg.
    pub trunk: TrunkId,
    /// The attempt whose caller is handed over, where there is one.
    pub attempt: Option<AttemptId>,
    /// The number shown.
    pub from: Option<Pii<E164>>,
    /// By which way the caller came, where they called us and the number that they called is known.
    pub came: Option<CameBy>,
    /// Whom to call.
    pub to: Destination,
    /// How long it may ring.
    pub ring: Duration,
    /// How long the two may talk.
    pub longest: Duration,
    /// Ways that have given it up unheard already: it goes by none of them again.
    pub tried: Vec<Tried>,
}

/// A way that a leg was sent by, and that gave it up before anybody was rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The trunk.
    pub trunk: TrunkId,
    /// The server.
    pub flow: Flow,
    /// Another server of the trunk would do no better, or might ring somebody twice: only another trunk may try.
    pub whole_trunk: bool,
}

/// Ways that one leg tries at most.
pub const MOST_WAYS: usize = 4;

/// A second leg that is on disk.
#[derive(Debug)]
pub struct SecondLeg {
    /// The leg.
    pub leg: LegId,
    /// The trunk that it goes over.
    pub trunk: TrunkId,
    /// Its INVITE.
    pub invite: InvitePlan,
    /// What answers a challenge.
    pub credentials: Option<Credential>,
    /// What is known about the trunk.
    pub evidence: TrunkEvidence,
    /// When the INVITE leaves.
    pub send_at: Instant,
    /// It leaves before this or not at all.
    pub send_before: Latest,
}

/// Why a leg may not be dialed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// The number is on a suppression list, or one that costs more than a call should.
    #[error("the number must not be called")]
    Blocked,
    /// No channel, or no turn in time.
    #[error("no channel is free for another leg")]
    NoRoom,
    /// No way leads there.
    #[error("the destination cannot be reached")]
    Unreachable,
    /// The database did not answer, or this node dials nothing any more.
    #[error("the leg cannot be put on disk")]
    Store,
}

/// How far a leg has come.
#[derive(Clone, Debug)]
pub enum LegNote {
    /// It rings.
    Ringing(Option<Box<DialogSnapshot>>),
    /// It was answered.
    Answered(Option<Box<DialogSnapshot>>),
    /// The caller talks to it.
    Joined,
    /// It is over; without an outcome it was never sent.
    Over(Option<Box<CallOutcome>>),
}

/// What a call's record tells of a transfer that came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transferred {
    /// To whom.
    pub to: Pii<String>,
    /// How.
    pub way: TransferWay,
    /// When: the two were joined, or the caller's side had taken it on.
    pub at: Instant,
}
