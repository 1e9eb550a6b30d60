//! The models of one call: generations of a language model, or a model that hears and speaks by itself.

use std::collections::{BTreeMap, VecDeque};
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use callwright_media::frame::FRAME_8K;

use super::bites::Bites;
use super::line::Line;
use crate::agent::input::{GenerationId, Input};
use crate::agent::native::{NativeNews, NativeOrder};
use crate::call::providers::guarded;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::llm::{Generation, LanguageModel, LlmEvent, LlmRequest};
use crate::provider::s2s::{S2sEvent, S2sInput, S2sRequest, SpeechToSpeech};

/// Pieces of audio that wait behind a model that takes none; then the oldest goes.
const WAITING: usize = 32;

/// What thinks in one call.
pub(super) struct Brain {
    llm: Option<Arc<dyn LanguageModel>>,
    generations: BTreeMap<GenerationId, Generation>,
    s2s: Option<Arc<dyn SpeechToSpeech>>,
    /// The vendor's voice and the language of a model that speaks.
    speech: (String, String),
    native: Option<Line<S2sInput, S2sEvent>>,
    /// What it is opened with, until the phone rings.
    request: Option<S2sRequest>,
    ringing: bool,
    answered: bool,
    bites: Bites,
    news: VecDeque<Thought>,
    dropped: u64,
}

/// What a model came up with.
#[derive(Debug)]
pub(super) enum Thought {
    /// For the conversation.
    Told(Input),
    /// More audio of an item.
    Audio(String, Arc<[i16]>),
    /// An item has all its audio.
    ItemFinished(String),
}

impl Brain {
    pub(super) fn new(
        llm: Option<Arc<dyn LanguageModel>>,
        s2s: Option<Arc<dyn SpeechToSpeech>>,
        speech: (String, String),
    ) -> Self {
        Self {
            llm,
            generations: BTreeMap::new(),
            s2s,
            speech,
            native: None,
            request: None,
            ringing: false,
            answered: false,
            bites: Bites::default(),
            news: VecDeque::new(),
            dropped: 0,
        }
    }

    /// Whether a model writes what is said, or speaks itself.
    pub(super) fn has_model(&self) -> bool {
        self.llm.is_some() || self.s2s.is_some()
    }

    /// Whether a model hears the caller.
    pub(super) fn hears(&self) -> bool {
        self.native.is_some()
    }

    /// The phone rings: connections are made.
    pub(super) fn ring(&mut self) {
        if std::mem::replace(&mut self.ringing, true) {
            return;
        }
        if let Some(llm) = self.llm.clone() {
            // A connection that is not made early is made late.
            let _ = guarded(move || {
                llm.warm();
                Ok(())
            });
        }
        self.open();
    }

    /// The call is answered: from here on the caller is heard.
    pub(super) fn answer(&mut self) {
        self.ring();
        self.answered = true;
    }

    /// While in a hurry, what the caller says goes up without delay.
    pub(super) fn hurry(&mut self, hurry: bool) {
        self.bites.hurry(hurry);
        if let Some(rest) = hurry.then(|| self.bites.take()).flatten() {
            self.audio(rest);
        }
    }

    /// Takes 20 ms of the caller.
    pub(super) fn hear(&mut self, samples: &[i16; FRAME_8K]) {
        let wanted = self.answered && self.native.is_some();
        if let Some(bite) = wanted.then(|| self.bites.push(samples)).flatten() {
            self.audio(bite);
        }
    }

    /// Asks the language model.
    pub(super) fn generate(&mut self, generation: GenerationId, request: LlmRequest) {
        let begun = match self.llm.clone() {
            Some(llm) => guarded(move || Ok(llm.generate(request))),
            None => Err(Error::new("no model", ErrorKind::NotInstalled, "the assistant has no language model")),
        };
        match begun {
            Ok(begun) => drop(self.generations.insert(generation, begun)),
            Err(error) => {
                log(&error);
                let failed = Input::GenerationFailed { generation, kind: error.kind };
                self.news.push_back(Thought::Told(failed));
            }
        }
    }

    /// Nobody wants what comes of it.
    pub(super) fn cancel(&mut self, generation: GenerationId) {
        self.generations.remove(&generation);
    }

    /// Tells the model that hears and speaks.
    pub(super) fn order(&mut self, order: NativeOrder) {
        let input = match order {
            NativeOrder::Open { instructions, tools } => {
                let (voice, language) = self.speech.clone();
                self.request = Some(S2sRequest { instructions, voice, language, tools });
                return self.open();
            }
            NativeOrder::Respond { instructions } => S2sInput::Respond { instructions },
            NativeOrder::Cancel => S2sInput::Cancel,
            NativeOrder::Truncate { item, heard } => S2sInput::Truncate { item, heard },
            NativeOrder::ToolResult { call, result } => S2sInput::ToolResult { call, result },
            NativeOrder::Note(note) => S2sInput::Note(note),
        };
        if let Some(native) = &mut self.native {
            native.send(input);
        }
    }

