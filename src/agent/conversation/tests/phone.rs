//! A scripted callee on a virtual clock: speaks, types and hangs up; plays what the agent says and knows to the sample
//! what was played; recognises exactly what was spoken.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::agent::assistant::Assistant;
use crate::agent::conversation::*;
use crate::pii::Pii;
use crate::provider::stt::{Transcript, TurnId};

pub(super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// How fast the agent speaks: samples a character.
const SAMPLES_A_CHARACTER: u64 = 400;

/// What the recogniser makes of a voice.
pub(super) const NOISE: &str = "";
/// Speech outside every grammar.
pub(super) const MUMBLE: &str = "?";

pub(super) struct Phone {
    pub(super) now: Instant,
    pub(super) begin: Instant,
    pub(super) conversation: Conversation,
    /// How long the synthesiser takes; `None`: it fails.
    pub(super) synthesis: Option<Duration>,
    /// How long the recogniser takes; `None`: it never answers.
    pub(super) recognition: Option<Duration>,
    /// All actions, with their times.
    pub(super) log: Vec<(Duration, Action)>,
    texts: BTreeMap<PromptId, String>,
    playing: Option<Playing>,
    /// What was said by the caller, and when.
    voices: Vec<(Instant, String)>,
    events: BTreeMap<(Instant, u32), Input>,
    sequence: u32,
    open_turn: Option<OpenTurn>,
    pub(super) ended: Option<Ending>,
}

#[derive(Clone, Copy)]
struct OpenTurn {
    turn: TurnId,
    since: Instant,
    ended: bool,
}

struct Playing {
    reply: ReplyId,
    prompt: PromptId,
    from: u64,
    started: Instant,
    finish: (Instant, u32),
    stopping: bool,
}

impl Phone {
    pub(super) fn ringing(assistant: &str, values: &[(&str, &str)]) -> Self {
        let assistant: Assistant = serde_json::from_str(assistant).expect("the assistant is valid JSON");
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), Pii::new((*value).to_owned()))).collect();
        let conversation = Conversation::new(&assistant, &values, Timing::default()).expect("the assistant is sound");
        let now = crate::time::now().mono;
        let mut phone = Self {
            now,
            begin: now,
            conversation,
            synthesis: Some(ms(30)),
            recognition: Some(ms(50)),
            log: Vec::new(),
            texts: BTreeMap::new(),
            playing: None,
            voices: Vec::new(),
            events: BTreeMap::new(),
            sequence: 0,
            open_turn: None,
            ended: None,
        };
        phone.drain();
        phone
    }

    /// Rings for two seconds, is answered, and says nothing.
    pub(super) fn answered(assistant: &str) -> Self {
        let mut phone = Self::ringing(assistant, &[]);
        phone.pass(ms(2_000));
        phone.answer();
        phone
    }

    pub(super) fn answer(&mut self) {
        self.begin = self.now;
        self.give(Input::Answered);
    }

    /// Says something now; returns when the voice has stopped.
    pub(super) fn says(&mut self, words: &str) {
        self.voice(words, ms(400));
    }

    /// A voice of this length; returns at its last packet.
    pub(super) fn voice(&mut self, words: &str, length: Duration) {
        let since = self.now;
        self.voices.push((since, words.to_owned()));
        self.schedule(since + ms(100), Input::VoiceStarted { ago: ms(100) });
        self.schedule(since + length + ms(200), Input::VoiceStopped { ago: ms(200) });
        self.pass(length);
    }

    pub(super) fn types(&mut self, keys: &str) {
        for digit in keys.chars() {
            self.give(Input::Dtmf { digit, ago: Duration::ZERO });
            self.pass(ms(200));
        }
    }

    pub(super) fn hangs_up(&mut self) {
        self.give(Input::HungUp { by_callee: true });
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
        self.now = until;
    }

    /// Waits until the agent begins to say this.
    pub(super) fn hears(&mut self, words: &str) {
        let limit = self.now + ms(60_000);
        let seen = self.log.len();
        loop {
            let playing = self.playing.as_ref().map(|playing| &self.texts[&playing.prompt]);
            if playing.is_some_and(|text| text.contains(words)) && self.is_heard() {
                return;
            }
            assert!(self.ended.is_none() && self.step(limit), "waited for {words:?}, got {:#?}", self.said(seen));
        }
    }

    /// Waits until the agent has said this to its end.
    pub(super) fn hears_out(&mut self, words: &str) {
        self.hears(words);
        let reply = self.playing.as_ref().map(|playing| playing.reply);
        while self.playing.as_ref().map(|playing| playing.reply) == reply {
            assert!(self.step(self.now + ms(60_000)), "what plays ends");
        }
    }

    /// Waits for the end of the call.
    pub(super) fn waits_for_end(&mut self) -> Ending {
        let limit = self.now + ms(120_000);
        while self.ended.is_none() {
            assert!(self.step(limit), "the call never ends: {:?}", self.conversation);
        }
        self.ended.clone().expect("it ended")
    }

    /// Whether audio of the agent's leaves now.
    pub(super) fn is_heard(&self) -> bool {
        self.playing.as_ref().is_some_and(|playing| playing.started <= self.now)
    }

    /// Milliseconds since the answer.
    pub(super) fn at(&self) -> u64 {
        u64::try_from((self.now - self.begin).as_millis()).expect("a test is short")
    }

    /// Everything the agent was told to say since an index of the log.
    pub(super) fn said(&self, since: usize) -> Vec<String> {
        let spoken = self.log[since..].iter().filter_map(|(_, action)| match action {
            Action::Speak { source: Source::Prompt(prompt), from, .. } => {
                Some(format!("{}@{from}", self.texts[prompt]))
            }
            _ => None,
        });
        spoken.collect()
    }

    /// `name=value` or `name:status` for every answer.
    pub(super) fn answers(&self) -> Vec<String> {
        let show = |answer: &Answer| match &answer.value {
            Some(AnswerValue::Recorded { from_ms, to_ms, text: None }) => {
                format!("{}={}ms", answer.name, to_ms - from_ms)
            }
            Some(value) => format!("{}={}", answer.name, value.text().unwrap_or_default()),
            None => format!("{}:{:?}", answer.name, answer.status),
        };
        self.conversation.outcome().answers.iter().map(show).collect()
    }

    /// `agent: words` or `caller: words` for every line.
    pub(super) fn transcript(&self) -> Vec<String> {
        let show =
            |line: &Line| format!("{:?}: {}{}", line.speaker, line.text.expose(), if line.cut { "…" } else { "" });
        self.conversation.outcome().transcript.iter().map(show).collect()
    }

    pub(super) fn give(&mut self, input: Input) {
        self.conversation.handle(self.now, input);
        self.drain();
    }

    /// The next event or timer, if it comes before `until`.
    pub(super) fn step(&mut self, until: Instant) -> bool {
        let event = self.events.keys().next().copied();
        let timer = self.conversation.poll_timeout();
        match (event, timer) {
            (Some(key), timer) if key.0 <= until && timer.is_none_or(|(at, _)| key.0 <= at) => {
                let input = self.events.remove(&key).expect("the key was just seen");
                self.now = self.now.max(key.0);
                self.deliver(input);
                true
            }
            (_, Some((at, _))) if at <= until => {
                self.now = self.now.max(at);
                self.conversation.handle_timeout(self.now);
                self.drain();
                true
            }
            _ => false,
        }
    }

    fn deliver(&mut self, input: Input) {
        match &input {
            Input::SpeechFinished { reply, .. } | Input::SpeechCut { reply, .. }
                if self.playing.as_ref().is_some_and(|playing| playing.reply == *reply) =>
            {
                self.playing = None;
            }
            Input::Understood { turn, .. } if self.open_turn.is_some_and(|open| open.turn == *turn) => {
                self.open_turn = None
            }
            _ => {}
        }
        self.give(input);
    }

    fn schedule(&mut self, at: Instant, input: Input) -> (Instant, u32) {
        let key = (at.max(self.now), self.sequence);
        self.sequence += 1;
        self.events.insert(key, input);
        key
    }

    /// Carries out what the conversation asks for, and checks that it may.
    fn drain(&mut self) {
        while let Some(action) = self.conversation.poll_action() {
            assert!(self.ended.is_none(), "nothing follows the end: {action:?}");
            self.log.push((self.now.saturating_duration_since(self.begin), action.clone()));
            match action {
                Action::Prepare { prompt, text } => self.synthesise(prompt, text.into_inner()),
                Action::Speak { reply, source: Source::Prompt(prompt), from } => self.play(reply, prompt, from),
                Action::StopSpeaking { reply, fade } => self.cut(reply, fade),
                Action::Listen { turn, ago, .. } => {
                    // A turn whose answer is overdue is given up by the next one's beginning.
                    assert!(self.open_turn.is_none_or(|open| open.ended), "one turn at a time");
                    self.open_turn = Some(OpenTurn { turn, since: self.now - ago, ended: false });
                }
                Action::EndTurn { turn } => self.recognise(turn),
                Action::AbandonTurn { turn } => {
                    assert_eq!(
                        self.open_turn.take().map(|open| open.turn),
                        Some(turn),
                        "only an open turn is abandoned"
                    );
                }
                Action::Transcribed(line) => self.check_line(&line),
                // Answered by hand.
                Action::Generate { .. }
                | Action::CancelGeneration { .. }
                | Action::RunTool { .. }
                | Action::CancelTool { .. }
                | Action::Transfer(_) => {}
                Action::Answered(_) | Action::Replied(_) | Action::OptOut { .. } | Action::Record(_) => {}
                Action::End(ending) => self.ended = Some(ending),
                other => panic!("no flow asks for this: {other:?}"),
            }
        }
    }

    fn synthesise(&mut self, prompt: PromptId, text: String) {
        let samples = text.len() as u64 * SAMPLES_A_CHARACTER;
        assert!(self.texts.insert(prompt, text).is_none(), "a text is asked for once");
        let input = match self.synthesis {
            Some(_) => Input::Prepared { prompt, samples, marks: Vec::new() },
            None => Input::PrepareFailed { prompt },
        };
        self.schedule(self.now + self.synthesis.unwrap_or(ms(30)), input);
    }

    fn play(&mut self, reply: ReplyId, prompt: PromptId, from: u64) {
        assert!(self.playing.is_none(), "one reply at a time");
        let samples = self.texts[&prompt].len() as u64 * SAMPLES_A_CHARACTER;
        assert!(from < samples, "there is something left to play");
        let started = self.now + ms(20);
        self.schedule(started, Input::SpeechStarted { reply, ago: Duration::ZERO });
        let at = started + ms((samples - from) / 8);
        let finish = self.schedule(at, Input::SpeechFinished { reply, ago: Duration::ZERO });
        self.playing = Some(Playing { reply, prompt, from, started, finish, stopping: false });
    }

    fn cut(&mut self, reply: ReplyId, fade: Duration) {
        let playing = self.playing.as_mut().expect("only what plays is stopped");
        assert!(playing.reply == reply && !playing.stopping, "a reply is stopped once");
        playing.stopping = true;
        let at = self.now + fade;
        if at < playing.finish.0 {
            let heard = u64::try_from(at.saturating_duration_since(playing.started).as_millis()).expect("short") * 8;
            let finish = playing.finish;
            self.events.remove(&finish);
            self.schedule(at, Input::SpeechCut { reply, heard, ago: Duration::ZERO });
        }
    }

    fn recognise(&mut self, turn: TurnId) {
        let open = self.open_turn.as_mut().expect("only an open turn is ended");
        assert!(open.turn == turn && !open.ended, "a turn is ended once");
        open.ended = true;
        let since = open.since;
        let Some(delay) = self.recognition else { return };
        let words: Vec<&str> = self
            .voices
            .iter()
            .filter(|(at, _)| *at >= since && *at <= self.now)
            .map(|(_, words)| words.as_str())
            .collect();
        let text = words.join(" ");
        let transcript = match text.trim() {
            NOISE => Transcript::Nothing,
            text if text.contains(MUMBLE) => Transcript::OutOfGrammar,
            text => Transcript::Words { text: Pii::new(text.to_owned()), confidence: Some(0.9) },
        };
        self.schedule(self.now + delay, Input::Understood { turn, transcript });
    }

    /// What the transcript says was heard is what was played: a beginning of the text from where it was begun.
    fn check_line(&self, line: &Line) {
        if line.speaker == Speaker::Agent {
            let words = line.text.expose();
            assert!(!words.is_empty() && line.from_ms <= line.to_ms, "{line:?}");
            assert!(
                self.texts.values().any(|text| if line.cut { text.contains(words) } else { text.ends_with(words) }),
                "never said: {words:?}"
            );
            if let Some(Playing { from: 0, prompt, .. }) = &self.playing {
                assert!(self.texts[prompt].starts_with(words), "{words:?} is no beginning");
            }
        }
    }
}
