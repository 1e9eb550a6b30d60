//! Who may call in: kept current with the trunks in the database.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use callwright_sip::endpoint::{Account, AccountId, Callers, Credential};
use callwright_sip::guard::{Networks, parse_net};
use secrecy::ExposeSecret;

use crate::agent::assistant::AssistantVersion;
use crate::call::inbound::{InboundRoute, InboundRoutes};
use crate::call::registry::Calls;
use crate::id::{AssistantId, OrgId, TrunkId};
use crate::net::sip_driver::SipHandle;
use crate::pii::Pii;
use crate::shutdown::Shutdown;
use crate::store::trunk::Trunk;
use crate::store::trunk_inbound::{self, TrunkInbound};
use crate::store::{Db, Page, StoreError, Tx, assistant, org, trunk};
use crate::time;
use crate::trunk::route::Router;

/// Routes are made anew at least this often.
const REFRESH: Duration = Duration::from_secs(60);
/// Pause after the database failed; calls keep coming in on the routes that are there.
const RETRY: Duration = Duration::from_secs(5);

/// Follows the trunks until the server ends.
pub(super) async fn keep_routes(db: Db, calls: Calls, sip: SipHandle, router: Router, shutdown: Shutdown) {
    let mut wakeups = db.wakeups();
    let mut pause = REFRESH;
    let mut elsewhere = router.resolver.changes();
    let mut sources = Sources { router, last: BTreeMap::new() };
    loop {
        tokio::select! {
            () = wakeups.trunks(pause) => {}
            // A carrier's name points to other addresses.
            Ok(()) = elsewhere.changed() => {}
            () = shutdown.asked() => return,
        }
        pause = match entrance(&db, &mut sources).await {
            Ok(Entrance { routes, known, callers }) => {
                calls.set_inbound(InboundRoutes::new(routes));
                if sip.know(known, callers).await.is_err() {
                    return;
                }
                REFRESH
            }
            Err(error) => {
                tracing::warn!(%error, "the trunks cannot be read; calls come in on the routes known so far");
                RETRY
            }
        };
    }
}

/// Who comes in, and how far.
#[derive(Default)]
struct Entrance {
    routes: Vec<InboundRoute>,
    /// All addresses of trunks that are switched on: they are never banned.
    known: Networks,
    callers: Callers,
}

async fn entrance(db: &Db, sources: &mut Sources) -> Result<Entrance, StoreError> {
    let trunks = trunks(db).await?;
    let mut entrance = Entrance::default();
    for known in trunks {
        // The name servers are asked when the database has been let go: they may take seconds.
        let addresses = sources.of(&known.trunk).await;
        entrance.add(known, addresses);
    }
    Ok(entrance)
}

/// A trunk that is switched on, with all that the database says about who calls in over it.
struct KnownTrunk {
    trunk: Trunk,
    inbound: TrunkInbound,
    numbers: BTreeMap<Pii<String>, Arc<AssistantVersion>>,
    otherwise: Option<Arc<AssistantVersion>>,
    max_org_calls: usize,
}

/// All of them, in one short transaction.
async fn trunks(db: &Db) -> Result<Vec<KnownTrunk>, StoreError> {
    let mut tx = db.read().await?;
    let mut trunks = Vec::new();
    let mut page = Page::first(Page::<TrunkId>::MAX_LIMIT);
    let limits = org::limits(&mut tx).await?;
    loop {
        let listing = trunk::list(&mut tx, None, page).await?;
        for trunk in listing.items.into_iter().filter(|trunk| trunk.data.enabled) {
            let max_org_calls = limits.get(&trunk.org).map_or(0, |limit| *limit as usize);
            trunks.push(known(&mut tx, trunk, max_org_calls).await?);
        }
        match listing.next {
            Some(next) => page.after = Some(next),
            None => return Ok(trunks),
        }
    }
}

async fn known(tx: &mut Tx, trunk: Trunk, max_org_calls: usize) -> Result<KnownTrunk, StoreError> {
    let mut inbound = trunk_inbound::get(tx, trunk.id).await?;
    let mut numbers = BTreeMap::new();
    for (digits, id) in std::mem::take(&mut inbound.numbers) {
        numbers.insert(digits, answers(tx, trunk.org, id).await?);
    }
    let otherwise = match trunk.data.inbound_assistant {
        Some(id) => Some(answers(tx, trunk.org, id).await?),
        None => None,
    };
    Ok(KnownTrunk { trunk, inbound, numbers, otherwise, max_org_calls })
}

async fn answers(tx: &mut Tx, org: OrgId, id: AssistantId) -> Result<Arc<AssistantVersion>, StoreError> {
    Ok(Arc::new(assistant::get(tx, org, id).await?.current))
}

impl Entrance {
    fn add(&mut self, known: KnownTrunk, addresses: BTreeSet<IpAddr>) {
        let KnownTrunk { trunk, inbound, numbers, otherwise, max_org_calls } = known;
        let mut networks = Networks::default();
        for net in inbound.sources.iter().filter_map(|text| parse_net(text)) {
            networks.add_net(net);
            self.known.add_net(net);
            if inbound.auth.is_none() {
                self.callers.trusted.add_net(net);
            }
        }
        for address in &addresses {
            self.known.add(*address);
            if inbound.auth.is_none() {
                self.callers.trusted.add(*address);
            }
        }
        if otherwise.is_none() && numbers.is_empty() && !trunk.data.signalling.replaces {
            return;
        }
        let proves = inbound.auth.is_some();
        if let Some(auth) = inbound.auth {
            let password = auth.password.expose_secret().to_owned();
            let credential = Credential { username: auth.username, password, realm: None };
            let id = AccountId(u128::from_be_bytes(*trunk.id.as_bytes()));
            self.callers.accounts.push(Account { id, credential });
        }
        self.routes.push(InboundRoute {
            trunk: trunk.id,
            org: trunk.org,
            sources: addresses,
            networks,
            proves,
            numbers,
            otherwise,
            max_org_calls,
            identity: trunk.data.identity_policy,
            media: trunk.data.media,
            wording: trunk.data.wording,
            external: trunk.data.signalling.external,
            replaces: trunk.data.signalling.replaces,
        });
    }
}

/// The addresses of trunks' hosts, as they were found last.
struct Sources {
    router: Router,
    last: BTreeMap<TrunkId, BTreeSet<IpAddr>>,
}

impl Sources {
    /// The addresses that calls of a trunk come from; while its name cannot be resolved, those found last.
    async fn of(&mut self, trunk: &Trunk) -> BTreeSet<IpAddr> {
        match self.router.sources(time::now(), trunk).await {
            Ok(found) => {
                self.last.insert(trunk.id, found.clone());
                found
            }
            Err(error) => {
                tracing::warn!(trunk = %trunk.id, %error, "calls of this trunk come in from the addresses known so far");
                self.last.get(&trunk.id).cloned().unwrap_or_default()
            }
        }
    }
}
