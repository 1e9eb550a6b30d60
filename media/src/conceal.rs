//! Audio made up where packets are missing.
//!
//! The last pitch period is repeated, as ITU-T G.711 appendix I does, at full level for 10 ms and then fading to silence
//! at 120 ms: a vowel goes on for as long as one believes it, and nothing buzzes after that. Unlike the appendix nothing
//! is delayed to overlap the join; its step is spread over the first samples instead. Where the audio behind a gap has
//! come already, it is continued backwards in the same way and both meet in the gap.

use crate::frame::{MAX_FACTOR, Rate};
use crate::vector::dot;

/// Shortest and longest pitch period looked for, in samples at 8 kHz: 400 Hz and 66 Hz.
const SHORTEST: usize = 20;
const LONGEST: usize = 120;

/// Samples compared when looking for the period: 20 ms.
const WINDOW: usize = 160;

/// Samples remembered: the window, shifted by the longest period.
const HISTORY: usize = WINDOW + LONGEST;

/// Similarity of neighbouring periods from which a sound counts as voiced.
const VOICED: f32 = 0.5;

/// Repeated when there is no pitch: long enough not to sound like one.
const UNVOICED: usize = LONGEST;

/// Samples at full level, and after which there is silence: 10 and 120 ms.
const FULL: usize = 80;
const SILENT: usize = 960;

/// Samples over which the step at the beginning is spread: 2 ms.
const SPREAD: usize = 16;

/// Samples over which made-up audio passes into real audio: 5 ms.
const CROSSFADE: usize = 40;

/// Longest piece of a gap that is filled from both its sides: 20 ms. Further from either side both know too little.
pub const BRIDGE: usize = 160;

/// Fills gaps in one stream of audio.
#[derive(Clone, Debug)]
pub struct Concealer {
    /// Samples in the time of one at 8 kHz, at which all lengths here are counted.
    factor: usize,
    /// The last samples heard, oldest first.
    history: [i16; MAX_FACTOR * HISTORY],
    extension: Extension,
    /// Samples made up since the last real one; 0 while audio is real.
    made_up: usize,
}

impl Default for Concealer {
    fn default() -> Self {
        Self::new()
    }
}

impl Concealer {
    /// A concealer of audio at 8 kHz that has heard silence.
    #[must_use]
    pub const fn new() -> Self {
        Self::at(Rate::Hz8000)
    }

    /// A concealer of audio at this rate that has heard silence.
    #[must_use]
    pub const fn at(rate: Rate) -> Self {
        let factor = rate.factor();
        Self { factor, history: [0; MAX_FACTOR * HISTORY], extension: Extension::silence(factor), made_up: 0 }
    }

    /// Takes note of real audio. When it follows made-up audio its first 5 ms are blended with what would have been
    /// made up next.
    pub fn real(&mut self, samples: &mut [i16]) {
        if self.made_up > 0 {
            let length = CROSSFADE * self.factor;
            for (n, sample) in samples.iter_mut().enumerate().take(length) {
                let weight = (n + 1) as f32 / (length + 1) as f32;
                *sample = round(f32::from(*sample) * weight + self.next() * (1.0 - weight));
            }
            self.made_up = 0;
        }
        self.remember(samples);
    }

    /// Fills `samples` with made-up audio. Silence once 120 ms have been made up in a row.
    pub fn conceal(&mut self, samples: &mut [i16]) {
        self.begin();
        for sample in &mut *samples {
            *sample = round(self.next());
        }
        self.remember(samples);
    }

