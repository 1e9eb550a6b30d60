//! Whether the vendors of a campaign's assistant would serve a call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::agent::assistant::Assistant;
use crate::call::providers::Providers;
use crate::id::{CampaignId, OrgId};
use crate::provider::catalog::{NoRoom, Room};
use crate::store::{Db, StoreError, assistant, campaign};

/// An assistant that was changed is known after so long.
const FRESH: Duration = Duration::from_secs(10);
/// Shortest and longest time until vendors are looked at again. It costs nothing but the look; the vendors themselves are
/// tried in the background.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(2));

/// The assistants of campaigns.
pub(super) struct Assistants {
    db: Db,
    providers: Arc<dyn Providers>,
    known: Mutex<BTreeMap<CampaignId, Known>>,
}

#[derive(Clone)]
struct Known {
    org: OrgId,
    assistant: Arc<Assistant>,
    since: Instant,
}

impl Assistants {
    pub(super) fn new(db: Db, providers: Arc<dyn Providers>) -> Self {
        Self { db, providers, known: Mutex::default() }
    }

    /// Forgets the assistants: they are read again when they are needed.
    pub(super) fn refresh(&self) {
        self.lock().clear();
    }

    /// For how many calls of the campaign there is room, or why no call should be made and when to look again. `on_the_way`
    /// calls are not known to the vendors yet.
    pub(super) async fn room(
        &self,
        campaign: CampaignId,
        on_the_way: usize,
        now: Instant,
    ) -> Result<Result<usize, (NoRoom, Instant)>, StoreError> {
        let Known { org, assistant, .. } = self.of(campaign, now).await?;
        let (shortest, longest) = AGAIN;
        Ok(match self.providers.room(org, &assistant) {
            Room::Free(free) if free > on_the_way => Ok(free - on_the_way),
            Room::Free(_) => Err((NoRoom::OnTheWay, now + shortest)),
            Room::None(why) => {
                let until = match &why {
                    NoRoom::Failing { until, .. } => until.unwrap_or(now),
                    NoRoom::Full { .. } | NoRoom::OnTheWay => now,
                    NoRoom::Unknown(_) => now + longest,
                };
                Err((why, until.clamp(now + shortest, now + longest)))
            }
        })
    }

    async fn of(&self, id: CampaignId, now: Instant) -> Result<Known, StoreError> {
        let known = self.lock().get(&id).filter(|known| now.saturating_duration_since(known.since) < FRESH).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let mut tx = self.db.read().await?;
        let campaign = campaign::of_any_org(&mut tx, id).await?;
        let current = assistant::get(&mut tx, campaign.org, campaign.data.assistant).await?.current;
        let known = Known { org: campaign.org, assistant: Arc::new(current.definition), since: now };
        self.lock().insert(id, known.clone());
        Ok(known)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CampaignId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
