//! What is known of the trunks beyond their settings, shared by those who find it out and those who use or show it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callwright_sip::registrar::Location;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::health::Healths;
use super::locations::Locations;
use super::registrations::{Registrations, Report};
use crate::id::TrunkId;
use crate::time::Now;

/// Registrations of this node in both directions, and what servers answer it. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct TrunkStatus {
    registrations: Arc<Mutex<Registrations>>,
    locations: Arc<Mutex<Locations>>,
    healths: Arc<Mutex<Healths>>,
    /// Something has changed that says whether calls may go over a trunk.
    news: Arc<Notify>,
}

impl TrunkStatus {
    /// Our registrations with carriers.
    pub fn registrations(&self) -> MutexGuard<'_, Registrations> {
        self.registrations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registrations of others with us.
    pub fn locations(&self) -> MutexGuard<'_, Locations> {
        self.locations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the servers of trunks answer to OPTIONS.
    pub fn healths(&self) -> MutexGuard<'_, Healths> {
        self.healths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whoever keeps the trunks that a registration or an answer has changed.
    pub(super) fn tell(&self) {
        self.news.notify_one();
    }

    /// Waits for the next change, or takes one that nobody has waited for.
    pub(super) async fn changed(&self) {
        self.news.notified().await;
    }

    /// How our registration over a trunk goes.
    #[must_use]
    pub fn report(&self, trunk: TrunkId) -> Report {
        self.registrations().report(trunk)
    }

    /// Where calls over a trunk go instead of its configured address.
    #[must_use]
    pub fn location(&self, now: Now, trunk: TrunkId) -> Option<Location> {
        self.locations().of(now.mono, trunk).cloned()
    }

    /// Until when calls over a trunk go to who registered with us.
    #[must_use]
    pub fn bound_until(&self, now: Now, trunk: TrunkId) -> Option<Timestamp> {
        let location = self.location(now, trunk)?;
        Some(now.wall + location.until.saturating_duration_since(now.mono))
    }
}
