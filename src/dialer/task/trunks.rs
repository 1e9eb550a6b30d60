//! The trunks as the dialer uses them: where they lead, and how they are doing.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use callwright_sip::endpoint::Credential;
use jiff::Timestamp;

use super::clock::DatabaseClock;
use crate::call::outcome::{CallOutcome, TrunkEvidence};
use crate::id::{CampaignId, OrgId, TrunkId};
use crate::store::trunk::{self, Trunk};
use crate::store::{Db, Page, StoreError, campaign};
use crate::time;
use crate::trunk::health::{TrunkHealth, Unusable};
use crate::trunk::plan::TrunkRoute;
use crate::trunk::route::{Router, Unreachable, credentials};

/// While one call tries whether a trunk is back, others ask again after this.
const TRYING: Duration = Duration::from_secs(1);
/// A trunk that refuses us by permission is asked about again after this; a person has to act.
const DENIED: Duration = Duration::from_secs(60);

/// All trunks.
pub(super) struct Trunks {
    db: Db,
    router: Router,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    trunks: BTreeMap<TrunkId, Trunk>,
    of_campaign: BTreeMap<CampaignId, TrunkId>,
    health: BTreeMap<TrunkId, TrunkHealth>,
}

/// A trunk cannot be used for a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoRoute {
    /// It was deleted.
    #[error("the trunk is gone")]
    Gone,
    /// Its name has no address, or none that a listener can reach.
    #[error("the trunk's host cannot be reached from any listener")]
    Unreachable,
}

impl Trunks {
    pub(super) fn new(db: Db, router: Router) -> Self {
        Self { db, router, known: Mutex::default() }
    }

    /// Forgets the settings of all trunks: they are read again when they are needed. Their health stays.
    pub(super) async fn refresh(&self) {
        let mut known = self.lock();
        known.trunks.clear();
        known.of_campaign.clear();
    }

    /// When the campaign's trunk takes calls again, if it takes none now.
    pub(super) async fn closed_until(
        &self,
        campaign: CampaignId,
        clock: &DatabaseClock,
    ) -> Result<Option<Timestamp>, StoreError> {
        let trunk = self.of_campaign(campaign).await?;
        Ok(self.shut_until(trunk, clock))
    }

    /// When the trunk takes calls again, if it takes none now.
    pub(super) fn shut_until(&self, trunk: TrunkId, clock: &DatabaseClock) -> Option<Timestamp> {
        let now = time::now().mono;
        let unusable = self.lock().health.get(&trunk).and_then(|health| health.closed(now));
        unusable.map(|why| match why {
            Unusable::Until(until) => clock.wall(until),
            Unusable::Trying => clock.wall(now + TRYING),
            Unusable::Denied => clock.wall(now + DENIED),
        })
    }

    /// A dial over the trunk is decided.
    pub(super) fn begin(&self, trunk: TrunkId) {
        // Whether it may go was asked before the claim; here a half-open breaker notes its one try.
        let _noted = self.lock().health.entry(trunk).or_default().admit(time::now().mono);
    }

    /// A dial over the trunk was not sent after all.
    pub(super) fn withdraw(&self, trunk: TrunkId) {
        self.lock().health.entry(trunk).or_default().withdraw();
    }

    /// A dial over the trunk has ended.
    pub(super) fn observe(&self, trunk: TrunkId, number: u64, outcome: &CallOutcome) {
        let jitter = rand::random();
        self.lock().health.entry(trunk).or_default().observe(time::now().mono, number, outcome, jitter);
    }

    /// What the trunk's behaviour says about its next failure.
    pub(super) fn evidence(&self, trunk: TrunkId) -> TrunkEvidence {
        self.lock().health.entry(trunk).or_default().evidence()
    }

    /// Where a dial goes.
    pub(super) async fn route(&self, org: OrgId, id: TrunkId) -> Result<Result<TrunkRoute, NoRoute>, StoreError> {
        let trunk = match self.trunk(org, id).await {
            Ok(trunk) => trunk,
            Err(StoreError::NotFound) => return Ok(Err(NoRoute::Gone)),
            Err(error) => return Err(error),
        };
        Ok(self.router.route(time::now(), &trunk).await.map_err(|Unreachable| NoRoute::Unreachable))
    }

    /// Digest credentials of a trunk, for legs that a dead process left behind.
    pub(super) async fn credentials(&self, id: TrunkId) -> Result<Option<Credential>, StoreError> {
        let mut tx = self.db.read().await?;
        let mut page = Page::first(Page::<TrunkId>::MAX_LIMIT);
        loop {
            let listing = trunk::list(&mut tx, None, page).await?;
            if let Some(trunk) = listing.items.iter().find(|trunk| trunk.id == id) {
                return Ok(credentials(trunk));
            }
            match listing.next {
                Some(next) => page.after = Some(next),
                None => return Ok(None),
            }
        }
    }

    async fn of_campaign(&self, id: CampaignId) -> Result<TrunkId, StoreError> {
        if let Some(trunk) = self.lock().of_campaign.get(&id) {
            return Ok(*trunk);
        }
        let mut tx = self.db.read().await?;
        let trunk = campaign::of_any_org(&mut tx, id).await?.data.trunk;
        self.lock().of_campaign.insert(id, trunk);
        Ok(trunk)
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
