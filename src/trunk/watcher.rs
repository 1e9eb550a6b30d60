//! Asks the servers of trunks by OPTIONS, and notes what they answer.

use std::collections::BTreeMap;
use std::time::Duration;

use callwright_sip::endpoint::{Flow, Watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::health::Standing;
use super::status::TrunkStatus;
use crate::id::TrunkId;
use crate::net::sip_driver::SipHandle;
use crate::time;

/// How long to wait where SIP takes no further watch.
const FULL: Duration = Duration::from_secs(30);

/// The watches under way. They end when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    running: BTreeMap<(TrunkId, Flow), Held>,
}

#[derive(Debug)]
struct Held {
    interval: Duration,
    leave: CancellationToken,
    task: JoinHandle<()>,
}

impl Watchers {
    /// Watches these servers and no others.
    pub(super) fn follow(&mut self, sip: &SipHandle, status: &TrunkStatus, wanted: &BTreeMap<(TrunkId, Flow), Watch>) {
        self.running.retain(|key, held| {
            let stays = wanted.get(key).is_some_and(|watch| watch.interval == held.interval);
            if !stays {
                held.leave.cancel();
                status.healths().forget(key.0, key.1);
            }
            stays
        });
        for (key, watch) in wanted {
            if self.running.contains_key(key) {
                continue;
            }
            let leave = CancellationToken::new();
            let (trunk, server) = *key;
            status.healths().ask(time::now().wall, trunk, server);
            let watching = observe(sip.clone(), status.clone(), trunk, server, watch.clone());
            let task = tokio::spawn({
                let leave = leave.clone();
                async move {
                    let _ = leave.run_until_cancelled(watching).await;
                }
            });
            self.running.insert(*key, Held { interval: watch.interval, leave, task });
        }
    }
}

impl Drop for Watchers {
    fn drop(&mut self) {
        for held in self.running.values() {
            held.leave.cancel();
            held.task.abort();
        }
    }
}

async fn observe(sip: SipHandle, status: TrunkStatus, trunk: TrunkId, server: Flow, watch: Watch) {
    loop {
        let Ok(mut ours) = sip.watch(watch.clone()).await else {
            tracing::warn!(%trunk, "a server of the trunk is not asked by OPTIONS: too many are");
            tokio::time::sleep(FULL).await;
            continue;
        };
        while ours.verdict.changed().await.is_ok() {
            let verdict = *ours.verdict.borrow_and_update();
            let before = status.healths().standing(trunk);
            let code = verdict.status.map(callwright_sip::message::StatusCode::code);
            status.healths().note(time::now().wall, trunk, server, verdict.health, code);
            let after = status.healths().standing(trunk);
            match (before == Standing::Down, after == Standing::Down) {
                (false, true) => tracing::warn!(%trunk, status = code, "no server of the trunk answers OPTIONS"),
                (true, false) => tracing::info!(%trunk, "a server of the trunk answers OPTIONS again"),
                (true, true) | (false, false) => {}
            }
            status.tell();
        }
        // SIP has ended, and so will this.
        tokio::time::sleep(FULL).await;
    }
}
