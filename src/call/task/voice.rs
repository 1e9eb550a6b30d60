//! The agent's texts on their way to speech: whole ones, and those a model writes sentence by sentence.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinSet};

use super::line::Line;
use crate::agent::input::PromptId;
use crate::call::providers::guarded;
use crate::pii::Pii;
use crate::provider::error::Error;
use crate::provider::tts::{
    self, RATE, Speech, SpeechRequest, TextToSpeech, TtsEvent, TtsInput, UtteranceId, WordMark,
};

/// While the call has more audio than it can keep, the synthesiser is looked at again this much later.
const AHEAD: Duration = Duration::from_millis(200);

/// The agent's voice in one call.
pub(super) struct Voice {
    tts: Arc<dyn TextToSpeech>,
    voice: tts::Voice,
    making: JoinSet<Result<Speech, Error>>,
    prompts: BTreeMap<Id, PromptId>,
    line: Option<Line<TtsInput, TtsEvent>>,
    /// Utterances begun and not ended.
    open: BTreeSet<UtteranceId>,
    /// What is to be told before anything else.
    news: VecDeque<Spoken>,
    /// An event that came along with audio and is looked at next.
    held: Option<TtsEvent>,
}

/// What became of a text.
#[derive(Debug)]
pub(super) enum Spoken {
    /// A whole text is there.
    Prompt(PromptId, Speech),
    /// A whole text cannot be spoken.
    PromptFailed(PromptId),
    /// More audio of an utterance.
    Audio(UtteranceId, Arc<[i16]>),
    /// Where words of it end.
    Marks(UtteranceId, Vec<WordMark>),
    /// It has all its audio.
    Finished(UtteranceId),
    /// It will not get more.
    Failed(UtteranceId),
    /// Nothing happened; time passed.
    Nothing,
}

impl Voice {
    pub(super) fn new(tts: Arc<dyn TextToSpeech>, voice: tts::Voice) -> Self {
        Self {
            tts,
            voice,
            making: JoinSet::new(),
            prompts: BTreeMap::new(),
            line: None,
            open: BTreeSet::new(),
            news: VecDeque::new(),
            held: None,
        }
    }

    /// Has a whole text spoken. What is being made ends with the call.
    pub(super) fn prepare(&mut self, prompt: PromptId, text: Pii<String>) {
        let tts = Arc::clone(&self.tts);
        let request = SpeechRequest { text, voice: self.voice.clone() };
        let task = self.making.spawn(async move { tts.speak(request).await });
        self.prompts.insert(task.id(), prompt);
    }

    /// Opens the session for streamed texts. True when there is one.
    pub(super) fn open(&mut self) -> bool {
        if self.line.is_none() {
            let (tts, voice) = (Arc::clone(&self.tts), self.voice.clone());
            let session = guarded(move || tts.open(&voice)).inspect_err(log).ok();
            self.line = session.map(|session| Line::new(session.input, session.events));
        }
        self.line.is_some()
    }

    /// Has more of an utterance spoken.
    pub(super) fn say(&mut self, utterance: UtteranceId, text: Pii<String>) {
        if !self.open() {
            return self.news.push_back(Spoken::Failed(utterance));
        }
        self.open.insert(utterance);
        self.tell(TtsInput::Text { utterance, text });
    }

    /// No more of an utterance follows.
    pub(super) fn say_no_more(&mut self, utterance: UtteranceId) {
        if self.open.contains(&utterance) {
            self.tell(TtsInput::Finish { utterance });
        }
    }

    /// Nobody listens to an utterance any more; so many samples of it were heard.
    pub(super) fn forget(&mut self, utterance: UtteranceId, heard: u64) {
        self.open.remove(&utterance);
        let heard = Duration::from_micros(heard * 1_000_000 / u64::from(RATE));
        self.tell(TtsInput::Cancel { utterance, heard });
    }

    /// Ends the session.
    pub(super) fn close(&mut self) {
        self.line = None;
        self.held = None;
        self.open.clear();
    }

    /// What becomes of texts next; waits for ever when there are none. With `ahead` the session is left alone for a
    /// while, so that its synthesiser waits.
    pub(super) async fn next(&mut self, ahead: bool) -> Spoken {
        loop {
            if let Some(news) = self.news.pop_front() {
                return news;
            }
            if let Some(event) = self.held.take() {
                match self.spoken(event) {
                    Some(spoken) => return spoken,
                    None => continue,
                }
            }
            tokio::select! {
                biased;
                Some(made) = self.making.join_next_with_id() => return self.made(made),
                event = next_event(&mut self.line), if !ahead => match event {
                    Some(event) => {
                        if let Some(spoken) = self.spoken(event) {
                            return spoken;
                        }
                    }
                    None => self.lose(),
                },
                () = tokio::time::sleep(AHEAD), if ahead => return Spoken::Nothing,
            }
        }
    }

