//! Imported lists of numbers that must not be called, of any size. Numbers are kept as halves of their keyed hashes.
//!
//! An import is written in many transactions beside the one that holds, under a number of its own, and becomes visible by
//! one update: a reader sees the whole old list or the whole new one. What an import that was broken off left behind, and
//! what a newer one replaced, is taken away later, a few thousand at a time.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::audit::{self, Actor};
use super::campaign::{self, Move};
use super::db::{Arg, Row};
use super::org::PhoneHash;
use super::{StoreError, Tx, Wake};
use crate::args;
use crate::campaign::states::{CampaignState, PauseReason, TargetState};
use crate::id::{AttemptId, CampaignId, OrgId, SuppressionListId, TargetId};

/// The list that holds for a number, as a column of a statement: hash, organisation and campaign are columns or parameters.
///
/// One look-up in an index for each list of the organisation, whatever their sizes.
macro_rules! listed {
    ($hash:literal, $org:literal, $campaign:literal) => {
        concat!(
            "(SELECT sl.id FROM suppression_list sl JOIN listed_number sn ON sn.import_no = sl.import_no \
             AND sn.phone_key = substr(",
            $hash,
            ", 1, 32) WHERE sl.org_id = ",
            $org,
            " AND sl.deleted_at IS NULL AND (sl.org_wide OR EXISTS (SELECT 1 FROM campaign_suppression_list cl \
             WHERE cl.list_id = sl.id AND cl.campaign_id = ",
            $campaign,
            ")) ORDER BY sl.id LIMIT 1)"
        )
    };
}

pub(in crate::store) use listed;

/// A list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuppressionList {
    /// Its id.
    pub id: SuppressionListId,
    /// What can be edited.
    pub data: ListData,
    /// Counts its imports; 0 = none yet.
    pub version: i64,
    /// How many numbers it has.
    pub numbers: u64,
    /// When they were imported.
    pub imported_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What can be edited of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListData {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: String,
    /// Whether it holds for all campaigns of the organisation.
    pub org_wide: bool,
    /// Until when it is fresh enough to be relied upon. Its numbers stay suppressed after that, and campaigns that it holds
    /// for do not dial.
    pub valid_until: Option<Timestamp>,
}

/// Most lists of an organisation: each costs every claim a look-up.
pub const MAX_LISTS: usize = 50;
/// Numbers of one transaction of an import; on SQLite dials wait for it.
const BATCH: usize = 2000;
/// Rows of one INSERT.
const ROWS_PER_INSERT: usize = 200;
/// An import that wrote nothing for so long was broken off.
const BROKEN_OFF: Duration = Duration::from_secs(3600);
/// Rows that one transaction takes away.
const SWEPT: i64 = 2000;
/// Blocked targets that one transaction looks at again.
const MENDED: i64 = 500;

const SELECT: &str = "SELECT id, name, source, org_wide, valid_until, version, numbers, imported_at, created_at \
                      FROM suppression_list WHERE org_id = $1 AND deleted_at IS NULL";

/// Makes a list without numbers.
///
/// # Errors
/// [`StoreError::Conflict`] when the name is taken, or when the database fails. The inner error when there are
/// [`MAX_LISTS`] already.
pub async fn insert(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    data: ListData,
) -> Result<Result<SuppressionList, TooMany>, StoreError> {
    if all(tx, org).await?.len() >= MAX_LISTS {
        return Ok(Err(TooMany));
    }
    let (id, now) = (SuppressionListId::generate(), tx.now().await?);
    tx.execute(
        "INSERT INTO suppression_list (id, org_id, name, source, org_wide, valid_until, version, numbers, created_at, \
         updated_at) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7, $7)",
        args![id, org, data.name, data.source, data.org_wide, data.valid_until, now],
    )
    .await?;
    let detail = json!({ "name": data.name, "source": data.source });
    audit::write(tx, org, actor, "suppression_list.create", ("suppression_list", id.to_string()), detail).await?;
    Ok(Ok(SuppressionList { id, data, version: 0, numbers: 0, imported_at: None, created_at: now }))
}

/// An organisation has as many lists as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

/// The lists of an organisation, by age.
///
/// # Errors
/// When the database fails.
pub async fn all(tx: &mut Tx, org: OrgId) -> Result<Vec<SuppressionList>, StoreError> {
    let sql = format!("{SELECT} ORDER BY id");
    tx.all_built(sql, args![org]).await?.iter().map(read).collect()
}

