//! People who sign in.

use jiff::Timestamp;
use serde_json::json;

use super::audit::{self, Actor};
use super::db::value::text_columns;
use super::db::{Listing, Page, Row};
use super::lock::{Lock, lock};
use super::{StoreError, Tx, user_session};
use crate::access::{Email, Role};
use crate::args;
use crate::id::{OrgId, UserId};
use crate::pii::Pii;

text_columns!(Role);

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Whose it is.
    pub org: OrgId,
    /// The address, in lower case.
    pub email: Pii<String>,
    /// What people call them.
    pub name: Pii<String>,
    /// What they are in the organisation.
    pub role: Role,
    /// Language of their console, such as `en`.
    pub language: String,
    /// Whether they have a password; without one nobody can sign in.
    pub has_password: bool,
    /// Whether they may sign in.
    pub active: bool,
    /// When they were added.
    pub created_at: Timestamp,
}

/// A user to add.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The address.
    pub email: Email,
    /// What people call them.
    pub name: Pii<String>,
    /// What they are in the organisation.
    pub role: Role,
    /// Language of their console.
    pub language: String,
}

/// What an administrator may change.
#[derive(Clone, Debug)]
pub struct Change {
    /// What people call them.
    pub name: Pii<String>,
    /// What they are in the organisation.
    pub role: Role,
    /// Whether they may sign in.
    pub active: bool,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It was made.
    Done,
    /// Nobody could change anything any more: it was not made.
    LastAdmin,
}

const SELECT: &str = "SELECT id, org_id, email, name, role, language, password_hash IS NOT NULL AS has_password, active, \
                      created_at FROM user_account";

/// Adds a user, who has no password yet.
///
/// # Errors
/// [`StoreError::Conflict`] when the address is taken, or when the database fails.
pub async fn insert(tx: &mut Tx, org: OrgId, actor: &Actor, user: &NewUser) -> Result<User, StoreError> {
    let (id, now) = (UserId::generate(), tx.now().await?);
    tx.execute(
        "INSERT INTO user_account (id, org_id, email, name, role, language, active, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![id, org, user.email.expose(), user.name, user.role, user.language, true, now],
    )
    .await?;
    audit::write(tx, org, actor, "user.create", ("user", id.to_string()), json!({ "role": user.role })).await?;
    get(tx, org, id).await
}

/// One user.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: UserId) -> Result<User, StoreError> {
    const SQL: &str = "SELECT id, org_id, email, name, role, language, password_hash IS NOT NULL AS has_password, active, \
                       created_at FROM user_account WHERE id = $1 AND org_id = $2";
    read(&tx.one(SQL, args![id, org]).await?)
}

/// The user with this address, and what is kept of the password.
///
/// # Errors
/// When the database fails.
pub async fn by_email(tx: &mut Tx, email: &Email) -> Result<Option<(User, Option<String>)>, StoreError> {
    const SQL: &str = "SELECT id, org_id, email, name, role, language, password_hash IS NOT NULL AS has_password, active, \
                       created_at, password_hash FROM user_account WHERE email = $1";
    let row = tx.optional(SQL, args![email.expose()]).await?;
    row.map(|row| Ok((read(&row)?, row.get("password_hash")?))).transpose()
}

/// What is kept of a user's password.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn password(tx: &mut Tx, id: UserId) -> Result<Option<String>, StoreError> {
    tx.value("SELECT password_hash AS value FROM user_account WHERE id = $1", args![id]).await
}

/// The users of an organisation.
///
/// # Errors
/// When the database fails.
pub async fn list(tx: &mut Tx, org: OrgId, page: Page<UserId>) -> Result<Listing<User, UserId>, StoreError> {
    tx.page(&format!("{SELECT} WHERE org_id = $1"), args![org], "id", page, read, |user| user.id).await
}

