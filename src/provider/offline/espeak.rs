//! `espeak-ng` as a process: text on standard input, WAV on standard output.
//!
//! Text never appears among the arguments, where every user of the machine could read it.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use callwright_media::clip::decode_wav;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::provider::error::{Error, ErrorKind};
use crate::provider::prompts::{Key, Prompts};
use crate::provider::tts::{Session, Speaking, Speech, SpeechRequest, TextToSpeech, Voice};
use crate::provider::whole;

const NAME: &str = "espeak-ng";

/// The voice when neither a name nor a language is told.
const DEFAULT: &str = "en-us";

/// The longest output that is read: five minutes at 22.05 kHz.
const MAX_WAV: u64 = 5 * 60 * 22_050 * 2;

/// Quieter samples at both ends are silence.
const SILENCE: u16 = 100;

/// Silence left at both ends, in samples at 8 kHz.
const MARGIN: usize = 160;

/// Words a minute: slower than the program's default of 175, which is hard to follow on a telephone.
const SPEED: &str = "155";

/// How `espeak-ng` is run.
#[derive(Clone, Debug)]
pub struct EspeakConfig {
    /// The program. Default `espeak-ng`, looked up in `PATH`.
    pub program: PathBuf,
    /// Processes at the same time; requests beyond wait. Default 2.
    pub processes: usize,
    /// A process that takes longer has failed. Default 10 s; a sentence takes some 20 ms.
    pub time_limit: Duration,
}

impl Default for EspeakConfig {
    fn default() -> Self {
        Self { program: PathBuf::from(NAME), processes: 2, time_limit: Duration::from_secs(10) }
    }
}

/// The offline voice: espeak-ng in front of a folder of prompts.
#[derive(Debug)]
pub struct Espeak {
    config: EspeakConfig,
    prompts: Arc<Prompts>,
    places: Semaphore,
}

impl TextToSpeech for Espeak {
    fn speak(&self, request: SpeechRequest) -> Speaking<'_> {
        Box::pin(self.find_or_make(request))
    }

    fn open(self: Arc<Self>, voice: &Voice) -> Result<Session, Error> {
        Ok(whole::open(self, voice))
    }
}

impl Espeak {
    /// A voice that keeps what it says in `prompts`.
    #[must_use]
    pub fn new(config: EspeakConfig, prompts: Arc<Prompts>) -> Self {
        let places = Semaphore::new(config.processes.max(1));
        Self { config, prompts, places }
    }

    /// Whether the program is there and says something.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn check(&self) -> Result<(), Error> {
        self.make(&SpeechRequest { text: "hello".to_owned().into(), voice: Voice::default() }).await.map(|_| ())
    }

    async fn find_or_make(&self, request: SpeechRequest) -> Result<Speech, Error> {
        let key = Key::new(NAME, &request);
        let make = async { Ok(Speech { pcm: self.make(&request).await?.into(), marks: [].into() }) };
        self.prompts.find_or_make(NAME, &key, make).await
    }

    async fn make(&self, request: &SpeechRequest) -> Result<Vec<i16>, Error> {
        let _place = self.places.acquire().await.map_err(|_| local("shutting down"))?;
        let limit = self.config.time_limit;
        let wav = tokio::time::timeout(limit, self.run(request)).await;
        let wav = wav.map_err(|_| Error::new(NAME, ErrorKind::TimedOut, format!("no speech within {limit:?}")))??;
        let pcm = decode_wav(&wav).map_err(|error| Error::new(NAME, ErrorKind::Broken, error.to_string()))?;
        let pcm = trim(&pcm);
        if pcm.is_empty() {
            return Err(Error::new(NAME, ErrorKind::Refused, "the text has no sound"));
        }
        Ok(pcm.to_vec())
    }

    /// Runs the program once. It is killed when this future is dropped.
    async fn run(&self, request: &SpeechRequest) -> Result<Vec<u8>, Error> {
        let mut child = Command::new(&self.config.program)
            .args(["-v", voice(&request.voice), "-s", SPEED, "-b", "1", "-z", "--stdin", "--stdout"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| self.not_started(&error))?;
        let mut stdin = child.stdin.take().ok_or_else(|| local("no standard input"))?;
        let stdout = child.stdout.take().ok_or_else(|| local("no standard output"))?;
        let text = speakable(request.text.expose());
        let write = async move {
            // A program that ends early closes its input: its exit status tells more than this error.
            let _ = stdin.write_all(text.as_bytes()).await;
            drop(stdin);
        };
        let mut wav = Vec::new();
        let mut stdout = stdout.take(MAX_WAV);
        let ((), read) = tokio::join!(write, stdout.read_to_end(&mut wav));
        read.map_err(|error| local(&error.to_string()))?;
        drop(stdout);
        let status = child.wait().await.map_err(|error| local(&error.to_string()))?;
        if status.success() {
            Ok(wav)
        } else {
            Err(Error::new(NAME, ErrorKind::Refused, format!("voice `{}`: {status}", voice(&request.voice))))
        }
    }

    fn not_started(&self, error: &std::io::Error) -> Error {
        if error.kind() == std::io::ErrorKind::NotFound {
            let program = self.config.program.display();
            let detail = format!("`{program}` is not installed; on Debian or Ubuntu: apt-get install espeak-ng");
            Error::new(NAME, ErrorKind::NotInstalled, detail)
        } else {
            local(&error.to_string())
        }
    }
}

/// The program's name of a voice: its own, else the language, which it takes for one.
fn voice(voice: &Voice) -> &str {
    let names = [voice.name.as_str(), voice.language.as_str()];
    names.into_iter().find(|name| !name.is_empty()).unwrap_or(DEFAULT)
}

fn local(detail: &str) -> Error {
    Error::new(NAME, ErrorKind::Local, detail)
}

/// The text without what the program takes for commands: `[[…]]` is phoneme input.
fn speakable(text: &str) -> String {
    text.replace("[[", "[ [").replace(|c: char| c.is_control(), " ")
}

/// The clip without the silence at its ends, so that its last sample is when the caller has heard the last word.
fn trim(pcm: &[i16]) -> &[i16] {
    let loud = |sample: &i16| sample.unsigned_abs() > SILENCE;
    let (Some(first), Some(last)) = (pcm.iter().position(loud), pcm.iter().rposition(loud)) else { return &[] };
    &pcm[first.saturating_sub(MARGIN)..(last + 1 + MARGIN).min(pcm.len())]
}

#[cfg(test)]
mod tests;