/// One list.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: SuppressionListId) -> Result<SuppressionList, StoreError> {
    let rows = tx.all_built(format!("{SELECT} AND id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// Changes a list. Whom it no longer holds for is looked at again.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Conflict`] when the name is taken, or when the database fails.
pub async fn update(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    id: SuppressionListId,
    data: &ListData,
) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE suppression_list SET name = $3, source = $4, org_wide = $5, valid_until = $6, updated_at = $7, \
                       mend_asked = $7 WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL";
    let now = tx.now().await?;
    let args = args![org, id, data.name, data.source, data.org_wide, data.valid_until, now];
    if tx.execute(SQL, args).await? == 0 {
        return Err(StoreError::NotFound);
    }
    let detail = json!({ "name": data.name, "organisation_wide": data.org_wide, "valid_until": data.valid_until });
    audit::write(tx, org, actor, "suppression_list.update", ("suppression_list", id.to_string()), detail).await?;
    tx.wake(Wake::Campaigns);
    Ok(())
}

/// Deletes a list: it holds no longer, its numbers are taken away in the background.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, actor: &Actor, id: SuppressionListId) -> Result<(), StoreError> {
    // Its name is free from now on.
    const SQL: &str = "UPDATE suppression_list SET deleted_at = $3, mend_asked = $3, name = id, import_no = NULL \
                       WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL";
    let seen = get(tx, org, id).await?;
    let now = tx.now().await?;
    if tx.execute(SQL, args![org, id, now]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    tx.execute("UPDATE suppression_import SET state = 'old' WHERE list_id = $1", args![id]).await?;
    tx.execute("DELETE FROM campaign_suppression_list WHERE list_id = $1", args![id]).await?;
    let detail = json!({ "name": seen.data.name, "numbers": seen.numbers });
    audit::write(tx, org, actor, "suppression_list.delete", ("suppression_list", id.to_string()), detail).await?;
    tx.wake(Wake::Campaigns);
    Ok(())
}

/// The lists that were attached to a campaign itself, by age.
///
/// # Errors
/// When the database fails.
pub async fn of_campaign(tx: &mut Tx, campaign: CampaignId) -> Result<Vec<SuppressionListId>, StoreError> {
    let sql = "SELECT list_id FROM campaign_suppression_list WHERE campaign_id = $1 ORDER BY list_id";
    tx.all(sql, args![campaign]).await?.iter().map(|row| row.get("list_id")).collect()
}

/// Attaches these lists to a campaign, and no others.
///
/// # Errors
/// [`StoreError::NotFound`] when one of them is not the organisation's, or when the database fails.
pub async fn attach(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    campaign: CampaignId,
    lists: &[SuppressionListId],
) -> Result<(), StoreError> {
    let before = of_campaign(tx, campaign).await?;
    let now = tx.now().await?;
    for gone in before.iter().filter(|list| !lists.contains(list)) {
        let sql = "UPDATE suppression_list SET mend_asked = $2 WHERE id = $1";
        tx.execute(sql, args![gone, now]).await?;
    }
    tx.execute("DELETE FROM campaign_suppression_list WHERE campaign_id = $1", args![campaign]).await?;
    for list in lists {
        get(tx, org, *list).await?;
        let sql = "INSERT INTO campaign_suppression_list (campaign_id, list_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        tx.execute(sql, args![campaign, list]).await?;
    }
    let detail = json!({ "from": before, "to": lists });
    audit::write(tx, org, actor, "campaign.suppression_lists", ("campaign", campaign.to_string()), detail).await?;
    tx.wake(Wake::Campaigns);
    Ok(())
}

/// An import under way.
#[derive(Debug)]
pub struct Import {
    org: OrgId,
    list: SuppressionListId,
    no: i64,
    numbers: u64,
    waiting: Vec<String>,
}

/// What an import came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The list's new version.
    pub version: i64,
    /// Its numbers, each counted once.
    pub numbers: u64,
}

