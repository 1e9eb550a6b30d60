//! Contacts by wishes, fast among a million.
//!
//! A wish that few fit is answered from an index, one that many fit by going through the contacts in order until the page is
//! full. PostgreSQL knows from its statistics which is which. SQLite is helped: before the query it is looked how many a wish
//! picks, up to [`FEW`].

use super::{Contact, SELECT, completed, left_to_look_at, opted_out, read};
use crate::args;
use crate::campaign::zone::ZoneOrigin;
use crate::id::OrgId;
use crate::store::db::{Arg, Kind, Listing, ToArg};
use crate::store::filter::{Clause, ContactFilter, Cursor, Orders, Sheet};
use crate::store::{StoreError, Tx};

/// So many are looked up one by one; a wish that picks more is checked while going through all.
const FEW: i64 = 4000;
/// Up to here contacts are counted.
const EXACT: i64 = 10_000;
/// Groups of three letters that are asked of the index; the rest of a long text is checked in the contacts.
const GROUPS: usize = 16;

/// What contacts can be ordered by.
pub const ORDERS: Orders = &[("created_at", None), ("updated_at", Some("updated_at")), ("name", Some("name"))];

/// The contacts that a filter lets through, in an order.
///
/// # Errors
/// When the database fails.
pub async fn search(
    tx: &mut Tx,
    org: OrgId,
    filter: &ContactFilter,
    sheet: &Sheet,
) -> Result<Listing<Contact, Cursor>, StoreError> {
    let mut clause = Clause::new(tx, format!("{SELECT} WHERE org_id = $1"), args![org]);
    narrowed(tx, &mut clause, filter).await?;
    let listing = clause.page(tx, "id", sheet, read).await?;
    completed(tx, listing).await
}

/// How many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// So many.
    pub count: u64,
    /// Counted one by one; else reckoned from where the first ten thousand lie.
    pub exact: bool,
}

/// How many contacts a filter lets through: up to ten thousand counted, beyond that reckoned.
///
/// # Errors
/// When the database fails.
pub async fn total(tx: &mut Tx, org: OrgId, filter: &ContactFilter) -> Result<Total, StoreError> {
    const ALL: &str = "SELECT COUNT(*) AS value FROM contact WHERE org_id = $1";
    const UP_TO: &str = "SELECT COUNT(*) AS value FROM contact WHERE org_id = $1 AND id <= $2";
    if *filter == ContactFilter::default() {
        return Ok(Total { count: tx.value::<i64>(ALL, args![org]).await?.unsigned_abs(), exact: true });
    }
    let mut clause = Clause::new(tx, "SELECT id FROM contact WHERE org_id = $1", args![org]);
    narrowed(tx, &mut clause, filter).await?;
    let (found, last) = clause.count_to(tx, "id", EXACT).await?;
    let Some(last) = last.filter(|_| found >= EXACT) else {
        return Ok(Total { count: found.unsigned_abs(), exact: true });
    };
    // As many again for each part of the contacts that is as long as the one these were found in.
    let all: i64 = tx.value(ALL, args![org]).await?;
    let part: i64 = tx.value(UP_TO, args![org, last]).await?;
    let reckoned = i128::from(found) * i128::from(all) / i128::from(part.max(1));
    Ok(Total { count: u64::try_from(reckoned).unwrap_or(u64::MAX), exact: part >= all })
}

/// Adds the wishes of a filter to a query over `contact` whose first value is the organisation.
pub(in crate::store) async fn narrowed(
    tx: &mut Tx,
    clause: &mut Clause,
    filter: &ContactFilter,
) -> Result<(), StoreError> {
    filter.add(clause);
    if let Some(words) = filter.search.as_deref().filter(|words| !words.is_empty()) {
        clause.contains("search", Some(words));
        letters(tx, clause, words).await?;
    }
    for tag in filter.tag_all.values() {
        picked(tx, clause, "contact_tag", "contact_id", "tag_id", &[tag.to_arg()]).await?;
    }
    if !filter.tag_any.is_empty() {
        let tags: Vec<_> = filter.tag_any.values().iter().map(ToArg::to_arg).collect();
        picked(tx, clause, "contact_tag", "contact_id", "tag_id", &tags).await?;
    }
    if let Some(list) = &filter.list_id {
        picked(tx, clause, "people_list_member", "member_id", "list_id", &[list.to_arg()]).await?;
    }
    if let Some(campaign) = &filter.campaign_id {
        picked(tx, clause, "target", "contact_id", "campaign_id", &[campaign.to_arg()]).await?;
    }
    if let Some(campaign) = &filter.not_in_campaign_id {
        let campaign = clause.bind(campaign);
        clause.and(&format!(
            "NOT EXISTS (SELECT 1 FROM target nt WHERE nt.campaign_id = {campaign} AND nt.contact_id = contact.id)"
        ));
    }
    if let Some(wished) = filter.zone_missing {
        let none = clause.bind(&ZoneOrigin::None);
        clause.and(&if wished { format!("zone_source = {none}") } else { format!("zone_source <> {none}") });
    }
    if let Some(wished) = filter.opted_out {
        opted_out(tx, clause, wished).await?;
    }
    Ok(())
}

