//! The agent's own voice, come back from the caller's phone: found, learnt, told from voices that are not its own.
//!
//! What left and what comes in are compared at 2 kHz, where voices have most of their power and arithmetic costs a
//! sixteenth. A sound over the agent's voice is looked for in what left during the last 600 ms ([`Echo::search`]): the
//! lag with the best correlation, and around it the short filter that makes the sound best from what left. Of an echo
//! such a filter explains nine tenths, of a stranger's voice a seventh ([`Echo::search`] says how far they overlap). From
//! then on every frame is predicted, and what the prediction explains is echo.

use super::levinson;
use crate::frame::FRAME_8K;
use crate::vector::dot;

/// Samples of a frame at 2 kHz.
pub(crate) const LOW_FRAME: usize = FRAME_8K / 4;

/// Taps of the low-pass before every fourth sample is kept.
const LOW_TAPS: usize = 24;

/// Frames of the sound that a path is made from: 240 ms.
pub(crate) const SEARCH_FRAMES: usize = 12;

/// The longest sound looked at: 480 ms.
const LONGEST_SEARCH: usize = 24;

/// The longest delay looked at, in samples at 2 kHz: 560 ms, and what a jitter buffer adds.
const MAX_LAG: usize = 1_240;

/// Frames arrive before their time when the first was late: the search reaches so far into what is not there yet.
const EARLY: usize = 120;

/// Said samples kept, at 2 kHz.
const SAID: usize = MAX_LAG + LONGEST_SEARCH * LOW_FRAME + 2 * EARLY;

/// Taps of the path: 16 ms, of which a quarter lies before the best lag.
const TAPS: usize = 32;
const TAPS_BEFORE: usize = 8;

/// Share of a sound's power that the best filter explains at least when the sound is an echo, by how many frames there
/// are of it: a single vowel is easily made from another one. Of 460 ms of echo it explains more in ninety-eight cases of
/// a hundred, of as much of anything else a third at most in ninety-nine.
const FITS: [(usize, f32); 5] = [(36, 0.46), (23, 0.42), (20, 0.48), (17, 0.62), (0, 0.85)];

/// Below, down to this, more of the sound is needed.
const DOUBTFUL: f32 = 0.35;

/// What came of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The sound is an echo.
    Echo,
    /// It may be one.
    Maybe,
    /// It is none.
    Nothing,
}

/// Share of a frame's power that must be explained for it to be echo.
const EXPLAINED: f32 = 0.5;

/// Frames that a path must have predicted before its usual loudness says anything.
const PROVEN: u32 = 10;

/// What was learnt before weighs so much beside what is learnt now.
const KEPT: f64 = 0.9;

/// Two lags so close belong to one path.
const SAME_LAG: i64 = 8;

/// How fast the learnt path follows a changing one, and how well it must predict to be let.
const STEP: f32 = 0.03;
const FOLLOWED: f32 = 0.75;

/// Full-band power above the usual echo, as a factor, up to which a frame is echo however little is explained (5 dB),
/// and from which on it is not however much (9 dB): steady voices predict each other for a while.
const LOUDER: f32 = 3.2;
const TOO_LOUD: f32 = 8.0;

/// An echo is weaker than what left by 6 dB at least.
const LOUDEST_ECHO: f32 = 0.25;

/// Frames that what left and what came in may drift apart: 80 ms.
const DRIFT: i64 = 4;

/// Power of a frame of the agent's (-35 dBFS) from which on its echo says how loud echoes are: of a softer one the noise
/// of the line is.
const AUDIBLE: f32 = 160.0 * 580.0 * 580.0;

/// What left, what came in, and the path between them.
pub(crate) struct Echo {
    filter: [f32; LOW_TAPS],
    said: History,
    heard: History,
    /// Power of what left, frame by frame, over the full band; the newest last.
    powers: [f32; SAID / LOW_FRAME],
    /// Said frames that were there when the first frame of the caller came.
    offset: Option<i64>,
    path: Option<Path>,
}

/// From the loudspeaker to the microphone.
#[derive(Clone, Debug)]
struct Path {
    /// Samples at 2 kHz from what left to the last tap.
    lag: i64,
    /// The one for the longest delay first, as the samples stand.
    taps: [f32; TAPS],
    /// What the taps were made from.
    equations: Equations,
    /// Running sums of what came in and of what the path did not explain.
    heard: f32,
    left: f32,
    /// Frames that it has predicted.
    proof: u32,
    /// Power that comes back of what left, over the full band, on average.
    gain: f32,
    /// Frames in a row that were echo and have not been learnt from.
    fresh: usize,
}

