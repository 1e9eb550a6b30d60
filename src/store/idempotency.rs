//! Requests that took effect under a key, and what was answered: whoever repeats one gets the same answer.
//!
//! The row is written in the transaction of the effect, under a unique index: of two requests with the same key that run at
//! the same time one commits, and the other's effect is rolled back.

use jiff::{SignedDuration, Timestamp};

use super::db::held::Mark;
use super::{StoreError, Tx};
use crate::args;
use crate::id::OrgId;

/// How long an answer is kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// A request under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose key it is.
    pub org: OrgId,
    /// The key.
    pub key: String,
    /// Method and route, such as `POST /api/v1/campaigns/{id}/start`.
    pub route: String,
    /// Digest of path, query and body.
    pub request: String,
    /// Random: tells requests with the same key apart.
    pub token: String,
}

/// An answer that is given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Content type, when there is a body.
    pub content_type: Option<String>,
    /// Tag of the state that the body shows.
    pub etag: Option<String>,
    /// Body.
    pub body: Vec<u8>,
}

/// What a key was used for before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// For nothing, or too long ago.
    Nothing,
    /// For another request.
    Other,
    /// For this request, since this time; it has not been answered.
    Unanswered(Timestamp),
    /// For this request.
    Answered(Answer),
}

impl Claim {
    /// The row that says the request took effect. There can be one for each key and route: a second does not write any.
    #[must_use]
    pub fn mark(&self, now: Timestamp) -> Mark {
        let sql = "INSERT INTO idempotency (org_id, idempotency_key, route, request_hash, token, made_at) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (org_id, idempotency_key, route) DO UPDATE \
                   SET request_hash = $4, token = $5, made_at = $6, status = NULL, content_type = NULL, etag = NULL, \
                   body = NULL WHERE idempotency.made_at < $7";
        Mark { sql, args: args![self.org, self.key, self.route, self.request, self.token, now, now - KEPT] }
    }
}

/// What the key of a request was used for before.
///
/// # Errors
/// When the database fails.
pub async fn earlier(tx: &mut Tx, claim: &Claim) -> Result<Earlier, StoreError> {
    const SQL: &str = "SELECT request_hash, made_at, status, content_type, etag, body FROM idempotency \
                       WHERE org_id = $1 AND idempotency_key = $2 AND route = $3 AND made_at >= $4";
    let since = tx.now().await? - KEPT;
    let Some(row) = tx.optional(SQL, args![claim.org, claim.key, claim.route, since]).await? else {
        return Ok(Earlier::Nothing);
    };
    if row.get::<String>("request_hash")? != claim.request {
        return Ok(Earlier::Other);
    }
    let Some(status) = row.get::<Option<u16>>("status")? else {
        return Ok(Earlier::Unanswered(row.get("made_at")?));
    };
    let (content_type, etag) = (row.get("content_type")?, row.get("etag")?);
    let body = row.get::<Option<Vec<u8>>>("body")?.unwrap_or_default();
    Ok(Earlier::Answered(Answer { status, content_type, etag, body }))
}

/// Keeps the answer to a request that took effect; its [`Claim::mark`] is there.
///
/// # Errors
/// [`StoreError::Stale`] when the row is another request's, or when the database fails.
pub async fn answered(tx: &mut Tx, claim: &Claim, answer: &Answer) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE idempotency SET status = $5, content_type = $6, etag = $7, body = $8 \
                       WHERE org_id = $1 AND idempotency_key = $2 AND route = $3 AND token = $4";
    let Answer { status, content_type, etag, body } = answer;
    let values = args![claim.org, claim.key, claim.route, claim.token, *status, *content_type, *etag, *body];
    match tx.execute(SQL, values).await? {
        0 => Err(StoreError::Stale),
        _ => Ok(()),
    }
}

/// Whether answers are kept longer than they have to be.
///
/// # Errors
/// When the database fails.
pub async fn outdated(tx: &mut Tx) -> Result<bool, StoreError> {
    let before = tx.now().await? - KEPT;
    Ok(tx.optional("SELECT made_at FROM idempotency WHERE made_at < $1 LIMIT 1", args![before]).await?.is_some())
}

/// Takes answers away that are older than [`KEPT`].
///
/// # Errors
/// When the database fails.
pub async fn forget(tx: &mut Tx) -> Result<u64, StoreError> {
    let before = tx.now().await? - KEPT;
    tx.execute("DELETE FROM idempotency WHERE made_at < $1", args![before]).await
}
