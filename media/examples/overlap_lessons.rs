//! Writes what the network of the overlap detector learns from: `tests/interruption/train/README.md`.
//!
//!     overlap_lessons MATERIAL LESSONS TIMES BY_RULE SEED
//!
//! Lays every sound of MATERIAL `TIMES` times over an agent's voice, and `BY_RULE` throats, half as many noises and a
//! quarter as much music made by rule; lets the detector hear it and writes what its network is told.
#![allow(dead_code, unused_imports, reason = "the benchmark's own files are used in part")]
#![allow(clippy::print_stdout, reason = "a program for the command line")]

#[path = "../../tests/interruption/corpus/mod.rs"]
mod corpus;
#[path = "../../tests/support/dice.rs"]
mod dice;
#[path = "../../tests/interruption/scene.rs"]
mod scene;
#[path = "../../tests/interruption/sounds/mod.rs"]
mod sounds;
#[path = "../../tests/support/speech.rs"]
mod speech;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use callwright_media::codec::g711::Law;
use callwright_media::overlap::OverlapDetector;
use callwright_media::vad::Vad;
use corpus::{BUILT_ON, HELD_BEFORE};
use dice::Dice;
use scene::{AGENT_BEGINS, Agent, Class, Trial};

const FRAME: usize = 160;

/// What is heard of a trial before its sound, and from there on.
const BEFORE: usize = 10_400;
const BEHIND: usize = 14_400;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [material, lessons, times, by_rule, seed] = &arguments[..] else {
        return Err(io::Error::other("overlap_lessons MATERIAL LESSONS TIMES BY_RULE SEED"));
    };
    let number = |text: &str| text.parse::<usize>().map_err(io::Error::other);
    let (material, times, by_rule, seed) = (Path::new(material), number(times)?, number(by_rule)?, number(seed)?);
    let voices = material.join("agents");
    fs::create_dir_all(&voices)?;
    fs::create_dir_all(lessons)?;
    let lessons = Path::new(lessons);
    let mut writer = Writer {
        data: BufWriter::new(File::create(lessons.join("told.f32"))?),
        index: BufWriter::new(File::create(lessons.join("index.tsv"))?),
        trials: 0,
    };
    let agent = |n: usize, dice: &mut Dice| {
        let corpus = [&BUILT_ON, &HELD_BEFORE][dice.roll(2) as usize];
        Agent::speaking(corpus, &voices, n, dice)
    };
    let index = fs::read_to_string(material.join("index.tsv"))?;
    for (line, n) in index.lines().flat_map(|line| (0..times).map(move |n| (line, n))) {
        let [kind, text, voice, file] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(io::Error::other(format!("not a line of an index: {line}")));
        };
        let mut dice = Dice::new((seed as u64) << 40 | (writer.trials as u64) << 8);
        let class = match kind {
            "Interruption" if dice.roll(3) == 0 => Class::OverEcho,
            "Interruption" => Class::Interruption,
            "Remark" => Class::Remark,
            "Throat" => Class::Throat,
            "Noise" => Class::Noise,
            "Music" => Class::Music,
            _ => return Err(io::Error::other(format!("no kind of sound: {kind}"))),
        };
        let bytes = fs::read(material.join(file))?;
        let pcm: Vec<i16> = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        let sound = scene::at_loudness(class, &scene::trimmed(&pcm), &mut dice);
        let agent = agent(n, &mut dice);
        let trial = scene::laid(&agent, class, String::new(), &sound, text, &mut dice);
        writer.write(class, text, voice, &trial)?;
    }
    for (class, count) in [(Class::Throat, by_rule), (Class::Noise, by_rule / 2), (Class::Music, by_rule / 4)] {
        for n in 0..count {
            let mut dice = Dice::new((seed as u64) << 40 | (writer.trials as u64) << 8);
            // The first set has more kinds.
            let corpus = if n % 3 == 0 { &HELD_BEFORE } else { &BUILT_ON };
            let agent = agent(n, &mut dice);
            let trial = scene::by_rule(corpus, &agent, class, n / 3, |sound, dice| varied(&sound, dice), &mut dice);
            let kind = trial.label.split(' ').next().unwrap_or_default().to_owned();
            writer.write(class, &kind, "rule", &trial)?;
        }
    }
    writer.index.flush()?;
    writer.data.flush()
}