impl Echo {
    pub(crate) fn new() -> Self {
        Self {
            filter: low_pass(),
            said: History::new(SAID),
            heard: History::new(LONGEST_SEARCH * LOW_FRAME),
            powers: [0.0; SAID / LOW_FRAME],
            offset: None,
            path: None,
        }
    }

    /// Whether a path is known.
    pub(crate) fn is_known(&self) -> bool {
        self.path.is_some()
    }

    /// Takes 20 ms that leave.
    pub(crate) fn said(&mut self, frame: &[i16; FRAME_8K]) {
        self.powers.copy_within(1.., 0);
        if frame.iter().all(|sample| *sample == 0) && self.said.is_silent() {
            self.said.push(&self.filter, None);
            self.powers[SAID / LOW_FRAME - 1] = 0.0;
            return;
        }
        let samples: [f32; FRAME_8K] = std::array::from_fn(|n| f32::from(frame[n]));
        self.powers[SAID / LOW_FRAME - 1] = dot(&samples, &samples);
        self.said.push(&self.filter, Some(&samples));
    }

    /// Takes 20 ms of the caller. True when they are nothing but echo.
    pub(crate) fn heard(&mut self, frame: &[f32; FRAME_8K]) -> bool {
        let (said, heard) = (self.said.frames, self.heard.frames);
        self.offset.get_or_insert(said - heard);
        self.heard.push(&self.filter, Some(frame));
        let power = dot(frame, frame);
        let Some(path) = &mut self.path else { return false };
        let place = place(self.offset, self.heard.frames, path.lag, LOW_FRAME);
        let Some(said) = self.said.at(place, LOW_FRAME + TAPS - 1) else { return false };
        path.follow(said, self.heard.last(LOW_FRAME), if path.explained() >= FOLLOWED { STEP } else { 0.0 });
        let loudest = loudest(&self.powers, self.said.frames - place.div_euclid(LOW_FRAME as i64));
        let explained = path.explained() >= EXPLAINED;
        let usual = path.gain * loudest;
        path.proof = if explained { (path.proof + 1).min(2 * PROVEN) } else { path.proof.saturating_sub(1) };
        let echo = (path.proof >= PROVEN && power < LOUDER * usual) || (explained && power < TOO_LOUD * usual);
        if echo && explained && loudest > AUDIBLE {
            let ratio = (power / loudest).min(LOUDEST_ECHO);
            path.gain += 0.1 * (ratio - path.gain);
        }
        path.fresh = if echo { path.fresh + 1 } else { 0 };
        if path.fresh >= SEARCH_FRAMES {
            path.fresh = 0;
            self.learn();
        }
        echo
    }

    /// Learns from the last frames, all of them echo: every sound shows the path at other frequencies.
    fn learn(&mut self) {
        const WINDOW: usize = SEARCH_FRAMES * LOW_FRAME;
        let Some(path) = &mut self.path else { return };
        let place = place(self.offset, self.heard.frames, path.lag, WINDOW);
        let Some(said) = self.said.at(place, WINDOW + TAPS - 1) else { return };
        path.equations.add(&Equations::of(said, self.heard.last(WINDOW)));
        path.taps = path.equations.solve().unwrap_or(path.taps);
    }

    /// Lets 20 ms of both pass that are of no interest.
    pub(crate) fn skip(&mut self) {
        let ahead = self.said.frames - self.heard.frames;
        let offset = self.offset.get_or_insert(ahead);
        // The two clocks drift apart, and streams begin anew: what is farther off than jitter is taken up here.
        let drift = ahead - *offset;
        if drift.abs() > DRIFT {
            *offset = ahead;
            if let Some(path) = &mut self.path {
                path.lag += drift * LOW_FRAME as i64;
            }
        }
        self.heard.push(&self.filter, None);
    }

