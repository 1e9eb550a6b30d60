//! Simulated recognisers.

mod assemblyai;
mod deepgram_flux;
mod deepgram_listen;
mod elevenlabs_scribe;
pub(super) mod listener;
pub(super) mod openai_transcription;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use super::server::Shared;

/// The recognisers' routes. OpenAI's is one with its models that hear and speak.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/listen", get(deepgram_listen::listen))
        .route("/v2/listen", get(deepgram_flux::listen))
        .route("/v3/ws", get(assemblyai::listen))
        .route("/v1/speech-to-text/realtime", get(elevenlabs_scribe::listen))
}
