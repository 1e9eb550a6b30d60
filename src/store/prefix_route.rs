//! Where calls go by the number called.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;

use super::db::{Listing, Page, Row};
use super::{StoreError, Tx, Wake, trunk_group};
use crate::args;
use crate::id::{OrgId, RouteId, TrunkGroupId, TrunkId};
use crate::trunk::prefix::Routes;

/// Most routes of an organisation.
pub const MAX_ROUTES: i64 = 1_000;

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixRoute {
    /// Its id.
    pub id: RouteId,
    /// Whose it is.
    pub org: OrgId,
    /// Counts its changes.
    pub version: i64,
    /// What can be edited.
    pub data: RouteData,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What can be edited of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteData {
    /// What numbers begin with: 1 to 15 digits of E.164, unique in the organisation.
    pub prefix: String,
    /// Where it leads.
    pub over: Over,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// To one trunk.
    Trunk(TrunkId),
    /// To the trunks of a group.
    Group(TrunkGroupId),
}

const SELECT: &str = "SELECT id, org_id, version, prefix, trunk_id, group_id, created_at, updated_at FROM prefix_route";

/// Keeps a new route.
///
/// # Errors
/// [`StoreError::Conflict`] when the prefix has one, or what it leads to does not exist; or when the database fails.
pub async fn insert(tx: &mut Tx, org: OrgId, data: &RouteData) -> Result<PrefixRoute, StoreError> {
    let (id, now) = (RouteId::generate(), tx.now().await?);
    let (trunk, group) = data.over.columns();
    let sql = "INSERT INTO prefix_route (id, org_id, version, prefix, trunk_id, group_id, created_at, updated_at) \
               VALUES ($1, $2, 1, $3, $4, $5, $6, $6)";
    tx.execute(sql, args![id, org, data.prefix, trunk, group, now]).await?;
    changed(tx, org).await?;
    get(tx, org, id).await
}

/// One route.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: RouteId) -> Result<PrefixRoute, StoreError> {
    let rows = tx.all_built(format!("{SELECT} WHERE org_id = $1 AND id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// The routes of an organisation.
///
/// # Errors
/// When the database fails.
pub async fn list(tx: &mut Tx, org: OrgId, page: Page<RouteId>) -> Result<Listing<PrefixRoute, RouteId>, StoreError> {
    tx.page(&format!("{SELECT} WHERE org_id = $1"), args![org], "id", page, read, |route| route.id).await
}

/// How many an organisation has.
///
/// # Errors
/// When the database fails.
pub async fn count(tx: &mut Tx, org: OrgId) -> Result<i64, StoreError> {
    tx.one("SELECT COUNT(*) AS routes FROM prefix_route WHERE org_id = $1", args![org]).await?.get("routes")
}

/// Replaces a route, if nobody else has since `version`.
///
/// # Errors
/// [`StoreError::Stale`], or as [`insert`].
pub async fn update(tx: &mut Tx, org: OrgId, id: RouteId, version: i64, data: &RouteData) -> Result<(), StoreError> {
    let (trunk, group) = data.over.columns();
    let sql = "UPDATE prefix_route SET prefix = $4, trunk_id = $5, group_id = $6, updated_at = $7, version = version + 1 \
               WHERE org_id = $1 AND id = $2 AND version = $3";
    let now = tx.now().await?;
    if tx.execute(sql, args![org, id, version, data.prefix, trunk, group, now]).await? == 0 {
        return Err(StoreError::Stale);
    }
    changed(tx, org).await
}

/// Deletes a route.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, id: RouteId) -> Result<(), StoreError> {
    match tx.execute("DELETE FROM prefix_route WHERE org_id = $1 AND id = $2", args![org, id]).await? {
        0 => Err(StoreError::NotFound),
        _ => changed(tx, org).await,
    }
}

/// All routes of an organisation, as calls are led by them.
///
/// # Errors
/// When the database fails.
pub async fn table(tx: &mut Tx, org: OrgId) -> Result<Routes, StoreError> {
    let rows = tx.all_built(format!("{SELECT} WHERE org_id = $1"), args![org]).await?;
    let (mut routes, mut groups) = (Vec::with_capacity(rows.len()), BTreeMap::new());
    for row in &rows {
        let RouteData { prefix, over } = read(row)?.data;
        let trunks = match over {
            Over::Trunk(trunk) => vec![trunk],
            Over::Group(group) => {
                if let Entry::Vacant(unread) = groups.entry(group) {
                    let members = trunk_group::members(tx, group).await?;
                    unread.insert(members.iter().map(|share| share.trunk).collect::<Vec<_>>());
                }
                groups[&group].clone()
            }
        };
        routes.push((prefix, trunks));
    }
    Ok(Routes::new(routes))
}

/// Routes, or a group that they may lead to, have changed: every node reads them again before its next claim.
pub(super) async fn changed(tx: &mut Tx, org: OrgId) -> Result<(), StoreError> {
    tx.execute("UPDATE org SET routes_version = routes_version + 1 WHERE id = $1", args![org]).await?;
    tx.wake(Wake::Campaigns);
    Ok(())
}

impl Over {
    const fn columns(self) -> (Option<TrunkId>, Option<TrunkGroupId>) {
        match self {
            Self::Trunk(trunk) => (Some(trunk), None),
            Self::Group(group) => (None, Some(group)),
        }
    }
}

fn read(row: &Row) -> Result<PrefixRoute, StoreError> {
    let (trunk, group): (Option<TrunkId>, Option<TrunkGroupId>) = (row.get("trunk_id")?, row.get("group_id")?);
    let over = match (trunk, group) {
        (Some(trunk), None) => Over::Trunk(trunk),
        (None, Some(group)) => Over::Group(group),
        (Some(_), Some(_)) | (None, None) => return Err(StoreError::Corrupt { column: "trunk_id" }),
    };
    Ok(PrefixRoute {
        id: row.get("id")?,
        org: row.get("org_id")?,
        version: row.get("version")?,
        data: RouteData { prefix: row.get("prefix")?, over },
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
