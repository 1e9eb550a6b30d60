//! One database type over SQLite and PostgreSQL.
//!
//! The same statement text runs on both: parameters are `$1`, ids and JSON are TEXT, times are BIGINT microseconds,
//! and values are bound with their types ([`Arg`]). Where the two really differ (row locks, the clock) the statement
//! is asked for by [`Tx::pick`].
//!
//! SQLite has one writer connection, handed out in turn, and transactions begin with `BEGIN IMMEDIATE`: the holder
//! of a [`Tx`] from [`Db::begin`] is alone. PostgreSQL runs at READ COMMITTED: whoever must be alone locks a row.

mod error;
pub mod held;
mod lock;
mod many;
mod migrate;
mod open;
mod page;
mod sync;
mod tx;
pub(in crate::store) mod value;
mod wake;

pub use error::{Constraint, StoreError};
pub(in crate::store) use many::{insert_many, places};
pub use open::Settings;
pub use page::{Listing, Page};
pub use tx::Tx;
pub use value::{Arg, FromColumn, Row, ToArg};
pub use wake::{Wake, Wakeups};

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sqlx::{PgPool, SqlitePool};
use tokio::sync::broadcast;

/// A handle to the database; clones share the connections.
#[derive(Clone, Debug)]
pub struct Db {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    backend: Backend,
    /// Wake-ups within this process: SQLite's stand-in for LISTEN/NOTIFY.
    wake: broadcast::Sender<Wake>,
    /// Microseconds added to the database's clock.
    clock_shift: AtomicI64,
}

#[derive(Debug)]
enum Backend {
    Sqlite { writer: SqlitePool, readers: SqlitePool, log: sync::Syncer, _lock: Option<lock::FileLock> },
    Postgres(PgPool),
}

/// Which of the two databases this is, where a person or a log line wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SQLite in a file: one process.
    Sqlite,
    /// PostgreSQL: several nodes may share it.
    Postgres,
}

impl Db {
    /// Opens the database, takes the lock of a SQLite file and brings the schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Address`] for a scheme that is neither `sqlite:` nor `postgres:`, [`StoreError::InUse`] when
    /// another process holds the file, [`StoreError::Migrate`] or [`StoreError::Db`] when the database refuses.
    pub async fn open(settings: &Settings) -> Result<Self, StoreError> {
        let backend = open::backend(settings).await?;
        let db = Self {
            inner: Arc::new(Inner {
                backend,
                wake: broadcast::Sender::new(wake::BACKLOG),
                clock_shift: AtomicI64::new(0),
            }),
        };
        match &db.inner.backend {
            Backend::Sqlite { writer, .. } => migrate::run(writer, Kind::Sqlite).await?,
            Backend::Postgres(pool) => migrate::run(pool, Kind::Postgres).await?,
        }
        Ok(db)
    }

    /// Opens the database to read, beside a server that may be at work on it: takes no lock, changes nothing, and needs the
    /// schema of this version.
    ///
    /// # Errors
    /// [`StoreError::Address`] for one that is none or has another schema, or when the database refuses.
    pub async fn open_to_read(settings: &Settings) -> Result<Self, StoreError> {
        Self::beside(settings, true).await
    }

    /// Opens the database for a few changes, beside a server that may be at work on it: takes no lock, and needs the schema of
    /// this version. The server sees what is committed; it is not woken.
    ///
    /// # Errors
    /// As [`Db::open_to_read`].
    pub async fn open_beside(settings: &Settings) -> Result<Self, StoreError> {
        Self::beside(settings, false).await
    }

    async fn beside(settings: &Settings, read_only: bool) -> Result<Self, StoreError> {
        let backend = open::beside(settings, read_only).await?;
        let wake = broadcast::Sender::new(wake::BACKLOG);
        let db = Self { inner: Arc::new(Inner { backend, wake, clock_shift: AtomicI64::new(0) }) };
        let mut tx = db.read().await?;
        let found = tx.value::<i64>("SELECT MAX(version) AS value FROM _sqlx_migrations", Vec::new()).await;
        let found = found.map_err(|_| StoreError::Address("it holds no database of callwright yet".to_owned()))?;
        if found != migrate::LATEST {
            let what = format!("its schema is version {found} and this program's is {}", migrate::LATEST);
            return Err(StoreError::Address(format!(
                "{what}: use the program of the server, or run `callwright migrate`"
            )));
        }
        drop(tx);
        Ok(db)
    }

