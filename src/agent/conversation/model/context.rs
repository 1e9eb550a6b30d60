//! What the model is told of the conversation: exactly what was said and heard.

use super::super::mouth::SayingId;
use crate::agent::input::ToolRunId;
use crate::pii::Pii;
use crate::provider::llm::{Message, ToolCall};

/// Marks where the agent was cut off.
pub(in crate::agent::conversation) const CUT: &str = "—";

/// What a tool call is answered with that was given up because the caller spoke.
pub(in crate::agent::conversation) const INTERRUPTED: &str = r#"{"error":"interrupted"}"#;
/// What a tool call is answered with that still runs: the model must not wait for it, nor call again.
const STILL_RUNNING: &str = r#"{"status":"still running, the result follows"}"#;

/// The conversation so far.
#[derive(Debug)]
pub(in crate::agent::conversation) struct Context {
    system: Pii<String>,
    entries: Vec<Entry>,
}

/// Somebody's part in it.
#[derive(Debug)]
enum Entry {
    Caller(Pii<String>),
    Agent { parts: Vec<Part>, calls: Vec<Called> },
    Note(Pii<String>),
}

/// A saying of the agent's.
#[derive(Debug)]
struct Part {
    saying: SayingId,
    heard: Pii<String>,
    state: PartState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PartState {
    /// Being said, about to be said, or interrupted and perhaps taken up again.
    Open,
    /// It was heard to its end.
    Whole,
    /// It was cut.
    Cut,
}

#[derive(Debug)]
struct Called {
    run: ToolRunId,
    call: ToolCall,
    result: Option<Pii<String>>,
}

impl Context {
    pub(in crate::agent::conversation) const fn new(system: Pii<String>) -> Self {
        Self { system, entries: Vec::new() }
    }

    /// The caller said something. What follows on words that nobody has answered belongs to them.
    pub(in crate::agent::conversation) fn caller(&mut self, words: &str) {
        self.drop_unheard();
        if let Some(Entry::Caller(before)) = self.entries.last_mut() {
            *before = Pii::new(format!("{} {words}", before.expose()));
        } else {
            self.entries.push(Entry::Caller(Pii::new(words.to_owned())));
        }
    }

    /// What the callee said before or beside the agent's first words.
    pub(in crate::agent::conversation) fn caller_first(&mut self, words: &str) {
        if let Some(Entry::Caller(before)) = self.entries.first_mut() {
            *before = Pii::new(format!("{} {words}", before.expose()));
        } else {
            self.entries.insert(0, Entry::Caller(Pii::new(words.to_owned())));
        }
    }

    /// Words of the caller's that came long after they were said.
    pub(in crate::agent::conversation) fn caller_late(&mut self, words: &str) {
        let last = self.entries.iter_mut().rev().find_map(|entry| match entry {
            Entry::Caller(before) => Some(before),
            Entry::Agent { .. } | Entry::Note(_) => None,
        });
        match last {
            Some(before) => *before = Pii::new(format!("{} {words}", before.expose())),
            None => self.entries.push(Entry::Caller(Pii::new(words.to_owned()))),
        }
    }

    /// A supervisor's word.
    pub(in crate::agent::conversation) fn note(&mut self, text: Pii<String>) {
        self.entries.push(Entry::Note(text));
    }

