//! The caller of a script: says something, listens until the agent has finished, says the next thing. Remembers every
//! sample with the time at which its packet came.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use callwright::net::media_leg::MediaCommand;
use callwright::net::media_ring::MediaNews;
use callwright::net::media_worker::MediaControl;
use callwright::time;
use callwright_loadtest::vendors::Script;
use callwright_loadtest::vendors::tts::speaking::tone;
use callwright_media::session::ClipId;
use callwright_sip::endpoint::Event;
use tokio::time::sleep;

use crate::phone::Line;
use crate::scene::{ANSWER, GOODBYE, GREETING};

/// Samples from this amplitude on are sound.
const LOUD: u16 = 400;
/// Samples of a frame, and of a millisecond.
const FRAME: usize = 160;
const MS: usize = 8;
/// So much silence after the last word of a text, and the text is over.
const PAUSE: usize = 250 * MS;
/// So long the caller waits for the agent before speaking all the same; longer than any agent may be silent.
const PATIENCE: Duration = Duration::from_millis(5_500);
/// How often the caller looks whether there is news.
const GLANCE: Duration = Duration::from_millis(30);

/// A text that the agent was heard to end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Said {
    Greeting,
    Answer,
    /// The end that the model wants.
    Goodbye,
    /// It asks for something to be said again.
    Again,
    /// It says that it cannot go on, and goodbye.
    Sorry,
}

/// Texts of the server itself, and what they mean.
pub(crate) const TEXTS: [(&str, Said); 8] = [
    (GREETING, Said::Greeting),
    (ANSWER, Said::Answer),
    (GOODBYE, Said::Goodbye),
    ("Are you still there?", Said::Again),
    ("Sorry, I did not get that. Could you say it again?", Said::Again),
    ("Sorry, I lost my thread. What were you saying?", Said::Again),
    ("I am sorry, I have a technical problem and have to end this call. Goodbye.", Said::Sorry),
    ("I am sorry, I cannot hear you any more because of a technical problem. Goodbye.", Said::Sorry),
];

/// Hz by which the tone of a word that was heard may be off; words of the vocabulary are 60 Hz apart.
const TOLERANCE: f64 = 20.0;
/// The last words that tell a text from all others.
const TAIL: usize = 3;

/// What came through the telephone.
#[derive(Debug, Default)]
struct Track {
    samples: Vec<i16>,
    /// When each frame came.
    times: Vec<Instant>,
    last_loud: usize,
    ended: Option<Instant>,
}

/// What happened next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The agent has finished a text.
    Said(Said),
    /// The agent said nothing that can be answered, for too long.
    Nothing,
    /// The agent has hung up.
    Over,
}

/// What the call was like at the telephone.
pub(crate) struct Record {
    /// When the agent was heard, from the first to the last sound of each stretch.
    pub(crate) agent: Vec<(Instant, Instant)>,
    /// When the caller spoke.
    pub(crate) caller: Vec<(Instant, Instant)>,
    /// The tones of what it said after the caller spoke last.
    pub(crate) tones: Vec<f64>,
    /// What the agent finished, in this order.
    pub(crate) said: Vec<Said>,
    /// When the agent hung up.
    pub(crate) ended: Option<Instant>,
}

pub(crate) struct Caller {
    control: MediaControl,
    track: Arc<Mutex<Track>>,
    phrases: Vec<(Vec<f64>, Said)>,
    clips: u64,
    spoke: Vec<(Instant, Instant)>,
    said: Vec<Said>,
    /// The sample from which on the agent is listened to.
    from: usize,
}

impl Caller {
    pub(crate) fn new(line: Line, script: &Script) -> Self {
        let track = Arc::new(Mutex::new(Track::default()));
        let Line { media, mut events, .. } = line;
        let (hearing, mut news) = (Arc::clone(&track), media.news);
        tokio::spawn(async move {
            while let Some(news) = news.recv().await {
                if let MediaNews::Audio { at, frame } = news {
                    lock(&hearing).push(at, frame.samples());
                }
            }
        });
        let signalling = Arc::clone(&track);
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if matches!(event, Event::Ended { .. }) {
                    lock(&signalling).ended = Some(time::now().mono);
                }
            }
        });
        let phrases = TEXTS.map(|(text, said)| (tail(script, text), said)).into();
        Self { control: media.control, track, phrases, clips: 0, spoke: Vec::new(), said: Vec::new(), from: 0 }
    }

    /// Says something; comes back when it is said.
    pub(crate) async fn says(&mut self, pcm: Vec<i16>) {
        let length = Duration::from_millis((pcm.len() / MS) as u64);
        self.clips += 1;
        let began = time::now().mono;
        let play = MediaCommand::Play { clip: ClipId(self.clips), pcm: pcm.into(), from: 0 };
        if self.control.send(play).await.is_err() {
            return;
        }
        sleep(length).await;
        self.spoke.push((began, began + length));
    }

    /// Listens until the agent has finished a text that is an answer to what was said last.
    pub(crate) async fn hears(&mut self) -> Next {
        let deadline = |since: Instant| since + PATIENCE;
        let mut since = self.spoke.last().map_or_else(|| time::now().mono, |(_, end)| *end);
        let mut examined = 0;
        loop {
            sleep(GLANCE).await;
            let track = lock(&self.track);
            if track.ended.is_some() {
                let tones = tones(&track.samples[self.from.min(track.samples.len())..]);
                drop(track);
                let within = |said: Said| {
                    let mut tails = self.phrases.iter().filter(|(_, each)| *each == said).map(|(tail, _)| tail);
                    tails.any(|tail| (1..=tones.len()).any(|end| is_tail(&tones[..end], tail)))
                };
                self.said.extend([Said::Goodbye, Said::Sorry].into_iter().find(|said| within(*said)));
                return Next::Over;
            }
            let (end, last) = (track.samples.len(), track.last_loud);
            if last > self.from {
                since = since.max(track.times[last / FRAME]);
            }
            if last > self.from && end - last >= PAUSE && examined != last {
                examined = last;
                let said = ended_with(&tones(&track.samples[self.from..end]), &self.phrases);
                if let Some(said) = said.filter(|said| !matches!(said, Said::Goodbye | Said::Sorry)) {
                    self.from = end;
                    drop(track);
                    self.said.push(said);
                    return Next::Said(said);
                }
            }
            drop(track);
            if time::now().mono >= deadline(since) {
                return Next::Nothing;
            }
        }
    }

    /// What the call was like.
    pub(crate) fn record(self) -> Record {
        let track = lock(&self.track);
        let tones = tones(&track.samples[self.from.min(track.samples.len())..]);
        Record { agent: track.sounds(), caller: self.spoke, tones, said: self.said, ended: track.ended }
    }
}

