//! What calls leave behind to be understood by, beside their records.

use std::path::Path;

use tokio::sync::mpsc;

use super::tools::ToolContext;
use crate::agent::conversation::Conversation;
use crate::agent::record::Line;
use crate::id::CallId;
use crate::provider::witness::Witness;
use crate::replay::format::Header;
use crate::replay::keeper::Replays;
use crate::replay::observed::Observed;
use crate::sight::Sight;
use crate::telemetry::export::Spans;
use crate::telemetry::trail::Trail;

/// Extension of replay files; they stand beside the recordings.
const EXTENSION: &str = "replay.gz";

/// Who looks at calls while they go on.
#[derive(Clone, Debug, Default)]
pub struct Insight {
    /// Keeps calls so that they can be run again.
    pub replays: Option<Replays>,
    /// Gets the trace of every call.
    pub spans: Option<Spans>,
    /// Gets every line of every call as soon as it is written. When it is full, lines are left out.
    pub lines: Option<mpsc::Sender<(CallId, Line)>>,
    /// Keeps the SIP messages of every call.
    pub sight: Option<Sight>,
}

impl Insight {
    /// Has a conversation looked at. `recording` is where the call's recording goes, relative to the `folder`.
    pub(super) fn observe(
        &self,
        conversation: Conversation,
        context: &ToolContext,
        witness: &Witness,
        folder: &Path,
        recording: &Path,
    ) -> Observed {
        let tape = self.replays.as_ref().filter(|_| records(context)).and_then(|replays| {
            let (assistant, begun) = (&context.assistant, context.started);
            let header = Header::new(context.call, begun.wall, assistant.id, &assistant.definition, &context.variables);
            replays.begin(folder.join(beside(recording)), begun.mono, &header)
        });
        let trail = self.spans.is_some().then(|| Trail::of(witness.clone()));
        Observed::new(context.started.mono, conversation, tape, trail)
    }
}

/// Where the replay file of a call is whose recording is there.
pub(super) fn beside(recording: &Path) -> std::path::PathBuf {
    recording.with_extension(EXTENSION)
}

/// A call of which no sound may be kept leaves no words either.
fn records(context: &ToolContext) -> bool {
    context.assistant.definition.recording.audio
}
