//! What is on the line in one trial: the agent speaks, and something comes from the caller.

use std::path::Path;

use crate::corpus::Corpus;
use crate::dice::Dice;
use crate::sounds;
use crate::speech::{Delivery, spoken};

/// Samples a millisecond.
const MS: usize = 8;

/// How long a trial is.
pub(crate) const LENGTH: usize = 8_000 * MS;

/// When the agent begins.
pub(crate) const AGENT_BEGINS: usize = 300 * MS;

/// What comes from the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// A sentence of somebody who wants the word.
    Interruption,
    /// The same, while a little of the agent's voice comes back: -24 dB and less.
    OverEcho,
    /// A single word of command.
    Command,
    /// A remark of somebody who listens.
    Remark,
    /// A cough, a laugh, a breath.
    Throat,
    /// Noise of the line or the room.
    Noise,
    /// Music or signals.
    Music,
    /// Nothing but the agent's own voice, come back at -20 dB or less.
    Echo,
}

impl Class {
    pub(crate) const ALL: [Self; 8] = [
        Self::Interruption,
        Self::OverEcho,
        Self::Command,
        Self::Remark,
        Self::Throat,
        Self::Noise,
        Self::Music,
        Self::Echo,
    ];
}

/// One trial.
pub(crate) struct Trial {
    pub(crate) label: String,
    /// What the agent says, from [`AGENT_BEGINS`] on.
    pub(crate) agent: Vec<i16>,
    /// What the caller's phone sends, from the beginning.
    pub(crate) caller: Vec<i16>,
    /// Where the sound under test is first a voice.
    pub(crate) onset: usize,
    /// What a recogniser would write if it heard everything: the caller's words, or those of the echo.
    pub(crate) words: Vec<Word>,
}

/// A word, and where in the caller's audio it lies.
pub(crate) struct Word {
    pub(crate) from: usize,
    pub(crate) until: usize,
    pub(crate) text: String,
}

/// Which trials there are: of which class, and the how manieth of it.
pub(crate) fn trials(each: usize) -> Vec<(Class, usize)> {
    let count = |class| match class {
        Class::OverEcho | Class::Command | Class::Music | Class::Noise => each / 2,
        Class::Interruption | Class::Remark | Class::Throat | Class::Echo => each,
    };
    Class::ALL.into_iter().flat_map(|class| (0..count(class)).map(move |n| (class, n))).collect()
}

