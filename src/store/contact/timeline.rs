//! What happened with a contact, over all campaigns.

use jiff::Timestamp;

use super::{Contact, FurtherPhone, get};
use crate::args;
use crate::campaign::disconnection::DisconnectionReason;
use crate::id::{AttemptId, CallId, CampaignId, ContactId, OrgId};
use crate::pii::Pii;
use crate::store::call::Direction;
use crate::store::db::{Row, ToArg, places};
use crate::store::org::{PhoneHash, PhoneKey};
use crate::store::suppression::SuppressionSource;
use crate::store::{StoreError, Tx};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Happened,
    /// The campaign it belongs to.
    pub campaign: Option<CampaignId>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// The contact was made.
    Made,
    /// It came into a campaign.
    Added,
    /// A call.
    Call {
        /// Its record.
        id: CallId,
        /// Who called whom.
        direction: Direction,
        /// Why it ended.
        reason: DisconnectionReason,
        /// When it was answered.
        answered_at: Option<Timestamp>,
        /// When it ended.
        ended_at: Timestamp,
    },
    /// A dial that was not placed.
    NotPlaced {
        /// The attempt.
        id: AttemptId,
        /// Why.
        reason: Option<DisconnectionReason>,
    },
    /// A callback was agreed upon.
    CallbackAgreed {
        /// The attempt in which it was.
        id: AttemptId,
        /// For when.
        callback_at: Timestamp,
    },
    /// A callback that is still to come.
    CallbackDue,
    /// A callback came too late.
    CallbackMissed,
    /// One of its numbers came on the organisation's suppression list.
    OptedOut {
        /// How.
        source: SuppressionSource,
    },
    /// Consent was given for one of its numbers.
    ConsentGiven,
    /// Consent was withdrawn.
    ConsentWithdrawn,
}

/// What happened before `before`, the latest first, at most `limit`.
///
/// # Errors
/// [`StoreError::NotFound`] without such a contact, or when the database fails.
pub async fn timeline(
    tx: &mut Tx,
    org: OrgId,
    key: &PhoneKey,
    id: ContactId,
    before: Option<Timestamp>,
    limit: u32,
) -> Result<Vec<Moment>, StoreError> {
    let contact = get(tx, org, id).await?;
    let before = before.unwrap_or(Timestamp::MAX);
    let limit = i64::from(limit);
    let mut all = vec![Moment { at: contact.created_at, what: Happened::Made, campaign: None }];
    all.extend(calls(tx, id, before, limit).await?);
    all.extend(attempts(tx, id, before, limit).await?);
    all.extend(targets(tx, id).await?);
    all.extend(numbers(tx, org, key, &contact).await?);
    all.retain(|moment| moment.at < before);
    all.sort_by_key(|moment| std::cmp::Reverse(moment.at));
    all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(all)
}

async fn calls(tx: &mut Tx, id: ContactId, before: Timestamp, limit: i64) -> Result<Vec<Moment>, StoreError> {
    const SQL: &str = "SELECT id, campaign_id, direction, disconnection_reason, started_at, answered_at, ended_at FROM call \
                       WHERE contact_id = $1 AND started_at < $2 ORDER BY started_at DESC LIMIT $3";
    let moment = |row: &Row| {
        let what = Happened::Call {
            id: row.get("id")?,
            direction: row.get("direction")?,
            reason: row.get("disconnection_reason")?,
            answered_at: row.get("answered_at")?,
            ended_at: row.get("ended_at")?,
        };
        Ok(Moment { at: row.get("started_at")?, what, campaign: row.get("campaign_id")? })
    };
    tx.all(SQL, args![id, before, limit]).await?.iter().map(moment).collect()
}

/// Dials that have no call, and callbacks that were agreed upon in one.
async fn attempts(tx: &mut Tx, id: ContactId, before: Timestamp, limit: i64) -> Result<Vec<Moment>, StoreError> {
    const SQL: &str = "SELECT id, campaign_id, claimed_at, ended_at, disconnection_reason, callback_at, dialing_at \
                       FROM attempt WHERE contact_id = $1 AND claimed_at < $2 \
                       AND (callback_at IS NOT NULL OR (dialing_at IS NULL AND NOT live)) ORDER BY id DESC LIMIT $3";
    let mut moments = Vec::new();
    for row in tx.all(SQL, args![id, before, limit]).await? {
        let (attempt, campaign): (AttemptId, CampaignId) = (row.get("id")?, row.get("campaign_id")?);
        let claimed: Timestamp = row.get("claimed_at")?;
        if row.get::<Option<Timestamp>>("dialing_at")?.is_none() {
            let what = Happened::NotPlaced { id: attempt, reason: row.get("disconnection_reason")? };
            moments.push(Moment { at: claimed, what, campaign: Some(campaign) });
        }
        if let Some(callback_at) = row.get::<Option<Timestamp>>("callback_at")? {
            let at = row.get::<Option<Timestamp>>("ended_at")?.unwrap_or(claimed);
            let what = Happened::CallbackAgreed { id: attempt, callback_at };
            moments.push(Moment { at, what, campaign: Some(campaign) });
        }
    }
    Ok(moments)
}

/// How it came into campaigns, and its callbacks there.
async fn targets(tx: &mut Tx, id: ContactId) -> Result<Vec<Moment>, StoreError> {
    const SQL: &str = "SELECT campaign_id, created_at, callback_at, callback_missed_at FROM target WHERE contact_id = $1 \
                       ORDER BY id DESC LIMIT 1000";
    let mut moments = Vec::new();
    for row in tx.all(SQL, args![id]).await? {
        let campaign = Some(row.get("campaign_id")?);
        moments.push(Moment { at: row.get("created_at")?, what: Happened::Added, campaign });
        for (column, what) in [("callback_at", Happened::CallbackDue), ("callback_missed_at", Happened::CallbackMissed)]
        {
            if let Some(at) = row.get::<Option<Timestamp>>(column)? {
                moments.push(Moment { at, what, campaign });
            }
        }
    }
    Ok(moments)
}

/// Opt-outs and consents of its numbers.
async fn numbers(tx: &mut Tx, org: OrgId, key: &PhoneKey, contact: &Contact) -> Result<Vec<Moment>, StoreError> {
    let further = contact.data.further.iter().map(|FurtherPhone { number, .. }| number);
    let hashes: Vec<PhoneHash> =
        contact.data.phone.iter().chain(further).map(Pii::expose).map(|number| key.hash(number)).collect();
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let list = places(2, hashes.len());
    let mut args = args![org];
    args.extend(hashes.iter().map(ToArg::to_arg));
    let mut moments = Vec::new();
    let sql = format!("SELECT source, created_at FROM suppression WHERE org_id = $1 AND phone_hash IN ({list})");
    for row in tx.all_built(sql, args.clone()).await? {
        let what = Happened::OptedOut { source: row.get("source")? };
        moments.push(Moment { at: row.get("created_at")?, what, campaign: None });
    }
    let sql = format!(
        "SELECT given_at, withdrawn_at FROM consent WHERE org_id = $1 AND phone_hash IN ({list}) \
         ORDER BY recorded_at DESC LIMIT 1000"
    );
    for row in tx.all_built(sql, args).await? {
        moments.push(Moment { at: row.get("given_at")?, what: Happened::ConsentGiven, campaign: None });
        if let Some(at) = row.get::<Option<Timestamp>>("withdrawn_at")? {
            moments.push(Moment { at, what: Happened::ConsentWithdrawn, campaign: None });
        }
    }
    Ok(moments)
}