    /// Fills the end of a gap, at most 20 ms of it, when the audio behind it is known: what came before passes into
    /// what comes. The more there is of `following` the better, up to 35 ms; it is not taken note of.
    pub fn bridge(&mut self, gap: &mut [i16], following: &[i16]) {
        let following = &following[..following.len().min(HISTORY * self.factor)];
        if gap.len() > BRIDGE * self.factor || following.len() < 2 * SHORTEST * self.factor {
            return self.conceal(gap);
        }
        self.begin();
        let mut backwards = [0.0; MAX_FACTOR * HISTORY];
        let backwards = &mut backwards[..following.len()];
        backwards.iter_mut().zip(following.iter().rev()).for_each(|(to, &from)| *to = f32::from(from));
        let after = Extension::of(backwards, self.factor);
        let length = gap.len();
        for (n, sample) in gap.iter_mut().enumerate() {
            let weight = (n + 1) as f32 / (length + 1) as f32;
            *sample = round(self.next() * (1.0 - weight) + after.at(length - 1 - n) * weight);
        }
        self.remember(gap);
        self.made_up = 0;
    }

    /// Says that the next real audio does not continue the last: it is blended in as after made-up audio.
    pub fn cut(&mut self) {
        if self.made_up == 0 {
            self.begin();
            // Counts as having begun without having said anything.
            self.made_up = 1;
        }
    }

    /// Whether what is made up now would still be heard.
    #[must_use]
    pub fn audible(&self) -> bool {
        self.made_up < SILENT * self.factor
    }

    fn begin(&mut self) {
        if self.made_up == 0 {
            let length = HISTORY * self.factor;
            self.extension = Extension::of(&self.history.map(f32::from)[..length], self.factor);
        }
    }

    fn next(&mut self) -> f32 {
        let sample = self.extension.at(self.made_up);
        self.made_up = (self.made_up + 1).min(SILENT * self.factor);
        sample
    }

    fn remember(&mut self, samples: &[i16]) {
        let history = &mut self.history[..HISTORY * self.factor];
        let fresh = &samples[samples.len().saturating_sub(history.len())..];
        history.copy_within(fresh.len().., 0);
        let kept = history.len() - fresh.len();
        history[kept..].copy_from_slice(fresh);
    }
}

/// A stretch of audio continued for as long as one believes it.
#[derive(Clone, Debug)]
struct Extension {
    /// The period repeated.
    period: [f32; MAX_FACTOR * LONGEST],
    length: usize,
    factor: usize,
    /// What the repetition misses of the last real sample.
    step: f32,
}

impl Extension {
    const fn silence(factor: usize) -> Self {
        Self { period: [0.0; MAX_FACTOR * LONGEST], length: LONGEST * factor, factor, step: 0.0 }
    }

    /// What follows `history`, oldest first: at least twice the shortest period.
    fn of(history: &[f32], factor: usize) -> Self {
        let (lag, similarity) = pitch(history, factor);
        let period = if similarity >= VOICED { lag } else { UNVOICED * factor };
        let length = period.min(history.len() * 4 / 5);
        let mut extension = Self { length, ..Self::silence(factor) };
        let end = history.len();
        let period = &mut extension.period[..length];
        period.copy_from_slice(&history[end - length..]);
        // The end of the period passes into what came before its beginning, so that it repeats without a click.
        let join = length / 4;
        let before = &history[end - length - join..end - length];
        for (n, (end, &sample)) in period[length - join..].iter_mut().zip(before).enumerate() {
            let weight = (n + 1) as f32 / (join + 1) as f32;
            *end = *end * (1.0 - weight) + sample * weight;
        }
        extension.step = history[end - 1] - history[end - 1 - length];
        extension
    }

    /// The sample `n` after the last.
    fn at(&self, n: usize) -> f32 {
        let [full, silent, spread] = [FULL, SILENT, SPREAD].map(|samples| samples * self.factor);
        if n >= silent {
            return 0.0;
        }
        let gain = if n < full { 1.0 } else { (silent - n) as f32 / (silent - full) as f32 };
        let spread = if n < spread { (spread - n) as f32 / (spread + 1) as f32 } else { 0.0 };
        (self.period[n % self.length] + self.step * spread) * gain
    }
}