/// The same from another throat or room: faster or slower, darker or brighter.
fn varied(sound: &[f64], dice: &mut Dice) -> Vec<f64> {
    let (speed, colour) = (dice.within(0.75, 1.35), dice.within(-0.5, 0.6));
    let length = ((sound.len() - 1) as f64 / speed) as usize;
    let (mut before, mut sum) = (0.0, 0.0);
    (0..length)
        .map(|n| {
            let place = n as f64 * speed;
            let (at, part) = (place as usize, place.fract());
            let sample = sound[at] + part * (sound[at + 1] - sound[at]);
            // A zero for a brighter one, a pole for a darker one.
            sum = if colour > 0.0 { colour * sum + (1.0 - colour) * sample } else { sample + colour * before };
            before = sample;
            sum
        })
        .collect()
}

struct Writer {
    /// What was told, one row for each frame.
    data: BufWriter<File>,
    /// One line for each stretch of a sound: which trial, class, text, voice; which stretch; from when to when after the
    /// sound's first voice, in samples; how many rows.
    index: BufWriter<File>,
    trials: usize,
}

impl Writer {
    fn write(&mut self, class: Class, text: &str, voice: &str, trial: &Trial) -> io::Result<()> {
        let (trials, mut stretch) = (self.trials, 0);
        let (data, index) = (&mut self.data, &mut self.index);
        let mut save = |rows: &[Vec<f32>], until: i64| {
            for value in rows.iter().flatten() {
                data.write_all(&value.to_le_bytes())?;
            }
            let from = until - (FRAME * rows.len()) as i64;
            writeln!(index, "{trials}\t{class:?}\t{text}\t{voice}\t{stretch}\t{from}\t{until}\t{}", rows.len())?;
            stretch += 1;
            io::Result::Ok(())
        };
        let mut told: Vec<Vec<f32>> = Vec::new();
        let mut until = 0;
        for (now, rows) in told_of(trial) {
            if !told.is_empty() && rows.first() != told.first() {
                save(&told, until)?;
                told.clear();
            }
            if rows.len() > told.len() {
                (told, until) = (rows, now);
            }
        }
        if !told.is_empty() {
            save(&told, until)?;
        }
        self.trials += 1;
        if self.trials.is_multiple_of(5_000) {
            println!("{} trials", self.trials);
        }
        Ok(())
    }
}

/// What the network was told of the present stretch, at the end of every frame of a trial, and when that is.
fn told_of(trial: &Trial) -> Vec<(i64, Vec<Vec<f32>>)> {
    let (mut detector, mut vad) = (OverlapDetector::learning(), Vad::new());
    let mut said = vec![0i16; AGENT_BEGINS];
    said.extend(&trial.agent);
    said.resize(trial.caller.len().max(said.len()), 0);
    let (mut bytes, mut heard) = ([0u8; FRAME], [0i16; FRAME]);
    let first = trial.onset.saturating_sub(BEFORE) / FRAME;
    let last = ((trial.onset + BEHIND) / FRAME).min(trial.caller.len() / FRAME);
    let mut all = Vec::new();
    for frame in first..last {
        let place = frame * FRAME..(frame + 1) * FRAME;
        detector.said(said[place.clone()].try_into().expect("a frame"), 0);
        // What is on the way to the caller and back takes two ticks.
        let Some(frame) = frame.checked_sub(2).filter(|frame| *frame >= first) else { continue };
        let place = frame * FRAME..(frame + 1) * FRAME;
        Law::A.encode(&trial.caller[place.clone()], &mut bytes);
        Law::A.decode(&bytes, &mut heard);
        detector.heard(&heard, vad.push(&heard));
        if detector.told().len() > 0 {
            let rows = detector.told().map(<[f32]>::to_vec).collect();
            all.push((place.end as i64 - trial.onset as i64, rows));
        }
    }
    all
}
