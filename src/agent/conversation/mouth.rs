//! What the agent says: one reply at a time, each accounted for to the sample.
//!
//! Sayings wait in a queue. The first is spoken as soon as its source is ready and the mouth is free. One that the caller
//! has interrupted is held until it is known whether the caller wanted the word: then it is dropped, else taken up at
//! the sample where it was cut.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::manners::Told;
use super::sources::Readiness;
use super::{Action, Conversation, Ending, Lead, Line, LookUp, PromptId, ReplyId, Source, Speaker, Timer, TurnTiming};
use crate::agent::turn::machine::TurnInput;
use crate::agent::turn::start::Guard;
use crate::pii::Pii;
use crate::provider::tts::RATE;

/// What the agent's mouth does.
#[derive(Debug, Default)]
pub(super) struct Mouth {
    /// Being spoken.
    pub(super) open: Option<Reply>,
    /// To be said, one after the other.
    pub(super) queue: VecDeque<Saying>,
    /// What was interrupted and may be taken up again.
    pub(super) cut: Option<Cut>,
    /// When the last sound of a reply left.
    pub(super) silent_since: Option<Instant>,
    replies: u32,
    sayings: u32,
}

/// Numbers the sayings of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SayingId(u32);

/// Something to say.
#[derive(Clone, Debug)]
pub(super) struct Saying {
    pub(super) id: SayingId,
    pub(super) source: Source,
    /// The sample to begin with.
    pub(super) from: u64,
    pub(super) purpose: Purpose,
    /// How often it was taken up again.
    resumes: u8,
    /// The turn it replies to.
    pub(super) reply_to: Option<ReplyTo>,
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
    /// Whatever the lead wants; usually the caller has the word.
    Talk,
    /// What it stands in for.
    Filler,
    /// A sign of life.
    Idle,
    /// What the manners of the call want said.
    Told(Told),
}

/// A turn that is being replied to, and what is known of the way to its reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplyTo {
    pub(super) last_voice: Instant,
    pub(super) decided: Instant,
    pub(super) understood: Instant,
    pub(super) first_token: Option<Instant>,
    pub(super) first_sentence: Option<Instant>,
    pub(super) talk_over: Option<Duration>,
    pub(super) looked_up: Option<(Instant, LookUp)>,
}

impl ReplyTo {
    /// A turn that was understood just now.
    pub(super) const fn new(last_voice: Instant, decided: Instant, understood: Instant) -> Self {
        Self {
            last_voice,
            decided,
            understood,
            first_token: None,
            first_sentence: None,
            talk_over: None,
            looked_up: None,
        }
    }
}

/// A reply the call was told to play.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) id: ReplyId,
    pub(super) saying: Saying,
    guard: Guard,
    pub(super) started: Option<Instant>,
    /// Since when nothing of it leaves although it is not over.
    pub(super) starved: Option<Instant>,
    /// What follows the cut; set when the reply was told to stop.
    pub(super) stopping: Option<AfterCut>,
}

/// What follows when a reply has been cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterCut {
    /// The caller is listened to; the rest may be taken up again.
    Hear,
    /// The rest is not wanted.
    Drop,
    /// It is taken up again at once, behind what has been put before it.
    Again,
}

/// A saying that was interrupted.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) saying: Saying,
    /// The sample at which it was.
    at: u64,
    finished: bool,
}

impl Conversation {
    pub(super) fn is_saying_goodbye(&self) -> bool {
        let says_goodbye = |saying: &Saying| matches!(saying.purpose, Purpose::Goodbye(_));
        self.mouth.open.as_ref().is_some_and(|reply| says_goodbye(&reply.saying))
            || self.mouth.queue.iter().any(says_goodbye)
    }

    /// Whether the agent speaks, or is about to, and was not told to stop. What only bridges a wait for the caller's own
    /// words does not count.
    pub(super) fn is_speaking(&self) -> bool {
        match &self.mouth.open {
            Some(_) if self.is_bridging() => false,
            Some(reply) => reply.stopping.is_none() || !self.mouth.queue.is_empty(),
            None => !self.mouth.queue.is_empty(),
        }
    }

    /// Whether nothing is said, waits to be said or may be taken up again.
    pub(super) fn is_mouth_free(&self) -> bool {
        self.mouth.open.is_none() && self.mouth.queue.is_empty() && self.mouth.cut.is_none()
    }

    /// Says a prepared text in place of everything else.
    pub(super) fn say(&mut self, prompt: PromptId, purpose: Purpose) {
        self.hush();
        let reply_to = self.caller.reply_to.take();
        self.say_after(Source::Prompt(prompt), purpose, reply_to);
    }

