//! Several vendors that look like one: the second is asked when the first is late, takes over when it fails, and one
//! whose circuit is open is passed by.
//!
//! What to do is decided by pure cores ([`race`]); shells ([`model`]) only carry it out.

pub mod model;
pub mod race;

use std::sync::Arc;
use std::time::Duration;

use super::health::Health;

/// Without a first word or byte for so long, the next vendor is asked as well.
pub const PATIENCE: Duration = Duration::from_millis(900);

/// One of several vendors, in the order of preference.
#[derive(Debug)]
pub struct Choice<T: ?Sized> {
    /// Its adapter.
    pub provider: Arc<T>,
    /// How it is doing.
    pub health: Health,
}

impl<T: ?Sized> Clone for Choice<T> {
    fn clone(&self) -> Self {
        Self { provider: Arc::clone(&self.provider), health: self.health.clone() }
    }
}

impl<T: ?Sized> Choice<T> {
    /// A vendor of which nothing is known yet.
    #[must_use]
    pub fn new(provider: Arc<T>) -> Self {
        Self { provider, health: Health::default() }
    }
}
