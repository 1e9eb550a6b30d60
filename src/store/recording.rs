//! Recordings of calls after the call: how far their files have come, and what they look like.

use super::db::Row;
use super::db::value::text_columns;
use super::{StoreError, Tx};
use crate::args;
use crate::call::record::RecordingFault;
use crate::campaign::wire::wire_enum;
use crate::id::{CallId, OrgId};

wire_enum! {
    /// How far the file of a recording has come.
    pub enum RecordingState is "state of a recording" {
        /// As it was recorded.
        Fresh = "fresh",
        /// Worked up, on the disk of the server that recorded it.
        Kept = "kept",
        /// In the object store.
        Stored = "stored",
    }
}

text_columns!(RecordingState, RecordingFault);

/// A recording that waits for work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its call.
    pub call: CallId,
    /// Its file, relative to the folder of recordings.
    pub path: String,
}

/// What a file is like that was worked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worked {
    /// Where it is, relative to the folder of recordings.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// What it looks like; `None` when it could not be read.
    pub peaks: Option<Vec<u8>>,
}

/// A file that is to be taken to the object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Its call.
    pub call: CallId,
    /// Where it is, relative to the folder of recordings.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// The file of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filed {
    /// Where it is, relative to the folder of recordings.
    pub path: String,
    /// How far it has come.
    pub state: RecordingState,
    /// Its length, once it was worked up.
    pub bytes: Option<u64>,
    /// SHA-256 of its bytes, once it was worked up.
    pub sha256: Option<String>,
}

/// The next recordings in a state, by the ids of their calls; empty at the end.
///
/// # Errors
/// When the database fails.
pub async fn waiting(
    tx: &mut Tx,
    state: RecordingState,
    after: Option<CallId>,
    limit: i64,
) -> Result<Vec<Waiting>, StoreError> {
    const SQL: &str = "SELECT recording.call_id, call.recording_path FROM recording JOIN call ON call.id = recording.call_id \
                       WHERE recording.state = $1 AND recording.call_id > $2 AND call.recording_path IS NOT NULL \
                       ORDER BY recording.call_id LIMIT $3";
    let after = after.map_or_else(String::new, |call| call.to_string());
    let rows = tx.all(SQL, args![state, after, limit]).await?;
    let read = |row: &Row| Ok(Waiting { call: row.get("call_id")?, path: row.get("recording_path")? });
    rows.iter().map(read).collect()
}

/// How many recordings are in a state.
///
/// # Errors
/// When the database fails.
pub async fn count(tx: &mut Tx, state: RecordingState) -> Result<u64, StoreError> {
    let sql = "SELECT COUNT(*) AS value FROM recording WHERE state = $1";
    Ok(tx.value::<i64>(sql, args![state]).await?.unsigned_abs())
}

/// Says that a fresh recording was worked up. Whether there was one: its call may have been deleted.
///
/// # Errors
/// When the database fails.
pub async fn keep(tx: &mut Tx, call: CallId, worked: &Worked) -> Result<bool, StoreError> {
    const SQL: &str =
        "UPDATE recording SET state = $2, bytes = $3, sha256 = $4, peaks = $5 WHERE call_id = $1 AND state = $6";
    let bytes = i64::try_from(worked.bytes).unwrap_or(i64::MAX);
    let (kept, fresh) = (RecordingState::Kept, RecordingState::Fresh);
    let done = tx.execute(SQL, args![call, kept, bytes, worked.sha256, worked.peaks, fresh]).await? > 0;
    if done {
        tx.execute("UPDATE call SET recording_path = $2 WHERE id = $1", args![call, worked.path]).await?;
    }
    Ok(done)
}

