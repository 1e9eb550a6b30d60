//! Everything around a conversation on a virtual clock: a caller, a recogniser, a model, a voice, a playout that knows
//! to the sample what left, tools, and people to transfer to. What must hold at any time is checked as it goes.

mod checks;
mod vendors;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

pub(super) use self::checks::show;
pub(super) use self::vendors::{Answer, SAMPLES_A_BYTE};
use self::vendors::{Ears, Utterance};
use callwright_media::overlap::Overlap;

use crate::agent::assistant::Assistant;
use crate::agent::conversation::*;
use crate::agent::knowledge::Passage;
use crate::pii::Pii;
use crate::provider::llm::LlmRequest;
use crate::provider::stt::{Manner, TurnId};
use crate::provider::tts::UtteranceId;

pub(super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A recogniser that listens all the time and is told when a turn is over.
pub(super) const CONTINUOUS: Manner = Manner { continuous: true, detects_turns: false, replies: true, lag: ms(250) };
/// One that tells when a turn is over.
pub(super) const DETECTS: Manner = Manner { continuous: true, detects_turns: true, replies: false, lag: ms(300) };

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) begin: Instant,
    pub(super) conversation: Conversation,
    pub(super) log: Vec<(Duration, Action)>,
    pub(super) requests: Vec<LlmRequest>,
    pub(super) ended: Option<Ending>,
    /// What the model answers; the usual when it is empty.
    pub(super) answers: VecDeque<Answer>,
    pub(super) ears: Ears,
    /// Whether somebody judges what sounds over the agent's voice.
    pub(super) judges: bool,
    /// From a text to its first audio; `None`: nothing ever comes.
    pub(super) voice_delay: Option<Duration>,
    /// So many utterances fail, the next ones first.
    pub(super) failing_utterances: u32,
    /// Whether the voice tells where words end.
    pub(super) marks: bool,
    /// What tools give back and when; `None`: never.
    pub(super) tools: BTreeMap<String, (Option<Duration>, String)>,
    /// What look-ups find, and when; nothing comes where there is no time.
    pub(super) found: (Option<Duration>, Option<Vec<Passage>>),
    /// What was looked up.
    pub(super) questions: Vec<String>,
    /// How a transfer goes.
    pub(super) transfer: Vec<(Duration, TransferNews)>,
    /// The longest silence that the caller met while an answer was owed.
    pub(super) longest_silence: Duration,
    texts: BTreeMap<PromptId, String>,
    utterances: BTreeMap<UtteranceId, Utterance>,
    items: BTreeMap<String, Utterance>,
    playing: Option<Playing>,
    truth: Vec<Spoken>,
    calls_out: BTreeMap<GenerationId, bool>,
    events: BTreeMap<(Instant, u32), Event>,
    sequence: u32,
    waits_since: Option<Instant>,
    /// Since when something is owed to the caller and nothing is heard.
    owed_since: Option<Instant>,
    turn: Option<TurnId>,
}

enum Event {
    Input(Input),
    /// A caller's word has been spoken.
    Word(String),
    /// So much of an utterance has been made.
    Made(UtteranceId, u64),
    Complete(UtteranceId),
    /// The recogniser answers.
    Answer(TurnId),
    /// A recogniser that detects turns decides.
    Decide(Decision),
    Generation(GenerationId, Input),
}

#[derive(Clone, Copy)]
enum Decision {
    Eager(u32),
    End(u32),
}

struct Playing {
    reply: ReplyId,
    source: Source,
    from: u64,
    asked: Instant,
    started: Option<Instant>,
    /// Samples that had left at `since`.
    played: u64,
    since: Instant,
    starved: bool,
    stop: Option<Instant>,
}

/// What was said, and what of it was really heard.
struct Spoken {
    source: Source,
    text: String,
    heard: usize,
    open: bool,
}

impl World {
    pub(super) fn ringing(assistant: &str) -> Self {
        let assistant: Assistant = serde_json::from_str(assistant).expect("the assistant is valid JSON");
        let conversation = Conversation::new(&assistant, &BTreeMap::new(), Timing::default()).expect("it is sound");
        let now = crate::time::now().mono;
        let mut world = Self {
            now,
            begin: now,
            conversation,
            log: Vec::new(),
            requests: Vec::new(),
            ended: None,
            answers: VecDeque::new(),
            ears: Ears::default(),
            judges: false,
            voice_delay: Some(ms(120)),
            failing_utterances: 0,
            marks: true,
            tools: BTreeMap::new(),
            found: (Some(ms(10)), Some(Vec::new())),
            questions: Vec::new(),
            transfer: Vec::new(),
            longest_silence: Duration::ZERO,
            texts: BTreeMap::new(),
            utterances: BTreeMap::new(),
            items: BTreeMap::new(),
            playing: None,
            truth: Vec::new(),
            calls_out: BTreeMap::new(),
            events: BTreeMap::new(),
            sequence: 0,
            waits_since: None,
            owed_since: None,
            turn: None,
        };
        world.drain();
        world
    }

