//! What ends every wait: fillers while something takes its time, prompts into silence, limits on everything that others
//! owe us. These clocks follow from the state alone and are set anew after every change of it.

use std::time::{Duration, Instant};

use super::mouth::{AfterCut, Purpose};
use super::{Conversation, Ending, Lead, Source, Stage, Timer};

/// A caller who waits for an answer hears something after this, from the end of the turn's sound…
const FIRST_WORD: Duration = Duration::from_millis(2_500);
/// …but the answer has this long from where the turn was known to be over…
const LEAST: Duration = Duration::from_millis(1_000);
/// …unless the silence gets longer than this.
const MOST: Duration = Duration::from_millis(3_400);
/// Silence between one filler and the next.
pub(super) const NEXT_WORD: Duration = Duration::from_millis(3_200);
/// A filler does not follow on the agent's own words without a pause.
const BREATH: Duration = Duration::from_millis(300);

impl Conversation {
    /// Sets the clocks that follow from the state.
    pub(super) fn set_clocks(&mut self, now: Instant) {
        let clocks = [
            (Timer::Idle, self.idle_at(now)),
            (Timer::Filler, self.filler_at(now).or_else(|| self.words_late_at(now))),
            (Timer::Voice, self.voice_until(now)),
            (Timer::Tool, self.tools.until().map(|at| at.max(now))),
            (Timer::Manners, self.manners.poll_timeout().filter(|_| self.answered.is_some()).map(|at| at.max(now))),
        ];
        for (timer, at) in clocks {
            match at {
                Some(at) => self.timers.insert(timer, at),
                None => self.timers.remove(&timer),
            };
        }
    }

    /// A question was put, or the caller has the word in other ways, and nothing happens.
    fn idle_at(&self, now: Instant) -> Option<Instant> {
        let listening =
            self.stage == Stage::Talking && self.is_mouth_free() && self.caller_is_quiet() && !self.is_silenced();
        if !listening || self.owes_something() {
            return None;
        }
        match &self.lead {
            Lead::Flow(_) => self.asking().map(|asking| asking.idle_at(now, &self.timing)),
            // Whether a silence is too long, the bot knows.
            Lead::External(_) => None,
            Lead::Model(_) | Lead::Native(_) => {
                let quiet = self.mouth.silent_since.max(self.caller.last_voice).max(self.answered);
                quiet.map(|quiet| (quiet + self.timing.idle).max(now))
            }
        }
    }

    /// Whether the caller waits for something that will come without a word of the caller's.
    pub(super) fn owes_something(&self) -> bool {
        let lead = match &self.lead {
            Lead::Flow(flow) => flow.understanding.is_some(),
            Lead::Model(model) => {
                model.has_waiting_turn() || model.generation.as_ref().is_some_and(|generation| !generation.eager)
            }
            Lead::Native(native) => native.owes_something(),
            Lead::External(_) => false,
        };
        lead || self.tools.is_busy() || self.tools.is_followed()
    }

    /// When a silence that is our fault has lasted long enough.
    fn filler_at(&self, now: Instant) -> Option<Instant> {
        let Lead::Model(model) = &self.lead else { return self.flow_filler_at(now) };
        let owed = model.owed?;
        let may_speak =
            self.stage == Stage::Talking && !self.is_silenced() && !self.closing && !self.is_saying_goodbye();
        if !may_speak || self.caller_has_word() || self.mouth.cut.is_some() || self.tools.is_listening() {
            return None;
        }
        let silent = match &self.mouth.open {
            None => self.mouth.queue.is_empty() && self.owes_something(),
            Some(reply) => {
                let source = &reply.saying.source;
                let made = self.sources.ledger(source).map_or(0, |ledger| ledger.samples());
                // What is there is about to be heard.
                let nothing_leaves = match reply.started {
                    None => made <= reply.saying.from,
                    Some(_) => reply.starved.is_some(),
                };
                nothing_leaves && matches!(source, Source::Utterance(_)) && reply.stopping.is_none()
            }
        };
        if !silent {
            return None;
        }
        let quiet = self.mouth.silent_since.map_or(owed.last_voice, |silent| silent.max(owed.last_voice));
        let quiet = owed.filled.map_or(quiet, |filled| filled.max(quiet));
        let at = match self.tools.waits_since() {
            Some(since) => (since + self.timing.tool_filler).max(quiet + BREATH),
            None if owed.fillers == 0 => (quiet + FIRST_WORD).max(owed.decided + LEAST).min(quiet + MOST),
            None => quiet + NEXT_WORD,
        };
        Some(at.max(now))
    }

