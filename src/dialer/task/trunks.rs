//! The trunks as the dialer uses them: where they lead, and how they are doing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callwright_sip::endpoint::{Credential, Flow};

use crate::call::outcome::{CallOutcome, TrunkEvidence};
use crate::campaign::phone::E164;
use crate::id::{OrgId, TrunkId};
use crate::store::prefix_route;
use crate::store::trunk::{self, Trunk};
use crate::store::{Db, Page, StoreError};
use crate::time;
use crate::trunk::answers::Answers;
use crate::trunk::hunt::trouble;
use crate::trunk::plan::TrunkRoute;
use crate::trunk::prefix::{Given, Routes};
use crate::trunk::route::{Router, Unreachable, credentials};

/// All trunks.
pub(super) struct Trunks {
    db: Db,
    router: Router,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    trunks: BTreeMap<TrunkId, Trunk>,
    routes: BTreeMap<OrgId, Arc<Routes>>,
    answers: BTreeMap<TrunkId, Answers>,
}

/// Where a dial goes: to one server, and where next when that one gives it up unheard.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    pub(super) first: TrunkRoute,
    pub(super) rest: VecDeque<TrunkRoute>,
}

/// A trunk cannot be used for a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoRoute {
    /// It was deleted.
    #[error("the trunk is gone")]
    Gone,
    /// Its host leads nowhere, or nowhere that a listener can reach.
    #[error(transparent)]
    Unreachable(Unreachable),
}

impl Trunks {
    pub(super) fn new(db: Db, router: Router) -> Self {
        Self { db, router, known: Mutex::default() }
    }

    /// Forgets the settings of all trunks: they are read again when they are needed. What they answered stays known.
    pub(super) fn refresh(&self) {
        let mut known = self.lock();
        known.trunks.clear();
        known.routes.clear();
    }

    /// A dial over the trunk has ended.
    pub(super) fn note(&self, trunk: TrunkId, outcome: &CallOutcome) {
        self.lock().answers.entry(trunk).or_default().note(outcome);
    }

    /// What the trunk's behaviour says about its next failure.
    pub(super) fn evidence(&self, trunk: TrunkId) -> TrunkEvidence {
        self.lock().answers.entry(trunk).or_default().evidence()
    }

    /// Over which trunks a number may be called for which nobody named one, in order: those that its route leads to and that
    /// let `from` call, else `usual`.
    pub(super) async fn lead(
        &self,
        org: OrgId,
        to: &E164,
        from: Option<&E164>,
        usual: TrunkId,
    ) -> Result<Vec<TrunkId>, StoreError> {
        let led = self.routes(org).await?.lead(to, Given::Usual(usual));
        let mut trunks = Vec::with_capacity(led.len());
        for id in led {
            match self.trunk(org, id).await {
                Ok(trunk) if from.is_none_or(|from| trunk.data.caller_ids.contains(from)) => trunks.push(id),
                Ok(_) | Err(StoreError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        if trunks.is_empty() {
            trunks.push(usual);
        }
        Ok(trunks)
    }

    async fn routes(&self, org: OrgId) -> Result<Arc<Routes>, StoreError> {
        if let Some(routes) = self.lock().routes.get(&org) {
            return Ok(Arc::clone(routes));
        }
        let mut tx = self.db.read().await?;
        let routes = Arc::new(prefix_route::table(&mut tx, org).await?);
        self.lock().routes.insert(org, Arc::clone(&routes));
        Ok(routes)
    }

    /// Where a dial goes.
    pub(super) async fn ways(&self, org: OrgId, id: TrunkId) -> Result<Result<Ways, NoRoute>, StoreError> {
        let trunk = match self.trunk(org, id).await {
            Ok(trunk) => trunk,
            Err(StoreError::NotFound) => return Ok(Err(NoRoute::Gone)),
            Err(error) => return Err(error),
        };
        let found = self.router.routes(time::now(), &trunk).await.and_then(|routes| {
            let mut routes = VecDeque::from(routes);
            let first = routes.pop_front().ok_or(Unreachable::Listener)?;
            Ok(Ways { first, rest: routes })
        });
        Ok(found.map_err(NoRoute::Unreachable))
    }

    /// A server behind a trunk has answered a dial, or not: which of them is turned to first depends on it.
    pub(super) fn learn(&self, way: &Flow, outcome: &CallOutcome) {
        match trouble(outcome) {
            Some(trouble) => self.router.resolver.report(time::now().mono, way, trouble),
            None if outcome.sip_code.is_some() || outcome.rang => self.router.resolver.cleared(way),
            None => {}
        }
    }

    /// Digest credentials of a trunk, for legs that a dead process left behind. The way to it is looked for, so that its host
    /// can prove over TLS to be the one that those legs went to.
    pub(super) async fn credentials(&self, id: TrunkId) -> Result<Option<Credential>, StoreError> {
        let mut tx = self.db.read().await?;
        let mut page = Page::first(Page::<TrunkId>::MAX_LIMIT);
        loop {
            let listing = trunk::list(&mut tx, None, page).await?;
            if let Some(trunk) = listing.items.iter().find(|trunk| trunk.id == id) {
                let _ = self.router.flows(time::now(), trunk).await;
                return Ok(credentials(trunk));
            }
            match listing.next {
                Some(next) => page.after = Some(next),
                None => return Ok(None),
            }
        }
    }

    async fn trunk(&self, org: OrgId, id: TrunkId) -> Result<Trunk, StoreError> {
        if let Some(trunk) = self.lock().trunks.get(&id) {
            return Ok(trunk.clone());
        }
        let mut tx = self.db.read().await?;
        let trunk = trunk::get(&mut tx, org, id).await?;
        self.lock().trunks.insert(id, trunk.clone());
        Ok(trunk)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
