//! Simulated vendors, and calls that are served by them.

use std::path::PathBuf;
use std::sync::Arc;

use callwright::agent::assistant::Assistant;
use callwright::call::providers::{Lineup, NoProvider, Providers};
use callwright::id::OrgId;
use callwright::provider::cartesia;
use callwright::provider::catalog::Stage;
use callwright::provider::deepgram::listen_v1::Nova;
use callwright::provider::llm::LanguageModel;
use callwright::provider::openai::chat::Chat;
use callwright::provider::openai::realtime::Realtime;
use callwright::provider::prompts::Prompts;
use callwright::provider::s2s::SpeechToSpeech;
use callwright::provider::stt::SpeechToText;
use callwright::provider::tts::{TextToSpeech, Voice};
use callwright::provider::vendor::Vendor;
use callwright::provider::witness::{Who, Witness};
use callwright_loadtest::vendors::{self, Config, Running, Script};

/// Vendors at work, and the adapters to them.
pub(crate) struct Vendors {
    pub(crate) running: Running,
    prompts: PathBuf,
}

impl Vendors {
    pub(crate) async fn start(script: Script) -> Self {
        let running = vendors::start(Config { script, ..Config::default() }).await.expect("loopback binds");
        let prompts = std::env::temp_dir().join(format!("callwright-vendors-{}", running.address.port()));
        Self { running, prompts }
    }

    fn vendor(&self, name: &str, path: &str) -> Vendor {
        let base_url = format!("http://{}{path}", self.running.address);
        Vendor { base_url, key: Some(vendors::KEY.into()), ..Vendor::named(name) }
    }

    /// A recogniser that hears all the time, a model, a voice, and a model that does all of it, of four vendors.
    pub(crate) fn staff(&self) -> Arc<dyn Providers> {
        let prompts = Arc::new(Prompts::open(self.prompts.clone(), 1 << 20).expect("a folder"));
        let tts = cartesia::speech::synthesiser(self.vendor("voice", ""), prompts).expect("settings");
        Arc::new(Staff {
            stt: Arc::new(Nova::new(self.vendor("ears", "")).expect("settings")),
            tts: Arc::new(tts),
            llm: Arc::new(Chat::new(self.vendor("model", "/v1")).expect("settings")),
            s2s: Arc::new(Realtime::new(self.vendor("native", "/v1")).expect("settings")),
        })
    }
}

impl Drop for Vendors {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.prompts);
    }
}

struct Staff {
    stt: Arc<dyn SpeechToText>,
    tts: Arc<dyn TextToSpeech>,
    llm: Arc<dyn LanguageModel>,
    s2s: Arc<dyn SpeechToSpeech>,
}

impl Staff {
    /// Nobody stands in for anybody here: it is known beforehand who serves.
    fn witness(&self) -> Witness {
        let witness = Witness::default();
        let served = [
            (Stage::Stt, "ears", "deepgram", "nova-3"),
            (Stage::Llm, "model", "openai", "gpt-4.1-mini"),
            (Stage::Tts, "voice", "cartesia", ""),
        ];
        for (stage, name, system, model) in served {
            witness.saw(stage, &Arc::new(Who { name: name.into(), system, model: model.into() }));
        }
        witness
    }
}

impl Providers for Staff {
    fn lineup(&self, _: OrgId, _: &Assistant) -> Result<Lineup, NoProvider> {
        Ok(Lineup {
            stt: Arc::clone(&self.stt),
            stand_in: None,
            tts: Arc::clone(&self.tts),
            voice: Voice::default(),
            llm: Some(Arc::clone(&self.llm)),
            s2s: Some(Arc::clone(&self.s2s)),
            bot: None,
            witness: self.witness(),
        })
    }

    fn capacity(&self) -> usize {
        100
    }
}
