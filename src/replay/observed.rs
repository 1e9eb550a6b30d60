//! A conversation whose inputs and actions are seen as they pass.

use std::collections::VecDeque;
use std::ops::Deref;
use std::time::Instant;

use super::format::What;
use super::tape::Tape;
use crate::agent::action::Action;
use crate::agent::conversation::Conversation;
use crate::agent::input::Input;
use crate::agent::record::Outcome;
use crate::telemetry::trail::Trail;

/// The conversation of a live call.
#[derive(Debug)]
pub struct Observed {
    conversation: Conversation,
    actions: VecDeque<Action>,
    tape: Option<Tape>,
    trail: Option<Trail>,
}

/// What was seen of a call that is over.
#[derive(Debug)]
pub struct Seen {
    /// What the conversation has left behind.
    pub outcome: Outcome,
    /// Whether there is a file that runs it again.
    pub replay: bool,
    /// What its trace is made of.
    pub trail: Option<Trail>,
}

impl Observed {
    /// A conversation about to ring, and what its call leaves, if anything.
    #[must_use]
    pub fn new(now: Instant, conversation: Conversation, tape: Option<Tape>, trail: Option<Trail>) -> Self {
        let mut observed = Self { conversation, actions: VecDeque::new(), tape, trail };
        observed.drain(now, || What::Begin);
        observed
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: Input) {
        if let Some(trail) = &mut self.trail {
            trail.told(now, &input);
        }
        let copy = self.tape.as_ref().is_some_and(Tape::runs).then(|| Box::new(input.clone()));
        self.conversation.handle(now, input);
        self.drain(now, || copy.map_or(What::Begin, What::Input));
    }

    /// Lets every timer fire that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some((_, timer)) = self.conversation.poll_timeout().filter(|(at, _)| *at <= now) else { return };
        self.conversation.handle_timeout(now);
        self.drain(now, || What::Timer(format!("{timer:?}")));
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Puts down what happened beside the conversation; `note` is asked only when somebody writes it.
    pub fn note(&mut self, now: Instant, note: impl FnOnce() -> String) {
        if let Some(tape) = self.tape.as_mut().filter(|tape| tape.runs()) {
            tape.note(now, note());
        }
    }

    /// Nobody looks any more, and nothing of what was seen is kept.
    pub fn leave(&mut self) {
        self.trail = None;
        if let Some(tape) = self.tape.take() {
            tape.discard();
        }
    }

    /// The call is over, `failed` if by its own account.
    pub async fn finish(self, now: Instant, failed: bool) -> Seen {
        let outcome = self.conversation.outcome().clone();
        let replay = match self.tape {
            Some(tape) => tape.finish(now, failed, &outcome).await,
            None => false,
        };
        Seen { outcome, replay, trail: self.trail }
    }

    fn drain(&mut self, now: Instant, what: impl FnOnce() -> What) {
        let first = self.actions.len();
        while let Some(action) = self.conversation.poll_action() {
            if let Some(trail) = &mut self.trail {
                trail.asked(now, &action);
            }
            self.actions.push_back(action);
        }
        if let Some(tape) = self.tape.as_mut().filter(|tape| tape.runs()) {
            let digits = self.conversation.hears_digits(now);
            tape.step(now, what(), self.actions.iter().skip(first).cloned().collect(), digits);
        }
    }
}

impl Deref for Observed {
    type Target = Conversation;

    fn deref(&self) -> &Conversation {
        &self.conversation
    }
}
