//! Files with contacts or cases: where each stands, what came of its rows, and its undoing.

mod log;
mod settle;
mod undo;
mod write;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::audit::{self, Actor};
use super::db::Row;
use super::db::value::text_columns;
use super::filter::{Clause, Cursor, Sheet};
use super::tag::key;
use super::{Listing, StoreError, Tx};
use crate::args;
use crate::campaign::import::{Format, IntoList, Plan, Reading};
use crate::campaign::wire::wire_enum;
use crate::id::{ImportId, ListId, MappingId, OrgId};

pub use log::{LoggedRow, Reason, RowOutcome, reasons, rows};
pub use undo::{Undone, step as undo_step};
pub use write::{BATCH, Parsed, Written, lookalikes, write};

wire_enum! {
    /// Where an import stands.
    pub enum ImportState is "state of an import" {
        /// The file is there; what is made of it is to be said.
        Uploaded = "uploaded",
        /// It waits for its turn.
        Queued = "queued",
        /// Rows are being imported.
        Running = "running",
        /// All rows have been dealt with.
        Done = "done",
        /// The file could not be read to its end; what was imported stays.
        Failed = "failed",
        /// Somebody stopped it; what was imported stays.
        Cancelled = "cancelled",
        /// It is being undone.
        Undoing = "undoing",
        /// It has been undone, as far as that was possible.
        Undone = "undone",
    }
}

text_columns!(ImportState, Format);

/// An import.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// Its id.
    pub id: ImportId,
    /// Whose it is.
    pub org: OrgId,
    /// Where it stands.
    pub state: ImportState,
    /// What the file was called.
    pub file_name: String,
    /// How long it is.
    pub bytes: u64,
    /// What kind it is.
    pub format: Format,
    /// What a look at the file told, as JSON, and how it is read.
    pub facts: serde_json::Value,
    /// How somebody wants it to be read.
    pub reading: Reading,
    /// The names of its columns, once there is a plan.
    pub columns: Vec<String>,
    /// What is made of it.
    pub plan: Option<Plan>,
    /// The list that everybody comes into.
    pub list: Option<ListId>,
    /// The last row that has been dealt with.
    pub row: u64,
    /// What came of the rows.
    pub counts: Counts,
    /// Bytes of the file that have been read.
    pub bytes_read: u64,
    /// Why it failed as a whole.
    pub error: Option<String>,
    /// What came of undoing it.
    pub undone: Option<Undone>,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// When its first row was dealt with.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
}

/// How many rows came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They made a contact or a case.
    pub created: u64,
    /// They changed one.
    pub updated: u64,
    /// They were there already.
    pub skipped: u64,
    /// They could not be used.
    pub failed: u64,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.created + self.updated + self.skipped + self.failed
    }
}

/// How long a node has an import for itself without a sign of life.
const LEASE: SignedDuration = SignedDuration::from_mins(2);
/// How long an upload waits for its plan, and what came of an import is told.
pub const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

const SELECT: &str = "SELECT id, org_id, state, file_name, bytes, format, reading, plan, list_id, row_no, created, updated, \
                      skipped, failed, bytes_read, error, undone, created_at, started_at, finished_at FROM import";

/// A file that has been uploaded.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The id its file has.
    pub id: ImportId,
    /// What it was called.
    pub file_name: String,
    /// How long it is.
    pub bytes: u64,
    /// What kind it is.
    pub format: Format,
    /// What a look at it told, as JSON.
    pub facts: serde_json::Value,
}

