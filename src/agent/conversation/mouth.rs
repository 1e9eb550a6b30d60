//! What the agent says: one reply at a time, each accounted for to the sample.

use std::time::{Duration, Instant};

use super::{Action, Conversation, Ending, Line, PromptId, ReplyId, Source, Speaker, Timer, TurnTiming};
use crate::agent::heard::heard;
use crate::agent::turn::start;
use crate::pii::Pii;
use crate::provider::tts::{RATE, WordMark};

/// A text as audio.
#[derive(Clone, Debug)]
pub(super) enum Clip {
    /// Asked for.
    Awaited,
    /// To be played.
    Ready { samples: u64, marks: Vec<WordMark> },
    /// Never to be played.
    Failed,
}

/// What the agent's mouth does.
#[derive(Debug)]
pub(super) enum Mouth {
    /// Nothing.
    Quiet,
    /// Waits for this text to be synthesised.
    Waiting(Utterance),
    /// Speaks.
    Open(Reply),
}

/// Something to say.
#[derive(Clone, Debug)]
pub(super) struct Utterance {
    prompt: PromptId,
    /// The sample to begin with.
    from: u64,
    purpose: Purpose,
    /// How often it was taken up again.
    resumes: u8,
    /// The turn it replies to.
    reply_to: Option<ReplyTo>,
}

/// What follows when it has been said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The next node.
    Statement { next: usize },
    /// The caller's answer.
    Question,
    /// The end.
    Goodbye(Ending),
}

/// A turn that is being replied to.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplyTo {
    pub(super) last_voice: Instant,
    pub(super) decided: Instant,
    pub(super) understood: Instant,
}

/// A reply the call was told to play.
#[derive(Debug)]
pub(super) struct Reply {
    id: ReplyId,
    utterance: Utterance,
    /// The first of the call.
    greeting: bool,
    started: Option<Instant>,
    /// What follows the cut; set when the reply was told to stop.
    stopping: Option<AfterCut>,
}

/// What follows when a reply has been cut.
#[derive(Debug)]
enum AfterCut {
    /// The caller is listened to; the rest of the text may be taken up again.
    Hear,
    /// The caller is listened to; the rest of the text is not wanted.
    Drop,
    /// Something else is said.
    Say(Utterance),
}

/// A text that was interrupted.
#[derive(Debug)]
pub(super) struct Cut {
    utterance: Utterance,
    /// The sample at which it was.
    at: u64,
    finished: bool,
}

impl Conversation {
    pub(super) fn is_saying_goodbye(&self) -> bool {
        let purpose = match &self.mouth {
            Mouth::Quiet => return false,
            Mouth::Waiting(utterance) => &utterance.purpose,
            Mouth::Open(Reply { stopping: Some(AfterCut::Say(utterance)), .. }) => &utterance.purpose,
            Mouth::Open(reply) => &reply.utterance.purpose,
        };
        matches!(purpose, Purpose::Goodbye(_))
    }

    /// Whether the agent speaks, or is about to, and was not told to stop.
    pub(super) fn is_speaking(&self) -> bool {
        match &self.mouth {
            Mouth::Quiet => false,
            Mouth::Waiting(_) => true,
            Mouth::Open(reply) => reply.stopping.is_none(),
        }
    }

    /// Whether a voice that began at `since` is the callee's half of the mutual hello.
    pub(super) fn overlaps_greeting(&self, since: Instant) -> bool {
        match &self.mouth {
            Mouth::Quiet => false,
            Mouth::Waiting(_) => self.replies == 0,
            Mouth::Open(reply) => start::overlaps_greeting(&self.timing, since, reply.greeting, reply.started),
        }
    }

    pub(super) fn prepare(&mut self, prompt: PromptId) {
        if let std::collections::btree_map::Entry::Vacant(entry) = self.clips.entry(prompt) {
            entry.insert(Clip::Awaited);
            self.actions.push_back(Action::Prepare { prompt, text: self.script.texts.get(prompt).clone() });
        }
    }

    pub(super) fn prepared(&mut self, now: Instant, prompt: PromptId, clip: Clip) {
        let Some(known) = self.clips.get_mut(&prompt) else { return };
        if !matches!(known, Clip::Awaited) {
            return;
        }
        *known = clip;
        if let Mouth::Waiting(utterance) = &self.mouth
            && utterance.prompt == prompt
        {
            let utterance = utterance.clone();
            self.mouth = Mouth::Quiet;
            self.utter(now, utterance);
        }
    }