    /// Ends everything under way.
    pub(super) fn close(&mut self) {
        self.generations.clear();
        self.native = None;
        self.request = None;
    }

    /// Pieces of audio the model did not take in time.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The next thought; waits for ever when nothing thinks. With `ahead` the model that speaks is left alone.
    pub(super) async fn next(&mut self, ahead: bool) -> Thought {
        loop {
            if let Some(news) = self.news.pop_front() {
                return news;
            }
            let thought = tokio::select! {
                biased;
                (generation, event) = next_event(&mut self.generations) => Some(self.generated(generation, event)),
                event = next_native(&mut self.native), if !ahead => self.spoken(event),
            };
            if let Some(thought) = thought {
                return thought;
            }
        }
    }

    fn generated(&mut self, generation: GenerationId, event: Option<LlmEvent>) -> Thought {
        let input = match event {
            Some(LlmEvent::Text(text)) => Input::Token { generation, text },
            Some(LlmEvent::Call(call)) => Input::ToolCalled { generation, call },
            Some(LlmEvent::Finished { reason, .. }) => {
                self.generations.remove(&generation);
                Input::Generated { generation, reason }
            }
            Some(LlmEvent::Failed(error)) => {
                log(&error);
                self.generations.remove(&generation);
                Input::GenerationFailed { generation, kind: error.kind }
            }
            // Its task went without a word: a bug of the adapter.
            None => {
                tracing::error!("a generation ended without an end");
                self.generations.remove(&generation);
                Input::GenerationFailed { generation, kind: ErrorKind::Broken }
            }
        };
        Thought::Told(input)
    }

    fn spoken(&mut self, event: Option<S2sEvent>) -> Option<Thought> {
        let news = match event {
            Some(S2sEvent::Audio { item, pcm }) => return Some(Thought::Audio(item, pcm)),
            Some(S2sEvent::ItemFinished { item }) => return Some(Thought::ItemFinished(item)),
            Some(S2sEvent::Ready) => NativeNews::Ready,
            Some(S2sEvent::CallerStarted) => NativeNews::CallerStarted,
            Some(S2sEvent::CallerStopped) => NativeNews::CallerStopped,
            Some(S2sEvent::CallerSaid(words)) => NativeNews::CallerSaid(words),
            Some(S2sEvent::Words { item, text }) => NativeNews::Words { item, text },
            Some(S2sEvent::Call(call)) => NativeNews::Called(call),
            Some(S2sEvent::Finished { .. }) => NativeNews::Finished,
            Some(S2sEvent::Interrupted { error }) => {
                log(&error);
                NativeNews::Interrupted
            }
            Some(S2sEvent::Dead { error }) => {
                log(&error);
                self.native = None;
                NativeNews::Dead
            }
            None => {
                self.native = None;
                NativeNews::Dead
            }
        };
        Some(Thought::Told(Input::Native(news)))
    }

    /// Opens the session of a model that speaks, once the phone rings and the conversation has said with what.
    fn open(&mut self) {
        let Some(request) = self.request.take_if(|_| self.ringing) else { return };
        let opened = match self.s2s.clone() {
            Some(s2s) => guarded(move || s2s.open(request)),
            None => Err(Error::new("no model", ErrorKind::NotInstalled, "the assistant has no model that speaks")),
        };
        match opened {
            Ok(session) => self.native = Some(Line::new(session.input, session.events)),
            Err(error) => {
                log(&error);
                self.news.push_back(Thought::Told(Input::Native(NativeNews::Dead)));
            }
        }
    }

    fn audio(&mut self, samples: Arc<[i16]>) {
        let Some(native) = &mut self.native else { return };
        let is_audio = |input: &S2sInput| matches!(input, S2sInput::Audio(_));
        self.dropped += u64::from(native.send_audio(S2sInput::Audio(samples), is_audio, WAITING));
    }
}

async fn next_event(generations: &mut BTreeMap<GenerationId, Generation>) -> (GenerationId, Option<LlmEvent>) {
    poll_fn(|context| {
        for (number, generation) in generations.iter_mut() {
            if let Poll::Ready(event) = generation.events.poll_recv(context) {
                return Poll::Ready((*number, event));
            }
        }
        Poll::Pending
    })
    .await
}

async fn next_native(native: &mut Option<Line<S2sInput, S2sEvent>>) -> Option<S2sEvent> {
    match native {
        Some(native) => native.next().await,
        None => pending().await,
    }
}

