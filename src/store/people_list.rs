//! Lists of contacts or of cases: snapshots that campaigns are filled from.

use jiff::Timestamp;
use serde_json::json;

use super::audit::{self, Actor};
use super::db::value::text_columns;
use super::db::{Row, ToArg, insert_many, places};
use super::filter::{Clause, Cursor, Orders, Sheet};
use super::tag::key;
use super::{Listing, StoreError, Tx};
use crate::args;
use crate::campaign::wire::wire_enum;
use crate::id::{CampaignId, CaseId, ListId, OrgId};
use crate::pii::Pii;

wire_enum! {
    /// What a list holds.
    pub enum ListKind is "kind of list" {
        /// Contacts.
        Contacts = "contacts",
        /// Cases; whom a campaign calls are their primary contacts.
        Cases = "cases",
    }
}

text_columns!(ListKind);

/// A list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeopleList {
    /// Its id.
    pub id: ListId,
    /// What it holds.
    pub kind: ListKind,
    /// What can be edited.
    pub data: ListData,
    /// How many are in it.
    pub members: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it, or who is in it, last changed.
    pub updated_at: Timestamp,
}

/// What can be edited of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListData {
    /// Its name, once in the organisation whatever its case.
    pub name: String,
    /// Everybody in it is called on behalf of somebody else.
    pub obo: bool,
    /// What stands for the company's name in calls to it.
    pub company_name: Option<String>,
    /// What stands for the type of each case in calls to it.
    pub case_type: Option<String>,
}

/// What lists can be ordered by.
pub const ORDERS: Orders = &[
    ("created_at", None),
    ("updated_at", Some("updated_at")),
    ("name", Some("name_key")),
    ("members", Some("members")),
];

const SELECT: &str = "SELECT id, name, kind, obo, company_name, case_type, members, created_at, updated_at FROM people_list \
                      WHERE org_id = $1";

/// Makes a list with nobody in it.
///
/// # Errors
/// [`StoreError::Conflict`] when the name is taken, or when the database fails.
pub async fn insert(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    kind: ListKind,
    data: &ListData,
) -> Result<PeopleList, StoreError> {
    let (id, now) = (ListId::generate(), tx.now().await?);
    tx.execute(
        "INSERT INTO people_list (id, org_id, name, name_key, kind, obo, company_name, case_type, members, created_at, \
         updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $9)",
        args![id, org, data.name.trim(), key(&data.name), kind, data.obo, data.company_name, data.case_type, now],
    )
    .await?;
    audit::write(tx, org, actor, "list.create", ("list", id.to_string()), json!({ "kind": kind })).await?;
    get(tx, org, id).await
}

/// One list.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: ListId) -> Result<PeopleList, StoreError> {
    let rows = tx.all_built(format!("{SELECT} AND id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// Whether no list of the organisation has this name.
///
/// # Errors
/// When the database fails.
pub async fn is_free(tx: &mut Tx, org: OrgId, name: &str) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM people_list WHERE org_id = $1 AND name_key = $2";
    Ok(tx.optional(sql, args![org, key(name)]).await?.is_none())
}

/// Which lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListWish {
    /// Part of the name.
    pub search: Option<String>,
    /// What they hold.
    pub kind: Option<ListKind>,
    /// Called on behalf of somebody else.
    pub obo: Option<bool>,
    /// Put into this campaign.
    pub campaign: Option<CampaignId>,
}

/// The lists of an organisation.
///
/// # Errors
/// When the database fails.
pub async fn search(
    tx: &mut Tx,
    org: OrgId,
    wish: &ListWish,
    sheet: &Sheet,
) -> Result<Listing<PeopleList, Cursor>, StoreError> {
    let mut clause = Clause::new(tx, SELECT, args![org]);
    clause.contains("name_key", wish.search.as_deref());
    clause.is("kind", wish.kind.as_ref());
    clause.is("obo", wish.obo.as_ref());
    if let Some(campaign) = &wish.campaign {
        let campaign = clause.bind(campaign);
        clause.and(&format!("id IN (SELECT list_id FROM campaign_people_list WHERE campaign_id = {campaign})"));
    }
    clause.page(tx, "id", sheet, read).await
}

/// Changes a list. What it puts in the place of names holds from the next call on, in all campaigns that it was put into.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Conflict`] when the name is taken, or when the database fails.
pub async fn update(tx: &mut Tx, org: OrgId, actor: &Actor, id: ListId, data: &ListData) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE people_list SET name = $3, name_key = $4, obo = $5, company_name = $6, case_type = $7, \
                       updated_at = $8 WHERE org_id = $1 AND id = $2";
    let now = tx.now().await?;
    let (name, key) = (data.name.trim(), key(&data.name));
    if tx.execute(SQL, args![org, id, name, key, data.obo, data.company_name, data.case_type, now]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    let detail = json!({ "obo": data.obo, "overrides": [data.company_name.is_some(), data.case_type.is_some()] });
    audit::write(tx, org, actor, "list.update", ("list", id.to_string()), detail).await
}

