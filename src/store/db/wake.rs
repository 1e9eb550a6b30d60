//! Wake-ups from one dialer to the others, so that nobody polls.

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::broadcast;

use super::StoreError;
use crate::id::CampaignId;

pub(super) const CHANNEL: &str = "callwright_dialer";
/// Wake-ups that a slow listener may be behind before it is told to look at everything.
pub(super) const BACKLOG: usize = 256;

/// What a committed transaction has to tell the dialers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// A campaign was started, paused, changed or ended, or a trunk or the limits above it were.
    Campaigns,
    /// Targets of this campaign were added, became due or came to rest.
    Targets(CampaignId),
    /// A call has ended: a channel is free.
    Room,
    /// Others may have been missed: look at everything.
    Everything,
}

impl Wake {
    pub(super) fn payload(self) -> String {
        match self {
            Self::Campaigns => "campaigns".to_owned(),
            Self::Targets(campaign) => format!("targets:{campaign}"),
            Self::Room => "room".to_owned(),
            Self::Everything => "everything".to_owned(),
        }
    }

    /// What this version does not understand may concern anything.
    fn from_payload(payload: &str) -> Self {
        match payload {
            "campaigns" => Self::Campaigns,
            "room" => Self::Room,
            other => {
                other.strip_prefix("targets:").and_then(|id| id.parse().ok()).map_or(Self::Everything, Self::Targets)
            }
        }
    }
}

/// A subscription to wake-ups.
#[derive(Debug)]
pub struct Wakeups {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Local(broadcast::Receiver<Wake>),
    Postgres(Box<PgListener>),
}

impl Wakeups {
    pub(super) fn local(receiver: broadcast::Receiver<Wake>) -> Self {
        Self { source: Source::Local(receiver) }
    }

    pub(super) async fn listen(pool: &PgPool) -> Result<Self, StoreError> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self { source: Source::Postgres(Box::new(listener)) })
    }

    /// Waits for the next wake-up. After a lost connection to PostgreSQL, and when too many have come to keep, it is
    /// [`Wake::Everything`]. May be dropped and called again.
    ///
    /// # Errors
    /// When PostgreSQL cannot be reached; the caller waits a little and asks again.
    pub async fn next(&mut self) -> Result<Wake, StoreError> {
        match &mut self.source {
            Source::Local(receiver) => match receiver.recv().await {
                Ok(wake) => Ok(wake),
                Err(broadcast::error::RecvError::Lagged(_)) => Ok(Wake::Everything),
                // The sender lives in the database handle; when that is gone nothing will ever wake us.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            },
            Source::Postgres(listener) => {
                let notified = listener.try_recv().await?;
                Ok(notified.map_or(Wake::Everything, |notified| Wake::from_payload(notified.payload())))
            }
        }
    }
}
