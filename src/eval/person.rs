//! A caller whose words a model finds, given who they are, what they want and what they heard.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;

use super::scenario::Caller;
use crate::pii::Pii;
use crate::provider::llm::{LanguageModel, LlmEvent, LlmRequest, Message, ToolSpec};

/// A model that has not answered by then has failed.
const LIMIT: Duration = Duration::from_secs(20);
/// Tokens of one answer: nobody holds speeches.
const MOST_TOKENS: u32 = 300;
/// The tool that ends the call.
const HANG_UP: &str = "hang_up";
/// Stands for the other side where it said nothing.
const SILENCE: &str = "(The other side says nothing.)";

const RULES: &str = "You are a person on the telephone; you have just been called, or have called somebody. What the \
other side says is given to you as text. Answer with nothing but the words that you say: one or two short spoken \
sentences, no stage directions, no lists, no markup. Stay in your part, and do not help the other side with theirs. When \
what you want is done, or cannot be had, or the other side has said goodbye, call the tool `hang_up`; say goodbye in the \
same answer unless you have said it already.";

/// Who calls.
pub(super) struct Person {
    model: Arc<dyn LanguageModel>,
    messages: Vec<Message>,
}

/// What they do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Move {
    /// What they say; empty for nothing.
    pub(super) says: String,
    /// They hang up behind it.
    pub(super) hangs_up: bool,
}

impl Person {
    pub(super) fn new(model: Arc<dyn LanguageModel>, caller: &Caller) -> Self {
        let mut part = format!("{RULES}\n\nWho you are: {}\nWhat you want: {}", caller.persona, caller.goal);
        if let Some(end) = &caller.ends_when {
            part.push_str(&format!("\nHang up as soon as this is so: {end}"));
        }
        Self { model, messages: vec![Message::System { text: Pii::new(part) }] }
    }

    /// What they do, having heard this.
    ///
    /// # Errors
    /// The model fails, or gives neither words nor an end.
    pub(super) async fn answers(&mut self, heard: &str) -> anyhow::Result<Move> {
        let heard = if heard.trim().is_empty() { SILENCE } else { heard.trim() };
        self.messages.push(Message::User { text: Pii::new(heard.to_owned()) });
        let hang_up = ToolSpec {
            name: HANG_UP.to_owned(),
            description: "Ends the call, behind the words of this answer.".to_owned(),
            parameters: json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        };
        let request = LlmRequest {
            messages: self.messages.clone().into(),
            tools: Arc::new([hang_up]),
            max_tokens: MOST_TOKENS,
            temperature: Some(0.0),
            schema: None,
        };
        let (text, called) = whole(&*self.model, request).await.context("the caller's model")?;
        let next = Move { says: text.trim().to_owned(), hangs_up: called.iter().any(|name| name == HANG_UP) };
        if next.says.is_empty() && !next.hangs_up {
            bail!("the caller's model has nothing to say");
        }
        self.messages.push(Message::Assistant { text: Pii::new(next.says.clone()), calls: Vec::new() });
        Ok(next)
    }
}

/// The whole answer of a model, and the names of the tools that it calls.
pub(super) async fn whole(model: &dyn LanguageModel, request: LlmRequest) -> anyhow::Result<(String, Vec<String>)> {
    let mut generation = model.generate(request);
    let (mut text, mut called) = (String::new(), Vec::new());
    let all = async {
        while let Some(event) = generation.events.recv().await {
            match event {
                LlmEvent::Text(piece) => text.push_str(piece.expose()),
                LlmEvent::Call(call) => called.push(call.name),
                LlmEvent::Finished { .. } => return Ok(()),
                LlmEvent::Failed(error) => bail!("{error}"),
            }
        }
        bail!("its answer broke off")
    };
    tokio::time::timeout(LIMIT, all).await.context("does not answer in time")??;
    Ok((text, called))
}
