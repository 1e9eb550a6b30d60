//! Keeps registrations, in both directions: follows the trunks in the database, registers those that ask for it, and
//! answers those that register with us.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use callwright_sip::endpoint::{Flow, LegKey, RegistrationState};
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::registrations::{Report, Standing, Step, Wanted};
use super::route::{self, Router};
use super::status::TrunkStatus;
use crate::id::TrunkId;
use crate::net::sip_driver::{OurRegistration, RegisterRequest, SipHandle};
use crate::shutdown::Shutdown;
use crate::store::trunk::{self, Trunk};
use crate::store::{Db, Page, StoreError};
use crate::time;

/// The trunks are looked at at least this often.
const REFRESH: Duration = Duration::from_secs(60);
/// Pause after the database failed; registrations stay as they are.
const RETRY: Duration = Duration::from_secs(5);
/// How long a registrar may take to let us go before we register anew or end.
const GOODBYE: Duration = Duration::from_secs(3);

/// What keeping registrations needs.
pub struct Parts {
    /// The database.
    pub db: Db,
    /// SIP.
    pub sip: SipHandle,
    /// The ways to trunks, and what is known of them.
    pub router: Router,
    /// How long registrations ask for.
    pub expires: Duration,
}

/// Keeps each enabled trunk registered that asks for it, until a drain begins; ends when all registrations are taken
/// back, or some seconds later.
pub async fn keep(parts: Parts, shutdown: Shutdown) {
    let mut running = BTreeMap::new();
    let mut wakeups = parts.db.wakeups();
    let mut elsewhere = parts.router.resolver.changes();
    let mut pause = REFRESH;
    loop {
        tokio::select! {
            () = wakeups.trunks(pause) => {}
            // A carrier's name points to other addresses.
            Ok(()) = elsewhere.changed() => {}
            () = shutdown.asked() => break,
        }
        pause = match follow(&parts, &mut running).await {
            Ok(()) => REFRESH,
            Err(error) => {
                tracing::warn!(%error, "the trunks cannot be read; registrations stay as they are");
                RETRY
            }
        };
    }
    for held in running.values() {
        held.leave.cancel();
    }
    for held in running.into_values() {
        // Each one bounds its own goodbye.
        let _ = held.task.await;
    }
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

/// A registration under way.
struct Held {
    leave: CancellationToken,
    task: JoinHandle<()>,
}

/// Does what the trunks, as they are now, ask for.
async fn follow(parts: &Parts, running: &mut BTreeMap<TrunkId, Held>) -> Result<(), StoreError> {
    let trunks = enabled(&parts.db).await?;
    // No host waits for another's name servers.
    let sources = join_all(trunks.iter().map(|trunk| sources_of(&parts.router, trunk))).await;
    let sources: Vec<_> = trunks.iter().map(|trunk| trunk.id).zip(sources).collect();
    let registered = trunks.iter().filter(|trunk| trunk.data.register);
    let wanted = registered.map(|trunk| async { (trunk.id, wants(parts, trunk).await) });
    let wanted = join_all(wanted).await.into_iter().collect();
    parts.router.status.locations().set_sources(sources);
    let steps = parts.router.status.registrations().follow(time::now().wall, wanted);
    carry_out(parts, running, steps);
    Ok(())
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

async fn sources_of(router: &Router, trunk: &Trunk) -> BTreeSet<IpAddr> {
    router.sources(time::now(), trunk).await.unwrap_or_default()
}

async fn wants(parts: &Parts, trunk: &Trunk) -> Option<Wanted> {
    Some(Wanted {
        flows: parts.router.flows(time::now(), trunk).await.ok()?,
        domain: route::domain(trunk)?,
        credential: route::credentials(trunk)?,
        expires: parts.expires,
    })
}

fn carry_out(parts: &Parts, running: &mut BTreeMap<TrunkId, Held>, steps: Vec<Step>) {
    for step in steps {
        match step {
            // It stays in the list, so that the next registration of the trunk waits for its end.
            Step::Leave(trunk) => {
                if let Some(held) = running.get(&trunk) {
                    held.leave.cancel();
                }
            }
            Step::Register { trunk, generation, flow, wanted } => {
                let earlier = running.remove(&trunk).map(|held| held.task);
                let leave = CancellationToken::new();
                let holder = Holder {
                    sip: parts.sip.clone(),
                    status: parts.router.status.clone(),
                    trunk,
                    generation,
                    leave: leave.clone(),
                };
                let task = tokio::spawn(holder.hold(flow, *wanted, earlier));
                running.insert(trunk, Held { leave, task });
            }
        }
    }
    running.retain(|_, held| !held.task.is_finished());
}

/// One registration of one trunk.
struct Holder {
    sip: SipHandle,
    status: TrunkStatus,
    trunk: TrunkId,
    generation: u64,
    leave: CancellationToken,
}

impl Holder {
    async fn hold(self, flow: Flow, wanted: Wanted, earlier: Option<JoinHandle<()>>) {
        if let Some(earlier) = earlier {
            // Its goodbye names the same Contact: it must not come after our greeting.
            let _ = earlier.await;
        }
        if self.leave.is_cancelled() {
            return;
        }
        let registration = wanted.registration(flow, LegKey(rand::random()));
        match self.sip.register(registration).await {
            Ok(ours) => self.watch(ours).await,
            Err(error) => {
                tracing::warn!(trunk = %self.trunk, %error, "the trunk is not registered");
                self.status.registrations().give_up(time::now().wall, self.trunk, self.generation);
            }
        }
    }

    /// Notes what becomes of a registration until it is to end, then takes it back.
    async fn watch(&self, mut ours: OurRegistration) {
        loop {
            tokio::select! {
                changed = ours.state.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let state = ours.state.borrow_and_update().clone();
                    if let Some(state) = state {
                        self.note(&state);
                    }
                }
                () = self.leave.cancelled() => break,
            }
        }
        if self.sip.unregister(ours.id).await.is_err() {
            return;
        }
        let gone = async {
            let _ = ours.state.wait_for(|state| *state == Some(RegistrationState::Unregistered)).await;
        };
        match tokio::time::timeout(GOODBYE, gone).await {
            Ok(()) => tracing::info!(trunk = %self.trunk, "the registration is taken back"),
            Err(_) => {
                tracing::info!(trunk = %self.trunk, "the carrier does not answer that we take back the registration")
            }
        }
    }

    fn note(&self, state: &RegistrationState) {
        let changed = self.status.registrations().note(time::now().wall, self.trunk, self.generation, state);
        let Some(Report { standing, status, .. }) = changed else { return };
        match standing {
            Standing::Registered => tracing::info!(trunk = %self.trunk, "registered with the carrier"),
            Standing::Failing => tracing::warn!(trunk = %self.trunk, status, "the carrier does not register us"),
            Standing::Off | Standing::Trying => {}
        }
    }
}
