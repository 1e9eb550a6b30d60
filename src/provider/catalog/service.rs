//! Who serves a call.

use std::sync::Arc;

use super::kind::Adapter;
use super::{Catalog, Entry, Stage};
use crate::id::OrgId;
use crate::provider::bot::Bot;
use crate::provider::embeddings::Embedder;
use crate::provider::error::Error;
use crate::provider::hedge::bot::WatchedBot;
use crate::provider::hedge::model::HedgedModel;
use crate::provider::hedge::native::Watched;
use crate::provider::hedge::recogniser::HedgedEars;
use crate::provider::hedge::synthesiser::{HedgedVoice, VoiceChoice};
use crate::provider::hedge::{Choice, Held};
use crate::provider::llm::LanguageModel;
use crate::provider::s2s::SpeechToSpeech;
use crate::provider::tts::Voice;
use crate::provider::witness::{Seen, Witness};
use crate::time;

/// Whom a call wants, by their names and in the order of preference. Nobody: what comes with the server serves, or the
/// stage is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Recognisers.
    pub stt: Vec<String>,
    /// Models.
    pub llm: Vec<String>,
    /// Voices, each with its name at that vendor.
    pub tts: Vec<(String, Voice)>,
    /// A model that hears and speaks, and the voice it has there; its default when that is empty.
    pub s2s: Option<(String, String)>,
    /// A bot that leads the call.
    pub bot: Option<String>,
}

/// Who serves it. Several of a stage look like one.
#[derive(Clone, Default)]
pub struct Served {
    /// The recogniser.
    pub stt: Option<HedgedEars>,
    /// The model.
    pub llm: Option<Arc<dyn LanguageModel>>,
    /// The voice, and how it is called there.
    pub tts: Option<(HedgedVoice, Voice)>,
    /// The model that hears and speaks.
    pub s2s: Option<Arc<dyn SpeechToSpeech>>,
    /// The bot that leads the call.
    pub bot: Option<Arc<dyn Bot>>,
    /// Who of them serves at any moment.
    pub witness: Witness,
}

/// A vendor that is wanted is not there, or cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// Nobody has this name, or not for this stage.
    #[error("there is no {1} provider {0}")]
    Name(String, Stage),
    /// Everybody who is wanted is switched off or set up wrongly; the first is so.
    #[error(transparent)]
    Unusable(#[from] Error),
}

/// An organisation's model of embeddings.
#[derive(Clone)]
pub struct Meaning {
    /// The model.
    pub embedder: Arc<dyn Embedder>,
    entry: Arc<Entry>,
}

impl Meaning {
    /// Whether it may be asked at present.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.entry.health.admits()
    }

    /// A place for one question, given back when it is dropped; none when it may not be asked or is asked by as many as
    /// it takes.
    #[must_use]
    pub fn place(&self) -> Option<Held> {
        (self.entry.free() > 0).then(|| Arc::new(Some(self.entry.take())) as Held)
    }

    /// Lets its circuit know how a request went.
    pub fn note<T>(&self, outcome: &Result<T, Error>) {
        let now = time::now().mono;
        match outcome {
            Ok(_) => self.entry.health.succeeded(now),
            Err(error) => self.entry.health.failed(now, error),
        }
    }
}

impl Catalog {
    /// Who serves a call. Vendors are taken for it until all that is given here is dropped.
    ///
    /// # Errors
    /// [`Unknown`].
    pub fn serve(&self, org: OrgId, wanted: &Wanted) -> Result<Served, Unknown> {
        let stt = self.usable(org, Stage::Stt, wanted.stt.iter().map(|name| (name, ())))?;
        let llm = self.usable(org, Stage::Llm, wanted.llm.iter().map(|name| (name, ())))?;
        let tts = self.usable(org, Stage::Tts, wanted.tts.iter().map(|(name, voice)| (name, voice)))?;
        let s2s = self.usable(org, Stage::S2s, wanted.s2s.iter().map(|(name, voice)| (name, voice)))?;
        let bot = self.usable(org, Stage::Bot, wanted.bot.iter().map(|name| (name, ())))?;
        let witness = Witness::default();
        Ok(Served {
            stt: listen(&stt, &witness),
            llm: think(&llm, &witness),
            tts: speak(&tts, &witness),
            s2s: converse(&s2s, &witness),
            bot: lead(&bot, &witness),
            witness,
        })
    }

    /// The model of embeddings of an organisation: of those that can be used its own before those of the settings file,
    /// and the first by name.
    #[must_use]
    pub fn meaning(&self, org: OrgId) -> Option<Meaning> {
        let own = |entry: &Arc<Entry>| (entry.settings.org.is_none(), Arc::clone(&entry.name));
        let mut entries = self.entries();
        entries.retain(|entry| {
            let kind = entry.settings.kind.stage() == Stage::Embeddings;
            kind && entry.settings.org.is_none_or(|of| of == org) && entry.fault().is_none()
        });
        let entry = entries.into_iter().min_by_key(own)?;
        match entry.adapter() {
            Ok(Adapter::Embeddings(embedder)) => Some(Meaning { embedder: Arc::clone(embedder), entry }),
            Ok(Adapter::Stt(_) | Adapter::Llm(_) | Adapter::Tts(_) | Adapter::S2s(_) | Adapter::Bot(_)) | Err(_) => {
                None
            }
        }
    }

