//! One answered phone, or one that is not answered: what comes from there, and what it is.

use std::f64::consts::TAU;
use std::ops::Range;
use std::path::Path;

use callwright_media::detect::{Callee, Refusal, Signal};

use crate::corpus::{Corpus, Tongue};
use crate::dice::Dice;
use crate::sounds;
use crate::speech::{Delivery, spoken};

/// Samples a millisecond.
pub(crate) const MS: usize = 8;

/// What is heard. The first ten are people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Hello,
    Name,
    Company,
    Reception,
    Hesitant,
    TwoPeople,
    Child,
    Noisy,
    /// Nobody says a word; there may be noise.
    Silent,
    /// The last of the ringing comes after the answer.
    RingTail,
    Mailbox,
    BeeplessMailbox,
    Screening,
    Menu,
    Fax,
    /// It rings after the answer, within 0.7 s.
    FalseAnswer,
    /// It rings after the answer, later.
    LateFalseAnswer,
    EngagedAfterAnswer,
}

/// So many of each kind in a hundred: sixty people.
pub(crate) const SHARES: [(Kind, usize); 18] = [
    (Kind::Hello, 12),
    (Kind::Name, 8),
    (Kind::Company, 8),
    (Kind::Reception, 6),
    (Kind::Hesitant, 6),
    (Kind::TwoPeople, 4),
    (Kind::Child, 4),
    (Kind::Noisy, 6),
    (Kind::Silent, 3),
    (Kind::RingTail, 3),
    (Kind::Mailbox, 13),
    (Kind::BeeplessMailbox, 7),
    (Kind::Screening, 4),
    (Kind::Menu, 4),
    (Kind::Fax, 3),
    (Kind::FalseAnswer, 5),
    (Kind::LateFalseAnswer, 2),
    (Kind::EngagedAfterAnswer, 2),
];

/// What a kind counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Human,
    Machine,
    Screening,
    Menu,
    Fax,
    FalseAnswer,
    Engaged,
}

impl Class {
    pub(crate) const ALL: [Self; 7] =
        [Self::Human, Self::Machine, Self::Screening, Self::Menu, Self::Fax, Self::FalseAnswer, Self::Engaged];

    pub(crate) fn of(callee: Callee) -> Self {
        match callee {
            Callee::Human => Self::Human,
            Callee::Machine | Callee::Beep => Self::Machine,
            Callee::Screening => Self::Screening,
            Callee::Menu => Self::Menu,
            Callee::Fax => Self::Fax,
            Callee::Network(Signal::Ringback) => Self::FalseAnswer,
            Callee::Network(Signal::Busy | Signal::Congestion) | Callee::Refused(_) => Self::Engaged,
        }
    }
}

impl Kind {
    pub(crate) fn class(self) -> Class {
        match self {
            Self::Mailbox | Self::BeeplessMailbox => Class::Machine,
            Self::Screening => Class::Screening,
            Self::Menu => Class::Menu,
            Self::Fax => Class::Fax,
            Self::FalseAnswer | Self::LateFalseAnswer => Class::FalseAnswer,
            Self::EngagedAfterAnswer => Class::Engaged,
            Self::Hello
            | Self::Name
            | Self::Company
            | Self::Reception
            | Self::Hesitant
            | Self::TwoPeople
            | Self::Child
            | Self::Noisy
            | Self::Silent
            | Self::RingTail => Class::Human,
        }
    }
}

/// One call.
pub(crate) struct Trial {
    pub(crate) label: String,
    pub(crate) tag: &'static str,
    /// What the callee's side sends, from the answer on.
    pub(crate) callee: Vec<i16>,
    /// Where its first sound is, and the end of its beep.
    pub(crate) first_sound: usize,
    pub(crate) beep_end: Option<usize>,
    /// Where each word of each utterance ends.
    pub(crate) utterances: Vec<Vec<(usize, String)>>,
    /// What the agent says.
    pub(crate) agent: Vec<i16>,
    /// What happens to the first utterance where the agent talks over it.
    pub(crate) yields: Option<Yields>,
}

/// Somebody who falls silent in the first utterance because the agent has begun to speak.
pub(crate) struct Yields {
    /// From where to where the utterance goes if nobody talks over it.
    pub(crate) utterance: Range<usize>,
    /// How long after the agent's first sound they fall silent.
    pub(crate) after: usize,
    /// What is heard without the utterance.
    pub(crate) without: Vec<i16>,
}