/// Deletes a list that was put into no campaign. Who is in it stays.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Conflict`] when a campaign has it, or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, actor: &Actor, id: ListId) -> Result<(), StoreError> {
    let seen = get(tx, org, id).await?;
    tx.execute("DELETE FROM people_list WHERE org_id = $1 AND id = $2", args![org, id]).await?;
    audit::write(tx, org, actor, "list.delete", ("list", id.to_string()), json!({ "members": seen.members })).await
}

/// Puts contacts or cases into a list; how many were not in it. Their ids have to be the organisation's.
///
/// # Errors
/// When the database fails.
pub async fn put_in(tx: &mut Tx, list: ListId, members: &[String]) -> Result<u64, StoreError> {
    let values = members.iter().flat_map(|member| args![list, member]).collect();
    let head = "INSERT INTO people_list_member (list_id, member_id) VALUES";
    let added = insert_many(tx, head, 2, values, "ON CONFLICT (list_id, member_id) DO NOTHING").await?;
    counted(tx, list, i64::try_from(added).unwrap_or(i64::MAX)).await?;
    Ok(added)
}

/// Takes contacts or cases out of a list; how many were in it.
///
/// # Errors
/// When the database fails.
pub async fn take_out(tx: &mut Tx, list: ListId, members: &[String]) -> Result<u64, StoreError> {
    let mut taken = 0;
    for members in members.chunks(500) {
        let mut values = args![list];
        values.extend(members.iter().map(ToArg::to_arg));
        let sql = format!(
            "DELETE FROM people_list_member WHERE list_id = $1 AND member_id IN ({})",
            places(2, members.len())
        );
        taken += tx.execute_built(sql, values).await?;
    }
    counted(tx, list, -i64::try_from(taken).unwrap_or(i64::MAX)).await?;
    Ok(taken)
}

async fn counted(tx: &mut Tx, list: ListId, more: i64) -> Result<(), StoreError> {
    if more == 0 {
        return Ok(());
    }
    let now = tx.now().await?;
    let sql = "UPDATE people_list SET members = members + $2, updated_at = $3 WHERE id = $1";
    tx.execute(sql, args![list, more, now]).await.map(drop)
}

/// The campaigns that a list was put into.
///
/// # Errors
/// When the database fails.
pub async fn campaigns(tx: &mut Tx, id: ListId) -> Result<Vec<(CampaignId, String)>, StoreError> {
    let sql = "SELECT c.id, c.name FROM campaign_people_list l JOIN campaign c ON c.id = l.campaign_id \
               WHERE l.list_id = $1 ORDER BY c.id DESC LIMIT 1000";
    tx.all(sql, args![id]).await?.iter().map(|row| Ok((row.get("id")?, row.get("name")?))).collect()
}

/// Writes down that a list was put into a campaign.
///
/// # Errors
/// When the database fails.
pub(in crate::store) async fn used_by(tx: &mut Tx, list: ListId, campaign: CampaignId) -> Result<(), StoreError> {
    let sql = "INSERT INTO campaign_people_list (campaign_id, list_id, added_at) VALUES ($1, $2, $3) \
               ON CONFLICT (campaign_id, list_id) DO NOTHING";
    let now = tx.now().await?;
    tx.execute(sql, args![campaign, list, now]).await.map(drop)
}

/// How clean a list is. Each number is of members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// Everybody.
    pub members: u64,
    /// Cases without a primary contact.
    pub without_contact: u64,
    /// Whose contact has no number.
    pub without_phone: u64,
    /// Whose number another member has too.
    pub same_phone: u64,
    /// Whose first number carriers do not know.
    pub invalid_phone: u64,
    /// Whose zone nothing tells.
    pub without_zone: u64,
    /// One of whose numbers is on the organisation's own suppression list.
    pub opted_out: u64,
    /// Who is in a campaign that is in progress or paused.
    pub in_active_campaign: u64,
    /// Different types of its cases, cases without one counted as one.
    pub case_types: u64,
}