    /// Looks for the last frames of the caller in what left before: for as many as the sound has, 240 to 480 ms. Of
    /// an echo the path is learnt. About 100 µs.
    pub(crate) fn search(&mut self, frames: usize) -> Found {
        let window = frames.clamp(SEARCH_FRAMES, LONGEST_SEARCH) * LOW_FRAME;
        let heard = self.heard.last(window);
        let power = dot(heard, heard);
        let look = |best: (f32, i64), lag: i64, energy: f32, said: &[f32]| {
            let product = dot(said, heard);
            let score = product * product / (energy + 1.0);
            if score > best.0 && LOUDEST_ECHO * energy > power { (score, lag) } else { best }
        };
        // Every second lag, then the neighbours of the best. The power of what left is carried along.
        let (mut best, mut carried) = ((0.0, 0), None);
        for lag in (-(EARLY as i64)..MAX_LAG as i64).rev().step_by(2) {
            let place = place(self.offset, self.heard.frames, lag, window);
            let Some(said) = self.said.at(place - 2, window + 2) else { continue };
            let energy = match carried {
                Some(energy) => {
                    f32::max(energy + dot(&said[window..], &said[window..]) - dot(&said[..2], &said[..2]), 0.0)
                }
                None => dot(&said[2..], &said[2..]),
            };
            carried = Some(energy);
            best = look(best, lag, energy, &said[2..]);
        }
        let middle = best.1;
        for lag in [middle - 1, middle + 1] {
            let place = place(self.offset, self.heard.frames, lag, window);
            if let Some(said) = self.said.at(place, window) {
                best = look(best, lag, dot(said, said), said);
            }
        }
        let lag = best.1 + (TAPS - 1 - TAPS_BEFORE) as i64;
        let known = self.path.as_ref().filter(|path| (path.lag - lag).abs() <= SAME_LAG);
        let lag = known.map_or(lag, |path| path.lag);
        let place = place(self.offset, self.heard.frames, lag, window);
        let Some(said) = self.said.at(place, window + TAPS - 1) else { return Found::Nothing };
        let equations = Equations::of(said, heard);
        let Some(taps) = equations.solve() else { return Found::Nothing };
        let fit = Path { lag, taps, equations, heard: 0.0, left: 0.0, proof: 0, gain: 0.0, fresh: 0 };
        let Path { heard, left, .. } = fit.followed(said, heard);
        let explained = 1.0 - left / (heard + 1.0);
        let least = FITS.iter().find(|(least, _)| frames >= *least).map_or(1.0, |(_, fit)| *fit);
        if explained < least {
            return if explained < DOUBTFUL { Found::Nothing } else { Found::Maybe };
        }
        let gain = (power / (dot(&said[TAPS / 2..window + TAPS / 2], &said[TAPS / 2..window + TAPS / 2]) + 1.0))
            .min(LOUDEST_ECHO);
        match &mut self.path {
            Some(path) if path.lag == lag => {
                path.equations.add(&fit.equations);
                path.taps = path.equations.solve().unwrap_or(fit.taps);
                path.gain = path.gain.max(gain);
            }
            path => *path = Some(Path { gain, heard, left, ..fit }),
        }
        Found::Echo
    }
}

/// The loudest of the frames that a frame of the caller may hold, `back` frames before the end and around it.
fn loudest(powers: &[f32], back: i64) -> f32 {
    let Ok(first) = usize::try_from(powers.len() as i64 - back - 1) else { return 0.0 };
    powers.iter().skip(first).take(4).copied().fold(0.0, f32::max)
}

/// Where in what left the last `length` samples of the caller begin, at this lag. An absolute number of samples.
fn place(offset: Option<i64>, heard_frames: i64, lag: i64, length: usize) -> i64 {
    (heard_frames + offset.unwrap_or(0)) * LOW_FRAME as i64 - length as i64 - lag
}

impl Path {
    /// Predicts a frame from the samples that left (`TAPS - 1` before the frame's first), and follows it by `step`.
    fn follow(&mut self, said: &[f32], heard: &[f32], step: f32) {
        let (mut left, mut all) = (0.0, 0.0);
        for (n, sample) in heard.iter().enumerate() {
            let window = &said[n..n + TAPS];
            let error = sample - dot(&self.taps, window);
            left += error * error;
            all += sample * sample;
            if step > 0.0 {
                let scale = step * error / (dot(window, window) + 1e4);
                self.taps.iter_mut().zip(window).for_each(|(tap, said)| *tap += scale * said);
            }
        }
        // Three frames weigh as much as all before them.
        self.left = 0.8 * self.left + left;
        self.heard = 0.8 * self.heard + all;
    }

    /// Itself after a stretch of any length.
    fn followed(&self, said: &[f32], heard: &[f32]) -> Self {
        let mut path = Self { heard: 0.0, left: 0.0, ..self.clone() };
        path.follow(said, heard, 0.0);
        path
    }

