//! The vendors of one call and the assistant that names them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use callwright::agent::assistant::{Assistant, AssistantVersion};
use callwright::call::providers::{Lineup, NoProvider, Offline, Providers, StandIn, Vendors as Served};
use callwright::id::OrgId;
use callwright::pii::Pii;
use callwright::provider::catalog::{Catalog, Fixed, Kind, Sealer};
use callwright::provider::error::{Error, ErrorKind};
use callwright::provider::prompts::Prompts;
use callwright::provider::stt::{self, SpeechToText};
use callwright::provider::tts::{self, Speaking, SpeechRequest, TextToSpeech};
use callwright::provider::vendor::Vendor;
use callwright_loadtest::vendors::chat::Answer;
use callwright_loadtest::vendors::faults::Vendor as Simulated;
use callwright_loadtest::vendors::tts::speaking;
use callwright_loadtest::vendors::{self, Config, Running, Script, chat, hearing};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::cells::{Cell, Part};
use crate::listener::TEXTS;
use crate::office::version;

/// What the agent says, in the words of the simulated models.
pub(crate) const GREETING: &str = "hello shop here";
pub(crate) const ANSWER: &str = "We open today at nine. Then close again at six.";
pub(crate) const GOODBYE: &str = "Thanks for calling, goodbye.";

/// What the server says while something takes long.
const FILLERS: [&str; 4] = [
    "One moment, please.",
    "I am still on it, just a moment.",
    "Thank you for waiting, one more moment.",
    "Just a second, please.",
];

/// The vendors of one call: those that one of whom breaks, and those that stand in.
pub(crate) struct Scene {
    /// Where it breaks.
    pub(crate) vendors: Running,
    _others: Running,
    pub(crate) assistant: Arc<AssistantVersion>,
}

/// Everybody's vendors, by the names of their assistants.
#[derive(Default)]
pub(crate) struct Cast {
    served: Mutex<BTreeMap<String, Arc<Served>>>,
}

/// What simulated models and voices do in every call.
pub(crate) fn script() -> Script {
    let mut script = Script::default();
    let all = [GREETING, ANSWER, GOODBYE].map(str::to_lowercase).join(" ");
    let mut words: Vec<String> = Vec::new();
    for word in all.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    script.hearing = hearing::Script {
        vocabulary: words,
        lines: ["when do you open"].into_iter().chain(["thanks a lot"; 9]).map(str::to_owned).collect(),
        ..hearing::Script::default()
    };
    script.speaking = speaking::Script { char_ms: 30, pace: 20.0, ..speaking::Script::default() };
    let goodbye =
        |say: &str| Answer { say: say.to_owned(), ..Answer::call("end_call", json!({ "reason": "done" }), "") };
    let lower = |text: &str| text.to_lowercase().replace([',', '.'], "");
    script.chat = chat::Script {
        answers: vec![Answer::say(ANSWER), goodbye(GOODBYE)],
        tokens_per_second: 40.0,
        ..chat::Script::default()
    };
    let greeting = Answer { when: Some("say exactly this".to_owned()), ..Answer::say(GREETING) };
    script.realtime = chat::Script {
        answers: vec![greeting, Answer::say(&lower(ANSWER)), goodbye(&lower(GOODBYE))],
        ..chat::Script::default()
    };
    script
}

impl Scene {
    /// Starts the vendors of a call and makes them known under the assistant's name.
    pub(crate) async fn set(number: usize, cell: &Cell, cast: &Cast, prompts: &Arc<Prompts>) -> Self {
        let start = async || {
            let config = Config { script: script(), ..Config::default() };
            vendors::start(config).await.expect("loopback binds")
        };
        let (vendors, others) = (start().await, start().await);
        let mut fixed = Vec::new();
        let mut hire = |part: Part| -> Vec<String> {
            let (usual, other) = usual(part);
            let first = if cell.part == part { cell.vendor } else { usual };
            let mut names = vec![format!("{part:?}")];
            fixed.push(vendor(&names[0], first, &vendors));
            if cell.part == part && cell.backed {
                let second = if first == usual { other } else { usual };
                names.push(format!("{part:?}-2"));
                fixed.push(vendor(&names[1], second, &others));
            }
            names
        };
        let (mode, providers) = if cell.part == Part::Converses {
            let model = hire(Part::Converses).remove(0);
            ("speech_to_speech", json!({ "s2s": model, "tts": hire(Part::Speaks) }))
        } else {
            let (stt, llm, tts) = (hire(Part::Hears), hire(Part::Thinks), hire(Part::Speaks));
            ("llm", json!({ "stt": stt, "llm": llm, "tts": tts }))
        };
        let name = format!("cell {number}");
        let assistant = assistant(&name, mode, &providers);
        let catalog = Catalog::new(fixed, Sealer::new([7; 32]), Arc::clone(prompts));
        let offline = Offline { stt: Arc::new(Nobody), tts: Arc::new(Nobody) };
        // What comes with the server would be one more who is left.
        let manners = StandIn { warm_spare: true, offline: false };
        let served = Arc::new(Served { catalog, offline, manners });
        warm(served.lineup(OrgId::from_u128(1), &assistant.definition).expect("all are there")).await;
        cast.lock().insert(name, served);
        Self { vendors, _others: others, assistant }
    }
}

