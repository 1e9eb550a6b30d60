//! What was said in a session, so that a new connection can be told.

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::pii::Pii;
use crate::provider::llm::ToolCall;

/// Entries that are kept; the oldest go first.
const ENTRIES: usize = 200;

/// The conversation so far, bounded.
#[derive(Debug, Default)]
pub(super) struct Context {
    entries: VecDeque<Entry>,
}

#[derive(Debug)]
enum Entry {
    /// What the caller said; its words come after its place is known.
    Caller { item: String, text: Option<Pii<String>> },
    /// What the model said.
    Agent { item: String, text: Pii<String>, samples: u64, heard: Option<u64>, known: bool },
    /// What it called.
    Call(ToolCall),
    /// What came of a call.
    Result { call: String, result: Pii<String> },
    /// What it was told beside the call.
    Note(Pii<String>),
}

impl Context {
    /// The caller has finished; what was said is told later.
    pub(super) fn caller(&mut self, item: &str) {
        self.push(Entry::Caller { item: item.to_owned(), text: None });
    }

    /// What the caller said.
    pub(super) fn caller_said(&mut self, item: &str, said: &Pii<String>) {
        let known = self.entries.iter_mut().rev().find_map(|entry| match entry {
            Entry::Caller { item: of, text } if of == item => Some(text),
            Entry::Caller { .. } | Entry::Agent { .. } | Entry::Call(_) | Entry::Result { .. } | Entry::Note(_) => None,
        });
        match known {
            Some(text) => *text = Some(said.clone()),
            None => self.push(Entry::Caller { item: item.to_owned(), text: Some(said.clone()) }),
        }
    }

    /// More words of the model.
    pub(super) fn words(&mut self, item: &str, more: &str) {
        let (text, ..) = self.agent(item);
        text.push_str(more);
    }

    /// More of its audio.
    pub(super) fn audio(&mut self, item: &str, more: usize) {
        let (_, samples, _) = self.agent(item);
        *samples += more as u64;
    }

    /// Samples of an item that came, if there is such an item, and whether the vendor knows it by that name.
    pub(super) fn samples(&self, item: &str) -> Option<(u64, bool)> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Agent { item: of, samples, known, .. } if of == item => Some((*samples, *known)),
            Entry::Agent { .. } | Entry::Caller { .. } | Entry::Call(_) | Entry::Result { .. } | Entry::Note(_) => None,
        })
    }

    /// The session that named the items so far is over.
    pub(super) fn forget_names(&mut self) {
        for entry in &mut self.entries {
            if let Entry::Agent { known, .. } = entry {
                *known = false;
            }
        }
    }

    /// No more than so many samples of an item were heard.
    pub(super) fn heard(&mut self, item: &str, samples: u64) {
        let (_, _, heard) = self.agent(item);
        *heard = Some(samples);
    }

    /// The model called.
    pub(super) fn call(&mut self, call: &ToolCall) {
        self.push(Entry::Call(call.clone()));
    }

    /// Whether it made this call.
    pub(super) fn has_call(&self, id: &str) -> bool {
        self.entries.iter().any(|entry| matches!(entry, Entry::Call(call) if call.id == id))
    }

    /// What came of a call.
    pub(super) fn result(&mut self, call: &str, result: &Pii<String>) {
        self.push(Entry::Result { call: call.to_owned(), result: result.clone() });
    }

    /// What the model was told beside the call.
    pub(super) fn note(&mut self, note: &Pii<String>) {
        self.push(Entry::Note(note.clone()));
    }

    /// The items that tell a new session all of it. A call without its result stays out.
    pub(super) fn items(&self, beta: bool) -> Vec<Value> {
        let output = if beta { "text" } else { "output_text" };
        let message = |role: &str, kind: &str, text: &str| {
            let said = !text.is_empty();
            said.then(|| json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]}))
        };
        let item = |entry: &Entry| match entry {
            Entry::Caller { text, .. } => message("user", "input_text", text.as_ref()?.expose()),
            Entry::Agent { text, samples, heard, .. } => {
                message("assistant", output, heard_of(text.expose(), *samples, *heard))
            }
            Entry::Call(call) => self.has_result(&call.id).then(|| call_item(call)),
            Entry::Result { call, result } => self.has_call(call).then(|| result_item(call, result)),
            Entry::Note(note) => Some(note_item(note)),
        };
        self.entries.iter().filter_map(item).collect()
    }

    fn has_result(&self, id: &str) -> bool {
        self.entries.iter().any(|entry| matches!(entry, Entry::Result { call, .. } if call == id))
    }

    fn agent(&mut self, item: &str) -> (&mut String, &mut u64, &mut Option<u64>) {
        let is_item = |entry: &Entry| matches!(entry, Entry::Agent { item: of, .. } if of == item);
        if !self.entries.iter().rev().any(is_item) {
            self.push(Entry::Agent {
                item: item.to_owned(),
                text: Pii::default(),
                samples: 0,
                heard: None,
                known: true,
            });
        }
        let found = self.entries.iter_mut().rev().find_map(|entry| match entry {
            Entry::Agent { item: of, text, samples, heard, .. } if of == item => {
                Some((text.expose_mut(), samples, heard))
            }
            Entry::Agent { .. } | Entry::Caller { .. } | Entry::Call(_) | Entry::Result { .. } | Entry::Note(_) => None,
        });
        found.expect("it was pushed when it was missing")
    }

    fn push(&mut self, entry: Entry) {
        if self.entries.len() == ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }
}