    /// The share of the last frames' power that the path explains.
    fn explained(&self) -> f32 {
        1.0 - self.left / (self.heard + 1.0)
    }
}

/// The equations whose solution is the filter that makes what came in best from what left.
#[derive(Clone, Debug)]
struct Equations {
    own: [f64; TAPS],
    cross: [f64; TAPS],
}

impl Equations {
    fn of(said: &[f32], heard: &[f32]) -> Self {
        let middle = &said[TAPS / 2..TAPS / 2 + heard.len()];
        Self {
            own: std::array::from_fn(|lag| f64::from(dot(&middle[lag..], middle))),
            cross: std::array::from_fn(|tap| f64::from(dot(&said[tap..tap + heard.len()], heard))),
        }
    }

    fn add(&mut self, other: &Self) {
        let pairs = self.own.iter_mut().zip(&other.own).chain(self.cross.iter_mut().zip(&other.cross));
        pairs.for_each(|(old, new)| *old = KEPT * *old + new);
    }

    /// The taps, the oldest sample's first. A fiftieth of the power is taken for noise, which keeps the filter from
    /// reading more into a single vowel than there is.
    fn solve(&self) -> Option<[f32; TAPS]> {
        let mut own = self.own;
        own[0] = own[0] * 1.02 + 1.0;
        levinson::solve(&own, &self.cross).map(|taps| taps.map(|tap| tap as f32))
    }
}

/// Frames kept beyond what is needed, so that the rest need not be moved with every frame.
const SURPLUS: usize = 16;

/// Samples at 2 kHz, the newest last, always in one piece.
struct History {
    samples: Vec<f32>,
    /// Samples kept at least.
    length: usize,
    /// The last samples at 8 kHz, for the filter.
    tail: [f32; LOW_TAPS],
    /// Frames pushed so far.
    frames: i64,
    /// Frames in a row that were nothing.
    silent: usize,
}

impl History {
    fn new(length: usize) -> Self {
        let mut samples = Vec::with_capacity(length + SURPLUS * LOW_FRAME);
        samples.resize(length, 0.0);
        Self { samples, length, tail: [0.0; LOW_TAPS], frames: 0, silent: 2 }
    }

    /// Whether the filter has run out of what it remembers.
    fn is_silent(&self) -> bool {
        self.silent >= 2
    }

    fn push(&mut self, filter: &[f32; LOW_TAPS], frame: Option<&[f32; FRAME_8K]>) {
        if self.samples.len() + LOW_FRAME > self.samples.capacity() {
            let surplus = self.samples.len() - self.length;
            self.samples.drain(..surplus);
        }
        self.frames += 1;
        let Some(frame) = frame else {
            self.silent = self.silent.saturating_add(1);
            self.samples.extend([0.0; LOW_FRAME]);
            return;
        };
        self.silent = if frame.iter().all(|sample| *sample == 0.0) { self.silent + 1 } else { 0 };
        let mut window = [0.0; LOW_TAPS + FRAME_8K];
        window[..LOW_TAPS].copy_from_slice(&self.tail);
        window[LOW_TAPS..].copy_from_slice(frame);
        for n in 0..LOW_FRAME {
            let begin = 4 * n + 4;
            self.samples.push(dot(filter, &window[begin..begin + LOW_TAPS]));
        }
        self.tail.copy_from_slice(&window[FRAME_8K..]);
    }

    /// The last `length` samples.
    fn last(&self, length: usize) -> &[f32] {
        &self.samples[self.samples.len() - length..]
    }

    /// `length` samples from an absolute place on; `None` where they are forgotten or not there yet.
    fn at(&self, place: i64, length: usize) -> Option<&[f32]> {
        let first = self.frames * LOW_FRAME as i64 - self.samples.len() as i64;
        let begin = usize::try_from(place - first).ok()?;
        self.samples.get(begin..begin + length)
    }
}

/// A windowed sinc that passes what lies under 800 Hz.
fn low_pass() -> [f32; LOW_TAPS] {
    use std::f64::consts::TAU;
    let middle = (LOW_TAPS - 1) as f64 / 2.0;
    let taps: [f64; LOW_TAPS] = std::array::from_fn(|n| {
        let t = n as f64 - middle;
        let sinc = (TAU * 800.0 / 8_000.0 * t).sin() / t;
        sinc * (0.5 + 0.5 * (TAU * t / (LOW_TAPS + 1) as f64).cos())
    });
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum) as f32)
}
