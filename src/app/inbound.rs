//! Who may call in: kept current with the trunks in the database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::call::inbound::{InboundRoute, InboundRoutes};
use crate::call::registry::Calls;
use crate::shutdown::Shutdown;
use crate::store::trunk::Trunk;
use crate::store::{Db, Page, StoreError, assistant, org, trunk};
use crate::time;
use crate::trunk::resolve::Resolver;

/// Routes are made anew at least this often: a carrier's name may point to another address.
const REFRESH: Duration = Duration::from_secs(60);
/// Pause after the database failed; calls keep coming in on the routes that are there.
const RETRY: Duration = Duration::from_secs(5);

/// Follows the trunks until the server ends.
pub(super) async fn keep_routes(db: Db, calls: Calls, resolver: Resolver, shutdown: Shutdown) {
    let mut wakeups = db.wakeups();
    let mut pause = REFRESH;
    loop {
        tokio::select! {
            () = wakeups.trunks(pause) => {}
            () = shutdown.asked() => return,
        }
        pause = match routes(&db, &resolver).await {
            Ok(routes) => {
                calls.set_inbound(routes);
                REFRESH
            }
            Err(error) => {
                tracing::warn!(%error, "the trunks cannot be read; calls come in on the routes known so far");
                RETRY
            }
        };
    }
}

async fn routes(db: &Db, resolver: &Resolver) -> Result<InboundRoutes, StoreError> {
    let mut tx = db.read().await?;
    let mut routes = Vec::new();
    let mut page = Page::first(Page::<crate::id::TrunkId>::MAX_LIMIT);
    let limits = org::limits(&mut tx).await?;
    loop {
        let listing = trunk::list(&mut tx, None, page).await?;
        for trunk in listing.items {
            let Some(assistant) = trunk.data.inbound_assistant.filter(|_| trunk.data.enabled) else { continue };
            let answers = assistant::get(&mut tx, trunk.org, assistant).await?.current;
            routes.push(InboundRoute {
                trunk: trunk.id,
                org: trunk.org,
                sources: sources(resolver, &trunk).await,
                numbers: BTreeMap::new(),
                otherwise: Some(Arc::new(answers)),
                max_org_calls: limits.get(&trunk.org).map_or(0, |limit| *limit as usize),
                identity: trunk.data.identity_policy,
            });
        }
        match listing.next {
            Some(next) => page.after = Some(next),
            None => return Ok(InboundRoutes::new(routes)),
        }
    }
}

/// The addresses that calls of a trunk come from; none while its name cannot be resolved.
async fn sources(resolver: &Resolver, trunk: &Trunk) -> BTreeSet<std::net::IpAddr> {
    match resolver.resolve(time::now().mono, &trunk.data.host, trunk.data.port).await {
        Ok(addresses) => addresses.into_iter().map(|address| address.ip()).collect(),
        Err(error) => {
            tracing::warn!(trunk = %trunk.id, %error, "calls of this trunk are refused");
            BTreeSet::new()
        }
    }
}