/// The lag at which the newest 20 ms, or what there is of them, are most like what came before, and how like (1 is the
/// same). Looked for at 4 kHz first.
fn pitch(history: &[f32], factor: usize) -> (usize, f32) {
    let step = 2 * factor;
    let mut thinned = [0.0; HISTORY / 2];
    let thinned = &mut thinned[..history.len() / step];
    let summed = history[history.len() % step..].chunks_exact(step);
    thinned.iter_mut().zip(summed).for_each(|(to, samples)| *to = samples.iter().sum());
    let shortest = SHORTEST * factor;
    let longest = (LONGEST * factor).min(history.len() * 2 / 3).max(shortest);
    let (rough, _) = most_similar(thinned, SHORTEST / 2, longest / step, WINDOW / 2, 0.02);
    let (rough, around) = (step * rough, step + 1);
    let from = rough.saturating_sub(around).max(shortest);
    most_similar(history, from, (rough + around).min(longest), WINDOW * factor, 0.0)
}

/// The lag from `shortest` to `longest` with the greatest similarity. A multiple of the period is as similar: a longer
/// lag has to be better by `margin`.
fn most_similar(history: &[f32], shortest: usize, longest: usize, window: usize, margin: f32) -> (usize, f32) {
    let mut best = (longest, 0.0);
    let window = window.min(history.len() - longest);
    let newest = &history[history.len() - window..];
    let own = dot(newest, newest);
    for lag in shortest..=longest {
        let before = &history[history.len() - window - lag..history.len() - lag];
        let similarity = dot(newest, before) / (own * dot(before, before)).sqrt().max(1.0);
        if similarity > best.1 + margin {
            best = (lag, similarity);
        }
    }
    best
}

const _: () = assert!(HISTORY > LONGEST + LONGEST / 4, "the join reaches before the period");

