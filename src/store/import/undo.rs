//! Undoing an import: what it made goes, what it changed is as it was, unless something has happened to it since.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{json, value};
use crate::args;
use crate::id::{CaseId, ContactId, ImportId, OrgId};
use crate::store::client_case::{self, CaseData};
use crate::store::contact::{self, ContactData};
use crate::store::db::Row;
use crate::store::org::PhoneKey;
use crate::store::{StoreError, Tx};

/// Records that one transaction looks at.
const BATCH: i64 = 300;

/// What came of undoing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// Cases that were deleted.
    pub cases: u64,
    /// Contacts that were deleted.
    pub contacts: u64,
    /// Records that are as they were before.
    pub restored: u64,
    /// Why others stay as they are, and how many.
    pub kept: BTreeMap<String, u64>,
    #[serde(default)]
    step: Step,
    #[serde(default)]
    cursor: String,
}

/// What is being undone; in this order, as cases hold contacts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Step {
    #[default]
    Cases,
    Contacts,
    Changes,
}

impl Undone {
    fn keep(&mut self, why: &str) {
        *self.kept.entry(why.to_owned()).or_default() += 1;
    }
}

/// Undoes the next piece. Returns whether there is more.
///
/// # Errors
/// When the database fails.
pub async fn step(tx: &mut Tx, key: &PhoneKey, id: ImportId) -> Result<bool, StoreError> {
    let lock = tx.pick(
        "SELECT org_id, undone FROM import WHERE id = $1 AND state = 'undoing'",
        "SELECT org_id, undone FROM import WHERE id = $1 AND state = 'undoing' FOR UPDATE SKIP LOCKED",
    );
    let Some(row) = tx.optional(lock, args![id]).await? else { return Ok(false) };
    let (org, undone): (OrgId, Option<serde_json::Value>) = (row.get("org_id")?, row.get("undone")?);
    let mut undone: Undone = undone.map(|undone| value(undone, "undone")).transpose()?.unwrap_or_default();
    let looked = match undone.step {
        Step::Cases => cases(tx, org, id, &mut undone).await?,
        Step::Contacts => contacts(tx, org, id, &mut undone).await?,
        Step::Changes => changes(tx, org, key, id, &mut undone).await?,
    };
    let mut over = false;
    if looked < usize::try_from(BATCH).unwrap_or(usize::MAX) {
        undone.cursor.clear();
        match undone.step {
            Step::Cases => undone.step = Step::Contacts,
            Step::Contacts => undone.step = Step::Changes,
            Step::Changes => over = true,
        }
    }
    let state = if over { "undone" } else { "undoing" };
    tx.execute("UPDATE import SET undone = $2, state = $3 WHERE id = $1", args![id, json(&undone), state]).await?;
    Ok(!over)
}

async fn cases(tx: &mut Tx, org: OrgId, import: ImportId, undone: &mut Undone) -> Result<usize, StoreError> {
    const SQL: &str = "SELECT k.id, k.created_at, k.updated_at, EXISTS (SELECT 1 FROM target t JOIN attempt a ON a.target_id = t.id \
                       WHERE t.case_id = k.id) AS dialed FROM client_case k WHERE k.import_id = $1 AND k.id > $2 \
                       ORDER BY k.id LIMIT $3";
    let rows = tx.all(SQL, args![import, undone.cursor, BATCH]).await?;
    for row in &rows {
        let id: CaseId = row.get("id")?;
        undone.cursor = id.to_string();
        match () {
            () if row.get::<bool>("dialed")? => undone.keep("the case was dialed"),
            () if is_changed(row)? => undone.keep("the case was changed since"),
            () => {
                client_case::delete(tx, org, id).await?;
                undone.cases += 1;
            }
        }
    }
    Ok(rows.len())
}