/// The how manieth call of a kind.
pub(crate) fn trial(corpus: &Corpus, folder: &Path, kind: Kind, n: usize, dice: &mut Dice) -> Trial {
    let tongue = &corpus.tongues[usize::from(n % 3 == 2)];
    let mut scene = Scene::new(tongue, folder, dice);
    scene.at = MS * (120 + dice.roll(600) as usize);
    let label = match kind {
        Kind::Fax => scene.fax(dice),
        Kind::FalseAnswer | Kind::LateFalseAnswer => {
            let wait = if kind == Kind::FalseAnswer { dice.roll(700) } else { 1_200 + dice.roll(3_000) };
            scene.at = MS * wait as usize;
            scene.network(Signal::Ringback, 16_000, dice)
        }
        Kind::EngagedAfterAnswer => scene.network([Signal::Busy, Signal::Congestion][n % 2], 9_000, dice),
        Kind::Mailbox | Kind::BeeplessMailbox => {
            let parts = tongue.mailboxes[n / 3 % tongue.mailboxes.len()];
            if n % 5 == 4 {
                let tune = dice.pick(corpus.tunes);
                let level = dice.within(-34.0, -24.0);
                scene.add(&gained(&sounds::tune(tune, dice), level));
                scene.at += MS * 200;
            }
            scene.says(parts, 150..750, dice);
            if kind == Kind::Mailbox { scene.beep(dice) } else { parts[0].to_owned() }
        }
        Kind::Screening => scene.machine(tongue.screenings, n, dice),
        Kind::Menu => scene.machine(tongue.menus, n, dice),
        Kind::Hello
        | Kind::Name
        | Kind::Company
        | Kind::Reception
        | Kind::Hesitant
        | Kind::TwoPeople
        | Kind::Child
        | Kind::Noisy
        | Kind::Silent
        | Kind::RingTail => scene.person(corpus, kind, n, dice),
    };
    scene.finished(label, dice)
}

/// A call that is being put together.
struct Scene<'a> {
    tongue: &'a Tongue,
    folder: &'a Path,
    voice: &'static str,
    delivery: Delivery,
    level: f64,
    line: Vec<f64>,
    at: usize,
    first_sound: Option<usize>,
    beep_end: Option<usize>,
    utterances: Vec<Vec<(usize, String)>>,
    /// A person's first utterance: from where to where, and its sound alone.
    first: Option<(Range<usize>, Vec<f64>)>,
}

impl<'a> Scene<'a> {
    fn new(tongue: &'a Tongue, folder: &'a Path, dice: &mut Dice) -> Self {
        Self {
            tongue,
            folder,
            voice: dice.pick(tongue.voices),
            delivery: Delivery { speed: 140 + 10 * dice.roll(6), pitch: 35 + 8 * dice.roll(5), loudness: 100 },
            level: dice.within(-30.0, -16.0),
            line: Vec::new(),
            at: 0,
            first_sound: None,
            beep_end: None,
            utterances: Vec::new(),
            first: None,
        }
    }

    /// Adds a sound and goes on behind it.
    fn add(&mut self, sound: &[f64]) {
        self.mix(self.at, sound);
        self.first_sound.get_or_insert(self.at);
        self.at += sound.len();
    }

    fn mix(&mut self, at: usize, sound: &[f64]) {
        if self.line.len() < at + sound.len() {
            self.line.resize(at + sound.len(), 0.0);
        }
        self.line[at..].iter_mut().zip(sound).for_each(|(slot, sample)| *slot += sample);
    }

    /// Says something in parts, with pauses of so many ms between.
    fn says(&mut self, parts: &[&str], pauses: std::ops::Range<u64>, dice: &mut Dice) {
        let mut words = Vec::new();
        for (n, text) in parts.iter().enumerate() {
            if n > 0 {
                self.at += MS * (pauses.start + dice.roll(pauses.end - pauses.start)) as usize;
            }
            let sound = at_level(&trimmed(&spoken(self.folder, self.voice, text, self.delivery)), self.level);
            words.extend(timed(text, self.at, sound.len(), dice));
            self.add(&sound);
        }
        self.utterances.push(words);
    }

