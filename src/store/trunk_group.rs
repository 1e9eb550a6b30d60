//! Groups of trunks, and the campaigns that follow them.

use jiff::Timestamp;

use super::db::{Listing, Page, Row};
use super::trunk::{TrunkShare, set_shares};
use super::{StoreError, Tx, Wake};
use crate::args;
use crate::campaign::phone::E164;
use crate::id::{CampaignId, OrgId, TrunkGroupId, TrunkId};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkGroup {
    /// Its id.
    pub id: TrunkGroupId,
    /// Whose it is.
    pub org: OrgId,
    /// Counts its changes.
    pub version: i64,
    /// Its name, unique in the organisation.
    pub name: String,
    /// Its trunks in the order in which they are turned to.
    pub members: Vec<TrunkShare>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A campaign that follows a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// Which.
    pub campaign: CampaignId,
    /// The number it calls from.
    pub caller_id: E164,
}

const SELECT: &str = "SELECT id, org_id, version, name, created_at, updated_at FROM trunk_group";

/// Keeps a new group.
///
/// # Errors
/// [`StoreError::Conflict`] when the name is taken or a trunk does not exist, or when the database fails.
pub async fn insert(tx: &mut Tx, org: OrgId, name: &str, members: &[TrunkShare]) -> Result<TrunkGroup, StoreError> {
    let (id, now) = (TrunkGroupId::generate(), tx.now().await?);
    let sql =
        "INSERT INTO trunk_group (id, org_id, version, name, created_at, updated_at) VALUES ($1, $2, 1, $3, $4, $4)";
    tx.execute(sql, args![id, org, name, now]).await?;
    write_members(tx, id, members).await?;
    get(tx, org, id).await
}

/// One group.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: TrunkGroupId) -> Result<TrunkGroup, StoreError> {
    let rows = tx.all_built(format!("{SELECT} WHERE org_id = $1 AND id = $2"), args![org, id]).await?;
    let mut group = read(rows.first().ok_or(StoreError::NotFound)?)?;
    group.members = members(tx, id).await?;
    Ok(group)
}

/// The groups of an organisation.
///
/// # Errors
/// When the database fails.
pub async fn list(
    tx: &mut Tx,
    org: OrgId,
    page: Page<TrunkGroupId>,
) -> Result<Listing<TrunkGroup, TrunkGroupId>, StoreError> {
    let select = format!("{SELECT} WHERE org_id = $1");
    let mut listing = tx.page(&select, args![org], "id", page, read, |group| group.id).await?;
    for group in &mut listing.items {
        group.members = members(tx, group.id).await?;
    }
    Ok(listing)
}

/// Replaces a group, if nobody else has since `version`, and with it the trunks of the campaigns that follow it.
///
/// # Errors
/// [`StoreError::Stale`], [`StoreError::Conflict`] when the name is taken or a trunk does not exist, or when the database
/// fails.
pub async fn update(
    tx: &mut Tx,
    org: OrgId,
    id: TrunkGroupId,
    version: i64,
    name: &str,
    members: &[TrunkShare],
) -> Result<(), StoreError> {
    let sql = "UPDATE trunk_group SET name = $4, updated_at = $5, version = version + 1 \
               WHERE org_id = $1 AND id = $2 AND version = $3";
    let now = tx.now().await?;
    if tx.execute(sql, args![org, id, version, name, now]).await? == 0 {
        return Err(StoreError::Stale);
    }
    tx.execute("DELETE FROM trunk_group_member WHERE group_id = $1", args![id]).await?;
    write_members(tx, id, members).await?;
    for Follower { campaign, .. } in followers(tx, id).await? {
        follow(tx, campaign, id, members).await?;
    }
    super::prefix_route::changed(tx, org).await
}

