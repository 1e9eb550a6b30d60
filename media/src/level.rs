//! Loudness of samples.

/// What [`rms_dbfs`] says of digital silence.
pub const SILENCE_DBFS: f32 = -96.0;

/// Root mean square level in dB relative to full scale, where a constant ±32,768 is 0 dBFS (a full-scale sine is
/// −3 dBFS). Digital silence and an empty slice are [`SILENCE_DBFS`], the lowest value returned.
#[must_use]
pub fn rms_dbfs(samples: &[i16]) -> f32 {
    let power: i64 = samples.iter().map(|&sample| i64::from(sample) * i64::from(sample)).sum();
    if power == 0 {
        return SILENCE_DBFS;
    }
    let mean = power as f32 / samples.len() as f32;
    (10.0 * (mean / (32_768.0 * 32_768.0)).log10()).max(SILENCE_DBFS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_known_signals() {
        assert_eq!(rms_dbfs(&[]), SILENCE_DBFS);
        assert_eq!(rms_dbfs(&[0; 160]), SILENCE_DBFS);
        assert!(rms_dbfs(&[i16::MIN; 160]).abs() < 0.001);
        assert!((rms_dbfs(&[16_384; 160]) + 6.02).abs() < 0.01);
        let sine: Vec<i16> =
            (0..800).map(|n| ((f64::from(n) * 0.1 * std::f64::consts::PI).sin() * 32_767.0) as i16).collect();
        assert!((rms_dbfs(&sine) + 3.01).abs() < 0.02);
    }
}