impl Import {
    /// Begins an import. Nothing of it is seen until [`finish`](Self::finish).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such list, or when the database fails.
    pub async fn begin(db: &super::Db, org: OrgId, list: SuppressionListId) -> Result<Self, StoreError> {
        let mut tx = db.begin().await?;
        get(&mut tx, org, list).await?;
        let now = tx.now().await?;
        // Two that begin within a microsecond: one of them fails and is sent again.
        let no = now.as_microsecond();
        let sql = "INSERT INTO suppression_import (no, list_id, state, touched_at) VALUES ($1, $2, 'loading', $3)";
        tx.execute(sql, args![no, list, now]).await?;
        tx.commit().await?;
        Ok(Self { org, list, no, numbers: 0, waiting: Vec::new() })
    }

    /// Adds numbers; writes them when there are enough for a transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add(
        &mut self,
        db: &super::Db,
        numbers: impl IntoIterator<Item = PhoneHash>,
    ) -> Result<(), StoreError> {
        self.waiting.extend(numbers.into_iter().map(|hash| hash.half().to_owned()));
        while self.waiting.len() >= BATCH {
            let rest = self.waiting.split_off(BATCH);
            let batch = std::mem::replace(&mut self.waiting, rest);
            self.write(db, &batch).await?;
        }
        Ok(())
    }

    /// Makes the import the one that holds, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the list is gone, [`StoreError::Stale`] when the import was taken for broken off, or
    /// when the database fails.
    pub async fn finish(mut self, db: &super::Db, actor: &Actor) -> Result<Imported, StoreError> {
        let rest = std::mem::take(&mut self.waiting);
        self.write(db, &rest).await?;
        let mut tx = db.begin_durable().await?;
        let lock = tx.pick(
            "SELECT version FROM suppression_list WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
            "SELECT version FROM suppression_list WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE",
        );
        let version: i64 = tx.one(lock, args![self.org, self.list]).await?.get("version")?;
        let now = tx.now().await?;
        let old = "UPDATE suppression_import SET state = 'old', touched_at = $3 \
                   WHERE list_id = $1 AND no <> $2 AND state = 'current'";
        tx.execute(old, args![self.list, self.no, now]).await?;
        let current =
            "UPDATE suppression_import SET state = 'current', touched_at = $2 WHERE no = $1 AND state = 'loading'";
        if tx.execute(current, args![self.no, now]).await? == 0 {
            return Err(StoreError::Stale);
        }
        let sql = "UPDATE suppression_list SET version = version + 1, import_no = $2, numbers = $3, imported_at = $4, \
                   mend_asked = $4, updated_at = $4 WHERE id = $1";
        let numbers = i64::try_from(self.numbers).unwrap_or(i64::MAX);
        tx.execute(sql, args![self.list, self.no, numbers, now]).await?;
        let detail = json!({ "version": version + 1, "numbers": self.numbers });
        let subject = ("suppression_list", self.list.to_string());
        audit::write(&mut tx, self.org, actor, "suppression_list.import", subject, detail).await?;
        tx.wake(Wake::Campaigns);
        tx.commit().await?;
        Ok(Imported { version: version + 1, numbers: self.numbers })
    }

    /// Gives the import up: what it wrote is taken away in the background.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn abandon(self, db: &super::Db) -> Result<(), StoreError> {
        let mut tx = db.begin().await?;
        tx.execute("UPDATE suppression_import SET state = 'old' WHERE no = $1", args![self.no]).await?;
        tx.wake(Wake::Campaigns);
        tx.commit().await
    }

    async fn write(&mut self, db: &super::Db, batch: &[String]) -> Result<(), StoreError> {
        let mut tx = db.begin().await?;
        for keys in batch.chunks(ROWS_PER_INSERT) {
            let mut sql = "INSERT INTO listed_number (import_no, phone_key) VALUES ".to_owned();
            let mut args = args![self.no];
            for (index, key) in keys.iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                write!(sql, "{comma}($1, ${})", index + 2).expect("a string takes everything");
                args.push(Arg::Text(Some(key.clone())));
            }
            sql.push_str(" ON CONFLICT DO NOTHING");
            self.numbers += tx.execute_built(sql, args).await?;
        }
        let now = tx.now().await?;
        let touched = "UPDATE suppression_import SET touched_at = $2 WHERE no = $1 AND state = 'loading'";
        if tx.execute(touched, args![self.no, now]).await? == 0 {
            return Err(StoreError::Stale);
        }
        tx.commit().await
    }
}

