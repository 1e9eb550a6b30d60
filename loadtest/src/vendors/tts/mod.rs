//! Simulated voices. What they say is tones, one for each word, of an exact length for each character; see
//! [`speaking`].

mod cartesia;
mod deepgram_speak;
mod deepgram_speak2;
mod elevenlabs;
mod mouth;
mod openai_speech;
pub mod speaking;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::server::Shared;

/// The voices' routes.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/speak", get(deepgram_speak::speak))
        .route("/v2/speak", get(deepgram_speak2::speak))
        .route("/v1/text-to-speech/{voice}/multi-stream-input", get(elevenlabs::speak))
        .route("/tts/websocket", get(cartesia::speak))
        .route("/v1/audio/speech", post(openai_speech::speak))
}
