//! Who is signed in. Of the browser's token only a hash is kept.

use jiff::{SignedDuration, Timestamp};

use super::{StoreError, Tx};
use crate::access::{Role, Token};
use crate::args;
use crate::id::{OrgId, UserId, UserSessionId};

/// How long a session lasts that is not used.
pub const IDLE: SignedDuration = SignedDuration::from_hours(12);
/// How long a session lasts at most; one that is remembered lasts so long, used or not.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Sessions of one user. Of more, those go that were used the longest ago.
pub const MOST: u32 = 20;
/// That a session is used is noted this often.
const NOTED: SignedDuration = SignedDuration::from_mins(5);

/// A session in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: UserSessionId,
    /// Whose it is.
    pub user: UserId,
    /// The organisation of the user.
    pub org: OrgId,
    /// What the user is there.
    pub role: Role,
    /// Whether it is time to note that it is used.
    pub stale: bool,
}

/// Signs a user in. Sessions that are over are forgotten.
///
/// # Errors
/// When the database fails.
pub async fn begin(tx: &mut Tx, user: UserId, remembered: bool, token: &Token) -> Result<UserSessionId, StoreError> {
    let (id, now) = (UserSessionId::generate(), tx.now().await?);
    tx.execute("DELETE FROM user_session WHERE expires_at <= $1", args![now]).await?;
    tx.execute(
        "INSERT INTO user_session (id, token_hash, user_id, remembered, created_at, last_used_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        args![id, token.hash(), user, remembered, now, now, expiry(remembered, now, now)],
    )
    .await?;
    tx.execute(
        "DELETE FROM user_session WHERE user_id = $1 AND id NOT IN \
         (SELECT id FROM user_session WHERE user_id = $1 ORDER BY last_used_at DESC, id DESC LIMIT $2)",
        args![user, i64::from(MOST)],
    )
    .await?;
    Ok(id)
}

/// The session that `token` is, if it is in force and its user may sign in.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none, or when the database fails.
pub async fn authenticate(tx: &mut Tx, token: &Token) -> Result<Session, StoreError> {
    const SQL: &str = "SELECT s.id, s.user_id, s.last_used_at, u.org_id, u.role FROM user_session s \
                       JOIN user_account u ON u.id = s.user_id \
                       WHERE s.token_hash = $1 AND s.expires_at > $2 AND u.active";
    let now = tx.now().await?;
    let row = tx.one(SQL, args![token.hash(), now]).await?;
    let used: Timestamp = row.get("last_used_at")?;
    Ok(Session {
        id: row.get("id")?,
        user: row.get("user_id")?,
        org: row.get("org_id")?,
        role: row.get("role")?,
        stale: now.duration_since(used) >= NOTED,
    })
}

/// Notes that a session is used.
///
/// # Errors
/// When the database fails.
pub async fn touch(tx: &mut Tx, id: UserSessionId) -> Result<(), StoreError> {
    let now = tx.now().await?;
    let sql = "SELECT remembered, created_at FROM user_session WHERE id = $1";
    let Some(row) = tx.optional(sql, args![id]).await? else { return Ok(()) };
    let until = expiry(row.get("remembered")?, row.get("created_at")?, now);
    let sql = "UPDATE user_session SET last_used_at = $2, expires_at = $3 WHERE id = $1";
    tx.execute(sql, args![id, now, until]).await.map(drop)
}

/// Whether a session is in force and its user still is what they were.
///
/// # Errors
/// When the database fails.
pub async fn in_force(tx: &mut Tx, id: UserSessionId, role: Role) -> Result<bool, StoreError> {
    const SQL: &str = "SELECT s.id FROM user_session s JOIN user_account u ON u.id = s.user_id \
                       WHERE s.id = $1 AND s.expires_at > $2 AND u.active AND u.role = $3";
    let now = tx.now().await?;
    Ok(tx.optional(SQL, args![id, now, role]).await?.is_some())
}

/// Signs out.
///
/// # Errors
/// When the database fails.
pub async fn end(tx: &mut Tx, id: UserSessionId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM user_session WHERE id = $1", args![id]).await.map(drop)
}

/// Ends the session that `token` is, if it is one.
///
/// # Errors
/// When the database fails.
pub async fn end_by_token(tx: &mut Tx, token: &Token) -> Result<(), StoreError> {
    tx.execute("DELETE FROM user_session WHERE token_hash = $1", args![token.hash()]).await.map(drop)
}

/// Signs a user out everywhere, but for this session.
///
/// # Errors
/// When the database fails.
pub async fn end_all(tx: &mut Tx, user: UserId, but: Option<UserSessionId>) -> Result<(), StoreError> {
    match but {
        None => tx.execute("DELETE FROM user_session WHERE user_id = $1", args![user]).await,
        Some(but) => tx.execute("DELETE FROM user_session WHERE user_id = $1 AND id <> $2", args![user, but]).await,
    }
    .map(drop)
}

fn expiry(remembered: bool, created: Timestamp, used: Timestamp) -> Timestamp {
    let longest = created.saturating_add(LONGEST).unwrap_or(Timestamp::MAX);
    let idle = used.saturating_add(IDLE).unwrap_or(Timestamp::MAX);
    if remembered { longest } else { longest.min(idle) }
}