/// Has the fixed texts spoken, as an earlier call of the assistant would have.
async fn warm(lineup: Lineup) {
    let mut making = JoinSet::new();
    for text in TEXTS.map(|(text, _)| text).into_iter().chain(FILLERS) {
        let request = SpeechRequest { text: Pii::new(text.to_owned()), voice: lineup.voice.clone() };
        let tts = Arc::clone(&lineup.tts);
        making.spawn(async move { tts.speak(request).await.map(drop) });
    }
    while let Some(made) = making.join_next().await {
        made.expect("no panic").expect("the voice is well");
    }
}

/// Who does it where nothing breaks, and who stands in for them.
const fn usual(part: Part) -> (Simulated, Simulated) {
    match part {
        Part::Hears => (Simulated::DeepgramListen, Simulated::DeepgramFlux),
        Part::Thinks => (Simulated::OpenaiChat, Simulated::OpenaiChat),
        Part::Speaks => (Simulated::Cartesia, Simulated::DeepgramSpeak),
        Part::Converses => (Simulated::OpenaiRealtime, Simulated::OpenaiRealtime),
    }
}

fn vendor(name: &str, simulated: Simulated, running: &Running) -> Fixed {
    let (kind, path) = match simulated {
        Simulated::DeepgramListen => (Kind::DeepgramListen, ""),
        Simulated::DeepgramFlux => (Kind::DeepgramFlux, ""),
        Simulated::Assemblyai => (Kind::Assemblyai, ""),
        Simulated::OpenaiTranscription => (Kind::OpenaiTranscription, "/v1"),
        Simulated::ElevenlabsScribe => (Kind::ElevenlabsScribe, ""),
        Simulated::DeepgramSpeak => (Kind::DeepgramSpeak, ""),
        Simulated::DeepgramFluxSpeak => (Kind::DeepgramFluxSpeak, ""),
        Simulated::ElevenlabsSpeak => (Kind::ElevenlabsSpeak, ""),
        Simulated::Cartesia => (Kind::Cartesia, ""),
        Simulated::OpenaiSpeech => (Kind::OpenaiSpeech, "/v1"),
        Simulated::OpenaiChat => (Kind::OpenaiChat, "/v1"),
        Simulated::OpenaiRealtime => (Kind::OpenaiRealtime, "/v1"),
        Simulated::OpenaiEmbeddings => (Kind::OpenaiEmbeddings, "/v1"),
    };
    let base_url = format!("http://{}{path}", running.address);
    Fixed { kind, vendor: Vendor { base_url, key: Some(vendors::KEY.into()), ..Vendor::named(name) } }
}

fn assistant(name: &str, mode: &str, providers: &Value) -> Arc<AssistantVersion> {
    let definition: Assistant = serde_json::from_value(json!({
        "name": name,
        "mode": mode,
        "greeting": GREETING,
        "prompt": "You answer the phone of a shop.",
        "providers": providers,
        "tools": [{ "kind": "builtin", "name": "end_call" }],
    }))
    .expect("an assistant");
    version(definition)
}

impl Cast {
    /// The call is over: its vendors are not needed any more.
    pub(crate) fn dismiss(&self, assistant: &AssistantVersion) {
        self.lock().remove(&assistant.definition.name);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Served>>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Providers for Cast {
    fn lineup(&self, org: OrgId, assistant: &Assistant) -> Result<Lineup, NoProvider> {
        let served = self.lock().get(&assistant.name).cloned();
        served.ok_or_else(|| NoProvider(assistant.name.clone()))?.lineup(org, assistant)
    }

    fn capacity(&self) -> usize {
        1_000
    }
}

/// What does not come with this server.
struct Nobody;

impl Nobody {
    fn refuse<T>() -> Result<T, Error> {
        Err(Error::new("nobody", ErrorKind::NotInstalled, "all vendors are named"))
    }
}

impl SpeechToText for Nobody {
    fn manner(&self) -> stt::Manner {
        stt::Manner::TURN_BY_TURN
    }

    fn capacity(&self) -> stt::Capacity {
        stt::Capacity { total: 0, free: 0 }
    }

    fn open(&self, _: &stt::ListenRequest) -> Result<stt::Session, Error> {
        Self::refuse()
    }
}

impl TextToSpeech for Nobody {
    fn speak(&self, _: SpeechRequest) -> Speaking<'_> {
        Box::pin(async { Self::refuse() })
    }

    fn open(self: Arc<Self>, _: &tts::Voice) -> Result<tts::Session, Error> {
        Self::refuse()
    }
}

/// A folder of prompts for one run.
pub(crate) fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("callwright-faults-{}", std::process::id()))
}
