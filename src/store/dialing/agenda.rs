//! The callbacks of all campaigns of an organisation: who is called back when, and who will not be.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::terms::{Book, Ready};
use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::states::CampaignState;
use crate::dialer::gate::{CALLBACK_GRACE, Shut};
use crate::id::{CampaignId, ContactId, OrgId, TargetId};
use crate::pii::Pii;
use crate::store::db::{Listing, Row};
use crate::store::filter::{AgendaFilter, Clause, Cursor, Orders, Sheet};
use crate::store::{StoreError, Tx};

/// A callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The contact in its campaign.
    pub target: TargetId,
    /// The contact.
    pub contact: ContactId,
    /// Its name.
    pub name: Pii<String>,
    /// The number that is called.
    pub phone: Option<Pii<E164>>,
    /// The campaign.
    pub campaign: CampaignId,
    /// Its name.
    pub campaign_name: String,
    /// When the contact asked to be called.
    pub asked_at: Option<Timestamp>,
    /// When it is called; none for one that was missed.
    pub planned_at: Option<Timestamp>,
    /// When it was missed.
    pub missed_at: Option<Timestamp>,
    /// What keeps it from being called then; none when nothing does.
    pub unfit: Option<Unfit>,
}

/// Why a callback cannot take place at its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The stable name of the reason.
    pub code: String,
    /// The next moment that would be allowed, where there is one.
    pub next_at: Option<Timestamp>,
}

/// What callbacks are ordered by: the time at which they are planned.
pub const PLANNED: Orders = &[("planned_at", Some("t.callback_at"))];
/// Missed callbacks that are told.
const MISSED: i64 = 100;

const SELECT: &str = "SELECT t.id, t.contact_id, t.campaign_id, t.callback_at, t.callback_asked_at, t.callback_missed_at, \
                      c.name, k.name AS campaign_name, COALESCE(p.phone, c.phone) AS phone, COALESCE(p.zone, c.zone) AS zone \
                      FROM target t JOIN contact c ON c.id = t.contact_id JOIN campaign k ON k.id = t.campaign_id \
                      LEFT JOIN further_phone p ON p.contact_id = t.contact_id AND p.ordinal = t.number";

/// The callbacks that a filter lets through, by the time at which they are planned.
///
/// # Errors
/// When the database fails.
pub async fn planned(
    tx: &mut Tx,
    org: OrgId,
    filter: &AgendaFilter,
    sheet: &Sheet,
) -> Result<Listing<Callback, Cursor>, StoreError> {
    let select = format!("{SELECT} WHERE t.org_id = $1 AND t.status = 'callback'");
    let mut clause = Clause::new(tx, select, args![org]);
    filter.add(&mut clause);
    let listing = clause.page(tx, "t.id", sheet, read).await?;
    let mut judge = Judge::default();
    let mut items = Vec::with_capacity(listing.items.len());
    for (callback, zone) in listing.items {
        items.push(judge.judged(tx, callback, zone.as_deref()).await?);
    }
    Ok(Listing { items, next: listing.next })
}

/// The callbacks that were missed and are still to be made up for, the latest first; at most a hundred.
///
/// # Errors
/// When the database fails.
pub async fn missed(tx: &mut Tx, org: OrgId, campaign: Option<CampaignId>) -> Result<Vec<Callback>, StoreError> {
    let select = format!("{SELECT} WHERE t.org_id = $1 AND t.callback_missed_at IS NOT NULL");
    let mut clause = Clause::new(tx, select, args![org]);
    clause.is("t.campaign_id", campaign.as_ref());
    let found = clause.first(tx, "t.callback_missed_at DESC, t.id DESC", MISSED, read).await?;
    Ok(found.into_iter().map(|(callback, _)| callback).collect())
}

/// Tells which callbacks cannot take place.
#[derive(Default)]
struct Judge {
    book: Book,
    ready: BTreeMap<CampaignId, Arc<Ready>>,
}

impl Judge {
    async fn judged(&mut self, tx: &mut Tx, seen: Callback, zone: Option<&str>) -> Result<Callback, StoreError> {
        let Some(at) = seen.planned_at else { return Ok(seen) };
        if !self.ready.contains_key(&seen.campaign) {
            let ready = self.book.ready(tx, seen.campaign).await?;
            self.ready.insert(seen.campaign, ready);
        }
        let ready = &self.ready[&seen.campaign];
        Ok(Callback { unfit: unfit(ready, &seen, zone, at), ..seen })
    }
}

fn unfit(ready: &Ready, seen: &Callback, zone: Option<&str>, at: Timestamp) -> Option<Unfit> {
    let unfit = |code: &str, next_at| Some(Unfit { code: code.to_owned(), next_at });
    let rules = &ready.rules;
    if rules.state != CampaignState::InProgress {
        return unfit(&format!("campaign_{}", rules.state), None);
    }
    let Some(phone) = seen.phone.as_ref().map(Pii::expose) else { return unfit("empty_phone", None) };
    let Some(zones) = rules.zones(zone, phone) else { return unfit("invalid_timezone", None) };
    match rules.opening(&zones, at) {
        Ok((from, _)) if from <= at + CALLBACK_GRACE => None,
        Ok((from, _)) => unfit(rules.held_until(&zones, from).why.as_str(), Some(from)),
        Err(Shut::Expired) => unfit("expired", None),
        Err(Shut::Unlawful) => unfit("law", None),
        Err(Shut::ZonesDisagree) => unfit("invalid_timezone", None),
    }
}

/// A callback with the zone that its contact was given.
fn read(row: &Row) -> Result<(Callback, Option<String>), StoreError> {
    let callback = Callback {
        target: row.get("id")?,
        contact: row.get("contact_id")?,
        name: row.get("name")?,
        phone: row.get("phone")?,
        campaign: row.get("campaign_id")?,
        campaign_name: row.get("campaign_name")?,
        asked_at: row.get("callback_asked_at")?,
        planned_at: row.get("callback_at")?,
        missed_at: row.get("callback_missed_at")?,
        unfit: None,
    };
    Ok((callback, row.get("zone")?))
}
