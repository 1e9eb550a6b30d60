//! All voices against simulated vendors.

mod faults;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use callwright_loadtest::vendors::faults::Vendor as Simulated;
use callwright_loadtest::vendors::hearing;
use callwright_loadtest::vendors::log::{Entry, Event as Logged};
use callwright_loadtest::vendors::tts::speaking;
use callwright_loadtest::vendors::{self, Config, KEY, Running, Script};
use tokio::time::timeout;

use super::Synthesiser;
use crate::pii::Pii;
use crate::provider::error::{Error, ErrorKind};
use crate::provider::probe::Step;
use crate::provider::prompts::Prompts;
use crate::provider::tts::{Session, SpeechRequest, TextToSpeech, TtsEvent, TtsInput, UtteranceId, Voice, WordMark};
use crate::provider::vendor::Vendor;
use crate::provider::{cartesia, deepgram, elevenlabs, openai};

const SOON: Duration = Duration::from_secs(8);

const ONE: UtteranceId = UtteranceId(1);
const TWO: UtteranceId = UtteranceId(2);

/// Samples of a simulated character.
const CHAR: u64 = 480;

/// A vendor that is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Aura,
    Flux,
    Elevenlabs,
    Cartesia,
    Openai,
}

const ALL: [Kind; 5] = [Kind::Aura, Kind::Flux, Kind::Elevenlabs, Kind::Cartesia, Kind::Openai];

impl Kind {
    const fn simulated(self) -> Simulated {
        match self {
            Self::Aura => Simulated::DeepgramSpeak,
            Self::Flux => Simulated::DeepgramFluxSpeak,
            Self::Elevenlabs => Simulated::ElevenlabsSpeak,
            Self::Cartesia => Simulated::Cartesia,
            Self::Openai => Simulated::OpenaiSpeech,
        }
    }

    const fn has_marks(self) -> bool {
        matches!(self, Self::Elevenlabs | Self::Cartesia)
    }

    fn vendor(self, address: &str) -> Vendor {
        let path = if self == Self::Openai { "/v1" } else { "" };
        let base_url = format!("{address}{path}");
        Vendor { base_url, key: Some(KEY.into()), ..Vendor::named("simulated") }
    }

