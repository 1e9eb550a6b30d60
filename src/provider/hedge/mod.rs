//! Several vendors that look like one: the second is asked when the first is late, takes over when it fails, and one
//! whose circuit is open is passed by.
//!
//! What to do is decided by pure cores ([`race`], [`voices`], [`ears`]); shells ([`model`], [`synthesiser`],
//! [`recogniser`]) only carry it out.

pub mod bot;
pub mod ears;
mod line;
pub mod model;
pub mod native;
pub mod race;
pub mod recogniser;
pub mod synthesiser;
pub mod voices;

use std::sync::Arc;
use std::time::Duration;

use super::health::Health;
use super::witness::Seen;

/// Without a first word or byte for so long, the next vendor is asked as well.
pub const PATIENCE: Duration = Duration::from_millis(900);

/// Something that a call keeps until it is over.
pub type Held = Arc<dyn std::any::Any + Send + Sync>;

/// One of several vendors, in the order of preference.
#[derive(Debug)]
pub struct Choice<T: ?Sized> {
    /// Its adapter.
    pub provider: Arc<T>,
    /// How it is doing.
    pub health: Health,
    /// Who is told when it serves, if anybody.
    pub seen: Option<Seen>,
}

impl<T: ?Sized> Clone for Choice<T> {
    fn clone(&self) -> Self {
        Self { provider: Arc::clone(&self.provider), health: self.health.clone(), seen: self.seen.clone() }
    }
}

impl<T: ?Sized> Choice<T> {
    /// A vendor of which nothing is known yet.
    #[must_use]
    pub fn new(provider: Arc<T>) -> Self {
        Self { provider, health: Health::default(), seen: None }
    }

    /// The same, seen when it serves.
    #[must_use]
    pub fn seen(self, seen: Seen) -> Self {
        Self { seen: Some(seen), ..self }
    }

    /// It is the one that serves.
    fn serves(&self) {
        if let Some(seen) = &self.seen {
            seen.serves();
        }
    }
}

#[cfg(test)]
mod tests;
