//! A circuit that the calls of a vendor share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::{Circuit, Report};
use crate::provider::error::Error;

/// How one vendor is doing; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Health {
    circuit: Arc<Mutex<Circuit>>,
    /// Rung when the circuit opens or closes.
    changed: Arc<Notify>,
}

impl Health {
    /// One whose changes ring a bell that others ring too.
    #[must_use]
    pub fn ringing(changed: Arc<Notify>) -> Self {
        Self { circuit: Arc::default(), changed }
    }

    /// Whether live requests may go to the vendor.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.circuit().admits()
    }

    /// A request had its first word or byte after `wait`: it goes well.
    pub fn began(&self, now: Instant, wait: Duration) {
        self.change(|circuit| {
            circuit.began(wait);
            circuit.succeeded(now);
        });
    }

    /// A request had no first word within `wait`, when somebody else was taken.
    pub fn passed_over(&self, wait: Duration) {
        self.circuit().began(wait);
    }

    /// A trial went well.
    pub fn succeeded(&self, now: Instant) {
        self.change(|circuit| circuit.succeeded(now));
    }

    /// A request or a trial failed.
    pub fn failed(&self, now: Instant, error: &Error) {
        self.change(|circuit| circuit.failed(now, error));
    }

    /// See [`Circuit::take_trial`].
    #[must_use]
    pub fn take_trial(&self, now: Instant) -> bool {
        self.circuit().take_trial(now)
    }

    /// See [`Circuit::poll_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.circuit().poll_timeout()
    }

    /// See [`Circuit::is_slow`].
    #[must_use]
    pub fn is_slow(&self, patience: Duration) -> bool {
        self.circuit().is_slow(patience)
    }

    /// How it is doing.
    #[must_use]
    pub fn report(&self) -> Report {
        self.circuit().report()
    }

    fn change(&self, how: impl FnOnce(&mut Circuit)) {
        let mut circuit = self.circuit();
        let before = circuit.admits();
        how(&mut circuit);
        let (after, report) = (circuit.admits(), circuit.report());
        drop(circuit);
        if before == after {
            return;
        }
        match report.error {
            Some(error) if !after => {
                tracing::warn!(%error, request = error.request, "a vendor is left alone for a while")
            }
            Some(_) | None => tracing::info!("a vendor is back"),
        }
        self.changed.notify_waiters();
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