/// Keeps that a file was uploaded.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Tx, org: OrgId, actor: &Actor, upload: Upload) -> Result<Import, StoreError> {
    let now = tx.now().await?;
    let reading = json!({ "facts": upload.facts, "chosen": Reading::default() });
    tx.execute(
        "INSERT INTO import (id, org_id, state, file_name, bytes, format, reading, actor, row_no, created, updated, skipped, \
         failed, bytes_read, created_at) VALUES ($1, $2, 'uploaded', $3, $4, $5, $6, $7, 0, 0, 0, 0, 0, 0, $8)",
        args![
            upload.id,
            org,
            upload.file_name,
            i64::try_from(upload.bytes).unwrap_or(i64::MAX),
            upload.format,
            reading,
            actor.to_string(),
            now
        ],
    )
    .await?;
    let detail = json!({ "bytes": upload.bytes, "format": upload.format });
    audit::write(tx, org, actor, "import.upload", ("import", upload.id.to_string()), detail).await?;
    get(tx, org, upload.id).await
}

/// One import.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: ImportId) -> Result<Import, StoreError> {
    let rows = tx.all_built(format!("{SELECT} WHERE org_id = $1 AND id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// The imports of an organisation, all or those in one state.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    state: Option<ImportState>,
    sheet: &Sheet,
) -> Result<Listing<Import, Cursor>, StoreError> {
    let mut clause = Clause::new(tx, format!("{SELECT} WHERE org_id = $1"), args![org]);
    clause.is("state", state.as_ref());
    clause.page(tx, "id", sheet, read).await
}

/// Sets how the file of an import is read, as long as it has not been started.
///
/// # Errors
/// [`StoreError::Stale`] when it has, or when the database fails.
pub async fn set_reading(tx: &mut Tx, seen: &Import, reading: &Reading) -> Result<(), StoreError> {
    let value = json!({ "facts": seen.facts, "chosen": reading });
    // What was said of columns may fit them no longer.
    let sql = "UPDATE import SET reading = $2, plan = NULL WHERE id = $1 AND state = 'uploaded'";
    moved(tx.execute(sql, args![seen.id, value]).await?)
}

/// Sets what is made of an import, as long as it has not been started.
///
/// # Errors
/// [`StoreError::Stale`] when it has, or when the database fails.
pub async fn set_plan(tx: &mut Tx, seen: &Import, plan: &Plan, columns: &[String]) -> Result<(), StoreError> {
    let reading = json!({ "facts": seen.facts, "chosen": seen.reading, "columns": columns });
    let sql = "UPDATE import SET plan = $2, reading = $3 WHERE id = $1 AND state = 'uploaded'";
    moved(tx.execute(sql, args![seen.id, json(plan), reading]).await?)
}

/// Lets an import with a plan begin when it is its turn.
///
/// # Errors
/// [`StoreError::Stale`] when it has been started, or when the database fails.
pub async fn queue(tx: &mut Tx, seen: &Import, actor: &Actor) -> Result<(), StoreError> {
    let sql = "UPDATE import SET state = 'queued' WHERE id = $1 AND state = 'uploaded' AND plan IS NOT NULL";
    moved(tx.execute(sql, args![seen.id]).await?)?;
    audit::write(tx, seen.org, actor, "import.start", ("import", seen.id.to_string()), json!({})).await
}

/// Stops an import that waits or runs. What was imported stays.
///
/// # Errors
/// [`StoreError::Stale`] when it does neither, or when the database fails.
pub async fn cancel(tx: &mut Tx, seen: &Import, actor: &Actor) -> Result<(), StoreError> {
    let sql =
        "UPDATE import SET state = 'cancelled', finished_at = $2 WHERE id = $1 AND state IN ('queued', 'running')";
    let now = tx.now().await?;
    moved(tx.execute(sql, args![seen.id, now]).await?)?;
    audit::write(tx, seen.org, actor, "import.cancel", ("import", seen.id.to_string()), json!({})).await
}

/// Has an import undone that came to its end.
///
/// # Errors
/// [`StoreError::Stale`] when it did not, or when the database fails.
pub async fn undo(tx: &mut Tx, seen: &Import, actor: &Actor) -> Result<(), StoreError> {
    let sql = "UPDATE import SET state = 'undoing', undone = $2, actor = $3 WHERE id = $1 \
               AND state IN ('done', 'failed', 'cancelled')";
    moved(tx.execute(sql, args![seen.id, json(&Undone::default()), actor.to_string()]).await?)?;
    audit::write(tx, seen.org, actor, "import.undo", ("import", seen.id.to_string()), json!({})).await
}

/// Forgets an import that is not under way; what it imported stays.
///
/// # Errors
/// [`StoreError::Stale`] when it is under way, or when the database fails.
pub async fn delete(tx: &mut Tx, seen: &Import, actor: &Actor) -> Result<(), StoreError> {
    let sql = "DELETE FROM import WHERE id = $1 AND state NOT IN ('queued', 'running', 'undoing')";
    moved(tx.execute(sql, args![seen.id]).await?)?;
    audit::write(tx, seen.org, actor, "import.delete", ("import", seen.id.to_string()), json!({})).await
}

/// Those of all organisations that are under way.
///
/// # Errors
/// When the database fails.
pub async fn open(tx: &mut Tx) -> Result<Vec<(ImportId, ImportState)>, StoreError> {
    let sql = "SELECT id, state FROM import WHERE state IN ('queued', 'running', 'undoing') ORDER BY id LIMIT 100";
    tx.all(sql, vec![]).await?.iter().map(|row| Ok((row.get("id")?, row.get("state")?))).collect()
}

/// Whether there is such an import, of whatever organisation.
///
/// # Errors
/// When the database fails.
pub async fn is_there(tx: &mut Tx, id: ImportId) -> Result<bool, StoreError> {
    Ok(tx.optional("SELECT id FROM import WHERE id = $1", args![id]).await?.is_some())
}

/// Whether the file of an import is still needed.
///
/// # Errors
/// When the database fails.
pub async fn needs_file(tx: &mut Tx, id: ImportId) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM import WHERE id = $1 AND state IN ('uploaded', 'queued', 'running')";
    Ok(tx.optional(sql, args![id]).await?.is_some())
}

