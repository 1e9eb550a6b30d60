//! Questions about a call that a model answers: what no expectation can look at.

use std::sync::Arc;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::person::whole;
use crate::agent::record::{Line, Speaker};
use crate::pii::Pii;
use crate::provider::llm::{JsonSchema, LanguageModel, LlmRequest, Message};

const RULES: &str = "You judge telephone calls by their transcripts. Answer the question with yes or no and one sentence \
of reason. Go by what stands in the transcript and nothing else; what it does not show is a no.";

/// Tokens of one answer.
const MOST_TOKENS: u32 = 300;

/// A question and its answer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Judged {
    pub(super) question: String,
    pub(super) holds: bool,
    pub(super) reason: String,
}

#[derive(Deserialize)]
struct Answer {
    verdict: Verdict,
    #[serde(default)]
    reason: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Yes,
    No,
}

/// Has every question answered.
///
/// # Errors
/// The model fails, or answers with something else.
pub(super) async fn judge(
    model: &dyn LanguageModel,
    questions: &[String],
    transcript: &[Line],
) -> anyhow::Result<Vec<Judged>> {
    let transcript = written(transcript);
    let mut judged = Vec::new();
    for question in questions {
        let answer = ask(model, question, &transcript).await.with_context(|| format!("the judge of {question:?}"))?;
        let holds = answer.verdict == Verdict::Yes;
        judged.push(Judged { question: question.clone(), holds, reason: answer.reason });
    }
    Ok(judged)
}

async fn ask(model: &dyn LanguageModel, question: &str, transcript: &str) -> anyhow::Result<Answer> {
    let schema = json!({
        "type": "object",
        "properties": { "verdict": { "type": "string", "enum": ["yes", "no"] }, "reason": { "type": "string" } },
        "required": ["verdict", "reason"],
        "additionalProperties": false,
    });
    let request = LlmRequest {
        messages: Arc::new([
            Message::System { text: Pii::new(RULES.to_owned()) },
            Message::User { text: Pii::new(format!("The transcript:\n{transcript}\nThe question: {question}")) },
        ]),
        tools: Arc::new([]),
        max_tokens: MOST_TOKENS,
        temperature: Some(0.0),
        schema: Some(Arc::new(JsonSchema { name: "judgement".to_owned(), schema })),
    };
    let (text, _) = whole(model, request).await?;
    serde_json::from_str(&text).context("its answer is not what was asked for")
}

/// The lines of a call, as people read them.
pub(super) fn written(transcript: &[Line]) -> String {
    let mut text = String::new();
    for line in transcript.iter().filter(|line| !line.text.expose().is_empty()) {
        let who = match line.speaker {
            Speaker::Agent => "Agent",
            Speaker::Caller => "Caller",
        };
        let cut = if line.cut { " (cut)" } else { "" };
        text.push_str(&format!("{who}: {}{cut}\n", line.text.expose()));
    }
    text
}
