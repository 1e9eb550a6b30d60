//! Contacts of a campaign by wishes, page by page, fast among a million.
//!
//! An index has the order of a page within one state, with one mark of success and one of interruption. So a page is put
//! together from the beginnings of such ranges: what it costs does not grow with the campaign, however few of its contacts a
//! wish picks and wherever they lie. Wishes that no index knows are looked at row by row within the ranges.

use super::{Target, read};
use crate::args;
use crate::campaign::states::TargetState;
use crate::id::{CampaignId, OrgId};
use crate::store::db::{Arg, Listing, ToArg};
use crate::store::filter::{Clause, Cursor, Orders, Sheet, TargetFilter};
use crate::store::{StoreError, Tx};

/// Contacts that are counted one by one.
pub const EXACT: u64 = 10_000;
/// Contacts that are looked at to count those that fit a wish no index knows.
const LOOKED_AT: u64 = 20_000;

/// What contacts of a campaign can be ordered by.
pub const ORDERS: Orders = &[
    ("created_at", None),
    ("updated_at", Some("t.updated_at")),
    ("next_at", Some("COALESCE(t.callback_at, t.next_at)")),
    ("last_call_at", Some("t.sort_called")),
    ("last_duration_ms", Some("t.sort_talked")),
    ("priority", Some("t.base_priority")),
    ("dials", Some("t.dials")),
    ("name", Some("c.name")),
];

/// How many contacts a filter lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// So many; at least so many, where that is not exact.
    pub count: u64,
    /// All were counted.
    pub exact: bool,
}

/// The targets of a campaign that a filter lets through, in an order.
///
/// # Errors
/// When the database fails.
pub async fn search(
    tx: &mut Tx,
    org: OrgId,
    campaign: CampaignId,
    filter: &TargetFilter,
    sheet: &Sheet,
) -> Result<Listing<Target, Cursor>, StoreError> {
    let select = format!("{} WHERE t.org_id = $1 AND t.campaign_id = $2", super::SELECT);
    let mut clause = Clause::new(tx, select, args![org, campaign]);
    if !matches!(sheet.by(), None | Some("t.sort_called" | "t.sort_talked")) {
        filter.add(&mut clause);
        return clause.page(tx, "t.id", sheet, read).await;
    }
    let key = sheet.by().unwrap_or("t.id");
    let from = if filter.asks_contact() { "target t JOIN contact c ON c.id = t.contact_id" } else { "target t" };
    let mut inner = Clause::new(tx, String::new(), args![campaign]);
    filter.add_others(&mut inner);
    let cut = inner.cut("t.id", sheet);
    let mut parts = Vec::new();
    for (index, (state, success, interrupted)) in ranges(filter).enumerate() {
        let state = inner.bind(&state);
        let (success, interrupted) = (literal(success), literal(interrupted));
        parts.push(format!(
            "SELECT id, sort_key FROM (SELECT t.id AS id, {key} AS sort_key FROM {from} WHERE t.campaign_id = $1 \
             AND t.status = {state} AND t.call_success = {success} AND t.interrupted = {interrupted}{rest}{cut}) \
             AS range_{index}",
            rest = inner.text(),
            cut = cut.text,
        ));
    }
    let (way, limit) = (cut.way, cut.limit);
    let ids = format!(
        "SELECT id FROM ({}) AS ranges ORDER BY sort_key {way}, id {way} LIMIT {limit}",
        parts.join(" UNION ALL ")
    );
    // The values of the ranges come first, then those of the page around them.
    let mut args = inner.into_args();
    args.push(org.to_arg());
    let whole = format!("{} WHERE t.org_id = ${} AND t.id IN ({ids})", super::SELECT, args.len());
    Clause::new(tx, whole, args).page(tx, "t.id", &sheet.whole(), read).await
}

/// How many targets of a campaign a filter lets through: up to [`EXACT`] counted. With wishes that no index knows, as many as
/// there are among the first [`LOOKED_AT`] that fit the others.
///
/// # Errors
/// When the database fails.
pub async fn total(tx: &mut Tx, campaign: CampaignId, filter: &TargetFilter) -> Result<Total, StoreError> {
    let plain = !filter.has_others();
    let most = if plain { EXACT + 1 } else { LOOKED_AT };
    let (sql, mut args) = first_of(tx, campaign, filter, most);
    let found = {
        let sql = format!("SELECT COUNT(*) AS value FROM ({sql}) AS found");
        let rows = tx.all_built(sql, args.clone()).await?;
        rows.first().ok_or(StoreError::NotFound)?.get::<i64>("value")?.unsigned_abs()
    };
    if plain {
        return Ok(Total { count: found.min(EXACT), exact: found <= EXACT });
    }
    let outer = format!(
        "SELECT COUNT(*) AS value FROM ({sql}) AS looked JOIN target t ON t.id = looked.id \
         JOIN contact c ON c.id = t.contact_id WHERE TRUE"
    );
    let mut outer = Clause::new(tx, outer, std::mem::take(&mut args));
    filter.add_others(&mut outer);
    let count = outer.count(tx).await?;
    Ok(Total { count: count.min(EXACT), exact: found < LOOKED_AT && count <= EXACT })
}

/// The ids of some targets that fit the wishes which indexes know, and its values.
fn first_of(tx: &Tx, campaign: CampaignId, filter: &TargetFilter, most: u64) -> (String, Vec<Arg>) {
    if filter.call_success.is_none() && filter.interrupted.is_none() {
        let mut clause = Clause::new(tx, "SELECT t.id FROM target t WHERE t.campaign_id = $1", args![campaign]);
        filter.add_ranges(&mut clause);
        return clause.take_first(most);
    }
    let mut clause = Clause::new(tx, String::new(), args![campaign]);
    let limit = clause.bind(&i64::try_from(most).unwrap_or(i64::MAX));
    let mut parts = Vec::new();
    for (index, (state, success, interrupted)) in ranges(filter).enumerate() {
        let state = clause.bind(&state);
        let (success, interrupted) = (literal(success), literal(interrupted));
        parts.push(format!(
            "SELECT id FROM (SELECT t.id AS id FROM target t WHERE t.campaign_id = $1 AND t.status = {state} \
             AND t.call_success = {success} AND t.interrupted = {interrupted} LIMIT {limit}) AS range_{index}"
        ));
    }
    let sql = format!("SELECT id FROM ({}) AS ranges LIMIT {limit}", parts.join(" UNION ALL "));
    (sql, clause.into_args())
}

/// The ranges that hold what a filter lets through.
fn ranges(filter: &TargetFilter) -> impl Iterator<Item = (TargetState, bool, bool)> {
    let states = if filter.state.is_empty() { TargetState::ALL } else { filter.state.values() };
    let either =
        |wish: Option<bool>| [false, true].into_iter().filter(move |value| wish.is_none_or(|wish| wish == *value));
    let (success, interrupted) = (filter.call_success, filter.interrupted);
    let mut states = states.to_vec();
    states.sort_unstable();
    states.dedup();
    states.into_iter().flat_map(move |state| {
        either(success)
            .flat_map(move |success| either(interrupted).map(move |interrupted| (state, success, interrupted)))
    })
}

const fn literal(value: bool) -> &'static str {
    if value { "TRUE" } else { "FALSE" }
}
