//! Campaigns made from others: a copy as a new draft, and two made one.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Campaign, CampaignData, Move, advance, get, insert, round_no};
use crate::args;
use crate::campaign::states::CampaignState;
use crate::campaign::transition::{CampaignEvent, NotAllowed};
use crate::id::{CampaignId, ContactId, ListId, OrgId};
use crate::store::audit::{self, Actor};
use crate::store::target::{self, Batch, Entry, Newcomer};
use crate::store::{StoreError, Tx, Wake};

/// Contacts that one transaction copies.
pub const COPIED_AT_ONCE: i64 = 2000;

/// Makes a draft with the same settings, schedule and disclosure; nothing of what came of the first one.
///
/// # Errors
/// When the database fails.
pub async fn duplicate(tx: &mut Tx, seen: &Campaign, actor: &Actor, name: String) -> Result<Campaign, StoreError> {
    let mut data = CampaignData { name, scheduled_start_at: None, ..seen.data.clone() };
    for run in &mut data.schedule.runs {
        run.id = None;
    }
    let copy = insert(tx, seen.org, actor, data).await?;
    let lists = "INSERT INTO campaign_suppression_list (campaign_id, list_id) \
                 SELECT $2, list_id FROM campaign_suppression_list WHERE campaign_id = $1";
    tx.execute(lists, args![seen.id, copy.id]).await?;
    let detail = json!({ "of": seen.id });
    audit::write(tx, seen.org, actor, "campaign.duplicate", ("campaign", copy.id.to_string()), detail).await?;
    Ok(copy)
}

/// Copies contacts of one campaign, in the order of their ids after `after`, into another, with their priorities. Returns the
/// last one; to be called again until there is none. Contacts that were removed or rejected are left out.
///
/// # Errors
/// When the database fails.
pub async fn copy_contacts(
    tx: &mut Tx,
    org: OrgId,
    from: CampaignId,
    to: CampaignId,
    after: Option<ContactId>,
) -> Result<Option<ContactId>, StoreError> {
    const SQL: &str = "SELECT contact_id, base_priority, list_id, case_id FROM target WHERE campaign_id = $1 AND contact_id > $2 \
                       AND status NOT IN ('removed', 'rejected') ORDER BY contact_id LIMIT $3";
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let mut together: BTreeMap<(i32, Option<ListId>), Vec<Newcomer>> = BTreeMap::new();
    let mut last = None;
    for row in tx.all(SQL, args![from, after, COPIED_AT_ONCE]).await? {
        let contact: ContactId = row.get("contact_id")?;
        let of = (row.get("base_priority")?, row.get("list_id")?);
        together.entry(of).or_default().push(Newcomer { contact, case: row.get("case_id")? });
        last = Some(contact);
    }
    for ((priority, list), newcomers) in together {
        let batch = Batch { list, ..Batch::default() };
        target::add_batch(tx, org, to, &newcomers, Entry { priority, ..Entry::default() }, &batch).await?;
    }
    Ok(last)
}

/// Why two campaigns cannot be made one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMerged {
    /// One of them dials, or has ended for good.
    #[error("{0}")]
    State(#[from] NotAllowed),
    /// They have different assistants.
    #[error("the campaigns have different assistants: only campaigns with the same one can be merged")]
    Assistant,
    /// It is the same campaign.
    #[error("a campaign cannot be merged into itself")]
    Same,
    /// A call of one of them is live.
    #[error("a call of one of them is still live: wait until it has ended")]
    Live,
}

/// Moves the contacts of `from` into `into`, except those that are in both: these stay where their history is. Earlier
/// attempts keep the campaign they were made in. `from` is cancelled.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`], or when the database fails. The inner error when they do not fit.
pub async fn merge(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    into: CampaignId,
    from: CampaignId,
) -> Result<Result<u64, NotMerged>, StoreError> {
    const LIVE: &str = "SELECT COUNT(*) AS value FROM attempt WHERE live AND campaign_id IN ($1, $2)";
    const MOVE: &str = "UPDATE target SET campaign_id = $2, run_seq = $3, updated_at = $4, \
                        status = CASE WHEN status = 'ready' THEN 'waiting' ELSE status END \
                        WHERE campaign_id = $1 AND contact_id NOT IN (SELECT contact_id FROM target WHERE campaign_id = $2)";
    if into == from {
        return Ok(Err(NotMerged::Same));
    }
    let (kept, given) = (get(tx, org, into).await?, get(tx, org, from).await?);
    for one in [&kept, &given] {
        if let Err(refused) = CampaignEvent::Merge.apply(one.state) {
            return Ok(Err(refused.into()));
        }
    }
    if kept.data.assistant != given.data.assistant {
        return Ok(Err(NotMerged::Assistant));
    }
    if tx.value::<i64>(LIVE, args![into, from]).await? > 0 {
        return Ok(Err(NotMerged::Live));
    }
    // First of all the state: from now on nobody starts either while the contacts move.
    advance(tx, &given, actor, Move { to: CampaignState::Cancelled, pause_reason: None }).await?;
    let lock = tx.pick(
        "SELECT version FROM campaign WHERE id = $1 AND version = $2",
        "SELECT version FROM campaign WHERE id = $1 AND version = $2 FOR UPDATE",
    );
    tx.optional(lock, args![into, kept.version]).await?.ok_or(StoreError::Stale)?;
    let (round, now) = (round_no(tx, into).await?, tx.now().await?);
    let moved = tx.execute(MOVE, args![from, into, round, now]).await?;
    let lists = "INSERT INTO campaign_people_list (campaign_id, list_id, added_at) SELECT $2, list_id, added_at \
                 FROM campaign_people_list WHERE campaign_id = $1 ON CONFLICT (campaign_id, list_id) DO NOTHING";
    tx.execute(lists, args![from, into]).await?;
    if kept.data.settings.list_order != given.data.settings.list_order {
        target::order_changed(tx, into, true).await?;
    }
    for (subject, detail) in [(into, json!({ "from": from, "moved": moved })), (from, json!({ "into": into }))] {
        audit::write(tx, org, actor, "campaign.merge", ("campaign", subject.to_string()), detail).await?;
    }
    tx.wake(Wake::Targets(into));
    Ok(Ok(moved))
}