fn lock(track: &Mutex<Track>) -> MutexGuard<'_, Track> {
    track.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Track {
    fn push(&mut self, at: Instant, samples: &[i16]) {
        if let Some(last) = samples.iter().rposition(|sample| sample.unsigned_abs() >= LOUD) {
            self.last_loud = self.samples.len() + last;
        }
        self.samples.extend_from_slice(samples);
        self.times.push(at);
    }

    /// When there was sound, with pauses of at least 100 ms between.
    fn sounds(&self) -> Vec<(Instant, Instant)> {
        let mut sounds: Vec<(Instant, Instant)> = Vec::new();
        let frames = self.samples.chunks(FRAME).zip(&self.times);
        for (_, at) in frames.filter(|(frame, _)| frame.iter().any(|sample| sample.unsigned_abs() >= LOUD)) {
            match sounds.last_mut() {
                Some((_, end)) if *at < *end + Duration::from_millis(100) => *end = *at,
                _ => sounds.push((*at, *at)),
            }
        }
        sounds
    }
}

/// The tones of the last words of a text.
fn tail(script: &Script, text: &str) -> Vec<f64> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut tones: Vec<f64> = words.map(|word| tone(&script.hearing, word)).collect();
    tones.dedup();
    tones[tones.len().saturating_sub(TAIL)..].to_vec()
}

/// The text that these tones end with.
fn ended_with(tones: &[f64], phrases: &[(Vec<f64>, Said)]) -> Option<Said> {
    phrases.iter().find(|(tail, _)| is_tail(tones, tail)).map(|(_, said)| *said)
}

/// Whether the last words are these: the very last one, and most of the others, for a word with a hole may be two.
fn is_tail(tones: &[f64], tail: &[f64]) -> bool {
    let pairs = tail.iter().rev().zip(tones.iter().rev());
    let alike: Vec<bool> = pairs.map(|(wanted, heard)| (wanted - heard).abs() < TOLERANCE).collect();
    tones.len() >= tail.len() && alike.first() == Some(&true) && alike.iter().filter(|alike| !**alike).count() <= 1
}

/// The tones of the words.
fn tones(samples: &[i16]) -> Vec<f64> {
    let mut tones: Vec<f64> = bursts(samples).filter_map(frequency).collect();
    // A word with a hole in it is one word.
    tones.dedup_by(|next, before| (*next - *before).abs() < TOLERANCE);
    tones
}

/// The stretches of sound; 15 ms of silence part them.
fn bursts(samples: &[i16]) -> impl Iterator<Item = &[i16]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let loud = |sample: &i16| sample.unsigned_abs() >= LOUD;
        let start = at + samples[at..].iter().position(loud)?;
        let (mut last, mut next) = (start, start);
        while next < samples.len() && next - last < 15 * MS {
            if loud(&samples[next]) {
                last = next;
            }
            next += 1;
        }
        at = next;
        Some(&samples[start..=last])
    })
}

/// The frequency of a tone, from how its crossings of zero lie apart, whatever holes it has; none for what is shorter than
/// 8 ms.
fn frequency(burst: &[i16]) -> Option<f64> {
    let pairs = burst.windows(2).enumerate().filter(|(_, pair)| pair[0] < 0 && pair[1] >= 0);
    let crossings: Vec<f64> = pairs
        .map(|(at, pair)| {
            let (below, above) = (f64::from(pair[0]), f64::from(pair[1]));
            at as f64 + below / (below - above)
        })
        .collect();
    let mut periods: Vec<f64> = crossings.windows(2).map(|pair| pair[1] - pair[0]).collect();
    periods.sort_by(f64::total_cmp);
    let long = burst.len() >= 8 * MS && periods.len() >= 3;
    long.then(|| 8_000.0 / periods[periods.len() / 2])
}
