//! What an organisation sets about calling for all its campaigns.

use serde_json::{Value, json};

use super::audit::{self, Actor};
use super::{StoreError, Tx, Wake, target};
use crate::args;
use crate::campaign::law::policy::{Bounds, CallingPolicy};
use crate::dialer::calling_hours::CallingHours;
use crate::dialer::gate::Rules;
use crate::id::OrgId;
use crate::store::campaign::Campaign;
use crate::store::db::Arg;

/// The policy of an organisation, with the number of its version.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn get(tx: &mut Tx, org: OrgId) -> Result<(CallingPolicy, i64), StoreError> {
    let row = tx.one("SELECT calling_policy, policy_version FROM org WHERE id = $1", args![org]).await?;
    let value: Value = row.get("calling_policy")?;
    let policy = serde_json::from_value(value).map_err(|_| StoreError::Corrupt { column: "calling_policy" })?;
    Ok((policy, row.get("policy_version")?))
}

/// What a campaign is dialed by: its own settings and schedule within its organisation's policy and the law. With it the
/// version of that policy.
///
/// # Errors
/// [`StoreError::Corrupt`] when its schedule names no zone, or when the database fails.
pub async fn rules(tx: &mut Tx, campaign: &Campaign) -> Result<(Rules, i64), StoreError> {
    let (policy, version) = get(tx, campaign.org).await?;
    let (schedule, settings) = (&campaign.data.schedule, &campaign.data.settings);
    let hours =
        CallingHours::new(schedule, settings.tz_mode).map_err(|_| StoreError::Corrupt { column: "schedule" })?;
    let hours = hours.within(Bounds::new(&policy, settings).calling_from(&campaign.data.caller_id));
    Ok((Rules { state: campaign.state, settings: settings.clone(), hours }, version))
}

/// Replaces the policy of an organisation. Claims and dials hold to it from the commit on, and those whom the old one held
/// or blocked are looked at again. The transaction should be durable.
///
/// # Errors
/// [`StoreError::NotFound`], or when the database fails.
pub async fn set(tx: &mut Tx, org: OrgId, actor: &Actor, policy: &CallingPolicy) -> Result<i64, StoreError> {
    const SQL: &str = "UPDATE org SET calling_policy = $2, policy_version = policy_version + 1 WHERE id = $1";
    let (before, version) = get(tx, org).await?;
    let text = serde_json::to_string(policy).expect("a policy is JSON");
    let mut args = args![org];
    args.push(Arg::Text(Some(text)));
    if tx.execute(SQL, args).await? == 0 {
        return Err(StoreError::NotFound);
    }
    target::mend_policy(tx, org).await?;
    let detail = json!({ "from": before, "to": policy });
    audit::write(tx, org, actor, "organisation.calling_policy", ("organisation", org.to_string()), detail).await?;
    tx.wake(Wake::Campaigns);
    // A cap may leave room now.
    tx.wake(Wake::Room);
    Ok(version + 1)
}
