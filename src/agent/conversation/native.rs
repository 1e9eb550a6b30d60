//! A speech-to-speech model leads: it hears the caller, decides on turns and answers in its own voice. What it says is
//! played item by item, and what of it was heard is told back.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::model::INTERRUPTED;
use super::mouth::{Purpose, ReplyTo};
use super::{Action, Conversation, Ending, Lead, Source, Timer};
use crate::agent::native::{NativeNews, NativeOrder};
use crate::pii::Pii;
use crate::provider::llm::ToolCall;
use crate::provider::tts::RATE;

/// An answer that has not begun after this is asked for once more; then the model has failed.
const LATE: Duration = Duration::from_secs(3);
/// What the caller said within so long before an interruption may have been lost in it.
const RECENT: Duration = Duration::from_secs(6);
/// A session that is made anew has so long to hear what was lost.
const GRACE: Duration = Duration::from_millis(1_200);
/// A session that was made anew hears the last seconds again, and may say so this long after it stands.
const REPLAYED: Duration = Duration::from_secs(4);
/// It tells of a caller who speaks, or has just spoken, sooner than this after the last sound.
const FRESH: Duration = Duration::from_millis(1_500);
/// A goodbye takes no longer than this.
const GOODBYE: Duration = Duration::from_secs(10);

const STILL_THERE: &str = "The caller has been silent for a while. Ask briefly whether they are still there.";
pub(super) const SAY_GOODBYE: &str = "Say goodbye in one short sentence.";
const TIME_UP: &str = "The time for this call is up. Say so and say goodbye in one short sentence.";

/// A speech-to-speech model and what is known of it.
#[derive(Debug)]
pub(super) struct NativeLead {
    greeting: Option<String>,
    /// It was asked to greet.
    greeted: bool,
    /// It was asked for an answer, or will give one by itself, and nothing of it has come.
    awaited: bool,
    /// It was asked again.
    nudged: bool,
    /// An answer is being made.
    responding: bool,
    /// Items that were played, or are to be.
    said: BTreeSet<String>,
    spoke: bool,
    calls: Vec<ToolCall>,
    /// The session is being made anew.
    lost: bool,
    /// When it stood again.
    remade: Option<Instant>,
    /// The caller's present turn is one that it heard a second time.
    heard_again: bool,
    caller_since: Option<Instant>,
    caller_until: Option<Instant>,
    reply_to: Option<ReplyTo>,
    /// The goodbye at the end of the time was asked for.
    goodbye_asked: bool,
    pub(super) idle_prompts: u8,
}

impl NativeLead {
    pub(super) const fn new(greeting: Option<String>) -> Self {
        Self {
            greeting,
            greeted: false,
            awaited: false,
            nudged: false,
            responding: false,
            said: BTreeSet::new(),
            spoke: false,
            calls: Vec::new(),
            lost: false,
            remade: None,
            heard_again: false,
            caller_since: None,
            caller_until: None,
            reply_to: None,
            goodbye_asked: false,
            idle_prompts: 0,
        }
    }

    /// Nothing of what it makes at present is wanted; true when it has to be told.
    pub(super) fn hold(&mut self) -> bool {
        (self.awaited, self.nudged) = (false, false);
        std::mem::take(&mut self.responding)
    }

    pub(super) const fn owes_something(&self) -> bool {
        self.awaited || self.responding || (self.caller_since.is_some() && self.caller_until.is_none())
    }
}

impl Conversation {
    /// The agent takes the word for the first time.
    pub(super) fn native_open(&mut self, now: Instant) {
        // A machine is not greeted; a person who was taken for one is, when that is known.
        if self.manners.keeps_quiet() {
            return;
        }
        let Lead::Native(native) = &mut self.lead else { return };
        native.greeted = true;
        let greeting = native.greeting.as_ref().map(|text| format!("Say exactly this and nothing else: {text}"));
        self.ask_native(now, greeting);
    }

    /// Whoever was taken for a machine is a person: they are greeted, or answered, once; what the model began to answer
    /// by itself is not wanted beside it.
    pub(super) fn native_go_on(&mut self, now: Instant) {
        self.cancel_native();
        match &self.lead {
            Lead::Native(native) if native.greeted => self.ask_native(now, None),
            Lead::Native(_) => self.native_open(now),
            Lead::Flow(_) | Lead::Model(_) | Lead::External(_) => {}
        }
    }

    /// What the model may be making is not wanted.
    pub(super) fn cancel_native(&mut self) {
        if let Lead::Native(native) = &mut self.lead {
            native.hold();
            self.actions.push_back(Action::Native(NativeOrder::Cancel));
        }
    }

