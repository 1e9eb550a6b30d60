//! Keeps trunks: follows them in the database, registers those that ask for it, asks their servers by OPTIONS, tells all nodes
//! which are down, and answers those that register with us.

mod holder;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use callwright_sip::endpoint::{Flow, Watch};
use callwright_sip::message::Uri;
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::timeout;

use self::holder::{Held, carry_out};
use super::breaker::BreakerCause;
use super::health::down;
use super::registrations::Wanted;
use super::route::{self, Router, Server};
use super::status::TrunkStatus;
use super::watcher::Watchers;
use crate::id::{NodeId, TrunkId};
use crate::net::sip_driver::{RegisterRequest, SipHandle};
use crate::shutdown::Shutdown;
use crate::store::db::Kind;
use crate::store::dialing::breaker;
use crate::store::trunk::{self, Trunk};
use crate::store::{Db, Page, StoreError, trunk_lease};
use crate::time;

/// The trunks are read at least this often.
const REFRESH: Duration = Duration::from_secs(60);
/// Pause after the database failed; registrations stay as they are.
const RETRY: Duration = Duration::from_secs(5);
/// How often leases are renewed, and those of others looked at.
const TICK: Duration = Duration::from_secs(2);
/// How long the database may take over the trunks, and over the leases.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the DNS may take over a host that was not looked up before. Known later, it wakes the keeper up.
const LOOKUP: Duration = Duration::from_secs(1);
/// How long a registrar may take to let us go before we register anew or end.
const GOODBYE: Duration = Duration::from_secs(3);
/// How long a trunk that is down is left alone at a time: when this node dies, one call tries after that.
const HOLD: Duration = Duration::from_secs(60);

/// What keeping trunks needs.
pub struct Parts {
    /// The database.
    pub db: Db,
    /// SIP.
    pub sip: SipHandle,
    /// The ways to trunks, and what is known of them.
    pub router: Router,
    /// How long registrations ask for.
    pub expires: Duration,
    /// This process.
    pub node: NodeId,
}

/// Keeps each enabled trunk registered that asks for it, and asks its servers by OPTIONS, where no other node does; until a
/// drain begins. Ends when all registrations are taken back, or some seconds later.
pub async fn keep(parts: Parts, shutdown: Shutdown) {
    let mut wakeups = parts.db.wakeups();
    let mut elsewhere = parts.router.resolver.changes();
    let status = parts.router.status.clone();
    let mut keeper = Keeper::new(parts);
    let mut read_at = time::now().mono;
    loop {
        let until_read = read_at.saturating_duration_since(time::now().mono);
        let read = tokio::select! {
            () = wakeups.trunks(until_read) => true,
            // A carrier's name points to other addresses.
            Ok(()) = elsewhere.changed() => true,
            () = status.changed() => false,
            () = tokio::time::sleep(TICK), if keeper.has_leases() => false,
            () = shutdown.asked() => break,
        };
        // Before all else: nothing that takes its time may let the lease run out.
        keeper.renew().await;
        if read {
            read_at = time::now().mono + if keeper.read().await { REFRESH } else { RETRY };
        }
        keeper.settle().await;
    }
    keeper.end().await;
}

/// Answers REGISTER requests until SIP ends.
pub async fn answer(mut registers: mpsc::Receiver<RegisterRequest>, sip: SipHandle, status: TrunkStatus) {
    while let Some(RegisterRequest { register, incoming }) = registers.recv().await {
        let now = time::now().mono;
        let (trunk, before, answer, after) = {
            let mut locations = status.locations();
            let source = incoming.flow.peer.ip();
            let before = locations.at(source).and_then(|trunk| locations.of(now, trunk)).is_some();
            let (trunk, answer) = locations.register(now, &incoming);
            let after = trunk.and_then(|trunk| locations.of(now, trunk)).is_some();
            (trunk, before, answer, after)
        };
        match trunk {
            None => tracing::debug!("a REGISTER from an address of no trunk is refused"),
            Some(trunk) if after && !before => tracing::info!(%trunk, "calls over this trunk go to who registered"),
            Some(trunk) if before && !after => tracing::info!(%trunk, "who had registered over this trunk has left"),
            Some(_) => {}
        }
        if sip.answer_register(register, answer).await.is_err() {
            return;
        }
    }
}

/// What one node keeps of the trunks.
struct Keeper {
    parts: Parts,
    /// The enabled trunks, with the ways to each; none while its host leads nowhere.
    trunks: Vec<(Trunk, Option<Vec<Flow>>)>,
    lease: Lease,
    running: BTreeMap<TrunkId, Held>,
    watchers: Watchers,
    /// Trunks that were found to be down, why, and when that was last written.
    held_down: BTreeMap<TrunkId, (BreakerCause, Instant)>,
}

