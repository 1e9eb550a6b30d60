//! Wake-ups from one dialer to the others, so that nobody polls.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::broadcast;

use super::open::ACQUIRE;
use super::{Db, StoreError};
use crate::id::CampaignId;

pub(super) const CHANNEL: &str = "callwright_dialer";
/// Wake-ups that a slow listener may be behind before it is told to look at everything.
pub(super) const BACKLOG: usize = 256;
/// Pause before a subscription that was lost is made anew.
const RETRY: Duration = Duration::from_secs(1);

/// What a committed transaction has to tell the dialers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// A campaign was started, paused, changed or ended, or a trunk or the limits above it were.
    Campaigns,
    /// Targets of this campaign were added, became due or came to rest.
    Targets(CampaignId),
    /// This campaign dials no more: what was about to leave must not.
    Halt(CampaignId),
    /// The live calls of this campaign are to be ended.
    HangUp(CampaignId),
    /// A call has ended: a channel is free.
    Room,
    /// Vendors were added, changed or removed.
    Providers,
    /// Documents were added or have another text.
    Knowledge,
    /// Others may have been missed: look at everything.
    Everything,
}

impl Wake {
    pub(super) fn payload(self) -> String {
        match self {
            Self::Campaigns => "campaigns".to_owned(),
            Self::Targets(campaign) => format!("targets:{campaign}"),
            Self::Halt(campaign) => format!("halt:{campaign}"),
            Self::HangUp(campaign) => format!("hang_up:{campaign}"),
            Self::Room => "room".to_owned(),
            Self::Providers => "providers".to_owned(),
            Self::Knowledge => "knowledge".to_owned(),
            Self::Everything => "everything".to_owned(),
        }
    }

    /// What this version does not understand may concern anything.
    fn from_payload(payload: &str) -> Self {
        match payload {
            "campaigns" => Self::Campaigns,
            "room" => Self::Room,
            "providers" => Self::Providers,
            "knowledge" => Self::Knowledge,
            other => {
                let of = |prefix: &str| other.strip_prefix(prefix).and_then(|id| id.parse().ok());
                let known = of("targets:").map(Self::Targets).or_else(|| of("halt:").map(Self::Halt));
                known.or_else(|| of("hang_up:").map(Self::HangUp)).unwrap_or(Self::Everything)
            }
        }
    }
}

/// A subscription to wake-ups, made anew for as long as it takes when the connection to PostgreSQL is lost.
#[derive(Debug)]
pub struct Wakeups {
    db: Db,
    source: Option<Source>,
    lost: bool,
}

#[derive(Debug)]
pub(super) enum Source {
    Local(broadcast::Receiver<Wake>),
    Postgres(Box<PgListener>),
}

impl Wakeups {
    pub(super) fn new(db: Db) -> Self {
        Self { db, source: None, lost: false }
    }

    /// Waits for the next wake-up. The first is [`Wake::Everything`], and so is the one after a gap: others may have
    /// been missed. May be dropped and called again.
    pub async fn next(&mut self) -> Wake {
        loop {
            if let Some(source) = &mut self.source {
                match source.next().await {
                    Ok(wake) => return wake,
                    Err(error) => self.lose(&error),
                }
            }
            if self.lost {
                tokio::time::sleep(RETRY).await;
            }
            match self.db.subscribe().await {
                Ok(source) => {
                    self.source = Some(source);
                    self.lost = false;
                    return Wake::Everything;
                }
                Err(error) => self.lose(&error),
            }
        }
    }

    /// Waits until a trunk or a limit above it may have changed, at most this long; does not wait the first time.
    pub async fn trunks(&mut self, at_most: Duration) {
        let changed = async {
            loop {
                match self.next().await {
                    Wake::Campaigns | Wake::Everything => return,
                    Wake::Targets(_)
                    | Wake::Halt(_)
                    | Wake::HangUp(_)
                    | Wake::Room
                    | Wake::Providers
                    | Wake::Knowledge => {}
                }
            }
        };
        // Time passing is a reason too.
        let _ = tokio::time::timeout(at_most, changed).await;
    }

    fn lose(&mut self, error: &StoreError) {
        tracing::warn!(%error, "wake-ups from the database are interrupted");
        self.source = None;
        self.lost = true;
    }
}

impl Source {
    pub(super) async fn listen(pool: &PgPool) -> Result<Self, StoreError> {
        // One of the pool's connections would be gone from it for as long as somebody listens.
        let own = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE);
        let own = own.connect_lazy_with(pool.connect_options().as_ref().clone());
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self::Postgres(Box::new(listener)))
    }

    async fn next(&mut self) -> Result<Wake, StoreError> {
        match self {
            Self::Local(receiver) => match receiver.recv().await {
                Ok(wake) => Ok(wake),
                Err(broadcast::error::RecvError::Lagged(_)) => Ok(Wake::Everything),
                // The sender lives in the database handle, of which the subscription has a clone.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            },
            Self::Postgres(listener) => {
                // Nothing instead of a notification: the connection was lost and is there again.
                let notified = listener.try_recv().await?;
                Ok(notified.map_or(Wake::Everything, |notified| Wake::from_payload(notified.payload())))
            }
        }
    }
}
