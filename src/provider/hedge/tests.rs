//! Vendors that break, as the call hears it: simulated ones behind their adapters.

use std::path::PathBuf;

use callwright_loadtest::vendors::faults::{Fault, Injection, Moment, Vendor as Simulated};
use callwright_loadtest::vendors::hearing::{self, tones};
use callwright_loadtest::vendors::{Config, KEY, Running, Script, start};
use tokio::time::{sleep, timeout};

use super::recogniser::HedgedEars;
use super::synthesiser::{HedgedVoice, VoiceChoice};
use super::*;
use crate::pii::Pii;
use crate::provider::deepgram::listen_v1::Nova;
use crate::provider::deepgram::speak_v1;
use crate::provider::elevenlabs::scribe::Scribe;
use crate::provider::prompts::Prompts;
use crate::provider::stt::{Grammar, ListenRequest, SpeechToText, SttEvent, SttInput, Transcript, TurnId};
use crate::provider::tts::{TextToSpeech, TtsEvent, TtsInput, UtteranceId, Voice};
use crate::provider::vendor::Vendor;
use crate::provider::{cartesia, elevenlabs};

const SOON: Duration = Duration::from_secs(20);
const ONE: UtteranceId = UtteranceId(1);
const TEXT: &str = "I can offer you Tuesday. The doctor has time at three. Shall I book that now?";

fn script() -> Script {
    // Every word has a tone of its own, so that half of one is not taken for another.
    let said = all().into_iter().map(|word| word.to_lowercase());
    let mut vocabulary: Vec<String> = "one two four five six".split(' ').map(str::to_owned).chain(said).collect();
    vocabulary.sort_unstable();
    vocabulary.dedup();
    Script { hearing: hearing::Script { vocabulary, ..hearing::Script::default() }, ..Script::default() }
}

async fn simulated() -> Running {
    start(Config { script: script(), ..Config::default() }).await.expect("a port is free")
}

fn vendor(running: &Running, name: &str) -> Vendor {
    Vendor { base_url: format!("http://{}", running.address), key: Some(KEY.into()), ..Vendor::named(name) }
}

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("callwright-hedge-{}", std::process::id()))
}

/// One vendor's voice.
fn voice(running: &Running, of: Simulated) -> VoiceChoice {
    let prompts = Arc::new(Prompts::open(folder(), 1 << 20).expect("a folder"));
    let vendor = vendor(running, "voice");
    let made = if of == Simulated::Cartesia {
        cartesia::speech::synthesiser(vendor, prompts)
    } else if of == Simulated::ElevenlabsSpeak {
        elevenlabs::speech::synthesiser(vendor, prompts)
    } else {
        speak_v1::synthesiser(vendor, prompts)
    };
    let provider: Arc<dyn TextToSpeech> = Arc::new(made.expect("an address"));
    VoiceChoice { choice: Choice::new(provider), voice: Voice::default() }
}

/// The words that are heard of the text when the first voice is struck by a fault.
async fn heard(first: Simulated, second: Simulated, fault: Fault) -> (Vec<String>, Duration) {
    let running = simulated().await;
    running.set_faults(vec![Injection::always(first, fault)]);
    let hedged = Arc::new(HedgedVoice::new(vec![voice(&running, first), voice(&running, second)]));
    let mut session = hedged.open(&Voice::default()).expect("a place");
    let began = tokio::time::Instant::now();
    for sentence in TEXT.split_inclusive(". ") {
        let text = Pii::new(sentence.to_owned());
        session.input.send(TtsInput::Text { utterance: ONE, text }).await.expect("it is open");
    }
    session.input.send(TtsInput::Finish { utterance: ONE }).await.expect("it is open");
    let (mut samples, mut first_audio, mut marked) = (Vec::new(), None, 0);
    loop {
        match timeout(SOON, session.events.recv()).await.expect("something comes").expect("it is open") {
            TtsEvent::Audio { pcm, .. } => {
                first_audio.get_or_insert(began.elapsed());
                samples.extend_from_slice(&pcm);
            }
            TtsEvent::Marks { marks, .. } => {
                for mark in marks {
                    assert!(mark.text_end >= marked && mark.text_end <= TEXT.len(), "{mark:?} after {marked}");
                    marked = mark.text_end;
                }
            }
            TtsEvent::Finished { .. } => break,
            TtsEvent::Failed { error, .. } | TtsEvent::Dead { error } => panic!("{first:?}: {error}"),
        }
    }
    let script = script();
    (script.speaking.recognise(&script.hearing, TEXT, &samples), first_audio.expect("it was heard"))
}