fn log(error: &Error) {
    tracing::warn!(provider = %error.provider, kind = ?error.kind, "a model failed");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;
    use crate::pii::Pii;
    use crate::provider::llm::FinishReason;
    use crate::provider::s2s::Session;

    type Heard = mpsc::UnboundedReceiver<mpsc::Sender<LlmEvent>>;
    type Ends = (S2sRequest, mpsc::Receiver<S2sInput>, mpsc::Sender<S2sEvent>);

    /// Hands the other end of every generation to the test; panics when it may write no token.
    struct Writer(mpsc::UnboundedSender<mpsc::Sender<LlmEvent>>);

    impl LanguageModel for Writer {
        fn generate(&self, request: LlmRequest) -> Generation {
            assert!(request.max_tokens > 0, "a bug, as a test wants it");
            let (sender, events) = mpsc::channel(8);
            self.0.send(sender).expect("the test listens");
            Generation { events }
        }
    }

    struct Speaker(mpsc::UnboundedSender<Ends>);

    impl SpeechToSpeech for Speaker {
        fn open(&self, request: S2sRequest) -> Result<Session, Error> {
            let (input, inputs) = mpsc::channel(64);
            let (sender, events) = mpsc::channel(8);
            self.0.send((request, inputs, sender)).expect("the test listens");
            Ok(Session { input, events })
        }
    }

    fn writer() -> (Brain, Heard) {
        let (sender, heard) = mpsc::unbounded_channel();
        (Brain::new(Some(Arc::new(Writer(sender))), None, Default::default()), heard)
    }

    fn request(max_tokens: u32) -> LlmRequest {
        LlmRequest { messages: [].into(), tools: [].into(), max_tokens, temperature: None, schema: None }
    }

    async fn told(brain: &mut Brain) -> Input {
        match brain.next(false).await {
            Thought::Told(input) => input,
            other @ (Thought::Audio(..) | Thought::ItemFinished(_)) => panic!("{other:?}"),
        }
    }

    fn text(text: &str) -> Pii<String> {
        Pii::new(text.to_owned())
    }

    const ONE: GenerationId = GenerationId(1);
    const TWO: GenerationId = GenerationId(2);

    #[tokio::test]
    async fn generations_are_told_apart_and_a_cancelled_one_is_gone() {
        let (mut brain, mut heard) = writer();
        brain.generate(ONE, request(10));
        brain.generate(TWO, request(10));
        let (one, two) = (heard.try_recv().expect("asked"), heard.try_recv().expect("asked twice"));
        one.send(LlmEvent::Text(text("No"))).await.expect("wanted");
        brain.cancel(ONE);
        assert!(one.is_closed(), "the vendor is told");
        two.send(LlmEvent::Text(text("Yes"))).await.expect("wanted");
        assert_eq!(told(&mut brain).await, Input::Token { generation: TWO, text: text("Yes") });
        two.send(LlmEvent::Finished { reason: FinishReason::Stop, usage: None }).await.expect("wanted");
        assert_eq!(told(&mut brain).await, Input::Generated { generation: TWO, reason: FinishReason::Stop });
    }

    #[tokio::test]
    async fn a_generation_that_cannot_begin_or_goes_without_a_word_has_failed() {
        let (mut brain, mut heard) = writer();
        brain.generate(ONE, request(0));
        let failed = |generation, kind| Input::GenerationFailed { generation, kind };
        assert_eq!(told(&mut brain).await, failed(ONE, ErrorKind::Broken));
        brain.generate(TWO, request(10));
        drop(heard.try_recv().expect("asked"));
        assert_eq!(told(&mut brain).await, failed(TWO, ErrorKind::Broken));
        let mut nobody = Brain::new(None, None, Default::default());
        nobody.generate(ONE, request(10));
        assert_eq!(told(&mut nobody).await, failed(ONE, ErrorKind::NotInstalled));
    }

    #[tokio::test]
    async fn a_model_that_speaks_is_connected_while_it_rings_and_hears_from_the_answer_on() {
        let (sender, mut opened) = mpsc::unbounded_channel();
        let mut brain = Brain::new(None, Some(Arc::new(Speaker(sender))), ("marin".to_owned(), "en".to_owned()));
        brain.order(NativeOrder::Open { instructions: text("Be kind."), tools: [].into() });
        assert!(opened.try_recv().is_err(), "nobody rings yet");
        brain.ring();
        let (request, mut inputs, events) = opened.try_recv().expect("opened");
        assert_eq!((request.voice.as_str(), request.instructions), ("marin", text("Be kind.")));
        (0..6).for_each(|_| brain.hear(&[7; FRAME_8K]));
        assert!(inputs.try_recv().is_err(), "early media is not the caller");
        brain.answer();
        (0..4).for_each(|_| brain.hear(&[7; FRAME_8K]));
        assert!(matches!(inputs.try_recv(), Ok(S2sInput::Audio(samples)) if samples.len() == 640));
        brain.order(NativeOrder::Truncate { item: "a".to_owned(), heard: Duration::from_millis(20) });
        assert!(matches!(inputs.try_recv(), Ok(S2sInput::Truncate { .. })));
        events.send(S2sEvent::Audio { item: "a".to_owned(), pcm: [1; 160].into() }).await.expect("wanted");
        assert!(matches!(brain.next(false).await, Thought::Audio(item, pcm) if item == "a" && pcm.len() == 160));
        drop(events);
        assert_eq!(told(&mut brain).await, Input::Native(NativeNews::Dead));
    }
}
