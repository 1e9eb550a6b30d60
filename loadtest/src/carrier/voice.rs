//! Voices of the callees: espeak-ng, made once and kept on disk by content.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use callwright_media::level::rms_dbfs;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::callee::Utterance;

/// Samples per second of everything a callee plays.
const RATE: u32 = 8000;
/// Ten milliseconds.
const WINDOW: usize = RATE as usize / 100;
/// Level from which a window belongs to the words.
const AUDIBLE_DBFS: f32 = -45.0;
/// Longest time one synthesis may take.
const LIMIT: Duration = Duration::from_secs(20);

/// How one callee sounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Voice {
    name: &'static str,
    words_per_minute: u32,
    pitch: u32,
}

impl Voice {
    /// A voice by chance: accent, speaker, speed and pitch.
    pub(crate) fn draw(rng: &mut StdRng) -> Self {
        const NAMES: &[&str] = &[
            "en-us", "en-us+f2", "en-us+f3", "en-us+m2", "en-us+m3", "en-gb", "en-gb+f2", "en-gb+m3", "en-us+m7",
            "en-gb+f4",
        ];
        Self {
            name: NAMES.choose(rng).copied().unwrap_or("en-us"),
            words_per_minute: rng.random_range(140..175),
            pitch: rng.random_range(38..62),
        }
    }
}

/// Synthesises, and keeps what it made.
#[derive(Clone, Debug)]
pub(crate) struct Studio {
    folder: PathBuf,
    processes: Arc<Semaphore>,
}

impl Studio {
    /// A studio that keeps its clips in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(crate) fn open(folder: PathBuf) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Self { folder, processes: Arc::new(Semaphore::new(2)) })
    }

    /// The utterance as 8 kHz samples.
    ///
    /// # Errors
    /// When espeak-ng is missing, fails or takes too long.
    pub(crate) async fn render(&self, utterance: &Utterance, voice: &Voice) -> anyhow::Result<Arc<[i16]>> {
        match utterance {
            Utterance::Words(text) => Ok(self.speech(text, voice).await?.into()),
            Utterance::Mumble => Ok(mumble().into()),
            Utterance::Mailbox(text) => {
                let mut samples = self.speech(text, voice).await?;
                samples.extend(std::iter::repeat_n(0, RATE as usize * 6 / 10));
                samples.extend(tone(1000.0, 0.5, 0.25));
                Ok(samples.into())
            }
        }
    }

    async fn speech(&self, text: &str, voice: &Voice) -> anyhow::Result<Vec<i16>> {
        let key = format!("{}-{}-{}-{text}", voice.name, voice.words_per_minute, voice.pitch);
        let path = self.folder.join(format!("{:016x}.wav", hash(&key)));
        let wav = match tokio::fs::read(&path).await {
            Ok(wav) => wav,
            Err(_) => self.synthesise(text, voice, &path).await?,
        };
        let samples =
            callwright_media::clip::decode_wav(&wav).with_context(|| format!("{} is damaged", path.display()))?;
        Ok(trimmed(&samples).to_vec())
    }

    async fn synthesise(&self, text: &str, voice: &Voice, path: &Path) -> anyhow::Result<Vec<u8>> {
        let _permit = self.processes.acquire().await.context("the studio is closed")?;
        let mut command = Command::new("espeak-ng");
        command
            .args(["-v", voice.name, "-s", &voice.words_per_minute.to_string(), "-p", &voice.pitch.to_string()])
            .args(["--stdout", "--", text])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(LIMIT, command.output())
            .await
            .context("espeak-ng took too long")?
            .context("cannot run espeak-ng; install the package espeak-ng")?;
        if !output.status.success() {
            bail!("espeak-ng failed: {}", output.status);
        }
        // Renamed into place, so that a carrier beside this one never reads half a file.
        let draft = path.with_extension(format!("{}.part", std::process::id()));
        tokio::fs::write(&draft, &output.stdout).await.with_context(|| format!("cannot write {}", draft.display()))?;
        tokio::fs::rename(&draft, path).await.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(output.stdout)
    }
}

/// The speech without the silence around it, so that the log says when words begin and end.
fn trimmed(samples: &[i16]) -> &[i16] {
    let audible = |window: &[i16]| rms_dbfs(window) > AUDIBLE_DBFS;
    let mut windows = samples.chunks(WINDOW);
    let Some(first) = windows.clone().position(audible) else { return samples };
    let last = windows.rposition(audible).unwrap_or(first);
    &samples[first * WINDOW..samples.len().min((last + 1) * WINDOW)]
}

/// A hum of 0.9 s whose pitch and loudness wander: voiced, but no words.
fn mumble() -> Vec<i16> {
    let count = RATE as usize * 9 / 10;
    let mut phase = 0.0_f64;
    (0..count)
        .map(|i| {
            let t = i as f64 / f64::from(RATE);
            phase += std::f64::consts::TAU * (120.0 + 18.0 * (t * 9.0).sin()) / f64::from(RATE);
            // Harmonics that fall off as behind closed lips.
            let voiced: f64 = (1..=8).map(|n| (phase * f64::from(n)).sin() / f64::from(n * n)).sum();
            let loudness = 0.15 * (0.6 + 0.4 * (t * 21.0).sin()) * (t * 12.0).min(1.0) * ((0.9 - t) * 12.0).min(1.0);
            (voiced * loudness * 32767.0) as i16
        })
        .collect()
}

/// A pure tone of so many hertz and seconds; `level` is a share of full scale.
fn tone(hertz: f64, seconds: f64, level: f64) -> impl Iterator<Item = i16> {
    let count = (seconds * f64::from(RATE)) as u32;
    (0..count).map(move |i| {
        let t = f64::from(i) / f64::from(RATE);
        ((std::f64::consts::TAU * hertz * t).sin() * level * 32767.0) as i16
    })
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_around_words_is_cut_away() {
        let mut samples = vec![0; 800];
        samples.extend(tone(400.0, 0.5, 0.3));
        samples.extend([0; 2000]);
        assert_eq!(trimmed(&samples).len(), 4000);
        assert_eq!(trimmed(&[0; 500]).len(), 500);
    }

    #[test]
    fn a_mumble_is_as_loud_as_speech() {
        let level = rms_dbfs(&mumble());
        assert!((-30.0..-15.0).contains(&level), "{level} dBFS");
    }
}
