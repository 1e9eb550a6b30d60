//! `search_knowledge`: looks something up in the assistant's documents.

use serde_json::{Value, json};

use super::Fault;
use crate::call::tools::ToolContext;
use crate::provider::llm::ToolSpec;
use crate::store::{Db, knowledge};

/// What models call it.
pub(super) const NAME: &str = "search_knowledge";

/// Passages given at once: more would be read by the model before the caller hears anything.
const PASSAGES: usize = 3;

/// The tool as a model sees it.
pub(super) fn spec() -> ToolSpec {
    ToolSpec {
        name: NAME.to_owned(),
        description: "Looks something up in the company's documents. Use it before answering a question about the \
                      company, its products, prices, times or rules that these instructions do not answer."
            .to_owned(),
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
pub(super) async fn search(db: &Db, context: &ToolContext, arguments: &Value) -> Result<Value, Fault> {
    let question = arguments.get("question").and_then(Value::as_str).unwrap_or_default();
    if question.trim().is_empty() {
        return Err(Fault::new("`question` must say what is to be found out"));
    }
    let sources = &context.assistant.definition.knowledge;
    let found = async {
        let mut tx = db.read().await?;
        knowledge::search(&mut tx, context.org, sources, question, PASSAGES).await
    };
    match found.await {
        Ok(found) => {
            let passage = |passage: &crate::agent::knowledge::Passage| json!({ "source": passage.name(), "text": passage.text.expose() });
            Ok(json!({ "passages": found.iter().map(passage).collect::<Vec<_>>() }))
        }
        Err(error) => {
            tracing::warn!(call = %context.call, %error, "knowledge cannot be searched");
            Err(Fault::new("the documents cannot be searched at present"))
        }
    }
}