    /// Rings for two seconds with this recogniser, is answered, and says nothing.
    pub(super) fn answered(assistant: &str, manner: Manner) -> Self {
        let mut world = Self::ringing(assistant);
        world.rings(manner, ms(2_000));
        world
    }

    /// Rings for so long with this recogniser and is answered.
    pub(super) fn rings(&mut self, manner: Manner, time: Duration) {
        self.ears.manner = manner;
        self.give(Input::Recogniser(manner));
        self.pass(time);
        self.begin = self.now;
        self.give(Input::Answered);
    }

    /// The same, and the greeting has been heard.
    pub(super) fn greeted(assistant: &str, manner: Manner) -> Self {
        let mut world = Self::answered(assistant, manner);
        world.hears_out("help you");
        world.pass(ms(300));
        world
    }

    pub(super) fn give(&mut self, input: Input) {
        self.conversation.handle(self.now, input);
        self.drain();
        self.check();
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
        self.set_now(until);
    }

    /// Says something now; returns at the last packet of the voice.
    pub(super) fn says(&mut self, words: &str) {
        let length = ms(250 * words.split_whitespace().count().max(1) as u64);
        self.voice(words, length);
    }

    /// A voice of this length; returns at its last packet. No words: a noise.
    pub(super) fn voice(&mut self, words: &str, length: Duration) {
        let since = self.now;
        self.caller_begins(words, length);
        self.pass(length);
        debug_assert!(self.now >= since + length);
    }

    /// The same, and the caller does not wait for its end.
    pub(super) fn caller_begins(&mut self, words: &str, length: Duration) {
        let since = self.now;
        self.ears.voices += 1;
        let voice = self.ears.voices;
        if length >= ms(100) {
            self.schedule(since + ms(100), Event::Input(Input::VoiceStarted { ago: ms(100) }));
            self.schedule(since + length + ms(200), Event::Input(Input::VoiceStopped { ago: ms(200) }));
        }
        if self.judges && self.is_heard() {
            let verdict = match words {
                "" => Overlap::Noise,
                "mhm" | "yeah" | "okay" | "okay yeah" => Overlap::BackChannel,
                _ => Overlap::Speech,
            };
            self.schedule(since + ms(100), Event::Input(Input::Overlap(Overlap::Undecided)));
            self.schedule(since + ms(450), Event::Input(Input::Overlap(verdict)));
        }
        let words: Vec<&str> = words.split_whitespace().collect();
        let count = u32::try_from(words.len()).expect("few words");
        for (index, word) in (1..).zip(&words) {
            let at = since + length * index / count + self.ears.lag;
            self.schedule(at, Event::Word((*word).to_owned()));
        }
        if self.ears.manner.detects_turns && count > 0 {
            let end = since + length + self.ears.lag;
            self.schedule(end + ms(200), Event::Decide(Decision::Eager(voice)));
            self.schedule(end + ms(450), Event::Decide(Decision::End(voice)));
        }
    }

    pub(super) fn types(&mut self, keys: &str) {
        for digit in keys.chars() {
            self.give(Input::Dtmf { digit, ago: Duration::ZERO });
            self.pass(ms(200));
        }
    }

    /// Waits until the agent's words contain this, and are heard.
    pub(super) fn hears(&mut self, words: &str) {
        let limit = self.now + ms(90_000);
        loop {
            let heard = self.playing.as_ref().filter(|playing| playing.started.is_some());
            if heard.is_some_and(|playing| self.text(&playing.source).contains(words)) {
                return;
            }
            assert!(self.ended.is_none(), "waited for {words:?}, but it ended: {:?}\n{}", self.ended, self.story());
            assert!(self.step(limit), "waited for {words:?}\n{}", self.story());
        }
    }

    /// Waits until the reply with these words has been heard to its end.
    pub(super) fn hears_out(&mut self, words: &str) {
        self.hears(words);
        let reply = self.playing.as_ref().map(|playing| playing.reply);
        while self.playing.as_ref().map(|playing| playing.reply) == reply {
            assert!(self.step(self.now + ms(60_000)), "what plays ends");
        }
    }

    /// Waits until the word that plays now is this one, and so much of it has been heard.
    pub(super) fn hears_word(&mut self, word: &str, part: Duration) {
        self.hears(word);
        let playing = self.playing.as_ref().expect("it plays");
        let at = self.text(&playing.source).find(word).expect("it is there") as u64 * SAMPLES_A_BYTE;
        let left = at.saturating_sub(playing.from + self.position());
        self.pass(ms(left / 8) + part);
    }

    /// Whether what is heard now is heard from its beginning on.
    pub(super) fn hears_the_beginning(&self) -> bool {
        self.playing.as_ref().is_some_and(|playing| playing.from == 0)
    }

    pub(super) fn waits_for_end(&mut self) -> Ending {
        let limit = self.now + ms(300_000);
        while self.ended.is_none() {
            assert!(self.step(limit), "the call never ends\n{}", self.story());
        }
        self.ended.clone().expect("it ended")
    }

    pub(super) fn at(&self) -> u64 {
        u64::try_from((self.now - self.begin).as_millis()).expect("a test is short")
    }

