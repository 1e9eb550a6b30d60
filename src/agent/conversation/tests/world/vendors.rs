//! Who works for the conversation: what they make of what they are told, and when.

use super::*;
use crate::agent::conversation::tests::world::Event;
use crate::provider::error::ErrorKind;
use crate::provider::llm::{FinishReason, ToolCall};
use crate::provider::stt::Transcript;
use crate::provider::tts::WordMark;

/// How fast the agent speaks: 20 letters a second.
pub(in super::super) const SAMPLES_A_BYTE: u64 = 400;

/// What the model says when no test has told it.
const USUAL: &str = "Certainly, I can tell you all about that. We open at nine in the morning and close at six.";

/// The recogniser.
pub(in super::super) struct Ears {
    pub(in super::super) manner: Manner,
    /// From a word to its report.
    pub(in super::super) lag: Duration,
    /// From the question to the answer; `None`: never.
    pub(in super::super) answer: Option<Duration>,
    /// It reports every final twice.
    pub(in super::super) twice: bool,
    pub(super) voices: u32,
    words: Vec<String>,
    eager: bool,
}

impl Default for Ears {
    fn default() -> Self {
        Self {
            manner: Manner::TURN_BY_TURN,
            lag: ms(120),
            answer: Some(ms(80)),
            twice: false,
            voices: 0,
            words: Vec::new(),
            eager: false,
        }
    }
}

/// An answer of the model's.
#[derive(Clone)]
pub(in super::super) struct Answer {
    pub(in super::super) first: Duration,
    pub(in super::super) gap: Duration,
    pub(in super::super) text: String,
    pub(in super::super) calls: Vec<(String, String)>,
    /// It fails behind so many tokens.
    pub(in super::super) fails: Option<usize>,
    /// It stops for good behind so many tokens.
    pub(in super::super) hangs: Option<usize>,
}

impl Answer {
    pub(in super::super) fn says(text: &str) -> Self {
        Self { first: ms(250), gap: ms(15), text: text.to_owned(), calls: Vec::new(), fails: None, hangs: None }
    }

    pub(in super::super) fn calls(text: &str, name: &str, arguments: &str) -> Self {
        Self::says(text).and_calls(name, arguments)
    }

    pub(in super::super) fn and_calls(mut self, name: &str, arguments: &str) -> Self {
        self.calls.push((name.to_owned(), arguments.to_owned()));
        self
    }

    pub(in super::super) fn fails(text: &str, behind: usize) -> Self {
        Self { fails: Some(behind), ..Self::says(text) }
    }

    pub(in super::super) fn hangs(text: &str, behind: usize) -> Self {
        Self { hangs: Some(behind), ..Self::says(text) }
    }

    pub(in super::super) fn after(self, first: Duration) -> Self {
        Self { first, ..self }
    }
}

/// Speech being made.
#[derive(Default)]
pub(super) struct Utterance {
    pub(super) text: String,
    pub(super) samples: u64,
    pub(super) complete: bool,
    pub(super) fails: bool,
    pub(super) forgotten: bool,
    begun: bool,
    ready: Option<Instant>,
    marked: usize,
}

impl Utterance {
    pub(super) fn available(&self) -> (u64, bool) {
        (self.samples, self.complete)
    }
}

