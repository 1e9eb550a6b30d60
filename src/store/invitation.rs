//! Who may set a password once. Of the token only a hash is kept.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::audit::{self, Actor};
use super::lock::{Lock, lock};
use super::user::User;
use super::{StoreError, Tx, user};
use crate::access::Token;
use crate::args;
use crate::id::{OrgId, UserId};

/// How long an invitation serves.
pub const LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Invites a user, also one who has lost the password. The invitation before serves no longer.
///
/// # Errors
/// When the database fails.
pub async fn make(tx: &mut Tx, user: &User, actor: &Actor, token: &Token) -> Result<Timestamp, StoreError> {
    let now = tx.now().await?;
    let until = now.saturating_add(LIFE).unwrap_or(Timestamp::MAX);
    tx.execute("DELETE FROM invitation WHERE user_id = $1 OR expires_at <= $2", args![user.id, now]).await?;
    let sql = "INSERT INTO invitation (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)";
    tx.execute(sql, args![token.hash(), user.id, now, until]).await?;
    audit::write(tx, user.org, actor, "user.invite", ("user", user.id.to_string()), json!({ "until": until })).await?;
    Ok(until)
}

/// Who is invited by this token.
///
/// # Errors
/// [`StoreError::NotFound`] when it is none, has served or is too old, or when the database fails.
pub async fn find(tx: &mut Tx, token: &Token) -> Result<User, StoreError> {
    const SQL: &str = "SELECT u.id, u.org_id FROM invitation i JOIN user_account u ON u.id = i.user_id \
                       WHERE i.token_hash = $1 AND i.expires_at > $2 AND u.active";
    let now = tx.now().await?;
    let row = tx.one(SQL, args![token.hash(), now]).await?;
    let (id, org): (UserId, OrgId) = (row.get("id")?, row.get("org_id")?);
    user::get(tx, org, id).await
}

/// Takes an invitation: it serves no longer.
///
/// # Errors
/// [`StoreError::NotFound`] as by [`find`], also when somebody else was faster, or when the database fails.
pub async fn take(tx: &mut Tx, token: &Token) -> Result<User, StoreError> {
    let user = find(tx, token).await?;
    // Before the invitation, as whoever puts the user out does.
    lock(tx, Lock::User(user.id)).await?;
    match tx.execute("DELETE FROM invitation WHERE token_hash = $1", args![token.hash()]).await? {
        0 => Err(StoreError::NotFound),
        _ => Ok(user),
    }
}

/// Where in the console an invitation is accepted.
#[must_use]
pub fn path(token: &Token) -> String {
    format!("/invite/{}", token.expose())
}