    pub(super) fn native_news(&mut self, now: Instant, news: NativeNews) {
        match news {
            NativeNews::Ready => {
                if let Lead::Native(native) = &mut self.lead
                    && std::mem::take(&mut native.lost)
                {
                    native.remade = Some(now);
                }
            }
            NativeNews::CallerStarted => self.native_caller_started(now),
            NativeNews::CallerStopped => self.native_caller_stopped(now),
            NativeNews::CallerSaid(words) => self.native_caller_said(now, words.into_inner()),
            NativeNews::Audio { item, samples, complete } => self.native_audio(now, item, samples, complete),
            NativeNews::Words { item, text } => {
                self.sources.begin_item(&item);
                self.sources.write(now, &Source::Item(item), text.expose());
            }
            NativeNews::Called(call) => {
                if let Lead::Native(native) = &mut self.lead {
                    native.calls.push(call);
                }
            }
            NativeNews::Finished => self.native_finished(now),
            NativeNews::Interrupted => self.native_interrupted(now),
            NativeNews::Dead => self.give_up(now, Ending::ModelFailed),
        }
    }

    /// Whether the voice that a session tells of is what was sent to it once more when it was made anew, and the agent
    /// speaks meanwhile: that is no interruption.
    fn native_hears_again(&self, now: Instant) -> bool {
        let Lead::Native(native) = &self.lead else { return false };
        let within = |at: Option<Instant>, span| at.is_some_and(|at| now.saturating_duration_since(at) < span);
        let own_ears = self.caller.voice_since().is_some() || within(self.caller.last_voice, FRESH);
        within(native.remade, REPLAYED) && !own_ears && self.mouth.open.is_some()
    }

    fn native_caller_started(&mut self, now: Instant) {
        let again = self.native_hears_again(now);
        if let Lead::Native(native) = &mut self.lead {
            native.heard_again = again;
        }
        if again {
            return;
        }
        self.outcome.caller_reacted = true;
        let voice = self.caller.voice_since().unwrap_or(now);
        self.timers.remove(&Timer::Model);
        let Lead::Native(native) = &mut self.lead else { return };
        (native.caller_since, native.caller_until) = (Some(voice), None);
        if !self.manners.gives_word() {
            return;
        }
        (native.awaited, native.nudged, native.idle_prompts) = (false, false, 0);
        let responding = std::mem::take(&mut native.responding);
        self.refuse_calls();
        if self.is_saying_goodbye() {
            return;
        }
        if responding {
            self.actions.push_back(Action::Native(NativeOrder::Cancel));
        }
        self.interrupt_tools(now);
        if self.mouth.open.as_ref().is_some_and(|reply| reply.started.is_some()) {
            self.caller.talk_over = Some(voice);
        }
        self.hush();
    }

    fn native_caller_stopped(&mut self, now: Instant) {
        let last_voice = self.caller.last_voice.unwrap_or(now);
        let Lead::Native(native) = &mut self.lead else { return };
        if std::mem::take(&mut native.heard_again) {
            return;
        }
        native.caller_until = Some(last_voice);
        self.sources.cite(Vec::new());
        if !self.manners.gives_word() {
            return;
        }
        native.awaited = true;
        let mut reply_to = ReplyTo::new(last_voice, now, now);
        reply_to.talk_over = self.caller.talked_over.take();
        native.reply_to = Some(reply_to);
        self.timers.insert(Timer::Model, now + LATE);
    }

    fn native_caller_said(&mut self, now: Instant, words: String) {
        let Lead::Native(native) = &mut self.lead else { return };
        let until = native.caller_until.unwrap_or(now);
        let since = native.caller_since.unwrap_or(until);
        self.watch_card(now, &words);
        if !self.mind_words(now, &words, (since, until)) {
            if self.mouth.silent_since.is_some_and(|silent| since >= silent) && !words.is_empty() {
                self.met_person(now);
            }
            self.write_caller(words, since, until);
        }
    }

    fn native_audio(&mut self, now: Instant, item: String, samples: u64, complete: bool) {
        let Lead::Native(native) = &mut self.lead else { return };
        let new = native.said.insert(item.clone());
        let source = Source::Item(item.clone());
        self.sources.begin_item(&item);
        self.sources.lengthen(now, &source, samples, complete);
        if new && (!self.manners.gives_word() || self.is_saying_goodbye()) {
            self.actions.push_back(Action::Native(NativeOrder::Cancel));
            self.actions.push_back(Action::Native(NativeOrder::Truncate { item, heard: Duration::ZERO }));
        } else if let (true, Lead::Native(native)) = (new, &mut self.lead) {
            (native.awaited, native.nudged, native.responding, native.spoke) = (false, false, true, true);
            let reply_to = native.reply_to.take();
            self.timers.remove(&Timer::Model);
            self.say_after(source, Purpose::Talk, reply_to);
        }
    }