/// How clean a list is.
///
/// # Errors
/// When the database fails.
pub async fn quality(tx: &mut Tx, list: &PeopleList) -> Result<Quality, StoreError> {
    const COUNTS: &str = "SELECT COUNT(*) AS members, \
         COALESCE(SUM(CASE WHEN contact.id IS NULL THEN 1 ELSE 0 END), 0) AS without_contact, \
         COALESCE(SUM(CASE WHEN contact.id IS NOT NULL AND contact.phone IS NULL THEN 1 ELSE 0 END), 0) AS without_phone, \
         COALESCE(SUM(CASE WHEN contact.phone_invalid_at IS NOT NULL THEN 1 ELSE 0 END), 0) AS invalid_phone, \
         COALESCE(SUM(CASE WHEN contact.zone_source = 'none' THEN 1 ELSE 0 END), 0) AS without_zone, \
         COALESCE(SUM(CASE WHEN EXISTS (SELECT 1 FROM suppression s WHERE s.org_id = contact.org_id \
                  AND s.phone_hash = contact.phone_hash) THEN 1 ELSE 0 END), 0) AS opted_out, \
         COALESCE(SUM(CASE WHEN EXISTS (SELECT 1 FROM target t JOIN campaign g ON g.id = t.campaign_id \
                  WHERE t.contact_id = contact.id AND t.status <> 'removed' AND g.state IN ('in_progress', 'paused')) \
                  THEN 1 ELSE 0 END), 0) AS active";
    let from = of_members(list.kind);
    let row = tx.all_built(format!("{COUNTS} {from}"), args![list.id]).await?;
    let row = row.first().ok_or(StoreError::NotFound)?;
    let count = |column| Ok::<_, StoreError>(row.get::<i64>(column)?.unsigned_abs());
    let same = format!(
        "SELECT CAST(COALESCE(SUM(found.n), 0) AS BIGINT) AS value FROM (SELECT COUNT(*) AS n {from} AND contact.phone_hash IS NOT NULL \
         GROUP BY contact.phone_hash HAVING COUNT(*) > 1) AS found"
    );
    let rows = tx.all_built(same, args![list.id]).await?;
    let same_phone = rows.first().ok_or(StoreError::NotFound)?.get::<i64>("value")?.unsigned_abs();
    let case_types = match list.kind {
        ListKind::Contacts => 0,
        ListKind::Cases => {
            let sql = "SELECT COUNT(*) AS value FROM (SELECT DISTINCT COALESCE(k.type_id, '') FROM people_list_member m \
                       JOIN client_case k ON k.id = m.member_id WHERE m.list_id = $1) AS found";
            tx.value::<i64>(sql, args![list.id]).await?.unsigned_abs()
        }
    };
    Ok(Quality {
        members: count("members")?,
        without_contact: count("without_contact")?,
        without_phone: count("without_phone")?,
        same_phone,
        invalid_phone: count("invalid_phone")?,
        without_zone: count("without_zone")?,
        opted_out: count("opted_out")?,
        in_active_campaign: count("active")?,
        case_types,
    })
}

/// The members of a list with their contacts, as the rest of a statement whose first value is the list.
const fn of_members(kind: ListKind) -> &'static str {
    match kind {
        ListKind::Contacts => {
            "FROM people_list_member m LEFT JOIN contact ON contact.id = m.member_id WHERE m.list_id = $1"
        }
        ListKind::Cases => {
            "FROM people_list_member m JOIN client_case k ON k.id = m.member_id \
             LEFT JOIN contact ON contact.id = k.contact_id WHERE m.list_id = $1"
        }
    }
}

/// The variables that a case and a list bring into a call: details of the case, then `case_id`, `case_type`, `case_status`, then
/// what the list puts in the place of `case_type` and `company_name`.
pub(in crate::store) async fn brought_by(
    tx: &mut Tx,
    list: Option<ListId>,
    case: Option<CaseId>,
) -> Result<Vec<(String, String)>, StoreError> {
    const CASE: &str = "SELECT k.external_id, k.details, t.name AS type_name, s.name AS status_name FROM client_case k \
                        LEFT JOIN case_label t ON t.id = k.type_id LEFT JOIN case_label s ON s.id = k.status_id \
                        WHERE k.id = $1";
    let mut brought = Vec::new();
    let put = |brought: &mut Vec<(String, String)>, row: &Row, names: &[(&'static str, &str)]| {
        for (column, name) in names {
            if let Some(value) = row.get::<Option<Pii<String>>>(column)? {
                brought.push(((*name).to_owned(), value.into_inner()));
            }
        }
        Ok::<_, StoreError>(())
    };
    if let Some(case) = case
        && let Some(row) = tx.optional(CASE, args![case]).await?
    {
        brought.extend(super::contact::variables(&row, "details")?.into_inner());
        let names = [("external_id", "case_id"), ("type_name", "case_type"), ("status_name", "case_status")];
        put(&mut brought, &row, &names)?;
    }
    if let Some(list) = list
        && let Some(row) =
            tx.optional("SELECT company_name, case_type FROM people_list WHERE id = $1", args![list]).await?
    {
        put(&mut brought, &row, &[("case_type", "case_type"), ("company_name", "company_name")])?;
    }
    Ok(brought)
}

fn read(row: &Row) -> Result<PeopleList, StoreError> {
    Ok(PeopleList {
        id: row.get("id")?,
        kind: row.get("kind")?,
        data: ListData {
            name: row.get("name")?,
            obo: row.get("obo")?,
            company_name: row.get("company_name")?,
            case_type: row.get("case_type")?,
        },
        members: row.get::<i64>("members")?.unsigned_abs(),
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