    fn person(&mut self, corpus: &Corpus, kind: Kind, n: usize, dice: &mut Dice) -> String {
        let tongue = self.tongue;
        let from = |list: &[&'static str]| list[n / 3 % list.len()];
        let hesitant = tongue.hesitant[n / 3 % tongue.hesitant.len()];
        let one;
        let parts: &[&str] = match kind {
            Kind::Name => {
                one = [from(tongue.names)];
                &one
            }
            Kind::Company => {
                one = [from(tongue.companies)];
                &one
            }
            Kind::Reception => {
                one = [from(tongue.receptions)];
                &one
            }
            Kind::Hesitant => hesitant,
            Kind::Silent => &[],
            Kind::Hello
            | Kind::TwoPeople
            | Kind::Child
            | Kind::Noisy
            | Kind::RingTail
            | Kind::Mailbox
            | Kind::BeeplessMailbox
            | Kind::Screening
            | Kind::Menu
            | Kind::Fax
            | Kind::FalseAnswer
            | Kind::LateFalseAnswer
            | Kind::EngagedAfterAnswer => {
                one = [from(tongue.hellos)];
                &one
            }
        };
        if kind == Kind::Child {
            self.delivery = Delivery { pitch: 88 + dice.roll(12), speed: 150 + 10 * dice.roll(3), ..self.delivery };
        }
        if kind == Kind::RingTail {
            let tail = network_tone(Signal::Ringback, dice).0;
            let sound = gained(&tone(tail, 20 + 20 * dice.roll(9) as usize), -20.0);
            self.mix(0, &sound);
        }
        if !parts.is_empty() {
            let (before, begin) = (self.line.clone(), self.at);
            self.says(parts, 300..700, dice);
            let mut alone = self.line.clone();
            alone.iter_mut().zip(before).for_each(|(sample, before)| *sample -= before);
            self.first = Some((begin..self.at, alone));
            if dice.roll(4) == 0 {
                // Nobody has answered them so far, as they think.
                self.at += MS * (900 + dice.roll(900) as usize);
                self.says(&[tongue.hellos[0]], 0..1, dice);
            }
            self.at += MS * (2_500 + dice.roll(2_500) as usize);
            self.says(&[dice.pick(tongue.replies)], 0..1, dice);
        }
        self.line.resize((self.at + MS * 2_000).max(MS * 9_000), 0.0);
        if kind == Kind::TwoPeople {
            let other = dice.pick(tongue.voices);
            let text = dice.pick(tongue.replies);
            let behind = self.level - dice.within(4.0, 12.0);
            let sound = at_level(&trimmed(&spoken(self.folder, other, text, self.delivery)), behind);
            let at = MS * (200 + dice.roll(1_500) as usize);
            self.mix(at, &sound);
        }
        if matches!(kind, Kind::Noisy) || (kind == Kind::Silent && n.is_multiple_of(2)) {
            self.noise(corpus, n, dice);
        }
        parts.join(" ")
    }

    /// People in the background, or the noise of a room.
    fn noise(&mut self, corpus: &Corpus, n: usize, dice: &mut Dice) {
        let length = self.line.len();
        let mut noise = vec![0.0; length];
        let mut lay = |at: usize, sound: &[f64]| {
            noise[at.min(length)..].iter_mut().zip(sound).for_each(|(slot, sample)| *slot += sample);
        };
        if n.is_multiple_of(2) {
            for _ in 0..4 {
                let (voice, text) = (dice.pick(self.tongue.voices), dice.pick(self.tongue.agent));
                let sound = at_level(&trimmed(&spoken(self.folder, voice, text, self.delivery)), 0.0);
                let mut at = 0;
                while at < length {
                    let begin = dice.roll(sound.len() as u64 / 2) as usize;
                    lay(at, &sound[begin..]);
                    at += sound.len() - begin;
                }
            }
        } else {
            let kind = dice.pick(corpus.bangs);
            let mut at = 0;
            while at < length {
                let sound = sounds::bang(kind, dice);
                lay(at, &sound);
                at += sound.len().max(MS * 100);
            }
        }
        let under = self.level - dice.within(12.0, 25.0);
        let noise = at_level(&noise, under);
        self.mix(0, &noise);
    }

    fn machine(&mut self, texts: &[&'static [&'static str]], n: usize, dice: &mut Dice) -> String {
        let parts = texts[n / 3 % texts.len()];
        self.says(parts, 200..600, dice);
        self.at += MS * 4_000;
        parts[0].to_owned()
    }

    fn beep(&mut self, dice: &mut Dice) -> String {
        self.at += MS * (100 + dice.roll(1_400) as usize);
        let (hz, ms) = (dice.within(400.0, 2_000.0), 200 + dice.roll(1_000) as usize);
        let fades = dice.roll(3) == 0;
        let length = (MS * ms) as f64;
        let level = dice.within(-28.0, -10.0);
        let mut sound = gained(&tone([hz, 0.0], ms), level);
        if fades {
            // To a tenth of its strength, like a bell.
            let steps = sound.iter_mut().enumerate();
            steps.for_each(|(n, sample)| *sample *= 0.1f64.powf(n as f64 / length));
        }
        self.add(&sound);
        self.beep_end = Some(self.at);
        format!("beep {hz:.0} Hz {ms} ms{}", if fades { " fading" } else { "" })
    }