async fn contacts(tx: &mut Tx, org: OrgId, import: ImportId, undone: &mut Undone) -> Result<usize, StoreError> {
    const SQL: &str = "SELECT c.id, c.created_at, c.updated_at, \
         (EXISTS (SELECT 1 FROM attempt a WHERE a.contact_id = c.id) OR EXISTS (SELECT 1 FROM call l WHERE l.contact_id = c.id)) \
         AS dialed, EXISTS (SELECT 1 FROM target t JOIN campaign g ON g.id = t.campaign_id WHERE t.contact_id = c.id \
         AND g.state <> 'draft') AS in_campaign, EXISTS (SELECT 1 FROM client_case k WHERE k.contact_id = c.id) AS has_case \
         FROM contact c WHERE c.import_id = $1 AND c.id > $2 ORDER BY c.id LIMIT $3";
    let rows = tx.all(SQL, args![import, undone.cursor, BATCH]).await?;
    for row in &rows {
        let id: ContactId = row.get("id")?;
        undone.cursor = id.to_string();
        match () {
            () if row.get::<bool>("dialed")? => undone.keep("the contact was dialed"),
            () if row.get::<bool>("in_campaign")? => undone.keep("the contact is in a campaign that was started"),
            () if row.get::<bool>("has_case")? => undone.keep("a case has the contact"),
            () if is_changed(row)? => undone.keep("the contact was changed since"),
            () => {
                tx.execute("DELETE FROM target WHERE contact_id = $1", args![id]).await?;
                contact::delete(tx, org, id).await?;
                undone.contacts += 1;
            }
        }
    }
    Ok(rows.len())
}

async fn changes(
    tx: &mut Tx,
    org: OrgId,
    key: &PhoneKey,
    import: ImportId,
    undone: &mut Undone,
) -> Result<usize, StoreError> {
    const SQL: &str = "SELECT kind, subject_id, was, changed_at FROM import_change WHERE import_id = $1 AND subject_id > $2 \
                       ORDER BY subject_id LIMIT $3";
    let rows = tx.all(SQL, args![import, undone.cursor, BATCH]).await?;
    for row in &rows {
        let subject: String = row.get("subject_id")?;
        let (was, changed): (serde_json::Value, Timestamp) = (row.get("was")?, row.get("changed_at")?);
        undone.cursor.clone_from(&subject);
        let now = if row.get::<String>("kind")? == "contact" {
            let id: ContactId = subject.parse().map_err(|_| StoreError::Corrupt { column: "subject_id" })?;
            let dialed: bool = tx
                .value(
                    "SELECT EXISTS (SELECT 1 FROM attempt WHERE contact_id = $1 AND claimed_at > $2) AS value",
                    args![id, changed],
                )
                .await?;
            match contact::get(tx, org, id).await {
                Ok(_) if dialed => Err("the contact was dialed since"),
                Ok(there) if there.updated_at > changed => Err("the contact was changed since"),
                Ok(_) => {
                    let was: ContactData = value(was, "was")?;
                    contact::update(tx, org, key, id, &was).await?;
                    Ok(())
                }
                Err(StoreError::NotFound) => Err("the contact was deleted since"),
                Err(error) => return Err(error),
            }
        } else {
            let id: CaseId = subject.parse().map_err(|_| StoreError::Corrupt { column: "subject_id" })?;
            match client_case::get(tx, org, id).await {
                Ok(there) if there.updated_at > changed => Err("the case was changed since"),
                Ok(_) => {
                    let was: CaseData = value(was, "was")?;
                    client_case::update(tx, org, id, &was).await?;
                    Ok(())
                }
                Err(StoreError::NotFound) => Err("the case was deleted since"),
                Err(error) => return Err(error),
            }
        };
        match now {
            Ok(()) => undone.restored += 1,
            Err(why) => undone.keep(why),
        }
    }
    Ok(rows.len())
}

fn is_changed(row: &Row) -> Result<bool, StoreError> {
    Ok(row.get::<Timestamp>("created_at")? != row.get::<Timestamp>("updated_at")?)
}
