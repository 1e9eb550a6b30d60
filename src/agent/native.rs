//! Speech to speech, as the conversation sees it: the model hears and answers by itself; the conversation decides what is
//! played and accounts for what was heard. Audio of both sides passes by it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::pii::Pii;
use crate::provider::llm::{ToolCall, ToolSpec};

/// What a speech-to-speech model is told; see [`crate::provider::s2s::S2sInput`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NativeOrder {
    /// Open the session, while the phone rings; from [`super::input::Input::Answered`] on it gets the caller's audio.
    Open {
        /// The prompt.
        instructions: Pii<String>,
        /// What it may call.
        #[serde(serialize_with = "crate::arcs::one")]
        tools: Arc<[ToolSpec]>,
    },
    /// Answer now.
    Respond {
        /// For this answer only.
        instructions: Option<Pii<String>>,
    },
    /// Stop answering.
    Cancel,
    /// So much of an item was heard.
    Truncate {
        /// The item.
        item: String,
        /// From the item's beginning; never more than the audio there is of it.
        #[serde(with = "crate::nanos")]
        heard: Duration,
    },
    /// A tool's result. What the model makes of it is asked for with [`NativeOrder::Respond`].
    ToolResult {
        /// The vendor's name of the call.
        call: String,
        /// JSON, or text.
        result: Pii<String>,
    },
    /// Something the model shall know and the caller does not hear.
    Note(Pii<String>),
}

/// What a speech-to-speech model reports; see [`crate::provider::s2s::S2sEvent`]. Its audio does not pass here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NativeNews {
    /// The session stands.
    Ready,
    /// The caller began to speak, by the model's judgement.
    CallerStarted,
    /// The caller has finished.
    CallerStopped,
    /// What the caller said.
    CallerSaid(Pii<String>),
    /// How much audio of an item there is so far. Told for the first audio at once, then as it suits.
    Audio {
        /// The item.
        item: String,
        /// Samples at 8 kHz from its beginning.
        samples: u64,
        /// No more follows.
        complete: bool,
    },
    /// More words of an item.
    Words {
        /// The item.
        item: String,
        /// The next words, spaces and all.
        text: Pii<String>,
    },
    /// A tool is called.
    Called(ToolCall),
    /// The answer is complete.
    Finished,
    /// The session is being made anew: what the caller said last may not have been heard, or be heard later.
    Interrupted,
    /// The session is over, and no other takes its place.
    Dead,
}