    pub(super) fn is_heard(&self) -> bool {
        self.playing.as_ref().is_some_and(|playing| playing.started.is_some() && !playing.starved)
    }

    /// `Agent: words` or `Caller: words` for every line.
    pub(super) fn transcript(&self) -> Vec<String> {
        let show =
            |line: &Line| format!("{:?}: {}{}", line.speaker, line.text.expose(), if line.cut { "…" } else { "" });
        self.conversation.outcome().transcript.iter().map(show).collect()
    }

    /// The messages of the last request but the first one, as `role: words`.
    pub(super) fn context(&self) -> Vec<String> {
        checks::show(self.requests.last().expect("the model was asked"))
    }

    /// Everything that happened, for a test that failed.
    pub(super) fn story(&self) -> String {
        let log = self.log.iter().map(|(at, action)| format!("{at:>12?} {}", checks::brief(action)));
        log.chain(self.transcript()).collect::<Vec<_>>().join("\n")
    }

    /// How many actions of a kind there were.
    pub(super) fn count(&self, kind: impl Fn(&Action) -> bool) -> usize {
        self.log.iter().filter(|(_, action)| kind(action)).count()
    }

    /// The next thing that happens before `until`.
    pub(super) fn step(&mut self, until: Instant) -> bool {
        let event = self.events.keys().next().map(|(at, _)| *at);
        let play = self.next_of_playout();
        let timer = self.conversation.poll_timeout().map(|(at, _)| at);
        let Some(next) = [event, play, timer].into_iter().flatten().min().filter(|at| *at <= until) else {
            return false;
        };
        self.set_now(next);
        if event == Some(next) {
            let (_, event) = self.events.pop_first().expect("it was just seen");
            self.happen(event);
        } else if play == Some(next) {
            self.play_on();
        } else {
            self.conversation.handle_timeout(self.now);
            self.drain();
            self.check();
        }
        true
    }

    fn schedule(&mut self, at: Instant, event: Event) {
        let key = (at.max(self.now), self.sequence);
        self.sequence += 1;
        self.events.insert(key, event);
    }

    fn text(&self, source: &Source) -> String {
        match source {
            Source::Prompt(prompt) => self.texts[prompt].clone(),
            Source::Utterance(id) => self.utterances[id].text.clone(),
            Source::Item(item) => self.items[item].text.clone(),
        }
    }

    /// Audio there is, and whether it is all.
    fn available(&self, source: &Source) -> (u64, bool) {
        match source {
            Source::Prompt(prompt) => (self.texts[prompt].len() as u64 * SAMPLES_A_BYTE, true),
            Source::Utterance(id) => self.utterances[id].available(),
            Source::Item(item) => self.items[item].available(),
        }
    }

    /// Samples of the open reply that have left.
    fn position(&self) -> u64 {
        let Some(playing) = &self.playing else { return 0 };
        if playing.started.is_none() || playing.starved {
            return playing.played;
        }
        let left = u64::try_from((self.now - playing.since).as_micros()).expect("short") * 8 / 1_000;
        let (there, _) = self.available(&playing.source);
        (playing.played + left).min(there.saturating_sub(playing.from))
    }

    fn next_of_playout(&self) -> Option<Instant> {
        let playing = self.playing.as_ref()?;
        let (there, complete) = self.available(&playing.source);
        let there = there.saturating_sub(playing.from);
        let next = match playing.started {
            None if there > 0 => Some(playing.asked + ms(20)),
            None => complete.then_some(self.now),
            Some(_) if playing.starved => (there > playing.played || complete).then_some(self.now),
            Some(_) => Some(playing.since + Duration::from_micros((there - playing.played) * 1_000 / 8)),
        };
        let next = next.map(|at| at.max(self.now));
        playing.stop.into_iter().chain(next).min()
    }

    fn play_on(&mut self) {
        let position = self.position();
        let Some(playing) = &mut self.playing else { return };
        let reply = playing.reply;
        if playing.stop.is_some_and(|at| at <= self.now) {
            let input = Input::SpeechCut { reply, heard: position, ago: Duration::ZERO };
            return self.reply_over(position, input);
        }
        let source = playing.source.clone();
        let (there, complete) = self.available(&source);
        let Some(playing) = &mut self.playing else { return };
        let there = there.saturating_sub(playing.from);
        if playing.started.is_none() && there > 0 {
            playing.started = Some(self.now);
            playing.since = self.now;
            self.give(Input::SpeechStarted { reply, ago: Duration::ZERO });
        } else if position >= there && complete {
            self.reply_over(position, Input::SpeechFinished { reply, ago: Duration::ZERO });
        } else if playing.starved {
            (playing.starved, playing.since) = (false, self.now);
            self.give(Input::SpeechFed { reply, ago: Duration::ZERO });
        } else {
            (playing.starved, playing.played) = (true, position);
            self.give(Input::SpeechStarved { reply, ago: Duration::ZERO });
        }
    }

    fn reply_over(&mut self, position: u64, input: Input) {
        let playing = self.playing.take().expect("it plays");
        self.heard(&playing.source, playing.from + position);
        self.give(input);
    }
}
