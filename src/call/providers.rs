//! The seam to whoever knows which vendors serve a call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::agent::assistant::{Assistant, Mode};
use crate::id::OrgId;
use crate::provider::bot::Bot;
use crate::provider::catalog::{Catalog, NoRoom, Room, Served, Stage, Wanted};
use crate::provider::error::{Error, ErrorKind};
use crate::provider::hedge::Choice;
use crate::provider::hedge::synthesiser::{HedgedVoice, VoiceChoice};
use crate::provider::llm::LanguageModel;
use crate::provider::s2s::SpeechToSpeech;
use crate::provider::stt::SpeechToText;
use crate::provider::tts::{TextToSpeech, Voice};
use crate::provider::witness::{Seen, Who, Witness};

/// What comes with the server.
const ESPEAK: &str = "espeak-ng";
const POCKETSPHINX: &str = "pocketsphinx";
/// The offline voice that an assistant has when it names none.
const OFFLINE_VOICE: &str = "en-us";

/// Knows the vendors. Several behind one seam (one that stands in for another, a second one that is asked when the
/// first is slow) look like one from here.
pub trait Providers: Send + Sync {
    /// Who serves a call of this assistant.
    ///
    /// # Errors
    /// [`NoProvider`] when the assistant names one that is not there: no call should be made.
    fn lineup(&self, org: OrgId, assistant: &Assistant) -> Result<Lineup, NoProvider>;

    /// How many calls of this assistant could be served on top of those there are. Asked before a call is made, so that
    /// nobody who answers meets an agent that cannot hear or speak.
    fn room(&self, _org: OrgId, _assistant: &Assistant) -> Room {
        Room::Free(self.capacity())
    }

    /// Calls at one time that can be served, whatever their assistants.
    fn capacity(&self) -> usize;
}

/// Who serves one call.
#[derive(Clone)]
pub struct Lineup {
    /// Recognises.
    pub stt: Arc<dyn SpeechToText>,
    /// Recognises when that one has given up for good, where the conversation can do with it.
    pub stand_in: Option<Arc<dyn SpeechToText>>,
    /// Speaks.
    pub tts: Arc<dyn TextToSpeech>,
    /// With this voice.
    pub voice: Voice,
    /// Thinks, where the assistant has a model.
    pub llm: Option<Arc<dyn LanguageModel>>,
    /// Hears and speaks by itself, where the assistant has such a model.
    pub s2s: Option<Arc<dyn SpeechToSpeech>>,
    /// Leads the call elsewhere, where the assistant has such a bot.
    pub bot: Option<Arc<dyn Bot>>,
    /// Who of them serves at any moment.
    pub witness: Witness,
}

/// An assistant names a provider that is not there, or cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoProvider(pub String);

/// The vendors of the catalog, and for stages without a name what comes with the server.
pub struct Vendors {
    /// The vendors.
    pub catalog: Catalog,
    /// What comes with the server.
    pub offline: Offline,
    /// How vendors stand in for each other.
    pub manners: StandIn,
}

/// How vendors stand in for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandIn {
    /// Where an assistant names two recognisers, both hear the caller all the time.
    pub warm_spare: bool,
    /// What comes with the server speaks and listens when every vendor that an assistant names has failed.
    pub offline: bool,
}

impl Vendors {
    /// The voice of a call, with the one of last resort.
    fn speak(&self, named: HedgedVoice, assistant: &Assistant, witness: &Witness) -> Arc<dyn TextToSpeech> {
        if !self.manners.offline {
            return Arc::new(named);
        }
        let voice = Voice { name: espeak_voice(&assistant.language), language: assistant.language.clone() };
        let seen = Seen { witness: witness.clone(), stage: Stage::Tts, who: offline(ESPEAK) };
        let choice = Choice::new(Arc::clone(&self.offline.tts)).seen(seen);
        Arc::new(named.or_else(VoiceChoice { choice, voice }))
    }

    /// The recogniser of last resort: it knows the answers to questions and no free speech.
    fn stand_in(&self, assistant: &Assistant) -> Option<Arc<dyn SpeechToText>> {
        let answers_only = assistant.mode == Mode::Flow && primary(&assistant.language) == "en";
        (self.manners.offline && answers_only).then(|| Arc::clone(&self.offline.stt))
    }
}

