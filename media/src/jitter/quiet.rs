//! What is quiet on a line.

/// The level of the line when nobody speaks.
#[derive(Debug)]
pub(super) struct NoiseFloor {
    dbfs: f32,
}

impl Default for NoiseFloor {
    fn default() -> Self {
        Self { dbfs: Self::ALWAYS_QUIET }
    }
}

impl NoiseFloor {
    /// Under this everything is quiet, over the other nothing.
    const ALWAYS_QUIET: f32 = -60.0;
    const NEVER_QUIET: f32 = -35.0;

    /// What a frame may lie above the floor.
    const MARGIN: f32 = 4.0;

    /// How fast the floor rises to meet a louder line: 1 dB a second.
    const RISE: f32 = 0.02;

    pub(super) fn note(&mut self, dbfs: f32) {
        self.dbfs = (self.dbfs + Self::RISE).min(dbfs);
    }

    pub(super) fn is_quiet(&self, dbfs: f32) -> bool {
        dbfs < (self.dbfs + Self::MARGIN).clamp(Self::ALWAYS_QUIET, Self::NEVER_QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_is_what_is_near_the_noise_of_the_line() {
        let mut noise = NoiseFloor::default();
        assert!(noise.is_quiet(-96.0) && !noise.is_quiet(-50.0));
        // Ten seconds of a line that hisses at -50 dBFS, and one of speech.
        (0..600).for_each(|_| noise.note(-50.0));
        assert!(noise.is_quiet(-47.0) && !noise.is_quiet(-45.0));
        (0..50).for_each(|_| noise.note(-20.0));
        assert!(noise.is_quiet(-47.0) && !noise.is_quiet(-40.0));
        // However loud the line, speech is not quiet.
        (0..10_000).for_each(|_| noise.note(-10.0));
        assert!(!noise.is_quiet(-34.0));
    }
}