/// Deletes a group that nothing uses.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Conflict`] with [`Constraint::Reference`](super::Constraint::Reference) when a
/// campaign or a route uses it, or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, id: TrunkGroupId) -> Result<(), StoreError> {
    match tx.execute("DELETE FROM trunk_group WHERE org_id = $1 AND id = $2", args![org, id]).await? {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

/// The campaigns that follow a group.
///
/// # Errors
/// When the database fails.
pub async fn followers(tx: &mut Tx, id: TrunkGroupId) -> Result<Vec<Follower>, StoreError> {
    let sql = "SELECT id, caller_id FROM campaign WHERE trunk_group_id = $1 ORDER BY id";
    let read = |row: &Row| Ok(Follower { campaign: row.get("id")?, caller_id: row.get("caller_id")? });
    tx.all(sql, args![id]).await?.iter().map(read).collect()
}

/// The group that a campaign's trunks follow, if they follow one.
///
/// # Errors
/// When the database fails.
pub async fn of_campaign(tx: &mut Tx, campaign: CampaignId) -> Result<Option<TrunkGroupId>, StoreError> {
    tx.one("SELECT trunk_group_id FROM campaign WHERE id = $1", args![campaign]).await?.get("trunk_group_id")
}

/// Lets the trunks of a campaign follow a group: the first of the group becomes its own, the others stand beside it.
/// `members` are the group's, and not empty.
///
/// # Errors
/// When the database fails.
pub async fn follow(
    tx: &mut Tx,
    campaign: CampaignId,
    group: TrunkGroupId,
    members: &[TrunkShare],
) -> Result<(), StoreError> {
    let mut shares = members.to_vec();
    shares.sort_by_key(|share| share.priority);
    let Some(first) = shares.first().copied() else { return Err(StoreError::NotFound) };
    // The campaign's own trunk has priority 1: the others keep their distance.
    for share in &mut shares {
        share.priority -= first.priority - 1;
    }
    let sql = "UPDATE campaign SET trunk_id = $2, trunk_group_id = $3, version = version + 1, updated_at = $4 \
               WHERE id = $1";
    let now = tx.now().await?;
    tx.execute(sql, args![campaign, first.trunk, group, now]).await?;
    set_shares(tx, campaign, &shares).await
}

/// Lets a campaign have trunks of its own again: those that it has now, until they are changed.
///
/// # Errors
/// When the database fails.
pub async fn leave(tx: &mut Tx, campaign: CampaignId) -> Result<(), StoreError> {
    tx.execute("UPDATE campaign SET trunk_group_id = NULL WHERE id = $1", args![campaign]).await.map(drop)
}

async fn write_members(tx: &mut Tx, id: TrunkGroupId, members: &[TrunkShare]) -> Result<(), StoreError> {
    for (ordinal, share) in (1_i64..).zip(members) {
        let sql = "INSERT INTO trunk_group_member (group_id, ordinal, trunk_id, priority, weight) \
                   VALUES ($1, $2, $3, $4, $5)";
        tx.execute(sql, args![id, ordinal, share.trunk, share.priority, share.weight]).await?;
    }
    tx.wake(Wake::Campaigns);
    Ok(())
}

pub(super) async fn members(tx: &mut Tx, id: TrunkGroupId) -> Result<Vec<TrunkShare>, StoreError> {
    let sql =
        "SELECT trunk_id, priority, weight FROM trunk_group_member WHERE group_id = $1 ORDER BY priority, ordinal";
    let share = |row: &Row| {
        let trunk: TrunkId = row.get("trunk_id")?;
        Ok(TrunkShare { trunk, priority: row.get("priority")?, weight: row.get("weight")? })
    };
    tx.all(sql, args![id]).await?.iter().map(share).collect()
}

fn read(row: &Row) -> Result<TrunkGroup, StoreError> {
    Ok(TrunkGroup {
        id: row.get("id")?,
        org: row.get("org_id")?,
        version: row.get("version")?,
        name: row.get("name")?,
        members: Vec::new(),
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