    /// Says something behind what is being said.
    pub(super) fn say_after(&mut self, source: Source, purpose: Purpose, reply_to: Option<ReplyTo>) -> SayingId {
        let saying = self.new_saying(source, purpose, reply_to);
        let id = saying.id;
        self.mouth.queue.push_back(saying);
        id
    }

    /// Says something before everything else that waits.
    pub(super) fn say_first(&mut self, source: Source, purpose: Purpose) -> SayingId {
        let saying = self.new_saying(source, purpose, None);
        let id = saying.id;
        self.mouth.queue.push_front(saying);
        id
    }

    fn new_saying(&mut self, source: Source, purpose: Purpose, reply_to: Option<ReplyTo>) -> Saying {
        if let Source::Prompt(prompt) = &source {
            self.prepare(*prompt);
        }
        let id = SayingId(self.mouth.sayings);
        self.mouth.sayings += 1;
        Saying { id, source, from: 0, purpose, resumes: 0, reply_to }
    }

    /// Nothing of what is being said, waits or was cut is wanted any more.
    pub(super) fn hush(&mut self) {
        self.timers.remove(&Timer::Speech);
        if let Some(cut) = self.mouth.cut.take() {
            self.forget(&cut.saying, cut.at);
        }
        for saying in std::mem::take(&mut self.mouth.queue) {
            self.forget(&saying, saying.from);
        }
        self.stop_speaking(AfterCut::Drop);
    }

    /// Begins the next saying if the mouth is free.
    pub(super) fn speak_next(&mut self, now: Instant) {
        while self.mouth.open.is_none() && self.mouth.cut.is_none() && !self.muted {
            if self.mouth.queue.front().is_some_and(|saying| !self.manners.lets_say(saying)) {
                return;
            }
            if let Some(until) = self.held_until(now) {
                self.timers.insert(Timer::Hold, until);
                return;
            }
            let Some(saying) = self.mouth.queue.front() else {
                self.timers.remove(&Timer::Speech);
                return;
            };
            let filler = saying.purpose == Purpose::Filler;
            match self.sources.readiness(&saying.source) {
                Readiness::Ready => {
                    if let Some(saying) = self.mouth.queue.pop_front() {
                        self.speak(saying);
                    }
                }
                Readiness::Awaited | Readiness::Failed if filler => {
                    self.mouth.queue.pop_front();
                }
                Readiness::Awaited => {
                    self.timers.entry(Timer::Speech).or_insert(now + self.timing.speech_limit);
                    return;
                }
                Readiness::Failed => return self.fail(now),
            }
        }
    }

    /// Until when the agent does not begin to speak because the caller does. Who speaks words is waited for, a noise
    /// not for long.
    fn held_until(&self, now: Instant) -> Option<Instant> {
        let saying = self.mouth.queue.front()?;
        let begins = match saying.purpose {
            Purpose::Talk | Purpose::Filler | Purpose::Idle => saying.from == 0 && self.mouth.silent_since.is_some(),
            Purpose::Statement { .. } | Purpose::Question | Purpose::Goodbye(_) | Purpose::Told(_) => false,
        };
        self.caller.speaks_until().filter(|until| begins && matches!(self.lead, Lead::Model(_)) && *until > now)
    }

    fn speak(&mut self, saying: Saying) {
        self.timers.remove(&Timer::Speech);
        let id = ReplyId(self.mouth.replies);
        self.mouth.replies += 1;
        let guard = match &saying.purpose {
            Purpose::Goodbye(_) => Guard::Whole,
            Purpose::Told(told) if told.is_whole() => Guard::Whole,
            _ if id == ReplyId(0) => Guard::Greeting,
            Purpose::Statement { .. }
            | Purpose::Question
            | Purpose::Talk
            | Purpose::Filler
            | Purpose::Idle
            | Purpose::Told(_) => Guard::None,
        };
        self.actions.push_back(Action::Speak { reply: id, source: saying.source.clone(), from: saying.from });
        self.mouth.open = Some(Reply { id, saying, guard, started: None, starved: None, stopping: None });
    }

    pub(super) fn stop_speaking(&mut self, then: AfterCut) {
        let fade = self.timing.fade;
        if let Some(reply) = &mut self.mouth.open
            && reply.stopping.replace(then).is_none()
        {
            self.actions.push_back(Action::StopSpeaking { reply: reply.id, fade });
        }
    }

