//! Vendors that break in the middle of a call, and those that stand in for them: the caller hears every word once, the
//! model is told every word once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use callwright::agent::assistant::Assistant;
use callwright::agent::record::Speaker;
use callwright::call::call::CallConfig;
use callwright::call::place::CallReport;
use callwright::call::providers::{Offline, Providers, StandIn, Vendors};
use callwright::call::tools::NoTools;
use callwright::campaign::disconnection::DisconnectionReason as Reason;
use callwright::config::SipTransport::Udp;
use callwright::provider::catalog::{Catalog, Fixed, Kind, Sealer};
use callwright::provider::error::{Error, ErrorKind};
use callwright::provider::prompts::Prompts;
use callwright::provider::stt::{Capacity, ListenRequest, Manner, Session, SpeechToText};
use callwright::provider::tts::{self, Speaking, Speech, SpeechRequest, TextToSpeech};
use callwright::provider::vendor::Vendor;
use callwright::provider::whole;
use callwright_loadtest::vendors::chat::Answer;
use callwright_loadtest::vendors::faults::{Fault, Injection, Moment, Vendor as Simulated};
use callwright_loadtest::vendors::log::Event;
use callwright_loadtest::vendors::{self, Config, KEY, Running, Script};
use serde_json::json;

use crate::office::{Office, version};
use crate::phone::Phone;
use crate::talker::{Talker, voice};

const NUMBER: &str = "+4930901820";

const GREETING: &str = "Hello, this is Anna, how can I help you?";
const HOURS: &str = "It is nine now and the shop stays open until six tonight, and tomorrow from eight until noon.";
const GOODBYE: &str = "Goodbye then.";

/// What the caller says, however it sounds.
const TIME: &str = "what time is it";
const BYE: &str = "bye then";

const PAUSE: Duration = Duration::from_millis(900);
/// Nobody waits longer for a sound.
const LONGEST: usize = 4 * 8_000;

fn script() -> Script {
    let mut script = Script::default();
    script.hearing.lines = [TIME, BYE].map(str::to_owned).into();
    // Every word of the agent has a tone of its own.
    script.hearing.vocabulary = [GREETING, HOURS, GOODBYE].iter().flat_map(|text| words(text)).collect();
    script.hearing.vocabulary.sort_unstable();
    script.hearing.vocabulary.dedup();
    script.speaking.char_ms = 50;
    script.speaking.pace = 2.0;
    let on = |when: &str, answer: Answer| Answer { when: Some(when.to_owned()), ..answer };
    let goodbye = Answer { say: GOODBYE.to_owned(), ..Answer::call("end_call", json!({ "reason": "done" }), "") };
    script.chat.answers = vec![on(TIME, Answer::say(HOURS)), on(BYE, goodbye)];
    script.chat.tokens_per_second = 60.0;
    script
}

fn assistant(stt: &[&str], tts: &[&str]) -> Assistant {
    serde_json::from_value(json!({
        "name": "Anna",
        "mode": "llm",
        "greeting": GREETING,
        "prompt": "You answer the phone of a shop.",
        "providers": { "stt": stt, "llm": ["model"], "tts": tts },
        "tools": [{ "kind": "builtin", "name": "end_call" }],
    }))
    .expect("an assistant")
}

/// A call and all who serve it.
struct Scene {
    vendors: Running,
    office: Office,
    prompts: PathBuf,
}

impl Scene {
    async fn set(first_port: u16) -> Self {
        let vendors = vendors::start(Config { script: script(), ..Config::default() }).await.expect("loopback binds");
        let folder = std::env::temp_dir().join(format!("callwright-standins-{}", vendors.address.port()));
        let prompts = Arc::new(Prompts::open(folder.clone(), 1 << 20).expect("a folder"));
        let fixed = |(name, kind, path): (&str, Kind, &str)| {
            let base_url = format!("http://{}{path}", vendors.address);
            Fixed { kind, vendor: Vendor { base_url, key: Some(KEY.into()), ..Vendor::named(name) } }
        };
        let all = [
            ("ears", Kind::DeepgramListen, ""),
            ("ears-2", Kind::ElevenlabsScribe, ""),
            ("model", Kind::OpenaiChat, "/v1"),
            ("voice", Kind::Cartesia, ""),
            ("voice-2", Kind::ElevenlabsSpeak, ""),
        ];
        let catalog = Catalog::new(all.map(fixed).into(), Sealer::new([7; 32]), prompts);
        let offline = Offline { stt: Arc::new(Deaf), tts: Arc::new(Hum) };
        let providers: Arc<dyn Providers> =
            Arc::new(Vendors { catalog, offline, manners: StandIn { warm_spare: true, offline: true } });
        let office = Office::staffed(Udp, first_port, CallConfig::default(), 10, providers, Arc::new(NoTools)).await;
        Self { vendors, office, prompts: folder }
    }

    /// Whether the model was asked with these words of the caller, and with no others since its last answer.
    fn was_asked(&self, words: &str) -> bool {
        self.vendors.log.entries().into_iter().any(|entry| {
            let (Some(Simulated::OpenaiChat), Event::Received { message }) = (entry.vendor, entry.event) else {
                return false;
            };
            message["messages"].as_array().and_then(|all| all.last()).is_some_and(|last| {
                last["role"] == "user" && last["content"].as_str().unwrap_or_default().to_lowercase() == words
            })
        })
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.prompts);
    }
}

