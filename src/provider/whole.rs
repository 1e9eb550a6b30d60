//! A session on top of a synthesiser that knows only whole texts: each text it is given becomes audio of its own, and
//! they follow each other.

use std::collections::VecDeque;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::error::Error;
use super::tts::{
    EVENT_QUEUE, INPUT_QUEUE, Session, Speech, SpeechRequest, TextToSpeech, TtsEvent, TtsInput, UtteranceId, Voice,
    WordMark,
};
use crate::pii::Pii;

/// Texts of one utterance that wait to be spoken; what comes on top is refused with the utterance.
const TEXTS: usize = 256;

/// Opens a session that speaks through [`TextToSpeech::speak`]. Must be called inside a tokio runtime.
#[must_use]
pub fn open(tts: Arc<dyn TextToSpeech>, voice: &Voice) -> Session {
    let (input, inputs) = mpsc::channel(INPUT_QUEUE);
    let (events, session_events) = mpsc::channel(EVENT_QUEUE);
    let speaker = Speaker { tts, voice: voice.clone(), events, utterance: None, speaking: None };
    tokio::spawn(speaker.run(inputs));
    Session { input, events: session_events }
}

type Making = Pin<Box<dyn Future<Output = Result<Speech, Error>> + Send>>;

struct Speaker {
    tts: Arc<dyn TextToSpeech>,
    voice: Voice,
    events: mpsc::Sender<TtsEvent>,
    utterance: Option<Utterance>,
    speaking: Option<Making>,
}

/// What is being said.
struct Utterance {
    id: UtteranceId,
    texts: VecDeque<Pii<String>>,
    finishing: bool,
    /// Bytes and samples of the texts that are spoken.
    bytes: usize,
    samples: u64,
    /// Bytes of the text that is being spoken.
    length: usize,
}

/// The call has dropped its session.
struct Gone;

impl Speaker {
    async fn run(mut self, mut inputs: mpsc::Receiver<TtsInput>) {
        loop {
            let done = tokio::select! {
                biased;
                input = inputs.recv() => match input {
                    Some(input) => self.told(input).await,
                    None => return,
                },
                speech = next(&mut self.speaking) => self.spoken(speech).await,
            };
            if done.is_err() {
                return;
            }
        }
    }

    async fn told(&mut self, input: TtsInput) -> Result<(), Gone> {
        match input {
            TtsInput::Text { utterance, text } => {
                let current = self.utterance.take_if(|current| current.id == utterance);
                if current.is_none() {
                    self.speaking = None;
                }
                let mut current = current.unwrap_or_else(|| Utterance::new(utterance));
                if current.texts.len() < TEXTS && !text.expose().trim().is_empty() {
                    current.texts.push_back(text);
                }
                self.utterance = Some(current);
            }
            TtsInput::Finish { utterance } => {
                let current = self.utterance.get_or_insert_with(|| Utterance::new(utterance));
                current.finishing |= current.id == utterance;
            }
            TtsInput::Cancel { utterance, .. } => {
                if self.utterance.take_if(|current| current.id == utterance).is_some() {
                    self.speaking = None;
                }
            }
        }
        self.go_on().await
    }

    async fn spoken(&mut self, speech: Result<Speech, Error>) -> Result<(), Gone> {
        self.speaking = None;
        let Some(current) = &mut self.utterance else { return Ok(()) };
        let utterance = current.id;
        match speech {
            Ok(speech) => {
                let marks = current.marks(&speech);
                current.bytes += current.length;
                current.samples += speech.pcm.len() as u64;
                if !marks.is_empty() {
                    self.tell(TtsEvent::Marks { utterance, marks }).await?;
                }
                if !speech.pcm.is_empty() {
                    self.tell(TtsEvent::Audio { utterance, pcm: speech.pcm }).await?;
                }
                self.go_on().await
            }
            Err(error) => {
                self.utterance = None;
                self.tell(TtsEvent::Failed { utterance, error }).await
            }
        }
    }

    /// Speaks the next text, or ends the utterance when there is none and none will come.
    async fn go_on(&mut self) -> Result<(), Gone> {
        let Some(current) = &mut self.utterance else { return Ok(()) };
        if self.speaking.is_some() {
            return Ok(());
        }
        if let Some(text) = current.texts.pop_front() {
            current.length = text.expose().len();
            let (tts, request) = (Arc::clone(&self.tts), SpeechRequest { text, voice: self.voice.clone() });
            self.speaking = Some(Box::pin(async move { tts.speak(request).await }));
        } else if current.finishing {
            let utterance = current.id;
            self.utterance = None;
            self.tell(TtsEvent::Finished { utterance }).await?;
        }
        Ok(())
    }