/// Writes down which list blocked a target, and the attempt that was not placed because of it.
pub(in crate::store) async fn blame(
    tx: &mut Tx,
    target: TargetId,
    attempt: AttemptId,
    list: Option<SuppressionListId>,
) -> Result<(), StoreError> {
    let sql = "UPDATE target SET blocked_by = $2 WHERE id = $1 AND status = $3";
    tx.execute(sql, args![target, list, TargetState::Blocked]).await?;
    if let Some(list) = list {
        let sql = "UPDATE attempt SET blocked_by = (SELECT name FROM suppression_list WHERE id = $2) WHERE id = $1";
        tx.execute(sql, args![attempt, list]).await?;
    }
    Ok(())
}

/// The lists that a campaign relies on and that are too old for it.
///
/// # Errors
/// When the database fails.
pub async fn outdated(tx: &mut Tx, campaign: CampaignId) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "SELECT sl.name FROM suppression_list sl JOIN campaign c ON c.org_id = sl.org_id \
                       WHERE c.id = $1 AND sl.deleted_at IS NULL AND sl.valid_until <= $2 AND (sl.org_wide OR EXISTS \
                       (SELECT 1 FROM campaign_suppression_list cl WHERE cl.list_id = sl.id AND cl.campaign_id = c.id)) \
                       ORDER BY sl.name";
    let now = tx.now().await?;
    tx.all(SQL, args![campaign, now]).await?.iter().map(|row| row.get("name")).collect()
}

/// Pauses the campaigns in progress that rely on a list that has become too old. Gives when the next list becomes so.
///
/// # Errors
/// When the database fails.
pub async fn pause_outdated(db: &super::Db) -> Result<Option<Timestamp>, StoreError> {
    const DUE: &str = "SELECT c.id FROM campaign c WHERE c.state = 'in_progress' AND EXISTS (SELECT 1 FROM \
                       suppression_list sl WHERE sl.org_id = c.org_id AND sl.deleted_at IS NULL AND sl.valid_until <= $1 \
                       AND (sl.org_wide OR EXISTS (SELECT 1 FROM campaign_suppression_list cl WHERE cl.list_id = sl.id \
                       AND cl.campaign_id = c.id))) ORDER BY c.id";
    let mut tx = db.read().await?;
    let now = tx.now().await?;
    let rows = tx.all(DUE, args![now]).await?;
    let next = "SELECT MIN(valid_until) AS value FROM suppression_list WHERE deleted_at IS NULL AND valid_until > $1";
    let next: Option<Timestamp> = tx.value(next, args![now]).await?;
    drop(tx);
    for row in &rows {
        let id: CampaignId = row.get("id")?;
        let mut tx = db.begin_durable().await?;
        let seen = campaign::of_any_org(&mut tx, id).await?;
        let lists = outdated(&mut tx, id).await?;
        if seen.state != CampaignState::InProgress || lists.is_empty() {
            continue;
        }
        let why = format!("too old: {}; import a newer version", lists.join(", "));
        let to = Move { to: CampaignState::Paused, pause_reason: Some(PauseReason::Compliance) };
        match campaign::advance(&mut tx, &seen, &Actor::system("suppression"), to).await {
            Ok(_) => {}
            // Somebody was faster.
            Err(StoreError::Stale) => continue,
            Err(error) => return Err(error),
        }
        tx.execute("UPDATE campaign SET pause_detail = $2 WHERE id = $1", args![id, why]).await?;
        tx.commit().await?;
        tracing::warn!(campaign = %id, "a campaign was paused: a suppression list of it is too old");
    }
    Ok(next)
}

/// Sends those through the gate again whom a list blocked and no longer holds for; a few hundred at a time, until nothing is
/// left to do.
///
/// # Errors
/// When the database fails.
pub async fn mend(db: &super::Db) -> Result<(), StoreError> {
    const ASKED: &str = "SELECT id, mend_asked FROM suppression_list WHERE mend_asked IS NOT NULL ORDER BY id";
    let mut tx = db.read().await?;
    let asked = tx.all(ASKED, vec![]).await?;
    drop(tx);
    for row in &asked {
        let (list, since): (SuppressionListId, Timestamp) = (row.get("id")?, row.get("mend_asked")?);
        let mut after: Option<TargetId> = None;
        loop {
            let mut tx = db.begin().await?;
            after = mend_some(&mut tx, list, after).await?;
            if after.is_none() {
                let done = "UPDATE suppression_list SET mend_asked = NULL WHERE id = $1 AND mend_asked = $2";
                tx.execute(done, args![list, since]).await?;
                tx.commit().await?;
                break;
            }
            tx.commit().await?;
        }
    }
    Ok(())
}