/// The file of a call's recording; `None` when it was not recorded.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such call, or when the database fails.
pub async fn of(tx: &mut Tx, org: OrgId, call: CallId) -> Result<Option<Filed>, StoreError> {
    const SQL: &str = "SELECT call.recording_path, recording.state, recording.bytes, recording.sha256 FROM call \
                       LEFT JOIN recording ON recording.call_id = call.id WHERE call.org_id = $1 AND call.id = $2";
    let row = tx.optional(SQL, args![org, call]).await?.ok_or(StoreError::NotFound)?;
    let (path, state): (Option<String>, Option<RecordingState>) = (row.get("recording_path")?, row.get("state")?);
    let (bytes, sha256) = (length(&row)?, row.get("sha256")?);
    Ok(path.map(|path| Filed { path, state: state.unwrap_or(RecordingState::Fresh), bytes, sha256 }))
}

/// How far the recording of a call has come, whosever it is; `None` when no such call is on record, or it was not recorded.
///
/// # Errors
/// When the database fails.
pub async fn find(tx: &mut Tx, call: CallId) -> Result<Option<Filed>, StoreError> {
    const SQL: &str = "SELECT call.recording_path, recording.state, recording.bytes, recording.sha256 FROM recording \
                       JOIN call ON call.id = recording.call_id WHERE recording.call_id = $1";
    let Some(row) = tx.optional(SQL, args![call]).await? else { return Ok(None) };
    let (path, state, sha256) = (row.get("recording_path")?, row.get("state")?, row.get("sha256")?);
    Ok(Some(Filed { path, state, bytes: length(&row)?, sha256 }))
}

fn length(row: &Row) -> Result<Option<u64>, StoreError> {
    Ok(row.get::<Option<i64>>("bytes")?.map(i64::unsigned_abs))
}

/// The next files that are to be taken to the object store, by the ids of their calls; empty at the end.
///
/// # Errors
/// When the database fails.
pub async fn parcels(tx: &mut Tx, after: Option<CallId>, limit: i64) -> Result<Vec<Parcel>, StoreError> {
    const SQL: &str = "SELECT recording.call_id, call.recording_path, recording.bytes, recording.sha256 FROM recording \
                       JOIN call ON call.id = recording.call_id WHERE recording.state = $1 AND recording.call_id > $2 \
                       ORDER BY recording.call_id LIMIT $3";
    let after = after.map_or_else(String::new, |call| call.to_string());
    let rows = tx.all(SQL, args![RecordingState::Kept, after, limit]).await?;
    let read = |row: &Row| {
        let (call, path, sha256) = (row.get("call_id")?, row.get("recording_path")?, row.get("sha256")?);
        Ok(Parcel { call, path, bytes: length(row)?.unwrap_or(0), sha256 })
    };
    rows.iter().map(read).collect()
}

/// Says that a file is in the object store. Whether its call is still there, and nobody said so before.
///
/// # Errors
/// When the database fails.
pub async fn store(tx: &mut Tx, call: CallId) -> Result<bool, StoreError> {
    let sql = "UPDATE recording SET state = $2 WHERE call_id = $1 AND state = $3";
    Ok(tx.execute(sql, args![call, RecordingState::Stored, RecordingState::Kept]).await? > 0)
}

/// What a call's recording looks like, as it was stored; `None` before it was worked up.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such call, or when the database fails.
pub async fn peaks(tx: &mut Tx, org: OrgId, call: CallId) -> Result<Option<Vec<u8>>, StoreError> {
    const SQL: &str = "SELECT recording.peaks FROM call LEFT JOIN recording ON recording.call_id = call.id \
                       WHERE call.org_id = $1 AND call.id = $2";
    tx.optional(SQL, args![org, call]).await?.ok_or(StoreError::NotFound)?.get("peaks")
}

/// Notes that a call has a recording that nobody has worked on.
pub(super) async fn insert(tx: &mut Tx, call: CallId) -> Result<(), StoreError> {
    let sql = "INSERT INTO recording (call_id, state) VALUES ($1, $2)";
    tx.execute(sql, args![call, RecordingState::Fresh]).await.map(drop)
}