    /// When a tool that a flow waits for has taken long enough to say so.
    fn flow_filler_at(&self, now: Instant) -> Option<Instant> {
        let Lead::Flow(flow) = &self.lead else { return None };
        let may_speak = self.stage == Stage::Talking && !self.muted && !self.closing;
        if !flow.waits_for_tool() || !may_speak || self.caller_has_word() || !self.is_mouth_free() {
            return None;
        }
        let quiet = self.mouth.silent_since.unwrap_or(now);
        let at = match self.tools.waits_since() {
            Some(since) => (since + self.timing.tool_filler).max(quiet + BREATH),
            None => quiet + NEXT_WORD,
        };
        Some(at.max(now))
    }

    /// Says something in place of what is late.
    pub(super) fn fill(&mut self, now: Instant) {
        if self.words_late_at(now).is_some() {
            return self.bridge(now);
        }
        if let Lead::Flow(flow) = &mut self.lead {
            let usual = self.phrases.fillers[flow.fillers.min(self.phrases.fillers.len() - 1)];
            flow.fillers += 1;
            let filler = self.tools.take_filler().unwrap_or(usual);
            self.say_first(Source::Prompt(filler), Purpose::Filler);
            return;
        }
        if let Lead::Model(model) = &mut self.lead
            && let Some(owed) = &mut model.owed
        {
            owed.filled = Some(now);
        }
        if self.mouth.open.is_some() {
            self.stop_speaking(AfterCut::Again);
        } else {
            self.fill_in();
        }
    }

    /// Puts a filler before what waits to be said.
    pub(super) fn fill_in(&mut self) {
        let Lead::Model(model) = &mut self.lead else { return };
        let Some(owed) = &mut model.owed else { return };
        let usual = self.phrases.fillers[owed.fillers.min(self.phrases.fillers.len() - 1)];
        owed.fillers += 1;
        let filler = self.tools.take_filler().unwrap_or(usual);
        let behind = self.mouth.queue.front().filter(|saying| saying.from == 0).map(|saying| saying.id);
        let saying = self.say_first(Source::Prompt(filler), Purpose::Filler);
        if let Lead::Model(model) = &mut self.lead {
            match behind {
                Some(behind) => model.context.say_before(saying, behind),
                None => model.context.say_beside(saying, true),
            }
        }
    }

    /// When a streamed reply of which nothing leaves is given up.
    fn voice_until(&self, now: Instant) -> Option<Instant> {
        let reply = self.mouth.open.as_ref()?;
        let stream = self.sources.stream(&reply.saying.source)?;
        if stream.failed || stream.ledger.is_complete() || reply.stopping.is_some() {
            return None;
        }
        let waits = match (reply.started, reply.starved) {
            (None, _) => stream.ledger.samples() <= reply.saying.from,
            // While the model still writes, it is the model that is waited for.
            (Some(_), Some(_)) => stream.written,
            (Some(_), None) => false,
        };
        let since = stream.dry_since.filter(|_| waits)?;
        Some((since + self.timing.speech_limit).max(now))
    }

    /// Nothing of the open reply has left for too long.
    pub(super) fn voice_late(&mut self, now: Instant) {
        let Some(reply) = &self.mouth.open else { return };
        match reply.saying.source.clone() {
            source @ Source::Utterance(_) => self.speech_failed(now, &source),
            Source::Prompt(_) | Source::Item(_) => self.stop_speaking(AfterCut::Drop),
        }
    }

    /// Nothing came back.
    pub(super) fn idle(&mut self, now: Instant) {
        let most = self.timing.idle_prompts;
        match &mut self.lead {
            Lead::Flow(_) => self.flow_idle(now),
            Lead::Model(model) if model.idle_prompts < most => {
                model.idle_prompts += 1;
                let still_there = self.phrases.still_there;
                self.say_aside(still_there, Purpose::Idle);
            }
            Lead::Native(native) if native.idle_prompts < most => self.native_idle(now),
            Lead::Model(_) | Lead::Native(_) | Lead::External(_) => self.end(now, Ending::Inactivity),
        }
    }
}