    fn fax(&mut self, dice: &mut Dice) -> String {
        let level = dice.within(-25.0, -10.0);
        if dice.roll(3) == 0 {
            for _ in 0..3 {
                self.add(&gained(&tone([dice.within(1_080.0, 1_120.0), 0.0], 500), level));
                self.at += MS * 3_000;
            }
            return "calling tone".to_owned();
        }
        self.at = MS * (300 + dice.roll(2_200) as usize);
        self.add(&gained(&tone([dice.within(2_090.0, 2_110.0), 0.0], 2_600 + dice.roll(1_400) as usize), level));
        "answering tone".to_owned()
    }

    /// A tone of a network for so many ms.
    fn network(&mut self, signal: Signal, ms: usize, dice: &mut Dice) -> String {
        let (hz, lengths) = network_tone(signal, dice);
        let level = dice.within(-26.0, -10.0);
        let end = self.at + MS * ms;
        for (n, ms) in lengths.iter().cycle().enumerate() {
            if self.at >= end {
                break;
            }
            if n % 2 == 0 {
                self.add(&gained(&tone(hz, *ms), level));
            } else {
                self.at += MS * ms;
            }
        }
        self.at = end;
        format!("{signal:?} {hz:?} Hz {lengths:?}")
    }

    fn finished(mut self, label: String, dice: &mut Dice) -> Trial {
        let length = (self.at + MS * 1_500).clamp(MS * 6_000, MS * 21_000);
        self.line.resize(length, 0.0);
        let mut without = self.line.clone();
        if let Some((_, alone)) = &self.first {
            without.iter_mut().zip(alone).for_each(|(sample, alone)| *sample -= alone);
        }
        let (mut slow, mut slow_without) = (0.0, 0.0);
        let (colour, hiss) = (dice.within(0.0, 0.35), 10f64.powf(dice.within(-72.0, -56.0) / 20.0));
        for (sample, without) in self.line.iter_mut().zip(&mut without) {
            // A microphone and a line: less of the high notes, and a little noise.
            slow = colour * slow + (1.0 - colour) * *sample;
            slow_without = colour * slow_without + (1.0 - colour) * *without;
            let hiss = hiss * dice.noise();
            (*sample, *without) = (slow + hiss, slow_without + hiss);
        }
        let text = dice.pick(self.tongue.agent);
        let delivery = Delivery { speed: 165, pitch: 50, loudness: 100 };
        let agent = at_level(&trimmed(&spoken(self.folder, self.tongue.voices[0], text, delivery)), -19.0);
        let yields = self.first.and_then(|(utterance, _)| {
            let after = yields_after(dice)?;
            Some(Yields { utterance, after, without: to_pcm(&without) })
        });
        Trial {
            label: format!("{label} ({})", self.voice),
            tag: self.tongue.tag,
            callee: to_pcm(&self.line),
            first_sound: self.first_sound.unwrap_or(0),
            beep_end: self.beep_end,
            utterances: self.utterances,
            agent: to_pcm(&agent),
            yields,
        }
    }
}

/// How long after the agent's first sound a person who still talks then falls silent: six in ten soon, one or two in ten
/// when they have said a little more, the others talk on to their end. Recordings, services and menus always do.
fn yields_after(dice: &mut Dice) -> Option<usize> {
    let ms = match dice.roll(20) {
        0..12 => 300 + dice.roll(700),
        12..15 => 1_000 + dice.roll(800),
        _ => return None,
    };
    Some(MS * ms as usize)
}

/// What networks play before the answer: its sound, and what it means; `None` for what means nothing.
pub(crate) fn progress(corpus: &Corpus, folder: &Path, n: usize, dice: &mut Dice) -> (Trial, Option<Callee>) {
    let tongue = &corpus.tongues[n % 2];
    let mut scene = Scene::new(tongue, folder, dice);
    scene.at = MS * dice.roll(900) as usize;
    let (label, expected) = match n % 5 {
        0 | 1 => (scene.network(Signal::Ringback, 9_000, dice), Some(Callee::Network(Signal::Ringback))),
        2 => (scene.network(Signal::Busy, 6_000, dice), Some(Callee::Network(Signal::Busy))),
        3 => {
            let (codes, refusal) = dice.pick(&SIT);
            for (hz, ms) in codes {
                scene.add(&gained(&tone([hz, 0.0], ms), -20.0));
                scene.at += dice.roll(120) as usize;
            }
            scene.at += MS * 300;
            scene.says(&tongue.mailboxes[n % tongue.mailboxes.len()][..1], 0..1, dice);
            (format!("{refusal:?}"), Some(Callee::Refused(refusal)))
        }
        _ => {
            // An announcement, or music in the place of ringing.
            if n.is_multiple_of(2) {
                scene.says(tongue.mailboxes[n % tongue.mailboxes.len()], 200..600, dice);
            } else {
                let tune = dice.pick(corpus.tunes);
                scene.add(&gained(&sounds::tune(tune, dice), -20.0));
            }
            ("nothing of the network's".to_owned(), None)
        }
    };
    (scene.finished(label, dice), expected)
}