    /// The caller takes the word, having begun to speak at `since`.
    pub(super) fn interrupt(&mut self, since: Instant) {
        if let Some(reply) = &self.mouth.open
            && reply.stopping.is_none()
        {
            self.caller.talk_over = Some(since);
            self.stop_speaking(AfterCut::Hear);
        }
    }

    pub(super) fn speech_started(&mut self, now: Instant, id: ReplyId, at: Instant) {
        let Some(reply) = self.mouth.open.as_mut().filter(|reply| reply.id == id && reply.started.is_none()) else {
            return;
        };
        reply.started = Some(at);
        let (guard, reply_to) = (reply.guard, reply.saying.reply_to.take());
        let first_audio = self.sources.stream(&reply.saying.source).and_then(|stream| stream.first_audio);
        let since_answer = self.since_answer(at);
        self.outcome.first_speech.get_or_insert(since_answer);
        self.turns.handle(now, TurnInput::AgentStarted { at, guard });
        if let Some(turn) = reply_to {
            let since = |instant: Instant| instant.saturating_duration_since(turn.last_voice);
            let timing = TurnTiming {
                at_ms: self.millis(turn.last_voice),
                decided: since(turn.decided),
                understood: since(turn.understood),
                replied: since(at),
                first_token: turn.first_token.map(since),
                first_sentence: turn.first_sentence.map(since),
                first_audio: first_audio.map(since),
                talk_over: turn.talk_over,
                look_up: turn.looked_up.map(|(_, how)| how),
                looked_up: turn.looked_up.map(|(at, _)| since(at)),
            };
            self.outcome.turns.push(timing);
            self.actions.push_back(Action::Replied(timing));
        }
    }

    pub(super) fn speech_starved(&mut self, id: ReplyId, since: Option<Instant>) {
        if let Some(reply) = self.mouth.open.as_mut().filter(|reply| reply.id == id) {
            reply.starved = since;
            if since.is_some() {
                self.mouth.silent_since = since;
            }
        }
    }

    pub(super) fn speech_finished(&mut self, now: Instant, id: ReplyId, at: Instant) {
        let Some(reply) = self.take_reply(now, id, at) else { return };
        let end = self.sources.ledger(&reply.saying.source).map_or(0, |ledger| ledger.samples());
        self.write_heard(&reply, end.max(reply.saying.from), at);
        match reply.stopping {
            Some(AfterCut::Drop) if !self.mouth.queue.is_empty() => self.forget(&reply.saying, end),
            Some(AfterCut::Hear | AfterCut::Drop | AfterCut::Again) | None => self.said(now, reply.saying, at),
        }
    }

    pub(super) fn speech_cut(&mut self, now: Instant, id: ReplyId, heard: u64, at: Instant) {
        let Some(reply) = self.take_reply(now, id, at) else { return };
        let position = reply.saying.from + heard;
        self.write_heard(&reply, position, at);
        if let Some(since) = self.caller.talk_over.take() {
            self.caller.talked_over = Some(at.saturating_duration_since(since));
        }
        if self.closing {
            self.forget(&reply.saying, position);
            return self.say_time_up(now);
        }
        match reply.stopping {
            Some(AfterCut::Drop) => {
                self.wait_for_answer(at);
                self.forget(&reply.saying, position);
            }
            Some(AfterCut::Again) => {
                let source = reply.saying.source.clone();
                self.mouth.queue.push_front(Saying { from: position, ..reply.saying });
                if self.sources.stream(&source).is_some_and(|stream| stream.failed) {
                    self.say_otherwise(now, &source);
                } else {
                    self.fill_in();
                }
            }
            Some(AfterCut::Hear) | None => {
                self.wait_for_answer(at);
                self.mouth.cut = Some(Cut { saying: reply.saying, at: position, finished: false });
                if !self.caller_has_word() {
                    self.resume(now);
                }
            }
        }
    }

    /// Something was said to its end.
    fn said(&mut self, now: Instant, saying: Saying, at: Instant) {
        if let Purpose::Goodbye(ending) = saying.purpose {
            return self.end(now, ending);
        }
        if self.closing {
            return self.say_time_up(now);
        }
        match saying.purpose {
            Purpose::Statement { .. } if self.turns.has_turn() => {
                // The caller has begun to speak over the last words: heard out before the flow goes on.
                self.mouth.cut = Some(Cut { at: 0, saying, finished: true });
            }
            Purpose::Statement { next } => self.enter(now, next),
            Purpose::Question | Purpose::Goodbye(_) => self.wait_for_answer(at),
            Purpose::Talk | Purpose::Filler | Purpose::Idle => self.spoken(now, &saying),
            Purpose::Told(told) => {
                self.close_saying(&saying, false);
                self.told(now, told);
            }
        }
    }

