//! How a conversation ends.

use std::time::{Duration, Instant};

use super::mouth::{AfterCut, Purpose};
use super::{Action, AnswerStatus, Conversation, Ending, Lead, PromptId, Stage, Timer};

/// When the time is nearly up, what is being said may go on for so long.
const LAST_WORDS: Duration = Duration::from_secs(8);

impl Conversation {
    /// The present sentence is finished, then a goodbye is said.
    pub(super) fn time_nearly_up(&mut self, now: Instant) {
        if self.stage == Stage::Ringing || self.is_saying_goodbye() || self.tools.is_transferring() {
            return;
        }
        if self.manners.keeps_quiet() {
            return self.end(now, Ending::TimeUp);
        }
        self.timers.remove(&Timer::Greeting);
        self.stage = Stage::Talking;
        self.closing = true;
        self.close_question(now, AnswerStatus::NoInput);
        self.abandon_turn(now);
        self.drop_keys();
        self.owe_nothing();
        self.cancel_generation();
        self.drop_tools(now);
        if let Some(cut) = self.mouth.cut.take() {
            self.forget(&cut.saying, cut.saying.from);
        }
        for saying in std::mem::take(&mut self.mouth.queue) {
            self.forget(&saying, saying.from);
        }
        if matches!(self.lead, Lead::Native(_)) {
            self.native_time_up(now);
        } else if self.mouth.open.is_some() {
            self.timers.insert(Timer::LastWords, now + LAST_WORDS);
        } else {
            self.say_time_up(now);
        }
    }

    /// What is being said takes too long.
    pub(super) fn last_words_over(&mut self, now: Instant) {
        if self.mouth.open.is_some() {
            self.stop_speaking(AfterCut::Drop);
        } else {
            self.end(now, Ending::TimeUp);
        }
    }

    pub(super) fn say_time_up(&mut self, now: Instant) {
        self.timers.remove(&Timer::LastWords);
        if let Lead::Native(_) = self.lead {
            return self.native_time_up(now);
        }
        self.say_goodbye(self.time_up, Ending::TimeUp);
    }

    /// Says the last words in place of everything else.
    pub(super) fn say_goodbye(&mut self, prompt: PromptId, ending: Ending) {
        self.drop_keys();
        self.say(prompt, Purpose::Goodbye(ending));
        let saying = self.mouth.queue.back().map(|saying| saying.id);
        if let (Lead::Model(model), Some(saying)) = (&mut self.lead, saying) {
            model.context.say_beside(saying, false);
        }
    }

    pub(super) fn hung_up(&mut self, now: Instant, by_callee: bool) {
        let status = if by_callee { AnswerStatus::Declined } else { AnswerStatus::NoInput };
        self.close_question(now, status);
        self.end(now, Ending::HungUp);
    }

    /// A text could not be spoken.
    pub(super) fn fail(&mut self, now: Instant) {
        let ending = match self.mouth.queue.front().map(|saying| &saying.purpose) {
            Some(Purpose::Goodbye(ending @ (Ending::ModelFailed | Ending::RecogniserFailed))) => ending.clone(),
            Some(_) | None => Ending::SpeechFailed,
        };
        self.end(now, ending);
    }

    /// Nothing follows.
    pub(super) fn end(&mut self, now: Instant, ending: Ending) {
        self.close_question(now, AnswerStatus::NoInput);
        self.drop_keys();
        self.abandon_turn(now);
        while self.follow_turns(now) {}
        self.break_off(now);
        self.cancel_generation();
        self.drop_tools(now);
        let agreed =
            matches!(ending, Ending::Completed { .. } | Ending::CallerGoodbye | Ending::Inactivity | Ending::TimeUp);
        let ending = if agreed && self.opted_out { Ending::OptedOut } else { ending };
        self.stage = Stage::Ended;
        self.timers.clear();
        self.outcome.ending = Some(ending.clone());
        self.actions.push_back(Action::End(ending));
    }
}