impl Providers for Vendors {
    fn lineup(&self, org: OrgId, assistant: &Assistant) -> Result<Lineup, NoProvider> {
        let served = self.catalog.serve(org, &wanted(assistant));
        let Served { stt, llm, tts, s2s, bot, witness } = served.map_err(|error| NoProvider(error.to_string()))?;
        let (tts, voice): (Arc<dyn TextToSpeech>, _) = match tts {
            Some((named, voice)) => (self.speak(named, assistant, &witness), voice),
            None => {
                witness.saw(Stage::Tts, &offline(ESPEAK));
                (Arc::clone(&self.offline.tts), offline_voice(assistant))
            }
        };
        let stand_in = stt.as_ref().and_then(|_| self.stand_in(assistant));
        let stt = match stt {
            Some(named) if self.manners.warm_spare => Arc::new(named),
            Some(named) => Arc::new(named.cold()),
            None => {
                if s2s.is_none() && bot.is_none() {
                    witness.saw(Stage::Stt, &offline(POCKETSPHINX));
                }
                Arc::clone(&self.offline.stt)
            }
        };
        Ok(Lineup { stt, stand_in, tts, voice, llm, s2s, bot, witness })
    }

    fn room(&self, org: OrgId, assistant: &Assistant) -> Room {
        let wanted = wanted(assistant);
        let by_itself = wanted.s2s.is_some() || wanted.bot.is_some();
        match self.catalog.room(org, &wanted) {
            // A model that hears by itself leaves the recogniser that comes with the server alone.
            Room::Free(free) if wanted.stt.is_empty() && !by_itself => self.offline.places().most(free),
            room @ (Room::Free(_) | Room::None(_)) => room,
        }
    }

    fn capacity(&self) -> usize {
        if self.catalog.is_empty() { self.offline.capacity() } else { usize::MAX }
    }
}

fn wanted(assistant: &Assistant) -> Wanted {
    let named = &assistant.providers;
    // The assistant's voice is the first speaker's name for it, unless it is the offline one's; others have their own.
    let first = Some(assistant.voice.as_str()).filter(|voice| *voice != OFFLINE_VOICE);
    let voice_of = |name: &String, otherwise: Option<&str>| {
        assistant.voices.get(name).map(String::as_str).or(otherwise).unwrap_or_default().to_owned()
    };
    let voice = |(at, name): (usize, &String)| {
        let voice = voice_of(name, first.filter(|_| at == 0));
        (name.clone(), Voice { name: voice, language: assistant.language.clone() })
    };
    Wanted {
        stt: named.stt.clone(),
        llm: named.llm.clone(),
        tts: named.tts.iter().enumerate().map(voice).collect(),
        s2s: named.s2s.iter().map(|name| (name.clone(), voice_of(name, first))).next(),
        bot: named.bot.clone(),
    }
}

/// The offline voice for a language.
fn espeak_voice(language: &str) -> String {
    match primary(language) {
        "en" if language.eq_ignore_ascii_case("en-gb") => "en-gb".to_owned(),
        "en" => OFFLINE_VOICE.to_owned(),
        other => other.to_owned(),
    }
}

/// The language of a BCP 47 tag without its region.
fn primary(language: &str) -> &str {
    language.split('-').next().unwrap_or(language)
}

/// A program that comes with the server, as a trace names it.
fn offline(program: &str) -> Arc<Who> {
    Arc::new(Who { name: "offline".into(), system: "offline", model: program.into() })
}

fn offline_voice(assistant: &Assistant) -> Voice {
    Voice { name: assistant.voice.clone(), language: assistant.language.clone() }
}

/// The recogniser and the voice that come with the server; no model.
pub struct Offline {
    /// Recognises.
    pub stt: Arc<dyn SpeechToText>,
    /// Speaks.
    pub tts: Arc<dyn TextToSpeech>,
}

impl Offline {
    fn places(&self) -> Room {
        match self.stt.capacity().free {
            0 => Room::None(NoRoom::Full { stage: Stage::Stt }),
            free => Room::Free(free),
        }
    }
}

impl Providers for Offline {
    fn lineup(&self, _: OrgId, assistant: &Assistant) -> Result<Lineup, NoProvider> {
        let named = &assistant.providers;
        let all = named.stt.iter().chain(&named.llm).chain(&named.tts).chain(&named.s2s).chain(&named.bot);
        match all.into_iter().next() {
            Some(name) => Err(NoProvider(format!("there is no provider {name}"))),
            None => Ok(Lineup {
                stt: Arc::clone(&self.stt),
                stand_in: None,
                tts: Arc::clone(&self.tts),
                voice: offline_voice(assistant),
                llm: None,
                s2s: None,
                bot: None,
                witness: {
                    let witness = Witness::default();
                    witness.saw(Stage::Stt, &offline(POCKETSPHINX));
                    witness.saw(Stage::Tts, &offline(ESPEAK));
                    witness
                },
            }),
        }
    }

    fn room(&self, _: OrgId, _: &Assistant) -> Room {
        self.places()
    }

    /// Each call may need a recogniser at any moment.
    fn capacity(&self) -> usize {
        self.stt.capacity().total
    }
}

/// Calls into a provider: a panic there is an error here, and costs no call.
pub(super) fn guarded<T>(open: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(open))
        .unwrap_or_else(|_| Err(Error::new("a provider", ErrorKind::Broken, "it panicked")))
}