async fn mend_some(
    tx: &mut Tx,
    list: SuppressionListId,
    after: Option<TargetId>,
) -> Result<Option<TargetId>, StoreError> {
    const SOME: &str = concat!(
        "SELECT t.id, t.campaign_id, c.further_phones, ",
        listed!("c.phone_hash", "t.org_id", "t.campaign_id"),
        " AS list FROM target t JOIN contact c ON c.id = t.contact_id JOIN campaign k ON k.id = t.campaign_id \
         WHERE t.blocked_by = $1 AND t.id > $2 AND t.status = 'blocked' AND k.state NOT IN ('cancelled', 'deleting') \
         ORDER BY t.id LIMIT $3"
    );
    const FREE: &str = "UPDATE target SET status = 'waiting', blocked_reason = NULL, blocked_by = NULL, next_at = $2, \
                        updated_at = $2, priority = base_priority, \
                        opens_at = CASE WHEN opens_at IS NULL THEN NULL ELSE 0 END WHERE id = $1 AND status = 'blocked'";
    let now = tx.now().await?;
    let after = after.map_or_else(String::new, |id| id.to_string());
    let rows = tx.all(SOME, args![list, after, MENDED]).await?;
    let mut last = None;
    let mut freed = false;
    for row in &rows {
        let (id, still): (TargetId, Option<SuppressionListId>) = (row.get("id")?, row.get("list")?);
        last = Some(id);
        // Of whoever has further numbers the gate looks at each again.
        if still.is_none() || row.get::<i64>("further_phones")? > 0 {
            tx.execute(FREE, args![id, now]).await?;
            freed = true;
        } else if still != Some(list) {
            tx.execute("UPDATE target SET blocked_by = $2 WHERE id = $1", args![id, still]).await?;
        }
    }
    if freed {
        tx.wake(Wake::Campaigns);
    }
    Ok(last.filter(|_| rows.len() as i64 == MENDED))
}

/// Takes away numbers that no list has any longer, a few thousand at a time; whether there may be more.
///
/// # Errors
/// When the database fails.
pub async fn sweep(tx: &mut Tx) -> Result<bool, StoreError> {
    const ABANDONED: &str = "UPDATE suppression_import SET state = 'old' WHERE state = 'loading' AND touched_at < $1";
    const OLD: &str = "SELECT no FROM suppression_import WHERE state = 'old' ORDER BY touched_at LIMIT 1";
    const SOME: &str = "DELETE FROM listed_number WHERE import_no = $1 AND phone_key IN \
                        (SELECT phone_key FROM listed_number WHERE import_no = $1 LIMIT $2)";
    let now = tx.now().await?;
    tx.execute(ABANDONED, args![now - BROKEN_OFF]).await?;
    let Some(row) = tx.optional(OLD, vec![]).await? else {
        let gone = "DELETE FROM suppression_list WHERE deleted_at IS NOT NULL AND mend_asked IS NULL AND NOT EXISTS \
                    (SELECT 1 FROM suppression_import i WHERE i.list_id = suppression_list.id)";
        tx.execute(gone, vec![]).await?;
        return Ok(false);
    };
    let no: i64 = row.get("no")?;
    if tx.execute(SOME, args![no, SWEPT]).await? == 0 {
        tx.execute("DELETE FROM suppression_import WHERE no = $1", args![no]).await?;
    }
    Ok(true)
}

fn read(row: &Row) -> Result<SuppressionList, StoreError> {
    let data = ListData {
        name: row.get("name")?,
        source: row.get("source")?,
        org_wide: row.get("org_wide")?,
        valid_until: row.get("valid_until")?,
    };
    let numbers: i64 = row.get("numbers")?;
    Ok(SuppressionList {
        id: row.get("id")?,
        data,
        version: row.get("version")?,
        numbers: numbers.unsigned_abs(),
        imported_at: row.get("imported_at")?,
        created_at: row.get("created_at")?,
    })
}