/// The accounts that are this node's to keep.
struct Lease {
    accounts: BTreeSet<String>,
    /// Until when, on this node's clock.
    until: Instant,
    /// When it was last renewed.
    renewed: Option<Instant>,
}

impl Keeper {
    fn new(parts: Parts) -> Self {
        let lease = Lease { accounts: BTreeSet::new(), until: time::now().mono, renewed: None };
        let (running, watchers, held_down) = (BTreeMap::new(), Watchers::default(), BTreeMap::new());
        Self { parts, trunks: Vec::new(), lease, running, watchers, held_down }
    }

    /// Whether any trunk asks for what one node alone does.
    fn has_leases(&self) -> bool {
        !self.lease.accounts.is_empty() || self.trunks.iter().any(|(trunk, _)| account(trunk).is_some())
    }

    /// Reads the trunks and where they lead; whether that could be done.
    async fn read(&mut self) -> bool {
        let trunks = match timeout(PATIENCE, enabled(&self.parts.db)).await {
            Ok(Ok(trunks)) => trunks,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the trunks cannot be read; registrations stay as they are");
                return false;
            }
            Err(_) => {
                tracing::warn!("the database takes too long over the trunks; registrations stay as they are");
                return false;
            }
        };
        // No host waits for another's name servers.
        let lookups = trunks.iter().map(|trunk| timeout(LOOKUP, self.parts.router.servers(time::now(), trunk)));
        let servers: Vec<Option<Vec<Server>>> =
            join_all(lookups).await.into_iter().map(|found| found.ok().and_then(Result::ok)).collect();
        let addresses = |servers: &Option<Vec<Server>>| -> BTreeSet<IpAddr> {
            servers.iter().flatten().map(|server| server.address.ip()).collect()
        };
        let sources: Vec<_> = trunks.iter().map(|trunk| trunk.id).zip(servers.iter().map(addresses)).collect();
        self.parts.router.status.locations().set_sources(sources);
        let ways = |servers: Vec<Server>| servers.into_iter().filter_map(|server| server.flow).collect();
        self.trunks = trunks.into_iter().zip(servers.into_iter().map(|servers| servers.map(ways))).collect();
        true
    }

    /// Does what the trunks, as they are now, ask for.
    async fn settle(&mut self) {
        let renewed = self.renew().await;
        let ours = |trunk: &Trunk| account(trunk).is_some_and(|account| self.lease.accounts.contains(&account));
        let ours: Vec<_> = self.trunks.iter().filter(|(trunk, _)| ours(trunk)).collect();
        let registered = ours.iter().filter(|(trunk, _)| trunk.data.register);
        let wanted = registered.map(|(trunk, flows)| (trunk.id, self.wants(trunk, flows.as_ref())));
        let steps = self.parts.router.status.registrations().follow(time::now().wall, wanted.collect());
        let asked = ours.iter().filter(|(trunk, _)| trunk.data.options_s > 0);
        let watches = asked.flat_map(|(trunk, flows)| watches(trunk, flows.as_deref().unwrap_or_default())).collect();
        self.watchers.follow(&self.parts.sip, &self.parts.router.status, &watches);
        let ours: Vec<_> = ours.iter().map(|(trunk, _)| (trunk.id, trunk.data.register)).collect();
        carry_out(&self.parts, &mut self.running, steps);
        // Without the database there is nobody to tell. What was not told is told at the next turn.
        if renewed && timeout(PATIENCE, self.judge(&ours)).await.is_err() {
            tracing::warn!("the database takes too long: which trunks are down was not written");
        }
    }

    /// Makes the lease last. A node that cannot keeps what it has on SQLite, where there is no other one; elsewhere it leaves
    /// in time for the node that takes over. Whether it lasts.
    async fn renew(&mut self) -> bool {
        let wanted: BTreeSet<_> = self.trunks.iter().filter_map(|(trunk, _)| account(trunk)).collect();
        let now = time::now().mono;
        let fresh = self.lease.renewed.is_some_and(|at| now < at + TICK / 2) && wanted == self.lease.accounts;
        if fresh || (wanted.is_empty() && self.lease.accounts.is_empty()) {
            return true;
        }
        match timeout(PATIENCE, trunk_lease::keep(&self.parts.db, self.parts.node, &wanted)).await {
            Ok(Ok(accounts)) => {
                self.lease = Lease { accounts, until: now + trunk_lease::LEASE, renewed: Some(now) };
                true
            }
            failed @ (Ok(Err(_)) | Err(_)) => {
                let why =
                    failed.ok().and_then(Result::err).map_or_else(|| "it takes too long".to_owned(), |e| e.to_string());
                tracing::warn!(why, "the node's lease on carriers' accounts is not renewed");
                // The next try may come so late, and the goodbyes after it.
                let late = time::now().mono + TICK + PATIENCE + GOODBYE >= self.lease.until;
                if late && self.parts.db.kind() == Kind::Postgres {
                    self.lease.accounts.clear();
                }
                false
            }
        }
    }

    fn wants(&self, trunk: &Trunk, flows: Option<&Vec<Flow>>) -> Option<Wanted> {
        Some(Wanted {
            flows: flows?.clone(),
            domain: route::domain(trunk)?,
            credential: route::credentials(trunk)?,
            expires: self.parts.expires,
            external: trunk.data.signalling.external,
        })
    }

    /// Tells all nodes which trunks are down, and which are so no more.
    async fn judge(&mut self, ours: &[(TrunkId, bool)]) {
        let now = time::now();
        let status = &self.parts.router.status;
        self.held_down.retain(|trunk, _| ours.iter().any(|(id, _)| id == trunk));
        for (trunk, registers) in ours {
            let lost = *registers && status.registrations().is_lost(now.wall, *trunk);
            let cause = down(lost, status.healths().standing(*trunk));
            let known = self.held_down.get(trunk).copied();
            let done = match (cause, known) {
                (None, None) => continue,
                (Some(cause), Some((told, at))) if cause == told && now.mono < at + HOLD / 2 => continue,
                (Some(cause), _) => breaker::hold(&self.parts.db, *trunk, cause, HOLD).await,
                (None, Some(_)) => breaker::release(&self.parts.db, *trunk).await,
            };
            if let Err(error) = done {
                // The leases come first: the rest is written at the next turn.
                return tracing::warn!(%trunk, %error, "whether the trunk is down was not written");
            }
            match cause {
                Some(cause) => {
                    self.held_down.insert(*trunk, (cause, now.mono));
                }
                None => {
                    self.held_down.remove(trunk);
                }
            }
        }
    }

    /// Takes all registrations back, then lets other nodes have the accounts.
    async fn end(self) {
        for held in self.running.values() {
            held.leave.cancel();
        }
        for held in self.running.into_values() {
            // Each one bounds its own goodbye.
            let _ = held.task.await;
        }
        if let Err(error) = trunk_lease::give_back(&self.parts.db, self.parts.node).await {
            tracing::warn!(%error, "the lease on carriers' accounts was not given back; it runs out by itself");
        }
    }
}

