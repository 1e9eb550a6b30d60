//! The seam to what an assistant can do beside talking, and to what a call must leave on disk while it goes on.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::agent::assistant::AssistantVersion;
use crate::agent::knowledge::Passage;
use crate::campaign::phone::E164;
use crate::id::{AttemptId, CallId, OrgId, TargetId, TrunkId};
use crate::pii::Pii;
use crate::provider::llm::ToolSpec;
use crate::time::Now;

/// The call a tool is run in.
#[derive(Clone, Debug)]
pub struct ToolContext {
    /// The call.
    pub call: CallId,
    /// Whose it is.
    pub org: OrgId,
    /// The trunk it goes over; none for a browser's.
    pub trunk: Option<TrunkId>,
    /// The attempt and whom it is for, in calls we made.
    pub attempt: Option<(AttemptId, TargetId)>,
    /// The version of the assistant that speaks; its tools are in the definition.
    pub assistant: Arc<AssistantVersion>,
    /// The contact's values for the assistant's variables.
    pub variables: BTreeMap<String, Pii<String>>,
    /// The far side's number; `None` when it did not show one.
    pub contact: Option<Pii<E164>>,
    /// Our number.
    pub ours: Option<Pii<E164>>,
    /// When the call began.
    pub started: Now,
}

/// A tool at work: JSON or text for the model comes out, failures too.
pub type Running = Pin<Box<dyn Future<Output = Pii<String>> + Send>>;

/// What a tool server offers.
pub type Offering = Pin<Box<dyn Future<Output = Vec<ToolSpec>> + Send>>;

/// A look-up under way: the passages, best first; nothing when it could not be done.
pub type LookingUp = Pin<Box<dyn Future<Output = Option<Vec<Passage>>> + Send>>;

/// Something that must be on disk.
pub type Keeping = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Runs tools.
pub trait Toolbox: Send + Sync {
    /// What the assistant's tool servers offer at present. Asked once, while the phone rings; a call goes on without
    /// what does not come.
    fn offering(&self, context: &Arc<ToolContext>) -> Offering;

    /// Runs a tool. It keeps its own time limit. Once `cancelled`, nobody in the call waits for it any more: a tool that
    /// can be stopped returns soon, one that must not be done by half goes on and returns its result.
    fn run(
        &self,
        context: &Arc<ToolContext>,
        name: &str,
        arguments: Pii<String>,
        cancelled: CancellationToken,
    ) -> Running;

    /// Looks for at most `most` passages of the assistant's knowledge that fit. Whoever waits for it does not wait for
    /// long: what is ready before `limit` is better than more of it later. Finds nothing where there is no knowledge.
    fn look_up(&self, _: &Arc<ToolContext>, _question: Pii<String>, _most: u8, _limit: Duration) -> LookingUp {
        Box::pin(std::future::ready(Some(Vec::new())))
    }

    /// The caller does not want to be called again: puts the number on the suppression list. Whether it is there.
    fn opt_out(&self, context: &Arc<ToolContext>, words: Pii<String>) -> Keeping;
}

/// No tools, and nobody to remember an opt-out.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTools;

impl Toolbox for NoTools {
    fn offering(&self, _: &Arc<ToolContext>) -> Offering {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn run(&self, _: &Arc<ToolContext>, name: &str, _: Pii<String>, _: CancellationToken) -> Running {
        let result = serde_json::json!({ "error": format!("there is no tool {name}") }).to_string();
        Box::pin(std::future::ready(Pii::new(result)))
    }

    fn opt_out(&self, _: &Arc<ToolContext>, _: Pii<String>) -> Keeping {
        Box::pin(std::future::ready(false))
    }
}