/// Makes a trial.
pub(crate) fn trial(corpus: &Corpus, folder: &Path, class: Class, n: usize, dice: &mut Dice) -> Trial {
    let agent = Agent::speaking(corpus, folder, n, dice);
    let slowest = if class == Class::Remark { 160 } else { 145 };
    let speech = |dice: &mut Dice, voice: &str, text: &str| {
        let delivery = Delivery { speed: slowest + 8 * dice.roll(6), pitch: 35 + 6 * dice.roll(6), loudness: 100 };
        trimmed(&spoken(folder, voice, text, delivery))
    };
    let voice = dice.pick(corpus.voices);
    let from = |list: &[&'static str]| list[n % list.len()];
    let (label, sound, text) = match class {
        Class::Interruption | Class::OverEcho | Class::Command => {
            let text = from(if class == Class::Command { corpus.commands } else { corpus.interruptions });
            (format!("{text} by {voice}"), speech(dice, voice, text), text)
        }
        Class::Remark => {
            let (sound, text) = corpus.remarks[n % corpus.remarks.len()];
            (format!("{sound} by {voice}"), speech(dice, voice, sound), text)
        }
        Class::Throat | Class::Noise | Class::Music | Class::Echo => {
            return by_rule(corpus, &agent, class, n, |sound, _| sound, dice);
        }
    };
    let sound = at_loudness(class, &sound, dice);
    laid(&agent, class, label, &sound, text, dice)
}

/// A trial with a throat, a line, a room or music made by rule and `varied`, or with nothing but the agent's echo.
pub(crate) fn by_rule(
    corpus: &Corpus,
    agent: &Agent,
    class: Class,
    n: usize,
    varied: impl Fn(Vec<f64>, &mut Dice) -> Vec<f64>,
    dice: &mut Dice,
) -> Trial {
    let (label, sound) = match class {
        Class::Throat => {
            let kind = corpus.throats[n % corpus.throats.len()];
            let level = dice.within(-30.0, -10.0);
            (format!("{kind:?}"), gained(&varied(sounds::throat(kind, dice), dice), level))
        }
        Class::Noise => {
            let kind = corpus.bangs[n % corpus.bangs.len()];
            let level = dice.within(-45.0, -12.0);
            (format!("{kind:?}"), gained(&varied(sounds::bang(kind, dice), dice), level))
        }
        Class::Music => {
            let kind = corpus.tunes[n % corpus.tunes.len()];
            let level = dice.within(-40.0, -15.0);
            (format!("{kind:?}"), gained(&varied(sounds::tune(kind, dice), dice), level))
        }
        Class::Echo | Class::Interruption | Class::OverEcho | Class::Command | Class::Remark => {
            (String::new(), Vec::new())
        }
    };
    laid(agent, class, label, &sound, "", dice)
}

/// Speech as loud as callers of this class are.
pub(crate) fn at_loudness(class: Class, sound: &[f64], dice: &mut Dice) -> Vec<f64> {
    let level = if class == Class::Remark { dice.within(-32.0, -17.0) } else { dice.within(-30.0, -15.0) };
    at_level(sound, level)
}

/// What the agent says.
pub(crate) struct Agent {
    monologue: &'static str,
    pcm: Vec<i16>,
}

impl Agent {
    pub(crate) fn speaking(corpus: &Corpus, folder: &Path, n: usize, dice: &mut Dice) -> Self {
        let voice = dice.pick(corpus.agents);
        let monologue = corpus.monologues[n % corpus.monologues.len()];
        let level = dice.within(-21.0, -16.0);
        let delivery = Delivery { speed: 150 + 15 * dice.roll(3), pitch: 40 + 12 * dice.roll(2), loudness: 100 };
        Self { monologue, pcm: to_pcm(&at_level(&trimmed(&spoken(folder, voice, monologue, delivery)), level)) }
    }
}

/// Lays a sound over what the agent says, on a line with or without noise and echo.
pub(crate) fn laid(agent: &Agent, class: Class, label: String, sound: &[f64], text: &str, dice: &mut Dice) -> Trial {
    let Agent { monologue, pcm: agent } = agent;
    let onset = AGENT_BEGINS + MS * (1_200 + dice.roll(3_800) as usize);
    let mut line = vec![0.0; LENGTH];
    for (slot, sample) in line[onset..].iter_mut().zip(sound) {
        *slot += sample;
    }
    let echo_db = match class {
        Class::Echo => Some(dice.within(-32.0, -20.0)),
        Class::Interruption => None,
        Class::OverEcho => Some(dice.within(-40.0, -24.0)),
        Class::Command | Class::Remark | Class::Throat | Class::Noise | Class::Music => {
            (dice.roll(10) < 3).then(|| dice.within(-40.0, -24.0))
        }
    };
    let delay = MS * dice.roll(480) as usize;
    let echo = echo_db.map(|db| format!("echo {db:.0} dB after {} ms", delay / MS));
    if let Some(db) = echo_db {
        add_echo(&mut line, agent, AGENT_BEGINS + delay, db, dice);
    }
    if dice.roll(10) < 3 {
        let level = 10f64.powf(dice.within(-66.0, -52.0) / 20.0);
        let mut slow = 0.0;
        for sample in &mut line {
            slow = 0.8 * slow + dice.noise();
            *sample += level * slow;
        }
    }
    let words = if class == Class::Echo {
        timed(monologue, AGENT_BEGINS + delay, agent.len())
    } else {
        timed(text, onset, sound.len())
    };
    let label = [label, echo.unwrap_or_default()].join(" ").trim().to_owned();
    Trial { label, agent: agent.clone(), caller: to_pcm(&line), onset: onset + first_voice(sound), words }
}

/// Adds the agent's voice as a phone returns it: later, weaker, and coloured by a loudspeaker, a room and a microphone.
fn add_echo(line: &mut [f64], agent: &[i16], at: usize, db: f64, dice: &mut Dice) {
    let gain = 10f64.powf(db / 20.0);
    let taps: Vec<(usize, f64)> =
        (0..6).map(|n| (n * 9 + dice.roll(9) as usize, 0.6f64.powi(n as i32) * dice.within(-1.0, 1.0))).collect();
    let power = 1.0 + taps.iter().map(|(_, tap)| tap * tap).sum::<f64>();
    let (mut low, mut before) = (0.0, 0.0);
    let coloured: Vec<f64> = agent
        .iter()
        .map(|sample| {
            // A small loudspeaker has no bass.
            let sample = f64::from(*sample) / 32_768.0;
            low = 0.85 * low + sample - before;
            before = sample;
            low
        })
        .collect();
    for (n, sample) in coloured.iter().enumerate() {
        for (tap, strength) in [(0, 1.0)].iter().chain(&taps) {
            if let Some(slot) = line.get_mut(at + n + tap) {
                *slot += gain / power.sqrt() * strength * sample;
            }
        }
    }
}

/// Words with their places, by their letters.
fn timed(text: &str, onset: usize, length: usize) -> Vec<Word> {
    let letters = |word: &str| word.chars().filter(|c| c.is_alphanumeric()).count() + 1;
    let all: usize = text.split(' ').map(letters).sum();
    let mut sum = 0;
    text.split(' ')
        .filter(|word| !word.is_empty())
        .map(|word| {
            let from = onset + length * sum / all;
            sum += letters(word);
            Word { from, until: onset + length * sum / all, text: word.to_owned() }
        })
        .collect()
}

/// Without the silence at both ends.
pub(crate) fn trimmed(pcm: &[i16]) -> Vec<f64> {
    let sound: Vec<f64> = pcm.iter().map(|sample| f64::from(*sample) / 32_768.0).collect();
    let levels = levels(&sound);
    let floor = levels.iter().copied().fold(0.0, f64::max) * 0.02;
    let first = levels.iter().position(|level| *level > floor).unwrap_or(0);
    let last = levels.iter().rposition(|level| *level > floor).unwrap_or(0);
    sound[first * 40..sound.len().min((last + 1) * 40)].to_vec()
}

/// RMS of every 5 ms.
fn levels(sound: &[f64]) -> Vec<f64> {
    let power = |chunk: &[f64]| (chunk.iter().map(|x| x * x).sum::<f64>() / chunk.len() as f64).sqrt();
    sound.chunks(40).map(power).collect()
}

/// Where a sound is loud enough to be called a voice: the first 5 ms within 20 dB of the loudest.
fn first_voice(sound: &[f64]) -> usize {
    let levels = levels(sound);
    let least = levels.iter().copied().fold(0.0, f64::max) * 0.1;
    40 * levels.iter().position(|level| *level > least).unwrap_or(0)
}

/// Speech at an RMS in dB relative to full scale.
fn at_level(sound: &[f64], dbfs: f64) -> Vec<f64> {
    let power = sound.iter().map(|x| x * x).sum::<f64>() / sound.len().max(1) as f64;
    gained(sound, dbfs - 10.0 * (power + 1e-12).log10())
}

fn gained(sound: &[f64], db: f64) -> Vec<f64> {
    let gain = 10f64.powf(db / 20.0);
    sound.iter().map(|sample| gain * sample).collect()
}

fn to_pcm(sound: &[f64]) -> Vec<i16> {
    sound.iter().map(|sample| (sample * 32_768.0).clamp(-32_768.0, 32_767.0) as i16).collect()
}