    /// Takes an interrupted saying up again at the sample where it was cut. False when there is none.
    pub(super) fn resume(&mut self, now: Instant) -> bool {
        let Some(Cut { saying, at, finished }) = self.mouth.cut.take() else { return false };
        self.caller.talked_over = None;
        // What must be heard is taken up again as often as it takes.
        let enough = saying.resumes >= self.timing.resumes && !matches!(saying.purpose, Purpose::Told(_));
        if finished || self.sources.is_over(&saying.source, at) || enough {
            if !finished && enough {
                self.forget(&saying, at);
            }
            self.said(now, saying, now);
        } else {
            let resumes = saying.resumes.saturating_add(1);
            self.mouth.queue.push_front(Saying { from: at, resumes, ..saying });
        }
        true
    }

    /// What is to be taken up again was heard by nobody: it is said from its beginning.
    pub(super) fn rewind(&mut self) {
        match &mut self.mouth.cut {
            Some(cut) if !cut.finished => cut.at = 0,
            Some(_) => {}
            None => self.mouth.queue.iter_mut().take(1).for_each(|saying| saying.from = 0),
        }
    }

    /// Whether the interrupted text asked for nothing.
    pub(super) fn statement_was_cut(&self) -> bool {
        self.mouth.cut.as_ref().is_some_and(|cut| matches!(cut.saying.purpose, Purpose::Statement { .. }))
    }

    /// The call ends, perhaps in the middle of a reply: what was heard of it by now is reckoned from the time.
    pub(super) fn break_off(&mut self, now: Instant) {
        if let Some(reply) = self.mouth.open.take() {
            let until = reply.starved.unwrap_or(now);
            let played = reply.started.map_or(0, |started| samples_between(started, until));
            self.write_heard(&reply, reply.saying.from + played, until);
            self.close_saying(&reply.saying, true);
        }
        self.mouth.cut = None;
        self.mouth.queue.clear();
    }

    fn take_reply(&mut self, now: Instant, id: ReplyId, at: Instant) -> Option<Reply> {
        let reply = self.mouth.open.take_if(|reply| reply.id == id)?;
        if reply.started.is_some() {
            self.mouth.silent_since = Some(reply.starved.unwrap_or(at));
        }
        self.turns.handle(now, TurnInput::AgentStopped);
        Some(reply)
    }

    /// A saying is not said any more, having been heard up to a sample of its source.
    pub(super) fn forget(&mut self, saying: &Saying, heard: u64) {
        self.close_saying(saying, true);
        if let Source::Item(item) = &saying.source {
            self.truncate(item, heard);
        }
        if let Source::Utterance(utterance) = saying.source
            && self.sources.stream(&saying.source).is_some()
        {
            self.actions.push_back(Action::Forget { utterance, heard });
            self.sources.drop_stream(&saying.source);
        }
    }

    /// Writes the words of a reply that were heard when it was played up to a sample of its source.
    fn write_heard(&mut self, reply: &Reply, until: u64, at: Instant) {
        let saying = &reply.saying;
        let before = self.sources.heard(&saying.source, saying.from).len();
        let heard = self.sources.heard(&saying.source, until);
        let all = self.sources.ledger(&saying.source).map_or(0, |ledger| ledger.text().len());
        let (upto, words) = (heard.len(), heard.get(before..).unwrap_or("").trim().to_owned());
        if let Lead::Model(model) = &mut self.lead {
            model.context.heard(saying.id, heard);
        }
        if words.is_empty() {
            return;
        }
        let samples = until.saturating_sub(saying.from);
        let length = Duration::from_micros(samples * 1_000_000 / u64::from(RATE));
        let started = reply.started.unwrap_or_else(|| at.checked_sub(length).unwrap_or(at));
        let line = Line {
            speaker: Speaker::Agent,
            text: Pii::new(words),
            from_ms: self.millis(started),
            to_ms: self.millis(at),
            cut: upto < all,
            keys: false,
            passages: self.sources.cited(&saying.source).to_vec(),
        };
        self.write(line);
    }
}

fn samples_between(from: Instant, to: Instant) -> u64 {
    let samples = to.saturating_duration_since(from).as_micros() * u128::from(RATE) / 1_000_000;
    u64::try_from(samples).unwrap_or(u64::MAX)
}