fn all() -> Vec<String> {
    TEXT.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_word_is_spoken_though_the_voice_breaks_in_the_middle() {
    let cut = Fault::Cut { when: Moment { after_ms: 0, after_sent: 12 } };
    for (first, second) in
        [(Simulated::Cartesia, Simulated::ElevenlabsSpeak), (Simulated::ElevenlabsSpeak, Simulated::Cartesia)]
    {
        let (words, _) = heard(first, second, cut.clone()).await;
        let whole: Vec<String> = words.iter().filter(|word| !word.ends_with('~')).cloned().collect();
        let cut_words = words.len() - whole.len();
        assert!(cut_words <= 1, "at most the word at the seam is cut: {words:?}");
        assert_eq!(whole, all(), "{first:?}, then {second:?}: every word once");
    }
}

#[tokio::test]
async fn a_voice_without_marks_repeats_at_most_a_sentence() {
    let cut = Fault::Cut { when: Moment { after_ms: 0, after_sent: 12 } };
    let (words, _) = heard(Simulated::DeepgramSpeak, Simulated::Cartesia, cut).await;
    let whole: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.ends_with('~')).collect();
    let mut wanted = all().into_iter().peekable();
    for word in &whole {
        wanted.next_if(|next| next == word);
    }
    assert_eq!(wanted.peek(), None, "no word is missing: {words:?}");
    assert!(whole.len() <= all().len() + 8, "{words:?}");
}

#[tokio::test]
async fn a_late_or_refused_voice_does_not_make_the_call_wait() {
    let within = |limit: u64| Duration::from_millis(limit);
    let (words, waited) =
        heard(Simulated::Cartesia, Simulated::ElevenlabsSpeak, Fault::SlowFirstByte { ms: 5_000 }).await;
    assert_eq!((words, waited < within(2_500)), (all(), true), "{waited:?}");
    let (words, waited) = heard(Simulated::Cartesia, Simulated::ElevenlabsSpeak, Fault::Unauthorised).await;
    assert_eq!((words, waited < within(2_000)), (all(), true), "{waited:?}");
    let (words, waited) = heard(Simulated::ElevenlabsSpeak, Simulated::Cartesia, Fault::EmptyAudio).await;
    assert_eq!((words, waited < within(3_500)), (all(), true), "{waited:?}");
}

/// The turns as the call has them when the first recogniser is struck by a fault while they are spoken.
async fn understood(fault: Injection, turns: &[&str]) -> Vec<String> {
    let running = simulated().await;
    let nova = Nova::new(vendor(&running, "nova")).expect("an address");
    let scribe = Scribe::new(vendor(&running, "scribe")).expect("an address");
    let choices: Vec<Choice<dyn SpeechToText>> = vec![Choice::new(Arc::new(nova)), Choice::new(Arc::new(scribe))];
    let mut session = HedgedEars::new(choices).open(&ListenRequest::default()).expect("a place");
    let silence: Arc<[i16]> = vec![0; 160].into();
    for _ in 0..20 {
        session.input.send(SttInput::Audio(Arc::clone(&silence))).await.expect("it is open");
        sleep(Duration::from_millis(20)).await;
    }
    let mut answers = Vec::new();
    for (number, words) in (1..).zip(turns) {
        let turn = TurnId(number);
        session.input.send(SttInput::Begin { turn, grammar: Arc::new(Grammar::default()) }).await.expect("it is open");
        let mut samples = tones(&script().hearing.vocabulary, words);
        samples.resize(samples.len() + 3_200, 0);
        for (piece, chunk) in samples.chunks(160).enumerate() {
            if number == 1 && piece == 30 {
                running.set_faults(vec![fault.clone()]);
            }
            session.input.send(SttInput::Audio(chunk.into())).await.expect("it is open");
            sleep(Duration::from_millis(20)).await;
        }
        session.input.send(SttInput::End { turn }).await.expect("it is open");
        loop {
            match timeout(SOON, session.events.recv()).await.expect("something comes").expect("it is open") {
                SttEvent::Final { turn: of, transcript } => {
                    assert_eq!(of, turn, "every turn is answered once");
                    answers.push(match transcript {
                        Transcript::Words { text, .. } => text.into_inner(),
                        Transcript::OutOfGrammar | Transcript::Nothing => String::new(),
                    });
                    break;
                }
                SttEvent::Failed { error, .. } | SttEvent::Dead { error } => panic!("{error}"),
                SttEvent::Partial { .. } | SttEvent::Interrupted { .. } => {}
                event @ (SttEvent::TurnStarted
                | SttEvent::EagerEnd { .. }
                | SttEvent::Resumed
                | SttEvent::TurnEnded { .. }) => panic!("neither detects turns: {event:?}"),
            }
        }
    }
    answers
}

#[tokio::test]
async fn every_word_is_understood_once_though_the_recogniser_breaks() {
    let turns = ["one two three four", "five six", "two one"];
    let now = |fault| Injection::now(Simulated::DeepgramListen, fault);
    let close = Fault::Close { code: 1011, reason: "NET-0000".to_owned(), when: Moment::default() };
    for fault in [close, Fault::HalfOpen { when: Moment::default() }, Fault::LateFinal { ms: 20_000 }] {
        let heard = understood(now(fault.clone()), &turns).await;
        let heard: Vec<String> = heard.iter().map(|text| text.to_lowercase()).collect();
        assert_eq!(heard, turns, "{fault:?}");
    }
}
