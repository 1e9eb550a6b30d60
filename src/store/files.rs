//! Files of calls whose data was deleted. Each lies on the disk of the node that made the call, or on one that nodes share:
//! every node looks for all of them, and who has removed one says so.

use jiff::{SignedDuration, Timestamp};

use super::db::Kind;
use super::{StoreError, Tx};
use crate::args;

/// How long a file is looked for: a node may have been away.
pub const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Files of one page.
const PAGE: i64 = 500;

/// Asks all nodes to remove a file, by its path in the folder of recordings.
pub(super) async fn remove(tx: &mut Tx, path: &str) -> Result<(), StoreError> {
    const SQL: &str = "INSERT INTO file_removal (path, asked_at) VALUES ($1, $2) ON CONFLICT (path) DO NOTHING";
    let now = tx.now().await?;
    tx.execute(SQL, args![path, now]).await.map(drop)
}

/// Asks whoever speaks to the object store to remove a file there.
pub(super) async fn remove_stored(tx: &mut Tx, path: &str) -> Result<(), StoreError> {
    const SQL: &str =
        "INSERT INTO file_removal (path, asked_at, stored) VALUES ($1, $2, TRUE) ON CONFLICT (path) DO NOTHING";
    let now = tx.now().await?;
    tx.execute(SQL, args![path, now]).await.map(drop)
}

/// The next files to be removed from the object store, in the order of their paths; empty at the end.
///
/// # Errors
/// When the database fails.
pub async fn wanted_stored(tx: &mut Tx, after: Option<&str>) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "SELECT path FROM file_removal WHERE stored AND path > $1 ORDER BY path LIMIT $2";
    tx.all(SQL, args![after.unwrap_or_default(), PAGE]).await?.iter().map(|row| row.get("path")).collect()
}

/// A file is gone from the object store.
///
/// # Errors
/// When the database fails.
pub async fn removed_stored(tx: &mut Tx, path: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM file_removal WHERE path = $1 AND stored", args![path]).await.map(drop)
}

/// The next files to be removed from disks, in the order of their paths; empty at the end.
///
/// # Errors
/// When the database fails.
pub async fn wanted(tx: &mut Tx, after: Option<&str>) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "SELECT path FROM file_removal WHERE NOT stored AND path > $1 ORDER BY path LIMIT $2";
    tx.all(SQL, args![after.unwrap_or_default(), PAGE]).await?.iter().map(|row| row.get("path")).collect()
}

/// What became of files that were looked for on this node: nobody need look again for those that were there. Where there is
/// only one node that holds for all of them.
///
/// # Errors
/// When the database fails.
pub async fn looked(tx: &mut Tx, there: &[String], not_there: &[String]) -> Result<(), StoreError> {
    let alone = if tx.kind() == Kind::Sqlite { not_there } else { &[] };
    for path in there.iter().chain(alone) {
        tx.execute("DELETE FROM file_removal WHERE path = $1", args![path.as_str()]).await?;
    }
    Ok(())
}

/// Gives up on files that no node has had for so long. How many.
///
/// # Errors
/// When the database fails.
pub async fn give_up(tx: &mut Tx) -> Result<u64, StoreError> {
    let before: Timestamp = tx.now().await? - KEPT;
    tx.execute("DELETE FROM file_removal WHERE asked_at < $1", args![before]).await
}