    /// Which database this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.inner.backend {
            Backend::Sqlite { .. } => Kind::Sqlite,
            Backend::Postgres(_) => Kind::Postgres,
        }
    }

    /// Begins a transaction that writes. On SQLite it waits for its turn at the one writer; the last commits may be
    /// lost when the machine (not the process) dies.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        self.begin_for(Keep::Written, BEGIN).await
    }

    /// Begins a transaction whose commit, and every commit before it, survives the loss of power once it is answered: what
    /// must not be forgotten after it has been acted upon (an opt-out, a person's "pause"). On SQLite others write while it
    /// waits for the disk.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn begin_durable(&self) -> Result<Tx, StoreError> {
        self.begin_for(Keep::Synced, BEGIN).await
    }

    /// Begins a transaction that locks what other nodes wait for. On PostgreSQL its connection is ended when this process
    /// does nothing with it for [`BRIEF`]: one that stands still, or is cut off, does not stop the others. On SQLite it is
    /// one as [`Db::begin`] makes it: there are no others.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn begin_brief(&self) -> Result<Tx, StoreError> {
        self.begin_for(Keep::Written, BRIEFLY).await
    }

    /// The same with a commit that survives the loss of power, as that of [`Db::begin_durable`].
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn begin_brief_durable(&self) -> Result<Tx, StoreError> {
        self.begin_for(Keep::Synced, BRIEFLY).await
    }

    /// Begins a transaction that only reads: on SQLite it sees one state of the database, on PostgreSQL each
    /// statement sees its own.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        settle().await?;
        let shift = self.clock_shift();
        Ok(match &self.inner.backend {
            Backend::Sqlite { readers, .. } => Tx::sqlite(readers.begin().await?, None, None, shift),
            Backend::Postgres(pool) => Tx::postgres(pool.begin().await?, shift),
        })
    }

    /// A subscription to the wake-ups that committed transactions send ([`Tx::wake`]).
    #[must_use]
    pub fn wakeups(&self) -> Wakeups {
        Wakeups::new(self.clone())
    }

    /// Moves the clock that transactions read forward (or back, when negative), for tests and drills that cannot
    /// wait for a retry delay. Only this handle and its clones see it.
    pub fn shift_clock(&self, micros: i64) {
        self.inner.clock_shift.fetch_add(micros, Ordering::Relaxed);
    }

    /// Closes all connections once their transactions have ended, waiting at most `limit`.
    pub async fn close(&self, limit: Duration) {
        let closing = async {
            match &self.inner.backend {
                Backend::Sqlite { writer, readers, .. } => {
                    readers.close().await;
                    writer.close().await;
                }
                Backend::Postgres(pool) => pool.close().await,
            }
        };
        if tokio::time::timeout(limit, closing).await.is_err() {
            tracing::warn!("database connections were still busy when the time to close them was over");
        }
    }

    /// How often the log of SQLite has been synced.
    #[cfg(test)]
    pub(in crate::store) fn syncs(&self) -> u64 {
        match &self.inner.backend {
            Backend::Sqlite { log, .. } => log.syncs.load(Ordering::Relaxed),
            Backend::Postgres(_) => 0,
        }
    }

    async fn subscribe(&self) -> Result<wake::Source, StoreError> {
        match &self.inner.backend {
            Backend::Sqlite { .. } => Ok(wake::Source::Local(self.inner.wake.subscribe())),
            Backend::Postgres(pool) => wake::Source::listen(pool).await,
        }
    }

    /// Waits until everything that is committed now survives the loss of power, as if it had been begun by
    /// [`Db::begin_durable`]. On PostgreSQL it does as soon as it is committed.
    ///
    /// # Errors
    /// When the disk refuses: it is unknown what of it would survive.
    pub(in crate::store) async fn synced(&self) -> Result<(), StoreError> {
        match &self.inner.backend {
            Backend::Sqlite { log, .. } => log.synced().await,
            Backend::Postgres(_) => Ok(()),
        }
    }

    async fn begin_for(&self, keep: Keep, postgres: &'static str) -> Result<Tx, StoreError> {
        settle().await?;
        let shift = self.clock_shift();
        Ok(match &self.inner.backend {
            Backend::Sqlite { writer, log, .. } => {
                let begun = writer.begin_with("BEGIN IMMEDIATE").await?;
                let log = match keep {
                    Keep::Synced => Some(log.clone()),
                    Keep::Written => None,
                };
                Tx::sqlite(begun, Some(self.inner.wake.clone()), log, shift)
            }
            Backend::Postgres(pool) => Tx::postgres(pool.begin_with(postgres).await?, shift),
        })
    }

    fn clock_shift(&self) -> i64 {
        self.inner.clock_shift.load(Ordering::Relaxed)
    }
}

/// How long a process may stand still in the middle of a transaction for which other nodes wait. Far longer than the way to
/// the database and back, far shorter than a pause in dialing that anybody would notice.
pub const BRIEF: Duration = Duration::from_secs(2);
/// How PostgreSQL begins transactions: both parts go there and come back together.
const BEGIN: &str = "BEGIN";
const BRIEFLY: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '2s'";

/// What a commit has come to when it is answered.
#[derive(Clone, Copy, Debug)]
enum Keep {
    /// It survives the end of the process.
    Written,
    /// It survives the loss of power.
    Synced,
}

/// Commits what was put aside in the hope that it was the last: what comes now may have to see it, and SQLite has one writer.
async fn settle() -> Result<(), StoreError> {
    match held::release() {
        Some(tx) => tx.commit_now().await,
        None => Ok(()),
    }
}
