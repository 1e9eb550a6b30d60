//! The voice and the ears that need no key and no server: espeak-ng and pocketsphinx.

use std::sync::Arc;

use anyhow::Context;

use crate::agent::flow::check::Lexicon;
use crate::call::providers::Offline;
use crate::config::Config;
use crate::provider::offline::espeak::{Espeak, EspeakConfig};
use crate::provider::offline::pocketsphinx::{Pocketsphinx, PocketsphinxConfig};
use crate::provider::prompts::Prompts;

/// Space that kept prompts may take on disk.
const PROMPTS: u64 = 1 << 30;

/// What calls speak and listen with.
pub(crate) struct Voice {
    pub(crate) providers: Offline,
    /// Fixed texts that were spoken before.
    pub(crate) prompts: Arc<Prompts>,
    /// The words that can be understood.
    pub(crate) lexicon: Arc<dyn Lexicon + Send + Sync>,
}

/// Opens both.
pub(crate) fn offline(config: &Config) -> anyhow::Result<Voice> {
    let folder = config.prompts_dir();
    let prompts = Prompts::open(folder.clone(), PROMPTS)
        .with_context(|| format!("the folder of prompts {} cannot be used", folder.display()))?;
    let prompts = Arc::new(prompts);
    let espeak = EspeakConfig { processes: config.agent.synthesisers, ..EspeakConfig::default() };
    let listen = PocketsphinxConfig {
        model: config.agent.recogniser_model.clone(),
        ..PocketsphinxConfig::new(config.data_dir.join("grammars"), config.agent.recognisers)
    };
    let stt = Arc::new(Pocketsphinx::open(listen).context("the offline recogniser cannot be used")?);
    let lexicon = Arc::new(Words(Arc::clone(&stt)));
    let tts = Arc::new(Espeak::new(espeak, Arc::clone(&prompts)));
    Ok(Voice { providers: Offline { stt, tts }, prompts, lexicon })
}

/// The recogniser's dictionary.
struct Words(Arc<Pocketsphinx>);

impl Lexicon for Words {
    fn knows(&self, word: &str) -> bool {
        self.0.dictionary().knows(word)
    }
}
