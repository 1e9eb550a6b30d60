//! Opening the connections.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::lock::FileLock;
use super::sync::Syncer;
use super::{Backend, StoreError};

/// Where the database is and how it is used.
#[derive(Clone)]
pub struct Settings {
    /// `sqlite:PATH` or `postgres://user:password@host:port/name`. It may hold a password and does not print.
    pub address: String,
    /// Connections to PostgreSQL, or readers of SQLite; at least 1. Default 10.
    pub connections: u32,
}

impl Settings {
    /// The address with defaults for the rest.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), connections: 10 }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// How long a request waits for a connection before it fails: a database that is gone shows within this time.
pub(super) const ACQUIRE: Duration = Duration::from_secs(10);
/// How long SQLite waits for a lock that another program (a backup, a shell) holds.
const BUSY: Duration = Duration::from_secs(5);

pub(super) async fn backend(settings: &Settings) -> Result<Backend, StoreError> {
    let address = settings.address.as_str();
    if let Some(path) = address.strip_prefix("sqlite:") {
        return sqlite(path.strip_prefix("//").unwrap_or(path), settings.connections.max(1)).await;
    }
    if address.starts_with("postgres://") || address.starts_with("postgresql://") {
        return postgres(address, settings.connections.max(1), false).await;
    }
    Err(StoreError::Address("expected sqlite:PATH or postgres://user:password@host/name".to_owned()))
}

async fn sqlite(path: &str, connections: u32) -> Result<Backend, StoreError> {
    if path.is_empty() || path.starts_with(':') || path.contains('?') {
        return Err(StoreError::Address("sqlite: needs the path of a file".to_owned()));
    }
    let path = PathBuf::from(path);
    let lock = FileLock::take(&path)?;
    let options = of_file(&path);
    // One connection that never idles out: waiting tasks get it in the order they asked.
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(async { Ok(is_usable(connection)) }))
        .acquire_timeout(ACQUIRE)
        .connect_with(options.clone().create_if_missing(true).synchronous(SqliteSynchronous::Normal))
        .await
        .map_err(|error| unreadable(&path, error))?;
    let readers = SqlitePoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .acquire_timeout(ACQUIRE)
        .connect_lazy_with(options.pragma("query_only", "ON"));
    let log = Syncer::start(&path).map_err(sqlx::Error::Io)?;
    Ok(Backend::Sqlite { writer, readers, log, _lock: Some(lock) })
}

fn of_file(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .statement_cache_capacity(256)
}

/// A backend beside a server that may be at work: it takes no lock of the file.
pub(super) async fn beside(settings: &Settings, read_only: bool) -> Result<Backend, StoreError> {
    let address = settings.address.as_str();
    let Some(path) = address.strip_prefix("sqlite:") else {
        return postgres(address, 1, read_only).await;
    };
    let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
    if !path.is_file() {
        return Err(StoreError::Address(format!("{}: there is no such file", path.display())));
    }
    let options = of_file(&path).pragma("query_only", if read_only { "ON" } else { "OFF" });
    let pool =
        || SqlitePoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE).connect_lazy_with(options.clone());
    let log = Syncer::start(&path).map_err(sqlx::Error::Io)?;
    Ok(Backend::Sqlite { writer: pool(), readers: pool(), log, _lock: None })
}

async fn postgres(address: &str, connections: u32, read_only: bool) -> Result<Backend, StoreError> {
    let options = PgConnectOptions::from_str(address)
        .map_err(|_| StoreError::Address("not a PostgreSQL address".to_owned()))?
        .application_name("callwright")
        .statement_cache_capacity(256)
        .options([
            ("default_transaction_isolation", "read committed"),
            ("default_transaction_read_only", if read_only { "on" } else { "off" }),
            ("synchronous_commit", "on"),
            // A holder of row locks that hangs in the middle must not stop others for ever. Where nodes wait for each other to
            // dial it is far less: see `Db::begin_brief`.
            ("idle_in_transaction_session_timeout", "30s"),
        ]);
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE).connect_with(options).await?;
    Ok(Backend::Postgres(pool))
}

/// Whether a connection that comes back has no transaction open. SQLite rolls back by itself when the disk is full or
/// fails; sqlx then never gets its own ROLLBACK through, takes the transaction for open and refuses every further one.
fn is_usable(connection: &SqliteConnection) -> bool {
    !connection.is_in_transaction()
}

/// SQLite's own words when the file cannot be opened name no file.
fn unreadable(path: &Path, error: sqlx::Error) -> StoreError {
    if let sqlx::Error::Database(refusal) = &error {
        return StoreError::Address(format!("{}: {}", path.display(), refusal.message()));
    }
    StoreError::Db(error)
}