/// Forgets those that need not be told of any longer, a few at a time.
///
/// # Errors
/// When the database fails.
pub async fn forget(tx: &mut Tx) -> Result<u64, StoreError> {
    let before = tx.now().await? - KEPT;
    let sql = "DELETE FROM import WHERE id IN (SELECT id FROM import WHERE COALESCE(finished_at, created_at) < $1 \
               AND state NOT IN ('queued', 'running', 'undoing') LIMIT 5)";
    tx.execute(sql, args![before]).await
}

/// Takes an import for this node: one that waits, or whose node has died.
///
/// # Errors
/// When the database fails.
pub async fn take(tx: &mut Tx, id: ImportId) -> Result<Option<Import>, StoreError> {
    let now = tx.now().await?;
    let sql = "UPDATE import SET state = 'running', lease_until = $3, started_at = COALESCE(started_at, $2) WHERE id = $1 \
               AND (state = 'queued' OR (state = 'running' AND lease_until < $2))";
    if tx.execute(sql, args![id, now, now + LEASE]).await? == 0 {
        return Ok(None);
    }
    one(tx, id).await
}

/// Lets go of an import that this node cannot go on with: another try follows at once.
///
/// # Errors
/// When the database fails.
pub async fn let_go(tx: &mut Tx, id: ImportId) -> Result<(), StoreError> {
    let sql = "UPDATE import SET lease_until = 0 WHERE id = $1 AND state = 'running'";
    tx.execute(sql, args![id]).await.map(drop)
}

/// Brings a running import to its end.
///
/// # Errors
/// When the database fails.
pub async fn finish(tx: &mut Tx, id: ImportId, error: Option<&str>) -> Result<(), StoreError> {
    let now = tx.now().await?;
    let state = if error.is_some() { ImportState::Failed } else { ImportState::Done };
    let sql = "UPDATE import SET state = $2, error = $3, finished_at = $4, bytes_read = CASE WHEN $3 IS NULL THEN bytes \
               ELSE bytes_read END WHERE id = $1 AND state = 'running'";
    tx.execute(sql, args![id, state, error, now]).await.map(drop)
}

