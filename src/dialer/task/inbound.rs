//! Calls that come in: counted in the database, so that all nodes and the dialer see the channels they hold.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use super::Shared;
use crate::call::inbound::{Door, Entering, Entrance};
use crate::id::{CallId, OrgId, TrunkId};
use crate::store::dialing::{InboundDoor, InboundRequest};

/// A caller does not wait longer for the database: the routes and counts of this node have to do.
const ANSWER: Duration = Duration::from_millis(400);
/// Pause before the end of a call is written again; doubles up to [`LONGEST_RETRY`].
const RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(15);

/// A call that came in and is not over.
#[derive(Clone, Copy, Debug)]
pub(super) struct CameIn {
    org: OrgId,
    trunk: TrunkId,
    /// Whether it is on record.
    counted: bool,
}

/// The dialer's side of calls that come in.
pub(super) struct Doorkeeper(pub(super) Arc<Shared>);

impl Door for Doorkeeper {
    fn admit(&self, call: CallId, org: OrgId, trunk: TrunkId) -> Entering {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.admit_inbound(call, org, trunk).await })
    }

    fn over(&self, call: CallId) {
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move { shared.inbound_over(call).await });
    }
}

impl Shared {
    async fn admit_inbound(&self, call: CallId, org: OrgId, trunk: TrunkId) -> Entrance {
        let request = InboundRequest { call, org, trunk, node: self.node() };
        let answer = tokio::time::timeout(ANSWER, self.dialing.admit_inbound(&request)).await;
        let (entrance, counted) = match answer {
            Ok(Ok(InboundDoor::Full)) => return Entrance::Full,
            Ok(Ok(InboundDoor::Open)) => (Entrance::Open, true),
            Ok(Err(error)) => {
                tracing::warn!(%call, %error, "a call that came in is not counted yet");
                (Entrance::Unknown, false)
            }
            Err(_) => {
                tracing::warn!(%call, "the database is slow; a call that came in is not counted yet");
                (Entrance::Unknown, false)
            }
        };
        self.came_in().insert(call, CameIn { org, trunk, counted });
        entrance
    }

    async fn inbound_over(&self, call: CallId) {
        if self.came_in().remove(&call).is_none() {
            return;
        }
        let mut pause = RETRY;
        while let Err(error) = self.dialing.end_inbound(call).await {
            tracing::warn!(%call, %error, "the end of a call that came in was not written yet");
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_RETRY),
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// The node has got a new epoch: what it had on record may have been dropped.
    pub(super) fn count_all_again(&self) {
        for call in self.came_in().values_mut() {
            call.counted = false;
        }
    }

    /// Puts on record what came in while the database was away.
    pub(super) async fn count_uncounted(&self) {
        let node = self.node();
        let request = |(call, came_in): (&CallId, &CameIn)| InboundRequest {
            call: *call,
            org: came_in.org,
            trunk: came_in.trunk,
            node,
        };
        let uncounted: Vec<_> = self.came_in().iter().filter(|(_, call)| !call.counted).map(request).collect();
        if uncounted.is_empty() {
            return;
        }
        match self.dialing.count_inbound(&uncounted).await {
            Ok(()) => {
                for request in uncounted {
                    let known = self.came_in().get_mut(&request.call).map(|call| call.counted = true);
                    if known.is_none() {
                        // Over meanwhile, and its end written before its beginning.
                        let _ = self.dialing.end_inbound(request.call).await;
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "calls that came in are not counted yet"),
        }
    }

    fn came_in(&self) -> MutexGuard<'_, BTreeMap<CallId, CameIn>> {
        self.came_in.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