    fn made(&mut self, made: Result<(Id, Result<Speech, Error>), tokio::task::JoinError>) -> Spoken {
        let id = made.as_ref().map_or_else(tokio::task::JoinError::id, |(id, _)| *id);
        let Some(prompt) = self.prompts.remove(&id) else { return Spoken::Nothing };
        match made {
            Ok((_, Ok(speech))) if !speech.pcm.is_empty() => return Spoken::Prompt(prompt, speech),
            Ok((_, Ok(_))) => tracing::warn!("a text came back as no sound at all"),
            Ok((_, Err(error))) => log(&error),
            Err(_) => tracing::error!("a speech provider panicked"),
        }
        Spoken::PromptFailed(prompt)
    }

    fn spoken(&mut self, event: TtsEvent) -> Option<Spoken> {
        match event {
            TtsEvent::Audio { utterance, pcm } => {
                self.is_open(utterance).then(|| Spoken::Audio(utterance, self.more(utterance, pcm)))
            }
            TtsEvent::Marks { utterance, marks } => self.is_open(utterance).then_some(Spoken::Marks(utterance, marks)),
            TtsEvent::Finished { utterance } => self.open.remove(&utterance).then_some(Spoken::Finished(utterance)),
            TtsEvent::Failed { utterance, error } => {
                log(&error);
                self.open.remove(&utterance).then_some(Spoken::Failed(utterance))
            }
            TtsEvent::Dead { error } => {
                log(&error);
                self.lose();
                None
            }
        }
    }

    /// A piece of audio with those that wait behind it: a vendor faster than its listener sends many small ones, and
    /// handing one over costs the same whatever its length.
    fn more(&mut self, utterance: UtteranceId, first: Arc<[i16]>) -> Arc<[i16]> {
        let mut all = Vec::new();
        while let Some(event) = self.line.as_mut().and_then(Line::ready) {
            match event {
                TtsEvent::Audio { utterance: other, pcm } if other == utterance => {
                    if all.is_empty() {
                        all.extend_from_slice(&first);
                    }
                    all.extend_from_slice(&pcm);
                }
                other @ (TtsEvent::Audio { .. }
                | TtsEvent::Marks { .. }
                | TtsEvent::Finished { .. }
                | TtsEvent::Failed { .. }
                | TtsEvent::Dead { .. }) => {
                    self.held = Some(other);
                    break;
                }
            }
        }
        if all.is_empty() { first } else { all.into() }
    }

    /// The session is over: what was being said is not said to its end. The next text opens another.
    fn lose(&mut self) {
        self.line = None;
        self.held = None;
        self.news.extend(std::mem::take(&mut self.open).into_iter().map(Spoken::Failed));
    }

    fn is_open(&self, utterance: UtteranceId) -> bool {
        self.open.contains(&utterance)
    }

    fn tell(&mut self, input: TtsInput) {
        if let Some(line) = &mut self.line {
            line.send(input);
        }
    }
}

async fn next_event(line: &mut Option<Line<TtsInput, TtsEvent>>) -> Option<TtsEvent> {
    match line {
        Some(line) => line.next().await,
        None => pending().await,
    }
}

