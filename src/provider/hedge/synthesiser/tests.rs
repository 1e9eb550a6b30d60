//! The shell: what the core decides is done.

use super::*;
use crate::pii::Pii;
use crate::provider::tts::UtteranceId;

const MS: Duration = Duration::from_millis(1);
const ONE: UtteranceId = UtteranceId(1);

/// Gives a sample of its own number for each byte, so late, and breaks after so many texts.
struct Typewriter {
    number: i16,
    late: Duration,
    breaks_after: usize,
}

impl TextToSpeech for Typewriter {
    fn speak(&self, request: SpeechRequest) -> Speaking<'_> {
        Box::pin(async move {
            tokio::time::sleep(self.late).await;
            if self.breaks_after == 0 {
                return Err(Error::new("typewriter", ErrorKind::Broken, "no"));
            }
            let length = request.text.expose().len() + request.voice.name.len();
            Ok(Speech { pcm: vec![self.number; length].into(), marks: [].into() })
        })
    }

    fn open(self: Arc<Self>, _: &Voice) -> Result<Session, Error> {
        let (input, mut inputs) = mpsc::channel(INPUT_QUEUE);
        let (sender, events) = mpsc::channel(EVENT_QUEUE);
        tokio::spawn(async move {
            let mut texts = 0;
            while let Some(input) = inputs.recv().await {
                match input {
                    TtsInput::Text { utterance, text } => {
                        tokio::time::sleep(self.late).await;
                        if texts == self.breaks_after {
                            let error = Error::new("typewriter", ErrorKind::Broken, "no");
                            drop(sender.send(TtsEvent::Failed { utterance, error }).await);
                            continue;
                        }
                        texts += 1;
                        let pcm = vec![self.number; text.expose().len()].into();
                        let end = crate::provider::tts::WordMark {
                            text_end: text.expose().len(),
                            sample_end: text.expose().len() as u64,
                        };
                        drop(sender.send(TtsEvent::Audio { utterance, pcm }).await);
                        drop(sender.send(TtsEvent::Marks { utterance, marks: vec![end] }).await);
                    }
                    TtsInput::Finish { utterance } => drop(sender.send(TtsEvent::Finished { utterance }).await),
                    TtsInput::Cancel { .. } => {}
                }
            }
        });
        Ok(Session { input, events })
    }
}

fn voice(number: i16, late: Duration, breaks_after: usize) -> VoiceChoice {
    let provider: Arc<dyn TextToSpeech> = Arc::new(Typewriter { number, late, breaks_after });
    VoiceChoice { choice: Choice::new(provider), voice: Voice { name: "spare".to_owned(), ..Voice::default() } }
}

fn hedged(voices: Vec<VoiceChoice>) -> Arc<HedgedVoice> {
    Arc::new(HedgedVoice::new(voices).patient(150 * MS))
}

/// The samples of an utterance of these texts.
async fn said(voice: &Arc<HedgedVoice>, texts: &[&str]) -> Result<Vec<i16>, ErrorKind> {
    let mut session = Arc::clone(voice).open(&Voice::default()).expect("a place");
    for text in texts {
        let text = Pii::new((*text).to_owned());
        session.input.send(TtsInput::Text { utterance: ONE, text }).await.expect("it is open");
    }
    session.input.send(TtsInput::Finish { utterance: ONE }).await.expect("it is open");
    let mut samples = Vec::new();
    while let Some(event) = session.events.recv().await {
        match event {
            TtsEvent::Audio { pcm, .. } => samples.extend_from_slice(&pcm),
            TtsEvent::Marks { .. } => {}
            TtsEvent::Finished { .. } => return Ok(samples),
            TtsEvent::Failed { error, .. } | TtsEvent::Dead { error } => return Err(error.kind),
        }
    }
    panic!("an utterance has an end")
}

#[tokio::test]
async fn the_first_to_speak_is_heard() {
    let prompt = hedged(vec![voice(1, MS, 9), voice(2, MS, 9)]);
    assert_eq!(said(&prompt, &["abc", "de"]).await, Ok(vec![1; 5]));
    let late = hedged(vec![voice(1, 2_000 * MS, 9), voice(2, MS, 9)]);
    assert_eq!(said(&late, &["abc"]).await, Ok(vec![2; 3]));
    let broken = hedged(vec![voice(1, MS, 0), voice(2, MS, 9)]);
    assert_eq!(said(&broken, &["abc"]).await, Ok(vec![2; 3]));
    let hopeless = hedged(vec![voice(1, MS, 0), voice(2, MS, 0)]);
    assert_eq!(said(&hopeless, &["abc"]).await, Err(ErrorKind::Broken));
    assert!(hopeless.voices[1].choice.health.report().error.is_some(), "it is noted");
}

#[tokio::test]
async fn another_voice_goes_on_in_the_middle() {
    let voices = hedged(vec![voice(1, MS, 1), voice(2, MS, 9)]);
    let heard = said(&voices, &["One two. ", "Three."]).await.expect("all of it");
    assert_eq!(heard, [vec![1; 9], vec![0; 480], vec![2; 6]].concat());
}

#[tokio::test]
async fn whole_texts_are_hedged_as_well() {
    let speak = async |voices: Vec<VoiceChoice>| {
        let asked = Voice { name: "asked".to_owned(), ..Voice::default() };
        let request = SpeechRequest { text: Pii::new("abc".to_owned()), voice: asked };
        let spoken = hedged(voices).speak(request).await;
        spoken.map(|speech| (speech.pcm[0], speech.pcm.len())).map_err(|error| error.kind)
    };
    assert_eq!(speak(vec![voice(1, MS, 9), voice(2, MS, 9)]).await, Ok((1, 8)));
    assert_eq!(speak(vec![voice(1, 3_000 * MS, 9), voice(2, MS, 9)]).await, Ok((2, 8)));
    assert_eq!(speak(vec![voice(1, MS, 0), voice(2, MS, 9)]).await, Ok((2, 8)), "with the voice that it has there");
    assert_eq!(speak(vec![voice(1, MS, 0)]).await, Err(ErrorKind::Broken));
}