    /// What the caller said last.
    pub(in crate::agent::conversation) fn last_words(&self) -> String {
        let last = self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Caller(words) => Some(words.expose().clone()),
            Entry::Agent { .. } | Entry::Note(_) => None,
        });
        last.unwrap_or_default()
    }

    /// The agent begins another message.
    pub(in crate::agent::conversation) fn agent(&mut self) {
        self.entries.push(Entry::Agent { parts: Vec::new(), calls: Vec::new() });
    }

    /// The agent will say this, in its present message.
    pub(in crate::agent::conversation) fn say(&mut self, saying: SayingId) {
        let part = Part { saying, heard: Pii::default(), state: PartState::Open };
        if let Some(Entry::Agent { parts, .. }) = self.entries.last_mut() {
            parts.push(part);
        } else {
            self.entries.push(Entry::Agent { parts: vec![part], calls: Vec::new() });
        }
    }

    /// The agent will say this beside what the model has found: before what a call has brought (`filler`), else behind
    /// everything.
    pub(in crate::agent::conversation) fn say_beside(&mut self, saying: SayingId, filler: bool) {
        if let Some(Entry::Agent { calls, .. }) = self.entries.last()
            && !calls.is_empty()
            && !filler
        {
            self.agent();
        }
        self.say(saying);
    }

    /// The agent will say this before something else that waits to be said.
    pub(in crate::agent::conversation) fn say_before(&mut self, saying: SayingId, other: SayingId) {
        let part = Part { saying, heard: Pii::default(), state: PartState::Open };
        for entry in self.entries.iter_mut().rev() {
            if let Entry::Agent { parts, .. } = entry
                && let Some(at) = parts.iter().position(|part| part.saying == other)
            {
                return parts.insert(at, part);
            }
        }
        self.say(saying);
    }

    /// The agent calls these, in its present message.
    pub(in crate::agent::conversation) fn call(&mut self, calls: impl IntoIterator<Item = (ToolRunId, ToolCall)>) {
        let new = calls.into_iter().map(|(run, call)| Called { run, call, result: None });
        if let Some(Entry::Agent { calls, .. }) = self.entries.last_mut() {
            calls.extend(new);
        } else {
            self.entries.push(Entry::Agent { parts: Vec::new(), calls: new.collect() });
        }
    }

    /// A tool has answered. A later answer stands in place of an earlier one.
    pub(in crate::agent::conversation) fn answer(&mut self, run: ToolRunId, result: Pii<String>) {
        for entry in self.entries.iter_mut().rev() {
            if let Entry::Agent { calls, .. } = entry
                && let Some(called) = calls.iter_mut().find(|called| called.run == run)
            {
                called.result = Some(result);
                return;
            }
        }
    }

    /// So much of a saying has been heard.
    pub(in crate::agent::conversation) fn heard(&mut self, saying: SayingId, text: &str) {
        if let Some(part) = self.part(saying) {
            part.heard = Pii::new(text.to_owned());
        }
    }

    /// A saying is over.
    pub(in crate::agent::conversation) fn close(&mut self, saying: SayingId, cut: bool) {
        if let Some(part) = self.part(saying)
            && part.state == PartState::Open
        {
            part.state = if cut { PartState::Cut } else { PartState::Whole };
        }
    }

    /// The messages, oldest first. `planned` has the text of what is being said or about to be, and nothing for what is
    /// held; `behind` are words of the caller's that are not settled yet.
    pub(in crate::agent::conversation) fn messages(
        &self,
        planned: impl Fn(SayingId) -> Option<String>,
        behind: Option<&str>,
    ) -> Vec<Message> {
        let mut messages = vec![Message::System { text: self.system.clone() }];
        for entry in &self.entries {
            match entry {
                Entry::Caller(text) => messages.push(Message::User { text: text.clone() }),
                Entry::Note(text) => messages.push(Message::System { text: text.clone() }),
                Entry::Agent { parts, calls } => {
                    let said: Vec<String> =
                        parts.iter().map(|part| part.text(&planned)).filter(|text| !text.is_empty()).collect();
                    if said.is_empty() && calls.is_empty() {
                        continue;
                    }
                    let text = Pii::new(said.join(" "));
                    let made = calls.iter().map(|called| called.call.clone()).collect();
                    messages.push(Message::Assistant { text, calls: made });
                    messages.extend(calls.iter().map(|called| Message::Tool {
                        call: called.call.id.clone(),
                        result: called.result.clone().unwrap_or_else(|| Pii::new(STILL_RUNNING.to_owned())),
                    }));
                }
            }
        }
        match (behind, messages.last_mut()) {
            (None, _) => {}
            (Some(words), Some(Message::User { text })) => *text = Pii::new(format!("{} {words}", text.expose())),
            (Some(words), _) => messages.push(Message::User { text: Pii::new(words.to_owned()) }),
        }
        messages
    }

    /// Messages of the agent's of which nothing was heard and that called nothing were never there.
    fn drop_unheard(&mut self) {
        while let Some(Entry::Agent { parts, calls }) = self.entries.last() {
            let unheard = parts.iter().all(|part| part.heard.expose().is_empty() && part.state != PartState::Open);
            if !unheard || !calls.is_empty() {
                return;
            }
            self.entries.pop();
        }
    }

    fn part(&mut self, saying: SayingId) -> Option<&mut Part> {
        self.entries.iter_mut().rev().find_map(|entry| match entry {
            Entry::Agent { parts, .. } => parts.iter_mut().find(|part| part.saying == saying),
            Entry::Caller(_) | Entry::Note(_) => None,
        })
    }
}

impl Part {
    fn text(&self, planned: impl Fn(SayingId) -> Option<String>) -> String {
        let heard = self.heard.expose().trim();
        let cut = match self.state {
            PartState::Whole => false,
            PartState::Cut => true,
            PartState::Open => match planned(self.saying) {
                Some(text) => return text.trim().to_owned(),
                None => true,
            },
        };
        if cut && !heard.is_empty() { format!("{heard}{CUT}") } else { heard.to_owned() }
    }
}