/// What of a trunk one node alone keeps: its account with the carrier where it registers, else itself where its servers are
/// asked by OPTIONS. Two trunks of one account are one.
#[must_use]
pub fn account(trunk: &Trunk) -> Option<String> {
    let data = &trunk.data;
    match (&data.username, data.register) {
        (Some(user), true) => {
            let port = data.port.map(|port| format!(":{port}")).unwrap_or_default();
            Some(format!("{user}@{}{port}", data.host.to_ascii_lowercase()))
        }
        (Some(_) | None, _) => (data.options_s > 0).then(|| trunk.id.to_string()),
    }
}

/// The servers of a trunk, as they are to be asked.
fn watches(trunk: &Trunk, flows: &[Flow]) -> Vec<((TrunkId, Flow), Watch)> {
    let Some(domain) = route::domain(trunk) else { return Vec::new() };
    let watch = |flow: &Flow| {
        let interval = Duration::from_secs(trunk.data.options_s.into());
        let watch = Watch::new(Uri::sip(None, domain.clone()), *flow);
        ((trunk.id, *flow), Watch { interval, credentials: route::credentials(trunk), ..watch })
    };
    flows.iter().map(watch).collect()
}

async fn enabled(db: &Db) -> Result<Vec<Trunk>, StoreError> {
    let mut tx = db.read().await?;
    let mut trunks = Vec::new();
    let mut page = Page::first(Page::<TrunkId>::MAX_LIMIT);
    loop {
        let listing = trunk::list(&mut tx, None, page).await?;
        trunks.extend(listing.items.into_iter().filter(|trunk| trunk.data.enabled));
        match listing.next {
            Some(next) => page.after = Some(next),
            None => return Ok(trunks),
        }
    }
}
