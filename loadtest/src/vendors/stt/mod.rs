//! Simulated recognisers.

mod deepgram_listen;
pub(super) mod listener;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use super::server::Shared;

/// The recognisers' routes.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/v1/listen", get(deepgram_listen::listen))
}