    /// Says a text from its beginning.
    pub(super) fn say(&mut self, now: Instant, prompt: PromptId, purpose: Purpose) {
        self.cut = None;
        let reply_to = self.caller.reply_to.take();
        self.utter(now, Utterance { prompt, from: 0, purpose, resumes: 0, reply_to });
    }

    /// Says something as soon as its text is ready and the reply before it has fallen silent.
    fn utter(&mut self, now: Instant, utterance: Utterance) {
        self.prepare(utterance.prompt);
        self.timers.remove(&Timer::Speech);
        if let Mouth::Open(_) = &self.mouth {
            return self.stop_speaking(AfterCut::Say(utterance));
        }
        match self.clips.get(&utterance.prompt) {
            Some(Clip::Ready { .. }) => {
                let id = ReplyId(self.replies);
                let greeting = self.replies == 0;
                self.replies += 1;
                let source = Source::Prompt(utterance.prompt);
                self.actions.push_back(Action::Speak { reply: id, source, from: utterance.from });
                self.mouth = Mouth::Open(Reply { id, utterance, greeting, started: None, stopping: None });
            }
            Some(Clip::Failed) => self.fail(now),
            Some(Clip::Awaited) | None => {
                self.timers.insert(Timer::Speech, now + self.timing.speech_limit);
                self.mouth = Mouth::Waiting(utterance);
            }
        }
    }

    fn stop_speaking(&mut self, then: AfterCut) {
        self.timers.remove(&Timer::BargeIn);
        let fade = self.timing.fade;
        if let Mouth::Open(reply) = &mut self.mouth
            && reply.stopping.replace(then).is_none()
        {
            self.actions.push_back(Action::StopSpeaking { reply: reply.id, fade });
        }
    }

    /// The caller has spoken over the reply for long enough.
    pub(super) fn interrupt(&mut self) {
        if self.is_speaking() {
            self.stop_speaking(AfterCut::Hear);
        }
    }

    /// The reply has done its duty: the caller is answering by keys.
    pub(super) fn hush(&mut self) {
        self.cut = None;
        if matches!(self.mouth, Mouth::Waiting(_)) {
            self.timers.remove(&Timer::Speech);
            self.mouth = Mouth::Quiet;
        }
        self.stop_speaking(AfterCut::Drop);
    }

    /// Sets the barge-in clock for a voice that began at `since`.
    pub(super) fn watch_for_barge_in(&mut self, now: Instant, since: Instant) {
        let Mouth::Open(reply @ Reply { stopping: None, .. }) = &self.mouth else { return };
        if let Some(at) = start::interrupts_at(&self.timing, since, reply.greeting, reply.started) {
            self.timers.insert(Timer::BargeIn, at.max(now));
        }
    }

    pub(super) fn speech_started(&mut self, id: ReplyId, at: Instant) {
        let Mouth::Open(reply) = &mut self.mouth else { return };
        if reply.id != id || reply.started.is_some() {
            return;
        }
        reply.started = Some(at);
        let reply_to = reply.utterance.reply_to.take();
        let since_answer = self.since_answer(at);
        self.outcome.first_speech.get_or_insert(since_answer);
        if let Some(turn) = reply_to {
            let since = |instant: Instant| instant.saturating_duration_since(turn.last_voice);
            let timing = TurnTiming {
                at_ms: self.millis(turn.last_voice),
                decided: since(turn.decided),
                understood: since(turn.understood),
                replied: since(at),
                first_token: None,
                first_sentence: None,
                first_audio: None,
                talk_over: None,
            };
            self.outcome.turns.push(timing);
            self.actions.push_back(Action::Replied(timing));
        }
    }

    pub(super) fn speech_finished(&mut self, now: Instant, id: ReplyId, at: Instant) {
        let Some(reply) = self.take_reply(id) else { return };
        self.write_heard(&reply, u64::MAX, at);
        match reply.stopping {
            Some(AfterCut::Say(utterance)) => self.utter(now, utterance),
            Some(AfterCut::Hear | AfterCut::Drop) | None => self.said(now, reply.utterance, at),
        }
    }

