//! The transactions of the dialer.
//!
//! SIP offers no exactly-once, so a dial is *at most once for anything that may have left the box, at least once for
//! anything that provably has not*. Two commits come before an INVITE: the claim ([`Dialing::claim`]) settles limits,
//! gate and contact, the dial ([`Dialing::commit_dial`]) puts the leg on disk. What is decided in them is decided by
//! the pure functions of [`dialer`](crate::dialer); here the rows are locked, read and written.
//!
//! Locks are taken in one order everywhere: limiters (organisation, trunk, campaign, caller ID), campaign, attempt,
//! target. A target is locked before its attempt only while the attempt does not exist yet.

pub mod agenda;
pub mod breaker;
pub mod callback;
mod claim;
mod close;
mod commit;
mod failover;
mod failures;
mod finish;
mod inbound;
mod limits;
mod node;
pub mod now;
mod numbers;
mod progress;
mod promote;
mod queue;
mod reap;
mod rounds;
mod spend;
mod terms;
mod transfer;
mod writer;

pub use self::limits::{MAX_TRUNKS, live_over};
pub use claim::{ClaimRequest, Claimed, Picked, Refused, TurnedAway};
pub use commit::DialRequest;
pub use failover::{FailedOver, FailoverDenied, FailoverRequest};
pub use finish::{AttemptEnd, Report};
pub use inbound::{InboundDoor, InboundRequest};
pub use node::Node;
pub use progress::{Progress, Step};
pub use promote::{Hurried, Promoted};
pub use reap::{Orphan, Reaped};
pub use transfer::{TransferAdmitted, TransferCallee, TransferDenied, TransferRequest, TransferStep};

use std::sync::Arc;
use std::time::Duration;

use super::{Db, StoreError};
use terms::Book;
use writer::Writer;

/// What a target's place in the ready queue gains when its contact asked for a callback: more than a person can set.
const CALLBACK_RANK: i64 = 10_000;
/// … and when that callback was missed: the head of the queue.
const MISSED_CALLBACK_RANK: i64 = 20_000;
/// … and when a person wants the call at once: before everybody.
const NOW_RANK: i64 = 30_000;

/// The dialer's side of the database; clones share it.
#[derive(Clone, Debug)]
pub struct Dialing {
    db: Db,
    /// Length of a claim's and a node's lease.
    lease: Duration,
    book: Arc<Book>,
    writer: Writer,
}

impl Dialing {
    /// Begins to use `db` for dialing, with leases of this length. Must be called within a tokio runtime: on SQLite a
    /// task writes for all dials.
    #[must_use]
    pub fn new(db: &Db, lease: Duration) -> Self {
        let book = Arc::default();
        Self { db: db.clone(), lease, writer: Writer::start(db, &book), book }
    }

    /// The length of a lease.
    #[must_use]
    pub const fn lease(&self) -> Duration {
        self.lease
    }

    /// The database.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }
}

/// Microseconds of a duration that a setting bounds.
fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).expect("settings are far below 292,000 years")
}

/// Seconds as the columns hold them.
fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(seconds.unsigned_abs())
}

/// Runs out of a compare-and-set that touched no row.
const fn one_row(rows: u64) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::Stale) } else { Ok(()) }
}