const SIT: [([(f64, usize); 3], Refusal); 5] = [
    ([(950.0, 330), (1_400.0, 330), (1_800.0, 330)], Refusal::Unspecified),
    ([(913.8, 274), (1_370.6, 274), (1_776.7, 380)], Refusal::Intercept),
    ([(985.2, 380), (1_370.6, 274), (1_776.7, 380)], Refusal::Vacant),
    ([(913.8, 274), (1_428.5, 380), (1_776.7, 380)], Refusal::Reorder),
    ([(985.2, 380), (1_428.5, 380), (1_776.7, 380)], Refusal::NoCircuit),
];

/// Frequencies, and lengths on and off by turns.
fn network_tone(signal: Signal, dice: &mut Dice) -> ([f64; 2], &'static [usize]) {
    const RINGS: [([f64; 2], &[usize]); 8] = [
        ([425.0, 0.0], &[1_000, 4_000]),
        ([440.0, 480.0], &[2_000, 4_000]),
        ([400.0, 450.0], &[400, 200, 400, 2_000]),
        ([440.0, 0.0], &[1_500, 3_500]),
        ([425.0, 0.0], &[1_000, 5_000]),
        ([425.0, 0.0], &[1_500, 3_000]),
        ([450.0, 0.0], &[1_000, 4_000]),
        ([413.0, 438.0], &[400, 200, 400, 2_000]),
    ];
    const BUSY: [([f64; 2], &[usize]); 5] = [
        ([425.0, 0.0], &[480, 480]),
        ([425.0, 0.0], &[500, 500]),
        ([480.0, 620.0], &[500, 500]),
        ([400.0, 0.0], &[375, 375]),
        ([440.0, 0.0], &[500, 500]),
    ];
    const CONGESTION: [([f64; 2], &[usize]); 2] = [([480.0, 620.0], &[250, 250]), ([425.0, 0.0], &[170, 170])];
    match signal {
        Signal::Ringback => dice.pick(&RINGS),
        Signal::Busy => dice.pick(&BUSY),
        Signal::Congestion => dice.pick(&CONGESTION),
    }
}

/// One sine or two, at 0 dB.
fn tone(hz: [f64; 2], ms: usize) -> Vec<f64> {
    let sine = |hz: f64, n: usize| if hz > 0.0 { (TAU * hz * n as f64 / 8_000.0).sin() } else { 0.0 };
    let scale = if hz[1] > 0.0 { 0.5 } else { 1.0 };
    (0..MS * ms).map(|n| scale * (sine(hz[0], n) + sine(hz[1], n))).collect()
}

/// Words with their ends, by their letters; a recogniser leaves out some and mistakes others.
fn timed(text: &str, onset: usize, length: usize, dice: &mut Dice) -> Vec<(usize, String)> {
    let letters = |word: &str| word.chars().filter(|c| c.is_alphanumeric()).count() + 1;
    let all: usize = text.split(' ').map(letters).sum();
    let mut sum = 0;
    let mut words = Vec::new();
    for word in text.split(' ') {
        sum += letters(word);
        let heard = match dice.roll(100) {
            0..4 => continue,
            4..8 => "the".to_owned(),
            _ => word.to_owned(),
        };
        words.push((onset + length * sum / all, heard));
    }
    words
}

/// Without the silence at both ends.
fn trimmed(pcm: &[i16]) -> Vec<f64> {
    let sound: Vec<f64> = pcm.iter().map(|sample| f64::from(*sample) / 32_768.0).collect();
    let levels: Vec<f64> = sound.chunks(40).map(|chunk| chunk.iter().fold(0.0, |most, x| x.abs().max(most))).collect();
    let floor = levels.iter().copied().fold(0.0, f64::max) * 0.02;
    let first = levels.iter().position(|level| *level > floor).unwrap_or(0);
    let last = levels.iter().rposition(|level| *level > floor).unwrap_or(0);
    sound[first * 40..sound.len().min((last + 1) * 40)].to_vec()
}

/// At an RMS in dB relative to full scale.
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
