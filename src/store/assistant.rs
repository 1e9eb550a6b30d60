//! Assistants and their frozen versions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::audit::{self, Actor};
use super::db::{Listing, Page, Row, ToArg};
use super::{StoreError, Tx};
use crate::agent::assistant::{Assistant, AssistantVersion};
use crate::args;
use crate::campaign::states::CampaignState;
use crate::id::{AssistantId, AssistantVersionId, CampaignId, OrgId, TrunkId};

/// An assistant in its current version.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAssistant {
    /// Whose it is.
    pub org: OrgId,
    /// The version that new attempts get.
    pub current: AssistantVersion,
    /// When the assistant was made.
    pub created_at: Timestamp,
    /// When its current version was made.
    pub updated_at: Timestamp,
}

const SELECT: &str = "SELECT a.id AS assistant_id, a.org_id, a.created_at, a.updated_at, v.id, v.version, \
                      v.definition FROM assistant a JOIN assistant_version v ON v.id = a.version_id";

/// Keeps a new assistant with its first version.
///
/// # Errors
/// [`StoreError::Conflict`] when the name is taken, or when the database fails.
pub async fn insert(tx: &mut Tx, org: OrgId, definition: Assistant) -> Result<StoredAssistant, StoreError> {
    let now = tx.now().await?;
    let (assistant, id) = (AssistantId::generate(), AssistantVersionId::generate());
    tx.execute(
        "INSERT INTO assistant (id, org_id, name, version, version_id, created_at, updated_at) \
         VALUES ($1, $2, $3, 1, $4, $5, $5)",
        args![assistant, org, definition.name, id, now],
    )
    .await?;
    let current = AssistantVersion { id, assistant, version: 1, definition };
    insert_version(tx, org, &current, now).await?;
    Ok(StoredAssistant { org, current, created_at: now, updated_at: now })
}

/// Adds a version after `version` and makes it the current one. Attempts under way keep theirs.
///
/// # Errors
/// [`StoreError::Stale`] when `version` is no longer the current one, [`StoreError::Conflict`] when the name is
/// taken, or when the database fails.
pub async fn update(
    tx: &mut Tx,
    org: OrgId,
    assistant: AssistantId,
    version: u32,
    definition: Assistant,
) -> Result<AssistantVersion, StoreError> {
    let now = tx.now().await?;
    let id = AssistantVersionId::generate();
    let sql = "UPDATE assistant SET name = $4, version = version + 1, version_id = $5, updated_at = $6 \
               WHERE org_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NULL";
    if tx.execute(sql, args![org, assistant, version, definition.name, id, now]).await? == 0 {
        return Err(StoreError::Stale);
    }
    let current = AssistantVersion { id, assistant, version: version + 1, definition };
    insert_version(tx, org, &current, now).await?;
    Ok(current)
}

/// One assistant.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: AssistantId) -> Result<StoredAssistant, StoreError> {
    let rows = tx
        .all_built(format!("{SELECT} WHERE a.org_id = $1 AND a.id = $2 AND a.deleted_at IS NULL"), args![org, id])
        .await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// The assistants of an organisation.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    page: Page<AssistantId>,
) -> Result<Listing<StoredAssistant, AssistantId>, StoreError> {
    let select = format!("{SELECT} WHERE a.org_id = $1 AND a.deleted_at IS NULL");
    tx.page(&select, args![org], "a.id", page, read, |assistant| assistant.current.assistant).await
}

/// One version, current or not: what an attempt that names it must say.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn version(tx: &mut Tx, id: AssistantVersionId) -> Result<AssistantVersion, StoreError> {
    const SQL: &str = "SELECT id, assistant_id, version, definition FROM assistant_version WHERE id = $1";
    read_version(&tx.one(SQL, args![id]).await?)
}

/// A campaign that has an assistant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedBy {
    /// The campaign.
    pub id: CampaignId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: CampaignState,
}

