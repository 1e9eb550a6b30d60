//! Scenarios: whole endpoints on one virtual clock and a network with faults.

mod auth;
mod call_flows;
mod calls;
mod gate;
mod health;
mod hostile;
mod keep_alive;
pub(crate) mod pair;
mod puppet;
mod races;
mod registrar;
mod registrations;
mod replaces;
mod requests;
mod reuse;
mod secure;
mod storm;
mod torture;
mod transfers;
mod transport_faults;
mod websocket;

use std::time::Instant;

/// The start of virtual time. The only clock reading of this crate; no test depends on its value.
#[expect(clippy::disallowed_methods, reason = "an Instant cannot be made otherwise")]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}
