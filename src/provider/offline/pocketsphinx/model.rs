//! The acoustic model, and the files made for it: networks and feature settings.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::super::dictionary::Dictionary;
use super::network::{Network, any_phones, sentences};
use crate::provider::error::{Error, ErrorKind};
use crate::provider::stt::Grammar;

pub(super) const NAME: &str = "pocketsphinx";

/// The mean of the features over telephone speech as [`super::frontend`] delivers it. The program corrects its mean
/// only from one utterance to the next, and here every utterance has a process of its own.
const CEPSTRAL_MEAN: &str = "49.88,-10.03,-1.70,2.24,-2.58,-5.12,-4.81,-5.83,-5.89,0.52,-2.13,-1.04,-2.27";

/// So many compiled grammars are remembered; a question has one.
const MAX_GRAMMARS: usize = 10_000;

/// The model of a language and what was made for it.
#[derive(Debug)]
pub(super) struct Model {
    /// Folder of the acoustic model.
    pub(super) acoustic: PathBuf,
    /// Feature settings for telephone speech.
    pub(super) features: PathBuf,
    /// What else is heard between words: silence only, so that nothing said can pass for noise.
    pub(super) fillers: PathBuf,
    /// The network of any phones.
    pub(super) phones: Files,
    dictionary: Dictionary,
    folder: PathBuf,
    compiled: Mutex<BTreeMap<Grammar, Files>>,
}

/// A network on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) grammar: PathBuf,
    pub(super) dictionary: PathBuf,
}

impl Model {
    /// Reads the model in `model` (the folder with `en-us/` and `cmudict-en-us.dict`); writes what is made for it to
    /// `folder`.
    pub(super) fn open(model: &Path, folder: PathBuf) -> Result<Self, Error> {
        let acoustic = model.join("en-us");
        let settings = fs::read_to_string(acoustic.join("feat.params")).map_err(|error| missing(model, &error))?;
        let dictionary = Dictionary::read(&model.join("cmudict-en-us.dict")).map_err(|error| missing(model, &error))?;
        fs::create_dir_all(&folder).map_err(|error| local(&error))?;
        let features = folder.join("telephone.params");
        write(&features, &for_telephone(&settings)).map_err(|error| local(&error))?;
        let fillers = folder.join("fillers.dict");
        write(&fillers, "<s> SIL\n</s> SIL\n<sil> SIL\n").map_err(|error| local(&error))?;
        let phones = keep(&folder, &any_phones()).map_err(|error| local(&error))?;
        Ok(Self { acoustic, features, fillers, phones, dictionary, folder, compiled: Mutex::default() })
    }

    pub(super) const fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// The files of a grammar, made when they are not there.
    pub(super) fn compile(&self, grammar: &Grammar) -> Result<Files, Error> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(files) = compiled.get(grammar) {
            return Ok(files.clone());
        }
        let network = sentences(grammar, &self.dictionary).map_err(|unknown| {
            Error::new(NAME, ErrorKind::Refused, format!("{} words are not in the dictionary", unknown.len()))
        })?;
        let files = keep(&self.folder, &network).map_err(|error| local(&error))?;
        if compiled.len() >= MAX_GRAMMARS {
            compiled.clear();
        }
        compiled.insert(grammar.clone(), files.clone());
        Ok(files)
    }
}

/// The model's feature settings with the mean of telephone speech.
fn for_telephone(settings: &str) -> String {
    let others = settings.lines().filter(|line| !line.trim_start().starts_with("-cmninit"));
    others.map(|line| format!("{line}\n")).collect::<String>() + &format!("-cmninit {CEPSTRAL_MEAN}\n")
}

/// Writes a network under the name of its content.
fn keep(folder: &Path, network: &Network) -> io::Result<Files> {
    let hash = Sha256::new().chain_update(&network.grammar).chain_update(&network.dictionary).finalize();
    let name: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let files = Files { grammar: folder.join(format!("{name}.fsg")), dictionary: folder.join(format!("{name}.dict")) };
    write(&files.grammar, &network.grammar)?;
    write(&files.dictionary, &network.dictionary)?;
    Ok(files)
}

/// Writes a file so that nobody ever reads half of it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.draft", std::process::id()));
    fs::write(&draft, text)?;
    fs::rename(&draft, path)
}

fn missing(model: &Path, error: &io::Error) -> Error {
    let model = model.display();
    let detail = format!(
        "no English model in `{model}` ({error}); on Debian or Ubuntu: apt-get install pocketsphinx pocketsphinx-en-us"
    );
    Error::new(NAME, ErrorKind::NotInstalled, detail)
}

fn local(error: &io::Error) -> Error {
    Error::new(NAME, ErrorKind::Local, error.to_string())
}