/// Words in lower case.
fn words(text: &str) -> Vec<String> {
    let letters = |c: char| !c.is_alphanumeric();
    text.split(letters).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// The words that are there as a whole, and how many are cut.
fn heard(text: &str, samples: &[i16]) -> (Vec<String>, usize) {
    let script = script();
    let named = script.speaking.recognise(&script.hearing, text, samples);
    let whole: Vec<String> = named.iter().filter(|word| !word.ends_with('~')).map(|word| word.to_lowercase()).collect();
    let cut = named.len() - whole.len();
    (whole, cut)
}

/// The agent's part of the transcript.
fn agent(report: &CallReport) -> Vec<String> {
    let agent = report.conversation.transcript.iter().filter(|line| line.speaker == Speaker::Agent);
    agent.flat_map(|line| words(line.text.expose())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_and_a_reply_outlive_the_vendors_that_began_them() {
    let scene = Scene::set(63_000).await;
    let mut phone = Phone::new(Udp, 62_400).await;
    let mut order = scene.office.order(phone.address(), NUMBER);
    order.assistant = version(assistant(&["ears", "ears-2"], &["voice", "voice-2"]));
    let attempt = scene.office.place(order);
    let mut caller = Talker::new(phone.rings().await.answer().await);
    let greeted = caller.hears_silence(0, PAUSE).await;

    // The recogniser goes in the middle of the caller's words and does not come back; the voice goes in the middle of its.
    let gone = Injection::now(Simulated::DeepgramListen, Fault::Cut { when: Moment::after(500) });
    let refused = Injection::always(Simulated::DeepgramListen, Fault::Unauthorised);
    let cut = Fault::Cut { when: Moment { after_ms: 0, after_sent: 8 } };
    let voice_gone = Injection { times: Some(1), ..Injection::now(Simulated::Cartesia, cut) };
    scene.vendors.set_faults(vec![refused, gone, voice_gone]);
    caller.says(voice(Duration::from_millis(1_200))).await;
    let asked = caller.heard().len();
    let answered = caller.hears_sound(greeted + 1).await;
    assert!(answered < asked + LONGEST, "{} ms of silence", (answered - asked) / 8);
    let done = caller.hears_silence(answered, Duration::from_millis(2_000)).await;
    assert!(scene.was_asked(TIME), "the model was told what was said, once");
    let (whole, cut) = heard(HOURS, &caller.heard()[answered..done + 1]);
    assert_eq!(whole, words(HOURS), "every word once");
    assert!(cut <= 1, "at most the word at the seam is cut");
    let stood_in = |vendor| scene.vendors.log.entries().iter().any(|entry| entry.vendor == Some(vendor));
    assert!(stood_in(Simulated::ElevenlabsSpeak) && stood_in(Simulated::ElevenlabsScribe));

    // The other recogniser has the call from here on.
    caller.says(voice(Duration::from_millis(700))).await;
    assert!(caller.gets_hung_up().await, "the goodbye was understood");
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.reason, Reason::AgentHangup);
    assert!(scene.was_asked(BYE));
    let all: Vec<String> = [GREETING, HOURS, GOODBYE].iter().flat_map(|text| words(text)).collect();
    assert_eq!(agent(&report), all, "the transcript has what was heard");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_meets_silence_when_every_voice_is_away() {
    let scene = Scene::set(64_000).await;
    let mut phone = Phone::new(Udp, 62_700).await;
    let mut order = scene.office.order(phone.address(), NUMBER);
    order.assistant = version(assistant(&["ears"], &["voice"]));
    let attempt = scene.office.place(order);
    let mut caller = Talker::new(phone.rings().await.answer().await);
    let greeted = caller.hears_silence(0, PAUSE).await;
    let hang = Injection::now(Simulated::Cartesia, Fault::HalfOpen { when: Moment::default() });
    scene.vendors.set_faults(vec![hang]);
    caller.says(voice(Duration::from_millis(1_200))).await;
    let asked = caller.heard().len();
    let answered = caller.hears_sound(greeted + 1).await;
    assert!(answered < asked + LONGEST, "{} ms of silence", (answered - asked) / 8);
    let done = caller.hears_silence(answered, PAUSE).await;
    let heard: Vec<u16> = caller.heard()[answered..done].iter().map(|sample| sample.unsigned_abs()).collect();
    let loud = heard.iter().filter(|level| **level >= 400).count();
    let hum = heard.iter().filter(|level| level.abs_diff(LOUDNESS) < 400).count();
    assert!(hum > 4_000 && hum * 10 > loud * 8, "the voice that comes with the server speaks: {hum} of {loud}");
    caller.says(voice(Duration::from_millis(700))).await;
    assert!(caller.gets_hung_up().await, "the goodbye was understood");
    let (_, report) = attempt.ends().await;
    assert_eq!(report.outcome.reason, Reason::AgentHangup);
}

const LOUDNESS: u16 = 8_316;

/// The voice that comes with the server, unmistakable: 40 ms for each character.
struct Hum;

impl TextToSpeech for Hum {
    fn speak(&self, request: SpeechRequest) -> Speaking<'_> {
        let wave = [LOUDNESS.cast_signed(), -LOUDNESS.cast_signed()];
        let length = request.text.expose().len() * 320;
        let pcm: Vec<i16> = wave.into_iter().flat_map(|level| [level; 10]).cycle().take(length).collect();
        Box::pin(async { Ok(Speech { pcm: pcm.into(), marks: [].into() }) })
    }

    fn open(self: Arc<Self>, voice: &tts::Voice) -> Result<tts::Session, Error> {
        Ok(whole::open(self, voice))
    }
}

/// The recogniser that comes with the server is not there.
struct Deaf;

impl SpeechToText for Deaf {
    fn manner(&self) -> Manner {
        Manner::TURN_BY_TURN
    }

    fn capacity(&self) -> Capacity {
        Capacity { total: 0, free: 0 }
    }

    fn open(&self, _: &ListenRequest) -> Result<Session, Error> {
        Err(Error::new("deaf", ErrorKind::NotInstalled, "it does not listen"))
    }
}
