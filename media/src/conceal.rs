//! Audio made up where packets are missing.
//!
//! The last pitch period is repeated, as ITU-T G.711 appendix I does, at full level for 10 ms and then fading to silence
//! at 60 ms: a vowel goes on for as long as one believes it, and nothing buzzes after that. Unlike the appendix nothing
//! is delayed to overlap the join; its step is spread over the first samples instead.

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

/// Samples at full level, and after which there is silence: 10 and 60 ms.
const FULL: usize = 80;
const SILENT: usize = 480;

/// Samples over which the step at the beginning is spread: 2 ms.
const SPREAD: usize = 16;

/// Samples over which made-up audio passes into real audio: 5 ms.
const CROSSFADE: usize = 40;

/// Fills gaps in one stream of 8 kHz audio.
#[derive(Clone, Debug)]
pub struct Concealer {
    /// The last real samples, oldest first.
    history: [i16; HISTORY],
    /// The period repeated.
    period: [i16; LONGEST],
    length: usize,
    /// Samples made up since the last real one; 0 while audio is real.
    made_up: usize,
    /// What the repetition misses of the last real sample.
    step: f32,
}

impl Default for Concealer {
    fn default() -> Self {
        Self::new()
    }
}

impl Concealer {
    /// A concealer that has heard silence.
    #[must_use]
    pub const fn new() -> Self {
        Self { history: [0; HISTORY], period: [0; LONGEST], length: LONGEST, made_up: 0, step: 0.0 }
    }

    /// Takes note of real audio. When it follows made-up audio its first 5 ms are blended with what would have been
    /// made up next.
    pub fn real(&mut self, samples: &mut [i16]) {
        if self.made_up > 0 {
            for (n, sample) in samples.iter_mut().enumerate().take(CROSSFADE) {
                let weight = (n + 1) as f32 / (CROSSFADE + 1) as f32;
                *sample = round(f32::from(*sample) * weight + self.next() * (1.0 - weight));
            }
            self.made_up = 0;
        }
        self.remember(samples);
    }

    /// Fills `samples` with made-up audio. Silence once 60 ms have been made up in a row.
    pub fn conceal(&mut self, samples: &mut [i16]) {
        if self.made_up == 0 {
            self.begin();
        }
        for sample in samples {
            *sample = round(self.next());
        }
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
        self.made_up < SILENT
    }

    fn begin(&mut self) {
        let (lag, similarity) = self.pitch();
        self.length = if similarity >= VOICED { lag } else { UNVOICED };
        let newest = &self.history[HISTORY - self.length..];
        self.period[..self.length].copy_from_slice(newest);
        // The end of the period passes into what came before its beginning, so that it repeats without a click.
        let join = self.length / 4;
        let before = &self.history[HISTORY - self.length - join..HISTORY - self.length];
        for (n, &sample) in before.iter().enumerate() {
            let weight = (n + 1) as f32 / (join + 1) as f32;
            let end = &mut self.period[self.length - join + n];
            *end = round(f32::from(*end) * (1.0 - weight) + f32::from(sample) * weight);
        }
        self.step = f32::from(self.history[HISTORY - 1]) - f32::from(self.history[HISTORY - 1 - self.length]);
    }

    fn next(&mut self) -> f32 {
        let n = self.made_up;
        self.made_up = (n + 1).min(SILENT + self.length);
        if n >= SILENT {
            return 0.0;
        }
        let gain = if n < FULL { 1.0 } else { (SILENT - n) as f32 / (SILENT - FULL) as f32 };
        let spread = if n < SPREAD { (SPREAD - n) as f32 / (SPREAD + 1) as f32 } else { 0.0 };
        (f32::from(self.period[n % self.length]) + self.step * spread) * gain
    }

    /// The lag at which the newest 20 ms are most like what came before, and how like (1 is the same).
    fn pitch(&self) -> (usize, f32) {
        let history = self.history.map(f32::from);
        let newest = &history[HISTORY - WINDOW..];
        let own = dot(newest, newest);
        let mut energy = own;
        let mut best = (UNVOICED, 0.0);
        for lag in 1..=LONGEST {
            let from = HISTORY - WINDOW - lag;
            energy += history[from] * history[from] - history[from + WINDOW] * history[from + WINDOW];
            if lag < SHORTEST {
                continue;
            }
            let similarity = dot(newest, &history[from..from + WINDOW]) / (own * energy.max(0.0)).sqrt().max(1.0);
            // A multiple of the period is as similar; the shortest within 2 % is the period.
            if similarity > best.1 + 0.02 {
                best = (lag, similarity);
            }
        }
        best
    }

    fn remember(&mut self, samples: &[i16]) {
        let fresh = &samples[samples.len().saturating_sub(HISTORY)..];
        self.history.copy_within(fresh.len().., 0);
        self.history[HISTORY - fresh.len()..].copy_from_slice(fresh);
    }
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
    fn a_long_loss_fades_to_silence_within_sixty_milliseconds() {
        let mut concealer = Concealer::new();
        for frame in vowel(1_600).chunks_exact_mut(FRAME_8K) {
            concealer.real(frame);
        }
        let mut gap = [0; 640];
        concealer.conceal(&mut gap);
        assert!(rms_dbfs(&gap[..80]) > rms_dbfs(&gap[160..320]), "it fades");
        assert!(rms_dbfs(&gap[160..320]) > rms_dbfs(&gap[320..480]) + 3.0);
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