/// What an assistant is needed for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// Campaigns, at most [`NAMED`] of them.
    pub campaigns: Vec<UsedBy>,
    /// Trunks whose calls it answers, with their names; at most [`NAMED`] of them.
    pub trunks: Vec<(TrunkId, String)>,
}

/// Users that are named.
pub const NAMED: i64 = 100;

/// Deletes an assistant that nothing needs. Its versions stay for the calls that were made with them. The inner error is what
/// needs it.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, actor: &Actor, id: AssistantId) -> Result<Result<(), Users>, StoreError> {
    const TRUNKS: &str = "SELECT id, name FROM trunk WHERE org_id = $1 AND (inbound_assistant_id = $2 OR id IN                           (SELECT trunk_id FROM trunk_inbound_number WHERE assistant_id = $2)) ORDER BY id LIMIT $3";
    let lock = tx.pick(
        "SELECT name FROM assistant WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
        "SELECT name FROM assistant WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE",
    );
    tx.one(lock, args![org, id]).await?;
    let mut users = Users { campaigns: used_by(tx, &[id]).await?.remove(&id).unwrap_or_default(), trunks: Vec::new() };
    for row in tx.all(TRUNKS, args![org, id, NAMED]).await? {
        users.trunks.push((row.get("id")?, row.get("name")?));
    }
    if users != Users::default() {
        return Ok(Err(users));
    }
    let now = tx.now().await?;
    tx.execute("UPDATE assistant SET deleted_at = $2 WHERE id = $1", args![id, now]).await?;
    audit::write(tx, org, actor, "assistant.delete", ("assistant", id.to_string()), json!({})).await?;
    Ok(Ok(()))
}

/// The campaigns that have each of these assistants, the newest first, at most [`NAMED`] of each.
///
/// # Errors
/// When the database fails.
pub async fn used_by(
    tx: &mut Tx,
    assistants: &[AssistantId],
) -> Result<BTreeMap<AssistantId, Vec<UsedBy>>, StoreError> {
    let mut found: BTreeMap<AssistantId, Vec<UsedBy>> = BTreeMap::new();
    if assistants.is_empty() {
        return Ok(found);
    }
    let mut args: Vec<_> = assistants.iter().map(ToArg::to_arg).collect();
    let list = (1..=args.len()).map(|index| format!("${index}")).collect::<Vec<_>>().join(", ");
    args.extend(args![NAMED, CampaignState::Deleting]);
    let (most, deleting) = (args.len() - 1, args.len());
    let sql = format!(
        "SELECT assistant_id, id, name, state FROM (SELECT assistant_id, id, name, state,          ROW_NUMBER() OVER (PARTITION BY assistant_id ORDER BY id DESC) AS place FROM campaign          WHERE assistant_id IN ({list}) AND state <> ${deleting}) AS ranked WHERE place <= ${most} ORDER BY id DESC"
    );
    for row in tx.all_built(sql, args).await? {
        let used = UsedBy { id: row.get("id")?, name: row.get("name")?, state: row.get("state")? };
        found.entry(row.get("assistant_id")?).or_default().push(used);
    }
    Ok(found)
}

async fn insert_version(tx: &mut Tx, org: OrgId, version: &AssistantVersion, now: Timestamp) -> Result<(), StoreError> {
    let definition = serde_json::to_string(&version.definition).expect("an assistant is JSON");
    tx.execute(
        "INSERT INTO assistant_version (id, org_id, assistant_id, version, definition, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        args![version.id, org, version.assistant, version.version, definition, now],
    )
    .await?;
    Ok(())
}

fn read(row: &Row) -> Result<StoredAssistant, StoreError> {
    Ok(StoredAssistant {
        org: row.get("org_id")?,
        current: read_version(row)?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

fn read_version(row: &Row) -> Result<AssistantVersion, StoreError> {
    let definition: Value = row.get("definition")?;
    Ok(AssistantVersion {
        id: row.get("id")?,
        assistant: row.get("assistant_id")?,
        version: row.get("version")?,
        definition: serde_json::from_value(definition).map_err(|_| StoreError::Corrupt { column: "definition" })?,
    })
}
