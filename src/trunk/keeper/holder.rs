//! Registrations under way: each holds one until it is to end.

use std::collections::BTreeMap;

use callwright_sip::endpoint::{Flow, LegKey, RegistrationState};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{GOODBYE, Parts, RETRY};
use crate::id::TrunkId;
use crate::net::sip_driver::{OurRegistration, SipHandle};
use crate::time;
use crate::trunk::registrations::{Report, Standing, Step, Wanted};
use crate::trunk::status::TrunkStatus;

/// A registration under way.
pub(super) struct Held {
    pub(super) leave: CancellationToken,
    pub(super) task: JoinHandle<()>,
}

/// Begins and ends registrations as told.
pub(super) fn carry_out(parts: &Parts, running: &mut BTreeMap<TrunkId, Held>, steps: Vec<Step>) {
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
                // As soon as it is given up it is asked for again.
                let _ = self.leave.run_until_cancelled(tokio::time::sleep(RETRY)).await;
                self.status.registrations().give_up(time::now().wall, self.trunk, self.generation);
                self.status.tell();
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
        match timeout(GOODBYE, gone).await {
            Ok(()) => tracing::info!(trunk = %self.trunk, "the registration is taken back"),
            Err(_) => {
                tracing::info!(trunk = %self.trunk, "the carrier does not answer that we take back the registration")
            }
        }
    }

    fn note(&self, state: &RegistrationState) {
        let changed = self.status.registrations().note(time::now().wall, self.trunk, self.generation, state);
        self.status.tell();
        let Some(Report { standing, status, .. }) = changed else { return };
        match standing {
            Standing::Registered => tracing::info!(trunk = %self.trunk, "registered with the carrier"),
            Standing::Failing => tracing::warn!(trunk = %self.trunk, status, "the carrier does not register us"),
            Standing::Off | Standing::Trying => {}
        }
    }
}
