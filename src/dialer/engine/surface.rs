//! What goes into the engine and what comes out of it.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::dialer::engine::book::CampaignInfo;
use crate::dialer::pacing::Limited;
use crate::id::{AttemptId, CampaignId};

/// The engine's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long a node's lease lasts. Dialing stops when it was not renewed for a third of that.
    pub lease: Duration,
    /// Most targets promoted in one transaction.
    pub promote_batch: u32,
    /// How often the store is asked again although nothing was heard: mends lost notifications.
    pub recheck: Duration,
    /// Pause after the store failed.
    pub store_retry: Duration,
    /// Least time between two looks for urgent targets while others are ready.
    pub hurry: Duration,
    /// Most dials claimed in one transaction.
    pub claim_batch: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            promote_batch: 500,
            recheck: Duration::from_secs(60),
            store_retry: Duration::from_secs(1),
            hurry: Duration::from_secs(1),
            claim_batch: 16,
        }
    }
}

/// What the shell tells the engine.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// The complete list of campaigns in progress: the answer to [`Action::Load`].
    Campaigns(Vec<CampaignInfo>),
    /// The answer to [`Action::Promote`].
    Promoted {
        /// Which campaign.
        campaign: CampaignId,
        /// How many became ready.
        promoted: u32,
        /// When the next one is due.
        next_due: Option<Timestamp>,
        /// Whether anybody is waiting, ready, being called or to be called back.
        open: bool,
    },
    /// The answer to [`Action::Hurry`].
    Hurried {
        /// Which campaign.
        campaign: CampaignId,
        /// How many became ready.
        promoted: u32,
        /// When the next urgent one is due, if there is one.
        next: Option<Timestamp>,
    },
    /// A dial that a claim of several has come to, besides the one in its answer, which follows.
    Further {
        /// Which campaign.
        campaign: CampaignId,
        /// The dial.
        dial: ClaimedDial,
    },
    /// The answer to [`Action::Claim`].
    Claimed {
        /// Which campaign.
        campaign: CampaignId,
        /// What came of it.
        result: ClaimResult,
        /// The earliest time to which candidates were deferred on the way.
        next_due: Option<Timestamp>,
    },
    /// The answer to [`Action::Commit`]: true when the attempt is DIALING and durable. False also when it was refused
    /// and has been written as NOT_PLACED, or is no longer ours.
    Committed {
        /// Which attempt.
        attempt: AttemptId,
        /// Whether it may be sent.
        may_send: bool,
    },
    /// The answer to [`Action::Unsend`]: the attempt is NOT_PLACED and its target ready again, or no longer ours.
    Unsent {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// A placed attempt is over and its end is durable.
    Ended {
        /// Which attempt.
        attempt: AttemptId,
        /// When its target is due again, if it is.
        next_at: Option<Timestamp>,
        /// How long its campaign's trunks are to be left alone.
        back_off: Option<Duration>,
    },
    /// Something happened elsewhere.
    Notice(Notice),
    /// The answer to [`Action::RenewLease`].
    LeaseRenewed {
        /// Whether it holds.
        held: bool,
    },
    /// The answer to [`Action::Reap`].
    Reaped,
    /// The answer to [`Action::Expire`].
    Expired(CampaignId),
    /// The answer to [`Action::Complete`]: whether the campaign is completed. It is not when somebody has come in.
    Completed(CampaignId, bool),
    /// The store could not carry out an action.
    StoreFailed(Action),
    /// Take no new dial; calls under way go on.
    Stop,
}

/// News from other nodes, the API or the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A campaign was started, paused, changed or ended.
    Campaigns,
    /// Targets of a campaign were added, changed or became due.
    Targets(CampaignId),
    /// A campaign dials no more: what is about to leave for it must not.
    Halt(CampaignId),
    /// A call ended on another node.
    Room,
}

/// What a claim came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimResult {
    /// An attempt is CLAIMED.
    Dial(ClaimedDial),
    /// A limit left no room.
    Limited(Limited),
    /// Nobody is ready.
    Empty,
    /// As many candidates as one transaction may turn away were turned away; there may be more.
    TurnedAway,
    /// The campaign is not in progress.
    Stopped,
}

/// An attempt that may be committed and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedDial {
    /// Which.
    pub attempt: AttemptId,
    /// When its INVITE leaves.
    pub send_at: Timestamp,
    /// When it must not leave any more.
    pub send_by: Timestamp,
}

/// What the engine asks of its shell. Every action is answered by one input, if need be by [`Input::StoreFailed`];
/// `Place` by [`Input::Ended`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read the campaigns in progress.
    Load,
    /// Make due targets ready.
    Promote {
        /// Of which campaign.
        campaign: CampaignId,
        /// At most how many.
        limit: u32,
    },
    /// Make those ready that are due and go before the ones that are ready already.
    Hurry {
        /// Of which campaign.
        campaign: CampaignId,
        /// At most how many may be ready of their priority and above.
        limit: u32,
    },
    /// Run one claim transaction.
    Claim {
        /// For which campaign.
        campaign: CampaignId,
        /// How far from now the INVITE may leave at the earliest.
        headroom: Duration,
        /// Dials that it may take at most. One while other campaigns wait for their turn.
        most: u32,
    },
    /// Run the dial's transaction: the attempt becomes DIALING, with its leg.
    Commit {
        /// Which attempt.
        attempt: AttemptId,
        /// Not to be written after this moment: the window closes.
        send_by: Timestamp,
    },
    /// Send the INVITE.
    Place {
        /// Which attempt.
        attempt: AttemptId,
        /// Not after this moment: whoever writes the bytes has to look again.
        send_before: Instant,
    },
    /// Write the attempt as NOT_PLACED and its target as ready: nothing was sent.
    Unsend {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// End the targets of a campaign whose period is over.
    Expire {
        /// Which campaign.
        campaign: CampaignId,
    },
    /// Complete the campaign if nothing is left in it.
    Complete {
        /// Which campaign.
        campaign: CampaignId,
    },
    /// Renew this node's lease.
    RenewLease,
    /// Settle the attempts of nodes whose lease has run out.
    Reap,
}

/// Why the engine wants to wake up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WakeReason {
    /// A claimed dial is to be committed, or its INVITE to leave.
    Dial,
    /// A limit has room again.
    Paced,
    /// Targets fall due.
    Due,
    /// A campaign's period ends.
    PeriodEnd,
    /// The lease has to be renewed.
    Lease,
    /// Other nodes' leases have to be looked at.
    Reap,
    /// The store is to be tried again.
    StoreRetry,
}

impl Action {
    /// The campaign it is about, if it is about one.
    #[must_use]
    pub const fn campaign(&self) -> Option<CampaignId> {
        match self {
            Self::Promote { campaign, .. }
            | Self::Hurry { campaign, .. }
            | Self::Claim { campaign, .. }
            | Self::Expire { campaign }
            | Self::Complete { campaign } => Some(*campaign),
            Self::Load
            | Self::Commit { .. }
            | Self::Place { .. }
            | Self::Unsend { .. }
            | Self::RenewLease
            | Self::Reap => None,
        }
    }
}
