//! What people do to many contacts or cases at once.
//!
//! It is written down before anything is done, and then done in pieces, each a transaction that also moves the cursor: whoever
//! dies in between leaves the rest to the next node, and nothing is done twice.

mod step;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::audit::{self, Actor};
use super::db::{Kind, Row};
use super::filter::{CaseFilter, ContactFilter};
use super::{StoreError, Tx, Wake};
use crate::args;
use crate::id::{CampaignId, CaseId, ContactId, ListId, OrgId, PeopleJobId, TagId};

pub use step::step;

/// Members that one transaction looks at.
pub const BATCH: usize = 500;
/// How long it is told what came of it.
pub const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is done to each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Gives the contacts these tags.
    Tag(Vec<TagId>),
    /// Takes these tags from them.
    Untag(Vec<TagId>),
    /// Puts them into a list.
    PutIn(ListId),
    /// Takes them out of a list.
    TakeOut(ListId),
    /// Puts them into a campaign.
    Campaign(IntoCampaign),
    /// Puts all their numbers on the organisation's own suppression list.
    Suppress,
    /// Deletes the contacts that no campaign, case or call knows.
    Delete,
}

impl Act {
    /// Its name, in the audit log and the API.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Tag(_) => "tag",
            Self::Untag(_) => "untag",
            Self::PutIn(_) => "add_to_list",
            Self::TakeOut(_) => "remove_from_list",
            Self::Campaign(_) => "add_to_campaign",
            Self::Suppress => "suppress",
            Self::Delete => "delete",
        }
    }
}

/// How they come into a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntoCampaign {
    /// The campaign.
    pub campaign: CampaignId,
    /// The list they come from.
    pub list: Option<ListId>,
    /// Higher is dialed first.
    pub priority: i32,
    /// They are new until somebody approves them.
    pub for_approval: bool,
    /// Values that stand in the place of the contacts' own.
    pub overwrites: BTreeMap<String, String>,
    /// A completed campaign is opened again afterwards.
    pub start: bool,
}

/// Whom it is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// These contacts.
    Contacts(Vec<ContactId>),
    /// All contacts that fit.
    ContactFilter(Box<ContactFilter>),
    /// These cases.
    Cases(Vec<CaseId>),
    /// All cases that fit.
    CaseFilter(Box<CaseFilter>),
    /// Everybody in a list of contacts.
    ContactsOf(ListId),
    /// Everything in a list of cases.
    CasesOf(ListId),
}

impl Pick {
    /// Whether it picks cases.
    #[must_use]
    pub const fn is_of_cases(&self) -> bool {
        match self {
            Self::Contacts(_) | Self::ContactFilter(_) | Self::ContactsOf(_) => false,
            Self::Cases(_) | Self::CaseFilter(_) | Self::CasesOf(_) => true,
        }
    }
}

/// Something that is done to many.
#[derive(Clone, Debug, PartialEq)]
pub struct PeopleJob {
    /// Its id.
    pub id: PeopleJobId,
    /// Whose it is.
    pub org: OrgId,
    /// What is done.
    pub act: Act,
    /// To whom.
    pub pick: Pick,
    /// Everybody has been looked at.
    pub is_done: bool,
    /// How many have been looked at.
    pub seen: u64,
    /// To how many it was done.
    pub changed: u64,
    /// Why it was not done to the others, and to how many.
    pub skipped: BTreeMap<String, u64>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When everybody had been looked at.
    pub finished_at: Option<Timestamp>,
    actor: Actor,
    cursor: String,
    until: String,
}

const SELECT: &str = "SELECT id, org_id, act, pick, state, actor, cursor_id, until_id, seen, changed, skipped, created_at, \
                      finished_at FROM people_job";