fn log(error: &Error) {
    tracing::warn!(provider = %error.provider, kind = ?error.kind, "a text could not be spoken");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::error::ErrorKind;
    use crate::provider::tts::{Session, Speaking};
    use tokio::sync::mpsc;

    type Ends = (mpsc::Receiver<TtsInput>, mpsc::Sender<TtsEvent>);

    /// Hands its other end to the test; whole texts are as long as they are written, and `!` makes it panic.
    struct Puppet(mpsc::UnboundedSender<Ends>);

    impl TextToSpeech for Puppet {
        fn speak(&self, request: SpeechRequest) -> Speaking<'_> {
            Box::pin(async move {
                let text = request.text.into_inner();
                assert!(!text.contains('!'), "a bug, as a test wants it");
                Ok(Speech { pcm: vec![1; text.len()].into(), marks: [].into() })
            })
        }

        fn open(self: Arc<Self>, _: &tts::Voice) -> Result<Session, Error> {
            let (input, inputs) = mpsc::channel(64);
            let (events_in, events) = mpsc::channel(64);
            self.0.send((inputs, events_in)).expect("the test listens");
            Ok(Session { input, events })
        }
    }

    const ONE: UtteranceId = UtteranceId(1);
    const TWO: UtteranceId = UtteranceId(2);

    fn voice() -> (Voice, mpsc::UnboundedReceiver<Ends>) {
        let (ends, opened) = mpsc::unbounded_channel();
        (Voice::new(Arc::new(Puppet(ends)), tts::Voice::default()), opened)
    }

    fn text(text: &str) -> Pii<String> {
        Pii::new(text.to_owned())
    }

    fn audio(utterance: UtteranceId) -> TtsEvent {
        TtsEvent::Audio { utterance, pcm: vec![1; 160].into() }
    }

    #[tokio::test]
    async fn whole_texts_come_back_and_a_panic_is_a_failure() {
        let (mut voice, _) = voice();
        voice.prepare(PromptId(4), text("Hello."));
        assert!(matches!(voice.next(false).await, Spoken::Prompt(PromptId(4), speech) if speech.pcm.len() == 6));
        voice.prepare(PromptId(5), text("Oh!"));
        assert!(matches!(voice.next(false).await, Spoken::PromptFailed(PromptId(5))));
        voice.prepare(PromptId(6), text(""));
        assert!(matches!(voice.next(false).await, Spoken::PromptFailed(PromptId(6))), "silence is no speech");
    }

    #[tokio::test]
    async fn events_of_a_forgotten_utterance_are_passed_over() {
        let (mut voice, mut opened) = voice();
        voice.say(ONE, text("One."));
        voice.forget(ONE, 800);
        voice.say(TWO, text("Two."));
        voice.say_no_more(TWO);
        let (mut inputs, events) = opened.try_recv().expect("one session");
        assert!(opened.try_recv().is_err(), "and only one");
        let told: Vec<TtsInput> = std::iter::from_fn(|| inputs.try_recv().ok()).collect();
        assert!(
            matches!(
                &told[..],
                [
                    TtsInput::Text { utterance: ONE, .. },
                    TtsInput::Cancel { utterance: ONE, heard },
                    TtsInput::Text { utterance: TWO, .. },
                    TtsInput::Finish { utterance: TWO },
                ] if *heard == Duration::from_millis(100)
            ),
            "{told:?}"
        );
        let error = Error::new("puppet", ErrorKind::Broken, "late");
        for event in [audio(ONE), TtsEvent::Failed { utterance: ONE, error }, audio(TWO)] {
            events.send(event).await.expect("the call is there");
        }
        assert!(matches!(voice.next(false).await, Spoken::Audio(TWO, _)));
        for event in [TtsEvent::Finished { utterance: TWO }, audio(TWO), audio(ONE)] {
            events.send(event).await.expect("the call is there");
        }
        assert!(matches!(voice.next(false).await, Spoken::Finished(TWO)));
        drop(events);
        let over = tokio::time::timeout(Duration::from_millis(20), voice.next(false)).await;
        assert!(over.is_err(), "{over:?}");
    }

    #[tokio::test]
    async fn a_session_that_goes_fails_what_it_was_saying_and_the_next_text_opens_another() {
        let (mut voice, mut opened) = voice();
        voice.say(ONE, text("One."));
        drop(opened.try_recv().expect("a session"));
        assert!(matches!(voice.next(false).await, Spoken::Failed(ONE)));
        voice.say(TWO, text("Two."));
        let (_, events) = opened.try_recv().expect("another session");
        events.send(audio(TWO)).await.expect("the call is there");
        assert!(matches!(voice.next(false).await, Spoken::Audio(TWO, _)));
    }

    #[tokio::test]
    async fn pieces_that_came_together_are_handed_on_together_and_in_order() {
        let (mut voice, mut opened) = voice();
        voice.say(ONE, text("One."));
        let (_inputs, events) = opened.try_recv().expect("a session");
        let marks = vec![WordMark { text_end: 4, sample_end: 320 }];
        let marked = TtsEvent::Marks { utterance: ONE, marks: marks.clone() };
        for event in [audio(ONE), audio(ONE), marked, audio(ONE), TtsEvent::Finished { utterance: ONE }] {
            events.send(event).await.expect("the call is there");
        }
        assert!(matches!(voice.next(false).await, Spoken::Audio(ONE, pcm) if pcm.len() == 320));
        assert!(matches!(voice.next(false).await, Spoken::Marks(ONE, found) if found == marks));
        assert!(matches!(voice.next(false).await, Spoken::Audio(ONE, pcm) if pcm.len() == 160));
        assert!(matches!(voice.next(false).await, Spoken::Finished(ONE)));
    }

    #[tokio::test]
    async fn a_synthesiser_far_ahead_waits() {
        let (mut voice, mut opened) = voice();
        voice.say(ONE, text("One."));
        let (_inputs, events) = opened.try_recv().expect("a session");
        events.send(audio(ONE)).await.expect("the call is there");
        assert!(matches!(voice.next(true).await, Spoken::Nothing));
        assert!(matches!(voice.next(false).await, Spoken::Audio(ONE, _)));
    }
}