impl World {
    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Input(input) => self.give(input),
            Event::Word(word) => self.word(word),
            Event::Made(utterance, samples) => self.made(utterance, samples),
            Event::Complete(id) => {
                let utterance = self.utterances.get_mut(&id).expect("it was begun");
                if !utterance.fails {
                    utterance.complete = true;
                    let samples = utterance.samples;
                    self.give(Input::Synthesised { utterance: id, samples, complete: true });
                }
            }
            Event::Answer(turn) => self.answer(turn),
            Event::Decide(decision) => self.decide(decision),
            Event::Generation(id, input) => {
                if self.calls_out.get(&id).copied().unwrap_or(false) {
                    self.give(input);
                }
            }
        }
    }

    /// A word of the caller's has reached the recogniser's mind.
    fn word(&mut self, word: String) {
        if self.ears.answer.is_none() && !self.ears.manner.continuous {
            return;
        }
        self.ears.words.push(word);
        if self.ears.manner.continuous && self.ears.answer.is_some() {
            if self.ears.manner.detects_turns {
                if self.ears.words.len() == 1 {
                    self.give(Input::Heard(Heard::TurnStarted));
                }
                if std::mem::take(&mut self.ears.eager) {
                    self.give(Input::Heard(Heard::Resumed));
                }
            }
            let words = Pii::new(self.ears.words.join(" "));
            self.give(Input::Heard(Heard::Partial { words }));
        }
    }

    fn decide(&mut self, decision: Decision) {
        let (voice, end) = match decision {
            Decision::Eager(voice) => (voice, false),
            Decision::End(voice) => (voice, true),
        };
        if voice != self.ears.voices || self.ears.words.is_empty() || self.ears.answer.is_none() {
            return;
        }
        let words = Pii::new(self.ears.words.join(" "));
        if end {
            self.ears.words.clear();
            self.ears.eager = false;
            self.give(Input::Heard(Heard::TurnEnded { words: words.clone() }));
            if self.ears.twice {
                self.give(Input::Heard(Heard::TurnEnded { words }));
            }
        } else {
            self.ears.eager = true;
            self.give(Input::Heard(Heard::EagerEnd { words }));
        }
    }

    fn answer(&mut self, turn: TurnId) {
        let text = std::mem::take(&mut self.ears.words).join(" ");
        let transcript = match text.as_str() {
            "" => Transcript::Nothing,
            _ => Transcript::Words { text: Pii::new(text), confidence: Some(0.9) },
        };
        self.give(Input::Understood { turn, transcript: transcript.clone() });
        if self.ears.twice {
            self.give(Input::Understood { turn, transcript });
        }
    }

    pub(super) fn recognise(&mut self, turn: TurnId) {
        if let Some(delay) = self.ears.answer {
            self.schedule(self.now + delay, Event::Answer(turn));
        }
    }

    pub(super) fn forget_words(&mut self) {
        self.ears.words.clear();
    }

    pub(super) fn synthesise(&mut self, id: UtteranceId, text: &str) {
        let utterance = self.utterances.entry(id).or_default();
        let first = !std::mem::replace(&mut utterance.begun, true);
        utterance.text.push_str(text);
        let samples = utterance.text.len() as u64 * SAMPLES_A_BYTE;
        if first && self.failing_utterances > 0 {
            self.failing_utterances -= 1;
            let utterance = self.utterances.get_mut(&id).expect("it was just there");
            utterance.fails = true;
            self.schedule(self.now + ms(400), Event::Input(Input::SpeechFailed { utterance: id }));
            return;
        }
        let Some(delay) = self.voice_delay else { return };
        let utterance = self.utterances.get_mut(&id).expect("it was just there");
        let at = (self.now + if first { delay } else { ms(40) }).max(utterance.ready.unwrap_or(self.now));
        utterance.ready = Some(at);
        self.schedule(at, Event::Made(id, samples));
    }

    pub(super) fn finish_utterance(&mut self, id: UtteranceId) {
        let Some(ready) = self.utterances[&id].ready else { return };
        self.schedule(ready.max(self.now) + ms(10), Event::Complete(id));
    }

    /// More audio is there, with the ends of its words.
    fn made(&mut self, id: UtteranceId, samples: u64) {
        let utterance = self.utterances.get_mut(&id).expect("it was begun");
        if utterance.fails {
            return;
        }
        utterance.samples = utterance.samples.max(samples);
        let upto = usize::try_from(samples / SAMPLES_A_BYTE).expect("short");
        let marks: Vec<WordMark> = checks::word_ends(&utterance.text)
            .filter(|end| *end > utterance.marked && *end <= upto)
            .map(|end| WordMark { text_end: end, sample_end: end as u64 * SAMPLES_A_BYTE })
            .collect();
        utterance.marked = upto;
        let samples = utterance.samples;
        self.give(Input::Synthesised { utterance: id, samples, complete: false });
        if self.marks {
            self.give(Input::Marks { utterance: id, marks });
        }
    }

    pub(super) fn think(&mut self, id: GenerationId) {
        let answer = self.answers.pop_front().unwrap_or_else(|| Answer::says(USUAL));
        self.calls_out.insert(id, true);
        let mut at = self.now + answer.first;
        let letters: Vec<char> = answer.text.chars().collect();
        for (index, token) in letters.chunks(4).enumerate() {
            if answer.fails == Some(index) || answer.hangs == Some(index) {
                break;
            }
            let text = Pii::new(token.iter().collect::<String>());
            self.schedule(at, Event::Generation(id, Input::Token { generation: id, text }));
            at += answer.gap;
        }
        if answer.hangs.is_some() {
            return;
        }
        if answer.fails.is_some() {
            let failed = Input::GenerationFailed { generation: id, kind: ErrorKind::Broken };
            return self.schedule(at, Event::Generation(id, failed));
        }
        let reason = if answer.calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls };
        for (index, (name, arguments)) in answer.calls.into_iter().enumerate() {
            let call = ToolCall { id: format!("call_{}_{index}", id.0), name, arguments: Pii::new(arguments) };
            self.schedule(at, Event::Generation(id, Input::ToolCalled { generation: id, call }));
        }
        self.schedule(at, Event::Generation(id, Input::Generated { generation: id, reason }));
    }

    /// The model is told to stop; what is on its way still comes.
    pub(super) fn stop_thinking(&mut self, id: GenerationId) {
        let late = self.now + ms(30);
        let gone: Vec<_> = self
            .events
            .iter()
            .filter(|((at, _), event)| *at > late && matches!(event, Event::Generation(other, _) if *other == id))
            .map(|(key, _)| *key)
            .collect();
        for key in gone {
            self.events.remove(&key);
        }
    }

    pub(super) fn run_tool(&mut self, run: ToolRunId, name: &str) {
        let (delay, result) =
            self.tools.get(name).cloned().unwrap_or_else(|| (Some(ms(100)), r#"{"ok":true}"#.to_owned()));
        if let Some(delay) = delay {
            self.schedule(self.now + delay, Event::Input(Input::ToolResult { run, result: Pii::new(result) }));
        }
    }

    pub(super) fn transfer(&mut self) {
        for (delay, news) in std::mem::take(&mut self.transfer) {
            self.schedule(self.now + delay, Event::Input(Input::Transfer(news)));
        }
    }

    pub(super) fn later(&mut self, delay: Duration, input: Input) {
        self.schedule(self.now + delay, Event::Input(input));
    }

    /// A speech-to-speech model has more of an item.
    pub(in super::super) fn item(&mut self, item: &str, text: &str, complete: bool) {
        let known = self.items.entry(item.to_owned()).or_default();
        known.text.push_str(text);
        known.samples = known.text.len() as u64 * SAMPLES_A_BYTE;
        known.complete |= complete;
        let samples = known.samples;
        self.give(Input::Native(NativeNews::Words { item: item.to_owned(), text: Pii::new(text.to_owned()) }));
        self.give(Input::Native(NativeNews::Audio { item: item.to_owned(), samples, complete }));
    }
}
