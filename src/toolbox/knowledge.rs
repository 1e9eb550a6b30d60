//! Looks something up in the assistant's documents: before each answer, and when the model asks for it
//! (`search_knowledge`).

use std::time::Duration;

use serde_json::{Value, json};

use super::Fault;
use crate::agent::assistant::{Assistant, Mode};
use crate::agent::knowledge::{Passage, brief};
use crate::call::tools::ToolContext;
use crate::lookup::Lookups;
use crate::provider::llm::ToolSpec;

/// Passages given at once: more would be read by the model before the caller hears anything.
const PASSAGES: usize = 3;
/// How long a question that the model asks may take: something is said meanwhile.
const LIMIT: Duration = Duration::from_millis(1_000);

const BY_ITSELF: &str = "Looks something up in the company's documents. Use it before answering a question about the \
                         company, its products, prices, times or rules that these instructions do not answer.";

/// Where what fits the caller's words is before the model anyway.
const FURTHER: &str = "Looks something else up in the company's documents. What fits the caller's words has been looked \
                       up for you already: use this only for what is not among it, in other words than the caller's.";

/// The tool as a model sees it.
pub(super) fn spec(assistant: &Assistant) -> ToolSpec {
    let automatic = assistant.mode == Mode::Llm && assistant.lookup.automatic;
    ToolSpec {
        name: brief::TOOL.to_owned(),
        description: if automatic { FURTHER } else { BY_ITSELF }.to_owned(),
        parameters: json!({
            "type": "object",
            "properties": {
                "question": { "type": "string", "description": "What is to be found out, in the caller's words." }
            },
            "required": ["question"],
            "additionalProperties": false,
        }),
    }
}

/// The passages that fit a question, each with the name of its source.
pub(super) async fn search(lookups: &Lookups, context: &ToolContext, arguments: &Value) -> Result<Value, Fault> {
    let question = arguments.get("question").and_then(Value::as_str).unwrap_or_default();
    if question.trim().is_empty() {
        return Err(Fault::new("`question` must say what is to be found out"));
    }
    match look_up(lookups, context, question, PASSAGES, LIMIT).await {
        Some(found) => {
            let passage = |found: &Passage| json!({ "source": found.name(), "text": found.text.expose() });
            Ok(json!({ "passages": found.iter().map(passage).collect::<Vec<_>>() }))
        }
        None => Err(Fault::new("the documents cannot be searched at present")),
    }
}

/// The passages that fit a question, best first; nothing when the documents cannot be searched.
pub(super) async fn look_up(
    lookups: &Lookups,
    context: &ToolContext,
    question: &str,
    most: usize,
    limit: Duration,
) -> Option<Vec<Passage>> {
    let sources = &context.assistant.definition.knowledge;
    match lookups.search(context.org, sources, question, most, limit).await {
        Ok(found) => Some(found.passages),
        Err(error) => {
            tracing::warn!(call = %context.call, %error, "knowledge cannot be searched");
            None
        }
    }
}