/// Those of whose numbers one is on the organisation's own suppression list, or the others.
async fn opted_out(tx: &mut Tx, clause: &mut Clause, wished: bool) -> Result<(), StoreError> {
    const COUNT: &str = "SELECT COUNT(*) AS value FROM (SELECT 1 FROM suppression LIMIT $1)";
    if !wished {
        clause.and(concat!("NOT ", opted_out!()));
    } else if tx.kind() == Kind::Sqlite && tx.value::<i64>(COUNT, args![FEW + 1]).await? > FEW {
        clause.and(opted_out!());
    } else {
        clause.and(
            "id IN (SELECT c.id FROM suppression s JOIN contact c ON c.org_id = s.org_id AND c.phone_hash = s.phone_hash \
             WHERE s.org_id = $1 UNION SELECT f.contact_id FROM suppression s JOIN further_phone f \
             ON f.org_id = s.org_id AND f.phone_hash = s.phone_hash WHERE s.org_id = $1)",
        );
    }
    Ok(())
}

/// Those whose id stands beside one of these keys in another table.
async fn picked(
    tx: &mut Tx,
    clause: &mut Clause,
    table: &'static str,
    id: &'static str,
    key: &'static str,
    keys: &[Arg],
) -> Result<(), StoreError> {
    let few = match tx.kind() {
        Kind::Postgres => true,
        Kind::Sqlite => {
            let list = crate::store::db::places(2, keys.len());
            let sql = format!("SELECT COUNT(*) AS value FROM (SELECT 1 FROM {table} WHERE {key} IN ({list}) LIMIT $1)");
            let mut args = args![FEW + 1];
            args.extend_from_slice(keys);
            tx.all_built(sql, args).await?.first().ok_or(StoreError::NotFound)?.get::<i64>("value")? <= FEW
        }
    };
    let list: Vec<_> = keys.iter().map(|key| clause.bind_arg(key.clone())).collect();
    let list = list.join(", ");
    clause.and(&if few {
        format!("id IN (SELECT {id} FROM {table} WHERE {key} IN ({list}))")
    } else {
        // Not to be turned into the other one by the planner: the plus keeps it from an index of this side.
        format!("EXISTS (SELECT 1 FROM {table} p WHERE p.{id} = +contact.id AND p.{key} IN ({list}))")
    });
    Ok(())
}

/// Asks SQLite's index of letters, where few have these.
async fn letters(tx: &mut Tx, clause: &mut Clause, words: &str) -> Result<(), StoreError> {
    const COUNT: &str =
        "SELECT COUNT(*) AS value FROM (SELECT 1 FROM contact_search WHERE contact_search MATCH $1 LIMIT $2)";
    let Some(groups) = groups(words).filter(|_| tx.kind() == Kind::Sqlite) else { return Ok(()) };
    // Contacts of an earlier version may not be in the index yet.
    if left_to_look_at(tx).await? || tx.value::<i64>(COUNT, args![groups, FEW + 1]).await? > FEW {
        return Ok(());
    }
    let groups = clause.bind(&groups);
    clause.and(&format!("search_no IN (SELECT rowid FROM contact_search WHERE contact_search MATCH {groups})"));
    Ok(())
}

/// All groups of three letters in a row, as the index is asked for them; none of shorter words.
fn groups(words: &str) -> Option<String> {
    let letters: Vec<char> = words.to_lowercase().chars().collect();
    let groups: Vec<String> = letters
        .windows(3)
        .take(GROUPS)
        .map(|group| format!("\"{}\"", group.iter().collect::<String>().replace('"', "\"\"")))
        .collect();
    (!groups.is_empty()).then(|| groups.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_asked_for_three_letters_at_a_time() {
        assert_eq!(groups("AbCd").as_deref(), Some("\"abc\" AND \"bcd\""));
        assert_eq!(groups("a\"b").as_deref(), Some("\"a\"\"b\""));
        assert_eq!(groups("ab"), None);
    }
}
