//! Rows of imports that made nothing, and why.

use super::super::db::value::text_columns;
use crate::args;
use crate::campaign::wire::wire_enum;
use crate::id::ImportId;
use crate::pii::Pii;
use crate::store::db::Row;
use crate::store::{StoreError, Tx};

wire_enum! {
    /// What came of a row that made nothing.
    pub enum RowOutcome is "outcome of a row" {
        /// It could not be used.
        Failed = "failed",
        /// What it says is there already.
        Skipped = "skipped",
    }
}

text_columns!(RowOutcome);

/// A row that made nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRow {
    /// Its line or number in the file.
    pub row: u64,
    /// What came of it.
    pub outcome: RowOutcome,
    /// Stable name of the reason.
    pub code: String,
    /// Why.
    pub reason: String,
    /// Its cells, of one that failed.
    pub cells: Option<Pii<Vec<String>>>,
}

/// How many rows came to the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What came of them.
    pub outcome: RowOutcome,
    /// Stable name of the reason.
    pub code: String,
    /// Why, in the words of the first of them.
    pub reason: String,
    /// How many.
    pub rows: u64,
}

/// Why rows made nothing, the most frequent first.
///
/// # Errors
/// When the database fails.
pub async fn reasons(tx: &mut Tx, id: ImportId) -> Result<Vec<Reason>, StoreError> {
    let sql =
        "SELECT outcome, code, reason, row_count FROM import_reason WHERE import_id = $1 ORDER BY row_count DESC, code";
    let reason = |row: &Row| {
        let rows = row.get::<i64>("row_count")?.unsigned_abs();
        Ok(Reason { outcome: row.get("outcome")?, code: row.get("code")?, reason: row.get("reason")?, rows })
    };
    tx.all(sql, args![id]).await?.iter().map(reason).collect()
}

/// Rows that made nothing after a row, all or those of one outcome.
///
/// # Errors
/// When the database fails.
pub async fn rows(
    tx: &mut Tx,
    id: ImportId,
    outcome: Option<RowOutcome>,
    after: u64,
    limit: u32,
) -> Result<Vec<LoggedRow>, StoreError> {
    const ALL: &str = "SELECT row_no, outcome, code, reason, cells FROM import_row WHERE import_id = $1 AND row_no > $2 \
                       ORDER BY row_no LIMIT $3";
    const ONE: &str = "SELECT row_no, outcome, code, reason, cells FROM import_row WHERE import_id = $1 AND row_no > $2 \
                       AND outcome = $4 ORDER BY row_no LIMIT $3";
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut values = args![id, after, limit];
    let found = match outcome {
        None => tx.all(ALL, values).await?,
        Some(outcome) => {
            values.extend(args![outcome]);
            tx.all(ONE, values).await?
        }
    };
    let logged = |row: &Row| {
        let cells: Option<serde_json::Value> = row.get("cells")?;
        Ok(LoggedRow {
            row: row.get::<i64>("row_no")?.unsigned_abs(),
            outcome: row.get("outcome")?,
            code: row.get("code")?,
            reason: row.get("reason")?,
            cells: cells.map(|cells| super::value(cells, "cells").map(Pii::new)).transpose()?,
        })
    };
    found.iter().map(logged).collect()
}
