//! Cases of clients.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::contact::variables;
use super::db::{Arg, Listing, Row, ToArg, insert_many, places};
use super::filter::{CaseFilter, Clause, Cursor, Orders, Sheet};
use super::{StoreError, Tx};
use crate::args;
use crate::campaign::phone::E164;
use crate::id::{CampaignId, CaseId, CaseLabelId, ContactId, ImportId, ListId, OrgId};
use crate::pii::Pii;

/// A case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its id.
    pub id: CaseId,
    /// What can be edited.
    pub data: CaseData,
    /// The name of its type.
    pub kind: Option<String>,
    /// The name of its state.
    pub status: Option<String>,
    /// The name of its primary contact.
    pub contact_name: Option<Pii<String>>,
    /// The number of its primary contact.
    pub contact_phone: Option<Pii<E164>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What can be edited of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseData {
    /// The id it has elsewhere, once in the organisation.
    pub external_id: Option<Pii<String>>,
    /// Its primary contact.
    pub contact: Option<ContactId>,
    /// Its type.
    pub kind: Option<CaseLabelId>,
    /// Its state.
    pub status: Option<CaseLabelId>,
    /// Names and values.
    pub details: Pii<BTreeMap<String, String>>,
}

/// What cases can be ordered by.
pub const ORDERS: Orders =
    &[("created_at", None), ("updated_at", Some("k.updated_at")), ("external_id", Some("COALESCE(k.external_id, '')"))];

const SELECT: &str = "SELECT k.id, k.external_id, k.contact_id, k.type_id, k.status_id, k.details, k.created_at, k.updated_at, \
                      t.name AS type_name, s.name AS status_name, c.name AS contact_name, c.phone AS contact_phone \
                      FROM client_case k LEFT JOIN contact c ON c.id = k.contact_id \
                      LEFT JOIN case_label t ON t.id = k.type_id LEFT JOIN case_label s ON s.id = k.status_id \
                      WHERE k.org_id = $1";

/// Keeps new cases, many per statement, and returns their ids in the same order.
///
/// # Errors
/// [`StoreError::Conflict`] when an external id is taken, or when the database fails.
pub async fn insert(
    tx: &mut Tx,
    org: OrgId,
    cases: &[CaseData],
    import: Option<ImportId>,
) -> Result<Vec<CaseId>, StoreError> {
    const HEAD: &str = "INSERT INTO client_case (id, org_id, import_id, created_at, updated_at, external_id, contact_id, type_id, \
                        status_id, details, search) VALUES";
    let now = tx.now().await?;
    let ids: Vec<_> = cases.iter().map(|_| CaseId::generate()).collect();
    let mut all = Vec::with_capacity(cases.len() * 11);
    for (case, id) in cases.iter().zip(&ids) {
        all.extend(args![id, org, import, now, now]);
        all.extend(values(case));
    }
    insert_many(tx, HEAD, 11, all, "").await?;
    Ok(ids)
}

/// One case.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId, id: CaseId) -> Result<Case, StoreError> {
    let rows = tx.all_built(format!("{SELECT} AND k.id = $2"), args![org, id]).await?;
    read(rows.first().ok_or(StoreError::NotFound)?)
}

/// The cases that a filter lets through, in an order.
///
/// # Errors
/// When the database fails.
pub async fn search(
    tx: &mut Tx,
    org: OrgId,
    filter: &CaseFilter,
    sheet: &Sheet,
) -> Result<Listing<Case, Cursor>, StoreError> {
    let mut clause = Clause::new(tx, SELECT, args![org]);
    filter.add(&mut clause);
    clause.page(tx, "k.id", sheet, read).await
}

/// Replaces what can be edited of a case.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Conflict`] when the external id is taken, or when the database fails.
pub async fn update(tx: &mut Tx, org: OrgId, id: CaseId, data: &CaseData) -> Result<(), StoreError> {
    const SQL: &str = "UPDATE client_case SET updated_at = $3, external_id = $4, contact_id = $5, type_id = $6, status_id = $7, \
                       details = $8, search = $9 WHERE org_id = $1 AND id = $2";
    let mut args = args![org, id, tx.now().await?];
    args.extend(values(data));
    match tx.execute(SQL, args).await? {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

/// Deletes a case. Its contact stays, it leaves its lists, and campaigns that call its contact go on without it.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn delete(tx: &mut Tx, org: OrgId, id: CaseId) -> Result<(), StoreError> {
    const LEFT: &str = "UPDATE people_list SET members = members - 1 WHERE id IN \
                        (SELECT list_id FROM people_list_member WHERE member_id = $2) AND org_id = $1";
    tx.execute(LEFT, args![org, id]).await?;
    match tx.execute("DELETE FROM client_case WHERE org_id = $1 AND id = $2", args![org, id]).await? {
        0 => Err(StoreError::NotFound),
        _ => {
            tx.execute("DELETE FROM people_list_member WHERE member_id = $1", args![id]).await?;
            tx.execute("UPDATE target SET case_id = NULL WHERE case_id = $1", args![id]).await.map(drop)
        }
    }
}

/// The lists that a case is in, and the campaigns it was put into.
///
/// # Errors
/// When the database fails.
pub async fn places_of(tx: &mut Tx, id: CaseId) -> Result<(Vec<ListId>, Vec<CampaignId>), StoreError> {
    let lists = "SELECT list_id FROM people_list_member WHERE member_id = $1 ORDER BY list_id LIMIT 1000";
    let lists = tx.all(lists, args![id]).await?.iter().map(|row| row.get("list_id")).collect::<Result<_, _>>()?;
    let campaigns = "SELECT campaign_id FROM target WHERE case_id = $1 ORDER BY campaign_id LIMIT 1000";
    let campaigns =
        tx.all(campaigns, args![id]).await?.iter().map(|row| row.get("campaign_id")).collect::<Result<_, _>>()?;
    Ok((lists, campaigns))
}

/// The cases of these ids of elsewhere.
///
/// # Errors
/// When the database fails.
pub async fn by_external(tx: &mut Tx, org: OrgId, ids: &[String]) -> Result<Vec<Case>, StoreError> {
    let mut found = Vec::new();
    for ids in ids.chunks(200) {
        let mut values = args![org];
        values.extend(ids.iter().map(ToArg::to_arg));
        let sql = format!("{SELECT} AND k.external_id IN ({})", places(2, ids.len()));
        for row in tx.all_built(sql, values).await? {
            found.push(read(&row)?);
        }
    }
    Ok(found)
}

/// External id, contact, type, state, details, search.
fn values(data: &CaseData) -> [Arg; 6] {
    let details = serde_json::to_string(data.details.expose()).expect("a map of strings is JSON");
    let external = data.external_id.as_ref().map(|id| id.expose().as_str());
    let mut search = external.unwrap_or_default().to_owned();
    for value in data.details.expose().values() {
        write!(search, " {value}").expect("a string takes everything");
    }
    [
        external.to_arg(),
        data.contact.to_arg(),
        data.kind.to_arg(),
        data.status.to_arg(),
        Arg::Text(Some(details)),
        Arg::Text(Some(search.to_lowercase())),
    ]
}

fn read(row: &Row) -> Result<Case, StoreError> {
    Ok(Case {
        id: row.get("id")?,
        data: CaseData {
            external_id: row.get("external_id")?,
            contact: row.get("contact_id")?,
            kind: row.get("type_id")?,
            status: row.get("status_id")?,
            details: variables(row, "details")?,
        },
        kind: row.get("type_name")?,
        status: row.get("status_name")?,
        contact_name: row.get("contact_name")?,
        contact_phone: row.get("contact_phone")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
