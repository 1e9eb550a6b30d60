//! Which trunk's calls go to which recorder: kept current with the trunks in the database.

use std::collections::BTreeMap;
use std::time::Duration;

use callwright_sip::message::Uri;

use crate::id::TrunkId;
use crate::shutdown::Shutdown;
use crate::siprec::Recorders;
use crate::store::{Db, StoreError, recorder};

/// Read anew at least this often.
const REFRESH: Duration = Duration::from_secs(60);
/// Pause after the database failed; calls go to the recorders known so far.
const RETRY: Duration = Duration::from_secs(5);

/// Follows the trunks until the server ends.
pub(super) async fn keep(db: Db, recorders: Recorders, shutdown: Shutdown) {
    let mut wakeups = db.wakeups();
    let mut pause = REFRESH;
    loop {
        tokio::select! {
            () = wakeups.trunks(pause) => {}
            () = shutdown.asked() => return,
        }
        pause = match targets(&db).await {
            Ok(targets) => {
                recorders.set_targets(targets);
                REFRESH
            }
            Err(error) => {
                tracing::warn!(%error, "the recorders of trunks cannot be read");
                RETRY
            }
        };
    }
}

async fn targets(db: &Db) -> Result<BTreeMap<TrunkId, Uri>, StoreError> {
    let mut tx = db.read().await?;
    let all = recorder::all(&mut tx).await?;
    let target = |(trunk, address): (TrunkId, String)| Some((trunk, Uri::parse(address.as_bytes()).ok()?));
    Ok(all.into_iter().filter_map(target).collect())
}
