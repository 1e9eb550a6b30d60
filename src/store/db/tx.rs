//! A transaction on either database.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr, SqlStr, Sqlite, Transaction};
use tokio::sync::broadcast;

use super::sync::Syncer;
use super::value::{Arg, Row, postgres_arguments, sqlite_arguments};
use super::wake::{CHANNEL, Wake};
use super::{FromColumn, Kind, StoreError, held};
use crate::args;
use crate::time;

/// An open transaction. Dropped without [`Tx::commit`] it is rolled back.
#[derive(Debug)]
pub struct Tx {
    inner: Inner,
    wakes: BTreeSet<Wake>,
    /// What its commit waits for.
    log: Option<Syncer>,
    clock_shift: i64,
}

#[derive(Debug)]
enum Inner {
    Sqlite(Transaction<'static, Sqlite>, Option<broadcast::Sender<Wake>>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub(super) fn sqlite(
        tx: Transaction<'static, Sqlite>,
        wake: Option<broadcast::Sender<Wake>>,
        log: Option<Syncer>,
        clock_shift: i64,
    ) -> Self {
        Self { inner: Inner::Sqlite(tx, wake), wakes: BTreeSet::new(), log, clock_shift }
    }

    pub(super) fn postgres(tx: Transaction<'static, Postgres>, clock_shift: i64) -> Self {
        Self { inner: Inner::Postgres(tx), wakes: BTreeSet::new(), log: None, clock_shift }
    }