fn round(sample: f32) -> i16 {
    sample.round().clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FRAME_8K;
    use crate::level::rms_dbfs;

    /// A vowel: harmonics of a slowly gliding pitch under two formants.
    fn vowel(samples: usize) -> Vec<i16> {
        let mut phase = 0.0f32;
        (0..samples)
            .map(|n| {
                let pitch = 110.0 + 15.0 * (n as f32 / 4_000.0).sin();
                phase += pitch / 8_000.0;
                let sum: f32 = (1..=25)
                    .map(|k| {
                        let hertz = pitch * k as f32;
                        let formant = |centre: f32| 1.0 / (1.0 + ((hertz - centre) / 120.0).powi(2));
                        (formant(600.0) + 0.5 * formant(1_200.0)) * (std::f32::consts::TAU * phase * k as f32).sin()
                    })
                    .sum();
                round(sum * 6_000.0)
            })
            .collect()
    }

    /// Plays `signal` with every `every`th frame lost and returns what was heard, with losses filled by `fill`.
    fn with_losses(signal: &[i16], every: usize, repeat: bool) -> Vec<i16> {
        let mut concealer = Concealer::new();
        let mut heard = Vec::new();
        for (n, frame) in signal.chunks_exact(FRAME_8K).enumerate() {
            let mut frame = frame.to_vec();
            let lost = n % every == every - 1;
            match (lost, repeat) {
                (false, true) => concealer.real(&mut frame),
                (true, true) => concealer.conceal(&mut frame),
                (true, false) => frame.fill(0),
                (false, false) => {}
            }
            heard.extend(frame);
        }
        heard
    }

    fn snr_db(signal: &[i16], heard: &[i16]) -> f32 {
        let power = |it: &mut dyn Iterator<Item = f32>| it.map(|x| x * x).sum::<f32>();
        let own = power(&mut signal.iter().map(|&x| f32::from(x)));
        let error = power(&mut signal.iter().zip(heard).map(|(&a, &b)| f32::from(a) - f32::from(b)));
        10.0 * (own / error).log10()
    }

    #[test]
    fn a_vowel_with_losses_is_nearer_to_the_truth_than_with_holes() {
        let signal = vowel(16_000);
        let zeros = snr_db(&signal, &with_losses(&signal, 10, false));
        let repeated = snr_db(&signal, &with_losses(&signal, 10, true));
        assert!((zeros - 10.0).abs() < 1.0, "a tenth is missing: {zeros} dB");
        assert!(repeated > zeros + 5.0, "repetition {repeated} dB, zeros {zeros} dB");
    }

    #[test]
    fn the_level_does_not_dip_in_a_short_loss() {
        let signal = vowel(16_000);
        let heard = with_losses(&signal, 10, true);
        for (n, frame) in heard.chunks_exact(FRAME_8K).enumerate().skip(10) {
            let dip = rms_dbfs(&signal[n * FRAME_8K..][..FRAME_8K]) - rms_dbfs(frame);
            assert!(dip.abs() < 3.0, "frame {n} is {dip} dB under the signal");
        }
    }

    #[test]
    fn joins_make_no_step_larger_than_the_signal_itself() {
        let signal = vowel(16_000);
        let steepest = |samples: &[i16]| {
            samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
        };
        let own = steepest(&signal);
        assert!(steepest(&with_losses(&signal, 10, true)) < own + own / 4);
    }

    #[test]
    fn a_gap_is_nearer_to_the_truth_when_the_audio_behind_it_is_known() {
        let signal = vowel(16_000);
        let mut concealer = Concealer::new();
        let mut heard = signal.clone();
        for n in 0..100 {
            let (before, rest) = heard[n * FRAME_8K..].split_at_mut(FRAME_8K);
            if n % 10 == 9 && n < 99 {
                concealer.bridge(before, rest);
                assert!(concealer.audible());
            } else {
                concealer.real(before);
            }
        }
        let (bridged, repeated) = (snr_db(&signal, &heard), snr_db(&signal, &with_losses(&signal, 10, true)));
        assert!(bridged > repeated + 3.0, "{bridged} dB, {repeated} dB from one side");
        // What lies behind is as it was.
        assert_eq!(heard[10 * FRAME_8K..11 * FRAME_8K], signal[10 * FRAME_8K..11 * FRAME_8K]);
    }

    #[test]
    fn with_little_behind_it_a_gap_is_filled_from_before() {
        let signal = vowel(3_200);
        let fill = |following: &[i16]| {
            let mut concealer = Concealer::new();
            concealer.real(&mut signal.clone());
            let mut gap = [0; FRAME_8K];
            concealer.bridge(&mut gap, following);
            gap
        };
        let mut concealer = Concealer::new();
        concealer.real(&mut signal.clone());
        let mut gap = [0; FRAME_8K];
        concealer.conceal(&mut gap);
        assert_eq!(fill(&[]), gap);
        assert_eq!(fill(&signal[..2 * SHORTEST - 1]), gap);
        for length in 2 * SHORTEST..600 {
            assert!(fill(&signal[..length]).iter().any(|&sample| sample != 0), "{length}");
        }
    }

    #[test]
    fn a_long_loss_fades_to_silence_within_a_hundred_and_twenty_milliseconds() {
        let mut concealer = Concealer::new();
        for frame in vowel(1_600).chunks_exact_mut(FRAME_8K) {
            concealer.real(frame);
        }
        let mut gap = [0; 1_280];
        concealer.conceal(&mut gap);
        assert!(rms_dbfs(&gap[..80]) > rms_dbfs(&gap[320..480]), "it fades");
        assert!(rms_dbfs(&gap[480..640]) > rms_dbfs(&gap[800..960]) + 3.0);
        assert!(gap[SILENT..].iter().all(|&sample| sample == 0));
        assert!(!concealer.audible());
    }

    #[test]
    fn silence_is_concealed_by_silence_and_a_full_scale_square_does_not_wrap() {
        let mut concealer = Concealer::new();
        let mut gap = [1; 320];
        concealer.conceal(&mut gap);
        assert_eq!(gap, [0; 320]);

        let mut square: Vec<i16> = (0..800).map(|n| if n / 37 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        concealer.real(&mut square);
        concealer.conceal(&mut gap);
        assert!(rms_dbfs(&gap[..80]) > -3.0);
    }
}
