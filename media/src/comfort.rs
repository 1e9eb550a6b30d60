//! Comfort noise (RFC 3389): what a line sounds like while its peer sends nothing.

/// Most coefficients of the spectrum that are used; the lower ones say most.
const ORDER: usize = 10;

/// The noise a peer describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noise {
    /// Level under the overload point, in dB: 0 to 127.
    level: u8,
    /// Reflection coefficients as they came; 127 stands for none.
    spectrum: [u8; ORDER],
}

impl Noise {
    /// Reads a payload (section 3). An empty one describes nothing.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let (&level, spectrum) = payload.split_first()?;
        let mut noise = Self { level: level & 0x7f, spectrum: [127; ORDER] };
        noise.spectrum.iter_mut().zip(spectrum).for_each(|(to, from)| *to = (*from).min(254));
        Some(noise)
    }
}

/// Makes noise of one stream.
#[derive(Clone, Debug)]
pub(crate) struct ComfortNoise {
    random: u32,
    /// Backward errors of the lattice.
    memory: [f32; ORDER],
}

impl Default for ComfortNoise {
    fn default() -> Self {
        Self { random: 0x2545_f491, memory: [0.0; ORDER] }
    }
}

impl ComfortNoise {
    /// Fills `samples` with noise of this level and spectrum.
    pub(crate) fn fill(&mut self, noise: &Noise, samples: &mut [i16]) {
        // Section 3.2: coefficients are whole 127ths, nearly.
        let spectrum = noise.spectrum.map(|index| (f32::from(index) - 127.0) * 258.0 / 32_768.0);
        // What the filter adds to the power of white noise is taken out of its source.
        let gain: f32 = spectrum.iter().map(|k| 1.0 - k * k).product::<f32>().sqrt();
        let level = 32_768.0 * 10f32.powf(-f32::from(noise.level) / 20.0);
        // Even draws from -1 to 1 have a third of the power of their square.
        let loudness = level * gain * 3f32.sqrt();
        for sample in samples {
            let mut forward = self.draw() * loudness;
            for stage in (0..ORDER).rev() {
                let backward = self.memory[stage];
                forward -= spectrum[stage] * backward;
                if let Some(next) = self.memory.get_mut(stage + 1) {
                    *next = backward + spectrum[stage] * forward;
                }
            }
            self.memory[0] = forward;
            *sample = forward.round().clamp(-32_768.0, 32_767.0) as i16;
        }
    }

    /// From -1 to 1. Nobody can hear that it is not random.
    fn draw(&mut self) -> f32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random.cast_signed() as f32 / 2_147_483_648.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::rms_dbfs;

    fn of(payload: &[u8]) -> Vec<i16> {
        let noise = Noise::parse(payload).expect("a description");
        let mut samples = vec![0; 16_000];
        ComfortNoise::default().fill(&noise, &mut samples);
        samples
    }

    /// How like a signal is to itself one sample later.
    fn slope(samples: &[i16]) -> f32 {
        let product = |lag: usize| -> f32 {
            samples[lag..].iter().zip(samples).map(|(a, b)| f32::from(*a) * f32::from(*b)).sum()
        };
        product(1) / product(0)
    }

    #[test]
    fn noise_has_the_level_that_was_said() {
        for level in [20, 40, 60] {
            let heard = rms_dbfs(&of(&[level]));
            assert!((heard + f32::from(level)).abs() < 0.5, "{level}: {heard}");
        }
        assert_eq!(of(&[127 | 0x80])[..100], [0; 100], "the upper bit says nothing, and this is silence");
        assert_eq!(Noise::parse(&[]), None);
    }

    #[test]
    fn noise_has_the_spectrum_that_was_said() {
        // A first coefficient of k makes neighbours alike by -k.
        for (index, k) in [(127, 0.0), (27, -0.787), (227, 0.787)] {
            let noise = of(&[30, index]);
            assert!((slope(&noise) + k).abs() < 0.05, "{index}: {}", slope(&noise));
            assert!((rms_dbfs(&noise) + 30.0).abs() < 0.7, "{index}: {}", rms_dbfs(&noise));
        }
        // Any coefficients at all: loud, but neither without bound nor silent.
        let wild = of(&[10, 254, 0, 255, 3, 250, 0, 254, 1, 254, 0, 9, 9, 9]);
        assert!(wild.iter().any(|sample| *sample != 0));
    }
}