/// Whether there is any user, of whatever organisation.
///
/// # Errors
/// When the database fails.
pub async fn any(tx: &mut Tx) -> Result<bool, StoreError> {
    Ok(tx.optional("SELECT id FROM user_account LIMIT 1", vec![]).await?.is_some())
}

/// Changes a user. Whoever may not sign in any more is signed out, and their invitation is withdrawn.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn update(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    id: UserId,
    change: &Change,
) -> Result<Changed, StoreError> {
    // Two who demote each other wait for each other.
    lock(tx, Lock::Organisation(org)).await?;
    let before = get(tx, org, id).await?;
    let stays = change.active && change.role == Role::Admin;
    if !stays && is_last_admin(tx, &before).await? {
        return Ok(Changed::LastAdmin);
    }
    let sql = "UPDATE user_account SET name = $2, role = $3, active = $4 WHERE id = $1";
    tx.execute(sql, args![id, change.name, change.role, change.active]).await?;
    if !change.active {
        user_session::end_all(tx, id, None).await?;
        tx.execute("DELETE FROM invitation WHERE user_id = $1", args![id]).await?;
    }
    let detail = json!({ "role": change.role, "active": change.active });
    audit::write(tx, org, actor, "user.update", ("user", id.to_string()), detail).await?;
    Ok(Changed::Done)
}

/// Removes a user with everything that is theirs. What they did stays in the audit log, under their id.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, actor: &Actor, id: UserId) -> Result<Changed, StoreError> {
    // Two who demote each other wait for each other.
    lock(tx, Lock::Organisation(org)).await?;
    let before = get(tx, org, id).await?;
    if is_last_admin(tx, &before).await? {
        return Ok(Changed::LastAdmin);
    }
    for sql in [
        "DELETE FROM user_session WHERE user_id = $1",
        "DELETE FROM invitation WHERE user_id = $1",
        "DELETE FROM preference WHERE user_id = $1",
        "DELETE FROM user_account WHERE id = $1",
    ] {
        tx.execute(sql, args![id]).await?;
    }
    audit::write(tx, org, actor, "user.delete", ("user", id.to_string()), json!({})).await?;
    Ok(Changed::Done)
}

/// Changes what users may change of themselves.
///
/// # Errors
/// When the database fails.
pub async fn describe(tx: &mut Tx, id: UserId, name: &Pii<String>, language: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE user_account SET name = $2, language = $3 WHERE id = $1", args![id, name, language]).await?;
    Ok(())
}

/// Sets a password of which this is kept.
///
/// # Errors
/// When the database fails.
pub async fn set_password(tx: &mut Tx, org: OrgId, actor: &Actor, id: UserId, hash: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE user_account SET password_hash = $2 WHERE id = $1", args![id, hash]).await?;
    audit::write(tx, org, actor, "user.password", ("user", id.to_string()), json!({})).await
}

/// Notes in the audit log that a user signed in, or that an account is locked after so many tries.
///
/// # Errors
/// When the database fails.
pub async fn noted(tx: &mut Tx, user: &User, actor: &Actor, action: &'static str) -> Result<(), StoreError> {
    audit::write(tx, user.org, actor, action, ("user", user.id.to_string()), json!({})).await
}

/// Whether no other administrator could sign in.
async fn is_last_admin(tx: &mut Tx, user: &User) -> Result<bool, StoreError> {
    if user.role != Role::Admin || !user.active || !user.has_password {
        return Ok(false);
    }
    let sql = "SELECT id FROM user_account WHERE org_id = $1 AND id <> $2 AND role = $3 AND active AND password_hash IS NOT NULL \
               LIMIT 1";
    Ok(tx.optional(sql, args![user.org, user.id, Role::Admin]).await?.is_none())
}

fn read(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.get("id")?,
        org: row.get("org_id")?,
        email: row.get("email")?,
        name: row.get("name")?,
        role: row.get("role")?,
        language: row.get("language")?,
        has_password: row.get("has_password")?,
        active: row.get("active")?,
        created_at: row.get("created_at")?,
    })
}
