//! The tools that run in one call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::agent::input::{GenerationId, Input, ToolRunId};
use crate::agent::knowledge::Passage;
use crate::call::tools::{ToolContext, Toolbox};
use crate::pii::Pii;
use crate::telemetry::context::on_behalf;
use crate::time;

/// A tool that takes longer has broken its own time limit, of which the longest is a minute.
const LONGEST: Duration = Duration::from_secs(65);
/// How long the end of a call waits for tools that are not done by half, and for what must be on disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// A look-up that takes longer has been waited for by nobody for long.
const LONGEST_LOOK_UP: Duration = Duration::from_secs(2);
/// Look-ups at the same time: those before the last one are wanted by nobody.
const LOOK_UPS: usize = 4;

/// What runs beside the talk.
pub(super) struct Tools {
    toolbox: Arc<dyn Toolbox>,
    context: Arc<ToolContext>,
    work: JoinSet<Done>,
    /// The runs, by the task that does them.
    runs: BTreeMap<Id, (ToolRunId, CancellationToken)>,
    /// Look-ups under way; nothing of them outlives the call.
    looking: JoinSet<(GenerationId, Option<Vec<Passage>>)>,
    asked: bool,
    /// Servers that tools ask are told the trace of the call.
    traced: bool,
}

enum Done {
    Ran(Pii<String>),
    Offered(Vec<crate::provider::llm::ToolSpec>),
    OptedOut(bool),
}

impl Tools {
    pub(super) fn new(toolbox: Arc<dyn Toolbox>, context: Arc<ToolContext>) -> Self {
        Self {
            toolbox,
            context,
            work: JoinSet::new(),
            runs: BTreeMap::new(),
            looking: JoinSet::new(),
            asked: false,
            traced: false,
        }
    }

    /// Whether the call has a trace.
    pub(super) fn traced(self, traced: bool) -> Self {
        Self { traced, ..self }
    }

    /// Asks what the assistant's tool servers offer, once.
    pub(super) fn ask(&mut self) {
        if !std::mem::replace(&mut self.asked, true) {
            let (toolbox, context) = (Arc::clone(&self.toolbox), Arc::clone(&self.context));
            self.work.spawn(async move { Done::Offered(toolbox.offering(&context).await) });
        }
    }

    /// Runs a tool.
    pub(super) fn run(&mut self, run: ToolRunId, name: String, arguments: Pii<String>) {
        let (toolbox, context) = (Arc::clone(&self.toolbox), Arc::clone(&self.context));
        let token = CancellationToken::new();
        let cancelled = token.clone();
        let traced = self.traced;
        let task = self.work.spawn(async move {
            let running = timeout(LONGEST, toolbox.run(&context, &name, arguments, cancelled));
            let ran = if traced { on_behalf(context.call, run, running).await } else { running.await };
            Done::Ran(ran.unwrap_or_else(|_| error("it took too long")))
        });
        self.runs.insert(task.id(), (run, token));
    }

    /// Looks something up for a generation.
    pub(super) fn look_up(&mut self, generation: GenerationId, question: Pii<String>, most: u8) {
        if self.looking.len() >= LOOK_UPS {
            tracing::warn!(call = %self.context.call, "a look-up was not begun: those before it are not over");
            self.looking.spawn(async move { (generation, None) });
            return;
        }
        let limit = self.context.assistant.definition.lookup.limit();
        let (call, begun) = (self.context.call, time::now().mono);
        let looking = self.toolbox.look_up(&self.context, question, most, limit);
        self.looking.spawn(async move {
            let found = timeout(LONGEST_LOOK_UP, looking).await.ok().flatten();
            let took = time::now().mono.saturating_duration_since(begun);
            if took > limit {
                tracing::warn!(%call, ms = took.as_millis(), "a look-up took too long; its answer went without it");
            }
            (generation, found)
        });
    }

    /// Nobody waits for a run any more.
    pub(super) fn cancel(&mut self, run: ToolRunId) {
        self.runs.values().filter(|(other, _)| *other == run).for_each(|(_, token)| token.cancel());
    }

    /// The caller will not be called again.
    pub(super) fn opt_out(&mut self, words: Pii<String>) {
        let (toolbox, context) = (Arc::clone(&self.toolbox), Arc::clone(&self.context));
        self.work.spawn(async move { Done::OptedOut(toolbox.opt_out(&context, words).await) });
    }

    /// The next result; waits for ever when nothing runs.
    pub(super) async fn next(&mut self) -> Input {
        loop {
            tokio::select! {
                biased;
                Some(found) = self.looking.join_next() => match found {
                    Ok((generation, passages)) => return Input::LookedUp { generation, passages },
                    // Nobody is told: the conversation does not wait for long.
                    Err(_) => tracing::error!(call = %self.context.call, "a look-up broke"),
                },
                Some(done) = self.work.join_next_with_id() => {
                    if let Some(input) = self.done(done) {
                        return input;
                    }
                }
                else => std::future::pending().await,
            }
        }
    }