    fn native_finished(&mut self, now: Instant) {
        let Lead::Native(native) = &mut self.lead else { return };
        native.responding = false;
        let spoke = std::mem::take(&mut native.spoke);
        if spoke || !native.calls.is_empty() {
            native.awaited = false;
            self.timers.remove(&Timer::Model);
        }
        // What it does for a machine, or beside the last words, nobody wants.
        if !self.manners.gives_word() || self.closing || self.is_saying_goodbye() {
            return self.refuse_calls();
        }
        let Lead::Native(native) = &mut self.lead else { return };
        let calls = std::mem::take(&mut native.calls);
        if !calls.is_empty() {
            self.run_calls(now, calls, spoke);
        }
    }

    /// What the model has called is not run; each call has its answer all the same.
    pub(super) fn refuse_calls(&mut self) {
        let Lead::Native(native) = &mut self.lead else { return };
        for call in std::mem::take(&mut native.calls) {
            let result = Pii::new(INTERRUPTED.to_owned());
            self.actions.push_back(Action::Native(NativeOrder::ToolResult { call: call.id, result }));
        }
    }

    /// The session is being made anew. Whoever spoke to the old one hears soon that somebody is there.
    fn native_interrupted(&mut self, now: Instant) {
        if let Lead::Native(native) = &mut self.lead {
            native.lost = true;
        }
        let recent = |last: &Instant| now.saturating_duration_since(*last) < RECENT;
        let last = self.caller.last_voice.filter(recent).filter(|last| {
            let answered = self.mouth.silent_since.is_some_and(|silent| silent > *last);
            !answered && self.mouth.open.is_none()
        });
        let owed = matches!(&self.lead, Lead::Native(native) if native.awaited || native.responding);
        let spoke = last.is_some() || self.caller.voice_since().is_some();
        if (owed || spoke) && !self.is_saying_goodbye() {
            self.timers.entry(Timer::Model).or_insert(now + GRACE);
        }
    }

    /// Asks for an answer.
    pub(super) fn ask_native(&mut self, now: Instant, instructions: Option<String>) {
        let Lead::Native(native) = &mut self.lead else { return };
        native.awaited = true;
        let instructions = instructions.map(Pii::new);
        self.actions.push_back(Action::Native(NativeOrder::Respond { instructions }));
        self.timers.insert(Timer::Model, now + LATE);
    }

    /// No answer has begun.
    pub(super) fn native_late(&mut self, now: Instant) {
        if self.manners.keeps_quiet() {
            return;
        }
        if self.caller.voice_since().is_some_and(|since| now.saturating_duration_since(since) < RECENT) {
            self.timers.insert(Timer::Model, now + GRACE);
            return;
        }
        let Lead::Native(native) = &mut self.lead else { return };
        if std::mem::replace(&mut native.nudged, true) {
            return self.give_up(now, Ending::ModelFailed);
        }
        let filler = self.phrases.fillers[0];
        self.say_after(Source::Prompt(filler), Purpose::Filler, None);
        self.ask_native(now, None);
    }

    pub(super) fn native_idle(&mut self, now: Instant) {
        if let Lead::Native(native) = &mut self.lead {
            native.idle_prompts += 1;
        }
        self.ask_native(now, Some(STILL_THERE.to_owned()));
    }

    /// The time is nearly up, or the goodbye for it has been said.
    pub(super) fn native_time_up(&mut self, now: Instant) {
        if self.mouth.open.is_some() {
            self.timers.entry(Timer::LastWords).or_insert(now + GOODBYE);
            return;
        }
        let Lead::Native(native) = &mut self.lead else { return };
        if std::mem::replace(&mut native.goodbye_asked, true) {
            return self.end(now, Ending::TimeUp);
        }
        if std::mem::take(&mut native.responding) {
            self.actions.push_back(Action::Native(NativeOrder::Cancel));
        }
        self.ask_native(now, Some(TIME_UP.to_owned()));
        self.timers.remove(&Timer::Model);
        self.timers.insert(Timer::LastWords, now + GOODBYE);
    }

    /// So much of an item was heard, and no more of it will be.
    pub(super) fn truncate(&mut self, item: &str, heard: u64) {
        let source = Source::Item(item.to_owned());
        if self.sources.is_over(&source, heard) {
            return;
        }
        let samples = self.sources.ledger(&source).map_or(0, |ledger| ledger.samples()).min(heard);
        let heard = Duration::from_micros(samples * 1_000_000 / u64::from(RATE));
        self.actions.push_back(Action::Native(NativeOrder::Truncate { item: item.to_owned(), heard }));
    }
}
