//! Contacts that a version made which worked out less of them.

use crate::args;
use crate::campaign::phone::E164;
use crate::campaign::zone::ZoneOrigin;
use crate::id::ContactId;
use crate::pii::Pii;
use crate::store::{StoreError, Tx};

/// Contacts that one transaction looks at.
const BATCH: i64 = 1000;

/// Whether there are contacts to look at.
///
/// # Errors
/// When the database fails.
pub async fn left_to_look_at(tx: &mut Tx) -> Result<bool, StoreError> {
    tx.value("SELECT EXISTS (SELECT 1 FROM contact WHERE zone_source IS NULL) AS value", args![]).await
}

/// Works out for some contacts what tells their zone, and takes them into the index of letters. Whether there are more.
///
/// # Errors
/// When the database fails.
pub async fn look_at_some(tx: &mut Tx) -> Result<bool, StoreError> {
    const SOME: &str = "SELECT id, zone, phone FROM contact WHERE zone_source IS NULL ORDER BY id LIMIT $1";
    const NUMBERED: &str = "UPDATE contact SET zone_source = $2, search_no = $3 WHERE id = $1";
    const PLAIN: &str = "UPDATE contact SET zone_source = $2 WHERE id = $1";
    let rows = tx.all(SOME, args![BATCH]).await?;
    let mut number = super::write::next_number(tx).await?;
    for row in &rows {
        let (zone, phone): (Option<String>, Option<Pii<E164>>) = (row.get("zone")?, row.get("phone")?);
        let origin = ZoneOrigin::of(zone.as_deref(), phone.as_ref().map(Pii::expose));
        let id: ContactId = row.get("id")?;
        match &mut number {
            Some(number) => {
                tx.execute(NUMBERED, args![id, origin, *number]).await?;
                *number += 1;
            }
            None => {
                tx.execute(PLAIN, args![id, origin]).await?;
            }
        }
    }
    Ok(i64::try_from(rows.len()) == Ok(BATCH))
}