    async fn tell(&mut self, event: TtsEvent) -> Result<(), Gone> {
        self.events.send(event).await.map_err(|_| Gone)
    }
}

impl Utterance {
    const fn new(id: UtteranceId) -> Self {
        Self { id, texts: VecDeque::new(), finishing: false, bytes: 0, samples: 0, length: 0 }
    }

    /// The marks of the text that was just spoken, counted from the utterance's beginning. Without marks of its own
    /// its end is one.
    fn marks(&self, speech: &Speech) -> Vec<WordMark> {
        let end = WordMark { text_end: self.length, sample_end: speech.pcm.len() as u64 };
        let own = if speech.marks.is_empty() { &[end][..] } else { &speech.marks };
        let moved = |mark: &WordMark| WordMark {
            text_end: self.bytes + mark.text_end,
            sample_end: self.samples + mark.sample_end,
        };
        own.iter().map(moved).collect()
    }
}

async fn next(speaking: &mut Option<Making>) -> Result<Speech, Error> {
    match speaking {
        Some(making) => making.await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::error::ErrorKind;
    use crate::provider::tts::Speaking;

    /// A sample for each byte; says nothing that holds a `!`.
    struct Typewriter;

    impl TextToSpeech for Typewriter {
        fn speak(&self, request: SpeechRequest) -> Speaking<'_> {
            Box::pin(async move {
                let text = request.text.into_inner();
                if text.contains('!') {
                    return Err(Error::new("typewriter", ErrorKind::Refused, "no such key"));
                }
                Ok(Speech { pcm: vec![1; text.len()].into(), marks: [].into() })
            })
        }

        fn open(self: Arc<Self>, voice: &Voice) -> Result<Session, Error> {
            Ok(open(self, voice))
        }
    }

    const ONE: UtteranceId = UtteranceId(1);
    const TWO: UtteranceId = UtteranceId(2);

    fn text(utterance: UtteranceId, text: &str) -> TtsInput {
        TtsInput::Text { utterance, text: Pii::new(text.to_owned()) }
    }

    async fn said(inputs: Vec<TtsInput>, until: impl Fn(&TtsEvent) -> bool) -> Vec<TtsEvent> {
        let mut session = open(Arc::new(Typewriter), &Voice::default());
        for input in inputs {
            session.input.send(input).await.expect("the session is open");
        }
        let mut events = Vec::new();
        while let Some(event) = session.events.recv().await {
            let last = until(&event);
            events.push(event);
            if last {
                break;
            }
        }
        events
    }

    #[tokio::test]
    async fn texts_follow_each_other_and_marks_count_from_the_beginning() {
        let inputs = vec![text(ONE, "One. "), text(ONE, "Two and three."), TtsInput::Finish { utterance: ONE }];
        let events = said(inputs, |event| matches!(event, TtsEvent::Finished { .. })).await;
        let marks: Vec<WordMark> = events
            .iter()
            .filter_map(|event| if let TtsEvent::Marks { marks, .. } = event { Some(marks.clone()) } else { None })
            .flatten()
            .collect();
        let at = |text_end, sample_end| WordMark { text_end, sample_end };
        assert_eq!(marks, [at(5, 5), at(19, 19)]);
        let samples = events.iter().map(|event| if let TtsEvent::Audio { pcm, .. } = event { pcm.len() } else { 0 });
        assert_eq!(samples.sum::<usize>(), 19);
    }

    #[tokio::test]
    async fn a_cancelled_utterance_does_not_hold_up_the_next() {
        let cancel = TtsInput::Cancel { utterance: ONE, heard: std::time::Duration::ZERO };
        let inputs = vec![text(ONE, "never finished "), cancel, text(TWO, "Yes."), TtsInput::Finish { utterance: TWO }];
        let events = said(inputs, |event| *event == TtsEvent::Finished { utterance: TWO }).await;
        assert!(!events.contains(&TtsEvent::Finished { utterance: ONE }), "{events:?}");
    }

    #[tokio::test]
    async fn a_text_that_cannot_be_spoken_fails_its_utterance_only() {
        let inputs = [text(ONE, "Oh!"), text(TWO, "Yes."), TtsInput::Finish { utterance: TWO }];
        let mut session = open(Arc::new(Typewriter), &Voice::default());
        session.input.send(inputs[0].clone()).await.expect("the session is open");
        assert!(matches!(session.events.recv().await, Some(TtsEvent::Failed { utterance: ONE, .. })));
        for input in &inputs[1..] {
            session.input.send(input.clone()).await.expect("the session is open");
        }
        let mut last = None;
        while last != Some(TtsEvent::Finished { utterance: TWO }) {
            last = session.events.recv().await;
            assert!(last.is_some(), "the session goes on");
        }
    }
}
