//! The database's clock as this process knows it.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::store::{Db, StoreError};
use crate::time::{self, Now};

/// Our clock, set to the database's: limits and windows are decided with the latter.
#[derive(Debug)]
pub(super) struct DatabaseClock {
    /// Microseconds that the database is ahead of us.
    ahead: AtomicI64,
}

impl DatabaseClock {
    /// Asks the database for its time.
    pub(super) async fn measure(db: &Db) -> Result<Self, StoreError> {
        let clock = Self { ahead: AtomicI64::new(0) };
        clock.adjust(db).await?;
        Ok(clock)
    }

    /// Asks again.
    pub(super) async fn adjust(&self, db: &Db) -> Result<(), StoreError> {
        let mut tx = db.read().await?;
        let before = time::now();
        let theirs = tx.now().await?;
        let after = time::now();
        // Half of the way there and back is over when the database looks at its clock.
        let ours = before.wall.as_microsecond().midpoint(after.wall.as_microsecond());
        self.ahead.store(theirs.as_microsecond() - ours, Ordering::Relaxed);
        Ok(())
    }

    /// Now, with the database's wall clock.
    pub(super) fn now(&self) -> Now {
        let now = time::now();
        let ahead = SignedDuration::from_micros(self.ahead.load(Ordering::Relaxed));
        Now { mono: now.mono, wall: now.wall.saturating_add(ahead).unwrap_or(now.wall) }
    }

    /// The database's time of an instant that is not long ago or ahead.
    pub(super) fn wall(&self, at: std::time::Instant) -> Timestamp {
        let now = self.now();
        let moved = match at.checked_duration_since(now.mono) {
            Some(ahead) => now.wall.saturating_add(ahead),
            None => now.wall.saturating_sub(now.mono.duration_since(at)),
        };
        moved.unwrap_or(now.wall)
    }
}
