//! Wake-ups from one dialer to the others, so that nobody polls.

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::watch;

use super::StoreError;

pub(super) const CHANNEL: &str = "callwright_dialer";

/// A subscription to wake-ups. Several that come while nobody waits count as one.
#[derive(Debug)]
pub struct Wakeups {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Local(watch::Receiver<u64>),
    Postgres(Box<PgListener>),
}

impl Wakeups {
    pub(super) fn local(receiver: watch::Receiver<u64>) -> Self {
        Self { source: Source::Local(receiver) }
    }

    pub(super) async fn listen(pool: &PgPool) -> Result<Self, StoreError> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self { source: Source::Postgres(Box::new(listener)) })
    }

    /// Waits for the next wake-up. It may come without a cause: after a lost connection to PostgreSQL the listener
    /// connects again and reports one, because others may have been missed. May be dropped and called again.
    ///
    /// # Errors
    /// When PostgreSQL cannot be reached; the caller waits a little and asks again.
    pub async fn next(&mut self) -> Result<(), StoreError> {
        match &mut self.source {
            // The sender lives in the database handle; when that is gone nothing will ever wake us.
            Source::Local(receiver) => {
                if receiver.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
            Source::Postgres(listener) => {
                listener.try_recv().await?;
                while listener.next_buffered().is_some() {}
            }
        }
        Ok(())
    }
}