    pub(super) fn speech_cut(&mut self, now: Instant, id: ReplyId, heard: u64, at: Instant) {
        let Some(reply) = self.take_reply(id) else { return };
        self.write_heard(&reply, heard, at);
        if self.closing {
            return self.say(now, self.script.time_up, Purpose::Goodbye(Ending::TimeUp));
        }
        match reply.stopping {
            Some(AfterCut::Say(utterance)) => self.utter(now, utterance),
            Some(AfterCut::Drop) => self.wait_for_answer(at),
            Some(AfterCut::Hear) | None => {
                self.wait_for_answer(at);
                let at = reply.utterance.from + heard;
                self.cut = Some(Cut { utterance: reply.utterance, at, finished: false });
                if !self.caller.has_turn() {
                    self.resume(now);
                }
            }
        }
    }

    /// A reply was played to its end.
    fn said(&mut self, now: Instant, utterance: Utterance, at: Instant) {
        if let Purpose::Goodbye(ending) = utterance.purpose {
            return self.end(now, ending);
        }
        if self.closing {
            return self.say(now, self.script.time_up, Purpose::Goodbye(Ending::TimeUp));
        }
        match utterance.purpose {
            Purpose::Statement { .. } if self.caller.has_turn() => {
                // The caller has begun to speak over the last words: heard out before the flow goes on.
                self.cut = Some(Cut { at: 0, utterance, finished: true });
            }
            Purpose::Statement { next } => self.enter(now, next),
            Purpose::Question | Purpose::Goodbye(_) => self.wait_for_answer(at),
        }
    }

    /// Takes an interrupted text up again at the sample where it was cut. False when there is none.
    pub(super) fn resume(&mut self, now: Instant) -> bool {
        let Some(Cut { utterance, at, finished }) = self.cut.take() else { return false };
        let samples = match self.clips.get(&utterance.prompt) {
            Some(Clip::Ready { samples, .. }) => *samples,
            Some(Clip::Awaited | Clip::Failed) | None => 0,
        };
        if finished || at >= samples || utterance.resumes >= self.timing.resumes {
            self.said(now, utterance, now);
        } else {
            let resumes = utterance.resumes + 1;
            self.utter(now, Utterance { from: at, resumes, reply_to: None, ..utterance });
        }
        true
    }

    /// Whether the interrupted text asked for nothing.
    pub(super) fn statement_was_cut(&self) -> bool {
        self.cut.as_ref().is_some_and(|cut| matches!(cut.utterance.purpose, Purpose::Statement { .. }))
    }

    /// The call ends in the middle of a reply: what was heard of it by now is reckoned from the time.
    pub(super) fn break_off(&mut self, now: Instant) {
        if let Mouth::Open(reply) = std::mem::replace(&mut self.mouth, Mouth::Quiet)
            && let Some(started) = reply.started
        {
            let played = now.saturating_duration_since(started).as_micros() * u128::from(RATE) / 1_000_000;
            self.write_heard(&reply, u64::try_from(played).unwrap_or(u64::MAX), now);
        }
        self.cut = None;
    }

    fn take_reply(&mut self, id: ReplyId) -> Option<Reply> {
        match std::mem::replace(&mut self.mouth, Mouth::Quiet) {
            Mouth::Open(reply) if reply.id == id => {
                self.timers.remove(&Timer::BargeIn);
                Some(reply)
            }
            other @ (Mouth::Quiet | Mouth::Waiting(_) | Mouth::Open(_)) => {
                self.mouth = other;
                None
            }
        }
    }

    /// Writes the words of a reply that were heard when `played` samples of it had left.
    fn write_heard(&mut self, reply: &Reply, played: u64, at: Instant) {
        let Some(Clip::Ready { samples, marks }) = self.clips.get(&reply.utterance.prompt) else { return };
        let text = self.script.texts.get(reply.utterance.prompt).expose();
        let before = heard(text, *samples, marks, reply.utterance.from).len();
        let upto = heard(text, *samples, marks, reply.utterance.from.saturating_add(played));
        let words = upto.get(before..).unwrap_or("").trim_start();
        if words.is_empty() {
            return;
        }
        let length =
            Duration::from_micros((samples - reply.utterance.from.min(*samples)) * 1_000_000 / u64::from(RATE));
        let started = reply.started.unwrap_or_else(|| at.checked_sub(length).unwrap_or(at));
        let line = Line {
            speaker: Speaker::Agent,
            text: Pii::new(words.to_owned()),
            from_ms: self.millis(started),
            to_ms: self.millis(at),
            cut: upto.len() < text.len(),
            keys: false,
        };
        self.write(line);
    }
}