/// A result as an item.
pub(super) fn result_item(call: &str, result: &Pii<String>) -> Value {
    json!({"type": "function_call_output", "call_id": call, "output": result.expose()})
}

/// A note as an item.
pub(super) fn note_item(note: &Pii<String>) -> Value {
    json!({"type": "message", "role": "system", "content": [{"type": "input_text", "text": note.expose()}]})
}

fn call_item(call: &ToolCall) -> Value {
    json!({"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments.expose()})
}

/// The words that so much of the audio holds; the vendor says for none of them when it is spoken.
fn heard_of(text: &str, samples: u64, heard: Option<u64>) -> &str {
    let Some(heard) = heard.filter(|heard| *heard < samples) else { return text };
    let bytes = usize::try_from(u128::from(heard) * text.len() as u128 / u128::from(samples)).unwrap_or(text.len());
    let end = text.char_indices().rfind(|(at, letter)| *at <= bytes && letter.is_whitespace());
    &text[..end.map_or(0, |(at, _)| at)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Pii<String> {
        Pii::new(text.to_owned())
    }

    fn lines(context: &Context) -> Vec<String> {
        let line = |item: Value| match item["type"].as_str() {
            Some("message") => {
                format!(
                    "{}: {}",
                    item["role"].as_str().unwrap_or("?"),
                    item["content"][0]["text"].as_str().unwrap_or("?")
                )
            }
            Some("function_call") => format!("call {}", item["call_id"].as_str().unwrap_or("?")),
            Some("function_call_output") => format!("result {}", item["call_id"].as_str().unwrap_or("?")),
            other => format!("{other:?}"),
        };
        context.items(false).into_iter().map(line).collect()
    }

    #[test]
    fn a_new_session_is_told_what_was_said_and_heard() {
        let mut context = Context::default();
        context.words("a1", "Hello, this is Ann.");
        context.audio("a1", 8_000);
        context.caller("u1");
        context.words("a2", "Let me look that up for you now.");
        context.audio("a2", 16_000);
        context.caller_said("u1", &text("Where is my order?"));
        let call = |id: &str| ToolCall { id: id.to_owned(), name: "look_up".to_owned(), arguments: text("{}") };
        context.call(&call("c1"));
        context.call(&call("c2"));
        context.result("c1", &text("{}"));
        context.note(&text("He is in a hurry."));
        context.heard("a2", 8_000);
        assert_eq!(
            lines(&context),
            [
                "assistant: Hello, this is Ann.",
                "user: Where is my order?",
                "assistant: Let me look that",
                "call c1",
                "result c1",
                "system: He is in a hurry."
            ],
            "without what was not heard and without the call that has no result"
        );
    }

    #[test]
    fn it_does_not_grow_without_bound() {
        let mut context = Context::default();
        (0..1_000).for_each(|at| context.caller_said(&format!("u{at}"), &text(&format!("{at}"))));
        assert_eq!((lines(&context).len(), lines(&context)[0].as_str()), (ENTRIES, "user: 800"));
        assert_eq!(heard_of("One two.", 0, Some(0)), "One two.", "without audio nothing is known");
        assert_eq!(heard_of("One two.", 100, Some(20)), "");
    }
}