    /// The call is over: what can be stopped is, the rest is waited for.
    pub(super) async fn finish(mut self) {
        self.runs.values().for_each(|(_, token)| token.cancel());
        let done = timeout(PATIENCE, async {
            while let Some(done) = self.work.join_next_with_id().await {
                self.done(done);
            }
        });
        if done.await.is_err() {
            tracing::error!(call = %self.context.call, "a tool was still at work when its call had been over for long");
        }
    }

    fn done(&mut self, done: Result<(Id, Done), JoinError>) -> Option<Input> {
        let id = done.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let run = self.runs.remove(&id).map(|(run, _)| run);
        match (done, run) {
            (Ok((_, Done::Ran(result))), Some(run)) => Some(Input::ToolResult { run, result }),
            (Err(_), Some(run)) => {
                tracing::error!("a tool panicked");
                Some(Input::ToolResult { run, result: error("it broke") })
            }
            (Ok((_, Done::Offered(tools))), _) => (!tools.is_empty()).then_some(Input::Tools(tools)),
            (Ok((_, Done::OptedOut(kept))), _) => {
                if !kept {
                    tracing::error!(call = %self.context.call, "an opt-out is not on the suppression list");
                }
                None
            }
            (Ok((_, Done::Ran(_))), None) => None,
            (Err(_), None) => {
                tracing::error!(call = %self.context.call, "what a call was to leave behind broke");
                None
            }
        }
    }
}

fn error(what: &str) -> Pii<String> {
    Pii::new(serde_json::json!({ "error": what }).to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap as Map;

    use super::*;
    use crate::agent::assistant::AssistantVersion;
    use crate::call::tools::{Keeping, Offering, Running};
    use crate::id::{AssistantId, AssistantVersionId, CallId, OrgId, TrunkId};
    use crate::time;

    /// `echo` gives back what it gets, `wait` waits until nobody does, `stubborn` does its work whoever waits.
    struct Shed;

    impl Toolbox for Shed {
        fn offering(&self, _: &Arc<ToolContext>) -> Offering {
            Box::pin(std::future::ready(Vec::new()))
        }

        fn run(&self, _: &Arc<ToolContext>, name: &str, args: Pii<String>, cancelled: CancellationToken) -> Running {
            let name = name.to_owned();
            Box::pin(async move {
                match name.as_str() {
                    "wait" => cancelled.cancelled().await,
                    "stubborn" => tokio::time::sleep(Duration::from_millis(30)).await,
                    "echo" => {}
                    other => panic!("a bug in {other}, as a test wants it"),
                }
                args
            })
        }

        fn opt_out(&self, _: &Arc<ToolContext>, _: Pii<String>) -> Keeping {
            Box::pin(async { true })
        }
    }

    fn tools() -> Tools {
        let definition = serde_json::json!({ "name": "Test", "flow": { "start": "a", "nodes": [] } });
        let assistant = AssistantVersion {
            id: AssistantVersionId::from_u128(1),
            assistant: AssistantId::from_u128(1),
            version: 1,
            definition: serde_json::from_value(definition).expect("an assistant"),
        };
        let context = ToolContext {
            call: CallId::generate(),
            org: OrgId::from_u128(1),
            trunk: Some(TrunkId::from_u128(1)),
            attempt: None,
            assistant: Arc::new(assistant),
            variables: Map::new(),
            contact: None,
            ours: None,
            started: time::now(),
        };
        Tools::new(Arc::new(Shed), Arc::new(context))
    }

    fn run(tools: &mut Tools, run: u32, name: &str) {
        tools.run(ToolRunId(run), name.to_owned(), Pii::new(format!("[{run}]")));
    }

    #[tokio::test]
    async fn every_run_has_its_result_whatever_happens() {
        let mut tools = tools();
        for (number, name) in [(1, "wait"), (2, "echo"), (3, "broken")] {
            run(&mut tools, number, name);
        }
        let mut results = Map::new();
        for _ in 0..2 {
            let Input::ToolResult { run, result } = tools.next().await else { panic!("a result") };
            results.insert(run.0, result.into_inner());
        }
        assert_eq!(results[&2], "[2]");
        assert!(results[&3].contains("error"), "{results:?}");
        tools.cancel(ToolRunId(1));
        let result = Pii::new("[1]".to_owned());
        assert_eq!(tools.next().await, Input::ToolResult { run: ToolRunId(1), result });
    }

    #[tokio::test]
    async fn the_end_of_a_call_waits_for_what_is_not_done_by_half() {
        let mut tools = tools();
        run(&mut tools, 1, "wait");
        run(&mut tools, 2, "stubborn");
        tools.opt_out(Pii::new("never again".to_owned()));
        let begun = time::now().mono;
        tools.finish().await;
        let took = time::now().mono.duration_since(begun);
        assert!((Duration::from_millis(30)..Duration::from_secs(5)).contains(&took), "{took:?}");
    }
}
