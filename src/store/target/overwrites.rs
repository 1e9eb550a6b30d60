//! Values that stand in the place of a contact's own variables, in one campaign.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::places;
use crate::args;
use crate::id::{CampaignId, OrgId, TargetId};
use crate::pii::Pii;
use crate::store::audit::{self, Actor};
use crate::store::db::{Arg, Row};
use crate::store::{StoreError, Tx, Wake, campaign, contact};

/// Replaces all values that are set for a target. What differs from before is from then on a person's, the rest its batch's.
/// Its next call uses them.
///
/// # Errors
/// [`StoreError::NotFound`] when the target is not the organisation's, or when the database fails.
pub async fn overwrite(
    tx: &mut Tx,
    org: OrgId,
    actor: &Actor,
    id: TargetId,
    values: &Pii<BTreeMap<String, String>>,
) -> Result<(), StoreError> {
    const PLACED: &str = "SELECT t.id, t.contact_id, t.seq, t.overwrites, c.variables FROM target t \
                          JOIN contact c ON c.id = t.contact_id WHERE t.id = $1";
    let lock = tx.pick(
        "SELECT campaign_id, overwrites, overwritten FROM target WHERE org_id = $1 AND id = $2",
        "SELECT campaign_id, overwrites, overwritten FROM target WHERE org_id = $1 AND id = $2 FOR UPDATE",
    );
    let row = tx.one(lock, args![org, id]).await?;
    let of: CampaignId = row.get("campaign_id")?;
    let before = contact::variables(&row, "overwrites")?.into_inner();
    let own = names(&row)?;
    let is_own = |(name, value): &(&String, &String)| own.contains(name) || before.get(*name) != Some(*value);
    let own: Vec<_> = values.expose().iter().filter(is_own).map(|(name, _)| name.clone()).collect();
    let text = serde_json::to_string(values.expose()).expect("a map of strings is JSON");
    let now = tx.now().await?;
    let mut args = args![id, now, Value::from(own)];
    args.push(Arg::Text(Some(text)));
    tx.execute("UPDATE target SET updated_at = $2, overwritten = $3, overwrites = $4 WHERE id = $1", args).await?;
    let order = campaign::of_any_org(tx, of).await?.data.settings.list_order;
    if order.field().is_some() {
        let row = tx.one(PLACED, args![id]).await?;
        places::write(tx, &row, &order).await?;
    }
    let detail = json!({ "campaign": of, "names": values.expose().keys().collect::<Vec<_>>() });
    audit::write(tx, org, actor, "target.overwrites", ("target", id.to_string()), detail).await?;
    tx.wake(Wake::Targets(of));
    Ok(())
}

/// Which values a person set.
pub(super) fn names(row: &Row) -> Result<Vec<String>, StoreError> {
    let value: Value = row.get("overwritten")?;
    serde_json::from_value(value).map_err(|_| StoreError::Corrupt { column: "overwritten" })
}