/// Writes down what is to be done. [`step()`] does it. What comes later than now is not picked by a filter.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    act: &Act,
    mut pick: Pick,
) -> Result<PeopleJob, StoreError> {
    match &mut pick {
        Pick::Contacts(ids) => {
            ids.sort_unstable();
            ids.dedup();
        }
        Pick::Cases(ids) => {
            ids.sort_unstable();
            ids.dedup();
        }
        Pick::ContactFilter(_) | Pick::CaseFilter(_) | Pick::ContactsOf(_) | Pick::CasesOf(_) => {}
    }
    let last = if pick.is_of_cases() {
        "SELECT COALESCE(MAX(id), '') AS value FROM client_case WHERE org_id = $1"
    } else {
        "SELECT COALESCE(MAX(id), '') AS value FROM contact WHERE org_id = $1"
    };
    let until: String = tx.value(last, args![org]).await?;
    let (id, now) = (PeopleJobId::generate(), tx.now().await?);
    let json = |value: serde_json::Result<String>| value.expect("ids and wishes are JSON");
    tx.execute(
        "INSERT INTO people_job (id, org_id, act, pick, state, actor, cursor_id, until_id, seen, changed, skipped, created_at) \
         VALUES ($1, $2, $3, $4, 'running', $5, '', $6, 0, 0, '{}', $7)",
        args![
            id,
            org,
            json(serde_json::to_string(act)),
            json(serde_json::to_string(&pick)),
            actor.to_string(),
            until,
            now
        ],
    )
    .await?;
    let action = format!("people.{}", act.name());
    audit::write(tx, org, actor, &action, ("people_job", id.to_string()), json!({})).await?;
    tx.wake(Wake::Campaigns);
    get(tx, org, id).await
}

/// One of them.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: PeopleJobId) -> Result<PeopleJob, StoreError> {
    let rows = tx.all_built(format!("{SELECT} WHERE org_id = $1 AND id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// Those of all organisations that are not done.
///
/// # Errors
/// When the database fails.
pub async fn open(tx: &mut Tx) -> Result<Vec<PeopleJobId>, StoreError> {
    let rows = tx.all("SELECT id FROM people_job WHERE state = 'running' ORDER BY id LIMIT 100", vec![]).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// Whether there are some that need not be told of any longer.
///
/// # Errors
/// When the database fails.
pub async fn outdated(tx: &mut Tx) -> Result<bool, StoreError> {
    let before = tx.now().await? - KEPT;
    tx.value("SELECT EXISTS (SELECT 1 FROM people_job WHERE finished_at < $1) AS value", args![before]).await
}

/// Forgets those that need not be told of any longer.
///
/// # Errors
/// When the database fails.
pub async fn forget(tx: &mut Tx) -> Result<(), StoreError> {
    let before = tx.now().await? - KEPT;
    tx.execute("DELETE FROM people_job WHERE finished_at < $1", args![before]).await.map(drop)
}

/// Takes one that is not done, for this transaction only; nothing when somebody else is at it, or it is done.
async fn take(tx: &mut Tx, id: PeopleJobId) -> Result<Option<PeopleJob>, StoreError> {
    let lock = match tx.kind() {
        Kind::Sqlite => "",
        Kind::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    let sql = format!("{SELECT} WHERE id = $1 AND state = 'running'{lock}");
    tx.all_built(sql, args![id]).await?.first().map(read).transpose()
}

fn read(row: &Row) -> Result<PeopleJob, StoreError> {
    let (act, pick): (serde_json::Value, serde_json::Value) = (row.get("act")?, row.get("pick")?);
    let skipped: serde_json::Value = row.get("skipped")?;
    let corrupt = |column| move |_| StoreError::Corrupt { column };
    Ok(PeopleJob {
        id: row.get("id")?,
        org: row.get("org_id")?,
        act: serde_json::from_value(act).map_err(corrupt("act"))?,
        pick: serde_json::from_value(pick).map_err(corrupt("pick"))?,
        is_done: row.get::<String>("state")? == "done",
        seen: row.get::<i64>("seen")?.unsigned_abs(),
        changed: row.get::<i64>("changed")?.unsigned_abs(),
        skipped: serde_json::from_value(skipped).map_err(corrupt("skipped"))?,
        created_at: row.get("created_at")?,
        finished_at: row.get("finished_at")?,
        actor: Actor::stored(row.get("actor")?),
        cursor: row.get("cursor_id")?,
        until: row.get("until_id")?,
    })
}