    fn synthesiser(self, vendor: Vendor, prompts: Arc<Prompts>) -> Result<Synthesiser, Error> {
        match self {
            Self::Aura => deepgram::speak_v1::synthesiser(vendor, prompts),
            Self::Flux => deepgram::speak_v2::synthesiser(vendor, prompts),
            Self::Elevenlabs => elevenlabs::speech::synthesiser(vendor, prompts),
            Self::Cartesia => cartesia::speech::synthesiser(vendor, prompts),
            Self::Openai => openai::speech::synthesiser(vendor, prompts),
        }
    }
}

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("callwright-speech-{}-{:x}", std::process::id(), rand::random::<u64>())))
    }

    fn prompts(&self) -> Arc<Prompts> {
        Arc::new(Prompts::open(self.0.clone(), 1 << 24).expect("a folder"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A session at a simulated vendor.
struct Bench {
    kind: Kind,
    vendors: Running,
    voice: Arc<Synthesiser>,
    session: Session,
    folder: Folder,
}

impl Bench {
    async fn open(kind: Kind, config: Config) -> Self {
        let vendors = vendors::start(config).await.expect("a port is free");
        let folder = Folder::new();
        let vendor = kind.vendor(&format!("http://{}", vendors.address));
        let voice = Arc::new(kind.synthesiser(vendor, folder.prompts()).expect("the settings are right"));
        let session = Arc::clone(&voice).open(&Voice::default()).expect("there is a place");
        Self { kind, vendors, voice, session, folder }
    }

    async fn tell(&self, input: TtsInput) {
        self.session.input.send(input).await.expect("the session lives");
    }

    async fn text(&self, utterance: UtteranceId, text: &str) {
        self.tell(TtsInput::Text { utterance, text: Pii::new(text.to_owned()) }).await;
    }

    async fn say(&self, utterance: UtteranceId, text: &str) {
        self.text(utterance, text).await;
        self.tell(TtsInput::Finish { utterance }).await;
    }

    async fn next(&mut self) -> TtsEvent {
        let event = timeout(SOON, self.session.events.recv()).await;
        event.unwrap_or_else(|_| panic!("{:?}: something happens", self.kind)).expect("the session lives")
    }

    /// Everything of an utterance up to its end.
    async fn heard(&mut self, utterance: UtteranceId) -> Heard {
        let mut heard = Heard::default();
        loop {
            match self.next().await {
                TtsEvent::Audio { utterance: of, pcm } if of == utterance => {
                    heard.pcm.extend_from_slice(&pcm);
                }
                TtsEvent::Marks { utterance: of, marks } if of == utterance => heard.marks.extend(marks),
                TtsEvent::Finished { utterance: of } if of == utterance => return heard,
                TtsEvent::Failed { utterance: of, error } if of == utterance => {
                    heard.error = Some(error);
                    return heard;
                }
                TtsEvent::Dead { error } => panic!("{:?}: {error}", self.kind),
                TtsEvent::Audio { .. }
                | TtsEvent::Marks { .. }
                | TtsEvent::Finished { .. }
                | TtsEvent::Failed { .. } => {}
            }
        }
    }

    /// The next event that is audio of this utterance.
    async fn first_audio(&mut self, utterance: UtteranceId) {
        while !matches!(self.next().await, TtsEvent::Audio { utterance: of, .. } if of == utterance) {}
    }

    /// What the vendor did not like.
    fn complaints(&self) -> Vec<String> {
        let complaint = |entry: Entry| {
            if let Logged::Complained { reason } | Logged::Refused { reason, .. } = entry.event {
                Some(reason)
            } else {
                None
            }
        };
        self.vendors.log.entries().into_iter().filter_map(complaint).collect()
    }

    fn connections(&self) -> usize {
        self.vendors.log.entries().iter().filter(|entry| matches!(entry.event, Logged::Opened { .. })).count()
    }
}

#[derive(Debug, Default)]
struct Heard {
    pcm: Vec<i16>,
    marks: Vec<WordMark>,
    error: Option<Error>,
}

impl Heard {
    fn words(&self, candidates: &str) -> String {
        words(candidates, &self.pcm)
    }
}

fn words(candidates: &str, pcm: &[i16]) -> String {
    speaking::Script::default().recognise(&hearing::Script::default(), candidates, pcm).join(" ")
}

fn slow(pace: f32) -> Config {
    let speaking = speaking::Script { pace, ..speaking::Script::default() };
    Config { script: Script { speaking, ..Script::default() }, ..Config::default() }
}

/// Does the same with every vendor at once.
async fn each<F: Future<Output = ()> + Send + 'static>(test: impl Fn(Kind) -> F) {
    let running: Vec<_> = ALL.into_iter().map(|kind| (kind, tokio::spawn(test(kind)))).collect();
    for (kind, running) in running {
        running.await.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
    }
}

/// The marks of simulated words: every word ends where its last character does.
fn exact(text: &str) -> Vec<WordMark> {
    let mut at = 0;
    let mut marks = Vec::new();
    for word in text.split_inclusive(' ') {
        let text_end = at + word.trim_end().len();
        marks.push(WordMark { text_end, sample_end: text_end as u64 * CHAR });
        at += word.len();
    }
    marks
}

#[tokio::test]
async fn a_reply_is_spoken_whole_and_in_order() {
    each(async |kind: Kind| {
        let mut bench = Bench::open(kind, Config::default()).await;
        let (first, second) = ("Good morning, this is Anna calling. ", "Do you have a minute?");
        bench.text(ONE, first).await;
        bench.say(ONE, second).await;
        let text = format!("{first}{second}");
        let heard = bench.heard(ONE).await;
        assert_eq!(heard.error, None);
        assert_eq!(heard.words(&text), "Good morning this is Anna calling Do you have a minute");
        let expected = text.len() as u64 * CHAR;
        // A vendor may want a space at the end of each text.
        let off = (heard.pcm.len() as u64).abs_diff(expected);
        assert!(off <= CHAR, "{kind:?}: {} samples, not {expected}", heard.pcm.len());
        let marks = if kind.has_marks() { exact(&text) } else { Vec::new() };
        assert_eq!(heard.marks, marks, "{kind:?}");
        bench.say(TWO, "Thank you.").await;
        assert_eq!(bench.heard(TWO).await.words("Thank you"), "Thank you");
        assert_eq!(bench.complaints(), Vec::<String>::new(), "{kind:?}");
        let connections = if kind == Kind::Openai { 3 } else { 1 };
        assert_eq!(bench.connections(), connections, "{kind:?}");
    })
    .await;
}

#[tokio::test]
async fn audio_comes_while_the_text_is_being_written() {
    each(async |kind: Kind| {
        let mut bench = Bench::open(kind, Config::default()).await;
        let (first, second) = ("Let me see. ", "Yes, tomorrow at nine is free.");
        bench.text(ONE, first).await;
        let mut pcm = Vec::new();
        while (pcm.len() as u64) < 9 * CHAR {
            if let TtsEvent::Audio { pcm: more, .. } = bench.next().await {
                pcm.extend_from_slice(&more);
            }
        }
        assert_eq!(words(first, &pcm).split(' ').next(), Some("Let"), "{kind:?}");
        // Longer than a context of Cartesia's lives.
        tokio::time::sleep(Duration::from_millis(1_400)).await;
        bench.say(ONE, second).await;
        let heard = bench.heard(ONE).await;
        assert_eq!(heard.error, None, "{kind:?}");
        pcm.extend_from_slice(&heard.pcm);
        let text = format!("{first}{second}");
        assert_eq!(words(&text, &pcm), "Let me see Yes tomorrow at nine is free", "{kind:?}");
        if kind.has_marks() {
            assert!(heard.marks.is_sorted_by_key(|mark| (mark.text_end, mark.sample_end)), "{kind:?}");
            let last = heard.marks.last().expect("marks");
            assert_eq!(last.text_end, text.len());
            assert!(last.sample_end.abs_diff(text.len() as u64 * CHAR) <= CHAR, "{kind:?}: {last:?}");
        }
        assert_eq!(bench.complaints(), Vec::<String>::new(), "{kind:?}");
    })
    .await;
}

#[tokio::test]
async fn nothing_stale_is_heard_after_a_cancellation() {
    each(async |kind: Kind| {
        let mut bench = Bench::open(kind, slow(2.0)).await;
        let old = "Our opening hours are Monday to Friday, from eight in the morning until six at night.";
        for round in 0..3_u32 {
            let (cut, next) = (UtteranceId(2 * round), UtteranceId(2 * round + 1));
            bench.say(cut, old).await;
            bench.first_audio(cut).await;
            bench.tell(TtsInput::Cancel { utterance: cut, heard: Duration::from_millis(100) }).await;
            bench.say(next, "Sorry, go ahead.").await;
            let heard = bench.heard(next).await;
            assert_eq!(heard.error, None, "{kind:?}, round {round}");
            let all = format!("{old} Sorry, go ahead");
            assert_eq!(heard.words(&all), "Sorry go ahead", "{kind:?}, round {round}");
        }
        assert_eq!(bench.complaints(), Vec::<String>::new(), "{kind:?}");
        if kind != Kind::Openai {
            assert_eq!(bench.connections(), 1, "{kind:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn cancelled_before_its_first_audio() {
    each(async |kind: Kind| {
        let mut bench = Bench::open(kind, Config::default()).await;
        for round in 0..3_u32 {
            let (cut, next) = (UtteranceId(2 * round), UtteranceId(2 * round + 1));
            bench.text(cut, "Never mind what this was about. ").await;
            bench.tell(TtsInput::Cancel { utterance: cut, heard: Duration::ZERO }).await;
            bench.say(next, "Go ahead.").await;
            let heard = bench.heard(next).await;
            assert_eq!(heard.error, None, "{kind:?}, round {round}");
            assert_eq!(heard.words("Never mind what this was about Go ahead"), "Go ahead", "{kind:?}, round {round}");
        }
    })
    .await;
}

#[tokio::test]
async fn flux_tells_what_was_heard_of_a_cut_turn() {
    let mut bench = Bench::open(Kind::Flux, slow(2.0)).await;
    bench.say(ONE, "Well,").await;
    assert_eq!(bench.heard(ONE).await.error, None);
    bench.say(TWO, "I can offer you nine, ten or eleven.").await;
    let mut came = 0;
    while (came as u64) < 14 * CHAR {
        if let TtsEvent::Audio { pcm, .. } = bench.next().await {
            came += pcm.len();
        }
    }
    // "I can of" was heard.
    bench.tell(TtsInput::Cancel { utterance: TWO, heard: Duration::from_millis(8 * 60) }).await;
    let mark = loop {
        if let TtsEvent::Marks { utterance: TWO, marks } = bench.next().await {
            break marks;
        }
    };
    assert_eq!(mark, [WordMark { text_end: 5, sample_end: 8 * CHAR }]);
    assert_eq!(bench.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn prompts_are_made_once_and_kept_with_their_marks() {
    each(async |kind: Kind| {
        let bench = Bench::open(kind, Config::default()).await;
        let before = bench.connections();
        let text = "Hello, this is Anna.";
        let request = || SpeechRequest { text: Pii::new(text.to_owned()), voice: Voice::default() };
        let (first, second) = tokio::join!(bench.voice.speak(request()), bench.voice.speak(request()));
        let (first, second) = (first.expect("it is spoken"), second.expect("it is known"));
        assert!(Arc::ptr_eq(&first.pcm, &second.pcm), "{kind:?}");
        assert_eq!(words(text, &first.pcm), "Hello this is Anna", "{kind:?}");
        let marks = if kind.has_marks() { exact(text) } else { Vec::new() };
        assert_eq!(*first.marks, *marks, "{kind:?}");
        let made = bench.connections();
        assert!(made <= before + 2, "{kind:?}: the session's own and one more");
        let vendor = kind.vendor(&format!("http://{}", bench.vendors.address));
        let later = kind.synthesiser(vendor.clone(), bench.folder.prompts()).expect("the settings are right");
        assert_eq!(later.speak(request()).await.expect("it is on disk"), first, "{kind:?}");
        assert_eq!(bench.connections(), made, "{kind:?}: nobody was asked");
        let mut other = vendor;
        other.options.insert("speed".to_owned(), 1.1.into());
        let other = kind.synthesiser(other, bench.folder.prompts()).expect("the settings are right");
        other.speak(request()).await.expect("it is spoken");
        assert!(bench.connections() > made, "{kind:?}: another speed is another prompt");
        let empty = SpeechRequest { text: Pii::new("…".to_owned()), voice: Voice::default() };
        assert_eq!(later.speak(empty).await.map_err(|error| error.kind), Err(ErrorKind::Refused), "{kind:?}");
    })
    .await;
}

#[tokio::test]
async fn a_trial_tells_what_is_wrong() {
    each(async |kind: Kind| {
        let vendors = vendors::start(Config::default()).await.expect("a port is free");
        let folder = Folder::new();
        let right = kind.vendor(&format!("http://{}", vendors.address));
        let step = async |change: &(dyn Fn(&mut Vendor) + Sync)| {
            let mut vendor = right.clone();
            change(&mut vendor);
            let voice = kind.synthesiser(vendor, folder.prompts()).expect("the settings have the right form");
            voice.probe().await.err().map(|failure| failure.step)
        };
        assert_eq!(step(&|_| {}).await, None, "{kind:?}");
        assert_eq!(step(&|vendor| vendor.key = Some("wrong".into())).await, Some(Step::Auth), "{kind:?}");
        let model = |vendor: &mut Vendor| {
            vendor.model = "nobody".to_owned();
            vendor.options.insert("voice".to_owned(), "nobody".into());
        };
        assert_eq!(step(&model).await, Some(Step::Model), "{kind:?}");
        let nowhere = |vendor: &mut Vendor| vendor.base_url = "https://nowhere.invalid".to_owned();
        assert_eq!(step(&nowhere).await, Some(Step::Dns), "{kind:?}");
        let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = taken.local_addr().expect("bound");
        drop(taken);
        let closed = |vendor: &mut Vendor| vendor.base_url = format!("http://{port}");
        assert_eq!(step(&closed).await, Some(Step::Tcp), "{kind:?}");
    })
    .await;
}

#[tokio::test]
async fn places_are_counted_and_given_back() {
    let vendors = vendors::start(Config::default()).await.expect("a port is free");
    let folder = Folder::new();
    let vendor = Vendor { capacity: 1, ..Kind::Aura.vendor(&format!("http://{}", vendors.address)) };
    let voice = Arc::new(Kind::Aura.synthesiser(vendor, folder.prompts()).expect("the settings are right"));
    let session = Arc::clone(&voice).open(&Voice::default()).expect("there is a place");
    let busy = Arc::clone(&voice).open(&Voice::default()).expect_err("it is taken");
    assert_eq!(busy.kind, ErrorKind::Busy);
    drop(session);
    let freed = async {
        while Arc::clone(&voice).open(&Voice::default()).is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, freed).await.expect("the place is given back");
}

#[test]
fn settings_that_cannot_work_are_refused_at_once() {
    let folder = Folder::new();
    for kind in ALL {
        let without_key = Vendor { key: None, base_url: String::new(), ..kind.vendor("") };
        let error = kind.synthesiser(without_key, folder.prompts()).expect_err("there is no key");
        assert_eq!(error.kind, ErrorKind::Unauthorised, "{kind:?}");
        let nowhere = kind.vendor("no address");
        let error = kind.synthesiser(nowhere, folder.prompts()).expect_err("that is no address");
        assert_eq!(error.kind, ErrorKind::Refused, "{kind:?}");
    }
}
