//! Where contacts stand in the order of their campaign.

use std::collections::BTreeMap;

use crate::args;
use crate::campaign::order::{Entrant, ListOrder};
use crate::campaign::settings::Settings;
use crate::id::{CampaignId, ContactId, TargetId};
use crate::pii::Pii;
use crate::store::db::{Row, ToArg};
use crate::store::{StoreError, Tx, Wake, campaign, contact};

/// Targets that one transaction places anew.
const BATCH: i64 = 2000;

/// The values that contacts are ordered by; none where the order goes by no variable, or the contact does not have it.
pub(super) async fn values(
    tx: &mut Tx,
    order: &ListOrder,
    contacts: &[ContactId],
) -> Result<BTreeMap<ContactId, Pii<String>>, StoreError> {
    let mut values = BTreeMap::new();
    let Some(field) = order.field() else { return Ok(values) };
    let list = (1..=contacts.len()).map(|index| format!("${index}")).collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT id, variables FROM contact WHERE id IN ({list})");
    for row in tx.all_built(sql, contacts.iter().map(ToArg::to_arg).collect()).await? {
        if let Some(value) = contact::variables(&row, "variables")?.into_inner().remove(field) {
            values.insert(row.get("id")?, Pii::new(value));
        }
    }
    Ok(values)
}

/// A campaign has got another order. Who is about to be dialed goes back into the list, and the first of it are placed at
/// once; [`replace`] does the others.
pub(in crate::store) async fn order_changed(tx: &mut Tx, id: CampaignId, replaced: bool) -> Result<(), StoreError> {
    let back = "UPDATE target SET status = 'waiting' WHERE campaign_id = $1 AND status = 'ready' \
                AND priority = base_priority";
    tx.execute(back, args![id]).await?;
    if replaced {
        tx.execute("UPDATE campaign SET placed_to = '' WHERE id = $1", args![id]).await?;
        replace(tx, id).await?;
    }
    Ok(())
}

/// Places some targets of a campaign anew whose order was changed; whether there are more. To be called again until there
/// are none.
///
/// # Errors
/// When the database fails.
pub async fn replace(tx: &mut Tx, id: CampaignId) -> Result<bool, StoreError> {
    let lock = tx.pick(
        "SELECT placed_to FROM campaign WHERE id = $1",
        "SELECT placed_to FROM campaign WHERE id = $1 FOR UPDATE",
    );
    let placed: Option<String> = tx.one(lock, args![id]).await?.get("placed_to")?;
    let Some(after) = placed else { return Ok(false) };
    const SOME: &str = "SELECT t.id, t.contact_id, t.seq, t.overwrites, c.variables FROM target t \
                        JOIN contact c ON c.id = t.contact_id WHERE t.campaign_id = $1 AND t.id > $2 \
                        ORDER BY t.id LIMIT $3";
    let order = campaign::of_any_org(tx, id).await?.data.settings.list_order;
    let rows = tx.all(SOME, args![id, after, BATCH]).await?;
    for row in &rows {
        write(tx, row, &order).await?;
    }
    let last = rows.last().map(|row| row.get::<TargetId>("id")).transpose()?;
    let more = i64::try_from(rows.len()) == Ok(BATCH);
    let placed = last.filter(|_| more).map(|last| last.to_string());
    tx.execute("UPDATE campaign SET placed_to = $2 WHERE id = $1", args![id, placed.as_deref()]).await?;
    tx.wake(Wake::Targets(id));
    Ok(more)
}

/// A contact was edited: it is placed anew where the order goes by one of its variables.
pub(in crate::store) async fn replace_of_contact(tx: &mut Tx, id: ContactId) -> Result<(), StoreError> {
    const SQL: &str = "SELECT t.id, t.contact_id, t.seq, t.overwrites, c.variables, k.settings FROM target t \
                       JOIN contact c ON c.id = t.contact_id JOIN campaign k ON k.id = t.campaign_id \
                       WHERE t.contact_id = $1 AND k.state IN ('draft', 'in_progress', 'paused', 'completed')";
    for row in tx.all(SQL, args![id]).await? {
        let settings: serde_json::Value = row.get("settings")?;
        let settings: Settings =
            serde_json::from_value(settings).map_err(|_| StoreError::Corrupt { column: "settings" })?;
        if settings.list_order.field().is_some() {
            write(tx, &row, &settings.list_order).await?;
        }
    }
    Ok(())
}

/// What is set for this target alone outranks what its contact says.
pub(super) async fn write(tx: &mut Tx, row: &Row, order: &ListOrder) -> Result<(), StoreError> {
    let mut variables = contact::variables(row, "variables")?.into_inner();
    variables.extend(contact::variables(row, "overwrites")?.into_inner());
    let value = order.field().and_then(|field| variables.get(field)).map(String::as_str);
    let place = order.place(Entrant { seq: row.get("seq")?, contact: row.get("contact_id")?, value });
    let sql = "UPDATE target SET place = $2 WHERE id = $1 AND place <> $2";
    tx.execute(sql, args![row.get::<TargetId>("id")?, place]).await?;
    Ok(())
}
