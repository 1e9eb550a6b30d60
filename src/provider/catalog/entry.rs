//! One vendor of the catalog.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::sync::Notify;

use super::kind::{Adapter, Kind};
use crate::id::{OrgId, ProviderId};
use crate::provider::error::{Error, ErrorKind};
use crate::provider::health::Health;
use crate::provider::probe::Failure;
use crate::provider::prompts::Prompts;
use crate::provider::vendor::Vendor;
use crate::provider::witness::Who;
use crate::time;

/// What an entry is made from; the same again keeps the entry, with its connections and its calls.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) id: ProviderId,
    /// None for one that every organisation may use.
    pub(super) org: Option<OrgId>,
    pub(super) kind: Kind,
    pub(super) enabled: bool,
    /// Name, address, model, options and capacity as they are set, and something that changes with the key.
    pub(super) fingerprint: String,
}

/// A vendor with all that is known of it.
pub(super) struct Entry {
    pub(super) settings: Settings,
    pub(super) name: Arc<str>,
    /// Who it is without its key, and whether it has one.
    pub(super) shown: Option<(Vendor, bool)>,
    /// Who it is in the trace of a call.
    pub(super) who: Arc<Who>,
    adapter: Result<Adapter, Error>,
    pub(super) health: Health,
    pub(super) capacity: usize,
    used: Arc<AtomicUsize>,
}

/// A first word after this is late: a hedge has begun by then.
const LATE: Duration = Duration::from_millis(1_500);

/// A place of a vendor, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Entry {
    /// An entry, with or without somebody who can speak to it.
    pub(super) fn new(
        settings: Settings,
        vendor: Result<Vendor, Error>,
        prompts: &Arc<Prompts>,
        bell: &Arc<Notify>,
    ) -> Self {
        let (name, capacity) = match &vendor {
            Ok(vendor) => (Arc::clone(&vendor.name), vendor.capacity),
            Err(error) => (error.provider.as_ref().into(), 0),
        };
        let kind = settings.kind;
        let shown = vendor.as_ref().ok().map(|vendor| {
            let has_key = vendor.key.as_ref().is_some_and(|key| !key.expose_secret().is_empty());
            (Vendor { key: None, ..vendor.clone() }, has_key)
        });
        let who = Arc::new(Who {
            name: Arc::clone(&name),
            system: kind.system(),
            model: vendor.as_ref().map_or("", |vendor| vendor.model.as_str()).into(),
        });
        let adapter = vendor.and_then(|vendor| kind.adapter(vendor, prompts));
        let health = Health::ringing(Arc::clone(bell));
        Self { settings, name, shown, who, adapter, health, capacity, used: Arc::default() }
    }

    /// Who speaks to it.
    pub(super) fn adapter(&self) -> Result<&Adapter, Error> {
        if !self.settings.enabled {
            return Err(Error::new(self.name.to_string(), ErrorKind::Refused, "it is switched off"));
        }
        self.adapter.as_ref().map_err(Clone::clone)
    }

    /// Why it can serve nobody, whatever it is asked.
    pub(super) fn fault(&self) -> Option<Error> {
        self.adapter().err()
    }

    /// Calls it serves.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Calls it could take on top. A vendor whose first words are late is given half as many as it may have: what makes
    /// vendors slow is load.
    pub(super) fn free(&self) -> usize {
        if self.fault().is_some() || !self.health.admits() {
            return 0;
        }
        let slow = self.health.is_slow(LATE);
        let capacity = if slow { (self.capacity / 2).max(1) } else { self.capacity };
        let free = capacity.saturating_sub(self.used());
        match &self.adapter {
            Ok(Adapter::Stt(stt)) => free.min(stt.capacity().free),
            Ok(Adapter::Llm(_) | Adapter::Tts(_) | Adapter::S2s(_) | Adapter::Embeddings(_) | Adapter::Bot(_))
            | Err(_) => free,
        }
    }

    /// Takes a place, also when none is free: whoever is in a call already is served.
    pub(super) fn take(&self) -> Place {
        self.used.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(&self.used))
    }

    /// Tries it out, and lets its circuit know.
    pub(super) async fn probe(&self) -> Result<(), Failure> {
        let outcome = match self.adapter() {
            Ok(adapter) => adapter.probe().await,
            Err(error) => Err(error.into()),
        };
        let now = time::now().mono;
        match &outcome {
            Ok(()) => self.health.succeeded(now),
            Err(failure) => self.health.failed(now, &failure.error),
        }
        outcome
    }
}