    /// The entries of these names that can be used; an error when there are names and none can.
    pub(super) fn usable<'a, T>(
        &self,
        org: OrgId,
        stage: Stage,
        names: impl Iterator<Item = (&'a String, T)>,
    ) -> Result<Vec<(Arc<Entry>, T)>, Unknown> {
        let (mut usable, mut fault) = (Vec::new(), None);
        for (name, with) in names {
            let unknown = || Unknown::Name(name.clone(), stage);
            let entry =
                self.find(org, name).filter(|entry| entry.settings.kind.stage() == stage).ok_or_else(unknown)?;
            match entry.fault() {
                None => usable.push((entry, with)),
                Some(error) => fault = fault.or(Some(error)),
            }
        }
        match fault {
            Some(error) if usable.is_empty() => Err(error.into()),
            Some(_) | None => Ok(usable),
        }
    }
}

/// The recogniser of a call, and a spare where there is another.
fn listen(entries: &[(Arc<Entry>, ())], witness: &Witness) -> Option<HedgedEars> {
    let choices = entries.iter().filter_map(|(entry, ())| match entry.adapter() {
        Ok(Adapter::Stt(stt)) => Some(choice(stt, entry, witness)),
        Ok(Adapter::Llm(_) | Adapter::Tts(_) | Adapter::S2s(_) | Adapter::Embeddings(_) | Adapter::Bot(_)) | Err(_) => {
            None
        }
    });
    let choices: Vec<_> = choices.collect();
    (!choices.is_empty()).then(|| HedgedEars::new(choices).holding(place(entries)))
}

/// The model of a call, and those that stand in for it.
fn think(entries: &[(Arc<Entry>, ())], witness: &Witness) -> Option<Arc<dyn LanguageModel>> {
    let choices = entries.iter().filter_map(|(entry, ())| match entry.adapter() {
        Ok(Adapter::Llm(llm)) => Some(choice(llm, entry, witness)),
        Ok(Adapter::Stt(_) | Adapter::Tts(_) | Adapter::S2s(_) | Adapter::Embeddings(_) | Adapter::Bot(_)) | Err(_) => {
            None
        }
    });
    let choices: Vec<_> = choices.collect();
    (!choices.is_empty()).then(|| Arc::new(HedgedModel::new(choices).holding(place(entries))) as _)
}

/// The voice of a call, and those that stand in for it.
fn speak(entries: &[(Arc<Entry>, &Voice)], witness: &Witness) -> Option<(HedgedVoice, Voice)> {
    let voices = entries.iter().filter_map(|(entry, voice)| match entry.adapter() {
        Ok(Adapter::Tts(tts)) => Some(VoiceChoice { choice: choice(tts, entry, witness), voice: Voice::clone(voice) }),
        Ok(Adapter::Stt(_) | Adapter::Llm(_) | Adapter::S2s(_) | Adapter::Embeddings(_) | Adapter::Bot(_)) | Err(_) => {
            None
        }
    });
    let voices: Vec<_> = voices.collect();
    let first = voices.first()?.voice.clone();
    Some((HedgedVoice::new(voices).holding(place(entries)), first))
}

/// The model that hears and speaks in a call.
fn converse(entries: &[(Arc<Entry>, &String)], witness: &Witness) -> Option<Arc<dyn SpeechToSpeech>> {
    let (entry, voice) = entries.first()?;
    let Ok(Adapter::S2s(s2s)) = entry.adapter() else { return None };
    Some(Arc::new(Watched::new(choice(s2s, entry, witness), (*voice).clone()).holding(place(entries))))
}

/// The bot that leads a call.
fn lead(entries: &[(Arc<Entry>, ())], witness: &Witness) -> Option<Arc<dyn Bot>> {
    let (entry, ()) = entries.first()?;
    let Ok(Adapter::Bot(bot)) = entry.adapter() else { return None };
    Some(Arc::new(WatchedBot::new(choice(bot, entry, witness), place(entries))))
}

fn choice<T: ?Sized>(provider: &Arc<T>, entry: &Entry, witness: &Witness) -> Choice<T> {
    let seen = Seen { witness: witness.clone(), stage: entry.settings.kind.stage(), who: Arc::clone(&entry.who) };
    Choice { provider: Arc::clone(provider), health: entry.health.clone(), seen: Some(seen) }
}

/// Takes a place of the vendor that is asked first.
fn place<T>(entries: &[(Arc<Entry>, T)]) -> Held {
    let free = entries.iter().find(|(entry, _)| entry.free() > 0);
    Arc::new(free.or(entries.first()).map(|(entry, _)| entry.take()))
}
