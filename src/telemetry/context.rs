//! The names of a call's trace and of its spans, and how they are told to servers that are asked (W3C Trace Context).
//!
//! They derive from the id of the call: whoever knows it finds the trace, and nothing needs to be carried about.

use std::fmt::Write;

use opentelemetry::trace::{SpanId, TraceId};
use sha2::{Digest, Sha256};

use crate::agent::input::ToolRunId;
use crate::id::CallId;

/// The header of W3C Trace Context.
pub const HEADER: &str = "traceparent";

tokio::task_local! {
    static PARENT: String;
}

/// What a span is, for its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanOf {
    /// The call.
    Call,
    /// A turn of the caller's, or a stage of the way to its reply.
    Turn {
        /// The turn, counted from 0.
        turn: u32,
        /// 0 for the whole, else the stage.
        stage: u8,
    },
    /// The agent's first words.
    Greeting,
    /// An answer of a model.
    Generation(u32),
    /// A run of a tool.
    Tool(ToolRunId),
    /// A look-up for an answer of a model.
    LookUp(u32),
}

/// The trace of a call: its id.
#[must_use]
pub fn trace_id(call: CallId) -> TraceId {
    TraceId::from_bytes(*call.as_bytes())
}

/// The name of a span of a call.
#[must_use]
pub fn span_id(call: CallId, of: SpanOf) -> SpanId {
    let (kind, number, stage) = match of {
        SpanOf::Call => (0, 0, 0),
        SpanOf::Turn { turn, stage } => (1, turn, stage),
        SpanOf::Greeting => (2, 0, 0),
        SpanOf::Generation(number) => (3, number, 0),
        SpanOf::Tool(run) => (4, run.0, 0),
        SpanOf::LookUp(number) => (5, number, 0),
    };
    let mut hash = Sha256::new();
    hash.update(call.as_bytes());
    hash.update([kind, stage]);
    hash.update(number.to_be_bytes());
    let mut id = [0; 8];
    id.copy_from_slice(&hash.finalize()[..8]);
    // All zeros would be no name.
    id[7] |= 1;
    SpanId::from_bytes(id)
}

/// Does work on behalf of a run of a tool: servers that are asked meanwhile are told so.
pub async fn on_behalf<F: Future>(call: CallId, run: ToolRunId, work: F) -> F::Output {
    let (trace, span) = (trace_id(call), span_id(call, SpanOf::Tool(run)));
    let mut parent = String::with_capacity(55);
    let _ = write!(parent, "00-{trace:032x}-{span:016x}-01");
    PARENT.scope(parent, work).await
}

/// The value of [`HEADER`] for requests made now; `None` when no trace is kept.
#[must_use]
pub fn parent() -> Option<String> {
    PARENT.try_with(Clone::clone).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn servers_are_told_the_run_of_the_tool() {
        let call: CallId = "01990000-0000-7abc-8def-0123456789ab".parse().expect("an id");
        assert_eq!(parent(), None);
        let told = on_behalf(call, ToolRunId(3), async { parent() }).await.expect("a parent");
        let parts: Vec<&str> = told.split('-').collect();
        assert_eq!((parts[0], parts[1], parts[3]), ("00", "0199000000007abc8def0123456789ab", "01"));
        assert_eq!(parts[2], span_id(call, SpanOf::Tool(ToolRunId(3))).to_string());
        assert_eq!(parts[2].len(), 16);
    }

    #[test]
    fn spans_have_names_of_their_own() {
        let call = CallId::from_u128(7);
        let turn = |turn, stage| SpanOf::Turn { turn, stage };
        let all = [
            SpanOf::Call,
            SpanOf::Greeting,
            turn(0, 0),
            turn(0, 1),
            turn(1, 0),
            SpanOf::Generation(0),
            SpanOf::Generation(1),
            SpanOf::Tool(ToolRunId(0)),
            SpanOf::LookUp(0),
        ];
        let mut names: Vec<_> = all.iter().map(|of| span_id(call, *of).to_bytes()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
        assert_ne!(span_id(call, SpanOf::Call), span_id(CallId::from_u128(8), SpanOf::Call));
    }
}