    /// Which database this transaction runs on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.inner {
            Inner::Sqlite(..) => Kind::Sqlite,
            Inner::Postgres(_) => Kind::Postgres,
        }
    }

    /// The statement for this database, where the two need different ones: a row lock is a clause on PostgreSQL and
    /// nothing on SQLite, whose writer is alone.
    #[must_use]
    pub fn pick(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self.inner {
            Inner::Sqlite(..) => sqlite,
            Inner::Postgres(_) => postgres,
        }
    }

    /// The database's time: one clock for all nodes, read at this moment and not at the start of the transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn now(&mut self) -> Result<Timestamp, StoreError> {
        const CLOCK: &str = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS now";
        let micros = match self.inner {
            Inner::Sqlite(..) => time::now().micros(),
            Inner::Postgres(_) => self.one(CLOCK, vec![]).await?.get("now")?,
        };
        Timestamp::from_microsecond(micros + self.clock_shift).map_err(|_| StoreError::Corrupt { column: "now" })
    }

    /// Runs a statement and tells how many rows it wrote.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a constraint refuses, else [`StoreError::Db`].
    pub async fn execute(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<u64, StoreError> {
        self.run(sql.into_sql_str(), true, args).await
    }

    /// [`Tx::execute`] for a statement built at run time. Its text must not hold anything from outside: values are
    /// bound.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn execute_built(&mut self, sql: String, args: Vec<Arg>) -> Result<u64, StoreError> {
        self.run(AssertSqlSafe(sql).into_sql_str(), false, args).await
    }

    /// [`Tx::execute_built`] for a statement of many rows, whose text comes again when it is full.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub(super) async fn execute_many(&mut self, sql: String, keep: bool, args: Vec<Arg>) -> Result<u64, StoreError> {
        self.run(AssertSqlSafe(sql).into_sql_str(), keep, args).await
    }

    /// All rows of a query. The statement bounds their number with LIMIT where a table can be large.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn all(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        self.rows(sql.into_sql_str(), true, args).await
    }

    /// [`Tx::all`] for a statement built at run time, under the same rule as [`Tx::execute_built`].
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn all_built(&mut self, sql: String, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        self.rows(AssertSqlSafe(sql).into_sql_str(), false, args).await
    }

    /// The first row of a query, if any.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for an INSERT … RETURNING that a constraint refuses, else [`StoreError::Db`].
    pub async fn optional(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Option<Row>, StoreError> {
        Ok(match &mut self.inner {
            Inner::Sqlite(tx, _) => {
                sqlx::query_with(sql, sqlite_arguments(args)?).fetch_optional(&mut **tx).await?.map(Row::Sqlite)
            }
            Inner::Postgres(tx) => {
                sqlx::query_with(sql, postgres_arguments(args)?).fetch_optional(&mut **tx).await?.map(Row::Postgres)
            }
        })
    }

    /// The first row of a query that must have one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without a row; else as [`Tx::optional`].
    pub async fn one(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<Row, StoreError> {
        self.optional(sql, args).await?.ok_or(StoreError::NotFound)
    }

    /// The column `value` of the first row of a query that must have one.
    ///
    /// # Errors
    /// As [`Tx::one`].
    pub async fn value<T: FromColumn>(&mut self, sql: &'static str, args: Vec<Arg>) -> Result<T, StoreError> {
        self.one(sql, args).await?.get("value")
    }

    /// Once committed, tells every dialer that shares this database.
    pub fn wake(&mut self, wake: Wake) {
        self.wakes.insert(wake);
    }

    /// Makes the writes of this transaction permanent and visible; within [`held::hold`] once the request they belong to has
    /// its answer.
    ///
    /// # Errors
    /// [`StoreError::Db`]; after a lost connection to PostgreSQL, or when a disk refuses to sync, it is unknown whether the
    /// commit took place.
    pub async fn commit(self) -> Result<(), StoreError> {
        match held::keep(self) {
            Some(tx) => tx.commit_now().await,
            None => Ok(()),
        }
    }

    /// As [`Tx::commit`], and not later: for what has to be in the database before something else is done.
    ///
    /// # Errors
    /// As [`Tx::commit`]; [`StoreError::Stale`] when another request with the same key was faster.
    pub async fn commit_now(mut self) -> Result<(), StoreError> {
        if let Some(mark) = held::mark() {
            mark.leave(&mut self).await?;
            self.finish().await?;
            held::marked();
            return Ok(());
        }
        self.finish().await
    }

    async fn finish(mut self) -> Result<(), StoreError> {
        let wakes = std::mem::take(&mut self.wakes);
        if self.kind() == Kind::Postgres {
            for wake in &wakes {
                self.execute("SELECT pg_notify($1, $2)", args![CHANNEL, wake.payload()]).await?;
            }
        }
        match self.inner {
            Inner::Sqlite(tx, sender) => {
                tx.commit().await?;
                // Committed it is, whatever the disk says.
                let synced = match self.log {
                    Some(log) => log.synced().await,
                    None => Ok(()),
                };
                for (wake, sender) in wakes.into_iter().zip(sender.iter().cycle()) {
                    // Nobody listening is nobody to wake.
                    let _ = sender.send(wake);
                }
                synced?;
            }
            Inner::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    async fn run(&mut self, sql: SqlStr, keep: bool, args: Vec<Arg>) -> Result<u64, StoreError> {
        Ok(match &mut self.inner {
            Inner::Sqlite(tx, _) => {
                let query = sqlx::query_with(sql, sqlite_arguments(args)?).persistent(keep);
                query.execute(&mut **tx).await?.rows_affected()
            }
            Inner::Postgres(tx) => {
                let query = sqlx::query_with(sql, postgres_arguments(args)?).persistent(keep);
                query.execute(&mut **tx).await?.rows_affected()
            }
        })
    }

    async fn rows(&mut self, sql: SqlStr, keep: bool, args: Vec<Arg>) -> Result<Vec<Row>, StoreError> {
        Ok(match &mut self.inner {
            Inner::Sqlite(tx, _) => {
                let query = sqlx::query_with(sql, sqlite_arguments(args)?).persistent(keep);
                query.fetch_all(&mut **tx).await?.into_iter().map(Row::Sqlite).collect()
            }
            Inner::Postgres(tx) => {
                let query = sqlx::query_with(sql, postgres_arguments(args)?).persistent(keep);
                query.fetch_all(&mut **tx).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }
}