/// Keeps which list everybody of an import comes into.
///
/// # Errors
/// When the database fails.
pub async fn set_list(tx: &mut Tx, import: &Import, list: ListId) -> Result<(), StoreError> {
    let plan = Plan { list: Some(IntoList::Id(list)), ..import.plan.clone().unwrap_or_default() };
    let sql = "UPDATE import SET list_id = $2, plan = $3 WHERE id = $1";
    tx.execute(sql, args![import.id, list, json(&plan)]).await.map(drop)
}

/// Which column is what, kept for files like it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Its id.
    pub id: MappingId,
    /// Its name.
    pub name: String,
    /// What is made of a file.
    pub plan: Plan,
}

/// Keeps a mapping; one of the same name is replaced.
///
/// # Errors
/// When the database fails.
pub async fn keep_mapping(tx: &mut Tx, org: OrgId, name: &str, plan: &Plan) -> Result<(), StoreError> {
    let sql = "INSERT INTO import_mapping (id, org_id, name, name_key, plan, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (org_id, name_key) DO UPDATE SET name = EXCLUDED.name, plan = EXCLUDED.plan";
    let now = tx.now().await?;
    tx.execute(sql, args![MappingId::generate(), org, name.trim(), key(name), json(plan), now]).await.map(drop)
}

/// The mappings of an organisation, by name; at most 500.
///
/// # Errors
/// When the database fails.
pub async fn mappings(tx: &mut Tx, org: OrgId) -> Result<Vec<Mapping>, StoreError> {
    let sql = "SELECT id, name, plan FROM import_mapping WHERE org_id = $1 ORDER BY name_key LIMIT 500";
    let mapping =
        |row: &Row| Ok(Mapping { id: row.get("id")?, name: row.get("name")?, plan: value(row.get("plan")?, "plan")? });
    tx.all(sql, args![org]).await?.iter().map(mapping).collect()
}

/// Forgets a mapping.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn delete_mapping(tx: &mut Tx, org: OrgId, id: MappingId) -> Result<(), StoreError> {
    match tx.execute("DELETE FROM import_mapping WHERE org_id = $1 AND id = $2", args![org, id]).await? {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

async fn one(tx: &mut Tx, id: ImportId) -> Result<Option<Import>, StoreError> {
    tx.all_built(format!("{SELECT} WHERE id = $1"), args![id]).await?.first().map(read).transpose()
}

const fn moved(rows: u64) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::Stale) } else { Ok(()) }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plans and wishes are JSON")
}

fn value<T: DeserializeOwned>(value: serde_json::Value, column: &'static str) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|_| StoreError::Corrupt { column })
}

fn read(row: &Row) -> Result<Import, StoreError> {
    let count = |column| Ok::<_, StoreError>(row.get::<i64>(column)?.unsigned_abs());
    let mut reading: serde_json::Value = row.get("reading")?;
    let plan: Option<serde_json::Value> = row.get("plan")?;
    let undone: Option<serde_json::Value> = row.get("undone")?;
    Ok(Import {
        id: row.get("id")?,
        org: row.get("org_id")?,
        state: row.get("state")?,
        file_name: row.get("file_name")?,
        bytes: count("bytes")?,
        format: row.get("format")?,
        facts: reading["facts"].take(),
        reading: value(reading["chosen"].take(), "reading")?,
        columns: value::<Option<_>>(reading["columns"].take(), "reading")?.unwrap_or_default(),
        plan: plan.map(|plan| value(plan, "plan")).transpose()?,
        list: row.get("list_id")?,
        row: count("row_no")?,
        counts: Counts {
            created: count("created")?,
            updated: count("updated")?,
            skipped: count("skipped")?,
            failed: count("failed")?,
        },
        bytes_read: count("bytes_read")?,
        error: row.get("error")?,
        undone: undone.map(|undone| value(undone, "undone")).transpose()?,
        created_at: row.get("created_at")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
    })
}
